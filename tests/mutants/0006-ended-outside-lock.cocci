// SPDX-License-Identifier: GPL-2.0-only
// Writeback ends after fi->lock was dropped, as posted.
//
// Change: 0006
// Site: fs/fuse/file.c fuse_writepage_end 2
// Equivalent: the lock orders nothing that anybody can see but speed: whoever waits for
//	a page waits for PG_writeback, which ends after the error was recorded and
//	before the reference to the file is given back, as before; whoever waits
//	in fuse_set_nowrite() may go on a little earlier, and what it does then,
//	truncation, waits for PG_writeback itself.  wake_up() still comes after
//	writectr has changed.

@fm@
expression a, b;
@@
(
- fuse_writepage_finish(a, b);
- spin_unlock(&fi->lock);
+ spin_unlock(&fi->lock);
+ fuse_writepage_finish(a, b);
|
- fuse_writepage_finish(b);
- spin_unlock(&fi->lock);
+ spin_unlock(&fi->lock);
+ fuse_writepage_finish(b);
)
