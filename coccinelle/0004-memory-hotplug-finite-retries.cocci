// SPDX-License-Identifier: GPL-2.0-only
// Ends memory offlining that waits for writeback that may block.
//
// Looks for do_migrate_range(), and there for the call of migrate_pages(), before
// which the isolated pages are counted that are under writeback that may block;
// and in offline_pages(), the only caller, for the call and for the way out that
// a signal takes.
//
// The pages are counted before, not after, because kernels differ in what is left
// on the list: where unmap_and_move() puts a page that is busy back to the LRU
// itself, there would be nothing to count.
//
// Refused is a tree where somebody else calls do_migrate_range(), where it moves
// a list twice, or where names that the change brings are taken.
//
//   folio era: the file knows folios, be it only by page_folio(); the heads on
//              the list are folios.
//   page era:  it knows pages only.
//
// Site: mm/memory_hotplug.c do_migrate_range 1 count_folios | count_pages
// Variant: count_folios folios: folio_mapping() under the folio lock
// Variant: count_pages pages: page_mapping() under the page lock
// Site: mm/memory_hotplug.c do_migrate_range 1 range
// Site: mm/memory_hotplug.c offline_pages 1 retry_helper
// Site: mm/memory_hotplug.c offline_pages 1 retry

@initialize:python@
@@
def refuse(p, text):
    coccilib.report.print_report(p, "refuse: " + text)

// ---- what else the change would touch

@called@
position p;
@@
 do_migrate_range@p(...)

@script:python@
p << called.p;
@@
if p[0].current_element != "offline_pages":
    refuse(p[0], "do_migrate_range() gets another argument, and %s() calls it too" % p[0].current_element)

@declared@
type T;
position p;
@@
 T do_migrate_range@p(...);

@script:python@
p << declared.p;
@@
refuse(p[0], "do_migrate_range() gets another argument, and is declared on its own")

@exported@
declarer name EXPORT_SYMBOL, EXPORT_SYMBOL_GPL;
position p;
@@
(
 EXPORT_SYMBOL@p(do_migrate_range);
|
 EXPORT_SYMBOL_GPL@p(do_migrate_range);
)

@script:python@
p << exported.p;
@@
refuse(p[0], "do_migrate_range() gets another argument, and is exported to others")

@used_here_only@
type T;
@@
 static T do_migrate_range(...) { ... }

@defined depends on !used_here_only@
position p;
@@
 do_migrate_range@p(...) { ... }

@script:python@
p << defined.p;
@@
refuse(p[0], "do_migrate_range() gets another argument, and is not static, so that others may call it")

@variable@
identifier own =~ "^(nr_blocked|last_pass)$";
type T;
expression e;
position p;
@@
(
 T own@p;
|
 T own@p = e;
)

@script:python@
p << variable.p;
own << variable.own;
@@
if p[0].current_element in ("offline_pages", "do_migrate_range"):
    refuse(p[0], "%s() has a variable %s of its own" % (p[0].current_element, own))

@helper@
identifier own =~ "^(count_writeback_blocked|offline_retry)$";
position p;
@@
 own@p(...) { ... }

@script:python@
p << helper.p;
own << helper.own;
@@
refuse(p[0], "there is a function %s() already" % own)

@atomic exists@
identifier take =~ "^((raw_)?(spin|read|write)_lock|rcu_read_lock|preempt_disable|local_irq_(disable|save))";
identifier release =~ "^((raw_)?(spin|read|write)_unlock|rcu_read_unlock|preempt_enable|local_irq_(enable|restore))";
position p;
@@
 take(...);
 ... when != release(...)
 do_migrate_range@p(...)

@script:python@
p << atomic.p;
@@
refuse(p[0], "%s() calls do_migrate_range() where it may not sleep" % p[0].current_element)

// ---- do_migrate_range()

@knows_folios@
expression e;
@@
 \(page_folio(e)\|pfn_folio(e)\)

@has_folios@
identifier head;
@@
 struct folio *head;

@count_folios depends on knows_folios || has_folios@
identifier virtual.may_block;
iterator name list_for_each_entry;
symbol lru;
position p;
@@
+/*
+ * How many of these folios are under writeback that may never end?  Migration
+ * leaves them where they are.
+ */
+static unsigned int count_writeback_blocked(struct list_head *folios)
+{
+	struct address_space *mapping;
+	unsigned int nr = 0;
+	struct folio *folio;
+
+	list_for_each_entry(folio, folios, lru) {
+		/* under the folio lock the mapping cannot go away */
+		if (!folio_test_writeback(folio) || !folio_trylock(folio))
+			continue;
+
+		mapping = folio_mapping(folio);
+		if (folio_test_writeback(folio) &&
+		    mapping && may_block(mapping))
+			nr++;
+		folio_unlock(folio);
+	}
+
+	return nr;
+}
+
 do_migrate_range@p(...)
 {
 ...
 }

