// SPDX-License-Identifier: GPL-2.0-only
/*
 * cocci-indent - give the lines that spatch added the indentation of the kernel
 *
 * spatch puts the first line of an addition where it belongs, but copies the
 * further lines of a comment or of a wrapped expression as they stand in the
 * semantic patch, and leaves doubled blank lines where it removed code.  Only
 * lines that were added, and blank lines beside a removal, are touched here.
 *
 * Reads what
 *
 *	diff --old-line-format='-%L' --new-line-format='+%L' \
 *	     --unchanged-line-format=' %L' old new
 *
 * prints and writes the new file.  Exit status: 0, or 1 with one line on
 * stderr when the input is not of that form.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAB		8
#define MAX_DEPTH	64

struct line {
	char tag;		/* ' ', '+' or '-' */
	char *text;		/* without the tag and the newline */
};

struct paren {
	int inside;		/* column that lines inside it start at */
	bool hanging;		/* nothing but white space follows it */
	char *like;		/* a line inside it that was there before */
};

struct scan {
	struct paren stack[MAX_DEPTH];
	int depth;
	bool in_comment;
	bool comment_added;	/* it began in an added line */
	char comment_indent[128];
	char line_indent[128];	/* of the line that opened the first paren */
	bool control;		/* that line is an if, for or while */
	bool body_next;		/* a body without braces follows */
};

static struct line *lines;
static size_t nr_lines;

static bool blank(const char *s)
{
	return s[strspn(s, " \t\r")] == '\0';
}

static void copy_indent(char *to, size_t size, const char *line)
{
	size_t n = strspn(line, " \t");

	if (n >= size)
		n = size - 1;
	memcpy(to, line, n);
	to[n] = '\0';
}

/* Column that follows the first @len characters of @s. */
static int column(const char *s, size_t len)
{
	int col = 0;
	size_t i;

	for (i = 0; i < len; i++)
		col = s[i] == '\t' ? (col / TAB + 1) * TAB : col + 1;
	return col;
}

static char *joined(const char *indent, const char *gap, const char *rest)
{
	size_t size = strlen(indent) + strlen(gap) + strlen(rest) + 1;
	char *s = malloc(size);

	if (!s) {
		perror("cocci-indent");
		exit(1);
	}
	snprintf(s, size, "%s%s%s", indent, gap, rest);
	return s;
}

/* Does the line begin, after a closing brace, with a keyword that has a body? */
static bool is_control(const char *s)
{
	static const char * const words[] = { "if", "else", "for", "while" };
	size_t i, n;

	s += strspn(s, " \t}");
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		n = strlen(words[i]);
		if (!strncmp(s, words[i], n) && !isalnum((unsigned char)s[n]) &&
		    s[n] != '_')
			return true;
	}
	n = strcspn(s, " \t(");
	for (i = 0; i + 8 <= n; i++)
		if (!strncmp(s + i, "for_each", 8))
			return true;
	return false;
}

static char last_char(const char *s)
{
	size_t n = strlen(s);

	while (n && isspace((unsigned char)s[n - 1]))
		n--;
	return n ? s[n - 1] : '\0';
}

/* The text of an added line with the indentation that its place asks for. */
static char *restyled(const struct scan *sc, char *text)
{
	char indent[256];
	const char *rest = text + strspn(text, " \t");
	int col, n = 0;

	if (sc->in_comment) {
		if (!sc->comment_added || *rest != '*')
			return text;
		return joined(sc->comment_indent, " ", rest);
	}
	if (*rest == '\0' || *rest == '#')
		return text;
	if (!sc->depth)
		return sc->body_next && *rest != '{' && *rest != '/' ?
			joined(sc->line_indent, "\t", rest) : text;

	if (sc->stack[sc->depth - 1].like) {
		copy_indent(indent, sizeof(indent),
			    sc->stack[sc->depth - 1].like);
		return joined(indent, "", rest);
	}
	if (sc->stack[sc->depth - 1].hanging)
		return joined(sc->line_indent, "\t\t", rest);

	col = sc->stack[sc->depth - 1].inside;
	while (n < col / TAB && n < (int)sizeof(indent) - TAB)
		indent[n++] = '\t';
	for (col %= TAB; col > 0; col--)
		indent[n++] = ' ';
	indent[n] = '\0';
	return joined(indent, "", rest);
}

/* Follows comments, literals and parentheses through one line. */
static void scan_line(struct scan *sc, const char *s, bool added)
{
	size_t i;

	/* a function, a label or a directive: whatever was open is over */
	if (!sc->in_comment && (isalpha((unsigned char)s[0]) || s[0] == '}' ||
				s[0] == '_' || s[0] == '#'))
		sc->depth = 0;

	if (!sc->in_comment && !sc->depth) {
		sc->control = is_control(s);
		copy_indent(sc->line_indent, sizeof(sc->line_indent), s);
	}

	for (i = 0; s[i]; i++) {
		if (sc->in_comment) {
			if (s[i] == '*' && s[i + 1] == '/') {
				sc->in_comment = false;
				i++;
			}
			continue;
		}
		if (s[i] == '/' && s[i + 1] == '/')
			return;
		if (s[i] == '/' && s[i + 1] == '*') {
			sc->in_comment = true;
			sc->comment_added = added;
			copy_indent(sc->comment_indent,
				    sizeof(sc->comment_indent), s);
			i++;
		} else if (s[i] == '"' || s[i] == '\'') {
			char quote = s[i];

			while (s[++i] && s[i] != quote)
				if (s[i] == '\\' && s[i + 1])
					i++;
			if (!s[i])
				return;
		} else if (s[i] == '(' && sc->depth < MAX_DEPTH) {
			struct paren *p = &sc->stack[sc->depth++];

			p->inside = column(s, i) + 1;
			p->hanging = blank(s + i + 1);
			p->like = NULL;
		} else if (s[i] == ')' && sc->depth) {
			sc->depth--;
		} else if (s[i] == '{' || s[i] == '}') {
			sc->depth = 0;
		}
	}
}

