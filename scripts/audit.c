// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists where C sources name one of a set of words, and in which function.
 *
 *	audit NAMES ROOT <FILES
 *
 * NAMES has a word a line, that of a member with a dot before it; standard input
 * has the names of files below ROOT, a name a line.  Standard output has, in
 * fields separated by tabs,
 *	use	FILE LINE WORD FUNCTION	each use of a word in code
 *	static	FILE LINE WORD -	each static declaration or definition of it
 *	global	FILE LINE WORD -	each other one
 * Comments, strings, EXPORT_SYMBOL(), the definition of a struct, and the names of
 * the members in an initialiser use no word.  What
 * is called a function is also a macro, or a variable with an initialiser.
 *
 * This knows braces and no more of C, so nothing is lost to it that a parser
 * could not read; coccinelle/audit.cocci is the parser, and has the last word
 * on which function it is.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096
#define WORD_MAX 128

struct name {
	struct name *next;
	char text[];
};

static struct name *names[BUCKETS];

static unsigned int hash(const char *s)
{
	unsigned int h = 5381;

	while (*s)
		h = h * 33 + (unsigned char)*s++;
	return h % BUCKETS;
}

static bool known(const char *word)
{
	const struct name *n;

	for (n = names[hash(word)]; n; n = n->next)
		if (!strcmp(n->text, word))
			return true;
	return false;
}

static const char *skip_space_back(const char *text, const char *s)
{
	while (s > text && isspace((unsigned char)s[-1]))
		s--;
	return s;
}

enum kind { PLAIN, MEMBER, DESIGNATOR };

/* What the word that begins at s is: a, b.a or b->a, or .a = in an initialiser. */
static enum kind kind_of(const char *text, const char *s)
{
	s = skip_space_back(text, s);
	if (s > text + 1 && s[-1] == '>' && s[-2] == '-')
		return MEMBER;
	if (s == text || s[-1] != '.')
		return PLAIN;
	s = skip_space_back(text, s - 1);
	if (s == text || s[-1] == '{' || s[-1] == ',')
		return DESIGNATOR;
	return MEMBER;
}

static void say(const char *what, const char *path, int line, const char *word,
		const char *function)
{
	printf("%s\t%s\t%d\t%s\t%s\n", what, path, line, word, function);
}

static int read_names(const char *path)
{
	char line[512];
	FILE *f = fopen(path, "r");

	if (!f) {
		fprintf(stderr, "%s: error: %s\n", path, strerror(errno));
		return -1;
	}
	while (fgets(line, sizeof(line), f)) {
		struct name *n;
		unsigned int h;

		line[strcspn(line, "\n")] = '\0';
		if (!*line || known(line))
			continue;
		n = malloc(sizeof(*n) + strlen(line) + 1);
		if (!n) {
			fclose(f);
			return -1;
		}
		strcpy(n->text, line);
		h = hash(line);
		n->next = names[h];
		names[h] = n;
	}
	fclose(f);
	return 0;
}

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	long size;

	if (!f)
		return NULL;
	if (!fseek(f, 0, SEEK_END) && (size = ftell(f)) >= 0) {
		rewind(f);
		text = malloc(size + 1);
		if (text)
			text[fread(text, 1, size, f)] = '\0';
	}
	fclose(f);
	return text;
}

/* Comments, strings and spliced lines become blanks; lines stay lines. */
static void blank(char *s)
{
	while (*s) {
		if (s[0] == '/' && s[1] == '*') {
			while (*s && !(s[0] == '*' && s[1] == '/')) {
				if (*s != '\n')
					*s = ' ';
				s++;
			}
			if (*s) {
				s[0] = s[1] = ' ';
				s += 2;
			}
		} else if (s[0] == '/' && s[1] == '/') {
			while (*s && *s != '\n')
				*s++ = ' ';
		} else if (*s == '"' || *s == '\'') {
			char quote = *s++;

			while (*s && *s != quote && *s != '\n') {
				if (*s == '\\' && s[1] && s[1] != '\n')
					*s++ = ' ';
				*s++ = ' ';
			}
			if (*s == quote)
				s++;
		} else {
			s++;
		}
	}
}

/* What may stand with parentheses before a function's name, or after its own. */
static bool is_attribute(const char *word)
{
	static const char *const attributes[] = {
		"__attribute__", "__printf", "__aligned", "__section", "__acquires",
		"__releases", "__must_hold", "__assume_aligned", "__alloc_size",
		"__diag_ignore", "__diag_push", "__diag_pop", "asm", "__cond_acquires",
	};
	size_t i;

	for (i = 0; i < sizeof(attributes) / sizeof(*attributes); i++)
		if (!strcmp(word, attributes[i]))
			return true;
	return false;
}

