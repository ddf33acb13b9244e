/* SPDX-License-Identifier: GPL-2.0 */
/* Reads and writes that may wait, and what must come of them. */
#ifndef FUSEWB_IO_H
#define FUSEWB_IO_H

#include <stddef.h>
#include <sys/types.h>

#include "server.h"

struct io {
	int fd;
	unsigned char *buf;
	size_t size;
	off_t pos;
};

/* Memory of this process and its actors, good for O_DIRECT. */
unsigned char *shared_memory(size_t size, int byte);

/* Actors. */
long call_pread(void *io);
long call_pwrite(void *io);

/* Of a file to map, from @pos, and maybe to close before that is written to. */
struct mapped {
	int fd;
	off_t pos;
	bool close;
};

/*
 * An actor: write STORED through a mapping of its own.  What that has dirtied
 * is sent when it goes, if not before.
 */
#define STORED "mapped"
long store_and_munmap(void *mapped);

/* Fails unless page @nr of the file is @want at the server and to a reader. */
void expect_page(const char *file, int line, struct fs *fs, int fd,
		 unsigned int nr, const unsigned char *want, const char *what);
#define EXPECT_PAGE(fs, fd, nr, want, what) \
	expect_page(__FILE__, __LINE__, fs, fd, nr, want, what)

#endif
