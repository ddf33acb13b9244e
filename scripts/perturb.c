// SPDX-License-Identifier: GPL-2.0-only
/*
 * perturb - change a kernel source file as a vendor might have, and undo it
 *
 * A kind of perturbation applies to one object of a file (a function, struct,
 * enum or initialised variable), at positions that are counted from 0:
 *
 *	list FILE OBJECT REF		kinds and positions there are: "KIND POSITION"
 *	apply KIND POSITION FILE OBJECT REF	the perturbed file, on stdout
 *	judge KIND POSITION FILE OBJECT REF RESULT DIR
 *		REF is FILE with a change, RESULT is the perturbed FILE with it.
 *		Undoes the perturbation in RESULT and compares with REF token by
 *		token: what is white space and where a line ends does not count.
 *		DIR/expected and DIR/got have what was compared.  Prints one of
 *		  equivalent
 *		  comment	equivalent, but a comment differs
 *		  dropped	equivalent, what was inserted went with the whole
 *				object, which the change removes
 *		  lost		what was inserted is gone, its object is not
 *		  different
 *		  dangling	something left refers to what the change removes
 *	touched FILE OTHER		objects that differ, a line each: "TYPE NAME"
 *	users FILE NAME			the functions that use a name, a line each
 *	sample SEED COUNT		COUNT lines of those on stdin, which begin with
 *		a group, evenly of all groups
 *	semantic TABLE NAME FILE	the file with an edit of a table (see there)
 *	handled TABLE NAME RESULT	0 if the edit may get a patch, and this one
 *		takes account of it (3: not so)
 *	semantics TABLE			the edits in it: "NAME CHANGE FILE OBJECT"
 *
 * Everything is a function of the arguments alone.  Exit status: 0, 1 with a
 * line on stderr, 2 wrong usage, 3 there is no such kind, position or edit here.
 */
#define _GNU_SOURCE		/* vasprintf() */
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OPS		512
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

enum { WORD, NUMBER, STRING, PUNCT, COMMENT, DIRECTIVE };

struct tok {
	int type;
	size_t off, len;
	int match;		/* of a bracket: the other one */
};

struct object {
	char type;		/* f, s, e or v */
	char name[128];
	int first, last;	/* tokens */
	int open, close;	/* its braces */
	int popen, pclose;	/* its parameters */
};

struct src {
	char *path, *text;
	size_t size;
	struct tok *t;		/* code */
	int n;
	struct tok *c;		/* comments and directives */
	int nc;
	struct object *o;
	int no;
};

enum { BLOCK, IF, LOOP, SWITCH, DO, LABEL, DECL, JUMP, SIMPLE };

struct stmt {
	int type;
	int first, last;	/* tokens */
	int open, close;	/* of the condition */
	int body, els;		/* statements */
	int parent;
	bool listed;		/* directly inside a block */
};

struct edit {
	size_t off, del;
	char *ins;
	int nr;
};

enum { RENAME, DELETE, DELETE_DIRECTIVE, SUBSTITUTE, UNSPLIT };

struct undo {
	int op;
	char *a, *b;
};

static struct src file, ref, result;
static struct object *obj;

static struct stmt *st;
static int nst;

static struct edit edits[MAX_OPS];
static int nedits;
static struct undo undos[MAX_OPS];
static int nundos;
static const char *marker;	/* what must not get lost */

/* how both sides are brought into one form before they are compared */
static bool norm_null, norm_likely, norm_decls, norm_includes;
static bool norm_members, norm_no_comments, norm_bit;
/* what else has to hold in RESULT */
static bool check_signature, check_taken, check_field, check_arguments;
static bool check_prototype, macro_helper;
static const char *taken_name;

static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void *grow(void *p, int n, size_t size)
{
	if (n & (n - 1))
		return p;
	p = realloc(p, (n ? 2 * n : 1) * size);
	if (!p)
		die("perturb: error: out of memory");
	return p;
}

static char *format(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		die("perturb: error: out of memory");
	va_end(ap);
	return s;
}

/* ---- tokens */

static bool is(const struct src *s, int i, const char *text)
{
	return i >= 0 && i < s->n && strlen(text) == s->t[i].len &&
	       !memcmp(s->text + s->t[i].off, text, s->t[i].len);
}

static char *text_of(const struct src *s, const struct tok *t)
{
	return format("%.*s", (int)t->len, s->text + t->off);
}

static char *tok_text(const struct src *s, int i)
{
	return text_of(s, &s->t[i]);
}

/* The source text from one token to another. */
static char *range_text(const struct src *s, int from, int to)
{
	if (to < from)
		return format("");
	return format("%.*s", (int)(s->t[to].off + s->t[to].len - s->t[from].off),
		      s->text + s->t[from].off);
}

static bool is_word(const struct src *s, int i)
{
	return i >= 0 && i < s->n && s->t[i].type == WORD;
}

static bool any_of(const struct src *s, int i, const char *words)
{
	size_t len;
	const char *p;

	if (i < 0 || i >= s->n)
		return false;
	len = s->t[i].len;
	for (p = words; *p; p += strcspn(p, " ") + (p[strcspn(p, " ")] == ' '))
		if (strcspn(p, " ") == len && !memcmp(p, s->text + s->t[i].off, len))
			return true;
	return false;
}

static void add_tok(struct src *s, int type, size_t off, size_t end)
{
	struct tok t = { .type = type, .off = off, .len = end - off, .match = -1 };

	if (type == COMMENT || type == DIRECTIVE) {
		s->c = grow(s->c, s->nc, sizeof(*s->c));
		s->c[s->nc++] = t;
	} else {
		s->t = grow(s->t, s->n, sizeof(*s->t));
		s->t[s->n++] = t;
	}
}

static void tokenize(struct src *s)
{
	static const char *const puncts[] = {
		"<<=", ">>=", "...", "->", "++", "--", "<<", ">>", "<=", ">=",
		"==", "!=", "&&", "||", "+=", "-=", "*=", "/=", "%=", "&=",
		"|=", "^=", "##",
	};
	int stack[256], depth = 0;
	bool bol = true;
	size_t i = 0, j;

	while (i < s->size) {
		char ch = s->text[i];

		if (ch == '\n')
			bol = true;
		if (isspace((unsigned char)ch)) {
			i++;
			continue;
		}
		j = i;
		if (ch == '#' && bol) {
			while (j < s->size && s->text[j] != '\n') {
				if (s->text[j] == '\\' && j + 1 < s->size)
					j++;
				/* a comment behind it may go on on the next line */
				if (s->text[j] == '/' && s->text[j + 1] == '*')
					break;
				j++;
			}
			add_tok(s, DIRECTIVE, i, j);
		} else if (ch == '/' && s->text[i + 1] == '*') {
			char *end = strstr(s->text + i + 2, "*/");

			if (!end)
				die("%s: error: a comment does not end", s->path);
			j = end + 2 - s->text;
			add_tok(s, COMMENT, i, j);
		} else if (ch == '/' && s->text[i + 1] == '/') {
			j += strcspn(s->text + i, "\n");
			add_tok(s, COMMENT, i, j);
		} else if (ch == '"' || ch == '\'') {
			for (j++; j < s->size && s->text[j] != ch; j++)
				if (s->text[j] == '\\')
					j++;
			add_tok(s, STRING, i, ++j);
		} else if (isalpha((unsigned char)ch) || ch == '_') {
			while (isalnum((unsigned char)s->text[j]) || s->text[j] == '_')
				j++;
			add_tok(s, WORD, i, j);
		} else if (isdigit((unsigned char)ch)) {
			while (isalnum((unsigned char)s->text[j]) ||
			       s->text[j] == '_' || s->text[j] == '.')
				j++;
			add_tok(s, NUMBER, i, j);
		} else {
			size_t k;

			j = i + 1;
			for (k = 0; k < ARRAY_SIZE(puncts); k++)
				if (!strncmp(s->text + i, puncts[k], strlen(puncts[k]))) {
					j = i + strlen(puncts[k]);
					break;
				}
			add_tok(s, PUNCT, i, j);
			if (strchr("([{", ch)) {
				if (depth == ARRAY_SIZE(stack))
					die("%s: error: nested too deeply", s->path);
				stack[depth++] = s->n - 1;
			} else if (strchr(")]}", ch) && depth > 0) {
				depth--;
				s->t[s->n - 1].match = stack[depth];
				s->t[stack[depth]].match = s->n - 1;
			}
		}
		bol = false;
		i = j;
	}
}

/* ---- objects of a file */

static void parse_objects(struct src *s)
{
	int i = 0;

	while (i < s->n) {
		struct object o = { .first = i, .open = -1, .close = -1,
				    .popen = -1, .pclose = -1 };
		bool assigned = false;
		int j;

		for (j = i; j < s->n; j++) {
			if (is(s, j, "="))
				assigned = true;
			if (is(s, j, ";"))
				break;
			if (is(s, j, "(") && !assigned && is_word(s, j - 1) &&
			    !any_of(s, j - 1, "__releases __acquires __must_hold __attribute__ __printf __aligned __always_unused")) {
				o.popen = j;
				o.pclose = s->t[j].match;
			}
			if (is(s, j, "{")) {
				o.open = j;
				o.close = s->t[j].match;
				if (o.popen >= 0 && !assigned) {
					j = o.close;
					break;
				}
			}
			if (s->t[j].match > j)
				j = s->t[j].match;
		}
		if (j >= s->n)
			j = s->n - 1;
		o.last = j;
		if (o.open >= 0 && o.close > 0) {
			if (o.popen >= 0 && !assigned) {
				o.type = 'f';
				snprintf(o.name, sizeof(o.name), "%s", tok_text(s, o.popen - 1));
			} else if (any_of(s, i, "struct enum") && is(s, i + 2, "{")) {
				o.type = is(s, i, "struct") ? 's' : 'e';
				snprintf(o.name, sizeof(o.name), "%s", tok_text(s, i + 1));
			} else if (assigned) {
				int k = o.open;

				while (k > i && !is(s, k, "="))
					k--;
				while (k > i && !is_word(s, k - 1))
					k--;
				o.type = 'v';
				snprintf(o.name, sizeof(o.name), "%s", k > i ? tok_text(s, k - 1) : "");
			}
			if (o.type) {
				s->o = grow(s->o, s->no, sizeof(*s->o));
				s->o[s->no++] = o;
			}
		}
		i = j + 1;
	}
}

static struct object *find_object(const struct src *s, const char *name)
{
	int i;

	for (i = 0; i < s->no; i++)
		if (!strcmp(s->o[i].name, name))
			return &s->o[i];
	return NULL;
}

static void parse_text(struct src *s)
{
	tokenize(s);
	parse_objects(s);
}

static void load(struct src *s, char *path)
{
	FILE *f = fopen(path, "r");
	size_t got;

	if (!f)
		die("%s: error: cannot be read", path);
	s->path = path;
	s->text = NULL;
	s->size = 0;
	do {
		s->text = realloc(s->text, s->size + 65537);
		if (!s->text)
			die("perturb: error: out of memory");
		got = fread(s->text + s->size, 1, 65536, f);
		s->size += got;
	} while (got);
	s->text[s->size] = '\0';
	fclose(f);
	parse_text(s);
}

