// SPDX-License-Identifier: GPL-2.0
/* Collapse of the pages of a file, up to what is missing. */
#include <linux/khugepaged.h>
#include <linux/pagemap.h>

static int collapse_file(struct mm_struct *mm, unsigned long addr,
			 struct file *file, pgoff_t start,
			 struct collapse_control *cc)
{
	struct address_space *mapping = file->f_mapping;
	XA_STATE_ORDER(xas, &mapping->i_pages, start, HPAGE_PMD_ORDER);
	int result = SCAN_SUCCEED;

	xas_lock_irq(&xas);
	for (index = start; index < end; index++) {
		folio = xas_next(&xas);

		if (is_shmem) {
			shmem_only(folio);
		} else {	/* !is_shmem */
			if (!folio || xa_is_value(folio)) {
				xas_unlock_irq(&xas);
				page_cache_sync_readahead(mapping, &file->f_ra,
							  file, index,
							  end - index);
				/* drain lru cache to help isolation */
				lru_add_drain();
				folio = filemap_lock_folio(mapping, index);
				if (IS_ERR(folio)) {
					result = SCAN_FAIL;
					goto xa_unlocked;
				}
			} else if (folio_test_dirty(folio)) {
				result = SCAN_FAIL;
				goto xa_locked;
			}
		}
	}
xa_locked:
	xas_unlock_irq(&xas);
xa_unlocked:
	return result;
}
