// SPDX-License-Identifier: GPL-2.0
// Limits of a connection: how many requests, how long, and where a file ends.
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
#include "server.h"
#include "test.h"

/* Bytes that depend on where they belong. */
static unsigned char byte_at(uint64_t pos)
{
	return pos * 7 + (pos >> 9) + (pos >> 17) + 1;
}

static unsigned char *some_bytes(size_t len)
{
	unsigned char *p = malloc(len);
	size_t i;

	NEED(p, "expected memory, got none");
	for (i = 0; i < len; i++)
		p[i] = byte_at(i);
	return p;
}

/*
 * More pages are written back than the connection takes requests.  All of them
 * are under writeback, the server never sees more requests than it allowed, and
 * with each answer the next one comes.
 */
static void limit_requests(unsigned int allowed)
{
	const unsigned int n = 20;
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = page_size(), .max_background = allowed,
		.congestion = allowed });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	const unsigned int most = allowed ? allowed : 12;
	unsigned int left;
	unsigned char *map;

	map = queue_pages(fs, fd, n, most);
	EXPECT_UNDER_WRITEBACK(map, n);
	for (left = n; left; left--) {
		const unsigned int want = left < most ? left : most;

		EXPECT(wait_until(fs->sh->held >= want, prompt_ms()),
		       "WRITEs at the server with %u of %u left and "
		       "max_background %u: expected %u, got %u", left, n,
		       allowed, want, fs->sh->held);
		/* All that were asked for so far, and not one more. */
		EXPECT(srv_writes(fs) == n - left + want, "WRITEs seen with "
		       "%u of %u left and max_background %u: expected %u, got "
		       "%u", left, n, allowed, n - left + want,
		       srv_writes(fs));
		srv_release(fs, 1);
	}
	EXPECT_WRITEBACK_OVER(map, n);
	srv_hold(fs, false);
	EXPECT(!fsync(fd), "fsync with max_background %u: expected 0, got %s",
	       allowed, strerror(errno));
	EXPECT(srv_writes(fs) == n, "WRITEs with max_background %u: expected "
	       "%u, got %u", allowed, n, srv_writes(fs));
	EXPECT_DATA_INTACT(fs, fd, n);
}

/* One request at a time.  Guards 0006. */
TEST(limit_one_request,
	.purpose = "with max_background 1 pages are written one by one, and "
		"are all under writeback",
	.guards = "0006", .stock = STOCK_FAILS)
{
	limit_requests(1);
}

/* Two, so that they can overtake each other.  Guards 0006. */
TEST(limit_two_requests,
	.purpose = "with max_background 2 pages are written two at a time, and "
		"are all under writeback",
	.guards = "0006", .stock = STOCK_FAILS)
{
	limit_requests(2);
}

/* As many as a server gets that does not say.  Guards 0006. */
TEST(limit_default_requests,
	.purpose = "without max_background pages are written twelve at a time, "
		"and are all under writeback",
	.guards = "0006", .stock = STOCK_FAILS)
{
	limit_requests(0);
}

/*
 * All WRITEs of @fs together: each byte of [0, @size) once, none of them longer
 * than allowed.
 */
static unsigned int expect_each_byte_once(struct fs *fs, uint64_t size,
					  uint64_t longest, const char *what)
{
	unsigned char *seen = calloc(1, size);
	const struct srv_event *ev;
	unsigned int i;
	uint64_t at;

	NEED(seen, "expected memory, got none");
	for (i = 0; (ev = srv_find(fs, FUSE_WRITE, i)); i++) {
		EXPECT(ev->size <= longest, "%s: WRITE at %llu: expected at "
		       "most %llu bytes, got %llu", what,
		       (unsigned long long)ev->offset,
		       (unsigned long long)longest,
		       (unsigned long long)ev->size);
		EXPECT(ev->offset + ev->size <= size, "%s: WRITE at %llu of "
		       "%llu bytes: expected it to end at %llu at most", what,
		       (unsigned long long)ev->offset,
		       (unsigned long long)ev->size, (unsigned long long)size);
		for (at = ev->offset; at < ev->offset + ev->size; at++) {
			EXPECT(!seen[at], "%s: byte %llu: expected it in one "
			       "WRITE, got it in another at %llu", what,
			       (unsigned long long)at,
			       (unsigned long long)ev->offset);
			seen[at] = 1;
		}
	}
	for (at = 0; at < size; at++)
		EXPECT(seen[at], "%s: byte %llu of %llu: expected it in a "
		       "WRITE, got it in none", what, (unsigned long long)at,
		       (unsigned long long)size);
	free(seen);
	return i;
}