/* ---- statements of a function */

static int new_stmt(int type, int first, int parent)
{
	st = grow(st, nst, sizeof(*st));
	st[nst] = (struct stmt){ .type = type, .first = first, .last = first,
		.open = -1, .close = -1, .body = -1, .els = -1, .parent = parent };
	return nst++;
}

static bool starts_decl(const struct src *s, int i)
{
	if (any_of(s, i, "struct union enum const static volatile unsigned signed int long short char bool void u8 u16 u32 u64 s64 size_t ssize_t loff_t pgoff_t gfp_t nodemask_t unsigned __u32 __u64"))
		return true;
	if (any_of(s, i, "LIST_HEAD DECLARE_WAITQUEUE DEFINE_WAIT DECLARE_COMPLETION_ONSTACK XA_STATE"))
		return true;
	if (!is_word(s, i) || any_of(s, i, "return goto else case sizeof"))
		return false;
	if (is_word(s, i + 1))
		return true;
	return is(s, i + 1, "*") && is_word(s, i + 2) && any_of(s, i + 3, "= ; , [");
}

static int parse_stmt(const struct src *s, int i, int parent)
{
	int me, j, c;

	if (is(s, i, "{")) {
		me = new_stmt(BLOCK, i, parent);
		st[me].last = s->t[i].match;
		for (j = i + 1; j < s->t[i].match; ) {
			c = parse_stmt(s, j, me);
			st[c].listed = true;
			j = st[c].last + 1;
		}
		return me;
	}
	if (any_of(s, i, "if for while switch") ||
	    /* an iterator: a call that a statement follows */
	    (is_word(s, i) && is(s, i + 1, "(") && !any_of(s, i, "return sizeof") &&
	     (is(s, s->t[i + 1].match + 1, "{") || is_word(s, s->t[i + 1].match + 1)))) {
		me = new_stmt(is(s, i, "if") ? IF : is(s, i, "switch") ? SWITCH : LOOP,
			      i, parent);
		st[me].open = i + 1;
		st[me].close = s->t[i + 1].match;
		c = parse_stmt(s, st[me].close + 1, me);
		st[me].body = c;
		st[me].last = st[c].last;
		if (st[me].type == IF && is(s, st[c].last + 1, "else")) {
			c = parse_stmt(s, st[c].last + 2, me);
			st[me].els = c;
			st[me].last = st[c].last;
		}
		return me;
	}
	if (is(s, i, "do")) {
		me = new_stmt(DO, i, parent);
		c = parse_stmt(s, i + 1, me);
		st[me].body = c;
		j = st[c].last + 1;		/* while */
		st[me].open = j + 1;
		st[me].close = s->t[j + 1].match;
		st[me].last = st[me].close + 1;
		return me;
	}
	if (any_of(s, i, "case default") ||
	    (is_word(s, i) && is(s, i + 1, ":"))) {
		me = new_stmt(LABEL, i, parent);
		for (j = i; j < s->n && !is(s, j, ":"); j++)
			;
		st[me].last = j;
		return me;
	}
	me = new_stmt(any_of(s, i, "return goto break continue") ? JUMP :
		      starts_decl(s, i) ? DECL : SIMPLE, i, parent);
	for (j = i; j < s->n && !is(s, j, ";"); j++)
		if (s->t[j].match > j)
			j = s->t[j].match;
	st[me].last = j;
	return me;
}

static void parse_function(const struct src *s, const struct object *f)
{
	nst = 0;
	parse_stmt(s, f->open, -1);
}

/* ---- names that a function declares */

struct names {
	char *name[256];
	int n;
};

static void add_name(struct names *l, char *name)
{
	int i;

	for (i = 0; i < l->n; i++)
		if (!strcmp(l->name[i], name))
			return;
	if (l->n < (int)ARRAY_SIZE(l->name))
		l->name[l->n++] = name;
}

static bool has_name(const struct names *l, const char *name)
{
	int i;

	for (i = 0; i < l->n; i++)
		if (!strcmp(l->name[i], name))
			return true;
	return false;
}

static void declared_by(const struct src *s, const struct stmt *d, struct names *l)
{
	int i, word = -1;
	bool value = false;

	if (is(s, d->first + 1, "(")) {
		if (is_word(s, d->first + 2))
			add_name(l, tok_text(s, d->first + 2));
		return;
	}
	for (i = d->first; i <= d->last; i++) {
		if (is_word(s, i) && !value)
			word = i;
		if (any_of(s, i, "= , ; [") && !value && word > d->first &&
		    word == i - 1)
			add_name(l, tok_text(s, word));
		if (is(s, i, "="))
			value = true;
		if (is(s, i, ","))
			value = false;
		if (s->t[i].match > i)
			i = s->t[i].match;
	}
}

static void parameters(const struct src *s, const struct object *f, struct names *l)
{
	int i, word = -1, words = 0;

	for (i = f->popen + 1; i <= f->pclose; i++) {
		if (is_word(s, i)) {
			word = i;
			words++;
		}
		if (is(s, i, "(")) {		/* a pointer to a function */
			word = -1;
			i = s->t[i].match;
			continue;
		}
		if (any_of(s, i, ", )")) {
			if (word >= 0 && (words > 1 || is(s, word - 1, "*")))
				add_name(l, tok_text(s, word));
			word = -1;
			words = 0;
		}
	}
}

static void locals(const struct src *s, const struct object *f, struct names *l)
{
	int i;

	parameters(s, f, l);
	parse_function(s, f);
	for (i = 0; i < nst; i++)
		if (st[i].type == DECL)
			declared_by(s, &st[i], l);
}

/* ---- edits and what undoes them */

static void edit(size_t off, size_t del, char *ins)
{
	if (nedits == MAX_OPS)
		die("%s: error: too many edits", file.path);
	edits[nedits] = (struct edit){ off, del, ins, nedits };
	nedits++;
}

static void undo(int op, char *a, char *b)
{
	if (nundos == MAX_OPS)
		die("%s: error: too many edits", file.path);
	undos[nundos++] = (struct undo){ op, a, b };
}

static void replace_tok(int i, char *text)
{
	edit(file.t[i].off, file.t[i].len, text);
}

static void insert_before(int i, char *text)
{
	edit(file.t[i].off, 0, text);
}

static void insert_after(int i, char *text)
{
	edit(file.t[i].off + file.t[i].len, 0, text);
}

static int compare_edits(const void *a, const void *b)
{
	const struct edit *x = a, *y = b;

	if (x->off != y->off)
		return x->off < y->off ? -1 : 1;
	return x->nr - y->nr;
}

static char *edited(size_t *size)
{
	size_t at = 0, n = 0;
	char *out;
	FILE *f = open_memstream(&out, &n);
	int i;

	qsort(edits, nedits, sizeof(edits[0]), compare_edits);
	for (i = 0; i < nedits; i++) {
		if (edits[i].off < at)
			die("%s: error: edits overlap", file.path);
		fwrite(file.text + at, 1, edits[i].off - at, f);
		fputs(edits[i].ins, f);
		at = edits[i].off + edits[i].del;
	}
	fwrite(file.text + at, 1, file.size - at, f);
	fclose(f);
	*size = n;
	return out;
}

static size_t line_start(size_t off)
{
	while (off > 0 && file.text[off - 1] != '\n')
		off--;
	return off;
}

static size_t next_line(size_t off)
{
	while (off < file.size && file.text[off] != '\n')
		off++;
	return off < file.size ? off + 1 : off;
}

static char *indent_at(size_t off)
{
	size_t l = line_start(off);

	return format("%.*s", (int)strspn(file.text + l, " \t"), file.text + l);
}

static char *indent_of(int i)
{
	return indent_at(file.t[i].off);
}

static bool starts_line(int i)
{
	size_t l = line_start(file.t[i].off);

	return l + strspn(file.text + l, " \t") == file.t[i].off;
}

static bool inside_comment(size_t off)
{
	int i;

	for (i = 0; i < file.nc; i++)
		if (off > file.c[i].off && off < file.c[i].off + file.c[i].len)
			return true;
	return false;
}

/* The offset of the line behind the last #include. */
static size_t after_includes(void)
{
	size_t off = 0;
	int i;

	for (i = 0; i < file.nc; i++)
		if (file.c[i].type == DIRECTIVE &&
		    !strncmp(file.text + file.c[i].off, "#include", 8))
			off = next_line(file.c[i].off);
	if (!off && file.n)
		off = line_start(file.t[0].off);
	return off;
}

/* ---- where a line can be inserted into a function */

struct place {
	size_t off;
	char *indent;
	int stmt;		/* before this one, or -1 */
};

static struct place *places;
static int nplaces;

static void add_place(size_t off, char *indent, int stmt)
{
	if (inside_comment(off))
		return;
	if (nplaces && places[nplaces - 1].off == off)
		return;
	places = grow(places, nplaces, sizeof(*places));
	places[nplaces++] = (struct place){ off, indent, stmt };
}

/*
 * Between two statements of a block, in front of the comment of the second and
 * behind it; not where nothing would come to it, nor among declarations.
 */
static void find_places(void)
{
	int b, i, prev;

	nplaces = 0;
	parse_function(&file, obj);
	for (b = 0; b < nst; b++) {
		if (st[b].type != BLOCK)
			continue;
		prev = -1;
		for (i = b + 1; i < nst; i++) {
			size_t end;

			if (st[i].parent != b)
				continue;
			end = next_line(file.t[prev < 0 ? st[b].first : st[prev].last].off);
			if (st[i].type != DECL && starts_line(st[i].first) &&
			    !(prev >= 0 && st[prev].type == JUMP) &&
			    !(prev < 0 && st[i].type == LABEL)) {
				char *ind = indent_of(st[i].type == LABEL ?
						      st[prev].first : st[i].first);

				if (prev >= 0 && st[prev].type == LABEL && st[i].type == LABEL)
					ind = format("%s\t", indent_of(st[i].first));
				add_place(end, ind, i);
				add_place(line_start(file.t[st[i].first].off), ind, i);
			}
			prev = i;
		}
		if (prev >= 0 && st[prev].type != JUMP && st[prev].type != LABEL &&
		    starts_line(st[b].last) && st[prev].type != DECL)
			add_place(line_start(file.t[st[b].last].off),
				  indent_of(st[prev].first), -1);
	}
}

#define NONE	0	/* there is no such position, nor a later one */
#define SKIP	1	/* not at this position */
#define DONE	2

static int k_hook(int pos)
{
	find_places();
	if (pos >= nplaces)
		return NONE;
	edit(places[pos].off, 0, format("%svendor_hook(%d);\n", places[pos].indent, pos));
	undo(DELETE, format("vendor_hook(%d);", pos), NULL);
	marker = "vendor_hook";
	return DONE;
}

static int k_hook_ifdef(int pos)
{
	find_places();
	if (pos >= nplaces)
		return NONE;
	edit(places[pos].off, 0, format("#ifdef CONFIG_VENDOR_HOOKS\n%svendor_hook(%d);\n#endif\n",
					places[pos].indent, pos));
	undo(DELETE, format("vendor_hook(%d);", pos), NULL);
	undo(DELETE_DIRECTIVE, "CONFIG_VENDOR_HOOKS", NULL);
	marker = "vendor_hook";
	return DONE;
}

