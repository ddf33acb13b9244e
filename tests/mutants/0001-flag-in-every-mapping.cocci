// SPDX-License-Identifier: GPL-2.0-only
// Every inode of every file system has the flag: nobody waits for any writeback.
//
// Change: 0001
// Site: fs/inode.c inode_init_always|inode_init_always_gfp 1
// Killed-by: others_pages

@@
expression inode;
@@
  mapping->host = inode;
+ set_bit(AS_WRITEBACK_MAY_BLOCK, &mapping->flags);
