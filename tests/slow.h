/* SPDX-License-Identifier: GPL-2.0 */
/* An ordinary file system whose data takes as long as a test likes. */
#ifndef FUSEWB_SLOW_H
#define FUSEWB_SLOW_H

/*
 * An ext2 on a loop device, on a file of another ext2.  While that one is
 * frozen nothing reaches the device: what is written is under writeback until
 * slow_go().  There is no FUSE in it, so whoever waits for writeback has to
 * wait here, with and without the series.
 */
struct slow {
	char dir[64];		/* where it is mounted */
	int device;
	int lower;		/* the root of the one below */
};

/* Skips the test where that is not to be had. */
void slow_mount(struct slow *s);

/*
 * A file of @n pages on it, written and clean; then @n pages of new data under
 * writeback, with nothing else dirty: neither inode nor bitmap.  Returns a
 * descriptor for reading and writing.
 */
int slow_file(struct slow *s, const char *name, unsigned int n);
void slow_write(struct slow *s, int fd, unsigned int n);

/* From now on nothing that is written arrives; from now on it does. */
void slow_stop(struct slow *s);
void slow_go(struct slow *s);

#endif
