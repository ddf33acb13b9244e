// SPDX-License-Identifier: GPL-2.0
// Results as JUnit XML, for what collects the results of many programs.
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "run.h"

/* All that is not ASCII, or that XML has no way to write, is a question mark. */
static void put_text(FILE *f, const char *s)
{
	for (; s && *s; s++) {
		switch (*s) {
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '&':
			fputs("&amp;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		case '\n':
			fputc('\n', f);
			break;
		default:
			fputc((unsigned char)*s < ' ' ||
			      (unsigned char)*s >= 127 ? '?' : *s, f);
		}
	}
}

static void put_child(FILE *f, const char *element, const struct outcome *o)
{
	fprintf(f, "      <%s type=\"%s\" message=\"", element,
		verdict_name(o->verdict));
	put_text(f, o->why[0] ? o->why : "expected to fail, got a pass");
	fprintf(f, "\">");
	put_text(f, o->said);
	fprintf(f, "</%s>\n", element);
}

static void put_case(FILE *f, const struct test *t, const struct outcome *o)
{
	fprintf(f, "    <testcase classname=\"fusewb-smoke.%s\" name=\"%s\" "
		"time=\"%u.%03u\">\n", danger_name(t->danger), t->name,
		o->ms / 1000, o->ms % 1000);
	if (o->verdict == SKIP) {
		fprintf(f, "      <skipped message=\"");
		put_text(f, o->why);
		fprintf(f, "\"/>\n");
	} else if (o->verdict == BROKEN) {
		put_child(f, "error", o);
	} else if (!result_ok(t, o)) {
		put_child(f, "failure", o);
	}
	fprintf(f, "    </testcase>\n");
}

bool junit_write(FILE *f, const struct test *const *t,
		 const struct outcome *o, int n)
{
	int i, failures = 0, errors = 0, skipped = 0;
	unsigned long ms = 0;
	struct utsname u;

	for (i = 0; i < n; i++) {
		ms += o[i].ms;
		skipped += o[i].verdict == SKIP;
		errors += o[i].verdict == BROKEN;
		failures += o[i].verdict != BROKEN && !result_ok(t[i], &o[i]);
	}
	memset(&u, 0, sizeof(u));
	uname(&u);
	fprintf(f, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
		"  <testsuite name=\"fusewb-smoke\" tests=\"%d\" "
		"failures=\"%d\" errors=\"%d\" skipped=\"%d\" "
		"time=\"%lu.%03lu\">\n    <properties>\n", n, failures, errors,
		skipped, ms / 1000, ms % 1000);
	fprintf(f, "      <property name=\"kernel\" value=\"");
	put_text(f, u.release);
	fprintf(f, "\"/>\n      <property name=\"machine\" value=\"");
	put_text(f, u.machine);
	fprintf(f, "\"/>\n      <property name=\"version\" value=\"%s\"/>\n"
		"      <property name=\"seed\" value=\"%llu\"/>\n"
		"      <property name=\"expect\" value=\"%s\"/>\n"
		"    </properties>\n", FUSEWB_VERSION,
		(unsigned long long)run_seed,
		expect_stock() ? "stock" : "series");
	for (i = 0; i < n; i++)
		put_case(f, t[i], &o[i]);
	fprintf(f, "  </testsuite>\n</testsuites>\n");
	return !fflush(f) && !ferror(f);
}
