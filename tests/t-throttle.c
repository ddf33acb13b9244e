// SPDX-License-Identifier: GPL-2.0
// Throttling: a mount has a share of the dirty memory of the machine, and no more.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server.h"
#include "test.h"

#define CHUNK	(64U << 10)
#define MOST	(64UL << 20)

struct writing {
	int fd;
	unsigned char *buf;
	size_t total;
};

static long call_write(void *arg)
{
	struct writing *w = arg;
	size_t pos;

	actor_begin();
	for (pos = 0; pos < w->total; pos += CHUNK) {
		memset(w->buf, pos / CHUNK + 1, CHUNK);
		if (pwrite(w->fd, w->buf, CHUNK, pos) != (ssize_t)CHUNK)
			return -1;
		actor_self()->aux[0] = pos + CHUNK;
	}
	return 0;
}

/* It does not get on, for longer than the kernel makes anybody pause. */
static bool stands_still(struct actor *a)
{
	long at = a->st->aux[0];

	return !wait_until(a->st->done || a->st->aux[0] != at,
			   scaled_ms(700)) && !a->st->done;
}

/*
 * A server takes WRITEs and answers none.  Whoever writes to its files may
 * dirty the share of the mount, pages in flight included, and is made to wait
 * then; nobody else is.  With the answers he goes on: that they are counted is
 * what gives the mount its share.
 */
TEST(throttle_in_flight,
	.purpose = "a writer to a server that never answers is throttled, no "
		"other is, and he goes on after the answers",
	.guards = "", .stock = STOCK_PASSES)
{
	long threshold, limit, stood;
	struct fs *other = fs_mount(&(struct srv_opts){ 0 });
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_background = 4096, .congestion = 4096 });
	struct writing w, o;
	struct actor writer, bystander;
	size_t pos;

	NEED(vmstat_read("nr_dirty_threshold", &threshold),
	     "expected nr_dirty_threshold in /proc/vmstat, got none");
	/* One per cent of it for each FUSE mount. */
	limit = threshold / 100 * page_size();
	if (limit / 2 * 3 > (long)MOST)
		test_skip("needs a machine of less memory: 1%% of the dirty "
			  "threshold are %ld MiB, expected at most %lu",
			  limit >> 20, (MOST / 3 * 2) >> 20);
	w = (struct writing){ fs_open(fs, "data", O_CREAT | O_RDWR),
			      malloc(CHUNK), limit / 2 * 3 / CHUNK * CHUNK };
	o = (struct writing){ fs_open(other, "data", O_CREAT | O_RDWR),
			      malloc(CHUNK), 64 * CHUNK };
	NEED(w.buf && o.buf, "expected memory, got none");
	fs_lift_dirty_limit(other);
	srv_hold(fs, true);

	actor_start(&writer, call_write, &w);
	EXPECT(wait_until(stands_still(&writer) || writer.st->done,
			  scaled_ms(15000)) && !writer.st->done,
	       "writer to a server that never answers: expected it throttled "
	       "at about %ld KiB, got %ld of %zu KiB written", limit >> 10,
	       writer.st->aux[0] >> 10, w.total >> 10);
	stood = writer.st->aux[0];
	EXPECT(stood <= 2 * limit, "writer to a server that never answers: "
	       "expected it throttled at about %ld KiB, got it at %ld",
	       limit >> 10, stood >> 10);

	actor_start(&bystander, call_write, &o);
	EXPECT(actor_done(&bystander, prompt_ms()) && !bystander.st->ret,
	       "writer to another server: expected %zu KiB written within %u "
	       "ms, got %ld", o.total >> 10, prompt_ms(),
	       bystander.st->aux[0] >> 10);
	EXPECT(!writer.st->done && writer.st->aux[0] == stood, "writer to a "
	       "server that never answers: expected it at %ld KiB as before, "
	       "got it at %ld", stood >> 10, writer.st->aux[0] >> 10);

	srv_answer_all(fs);
	EXPECT(actor_done(&writer, 4 * prompt_ms()) && !writer.st->ret,
	       "writer after the answers: expected %zu KiB written within %u "
	       "ms, got %ld", w.total >> 10, 4 * prompt_ms(),
	       writer.st->aux[0] >> 10);
	diag("throttled at %ld KiB, limit %ld KiB; the rest in %llu ms",
	     stood >> 10, limit >> 10, (unsigned long long)
	     (now_ns() - bystander.st->t_done) / 1000000);
	EXPECT(!fsync(w.fd), "fsync: expected 0, got %s", strerror(errno));
	for (pos = 0; pos < w.total; pos += CHUNK) {
		memset(w.buf, pos / CHUNK + 1, CHUNK);
		EXPECT(!memcmp(fs_store(fs, 0) + pos, w.buf, CHUNK),
		       "%u bytes at %zu: expected them at the server, got "
		       "others", CHUNK, pos);
	}
}
