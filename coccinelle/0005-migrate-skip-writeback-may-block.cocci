// SPDX-License-Identifier: GPL-2.0-only
// Keeps synchronous migration from waiting for writeback that may block.
//
// Looks in mm/migrate.c for the block where a folio under writeback is waited
// for, and there for the way out that every mode but the synchronous ones takes,
// an error and a goto.  A flagged mapping takes that way in every mode, before
// the mode is looked at: by a switch with one or two labels or by an if, followed
// by a test of `force` or not.
//
// The folio must be locked there, so that its mapping is stable.
//
// Already: mm/migrate.c skips the flag of the mapping, tested before migration waits for writeback
// Site: mm/migrate.c - 1 folio_skip | page_skip
// Variant: folio_skip folios: folio_mapping() in the block that ends with folio_wait_writeback()
// Variant: page_skip pages: page_mapping() in the block that ends with wait_on_page_writeback()

@initialize:python@
@@
def locked_before(earlier, p):
    return any(at.current_element == p.current_element and int(at.line) < int(p.line)
               for at in earlier)

@skips@
identifier virtual.may_block;
expression folio, mapping;
position p;
@@
 if (\(folio_test_writeback(folio)\|PageWriteback(folio)\)) {
 <+...
 if (<+... may_block@p(mapping) ...+>) { ... }
 ...+>
 }

@script:python@
p << skips.p;
@@
coccilib.report.print_report(p[0], "already: skips in %s" % p[0].current_element)

@way_out depends on !skips@
expression folio;
identifier rc, out;
position p;
@@
 if (\(folio_test_writeback@p(folio)\|PageWriteback@p(folio)\)) {
 <+...
 rc = -EBUSY;
 ...
 goto out;
 ...+>
 }

@taken@
expression way_out.folio;
position p;
@@
 \(folio_trylock@p(folio)\|trylock_page@p(folio)\|folio_lock@p(folio)\|lock_page@p(folio)\)

@script:python locked@
p << way_out.p;
earlier << taken.p;
rc << way_out.rc;
out << way_out.out;
err;
leave;
@@
if locked_before(earlier, p[0]):
    coccinelle.err = rc
    coccinelle.leave = out
else:
    cocci.include_match(False)

@folio_skip@
identifier virtual.may_block;
identifier locked.err, locked.leave;
expression way_out.folio;
position p;
@@
 if (folio_test_writeback@p(folio))
-{
+{
+	struct address_space *mapping = folio_mapping(folio);
+
+	/* not even in the synchronous modes, if it may never end */
+	if (mapping && may_block(mapping)) {
+		err = -EBUSY;
+		goto leave;
+	}
+
 <+...
 folio_wait_writeback(folio);
 ...+>
 }

@script:python@
p << folio_skip.p;
@@
coccilib.report.print_report(p[0], "site: folio_skip in %s" % p[0].current_element)

@page_skip@
identifier virtual.may_block;
identifier locked.err, locked.leave;
expression way_out.folio;
position p;
@@
 if (PageWriteback@p(folio))
-{
+{
+	struct address_space *mapping = page_mapping(folio);
+
+	/* not even in the synchronous modes, if it may never end */
+	if (mapping && may_block(mapping)) {
+		err = -EBUSY;
+		goto leave;
+	}
+
 <+...
 wait_on_page_writeback(folio);
 ...+>
 }

@script:python@
p << page_skip.p;
@@
coccilib.report.print_report(p[0], "site: page_skip in %s" % p[0].current_element)
