// SPDX-License-Identifier: GPL-2.0-only
// Offlining does not count what somebody else has locked, and tries for ever.
//
// Change: 0013
// Site: mm/memory_hotplug.c count_writeback_blocked 1
// Killed-by: offline_locked

@@
identifier f =~ "^(folio|page)_lock_may_block$";
expression p;
@@
- if (f(p))
- 	nr++;
