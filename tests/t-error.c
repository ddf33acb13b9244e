// SPDX-License-Identifier: GPL-2.0
// Errors: fsync and close wait for the answer and report what it said.
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

static void write_and_hold(struct fs *fs, int fd)
{
	srv_hold(fs, true);
	NEED(pwrite(fd, "fsync", 5, 0) == 5 &&
	     !sync_file_range(fd, 0, 5, SYNC_FILE_RANGE_WRITE),
	     "write: expected success, got %s", strerror(errno));
	NEED(srv_wait_held(fs, 1), "expected a WRITE at the server, got none");
}

static const char *errname(long ret, int err)
{
	return ret == -1 ? strerror(err) : "no error";
}

/*
 * fsync waits for the server, hands out its error once on each descriptor that
 * was open at the time, and is clean after that, also on close.
 */
static void fsync_waits_and_reports(int error)
{
	struct fs *fs = fs_mount(&(struct srv_opts){ 0 });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	int other = fs_open(fs, "data", O_RDWR), late;
	const struct srv_event *ev;
	struct actor actor;
	int ret;

	write_and_hold(fs, fd);
	srv_set_error(fs, error);
	actor_start(&actor, call_fsync, &fd);
	EXPECT(actor_blocks(&actor), "expected fsync to wait for the answer, "
	       "got %s", actor.st->done ? "it done" : "it running");
	srv_release(fs, 1);

	EXPECT(actor_done(&actor, prompt_ms()),
	       "expected fsync to return after the answer, got it stuck");
	ev = srv_find(fs, FUSE_WRITE, 0);
	EXPECT(actor.st->t_done > ev->t_out,
	       "expected fsync to return after the answer, got it earlier");
	EXPECT(actor.st->ret == -1 && actor.st->err == error,
	       "first fsync: expected %s, got %s", strerror(error),
	       errname(actor.st->ret, actor.st->err));
	srv_set_error(fs, 0);
	srv_hold(fs, false);
	ret = fsync(fd);
	EXPECT(!ret, "second fsync: expected no error, got %s",
	       errname(ret, errno));
	ret = fsync(other);
	EXPECT(ret == -1 && errno == error, "fsync on another descriptor: "
	       "expected %s, got %s", strerror(error), errname(ret, errno));
	ret = fsync(other);
	EXPECT(!ret, "second fsync on another descriptor: expected no error, "
	       "got %s", errname(ret, errno));
	late = fs_open(fs, "data", O_RDWR);
	ret = fsync(late);
	EXPECT(!ret, "fsync on a descriptor opened later: expected no error, "
	       "got %s", errname(ret, errno));
	ret = close(fd);
	EXPECT(!ret, "close after fsync reported: expected no error, got %s",
	       errname(ret, errno));
}

/* The server answers EIO. */
TEST(fsync_waits_and_reports_eio,
	.purpose = "fsync waits for the answer and reports EIO once a "
		"descriptor",
	.guards = "", .stock = STOCK_PASSES)
{
	fsync_waits_and_reports(EIO);
}

/* The server answers ENOSPC, which the kernel keeps apart from EIO. */
TEST(fsync_waits_and_reports_enospc,
	.purpose = "fsync waits for the answer and reports ENOSPC once a "
		"descriptor",
	.guards = "", .stock = STOCK_PASSES)
{
	fsync_waits_and_reports(ENOSPC);
}

static void close_waits_and_reports(int error)
{
	struct fs *fs = fs_mount(&(struct srv_opts){ 0 });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR), again, ret;
	const struct srv_event *ev;
	struct actor actor;

	write_and_hold(fs, fd);
	srv_set_error(fs, error);
	actor_start(&actor, call_close, &fd);
	EXPECT(actor_blocks(&actor), "expected close to wait for the answer, "
	       "got %s", actor.st->done ? "it done" : "it running");
	srv_release(fs, 1);

	EXPECT(actor_done(&actor, prompt_ms()),
	       "expected close to return after the answer, got it stuck");
	ev = srv_find(fs, FUSE_WRITE, 0);
	EXPECT(actor.st->t_done > ev->t_out,
	       "expected close to return after the answer, got it earlier");
	EXPECT(actor.st->ret == -1 && actor.st->err == error,
	       "close: expected %s, got %s", strerror(error),
	       errname(actor.st->ret, actor.st->err));
	srv_set_error(fs, 0);
	srv_hold(fs, false);
	again = fs_open(fs, "data", O_RDWR);
	ret = close(again);
	EXPECT(!ret, "close of a descriptor opened later: expected no error, "
	       "got %s", errname(ret, errno));
}

