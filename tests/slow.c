// SPDX-License-Identifier: GPL-2.0
// An ordinary file system whose data takes as long as a test likes.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block.h"
#include "server.h"
#include "slow.h"
#include "test.h"

static void mount_ext2(const char *loop, const char *name, char *dir,
		       size_t size)
{
	snprintf(dir, size, "%s/%s", scratch_dir(), name);
	NEED(!mkdir(dir, 0700), "mkdir %s: %s", dir, strerror(errno));
	/* With barriers the device itself would have to answer sync(2). */
	NEED(!mount(loop, dir, "ext2", MS_NOATIME, "nobarrier"),
	     "mount of ext2: expected success, got %s", strerror(errno));
}

void slow_mount(struct slow *s)
{
	char loop[32], dir[64], path[80];
	int keep, disk, image;
	off_t pos = 0;

	keep = loop_device(memory_ext2(), loop, sizeof(loop));
	mount_ext2(loop, "lower", dir, sizeof(dir));
	close(keep);
	s->lower = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	NEED(s->lower >= 0, "open of %s: %s", dir, strerror(errno));

	snprintf(path, sizeof(path), "%s/disk", dir);
	disk = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	image = memory_ext2();
	/* The rest of it is a hole, in both. */
	NEED(disk >= 0 && sendfile(disk, image, &pos, 16 << 10) == 16 << 10 &&
	     !ftruncate(disk, EXT2_SIZE),
	     "copy of an ext2: expected success, got %s", strerror(errno));
	close(image);
	s->device = loop_device(disk, loop, sizeof(loop));
	mount_ext2(loop, "slow", s->dir, sizeof(s->dir));
}

int slow_file(struct slow *s, const char *name, unsigned int n)
{
	char path[128];
	unsigned int i;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	NEED(fd >= 0, "open of %s: %s", path, strerror(errno));
	for (i = 0; i < n; i++)
		NEED(pwrite(fd, "old", 3, i * page_size()) == 3,
		     "write: expected 3, got %s", strerror(errno));
	NEED(!ftruncate(fd, n * page_size()) && !syncfs(fd),
	     "syncfs: expected 0, got %s", strerror(errno));
	return fd;
}

void slow_write(struct slow *s, int fd, unsigned int n)
{
	unsigned int i;
	long base, now;

	NEED(vmstat_read("nr_writeback", &base), "expected nr_writeback");
	for (i = 0; i < n; i++)
		NEED(pwrite(fd, "new", 3, i * page_size()) == 3,
		     "write: expected 3, got %s", strerror(errno));
	/* The new times of the inode; its data stays dirty. */
	NEED(!fsync(s->device), "fsync of the device: expected 0, got %s",
	     strerror(errno));
	slow_stop(s);
	NEED(!sync_file_range(fd, 0, n * page_size(), SYNC_FILE_RANGE_WRITE),
	     "sync_file_range: expected 0, got %s", strerror(errno));
	NEED(vmstat_delta_is("nr_writeback", base, n, scaled_ms(1000), &now),
	     "expected %u pages under writeback, got %ld", n, now);
}

void slow_stop(struct slow *s)
{
	/* Who waits for what is frozen cannot be killed: thaw in any case. */
	restore_later("/proc/sysrq-trigger", "j");
	NEED(!ioctl(s->lower, FIFREEZE, 0), "freeze: expected 0, got %s",
	     strerror(errno));
}

void slow_go(struct slow *s)
{
	NEED(!ioctl(s->lower, FITHAW, 0), "thaw: expected 0, got %s",
	     strerror(errno));
}
