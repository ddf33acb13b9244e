// SPDX-License-Identifier: GPL-2.0
// The processes of a test: finding, showing and ending them, whatever they do.
//
// They are the descendants of the supervisor, to which orphans come as well: a
// process that has only got the number of one of them is none.
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"
#include "tasks.h"

/* Helpers that did not return, and children from before this program ran. */
static struct {
	pid_t pid;
	unsigned long long start;
} strangers[64];
static int nstrangers;

static pid_t supervisor, own_session;
static struct task *found;
static int nfound, found_max;

int pidfd_of(pid_t pid)
{
	return syscall(SYS_pidfd_open, pid, 0);
}

int pidfd_kill(int fd)
{
	return syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
}

/* Only .../stat: to read it takes no lock that a stuck task may hold. */
static bool read_task(const char *path, struct task *t)
{
	char buf[1024], *p;

	if (!read_file(path, buf, sizeof(buf)))
		return false;
	p = strrchr(buf, ')');
	return p && sscanf(buf, "%d (", &t->pid) == 1 &&
	       sscanf(p + 1, " %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %*u "
		      "%*u %*d %*d %*d %*d %*d %*d %llu", &t->state, &t->ppid,
		      &t->session, &t->start) == 4;
}

static bool is_stranger(const struct task *t)
{
	int i;

	for (i = 0; i < nstrangers; i++)
		if (strangers[i].pid == t->pid &&
		    strangers[i].start == t->start)
			return true;
	return false;
}

static bool note_task(const struct task *t)
{
	struct task *more;

	if (nfound == found_max) {
		more = realloc(found, 2 * (found_max + 512) * sizeof(*more));
		if (!more)
			return false;
		found = more;
		found_max = 2 * (found_max + 512);
	}
	found[nfound] = *t;
	found[nfound++].ours = false;
	return true;
}

/* One step down the tree; a stranger's children are strangers too. */
static bool mark_children(pid_t parent)
{
	bool any = false;
	int i;

	for (i = 0; i < nfound; i++) {
		if (found[i].ours || found[i].ppid != parent ||
		    is_stranger(&found[i]))
			continue;
		found[i].ours = any = true;
		if (found[i].pid != parent)
			mark_children(found[i].pid);
	}
	return any;
}

static bool find_all(void)
{
	struct dirent *de;
	struct task t;
	char path[300];
	bool ok = true;
	DIR *d = opendir("/proc");

	nfound = 0;
	if (!d)
		return false;
	errno = 0;
	while (ok && (de = readdir(d))) {
		if (!isdigit((unsigned char)de->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", de->d_name);
		if (read_task(path, &t))
			ok = note_task(&t);
	}
	closedir(d);
	mark_children(supervisor);
	return ok;
}

/*
 * Call @fn for each process of the test that is not a zombie.  -1 is that
 * nobody can tell, for want of /proc, memory or descriptors.
 */
int each_task(void (*fn)(const struct task *t, void *arg), void *arg)
{
	bool all = find_all();
	int i, n = 0;

	for (i = 0; i < nfound; i++) {
		/* This may be a helper. */
		if (!found[i].ours || found[i].session == own_session ||
		    found[i].pid == getpid() ||
		    found[i].state == 'Z' || found[i].state == 'X')
			continue;
		n++;
		if (fn)
			fn(&found[i], arg);
	}
	return all ? n : -1;
}

/* What is there before the first test is none of it. */
void tasks_init(void)
{
	int i;

	supervisor = getpid();
	own_session = getsid(0);
	find_all();
	for (i = 0; i < nfound; i++)
		if (found[i].ours && found[i].ppid == supervisor)
			tasks_stranger(found[i].pid);
}

void tasks_stranger(pid_t pid)
{
	char path[64];
	struct task t;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (nstrangers == sizeof(strangers) / sizeof(strangers[0]) ||
	    !read_task(path, &t))
		return;
	strangers[nstrangers].pid = pid;
	strangers[nstrangers++].start = t.start;
}

/*
 * Its parent may reap it and the number go to somebody else between two lines
 * of ours: what is killed is the process that was looked at.
 */
void kill_task(const struct task *t, void *unused)
{
	int fd = pidfd_of(t->pid);
	struct task now;
	char path[64];

	(void)unused;
	if (fd < 0) {
		/* A child keeps its number until we reap it. */
		if (errno != ESRCH && t->ppid == supervisor)
			kill(t->pid, SIGKILL);
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", t->pid);
	if (read_task(path, &now) && now.start == t->start &&
	    now.session == t->session)
		pidfd_kill(fd);
	close(fd);
}

static void show_lines(const char *path, int say(const char *fmt, ...))
{
	char buf[4096], *line, *save = NULL;

	if (!read_file(path, buf, sizeof(buf))) {
		say("  no %s: %s", path, strerror(errno));
		return;
	}
	for (line = strtok_r(buf, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		say("  %s", line);
}

/* Each of its threads that is stuck, or with @all each. */
void show_task(const struct task *t, bool all, bool status,
	       int say(const char *fmt, ...))
{
	char path[320];
	struct dirent *de;
	struct task th;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", t->pid);
	d = opendir(path);
	while (d && (de = readdir(d))) {
		if (!isdigit((unsigned char)de->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", t->pid,
			 de->d_name);
		if (!read_task(path, &th) || (!all && th.state != 'D'))
			continue;
		say("task %d in state %c", th.pid, th.state);
		snprintf(path, sizeof(path), "/proc/%d/task/%s/stack", t->pid,
			 de->d_name);
		show_lines(path, say);
		if (!status)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/status",
			 t->pid, de->d_name);
		show_lines(path, say);
	}
	if (d)
		closedir(d);
}

/*
 * Do @fn in a process of its own: if the kernel holds that for ever, or a disk
 * does, the supervisor goes on without it.  The value is an error number, @fn's
 * or ETIMEDOUT, or that there was no process for it all the time.
 */
int in_helper(int (*fn)(void *arg), void *arg, unsigned int ms)
{
	int status = 0, err = 0;
	pid_t pid;

	if (!wait_until((pid = fork()) >= 0 || (err = errno, false), ms))
		return err;
	if (!pid) {
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_IGN);
		setsid();
		_exit(fn(arg));
	}
	if (!wait_until(waitpid(pid, &status, WNOHANG) == pid, ms)) {
		kill(pid, SIGKILL);
		if (!wait_until(waitpid(pid, &status, WNOHANG) == pid, 100))
			tasks_stranger(pid);
		return ETIMEDOUT;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}
