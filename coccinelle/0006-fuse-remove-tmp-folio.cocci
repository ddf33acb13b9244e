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
// What it says in comments that were there is in the .awk file of this change.
// Code that is removed and added again unchanged is there for a new comment: spatch
// gives one a line of its own only before an added token.
//
// A tree that has no copies and tells mm about the mapping has the change.
//
// Already: fs/fuse/file.c told the set-up of a FUSE file's mapping that tells mm not to wait for writeback, which ends when the server has answered
// Site: fs/fuse/fuse_i.h - 1 struct_inode
// Site: fs/fuse/file.c - 1 struct_writepage_args
// Site: fs/fuse/file.c - 1 struct_writepage_args_next
// Site: fs/fuse/file.c - 1 struct_fill_wb_data
// Site: fs/fuse/file.c fuse_find_writeback 1 find_writeback
// Site: fs/fuse/file.c fuse_range_is_writeback 1 range_is_writeback
// Site: fs/fuse/file.c fuse_page_is_writeback 1 page_is_writeback
// Site: fs/fuse/file.c fuse_wait_on_page_writeback 1 wait_on_page_writeback
// Site: fs/fuse/file.c fuse_insert_writeback 1 insert_writeback
// Site: fs/fuse/file.c tree_insert 1 tree_insert
// Site: fs/fuse/file.c fuse_writepage_add 1 writepage_add
// Site: fs/fuse/file.c fuse_fsync 0-1 comment
// Site: fs/fuse/file.c fuse_do_readpage 1 do_readpage
// Site: fs/fuse/file.c fuse_readahead 1 readahead
// Site: fs/fuse/file.c fuse_send_write_pages 1 send_write_pages
// Site: fs/fuse/file.c fuse_direct_io 1 direct_io
// Site: fs/fuse/file.c fuse_write_begin 1 write_begin_page | write_begin_folio
// Site: fs/fuse/file.c - 0-1 launder_again
// Site: fs/fuse/file.c - 1 launder_folio | launder_page
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
// Site: fs/fuse/file.c fuse_init_file_inode 1 init_file_inode | init_file_inode_conn
// Site: fs/fuse/file.c fuse_init_file_inode 1 init_tree
//
// Variant: write_begin_page page era: waits with wait_on_page_writeback()
// Variant: write_begin_folio folio era: waits with folio_wait_writeback()
// Variant: launder_folio folio era: waits with folio_wait_writeback()
// Variant: launder_page page era: waits with wait_on_page_writeback()
// Variant: writepage_finish accounts itself: ends writeback there
// Variant: writepage_finish_by_stat has fuse_writepage_finish_stat() account: accounts itself and ends writeback
// Variant: writepage_locked_page gets a page and starts writeback first: its error path goes on to end it
// Variant: writepage_locked_folio gets a folio and starts writeback last: its error path has none to end
// Variant: writepages_fill_page sets up the request itself: puts the page of the cache into it
// Variant: writepages_fill_by_setup has fuse_writepage_args_setup() set up the request: puts the folio of the cache into it
// Variant: init_file_inode has no fuse_conn at hand: gets it
// Variant: init_file_inode_conn has a fuse_conn at hand

@initialize:python@
@@
def site(rule, p):
    coccilib.report.print_report(p[0], "site: %s in %s" % (rule, p[0].current_element))

def refuse(p, text):
    coccilib.report.print_report(p[0], "refuse: %s(): %s" % (p[0].current_element, text))

// ---- has the tree the change? ----

@keeps_copies@
symbol NR_WRITEBACK_TEMP;
@@
 NR_WRITEBACK_TEMP

@keeps_tree@
identifier fi;
@@
 fi->writepages = RB_ROOT

@sets_flag@
identifier virtual.set_may_block;
position p;
@@
 fuse_init_file_inode(...)
 {
 	<+...
 	set_may_block@p(...)
 	...+>
 }

@script:python depends on !keeps_copies && !keeps_tree@
p << sets_flag.p;
@@
coccilib.report.print_report(p[0], "already: told in %s" % p[0].current_element)

@script:python depends on keeps_copies || keeps_tree@
p << sets_flag.p;
@@
refuse(p, "sets the flag already, in a tree that still sends copies")

