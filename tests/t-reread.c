// SPDX-License-Identifier: GPL-2.0
// What write(2) without writeback_cache and writeback of a mapping do to the same page, one while the other is under way.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "flight.h"
#include "io.h"
#include "server.h"
#include "test.h"

/* The first page of the file. */
static unsigned char *map_page(int fd)
{
	unsigned char *map = mmap(NULL, page_size(), PROT_READ | PROT_WRITE,
				  MAP_SHARED, fd, 0);

	NEED(map != MAP_FAILED, "mmap: expected a mapping, got %s",
	     strerror(errno));
	madvise(map, page_size(), MADV_DONTFORK);
	return map;
}

/* Through a mapping of its own, whose end is the test's to bring about. */
static long store_first(void *arg)
{
	struct io *io = arg;
	volatile unsigned char *map = mmap(NULL, page_size(),
					   PROT_READ | PROT_WRITE, MAP_SHARED,
					   io->fd, 0);

	if (map == MAP_FAILED)
		return -1;
	actor_begin();
	map[0] = 'b';
	return 0;
}

static void expect_done(struct actor *a, const char *name, long ret)
{
	if (!actor_done(a, prompt_ms()))
		show_stack(a->pid);
	EXPECT(a->st->done, "%s: expected to return within %u ms after the "
	       "answer, got it stuck", name, prompt_ms());
	EXPECT(a->st->ret == ret, "%s: expected %ld, got %ld (%s)", name, ret,
	       a->st->ret, strerror(a->st->err));
}

/*
 * A write that failed leaves a page that has to be read again, while a mapping
 * of it can still be stored to.  What was stored has to be at the server before
 * the page is read, or the answer would overwrite it.  Kernels with copies wait
 * there, 0006 keeps that, and a kernel that has no copies by itself needs 0021.
 * Guards 0021.
 */
TEST(reread_in_flight,
	.purpose = "a page that has to be read again is read after the answer "
		"to its WRITE",
	.guards = "0021", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = ps, .no_writeback_cache = true });
	struct io io = { .fd = fs_open(fs, "data", O_CREAT | O_RDWR),
			 .buf = shared_memory(ps, 'x'), .size = ps };
	unsigned char *map, *want = shared_memory(ps, 'S');
	unsigned int reads;
	struct actor actor;

	fs_lift_dirty_limit(fs);
	NEED(!ftruncate(io.fd, ps), "ftruncate: expected 0, got %s",
	     strerror(errno));
	map = map_page(io.fd);
	/* Dirty before, or the kernel complains of what is not whole. */
	memset(map, 'o', ps);
	srv_set_error(fs, EIO);
	NEED(pwrite(io.fd, io.buf, ps, 0) == -1, "write that fails: expected "
	     "an error, got success");
	srv_set_error(fs, 0);

	memcpy(map, want, ps);
	srv_hold(fs, true);
	NEED(!sync_file_range(io.fd, 0, ps, SYNC_FILE_RANGE_WRITE) &&
	     srv_wait_held(fs, 1), "expected a WRITE at the server, got none");
	reads = srv_count(fs, FUSE_READ);
	actor_start(&actor, call_pread, &io);
	/* A kernel that does not read it again has nothing to wait for. */
	wait_until(actor_blocks(&actor) || actor.st->done, scaled_ms(1000));
	EXPECT(srv_count(fs, FUSE_READ) == reads, "expected no READ of the page "
	       "before the answer to its WRITE, got %u",
	       srv_count(fs, FUSE_READ) - reads);
	srv_release_all(fs);
	expect_done(&actor, "read", ps);
	EXPECT(!memcmp(io.buf, want, ps), "read: expected what was stored, got "
	       "other bytes");
	EXPECT(!memcmp(map, want, ps), "mapping: expected what was stored, got "
	       "other bytes");
}

/* 100 bytes, in a page that is whole, clean and mapped. */
static unsigned char *begin_file(int fd)
{
	unsigned char first[100], *map;

	memset(first, 'a', sizeof(first));
	NEED(pwrite(fd, first, sizeof(first), 0) == sizeof(first),
	     "write: expected %zu, got %s", sizeof(first), strerror(errno));
	map = map_page(fd);
	NEED(*(volatile unsigned char *)map == 'a', "expected the page read, "
	     "got 0x%02x", map[0]);
	return map;
}

