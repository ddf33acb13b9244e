// SPDX-License-Identifier: GPL-2.0-only
// Writeback ends before the error is recorded.
// The gap is made wide: whoever was waiting asks for errors in it.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_writepage_end 2
// Killed-by: fsync_waits_and_reports_eio close_waits_and_reports_eio

@@
expression inode, error;
identifier wpa;
@@
- mapping_set_error(inode->i_mapping, error);
  ...
  fuse_writepage_finish(...);
  spin_unlock(&fi->lock);
+ if (error) {
+ 	schedule_timeout_uninterruptible(HZ / 5);
+ 	mapping_set_error(inode->i_mapping, error);
+ }
  fuse_writepage_free(wpa);
