// SPDX-License-Identifier: GPL-2.0-only
// Migration is busy with the writeback of other file systems, and waits for what may never end.
//
// Change: 0005
// Site: mm/migrate.c __unmap_and_move|__migrate_folio_unmap|migrate_folio_unmap 1 5.10
// Site: mm/migrate.c __migrate_folio_unmap 1 6.1
// Site: mm/migrate.c migrate_folio_unmap 1 6.12,6.18
// Killed-by: move_pages_in_flight

@@
identifier flagged =~ "^mapping_writeback_may_";
@@
- mapping && flagged(mapping)
+ mapping && !flagged(mapping)
