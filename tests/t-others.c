// SPDX-License-Identifier: GPL-2.0
// Other file systems: their writeback ends, and whoever waited for it still does.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "flight.h"
#include "server.h"
#include "slow.h"
#include "swap.h"
#include "test.h"

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

#define PAGES 4

/* Given as much time to return too early as it would need to. */
static bool returned_early(struct actor *a)
{
	return actor_done(a, scaled_ms(700));
}

static void expect_returns(struct actor *a, const char *name)
{
	if (!actor_done(a, prompt_ms()))
		show_stack(a->pid);
	EXPECT(a->st->done, "%s: expected to return within %u ms once the "
	       "data is written, got it stuck", name, prompt_ms());
}

/*
 * sync(2) and syncfs(2) promise that the data is written.  FUSE is exempt from
 * that, and nobody else.  What is too broad in 0003 and 0007 fails here.
 */
TEST(others_sync,
	.purpose = "sync(2) and syncfs(2) wait for the data of a file system "
		"that is not FUSE",
	.guards = "", .stock = STOCK_PASSES, .danger = WEDGE)
{
	struct slow slow;
	struct actor all, one;
	bool early_all, early_one;
	int fd;

	slow_mount(&slow);
	fd = slow_file(&slow, "data", PAGES);
	slow_write(&slow, fd, PAGES);

	actor_start(&all, call_sync, NULL);
	actor_start(&one, call_syncfs, &fd);
	early_all = returned_early(&all);
	early_one = actor_done(&one, 0);
	slow_go(&slow);

	EXPECT(!early_one, "syncfs: expected to wait for %d pages of an ext2, "
	       "got it done before they were written", PAGES);
	EXPECT(!early_all, "sync: expected to wait for %d pages of an ext2, "
	       "got it done before they were written", PAGES);
	expect_returns(&all, "sync");
	expect_returns(&one, "syncfs");
	EXPECT(!one.st->ret, "syncfs: expected 0, got %s",
	       strerror(one.st->err));
	close(fd);
	slow_umount(&slow);
}

static long remount_read_only(void *dir)
{
	actor_begin();
	return mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY | MS_NOATIME,
		     NULL);
}

/*
 * A remount holds the lock of the superblock while it writes the data.  sync(2)
 * has to wait for it, and then to look.  What is too broad in 0015 leaves the
 * file system out.
 */
TEST(others_sync_remount,
	.purpose = "sync(2) waits for a remount of a file system that is not "
		"FUSE",
	.guards = "", .stock = STOCK_PASSES, .danger = WEDGE)
{
	struct slow slow;
	struct actor remount, all;
	bool early_remount, early;
	int fd;

	slow_mount(&slow);
	fd = slow_file(&slow, "data", PAGES);
	slow_write(&slow, fd, PAGES);
	/* Nobody may have it open for writing. */
	close(fd);

	actor_start(&remount, remount_read_only, slow.dir);
	early_remount = !wait_until(actor_blocks(&remount), scaled_ms(5000));
	actor_start(&all, call_sync, NULL);
	early = returned_early(&all);
	slow_go(&slow);

	NEED(!early_remount, "remount: expected to wait for %d pages, got it "
	     "done (%s)", PAGES, strerror(remount.st->err));
	EXPECT(!early, "sync: expected to wait for an ext2 that is being "
	       "remounted, got it done before");
	expect_returns(&remount, "remount");
	NEED(!remount.st->ret, "remount: expected 0, got %s",
	     strerror(remount.st->err));
	expect_returns(&all, "sync");
	slow_umount(&slow);
}

/*
 * A page that the test has mapped: who would map it himself would be stuck in
 * the page fault, where somebody has it locked, and not where he should be.
 */
struct page_of {
	int fd;
	unsigned int nr;
	int node;
	void *page;
	pid_t pid;
};

static void map_page(struct page_of *p)
{
	p->page = mmap(NULL, page_size(), PROT_READ, MAP_SHARED, p->fd,
		       (off_t)p->nr * page_size());
	NEED(p->page != MAP_FAILED, "mmap: %s", strerror(errno));
	(void)*(volatile char *)p->page;
	p->pid = getpid();
}

static long call_move_pages(void *arg)
{
	struct page_of *p = arg;
	int status = -1;
	long ret;

	actor_begin();
	ret = syscall(SYS_move_pages, p->pid, 1UL, &p->page, &p->node, &status,
		      MPOL_MF_MOVE_ALL);
	actor_self()->aux[0] = status;
	return ret;
}

static long call_soft_offline(void *arg)
{
	struct page_of *p = arg;

	/* Here it has to be the one who has it mapped. */
	(void)*(volatile char *)p->page;
	actor_begin();
	return madvise(p->page, page_size(), MADV_SOFT_OFFLINE);
}

