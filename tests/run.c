// SPDX-License-Identifier: GPL-2.0
// The supervisor: runs one test in a process of its own and survives it.
//
// It never touches the file system under test: no open, no stat, no readlink
// of a victim's cwd, no cmdline of a task that may hold its mmap lock.  All it
// needs to end a test that hangs is opened while the kernel is still well, and
// what may not return all the same is done by a helper with a deadline.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"
#include "tasks.h"

#define FUSECTL_DIR	"/sys/fs/fuse/connections"
#define FUSECTL_MAGIC	0x65735543
#define PROC_MAGIC	0x9fa0
#define DEFAULT_LIMIT	60
#define NO_COUNTER	-1L
#define NOTE_MAX	4096

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
	bool childless;		/* there is no process left to end */
	bool ended;		/* said pass, fail, skip or broken */
	bool stays;		/* said fail or broken, and waits for its end */
	int status;
	int ctl;
	int ns_fd;
	char dir[64];
	struct later later[48];
	int nlater;
};

bool rootless;

/* What a helper has to say, for us to say it. */
static char *note;

static bool have_fusectl;
static bool counters_stuck;
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

/*
 * What every test does first, once, so that a machine that does not allow it
 * says so before there is a plan.  Where there is no answer from a server, the
 * mount does not wait for one.
 */
static int try_mount(void *unused)
{
	static const char *const bases[] = { "/tmp", "/mnt", "/run" };
	char opt[64];
	struct stat st;
	size_t i;
	int dev;

	(void)unused;
	for (i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
		if (!stat(bases[i], &st) && S_ISDIR(st.st_mode))
			break;
	if (i == sizeof(bases) / sizeof(bases[0]))
		return ENOENT;
	dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (dev < 0 || unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) ||
	    mount("fusewb", bases[i], "tmpfs", 0, "size=1m,mode=700"))
		return errno;
	snprintf(opt, sizeof(opt), "fd=%d,rootmode=40000,user_id=0,group_id=0",
		 dev);
	if (mount("fusewb-smoke", bases[i], "fuse.fusewb-smoke",
		  MS_NOSUID | MS_NODEV, opt))
		return errno;
	return umount2(bases[i], MNT_DETACH) ? errno : 0;
}

static bool own_user_namespace(char *why, size_t size)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWUSER)) {
		snprintf(why, size, "not root, and no user namespace: %s",
			 strerror(errno));
		return false;
	}
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (write_file("/proc/self/uid_map", map)) {
		snprintf(map, sizeof(map), "0 %u 1", gid);
		if (write_file("/proc/self/gid_map", map))
			return rootless = true;
	}
	snprintf(why, size, "not root, and no root in a user namespace: %s",
		 strerror(errno));
	return false;
}

/* Loads the module where there is one. */
static bool have_fuse(char *why, size_t size)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		snprintf(why, size, "%s/dev/fuse: %s", geteuid() ?
			 "not root, and no use of " :
			 "no FUSE in this kernel: ", strerror(errno));
		return false;
	}
	close(fd);
	return true;
}

static bool mounted(const char *dir, long magic)
{
	struct statfs sf;

	return !statfs(dir, &sf) && (long)sf.f_type == magic;
}

/*
 * Umounts elsewhere reach our namespace, or it would keep a file system busy;
 * nothing that is mounted here is seen outside.
 */
static bool own_mount_namespace(char *why, size_t size)
{
	if (unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL)) {
		snprintf(why, size, "no mount namespace: %s", strerror(errno));
		return false;
	}
	if (!mounted("/proc", PROC_MAGIC) &&
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  NULL)) {
		snprintf(why, size, "needs /proc: %s", strerror(errno));
		return false;
	}
	have_fusectl = mounted(FUSECTL_DIR, FUSECTL_MAGIC) ||
		       !mount("none", FUSECTL_DIR, "fusectl", 0, NULL);
	if (!have_fusectl)
		result_diag("fusectl on %s: %s: a test that hangs is ended by "
			    "killing its server", FUSECTL_DIR, strerror(errno));
	return true;
}

