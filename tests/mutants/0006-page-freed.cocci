// SPDX-License-Identifier: GPL-2.0-only
// The request frees its pages, which it has no reference to any more.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_writepage_free 2
// Killed-by: data_through_mmap

@@
@@
  struct fuse_args_pages *ap = &wpa->ia.ap;
+ int i;
  ...
+ for (i = 0; i < ap->num_pages; i++)
+ 	__free_page(ap->pages[i]);
  kfree(ap->pages);
