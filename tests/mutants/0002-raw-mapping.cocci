// SPDX-License-Identifier: GPL-2.0-only
// Reclaim takes folio->mapping for a mapping, which it is not of anonymous memory.
// What it reads there in 6.12 is a bit of the owner of the lock of the next
// anon_vma.  In 6.1 it is never set in the next anon_vma: only the last one of a
// slab gives it away, by what is on the page behind.
//
// Change: 0002
// Site: mm/vmscan.c shrink_page_list|shrink_folio_list 1
// Absent: 5.10 because shrink_page_list() asks for the mapping at its head, for other purposes
// Killed-by: memcg_swap_waits

@@
@@
  if (folio_test_writeback(folio)) {
- mapping = folio_mapping(folio);
+ mapping = folio->mapping;
  ...
  }
