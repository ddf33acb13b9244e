/* SPDX-License-Identifier: GPL-2.0 */
/* Operations where folios become dirty, but it is pages that migrate: the rule has no form for that. */
struct address_space_operations {
	int (*writepage)(struct page *page, struct writeback_control *wbc);
	bool (*dirty_folio)(struct address_space *, struct folio *);
	int (*migratepage)(struct address_space *, struct page *, struct page *,
			   enum migrate_mode);
};
