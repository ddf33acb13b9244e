// SPDX-License-Identifier: GPL-2.0-only
// Adds the mapping flag AS_WRITEBACK_MAY_BLOCK and the two functions for it.
//
// Looks for enum mapping_flags; the flag goes to its end (the .awk file moves it
// before AS_FOLIO_ORDER_*), the functions to the others of their kind.
//
// The bit is the lowest one that nothing uses.  Used are: what the enum has,
// counted on where no value stands and computed where the value is made of
// others; what is #define'd as AS_*; the bits and masks that the flags of a
// mapping are tested with, be they numbers; and from AS_x_MIN and AS_x_MAX on
// as many bits as AS_x_BITS says.  Where one of them cannot be read the rule
// refuses, as the free bit would be a guess; so it does where another header
// has a flag of its own.
//
// It also says by which function somebody who can be killed waits for writeback.
//
// A tree that has the flag, under this name or another one that it has had, is
// left alone, and later changes use its functions.  One that has the functions
// and not the flag is refused.
//
// Fact: may_block mapping_writeback_may_block
// Fact: set_may_block mapping_set_writeback_may_block
// Fact: wait_killable wait_on_page_bit_killable
// Already: include/linux/pagemap.h AS_WRITEBACK_MAY_DEADLOCK_ON_RECLAIM AS_WRITEBACK_MAY_DEADLOCK_ON_RECLAIM and its two functions
// Already: include/linux/pagemap.h AS_WRITEBACK_INDETERMINATE AS_WRITEBACK_INDETERMINATE and its two functions
// Already: include/linux/pagemap.h AS_WRITEBACK_MAY_BLOCK AS_WRITEBACK_MAY_BLOCK and its two functions
// Look: include/linux/*.h by_number mapping->flags\|i_data.flags\|define.AS_
// Site: include/linux/pagemap.h - 1 flag
// Site: include/linux/pagemap.h - 1 functions | functions_unevictable
// Variant: functions before mapping_set_exiting()
// Variant: functions_unevictable before mapping_set_unevictable(), as mapping_set_exiting() is no function here

@initialize:python@
@@
import re

there = {}	# (line, column) -> flag of the enum
given = {}	# flag -> the text of its value
defined = {}	# AS_* name -> the text of its #define
operands = []	# (position, text, is it a mask?) of what flags are tested with
LIMIT = 16	# further bits have had other uses since 6.12

def number(text, known):
    """The value of an expression, or None when a name in it is not known."""
    text = re.sub(r"\bBIT \(|\bBIT\(", "1 << (", text)
    text = re.sub(r"\b(0[xX][0-9a-fA-F]+|[0-9]+)[uUlL]+\b", r"\1", text)
    text = re.sub(r"\b[A-Za-z_]\w*", lambda m: "(%s)" % known.get(m.group(), "?"), text)
    text = re.sub(r"\b0([0-7]+)\b", r"0o\1", text)
    if not re.match(r"[0-9a-fA-FxXo+\-*/%<>|&~() \t]+$", text):
        return None
    try:
        return int(eval(text.replace("/", "//")))
    except (SyntaxError, ArithmeticError, TypeError, ValueError):
        return None

// ---- has the tree the flag already?

@flag_there@
expression value;
identifier flag =~ "^AS_WRITEBACK_(MAY_BLOCK|INDETERMINATE|MAY_DEADLOCK_ON_RECLAIM)$";
position p;
@@
(
 enum mapping_flags { ..., flag@p, ... };
|
 enum mapping_flags { ..., flag@p = value, ... };
)

@tests@
identifier flag_there.flag;
identifier may_block;
struct address_space *mapping;
@@
 may_block(...)
 {
 return test_bit(flag, &mapping->flags);
 }

@sets@
identifier flag_there.flag;
identifier set_may_block;
struct address_space *mapping;
@@
 set_may_block(...)
 {
 set_bit(flag, &mapping->flags);
 }

@script:python@
flag << flag_there.flag;
p << flag_there.p;
may_block << tests.may_block;
set_may_block << sets.set_may_block;
@@
coccilib.report.print_report(p[0], "already: %s in file" % flag)
coccilib.report.print_report(p[0], "fact: may_block=%s" % may_block)
coccilib.report.print_report(p[0], "fact: set_may_block=%s" % set_may_block)

@script:python depends on !tests || !sets@
flag << flag_there.flag;
p << flag_there.p;
@@
coccilib.report.print_report(p[0], "refuse: %s is there, but not one function each that sets and that tests it" % flag)

// A stub of somebody's, whose flag is not there: ours would be a second one.
@stub depends on !flag_there@
identifier f =~ "^mapping_(set_)?writeback_(may_block|indeterminate|may_deadlock_on_reclaim)$";
position p;
@@
 f@p(...)
 {
 ...
 }

@script:python@
f << stub.f;
p << stub.p;
@@
coccilib.report.print_report(p[0], "refuse: %s() is there already, without the flag" % f)

