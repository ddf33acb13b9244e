// SPDX-License-Identifier: GPL-2.0-only
// Every inode of every file system has the flag: nobody waits for any writeback.
//
// Change: 0001
// Site: fs/inode.c inode_init_always|inode_init_always_gfp 1
// Killed-by: others_pages

@@
@@
  mapping->flags = 0;
+ set_bit(AS_WRITEBACK_MAY_BLOCK, &mapping->flags);