static char *way_out(void)
{
	int i;

	for (i = 0; i < nst; i++)
		if (st[i].type == LABEL && !any_of(&file, st[i].first, "case default"))
			return format("goto %s;", tok_text(&file, st[i].first));
	if (is(&file, obj->popen - 2, "*"))
		return format("return NULL;");
	for (i = obj->first; i < obj->popen; i++)
		if (is(&file, i, "void"))
			return format("return;");
	return format("return 0;");
}

static int k_early_exit(int pos)
{
	char *out;

	find_places();
	if (pos >= nplaces)
		return NONE;
	out = way_out();
	edit(places[pos].off, 0, format("%sif (vendor_skip(%d))\n%s\t%s\n",
		places[pos].indent, pos, places[pos].indent, out));
	undo(DELETE, format("if (vendor_skip(%d)) %s", pos, out), NULL);
	marker = "vendor_skip";
	return DONE;
}

static int k_side_effect(int pos)
{
	struct names l = { .n = 0 };
	int i;

	find_places();
	if (pos >= nplaces)
		return NONE;
	parameters(&file, obj, &l);
	i = 0;
	if (!l.n)
		return SKIP;
	edit(places[pos].off, 0, format("%sif (vendor_wanted(%s))\n%s\tvendor_count(%s, %d);\n",
		places[pos].indent, l.name[i], places[pos].indent, l.name[i], pos));
	undo(DELETE, format("if (vendor_wanted(%s)) vendor_count(%s, %d);",
			    l.name[i], l.name[i], pos), NULL);
	/* the parameter may have been renamed by the change, or its type changed */
	marker = "vendor_count";
	return DONE;
}

static int k_comment(int pos)
{
	find_places();
	if (pos >= nplaces)
		return NONE;
	edit(places[pos].off, 0, format("%s/* vendor: note %d */\n", places[pos].indent, pos));
	undo(DELETE, format("/* vendor: note %d */", pos), NULL);
	return DONE;
}

static int k_comment_gone(int pos)
{
	size_t from = line_start(file.t[obj->first].off);
	size_t to = file.t[obj->last].off;
	int i;

	for (i = 0; i < file.nc; i++) {
		size_t a = file.c[i].off, b = a + file.c[i].len;

		if (file.c[i].type != COMMENT || a < from || a > to)
			continue;
		if (pos-- > 0)
			continue;
		if (line_start(a) + strspn(file.text + line_start(a), " \t") == a &&
		    file.text[b] == '\n')
			edit(line_start(a), b + 1 - line_start(a), "");
		else
			edit(a, b - a, "");
		norm_no_comments = true;
		return DONE;
	}
	return NONE;
}

/* ---- declarations */

static int k_declaration(int pos)
{
	int b, i, first, last, at = pos / 2;

	if (obj->type != 'f')
		return NONE;
	parse_function(&file, obj);
	for (b = 0; b < nst; b++) {
		if (st[b].type != BLOCK || at-- > 0)
			continue;
		if (b && st[st[b].parent].type == SWITCH)
			return SKIP;
		first = last = -1;
		for (i = b + 1; i < nst; i++) {
			if (st[i].parent != b)
				continue;
			if (st[i].type != DECL)
				break;
			if (first < 0)
				first = i;
			last = i;
		}
		if (first < 0 && pos % 2)
			return SKIP;
		if (i == nst && first < 0)
			return SKIP;
		if (pos % 2 == 0)
			edit(next_line(file.t[st[b].first].off), 0,
			     format("%s\tint vendor_local = vendor_init(%d);\n%s",
				    indent_of(st[b].first), pos, first < 0 ? "\n" : ""));
		else
			edit(next_line(file.t[st[last].last].off), 0,
			     format("%s\tint vendor_local = vendor_init(%d);\n",
				    indent_of(st[b].first), pos));
		if (inside_comment(edits[0].off))
			return SKIP;
		undo(DELETE, format("int vendor_local = vendor_init(%d);", pos), NULL);
		marker = "vendor_local";
		return DONE;
	}
	return NONE;
}

static int k_rename_local(int pos)
{
	struct names l = { .n = 0 };
	char *old;
	int i;

	if (obj->type != 'f')
		return NONE;
	locals(&file, obj, &l);
	if (pos >= l.n)
		return NONE;
	old = l.name[pos];
	for (i = obj->popen; i <= obj->close; i++) {
		if (!is(&file, i, old) || any_of(&file, i - 1, ". -> struct union enum goto"))
			continue;
		if (is(&file, i + 1, ":") && any_of(&file, i - 1, "; } {"))
			continue;
		replace_tok(i, format("vendor_%s", old));
	}
	undo(RENAME, format("vendor_%s", old), old);
	return nedits ? DONE : SKIP;
}

static int k_rename_label(int pos)
{
	char *old;
	int i, k;

	if (obj->type != 'f')
		return NONE;
	parse_function(&file, obj);
	for (i = 0; i < nst; i++) {
		if (st[i].type != LABEL || any_of(&file, st[i].first, "case default"))
			continue;
		if (pos-- > 0)
			continue;
		old = tok_text(&file, st[i].first);
		replace_tok(st[i].first, format("vendor_%s", old));
		for (k = obj->open; k <= obj->close; k++)
			if (is(&file, k, old) && is(&file, k - 1, "goto"))
				replace_tok(k, format("vendor_%s", old));
		undo(RENAME, format("vendor_%s", old), old);
		return DONE;
	}
	return NONE;
}

static bool adjacent_decls(int i, int k)
{
	return st[i].type == DECL && st[k].type == DECL && st[i].parent == st[k].parent &&
	       st[k].first == st[i].last + 1 && starts_line(st[i].first) &&
	       starts_line(st[k].first);
}

/* Whether the second declaration uses a name that the first one declares. */
static bool decl_depends(int i, int k)
{
	struct names l = { .n = 0 };
	int j;

	declared_by(&file, &st[i], &l);
	for (j = st[k].first; j <= st[k].last; j++)
		if (is_word(&file, j) && has_name(&l, tok_text(&file, j)))
			return true;
	return false;
}

static int k_decl_swap(int pos)
{
	int i;

	if (obj->type != 'f')
		return NONE;
	parse_function(&file, obj);
	for (i = 0; i + 1 < nst; i++) {
		if (!adjacent_decls(i, i + 1) || decl_depends(i, i + 1))
			continue;
		if (pos-- > 0)
			continue;
		edit(file.t[st[i].first].off,
		     file.t[st[i].last].off + 1 - file.t[st[i].first].off,
		     range_text(&file, st[i + 1].first, st[i + 1].last));
		edit(file.t[st[i + 1].first].off,
		     file.t[st[i + 1].last].off + 1 - file.t[st[i + 1].first].off,
		     range_text(&file, st[i].first, st[i].last));
		norm_decls = true;
		norm_no_comments = true;
		return DONE;
	}
	return NONE;
}

/* The first token of the first declarator. */
static int declarator(int i)
{
	int k = st[i].first;

	while (any_of(&file, k, "const static unsigned volatile"))
		k++;
	if (any_of(&file, k, "struct union enum"))
		k++;
	/* "unsigned x" and "unsigned int x" */
	if (any_of(&file, k, "int long short char bool") || is_word(&file, k + 1) ||
	    is(&file, k + 1, "*"))
		k++;
	return k;
}

static int k_decl_merge(int pos)
{
	char *a, *b;
	int i, da, db;

	if (obj->type != 'f')
		return NONE;
	parse_function(&file, obj);
	for (i = 0; i + 1 < nst; i++) {
		if (!adjacent_decls(i, i + 1) || is(&file, st[i].first + 1, "(") ||
		    is(&file, st[i + 1].first + 1, "("))
			continue;
		da = declarator(i);
		db = declarator(i + 1);
		a = range_text(&file, st[i].first, da - 1);
		b = range_text(&file, st[i + 1].first, db - 1);
		if (strcmp(a, b))
			continue;
		if (pos-- > 0)
			continue;
		edit(file.t[st[i].last].off, 1,
		     format(", %s", range_text(&file, db, st[i + 1].last)));
		edit(line_start(file.t[st[i + 1].first].off),
		     next_line(file.t[st[i + 1].last].off) -
		     line_start(file.t[st[i + 1].first].off), "");
		norm_decls = true;
		norm_no_comments = true;
		return DONE;
	}
	return NONE;
}

static int k_decl_split(int pos)
{
	int i, k;

	if (obj->type != 'f')
		return NONE;
	parse_function(&file, obj);
	for (i = 0; i < nst; i++) {
		if (st[i].type != DECL || is(&file, st[i].first + 1, "("))
			continue;
		for (k = st[i].first; k < st[i].last; k++) {
			if (is(&file, k, ","))
				break;
			if (file.t[k].match > k)
				k = file.t[k].match;
		}
		if (k >= st[i].last)
			continue;
		if (pos-- > 0)
			continue;
		edit(file.t[k].off, 1, format(";\n%s%s", indent_of(st[i].first),
			range_text(&file, st[i].first, declarator(i) - 1)));
		norm_decls = true;
		norm_no_comments = true;
		return DONE;
	}
	return NONE;
}

/* A name that the change declares here is one of the function's already. */
static int k_name_taken(int pos)
{
	struct names had = { .n = 0 }, has = { .n = 0 };
	struct object *now = find_object(&ref, obj->name);
	int i;

	if (obj->type != 'f' || !now)
		return NONE;
	locals(&ref, now, &has);
	locals(&file, obj, &had);
	for (i = 0; i < has.n; i++) {
		if (has_name(&had, has.name[i]) || pos-- > 0)
			continue;
		taken_name = has.name[i];
		edit(next_line(file.t[obj->open].off), 0,
		     format("\tint %s = vendor_init(0);\n", taken_name));
		undo(DELETE, format("int %s = vendor_init(0);", taken_name), NULL);
		marker = "vendor_init";
		check_taken = true;
		return DONE;
	}
	return NONE;
}

/* ---- conditions */

/* The nth if, as its index among the statements. */
static int nth_if(int pos)
{
	int i;

	if (obj->type != 'f')
		return -1;
	parse_function(&file, obj);
	for (i = 0; i < nst; i++)
		if (st[i].type == IF && pos-- == 0)
			return i;
	return -1;
}

/* The first operator of this kind that stands outside of any bracket. */
static int top_level(int open, int close, const char *ops)
{
	int i;

	for (i = open + 1; i < close; i++) {
		if (any_of(&file, i, ops))
			return i;
		if (file.t[i].match > i)
			i = file.t[i].match;
	}
	return -1;
}

static int last_top_level(int open, int close, const char *ops)
{
	int i, found = -1;

	for (i = open + 1; i < close; i++) {
		if (any_of(&file, i, ops))
			found = i;
		if (file.t[i].match > i)
			i = file.t[i].match;
	}
	return found;
}

