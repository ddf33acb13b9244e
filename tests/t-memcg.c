// SPDX-License-Identifier: GPL-2.0
// Reclaim: a server in need of memory must not wait for itself.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "flight.h"
#include "server.h"
#include "slow.h"
#include "swap.h"
#include "test.h"

#define DIRTY		(16UL << 20)	/* written by the client */
#define ROOM		(8UL << 20)	/* for all else in the group */
#define REQUEST		(64U << 10)
#define CHUNK		(256U << 10)
#define KEPT		64		/* chunks mapped at a time */

static int top_fd = -1, group_fd = -1;

static long group_read(const char *file)
{
	char buf[64] = "";
	int fd = openat(group_fd, file, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, buf, sizeof(buf) - 1) <= 0)
		return -1;
	close(fd);
	return strtol(buf, NULL, 10);
}

static void mount_groups(void)
{
	char dir[64];

	snprintf(dir, sizeof(dir), "%s/memcg", scratch_dir());
	NEED(!mkdir(dir, 0700), "mkdir %s: %s", dir, strerror(errno));
	if (mount("none", dir, "cgroup", 0, "memory"))
		test_skip("needs the memory controller of cgroup v1: %s",
			  strerror(errno));
	top_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	NEED(top_fd >= 0, "open of %s: %s", dir, strerror(errno));
}

