// SPDX-License-Identifier: GPL-2.0
// Who waits for the server and who does not, of those who use its files: see doc/semantics.md.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flight.h"
#include "io.h"
#include "server.h"
#include "test.h"

static long call_munmap(void *arg)
{
	unsigned char *map = mmap(NULL, page_size(), PROT_READ | PROT_WRITE,
				  MAP_SHARED, *(int *)arg, 0);

	if (map == MAP_FAILED)
		return -1;
	actor_begin();
	return munmap(map, page_size());
}

/*
 * Who unmaps a file sends what is dirty and does not wait for the answer: he
 * holds the mmap lock, which others want who only look at the process.  Without
 * 0016 he waits; a kernel that hands out copies has nothing to wait for.
 * Guards 0016.
 */
TEST(munmap_in_flight,
	.purpose = "munmap(2) of a shared mapping with pages in flight returns "
		"promptly, and they arrive",
	.guards = "0016", .stock = STOCK_PASSES)
{
	const unsigned int n = 4;
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = page_size() });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct actor actor;

	hold_pages(fs, fd, n);
	actor_start(&actor, call_munmap, &fd);
	if (!actor_done(&actor, prompt_ms())) {
		diag("task %d in munmap", actor.pid);
		show_stack(actor.pid);
	}
	EXPECT(actor.st->done, "munmap: expected to return within %u ms while "
	       "%u WRITEs are held, got it stuck", prompt_ms(), n);
	EXPECT(!actor.st->ret, "munmap: expected 0, got %s",
	       strerror(actor.st->err));
	EXPECT(fs->sh->held == n, "expected %u WRITEs to be unanswered, got %u",
	       n, fs->sh->held);
	srv_answer_all(fs);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT_DATA_INTACT(fs, fd, n);
}

static long map_and_leave(void *arg)
{
	if (mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
		 *(int *)arg, 0) == MAP_FAILED)
		return -1;
	actor_begin();
	return 0;
}

static long map_and_stay(void *arg)
{
	long ret = map_and_leave(arg);

	while (!ret)
		pause();
	return ret;
}

/*
 * A process whose mapping goes with it must not stay for the server, be it that
 * it leaves or that it is killed, as when memory is short.  Without 0016 it
 * waits.
 */
static void leave_in_flight(long (*how)(void *arg), bool kill_it)
{
	const unsigned int n = 4;
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = page_size() });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct actor actor;

	hold_pages(fs, fd, n);
	actor_start(&actor, how, &fd);
	NEED(wait_until(actor.st->begun, prompt_ms()),
	     "mmap: expected a mapping, got %s", strerror(actor.st->err));
	if (kill_it)
		kill(actor.pid, SIGKILL);
	/* Over, and with its memory given back; it is reaped later. */
	if (!wait_until(strchr("ZX?", actor_task_state(&actor)), prompt_ms())) {
		diag("task %d on its way out", actor.pid);
		show_stack(actor.pid);
	}
	EXPECT(strchr("ZX?", actor_task_state(&actor)), "process with a "
	       "mapping: expected it gone within %u ms while %u WRITEs are "
	       "held, got it in state %c", prompt_ms(), n,
	       actor_task_state(&actor));
	EXPECT(fs->sh->held == n, "expected %u WRITEs to be unanswered, got %u",
	       n, fs->sh->held);
	srv_answer_all(fs);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT_DATA_INTACT(fs, fd, n);
}

/* exit(2).  Guards 0016. */
TEST(exit_in_flight,
	.purpose = "a process that exits with a mapping of pages in flight is "
		"gone promptly",
	.guards = "0016", .stock = STOCK_PASSES)
{
	leave_in_flight(map_and_leave, false);
}

/* SIGKILL.  Guards 0016. */
TEST(kill_in_flight,
	.purpose = "a process that is killed with a mapping of pages in flight "
		"is gone promptly",
	.guards = "0016", .stock = STOCK_PASSES)
{
	leave_in_flight(map_and_stay, true);
}

/*
 * fsync(2) hears no signal while it waits for the server.  One that has been
 * killed goes as soon as the connection is aborted.
 */
TEST(killed_fsync_goes,
	.purpose = "a process killed in fsync goes when the connection is "
		"aborted",
	.guards = "", .stock = STOCK_PASSES)
{
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = page_size() });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct actor actor;

	hold_pages(fs, fd, 4);
	actor_start(&actor, call_fsync, &fd);
	EXPECT(actor_blocks(&actor), "expected fsync to wait, got %s",
	       actor.st->done ? "it done" : "it running");
	kill(actor.pid, SIGKILL);
	fs_abort(fs);
	if (!wait_until(strchr("ZX?", actor_task_state(&actor)), prompt_ms()))
		show_stack(actor.pid);
	EXPECT(strchr("ZX?", actor_task_state(&actor)), "process killed in "
	       "fsync: expected it gone within %u ms after the abort, got it "
	       "in state %c", prompt_ms(), actor_task_state(&actor));
}

