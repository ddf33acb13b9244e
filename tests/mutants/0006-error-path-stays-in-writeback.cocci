// SPDX-License-Identifier: GPL-2.0-only
// A page for which there is no request stays under writeback.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_writepage_locked 1
// Absent: 6.12 because fuse_writepage_locked() begins writeback only when it has the request
// Killed-by: launder_fails_once

@@
@@
- end_page_writeback(page);
