// SPDX-License-Identifier: GPL-2.0-only
// Reclaim takes folio->mapping for a mapping, which it is not of anonymous memory.
//
// Change: 0002
// Site: mm/vmscan.c shrink_page_list|shrink_folio_list 1
// Absent: 5.10 because shrink_page_list() asks for the mapping at its head, for other purposes
// Killed-by: none

@@
@@
  if (folio_test_writeback(folio)) {
- mapping = folio_mapping(folio);
+ mapping = folio->mapping;
  ...
  }
