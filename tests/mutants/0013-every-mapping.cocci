// SPDX-License-Identifier: GPL-2.0-only
// Nobody who migrates waits for the lock of any page in the cache.
//
// Change: 0013
// Site: mm/internal.h folio_lock_may_block|page_lock_may_block 1
// Killed-by: others_pages

@@
identifier flagged =~ "^mapping_writeback_may_";
@@
- ret = mapping && flagged(mapping);
+ ret = true;
