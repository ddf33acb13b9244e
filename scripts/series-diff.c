// SPDX-License-Identifier: GPL-2.0-only
/*
 * series-diff - compare what a change does on one kernel with what it does on the others
 *
 * A patch is read as statements, per function: those that it removes (-) and
 * those that it adds (+).  A statement is what ends in a semicolon or a brace,
 * wherever its lines break; a comment is its words.  Names of the page era are
 * replaced by those of the folio era.  Context is not compared, with two
 * exceptions: a statement that is changed in part is taken whole, and for an
 * added statement that all kernels have, the one it follows must be the same
 * too (@), so that a test that has moved behind a wait is seen.
 *
 * What is left is a difference.  Each must be quoted, with the kernels that
 * have it, in the file `differences` of its change.
 *
 * Exit status: 0 shown, or all differences are explained; 1 some are not;
 * 2 wrong usage or input that cannot be read.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAB		8
#define MAX_KERNELS	32	/* bits of a mask */
#define NAMES_ERA	"page era and folio era"

#define max(a, b)	((a) > (b) ? (a) : (b))

struct token {
	char *text;
	int line;		/* of the hunk */
	int indent;		/* column of the first token of the line */
	int comment;		/* which one of the hunk, 0: code */
	bool space;		/* white space precedes it */
	bool first;		/* of its line */
	bool directive;		/* on the line of a preprocessor directive */
	bool changed;		/* its line is not context */
};

struct tokens {
	struct token *t;
	size_t n, room;
};

/* A statement, or the words of a comment. */
struct unit {
	char sign;		/* '-' or '+', ' ' for context */
	bool comment;
	char *key;		/* normalised, one space between tokens */
	char *text;		/* normalised, for people */
	int indent;
	int hunk, line;
	bool top;		/* opens a function or is declared beside one */
	const char *scope;	/* name of the function */
	bool guessed;		/* see struct function */
	struct unit *before;	/* statement in front of it, NULL: not shown */
	struct element *e;
};

struct function {
	char *file, *name;
	bool guessed;		/* the head of the hunk does not tell the name */
	char *previous;		/* then: the function that the hunk before is in */
	struct unit **u;
	size_t n, room;
};

/* A declaration that a hunk shows. */
struct declaration {
	const char *file, *name;
	char *text;
};

/* A change as one kernel has it. */
struct version {
	char *patch;		/* NULL: it does not have it */
	char *left_out;		/* what series/LTS/series says of that */
	struct function **f;
	size_t n, room;
	struct declaration *d;
	size_t nr_d, room_d;
};

/* Something that a function of the change has on some kernels, or on all. */
struct element {
	char sign;		/* '-', '+', '@' */
	char *key, *text;
	int instance;		/* the how manieth of the same text */
	unsigned int have;	/* kernels */
	struct unit *unit[MAX_KERNELS];
	const struct stanza *why;
};

/* A function of the change, on all kernels. */
struct place {
	char *file, *name;
	struct element **e;
	size_t n, room;
};

/* An explanation of the file `differences`. */
struct stanza {
	char *file, *name, *why;
	int line;
};

/* A line that it quotes. */
struct quote {
	const struct stanza *s;
	unsigned int have, lack;
	int lack_line;
	char sign;
	char *key, *text;
	int line;
};

struct change {
	char *name;
	struct version v[MAX_KERNELS];
	unsigned int all;	/* kernels that have it */
	struct place **p;
	size_t n, room;
	struct stanza **s;
	size_t nr_s, room_s;
	struct quote **q;
	size_t nr_q, room_q;
	int differences, unexplained, errors;
	int said_line;		/* see name_missing() */
	unsigned int said_have;
};

/* A name, or a sequence of tokens, of the page era and what replaces it. */
struct name {
	struct tokens from, to;
	char *text;
	int line;
	bool used;
};

static struct name **names;
static size_t nr_names, room_names;

static char *lts[MAX_KERNELS];
static int nr_lts;

static struct change **changes;
static size_t nr_changes, room_changes;

static const char *series_dir, *backports_dir, *names_file;
static bool silent;	/* errors are the business of --check */
static bool json;

/* ---- memory, text */

static void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void die(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

static void *checked(void *p)
{
	if (!p)
		die("series-diff: error: out of memory");
	return p;
}

/* Room for one more in an array of @n. */
static void *grown(void *array, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return array;
	*room = *room ? 2 * *room : 16;
	return checked(realloc(array, *room * size));
}

#define push(array, n, room, item) do {					\
	(array) = grown(array, n, &(room), sizeof(*(array)));		\
	(array)[(n)++] = (item);					\
} while (0)

static char *copy(const char *s)
{
	return checked(strdup(s));
}

static char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static char *format(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int rc;

	va_start(ap, fmt);
	rc = vasprintf(&s, fmt, ap);
	va_end(ap);
	return checked(rc < 0 ? NULL : s);
}

static char *appended(char *s, const char *more)
{
	char *both = format("%s%s", s, more);

	free(s);
	return both;
}

static char *trimmed(char *s)
{
	size_t n;

	s += strspn(s, " \t");
	for (n = strlen(s); n && isspace((unsigned char)s[n - 1]); n--)
		s[n - 1] = '\0';
	return s;
}

static FILE *opened(const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f)
		die("%s: error: cannot be read: %s", path, strerror(errno));
	return f;
}

/* A line without its newline, or NULL; the caller does not own it. */
static char *next_line(FILE *f)
{
	static char *line;
	static size_t room;
	ssize_t n = getline(&line, &room, f);

	if (n < 0)
		return NULL;
	if (n && line[n - 1] == '\n')
		line[n - 1] = '\0';
	return line;
}

/* ---- tokens */

static bool is(const struct token *t, const char *text)
{
	return !strcmp(t->text, text);
}

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static bool is_word(const struct token *t)
{
	return word_char(t->text[0]) && !isdigit((unsigned char)t->text[0]);
}

