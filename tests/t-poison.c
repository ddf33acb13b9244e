// SPDX-License-Identifier: GPL-2.0
// Pages taken out of use while they are in flight: by soft offline and by memory failure.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "flight.h"
#include "server.h"
#include "test.h"

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101	/* the C library may only know its brother */
#endif

struct inject {
	int fd;			/* of the file, or -1 for a page of one's own */
	int how;		/* MADV_SOFT_OFFLINE or MADV_HWPOISON */
};

/* The kernel may kill whoever has a bad page mapped; not before this is told. */
static void survive(int sig)
{
	(void)sig;
}

static long inject(void *arg)
{
	const size_t ps = page_size();
	struct inject *i = arg;
	void *page;

	signal(SIGBUS, survive);
	page = mmap(NULL, ps, i->fd < 0 ? PROT_READ | PROT_WRITE : PROT_READ,
		    i->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, i->fd,
		    0);
	if (page == MAP_FAILED)
		return -1;
	if (i->fd < 0)
		memset(page, 1, ps);
	(void)*(volatile char *)page;
	actor_begin();
	return madvise(page, ps, i->how);
}

static void need_memory_failure(void)
{
	struct inject i = { .fd = -1, .how = MADV_SOFT_OFFLINE };
	struct actor probe;

	actor_start(&probe, inject, &i);
	NEED(actor_done(&probe, prompt_ms()), "soft offline of a page of no "
	     "file: expected to return, got it stuck");
	if (probe.st->ret && probe.st->err == EINVAL)
		test_skip("needs a kernel with MEMORY_FAILURE");
	NEED(!probe.st->ret, "soft offline of a page of no file: expected 0, "
	     "got %s", strerror(probe.st->err));
}

/*
 * Have a page in flight taken out of use the one or the other way, and while
 * that may wait, a page that nobody waits for.
 */
static void take_out_in_flight(int fd, int how, const char *name)
{
	struct inject held = { .fd = fd, .how = how };
	struct inject other = { .fd = -1, .how = MADV_SOFT_OFFLINE };
	struct actor first, second;

	actor_start(&first, inject, &held);
	if (!actor_done(&first, prompt_ms())) {
		diag("task %d in %s", first.pid, name);
		show_stack(first.pid);
	}
	actor_start(&second, inject, &other);
	if (!actor_done(&second, prompt_ms())) {
		diag("task %d in soft offline of another page", second.pid);
		show_stack(second.pid);
	}
	EXPECT(first.st->done, "%s: expected to return within %u ms while the "
	       "WRITE is held, got it stuck, and soft offline of another page "
	       "%s", name, prompt_ms(), second.st->done ? "done" : "as well");
	EXPECT(first.st->ret == -1 && first.st->err == EBUSY,
	       "%s of a page in flight: expected %s, got %s", name,
	       strerror(EBUSY), first.st->ret ? strerror(first.st->err) :
	       "success");
	EXPECT(second.st->done, "soft offline of another page: expected to "
	       "return within %u ms, got it stuck", prompt_ms());
	EXPECT(!second.st->ret, "soft offline of another page: expected 0, got "
	       "%s", strerror(second.st->err));
}

/*
 * Soft offline moves a page that begins to fail, at the wish of an
 * administrator or of a daemon.  One that waits for a server holds the page
 * lock, and since 5.13 the mutex of everything that handles bad memory.
 * Guards 0009.
 */
TEST(soft_offline_in_flight,
	.purpose = "soft offline of a page in flight says busy and holds "
		"nobody up, and succeeds after the answer",
	.guards = "0009,0006", .stock = STOCK_FAILS, .danger = WEDGE)
{
	struct inject i = { .how = MADV_SOFT_OFFLINE };
	struct fs *fs;
	unsigned char *map;
	struct actor actor;
	uint64_t end;

	need_memory_failure();
	fs = fs_mount(&(struct srv_opts){ .max_write = page_size() });
	i.fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	map = hold_pages(fs, i.fd, 1);
	EXPECT_UNDER_WRITEBACK(map, 1);

	take_out_in_flight(i.fd, i.how, "soft offline");

	EXPECT_UNDER_WRITEBACK(map, 1);
	srv_answer_all(fs);
	EXPECT(!fsync(i.fd), "fsync: expected 0, got %s", strerror(errno));
	/* Others may hold a reference for a moment: once of several times. */
	end = now_ns() + prompt_ms() * 1000000ULL;
	do {
		actor_start(&actor, inject, &i);
		EXPECT(actor_done(&actor, prompt_ms()), "soft offline after "
		       "the answer: expected to return, got it stuck");
	} while (actor.st->ret && now_ns() < end);
	EXPECT(!actor.st->ret, "soft offline after the answer: expected 0, got "
	       "%s", strerror(actor.st->err));
	EXPECT_DATA_INTACT(fs, i.fd, 1);
}

