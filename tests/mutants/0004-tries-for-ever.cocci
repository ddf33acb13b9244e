// SPDX-License-Identifier: GPL-2.0-only
// Offlining never gives up.
//
// Change: 0004
// Site: mm/memory_hotplug.c offline_retry 1
// Killed-by: offline_in_flight

@@
expression c;
@@
- if (c)
- 	return false;
