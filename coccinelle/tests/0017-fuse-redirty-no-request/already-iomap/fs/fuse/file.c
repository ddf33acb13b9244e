// SPDX-License-Identifier: GPL-2.0
/* Writeback through iomap, which reports what it cannot send. */
#include "fuse_i.h"

static int fuse_writepages(struct address_space *mapping,
			   struct writeback_control *wbc)
{
	struct inode *inode = mapping->host;
	struct iomap_writepage_ctx wpc = {
		.inode = inode,
		.wbc = wbc,
	};

	return iomap_writepages(&wpc);
}
