// SPDX-License-Identifier: GPL-2.0-only
// Reads a KTAP result and the guest's console, says what they prove, and counts.
/*
 * Nothing is taken on trust: a result counts only inside a document that has a
 * head and a plan before its first result, whose numbers run 1..N with none
 * twice and none left out.  What is not KTAP is an error and not noise, because
 * the channel belongs to the tests alone; what looks like a result but stands
 * where none can be is never counted as passed.
 *
 * Only tests without subtests are counted.  A test with subtests has to agree
 * with them.  Each planned test that did not report counts as failed, and so
 * does each other defect, so "0 failed" means that there was nothing to say.
 *
 * With --guest the document has to be that of tests/init.c: identity first,
 * then the suite, then how it ended.
 *
 * Exit status:
 *	0	all passed (skipped ones apart), something passed
 *	1	a test failed, or the kernel misbehaved, or the guest died
 *	2	wrong use
 *	3	the result cannot be trusted; nothing is said about the kernel
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH	8
#define MAX_SHOWN	20	/* findings of the console that are printed */

enum verdict { PASSED = 0, FAILED = 1, BROKEN = 3 };

enum result { OK, NOT_OK, SKIPPED, EXPECTED_FAILURE };

static const char * const result_name[] = {
	[OK] = "ok", [NOT_OK] = "not ok", [SKIPPED] = "skip",
	[EXPECTED_FAILURE] = "xfail",
};

struct test {
	int depth;
	int parent;		/* it has subtests: not counted itself */
	long number;
	int line;
	enum result result;
	char *name;
	char *directive;	/* "" if there is none */
	char *reason;
	int diag_first, diag_nr;
};

struct doc {
	long plan;		/* -1: not seen yet */
	long last;		/* highest number so far */
	int results;
	int failed;
	int first_test;
};

struct finding {
	int line;
	char *text;
};

struct fault {
	enum verdict verdict;
	char *text;
};

static struct test *tests;
static struct fault *faults;
static struct finding *findings;
static char **diags, **twin_lines;
static int nr_tests, nr_faults, nr_findings, nr_diags, nr_twin_lines, diag_mark;
static long passed, failed, skipped, never_ran;

static struct doc docs[MAX_DEPTH];
static int cur = -1;		/* depth of the innermost open document */
static int child_closed, child_failed, child_first;
static int broken_doc, bailed;

static const char *ktap_path;
static int guest;

/* what init says about the guest, --guest only */
static char said_exit[32] = "", said_release[128], said_build_id[128];
static long said_json = -1;
static double said_up = -1;
static unsigned long taint_before, taint_after;
static int said_taint, said_end, end_line, last_line, suite_tests;

static void *xrealloc(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p) {
		fprintf(stderr, "ktap-judge: error: out of memory\n");
		exit(BROKEN);
	}
	return p;
}

