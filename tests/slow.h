/* SPDX-License-Identifier: GPL-2.0 */
/* An ordinary file system whose data takes as long as a test likes. */
#ifndef FUSEWB_SLOW_H
#define FUSEWB_SLOW_H

#include "server.h"

/*
 * An ext2 on a loop device, on a file of a FUSE mount without writeback_cache.
 * While its server reads no requests nothing reaches the device: what is written
 * to the ext2 is under writeback until slow_go().  Its pages are no pages of
 * FUSE, so whoever waits for writeback has to wait here, with and without the
 * series.  The end of the test aborts the mount, and nobody waits any longer.
 */
struct slow {
	char dir[64];		/* where it is mounted */
	int device;
	struct fs *fs;		/* the mount below */
};

/* Skips the test where that is not to be had. */
void slow_mount(struct slow *s);

/* A file of @n pages on it, written, clean and in the cache. */
int slow_file(struct slow *s, const char *name, unsigned int n);

/*
 * Put @n pages of new data under writeback, with nothing else dirty: neither
 * inode nor bitmap.
 */
void slow_write(struct slow *s, int fd, unsigned int n);

/* From now on nothing that is written arrives; from now on it does. */
void slow_stop(struct slow *s);
void slow_go(struct slow *s);

/* Unmount it while the device still works.  All of its files must be closed. */
void slow_umount(struct slow *s);

#endif
