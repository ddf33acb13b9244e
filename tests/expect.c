// SPDX-License-Identifier: GPL-2.0
// What is expected of a kernel that lacks changes: which tests must fail on it.
#define _GNU_SOURCE
#include <ctype.h>
#include <string.h>

#include "run.h"

/* "0004,0005", or "all"; none with the series. */
static const char *missing;

static size_t change_len(const char *s)
{
	size_t i;

	for (i = 0; i < 4; i++)
		if (!isdigit((unsigned char)s[i]))
			return 0;
	return s[4] && s[4] != ',' ? 0 : 4;
}

/* "series", "stock", or "stock:" and numbers of changes. */
bool expect_parse(const char *arg)
{
	const char *s;

	missing = NULL;
	if (!strcmp(arg, "series"))
		return true;
	if (strncmp(arg, "stock", 5))
		return false;
	if (!arg[5]) {
		missing = "all";
		return true;
	}
	for (s = arg + 5; *s; s += 5) {
		if (*s != (s == arg + 5 ? ':' : ',') || !change_len(s + 1))
			return false;
	}
	missing = arg + 6;
	return true;
}

bool expect_stock(void)
{
	return missing;
}

const char *expect_missing(void)
{
	return missing ? missing : "";
}

static bool is_missing(const char *change)
{
	const char *s = missing;

	/* The list of tests says what they do on stock. */
	if (!s || !strcmp(s, "all"))
		return true;
	for (; strlen(s) >= 4; s += 4 + (s[4] == ','))
		if (!strncmp(s, change, 4))
			return true;
	return false;
}

/*
 * One of the changes that the test guards is missing, and the kernel is none on
 * which that cannot show.  Without a run, @o is NULL.
 */
bool should_fail(const struct test *t, const struct outcome *o)
{
	const char *s;

	/* Without the series it passes because nothing is in flight. */
	if (t->stock == STOCK_PASSES && is_missing("0006"))
		return false;
	for (s = t->guards; change_len(s); s += 4 + (s[4] == ','))
		if (is_missing(s) && (!o || strncmp(o->blind, s, 4)))
			return true;
	return false;
}
