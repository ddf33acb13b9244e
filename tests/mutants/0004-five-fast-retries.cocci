// SPDX-License-Identifier: GPL-2.0-only
// Five tries without a pause, as posted.
//
// Change: 0004
// Site: mm/memory_hotplug.c offline_retry 2
// Killed-by: offline_slow_server offline_progress

@@
identifier last;
@@
- ++last->tries > OFFLINE_WRITEBACK_TRIES
+ ++last->tries > 5
  ...
- schedule_timeout_interruptible(HZ / 10);
