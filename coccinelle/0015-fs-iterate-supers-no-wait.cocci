// SPDX-License-Identifier: GPL-2.0-only
// Keeps sync(2) and drop_caches from waiting for s_umount of a FUSE superblock.
//
// Looks for the function that takes s_umount of one superblock after the other to
// call a function for each: iterate_supers(), or the one that it hands all of its
// work to.  A superblock that 0007 has flagged is passed over there if its lock
// cannot be had at once.
//
// Who takes all of them for writing (emergency remount) waits as before.
//
// Already: fs/super.c trylocks SB_I_NO_DATA_INTEGRITY, tested before iterate_supers() waits for s_umount
// Site: fs/super.c - 1 read_helper | shared_helper | lock_helper
// Variant: read_helper down_read() of s_umount itself
// Variant: shared_helper super_lock_shared()
// Variant: lock_helper super_lock(), for reading or for writing
// Site: fs/super.c - 1 read | shared | lock
// Variant: read iterate_supers() takes s_umount itself
// Variant: shared iterate_supers() calls super_lock_shared()
// Variant: lock __iterate_supers() calls super_lock(), for reading or for writing

@initialize:python@
@@
def refuse(p, text):
    coccilib.report.print_report(p, "refuse: " + text)

@tests@
symbol SB_I_NO_DATA_INTEGRITY;
expression sb;
position p;
@@
 sb->s_iflags@p & SB_I_NO_DATA_INTEGRITY

@trylocks@
symbol SB_I_NO_DATA_INTEGRITY;
identifier f, sb;
position p;
@@
 f(struct super_block *sb, ...)
 {
 ... when any
 if (<+... sb->s_iflags@p & SB_I_NO_DATA_INTEGRITY ...+>)
 	return \(down_read_trylock(&sb->s_umount)\|super_trylock_shared(sb)\);
 ...
 }

@script:python@
p << trylocks.p;
@@
coccilib.report.print_report(p[0], "already: trylocks in %s" % p[0].current_element)

@script:python depends on !trylocks@
p << tests.p;
@@
refuse(p[0], "%s() looks at the flag already, but does not end in a trylock" % p[0].current_element)

@taken@
identifier own =~ "^super_lock_to_iterate$";
position p;
@@
 own@p(...) { ... }

@script:python depends on !trylocks@
p << taken.p;
@@
refuse(p[0], "there is a function super_lock_to_iterate() already")

// ---- s_umount is taken in iterate_supers() itself

@read depends on !tests@
identifier f, arg, sb;
expression there;
position p;
@@
 iterate_supers(void (*f)(struct super_block *, void *), void *arg)
 {
 <+...
-	down_read@p(&sb->s_umount);
-	if (there)
-		f(sb, arg);
-	up_read(&sb->s_umount);
+	if (super_lock_to_iterate(sb)) {
+		if (there)
+			f(sb, arg);
+		up_read(&sb->s_umount);
+	}
 ...+>
 }

@script:python@
p << read.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: read in %s" % at.current_element)

@read_helper depends on read@
symbol SB_I_NO_DATA_INTEGRITY;
typedef bool;
position p;
@@
+/*
+ * Whoever holds s_umount of a FUSE superblock may be waiting for its server.  It
+ * has nothing that callers of iterate_supers() have to wait for.
+ */
+static bool super_lock_to_iterate(struct super_block *sb)
+{
+	if (sb->s_iflags & SB_I_NO_DATA_INTEGRITY)
+		return down_read_trylock(&sb->s_umount);
+
+	down_read(&sb->s_umount);
+	return true;
+}
+
 iterate_supers@p(...)
 {
 ...
 }

@script:python@
p << read_helper.p;
@@
coccilib.report.print_report(p[0], "site: read_helper in %s" % p[0].current_element)

// ---- by super_lock_shared()

@shared depends on !tests@
identifier sb;
position p;
@@
 iterate_supers(...)
 {
 <+...
-	super_lock_shared@p(sb)
+	super_lock_to_iterate(sb)
 ...+>
 }

@script:python@
p << shared.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: shared in %s" % at.current_element)

@shared_helper depends on shared@
symbol SB_I_NO_DATA_INTEGRITY;
typedef bool;
position p;
@@
+/*
+ * Whoever holds s_umount of a FUSE superblock may be waiting for its server.  It
+ * has nothing that callers of iterate_supers() have to wait for.
+ */
+static bool super_lock_to_iterate(struct super_block *sb)
+{
+	if (sb->s_iflags & SB_I_NO_DATA_INTEGRITY)
+		return super_trylock_shared(sb);
+
+	return super_lock_shared(sb);
+}
+
 iterate_supers@p(...)
 {
 ...
 }

@script:python@
p << shared_helper.p;
@@
coccilib.report.print_report(p[0], "site: shared_helper in %s" % p[0].current_element)

// ---- by super_lock(), for reading or for writing, in a function of its own

@handed_on@
@@
 iterate_supers(...)
 {
 <+...
 __iterate_supers(...);
 ...+>
 }

@lock depends on !tests && handed_on@
identifier sb, excl;
position p;
@@
 __iterate_supers(...)
 {
 <+...
-	super_lock@p(sb, excl)
+	super_lock_to_iterate(sb, excl)
 ...+>
 }

@script:python@
p << lock.p;
@@
for at in p:
    coccilib.report.print_report(at, "site: lock in %s" % at.current_element)

@lock_helper depends on lock@
symbol SB_I_NO_DATA_INTEGRITY;
typedef bool;
position p;
@@
+/*
+ * Whoever holds s_umount of a FUSE superblock may be waiting for its server.  It
+ * has nothing that callers of iterate_supers() have to wait for.
+ */
+static bool super_lock_to_iterate(struct super_block *sb, bool excl)
+{
+	if (!excl && (sb->s_iflags & SB_I_NO_DATA_INTEGRITY))
+		return super_trylock_shared(sb);
+
+	return super_lock(sb, excl);
+}
+
 __iterate_supers@p(...)
 {
 ...
 }

@script:python@
p << lock_helper.p;
@@
coccilib.report.print_report(p[0], "site: lock_helper in %s" % p[0].current_element)
