// SPDX-License-Identifier: GPL-2.0
// Bringing pages into flight, and the proof that they really are.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "flight.h"
#include "test.h"

unsigned char held_byte(unsigned int page, size_t i)
{
	return page * 37 + i * 11 + (i >> 8) + 1;
}

void held_page(unsigned char *p, unsigned int page)
{
	size_t i;

	for (i = 0; i < page_size(); i++)
		p[i] = held_byte(page, i);
}

unsigned char *hold_pages(struct fs *fs, int fd, unsigned int n)
{
	return queue_pages(fs, fd, n, n);
}

unsigned char *queue_pages(struct fs *fs, int fd, unsigned int n,
			   unsigned int at_server)
{
	const size_t ps = page_size();
	unsigned char *buf = malloc(ps), *map;
	unsigned int i, before = fs->sh->held;

	NEED(buf, "expected memory, got none");
	/* Or writeback starts, and writers wait, when it pleases the kernel. */
	fs_lift_dirty_limit(fs);
	srv_hold(fs, true);
	for (i = 0; i < n; i++) {
		held_page(buf, i);
		NEED(pwrite(fd, buf, ps, i * ps) == (ssize_t)ps,
		     "write of page %u: expected success, got %s", i,
		     strerror(errno));
	}
	map = mmap(NULL, n * ps, PROT_READ, MAP_SHARED, fd, 0);
	NEED(map != MAP_FAILED, "mmap: expected a mapping, got %s",
	     strerror(errno));
	/* A copy in a child would be written back when the child exits. */
	madvise(map, n * ps, MADV_DONTFORK);
	for (i = 0; i < n; i++)
		NEED(*(volatile unsigned char *)&map[i * ps] ==
		     held_byte(i, 0), "page %u: expected what was written", i);

	NEED(!sync_file_range(fd, 0, n * ps, SYNC_FILE_RANGE_WRITE),
	     "sync_file_range: expected 0, got %s", strerror(errno));
	NEED(srv_wait_held(fs, before + at_server),
	     "expected %u WRITEs at the server, got %u", at_server,
	     fs->sh->held - before);
	free(buf);
	return map;
}

unsigned char *hold_mapped_pages(struct fs *fs, int fd, unsigned int n)
{
	const size_t ps = page_size();
	unsigned int i, before = fs->sh->held;
	unsigned char *map;

	fs_lift_dirty_limit(fs);
	srv_hold(fs, true);
	NEED(!ftruncate(fd, n * ps), "ftruncate: expected 0, got %s",
	     strerror(errno));
	map = mmap(NULL, n * ps, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	NEED(map != MAP_FAILED, "mmap: expected a mapping, got %s",
	     strerror(errno));
	madvise(map, n * ps, MADV_DONTFORK);
	for (i = 0; i < n; i++)
		held_page(map + i * ps, i);
	NEED(!sync_file_range(fd, 0, n * ps, SYNC_FILE_RANGE_WRITE),
	     "sync_file_range: expected 0, got %s", strerror(errno));
	NEED(srv_wait_held(fs, before + n),
	     "expected %u WRITEs at the server, got %u", n,
	     fs->sh->held - before);
	return map;
}

long call_sync(void *unused)
{
	(void)unused;
	actor_begin();
	sync();
	return 0;
}

long call_fsync(void *fd)
{
	actor_begin();
	return fsync(*(int *)fd);
}

long call_close(void *fd)
{
	actor_begin();
	return close(*(int *)fd);
}

long call_syncfs(void *fd)
{
	actor_begin();
	return syncfs(*(int *)fd);
}

/* The same byte as it has, so that no test has to know. */
static long store_again(void *fd)
{
	volatile unsigned char *page = mmap(NULL, page_size(), PROT_READ |
					    PROT_WRITE, MAP_SHARED,
					    *(int *)fd, 0);

	if (page == MAP_FAILED)
		return -1;
	actor_begin();
	*page = held_byte(0, 0);
	return 0;
}

void use_pages_in_flight(struct fs *fs)
{
	const bool cached = fs->sh->flags & FUSE_WRITEBACK_CACHE;
	const unsigned int n = 4;
	const size_t ps = page_size();
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct actor actor;
	unsigned char *map, byte;

	map = cached ? hold_pages(fs, fd, n) : hold_mapped_pages(fs, fd, n);
	EXPECT_UNDER_WRITEBACK(map, n);
	actor_start(&actor, store_again, &fd);
	EXPECT(actor_blocks(&actor), "expected a store to a page in flight to "
	       "wait, got %s", actor.st->done ? "it done" : "it running");
	srv_answer_all(fs);
	EXPECT(actor_done(&actor, prompt_ms()) && !actor.st->ret, "store to a "
	       "page that was in flight: expected success, got %s",
	       actor.st->done ? strerror(actor.st->err) : "it stuck");
	EXPECT_WRITEBACK_OVER(map + ps, n - 1);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT(!fsync(fd), "second fsync: expected 0, got %s", strerror(errno));
	EXPECT_DATA_INTACT(fs, fd, n);
	munmap(map, n * ps);

	EXPECT(pwrite(fd, "end", 3, n * ps) == 3, "write: expected 3, got %s",
	       strerror(errno));
	EXPECT(!close(fd), "close: expected 0, got %s", strerror(errno));
	EXPECT(fs->sh->size[0] == n * ps + 3 &&
	       !memcmp(fs_store(fs, 0) + n * ps, "end", 3), "after close: "
	       "expected %zu bytes at the server, got %llu, %s", n * ps + 3,
	       (unsigned long long)fs->sh->size[0],
	       memcmp(fs_store(fs, 0) + n * ps, "end", 3) ? "others" :
	       "the same");
	fd = fs_open(fs, "data", O_RDWR);
	EXPECT(!ftruncate(fd, n * ps), "ftruncate: expected 0, got %s",
	       strerror(errno));
	EXPECT_DATA_INTACT(fs, fd, n);
	EXPECT(!pread(fd, &byte, 1, n * ps), "read at the end: expected "
	       "nothing, got a byte or %s", strerror(errno));
	EXPECT(!close(fd), "close: expected 0, got %s", strerror(errno));
}

void hang_mount(const char *dir)
{
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = page_size(), .dir = dir });

	hold_pages(fs, fs_open(fs, "data", O_CREAT | O_RDWR), 8);
}