// ---- how can one wait for writeback and be killed?

@wait_killable@
type T;
identifier f =~ "^folio_wait_writeback_killable$";
position p;
@@
 T f@p(...);

@script:python@
f << wait_killable.f;
p << wait_killable.p;
@@
coccilib.report.print_report(p[0], "fact: wait_killable=%s" % f)

// ---- which bits are in use?

@counted@
identifier flag;
position p;
@@
 enum mapping_flags { ..., flag@p, ... };

@script:python@
flag << counted.flag;
p << counted.p;
@@
there[int(p[0].line), int(p[0].column)] = flag

@valued@
identifier flag;
expression value;
position p;
@@
 enum mapping_flags { ..., flag@p = value, ... };

@script:python@
flag << valued.flag;
value << valued.value;
p << valued.p;
@@
there[int(p[0].line), int(p[0].column)] = flag
given[flag] = value

@as_define@
identifier flag =~ "^AS_";
expression value;
position p;
@@
#define flag@p value

@script:python@
flag << as_define.flag;
value << as_define.value;
@@
defined[flag] = value

@bit_of@
identifier f =~ "_bit$";
struct address_space *mapping;
expression bit, e;
position p;
@@
 f@p(bit, \(&mapping->flags\|&e->i_mapping->flags\|&e->f_mapping->flags\|&e->i_data.flags\), ...)

@script:python@
bit << bit_of.bit;
p << bit_of.p;
@@
operands.append((p[0], bit, False))

@mask_of@
struct address_space *mapping;
expression mask;
position p;
@@
(
 mapping->flags@p & mask
|
 mapping->flags@p |= mask
|
 mapping->flags@p &= mask
)

@script:python@
mask << mask_of.mask;
p << mask_of.p;
@@
operands.append((p[0], mask, True))

@have_enum depends on !flag_there@
position p;
@@
 enum mapping_flags@p { ... };

@script:python free@
p << have_enum.p;
bit;
@@
def first_free(p):
    def refuse(at, what, text):
        coccilib.report.print_report(at, "refuse: no free bit can be told, %s is %s" % (what, text))

    known = {}
    bits = set()
    value = -1
    for at in sorted(there):
        flag = there[at]
        value = number(given[flag], known) if flag in given else value + 1
        if value is None:
            return refuse(p, "the value of " + flag, given[flag])
        known[flag] = value
        bits.add(value)

    # a #define may be made of others further down
    for _ in defined:
        for flag in defined:
            if flag not in known:
                value = number(defined[flag], known)
                if value is not None:
                    known[flag] = value
    for flag in defined:
        if not flag.endswith("_MASK"):
            if flag not in known:
                return refuse(p, "the value of " + flag, defined[flag])
            bits.add(known[flag])

    for at, text, is_mask in operands:
        # a variable or an argument: its values are looked at where they are
        # named
        if re.search(r"\b(?!BIT\b)[a-zA-Z_]*[a-z][a-zA-Z_0-9]*", re.sub(r"\b[0-9]\w*", "", text)):
            continue
        value = number(text, known)
        if value is None:
            return refuse(at, "a bit that is tested", text)
        if is_mask:
            bits.update(b for b in range(LIMIT) if (value if value >= 0 else ~value) >> b & 1)
        else:
            bits.add(value)

    for flag in known:
        width = re.match(r"(.*_)BITS$", flag)
        for end in ("MIN", "MAX") if width else ():
            first = known.get(width.group(1) + end)
            if first is not None:
                bits.update(range(first, first + known[flag]))

    for b in range(LIMIT):
        if b not in bits:
            return b
    return refuse(p, "every one below %d" % LIMIT, "in use")

found = first_free(p[0])
if found is None:
    cocci.include_match(False)
else:
    coccinelle.bit = cocci.make_expr(str(found))

// ---- headers that have no enum: what they use by a name of the enum is known

@script:python by_number depends on !have_enum && !flag_there@
bit << bit_of.bit;
p << bit_of.p;
@@
if not p[0].file.endswith("pagemap.h") and number(bit, {}) is not None:
    coccilib.report.print_report(p[0], "refuse: no free bit can be told, bit %s of a mapping's flags is used here" % bit)

@script:python depends on !have_enum && !flag_there@
flag << as_define.flag;
value << as_define.value;
p << as_define.p;
@@
if not p[0].file.endswith("pagemap.h"):
    coccilib.report.print_report(p[0], "refuse: no free bit can be told, %s is defined here as %s" % (flag, value))

// ---- the change

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
coccilib.report.print_report(p[0], "site: flag in file")

@functions depends on !flag_there@
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

@functions_unevictable depends on !flag_there && !functions@
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
 mapping_set_unevictable@p(...)
 {
 ...
 }

@script:python@
p << functions_unevictable.p;
@@
coccilib.report.print_report(p[0], "site: functions_unevictable in %s" % p[0].current_element)
