// SPDX-License-Identifier: GPL-2.0-only
// Has sync(2) start writeback of FUSE superblocks, and not wait for it.
//
// Looks for three places:
//
// - the flags SB_I_* in include/linux/fs.h.  SB_I_NO_DATA_INTEGRITY goes below
//   the last one that is there with any configuration, with mainline's value where
//   nothing uses it, else with the lowest bit that nothing uses.  A tree that has
//   the name keeps what it has;
// - the call of sync_inodes_sb() in sync_inodes_one_sb(), which sync(2) and the
//   emergency sync run for each superblock.  It becomes the wake-up of the
//   flusher of this superblock where the flag is set;
// - each call of fuse_sb_defaults(), so each way to make a FUSE superblock.
//
// Who is told by the shape of the tree.  Where FUSE has a SYNCFS request, in
// fuse_sync_fs(), fc->sync_fs is true for a server that is trusted to answer it:
// virtiofs sets it before the superblock is filled, and is left alone.  A fuseblk
// superblock gets it too, in some trees, but its server is a process like any
// other.  Where there is no SYNCFS request sync(2) has no promise of anybody.
//
// A tree that ends sync_inodes_sb() early for the flag has the change: 0003 looks
// there, and tells by the fact sync_waits.  Its syncfs(2) ends early as well.
//
// It also says by which function one looks at the state of an inode, or that there
// is none and i_state is for everybody: 0019 looks.
//
// Refused is what would make the flag wrong: no free bit can be told; a superblock
// that is filled in a third way; fc->sync_fs set at a place that is not known.
//
// Fact: sync_waits sync_inodes_sb
// Fact: inode_state i_state
// Already: fs/fs-writeback.c ends_early SB_I_NO_DATA_INTEGRITY in sync_inodes_sb(), for virtiofs and syncfs(2) too, which return before all is sent
// Already: fs/sync.c tested SB_I_NO_DATA_INTEGRITY in sync_inodes_one_sb()
// Look: include/linux/writeback.h wakes
// Look: include/linux/*.h other_flag define.SB_I_\|s_iflags.*[^A-Za-z_0-9][0-9]
// Look: fs/*.[ch] other_flag define.SB_I_\|s_iflags.*[^A-Za-z_0-9][0-9]
// Look: fs/*/*.[ch] other_flag define.SB_I_\|s_iflags.*[^A-Za-z_0-9][0-9]
// Look: fs/fuse/*.c stray_sync_fs sync_fs
// Site: include/linux/fs.h - 0-1 flag
// Site: fs/sync.c sync_inodes_one_sb 1 in_if | plain
// Site: fs/fuse/inode.c fuse_fill_super_common 1 fill | fill_no_syncfs
// Site: fs/fuse/inode.c fuse_fill_super_submount 1 submount
// Variant: in_if sync_inodes_sb() is what an if does: braces are added
// Variant: plain sync_inodes_sb() stands for itself
// Variant: fill FUSE has a SYNCFS request: not for virtiofs, whose server answers it
// Variant: fill_no_syncfs FUSE has no SYNCFS request: for each superblock

@initialize:python@
@@
import re

flags = {}	# SB_I_* -> the text of its value
lines = []	# (how many #if it is in, less its line, its name)
numbers = []	# what s_iflags is tested with, if it is a number
calls = []	# of what waits, in sync_inodes_one_sb()
MAINLINE = 0x00008000

def number(text):
    """The value of a flag, or None when it cannot be read."""
    text = re.sub(r"\bBIT \(|\bBIT\(", "1 << (", text)
    text = re.sub(r"\b(0[xX][0-9a-fA-F]+|[0-9]+)[uUlL]+\b", r"\1", text)
    text = re.sub(r"\b[A-Za-z_]\w*", lambda m: "(%s)" % flags.get(m.group(), "?"), text)
    text = re.sub(r"\b0([0-7]+)\b", r"0o\1", text)
    if not re.match(r"[0-9a-fA-FxXo+\-*|<>~() \t]+$", text):
        return None
    try:
        return int(eval(text))
    except (SyntaxError, ArithmeticError, TypeError, ValueError):
        return None

