// SPDX-License-Identifier: GPL-2.0
// Faults of the harness's own calls: the linker puts these in place of them (--wrap).
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

/* Seen by all processes of the run. */
static struct {
	_Atomic unsigned int calls;
	_Atomic pid_t handed_over;
	_Atomic int once;
} *shared;

static const char *fault = "";
static unsigned int nth;
static int and_all_after;
static uint32_t opcode;
static int server_dies;
static pid_t first;

/* Before main(), so that no call of the harness goes uncounted. */
static void __attribute__((constructor)) choose(void)
{
	static char name[64];
	const char *env = getenv("FUSEWB_FAULT");
	char *colon;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	first = getpid();
	if (!env || shared == MAP_FAILED)
		return;
	snprintf(name, sizeof(name), "%s", env);
	fault = name;
	colon = strchr(name, ':');
	if (!colon)
		return;
	*colon++ = '\0';
	nth = strtoul(colon, NULL, 10);
	and_all_after = strchr(colon, '+') != NULL;
	opcode = nth;
}

static int is(const char *name)
{
	return !strcmp(fault, name);
}

static int fails(const char *call, int error)
{
	unsigned int n;

	if (!nth || !is(call))
		return 0;
	n = ++shared->calls;
	if (n != nth && (n < nth || !and_all_after))
		return 0;
	errno = error;
	return 1;
}

static void hang(void)
{
	for (;;)
		pause();
}

/* What a descriptor is of. */
static int is_of(int fd, const char *part)
{
	char link[64], path[512];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return 0;
	path[n] = '\0';
	return strstr(path, part) != NULL;
}

void fault_server(void)
{
	server_dies = is("server");
}

void fault_hand_over_pid(void)
{
	shared->handed_over = getpid();
}

pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __wrap_fork(void)
{
	return fails("fork", EAGAIN) ? -1 : __real_fork();
}

int __real_socketpair(int domain, int type, int protocol, int sv[2]);
int __wrap_socketpair(int domain, int type, int protocol, int sv[2]);
int __wrap_socketpair(int domain, int type, int protocol, int sv[2])
{
	return fails("socketpair", EMFILE) ? -1 :
	       __real_socketpair(domain, type, protocol, sv);
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
	return fails("malloc", ENOMEM) ? NULL : __real_malloc(n);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	return fails("malloc", ENOMEM) ? NULL : __real_calloc(n, size);
}

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size)
{
	return fails("malloc", ENOMEM) ? NULL : __real_realloc(p, size);
}

char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
char *__wrap_strdup(const char *s)
{
	return fails("malloc", ENOMEM) ? NULL : __real_strdup(s);
}

void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd,
		  off_t off);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd,
		  off_t off);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd,
		  off_t off)
{
	return fails("mmap", ENOMEM) ? MAP_FAILED :
	       __real_mmap(addr, len, prot, flags, fd, off);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	if (fails("open", EMFILE))
		return -1;
	if (is("no-fusectl") && strstr(path, "/sys/fs/fuse/connections")) {
		errno = ENOENT;
		return -1;
	}
	return __real_open(path, flags, mode);
}

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
DIR *__wrap_opendir(const char *path)
{
	if (fails("opendir", EMFILE))
		return NULL;
	return __real_opendir(path);
}

int __real_statfs(const char *path, struct statfs *sf);
int __wrap_statfs(const char *path, struct statfs *sf);
int __wrap_statfs(const char *path, struct statfs *sf)
{
	if ((is("no-fusectl") && strstr(path, "/fuse/connections")) ||
	    (is("no-proc") && !strcmp(path, "/proc"))) {
		errno = ENOENT;
		return -1;
	}
	return __real_statfs(path, sf);
}

int __real_mount(const char *source, const char *target, const char *type,
		 unsigned long flags, const void *data);
int __wrap_mount(const char *source, const char *target, const char *type,
		 unsigned long flags, const void *data);
int __wrap_mount(const char *source, const char *target, const char *type,
		 unsigned long flags, const void *data)
{
	if (fails("mount", EPERM))
		return -1;
	if (type && ((is("no-fusectl") && !strcmp(type, "fusectl")) ||
		     (is("no-proc") && !strcmp(type, "proc")))) {
		errno = ENODEV;
		return -1;
	}
	return __real_mount(source, target, type, flags, data);
}

ssize_t __real_write(int fd, const void *buf, size_t n);
ssize_t __wrap_write(int fd, const void *buf, size_t n);
ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
	int bundle = !strncmp(fault, "bundle-", 7) && is_of(fd, "/bundle/");

	if ((is("abort-fails") && is_of(fd, "/abort")) ||
	    (is("bundle-io") && bundle)) {
		errno = EIO;
		return -1;
	}
	if (is("bundle-full") && bundle) {
		errno = ENOSPC;
		return -1;
	}
	if ((is("abort-hangs") && is_of(fd, "/abort")) ||
	    (is("refresh-hangs") && is_of(fd, "/stat_refresh")) ||
	    (is("bundle-hangs") && bundle))
		hang();
	if (fails("write", EIO))
		return -1;
	return __real_write(fd, buf, n);
}

/* A request that was read is one the kernel waits for. */
static void die_of(const void *buf, ssize_t n)
{
	const struct fuse_in_header *in = buf;

	if (server_dies && n >= (ssize_t)sizeof(*in) &&
	    in->len == (size_t)n && in->opcode == opcode)
		raise(SIGKILL);
}

static ssize_t say(char *buf, const char *record)
{
	strcpy(buf, record);
	return strlen(record);
}

ssize_t __real_read(int fd, void *buf, size_t n);
ssize_t __wrap_read(int fd, void *buf, size_t n);
ssize_t __wrap_read(int fd, void *buf, size_t n)
{
	ssize_t ret;

	if (!strncmp(fault, "kmsg-", 5) && is_of(fd, "/dev/kmsg") &&
	    !shared->once++) {
		if (is("kmsg-warns"))
			return say(buf, "4,100,1,-;WARNING: CPU: 0 PID: 1\n");
		errno = EPIPE;
		return -1;
	}
	ret = __real_read(fd, buf, n);
	die_of(buf, ret);
	return ret;
}

/* Who runs this starts a process under the number that is now free. */
static void somebody_else_gets(pid_t pid)
{
	const char *to = getenv("FUSEWB_FAULT_TO");
	const char *from = getenv("FUSEWB_FAULT_FROM");
	char done;

	if (!to || !from || __real_write(atoi(to), &pid, sizeof(pid)) < 0 ||
	    __real_read(atoi(from), &done, 1) != 1)
		_exit(99);
}

pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	pid_t ret = __real_waitpid(pid, status, options);

	if (ret > 0 && ret == shared->handed_over) {
		shared->handed_over = 0;
		somebody_else_gets(ret);
	}
	return ret;
}

int __real_kill(pid_t pid, int sig);
int __wrap_kill(pid_t pid, int sig);
int __wrap_kill(pid_t pid, int sig)
{
	return is("unkillable") ? 0 : __real_kill(pid, sig);
}

long __real_syscall(long nr, ...);
long __wrap_syscall(long nr, ...);
long __wrap_syscall(long nr, ...)
{
	long a[5];
	va_list ap;
	int i;

	va_start(ap, nr);
	for (i = 0; i < 5; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (is("unkillable") && nr == SYS_pidfd_send_signal)
		return 0;
	if (nr == SYS_pidfd_open && fails("pidfd", EMFILE))
		return -1;
	return __real_syscall(nr, a[0], a[1], a[2], a[3], a[4]);
}