static int k_cond_split(int pos)
{
	int i = nth_if(pos / 2), op;
	char *ind;

	if (i < 0)
		return NONE;
	if (st[i].els >= 0 || top_level(st[i].open, st[i].close, "|| ? =") >= 0)
		return SKIP;
	op = pos % 2 ? last_top_level(st[i].open, st[i].close, "&&") :
		       top_level(st[i].open, st[i].close, "&&");
	if (op < 0 || (pos % 2 && op == top_level(st[i].open, st[i].close, "&&")))
		return SKIP;
	/* an if of an else, or the body of something without braces */
	if (!st[i].listed)
		return SKIP;
	ind = indent_of(st[i].first);
	edit(file.t[op].off, file.t[op + 1].off - file.t[op].off,
	     format(") {\n%s\tif (", ind));
	insert_after(st[i].last, format("\n%s}", ind));
	undo(UNSPLIT, range_text(&file, st[i].open + 1, op - 1),
	     range_text(&file, op + 1, st[i].close - 1));
	return DONE;
}

static int head_of_chain(int i)
{
	while (st[i].parent >= 0 && st[st[i].parent].type == IF && st[st[i].parent].els == i)
		i = st[i].parent;
	return i;
}

/* Where further locals of the function can be declared. */
static size_t declarations_end(void)
{
	size_t off = next_line(file.t[obj->open].off);
	int i;

	for (i = 1; i < nst; i++)
		if (st[i].parent == 0) {
			if (st[i].type != DECL)
				break;
			off = next_line(file.t[st[i].last].off);
		}
	return off;
}

static int hoist(int stmt, int from, int to, const char *type, const char *name)
{
	char *text = range_text(&file, from, to);

	if (!st[stmt].listed || !starts_line(st[stmt].first))
		return SKIP;
	edit(declarations_end(), 0, format("\t%s %s;\n", type, name));
	edit(line_start(file.t[st[stmt].first].off), 0,
	     format("%s%s = %s;\n", indent_of(st[stmt].first), name, text));
	edit(file.t[from].off, file.t[to].off + file.t[to].len - file.t[from].off,
	     format("%s", name));
	undo(DELETE, format("%s %s;", type, name), NULL);
	undo(DELETE, format("%s = %s;", name, text), NULL);
	undo(SUBSTITUTE, format("%s", name), text);
	return DONE;
}

static int k_cond_local(int pos)
{
	int i = nth_if(pos);

	if (i < 0)
		return NONE;
	if (top_level(st[i].open, st[i].close, "= ?") >= 0)
		return SKIP;
	return hoist(head_of_chain(i), st[i].open + 1, st[i].close - 1, "bool", "vendor_cond");
}

static int k_cond_extra(int pos)
{
	int i = nth_if(pos / 4), variant = pos % 4;
	const char *op;

	if (i < 0)
		return NONE;
	if (top_level(st[i].open, st[i].close, "? =") >= 0)
		return SKIP;
	if (top_level(st[i].open, st[i].close, "||") >= 0)
		op = "||";
	else if (top_level(st[i].open, st[i].close, "&&") >= 0)
		op = "&&";
	else
		op = variant & 2 ? "&&" : "||";
	if ((variant & 2) && top_level(st[i].open, st[i].close, "|| &&") >= 0)
		return SKIP;
	if (variant & 1) {
		insert_after(st[i].open, format("vendor_cond(%d) %s ", pos, op));
		undo(DELETE, format("vendor_cond(%d) %s", pos, op), NULL);
	} else {
		insert_before(st[i].close, format(" %s vendor_cond(%d)", op, pos));
		undo(DELETE, format("%s vendor_cond(%d)", op, pos), NULL);
	}
	marker = "vendor_cond";
	return DONE;
}

static int k_likely(int pos)
{
	int i = nth_if(pos);

	if (i < 0)
		return NONE;
	if (any_of(&file, st[i].open + 1, "likely unlikely"))
		return SKIP;
	insert_after(st[i].open, "unlikely(");
	insert_before(st[i].close, ")");
	norm_likely = true;
	return DONE;
}

static bool body_of(int i, bool braced)
{
	int b = i;

	if (st[i].type == BLOCK) {
		int k, children = 0, child = -1;

		if (!braced || st[i].parent < 0 || st[i].listed)
			return false;
		for (k = i + 1; k < nst; k++)
			if (st[k].parent == i) {
				children++;
				child = k;
			}
		if (children != 1)
			return false;
		b = child;
	} else if (braced || st[i].listed) {
		return false;
	}
	return st[b].type == SIMPLE || st[b].type == JUMP;
}

static int k_braces_added(int pos)
{
	int i;

	if (obj->type != 'f')
		return NONE;
	parse_function(&file, obj);
	for (i = 1; i < nst; i++) {
		if (!body_of(i, false) || is(&file, st[i].first, ";"))
			continue;
		if (pos-- > 0)
			continue;
		insert_after(st[i].first - 1, " {");
		insert_after(st[i].last, format("\n%s}", indent_of(st[st[i].parent].first)));
		return DONE;
	}
	return NONE;
}

static int k_braces_removed(int pos)
{
	int i;

	if (obj->type != 'f')
		return NONE;
	parse_function(&file, obj);
	for (i = 1; i < nst; i++) {
		if (!body_of(i, true) || st[st[i].parent].type == SWITCH)
			continue;
		if (pos-- > 0)
			continue;
		replace_tok(st[i].first, "");
		replace_tok(st[i].last, "");
		return DONE;
	}
	return NONE;
}

/* How many tokens from i on are a chain like data->wpa. */
static int chain(const struct src *s, int i)
{
	int k = i;

	if (!is_word(s, k))
		return 0;
	while (any_of(s, k + 1, ". ->") && is_word(s, k + 2))
		k += 2;
	return k - i + 1;
}

static int k_null_test(int pos)
{
	int i, n;

	if (obj->type != 'f')
		return NONE;
	parse_function(&file, obj);
	for (i = obj->open; i < obj->close; i++) {
		bool pointer = false;
		int k;

		if (is(&file, i, "!") && (n = chain(&file, i + 1)) &&
		    any_of(&file, i + 1 + n, ") && ||")) {
			for (k = obj->first; k < obj->close && n == 1; k++)
				if (is(&file, k, "*") && k + 1 != i + 1 &&
				    is(&file, k + 1, tok_text(&file, i + 1)) &&
				    any_of(&file, k + 2, "= ; , )"))
					pointer = true;
			if (!pointer || pos-- > 0)
				continue;
			replace_tok(i, "");
			insert_after(i + n, " == NULL");
		} else if ((n = chain(&file, i)) && is(&file, i + n, "==") &&
			   is(&file, i + n + 1, "NULL") && any_of(&file, i - 1, "( && ||")) {
			if (pos-- > 0)
				continue;
			insert_before(i, "!");
			replace_tok(i + n, "");
			replace_tok(i + n + 1, "");
		} else {
			continue;
		}
		norm_null = true;
		return DONE;
	}
	return NONE;
}

/* ---- helpers */

/* An argument of a call is put into a local first. */
static int k_argument_local(int pos)
{
	int i, s, from;

	if (obj->type != 'f')
		return NONE;
	parse_function(&file, obj);
	for (s = 1; s < nst; s++) {
		if (st[s].type != SIMPLE || !st[s].listed)
			continue;
		for (i = st[s].first; i < st[s].last; i++) {
			if (!is_word(&file, i) || !is(&file, i + 1, "("))
				continue;
			for (from = i + 2; from < file.t[i + 1].match; ) {
				int k = from;

				while (k < file.t[i + 1].match && !is(&file, k, ","))
					k = file.t[k].match > k ? file.t[k].match + 1 : k + 1;
				if (k - from > 1 && !is(&file, from, "&") && pos-- == 0)
					return hoist(s, from, k - 1, "unsigned long", "vendor_arg");
				from = k + 1;
			}
		}
	}
	return NONE;
}

static bool is_callee(int i)
{
	return is_word(&file, i) && is(&file, i + 1, "(") &&
	       !any_of(&file, i, "if for while switch return sizeof typeof") &&
	       !any_of(&file, i - 1, ". ->") &&
	       strncmp(tok_text(&file, i), "list_for_each", 13) &&
	       !(is(&file, file.t[i + 1].match + 1, "{"));
}

static int k_wrapped_helper(int pos)
{
	struct names l = { .n = 0 };
	char *name;
	int i;

	if (obj->type != 'f')
		return NONE;
	for (i = obj->open; i < obj->close; i++)
		if (is_callee(i))
			add_name(&l, tok_text(&file, i));
	if (pos >= l.n)
		return NONE;
	name = l.name[pos];
	for (i = obj->open; i < obj->close; i++)
		if (is_callee(i) && is(&file, i, name))
			replace_tok(i, format("VENDOR_%s", name));
	edit(after_includes(), 0, format("#define VENDOR_%s(...) %s(__VA_ARGS__)\n", name, name));
	undo(RENAME, format("VENDOR_%s", name), name);
	undo(DELETE_DIRECTIVE, "VENDOR_", NULL);
	return DONE;
}

static int k_helper_macro(int pos)
{
	struct names l = { .n = 0 };
	char *args = format(""), *body, *p, *out;
	size_t n = 0;
	FILE *f;
	int i;

	if (obj->type != 'f' || pos > 0)
		return NONE;
	if (!is(&file, obj->first, "static"))
		return SKIP;
	parse_function(&file, obj);
	for (i = obj->open; i < obj->close; i++)
		if (is(&file, i, "return") && !(i == obj->open + 1))
			return SKIP;
	for (i = 0; i < file.nc; i++)
		if (file.c[i].type == DIRECTIVE && file.c[i].off > file.t[obj->first].off &&
		    file.c[i].off < file.t[obj->last].off)
			return SKIP;
	parameters(&file, obj, &l);
	for (i = 0; i < l.n; i++)
		args = format("%s%s%s", args, i ? ", " : "", l.name[i]);
	if (is(&file, obj->open + 1, "return"))
		body = format("(%s)", range_text(&file, obj->open + 2, st[1].last - 1));
	else
		body = format("do {\n\t%s\n} while (0)",
			      range_text(&file, obj->open + 1, obj->close - 1));
	f = open_memstream(&out, &n);
	fprintf(f, "#define %s(%s) \\\n\t", obj->name, args);
	for (p = body; *p; p++) {
		if (*p == '\n')
			fputs(" \\", f);
		fputc(*p, f);
	}
	fclose(f);
	edit(file.t[obj->first].off,
	     file.t[obj->last].off + 1 - file.t[obj->first].off, out);
	macro_helper = true;
	norm_no_comments = true;
	return DONE;
}

static int extra_parameter(int pos, bool first)
{
	int i;

	if (obj->type != 'f' || pos > 0)
		return NONE;
	if (!is(&file, obj->first, "static") || obj->pclose - obj->popen < 3)
		return SKIP;
	for (i = 0; i < file.n; i++)
		if (is(&file, i, obj->name) && !is(&file, i + 1, "("))
			return SKIP;	/* its address is taken */
	for (i = 0; i < file.n; i++) {
		bool decl = false;

		if (!is(&file, i, obj->name))
			continue;
		/* a prototype or the definition: a type in front of it */
		decl = is_word(&file, i - 1) ? !any_of(&file, i - 1, "return else") :
		       is(&file, i - 1, "*") && is_word(&file, i - 2) &&
		       any_of(&file, i - 3, "struct static const");
		if (first)
			insert_after(i + 1, decl ? "void *vendor_arg, " : "VENDOR_ARG, ");
		else
			insert_before(file.t[i + 1].match, decl ? ", void *vendor_arg" : ", VENDOR_ARG");
	}
	undo(DELETE, first ? "void *vendor_arg," : ", void *vendor_arg", NULL);
	undo(DELETE, first ? "VENDOR_ARG," : ", VENDOR_ARG", NULL);
	check_arguments = true;
	return DONE;
}

