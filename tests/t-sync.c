// SPDX-License-Identifier: GPL-2.0
// sync(2) and syncfs(2) with a server that does not answer.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "flight.h"
#include "server.h"
#include "test.h"

static long call_sync(void *unused)
{
	(void)unused;
	actor_begin();
	sync();
	return 0;
}

static long call_syncfs(void *arg)
{
	actor_begin();
	return syncfs(*(int *)arg);
}

/*
 * Anybody may call sync(2), and suspend does: it must not depend on the good
 * will of whoever runs a FUSE server.  Guards 0003.
 */
TEST(sync_hung_server,
	.purpose = "sync(2) returns promptly with a server that never answers",
	.guards = "0003,0006", .stock = STOCK_FAILS, .limit = 120)
{
	const unsigned int n = 4;
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned char *map;
	struct actor actor;

	/* What others have to write is not what is measured here. */
	sync();
	map = hold_pages(fs, fd, n);
	EXPECT_UNDER_WRITEBACK(map, n);

	actor_start(&actor, call_sync, NULL);
	if (!actor_done(&actor, prompt_ms())) {
		diag("task %d in sync", actor.pid);
		show_stack(actor.pid);
	}
	EXPECT(actor.st->done, "sync: expected to return within %u ms while "
	       "%u WRITEs are held, got it stuck", prompt_ms(), n);
	EXPECT_UNDER_WRITEBACK(map, n);
	srv_release(fs, n);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT_DATA_INTACT(fs, fd, n);
}

/* The same for syncfs(2), which waits inside the file system.  Guards 0003. */
TEST(syncfs_hung_server,
	.purpose = "syncfs(2) returns promptly with a server that never "
		"answers",
	.guards = "0003,0006", .stock = STOCK_FAILS)
{
	const unsigned int n = 4;
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned char *map = hold_pages(fs, fd, n);
	struct actor actor;

	EXPECT_UNDER_WRITEBACK(map, n);

	actor_start(&actor, call_syncfs, &fd);
	if (!actor_done(&actor, prompt_ms())) {
		diag("task %d in syncfs", actor.pid);
		show_stack(actor.pid);
	}
	EXPECT(actor.st->done, "syncfs: expected to return within %u ms while "
	       "%u WRITEs are held, got it stuck", prompt_ms(), n);
	EXPECT(!actor.st->ret, "syncfs: expected 0, got %s",
	       strerror(actor.st->err));
	EXPECT_UNDER_WRITEBACK(map, n);
	srv_release(fs, n);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT_DATA_INTACT(fs, fd, n);
}

/*
 * Not waiting must not become not writing: when syncfs(2) has returned, every
 * page that was dirty is sent.  It need not be by then: mainline came to merely
 * wake the flusher.  Without 0003 it does not return at all, so that is guarded
 * too; a kernel that sends copies neither waits nor misses a page.
 */
TEST(syncfs_submits_everything,
	.purpose = "after syncfs(2) every dirty page was sent to the server",
	.guards = "0003", .stock = STOCK_PASSES)
{
	const unsigned int n = 8;
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct actor actor;
	unsigned int i;

	fs_lift_dirty_limit(fs);
	srv_hold(fs, true);
	for (i = 0; i < n; i++)
		NEED(pwrite(fd, "dirty", 5, 2 * i * ps) == 5,
		     "write: expected 5, got %s", strerror(errno));

	actor_start(&actor, call_syncfs, &fd);
	EXPECT(actor_done(&actor, prompt_ms()), "syncfs: expected to return "
	       "within %u ms, got it stuck", prompt_ms());
	EXPECT(!actor.st->ret, "syncfs: expected 0, got %s",
	       strerror(actor.st->err));
	EXPECT(wait_until(srv_writes(fs) == n, prompt_ms()),
	       "WRITEs at the server after syncfs: expected %u, got %u", n,
	       srv_writes(fs));
}
