// SPDX-License-Identifier: GPL-2.0
// A server that misbehaves by script, against operations of its users and of others.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bystander.h"
#include "lab.h"
#include "script.h"
#include "server.h"
#include "test.h"

#define PAGES		BYSTANDER_PAGES	/* dirty, then on their way */
#define FAR_PAGE	256		/* no readahead gets there */
#define FILE_PAGES	(FAR_PAGE + 8)

/* What the operations of a user have to work with. */
static struct stage {
	struct fs *fs, *second;
	int fd, other_fd, direct_fd, second_fd;
	unsigned char *map;
	uint64_t pfn[PAGES];
	char path[128], new_path[128];
	struct actor opener;	/* with a bad INIT */
	bool opener_waits;
} st;

static long us_write(void *unused)
{
	(void)unused;
	actor_begin();
	return pwrite(st.fd, "new", 3, (PAGES + 1) * page_size()) == 3 ? 0 : -1;
}

static long us_rewrite(void *unused)
{
	(void)unused;
	actor_begin();
	return pwrite(st.fd, "again", 5, 0) == 5 ? 0 : -1;
}

static void *one_page(unsigned int page, int prot)
{
	void *p = mmap(NULL, page_size(), prot, MAP_SHARED, st.fd,
		       page * page_size());

	return p == MAP_FAILED ? NULL : p;
}

