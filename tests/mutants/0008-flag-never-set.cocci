// SPDX-License-Identifier: GPL-2.0-only
// The flag is never set.
//
// Change: 0008
// Site: fs/fuse/file.c fuse_init_file_inode 1
// Reverts: 0001
// Killed-by: syncfs_hung_server move_pages_in_flight

@@
identifier set =~ "^mapping_set_(writeback_may_block|writeback_may_deadlock_on_reclaim|no_data_integrity)$";
expression e;
@@
- set(e);
