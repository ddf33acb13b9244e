// SPDX-License-Identifier: GPL-2.0
/* Ranges of folios are collected into a write request. */
#include "fuse_i.h"

struct fuse_fill_wb_data {
	struct fuse_writepage_args *wpa;
	struct fuse_file *ff;
	unsigned int max_folios;
	unsigned int nr_bytes;
};

static bool fuse_pages_realloc(struct fuse_fill_wb_data *data,
			       unsigned int max_pages)
{
	struct fuse_args_pages *ap = &data->wpa->ia.ap;
	unsigned int nfolios = min_t(unsigned int,
				     max_t(unsigned int, data->max_folios * 2,
					   FUSE_DEFAULT_MAX_PAGES_PER_REQ),
				    max_pages);
	WARN_ON(nfolios <= data->max_folios);

	if (!fuse_folios_grow(ap, nfolios))
		return false;
	data->max_folios = nfolios;

	return true;
}

static bool fuse_writepage_need_send(struct fuse_conn *fc, loff_t pos,
				     unsigned len, struct fuse_args_pages *ap,
				     struct fuse_fill_wb_data *data)
{
	struct folio *prev_folio;
	unsigned bytes = data->nr_bytes + len;

	WARN_ON(!ap->num_folios);

	/* Reached max pages */
	if ((bytes + PAGE_SIZE - 1) >> PAGE_SHIFT > fc->max_pages)
		return true;

	/* Reached max write bytes */
	if (bytes > fc->max_write)
		return true;

	/* Discontinuity */
	prev_folio = ap->folios[ap->num_folios - 1];
	if (folio_pos(prev_folio) + folio_size(prev_folio) != pos)
		return true;

	/* Need to grow the pages array?  If so, did the expansion fail? */
	if (ap->num_folios == data->max_folios &&
	    !fuse_pages_realloc(data, fc->max_pages))
		return true;

	return false;
}
