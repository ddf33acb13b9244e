// SPDX-License-Identifier: GPL-2.0
/* The end of a mapping: pages are written back. */
#include "fuse_i.h"

static void fuse_vma_close(struct vm_area_struct *vma)
{
	filemap_write_and_wait(vma->vm_file->f_mapping);
}