/* Length of the token that @s begins with; in a comment, quotes are just that. */
static size_t token_length(const char *s, bool in_comment)
{
	static const char * const operators[] = {
		"...", "<<=", ">>=", "->", "++", "--", "<<", ">>", "<=", ">=",
		"==", "!=", "&&", "||", "+=", "-=", "*=", "/=", "%=", "&=",
		"|=", "^=", "##",
	};
	size_t i, n = 0;

	if (word_char(*s)) {
		while (word_char(s[n]))
			n++;
		return n;
	}
	if (!in_comment && (*s == '"' || *s == '\'')) {
		for (n = 1; s[n] && s[n] != *s; n++)
			if (s[n] == '\\' && s[n + 1])
				n++;
		return s[n] ? n + 1 : n;
	}
	for (i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		if (!strncmp(s, operators[i], strlen(operators[i])))
			return strlen(operators[i]);
	return 1;
}

/* Splits one line; @comment is the number of the open comment, 0 for none. */
static void split_line(struct tokens *to, const char *s, struct token like,
		       int *comment, int *nr_comments)
{
	bool first = true, space = true;
	size_t n;

	like.indent = 0;
	for (n = 0; s[n] == ' ' || s[n] == '\t'; n++)
		like.indent = s[n] == '\t' ? (like.indent / TAB + 1) * TAB :
			like.indent + 1;
	like.directive = !*comment && s[n] == '#';

	while (*s) {
		if (isspace((unsigned char)*s)) {
			space = true;
			s++;
			continue;
		}
		if (!*comment && !strncmp(s, "/*", 2)) {
			struct token t = like;

			*comment = ++*nr_comments;
			s += 2 + strspn(s + 2, "*");
			if (*s == '/')
				s--;
			/* keeps the column of a comment without words yet */
			t.text = copy("");
			t.comment = *comment;
			t.first = first;
			push(to->t, to->n, to->room, t);
			space = true;
			first = false;
			continue;
		}
		if (!*comment && !strncmp(s, "//", 2))
			return;
		if (*comment && !strncmp(s, "*/", 2)) {
			*comment = 0;
			s += 2;
			space = true;
			continue;
		}
		if (*comment && first && *s == '*' && (!s[1] || isspace((unsigned char)s[1]))) {
			struct token t = like;

			t.text = copy("");
			t.comment = *comment;
			t.first = first;
			push(to->t, to->n, to->room, t);
			first = false;
			s++;
			continue;
		}
		n = token_length(s, *comment);
		like.text = checked(strndup(s, n));
		like.comment = *comment;
		like.space = space;
		like.first = first;
		push(to->t, to->n, to->room, like);
		first = false;
		space = false;
		s += n;
	}
}

/* Tokens of a text that stands alone; that of a comment begins with its mark. */
static struct tokens tokens_of(const char *s)
{
	struct tokens all = { 0 }, to = { 0 };
	struct token like = { .changed = true };
	int comment = 0, nr = 0;
	size_t i;

	split_line(&all, s, like, &comment, &nr);
	for (i = 0; i < all.n; i++)
		if (all.t[i].text[0])
			push(to.t, to.n, to.room, all.t[i]);
	return to;
}

/* ---- names */

static bool same_tokens(const struct token *a, const struct token *b, size_t n)
{
	while (n--)
		if (strcmp(a++->text, b++->text))
			return false;
	return true;
}

/*
 * Tokens that "..." stands for at @at: in parentheses whatever is in them, else
 * an expression like wpa->ia.ap.pages[i].  @stop is the token that follows it.
 */
static size_t held(const struct tokens *in, size_t at, bool in_parens,
		   const struct token *stop)
{
	static const char * const allowed[] = { "->", ".", "[", "]", "(", ")" };
	size_t i, k;
	int depth = 0;

	for (i = at; i < in->n; i++) {
		const struct token *t = &in->t[i];

		if (!depth && i > at && stop && is(t, stop->text))
			return i - at;
		if (is(t, "(") || is(t, "["))
			depth++;
		else if ((is(t, ")") || is(t, "]")) && --depth < 0)
			return 0;
		else if (is(t, ";") || is(t, "{") || is(t, "}"))
			return 0;
		if (in_parens || depth || word_char(t->text[0]))
			continue;
		for (k = 0; k < 6 && !is(t, allowed[k]); k++)
			;
		if (k == 6)
			return 0;
	}
	/* nothing follows in the pattern: one token */
	return !stop && at < in->n;
}

/* Does @name match at @at?  Tells how long and what "..." stands for. */
static bool matches(const struct name *name, const struct tokens *in, size_t at,
		    size_t *len, size_t *held_at, size_t *held_n)
{
	const struct tokens *from = &name->from;
	size_t i, k = at;

	*held_n = 0;
	for (i = 0; i < from->n; i++) {
		if (is(&from->t[i], "...")) {
			*held_at = k;
			if (i + 1 < from->n)
				*held_n = held(in, k, i && is(&from->t[i - 1], "("),
					       &from->t[i + 1]);
			else
				*held_n = k < in->n;
			if (!*held_n)
				return false;
			k += *held_n;
			continue;
		}
		if (k >= in->n || !is(&in->t[k], from->t[i].text))
			return false;
		k++;
	}
	*len = k - at;
	return true;
}

/* Replaces @len tokens at @at by what @name says. */
static void replace(const struct name *name, struct tokens *in, size_t at,
		    size_t len, size_t held_at, size_t held_n)
{
	struct tokens out = { 0 };
	size_t i, k, begin;

	for (i = 0; i < at; i++)
		push(out.t, out.n, out.room, in->t[i]);
	begin = out.n;
	for (i = 0; i < name->to.n; i++) {
		struct token t = in->t[at];

		if (is(&name->to.t[i], "...")) {
			for (k = 0; k < held_n; k++) {
				push(out.t, out.n, out.room, in->t[held_at + k]);
				if (!k)
					out.t[out.n - 1].space = name->to.t[i].space;
			}
			continue;
		}
		t.text = name->to.t[i].text;
		t.space = name->to.t[i].space;
		push(out.t, out.n, out.room, t);
	}
	if (out.n > begin)
		out.t[begin].space = in->t[at].space;
	for (i = at + len; i < in->n; i++)
		push(out.t, out.n, out.room, in->t[i]);
	*in = out;
}

static void normalise(struct tokens *in)
{
	size_t i, at, len, held_at = 0, held_n;
	int rounds = 0;
	bool again;

	do {
		again = false;
		for (i = 0; i < nr_names; i++) {
			struct name *name = names[i];

			for (at = 0; at < in->n; at++) {
				if (!matches(name, in, at, &len, &held_at, &held_n))
					continue;
				if (len == name->to.n &&
				    same_tokens(&in->t[at], name->to.t, len))
					continue;
				replace(name, in, at, len, held_at, held_n);
				name->used = true;
				again = true;
			}
		}
	} while (again && ++rounds < 8);
}

static void read_names(void)
{
	FILE *f = opened(names_file);
	int line = 0;
	char *s;

	while ((s = next_line(f))) {
		struct name *name;
		char *tab;

		line++;
		if (*s == '#' || !*trimmed(s))
			continue;
		tab = strchr(s, '\t');
		if (!tab || tab == s || !*trimmed(tab + 1))
			die("%s:%d: error: expected '<name> TAB <name>' of the " NAMES_ERA ", got '%s'",
			    names_file, line, s);
		*tab = '\0';
		name = checked(calloc(1, sizeof(*name)));
		name->text = copy(trimmed(s));
		name->from = tokens_of(name->text);
		name->to = tokens_of(trimmed(tab + 1));
		name->line = line;
		if (!name->from.n || !name->to.n ||
		    is(&name->from.t[0], "..."))
			die("%s:%d: error: '%s': a name must begin with a word or an operator",
			    names_file, line, name->text);
		push(names, nr_names, room_names, name);
	}
	fclose(f);
}

/* ---- units */

static char *joined(const struct tokens *ts, bool for_people)
{
	size_t i, size = 1;
	char *s;

	for (i = 0; i < ts->n; i++)
		size += strlen(ts->t[i].text) + 1;
	s = checked(calloc(1, size));
	for (i = 0; i < ts->n; i++) {
		if (i && (!for_people ||
			  (ts->t[i].space && !is(&ts->t[i - 1], "("))))
			strcat(s, " ");
		strcat(s, ts->t[i].text);
	}
	return s;
}

static struct unit *new_unit(struct tokens *ts, char sign, bool comment)
{
	struct unit *u = checked(calloc(1, sizeof(*u)));

	u->sign = sign;
	u->comment = comment;
	u->indent = ts->t[0].indent;
	normalise(ts);
	u->key = joined(ts, false);
	u->text = joined(ts, true);
	if (comment) {
		u->key = format("/* %s */", u->key);
		u->text = format("/* %s */", u->text);
	}
	return u;
}

static char *normal_name(const char *s)
{
	struct tokens ts = tokens_of(s);

	normalise(&ts);
	return joined(&ts, true);
}

static bool one_of(const struct token *t, const char *a, const char *b)
{
	return is(t, a) || is(t, b);
}

/* sparse's, on a line of its own between a function's head and its body */
static bool is_lock_note(const struct token *t)
{
	return is(t, "__acquires") || is(t, "__releases") || is(t, "__must_hold");
}

/* The name of what is declared or defined, NULL when @ts does not tell. */
static char *declared(const struct tokens *ts)
{
	const struct token *t = ts->t;
	size_t i, last = ts->n;

	for (i = 0; i < ts->n; i++) {
		if (is(&t[i], "(") && i && is_lock_note(&t[i - 1]))
			return NULL;
		if (is(&t[i], "(") && i && is_word(&t[i - 1]))
			return normal_name(t[i - 1].text);
		if ((is(&t[i], "=") || is(&t[i], "[")) && last < i)
			return normal_name(t[last].text);
		if (is(&t[i], "{") && i > 1 && is_word(&t[i - 1]))
			return format("%s %s", t[i - 2].text, normal_name(t[i - 1].text));
		if (is_word(&t[i]))
			last = i;
	}
	if (last < ts->n && ts->n && is(&t[ts->n - 1], ";"))
		return normal_name(t[last].text);
	return NULL;
}

static struct function *function_of(struct version *v, const char *file,
				    const char *name)
{
	struct function *f;
	size_t i;

	for (i = 0; i < v->n; i++)
		if (!strcmp(v->f[i]->file, file) && !strcmp(v->f[i]->name, name))
			return v->f[i];
	f = checked(calloc(1, sizeof(*f)));
	f->file = copy(file);
	f->name = copy(name);
	push(v->f, v->n, v->room, f);
	return f;
}

/* By hunk and line, what is removed first. */
static void add_unit(struct function *f, struct unit *u)
{
	size_t i;

	push(f->u, f->n, f->room, u);
	for (i = f->n - 1; i; i--) {
		const struct unit *b = f->u[i - 1];

		if (b->hunk < u->hunk || (b->hunk == u->hunk && b->line <= u->line))
			break;
		f->u[i] = f->u[i - 1];
	}
	f->u[i] = u;
}

struct hunk {
	char *file, *head;
	int nr;
	char **line;		/* with the tag */
	size_t n, room;
};

/* One side of a hunk, in units. */
struct side {
	struct version *v;
	const struct hunk *h;
	char sign;
	char *scope;		/* name of what is open, NULL at file level */
	bool guessed;
	struct unit *last;	/* statement */
	struct unit **u;
	size_t n, room;
	size_t settled;		/* comments from here on belong to what follows */
};

static void settle_comments(struct side *s, const char *name)
{
	for (; s->settled < s->n; s->settled++)
		if (!s->u[s->settled]->scope)
			s->u[s->settled]->scope = name;
}

static struct unit *finish(struct side *s, struct tokens *ts, bool comment)
{
	struct unit *u;
	size_t i;

	for (i = 0; i < ts->n && !ts->t[i].changed; i++)
		;
	u = new_unit(ts, i < ts->n ? s->sign : ' ', comment);
	u->hunk = s->h->nr;
	u->line = i < ts->n ? ts->t[i].line : ts->t[0].line;
	push(s->u, s->n, s->room, u);
	return u;
}

/* The words of a comment that are on changed lines. */
static void end_comment(struct side *s, struct tokens *all)
{
	struct tokens ts = { 0 };
	struct unit *u;
	bool file_level;
	size_t i;

	if (!all->n)
		return;
	/* text in front of it is code, so the comment does not begin a line */
	file_level = all->t[0].first && all->t[0].indent <= 1;
	if (file_level)
		s->scope = NULL;
	for (i = 0; i < all->n; i++)
		if (all->t[i].changed && all->t[i].text[0])
			push(ts.t, ts.n, ts.room, all->t[i]);
	all->n = 0;
	if (!ts.n)
		return;
	u = finish(s, &ts, true);
	u->scope = s->scope;
	u->guessed = s->guessed && s->scope;
}

static void end_statement(struct side *s, struct tokens *ts)
{
	bool label, file_level, opens;
	char *name = NULL;
	struct unit *u;

	if (!ts->n)
		return;
	opens = is(&ts->t[ts->n - 1], "{");
	label = ts->n == 2 && is(&ts->t[1], ":");
	file_level = ts->t[0].first && !ts->t[0].indent && !label &&
		(is_word(&ts->t[0]) || (ts->t[0].directive && !s->scope));

	if (file_level) {
		if (ts->n > 2 && is(&ts->t[0], "#") && is(&ts->t[1], "define"))
			name = normal_name(ts->t[2].text);
		else if (ts->t[0].directive)
			name = copy("file level");
		else if (is_lock_note(&ts->t[0]) && s->scope)
			name = copy(s->scope);
		else
			name = declared(ts);
		if (!name)
			name = copy("file level");
		if (opens) {
			struct declaration d = { s->h->file, name, joined(ts, true) };

			push(s->v->d, s->v->nr_d, s->v->room_d, d);
		}
		settle_comments(s, name);
		if (!s->scope || strcmp(name, s->scope))
			s->guessed = false;
		s->last = NULL;
	} else {
		name = copy(s->scope ? s->scope : "file level");
	}

	u = finish(s, ts, false);
	u->top = file_level;
	u->before = s->last;
	s->last = u;
	u->scope = name;
	u->guessed = s->guessed;

	if (file_level)
		s->scope = opens ? name : NULL;
	else if (is(&ts->t[0], "}") && ts->t[0].first && !ts->t[0].indent)
		s->scope = NULL;
	ts->n = 0;
}

/* Next token of code after @at, or NULL. */
static const struct token *next_code(const struct tokens *all, size_t at)
{
	while (++at < all->n)
		if (!all->t[at].comment)
			return &all->t[at];
	return NULL;
}

static bool closes_on_line(const struct tokens *all, size_t at)
{
	size_t i;

	for (i = at + 1; i < all->n && all->t[i].line == all->t[at].line; i++)
		if (is(&all->t[i], "}"))
			return true;
	return false;
}

static void split_units(struct side *s, const struct tokens *all)
{
	struct tokens code = { 0 }, comment = { 0 };
	int depth = 0, braces = 0;
	size_t i;

	for (i = 0; i < all->n; i++) {
		const struct token *t = &all->t[i], *next;

		if (comment.n && t->comment != comment.t[0].comment)
			end_comment(s, &comment);
		if (t->comment) {
			push(comment.t, comment.n, comment.room, *t);
			continue;
		}
		next = next_code(all, i);

		if (t->directive) {
			if (t->first) {
				end_statement(s, &code);
				depth = 0;
			}
			push(code.t, code.n, code.room, *t);
			if (!next || next->first)
				end_statement(s, &code);
			continue;
		}
		if (!depth && is(t, "}") && !braces)
			end_statement(s, &code);
		push(code.t, code.n, code.room, *t);

		if (one_of(t, "(", "[")) {
			depth++;
		} else if (one_of(t, ")", "]")) {
			depth = max(depth - 1, 0);
		} else if (depth) {
			continue;
		} else if (is(t, "{")) {
			if (code.n > 1 && is(&code.t[code.n - 2], "=") &&
			    closes_on_line(all, i))
				braces++;
			else
				end_statement(s, &code);
		} else if (is(t, "}")) {
			if (braces)
				braces--;
			else if (!next || next->line != t->line)
				end_statement(s, &code);
		} else if (is(t, ";")) {
			end_statement(s, &code);
		} else if (is(t, ",")) {
			if (!next || next->first)
				end_statement(s, &code);
		} else if (is(t, ":")) {
			if (code.n == 2 || one_of(&code.t[0], "case", "default"))
				end_statement(s, &code);
		}
	}
	end_comment(s, &comment);
	end_statement(s, &code);
	settle_comments(s, "file level");
}

/* Does this side of the hunk begin within a comment? */
static bool begins_in_comment(const struct hunk *h, char sign)
{
	size_t i;

	for (i = 0; i < h->n; i++) {
		const char *s = h->line[i] + 1, *open, *close;

		if (h->line[i][0] != ' ' && h->line[i][0] != sign)
			continue;
		open = strstr(s, "/*");
		close = strstr(s, "*/");
		if (open || close)
			return close && (!open || close < open);
	}
	/* neither in sight: a line of it begins with a star and a space */
	for (i = 0; i < h->n; i++) {
		const char *s = h->line[i] + 1;

		if (h->line[i][0] != ' ' && h->line[i][0] != sign)
			continue;
		s += strspn(s, " \t");
		return s[0] == '*' && (!s[1] || isspace((unsigned char)s[1]));
	}
	return false;
}

static void read_side(struct side *s, const struct hunk *h)
{
	struct tokens all = { 0 }, head = tokens_of(h->head);
	int comment = 0, nr = 0;
	size_t i;

	s->h = h;
	if (head.n && !(head.n == 2 && is(&head.t[1], ":")))
		s->scope = declared(&head);
	if (head.n && !s->scope) {
		/* a label, or a declaration cut off: see name_guessed() */
		s->scope = format("(%s)", h->head);
		s->guessed = true;
	}
	if (begins_in_comment(h, s->sign))
		comment = nr = 1;
	for (i = 0; i < h->n; i++) {
		struct token like = {
			.line = i, .changed = h->line[i][0] == s->sign,
		};

		if (h->line[i][0] != ' ' && h->line[i][0] != s->sign)
			continue;
		split_line(&all, h->line[i] + 1, like, &comment, &nr);
	}
	split_units(s, &all);
}

/*
 * Context is what is the same statement on both sides.  One line of it can be
 * context without that: what was under an `if` that is removed.
 */
static void find_changed(struct side *s, const struct side *other)
{
	size_t i, k;

	for (i = 0; i < s->n; i++) {
		struct unit *u = s->u[i];

		if (u->sign != ' ')
			continue;
		for (k = 0; k < other->n; k++)
			if (other->u[k]->line == u->line && !other->u[k]->comment &&
			    !strcmp(other->u[k]->key, u->key))
				break;
		if (k == other->n)
			u->sign = s->sign;
	}
}

static void keep_changed(const struct side *s, char **open)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		struct unit *u = s->u[i];
		struct function *f;

		if (u->sign == ' ')
			continue;
		f = function_of(s->v, s->h->file, u->scope);
		if (u->guessed && !f->guessed) {
			f->guessed = true;
			f->previous = *open;
		}
		add_unit(f, u);
	}
	if (!s->guessed)
		*open = s->scope;
}

