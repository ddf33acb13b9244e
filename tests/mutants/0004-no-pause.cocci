// SPDX-License-Identifier: GPL-2.0-only
// Offlining tries fifty times without a pause.
//
// Change: 0004
// Site: mm/memory_hotplug.c offline_retry 1
// Killed-by: offline_slow_server offline_progress

@@
@@
- schedule_timeout_interruptible(HZ / 10);
