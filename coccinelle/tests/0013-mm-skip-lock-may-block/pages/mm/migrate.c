// SPDX-License-Identifier: GPL-2.0-only
#include "internal.h"

static int __unmap_and_move(struct page *page, struct page *newpage,
				int force, enum migrate_mode mode)
{
	int rc = -EAGAIN;

	if (!trylock_page(page)) {
		if (!force || mode == MIGRATE_ASYNC)
			goto out;

		/*
		 * It's not safe for direct compaction to call lock_page.
		 */
		if (current->flags & PF_MEMALLOC)
			goto out;

		lock_page(page);
	}

	unlock_page(page);
out:
	return rc;
}

static int unmap_and_move_huge_page(struct page *hpage, int force,
				enum migrate_mode mode)
{
	int rc = -EAGAIN;

	if (!trylock_page(hpage)) {
		if (!force)
			goto out;
		lock_page(hpage);
	}

	unlock_page(hpage);
out:
	return rc;
}