@script:python@
p << count_folios.p;
@@
coccilib.report.print_report(p[0], "site: count_folios in %s" % p[0].current_element)

@count_pages depends on !knows_folios && !has_folios@
identifier virtual.may_block;
iterator name list_for_each_entry;
symbol lru;
position p;
@@
+/*
+ * How many of these pages are under writeback that may never end?  Migration
+ * leaves them where they are.
+ */
+static unsigned int count_writeback_blocked(struct list_head *pages)
+{
+	struct address_space *mapping;
+	unsigned int nr = 0;
+	struct page *page;
+
+	list_for_each_entry(page, pages, lru) {
+		/* under the page lock the mapping cannot go away */
+		if (!PageWriteback(page) || !trylock_page(page))
+			continue;
+
+		mapping = page_mapping(page);
+		if (PageWriteback(page) &&
+		    mapping && may_block(mapping))
+			nr++;
+		unlock_page(page);
+	}
+
+	return nr;
+}
+
 do_migrate_range@p(...)
 {
 ...
 }

@script:python@
p << count_pages.p;
@@
coccilib.report.print_report(p[0], "site: count_pages in %s" % p[0].current_element)

@range@
parameter list params;
parameter end;
expression ret, source;
position p;
@@
 do_migrate_range(params,
-	end
+	end,
+	unsigned int *nr_blocked
 )
 {
 <+...
+
+	*nr_blocked = count_writeback_blocked(source);
 ret = migrate_pages@p(source, ...);
 ...+>
 }

@script:python@
p << range.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: range in %s" % at.current_element)

// ---- offline_pages()

// nothing else may happen on that way, as it would not on ours
@way_out@
symbol current;
identifier ret, reason, isolated;
expression text;
position p;
@@
 if (\(signal_pending@p\|fatal_signal_pending@p\)(current)) {
(
 ret = -EINTR;
 reason = text;
|
 reason = text;
 ret = -EINTR;
)
 goto isolated;
 }

@script:python offline_way_out@
p << way_out.p;
ret << way_out.ret;
reason << way_out.reason;
isolated << way_out.isolated;
err;
why;
leave;
@@
if p[0].current_element == "offline_pages":
    coccinelle.err = ret
    coccinelle.why = reason
    coccinelle.leave = isolated
else:
    cocci.include_match(False)

@retry_helper@
typedef bool;
position p;
@@
+/*
+ * Writeback that may block is not waited for by migration, and its end is
+ * in the hands of whoever serves the mapping.  Offlining gives it 50 tries of
+ * 100 ms, counted anew whenever there was any progress.
+ */
+#define OFFLINE_WRITEBACK_TRIES	50
+
+struct offline_writeback {
+	unsigned long pfn;		/* where the last pass began */
+	unsigned int nr_blocked;	/* folios that it met in writeback */
+	unsigned int tries;		/* passes since there was progress */
+};
+
+/* Returns false when it is time to give up. */
+static bool offline_retry(struct offline_writeback *last,
+		unsigned long pfn, unsigned int nr_blocked)
+{
+	if (pfn != last->pfn || nr_blocked < last->nr_blocked)
+		last->tries = 0;
+	last->pfn = pfn;
+	last->nr_blocked = nr_blocked;
+
+	if (!nr_blocked)
+		return true;
+	if (++last->tries > OFFLINE_WRITEBACK_TRIES)
+		return false;
+
+	schedule_timeout_interruptible(HZ / 10);
+	return true;
+}
+
 offline_pages@p(...)
 {
 ...
 }

@script:python@
p << retry_helper.p;
@@
coccilib.report.print_report(p[0], "site: retry_helper in %s" % p[0].current_element)

@retry@
identifier offline_way_out.err, offline_way_out.why, offline_way_out.leave;
expression pfn;
expression list rest;
position p;
@@
 offline_pages(...)
 {
+	struct offline_writeback last_pass = { };
+	unsigned int nr_blocked;
 <+...
+	nr_blocked = 0;
-	do_migrate_range@p(pfn, rest);
+	do_migrate_range(pfn, rest, &nr_blocked);
+	if (!offline_retry(&last_pass, pfn, nr_blocked)) {
+		err = -EBUSY;
+		why = "writeback that may block";
+		goto leave;
+	}
 ...+>
 }

@script:python@
p << retry.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: retry in %s" % at.current_element)
