// SPDX-License-Identifier: GPL-2.0-only
// Soft offline of a page in flight keeps its reference: the page can never go.
//
// Change: 0009
// Site: mm/memory-failure.c __soft_offline_page 1 5.10
// Site: mm/memory-failure.c __soft_offline_page|soft_offline_in_use_page 1 6.1
// Site: mm/memory-failure.c soft_offline_in_use_page 1 6.12,6.18
// Killed-by: soft_offline_in_flight

@@
identifier f =~ "^(folio|page)_writeback_may_block$";
expression p;
@@
  if (f(p)) {
  ...
(
- folio_put(p);
|
- put_page(p);
)
  ...
  }
