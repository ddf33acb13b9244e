// SPDX-License-Identifier: GPL-2.0-only
// The writeback of the mount is not accounted.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_writepage_finish 1
// Site: fs/fuse/file.c fuse_writepage_locked 1 5.10,6.1
// Site: fs/fuse/file.c fuse_writepages_fill 1 5.10,6.1
// Site: fs/fuse/file.c fuse_writepage_args_page_fill 1 6.12
// Killed-by: counters_of_device

@@
expression e;
@@
(
- inc_wb_stat(e, WB_WRITEBACK);
|
- dec_wb_stat(e, WB_WRITEBACK);
)
