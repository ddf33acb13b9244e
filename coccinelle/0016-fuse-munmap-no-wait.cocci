// SPDX-License-Identifier: GPL-2.0-only
// fuse: has the end of a mapping send what is dirty, and not wait for the server to have it.
//
// Looks in fuse_vma_close() for the one call that writes back and waits.  Where it
// is write_inode_now(), which also sends the times of the file, it becomes
// one that does not wait for data; as that one may leave pages out when there
// are many requests already, they are sent before it.
//
// Already: fs/fuse/file.c sends filemap_fdatawrite() in fuse_vma_close(), which sends and does not wait
// Site: fs/fuse/file.c fuse_vma_close 1 wait_pages | wait_inode
// Variant: wait_pages filemap_write_and_wait()
// Variant: wait_inode write_inode_now(), which sends the times too

@initialize:python@
@@
calls = []

@calls@
identifier f =~ "^(filemap_write_and_wait|filemap_fdatawait|write_inode_now|sync_inode|vfs_fsync|file_write_and_wait|fuse_sync_writes|filemap_flush|filemap_fdatawrite)";
position p;
@@
 f@p(...)

@script:python@
p << calls.p;
@@
if p[0].current_element == "fuse_vma_close":
    calls.append(p[0])

@sends@
position p;
@@
 fuse_vma_close(...)
 {
 <+...
 filemap_fdatawrite@p(...)
 ...+>
 }

@waits@
position p;
@@
 fuse_vma_close(...)
 {
 <+...
(
 filemap_write_and_wait@p(...)
|
 write_inode_now@p(..., 1)
|
 write_inode_now@p(..., true)
)
 ...+>
 }

@script:python depends on !waits@
p << sends.p;
@@
coccilib.report.print_report(p[0], "already: sends in fuse_vma_close")

@script:python one@
p << waits.p;
@@
if len(calls) != 1 or len(p) != 1:
    coccilib.report.print_report(p[0], "refuse: fuse_vma_close(): writes back in more than one place")
    cocci.include_match(False)

@wait_pages depends on one@
expression mapping;
position p;
@@
 fuse_vma_close(...)
 {
 <+...
+	/*
+	 * mmap_lock is held.  The server has its reasons to be late, or
+	 * none, and others wait for the lock.
+	 */
-	filemap_write_and_wait@p(mapping);
+	filemap_fdatawrite(mapping);
 ...+>
 }

@script:python@
p << wait_pages.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: wait_pages in %s" % at.current_element)

@wait_inode depends on one@
expression mapping;
identifier err;
position p;
@@
 fuse_vma_close(...)
 {
 <+...
+	/*
+	 * mmap_lock is held.  The server has its reasons to be late, or
+	 * none, and others wait for the lock.
+	 */
+	err = filemap_fdatawrite(mapping);
+	mapping_set_error(mapping, err);
-	err = write_inode_now@p(mapping->host, \(1\|true\));
+	err = write_inode_now(mapping->host, 0);
 ...+>
 }

@script:python@
p << wait_inode.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: wait_inode in %s" % at.current_element)