// ---- what goes must not do more than is known: that would be lost ----

@lost_call@
identifier gone =~ "^(fuse_(find|range_is|page_is|wait_on_page|folio_is|wait_on_folio|insert)_writeback|tree_insert|fuse_writepage_add)$";
identifier call !~ "^(rb_(entry|link_node|insert_color)|RB_EMPTY_ROOT|WARN_ON(_ONCE)?|(un)?likely|sizeof|container_of|get_fuse_inode|spin_(un)?lock|wait_event|swap|inode_to_bdi|dec_wb_stat|dec_node_page_state|node_stat_sub_folio|wb_writeout_inc|folio_(next_)?index|fuse_(find|range_is|page_is|folio_is|insert)_writeback|fuse_writepage_(free|finish_stat))$";
position p;
@@
 gone(...)
 {
 	<+...
 	call@p(...)
 	...+>
 }

@script:python@
p << lost_call.p;
call << lost_call.call;
@@
refuse(p, "is to go, but calls %s(), which is not known: that would be lost" % call)

@lost_store@
identifier gone =~ "^(fuse_(find|range_is|page_is|wait_on_page|folio_is|wait_on_folio|insert)_writeback|tree_insert|fuse_writepage_add)$";
identifier member !~ "^(next|num_pages|rb_(node|left|right))$";
expression e, x;
position p;
@@
 gone(...)
 {
 	<+...
(
 	e->member@p = x
|
 	e->member@p += x
|
 	e->member@p -= x
|
 	e->member@p++
|
 	e->member@p--
)
 	...+>
 }

@script:python@
p << lost_store.p;
member << lost_store.member;
@@
refuse(p, "is to go, but changes ->%s, which is not known: that would be lost" % member)

@lost_aux@
identifier sender =~ "^fuse_(send_writepage|writepage_end)$";
identifier call !~ "^(inode_to_bdi|dec_wb_stat|dec_node_page_state|node_stat_sub_folio|wb_writeout_inc|get_fuse_mount|fuse_file_get|tree_insert|fuse_send_writepage|fuse_writepage_(free|finish_stat))$";
identifier wpa, aux;
position p;
@@
 sender(...)
 {
 	<+...
(
 	for (aux = wpa->next; aux; ...) {
 		<+...
 		call@p(...)
 		...+>
 	}
|
 	while (wpa->next) {
 		<+...
 		call@p(...)
 		...+>
 	}
)
 	...+>
 }

@script:python@
p << lost_aux.p;
call << lost_aux.call;
@@
refuse(p, "its loop over wpa->next is to go, but calls %s(), which is not known: that would be lost" % call)

// ---- what is gone: the tree of requests, their aux lists, the copies ----

@struct_writepage_args@
position p;
@@
 struct fuse_writepage_args@p {
 	...
-	struct rb_node writepages_entry;
 	...
 };

@script:python@
p << struct_writepage_args.p;
@@
site("struct_writepage_args", p)

@struct_writepage_args_next@
position p;
@@
 struct fuse_writepage_args@p {
 	...
-	struct fuse_writepage_args *next;
 	...
 };

@script:python@
p << struct_writepage_args_next.p;
@@
site("struct_writepage_args_next", p)

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
site("struct_fill_wb_data", p)

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
site("struct_inode", p)

@find_writeback@
type T;
position p;
@@
-T fuse_find_writeback@p(...)
-{
-	...
-}

@script:python@
p << find_writeback.p;
@@
site("find_writeback", p)

@range_walks_requests@
@@
 fuse_range_is_writeback(...)
 {
 	<+...
 	fuse_find_writeback(...)
 	...+>
 }

@range_is_writeback depends on range_walks_requests@
identifier inode, from, to;
position p;
@@
 fuse_range_is_writeback@p(..., struct inode *inode, pgoff_t from, pgoff_t to, ...)
 {
-	...
+	struct address_space *mapping = inode->i_mapping;
+
+	if (!mapping_tagged(mapping, PAGECACHE_TAG_WRITEBACK))
+		return false;
+
+	return xa_find(&mapping->i_pages, &from, to,
+		       PAGECACHE_TAG_WRITEBACK);
 }

