// SPDX-License-Identifier: GPL-2.0
// Runs the faulty harness once for each fault and judges verdicts, exit status and time.
//
// Each run is of some tests of t-faulty.c, as a rule one that misbehaves and
// then "well", with at most one fault of faults.c.  It must end by itself within
// its deadline, give each test one of the verdicts allowed, and leave no process
// behind; "well" shows that the run went on.
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Where the standard output of a run goes. */
enum out { PIPE, FULL, CLOSED, NOBODY, STOPPED, SLOW };

enum special { NOTHING, REUSE, STRANGER, RESTORE, TERMINATE, LEAVES, FIFO,
	       KILLED, BUNDLE, JUNIT, NOT_ROOT };

struct fault {
	const char *name;
	const char *fault;	/* FUSEWB_FAULT */
	/* "test=VERDICTS ...", in the order of the results; see verdict_of() */
	const char *tests;
	const char *exits;	/* the allowed ones, a digit each */
	const char *says;	/* somewhere in what it prints, or NULL */
	const char *option;	/* one more, and its value */
	const char *value;
	enum out out;
	enum special special;
};

/*
 * P ok, S skipped, F not ok, T out of time, E the set-up failed, - no result.
 * Every single fault of a call may also go by unnoticed, but never makes a test
 * pass that fails.
 */
static const struct fault faults[] = {
	/* What a test can do to its supervisor. */
	{ "nothing", "", "everything=P well=P", "0", "all that ran is well" },
	{ "a child that never returns", "", "never_returns=T well=P", "1",
	  "expected a result within 1 s" },
	{ "a child in D for ever", "", "hangs_in_D=T well=P", "1",
	  "in state D" },
	{ "a child that ignores signals and forks", "",
	  "ignores_sigterm=T well=P", "1", NULL },
	{ "exit without a result", "", "says_nothing=F exits_with_7=F well=P",
	  "1", "got exit with status 7" },
	{ "death by a signal", "", "segfaults=F well=P", "1",
	  "got death by signal 11" },
	{ "a stopped process", "", "stops=T well=P", "1", "in state T" },
	{ "two results", "", "passes_twice=E well=P", "3",
	  "expected one result, got pass and then" },
	{ "a pass, then a failure", "", "passes_then_fails=F well=P", "1",
	  "expected to be heard" },
	{ "a pass that does not exit", "", "passes_and_stays=F well=P", "1",
	  "got it stuck" },
	{ "a child that never stops to talk", "", "talks_for_ever=T well=P",
	  "1", "are not shown" },
	{ "a cgroup out of memory", "", "out_of_memory=FS well=P", "01", NULL },
	{ "its number is used again", "", "hands_over_its_number=F well=P",
	  "1", "got exit with status 0", .special = REUSE },
	{ "death with something to put back", "", "leaves_a_change=F well=P",
	  "1", NULL, .special = RESTORE },
	/* A server that dies of a request, by its number in the protocol. */
	{ "server dies of INIT", "server:26", "everything=EF well=P", "13" },
	{ "server dies of LOOKUP", "server:1", "everything=EF well=P", "13" },
	{ "server dies of GETATTR", "server:3", "everything=EF well=P", "13" },
	{ "server dies of CREATE", "server:35", "everything=EF well=P", "13" },
	{ "server dies of OPEN", "server:14", "everything=EF well=P", "13" },
	{ "server dies of WRITE", "server:16", "everything=EF well=P", "13" },
	{ "server dies of READ", "server:15", "everything=EF well=P", "13" },
	{ "server dies of FSYNC", "server:20", "everything=EF well=P", "13" },
	{ "server dies of SETATTR", "server:4", "everything=EF well=P", "13" },
	{ "server dies of FALLOCATE", "server:43", "everything=EF well=P",
	  "13" },
	{ "server dies of FLUSH", "server:25", "everything=EF well=P", "13" },
	{ "server dies of RELEASE", "server:18", "everything=EF well=P",
	  "13" },
	/* What the kernel and the machine can do to the supervisor. */
	{ "fusectl cannot be mounted", "no-fusectl", "hangs_in_D=T well=P",
	  "1", "ended by killing its server" },
	{ "the abort fails", "abort-fails", "hangs_in_D=T well=P", "1",
	  "the server is killed instead" },
	{ "the abort does not return", "abort-hangs", "hangs_in_D=T well=P",
	  "1", "does not return: the server is killed instead" },
	{ "no /proc", "no-proc", "fails=S well=S", "4", "needs /proc" },
	{ "stat_refresh does not return", "refresh-hangs", "everything=E well=P",
	  "3", "stat_refresh does not return" },
	{ "a kernel log that overran", "kmsg-overrun", "everything=E well=P",
	  "3", "overwritten before they could be read" },
	{ "a kernel that complains", "kmsg-warns", "everything=F well=P", "1",
	  "kernel log: WARNING: CPU: 0" },
	{ "a process that cannot be killed", "unkillable",
	  "never_returns=T well=S", "1", "SKIP tainted by never_returns",
	  .special = LEAVES },
	{ "it is told to end", "", "never_returns=- well=-", "3",
	  "Bail out! interrupted", .special = TERMINATE },
	{ "it is killed", "", "hangs_in_D=- well=-", "", NULL,
	  .special = KILLED },
	{ "children that are not its own", "", "never_returns=T well=P", "1",
	  NULL, .special = STRANGER },
	/* Output that is not taken. */
	{ "a log on a full disk", "", "well=-", "3", NULL, .out = FULL },
	{ "no standard output", "", "well=-", "3", NULL, .out = CLOSED },
	{ "a reader that is gone", "", "well=-", "3", NULL, .out = NOBODY },
	{ "a reader that stopped", "", "talks=- well=-", "3", NULL,
	  .out = STOPPED },
	{ "a reader that is slow", "", "talks=P well=P", "0",
	  "line 999 of many", .out = SLOW },
	{ "no space for --json", "", "well=P", "3",
	  "expected to write the results", "--json", "/dev/full" },
	{ "no space for --junit", "", "well=P", "3",
	  "expected to write the results", "--junit", "/dev/full" },
	{ "no such place for --json", "", "well=-", "2",
	  "expected a file to write", "--json", "/dev/null/json" },
	{ "a pipe for --json that nobody reads", "", "well=-", "2",
	  "expected a file to write", "--json", NULL, .special = FIFO },
	{ "a failure counts more than a full disk", "", "fails=F well=P", "1",
	  "expected to write the results", "--json", "/dev/full" },
	{ "a bundle", "", "hangs_in_D=T well=P", "1", "bundle: ", "--bundle",
	  NULL, .special = BUNDLE },
	{ "JUnit XML of every verdict", "",
	  "passes_twice=E says_odd_things=F stops=T well=P skips=S", "1", NULL,
	  "--junit", NULL, .special = JUNIT },
	{ "no such place for --bundle", "", "fails=F well=P", "1",
	  "expected to write it, got", "--bundle", "/dev/null/bundle" },
	{ "no space for --bundle", "bundle-full", "fails=F well=P", "1",
	  "got No space left", "--bundle", NULL, .special = BUNDLE },
	{ "a disk that fails under --bundle", "bundle-io", "fails=F well=P",
	  "1", "got Input/output error", "--bundle", NULL, .special = BUNDLE },
	{ "a disk that hangs under --bundle", "bundle-hangs", "fails=F well=P",
	  "1", "got Connection timed out", "--bundle", NULL,
	  .special = BUNDLE },
	{ "not root", "", "hangs_in_D=TS well=PS", "14", "not root",
	  .special = NOT_ROOT },
};

