// SPDX-License-Identifier: GPL-2.0-only
// fuse: sends the times of a file without a wait for its data.
//
// Looks in fuse_flush_time_update() for the one call that writes back the inode and
// waits.  Before it comes one that does not wait, after which that one is only
// needed where somebody else was writing the inode back.
//
// A tree from before there was this function leaves the times to the flusher.
//
// Already: fs/fuse/dir.c no_data fuse_flush_time_update() that sends the times first without a wait for data
// Already: fs/fuse/dir.c leaves_dirty times that are left to the flusher when a name changes
// Site: fs/fuse/dir.c fuse_flush_time_update 1 waits
// Variant: waits sync_inode_metadata() at the declaration of its result

@initialize:python@
@@
calls = []

def refuse(p, text):
    coccilib.report.print_report(p, "refuse: fuse_flush_time_update(): " + text)

// ---- has the tree the change?

@flushes@
position p;
@@
 fuse_flush_time_update@p(...) { ... }

@leaves_dirty depends on !flushes@
identifier ip;
expression times, now;
position p;
@@
 fuse_update_ctime(struct inode *ip)
 {
 if (!IS_NOCMTIME(ip)) {
 times = now;
 mark_inode_dirty_sync@p(ip);
 }
 }

@script:python@
p << leaves_dirty.p;
@@
coccilib.report.print_report(p[0], "already: leaves_dirty in fuse_update_ctime")

@no_data@
identifier ip;
position p;
@@
 fuse_flush_time_update(struct inode *ip)
 {
 <+...
 sync_inode_metadata@p(ip, \(0\|false\))
 ...+>
 }

@script:python@
p << no_data.p;
@@
coccilib.report.print_report(p[0], "already: no_data in fuse_flush_time_update")

// ---- who writes back

@writes depends on !no_data@
identifier f =~ "(sync|write_inode|writepages|fdatawrite|fdatawait|write_and_wait|flush_times)";
position p;
@@
 f@p(...)

@script:python@
p << writes.p;
@@
if p[0].current_element == "fuse_flush_time_update":
    calls.append(p[0])

@looks depends on !no_data@
identifier ip, err;
position p;
@@
 fuse_flush_time_update(struct inode *ip)
 {
 ...
 int err = sync_inode_metadata@p(ip, \(1\|true\));
 ... when != err = ...
 mapping_set_error(ip->i_mapping, err);
 }

@script:python state@
p << looks.p;
ip << looks.ip;
f << virtual.inode_state;
value;
@@
if len(calls) != 1 or len(p) != 1:
    refuse(p[0], "writes back in more than one place")
    cocci.include_match(False)
elif f == "i_state":
    coccinelle.value = cocci.make_expr("%s->i_state" % ip)
else:
    coccinelle.value = cocci.make_expr("%s(%s)" % (f, ip))

@waits disable all@
identifier looks.ip, looks.err;
expression state.value;
position looks.p;
position q;
@@
 fuse_flush_time_update(...)
 {
 ...
+/*
+ * WB_SYNC_ALL waits for the data in flight as well: the server may
+ * never answer, and the directory may be locked.  It is needed only if
+ * somebody else was writing the inode back, which must not stay dirty.
+ */
-int err = sync_inode_metadata@p@q(ip, ...);
+int err = sync_inode_metadata(ip, 0);
 ...
+if (value & (I_DIRTY_INODE | I_DIRTY_TIME))
+	err = sync_inode_metadata(ip, 1);
 mapping_set_error(ip->i_mapping, err);
 }

@script:python@
q << waits.q;
@@
coccilib.report.print_report(q[0], "site: waits in fuse_flush_time_update")
