// SPDX-License-Identifier: GPL-2.0-only
// A lock that may block is waited for.
//
// Change: 0013
// Site: mm/internal.h folio_lock_may_block|page_lock_may_block 1
// Killed-by: move_pages_locked offline_locked soft_offline_locked

@@
identifier flagged =~ "^mapping_writeback_may_";
@@
- ret = mapping && flagged(mapping);
+ ret = false;
