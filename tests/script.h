/* SPDX-License-Identifier: GPL-2.0 */
/* The lab language: what a server does wrong, read from a file; see doc/lab.md. */
#ifndef FUSEWB_SCRIPT_H
#define FUSEWB_SCRIPT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct fuse_in_header;
struct srv_shared;

#define SCRIPT_HELPERS	16

/* Shared between the lab and the server that plays the script. */
struct script_shared {
	/* Set by the lab. */
	_Atomic int armed;	/* rules apply, those for INIT always do */
	_Atomic int thaw;
	/* Set by the server. */
	_Atomic unsigned int writes;	/* requests to write that came */
	_Atomic unsigned int held;
	_Atomic unsigned int hits;	/* how often a rule applied */
	_Atomic unsigned int refused;	/* answers the kernel did not take */
	_Atomic int refusal;		/* the last errno of those */
	_Atomic int stops;		/* about to stop, freeze or die */
	_Atomic int frozen;		/* -errno: it cannot be */
	_Atomic unsigned int nhelpers;
	_Atomic pid_t helper[SCRIPT_HELPERS];
};

enum script_result { ANY_RESULT, RETURNS, WAITS, RESULT_IS };

struct script {
	char name[64];
	char about[160];
	/* What to mount with. */
	bool no_writeback_cache;
	uint32_t max_write;
	uint16_t max_pages, max_background;
	/* Death does not end what waits, because a helper has the device. */
	bool end_abort;
	bool end_kill;
	char operations[256];	/* only these; "" is all */
	int operations_line;
	/* What the kernel says to each answer that is spoiled; 0 is anything. */
	int refused;
	bool wants_init;	/* has a rule for INIT */
	bool waiters;		/* has processes that wait for the server */
	bool answers;		/* all but READ and WRITE */
	struct script_shared *sh;
	struct script_rule *rules;
	struct script_expect *expects;
	struct script_play *play;	/* in the server */
};

/* NULL, with what is wrong with line N of it in @err as "NAME:N: error: ...". */
struct script *script_parse(const char *name, const char *text, char *err,
			    size_t size);
/* Whether all operations that are named are known; @err if not. */
bool script_check_ops(const struct script *sc, const char *name,
		      bool (*known)(const char *op), char *err, size_t size);
/* The text of a file; NULL with errno. */
char *script_read(const char *path);

bool script_has_op(const struct script *sc, const char *op);

/* What is expected of @op; @error is for RESULT_IS. */
enum script_result script_expects(const struct script *sc, const char *op,
				  int *error);

/* For the server. */
void script_begin(struct script *sc, int dev, struct srv_shared *srv,
		  const char *dir);
/* Do what is due; the value is a time limit for poll(2). */
int script_step(struct script *sc);
void script_request(struct script *sc, const struct fuse_in_header *in);
void script_reply(struct script *sc, uint64_t unique, const struct iovec *iov,
		  int n);

#endif