/* Calls of which one after the other fails, and then all from one on. */
static const struct {
	const char *call;
	unsigned int last, step;
} sweeps[] = {
	{ "fork", 12, 1 }, { "socketpair", 2, 1 }, { "malloc", 12, 1 },
	{ "mmap", 4, 1 }, { "open", 40, 3 }, { "opendir", 4, 1 },
	{ "pidfd", 4, 1 }, { "mount", 8, 1 }, { "write", 24, 3 },
};

#define DEADLINE_MS	20000

static const char *program, *judge;
static char work[256];
static unsigned int injected, right, failed;
static uint64_t longest;
static char longest_name[128];
static char output[4 << 20];
static size_t output_len;

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static void nap(unsigned int ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000L };

	nanosleep(&ts, NULL);
}

static bool wrong(const struct fault *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static bool wrong(const struct fault *f, const char *fmt, ...)
{
	va_list ap;

	printf("not ok %s%s%s\n", f->name, *f->fault ? ": " : "", f->fault);
	fprintf(stderr, "%s: error: %s: ", program, f->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n%.*s", (int)(output_len > 6000 ? 6000 : output_len),
		output);
	return false;
}

struct child {
	pid_t pid;
	int out;		/* what it prints */
	int take, give;		/* for the process that gets its number */
	pid_t other;		/* that process, or one that is not its own */
	bool ended;
	int status;
};

/* Somebody else, who gets this number and makes it that of a session. */
static pid_t start_under(pid_t pid)
{
	struct clone_args a = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};
	pid_t got = syscall(SYS_clone3, &a, sizeof(a));

	if (!got) {
		setsid();
		for (;;)
			pause();
	}
	return got;
}

