// SPDX-License-Identifier: GPL-2.0-only
// Keeps the handling of bad memory from waiting for writeback that may block.
//
// Looks for memory_failure() and for the function of soft offlining that waits:
// there is no third one in the file that may.  Both have the page locked where
// they wait, so that its mapping is stable, and both have a way out to take:
//
//   memory_failure()  the one of a page that has been truncated: a result of -EBUSY
//                     that is reported, and a goto to where the page is unlocked.
//                     The reference is given back before, as the page stays in use.
//   soft offline      the one of a page that is poisoned already, which unlocks
//                     the page, gives the reference back and returns.
//
// Already: mm/memory-failure.c gives_up memory_failure() and soft offline that give up on writeback that may block
// Site: mm/memory-failure.c - 0-1 folio_helper
// Site: mm/memory-failure.c - 0-1 page_helper
// Site: mm/memory-failure.c memory_failure 1 folio_failure | page_failure
// Variant: folio_failure folios: folio_put(), the result is reported, -EBUSY
// Variant: page_failure pages: put_page(), the result is reported, -EBUSY
// Site: mm/memory-failure.c - 1 folio_soft | page_soft
// Variant: folio_soft folios: folio_unlock(), folio_put(), -EBUSY
// Variant: page_soft pages: unlock_page(), put_page(), -EBUSY

@initialize:python@
@@
waits = []	# for writeback, anywhere in the file
tests = []	# of whether it may block
taken = set()	# lines of the waits that are known
there = []	# tests that the tree has before it waits
helpers = []	# functions that have the name of ours
refused = set()

def refuse(p, text):
    if text not in refused:
        refused.add(text)
        coccilib.report.print_report(p, "refuse: " + text)

// ---- where does the file wait, and does it test the flag?

@wait@
expression folio;
position p;
@@
 \(folio_wait_writeback@p(folio)\|wait_on_page_writeback@p(folio)\)

@script:python@
p << wait.p;
@@
waits.append(p[0])

@tested@
identifier may_block =~ "^[a-z]*_writeback_(may_block|indeterminate|may_deadlock_on_reclaim)$";
position p;
@@
 may_block@p(...)

@script:python@
p << tested.p;
@@
tests.append(p[0])

@gives_up exists@
identifier may_block =~ "^(page|folio)_writeback_may_block$";
expression folio;
identifier out;
position p, q;
@@
 if (may_block@p(folio)) {
 ...
(
 goto out;
|
 return -EBUSY;
)
 }
 ...
 \(folio_wait_writeback@q(folio)\|wait_on_page_writeback@q(folio)\)

@script:python@
p << gives_up.p;
q << gives_up.q;
@@
taken.add(int(q[0].line))
there.append(p[0])

@helper@
identifier own =~ "^(page|folio)_writeback_may_block$";
position p;
@@
 own@p(...) { ... }

@script:python@
p << helper.p;
own << helper.own;
@@
helpers.append((p[0], own))

@anchor@
position p;
@@
 memory_failure@p(...)
 {
 ...
 }

@script:python@
p << anchor.p;
@@
if tests and all(int(at.line) in taken for at in waits):
    for at in there:
        coccilib.report.print_report(at, "already: gives_up in %s" % at.current_element)
else:
    for at in tests:
        refuse(at, "%s() tests already whether writeback may block, but not all that wait do" % at.current_element)
    for at, own in helpers:
        refuse(at, "there is a function %s() already" % own)

// ---- memory_failure()

// the kind of page that the result is reported for
@dirty@
symbol MF_MSG_DIRTY_LRU;
position p;
@@
 MF_MSG_DIRTY_LRU@p

@failure depends on !tested@
expression folio;
position p;
@@
 memory_failure(...)
 {
 <+...
 \(folio_wait_writeback@p(folio)\|wait_on_page_writeback@p(folio)\);
 ...+>
 }

