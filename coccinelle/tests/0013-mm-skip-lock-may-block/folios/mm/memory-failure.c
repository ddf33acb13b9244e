// SPDX-License-Identifier: GPL-2.0-only
#include "internal.h"

static int soft_offline_in_use_page(struct page *page)
{
	struct folio *folio = page_folio(page);
	bool huge = folio_test_hugetlb(folio);

	folio_lock(folio);
	if (folio_writeback_may_block(folio)) {
		/* it is still good, so whoever asked can ask again */
		folio_unlock(folio);
		folio_put(folio);
		return -EBUSY;
	}
	if (!huge)
		folio_wait_writeback(folio);
	folio_unlock(folio);
	return soft_offline(folio);
}