static void read_patch(struct version *v)
{
	FILE *f = opened(v->patch);
	char *s, *file = NULL, *open_old = NULL, *open_new = NULL;
	int nr = 0, line = 0;

	while ((s = next_line(f))) {
		struct side removed = { .v = v, .sign = '-' };
		struct side added = { .v = v, .sign = '+' };
		struct hunk h = { 0 };
		unsigned int old = 1, new = 1;
		const char *p;

		line++;
		if (!strncmp(s, "+++ b/", 6)) {
			file = copy(s + 6);
			file[strcspn(file, "\t")] = '\0';
			open_old = open_new = NULL;
			continue;
		}
		if (strncmp(s, "@@ -", 4) || !file)
			continue;
		p = strstr(s + 4, " @@");
		if (!p)
			die("%s:%d: error: head of a hunk expected, got '%s'", v->patch, line, s);
		if (sscanf(s, "@@ -%*u,%u", &old) != 1)
			old = 1;
		if (sscanf(strchr(s, '+'), "+%*u,%u", &new) != 1)
			new = 1;
		h.file = file;
		h.nr = ++nr;
		h.head = copy(trimmed((char *)p + 3));
		while (old || new) {
			s = next_line(f);
			line++;
			if (!s || (*s && !strchr(" +-\\", *s)))
				die("%s:%d: error: %u and %u more lines of the hunk expected",
				    v->patch, line, old, new);
			if (*s == '\\')
				continue;
			if (*s != '+')
				old--;
			if (*s != '-')
				new--;
			push(h.line, h.n, h.room, copy(*s ? s : " "));
		}
		read_side(&removed, &h);
		read_side(&added, &h);
		find_changed(&removed, &added);
		find_changed(&added, &removed);
		keep_changed(&removed, &open_old);
		keep_changed(&added, &open_new);
	}
	fclose(f);
	if (!nr)
		die("%s: error: not a patch, it has no hunk", v->patch);
}

