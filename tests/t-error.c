// SPDX-License-Identifier: GPL-2.0
// Errors: fsync and close wait for the answer and report what it said.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static long call_fsync(void *arg)
{
	actor_begin();
	return fsync(*(int *)arg);
}

static long call_close(void *arg)
{
	actor_begin();
	return close(*(int *)arg);
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
