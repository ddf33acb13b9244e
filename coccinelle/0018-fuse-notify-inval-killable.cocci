// SPDX-License-Identifier: GPL-2.0-only
// fuse: lets a server be killed while its invalidation waits for pages in flight.
//
// Looks in fuse_reverse_inval_inode() for the invalidation of pages, which waits
// for writeback and cannot be killed.  Before it somebody waits who can.
//
// It must be the only thing that is done to pages there, and what the function
// returns at its end must be 0, which it then is only if nobody was killed.
//
// Already: fs/fuse/inode.c killable fuse_reverse_inval_inode() that waits for pages in flight and can be killed
// Site: fs/fuse/inode.c - 1 page | folio
// Variant: page wait_on_page_bit_killable()
// Variant: folio folio_wait_writeback_killable()
// Site: fs/fuse/inode.c fuse_reverse_inval_inode 1 waits

@initialize:python@
@@
variant = None	# of the wait

def refuse(p, text):
    coccilib.report.print_report(p, "refuse: fuse_reverse_inval_inode(): " + text)

// ---- has the tree the change?

@killable@
identifier f =~ "^fuse_wait_writeback_killable$";
position p;
@@
 fuse_reverse_inval_inode(...)
 {
 <+...
 f@p(...)
 ...+>
 }

@script:python@
p << killable.p;
@@
coccilib.report.print_report(p[0], "already: killable in fuse_reverse_inval_inode")

@there depends on !killable@
identifier f =~ "^fuse_wait_writeback_killable$";
position p;
@@
 f@p(...) { ... }

@script:python@
p << there.p;
@@
coccilib.report.print_report(p[0], "refuse: there is a function fuse_wait_writeback_killable() already")

// ---- the invalidation

@drops depends on !killable@
identifier f =~ "^(invalidate_(inode_pages2|mapping_pages)(_range)?|truncate_(inode_pages|pagecache)(_range)?|filemap_(write|fdata|invalidate).*|unmap_mapping_.*|fuse_(sync_writes|flush_writepages|set_nowrite))$";
position p;
@@
 fuse_reverse_inval_inode(...)
 {
 <+...
 f@p(...)
 ...+>
 }

@script:python one@
p << drops.p;
@@
if len(p) != 1:
    refuse(p[0], "does more to pages than to invalidate them once")
    cocci.include_match(False)

// what it returns must be ours to say
@ends depends on one@
identifier err =~ "^err$";
position p;
@@
 fuse_reverse_inval_inode(...)
 {
 <+...
 err@p
 ...+>
 }

@script:python@
p << ends.p;
@@
refuse(p[0], "has a use of its own for err")

@has_one depends on one && !ends@
type T;
identifier err =~ "^err$";
position p;
@@
 fuse_reverse_inval_inode(...)
 {
 <+...
(
 T err@p;
|
 T err@p = ...;
)
 ...+>
 }

@script:python@
p << has_one.p;
@@
refuse(p[0], "has a variable err of its own")

@zeros depends on one && !ends && !has_one@
position p;
@@
 fuse_reverse_inval_inode(...)
 {
 <+...
 return 0@p;
 ...+>
 }

@script:python one_end@
p << zeros.p;
@@
if len(p) != 1:
    refuse(p[0], "returns 0 in more than one place")
    cocci.include_match(False)

@waits depends on one_end@
identifier start, end;
expression inode;
position p;
@@
 fuse_reverse_inval_inode(...)
 {
 <+...
+/* The server that waits here for itself may be killed */
-invalidate_inode_pages2_range@p(inode->i_mapping, start, end);
+err = fuse_wait_writeback_killable(inode->i_mapping,
+				   start, end);
+if (!err)
+	invalidate_inode_pages2_range(inode->i_mapping,
+				      start, end);
 ...+>
 }

@declares depends on waits@
identifier waits.end;
type T;
position p;
@@
 fuse_reverse_inval_inode(...)
 {
 ...
 T end@p;
+int err = 0;
 ...
 }

@returns depends on declares@
expression waits.inode;
position p;
@@
 fuse_reverse_inval_inode(...)
 {
 <+...
 iput@p(inode);
-return 0;
+return err;
 ...+>
 }

@script:python@
p << waits.p;
q << returns.p;
@@
coccilib.report.print_report(p[0], "site: waits in %s" % p[0].current_element)

// ---- how it waits

@script:python way depends on returns@
f << virtual.wait_killable;
wait;
@@
if f == "folio_wait_writeback_killable":
    variant = "folio"
    coccinelle.wait = cocci.make_expr("folio_wait_writeback_killable(page_folio(page))")
else:
    variant = "page"
    coccinelle.wait = cocci.make_expr("wait_on_page_bit_killable(page, PG_writeback)")

@helper@
expression way.wait;
position p;
@@
+/*
+ * Wait for the pages in flight of a range, or to be killed: -EINTR.
+ */
+static int fuse_wait_writeback_killable(struct address_space *mapping,
+					pgoff_t index, pgoff_t end)
+{
+	struct page *page;
+	int err = 0;
+
+	do {
+		if (!xa_find(&mapping->i_pages, &index, end,
+			     PAGECACHE_TAG_WRITEBACK))
+			break;
+		page = find_get_page(mapping, index);
+		if (page) {
+			err = wait;
+			put_page(page);
+		}
+	} while (!err && index++ < end);
+
+	return err;
+}
+
 fuse_reverse_inval_inode@p(...)
 {
 ...
 }

@script:python@
p << helper.p;
@@
coccilib.report.print_report(p[0], "site: %s in %s" % (variant, p[0].current_element))
