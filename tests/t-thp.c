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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "block.h"
#include "flight.h"
#include "io.h"
#include "khugepaged.h"
#include "server.h"
#include "test.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

#define TEXT_AT		0x400000UL
#define TEXT_SIZE	(2 * HUGE)
#define BSS_AT		(TEXT_AT + TEXT_SIZE)
#define BSS_SIZE	(2 * HUGE)

/* All of it is to be there before khugepaged is interested, for now. */
static void khugepaged_looks_at_text(void)
{
	static const struct { const char *name, *value; } knob[] = {
		{ "enabled", "always" },
		{ "khugepaged/defrag", "1" },
		{ "khugepaged/max_ptes_none", "0" },
	};
	size_t i;

	if (sizeof(void *) != 8 || page_size() != 4096)
		test_skip("needs x86-64, as its program does");
	if (!khugepaged_hurries())
		test_skip("needs transparent huge pages");
	for (i = 0; i < sizeof(knob) / sizeof(knob[0]); i++)
		NEED(thp_set(knob[i].name, knob[i].value), "write of %s/%s: %s",
		     THP, knob[i].name, strerror(errno));
}

/* Now what is missing it is to read. */
static void khugepaged_takes_few(void)
{
	NEED(write_file(THP "/khugepaged/max_ptes_none", "511"),
	     "write of max_ptes_none: %s", strerror(errno));
}

/* New pages have a reference more until they are on the LRU lists. */
static void settle_pages(void)
{
	NEED(write_file("/proc/sys/vm/compact_memory", "1"),
	     "write of compact_memory: %s", strerror(errno));
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

static int program_file(const char *dir, const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0700);
	NEED(fd >= 0, "open of %s: %s", path, strerror(errno));
	return fd;
}

static long huge_text(void)
{
	long n;

	NEED(vmstat_read("nr_file_hugepages", &n),
	     "expected nr_file_hugepages in /proc/vmstat, got nothing");
	return n;
}

/* A program none of which is in the page cache, if the kernel lets go of it. */
static void absent_program(const char *dir, const char *name)
{
	int fd = program_file(dir, name);

	write_program(fd);
	NEED(!posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), "fadvise: %s",
	     strerror(errno));
	close(fd);
}

/* A program all of which is in the page cache. */
static int present_program(const char *dir, const char *name)
{
	int fd = program_file(dir, name);
	static char buf[64 << 10];
	ssize_t n;
	off_t at;

	write_program(fd);
	for (at = 0; at < (off_t)TEXT_SIZE; at += n) {
		n = pread(fd, buf, sizeof(buf), at);
		NEED(n > 0, "read of %s: expected %lu bytes, got %ld: %s", name,
		     TEXT_SIZE, (long)at, strerror(errno));
	}
	settle_pages();
	return fd;
}