/* ---- what the kernels have in common */

static bool same_unit(const struct unit *a, const struct unit *b)
{
	return a->sign == b->sign && !strcmp(a->key, b->key);
}

static size_t common(const struct function *a, const struct function *b)
{
	size_t i, k, n = 0;

	for (i = 0; i < a->n; i++)
		for (k = 0; k < b->n; k++)
			if (same_unit(a->u[i], b->u[k])) {
				n++;
				break;
			}
	return n;
}

/* The declaration that begins with what is left of it in the head of a hunk. */
static const char *declared_like(const struct change *c, const struct function *f)
{
	size_t i, len = strlen(f->name) - 2;	/* in parentheses */
	int k;

	for (k = 0; len && k < nr_lts; k++)
		for (i = 0; i < c->v[k].nr_d; i++) {
			const struct declaration *d = &c->v[k].d[i];

			if (!strcmp(d->file, f->file) &&
			    !strncmp(d->text, f->name + 1, len))
				return d->name;
		}
	return NULL;
}

/*
 * diff -p names a label or an annotation of sparse, or cuts a long declaration
 * off.  Other kernels may show the whole of it, or the same statements in a
 * function that they do name; else it is the one that the hunk before is in.
 */
static const char *guess(const struct change *c, int kernel, const struct function *f)
{
	size_t named = 0, guessed = 0, i, n;
	const char *best = declared_like(c, f);
	int k;

	if (best)
		return best;
	for (k = 0; k < nr_lts; k++)
		for (i = 0; k != kernel && i < c->v[k].n; i++) {
			const struct function *g = c->v[k].f[i];

			if (strcmp(g->file, f->file))
				continue;
			n = common(f, g);
			if (g->guessed) {
				guessed = max(guessed, n);
			} else if (n > named) {
				named = n;
				best = g->name;
			}
		}
	return !best || (f->previous && guessed >= named) ? f->previous : best;
}

static void name_guessed(struct change *c)
{
	const char *name[MAX_KERNELS][64] = { 0 };
	size_t i, u, n;
	int k;

	/* all are judged by what the patches say, before any gets its name */
	for (k = 0; k < nr_lts; k++)
		for (i = 0, n = 0; i < c->v[k].n && n < 64; i++)
			if (c->v[k].f[i]->guessed)
				name[k][n++] = guess(c, k, c->v[k].f[i]);

	for (k = 0; k < nr_lts; k++)
		for (i = 0, n = 0; i < c->v[k].n && n < 64; i++) {
			struct function *f = c->v[k].f[i], *to;

			if (!f->guessed || !name[k][n++])
				continue;
			to = function_of(&c->v[k], f->file, name[k][n - 1]);
			for (u = 0; u < f->n; u++)
				add_unit(to, f->u[u]);
			f->n = 0;
		}
}

