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
// Shapes known, each by what stands in the function itself:
//
// - requests with an array of pages, of pages that folios are put into, or of
//   folios (ap->folios, orig_folios, fuse_wait_on_folio_writeback());
// - fuse_writepages_fill() and fuse_writepage_locked() that set up the request
//   themselves and keep the copy in it, or that have it done by
//   fuse_writepage_args_setup() and fuse_writepage_args_page_fill();
// - fuse_writepage_locked() that starts writeback first, hence ends it when it
//   fails, or that starts it when nothing can fail any more;
// - the accounting of a page in fuse_writepage_finish(), or in
//   fuse_writepage_finish_stat();
// - a wait in fuse_readahead() for each page of a request, or once for all;
// - fuse_launder_page() or fuse_launder_folio(), which wait before and after
//   writing or only after; fuse_writepage(), where 0000 keeps it.
//
// Names of locals, further arguments and members, and statements in between do
// not matter.  Refused is what would be lost or wrong: more than is known in what
// goes; anything left that uses the tree, a copy or its count; a request that is
// queued, or a page whose writeback is started or ended, somewhere else; writeback
// ended after fuse_file_put(); a wait for writeback between fuse_set_nowrite() and
// fuse_release_nowrite(), which would never end.
//
// What it says in comments that were there is in the .awk file of this change.
// Code that is removed and added again unchanged is there for a new comment: spatch
// gives one a line of its own only before an added token.
//
// A tree that has no copies and tells mm about the mapping has the change.
//
// Already: fs/fuse/file.c told the set-up of a FUSE file's mapping that tells mm not to wait for writeback, which ends when the server has answered
// Look: fs/fuse/dir.c sets_nowrite
// Look: fs/fuse/inode.c left_member
// Look: fs/fuse/dax.c left_member
// Site: fs/fuse/fuse_i.h - 1 struct_inode
// Site: fs/fuse/file.c - 1 struct_writepage_args
// Site: fs/fuse/file.c - 1 struct_writepage_args_next
// Site: fs/fuse/file.c - 1 struct_fill_wb_data
// Site: fs/fuse/file.c fuse_find_writeback 1 find_writeback
// Site: fs/fuse/file.c fuse_range_is_writeback 1 range_is_writeback
// Site: fs/fuse/file.c fuse_page_is_writeback 0-1 page_is_writeback
// Site: fs/fuse/file.c fuse_wait_on_page_writeback 0-1 wait_on_page_writeback
// Site: fs/fuse/file.c fuse_folio_is_writeback 0-1 folio_is_writeback
// Site: fs/fuse/file.c fuse_wait_on_folio_writeback 0-1 wait_on_folio_writeback
// Site: fs/fuse/file.c fuse_insert_writeback 1 insert_writeback
// Site: fs/fuse/file.c tree_insert 1 tree_insert
// Site: fs/fuse/file.c fuse_writepage_add 1 writepage_add
// Site: fs/fuse/file.c fuse_fsync 0-1 comment
// Site: fs/fuse/file.c - 1 do_readpage | do_readfolio
// Site: fs/fuse/file.c fuse_readahead 1 readahead | readahead_range
// Site: fs/fuse/file.c fuse_send_write_pages 1 send_write_pages | send_write_folios
// Site: fs/fuse/file.c fuse_direct_io 1 direct_io
// Site: fs/fuse/file.c fuse_write_begin 1 write_begin_page | write_begin_folio
// Site: fs/fuse/file.c - 0-1 launder_again
// Site: fs/fuse/file.c - 1 launder_folio | launder_page
// Site: fs/fuse/file.c fuse_page_mkwrite 1 page_mkwrite | page_mkwrite_folio
// Site: fs/fuse/file.c fuse_writepage 0-1 writepage
// Site: fs/fuse/file.c fuse_writepage_free 1 writepage_free
// Site: fs/fuse/file.c fuse_writepage_finish_stat 0-1 finish_stat | finish_stat_folio
// Site: fs/fuse/file.c fuse_writepage_finish 1 writepage_finish | writepage_finish_by_stat | writepage_finish_by_stat_folio
// Site: fs/fuse/file.c fuse_send_writepage 1 send_writepage
// Site: fs/fuse/file.c fuse_writepage_end 1 writepage_end
// Site: fs/fuse/file.c fuse_writepage_args_page_fill 0-1 page_fill
// Site: fs/fuse/file.c fuse_writepage_locked 1 writepage_locked_page | writepage_locked_first | writepage_locked_folio
// Site: fs/fuse/file.c fuse_writepages_send 1 writepages_send | writepages_send_folios
// Site: fs/fuse/file.c fuse_writepage_need_send 1 writepage_need_send | writepage_need_send_folio
// Site: fs/fuse/file.c fuse_writepages_fill 1 writepages_fill_page | writepages_fill_by_setup
// Site: fs/fuse/file.c fuse_writepages 1 writepages
// Site: fs/fuse/file.c fuse_init_file_inode 1 init_file_inode | init_file_inode_conn
// Site: fs/fuse/file.c fuse_init_file_inode 1 init_tree
//
// Variant: do_readpage page era: waits with wait_on_page_writeback()
// Variant: do_readfolio folio era: waits with folio_wait_writeback()
// Variant: readahead waits for each page of a request: waits for none
// Variant: readahead_range waits once for all pages: waits for none
// Variant: send_write_pages page era: waits with wait_on_page_writeback()
// Variant: send_write_folios folio era: waits with folio_wait_writeback()
// Variant: write_begin_page page era: waits with wait_on_page_writeback()
// Variant: write_begin_folio folio era: waits with folio_wait_writeback()
// Variant: launder_folio folio era: waits with folio_wait_writeback()
// Variant: launder_page page era: waits with wait_on_page_writeback()
// Variant: page_mkwrite page era: waits with wait_on_page_writeback()
// Variant: page_mkwrite_folio folio era: waits with folio_wait_writeback()
// Variant: finish_stat accounts for a page: goes
// Variant: finish_stat_folio accounts for a folio: goes
// Variant: writepage_finish accounts itself: ends writeback of the pages too
// Variant: writepage_finish_by_stat has fuse_writepage_finish_stat() account for pages: does so itself, and ends their writeback
// Variant: writepage_finish_by_stat_folio has fuse_writepage_finish_stat() account for folios: does so itself, and ends their writeback
// Variant: writepage_locked_page gets a page and starts writeback first: its error path goes on to end it
// Variant: writepage_locked_first gets a folio and starts writeback first: its error path goes on to end it
// Variant: writepage_locked_folio gets a folio and starts writeback last: its error path has none to end
// Variant: writepages_send ends writeback of pages as soon as their copies are queued: leaves that to fuse_writepage_finish()
// Variant: writepages_send_folios ends writeback of folios as soon as their copies are queued: leaves that to fuse_writepage_finish()
// Variant: writepage_need_send compares with orig_pages: compares with the pages of the request
// Variant: writepage_need_send_folio compares with orig_folios: compares with the folios of the request
// Variant: writepages_fill_page sets up the request itself: puts the page of the cache into it
// Variant: writepages_fill_by_setup has fuse_writepage_args_setup() set up the request: has the folio of the cache put into it
// Variant: init_file_inode has no fuse_conn at hand: gets it
// Variant: init_file_inode_conn has a fuse_conn at hand: asks it