/*
 * Well before the flusher would come by, half a minute after a page got dirty.
 * Not scaled: the machine may be slow, the half minute is not.
 */
#define SOON_MS 10000

/*
 * Not waiting must not become not sending: after munmap(2) the server gets the
 * data without anybody asking for it.
 */
TEST(munmap_sends,
	.purpose = "after munmap(2) of a shared mapping the server gets what "
		"was written through it",
	.guards = "", .stock = STOCK_PASSES)
{
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = page_size() });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct mapped first = { .fd = fd };
	struct actor actor;
	unsigned int n;

	/* Or the flusher sends it, once there is a dirty page. */
	fs_lift_dirty_limit(fs);
	NEED(!ftruncate(fd, page_size()) && !fsync(fd),
	     "ftruncate: expected 0, got %s", strerror(errno));
	n = srv_writes(fs);
	actor_start(&actor, store_and_munmap, &first);
	EXPECT(actor_done(&actor, prompt_ms()) && !actor.st->ret,
	       "munmap: expected 0 within %u ms, got %s", prompt_ms(),
	       actor.st->done ? strerror(actor.st->err) : "it stuck");
	/* The call itself has made the request. */
	EXPECT(wait_until(srv_writes(fs) > n, SOON_MS),
	       "expected a WRITE at the server within %u ms of munmap, got "
	       "none", SOON_MS);
	/* It is counted when it comes, and stored when it is answered. */
	EXPECT(wait_until(!memcmp(fs_store(fs, 0), STORED, strlen(STORED)),
			  prompt_ms()),
	       "expected the data at the server, got other bytes");
}

/*
 * Somebody closes the file, and waits for a page in flight with the inode in
 * hand.  Who unmaps it then can neither have the inode written back nor wait
 * for that, and has to send his pages himself.  Where pages in flight are
 * copies a close keeps all that is new from being sent.  Guards 0016 and 0006.
 */
TEST(munmap_sends_during_close,
	.purpose = "after munmap(2) the server gets what was written, also if "
		"another process waits in close",
	.guards = "0016,0006", .stock = STOCK_FAILS)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR), other = dup(fd);
	struct mapped second = { .fd = fd, .pos = ps };
	struct actor closer, unmapper;

	NEED(other >= 0 && !ftruncate(fd, 2 * ps) && !fsync(fd),
	     "ftruncate: expected 0, got %s", strerror(errno));
	hold_pages(fs, fd, 1);
	actor_start(&closer, call_close, &other);
	NEED(actor_blocks(&closer), "expected close to wait for the server, "
	     "got it %s", closer.st->done ? "done" : "running");

	actor_start(&unmapper, store_and_munmap, &second);
	if (!actor_done(&unmapper, prompt_ms())) {
		diag("task %d in munmap", unmapper.pid);
		show_stack(unmapper.pid);
	}
	EXPECT(unmapper.st->done && !unmapper.st->ret, "munmap: expected 0 "
	       "within %u ms while another process waits in close, got %s",
	       prompt_ms(), unmapper.st->done ? strerror(unmapper.st->err) :
	       "it stuck");
	EXPECT(wait_until(fs->sh->held == 2, SOON_MS), "expected a second "
	       "WRITE at the server within %u ms of munmap while another "
	       "process waits in close, got none", SOON_MS);
	srv_answer_all(fs);
	EXPECT(actor_done(&closer, prompt_ms()), "close: expected to return "
	       "within %u ms after the answer, got it stuck", prompt_ms());
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT_DATA_INTACT(fs, fd, 1);
	EXPECT(!memcmp(fs_store(fs, 0) + ps, STORED, strlen(STORED)),
	       "second page: expected its data at the server, got other bytes");
}

/* There is no event to wait for where nothing happens. */
static void give_it_time(void)
{
	unsigned int step = 6, i;

	for (i = 0; i < 8; i++)
		poll_pause(&step);
}

static void invalidation_begins(struct fs *fs, uint64_t offset, uint64_t size)
{
	fs->sh->invalidating = 0;
	srv_notify(fs, FUSE_NOTIFY_INVAL_INODE, 0, offset, size);
	NEED(wait_until(fs->sh->invalidating, prompt_ms()), "expected the "
	     "server to begin, got nothing");
}

/*
 * A server that has the kernel drop pages which it is being asked to write
 * waits for its own answer.  With another thread to give that it gets on; with
 * none it must not do so.
 */
TEST(notify_inval_waits,
	.purpose = "a server's invalidation of a page in flight waits for the "
		"answer, and no longer",
	.guards = "0006", .stock = STOCK_FAILS)
{
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = page_size() });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned char *map = hold_pages(fs, fd, 1);

	EXPECT_UNDER_WRITEBACK(map, 1);
	invalidation_begins(fs, 0, 0);
	give_it_time();
	EXPECT(!fs->sh->invalidated, "invalidation: expected to wait while the "
	       "WRITE is held, got it %s", fs->sh->invalidated > 0 ? "done" :
	       strerror(-fs->sh->invalidated));
	srv_answer_all(fs);
	EXPECT(wait_until(fs->sh->invalidated, prompt_ms()), "invalidation: "
	       "expected to end within %u ms after the answer, got it stuck",
	       prompt_ms());
	EXPECT(fs->sh->invalidated == 1, "invalidation: expected success, got "
	       "%s", strerror(-fs->sh->invalidated));
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT_DATA_INTACT(fs, fd, 1);
}