static struct place *place_of(struct change *c, const char *file, const char *name,
			      bool make)
{
	struct place *p;
	size_t i;

	for (i = 0; i < c->n; i++)
		if (!strcmp(c->p[i]->file, file) && !strcmp(c->p[i]->name, name))
			return c->p[i];
	if (!make)
		return NULL;
	p = checked(calloc(1, sizeof(*p)));
	p->file = copy(file);
	p->name = copy(name);
	push(c->p, c->n, c->room, p);
	return p;
}

static struct element *element_of(struct place *p, char sign, const char *key,
				  const char *text, int instance)
{
	struct element *e;
	size_t i;

	for (i = 0; i < p->n; i++)
		if (p->e[i]->sign == sign && p->e[i]->instance == instance &&
		    !strcmp(p->e[i]->key, key))
			return p->e[i];
	e = checked(calloc(1, sizeof(*e)));
	e->sign = sign;
	e->key = copy(key);
	e->text = copy(text);
	e->instance = instance;
	push(p->e, p->n, p->room, e);
	return e;
}

static bool differs(const struct change *c, const struct element *e)
{
	return e->have != c->all;
}

/* What an added statement follows, of what all kernels have; NULL: not shown. */
static const char *follows(const struct change *c, const struct unit *u, bool for_people)
{
	for (u = u->before; u && u->sign != ' ' && u->e && differs(c, u->e);
	     u = u->before)
		;
	if (!u)
		return NULL;
	return u->top ? "{" : for_people ? u->text : u->key;
}

static void compare_positions(struct change *c, struct place *p)
{
	size_t i, n = p->n;
	int k;

	for (i = 0; i < n; i++) {
		struct element *e = p->e[i];
		const char *first = NULL, *at;
		bool same = true;

		if (e->sign != '+' || differs(c, e))
			continue;
		for (k = 0; k < nr_lts; k++) {
			if (!e->unit[k] || e->unit[k]->comment)
				continue;
			at = follows(c, e->unit[k], false);
			if (!at)
				continue;
			if (first && strcmp(at, first))
				same = false;
			first = at;
		}
		for (k = 0; !same && k < nr_lts; k++) {
			at = e->unit[k] ? follows(c, e->unit[k], false) : NULL;
			if (!at)
				continue;
			element_of(p, '@',
				   format("%s after : %s", e->key, at),
				   format("%s after: %s", e->text,
					  follows(c, e->unit[k], true)),
				   e->instance)->have |= 1u << k;
		}
	}
}

static void compare_kernels(struct change *c)
{
	size_t i, u, b;
	int k, instance;

	for (k = 0; k < nr_lts; k++)
		for (i = 0; i < c->v[k].n; i++) {
			struct function *f = c->v[k].f[i];
			struct place *p;

			if (!f->n)
				continue;
			p = place_of(c, f->file, f->name, true);
			for (u = 0; u < f->n; u++) {
				instance = 0;
				for (b = 0; b < u; b++)
					instance += same_unit(f->u[b], f->u[u]);
				f->u[u]->e = element_of(p, f->u[u]->sign,
							f->u[u]->key,
							f->u[u]->text, instance);
				f->u[u]->e->have |= 1u << k;
				f->u[u]->e->unit[k] = f->u[u];
			}
		}
	for (i = 0; i < c->n; i++)
		compare_positions(c, c->p[i]);
	for (i = 0; i < c->n; i++)
		for (u = 0; u < c->p[i]->n; u++)
			c->differences += differs(c, c->p[i]->e[u]);
}

/* ---- explanations */

static char *lts_list(unsigned int mask)
{
	char *s = copy("");
	int k;

	for (k = 0; k < nr_lts; k++)
		if (mask & 1u << k)
			s = appended(appended(s, *s ? " " : ""), lts[k]);
	return s;
}

static char *differences_of(const struct change *c)
{
	return format("%s/%s/differences", backports_dir, c->name);
}

