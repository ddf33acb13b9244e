/* SPDX-License-Identifier: GPL-2.0 */
/* What processes do that have nothing to do with a mount that hangs; see t-bystander.c. */
#ifndef FUSEWB_BYSTANDER_H
#define FUSEWB_BYSTANDER_H

#include <stdbool.h>

#define BYSTANDER_PAGES	8	/* in flight */

/*
 * What there is while they run: pages in flight, a server that answers what is
 * no WRITE or that does not, and nobody who waits for it yet.
 */
enum { HAS_HELD = 2, HAS_ANSWERS = 4, NO_ANSWERS = 8, NO_WAITERS = 32 };

/* All that exists before there is a mount. */
void bystander_prepare(void);
/* These are the pages in flight; they must be mapped and present. */
void bystander_look_at(unsigned char *map);
/* Clients that wait for the server, if it lets them. */
void bystander_clients(int *fd);
/* Those that come before there are clients, or the others. */
void bystander_ops(bool first, unsigned int has);
/* Who did not do well, and how; "" is nobody. */
const char *bystander_blame(void);

#endif
