// SPDX-License-Identifier: GPL-2.0
/* The times of a file are sent when its name changes. */
#include "fuse_i.h"

void fuse_flush_time_update(struct inode *inode)
{
	int err = sync_inode_metadata(inode, 1);

	mapping_set_error(inode->i_mapping, err);
}

void fuse_update_ctime(struct inode *inode)
{
	if (!IS_NOCMTIME(inode)) {
		inode->i_ctime = current_time(inode);
		mark_inode_dirty_sync(inode);
		fuse_flush_time_update(inode);
	}
}

static int fuse_sync_elsewhere(struct inode *inode)
{
	return sync_inode_metadata(inode, 1);
}
