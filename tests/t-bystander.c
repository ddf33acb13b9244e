// SPDX-License-Identifier: GPL-2.0
// What a server that does not answer does to processes that do not use its mount: nothing.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "block.h"
#include "bystander.h"
#include "flight.h"
#include "khugepaged.h"
#include "server.h"
#include "test.h"

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101	/* the C library may only know its brother */
#endif

#define MEMORY		"/sys/devices/system/memory"
#define HELD		BYSTANDER_PAGES
#define CROWD		4	/* other mounts that hang */
#define CROWD_WRITES	(8UL << 20)
#define MAX_STUCK	6	/* before the rest is not tried */

/* What an operation leaves in aux[] that goes on after what is measured. */
enum { T_END };

/* What an operation returns that this kernel or machine does not have. */
#define NOT_HERE	(-2L)

/* What the bystanders must know; they were there before it was. */
static struct scene {
	pid_t test;		/* has the held pages mapped, at @map */
	unsigned char *map;
	uint64_t pfn[HELD];
	int node, other_node;
	pid_t client[2];	/* in munmap(2), and in mmap(2) over a mapping */
	char tmpfs[64], disk[64], spare[64], spare_loop[32], group[64];
} *scene;

static long by_sync(void *unused)
{
	(void)unused;
	actor_begin();
	sync();
	return 0;
}

