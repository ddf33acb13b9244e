// SPDX-License-Identifier: GPL-2.0-only
#include "internal.h"

static int migrate_folio_unmap(struct folio *src, struct folio **dstp,
		enum migrate_mode mode, struct list_head *ret)
{
	bool locked = false;
	int rc = -EAGAIN;

	if (!folio_trylock(src)) {
		if (mode == MIGRATE_ASYNC)
			goto out;

		/*
		 * It's not safe for direct compaction to call lock_page.
		 */
		if (current->flags & PF_MEMALLOC)
			goto out;

		/*
		 * In "light" mode, we can wait for transient locks.
		 */
		if (mode == MIGRATE_SYNC_LIGHT && !folio_test_uptodate(src))
			goto out;

		folio_lock(src);
	}
	locked = true;
	return MIGRATEPAGE_UNMAP;
out:
	migrate_folio_undo_src(src, locked, ret);
	return rc;
}

static int unmap_and_move_huge_page(struct folio *src, enum migrate_mode mode)
{
	int rc = -EAGAIN;

	if (!folio_trylock(src)) {
		switch (mode) {
		case MIGRATE_SYNC:
			break;
		default:
			goto out;
		}
		folio_lock(src);
	}

	folio_unlock(src);
out:
	return rc;
}
