// SPDX-License-Identifier: GPL-2.0-only
/* The one who stops writes while the size changes, and truncates when they go on. */
#include "fuse_i.h"

void fuse_set_nowrite(struct inode *inode)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	BUG_ON(!inode_is_locked(inode));

	spin_lock(&fi->lock);
	BUG_ON(fi->writectr < 0);
	fi->writectr += FUSE_NOWRITE;
	spin_unlock(&fi->lock);
	wait_event(fi->page_waitq, fi->writectr == FUSE_NOWRITE);
}

void fuse_release_nowrite(struct inode *inode)
{
	struct fuse_inode *fi = get_fuse_inode(inode);

	spin_lock(&fi->lock);
	BUG_ON(fi->writectr != FUSE_NOWRITE);
	fi->writectr = 0;
	fuse_flush_writepages(inode);
	spin_unlock(&fi->lock);
}

int fuse_do_setattr(struct dentry *dentry, struct iattr *attr,
		    struct file *file)
{
	struct inode *inode = d_inode(dentry);
	struct fuse_mount *fm = get_fuse_mount(inode);
	bool is_truncate = attr->ia_valid & ATTR_SIZE;
	loff_t oldsize;
	int err;

	if (is_truncate)
		fuse_set_nowrite(inode);

	err = fuse_simple_request(fm, NULL);
	if (err)
		goto error;

	spin_lock(&get_fuse_inode(inode)->lock);
	oldsize = inode->i_size;
	if (is_truncate)
		__fuse_release_nowrite(inode);
	spin_unlock(&get_fuse_inode(inode)->lock);

	/*
	 * Only call invalidate_inode_pages2() after removing
	 * FUSE_NOWRITE, otherwise fuse_launder_page() would deadlock.
	 */
	if (is_truncate && oldsize != attr->ia_size) {
		truncate_pagecache(inode, attr->ia_size);
		invalidate_inode_pages2(inode->i_mapping);
	}

	return 0;

error:
	if (is_truncate)
		fuse_release_nowrite(inode);

	return err;
}
