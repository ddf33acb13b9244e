// SPDX-License-Identifier: GPL-2.0-only
// The inode is skipped before it has left the list: the loop never ends.
//
// Change: 0003
// Site: fs/fs-writeback.c wait_sb_inodes 2
// Killed-by: syncfs_hung_server

@@
identifier mapping;
expression a, b;
@@
+ if (mapping_writeback_may_block(mapping))
+ 	continue;
  list_move_tail(a, b);
  if (!mapping_tagged(mapping, PAGECACHE_TAG_WRITEBACK))
  	continue;
- if (mapping_writeback_may_block(mapping))
- 	continue;