/*
 * Data that is longer than a request, written back with each limit on the
 * length of a request, in bytes, in pages and in both, with and without the
 * writeback cache: each byte arrives once, in requests no longer than allowed.
 */
static void limit_length(bool no_writeback_cache)
{
	const size_t ps = page_size(), size = 300 * ps + 777;
	const struct { uint32_t max_write; uint16_t max_pages; } l[] = {
		{ 100, 0 }, { ps, 0 }, { ps + 904, 0 }, { 2 * ps, 0 },
		{ 3 * ps + 1, 0 }, { 1 << 20, 0 }, { 1 << 20, 1 },
		{ 1 << 20, 2 }, { 5 * ps, 3 }, { 2 * ps, 256 },
	};
	unsigned char *data = some_bytes(size);
	unsigned int i, n, want;
	uint64_t longest;
	char what[128];
	struct fs *fs;
	int fd;

	for (i = 0; i < sizeof(l) / sizeof(l[0]); i++) {
		fs = fs_mount(&(struct srv_opts){
			.max_write = l[i].max_write,
			.max_pages = l[i].max_pages,
			.no_writeback_cache = no_writeback_cache });
		fd = fs_open(fs, "data", O_CREAT | O_RDWR);
		fs_lift_dirty_limit(fs);
		snprintf(what, sizeof(what), "max_write %u, max_pages %u, "
			 "writeback cache %s", l[i].max_write, l[i].max_pages,
			 no_writeback_cache ? "off" : "on");
		EXPECT(pwrite(fd, data, size, 0) == (ssize_t)size &&
		       !fsync(fd), "%s: write of %zu bytes: expected success, "
		       "got %s", what, size, strerror(errno));

		/* What the kernel takes a smaller max_write for. */
		longest = l[i].max_write < 4096 ? 4096 : l[i].max_write;
		if (l[i].max_pages && l[i].max_pages * ps < longest)
			longest = l[i].max_pages * ps;
		n = expect_each_byte_once(fs, size, longest, what);
		/* Written back in whole pages, written through as it comes. */
		longest -= longest % ps;
		want = longest ? (size + longest - 1) / longest : n;
		EXPECT(n == want || no_writeback_cache, "%s: WRITEs for %zu bytes: "
		       "expected %u, got %u", what, size, want, n);
		EXPECT(!memcmp(fs_store(fs, 0), data, size),
		       "%s: expected the data at the server, got other bytes",
		       what);
		EXPECT(fs->sh->size[0] == size, "%s: expected a file of %zu "
		       "bytes, got %llu", what, size,
		       (unsigned long long)fs->sh->size[0]);
		close(fd);
		NEED(fs_umount(fs), "umount: expected success, got %s",
		     strerror(errno));
	}
}

/* Written back from the cache. */
TEST(limit_length_of_requests,
	.purpose = "with each max_write and max_pages all bytes arrive once, "
		"in requests as long as allowed",
	.guards = "", .stock = STOCK_PASSES)
{
	limit_length(false);
}

/* Written through the cache. */
TEST(limit_length_no_cache,
	.purpose = "without writeback_cache, too, all bytes arrive once, in "
		"requests no longer than allowed",
	.guards = "", .stock = STOCK_PASSES)
{
	limit_length(true);
}

/* Pages 0, 2 and 4 of five: what lies between was never written. */
TEST(holes,
	.purpose = "pages with holes between them arrive one by one, and the "
		"holes do not",
	.guards = "", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ 0 });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned char *data = some_bytes(5 * ps);
	const struct srv_event *ev;
	unsigned int i;
	uint64_t at;

	fs_lift_dirty_limit(fs);
	for (i = 0; i < 5; i += 2)
		NEED(pwrite(fd, data + i * ps, ps, i * ps) == (ssize_t)ps,
		     "write: expected %zu, got %s", ps, strerror(errno));
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	for (i = 0; (ev = srv_find(fs, FUSE_WRITE, i)); i++)
		EXPECT(ev->size == ps && ev->offset % (2 * ps) == 0,
		       "WRITE %u: expected a page at 0, 2 or 4 pages, got "
		       "%llu bytes at %llu", i, (unsigned long long)ev->size,
		       (unsigned long long)ev->offset);
	EXPECT(i == 3, "WRITEs: expected 3, got %u", i);
	EXPECT(fs->sh->size[0] == 5 * ps, "expected a file of %zu bytes, got "
	       "%llu", 5 * ps, (unsigned long long)fs->sh->size[0]);
	for (at = 0; at < 5 * ps; at++) {
		unsigned char want = at / ps % 2 ? 0 : byte_at(at);

		EXPECT(fs_store(fs, 0)[at] == want, "byte %llu at the server: "
		       "expected %#x, got %#x", (unsigned long long)at, want,
		       fs_store(fs, 0)[at]);
	}
}

