// SPDX-License-Identifier: GPL-2.0-only
#include "internal.h"

/*
 * How many of these pages are under writeback that may never end?  Migration
 * leaves them where they are.
 */
static unsigned int count_writeback_blocked(struct list_head *pages)
{
	struct address_space *mapping;
	unsigned int nr = 0;
	struct page *page;

	list_for_each_entry(page, pages, lru) {
		/* under the page lock the mapping cannot go away */
		if (!PageWriteback(page) || !trylock_page(page))
			continue;

		mapping = page_mapping(page);
		if (PageWriteback(page) &&
		    mapping && mapping_writeback_may_block(mapping))
			nr++;
		unlock_page(page);
	}

	return nr;
}