/* A group in the v1 memory hierarchy, removed when the test is over. */
static int new_group(unsigned int nr, unsigned long limit)
{
	char name[64], value[32];
	int fd;

	snprintf(name, sizeof(name), "fusewb-smoke.%d.%u", getpid(), nr);
	NEED(!mkdirat(top_fd, name, 0700), "mkdir of a memory cgroup: expected "
	     "success, got %s", strerror(errno));
	rmdir_later(top_fd, name);
	fd = openat(top_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(value, sizeof(value), "%lu", limit);
	NEED(fd >= 0 && write_file_at(fd, "memory.limit_in_bytes", value),
	     "limit of a memory cgroup: expected success, got %s",
	     strerror(errno));
	return fd;
}

static void make_group(unsigned long limit)
{
	mount_groups();
	group_fd = new_group(0, limit);
}

/* Only the classic lists; the others pass pages under writeback over. */
static void need_legacy_reclaim(void)
{
	char buf[32] = "";

	if (read_file("/sys/kernel/mm/lru_gen/enabled", buf, sizeof(buf)) &&
	    strtoul(buf, NULL, 16) & 1)
		test_skip("needs reclaim that waits for pages under writeback, "
			  "which the multi-generational LRU does not "
			  "(/sys/kernel/mm/lru_gen/enabled is %.*s)",
			  (int)strcspn(buf, "\n"), buf);
}

static void join_group(void)
{
	NEED(write_file_at(group_fd, "cgroup.procs", "0"),
	     "joining a memory cgroup: expected success, got %s",
	     strerror(errno));
}

/* What was written stays charged; reclaim is the server's business alone. */
static void leave_group(void)
{
	NEED(write_file_at(top_fd, "cgroup.procs", "0"),
	     "leaving a memory cgroup: expected success, got %s",
	     strerror(errno));
}

/*
 * What the server sees of the pages in flight.  Reclaim marks such a page when
 * it comes by, and puts it with the active ones.  One that is marked and not
 * active, and active later on though nobody used it, is one that reclaim has
 * come by once more: it did not wait there, where legacy reclaim does.
 */
#define KPF_ACTIVE	(1ULL << 6)
#define KPF_WRITEBACK	(1ULL << KPF_WRITEBACK_BIT)
#define KPF_RECLAIM	(1ULL << 9)

#define WATCHED		128
#define MOST_CHUNKS	4096

static struct watch {
	uint64_t pfn[WATCHED];
	bool ready[WATCHED];	/* seen marked and not active */
	_Atomic unsigned int n;
	_Atomic unsigned int chunks, marked, again;
	long others;		/* reclaim that was not for a group */
} *watch;

static long scanned_by_others(void)
{
	long kswapd = 0, direct = 0;

	vmstat_look("pgscan_kswapd", &kswapd);
	vmstat_look("pgscan_direct", &direct);
	return kswapd + direct;
}

static void look_at_pages(void)
{
	static int fd = -1;
	unsigned int i, again = 0;
	uint64_t flags;
	long others;

	if (fd < 0)
		fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	for (i = 0; i < watch->n; i++) {
		if (pread(fd, &flags, sizeof(flags),
			  watch->pfn[i] * sizeof(flags)) != sizeof(flags) ||
		    ~flags & (KPF_WRITEBACK | KPF_RECLAIM))
			continue;
		watch->marked++;
		again += watch->ready[i] && flags & KPF_ACTIVE;
		watch->ready[i] = !(flags & KPF_ACTIVE);
	}
	/* They wait for nobody, whoever has the pages. */
	others = scanned_by_others();
	if (others == watch->others)
		watch->again += again;
	watch->others = others;
}

static void watch_pages(const unsigned char *map)
{
	const size_t step = DIRTY / WATCHED;
	unsigned int i;

	for (i = 0; i < WATCHED; i++) {
		(void)*(volatile const unsigned char *)&map[i * step];
		NEED(page_pfn(&map[i * step], &watch->pfn[i]),
		     "expected the frame of page %zu, got none",
		     i * step / page_size());
	}
	watch->others = scanned_by_others();
	watch->n = WATCHED;
}

/*
 * Use memory up and make it reclaimable at once, without swap or a disk: lazily
 * freed pages stand in the list of file pages, next to those of the file that
 * this very process is asked to write.
 */
static void use_chunk(void)
{
	static unsigned char *kept[KEPT];
	static unsigned int next;
	unsigned char *p = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return;
	memset(p, 1, CHUNK);
	madvise(p, CHUNK, MADV_FREE);
	if (kept[next])
		munmap(kept[next], CHUNK);
	kept[next] = p;
	next = (next + 1) % KEPT;
}

/* With all pages in flight: until reclaim has come by one of them again. */
static void need_memory(void)
{
	for (; watch->n && !watch->again && watch->chunks < MOST_CHUNKS;
	     watch->chunks++) {
		use_chunk();
		look_at_pages();
	}
	use_chunk();
}

/*
 * The server is single-threaded and lives in a v1 memory cgroup at its limit,
 * together with the client.  While it has a WRITE to answer it needs memory,
 * and reclaim comes by the pages of that WRITE.  Legacy reclaim waits for
 * pages under writeback: here it would wait for the process it runs in.
 * Guards 0002.
 */
TEST(memcg_server_at_limit,
	.purpose = "a single-threaded server in a v1 memory cgroup at its "
		"limit "
		"writes back its own file system",
	.guards = "0002,0006", .stock = STOCK_FAILS, .danger = PRESSURE,
	.limit = 180)
{
	const unsigned int n = DIRTY / REQUEST;
	unsigned int bound = scaled_ms(10000), i, seen;
	unsigned char *buf = malloc(REQUEST), *map;
	struct actor actor;
	struct fs *fs;
	long fails;
	int fd;

	need_legacy_reclaim();
	watch = mmap(NULL, sizeof(*watch), PROT_READ | PROT_WRITE, MAP_SHARED |
		     MAP_ANONYMOUS, -1, 0);
	NEED(watch != MAP_FAILED, "mmap: %s", strerror(errno));
	make_group(DIRTY + ROOM);
	fs = fs_mount(&(struct srv_opts){
		.max_write = REQUEST, .max_background = 2 * n,
		.congestion = 2 * n, .at_start = join_group,
		.before_reply = need_memory });
	join_group();
	fs_lift_dirty_limit(fs);
	fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	NEED(buf && pwrite(fd, "x", 1, 0) == 1 && !fsync(fd),
	     "first write: expected success, got %s", strerror(errno));
	/* Not held: copies of what it holds would fill the group. */
	srv_pause(fs, true);
	for (i = 0; i < n; i++) {
		memset(buf, i + 1, REQUEST);
		NEED(pwrite(fd, buf, REQUEST, (off_t)i * REQUEST) == REQUEST,
		     "write %u: expected success, got %s", i, strerror(errno));
	}
	NEED(!sync_file_range(fd, 0, DIRTY, SYNC_FILE_RANGE_WRITE),
	     "sync_file_range: expected 0, got %s", strerror(errno));
	map = mmap(NULL, DIRTY, PROT_READ, MAP_SHARED, fd, 0);
	NEED(map != MAP_FAILED, "mmap: %s", strerror(errno));
	madvise(map, DIRTY, MADV_DONTFORK);
	EXPECT_UNDER_WRITEBACK(map, 1);
	watch_pages(map);

	leave_group();
	actor_start(&actor, call_fsync, &fd);
	srv_release_all(fs);

	do {
		seen = srv_writes(fs) + watch->chunks;
	} while (!actor_done(&actor, bound) &&
		 seen != srv_writes(fs) + watch->chunks);
	if (!actor.st->done) {
		diag("server %d, %u WRITEs seen, %u chunks", fs->server,
		     srv_writes(fs), watch->chunks);
		show_stack(fs->server);
	}
	EXPECT(actor.st->done, "expected the server to get on with its need of "
	       "memory or its WRITEs within %u ms, got it stuck at WRITE %u of "
	       "%u", bound, srv_writes(fs), n + 1);
	EXPECT(!actor.st->ret, "fsync: expected 0, got %s",
	       strerror(actor.st->err));
	fails = group_read("memory.failcnt");
	NEED(fails > 0, "expected the group to reach its limit, got failcnt "
	     "%ld", fails);
	EXPECT(watch->again, "expected reclaim to come by a page in flight again "
	       "and to leave it, got it marked %u times and never so, after "
	       "%u chunks of %u KiB", watch->marked, watch->chunks,
	       CHUNK >> 10);
	diag("limit reached %ld times, reclaim back at a page in flight after "
	     "%u chunks", fails, watch->chunks);
	for (i = 0; i < n; i++) {
		memset(buf, i + 1, REQUEST);
		EXPECT(!memcmp(fs_store(fs, 0) + (size_t)i * REQUEST, buf,
			       REQUEST), "request %u: expected its data at the "
		       "server, got other bytes", i);
	}
}

/* A number of memory.stat of the group, in bytes. */
static bool group_stat_is(const char *key, long want, long slack,
			  unsigned int ms, long *got)
{
	char buf[8192], *p;
	bool right;
	int fd;

	/* Added up every two seconds by some kernels. */
	return wait_until((fd = openat(group_fd, "memory.stat", O_RDONLY |
				       O_CLOEXEC),
			   memset(buf, 0, sizeof(buf)),
			   right = read(fd, buf, sizeof(buf) - 1) > 0 &&
				   (p = strstr(buf, key)) &&
				   (*got = strtol(p + strlen(key), NULL, 10),
				    labs(*got - want) <= slack),
			   close(fd), right), ms);
}

/*
 * Pages in flight are counted for the group that they are charged to, and its
 * limits on dirty memory go by that.  Guards 0006.
 */
TEST(counters_per_memcg,
	.purpose = "held WRITEs raise the writeback of their v1 memory cgroup "
		"by their pages",
	.guards = "0006", .stock = STOCK_FAILS, .danger = PRESSURE)
{
	const unsigned int n = 256;
	/* What some kernels keep back, for each processor: here for one. */
	const long size = n * page_size(), slack = 64 * page_size();
	struct fs *fs;
	long got = -1;
	int fd;

	stay_on_cpu();
	make_group(256UL << 20);
	fs = fs_mount(&(struct srv_opts){
		.max_write = page_size(), .max_background = 2 * n,
		.congestion = 2 * n });
	fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	join_group();
	hold_pages(fs, fd, n);
	EXPECT(group_stat_is("\nwriteback ", size, slack, prompt_ms(), &got),
	       "writeback of the group with %u pages in flight: expected %ld "
	       "to within %ld, got %ld", n, size, slack, got);
	srv_answer_all(fs);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT(group_stat_is("\nwriteback ", 0, slack, prompt_ms(), &got),
	       "writeback of the group after the answers: expected 0 to within "
	       "%ld, got %ld", slack, got);
	leave_group();
}

#define OTHER_PAGES	768
#define GROUPS		40	/* anon_vmas: more than a slab of them */

static long switches(pid_t pid)
{
	static const char key[] = "\nvoluntary_ctxt_switches:";
	char path[32], buf[4096], *p;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (!read_file(path, buf, sizeof(buf)))
		return -1;
	p = strstr(buf, key);
	return p ? strtol(p + strlen(key), NULL, 10) : -1;
}

static bool is_over(struct actor *a)
{
	return a->st->done || actor_task_state(a) == 'Z';
}

/*
 * How many of @n are in one wait all the time: reclaim that does not wait sleeps
 * and looks again.
 */
static unsigned int asleep(struct actor *a, unsigned int n)
{
	long before[GROUPS];
	unsigned int i, is = 0;

	for (i = 0; i < n; i++)
		before[i] = a[i].st->begun && actor_task_state(&a[i]) == 'D' ?
			    switches(a[i].pid) : -1;
	actor_done(&a[0], scaled_ms(700));
	for (i = 0; i < n; i++)
		is += !is_over(&a[i]) && actor_task_state(&a[i]) == 'D' &&
		      before[i] >= 0 && switches(a[i].pid) == before[i];
	return is;
}

static bool any_over(struct actor *a, unsigned int n)
{
	while (n && !is_over(&a[n - 1]))
		n--;
	return n;
}

/*
 * Fill the group with pages under writeback, and then want more than it has.
 * Only small pages: a huge one would be more than the limit allows for.
 */
static long use_up_group(void *arg)
{
	const size_t ps = page_size(), size = OTHER_PAGES / 2 * ps;
	static unsigned char page[65536];
	int fd = *(int *)arg;
	unsigned char *p;
	unsigned int i;

	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -1;
	madvise(p, size, MADV_NOHUGEPAGE);
	join_group();
	/* Whole pages, or what else is on them would be read first. */
	for (i = 0; i < OTHER_PAGES; i++)
		if (pwrite(fd, page, ps, (off_t)i * ps) != (ssize_t)ps)
			return -1;
	if (sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE))
		return -1;
	actor_begin();
	memset(p, 1, size);
	return 0;
}

