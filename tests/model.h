/* SPDX-License-Identifier: GPL-2.0 */
/* Files on a mount against the same files in memory, byte for byte. */
#ifndef FUSEWB_MODEL_H
#define FUSEWB_MODEL_H

#include "server.h"

/* What a run does beside reading, writing and cutting two files. */
enum {
	/* The server answers WRITEs late and in any order. */
	MODEL_LATE = 1,
	/*
	 * It fails some, or what its @judge says; then there is nothing but
	 * writing and syncing.
	 */
	MODEL_ERRORS = 2,
	/* Drop caches, compact, move pages: hurts the whole machine. */
	MODEL_MOVES = 4,
	/* Unmount and mount again. */
	MODEL_REMOUNT = 8,
	/* Sync a file before a write over its end: see extend_dirty_end. */
	MODEL_CLEAN_END = 16,
};

struct model_opts {
	const char *name;	/* of the run, for what it says */
	uint64_t seed;
	unsigned int ops;
	unsigned int flags;
	size_t max;		/* bytes that a file may have */
	size_t piece;		/* and a write; 0 is a fifth of that */
	struct srv_opts srv;
	/* Called with the mount there and no file open; then every 8 ops. */
	void (*begin)(struct fs *fs);
	bool (*meanwhile)(unsigned int op, char *why, size_t size);
};

struct model_result {
	bool ok;
	char why[320];		/* the first difference, with all parameters */
	unsigned int op;	/* that found it */
	unsigned int in_flight;	/* operations begun with WRITEs held */
	unsigned int failed;	/* WRITEs that the server failed */
	unsigned int postponed;	/* WRITEs that it answered late */
	unsigned int writes;	/* WRITEs out of the page cache */
	unsigned long long bytes;
	uint64_t plan;		/* a hash of the operations */
};

/*
 * The operations depend on seed and options alone.  What goes wrong is in the
 * result, for the caller to judge, and what led to it in diagnostics unless
 * @quiet; only a set-up that does not work ends the test.
 */
void model_run(const struct model_opts *o, bool quiet,
	       struct model_result *r);
/* The same, and it is the test that fails. */
void model_expect(const struct model_opts *o);
/* To be called by a @judge that fails a WRITE; false: it must not any more. */
bool model_count_failure(const struct srv_event *ev);

#endif
