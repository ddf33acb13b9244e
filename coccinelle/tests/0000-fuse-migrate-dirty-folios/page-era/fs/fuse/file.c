// SPDX-License-Identifier: GPL-2.0-only
/* The operations of a FUSE file where they take pages. */
#include "fuse_i.h"

#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/falloc.h>

static int fuse_writepage(struct page *page, struct writeback_control *wbc)
{
	int err = fuse_writepage_locked(page);

	unlock_page(page);

	return err;
}

static const struct address_space_operations fuse_file_aops  = {
	.readpage	= fuse_readpage,
	.readahead	= fuse_readahead,
	.writepage	= fuse_writepage,
	.writepages	= fuse_writepages,
	.launder_page	= fuse_launder_page,
	.set_page_dirty	= __set_page_dirty_nobuffers,
	.bmap		= fuse_bmap,
	.direct_IO	= fuse_direct_IO,
};
