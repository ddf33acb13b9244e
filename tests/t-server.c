// SPDX-License-Identifier: GPL-2.0
// Servers of other kinds: each must get what is written, out of pages that are no copies.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "flight.h"
#include "server.h"
#include "test.h"

/* A server that knows no OPEN: every file is open as it is.  Guards 0006. */
TEST(server_no_open,
	.purpose = "a server without OPEN gets pages in flight and all data",
	.guards = "0006", .stock = STOCK_FAILS)
{
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = page_size(), .enosys = 1ULL << FUSE_OPEN });

	/* The first is created, which opens it; this one is not. */
	close(fs_open(fs, "data", O_CREAT | O_RDWR));
	close(fs_open(fs, "data", O_RDWR));
	EXPECT(srv_find(fs, FUSE_OPEN, 0), "expected an OPEN for the server to "
	       "refuse, got none");
	use_pages_in_flight(fs);
	EXPECT(!srv_find(fs, FUSE_OPEN, 1), "expected no OPEN after the first "
	       "was refused, got another");
}

/* A server that knows no FLUSH: close still sends and waits.  Guards 0006. */
TEST(server_no_flush,
	.purpose = "a server without FLUSH gets pages in flight and all data",
	.guards = "0006", .stock = STOCK_FAILS)
{
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = page_size(), .enosys = 1ULL << FUSE_FLUSH });

	use_pages_in_flight(fs);
	EXPECT(srv_find(fs, FUSE_FLUSH, 0) && !srv_find(fs, FUSE_FLUSH, 1),
	       "expected one FLUSH for the server to refuse, got %s",
	       srv_find(fs, FUSE_FLUSH, 0) ? "more" : "none");
}

/* A server without FSYNC: fsync(2) still sends and waits.  Guards 0006. */
TEST(server_no_fsync,
	.purpose = "a server without FSYNC gets pages in flight and all data",
	.guards = "0006", .stock = STOCK_FAILS)
{
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = page_size(), .enosys = 1ULL << FUSE_FSYNC });

	use_pages_in_flight(fs);
	EXPECT(srv_find(fs, FUSE_FSYNC, 0) && !srv_find(fs, FUSE_FSYNC, 1),
	       "expected one FSYNC for the server to refuse, got %s",
	       srv_find(fs, FUSE_FSYNC, 0) ? "more" : "none");
}

/* The kernel checks permissions, and keeps what it needs for it. */
TEST(server_default_permissions,
	.purpose = "with default_permissions pages are in flight and all data "
		"arrives",
	.guards = "0006", .stock = STOCK_FAILS)
{
	use_pages_in_flight(fs_mount(&(struct srv_opts){
		.max_write = page_size(),
		.mount_opts = "default_permissions" }));
}

/* Without the writeback cache only what is mapped is ever in flight. */
TEST(server_no_writeback_cache,
	.purpose = "without writeback_cache mapped pages are in flight and all "
		"data arrives",
	.guards = "0006", .stock = STOCK_FAILS)
{
	use_pages_in_flight(fs_mount(&(struct srv_opts){
		.max_write = page_size(), .no_writeback_cache = true }));
}

/* A server that takes requests with splice(2), into a pipe and out of it. */
TEST(server_splice,
	.purpose = "a server that splices gets pages in flight and all data",
	.guards = "0006", .stock = STOCK_FAILS)
{
	use_pages_in_flight(fs_mount(&(struct srv_opts){
		.max_write = page_size(), .splice = true }));
}

struct rewrite {
	int fd;
	unsigned int n;
	unsigned char *data;
};

static long call_rewrite(void *arg)
{
	struct rewrite *r = arg;
	unsigned int i;

	actor_begin();
	for (i = 0; i < r->n; i++)
		if (pwrite(r->fd, r->data, page_size(), i * page_size()) !=
		    (ssize_t)page_size())
			return -1;
	return 0;
}

/*
 * A server that has answered, and looks only then at the pages that it has got
 * in a pipe.  That they are those of the page cache, or copies, is all one:
 * whoever writes to the file meanwhile does not wait for the pipe, and the
 * server finds what was there before or after, whole pages, since nobody writes
 * while it looks.  When the pipe is gone, the pages can go from the cache.
 */
