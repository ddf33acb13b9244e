// SPDX-License-Identifier: GPL-2.0-only
// fuse: send pages of the page cache to the server instead of copies of them.
//
// Stock fuse/file.c copies each dirty page into a temporary page, ends
// writeback of the real one at once and remembers what is under way in a tree
// of requests (fi->writepages); a page that becomes dirty again meanwhile gets
// a request of its own on an auxiliary list (wpa->next).  Looked for:
//
// - the tree, the lists and the functions that keep them.  They go, and
//   fuse_range_is_writeback() asks the page cache instead;
// - each wait for a page to leave the tree.  It becomes a wait for the page's
//   own writeback, or goes where a page under writeback cannot turn up;
// - each place that makes, counts or frees a copy, or ends writeback early.
//   The request holds the page, fuse_writepage_finish() ends its writeback;
// - the set-up of a regular file's mapping, which tells mm and sync about it.
//
// Shapes known: requests with an array of struct page; fuse_writepages_fill()
// for a page or a folio, which sets up a request itself or has that done by
// fuse_writepage_args_setup(), then with fuse_writepage_args_page_fill() for
// the copy; fuse_writepage_locked() for a page, where writeback starts first, or
// for a folio, where it starts when nothing can fail any more; the accounting in
// fuse_writepage_finish() or in fuse_writepage_finish_stat(); fuse_launder_page()
// or fuse_launder_folio(), which wait before and after writing or only after;
// fuse_writepage(), where 0000 keeps it.
//
// Code that is removed and added again unchanged is there for its comment:
// spatch drops an old one only between removed tokens, and gives a new one a
// line of its own only before an added token.
//
// Site: fs/fuse/fuse_i.h - 1 struct_inode
// Site: fs/fuse/file.c - 1 struct_writepage_args
// Site: fs/fuse/file.c - 1 struct_fill_wb_data
// Site: fs/fuse/file.c fuse_find_writeback 1 find_writeback
// Site: fs/fuse/file.c fuse_range_is_writeback 1 range_is_writeback
// Site: fs/fuse/file.c fuse_page_is_writeback 1 page_is_writeback
// Site: fs/fuse/file.c fuse_wait_on_page_writeback 1 wait_on_page_writeback
// Site: fs/fuse/file.c fuse_insert_writeback 1 insert_writeback
// Site: fs/fuse/file.c tree_insert 1 tree_insert
// Site: fs/fuse/file.c fuse_writepage_add 1 writepage_add
// Site: fs/fuse/file.c fuse_fsync 0-1 fsync
// Site: fs/fuse/file.c fuse_do_readpage 1 do_readpage_decl | do_readpage_stmt
// Site: fs/fuse/file.c fuse_readahead 1 readahead
// Site: fs/fuse/file.c fuse_send_write_pages 1 send_write_pages
// Site: fs/fuse/file.c fuse_direct_io 1 direct_io
// Site: fs/fuse/file.c fuse_write_begin 1 write_begin_page | write_begin_folio
// Site: fs/fuse/file.c - 1 launder_folio | launder_page | launder_page_once
// Site: fs/fuse/file.c fuse_page_mkwrite 1 page_mkwrite
// Site: fs/fuse/file.c fuse_writepage 0-1 writepage
// Site: fs/fuse/file.c fuse_writepage_free 1 writepage_free
// Site: fs/fuse/file.c fuse_writepage_finish_stat 0-1 finish_stat
// Site: fs/fuse/file.c fuse_writepage_finish 1 writepage_finish | writepage_finish_by_stat
// Site: fs/fuse/file.c fuse_send_writepage 1 send_writepage
// Site: fs/fuse/file.c fuse_writepage_end 1 writepage_end
// Site: fs/fuse/file.c fuse_writepage_args_page_fill 0-1 page_fill
// Site: fs/fuse/file.c fuse_writepage_locked 1 writepage_locked_page | writepage_locked_folio
// Site: fs/fuse/file.c fuse_writepages_send 1 writepages_send
// Site: fs/fuse/file.c fuse_writepage_need_send 1 writepage_need_send
// Site: fs/fuse/file.c fuse_writepages_fill 1 writepages_fill_page | writepages_fill_by_setup
// Site: fs/fuse/file.c fuse_writepages 1 writepages
// Site: fs/fuse/file.c fuse_init_file_inode 1 init_file_inode

