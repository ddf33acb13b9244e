// SPDX-License-Identifier: GPL-2.0
// A FUSE server on raw /dev/fuse: one directory of files kept in memory.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"
#include "script.h"
#include "server.h"
#include "test.h"

struct held_write {
	struct held_write *next;
	uint64_t unique;
	unsigned int event;
	int file;
	uint64_t offset;
	uint32_t size;
	unsigned char data[];
};

struct muted {
	struct muted *next;
	size_t len;
	unsigned char request[];
};

/* A WRITE that was answered, and its data, which nobody has looked at. */
struct kept {
	struct kept *next;
	int pipe[2];
	int file;
	uint64_t offset;
	uint32_t size;
};

struct srv {
	int dev;
	int kick_fd;
	struct srv_shared *sh;
	unsigned char *store;
	const struct srv_opts *opts;
	uint32_t max_write;
	uint64_t random;
	struct held_write *first, **last;
	struct muted *muted;
	struct kept *kept;
	int pipe[2];
	unsigned char *buf;
	size_t bufsize;
};

struct fs *current_fs;

uint64_t srv_hash(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = 0x9e3779b97f4a7c15ULL ^ len;
	uint64_t w;

	for (; len >= sizeof(w); p += sizeof(w), len -= sizeof(w)) {
		memcpy(&w, p, sizeof(w));
		h = (h ^ w) * 0xff51afd7ed558ccdULL;
		h ^= h >> 32;
	}
	for (; len; p++, len--)
		h = (h ^ *p) * 0x100000001b3ULL;
	return h;
}

static void trouble(struct srv *s, const char *what)
{
	if (!s->sh->trouble[0])
		snprintf(s->sh->trouble, sizeof(s->sh->trouble), "%s: %s",
			 what, strerror(errno));
}

static void reply(struct srv *s, uint64_t unique, int error, const void *data,
		  size_t len)
{
	struct fuse_out_header out = {
		.len = sizeof(out) + len,
		.error = -error,
		.unique = unique,
	};
	struct iovec iov[2] = {
		{ .iov_base = &out, .iov_len = sizeof(out) },
		{ .iov_base = (void *)data, .iov_len = len },
	};

	if (s->opts->script) {
		script_reply(s->opts->script, unique, iov, len ? 2 : 1);
		return;
	}
	/* ENOENT: interrupted or aborted meanwhile; ENODEV: aborted. */
	if (writev(s->dev, iov, len ? 2 : 1) < 0 && errno != ENOENT &&
	    errno != ENODEV)
		trouble(s, "reply");
}

static struct srv_event *log_event(struct srv *s, uint32_t opcode, int file,
				   uint64_t offset, uint64_t size)
{
	unsigned int n = s->sh->nlog;
	struct srv_event *ev;

	/* Nothing that is held has its event there then. */
	if (s->opts->wrap_log && n >= SRV_LOG / 2 && !s->first)
		n = s->sh->nlog = 0;
	ev = &s->sh->log[n < SRV_LOG ? n : SRV_LOG - 1];
	memset(ev, 0, sizeof(*ev));
	ev->opcode = opcode;
	ev->file = file;
	ev->offset = offset;
	ev->size = size;
	ev->t_in = now_ns();
	return ev;
}

/* Publish an event only when it is complete: the test reads along. */
static unsigned int log_publish(struct srv *s)
{
	unsigned int n = s->sh->nlog;

	if (n < SRV_LOG - 1)
		s->sh->nlog = n + 1;
	else if (!s->sh->trouble[0])
		strcpy(s->sh->trouble, "the log of requests is full");
	return n;
}

static void fill_attr(struct srv *s, int file, struct fuse_attr *attr)
{
	memset(attr, 0, sizeof(*attr));
	attr->ino = file + 2;
	attr->blksize = page_size();
	attr->nlink = file < 0 ? 2 : 1;
	attr->mode = (file < 0 ? S_IFDIR : S_IFREG) | 0755;
	if (file >= 0) {
		attr->size = s->sh->size[file];
		attr->blocks = (attr->size + 511) / 512;
	}
}

static void store_write(struct srv *s, int file, uint64_t offset,
			const void *data, uint32_t size)
{
	memcpy(s->store + file * SRV_FILE_MAX + offset, data, size);
	if (s->sh->size[file] < offset + size)
		s->sh->size[file] = offset + size;
}

static void answer_write(struct srv *s, struct srv_event *ev, uint64_t unique,
			 void *data)
{
	struct fuse_write_out out = { .size = ev->size };
	int error = s->sh->error;

	if (s->sh->error_at && s->sh->error_at != ev->offset + 1)
		error = 0;
	if (s->opts->before_reply)
		s->opts->before_reply();
	if (!error && s->opts->judge)
		error = s->opts->judge(s->store, ev, data);
	if (error < 0)
		error = 0;
	else if (!error)
		store_write(s, ev->file, ev->offset, data, ev->size);
	ev->error = error;
	ev->t_out = now_ns();
	reply(s, unique, error, &out, error ? 0 : sizeof(out));
}