@initialize:python@
@@
# functions that must have a site; and the sites that were found
own = "readahead send_write_pages direct_io write_begin page_mkwrite writepage_free writepage_finish send_writepage writepage_end writepage_locked writepages_send writepage_need_send writepages_fill writepages".split()
found = set()
# of functions that hold off writes: what they call, (line, name, position);
# what waits for writeback, and which function of the file does so, by what
calls = {}
waits = set()
waiting = {}

def site(rule, p):
    found.add(rule)
    coccilib.report.print_report(p[0], "site: %s in %s" % (rule, p[0].current_element))

def refuse(p, text):
    name = p[0].current_element
    name = "a macro or a declaration" if name == "something_else" else name + "()"
    coccilib.report.print_report(p[0], "refuse: %s: %s" % (name, text))

# What is left in a function whose own site was not found needs no second word.
def left(p, text):
    name = p[0].current_element.replace("fuse_", "", 1)
    if name not in own or any(rule.startswith(name) for rule in found):
        refuse(p, text)

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
identifier member !~ "^(next|num_(pages|folios)|rb_(node|left|right))$";
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

@lost_count@
identifier gone =~ "^(fuse_(find|range_is|page_is|wait_on_page|folio_is|wait_on_folio|insert)_writeback|tree_insert|fuse_writepage_add)$";
identifier i;
expression x;
position p;
@@
 gone(...)
 {
 	<+...
(
 	i@p += x
|
 	i@p -= x
|
 	i@p++
|
 	i@p--
)
 	...+>
 }

