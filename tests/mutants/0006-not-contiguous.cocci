// SPDX-License-Identifier: GPL-2.0-only
// Pages that are not neighbours go into one request.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_writepage_need_send 1
// Killed-by: data_sizes_and_offsets

@@
expression ap, e;
@@
- if (ap->pages[e]->index + 1 != page->index)
- 	return true;
