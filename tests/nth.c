// SPDX-License-Identifier: GPL-2.0
// The n-th allocation that a task makes from now on fails (/proc/thread-self/fail-nth).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nth.h"
#include "test.h"

static int nth_fd = -1;

/* Let the kernel fail what it would leave alone, and say less of it. */
static void set_knob(const char *attr, const char *name, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", attr, name);
	if (!restore_setting_later(path))
		test_skip("needs debugfs with %s (CONFIG_FAILSLAB, "
			  "CONFIG_FAIL_PAGE_ALLOC)", path);
	NEED(write_file(path, value), "%s: expected to set it to %s, got %s",
	     path, value, strerror(errno));
}

void nth_init(void)
{
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0)
		test_skip("needs /proc/thread-self/fail-nth "
			  "(CONFIG_FAULT_INJECTION)");
	set_knob("failslab", "ignore-gfp-wait", "N");
	set_knob("failslab", "verbose", "0");
	set_knob("fail_page_alloc", "ignore-gfp-wait", "N");
	set_knob("fail_page_alloc", "ignore-gfp-highmem", "N");
	set_knob("fail_page_alloc", "min-order", "0");
	set_knob("fail_page_alloc", "verbose", "0");
}

void nth_arm(unsigned int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", nth);

	NEED(pwrite(nth_fd, text, n, 0) == n,
	     "fail-nth = %u: expected success, got %s", nth, strerror(errno));
}

unsigned int nth_disarm(void)
{
	char text[32] = "";
	ssize_t n = pread(nth_fd, text, sizeof(text) - 1, 0);

	NEED(n > 0, "fail-nth: expected a number, got %s", strerror(errno));
	nth_arm(0);
	return strtoul(text, NULL, 10);
}