static void serve_reuse(struct child *c)
{
	pid_t pid;

	if (read(c->take, &pid, sizeof(pid)) != sizeof(pid))
		return;
	c->other = start_under(pid);
	/* Let it be where it belongs before anybody looks for it. */
	while (c->other > 0 && getsid(c->other) != c->other)
		nap(1);
	if (write(c->give, "d", 1) != 1)
		c->other = -1;
}

static void exec_run(const struct fault *f, const int *out, const int *reuse)
{
	const char *args[32] = { program, "--timeout-scale", "1" };
	static char tests[256], path[300], fd[2][16];
	int n = 3, null;
	char *t, *save;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("FUSEWB_FAULT", f->fault, 1);
	snprintf(path, sizeof(path), "%s/changed", work);
	setenv("FUSEWB_FAULT_FILE", path, 1);
	if (reuse) {
		snprintf(fd[0], sizeof(fd[0]), "%d", reuse[0]);
		snprintf(fd[1], sizeof(fd[1]), "%d", reuse[1]);
		setenv("FUSEWB_FAULT_TO", fd[0], 1);
		setenv("FUSEWB_FAULT_FROM", fd[1], 1);
	}
	snprintf(tests, sizeof(tests), "%s", f->tests);
	for (t = strtok_r(tests, " ", &save); t;
	     t = strtok_r(NULL, " ", &save)) {
		t[strcspn(t, "=")] = '\0';
		args[n++] = "--only";
		args[n++] = t;
	}
	if (f->option) {
		args[n++] = f->option;
		args[n++] = f->value;
	}
	if (f->special == FIFO) {
		snprintf(path, sizeof(path), "%s/fifo", work);
		mkfifo(path, 0600);
		args[n - 1] = strdup(path);
	}
	if (f->special == BUNDLE || f->special == JUNIT) {
		snprintf(path, sizeof(path), "%s/%s", work,
			 f->special == JUNIT ? "junit.xml" : "bundle");
		args[n - 1] = strdup(path);
	}
	null = open("/dev/null", O_RDONLY);
	dup2(null, 0);
	dup2(out[1], 2);
	dup2(out[1], 1);
	if (f->out == FULL)
		dup2(open("/dev/full", O_WRONLY), 1);
	else if (f->out == CLOSED)
		close(1);
	if (f->special == NOT_ROOT &&
	    (unshare(CLONE_NEWNS) ||
	     mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	     mount("none", "/mnt", "tmpfs", 0, NULL) ||
	     mknod("/mnt/fuse", S_IFCHR | 0666, 10 << 8 | 229) ||
	     chmod("/mnt/fuse", 0666) ||
	     mount("/mnt/fuse", "/dev/fuse", NULL, MS_BIND, NULL) ||
	     setresgid(65534, 65534, 65534) ||
	     setresuid(65534, 65534, 65534)))
		dprintf(2, "not root: cannot be tried: %s\n", strerror(errno));
	execv(program, (char **)args);
	_exit(126);
}

static bool start(const struct fault *f, struct child *c)
{
	int out[2], to[2], from[2], reuse[2];

	memset(c, 0, sizeof(*c));
	if (pipe2(out, O_CLOEXEC) || pipe(to) || pipe(from))
		return false;
	reuse[0] = to[1];
	reuse[1] = from[0];
	if (f->out == STOPPED || f->out == SLOW)
		fcntl(out[1], F_SETPIPE_SZ, 4096);
	fflush(NULL);
	c->pid = fork();
	if (!c->pid) {
		close(to[0]);
		close(from[1]);
		if (f->special == STRANGER) {
			/* What a shell leaves that ends with exec. */
			if (!fork()) {
				setsid();
				execlp("sleep", "sleep", "47", (char *)NULL);
				for (;;)
					pause();
			}
		}
		exec_run(f, out, f->special == REUSE ? reuse : NULL);
	}
	close(out[1]);
	close(to[1]);
	close(from[0]);
	c->out = out[0];
	c->take = to[0];
	c->give = from[1];
	if (f->out == NOBODY) {
		close(c->out);
		c->out = -1;
	}
	return c->pid > 0;
}

