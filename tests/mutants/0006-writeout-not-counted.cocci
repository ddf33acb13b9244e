// SPDX-License-Identifier: GPL-2.0-only
// The end of writeback does not count for the bandwidth of the mount.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_writepage_finish 1
// Killed-by: counters_of_device

@@
expression e;
@@
- wb_writeout_inc(e);
