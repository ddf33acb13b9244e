// SPDX-License-Identifier: GPL-2.0
// sync(2) and syncfs(2) with a server that does not answer.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "flight.h"
#include "server.h"
#include "test.h"

/*
 * Anybody may call sync(2), and suspend does: it must not depend on the good
 * will of whoever runs a FUSE server.  0007 and 0003 each do for this: it
 * would take both to be missing.
 */
TEST(sync_hung_server,
	.purpose = "sync(2) returns promptly with a server that never answers",
	.guards = "0006", .stock = STOCK_FAILS, .limit = 120)
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

/*
 * sync(2) waits for the flusher as well, and that waits for whoever writes the
 * inode back: here somebody who closes the file while its page is in flight.
 * The inode is dirty again, or the flusher would have nothing to do.
 * Guards 0007.
 */
TEST(sync_flusher_in_flight,
	.purpose = "sync(2) returns promptly while another process waits in "
		"close(2) for the server",
	.guards = "0007,0006", .stock = STOCK_FAILS, .limit = 120)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR), other;
	struct actor closer, syncer;
	unsigned char *map, *again;

	/* A second page, clean now, to dirty without write(2). */
	NEED(pwrite(fd, "second", 6, ps) == 6 && !fsync(fd),
	     "write of a second page: expected success, got %s",
	     strerror(errno));
	again = mmap(NULL, ps, PROT_READ | PROT_WRITE, MAP_SHARED, fd, ps);
	NEED(again != MAP_FAILED, "mmap: %s", strerror(errno));
	madvise(again, ps, MADV_DONTFORK);
	sync();
	map = hold_pages(fs, fd, 1);
	EXPECT_UNDER_WRITEBACK(map, 1);
	other = dup(fd);
	NEED(other >= 0, "dup: %s", strerror(errno));
	actor_start(&closer, call_close, &other);
	NEED(actor_blocks(&closer), "expected close to wait for the server, "
	     "got it %s", closer.st->done ? "done" : "running");
	*again = 'S';

	actor_start(&syncer, call_sync, NULL);
	if (!actor_done(&syncer, prompt_ms())) {
		diag("task %d in sync", syncer.pid);
		show_stack(syncer.pid);
	}
	EXPECT(syncer.st->done, "sync: expected to return within %u ms while "
	       "another process waits in close, got it stuck", prompt_ms());
	EXPECT(!closer.st->done, "expected close to wait until the answer, got "
	       "it done");
	EXPECT_UNDER_WRITEBACK(map, 1);
	srv_answer_all(fs);
	EXPECT(actor_done(&closer, prompt_ms()), "close: expected to return "
	       "after the answer, got it stuck");
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT_DATA_INTACT(fs, fd, 1);
	EXPECT(!memcmp(fs_store(fs, 0) + ps, "Second", 6),
	       "second page: expected its data at the server, got other bytes");
}

/*
 * Times that a mount with writeback_cache keeps are written back with a SETATTR
 * that the flusher waits for.  Stock kernels hang here as well.  Guards 0007.
 */
TEST(sync_setattr_held,
	.purpose = "sync(2) returns promptly with a server that never answers "
		"SETATTR",
	.guards = "0007", .stock = STOCK_FAILS, .limit = 120)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct actor actor;

	sync();
	srv_mute(fs, 1ULL << FUSE_SETATTR);
	NEED(pwrite(fd, "dirty", 5, 0) == 5, "write: expected 5, got %s",
	     strerror(errno));

	actor_start(&actor, call_sync, NULL);
	if (!actor_done(&actor, prompt_ms())) {
		diag("task %d in sync", actor.pid);
		show_stack(actor.pid);
	}
	/* The flusher is woken and not waited for. */
	NEED(wait_until(fs->sh->muted, prompt_ms()), "expected a SETATTR at "
	     "the server, got none");
	EXPECT(actor.st->done, "sync: expected to return within %u ms while a "
	       "SETATTR is held, got it stuck", prompt_ms());
	srv_mute(fs, 0);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT(!memcmp(fs_store(fs, 0), "dirty", 5),
	       "expected the data at the server, got other bytes");
}

/* The pages of @map are in flight before and after it, and arrive. */
static void syncfs_promptly(struct fs *fs, int fd, const unsigned char *map,
			    unsigned int n)
{
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
	srv_answer_all(fs);
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

	syncfs_promptly(fs, fd, map, n);
}

/*
 * Pages that are dirtied through a shared mapping are in flight like others on
 * a mount that has no writeback_cache.  Guards 0008.
 */
