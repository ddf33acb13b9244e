// SPDX-License-Identifier: GPL-2.0-only
// Keeps synchronous migration from waiting for writeback that may block.
//
// Looks in mm/migrate.c for the block where a folio under writeback is waited
// for, and there for the way out that every mode but the synchronous ones takes,
// an error and a goto.  A flagged mapping takes that way in every mode, before
// the mode is looked at: by a switch with one or two labels or by an if, followed
// by a test of `force` or not.
//
// The folio must be locked there, so that its mapping is stable, and nothing in
// the file may wait for writeback outside of that block.
//
// Already: mm/migrate.c skips the flag of the mapping, tested before migration waits for writeback
// Site: mm/migrate.c - 1 folio_skip | page_skip
// Variant: folio_skip folios: folio_mapping() in the block that ends with folio_wait_writeback()
// Variant: page_skip pages: page_mapping() in the block that ends with wait_on_page_writeback()

@initialize:python@
@@
waits = []	# for writeback, anywhere in the file
guarded = set()	# lines of those in a block that tests the same folio for it
locks = []
unlocks = []
skipped = []

def locked(p):
    """Has the folio been locked before in this function, and not unlocked?"""
    line = int(p.line)
    def before(places):
        return [int(at.line) for at in places
                if at.current_element == p.current_element and int(at.line) < line]
    return before(locks) and not any(at > min(before(locks)) for at in before(unlocks))

// ---- where does the file wait?

@wait@
expression folio;
position p;
@@
 \(folio_wait_writeback@p(folio)\|wait_on_page_writeback@p(folio)\)

@script:python@
p << wait.p;
@@
waits.append(p[0])

// ---- has the tree the change already?

@skips@
identifier may_block =~ "^mapping_writeback_(may_block|indeterminate|may_deadlock_on_reclaim)$";
expression folio, mapping, rc;
identifier out;
position p;
@@
 if (\(folio_test_writeback(folio)\|PageWriteback(folio)\)) {
 <+...
(
 if (<+... may_block@p(mapping) ...+>) {
 ...
 rc = -EBUSY;
 goto out;
 }
|
 if (<+... !may_block@p(mapping) ...+>) break;
)
 ...+>
 }

@script:python already@
p << skips.p;
@@
if any(at.current_element == p[0].current_element and int(at.line) < int(p[0].line) for at in waits):
    cocci.include_match(False)
else:
    coccilib.report.print_report(p[0], "already: skips in %s" % p[0].current_element)
    skipped.append(p[0])

@tested@
identifier may_block =~ "^mapping_writeback_(may_block|indeterminate|may_deadlock_on_reclaim)$";
position p;
@@
 may_block@p(...)

@script:python@
p << tested.p;
@@
if not skipped:
    coccilib.report.print_report(p[0], "refuse: %s() tests the flag of a mapping already, but does not leave before it waits" % p[0].current_element)

// ---- the place

// nothing else may happen on that way, as it would not on ours
@way_out depends on !tested@
expression folio;
identifier rc, out;
position p;
@@
 if (\(folio_test_writeback@p(folio)\|PageWriteback@p(folio)\)) {
 <+...
 rc = -EBUSY;
 goto out;
 ...+>
 }

@inside@
expression way_out.folio;
position p;
@@
 if (\(folio_test_writeback(folio)\|PageWriteback(folio)\)) {
 <+...
 \(folio_wait_writeback@p(folio)\|wait_on_page_writeback@p(folio)\);
 ...+>
 }

@script:python@
p << inside.p;
@@
guarded.update(int(at.line) for at in p)

@lock@
expression way_out.folio;
position p;
@@
 \(folio_trylock@p(folio)\|trylock_page@p(folio)\|folio_lock@p(folio)\|lock_page@p(folio)\)

@script:python@
p << lock.p;
@@
locks.append(p[0])

@unlock@
expression way_out.folio;
position p;
@@
 \(folio_unlock@p(folio)\|unlock_page@p(folio)\)

@script:python@
p << unlock.p;
@@
unlocks.append(p[0])

@script:python place@
p << way_out.p;
rc << way_out.rc;
out << way_out.out;
err;
leave;
@@
reason = ""
for at in waits:
    if int(at.line) not in guarded:
        reason = "%s() waits for writeback, outside of the block that tests the folio for it" % at.current_element
if not reason and not locked(p[0]):
    reason = "the folio is not locked where %s() tests for writeback" % p[0].current_element
if reason:
    coccilib.report.print_report(p[0], "refuse: " + reason)
    cocci.include_match(False)
else:
    coccinelle.err = rc
    coccinelle.leave = out

@folio_skip@
identifier virtual.may_block;
identifier place.err, place.leave;
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
for at in p:
    coccilib.report.print_report(at, "site: folio_skip in %s" % at.current_element)

@page_skip@
identifier virtual.may_block;
identifier place.err, place.leave;
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
for at in p:
    coccilib.report.print_report(at, "site: page_skip in %s" % at.current_element)