// ---- what is gone: the tree of requests, their aux lists, the copies ----

@struct_writepage_args@
position p;
@@
 struct fuse_writepage_args@p {
 	...
-	struct rb_node writepages_entry;
 	...
-	struct fuse_writepage_args *next;
 	...
 };

@script:python@
p << struct_writepage_args.p;
@@
coccilib.report.print_report(p[0], "site: struct_writepage_args in %s" % p[0].current_element)

@struct_fill_wb_data@
position p;
@@
 struct fuse_fill_wb_data@p {
 	...
-	struct page **orig_pages;
 	...
 };

@script:python@
p << struct_fill_wb_data.p;
@@
coccilib.report.print_report(p[0], "site: struct_fill_wb_data in %s" % p[0].current_element)

@struct_inode@
position p;
@@
 struct fuse_inode@p {
 	...
 	union {
 		...
 		struct {
 			...
-			struct rb_root writepages;
 			...
 		};
 		...
 	};
 	...
 };

@script:python@
p << struct_inode.p;
@@
coccilib.report.print_report(p[0], "site: struct_inode in %s" % p[0].current_element)

@find_writeback@
position p;
@@
-static struct fuse_writepage_args *fuse_find_writeback@p(...)
-{
-	...
-}

@script:python@
p << find_writeback.p;
@@
coccilib.report.print_report(p[0], "site: find_writeback in %s" % p[0].current_element)

@range_walks_requests@
@@
 fuse_range_is_writeback(...)
 {
 	<+...
 	fuse_find_writeback(...)
 	...+>
 }

@range_is_writeback depends on range_walks_requests@
typedef bool, pgoff_t;
position p;
@@
+/*
+ * Check if any page in a range is under writeback
+ *
+ * Pages that are only dirty or locked do not count: there is no request for
+ * the caller to wait for.
+ */
+static bool fuse_range_is_writeback(struct inode *inode, pgoff_t idx_from,
+				    pgoff_t idx_to)
+{
+	struct address_space *mapping = inode->i_mapping;
+
+	if (!mapping_tagged(mapping, PAGECACHE_TAG_WRITEBACK))
+		return false;
+
+	return xa_find(&mapping->i_pages, &idx_from, idx_to,
+		       PAGECACHE_TAG_WRITEBACK);
+}
-static bool fuse_range_is_writeback@p(...)
-{
-	...
-}

@script:python@
p << range_is_writeback.p;
@@
coccilib.report.print_report(p[0], "site: range_is_writeback in %s" % p[0].current_element)

@page_is_writeback@
position p;
@@
-static inline bool fuse_page_is_writeback@p(...)
-{
-	...
-}

@script:python@
p << page_is_writeback.p;
@@
coccilib.report.print_report(p[0], "site: page_is_writeback in %s" % p[0].current_element)

@wait_on_page_writeback@
position p;
@@
-static void fuse_wait_on_page_writeback@p(...)
-{
-	...
-}

@script:python@
p << wait_on_page_writeback.p;
@@
coccilib.report.print_report(p[0], "site: wait_on_page_writeback in %s" % p[0].current_element)

@insert_writeback@
position p;
@@
-static struct fuse_writepage_args *fuse_insert_writeback@p(...)
-{
-	...
-}

@script:python@
p << insert_writeback.p;
@@
coccilib.report.print_report(p[0], "site: insert_writeback in %s" % p[0].current_element)

@tree_insert@
position p;
@@
-static void tree_insert@p(...)
-{
-	...
-}

@script:python@
p << tree_insert.p;
@@
coccilib.report.print_report(p[0], "site: tree_insert in %s" % p[0].current_element)

