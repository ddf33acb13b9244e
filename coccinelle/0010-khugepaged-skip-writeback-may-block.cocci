// SPDX-License-Identifier: GPL-2.0-only
// Keeps khugepaged from waiting for writeback that may block.
//
// Looks in mm/khugepaged.c for collapse_file() and there for the one call of
// filemap_write_and_wait(), whose result fails the collapse: alone, or as one of
// the conditions for that.  It is replaced by a call that for a flagged mapping
// does not write and wait, but fails if there is anything to.
//
// Others in the file may wait only where the caller is not khugepaged, that is a
// process that has asked for the collapse of its own memory and waits for itself.
//
// Already: mm/khugepaged.c never_waits khugepaged waits for no writeback here, of no mapping
// Already: mm/khugepaged.c fails collapse_file() that does not wait for writeback that may block
// Site: mm/khugepaged.c - 1 helper
// Site: mm/khugepaged.c collapse_file 1 collapse

@initialize:python@
@@
waits = []	# for writeback, anywhere in the file
own = set()	# lines of those that a process does for itself
in_collapse = []	# calls in collapse_file() that can fail it
helpers = []	# functions that have the name of ours
tests = []	# of whether writeback may block

@wait@
identifier f =~ "^(filemap_write_and_wait(_range)?|filemap_fdatawait(_range|_keep_errors|_range_keep_errors)?|folio_wait_writeback(_killable)?|wait_on_page_writeback(_killable)?|folio_wait_stable|wait_for_stable_page|write_inode_now|sync_inode_metadata|vfs_fsync(_range)?)$";
position p;
@@
 f@p(...)

@script:python@
p << wait.p;
@@
waits.append(p[0])

@for_itself@
expression cc;
identifier f =~ "^filemap_write_and_wait(_range)?$";
position p;
@@
 if (<+... !cc->is_khugepaged ...+>) {
 <+...
 f@p(...)
 ...+>
 }

@script:python@
p << for_itself.p;
@@
own.update(int(at.line) for at in p)

@tested@
identifier may_block =~ "^[a-z]*_writeback_(may_block|indeterminate|may_deadlock_on_reclaim)$";
position p;
@@
 may_block@p(...)

@script:python@
p << tested.p;
@@
tests.append(p[0])

@helper_there@
identifier name =~ "^collapse_write_and_wait$";
position p;
@@
 name@p(...) { ... }

@script:python@
p << helper_there.p;
@@
helpers.append(p[0])

// its error must be what fails, alone or as one of several
@failing@
expression mapping, first, last;
identifier result, rollback;
position p;
@@
 if (\(filemap_write_and_wait@p(mapping)
     \|first || filemap_write_and_wait@p(mapping)
     \|filemap_write_and_wait@p(mapping) || last
     \|first || filemap_write_and_wait@p(mapping) || last\)) {
 <+...
 result = SCAN_FAIL;
 ...+>
 goto rollback;
 }

@script:python@
p << failing.p;
@@
if p[0].current_element == "collapse_file":
    in_collapse.append(p[0])

@anchor@
position p;
@@
 collapse_file@p(...)
 {
 ...
 }

@script:python@
p << anchor.p;
@@
def refuse(at, text):
    coccilib.report.print_report(at, "refuse: " + text)

ours = [at for at in waits if at.current_element == "collapse_write_and_wait"]
strange = [at for at in waits if int(at.line) not in own and at not in ours and
           not any(at.line == c.line for c in in_collapse)]
if tests and helpers and ours and not strange and not in_collapse:
    coccilib.report.print_report(helpers[0], "already: fails in %s" % helpers[0].current_element)
elif not tests and not helpers and not strange and not in_collapse:
    coccilib.report.print_report(p[0], "already: never_waits in %s" % p[0].current_element)
else:
    for at in tests:
        refuse(at, "%s() tests already whether writeback may block" % at.current_element)
    for at in helpers:
        refuse(at, "there is a function collapse_write_and_wait() already")
    for at in strange:
        refuse(at, "%s() waits for writeback in a way that is not known" % at.current_element)

// ---- collapse_file()

@collapse@
expression failing.mapping;
position failing.p;
@@
 collapse_file(...)
 {
 <+...
-	filemap_write_and_wait@p(mapping)
+	collapse_write_and_wait(mapping)
 ...+>
 }

@script:python depends on collapse@
p << failing.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: collapse in %s" % at.current_element)

@helper depends on collapse@
identifier virtual.may_block;
position p;
@@
+/*
+ * Writes what is dirty and waits for it, unless that may never end: khugepaged
+ * works for all processes, and holds folios locked here.  Then everything must
+ * have been written before.
+ */
+static int collapse_write_and_wait(struct address_space *mapping)
+{
+	if (!may_block(mapping))
+		return filemap_write_and_wait(mapping);
+
+	if (mapping_tagged(mapping, PAGECACHE_TAG_DIRTY) ||
+	    mapping_tagged(mapping, PAGECACHE_TAG_WRITEBACK))
+		return -EBUSY;
+
+	return 0;
+}
+
 collapse_file@p(...)
 {
 ...
 }

@script:python@
p << helper.p;
@@
coccilib.report.print_report(p[0], "site: helper in %s" % p[0].current_element)
