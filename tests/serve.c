// SPDX-License-Identifier: GPL-2.0
// --serve: the suite's server in memory as a file system for other programs.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "run.h"
#include "server.h"
#include "test.h"

#define FUSECTL		"/sys/fs/fuse/connections"
#define FUSECTL_MAGIC	0x65735543

static unsigned int delay_ms;

/* A server that takes its time, so that pages are in flight for a while. */
static void take_time(void)
{
	struct timespec ts = { .tv_nsec = delay_ms * 1000000L };

	nanosleep(&ts, NULL);
}

/* In the server: it stays when the caller is gone, and holds nothing of his. */
static void detach(void)
{
	int fd = open("/dev/null", O_RDWR);

	setsid();
	if (fd < 0)
		return;
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
}

static bool number(const char *s, unsigned long max, unsigned long *n)
{
	char *end;

	*n = strtoul(s, &end, 10);
	return *s >= '0' && *s <= '9' && !*end && *n <= max;
}

static bool option(char *word, struct srv_opts *opts)
{
	char *value = strchr(word, '=');
	unsigned long n;

	if (!strcmp(word, "no_writeback_cache")) {
		opts->no_writeback_cache = true;
		return true;
	}
	if (!value)
		return false;
	*value++ = '\0';
	if (!strcmp(word, "max_write") && number(value, 1 << 20, &n) && n)
		opts->max_write = n;
	else if (!strcmp(word, "max_pages") && number(value, 256, &n) && n)
		opts->max_pages = n;
	else if (!strcmp(word, "delay") && number(value, 999, &n))
		delay_ms = n;
	else
		return false;
	return true;
}

bool serve_dir(const char *arg)
{
	struct srv_opts opts = { .at_start = detach };
	char *text = strdup(arg), *save = NULL, *word;
	struct statfs sf;

	if (!text)
		return false;
	opts.dir = strtok_r(text, ",", &save);
	while ((word = strtok_r(NULL, ",", &save))) {
		if (option(word, &opts))
			continue;
		fprintf(stderr, "fusewb-smoke: error: --serve: expected "
			"no_writeback_cache, max_write=1..1048576, "
			"max_pages=1..256 or delay=0..999, got '%s'\n", word);
		return false;
	}
	if (!opts.dir)
		return false;
	if (statfs(FUSECTL, &sf) || sf.f_type != FUSECTL_MAGIC) {
		fprintf(stderr, "fusewb-smoke: error: --serve: expected "
			"fusectl on " FUSECTL ", got none; "
			"mount -t fusectl none " FUSECTL "\n");
		return false;
	}
	if (delay_ms)
		opts.before_reply = take_time;
	time_scale = measured_scale();
	/* Ends this process with a line on stderr if it cannot. */
	fs_mount(&opts);
	return true;
}
