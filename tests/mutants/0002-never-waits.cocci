// SPDX-License-Identifier: GPL-2.0-only
// Reclaim waits for no writeback at all, whoever has it in hand.
//
// Change: 0002
// Site: mm/vmscan.c shrink_page_list|shrink_folio_list 1
// Killed-by: memcg_other_waits

@@
@@
- (mapping && mapping_writeback_may_block(mapping))
+ 1
