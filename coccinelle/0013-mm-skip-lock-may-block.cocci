// SPDX-License-Identifier: GPL-2.0-only
// Keeps migration from waiting for the lock of a folio that a server holds.
//
// Looks in mm/migrate.c for the block where the lock of a folio could not be had
// at once, and there for the way out that reclaim takes (PF_MEMALLOC), an empty
// goto; whoever gets past it waits for the lock.  A folio of a flagged mapping
// takes that way too.  There must be one such block: that of a hugetlb page has no
// such way out, and needs none.
//
// Offlining counts what migration leaves alone (0004), so it has to count those.
//
// Soft offline locks with mf_mutex held; it leaves where 0009 has it leave, which
// is what comes after the lock there.
//
// The test is made without the lock, so the mapping may go away meanwhile, but
// not before the end of an RCU read section.
//
//   folio era: the file at hand knows folios, be it only by page_folio().
//   page era:  it knows pages only.
//
// Site: mm/internal.h - 1 folio_helper | page_helper
// Variant: folio_helper folios: folio_lock_may_block()
// Variant: page_helper pages: page_lock_may_block()
// Site: mm/migrate.c - 1 folio_unmap | folio_of_page_unmap | page_unmap
// Variant: folio_unmap folios: before folio_lock()
// Variant: folio_of_page_unmap pages of a file that knows folios: before lock_page()
// Variant: page_unmap pages: before lock_page()
// Site: mm/memory_hotplug.c count_writeback_blocked 1 folio_count | page_count
// Variant: folio_count folios: as migration tests it
// Variant: page_count pages: as migration tests it
// Site: mm/memory-failure.c - 1 folio_soft | folio_of_page_soft | page_soft
// Variant: folio_soft folios: folio_put(), -EBUSY
// Variant: folio_of_page_soft pages of a file that knows folios: put_page(), -EBUSY
// Variant: page_soft pages: put_page(), -EBUSY

@initialize:python@
@@
unmaps = []	# blocks that reclaim leaves by a goto, before it would lock

def refuse(p, text):
    coccilib.report.print_report(p, "refuse: " + text)

// ---- what is there

@knows_folios@
expression e;
@@
 \(page_folio(e)\|pfn_folio(e)\)

@has_folios@
identifier head;
@@
 struct folio *head;

@takes_folios@
identifier f, arg;
type T;
@@
 T f(..., struct folio *arg, ...);

@defines@
identifier f, arg;
@@
 f(..., struct folio *arg, ...)
 {
 ...
 }

@taken@
identifier own =~ "^(page|folio)_lock_may_block$";
position p;
@@
 own@p(...) { ... }

@script:python@
p << taken.p;
own << taken.own;
@@
refuse(p[0], "there is a function %s() already" % own)

// ---- the test

@folio_helper depends on takes_folios || defines@
identifier virtual.may_block;
typedef bool;
type T;
position p;
@@
+/*
+ * May whoever has locked this folio wait for somebody who never answers, with
+ * data to read or at the end of writeback?  For a caller that has a reference
+ * and not the lock: the mapping may be truncated meanwhile, and is freed by RCU.
+ */
+static inline bool folio_lock_may_block(struct folio *folio)
+{
+	struct address_space *mapping;
+	bool ret = false;
+
+	rcu_read_lock();
+	if (!folio_test_swapcache(folio)) {
+		mapping = folio_mapping(folio);
+		ret = mapping && may_block(mapping);
+	}
+	rcu_read_unlock();
+
+	return ret;
+}
+
 T do_swap_page@p(struct vm_fault *vmf);

@script:python@
p << folio_helper.p;
@@
coccilib.report.print_report(p[0], "site: folio_helper in file")

@page_helper depends on !takes_folios && !defines@
identifier virtual.may_block;
typedef bool;
type T;
position p;
@@
+/*
+ * May whoever has locked this page wait for somebody who never answers, with
+ * data to read or at the end of writeback?  For a caller that has a reference
+ * and not the lock: the mapping may be truncated meanwhile, and is freed by RCU.
+ */
+static inline bool page_lock_may_block(struct page *page)
+{
+	struct address_space *mapping;
+	bool ret = false;
+
+	rcu_read_lock();
+	if (!PageSwapCache(page)) {
+		mapping = page_mapping(page);
+		ret = mapping && may_block(mapping);
+	}
+	rcu_read_unlock();
+
+	return ret;
+}
+
 T do_swap_page@p(struct vm_fault *vmf);

@script:python@
p << page_helper.p;
@@
coccilib.report.print_report(p[0], "site: page_helper in file")

// ---- migration

// nothing else may happen on that way, as it would not on ours
@way_out@
symbol current, PF_MEMALLOC;
expression folio;
identifier out;
position p;
@@
 if (\(!folio_trylock@p(folio)\|!trylock_page@p(folio)\)) {
 <+...
 if (current->flags & PF_MEMALLOC) goto out;
 ...+>
 }

