/* SPDX-License-Identifier: GPL-2.0 */
/* The n-th allocation that a task makes from now on fails (/proc/thread-self/fail-nth). */
#ifndef FUSEWB_NTH_H
#define FUSEWB_NTH_H

/*
 * An operation is done again and again, with n = 1, 2, 3, ... until it has made
 * fewer than n allocations: then each of them has failed once.  What may not
 * fail (__GFP_NOFAIL) is not counted.
 */
#define NTH_MAX		1000

/* Skips the test where that is not to be had. */
void nth_init(void);
void nth_arm(unsigned int nth);
/* How many more allocations it would have taken; 0 if one has failed. */
unsigned int nth_disarm(void);

#endif
