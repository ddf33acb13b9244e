/* SPDX-License-Identifier: GPL-2.0-only */
/* What FUSE keeps of an inode. */
#include <linux/fs.h>
#include <linux/rbtree.h>

struct fuse_inode {
	/** Inode data */
	struct inode inode;

	union {
		/* Write related fields (regular file only) */
		struct {
			/* Files usable in writepage.  Protected by fi->lock */
			struct list_head write_files;

			/* Writepages pending on truncate or fsync */
			struct list_head queued_writes;

			/* Number of sent writes, a negative bias
			 * (FUSE_NOWRITE) means more writes are blocked */
			int writectr;

			/** Number of files/maps using page cache */
			int iocachectr;

			/* Waitq for writepage completion */
			wait_queue_head_t page_waitq;

			/* List of writepage requestst (pending or sent) */
			struct rb_root writepages;
		};

		/* readdir cache (directory only) */
		struct {
			bool cached;
			loff_t size;
		} rdc;
	};

	/** Lock to protect write related fields */
	spinlock_t lock;
};
