// SPDX-License-Identifier: GPL-2.0-only
// Migration takes folio->mapping for a mapping, as posted, which it is not of anonymous memory.
// What it reads there in 6.12 and 6.18 is a bit of the owner of the lock of the
// next anon_vma, which may be set.  In 6.1 it is bit 17 of the children of that,
// in 5.10 of the number of a processor: only flavour debug (KASAN) can tell.
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
