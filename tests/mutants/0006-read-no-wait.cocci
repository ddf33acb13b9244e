// SPDX-License-Identifier: GPL-2.0-only
// A page is read again while it is in flight.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_do_readpage 1
// Killed-by: reread_in_flight

@@
@@
- wait_on_page_writeback(page);
