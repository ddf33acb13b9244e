// SPDX-License-Identifier: GPL-2.0-only
// Keeps legacy memory cgroup reclaim from waiting for writeback that may block.
//
// Looks for the decision on a folio under writeback: note and go on, mark for
// immediate reclaim and go on, or wait.  It is known by what it does: the last
// `else` waits for the writeback, and the branch before it sets the reclaim mark.
// The condition of that branch is extended by one alternative, whatever others
// it has, so that a flagged mapping never gets to the wait.
//
// The local variable for the mapping is that of the loop.  Where it is assigned
// only further down it still holds the mapping of the previous folio, so that it
// is looked up first.
//
// The paragraph on case 2 in the comment above the decision is extended by the
// .awk file of this change, for which a comment marks the decision.
//
// Already: mm/vmscan.c tested case 2 of reclaim, which tests the flag of the folio's own mapping
// Site: mm/vmscan.c - 1 folio_wait | page_wait | page_wait_lookup
// Variant: folio_wait folios: folio_mapping() is called first, the local variable has the mapping of the previous folio here
// Variant: page_wait pages: the local variable has the mapping, page_mapping() has been called earlier in the same iteration
// Variant: page_wait_lookup pages: page_mapping() is called first, the local variable need not have the mapping of this page here
// Site: mm/vmscan.c - 0-1 comment

@initialize:python@
@@
import re

def inside_and_later(early, late):
    """Is the second position in the block of the first one, after it, with no
    label on the way?  Then what is assigned at the first one holds there."""
    first, last = int(early.line), int(late.line)
    if early.current_element != late.current_element or first >= last:
        return False
    with open(early.file, errors="replace") as f:
        text = "".join(f.readlines()[first:last - 1])
    text = re.sub(r"/\*.*?\*/|//[^\n]*|\"(\\.|[^\"\\\n])*\"|'(\\.|[^'\\\n])*'", " ", text, flags=re.S)
    depth = 0
    for c in text:
        depth += {"{": 1, "}": -1}.get(c, 0)
        if depth < 0:
            return False
    return depth == 0 and not re.search(r"^\s*(?!default\b)\w+\s*:(?!:)", text, re.M)

@tested@
identifier virtual.may_block;
expression folio;
idexpression struct address_space *mapping;
position p;
@@
 if (\(folio_test_writeback(folio)\|PageWriteback(folio)\)) {
 ...
 mapping = \(folio_mapping(folio)\|page_mapping(folio)\);
 ...
 if (...) { ... }
 else if (<+... may_block(mapping) ...+>) { ... }
 else {
 ...
 \(folio_wait_writeback@p(folio)\|wait_on_page_writeback@p(folio)\);
 ...
 }
 }

@script:python@
p << tested.p;
@@
coccilib.report.print_report(p[0], "already: tested in %s" % p[0].current_element)

// the flag is tested somewhere here, and not in the way that is right
@tested_else depends on !tested@
identifier virtual.may_block;
position p;
@@
 may_block@p(...)

@script:python@
p << tested_else.p;
@@
coccilib.report.print_report(p[0], "refuse: %s() tests the flag of a mapping already, but not in the decision on a folio under writeback, or without looking the mapping up there" % p[0].current_element)

@declared depends on !tested && !tested_else@
identifier mapping;
position p;
@@
 struct address_space *mapping@p;

@script:python loop_local@
p << declared.p;
mapping << declared.mapping;
own;
@@
if p[0].current_element in ("shrink_folio_list", "shrink_page_list"):
    coccinelle.own = mapping
else:
    cocci.include_match(False)

@folio_wait@
identifier virtual.may_block;
identifier loop_local.own;
expression folio, sane, last;
identifier f;
expression list es;
position p;
@@
 if (folio_test_writeback(folio))
-{
+{
+	/* decision on a folio */
+	own = folio_mapping(folio);
+
 ...
 if (...) { ... }
 else if (
(
 		sane ||
-		last
+		last ||
+		(own && may_block(own))
|
-		sane && last
+		(sane && last) ||
+		(own && may_block(own))
|
-		!last
+		!last ||
+		(own && may_block(own))
|
-		f(es)
+		f(es) ||
+		(own && may_block(own))
)
 ) { ... folio_set_reclaim(folio); ... }
 else {
 ...
 folio_wait_writeback@p(folio);
 ...
 }
 }

@script:python@
p << folio_wait.p;
@@
coccilib.report.print_report(p[0], "site: folio_wait in %s" % p[0].current_element)

// ---- pages: is the mapping of this page at hand?

@assigned depends on !folio_wait@
identifier loop_local.own;
expression page;
position p;
@@
 own = page_mapping@p(page);

@decided depends on assigned@
expression assigned.page;
position p;
@@
 if (PageWriteback@p(page)) { ... }

@script:python at_hand@
early << assigned.p;
late << decided.p;
own << loop_local.own;
mapping;
@@
if inside_and_later(early[0], late[0]):
    coccinelle.mapping = own
else:
    cocci.include_match(False)

@page_wait@
identifier virtual.may_block;
identifier at_hand.mapping;
expression page, sane, last;
identifier f;
expression list es;
position p;
@@
 if (PageWriteback(page))
-{
+{
+	/* decision on a page */
 ...
 if (...) { ... }
 else if (
(
 		sane ||
-		last
+		last ||
+		(mapping && may_block(mapping))
|
-		sane && last
+		(sane && last) ||
+		(mapping && may_block(mapping))
|
-		!last
+		!last ||
+		(mapping && may_block(mapping))
|
-		f(es)
+		f(es) ||
+		(mapping && may_block(mapping))
)
 ) { ... SetPageReclaim(page); ... }
 else {
 ...
 wait_on_page_writeback@p(page);
 ...
 }
 }

@script:python@
p << page_wait.p;
@@
coccilib.report.print_report(p[0], "site: page_wait in %s" % p[0].current_element)

@page_wait_lookup depends on !at_hand@
identifier virtual.may_block;
identifier loop_local.own;
expression page, sane, last;
identifier f;
expression list es;
position p;
@@
 if (PageWriteback(page))
-{
+{
+	/* decision on a page */
+	own = page_mapping(page);
+
 ...
 if (...) { ... }
 else if (
(
 		sane ||
-		last
+		last ||
+		(own && may_block(own))
|
-		sane && last
+		(sane && last) ||
+		(own && may_block(own))
|
-		!last
+		!last ||
+		(own && may_block(own))
|
-		f(es)
+		f(es) ||
+		(own && may_block(own))
)
 ) { ... SetPageReclaim(page); ... }
 else {
 ...
 wait_on_page_writeback@p(page);
 ...
 }
 }

@script:python@
p << page_wait_lookup.p;
@@
coccilib.report.print_report(p[0], "site: page_wait_lookup in %s" % p[0].current_element)
