// SPDX-License-Identifier: GPL-2.0-only
// sync(2) does not even start the writeback of FUSE.
//
// Change: 0007
// Site: fs/sync.c sync_inodes_one_sb 1
// Killed-by: none

@@
@@
- wakeup_flusher_threads_bdi(...);
+ ;
