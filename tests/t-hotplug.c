// SPDX-License-Identifier: GPL-2.0
// Memory offlining with pages in flight: bounded, and not given up too soon.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "flight.h"
#include "server.h"
#include "test.h"

#define MEMORY	"/sys/devices/system/memory"
#define HELD_MAX	1024

static long set_offline(void *arg)
{
	actor_begin();
	return write_file(arg, "offline") ? 0 : -1;
}

/* Does any page in [@pfn, @end) stay where it is for good? */
static bool has_reserved(uint64_t pfn, uint64_t end)
{
	const uint64_t reserved = 1ULL << 32;	/* KPF_RESERVED */
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	uint64_t flags[512];
	ssize_t n = 0, i;

	NEED(fd >= 0, "open of /proc/kpageflags: %s", strerror(errno));
	for (; pfn < end; pfn += n) {
		n = pread(fd, flags, sizeof(flags), pfn * sizeof(flags[0]));
		n /= (ssize_t)sizeof(flags[0]);
		for (i = 0; i < n; i++)
			if (flags[i] & reserved)
				break;
		if (n <= 0 || i < n)
			break;
	}
	close(fd);
	return pfn < end;
}

/* The state file of the memory block of @addr if that can go offline. */
static bool movable_block(const void *addr, char *state, size_t size)
{
	char buf[64], path[64];
	static unsigned long long known = ~0ULL;
	static bool movable;
	unsigned long long n;
	uint64_t pfn, block;

	if (!read_file(MEMORY "/block_size_bytes", buf, sizeof(buf)))
		test_skip("needs memory hotplug");
	block = strtoull(buf, NULL, 16);
	if (!block || !page_pfn(addr, &pfn))
		return false;
	n = pfn * page_size() / block;
	snprintf(state, size, MEMORY "/memory%llu/state", n);
	if (n == known)
		return movable;
	known = n;
	snprintf(path, sizeof(path), MEMORY "/memory%llu/valid_zones", n);
	movable = read_file(path, buf, sizeof(buf)) &&
		  !strncmp(buf, "Movable", 7) &&
		  !has_reserved(n * block / page_size(),
				(n + 1) * block / page_size());
	return movable;
}

/*
 * Pages come from where there are any.  Take them until they come from a block
 * that is movable as a whole: the first of the zone may not be.  False when
 * there are none before memory gets short.
 */