@writepage_add@
position p;
@@
-static bool fuse_writepage_add@p(...)
-{
-	...
-}

@script:python@
p << writepage_add.p;
@@
coccilib.report.print_report(p[0], "site: writepage_add in %s" % p[0].current_element)

// ---- waits: on PG_writeback of the page, no longer on the tree ----

@do_readpage_decl@
typedef u64;
identifier page, attr_ver;
expression inode;
position p;
@@
 fuse_do_readpage(...)
 {
 	...
-	u64 attr_ver;
-	fuse_wait_on_page_writeback@p(inode, page->index);
+	u64 attr_ver;
+
+	/*
+	 * A failed write can have made a page not uptodate while a shared
+	 * mapping keeps writing to it.  Let the server have such a page before
+	 * it is read: the answer would overwrite what is being sent.
+	 */
+	wait_on_page_writeback(page);
 	...
 }

@script:python@
p << do_readpage_decl.p;
@@
coccilib.report.print_report(p[0], "site: do_readpage_decl in %s" % p[0].current_element)

@do_readpage_stmt@
statement S;
identifier page;
expression inode;
position p;
@@
 fuse_do_readpage(...)
 {
 	...
-	S
-	fuse_wait_on_page_writeback@p(inode, page->index);
+	S
+
+	/*
+	 * A failed write can have made a page not uptodate while a shared
+	 * mapping keeps writing to it.  Let the server have such a page before
+	 * it is read: the answer would overwrite what is being sent.
+	 */
+	wait_on_page_writeback(page);
 	...
 }

@script:python@
p << do_readpage_stmt.p;
@@
coccilib.report.print_report(p[0], "site: do_readpage_stmt in %s" % p[0].current_element)

@readahead@
identifier i, nr_pages;
statement S;
position p;
@@
 fuse_readahead(...)
 {
 	<+...
-	for (i = 0; i < nr_pages; i++) {
-		fuse_wait_on_page_writeback@p(...);
-		S
-	}
+	for (i = 0; i < nr_pages; i++)
+		S
 	...+>
 }

@script:python@
p << readahead.p;
@@
coccilib.report.print_report(p[0], "site: readahead in %s" % p[0].current_element)

@send_write_pages@
expression inode, page;
position p;
@@
 fuse_send_write_pages(...)
 {
 	<+...
-	fuse_wait_on_page_writeback@p(inode, page->index);
+	wait_on_page_writeback(page);
 	...+>
 }

@script:python@
p << send_write_pages.p;
@@
coccilib.report.print_report(p[0], "site: send_write_pages in %s" % p[0].current_element)

@direct_io depends on range_is_writeback@
identifier count;
expression inode, idx_from, idx_to;
position p;
@@
 fuse_direct_io(...)
 {
 	...
 	size_t count = iov_iter_count(...);
 	<+...
-	fuse_range_is_writeback@p(inode, idx_from, idx_to)
+	count && fuse_range_is_writeback(inode, idx_from, idx_to)
 	...+>
 }

@script:python@
p << direct_io.p;
@@
coccilib.report.print_report(p[0], "site: direct_io in %s" % p[0].current_element)

@write_begin_page@
expression inode;
struct page *page;
position p;
@@
 fuse_write_begin(...)
 {
 	<+...
-	fuse_wait_on_page_writeback@p(inode, page->index);
+	/*
+	 * The request under way carries this very page: its content must not
+	 * change before the server has answered.
+	 */
+	wait_on_page_writeback(page);
 	...+>
 }

@script:python@
p << write_begin_page.p;
@@
coccilib.report.print_report(p[0], "site: write_begin_page in %s" % p[0].current_element)

@write_begin_folio@
expression inode;
struct folio *folio;
position p;
@@
 fuse_write_begin(...)
 {
 	<+...
-	fuse_wait_on_page_writeback@p(inode, folio->index);
+	/*
+	 * The request under way carries this very folio: its content must not
+	 * change before the server has answered.
+	 */
+	folio_wait_writeback(folio);
 	...+>
 }

