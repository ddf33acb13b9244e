// SPDX-License-Identifier: GPL-2.0-only
// Keeps synchronous migration from waiting for writeback that may block.
//
// Looks in mm/migrate.c for a folio under writeback and the switch on the mode
// that lets MIGRATE_SYNC go on to wait, and everything else leave with -EBUSY.
// A flagged mapping takes the second way in every mode.  The folio is locked
// there, so that its mapping is stable.
//
//   two labels: MIGRATE_SYNC and MIGRATE_SYNC_NO_COPY share the break
//   one label:  MIGRATE_SYNC alone
//
// Site: mm/migrate.c - 1 folio_two_labels | folio_one_label | page_two_labels

@folio_two_labels@
expression folio, mode;
position p;
@@
 if (folio_test_writeback@p(folio))
-{
+{
+	struct address_space *mapping;
+
 	switch (mode) {
 	case MIGRATE_SYNC:
 	case MIGRATE_SYNC_NO_COPY:
-		break;
+		/* not even then, if it may never end */
+		mapping = folio_mapping(folio);
+		if (!mapping || !mapping_writeback_may_block(mapping))
+			break;
+		fallthrough;
 	default:
 	...
 	}
 	...
 	folio_wait_writeback(folio);
 }

@script:python@
p << folio_two_labels.p;
@@
coccilib.report.print_report(p[0], "site: folio_two_labels in %s" % p[0].current_element)

@folio_one_label@
expression folio, mode;
position p;
@@
 if (folio_test_writeback@p(folio))
-{
+{
+	struct address_space *mapping;
+
 	switch (mode) {
 	case MIGRATE_SYNC:
-		break;
+		/* not even then, if it may never end */
+		mapping = folio_mapping(folio);
+		if (!mapping || !mapping_writeback_may_block(mapping))
+			break;
+		fallthrough;
 	default:
 	...
 	}
 	...
 	folio_wait_writeback(folio);
 }

@script:python@
p << folio_one_label.p;
@@
coccilib.report.print_report(p[0], "site: folio_one_label in %s" % p[0].current_element)

@page_two_labels@
expression page, mode;
position p;
@@
 if (PageWriteback@p(page))
-{
+{
+	struct address_space *mapping;
+
 	switch (mode) {
 	case MIGRATE_SYNC:
 	case MIGRATE_SYNC_NO_COPY:
-		break;
+		/* not even then, if it may never end */
+		mapping = page_mapping(page);
+		if (!mapping || !mapping_writeback_may_block(mapping))
+			break;
+		fallthrough;
 	default:
 	...
 	}
 	...
 	wait_on_page_writeback(page);
 }

@script:python@
p << page_two_labels.p;
@@
coccilib.report.print_report(p[0], "site: page_two_labels in %s" % p[0].current_element)