/* close(2) waits for the server and reports its EIO. */
TEST(close_waits_and_reports_eio,
	.purpose = "close waits for the answer and reports EIO, once",
	.guards = "", .stock = STOCK_PASSES)
{
	close_waits_and_reports(EIO);
}

/* The same with ENOSPC. */
TEST(close_waits_and_reports_enospc,
	.purpose = "close waits for the answer and reports ENOSPC, once",
	.guards = "", .stock = STOCK_PASSES)
{
	close_waits_and_reports(ENOSPC);
}

/*
 * Between the failed WRITE and the close somebody reads another part of the
 * file.  Waiting for writeback in readahead would take the error away (v4 did).
 */
TEST(close_reports_after_readahead,
	.purpose = "a read of the file does not eat the error that close "
		"reports",
	.guards = "", .stock = STOCK_PASSES)
{
	struct fs *fs = fs_mount(&(struct srv_opts){ 0 });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	int reader = fs_open(fs, "data", O_RDONLY), ret;
	char byte;

	NEED(!ftruncate(fd, 4 << 20), "ftruncate: %s", strerror(errno));
	write_and_hold(fs, fd);
	srv_set_error(fs, EIO);
	srv_release(fs, 1);
	srv_set_error(fs, 0);
	srv_hold(fs, false);

	EXPECT(pread(reader, &byte, 1, 2 << 20) == 1,
	       "read of another range: expected a byte, got %s",
	       strerror(errno));
	EXPECT(srv_find(fs, FUSE_READ, 0),
	       "expected a READ at the server, got none");
	ret = close(fd);
	EXPECT(ret == -1 && errno == EIO,
	       "close after a read: expected %s, got %s", strerror(EIO),
	       errname(ret, errno));
}

struct ranged {
	int fd;
	unsigned char *map;
};

static long call_msync(void *arg)
{
	const struct ranged *r = arg;

	/* A copy of the mapping in a process of its own: same file. */
	actor_begin();
	return msync(r->map, page_size(), MS_SYNC);
}

static long call_sync_file_range(void *arg)
{
	const struct ranged *r = arg;

	actor_begin();
	return sync_file_range(r->fd, 0, page_size(),
			       SYNC_FILE_RANGE_WAIT_BEFORE |
			       SYNC_FILE_RANGE_WRITE |
			       SYNC_FILE_RANGE_WAIT_AFTER);
}

/*
 * Calls other than fsync that wait for a range: they report what fsync would,
 * and by that have reported it, so that fsync on the same descriptor does not.
 */
static void range_waits_and_reports(long (*call)(void *arg), const char *name,
				    int error)
{
	struct fs *fs = fs_mount(&(struct srv_opts){ 0 });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct ranged r = { .fd = fd };
	const struct srv_event *ev;
	struct actor actor;
	int ret;

	write_and_hold(fs, fd);
	/* Inherited by the actor, in whose hands it is never dirty. */
	r.map = mmap(NULL, page_size(), PROT_READ, MAP_SHARED, fd, 0);
	NEED(r.map != MAP_FAILED, "mmap: %s", strerror(errno));
	srv_set_error(fs, error);
	actor_start(&actor, call, &r);
	EXPECT(actor_blocks(&actor), "expected %s to wait for the answer, got "
	       "%s", name, actor.st->done ? "it done" : "it running");
	srv_release(fs, 1);

	EXPECT(actor_done(&actor, prompt_ms()), "expected %s to return after "
	       "the answer, got it stuck", name);
	ev = srv_find(fs, FUSE_WRITE, 0);
	EXPECT(actor.st->t_done > ev->t_out, "expected %s to return after the "
	       "answer, got it earlier", name);
	EXPECT(actor.st->ret == -1 && actor.st->err == error,
	       "%s: expected %s, got %s", name, strerror(error),
	       errname(actor.st->ret, actor.st->err));
	srv_set_error(fs, 0);
	srv_hold(fs, false);
	ret = fsync(fd);
	EXPECT(!ret, "fsync after %s reported: expected no error, got %s",
	       name, errname(ret, errno));
	EXPECT(srv_writes(fs) == 1, "WRITEs after %s failed: expected 1, the "
	       "page being clean, got %u", name, srv_writes(fs));
}

