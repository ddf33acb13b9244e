// SPDX-License-Identifier: GPL-2.0-only
// Who has been killed invalidates all the same, and waits where no kill helps.
//
// Change: 0018
// Site: fs/fuse/inode.c fuse_reverse_inval_inode 1
// Killed-by: notify_inval_killed

@@
identifier err;
@@
- if (!err)
- 	invalidate_inode_pages2_range(
+ 	invalidate_inode_pages2_range(
  		...);
