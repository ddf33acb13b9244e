// SPDX-License-Identifier: GPL-2.0-only
// Keeps sync(2) and syncfs(2) from waiting for writeback that may block.
//
// Looks in wait_sb_inodes() for the test of the writeback tag that lets it go
// on to the next inode.  Going on there is safe for a flagged mapping too, if
// the inode is back on sb->s_inodes_wb by then and the lock of the list is still
// held; a tree where it is otherwise is refused.
//
// A tree that does not wait for what cannot promise that data is safe has the
// change already: in wait_sb_inodes() by a flag of the mapping, or in
// sync_inodes_sb() by a flag of the superblock.
//
// Already: fs/fs-writeback.c no_integrity_mapping mapping_no_data_integrity() in wait_sb_inodes()
// Already: fs/fs-writeback.c no_integrity_sb SB_I_NO_DATA_INTEGRITY, which ends sync_inodes_sb() early
// Already: fs/fs-writeback.c may_block_mapping the flag of the mapping, tested in wait_sb_inodes()
// Site: fs/fs-writeback.c wait_sb_inodes 1 tagged

@initialize:python@
@@
import re

seen = {"moved": [], "unlocked": [], "tested": [], "waits": []}

def note(what, p, text):
    if p.current_element == "wait_sb_inodes":
        seen[what].append((int(p.line), text, p))

def same_block(early, late):
    """Is the second position in the block of the first one, after it, with no
    label on the way?  Then whoever gets there has come by the first one, and
    this is the code in between."""
    first, last = int(early.line), int(late.line)
    if early.current_element != late.current_element or first >= last:
        return None
    with open(early.file, errors="replace") as f:
        text = f.read()
    # comments and literals say nothing, but their lines count
    text = re.sub(r"/\*.*?\*/|//[^\n]*|\"(\\.|[^\"\\\n])*\"|'(\\.|[^'\\\n])*'",
                  lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    lines = text.split("\n")
    # not the body of an if that has no braces
    if not re.search(r"[;{}:]\s*$", "\n".join(lines[:first - 1])):
        return None
    between = "\n".join(lines[first - 1:last - 1])
    depth = 0
    for c in between:
        depth += {"{": 1, "}": -1}.get(c, 0)
        if depth < 0:
            return None
    if depth or re.search(r"^\s*(?!default\b)\w+\s*:(?!:)", between, re.M):
        return None
    return between

def unsafe():
    """Why going on at the test is not safe, or None."""
    if len(seen["tested"]) != 1:
        return "the writeback tag is tested in more than one place"
    line, mapping, test = seen["tested"][0]
    if not any(same_block(p, test) for _, _, p in seen["moved"]):
        return "the inode need not be back on the list of its superblock where the tag is tested"
    moved = max(l for l, _, p in seen["moved"] if l < line)
    if any(moved < l < line for l, _, _ in seen["unlocked"]):
        return "the lock of the list is not held where the tag is tested"
    if not seen["waits"]:
        return "nothing that waits is known there"
    for at, what, _ in seen["waits"]:
        if at < line:
            return "there is a wait before the tag is tested"
        if what != mapping:
            return "what is waited for, %s, is not what is tested, %s" % (what, mapping)
    return None

@no_integrity_mapping@
expression mapping;
position p;
@@
 wait_sb_inodes(...)
 {
 <+...
 if (<+... mapping_no_data_integrity@p(mapping) ...+>) continue;
 ...+>
 }

@script:python@
p << no_integrity_mapping.p;
@@
coccilib.report.print_report(p[0], "already: no_integrity_mapping in %s" % p[0].current_element)

@no_integrity_sb@
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
p << no_integrity_sb.p;
@@
coccilib.report.print_report(p[0], "already: no_integrity_sb in %s" % p[0].current_element)
coccilib.report.print_report(p[0], "fact: sync_waits=nobody")

@may_block_mapping@
identifier may_block =~ "^mapping_writeback_(may_block|indeterminate|may_deadlock_on_reclaim)$";
expression mapping;
position p;
@@
 wait_sb_inodes(...)
 {
 <+...
 if (<+... may_block@p(mapping) ...+>) continue;
 ...+>
 }

@script:python@
p << may_block_mapping.p;
@@
coccilib.report.print_report(p[0], "already: may_block_mapping in %s" % p[0].current_element)

// ---- does the tree go on in the way that makes it safe to go on?

@moved@
expression inode, to;
position p;
@@
 list_move_tail@p(&inode->i_wb_list, to)

@script:python@
p << moved.p;
@@
note("moved", p[0], "")

@unlocked@
identifier f =~ "^spin_unlock";
position p;
@@
 f@p(...)

@script:python@
p << unlocked.p;
@@
note("unlocked", p[0], "")

@tested@
expression mapping;
position p;
@@
 if (<+... !mapping_tagged@p(mapping, PAGECACHE_TAG_WRITEBACK) ...+>)
(
 	continue;
|
 {
 continue;
 }
)

@script:python@
p << tested.p;
mapping << tested.mapping;
@@
note("tested", p[0], mapping)

@waits@
identifier f =~ "^filemap_fdatawait";
expression mapping;
position p;
@@
 f@p(mapping, ...)

@script:python@
p << waits.p;
mapping << waits.mapping;
@@
note("waits", p[0], mapping)

@script:python safe depends on !no_integrity_mapping && !no_integrity_sb && !may_block_mapping@
p << tested.p;
mapping << tested.mapping;
own;
@@
if p[0].current_element == "wait_sb_inodes":
    reason = unsafe()
    if reason:
        coccilib.report.print_report(p[0], "refuse: wait_sb_inodes(): " + reason)
        cocci.include_match(False)
    else:
        coccinelle.own = cocci.make_expr(mapping)
else:
    cocci.include_match(False)

@tagged@
identifier virtual.may_block;
expression safe.own;
statement go_on;
position p;
@@
 wait_sb_inodes(...)
 {
 <+...
 if (<+... !mapping_tagged@p(own, PAGECACHE_TAG_WRITEBACK) ...+>) go_on
+
+/*
+ * Nobody has promised that this writeback ends.  Whoever wants
+ * the data to be safe calls fsync(2).
+ */
+if (may_block(own))
+	continue;
 ...+>
 }

@script:python@
p << tagged.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: tagged in %s" % at.current_element)