static void do_write(struct srv *s, const struct fuse_in_header *in, int file)
{
	const struct fuse_write_in *arg = (const void *)(in + 1);
	void *data = (void *)(arg + 1);
	struct held_write *h;
	struct srv_event *ev;
	unsigned int n;

	if (arg->offset + arg->size > SRV_FILE_MAX) {
		reply(s, in->unique, EFBIG, NULL, 0);
		return;
	}
	ev = log_event(s, FUSE_WRITE, file, arg->offset, arg->size);
	ev->cached = arg->write_flags & FUSE_WRITE_CACHE;
	ev->hash = srv_hash(data, arg->size);
	n = log_publish(s);
	s->sh->cached += ev->cached;
	/* One that is written through may meet one of the flusher's. */
	for (h = ev->cached ? s->first : NULL; h; h = h->next)
		if (h->file == file && h->offset < arg->offset + arg->size &&
		    arg->offset < h->offset + h->size)
			s->sh->overlaps++;

	if (!(s->sh->hold || s->sh->late) || !ev->cached) {
		answer_write(s, ev, in->unique, data);
		return;
	}
	h = malloc(sizeof(*h) + arg->size);
	if (!h) {
		trouble(s, "hold a WRITE");
		reply(s, in->unique, ENOMEM, NULL, 0);
		return;
	}
	h->next = NULL;
	h->unique = in->unique;
	h->event = n;
	h->file = file;
	h->offset = arg->offset;
	h->size = arg->size;
	memcpy(h->data, data, arg->size);
	*s->last = h;
	s->last = &h->next;
	s->sh->held++;
	s->sh->postponed++;
}

static void release_nth(struct srv *s, unsigned int nth)
{
	struct held_write **p = &s->first, *h;

	while (nth--)
		p = &(*p)->next;
	h = *p;
	*p = h->next;
	if (!h->next)
		s->last = p;
	answer_write(s, &s->sh->log[h->event], h->unique, h->data);
	s->sh->held--;
	free(h);
}

static void release_held(struct srv *s, unsigned int n)
{
	while (n-- && s->first)
		release_nth(s, 0);
}

/*
 * Of a server that answers late: some of the WRITEs held, whichever it is, when
 * nothing more comes, and one now and then while there does.
 */
static void release_late(struct srv *s, bool quiet)
{
	unsigned int n;

	if (!s->first || s->sh->hold || !s->sh->late)
		return;
	s->random = s->random * 6364136223846793005ULL + 1442695040888963407ULL;
	n = s->random >> 33;
	if (!quiet && n & 7)
		return;
	n >>= 3;
	for (n = quiet ? 1 + n % s->sh->held : 1; n; n--)
		release_nth(s, (s->random >> 40) % s->sh->held);
}

static void release_held_at(struct srv *s, uint64_t offset)
{
	struct held_write **p = &s->first, *h;

	while ((h = *p) && h->offset != offset)
		p = &h->next;
	if (!h)
		return;
	*p = h->next;
	if (!h->next)
		s->last = p;
	answer_write(s, &s->sh->log[h->event], h->unique, h->data);
	s->sh->held--;
	free(h);
}

static void do_init(struct srv *s, const struct fuse_in_header *in)
{
	const struct fuse_init_in *arg = (const void *)(in + 1);
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = 31,
		.max_readahead = 128 << 10,
		.max_background = s->opts->max_background,
		.congestion_threshold = s->opts->congestion,
		.max_write = s->max_write,
		.max_pages = s->opts->max_pages ? s->opts->max_pages : 256,
		.time_gran = 1,
	};
	uint32_t want = FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_MAX_PAGES;

	if (!s->opts->no_writeback_cache)
		want |= FUSE_WRITEBACK_CACHE;
	if (s->opts->atomic_o_trunc)
		want |= FUSE_ATOMIC_O_TRUNC;
	out.flags = want & arg->flags;
	s->sh->flags = out.flags;
	reply(s, in->unique, 0, &out, sizeof(out));
}

static int find_file(struct srv *s, const char *name, bool create)
{
	int i;

	for (i = 0; i < SRV_FILES; i++) {
		if (!strcmp(s->sh->name[i], name))
			return i;
		if (!s->sh->name[i][0] && create) {
			snprintf(s->sh->name[i], sizeof(s->sh->name[i]), "%s",
				 name);
			return i;
		}
	}
	return -1;
}

static void fill_entry(struct srv *s, int file, struct fuse_entry_out *out)
{
	memset(out, 0, sizeof(*out));
	out->nodeid = file + 2;
	out->entry_valid = 3600;
	out->attr_valid = 3600;
	fill_attr(s, file, &out->attr);
}

static void do_lookup(struct srv *s, const struct fuse_in_header *in)
{
	struct fuse_entry_out out;
	int file = find_file(s, (const char *)(in + 1), false);

	if (file < 0) {
		reply(s, in->unique, ENOENT, NULL, 0);
		return;
	}
	fill_entry(s, file, &out);
	reply(s, in->unique, 0, &out, sizeof(out));
}