static void complain(struct change *c, const char *where, int line,
		     const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void complain(struct change *c, const char *where, int line,
		     const char *fmt, ...)
{
	va_list ap;

	c->errors++;
	if (silent)
		return;
	fflush(stdout);
	fprintf(stderr, "%s:", where);
	if (line)
		fprintf(stderr, "%d:", line);
	fprintf(stderr, " error: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static unsigned int mask_of(struct change *c, const char *path, int line, char *list)
{
	unsigned int mask = 0;
	char *w;
	int k;

	for (w = strtok(list, " \t"); w; w = strtok(NULL, " \t")) {
		for (k = 0; k < nr_lts && strcmp(lts[k], w); k++)
			;
		if (k == nr_lts || !(c->all & 1u << k))
			complain(c, path, line, "%s: no series for it has this change; it is in %s",
				 w, lts_list(c->all));
		else
			mask |= 1u << k;
	}
	return mask;
}

/* "function: FILE: NAME" */
static struct stanza *begin_stanza(struct change *c, const char *path, int line, char *s)
{
	struct stanza *st = checked(calloc(1, sizeof(*st)));
	char *colon = strstr(s, ": ");

	if (!colon)
		die("%s:%d: error: expected 'function: FILE: NAME', got '%s'", path, line, s);
	*colon = '\0';
	st->file = copy(trimmed(s));
	st->name = normal_name(trimmed(colon + 2));
	if (st->name[0] == '(')		/* as the head of the hunk has it */
		st->name = copy(trimmed(colon + 2));
	st->why = copy("");
	st->line = line;
	push(c->s, c->nr_s, c->room_s, st);
	return st;
}

static void read_differences(struct change *c)
{
	enum { NOWHERE, WHY, KERNELS, QUOTES } in = NOWHERE;
	char *path = differences_of(c), *s;
	unsigned int have = 0, lack = 0;
	struct stanza *st = NULL;
	struct quote *q = NULL;
	FILE *f = fopen(path, "r");
	int line = 0, lack_line = 0;
	size_t i;

	if (!f)
		return;
	while ((s = next_line(f))) {
		char *text = trimmed(s);

		line++;
		if (*s == '#')
			continue;
		if (!*text) {
			st = NULL;
			q = NULL;
			in = NOWHERE;
		} else if (!strncmp(s, "function:", 9)) {
			st = begin_stanza(c, path, line, s + 9);
			have = lack = 0;
			in = NOWHERE;
		} else if (!st) {
			die("%s:%d: error: a stanza begins with 'function: FILE: NAME', got '%s'",
			    path, line, s);
		} else if (!strncmp(s, "why:", 4)) {
			st->why = copy(trimmed(s + 4));
			in = WHY;
		} else if (!strncmp(s, "have:", 5)) {
			have = mask_of(c, path, line, s + 5);
			lack = 0;
			in = KERNELS;
		} else if (!strncmp(s, "lack:", 5)) {
			lack = mask_of(c, path, line, s + 5);
			if (have & lack)
				complain(c, path, line, "%s: cannot both have and lack it",
					 lts_list(have & lack));
			lack_line = line;
			in = QUOTES;
		} else if (in == WHY && isspace((unsigned char)*s)) {
			st->why = appended(appended(st->why, *st->why ? " " : ""), text);
		} else if (in == QUOTES && *s == '\t' && strchr("-+@", *text) && text[1] == ' ') {
			q = checked(calloc(1, sizeof(*q)));
			q->s = st;
			q->have = have;
			q->lack = lack;
			q->lack_line = lack_line;
			q->sign = *text;
			q->text = copy(trimmed(text + 2));
			q->line = line;
			push(c->q, c->nr_q, c->room_q, q);
		} else if (in == QUOTES && *s == '\t' && q) {
			q->text = appended(appended(q->text, " "), text);
		} else {
			die("%s:%d: error: expected why:, have:, lack: or, after a tab, a line that begins with -, + or @; got '%s'",
			    path, line, s);
		}
	}
	fclose(f);

	for (i = 0; i < c->nr_s; i++)
		if (!c->s[i]->why[0] || !strncmp(c->s[i]->why, "TODO", 4))
			complain(c, path, c->s[i]->line, "%s: why: is empty; say why the kernels differ",
				 c->s[i]->name);
	for (i = 0; i < c->nr_q; i++) {
		struct tokens ts = tokens_of(c->q[i]->text);
		bool comment = !strncmp(c->q[i]->text, "/*", 2);

		normalise(&ts);
		c->q[i]->key = joined(&ts, false);
		if (comment)
			c->q[i]->key = format("/* %s */", c->q[i]->key);
	}
}

/*
 * A kernel that is new is in no explanation yet: says what it has, once for the
 * lines of a group as long as it is the same for them.
 */
static void name_missing(struct change *c, const char *path, const struct quote *q,
			 const struct element *e)
{
	unsigned int missing = c->all & ~(q->have | q->lack);

	if (!missing || (c->said_line == q->lack_line &&
			 c->said_have == (e->have & missing)))
		return;
	c->said_line = q->lack_line;
	c->said_have = e->have & missing;
	if (e->have & missing)
		complain(c, path, q->lack_line, "%s: does not say whether %s has '%c %s': it has; look at it, and add it to have:",
			 q->s->name, lts_list(e->have & missing), e->sign, e->text);
	if (missing & ~e->have)
		complain(c, path, q->lack_line, "%s: does not say whether %s has '%c %s': it has not; look at it, and add it to lack:",
			 q->s->name, lts_list(missing & ~e->have), e->sign, e->text);
}

/* Finds what each quoted line explains; one that explains nothing is stale. */
static void explain(struct change *c)
{
	char *path = differences_of(c);
	size_t i, k;

	for (i = 0; i < c->nr_q; i++) {
		struct quote *q = c->q[i];
		struct place *p = place_of(c, q->s->file, q->s->name, false);
		const struct element *other = NULL;

		for (k = 0; p && k < p->n; k++) {
			struct element *e = p->e[k];

			if (e->sign != q->sign || strcmp(e->key, q->key))
				continue;
			if (differs(c, e) && !e->why &&
			    (e->have & (q->have | q->lack)) == q->have) {
				e->why = q->s;
				name_missing(c, path, q, e);
				break;
			}
			other = e;
		}
		if (p && k < p->n)
			continue;
		if (!p)
			complain(c, path, q->line, "stale: no kernel's patch changes %s: %s; remove the stanza",
				 q->s->file, q->s->name);
		else if (!other)
			complain(c, path, q->line, "stale: %s: no kernel's patch has '%c %s'; remove it",
				 q->s->name, q->sign, q->text);
		else if (!differs(c, other))
			complain(c, path, q->line, "stale: %s: all kernels have '%c %s'; remove it",
				 q->s->name, q->sign, q->text);
		else
			complain(c, path, q->line, "%s: '%c %s' is in %s, not in %s; look again whether that is right",
				 q->s->name, q->sign, q->text, lts_list(other->have),
				 lts_list(c->all & ~other->have));
	}
}

/* ---- reading all of it */

static struct change *change_of(const char *name, size_t len)
{
	struct change *c;
	size_t i;

	for (i = 0; i < nr_changes; i++)
		if (strlen(changes[i]->name) == len &&
		    !strncmp(changes[i]->name, name, len))
			return changes[i];
	c = checked(calloc(1, sizeof(*c)));
	c->name = checked(strndup(name, len));
	push(changes, nr_changes, room_changes, c);
	return c;
}

/* "# left out: NNNN-name: what the tree has", or the name of a patch */
static void read_series(int k)
{
	static const char left_out[] = "# left out: ";
	char *path = format("%s/%s/series", series_dir, lts[k]), *s;
	FILE *f = opened(path);
	int line = 0;

	while ((s = next_line(f))) {
		struct version *v;
		size_t n;

		line++;
		if (!strncmp(s, left_out, sizeof(left_out) - 1)) {
			s += sizeof(left_out) - 1;
			n = strcspn(s, ":");
			if (!s[n])
				die("%s:%d: error: expected '%sNNNN-name: what the tree has'",
				    path, line, left_out);
			v = &change_of(s, n)->v[k];
			if (!*trimmed(s + n + 1))
				complain(change_of(s, n), path, line,
					 "left out, but not why; the 'Already:' line in coccinelle/%.*s.cocci must say what the tree has",
					 (int)n, s);
			if (v->patch)
				die("%s:%d: error: says that %.*s is left out, and names its patch",
				    path, line, (int)n, s);
			v->left_out = copy(trimmed(s + n + 1));
			continue;
		}
		s[strcspn(s, "# \t")] = '\0';
		n = strlen(s);
		if (n < 6 || strcmp(s + n - 6, ".patch"))
			continue;
		v = &change_of(s, n - 6)->v[k];
		if (v->left_out)
			die("%s:%d: error: names %s, which it says is left out", path, line, s);
		v->patch = format("%s/%s/%s", series_dir, lts[k], s);
	}
	fclose(f);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct change * const *)a)->name,
		      (*(struct change * const *)b)->name);
}

static void read_all(void)
{
	size_t i;
	int k;

	for (k = 0; k < nr_lts; k++)
		read_series(k);
	qsort(changes, nr_changes, sizeof(*changes), by_name);
	for (i = 0; i < nr_changes; i++) {
		struct change *c = changes[i];

		for (k = 0; k < nr_lts; k++)
			if (c->v[k].patch) {
				c->all |= 1u << k;
				read_patch(&c->v[k]);
			}
		name_guessed(c);
		compare_kernels(c);
	}
}

/* ---- showing two kernels */

static int columns = 150;
static bool show_all, unified;

/* Prints @s within @width from @at on; returns how much of it that was. */
static size_t print_cell(const char *s, size_t at, int width, int indent, bool pad)
{
	size_t len = strlen(s), n;
	int left = width - (at ? indent : 0);

	if (at >= len) {
		printf("%*s", pad ? width : 0, "");
		return len;
	}
	n = len - at;
	if (left < 8)
		left = 8;
	if (n > (size_t)left) {
		for (n = left; n > 0 && s[at + n] != ' '; n--)
			;
		if (!n)
			n = left;
	}
	printf("%*s%.*s", at ? indent : 0, "", (int)n, s + at);
	if (pad && (int)n < left)
		printf("%*s", left - (int)n, "");
	at += n;
	return at + strspn(s + at, " ");
}

static char *cell(const struct unit *u)
{
	return u ? format("%c %*s%s", u->sign, u->indent / TAB * 2, "", u->text) :
		copy("");
}

static void print_row(const struct unit *a, const struct unit *b)
{
	char mark = !a ? '>' : !b ? '<' : same_unit(a, b) ? ' ' : '|';
	const struct unit *any = a ? a : b;
	int indent = 4 + any->indent / TAB * 2;
	char *left = cell(a), *right = cell(b);
	size_t l = 0, r = 0;

	if (unified) {
		if (a)
			printf("%c%s\n", mark == ' ' ? ' ' : '<', left);
		if (b && mark != ' ')
			printf(">%s\n", right);
		return;
	}
	do {
		l = print_cell(left, l, (columns - 3) / 2, indent, true);
		printf(" %c", mark);
		if (right[r])
			putchar(' ');
		r = print_cell(right, r, (columns - 3) / 2, indent, false);
		putchar('\n');
	} while (left[l] || right[r]);
}

