// SPDX-License-Identifier: GPL-2.0
// Reads and writes that may wait, and what must come of them.
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io.h"
#include "test.h"

unsigned char *shared_memory(size_t size, int byte)
{
	unsigned char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	NEED(p != MAP_FAILED, "expected memory, got none");
	memset(p, byte, size);
	return p;
}

long call_pread(void *arg)
{
	struct io *io = arg;

	actor_begin();
	return pread(io->fd, io->buf, io->size, io->pos);
}

long call_pwrite(void *arg)
{
	struct io *io = arg;

	actor_begin();
	return pwrite(io->fd, io->buf, io->size, io->pos);
}

long store_and_munmap(void *arg)
{
	struct mapped *m = arg;
	char *map = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
			 m->fd, m->pos);

	if (map == MAP_FAILED || (m->close && close(m->fd)))
		return -1;
	memcpy(map, STORED, strlen(STORED));
	actor_begin();
	return munmap(map, page_size());
}

void expect_page(const char *file, int line, struct fs *fs, int fd,
		 unsigned int nr, const unsigned char *want, const char *what)
{
	const size_t ps = page_size();
	unsigned char *got = malloc(ps);

	NEED(got, "expected memory, got none");
	if (memcmp(fs_store(fs, 0) + nr * ps, want, ps))
		test_fail(file, line, "page %u: expected %s at the server, got "
			  "other bytes", nr, what);
	if (pread(fd, got, ps, nr * ps) != (ssize_t)ps ||
	    memcmp(got, want, ps))
		test_fail(file, line, "page %u: expected to read %s, got other "
			  "bytes", nr, what);
	free(got);
}
