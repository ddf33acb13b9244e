// SPDX-License-Identifier: GPL-2.0
/* Collapse of the pages of a file, up to what is missing. */
#include <linux/khugepaged.h>
#include <linux/pagemap.h>

static void collapse_file(struct mm_struct *mm,
		struct file *file, pgoff_t start,
		struct page **hpage, int node)
{
	struct address_space *mapping = file->f_mapping;
	XA_STATE_ORDER(xas, &mapping->i_pages, start, HPAGE_PMD_ORDER);
	int result = SCAN_SUCCEED;

	xas_lock_irq(&xas);
	for (index = start; index < end; index++) {
		page = xas_next(&xas);

		if (is_shmem) {
			shmem_only(page);
		} else {	/* !is_shmem */
			if (!page || xa_is_value(page)) {
				xas_unlock_irq(&xas);
				page_cache_sync_readahead(mapping, &file->f_ra,
							  file, index,
							  end - index);
				/* drain lru cache to help isolation */
				lru_add_drain();
				page = find_lock_page(mapping, index);
				if (unlikely(page == NULL)) {
					result = SCAN_FAIL;
					goto xa_unlocked;
				}
			} else if (PageDirty(page)) {
				result = SCAN_FAIL;
				goto xa_locked;
			}
		}
	}
xa_locked:
	xas_unlock_irq(&xas);
xa_unlocked:
	mmap_done(mm, result);
}
