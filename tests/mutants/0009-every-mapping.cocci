// SPDX-License-Identifier: GPL-2.0-only
// Soft offline and memory failure call the writeback of every file system busy.
//
// Change: 0009
// Site: mm/memory-failure.c folio_writeback_may_block|page_writeback_may_block 1
// Killed-by: others_pages

@@
identifier flagged =~ "^mapping_writeback_may_";
@@
- return flagged(mapping);
+ return true;
