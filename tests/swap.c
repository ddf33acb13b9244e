// SPDX-License-Identifier: GPL-2.0
// Swap on a loop device, which goes when the test is over, however it ends.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#include "block.h"
#include "server.h"
#include "swap.h"
#include "test.h"

/*
 * A process of no session that the supervisor ends takes the swap away again,
 * whatever becomes of the test.
 */
static struct {
	pid_t pid;
	int fd;
} guard;

void need_no_swap(void)
{
	char buf[4096] = "";
	char *line;

	if (!read_file("/proc/swaps", buf, sizeof(buf)))
		test_skip("needs swap: /proc/swaps: %s", strerror(errno));
	line = strchr(buf, '\n');
	if (line && line[1])
		test_skip("needs a machine without swap: it has %.*s",
			  (int)strcspn(line + 1, " \t\n"), line + 1);
}

void swap_on(int backing, size_t size, char *path, size_t path_size)
{
	static unsigned char page[65536];
	uint32_t *header = (void *)(page + 1024);
	size_t ps = page_size();
	int loop, alive[2];
	char c;

	memset(page, 0, sizeof(page));
	header[0] = 1;				/* version */
	header[1] = size / ps - 1;		/* last page */
	memcpy(page + ps - 10, "SWAPSPACE2", 10);
	NEED(pwrite(backing, page, ps, 0) == (ssize_t)ps,
	     "header of a swap file: expected success, got %s",
	     strerror(errno));
	loop = loop_device(backing, path, path_size);
	NEED(!pipe2(alive, O_CLOEXEC), "pipe: %s", strerror(errno));
	guard.pid = fork();
	NEED(guard.pid >= 0, "fork: %s", strerror(errno));
	if (!guard.pid) {
		setsid();
		close(alive[1]);
		if (!read(alive[0], &c, 1))
			swapoff(path);
		_exit(0);
	}
	guard.fd = alive[1];
	close(alive[0]);
	if (swapon(path, 0))
		test_skip("needs swap: swapon %s: %s", path, strerror(errno));
	close(loop);
}

struct fs *swap_on_server(size_t size, char *path, size_t path_size)
{
	struct fs *fs = fs_mount(&(struct srv_opts){
		.no_writeback_cache = true });
	int disk = fs_open(fs, "disk", O_CREAT | O_RDWR);

	NEED(!ftruncate(disk, size), "ftruncate: expected 0, got %s",
	     strerror(errno));
	swap_on(disk, size, path, path_size);
	return fs;
}

void swap_off(const char *path)
{
	NEED(!swapoff(path), "swapoff %s: expected success, got %s", path,
	     strerror(errno));
	/* Or it might take away the swap of the next run. */
	NEED(write(guard.fd, "x", 1) == 1 &&
	     waitpid(guard.pid, NULL, 0) == guard.pid,
	     "expected the process that guards the swap to end, got %s",
	     strerror(errno));
}

#define FILLED		256	/* pages of a pipe */

void fill_free_pages(void)
{
	static char page[65536];
	const size_t ps = page_size();
	int freed[2], kept[2], i;

	memset(page, 0xff, ps);
	NEED(!pipe2(freed, O_CLOEXEC) && !pipe2(kept, O_CLOEXEC) &&
	     fcntl(freed[1], F_SETPIPE_SZ, FILLED * ps) > 0 &&
	     fcntl(kept[1], F_SETPIPE_SZ, FILLED * ps) > 0,
	     "pipes of %d pages: %s", FILLED, strerror(errno));
	for (i = 0; i < FILLED; i++)
		NEED(write(freed[1], page, ps) == (ssize_t)ps &&
		     write(kept[1], page, ps) == (ssize_t)ps,
		     "write of a page to a pipe: %s", strerror(errno));
	close(freed[0]);
	close(freed[1]);
}
