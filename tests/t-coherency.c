// SPDX-License-Identifier: GPL-2.0
// Other ways to the same bytes: what each of them sees of a page in flight, and leaves behind.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "flight.h"
#include "io.h"
#include "server.h"
#include "test.h"

struct transfer {
	int from, to;
	size_t len;
	off_t pos;
	int mode;
};

static long call_copy(void *arg)
{
	struct transfer *t = arg;
	loff_t from = 0, to = t->pos;

	actor_begin();
	return copy_file_range(t->from, &from, t->to, &to, t->len, 0);
}

static long call_fallocate(void *arg)
{
	struct transfer *t = arg;

	actor_begin();
	return fallocate(t->to, t->mode, t->pos, t->len);
}

/* Run @call, which must wait for the WRITEs in flight, and go on after them. */
static void expect_waits(struct fs *fs, long (*call)(void *arg), void *arg,
			 const char *name, long want)
{
	const struct srv_event *ev;
	struct actor actor;
	unsigned int before = 0;

	/* The oldest that is not answered. */
	while ((ev = srv_find(fs, FUSE_WRITE, before)) && ev->t_out)
		before++;
	actor_start(&actor, call, arg);
	EXPECT(actor_blocks(&actor), "expected %s to wait for the WRITE in "
	       "flight, got %s", name, actor.st->done ? "it done" :
	       "it running");
	srv_answer_all(fs);
	EXPECT(actor_done(&actor, prompt_ms()), "%s: expected to return within "
	       "%u ms after the answer, got it stuck", name, prompt_ms());
	EXPECT(actor.st->ret == want, "%s: expected %ld, got %ld (%s)", name,
	       want, actor.st->ret, strerror(actor.st->err));
	EXPECT((ev = srv_find(fs, FUSE_WRITE, before)) &&
	       actor.st->t_done > ev->t_out, "%s: expected to return after "
	       "the answer, got it earlier", name);
}

/* Run @call, which has nothing to wait for while WRITEs are held. */
static void expect_prompt(long (*call)(void *arg), void *arg, const char *name,
			  long want)
{
	struct actor actor;

	actor_start(&actor, call, arg);
	if (!actor_done(&actor, prompt_ms()))
		show_stack(actor.pid);
	EXPECT(actor.st->done, "%s: expected to return within %u ms while "
	       "WRITEs are held that it has nothing to do with, got it stuck",
	       name, prompt_ms());
	EXPECT(actor.st->ret == want, "%s: expected %ld, got %ld (%s)", name,
	       want, actor.st->ret, strerror(actor.st->err));
}

/*
 * An O_DIRECT write of a page in flight must come second at the server, and
 * nobody may find the first in the cache afterwards.  Another page it does not
 * wait for.
 */
TEST(direct_write_in_flight,
	.purpose = "an O_DIRECT write waits for the page in flight, only for "
		"it, and wins",
	.guards = "", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	int dfd = fs_open(fs, "data", O_RDWR | O_DIRECT);
	struct io io = { .fd = dfd, .buf = shared_memory(ps, 'D'), .size = ps };
	unsigned char *second = malloc(ps);

	NEED(second && !ftruncate(fd, 8 * ps), "ftruncate: %s",
	     strerror(errno));
	hold_pages(fs, fd, 2);

	io.pos = 4 * ps;
	expect_prompt(call_pwrite, &io, "O_DIRECT write of another page", ps);
	EXPECT(fs->sh->held == 2, "expected 2 WRITEs to be held, got %u",
	       fs->sh->held);
	io.pos = 0;
	expect_waits(fs, call_pwrite, &io, "O_DIRECT write", ps);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT_PAGE(fs, fd, 0, io.buf, "what was written with O_DIRECT");
	held_page(second, 1);
	EXPECT_PAGE(fs, fd, 1, second, "what was in flight");
	EXPECT_PAGE(fs, fd, 4, io.buf, "what was written with O_DIRECT");
}

/*
 * Through a descriptor that the server has switched to direct I/O: what is in
 * flight has to be at the server before it is asked for it.
 */
