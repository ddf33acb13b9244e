// SPDX-License-Identifier: GPL-2.0-only
// A write without writeback_cache does not wait for the page in flight, and may be overtaken by it.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_send_write_pages 1
// Killed-by: none

@@
expression e;
@@
- for (i = 0; i < e; i++)
- 	wait_on_page_writeback(...);