static long call_truncate(void *arg)
{
	struct page_of *p = arg;

	actor_begin();
	return ftruncate(p->fd, (off_t)p->nr * page_size() + 100);
}

/* The node to move the page to, away from where it is. */
static int away_from(struct page_of *p)
{
	int nodes[64], n = node_list(nodes, 64), here = -1;

	if (n < 2)
		test_skip("needs two NUMA nodes with memory, numa=fake=2 is "
			  "enough");
	NEED(!syscall(SYS_move_pages, 0, 1UL, &p->page, NULL, &here, 0) &&
	     here >= 0, "node of a page: expected one, got %d (%s)", here,
	     strerror(errno));
	return nodes[nodes[0] == here];
}

/* move_pages(2) that had to wait has moved the page, and says so. */
static void expect_moved(struct actor *a, struct page_of *p, bool early,
			 const char *what)
{
	EXPECT(!early, "move_pages of a page that is %s: expected to wait, got "
	       "return %ld, status %ld before it was written", what,
	       a->st->ret, a->st->aux[0]);
	expect_returns(a, "move_pages");
	EXPECT(!a->st->ret && a->st->aux[0] == p->node, "move_pages of a page "
	       "that was %s: expected status %d, got return %ld (%s), status "
	       "%ld", what, p->node, a->st->ret, strerror(a->st->err),
	       a->st->aux[0]);
}

/*
 * Whoever moves a page, or takes it out of use, waits for writeback and for the
 * lock of the page, and has done so when it returns.  What is too broad in
 * 0001, 0005, 0009 and 0013 says busy instead.
 */
TEST(others_pages,
	.purpose = "move_pages(2) and soft offline wait for pages of a file "
		"system that is not FUSE, and succeed",
	.guards = "", .stock = STOCK_PASSES, .danger = WEDGE)
{
	struct page_of flying = { .nr = 0 }, bad = { .nr = 1 };
	struct page_of locked = { .nr = PAGES - 1 };
	struct actor move, offline, truncate, second;
	bool early_move, early_offline, early_second, truncates;
	struct slow slow;
	int fd;

	slow_mount(&slow);
	fd = slow_file(&slow, "data", PAGES);
	flying.fd = bad.fd = locked.fd = fd;
	map_page(&flying);
	map_page(&bad);
	map_page(&locked);
	flying.node = away_from(&flying);
	locked.node = away_from(&locked);
	slow_write(&slow, fd, PAGES);

	/* It keeps the last page, of which it clears the end, locked. */
	actor_start(&truncate, call_truncate, &locked);
	truncates = wait_until(actor_blocks(&truncate), scaled_ms(5000));
	actor_start(&move, call_move_pages, &flying);
	actor_start(&second, call_move_pages, &locked);
	actor_start(&offline, call_soft_offline, &bad);
	early_move = returned_early(&move);
	early_second = actor_done(&second, 0);
	early_offline = actor_done(&offline, 0);
	slow_go(&slow);

	NEED(move.st->begun && second.st->begun && offline.st->begun,
	     "expected everybody to have a page to deal with, got %s stuck "
	     "before", !move.st->begun ? "move_pages" : !second.st->begun ?
	     "second move_pages" : "soft offline");
	NEED(truncates, "ftruncate: expected to wait for the page, got %s",
	     truncate.st->ret ? strerror(truncate.st->err) : "it done");
	expect_moved(&move, &flying, early_move, "of an ext2 and under writeback");
	expect_moved(&second, &locked, early_second, "of an ext2 and locked");
	/* Not where the kernel has no MEMORY_FAILURE. */
	if (!early_offline || offline.st->err != EINVAL) {
		EXPECT(!early_offline, "soft offline of a page of an ext2 "
		       "under writeback: expected to wait, got %s before it "
		       "was written", offline.st->ret ?
		       strerror(offline.st->err) : "success");
		expect_returns(&offline, "soft offline");
		EXPECT(!offline.st->ret, "soft offline of a page of an ext2: "
		       "expected 0, got %s", strerror(offline.st->err));
	}
	expect_returns(&truncate, "ftruncate");
	munmap(flying.page, page_size());
	munmap(bad.page, page_size());
	munmap(locked.page, page_size());
	close(fd);
	slow_umount(&slow);
}

#define SWAP_SIZE	(4UL << 20)
#define SWAPPED		96	/* anon_vmas: more than two slabs of them */

struct swapped {
	struct page_of page;
	int pidfd;
	int go[2];
};

/* Page it out first, and later on move it; see others_swap. */
static long page_out_and_move(void *arg)
{
	struct swapped *s = arg;
	struct iovec iov = { s->page.page, page_size() };
	char c;

	actor_self()->aux[1] = syscall(SYS_process_madvise, s->pidfd, &iov, 1UL,
				       MADV_PAGEOUT, 0UL) == (long)iov.iov_len ?
			       1 : -errno;
	if (read(s->go[0], &c, 1) != 1)
		return -1;
	return call_move_pages(&s->page);
}