TEST(fopen_direct_io_in_flight,
	.purpose = "a read through a FOPEN_DIRECT_IO descriptor waits for the "
		"page in flight and sees it",
	.guards = "", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct io io = { .buf = shared_memory(ps, 0), .size = ps };
	unsigned char *want = malloc(ps);

	NEED(want && !ftruncate(fd, 8 * ps), "ftruncate: %s", strerror(errno));
	fs->sh->open_flags = FOPEN_DIRECT_IO;
	io.fd = fs_open(fs, "data", O_RDWR);
	hold_pages(fs, fd, 1);

	io.pos = 4 * ps;
	expect_prompt(call_pread, &io, "direct read of another page", ps);
	io.pos = 0;
	expect_waits(fs, call_pread, &io, "direct read", ps);
	held_page(want, 0);
	EXPECT(!memcmp(io.buf, want, ps), "expected what was in flight, got "
	       "other bytes");
}

/*
 * Who merely reads does not wait: not for a page in flight, which is in the
 * cache, nor for pages around it, which are not.  So it was with copies.
 */
TEST(read_in_flight,
	.purpose = "a read of a page in flight, and of uncached pages around "
		"it, does not wait",
	.guards = "", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct io io = { .fd = fd, .buf = shared_memory(ps, 0), .size = ps };
	unsigned char *want = malloc(ps);
	unsigned int i;

	/* Longer than what is read ahead, and in the middle of it a page. */
	NEED(want && !ftruncate(fd, 64 * ps), "ftruncate: %s",
	     strerror(errno));
	fs_lift_dirty_limit(fs);
	held_page(want, 8);
	srv_hold(fs, true);
	NEED(pwrite(fd, want, ps, 8 * ps) == (ssize_t)ps &&
	     !sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE) &&
	     srv_wait_held(fs, 1), "expected a WRITE at the server, got none");
	io.pos = 8 * ps;
	expect_prompt(call_pread, &io, "read of the page in flight", ps);
	EXPECT(!memcmp(io.buf, want, ps),
	       "expected what was written, got other bytes");
	for (i = 0; i < 64; i++) {
		if (i == 8)
			continue;
		io.pos = i * ps;
		if (i % 16 == 0 || i == 9)
			expect_prompt(call_pread, &io, "read of an uncached "
				      "page", ps);
	}
	EXPECT(srv_find(fs, FUSE_READ, 0), "expected READs at the server, got "
	       "none");
	EXPECT(fs->sh->held == 1, "expected the WRITE to be held, got %u",
	       fs->sh->held);
	srv_answer_all(fs);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT_PAGE(fs, fd, 8, want, "what was written");
}

/*
 * The server copies on its own, from what it has got: what is in flight of the
 * source must be there first.
 */
TEST(copy_file_range_from_flight,
	.purpose = "copy_file_range out of a page in flight waits for it and "
		"copies what was written",
	.guards = "", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct transfer t = {
		.from = fd, .to = fs_open(fs, "copy", O_CREAT | O_RDWR),
		.len = ps };
	unsigned char *got = malloc(2 * ps);

	NEED(got, "expected memory, got none");
	hold_pages(fs, fd, 1);
	expect_waits(fs, call_copy, &t, "copy_file_range", ps);
	EXPECT(srv_find(fs, FUSE_COPY_FILE_RANGE, 0), "expected the server to "
	       "be asked for the copy, got nothing");
	held_page(got + ps, 0);
	EXPECT(pread(t.to, got, ps, 0) == (ssize_t)ps &&
	       !memcmp(got, got + ps, ps), "expected what was in flight in the "
	       "copy, got other bytes");
}