static void scan(const char *path, const char *text)
{
	const char *s = text, *start = text;	/* start: of the line */
	char function[WORD_MAX] = "-", last[WORD_MAX] = "", macro[WORD_MAX] = "";
	char variable[WORD_MAX] = "";
	int line = 1, braces = 0, parens = 0, brackets = 0;
	/* before the first parameter list of what may become a function */
	bool head = true, in_macro = false, directive = false, value = false;
	bool names_it = false, is_static = false;

	for (; *s; s++) {
		if (*s == '\n') {
			bool spliced = s > text && s[-1] == '\\';

			line++;
			start = s + 1;
			if (directive && !spliced)
				directive = in_macro = false;
			continue;
		}
		if (*s == '#' && !directive) {
			const char *p = start;

			while (p < s && isspace((unsigned char)*p))
				p++;
			if (p != s)
				continue;
			directive = true;
			s++;
			while (*s == ' ' || *s == '\t')
				s++;
			if (!strncmp(s, "define", 6)) {
				size_t n = 0;

				s += 6;
				while (*s == ' ' || *s == '\t')
					s++;
				while (isalnum((unsigned char)*s) || *s == '_') {
					if (n < WORD_MAX - 1)
						macro[n++] = *s;
					s++;
				}
				macro[n] = '\0';
				in_macro = true;
			} else {
				/* what it tests is no use of it */
				while (*s && *s != '\n')
					s++;
			}
			s--;
			continue;
		}
		if (isalpha((unsigned char)*s) || *s == '_') {
			char dotted[WORD_MAX + 1], *word = dotted + 1;
			const char *p = s;
			size_t n = 0;
			bool use;

			while (isalnum((unsigned char)*p) || *p == '_') {
				if (n < WORD_MAX - 1)
					word[n++] = *p;
				p++;
			}
			word[n] = '\0';
			*dotted = '.';
			switch (kind_of(text, s)) {
			case PLAIN:
				use = known(word);
				break;
			case MEMBER:
				use = known(dotted);
				break;
			default:
				use = false;
			}
			if (in_macro) {
				if (use)
					say("use", path, line, word, macro);
			} else if (braces > 0) {
				/* members of a struct are not used there */
				if (use && strcmp(function, "-"))
					say("use", path, line, word, function);
			} else if (parens > 0) {
				/* SYSCALL_DEFINE3(name, ...) */
				if (names_it) {
					snprintf(function, sizeof(function), "%s", word);
					names_it = false;
				}
			} else if (value) {
				if (use)
					say("use", path, line, word, variable);
			} else {
				/* a macro with no semicolon after it ended here */
				if (s == start && !head && !is_attribute(word)) {
					head = true;
					is_static = false;
				}
				if (head && !strcmp(word, "static"))
					is_static = true;
				if (head && known(word))
					say(is_static ? "static" : "global", path, line, word, "-");
				strcpy(last, word);
				if (!brackets)
					strcpy(variable, word);
			}
			s = p - 1;
			continue;
		}
		if (directive)
			continue;
		switch (*s) {
		case '(':
			if (!braces && !parens++ && head && !is_attribute(last)) {
				strcpy(function, *last ? last : "-");
				names_it = strstr(last, "DEFINE") != NULL;
				head = false;
			}
			break;
		case ')':
			if (!braces && parens)
				parens--;
			break;
		case '[':
			if (!braces)
				brackets++;
			break;
		case ']':
			if (!braces && brackets)
				brackets--;
			break;
		case '=':
			if (!braces && !parens && !brackets) {
				value = true;
				strcpy(function, variable);
			}
			break;
		case '{':
			/* a function's own brace is at the start of a line */
			if (s == start)
				braces = 0;
			if (!braces++ && head && !value)
				strcpy(function, "-");
			parens = brackets = 0;
			break;
		case '}':
			if (s == start)
				braces = 1;
			if (braces && !--braces && s == start && !value) {
				head = true;
				is_static = false;
				last[0] = variable[0] = '\0';
				strcpy(function, "-");
			}
			break;
		case ';':
			if (!braces && !parens) {
				head = true;
				value = is_static = false;
				last[0] = variable[0] = '\0';
				strcpy(function, "-");
			}
			break;
		}
	}
}

int main(int argc, char **argv)
{
	char name[4096], path[8192];

	if (argc != 3) {
		fprintf(stderr, "usage: audit NAMES ROOT <FILES\n");
		return 2;
	}
	if (read_names(argv[1]))
		return 1;
	while (fgets(name, sizeof(name), stdin)) {
		char *text;

		name[strcspn(name, "\n")] = '\0';
		snprintf(path, sizeof(path), "%s/%s", argv[2], name);
		text = read_file(path);
		if (!text) {
			fprintf(stderr, "%s: error: cannot be read: %s\n", path,
				strerror(errno));
			return 1;
		}
		blank(text);
		scan(name, text);
		free(text);
	}
	return 0;
}
