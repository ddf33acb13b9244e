// SPDX-License-Identifier: GPL-2.0-only
// The page stays clean, and somebody hears of an error: fsync(2), of data that could have been sent.
//
// Change: 0017
// Site: fs/fuse/file.c fuse_writepages_fill 1
// Killed-by: request_fails_once

@@
expression e;
@@
(
- folio_redirty_for_writepage(wbc, e);
+ mapping_set_error(data->inode->i_mapping, -ENOMEM);
|
- redirty_page_for_writepage(wbc, e);
+ mapping_set_error(data->inode->i_mapping, -ENOMEM);
)