@script:python@
p << write_begin_folio.p;
@@
coccilib.report.print_report(p[0], "site: write_begin_folio in %s" % p[0].current_element)

@launder_folio exists@
identifier folio, inode, err;
position p;
@@
 fuse_launder_folio(struct folio *folio)
 {
 	...
-	struct inode *inode = folio->mapping->host;
 	...
-	fuse_wait_on_page_writeback(inode, folio->index);
 	err = fuse_writepage_locked(...);
 	if (!err)
-		fuse_wait_on_page_writeback@p(inode, folio->index);
+		folio_wait_writeback(folio);
 	...
 }

@script:python@
p << launder_folio.p;
@@
coccilib.report.print_report(p[0], "site: launder_folio in %s" % p[0].current_element)

@launder_page exists@
identifier page, inode, err;
position p;
@@
 fuse_launder_page(struct page *page)
 {
 	...
-	struct inode *inode = page->mapping->host;
 	...
-	fuse_wait_on_page_writeback(inode, page->index);
 	err = fuse_writepage_locked(...);
 	if (!err)
-		fuse_wait_on_page_writeback@p(inode, page->index);
+		wait_on_page_writeback(page);
 	...
 }

@script:python@
p << launder_page.p;
@@
coccilib.report.print_report(p[0], "site: launder_page in %s" % p[0].current_element)

@launder_page_once exists@
identifier page, inode, err;
position p;
@@
 fuse_launder_page(struct page *page)
 {
 	...
-	struct inode *inode = page->mapping->host;
 	...
 	err = fuse_writepage_locked(...);
 	if (!err)
-		fuse_wait_on_page_writeback@p(inode, page->index);
+		wait_on_page_writeback(page);
 	...
 }

@script:python@
p << launder_page_once.p;
@@
coccilib.report.print_report(p[0], "site: launder_page_once in %s" % p[0].current_element)

@page_mkwrite@
expression inode;
identifier page;
position p;
@@
 fuse_page_mkwrite(...)
 {
 	<+...
-	fuse_wait_on_page_writeback@p(inode, page->index);
+	wait_on_page_writeback(page);
 	...+>
 }

@script:python@
p << page_mkwrite.p;
@@
coccilib.report.print_report(p[0], "site: page_mkwrite in %s" % p[0].current_element)

@writepage@
expression inode;
identifier page;
position p;
@@
 fuse_writepage(...)
 {
 	<+...
-	fuse_page_is_writeback@p(inode, page->index)
+	PageWriteback(page)
 	...+>
 }

@script:python@
p << writepage.p;
@@
coccilib.report.print_report(p[0], "site: writepage in %s" % p[0].current_element)

@fsync depends on find_writeback exists@
identifier err;
expression inode, file;
position p;
@@
 fuse_fsync(...)
 {
 	...
 	err = file_write_and_wait_range(...);
 	...
-	fuse_sync_writes@p(inode);
-	err = file_check_and_advance_wb_err(file);
+	fuse_sync_writes(inode);
+
+	/*
+	 * fuse_sync_writes() has waited for writes outside the range as well:
+	 * report their errors too.
+	 */
+	err = file_check_and_advance_wb_err(file);
 	...
 }

@script:python@
p << fsync.p;
@@
coccilib.report.print_report(p[0], "site: fsync in %s" % p[0].current_element)

// ---- the life of a request ----

@writepage_free@
identifier ap, i;
position p;
@@
 fuse_writepage_free(...)
 {
 	...
-	int i;
 	...
-	for (i = 0; i < ap->num_pages; i++)
-		__free_page@p(ap->pages[i]);
 	...
 }

@script:python@
p << writepage_free.p;
@@
coccilib.report.print_report(p[0], "site: writepage_free in %s" % p[0].current_element)

