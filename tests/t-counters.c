// SPDX-License-Identifier: GPL-2.0
// What the kernel counts as under writeback: the pages in flight, once, until they are answered.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "flight.h"
#include "server.h"
#include "test.h"

#define NODES	8

/* The number behind @key on a line of @path. */
static bool number_in(const char *path, const char *key, long *value)
{
	static char buf[65536];
	size_t len = strlen(key);
	const char *p;

	/* Fold the per-CPU parts in, or a few pages would go unseen. */
	write_file("/proc/sys/vm/stat_refresh", "1");
	if (!read_file(path, buf, sizeof(buf)))
		return false;
	for (p = buf; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		p += strspn(p, " ");
		if (!strncmp(p, key, len) && strchr(" :\t", p[len])) {
			p += len + strspn(p + len, " :\t");
			*value = strtol(p, NULL, 10);
			return true;
		}
	}
	return false;
}

/* Right twice in a row: other writers on the machine come and go. */
static bool number_is(const char *path, const char *key, long want,
		      unsigned int ms, long *got)
{
	unsigned int right = 0;

	return wait_until(number_in(path, key, got) &&
			  (right = *got == want ? right + 1 : 0) == 2, ms);
}

static const char *node_file(int node)
{
	static char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/vmstat",
		 node);
	return path;
}

/*
 * Pages on all nodes: every node counts its own, once, and none as temporary.
 * /proc/meminfo says the same in kB.  Guards 0006.
 */
TEST(counters_per_node,
	.purpose = "held WRITEs raise nr_writeback of each node by its pages, "
		"and what meminfo says",
	.guards = "0006", .stock = STOCK_FAILS)
{
	const unsigned int n = 24;
	const size_t ps = page_size();
	long base[NODES] = { 0 }, temp[NODES] = { 0 }, mem, memtemp = 0, got;
	long dirtied, written, count[NODES] = { 0 };
	int node[NODES], where[24], nodes, i;
	unsigned long mask = 0;
	bool counts_temp;
	void *page[24];
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = ps, .max_background = 256, .congestion = 192 });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	unsigned char *map;

	nodes = node_list(node, NODES);
	if (!nodes)
		test_skip("needs /sys/devices/system/node");
	for (i = 0; i < nodes; i++)
		if (node[i] < 64)
			mask |= 1UL << node[i];
	quiet_writeback();
	/* Where they really are is looked up below. */
	syscall(SYS_set_mempolicy, MPOL_INTERLEAVE, &mask, 64UL);
	NEED(number_in("/proc/vmstat", "nr_dirtied", &dirtied) &&
	     number_in("/proc/vmstat", "nr_written", &written) &&
	     number_in("/proc/meminfo", "Writeback", &mem),
	     "expected counters in /proc/vmstat and /proc/meminfo, got none");
	counts_temp = number_in(node_file(node[0]), "nr_writeback_temp",
				&temp[0]);
	number_in("/proc/meminfo", "WritebackTmp", &memtemp);
	for (i = 0; i < nodes; i++) {
		NEED(number_in(node_file(node[i]), "nr_writeback", &base[i]),
		     "expected nr_writeback of node %d, got none", node[i]);
		number_in(node_file(node[i]), "nr_writeback_temp", &temp[i]);
	}

	map = hold_pages(fs, fd, n);
	syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0UL);
	for (i = 0; i < (int)n; i++)
		page[i] = map + i * ps;
	NEED(!syscall(SYS_move_pages, 0, (unsigned long)n, page, NULL, where,
		      0), "move_pages that only asks: expected 0, got %s",
	     strerror(errno));
	for (i = 0; i < (int)n; i++)
		if (where[i] >= 0 && where[i] < NODES)
			count[where[i]]++;

	for (i = 0; i < nodes; i++) {
		EXPECT(number_is(node_file(node[i]), "nr_writeback", base[i] +
				 count[node[i]], scaled_ms(2000), &got),
		       "nr_writeback of node %d with %ld of %u held pages: "
		       "expected +%ld, got %+ld", node[i], count[node[i]], n,
		       count[node[i]], got - base[i]);
		EXPECT(!counts_temp ||
		       number_is(node_file(node[i]), "nr_writeback_temp",
				 temp[i], scaled_ms(2000), &got),
		       "nr_writeback_temp of node %d with %ld held pages: "
		       "expected +0, got %+ld", node[i], count[node[i]],
		       got - temp[i]);
	}
	EXPECT(number_is("/proc/meminfo", "Writeback", mem + (long)(n * ps >>
			 10), scaled_ms(2000), &got),
	       "Writeback in meminfo with %u held pages: expected +%zu kB, got "
	       "%+ld kB", n, n * ps >> 10, got - mem);
	EXPECT(!counts_temp ||
	       number_is("/proc/meminfo", "WritebackTmp", memtemp,
			 scaled_ms(2000), &got),
	       "WritebackTmp in meminfo with %u held pages: expected +0 kB, "
	       "got %+ld kB", n, got - memtemp);

	srv_answer_all(fs);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	for (i = 0; i < nodes; i++)
		EXPECT(number_is(node_file(node[i]), "nr_writeback", base[i],
				 prompt_ms(), &got),
		       "nr_writeback of node %d after the answers: expected "
		       "+0, got %+ld", node[i], got - base[i]);
	EXPECT(number_is("/proc/meminfo", "Writeback", mem, prompt_ms(), &got),
	       "Writeback in meminfo after the answers: expected +0 kB, got "
	       "%+ld kB", got - mem);
	/* These only grow, and others may add to them. */
	number_in("/proc/vmstat", "nr_dirtied", &got);
	EXPECT(got >= dirtied + (long)n, "nr_dirtied after %u pages: expected "
	       "at least +%u, got %+ld", n, n, got - dirtied);
	number_in("/proc/vmstat", "nr_written", &got);
	EXPECT(got >= written + (long)n, "nr_written after %u pages: expected "
	       "at least +%u, got %+ld", n, n, got - written);
}