/* A file system that khugepaged is to treat as it always did. */
static void other_file_system(char *dir, size_t size)
{
	char loop[32];
	int device = loop_device(memory_ext2(), loop, sizeof(loop));

	snprintf(dir, size, "%s/ext2", scratch_dir());
	NEED(!mkdir(dir, 0700) && !mount_ext2(loop, dir),
	     "mount of ext2: expected success, got %s", strerror(errno));
	close(device);
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

/* One that must run. */
static pid_t run_well(const char *dir, const char *name)
{
	char path[128];
	bool runs;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	pid = run_program(path, &runs);
	NEED(runs, "%s: expected it to run within %u ms", path, prompt_ms());
	return pid;
}

static void end_program(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
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
	long scans, kib;
	pid_t pid;

	khugepaged_looks_at_text();
	absent_program(fs->dir, "program");
	pid = run_well(fs->dir, "program");
	settle_pages();
	srv_mute(fs, 1ULL << FUSE_READ);
	khugepaged_takes_few();

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
	end_program(pid);
	srv_answer_all(fs);
}

static void skip_without_huge_text(void)
{
	test_skip("needs khugepaged to make huge pages of program text, as "
		  "with CONFIG_READ_ONLY_THP_FOR_FS");
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
	struct mapped m = { .pos = HUGE, .close = true };
	struct actor unmapper, syncer;
	long huge, scans, kib;
	char ext2[64], path[128];
	bool runs, came_by;
	int dir;
	pid_t pid;

	khugepaged_looks_at_text();
	fs_lift_dirty_limit(fs);
	dir = fs_open(fs, ".", O_RDONLY | O_DIRECTORY);

	/* That nothing hangs says something only where text gets huge at all. */
	other_file_system(ext2, sizeof(ext2));
	huge = huge_text();
	close(present_program(ext2, "control"));
	pid = run_well(ext2, "control");
	if (!wait_until(huge_text() > huge, scaled_ms(20000)))
		skip_without_huge_text();
	end_program(pid);

	m.fd = present_program(fs->dir, "program");
	srv_hold(fs, true);
	actor_start(&unmapper, store_and_munmap, &m);
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
	end_program(pid);
	EXPECT(!memcmp(fs_store(fs, 0) + HUGE, STORED, strlen(STORED)),
	       "expected the data at the server, got other bytes");
}

/*
 * What is missing of text of any other file system khugepaged reads, as it
 * always did.  What is too broad in 0014 leaves that as it is.
 */
TEST(khugepaged_reads_others,
	.purpose = "khugepaged reads what is missing of program text of a file "
		"system that is not FUSE",
	.guards = "", .stock = STOCK_PASSES, .danger = WEDGE, .limit = 120)
{
	const long each = TEXT_SIZE / HUGE;
	long huge;
	pid_t present, absent;
	char dir[64];

	khugepaged_looks_at_text();
	other_file_system(dir, sizeof(dir));
	close(present_program(dir, "present"));
	absent_program(dir, "absent");
	huge = huge_text();
	present = run_well(dir, "present");
	absent = run_well(dir, "absent");
	settle_pages();
	khugepaged_takes_few();
	/* Of the other only what is begun, with the page that it runs in. */
	wait_until(huge_text() > huge + each, scaled_ms(20000));
	huge = huge_text() - huge;
	end_program(present);
	end_program(absent);
	if (!huge)
		skip_without_huge_text();
	EXPECT(huge > each, "huge pages of a program of %ld, all of it read, "
	       "and of one of which a part was: expected %ld within %u ms, got "
	       "%ld", each, each + 1, scaled_ms(20000), huge);
}

static int collapse(void *text)
{
	return madvise(text, HUGE, MADV_COLLAPSE) ? errno : 0;
}

/* Make a huge page of the first part of a program's text; 0 or an errno. */
static int collapse_text(const char *dir, const char *name)
{
	char path[128], *area, *text;
	int fd, err = EAGAIN;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	NEED(fd >= 0, "open of %s: %s", path, strerror(errno));
	area = mmap(NULL, 2 * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	NEED(area != MAP_FAILED, "mmap: %s", strerror(errno));
	text = (char *)(((unsigned long)area + HUGE - 1) & -HUGE);
	NEED(mmap(text, HUGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED,
		  fd, 0) == text, "mmap of %s: %s", path, strerror(errno));
	close(fd);
	/* Some kernels want a table for it, which the first page brings. */
	(void)*(volatile char *)text;
	/* Somebody else may have a page in hand. */
	wait_until((err = collapse(text)) != EAGAIN, prompt_ms());
	NEED(err || !memcmp(text, ELFMAG, SELFMAG), "%s: expected the program "
	     "in a huge page, got other bytes", path);
	munmap(area, 2 * HUGE);
	return err;
}

/*
 * Who asks for a huge page of text works for himself, and may wait for the
 * server: what is missing is read, and it gets huge.  What is too broad in 0014
 * leaves it as it is, and so does 0010 if it takes what is clean for dirty.
 */
TEST(collapse_reads,
	.purpose = "MADV_COLLAPSE of a program's text reads what is missing "
		"from the server and makes a huge page",
	.guards = "", .stock = STOCK_PASSES, .danger = WEDGE)
{
	struct fs *fs = fs_mount(&(struct srv_opts){ 0 });
	unsigned int reads;
	char dir[64];
	int err;

	khugepaged_looks_at_text();
	other_file_system(dir, sizeof(dir));
	absent_program(dir, "control");
	err = collapse_text(dir, "control");
	if (err)
		test_skip("needs MADV_COLLAPSE of program text, as with "
			  "CONFIG_READ_ONLY_THP_FOR_FS: it gives %s for an "
			  "ext2", strerror(err));
	absent_program(fs->dir, "program");
	reads = srv_count(fs, FUSE_READ);
	err = collapse_text(fs->dir, "program");
	EXPECT(!err, "MADV_COLLAPSE: expected success, as for an ext2, got %s",
	       strerror(err));
	NEED(srv_count(fs, FUSE_READ) > reads, "expected the server to be "
	     "asked for what was missing, got no READ");
}