TEST(syncfs_mmap_no_cache,
	.purpose = "syncfs(2) returns promptly with mapped pages in flight on "
		"a mount without writeback_cache",
	.guards = "0008,0003,0006", .stock = STOCK_FAILS)
{
	const unsigned int n = 4;
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = page_size(), .no_writeback_cache = true });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned char *map = hold_mapped_pages(fs, fd, n);

	syncfs_promptly(fs, fd, map, n);
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

static long call_remount(void *fs)
{
	actor_begin();
	return mount("fusewb", ((struct fs *)fs)->dir, "fuse",
		     MS_REMOUNT | MS_NOSUID | MS_NODEV, NULL);
}

/*
 * A remount holds what sync(2) needs of every file system, s_umount, while it
 * syncs, and may wait for the server then.  sync(2) must not.  Guards 0015.
 */
TEST(sync_remount_setattr_held,
	.purpose = "sync(2) returns promptly while a remount waits for a "
		"server that never answers SETATTR",
	.guards = "0015", .stock = STOCK_FAILS, .limit = 120)
{
	struct fs *fs = fs_mount(&(struct srv_opts){ 0 });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct actor remount, actor;

	srv_mute(fs, 1ULL << FUSE_SETATTR);
	NEED(pwrite(fd, "dirty", 5, 0) == 5, "write: expected 5, got %s",
	     strerror(errno));
	actor_start(&remount, call_remount, fs);
	NEED(wait_until(actor_blocks(&remount), prompt_ms()),
	     "remount: expected it to wait for the server, got it done");

	actor_start(&actor, call_sync, NULL);
	if (!actor_done(&actor, prompt_ms())) {
		diag("task %d in sync, task %d in remount", actor.pid,
		     remount.pid);
		show_stack(actor.pid);
		show_stack(remount.pid);
	}
	EXPECT(actor.st->done, "sync: expected to return within %u ms while "
	       "a remount waits for a SETATTR, got it stuck", prompt_ms());

	srv_answer_all(fs);
	EXPECT(actor_done(&remount, prompt_ms()), "remount: expected to "
	       "return after the answer, got it stuck");
	EXPECT(!remount.st->ret, "remount: expected 0, got %s",
	       strerror(remount.st->err));
}

/*
 * sync(2) does not wait for a server, but what is dirty is on its way to it:
 * long before it would be written anyway, half a minute later.  What is too
 * broad in 0007 and 0015 does not even start.
 */
TEST(sync_starts_writeback,
	.purpose = "after sync(2) dirty pages are on their way to the server",
	.guards = "", .stock = STOCK_PASSES)
{
	struct fs *fs = fs_mount(&(struct srv_opts){ 0 });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	const unsigned int bound = 10000;

	fs_lift_dirty_limit(fs);
	NEED(pwrite(fd, "dirty", 5, 0) == 5, "write: expected 5, got %s",
	     strerror(errno));
	NEED(!srv_writes(fs), "expected no WRITE before sync, got %u",
	     srv_writes(fs));
	sync();
	/* Not scaled: the machine may be slow, the half minute is not. */
	EXPECT(wait_until(srv_writes(fs), bound), "expected a WRITE at the "
	       "server within %u ms of sync, got none", bound);
}

/*
 * drop_caches goes through all file systems as sync(2) does, and drops what is
 * clean of FUSE as well.  What is too broad in 0015 leaves it out.
 */
TEST(drop_caches_drops,
	.purpose = "drop_caches drops clean pages of FUSE",
	.guards = "", .stock = STOCK_PASSES, .danger = WEDGE)
{
	const unsigned int n = 64;
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ 0 });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned char in_cache[64];
	unsigned int i, left = 0;
	void *map;

	for (i = 0; i < n; i++)
		NEED(pwrite(fd, "clean", 5, i * ps) == 5,
		     "write: expected 5, got %s", strerror(errno));
	NEED(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	map = mmap(NULL, n * ps, PROT_READ, MAP_SHARED, fd, 0);
	NEED(map != MAP_FAILED, "mmap: %s", strerror(errno));
	NEED(write_file("/proc/sys/vm/drop_caches", "1"),
	     "write of drop_caches: %s", strerror(errno));
	NEED(!mincore(map, n * ps, in_cache), "mincore: %s", strerror(errno));
	for (i = 0; i < n; i++)
		left += in_cache[i] & 1;
	/* New pages stay until they are on the LRU lists. */
	EXPECT(left < n / 2, "clean pages in the cache after drop_caches: "
	       "expected fewer than %u of %u, got %u", n / 2, n, left);
}