static void take_output(struct child *c)
{
	ssize_t n;

	if (c->out < 0)
		return;
	n = read(c->out, output + output_len,
		 sizeof(output) - 1 - output_len);
	if (n > 0) {
		output_len += n;
		return;
	}
	close(c->out);
	c->out = -1;
}

/* Until it has exited and all it wrote was read, or it is too late. */
static bool watch(const struct fault *f, struct child *c, uint64_t began)
{
	bool told = false, reads;
	uint64_t t;

	output_len = 0;
	for (;;) {
		t = now_ms() - began;
		reads = f->out != STOPPED && (f->out != SLOW || t > 700);
		struct pollfd p[] = {
			{ .fd = reads ? c->out : -1, .events = POLLIN },
			{ .fd = f->special == REUSE ? c->take : -1,
			  .events = POLLIN },
		};

		if (c->ended && (c->out < 0 || !reads))
			break;
		if (t > DEADLINE_MS)
			return false;
		poll(p, 2, 10);
		if (p[0].revents)
			take_output(c);
		if (p[1].revents & POLLIN)
			serve_reuse(c);
		if (!c->ended && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
			c->ended = true;
		/* Whoever is left with the pipe open is found later. */
		if (c->ended && now_ms() - began > DEADLINE_MS / 2)
			break;
		if ((f->special == TERMINATE || f->special == KILLED) &&
		    !told && t > 400) {
			kill(c->pid, f->special == KILLED ? SIGKILL : SIGTERM);
			told = true;
		}
	}
	output[output_len] = '\0';
	return true;
}

/* Our children, all of them: orphans come to us. */
static pid_t each_child(bool end, char *what, size_t size)
{
	char path[300], buf[512], *p;
	struct dirent *de;
	pid_t found = 0;
	int ppid;
	char state;
	DIR *d = opendir("/proc");
	FILE *f;

	while (d && !found && (de = readdir(d))) {
		if (!isdigit((unsigned char)de->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", de->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		p = fgets(buf, sizeof(buf), f) ? strrchr(buf, ')') : NULL;
		fclose(f);
		if (p && sscanf(p + 1, " %c %d", &state, &ppid) == 2 &&
		    ppid == getpid() && state != 'Z') {
			if (end) {
				kill(atoi(de->d_name), SIGKILL);
				continue;
			}
			found = atoi(de->d_name);
			snprintf(what, size, "%.*s %c", (int)(p - buf + 1), buf,
				 state);
		}
	}
	if (d)
		closedir(d);
	return found;
}

static pid_t a_child(char *what, size_t size)
{
	return each_child(false, what, size);
}

static void kill_children(void)
{
	char unused[1];

	each_child(true, unused, sizeof(unused));
}

/* Ends what is left; false if there was something that should not be. */
static bool nothing_left(const struct fault *f, struct child *c)
{
	bool other_lives = !c->other || !kill(c->other, 0);
	uint64_t end = now_ms() + 2000;
	char what[512], left[512] = "";
	int strangers = f->special == STRANGER;
	pid_t pid;

	if (c->other > 0) {
		kill(c->other, SIGKILL);
		waitpid(c->other, NULL, 0);
	}
	if (f->special == REUSE && (c->other <= 0 || !other_lives))
		return wrong(f, "expected the process that got the number to "
			     "live on, got it %s", c->other > 0 ? "killed" :
			     "not started");
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	while ((pid = a_child(what, sizeof(what)))) {
		if (strangers && strstr(what, "(sleep)")) {
			strangers = 0;
			kill(pid, SIGKILL);
			end = now_ms() + 2000;
		} else if (f->special == LEAVES && now_ms() < end) {
			kill_children();
		} else if (now_ms() > end) {
			/* One may be in D until another one is dead. */
			if (!left[0])
				snprintf(left, sizeof(left), "%s", what);
			kill_children();
			if (now_ms() > end + 3000)
				break;
		}
		nap(5);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	if (left[0])
		return wrong(f, "expected no process to be left, got %s", left);
	if (strangers)
		return wrong(f, "expected the process that is not its own to "
			     "live on, got it killed");
	return true;
}

/* The verdict of a test in what was printed: see faults[]. */
static char verdict_of(const char *test)
{
	char line[512];
	const char *p = output, *hash;
	size_t n, at;
	int number;

	for (; *p; p += n + (p[n] == '\n')) {
		n = strcspn(p, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)n, p);
		at = 0;
		if (sscanf(line, "ok %d %zn", &number, &at) < 1 &&
		    sscanf(line, "not ok %d %zn", &number, &at) < 1)
			continue;
		if (!at || strncmp(line + at, test, strlen(test)) ||
		    (line[at + strlen(test)] && line[at + strlen(test)] != ' '))
			continue;
		hash = strstr(line, " # ");
		if (*line == 'o')
			return hash ? 'S' : 'P';
		return !hash ? 'F' : hash[3] == 'T' ? 'T' : 'E';
	}
	return '-';
}

static bool verdicts_right(const struct fault *f)
{
	char tests[256], *t, *save, *allowed, got;

	snprintf(tests, sizeof(tests), "%s", f->tests);
	for (t = strtok_r(tests, " ", &save); t;
	     t = strtok_r(NULL, " ", &save)) {
		allowed = strchr(t, '=');
		*allowed++ = '\0';
		got = verdict_of(t);
		if (!strchr(allowed, got))
			return wrong(f, "%s: expected verdict %s, got %c", t,
				     allowed, got);
	}
	return true;
}

/* What was printed is KTAP, whatever it says. */
static bool is_ktap(const struct fault *f)
{
	static const char *const words[] = {
		"not KTAP", "second head", "reported twice", "no plan",
		"plan not met", "without a number", "not a directive",
		"beyond the plan", "NUL byte", "middle of a line",
	};
	char path[300], cmd[1024], buf[1024];
	const char *found = NULL, *p = output;
	FILE *to;
	size_t i;

	/* What could not be written need not be whole. */
	if (!judge || f->out != PIPE || f->special == TERMINATE ||
	    strchr(f->exits, '2') || !strncmp(f->fault, "write:", 6))
		return true;
	snprintf(path, sizeof(path), "%s/ktap", work);
	to = fopen(path, "we");
	/* Standard error is in it as well. */
	for (; to && *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (strncmp(p, "fusewb-smoke: error:", 20))
			fprintf(to, "%.*s\n", (int)strcspn(p, "\n"), p);
	if (!to || fclose(to))
		return wrong(f, "%s: %s", path, strerror(errno));
	snprintf(cmd, sizeof(cmd), "'%s' '%s' 2>&1", judge, path);
	to = popen(cmd, "re");
	while (to && fgets(buf, sizeof(buf), to))
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strstr(buf, ": error: ") && strstr(buf, words[i]))
				found = words[i];
	if (to)
		pclose(to);
	return !found || wrong(f, "expected KTAP, got something that is %s",
			       found);
}

static bool put_back(const struct fault *f)
{
	char path[300], now[16] = "";
	int fd;

	if (f->special != RESTORE)
		return true;
	snprintf(path, sizeof(path), "%s/changed", work);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, now, sizeof(now) - 1) < 0)
		return wrong(f, "%s: %s", path, strerror(errno));
	close(fd);
	return !strncmp(now, "before", 6) ||
	       wrong(f, "expected 'before' to be put back, got '%s'", now);
}

static bool bundle_whole(const struct fault *f)
{
	static const char *const names[] = {
		"result.txt", "said.txt", "dmesg.txt", "tasks.txt",
		"fusectl.txt", "vmstat.txt", "meminfo.txt", "repro.sh",
	};
	char path[400];
	struct stat st;
	size_t i;

	if (f->special != BUNDLE || *f->fault)
		return true;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/bundle/hangs_in_D/%s", work,
			 names[i]);
		if (stat(path, &st) || (!st.st_size && i != 2))
			return wrong(f, "expected %s in the bundle, got %s",
				     names[i], st.st_size ? strerror(errno) :
				     "it empty");
	}
	snprintf(path, sizeof(path), "%s/bundle/well", work);
	return stat(path, &st) || wrong(f, "expected nothing of a test that "
					"passed, got %s", path);
}

