// SPDX-License-Identifier: GPL-2.0-only
// An invalidation waits for pages in flight outside its range.
//
// Change: 0018
// Site: fs/fuse/inode.c fuse_reverse_inval_inode 1
// Killed-by: notify_inval_range

@@
expression inode, start, end;
@@
- fuse_wait_writeback_killable(inode->i_mapping, start, end)
+ fuse_wait_writeback_killable(inode->i_mapping, 0, -1)
