// SPDX-License-Identifier: GPL-2.0
// Huge pages: khugepaged works for everybody, and waits for no server.
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flight.h"
#include "server.h"
#include "test.h"

#define THP		"/sys/kernel/mm/transparent_hugepage"
#define HUGE		(2UL << 20)
#define TEXT_AT		0x400000UL
#define TEXT_SIZE	(2 * HUGE)
#define BSS_AT		(TEXT_AT + TEXT_SIZE)
#define BSS_SIZE	(2 * HUGE)

static bool set_thp(const char *name, const char *value, const char *before)
{
	char path[128];

	snprintf(path, sizeof(path), THP "/%s", name);
	restore_later(path, before);
	return write_file(path, value);
}

/* Of "always [madvise] never", the chosen one. */
static void chosen(char *buf)
{
	char *from = strchr(buf, '['), *to = from ? strchr(from, ']') : NULL;

	if (to) {
		*to = '\0';
		memmove(buf, from + 1, to - from);
	}
}

/* All of it is to be there before khugepaged is interested, for now. */
static void khugepaged_hurries(void)
{
	static const struct { const char *name, *value; } knob[] = {
		{ "enabled", "always" },
		{ "khugepaged/defrag", "1" },
		{ "khugepaged/max_ptes_none", "0" },
		{ "khugepaged/pages_to_scan", "65536" },
		{ "khugepaged/alloc_sleep_millisecs", "10" },
		{ "khugepaged/scan_sleep_millisecs", "10" },
	};
	char path[128], before[64];
	size_t i;

	for (i = 0; i < sizeof(knob) / sizeof(knob[0]); i++) {
		snprintf(path, sizeof(path), THP "/%s", knob[i].name);
		if (!read_file(path, before, sizeof(before)))
			test_skip("needs transparent huge pages");
		before[strcspn(before, "\n")] = '\0';
		chosen(before);
		NEED(set_thp(knob[i].name, knob[i].value, before),
		     "write of %s: %s", path, strerror(errno));
	}
}

static long full_scans(void)
{
	char buf[32];

	NEED(read_file(THP "/khugepaged/full_scans", buf, sizeof(buf)),
	     "read of full_scans: %s", strerror(errno));
	return strtol(buf, NULL, 10);
}

/*
 * A program of two huge pages of text.  It touches its bss, by which khugepaged
 * gets to know it, says so on descriptor 3, and sleeps.
 */
static void write_program(int fd)
{
	static const unsigned char code[] = {
		0xc7, 0x04, 0x25, 0x00, 0x00, 0x80, 0x00, 1, 0, 0, 0,
					/* movl $1, BSS_AT */
		0xb8, 1, 0, 0, 0,	/* mov $SYS_write, %eax */
		0xbf, 3, 0, 0, 0,	/* mov $3, %edi */
		0xbe, 0x00, 0x00, 0x40, 0x00,	/* mov $TEXT_AT, %esi */
		0xba, 1, 0, 0, 0,	/* mov $1, %edx */
		0x0f, 0x05,		/* syscall */
		0xb8, 34, 0, 0, 0,	/* 1: mov $SYS_pause, %eax */
		0x0f, 0x05,		/* syscall */
		0xeb, 0xf7,		/* jmp 1b */
	};
	const struct {
		Elf64_Ehdr e;
		Elf64_Phdr p[2];
	} head = {
		.e = {
			.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
				ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC, .e_machine = EM_X86_64,
			.e_version = EV_CURRENT,
			.e_entry = TEXT_AT + sizeof(head),
			.e_phoff = sizeof(head.e),
			.e_ehsize = sizeof(head.e),
			.e_phentsize = sizeof(head.p[0]), .e_phnum = 2,
		},
		.p = {
			{ .p_type = PT_LOAD, .p_flags = PF_R | PF_X,
			  .p_vaddr = TEXT_AT, .p_paddr = TEXT_AT,
			  .p_filesz = TEXT_SIZE, .p_memsz = TEXT_SIZE,
			  .p_align = 4096 },
			{ .p_type = PT_LOAD, .p_flags = PF_R | PF_W,
			  .p_vaddr = BSS_AT, .p_paddr = BSS_AT,
			  .p_memsz = BSS_SIZE, .p_align = 4096 },
		},
	};
	const size_t n = sizeof(head);

	NEED(pwrite(fd, &head, n, 0) == (ssize_t)n &&
	     pwrite(fd, code, sizeof(code), n) == (ssize_t)sizeof(code) &&
	     !ftruncate(fd, TEXT_SIZE) && !fsync(fd),
	     "write of a program: %s", strerror(errno));
}

