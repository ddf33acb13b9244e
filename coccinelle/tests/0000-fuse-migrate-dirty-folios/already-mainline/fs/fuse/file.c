// SPDX-License-Identifier: GPL-2.0-only
/* The operations of a FUSE file where dirty folios migrate. */
#include "fuse_i.h"

#include <linux/pagemap.h>

static const struct address_space_operations fuse_file_aops  = {
	.read_folio	= fuse_read_folio,
	.readahead	= fuse_readahead,
	.writepages	= fuse_writepages,
	.launder_folio	= fuse_launder_folio,
	.dirty_folio	= filemap_dirty_folio,
	.migrate_folio	= filemap_migrate_folio,
	.bmap		= fuse_bmap,
	.direct_IO	= fuse_direct_IO,
};
