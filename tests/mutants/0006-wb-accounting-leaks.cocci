// SPDX-License-Identifier: GPL-2.0-only
// What has been accounted as writeback of the mount stays so for ever.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_writepage_finish 1
// Killed-by: counters_of_device

@@
expression e;
@@
- dec_wb_stat(e, WB_WRITEBACK);
