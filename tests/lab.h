/* SPDX-License-Identifier: GPL-2.0 */
/* The lab: scripts of a misbehaving server against operations; see doc/lab.md. */
#ifndef FUSEWB_LAB_H
#define FUSEWB_LAB_H

struct test;

/* Scripts that are compiled in; the last has no name. */
struct lab_source {
	const char *name, *text;
};

extern const struct lab_source lab_sources[];

/*
 * One test for each script and operation; @what is a list, with commas, of
 * files and names of scripts, or "all".  Returns how many, or -1 after having said what is wrong.
 */
int lab_plan(const char *what, const struct test *const **tests);

#endif
