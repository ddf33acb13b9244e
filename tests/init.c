// SPDX-License-Identifier: GPL-2.0-only
// PID 1 of the test guest: proves which kernel runs, runs fusewb-smoke, reports, ends.
/*
 * The guest has two serial ports.  ttyS0 is the kernel's console, and nothing
 * on it is ever taken for a result.  ttyS1 carries KTAP, written by this program
 * alone: the suite writes into a pipe.  (Four ports would be tidier, but ISA
 * ports 0 and 2, 1 and 3 share an interrupt that QEMU does not share well.)
 *
 * The KTAP is one outer document of two tests.  The suite's own document is
 * copied into the second with two spaces before each line, so nothing that the
 * suite or one of its servers prints can pass for a line of the outer one:
 *
 *	KTAP version 1
 *	1..2
 *	# init: release 6.1.187-fusewb1-vm
 *	# init: build-id 5f0c…
 *	ok 1 guest-runs-the-packaged-kernel
 *	  KTAP version 1
 *	  1..31
 *	  ok 1 …
 *	# init: alive 14
 *	ok 2 fusewb-smoke
 *	# json: { …
 *	# init: json 5120
 *	# init: exit 0
 *	# init: end
 *
 * "alive" is said when nothing else has been said for some seconds: a silent
 * guest is a dead one, and the host ends it.  "sync before reboot" is said of
 * a last mount that hangs, with which the guest ends.  The suite's JSON comes line by
 * line, then its length in bytes.  If test 1 is not ok the suite is not run: a result of another kernel would
 * say nothing.  "exit" is the suite's exit status, or "signal N", "limit" (it
 * did not end in time) or "not-run".  "end" is the last line of a whole run.
 *
 * A kernel that counts its lines (CONFIG_GCOV_KERNEL) has the counters sent after
 * the JSON, for scripts/coverage: "# gcda: PATH BASE64", a piece a line in order,
 * PATH that of the guest's debugfs, and how many files, "# init: gcda 9".
 *
 * /expected says what to expect and to do, one "key value" a line:
 *
 *	release R	what uname(2) must say
 *	build-id H	what the GNU note in /sys/kernel/notes must say, hex
 *	limit S		seconds that the suite may take
 *	hung-task S	seconds in D state that are a bug of the kernel
 *	arg A		one argument of the suite; as many as there are
 *	root D		an ext4 disk; it becomes the root of what "run" names
 *	run A		one word of a program that runs instead of the suite, and
 *			writes KTAP as the suite does; as many as there are.  It
 *			has the suite as /fusewb-smoke beside it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define SUITE		"/fusewb-smoke"
#define JSON		"/tmp/fusewb-smoke.json"
#define GCOV		"/sys/kernel/debug/gcov"
#define MAX_ARGS	32
#define ALIVE_SECS	2
#define TERM_SECS	10	/* from SIGTERM to SIGKILL */
#define SYNC_SECS	10	/* before a reboot goes on without it */
#define LEFT_SECS	5	/* in D, until that is said */
#define KILL_SECS	10	/* from SIGKILL to leaving it behind */

struct expected {
	char release[128];
	char build_id[128];
	long limit;
	long hung_task;
	char *args[MAX_ARGS + 4];
	int nr_args;
	char *root;
	char *run[MAX_ARGS + 1];
	int nr_run;
};

/* Lines of a pipe, cut out of whatever sizes read(2) returns. */
struct lines {
	int fd;
	const char *prefix;
	size_t len;
	char buf[4096];
};

static int ktap_fd = -1, kmsg_fd = -1;
static long last_said;

static void write_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			return;
		}
		p += n;
		len -= n;
	}
}

static long uptime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static void __attribute__((format(printf, 1, 2))) ktap(const char *fmt, ...)
{
	char buf[4096 + 64];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(buf)) {
		n = sizeof(buf) - 1;
		buf[n - 1] = '\n';
	}
	write_all(ktap_fd, buf, n);
	last_said = uptime();
}

/* What has no place in the results goes to the console, marked as ours. */
static void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	char buf[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(buf))
		n = sizeof(buf) - 1;
	write_all(kmsg_fd >= 0 ? kmsg_fd : 2, buf, n);
}