@writepage_finish@
identifier ap, bdi, i;
position p;
@@
 fuse_writepage_finish(...)
 {
 	...
 	for (i = 0; i < ap->num_pages; i++) {
+		/*
+		 * Ended under fi->lock, so that the requests of an inode finish
+		 * one after the other and do not compete for the i_pages lock
+		 * page by page.  The request has no reference to the page: do
+		 * not touch it from here on.
+		 */
+		end_page_writeback(ap->pages[i]);
 		dec_wb_stat(&bdi->wb, WB_WRITEBACK);
-		dec_node_page_state@p(ap->pages[i], NR_WRITEBACK_TEMP);
 		wb_writeout_inc(&bdi->wb);
 	}
 	...
 }

@script:python@
p << writepage_finish.p;
@@
coccilib.report.print_report(p[0], "site: writepage_finish in %s" % p[0].current_element)

// The accounting of one page, when it has a function of its own: the auxiliary
// requests were the reason for that.

@finish_stat@
identifier inode, page, bdi;
position p;
@@
-static void fuse_writepage_finish_stat@p(struct inode *inode, struct page *page)
-{
-	struct backing_dev_info *bdi = inode_to_bdi(inode);
-
-	dec_wb_stat(&bdi->wb, WB_WRITEBACK);
-	dec_node_page_state(page, NR_WRITEBACK_TEMP);
-	wb_writeout_inc(&bdi->wb);
-}

@script:python@
p << finish_stat.p;
@@
coccilib.report.print_report(p[0], "site: finish_stat in %s" % p[0].current_element)

@writepage_finish_by_stat depends on finish_stat@
identifier ap, inode, fi, i;
position p;
@@
 fuse_writepage_finish(...)
 {
 	...
 	struct fuse_inode *fi = get_fuse_inode(inode);
+	struct backing_dev_info *bdi = inode_to_bdi(inode);
 	...
-	for (i = 0; i < ap->num_pages; i++)
-		fuse_writepage_finish_stat@p(inode, ap->pages[i]);
+	for (i = 0; i < ap->num_pages; i++) {
+		/*
+		 * Ended under fi->lock, so that the requests of an inode finish
+		 * one after the other and do not compete for the i_pages lock
+		 * page by page.  The request has no reference to the page: do
+		 * not touch it from here on.
+		 */
+		end_page_writeback(ap->pages[i]);
+		dec_wb_stat(&bdi->wb, WB_WRITEBACK);
+		wb_writeout_inc(&bdi->wb);
+	}
 	...
 }

@script:python@
p << writepage_finish_by_stat.p;
@@
coccilib.report.print_report(p[0], "site: writepage_finish_by_stat in %s" % p[0].current_element)

@send_writepage exists@
identifier aux, next_wpa, fi, wpa;
position p;
@@
 fuse_send_writepage(...)
 {
 	...
-	rb_erase@p(&wpa->writepages_entry, &fi->writepages);
 	fuse_writepage_finish(...);
 	...
-	spin_unlock(&fi->lock);
-	for (aux = wpa->next; aux; aux = next_wpa) {
-		...
-	}
-	fuse_writepage_free(wpa);
+	spin_unlock(&fi->lock);
+	fuse_writepage_free(wpa);
 	...
 }

// Two rules for "*aux, *next": SmPL has no removal of a list of declarators.
@send_writepage_aux@
identifier send_writepage.aux;
position q;
@@
 fuse_send_writepage(...)
 {
 	...
-	struct fuse_writepage_args *aux@q;
 	...
 }

@send_writepage_next@
identifier send_writepage.next_wpa;
position q;
@@
 fuse_send_writepage(...)
 {
 	...
-	struct fuse_writepage_args *next_wpa@q;
 	...
 }

@script:python@
p << send_writepage.p;
aux << send_writepage_aux.q;
next_wpa << send_writepage_next.q;
@@
coccilib.report.print_report(p[0], "site: send_writepage in %s" % p[0].current_element)

@writepage_end exists@
identifier fi, wpa, error;
expression mapping;
position p;
@@
 fuse_writepage_end(..., int error)
 {
 	...
+	/* Before writeback ends: whoever waits for that then asks for errors */
 	mapping_set_error(mapping, error);
 	...
-	rb_erase@p(&wpa->writepages_entry, &fi->writepages);
-	while (wpa->next) {
-		...
-	}
 	fi->writectr--;
 	...
 }

