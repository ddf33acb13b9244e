/* SPDX-License-Identifier: GPL-2.0-only */
/* What FUSE keeps of an inode where it writes folios out as they are. */
struct fuse_inode {
	struct inode inode;

	union {
		/* read/write io cache (regular file only) */
		struct {
			struct list_head write_files;
			struct list_head queued_writes;
			int writectr;
			wait_queue_head_t page_waitq;
		};
	};

	spinlock_t lock;
};