static void do_create(struct srv *s, const struct fuse_in_header *in)
{
	const struct fuse_create_in *arg = (const void *)(in + 1);
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} out;
	int file = find_file(s, (const char *)(arg + 1), true);

	if (file < 0) {
		reply(s, in->unique, ENOSPC, NULL, 0);
		return;
	}
	fill_entry(s, file, &out.entry);
	memset(&out.open, 0, sizeof(out.open));
	out.open.open_flags = s->sh->open_flags;
	reply(s, in->unique, 0, &out, sizeof(out));
}

/* A new name for a file, beside or instead of the old one. */
static void do_rename(struct srv *s, const struct fuse_in_header *in,
		      const char *from)
{
	int file = find_file(s, from, false);

	if (file < 0) {
		reply(s, in->unique, ENOENT, NULL, 0);
		return;
	}
	snprintf(s->sh->name[file], sizeof(s->sh->name[file]), "%s",
		 from + strlen(from) + 1);
	log_event(s, FUSE_RENAME, file, 0, 0)->t_out = now_ns();
	log_publish(s);
	reply(s, in->unique, 0, NULL, 0);
}

static void do_link(struct srv *s, const struct fuse_in_header *in)
{
	const struct fuse_link_in *arg = (const void *)(in + 1);
	struct fuse_entry_out out;
	int file = (int)arg->oldnodeid - 2;

	if (file < 0 || file >= SRV_FILES) {
		reply(s, in->unique, EPERM, NULL, 0);
		return;
	}
	fill_entry(s, file, &out);
	reply(s, in->unique, 0, &out, sizeof(out));
}

static void do_unlink(struct srv *s, const struct fuse_in_header *in)
{
	int file = find_file(s, (const char *)(in + 1), false);

	/* Its number is not given out again: it may be open. */
	if (file >= 0)
		s->sh->name[file][0] = '/';
	reply(s, in->unique, file < 0 ? ENOENT : 0, NULL, 0);
}

static void do_attr(struct srv *s, const struct fuse_in_header *in, int file)
{
	struct fuse_attr_out out = { .attr_valid = 3600 };

	fill_attr(s, file, &out.attr);
	reply(s, in->unique, 0, &out, sizeof(out));
}

static void do_setattr(struct srv *s, const struct fuse_in_header *in,
		       int file)
{
	const struct fuse_setattr_in *arg = (const void *)(in + 1);
	struct srv_event *ev;
	uint64_t old;

	ev = log_event(s, FUSE_SETATTR, file, 0,
		       arg->valid & FATTR_SIZE ? arg->size : ~0ULL);
	ev->t_out = now_ns();
	log_publish(s);
	if (file >= 0 && (arg->valid & FATTR_SIZE)) {
		old = s->sh->size[file];
		if (arg->size < old && !s->opts->keeps_cut)
			memset(s->store + file * SRV_FILE_MAX + arg->size, 0,
			       old - arg->size);
		s->sh->size[file] = arg->size;
	}
	do_attr(s, in, file);
}

static void do_open(struct srv *s, const struct fuse_in_header *in, int file)
{
	const struct fuse_open_in *arg = (const void *)(in + 1);
	struct fuse_open_out out = { .open_flags = s->sh->open_flags };
	struct srv_event *ev;

	ev = log_event(s, FUSE_OPEN, file, 0, !!(arg->flags & O_TRUNC));
	ev->t_out = now_ns();
	log_publish(s);
	if (arg->flags & O_TRUNC) {
		memset(s->store + file * SRV_FILE_MAX, 0, s->sh->size[file]);
		s->sh->size[file] = 0;
	}
	reply(s, in->unique, 0, &out, sizeof(out));
}

static void do_read(struct srv *s, const struct fuse_in_header *in, int file)
{
	const struct fuse_read_in *arg = (const void *)(in + 1);
	uint64_t size = s->sh->size[file];
	uint64_t len = 0;
	struct srv_event *ev;

	if (arg->offset < size)
		len = size - arg->offset;
	if (len > arg->size)
		len = arg->size;
	ev = log_event(s, FUSE_READ, file, arg->offset, len);
	ev->t_out = now_ns();
	log_publish(s);
	reply(s, in->unique, 0, s->store + file * SRV_FILE_MAX + arg->offset,
	      len);
}

static void do_fallocate(struct srv *s, const struct fuse_in_header *in,
			 int file)
{
	const struct fuse_fallocate_in *arg = (const void *)(in + 1);
	struct srv_event *ev;

	if (arg->offset + arg->length > SRV_FILE_MAX) {
		reply(s, in->unique, EFBIG, NULL, 0);
		return;
	}
	ev = log_event(s, FUSE_FALLOCATE, file, arg->offset, arg->length);
	ev->t_out = now_ns();
	log_publish(s);
	/* FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE */
	if (arg->mode & (0x02 | 0x10))
		memset(s->store + file * SRV_FILE_MAX + arg->offset, 0,
		       arg->length);
	/* FALLOC_FL_KEEP_SIZE */
	if (!(arg->mode & 0x01) &&
	    s->sh->size[file] < arg->offset + arg->length)
		s->sh->size[file] = arg->offset + arg->length;
	reply(s, in->unique, 0, NULL, 0);
}

