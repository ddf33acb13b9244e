// SPDX-License-Identifier: GPL-2.0-only
// fuse: keeps writeback away from the end of a file while write(2) moves it.
//
// Looks in fuse_fill_write_pages() for the size of what is copied into a folio, and
// for the end of the loop, where a folio that is not up to date stays locked.  One
// that the file ends in, and that is written over the end, is cleaned at the first
// and stays locked at the second.  In fuse_send_write_pages() it looks for the
// answer, after which i_size is moved before anything is unlocked.
//
// What else is unlocked, and where else i_size is moved, must be known.
//
// Where FUSE does not write back through iomap it leaves alone what is behind i_size.
//
// Already: fs/fuse/file.c leaves_alone writeback that sends what is before i_size and leaves alone what is behind
// Already: fs/fuse/file.c held a folio that stays locked, and clean, while write(2) moves the end of the file in it
// Site: fs/fuse/file.c fuse_send_write_pages 1 moves
// Site: fs/fuse/file.c fuse_fill_write_pages 1 cleans
// Site: fs/fuse/file.c fuse_fill_write_pages 1 keeps
// Site: fs/fuse/file.c - 1 helper

@initialize:python@
@@
refused = []

def refuse(p, text):
    refused.append(p)
    coccilib.report.print_report(p, "refuse: " + text)

// ---- who wipes?

@iomap@
position p;
@@
 fuse_writepages(...)
 {
 <+...
 iomap_writepages@p(...)
 ...+>
 }

@zeroes depends on !iomap@
identifier f =~ "^(zero_user|folio_zero_|memset|memzero_|clear_)";
position p;
@@
 f@p(...)

@script:python@
p << zeroes.p;
@@
if p[0].current_element.startswith("fuse_writepage"):
    refuse(p[0], "%s(): wipes something in a way of its own" % p[0].current_element)

@own depends on !iomap@
position p;
@@
 fuse_writepages@p(...) { ... }

@script:python@
p << own.p;
@@
if not refused:
    coccilib.report.print_report(p[0], "already: leaves_alone in fuse_writepages")

// ---- has the tree the change?

@held@
identifier f =~ "^fuse_write_over_eof$";
position p;
@@
 fuse_fill_write_pages(...)
 {
 <+...
 f@p(...)
 ...+>
 }

@script:python@
p << held.p;
@@
coccilib.report.print_report(p[0], "already: held in fuse_fill_write_pages")

@there depends on iomap && !held@
identifier f =~ "^fuse_write_over_eof$";
position p;
@@
 f@p(...) { ... }

@script:python@
p << there.p;
@@
refuse(p[0], "there is a function fuse_write_over_eof() already")

// ---- what is not known

@sizes depends on iomap && !held@
identifier f =~ "^(i_size_write|fuse_write_update_attr)$";
position p;
@@
 f@p(...)

@script:python@
p << sizes.p;
@@
if p[0].current_element in ("fuse_send_write_pages", "fuse_fill_write_pages"):
    refuse(p[0], "%s(): moves i_size on its own" % p[0].current_element)

@send_unlocks depends on iomap && !held@
position p;
@@
 fuse_send_write_pages(...)
 {
 <+...
 folio_unlock@p(...);
 ...+>
 }

@script:python@
p << send_unlocks.p;
@@
if len(p) != 1:
    refuse(p[0], "fuse_send_write_pages(): unlocks in more than one place")

@fill_unlocks depends on iomap && !held@
position p;
@@
 fuse_fill_write_pages(...)
 {
 <+...
 folio_unlock@p(...);
 ...+>
 }

@script:python@
p << fill_unlocks.p;
@@
if len(p) != 2:
    refuse(p[0], "fuse_fill_write_pages(): unlocks elsewhere than where nothing was copied and where the folio is up to date")

@launders depends on iomap && !held@
identifier fl;
position p;
@@
 fuse_launder_folio@p(struct folio *fl)
 {
 <+...
 folio_wait_writeback(fl);
 ...+>
 }

// ---- the answer

@moves depends on launders@
typedef loff_t;
identifier ia, ip, pos, count, err;
expression e;
position p;
@@
 fuse_send_write_pages(struct fuse_io_args *ia, ..., struct inode *ip, loff_t pos, size_t count)
 {
 ... when != pos = e
     when != count = e
 err = fuse_simple_request@p(...);
 if (!err && ia->write.out.size > count)
 	err = -EIO;
+
+/* before anything is unlocked: writeback wipes what is behind i_size */
+if (!err)
+	fuse_write_update_attr(ip, pos + ia->write.out.size,
+			       ia->write.out.size);
 ...
 }

@script:python@
p << moves.p;
@@
coccilib.report.print_report(p[0], "site: moves in fuse_send_write_pages")

// ---- the folio

@names depends on moves@
typedef loff_t;
identifier ia, mapping, ii, pos, max;
@@
 fuse_fill_write_pages(struct fuse_io_args *ia, struct address_space *mapping, struct iov_iter *ii, loff_t pos, unsigned int max)
 {
 ...
 }

@adds depends on names@
identifier ap, folio;
@@
 fuse_fill_write_pages(...)
 {
 <+...
 ap->folios[ap->num_folios] = folio;
 ...+>
 }

@cleans depends on adds@
identifier names.mapping, names.pos;
identifier adds.ap, adds.folio;
identifier bytes, num, offset;
position p;
@@
 fuse_fill_write_pages(...)
 {
 <+...
 bytes = min@p(folio_size(folio) - offset, num);
+
+if (fuse_write_over_eof(mapping->host, folio, pos + bytes)) {
+	/* alone in its request: others are waited for */
+	if (ap->num_folios) {
+		folio_unlock(folio);
+		folio_put(folio);
+		break;
+	}
+	/* fsync(2) tells if that fails */
+	folio_wait_writeback(folio);
+	fuse_launder_folio(folio);
+}
 ...+>
 }

@script:python@
p << cleans.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: cleans in fuse_fill_write_pages")

@keeps depends on cleans@
identifier names.ia, names.mapping, names.pos;
identifier adds.folio;
identifier tmp;
symbol true;
position p;
@@
 fuse_fill_write_pages(...)
 {
 <+...
 pos += tmp;
 ...
-if (folio_test_uptodate@p(folio)) {
+if (folio_test_uptodate(folio) &&
+    !fuse_write_over_eof(mapping->host, folio, pos)) {
 	folio_unlock(folio);
 } else {
 	ia->write.folio_locked = true;
 	break;
 }
 ...+>
 }

@script:python@
p << keeps.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: keeps in fuse_fill_write_pages")

@helper depends on keeps@
typedef bool, loff_t;
position p;
@@
+static int fuse_launder_folio(struct folio *folio);
+
+/*
+ * Does a write up to @end move the end of the file, and is that in @folio now?
+ * Then the folio stays clean and locked until i_size has moved, which is when
+ * the server has answered: writeback wipes what is behind i_size.
+ */
+static bool fuse_write_over_eof(struct inode *inode, struct folio *folio,
+				loff_t end)
+{
+	loff_t size = i_size_read(inode);
+
+	return folio_pos(folio) < size && size < end;
+}
+
 fuse_fill_write_pages@p(...)
 {
 ...
 }

@script:python@
p << helper.p;
@@
coccilib.report.print_report(p[0], "site: helper in %s" % p[0].current_element)