/* With all files, which its exit closes. */
static long in_child(void (*fn)(void))
{
	int status = 0;
	pid_t pid;

	actor_begin();
	pid = fork();
	if (!pid) {
		fn();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	errno = ECHILD;
	return status ? -1 : 0;
}

static sigjmp_buf bus;

static void on_bus(int sig)
{
	siglongjmp(bus, sig);
}

/* The server may make it impossible, and then it is a signal. */
static long us_store(void *unused)
{
	volatile unsigned char *p = one_page(0, PROT_READ | PROT_WRITE);

	(void)unused;
	if (!p)
		return -1;
	signal(SIGBUS, on_bus);
	actor_begin();
	if (sigsetjmp(bus, 1)) {
		errno = EFAULT;
		return -1;
	}
	*p = 'x';
	return 0;
}

static long us_fsync(void *unused)
{
	(void)unused;
	actor_begin();
	return fsync(st.fd);
}

static long us_msync(void *unused)
{
	void *p = one_page(0, PROT_READ | PROT_WRITE);

	(void)unused;
	if (!p)
		return -1;
	actor_begin();
	return msync(p, page_size(), MS_SYNC);
}

static long us_close(void *unused)
{
	(void)unused;
	actor_begin();
	return close(st.other_fd);
}

static long us_read(void *unused)
{
	char c;

	(void)unused;
	actor_begin();
	return pread(st.fd, &c, 1, FAR_PAGE * page_size()) < 0 ? -1 : 0;
}

static long us_read_dirty(void *unused)
{
	char c;

	(void)unused;
	actor_begin();
	return pread(st.fd, &c, 1, 0) < 0 ? -1 : 0;
}

static void *aligned_page(void)
{
	void *p = mmap(NULL, page_size(), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static long us_direct_read(void *unused)
{
	void *p = aligned_page();

	(void)unused;
	actor_begin();
	return pread(st.direct_fd, p, page_size(), 0) < 0 ? -1 : 0;
}

static long us_direct_write(void *unused)
{
	void *p = aligned_page();

	(void)unused;
	actor_begin();
	return pwrite(st.direct_fd, p, page_size(), 0) < 0 ? -1 : 0;
}

static long us_truncate(void *unused)
{
	(void)unused;
	actor_begin();
	return ftruncate(st.fd, page_size());
}

static long us_punch(void *unused)
{
	(void)unused;
	actor_begin();
	return fallocate(st.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 page_size());
}

static long us_munmap(void *unused)
{
	void *p = one_page(0, PROT_READ | PROT_WRITE);

	(void)unused;
	if (!p)
		return -1;
	actor_begin();
	return munmap(p, page_size());
}

static void have_mapped(void)
{
	one_page(0, PROT_READ | PROT_WRITE);
}

static long us_exit(void *unused)
{
	(void)unused;
	return in_child(have_mapped);
}

/* In the middle of a system call, if that takes its time. */
static long us_sigkill(void *unused)
{
	struct actor a = { 0 };
	pid_t pid;

	(void)unused;
	actor_begin();
	pid = fork();
	if (!pid) {
		fsync(st.fd);
		_exit(0);
	}
	a.pid = pid;
	if (pid < 0)
		return -1;
	wait_until(strchr("DSZ", actor_task_state(&a)), scaled_ms(1000));
	kill(pid, SIGKILL);
	return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static long us_stat(void *unused)
{
	struct statx sx;

	(void)unused;
	actor_begin();
	return statx(st.fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC,
		     STATX_BASIC_STATS, &sx);
}

static long us_statfs(void *unused)
{
	struct statfs sf;

	(void)unused;
	actor_begin();
	return fstatfs(st.fd, &sf);
}

static long us_chmod(void *unused)
{
	(void)unused;
	actor_begin();
	return fchmod(st.fd, 0700);
}

/* What an operation leaves in aux[]: a descriptor to close at the end. */
enum { OPENED };

static long opened(int fd)
{
	if (fd < 0)
		return -1;
	actor_self()->aux[OPENED] = fd;
	return 0;
}

static long us_open(void *unused)
{
	(void)unused;
	actor_begin();
	return opened(open(st.path, O_RDWR | O_CLOEXEC));
}

static long us_create(void *unused)
{
	(void)unused;
	actor_begin();
	return opened(open(st.new_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

static long us_rename(void *unused)
{
	(void)unused;
	actor_begin();
	return rename(st.path, st.new_path);
}

static long us_unlink(void *unused)
{
	(void)unused;
	actor_begin();
	return unlink(st.path);
}

static long us_syncfs(void *unused)
{
	(void)unused;
	actor_begin();
	return syncfs(st.fd);
}

/* Aborts the connection first, and then finds the files that are open. */
static long us_umount_force(void *unused)
{
	(void)unused;
	actor_begin();
	return umount2(st.fs->dir, MNT_FORCE);
}

static long us_second_mount(void *unused)
{
	(void)unused;
	actor_begin();
	if (pwrite(st.second_fd, "well", 4, 0) != 4)
		return -1;
	return fsync(st.second_fd);
}

enum { MUST_RETURN = 1, SECOND = 2 };

static const struct user_op {
	const char *name;
	long (*call)(void *unused);
	unsigned int flags;
} user_ops[] = {
	{ "write", us_write, 0 },
	{ "rewrite", us_rewrite, 0 },
	{ "store", us_store, 0 },
	{ "fsync", us_fsync, 0 },
	{ "msync", us_msync, 0 },
	{ "close", us_close, 0 },
	{ "read", us_read, 0 },
	{ "read_dirty", us_read_dirty, 0 },
	{ "direct_read", us_direct_read, 0 },
	{ "direct_write", us_direct_write, 0 },
	{ "truncate", us_truncate, 0 },
	{ "punch", us_punch, 0 },
	{ "munmap", us_munmap, 0 },
	{ "exit", us_exit, 0 },
	{ "sigkill", us_sigkill, 0 },
	{ "stat", us_stat, 0 },
	{ "statfs", us_statfs, 0 },
	{ "chmod", us_chmod, 0 },
	{ "open", us_open, 0 },
	{ "create", us_create, 0 },
	{ "rename", us_rename, 0 },
	{ "unlink", us_unlink, 0 },
	{ "syncfs", us_syncfs, 0 },
	{ "umount_force", us_umount_force, MUST_RETURN },
	{ "second_mount", us_second_mount, MUST_RETURN | SECOND },
};

#define NUSER_OPS (sizeof(user_ops) / sizeof(user_ops[0]))

struct cell {
	struct script *sc;
	const struct user_op *op;	/* NULL: bystanders */
	bool kill;		/* ends with death of the server, not abort */
};

/* ---- the mount, with data on its way */

/* By an actor: with a bad INIT nothing is certain. */
static long try_open(void *unused)
{
	char *page = aligned_page();
	unsigned int i;
	int fd;

	(void)unused;
	actor_begin();
	fd = open(st.path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, FILE_PAGES * page_size()))
		return fd;
	for (i = 0; i < PAGES; i++)
		if (pwrite(fd, page, page_size(), i * page_size()) < 0)
			break;
	return fd;
}

static void open_badly_begun(void)
{
	actor_start(&st.opener, try_open, NULL);
	st.opener_waits = actor_blocks(&st.opener);
	st.fd = st.opener.st->done ? st.opener.st->ret : -1;
	st.other_fd = st.direct_fd = st.fd < 0 ? -1 : dup(st.fd);
	diag("bad INIT: open %s", st.opener_waits ? "waits" :
	     st.fd < 0 ? "fails" : "succeeds");
}

static void open_and_dirty(void)
{
	const size_t ps = page_size();
	unsigned int i;

	st.fd = fs_open(st.fs, "data", O_CREAT | O_RDWR);
	st.other_fd = fs_open(st.fs, "data", O_RDWR);
	st.direct_fd = fs_open(st.fs, "data", O_RDWR | O_DIRECT);
	NEED(!ftruncate(st.fd, FILE_PAGES * ps), "ftruncate: expected 0, got %s",
	     strerror(errno));
	fs_lift_dirty_limit(st.fs);
	st.map = mmap(NULL, PAGES * ps, PROT_READ | PROT_WRITE, MAP_SHARED,
		      st.fd, 0);
	NEED(st.map != MAP_FAILED, "mmap: expected a mapping, got %s",
	     strerror(errno));
	/* A copy in a child would be written back when the child exits. */
	madvise(st.map, PAGES * ps, MADV_DONTFORK);
	for (i = 0; i < PAGES; i++) {
		memset(st.map + i * ps, 'a' + i, ps);
		page_pfn(st.map + i * ps, &st.pfn[i]);
	}
}

static void set_up(struct script *sc, bool second)
{
	const size_t ps = page_size();
	struct srv_opts opts = {
		.max_write = sc->max_write ? sc->max_write : ps,
		.max_pages = sc->max_pages,
		.max_background = sc->max_background,
		.no_writeback_cache = sc->no_writeback_cache,
		.script = sc,
		.may_fail = sc->wants_init,
	};

	memset(&st, 0, sizeof(st));
	st.second_fd = -1;
	sc->sh = mmap(NULL, sizeof(*sc->sh), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	NEED(sc->sh != MAP_FAILED, "mmap: %s", strerror(errno));
	if (second)
		st.second = fs_mount(&(struct srv_opts){ 0 });
	st.fs = fs_mount(&opts);
	if (second)
		st.second_fd = fs_open(st.second, "data", O_CREAT | O_RDWR);
	snprintf(st.path, sizeof(st.path), "%s/data", st.fs->dir);
	snprintf(st.new_path, sizeof(st.new_path), "%s/new", st.fs->dir);
	if (sc->wants_init)
		open_badly_begun();
	else
		open_and_dirty();
}

static bool dirty_data_sent(const struct script *sc)
{
	size_t each = sc->max_write ? sc->max_write : page_size();

	return sc->sh->writes * each >= PAGES * page_size() || sc->sh->stops;
}

/* From here on the server misbehaves; then its pages are sent. */
static void arm(struct script *sc)
{
	uint64_t one = 1;

	sc->sh->armed = 1;
	NEED(write(st.fs->kick_fd, &one, sizeof(one)) == sizeof(one),
	     "eventfd: %s", strerror(errno));
	if (st.fd < 0)
		return;
	sync_file_range(st.fd, 0, PAGES * page_size(), SYNC_FILE_RANGE_WRITE);
	wait_until(dirty_data_sent(sc), scaled_ms(sc->wants_init ? 200 : 1000));
	if (sc->sh->frozen < 0)
		test_skip("needs a cgroup freezer: %s",
			  strerror(-sc->sh->frozen));
}

static void kill_helpers(const struct script *sc)
{
	unsigned int i;

	for (i = 0; i < sc->sh->nhelpers; i++)
		kill(sc->sh->helper[i], SIGKILL);
}

static bool process_gone(pid_t pid)
{
	struct actor a = { .pid = pid };
	char c = actor_task_state(&a);

	return c == '?' || c == 'Z' || c == 'X';
}

static void end_connection(struct script *sc, bool by_death)
{
	if (by_death) {
		kill_helpers(sc);
		kill(st.fs->server, SIGKILL);
	} else {
		fs_abort(st.fs);
	}
}

/* Nothing may be left, neither of the pages nor of the server. */
static void expect_nothing_left(struct script *sc)
{
	uint64_t flags = 0;
	unsigned int i;

	fs_abort(st.fs);
	if (st.opener_waits) {
		EXPECT(actor_done(&st.opener, prompt_ms()), "%s: expected open "
		       "to end after abort, got it still waiting", sc->name);
		waitpid(st.opener.pid, NULL, 0);
	}
	for (i = 0; st.map && i < PAGES && kpageflags_usable(); i++)
		EXPECT(!st.pfn[i] ||
		       wait_until(pfn_flags(st.pfn[i], &flags) &&
				  !(flags >> KPF_WRITEBACK_BIT & 1),
				  prompt_ms()),
		       "%s: page %u: expected it not under writeback after the "
		       "end of the connection, got page flags %#llx", sc->name,
		       i, (unsigned long long)flags);
	sc->sh->thaw = 1;
	if (sc->sh->frozen > 0)
		wait_until(process_gone(sc->sh->helper[0]), prompt_ms());
	kill_helpers(sc);
	kill(st.fs->server, SIGKILL);
	for (i = 0; i <= sc->sh->nhelpers; i++) {
		pid_t pid = i ? sc->sh->helper[i - 1] : st.fs->server;

		if (!wait_until(process_gone(pid), prompt_ms())) {
			show_stack(pid);
			EXPECT(false, "%s: expected process %d of the server "
			       "to be gone after the end of the connection, "
			       "got it alive", sc->name, pid);
		}
	}
}

static void take_down(struct script *sc)
{
	struct fs *fs = st.fs;

	if (st.map)
		munmap(st.map, PAGES * page_size());
	close(st.fd);
	close(st.other_fd);
	close(st.direct_fd);
	close(st.second_fd);
	EXPECT(fs_umount(fs), "%s: expected to unmount, got %s", sc->name,
	       strerror(errno));
	EXPECT(fs_connection_gone(fs), "%s: expected the connection to be gone "
	       "after umount, got it still there", sc->name);
	current_fs = fs->next;
	waitpid(fs->server, NULL, WNOHANG);
	close(fs->kick_fd);
	close(fs->abort_fd);
	munmap(fs->sh, sizeof(*fs->sh));
	munmap(fs->store, SRV_FILES * SRV_FILE_MAX);
	munmap(sc->sh, sizeof(*sc->sh));
	rmdir(fs->dir);
	free(fs);
}

/* ---- cells */

static void judge_result(const struct cell *c, struct actor *a, bool done)
{
	enum script_result want;
	int error = 0;

	want = script_expects(c->sc, c->op->name, &error);
	if (want == ANY_RESULT && c->op->flags & MUST_RETURN)
		want = RETURNS;
	if (want == ANY_RESULT)
		return;
	if (want == WAITS) {
		EXPECT(!done, "%s, %s: expected it to wait for the server, got "
		       "its return within %u ms", c->sc->name, c->op->name,
		       scaled_ms(3000));
		return;
	}
	if (!done)
		show_stack(a->pid);
	EXPECT(done, "%s, %s: expected its return within %u ms, got none",
	       c->sc->name, c->op->name, prompt_ms());
	if (want == RESULT_IS)
		EXPECT(error == (a->st->ret ? a->st->err : 0), "%s, %s: "
		       "expected %s, got %s", c->sc->name, c->op->name,
		       error ? strerror(error) : "success",
		       a->st->ret ? strerror(a->st->err) : "success");
}

/* Where the script spoiled an answer, the kernel has said what it must. */
static void judge_refusal(const struct script *sc)
{
	if (!sc->refused || !sc->sh->hits)
		return;
	EXPECT(wait_until(sc->sh->refused, prompt_ms()), "%s: expected the "
	       "kernel to refuse an answer with %s, got it taken", sc->name,
	       strerror(sc->refused));
	EXPECT(sc->sh->refusal == sc->refused, "%s: expected the kernel to "
	       "refuse an answer with %s, got %s", sc->name,
	       strerror(sc->refused), strerror(sc->sh->refusal));
}

static bool returns(const struct cell *c, struct actor *a)
{
	int error;

	switch (script_expects(c->sc, c->op->name, &error)) {
	case RETURNS:
	case RESULT_IS:
		return actor_done(a, prompt_ms());
	default:
		if (c->op->flags & MUST_RETURN)
			return actor_done(a, prompt_ms());
		return !actor_blocks(a) && a->st->done;
	}
}

static void tell_script(const struct script *sc)
{
	diag("script: applied %u times, %u answers refused%s%s", sc->sh->hits,
	     sc->sh->refused, sc->sh->refused ? ", the last with " : "",
	     sc->sh->refused ? strerror(sc->sh->refusal) : "");
}

static void user_cell(const struct cell *c)
{
	const char *how = c->kill ? "death" : "abort";
	struct actor a;
	uint64_t end;
	bool done;

	set_up(c->sc, c->op->flags & SECOND);
	arm(c->sc);
	actor_start(&a, c->op->call, NULL);
	done = returns(c, &a);
	if (done)
		diag("user: %s %llu%s%s", c->op->name, (unsigned long long)
		     (a.st->begun ?
		      (a.st->t_done - a.st->t_begun) / 1000000 : 0),
		     a.st->ret ? " and then " : "",
		     a.st->ret ? strerror(a.st->err) : "");
	judge_result(c, &a, done);
	judge_refusal(c->sc);
	end = now_ns();
	end_connection(c->sc, c->kill);
	if (!actor_done(&a, prompt_ms())) {
		diag("user: %s stuck after %s", c->op->name, how);
		show_stack(a.pid);
		EXPECT(false, "%s, %s: expected its end within %u ms after %s, "
		       "got none", c->sc->name, c->op->name, prompt_ms(), how);
	}
	if (!done)
		diag("user: %s waits, %llu after %s%s%s", c->op->name,
		     (unsigned long long)(a.st->t_done > end ?
					  (a.st->t_done - end) / 1000000 : 0),
		     how, a.st->ret ? " and then " : "",
		     a.st->ret ? strerror(a.st->err) : "");
	tell_script(c->sc);
	expect_nothing_left(c->sc);
	waitpid(a.pid, NULL, 0);
	if (a.st->aux[OPENED])
		close(a.st->aux[OPENED]);
	take_down(c->sc);
}

static void bystander_cells(const struct cell *c)
{
	unsigned int has = c->sc->answers ? HAS_ANSWERS : NO_ANSWERS;

	bystander_prepare();
	sync();
	set_up(c->sc, false);
	if (st.map) {
		bystander_look_at(st.map);
		has |= HAS_HELD;
	}
	arm(c->sc);
	bystander_ops(true, has | (c->sc->waiters || st.opener_waits ? 0 :
				   NO_WAITERS));
	if (st.fd >= 0)
		bystander_clients(&st.fd);
	bystander_ops(false, has);
	tell_script(c->sc);
	EXPECT(!bystander_blame()[0], "%s: bystanders: expected each to be "
	       "through within %u ms, got not so: %s", c->sc->name,
	       prompt_ms(), bystander_blame());
	end_connection(c->sc, c->kill);
	expect_nothing_left(c->sc);
}

static void run_cell(void)
{
	const struct cell *c = this_test->arg;

	if (c->op)
		user_cell(c);
	else
		bystander_cells(c);
}

/* ---- a few of them in every run of the suite */

static const struct lab_source *find_source(const char *name);

static void quick(const char *script, const char *op)
{
	const struct lab_source *s = find_source(script);
	struct cell c = { 0 };
	char err[256];
	size_t i;

	NEED(s, "expected script %s to be compiled in, got none", script);
	c.sc = script_parse(s->name, s->text, err, sizeof(err));
	NEED(c.sc, "%s", err);
	for (i = 0; i < NUSER_OPS; i++)
		if (!strcmp(user_ops[i].name, op))
			c.op = &user_ops[i];
	NEED(c.op, "expected an operation %s, got none", op);
	c.kill = c.sc->end_kill || (!c.sc->end_abort && (c.op - user_ops) % 2);
	user_cell(&c);
}

/*
 * The kernel takes a wrong answer for what it is: who waits gets an error or the
 * right answer, and pages do not stay under writeback.
 */
TEST(lab_wrong_answers,
	.purpose = "answers that are doubled, swapped, too long, too short or "
		"unknown hurt nobody",
	.guards = "", .danger = SAFE)
{
	quick("write-twice", "fsync");
	quick("write-swap", "fsync");
	quick("write-wrong-len", "fsync");
	quick("write-pad", "fsync");
	quick("write-unknown-error", "fsync");
	quick("write-through-oversize", "write");
	quick("read-long", "read");
	quick("attr-huge", "stat");
}

/* With pages in flight: whoever waits for them is woken, by abort or by death. */
TEST(lab_wrong_servers,
	.purpose = "users of a server that holds back, stops, dies or uses its "
		"own mount wait until it is ended, and not longer",
	.guards = "", .danger = SAFE)
{
	quick("write-hold", "fsync");
	quick("write-hold", "second_mount");
	quick("server-stop", "rewrite");
	quick("server-kill", "close");
	quick("touch-fsync", "store");
	quick("touch-self-sync", "umount_force");
	quick("attr-shrink", "stat");
	quick("store-held", "read_dirty");
}

/* ---- the plan */

static struct test *plan;
static int nplan;

static bool add_test(struct script *sc, const struct user_op *op, int nth)
{
	struct test *t = &plan[nplan];
	struct cell *c = calloc(1, sizeof(*c));
	char *name = NULL;

	if (!c || asprintf(&name, "lab.%s.%s", sc->name,
			   op ? op->name : "bystanders") < 0)
		return false;
	c->sc = sc;
	c->op = op;
	c->kill = sc->end_kill || (!sc->end_abort && nth % 2);
	*t = (struct test){
		.name = name, .purpose = sc->about, .guards = "",
		.danger = op ? SAFE : WEDGE, .limit = op ? 60 : 180,
		.run = run_cell, .file = sc->name, .line = nplan, .arg = c,
	};
	nplan++;
	return true;
}

static bool is_operation(const char *name)
{
	size_t i;

	if (!strcmp(name, "bystanders"))
		return true;
	for (i = 0; i < NUSER_OPS; i++)
		if (!strcmp(user_ops[i].name, name))
			return true;
	return false;
}

static bool add_script(const char *name, const char *text)
{
	struct script *sc;
	char err[512];
	size_t i;

	sc = script_parse(name, text, err, sizeof(err));
	if (!sc || !script_check_ops(sc, name, is_operation, err, sizeof(err))) {
		fprintf(stderr, "%s\n", err);
		return false;
	}
	plan = realloc(plan, (nplan + NUSER_OPS + 1) * sizeof(*plan));
	if (!plan)
		return false;
	for (i = 0; i < NUSER_OPS; i++)
		if (script_has_op(sc, user_ops[i].name) &&
		    !add_test(sc, &user_ops[i], i))
			return false;
	return !script_has_op(sc, "bystanders") || add_test(sc, NULL, i);
}

static const struct lab_source *find_source(const char *name)
{
	const struct lab_source *s;
	size_t n = strlen(name);

	for (s = lab_sources; s->name; s++) {
		const char *base = strrchr(s->name, '/');

		base = base ? base + 1 : s->name;
		if (!strncmp(base, name, n) && !strcmp(base + n, ".lab"))
			return s;
	}
	return NULL;
}

static bool add_all(void)
{
	const struct lab_source *s;

	for (s = lab_sources; s->name; s++)
		if (!add_script(s->name, s->text))
			return false;
	return true;
}

static bool add_file(const char *path)
{
	char *text = script_read(path);
	bool added;

	if (!text) {
		fprintf(stderr, "%s: error: %s, expected a file or the name of "
			"a script, see doc/lab.md\n", path, strerror(errno));
		return false;
	}
	added = add_script(path, text);
	free(text);
	return added;
}

int lab_plan(const char *what, const struct test *const **tests)
{
	char *list = strdup(what), *name, *save = NULL;
	const struct lab_source *s;
	const struct test **p;
	int i;

	for (name = list ? strtok_r(list, ",", &save) : NULL; name;
	     name = strtok_r(NULL, ",", &save)) {
		s = find_source(name);
		if (!(!strcmp(name, "all") ? add_all() :
		      s ? add_script(s->name, s->text) : add_file(name)))
			return -1;
	}
	free(list);
	p = calloc(nplan, sizeof(*p));
	for (i = 0; p && i < nplan; i++)
		p[i] = &plan[i];
	*tests = p;
	return p ? nplan : -1;
}