def inside(p):
    """How many #if the line is in."""
    with open(p.file, errors="replace") as f:
        before = f.read().split("\n")[:int(p.line)]
    return sum(1 if re.match(r"\s*#\s*if", l) else -1 if re.match(r"\s*#\s*endif", l) else 0
               for l in before)

def of_fs_h(p):
    return p.file.endswith("include/linux/fs.h")

def site(rule, p):
    coccilib.report.print_report(p, "site: %s in %s" % (rule, p.current_element))

def refuse(p, text):
    name = "" if p.current_element == "something_else" else p.current_element + "(): "
    coccilib.report.print_report(p, "refuse: %s%s" % (name, text))

// ---- has the tree the change?

@ends_early@
symbol SB_I_NO_DATA_INTEGRITY;
expression sb;
position p;
@@
 sync_inodes_sb(...)
 {
 <+...
 if (sb->s_iflags@p & SB_I_NO_DATA_INTEGRITY) { ... return; }
 ...+>
 }

@script:python@
p << ends_early.p;
@@
coccilib.report.print_report(p[0], "already: ends_early in %s" % p[0].current_element)

@tested@
symbol SB_I_NO_DATA_INTEGRITY;
expression sb;
position p;
@@
 sync_inodes_one_sb(...)
 {
 <+...
 sb->s_iflags@p & SB_I_NO_DATA_INTEGRITY
 ...+>
 }

@script:python@
p << tested.p;
@@
coccilib.report.print_report(p[0], "already: tested in %s" % p[0].current_element)

// ---- the flag

@defined@
identifier flag =~ "^SB_I_";
expression value;
position p;
@@
#define flag@p value

@script:python@
flag << defined.flag;
value << defined.value;
p << defined.p;
@@
flags[flag] = value
if of_fs_h(p[0]):
    lines.append((inside(p[0]), -int(p[0].line), flag))

@by_number@
expression sb;
constant c;
position p;
@@
(
 sb->s_iflags@p & c
|
 sb->s_iflags@p |= c
)

@script:python@
c << by_number.c;
p << by_number.p;
@@
if number(c) is not None and not re.match(r"\(*SB_I_", c):
    if of_fs_h(p[0]):
        numbers.append(number(c))
    else:
        refuse(p[0], "no free flag can be told, %s is used by number here" % c)

@script:python other_flag@
flag << defined.flag;
value << defined.value;
p << defined.p;
@@
if not of_fs_h(p[0]):
    refuse(p[0], "no free flag can be told, %s is defined here as %s" % (flag, value))

// Another struct of that file: the flags may have moved to a header of their own.
@in_fs_h@
position p;
@@
 struct kiocb@p { ... };

@script:python@
p << in_fs_h.p;
@@
if of_fs_h(p[0]) and not flags:
    refuse(p[0], "the flags of a superblock, SB_I_*, are not in this file")

@script:python free@
flag << defined.flag;
p << defined.p;
end;
bit;
@@
def first_free():
    if not of_fs_h(p[0]) or flag != min(lines)[2] or "SB_I_NO_DATA_INTEGRITY" in flags:
        return None
    used = 0
    for name in flags:
        value = number(flags[name])
        if value is None:
            refuse(p[0], "no free flag can be told, the value of %s is %s" % (name, flags[name]))
            return None
        used |= value
    for value in numbers:
        used |= value
    for value in [MAINLINE] + [1 << b for b in range(31)]:
        if not used & value:
            return value
    refuse(p[0], "no free flag can be told, every one is in use")
    return None

found = first_free()
if found is None:
    cocci.include_match(False)
