// SPDX-License-Identifier: GPL-2.0-only
// Offlining leaves the folios locked that it looked at.
//
// Change: 0004
// Site: mm/memory_hotplug.c count_writeback_blocked 1
// Killed-by: offline_in_flight

@@
expression p;
@@
(
- folio_unlock(p);
|
- unlock_page(p);
)