@script:python@
p << lost_count.p;
i << lost_count.i;
@@
refuse(p, "is to go, but counts %s, which is not known: that would be lost" % i)

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
identifier orig =~ "^orig_(pages|folios)$";
type T;
position p;
@@
 struct fuse_fill_wb_data@p {
 	...
-	T **orig;
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
identifier host, from, to;
position p;
@@
 fuse_range_is_writeback@p(..., struct inode *host, pgoff_t from, pgoff_t to, ...)
 {
-	...
+	struct address_space *mapping = host->i_mapping;
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

@folio_is_writeback@
type T;
position p;
@@
-T fuse_folio_is_writeback@p(...)
-{
-	...
-}

@script:python@
p << folio_is_writeback.p;
@@
site("folio_is_writeback", p)

@wait_on_folio_writeback@
type T;
position p;
@@
-T fuse_wait_on_folio_writeback@p(...)
-{
-	...
-}

@script:python@
p << wait_on_folio_writeback.p;
@@
site("wait_on_folio_writeback", p)

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
expression page;
position p;
@@
 fuse_do_readpage(...)
 {
 	<+...
-	fuse_wait_on_page_writeback@p(..., page->index, ...);
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

@do_readfolio@
identifier read =~ "^fuse_do_read(page|folio)$";
expression folio;
position p;
@@
 read(...)
 {
 	<+...
-	fuse_wait_on_folio_writeback@p(inode, folio);
+	/*
+	 * A failed write can have made a folio not uptodate while a shared
+	 * mapping keeps writing to it.  Let the server have such a folio before
+	 * it is read: the answer would overwrite what is being sent.
+	 */
+	folio_wait_writeback(folio);
 	...+>
 }

@script:python@
p << do_readfolio.p;
@@
site("do_readfolio", p)

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

@readahead_range@
position p;
@@
 fuse_readahead(...)
 {
 	<+...
-	wait_event(..., !fuse_range_is_writeback@p(...));
 	...+>
 }

@script:python@
p << readahead_range.p;
@@
site("readahead_range", p)

@readahead_last depends on readahead_range@
typedef pgoff_t;
identifier last;
expression e;
@@
 fuse_readahead(...)
 {
 	... when != last
-	pgoff_t last = e;
 	... when != last
 }

@readahead_first depends on readahead_last@
identifier first;
expression e;
@@
 fuse_readahead(...)
 {
 	... when != first
-	pgoff_t first = e;
 	... when != first
 }

@readahead_inode depends on readahead_range@
identifier fi;
expression e;
@@
 fuse_readahead(...)
 {
 	... when != fi
-	struct fuse_inode *fi = e;
 	... when != fi
 }

@send_write_folios@
expression folio;
position p;
@@
 fuse_send_write_pages(...)
 {
 	<+...
-	fuse_wait_on_folio_writeback@p(inode, folio);
+	folio_wait_writeback(folio);
 	...+>
 }

@script:python@
p << send_write_folios.p;
@@
site("send_write_folios", p)

@send_write_pages@
expression page;
position p;
@@
 fuse_send_write_pages(...)
 {
 	<+...
-	fuse_wait_on_page_writeback@p(..., page->index, ...);
+	wait_on_page_writeback(page);
 	...+>
 }

@script:python@
p << send_write_pages.p;
@@
site("send_write_pages", p)

@direct_io_not@
expression e;
position p;
@@
(
 !fuse_range_is_writeback@p(...)
|
 fuse_range_is_writeback@p(...) == e
|
 fuse_range_is_writeback@p(...) != e
)

@script:python@
p << direct_io_not.p;
@@
if p[0].current_element == "fuse_direct_io":
    refuse(p, "asks whether nothing is under writeback, which is not known")

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
struct page *real_page;
position p;
@@
 fuse_write_begin(...)
 {
 	<+...
-	fuse_wait_on_page_writeback@p(..., real_page->index, ...);
+	/*
+	 * The request under way carries this very page: its content must not
+	 * change before the server has answered.
+	 */
+	wait_on_page_writeback(real_page);
 	...+>
 }

@script:python@
p << write_begin_page.p;
@@
site("write_begin_page", p)

@write_begin_folio@
struct folio *real_folio;
position p;
@@
 fuse_write_begin(...)
 {
 	<+...
(
-	fuse_wait_on_page_writeback@p(..., real_folio->index, ...);
+	/*
+	 * The request under way carries this very folio: its content must not
+	 * change before the server has answered.
+	 */
+	folio_wait_writeback(real_folio);
|
-	fuse_wait_on_folio_writeback@p(..., real_folio);
+	/*
+	 * The request under way carries this very folio: its content must not
+	 * change before the server has answered.
+	 */
+	folio_wait_writeback(real_folio);
)
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
(
-	fuse_wait_on_page_writeback@p(...);
|
-	fuse_wait_on_folio_writeback@p(...);
)
 	...
 	fuse_writepage_locked(...)
 	...
 }

@script:python@
p << launder_again.p;
@@
site("launder_again", p)

@launder_folio@
identifier real_folio;
position p;
@@
 fuse_launder_folio(struct folio *real_folio)
 {
 	<+...
(
-	fuse_wait_on_page_writeback@p(..., real_folio->index, ...);
+	folio_wait_writeback(real_folio);
|
-	fuse_wait_on_folio_writeback@p(..., real_folio);
+	folio_wait_writeback(real_folio);
)
 	...+>
 }

@script:python@
p << launder_folio.p;
@@
site("launder_folio", p)

@launder_page@
identifier real_page;
position p;
@@
 fuse_launder_page(struct page *real_page)
 {
 	<+...
-	fuse_wait_on_page_writeback@p(..., real_page->index, ...);
+	wait_on_page_writeback(real_page);
 	...+>
 }

@script:python@
p << launder_page.p;
@@
site("launder_page", p)

@launder_inode@
identifier launder =~ "^fuse_launder_(page|folio)$";
identifier host;
expression e;
@@
 launder(...)
 {
 	<...
 	{
 		... when != host
-		struct inode *host = e;
 		... when != host
 	}
 	...>
 }

@page_mkwrite@
expression page;
position p;
@@
 fuse_page_mkwrite(...)
 {
 	<+...
-	fuse_wait_on_page_writeback@p(..., page->index, ...);
+	wait_on_page_writeback(page);
 	...+>
 }

@script:python@
p << page_mkwrite.p;
@@
site("page_mkwrite", p)

@page_mkwrite_folio@
expression folio;
position p;
@@
 fuse_page_mkwrite(...)
 {
 	<+...
-	fuse_wait_on_folio_writeback@p(inode, folio);
+	folio_wait_writeback(folio);
 	...+>
 }

@script:python@
p << page_mkwrite_folio.p;
@@
site("page_mkwrite_folio", p)

@writepage@
identifier page;
position p;
@@
 fuse_writepage(...)
 {
 	<+...
-	fuse_page_is_writeback@p(..., page->index, ...)
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
(
-	for (i = 0; i < n; i++)
-		__free_page@p(...);
|
-	for (i = 0; i < n; i++)
-		folio_put@p(...);
)
 	...
 }

@script:python@
p << writepage_free.p;
@@
site("writepage_free", p)

@writepage_finish@
expression page, n;
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
identifier host, real_page, bdi;
position p;
@@
-void fuse_writepage_finish_stat@p(struct inode *host, struct page *real_page)
-{
-	struct backing_dev_info *bdi = inode_to_bdi(host);
-
-	dec_wb_stat(&bdi->wb, WB_WRITEBACK);
-	dec_node_page_state(real_page, NR_WRITEBACK_TEMP);
-	wb_writeout_inc(&bdi->wb);
-}

@script:python@
p << finish_stat.p;
@@
site("finish_stat", p)

@finish_stat_folio@
identifier host, real_folio, bdi;
position p;
@@
-void fuse_writepage_finish_stat@p(struct inode *host, struct folio *real_folio)
-{
-	struct backing_dev_info *bdi = inode_to_bdi(host);
-
-	dec_wb_stat(&bdi->wb, WB_WRITEBACK);
-	node_stat_sub_folio(real_folio, NR_WRITEBACK_TEMP);
-	wb_writeout_inc(&bdi->wb);
-}

@script:python@
p << finish_stat_folio.p;
@@
site("finish_stat_folio", p)

// The name is taken by something else.
@finish_taken@
identifier taken =~ "^bdi$";
type T;
expression e;
@@
 fuse_writepage_finish(...)
 {
 	...
(
 	T taken;
|
 	T taken = e;
)
 	...
 }

@writepage_finish_by_stat depends on finish_stat && !finish_taken@
expression page, n;
identifier host, fi, i;
position p;
@@
 fuse_writepage_finish(...)
 {
 	...
 	struct fuse_inode *fi = get_fuse_inode(host);
+	struct backing_dev_info *bdi = inode_to_bdi(host);
 	...
-	for (i = 0; i < n; i++)
-		fuse_writepage_finish_stat@p(host, page);
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

@writepage_finish_by_stat_folio depends on finish_stat_folio && !finish_taken@
expression folio, n;
identifier host, fi, i;
position p;
@@
 fuse_writepage_finish(...)
 {
 	...
 	struct fuse_inode *fi = get_fuse_inode(host);
+	struct backing_dev_info *bdi = inode_to_bdi(host);
 	...
-	for (i = 0; i < n; i++)
-		fuse_writepage_finish_stat@p(host, folio);
+	for (i = 0; i < n; i++) {
+		/*
+		 * Ended under fi->lock, so that the requests of an inode finish
+		 * one after the other and do not compete for the i_pages lock
+		 * folio by folio.  The request has no reference to the folio:
+		 * do not touch it from here on.
+		 */
+		folio_end_writeback(folio);
+		dec_wb_stat(&bdi->wb, WB_WRITEBACK);
+		wb_writeout_inc(&bdi->wb);
+	}
 	...
 }

@script:python@
p << writepage_finish_by_stat_folio.p;
@@
site("writepage_finish_by_stat_folio", p)

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
 	spin_unlock(&fi->lock);
 	...
-	for (aux = wpa->next; aux; ...) {
-		...
-	}
 	...
 	fuse_writepage_free(es);
)
 	...
 }

@script:python@
p << send_writepage.p;
@@
site("send_writepage", p)

@send_writepage_locals@
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
identifier real_page, tmp_page, err_nofile, err_free;
expression ap, wpa, fi;
position p;
@@
 fuse_writepage_locked(..., struct page *real_page, ...)
 {
 	...
 	set_page_writeback(real_page);
 	...
-	tmp_page = alloc_page@p(...);
 	...
-	if (!tmp_page)
-		goto err_free;
 	...
 	if (!wpa->ia.ff)
 		goto err_nofile;
 	...
-	copy_highpage(tmp_page, real_page);
 	...
-	wpa->next = NULL;
 	...
-	ap->pages[0] = tmp_page;
+	ap->pages[0] = real_page;
 	...
-	inc_node_page_state(tmp_page, NR_WRITEBACK_TEMP);
 	...
-	tree_insert(..., &fi->writepages, ...);
 	...
-	end_page_writeback(real_page);
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

// The same for a folio, between the two: its copy is one, the request has pages.
@writepage_locked_first exists@
identifier real_folio, tmp_folio, err_nofile, err_free;
expression ap, wpa, fi;
position p;
@@
 fuse_writepage_locked(..., struct folio *real_folio, ...)
 {
 	...
 	folio_start_writeback(real_folio);
 	...
-	tmp_folio = folio_alloc@p(...);
 	...
-	if (!tmp_folio)
-		goto err_free;
 	...
 	if (!wpa->ia.ff)
 		goto err_nofile;
 	...
-	folio_copy(tmp_folio, real_folio);
 	...
-	wpa->next = NULL;
 	...
-	ap->pages[0] = &tmp_folio->page;
+	ap->pages[0] = &real_folio->page;
 	...
(
-	inc_node_page_state(&tmp_folio->page, NR_WRITEBACK_TEMP);
|
-	node_stat_add_folio(tmp_folio, NR_WRITEBACK_TEMP);
)
 	...
-	tree_insert(..., &fi->writepages, ...);
 	...
-	folio_end_writeback(real_folio);
 	...
 	return 0;
 }

@writepage_locked_first_unwind@
identifier writepage_locked_first.tmp_folio;
identifier writepage_locked_first.err_nofile, writepage_locked_first.err_free;
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
-	folio_put@q(tmp_folio);
)
 	...+>
 }

@script:python@
p << writepage_locked_first.p;
q << writepage_locked_first_unwind.q;
@@
site("writepage_locked_first", p)

@writepage_locked_first_local@
identifier writepage_locked_first.tmp_folio;
type T;
@@
 fuse_writepage_locked(...)
 {
 	... when != tmp_folio
-	T tmp_folio;
 	... when != tmp_folio
 }

@page_fill@
identifier real_folio, tmp_folio;
expression ap, i;
position p;
@@
 fuse_writepage_args_page_fill@p(..., struct folio *real_folio,
-				struct folio *tmp_folio,
 				...)
 {
 	...
-	folio_copy(tmp_folio, real_folio);
 	...
(
-	ap->pages[i] = &tmp_folio->page;
+	ap->pages[i] = &real_folio->page;
|
-	ap->folios[i] = tmp_folio;
+	ap->folios[i] = real_folio;
)
 	...
(
-	inc_node_page_state(&tmp_folio->page, NR_WRITEBACK_TEMP);
|
-	node_stat_add_folio(tmp_folio, NR_WRITEBACK_TEMP);
)
 	...
 }

@script:python@
p << page_fill.p;
@@
site("page_fill", p)

// Writeback starts when the request is complete, so no error path ends it.
@writepage_locked_folio depends on page_fill exists@
identifier real_folio, tmp_folio, ff, error, err, err_nofile;
expression list before, after;
expression fi;
position p;
@@
 fuse_writepage_locked(..., struct folio *real_folio, ...)
 {
 	... when != folio_start_writeback(real_folio)
(
-	int error = -ENOMEM;
-	tmp_folio = folio_alloc@p(...);
-	if (!tmp_folio)
-		goto err;
-	error = -EIO;
+	int error = -EIO;
+
|
 	int error = -ENOMEM;
 	...
-	tmp_folio = folio_alloc@p(...);
 	...
-	if (!tmp_folio)
-		goto err;
|
-	tmp_folio = folio_alloc@p(...);
 	...
-	if (!tmp_folio)
-		goto err;
)
 	... when != folio_start_writeback(real_folio)
 	ff = fuse_write_file_get(...);
 	...
 	if (!ff)
 		goto err_nofile;
 	... when != folio_start_writeback(real_folio)
 	folio_start_writeback(real_folio);
 	...
-	fuse_writepage_args_page_fill(before, real_folio, tmp_folio, after);
+	fuse_writepage_args_page_fill(before, real_folio, after);
 	...
-	tree_insert(..., &fi->writepages, ...);
 	...
-	folio_end_writeback(real_folio);
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

@writepages_send_folios@
identifier i;
expression data, n;
position p;
@@
 fuse_writepages_send(...)
 {
 	...
-	for (i = 0; i < n; i++)
-		folio_end_writeback@p(data->orig_folios[i]);
 	...
 }

@script:python@
p << writepages_send_folios.p;
@@
site("writepages_send_folios", p)

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

@writepage_need_send_folio exists@
identifier ap, data;
expression e, i;
position p;
@@
 fuse_writepage_need_send(..., struct fuse_args_pages *ap, struct fuse_fill_wb_data *data, ...)
 {
 	...
-	if (fuse_folio_is_writeback@p(...))
-		return true;
 	...
 	if (
-	    data->orig_folios[i]->index
+	    ap->folios[i]->index
 	    + 1 != e)
 		return true;
 	...
 }

@script:python@
p << writepage_need_send_folio.p;
@@
site("writepage_need_send_folio", p)

@writepages_fill_page exists@
identifier data, err, tmp_page, out_unlock;
identifier req, fi;
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
 		req = fuse_writepage_args_alloc(...);
 		...
(
-		if (!req) {
-			__free_page(tmp_page);
-			goto out_unlock;
-		}
+		if (!req)
+			goto out_unlock;
|
 		if (!req) {
 			...
-			__free_page(tmp_page);
 			...
 			goto out_unlock;
 		}
)
 		...
-		req->next = NULL;
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
-		data->wpa = req;
-	} else {
(
-		end_page_writeback(...);
|
-		folio_end_writeback(...);
)
-	}
+	/* The request is private until fuse_writepages_send() queues it */
+	ap->num_pages++;
+	if (!data->wpa)
+		data->wpa = req;
 	...
 }

