// SPDX-License-Identifier: GPL-2.0
// Tests that misbehave in every way the supervisor must survive.  See check.c.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../flight.h"
#include "../lab.h"
#include "../server.h"
#include "../test.h"
#include "faults.h"

#define OUT_OF_TIME	1	/* seconds */

/* There is no lab in this program. */
int lab_plan(const char *what, const struct test *const **tests)
{
	(void)what;
	(void)tests;
	return -1;
}

static void __attribute__((noreturn)) for_ever(void)
{
	for (;;)
		pause();
}

/* Each request that the server knows is made, and each call's result checked. */
TEST(everything, .purpose = "all requests, each with its result",
	.guards = "", .limit = 5)
{
	const size_t ps = page_size();
	unsigned char *buf = aligned_alloc(ps, ps);
	struct statx st;
	struct fs *fs;
	int fd;

	fault_server();
	fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	NEED(buf, "expected memory, got none");
	memset(buf, 'e', ps);
	close(fs_open(fs, "data", O_CREAT | O_RDWR));
	fd = fs_open(fs, "data", O_RDWR | O_DIRECT);
	EXPECT(pwrite(fd, buf, ps, 0) == (ssize_t)ps,
	       "write: expected a page, got %s", strerror(errno));
	EXPECT(pread(fd, buf, ps, 0) == (ssize_t)ps,
	       "read: expected a page, got %s", strerror(errno));
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT(!ftruncate(fd, 10), "ftruncate: expected 0, got %s",
	       strerror(errno));
	EXPECT(!fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0,
			  ps), "fallocate: expected 0, got %s",
	       strerror(errno));
	EXPECT(!statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC,
		      STATX_BASIC_STATS, &st),
	       "stat: expected 0, got %s", strerror(errno));
	EXPECT(!close(fd), "close: expected 0, got %s", strerror(errno));
	/* Nobody waits for RELEASE: what comes after it shows. */
	fd = fs_open(fs, "more", O_CREAT | O_RDWR);
	EXPECT(!close(fd), "close: expected 0, got %s", strerror(errno));
}

TEST(fails, .purpose = "does not pass, whatever else goes wrong",
	.guards = "", .limit = 5)
{
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = page_size() });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);

	hold_pages(fs, fd, 4);
	EXPECT(false, "expected to get here");
}

TEST(never_returns, .purpose = "says nothing", .guards = "",
	.limit = OUT_OF_TIME)
{
	for_ever();
}

TEST(hangs_in_D, .purpose = "waits for a page that nobody answers",
	.guards = "", .limit = OUT_OF_TIME)
{
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = page_size() });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);

	hold_pages(fs, fd, 4);
	fsync(fd);
}

TEST(ignores_sigterm, .purpose = "ignores signals and has children that hide",
	.guards = "", .limit = OUT_OF_TIME)
{
	int i;

	for (i = 1; i < 32; i++)
		signal(i, SIG_IGN);
	for (i = 0; i < 8; i++) {
		if (fork())
			continue;
		if (i % 2)
			setsid();
		/* An orphan of an orphan. */
		if (i > 3 && fork())
			_exit(0);
		for_ever();
	}
	for_ever();
}

TEST(says_nothing, .purpose = "exits without a result", .guards = "")
{
	_exit(0);
}

TEST(exits_with_7, .purpose = "exits without a result, with a status",
	.guards = "")
{
	_exit(7);
}

TEST(segfaults, .purpose = "dies of a signal", .guards = "")
{
	volatile int *volatile nowhere = NULL;

	*nowhere = 1;
}

TEST(stops, .purpose = "is stopped", .guards = "", .limit = OUT_OF_TIME)
{
	raise(SIGSTOP);
}

/* A process of its own that says pass, before we do anything else. */
static void another_passes(void)
{
	pid_t pid = fork();

	NEED(pid >= 0, "fork: %s", strerror(errno));
	if (!pid)
		test_pass();
	NEED(wait_until(waitpid(pid, NULL, WNOHANG) == pid, 1000),
	     "expected a child that passes to exit");
}

