// SPDX-License-Identifier: GPL-2.0-only
// O_DIRECT does not see the pages in flight.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_range_is_writeback 1
// Killed-by: fopen_direct_io_in_flight

@@
@@
- return xa_find(...);
+ return false;