static int k_last_parameter(int pos)
{
	return extra_parameter(pos, false);
}

static int k_first_parameter(int pos)
{
	return extra_parameter(pos, true);
}

static int k_attribute(int pos)
{
	static const char *const words[] = { "noinline", "__maybe_unused" };

	if (obj->type != 'f' || pos >= (int)ARRAY_SIZE(words))
		return NONE;
	if (!is(&file, obj->first, "static"))
		return SKIP;
	insert_after(obj->first, format(" %s", words[pos]));
	undo(DELETE, format("static %s", words[pos]), "static");
	return DONE;
}

static size_t object_end(void)
{
	return next_line(file.t[obj->last].off);
}

static int k_prototype(int pos)
{
	char *head;
	int i, k = -1;

	if (obj->type != 'f' || pos > 0)
		return NONE;
	for (i = 0; i < file.no && &file.o[i] != obj; i++)
		if (file.o[i].type == 'f' && is(&file, file.o[i].first, "static"))
			k = i;
	if (k < 0)
		return SKIP;
	head = range_text(&file, obj->first, obj->pclose);
	edit(next_line(file.t[file.o[k].last].off), 0, format("\n%s;\n", head));
	undo(DELETE, format("%s;", head), NULL);
	check_prototype = true;
	return DONE;
}

static int k_exported(int pos)
{
	int i;

	if (obj->type != 'f' || pos > 0)
		return NONE;
	/* undoing it would undo the tree's own as well */
	for (i = 0; i + 2 < file.n; i++)
		if (is(&file, i, "EXPORT_SYMBOL_GPL") &&
		    is(&file, i + 2, obj->name))
			return SKIP;
	edit(object_end(), 0, format("EXPORT_SYMBOL_GPL(%s);\n", obj->name));
	undo(DELETE, format("EXPORT_SYMBOL_GPL(%s);", obj->name), NULL);
	marker = "EXPORT_SYMBOL_GPL";
	check_signature = true;
	return DONE;
}

/* Further code of the vendor's calls the function. */
static int k_caller(int pos)
{
	struct names l = { .n = 0 };
	char *args = format("");
	int i;

	if (obj->type != 'f' || pos > 0)
		return NONE;
	parameters(&file, obj, &l);
	for (i = 0; i < l.n; i++)
		args = format("%s%svendor_%d", args, i ? ", " : "", i);
	edit(object_end(), 0,
	     format("\nvoid vendor_user(void)\n{\n\t%s(%s);\n}\n", obj->name, args));
	undo(DELETE, format("void vendor_user(void) { %s(%s); }", obj->name, args), NULL);
	marker = "vendor_user";
	check_signature = true;
	return DONE;
}

/* ---- the file */

static int k_white_space(int pos)
{
	int i, depth = 0;

	if (pos > 3)
		return NONE;
	for (i = obj->first; i < obj->last; i++) {
		size_t end = file.t[i].off + file.t[i].len;
		size_t gap = file.t[i + 1].off - end;
		bool same_line = !memchr(file.text + end, '\n', gap);
		int k;

		if (any_of(&file, i, "( ["))
			depth++;
		if (any_of(&file, i, ") ]"))
			depth--;
		for (k = 0; k < file.nc; k++)
			if (file.c[k].off >= end && file.c[k].off < end + gap)
				break;
		if (k < file.nc)
			continue;
		switch (pos) {
		case 0:			/* no line is wrapped */
			if (!same_line && depth > 0)
				edit(end, gap, " ");
			break;
		case 1:			/* lines are wrapped early */
			if (same_line && depth > 0 && any_of(&file, i, "&& || ,"))
				edit(end, gap, format("\n%s\t\t", indent_of(i)));
			break;
		case 2:			/* further blank lines */
			if (!same_line && depth == 0 && any_of(&file, i, "; }"))
				edit(end, gap, format("\n\n%s", indent_of(i + 1)));
			break;
		case 3:			/* blanks instead of tabs */
			if (!same_line && strchr(indent_of(i + 1), '\t')) {
				char *ind = indent_of(i + 1), *t = format("");

				for (; *ind; ind++)
					t = format("%s%s", t, *ind == '\t' ? "    " : " ");
				edit(end, gap, format("\n%s", t));
			}
			break;
		}
	}
	return nedits ? DONE : SKIP;
}

static int includes(size_t *off, int max)
{
	int i, n = 0;

	for (i = 0; i < file.nc && n < max; i++)
		if (file.c[i].type == DIRECTIVE &&
		    !strncmp(file.text + file.c[i].off, "#include", 8))
			off[n++] = file.c[i].off;
	return n;
}

static int k_include_added(int pos)
{
	size_t off[256];
	int n = includes(off, ARRAY_SIZE(off));

	if (pos >= n)
		return NONE;
	edit(off[pos], 0, "#include <linux/vendor_hooks.h>\n");
	undo(DELETE_DIRECTIVE, "vendor_hooks", NULL);
	marker = "#vendor_hooks";
	return DONE;
}

static int k_include_moved(int pos)
{
	size_t off[256], end;
	int n = includes(off, ARRAY_SIZE(off));

	if (pos + 1 >= n)
		return NONE;
	end = next_line(off[pos]);
	edit(off[pos], end - off[pos], "");
	edit(after_includes(), 0, format("%.*s", (int)(end - off[pos]), file.text + off[pos]));
	norm_includes = true;
	return DONE;
}

/* ---- structs, enums, initialisers */

struct range {
	int first, last;
};

/* The members of an object, at any depth of a struct. */
static int members(struct range *m, int max)
{
	const char *end = obj->type == 's' ? ";" : ",";
	int i, first = obj->open + 1, n = 0;

	for (i = obj->open + 1; i < obj->close && n < max; i++) {
		if (obj->type == 's' && is(&file, i, "{")) {
			first = i + 1;		/* members of an inner one */
			continue;
		}
		if (obj->type == 's' && is(&file, i, "}")) {
			while (i < obj->close && !is(&file, i, ";"))
				i++;
			first = i + 1;
			continue;
		}
		if (is(&file, i, end)) {
			m[n++] = (struct range){ first, i };
			first = i + 1;
			continue;
		}
		if (file.t[i].match > i)
			i = file.t[i].match;
	}
	if (obj->type != 's' && first < obj->close && n < max)
		m[n++] = (struct range){ first, obj->close - 1 };
	return n;
}

static char *member_text(int pos)
{
	switch (obj->type) {
	case 's':
		return format("int vendor_member_%d;", pos);
	case 'v':
		return format(".vendor_member_%d = vendor_op,", pos);
	default:
		return NULL;
	}
}

static int k_member(int pos)
{
	struct range m[256];
	int n = members(m, ARRAY_SIZE(m));
	char *text = member_text(pos / 2);

	if (!text || pos / 2 >= n)
		return NONE;
	if (!starts_line(m[pos / 2].first))
		return SKIP;
	if (pos % 2) {
		edit(line_start(file.t[m[pos / 2].first].off), 0,
		     format("#ifdef CONFIG_VENDOR_HOOKS\n%s%s\n#endif\n",
			    indent_of(m[pos / 2].first), text));
		undo(DELETE_DIRECTIVE, "CONFIG_VENDOR_HOOKS", NULL);
	} else {
		edit(line_start(file.t[m[pos / 2].first].off), 0,
		     format("%s%s\n", indent_of(m[pos / 2].first), text));
	}
	undo(DELETE, text, NULL);
	marker = format("vendor_member_%d", pos / 2);
	return DONE;
}

static int k_member_swapped(int pos)
{
	struct range m[256];
	int n = members(m, ARRAY_SIZE(m));
	struct range *a = &m[pos], *b = &m[pos + 1];

	if ((obj->type != 's' && obj->type != 'v') || pos + 1 >= n)
		return NONE;
	if (b->first != a->last + 1 || !any_of(&file, b->last, "; ,"))
		return SKIP;
	edit(file.t[a->first].off, file.t[a->last].off + 1 - file.t[a->first].off,
	     range_text(&file, b->first, b->last));
	edit(file.t[b->first].off, file.t[b->last].off + 1 - file.t[b->first].off,
	     range_text(&file, a->first, a->last));
	norm_members = true;
	norm_no_comments = true;
	return DONE;
}

/* Further code of the vendor's uses a member. */
static int k_member_user(int pos)
{
	struct range m[256];
	int n = members(m, ARRAY_SIZE(m)), i;
	char *name;

	if (obj->type != 's' || pos >= n)
		return NONE;
	for (i = m[pos].last; i > m[pos].first && !is_word(&file, i); i--)
		;
	if (is(&file, i - 1, "("))
		return SKIP;
	name = tok_text(&file, i);
	edit(object_end(), 0, format("\nstatic inline void *vendor_user(struct %s *vendor)\n{\n\treturn (void *)&vendor->%s;\n}\n",
				     obj->name, name));
	undo(DELETE, format("static inline void *vendor_user(struct %s *vendor) { return (void *)&vendor->%s; }",
			    obj->name, name), NULL);
	marker = "vendor_user";
	taken_name = name;
	check_field = true;
	return DONE;
}

/*
 * Values of a further flag.  What they stand for is worked out again in
 * bit_is_free(), not taken from here.
 */
static int k_bit(int pos)
{
	struct range m[256];
	int n = members(m, ARRAY_SIZE(m)), at = pos / 6;
	const char *text = NULL;
	bool in_enum = true;

	if (obj->type != 'e' || at > n)
		return NONE;
	switch (pos % 6) {
	case 0:	text = "AS_VENDOR,"; break;
	case 1: text = "AS_VENDOR = 10,"; break;
	case 2: text = "AS_VENDOR = 0x0b,\t/* vendor */"; break;
	case 3: text = "AS_VENDOR = 14,\n\tAS_VENDOR_TOO,"; break;
	case 4: text = "#ifdef CONFIG_VENDOR_HOOKS\n\tAS_VENDOR = 9,\n#endif"; break;
	case 5: text = "#define AS_VENDOR 9\n#define AS_VENDOR_TOO (AS_VENDOR - 2)"; in_enum = false; break;
	}
	norm_bit = true;
	marker = in_enum ? "AS_VENDOR" : "#AS_VENDOR";
	if (!in_enum) {
		if (at > 0)
			return SKIP;
		edit(object_end(), 0, format("%s\n", text));
		undo(DELETE_DIRECTIVE, "AS_VENDOR", NULL);
		return DONE;
	}
	if (at == n) {
		/* the last may have no comma */
		if (!is(&file, obj->close - 1, ","))
			return SKIP;
		edit(line_start(file.t[obj->close].off), 0, format("\t%s\n", text));
	} else {
		size_t off = line_start(file.t[m[at].first].off);

		if (!starts_line(m[at].first) || inside_comment(off))
			return SKIP;
		/* one with no value of its own counts on from the one before */
		if (at > 0 && !is(&file, m[at].first + 1, "=") && pos % 6 != 0)
			return SKIP;
		edit(off, 0, format("\t%s\n", text));
	}
	undo(DELETE, "AS_VENDOR,", NULL);
	undo(DELETE, "AS_VENDOR = 10,", NULL);
	undo(DELETE, "AS_VENDOR = 0x0b,", NULL);
	undo(DELETE, "AS_VENDOR = 14, AS_VENDOR_TOO,", NULL);
	undo(DELETE, "AS_VENDOR = 9,", NULL);
	undo(DELETE_DIRECTIVE, "CONFIG_VENDOR_HOOKS", NULL);
	norm_no_comments = true;
	return DONE;
}