@script:python@
p << range_is_writeback.p;
@@
site("range_is_writeback", p)

@page_is_writeback@
type T;
position p;
@@
-T fuse_page_is_writeback@p(...)
-{
-	...
-}

@script:python@
p << page_is_writeback.p;
@@
site("page_is_writeback", p)

@wait_on_page_writeback@
type T;
position p;
@@
-T fuse_wait_on_page_writeback@p(...)
-{
-	...
-}

@script:python@
p << wait_on_page_writeback.p;
@@
site("wait_on_page_writeback", p)

@insert_writeback@
type T;
position p;
@@
-T fuse_insert_writeback@p(...)
-{
-	...
-}

@script:python@
p << insert_writeback.p;
@@
site("insert_writeback", p)

@tree_insert@
type T;
position p;
@@
-T tree_insert@p(...)
-{
-	...
-}

@script:python@
p << tree_insert.p;
@@
site("tree_insert", p)

@writepage_add@
type T;
position p;
@@
-T fuse_writepage_add@p(...)
-{
-	...
-}

@script:python@
p << writepage_add.p;
@@
site("writepage_add", p)

// ---- waits: on PG_writeback of the page, no longer on the tree ----

@do_readpage@
expression inode, page;
position p;
@@
 fuse_do_readpage(...)
 {
 	<+...
-	fuse_wait_on_page_writeback@p(inode, page->index);
+	/*
+	 * A failed write can have made a page not uptodate while a shared
+	 * mapping keeps writing to it.  Let the server have such a page before
+	 * it is read: the answer would overwrite what is being sent.
+	 */
+	wait_on_page_writeback(page);
 	...+>
 }

@script:python@
p << do_readpage.p;
@@
site("do_readpage", p)

// A page that is not in the cache yet is not under writeback.
@readahead@
identifier i;
expression n;
statement S;
position p;
@@
 fuse_readahead(...)
 {
 	<+...
(
-	for (i = 0; i < n; i++) {
-		fuse_wait_on_page_writeback@p(...);
-		S
-	}
+	for (i = 0; i < n; i++)
+		S
|
-	fuse_wait_on_page_writeback@p(...);
)
 	...+>
 }

@script:python@
p << readahead.p;
@@
site("readahead", p)

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
site("send_write_pages", p)

@direct_io depends on range_is_writeback@
identifier count;
expression list es;
position p;
@@
 fuse_direct_io(...)
 {
 	...
(
 	size_t count = iov_iter_count(...);
|
 	count = iov_iter_count(...);
)
 	<+...
-	fuse_range_is_writeback@p(es)
+	count && fuse_range_is_writeback(es)
 	...+>
 }

@script:python@
p << direct_io.p;
@@
site("direct_io", p)

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
site("write_begin_page", p)

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
site("write_begin_folio", p)

// Its caller has waited for writeback with the page locked.
@launder_again exists@
identifier launder =~ "^fuse_launder_(page|folio)$";
position p;
@@
 launder(...)
 {
 	...
-	fuse_wait_on_page_writeback@p(...);
 	...
 	fuse_writepage_locked(...)
 	...
 }

@script:python@
p << launder_again.p;
@@
site("launder_again", p)

@launder_folio@
identifier folio;
expression inode;
position p;
@@
 fuse_launder_folio(struct folio *folio)
 {
 	<+...
-	fuse_wait_on_page_writeback@p(inode, folio->index);
+	folio_wait_writeback(folio);
 	...+>
 }

@script:python@
p << launder_folio.p;
@@
site("launder_folio", p)

@launder_page@
identifier page;
expression inode;
position p;
@@
 fuse_launder_page(struct page *page)
 {
 	<+...
-	fuse_wait_on_page_writeback@p(inode, page->index);
+	wait_on_page_writeback(page);
 	...+>
 }

@script:python@
p << launder_page.p;
@@
site("launder_page", p)

@launder_inode@
identifier launder =~ "^fuse_launder_(page|folio)$";
identifier inode;
expression e;
@@
 launder(...)
 {
 	<...
 	{
 		... when != inode
-		struct inode *inode = e;
 		... when != inode
 	}
 	...>
 }

@page_mkwrite@
expression inode, page;
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
site("page_mkwrite", p)

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
site("writepage", p)