static ssize_t read_file(const char *path, void *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (len < size && (n = read(fd, (char *)buf + len, size - len)) > 0)
		len += n;
	close(fd);
	return len;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Waits for a child for some seconds; its status, or -1. */
static int wait_for(pid_t pid, int secs)
{
	struct timespec step = { .tv_nsec = 2000000 };
	long end = uptime() + secs;
	int status;

	while (pid > 0 && uptime() <= end) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		nanosleep(&step, NULL);
	}
	return -1;
}

/*
 * What "reboot -f" does, sync(2) and then reboot(2), with a mount whose server
 * never answers: how long the first takes is said here, and that the second
 * ends the guest is what the host sees.
 */
static void hang_a_mount(void)
{
	struct timespec a, b;
	int status;
	pid_t pid;

	mkdir("/tmp/hung", 0700);
	pid = fork();
	if (!pid) {
		execl(SUITE, SUITE, "--hang", "/tmp/hung", NULL);
		_exit(127);
	}
	status = wait_for(pid, 20);
	if (status) {
		ktap("# init: no hung mount to reboot with, status %d\n",
		     status);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &a);
	pid = fork();
	if (!pid) {
		sync();
		_exit(0);
	}
	status = wait_for(pid, SYNC_SECS);
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (status)
		ktap("# init: sync before reboot: stuck\n");
	else
		ktap("# init: sync before reboot: %ld ms\n",
		     (b.tv_sec - a.tv_sec) * 1000 +
		     (b.tv_nsec - a.tv_nsec) / 1000000);
}

/* The guest ends here and nowhere else; QEMU runs with -no-reboot. */
static void __attribute__((noreturn)) leave(void)
{
	if (ktap_fd >= 0)
		tcdrain(ktap_fd);
	/* no sync(2): a file system of a dead server may still be mounted */
	reboot(RB_AUTOBOOT);
	write_file("/proc/sysrq-trigger", "b");
	for (;;)
		pause();
}

static int open_port(const char *path)
{
	struct termios tio;
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0) {
		say("<3>fusewb-init: %s: %s; the kernel needs SERIAL_8250 with two ports\n",
		    path, strerror(errno));
		leave();
	}
	if (!tcgetattr(fd, &tio)) {
		cfmakeraw(&tio);
		cfsetspeed(&tio, B115200);
		tio.c_cflag |= CLOCAL;
		tcsetattr(fd, TCSANOW, &tio);
	}
	return fd;
}

static void mount_one(const char *type, const char *dir, int must)
{
	mkdir(dir, 0755);
	if (!mount(type, dir, type, 0, NULL) || errno == EBUSY)
		return;
	say("<%d>fusewb-init: mount %s on %s: %s\n", must ? 3 : 5, type, dir,
	    strerror(errno));
	if (must)
		leave();
}

static void set_up(void)
{
	int fd;

	umask(022);
	mount_one("devtmpfs", "/dev", 1);
	kmsg_fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	/* there may have been no /dev/console when the kernel looked for it */
	fd = open("/dev/null", O_RDWR);
	if (fd >= 0) {
		dup2(fd, 0);
		if (fd > 2)
			close(fd);
	}
	fd = open("/dev/console", O_RDWR | O_NOCTTY);
	if (fd >= 0) {
		dup2(fd, 1);
		dup2(fd, 2);
		if (fd > 2)
			close(fd);
	}
	mount_one("proc", "/proc", 1);
	mount_one("sysfs", "/sys", 1);
	mount_one("tmpfs", "/tmp", 1);
	chmod("/tmp", 01777);
	mount_one("tmpfs", "/dev/shm", 0);
	mount_one("debugfs", "/sys/kernel/debug", 0);
	mount_one("fusectl", "/sys/fs/fuse/connections", 0);
	ktap_fd = open_port("/dev/ttyS1");
	setenv("PATH", "/", 1);
	setenv("HOME", "/tmp", 1);
	setenv("LC_ALL", "C", 1);
}

