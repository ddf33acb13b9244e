// SPDX-License-Identifier: GPL-2.0-only
// Migration of what may never end is tried again, and not called busy.
//
// Change: 0005
// Site: mm/migrate.c __unmap_and_move|__migrate_folio_unmap|migrate_folio_unmap 1 5.10
// Site: mm/migrate.c __migrate_folio_unmap 1 6.1
// Site: mm/migrate.c migrate_folio_unmap 1 6.12,6.18
// Equivalent: migrate_pages() tries a folio that answers -EAGAIN up to ten times, each
//	as short as the first, and then counts it as failed like one that answers
//	-EBUSY; neither value is what move_pages(2), compaction or offlining tell
//	their callers.  What remains is the time of nine more looks at the folio.

@@
identifier flagged =~ "^mapping_writeback_may_";
@@
  if (mapping && flagged(mapping)) {
- rc = -EBUSY;
+ rc = -EAGAIN;
  ...
  }
