/* SPDX-License-Identifier: GPL-2.0 */
/* Block devices in memory, and a small file system to put on them. */
#ifndef FUSEWB_BLOCK_H
#define FUSEWB_BLOCK_H

#include <stddef.h>

#define EXT2_SIZE	(8UL << 20)

/* A file in memory of @size bytes, and one that is an empty ext2. */
int memory_file(size_t size);
int memory_ext2(void);

/*
 * Make a loop device of @backing, which is closed, and put its path into @path.
 * It goes when nobody uses it any more; until it is mounted, that is who keeps
 * the descriptor, which is for reading: some kernels mount nothing that is open
 * for writing.  Skips the test where no loop device is to be had.
 */
int loop_device(int backing, char *path, size_t size);

/* Mount the ext2 that is on @device; -1 and errno if that cannot be done. */
int mount_ext2(const char *device, const char *dir);

#endif