/* Well-formed, says a parser; and it has what it must have. */
static bool junit_well(const struct fault *f)
{
	static const char *const has[] = {
		"tests=\"5\" failures=\"2\" errors=\"1\" skipped=\"1\"",
		"name=\"stops\"", "<error type=\"broken\"",
		"<failure type=\"timeout\"", "<skipped message=",
		"&lt;&amp;&gt;&quot;&apos;",
	};
	char path[300], cmd[400], text[65536];
	size_t i, n;
	FILE *from;

	if (f->special != JUNIT)
		return true;
	snprintf(path, sizeof(path), "%s/junit.xml", work);
	snprintf(cmd, sizeof(cmd), "xmllint --noout '%s'", path);
	if (system(cmd))
		return wrong(f, "expected XML that xmllint takes, got %s",
			     path);
	from = fopen(path, "re");
	n = from ? fread(text, 1, sizeof(text) - 1, from) : 0;
	text[n] = '\0';
	if (from)
		fclose(from);
	for (i = 0; i < sizeof(has) / sizeof(has[0]); i++)
		if (!strstr(text, has[i]))
			return wrong(f, "%s: expected '%s'", path, has[i]);
	return true;
}

static bool judge_run(const struct fault *f, struct child *c)
{
	if (f->special == KILLED)
		return WIFSIGNALED(c->status) && verdicts_right(f);
	if (!WIFEXITED(c->status))
		return wrong(f, "expected exit status %s, got signal %d",
			     f->exits, WTERMSIG(c->status));
	if (!strchr(f->exits, '0' + WEXITSTATUS(c->status)))
		return wrong(f, "expected exit status %s, got %d", f->exits,
			     WEXITSTATUS(c->status));
	if (f->says && !strstr(output, f->says))
		return wrong(f, "expected it to say '%s'", f->says);
	return verdicts_right(f) && is_ktap(f) && put_back(f) &&
	       bundle_whole(f) && junit_well(f);
}

