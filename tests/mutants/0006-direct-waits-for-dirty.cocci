// SPDX-License-Identifier: GPL-2.0-only
// O_DIRECT waits for pages that are only dirty, as posted.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_range_is_writeback 1
// Absent: 5.10 because it has no filemap_range_has_writeback()
// Killed-by: none

@@
typedef loff_t;
@@
- return xa_find(...);
+ return filemap_range_has_writeback(mapping, (loff_t)idx_from << PAGE_SHIFT, ((loff_t)idx_to << PAGE_SHIFT) + PAGE_SIZE - 1);
