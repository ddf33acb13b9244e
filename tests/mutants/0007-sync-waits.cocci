// SPDX-License-Identifier: GPL-2.0-only
// sync(2) waits for FUSE.
//
// Change: 0007
// Site: fs/sync.c sync_inodes_one_sb 1
// Reverts: 0007
// Killed-by: sync_flusher_in_flight sync_setattr_held

@@
expression sb;
@@
- sb->s_iflags & SB_I_NO_DATA_INTEGRITY
+ 0
