// SPDX-License-Identifier: GPL-2.0-only
// The times of a file that somebody is writing back are left to him, who has sent them already.
//
// Change: 0019
// Site: fs/fuse/dir.c fuse_flush_time_update 1
// Killed-by: times_sent_during_close

@@
expression inode;
@@
- inode->i_state & (I_DIRTY_INODE | I_DIRTY_TIME)
+ 0