@script:python@
p << writepage_end.p;
@@
coccilib.report.print_report(p[0], "site: writepage_end in %s" % p[0].current_element)

@writepage_locked_page exists@
identifier page, tmp_page, wpa, ap, fi, err_nofile, err_free;
position p;
@@
 fuse_writepage_locked(struct page *page)
 {
 	...
-	struct page *tmp_page;
 	...
 	set_page_writeback(page);
 	...
-	tmp_page = alloc_page@p(...);
-	if (!tmp_page)
-		goto err_free;
 	...
 	if (!wpa->ia.ff)
 		goto err_nofile;
 	...
-	copy_highpage(tmp_page, page);
 	...
-	wpa->next = NULL;
 	...
-	ap->pages[0] = tmp_page;
+	ap->pages[0] = page;
 	...
-	inc_node_page_state(tmp_page, NR_WRITEBACK_TEMP);
 	...
-	tree_insert(&fi->writepages, wpa);
 	...
-	end_page_writeback(page);
 	return 0;
 }

// A goto and its label must change in one rule: between two, one of them would
// be dead code, which no path reaches.
@writepage_locked_unwind@
identifier writepage_locked_page.tmp_page;
identifier writepage_locked_page.err_nofile, writepage_locked_page.err_free;
position q;
@@
 fuse_writepage_locked(...)
 {
 	<+...
(
-	goto err_nofile;
+	goto err_free;
|
-err_nofile:
-	__free_page@q(tmp_page);
)
 	...+>
 }

@script:python@
p << writepage_locked_page.p;
q << writepage_locked_unwind.q;
@@
coccilib.report.print_report(p[0], "site: writepage_locked_page in %s" % p[0].current_element)

@page_fill@
identifier wpa, folio, tmp_folio, ap, page_index;
type T;
position p;
@@
 fuse_writepage_args_page_fill@p(struct fuse_writepage_args *wpa, struct folio *folio,
-				struct folio *tmp_folio,
 				T page_index)
 {
 	...
-	folio_copy(tmp_folio, folio);
 	...
-	ap->pages[page_index] = &tmp_folio->page;
+	ap->pages[page_index] = &folio->page;
 	...
-	inc_node_page_state(&tmp_folio->page, NR_WRITEBACK_TEMP);
 	...
 }

@script:python@
p << page_fill.p;
@@
coccilib.report.print_report(p[0], "site: page_fill in %s" % p[0].current_element)

// Writeback starts when the request is complete, so no error path ends it.
@writepage_locked_folio depends on page_fill exists@
identifier folio, tmp_folio, wpa, fi, ff, error, err, err_nofile;
position p;
@@
 fuse_writepage_locked(struct folio *folio)
 {
 	... when != folio_start_writeback(folio)
-	struct folio *tmp_folio;
 	... when != folio_start_writeback(folio)
-	int error = -ENOMEM;
-	tmp_folio = folio_alloc@p(...);
-	if (!tmp_folio)
-		goto err;
-	error = -EIO;
+	int error = -EIO;
+
 	ff = fuse_write_file_get(...);
 	if (!ff)
 		goto err_nofile;
 	... when != folio_start_writeback(folio)
 	folio_start_writeback(folio);
 	...
-	fuse_writepage_args_page_fill(wpa, folio, tmp_folio, 0);
+	fuse_writepage_args_page_fill(wpa, folio, 0);
 	...
-	tree_insert(&fi->writepages, wpa);
 	...
-	folio_end_writeback(folio);
 	return 0;
 }

@writepage_locked_folio_unwind@
identifier writepage_locked_folio.tmp_folio;
identifier writepage_locked_folio.err_nofile, writepage_locked_folio.err;
position q;
@@
 fuse_writepage_locked(...)
 {
 	<+...
(
-	goto err_nofile;
+	goto err;
|
-err_nofile:
-	folio_put@q(tmp_folio);
)
 	...+>
 }