/* @size bytes: 'b', 99 'a', 'c' up to the end. */
static void expect_bytes(const char *where, const unsigned char *got,
			 size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (got[i] != (i ? i < 100 ? 'a' : 'c' : 'b'))
			break;
	EXPECT(i == size, "expected all %zu bytes %s, got byte %zu as 0x%02x",
	       size, where, i, got[i]);
}

static void expect_extended(struct fs *fs, int fd, size_t size)
{
	unsigned char *buf = shared_memory(size, 0);

	NEED(pread(fd, buf, size, 0) == (ssize_t)size, "read: expected %zu "
	     "bytes, got %s", size, strerror(errno));
	expect_bytes("in the cache", buf, size);
	NEED(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	expect_bytes("at the server", fs_store(fs, 0), size);
	EXPECT(fs->sh->size[0] == size, "expected %zu bytes at the server, "
	       "got %llu", size, (unsigned long long)fs->sh->size[0]);
}

/*
 * extend_dirty_end with a page that gets dirty when its new end is on the way
 * already: somebody stores to it, or waits to.  Guards 0020.
 */
TEST(extend_stored_end,
	.purpose = "a write over the end of a file is not wiped by writeback "
		"of what is stored to its last page meanwhile",
	.guards = "0020", .stock = STOCK_PASSES)
{
	const size_t size = 300;
	struct fs *fs = fs_mount(&(struct srv_opts){
		.no_writeback_cache = true });
	struct io io = { .fd = fs_open(fs, "end", O_CREAT | O_RDWR),
			 .buf = shared_memory(size, 'c'), .size = size - 100,
			 .pos = 100 };
	struct actor writer, storer;

	begin_file(io.fd);
	srv_pause(fs, true);
	actor_start(&writer, call_pwrite, &io);
	NEED(wait_until(fs_waiting(fs) > 0, prompt_ms()), "expected a WRITE on "
	     "its way to the server, got none");
	actor_start(&storer, store_first, &io);
	NEED(actor_blocks(&storer) || storer.st->done, "store: expected it "
	     "done or waiting, got it running");
	NEED(!sync_file_range(io.fd, 0, page_size(), SYNC_FILE_RANGE_WRITE),
	     "sync_file_range: expected 0, got %s", strerror(errno));
	srv_pause(fs, false);
	expect_done(&writer, "write over the end", io.size);
	expect_done(&storer, "store", 0);
	expect_extended(fs, io.fd, size);
}

/* Between a test and its server, which takes what it is sent second when told. */
static struct {
	_Atomic int reached;
	_Atomic int go;
} *gate;

static int wait_with_second(unsigned char *store, const struct srv_event *ev,
			    unsigned char *data)
{
	(void)store;
	(void)data;
	if (!ev->cached && ev->offset > 100 && !gate->reached) {
		gate->reached = 1;
		wait_until(gate->go, scaled_ms(10000));
	}
	return 0;
}

/*
 * A write of several requests: the page that the file ended in is free when the
 * first of them is answered, and the file must end behind it by then, not when
 * all are.  Guards 0020.
 */
TEST(extend_in_parts,
	.purpose = "the part of a write over the end of a file that has been "
		"answered is not wiped by writeback",
	.guards = "0020", .stock = STOCK_PASSES)
{
	const size_t ps = page_size(), size = 4 * ps;
	struct io io = { .buf = shared_memory(size, 'c'), .size = size - 100,
			 .pos = 100 };
	struct actor writer;
	unsigned char *map;
	struct fs *fs;

	gate = (void *)shared_memory(sizeof(*gate), 0);
	fs = fs_mount(&(struct srv_opts){
		.max_write = ps, .no_writeback_cache = true,
		.judge = wait_with_second });
	io.fd = fs_open(fs, "end", O_CREAT | O_RDWR);
	map = begin_file(io.fd);
	actor_start(&writer, call_pwrite, &io);
	NEED(wait_until(gate->reached, prompt_ms()), "expected the second "
	     "WRITE at the server, got none");
	map[0] = 'b';
	NEED(!sync_file_range(io.fd, 0, ps, SYNC_FILE_RANGE_WRITE),
	     "sync_file_range: expected 0, got %s", strerror(errno));
	gate->go = 1;
	expect_done(&writer, "write over the end", io.size);
	expect_extended(fs, io.fd, size);
}
