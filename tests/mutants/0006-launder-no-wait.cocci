// SPDX-License-Identifier: GPL-2.0-only
// The page is not waited for after it has been written to be invalidated.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_launder_page|fuse_launder_folio 1
// Killed-by: notify_inval_waits

@@
expression p;
@@
- if (!err)
(
- 	wait_on_page_writeback(p);
|
- 	folio_wait_writeback(p);
)
