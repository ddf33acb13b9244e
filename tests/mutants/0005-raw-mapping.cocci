// SPDX-License-Identifier: GPL-2.0-only
// Migration takes folio->mapping for a mapping, as posted, which it is not of anonymous memory.
// What it reads there in 6.12 and 6.18 is a bit of the owner of the lock of the
// next anon_vma.  In 5.10 and 6.1 it is never set in the next anon_vma: only the
// last one of a slab gives it away, by what is behind it.
//
// Change: 0005
// Site: mm/migrate.c __unmap_and_move|__migrate_folio_unmap|migrate_folio_unmap 1 5.10
// Site: mm/migrate.c __migrate_folio_unmap 1 6.1
// Site: mm/migrate.c migrate_folio_unmap 1 6.12,6.18
// Killed-by: others_swap

@@
identifier f = {folio_mapping, page_mapping};
expression src;
@@
  struct address_space *mapping =
- f(src)
+ src->mapping
  ;
