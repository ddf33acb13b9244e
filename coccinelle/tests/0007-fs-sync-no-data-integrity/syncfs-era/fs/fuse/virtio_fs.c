// SPDX-License-Identifier: GPL-2.0
#include "fuse_i.h"

static int virtio_fs_get_tree(struct fs_context *fsc)
{
	struct fuse_conn *fc;

	fuse_conn_init(fc, fm, fsc->user_ns, &virtio_fs_fiq_ops, fs);
	fc->release = fuse_free_conn;
	fc->delete_stale = true;
	fc->auto_submounts = true;
	fc->sync_fs = true;

	return 0;
}
