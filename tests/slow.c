// SPDX-License-Identifier: GPL-2.0
// An ordinary file system whose data takes as long as a test likes.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block.h"
#include "slow.h"
#include "test.h"

#define USED	(16 << 10)	/* of an empty ext2; the rest of it is a hole */
#define PAGE_MAX	65536

/*
 * All of each page, whose blocks are smaller: nothing has to be read for it,
 * neither by a later write nor by a page fault.
 */
static void write_pages(int fd, unsigned int n, int byte)
{
	static char page[PAGE_MAX];
	const size_t ps = page_size();
	unsigned int i;

	memset(page, byte, ps);
	for (i = 0; i < n; i++)
		NEED(pwrite(fd, page, ps, (off_t)i * ps) == (ssize_t)ps,
		     "write of a page: expected %zu, got %s", ps,
		     strerror(errno));
}

void slow_mount(struct slow *s)
{
	static char buf[USED];
	char loop[32];
	int disk, image;

	s->fs = fs_mount(&(struct srv_opts){ .no_writeback_cache = true });
	disk = fs_open(s->fs, "disk", O_CREAT | O_RDWR);
	image = memory_ext2();
	NEED(pread(image, buf, USED, 0) == USED &&
	     pwrite(disk, buf, USED, 0) == USED && !ftruncate(disk, EXT2_SIZE),
	     "copy of an ext2: expected success, got %s", strerror(errno));
	close(image);
	s->device = loop_device(disk, loop, sizeof(loop));
	snprintf(s->dir, sizeof(s->dir), "%s/slow", scratch_dir());
	NEED(!mkdir(s->dir, 0700), "mkdir %s: %s", s->dir, strerror(errno));
	NEED(!mount_ext2(loop, s->dir),
	     "mount of ext2: expected success, got %s", strerror(errno));
}

int slow_file(struct slow *s, const char *name, unsigned int n)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	NEED(fd >= 0, "open of %s: %s", path, strerror(errno));
	write_pages(fd, n, 'o');
	NEED(!syncfs(fd), "syncfs: expected 0, got %s", strerror(errno));
	return fd;
}

void slow_write(struct slow *s, int fd, unsigned int n)
{
	long base, now;

	NEED(vmstat_read("nr_writeback", &base), "expected nr_writeback");
	write_pages(fd, n, 'n');
	/* The new times of the inode; its data stays dirty. */
	NEED(!fsync(s->device), "fsync of the device: expected 0, got %s",
	     strerror(errno));
	slow_stop(s);
	NEED(!sync_file_range(fd, 0, (off_t)n * page_size(),
			      SYNC_FILE_RANGE_WRITE),
	     "sync_file_range: expected 0, got %s", strerror(errno));
	NEED(vmstat_delta_is("nr_writeback", base, n, scaled_ms(1000), &now),
	     "expected %u pages under writeback, got %ld", n, now);
}

void slow_stop(struct slow *s)
{
	srv_pause(s->fs, true);
}

void slow_go(struct slow *s)
{
	srv_pause(s->fs, false);
}

void slow_umount(struct slow *s)
{
	close(s->device);
	/* Processes that had pages of it mapped are still exiting. */
	NEED(wait_until(!umount2(s->dir, 0), scaled_ms(5000)),
	     "umount of the ext2: expected success, got %s", strerror(errno));
}
