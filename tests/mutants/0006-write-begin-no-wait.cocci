// SPDX-License-Identifier: GPL-2.0-only
// write(2) to a page in flight does not wait: the request changes under way.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_write_begin 1
// Killed-by: data_rewrite_in_flight

@@
expression p;
@@
(
- wait_on_page_writeback(p);
|
- folio_wait_writeback(p);
)
