// SPDX-License-Identifier: GPL-2.0-only
// fuse: keeps a page dirty that no WRITE could be made for, for lack of memory.
//
// Looks in fuse_writepages_fill() for the allocation of a request and for what is
// done when there is none: it leaves.  The page is no longer dirty there, so it is
// made so again before that.
//
// Any other way to leave early is refused, as it would lose a page too; known is
// only that there is no open file to write to, which has an error of its own that
// is not tried again.
//
// Where writeback is that of iomap, a page that cannot be sent is reported.
//
// Already: fs/fuse/file.c dirty_again a page that no WRITE could be made for stays dirty
// Already: fs/fuse/file.c iomap writeback through iomap, which reports what it cannot send
// Site: fs/fuse/file.c fuse_writepages_fill 1 page | folio
// Variant: page redirty_page_for_writepage()
// Variant: folio folio_redirty_for_writepage()

@initialize:python@
@@
known = set()	# places that leave early and are dealt with
unknown = []	# others

// ---- has the tree the change?

@iomap@
position p;
@@
 fuse_writepages(...)
 {
 <+...
 iomap_writepages@p(...)
 ...+>
 }

@script:python@
p << iomap.p;
@@
coccilib.report.print_report(p[0], "already: iomap in fuse_writepages")

@dirty_again@
identifier redirty =~ "^(redirty_page_for_writepage|folio_redirty_for_writepage)$";
identifier wpa, out;
position p, q;
@@
 fuse_writepages_fill(...)
 {
 <+...
 if (!wpa) {
 ...
 redirty@p(...);
 ...
 goto out@q;
 }
 ...+>
 }

@script:python@
q << dirty_again.q;
@@
known.update((at.line, at.column) for at in q)

// ---- who else leaves early?

@no_file@
expression data;
identifier out;
position p;
@@
 fuse_writepages_fill(...)
 {
 <+...
 if (!data->ff)
 	goto out@p;
 ...+>
 }

@script:python@
p << no_file.p;
@@
known.update((at.line, at.column) for at in p)

@no_request@
identifier wpa, alloc, out;
position p;
@@
 fuse_writepages_fill(...)
 {
 <+...
 wpa = alloc(...);
 if (!wpa)
 	goto out@p;
 ...+>
 }

@script:python@
p << no_request.p;
@@
known.update((at.line, at.column) for at in p)

@leaves@
identifier out;
position p;
@@
 fuse_writepages_fill(...)
 {
 <+...
 goto out@p;
 ...+>
 }

@script:python@
p << leaves.p;
@@
for at in p:
    if (at.line, at.column) not in known:
        unknown.append(at)
        coccilib.report.print_report(at, "refuse: fuse_writepages_fill(): leaves early in a way that is not known, and the page is no longer dirty")

@returns@
position p;
@@
 fuse_writepages_fill(...)
 {
 <+...
 return@p ...;
 ...+>
 }

@script:python@
p << returns.p;
@@
if len(p) > 1:
    unknown.append(p[0])
    coccilib.report.print_report(p[0], "refuse: fuse_writepages_fill(): returns in more than one place, and the page is no longer dirty")

// part of the change is not the change
@script:python@
p << dirty_again.p;
@@
if not unknown:
    coccilib.report.print_report(p[0], "already: dirty_again in fuse_writepages_fill")

// ---- the request that could not be had

@page@
identifier pg, wbc, wpa, alloc, out;
position p;
@@
 fuse_writepages_fill(struct page *pg, struct writeback_control *wbc, ...)
 {
 <+...
 wpa = alloc(...);
-if (!wpa)
-	goto out@p;
+if (!wpa) {
+	/* do_writepages() or the flusher tries again */
+	redirty_page_for_writepage(wbc, pg);
+	goto out;
+}
 ...+>
 }

@script:python@
p << page.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: page in %s" % at.current_element)

@folio@
identifier fl, wbc, wpa, alloc, out;
position p;
@@
 fuse_writepages_fill(struct folio *fl, struct writeback_control *wbc, ...)
 {
 <+...
 wpa = alloc(...);
-if (!wpa)
-	goto out@p;
+if (!wpa) {
+	/* do_writepages() or the flusher tries again */
+	folio_redirty_for_writepage(wbc, fl);
+	goto out;
+}
 ...+>
 }

@script:python@
p << folio.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: folio in %s" % at.current_element)
