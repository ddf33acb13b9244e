// SPDX-License-Identifier: GPL-2.0
// Migration: pages in flight are busy, not waited for, and never lost.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "flight.h"
#include "server.h"
#include "test.h"

#define NO_STATUS 12345

/* What move_page() leaves in aux[]. */
enum { STATUS, NODE_AFTER };

struct move {
	int fd;
	int node;
};

static long node_of(void *page)
{
	int status = NO_STATUS;

	if (syscall(SYS_move_pages, 0, 1UL, &page, NULL, &status, 0))
		return -errno;
	return status;
}

/* Move the first page of the file, mapped here for the purpose. */
static long move_page(void *arg)
{
	struct move *m = arg;
	void *page = mmap(NULL, page_size(), PROT_READ, MAP_SHARED, m->fd, 0);
	int status = NO_STATUS, err;
	long ret;

	if (page == MAP_FAILED)
		return -1;
	(void)*(volatile char *)page;
	actor_begin();
	ret = syscall(SYS_move_pages, 0, 1UL, &page, &m->node, &status,
		      MPOL_MF_MOVE_ALL);
	err = errno;
	(void)*(volatile char *)page;
	actor_self()->aux[STATUS] = status;
	actor_self()->aux[NODE_AFTER] = node_of(page);
	errno = err;
	return ret;
}

/* The node to move to, away from where the page at @map is. */
static int other_node(void *map, int *here)
{
	int nodes[64], n = node_list(nodes, 64), i;

	if (n < 2)
		test_skip("needs two NUMA nodes with memory, numa=fake=2 is "
			  "enough");
	*here = node_of(map);
	NEED(*here >= 0, "node of the page: expected one, got %s",
	     strerror(-*here));
	for (i = 0; nodes[i] == *here; i++)
		;
	return nodes[i];
}

/* The page at @map stays where it is, and in flight.  Sets the other node. */
static void move_is_refused(struct move *m, unsigned char *map)
{
	long tried = 0, failed = 0;
	bool counts_failed;
	struct actor actor;
	int here;

	EXPECT_UNDER_WRITEBACK(map, 1);
	m->node = other_node(map, &here);
	counts_failed = vmstat_read("pgmigrate_fail", &tried);

	actor_start(&actor, move_page, m);
	if (!actor_done(&actor, prompt_ms())) {
		diag("task %d in move_pages", actor.pid);
		show_stack(actor.pid);
	}
	EXPECT(actor.st->done, "move_pages: expected to return within %u ms "
	       "while the WRITE is held, got it stuck", prompt_ms());
	EXPECT((actor.st->ret == 0 || actor.st->ret == 1) &&
	       (actor.st->aux[STATUS] == NO_STATUS ||
		actor.st->aux[STATUS] == -EBUSY),
	       "move_pages: expected 1 or 0, and status untouched (%d) or %d, "
	       "got return %ld (%s), status %ld", NO_STATUS, -EBUSY,
	       actor.st->ret, strerror(actor.st->err), actor.st->aux[STATUS]);
	EXPECT(actor.st->aux[NODE_AFTER] == here, "expected the page to stay "
	       "on node %d, got %ld", here, actor.st->aux[NODE_AFTER]);
	/* A page that could not be isolated was never near the wait. */
	NEED(!counts_failed ||
	     (vmstat_read("pgmigrate_fail", &failed) && failed > tried),
	     "expected the kernel to try the page, got pgmigrate_fail %+ld",
	     failed - tried);
	EXPECT_UNDER_WRITEBACK(map, 1);
}

/*
 * move_pages(2) of a page whose WRITE the server holds must return at once, not
 * have moved it, and must work after the answer.  How the call says that it did
 * not move a page is a matter of the kernel: most return the number of such
 * pages, some miscount a last page as 0, and all of these leave the status as
 * it was.  None may name a node there.  Guards 0005.
 */
