// SPDX-License-Identifier: GPL-2.0-only
// Writeback of each page of a request is ended twice.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_writepage_finish 1
// Killed-by: fsync_waits_and_reports_eio

@@
expression p;
@@
  end_page_writeback(p);
+ end_page_writeback(p);
