// SPDX-License-Identifier: GPL-2.0-only
// fuse: tell mm about the writeback of every regular file, not only with the writeback cache.
//
// Looks in fuse_init_file_inode() for what is told about the mapping of a file
// only if fc->writeback_cache is set: the flag of 0001, and where the tree has
// it, AS_NO_DATA_INTEGRITY.  The condition goes, and fc with it where nothing
// else uses it.
//
// Known is a condition that is fc->writeback_cache and nothing else, with no else,
// of one or both of the calls.  Anything else that depends on the writeback cache
// there is refused: it would change its meaning.
//
// A tree that sets the flag without a condition has the change.
//
// Already: fs/fuse/file.c always the flag of the mapping set for each FUSE file
// Site: fs/fuse/file.c fuse_init_file_inode 1 flag | flag_and_integrity | integrity_and_flag
// Site: fs/fuse/file.c fuse_init_file_inode 0-1 conn
// Variant: flag tells about writeback only: always
// Variant: flag_and_integrity tells about writeback and data integrity: always
// Variant: integrity_and_flag tells about data integrity and writeback: always

@initialize:python@
@@
def site(rule, p):
    coccilib.report.print_report(p, "site: %s in %s" % (rule, p.current_element))

def refuse(p, text):
    coccilib.report.print_report(p, "refuse: %s(): %s" % (p.current_element, text))

// ---- has the tree the change?

@asks@
expression e;
@@
 fuse_init_file_inode(...)
 {
 <+...
 e->writeback_cache
 ...+>
 }

// on every way through the function
@always depends on !asks@
identifier virtual.set_may_block;
position p;
@@
 fuse_init_file_inode(...)
 {
 ...
 set_may_block@p(...);
 ...
 }

@script:python@
p << always.p;
@@
coccilib.report.print_report(p[0], "already: always in %s" % p[0].current_element)

// ---- the condition

@flag@
identifier virtual.set_may_block;
identifier host;
expression conn;
position p;
@@
 fuse_init_file_inode(struct inode *host, ...)
 {
 ...
-if (conn->writeback_cache)
-	set_may_block@p(&host->i_data);
+set_may_block(&host->i_data);
 ...
 }

@script:python@
p << flag.p;
@@
site("flag", p[0])

@flag_and_integrity@
identifier virtual.set_may_block;
identifier host;
expression conn;
position p;
@@
 fuse_init_file_inode(struct inode *host, ...)
 {
 ...
-if (conn->writeback_cache) {
-	set_may_block@p(&host->i_data);
-	mapping_set_no_data_integrity(&host->i_data);
-}
+set_may_block(&host->i_data);
+mapping_set_no_data_integrity(&host->i_data);
 ...
 }

@script:python@
p << flag_and_integrity.p;
@@
site("flag_and_integrity", p[0])

@integrity_and_flag@
identifier virtual.set_may_block;
identifier host;
expression conn;
position p;
@@
 fuse_init_file_inode(struct inode *host, ...)
 {
 ...
-if (conn->writeback_cache) {
-	mapping_set_no_data_integrity(&host->i_data);
-	set_may_block@p(&host->i_data);
-}
+mapping_set_no_data_integrity(&host->i_data);
+set_may_block(&host->i_data);
 ...
 }

@script:python@
p << integrity_and_flag.p;
@@
site("integrity_and_flag", p[0])

@conn depends on flag || flag_and_integrity || integrity_and_flag@
identifier fc;
position p;
@@
 fuse_init_file_inode(...)
 {
 	... when != fc
-	struct fuse_conn *fc@p = get_fuse_conn(...);
 	... when != fc
 }

@script:python@
p << conn.p;
@@
site("conn", p[0])

// ---- what is left there must not depend on the writeback cache

@left@
expression e;
position p;
@@
 fuse_init_file_inode(...)
 {
 <+...
 e->writeback_cache@p
 ...+>
 }

@script:python depends on flag || flag_and_integrity || integrity_and_flag@
p << left.p;
@@
refuse(p[0], "something else depends on the writeback cache here, which may have to do with the flag")
