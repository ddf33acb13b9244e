// SPDX-License-Identifier: GPL-2.0
// Files on a mount against the same files in memory, byte for byte.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fuse.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "model.h"
#include "test.h"

#define FILES		2
#define TOLD		16	/* operations told of when something is wrong */
#define MOST_FAILURES	64
#define REMOUNTS	2

/* A file as it must be. */
struct mfile {
	char name[8];
	unsigned char *bytes;	/* as they must be; 0 from @size on */
	/* Bytes of a WRITE that failed: these, or what the server has. */
	unsigned char *either;
	size_t size;
	bool grown;		/* the server may not know yet */
	size_t last;		/* where it was written */
	int fd, other, append, direct;
	unsigned char *map;	/* of @fd, the longest the file can be */
	unsigned int seen[2];	/* failures that @fd and @other told of */
};

struct op {
	unsigned int kind, file, variant;
	size_t off, off2, len;
};

/* Where an operation changed a file. */
struct touch {
	unsigned int op, file;
	size_t off, len;
};

/* The server counts here what it failed. */
static struct failures {
	_Atomic unsigned int n, of[FILES];
	struct {
		int file;
		uint64_t offset;
		uint32_t size;
	} at[MOST_FAILURES];
} *failures;

/*
 * A process that has pages written all the time, so that any operation can find
 * them in flight.  What it does changes no byte.
 */
static struct flusher {
	_Atomic int stop;
	_Atomic int fd[FILES];
} *flusher;

struct model {
	const struct model_opts *o;
	struct model_result *r;
	struct srv_opts srv;
	struct fs *fs;
	struct mfile f[FILES];
	struct mfile *cur;
	unsigned char *buf, *direct;
	size_t piece;
	uint64_t random;
	unsigned int op, remounts, folded;
	struct actor actor;
	unsigned int postponed, writes;
	struct op *ops;
	struct touch *touches;
	unsigned int ntouches;
	/* The byte that is wrong, if it is one. */
	const struct mfile *at_file;
	size_t at;
};

struct kind {
	const char *name;
	unsigned int weight;
	unsigned int needs;	/* one of these flags, if any is given */
	bool bounded;		/* with MODEL_ERRORS too */
	bool dirties;
	bool (*run)(struct model *m, const struct op *op);
};

