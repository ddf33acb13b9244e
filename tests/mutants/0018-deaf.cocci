// SPDX-License-Identifier: GPL-2.0-only
// The wait before the invalidation cannot be ended by a kill.
//
// Change: 0018
// Site: fs/fuse/inode.c fuse_wait_writeback_killable 1
// Killed-by: notify_inval_killed

@@
expression e;
identifier err;
@@
(
- err = folio_wait_writeback_killable(e);
+ folio_wait_writeback(e);
|
- err = wait_on_page_bit_killable(e, PG_writeback);
+ wait_on_page_writeback(e);
)