TEST(passes_twice, .purpose = "says pass in two processes", .guards = "")
{
	another_passes();
}

TEST(passes_then_fails, .purpose = "a child says pass, then it fails",
	.guards = "")
{
	another_passes();
	EXPECT(false, "expected to be heard");
}

TEST(passes_and_stays, .purpose = "says pass and does not exit", .guards = "")
{
	another_passes();
	for_ever();
}

TEST(says_odd_things, .purpose = "fails with letters that XML reserves",
	.guards = "")
{
	diag("<&>\"' \x01\xff ]]> -->");
	EXPECT(false, "expected <&>\"' \x01\xff\n, got ]]> -->");
}

TEST(skips, .purpose = "is skipped", .guards = "")
{
	test_skip("needs <nothing> & \"nobody\"");
}

TEST(talks, .purpose = "says a lot", .guards = "", .limit = 5)
{
	int i;

	for (i = 0; i < 1000; i++)
		diag("line %d of many, which says nothing but how many there "
		     "are and fills the pipe that this is written to", i);
}

TEST(talks_for_ever, .purpose = "never stops to talk", .guards = "",
	.limit = OUT_OF_TIME)
{
	for (;;)
		diag("and another thing");
}

TEST(hands_over_its_number, .purpose = "dies, and its number is used again",
	.guards = "")
{
	fault_hand_over_pid();
	_exit(0);
}

TEST(leaves_a_change, .purpose = "changes a file and dies", .guards = "")
{
	const char *path = getenv("FUSEWB_FAULT_FILE");

	NEED(path, "expected FUSEWB_FAULT_FILE, got none");
	restore_later(path, "before");
	NEED(write_file(path, "behind"), "%s: %s", path, strerror(errno));
	raise(SIGKILL);
}

static void memory_cgroup(char *dir, size_t size)
{
	snprintf(dir, size, "%s/cgroup", scratch_dir());
	NEED(!mkdir(dir, 0700), "mkdir: %s", strerror(errno));
	if (mount("cgroup", dir, "cgroup", 0, "memory") &&
	    mount("cgroup2", dir, "cgroup2", 0, NULL))
		test_skip("needs a memory cgroup: %s", strerror(errno));
}

TEST(out_of_memory, .purpose = "gets killed by its memory cgroup",
	.guards = "", .limit = 20)
{
	char base[128], path[300], pid[32];
	const size_t size = 256 << 20;
	int fd;

	memory_cgroup(base, sizeof(base));
	snprintf(path, sizeof(path), "%s/fusewb-faulty", base);
	if (mkdir(path, 0700))
		test_skip("needs a memory cgroup: %s", strerror(errno));
	fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	NEED(fd >= 0, "%s: %s", base, strerror(errno));
	rmdir_later(fd, "fusewb-faulty");
	snprintf(path, sizeof(path), "%s/fusewb-faulty/memory.limit_in_bytes",
		 base);
	if (!write_file(path, "8388608")) {
		snprintf(path, sizeof(path), "%s/fusewb-faulty/memory.max",
			 base);
		if (!write_file(path, "8388608"))
			test_skip("needs a memory controller");
		snprintf(path, sizeof(path), "%s/fusewb-faulty/memory.swap.max",
			 base);
		write_file(path, "0");
	} else {
		snprintf(path, sizeof(path),
			 "%s/fusewb-faulty/memory.swappiness", base);
		write_file(path, "0");
	}
	snprintf(path, sizeof(path), "%s/fusewb-faulty/cgroup.procs", base);
	snprintf(pid, sizeof(pid), "%d", getpid());
	NEED(write_file(path, pid), "%s: %s", path, strerror(errno));
	memset(malloc(size), 1, size);
	EXPECT(false, "expected to be killed for want of memory");
}

/* Last of all, as its name sorts the run: the run went on. */
TEST(well, .purpose = "has nothing wrong with it", .guards = "", .limit = 20)
{
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = page_size() });
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);

	hold_pages(fs, fd, 4);
	srv_answer_all(fs);
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
}