static bool in_flight(const struct page_of *p)
{
	uint64_t pfn, flags;

	return page_pfn(p->page, &pfn) && pfn_flags(pfn, &flags) &&
	       flags >> KPF_WRITEBACK_BIT & 1;
}

/*
 * Anonymous memory that is being swapped out has no mapping that could have a
 * flag, though the field of that name is not empty: it has an anon_vma.  As far
 * behind it as the flags are in a mapping there is something of the next
 * anon_vma, on some kernels the address of who had its lock last, and behind the
 * last one in a slab something else.  So there are many of them, each used last
 * by another process, in memory that was full of ones, and what is there looks
 * like the flag for some.  Whoever looks at the field without asking what it is
 * does not wait.
 */
TEST(others_swap,
	.purpose = "move_pages(2) waits for anonymous memory that is being "
		"swapped out",
	.guards = "", .stock = STOCK_PASSES, .danger = WEDGE)
{
	static struct swapped s[SWAPPED];
	static struct actor actor[SWAPPED];
	const size_t ps = page_size();
	int early = -1, running = -1, too_early = 0, i;
	struct fs *fs;
	char path[32];
	char *area;
	int pidfd;

	if (!kpageflags_usable())
		test_skip("needs /proc/kpageflags and pagemap");
	need_no_swap();
	stay_on_cpu();
	fs = swap_on_server(SWAP_SIZE, path, sizeof(path));
	pidfd = syscall(SYS_pidfd_open, getpid(), 0);
	NEED(pidfd >= 0, "pidfd_open: expected a descriptor, got %s",
	     strerror(errno));

	fill_free_pages();
	/* With a hole behind each, none shares the anon_vma of another. */
	area = mmap(NULL, 2 * SWAPPED * ps, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(area != MAP_FAILED && !madvise(area, 2 * SWAPPED * ps,
					    MADV_DONTFORK),
	     "memory: %s", strerror(errno));
	for (i = 0; i < SWAPPED; i++) {
		s[i] = (struct swapped){ .page = { .page = area + 2 * i * ps,
				.pid = getpid() }, .pidfd = pidfd };
		NEED(!mprotect(s[i].page.page, ps, PROT_READ | PROT_WRITE) &&
		     !pipe2(s[i].go, O_CLOEXEC), "mprotect, pipe: %s",
		     strerror(errno));
		memset(s[i].page.page, i + 1, ps);
	}
	for (i = 0; i < SWAPPED; i++)
		s[i].page.node = away_from(&s[i].page);

	srv_pause(fs, true);
	for (i = 0; i < SWAPPED; i++)
		actor_start(&actor[i], page_out_and_move, &s[i]);
	for (i = 0; i < SWAPPED; i++) {
		wait_until(actor[i].st->aux[1], prompt_ms());
		NEED(actor[i].st->aux[1] == 1, "process_madvise of page %d: "
		     "expected it done, got %s", i, actor[i].st->aux[1] ?
		     strerror(-actor[i].st->aux[1]) : "it stuck");
		/* It is still there, and comes back without a READ. */
		NEED(*(volatile char *)s[i].page.page == i + 1 &&
		     in_flight(&s[i].page), "page %d: expected it on its way "
		     "to the swap, got it elsewhere", i);
	}
	for (i = 0; i < SWAPPED; i++)
		NEED(write(s[i].go[1], "x", 1) == 1, "pipe: %s",
		     strerror(errno));
	for (i = 0; i < SWAPPED; i++)
		if (!wait_until(actor[i].st->begun &&
				(actor_task_state(&actor[i]) == 'D' ||
				 actor[i].st->done), prompt_ms()))
			running = i;
	returned_early(&actor[0]);
	for (i = 0; i < SWAPPED; i++)
		if (actor[i].st->done) {
			early = i;
			too_early++;
		}
	srv_pause(fs, false);

	EXPECT(!too_early, "move_pages of anonymous memory that is being "
	       "swapped out, %d times: expected to wait, got %d that did not, "
	       "of page %d with return %ld, status %ld", SWAPPED, too_early,
	       early, actor[early].st->ret, actor[early].st->aux[0]);
	NEED(running < 0, "move_pages of page %d: expected it asleep, got it "
	     "running", running);
	for (i = 0; i < SWAPPED; i++) {
		/* Moved or not: who wrote it may not have let go of it yet. */
		expect_returns(&actor[i], "move_pages");
		EXPECT(*(volatile char *)s[i].page.page == i + 1, "page %d: "
		       "expected its bytes, got others", i);
	}
	swap_off(path);
}