static bool use_up_other_blocks(void)
{
	const size_t step = 1 << 20;
	char state[64];
	struct sysinfo si;
	cpu_set_t one;
	int cpu = sched_getcpu();
	char *p;

	/* Each CPU has a stock of free pages of its own. */
	CPU_ZERO(&one);
	CPU_SET(cpu < 0 ? 0 : cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
	while (!sysinfo(&si) &&
	       (uint64_t)si.freeram * si.mem_unit > 256 << 20) {
		p = mmap(NULL, step, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			break;
		memset(p, 1, step);
		if (movable_block(p + step - page_size(), state,
				  sizeof(state)))
			return true;
	}
	return false;
}

static void expect_state(const char *path, const char *want)
{
	char buf[32] = "";

	NEED(read_file(path, buf, sizeof(buf)), "read of %s: %s", path,
	     strerror(errno));
	buf[strcspn(buf, "\n")] = '\0';
	EXPECT(!strcmp(buf, want), "%s: expected %s, got %s", path, want, buf);
}

/*
 * Put pages of the file in flight, two of them in a block that can go offline:
 * the last, and page @other.  Finds the block; the number of pages is the
 * value.
 *
 * What others free meanwhile, a process that has not finished exiting say, is
 * given out before what is left of that block: then take that too, and begin
 * again with an empty file.
 */
static unsigned int hold_in_block(struct fs *fs, int fd, char *state,
				  size_t size, unsigned int *other)
{
	const size_t ps = page_size();
	unsigned int n, tries = 0, found;
	char block[64], first[64];
	unsigned char *map;

	fs_lift_dirty_limit(fs);
	map = mmap(NULL, HELD_MAX * ps, PROT_READ, MAP_SHARED, fd, 0);
	NEED(map != MAP_FAILED, "mmap: %s", strerror(errno));
	madvise(map, HELD_MAX * ps, MADV_DONTFORK);
	do {
		NEED(!ftruncate(fd, 0), "truncate: %s", strerror(errno));
		if (!use_up_other_blocks()) {
			NEED(!tries, "expected two pages of the file in a "
			     "movable memory block, got none in %u tries of "
			     "%u pages", tries, HELD_MAX);
			test_skip("needs a movable memory block without "
				  "reserved pages, movablecore= on the command "
				  "line gives some");
		}
		found = 0;
		for (n = 0; n < HELD_MAX && found < 2; n++) {
			NEED(pwrite(fd, "", 1, n * ps) == 1,
			     "write: expected 1, got %s", strerror(errno));
			(void)*(volatile unsigned char *)&map[n * ps];
			if (!movable_block(&map[n * ps], block, sizeof(block)))
				continue;
			if (found && !strcmp(block, first)) {
				found++;
			} else {
				found = 1;
				*other = n;
				strcpy(first, block);
			}
		}
		tries++;
	} while (found < 2);
	if (tries > 1)
		diag("a movable memory block came at try %u", tries);
	/* Written again, they stay where they are. */
	NEED(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	map = hold_pages(fs, fd, n);
	EXPECT_UNDER_WRITEBACK(map, n);
	NEED(movable_block(&map[*other * ps], state, size) &&
	     movable_block(&map[(n - 1) * ps], block, sizeof(block)) &&
	     !strcmp(block, state), "expected pages %u and %u to stay in their "
	     "memory block, got one elsewhere", *other, n - 1);
	restore_later(state, "online_movable");
	diag("pages %u and %u are in %s", *other, n - 1, state);
	return n;
}

/*
 * Offlining retries until the page is free, for ever if a server never answers
 * and all the while with the hotplug lock held.  It must give up in bounded
 * time, and succeed once the server has answered.  Guards 0004; without 0005
 * it waits for the page instead of retrying.
 */
TEST(offline_in_flight,
	.purpose = "offlining memory with a page in flight ends with an error "
		"in "
		"bounded time and succeeds after the answer",
	.guards = "0004,0005,0006", .stock = STOCK_FAILS, .danger = WEDGE,
	.limit = 150)
{
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = page_size(), .max_background = 2 * HELD_MAX,
		.congestion = 2 * HELD_MAX });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned int bound = scaled_ms(40000);
	struct actor actor;
	unsigned int n, other;
	char state[64];

	n = hold_in_block(fs, fd, state, sizeof(state), &other);

	actor_start(&actor, set_offline, state);
	if (!actor_done(&actor, bound)) {
		diag("task %d in offline", actor.pid);
		show_stack(actor.pid);
	}
	EXPECT(actor.st->done, "offline: expected to end within %u ms while "
	       "%u WRITEs are held, got it still trying", bound, n);
	diag("offline gave up after %llu ms", (unsigned long long)
	     ((actor.st->t_done - actor.st->t_begun) / 1000000));
	EXPECT(actor.st->ret == -1 && actor.st->err == EBUSY,
	       "offline with pages in flight: expected %s, got %s",
	       strerror(EBUSY), actor.st->ret ? strerror(actor.st->err) :
	       "success");
	expect_state(state, "online");

	srv_answer_all(fs);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	actor_start(&actor, set_offline, state);
	EXPECT(actor_done(&actor, bound), "offline after the answer: expected "
	       "to end within %u ms, got it still trying", bound);
	EXPECT(!actor.st->ret, "offline after the answer: expected success, "
	       "got %s", strerror(actor.st->err));
	expect_state(state, "offline");
	EXPECT_DATA_INTACT(fs, fd, n);
}

/*
 * A server that is merely slow must not make offlining fail: it answers two
 * seconds into the attempt, and the same attempt succeeds.  A kernel without
 * 0004 does that as well; what fails here is 0004 as it was posted, which
 * counts five retries and is through with them in a few milliseconds.
 */
TEST(offline_slow_server,
	.purpose = "offlining memory succeeds when the server answers two "
		"seconds later",
	.guards = "0006", .stock = STOCK_FAILS, .danger = WEDGE,
	.limit = 120)
{
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = page_size(), .max_background = 2 * HELD_MAX,
		.congestion = 2 * HELD_MAX });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct timespec slow = { .tv_sec = 2 };
	struct actor actor;
	unsigned int n, other;
	char state[64];

	n = hold_in_block(fs, fd, state, sizeof(state), &other);

	actor_start(&actor, set_offline, state);
	NEED(wait_until(actor.st->begun, scaled_ms(5000)),
	     "expected the actor to begin, got nothing");
	/* Not to wait for anything: this is how slow the server is. */
	while (nanosleep(&slow, &slow) && errno == EINTR)
		;
	EXPECT(!actor.st->done, "offline: expected to keep trying for two "
	       "seconds, got %s after %llu ms", actor.st->ret ?
	       strerror(actor.st->err) : "success", (unsigned long long)
	       ((actor.st->t_done - actor.st->t_begun) / 1000000));
	srv_answer_all(fs);

	if (!actor_done(&actor, scaled_ms(40000)))
		show_stack(actor.pid);
	EXPECT(actor.st->done, "offline: expected to end within %u ms after "
	       "the answer, got it still trying", scaled_ms(40000));
	EXPECT(!actor.st->ret, "offline: expected success after the server "
	       "answered, got %s", strerror(actor.st->err));
	expect_state(state, "offline");
	EXPECT_DATA_INTACT(fs, fd, n);
}

/* What migration has left where it was, pages and tries together. */
static long left_behind(void)
{
	long n = 0;

	NEED(vmstat_look("pgmigrate_fail", &n),
	     "expected pgmigrate_fail in /proc/vmstat, got nothing");
	return n;
}