/*
 * The same for memory that has failed: the machine handles one such page at a
 * time, and must not wait for a server with the first.  The page is lost for
 * good.  Guards 0009.
 */
TEST(memory_failure_in_flight,
	.purpose = "memory failure of a page in flight says busy and holds "
		"nobody up",
	.guards = "0009,0006", .stock = STOCK_FAILS, .danger = WEDGE)
{
	struct fs *fs;
	unsigned char *map;
	int fd;

	need_memory_failure();
	fs = fs_mount(&(struct srv_opts){ .max_write = page_size() });
	fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	map = hold_pages(fs, fd, 1);
	EXPECT_UNDER_WRITEBACK(map, 1);

	take_out_in_flight(fd, MADV_HWPOISON, "memory failure");

	srv_answer_all(fs);
	EXPECT(wait_until(!fs_waiting(fs), prompt_ms()), "expected no request "
	       "to be left after the answer, got %u", fs_waiting(fs));
}

/* As a daemon does, which has no mapping of the file. */
static long soft_offline_frame(void *pfn)
{
	char value[32];

	snprintf(value, sizeof(value), "%#llx",
		 (unsigned long long)(*(uint64_t *)pfn * page_size()));
	actor_begin();
	return write_file("/sys/devices/system/memory/soft_offline_page",
			  value) ? 0 : -1;
}

/*
 * The page is in flight, and locked as well by somebody who wants to write to
 * it and waits for the server.  Guards 0013.
 */
TEST(soft_offline_locked,
	.purpose = "soft offline of a page that somebody has locked while he "
		"waits for the server says busy and holds nobody up",
	.guards = "0013", .stock = STOCK_FAILS, .danger = WEDGE)
{
	const uint64_t locked = 1 << 0;		/* KPF_LOCKED */
	uint64_t pfn, flags = 0;
	struct inject other = { .fd = -1, .how = MADV_SOFT_OFFLINE };
	struct actor writer, first, second;
	unsigned char *map;
	struct fs *fs;
	int fd;

	need_memory_failure();
	fs = fs_mount(&(struct srv_opts){ .max_write = page_size() });
	fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	map = hold_pages(fs, fd, 1);
	actor_start(&writer, store_first_byte, &fd);
	NEED(page_pfn(map, &pfn) &&
	     wait_until(actor_blocks(&writer) && pfn_flags(pfn, &flags) &&
			(flags & locked), scaled_ms(5000)),
	     "expected a store to the page to wait with the page locked, got "
	     "flags %#llx", (unsigned long long)flags);

	actor_start(&first, soft_offline_frame, &pfn);
	if (!actor_done(&first, prompt_ms())) {
		diag("task %d in soft offline", first.pid);
		show_stack(first.pid);
	}
	actor_start(&second, inject, &other);
	if (!actor_done(&second, prompt_ms())) {
		diag("task %d in soft offline of another page", second.pid);
		show_stack(second.pid);
	}
	EXPECT(first.st->done, "soft offline: expected to return within %u ms "
	       "while the page is locked, got it stuck, and soft offline of "
	       "another page %s", prompt_ms(),
	       second.st->done ? "done" : "as well");
	EXPECT(first.st->ret == -1 && first.st->err == EBUSY,
	       "soft offline of a locked page in flight: expected %s, got %s",
	       strerror(EBUSY), first.st->ret ? strerror(first.st->err) :
	       "success");
	EXPECT(second.st->done && !second.st->ret, "soft offline of another "
	       "page: expected 0, got %s", second.st->done ?
	       strerror(second.st->err) : "it stuck");
	EXPECT(!writer.st->done, "store: expected to wait for the server, got "
	       "it done");
	srv_answer_all(fs);
	EXPECT(actor_done(&writer, prompt_ms()), "store: expected to return "
	       "after the answer, got it stuck");
}
