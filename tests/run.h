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
	unsigned int repetitions;
	uint64_t seed;		/* of the last of them */
	char *said;		/* all lines before its result, if it failed */
	char blind[8];		/* change whose absence cannot show here */
	char blind_why[256];
};

/* Kinds of message from a test to its supervisor: one byte, then text. */
enum {
	MSG_DIAG = 'd', MSG_FAIL = 'f', MSG_BROKEN = 'b', MSG_SKIP = 's',
	MSG_PASS = 'p', MSG_RESTORE = 'r', MSG_RMDIR = 'g', MSG_ABORT = 'a',
	MSG_BLIND = 'n', MSG_SERVER = 'k',
};

#define MSG_TEXT_MAX 512

/*
 * How long to wait, in milliseconds, for what should need none: for a test that
 * ended to exit, for helpers, for the killed to go; and, not scaled, for a disk
 * to take a report and for somebody who reads with a pager.
 */
#ifndef EXIT_MS
#define EXIT_MS		10000
#define HELPER_MS	5000
#define KILL_MS		15000
#define REPORT_MS	30000
#define OUTPUT_MS	60000
#endif

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

extern bool rootless;		/* root only in a user namespace of our own */

/* probe.c */
void take_name(void);		/* see alone() */

/* klog.c */
bool klog_init(void);
void klog_begin(void);
void klog_take(void);
const char *klog_complaint(void);
unsigned long long klog_lost(void);
const char *klog_slice(size_t *len);

/* output.c */
void output_init(void);
void output_put(const char *s, size_t len);
void output(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool output_flush(unsigned int ms);
bool output_end(unsigned int ms, int *error);
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* bundle.c */
bool bundle_init(const char *dir, const char *options);
bool bundle_wanted(void);
void bundle_collect(const int *fds, int n);
void bundle_leave(const struct test *t, const struct outcome *o);

/* junit.c */
bool junit_write(FILE *f, const struct test *const *t,
		 const struct outcome *o, int n);

/* serve.c */
bool serve_dir(const char *arg);

/* expect.c */
bool expect_parse(const char *arg);
bool expect_stock(void);
const char *expect_missing(void);
bool should_fail(const struct test *t, const struct outcome *o);

/* result.c */
void result_open(int plan);
void result_begin(void);	/* the lines of a test begin */
const char *result_said(size_t *len);
const char *verdict_name(enum verdict v);
int result_diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool result_add(const struct test *t, struct outcome *o);
/* Is it what this kernel must do? */
bool result_ok(const struct test *t, const struct outcome *o);
void result_list(const struct test *const *t, int n);
bool result_json(FILE *f, const struct test *const *t,
		 const struct outcome *o, int n);
const char *danger_name(enum danger d);

#endif
