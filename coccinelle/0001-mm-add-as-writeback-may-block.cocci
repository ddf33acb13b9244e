// SPDX-License-Identifier: GPL-2.0-only
// Adds the mapping flag AS_WRITEBACK_MAY_BLOCK and the two functions for it.
//
// Looks for enum mapping_flags and for mapping_set_exiting(), before which the
// functions go.  The bit is the first one that no flag of the tree uses: the
// values are read from the enum, counted on where they are implicit.
//
// Site: include/linux/pagemap.h - 1 flag
// Site: include/linux/pagemap.h mapping_set_exiting 1 functions

@initialize:python@
@@
# line -> explicit value of the flag there, or None
flags = {}

@named@
identifier name;
position p;
@@
 enum mapping_flags { ..., name@p, ... };

@script:python@
p << named.p;
@@
flags.setdefault(int(p[0].line), None)

@valued@
identifier name;
constant value;
position p;
@@
 enum mapping_flags { ..., name@p = value, ... };

@script:python@
p << valued.p;
value << valued.value;
@@
flags[int(p[0].line)] = int(value, 0)

@have_enum@
position p;
@@
 enum mapping_flags@p { ... };

@script:python free@
p << have_enum.p;
bit;
@@
used = set()
value = -1
for line in sorted(flags):
    value = flags[line] if flags[line] is not None else value + 1
    used.add(value)
# AS_FOLIO_ORDER_MIN and its like take the bits from 16 on
first = max([v for v in used if v < 16]) + 1
if first < 16:
    coccinelle.bit = cocci.make_expr(str(first))

@flag@
expression free.bit;
position p;
@@
 enum mapping_flags@p {
 ...,
-}
+	AS_WRITEBACK_MAY_BLOCK = bit,	/* writeback may never end */
+}
 ;

@script:python@
p << flag.p;
@@
coccilib.report.print_report(p[0], "site: flag in %s" % p[0].current_element)

@functions@
typedef bool;
position p;
@@
+/*
+ * The one who ends writeback of this mapping is not trusted to do so, a
+ * user-space server for example.  Whoever may not depend on it (reclaim,
+ * sync(2), migration) tests the flag before it waits.
+ */
+static inline void mapping_set_writeback_may_block(struct address_space *mapping)
+{
+	set_bit(AS_WRITEBACK_MAY_BLOCK, &mapping->flags);
+}
+
+static inline bool mapping_writeback_may_block(struct address_space *mapping)
+{
+	return test_bit(AS_WRITEBACK_MAY_BLOCK, &mapping->flags);
+}
+
 mapping_set_exiting@p(...)
 {
 ...
 }

@script:python@
p << functions.p;
@@
coccilib.report.print_report(p[0], "site: functions in %s" % p[0].current_element)
