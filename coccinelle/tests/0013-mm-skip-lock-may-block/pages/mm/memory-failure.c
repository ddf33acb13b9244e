// SPDX-License-Identifier: GPL-2.0-only
#include "internal.h"

static int __soft_offline_page(struct page *page)
{
	lock_page(page);
	if (page_writeback_may_block(page)) {
		/* it is still good, so whoever asked can ask again */
		unlock_page(page);
		put_page(page);
		return -EBUSY;
	}
	if (!PageHuge(page))
		wait_on_page_writeback(page);
	unlock_page(page);
	return soft_offline(page);
}
