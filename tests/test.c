// SPDX-License-Identifier: GPL-2.0
// What runs inside a test process: assertions, deadlines and actors.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "run.h"
#include "server.h"
#include "test.h"

int control_fd = -1;
unsigned int time_scale = 1;
const struct test *this_test;
uint64_t run_seed;
unsigned int repetition;

static void tell(char kind, int fd, const void *text, size_t len)
{
	struct message m = { .kind = kind };
	struct iovec iov = { .iov_base = &m };
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} u;
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	/* Nobody to tell: there is no test. */
	if (control_fd < 0) {
		if (kind != MSG_FAIL && kind != MSG_BROKEN)
			return;
		dprintf(2, "fusewb-smoke: error: %.*s\n", (int)len,
			(const char *)text);
		_exit(1);
	}
	if (len > sizeof(m.text))
		len = sizeof(m.text);
	memcpy(m.text, text, len);
	iov.iov_len = 1 + len;
	if (fd >= 0) {
		memset(&u, 0, sizeof(u));
		h.msg_control = u.buf;
		h.msg_controllen = sizeof(u.buf);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	while (sendmsg(control_fd, &h, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			_exit(1);
}

static void vtell(char kind, const char *file, int line, const char *fmt,
		  va_list ap)
{
	char text[MSG_TEXT_MAX];
	int n = 0;

	if (file)
		n = snprintf(text, sizeof(text), "%s:%d: ", file, line);
	vsnprintf(text + n, sizeof(text) - n, fmt, ap);
	tell(kind, -1, text, strlen(text));
}

void diag(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vtell(MSG_DIAG, NULL, 0, fmt, ap);
	va_end(ap);
}

/* Leaving would close files, and wait; the supervisor aborts first. */
static void __attribute__((noreturn)) stay(void)
{
	for (;;)
		pause();
}

static void __attribute__((noreturn)) leave(void)
{
	struct fs *fs;

	for (fs = current_fs; fs; fs = fs->next)
		srv_release_all(fs);
	_exit(0);
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vtell(MSG_FAIL, file, line, fmt, ap);
	va_end(ap);
	stay();
}

void test_broken(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vtell(MSG_BROKEN, file, line, fmt, ap);
	va_end(ap);
	stay();
}

void test_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vtell(MSG_SKIP, NULL, 0, fmt, ap);
	va_end(ap);
	leave();
}

void test_pass(void)
{
	tell(MSG_PASS, -1, "", 0);
	leave();
}

void restore_open_later(int fd, const char *path, const char *value)
{
	char text[MSG_TEXT_MAX];
	size_t n = strlen(path) + 1;

	NEED(n + strlen(value) < sizeof(text), "path too long: %s", path);
	memcpy(text, path, n);
	strcpy(text + n, value);
	tell(MSG_RESTORE, fd, text, n + strlen(value) + 1);
}

void restore_later(const char *path, const char *value)
{
	restore_open_later(-1, path, value);
}

bool restore_setting_later(const char *path)
{
	char buf[128], *p;

	if (!read_file(path, buf, sizeof(buf)))
		return false;
	p = strchr(buf, '[');
	p = p ? p + 1 : buf;
	p[strcspn(p, "]\n")] = '\0';
	restore_later(path, p);
	return true;
}

bool set_for_now(const char *path, const char *value)
{
	return restore_setting_later(path) && write_file(path, value);
}

void rmdir_later(int dirfd, const char *name)
{
	tell(MSG_RMDIR, dirfd, name, strlen(name) + 1);
}

void blind_to(const char *change, const char *why)
{
	char text[MSG_TEXT_MAX];
	int n = snprintf(text, sizeof(text), "%s%c%s", change, '\0', why);

	NEED(n > 0 && n < (int)sizeof(text), "reason too long: %s", why);
	tell(MSG_BLIND, -1, text, n + 1);
}

void abort_later(int fd, const char *dir)
{
	tell(MSG_ABORT, fd, dir, strlen(dir) + 1);
}

/* Without such a descriptor it is one of many to be killed. */
void server_later(pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);

	tell(MSG_SERVER, fd, "", 1);
	if (fd >= 0)
		close(fd);
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

unsigned int scaled_ms(unsigned int ms)
{
	return ms * time_scale;
}

unsigned int prompt_ms(void)
{
	return scaled_ms(5000);
}

void poll_pause(unsigned int *step)
{
	struct timespec ts = { .tv_nsec = 1000000L << *step };

	nanosleep(&ts, NULL);
	if (*step < 6)
		++*step;
}

size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

void stay_on_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	NEED(!sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity: %s",
	     strerror(errno));
}