/*
 * In a list of designated initialisers that is aligned with tabs: a tab before
 * the '=' of an added one too.
 */
static char *aligned(const char *before, char *text)
{
	size_t name = strcspn(text, "="), n = strcspn(before, "=");
	char *s;

	if (before[strspn(before, " \t")] != '.' || !before[n] || !n ||
	    before[n - 1] != '\t' || text[strspn(text, " \t")] != '.' ||
	    !text[name])
		return text;

	s = joined(text, "", "");
	for (n = name; n && isspace((unsigned char)s[n - 1]); n--)
		;
	s[n] = '\0';
	return joined(s, "\t", text + name);
}

/* A space after '=' before a literal, a tab before a comment behind code. */
static char *spaced(char *text)
{
	char *equals = strstr(text, " =\""), *comment = strstr(text, " /*");
	char *end;

	if (equals) {
		equals[2] = '\0';
		text = joined(text, " \"", equals + 3);
		comment = NULL;
	}
	if (comment && strlen(text) > 2 && text + strlen(text) - 2 == strstr(text, "*/")) {
		for (end = comment; end > text && end[-1] == ' '; end--)
			;
		if (end > text && (end[-1] == ',' || end[-1] == ';')) {
			*end = '\0';
			text = joined(text, "\t", comment + 1);
		}
	}
	return text;
}

static void read_lines(void)
{
	char *buf = NULL;
	size_t size = 0, room = 0;
	ssize_t len;

	while ((len = getline(&buf, &size, stdin)) > 0) {
		if (buf[0] != ' ' && buf[0] != '+' && buf[0] != '-') {
			fprintf(stderr, "cocci-indent: line %zu: error: tag '%c', expected ' ', '+' or '-'\n",
				nr_lines + 1, buf[0]);
			exit(1);
		}
		if (buf[len - 1] == '\n')
			buf[len - 1] = '\0';
		if (nr_lines == room) {
			room = room ? 2 * room : 4096;
			lines = realloc(lines, room * sizeof(*lines));
			if (!lines) {
				perror("cocci-indent");
				exit(1);
			}
		}
		lines[nr_lines].tag = buf[0];
		lines[nr_lines++].text = joined("", "", buf + 1);
	}
	free(buf);
}

/* The closest line before (@step -1) or after (1) @at that stays, or NULL. */
static const char *neighbour(size_t at, int step, bool *removal)
{
	size_t i;

	for (i = at + step; i < nr_lines; i += step) {
		if (lines[i].tag != '-')
			return lines[i].text;
		*removal = true;
	}
	return NULL;
}

static bool opens_block(const char *s)
{
	return last_char(s) == '{';
}

static bool closes_block(const char *s)
{
	return s[strspn(s, " \t")] == '}';
}

/*
 * A blank line that has become superfluous: code beside it was removed and it
 * now stands beside another blank line or at an end of its block.
 */
static bool superfluous(size_t at)
{
	bool removal = lines[at].tag == '+';
	const char *before = neighbour(at, -1, &removal);
	const char *after = neighbour(at, 1, &removal);

	if (!blank(lines[at].text) || !removal)
		return false;
	return !before || !after || blank(before) || opens_block(before) ||
	       closes_block(after);
}

int main(void)
{
	struct scan sc = { .depth = 0 };
	const char *before = "";
	size_t i;

	read_lines();

	for (i = 0; i < nr_lines; i++) {
		struct line *l = &lines[i];

		/* of a removal only the first line is sure to be inside */
		if (l->tag != '+' && sc.depth && !sc.in_comment &&
		    !blank(l->text) &&
		    (l->tag == ' ' || !sc.stack[sc.depth - 1].like))
			sc.stack[sc.depth - 1].like = l->text;
		if (l->tag == '-')
			continue;
		if (superfluous(i)) {
			l->tag = '-';
			continue;
		}
		if (l->tag == '+') {
			size_t n;

			l->text = restyled(&sc, l->text);
			l->text = aligned(before, spaced(l->text));
			n = strlen(l->text);
			while (n && isspace((unsigned char)l->text[n - 1]))
				l->text[--n] = '\0';
		}
		scan_line(&sc, l->text, l->tag == '+');
		if (!blank(l->text) && !sc.in_comment)
			sc.body_next = sc.control && !sc.depth &&
				last_char(l->text) != '{' &&
				last_char(l->text) != ';';
		puts(l->text);
		before = l->text;
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