/* splitmix64 */
static uint64_t next_random(struct model *m)
{
	uint64_t x = m->random += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static size_t below(struct model *m, size_t n)
{
	return n ? next_random(m) % n : 0;
}

static bool has(const struct model *m, unsigned int flag)
{
	return m->o->flags & flag;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static const struct kind *kind_of(const struct op *op);

static bool __attribute__((format(printf, 2, 3)))
wrong(struct model *m, const char *fmt, ...)
{
	const struct op *op = &m->ops[m->op];
	char what[200];
	va_list ap;

	if (!m->r->ok)
		return false;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	m->r->ok = false;
	m->r->op = m->op;
	snprintf(m->r->why, sizeof(m->r->why), "seed %llu, operation %u (%s), "
		 "file %s: %s", (unsigned long long)m->o->seed, m->op,
		 kind_of(op)->name, m->cur->name, what);
	return false;
}

/* A call that must return @want. */
static bool must(struct model *m, const char *what, long want, long got)
{
	return got == want || wrong(m, "%s: expected %ld, got %ld (%s)", what,
				    want, got, got < 0 ? strerror(errno) :
				    "no error");
}

/* Bytes of WRITEs that the server has failed by now may be the old ones. */
static void fold_failures(struct model *m)
{
	for (; failures && m->folded < failures->n; m->folded++) {
		struct mfile *f = &m->f[failures->at[m->folded].file];
		uint64_t off = failures->at[m->folded].offset;

		if (off < m->o->max)
			memset(f->either + off, 1,
			       least(failures->at[m->folded].size,
				     m->o->max - off));
	}
}

static const unsigned char *stored(const struct model *m,
				   const struct mfile *f)
{
	return fs_store(m->fs, f - m->f);
}

/* Do @got, found @where, and the model have the same @len bytes at @off? */
static bool same(struct model *m, struct mfile *f, size_t off,
		 const unsigned char *got, size_t len, const char *where)
{
	size_t i;

	if (!memcmp(f->bytes + off, got, len))
		return true;
	fold_failures(m);
	for (i = 0; i < len; i++) {
		if (got[i] == f->bytes[off + i])
			continue;
		if (f->either[off + i] && got[i] == stored(m, f)[off + i])
			continue;
		m->cur = f;
		m->at_file = f;
		m->at = off + i;
		return wrong(m, "offset %zu (page %zu, file of %zu bytes, %s): "
			     "expected %#x, got %#x", off + i,
			     (off + i) / page_size(), f->size, where,
			     f->bytes[off + i], got[i]);
	}
	return true;
}

/* What was synced of [@off, @off + @len) is at the server. */
static bool check_store(struct model *m, struct mfile *f, size_t off,
			size_t len)
{
	if (off >= f->size)
		return true;
	return same(m, f, off, stored(m, f) + off, least(len, f->size - off),
		    "at the server");
}

static bool check_synced(struct model *m, struct mfile *f)
{
	uint64_t size = m->fs->sh->size[f - m->f];

	if (!check_store(m, f, 0, f->size))
		return false;
	m->cur = f;
	if (size != f->size && (!failures || !failures->n))
		return wrong(m, "size at the server: expected %zu, got %llu",
			     f->size, (unsigned long long)size);
	f->grown = false;
	return true;
}

static unsigned int failed(const struct model *m, const struct mfile *f)
{
	return failures ? (unsigned int)failures->of[f - m->f] : 0;
}

/*
 * A call that tells of a failure need not have waited for all that is in
 * flight: with pages that are copies it does not.  When nothing is, another
 * call has to tell of what came meanwhile, if it did.
 */
static bool settle(struct model *m, struct mfile *f, int which,
		   unsigned int before)
{
	int fd = which ? f->other : f->fd, late = m->fs->sh->late, ret, err;

	m->fs->sh->late = 0;
	srv_answer_all(m->fs);
	if (!wait_until(!fs_waiting(m->fs), scaled_ms(10000)))
		return wrong(m, "expected all WRITEs to be answered, got %u "
			     "that are not", fs_waiting(m->fs));
	m->fs->sh->late = late;
	ret = fsync(fd);
	err = errno;
	f->seen[which] = failed(m, f);
	if (ret && (err != EIO || f->seen[which] == before))
		return wrong(m, "fsync through descriptor %d again, after it "
			     "told of %u WRITEs that failed: expected success, "
			     "got %s", which, before, strerror(err));
	return true;
}

/*
 * What a call that syncs through descriptor @which returned; @before it were
 * that many failures.  Each descriptor tells of them once.
 */
static bool synced(struct model *m, struct mfile *f, int which,
		   const char *what, unsigned int before, int ret)
{
	int err = errno;
	unsigned int now = failed(m, f), fresh = now - f->seen[which];

	m->cur = f;
	if (fresh && (!ret || err != EIO))
		return wrong(m, "%s through descriptor %d, %u WRITEs failed "
			     "since it last told: expected EIO, got %s", what,
			     which, fresh, ret ? strerror(err) : "success");
	if (!fresh && ret)
		return wrong(m, "%s through descriptor %d, no WRITE failed "
			     "since it last told: expected success, got %s",
			     what, which, strerror(err));
	return !ret || settle(m, f, which, before);
}

/* fsync or fdatasync, and what is at the server then. */
static bool sync_file(struct model *m, struct mfile *f, int which,
		      const char *what, int (*call)(int fd))
{
	unsigned int before = failed(m, f);

	return synced(m, f, which, what, before,
		      call(which ? f->other : f->fd)) &&
	       check_synced(m, f);
}

/* Bytes that say where and when they were written. */
static void fill(struct model *m, unsigned char *p, size_t off, size_t len)
{
	uint64_t x = (m->o->seed << 20 ^ m->op) * 0x9e3779b97f4a7c15ULL + off;
	size_t i;

	for (i = 0; i < len; i++) {
		if (!(i & 7))
			x = x * 6364136223846793005ULL +
			    1442695040888963407ULL;
		p[i] = x >> (8 * (i & 7));
	}
	m->r->bytes += len;
}

static void touch(struct model *m, const struct mfile *f, size_t off,
		  size_t len)
{
	/* Two for each operation at the most. */
	m->touches[m->ntouches++] = (struct touch){ m->op, f - m->f, off, len };
}

static void put(struct model *m, struct mfile *f, size_t off, const void *p,
		size_t len)
{
	touch(m, f, off, len);
	f->last = off;
	memcpy(f->bytes + off, p, len);
	memset(f->either + off, 0, len);
	if (f->size < off + len) {
		f->size = off + len;
		f->grown = true;
	}
}

static void put_zero(struct model *m, struct mfile *f, size_t off, size_t len)
{
	touch(m, f, off, len);
	if (off >= f->size)
		return;
	len = least(len, f->size - off);
	memset(f->bytes + off, 0, len);
	memset(f->either + off, 0, len);
}

static void put_size(struct model *m, struct mfile *f, size_t size)
{
	if (size < f->size)
		put_zero(m, f, size, f->size - size);
	f->size = size;
}

static bool clean_end(struct model *m, struct mfile *f, size_t end)
{
	return !has(m, MODEL_CLEAN_END) || end <= f->size ||
	       !(f->size % page_size()) || sync_file(m, f, 0, "fsync", fsync);
}

static bool do_pwrite(struct model *m, const struct op *op)
{
	struct mfile *f = m->cur;

	if (!clean_end(m, f, op->off + op->len))
		return false;
	fill(m, m->buf, op->off, op->len);
	if (!must(m, "pwrite", op->len,
		  pwrite(op->variant & 1 ? f->fd : f->other, m->buf, op->len,
			 op->off)))
		return false;
	put(m, f, op->off, m->buf, op->len);
	return true;
}

static bool do_append(struct model *m, const struct op *op)
{
	struct mfile *f = m->cur;
	size_t len = least(op->len, m->o->max - f->size), off = f->size;

	if (!len)
		return true;
	if (!clean_end(m, f, off + len))
		return false;
	fill(m, m->buf, off, len);
	if (!must(m, "write with O_APPEND", len,
		  write(f->append, m->buf, len)))
		return false;
	put(m, f, off, m->buf, len);
	return true;
}

static bool read_back(struct model *m, struct mfile *f, size_t off, size_t len)
{
	size_t want = off < f->size ? least(len, f->size - off) : 0;

	m->cur = f;
	return must(m, "pread", want, pread(f->other, m->buf, len, off)) &&
	       same(m, f, off, m->buf, want, "by read");
}

static bool do_pread(struct model *m, const struct op *op)
{
	return read_back(m, m->cur, op->off, op->len);
}

static bool do_store(struct model *m, const struct op *op)
{
	struct mfile *f = m->cur;
	size_t off, len;

	if (!f->size)
		return true;
	off = op->off % f->size;
	len = least(op->len, f->size - off);
	fill(m, m->buf, off, len);
	memcpy(f->map + off, m->buf, len);
	put(m, f, off, m->buf, len);
	return true;
}

static bool do_load(struct model *m, const struct op *op)
{
	struct mfile *f = m->cur;
	size_t off;

	if (!f->size)
		return true;
	off = op->off % f->size;
	return same(m, f, off, f->map + off, least(op->len, f->size - off),
		    "by mapping");
}

static bool do_msync_async(struct model *m, const struct op *op)
{
	size_t off = op->off & -page_size();

	return must(m, "msync(MS_ASYNC)", 0, msync(m->cur->map + off,
		    op->len, MS_ASYNC));
}

static bool do_msync(struct model *m, const struct op *op)
{
	struct mfile *f = m->cur;
	size_t off = op->off & -page_size(), len = op->len;
	unsigned int before = failed(m, f);

	/* A part of it tells of failures that come later. */
	if (has(m, MODEL_ERRORS)) {
		off = 0;
		len = m->o->max;
	}
	return synced(m, f, 0, "msync(MS_SYNC)", before,
		      msync(f->map + off, len, MS_SYNC)) &&
	       check_store(m, f, off, len);
}

static bool do_sync_range(struct model *m, const struct op *op)
{
	unsigned int how = SYNC_FILE_RANGE_WRITE;

	/* With pages that are copies it does not wait for the server. */
	if (op->variant % 4 == 0 && !has(m, MODEL_ERRORS))
		how |= SYNC_FILE_RANGE_WAIT_BEFORE |
		       SYNC_FILE_RANGE_WAIT_AFTER;
	return must(m, "sync_file_range", 0,
		    sync_file_range(m->cur->fd, op->off, op->len, how));
}

static bool do_fsync(struct model *m, const struct op *op)
{
	struct mfile *f = m->cur;
	int which = op->variant & 1;

	/* What it told once it must not tell again. */
	return sync_file(m, f, which, "fsync", fsync) &&
	       (!has(m, MODEL_ERRORS) || op->variant & 2 ||
		sync_file(m, f, which, "fsync", fsync));
}

static bool do_fdatasync(struct model *m, const struct op *op)
{
	return sync_file(m, m->cur, op->variant & 1, "fdatasync", fdatasync);
}

static bool do_shrink(struct model *m, const struct op *op)
{
	struct mfile *f = m->cur;
	size_t size = f->size ? op->off % f->size : 0;

	if (!must(m, "ftruncate to less", 0, ftruncate(f->fd, size)))
		return false;
	put_size(m, f, size);
	return true;
}

static bool do_grow(struct model *m, const struct op *op)
{
	struct mfile *f = m->cur;
	size_t size = f->size + op->off % (m->o->max - f->size + 1);

	if (!must(m, "ftruncate to more", 0, ftruncate(f->fd, size)))
		return false;
	put_size(m, f, size);
	return true;
}

static bool do_punch(struct model *m, const struct op *op)
{
	if (!must(m, "fallocate(PUNCH_HOLE)", 0,
		  fallocate(m->cur->fd, FALLOC_FL_PUNCH_HOLE |
			    FALLOC_FL_KEEP_SIZE, op->off, op->len)))
		return false;
	put_zero(m, m->cur, op->off, op->len);
	return true;
}

static bool do_zero(struct model *m, const struct op *op)
{
	int keep = op->variant & 1 ? FALLOC_FL_KEEP_SIZE : 0;
	struct mfile *f = m->cur;
	int ret = fallocate(f->fd, FALLOC_FL_ZERO_RANGE | keep, op->off,
			    op->len);

	/* Some kernels do not know it. */
	if (ret && errno == EOPNOTSUPP)
		return true;
	if (!must(m, "fallocate(ZERO_RANGE)", 0, ret))
		return false;
	if (!keep && f->size < op->off + op->len)
		put_size(m, f, op->off + op->len);
	put_zero(m, f, op->off, op->len);
	return true;
}

static bool do_allocate(struct model *m, const struct op *op)
{
	int keep = op->variant & 1 ? FALLOC_FL_KEEP_SIZE : 0;
	struct mfile *f = m->cur;

	if (!must(m, "fallocate", 0, fallocate(f->fd, keep, op->off, op->len)))
		return false;
	if (!keep && f->size < op->off + op->len)
		put_size(m, f, op->off + op->len);
	return true;
}

/*
 * It flushes what it reads and asks the server, which says "end of file" to a
 * hole behind what it has: on a stock kernel of any age the read is short then.
 */
static bool do_direct_read(struct model *m, const struct op *op)
{
	struct mfile *f = m->cur;
	size_t off = op->off & -page_size(), want;
	size_t len = (op->len + page_size() - 1) & -page_size();

	if (f->grown && !sync_file(m, f, 0, "fsync", fsync))
		return false;
	want = off < f->size ? least(len, f->size - off) : 0;
	return must(m, "pread with O_DIRECT", want,
		    pread(f->direct, m->direct, len, off)) &&
	       same(m, f, off, m->direct, want, "by O_DIRECT");
}

static bool do_direct_write(struct model *m, const struct op *op)
{
	struct mfile *f = m->cur;
	size_t off = op->off & -page_size();
	size_t len = (op->len + page_size() - 1) & -page_size();

	len = least(len, m->o->max - off);
	fill(m, m->direct, off, len);
	if (!must(m, "pwrite with O_DIRECT", len,
		  pwrite(f->direct, m->direct, len, off)))
		return false;
	put(m, f, off, m->direct, len);
	return check_store(m, f, off, len);
}

static bool do_trunc_open(struct model *m, const struct op *op)
{
	struct mfile *f = m->cur;

	(void)op;
	if (!must(m, "close", 0, close(f->other)) || !check_synced(m, f))
		return false;
	f->other = fs_open(m->fs, f->name, O_RDWR | O_TRUNC);
	if (flusher)
		flusher->fd[f - m->f] = f->other;
	put_size(m, f, 0);
	return true;
}

static void map_file(struct model *m, struct mfile *f)
{
	f->map = mmap(NULL, m->o->max, PROT_READ | PROT_WRITE, MAP_SHARED,
		      f->fd, 0);
	NEED(f->map != MAP_FAILED, "mmap of %s: expected a mapping, got %s",
	     f->name, strerror(errno));
	madvise(f->map, m->o->max, MADV_DONTFORK);
}

static bool do_reopen(struct model *m, const struct op *op)
{
	struct mfile *f = m->cur;

	if (op->variant & 1)
		munmap(f->map, m->o->max);
	if (!must(m, "close", 0, close(f->fd)) || !check_synced(m, f))
		return false;
	if (!(op->variant & 1))
		munmap(f->map, m->o->max);
	f->fd = fs_open(m->fs, f->name, O_RDWR);
	map_file(m, f);
	return true;
}

static bool check_size(struct model *m, const struct mfile *f)
{
	struct stat st = { 0 };
	int ret = fstat(f->fd, &st);

	return must(m, "fstat", 0, ret) &&
	       must(m, "fstat's size", f->size, st.st_size);
}

static bool do_copy(struct model *m, const struct op *op)
{
	struct mfile *from = m->cur, *to = &m->f[!(m->cur - m->f)];
	loff_t in = op->off, out = op->off2;
	size_t len, left;
	ssize_t n;

	if (op->off >= from->size)
		return true;
	len = least(op->len, from->size - op->off);
	len = least(len, m->o->max - op->off2);
	for (left = len; left; left -= n) {
		n = copy_file_range(from->fd, &in, to->fd, &out, left, 0);
		if (n <= 0)
			return wrong(m, "copy_file_range of %zu bytes at %zu "
				     "to %zu, %zu done: expected some, got %zd "
				     "(%s)", len, op->off, op->off2,
				     len - left, n, strerror(errno));
	}
	if (!len)
		return true;
	put(m, to, op->off2, from->bytes + op->off, len);
	/*
	 * Some kernels without writeback_cache only know here that they do not
	 * know the size, and would append where the end was.
	 */
	m->cur = to;
	return check_size(m, to);
}

static bool do_readahead(struct model *m, const struct op *op)
{
	return must(m, "readahead", 0, readahead(m->cur->fd, op->off, op->len));
}

static bool do_dontneed(struct model *m, const struct op *op)
{
	size_t off = op->variant & 1 ? 0 : op->off;
	size_t len = op->variant & 1 ? 0 : op->len;

	return must(m, "posix_fadvise(DONTNEED)", 0,
		    posix_fadvise(m->cur->fd, off, len, POSIX_FADV_DONTNEED));
}

/* Reclaim of these pages alone; unmapping them, which is known everywhere. */
static bool do_page_out(struct model *m, const struct op *op)
{
	static const int advice[] = { MADV_PAGEOUT, MADV_PAGEOUT, MADV_COLD,
				      MADV_DONTNEED };
	struct mfile *f = m->cur;
	int how = advice[op->variant & 3];
	size_t off = op->off & -page_size();
	int ret = madvise(f->map + off, op->len, how);

	if (ret && errno == EINVAL && how != MADV_DONTNEED)
		return true;
	return must(m, "madvise", 0, ret);
}

static long flush_all_the_time(void *arg)
{
	struct flusher *fl = arg;
	unsigned int n;

	actor_begin();
	for (n = 0; !fl->stop; n++) {
		int fd = fl->fd[n % FILES];

		/* Of a file that is just being closed it says so. */
		if (n % 32 == 31)
			syncfs(fd);
		else
			sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
		usleep(500 + n * 7919 % 2500);
	}
	return 0;
}

static void start_flusher(struct model *m)
{
	if (!has(m, MODEL_LATE))
		return;
	flusher = mmap(NULL, sizeof(*flusher), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	NEED(flusher != MAP_FAILED, "expected memory, got %s",
	     strerror(errno));
	actor_start(&m->actor, flush_all_the_time, flusher);
}

static void stop_flusher(struct model *m)
{
	if (!flusher)
		return;
	flusher->stop = 1;
	if (!actor_done(&m->actor, scaled_ms(10000))) {
		show_stack(m->actor.pid);
		wrong(m, "expected the process that has pages written to come "
		      "back, got it stuck");
	}
	flusher = NULL;
}

static void open_files(struct model *m, int flags)
{
	int i;

	for (i = 0; i < FILES; i++) {
		struct mfile *f = &m->f[i];

		f->fd = fs_open(m->fs, f->name, O_RDWR | flags);
		f->other = fs_open(m->fs, f->name, O_RDWR);
		f->append = fs_open(m->fs, f->name, O_WRONLY | O_APPEND);
		f->direct = fs_open(m->fs, f->name, O_RDWR | O_DIRECT);
		map_file(m, f);
		if (flusher)
			flusher->fd[i] = f->other;
	}
}

static bool close_files(struct model *m)
{
	int i, j;

	for (i = 0; i < FILES; i++) {
		struct mfile *f = m->cur = &m->f[i];
		int fds[] = { f->fd, f->other, f->append, f->direct };

		munmap(f->map, m->o->max);
		/* What it tells of failures depends on who asked before. */
		for (j = 0; j < 4; j++)
			if (close(fds[j]) && !has(m, MODEL_ERRORS))
				wrong(m, "close: expected 0, got %s",
				      strerror(errno));
		check_synced(m, f);
	}
	return m->r->ok;
}

static void count_in(struct model *m)
{
	m->postponed += m->fs->sh->postponed;
	m->writes += m->fs->sh->cached;
}

static bool healthy(struct model *m)
{
	if (m->fs->sh->trouble[0])
		return wrong(m, "expected the server to be well, got %s",
			     m->fs->sh->trouble);
	if (m->fs->sh->overlaps)
		return wrong(m, "expected one WRITE of a byte at a time, got "
			     "%u of bytes of one that was not answered",
			     m->fs->sh->overlaps);
	return true;
}

static bool leave(struct model *m)
{
	int i;

	if (!close_files(m))
		return false;
	if (!fs_umount(m->fs))
		return wrong(m, "umount: expected success, got %s",
			     strerror(errno));
	for (i = 0; i < FILES; i++)
		if (!check_synced(m, &m->f[i]))
			return false;
	count_in(m);
	return healthy(m);
}

static bool do_remount(struct model *m, const struct op *op)
{
	int late = m->fs->sh->late;

	(void)op;
	if (m->remounts++ >= REMOUNTS)
		return true;
	if (!leave(m))
		return false;
	m->srv.files_of = m->fs;
	m->fs = fs_mount(&m->srv);
	m->fs->sh->late = late;
	open_files(m, 0);
	return true;
}

/* How late the server answers from now on. */
static bool do_late(struct model *m, const struct op *op)
{
	static const int ms[] = { 0, 1, 1, 1, 2, 2, 4, 10 };

	m->fs->sh->late = ms[op->variant % (sizeof(ms) / sizeof(ms[0]))];
	if (!m->fs->sh->late)
		srv_answer_all(m->fs);
	return healthy(m);
}

static bool do_check(struct model *m, const struct op *op)
{
	struct mfile *f = m->cur;
	size_t at;

	(void)op;
	if (!check_size(m, f))
		return false;
	for (at = 0; at < f->size; at += m->piece)
		if (!read_back(m, f, at, m->piece))
			return false;
	return true;
}

static bool do_drop_caches(struct model *m, const struct op *op)
{
	(void)m;
	write_file("/proc/sys/vm/drop_caches", op->variant & 1 ? "1" : "3");
	return true;
}

static bool do_compact(struct model *m, const struct op *op)
{
	(void)m;
	(void)op;
	write_file("/proc/sys/vm/compact_memory", "1");
	return true;
}

/* Whether a page moves is not the question here, but what it then holds. */
static bool do_move_pages(struct model *m, const struct op *op)
{
	enum { MOST = 16 };
	struct mfile *f = m->cur;
	void *page[MOST];
	int node[MOST], status[MOST], nodes[8];
	unsigned int i, n;
	size_t off;

	if (!f->size || node_list(nodes, 8) < 2)
		return true;
	off = op->off % f->size & -page_size();
	for (i = 0; i < MOST && off + i * page_size() < f->size; i++) {
		page[i] = f->map + off + i * page_size();
		node[i] = nodes[op->variant & 1];
		(void)*(volatile unsigned char *)page[i];
	}
	n = i;
	/* MPOL_MF_MOVE */
	syscall(SYS_move_pages, 0, (unsigned long)n, page, node, status, 2);
	for (i = 0; i < n; i++) {
		size_t at = off + i * page_size();

		if (!same(m, f, at, f->map + at,
			  least(page_size(), f->size - at),
			  "by mapping, after move_pages"))
			return false;
	}
	return true;
}

static const struct kind kinds[] = {
	{ "pwrite", 24, 0, true, true, do_pwrite },
	{ "append", 4, 0, true, true, do_append },
	{ "pread", 10, 0, true, false, do_pread },
	{ "store", 16, 0, true, true, do_store },
	{ "load", 6, 0, true, false, do_load },
	{ "msync async", 2, 0, true, false, do_msync_async },
	{ "msync", 3, 0, true, false, do_msync },
	{ "sync_file_range", 10, 0, true, false, do_sync_range },
	{ "fsync", 4, 0, true, false, do_fsync },
	{ "fdatasync", 3, 0, true, false, do_fdatasync },
	{ "shrink", 4, 0, true, false, do_shrink },
	{ "grow", 3, 0, true, false, do_grow },
	{ "punch hole", 4, 0, false, false, do_punch },
	{ "zero range", 2, 0, false, false, do_zero },
	{ "allocate", 2, 0, false, false, do_allocate },
	{ "direct read", 4, 0, false, false, do_direct_read },
	{ "direct write", 4, 0, false, false, do_direct_write },
	{ "open with O_TRUNC", 1, 0, false, false, do_trunc_open },
	{ "reopen", 3, 0, false, false, do_reopen },
	{ "copy_file_range", 4, 0, false, false, do_copy },
	{ "readahead", 3, 0, true, false, do_readahead },
	{ "drop pages", 5, 0, true, false, do_dontneed },
	{ "page out", 5, 0, true, false, do_page_out },
	{ "remount", 1, MODEL_REMOUNT, false, false, do_remount },
	{ "answer late", 4, MODEL_LATE, true, false, do_late },
	{ "drop caches", 1, MODEL_MOVES, true, false, do_drop_caches },
	{ "compact memory", 1, MODEL_MOVES, true, false, do_compact },
	{ "move pages", 6, MODEL_MOVES, true, false, do_move_pages },
	{ "check", 2, 0, true, false, do_check },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct kind *kind_of(const struct op *op)
{
	return &kinds[op->kind];
}

static unsigned int weight(const struct model *m, const struct kind *k)
{
	if ((k->needs && !has(m, k->needs)) ||
	    (!k->bounded && has(m, MODEL_ERRORS)))
		return 0;
	return k->weight;
}

static unsigned int pick_kind(struct model *m)
{
	unsigned int i, sum = 0;
	size_t nth;

	for (i = 0; i < KINDS; i++)
		sum += weight(m, &kinds[i]);
	nth = below(m, sum);
	for (i = 0; nth >= weight(m, &kinds[i]); i++)
		nth -= weight(m, &kinds[i]);
	return i;
}

static size_t pick_len(struct model *m)
{
	size_t r = next_random(m), ps = page_size();

	switch (r % 8) {
	case 0 ... 2:
		return 1 + (r >> 8) % 300;
	case 3 ... 4:
		return 1 + least((r >> 8) % (3 * ps), m->piece - 1);
	case 5:
		return least(ps * (1 + (r >> 8) % 4), m->piece);
	default:
		return 1 + (r >> 8) % m->piece;
	}
}

static size_t pick_off(struct model *m, const struct mfile *f, size_t len)
{
	size_t size = f->size;
	size_t r = next_random(m), off;

	switch (r % 8) {
	case 0 ... 1:
		off = (r >> 8) % m->o->max & -page_size();
		break;
	case 2:
		off = size;
		break;
	case 3:		/* about the end */
		off = size - least(size, (r >> 8) % (2 * page_size()));
		break;
	case 4:		/* over the edge of a page */
		off = ((r >> 8) % m->o->max | (page_size() - 1)) - r % 7;
		break;
	case 5 ... 6:	/* about where it was written last */
		off = f->last + (r >> 8) % (2 * page_size());
		off -= least(off, page_size());
		break;
	default:
		off = (r >> 8) % m->o->max;
	}
	return least(off, m->o->max - len);
}

static void pick_op(struct model *m, struct op *op)
{
	op->kind = pick_kind(m);
	op->file = below(m, FILES);
	op->variant = next_random(m) >> 32;
	op->len = pick_len(m);
	op->off = pick_off(m, &m->f[op->file], op->len);
	op->off2 = pick_off(m, &m->f[!op->file], op->len);
	m->r->plan = m->r->plan * 31 + srv_hash(op, sizeof(*op));
}

static void tell_op(const struct model *m, unsigned int n)
{
	const struct op *op = &m->ops[n];

	diag("operation %u: %s, file %s, offset %zu, length %zu, other offset "
	     "%zu, variant %u", n, kind_of(op)->name, m->f[op->file].name,
	     op->off, op->len, op->off2, op->variant & 7);
}

/* What the server was told of that byte; SETATTR has a new size. */
static void tell_requests(const struct model *m)
{
	const struct srv_shared *sh = m->fs->sh;
	unsigned int i;

	for (i = 0; i < sh->nlog; i++) {
		const struct srv_event *ev = &sh->log[i];

		if (ev->file != m->at_file - m->f || ev->opcode == FUSE_READ ||
		    ev->offset > m->at || (ev->opcode != FUSE_SETATTR &&
					   ev->offset + ev->size <= m->at))
			continue;
		diag("request %u of this mount: opcode %u, offset %llu, size "
		     "%llu%s, error %d", i, ev->opcode,
		     (unsigned long long)ev->offset,
		     (unsigned long long)ev->size,
		     ev->cached ? ", out of the cache" : "", ev->error);
	}
}

/* Who changed that byte, and what came right before. */
static void tell_ops(const struct model *m)
{
	unsigned int i, n = 0;

	for (i = m->ntouches; m->at_file && i-- && n < TOLD / 2; ) {
		const struct touch *t = &m->touches[i];

		if (t->file != m->at_file - m->f || m->at < t->off ||
		    m->at - t->off >= t->len)
			continue;
		diag("changed that byte: %zu to %zu by:", t->off,
		     t->off + t->len);
		tell_op(m, t->op);
		n++;
	}
	if (m->at_file)
		tell_requests(m);
	for (n = m->op < TOLD - 1 ? 0 : m->op - (TOLD - 1); n <= m->op; n++)
		tell_op(m, n);
}

bool model_count_failure(const struct srv_event *ev)
{
	unsigned int n = failures->n;

	if (n == MOST_FAILURES)
		return false;
	failures->at[n].file = ev->file;
	failures->at[n].offset = ev->offset;
	failures->at[n].size = ev->size;
	failures->of[ev->file]++;
	failures->n++;
	return true;
}

/* Some of the WRITEs fail, in the server. */
static int fail_some(unsigned char *store, const struct srv_event *ev,
		     unsigned char *data)
{
	static unsigned int nth;

	(void)store;
	(void)data;
	return ev->cached && ++nth % 5 == 0 && model_count_failure(ev) ?
	       EIO : 0;
}

static void *memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(p != MAP_FAILED, "expected %zu bytes of memory, got %s", size,
	     strerror(errno));
	/*
	 * Now, and not shared with the server until one of them writes, so that
	 * no group is charged which @begin joins.
	 */
	madvise(p, size, MADV_DONTFORK);
	memset(p, 0, size);
	return p;
}

static void set_up(struct model *m)
{
	size_t max = m->o->max;
	int i;

	for (i = 0; i < FILES; i++) {
		snprintf(m->f[i].name, sizeof(m->f[i].name), "%c", 'a' + i);
		m->f[i].bytes = memory(max);
		m->f[i].either = memory(max);
	}
	m->piece = m->o->piece ? m->o->piece : max / 5;
	m->ops = memory(m->o->ops * sizeof(*m->ops));
	m->touches = memory(2 * m->o->ops * sizeof(*m->touches));
	m->buf = memory(m->piece + page_size());
	m->direct = memory(m->piece + page_size());
	m->random = m->o->seed;
	m->srv = m->o->srv;
	m->srv.wrap_log = true;
	m->srv.seed = m->o->seed;
	failures = NULL;
	if (has(m, MODEL_ERRORS)) {
		failures = mmap(NULL, sizeof(*failures),
				PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		NEED(failures != MAP_FAILED, "expected memory, got %s",
		     strerror(errno));
		if (!m->srv.judge)
			m->srv.judge = fail_some;
	}
	m->cur = &m->f[0];
	m->fs = fs_mount(&m->srv);
	m->fs->sh->late = has(m, MODEL_LATE);
	if (m->o->begin)
		m->o->begin(m->fs);
	start_flusher(m);
	open_files(m, O_CREAT);
}

static void put_down(struct model *m)
{
	int i;

	for (i = 0; i < FILES; i++) {
		munmap(m->f[i].bytes, m->o->max);
		munmap(m->f[i].either, m->o->max);
	}
	munmap(m->ops, m->o->ops * sizeof(*m->ops));
	munmap(m->touches, 2 * m->o->ops * sizeof(*m->touches));
	munmap(m->buf, m->piece + page_size());
	munmap(m->direct, m->piece + page_size());
}

/* Have it written at once, so that the next operation finds it in flight. */
static void send_off(struct model *m, const struct op *op)
{
	struct mfile *f = &m->f[op->file];

	if (has(m, MODEL_LATE) && op->variant & 0x300)
		sync_file_range(f->other, f->last & -page_size(), op->len,
				SYNC_FILE_RANGE_WRITE);
}

static bool each_op(struct model *m)
{
	char why[128];

	for (m->op = 0; m->op < m->o->ops; m->op++) {
		struct op *op = &m->ops[m->op];

		pick_op(m, op);
		m->cur = &m->f[op->file];
		fold_failures(m);
		m->r->in_flight += m->fs->sh->held > 0;
		if (!kind_of(op)->run(m, op) || !healthy(m))
			return false;
		if (kind_of(op)->dirties)
			send_off(m, op);
		if (m->o->meanwhile && m->op % 8 == 0 &&
		    !m->o->meanwhile(m->op, why, sizeof(why)))
			return wrong(m, "%s", why);
	}
	m->op--;
	return true;
}

static bool last_check(struct model *m)
{
	int i;

	for (i = 0; i < FILES; i++) {
		struct mfile *f = m->cur = &m->f[i];

		if (!do_check(m, NULL) ||
		    !sync_file(m, f, 0, "last fsync", fsync) ||
		    !sync_file(m, f, 1, "last fsync", fsync))
			return false;
		posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
		if (!do_check(m, NULL))
			return false;
	}
	return leave(m);
}

/* There are others to come. */
static void end_quietly(struct model *m)
{
	stop_flusher(m);
	m->fs->sh->late = 0;
	srv_answer_all(m->fs);
	close_files(m);
	NEED(fs_umount(m->fs), "umount: expected success, got %s",
	     strerror(errno));
}

void model_run(const struct model_opts *o, bool quiet, struct model_result *r)
{
	struct model m = { .o = o, .r = r };

	memset(r, 0, sizeof(*r));
	r->ok = true;
	set_up(&m);
	if (!each_op(&m) || !last_check(&m)) {
		count_in(&m);
		if (!quiet)
			tell_ops(&m);
		else
			end_quietly(&m);
	}
	stop_flusher(&m);
	r->failed = failures ? (unsigned int)failures->n : 0;
	r->postponed = m.postponed;
	r->writes = m.writes;
	put_down(&m);
}

void model_expect(const struct model_opts *o)
{
	struct model_result r;

	model_run(o, false, &r);
	diag("seed %llu: %u operations, %u of them with WRITEs held, %llu "
	     "bytes written, %u WRITEs, %u held, %u failed",
	     (unsigned long long)o->seed, r.ok ? o->ops : r.op + 1,
	     r.in_flight, r.bytes, r.writes, r.postponed, r.failed);
	if (!r.ok)
		test_fail(__FILE__, __LINE__, "%s: %s", o->name, r.why);
}
