// SPDX-License-Identifier: GPL-2.0
// The supervisor: runs one test in a process of its own and survives it.
//
// It never touches the file system under test: no open, no stat, no readlink
// of a victim's cwd, no cmdline of a task that may hold its mmap lock.  All it
// needs to end a test that hangs is opened while the kernel is still well.
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

#define FUSECTL_DIR	"/sys/fs/fuse/connections"
#define FUSECTL_MAGIC	0x65735543
#define DEFAULT_LIMIT	60
#define NO_COUNTER	-1L

struct later {
	char kind;
	int fd;
	char path[MSG_TEXT_MAX + 1];
	char value[64];
};

struct run {
	struct outcome *o;
	pid_t pid;
	bool alive;
	bool ended;		/* said pass, fail, skip or broken */
	int status;
	int ctl;
	int ns_fd;
	char dir[64];
	struct later later[16];
	int nlater;
};

static int kmsg_fd = -1;
static volatile sig_atomic_t got_signal;

static void on_signal(int sig)
{
	got_signal = sig;
}

bool interrupted(void)
{
	return got_signal;
}

/*
 * How much slower than a machine of today this one is, emulation included: a
 * fixed amount of work takes such a machine about ten milliseconds.
 */
unsigned int measured_scale(void)
{
	uint64_t t, best = ~0ULL;
	volatile uint32_t x = 1;
	unsigned int scale;
	int i, j;

	for (i = 0; i < 3; i++) {
		t = now_ns();
		for (j = 0; j < 4000000; j++) {
			x ^= x << 13;
			x ^= x >> 17;
			x ^= x << 5;
		}
		t = now_ns() - t;
		if (t < best)
			best = t;
	}
	scale = best / 50000000 + 1;
	return scale > 16 ? 16 : scale;
}

bool supervisor_init(char *why, size_t size)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct statfs sf;

	if (unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		snprintf(why, size, "private mount namespace: %s",
			 strerror(errno));
		return false;
	}
	if (statfs(FUSECTL_DIR, &sf) ||
	    ((unsigned long)sf.f_type != FUSECTL_MAGIC &&
	     mount("none", FUSECTL_DIR, "fusectl", 0, NULL))) {
		snprintf(why, size, "fusectl on %s: %s", FUSECTL_DIR,
			 strerror(errno));
		return false;
	}
	/* Orphans of a test come to us, so that nothing is left unreaped. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	write_file("/proc/self/oom_score_adj", "-1000");
	mlockall(MCL_CURRENT | MCL_FUTURE);
	kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	return true;
}

static void __attribute__((noreturn)) test_process(const struct test *t,
						   int ctl)
{
	int null = open("/dev/null", O_RDWR);

	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	setsid();
	control_fd = ctl;
	write_file("/proc/self/oom_score_adj", "0");
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
	}
	NEED(!unshare(CLONE_NEWNS) &&
	     !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL),
	     "private mount namespace: %s", strerror(errno));
	this_test = t;
	t->run();
	test_pass();
}

/* Call @fn for each process of session @sid that is not a zombie. */
static int each_task(pid_t sid, void (*fn)(pid_t pid, char state, void *arg),
		     void *arg)
{
	char path[300], buf[512], *p, state;
	struct dirent *de;
	int session, n = 0;
	DIR *d = opendir("/proc");

	if (!d)
		return 0;
	while ((de = readdir(d))) {
		if (!isdigit((unsigned char)de->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", de->d_name);
		if (!read_file(path, buf, sizeof(buf)))
			continue;
		p = strrchr(buf, ')');
		if (!p || sscanf(p + 1, " %c %*d %*d %d", &state,
				 &session) != 2)
			continue;
		if (session != sid || state == 'Z' || state == 'X')
			continue;
		n++;
		if (fn)
			fn(atoi(de->d_name), state, arg);
	}
	closedir(d);
	return n;
}

static void kill_task(pid_t pid, char state, void *arg)
{
	(void)state;
	(void)arg;
	kill(pid, SIGKILL);
}

static void show_task(pid_t pid, char state, void *arg)
{
	char path[64], buf[2048], *line, *save = NULL;
	bool all = *(bool *)arg;

	if (!all && state != 'D')
		return;
	result_diag("task %d in state %c", pid, state);
	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	if (!read_file(path, buf, sizeof(buf)))
		return;
	for (line = strtok_r(buf, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		result_diag("  %s", line);
}

static void reap(struct run *r)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == r->pid) {
			r->alive = false;
			r->status = status;
		}
	}
}

/*
 * Do @fn in a process of its own: if the kernel holds that for ever, the
 * supervisor goes on without it.
 */
static bool in_helper(struct run *r, void (*fn)(struct run *r),
		      unsigned int ms)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		fn(r);
		_exit(0);
	}
	return pid > 0 && wait_until(waitpid(pid, &status, WNOHANG) == pid,
				     ms);
}