static void do_copy(struct srv *s, const struct fuse_in_header *in, int file)
{
	const struct fuse_copy_file_range_in *arg = (const void *)(in + 1);
	struct fuse_write_out out = { .size = arg->len };
	int to = (int)arg->nodeid_out - 2;
	struct srv_event *ev;

	if (to < 0 || to >= SRV_FILES || arg->len > SRV_FILE_MAX ||
	    arg->off_in + arg->len > SRV_FILE_MAX ||
	    arg->off_out + arg->len > SRV_FILE_MAX) {
		reply(s, in->unique, EFBIG, NULL, 0);
		return;
	}
	ev = log_event(s, FUSE_COPY_FILE_RANGE, to, arg->off_out, arg->len);
	ev->t_out = now_ns();
	log_publish(s);
	store_write(s, to, arg->off_out,
		    s->store + file * SRV_FILE_MAX + arg->off_in, arg->len);
	reply(s, in->unique, 0, &out, sizeof(out));
}

/* What the kernel has of a range of a file; this is not answered. */
static void do_retrieved(struct srv *s, const struct fuse_in_header *in,
			 int file)
{
	const struct fuse_notify_retrieve_in *arg = (const void *)(in + 1);
	struct srv_event *ev;

	ev = log_event(s, FUSE_NOTIFY_REPLY, file, arg->offset, arg->size);
	ev->hash = srv_hash(arg + 1, arg->size);
	ev->t_out = now_ns();
	log_publish(s);
}

static void serve_one(struct srv *s, const struct fuse_in_header *in)
{
	struct fuse_statfs_out statfs = { .st.bsize = 4096 };
	struct fuse_open_out open = { 0 };
	int file = in->nodeid > 1 ? (int)in->nodeid - 2 : -1;

	if (file >= SRV_FILES) {
		reply(s, in->unique, EIO, NULL, 0);
		return;
	}
	if (in->opcode < 64 && s->opts->enosys >> in->opcode & 1) {
		log_event(s, in->opcode, file, 0, 0)->t_out = now_ns();
		log_publish(s);
		reply(s, in->unique, ENOSYS, NULL, 0);
		return;
	}
	switch (in->opcode) {
	case FUSE_INIT:
		do_init(s, in);
		break;
	case FUSE_LOOKUP:
		do_lookup(s, in);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	case FUSE_GETATTR:
		do_attr(s, in, file);
		break;
	case FUSE_SETATTR:
		do_setattr(s, in, file);
		break;
	case FUSE_OPENDIR:
		reply(s, in->unique, 0, &open, sizeof(open));
		break;
	case FUSE_OPEN:
		do_open(s, in, file);
		break;
	case FUSE_CREATE:
		do_create(s, in);
		break;
	case FUSE_READ:
		do_read(s, in, file);
		break;
	case FUSE_WRITE:
		do_write(s, in, file);
		break;
	case FUSE_FALLOCATE:
		do_fallocate(s, in, file);
		break;
	case FUSE_RENAME:
		do_rename(s, in, (const char *)(in + 1) +
			  sizeof(struct fuse_rename_in));
		break;
	case FUSE_LINK:
		do_link(s, in);
		break;
	case FUSE_UNLINK:
		do_unlink(s, in);
		break;
	case FUSE_SETXATTR:
		reply(s, in->unique, 0, NULL, 0);
		break;
	case FUSE_COPY_FILE_RANGE:
		do_copy(s, in, file);
		break;
	case FUSE_NOTIFY_REPLY:
		do_retrieved(s, in, file);
		break;
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_SYNCFS:
		log_event(s, in->opcode, file, 0, 0)->t_out = now_ns();
		log_publish(s);
		reply(s, in->unique, 0, NULL, 0);
		break;
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_FSYNCDIR:
	case FUSE_DESTROY:
		reply(s, in->unique, 0, NULL, 0);
		break;
	case FUSE_STATFS:
		reply(s, in->unique, 0, &statfs, sizeof(statfs));
		break;
	default:
		reply(s, in->unique, ENOSYS, NULL, 0);
	}
}

static bool is_muted(const struct srv *s, uint32_t opcode)
{
	return opcode < 64 && s->sh->mute >> opcode & 1 &&
	       opcode != FUSE_INIT && opcode != FUSE_FORGET &&
	       opcode != FUSE_BATCH_FORGET && opcode != FUSE_INTERRUPT &&
	       opcode != FUSE_NOTIFY_REPLY;
}

/* Keep a request as it was read, to be served when it may be answered. */
static void keep_muted(struct srv *s, size_t len)
{
	struct muted *m = malloc(sizeof(*m) + len);

	if (!m) {
		trouble(s, "keep a request");
		return;
	}
	m->len = len;
	memcpy(m->request, s->buf, len);
	m->next = s->muted;
	s->muted = m;
	s->sh->muted++;
}

