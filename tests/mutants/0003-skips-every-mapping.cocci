// SPDX-License-Identifier: GPL-2.0-only
// syncfs(2) and sync(2) wait for the data of no file system.
//
// Change: 0003
// Site: fs/fs-writeback.c wait_sb_inodes 1
// Killed-by: others_sync

@@
@@
- if (mapping_writeback_may_block(mapping))
+ if (1)
  	continue;