static const struct kind {
	const char *name;
	int (*make)(int pos);
	const char *types;		/* of objects */
} kinds[] = {
	{ "hook",		k_hook,			"f" },
	{ "hook-ifdef",		k_hook_ifdef,		"f" },
	{ "early-exit",		k_early_exit,		"f" },
	{ "side-effect",	k_side_effect,		"f" },
	{ "comment",		k_comment,		"f" },
	{ "comment-gone",	k_comment_gone,		"fsev" },
	{ "declaration",	k_declaration,		"f" },
	{ "rename-local",	k_rename_local,		"f" },
	{ "rename-label",	k_rename_label,		"f" },
	{ "decl-swap",		k_decl_swap,		"f" },
	{ "decl-merge",		k_decl_merge,		"f" },
	{ "decl-split",		k_decl_split,		"f" },
	{ "name-taken",		k_name_taken,		"f" },
	{ "cond-split",		k_cond_split,		"f" },
	{ "cond-local",		k_cond_local,		"f" },
	{ "cond-extra",		k_cond_extra,		"f" },
	{ "likely",		k_likely,		"f" },
	{ "braces-added",	k_braces_added,		"f" },
	{ "braces-removed",	k_braces_removed,	"f" },
	{ "null-test",		k_null_test,		"f" },
	{ "argument-local",	k_argument_local,	"f" },
	{ "wrapped-helper",	k_wrapped_helper,	"f" },
	{ "helper-macro",	k_helper_macro,		"f" },
	{ "last-parameter",	k_last_parameter,	"f" },
	{ "first-parameter",	k_first_parameter,	"f" },
	{ "attribute",		k_attribute,		"f" },
	{ "prototype",		k_prototype,		"f" },
	{ "exported",		k_exported,		"f" },
	{ "caller",		k_caller,		"f" },
	{ "white-space",	k_white_space,		"fsev" },
	{ "member",		k_member,		"sv" },
	{ "member-swapped",	k_member_swapped,	"sv" },
	{ "member-user",	k_member_user,		"s" },
	{ "bit",		k_bit,			"e" },
	/* of the file: listed for its first object only */
	{ "include-added",	k_include_added,	"-" },
	{ "include-moved",	k_include_moved,	"-" },
};

static void reset(void)
{
	nedits = nundos = 0;
	marker = taken_name = NULL;
	norm_null = norm_likely = norm_decls = norm_includes = false;
	norm_members = norm_no_comments = norm_bit = false;
	check_signature = check_taken = check_field = check_arguments = false;
	check_prototype = macro_helper = false;
}

static int make(const struct kind *k, int pos)
{
	reset();
	if (k->types[0] != '-' && !strchr(k->types, obj->type))
		return NONE;
	return k->make(pos);
}

static const struct kind *find_kind(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	die("perturb: error: %s: no such kind", name);
	return NULL;
}

/* ---- comparing */

struct item {
	int type;
	char *text;
};

struct items {
	struct item *i;
	int n;
};

static void push(struct items *l, int type, char *text)
{
	l->i = grow(l->i, l->n, sizeof(*l->i));
	l->i[l->n++] = (struct item){ type, text };
}

/* Code, comments and directives in their order; comments word by word. */
static struct items itemize(const struct src *s, bool comments)
{
	struct items l = { NULL, 0 };
	int i = 0, k = 0;

	while (i < s->n || k < s->nc) {
		if (k < s->nc && (i >= s->n || s->c[k].off < s->t[i].off)) {
			char *text = text_of(s, &s->c[k]), *out = format(""), *w;

			if (s->c[k].type == COMMENT && !comments) {
				k++;
				continue;
			}
			for (w = strtok(text, " \t\n\\"); w; w = strtok(NULL, " \t\n\\"))
				if (strcmp(w, "*"))
					out = format("%s%s%s", out, *out ? " " : "", w);
			push(&l, s->c[k].type, out);
			k++;
		} else {
			push(&l, s->t[i].type, tok_text(s, i));
			i++;
		}
	}
	return l;
}

static struct items itemize_text(const char *text, bool comments)
{
	struct src s = { .path = "perturb", .text = format("%s", text), .size = strlen(text) };

	tokenize(&s);
	return itemize(&s, comments);
}

static void cut(struct items *l, int at, int n)
{
	memmove(&l->i[at], &l->i[at + n], (l->n - at - n) * sizeof(l->i[0]));
	l->n -= n;
}

static bool item_is(const struct items *l, int i, const char *text)
{
	return i >= 0 && i < l->n && !strcmp(l->i[i].text, text);
}

/* How many items from at on are the sequence; code compares past comments. */
static int matches(const struct items *l, int at, const struct items *seq)
{
	int i = at, k;

	for (k = 0; k < seq->n; k++, i++) {
		if (k)
			while (i < l->n && l->i[i].type == COMMENT && seq->i[k].type != COMMENT)
				i++;
		if (!item_is(l, i, seq->i[k].text))
			return 0;
	}
	return i - at;
}

static void insert_items(struct items *l, int at, const struct items *seq)
{
	int k;

	for (k = 0; k < seq->n; k++)
		push(l, 0, NULL);
	memmove(&l->i[at + seq->n], &l->i[at], (l->n - seq->n - at) * sizeof(l->i[0]));
	memcpy(&l->i[at], seq->i, seq->n * sizeof(l->i[0]));
}

static int item_match(const struct items *l, int i)
{
	int depth = 0;

	for (; i < l->n; i++) {
		if (item_is(l, i, "(") || item_is(l, i, "{") || item_is(l, i, "["))
			depth++;
		if ((item_is(l, i, ")") || item_is(l, i, "}") || item_is(l, i, "]")) && !--depth)
			return i;
	}
	return l->n - 1;
}

static void undo_one(struct items *l, const struct undo *u)
{
	struct items a = itemize_text(u->a, true);
	struct items b = { NULL, 0 }, head = b, whole = b, and = b;
	bool nested = false;
	int i, n;

	if (u->b)
		b = itemize_text(u->b, true);
	if (u->op == UNSPLIT) {
		struct items before = itemize(&file, false);

		head = itemize_text(format("if (%s) { if (", u->a), true);
		whole = itemize_text(format("if (%s) { if (%s)", u->a, u->b), true);
		and = itemize_text("&&", true);
		/*
		 * The change may have extended the second condition; but where
		 * the file has nested conditions like these, they must stay so.
		 */
		for (i = 0; i < before.n && !nested; i++)
			nested = matches(&before, i, &head);
	}
	for (i = 0; i < l->n; i++) {
		switch (u->op) {
		case RENAME:
			if (item_is(l, i, u->a))
				l->i[i].text = u->b;
			break;
		case DELETE:
			n = matches(l, i, &a);
			if (n) {
				/* comments that got between stay */
				int k;

				for (k = i; n > 0; n--) {
					if (l->i[k].type == COMMENT && a.i[0].type != COMMENT)
						k++;
					else
						cut(l, k, 1);
				}
				insert_items(l, i, &b);
				i--;
				if (b.n)
					i += b.n;
			}
			break;
		case DELETE_DIRECTIVE:
			if (l->i[i].type == DIRECTIVE && strstr(l->i[i].text, u->a)) {
				if (!strncmp(l->i[i].text, "#if", 3))
					for (n = i; n < l->n; n++)
						if (!strncmp(l->i[n].text, "#endif", 6)) {
							cut(l, n, 1);
							break;
						}
				cut(l, i--, 1);
			}
			break;
		case SUBSTITUTE:
			if (item_is(l, i, u->a)) {
				cut(l, i, 1);
				insert_items(l, i, &b);
				i += b.n - 1;
			}
			break;
		case UNSPLIT: {
			int open, close;

			n = matches(l, i, &head);
			if (!n || (nested && !matches(l, i, &whole)))
				break;
			/* if ( A ) { if ( B ) S }  ->  if ( A && B ) S */
			for (open = i; !item_is(l, open, "{"); open++)
				;
			close = item_match(l, open);
			cut(l, close, 1);
			cut(l, open - 1, i + n - (open - 1));
			insert_items(l, open - 1, &and);
			break;
		}
		}
	}
}

/* The flag's number is not compared: it has its own check. */
static void hide_bit(struct items *l)
{
	int i;

	for (i = 0; i < l->n; i++)
		if (item_is(l, i, "AS_WRITEBACK_MAY_BLOCK") && item_is(l, i + 1, "="))
			l->i[i + 2].text = "N";
}

static int evaluate(const struct src *s, int first, int last, struct names *l, long *val, int n)
{
	long v = 0, sign = 1;
	int i, k;

	for (i = first; i <= last; i++) {
		if (s->t[i].type == NUMBER) {
			v += sign * strtol(tok_text(s, i), NULL, 0);
		} else if (is_word(s, i)) {
			for (k = 0; k < n; k++)
				if (is(s, i, l->name[k]))
					v += sign * val[k];
		} else if (is(s, i, "-")) {
			sign = -1;
			continue;
		}
		sign = 1;
	}
	return v;
}

/* Whether no other flag of enum mapping_flags, nor a hidden one, has the bit. */
static bool bit_is_free(const struct src *s)
{
	struct object *o = find_object(s, "mapping_flags");
	struct names l = { .n = 0 };
	long val[256], next = 0, ours = -1;
	int i, first, n = 0;

	if (!o)
		return false;
	for (i = first = o->open + 1; i <= o->close && n < 250; i++) {
		if (!is(s, i, ",") && i != o->close)
			continue;
		if (i > first) {
			long v = next;

			if (is(s, first + 1, "="))
				v = evaluate(s, first + 2, i - 1, &l, val, n);
			l.name[l.n++] = tok_text(s, first);
			val[n++] = v;
			next = v + 1;
			if (is(s, first, "AS_WRITEBACK_MAY_BLOCK"))
				ours = v;
		}
		first = i + 1;
	}
	for (i = 0; i < n; i++) {
		/* how many bits, not a bit */
		if (!strcmp(l.name[i], "AS_FOLIO_ORDER_BITS"))
			continue;
		if (val[i] == ours && strcmp(l.name[i], "AS_WRITEBACK_MAY_BLOCK"))
			return false;
	}
	for (i = 0; i < s->nc; i++)
		if (s->c[i].type == DIRECTIVE && strstr(text_of(s, &s->c[i]), "define AS_VENDOR"))
			if (ours == 9 || ours == 7)	/* see k_bit() */
				return false;
	return ours >= 0 && ours < 16;
}

