/* SPDX-License-Identifier: GPL-2.0 */
/* A FUSE server that answers when it is told to, and the mount it serves. */
#ifndef FUSEWB_SERVER_H
#define FUSEWB_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SRV_FILES	4
#define SRV_FILE_MAX	(96UL << 20)
#define SRV_LOG		8192

/* One request as the server saw it. */
struct srv_event {
	uint32_t opcode;
	int file;		/* index of the file, -1 for the root */
	uint64_t offset;
	uint64_t size;		/* of WRITE and READ; new size for SETATTR */
	uint64_t hash;		/* of the body of a WRITE, as it was read */
	bool cached;		/* a WRITE out of the page cache */
	int error;
	uint64_t t_in;
	_Atomic uint64_t t_out;	/* just before the reply; 0 is not yet */
};

struct srv_opts {
	uint32_t max_write;	/* 0 is 1 MiB */
	uint16_t max_background;
	uint16_t congestion;
	uint16_t max_pages;	/* 0 is 256 */
	const char *dir;	/* to mount on, if not one of the test's own */
	bool no_writeback_cache;
	bool atomic_o_trunc;
	/* A block device to mount as fuseblk, with blocks of 512 bytes. */
	const char *block;
	/* Called by the server with a held-back WRITE, before it replies. */
	void (*before_reply)(void);
	/* Called once in the server before it serves. */
	void (*at_start)(void);
	/* What it does wrong; see script.h. */
	struct script *script;
	bool may_fail;		/* so wrong that there may be no mount */
};

/* Shared between test and server. */
struct srv_shared {
	/* Set by the test. */
	_Atomic int hold;	/* keep WRITEs of cached data unanswered */
	_Atomic int pause;	/* do not even read requests */
	_Atomic uint64_t mute;	/* opcodes, a bit each, to leave unanswered */
	_Atomic int error;	/* positive errno to answer WRITEs with */
	_Atomic unsigned int release;	/* how many held ones to answer */
	_Atomic int invalidate;	/* a file, from 1: drop its pages, once */
	_Atomic unsigned int kicks;
	/* Set by the server. */
	_Atomic unsigned int kicked;
	_Atomic unsigned int held;
	_Atomic unsigned int muted;	/* read and not answered, of @mute */
	_Atomic unsigned int nlog;
	_Atomic int invalidating;	/* pid of the process that does so */
	_Atomic int invalidated;	/* it is through with it */
	_Atomic int serving;
	_Atomic int gone;
	_Atomic uint32_t flags;		/* negotiated in INIT */
	_Atomic uint64_t size[SRV_FILES];
	char trouble[128];
	struct srv_event log[SRV_LOG];
};

struct fs {
	struct fs *next;
	char dir[64];
	char bdi[64];
	unsigned int conn;	/* its name in fusectl */
	int abort_fd;
	pid_t server;
	int kick_fd;
	struct srv_shared *sh;
	unsigned char *store;	/* SRV_FILES windows of SRV_FILE_MAX */
};

/*
 * Mount, with a server process of its own.  Must come before any file on a
 * mount is opened: a server that inherits such a file would have to flush it.
 * Of several mounts the last is @current_fs.
 */
struct fs *fs_mount(const struct srv_opts *opts);
const char *scratch_dir(void);
/* Unmount what must be unmountable by now; false with errno if it is not. */
bool fs_umount(struct fs *fs);
void fs_abort(struct fs *fs);
bool fs_connection_gone(const struct fs *fs);
int fs_open(struct fs *fs, const char *name, int flags);
/* Requests that the kernel has made and that are not answered. */
unsigned int fs_waiting(const struct fs *fs);
/* Lift the limit of 1% of the dirty threshold that FUSE mounts have. */
void fs_lift_dirty_limit(struct fs *fs);
const unsigned char *fs_store(const struct fs *fs, int file);

void srv_hold(struct fs *fs, bool on);
void srv_pause(struct fs *fs, bool on);
/* Leave requests with these opcodes, a bit each, unanswered from now on. */
void srv_mute(struct fs *fs, uint64_t opcodes);
/*
 * Tell the kernel to drop all pages of file number @file, from a process of the
 * server that serves nothing else.
 */
void srv_invalidate(struct fs *fs, int file);
void srv_set_error(struct fs *fs, int error);
/* Answer @n of the requests held, oldest first. */
void srv_release(struct fs *fs, unsigned int n);
/* Answer all that is held and whatever comes, and wait until that is done. */
void srv_answer_all(struct fs *fs);
/* The same without waiting; also what a test that ends leaves behind. */
void srv_release_all(struct fs *fs);
bool srv_wait_held(struct fs *fs, unsigned int n);
/* Cached WRITEs seen so far. */
unsigned int srv_writes(const struct fs *fs);
const struct srv_event *srv_find(const struct fs *fs, uint32_t opcode,
				 unsigned int nth);
uint64_t srv_hash(const void *data, size_t len);

extern struct fs *current_fs;

#endif