static char *xstrndup(const char *s, size_t n)
{
	char *p = xrealloc(NULL, n + 1);

	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

#define push(array, nr)							\
	((array) = xrealloc((array), ((nr) + 1) * sizeof(*(array))),	\
	 &(array)[(nr)++])

/* Something is wrong with the result itself, or with the guest. */
static void __attribute__((format(printf, 3, 4)))
fault(enum verdict verdict, int line, const char *fmt, ...)
{
	char what[1024], *text;
	struct fault *f;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (asprintf(&text, line ? "%s:%d: error: %s" : "%s:%.0d error: %s",
		     ktap_path, line, what) < 0)
		exit(BROKEN);
	f = push(faults, nr_faults);
	f->verdict = verdict;
	f->text = text;
	failed++;
}

static char *read_whole(const char *path, size_t *len)
{
	FILE *f = fopen(path, "r");
	char *buf = NULL;
	size_t n = 0, got;

	if (!f)
		return NULL;
	do {
		buf = xrealloc(buf, n + 65536 + 1);
		got = fread(buf + n, 1, 65536, f);
		n += got;
	} while (got);
	fclose(f);
	buf[n] = '\0';
	*len = n;
	return buf;
}

static int starts(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/* The innermost document ends; its plan must have been met. */
static void close_doc(int line)
{
	struct doc *d = &docs[cur];

	if (d->plan < 0) {
		fault(BROKEN, line, "no plan (1..N) in the document that ends here");
	} else if (d->plan == 0) {
		fault(BROKEN, line, "zero tests planned; a run of none proves nothing");
	} else if (d->results < d->plan && !bailed) {
		long n = d->plan - d->results;

		fault(FAILED, line, "plan not met: %ld of %ld tests reported",
		      (long)d->results, d->plan);
		/* the fault counts as one of those that are missing */
		failed += n - 1;
		never_ran += n;
	}
	child_closed = 1;
	child_failed = d->failed || d->plan < 0 || d->results < d->plan;
	child_first = d->first_test;
	cur--;
}

static void open_doc(int depth, int line)
{
	struct doc *d;

	if (depth <= cur) {
		fault(BROKEN, line, "a second head (KTAP version 1) in one document");
		return;
	}
	if (depth > cur + 1 || depth >= MAX_DEPTH) {
		fault(BROKEN, line, "a head indented by %d levels inside level %d",
		      depth, cur);
		return;
	}
	cur = depth;
	d = &docs[cur];
	memset(d, 0, sizeof(*d));
	d->plan = -1;
	d->first_test = nr_tests;
	child_closed = 0;
	diag_mark = nr_diags;
}

static void see_plan(int depth, const char *s, int line)
{
	char *end;
	long n = strtol(s + 3, &end, 10);

	while (*end == ' ')
		end++;
	if (end == s + 3 || n < 0 || (*end && *end != '#')) {
		fault(BROKEN, line, "not a plan: \"%.60s\"; expected 1..N", s);
		return;
	}
	if (depth != cur) {
		fault(BROKEN, line, "a plan outside any document (missing head KTAP version 1?)");
		return;
	}
	if (docs[cur].plan >= 0)
		fault(BROKEN, line, "a second plan in one document");
	else if (docs[cur].results)
		fault(BROKEN, line, "the plan comes after results; it must be known before");
	else
		docs[cur].plan = n;
}

static int is_directive(const char *s, const char *word, const char **reason)
{
	size_t n = strlen(word);

	if (strncmp(s, word, n) || (s[n] && s[n] != ' ' && s[n] != ':'))
		return 0;
	s += n;
	while (*s == ' ' || *s == ':')
		s++;
	*reason = s;
	return 1;
}

static void see_result(int depth, const char *s, int line)
{
	static const char * const words[] = {
		"SKIP", "TODO", "XFAIL", "TIMEOUT", "ERROR",
	};
	int ok = starts(s, "ok");
	const char *p = s + (ok ? 2 : 6), *hash, *name_end, *reason = "";
	const char *word = "";
	struct test *t;
	struct doc *d;
	char *end;
	long number;
	size_t i;

	while (*p == ' ')
		p++;
	number = strtol(p, &end, 10);
	if (end == p || (*end && *end != ' ') || number < 1) {
		fault(BROKEN, line, "a result without a number: \"%.60s\"", s);
		return;
	}
	p = end;
	while (*p == ' ')
		p++;
	if (*p == '-' && p[1] == ' ')
		p++;
	while (*p == ' ')
		p++;
	hash = strstr(p, " # ");
	name_end = hash ? hash : p + strlen(p);
	while (name_end > p && name_end[-1] == ' ')
		name_end--;
	if (hash) {
		const char *h = hash + 3;

		while (*h == ' ')
			h++;
		for (i = 0; i < sizeof(words) / sizeof(*words); i++)
			if (is_directive(h, words[i], &reason))
				word = words[i];
		if (!*word)
			fault(BROKEN, line, "not a directive after #: \"%.40s\"", h);
	}

	while (cur > depth)
		close_doc(line);
	if (depth != cur) {
		fault(BROKEN, line, "a result outside any document (missing head KTAP version 1?): \"%.60s\"",
		      s);
		return;
	}
	d = &docs[cur];
	if (d->plan < 0 && !d->results)
		fault(BROKEN, line, "a result before the plan (1..N)");
	if (number <= d->last) {
		fault(BROKEN, line, "number %ld reported twice or out of order: \"%.60s\"",
		      number, s);
		return;
	}
	if (number != d->last + 1)
		fault(BROKEN, line, "number %ld where %ld was expected", number,
		      d->last + 1);
	if (d->plan >= 0 && number > d->plan)
		fault(BROKEN, line, "number %ld is beyond the plan 1..%ld",
		      number, d->plan);
	d->last = number;
	d->results++;
	if (name_end == p)
		fault(BROKEN, line, "result %ld has no name", number);
	for (i = d->first_test; i < (size_t)nr_tests; i++)
		if (tests[i].depth == depth &&
		    strlen(tests[i].name) == (size_t)(name_end - p) &&
		    !strncmp(tests[i].name, p, name_end - p))
			fault(BROKEN, line, "two tests of one name: \"%s\"",
			      tests[i].name);

	t = push(tests, nr_tests);
	memset(t, 0, sizeof(*t));
	t->depth = depth;
	t->number = number;
	t->line = line;
	t->name = xstrndup(p, name_end - p);
	t->directive = xstrndup(word, strlen(word));
	t->reason = xstrndup(reason, strlen(reason));
	t->diag_first = diag_mark;
	t->diag_nr = nr_diags - diag_mark;
	diag_mark = nr_diags;
	t->result = ok ? OK : NOT_OK;
	if (!strcmp(word, "SKIP")) {
		t->result = SKIPPED;
		if (!*reason)
			fault(BROKEN, line, "skipped without a reason: \"%s\"",
			      t->name);
	} else if (!strcmp(word, "XFAIL")) {
		t->result = EXPECTED_FAILURE;
	} else if (ok && (!strcmp(word, "TIMEOUT") || !strcmp(word, "ERROR"))) {
		fault(BROKEN, line, "\"ok\" cannot go with # %s: \"%s\"", word,
		      t->name);
	} /* TODO hides nothing: "not ok" stays a failure */

	t->parent = child_closed;
	if (child_closed && t->result == OK && child_failed)
		fault(BROKEN, line, "\"%s\" says ok over subtests that failed or are missing",
		      t->name);
	if (t->result == NOT_OK)
		d->failed++;
	if (child_closed) {
		/* a failure that no subtest shows is one of its own */
		if (t->result == NOT_OK && !child_failed) {
			t->parent = 0;
			failed++;
		}
		child_closed = 0;
		return;
	}
	switch (t->result) {
	case OK:
	case EXPECTED_FAILURE:
		passed++;
		break;
	case NOT_OK:
		failed++;
		break;
	case SKIPPED:
		skipped++;
		break;
	}
}

/* "# init: key value" of the outer document; the suite cannot write one. */
static void see_init(const char *s, int line)
{
	if (starts(s, "exit "))
		snprintf(said_exit, sizeof(said_exit), "%s", s + 5);
	else if (starts(s, "release "))
		snprintf(said_release, sizeof(said_release), "%s", s + 8);
	else if (starts(s, "build-id "))
		snprintf(said_build_id, sizeof(said_build_id), "%s", s + 9);
	else if (starts(s, "up "))
		said_up = atof(s + 3);
	else if (starts(s, "json "))
		said_json = atol(s + 5);
	else if (sscanf(s, "tainted %lu -> %lu", &taint_before, &taint_after) == 2)
		said_taint = 1;
	else if (starts(s, "left in D: "))
		fault(FAILED, line, "a task was left behind that cannot be killed: %s",
		      s + 11);
	else if (!strcmp(s, "end")) {
		said_end++;
		end_line = line;
	}
}

static void see_line(char *s, int line)
{
	int spaces = strspn(s, " "), depth = spaces / 2;
	char *text = s + spaces;

	last_line = line;
	if (*text == '#' || !*text) {
		if (guest && !spaces && starts(text, "# init: "))
			see_init(text + 8, line);
		else if (guest && !spaces && starts(text, "# json: "))
			*push(twin_lines, nr_twin_lines) = text + 8;
		else if (guest && !spaces && starts(text, "# gcda: "))
			;	/* of a kernel that counts its lines: scripts/coverage */
		else if (*text)
			*push(diags, nr_diags) = text;
		return;
	}
	if (spaces % 2) {
		fault(BROKEN, line, "not KTAP (odd indentation): \"%.80s\"", s);
		return;
	}
	if (starts(text, "KTAP version ")) {
		if (strcmp(text, "KTAP version 1"))
			fault(BROKEN, line, "\"%.40s\": only KTAP version 1 is understood",
			      text);
		open_doc(depth, line);
	} else if (starts(text, "1..")) {
		see_plan(depth, text, line);
	} else if (starts(text, "ok ") || starts(text, "not ok ") ||
		   !strcmp(text, "ok") || !strcmp(text, "not ok")) {
		see_result(depth, text, line);
	} else if (starts(text, "Bail out!")) {
		fault(BROKEN, line, "%.200s", text);
		bailed = 1;
	} else {
		fault(BROKEN, line, "not KTAP, on a channel that carries nothing else: \"%.80s\"",
		      text);
	}
}

static void see_ktap(char *buf, size_t len)
{
	char *p = buf, *end;
	int line = 0;

	if (!len) {
		fault(BROKEN, 0, "empty: the tests never began");
		return;
	}
	while (p < buf + len) {
		end = memchr(p, '\n', buf + len - p);
		line++;
		if (!end) {
			fault(FAILED, line, "ends in the middle of a line: \"%.60s\"",
			      p);
			break;
		}
		*end = '\0';
		if (end > p && end[-1] == '\r')
			end[-1] = '\0';
		if (strlen(p) + 1 < (size_t)(end - p))
			fault(BROKEN, line, "a NUL byte in the line");
		see_line(p, line);
		p = end + 1;
	}
	if (cur < 0 && !nr_tests && !nr_faults)
		fault(BROKEN, line, "missing head (KTAP version 1)");
	while (cur >= 0)
		close_doc(line);
	if (!passed && !failed && !skipped)
		fault(BROKEN, line, "zero tests reported");
}

/*
 * What the kernel says when it is not well.  Everything with such a word is a
 * finding unless it is a sentence that sound kernels print on some machines.
 * "Call Trace:" is not among them: a memory cgroup that is out of memory and a
 * list of blocked tasks (sysrq w) print one too, and tests ask for both.  Nor is
 * "page dumped because:", which memory offline says of each page that is busy.
 */
static const char * const bad_words[] = {
	"WARNING: ", "BUG: ", "BUG at ", "kernel BUG", "Oops", "Kernel panic",
	"general protection fault", "Unable to handle", "unable to handle",
	"stack-protector:", "stack guard page", "invalid opcode:",
	"divide error:", "double fault", "soft lockup", "hard LOCKUP",
	"hard lockup", "detected stall", "self-detected stall",
	"rcu_preempt kthread starved", "rcu_sched kthread starved",
	"kthread timer wakeup didn't happen", "blocked for more than",
	"possible recursive locking", "possible circular locking",
	"possible irq lock inversion", "inconsistent lock state",
	"suspicious RCU usage", "INFO: trying to register non-static key",
	"INFO: possible", "bad unlock balance", "held lock freed",
	"lock held when returning to user space", "Invalid wait context",
	"sleeping function called", "scheduling while atomic", "KASAN:",
	"KFENCE:", "KCSAN:", "KMSAN:", "UBSAN:", "kmemleak: ", "DEBUG_LOCKS_WARN",
	"refcount_t:", "list_add corruption", "list_del corruption",
	"Bad page", "bad page", "Bad rss-counter",
	"ODEBUG:", "Slab corruption", "Object already free",
	"page allocation failure", "Out of memory: ", "Workqueue lockup",
	"workqueue lockup", "BUG: workqueue", "VFS: Busy inodes",
	"cut here", "fusewb-init: the suite did not end",
	/* lockdep that gave up, SLUB's own checks, poisoned pages */
	"turning off the locking correctness", " BUG ", "pagealloc: ",
	"Attempted to kill init", "Unknown NMI", "dazed and confused",
};

static const char * const harmless[] = {
	"Spectre V2 : WARNING: ", "RETBleed: WARNING: ", "MDS CPU bug present",
	"SRSO: WARNING: ", "Spectre v2 mitigation leaves CPU vulnerable",
	"kmemleak: Kernel memory leak detector",
	"kmemleak: Automatic memory scanning", "Register KASAN", "KASAN: init",
	"kasan: KernelAddressSanitizer initialized", "KCSAN: enabled",
};

static int is_finding(const char *s)
{
	size_t i;

	for (i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		if (strstr(s, harmless[i]))
			return 0;
	for (i = 0; i < sizeof(bad_words) / sizeof(*bad_words); i++)
		if (strstr(s, bad_words[i]))
			return 1;
	return 0;
}

static void see_console(const char *path)
{
	size_t len;
	char *buf = read_whole(path, &len), *p, *end;
	int line = 0, boots = 0, begun = 0;
	struct finding *f;

	if (!buf) {
		fault(BROKEN, 0, "console log %s: %s", path, strerror(errno));
		return;
	}
	for (p = buf; p < buf + len; p = end + 1) {
		end = memchr(p, '\n', buf + len - p);
		if (!end)
			end = buf + len;
		*end = '\0';
		line++;
		if (strstr(p, "] Linux version ")) {
			boots++;
			begun = 1;
		}
		/* before the kernel, the firmware speaks */
		if (begun && is_finding(p)) {
			f = push(findings, nr_findings);
			f->line = line;
			f->text = xstrndup(p, strcspn(p, "\r"));
		}
	}
	if (!boots)
		fault(nr_tests ? FAILED : BROKEN, 0,
		      "console log %s: no \"Linux version\" in it (%zu bytes)",
		      path, len);
	else if (boots > 1)
		fault(FAILED, 0, "console log %s: the kernel started %d times, the guest rebooted",
		      path, boots);
	if (nr_findings)
		failed++;
	free(buf);
}

/* For a field of a table: one line of printable ASCII, without tabs. */
static void table_field(FILE *f, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	for (; *p; p++)
		fputc(*p >= 0x20 && *p < 0x7f ? *p : *p == '\t' ? ' ' : '?', f);
}

/*
 * What a failed test said: the last line that names a place in its source, which
 * is the check that failed, or else its last line.
 */
static const char *said_why(const struct test *t)
{
	const char *why = t->reason, *s;
	int i, placed = 0;

	for (i = t->diag_first; i < t->diag_first + t->diag_nr; i++) {
		s = diags[i] + 1 + (diags[i][1] == ' ');
		if (strstr(s, ".c:") && strcspn(s, " ") > strcspn(s, ":")) {
			why = s;
			placed = 1;
		} else if (!placed && !*t->reason && !starts(s, "time_ms=")) {
			why = s;
		}
	}
	return why;
}

/*
 * A line for each counted test, "test NAME RESULT MS REASON", and for each other
 * defect, "error - fail - REASON", between tabs; MS is - if the test said none.
 */
static int write_table(const char *path)
{
	FILE *f = fopen(path, "w");
	long ms;
	int i, j;

	if (!f)
		return -errno;
	for (i = 0; i < nr_tests; i++) {
		struct test *t = &tests[i];

		if (t->parent)
			continue;
		fprintf(f, "test\t");
		table_field(f, t->name);
		fprintf(f, "\t%s\t", t->result == NOT_OK ? "fail" :
			t->result == SKIPPED ? "skip" : "ok");
		ms = -1;
		for (j = t->diag_first; j < t->diag_first + t->diag_nr; j++)
			sscanf(diags[j], "# time_ms=%ld", &ms);
		if (ms < 0)
			fprintf(f, "-\t");
		else
			fprintf(f, "%ld\t", ms);
		if (t->result == NOT_OK)
			table_field(f, said_why(t));
		else
			table_field(f, t->reason);
		fputc('\n', f);
	}
	for (i = 0; i < nr_faults; i++) {
		fprintf(f, "error\t-\tfail\t-\t");
		table_field(f, faults[i].text);
		fputc('\n', f);
	}
	for (i = 0; i < nr_findings; i++) {
		fprintf(f, "error\t-\tfail\t-\tkernel: ");
		table_field(f, findings[i].text);
		fputc('\n', f);
	}
	return fclose(f) ? -errno : 0;
}

/* The suite's JSON as it was in the guest; not written if it is not whole. */
static void write_twin(const char *path)
{
	long size = 0;
	FILE *f;
	int i;

	for (i = 0; i < nr_twin_lines; i++)
		size += strlen(twin_lines[i]) + 1;
	if (said_json < 0) {
		fault(BROKEN, 0, "the suite wrote no JSON");
		return;
	}
	if (size != said_json) {
		fault(BROKEN, 0, "%ld bytes of JSON came out of the guest; it sent %ld",
		      size, said_json);
		return;
	}
	f = fopen(path, "w");
	for (i = 0; f && i < nr_twin_lines; i++)
		fprintf(f, "%s\n", twin_lines[i]);
	if (!f || fclose(f))
		fault(BROKEN, 0, "%s: cannot write: %s", path, strerror(errno));
}

static void check_guest(const char *ended, const char *twin, long expect_tests)
{
	/* W warned, D died, B bad page, L lockup */
	const unsigned long bad = 1UL << 9 | 1UL << 7 | 1UL << 5 | 1UL << 14;
	char *end;
	long code;
	int i, bad_results = 0;

	if (strcmp(ended, "exit"))
		fault(FAILED, 0, "the guest was ended from outside: %s", ended);
	if (nr_tests && strcmp(tests[0].name, "guest-runs-the-packaged-kernel"))
		fault(BROKEN, tests[0].line, "the first test is \"%s\"; expected guest-runs-the-packaged-kernel",
		      tests[0].name);
	if (nr_tests && tests[0].result != OK)
		broken_doc = 1;
	for (i = 0; i < nr_tests; i++) {
		suite_tests += tests[i].depth == 1;
		bad_results += tests[i].depth > 0 && tests[i].result == NOT_OK;
	}
	if (!said_end)
		fault(FAILED, last_line, "no end marker: the guest died before its report was complete");
	else if (end_line != last_line || said_end > 1)
		fault(BROKEN, end_line, "the end marker is not the last line, or not the only one");
	if (!said_end)
		return;
	/* of another kernel, init runs no suite, and test 1 has said so */
	if (broken_doc && !strcmp(said_exit, "not-run"))
		return;
	code = strtol(said_exit, &end, 10);
	if (end == said_exit || *end)
		fault(FAILED, 0, "the suite did not exit by itself: %s",
		      *said_exit ? said_exit : "nothing said");
	else if (code == 3 && bad_results)
		broken_doc = 1;	/* it has said which, and counted it */
	else if (code == 2 || code == 3)
		fault(BROKEN, 0, "the suite exited with %ld: %s", code,
		      code == 2 ? "wrong usage" : "its environment is broken");
	else if (code == 4)
		fault(BROKEN, 0, "the suite exited with 4: nothing could run");
	else if (code > 1)
		fault(BROKEN, 0, "the suite exited with %ld; expected 0 or 1",
		      code);
	else if (code != !!bad_results)
		fault(BROKEN, 0, "the suite exited with %ld over %d failed tests",
		      code, bad_results);
	/* what did not run has been counted already */
	if (expect_tests >= 0 && suite_tests != expect_tests && !never_ran)
		fault(FAILED, 0, "the suite reported %d tests; it lists %ld",
		      suite_tests, expect_tests);
	if (said_taint && (taint_after & bad))
		fault(FAILED, 0, "the kernel has tainted itself: %lu before the suite, %lu after",
		      taint_before, taint_after);
	if (twin && (said_json >= 0 || !never_ran))
		write_twin(twin);
}

static void print_report(void)
{
	int i, j;

	for (i = 0; i < nr_tests; i++) {
		struct test *t = &tests[i];

		if (t->parent)
			continue;
		printf("%-7s%s%s%s%s%s\n",
		       t->result == NOT_OK ? "not ok" : "ok", t->name,
		       *t->directive ? "  # " : "", t->directive,
		       *t->reason ? " " : "", t->reason);
		if (t->result != NOT_OK)
			continue;
		for (j = t->diag_first; j < t->diag_first + t->diag_nr; j++)
			printf("       | %s\n", diags[j] +
			       (diags[j][1] == ' ' ? 2 : 1));
	}
	/* what was said after the last result belongs to what did not finish */
	if (diag_mark < nr_diags && nr_faults) {
		printf("       said after the last result:\n");
		for (j = diag_mark; j < nr_diags; j++)
			printf("       | %s\n", diags[j]);
	}
	for (i = 0; i < nr_faults; i++)
		printf("%s\n", faults[i].text);
}

static void print_findings(const char *console)
{
	int i;

	for (i = 0; i < nr_findings && i < MAX_SHOWN; i++)
		printf("%s:%d: error: kernel: %s\n", console,
		       findings[i].line, findings[i].text);
	if (nr_findings > MAX_SHOWN)
		printf("%s: and %d lines more\n", console,
		       nr_findings - MAX_SHOWN);
}

static void json_string(FILE *f, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	fputc('"', f);
	for (; *p; p++) {
		if (*p == '"' || *p == '\\')
			fprintf(f, "\\%c", *p);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(f, "\\u%04x", *p);
		else if (*p < 0x80)
			fputc(*p, f);
		else	/* a console may hold anything: keep the file ASCII */
			fprintf(f, "\\u%04x", *p);
	}
	fputc('"', f);
}

static int write_json(const char *path, const char *console,
		      enum verdict verdict)
{
	FILE *f = fopen(path, "w");
	int i, j, n;

	if (!f)
		return -errno;
	fprintf(f, "{\n  \"verdict\": \"%s\",\n", verdict == PASSED ? "passed" :
		verdict == FAILED ? "failed" : "broken");
	fprintf(f, "  \"passed\": %ld,\n  \"failed\": %ld,\n  \"skipped\": %ld,\n",
		passed, failed, skipped);
	fprintf(f, "  \"never_ran\": %ld,\n", never_ran);
	if (guest) {
		fprintf(f, "  \"release\": ");
		json_string(f, said_release);
		fprintf(f, ",\n  \"build_id\": ");
		json_string(f, said_build_id);
		fprintf(f, ",\n  \"suite_exit\": ");
		json_string(f, said_exit);
		fprintf(f, ",\n  \"boot_seconds\": %.2f,\n", said_up);
	}
	fprintf(f, "  \"tests\": [");
	for (i = n = 0; i < nr_tests; i++) {
		struct test *t = &tests[i];

		if (t->parent)
			continue;
		fprintf(f, "%s\n    { \"name\": ", n++ ? "," : "");
		json_string(f, t->name);
		fprintf(f, ", \"result\": \"%s\", \"directive\": ",
			result_name[t->result]);
		json_string(f, t->directive);
		fprintf(f, ", \"reason\": ");
		json_string(f, t->reason);
		fprintf(f, ", \"line\": %d, \"said\": [", t->line);
		for (j = 0; j < t->diag_nr; j++) {
			fprintf(f, "%s", j ? ", " : "");
			json_string(f, diags[t->diag_first + j]);
		}
		fprintf(f, "] }");
	}
	fprintf(f, "%s],\n  \"errors\": [", n ? "\n  " : "");
	for (i = 0; i < nr_faults; i++) {
		fprintf(f, "%s\n    ", i ? "," : "");
		json_string(f, faults[i].text);
	}
	fprintf(f, "%s],\n  \"kernel\": [", nr_faults ? "\n  " : "");
	for (i = 0; i < nr_findings; i++) {
		fprintf(f, "%s\n    { \"file\": ", i ? "," : "");
		json_string(f, console);
		fprintf(f, ", \"line\": %d, \"text\": ", findings[i].line);
		json_string(f, findings[i].text);
		fprintf(f, " }");
	}
	fprintf(f, "%s]\n}\n", nr_findings ? "\n  " : "");
	return fclose(f) ? -errno : 0;
}

static void usage(FILE *f)
{
	fputs("usage: ktap-judge [options] KTAP\n"
	      "Says what a KTAP result proves: a line a test, what is wrong, the totals.\n"
	      "\n"
	      "  --guest         it is the document of tests/init.c; all of it must be there\n"
	      "  --ended HOW     how the guest ended; all but \"exit\" is a failure\n"
	      "  --console FILE  the kernel's console: warnings, panics and the like fail\n"
	      "  --twin FILE     write the suite's own JSON, if all of it came out\n"
	      "  --tests N       how many tests the suite lists\n"
	      "  --json FILE     write the verdict as JSON\n"
	      "  --counts FILE   write \"passed failed skipped\"\n"
	      "  --table FILE    write a line a test, for scripts/matrix\n"
	      "\n"
	      "Exit status: 0 all passed, 1 a test or the kernel failed, 2 wrong use,\n"
	      "3 the result cannot be trusted.\n", f);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "guest", no_argument, NULL, 'g' },
		{ "ended", required_argument, NULL, 'e' },
		{ "console", required_argument, NULL, 'c' },
		{ "twin", required_argument, NULL, 't' },
		{ "tests", required_argument, NULL, 'n' },
		{ "json", required_argument, NULL, 'j' },
		{ "counts", required_argument, NULL, 'C' },
		{ "table", required_argument, NULL, 'T' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const char *console = NULL, *json = NULL, *counts = NULL, *twin = NULL;
	const char *table = NULL;
	const char *ended = "exit";
	enum verdict verdict;
	long expect_tests = -1;
	size_t len;
	char *buf;
	FILE *f;
	int c, i;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'g':
			guest = 1;
			break;
		case 'e':
			ended = optarg;
			break;
		case 'c':
			console = optarg;
			break;
		case 't':
			twin = optarg;
			break;
		case 'n':
			expect_tests = atol(optarg);
			break;
		case 'j':
			json = optarg;
			break;
		case 'C':
			counts = optarg;
			break;
		case 'T':
			table = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind != argc - 1) {
		usage(stderr);
		return 2;
	}
	ktap_path = argv[optind];

	buf = read_whole(ktap_path, &len);
	if (!buf)
		fault(BROKEN, 0, "%s", strerror(errno));
	else
		see_ktap(buf, len);
	if (console)
		see_console(console);
	if (guest)
		check_guest(ended, twin, expect_tests);
	else if (strcmp(ended, "exit"))
		fault(FAILED, 0, "the run was ended from outside: %s", ended);
	if (nr_tests && !passed && !failed)
		fault(BROKEN, 0, "all %ld tests were skipped; a run of none proves nothing",
		      skipped);

	/*
	 * A kernel that died explains a report that is incomplete; else a report
	 * that cannot be read outweighs what it may say.
	 */
	verdict = failed ? FAILED : PASSED;
	if (!nr_findings)
		for (i = 0; i < nr_faults; i++)
			if (faults[i].verdict == BROKEN)
				verdict = BROKEN;
	if (broken_doc)
		verdict = BROKEN;

	print_report();
	if (console)
		print_findings(console);
	if (never_ran)
		printf("%ld of the failed ones never ran\n", never_ran);
	printf("%ld passed, %ld failed", passed, failed);
	if (skipped)
		printf(", %ld skipped", skipped);
	printf("\n");
	if (json && write_json(json, console ? console : "", verdict)) {
		fprintf(stderr, "%s: error: cannot write: %s\n", json,
			strerror(errno));
		return BROKEN;
	}
	if (table && write_table(table)) {
		fprintf(stderr, "%s: error: cannot write: %s\n", table,
			strerror(errno));
		return BROKEN;
	}
	if (counts) {
		f = fopen(counts, "w");
		if (!f || fprintf(f, "%ld %ld %ld\n", passed, failed,
				  skipped) < 0 || fclose(f)) {
			fprintf(stderr, "%s: error: cannot write: %s\n",
				counts, strerror(errno));
			return BROKEN;
		}
	}
	return verdict;
}
