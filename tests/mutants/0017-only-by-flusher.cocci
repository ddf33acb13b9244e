// SPDX-License-Identifier: GPL-2.0-only
// The page is dirty again only for the flusher: what fsync(2) cannot send is lost.
//
// Change: 0017
// Site: fs/fuse/file.c fuse_writepages_fill 1
// Killed-by: allocations_fail request_fails_once

@@
expression e;
@@
(
+ if (wbc->sync_mode == WB_SYNC_NONE)
  folio_redirty_for_writepage(wbc, e);
|
+ if (wbc->sync_mode == WB_SYNC_NONE)
  redirty_page_for_writepage(wbc, e);
)
