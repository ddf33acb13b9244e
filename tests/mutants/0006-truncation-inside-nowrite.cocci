// SPDX-License-Identifier: GPL-2.0-only
// An O_TRUNC open truncates while nothing may be sent: it waits for pages that wait for it.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_open_common 1 5.10,6.1
// Site: fs/fuse/file.c fuse_open 1 6.12
// Killed-by: open_trunc_in_flight

@@
expression c;
@@
+ if (!err && (file->f_flags & O_TRUNC))
+ 	truncate_pagecache(inode, 0);
  if (c)
  fuse_release_nowrite(inode);
