// SPDX-License-Identifier: GPL-2.0
// What must not overtake a page in flight, and what must not wait for it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "flight.h"
#include "io.h"
#include "server.h"
#include "test.h"

static void expect_all(struct actor *a, const char *name)
{
	if (!actor_done(a, prompt_ms()))
		show_stack(a->pid);
	EXPECT(a->st->done, "%s: expected to return within %u ms after the "
	       "answer, got it stuck", name, prompt_ms());
	EXPECT(a->st->ret == (long)page_size(), "%s: expected %zu, got %ld "
	       "(%s)", name, page_size(), a->st->ret, strerror(a->st->err));
}

/*
 * Without writeback_cache write(2) goes to the server at once.  A page that was
 * stored to and is in flight has to arrive first, or the older data would be
 * what the server keeps.
 */
TEST(write_through_in_flight,
	.purpose = "a write without writeback_cache to a page in flight is "
		"sent after the answer",
	.guards = "", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = ps, .no_writeback_cache = true });
	struct io io = { .fd = fs_open(fs, "data", O_CREAT | O_RDWR),
			 .buf = shared_memory(ps, 'B'), .size = ps };
	struct actor actor;

	hold_mapped_pages(fs, io.fd, 1);
	actor_start(&actor, call_pwrite, &io);
	EXPECT(actor_blocks(&actor), "write: expected to wait for the page in "
	       "flight, got %s", actor.st->done ? "it done" : "it running");
	EXPECT(srv_count(fs, FUSE_WRITE) == 1, "expected 1 WRITE at the server "
	       "before the answer, got %u", srv_count(fs, FUSE_WRITE));
	srv_release_all(fs);
	expect_all(&actor, "write");
	EXPECT(!memcmp(fs_store(fs, 0), io.buf, ps),
	       "expected what was written last at the server, got other bytes");
}

/*
 * Pages that are only dirty have no request that could be waited for.  A direct
 * read of them must not take them for pages in flight, and wait for others.
 * Where the kernel writes them back first, and hands out a copy, that is still
 * under way when it looks: it needs 0006.
 */
TEST(direct_read_of_dirty,
	.purpose = "a direct read of a page that is dirty does not wait for "
		"another one in flight",
	.guards = "0006", .stock = STOCK_FAILS)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct io io = { .buf = shared_memory(ps, 0), .size = ps,
			 .pos = 4 * ps };
	struct actor actor;

	NEED(!ftruncate(fd, 8 * ps), "ftruncate: %s", strerror(errno));
	fs->sh->open_flags = FOPEN_DIRECT_IO;
	io.fd = fs_open(fs, "data", O_RDWR);
	fs_lift_dirty_limit(fs);
	NEED(pwrite(fd, "probe", 5, 6 * ps) == 5 &&
	     pread(io.fd, io.buf, ps, 6 * ps) == (ssize_t)ps,
	     "direct read of the probe: expected success, got %s",
	     strerror(errno));
	if (!srv_writes(fs))
		blind_to("0006", "FUSE does not write back what it is about to "
			 "read directly");
	NEED(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	hold_pages(fs, fd, 1);
	/* Some kernels write it back first. */
	srv_hold(fs, false);
	NEED(pwrite(fd, "dirty", 5, 4 * ps) == 5, "write: expected 5, got %s",
	     strerror(errno));

	actor_start(&actor, call_pread, &io);
	if (!actor_done(&actor, prompt_ms()))
		show_stack(actor.pid);
	EXPECT(actor.st->done, "direct read of a dirty page: expected to "
	       "return within %u ms while another page is in flight, got it "
	       "stuck", prompt_ms());
	EXPECT(actor.st->ret == (long)ps, "direct read: expected %zu, got %ld "
	       "(%s)", ps, actor.st->ret, strerror(actor.st->err));
	srv_answer_all(fs);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
}

static long call_open_trunc(void *fs)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/data", ((struct fs *)fs)->dir);
	actor_begin();
	return open(path, O_RDWR | O_TRUNC | O_CLOEXEC);
}

/*
 * While an open with O_TRUNC waits for pages in flight nothing new is sent, but
 * pages can still come under writeback.  The truncation itself has to wait for
 * these, so it must let them be sent first.
 */
TEST(open_trunc_queued,
	.purpose = "an atomic O_TRUNC returns when a page came under writeback "
		"while it waited",
	.guards = "", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = ps, .atomic_o_trunc = true });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct actor actor;
	unsigned char *map;

	NEED(pwrite(fd, "old", 3, ps) == 3 && !fsync(fd),
	     "first write: expected success, got %s", strerror(errno));
	map = mmap(NULL, ps, PROT_READ | PROT_WRITE, MAP_SHARED, fd, ps);
	NEED(map != MAP_FAILED, "mmap: %s", strerror(errno));
	madvise(map, ps, MADV_DONTFORK);
	hold_pages(fs, fd, 1);

	actor_start(&actor, call_open_trunc, fs);
	EXPECT(actor_blocks(&actor), "open: expected to wait for the page in "
	       "flight, got %s", actor.st->done ? "it done" : "it running");
	*(volatile unsigned char *)map = 'q';
	NEED(!sync_file_range(fd, ps, ps, SYNC_FILE_RANGE_WRITE),
	     "sync_file_range: expected 0, got %s", strerror(errno));
	srv_release_all(fs);

	if (!actor_done(&actor, prompt_ms()))
		show_stack(actor.pid);
	EXPECT(actor.st->done, "open: expected to return within %u ms after "
	       "the answer, with a page queued meanwhile, got it stuck",
	       prompt_ms());
	EXPECT(actor.st->ret >= 0, "open: expected success, got %s",
	       strerror(actor.st->err));
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
}
