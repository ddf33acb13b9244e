// SPDX-License-Identifier: GPL-2.0-only
// Keeps sync(2) and syncfs(2) from waiting for writeback that may block.
//
// Looks in wait_sb_inodes() for the test of the writeback tag that lets it go
// on to the next inode.  Going on there is safe for a flagged mapping too, if
// the inode is back on sb->s_inodes_wb by then and the lock of the list is still
// held; a tree where it is otherwise is refused.
//
// A tree that does not wait for what cannot promise that data is safe has the
// change already: in wait_sb_inodes() by a flag of the mapping, or in
// sync_inodes_sb() by a flag of the superblock.
//
// Already: fs/fs-writeback.c no_integrity_mapping mapping_no_data_integrity() in wait_sb_inodes()
// Already: fs/fs-writeback.c no_integrity_sb SB_I_NO_DATA_INTEGRITY, which ends sync_inodes_sb() early
// Already: fs/fs-writeback.c may_block_mapping the flag of the mapping, tested in wait_sb_inodes()
// Site: fs/fs-writeback.c wait_sb_inodes 1 tagged

@no_integrity_mapping@
expression mapping;
position p;
@@
 wait_sb_inodes(...)
 {
 <+...
 if (<+... mapping_no_data_integrity@p(mapping) ...+>) continue;
 ...+>
 }

@script:python@
p << no_integrity_mapping.p;
@@
coccilib.report.print_report(p[0], "already: no_integrity_mapping in %s" % p[0].current_element)

@no_integrity_sb@
expression sb;
position p;
@@
 sync_inodes_sb(...)
 {
 <+...
 if (sb->s_iflags@p & SB_I_NO_DATA_INTEGRITY) { ... return; }
 ...+>
 }

@script:python@
p << no_integrity_sb.p;
@@
coccilib.report.print_report(p[0], "already: no_integrity_sb in %s" % p[0].current_element)

@may_block_mapping@
identifier virtual.may_block;
expression mapping;
position p;
@@
 wait_sb_inodes(...)
 {
 <+...
 if (<+... may_block@p(mapping) ...+>) continue;
 ...+>
 }

@script:python@
p << may_block_mapping.p;
@@
coccilib.report.print_report(p[0], "already: may_block_mapping in %s" % p[0].current_element)

@tagged depends on !no_integrity_mapping && !no_integrity_sb && !may_block_mapping@
identifier virtual.may_block;
expression inode, list, mapping;
position p;
@@
 list_move_tail(&inode->i_wb_list, list);
 ... when != spin_unlock(...)
     when != spin_unlock_irq(...)
     when != spin_unlock_irqrestore(...)
     when != mapping = ...
 if (<+... !mapping_tagged@p(mapping, PAGECACHE_TAG_WRITEBACK) ...+>)
 	continue;
+
+/*
+ * Nobody has promised that this writeback ends.  Whoever wants
+ * the data to be safe calls fsync(2).
+ */
+if (may_block(mapping))
+	continue;

@script:python@
p << tagged.p;
@@
coccilib.report.print_report(p[0], "site: tagged in %s" % p[0].current_element)