/* msync(2) with MS_SYNC waits and reports EIO. */
TEST(msync_waits_and_reports_eio,
	.purpose = "msync waits for the answer and reports EIO, once",
	.guards = "", .stock = STOCK_PASSES)
{
	range_waits_and_reports(call_msync, "msync", EIO);
}

/* And ENOSPC. */
TEST(msync_waits_and_reports_enospc,
	.purpose = "msync waits for the answer and reports ENOSPC, once",
	.guards = "", .stock = STOCK_PASSES)
{
	range_waits_and_reports(call_msync, "msync", ENOSPC);
}

/*
 * The state of a page in flight, which sync_file_range(2) goes by alone, with
 * no word of the file system: on stock it is never under writeback, so there is
 * nothing to wait for and nothing to report.  Guards 0006.
 */
TEST(sync_file_range_waits_and_reports_eio,
	.purpose = "sync_file_range waits for the answer and reports EIO, once",
	.guards = "0006", .stock = STOCK_FAILS)
{
	range_waits_and_reports(call_sync_file_range, "sync_file_range", EIO);
}

/* And ENOSPC.  Guards 0006. */
TEST(sync_file_range_waits_and_reports_enospc,
	.purpose = "sync_file_range waits for the answer and reports ENOSPC, "
		"once",
	.guards = "0006", .stock = STOCK_FAILS)
{
	range_waits_and_reports(call_sync_file_range, "sync_file_range",
				ENOSPC);
}

/*
 * syncfs(2) does not wait, so it reports the error of what was answered before
 * it is called: once for each descriptor that was open, of any file.
 */
TEST(syncfs_reports,
	.purpose = "syncfs reports the error of a WRITE that failed before, "
		"once a descriptor",
	.guards = "", .stock = STOCK_PASSES)
{
	static const int error[] = { EIO, ENOSPC };
	struct fs *fs = fs_mount(&(struct srv_opts){ 0 });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	int other = fs_open(fs, "other", O_CREAT | O_RDWR), late, ret;
	unsigned int i;

	for (i = 0; i < sizeof(error) / sizeof(error[0]); i++) {
		write_and_hold(fs, fd);
		srv_set_error(fs, error[i]);
		srv_release(fs, 1);
		srv_set_error(fs, 0);
		srv_hold(fs, false);
		/* The end of a WRITE is seen when its page is free again. */
		ret = fsync(fd);
		NEED(ret == -1 && errno == error[i], "fsync: expected %s, got "
		     "%s", strerror(error[i]), errname(ret, errno));

		ret = syncfs(fd);
		EXPECT(ret == -1, "syncfs after a WRITE failed with %s: "
		       "expected an error, got none", strerror(error[i]));
		ret = syncfs(other);
		EXPECT(ret == -1, "syncfs on another file after a WRITE failed "
		       "with %s: expected an error, got none",
		       strerror(error[i]));
		ret = syncfs(fd);
		EXPECT(!ret, "second syncfs: expected no error, got %s",
		       errname(ret, errno));
		ret = syncfs(other);
		EXPECT(!ret, "second syncfs on another file: expected no "
		       "error, got %s", errname(ret, errno));
	}
	late = fs_open(fs, "data", O_RDWR);
	ret = syncfs(late);
	EXPECT(!ret, "syncfs on a descriptor opened later: expected no error, "
	       "got %s", errname(ret, errno));
}

/*
 * Of several WRITEs one fails, answered in an order of its own.  The error is
 * that of the file, the data of the others is there, and the page whose WRITE
 * failed is clean, whole and no longer in flight; written again, it arrives.
 */