static void strip_braces(struct items *l)
{
	int i, k, close;

	for (i = 1; i < l->n; i++) {
		if (!item_is(l, i, "{") ||
		    !(item_is(l, i - 1, ")") || item_is(l, i - 1, "else") || item_is(l, i - 1, "do")))
			continue;
		close = item_match(l, i);
		for (k = i + 1; k < close; k++) {
			if (item_is(l, k, ";"))
				break;
			if (item_is(l, k, "{") || item_is(l, k, "if") || item_is(l, k, "for") ||
			    item_is(l, k, "while") || item_is(l, k, "switch") || item_is(l, k, "do"))
				k = close;
			else if (item_is(l, k, "("))
				k = item_match(l, k);
		}
		/* a function of one statement keeps its own: same on both sides */
		if (k == close - 1) {
			cut(l, close, 1);
			cut(l, i, 1);
		}
	}
}

static void strip_null(struct items *l)
{
	int i, k;
	struct items not = itemize_text("!", true);

	for (i = 1; i < l->n; i++) {
		if (!item_is(l, i, "==") || !item_is(l, i + 1, "NULL"))
			continue;
		for (k = i - 1; k > 1 && (item_is(l, k - 1, "->") || item_is(l, k - 1, ".")); )
			k -= 2;
		cut(l, i, 2);
		insert_items(l, k, &not);
	}
}

