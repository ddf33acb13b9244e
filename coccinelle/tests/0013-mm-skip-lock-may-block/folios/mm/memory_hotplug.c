// SPDX-License-Identifier: GPL-2.0-only
#include "internal.h"

/*
 * How many of these folios are under writeback that may never end?  Migration
 * leaves them where they are.
 */
static unsigned int count_writeback_blocked(struct list_head *folios)
{
	struct address_space *mapping;
	unsigned int nr = 0;
	struct folio *folio;

	list_for_each_entry(folio, folios, lru) {
		/* under the folio lock the mapping cannot go away */
		if (!folio_test_writeback(folio) || !folio_trylock(folio))
			continue;

		mapping = folio_mapping(folio);
		if (folio_test_writeback(folio) &&
		    mapping && mapping_writeback_may_block(mapping))
			nr++;
		folio_unlock(folio);
	}

	return nr;
}
