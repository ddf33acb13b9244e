// SPDX-License-Identifier: GPL-2.0
/* A folio is read that was found not up to date. */
#include "fuse_i.h"

static int fuse_do_readfolio(struct file *file, struct folio *folio,
			     size_t off, size_t len)
{
	struct inode *inode = folio->mapping->host;
	struct fuse_mount *fm = get_fuse_mount(inode);
	loff_t pos = folio_pos(folio) + off;
	struct fuse_folio_desc desc = {
		.offset = off,
		.length = len,
	};
	struct fuse_io_args ia = {
		.ap.args.page_zeroing = true,
		.ap.args.out_pages = true,
		.ap.num_folios = 1,
		.ap.folios = &folio,
		.ap.descs = &desc,
	};
	ssize_t res;
	u64 attr_ver;

	attr_ver = fuse_get_attr_version(fm->fc);

	/* Don't overflow end offset */
	if (pos + (desc.length - 1) == LLONG_MAX)
		desc.length--;

	fuse_read_args_fill(&ia, file, pos, desc.length, FUSE_READ);
	res = fuse_simple_request(fm, &ia.ap.args);
	if (res < 0)
		return res;
	/*
	 * Short read means EOF.  If file size is larger, truncate it
	 */
	if (res < desc.length)
		fuse_short_read(inode, attr_ver, res, &ia.ap);

	return 0;
}

static int fuse_read_folio(struct file *file, struct folio *folio)
{
	struct inode *inode = folio->mapping->host;
	int err;

	err = -EIO;
	if (fuse_is_bad(inode))
		goto out;

	err = fuse_do_readfolio(file, folio, 0, folio_size(folio));
	if (!err)
		folio_mark_uptodate(folio);

	fuse_invalidate_atime(inode);
 out:
	folio_unlock(folio);
	return err;
}
