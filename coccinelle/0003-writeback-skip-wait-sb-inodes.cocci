// SPDX-License-Identifier: GPL-2.0-only
// Keeps sync(2) and syncfs(2) from waiting for writeback that may block.
//
// Looks in wait_sb_inodes() for the test of the writeback tag that lets it go
// on to the next inode.  The inode is back on sb->s_inodes_wb by then and the
// list lock is held, so that going on is safe for a flagged mapping too.
//
// Site: fs/fs-writeback.c wait_sb_inodes 1 tagged

@tagged@
expression mapping;
position p;
@@
 wait_sb_inodes(...)
 {
 <...
 		if (!mapping_tagged@p(mapping, PAGECACHE_TAG_WRITEBACK))
 			continue;
+
+		/*
+		 * Nobody has promised that this writeback ends.  Whoever wants
+		 * the data to be safe calls fsync(2).
+		 */
+		if (mapping_writeback_may_block(mapping))
+			continue;
 ...>
 }

@script:python@
p << tagged.p;
@@
coccilib.report.print_report(p[0], "site: tagged in %s" % p[0].current_element)