@script:python@
p << writepage_locked_folio.p;
q << writepage_locked_folio_unwind.q;
@@
coccilib.report.print_report(p[0], "site: writepage_locked_folio in %s" % p[0].current_element)

@writepages_send exists@
identifier data, wpa, num_pages, i;
position p;
@@
 fuse_writepages_send(struct fuse_fill_wb_data *data)
 {
 	...
-	int num_pages = wpa->ia.ap.num_pages;
 	...
-	int i;
 	...
-	for (i = 0; i < num_pages; i++)
-		end_page_writeback@p(data->orig_pages[i]);
 }

@script:python@
p << writepages_send.p;
@@
coccilib.report.print_report(p[0], "site: writepages_send in %s" % p[0].current_element)

@writepage_need_send exists@
symbol true;
identifier ap, data;
expression e, i;
position p;
@@
 fuse_writepage_need_send(..., struct fuse_args_pages *ap, struct fuse_fill_wb_data *data)
 {
 	...
-	if (fuse_page_is_writeback@p(...))
-		return true;
 	...
 	if (
-	    data->orig_pages[i]->index
+	    ap->pages[i]->index
 	    + 1 != e)
 		return true;
 	...
 }

@script:python@
p << writepage_need_send.p;
@@
coccilib.report.print_report(p[0], "site: writepage_need_send in %s" % p[0].current_element)

