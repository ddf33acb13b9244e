// SPDX-License-Identifier: GPL-2.0
// The end of a server: whoever waits for it wakes up, and it unmounts.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"
#include "test.h"

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

/*
 * Four files with a WRITE in flight each, and somebody waiting on each in a
 * way of his own.  @end takes the server away.
 */
static void end_wakes_waiters(void (*end)(struct fs *fs))
{
	static const struct {
		const char *name;
		long (*call)(void *arg);
		bool waits;	/* on every kernel */
		bool reports;
	} w[SRV_FILES] = {
		{ "fsync", call_fsync, true, true },
		{ "close", call_close, true, true },
		{ "pwrite", call_pwrite, false, false },
		{ "munmap", call_munmap, false, false },
	};
	struct fs *fs = fs_mount(&(struct srv_opts){ 0 });
	struct actor actor[SRV_FILES];
	int fd[SRV_FILES], i;

	srv_hold(fs, true);
	for (i = 0; i < SRV_FILES; i++) {
		fd[i] = fs_open(fs, w[i].name, O_CREAT | O_RDWR);
		NEED(pwrite(fd[i], "first", 5, 0) == 5 &&
		     !sync_file_range(fd[i], 0, 5, SYNC_FILE_RANGE_WRITE),
		     "write: expected success, got %s", strerror(errno));
	}
	NEED(srv_wait_held(fs, SRV_FILES), "expected %d WRITEs at the server, "
	     "got %u", SRV_FILES, fs->sh->held);
	for (i = 0; i < SRV_FILES; i++)
		actor_start(&actor[i], w[i].call, &fd[i]);
	for (i = 0; i < SRV_FILES; i++)
		EXPECT(actor_blocks(&actor[i]) || !w[i].waits,
		       "expected %s to wait for the answer, got %s", w[i].name,
		       actor[i].st->done ? "it done" : "it running");

	end(fs);

	for (i = 0; i < SRV_FILES; i++) {
		if (!actor_done(&actor[i], prompt_ms()))
			show_stack(actor[i].pid);
		EXPECT(actor[i].st->done, "expected %s to return within %u ms "
		       "after the end of the server, got it stuck", w[i].name,
		       prompt_ms());
		EXPECT(actor[i].st->ret == -1 || !w[i].reports,
		       "%s with a WRITE lost: expected an error, got %ld",
		       w[i].name, actor[i].st->ret);
	}
	for (i = 0; i < SRV_FILES; i++)
		if (w[i].call != call_close)
			close(fd[i]);
	EXPECT(fs_umount(fs), "umount: expected success, got %s",
	       strerror(errno));
	EXPECT(fs_connection_gone(fs),
	       "expected the connection to go with the mount, got it still "
	       "listed in fusectl");
}

/* The connection is aborted through fusectl. */
TEST(abort_wakes_waiters,
	.purpose = "an abort through fusectl wakes every waiter, with an "
		"error, "
		"and it unmounts",
	.guards = "", .stock = STOCK_PASSES)
{
	end_wakes_waiters(fs_abort);
}

/* The server is killed, which closes the last descriptor of /dev/fuse. */
TEST(server_death_wakes_waiters,
	.purpose = "the death of the server wakes every waiter, with an error, "
		"and it unmounts",
	.guards = "", .stock = STOCK_PASSES)
{
	end_wakes_waiters(fs_kill);
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