TEST(move_pages_in_flight,
	.purpose = "move_pages(2) of a page in flight returns promptly, the "
		"page "
		"busy and not lost",
	.guards = "0005,0006", .stock = STOCK_FAILS)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	struct move m = { .fd = fs_open(fs, "data", O_CREAT | O_RDWR) };
	unsigned char *map = hold_pages(fs, m.fd, 1);
	struct actor actor;
	uint64_t end;

	move_is_refused(&m, map);

	srv_answer_all(fs);
	EXPECT(!fsync(m.fd), "fsync: expected 0, got %s", strerror(errno));
	/* Others may hold a reference for a moment: once of several times. */
	end = now_ns() + prompt_ms() * 1000000ULL;
	do {
		actor_start(&actor, move_page, &m);
		EXPECT(actor_done(&actor, prompt_ms()), "move_pages after the "
		       "answer: expected to return, got it stuck");
	} while (actor.st->aux[STATUS] != m.node && now_ns() < end);
	EXPECT(!actor.st->ret && actor.st->aux[STATUS] == m.node &&
	       actor.st->aux[NODE_AFTER] == m.node,
	       "move_pages after the answer: expected status and node %d, got "
	       "return %ld, status %ld, node %ld", m.node, actor.st->ret,
	       actor.st->aux[STATUS], actor.st->aux[NODE_AFTER]);
	EXPECT_DATA_INTACT(fs, m.fd, 1);
}

/*
 * The same for a page that was dirtied through a shared mapping on a mount that
 * has no writeback_cache.  Guards 0008.
 */
