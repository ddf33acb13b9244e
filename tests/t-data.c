// SPDX-License-Identifier: GPL-2.0
// Data: what is written through the writeback cache arrives byte for byte.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server.h"
#include "test.h"

/* Bytes that depend on where they belong, so that a shift shows. */
static void fill(unsigned char *p, size_t len, uint64_t seed)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15ULL + 1;
	size_t i;

	for (i = 0; i < len; i++) {
		if (!(i & 7)) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
		}
		p[i] = x >> (8 * (i & 7));
	}
}

static size_t first_difference(const unsigned char *a, const unsigned char *b,
			       size_t len)
{
	size_t i;

	if (!memcmp(a, b, len))
		return len;
	for (i = 0; i < len && a[i] == b[i]; i++)
		;
	return i;
}

/*
 * Write sizes from one byte to 64 MiB at odd offsets, fsync, and compare what
 * the server holds; drop the cache and compare what reads back.  Proves that
 * no page is lost, swapped with another or sent with a wrong length.
 */
TEST(data_sizes_and_offsets,
	.purpose = "data of 1 B to 64 MiB at odd offsets arrives byte for byte",
	.guards = "", .stock = STOCK_PASSES, .limit = 120)
{
	const size_t ps = page_size(), max = 64 << 20;
	const struct { size_t offset, size; } part[] = {
		{ 0, 1 }, { 3, 511 }, { ps - 1, 2 }, { 5, ps }, { 7, ps + 1 },
		{ 3 * ps + 17, 3 * ps - 1 }, { 77, (128 << 10) + 5 },
		{ 12345, (1 << 20) + 13 }, { 333, max },
	};
	struct fs *fs = fs_mount(&(struct srv_opts){ 0 });
	unsigned char *want = malloc(max), *got = malloc(max);
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	size_t i, at;
	ssize_t n;

	NEED(want && got, "expected memory, got none");
	for (i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		fill(want, part[i].size, i + 1);

		n = pwrite(fd, want, part[i].size, part[i].offset);
		EXPECT(n == (ssize_t)part[i].size,
		       "write of %zu bytes at %zu: expected %zu, got %zd (%s)",
		       part[i].size, part[i].offset, part[i].size, n,
		       strerror(errno));
		EXPECT(!fsync(fd), "fsync: expected 0, got %s",
		       strerror(errno));
		at = first_difference(want, fs_store(fs, 0) + part[i].offset,
				      part[i].size);
		EXPECT(at == part[i].size, "%zu bytes at %zu: expected all at "
		       "the server after fsync, got a difference at byte %zu",
		       part[i].size, part[i].offset, at);

		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		n = pread(fd, got, part[i].size, part[i].offset);
		EXPECT(n == (ssize_t)part[i].size,
		       "read of %zu bytes at %zu: expected %zu, got %zd (%s)",
		       part[i].size, part[i].offset, part[i].size, n,
		       strerror(errno));
		at = first_difference(want, got, part[i].size);
		EXPECT(at == part[i].size, "%zu bytes at %zu: expected to read "
		       "back, got a difference at byte %zu", part[i].size,
		       part[i].offset, at);
	}
	EXPECT(fs->sh->size[0] == part[i - 1].offset + max,
	       "expected the server to have %zu bytes, got %llu",
	       part[i - 1].offset + max, (unsigned long long)fs->sh->size[0]);
}

/* The same through a shared mapping: stores, msync, compare at the server. */
TEST(data_through_mmap,
	.purpose = "stores to a shared mapping arrive byte for byte",
	.guards = "", .stock = STOCK_PASSES)
{
	const size_t ps = page_size(), size = 37 * ps + 113;
	struct fs *fs = fs_mount(&(struct srv_opts){ 0 });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned char *want = malloc(size), *map;
	unsigned int round;
	size_t at;

	NEED(want && !ftruncate(fd, size), "expected a file of %zu bytes, "
	     "got %s", size, strerror(errno));
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	NEED(map != MAP_FAILED, "mmap: %s", strerror(errno));

	for (round = 1; round <= 3; round++) {
		fill(want, size, round);
		memcpy(map, want, size);

		EXPECT(!msync(map, size, MS_SYNC),
		       "msync: expected 0, got %s", strerror(errno));
		EXPECT(!fsync(fd), "fsync: expected 0, got %s",
		       strerror(errno));
		at = first_difference(want, fs_store(fs, 0), size);
		EXPECT(at == size, "round %u: expected all at the server, got "
		       "a difference at byte %zu", round, at);
	}
	EXPECT(fs->sh->size[0] == size, "expected a file of %zu bytes, got "
	       "%llu", size, (unsigned long long)fs->sh->size[0]);
}

struct rewrite {
	int fd;
	const unsigned char *data;
	unsigned char *map;
};

static long rewrite_by_write(void *arg)
{
	struct rewrite *r = arg;

	actor_begin();
	return pwrite(r->fd, r->data, page_size(), 0);
}

static long rewrite_by_store(void *arg)
{
	struct rewrite *r = arg;

	r->map = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
		      r->fd, 0);
	if (r->map == MAP_FAILED)
		return -1;
	actor_begin();
	memcpy(r->map, r->data, page_size());
	return page_size();
}

/*
 * Page content A is submitted while the server does not even read requests;
 * then B is put into the same page.  The second writer has to wait until the
 * server answered, or the WRITE that is under way would carry bytes of both.
 * On a kernel for which @no_wait says why it need not wait, and where it does
 * not, all that is left to see is that B arrives.
 */