@way_out depends on !tested@
symbol MF_MSG_TRUNCATED_LRU, MF_IGNORED;
expression pfn, truncated;
identifier res, out;
position p;
@@
 if (truncated) {
(
 action_result@p(pfn, MF_MSG_TRUNCATED_LRU, MF_IGNORED);
 res = -EBUSY;
|
 res = -EBUSY;
 action_result@p(pfn, MF_MSG_TRUNCATED_LRU, MF_IGNORED);
|
 res = action_result@p(pfn, MF_MSG_TRUNCATED_LRU, MF_IGNORED);
)
 goto out;
 }

@unlocks@
expression failure.folio;
identifier way_out.out;
@@
 out:
 \(folio_unlock(folio)\|unlock_page(folio)\);

@locked exists@
expression failure.folio;
position failure.p;
@@
 \(folio_lock(folio)\|lock_page(folio)\);
 ... when != \(folio_unlock(folio)\|unlock_page(folio)\)
 \(folio_wait_writeback@p(folio)\|wait_on_page_writeback@p(folio)\);

@not_locked exists@
expression failure.folio;
position failure.p;
@@
 \(folio_unlock(folio)\|unlock_page(folio)\);
 ... when != \(folio_lock(folio)\|lock_page(folio)\)
 \(folio_wait_writeback@p(folio)\|wait_on_page_writeback@p(folio)\);

@left_unlocked exists@
expression failure.folio;
position failure.p;
identifier way_out.out;
@@
 \(folio_wait_writeback@p(folio)\|wait_on_page_writeback@p(folio)\);
 ...
 \(folio_unlock(folio)\|unlock_page(folio)\);
 ... when != \(folio_lock(folio)\|lock_page(folio)\)
 goto out;

// the reference must be there to be given back, and nobody else may do it then
@put_before exists@
expression failure.folio;
position failure.p;
@@
 \(folio_lock(folio)\|lock_page(folio)\);
 ... when != \(folio_unlock(folio)\|unlock_page(folio)\)
 \(folio_put(folio)\|put_page(folio)\);
 ... when != \(folio_unlock(folio)\|unlock_page(folio)\)
 \(folio_wait_writeback@p(folio)\|wait_on_page_writeback@p(folio)\);

@put_after exists@
expression failure.folio;
identifier way_out.out;
@@
 out:
 ...
 \(folio_put(folio)\|put_page(folio)\);

@script:python depends on put_before || put_after@
p << failure.p;
@@
refuse(p[0], "the reference is given back elsewhere when memory_failure() gives up")

@script:python place depends on dirty && unlocks && locked && !not_locked && !left_unlocked && !put_before && !put_after@
p << failure.p;
q << way_out.p;
res << way_out.res;
out << way_out.out;
err;
leave;
@@
if len(p) == 1 and q[0].current_element == "memory_failure" and int(p[0].line) < int(q[0].line):
    taken.add(int(p[0].line))
    coccinelle.err = res
    coccinelle.leave = out
else:
    cocci.include_match(False)

@script:python depends on not_locked || !locked@
p << failure.p;
@@
refuse(p[0], "the page is not locked where memory_failure() waits for writeback")

@folio_failure@
symbol MF_MSG_DIRTY_LRU, MF_IGNORED;
identifier place.err, place.leave;
expression failure.folio, way_out.pfn;
position p;
@@
 memory_failure(...)
 {
 <+...
+	if (folio_writeback_may_block(folio)) {
+		/*
+		 * Nor can it be waited for, if it may never end.  It stays in
+		 * the page cache, and is of no further use once it leaves it.
+		 */
+		folio_put(folio);
+		action_result(pfn, MF_MSG_DIRTY_LRU, MF_IGNORED);
+		err = -EBUSY;
+		goto leave;
+	}
 folio_wait_writeback@p(folio);
 ...+>
 }

@script:python@
p << folio_failure.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: folio_failure in %s" % at.current_element)

