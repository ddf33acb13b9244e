// SPDX-License-Identifier: GPL-2.0-only
// The pages are waited for, and stay in the cache.
//
// Change: 0018
// Site: fs/fuse/inode.c fuse_reverse_inval_inode 1
// Killed-by: notify_inval_range

@@
identifier err;
@@
- if (!err)
- 	invalidate_inode_pages2_range(...);