TEST(server_splice_looks_late,
	.purpose = "a server that looks at spliced pages after its answer "
		"finds old or new data, and lets the pages go",
	.guards = "", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	const unsigned int n = 8;
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = ps, .splice = true });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct rewrite r = { fd, n, malloc(ps) };
	unsigned char *a = malloc(n * ps), in_cache[8], *map;
	unsigned int i, old = 0;
	struct actor actor;
	size_t at;

	NEED(a && r.data, "expected memory, got none");
	memset(a, 'a', n * ps);
	memset(r.data, 'b', ps);
	fs_lift_dirty_limit(fs);
	srv_keep(fs, true);
	NEED(pwrite(fd, a, n * ps, 0) == (ssize_t)(n * ps),
	     "write: %s", strerror(errno));
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	NEED(fs->sh->kept == n, "expected %u WRITEs in pipes, got %u", n,
	     fs->sh->kept);

	actor_start(&actor, call_rewrite, &r);
	EXPECT(actor_done(&actor, prompt_ms()), "write to pages that are in "
	       "pipes: expected to return within %u ms, got it stuck",
	       prompt_ms());
	EXPECT(!actor.st->ret, "write to pages that are in pipes: expected "
	       "success, got %s", strerror(actor.st->err));
	srv_keep(fs, false);
	EXPECT(!fs->sh->kept && !fs->sh->trouble[0], "expected the server to "
	       "read %u pipes, got %s", n, fs->sh->trouble);
	for (i = 0; i < n; i++) {
		const unsigned char *p = fs_store(fs, 0) + i * ps;

		old += *p == 'a';
		for (at = 0; at < ps; at++)
			EXPECT(p[at] == *p && (*p == 'a' || *p == 'b'),
			       "byte %zu of page %u in its pipe: expected 'a' "
			       "or 'b' as in the whole page, got %#x and %#x",
			       at, i, p[at], *p);
	}
	diag("%u pages of %u were old in the pipe", old, n);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	for (at = 0; at < n * ps; at++)
		EXPECT(fs_store(fs, 0)[at] == 'b', "byte %zu at the server "
		       "after the second write: expected 'b', got %#x", at,
		       fs_store(fs, 0)[at]);

	map = mmap(NULL, n * ps, PROT_READ, MAP_SHARED, fd, 0);
	NEED(map != MAP_FAILED, "mmap: %s", strerror(errno));
	EXPECT(wait_until(!posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) &&
			  !mincore(map, n * ps, in_cache) &&
			  !memchr(in_cache, 1, n), prompt_ms()),
	       "expected the pages to go from the cache within %u ms once no "
	       "pipe has them, got them still there", prompt_ms());
}

/*
 * A server that dies with the answer given and the pages in its pipe: they are
 * clean, and there is nothing to wait for.
 */
TEST(server_splice_dies_late,
	.purpose = "the death of a server with pages in a pipe that it has "
		"answered leaves nothing behind",
	.guards = "", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	const unsigned int n = 8;
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = ps, .splice = true });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned char in_cache[8], *data, *map;

	data = calloc(n, ps);
	fs_lift_dirty_limit(fs);
	srv_keep(fs, true);
	NEED(data && pwrite(fd, data, n * ps, 0) == (ssize_t)(n * ps),
	     "write: %s", strerror(errno));
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	NEED(fs->sh->kept == n, "expected %u WRITEs in pipes, got %u", n,
	     fs->sh->kept);
	fs_kill(fs);
	map = mmap(NULL, n * ps, PROT_READ, MAP_SHARED, fd, 0);
	NEED(map != MAP_FAILED, "mmap: %s", strerror(errno));
	EXPECT(wait_until(!posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) &&
			  !mincore(map, n * ps, in_cache) &&
			  !memchr(in_cache, 1, n), prompt_ms()),
	       "expected the pages to go from the cache within %u ms once the "
	       "pipe is gone, got them still there", prompt_ms());
	close(fd);
	munmap(map, n * ps);
	EXPECT(fs_umount(fs), "umount: expected success, got %s",
	       strerror(errno));
}
