// SPDX-License-Identifier: GPL-2.0-only
// munmap(2) does not even start writeback.
//
// Change: 0016
// Site: fs/fuse/file.c fuse_vma_close 1 5.10
// Site: fs/fuse/file.c fuse_vma_close 2 6.1,6.12,6.18
// Killed-by: munmap_sends munmap_sends_during_close

@@
expression e;
identifier err;
@@
(
- err = filemap_fdatawrite(e);
+ err = 0;
|
- filemap_fdatawrite(e);
|
- err = write_inode_now(e, 0);
+ err = 0;
)
