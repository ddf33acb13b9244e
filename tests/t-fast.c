// SPDX-License-Identifier: GPL-2.0
// The fast path: pages go to the server themselves, not as copies.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "flight.h"
#include "server.h"
#include "test.h"

/*
 * The server sits on a number of one-page WRITEs.  A kernel that copies counts
 * temporary pages; one that does not counts exactly these pages as under
 * writeback, once each.  Guards 0006, and the accounting that v4 did twice.
 */
TEST(no_temporary_pages,
	.purpose = "held WRITEs raise nr_writeback by their pages and "
		"nr_writeback_temp by none",
	.guards = "0006", .stock = STOCK_FAILS)
{
	const unsigned int n = 32;
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = ps, .max_background = 256, .congestion = 192 });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned char *data = calloc(n, ps);
	long writeback, temp = 0, got;
	bool counts_temp;

	fs_lift_dirty_limit(fs);
	srv_hold(fs, true);
	writeback = quiet_writeback();
	/* Kernels that have forgotten temporary pages do not count them. */
	counts_temp = vmstat_read("nr_writeback_temp", &temp);
	NEED(data && pwrite(fd, data, n * ps, 0) == (ssize_t)(n * ps),
	     "write: expected %zu, got %s", n * ps, strerror(errno));
	NEED(!sync_file_range(fd, 0, n * ps, SYNC_FILE_RANGE_WRITE),
	     "sync_file_range: expected 0, got %s", strerror(errno));
	NEED(srv_wait_held(fs, n), "expected %u WRITEs at the server, got %u",
	     n, fs->sh->held);

	EXPECT(!counts_temp ||
	       vmstat_delta_is("nr_writeback_temp", temp, 0, scaled_ms(2000),
			       &got),
	       "nr_writeback_temp while %u one-page WRITEs are held: "
	       "expected +0, got %+ld", n, got);
	EXPECT(vmstat_delta_is("nr_writeback", writeback, n, scaled_ms(2000),
			       &got),
	       "nr_writeback while %u one-page WRITEs are held: expected "
	       "+%u, got %+ld", n, n, got);
	srv_release(fs, n);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT(vmstat_delta_is("nr_writeback", writeback, 0, prompt_ms(), &got),
	       "nr_writeback after the answers: expected +0, got %+ld", got);
	EXPECT(!counts_temp ||
	       vmstat_delta_is("nr_writeback_temp", temp, 0, prompt_ms(),
			       &got),
	       "nr_writeback_temp after the answers: expected +0, got %+ld",
	       got);
}

/*
 * The page of the file itself carries the writeback flag while the server
 * holds its WRITE, and not any more after the answer.  Guards 0006.
 */
TEST(page_cache_under_writeback,
	.purpose = "the page in the cache itself is under writeback until the "
		"server answers",
	.guards = "0006", .stock = STOCK_FAILS)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	uint64_t pfn = 0, flags = 0;
	unsigned char *map;

	if (!kpageflags_usable())
		test_skip("needs /proc/kpageflags and pagemap");
	map = hold_pages(fs, fd, 1);

	EXPECT(page_pfn(map, &pfn) && pfn_flags(pfn, &flags) &&
	       (flags >> KPF_WRITEBACK_BIT & 1),
	       "flags of the page while its WRITE is held: expected "
	       "KPF_WRITEBACK set, got %#llx", (unsigned long long)flags);
	srv_release(fs, 1);
	EXPECT(wait_until(page_pfn(map, &pfn) && pfn_flags(pfn, &flags) &&
			  !(flags >> KPF_WRITEBACK_BIT & 1), prompt_ms()),
	       "flags of the page after the answer: expected KPF_WRITEBACK "
	       "clear, got %#llx", (unsigned long long)flags);
}

static long drop_caches(void *unused)
{
	(void)unused;
	actor_begin();
	return write_file("/proc/sys/vm/drop_caches", "1") ? 0 : -1;
}

/*
 * drop_caches walks every page of every file.  It must pass over those in
 * flight, and what was in flight must still be there afterwards.
 */
TEST(drop_caches_in_flight,
	.purpose = "drop_caches returns promptly and loses nothing in flight",
	.guards = "", .stock = STOCK_PASSES, .danger = PRESSURE)
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned char data[64], got[64];
	struct actor actor;

	memset(data, 'd', sizeof(data));
	srv_hold(fs, true);
	NEED(pwrite(fd, data, sizeof(data), 0) == sizeof(data) &&
	     !sync_file_range(fd, 0, ps, SYNC_FILE_RANGE_WRITE),
	     "write: expected success, got %s", strerror(errno));
	NEED(srv_wait_held(fs, 1), "expected a WRITE at the server, got none");

	actor_start(&actor, drop_caches, NULL);
	EXPECT(actor_done(&actor, prompt_ms()),
	       "drop_caches: expected to return within %u ms, got none",
	       prompt_ms());
	EXPECT(!actor.st->ret, "drop_caches: expected success, got %s",
	       strerror(actor.st->err));
	srv_release(fs, 1);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT(!memcmp(fs_store(fs, 0), data, sizeof(data)),
	       "expected the data at the server, got other bytes");
	EXPECT(pread(fd, got, sizeof(got), 0) == sizeof(got) &&
	       !memcmp(got, data, sizeof(got)),
	       "expected the data to read back, got other bytes");
}