static void rewrite_in_flight(long (*how)(void *arg), const char *no_wait)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned char *a = malloc(ps), *b = malloc(ps);
	struct rewrite r = { .fd = fd, .data = b };
	const struct srv_event *first, *last, *ev;
	struct actor actor;
	unsigned int i;
	bool waits;

	NEED(a && b, "expected memory, got none");
	fs_lift_dirty_limit(fs);
	fill(a, ps, 1);
	fill(b, ps, 2);
	NEED(pwrite(fd, b, ps, 0) == (ssize_t)ps && !fsync(fd),
	     "first write: expected success, got %s", strerror(errno));
	fs->sh->nlog = 0;
	srv_pause(fs, true);
	NEED(pwrite(fd, a, ps, 0) == (ssize_t)ps &&
	     !sync_file_range(fd, 0, ps, SYNC_FILE_RANGE_WRITE),
	     "write of A: expected success, got %s", strerror(errno));

	actor_start(&actor, how, &r);
	waits = actor_blocks(&actor);
	EXPECT(waits || no_wait, "expected the writer of B to wait for the "
	       "WRITE of A, got %s", actor.st->done ? "it done" :
	       "it running");
	srv_pause(fs, false);

	EXPECT(actor_done(&actor, prompt_ms()), "expected the writer of B to "
	       "go on after the server answered, got it stuck");
	EXPECT(actor.st->ret == (long)ps, "expected B to be written, got %s",
	       strerror(actor.st->err));
	first = srv_find(fs, FUSE_WRITE, 0);
	EXPECT(!waits || (first && first->hash == srv_hash(a, ps)),
	       "expected the first WRITE to carry A only, got %s",
	       !first ? "no WRITE" : first->hash == srv_hash(b, ps) ?
	       "B" : "a mixture");
	EXPECT(!waits || actor.st->t_done > first->t_out, "expected B written "
	       "after the answer to A, got it earlier");
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	/* Stores may be sent in parts; what counts is how it ends. */
	last = first;
	for (i = 1; (ev = srv_find(fs, FUSE_WRITE, i)); i++)
		last = ev;
	EXPECT(last != first && last->hash == srv_hash(b, ps),
	       "expected B in a WRITE of its own, got %s",
	       last != first ? "other bytes" : "no other WRITE");
	EXPECT(!memcmp(fs_store(fs, 0), b, ps),
	       "expected B at the server in the end, got other bytes");
	if (!waits)
		test_skip("%s", no_wait);
}

/*
 * A page in flight is rewritten with write(2).  Where FUSE writes through
 * iomap, write(2) waits only on mappings that ask for stable pages, and FUSE
 * does not ask.  That is how it was merged, and no change of the series touches
 * it.
 */
TEST(data_rewrite_in_flight,
	.purpose = "write(2) to a page in flight waits and both versions "
		"arrive",
	.guards = "", .stock = STOCK_PASSES)
{
	int iomap = kernel_has("fuse_iomap_begin");

	rewrite_in_flight(rewrite_by_write, iomap > 0 ?
			  "FUSE writes through iomap here, where write(2) may "
			  "change a page in flight; what is written arrives" :
			  iomap < 0 ?
			  "write(2) did not wait, and without /proc/kallsyms "
			  "nobody can tell whether FUSE writes through iomap, "
			  "where it need not" : NULL);
}

/* A page in flight is rewritten through a mapping: the fault has to wait. */
TEST(data_store_in_flight,
	.purpose = "a store to a page in flight waits and both versions arrive",
	.guards = "", .stock = STOCK_PASSES)
{
	rewrite_in_flight(rewrite_by_store, NULL);
}

static long direct_read(void *arg)
{
	struct rewrite *r = arg;

	actor_begin();
	return pread(r->fd, r->map, page_size(), 0);
}

/*
 * An O_DIRECT read of a page in flight must see what was written, so it has to
 * wait; of another page it must not wait for a server that sits on the first.
 */
TEST(data_direct_read_in_flight,
	.purpose = "an O_DIRECT read waits for the page in flight, and only "
		"for it",
	.guards = "", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	int dfd = fs_open(fs, "data", O_RDONLY | O_DIRECT);
	struct rewrite r = { .fd = dfd };
	unsigned char *want = malloc(ps);
	const struct srv_event *ev;
	struct actor actor;
	ssize_t n;

	r.map = mmap(NULL, ps, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	NEED(want && r.map != MAP_FAILED, "expected memory, got none");
	fill(want, ps, 9);
	NEED(!ftruncate(fd, 8 * ps), "ftruncate: %s", strerror(errno));
	srv_hold(fs, true);
	NEED(pwrite(fd, want, ps, 0) == (ssize_t)ps &&
	     !sync_file_range(fd, 0, ps, SYNC_FILE_RANGE_WRITE),
	     "write: expected success, got %s", strerror(errno));
	NEED(srv_wait_held(fs, 1), "expected a WRITE at the server, got none");

	/* Another page: answered at once, or the time limit ends it. */
	n = pread(dfd, r.map, ps, 4 * ps);
	EXPECT(n == (ssize_t)ps, "O_DIRECT read of another page: expected %zu, "
	       "got %zd (%s)", ps, n, strerror(errno));
	actor_start(&actor, direct_read, &r);
	EXPECT(actor_blocks(&actor), "expected the O_DIRECT read to wait for "
	       "the WRITE of its page, got %s", actor.st->done ? "it done" :
	       "it running");
	srv_release(fs, 1);

	EXPECT(actor_done(&actor, prompt_ms()),
	       "expected the read to go on after the answer, got it stuck");
	ev = srv_find(fs, FUSE_WRITE, 0);
	EXPECT(actor.st->t_done > ev->t_out,
	       "expected the read to end after the answer, got it earlier");
	EXPECT(actor.st->ret == (long)ps && !memcmp(r.map, want, ps),
	       "expected the bytes written, got %ld bytes, %s",
	       actor.st->ret, memcmp(r.map, want, ps) ? "others" : "the same");
}
