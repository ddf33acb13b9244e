/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef __MM_INTERNAL_H
#define __MM_INTERNAL_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

vm_fault_t do_swap_page(struct vm_fault *vmf);

extern void putback_lru_page(struct page *page);
#endif	/* __MM_INTERNAL_H */
