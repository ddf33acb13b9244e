// SPDX-License-Identifier: GPL-2.0-only
// Memory failure of a page in flight says that it has dealt with it.
//
// Change: 0009
// Site: mm/memory-failure.c memory_failure 1
// Killed-by: memory_failure_in_flight

@@
identifier f =~ "^(folio|page)_writeback_may_block$";
expression p;
@@
  if (f(p)) {
  ...
- res = -EBUSY;
+ res = 0;
  ...
  }
