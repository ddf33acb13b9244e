// SPDX-License-Identifier: GPL-2.0-only
// No FUSE superblock has the mark.
//
// Change: 0007
// Site: fs/fuse/inode.c fuse_fill_super_common 1
// Killed-by: sync_flusher_in_flight sync_setattr_held

@@
expression sb;
@@
- sb->s_iflags |= SB_I_NO_DATA_INTEGRITY;
+ ;
