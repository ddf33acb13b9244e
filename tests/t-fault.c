// SPDX-License-Identifier: GPL-2.0
// Allocations that fail: each one that the write path of FUSE makes, one after the other.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/mempolicy.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nth.h"
#include "server.h"
#include "test.h"

#define LARGE		40	/* pages: a request's array must grow for them */

struct job {
	struct fs *fs;
	int fd;
	unsigned char *map;	/* of the whole file */
	unsigned char *want;	/* what the file has to hold */
	unsigned char *old;	/* what it had to hold before */
	unsigned char *buf;	/* aligned, for O_DIRECT */
	size_t len;		/* bytes of it */
	unsigned int seed;
	int nodes[64], nr_nodes;
	unsigned int injected;	/* allocations that failed */
	unsigned int reported;	/* of these, how many the caller heard of */
};

struct op {
	const char *name;
	/* Brings the file into the state that the operation needs. */
	void (*prepare)(struct job *j);
	/* -1 and errno, or the bytes it wrote, or 0; sets what to expect. */
	long (*run)(struct job *j);
};

/* Other bytes each time, so that old ones are noticed. */
static void fill(struct job *j, size_t from, size_t to)
{
	size_t i;

	j->seed++;
	for (i = from; i < to; i++)
		j->want[i] = j->seed * 29 + i * 7 + (i >> 12) + 1;
}

static void write_want(struct job *j, size_t from, size_t to)
{
	while (from < to) {
		ssize_t n = pwrite(j->fd, j->want + from, to - from, from);

		NEED(n > 0, "write of %zu bytes at %zu, no failure injected: "
		     "expected success, got %s", to - from, from,
		     strerror(errno));
		from += n;
	}
}

/* No page in the cache, no byte in the file. */
static void be_empty(struct job *j)
{
	NEED(!ftruncate(j->fd, 0), "ftruncate, no failure injected: expected "
	     "0, got %s", strerror(errno));
	j->len = 0;
}

/* So many pages at the server, none in the cache. */
static void be_stored(struct job *j, unsigned int pages)
{
	be_empty(j);
	j->len = pages * page_size();
	fill(j, 0, j->len);
	write_want(j, 0, j->len);
	NEED(!fsync(j->fd), "fsync, no failure injected: expected 0, got %s",
	     strerror(errno));
	posix_fadvise(j->fd, 0, 0, POSIX_FADV_DONTNEED);
}

static void be_small(struct job *j)
{
	be_stored(j, 1);
}

static void be_four(struct job *j)
{
	be_stored(j, 4);
}

static void be_large(struct job *j)
{
	be_stored(j, LARGE);
}

static void be_dirty(struct job *j)
{
	be_empty(j);
	j->len = LARGE * page_size();
	fill(j, 0, j->len);
	write_want(j, 0, j->len);
}

/* Every second page: each one ends a request. */
static void be_scattered(struct job *j)
{
	const size_t ps = page_size();
	unsigned int i;

	be_stored(j, 16);
	for (i = 0; i < 16; i += 2) {
		fill(j, i * ps, (i + 1) * ps);
		write_want(j, i * ps, (i + 1) * ps);
	}
}

static void be_dirty_by_map(struct job *j)
{
	const size_t ps = page_size();
	unsigned int i;

	be_stored(j, 4);
	for (i = 0; i < 4; i++)
		j->map[i * ps] = j->want[i * ps] = ++j->seed;
}

static long write_bytes(struct job *j, size_t from, size_t to)
{
	size_t i;
	long n;

	memcpy(j->old, j->want, to);
	fill(j, from, to);
	memcpy(j->buf, j->want + from, to - from);
	n = pwrite(j->fd, j->buf, to - from, from);
	/* A short write is one: what it left out is as it was. */
	for (i = from + (n > 0 ? n : 0); n >= 0 && i < to; i++)
		j->want[i] = j->old[i];
	if (n >= 0 && j->len < from + n)
		j->len = from + n;
	return n;
}

/* Part of a page that is not there: it is read first. */
static long write_small(struct job *j)
{
	return write_bytes(j, 50, 150);
}

static long write_large(struct job *j)
{
	return write_bytes(j, 0, LARGE * page_size());
}

static long write_across(struct job *j)
{
	return write_bytes(j, page_size() - 10, page_size() + 10);
}

static long write_direct(struct job *j)
{
	int flags = fcntl(j->fd, F_GETFL), err;
	long n;

	NEED(!fcntl(j->fd, F_SETFL, flags | O_DIRECT), "O_DIRECT: %s",
	     strerror(errno));
	n = write_bytes(j, 0, 4 * page_size());
	err = errno;
	fcntl(j->fd, F_SETFL, flags);
	errno = err;
	return n;
}

static sigjmp_buf no_page;

static void bus_error(int sig)
{
	(void)sig;
	siglongjmp(no_page, 1);
}