static void serve_muted(struct srv *s)
{
	struct muted **p = &s->muted, *m;

	while ((m = *p)) {
		const struct fuse_in_header *in = (const void *)m->request;

		if (is_muted(s, in->opcode)) {
			p = &m->next;
			continue;
		}
		*p = m->next;
		serve_one(s, in);
		s->sh->muted--;
		free(m);
	}
}

static void notify(struct srv *s, int code)
{
	const uint64_t node = s->sh->notify_file + 2;
	const uint64_t offset = s->sh->notify_offset;
	const uint64_t size = s->sh->notify_size;
	struct fuse_notify_inval_inode_out inval = {
		.ino = node, .off = offset, .len = size };
	struct fuse_notify_store_out store = {
		.nodeid = node, .offset = offset, .size = size };
	struct fuse_notify_retrieve_out retrieve = {
		.nodeid = node, .offset = offset, .size = size };
	struct fuse_out_header out = { .error = code };
	struct iovec iov[3] = {
		{ .iov_base = &out, .iov_len = sizeof(out) },
		{ .iov_base = &inval, .iov_len = sizeof(inval) },
	};
	pid_t pid = fork();

	if (pid < 0)
		trouble(s, "fork of a process that notifies");
	if (pid)
		return;
	if (code == FUSE_NOTIFY_STORE) {
		iov[1].iov_base = &store;
		iov[1].iov_len = sizeof(store);
		iov[2].iov_base = malloc(size);
		iov[2].iov_len = size;
		if (iov[2].iov_base)
			memset(iov[2].iov_base, SRV_STORED, size);
	} else if (code == FUSE_NOTIFY_RETRIEVE) {
		iov[1].iov_base = &retrieve;
		iov[1].iov_len = sizeof(retrieve);
	}
	out.len = iov[0].iov_len + iov[1].iov_len + iov[2].iov_len;
	s->sh->invalidating = getpid();
	s->sh->invalidated = writev(s->dev, iov, iov[2].iov_len ? 3 : 2) < 0 ?
			     -errno : 1;
	_exit(0);
}

/*
 * Into a pipe with splice(2), where the pages of a WRITE are those of the page
 * cache.  Of a WRITE that is to be kept only the head is read, and it is
 * answered; returns 0 then, or else what read(2) would have done.
 */
static ssize_t splice_request(struct srv *s)
{
	const struct fuse_in_header *in = (const void *)s->buf;
	const struct fuse_write_in *arg = (const void *)(in + 1);
	const size_t head = sizeof(*in) + sizeof(*arg);
	struct fuse_write_out out;
	struct srv_event *ev;
	struct kept *k;
	ssize_t n, have, got;

	if (!s->pipe[1] && (pipe2(s->pipe, O_CLOEXEC) ||
			    fcntl(s->pipe[1], F_SETPIPE_SZ, s->bufsize) < 0)) {
		trouble(s, "pipe for requests");
		return -1;
	}
	n = splice(s->dev, NULL, s->pipe[1], NULL, s->bufsize, 0);
	if (n < 0)
		return n;
	have = read(s->pipe[0], s->buf, (size_t)n < head ? (size_t)n : head);
	if (have < 0)
		return have;
	if (have > (ssize_t)sizeof(*in) && (int)in->opcode == s->sh->die)
		_exit(0);
	if (s->sh->keep && in->opcode == FUSE_WRITE &&
	    have == (ssize_t)head) {
		k = malloc(sizeof(*k));
		if (!k) {
			trouble(s, "keep a pipe");
			return -1;
		}
		k->pipe[0] = s->pipe[0];
		k->pipe[1] = s->pipe[1];
		s->pipe[0] = s->pipe[1] = 0;
		k->file = in->nodeid - 2;
		k->offset = arg->offset;
		k->size = arg->size;
		k->next = s->kept;
		s->kept = k;
		out = (struct fuse_write_out){ .size = arg->size };
		ev = log_event(s, FUSE_WRITE, k->file, k->offset, k->size);
		ev->cached = arg->write_flags & FUSE_WRITE_CACHE;
		ev->t_out = now_ns();
		log_publish(s);
		s->sh->kept++;
		reply(s, in->unique, 0, &out, sizeof(out));
		return 0;
	}
	for (; have < n; have += got) {
		got = read(s->pipe[0], s->buf + have, n - have);
		if (got <= 0)
			return -1;
	}
	return n;
}

/* Now look at what the pipes hold, oldest last, and close them. */
static void read_kept(struct srv *s)
{
	struct kept *k;
	uint32_t have;
	ssize_t got;

	while ((k = s->kept)) {
		s->kept = k->next;
		for (have = 0; have < k->size; have += got) {
			got = read(k->pipe[0], s->buf + have, k->size - have);
			if (got <= 0)
				break;
		}
		if (have == k->size)
			store_write(s, k->file, k->offset, s->buf, have);
		else
			trouble(s, "read of a pipe");
		close(k->pipe[0]);
		close(k->pipe[1]);
		free(k);
		s->sh->kept--;
	}
}

