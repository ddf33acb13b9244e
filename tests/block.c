// SPDX-License-Identifier: GPL-2.0
// Block devices in memory, and a small file system to put on them.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "block.h"
#include "test.h"

int memory_file(size_t size)
{
	int fd = memfd_create("fusewb", MFD_CLOEXEC);

	NEED(fd >= 0 && !ftruncate(fd, size),
	     "memfd of %zu bytes: expected success, got %s", size,
	     strerror(errno));
	return fd;
}

int loop_device(int backing, char *path, size_t size)
{
	struct loop_info64 info = { .lo_flags = LO_FLAGS_AUTOCLEAR };
	int control, loop, keep, n;

	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	n = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
	if (n < 0)
		test_skip("needs a loop device: /dev/loop-control: %s",
			  strerror(errno));
	close(control);
	snprintf(path, size, "/dev/loop%d", n);
	loop = open(path, O_RDWR | O_CLOEXEC);
	NEED(loop >= 0, "open of %s: expected success, got %s", path,
	     strerror(errno));
	NEED(!ioctl(loop, LOOP_SET_FD, backing) &&
	     !ioctl(loop, LOOP_SET_STATUS64, &info),
	     "set-up of %s: expected success, got %s", path, strerror(errno));
	keep = open(path, O_RDONLY | O_CLOEXEC);
	NEED(keep >= 0, "open of %s: expected success, got %s", path,
	     strerror(errno));
	close(loop);
	close(backing);
	return keep;
}

static void put16(unsigned char *p, uint16_t v)
{
	p[0] = v;
	p[1] = v >> 8;
}

static void put32(unsigned char *p, uint32_t v)
{
	put16(p, v);
	put16(p + 2, v >> 16);
}

/*
 * One group of blocks of 1 KiB: 1 is the superblock, 2 the group descriptor, 3
 * and 4 the bitmaps, 5 to 12 the inodes, 13 the root directory.  The first
 * revision of the format has no features, inodes of 128 bytes, and no names of
 * types in directories.
 */
int memory_ext2(void)
{
	enum { BLOCK = 1024, BLOCKS = EXT2_SIZE / BLOCK, INODES = 64,
	       USED = 13, RESERVED_INODES = 10, ROOT = 2 };
	static unsigned char fs[(USED + 1) * BLOCK];
	unsigned char *sb = fs + BLOCK, *gd = fs + 2 * BLOCK;
	unsigned char *blocks = fs + 3 * BLOCK, *inodes = fs + 4 * BLOCK;
	unsigned char *root = fs + 5 * BLOCK + (ROOT - 1) * 128;
	unsigned char *dir = fs + 13 * BLOCK;
	int fd = memory_file(EXT2_SIZE);
	unsigned int i;

	memset(fs, 0, sizeof(fs));
	put32(sb, INODES);
	put32(sb + 4, BLOCKS);
	put32(sb + 12, BLOCKS - 1 - USED);
	put32(sb + 16, INODES - RESERVED_INODES);
	put32(sb + 20, 1);		/* first data block */
	put32(sb + 32, 8 * BLOCK);	/* blocks a group */
	put32(sb + 36, 8 * BLOCK);
	put32(sb + 40, INODES);
	put16(sb + 54, 0xffff);		/* mounts without a check */
	put16(sb + 56, 0xef53);
	put16(sb + 58, 1);		/* clean */
	put16(sb + 60, 1);		/* go on after an error */
	put32(gd, 3);
	put32(gd + 4, 4);
	put32(gd + 8, 5);
	put16(gd + 12, BLOCKS - 1 - USED);
	put16(gd + 14, INODES - RESERVED_INODES);
	put16(gd + 16, 1);		/* directories */
	for (i = 0; i < USED; i++)
		blocks[i / 8] |= 1 << i % 8;
	/* Block 0 is in no group: there is one less than bits. */
	blocks[BLOCK - 1] |= 0x80;
	memset(inodes, 0xff, BLOCK);
	for (i = RESERVED_INODES; i < INODES; i++)
		inodes[i / 8] &= ~(1 << i % 8);
	put16(root, 040755);
	put32(root + 4, BLOCK);
	put16(root + 26, 2);		/* links */
	put32(root + 28, BLOCK / 512);
	put32(root + 40, 13);
	put32(dir, ROOT);
	put16(dir + 4, 12);
	put16(dir + 6, 1);
	dir[8] = '.';
	put32(dir + 12, ROOT);
	put16(dir + 16, BLOCK - 12);
	put16(dir + 18, 2);
	dir[20] = dir[21] = '.';
	NEED(pwrite(fd, fs, sizeof(fs), 0) == sizeof(fs),
	     "write of an ext2: expected success, got %s", strerror(errno));
	return fd;
}

int mount_ext2(const char *device, const char *dir)
{
	/*
	 * No barriers: the device itself would have to answer sync(2).  And no
	 * thread that reads ahead bitmaps: a suspend finds it waiting for a loop
	 * device that is frozen already.  Where there is no such option there is
	 * no such thread.
	 */
	if (!mount(device, dir, "ext2", MS_NOATIME,
		   "nobarrier,no_prefetch_block_bitmaps"))
		return 0;
	return mount(device, dir, "ext2", MS_NOATIME, "nobarrier");
}
