// SPDX-License-Identifier: GPL-2.0-only
// Ends memory offlining that waits for writeback that may block.
//
// Looks for do_migrate_range(), whose only caller is offline_pages(), and there
// for the list of what migrate_pages() left behind; and in offline_pages() for
// the call and for the way out that a signal takes.
//
//   folio era: the file uses page_folio() or folios throughout.
//   page era:  it knows pages only.
//
// Site: mm/memory_hotplug.c do_migrate_range 1 folio_blocked | page_blocked
// Site: mm/memory_hotplug.c do_migrate_range 1 range_argument
// Site: mm/memory_hotplug.c do_migrate_range 1 left_folio | left_page_folio | left_page
// Site: mm/memory_hotplug.c offline_pages 1 retry_helper
// Site: mm/memory_hotplug.c offline_pages 1 retry

@knows_folios@
expression e;
@@
(
 page_folio(e)
|
 pfn_folio(e)
)

@folio_blocked depends on knows_folios@
typedef bool;
position p;
@@
+/* Is writeback, of a mapping where it may never end, what keeps this folio? */
+static bool folio_writeback_blocked(struct folio *folio)
+{
+	struct address_space *mapping;
+	bool blocked = false;
+
+	/* under the folio lock the mapping cannot go away */
+	if (!folio_test_writeback(folio) || !folio_trylock(folio))
+		return false;
+
+	if (folio_test_writeback(folio)) {
+		mapping = folio_mapping(folio);
+		blocked = mapping && mapping_writeback_may_block(mapping);
+	}
+	folio_unlock(folio);
+
+	return blocked;
+}
+
 do_migrate_range@p(...)
 {
 ...
 }

@script:python@
p << folio_blocked.p;
@@
coccilib.report.print_report(p[0], "site: folio_blocked in %s" % p[0].current_element)

@page_blocked depends on !knows_folios@
typedef bool;
position p;
@@
+/* Is writeback, of a mapping where it may never end, what keeps this page? */
+static bool page_writeback_blocked(struct page *page)
+{
+	struct address_space *mapping;
+	bool blocked = false;
+
+	/* under the page lock the mapping cannot go away */
+	if (!PageWriteback(page) || !trylock_page(page))
+		return false;
+
+	if (PageWriteback(page)) {
+		mapping = page_mapping(page);
+		blocked = mapping && mapping_writeback_may_block(mapping);
+	}
+	unlock_page(page);
+
+	return blocked;
+}
+
 do_migrate_range@p(...)
 {
 ...
 }

@script:python@
p << page_blocked.p;
@@
coccilib.report.print_report(p[0], "site: page_blocked in %s" % p[0].current_element)

@left_folio@
idexpression struct folio *folio;
expression ret, source;
iterator name list_for_each_entry;
symbol lru;
position p;
@@
 ret = migrate_pages@p(...);
 ...
 if (ret) {
 ...
 list_for_each_entry(folio, source, lru)
-{
+{
+	if (folio_writeback_blocked(folio))
+		(*nr_blocked)++;
 ...
 }
 ...
 }

@script:python@
p << left_folio.p;
@@
coccilib.report.print_report(p[0], "site: left_folio in %s" % p[0].current_element)

@left_page_folio depends on knows_folios@
idexpression struct page *page;
expression ret, source;
iterator name list_for_each_entry;
symbol lru;
position p;
@@
 ret = migrate_pages@p(...);
 ...
 if (ret) {
 ...
 list_for_each_entry(page, source, lru)
-{
+{
+	if (folio_writeback_blocked(page_folio(page)))
+		(*nr_blocked)++;
 ...
 }
 ...
 }

@script:python@
p << left_page_folio.p;
@@
coccilib.report.print_report(p[0], "site: left_page_folio in %s" % p[0].current_element)

@left_page depends on !knows_folios@
idexpression struct page *page;
expression ret, source;
iterator name list_for_each_entry;
symbol lru;
position p;
@@
 ret = migrate_pages@p(...);
 ...
 if (ret) {
 ...
 list_for_each_entry(page, source, lru)
-{
+{
+	if (page_writeback_blocked(page))
+		(*nr_blocked)++;
 ...
 }
 ...
 }

@script:python@
p << left_page.p;
@@
coccilib.report.print_report(p[0], "site: left_page in %s" % p[0].current_element)

@range_argument@
identifier start, end, pfn;
statement S;
position p;
@@
 do_migrate_range@p(unsigned long start,
-	unsigned long end
+	unsigned long end,
+	unsigned int *nr_blocked
 )
 {
 ...
+	*nr_blocked = 0;
 	for (pfn = start; pfn < end; ...) S
 ...
 }

@script:python@
p << range_argument.p;
@@
coccilib.report.print_report(p[0], "site: range_argument in %s" % p[0].current_element)

@way_out@
symbol current;
identifier ret, reason, isolated;
@@
 offline_pages(...)
 {
 <+...
 if (signal_pending(current)) {
 	ret = -EINTR;
 	reason = "signal backoff";
 	goto isolated;
 }
 ...+>
 }

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
+	unsigned int nr_blocked;	/* folios that it left in writeback */
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
identifier way_out.ret, way_out.reason, way_out.isolated;
expression pfn, end;
position p;
@@
 offline_pages(...)
 {
+	struct offline_writeback last = { };
+	unsigned int nr_blocked;
 <+...
-	do_migrate_range@p(pfn, end);
+	do_migrate_range(pfn, end, &nr_blocked);
+	if (!offline_retry(&last, pfn, nr_blocked)) {
+		ret = -EBUSY;
+		reason = "writeback that may block";
+		goto isolated;
+	}
 ...+>
 }

@script:python@
p << retry.p;
@@
coccilib.report.print_report(p[0], "site: retry in %s" % p[0].current_element)
