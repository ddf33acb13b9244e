// SPDX-License-Identifier: GPL-2.0-only
// Offlining gives up on the writeback of any file system after five seconds.
//
// Change: 0004
// Site: mm/memory_hotplug.c count_writeback_blocked 1
// Killed-by: others_offline

@@
expression e;
identifier flagged =~ "^mapping_writeback_may_";
@@
- e && mapping && flagged(mapping)
+ e
