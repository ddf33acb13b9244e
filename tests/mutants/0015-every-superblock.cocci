// SPDX-License-Identifier: GPL-2.0-only
// A superblock of any file system is left out when its lock is taken.
//
// Change: 0015
// Site: fs/super.c super_lock_to_iterate 1
// Killed-by: others_sync_remount

@@
expression sb;
@@
- sb->s_iflags & SB_I_NO_DATA_INTEGRITY
+ 1