else:
    coccinelle.bit = cocci.make_expr("0x%08x" % found)
    coccinelle.end = cocci.make_ident(flag)

@flag@
expression free.bit;
identifier free.end;
expression value;
position p;
@@
#define end@p value
+#define SB_I_NO_DATA_INTEGRITY_HERE bit

@script:python@
p << flag.p;
@@
coccilib.report.print_report(p[0], "site: flag in file")

// ---- sync(2)

@wakes@
type T;
@@
 T wakeup_flusher_threads_bdi(...);

@cannot_wake depends on !wakes@
position p;
@@
 struct writeback_control@p { ... };

@script:python@
p << cannot_wake.p;
@@
if p[0].file.endswith("include/linux/writeback.h"):
    refuse(p[0], "wakeup_flusher_threads_bdi() is not declared here")

// each call must be taken care of
@waits@
identifier virtual.sync_waits;
position p;
@@
 sync_waits@p(...)

@script:python@
p << waits.p;
@@
if p[0].current_element == "sync_inodes_one_sb":
    calls.append(p[0])
    if len(calls) == 2:
        refuse(p[0], "waits in more than one place")

@in_if depends on !tested@
identifier virtual.sync_waits;
symbol SB_I_NO_DATA_INTEGRITY, WB_REASON_SYNC;
identifier sb;
expression e;
statement S;
position p;
@@
 sync_inodes_one_sb(struct super_block *sb, ...)
 {
 <+...
(
 if (e)
-	sync_waits@p(sb);
+{
+	/*
+	 * Nobody has promised that this ends.  Writeback is started all
+	 * the same; whoever wants the data to be safe calls fsync(2).
+	 */
+	if (sb->s_iflags & SB_I_NO_DATA_INTEGRITY)
+		wakeup_flusher_threads_bdi(sb->s_bdi, WB_REASON_SYNC);
+	else
+		sync_waits(sb);
+}
|
 if (e)
-	sync_waits@p(sb);
+{
+	/*
+	 * Nobody has promised that this ends.  Writeback is started all
+	 * the same; whoever wants the data to be safe calls fsync(2).
+	 */
+	if (sb->s_iflags & SB_I_NO_DATA_INTEGRITY)
+		wakeup_flusher_threads_bdi(sb->s_bdi, WB_REASON_SYNC);
+	else
+		sync_waits(sb);
+}
 else S
)
 ...+>
 }

@script:python@
p << in_if.p;
@@
for at in p:
    site("in_if", at)

@plain depends on !tested && !in_if@
identifier virtual.sync_waits;
symbol SB_I_NO_DATA_INTEGRITY, WB_REASON_SYNC;
identifier sb;
position p;
@@
 sync_inodes_one_sb(struct super_block *sb, ...)
 {
 <+...
-sync_waits@p(sb);
+/*
+ * Nobody has promised that this ends.  Writeback is started all
+ * the same; whoever wants the data to be safe calls fsync(2).
+ */
+if (sb->s_iflags & SB_I_NO_DATA_INTEGRITY)
+	wakeup_flusher_threads_bdi(sb->s_bdi, WB_REASON_SYNC);
+else
+	sync_waits(sb);
 ...+>
 }

@script:python@
p << plain.p;
@@
for at in p:
    site("plain", at)

// ---- FUSE

@syncfs_request@
position p;
@@
 fuse_sync_fs@p(...) { ... }

// it is asked for by this, not for whatever is mounted
@asks@
struct fuse_conn *fc;
position p;
@@
 fuse_sync_fs(...)
 {
 ...
 if (<+... !fc->sync_fs@p ...+>) return 0;
 ...
 }

@script:python depends on !asks@
p << syncfs_request.p;
@@
refuse(p[0], "has no test of fc->sync_fs that is known: for whom FUSE_SYNCFS is cannot be told")

// who sets it, and when: before the superblock is filled only for virtiofs
@stray_sync_fs@
expression e;
struct fuse_conn *fc;
position p;
@@
(
 fc->sync_fs@p = e
|
 fc->sync_fs@p |= e
)