/* Offlining tries @tries times more with @n pages in its way, and goes on. */
static void expect_tries(struct actor *a, unsigned int tries, unsigned int n,
			 const char *when)
{
	const long before = left_behind();

	if (!wait_until(a->st->done || left_behind() - before >= tries * n,
			scaled_ms(20000)))
		show_stack(a->pid);
	EXPECT(!a->st->done, "offline %s: expected to keep trying, got %s "
	       "after %llu ms", when, a->st->ret ? strerror(a->st->err) :
	       "success", (unsigned long long)
	       ((a->st->t_done - a->st->t_begun) / 1000000));
	EXPECT(left_behind() - before >= tries * n, "offline %s: expected %u "
	       "tries within %u ms with %u pages in flight, got %ld pages left "
	       "behind", when, tries, scaled_ms(20000), n,
	       left_behind() - before);
}

/*
 * A server that is slow, and answers now and then, is no reason to give up:
 * tries are counted anew when a page less is in the way.  It takes more tries
 * than offlining would make without that, fifty with a pause of 100 ms each.
 * Guards 0004, which must not give up, nor use up all its tries in no time;
 * without 0005 it does not try again, but waits.
 */
TEST(offline_progress,
	.purpose = "offlining memory does not give up while pages that were in "
		"flight go one by one",
	.guards = "0004,0005,0006", .stock = STOCK_FAILS, .danger = WEDGE,
	.limit = 150)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = ps, .max_background = 2 * HELD_MAX,
		.congestion = 2 * HELD_MAX });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	const unsigned int tries = 30;
	unsigned int n, other;
	struct actor actor;
	char state[64];
	uint64_t ms;

	n = hold_in_block(fs, fd, state, sizeof(state), &other);
	actor_start(&actor, set_offline, state);
	NEED(wait_until(actor.st->begun, scaled_ms(5000)),
	     "expected the actor to begin, got nothing");
	expect_tries(&actor, tries, 2, "with two pages in flight");
	srv_release_at(fs, other * ps);
	/* The one that was under way may have met both. */
	expect_tries(&actor, tries, 1, "after one of two answers");
	ms = (now_ns() - actor.st->t_begun) / 1000000;
	EXPECT(ms >= 2 * (tries - 2) * 100, "offline: expected %u tries with a "
	       "pause of 100 ms each, got them within %llu ms", 2 * tries,
	       (unsigned long long)ms);

	srv_answer_all(fs);
	if (!actor_done(&actor, scaled_ms(40000)))
		show_stack(actor.pid);
	EXPECT(actor.st->done, "offline: expected to end within %u ms after "
	       "the last answer, got it still trying", scaled_ms(40000));
	EXPECT(!actor.st->ret, "offline: expected success after the last "
	       "answer, got %s", strerror(actor.st->err));
	expect_state(state, "offline");
	EXPECT_DATA_INTACT(fs, fd, n);
}

/* Write to the last page, which has to wait for the end of writeback. */
static long store(void *page)
{
	actor_begin();
	*(volatile unsigned char *)page = 'x';
	return 0;
}

/*
 * The page is in flight and locked as well, by somebody who wants to write to
 * it.  Offlining must not wait for the lock, and still give up in bounded time.
 * Guards 0013.
 */
TEST(offline_locked,
	.purpose = "offlining memory with a page that somebody else has locked "
		"while he waits for the server ends in bounded time",
	.guards = "0013", .stock = STOCK_FAILS, .danger = WEDGE, .limit = 150)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = ps, .max_background = 2 * HELD_MAX,
		.congestion = 2 * HELD_MAX });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned int bound = scaled_ms(40000);
	struct actor writer, actor;
	unsigned char *page;
	unsigned int n, other;
	char state[64];

	n = hold_in_block(fs, fd, state, sizeof(state), &other);
	page = mmap(NULL, ps, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    (off_t)(n - 1) * ps);
	NEED(page != MAP_FAILED, "mmap: %s", strerror(errno));
	actor_start(&writer, store, page);
	NEED(wait_until(actor_blocks(&writer), scaled_ms(5000)),
	     "expected a store to the page to wait, got it done");

	actor_start(&actor, set_offline, state);
	if (!actor_done(&actor, bound)) {
		diag("task %d in offline", actor.pid);
		show_stack(actor.pid);
	}
	EXPECT(actor.st->done, "offline: expected to end within %u ms while "
	       "a page is locked, got it still trying", bound);
	EXPECT(actor.st->ret == -1 && actor.st->err == EBUSY,
	       "offline with a page locked: expected %s, got %s",
	       strerror(EBUSY), actor.st->ret ? strerror(actor.st->err) :
	       "success");
	expect_state(state, "online");
	srv_answer_all(fs);
	EXPECT(actor_done(&writer, scaled_ms(5000)), "store: expected to "
	       "return after the answer, got it stuck");
}
