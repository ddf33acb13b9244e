// SPDX-License-Identifier: GPL-2.0-only
// With lazytime the times are not sent before the call returns.
//
// Change: 0019
// Site: fs/fuse/dir.c fuse_flush_time_update 1
// Killed-by: times_sent_lazytime

@@
@@
- I_DIRTY_INODE | I_DIRTY_TIME
+ I_DIRTY_INODE