static void abort_connections(struct run *r)
{
	int i;

	for (i = 0; i < r->nlater; i++)
		if (r->later[i].kind == MSG_ABORT &&
		    write(r->later[i].fd, "1", 1) < 0)
			continue;
}

static void detach_mount(struct run *r)
{
	if (!setns(r->ns_fd, CLONE_NEWNS))
		umount2(r->dir, MNT_DETACH | MNT_FORCE);
}

/* "online" is what a memory block says that was put "online_movable". */
static bool is_back(const char *path, const char *value)
{
	char now[64];

	if (!read_file(path, now, sizeof(now)))
		return false;
	now[strcspn(now, "\n")] = '\0';
	return now[0] && !strncmp(now, value, strlen(now));
}

static void put_back(struct run *r)
{
	int i;

	for (i = r->nlater - 1; i >= 0; i--) {
		const struct later *l = &r->later[i];

		if (l->kind == MSG_RESTORE && !is_back(l->path, l->value) &&
		    !write_file(l->path, l->value))
			result_diag("%s: expected to put '%s' back, got %s",
				    l->path, l->value, strerror(errno));
		else if (l->kind == MSG_RMDIR &&
			 (!wait_until(!unlinkat(l->fd, l->path,
						AT_REMOVEDIR) ||
				      errno != EBUSY, scaled_ms(5000)) ||
			  !wait_until(faccessat(l->fd, l->path, F_OK, 0),
				      0)))
			result_diag("%s: expected to remove it, got %s",
				    l->path, strerror(errno));
	}
}

static void end_with(struct run *r, enum verdict v, const char *why)
{
	r->ended = true;
	r->o->verdict = v;
	snprintf(r->o->why, sizeof(r->o->why), "%s", why);
}

static void remember(struct run *r, const struct message *m, int fd)
{
	struct later *l = &r->later[r->nlater];
	const char *value = m->text + strlen(m->text) + 1;
	char path[64];

	if (r->nlater == sizeof(r->later) / sizeof(r->later[0])) {
		end_with(r, BROKEN, "too many things to put back");
		return;
	}
	r->nlater++;
	l->kind = m->kind;
	l->fd = fd;
	snprintf(l->path, sizeof(l->path), "%s", m->text);
	l->value[0] = '\0';
	if (m->kind == MSG_RESTORE)
		snprintf(l->value, sizeof(l->value), "%s", value);
	if (m->kind == MSG_ABORT && r->ns_fd < 0) {
		snprintf(path, sizeof(path), "/proc/%d/ns/mnt", r->pid);
		r->ns_fd = open(path, O_RDONLY | O_CLOEXEC);
		snprintf(r->dir, sizeof(r->dir), "%.63s", m->text);
	}
}

/* Take one message; false if there is none now. */
static bool take_message(struct run *r)
{
	struct message m;
	struct iovec iov = { .iov_base = &m, .iov_len = sizeof(m) - 1 };
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} u;
	struct msghdr h = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = u.buf, .msg_controllen = sizeof(u.buf),
	};
	struct cmsghdr *c;
	int fd = -1;
	ssize_t n;

	memset(&m, 0, sizeof(m));
	n = recvmsg(r->ctl, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return false;
	c = CMSG_FIRSTHDR(&h);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	if (r->ended && m.kind != MSG_DIAG) {
		if (fd >= 0)
			close(fd);
		return true;
	}
	switch (m.kind) {
	case MSG_DIAG:
		result_diag("%s", m.text);
		break;
	case MSG_PASS:
		end_with(r, PASS, "");
		break;
	case MSG_FAIL:
		end_with(r, FAIL, m.text);
		break;
	case MSG_SKIP:
		end_with(r, SKIP, m.text);
		break;
	case MSG_BROKEN:
		end_with(r, BROKEN, m.text);
		break;
	case MSG_BLIND:
		snprintf(r->o->blind, sizeof(r->o->blind), "%.7s", m.text);
		snprintf(r->o->blind_why, sizeof(r->o->blind_why), "%.255s",
			 m.text + strlen(m.text) + 1);
		break;
	case MSG_RESTORE:
	case MSG_RMDIR:
	case MSG_ABORT:
		remember(r, &m, fd);
		break;
	}
	return true;
}

static void listen_until(struct run *r, uint64_t deadline)
{
	struct pollfd pfd = { .fd = r->ctl, .events = POLLIN };
	bool was_alive;

	while (!r->ended && !interrupted()) {
		was_alive = r->alive;
		if (take_message(r))
			continue;
		if (!was_alive || now_ns() >= deadline)
			break;
		poll(&pfd, 1, 20);
		reap(r);
	}
}

static void judge_silence(struct run *r, unsigned int limit)
{
	char why[128];

	if (r->ended)
		return;
	if (interrupted())
		snprintf(why, sizeof(why), "interrupted by signal %d",
			 (int)got_signal);
	else if (r->alive)
		snprintf(why, sizeof(why),
			 "expected a result within %u s, got none", limit);
	else if (WIFSIGNALED(r->status))
		snprintf(why, sizeof(why),
			 "expected a result, got death by signal %d (%s)",
			 WTERMSIG(r->status), strsignal(WTERMSIG(r->status)));
	else
		snprintf(why, sizeof(why),
			 "expected a result, got exit with status %d",
			 WEXITSTATUS(r->status));
	end_with(r, interrupted() ? BROKEN : r->alive ? TIMEOUT : FAIL, why);
}