TEST(move_pages_mmap_no_cache,
	.purpose = "move_pages(2) of a mapped page in flight returns promptly "
		"on a mount without writeback_cache",
	.guards = "0008,0005,0006", .stock = STOCK_FAILS)
{
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = page_size(), .no_writeback_cache = true });
	struct move m = { .fd = fs_open(fs, "data", O_CREAT | O_RDWR) };
	unsigned char *map = hold_mapped_pages(fs, m.fd, 1);

	move_is_refused(&m, map);
	srv_answer_all(fs);
	EXPECT(!fsync(m.fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT_DATA_INTACT(fs, m.fd, 1);
}

/*
 * A page that is dirty but not in flight moves in one call, without the server
 * being asked: it does not even read requests here.  Without 0000 the kernel
 * writes the page out first and then finds it busy.
 */
TEST(move_pages_dirty,
	.purpose = "move_pages(2) moves a dirty page in one call without "
		"waiting "
		"for the server",
	.guards = "0000", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	struct move m = { .fd = fs_open(fs, "data", O_CREAT | O_RDWR) };
	struct actor actor;
	unsigned char *map;
	int here;

	/* The first round makes the file and the mapping. */
	map = hold_pages(fs, m.fd, 1);
	m.node = other_node(map, &here);
	srv_answer_all(fs);
	NEED(!fsync(m.fd), "fsync: expected 0, got %s", strerror(errno));
	srv_pause(fs, true);
	NEED(pwrite(m.fd, "dirty", 5, 0) == 5, "write: expected 5, got %s",
	     strerror(errno));

	actor_start(&actor, move_page, &m);
	if (!actor_done(&actor, prompt_ms())) {
		diag("task %d in move_pages", actor.pid);
		show_stack(actor.pid);
	}
	EXPECT(actor.st->done, "move_pages: expected to return within %u ms "
	       "without the server, got it stuck", prompt_ms());
	EXPECT(!actor.st->ret && actor.st->aux[STATUS] == m.node,
	       "move_pages of a dirty page: expected status %d, got return %ld "
	       "(%s), status %ld", m.node, actor.st->ret,
	       strerror(actor.st->err), actor.st->aux[STATUS]);
	EXPECT(actor.st->aux[NODE_AFTER] == m.node, "expected the page on node "
	       "%d, got %ld", m.node, actor.st->aux[NODE_AFTER]);
	srv_pause(fs, false);
	EXPECT(!fsync(m.fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT(!memcmp(fs_store(fs, 0), "dirty", 5),
	       "expected the data at the server, got other bytes");
}

/*
 * Does this kernel hold writeback back while @fs, with @n WRITEs in flight, is
 * congested?  Asked of ->writepages, by counting requests: it has sent them
 * when sync_file_range(2) returns.
 */
static bool holds_back(struct fs *fs, unsigned int n)
{
	int fd = fs_open(fs, "probe", O_CREAT | O_RDWR);
	unsigned int waiting = fs_waiting(fs);

	NEED(waiting == n, "expected %u requests waiting, got %u", n, waiting);
	NEED(pwrite(fd, "probe", 5, 0) == 5 &&
	     !sync_file_range(fd, 0, 5, SYNC_FILE_RANGE_WRITE),
	     "write of the probe: expected success, got %s", strerror(errno));
	return fs_waiting(fs) == n;
}

/*
 * The same with so many WRITEs waiting that the mount counts as congested.
 * Kernels with a ->writepage that gives up then have already taken the dirty
 * flag off the page, and its data never arrives.  Both ways to write learned to
 * give up at once: where ->writepages does not, ->writepage does not either,
 * and this passes without 0000.  Guards 0000.
 */
TEST(move_pages_dirty_congested,
	.purpose = "a dirty page moved while the mount is congested still "
		"arrives at the server",
	.guards = "0000", .stock = STOCK_FAILS)
{
	const unsigned int n = 10;
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = ps, .max_background = 12, .congestion = 9 });
	int busy = fs_open(fs, "busy", O_CREAT | O_RDWR);
	struct move m = { .fd = fs_open(fs, "data", O_CREAT | O_RDWR) };
	struct actor actor;
	void *map;
	int here;

	hold_pages(fs, busy, n);
	if (!holds_back(fs, n))
		blind_to("0000", "FUSE writes pages out however many are in "
			 "flight, so none is given up");
	NEED(pwrite(m.fd, "dirty", 5, 0) == 5, "write: expected 5, got %s",
	     strerror(errno));
	map = mmap(NULL, ps, PROT_READ, MAP_SHARED, m.fd, 0);
	NEED(map != MAP_FAILED && *(volatile char *)map == 'd',
	     "expected a mapping of the page");
	madvise(map, ps, MADV_DONTFORK);
	m.node = other_node(map, &here);

	actor_start(&actor, move_page, &m);
	if (!actor_done(&actor, prompt_ms())) {
		diag("task %d in move_pages", actor.pid);
		show_stack(actor.pid);
	}
	EXPECT(actor.st->done, "move_pages: expected to return within %u ms "
	       "while %u WRITEs are held, got it stuck", prompt_ms(), n);
	srv_answer_all(fs);
	EXPECT(!fsync(m.fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT(!memcmp(fs_store(fs, 1), "dirty", 5),
	       "file at the server after fsync: expected 'dirty', got %s: the "
	       "data is lost", fs->sh->size[1] ? "other bytes" : "nothing");
}

static long compact(void *unused)
{
	(void)unused;
	actor_begin();
	return write_file("/proc/sys/vm/compact_memory", "1") ? 0 : -1;
}

/*
 * Pages of the file all over a large piece of memory.  Compaction moves what it
 * finds from one end to free pages at the other, and stops where it meets
 * itself: pages that all lie together at the wrong end it never comes by.
 */
static void scatter(struct fs *fs, int fd, unsigned int n)
{
	struct sysinfo si;
	size_t step;
	char *p;
	unsigned int i;

	NEED(!sysinfo(&si), "sysinfo: %s", strerror(errno));
	step = (uint64_t)si.freeram * si.mem_unit / 4 / n;
	step = (step > 1 << 20 ? 1 << 20 : step) & -page_size();
	p = mmap(NULL, n * step, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(p != MAP_FAILED, "mmap of %zu bytes: %s", n * step,
	     strerror(errno));
	/* Huge pages come from elsewhere than single ones. */
	madvise(p, n * step, MADV_NOHUGEPAGE);
	fs_lift_dirty_limit(fs);
	for (i = 0; i < n; i++) {
		memset(p + i * step, 1, step);
		NEED(pwrite(fd, "", 1, i * page_size()) == 1,
		     "write: expected 1, got %s", strerror(errno));
	}
	munmap(p, n * step);
	/* Written again, they stay where they are. */
	NEED(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
}

/*
 * Compaction of all memory comes by the pages in flight.  It must pass over
 * them and not wait for the server.  Guards 0005.
 */
TEST(compact_memory_in_flight,
	.purpose = "a write to compact_memory returns promptly with pages in "
		"flight",
	.guards = "0005,0006", .stock = STOCK_FAILS, .danger = PRESSURE,
	.limit = 120)
{
	const unsigned int n = 256;
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = ps, .max_background = 1024, .congestion = 768 });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	uint64_t pfn, low = ~0ULL, high = 0;
	long tried = 0, failed = 0;
	bool counts_failed;
	unsigned char *map;
	struct actor actor;
	unsigned int i;

	if (access("/proc/sys/vm/compact_memory", W_OK))
		test_skip("needs /proc/sys/vm/compact_memory");
	scatter(fs, fd, n);
	map = hold_pages(fs, fd, n);
	EXPECT_UNDER_WRITEBACK(map, n);
	for (i = 0; i < n; i++) {
		if (!page_pfn(map + i * ps, &pfn))
			continue;
		low = pfn < low ? pfn : low;
		high = pfn > high ? pfn : high;
	}
	counts_failed = vmstat_read("pgmigrate_fail", &tried);

	actor_start(&actor, compact, NULL);
	if (!actor_done(&actor, scaled_ms(20000))) {
		diag("task %d in compact_memory, pages in flight at frames "
		     "%#llx to %#llx", actor.pid, (unsigned long long)low,
		     (unsigned long long)high);
		show_stack(actor.pid);
	}
	EXPECT(actor.st->done, "compact_memory: expected to return within "
	       "%u ms while %u WRITEs are held, got it stuck",
	       scaled_ms(20000), n);
	EXPECT(!actor.st->ret, "compact_memory: expected success, got %s",
	       strerror(actor.st->err));
	EXPECT_UNDER_WRITEBACK(map, n);
	/* It returns promptly as well if it never came by them. */
	NEED(!counts_failed ||
	     (vmstat_read("pgmigrate_fail", &failed) &&
	      failed - tried >= (long)n / 4),
	     "expected compaction to come by a quarter of %u pages in flight, "
	     "at frames %#llx to %#llx, got pgmigrate_fail %+ld", n,
	     (unsigned long long)low, (unsigned long long)high, failed - tried);
	srv_answer_all(fs);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT_DATA_INTACT(fs, fd, n);
}

struct parents_page {
	void *map;
	int node;
};

/* Move a page that the test itself has mapped. */
static long move_parents_page(void *arg)
{
	struct parents_page *page = arg;
	int status = NO_STATUS;
	long ret;

	actor_begin();
	ret = syscall(SYS_move_pages, getppid(), 1UL, &page->map, &page->node,
		      &status, MPOL_MF_MOVE_ALL);
	actor_self()->aux[STATUS] = status;
	return ret;
}

/*
 * A process that wants to write to a page in flight waits with the page locked.
 * move_pages(2) must leave the page alone and not wait for the lock instead.
 * Guards 0013.
 */
TEST(move_pages_locked,
	.purpose = "move_pages(2) of a page that somebody else has locked "
		"while he waits for the server returns promptly",
	.guards = "0013", .stock = STOCK_FAILS)
{
	const size_t ps = page_size();
	const uint64_t locked = 1 << 0;		/* KPF_LOCKED */
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	struct move m = { .fd = fs_open(fs, "data", O_CREAT | O_RDWR) };
	unsigned char *map = hold_pages(fs, m.fd, 1);
	struct parents_page page = { .map = map };
	struct actor writer, mover;
	uint64_t pfn, flags = 0;
	int here;

	if (!kpageflags_usable())
		test_skip("needs /proc/kpageflags");
	page.node = other_node(map, &here);
	actor_start(&writer, store_first_byte, &m.fd);
	NEED(page_pfn(map, &pfn) &&
	     wait_until(actor_blocks(&writer) && pfn_flags(pfn, &flags) &&
			(flags & locked), scaled_ms(5000)),
	     "expected a store to the page to wait with the page locked, got "
	     "flags %#llx", (unsigned long long)flags);

	actor_start(&mover, move_parents_page, &page);
	if (!actor_done(&mover, prompt_ms())) {
		diag("task %d in move_pages", mover.pid);
		show_stack(mover.pid);
	}
	EXPECT(mover.st->done, "move_pages: expected to return within %u ms "
	       "while the page is locked, got it stuck", prompt_ms());
	EXPECT(mover.st->aux[STATUS] < 0 ||
	       mover.st->aux[STATUS] == NO_STATUS,
	       "move_pages: expected the page not to be moved, got status %ld",
	       mover.st->aux[STATUS]);
	EXPECT(!writer.st->done, "store: expected to wait for the server, got "
	       "it done");
	srv_answer_all(fs);
	EXPECT(actor_done(&writer, prompt_ms()), "store: expected to return "
	       "after the answer, got it stuck");
}
