// SPDX-License-Identifier: GPL-2.0-only
#include "fuse_i.h"

static const struct address_space_operations fuse_file_aops = {
	.writepages	= fuse_writepages,
};

void fuse_init_file_inode(struct inode *inode, unsigned int flags)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct fuse_conn *fc = get_fuse_conn(inode);

	inode->i_fop = &fuse_file_operations;
	inode->i_data.a_ops = &fuse_file_aops;
	/*
	 * Writeback ends when the server has answered, which may be never: tell
	 * reclaim, sync and migration not to wait for it.
	 */
	if (fc->writeback_cache)
		mapping_set_writeback_may_block(&inode->i_data);

	INIT_LIST_HEAD(&fi->write_files);
	INIT_LIST_HEAD(&fi->queued_writes);
	fi->writectr = 0;
	init_waitqueue_head(&fi->page_waitq);

	if (IS_ENABLED(CONFIG_FUSE_DAX))
		fuse_dax_inode_init(inode, flags);
}