static void strip_likely(struct items *l)
{
	int i;

	for (i = 0; i < l->n; i++)
		if ((item_is(l, i, "unlikely") || item_is(l, i, "likely")) &&
		    item_is(l, i + 1, "(")) {
			cut(l, item_match(l, i + 1), 1);
			cut(l, i, 2);
		}
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void append(char **s, const char *t)
{
	char *n = format("%s%s%s", *s, **s ? " " : "", t);

	free(*s);
	*s = n;
}

/*
 * Each declaration with one declarator, and runs of them sorted.  Works on the
 * text of a file, whose function is parsed anew.
 */
static struct items sort_decls(struct src *s, const char *name)
{
	struct object *f = find_object(s, name);
	struct items l = { NULL, 0 };
	int i, k, at;

	if (!f)
		return itemize(s, false);
	parse_function(s, f);
	for (i = 0; i < f->open; i++)
		push(&l, s->t[i].type, tok_text(s, i));
	at = f->open;
	for (i = 0; i < nst; i++) {
		char *run[256];
		int n = 0;

		if (st[i].type != DECL || st[i].first < at)
			continue;
		for (; at < st[i].first; at++)
			push(&l, s->t[at].type, tok_text(s, at));
		for (; i < nst && st[i].type == DECL && st[i].first == at; i++) {
			int d, from;
			char *base = format("");

			/* declarator() reads file */
			{
				struct src keep = file;

				file = *s;
				d = is(s, st[i].first + 1, "(") ? st[i].first : declarator(i);
				file = keep;
			}
			for (k = st[i].first; k < d; k++)
				append(&base, tok_text(s, k));
			for (from = k = d; k <= st[i].last; k++) {
				if (is(s, k, ",") || is(s, k, ";")) {
					char *one = format("%s", base);

					for (; from < k; from++)
						append(&one, tok_text(s, from));
					append(&one, ";");
					if (n < (int)ARRAY_SIZE(run))
						run[n++] = one;
					from = k + 1;
				}
				if (s->t[k].match > k)
					k = s->t[k].match;
			}
			at = st[i].last + 1;
		}
		i--;
		qsort(run, n, sizeof(run[0]), compare_text);
		for (k = 0; k < n; k++) {
			struct items one = itemize_text(run[k], false);

			insert_items(&l, l.n, &one);
		}
	}
	for (; at < s->n; at++)
		push(&l, s->t[at].type, tok_text(s, at));
	return l;
}

static struct items sort_members(struct src *s, const char *name)
{
	struct object *o = find_object(s, name);
	struct items l = { NULL, 0 };
	char *run[256];
	int i, n = 0;

	if (!o)
		return itemize(s, false);
	for (i = 0; i <= o->open; i++)
		push(&l, s->t[i].type, tok_text(s, i));
	run[0] = format("");
	for (; i < o->close; i++) {
		append(&run[n], tok_text(s, i));
		if (any_of(s, i, "; , {") && n < 254)
			run[++n] = format("");
	}
	qsort(run, n + 1, sizeof(run[0]), compare_text);
	for (i = 0; i <= n; i++) {
		struct items one = itemize_text(run[i], false);

		insert_items(&l, l.n, &one);
	}
	for (i = o->close; i < s->n; i++)
		push(&l, s->t[i].type, tok_text(s, i));
	return l;
}

static void sort_includes(struct items *l)
{
	char *run[256];
	int at[256], i, n = 0;

	for (i = 0; i < l->n && n < 256; i++)
		if (l->i[i].type == DIRECTIVE && !strncmp(l->i[i].text, "#include", 8)) {
			at[n] = i;
			run[n++] = l->i[i].text;
		}
	qsort(run, n, sizeof(run[0]), compare_text);
	/* all of them first */
	for (i = n - 1; i >= 0; i--)
		cut(l, at[i], 1);
	for (i = 0; i < n; i++) {
		struct items one = { NULL, 0 };

		push(&one, DIRECTIVE, run[i]);
		insert_items(l, i, &one);
	}
}

static struct items normal(struct src *s, bool perturbed, bool comments)
{
	struct items l;
	int i;

	if (norm_decls)
		l = sort_decls(s, obj->name);
	else if (norm_members)
		l = sort_members(s, obj->name);
	else
		l = itemize(s, comments);
	if (perturbed)
		for (i = 0; i < nundos; i++)
			undo_one(&l, &undos[i]);
	if (norm_includes)
		sort_includes(&l);
	if (norm_bit)
		hide_bit(&l);
	/* what is inserted or removed can have given a body its braces */
	strip_braces(&l);
	if (norm_null)
		strip_null(&l);
	if (norm_likely)
		strip_likely(&l);
	return l;
}

static bool same(const struct items *a, const struct items *b)
{
	int i;

	if (a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++)
		if (strcmp(a->i[i].text, b->i[i].text))
			return false;
	return true;
}

static void write_items(const char *dir, const char *name, const struct items *l)
{
	char *path = format("%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	int i;

	if (!f)
		die("%s: error: cannot be written", path);
	for (i = 0; i < l->n; i++) {
		fputs(l->i[i].text, f);
		fputc(l->i[i].type == COMMENT || l->i[i].type == DIRECTIVE ||
		      strchr(";{}", l->i[i].text[0]) ? '\n' : ' ', f);
	}
	fclose(f);
}

static int count_word(const struct src *s, const char *word)
{
	int i, n = 0;

	if (*word == '#') {
		for (i = 0; i < s->nc; i++)
			if (s->c[i].type == DIRECTIVE && strstr(text_of(s, &s->c[i]), word + 1))
				n++;
		return n;
	}
	for (i = 0; i < s->n; i++)
		if (is(s, i, word))
			n++;
	return n;
}

static int nr_parameters(const struct src *s, const struct object *f)
{
	struct names l = { .n = 0 };

	parameters(s, f, &l);
	return l.n;
}

static bool same_signature(void)
{
	struct object *now = find_object(&ref, obj->name);

	return now && nr_parameters(&file, obj) == nr_parameters(&ref, now);
}

/* What is left in RESULT refers to something that is not there any more. */
static bool dangles(void)
{
	struct object *o = find_object(&result, obj->name);
	int i, k;

	if (check_signature && count_word(&result, marker) && !same_signature())
		return true;
	if (check_field && count_word(&result, marker)) {
		o = find_object(&ref, obj->name);
		if (!o)
			return true;
		for (i = o->open; i < o->close; i++)
			if (is(&ref, i, taken_name))
				return false;
		return true;
	}
	if (check_taken && o) {
		int found = 0;

		parse_function(&result, o);
		for (i = 0; i < nst; i++)
			if (st[i].type == DECL && st[i].parent == 0) {
				struct names l = { .n = 0 };

				declared_by(&result, &st[i], &l);
				found += has_name(&l, taken_name);
			}
		if (found > 1)
			return true;
	}
	if (check_prototype) {
		/* a prototype must say what the definition says */
		for (i = 0; i < result.n; i++) {
			if (!is(&result, i, obj->name) || !is(&result, i + 1, "(") ||
			    !is(&result, result.t[i + 1].match + 1, ";") ||
			    !(is_word(&result, i - 1) || is(&result, i - 1, "*")) ||
			    any_of(&result, i - 1, "return else"))
				continue;
			if (o && i > o->open && i < o->close)
				continue;
			for (k = 0; k < result.no; k++)
				if (result.o[k].type == 'f' && i > result.o[k].open && i < result.o[k].close)
					break;
			if (k < result.no)
				continue;
			if (!o)
				return true;
			for (k = 0; o->popen + k <= o->pclose; k++)
				if (!is(&result, i + 1 + k, tok_text(&result, o->popen + k)))
					return true;
		}
	}
	if (check_arguments) {
		/* who is called with the argument has it, and the other way round */
		bool has = false;

		if (o)
			for (i = o->popen; i < o->pclose; i++)
				if (is(&result, i, "vendor_arg"))
					has = true;
		for (i = 0; i < result.n; i++) {
			bool given = false;

			if (!is(&result, i, obj->name) || !is(&result, i + 1, "(") ||
			    (o && i == o->popen - 1))
				continue;
			for (k = i + 1; k < result.t[i + 1].match; k++)
				if (any_of(&result, k, "VENDOR_ARG vendor_arg"))
					given = true;
			if (given != has)
				return true;
		}
	}
	return false;
}

static int judge(const char *dir)
{
	struct src t = { .path = "perturbed" };
	struct object *now = find_object(&ref, obj->name);
	struct items expected, got;
	const char *verdict = "equivalent";

	t.text = edited(&t.size);
	parse_text(&t);

	if (macro_helper) {
		/* where the change leaves the function alone there is nothing to
		 * compare but the rest */
		if (now && strcmp(range_text(&file, obj->first, obj->last),
				  range_text(&ref, now->first, now->last))) {
			puts("different");
			return 0;
		}
		if (now) {
			undo(DELETE_DIRECTIVE, format("#define %s(", obj->name), NULL);
			memset(ref.text + ref.t[now->first].off, ' ',
			       ref.t[now->last].off + 1 - ref.t[now->first].off);
			ref.n = ref.nc = ref.no = 0;
			ref.t = ref.c = NULL;
			ref.o = NULL;
			parse_text(&ref);
		}
	}
	expected = normal(&ref, false, false);
	got = normal(&result, true, false);
	write_items(dir, "expected", &expected);
	write_items(dir, "got", &got);
	if (dangles()) {
		verdict = "dangling";
	} else if (!same(&expected, &got) || (norm_bit && !bit_is_free(&result))) {
		verdict = "different";
	} else if (marker && count_word(&result, marker) < count_word(&t, marker)) {
		verdict = now ? "lost" : "dropped";
	} else if (!norm_no_comments) {
		struct items e = normal(&ref, false, true), g = normal(&result, true, true);

		if (!same(&e, &g)) {
			verdict = "comment";
			write_items(dir, "expected", &e);
			write_items(dir, "got", &g);
		}
	}
	puts(verdict);
	return 0;
}

/* ---- objects that differ */

static bool same_object(const struct src *a, const struct object *x,
			const struct src *b, const struct object *y)
{
	int i;

	if (x->last - x->first != y->last - y->first)
		return false;
	for (i = 0; x->first + i <= x->last; i++)
		if (!is(b, y->first + i, tok_text(a, x->first + i)))
			return false;
	return true;
}

/* Whether there is such an object: a file may have two by a name, behind #ifdef. */
static bool has_same(const struct src *a, const struct object *x, const struct src *b)
{
	int i;

	for (i = 0; i < b->no; i++)
		if (!strcmp(b->o[i].name, x->name) && same_object(a, x, b, &b->o[i]))
			return true;
	return false;
}

static int touched(void)
{
	int i;

	for (i = 0; i < file.no; i++)
		if (!has_same(&file, &file.o[i], &ref))
			printf("%c %s\n", file.o[i].type, file.o[i].name);
	for (i = 0; i < ref.no; i++)
		if (!find_object(&file, ref.o[i].name))
			printf("%c %s\n", ref.o[i].type, ref.o[i].name);
	return 0;
}

/* The functions that use a name. */
static int users(const char *name)
{
	int i, k;

	for (i = 0; i < file.no; i++)
		for (k = file.o[i].open; k < file.o[i].close; k++)
			if (is(&file, k, name)) {
				puts(file.o[i].name);
				break;
			}
	return 0;
}

/* ---- a table of edits */

struct binding {
	char *name;
	int first, last;
};

static struct binding bound[32];
static int nbound;

static char *binding_text(const char *name)
{
	int i;

	for (i = 0; i < nbound; i++)
		if (!strcmp(bound[i].name, name))
			return range_text(&file, bound[i].first, bound[i].last);
	return NULL;
}

/* Matches the pattern from token i on; returns the token after it, or -1. */
static int match_pattern(const struct items *p, int k, int i, int end)
{
	int keep = nbound, j;
	char *was;

	for (; k < p->n; k++, i++) {
		if (i > end)
			return -1;
		if (item_is(p, k, "$")) {	/* $name: one token */
			k++;
			was = binding_text(p->i[k].text);
			if (was ? !is(&file, i, was) : !is_word(&file, i))
				return -1;
			if (!was)
				bound[nbound++] = (struct binding){ p->i[k].text, i, i };
		} else if (item_is(p, k, "@") || item_is(p, k, "%")) {
			/* @name: any, as few as will do; %name: across brackets */
			bool flat = item_is(p, k, "%");

			k++;
			for (j = i; j <= end + 1; j++) {
				int got;

				nbound = keep;
				bound[nbound++] = (struct binding){ p->i[k].text, i, j - 1 };
				got = match_pattern(p, k + 1, j, end);
				if (got >= 0)
					return got;
				if (j <= end && any_of(&file, j, ") } ]") && !flat)
					break;
				if (j <= end && file.t[j].match > j && !flat)
					j = file.t[j].match;
			}
			nbound = keep;
			return -1;
		} else if (!is(&file, i, p->i[k].text)) {
			return -1;
		}
	}
	return i;
}

static char *fill_in(const char *text)
{
	char *out = format("");

	while (*text) {
		size_t n = strcspn(text, "$@");
		char name[64];

		out = format("%s%.*s", out, (int)n, text);
		text += n;
		if (!*text)
			break;
		text++;
		for (n = 0; isalnum((unsigned char)text[n]) && n < sizeof(name) - 1; n++)
			name[n] = text[n];
		name[n] = '\0';
		if (!binding_text(name))
			die("perturb: error: $%s is not in the pattern", name);
		out = format("%s%s", out, binding_text(name));
		text += n;
	}
	return out;
}

static void reparse(char *text, size_t size)
{
	file.text = text;
	file.size = size;
	file.n = file.nc = file.no = 0;
	file.t = file.c = NULL;
	file.o = NULL;
	parse_text(&file);
}

static bool substitute(const char *name, const char *from, const char *to)
{
	struct items p = itemize_text(from, false);
	int i, k, end;
	size_t size;

	obj = find_object(&file, name);
	if (!obj)
		return false;
	end = obj->last;
	for (i = obj->first; i <= end; i++) {
		nbound = 0;
		k = match_pattern(&p, 0, i, end);
		if (k < 0)
			continue;
		nedits = 0;
		edit(file.t[i].off, file.t[k - 1].off + file.t[k - 1].len - file.t[i].off,
		     fill_in(to));
		{
			char *text = edited(&size);

			reparse(text, size);
		}
		return true;
	}
	return false;
}

static bool occurs(const char *name, const char *pattern)
{
	struct items p = itemize_text(pattern, false);
	int i;

	obj = find_object(&file, name);
	for (i = obj ? obj->first : 0; obj && i <= obj->last; i++) {
		nbound = 0;
		if (match_pattern(&p, 0, i, obj->last) >= 0)
			return true;
	}
	return false;
}

/*
 * The table is read by its words: "NAME CHANGE FILE OBJECT" behind "==".  With
 * handled, the file is what the change has made of the edited one: is it so that
 * no pattern of the entry's "!" lines occurs, and does it have any?
 */
static int table(const char *path, const char *wanted, bool handled)
{
	FILE *f = fopen(path, "r");
	char line[4096], name[128] = "", change[16], where[256], object[128] = "";
	char *from = format(""), *to = format("");
	bool applied = false, here = false, any = false;
	int forbidden = 0;

	if (!f)
		die("%s: error: cannot be read", path);
	for (;;) {
		bool end = !fgets(line, sizeof(line), f);

		if (end || !strncmp(line, "== ", 3) || (line[0] == '-' && *to)) {
			if (here && *from && !handled) {
				if (!substitute(object, from, to))
					return 3;
				applied = true;
			}
			from = format("");
			to = format("");
		}
		if (end)
			break;
		if (!strncmp(line, "== ", 3)) {
			if (here)
				break;
			if (sscanf(line, "== %127s %15s %255s %127s", name, change, where, object) != 4)
				die("%s: error: not NAME CHANGE FILE OBJECT: %s", path, line);
			if (!wanted)
				printf("%s %s %s %s\n", name, change, where, object);
			any = true;
			here = wanted && !strcmp(name, wanted);
		} else if (here && line[0] == '!') {
			forbidden++;
			if (handled && occurs(object, line + 1))
				return 3;
		} else if (here && line[0] == '-') {
			from = format("%s%s", from, line + 1);
		} else if (here && line[0] == '+') {
			to = format("%s%s", to, line + 1);
		}
	}
	fclose(f);
	if (!any)
		die("%s: error: no edit in it", path);
	if (!wanted)
		return 0;
	if (handled)
		return forbidden ? 0 : 3;
	if (!applied)
		return 3;
	fwrite(file.text, 1, file.size, stdout);
	return 0;
}

/* ---- a sample */

struct pick {
	unsigned long long key;
	size_t group;
	int rank;
	char *line;
};

static int by_group(const void *a, const void *b)
{
	const struct pick *x = a, *y = b;
	int c = x->group != y->group ? 0 : 1;

	if (!c || (c = strncmp(x->line, y->line, x->group + 1)))
		return c ? c : strcmp(x->line, y->line);
	return x->key < y->key ? -1 : x->key > y->key;
}

static int by_rank(const void *a, const void *b)
{
	const struct pick *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank - y->rank;
	return x->key < y->key ? -1 : x->key > y->key;
}

static int sample(const char *seed, int count)
{
	struct pick *p = NULL;
	char line[1024];
	int i, n = 0;

	while (fgets(line, sizeof(line), stdin)) {
		unsigned long long h = 14695981039346656037ULL;
		const char *c;

		for (c = seed; *c; c++)
			h = (h ^ (unsigned char)*c) * 1099511628211ULL;
		for (c = line; *c; c++)
			h = (h ^ (unsigned char)*c) * 1099511628211ULL;
		h ^= h >> 29;
		h *= 0xbf58476d1ce4e5b9ULL;
		h ^= h >> 32;
		p = grow(p, n, sizeof(*p));
		p[n++] = (struct pick){ h, strcspn(line, " "), 0, format("%s", line) };
	}
	if (!n)
		return 0;
	qsort(p, n, sizeof(*p), by_group);
	for (i = 1; i < n; i++)
		if (p[i].group == p[i - 1].group &&
		    !strncmp(p[i].line, p[i - 1].line, p[i].group))
			p[i].rank = p[i - 1].rank + 1;
	qsort(p, n, sizeof(*p), by_rank);
	for (i = 0; i < n && i < count; i++)
		fputs(p[i].line, stdout);
	return 0;
}

static int usage(void)
{
	fputs("usage: perturb list FILE OBJECT REF\n"
	      "       perturb apply KIND POSITION FILE OBJECT REF\n"
	      "       perturb judge KIND POSITION FILE OBJECT REF RESULT DIR\n"
	      "       perturb touched FILE OTHER\n"
	      "       perturb users FILE NAME\n"
	      "       perturb sample SEED COUNT\n"
	      "       perturb semantics TABLE\n"
	      "       perturb semantic|handled TABLE NAME FILE\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	size_t i, size;
	int pos, rc;

	if (!strcmp(verb, "touched") && argc == 4) {
		load(&file, argv[2]);
		load(&ref, argv[3]);
		return touched();
	}
	if (!strcmp(verb, "users") && argc == 4) {
		load(&file, argv[2]);
		return users(argv[3]);
	}
	if (!strcmp(verb, "sample") && argc == 4)
		return sample(argv[2], atoi(argv[3]));
	if (!strcmp(verb, "semantics") && argc == 3)
		return table(argv[2], NULL, false);
	if ((!strcmp(verb, "semantic") || !strcmp(verb, "handled")) && argc == 5) {
		load(&file, argv[4]);
		return table(argv[2], argv[3], verb[0] == 'h');
	}
	if (!strcmp(verb, "list") && argc == 5) {
		load(&file, argv[2]);
		load(&ref, argv[4]);
		obj = find_object(&file, argv[3]);
		if (!obj)
			return 3;
		for (i = 0; i < ARRAY_SIZE(kinds); i++)
			for (pos = 0; (rc = make(&kinds[i], pos)) != NONE; pos++)
				if (rc == DONE && nedits)
					printf("%s %d\n", kinds[i].name, pos);
		return 0;
	}
	if ((!strcmp(verb, "apply") && argc == 7) || (!strcmp(verb, "judge") && argc == 9)) {
		load(&file, argv[4]);
		load(&ref, argv[6]);
		obj = find_object(&file, argv[5]);
		if (!obj || make(find_kind(argv[2]), atoi(argv[3])) != DONE)
			return 3;
		if (verb[0] == 'a') {
			char *text = edited(&size);

			fwrite(text, 1, size, stdout);
			return 0;
		}
		load(&result, argv[7]);
		return judge(argv[8]);
	}
	return usage();
}