/* And of the target it must not come after the copy. */
TEST(copy_file_range_into_flight,
	.purpose = "copy_file_range into a page in flight waits for it and "
		"wins",
	.guards = "", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct transfer t = {
		.from = fs_open(fs, "source", O_CREAT | O_RDWR), .to = fd,
		.len = ps };
	unsigned char *source = shared_memory(ps, 'C'), *second = malloc(ps);

	NEED(second, "expected memory, got none");
	NEED(pwrite(t.from, source, ps, 0) == (ssize_t)ps && !fsync(t.from),
	     "write of the source: expected %zu, got %s", ps, strerror(errno));
	fs->sh->nlog = 0;
	hold_pages(fs, fd, 2);
	expect_waits(fs, call_copy, &t, "copy_file_range", ps);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT_PAGE(fs, fd, 0, source, "the copy");
	held_page(second, 1);
	EXPECT_PAGE(fs, fd, 1, second, "what was in flight");
}

/*
 * Space is allocated behind pages in flight: that changes no byte of theirs,
 * waits for none, and the file has the new size.  Guards 0019.
 */
TEST(fallocate_in_flight,
	.purpose = "fallocate that makes a file longer leaves its pages in "
		"flight alone",
	.guards = "0019", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	const unsigned int n = 4;
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct transfer t = { .to = fd, .len = 8 * ps };
	unsigned char byte = 1;

	hold_pages(fs, fd, n);
	expect_prompt(call_fallocate, &t, "fallocate", 0);
	NEED(srv_find(fs, FUSE_FALLOCATE, 0), "expected the server to be "
	     "asked for space, got nothing");
	EXPECT(fs->sh->held == n, "WRITEs held after fallocate: expected %u, "
	       "got %u", n, fs->sh->held);
	srv_answer_all(fs);
	EXPECT(lseek(fd, 0, SEEK_END) == (off_t)(8 * ps),
	       "size after fallocate: expected %zu, got %lld", 8 * ps,
	       (long long)lseek(fd, 0, SEEK_END));
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT(pread(fd, &byte, 1, 6 * ps) == 1 && !byte,
	       "byte behind what was written: expected 0, got %#x", byte);
	EXPECT_DATA_INTACT(fs, fd, n);
}

/* A range is zeroed by the server, with pages of it in flight. */
TEST(zero_range_in_flight,
	.purpose = "fallocate that zeroes a range waits for its pages in "
		"flight and wins",
	.guards = "", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct transfer t = { .to = fd, .len = ps, .pos = ps,
			      .mode = FALLOC_FL_ZERO_RANGE };
	unsigned char *want = malloc(3 * ps), *got = malloc(3 * ps);
	int probe;

	NEED(want && got, "expected memory, got none");
	probe = fs_open(fs, "probe", O_CREAT | O_RDWR);
	if (fallocate(probe, FALLOC_FL_ZERO_RANGE, 0, ps)) {
		NEED(errno == EOPNOTSUPP, "fallocate: %s", strerror(errno));
		test_skip("FUSE passes no FALLOC_FL_ZERO_RANGE on here");
	}
	hold_pages(fs, fd, 3);
	/* Collapsing is not of FUSE; it must fail, and break nothing. */
	EXPECT(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, ps) == -1 &&
	       errno == EOPNOTSUPP, "fallocate that collapses a range: "
	       "expected %s, got %s", strerror(EOPNOTSUPP), strerror(errno));
	expect_waits(fs, call_fallocate, &t, "fallocate", 0);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	held_page(want, 0);
	memset(want + ps, 0, ps);
	held_page(want + 2 * ps, 2);
	EXPECT(!memcmp(fs_store(fs, 0), want, 3 * ps), "expected the zeroed "
	       "range, and only that, zeroed at the server, got other bytes");
	EXPECT(pread(fd, got, 3 * ps, 0) == (ssize_t)(3 * ps) &&
	       !memcmp(got, want, 3 * ps), "expected the zeroed range, and "
	       "only that, zeroed in the cache, got other bytes");
}

/* A message to the kernel about pages in flight, which must not take long. */
static void notify_promptly(struct fs *fs, int code, const char *name,
			    uint64_t offset, uint64_t size)
{
	srv_notify(fs, code, 0, offset, size);
	EXPECT(wait_until(fs->sh->invalidated, prompt_ms()), "%s: expected to "
	       "return within %u ms while WRITEs are held, got it stuck", name,
	       prompt_ms());
	EXPECT(fs->sh->invalidated == 1, "%s: expected success, got %s", name,
	       strerror(-fs->sh->invalidated));
}

