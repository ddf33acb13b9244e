// SPDX-License-Identifier: GPL-2.0
// Mounts of type fuseblk: a block device with a server of its own.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <string.h>
#include <unistd.h>

#include "block.h"
#include "flight.h"
#include "server.h"
#include "test.h"

#define DEVICE_SIZE	(64U << 10)

static struct fs *mount_block(struct srv_opts *opts)
{
	static char path[32];
	int loop = loop_device(memory_file(DEVICE_SIZE), path,
			       sizeof(path));
	struct fs *fs;

	opts->block = path;
	fs = fs_mount(opts);
	/* The mount alone keeps it from here on. */
	close(loop);
	return fs;
}

/*
 * Some kernels ask the server of a block device to sync, and wait for what it
 * says, whoever has called sync(2).  They must ask for syncfs(2) alone.
 * Guards 0011.
 */
TEST(sync_fuseblk_hung,
	.purpose = "sync(2) returns promptly with a fuseblk server that never "
		"answers SYNCFS",
	.guards = "0011", .danger = PRESSURE, .stock = STOCK_FAILS,
	.limit = 120)
{
	struct fs *fs = mount_block(&(struct srv_opts){ 0 });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct actor actor;

	sync();
	/* Asked of syncfs(2), which is not what this is about. */
	NEED(!syncfs(fd), "syncfs: expected 0, got %s", strerror(errno));
	if (!srv_find(fs, FUSE_SYNCFS, 0))
		blind_to("0011", "FUSE sends the server of a block device no "
			 "SYNCFS");
	srv_mute(fs, 1ULL << FUSE_SYNCFS);

	actor_start(&actor, call_sync, NULL);
	if (!actor_done(&actor, prompt_ms())) {
		diag("task %d in sync", actor.pid);
		show_stack(actor.pid);
	}
	EXPECT(actor.st->done, "sync: expected to return within %u ms while "
	       "the server does not answer SYNCFS, got it stuck", prompt_ms());
}

/* The data of such a mount takes the same way.  Guards 0006. */
TEST(server_fuseblk,
	.purpose = "on a fuseblk mount pages are in flight and all data "
		"arrives",
	.guards = "0006", .danger = PRESSURE, .stock = STOCK_FAILS)
{
	use_pages_in_flight(mount_block(&(struct srv_opts){
		.max_write = page_size() }));
}

/* Two pages of @fd in the cache, whole and clean, written in pieces. */
static void fill_two_pages(int fd, size_t piece)
{
	unsigned char buf[512];
	size_t pos;

	memset(buf, 'x', sizeof(buf));
	for (pos = 0; pos < 2 * page_size(); pos += piece)
		NEED(pwrite(fd, buf, piece, pos) == (ssize_t)piece,
		     "write: expected %zu, got %s", piece, strerror(errno));
	NEED(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
}

/* Does this kernel write back what is dirty of a page, or all of it? */
static bool writes_pieces(struct fs *fs, size_t piece)
{
	int fd = fs_open(fs, "probe", O_CREAT | O_RDWR);
	const struct srv_event *ev, *last = NULL;
	unsigned int i;

	fill_two_pages(fd, piece);
	NEED(pwrite(fd, "probe", 5, 0) == 5 && !fsync(fd),
	     "write of the probe: expected success, got %s", strerror(errno));
	for (i = 0; (ev = srv_find(fs, FUSE_WRITE, i)); i++)
		last = ev;
	NEED(last, "expected a WRITE of the probe, got none");
	return last->size < page_size();
}

/*
 * A request of at most one page.  Two dirty pieces that lie one behind the
 * other, at the end of a page and at the start of the next, are together no
 * longer than a page, yet they are of two pages: the array for them has room
 * for one.  Guards 0012, where a kernel keeps track of less than a page.
 */
TEST(max_pages_one,
	.purpose = "a mount with max_pages 1 gets pieces of two pages in two "
		"WRITEs",
	.guards = "0012", .danger = PRESSURE, .stock = STOCK_FAILS)
{
	const size_t ps = page_size(), piece = 512;
	struct fs *fs = mount_block(&(struct srv_opts){ .max_pages = 1 });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned char first[512], second[512];
	const struct srv_event *ev;
	unsigned int i, n;

	if (!writes_pieces(fs, piece))
		blind_to("0012", "FUSE writes whole pages, two of which are "
			 "too long for a request already");
	fill_two_pages(fd, piece);
	n = srv_writes(fs);
	memset(first, 'a', piece);
	memset(second, 'b', piece);
	NEED(pwrite(fd, first, piece, ps - piece) == (ssize_t)piece &&
	     pwrite(fd, second, piece, ps) == (ssize_t)piece,
	     "write: expected %zu, got %s", piece, strerror(errno));

	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));

	EXPECT(srv_writes(fs) > n, "expected WRITEs at the server, got none");
	for (i = 0; (ev = srv_find(fs, FUSE_WRITE, i)); i++)
		EXPECT(ev->offset / ps == (ev->offset + ev->size - 1) / ps,
		       "WRITE with max_pages 1: expected all of it in one "
		       "page, got %llu bytes at %llu",
		       (unsigned long long)ev->size,
		       (unsigned long long)ev->offset);
	EXPECT(!memcmp(fs_store(fs, 0) + ps - piece, first, piece) &&
	       !memcmp(fs_store(fs, 0) + ps, second, piece),
	       "expected the data at the server, got other bytes");
}
