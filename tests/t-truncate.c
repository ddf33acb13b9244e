// SPDX-License-Identifier: GPL-2.0
// Truncation against pages in flight: order, and nothing beyond the end.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "flight.h"
#include "server.h"
#include "test.h"

#define HELD 4

struct cut {
	struct fs *fs;
	int fd;
};

/* The request that tells the server of the cut, as its place in the log. */
static int find_cut(const struct fs *fs, uint32_t opcode)
{
	unsigned int i;

	for (i = 0; i < fs->sh->nlog; i++) {
		const struct srv_event *ev = &fs->sh->log[i];

		if (ev->opcode == opcode &&
		    (opcode != FUSE_SETATTR || ev->size != ~0ULL) &&
		    (opcode != FUSE_OPEN || ev->size))
			return i;
	}
	return -1;
}

/*
 * The cut has to wait until the WRITEs in flight are answered, then the server
 * hears of it, and no WRITE into what was cut off [@from, @to) may follow.
 */
static void cut_in_flight(long (*call)(void *arg), uint32_t opcode,
			  uint64_t from, uint64_t to)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = ps, .atomic_o_trunc = opcode == FUSE_OPEN });
	struct cut c = { fs, fs_open(fs, "data", O_CREAT | O_RDWR) };
	const struct srv_event *ev;
	struct actor actor;
	unsigned int i;
	uint64_t at;
	int place;

	hold_pages(fs, c.fd, HELD);
	actor_start(&actor, call, &c);
	EXPECT(actor_blocks(&actor), "expected the call to wait for the WRITEs "
	       "in flight, got %s", actor.st->done ? "it done" : "it running");
	EXPECT(find_cut(fs, opcode) < 0, "expected the server to hear of the "
	       "cut after its answers only, got it before");
	srv_answer_all(fs);

	if (!actor_done(&actor, prompt_ms()))
		show_stack(actor.pid);
	EXPECT(actor.st->done, "expected the call to return within %u ms after "
	       "the answers, got it stuck", prompt_ms());
	EXPECT(actor.st->ret >= 0, "expected success, got %s",
	       strerror(actor.st->err));
	EXPECT(!fsync(c.fd), "fsync: expected 0, got %s", strerror(errno));
	place = find_cut(fs, opcode);
	EXPECT(place >= 0, "expected the server to hear of the cut, got "
	       "nothing");
	for (i = 0; i < fs->sh->nlog; i++) {
		ev = &fs->sh->log[i];
		if (ev->opcode != FUSE_WRITE)
			continue;
		EXPECT((int)i > place || ev->t_out < fs->sh->log[place].t_in,
		       "WRITE at %llu: expected it answered before the cut, "
		       "got it after", (unsigned long long)ev->offset);
		EXPECT((int)i < place || ev->offset >= to ||
		       ev->offset + ev->size <= from,
		       "expected no WRITE into the cut after it, got one at "
		       "%llu of %llu bytes", (unsigned long long)ev->offset,
		       (unsigned long long)ev->size);
	}
	for (at = 0; at < HELD * ps; at++) {
		unsigned char want = at >= from && at < to ? 0 :
			held_byte(at / ps, at % ps);

		EXPECT(fs_store(fs, 0)[at] == want, "byte %llu at the server: "
		       "expected %#x, got %#x", (unsigned long long)at, want,
		       fs_store(fs, 0)[at]);
	}
}

static long call_ftruncate(void *arg)
{
	struct cut *c = arg;

	actor_begin();
	return ftruncate(c->fd, page_size());
}

/* ftruncate(2) to one page with four in flight. */
TEST(ftruncate_in_flight,
	.purpose = "ftruncate waits for pages in flight and none follow it",
	.guards = "", .stock = STOCK_PASSES)
{
	cut_in_flight(call_ftruncate, FUSE_SETATTR, page_size(), ~0ULL);
}

static long call_open_trunc(void *arg)
{
	struct cut *c = arg;
	char path[128];

	snprintf(path, sizeof(path), "%s/data", c->fs->dir);
	actor_begin();
	return open(path, O_RDWR | O_TRUNC | O_CLOEXEC);
}

/* open(2) with O_TRUNC that the server does itself. */
TEST(open_trunc_in_flight,
	.purpose = "an atomic O_TRUNC waits for pages in flight and none "
		"follow "
		"it",
	.guards = "", .stock = STOCK_PASSES)
{
	cut_in_flight(call_open_trunc, FUSE_OPEN, 0, ~0ULL);
}

static long call_punch(void *arg)
{
	struct cut *c = arg;

	actor_begin();
	return fallocate(c->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 page_size(), 2 * page_size());
}

/* fallocate(2) punches two of four pages in flight. */
TEST(punch_hole_in_flight,
	.purpose = "a punched hole waits for pages in flight and stays empty",
	.guards = "", .stock = STOCK_PASSES)
{
	cut_in_flight(call_punch, FUSE_FALLOCATE, page_size(),
		      3 * page_size());
}
