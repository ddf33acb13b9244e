// SPDX-License-Identifier: GPL-2.0
// The end of a server: whoever waits for it wakes up, and it unmounts.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "flight.h"
#include "server.h"
#include "test.h"

static long call_pwrite(void *arg)
{
	actor_begin();
	return pwrite(*(int *)arg, "again", 5, 0);
}

static long call_munmap(void *arg)
{
	unsigned char *map;

	map = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
		   *(int *)arg, 0);
	if (map == MAP_FAILED)
		return -1;
	actor_begin();
	return munmap(map, page_size());
}

static long call_msync(void *arg)
{
	unsigned char *map;

	map = mmap(NULL, page_size(), PROT_READ, MAP_SHARED, *(int *)arg, 0);
	if (map == MAP_FAILED)
		return -1;
	actor_begin();
	return msync(map, page_size(), MS_SYNC);
}

static long call_sync_file_range(void *arg)
{
	actor_begin();
	return sync_file_range(*(int *)arg, 0, page_size(),
			       SYNC_FILE_RANGE_WAIT_BEFORE);
}

static long call_ftruncate(void *arg)
{
	actor_begin();
	return ftruncate(*(int *)arg, 1);
}

static long call_punch(void *arg)
{
	actor_begin();
	return fallocate(*(int *)arg, FALLOC_FL_PUNCH_HOLE |
			 FALLOC_FL_KEEP_SIZE, 0, page_size());
}

/* Opened again through /proc, which asks nobody who the file is. */
static long call_open_trunc(void *arg)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", *(int *)arg);
	actor_begin();
	return open(path, O_RDWR | O_TRUNC | O_CLOEXEC);
}

static void *direct_buffer(int fd)
{
	void *buf = mmap(NULL, page_size(), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return fcntl(fd, F_SETFL, O_RDWR | O_DIRECT) ? MAP_FAILED : buf;
}

static long call_direct_read(void *arg)
{
	void *buf = direct_buffer(*(int *)arg);

	if (buf == MAP_FAILED)
		return -1;
	actor_begin();
	return pread(*(int *)arg, buf, page_size(), 0);
}

static long call_direct_write(void *arg)
{
	void *buf = direct_buffer(*(int *)arg);

	if (buf == MAP_FAILED)
		return -1;
	actor_begin();
	return pwrite(*(int *)arg, buf, page_size(), 0);
}

static int source_fd;

static long call_copy(void *arg)
{
	loff_t from = 0, to = 0;

	actor_begin();
	return copy_file_range(source_fd, &from, *(int *)arg, &to, 5, 0);
}

/* What takes the server away. */
enum end { ABORT, KILL, STOP_AND_KILL, DIE_SPLICING };

/*
 * A file each with a WRITE in flight, and somebody waiting on each in a way of
 * his own.  However the server goes, all of them return, those that have lost
 * something say so, no page stays under writeback, and it unmounts.
 */
static void end_wakes_waiters(enum end end)
{
	static const struct {
		const char *name;
		long (*call)(void *arg);
		bool waits;	/* on every kernel */
		bool reports;
	} w[] = {
		{ "fsync", call_fsync, true, true },
		{ "close", call_close, true, true },
		{ "pwrite", call_pwrite, false, false },
		{ "store", store_first_byte, true, false },
		{ "munmap", call_munmap, false, false },
		{ "msync", call_msync, true, true },
		{ "sync_file_range", call_sync_file_range, false, false },
		{ "syncfs", call_syncfs, false, false },
		{ "ftruncate", call_ftruncate, true, true },
		{ "O_TRUNC", call_open_trunc, true, true },
		{ "punch", call_punch, true, true },
		{ "O_DIRECT read", call_direct_read, true, true },
		{ "O_DIRECT write", call_direct_write, true, true },
		{ "copy_file_range", call_copy, true, true },
	};
	enum { N = sizeof(w) / sizeof(w[0]) };
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_background = 4 * N, .congestion = 4 * N,
		.max_write = 64 << 10, .atomic_o_trunc = true,
		.splice = end == DIE_SPLICING });
	struct actor actor[N];
	int fd[N], i, round;
	unsigned int step = 6;
	long base, got;

	source_fd = fs_open(fs, "source", O_CREAT | O_RDWR);
	NEED(write(source_fd, "source", 6) == 6 && !fsync(source_fd),
	     "write: expected success, got %s", strerror(errno));
	for (i = 0; i < N; i++)
		fd[i] = fs_open(fs, w[i].name, O_CREAT | O_RDWR);
	base = quiet_writeback();
	srv_hold(fs, true);
	/* What it splices it must not have read before. */
	srv_pause(fs, end == DIE_SPLICING);
	for (i = 0; i < N; i++)
		NEED(pwrite(fd[i], "first", 5, 0) == 5 &&
		     !sync_file_range(fd[i], 0, 5, SYNC_FILE_RANGE_WRITE),
		     "write: expected success, got %s", strerror(errno));
	NEED(end == DIE_SPLICING || srv_wait_held(fs, N),
	     "expected %d WRITEs at the server, got %u", N, fs->sh->held);
	if (end == STOP_AND_KILL)
		kill(fs->server, SIGSTOP);
	for (i = 0; i < N; i++)
		actor_start(&actor[i], w[i].call, &fd[i]);
	/* All at a time, which takes less. */
	for (i = 0; i < N; i++)
		NEED(wait_until(actor[i].st->begun, scaled_ms(5000)),
		     "expected %s to begin, got it in state %c", w[i].name,
		     actor_task_state(&actor[i]));
	for (round = 0; round < 4; round++) {
		poll_pause(&step);
		for (i = 0; i < N; i++)
			EXPECT(!w[i].waits ||
			       wait_until(actor[i].st->done ||
					  strchr("SD", actor_task_state(
							&actor[i])),
					  scaled_ms(3000)),
			       "expected %s to wait for the answer, got it "
			       "running", w[i].name);
		for (i = 0; i < N; i++)
			EXPECT(!w[i].waits || !actor[i].st->done,
			       "expected %s to wait for the answer, got it "
			       "done with %ld (%s)", w[i].name,
			       actor[i].st->ret, strerror(actor[i].st->err));
	}

	switch (end) {
	case ABORT:
		fs_abort(fs);
		break;
	case KILL:
	case STOP_AND_KILL:
		fs_kill(fs);
		break;
	case DIE_SPLICING:
		fs->sh->die = FUSE_WRITE;
		srv_release_all(fs);
	}

	for (i = 0; i < N; i++) {
		if (!actor_done(&actor[i], prompt_ms()))
			show_stack(actor[i].pid);
		EXPECT(actor[i].st->done, "expected %s to return within %u ms "
		       "after the end of the server, got it stuck", w[i].name,
		       prompt_ms());
		EXPECT(actor[i].st->ret == -1 || !w[i].reports,
		       "%s with a WRITE lost: expected an error, got %ld",
		       w[i].name, actor[i].st->ret);
	}
	for (i = 0; i < N; i++)
		if (w[i].call != call_close)
			close(fd[i]);
	close(source_fd);
	EXPECT(vmstat_delta_is("nr_writeback", base, 0, prompt_ms(), &got),
	       "nr_writeback after the end of the server: expected +0, got "
	       "%+ld", got);
	EXPECT(fs_umount(fs), "umount: expected success, got %s",
	       strerror(errno));
	EXPECT(fs_connection_gone(fs),
	       "expected the connection to go with the mount, got it still "
	       "listed in fusectl");
}

