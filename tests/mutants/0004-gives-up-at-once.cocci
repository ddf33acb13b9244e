// SPDX-License-Identifier: GPL-2.0-only
// Offlining gives up at the first folio that it meets in writeback.
//
// Change: 0004
// Site: mm/memory_hotplug.c offline_retry 1
// Killed-by: offline_slow_server offline_progress

@@
identifier last;
@@
- ++last->tries > OFFLINE_WRITEBACK_TRIES
+ 1