#define HELD	16U

struct held {
	struct fs *fs;
	int fd;
	unsigned char *map;
	long base;
};

/* Pages in flight, @at_server of them there, and all of them counted. */
static void hold_counted(struct held *h, unsigned int at_server)
{
	long got;

	h->fs = fs_mount(&(struct srv_opts){
		.max_write = page_size(), .max_background = at_server,
		.congestion = at_server });
	h->fd = fs_open(h->fs, "data", O_CREAT | O_RDWR);
	h->base = quiet_writeback();
	h->map = queue_pages(h->fs, h->fd, HELD, at_server);
	EXPECT(vmstat_delta_is("nr_writeback", h->base, HELD, scaled_ms(2000),
			       &got),
	       "nr_writeback with %u pages in flight, %u at the server: "
	       "expected +%u, got %+ld", HELD, at_server, HELD, got);
	EXPECT_UNDER_WRITEBACK(h->map, HELD);
}

static void expect_none_counted(struct held *h, const char *after)
{
	long got;

	EXPECT(vmstat_delta_is("nr_writeback", h->base, 0, prompt_ms(), &got),
	       "nr_writeback after %s: expected +0 of %u pages, got %+ld",
	       after, HELD, got);
}

/*
 * All WRITEs fail: the pages are no longer under writeback, they are whole and
 * clean, and can be written again.  Guards 0006.
 */
TEST(counters_after_error,
	.purpose = "pages whose WRITEs fail are counted until the answer, not "
		"longer, and can be written again",
	.guards = "0006", .stock = STOCK_FAILS)
{
	struct held h;
	int ret;

	hold_counted(&h, HELD);
	srv_set_error(h.fs, EIO);
	srv_answer_all(h.fs);
	expect_none_counted(&h, "EIO for all");
	EXPECT_WRITEBACK_OVER(h.map, HELD);
	ret = fsync(h.fd);
	EXPECT(ret == -1 && errno == EIO, "fsync after %u WRITEs failed: "
	       "expected %s, got %s", HELD, strerror(EIO),
	       ret ? strerror(errno) : "no error");
	EXPECT(srv_writes(h.fs) == HELD, "WRITEs after fsync: expected %u, the "
	       "pages being clean, got %u", HELD, srv_writes(h.fs));
	EXPECT(!srv_find(h.fs, FUSE_READ, 0), "expected the pages to be whole, "
	       "got a READ at the server");

	srv_set_error(h.fs, 0);
	EXPECT(pwrite(h.fd, "again", 5, 0) == 5 && !fsync(h.fd),
	       "second write: expected success, got %s", strerror(errno));
	EXPECT(!memcmp(fs_store(h.fs, 0), "again", 5),
	       "expected the second write at the server, got other bytes");
	expect_none_counted(&h, "a second write");
}

/* Some pages are at the server, the others queued in the kernel. */
static void count_after_end(void (*end)(struct fs *fs), const char *what)
{
	struct actor actor;
	struct held h;

	hold_counted(&h, HELD / 4);
	actor_start(&actor, call_fsync, &h.fd);
	EXPECT(actor_blocks(&actor), "expected fsync to wait, got %s",
	       actor.st->done ? "it done" : "it running");

	end(h.fs);

	EXPECT(actor_done(&actor, prompt_ms()), "fsync: expected to return "
	       "within %u ms after %s, got it stuck", prompt_ms(), what);
	EXPECT(actor.st->ret == -1, "fsync with %u WRITEs lost: expected an "
	       "error, got %ld", HELD, actor.st->ret);
	expect_none_counted(&h, what);
	EXPECT_WRITEBACK_OVER(h.map, HELD);
}