/* The connection is aborted through fusectl. */
TEST(abort_wakes_waiters,
	.purpose = "an abort through fusectl wakes every waiter, with an "
		"error, and it unmounts",
	.guards = "", .stock = STOCK_PASSES)
{
	end_wakes_waiters(ABORT);
}

/* The server is killed, which closes the last descriptor of /dev/fuse. */
TEST(server_death_wakes_waiters,
	.purpose = "the death of the server wakes every waiter, with an error, "
		"and it unmounts",
	.guards = "", .stock = STOCK_PASSES)
{
	end_wakes_waiters(KILL);
}

/* The server is stopped, as by a debugger or a shell, and killed then. */
TEST(stopped_server_death_wakes_waiters,
	.purpose = "the death of a stopped server wakes every waiter, with an "
		"error, and it unmounts",
	.guards = "", .stock = STOCK_PASSES)
{
	end_wakes_waiters(STOP_AND_KILL);
}

/*
 * The server exits with a request in its hands that it has taken with
 * splice(2): the pages of the page cache are in its pipe, and nobody else.
 */
TEST(splice_death_wakes_waiters,
	.purpose = "the death of a server with pages in a pipe wakes every "
		"waiter, with an error, and it unmounts",
	.guards = "", .stock = STOCK_PASSES)
{
	end_wakes_waiters(DIE_SPLICING);
}

/*
 * A lazy umount while a WRITE is in flight: the file system lives on for the
 * descriptor that is left, finishes, and goes when that is closed.
 */
TEST(lazy_umount_in_flight,
	.purpose = "after a lazy umount the pages in flight still arrive and "
		"the "
		"mount goes",
	.guards = "", .stock = STOCK_PASSES)
{
	struct fs *fs = fs_mount(&(struct srv_opts){ 0 });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);

	srv_hold(fs, true);
	NEED(pwrite(fd, "first", 5, 0) == 5 &&
	     !sync_file_range(fd, 0, 5, SYNC_FILE_RANGE_WRITE),
	     "write: expected success, got %s", strerror(errno));
	NEED(srv_wait_held(fs, 1), "expected a WRITE at the server, got none");

	EXPECT(!umount2(fs->dir, MNT_DETACH),
	       "lazy umount: expected success, got %s", strerror(errno));
	srv_answer_all(fs);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT(!memcmp(fs_store(fs, 0), "first", 5),
	       "expected the data at the server, got other bytes");
	EXPECT(!close(fd), "close: expected 0, got %s", strerror(errno));
	EXPECT(fs_connection_gone(fs),
	       "expected the connection to go with the last descriptor, got "
	       "it still listed in fusectl");
}
