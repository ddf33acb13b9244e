// SPDX-License-Identifier: GPL-2.0
// What a failing test leaves behind for whoever has to find out why.
//
// It is collected while the test still hangs, and written when it is over: a
// disk may be what hangs.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "run.h"
#include "tasks.h"

enum { TASKS, FUSECTL, VMSTAT, MEMINFO, SECTIONS };

static const char *const section_name[] = {
	[TASKS] = "tasks.txt", [FUSECTL] = "fusectl.txt",
	[VMSTAT] = "vmstat.txt", [MEMINFO] = "meminfo.txt",
};

struct section {
	size_t len;
	char text[64 << 10];
};

static struct section *sections, *current;
static const char *base;
static char program[256], again[256];

/* @options are those that a test needs to be allowed to run. */
bool bundle_init(const char *dir, const char *options)
{
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	base = dir;
	snprintf(again, sizeof(again), "%s", options);
	if (n <= 0)
		snprintf(program, sizeof(program), "fusewb-smoke");
	if (!dir)
		return true;
	sections = mmap(NULL, SECTIONS * sizeof(*sections),
			PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (sections != MAP_FAILED)
		return true;
	sections = NULL;
	return false;
}

bool bundle_wanted(void)
{
	return base;
}

static int __attribute__((format(printf, 1, 2))) add(const char *fmt, ...)
{
	size_t room = sizeof(current->text) - current->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(current->text + current->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n + 1 >= room)
		return -1;
	current->len += n;
	current->text[current->len++] = '\n';
	return 0;
}

static void add_file(const char *path)
{
	size_t room = sizeof(current->text) - current->len;
	char *to = current->text + current->len;

	if (read_file(path, to, room))
		current->len += strlen(to);
	else
		add("no %s: %s", path, strerror(errno));
}

static void add_task(const struct task *t, void *unused)
{
	(void)unused;
	show_task(t, true, true, add);
}

/* The directory of a connection, from the descriptor of its file abort. */
static void add_connection(int fd)
{
	static const char *const names[] = {
		"waiting", "max_background", "congestion_threshold",
	};
	char link[64], dir[300], path[400], value[64];
	ssize_t n;
	size_t i;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, dir, sizeof(dir) - 1);
	if (n <= 0)
		return;
	dir[n] = '\0';
	*strrchr(dir, '/') = '\0';
	add("%s", dir);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		if (!read_file(path, value, sizeof(value)))
			snprintf(value, sizeof(value), "%s", strerror(errno));
		value[strcspn(value, "\n")] = '\0';
		add("%s %s", names[i], value);
	}
}

/* @fds are the test's connections; runs in a helper. */
void bundle_collect(const int *fds, int n)
{
	int i;

	if (!sections)
		return;
	for (i = 0; i < SECTIONS; i++)
		sections[i].len = 0;
	current = &sections[TASKS];
	each_task(add_task, NULL);
	current = &sections[FUSECTL];
	for (i = 0; i < n; i++)
		add_connection(fds[i]);
	if (!n)
		add("no connection that fusectl knows");
	current = &sections[VMSTAT];
	add_file("/proc/vmstat");
	current = &sections[MEMINFO];
	add_file("/proc/meminfo");
}

static int put_file(int dir, const char *name, mode_t mode, const char *text,
		    size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW |
			O_CLOEXEC, mode);
	int err = 0;
	ssize_t n;

	if (fd < 0)
		return errno;
	for (; !err && len; text += n, len -= n) {
		n = write(fd, text, len);
		if (n <= 0) {
			err = n ? errno : EIO;
			break;
		}
	}
	if (close(fd) && !err)
		err = errno;
	return err;
}

struct leaving {
	const struct test *t;
	const struct outcome *o;
};

/* In a helper: the disk may be full, or may never answer. */
static int put_all(void *arg)
{
	const struct leaving *l = arg;
	char text[2048];
	const char *from;
	struct utsname u;
	int dir, sub, i, err = 0;
	size_t len;

	umask(077);
	if (mkdir(base, 0700) && errno != EEXIST)
		return errno;
	dir = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || (mkdirat(dir, l->t->name, 0700) && errno != EEXIST))
		return errno;
	sub = openat(dir, l->t->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
		     O_CLOEXEC);
	if (sub < 0)
		return errno;
	memset(&u, 0, sizeof(u));
	uname(&u);
	snprintf(text, sizeof(text), "test %s\nresult %s\nwhy %s\n"
		 "kernel %s %s %s\nprogram %s %s\nseed %llu\nrepetition %u\n"
		 "milliseconds %u\n", l->t->name,
		 verdict_name(l->o->verdict), l->o->why, u.release, u.version,
		 u.machine, program, FUSEWB_VERSION,
		 (unsigned long long)l->o->seed, repetition, l->o->ms);
	err = put_file(sub, "result.txt", 0600, text, strlen(text));
	from = result_said(&len);
	err = err ? err : put_file(sub, "said.txt", 0600, from, len);
	from = klog_slice(&len);
	err = err ? err : put_file(sub, "dmesg.txt", 0600, from, len);
	for (i = 0; i < SECTIONS && sections; i++)
		err = err ? err : put_file(sub, section_name[i], 0600,
					   sections[i].text, sections[i].len);
	snprintf(text, sizeof(text), "#!/bin/sh\n"
		 "# Runs %s again as it was run on %s when it failed.\n"
		 "exec \"${FUSEWB_SMOKE:-%s}\" --only %s --seed %llu "
		 "--timeout-scale %u%s \"$@\"\n", l->t->name, u.release,
		 program, l->t->name, (unsigned long long)l->o->seed,
		 time_scale, again);
	return err ? err : put_file(sub, "repro.sh", 0700, text, strlen(text));
}

/* Says where it is, or why it is not there; the verdict stands either way. */
void bundle_leave(const struct test *t, const struct outcome *o)
{
	struct leaving l = { t, o };
	int err;

	if (!base)
		return;
	err = in_helper(put_all, &l, 30000);
	if (err)
		result_diag("bundle: %s/%s: expected to write it, got %s",
			    base, t->name, strerror(err));
	else
		result_diag("bundle: %s/%s", base, t->name);
}
