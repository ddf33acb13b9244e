// SPDX-License-Identifier: GPL-2.0
// Results as KTAP on stdout, and the same as JSON in a file.
#define _GNU_SOURCE
#include <stdarg.h>
#include <string.h>
#include <sys/utsname.h>

#include "run.h"

static int number;

/* What was said since a test began, and how many lines. */
static char said[64 << 10];
static size_t said_len;
static unsigned int said_lines;

#define LINES_MAX	3000

const char *verdict_name(enum verdict v)
{
	static const char *const name[] = {
		[PASS] = "pass", [FAIL] = "fail", [SKIP] = "skip",
		[BROKEN] = "broken", [TIMEOUT] = "timeout",
	};

	return name[v];
}

const char *danger_name(enum danger d)
{
	static const char *const name[] = { "safe", "pressure", "wedge" };

	return name[d];
}

static const char *stock_name(const struct test *t, const struct outcome *o)
{
	return should_fail(t, o) ? "fails" : "passes";
}

void result_open(int plan)
{
	output("KTAP version 1\n1..%d\n", plan);
}

void result_begin(void)
{
	said_len = 0;
	said[0] = '\0';
	said_lines = 0;
}

const char *result_said(size_t *len)
{
	*len = said_len;
	return said;
}

static void keep(const char *line)
{
	size_t n = strlen(line);

	if (said_len + n + 2 > sizeof(said))
		return;
	memcpy(said + said_len, line, n);
	said_len += n;
	said[said_len++] = '\n';
	said[said_len] = '\0';
}

int result_diag(const char *fmt, ...)
{
	char line[1024], *p;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (p = line; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	/* A test that talks for ever is not listened to for ever. */
	if (++said_lines == LINES_MAX)
		snprintf(line, sizeof(line), "more lines than %d are not shown",
			 LINES_MAX);
	if (said_lines > LINES_MAX)
		return -1;
	keep(line);
	output("# %s\n", line);
	return 0;
}

/* With --expect=stock, failing is what some tests are there for. */
bool result_ok(const struct test *t, const struct outcome *o)
{
	if (o->verdict == SKIP)
		return true;
	if (expect_stock() && should_fail(t, o))
		return o->verdict == FAIL;
	return o->verdict == PASS;
}

bool result_add(const struct test *t, struct outcome *o)
{
	const char *more = "", *why = "";
	bool ok = result_ok(t, o);

	/* What follows is of the result, not of a test that may be too loud. */
	said_lines = 0;
	if (o->repetitions > 1)
		result_diag("repetitions=%u", o->repetitions);
	if (!ok && o->repetitions)
		result_diag("to do it again: --only %s --seed %llu", t->name,
			    (unsigned long long)o->seed);
	if (o->why[0] && o->verdict != SKIP)
		result_diag("%s", o->why);
	if (o->verdict == SKIP) {
		more = " # SKIP ";
		why = o->why;
	} else if (o->verdict == TIMEOUT) {
		more = " # TIMEOUT";
	} else if (o->verdict == BROKEN) {
		more = " # ERROR the set-up failed, nothing is said about "
		       "the kernel";
	} else if (expect_stock() && should_fail(t, o)) {
		if (ok)
			more = " # XFAIL fails without the series, as declared";
		else
			result_diag("expected to fail on a stock kernel, got "
				    "a pass");
	}
	if (expect_stock() && o->blind[0])
		result_diag("stock: %s, blind to %s: %s", stock_name(t, o),
			    o->blind, o->blind_why);
	else if (expect_stock())
		result_diag("stock: %s", stock_name(t, o));
	if (!ok)
		o->said = strdup(said);
	result_diag("time_ms=%u", o->ms);
	output("%s %d %s%s%s\n", ok ? "ok" : "not ok", ++number, t->name,
	       more, why);
	return ok;
}

void result_list(const struct test *const *t, int n)
{
	int i;

	printf("%-34s %-9s %-7s %-15s %s\n", "NAME", "CLASS", "STOCK",
	       "CHANGES", "PURPOSE");
	for (i = 0; i < n; i++)
		printf("%-34s %-9s %-7s %-15s %s\n", t[i]->name,
		       danger_name(t[i]->danger), stock_name(t[i], NULL),
		       t[i]->guards[0] ? t[i]->guards : "-", t[i]->purpose);
}

static void put_string(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if ((unsigned char)*s < ' ' || (unsigned char)*s >= 127)
			fprintf(f, "\\u%04x", (unsigned char)*s);
		else
			fputc(*s, f);
	}
	fputc('"', f);
}

/* A list like "0004,0005". */
static void put_list(FILE *f, const char *s)
{
	fputc('[', f);
	while (*s) {
		size_t n = strcspn(s, ",");

		fprintf(f, "\"%.*s\"", (int)n, s);
		s += n;
		if (*s)
			fprintf(f, "%s", (s++, ", "));
	}
	fputc(']', f);
}

/* Without outcomes it is the list of declarations. */
bool result_json(FILE *f, const struct test *const *t,
		 const struct outcome *o, int n)
{
	struct utsname u;
	int i;

	memset(&u, 0, sizeof(u));
	uname(&u);
	fprintf(f, "{\n  \"format\": 1,\n  \"program\": \"fusewb-smoke\",\n"
		"  \"version\": \"%s\",\n  \"kernel\": ", FUSEWB_VERSION);
	put_string(f, u.release);
	fprintf(f, ",\n  \"machine\": ");
	put_string(f, u.machine);
	fprintf(f, ",\n  \"expect\": \"%s\",\n  \"missing\": ",
		expect_stock() ? "stock" : "series");
	put_list(f, expect_missing());
	fprintf(f, ",\n  \"tests\": [");
	for (i = 0; i < n; i++) {
		fprintf(f, "%s\n    {\"name\": \"%s\", \"class\": \"%s\", "
			"\"stock\": \"%s\", \"guards\": ", i ? "," : "",
			t[i]->name, danger_name(t[i]->danger),
			stock_name(t[i], o ? &o[i] : NULL));
		put_list(f, t[i]->guards);
		fprintf(f, ", \"purpose\": ");
		put_string(f, t[i]->purpose);
		if (o) {
			fprintf(f, ",\n     \"result\": \"%s\", \"ok\": %s, "
				"\"time_ms\": %u, \"repetitions\": %u, "
				"\"seed\": \"%llu\", \"why\": ",
				verdict_name(o[i].verdict),
				result_ok(t[i], &o[i]) ? "true" : "false",
				o[i].ms, o[i].repetitions,
				(unsigned long long)o[i].seed);
			put_string(f, o[i].why);
			if (o[i].blind[0]) {
				fprintf(f, ", \"blind\": \"%s\", "
					"\"blind_why\": ", o[i].blind);
				put_string(f, o[i].blind_why);
			}
		}
		fputc('}', f);
	}
	fprintf(f, "\n  ]\n}\n");
	return !fflush(f) && !ferror(f);
}
