// SPDX-License-Identifier: GPL-2.0
// Integrity: random operations on files against the same files in memory.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block.h"
#include "model.h"
#include "swap.h"
#include "test.h"

/*
 * What else the seed decides: requests of 4 pages to 64, whether the server
 * cuts on open by itself, takes requests with splice(2), and knows how to copy.
 */
static struct srv_opts random_server(uint64_t seed)
{
	return (struct srv_opts){
		.max_write = (4U << seed % 5) * page_size(),
		.atomic_o_trunc = seed >> 3 & 1,
		.splice = seed >> 1 & 1,
		.enosys = seed >> 2 & 1 ? 1ULL << FUSE_COPY_FILE_RANGE : 0,
	};
}

struct extension {
	int fd;
	unsigned char data[200];
};

static long write_over_end(void *arg)
{
	struct extension *e = arg;

	actor_begin();
	return pwrite(e->fd, e->data, sizeof(e->data), 100);
}

/*
 * A file of 100 bytes, whose only page is dirty by a store; 200 bytes are
 * written behind them, and while their WRITE waits for the server the page is
 * written back.  Whoever does that may think that the file ends after 100
 * bytes, and must not wipe what is behind.  The first byte that is wrong at the
 * server, 300 if none is.
 */
static unsigned int extend_over_dirty_end(void)
{
	struct fs *fs = fs_mount(&(struct srv_opts){
		.no_writeback_cache = true });
	struct extension e = { .fd = fs_open(fs, "end", O_CREAT | O_RDWR) };
	unsigned char first[100], *map;
	struct actor actor;
	unsigned int i;

	memset(first, 'a', sizeof(first));
	memset(e.data, 'c', sizeof(e.data));
	NEED(pwrite(e.fd, first, sizeof(first), 0) == sizeof(first),
	     "write: expected success, got %s", strerror(errno));
	map = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, e.fd,
		   0);
	NEED(map != MAP_FAILED, "mmap: %s", strerror(errno));
	madvise(map, page_size(), MADV_DONTFORK);
	map[0] = 'b';
	srv_pause(fs, true);
	actor_start(&actor, write_over_end, &e);
	NEED(wait_until(fs_waiting(fs) > 0, scaled_ms(5000)),
	     "expected a WRITE on its way to the server, got none");
	NEED(!sync_file_range(e.fd, 0, page_size(), SYNC_FILE_RANGE_WRITE),
	     "sync_file_range: expected 0, got %s", strerror(errno));
	srv_pause(fs, false);
	NEED(actor_done(&actor, prompt_ms()) &&
	     actor.st->ret == sizeof(e.data),
	     "write over the end: expected %zu, got %s", sizeof(e.data),
	     actor.st->done ? strerror(actor.st->err) : "it stuck");
	NEED(!munmap(map, page_size()) && !fsync(e.fd) && !close(e.fd),
	     "fsync: expected 0, got %s", strerror(errno));
	for (i = 0; i < 300; i++)
		if (fs_store(fs, 0)[i] != (i ? i < 100 ? 'a' : 'c' : 'b'))
			break;
	NEED(fs_umount(fs), "umount: expected success, got %s",
	     strerror(errno));
	return i;
}

/*
 * The model found this.  A kernel that writes FUSE pages back through iomap
 * wipes the page behind the end that it knows, which without writeback_cache
 * moves only when the server has answered.  Guards 0020.
 */
TEST(extend_dirty_end,
	.purpose = "a write over the end of a file is not wiped by writeback "
		"of the page that it ends in",
	.guards = "0020", .stock = STOCK_PASSES)
{
	unsigned int at = extend_over_dirty_end();

	EXPECT(at == 300, "200 bytes written over the end of a file of 100 "
	       "bytes, while its page is written back: expected all at the "
	       "server, got another byte %u", at);
}

/* All operations, nobody is late. */
TEST(model_writeback_cache,
	.purpose = "random operations on two files leave every byte as a model "
		"has it",
	.guards = "", .stock = STOCK_PASSES, .limit = 120)
{
	model_expect(&(struct model_opts){
		.name = "writeback_cache", .seed = test_seed(), .ops = 500,
		.flags = MODEL_REMOUNT, .max = 512 << 10,
		.srv = random_server(test_seed()) });
}

