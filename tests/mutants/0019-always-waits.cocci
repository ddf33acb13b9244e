// SPDX-License-Identifier: GPL-2.0-only
// The times are sent without waiting for data, and then it is waited for all the same.
//
// Change: 0019
// Site: fs/fuse/dir.c fuse_flush_time_update 1
// Killed-by: rename_in_flight_prompt link_in_flight_prompt unlink_in_flight_prompt setxattr_in_flight_prompt fallocate_in_flight_prompt fallocate_in_flight

@@
expression inode;
@@
- inode->i_state & (I_DIRTY_INODE | I_DIRTY_TIME)
+ 1