static void serve(struct srv *s)
{
	struct pollfd pfd[2] = {
		{ .fd = s->kick_fd, .events = POLLIN },
		{ .fd = s->dev, .events = POLLIN },
	};
	unsigned int kicks;
	uint64_t count, at;
	int timeout, at_most;
	ssize_t n;
	int code;

	s->sh->serving = 1;
	for (;;) {
		timeout = s->first && s->sh->late ? s->sh->late : -1;
		at_most = s->opts->script ? script_step(s->opts->script) : -1;
		if (at_most >= 0 && (timeout < 0 || at_most < timeout))
			timeout = at_most;
		n = poll(pfd, s->sh->pause ? 1 : 2, timeout);
		if (n < 0 && errno != EINTR)
			break;
		release_late(s, !n);
		if (pfd[0].revents & POLLIN) {
			if (read(s->kick_fd, &count, sizeof(count)) < 0)
				trouble(s, "read of the eventfd");
			kicks = s->sh->kicks;
			release_held(s, atomic_exchange(&s->sh->release, 0));
			at = atomic_exchange(&s->sh->release_at, 0);
			if (at)
				release_held_at(s, at - 1);
			serve_muted(s);
			if (!s->sh->keep)
				read_kept(s);
			code = atomic_exchange(&s->sh->notify, 0);
			if (code)
				notify(s, code);
			s->sh->kicked = kicks;
		}
		if (s->sh->pause || !pfd[1].revents)
			continue;
		n = s->opts->splice ? splice_request(s) :
		    read(s->dev, s->buf, s->bufsize);
		if (n < 0) {
			if (errno == EINTR || errno == EAGAIN ||
			    errno == ENOENT)
				continue;
			/*
			 * ENODEV: unmounted or aborted; ECONNABORTED: that was
			 * while it took a request, a RELEASE say.
			 */
			if (errno != ENODEV && errno != ECONNABORTED)
				trouble(s, "read of /dev/fuse");
			break;
		}
		if ((size_t)n < sizeof(struct fuse_in_header))
			continue;
		if ((int)((struct fuse_in_header *)s->buf)->opcode ==
		    s->sh->die)
			_exit(0);
		if (s->opts->script)
			script_request(s->opts->script, (const void *)s->buf);
		if (is_muted(s, ((struct fuse_in_header *)s->buf)->opcode))
			keep_muted(s, n);
		else
			serve_one(s, (const void *)s->buf);
	}
	s->sh->gone = 1;
}

static pid_t start_server(struct fs *fs, int dev, const struct srv_opts *opts)
{
	struct srv s = {
		.dev = dev,
		.kick_fd = fs->kick_fd,
		.sh = fs->sh,
		.store = fs->store,
		.opts = opts,
		.max_write = opts->max_write ? opts->max_write : 1 << 20,
		.random = opts->seed,
	};
	pid_t pid = fork();

	if (pid)
		return pid;
	s.last = &s.first;
	s.bufsize = s.max_write + 2 * page_size() + 8192;
	s.buf = malloc(s.bufsize);
	if (!s.buf) {
		trouble(&s, "buffer for requests");
		_exit(1);
	}
	/*
	 * The last one with the mount in his namespace unmounts it when he
	 * dies, which for a block device asks the server, and waits.  That
	 * must not be the server itself.
	 */
	if (opts->block &&
	    (unshare(CLONE_NEWNS) || umount2(fs->dir, MNT_DETACH)))
		trouble(&s, "namespace of the server");
	if (opts->at_start)
		opts->at_start();
	if (opts->script)
		script_begin(opts->script, dev, fs->sh, fs->dir);
	serve(&s);
	_exit(0);
}

/* Find the device of a mount without touching it. */
static bool mount_device(const char *dir, unsigned int *major,
			 unsigned int *minor)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	unsigned int maj, min;
	char line[1024], where[256];
	bool found = false;

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*d %*d %u:%u %*s %255s", &maj, &min,
			   where) == 3 && !strcmp(where, dir)) {
			*major = maj;
			*minor = min;
			found = true;
		}
	}
	fclose(f);
	return found;
}