/* The same where write(2) is sent at once and only stores are written back. */
TEST(model_no_writeback_cache,
	.purpose = "the same on a mount without writeback_cache",
	.guards = "", .stock = STOCK_PASSES, .limit = 120)
{
	struct srv_opts srv = random_server(test_seed());
	unsigned int lost = extend_over_dirty_end() < 300 ?
			    MODEL_CLEAN_END : 0;

	srv.no_writeback_cache = true;
	model_expect(&(struct model_opts){
		.name = "no writeback_cache", .seed = test_seed(), .ops = 300,
		.flags = MODEL_REMOUNT | MODEL_LATE | lost, .max = 512 << 10,
		.srv = srv });
}

/* Pages are in flight all the time, and come back in any order. */
TEST(model_slow_server,
	.purpose = "the same with a server that answers WRITEs late and in any "
		"order",
	.guards = "", .stock = STOCK_PASSES, .limit = 120)
{
	struct srv_opts srv = random_server(test_seed());

	srv.max_background = 64;
	srv.congestion = 48;
	model_expect(&(struct model_opts){
		.name = "slow server", .seed = test_seed(), .ops = 260,
		.flags = MODEL_REMOUNT | MODEL_LATE, .max = 256 << 10,
		.srv = srv });
}

/* One page a request and one request at a time: the others are in a queue. */
TEST(model_small_requests,
	.purpose = "the same with requests of one page, one at a time",
	.guards = "", .stock = STOCK_PASSES, .limit = 120)
{
	model_expect(&(struct model_opts){
		.name = "small requests", .seed = test_seed(), .ops = 180,
		.flags = MODEL_REMOUNT | MODEL_LATE, .max = 128 << 10,
		.srv = { .max_write = page_size(), .max_background = 1,
			 .congestion = 1 } });
}

/*
 * A block device, with blocks smaller than a page: a kernel that knows which of
 * them are dirty writes these alone.
 */
TEST(model_fuseblk,
	.purpose = "the same on a block device with blocks of 512 bytes",
	.guards = "", .stock = STOCK_PASSES, .danger = PRESSURE, .limit = 120)
{
	char path[32];
	int loop = loop_device(memory_file(64 << 10), path, sizeof(path));

	model_expect(&(struct model_opts){
		.name = "fuseblk", .seed = test_seed(), .ops = 240,
		.flags = MODEL_LATE, .max = 128 << 10,
		.srv = { .block = path,
			 .max_pages = test_seed() & 1 ? 1 : 16 } });
	close(loop);
}

/*
 * Of some WRITEs the server says that they failed.  Each descriptor must tell
 * once, and only the bytes of those may be old.
 */
TEST(model_errors,
	.purpose = "fsync tells of each WRITE that failed once, and no other "
		"byte is lost",
	.guards = "", .stock = STOCK_PASSES, .limit = 120)
{
	model_expect(&(struct model_opts){
		.name = "errors", .seed = test_seed(), .ops = 260,
		.flags = MODEL_ERRORS | MODEL_LATE, .max = 256 << 10,
		.srv = { .max_write = 4 * page_size(), .max_background = 16,
			 .congestion = 12 } });
}

/* Lies that a server can tell; each is told more than once. */
static int corrupt_byte(unsigned char *store, const struct srv_event *ev,
			unsigned char *data)
{
	static unsigned int nth;

	(void)store;
	if (++nth % 8 == 0)
		data[ev->size / 2] ^= 1;
	return 0;
}

static int drop_write(unsigned char *store, const struct srv_event *ev,
		      unsigned char *data)
{
	static unsigned int nth;

	(void)store;
	(void)ev;
	(void)data;
	return ++nth % 8 ? 0 : -1;
}

static int shift_write(unsigned char *store, const struct srv_event *ev,
		       unsigned char *data)
{
	static unsigned int nth;

	(void)store;
	if (++nth % 8 == 0)
		memmove(data + 1, data, ev->size - 1);
	return 0;
}

static int cut_write(unsigned char *store, const struct srv_event *ev,
		     unsigned char *data)
{
	static unsigned int nth;
	size_t half = ev->size / 2;

	if (++nth % 8 == 0)
		memcpy(data + half, store + ev->file * SRV_FILE_MAX +
		       ev->offset + half, ev->size - half);
	return 0;
}

