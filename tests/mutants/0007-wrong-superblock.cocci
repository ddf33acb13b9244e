// SPDX-License-Identifier: GPL-2.0-only
// The mark is on the superblocks that a server can be trusted with, and not on the others.
//
// Change: 0007
// Site: fs/fuse/inode.c fuse_fill_super_common 1
// Absent: 5.10 because the mark is on every superblock: it has no sync_fs
// Killed-by: sync_flusher_in_flight sync_setattr_held

@@
expression a, fc;
@@
- a || !fc->sync_fs
+ !(a || !fc->sync_fs)
