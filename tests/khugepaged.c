// SPDX-License-Identifier: GPL-2.0
// khugepaged, which would take its time.
#define _GNU_SOURCE
#include <stdio.h>

#include "khugepaged.h"
#include "test.h"

bool thp_set(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), THP "/%s", name);
	return set_for_now(path, value);
}

bool khugepaged_hurries(void)
{
	return thp_set("khugepaged/scan_sleep_millisecs", "10") &&
	       thp_set("khugepaged/alloc_sleep_millisecs", "10") &&
	       thp_set("khugepaged/pages_to_scan", "100000");
}
