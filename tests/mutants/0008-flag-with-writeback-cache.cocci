// SPDX-License-Identifier: GPL-2.0-only
// The flag is set only on mounts with writeback_cache, as posted.
//
// Change: 0008
// Site: fs/fuse/file.c fuse_init_file_inode 1
// Killed-by: syncfs_mmap_no_cache move_pages_mmap_no_cache

@@
identifier set =~ "^mapping_set_writeback_may_(block|deadlock_on_reclaim)$";
expression inode;
@@
- set(&inode->i_data);
+ if (get_fuse_conn(inode)->writeback_cache)
+ 	set(&inode->i_data);
