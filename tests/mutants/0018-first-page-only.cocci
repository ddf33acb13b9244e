// SPDX-License-Identifier: GPL-2.0-only
// Only the first page in flight is waited for so that a kill ends it.
//
// Change: 0018
// Site: fs/fuse/inode.c fuse_wait_writeback_killable 1
// Killed-by: notify_inval_killed

@@
identifier err, index, end;
@@
- !err && index++ < end
+ 0
