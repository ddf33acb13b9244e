// SPDX-License-Identifier: GPL-2.0-only
// Migration waits for the locks that may block, and for no others.
//
// Change: 0013
// Site: mm/migrate.c __unmap_and_move|__migrate_folio_unmap|migrate_folio_unmap 1 5.10
// Site: mm/migrate.c __migrate_folio_unmap 1 6.1
// Site: mm/migrate.c migrate_folio_unmap 1 6.12,6.18
// Killed-by: move_pages_locked

@@
identifier f =~ "^(folio|page)_lock_may_block$";
expression p;
@@
- if (f(p))
+ if (!f(p))
  	goto out;