static void protect(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	/* Orphans of a test come to us, so that nothing is left unreaped. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	write_file("/proc/self/oom_score_adj", "-1000");
	/* With a limit on it, it would make allocations fail. */
	if (!rootless)
		mlockall(MCL_CURRENT | MCL_FUTURE);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* False with the reason if no test can run here. */
bool supervisor_init(char *why, size_t size)
{
	int err;

	if (!have_fuse(why, size) ||
	    (geteuid() && !own_user_namespace(why, size)) ||
	    !own_mount_namespace(why, size))
		return false;
	note = mmap(NULL, NOTE_MAX, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (note == MAP_FAILED) {
		snprintf(why, size, "no memory: %s", strerror(errno));
		return false;
	}
	if (!guard_init()) {
		snprintf(why, size, "no process to end the tests if this one "
			 "is killed: %s", strerror(errno));
		return false;
	}
	protect();
	tasks_init();
	err = in_helper(try_mount, NULL, scaled_ms(HELPER_MS));
	if (err) {
		snprintf(why, size, "no mount of FUSE%s: %s", rootless ?
			 " in a user namespace" : "", strerror(err));
		return false;
	}
	if (rootless)
		result_diag("not root: tests run in a user namespace, and what "
			    "needs root is skipped");
	if (!klog_init())
		result_diag("/dev/kmsg: %s: complaints of the kernel in its "
			    "log go unseen", strerror(errno));
	return true;
}

static void __attribute__((noreturn)) test_process(const struct test *t,
						   int ctl)
{
	int null;

	setsid();
	control_fd = ctl;
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	/* Of all processes of the machine, this one is to go first. */
	write_file("/proc/self/oom_score_adj", "1000");
	null = open("/dev/null", O_RDWR);
	NEED(null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 &&
	     dup2(null, 2) == 2, "/dev/null: expected to open it, got %s",
	     strerror(errno));
	NEED(!unshare(CLONE_NEWNS) &&
	     !mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL),
	     "mount namespace: expected one, got %s", strerror(errno));
	this_test = t;
	t->run();
	test_pass();
}

static void say_task(const struct task *t, void *arg)
{
	show_task(t, *(bool *)arg, false, result_diag);
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
	r->childless = pid < 0 && errno == ECHILD;
	klog_take();
}

/* How many processes of the test are left to kill; -1 is some. */
static int kill_all(struct run *r)
{
	int left = 0;

	reap(r);
	if (r->childless)
		return 0;
	left = each_task(kill_task, NULL);
	/* Nobody else has its number, nor that of its group, until we reap. */
	if (left < 0 && r->alive) {
		kill(r->pid, SIGKILL);
		kill(-r->pid, SIGKILL);
	}
	reap(r);
	return r->childless ? 0 : left;
}

static int abort_connections(void *arg)
{
	struct run *r = arg;
	int i, err = 0;

	for (i = 0; i < r->nlater; i++) {
		if (r->later[i].kind != MSG_ABORT)
			continue;
		if (r->later[i].fd < 0)
			err = ENOENT;
		else if (write(r->later[i].fd, "1", 1) < 0)
			err = errno;
	}
	return err;
}

/* The last who has /dev/fuse open takes the connection with him. */
static void kill_servers(struct run *r)
{
	int i;

	for (i = 0; i < r->nlater; i++)
		if (r->later[i].kind == MSG_SERVER && r->later[i].fd >= 0)
			pidfd_kill(r->later[i].fd);
}

static bool has_mount(const struct run *r)
{
	int i;

	for (i = 0; i < r->nlater; i++)
		if (r->later[i].kind == MSG_ABORT)
			return true;
	return false;
}

static void end_connections(struct run *r)
{
	int err = 0;

	if (!has_mount(r))
		return;
	err = in_helper(abort_connections, r, scaled_ms(HELPER_MS));
	/* No process for it: it is only a write to a file of the kernel's. */
	if (err == EAGAIN || err == ENOMEM)
		err = abort_connections(r);
	if (!err)
		return;
	/* Without fusectl it has been said at the head of the run. */
	if (have_fusectl)
		result_diag("abort through fusectl: %s: the server is killed "
			    "instead", err == ETIMEDOUT ? "does not return" :
			    strerror(err));
	kill_servers(r);
}

static int detach_mount(void *arg)
{
	struct run *r = arg;

	if (setns(r->ns_fd, CLONE_NEWNS) ||
	    umount2(r->dir, MNT_DETACH | MNT_FORCE))
		return errno;
	return 0;
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

static void __attribute__((format(printf, 1, 2))) add_note(const char *fmt, ...)
{
	size_t len = strlen(note);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(note + len, NOTE_MAX - len, fmt, ap);
	va_end(ap);
}

static bool write_back(const struct later *l)
{
	size_t len = strlen(l->value);

	if (l->fd < 0)
		return write_file(l->path, l->value);
	return write(l->fd, l->value, len) == (ssize_t)len;
}

static int put_back(void *arg)
{
	struct run *r = arg;
	int i;

	for (i = r->nlater - 1; i >= 0; i--) {
		const struct later *l = &r->later[i];

		if (l->kind == MSG_RESTORE && !is_back(l->path, l->value) &&
		    !write_back(l))
			add_note("%s: expected to put '%s' back, got %s; ",
				 l->path, l->value, strerror(errno));
		else if (l->kind == MSG_RMDIR &&
			 (!wait_until(!unlinkat(l->fd, l->path,
						AT_REMOVEDIR) ||
				      errno != EBUSY, scaled_ms(HELPER_MS)) ||
			  !wait_until(faccessat(l->fd, l->path, F_OK, 0),
				      0)))
			add_note("%s: expected to remove it, got %s; ",
				 l->path, strerror(errno));
	}
	return 0;
}

static void put_all_back(struct run *r)
{
	int i, err = 0;

	for (i = 0; i < r->nlater; i++)
		if (r->later[i].kind == MSG_RESTORE ||
		    r->later[i].kind == MSG_RMDIR)
			break;
	if (i == r->nlater)
		return;
	note[0] = '\0';
	err = in_helper(put_back, r, scaled_ms(2 * HELPER_MS));
	if (err)
		result_diag("expected to put back what the test has changed, "
			    "got %s", strerror(err));
	if (note[0])
		result_diag("%s", note);
}

static void end_with(struct run *r, enum verdict v, const char *why)
{
	char *p;

	r->ended = true;
	r->o->verdict = v;
	snprintf(r->o->why, sizeof(r->o->why), "%s", why);
	/* It may become part of a line of results. */
	for (p = r->o->why; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
}

/*
 * A test ends once.  What comes after that is of a process that should not be
 * there, and a failure that it saw is one.
 */
static void end_again(struct run *r, const struct message *m)
{
	char why[sizeof(r->o->why)];

	if (m->kind == MSG_FAIL && r->o->verdict != FAIL) {
		end_with(r, FAIL, m->text);
	} else if (r->o->verdict == PASS || r->o->verdict == SKIP) {
		snprintf(why, sizeof(why), "expected one result, got %s and "
			 "then '%c' %.400s", verdict_name(r->o->verdict),
			 m->kind, m->text);
		end_with(r, BROKEN, why);
	}
}

static void remember(struct run *r, const struct message *m, int fd)
{
	struct later *l = &r->later[r->nlater];
	const char *value = m->text + strlen(m->text) + 1;
	char path[64];

	if (r->nlater == sizeof(r->later) / sizeof(r->later[0])) {
		end_with(r, BROKEN, "too many things to put back");
		if (fd >= 0)
			close(fd);
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

static bool is_end(char kind)
{
	return kind == MSG_PASS || kind == MSG_FAIL || kind == MSG_SKIP ||
	       kind == MSG_BROKEN;
}

static void take_one(struct run *r, const struct message *m, int fd)
{
	char why[sizeof(r->o->why)];

	r->stays |= m->kind == MSG_FAIL || m->kind == MSG_BROKEN;
	if (r->ended && is_end(m->kind)) {
		end_again(r, m);
		return;
	}
	switch (m->kind) {
	case MSG_DIAG:
		result_diag("%s", m->text);
		break;
	case MSG_PASS:
		end_with(r, PASS, "");
		break;
	case MSG_FAIL:
		end_with(r, FAIL, m->text);
		break;
	case MSG_SKIP:
		end_with(r, SKIP, m->text);
		break;
	case MSG_BROKEN:
		/* A test that needs root without knowing it. */
		if (rootless)
			snprintf(why, sizeof(why), "without root it cannot be "
				 "set up: %.440s", m->text);
		end_with(r, rootless ? SKIP : BROKEN, rootless ? why : m->text);
		break;
	case MSG_BLIND:
		snprintf(r->o->blind, sizeof(r->o->blind), "%.7s", m->text);
		snprintf(r->o->blind_why, sizeof(r->o->blind_why), "%.255s",
			 m->text + strlen(m->text) + 1);
		break;
	case MSG_RESTORE:
	case MSG_RMDIR:
	case MSG_ABORT:
	case MSG_SERVER:
		remember(r, m, fd);
		break;
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

	memset(&m, 0, sizeof(m));
	if (recvmsg(r->ctl, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
		return false;
	c = CMSG_FIRSTHDR(&h);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	take_one(r, &m, fd);
	return true;
}

static void listen_until(struct run *r, uint64_t deadline)
{
	struct pollfd pfd = { .fd = r->ctl, .events = POLLIN };
	bool was_alive;

	while (!r->ended && !interrupted()) {
		was_alive = r->alive;
		if (take_message(r)) {
			/* It may talk for ever. */
			if (now_ns() >= deadline)
				break;
			continue;
		}
		if (!was_alive || now_ns() >= deadline)
			break;
		poll(&pfd, 1, 20);
		reap(r);
	}
}

/* As many as a socket can hold, and not as many as somebody can send. */
static void listen_to_the_rest(struct run *r)
{
	int i;

	for (i = 0; i < 4096 && take_message(r); i++)
		;
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

static int collect(void *arg)
{
	struct run *r = arg;
	int i, n = 0, fds[sizeof(r->later) / sizeof(r->later[0])];

	for (i = 0; i < r->nlater; i++)
		if (r->later[i].kind == MSG_ABORT && r->later[i].fd >= 0)
			fds[n++] = r->later[i].fd;
	bundle_collect(fds, n);
	return 0;
}

/* Bring the test to its end, step by step harder. */
static void end_test(struct run *r)
{
	bool clean = (r->o->verdict == PASS || r->o->verdict == SKIP) &&
		     !r->stays;
	bool all = r->o->verdict == TIMEOUT;
	int left;

	if (clean && !wait_until((reap(r), listen_to_the_rest(r),
				  !r->alive || r->stays), scaled_ms(EXIT_MS))) {
		end_with(r, FAIL, "expected the process of a test that ended "
			 "to exit, got it stuck");
		clean = false;
		all = true;
	}
	if (!clean || r->stays) {
		if (bundle_wanted() &&
		    in_helper(collect, r, scaled_ms(HELPER_MS)))
			result_diag("bundle: expected to collect what the "
				    "kernel says, got nothing");
		each_task(say_task, &all);
		end_connections(r);
	}
	if (wait_until(!(left = kill_all(r)), scaled_ms(KILL_MS)))
		return;
	all = true;
	if (left < 0)
		result_diag("processes of the test are left, and /proc does "
			    "not tell which");
	else
		result_diag("%d processes cannot be killed after the abort",
			    left);
	each_task(say_task, &all);
	kill_servers(r);
	if (r->ns_fd >= 0)
		in_helper(detach_mount, r, scaled_ms(HELPER_MS));
	wait_until(!(left = kill_all(r)), scaled_ms(2000));
	r->o->tainted = left;
	if (left && r->o->verdict != TIMEOUT)
		end_with(r, FAIL, "expected all processes of the test to end, "
			 "got some that cannot be killed");
}

static int refresh(void *unused)
{
	(void)unused;
	vmstat_refresh();
	return 0;
}

static bool look(const char *key, long *value)
{
	if (!counters_stuck &&
	    in_helper(refresh, NULL, scaled_ms(HELPER_MS)) == ETIMEDOUT)
		counters_stuck = true;
	return !counters_stuck && vmstat_look(key, value);
}

/* Somebody else writes, and what the counter says is not about the test. */
static bool moves(const char *key, long *now)
{
	long first = *now;

	return wait_until(!look(key, now) || *now != first, 1000);
}

static void check_counter(struct run *r, const char *key, long base)
{
	char why[128];
	long now = base;

	/* Newer kernels have no nr_writeback_temp. */
	if (base == NO_COUNTER ||
	    wait_until(!look(key, &now) || now <= base, scaled_ms(HELPER_MS)))
		return;
	if (!alone() || moves(key, &now)) {
		result_diag("%s was %ld before the test and is %ld, and %s: "
			    "not checked", key, base, now, alone() ?
			    "moves by itself" : "another fusewb-smoke runs");
		return;
	}
	snprintf(why, sizeof(why),
		 "expected %s to return to %ld after the test, got %ld", key,
		 base, now);
	if (r->o->verdict == PASS)
		end_with(r, FAIL, why);
	else
		result_diag("%s", why);
}

static void check_counters(struct run *r, long writeback, long temp)
{
	static bool told;

	/* Without root the kernel keeps a part of them for each processor. */
	if (rootless || r->o->tainted)
		return;
	check_counter(r, "nr_writeback", writeback);
	check_counter(r, "nr_writeback_temp", temp);
	if (!counters_stuck || told)
		return;
	told = true;
	result_diag("a write to /proc/sys/vm/stat_refresh does not return: "
		    "counters are not checked any more");
	if (r->o->verdict == PASS)
		end_with(r, BROKEN, "expected the counters after the test, got "
			 "none");
}

/* What the kernel itself complained about while the test ran. */
static void check_log(struct run *r)
{
	bool well = r->o->verdict == PASS || r->o->verdict == SKIP;

	klog_take();
	if (klog_complaint()[0]) {
		result_diag("kernel log: %s", klog_complaint());
		if (well)
			end_with(r, FAIL, "expected no complaint in the kernel "
				 "log, got one");
	} else if (klog_lost()) {
		result_diag("kernel log: %llu records were overwritten before "
			    "they could be read", klog_lost());
		if (well)
			end_with(r, BROKEN, "expected the whole kernel log of "
				 "the test, got a part");
	}
}

static long base_of(const char *key)
{
	long value;

	return !rootless && look(key, &value) ? value : NO_COUNTER;
}

static bool start_test(struct run *r, const struct test *t)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv)) {
		end_with(r, BROKEN, "expected a socket pair, got none");
		return false;
	}
	r->pid = fork();
	if (!r->pid) {
		close(sv[0]);
		test_process(t, sv[1]);
	}
	close(sv[1]);
	r->ctl = sv[0];
	if (r->pid > 0)
		return true;
	end_with(r, BROKEN, "expected a process for the test, got none");
	close(sv[0]);
	return false;
}

void run_test(const struct test *t, struct outcome *o)
{
	unsigned int limit = (t->limit ? t->limit : DEFAULT_LIMIT) * time_scale;
	struct run r = { .o = o, .alive = true, .ns_fd = -1 };
	uint64_t start = now_ns();
	long writeback, temp;
	int i;

	take_name();
	result_begin();
	klog_begin();
	writeback = base_of("nr_writeback");
	temp = base_of("nr_writeback_temp");
	if (!start_test(&r, t))
		return;
	guard(r.pid);
	listen_until(&r, now_ns() + limit * 1000000000ULL);
	judge_silence(&r, limit);
	end_test(&r);
	guard(0);
	listen_to_the_rest(&r);
	put_all_back(&r);
	check_counters(&r, writeback, temp);
	check_log(&r);
	for (i = 0; i < r.nlater; i++)
		if (r.later[i].fd >= 0)
			close(r.later[i].fd);
	if (r.ns_fd >= 0)
		close(r.ns_fd);
	close(r.ctl);
	o->ms = (now_ns() - start) / 1000000;
	if (!result_ok(t, o))
		bundle_leave(t, o);
}