/* A file system of our own to make directories on; nothing else is written. */
const char *scratch_dir(void)
{
	static const char *const bases[] = {
		"/tmp", "/mnt", "/run", "/dev/shm",
	};
	static const char *base;
	struct stat st;
	size_t i;

	if (base)
		return base;
	for (i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
		if (!stat(bases[i], &st) && S_ISDIR(st.st_mode))
			break;
	NEED(i < sizeof(bases) / sizeof(bases[0]),
	     "expected one of /tmp, /mnt, /run, /dev/shm, got none");
	NEED(!mount("fusewb", bases[i], "tmpfs", 0, "size=1m,mode=700"),
	     "mount of tmpfs on %s: expected success, got %s", bases[i],
	     strerror(errno));
	base = bases[i];
	return base;
}

struct fs *fs_mount(const struct srv_opts *opts)
{
	struct fs *fs = calloc(1, sizeof(*fs));
	static unsigned int mounts;
	unsigned int maj, min;
	char opt[128], path[128];
	struct stat st;
	int dev;

	NEED(fs, "expected memory, got %s", strerror(errno));
	if (opts->dir)
		snprintf(fs->dir, sizeof(fs->dir), "%s", opts->dir);
	else
		snprintf(fs->dir, sizeof(fs->dir), "%s/m%u", scratch_dir(),
			 mounts++);
	NEED(opts->dir || !mkdir(fs->dir, 0700), "mkdir %s: expected success, got %s",
	     fs->dir, strerror(errno));

	fs->sh = mmap(NULL, sizeof(*fs->sh), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fs->store = opts->files_of ? opts->files_of->store :
		    mmap(NULL, SRV_FILES * SRV_FILE_MAX,
			 PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	NEED(fs->sh != MAP_FAILED && fs->store != MAP_FAILED,
	     "expected memory shared with the server, got %s",
	     strerror(errno));
	if (opts->files_of) {
		memcpy(fs->sh->name, opts->files_of->sh->name,
		       sizeof(fs->sh->name));
		memcpy((void *)fs->sh->size, (void *)opts->files_of->sh->size,
		       sizeof(fs->sh->size));
	}
	fs->sh->open_flags = FOPEN_KEEP_CACHE;
	fs->kick_fd = eventfd(0, EFD_CLOEXEC);
	NEED(fs->kick_fd >= 0, "eventfd: %s", strerror(errno));

	dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	NEED(dev >= 0, "open /dev/fuse: expected success, got %s",
	     strerror(errno));
	snprintf(opt, sizeof(opt),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other%s%s%s",
		 dev, opts->block ? ",blksize=512" : "",
		 opts->mount_opts ? "," : "",
		 opts->mount_opts ? opts->mount_opts : "");
	NEED(!mount(opts->block ? opts->block : "fusewb-smoke", fs->dir,
		    opts->block ? "fuseblk" : "fuse.fusewb-smoke",
		    MS_NOSUID | MS_NODEV, opt),
	     "mount of FUSE: expected success, got %s", strerror(errno));
	NEED(mount_device(fs->dir, &maj, &min),
	     "expected %s in /proc/self/mountinfo, got nothing", fs->dir);
	snprintf(fs->bdi, sizeof(fs->bdi), "/sys/class/bdi/%u:%u%s", maj, min,
		 opts->block ? "-fuseblk" : "");
	/* The kernel's own number of the device. */
	fs->conn = maj << 20 | min;
	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%u/abort",
		 fs->conn);
	fs->abort_fd = open(path, O_WRONLY | O_CLOEXEC);
	/* Not there without fusectl, nor for somebody who is not root. */
	NEED(fs->abort_fd >= 0 || errno == ENOENT || errno == EACCES,
	     "open %s: expected success, got %s", path, strerror(errno));
	abort_later(fs->abort_fd, fs->dir);

	fs->server = start_server(fs, dev, opts);
	NEED(fs->server > 0, "fork: %s", strerror(errno));
	server_later(fs->server);
	/* From here on the server alone keeps the connection alive. */
	close(dev);
	fs->next = current_fs;
	current_fs = fs;
	if (opts->may_fail)
		return fs;
	/* Answered after INIT, so what was negotiated is known behind it. */
	NEED(!access(fs->dir, F_OK) && !stat(fs->dir, &st),
	     "stat of the mount: expected success, got %s", strerror(errno));
	NEED(opts->no_writeback_cache ||
	     (fs->sh->flags & FUSE_WRITEBACK_CACHE),
	     "expected the kernel to offer FUSE_WRITEBACK_CACHE, got flags %#x",
	     fs->sh->flags);
	return fs;
}

bool fs_umount(struct fs *fs)
{
	unsigned int maj, min;

	/* Processes that held files may be on their way out. */
	return wait_until(!umount2(fs->dir, 0) || errno != EBUSY,
			  scaled_ms(5000)) && !mount_device(fs->dir, &maj, &min);
}

void fs_abort(struct fs *fs)
{
	if (fs->abort_fd < 0)
		test_skip("needs fusectl to abort a connection with");
	NEED(write(fs->abort_fd, "1", 1) == 1,
	     "abort through fusectl: expected success, got %s",
	     strerror(errno));
}

void fs_kill(struct fs *fs)
{
	kill(fs->server, SIGKILL);
	NEED(wait_until(waitpid(fs->server, NULL, WNOHANG) == fs->server,
			scaled_ms(5000)), "expected the server to die of "
	     "SIGKILL, got it alive");
}

bool fs_connection_gone(const struct fs *fs)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%u", fs->conn);
	return wait_until(access(path, F_OK) < 0, scaled_ms(5000));
}

unsigned int fs_waiting(const struct fs *fs)
{
	char path[64], buf[32];

	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%u/waiting",
		 fs->conn);
	if (fs->abort_fd < 0)
		test_skip("needs fusectl to see what a connection waits for");
	NEED(read_file(path, buf, sizeof(buf)), "read of %s: %s", path,
	     strerror(errno));
	return strtoul(buf, NULL, 10);
}

int fs_open(struct fs *fs, const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fs->dir, name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	NEED(fd >= 0, "open of %s (%s): expected a descriptor, got %s", name,
	     fs->sh->trouble[0] ? fs->sh->trouble : "server is well",
	     strerror(errno));
	return fd;
}

