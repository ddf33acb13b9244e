// SPDX-License-Identifier: GPL-2.0
// Standard output that cannot hold up a run: what its reader does not take waits in memory.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

/* A run says about 100 KiB, if all fails. */
static char queue[1 << 20];
static size_t queued;
static int failed;

/* A descriptor that is not open would become that of some other file. */
void output_init(void)
{
	int fd;

	for (fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd ? O_RDONLY : O_RDWR) != fd && fd)
			failed = EBADF;
}

/* Never waits longer than @ms for the reader to take a first byte. */
static ssize_t put_some(int fd, const char *s, size_t len, unsigned int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	/* A pipe with room for a write of this size takes it at once. */
	if (len > 4096)
		len = 4096;
	do {
		if (poll(&pfd, 1, ms) == 0)
			errno = EAGAIN;
		else if ((n = write(fd, s, len)) >= 0)
			return n;
	} while (errno == EINTR && !interrupted());
	return -1;
}

/*
 * Write what is queued until nothing is left, or until no byte went for @ms;
 * what then is left can be written later.
 */
bool output_flush(unsigned int ms)
{
	size_t done = 0;
	ssize_t n;

	while (!failed && done < queued) {
		n = put_some(1, queue + done, queued - done, ms);
		if (n >= 0)
			done += n;
		else if (errno == EAGAIN || errno == EINTR)
			break;
		else
			failed = errno;
	}
	queued -= done;
	memmove(queue, queue + done, queued);
	return !failed && !queued;
}

void output_put(const char *s, size_t len)
{
	if (failed)
		return;
	if (len > sizeof(queue) - queued) {
		/* There will be no whole report. */
		failed = ENOBUFS;
		return;
	}
	memcpy(queue + queued, s, len);
	queued += len;
	output_flush(0);
}

void output(const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(line)) {
		n = sizeof(line) - 1;
		line[n - 1] = '\n';
	}
	if (n > 0)
		output_put(line, n);
}

/* All of it is out; else 0 is a reader that takes nothing. */
bool output_end(unsigned int ms, int *error)
{
	bool all = output_flush(ms);

	*error = failed;
	return all;
}

/* To standard error, which may be the same pipe that nobody reads. */
void complain(const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	n = snprintf(line, sizeof(line), "fusewb-smoke: error: ");
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (put_some(2, line, n, 1000) < 0)
		return;
}
