// SPDX-License-Identifier: GPL-2.0-only
// NR_WRITEBACK counts each page twice, as posted.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_writepage_finish 1
// Site: fs/fuse/file.c fuse_writepage_locked 1 5.10,6.1
// Site: fs/fuse/file.c fuse_writepages_fill 1 5.10,6.1
// Site: fs/fuse/file.c fuse_writepage_args_page_fill 1 6.12
// Killed-by: no_temporary_pages

@@
@@
+ dec_node_page_state(ap->pages[i], NR_WRITEBACK);
  end_page_writeback(ap->pages[i]);

@@
expression e, i, p;
@@
  ap->pages[i] = p;
  ...
  inc_wb_stat(e, WB_WRITEBACK);
+ inc_node_page_state(ap->pages[i], NR_WRITEBACK);
