// SPDX-License-Identifier: GPL-2.0-only
// Migration calls the writeback of every file system busy, where it should wait.
//
// Change: 0005
// Site: mm/migrate.c __unmap_and_move|__migrate_folio_unmap|migrate_folio_unmap 1 5.10
// Site: mm/migrate.c __migrate_folio_unmap 1 6.1
// Site: mm/migrate.c migrate_folio_unmap 1 6.12,6.18
// Killed-by: others_pages

@@
identifier flagged =~ "^mapping_writeback_may_";
@@
- mapping && flagged(mapping)
+ 1