/* It needs its text to say so, which khugepaged may have locked: see @runs. */
static pid_t run_program(const char *path, bool *runs)
{
	int said[2], status = 0;
	struct pollfd pfd;
	pid_t pid;
	char c;

	NEED(!pipe(said), "pipe: %s", strerror(errno));
	pfd = (struct pollfd){ .fd = said[0], .events = POLLIN };
	pid = fork();
	NEED(pid >= 0, "fork: %s", strerror(errno));
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(said[1], 3);
		execl(path, path, (char *)NULL);
		_exit(errno);
	}
	close(said[1]);
	*runs = poll(&pfd, 1, prompt_ms()) > 0;
	if (*runs && read(said[0], &c, 1) != 1) {
		waitpid(pid, &status, 0);
		NEED(false, "%s: expected it to run, got wait status %#x (%s)",
		     path, status, strerror(WEXITSTATUS(status)));
	}
	close(said[0]);
	return pid;
}

static long huge_kib(const void *at)
{
	char line[256];
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long from, to;
	bool here = false;
	long kib = -1;

	NEED(f, "open of smaps: %s", strerror(errno));
	while (kib < 0 && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = from <= (unsigned long)at &&
			       (unsigned long)at < to;
		else if (here)
			sscanf(line, "AnonHugePages: %ld", &kib);
	}
	fclose(f);
	return kib;
}

/*
 * How much khugepaged makes huge, in KiB, of a process that has nothing to do
 * with the program: of this one.
 */