void fs_lift_dirty_limit(struct fs *fs)
{
	static const char *const part[] = { "50", "25", "10", "5" };
	char path[128];
	size_t i;

	snprintf(path, sizeof(path), "%s/max_ratio", fs->bdi);
	if (!write_file(path, "100") && rootless)
		return;
	NEED(write_file(path, "100"), "write of %s: %s", path, strerror(errno));
	/* All mounts of the machine together have less than 100. */
	snprintf(path, sizeof(path), "%s/min_ratio", fs->bdi);
	for (i = 0; i < sizeof(part) / sizeof(part[0]); i++)
		if (write_file(path, part[i]))
			return;
	test_broken(__FILE__, __LINE__, "write of %s: expected success, got %s",
		    path, strerror(errno));
}

const unsigned char *fs_store(const struct fs *fs, int file)
{
	return fs->store + file * SRV_FILE_MAX;
}

static bool srv_kick(struct fs *fs, bool wait)
{
	unsigned int n = ++fs->sh->kicks;
	uint64_t one = 1;

	if (write(fs->kick_fd, &one, sizeof(one)) < 0)
		return false;
	return !wait || wait_until((int)(fs->sh->kicked - n) >= 0 ||
				   fs->sh->gone, scaled_ms(10000));
}

void srv_hold(struct fs *fs, bool on)
{
	fs->sh->hold = on;
	NEED(srv_kick(fs, true), "expected the server to take an order, got %s",
	     fs->sh->trouble[0] ? fs->sh->trouble : "no reaction");
}

void srv_pause(struct fs *fs, bool on)
{
	fs->sh->pause = on;
	NEED(srv_kick(fs, true), "expected the server to take an order, got %s",
	     fs->sh->trouble[0] ? fs->sh->trouble : "no reaction");
}

void srv_mute(struct fs *fs, uint64_t opcodes)
{
	fs->sh->mute = opcodes;
	NEED(srv_kick(fs, true), "expected the server to take an order, got %s",
	     fs->sh->trouble[0] ? fs->sh->trouble : "no reaction");
}

void srv_invalidate(struct fs *fs, int file)
{
	srv_notify(fs, FUSE_NOTIFY_INVAL_INODE, file, 0, 0);
}

void srv_notify(struct fs *fs, int code, int file, uint64_t offset,
		uint64_t size)
{
	fs->sh->invalidated = 0;
	fs->sh->notify_file = file;
	fs->sh->notify_offset = offset;
	fs->sh->notify_size = size;
	fs->sh->notify = code;
	NEED(srv_kick(fs, true), "expected the server to take an order, got %s",
	     fs->sh->trouble[0] ? fs->sh->trouble : "no reaction");
}

void srv_set_error(struct fs *fs, int error)
{
	fs->sh->error_at = 0;
	fs->sh->error = error;
}

void srv_set_error_at(struct fs *fs, int error, uint64_t offset)
{
	fs->sh->error_at = offset + 1;
	fs->sh->error = error;
}

void srv_release(struct fs *fs, unsigned int n)
{
	fs->sh->release = n;
	NEED(srv_kick(fs, true), "expected the server to answer, got %s",
	     fs->sh->trouble[0] ? fs->sh->trouble : "no reaction");
}

void srv_release_at(struct fs *fs, uint64_t offset)
{
	fs->sh->release_at = offset + 1;
	NEED(srv_kick(fs, true), "expected the server to answer, got %s",
	     fs->sh->trouble[0] ? fs->sh->trouble : "no reaction");
}

void srv_keep(struct fs *fs, bool on)
{
	fs->sh->keep = on;
	NEED(srv_kick(fs, true), "expected the server to take an order, got %s",
	     fs->sh->trouble[0] ? fs->sh->trouble : "no reaction");
}

void srv_answer_all(struct fs *fs)
{
	fs->sh->hold = 0;
	fs->sh->mute = 0;
	srv_release(fs, ~0U);
}

void srv_release_all(struct fs *fs)
{
	fs->sh->hold = 0;
	fs->sh->pause = 0;
	fs->sh->mute = 0;
	fs->sh->release = ~0U;
	srv_kick(fs, false);
}

bool srv_wait_held(struct fs *fs, unsigned int n)
{
	return wait_until(fs->sh->held >= n, scaled_ms(10000));
}

unsigned int srv_writes(const struct fs *fs)
{
	unsigned int i, writes = 0;

	for (i = 0; i < fs->sh->nlog; i++)
		writes += fs->sh->log[i].opcode == FUSE_WRITE &&
			  fs->sh->log[i].cached;
	return writes;
}

const struct srv_event *srv_find(const struct fs *fs, uint32_t opcode,
				 unsigned int nth)
{
	unsigned int i;

	for (i = 0; i < fs->sh->nlog; i++)
		if (fs->sh->log[i].opcode == opcode && !nth--)
			return &fs->sh->log[i];
	return NULL;
}

unsigned int srv_count(const struct fs *fs, uint32_t opcode)
{
	unsigned int n = 0;

	while (srv_find(fs, opcode, n))
		n++;
	return n;
}
