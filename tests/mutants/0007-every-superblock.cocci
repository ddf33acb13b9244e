// SPDX-License-Identifier: GPL-2.0-only
// sync(2) waits for the data of no file system.
//
// Change: 0007
// Site: fs/sync.c sync_inodes_one_sb 1
// Killed-by: others_sync

@@
expression sb;
@@
- sb->s_iflags & SB_I_NO_DATA_INTEGRITY
+ 1
