// SPDX-License-Identifier: GPL-2.0-only
// Keeps legacy memory cgroup reclaim from waiting for writeback that may block.
//
// Looks in shrink_folio_list() or shrink_page_list() for the three-way decision
// on a folio under writeback: note and go on, mark for immediate reclaim and go
// on, or wait.  The second condition is extended, so that a flagged mapping
// never gets to the wait.
//
//   folio era: `mapping` is stale from the previous folio at this point (it is
//              assigned further down), so it is looked up first.
//   page era:  page_mapping() was called earlier in the same iteration.
//
// The comment above the decision is extended by the .awk file of this change.
//
// Site: mm/vmscan.c - 1 folio_wait | page_wait
// Site: mm/vmscan.c - 1 comment

@local_mapping@
identifier shrink =~ "^shrink_(folio|page)_list$";
identifier mapping;
@@
 shrink(...)
 {
 <+...
 struct address_space *mapping;
 ...+>
 }

@folio_wait@
identifier local_mapping.mapping;
expression folio, sane, last;
statement immediate, mark;
position p;
@@
 if (folio_test_writeback(folio))
-{
+{
+	mapping = folio_mapping(folio);
+
 	if (...) immediate
 	else if (
 		sane ||
-		last
+		last ||
+		(mapping && mapping_writeback_may_block(mapping))
 	) mark
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

@mapping_known@
identifier local_mapping.shrink;
identifier local_mapping.mapping;
expression page;
@@
 shrink(...)
 {
 <+...
 mapping = page_mapping(page);
 ...+>
 }

@page_wait depends on mapping_known@
identifier local_mapping.mapping;
expression page, sane, last;
statement immediate, mark;
position p;
@@
 if (PageWriteback(page)) {
 	if (...) immediate
 	else if (
 		sane ||
-		last
+		last ||
+		(mapping && mapping_writeback_may_block(mapping))
 	) mark
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
