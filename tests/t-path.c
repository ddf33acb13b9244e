// SPDX-License-Identifier: GPL-2.0
// Ways of writeback that are rarely taken: no request can be made, nobody has the file any more.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <string.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "flight.h"
#include "io.h"
#include "nth.h"
#include "server.h"
#include "test.h"

#define SCATTERED	3	/* pages, each in a request of its own */

struct way {
	const char *name;
	int (*send)(int fd);
};

/* As fsync(2) sends, and asks nobody else to. */
static int send_waiting(int fd)
{
	return sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE |
			       SYNC_FILE_RANGE_WRITE |
			       SYNC_FILE_RANGE_WAIT_AFTER);
}

/* As the flusher sends, which nobody hears errors from. */
static int send_as_flusher(int fd)
{
	errno = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return errno ? -1 : 0;
}

/* One attempt, in which the allocation number @nth fails; was there one? */
static bool send_failing(struct fs *fs, int fd, const struct way *way,
			 unsigned int nth)
{
	const size_t ps = page_size();
	unsigned char byte = nth + 'A';
	unsigned int i, left;
	int ret, err;

	for (i = 0; i < SCATTERED; i++)
		NEED(pwrite(fd, &byte, 1, 2 * i * ps) == 1,
		     "write: expected 1, got %s", strerror(errno));
	nth_arm(nth);
	ret = way->send(fd);
	err = errno;
	left = nth_disarm();
	EXPECT(!ret, "%s, allocation %u %s: expected success, as the page can "
	       "be sent later, got %s", way->name, nth,
	       left ? "does not exist" : "failed", strerror(err));
	ret = fsync(fd);
	EXPECT(!ret, "fsync after %s, allocation %u %s: expected success, as "
	       "the page can be sent now, got %s", way->name, nth,
	       left ? "does not exist" : "failed", strerror(errno));
	for (i = 0; i < SCATTERED; i++)
		EXPECT(fs_store(fs, 0)[2 * i * ps] == byte, "page %u after "
		       "fsync, %s, allocation %u %s: expected %#x at the "
		       "server, got %#x", 2 * i, way->name, nth,
		       left ? "does not exist" : "failed", byte,
		       fs_store(fs, 0)[2 * i * ps]);
	return !left;
}

/*
 * A request that cannot be made for want of memory is made a little later: by
 * whoever waits, or if nobody does by whoever comes next.  There is no error,
 * as nothing is lost.  Where FUSE writes back through iomap there is one.
 * Guards 0017.
 */
TEST(request_fails_once,
	.purpose = "a page that no request can be made for is sent when one "
		"can, without an error",
	.guards = "0017", .danger = WEDGE, .stock = STOCK_FAILS)
{
	static const struct way ways[] = {
		{ "sync_file_range", send_waiting },
		{ "fadvise", send_as_flusher },
	};
	unsigned int i, nth;
	struct fs *fs;
	int fd;

	nth_init();
	if (kernel_has("fuse_iomap_begin") > 0)
		test_skip("FUSE writes back through iomap here, which gives up "
			  "the page and reports an error");
	fs = fs_mount(&(struct srv_opts){ .max_write = page_size() });
	fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	fs_lift_dirty_limit(fs);
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		/* once without, so that what is allocated once is there */
		send_failing(fs, fd, &ways[i], 0);
		for (nth = 1; send_failing(fs, fd, &ways[i], nth); nth++)
			EXPECT(nth < NTH_MAX, "%s: expected fewer than %u "
			       "allocations, got more", ways[i].name, NTH_MAX);
		/* At least one a request. */
		NEED(nth > SCATTERED, "%s of %u pages: expected at least %u "
		     "allocations, got %u", ways[i].name, SCATTERED, SCATTERED,
		     nth - 1);
		diag("%s: %u allocations failed", ways[i].name, nth - 1);
	}
}

/*
 * An open that drops the cache writes what is dirty first, a page at a time and
 * on a way of its own.  One that no request can be made for must not be left
 * under writeback, which nobody would ever end: whoever asks next gets the
 * error.
 */