struct grow {
	int fd;
	off_t size;
};

static long call_ftruncate(void *arg)
{
	const struct grow *g = arg;

	actor_begin();
	return ftruncate(g->fd, g->size);
}

/*
 * A file that ends within a page, behind whose end somebody stores through a
 * mapping.  What is sent ends where the file ends; when it grows, or shrinks
 * and grows, while that is in flight, there are zeroes behind the old end.
 */
static void end_within_page(const off_t *sizes, unsigned int n)
{
	const size_t ps = page_size(), size = ps + ps / 2 + 1;
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned char *data = some_bytes(size), *got = malloc(4 * ps), *map;
	struct grow g = { .fd = fd };
	const struct srv_event *ev;
	size_t kept = size, at;
	struct actor actor;
	unsigned int i;

	NEED(got, "expected memory, got none");
	fs_lift_dirty_limit(fs);
	NEED(pwrite(fd, data, size, 0) == (ssize_t)size,
	     "write: expected %zu, got %s", size, strerror(errno));
	map = mmap(NULL, 2 * ps, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	NEED(map != MAP_FAILED, "mmap: %s", strerror(errno));
	madvise(map, 2 * ps, MADV_DONTFORK);
	memset(map + size, 'g', 2 * ps - size);
	srv_hold(fs, true);
	NEED(!sync_file_range(fd, 0, 2 * ps, SYNC_FILE_RANGE_WRITE) &&
	     srv_wait_held(fs, 2), "expected 2 WRITEs at the server, got %u",
	     fs->sh->held);
	for (i = 0; (ev = srv_find(fs, FUSE_WRITE, i)); i++)
		EXPECT(ev->offset + ev->size <= size, "WRITE at %llu of %llu "
		       "bytes: expected it to end at %zu, where the file does",
		       (unsigned long long)ev->offset,
		       (unsigned long long)ev->size, size);

	for (i = 0; i < n; i++) {
		g.size = sizes[i];
		if ((size_t)g.size < kept)
			kept = g.size;
		actor_start(&actor, call_ftruncate, &g);
		EXPECT(i || actor_blocks(&actor), "expected ftruncate to wait "
		       "for the WRITEs in flight, got %s", actor.st->done ?
		       "it done" : "it running");
		srv_answer_all(fs);
		EXPECT(actor_done(&actor, prompt_ms()) && !actor.st->ret,
		       "ftruncate to %lld: expected 0, got %s",
		       (long long)g.size, actor.st->done ?
		       strerror(actor.st->err) : "it stuck");
	}
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT(pread(fd, got, 4 * ps, 0) == g.size, "read: expected %lld, got "
	       "something else", (long long)g.size);
	for (at = 0; at < (size_t)g.size; at++) {
		unsigned char want = at < kept ? data[at] : 0;

		EXPECT(fs_store(fs, 0)[at] == want && got[at] == want,
		       "byte %zu of %lld, of which %zu are data: expected %#x, "
		       "got %#x at the server and %#x from the cache", at,
		       (long long)g.size, kept, want, fs_store(fs, 0)[at],
		       got[at]);
	}
}

/* The file grows. */
TEST(end_within_page_grows,
	.purpose = "what is stored behind the end of a file is not sent, nor "
		"there when the file grows with pages in flight",
	.guards = "", .stock = STOCK_PASSES)
{
	end_within_page((const off_t[]){ 3 * page_size() + 5 }, 1);
}

/* The file shrinks to within a page, and grows again. */
TEST(end_within_page_shrinks,
	.purpose = "a file that shrinks to within a page in flight and grows "
		"again has zeroes there",
	.guards = "", .stock = STOCK_PASSES)
{
	end_within_page((const off_t[]){ page_size() + 100,
					 2 * page_size() + 5 }, 2);
}
