// SPDX-License-Identifier: GPL-2.0-only
// Writeback ends after the request has given back its reference to the file, and itself.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_writepage_end 2
// Killed-by: last_reference_in_flight

@@
identifier wpa;
@@
+ fuse_writepage_free(wpa);
  spin_lock(&fi->lock);
  ...
  spin_unlock(&fi->lock);
- fuse_writepage_free(wpa);