static int wrong_file(unsigned char *store, const struct srv_event *ev,
		      unsigned char *data)
{
	static unsigned int nth;

	if (++nth % 8)
		return 0;
	memcpy(store + !ev->file * SRV_FILE_MAX + ev->offset, data, ev->size);
	return -1;
}

static int swap_two(unsigned char *store, const struct srv_event *ev,
		    unsigned char *data)
{
	static unsigned int nth;
	static unsigned char *last;
	unsigned char *here = store + ev->file * SRV_FILE_MAX + ev->offset;
	size_t i;

	for (i = 0; ++nth % 8 == 0 && last && i < 64 && i < ev->size; i++) {
		unsigned char byte = data[i];

		data[i] = last[i];
		last[i] = byte;
	}
	last = here;
	return 0;
}

/* An error that nothing gives cause for. */
static int fail_untold(unsigned char *store, const struct srv_event *ev,
		       unsigned char *data)
{
	static unsigned int nth;

	(void)store;
	(void)data;
	return ev->cached && ++nth % 8 == 0 ? EIO : 0;
}

/* An error that nobody hears of. */
static int hide_failure(unsigned char *store, const struct srv_event *ev,
			unsigned char *data)
{
	static unsigned int nth;

	(void)store;
	(void)data;
	if (ev->cached && ++nth % 8 == 0)
		model_count_failure(ev);
	return 0;
}

/* It must be able to fail: a server that lies is found out, whatever it is. */
TEST(model_finds_corruption,
	.purpose = "the model finds bytes that the server has changed, lost or "
		"swapped",
	.guards = "", .stock = STOCK_PASSES, .limit = 120)
{
	static const struct {
		const char *name;
		int (*judge)(unsigned char *store, const struct srv_event *ev,
			     unsigned char *data);
		bool keeps_cut;
		unsigned int flags;
	} lies[] = {
		{ "one byte of a WRITE changed", corrupt_byte, false,
		  0 },
		{ "a WRITE not done", drop_write, false,
		  MODEL_LATE },
		{ "a WRITE one byte too far", shift_write, false,
		  0 },
		{ "half of a WRITE done", cut_write, false,
		  MODEL_LATE },
		{ "a WRITE into another file", wrong_file, false,
		  0 },
		{ "bytes of two WRITEs swapped", swap_two, false,
		  MODEL_LATE },
		{ "what was truncated comes back", NULL, true, MODEL_LATE },
		{ "an error without a WRITE that failed", fail_untold, false,
		  MODEL_ERRORS | MODEL_LATE },
		{ "a WRITE that failed without an error", hide_failure, false,
		  MODEL_ERRORS },
	};
	struct model_result r;
	size_t i;

	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct model_opts o = {
			.name = lies[i].name, .seed = test_seed(), .ops = 400,
			.flags = lies[i].flags, .max = 128 << 10,
			.srv = { .max_write = 2 * page_size(),
				 .judge = lies[i].judge,
				 .keeps_cut = lies[i].keeps_cut } };

		model_run(&o, true, &r);
		EXPECT(!r.ok, "a server that lies (%s), seed %llu: expected "
		       "the model to find out within %u operations, got all "
		       "well after %u WRITEs", lies[i].name,
		       (unsigned long long)o.seed, o.ops, r.writes);
		diag("%s: %s", lies[i].name, r.why);
	}
}

/* A seed is worth printing only if it leads to the same again. */
TEST(model_replays,
	.purpose = "the same seed makes the same operations, however the "
		"server answers",
	.guards = "", .stock = STOCK_PASSES)
{
	struct model_opts o = {
		.name = "replay", .seed = test_seed(), .ops = 120,
		.flags = MODEL_LATE, .max = 64 << 10 };
	struct model_result a, b;

	model_run(&o, false, &a);
	o.srv.max_write = page_size();
	o.srv.seed = 1;
	model_run(&o, false, &b);
	EXPECT(a.ok && b.ok, "%s", a.ok ? b.why : a.why);
	EXPECT(a.plan == b.plan && a.bytes == b.bytes, "seed %llu: expected "
	       "the same operations twice, got %#llx with %llu bytes and "
	       "%#llx with %llu", (unsigned long long)o.seed,
	       (unsigned long long)a.plan, a.bytes,
	       (unsigned long long)b.plan, b.bytes);
}

/* A memory cgroup smaller than what the test process writes. */
static int top_fd = -1, group_fd = -1;
static bool group_v2;
static size_t model_max;