TEST(error_of_one_page,
	.purpose = "one of several WRITEs fails: its page is clean and whole, "
		"the others arrive",
	.guards = "0006", .stock = STOCK_FAILS)
{
	const size_t ps = page_size();
	const unsigned int n = 8, bad = 5;
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR), ret;
	unsigned char *map = hold_pages(fs, fd, n);
	unsigned char *page = malloc(ps);
	unsigned int i;
	size_t at;

	NEED(page, "expected memory, got none");
	EXPECT_UNDER_WRITEBACK(map, n);
	srv_set_error_at(fs, EIO, bad * ps);
	srv_release_at(fs, bad * ps);
	EXPECT_WRITEBACK_OVER(map + bad * ps, 1);
	/* The others are none the wiser. */
	EXPECT_UNDER_WRITEBACK(map, bad);
	EXPECT_UNDER_WRITEBACK(map + (bad + 1) * ps, n - bad - 1);
	for (i = n; i--;)
		srv_release_at(fs, i * ps);
	srv_set_error(fs, 0);
	srv_hold(fs, false);
	ret = fsync(fd);
	EXPECT(ret == -1 && errno == EIO, "fsync after page %u of %u failed: "
	       "expected %s, got %s", bad, n, strerror(EIO),
	       errname(ret, errno));
	EXPECT_WRITEBACK_OVER(map, n);
	EXPECT(srv_writes(fs) == n, "WRITEs after fsync: expected %u, all pages "
	       "being clean, got %u", n, srv_writes(fs));
	for (i = 0; i < n; i++) {
		for (at = 0; at < ps; at++)
			EXPECT(map[i * ps + at] == held_byte(i, at),
			       "byte %zu of page %u in the cache: expected "
			       "%#x, got %#x", at, i, held_byte(i, at),
			       map[i * ps + at]);
		if (i == bad)
			continue;
		EXPECT(!memcmp(fs_store(fs, 0) + i * ps, map + i * ps, ps),
		       "page %u of %u, of which %u failed: expected it at the "
		       "server, got other bytes", i, n, bad);
	}
	EXPECT(!srv_find(fs, FUSE_READ, 0), "expected the pages to be whole, "
	       "got a READ at the server");
	memcpy(page, map + bad * ps, ps);
	EXPECT(pwrite(fd, page, ps, bad * ps) == (ssize_t)ps && !fsync(fd),
	       "second write of page %u: expected success, got %s", bad,
	       strerror(errno));
	EXPECT(!memcmp(fs_store(fs, 0) + bad * ps, page, ps),
	       "page %u after a second write: expected it at the server, got "
	       "other bytes", bad);
}

/*
 * close(2) reports what the file remembers, which is one flag for all of its
 * descriptors: the first takes it away.  fsync(2) has a memory of its own on
 * each.  So it is on every kernel, and programs go by it.
 */
TEST(close_reports_once_a_file,
	.purpose = "the first close of several reports the error, and fsync "
		"still does on each descriptor",
	.guards = "", .stock = STOCK_PASSES)
{
	struct fs *fs = fs_mount(&(struct srv_opts){ 0 });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	int second = fs_open(fs, "data", O_RDWR), ret;
	int third = fs_open(fs, "data", O_RDWR);

	write_and_hold(fs, fd);
	srv_set_error(fs, EIO);
	srv_release(fs, 1);
	srv_set_error(fs, 0);
	srv_hold(fs, false);

	ret = close(second);
	EXPECT(ret == -1 && errno == EIO, "first close: expected %s, got %s",
	       strerror(EIO), errname(ret, errno));
	ret = close(third);
	EXPECT(!ret, "second close: expected no error, got %s",
	       errname(ret, errno));
	ret = fsync(fd);
	EXPECT(ret == -1 && errno == EIO, "fsync after two closes: expected "
	       "%s, got %s", strerror(EIO), errname(ret, errno));
	ret = fsync(fd);
	EXPECT(!ret, "second fsync: expected no error, got %s",
	       errname(ret, errno));
}
