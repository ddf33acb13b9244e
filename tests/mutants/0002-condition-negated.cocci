// SPDX-License-Identifier: GPL-2.0-only
// Reclaim waits for the mappings that have the flag, and not for others.
//
// Change: 0002
// Site: mm/vmscan.c shrink_page_list|shrink_folio_list 1
// Killed-by: memcg_server_at_limit

@@
@@
- mapping_writeback_may_block(mapping)
+ !mapping_writeback_may_block(mapping)