// ---- the life of a request ----

@writepage_free@
identifier i;
expression n;
position p;
@@
 fuse_writepage_free(...)
 {
 	...
-	for (i = 0; i < n; i++)
-		__free_page@p(...);
 	...
 }

@script:python@
p << writepage_free.p;
@@
site("writepage_free", p)

@writepage_finish@
expression page, n, bdi;
identifier i;
position p;
@@
 fuse_writepage_finish(...)
 {
 	...
 	for (i = 0; i < n; i++) {
+		/*
+		 * Ended under fi->lock, so that the requests of an inode finish
+		 * one after the other and do not compete for the i_pages lock
+		 * page by page.  The request has no reference to the page: do
+		 * not touch it from here on.
+		 */
+		end_page_writeback(page);
 		dec_wb_stat(bdi, WB_WRITEBACK);
 		...
-		dec_node_page_state@p(page, NR_WRITEBACK_TEMP);
 		...
 	}
 	...
 }

@script:python@
p << writepage_finish.p;
@@
site("writepage_finish", p)

// The accounting of one page, when it has a function of its own: the auxiliary
// requests were the reason for that.

@finish_stat@
identifier inode, page, bdi;
position p;
@@
-void fuse_writepage_finish_stat@p(struct inode *inode, struct page *page)
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
site("finish_stat", p)

@writepage_finish_by_stat depends on finish_stat@
expression page, n;
identifier inode, fi, i;
position p;
@@
 fuse_writepage_finish(...)
 {
 	...
 	struct fuse_inode *fi = get_fuse_inode(inode);
+	struct backing_dev_info *bdi = inode_to_bdi(inode);
 	...
-	for (i = 0; i < n; i++)
-		fuse_writepage_finish_stat@p(inode, page);
+	for (i = 0; i < n; i++) {
+		/*
+		 * Ended under fi->lock, so that the requests of an inode finish
+		 * one after the other and do not compete for the i_pages lock
+		 * page by page.  The request has no reference to the page: do
+		 * not touch it from here on.
+		 */
+		end_page_writeback(page);
+		dec_wb_stat(&bdi->wb, WB_WRITEBACK);
+		wb_writeout_inc(&bdi->wb);
+	}
 	...
 }

@script:python@
p << writepage_finish_by_stat.p;
@@
site("writepage_finish_by_stat", p)

@send_writepage exists@
identifier aux;
expression list es;
expression fi, wpa;
position p;
@@
 fuse_send_writepage(...)
 {
 	...
-	rb_erase@p(&wpa->writepages_entry, &fi->writepages);
 	...
 	fuse_writepage_finish(...);
 	...
(
-	spin_unlock(&fi->lock);
-	for (aux = wpa->next; aux; ...) {
-		...
-	}
-	fuse_writepage_free(es);
+	spin_unlock(&fi->lock);
+	fuse_writepage_free(es);
|
-	for (aux = wpa->next; aux; ...) {
-		...
-	}
)
 	...
 }

@script:python@
p << send_writepage.p;
@@
site("send_writepage", p)

@send_writepage_locals@
type T;
identifier i;
@@
 fuse_send_writepage(...)
 {
 	... when != i
-	struct fuse_writepage_args *i;
 	... when != i
 }

@writepage_end exists@
identifier error;
expression fi, wpa, mapping;
position p;
@@
 fuse_writepage_end(..., int error)
 {
 	...
+	/* Before writeback ends: whoever waits for that then asks for errors */
 	mapping_set_error(mapping, error);
 	...
-	rb_erase@p(&wpa->writepages_entry, &fi->writepages);
 	...
-	while (wpa->next) {
-		...
-	}
 	...
 	fuse_writepage_finish(...);
 	...
 }

@script:python@
p << writepage_end.p;
@@
site("writepage_end", p)