@script:python@
p << writepages_fill_page.p;
@@
site("writepages_fill_page", p)

@writepages_fill_by_setup depends on page_fill exists@
identifier real_folio, data, err, tmp_folio, out_unlock;
identifier req, fi;
identifier nr =~ "^num_(pages|folios)$";
expression ap;
expression list before, after;
position p;
@@
 fuse_writepages_fill(..., struct folio *real_folio, ...)
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
 		req = fuse_writepage_args_setup(...);
 		...
(
-		if (!req) {
-			folio_put(tmp_folio);
-			goto out_unlock;
-		}
+		if (!req)
+			goto out_unlock;
|
 		if (!req) {
 			...
-			folio_put(tmp_folio);
 			...
 			goto out_unlock;
 		}
)
 		...
 	}
 	...
 	folio_start_writeback(real_folio);
 	...
-	fuse_writepage_args_page_fill(before, real_folio, tmp_folio, after);
+	fuse_writepage_args_page_fill(before, real_folio, after);
 	...
(
-	data->orig_pages[ap->nr] = &real_folio->page;
|
-	data->orig_folios[ap->nr] = real_folio;
)
 	...
 	err = 0;
 	...
-	if (data->wpa) {
-		spin_lock(&fi->lock);
-		ap->nr++;
-		spin_unlock(&fi->lock);
-	} else if (fuse_writepage_add(...)) {
-		data->wpa = req;
-	} else {
(
-		end_page_writeback(...);
|
-		folio_end_writeback(...);
)
-	}
+	/* The request is private until fuse_writepages_send() queues it */
+	ap->nr++;
+	if (!data->wpa)
+		data->wpa = req;
 	...
 }

