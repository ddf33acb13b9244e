/* SPDX-License-Identifier: GPL-2.0 */
/* Bringing pages into flight, and the proof that they really are. */
#ifndef FUSEWB_FLIGHT_H
#define FUSEWB_FLIGHT_H

#include "server.h"

/* Byte @i of page @page of what hold_pages() writes. */
unsigned char held_byte(unsigned int page, size_t i);

/*
 * Write @n pages with write(2), have them submitted one WRITE each and held by
 * the server.  Returns a read-only shared mapping of them, all present.
 */
unsigned char *hold_pages(struct fs *fs, int fd, unsigned int n);

/*
 * Fails the test unless all @n pages of @map are under writeback in the page
 * cache.  On a kernel that hands out copies they are not, and then nothing
 * that follows would say anything about the change under test.
 */
void expect_under_writeback(const char *file, int line,
			    const unsigned char *map, unsigned int n);
#define EXPECT_UNDER_WRITEBACK(map, n) \
	expect_under_writeback(__FILE__, __LINE__, map, n)

/* Fails unless page data is at the server and in the cache as written. */
void expect_data_intact(const char *file, int line, struct fs *fs, int fd,
			unsigned int n);
#define EXPECT_DATA_INTACT(fs, fd, n) \
	expect_data_intact(__FILE__, __LINE__, fs, fd, n)

#endif