/*
 * Reclaim in a v1 group that has only pages under writeback waits for them: the
 * group is out of memory otherwise.  What is too broad in 0001 and 0002 waits
 * for no file system.
 */
TEST(memcg_other_waits,
	.purpose = "reclaim in a v1 memory cgroup waits for pages in flight of "
		"a file system that is not FUSE",
	.guards = "", .stock = STOCK_PASSES, .danger = WEDGE)
{
	const size_t ps = page_size();
	long base, now = 0, fails;
	struct slow slow;
	struct actor actor;
	bool begun, waits;
	int fd;

	need_legacy_reclaim();
	slow_mount(&slow);
	make_group(OTHER_PAGES * ps + (1 << 20));
	fd = slow_file(&slow, "data", OTHER_PAGES);
	/* Out of the cache, or they would not be of the group. */
	NEED(!posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED),
	     "fadvise: expected 0, got an error");
	NEED(vmstat_read("nr_writeback", &base), "expected nr_writeback");
	slow_stop(&slow);

	actor_start(&actor, use_up_group, &fd);
	begun = wait_until(actor.st->begun || is_over(&actor),
			   scaled_ms(10000)) && actor.st->begun;
	waits = wait_until(asleep(&actor, 1) || is_over(&actor),
			   scaled_ms(10000)) && !is_over(&actor);
	vmstat_read("nr_writeback", &now);
	fails = group_read("memory.failcnt");
	if (begun && !waits && !is_over(&actor))
		show_stack(actor.pid);
	slow_go(&slow);

	NEED(begun && now - base >= OTHER_PAGES, "expected %d pages of an ext2 "
	     "in flight, got %ld, and %s who wrote them", OTHER_PAGES,
	     now - base, begun ? "through is" : "stuck or dead is");
	EXPECT(waits, "expected who needs memory, in a group of pages in flight "
	       "of an ext2, to sleep until they are written, got %s",
	       actor.st->done ? "it done" : is_over(&actor) ?
	       "it killed" : "it running");
	NEED(fails > 0, "expected the group to reach its limit, got failcnt "
	     "%ld", fails);
	if (!actor_done(&actor, prompt_ms()))
		show_stack(actor.pid);
	EXPECT(actor.st->done && !actor.st->ret, "expected it to get memory "
	       "once the pages are written, got %s", actor.st->done ?
	       strerror(actor.st->err) : "it stuck or killed");
	close(fd);
	slow_umount(&slow);
}

