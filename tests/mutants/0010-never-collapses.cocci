// SPDX-License-Identifier: GPL-2.0-only
// khugepaged makes no file huge that has the flag, written or not.
//
// Change: 0010
// Site: mm/khugepaged.c collapse_write_and_wait 1
// Killed-by: khugepaged_in_flight collapse_reads

@@
expression a, b;
@@
- if (a || b)
- 	return -EBUSY;
+ return -EBUSY;
