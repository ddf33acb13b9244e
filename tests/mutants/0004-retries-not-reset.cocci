// SPDX-License-Identifier: GPL-2.0-only
// The tries of offlining are not counted anew after progress.
//
// Change: 0004
// Site: mm/memory_hotplug.c offline_retry 1
// Killed-by: offline_progress

@@
expression c;
identifier last;
@@
- if (c)
- 	last->tries = 0;
