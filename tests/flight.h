/* SPDX-License-Identifier: GPL-2.0 */
/* Bringing pages into flight, and the proof that they really are. */
#ifndef FUSEWB_FLIGHT_H
#define FUSEWB_FLIGHT_H

#include "server.h"

/* Byte @i of page @page of what hold_pages() writes. */
unsigned char held_byte(unsigned int page, size_t i);
/* All of them. */
void held_page(unsigned char *p, unsigned int page);

/*
 * Write @n pages with write(2), have them submitted one WRITE each and held by
 * the server.  Returns a read-only shared mapping of them, all present.
 */
unsigned char *hold_pages(struct fs *fs, int fd, unsigned int n);

/* The same with @at_server of them held, and the others in a queue. */
unsigned char *queue_pages(struct fs *fs, int fd, unsigned int n,
			   unsigned int at_server);

/*
 * The same through a shared mapping, as it can be done on a mount without
 * writeback_cache as well.  Returns that mapping, which is writable: on a
 * kernel without 0016 whoever unmaps it waits for the server.
 */
unsigned char *hold_mapped_pages(struct fs *fs, int fd, unsigned int n);

/*
 * An actor: write to the first page of the file whose descriptor @fd points to,
 * through a mapping of its own.  With the page in flight it waits for the
 * server, and has the page locked.
 */
long store_first_byte(void *fd);

/*
 * Wait until nothing on the machine is under writeback, and say so: the counter
 * is of the whole machine.  Skips the test if others do not leave it alone.
 */
long quiet_writeback(void);

/* An actor: sync(2). */
long call_sync(void *unused);
/* The same with the descriptor that @fd points to. */
long call_fsync(void *fd);
long call_close(void *fd);
long call_syncfs(void *fd);

/*
 * What every server must do: pages of a file are in flight for it, they arrive,
 * are written again, cut, and read back after the file was closed.
 */
void use_pages_in_flight(struct fs *fs);

/* Mount on @dir, with pages in flight for ever; no test does this. */
void hang_mount(const char *dir);

/*
 * Fails the test unless all @n pages of @map are under writeback in the page
 * cache.  On a kernel that hands out copies they are not, and then nothing
 * that follows would say anything about the change under test.
 */
void expect_under_writeback(const char *file, int line,
			    const unsigned char *map, unsigned int n);
/* It does not: what does a kernel do that hands out copies? */
extern bool copies_will_do;
#define EXPECT_UNDER_WRITEBACK(map, n) \
	expect_under_writeback(__FILE__, __LINE__, map, n)

/* Fails unless none of the pages of @map is under writeback soon. */
void expect_writeback_over(const char *file, int line,
			   const unsigned char *map, unsigned int n);
#define EXPECT_WRITEBACK_OVER(map, n) \
	expect_writeback_over(__FILE__, __LINE__, map, n)

/* Fails unless page data is at the server and in the cache as written. */
void expect_data_intact(const char *file, int line, struct fs *fs, int fd,
			unsigned int n);
#define EXPECT_DATA_INTACT(fs, fd, n) \
	expect_data_intact(__FILE__, __LINE__, fs, fd, n)

#endif