@writepage_locked_page exists@
identifier page, tmp_page, err_nofile, err_free;
expression ap, wpa, fi;
position p;
@@
 fuse_writepage_locked(..., struct page *page, ...)
 {
 	...
 	set_page_writeback(page);
 	...
-	tmp_page = alloc_page@p(...);
 	...
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
 	...
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
site("writepage_locked_page", p)

@writepage_locked_page_local@
identifier writepage_locked_page.tmp_page;
type T;
@@
 fuse_writepage_locked(...)
 {
 	... when != tmp_page
-	T tmp_page;
 	... when != tmp_page
 }

@page_fill@
identifier folio, tmp_folio;
expression ap, i;
position p;
@@
 fuse_writepage_args_page_fill@p(..., struct folio *folio,
-				struct folio *tmp_folio,
 				...)
 {
 	...
-	folio_copy(tmp_folio, folio);
 	...
-	ap->pages[i] = &tmp_folio->page;
+	ap->pages[i] = &folio->page;
 	...
-	inc_node_page_state(&tmp_folio->page, NR_WRITEBACK_TEMP);
 	...
 }

@script:python@
p << page_fill.p;
@@
site("page_fill", p)

// Writeback starts when the request is complete, so no error path ends it.
@writepage_locked_folio depends on page_fill exists@
identifier folio, tmp_folio, ff, error, err, err_nofile;
expression list before, after;
expression wpa, fi;
position p;
@@
 fuse_writepage_locked(..., struct folio *folio, ...)
 {
 	... when != folio_start_writeback(folio)
(
-	int error = -ENOMEM;
-	tmp_folio = folio_alloc@p(...);
-	if (!tmp_folio)
-		goto err;
-	error = -EIO;
+	int error = -EIO;
+
|
-	tmp_folio = folio_alloc@p(...);
 	...
-	if (!tmp_folio)
-		goto err;
)
 	... when != folio_start_writeback(folio)
 	ff = fuse_write_file_get(...);
 	...
 	if (!ff)
 		goto err_nofile;
 	... when != folio_start_writeback(folio)
 	folio_start_writeback(folio);
 	...
-	fuse_writepage_args_page_fill(before, folio, tmp_folio, after);
+	fuse_writepage_args_page_fill(before, folio, after);
 	...
-	tree_insert(&fi->writepages, wpa);
 	...
-	folio_end_writeback(folio);
 	...
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
site("writepage_locked_folio", p)

@writepage_locked_folio_local@
identifier writepage_locked_folio.tmp_folio;
type T;
@@
 fuse_writepage_locked(...)
 {
 	... when != tmp_folio
-	T tmp_folio;
 	... when != tmp_folio
 }

@writepages_send@
identifier i;
expression data, n;
position p;
@@
 fuse_writepages_send(...)
 {
 	...
-	for (i = 0; i < n; i++)
-		end_page_writeback@p(data->orig_pages[i]);
 	...
 }

@script:python@
p << writepages_send.p;
@@
site("writepages_send", p)

@locals_of_loops@
identifier f =~ "^fuse_(writepages_send|writepage_free)$";
identifier j;
expression e;
@@
 f(...)
 {
 	... when != j
(
-	int j = e;
|
-	int j;
)
 	... when != j
 }

@writepage_need_send exists@
symbol true;
identifier ap, data;
expression e, i;
position p;
@@
 fuse_writepage_need_send(..., struct fuse_args_pages *ap, struct fuse_fill_wb_data *data, ...)
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
site("writepage_need_send", p)

@writepages_fill_page exists@
identifier data, err, tmp_page, out_unlock;
identifier wpa, fi;
expression ap;
expression real_page;
position p;
@@
 fuse_writepages_fill(...)
 {
 	...
-	err = -ENOMEM;
 	... when != err
-	tmp_page = alloc_page@p(...);
 	...
-	if (!tmp_page)
-		goto out_unlock;
 	...
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
 		...
 		wpa = fuse_writepage_args_alloc(...);
 		...
(
-		if (!wpa) {
-			__free_page(tmp_page);
-			goto out_unlock;
-		}
+		if (!wpa)
+			goto out_unlock;
|
 		if (!wpa) {
 			...
-			__free_page(tmp_page);
 			...
 			goto out_unlock;
 		}
)
 		...
-		wpa->next = NULL;
 		...
 	}
 	...
(
 	set_page_writeback(...);
|
 	folio_start_writeback(...);
)
 	...
-	copy_highpage(tmp_page, real_page);
 	...
-	ap->pages[ap->num_pages] = tmp_page;
+	ap->pages[ap->num_pages] = real_page;
 	...
-	data->orig_pages[ap->num_pages] = real_page;
 	...
-	inc_node_page_state(tmp_page, NR_WRITEBACK_TEMP);
 	...
 	err = 0;
 	...
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
site("writepages_fill_page", p)

@writepages_fill_by_setup depends on page_fill exists@
identifier folio, data, err, tmp_folio, out_unlock;
identifier wpa, fi;
expression ap;
expression list setup, before, after;
position p;
@@
 fuse_writepages_fill(..., struct folio *folio, ...)
 {
 	...
-	err = -ENOMEM;
 	... when != err
-	tmp_folio = folio_alloc@p(...);
 	...
-	if (!tmp_folio)
-		goto out_unlock;
 	...
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
 		...
 		wpa = fuse_writepage_args_setup(...);
 		...
(
-		if (!wpa) {
-			folio_put(tmp_folio);
-			goto out_unlock;
-		}
+		if (!wpa)
+			goto out_unlock;
|
 		if (!wpa) {
 			...
-			folio_put(tmp_folio);
 			...
 			goto out_unlock;
 		}
)
 		...
 	}
 	...
 	folio_start_writeback(folio);
 	...
-	fuse_writepage_args_page_fill(before, folio, tmp_folio, after);
+	fuse_writepage_args_page_fill(before, folio, after);
 	...
-	data->orig_pages[ap->num_pages] = &folio->page;
 	...
 	err = 0;
 	...
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
site("writepages_fill_by_setup", p)

@writepages_fill_local@
identifier t =~ "^fuse_writepages_fill$";
identifier tmp;
type T;
@@
 t(...)
 {
 	... when != tmp
(
-	struct page *tmp;
|
-	struct folio *tmp;
)
 	... when != tmp
 }

@writepages exists@
identifier data, err, out;
position p;
@@
 fuse_writepages(...)
 {
 	...
-	err = -ENOMEM;
 	... when != err
-	data.orig_pages = kcalloc@p(...);
 	...
-	if (!data.orig_pages)
-		goto out;
 	...
-	kfree(data.orig_pages);
 	...
 }

@script:python@
p << writepages.p;
@@
site("writepages", p)

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

@init_conn@
identifier fc;
expression e;
@@
 fuse_init_file_inode(...)
 {
 	...
 	struct fuse_conn *fc = e;
 	...
 }

@init_file_inode depends on !sets_flag && !init_conn@
identifier virtual.set_may_block;
symbol fuse_file_aops;
identifier inode, fi;
expression e;
position p;
@@
 fuse_init_file_inode(..., struct inode *inode, ...)
 {
 	...
 	struct fuse_inode *fi = e;
+	struct fuse_conn *fc = get_fuse_conn(inode);
 	...
-	inode->i_data.a_ops@p = &fuse_file_aops;
+	inode->i_data.a_ops = &fuse_file_aops;
+	/*
+	 * Writeback ends when the server has answered, which may be never: tell
+	 * reclaim, sync and migration not to wait for it.
+	 */
+	if (fc->writeback_cache)
+		set_may_block(&inode->i_data);
 	...
 }

@script:python@
p << init_file_inode.p;
@@
site("init_file_inode", p)

@init_file_inode_conn depends on !sets_flag@
identifier virtual.set_may_block;
identifier init_conn.fc;
symbol fuse_file_aops;
identifier inode;
position p;
@@
 fuse_init_file_inode(..., struct inode *inode, ...)
 {
 	...
-	inode->i_data.a_ops@p = &fuse_file_aops;
+	inode->i_data.a_ops = &fuse_file_aops;
+	/*
+	 * Writeback ends when the server has answered, which may be never: tell
+	 * reclaim, sync and migration not to wait for it.
+	 */
+	if (fc->writeback_cache)
+		set_may_block(&inode->i_data);
 	...
 }

@script:python@
p << init_file_inode_conn.p;
@@
site("init_file_inode_conn", p)

@init_tree@
identifier fi;
position p;
@@
 fuse_init_file_inode(...)
 {
 	...
-	fi->writepages@p = RB_ROOT;
 	...
 }

@script:python@
p << init_tree.p;
@@
site("init_tree", p)
