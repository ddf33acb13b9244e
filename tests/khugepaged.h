/* SPDX-License-Identifier: GPL-2.0 */
/* khugepaged, which would take its time. */
#ifndef FUSEWB_KHUGEPAGED_H
#define FUSEWB_KHUGEPAGED_H

#include <stdbool.h>

#define THP		"/sys/kernel/mm/transparent_hugepage"
#define HUGE		(2UL << 20)

/* Until the test is over it scans all there is, all the time, if it exists. */
bool khugepaged_hurries(void);
/* One of its knobs, "khugepaged/defrag", until then. */
bool thp_set(const char *name, const char *value);

#endif
