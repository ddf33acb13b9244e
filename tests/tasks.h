/* SPDX-License-Identifier: GPL-2.0 */
/* The processes of a test, as its supervisor sees them. */
#ifndef FUSEWB_TASKS_H
#define FUSEWB_TASKS_H

#include <stdbool.h>
#include <sys/types.h>

struct task {
	pid_t pid, ppid, session;
	char state;
	unsigned long long start;
	bool ours;
};

void tasks_init(void);
void tasks_stranger(pid_t pid);
int each_task(void (*fn)(const struct task *t, void *arg), void *arg);
void kill_task(const struct task *t, void *unused);
void show_task(const struct task *t, bool all, bool status,
	       int say(const char *fmt, ...));
int in_helper(int (*fn)(void *arg), void *arg, unsigned int ms);

/* Of the kernel, where the C library may not have them. */
int pidfd_of(pid_t pid);
int pidfd_kill(int fd);

#endif
