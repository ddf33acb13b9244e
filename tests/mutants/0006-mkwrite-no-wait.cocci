// SPDX-License-Identifier: GPL-2.0-only
// A store to a page in flight does not wait: the request changes under way.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_page_mkwrite 1
// Killed-by: data_store_in_flight

@@
@@
- wait_on_page_writeback(page);