bool copies_will_do;

long store_first_byte(void *fd)
{
	volatile unsigned char *page = mmap(NULL, page_size(), PROT_READ |
					    PROT_WRITE, MAP_SHARED,
					    *(int *)fd, 0);

	if (page == MAP_FAILED)
		return -1;
	actor_begin();
	*page = 'x';
	return 0;
}

long quiet_writeback(void)
{
	long now = -1;

	NEED(vmstat_read("nr_writeback", &now),
	     "expected nr_writeback in /proc/vmstat, got none");
	if (!vmstat_delta_is("nr_writeback", 0, 0, prompt_ms(), &now))
		test_skip("needs a machine that writes nothing back by itself, "
			  "where nr_writeback is 0: it stays at %ld", now);
	return 0;
}

void expect_under_writeback(const char *file, int line,
			    const unsigned char *map, unsigned int n)
{
	uint64_t pfn = 0, flags = 0;
	unsigned char in_cache;
	unsigned int i;

	if (copies_will_do)
		return;
	if (!kpageflags_usable())
		test_skip("needs /proc/kpageflags and pagemap");
	for (i = 0; i < n; i++) {
		/* To read a page that is gone would ask the server for it. */
		NEED(!mincore((void *)&map[i * page_size()], page_size(),
			      &in_cache), "mincore: %s", strerror(errno));
		if (!(in_cache & 1))
			test_fail(file, line, "page %u of %u while the server "
				  "holds its WRITE: expected it under "
				  "writeback in the page cache, got it gone "
				  "from there: the server has a copy", i, n);
		/* Migration may have unmapped it. */
		(void)*(volatile unsigned char *)&map[i * page_size()];
		NEED(page_pfn(&map[i * page_size()], &pfn) &&
		     pfn_flags(pfn, &flags),
		     "expected the flags of page %u, got nothing", i);
		if (!(flags >> KPF_WRITEBACK_BIT & 1))
			test_fail(file, line, "page %u of %u while the server "
				  "holds its WRITE: expected it under "
				  "writeback in the page cache, got page flags "
				  "%#llx: the server has a copy", i, n,
				  (unsigned long long)flags);
	}
}

void expect_writeback_over(const char *file, int line,
			   const unsigned char *map, unsigned int n)
{
	uint64_t pfn = 0, flags = 0;
	unsigned int i;

	if (!kpageflags_usable())
		return;
	/* A page that is gone from the mapping is not under writeback. */
	for (i = 0; i < n; i++)
		if (!wait_until(!page_pfn(&map[i * page_size()], &pfn) ||
				(pfn_flags(pfn, &flags) &&
				 !(flags >> KPF_WRITEBACK_BIT & 1)),
				prompt_ms()))
			test_fail(file, line, "page %u of %u after the end of "
				  "its WRITE: expected it no longer under "
				  "writeback within %u ms, got page flags "
				  "%#llx", i, n, prompt_ms(),
				  (unsigned long long)flags);
}

void expect_data_intact(const char *file, int line, struct fs *fs, int fd,
			unsigned int n)
{
	const size_t ps = page_size();
	unsigned char *want = malloc(ps), *got = malloc(ps);
	unsigned int i;

	NEED(want && got, "expected memory, got none");
	for (i = 0; i < n; i++) {
		held_page(want, i);
		if (memcmp(fs_store(fs, 0) + i * ps, want, ps))
			test_fail(file, line, "page %u: expected its data at "
				  "the server, got other bytes", i);
		if (pread(fd, got, ps, i * ps) != (ssize_t)ps ||
		    memcmp(got, want, ps))
			test_fail(file, line, "page %u: expected its data to "
				  "read back, got other bytes", i);
	}
	free(want);
	free(got);
}