/* Prints text between margins. */
static void print_wrapped(FILE *to, const char *first, const char *further,
			  const char *s, int width)
{
	const char *margin = first;

	while (*s) {
		size_t n = strlen(s);
		int left = width - (margin[0] == '\t' ? TAB - 1 : 0) - (int)strlen(margin);

		if (n > (size_t)left) {
			for (n = left; n > 0 && s[n] != ' '; n--)
				;
			if (!n)
				n = strcspn(s, " ");
		}
		fprintf(to, "%s%.*s\n", margin, (int)n, s);
		s += n;
		s += strspn(s, " ");
		margin = further;
	}
}

static const struct function *in_version(const struct version *v, const struct place *p)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		if (v->f[i]->n && !strcmp(v->f[i]->file, p->file) &&
		    !strcmp(v->f[i]->name, p->name))
			return v->f[i];
	return NULL;
}

/* How much two statements belong on one row: the same, alike, not at all. */
static int likeness(const struct unit *a, const struct unit *b)
{
	size_t n = 0;

	if (a->sign != b->sign || a->comment != b->comment)
		return 0;
	if (same_unit(a, b))
		return 1000;
	while (a->key[n] && a->key[n] == b->key[n])
		n++;
	return n >= 8 || 2 * n >= strlen(a->key) ? 1 : 0;
}

/* Longest common subsequence of two functions, printed row by row. */
static void print_aligned(const struct function *a, const struct function *b)
{
	size_t n = a ? a->n : 0, m = b ? b->n : 0, i, k;
	int *best = checked(calloc((n + 1) * (m + 1), sizeof(*best)));
#define BEST(i, k) best[(i) * (m + 1) + (k)]

	for (i = n; i-- > 0;)
		for (k = m; k-- > 0;)
			BEST(i, k) = max(BEST(i + 1, k + 1) +
					 likeness(a->u[i], b->u[k]),
					 max(BEST(i + 1, k), BEST(i, k + 1)));
	for (i = k = 0; i < n || k < m;) {
		if (i < n && k < m && likeness(a->u[i], b->u[k]) &&
		    BEST(i, k) == BEST(i + 1, k + 1) + likeness(a->u[i], b->u[k]))
			print_row(a->u[i++], b->u[k++]);
		else if (k >= m || (i < n && BEST(i + 1, k) >= BEST(i, k + 1)))
			print_row(a->u[i++], NULL);
		else
			print_row(NULL, b->u[k++]);
	}
	free(best);
#undef BEST
}

static bool in_one_only(const struct element *e, unsigned int pair)
{
	return (e->have & pair) && (e->have & pair) != pair;
}

/* The reasons why two kernels differ in a place, each once. */
static void print_reasons(const struct place *p, unsigned int pair)
{
	const struct stanza *said[64];
	size_t i, k, n = 0;
	int open = 0;

	for (i = 0; i < p->n; i++) {
		const struct element *e = p->e[i];

		if (!in_one_only(e, pair))
			continue;
		if (e->sign == '@')
			print_wrapped(stdout, format("  %s: ", lts_list(e->have & pair)),
				      "      ", e->text, columns);
		if (!e->why) {
			open++;
			continue;
		}
		for (k = 0; k < n && said[k] != e->why; k++)
			;
		if (k < n || n == 64)
			continue;
		said[n++] = e->why;
		print_wrapped(stdout, "  why: ", "       ", e->why->why, columns);
	}
	if (open)
		printf("  not explained: %d of these lines\n", open);
}

static void show_change(const struct change *c, int a, int b)
{
	unsigned int pair = 1u << a | 1u << b;
	const struct version *va = &c->v[a], *vb = &c->v[b];
	size_t i, k;

	printf("%s\n", c->name);
	if (!va->patch || !vb->patch) {
		const struct version *v = va->patch ? vb : va;
		const char *without = va->patch ? lts[b] : lts[a];

		if (!va->patch && !vb->patch)
			without = lts_list(pair);
		printf("  left out of %s: %s\n\n", without,
		       v->left_out ? v->left_out : "series/LTS/series does not say why");
		return;
	}
	for (i = 0; i < c->n; i++) {
		const struct place *p = c->p[i];
		const struct function *fa = in_version(va, p), *fb = in_version(vb, p);
		int n = 0;

		if (!fa && !fb)
			continue;
		for (k = 0; k < p->n; k++)
			n += in_one_only(p->e[k], pair);
		printf("  %s: %s%s\n", p->file, p->name, n ? "" : ": same");
		if (!n && !show_all)
			continue;
		if (!unified)
			printf("%-*s   %s\n", (columns - 3) / 2, lts[a], lts[b]);
		print_aligned(fa, fb);
		if (n)
			print_reasons(p, pair);
		putchar('\n');
	}
	putchar('\n');
}

/* ---- JSON */