uint64_t test_seed(void)
{
	return run_seed + repetition;
}

static struct actor_state *self;

static struct {
	long (*fn)(void *arg);
	void *arg;
} actor_call;

struct actor_state *actor_self(void)
{
	return self;
}

void actor_begin(void)
{
	self->t_begun = now_ns();
	self->begun = 1;
}

static int actor_main(void *unused)
{
	(void)unused;
	errno = 0;
	self->ret = actor_call.fn(actor_call.arg);
	self->err = errno;
	self->t_done = now_ns();
	self->done = 1;
	return 0;
}

void actor_start(struct actor *a, long (*fn)(void *arg), void *arg)
{
	const size_t size = 256 << 10;
	static char *stack;

	/* The child gets a copy of it, so all actors may use the same. */
	if (!stack)
		stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	a->st = mmap(NULL, sizeof(*a->st), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	NEED(stack != MAP_FAILED && a->st != MAP_FAILED,
	     "expected memory for an actor, got %s", strerror(errno));
	self = a->st;
	actor_call.fn = fn;
	actor_call.arg = arg;
	a->pid = clone(actor_main, stack + size, CLONE_FILES | SIGCHLD, NULL);
	NEED(a->pid > 0, "clone of an actor: expected a pid, got %s",
	     strerror(errno));
}

void actor_prepare(struct actor *a, long (*fn)(void *arg), void *arg)
{
	uint64_t go;

	a->st = mmap(NULL, sizeof(*a->st), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	a->go_fd = eventfd(0, EFD_CLOEXEC);
	NEED(a->st != MAP_FAILED && a->go_fd >= 0,
	     "expected memory and an eventfd for an actor, got %s",
	     strerror(errno));
	a->pid = fork();
	NEED(a->pid >= 0, "fork of an actor: expected a pid, got %s",
	     strerror(errno));
	if (a->pid)
		return;
	self = a->st;
	if (read(a->go_fd, &go, sizeof(go)) != sizeof(go))
		_exit(1);
	actor_call.fn = fn;
	actor_call.arg = arg;
	_exit(actor_main(NULL));
}

void actor_go(struct actor *a)
{
	uint64_t one = 1;

	NEED(write(a->go_fd, &one, sizeof(one)) == sizeof(one),
	     "eventfd of an actor: %s", strerror(errno));
}

bool actor_done(struct actor *a, unsigned int ms)
{
	return wait_until(a->st->done, ms);
}

/* Only /proc/PID/stat: it takes no lock that a stuck task may hold. */
char actor_task_state(const struct actor *a)
{
	char path[64], buf[512], *p;

	snprintf(path, sizeof(path), "/proc/%d/stat", a->pid);
	if (!read_file(path, buf, sizeof(buf)))
		return '?';
	p = strrchr(buf, ')');
	return p && p[1] == ' ' ? p[2] : '?';
}

static bool asleep(const struct actor *a)
{
	char c = actor_task_state(a);

	return c == 'D' || c == 'S';
}

bool actor_blocks(struct actor *a)
{
	unsigned int seen = 0;
	unsigned int step = 6;
	uint64_t end;

	if (!wait_until(a->st->begun || a->st->done, scaled_ms(5000)))
		return false;
	end = now_ns() + scaled_ms(3000) * 1000000ULL;
	while (!a->st->done && now_ns() < end) {
		seen = asleep(a) ? seen + 1 : 0;
		if (seen == 4)
			return !a->st->done;
		poll_pause(&step);
	}
	return false;
}

void show_stack(pid_t pid)
{
	char path[64], buf[2048], *line, *save = NULL;

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	if (!read_file(path, buf, sizeof(buf)))
		return;
	for (line = strtok_r(buf, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		diag("  %s", line);
}