@script:python@
p << writepages_fill_by_setup.p;
@@
site("writepages_fill_by_setup", p)

@writepages_fill_local@
identifier tmp;
@@
 fuse_writepages_fill(...)
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
identifier orig =~ "^orig_(pages|folios)$";
position p;
@@
 fuse_writepages(...)
 {
 	...
-	err = -ENOMEM;
 	... when != err
-	data.orig = kcalloc@p(...);
 	...
-	if (!data.orig)
-		goto out;
 	...
-	kfree(data.orig);
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

// The name is taken by something else.
@init_taken depends on !init_conn@
identifier taken =~ "^fc$";
type T;
expression e;
@@
 fuse_init_file_inode(...)
 {
 	...
(
 	T taken;
|
 	T taken = e;
)
 	...
 }

@init_file_inode depends on !sets_flag && !init_conn && !init_taken@
identifier virtual.set_may_block;
symbol fuse_file_aops;
identifier host, fi;
expression e;
position p;
@@
 fuse_init_file_inode(..., struct inode *host, ...)
 {
 	...
(
 	struct fuse_inode *fi = e;
+	struct fuse_conn *fc = get_fuse_conn(host);
|
 	struct fuse_inode *fi;
+	struct fuse_conn *fc = get_fuse_conn(host);
)
 	...
-	host->i_data.a_ops@p = &fuse_file_aops;
+	host->i_data.a_ops = &fuse_file_aops;
+	/*
+	 * Writeback ends when the server has answered, which may be never: tell
+	 * reclaim, sync and migration not to wait for it.
+	 */
+	if (fc->writeback_cache)
+		set_may_block(&host->i_data);
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
identifier host;
position p;
@@
 fuse_init_file_inode(..., struct inode *host, ...)
 {
 	...
-	host->i_data.a_ops@p = &fuse_file_aops;
+	host->i_data.a_ops = &fuse_file_aops;
+	/*
+	 * Writeback ends when the server has answered, which may be never: tell
+	 * reclaim, sync and migration not to wait for it.
+	 */
+	if (fc->writeback_cache)
+		set_may_block(&host->i_data);
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

// ---- nothing may be left of it, nor stand where it is wrong now ----

@left_call@
identifier gone =~ "^(fuse_(find|page_is|wait_on_page|folio_is|wait_on_folio|insert)_writeback|tree_insert|fuse_writepage_(add|finish_stat))$";
position p;
@@
 gone@p(...)

@script:python@
p << left_call.p;
gone << left_call.gone;
@@
left(p, "calls %s(), which is to go, in a way that is not known" % gone)

@left_name@
identifier gone =~ "^(fuse_(find|page_is|wait_on_page|folio_is|wait_on_folio|insert)_writeback|tree_insert|fuse_writepage_(add|finish_stat))$";
declarer name EXPORT_SYMBOL, EXPORT_SYMBOL_GPL;
type T;
identifier x;
expression e;
position p;
@@
(
 EXPORT_SYMBOL(gone@p);
|
 EXPORT_SYMBOL_GPL(gone@p);
|
 T x = gone@p;
|
 e = gone@p
|
 e(..., gone@p, ...)
)

@script:python@
p << left_name.p;
gone << left_name.gone;
@@
left(p, "uses %s(), which is to go" % gone)

@exports@
identifier other =~ "^fuse_writepage_args_page_fill$";
position p;
@@
(
 EXPORT_SYMBOL(other@p);
|
 EXPORT_SYMBOL_GPL(other@p);
)

@script:python@
p << exports.p;
other << exports.other;
@@
refuse(p, "%s() is exported, and gets other arguments" % other)

@left_member@
struct fuse_inode *fi;
struct fuse_writepage_args *wpa;
expression e, x;
position p;
@@
(
 fi@p->writepages
|
 &e@p->writepages
|
 e@p->writepages.rb_node
|
 e@p->writepages = x
|
 wpa@p->next
|
 e@p->writepages_entry
|
 e@p->orig_pages
|
 e@p.orig_pages
|
 e@p->orig_folios
|
 e@p.orig_folios
)

@script:python@
p << left_member.p;
@@
left(p, "uses the tree of requests, its lists or orig_pages, which are to go, in a way that is not known")

@left_count@
symbol NR_WRITEBACK_TEMP;
position p;
@@
 NR_WRITEBACK_TEMP@p

@script:python@
p << left_count.p;
@@
left(p, "counts NR_WRITEBACK_TEMP in a way that is not known")

@left_free@
identifier free =~ "^__free_pages?$";
position p;
@@
 free@p(...)

@script:python@
p << left_free.p;
@@
if "write" in p[0].current_element:
    left(p, "frees a page in a way that is not known: it may be one of the page cache now")

@left_copy_locked@
identifier writepage_locked_page.tmp_page;
position p;
@@
 fuse_writepage_locked(...)
 {
 	<+...
 	tmp_page@p
 	...+>
 }

@left_copy_locked_first@
identifier writepage_locked_first.tmp_folio;
position p;
@@
 fuse_writepage_locked(...)
 {
 	<+...
 	tmp_folio@p
 	...+>
 }

@left_copy_locked_folio@
identifier writepage_locked_folio.tmp_folio;
position p;
@@
 fuse_writepage_locked(...)
 {
 	<+...
 	tmp_folio@p
 	...+>
 }

@left_copy_page_fill@
identifier page_fill.tmp_folio;
position p;
@@
 fuse_writepage_args_page_fill(...)
 {
 	<+...
 	tmp_folio@p
 	...+>
 }

@left_copy_fill@
identifier writepages_fill_page.tmp_page;
position p;
@@
 fuse_writepages_fill(...)
 {
 	<+...
 	tmp_page@p
 	...+>
 }

@left_copy_fill_folio@
identifier writepages_fill_by_setup.tmp_folio;
position p;
@@
 fuse_writepages_fill(...)
 {
 	<+...
 	tmp_folio@p
 	...+>
 }

@left_aux@
identifier send_writepage.aux;
position p;
@@
 fuse_send_writepage(...)
 {
 	<+...
 	aux@p
 	...+>
 }

@script:python@
p << left_copy_locked.p;
@@
left(p, "does something with the copy that is not known")

@script:python@
p << left_copy_locked_first.p;
@@
left(p, "does something with the copy that is not known")

@script:python@
p << left_copy_locked_folio.p;
@@
left(p, "does something with the copy that is not known")

@script:python@
p << left_copy_page_fill.p;
@@
left(p, "does something with the copy that is not known")

@script:python@
p << left_copy_fill.p;
@@
left(p, "does something with the copy that is not known")

@script:python@
p << left_copy_fill_folio.p;
@@
left(p, "does something with the copy that is not known")

@script:python@
p << left_aux.p;
@@
left(p, "does something with the requests on wpa->next that is not known")

// A request has no reference to its pages.
@puts@
struct fuse_writepage_args *wpa;
identifier put =~ "^(folio_put|put_page|unlock_page|folio_unlock|release_pages|__?free_pages?)$";
position p;
@@
 put@p(<+... wpa->ia ...+>, ...)

@script:python@
p << puts.p;
put << puts.put;
@@
left(p, "calls %s() for a page of a request, which has no reference to it" % put)

// Who queues a request must have put its pages under writeback, and not end it.
@queues@
identifier add =~ "^list_(add|move)";
expression e;
position p;
@@
 add@p(&e->queue_entry, ...)

@script:python@
p << queues.p;
@@
if p[0].current_element not in ("fuse_writepage_locked", "fuse_writepages_send"):
    left(p, "queues requests of its own, whose pages are not known to be under writeback")

@ends@
identifier end =~ "^(set_page|end_page|folio_start|folio_end)_writeback$";
position p;
@@
 end@p(...)

@script:python@
p << ends.p;
end << ends.end;
@@
if p[0].current_element not in ("fuse_writepage_finish", "fuse_writepage_locked", "fuse_writepages_fill"):
    left(p, "calls %s() by itself" % end)

@ends_queued exists@
identifier end =~ "^(end_page|folio_end)_writeback$";
expression e;
position p;
@@
 fuse_writepage_locked(...)
 {
 	... when any
(
 	list_add_tail(&e->queue_entry, ...);
 	... when any
 	end@p(...);
|
 	end@p(...);
 	... when any
 	list_add_tail(&e->queue_entry, ...);
)
 	... when any
 }

@script:python@
p << ends_queued.p;
@@
left(p, "ends writeback of a page that is in a request")

@ends_filled exists@
identifier end =~ "^(end_page|folio_end)_writeback$";
expression ap;
position p;
@@
 fuse_writepages_fill(...)
 {
 	... when any
(
 	ap->num_pages++;
 	... when any
 	end@p(...);
|
 	end@p(...);
 	... when any
 	ap->num_pages++;
)
 	... when any
 }

@script:python@
p << ends_filled.p;
@@
left(p, "ends writeback of a page that is in a request")

@never_ends exists@
identifier start =~ "^(set_page|folio_start)_writeback$";
identifier end =~ "^(end_page|folio_end)_writeback$";
position p;
@@
 fuse_writepage_locked(...)
 {
 	... when any
 	start@p(...);
 	... when != end(...)
 	    when != list_add_tail(...)
 	return ...;
 }

@script:python@
p << never_ends.p;
@@
left(p, "returns without having ended writeback or queued the request")

@ends_late exists@
identifier put =~ "^fuse_(file_put|writepage_free)$";
identifier end =~ "^(fuse_writepage_finish|end_page_writeback|folio_end_writeback)$";
position p;
@@
 put(...)
 ... when any
 end@p(...)

@script:python@
p << ends_late.p;
@@
left(p, "ends writeback after fuse_file_put(), which may wait for it")

@ended@
identifier i, pages, end =~ "^(end_page|folio_end)_writeback$";
expression ap;
position q;
@@
 fuse_writepage_finish(...)
 {
 	<+...
 	end(ap@q->pages[i]);
 	...+>
 }

@touches exists@
identifier ended.i, ended.pages, ended.end;
expression ended.ap, j;
position p != ended.q;
@@
 fuse_writepage_finish(...)
 {
 	... when any
 	end(ap->pages[i]);
 	... when any
 	ap@p->pages[j]
 	... when any
 }

@script:python@
p << touches.p;
@@
left(p, "touches a page whose writeback has ended")

// What is being sent must not change: whoever makes a page writable waits, always.
@unstable_mkwrite exists@
identifier wait =~ "^(wait_on_page|folio_wait)_writeback$";
symbol VM_FAULT_LOCKED;
position p;
@@
 fuse_page_mkwrite(...)
 {
 	... when != wait(...)
 	return@p VM_FAULT_LOCKED;
 }

@script:python@
p << unstable_mkwrite.p;
@@
left(p, "does not always wait for writeback: what is being sent could change")

@unstable_write_begin exists@
identifier wait =~ "^(wait_on_page|folio_wait)_writeback$";
position p;
@@
 fuse_write_begin(...)
 {
 	... when != wait(...)
 	return@p 0;
 }

@script:python@
p << unstable_write_begin.p;
@@
left(p, "does not always wait for writeback: what is being sent could change")

@unstable_read exists@
identifier wait =~ "^(wait_on_page|folio_wait)_writeback$";
identifier change =~ "^(fuse_do_read(page|folio)|(zero_user|folio_zero)_(segments?|range))$";
position p;
@@
 fuse_write_begin(...)
 {
 	... when != wait(...)
 	change@p(...)
 	... when any
 }

@script:python@
p << unstable_read.p;
@@
left(p, "changes a page before it has waited for writeback: what is being sent could change")

@unstable_unlocked exists@
identifier wait =~ "^(wait_on_page|folio_wait)_writeback$";
identifier unlock =~ "^(unlock_page|folio_unlock)$";
identifier f =~ "^fuse_(page_mkwrite|write_begin)$";
position p;
@@
 f(...)
 {
 	... when any
 	unlock(...);
 	... when any
 	wait@p(...);
 	... when any
 }

@script:python@
p << unstable_unlocked.p;
@@
left(p, "waits for writeback without the lock of the page: it may be written back again")

@unstable_lock exists@
identifier wait =~ "^(wait_on_page|folio_wait)_writeback$";
identifier lock =~ "^(lock_page|folio_lock)$";
position p;
@@
 fuse_page_mkwrite(...)
 {
 	... when any
 	wait@p(...);
 	... when any
 	lock(...);
 	... when any
 }

@script:python@
p << unstable_lock.p;
@@
left(p, "waits for writeback before it locks the page: it may be written back again")

@unlocked_start exists@
identifier unlock =~ "^(unlock_page|folio_unlock)$";
identifier start =~ "^(set_page|folio_start)_writeback$";
identifier f =~ "^fuse_writepage(s_fill|_locked)$";
position p;
@@
 f(...)
 {
 	... when any
 	unlock(...);
 	... when any
 	start@p(...);
 	... when any
 }

@script:python@
p << unlocked_start.p;
@@
left(p, "starts writeback without the lock of the page: its content could have changed")

@unlocked_finish exists@
expression l;
position p;
@@
 fuse_writepage_end(...)
 {
 	... when any
 	spin_unlock(l);
 	... when != spin_lock(l)
 	    when any
 	fuse_writepage_finish@p(...)
 	... when any
 }

@script:python@
p << unlocked_finish.p;
@@
left(p, "ends writeback without fi->lock, which keeps requests of an inode apart")

@reads_first exists@
identifier wait =~ "^(wait_on_page|folio_wait)_writeback$";
identifier f =~ "^fuse_do_read(page|folio)$";
position p;
@@
 f(...)
 {
 	... when any
 	fuse_simple_request(...)
 	... when any
 	wait@p(...);
 	... when any
 }

@script:python@
p << reads_first.p;
@@
left(p, "waits for writeback when it has read: the answer can be older than what is being sent")

@overtakes exists@
identifier wait =~ "^(wait_on_page|folio_wait)_writeback$";
position p;
@@
 fuse_send_write_pages(...)
 {
 	... when any
 	fuse_simple_request(...)
 	... when any
 	wait@p(...);
 	... when any
 }

@script:python@
p << overtakes.p;
@@
left(p, "waits for writeback when it has written: the older data could come last")

// Between fuse_set_nowrite() and fuse_release_nowrite() no write is sent: who
// waits for writeback there waits for ever.  By lines, as the conditions of the
// two are the same ones.

@sets_nowrite@
position p;
@@
 fuse_set_nowrite@p(...)

@script:python@
p << sets_nowrite.p;
@@
calls[p[0].current_element] = []

@called depends on sets_nowrite@
identifier callee;
position p;
@@
 callee@p(...)

@script:python@
callee << called.callee;
p << called.p;
@@
if p[0].current_element in calls:
    calls[p[0].current_element].append((int(p[0].line), callee, p))

@waits depends on sets_nowrite@
identifier wait =~ "^(truncate_(pagecache|inode_pages|setsize)|invalidate_inode_pages2|(filemap|file)_(write_and_wait|fdatawait)|write_inode_now|(folio_wait|wait_on_page)_writeback|fuse_sync_writes|fuse_launder_)";
position p;
@@
 wait@p(...)

@script:python@
wait << waits.wait;
p << waits.p;
@@
waits.add(wait)
waiting.setdefault(p[0].current_element, wait)

@script:python depends on sets_nowrite@
@@
for f in calls:
    held = False
    for line, callee, p in sorted(calls[f], key=lambda c: c[0]):
        if callee == "fuse_set_nowrite":
            held = True
        elif callee in ("fuse_release_nowrite", "__fuse_release_nowrite"):
            held = False
        elif held and callee in waits:
            refuse(p, "calls %s() before fuse_release_nowrite(): it would wait for writes that are not sent" % callee)
        elif held and callee in waiting:
            refuse(p, "calls %s(), that is %s(), before fuse_release_nowrite(): it would wait for writes that are not sent" % (callee, waiting[callee]))