#define SWAP_SIZE	(4UL << 20)
#define OLD		80	/* anon_vmas, to begin with new slabs of them */
#define SPACERS		2	/* processes between two that matter */

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

/* A page of the test, alone in a group. */
struct swapped {
	void *page;
	uint64_t pfn;
	int group, pidfd;
	int go[2];
};

/* Page it out first, and later on have the group give up all that it has. */
static long empty_group(void *arg)
{
	struct swapped *s = arg;
	struct iovec iov = { s->page, page_size() };
	uint64_t flags;
	char c;

	actor_self()->aux[1] = syscall(SYS_process_madvise, s->pidfd, &iov, 1UL,
				       MADV_PAGEOUT, 0UL) == (long)iov.iov_len ?
			       1 : -errno;
	/* To use it again would take the mark away that reclaim left. */
	actor_self()->aux[0] = pfn_flags(s->pfn, &flags) &&
			       flags & KPF_WRITEBACK && flags & KPF_RECLAIM;
	if (read(s->go[0], &c, 1) != 1)
		return -1;
	actor_begin();
	return write_file_at(s->group, "memory.force_empty", "0") ? 0 : -1;
}

static int end_of_test[2];

/* For what it is only: a task whose address is not that of another. */
static long take_space(void *unused)
{
	char c;

	(void)unused;
	return read(end_of_test[0], &c, 1);
}

