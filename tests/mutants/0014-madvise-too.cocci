// SPDX-License-Identifier: GPL-2.0-only
// MADV_COLLAPSE reads nothing either, though it works for the caller alone.
//
// Change: 0014
// Site: mm/khugepaged.c collapse_file 1
// Absent: 5.10 because it has no MADV_COLLAPSE
// Killed-by: collapse_reads

@@
identifier flagged =~ "^mapping_writeback_may_";
@@
- cc->is_khugepaged && flagged(mapping)
+ flagged(mapping)
