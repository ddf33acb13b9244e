// SPDX-License-Identifier: GPL-2.0
/* Writeback of pages: what puts one into a request. */
#include "fuse_i.h"

static int fuse_writepages_fill(struct page *page,
		struct writeback_control *wbc, void *_data)
{
	struct fuse_fill_wb_data *data = _data;
	struct fuse_writepage_args *wpa = data->wpa;
	struct fuse_args_pages *ap = &wpa->ia.ap;
	struct inode *inode = data->inode;
	int err;

	if (!data->ff) {
		err = -EIO;
		data->ff = fuse_write_file_get(get_fuse_conn(inode), get_fuse_inode(inode));
		if (!data->ff)
			goto out_unlock;
	}

	if (wpa && fuse_writepage_need_send(get_fuse_conn(inode), page, ap, data)) {
		fuse_writepages_send(data);
		data->wpa = NULL;
	}

	if (data->wpa == NULL) {
		err = -ENOMEM;
		wpa = fuse_writepage_args_alloc();
		if (!wpa)
			goto out_unlock;
		data->max_pages = 1;

		ap = &wpa->ia.ap;
	}
	set_page_writeback(page);

	err = 0;
	ap->num_pages++;
	if (!data->wpa)
		data->wpa = wpa;
out_unlock:
	unlock_page(page);

	return err;
}

static int fuse_writepages(struct address_space *mapping,
			   struct writeback_control *wbc)
{
	struct fuse_fill_wb_data data;

	data.inode = mapping->host;
	return write_cache_pages(mapping, wbc, fuse_writepages_fill, &data);
}