static long write_bytes(const char *dir, size_t size, bool durable)
{
	static char buf[64 << 10];
	char path[128];
	long ret = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/file.%d", dir, getpid());
	fd = open(path, O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	memset(buf, 'w', sizeof(buf));
	for (; size && !ret; size -= sizeof(buf))
		ret = write(fd, buf, sizeof(buf)) == sizeof(buf) ? 0 : -1;
	if (!ret && durable)
		ret = fsync(fd);
	close(fd);
	unlink(path);
	return ret;
}

static long by_syncfs(void *unused)
{
	int fd;

	(void)unused;
	fd = open(scene->disk, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	actor_begin();
	return syncfs(fd);
}

static long by_umount(void *unused)
{
	(void)unused;
	if (mount("fusewb", scene->spare, "tmpfs", 0, "size=1m") ||
	    write_bytes(scene->spare, 128 << 10, false))
		return -1;
	actor_begin();
	return umount(scene->spare);
}

static long by_umount_disk(void *unused)
{
	(void)unused;
	if (mount_ext2(scene->spare_loop, scene->spare) ||
	    write_bytes(scene->spare, 1 << 20, false))
		return -1;
	actor_begin();
	return umount(scene->spare);
}

static long by_drop_caches(void *unused)
{
	(void)unused;
	actor_begin();
	return write_file("/proc/sys/vm/drop_caches", "3") ? 0 : -1;
}

static long by_compact(void *unused)
{
	(void)unused;
	if (access("/proc/sys/vm/compact_memory", W_OK))
		return NOT_HERE;
	actor_begin();
	return write_file("/proc/sys/vm/compact_memory", "1") ? 0 : -1;
}

static void *some_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static long by_move_own(void *unused)
{
	void *page = some_memory(page_size());
	int status = 0;

	(void)unused;
	if (scene->other_node < 0)
		return NOT_HERE;
	if (!page)
		return -1;
	memset(page, 1, page_size());
	actor_begin();
	return syscall(SYS_move_pages, 0, 1UL, &page, &scene->other_node,
		       &status, MPOL_MF_MOVE) ? -1 : 0;
}

/* As whoever balances memory between nodes does; that it fails is fine. */
static long by_move_held(void *unused)
{
	void *page = scene->map;
	int status = 0;

	(void)unused;
	if (scene->other_node < 0)
		return NOT_HERE;
	actor_begin();
	syscall(SYS_move_pages, scene->test, 1UL, &page, &scene->other_node,
		&status, MPOL_MF_MOVE_ALL);
	return 0;
}

static long by_migrate_pages(void *unused)
{
	unsigned long from = 1UL << scene->node;
	unsigned long to = scene->other_node < 0 ? 0 : 1UL << scene->other_node;

	(void)unused;
	if (!to)
		return NOT_HERE;
	actor_begin();
	return syscall(SYS_migrate_pages, 0, 8 * sizeof(from), &from, &to) < 0 ?
	       -1 : 0;
}

/* The state file of block @n if it can go offline and holds no held page. */
static bool other_block(unsigned long n, unsigned long block, char *state,
			size_t size)
{
	char path[64], buf[64];
	unsigned int i;

	for (i = 0; i < HELD; i++)
		if (scene->pfn[i] * page_size() / block == n)
			return false;
	snprintf(state, size, MEMORY "/memory%lu/state", n);
	snprintf(path, sizeof(path), MEMORY "/memory%lu/valid_zones", n);
	return read_file(state, buf, sizeof(buf)) &&
	       !strncmp(buf, "online", 6) &&
	       read_file(path, buf, sizeof(buf)) && !strncmp(buf, "Movable", 7);
}

/* Some have a page that never moves: one that goes is enough. */
static long by_offline(void *unused)
{
	char buf[64], state[64];
	unsigned long n, block;
	long ret = NOT_HERE;

	(void)unused;
	if (!read_file(MEMORY "/block_size_bytes", buf, sizeof(buf)))
		return NOT_HERE;
	block = strtoul(buf, NULL, 16);
	actor_begin();
	for (n = 4096; block && n-- && ret;) {
		if (!other_block(n, block, state, sizeof(state)))
			continue;
		ret = write_file(state, "offline") ? 0 : -1;
		if (!ret)
			write_file(state, "online_movable");
	}
	return ret;
}

static long by_soft_offline(void *unused)
{
	void *page = some_memory(page_size());
	long ret;

	(void)unused;
	if (!page)
		return -1;
	memset(page, 1, page_size());
	actor_begin();
	ret = madvise(page, page_size(), MADV_SOFT_OFFLINE);
	return ret && errno == EINVAL ? NOT_HERE : ret;
}

/* As a daemon does that has seen corrected errors; that it fails is fine. */
static long by_soft_offline_held(void *unused)
{
	char value[32];

	(void)unused;
	if (access(MEMORY "/soft_offline_page", W_OK))
		return NOT_HERE;
	snprintf(value, sizeof(value), "%#llx", (unsigned long long)
		 (scene->pfn[HELD - 1] * page_size()));
	actor_begin();
	write_file(MEMORY "/soft_offline_page", value);
	return 0;
}

static char *huge_memory(void)
{
	char *p = some_memory(3 * HUGE);

	return p ? (char *)(((uintptr_t)p + HUGE - 1) & -HUGE) : NULL;
}

static bool thp_off(void)
{
	char buf[64];

	return !read_file(THP "/enabled", buf, sizeof(buf)) ||
	       strstr(buf, "[never]");
}

static long by_thp_fault(void *unused)
{
	char *p = huge_memory();

	(void)unused;
	if (thp_off())
		return NOT_HERE;
	if (!p || madvise(p, HUGE, MADV_HUGEPAGE))
		return -1;
	actor_begin();
	memset(p, 1, HUGE);
	return 0;
}

/* Small pages, then the wish for a huge one, and khugepaged has to come by. */
static long by_khugepaged(void *unused)
{
	char *p = huge_memory(), buf[16384], *huge;
	unsigned int step = 3;

	(void)unused;
	if (thp_off())
		return NOT_HERE;
	if (!p || madvise(p, HUGE, MADV_NOHUGEPAGE))
		return -1;
	memset(p, 1, HUGE);
	actor_begin();
	if (madvise(p, HUGE, MADV_HUGEPAGE))
		return -1;
	for (;;) {
		if (!read_file("/proc/self/smaps_rollup", buf, sizeof(buf)))
			return -1;
		huge = strstr(buf, "AnonHugePages:");
		if (huge && strtoul(huge + 14, NULL, 10))
			return 0;
		poll_pause(&step);
	}
}

static const char *in_group(const char *file)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/%s", scene->group, file);
	return path;
}

static bool group_write(const char *file, const char *value)
{
	return write_file(in_group(file), value);
}

/*
 * Use up more than the limit of a group, in a child: what it has goes with it, and
 * so does the group, or the controller would stay where it is.
 */
static long at_limit(const char *limit_file)
{
	const size_t chunk = 256 << 10;
	int status = -1, i;
	pid_t pid;
	char *p;

	if (mkdir(in_group("g"), 0700) || !group_write(limit_file, "8388608"))
		return -1;
	actor_begin();
	pid = fork();
	if (!pid) {
		if (!group_write("g/cgroup.procs", "0"))
			_exit(1);
		for (i = 0; i < 48; i++) {
			p = some_memory(chunk);
			if (!p)
				_exit(1);
			memset(p, 1, chunk);
			if (madvise(p, chunk, MADV_FREE))
				_exit(1);
		}
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	actor_self()->aux[T_END] = now_ns();
	errno = ENOMEM;
	return status ? -1 : 0;
}

static void leave_groups(void)
{
	wait_until(!rmdir(in_group("g")) || errno == ENOENT, scaled_ms(1000));
	group_write("cgroup.subtree_control", "-memory");
	umount2(scene->group, MNT_DETACH);
}

/*
 * The memory controller is in one hierarchy at a time, and stays where it once
 * had a group: of these two one is not here.  It must not be taken out of v2 in
 * between: kernel memory of a group that is gone is counted down in v1 then, where
 * it was never counted up, and every kernel complains ("page_counter underflow").
 */
static bool memory_is_in_v1(void)
{
	char buf[4096], *p;

	if (!read_file("/proc/cgroups", buf, sizeof(buf)))
		return false;
	p = strstr(buf, "\nmemory\t");
	return p && atoi(p + strlen("\nmemory\t"));
}

static long by_memcg_v2(void *unused)
{
	long ret = NOT_HERE;
	char buf[256];

	(void)unused;
	if (mount("none", scene->group, "cgroup2", 0, NULL))
		return NOT_HERE;
	if (read_file(in_group("cgroup.controllers"), buf, sizeof(buf)) &&
	    strstr(buf, "memory") &&
	    group_write("cgroup.subtree_control", "+memory"))
		ret = at_limit("g/memory.max");
	leave_groups();
	return ret;
}

static long by_memcg_v1(void *unused)
{
	long ret;

	(void)unused;
	if (!memory_is_in_v1() ||
	    mount("none", scene->group, "cgroup", 0, "memory"))
		return NOT_HERE;
	ret = at_limit("g/memory.limit_in_bytes");
	leave_groups();
	return ret;
}

static long by_exec(void *unused)
{
	int status, null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	pid_t pid;

	(void)unused;
	actor_begin();
	pid = fork();
	if (!pid) {
		dup2(null, 1);
		execl("/proc/self/exe", "fusewb-smoke", "--version", NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	errno = ECHILD;
	return status ? -1 : 0;
}

static void read_proc(pid_t pid)
{
	static const char *const names[] = {
		"stat", "cmdline", "maps", "smaps", "status",
	};
	static char buf[65536];
	char path[64];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, names[i]);
		read_file(path, buf, sizeof(buf));
	}
}

/* As ps does, of all but the clients. */
static long by_proc(void *unused)
{
	DIR *d = opendir("/proc");
	struct dirent *de;
	unsigned int n = 0;
	pid_t pid;

	(void)unused;
	if (!d)
		return -1;
	actor_begin();
	while ((de = readdir(d))) {
		pid = atoi(de->d_name);
		if (pid <= 0 || pid == scene->client[0] ||
		    pid == scene->client[1])
			continue;
		read_proc(pid);
		n++;
	}
	errno = ENOENT;
	return n ? 0 : -1;
}

static long by_proc_munmap(void *unused)
{
	(void)unused;
	actor_begin();
	read_proc(scene->client[0]);
	return 0;
}

static long by_proc_mmap(void *unused)
{
	(void)unused;
	actor_begin();
	read_proc(scene->client[1]);
	return 0;
}

static long by_write_tmpfs(void *unused)
{
	(void)unused;
	actor_begin();
	return write_bytes(scene->tmpfs, 8 << 20, false);
}

static long by_write_disk(void *unused)
{
	(void)unused;
	actor_begin();
	return write_bytes(scene->disk, 4 << 20, true);
}

static long by_freeze(void *unused)
{
	(void)unused;
	if (!write_file("/sys/power/pm_test", "freezer"))
		return NOT_HERE;
	actor_begin();
	return write_file("/sys/power/state", "freeze") ? 0 : -1;
}

enum { FIRST = 1, TOLD = 16 };

/*
 * In this order.  Those that are FIRST go before there are clients that wait
 * for the server: a process that does cannot be frozen, on no kernel, so what
 * then happens is merely TOLD.  The others ask that there are pages in flight,
 * and that the server answers what is no WRITE, or that it does not, and that
 * nobody waits for it yet: times are still written back and waited for when a
 * mapping goes, on stock kernels too.
 */
static const struct op {
	const char *name;
	long (*call)(void *unused);
	unsigned int flags;
} ops[] = {
	{ "sync", by_sync, FIRST },
	{ "freeze", by_freeze, FIRST | NO_WAITERS },
	{ "sync_while_clients_wait", by_sync, 0 },
	{ "syncfs_of_another_mount", by_syncfs, 0 },
	{ "umount_of_another_mount", by_umount, 0 },
	{ "umount_of_a_disk", by_umount_disk, 0 },
	{ "drop_caches", by_drop_caches, 0 },
	{ "compact_memory", by_compact, 0 },
	{ "move_pages_of_other_pages", by_move_own, 0 },
	{ "move_pages_of_held_pages", by_move_held, HAS_HELD },
	{ "migrate_pages", by_migrate_pages, 0 },
	{ "soft_offline_of_a_held_page", by_soft_offline_held, HAS_HELD },
	{ "soft_offline_of_another_page", by_soft_offline, 0 },
	{ "offline_of_another_block", by_offline, 0 },
	{ "thp_fault", by_thp_fault, 0 },
	{ "khugepaged", by_khugepaged, 0 },
	{ "memcg_v2_limit", by_memcg_v2, 0 },
	{ "memcg_v1_limit", by_memcg_v1, 0 },
	{ "fork_exec_exit", by_exec, 0 },
	{ "proc_of_others", by_proc, 0 },
	{ "proc_of_client_in_munmap", by_proc_munmap, 0 },
	{ "proc_of_client_in_mmap", by_proc_mmap, HAS_ANSWERS },
	{ "proc_behind_a_setattr", by_proc_mmap, NO_ANSWERS | TOLD },
	{ "write_tmpfs", by_write_tmpfs, 0 },
	{ "write_disk", by_write_disk, 0 },
	{ "freeze_while_clients_wait", by_freeze, TOLD },
};

#define NOPS (sizeof(ops) / sizeof(ops[0]))

static struct actor bystander[NOPS];
static char bad[400];
static unsigned int stuck;

static void blame(const struct op *op, const char *how)
{
	size_t n = strlen(bad);

	snprintf(bad + n, sizeof(bad) - n, "%s%s (%s)", n ? ", " : "", op->name,
		 how);
}

/* Of what is not judged it is enough to see that it waits. */
static unsigned int patience(const struct op *op)
{
	if (!(op->flags & TOLD))
		return prompt_ms();
	return op->call == by_freeze ? scaled_ms(3000) : scaled_ms(1000);
}

static void do_op(size_t i)
{
	const struct op *op = &ops[i];
	struct actor *a = &bystander[i];
	uint64_t begun, end;

	if (stuck == MAX_STUCK) {
		diag("bystander: %s not tried", op->name);
		return;
	}
	begun = now_ns();
	actor_go(a);
	if (!actor_done(a, patience(op))) {
		diag("bystander: %s stuck%s", op->name,
		     op->flags & TOLD ? ", behind a client" : "");
		show_stack(a->pid);
		if (op->flags & TOLD)
			return;
		blame(op, "stuck");
		stuck++;
		return;
	}
	if (a->st->ret == NOT_HERE) {
		diag("bystander: %s -", op->name);
		return;
	}
	if (a->st->begun)
		begun = a->st->t_begun;
	end = a->st->aux[T_END] ? (uint64_t)a->st->aux[T_END] : a->st->t_done;
	diag("bystander: %s %llu%s%s", op->name,
	     (unsigned long long)((end - begun) / 1000000),
	     a->st->ret ? " and then " : "",
	     a->st->ret ? strerror(a->st->err) : "");
	if (a->st->ret && !(op->flags & TOLD))
		blame(op, strerror(a->st->err));
}

static void make_dir(char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s/%s", scratch_dir(), name);
	NEED(!mkdir(path, 0700), "mkdir %s: %s", path, strerror(errno));
}

void bystander_prepare(void)
{
	char loop[32], value[32];
	int fd, nodes[64];
	size_t i;

	scene = mmap(NULL, sizeof(*scene), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	NEED(scene != MAP_FAILED, "mmap: %s", strerror(errno));
	scene->test = getpid();
	scene->other_node = -1;
	if (node_list(nodes, 64) > 1)
		scene->other_node = nodes[1], scene->node = nodes[0];
	make_dir(scene->tmpfs, sizeof(scene->tmpfs), "tmpfs");
	make_dir(scene->disk, sizeof(scene->disk), "disk");
	make_dir(scene->spare, sizeof(scene->spare), "spare");
	make_dir(scene->group, sizeof(scene->group), "group");
	NEED(!mount("fusewb", scene->tmpfs, "tmpfs", 0, "size=16m"),
	     "mount of tmpfs: %s", strerror(errno));
	fd = loop_device(memory_ext2(), loop, sizeof(loop));
	NEED(!mount_ext2(loop, scene->disk),
	     "mount of ext2: expected success, got %s", strerror(errno));
	close(fd);
	/* Stays open here, or it would be gone. */
	loop_device(memory_ext2(), scene->spare_loop,
		    sizeof(scene->spare_loop));
	khugepaged_hurries();
	restore_setting_later("/sys/power/pm_test");
	set_for_now("/sys/module/suspend/parameters/pm_test_delay", "0");
	snprintf(value, sizeof(value), "%u", scaled_ms(2000));
	set_for_now("/sys/power/pm_freeze_timeout", value);
	for (i = 0; i < NOPS; i++)
		actor_prepare(&bystander[i], ops[i].call, NULL);
}

void bystander_look_at(unsigned char *map)
{
	unsigned int i;

	scene->map = map;
	for (i = 0; i < HELD; i++) {
		(void)*(volatile unsigned char *)&map[i * page_size()];
		page_pfn(map + i * page_size(), &scene->pfn[i]);
	}
}

/*
 * Clients, some of which wait, and may: who uses the mount has made that choice.
 * Who looks at them has not.
 */
static long client_munmap(void *arg)
{
	unsigned char *p = mmap(NULL, page_size(), PROT_READ | PROT_WRITE,
				MAP_SHARED, *(int *)arg, 0);

	if (p == MAP_FAILED)
		return -1;
	actor_begin();
	return munmap(p, page_size());
}

static long client_mmap(void *arg)
{
	unsigned char *p = mmap(NULL, page_size(), PROT_READ | PROT_WRITE,
				MAP_SHARED, *(int *)arg, 0);

	if (p == MAP_FAILED)
		return -1;
	actor_begin();
	return mmap(p, page_size(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS |
		    MAP_FIXED, -1, 0) == MAP_FAILED ? -1 : 0;
}

/* On every kernel this one holds up whoever else writes the inode back. */
static long client_close(void *arg)
{
	actor_begin();
	return close(*(int *)arg);
}

static long client_write(void *arg)
{
	static char buf[64 << 10];
	size_t n;

	actor_begin();
	for (n = 0; n < CROWD_WRITES; n += sizeof(buf))
		if (write(*(int *)arg, buf, sizeof(buf)) != sizeof(buf))
			return -1;
	return 0;
}

void bystander_clients(int *fd)
{
	static const struct {
		const char *name;
		long (*call)(void *arg);
	} c[] = {
		{ "munmap", client_munmap },
		{ "mmap", client_mmap },
		{ "close", client_close },
	};
	static struct actor client[3];
	static int other;
	int i;

	other = dup(*fd);
	NEED(other >= 0, "dup: %s", strerror(errno));
	for (i = 2; i >= 0; i--)
		actor_start(&client[i], c[i].call, i == 2 ? &other : fd);
	for (i = 0; i < 3; i++) {
		if (i < 2)
			scene->client[i] = client[i].pid;
		diag("client in %s %s", c[i].name, actor_blocks(&client[i]) ?
		     "waits" : "does not wait");
	}
}

void bystander_ops(bool first, unsigned int has)
{
	const unsigned int asks = HAS_HELD | HAS_ANSWERS | NO_ANSWERS |
				  NO_WAITERS;
	size_t i;

	for (i = 0; i < NOPS; i++)
		if (first == !!(ops[i].flags & FIRST) &&
		    !(ops[i].flags & asks & ~has))
			do_op(i);
}

const char *bystander_blame(void)
{
	return bad;
}

static void judge(void)
{
	EXPECT(!bad[0], "bystanders: expected each to be through within %u ms, "
	       "got not so: %s", prompt_ms(), bad);
}

/*
 * Data in flight for ever: on one mount a few pages that operations come by and
 * clients wait for, and other mounts with as much as they may have dirty.
 * Guards 0007, 0009 and 0016, and 0005.
 */
TEST(bystanders_write_held,
	.purpose = "a server that never answers WRITE holds up nobody who "
		"does not use its mount",
	.guards = "0007,0009,0005,0016,0006", .stock = STOCK_FAILS,
	.danger = WEDGE, .limit = 180)
{
	const size_t ps = page_size();
	unsigned char *map, *again;
	struct actor writer[CROWD];
	struct fs *fs, *crowd[CROWD];
	int fd, crowd_fd[CROWD], i;
	unsigned int blocked = 0;

	bystander_prepare();
	sync();
	for (i = 0; i < CROWD; i++)
		crowd[i] = fs_mount(&(struct srv_opts){ 0 });
	fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	/* One more page, to dirty while others are in flight. */
	NEED(pwrite(fd, "more", 4, HELD * ps) == 4 && !fsync(fd),
	     "write: expected success, got %s", strerror(errno));
	again = mmap(NULL, ps, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		     HELD * ps);
	NEED(again != MAP_FAILED, "mmap: %s", strerror(errno));
	madvise(again, ps, MADV_DONTFORK);
	map = hold_pages(fs, fd, HELD);
	bystander_look_at(map);

	bystander_ops(true, HAS_HELD | HAS_ANSWERS | NO_WAITERS);
	bystander_clients(&fd);
	*again = 'M';
	for (i = 0; i < CROWD; i++) {
		srv_hold(crowd[i], true);
		crowd_fd[i] = fs_open(crowd[i], "data", O_CREAT | O_RDWR);
		actor_start(&writer[i], client_write, &crowd_fd[i]);
	}
	for (i = 0; i < CROWD; i++)
		blocked += actor_blocks(&writer[i]);
	diag("%u of %u writers to other hung mounts wait", blocked, CROWD);
	bystander_ops(false, HAS_HELD | HAS_ANSWERS);

	judge();
	EXPECT_UNDER_WRITEBACK(map, HELD);
}

/*
 * No page in flight, but times of a file: the flusher and clients wait for a
 * SETATTR.  Guards 0007.
 */
TEST(bystanders_setattr_held,
	.purpose = "a server that never answers SETATTR holds up nobody who "
		"does not use its mount",
	.guards = "0007", .stock = STOCK_FAILS, .danger = WEDGE, .limit = 180)
{
	const size_t ps = page_size();
	struct fs *fs;
	int fd;

	bystander_prepare();
	sync();
	fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	srv_mute(fs, 1ULL << FUSE_SETATTR);
	NEED(pwrite(fd, "dirty", 5, 0) == 5, "write: expected 5, got %s",
	     strerror(errno));

	bystander_ops(true, NO_ANSWERS | NO_WAITERS);
	NEED(wait_until(fs->sh->muted, prompt_ms()), "expected a SETATTR at "
	     "the server, got none");
	bystander_clients(&fd);
	bystander_ops(false, NO_ANSWERS);

	judge();
	EXPECT(fs->sh->muted, "expected a SETATTR to be unanswered, got none");
}

/*
 * A server that has pages in flight and answers nothing any more.  Guards 0007
 * and 0009, and 0005.
 */
TEST(bystanders_silent,
	.purpose = "a server that answers nothing any more holds up nobody "
		"who does not use its mount",
	.guards = "0007,0009,0005,0006", .stock = STOCK_FAILS, .danger = WEDGE,
	.limit = 180)
{
	const size_t ps = page_size();
	unsigned char *map;
	struct fs *fs;
	int fd;

	bystander_prepare();
	sync();
	fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	fd = fs_open(fs, "data", O_CREAT | O_RDWR);
	map = hold_pages(fs, fd, HELD);
	bystander_look_at(map);
	srv_mute(fs, ~0ULL);

	bystander_ops(true, HAS_HELD | NO_ANSWERS | NO_WAITERS);
	bystander_clients(&fd);
	bystander_ops(false, HAS_HELD | NO_ANSWERS);

	judge();
	EXPECT_UNDER_WRITEBACK(map, HELD);
}