static int read_expected(struct expected *e)
{
	static char buf[16384];
	char *line, *save, *value;
	ssize_t len = read_file("/expected", buf, sizeof(buf) - 1);

	if (len <= 0)
		return -EIO;
	buf[len] = '\0';
	e->args[e->nr_args++] = (char *)SUITE;
	for (line = strtok_r(buf, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		value = strchr(line, ' ');
		if (!value)
			return -EINVAL;
		*value++ = '\0';
		if (!strcmp(line, "release"))
			snprintf(e->release, sizeof(e->release), "%s", value);
		else if (!strcmp(line, "build-id"))
			snprintf(e->build_id, sizeof(e->build_id), "%s", value);
		else if (!strcmp(line, "limit"))
			e->limit = atol(value);
		else if (!strcmp(line, "hung-task"))
			e->hung_task = atol(value);
		else if (!strcmp(line, "arg") && e->nr_args < MAX_ARGS)
			e->args[e->nr_args++] = value;
		else if (!strcmp(line, "root"))
			e->root = value;
		else if (!strcmp(line, "run") && e->nr_run < MAX_ARGS)
			e->run[e->nr_run++] = value;
		else
			return -EINVAL;
	}
	e->args[e->nr_args++] = (char *)"--json";
	e->args[e->nr_args++] = (char *)JSON;
	if (!*e->release || !*e->build_id || e->limit <= 0)
		return -EINVAL;
	return 0;
}

/*
 * The kernel's own GNU build-id.  /sys/kernel/notes is the .notes section as
 * it stands in memory, other vendors' notes included.
 */
static int own_build_id(char *hex, size_t size)
{
	static char notes[65536];
	ssize_t len = read_file("/sys/kernel/notes", notes, sizeof(notes));
	size_t pos = 0, name, desc, i;
	Elf64_Nhdr hdr;

	if (len < 0)
		return len;
	while (pos + sizeof(hdr) <= (size_t)len) {
		memcpy(&hdr, notes + pos, sizeof(hdr));
		name = pos + sizeof(hdr);
		desc = name + ((hdr.n_namesz + 3) & ~3UL);
		pos = desc + ((hdr.n_descsz + 3) & ~3UL);
		if (pos > (size_t)len)
			break;
		if (hdr.n_type != NT_GNU_BUILD_ID || hdr.n_namesz != 4 ||
		    memcmp(notes + name, "GNU", 4) ||
		    2 * hdr.n_descsz >= size)
			continue;
		for (i = 0; i < hdr.n_descsz; i++)
			sprintf(hex + 2 * i, "%02x",
				(unsigned char)notes[desc + i]);
		return 0;
	}
	return -ENOENT;
}

/* Says which kernel this is; 0 if it is the expected one. */
static int prove_identity(const struct expected *e)
{
	struct utsname uts;
	char id[128] = "";
	int err;

	uname(&uts);
	err = own_build_id(id, sizeof(id));
	ktap("# init: release %s\n", uts.release);
	ktap("# init: build-id %s\n", err ? "unknown" : id);
	if (!err && !strcmp(uts.release, e->release) &&
	    !strcmp(id, e->build_id)) {
		ktap("ok 1 guest-runs-the-packaged-kernel\n");
		return 0;
	}
	if (strcmp(uts.release, e->release))
		ktap("# expected release %s, got %s\n", e->release,
		     uts.release);
	if (err)
		ktap("# expected build-id %s, got none: /sys/kernel/notes: %s\n",
		     e->build_id, strerror(-err));
	else if (strcmp(id, e->build_id))
		ktap("# expected build-id %s, got %s\n", e->build_id, id);
	ktap("not ok 1 guest-runs-the-packaged-kernel\n");
	return -1;
}

/*
 * The kernel's own watchdogs end the guest.  The suite leaves tasks in D for
 * some seconds on purpose, so a hung task is one that is there for much longer.
 */
static void arm_watchdogs(const struct expected *e)
{
	char secs[32];

	snprintf(secs, sizeof(secs), "%ld", e->hung_task);
	if (write_file("/proc/sys/kernel/hung_task_timeout_secs", secs) ||
	    write_file("/proc/sys/kernel/hung_task_panic", "1"))
		ktap("# init: no hung task detector in this kernel\n");
	write_file("/proc/sys/kernel/hung_task_warnings", "-1");
	if (write_file("/proc/sys/kernel/softlockup_panic", "1"))
		ktap("# init: no soft lockup detector in this kernel\n");
}

static unsigned long tainted(void)
{
	char buf[64] = "";

	read_file("/proc/sys/kernel/tainted", buf, sizeof(buf) - 1);
	return strtoul(buf, NULL, 10);
}

/* One line of /proc/meminfo, in kB; -1 if it is not there. */
static long meminfo(const char *key)
{
	char buf[8192];
	char *p;
	ssize_t len = read_file("/proc/meminfo", buf, sizeof(buf) - 1);

	if (len <= 0)
		return -1;
	buf[len] = '\0';
	p = strstr(buf, key);
	return p ? atol(p + strlen(key)) : -1;
}

/* What the memory layout offers to the tests that take memory offline. */
static void say_memory(void)
{
	struct dirent *d;
	DIR *dir = opendir("/sys/devices/system/memory");
	char path[512], zones[128];
	int blocks = 0, movable = 0, node, per_node[2] = { 0, 0 };
	ssize_t len;

	while (dir && (d = readdir(dir))) {
		if (strncmp(d->d_name, "memory", 6))
			continue;
		blocks++;
		snprintf(path, sizeof(path),
			 "/sys/devices/system/memory/%s/valid_zones", d->d_name);
		len = read_file(path, zones, sizeof(zones) - 1);
		if (len <= 0)
			continue;
		zones[len] = '\0';
		if (strncmp(zones, "Movable", 7))
			continue;
		movable++;
		for (node = 0; node < 2; node++) {
			snprintf(path, sizeof(path),
				 "/sys/devices/system/memory/%s/node%d",
				 d->d_name, node);
			per_node[node] += !access(path, F_OK);
		}
	}
	if (dir)
		closedir(dir);
	ktap("# init: memory %ld MiB, %d blocks, %d movable (node 0: %d, node 1: %d)\n",
	     meminfo("MemTotal:") / 1024, blocks, movable, per_node[0],
	     per_node[1]);
}

/* Whole lines of what has been read go out; a last one without end, at EOF. */
static void forward(struct lines *l, int eof)
{
	char *start = l->buf, *end;

	while ((end = memchr(start, '\n', l->buf + l->len - start))) {
		ktap("%s%.*s\n", l->prefix, (int)(end - start), start);
		start = end + 1;
	}
	l->len -= start - l->buf;
	memmove(l->buf, start, l->len);
	if (l->len == sizeof(l->buf) || (eof && l->len)) {
		ktap("%s%.*s\n", l->prefix, (int)l->len, l->buf);
		l->len = 0;
	}
}

/* Takes what there is; closes at the end.  Returns 0 when nothing is left. */
static int drain(struct lines *l)
{
	ssize_t n;

	while (l->fd >= 0) {
		n = read(l->fd, l->buf + l->len, sizeof(l->buf) - l->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 1;
		if (n <= 0) {
			close(l->fd);
			l->fd = -1;
			forward(l, 1);
			break;
		}
		l->len += n;
		forward(l, 0);
	}
	return 0;
}

/* In the child: the disk is its root, with our /dev, /proc, /sys and /tmp. */
static int enter_root(const char *disk)
{
	static const char *const dirs[] = { "/dev", "/proc", "/sys", "/tmp" };
	char to[64];
	size_t i;
	int fd;

	mkdir("/root", 0755);
	if (mount(disk, "/root", "ext4", 0, NULL))
		return -1;
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(to, sizeof(to), "/root%s", dirs[i]);
		mkdir(to, 0755);
		if (mount(dirs[i], to, NULL, MS_BIND | MS_REC, NULL))
			return -1;
	}
	fd = open("/root" SUITE, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (fd < 0 || close(fd) ||
	    mount(SUITE, "/root" SUITE, NULL, MS_BIND, NULL))
		return -1;
	return chroot("/root");
}

static pid_t start_suite(struct expected *e, struct lines *out,
			 struct lines *err)
{
	int o[2], r[2];
	sigset_t none;
	pid_t pid;

	if (pipe2(o, O_CLOEXEC) || pipe2(r, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		setsid();
		dup2(o[1], 1);
		dup2(r[1], 2);
		if (e->root && enter_root(e->root)) {
			dprintf(2, "%s: %s\n", e->root, strerror(errno));
			_exit(127);
		}
		if (chdir("/tmp"))
			_exit(127);
		execv(e->nr_run ? e->run[0] : SUITE,
		      e->nr_run ? e->run : e->args);
		dprintf(2, "%s: %s\n", e->nr_run ? e->run[0] : SUITE,
			strerror(errno));
		_exit(127);
	}
	close(o[1]);
	close(r[1]);
	fcntl(o[0], F_SETFL, O_NONBLOCK);
	fcntl(r[0], F_SETFL, O_NONBLOCK);
	out->fd = o[0];
	err->fd = r[0];
	return pid;
}

/*
 * Past its limit the suite is asked, then killed, then left behind; the
 * kernel's list of blocked tasks goes to the console before anything is killed.
 */
static void press_on(pid_t pid, long over, int *stage)
{
	if (*stage == 0) {
		say("<3>fusewb-init: the suite did not end in time\n");
		write_file("/proc/sysrq-trigger", "w");
		kill(pid, SIGTERM);
		*stage = 1;
	} else if (*stage == 1 && over >= TERM_SECS) {
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
		*stage = 2;
	}
}

/* Runs the suite; how it ended goes into @how.  0 only if it exited with 0. */
static int run_suite(struct expected *e, char *how, size_t size)
{
	struct lines out = { .fd = -1, .prefix = "  " };
	struct lines err = { .fd = -1, .prefix = "  # stderr: " };
	struct itimerspec every = { { ALIVE_SECS, 0 }, { ALIVE_SECS, 0 } };
	struct signalfd_siginfo si;
	int sfd, tfd, status = 0, ended = 0, stage = 0;
	unsigned long long ticks;
	sigset_t chld;
	long start, over;
	pid_t pid, gone;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	sfd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	tfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (sfd < 0 || tfd < 0 || timerfd_settime(tfd, 0, &every, NULL)) {
		say("<3>fusewb-init: signalfd or timerfd: %s\n",
		    strerror(errno));
		snprintf(how, size, "not-run");
		return -1;
	}
	start = uptime();
	pid = start_suite(e, &out, &err);
	if (pid < 0) {
		snprintf(how, size, "not-run");
		return -1;
	}
	while (!ended) {
		struct pollfd p[] = {
			{ .fd = sfd, .events = POLLIN },
			{ .fd = tfd, .events = POLLIN },
			{ .fd = out.fd, .events = POLLIN },
			{ .fd = err.fd, .events = POLLIN },
		};

		if (poll(p, 4, -1) < 0)
			continue;
		if (p[1].revents && read(tfd, &ticks, sizeof(ticks)) > 0 &&
		    uptime() - last_said >= ALIVE_SECS)
			ktap("# init: alive %ld\n", uptime());
		drain(&out);
		drain(&err);
		while (p[0].revents && read(sfd, &si, sizeof(si)) > 0)
			;
		/* orphans of the suite come here too */
		while ((gone = waitpid(-1, &status, WNOHANG)) > 0)
			if (gone == pid) {
				ended = 1;
				break;
			}
		over = uptime() - start - e->limit;
		if (!ended && over >= 0)
			press_on(pid, over, &stage);
		if (!ended && over >= TERM_SECS + KILL_SECS)
			break;
	}
	drain(&out);
	drain(&err);
	forward(&out, 1);
	forward(&err, 1);
	if (stage || !ended)
		snprintf(how, size, "limit");
	else if (WIFSIGNALED(status))
		snprintf(how, size, "signal %d", WTERMSIG(status));
	else
		snprintf(how, size, "%d", WEXITSTATUS(status));
	return strcmp(how, "0") ? -1 : 0;
}

/*
 * Tasks that the suite has left behind in D, from /proc/<pid>/stat alone:
 * nothing else of a hung task is safe to read.
 */
static int left_behind(bool say)
{
	DIR *dir = opendir("/proc");
	char path[300], buf[512], *state;
	struct dirent *d;
	ssize_t len;
	int nr = 0;

	while (dir && (d = readdir(dir))) {
		if (d->d_name[0] < '0' || d->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", d->d_name);
		len = read_file(path, buf, sizeof(buf) - 1);
		if (len <= 0)
			continue;
		buf[len] = '\0';
		state = strrchr(buf, ')');
		if (!state || state[1] != ' ' || state[2] != 'D')
			continue;
		state[1] = '\0';
		if (say)
			ktap("# init: left in D: %s\n", buf);
		nr++;
	}
	if (dir)
		closedir(dir);
	return nr;
}

/*
 * A task that is on its way out may be in D for a moment, waiting for RCU say;
 * one that was left behind stays there.
 */
static int say_left_behind(void)
{
	struct timespec pause = { .tv_nsec = 100000000 };
	long end = uptime() + LEFT_SECS;
	int nr;

	while ((nr = left_behind(false)) && uptime() < end)
		nanosleep(&pause, NULL);
	/* Not to be looked for anew: the next may be on its way out. */
	if (nr)
		nr = left_behind(true);
	if (nr)
		write_file("/proc/sysrq-trigger", "w");
	return nr;
}

static void send_json(void)
{
	struct lines l = { .prefix = "# json: " };
	struct stat st;

	l.fd = open(JSON, O_RDONLY | O_CLOEXEC);
	if (l.fd < 0 || fstat(l.fd, &st))
		return;
	drain(&l);
	ktap("# init: json %lld\n", (long long)st.st_size);
}

/* One file of counters; the kernel takes them when it is opened. */
static int send_gcda(int dirfd, const char *name, const char *path)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char raw[2400];
	char text[sizeof(raw) / 3 * 4 + 1];
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	ssize_t got, len, i;
	char *p;

	if (fd < 0)
		return 0;
	do {
		len = 0;
		while (len < (ssize_t)sizeof(raw) &&
		       (got = read(fd, raw + len, sizeof(raw) - len)) > 0)
			len += got;
		/* whole threes, but at the end, which is filled up */
		for (i = 0, p = text; i < len; i += 3, p += 4) {
			unsigned int v = raw[i] << 16 |
				(i + 1 < len ? raw[i + 1] << 8 : 0) |
				(i + 2 < len ? raw[i + 2] : 0);

			p[0] = digits[v >> 18];
			p[1] = digits[v >> 12 & 63];
			p[2] = i + 1 < len ? digits[v >> 6 & 63] : '=';
			p[3] = i + 2 < len ? digits[v & 63] : '=';
		}
		*p = '\0';
		if (len)
			ktap("# gcda: %s/%s %s\n", path, name, text);
	} while (len == sizeof(raw));
	close(fd);
	return 1;
}

static int send_coverage(const char *path)
{
	DIR *dir = opendir(path);
	char below[512];
	struct dirent *d;
	int nr = 0;
	char *dot;

	while (dir && (d = readdir(dir))) {
		dot = strrchr(d->d_name, '.');
		if (*d->d_name == '.')
			continue;
		if (d->d_type == DT_DIR) {
			snprintf(below, sizeof(below), "%s/%s", path, d->d_name);
			nr += send_coverage(below);
		} else if (d->d_type == DT_REG && dot && !strcmp(dot, ".gcda")) {
			nr += send_gcda(dirfd(dir), d->d_name, path);
		}
	}
	if (dir)
		closedir(dir);
	return nr;
}

int main(void)
{
	struct expected e = { .hung_task = 240 };
	char how[32] = "not-run";
	unsigned long taint;
	struct timespec now;
	int err = -1;

	if (getpid() != 1) {
		fprintf(stderr, "init: error: this is PID 1 of a test guest, not a command\n");
		return 2;
	}
	set_up();
	ktap("KTAP version 1\n1..2\n");
	if (read_expected(&e)) {
		ktap("Bail out! /expected: missing or not understood\n");
		leave();
	}
	taint = tainted();
	clock_gettime(CLOCK_MONOTONIC, &now);
	ktap("# init: up %ld.%02ld\n", (long)now.tv_sec,
	     now.tv_nsec / 10000000);
	arm_watchdogs(&e);
	say_memory();
	if (!prove_identity(&e))
		err = run_suite(&e, how, sizeof(how));
	else
		ktap("# not run: a result of another kernel would say nothing\n");
	ktap("%sok 2 fusewb-smoke\n", err ? "not " : "");
	ktap("# init: tainted %lu -> %lu\n", taint, tainted());
	ktap("# init: Writeback %ld kB, WritebackTmp %ld kB\n",
	     meminfo("Writeback:"), meminfo("WritebackTmp:"));
	say_left_behind();
	send_json();
	if (!access(GCOV, F_OK))
		ktap("# init: gcda %d\n", send_coverage(GCOV));
	if (!err || strcmp(how, "not-run"))
		hang_a_mount();
	ktap("# init: exit %s\n", how);
	ktap("# init: end\n");
	leave();
}