/*
 * Reclaim in a v1 group waits for anonymous memory that is being swapped out.
 * That has no mapping, and whoever takes its anon_vma for one finds something
 * else where the flags would be; others_swap says what, and why there are many.
 * The addresses of their processes are far apart.
 */
TEST(memcg_swap_waits,
	.purpose = "reclaim in a v1 memory cgroup waits for memory that is "
		"being swapped out",
	.guards = "", .stock = STOCK_PASSES, .danger = WEDGE)
{
	static struct swapped s[GROUPS], *group;
	static struct actor actor[GROUPS];
	struct actor spacer;
	const size_t ps = page_size();
	unsigned int i, j, waits = 0, over = 0;
	struct fs *fs;
	char path[32];
	int pidfd;
	char *area;

	need_legacy_reclaim();
	if (!kpageflags_usable())
		test_skip("needs /proc/kpageflags and pagemap");
	need_no_swap();
	stay_on_cpu();
	mount_groups();
	fs = swap_on_server(SWAP_SIZE, path, sizeof(path));
	pidfd = syscall(SYS_pidfd_open, getpid(), 0);
	NEED(pidfd >= 0 && !pipe2(end_of_test, O_CLOEXEC),
	     "pidfd_open, pipe: %s", strerror(errno));

	for (i = 0; i < GROUPS; i++) {
		s[i].pidfd = pidfd;
		s[i].group = new_group(i, 64UL << 20);
		NEED(!pipe2(s[i].go, O_CLOEXEC), "pipe: %s", strerror(errno));
	}
	fill_free_pages();
	area = mmap(NULL, 2 * (OLD + GROUPS) * ps, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(area != MAP_FAILED && !madvise(area, 2 * (OLD + GROUPS) * ps,
					    MADV_DONTFORK),
	     "memory: %s", strerror(errno));
	for (i = 0; i < OLD + GROUPS; i++, area += 2 * ps) {
		NEED(!mprotect(area, ps, PROT_READ | PROT_WRITE),
		     "mprotect: %s", strerror(errno));
		if (i < OLD) {
			*area = 1;
			continue;
		}
		group = &s[i - OLD];
		group->page = area;
		NEED(write_file_at(group->group, "cgroup.procs", "0"),
		     "joining a memory cgroup: expected success, got %s",
		     strerror(errno));
		memset(area, i - OLD + 1, ps);
		NEED(page_pfn(area, &group->pfn), "page %u: expected its "
		     "frame, got none", i - OLD);
	}
	leave_group();

	srv_pause(fs, true);
	for (i = 0; i < GROUPS; i++) {
		actor_start(&actor[i], empty_group, &s[i]);
		for (j = 0; j < SPACERS; j++)
			actor_start(&spacer, take_space, NULL);
	}
	for (i = 0; i < GROUPS; i++) {
		wait_until(actor[i].st->aux[1], prompt_ms());
		NEED(actor[i].st->aux[1] == 1, "process_madvise of page %u: "
		     "expected it done, got %s", i, actor[i].st->aux[1] ?
		     strerror(-actor[i].st->aux[1]) : "it stuck");
	}
	for (i = 0; i < GROUPS; i++)
		NEED(write(s[i].go[1], "x", 1) == 1, "pipe: %s",
		     strerror(errno));
	for (i = 0; i < GROUPS; i++)
		NEED(wait_until(actor[i].st->begun, prompt_ms()) &&
		     actor[i].st->aux[0], "page %u: expected it on its way to "
		     "the swap, got it elsewhere", i);
	wait_until((waits = asleep(actor, GROUPS)) == GROUPS ||
		   any_over(actor, GROUPS), scaled_ms(5000));
	for (i = 0; i < GROUPS; i++)
		over += is_over(&actor[i]);
	srv_pause(fs, false);

	EXPECT(!over, "reclaim of %d groups of a page that is being swapped "
	       "out: expected it to wait until that is done, got %u through "
	       "with it", GROUPS, over);
	EXPECT(waits == GROUPS, "reclaim of %d groups of a page that is being "
	       "swapped out: expected it to sleep all the time, got %u that "
	       "do", GROUPS, waits);
	for (i = 0; i < GROUPS; i++) {
		EXPECT(actor_done(&actor[i], prompt_ms()), "group %u: expected "
		       "reclaim to return once the page is swapped out, got it "
		       "stuck", i);
		EXPECT(*(volatile char *)s[i].page == (char)(i + 1), "page %u: "
		       "expected its bytes, got others", i);
	}
	close(end_of_test[1]);
	swap_off(path);
}
