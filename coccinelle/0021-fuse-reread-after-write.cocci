// SPDX-License-Identifier: GPL-2.0-only
// fuse: has a folio written before it is read again.
//
// Looks in fuse_do_readfolio(), which sends a READ for a folio that it has locked,
// for the wait for writeback that 0006 leaves there.  A tree that has no copies by
// itself has none: it gets one before the version of the attributes is taken.
//
// What is returned if the reader is killed must be ours to say.
//
// Already: fs/fuse/file.c waits a READ of one page that waits for writeback of it first
// Site: fs/fuse/file.c - 1 rereads

@initialize:python@
@@
def refuse(p, text):
    coccilib.report.print_report(p, "refuse: %s(): %s" % (p.current_element, text))

// ---- has the tree the change?

@waits@
identifier read =~ "^fuse_do_read(page|folio)$";
identifier wait =~ "^(fuse_wait_on_(page|folio)_writeback|(folio_wait|wait_on_page)_writeback(_killable)?)$";
position p;
@@
 read(...)
 {
 <+...
 wait@p(...)
 ...+>
 }

@script:python@
p << waits.p;
@@
coccilib.report.print_report(p[0], "already: waits in %s" % p[0].current_element)

// ---- before the request

@requests depends on !waits@
identifier read =~ "^fuse_do_readfolio$";
position p;
@@
 read(...)
 {
 <+...
 fuse_simple_request@p(...)
 ...+>
 }

@script:python one@
p << requests.p;
@@
if len(p) != 1:
    refuse(p[0], "sends more than one request")
    cocci.include_match(False)

@result depends on one@
identifier read =~ "^fuse_do_readfolio$";
identifier fl, res;
position p;
@@
 read(..., struct folio *fl, ...)
 {
 ...
 ssize_t res;
 ...
 res = fuse_simple_request@p(...);
 ...
 }

@used@
identifier read =~ "^fuse_do_readfolio$";
identifier result.res;
position p;
@@
 read(...)
 {
 <+...
 res@p
 ...+>
 }

@script:python unused@
p << used.p;
q << result.p;
@@
if min(int(at.line) for at in p) < int(q[0].line):
    refuse(q[0], "has a use of its own for the result before the request")
    cocci.include_match(False)

@rereads depends on unused@
identifier read =~ "^fuse_do_readfolio$";
identifier result.fl, result.res;
identifier version;
expression conn;
position p;
@@
 read(...)
 {
 <+...
+/*
+ * A failed write can have made a folio not uptodate while a shared
+ * mapping keeps writing to it.  Let the server have such a folio before
+ * it is read: the answer would overwrite what is being sent.
+ */
+res = folio_wait_writeback_killable(fl);
+if (res)
+	return res;
+
 version = fuse_get_attr_version@p(conn);
 ...+>
 }

@script:python@
p << rereads.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: rereads in %s" % at.current_element)