@waits@
expression way_out.folio;
position way_out.p, q;
@@
 if (\(!folio_trylock@p(folio)\|!trylock_page@p(folio)\)) {
 <+...
 \(folio_lock@q(folio)\|lock_page@q(folio)\);
 ...+>
 }

@script:python@
q << waits.q;
@@
unmaps.append(q[0])
if len(unmaps) > 1 or len(q) > 1:
    refuse(q[0], "the lock is waited for in more than one place that reclaim does not get to")

// One rule for both: a position is not inherited over a change.
@folio_file depends on knows_folios || has_folios || takes_folios || defines@
identifier way_out.out;
expression way_out.folio;
position way_out.p, f, o;
@@
 if (\(!folio_trylock@p(folio)\|!trylock_page@p(folio)\)) {
 <+...
(
+	/*
+	 * Whoever has the lock may be waiting for a server that never
+	 * answers.
+	 */
+	if (folio_lock_may_block(folio))
+		goto out;
+
 folio_lock@f(folio);
|
+	/*
+	 * Whoever has the lock may be waiting for a server that never
+	 * answers.
+	 */
+	if (folio_lock_may_block(page_folio(folio)))
+		goto out;
+
 lock_page@o(folio);
)
 ...+>
 }

@script:python folio_unmap@
f << folio_file.f;
@@
coccilib.report.print_report(f[0], "site: folio_unmap in %s" % f[0].current_element)

@script:python folio_of_page_unmap@
o << folio_file.o;
@@
coccilib.report.print_report(o[0], "site: folio_of_page_unmap in %s" % o[0].current_element)

@page_unmap depends on !knows_folios && !has_folios && !takes_folios && !defines@
identifier way_out.out;
expression way_out.folio;
position p;
@@
 if (!trylock_page@p(folio)) {
 <+...
+	/*
+	 * Whoever has the lock may be waiting for a server that never
+	 * answers.
+	 */
+	if (page_lock_may_block(folio))
+		goto out;
+
 lock_page(folio);
 ...+>
 }

@script:python@
p << page_unmap.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: page_unmap in %s" % at.current_element)

// ---- offlining: what 0004 has brought

@folio_count@
symbol nr;
identifier folio;
position p;
@@
 count_writeback_blocked(...)
 {
 <+...
-	if (!folio_test_writeback(folio) || !folio_trylock@p(folio))
-		continue;
+	if (!folio_trylock(folio)) {
+		if (folio_lock_may_block(folio))
+			nr++;
+		continue;
+	}
 ...+>
 }

@script:python@
p << folio_count.p;
@@
coccilib.report.print_report(p[0], "site: folio_count in %s" % p[0].current_element)

@page_count@
symbol nr;
identifier page;
position p;
@@
 count_writeback_blocked(...)
 {
 <+...
-	if (!PageWriteback(page) || !trylock_page@p(page))
-		continue;
+	if (!trylock_page(page)) {
+		if (page_lock_may_block(page))
+			nr++;
+		continue;
+	}
 ...+>
 }

@script:python@
p << page_count.p;
@@
coccilib.report.print_report(p[0], "site: page_count in %s" % p[0].current_element)

// ---- soft offline, after what 0009 has brought

@folio_soft@
struct folio *folio;
position p;
@@
+	if (!folio_trylock(folio)) {
+		/* it can be asked for again, as below */
+		if (folio_lock_may_block(folio)) {
+			folio_put(folio);
+			return -EBUSY;
+		}
 folio_lock@p(folio);
+	}
 if (folio_writeback_may_block(folio)) {
 folio_unlock(folio);
 folio_put(folio);
 return -EBUSY;
 }

@script:python@
p << folio_soft.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: folio_soft in %s" % at.current_element)

@folio_of_page_soft depends on knows_folios || has_folios || takes_folios || defines@
struct page *page;
position p;
@@
+	if (!trylock_page(page)) {
+		/* it can be asked for again, as below */
+		if (folio_lock_may_block(page_folio(page))) {
+			put_page(page);
+			return -EBUSY;
+		}
 lock_page@p(page);
+	}
 if (page_writeback_may_block(page)) {
 unlock_page(page);
 put_page(page);
 return -EBUSY;
 }

@script:python@
p << folio_of_page_soft.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: folio_of_page_soft in %s" % at.current_element)

@page_soft depends on !knows_folios && !has_folios && !takes_folios && !defines@
struct page *page;
position p;
@@
+	if (!trylock_page(page)) {
+		/* it can be asked for again, as below */
+		if (page_lock_may_block(page)) {
+			put_page(page);
+			return -EBUSY;
+		}
 lock_page@p(page);
+	}
 if (page_writeback_may_block(page)) {
 unlock_page(page);
 put_page(page);
 return -EBUSY;
 }

@script:python@
p << page_soft.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: page_soft in %s" % at.current_element)