/* A page that cannot be had is a SIGBUS, or the kernel tries again. */
static long store(struct job *j)
{
	volatile unsigned char *p = j->map;
	const size_t ps = page_size();
	unsigned int i;

	if (sigsetjmp(no_page, 1)) {
		errno = ENOMEM;
		return -1;
	}
	for (i = 0; i < 4; i++) {
		p[i * ps] = j->seed + 1;
		j->want[i * ps] = ++j->seed;
	}
	return 0;
}

static long do_msync(struct job *j)
{
	return msync(j->map, 4 * page_size(), MS_SYNC);
}

static long do_fsync(struct job *j)
{
	return fsync(j->fd);
}

/* The WRITEs are made by this task, not by the flusher. */
static long do_submit(struct job *j)
{
	return sync_file_range(j->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

static long do_submit_and_wait(struct job *j)
{
	return sync_file_range(j->fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE |
			       SYNC_FILE_RANGE_WRITE |
			       SYNC_FILE_RANGE_WAIT_AFTER);
}

/* Of a second descriptor, which flushes the file. */
static int second_fd = -1;

static void be_dirty_twice_open(struct job *j)
{
	be_dirty(j);
	second_fd = fs_open(j->fs, "data", O_RDWR);
}

static long do_close(struct job *j)
{
	(void)j;
	return close(second_fd);
}

/* Of a second mapping; it cannot say that it failed, a later fsync must. */
static void *second_map;

static void be_mapped_twice(struct job *j)
{
	const size_t ps = page_size();
	unsigned int i;

	be_stored(j, 4);
	second_map = mmap(NULL, 4 * ps, PROT_READ | PROT_WRITE, MAP_SHARED,
			  j->fd, 0);
	NEED(second_map != MAP_FAILED, "mmap: %s", strerror(errno));
	for (i = 0; i < 4; i++)
		((unsigned char *)second_map)[i * ps] = j->want[i * ps] =
			++j->seed;
}

static long do_munmap(struct job *j)
{
	(void)j;
	return munmap(second_map, 4 * page_size());
}

static long do_truncate(struct job *j)
{
	size_t to = 3 * page_size() + 100;
	long ret = ftruncate(j->fd, to);

	if (!ret)
		j->len = to;
	return ret;
}

static long do_punch(struct job *j)
{
	const size_t ps = page_size();
	long ret = fallocate(j->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			     ps, 2 * ps);

	if (!ret)
		memset(j->want + ps, 0, 2 * ps);
	return ret;
}

/* Whether it moves or not is not of interest here, what is in it is. */
static long do_migrate(struct job *j)
{
	void *pages[4];
	int to[4], status[4], i;

	for (i = 0; i < 4; i++) {
		pages[i] = j->map + i * page_size();
		to[i] = j->nodes[(j->seed / 4 + i) % j->nr_nodes];
	}
	i = syscall(SYS_move_pages, 0, 4UL, pages, to, status,
		    MPOL_MF_MOVE_ALL);
	return i > 0 ? 0 : i;
}

/* The file is at the server as it should be; the first byte that is not. */
static bool stored(struct job *j, size_t *where)
{
	const unsigned char *store = fs_store(j->fs, 0);

	*where = j->len;
	if (j->fs->sh->size[0] != j->len)
		return false;
	for (*where = 0; *where < j->len; ++*where)
		if (store[*where] != j->want[*where])
			return false;
	return true;
}

/*
 * Memory that is missing is ENOMEM.  Only writeback by iomap gives every error
 * of its own the same name.
 */
static bool is_told(int err)
{
	static int iomap = -1;

	if (iomap < 0)
		iomap = kernel_has("fuse_iomap_begin") > 0;
	return err == ENOMEM || (iomap && err == EIO);
}

/* One operation, in which the allocation number @nth fails; was there one? */
static bool fail_one(struct job *j, const struct op *op, unsigned int nth)
{
	unsigned int left;
	bool reported;
	size_t where;
	long ret;
	int err;

	op->prepare(j);
	nth_arm(nth);
	ret = op->run(j);
	err = errno;
	left = nth_disarm();
	j->injected += !left;
	EXPECT(ret >= 0 || (!left && is_told(err)),
	       "%s, allocation %u %s: expected %s, got %s", op->name, nth,
	       left ? "does not exist" : "failed",
	       left ? "success" : "success or ENOMEM", strerror(err));
	reported = ret < 0;

	/* Whatever is missing at the server now has to be said by now. */
	ret = fsync(j->fd);
	EXPECT(!ret || (!left && is_told(errno)),
	       "fsync after %s, allocation %u %s: expected %s, got %s",
	       op->name, nth, left ? "does not exist" : "failed",
	       left ? "success" : "success or ENOMEM", strerror(errno));
	reported |= ret < 0;
	EXPECT(reported || stored(j, &where),
	       "%s, allocation %u failed: expected an error from it or from "
	       "fsync, or %zu bytes at the server, got neither: %llu bytes, "
	       "the first wrong one at %zu", op->name, nth, j->len,
	       (unsigned long long)j->fs->sh->size[0], where);
	EXPECT(wait_until(!fs_waiting(j->fs), prompt_ms()),
	       "%s, allocation %u failed: expected no request left, got %u",
	       op->name, nth, fs_waiting(j->fs));
	j->reported += reported;

	if (reported) {
		/* It must have been for this once only. */
		fill(j, 0, j->len);
		write_want(j, 0, j->len);
		NEED(!ftruncate(j->fd, j->len), "ftruncate: %s",
		     strerror(errno));
		EXPECT(!fsync(j->fd), "fsync after the next write, after %s, "
		       "allocation %u failed: expected success, got %s",
		       op->name, nth, strerror(errno));
		EXPECT(stored(j, &where), "write after %s, allocation %u "
		       "failed: expected %zu bytes at the server, got %llu, "
		       "the first wrong one at %zu", op->name, nth, j->len,
		       (unsigned long long)j->fs->sh->size[0], where);
	}
	return !left;
}

static void fail_all(const struct op *ops, unsigned int n,
		     const struct srv_opts *opts)
{
	const size_t size = LARGE * page_size();
	unsigned int i, nth, injected = 0, reported = 0;
	struct job j = { 0 };

	nth_init();
	j.nr_nodes = node_list(j.nodes, 64);
	j.want = malloc(size);
	j.old = malloc(size);
	NEED(j.want && j.old && !posix_memalign((void **)&j.buf, page_size(), size),
	     "expected memory, got none");
	signal(SIGBUS, bus_error);
	j.fs = fs_mount(opts);
	fs_lift_dirty_limit(j.fs);
	j.fd = fs_open(j.fs, "data", O_CREAT | O_RDWR);
	j.map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, j.fd, 0);
	NEED(j.map != MAP_FAILED, "mmap: %s", strerror(errno));
	for (i = 0; i < n; i++) {
		if (ops[i].run == do_migrate && j.nr_nodes < 2)
			continue;
		/* once without, so that what is allocated once is there */
		fail_one(&j, &ops[i], 0);
		j.injected = j.reported = 0;
		for (nth = 1; fail_one(&j, &ops[i], nth); nth++)
			EXPECT(nth < NTH_MAX, "%s: expected fewer than %u "
			       "allocations, got more", ops[i].name, NTH_MAX);
		EXPECT(j.injected, "%s: expected at least one allocation, "
		       "got none", ops[i].name);
		diag("%s: %u failures injected, %u reported", ops[i].name,
		     j.injected, j.reported);
		injected += j.injected;
		reported += j.reported;
	}
	diag("%u failures injected in %u operations, %u reported, the others "
	     "made up for", injected, n, reported);
}

/*
 * Whatever allocation fails while data is written to a file, mapped, sent,
 * truncated or moved: the call says so or the data arrives, nothing is left
 * under writeback or hangs, and the next write works.  On stock a page whose
 * request cannot be made is clean for good, and fsync(2) says that all is well;
 * with writeback by iomap it reports EIO.  Guards 0006.
 */
TEST(allocations_fail,
	.purpose = "each allocation of the write path fails once: an error or "
		"the data, never neither",
	.guards = "0017", .danger = WEDGE, .stock = STOCK_FAILS, .limit = 60)
{
	static const struct op ops[] = {
		{ "write_small", be_small, write_small },
		{ "write_across", be_four, write_across },
		{ "write_large", be_empty, write_large },
		{ "write_direct", be_dirty, write_direct },
		{ "store", be_four, store },
		{ "msync", be_dirty_by_map, do_msync },
		{ "fsync", be_dirty, do_fsync },
		{ "sync_file_range", be_dirty, do_submit },
		{ "sync_file_range_scattered", be_scattered,
		  do_submit_and_wait },
		{ "close", be_dirty_twice_open, do_close },
		{ "munmap", be_mapped_twice, do_munmap },
		{ "truncate", be_dirty, do_truncate },
		{ "punch", be_dirty, do_punch },
		{ "migrate", be_dirty_by_map, do_migrate },
	};

	fail_all(ops, sizeof(ops) / sizeof(ops[0]), &(struct srv_opts){ 0 });
}

/* The same where write(2) goes to the server and only mappings are cached. */
TEST(allocations_fail_no_cache,
	.purpose = "each allocation of the write path without writeback_cache "
		"fails once: an error or the data, never neither",
	.guards = "0017", .danger = WEDGE, .stock = STOCK_FAILS, .limit = 60)
{
	static const struct op ops[] = {
		{ "write_across", be_four, write_across },
		{ "write_large", be_empty, write_large },
		{ "store", be_large, store },
		{ "msync", be_dirty_by_map, do_msync },
		{ "munmap", be_mapped_twice, do_munmap },
	};

	fail_all(ops, sizeof(ops) / sizeof(ops[0]),
		 &(struct srv_opts){ .no_writeback_cache = true });
}
