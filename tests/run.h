/* SPDX-License-Identifier: GPL-2.0 */
/* Between the runner and its test processes, and between runner and output. */
#ifndef FUSEWB_RUN_H
#define FUSEWB_RUN_H

#include <stdio.h>

#include "test.h"

enum verdict { PASS, FAIL, SKIP, BROKEN, TIMEOUT };

struct outcome {
	enum verdict verdict;
	char why[512];		/* first reason, one line */
	unsigned int ms;
	bool tainted;		/* something could not be killed */
	char blind[8];		/* change whose absence cannot show here */
	char blind_why[256];
};

/* Kinds of message from a test to its supervisor: one byte, then text. */
enum {
	MSG_DIAG = 'd', MSG_FAIL = 'f', MSG_BROKEN = 'b', MSG_SKIP = 's',
	MSG_PASS = 'p', MSG_RESTORE = 'r', MSG_RMDIR = 'g', MSG_ABORT = 'a',
	MSG_BLIND = 'n',
};

#define MSG_TEXT_MAX 512

struct message {
	char kind;
	char text[MSG_TEXT_MAX];
};

extern int control_fd;
extern unsigned int time_scale;
extern uint64_t run_seed;	/* see test_seed() */
extern unsigned int repetition;	/* of the same test, in a soak */

/* run.c */
bool supervisor_init(char *why, size_t size);
void run_test(const struct test *t, struct outcome *o);
bool interrupted(void);
unsigned int measured_scale(void);

/* serve.c */
bool serve_dir(const char *arg);

/* expect.c */
bool expect_parse(const char *arg);
bool expect_stock(void);
const char *expect_missing(void);
bool should_fail(const struct test *t, const struct outcome *o);

/* result.c */
void result_open(int plan);
void result_diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool result_add(const struct test *t, const struct outcome *o);
void result_list(const struct test *const *t, int n);
bool result_json(FILE *f, const struct test *const *t,
		 const struct outcome *o, int n);
const char *danger_name(enum danger d);

#endif
