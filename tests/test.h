/* SPDX-License-Identifier: GPL-2.0 */
/* What a test sees: how it is declared, how it asserts, what it can ask for. */
#ifndef FUSEWB_TEST_H
#define FUSEWB_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How much a test can hurt the machine when the kernel is wrong. */
enum danger { SAFE, PRESSURE, WEDGE };

/*
 * What a kernel without the series does; --expect=stock checks it.  A test that
 * guards changes and passes there all the same does so because the pages in
 * flight are copies: it needs 0006 to fail.
 */
enum stock { STOCK_PASSES, STOCK_FAILS };

struct test {
	const char *name;
	const char *purpose;
	/*
	 * Changes whose absence this test catches, "0003,0006"; "" is none.
	 * Any one of them missing is enough.
	 */
	const char *guards;
	enum danger danger;
	enum stock stock;
	unsigned int limit;	/* seconds, before scaling; 0 is the default */
	void (*run)(void);
	const char *file;
	int line;
	const void *arg;	/* for run() of those that are made up */
};

/* The one whose process this is. */
extern const struct test *this_test;

/*
 * A test exists because it is written down: its declaration goes into a linker
 * section of its own, which is the only list there is.
 */
#define TEST(sym, ...)							\
	static void sym(void);						\
	static const struct test sym##_decl = {				\
		.name = #sym, .run = sym,				\
		.file = __FILE__, .line = __LINE__,			\
		__VA_ARGS__						\
	};								\
	static const struct test *const sym##_entry			\
	__attribute__((used, section("fusewb_tests"))) = &sym##_decl;	\
	static void sym(void)

/* Said by the test process to its supervisor, never printed directly. */
void diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void test_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));
void test_broken(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));
void test_skip(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), noreturn));
void test_pass(void) __attribute__((noreturn));

/*
 * A probe, which must not be what the test asserts, found that this kernel
 * behaves well with and without @change: that it is missing cannot show here.
 */
void blind_to(const char *change, const char *why);

/* The kernel did not do what it should: the test ends here, not ok. */
#define EXPECT(cond, ...)						\
	do {								\
		if (!(cond))						\
			test_fail(__FILE__, __LINE__, __VA_ARGS__);	\
	} while (0)

/* The set-up did not work: nothing is said about the change under test. */
#define NEED(cond, ...)							\
	do {								\
		if (!(cond))						\
			test_broken(__FILE__, __LINE__, __VA_ARGS__);	\
	} while (0)

/*
 * Have the supervisor write @value to @path, or remove directory @name below
 * @dirfd, once the test is over, however it ends.
 */
void restore_later(const char *path, const char *value);
/* The same through @fd, of a file @name that the supervisor cannot open. */
void restore_open_later(int fd, const char *name, const char *value);
void rmdir_later(int dirfd, const char *name);
/*
 * Hand over what aborts the connection of the mount at @dir: write "1".  -1 is
 * that nothing does; then its server is killed.
 */
void abort_later(int fd, const char *dir);
void server_later(pid_t pid);
/* restore_later() of what is there now; of "always [madvise] never" the chosen one. */
bool restore_setting_later(const char *path);
/* That, and write @value; false if there is no such or it cannot be set. */
bool set_for_now(const char *path, const char *value);

/* Deadlines.  prompt_ms() is what "returns promptly" means here. */
uint64_t now_ns(void);
unsigned int scaled_ms(unsigned int ms);
unsigned int prompt_ms(void);

/*
 * Poll @cond with growing steps until it holds or @ms (already scaled) are
 * over; the value is whether it held.
 */
void poll_pause(unsigned int *step);
#define wait_until(cond, ms)						\
({									\
	uint64_t end__ = now_ns() + (uint64_t)(ms) * 1000000;		\
	unsigned int step__ = 0;					\
	bool held__;							\
									\
	while (!(held__ = (cond)) && now_ns() < end__)			\
		poll_pause(&step__);					\
	held__;								\
})

size_t page_size(void);

/*
 * This process and its children from now on stay where they are.  A processor
 * keeps pages back that are new, and what it counts; the others do not see it.
 */
void stay_on_cpu(void);

/*
 * What a test that uses random numbers begins them with, and says when it
 * fails: --seed, and in a soak one more with each repetition.
 */
uint64_t test_seed(void);

/*
 * An actor is a process that makes one system call which may block.  It shares
 * the file table with the test, so that its exit closes nothing: a close of a
 * FUSE file flushes it and would wait for the very server under test.
 */
struct actor {
	pid_t pid;
	int go_fd;		/* of one that was prepared */
	struct actor_state *st;
};

struct actor_state {
	_Atomic int begun;	/* about to make the system call */
	_Atomic int done;	/* it returned */
	long ret;
	int err;		/* errno if ret is -1 */
	uint64_t t_begun;
	uint64_t t_done;
	long aux[4];		/* whatever else the actor found out */
};

/* @fn returns what the system call returned, with errno set. */
void actor_start(struct actor *a, long (*fn)(void *arg), void *arg);
/*
 * The same for a process that has nothing to do with the mount: it is made
 * before there are files to inherit, has a file table of its own, and begins
 * when it is told to.
 */
void actor_prepare(struct actor *a, long (*fn)(void *arg), void *arg);
void actor_go(struct actor *a);
/* Called by @fn right before the call that counts. */
void actor_begin(void);
struct actor_state *actor_self(void);
bool actor_done(struct actor *a, unsigned int ms);
/* Seen asleep twice in the kernel, and not done. */
bool actor_blocks(struct actor *a);
char actor_task_state(const struct actor *a);
/* Say as diagnostics where this process sleeps. */
void show_stack(pid_t pid);

/* What the running kernel tells about itself; see probe.c. */
bool vmstat_read(const char *key, long *value);
bool vmstat_look(const char *key, long *value);	/* may be some pages off */
bool vmstat_refresh(void);
/* False if another run was seen on this machine: its pages count as well. */
bool alone(void);
bool vmstat_delta_is(const char *key, long start, long delta,
		     unsigned int ms, long *got);
bool kpageflags_usable(void);
bool page_pfn(const void *addr, uint64_t *pfn);
bool pfn_flags(uint64_t pfn, uint64_t *flags);
bool read_file(const char *path, char *buf, size_t size);
bool write_file(const char *path, const char *value);
bool write_file_at(int dir, const char *path, const char *value);
int node_list(int *nodes, int max);
bool in_virtual_machine(void);
/* Is @name a function of the running kernel?  -1: nobody can tell. */
int kernel_has(const char *name);

#define KPF_WRITEBACK_BIT 8

#endif