/* Bring the test to its end, step by step harder. */
static void end_test(struct run *r)
{
	bool clean = r->o->verdict == PASS || r->o->verdict == SKIP;
	bool all = r->o->verdict == TIMEOUT;
	int left;

	if (clean && !wait_until((reap(r), !r->alive), scaled_ms(10000))) {
		end_with(r, FAIL, "expected the process of a test that ended "
			 "to exit, got it stuck");
		clean = false;
		all = true;
	}
	if (!clean) {
		each_task(r->pid, show_task, &all);
		if (!in_helper(r, abort_connections, scaled_ms(5000)))
			result_diag("abort through fusectl does not return");
	}
	wait_until((left = each_task(r->pid, kill_task, NULL), reap(r), !left),
		   scaled_ms(15000));
	if (!left)
		return;
	all = true;
	result_diag("%d processes cannot be killed after the abort", left);
	each_task(r->pid, show_task, &all);
	if (r->ns_fd >= 0)
		in_helper(r, detach_mount, scaled_ms(5000));
	wait_until((left = each_task(r->pid, kill_task, NULL), reap(r), !left),
		   scaled_ms(2000));
	r->o->tainted = left;
}

static void check_counter(struct run *r, const char *key, long base)
{
	char why[128];
	long now = base;

	/* Newer kernels have no nr_writeback_temp. */
	if (base == NO_COUNTER ||
	    wait_until(vmstat_read(key, &now) && now <= base, scaled_ms(5000)))
		return;
	snprintf(why, sizeof(why),
		 "expected %s to return to %ld after the test, got %ld", key,
		 base, now);
	if (r->o->verdict == PASS)
		end_with(r, FAIL, why);
	else
		result_diag("%s", why);
}

/* What the kernel itself complained about while the test ran. */
static void check_log(struct run *r)
{
	static const char *const words[] = {
		"WARNING: ", "BUG: ", "Oops", "general protection fault",
		"kernel BUG at", "KASAN", "refcount_t:", "Bad page",
	};
	char rec[8192], *text;
	ssize_t n;
	size_t i;

	if (kmsg_fd < 0)
		return;
	while ((n = read(kmsg_fd, rec, sizeof(rec) - 1)) > 0 ||
	       (n < 0 && errno == EPIPE)) {
		if (n < 0)
			continue;
		rec[n] = '\0';
		text = strchr(rec, ';');
		/* Facility 0 is the kernel's own. */
		if (!text || strtoul(rec, NULL, 10) >= 8)
			continue;
		*strchrnul(++text, '\n') = '\0';
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strstr(text, words[i]))
				break;
		if (i == sizeof(words) / sizeof(words[0]))
			continue;
		result_diag("kernel log: %s", text);
		if (r->o->verdict == PASS || r->o->verdict == SKIP)
			end_with(r, FAIL, "expected no complaint in the kernel "
				 "log, got one");
	}
}

void run_test(const struct test *t, struct outcome *o)
{
	unsigned int limit = (t->limit ? t->limit : DEFAULT_LIMIT) * time_scale;
	struct run r = { .o = o, .alive = true, .ns_fd = -1 };
	long writeback = 0, temp = 0;
	uint64_t start = now_ns();
	int sv[2], i;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv)) {
		end_with(&r, BROKEN, "expected a socket pair, got none");
		return;
	}
	if (kmsg_fd >= 0)
		lseek(kmsg_fd, 0, SEEK_END);
	if (!vmstat_read("nr_writeback", &writeback))
		writeback = NO_COUNTER;
	if (!vmstat_read("nr_writeback_temp", &temp))
		temp = NO_COUNTER;
	fflush(NULL);

	r.pid = fork();
	if (!r.pid) {
		close(sv[0]);
		test_process(t, sv[1]);
	}
	close(sv[1]);
	r.ctl = sv[0];
	if (r.pid < 0) {
		end_with(&r, BROKEN, "expected a process for the test, "
			 "got none");
		close(sv[0]);
		return;
	}
	listen_until(&r, start + limit * 1000000000ULL);
	judge_silence(&r, limit);
	end_test(&r);
	while (take_message(&r))
		;
	in_helper(&r, put_back, scaled_ms(10000));
	if (!o->tainted) {
		check_counter(&r, "nr_writeback", writeback);
		check_counter(&r, "nr_writeback_temp", temp);
	}
	check_log(&r);
	for (i = 0; i < r.nlater; i++)
		if (r.later[i].fd >= 0)
			close(r.later[i].fd);
	if (r.ns_fd >= 0)
		close(r.ns_fd);
	close(r.ctl);
	o->ms = (now_ns() - start) / 1000000;
}
