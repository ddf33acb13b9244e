// SPDX-License-Identifier: GPL-2.0
/* The collapse of a file's pages, from where they are all locked. */
#include <linux/fs.h>
#include <linux/pagemap.h>

/**
 * collapse_file - collapse filemap/tmpfs/shmem pages into huge one.
 *
 * @mm: process address space where collapse happens
 */
static int collapse_file(struct mm_struct *mm, unsigned long addr,
			 struct file *file, pgoff_t start,
			 struct collapse_control *cc)
{
	struct address_space *mapping = file->f_mapping;
	struct folio *folio, *new_folio;
	int nr_none = 0, result = SCAN_SUCCEED;
	bool is_shmem = shmem_file(file);

	result = alloc_charge_folio(&new_folio, mm, cc);
	if (result != SCAN_SUCCEED)
		goto out;

	folio = filemap_lock_folio(mapping, start);
	if (!is_shmem && (folio_test_dirty(folio) ||
			  folio_test_writeback(folio))) {
		result = SCAN_FAIL;
		goto xa_unlocked;
	}

xa_unlocked:
	try_to_unmap_flush();

	if (result == SCAN_SUCCEED && !is_shmem && !mapping_large_folio_support(mapping)) {
		filemap_invalidate_lock_shared(mapping);
		filemap_nr_thps_inc(mapping);
		/*
		 * Paired with the fence in do_dentry_open() -> get_write_access()
		 * to ensure i_writecount is up to date and the update to nr_thps
		 * is visible.
		 */
		smp_mb();
		if (inode_is_open_for_write(mapping->host) || filemap_write_and_wait(mapping)) {
			result = SCAN_FAIL;
			filemap_nr_thps_dec(mapping);
			filemap_invalidate_unlock_shared(mapping);
			goto rollback;
		}
		filemap_invalidate_unlock_shared(mapping);
	}

	if (result != SCAN_SUCCEED) {
		nr_none = 0;
		goto rollback;
	}
	goto out;

rollback:
	putback_all(new_folio, nr_none);
out:
	return result;
}

static int hpage_collapse_scan_file(struct mm_struct *mm, unsigned long addr,
				    struct file *file, pgoff_t start,
				    struct collapse_control *cc)
{
	if (!file_present(file, start))
		return SCAN_EXCEED_NONE_PTE;

	return collapse_file(mm, addr, file, start, cc);
}