static long others_get_huge_pages(void)
{
	long kib = 0;
	char *p = mmap(NULL, 3 * HUGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(p != MAP_FAILED, "mmap: %s", strerror(errno));
	p = (char *)(((unsigned long)p + HUGE - 1) & -HUGE);
	madvise(p, 2 * HUGE, MADV_NOHUGEPAGE);
	memset(p, 1, 2 * HUGE);
	NEED(!madvise(p, 2 * HUGE, MADV_HUGEPAGE), "madvise: %s",
	     strerror(errno));
	wait_until((kib = huge_kib(p)) > 0, scaled_ms(15000));
	return kib;
}

/*
 * What is missing of program text khugepaged reads, from whoever serves it.  A
 * server that does not answer must not stop it, as it works for everybody: it
 * has to come by the program and then still make a huge page for another
 * process.  Guards 0014.
 */
TEST(khugepaged_reads_held,
	.purpose = "khugepaged works while the server of a program's text "
		"does not answer READ",
	.guards = "0014", .stock = STOCK_FAILS, .danger = WEDGE, .limit = 120)
{
	struct fs *fs = fs_mount(&(struct srv_opts){ 0 });
	int fd = fs_open(fs, "program", O_CREAT | O_RDWR);
	long scans, kib;
	char path[128];
	pid_t pid;
	bool runs;

	if (sizeof(void *) != 8 || page_size() != 4096)
		test_skip("needs x86-64, as its program does");
	write_program(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	/* Or the file would be one that may change. */
	close(fd);
	khugepaged_hurries();
	snprintf(path, sizeof(path), "%s/program", fs->dir);
	pid = run_program(path, &runs);
	NEED(runs, "%s: expected it to run within %u ms", path, prompt_ms());
	/* New pages have a reference more until they are on the LRU lists. */
	NEED(write_file("/proc/sys/vm/compact_memory", "1"),
	     "write of compact_memory: %s", strerror(errno));
	srv_mute(fs, 1ULL << FUSE_READ);
	NEED(write_file(THP "/khugepaged/max_ptes_none", "511"),
	     "write of max_ptes_none: %s", strerror(errno));

	scans = full_scans();
	NEED(wait_until(full_scans() >= scans + 3 || fs->sh->muted,
			scaled_ms(20000)),
	     "expected khugepaged to come by, got full_scans %+ld",
	     full_scans() - scans);
	diag("READs of khugepaged: %u", fs->sh->muted);

	kib = others_get_huge_pages();
	EXPECT(kib > 0,
	       "expected khugepaged to make huge pages of another process "
	       "within %u ms while %u READs are not answered, got %ld KiB",
	       scaled_ms(15000), fs->sh->muted, kib);
	kill(pid, SIGKILL);
	srv_answer_all(fs);
}

static long huge_text(void)
{
	long n;

	NEED(vmstat_read("nr_file_hugepages", &n),
	     "expected nr_file_hugepages in /proc/vmstat, got nothing");
	return n;
}

/* A program all of which is in the page cache. */
static int present_program(struct fs *fs, const char *name)
{
	int fd = fs_open(fs, name, O_CREAT | O_RDWR);
	static char buf[64 << 10];
	ssize_t n;
	off_t at;

	write_program(fd);
	for (at = 0; at < (off_t)TEXT_SIZE; at += n) {
		n = pread(fd, buf, sizeof(buf), at);
		NEED(n > 0, "read of %s: expected %lu bytes, got %ld: %s", name,
		     TEXT_SIZE, (long)at, strerror(errno));
	}
	/* New pages have a reference more until they are on the LRU lists. */
	NEED(write_file("/proc/sys/vm/compact_memory", "1"),
	     "write of compact_memory: %s", strerror(errno));
	return fd;
}

/* What a mapping has dirtied is sent when it goes, even of a closed file. */
static long store_closed_unmap(void *arg)
{
	int fd = *(int *)arg;
	char *map = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
			 fd, HUGE);

	if (map == MAP_FAILED || close(fd))
		return -1;
	memcpy(map, "mapped", 6);
	actor_begin();
	return munmap(map, page_size());
}

static void show_khugepaged(void)
{
	DIR *proc = opendir("/proc");
	char path[64], comm[32];
	struct dirent *d;
	int pid;

	while (proc && (d = readdir(proc))) {
		pid = atoi(d->d_name);
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		if (pid > 0 && read_file(path, comm, sizeof(comm)) &&
		    !strcmp(comm, "khugepaged\n")) {
			diag("khugepaged, task %d", pid);
			show_stack(pid);
		}
	}
	if (proc)
		closedir(proc);
}

/*
 * Before it makes a huge page of program text khugepaged may wait for what is
 * in flight anywhere in the file, with the part at hand locked; it does so only
 * if nobody has the file open for writing.  Without writeback cache a mapping
 * can leave pages in flight behind: the file is closed before it is written to,
 * and munmap(2) does not wait.  The page is in another part of the text, as
 * that in its own it would see first.  Guards 0010.
 */
TEST(khugepaged_in_flight,
	.purpose = "khugepaged works while a page of a program's text is in "
		"flight, and makes it huge afterwards",
	.guards = "0010", .stock = STOCK_PASSES, .danger = WEDGE, .limit = 180)
{
	struct fs *fs = fs_mount(&(struct srv_opts){
		.no_writeback_cache = true });
	struct actor unmapper, syncer;
	long huge, scans, kib;
	char path[128];
	bool runs, came_by;
	int fd, dir;
	pid_t pid;

	if (sizeof(void *) != 8 || page_size() != 4096)
		test_skip("needs x86-64, as its program does");
	khugepaged_hurries();
	fs_lift_dirty_limit(fs);
	dir = fs_open(fs, ".", O_RDONLY | O_DIRECTORY);

	/* That nothing hangs says something only where text gets huge at all. */
	huge = huge_text();
	close(present_program(fs, "control"));
	snprintf(path, sizeof(path), "%s/control", fs->dir);
	pid = run_program(path, &runs);
	NEED(runs, "%s: expected it to run within %u ms", path, prompt_ms());
	if (!wait_until(huge_text() > huge, scaled_ms(20000)))
		test_skip("needs khugepaged to make huge pages of program "
			  "text, as with CONFIG_READ_ONLY_THP_FOR_FS");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);

	fd = present_program(fs, "program");
	srv_hold(fs, true);
	actor_start(&unmapper, store_closed_unmap, &fd);
	NEED(srv_wait_held(fs, 1), "expected a WRITE at the server after "
	     "munmap, got none: %s", strerror(unmapper.st->err));
	if (!actor_done(&unmapper, prompt_ms())) {
		show_stack(unmapper.pid);
		blind_to("0010", "munmap(2) waits for the server, and the "
			 "file has a writer as long");
		srv_answer_all(fs);
		return;
	}
	NEED(!unmapper.st->ret, "munmap: expected 0, got %s",
	     strerror(unmapper.st->err));
	actor_start(&syncer, call_syncfs, &dir);
	if (!actor_done(&syncer, prompt_ms())) {
		show_stack(syncer.pid);
		blind_to("0010", "syncfs(2) waits for the server: it may not "
			 "be known that writeback of this file may never end");
		srv_answer_all(fs);
		return;
	}

	huge = huge_text();
	snprintf(path, sizeof(path), "%s/program", fs->dir);
	pid = run_program(path, &runs);
	if (!runs)
		show_khugepaged();
	EXPECT(runs, "expected the program to run within %u ms while a WRITE "
	       "of it is held, got it stuck", prompt_ms());
	scans = full_scans();
	came_by = wait_until(full_scans() >= scans + 3, scaled_ms(20000));
	kib = others_get_huge_pages();
	if (kib <= 0)
		show_khugepaged();
	EXPECT(kib > 0,
	       "expected khugepaged to make huge pages of another process "
	       "within %u ms while a WRITE of a program is held, got %ld KiB",
	       scaled_ms(15000), kib);
	NEED(came_by, "expected khugepaged to come by, got full_scans %+ld",
	     full_scans() - scans);
	EXPECT(fs->sh->held == 1, "expected the WRITE to be unanswered, got "
	       "%u of it", fs->sh->held);
	diag("huge pages of text while it is held: %+ld", huge_text() - huge);

	srv_answer_all(fs);
	EXPECT(wait_until(huge_text() > huge, scaled_ms(20000)),
	       "expected khugepaged to make huge pages of the text within %u "
	       "ms after the answer, got none", scaled_ms(20000));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	EXPECT(!memcmp(fs_store(fs, 1) + HUGE, "mapped", 6),
	       "expected the data at the server, got other bytes");
}
