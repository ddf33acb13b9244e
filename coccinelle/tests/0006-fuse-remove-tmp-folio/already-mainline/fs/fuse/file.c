// SPDX-License-Identifier: GPL-2.0-only
/* FUSE's way of writing folios out as they are. */
#include "fuse_i.h"

struct fuse_writepage_args {
	struct fuse_io_args ia;
	struct list_head queue_entry;
	struct inode *inode;
	struct fuse_sync_bucket *bucket;
};

static void fuse_writepage_finish(struct fuse_writepage_args *wpa)
{
	struct fuse_args_pages *ap = &wpa->ia.ap;
	struct inode *inode = wpa->inode;
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct backing_dev_info *bdi = inode_to_bdi(inode);
	int i;

	for (i = 0; i < ap->num_folios; i++) {
		folio_end_writeback(ap->folios[i]);
		dec_wb_stat(&bdi->wb, WB_WRITEBACK);
		wb_writeout_inc(&bdi->wb);
	}

	wake_up(&fi->page_waitq);
}

static const struct address_space_operations fuse_file_aops  = {
	.readahead	= fuse_readahead,
	.writepages	= fuse_writepages,
	.launder_folio	= fuse_launder_folio,
	.dirty_folio	= filemap_dirty_folio,
	.migrate_folio	= filemap_migrate_folio,
	.write_begin	= fuse_write_begin,
};

void fuse_init_file_inode(struct inode *inode, unsigned int flags)
{
	struct fuse_inode *fi = get_fuse_inode(inode);
	struct fuse_conn *fc = get_fuse_conn(inode);

	inode->i_fop = &fuse_file_operations;
	inode->i_data.a_ops = &fuse_file_aops;
	if (fc->writeback_cache)
		mapping_set_writeback_may_deadlock_on_reclaim(&inode->i_data);

	INIT_LIST_HEAD(&fi->write_files);
	INIT_LIST_HEAD(&fi->queued_writes);
	fi->writectr = 0;
	init_waitqueue_head(&fi->page_waitq);
}
