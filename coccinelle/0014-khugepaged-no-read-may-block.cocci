// SPDX-License-Identifier: GPL-2.0-only
// Keeps khugepaged from reading what is missing of a mapping whose server may never answer.
//
// Looks in collapse_file() for the call of page_cache_sync_readahead(), which may
// be the only one in the file, and for the way out that a folio takes which is
// not in the cache after it.  Where others collapse by that function as well, for
// themselves (MADV_COLLAPSE), its argument `cc` tells khugepaged from them.
//
// The lock of the page cache must not be held there, as it is not when the way
// out is taken after the read.
//
// A kernel built without the collapse of files has the function all the same.
//
// Site: mm/khugepaged.c collapse_file 1 for_itself | for_others_too
// Variant: for_itself khugepaged is the only caller
// Variant: for_others_too if (cc->is_khugepaged): MADV_COLLAPSE reads

@initialize:python@
@@
reads = []

def refuse(p, text):
    coccilib.report.print_report(p, "refuse: " + text)

@read@
position p;
@@
 page_cache_sync_readahead@p(...)

@script:python@
p << read.p;
@@
reads.append(p[0])
if len(reads) > 1:
    refuse(p[0], "%s() reads too, in a place that is not known" % p[0].current_element)

@tests@
identifier may_block =~ "^mapping_writeback_(may_block|indeterminate|may_deadlock_on_reclaim)$";
identifier f;
statement S;
position p;
@@
 f(...)
 {
 <+...
 if (<+... may_block@p(...) ...+>) S
 ... when any
 page_cache_sync_readahead(...);
 ...+>
 }

@script:python@
p << tests.p;
@@
refuse(p[0], "%s() tests the flag of a mapping already" % p[0].current_element)

@has_control@
identifier cc;
type T;
@@
 T collapse_file(..., struct collapse_control *cc) { ... }

// the folio is not there: unlocked already, nothing to undo
@way_out@
identifier mapping, folio;
identifier result, out;
symbol SCAN_FAIL;
position p;
@@
 page_cache_sync_readahead@p(mapping, ...);
 ... when != xas_lock_irq(...)
 if (\(unlikely(folio == NULL)\|folio == NULL\|IS_ERR(folio)\|!folio\|unlikely(!folio)\)) {
 result = SCAN_FAIL;
 goto out;
 }

@unlocked@
position way_out.p;
identifier mapping;
@@
 xas_unlock_irq(...);
 page_cache_sync_readahead@p(mapping, ...);

@for_itself depends on unlocked && !has_control@
identifier virtual.may_block;
identifier way_out.mapping;
identifier way_out.result, way_out.out;
symbol SCAN_FAIL;
position p;
@@
+/* its server may never answer */
+if (may_block(mapping)) {
+	result = SCAN_FAIL;
+	goto out;
+}
 page_cache_sync_readahead@p(mapping, ...);

@script:python@
p << for_itself.p;
@@
coccilib.report.print_report(p[0], "site: for_itself in %s" % p[0].current_element)

@for_others_too depends on unlocked && has_control@
identifier virtual.may_block;
identifier way_out.mapping;
identifier way_out.result, way_out.out;
identifier has_control.cc;
symbol SCAN_FAIL;
position p;
@@
+/* its server may never answer */
+if (cc->is_khugepaged &&
+    may_block(mapping)) {
+	result = SCAN_FAIL;
+	goto out;
+}
 page_cache_sync_readahead@p(mapping, ...);

@script:python@
p << for_others_too.p;
@@
coccilib.report.print_report(p[0], "site: for_others_too in %s" % p[0].current_element)