/* The connection is aborted.  Guards 0006. */
TEST(counters_after_abort,
	.purpose = "pages in flight and pages queued are no longer counted "
		"after an abort",
	.guards = "0006", .stock = STOCK_FAILS)
{
	count_after_end(fs_abort, "an abort");
}

/* The server dies of SIGKILL.  Guards 0006. */
TEST(counters_after_death,
	.purpose = "pages in flight and pages queued are no longer counted "
		"after the death of the server",
	.guards = "0006", .stock = STOCK_FAILS)
{
	count_after_end(fs_kill, "the death of the server");
}

struct cut {
	int fd;
	off_t size;
};

static long call_ftruncate(void *arg)
{
	const struct cut *c = arg;

	actor_begin();
	return ftruncate(c->fd, c->size);
}

static long call_open_trunc(void *arg)
{
	const struct cut *c = arg;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", c->fd);
	actor_begin();
	return open(path, O_RDWR | O_TRUNC | O_CLOEXEC) < 0 ? -1 : 0;
}

/*
 * A truncation waits for what is in flight, and what is written back meanwhile
 * beyond the new end waits for it in a queue.  That is never sent, and its
 * writeback ends all the same; of the page with the new end in it only what is
 * before that end is sent.  That goes wrong if the truncation waits for the
 * queue: nobody sends from it before the truncation is through.
 */
static void cut_with_queue(long (*call)(void *arg), off_t size)
{
	const size_t ps = page_size();
	const unsigned int n = 8;
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = ps, .atomic_o_trunc = true });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	struct cut cut = { fd, size };
	const struct srv_event *ev;
	struct actor actor;
	unsigned char *map, *rest;
	unsigned int i, sent = 0;
	long base, got;
	off_t at;

	base = quiet_writeback();
	/* Or some is written back before its time. */
	fs_lift_dirty_limit(fs);
	NEED(!ftruncate(fd, n * ps), "ftruncate: %s", strerror(errno));
	rest = mmap(NULL, n * ps, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	NEED(rest != MAP_FAILED, "mmap: %s", strerror(errno));
	madvise(rest, n * ps, MADV_DONTFORK);
	for (i = 1; i < n; i++)
		memset(rest + i * ps, 'r', ps);
	/* The first page alone, so that the others are not sent with it. */
	fs->sh->nlog = 0;
	map = hold_pages(fs, fd, 1);
	EXPECT_UNDER_WRITEBACK(map, 1);
	actor_start(&actor, call, &cut);
	EXPECT(actor_blocks(&actor), "expected the truncation to wait for the WRITE "
	       "in flight, got %s", actor.st->done ? "it done" : "it running");
	NEED(!sync_file_range(fd, ps, (n - 1) * ps, SYNC_FILE_RANGE_WRITE),
	     "sync_file_range: expected 0, got %s", strerror(errno));
	EXPECT(vmstat_delta_is("nr_writeback", base, n, scaled_ms(2000), &got),
	       "nr_writeback with 1 page in flight and %u queued behind a "
	       "truncation: expected +%u, got %+ld", n - 1, n, got);
	EXPECT(fs->sh->held == 1, "WRITEs at the server before the truncation: "
	       "expected 1, got %u", fs->sh->held);

	srv_answer_all(fs);
	if (!actor_done(&actor, prompt_ms()))
		show_stack(actor.pid);
	EXPECT(actor.st->done, "truncation: expected to return within %u ms "
	       "after the answer, got it stuck", prompt_ms());
	EXPECT(!actor.st->ret, "truncation: expected 0, got %s",
	       strerror(actor.st->err));
	EXPECT(vmstat_delta_is("nr_writeback", base, 0, prompt_ms(), &got),
	       "nr_writeback after the truncation: expected +0 of %u pages, "
	       "got %+ld", n, got);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	/* The first was at the server before the truncation. */
	for (i = 0; (ev = srv_find(fs, FUSE_WRITE, i)); i++) {
		EXPECT(!i ||ev->offset + ev->size <= (uint64_t)cut.size,
		       "WRITE at %llu of %llu bytes: expected none beyond the "
		       "new end %lld", (unsigned long long)ev->offset,
		       (unsigned long long)ev->size, (long long)cut.size);
		sent += ev->size;
	}
	EXPECT(sent >= (size_t)cut.size, "bytes at the server: expected all "
	       "%lld before the new end, got %u", (long long)cut.size, sent);
	for (at = ps; at < size; at++)
		EXPECT(fs_store(fs, 0)[at] == 'r', "byte %lld at the server: "
		       "expected %#x, got %#x", (long long)at, 'r',
		       fs_store(fs, 0)[at]);
	EXPECT(fs->sh->size[0] == (uint64_t)cut.size, "size at the server: "
	       "expected %lld, got %llu", (long long)cut.size,
	       (unsigned long long)fs->sh->size[0]);
}