/*
 * The server puts bytes of its own into a page whose WRITE it has read.  They
 * are what is in the cache from then on, clean; what it was sent it has read
 * before, and does not get again.
 */
TEST(notify_store_in_flight,
	.purpose = "a server's store into a page in flight returns, and is in "
		"the cache when the WRITE has ended",
	.guards = "", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned char *map = hold_pages(fs, fd, 2), *want = malloc(ps);
	size_t at;

	NEED(want, "expected memory, got none");
	notify_promptly(fs, FUSE_NOTIFY_STORE, "store", 0, ps);
	for (at = 0; at < ps; at++)
		EXPECT(map[at] == SRV_STORED, "byte %zu in the cache while the "
		       "WRITE is held: expected %#x, got %#x", at, SRV_STORED,
		       map[at]);
	srv_answer_all(fs);
	EXPECT_WRITEBACK_OVER(map, 2);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT(srv_writes(fs) == 2, "WRITEs: expected 2, got %u",
	       srv_writes(fs));
	for (at = 0; at < ps; at++)
		EXPECT(map[at] == SRV_STORED, "byte %zu in the cache after the "
		       "answer: expected %#x, got %#x", at, SRV_STORED,
		       map[at]);
	held_page(want, 0);
	EXPECT(!memcmp(fs_store(fs, 0), want, ps), "page 0: expected what was "
	       "written at the server, got other bytes");
	held_page(want, 1);
	EXPECT(!memcmp(map + ps, want, ps), "page 1: expected what was written "
	       "in the cache, got other bytes");
}

/* And it can ask what the cache has of pages in flight. */
TEST(notify_retrieve_in_flight,
	.purpose = "a server that retrieves pages in flight gets what was "
		"written, at once",
	.guards = "", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned char *want = malloc(ps);
	const struct srv_event *ev;

	NEED(want, "expected memory, got none");
	hold_pages(fs, fd, 2);
	/* No more than max_write at a time. */
	notify_promptly(fs, FUSE_NOTIFY_RETRIEVE, "retrieve", ps, ps);
	EXPECT(wait_until(srv_find(fs, FUSE_NOTIFY_REPLY, 0), prompt_ms()),
	       "expected the page at the server within %u ms while its WRITE "
	       "is held, got nothing", prompt_ms());
	held_page(want, 1);
	ev = srv_find(fs, FUSE_NOTIFY_REPLY, 0);
	EXPECT(ev->offset == ps && ev->size == ps &&
	       ev->hash == srv_hash(want, ps),
	       "page retrieved: expected %zu bytes at %zu as written, got %llu "
	       "at %llu, %s", ps, ps, (unsigned long long)ev->size,
	       (unsigned long long)ev->offset,
	       ev->hash == srv_hash(want, ps) ? "the same" : "others");
	srv_answer_all(fs);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT_DATA_INTACT(fs, fd, 2);
}

static long call_open(void *arg)
{
	struct fs *fs = arg;
	char path[128];

	snprintf(path, sizeof(path), "%s/data", fs->dir);
	actor_begin();
	return open(path, O_RDWR | O_CLOEXEC) < 0 ? -1 : 0;
}

/*
 * A server that does not want the cache kept has it dropped at each open, and
 * with it pages in flight: they stay until the answer, and so does whoever
 * opens the file.  Guards 0006, since copies are not in the way.
 */
TEST(open_drops_cache_in_flight,
	.purpose = "an open that drops the cache waits for pages in flight, "
		"and they arrive",
	.guards = "0006", .stock = STOCK_FAILS)
{
	const size_t ps = page_size();
	const unsigned int n = 4;
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned char *map = hold_pages(fs, fd, n);

	EXPECT_UNDER_WRITEBACK(map, n);
	fs->sh->open_flags = 0;
	expect_waits(fs, call_open, fs, "open", 0);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT(srv_writes(fs) == n, "WRITEs: expected %u, got %u", n,
	       srv_writes(fs));
	EXPECT_DATA_INTACT(fs, fd, n);
}