static void json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < ' ')
			printf("\\u%04x", *s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void json_kernels(const char *key, unsigned int mask)
{
	const char *comma = "";
	int k;

	printf("\"%s\": [", key);
	for (k = 0; k < nr_lts; k++)
		if (mask & 1u << k) {
			printf("%s", comma);
			json_string(lts[k]);
			comma = ", ";
		}
	putchar(']');
}

static void json_change(const struct change *c, unsigned int asked)
{
	const char *comma = "", *sep = "";
	size_t i, k;
	int l;

	printf("    {\"change\": ");
	json_string(c->name);
	printf(", ");
	json_kernels("kernels", c->all & asked);
	printf(", \"left_out\": {");
	for (l = 0; l < nr_lts; l++)
		if (!c->v[l].patch && asked & 1u << l) {
			printf("%s", comma);
			json_string(lts[l]);
			printf(": ");
			if (c->v[l].left_out)
				json_string(c->v[l].left_out);
			else
				printf("null");
			comma = ", ";
		}
	printf("}, \"differences\": [");
	for (i = 0; i < c->n; i++)
		for (k = 0; k < c->p[i]->n; k++) {
			const struct element *e = c->p[i]->e[k];
			unsigned int all = c->all & asked;

			if (!(e->have & all) || (e->have & all) == all)
				continue;
			printf("%s\n      {\"file\": ", sep);
			json_string(c->p[i]->file);
			printf(", \"function\": ");
			json_string(c->p[i]->name);
			printf(", \"kind\": \"%s\", \"text\": ",
			       e->sign == '-' ? "removed" :
			       e->sign == '+' ? "added" : "position");
			json_string(e->text);
			printf(", ");
			json_kernels("have", e->have & all);
			printf(", ");
			json_kernels("lack", all & ~e->have);
			printf(", \"why\": ");
			if (e->why)
				json_string(e->why->why);
			else
				printf("null");
			putchar('}');
			sep = ",";
		}
	printf("]}");
}

/* ---- judging */

/* As `differences` has it, the statement that another follows on its own line. */
static void write_quote(const struct element *e)
{
	char *s = copy(e->text), *after = NULL;

	if (e->sign == '@') {
		after = strstr(s, " after: ");
		*after++ = '\0';
	}
	print_wrapped(stdout, format("\t%c ", e->sign), "\t  ", s, 88);
	if (after)
		print_wrapped(stdout, "\t  ", "\t  ", after, 88);
}

/* The skeleton of the stanzas that are missing, for pasting. */
static void write_stanzas(const struct change *c)
{
	size_t i, k, g;
	bool head = false;

	for (i = 0; i < c->n; i++) {
		const struct place *p = c->p[i];
		bool open = false;

		for (k = 0; k < p->n; k++) {
			unsigned int have = p->e[k]->have;

			if (!differs(c, p->e[k]) || p->e[k]->why)
				continue;
			/* a group was printed with its first line */
			for (g = 0; g < k; g++)
				if (p->e[g]->have == have && !p->e[g]->why)
					break;
			if (g < k)
				continue;
			if (!head)
				printf("# %s/%s/differences\n", backports_dir, c->name);
			head = true;
			if (!open)
				printf("\nfunction: %s: %s\nwhy: TODO\n", p->file, p->name);
			open = true;
			printf("have: %s\nlack: %s\n", lts_list(have),
			       lts_list(c->all & ~have));
			for (g = k; g < p->n; g++)
				if (p->e[g]->have == have && !p->e[g]->why)
					write_quote(p->e[g]);
		}
	}
	if (head)
		putchar('\n');
}

static int kernels_in(unsigned int mask)
{
	return __builtin_popcount(mask);
}

/* One error for the lines of a place that the same kernels have. */
static void judge_group(struct change *c, const struct place *p, size_t first)
{
	unsigned int have = p->e[first]->have, lack = c->all & ~have;
	char *more = copy(""), *rest = copy("");
	int l, n = 0;
	size_t i;

	for (i = first; i < p->n; i++) {
		const struct element *e = p->e[i];

		if (e->have != have || e->why)
			continue;
		c->unexplained++;
		if (i == first)
			continue;
		n++;
		rest = appended(rest, format("\n    | %c %s", e->sign, e->text));
	}
	if (n)
		more = format(" and %d more", n);
	/* where to look first: at the kernels that are alone with it */
	l = __builtin_ctz(kernels_in(have) <= kernels_in(lack) ? have : lack);
	complain(c, c->v[l].patch, 0,
		 "%s: %s: in %s, not in %s: '%c %s'%s; %s does not say why: make the kernels equal, or explain it there (scripts/series-diff --write-stanzas %.4s)%s",
		 p->file, p->name, lts_list(have), lts_list(lack),
		 p->e[first]->sign, p->e[first]->text, more, differences_of(c),
		 c->name, rest);
}

static void judge(struct change *c)
{
	char *without = copy("");
	size_t i, k, g;
	int l;

	for (l = 0; l < nr_lts; l++) {
		if (c->v[l].patch)
			continue;
		if (!c->v[l].left_out)
			complain(c, format("%s/%s/series", series_dir, lts[l]), 0,
				 "does not have %s, and no line '# left out: %s: what the tree has' says why; run 'make series LTS=%s'",
				 c->name, c->name, lts[l]);
		without = appended(appended(without, " "), lts[l]);
	}
	for (i = 0; i < c->n; i++) {
		const struct place *p = c->p[i];

		for (k = 0; k < p->n; k++) {
			if (!differs(c, p->e[k]) || p->e[k]->why)
				continue;
			for (g = 0; g < k; g++)
				if (p->e[g]->have == p->e[k]->have && !p->e[g]->why)
					break;
			if (g == k)
				judge_group(c, p, k);
		}
	}
	if (json)
		return;
	printf("%s: %s%s%s: ", c->name, lts_list(c->all), *without ? ", left out of" : "",
	       without);
	if (!c->differences)
		printf("the same");
	else if (!c->unexplained)
		printf("%d differences, all explained", c->differences);
	else
		printf("%d differences, %d of them not explained", c->differences,
		       c->unexplained);
	printf("%s\n", c->errors ? " (see the errors)" : "");
}

static void judge_names(int *errors)
{
	size_t i;

	for (i = 0; i < nr_names; i++)
		if (!names[i]->used) {
			fflush(stdout);
			fprintf(stderr, "%s:%d: error: '%s' is in no series; remove the line\n",
				names_file, names[i]->line, names[i]->text);
			++*errors;
		}
}

static void usage(FILE *to)
{
	fprintf(to, "usage: series-diff --names FILE --series DIR --backports DIR [--change NNNN]\n"
		    "                   (--pair A,B [--all] [--unified] [--columns N] [--json] | --check [--json] |\n"
		    "                    --write-stanzas) LTS...\n");
}

static int index_of(const char *name)
{
	int k;

	for (k = 0; k < nr_lts; k++)
		if (!strcmp(lts[k], name))
			return k;
	die("%s: error: no series/%s; there are: %s", series_dir, name,
	    lts_list(~0u >> (MAX_KERNELS - nr_lts)));
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "names", required_argument, NULL, 'n' },
		{ "series", required_argument, NULL, 's' },
		{ "backports", required_argument, NULL, 'b' },
		{ "change", required_argument, NULL, 'c' },
		{ "pair", required_argument, NULL, 'p' },
		{ "columns", required_argument, NULL, 'w' },
		{ "all", no_argument, NULL, 'a' },
		{ "unified", no_argument, NULL, 'u' },
		{ "json", no_argument, NULL, 'j' },
		{ "check", no_argument, NULL, 'k' },
		{ "write-stanzas", no_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool check = false, stanzas = false;
	char *only = NULL, *pair = NULL, *comma = NULL;
	int opt, a = 0, b = 0, errors = 0, shown = 0;
	unsigned int asked;
	size_t i;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'n': names_file = optarg; break;
		case 's': series_dir = optarg; break;
		case 'b': backports_dir = optarg; break;
		case 'c': only = optarg; break;
		case 'p': pair = optarg; break;
		case 'w': columns = max(atoi(optarg), 40); break;
		case 'a': show_all = true; break;
		case 'u': unified = true; break;
		case 'j': json = true; break;
		case 'k': check = true; break;
		case 't': stanzas = true; break;
		case 'h': usage(stdout); return 0;
		default: usage(stderr); return 2;
		}
	}
	for (; optind < argc && nr_lts < MAX_KERNELS; optind++)
		lts[nr_lts++] = argv[optind];
	if (!names_file || !series_dir || !backports_dir || nr_lts < 2 ||
	    !pair + !check + !stanzas != 2) {
		usage(stderr);
		return 2;
	}
	asked = ~0u >> (MAX_KERNELS - nr_lts);
	if (pair) {
		comma = strchr(pair, ',');
		if (!comma) {
			usage(stderr);
			return 2;
		}
		*comma = '\0';
		a = index_of(pair);
		b = index_of(comma + 1);
		asked = 1u << a | 1u << b;
	}

	silent = !check;
	read_names();
	read_all();
	if (json)
		printf("{\n  \"changes\": [\n");
	for (i = 0; i < nr_changes; i++) {
		struct change *c = changes[i];

		if (only && strcmp(c->name, only) &&
		    (strlen(only) != 4 || strncmp(c->name, only, 4)))
			continue;
		read_differences(c);
		explain(c);
		if (check)
			judge(c);
		if (json) {
			if (shown)
				printf(",\n");
			json_change(c, asked);
		} else if (pair) {
			show_change(c, a, b);
		} else if (stanzas) {
			write_stanzas(c);
		}
		shown++;
		errors += c->errors;
	}
	if (json)
		printf("\n  ]\n}\n");
	if (!shown)
		die("%s: error: no change %s in any series", series_dir, only);
	if (check && !only)
		judge_names(&errors);
	if (fflush(stdout))
		die("series-diff: error: cannot write: %s", strerror(errno));
	return check && errors ? 1 : 0;
}
