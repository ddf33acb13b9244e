// SPDX-License-Identifier: GPL-2.0-only
// Only the first page of a request ever ends writeback.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_writepage_finish 1
// Killed-by: data_sizes_and_offsets

@@
expression ap;
@@
- i < ap->num_pages
+ i < 1
