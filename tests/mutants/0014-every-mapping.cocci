// SPDX-License-Identifier: GPL-2.0-only
// khugepaged reads nothing for any file system.
//
// Change: 0014
// Site: mm/khugepaged.c collapse_file 1
// Killed-by: khugepaged_reads_others

@@
identifier flagged =~ "^mapping_writeback_may_";
@@
- flagged(mapping)
+ 1
