/* SPDX-License-Identifier: GPL-2.0 */
/* A FUSE server that answers when it is told to, and the mount it serves. */
#ifndef FUSEWB_SERVER_H
#define FUSEWB_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SRV_FILES	16
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

struct fs;

struct srv_opts {
	uint32_t max_write;	/* 0 is 1 MiB */
	uint16_t max_background;
	uint16_t congestion;
	uint16_t max_pages;	/* 0 is 256 */
	const char *dir;	/* to mount on, if not one of the test's own */
	bool no_writeback_cache;
	bool atomic_o_trunc;
	/* Opcodes, a bit each, that the server has never heard of. */
	uint64_t enosys;
	const char *mount_opts;	/* more of them, "default_permissions" */
	/* Take requests with splice(2); see @keep below. */
	bool splice;
	/* A block device to mount as fuseblk, with blocks of 512 bytes. */
	const char *block;
	/* Called by the server with a held-back WRITE, before it replies. */
	void (*before_reply)(void);
	/*
	 * Called by the server with a WRITE that it is about to do, whose bytes
	 * it may change: 0 does it, an errno answers with that, and -1 says to
	 * the kernel that it was done.
	 */
	int (*judge)(unsigned char *store, const struct srv_event *ev,
		     unsigned char *data);
	bool keeps_cut;		/* a lie: what is truncated comes back */
	bool wrap_log;		/* forget old requests instead of complaining */
	uint64_t seed;		/* of the order in which it answers late */
	struct fs *files_of;	/* unmounted by now: serve what it left */
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
	/*
	 * Hold them as well, but answer some, in any order, after so many
	 * milliseconds without a request, and some before.
	 */
	_Atomic int late;
	_Atomic uint64_t error_at; /* only the one at this offset + 1 */
	_Atomic uint32_t open_flags; /* answered to OPEN and CREATE */
	_Atomic int die;	/* end when a request with this opcode comes */
	/*
	 * Of a server that splices: answer WRITEs, with their data left in a
	 * pipe for each until this is taken back.
	 */
	_Atomic int keep;
	_Atomic unsigned int release;	/* how many held ones to answer */
	_Atomic uint64_t release_at; /* answer the one at this offset + 1 */
	_Atomic int notify;	/* a code to send to the kernel, once */
	int notify_file;
	uint64_t notify_offset, notify_size;
	_Atomic unsigned int kicks;
	/* Set by the server. */
	_Atomic unsigned int kicked;
	_Atomic unsigned int held;
	_Atomic unsigned int cached;	/* WRITEs out of the page cache */
	_Atomic unsigned int postponed;	/* of them, ever held */
	_Atomic unsigned int overlaps;	/* WRITEs of bytes of one held */
	_Atomic unsigned int muted;	/* read and not answered, of @mute */
	_Atomic unsigned int kept;	/* pipes that hold data, of @keep */
	_Atomic unsigned int nlog;
	_Atomic int invalidating;	/* pid of the process that does so */
	_Atomic int invalidated;	/* it is through with it */
	_Atomic int serving;
	_Atomic int gone;
	_Atomic uint32_t flags;		/* negotiated in INIT */
	_Atomic uint64_t size[SRV_FILES];
	char trouble[128];
	char name[SRV_FILES][32];
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
/* SIGKILL for the server; it has died on return. */
void fs_kill(struct fs *fs);
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
/*
 * The same for any notification about a range of a file.  FUSE_NOTIFY_STORE
 * brings bytes of the value SRV_STORED; the answer to FUSE_NOTIFY_RETRIEVE is
 * an event with the opcode FUSE_NOTIFY_REPLY.
 */
#define SRV_STORED 0xc3
void srv_notify(struct fs *fs, int code, int file, uint64_t offset,
		uint64_t size);
void srv_set_error(struct fs *fs, int error);
/* Only for the WRITE that begins at @offset; the others are done. */
void srv_set_error_at(struct fs *fs, int error, uint64_t offset);
/* Answer @n of the requests held, oldest first. */
void srv_release(struct fs *fs, unsigned int n);
/* Answer the one that begins at @offset, out of order. */
void srv_release_at(struct fs *fs, uint64_t offset);
/* Leave the data of WRITEs in pipes from now on; or read and close them all. */
void srv_keep(struct fs *fs, bool on);
/* Answer all that is held and whatever comes, and wait until that is done. */
void srv_answer_all(struct fs *fs);
/* The same without waiting; also what a test that ends leaves behind. */
void srv_release_all(struct fs *fs);
bool srv_wait_held(struct fs *fs, unsigned int n);
/* Cached WRITEs seen so far. */
unsigned int srv_writes(const struct fs *fs);
const struct srv_event *srv_find(const struct fs *fs, uint32_t opcode,
				 unsigned int nth);
/* Requests with this opcode seen so far. */
unsigned int srv_count(const struct fs *fs, uint32_t opcode);
uint64_t srv_hash(const void *data, size_t len);

extern struct fs *current_fs;

#endif
