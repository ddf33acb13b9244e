// SPDX-License-Identifier: GPL-2.0
// What the kernel itself says while a test runs, and whether it is a complaint.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

static int kmsg_fd = -1;

/* Of the running test; the first records are those that tell. */
static char slice[128 << 10];
static size_t slice_len;
static char complaint[512];
static unsigned long long next, lost;

bool klog_init(void)
{
	kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return kmsg_fd >= 0;
}

void klog_begin(void)
{
	slice_len = 0;
	complaint[0] = '\0';
	next = lost = 0;
	if (kmsg_fd >= 0)
		lseek(kmsg_fd, 0, SEEK_END);
}

static bool complains(const char *text)
{
	static const char *const words[] = {
		"WARNING: ", "BUG: ", "Oops", "general protection fault",
		"kernel BUG at", "KASAN", "refcount_t:", "Bad page",
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(text, words[i]))
			return true;
	return false;
}

/* "6,1234,5678,-;text": facility and level, number, time, text. */
static void take_record(char *rec)
{
	char *text = strchr(rec, ';');
	unsigned long long seq;
	size_t n;

	if (!text || sscanf(rec, "%*u,%llu", &seq) != 1)
		return;
	if (next && seq > next)
		lost += seq - next;
	next = seq + 1;
	*strchrnul(++text, '\n') = '\0';
	n = strlen(text);
	if (slice_len + n + 1 < sizeof(slice)) {
		memcpy(slice + slice_len, text, n);
		slice_len += n;
		slice[slice_len++] = '\n';
	}
	/* Facility 0 is the kernel's own. */
	if (!complaint[0] && strtoul(rec, NULL, 10) < 8 && complains(text))
		snprintf(complaint, sizeof(complaint), "%s", text);
}

/*
 * Taken again and again while a test runs, or a loud kernel overruns its ring.
 * It may also be loud for ever.
 */
void klog_take(void)
{
	char rec[8192];
	int i;
	ssize_t n;

	for (i = 0; kmsg_fd >= 0 && i < 4096; i++) {
		n = read(kmsg_fd, rec, sizeof(rec) - 1);
		if (n < 0 && errno == EPIPE && !next)
			lost++;	/* how many shows only from a first one */
		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue;
		if (n <= 0)
			return;
		rec[n] = '\0';
		take_record(rec);
	}
}

const char *klog_complaint(void)
{
	return complaint;
}

unsigned long long klog_lost(void)
{
	return lost;
}

const char *klog_slice(size_t *len)
{
	*len = slice_len;
	return slice;
}
