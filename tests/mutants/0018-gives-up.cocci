// SPDX-License-Identifier: GPL-2.0-only
// An invalidation of pages in flight gives up at once, and nobody was killed.
//
// Change: 0018
// Site: fs/fuse/inode.c fuse_wait_writeback_killable 1
// Killed-by: notify_inval_waits notify_inval_range

@@
expression e;
identifier err;
@@
(
- err = folio_wait_writeback_killable(e);
+ err = -EINTR;
|
- err = wait_on_page_bit_killable(e, PG_writeback);
+ err = -EINTR;
)
