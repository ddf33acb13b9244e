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
// In between, ->dirty_folio and ->migratepage lived side by side: struct
// address_space_operations is looked at, and such a tree is refused.
//
// A tree that has the operation and no ->writepage has the change already.
//
// Already: fs/fuse/file.c migrates_folios ->migrate_folio for FUSE files and no ->writepage
// Look: include/linux/fs.h in_between migratepage
// Site: fs/fuse/file.c - 1 folio_ops | page_ops
// Variant: folio_ops folios: ->migrate_folio takes the place of ->writepage
// Variant: page_ops pages: ->migratepage is added, ->writepage stays
// Site: fs/fuse/file.c fuse_writepage 0-1 drop_writepage

@in_between@
identifier dirty =~ "^dirty_folio$", migrate =~ "^migratepage$";
type T1, T2;
parameter list p1, p2;
position p;
@@
 struct address_space_operations {
 ...
 T1 (*dirty)(p1);
 ...
 T2 (*migrate@p)(p2);
 ...
 };

@script:python@
p << in_between.p;
@@
coccilib.report.print_report(p[0], "refuse: ->dirty_folio and ->migratepage side by side, the rule has no form for it")

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

// an operation for migration that is not the one of the change: whose is it?
@migrates@
expression op;
symbol fuse_file_aops;
position p;
@@
(
 struct address_space_operations fuse_file_aops@p = {
 	.migrate_folio = op,
 };
|
 struct address_space_operations fuse_file_aops@p = {
 	.migratepage = op,
 };
)

@script:python depends on !migrates_folios@
p << migrates.p;
op << migrates.op;
@@
coccilib.report.print_report(p[0], "refuse: fuse_file_aops has %s for migration already, and ->writepage or a dirty operation that does not go with it" % op)

@folio_ops depends on !migrates@
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

@other_user depends on folio_ops@
identifier folio_ops.fuse_writepage;
position p;
@@
 fuse_writepage@p

@script:python@
p << other_user.p;
@@
coccilib.report.print_report(p[0], "refuse: fuse_writepage() has another user, and was to go")

@drop_writepage depends on folio_ops@
identifier folio_ops.fuse_writepage;
position p;
@@
-int fuse_writepage@p(...) { ... }

@script:python@
p << drop_writepage.p;
@@
coccilib.report.print_report(p[0], "site: drop_writepage in %s" % p[0].current_element)

// migrate_page() is for pages that have no private data
@private_data@
identifier attach =~ "^(attach_page_private|set_page_private|SetPagePrivate)$";
position p;
@@
 attach@p(...)

@pagemap_include@
@@
 #include <linux/pagemap.h>

@page_ops depends on !migrates && !private_data && pagemap_include@
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
p << private_data.p;
@@
coccilib.report.print_report(p[0], "refuse: %s() gives pages private data, which migrate_page() does not move" % p[0].current_element)

@script:python@
p << page_ops.p;
@@
coccilib.report.print_report(p[0], "site: page_ops in %s" % p[0].current_element)