TEST(launder_fails_once,
	.purpose = "a page that no request can be made for when the cache is "
		"dropped is not left under writeback",
	.guards = "", .danger = WEDGE, .stock = STOCK_PASSES)
{
	unsigned int nth, left = 0, reported = 0;
	unsigned char byte;
	struct actor actor;
	struct fs *fs;
	char path[128];
	int fd, other;

	nth_init();
	fs = fs_mount(&(struct srv_opts){ .max_write = page_size() });
	fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	fs_lift_dirty_limit(fs);
	snprintf(path, sizeof(path), "%s/data", fs->dir);
	fs->sh->open_flags = 0;
	for (nth = 1; !left; nth++) {
		EXPECT(nth < NTH_MAX, "open: expected fewer than %u "
		       "allocations, got more", NTH_MAX);
		byte = nth + 'A';
		NEED(pwrite(fd, &byte, 1, 0) == 1,
		     "write: expected 1, got %s", strerror(errno));
		nth_arm(nth);
		other = open(path, O_RDWR | O_CLOEXEC);
		left = nth_disarm();
		NEED(other >= 0 || !left, "open, allocation %u does not exist: "
		     "expected success, got %s", nth, strerror(errno));

		actor_start(&actor, call_fsync, &fd);
		if (!actor_done(&actor, prompt_ms()))
			show_stack(actor.pid);
		EXPECT(actor.st->done, "fsync after open, allocation %u %s: "
		       "expected to return within %u ms, got it stuck", nth,
		       left ? "does not exist" : "failed", prompt_ms());
		EXPECT(!actor.st->ret || !left, "fsync after open, allocation "
		       "%u does not exist: expected success, got %s", nth,
		       strerror(actor.st->err));
		reported += !!actor.st->ret;
		EXPECT(actor.st->ret || fs_store(fs, 0)[0] == byte,
		       "fsync after open, allocation %u %s: expected an error, "
		       "or %#x at the server, got %#x", nth,
		       left ? "does not exist" : "failed", byte,
		       fs_store(fs, 0)[0]);
		if (other >= 0)
			close(other);
	}
	NEED(reported, "expected one of %u allocations of an open to be that "
	     "of the request, got no error from fsync", nth - 1);
	diag("%u allocations failed, %u times the page was lost and fsync said "
	     "so", nth - 2, reported);
}

/* Of a name that only the server knows to be none. */
static long call_lookup(void *arg)
{
	const struct fs *fs = arg;
	char path[128];

	snprintf(path, sizeof(path), "%s/none", fs->dir);
	actor_begin();
	return access(path, F_OK);
}

/*
 * The request for a page has the last reference to a file that is unlinked, on
 * a server that wants to hear of no open.  When it is answered the file goes
 * with it, within the server's own write(2), and that waits for what is under
 * writeback: the page must have come out of it first.
 */
TEST(last_reference_in_flight,
	.purpose = "a file whose last reference is its page in flight goes "
		"when that is answered",
	.guards = "", .stock = STOCK_PASSES)
{
	struct fs *fs = fs_mount(&(struct srv_opts){
		.enosys = 1ULL << FUSE_OPEN, .no_writeback_cache = true });
	/* All that is left of the file then is the mapping, which goes. */
	struct mapped m = { .close = true };
	struct actor unmapper, user;
	char path[128];
	int fd;

	fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	NEED(!ftruncate(fd, page_size()), "ftruncate: %s", strerror(errno));
	close(fd);
	/* What is created is open; what is opened is refused, once. */
	m.fd = fs_open(fs, "data", O_RDWR);
	NEED(srv_count(fs, FUSE_OPEN) == 1, "expected 1 OPEN for the server to "
	     "refuse, got %u", srv_count(fs, FUSE_OPEN));
	snprintf(path, sizeof(path), "%s/data", fs->dir);
	NEED(!unlink(path), "unlink: %s", strerror(errno));

	srv_hold(fs, true);
	actor_start(&unmapper, store_and_munmap, &m);
	NEED(srv_wait_held(fs, 1), "expected a WRITE at the server after "
	     "munmap, got none: %s", strerror(unmapper.st->err));
	if (!actor_done(&unmapper, prompt_ms())) {
		srv_answer_all(fs);
		test_skip("munmap(2) waits for the server here, and has the "
			  "file as long");
	}
	NEED(!unmapper.st->ret, "munmap: expected 0, got %s",
	     strerror(unmapper.st->err));
	srv_release_all(fs);
	NEED(wait_until(srv_find(fs, FUSE_WRITE, 0)->t_out, prompt_ms()),
	     "expected the server to answer the WRITE, got nothing");
	EXPECT(!memcmp(fs_store(fs, 0), STORED, strlen(STORED)),
	       "expected the data at the server, got other bytes");
	actor_start(&user, call_lookup, fs);
	if (!actor_done(&user, prompt_ms())) {
		diag("server %d", fs->server);
		show_stack(fs->server);
	}
	EXPECT(user.st->done, "lookup: expected an answer within %u ms of "
	       "that to the last WRITE of a file that is gone, got it stuck",
	       prompt_ms());
	NEED(user.st->err == ENOENT, "lookup: expected %s, got %s",
	     strerror(ENOENT), strerror(user.st->err));
}