static bool group_read(int dir, const char *file, char *buf, size_t size)
{
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static void mount_groups(void)
{
	char dir[64], buf[256];
	int fd;

	snprintf(dir, sizeof(dir), "%s/memcg", scratch_dir());
	NEED(!mkdir(dir, 0700), "mkdir %s: %s", dir, strerror(errno));
	if (mount("none", dir, "cgroup", 0, "memory")) {
		group_v2 = true;
		if (mount("none", dir, "cgroup2", 0, NULL))
			test_skip("needs memory cgroups: %s", strerror(errno));
	}
	top_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	NEED(top_fd >= 0, "open of %s: %s", dir, strerror(errno));
	if (!group_v2)
		return;
	if (!group_read(top_fd, "cgroup.controllers", buf, sizeof(buf)) ||
	    !strstr(buf, "memory"))
		test_skip("needs the memory controller, which cgroup v1 and "
			  "v2 do not offer here");
	if (group_read(top_fd, "cgroup.subtree_control", buf, sizeof(buf)) &&
	    strstr(buf, "memory"))
		return;
	if (!write_file_at(top_fd, "cgroup.subtree_control", "+memory"))
		test_skip("needs the memory controller for a group: %s",
			  strerror(errno));
	fd = openat(top_fd, "cgroup.subtree_control", O_WRONLY | O_CLOEXEC);
	NEED(fd >= 0, "open of cgroup.subtree_control: %s", strerror(errno));
	restore_open_later(fd, "cgroup.subtree_control", "-memory");
	close(fd);
}

static void make_group(unsigned long limit)
{
	char name[64], value[32];

	mount_groups();
	snprintf(name, sizeof(name), "fusewb-smoke.%d", getpid());
	NEED(!mkdirat(top_fd, name, 0700), "mkdir of a memory cgroup: expected "
	     "success, got %s", strerror(errno));
	rmdir_later(top_fd, name);
	group_fd = openat(top_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(value, sizeof(value), "%lu", limit);
	NEED(group_fd >= 0 &&
	     write_file_at(group_fd, group_v2 ? "memory.max" :
			 "memory.limit_in_bytes", value),
	     "limit of a memory cgroup: expected success, got %s",
	     strerror(errno));
}

/* How often the group was at its limit. */
static long limit_hits(void)
{
	char buf[512], *p = buf;

	if (!group_read(group_fd, group_v2 ? "memory.events" :
			"memory.failcnt", buf, sizeof(buf)))
		return -1;
	if (group_v2)
		p = strstr(buf, "\nmax ");
	return p ? strtol(group_v2 ? p + 5 : p, NULL, 10) : -1;
}

/*
 * The client alone: what the server keeps is not to be reclaimed, so every page
 * of it is there, and charged to others, before.
 */
static void join_group(struct fs *fs)
{
	int i;

	for (i = 0; i < 2; i++)
		memset(fs->store + i * SRV_FILE_MAX, 0, model_max);
	NEED(write_file_at(group_fd, "cgroup.procs", "0"),
	     "joining a memory cgroup: expected success, got %s",
	     strerror(errno));
}

/* What is charged to it stays so, and needs room when it is swapped in. */
static void leave_group(void)
{
	NEED(write_file_at(group_fd, group_v2 ? "memory.max" :
			 "memory.limit_in_bytes", group_v2 ? "max" : "-1"),
	     "lifting the limit of a memory cgroup: expected success, got %s",
	     strerror(errno));
	NEED(write_file_at(top_fd, "cgroup.procs", "0"),
	     "leaving a memory cgroup: expected success, got %s",
	     strerror(errno));
}

static void expect_pressure(void)
{
	long hits = limit_hits();

	NEED(hits > 0, "expected the group to reach its limit, got %ld times",
	     hits);
	diag("limit of a cgroup v%d reached %ld times", group_v2 ? 2 : 1, hits);
}

/* Pages are reclaimed, and read again, in the middle of everything. */
TEST(model_memcg_pressure,
	.purpose = "the same in a memory cgroup smaller than the files",
	.guards = "", .stock = STOCK_PASSES, .danger = PRESSURE, .limit = 120)
{
	model_max = 3 << 20;
	/* Every seed has to come to it, and not all make long files. */
	make_group(model_max / 2);
	model_expect(&(struct model_opts){
		.name = "memory cgroup", .seed = test_seed(), .ops = 200,
		.flags = MODEL_LATE, .max = model_max, .piece = 512 << 10,
		.begin = join_group,
		.srv = { .max_write = 128 << 10, .max_background = 32,
			 .congestion = 24 } });
	expect_pressure();
	leave_group();
}

/* Pages move, caches are dropped, memory is compacted. */
TEST(model_moving_pages,
	.purpose = "the same while pages move, caches are dropped and memory "
		"is compacted",
	.guards = "", .stock = STOCK_PASSES, .danger = WEDGE, .limit = 120)
{
	model_expect(&(struct model_opts){
		.name = "moving pages", .seed = test_seed(), .ops = 250,
		.flags = MODEL_LATE | MODEL_MOVES, .max = 512 << 10,
		/*
		 * Below the limit where kernels with a ->writepage lose a page
		 * that migration wants written.
		 */
		.srv = { .max_background = 1000, .congestion = 1000,
			 .max_write = 4 * page_size() } });
}

#define SWAP_SIZE	(16UL << 20)
#define ANON_SIZE	(4UL << 20)

static unsigned char *anon;
static uint64_t anon_seed;

static void fill_anon(size_t page)
{
	uint64_t *p = (void *)(anon + page * page_size());
	size_t i;

	for (i = 0; i < page_size() / sizeof(*p); i++)
		p[i] = anon_seed ^ (page << 20 | i) * 0x9e3779b97f4a7c15ULL;
}

/* All of it, an eighth at a time. */
static bool check_anon(unsigned int op, char *why, size_t size)
{
	size_t pages = ANON_SIZE / page_size(), page, i;
	size_t first = pages / 8 * (op / 8 % 8);

	for (page = first; page < first + pages / 8; page++) {
		uint64_t *p = (void *)(anon + page * page_size());

		for (i = 0; i < page_size() / sizeof(*p); i++) {
			uint64_t want = anon_seed ^ (page << 20 | i) *
					0x9e3779b97f4a7c15ULL;

			if (p[i] == want)
				continue;
			snprintf(why, size, "word %zu of page %zu of anonymous "
				 "memory: expected %#llx, got %#llx", i, page,
				 (unsigned long long)want,
				 (unsigned long long)p[i]);
			return false;
		}
	}
	return true;
}

static void join_with_anon(struct fs *fs)
{
	size_t page;

	join_group(fs);
	anon = mmap(NULL, ANON_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(anon != MAP_FAILED, "expected memory, got %s", strerror(errno));
	madvise(anon, ANON_SIZE, MADV_DONTFORK);
	for (page = 0; page < ANON_SIZE / page_size(); page++)
		fill_anon(page);
}

/*
 * A file in memory, all of it there before, or the loop device would need
 * memory of the group that has none.
 */
static int swap_file(void)
{
	static unsigned char page[65536];
	int fd = memory_file(SWAP_SIZE);
	size_t at, ps = page_size();

	for (at = 0; at < SWAP_SIZE; at += ps)
		NEED(pwrite(fd, page, ps, at) == (ssize_t)ps,
		     "write of a memory file: %s", strerror(errno));
	return fd;
}

/* Anonymous memory goes out and comes back while pages are in flight. */
TEST(model_swap,
	.purpose = "the same with swap: anonymous memory stays as it was too",
	.guards = "", .stock = STOCK_PASSES, .danger = WEDGE, .limit = 120)
{
	long before = 0, now = 0;
	char path[32];

	model_max = 2 << 20;
	anon_seed = test_seed();
	make_group(model_max + ANON_SIZE / 2);
	swap_on(swap_file(), SWAP_SIZE, path, sizeof(path));
	vmstat_read("pswpout", &before);
	model_expect(&(struct model_opts){
		.name = "swap", .seed = test_seed(), .ops = 120,
		.flags = MODEL_LATE | MODEL_MOVES, .max = model_max,
		.begin = join_with_anon, .meanwhile = check_anon,
		.srv = { .max_write = 64 << 10, .max_background = 1000,
			 .congestion = 1000 } });
	expect_pressure();
	NEED(vmstat_read("pswpout", &now) && now > before,
	     "expected pages swapped out, got %ld before and %ld after",
	     before, now);
	diag("%ld pages swapped out", now - before);
	leave_group();
	swap_off(path);
}
