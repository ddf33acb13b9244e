// SPDX-License-Identifier: GPL-2.0-only
// fuse: has sync(2) send no FUSE_SYNCFS to the server of a fuseblk mount.
//
// Looks in fuse_fill_super_common() for the place that sets fc->sync_fs for a
// superblock that is on a block device: there the superblock gets
// SB_I_SKIP_SYNC, for which sync_fs_one_sb() in fs/sync.c leaves out
// ->sync_fs().  A tree where it does not do so is refused.
//
// Where that place is not there FUSE_SYNCFS is not for fuseblk, and there is
// nothing to do.  What sets fc->sync_fs elsewhere is looked at by 0007.
//
// Already: fs/fuse/inode.c skips SB_I_SKIP_SYNC for fuseblk
// Already: fs/fuse/inode.c virtiofs_only no FUSE_SYNCFS for fuseblk, only for virtiofs
// Already: fs/fuse/inode.c no_request no FUSE_SYNCFS request at all
// Look: fs/sync.c one_sb
// Site: fs/fuse/inode.c fuse_fill_super_common 1 fuseblk

@initialize:python@
@@
def already(sign, p):
    coccilib.report.print_report(p, "already: %s in %s" % (sign, p.current_element))

def refuse(p, text):
    coccilib.report.print_report(p, "refuse: " + text)

// ---- does sync(2) look at the flag?

@one_sb@
position p;
@@
 sync_fs_one_sb@p(...) { ... }

@looks_at@
symbol SB_I_SKIP_SYNC;
identifier sb;
position p;
@@
 sync_fs_one_sb(struct super_block *sb, ...)
 {
 ... when != sb->s_op->sync_fs(...)
(
 if (<+... !(sb->s_iflags@p & SB_I_SKIP_SYNC) ...+>) { ... }
|
 if (<+... !(sb->s_iflags@p & SB_I_SKIP_SYNC) ...+>) sb->s_op->sync_fs(...);
|
 if (<+... sb->s_iflags@p & SB_I_SKIP_SYNC ...+>) return;
)
 ...
 }

@script:python depends on !looks_at@
p << one_sb.p;
@@
refuse(p[0], "sync_fs_one_sb(): does not leave out what has SB_I_SKIP_SYNC")

// ---- for whom is the request?

@request@
position p;
@@
 fuse_sync_fs@p(...) { ... }

@fill@
position p;
@@
 fuse_fill_super_common@p(...) { ... }

@script:python depends on !request@
p << fill.p;
@@
already("no_request", p[0])

@sets@
struct fuse_conn *fc;
expression e;
position p;
@@
 fuse_fill_super_common(...)
 {
 <+...
 fc->sync_fs@p = e
 ...+>
 }

@script:python depends on request && !sets@
p << fill.p;
@@
already("virtiofs_only", p[0])

@skips@
symbol SB_I_SKIP_SYNC;
expression sb;
position p;
@@
 fuse_fill_super_common(...)
 {
 <+...
 sb->s_iflags@p |= <+... SB_I_SKIP_SYNC ...+>;
 ...+>
 }

@script:python@
p << skips.p;
@@
already("skips", p[0])

@fuseblk depends on !skips@
symbol SB_I_SKIP_SYNC;
identifier sb, ctx;
struct fuse_conn *fc;
constant c;
position p;
@@
 fuse_fill_super_common(struct super_block *sb, struct fuse_fs_context *ctx, ...)
 {
 <+...
(
 if (ctx->is_bdev) {
 ...
 fc->sync_fs@p = c;
+/* The server may never answer, so sync(2) must not ask it. */
+sb->s_iflags |= SB_I_SKIP_SYNC;
 ...
 } else { ... }
|
 if (ctx->is_bdev) {
 ...
 fc->sync_fs@p = c;
+/* The server may never answer, so sync(2) must not ask it. */
+sb->s_iflags |= SB_I_SKIP_SYNC;
 ...
 }
)
 ...+>
 }

@script:python@
p << fuseblk.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: fuseblk in %s" % at.current_element)