static bool cached(const unsigned char *page)
{
	unsigned char in_cache = 0;

	NEED(!mincore((void *)page, page_size(), &in_cache), "mincore: %s",
	     strerror(errno));
	return in_cache & 1;
}

/* It ends soon, has done what it should, and the page is gone. */
static void expect_invalidated(struct fs *fs, const char *when,
			       const unsigned char *page)
{
	EXPECT(wait_until(fs->sh->invalidated, prompt_ms()), "invalidation %s: "
	       "expected to end within %u ms, got it stuck", when, prompt_ms());
	EXPECT(fs->sh->invalidated == 1, "invalidation %s: expected success, "
	       "got %s", when, strerror(-fs->sh->invalidated));
	EXPECT(!cached(page), "invalidation %s: expected the page to be gone "
	       "from the cache, got it there", when);
}

/*
 * What is invalidated is the range that the server names, and it is gone when
 * the server hears that it is: pages in flight elsewhere in the file are
 * nobody's business, and those in it are waited for and then dropped.
 */
TEST(notify_inval_range,
	.purpose = "a server's invalidation of some pages waits for those of "
		"them in flight, for no others, and drops them",
	.guards = "", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned char *map, *clean;

	NEED(pwrite(fd, "clean", 5, 4 * ps) == 5 && !fsync(fd),
	     "write: expected success, got %s", strerror(errno));
	map = hold_pages(fs, fd, 2);
	clean = mmap(NULL, ps, PROT_READ, MAP_SHARED, fd, 4 * ps);
	NEED(clean != MAP_FAILED, "mmap: %s", strerror(errno));
	NEED(cached(clean), "expected a page that was written to be in the "
	     "cache, got it gone");

	invalidation_begins(fs, 4 * ps, ps);
	expect_invalidated(fs, "of a page while others are in flight", clean);
	invalidation_begins(fs, 0, ps);
	give_it_time();
	srv_release_at(fs, 0);
	expect_invalidated(fs, "of a page in flight, after the answer", map);
	EXPECT(fs->sh->held == 1, "expected the other WRITE to be held, got "
	       "%u of it", fs->sh->held);
	srv_answer_all(fs);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT_DATA_INTACT(fs, fd, 2);
}

/* Somebody else's child, which may still wait to be collected. */
static bool has_ended(pid_t pid)
{
	struct actor it = { .pid = pid };
	char state = actor_task_state(&it);

	return state != 'D' && state != 'S' && state != 'R';
}

/*
 * A server may be killed while a process of it invalidates a page in flight:
 * that has the device open too, and the connection ends when nobody has.
 * Without 0018 it sits there, waits for the answer of a server that is dead, and
 * so does everybody else.  Where pages in flight are copies nothing waits.
 * Guards 0018.
 */
TEST(notify_inval_killed,
	.purpose = "a server that waits in its invalidation of a page in flight "
		"can be killed, which ends the mount",
	.guards = "0018", .stock = STOCK_PASSES)
{
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = page_size() });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct actor actor;
	pid_t invalidator;

	hold_pages(fs, fd, 3);
	invalidation_begins(fs, 0, 0);
	invalidator = fs->sh->invalidating;
	/*
	 * Let it get there: that it waits is what notify_inval_waits asserts,
	 * and with copies it does not.
	 */
	give_it_time();
	/* And on to the next. */
	srv_release_at(fs, 0);
	give_it_time();
	actor_start(&actor, call_fsync, &fd);
	NEED(actor_blocks(&actor), "fsync: expected to wait for the answer, "
	     "got it done");

	kill(invalidator, SIGKILL);
	kill(fs->server, SIGKILL);
	NEED(wait_until(waitpid(fs->server, NULL, WNOHANG) == fs->server,
			prompt_ms()), "expected the server to die of SIGKILL "
	     "within %u ms, got it alive", prompt_ms());
	if (!actor_done(&actor, prompt_ms())) {
		diag("task %d invalidates", invalidator);
		show_stack(invalidator);
		show_stack(actor.pid);
	}
	EXPECT(actor.st->done, "fsync: expected to return within %u ms after "
	       "all of the server was killed, got it stuck", prompt_ms());
	EXPECT(actor.st->ret == -1, "fsync with a WRITE lost: expected an "
	       "error, got %ld", actor.st->ret);
	EXPECT(wait_until(has_ended(invalidator), prompt_ms()), "process %d, "
	       "which invalidates: expected to end within %u ms after "
	       "SIGKILL, got it alive", invalidator, prompt_ms());
}
