// SPDX-License-Identifier: GPL-2.0
// What the running kernel says about itself: counters, page flags, nodes.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "run.h"
#include "test.h"

bool read_file(const char *path, char *buf, size_t size)
{
	size_t have = 0;
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	while (have < size - 1 &&
	       (n = read(fd, buf + have, size - 1 - have)) > 0)
		have += n;
	close(fd);
	buf[have] = '\0';
	return n >= 0;
}

bool write_file_at(int dir, const char *path, const char *value)
{
	size_t len = strlen(value);
	int fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
	int err;
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, value, len) == (ssize_t)len;
	err = errno;
	close(fd);
	errno = err;
	return ok;
}

bool write_file(const char *path, const char *value)
{
	return write_file_at(AT_FDCWD, path, value);
}

/* Fold the per-CPU parts in, or a few pages would go unseen. */
bool vmstat_refresh(void)
{
	return write_file("/proc/sys/vm/stat_refresh", "1");
}

bool vmstat_read(const char *key, long *value)
{
	vmstat_refresh();
	return vmstat_look(key, value);
}

bool vmstat_look(const char *key, long *value)
{
	static char buf[32768];
	size_t len = strlen(key);
	const char *p;

	if (!read_file("/proc/vmstat", buf, sizeof(buf)))
		return false;
	for (p = buf; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, key, len) && p[len] == ' ') {
			*value = strtol(p + len, NULL, 10);
			return true;
		}
	}
	return false;
}

/* Right twice in a row: other writers on the machine come and go. */
bool vmstat_delta_is(const char *key, long start, long delta,
		     unsigned int ms, long *got)
{
	uint64_t end = now_ns() + ms * 1000000ULL;
	unsigned int step = 3, right = 0;
	long now;

	do {
		if (!vmstat_read(key, &now))
			return false;
		*got = now - start;
		right = *got == delta ? right + 1 : 0;
		if (right == 2)
			return true;
		poll_pause(&step);
	} while (now_ns() < end);
	return false;
}

/*
 * A name that one process of the machine can have.  Who does not get it knows
 * that he is not alone, and tells him who has it.
 */
static int name_fd = -1;
static bool not_alone;

static int name_socket(struct sockaddr_un *a, socklen_t *len)
{
	static const char name[] = "fusewb-smoke";

	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	memcpy(a->sun_path + 1, name, sizeof(name) - 1);
	*len = offsetof(struct sockaddr_un, sun_path) + sizeof(name);
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Called again and again: who has the name may have gone. */
void take_name(void)
{
	struct sockaddr_un a;
	socklen_t len;
	int fd;

	if (name_fd >= 0)
		return;
	fd = name_socket(&a, &len);
	if (fd < 0)
		return;
	if (!bind(fd, (struct sockaddr *)&a, len) && !listen(fd, 16)) {
		name_fd = fd;
		return;
	}
	not_alone |= errno == EADDRINUSE;
	close(fd);
	fd = name_socket(&a, &len);
	if (fd < 0)
		return;
	/* He sees it even when we are through. */
	if (connect(fd, (struct sockaddr *)&a, len))
		errno = 0;
	close(fd);
}

bool alone(void)
{
	struct pollfd pfd = { .fd = name_fd, .events = POLLIN };

	if (name_fd >= 0 && poll(&pfd, 1, 0) > 0)
		not_alone = true;
	return !not_alone;
}

static bool read_u64(const char *path, uint64_t index, uint64_t *value)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = pread(fd, value, sizeof(*value), index * sizeof(*value));
	close(fd);
	return n == sizeof(*value);
}

bool page_pfn(const void *addr, uint64_t *pfn)
{
	uint64_t e;

	if (!read_u64("/proc/self/pagemap", (uintptr_t)addr / page_size(), &e))
		return false;
	*pfn = e & ((1ULL << 55) - 1);
	return (e >> 63) && *pfn;
}

bool pfn_flags(uint64_t pfn, uint64_t *flags)
{
	return read_u64("/proc/kpageflags", pfn, flags);
}

bool kpageflags_usable(void)
{
	uint64_t pfn, flags;
	volatile int here = 0;

	return page_pfn((const void *)&here, &pfn) && pfn_flags(pfn, &flags);
}

/* Nodes that have memory, from a list like "0-1,3". */
int node_list(int *nodes, int max)
{
	char buf[256], *p = buf;
	int n = 0;
	long a, b;

	if (!read_file("/sys/devices/system/node/has_memory", buf,
		       sizeof(buf)))
		return 0;
	while (*p >= '0' && *p <= '9') {
		a = b = strtol(p, &p, 10);
		if (*p == '-')
			b = strtol(p + 1, &p, 10);
		for (; a <= b && n < max; a++)
			nodes[n++] = a;
		p += *p == ',';
	}
	return n;
}

/* The addresses may be hidden from us, the names are not. */
int kernel_has(const char *name)
{
	char line[512], sym[256];
	FILE *f = fopen("/proc/kallsyms", "re");
	bool any = false;
	int has = 0;

	if (!f)
		return -1;
	while (!has && fgets(line, sizeof(line), f)) {
		any = true;
		has = sscanf(line, "%*s %*s %255s", sym) == 1 &&
		      !strcmp(sym, name);
	}
	fclose(f);
	return any ? has : -1;
}

/* A hypervisor that hides well is taken for hardware: the safe mistake. */
bool in_virtual_machine(void)
{
	static const char *const vendors[] = {
		"QEMU", "VMware", "VirtualBox", "innotek", "Xen", "KVM",
		"Bochs", "Google Compute", "Amazon EC2",
	};
	static char buf[65536];
	char *flags;
	size_t i;

	if (read_file("/proc/cpuinfo", buf, sizeof(buf))) {
		flags = strstr(buf, "\nflags");
		if (flags && strchr(flags + 1, '\n'))
			*strchr(flags + 1, '\n') = '\0';
		if (flags && strstr(flags, " hypervisor"))
			return true;
		if (strstr(buf, "User Mode Linux"))
			return true;
	}
	if (read_file("/sys/hypervisor/type", buf, sizeof(buf)))
		return true;
	if (read_file("/sys/class/dmi/id/sys_vendor", buf, sizeof(buf)))
		for (i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++)
			if (strstr(buf, vendors[i]))
				return true;
	return false;
}
