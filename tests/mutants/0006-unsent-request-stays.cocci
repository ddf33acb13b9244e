// SPDX-License-Identifier: GPL-2.0-only
// A request that is not sent, because of truncation or an abort, leaves its pages under writeback.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_send_writepage 1
// Killed-by: ftruncate_in_flight abort_wakes_waiters

@@
@@
- fuse_writepage_finish(...);
