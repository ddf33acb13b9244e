// SPDX-License-Identifier: GPL-2.0-only
// Lets a dirty FUSE folio migrate as it is, instead of being written out first.
//
// Looks for the address space operations of FUSE files.  A tree that has a
// ->writepage there but no migrate operation sends every dirty page that is to
// be moved through ->writepage (fallback migration).
//
//   folio era   (->dirty_folio): ->migrate_folio takes the place of
//               ->writepage; fuse_writepage(), which then has no caller, goes.
//   page era    (->set_page_dirty): ->migratepage is added, ->writepage stays.
//
// A tree that has the operation and no ->writepage has the change already.
//
// Already: fs/fuse/file.c migrates_folios
// Site: fs/fuse/file.c - 1 folio_ops | page_ops
// Site: fs/fuse/file.c fuse_writepage 0-1 drop_writepage

@with_writepage@
identifier fuse_writepage;
symbol fuse_file_aops;
@@
 struct address_space_operations fuse_file_aops = {
 	.writepage = fuse_writepage,
 };

@migrates_folios depends on !with_writepage@
symbol fuse_file_aops, filemap_migrate_folio;
position p;
@@
 struct address_space_operations fuse_file_aops@p = {
 	.migrate_folio = filemap_migrate_folio,
 };

@script:python@
p << migrates_folios.p;
@@
coccilib.report.print_report(p[0], "already: migrates_folios in %s" % p[0].current_element)

@folio_ops@
identifier fuse_writepage;
symbol fuse_file_aops, filemap_dirty_folio;
position p;
@@
 struct address_space_operations fuse_file_aops@p = {
-	.writepage = fuse_writepage,
 	.dirty_folio = filemap_dirty_folio,
+	.migrate_folio = filemap_migrate_folio,
 };

@script:python@
p << folio_ops.p;
@@
coccilib.report.print_report(p[0], "site: folio_ops in %s" % p[0].current_element)

@drop_writepage depends on folio_ops@
identifier folio_ops.fuse_writepage;
position p;
@@
-int fuse_writepage@p(...) { ... }

@script:python@
p << drop_writepage.p;
@@
coccilib.report.print_report(p[0], "site: drop_writepage in %s" % p[0].current_element)

@page_ops@
identifier fuse_writepage;
symbol fuse_file_aops, __set_page_dirty_nobuffers;
position p;
@@
 struct address_space_operations fuse_file_aops@p = {
 	.writepage = fuse_writepage,
 	.set_page_dirty = __set_page_dirty_nobuffers,
+#ifdef CONFIG_MIGRATION
+	.migratepage = migrate_page,
+#endif
 };

// migrate_page() is declared there, and in this era only with CONFIG_MIGRATION.
@page_include depends on page_ops@
@@
 #include <linux/pagemap.h>
+#include <linux/migrate.h>

@script:python@
p << page_ops.p;
@@
coccilib.report.print_report(p[0], "site: page_ops in %s" % p[0].current_element)