@writepages_fill_page exists@
identifier data, wpa, ap, fi, err, tmp_page, out_unlock;
expression real_page;
position p;
@@
 fuse_writepages_fill(...)
 {
 	...
-	struct page *tmp_page;
 	...
-	err = -ENOMEM;
-	tmp_page = alloc_page@p(...);
-	if (!tmp_page)
-		goto out_unlock;
-	if (data->wpa == NULL) {
+	/*
+	 * The request carries the page itself, so its content must not change
+	 * until the server has answered.
+	 *
+	 * This is ensured by fuse_page_mkwrite() and fuse_write_begin(), which
+	 * wait for writeback with the page locked.  We hold the page lock since
+	 * clear_page_dirty_for_io() and keep it until the page is under
+	 * writeback and part of the request.
+	 */
+	if (data->wpa == NULL) {
 		err = -ENOMEM;
 		...
 		wpa = fuse_writepage_args_alloc();
-		if (!wpa) {
-			__free_page(tmp_page);
-			goto out_unlock;
-		}
+		if (!wpa)
+			goto out_unlock;
 		...
-		wpa->next = NULL;
 		...
 	}
(
 	set_page_writeback(...);
|
 	folio_start_writeback(...);
)
 	...
-	copy_highpage(tmp_page, real_page);
-	ap->pages[ap->num_pages] = tmp_page;
+	ap->pages[ap->num_pages] = real_page;
 	...
-	data->orig_pages[ap->num_pages] = real_page;
 	...
-	inc_node_page_state(tmp_page, NR_WRITEBACK_TEMP);
 	...
 	err = 0;
-	if (data->wpa) {
-		spin_lock(&fi->lock);
-		ap->num_pages++;
-		spin_unlock(&fi->lock);
-	} else if (fuse_writepage_add(...)) {
-		data->wpa = wpa;
-	} else {
-		...
-	}
+	/* The request is private until fuse_writepages_send() queues it */
+	ap->num_pages++;
+	if (!data->wpa)
+		data->wpa = wpa;
 	...
 }

@script:python@
p << writepages_fill_page.p;
@@
coccilib.report.print_report(p[0], "site: writepages_fill_page in %s" % p[0].current_element)

@writepages_fill_by_setup depends on page_fill exists@
identifier folio, data, wpa, ap, fi, err, tmp_folio, out_unlock;
position p;
@@
 fuse_writepages_fill(struct folio *folio, ...)
 {
 	...
-	struct folio *tmp_folio;
 	...
-	err = -ENOMEM;
-	tmp_folio = folio_alloc@p(...);
-	if (!tmp_folio)
-		goto out_unlock;
-	if (data->wpa == NULL) {
+	/*
+	 * The request carries the folio itself, so its content must not change
+	 * until the server has answered.
+	 *
+	 * This is ensured by fuse_page_mkwrite() and fuse_write_begin(), which
+	 * wait for writeback with the folio locked.  We hold the folio lock
+	 * since folio_clear_dirty_for_io() and keep it until the folio is under
+	 * writeback and part of the request.
+	 */
+	if (data->wpa == NULL) {
 		err = -ENOMEM;
 		wpa = fuse_writepage_args_setup(folio, ...);
-		if (!wpa) {
-			folio_put(tmp_folio);
-			goto out_unlock;
-		}
+		if (!wpa)
+			goto out_unlock;
 		...
 	}
 	folio_start_writeback(folio);
 	...
-	fuse_writepage_args_page_fill(wpa, folio, tmp_folio, ap->num_pages);
-	data->orig_pages[ap->num_pages] = &folio->page;
+	fuse_writepage_args_page_fill(wpa, folio, ap->num_pages);
 	...
 	err = 0;
-	if (data->wpa) {
-		spin_lock(&fi->lock);
-		ap->num_pages++;
-		spin_unlock(&fi->lock);
-	} else if (fuse_writepage_add(...)) {
-		data->wpa = wpa;
-	} else {
-		...
-	}
+	/* The request is private until fuse_writepages_send() queues it */
+	ap->num_pages++;
+	if (!data->wpa)
+		data->wpa = wpa;
 	...
 }

@script:python@
p << writepages_fill_by_setup.p;
@@
coccilib.report.print_report(p[0], "site: writepages_fill_by_setup in %s" % p[0].current_element)

@writepages exists@
identifier data, err, out;
position p;
@@
 fuse_writepages(...)
 {
 	...
-	err = -ENOMEM;
-	data.orig_pages = kcalloc@p(...);
-	if (!data.orig_pages)
-		goto out;
 	...
-	kfree(data.orig_pages);
 	...
 }

@script:python@
p << writepages.p;
@@
coccilib.report.print_report(p[0], "site: writepages in %s" % p[0].current_element)

// Where only the size of the array was asked of it.
@writepages_conn depends on writepages@
identifier fc;
expression inode;
@@
 fuse_writepages(...)
 {
 	... when != fc
-	struct fuse_conn *fc = get_fuse_conn(inode);
 	... when != fc
 }

// ---- reclaim, sync and migration are told ----

@init_file_inode@
symbol fuse_file_aops;
identifier inode, fi;
position p;
@@
 fuse_init_file_inode(struct inode *inode, ...)
 {
 	struct fuse_inode *fi = get_fuse_inode(inode);
+	struct fuse_conn *fc = get_fuse_conn(inode);
 	...
-	inode->i_data.a_ops = &fuse_file_aops;
+	inode->i_data.a_ops = &fuse_file_aops;
+	/*
+	 * Writeback ends when the server has answered, which may be never: tell
+	 * reclaim, sync and migration not to wait for it.
+	 */
+	if (fc->writeback_cache)
+		mapping_set_writeback_may_block(&inode->i_data);
 	...
-	fi->writepages@p = RB_ROOT;
 	...
 }

@script:python@
p << init_file_inode.p;
@@
coccilib.report.print_report(p[0], "site: init_file_inode in %s" % p[0].current_element)

// ---- nobody may be left who asks the tree: no Site line expects this ----

@left_over@
position p;
@@
(
 fuse_wait_on_page_writeback@p(...)
|
 fuse_page_is_writeback@p(...)
|
 fuse_find_writeback@p(...)
|
 fuse_insert_writeback@p(...)
|
 tree_insert@p(...)
|
 fuse_writepage_add@p(...)
|
 fuse_writepage_finish_stat@p(...)
)

@script:python@
p << left_over.p;
@@
coccilib.report.print_report(p[0], "site: left_over in %s" % p[0].current_element)