static void before(const struct fault *f)
{
	char path[300];
	int fd;

	if (f->special != RESTORE)
		return;
	snprintf(path, sizeof(path), "%s/changed", work);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "before", 6) != 6)
		perror(path);
	close(fd);
}

static void run(const struct fault *f)
{
	uint64_t began = now_ms(), took;
	struct child c;
	bool ok, in_time;

	before(f);
	injected++;
	if (!start(f, &c)) {
		perror(program);
		exit(3);
	}
	in_time = watch(f, &c, began);
	took = now_ms() - began;
	if (took > longest) {
		longest = took;
		snprintf(longest_name, sizeof(longest_name), "%s%s%s",
			 f->name, *f->fault ? ": " : "", f->fault);
	}
	if (!in_time) {
		kill(c.pid, SIGKILL);
		wrong(f, "expected it to end within %d ms, got no end",
		      DEADLINE_MS);
	}
	ok = in_time && judge_run(f, &c);
	ok = nothing_left(&(struct fault){ f->name, f->fault, .special =
		in_time ? f->special : LEAVES }, &c) && ok;
	if (c.out >= 0)
		close(c.out);
	close(c.take);
	close(c.give);
	if (ok)
		printf("ok     %s%s%s (%llu.%03llu s)\n", f->name,
		       *f->fault ? ": " : "", f->fault,
		       (unsigned long long)took / 1000,
		       (unsigned long long)took % 1000);
	right += ok;
	failed += !ok;
	fflush(stdout);
}

static bool chosen(const char *name, char **only)
{
	if (!*only)
		return true;
	for (; *only; only++)
		if (strstr(name, *only))
			return true;
	return false;
}

static void sweep(char **only)
{
	struct fault f = { .tests = "fails=FEST- well=PFEST-", .exits = "134" };
	unsigned int n, all;
	char fault[32], name[64];
	size_t i;

	f.fault = fault;
	f.name = name;
	for (i = 0; i < sizeof(sweeps) / sizeof(sweeps[0]); i++) {
		snprintf(name, sizeof(name), "a %s that fails",
			 sweeps[i].call);
		if (!chosen(name, only))
			continue;
		for (all = 0; all < 2; all++)
			for (n = 1; n <= sweeps[i].last;
			     n += all ? 3 * sweeps[i].step : sweeps[i].step) {
				snprintf(fault, sizeof(fault), "%s:%u%s",
					 sweeps[i].call, n, all ? "+" : "");
				run(&f);
			}
	}
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc < 4) {
		fprintf(stderr, "usage: check-faulty PROGRAM JUDGE DIR [PART-OF-NAME]...\n");
		return 2;
	}
	program = argv[1];
	judge = *argv[2] ? argv[2] : NULL;
	snprintf(work, sizeof(work), "%s", argv[3]);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (chosen(faults[i].name, argv + 4))
			run(&faults[i]);
	sweep(argv + 4);
	if (!injected) {
		fprintf(stderr, "check-faulty: error: no fault of that name\n");
		return 2;
	}
	printf("%u faults injected, %u right verdicts, longest run %llu.%03llu s (%s)\n",
	       injected, right, (unsigned long long)longest / 1000,
	       (unsigned long long)longest % 1000, longest_name);
	printf("%u passed, %u failed\n", right, failed);
	return failed ? 1 : 0;
}