/* ftruncate(2) to within a page.  Guards 0006. */
TEST(counters_queued_beyond_end,
	.purpose = "pages queued beyond the end that ftruncate sets are not "
		"sent and no longer counted",
	.guards = "0006", .stock = STOCK_FAILS)
{
	cut_with_queue(call_ftruncate, 2 * page_size() + 100);
}

/* open(2) with O_TRUNC that the server does itself.  Guards 0006. */
TEST(counters_queued_open_trunc,
	.purpose = "pages queued when an atomic O_TRUNC empties the file are "
		"not sent and no longer counted",
	.guards = "0006", .stock = STOCK_FAILS)
{
	cut_with_queue(call_open_trunc, 0);
}

/* The statistics of the device of a mount, in a debugfs of our own. */
static const char *bdi_file(const struct fs *fs)
{
	static char dir[64], path[160];
	const char *dev = strrchr(fs->bdi, '/') + 1;

	snprintf(dir, sizeof(dir), "%s/debugfs", scratch_dir());
	NEED(!mkdir(dir, 0700), "mkdir %s: %s", dir, strerror(errno));
	if (mount("none", dir, "debugfs", 0, NULL))
		test_skip("needs debugfs: %s", strerror(errno));
	snprintf(path, sizeof(path), "%s/bdi/%s/stats", dir, dev);
	if (access(path, R_OK))
		test_skip("needs bdi/%s/stats in debugfs: %s", dev,
			  strerror(errno));
	return path;
}

/*
 * The device of the mount counts on its own, per processor with a rest that
 * nobody sees; on one processor it is less than one batch.
 */
static bool bdi_is(const char *path, const char *key, long pages, long batch,
		   unsigned int ms, long *got)
{
	const long kb = page_size() >> 10;

	return wait_until(number_in(path, key, got) &&
			  (*got /= kb, labs(*got - pages) < batch), ms);
}

/*
 * The pages of the mount are counted for its device, from which its share of
 * the dirty memory of the machine is worked out: while they are in flight as
 * under writeback, and once each as written, which goes for errors too.
 */
TEST(counters_of_device,
	.purpose = "the device of the mount counts its pages in flight, dirtied "
		"and written",
	.guards = "", .stock = STOCK_PASSES)
{
	const size_t ps = page_size();
	long batch, got, log2 = 0, cpus = sysconf(_SC_NPROCESSORS_CONF);
	unsigned int n, round, rounds = 3;
	struct actor actor;
	const char *path;
	cpu_set_t one;
	struct fs *fs;
	int fd;

	while (cpus >> (log2 + 1))
		log2++;
	/* What the kernel may have more processors for than there are. */
	batch = 8 * (1 + log2) * 2;
	n = 4 * batch;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	NEED(!sched_setaffinity(0, sizeof(one), &one),
	     "sched_setaffinity: %s", strerror(errno));
	fs = fs_mount(&(struct srv_opts){
		.max_write = ps, .max_background = 2 * n,
		.congestion = 2 * n });
	path = bdi_file(fs);
	fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	EXPECT(bdi_is(path, "BdiWriteback", 0, 1, 0, &got),
	       "BdiWriteback of a new mount: expected 0 pages, got %ld", got);

	for (round = 1; round <= rounds; round++) {
		hold_pages(fs, fd, n);
		EXPECT(bdi_is(path, "BdiWriteback", n, batch, scaled_ms(2000),
			      &got), "BdiWriteback in round %u with %u pages "
		       "in flight: expected %u to within %ld, got %ld", round,
		       n, n, batch, got);
		srv_set_error(fs, round == rounds ? EIO : 0);
		actor_start(&actor, call_fsync, &fd);
		srv_answer_all(fs);
		EXPECT(actor_done(&actor, prompt_ms()), "fsync in round %u: "
		       "expected to return, got it stuck", round);
		EXPECT(actor.st->ret == (round == rounds ? -1 : 0),
		       "fsync in round %u: expected %d, got %ld (%s)", round,
		       round == rounds ? -1 : 0, actor.st->ret,
		       strerror(actor.st->err));
		EXPECT(bdi_is(path, "BdiWriteback", 0, batch, prompt_ms(),
			      &got), "BdiWriteback in round %u after the "
		       "answers: expected 0 to within %ld, got %ld of %u",
		       round, batch, got, n);
		EXPECT(bdi_is(path, "BdiWritten", round * n, batch,
			      scaled_ms(2000), &got),
		       "BdiWritten in round %u: expected %u to within %ld, got "
		       "%ld", round, round * n, batch, got);
		EXPECT(bdi_is(path, "BdiDirtied", round * n, batch,
			      scaled_ms(2000), &got),
		       "BdiDirtied in round %u: expected %u to within %ld, got "
		       "%ld", round, round * n, batch, got);
	}
}