@script:python@
e << stray_sync_fs.e;
p << stray_sync_fs.p;
@@
known = {
    "fs/fuse/virtio_fs.c": ("virtio_fs_get_tree", "true", "1"),
    "fs/fuse/inode.c": ("fuse_fill_super_common", "true", "1"),
}
ours = known.get(p[0].file, ("",))
if e not in ("0", "false") and not (p[0].current_element == ours[0] and e in ours):
    refuse(p[0], "sets fc->sync_fs: whether this server can be trusted to answer cannot be told")

@fills@
identifier f;
position p;
@@
 f(...)
 {
 <+...
 fuse_sb_defaults@p(...)
 ...+>
 }

@script:python@
f << fills.f;
p << fills.p;
@@
if f not in ("fuse_fill_super_common", "fuse_fill_super_submount"):
    refuse(p[0], "fills a superblock, in a way that is not known")

@flagged@
symbol SB_I_NO_DATA_INTEGRITY;
expression sb;
position p;
@@
(
 sb->s_iflags@p |= <+... SB_I_NO_DATA_INTEGRITY ...+>
|
 sb->s_iflags@p = <+... SB_I_NO_DATA_INTEGRITY ...+>
)

@script:python@
p << flagged.p;
@@
if p[0].file == "fs/fuse/inode.c":
    refuse(p[0], "sets the flag already, and not where it is known for whom")

@fill depends on syncfs_request && !flagged@
symbol SB_I_NO_DATA_INTEGRITY;
identifier sb, ctx, fc;
expression e;
position p;
@@
 fuse_fill_super_common(struct super_block *sb, struct fuse_fs_context *ctx, ...)
 {
 ...
 struct fuse_conn *fc = e;
 <+...
-fuse_sb_defaults@p(sb);
+fuse_sb_defaults(sb);
+/*
+ * The server may never answer, so sync(2) must not wait for it.  That of
+ * virtiofs, which has set sync_fs, is trusted to; that of fuseblk is a
+ * process like any other.
+ */
+if (ctx->is_bdev || !fc->sync_fs)
+	sb->s_iflags |= SB_I_NO_DATA_INTEGRITY;
 ...+>
 }

@script:python@
p << fill.p;
@@
for at in p:
    site("fill", at)

@fill_no_syncfs depends on !syncfs_request && !flagged@
symbol SB_I_NO_DATA_INTEGRITY;
identifier sb;
position p;
@@
 fuse_fill_super_common(struct super_block *sb, ...)
 {
 <+...
 fuse_sb_defaults@p(sb);
+/* The server may never answer, so sync(2) must not wait for it. */
+sb->s_iflags |= SB_I_NO_DATA_INTEGRITY;
 ...+>
 }

@script:python@
p << fill_no_syncfs.p;
@@
for at in p:
    site("fill_no_syncfs", at)

@submount depends on !flagged@
symbol SB_I_NO_DATA_INTEGRITY;
identifier sb, parent_sb;
expression e;
position p;
@@
 fuse_fill_super_submount(struct super_block *sb, ...)
 {
 ...
 struct super_block *parent_sb = e;
 <+...
 fuse_sb_defaults@p(sb);
+/* The server is that of the parent. */
+sb->s_iflags |= parent_sb->s_iflags & SB_I_NO_DATA_INTEGRITY;
 ...+>
 }

@script:python@
p << submount.p;
@@
for at in p:
    site("submount", at)

// ---- how does one look at the state of an inode?

@inode_state@
type T;
identifier f =~ "^inode_state_read_once$";
position p;
@@
 T f@p(...) { ... }

@script:python@
f << inode_state.f;
p << inode_state.p;
@@
if of_fs_h(p[0]):
    coccilib.report.print_report(p[0], "fact: inode_state=%s" % f)
