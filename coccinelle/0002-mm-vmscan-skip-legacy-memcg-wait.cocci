// SPDX-License-Identifier: GPL-2.0-only
// Keeps legacy memory cgroup reclaim from waiting for writeback that may block.
//
// Looks for the decision on a folio under writeback: note and go on, mark for
// immediate reclaim and go on, or wait.  It is known by what it does: the last
// `else` waits for the writeback, and the branch before it sets the reclaim mark
// and leaves.
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

changed = []	# local variables that are given another mapping before the decision
at_hand = []	# decisions where the local variable has the mapping of the page
waits = []	# for writeback, in the function with the decision

def same_block(early, late):
    """Is the second position in the block of the first one, after it, with no
    label on the way?  Then whoever gets there has come by the first one, and
    this is the code in between."""
    first, last = int(early.line), int(late.line)
    if early.current_element != late.current_element or first >= last:
        return None
    with open(early.file, errors="replace") as f:
        text = f.read()
    # comments and literals say nothing, but their lines count
    text = re.sub(r"/\*.*?\*/|//[^\n]*|\"(\\.|[^\"\\\n])*\"|'(\\.|[^'\\\n])*'",
                  lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    lines = text.split("\n")
    # not the body of an if that has no braces
    if not re.search(r"[;{}:]\s*$", "\n".join(lines[:first - 1])):
        return None
    between = "\n".join(lines[first - 1:last - 1])
    depth = 0
    for c in between:
        depth += {"{": 1, "}": -1}.get(c, 0)
        if depth < 0:
            return None
    if depth or re.search(r"^\s*(?!default\b)\w+\s*:(?!:)", between, re.M):
        return None
    return between

@tested@
identifier may_block =~ "^mapping_writeback_(may_block|indeterminate|may_deadlock_on_reclaim)$";
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
identifier may_block =~ "^mapping_writeback_(may_block|indeterminate|may_deadlock_on_reclaim)$";
position p;
@@
 may_block@p(...)

@script:python@
p << tested_else.p;
@@
coccilib.report.print_report(p[0], "refuse: %s() tests the flag of a mapping already, but not in the decision on a folio under writeback, or without looking the mapping up there" % p[0].current_element)

@waits@
expression folio;
position p;
@@
 \(folio_wait_writeback@p(folio)\|wait_on_page_writeback@p(folio)\)

@script:python@
p << waits.p;
@@
if p[0].current_element in ("shrink_folio_list", "shrink_page_list"):
    waits.append(p[0])
    if len(waits) > 1:
        coccilib.report.print_report(p[0], "refuse: %s() waits for writeback in more than one place" % p[0].current_element)

@declared depends on !tested && !tested_else@
identifier mapping;
expression e;
position p;
@@
(
 struct address_space *mapping@p;
|
 struct address_space *mapping@p = e;
)

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
identifier f, leave;
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
 ) {
 ...
 folio_set_reclaim(folio);
 ...
(
 goto leave;
|
 continue;
)
 }
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

@script:python@
early << assigned.p;
late << decided.p;
own << loop_local.own;
@@
between = same_block(early[0], late[0])
if between and len(re.findall(r"\b%s\s*=[^=]" % own, between)) > 1:
    changed.append(own)
    coccilib.report.print_report(late[0], "refuse: shrink_page_list(): %s is that of the page, and changed before the decision" % own)
elif between:
    at_hand.append(late[0])

@declared_page depends on !folio_wait && !tested && !tested_else@
identifier mapping;
expression e;
position p;
@@
(
 struct address_space *mapping@p;
|
 struct address_space *mapping@p = e;
)

@script:python page_known@
p << declared_page.p;
mapping << declared_page.mapping;
own;
@@
if p[0].current_element == "shrink_page_list" and at_hand:
    coccinelle.own = mapping
else:
    cocci.include_match(False)

@page_wait@
identifier virtual.may_block;
identifier page_known.own;
expression page, sane, last;
identifier f, leave;
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
 ) {
 ...
 SetPageReclaim(page);
 ...
(
 goto leave;
|
 continue;
)
 }
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

@declared_again depends on !folio_wait && !page_wait && !tested && !tested_else@
identifier mapping;
expression e;
position p;
@@
(
 struct address_space *mapping@p;
|
 struct address_space *mapping@p = e;
)

@script:python page_unknown@
p << declared_again.p;
mapping << declared_again.mapping;
own;
@@
if p[0].current_element == "shrink_page_list" and not at_hand and not changed:
    coccinelle.own = mapping
else:
    cocci.include_match(False)

@page_wait_lookup@
identifier virtual.may_block;
identifier page_unknown.own;
expression page, sane, last;
identifier f, leave;
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
 ) {
 ...
 SetPageReclaim(page);
 ...
(
 goto leave;
|
 continue;
)
 }
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
