// SPDX-License-Identifier: GPL-2.0-only
// Ends a write request when there is no room for another folio, however few bytes it has.
//
// Looks in fs/fuse/file.c for the function that decides whether a request must be
// sent before more is added to it: it has the request's arrays, and returns true
// if that many bytes are more than fc->max_pages pages.  The test of the number
// of folios is put behind that one.
//
// The arrays must not get more than fc->max_pages slots, and none before the
// decision is made, which is what the calls of fuse_pages_realloc() say.
//
// Already: fs/fuse/file.c counted a write request that ends when it has max_pages folios
// Site: fs/fuse/file.c - 1 slots

@initialize:python@
@@
decides = set()	# functions that look at the number of bytes
counted = []	# tests of the number of folios

@counts@
struct fuse_args_pages *ap;
struct fuse_conn *fc;
identifier number =~ "^num_(pages|folios)$";
position p;
@@
(
 if (ap->number@p == fc->max_pages) return true;
|
 if (ap->number@p >= fc->max_pages) return true;
)

@by_bytes@
struct fuse_conn *fc;
symbol PAGE_SIZE, PAGE_SHIFT;
expression bytes;
position p;
@@
(
 (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT > fc->max_pages@p
|
 DIV_ROUND_UP(bytes, PAGE_SIZE) > fc->max_pages@p
)

@script:python@
p << by_bytes.p;
@@
decides.add(p[0].current_element)

@script:python@
p << counts.p;
@@
# where bytes decide as well, it must be there
if not decides or p[0].current_element in decides:
    counted.append(p[0])
    coccilib.report.print_report(p[0], "already: counted in %s" % p[0].current_element)
else:
    coccilib.report.print_report(p[0], "refuse: %s() looks at the number of folios, but the bytes are looked at elsewhere" % p[0].current_element)

@grows@
expression data;
struct fuse_conn *fc;
struct fuse_args_pages *ap;
position p;
@@
 (ap->num_folios == data->max_folios) && !fuse_pages_realloc@p(data, fc->max_pages)

@elsewhere@
position p != grows.p;
@@
 fuse_pages_realloc@p(...)

@script:python@
p << elsewhere.p;
@@
if not counted:
    coccilib.report.print_report(p[0], "refuse: %s() gives a request room in a way that is not known" % p[0].current_element)

@slots depends on !counts && grows && !elsewhere@
identifier need_send;
identifier fc, ap;
symbol PAGE_SIZE, PAGE_SHIFT, true;
expression bytes;
position p;
@@
 need_send(..., struct fuse_conn *fc, ..., struct fuse_args_pages *ap, ...)
 {
 <+...
 if (
(
 (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT > fc->max_pages@p
|
 DIV_ROUND_UP(bytes, PAGE_SIZE) > fc->max_pages@p
)
 ) return true;
+
+	/* blocks can be smaller than a page, and each takes a slot */
+	if (ap->num_folios >= fc->max_pages)
+		return true;
 ...+>
 }

@script:python@
p << slots.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: slots in %s" % at.current_element)