@page_failure@
symbol MF_MSG_DIRTY_LRU, MF_IGNORED;
identifier place.err, place.leave;
expression failure.folio, way_out.pfn;
position p;
@@
 memory_failure(...)
 {
 <+...
+	if (page_writeback_may_block(folio)) {
+		/*
+		 * Nor can it be waited for, if it may never end.  It stays in
+		 * the page cache, and is of no further use once it leaves it.
+		 */
+		put_page(folio);
+		action_result(pfn, MF_MSG_DIRTY_LRU, MF_IGNORED);
+		err = -EBUSY;
+		goto leave;
+	}
 wait_on_page_writeback@p(folio);
 ...+>
 }

@script:python@
p << page_failure.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: page_failure in %s" % at.current_element)

// ---- soft offline

// Between the lock and the way out nothing may be done that the way out undoes.
@folio_soft depends on !tested@
expression huge, poisoned;
struct folio *folio;
position p;
@@
 folio_lock(folio);
+	if (folio_writeback_may_block(folio)) {
+		/* it is still good, so whoever asked can ask again */
+		folio_unlock(folio);
+		folio_put(folio);
+		return -EBUSY;
+	}
(
 folio_wait_writeback@p(folio);
|
 if (huge) folio_wait_writeback@p(folio);
)
 if (poisoned) {
 folio_unlock(folio);
 folio_put(folio);
 ...
 return 0;
 }

@script:python@
p << folio_soft.p;
@@
for at in p:
    taken.add(int(at.line))
    coccilib.report.print_report(at, "site: folio_soft in %s" % at.current_element)

@page_soft depends on !tested@
expression huge, poisoned;
struct page *page;
position p;
@@
 lock_page(page);
+	if (page_writeback_may_block(page)) {
+		/* it is still good, so whoever asked can ask again */
+		unlock_page(page);
+		put_page(page);
+		return -EBUSY;
+	}
(
 wait_on_page_writeback@p(page);
|
 if (huge) wait_on_page_writeback@p(page);
)
 if (poisoned) {
 unlock_page(page);
 put_page(page);
 ...
 return 0;
 }

@script:python@
p << page_soft.p;
@@
for at in p:
    taken.add(int(at.line))
    coccilib.report.print_report(at, "site: page_soft in %s" % at.current_element)

// ---- the test of both

@folio_helper depends on folio_failure || folio_soft@
identifier virtual.may_block;
typedef bool;
position p;
@@
+/*
+ * Is this folio under writeback that may never end?  Once the folio is locked
+ * its mapping cannot go away, and no writeback can begin.
+ */
+static bool folio_writeback_may_block(struct folio *folio)
+{
+	struct address_space *mapping = folio_mapping(folio);
+
+	if (!folio_test_writeback(folio) || !mapping)
+		return false;
+
+	return may_block(mapping);
+}
+
 memory_failure@p(...)
 {
 ...
 }

@script:python@
p << folio_helper.p;
@@
coccilib.report.print_report(p[0], "site: folio_helper in %s" % p[0].current_element)

@page_helper depends on page_failure || page_soft@
identifier virtual.may_block;
typedef bool;
position p;
@@
+/*
+ * Is this page under writeback that may never end?  Once the page is locked
+ * its mapping cannot go away, and no writeback can begin.
+ */
+static bool page_writeback_may_block(struct page *page)
+{
+	struct address_space *mapping = page_mapping(page);
+
+	if (!PageWriteback(page) || !mapping)
+		return false;
+
+	return may_block(mapping);
+}
+
 memory_failure@p(...)
 {
 ...
 }

@script:python@
p << page_helper.p;
@@
coccilib.report.print_report(p[0], "site: page_helper in %s" % p[0].current_element)

// ---- nobody else may wait

@script:python@
p << anchor.p;
@@
if not tests:
    for at in waits:
        if int(at.line) not in taken and at.current_element != "memory_failure":
            refuse(at, "%s() waits for writeback in a way that is not known" % at.current_element)
