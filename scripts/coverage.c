// SPDX-License-Identifier: GPL-2.0-only
// Compares gcov's counts with the lines that the series changes and with the ledger of those not reached.
/*
 * coverage LTS LEDGER CHANGED GCOV, in a directory with the patched sources
 *
 * CHANGED has "file line", one a line; GCOV what "gcov -b -c -t" printed, of
 * several objects one after the other.  A header is in many of them: its counts
 * are added up.
 *
 * LEDGER, tests/coverage-unreached, has a line for each line of the kernel that
 * the suite does not reach, four fields with a tab between:
 *
 *	kernels		all, or 5.10,6.1
 *	place		fs/fuse/file.c:fuse_writepage_end
 *	text		the line, without the blanks around it
 *	reason
 *
 * Exit status: 0 if ledger and counts agree, 1 if not, 2 if something is not
 * understood.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct line {
	int nr;
	int code;		/* an instruction belongs to it */
	unsigned long count;
	int branches, taken;	/* of the object with the most of them */
	char *text;
	char *func;
};

struct file {
	char *name;
	struct line *lines;
	int nr_lines;
};

struct entry {
	char *lts, *place, *text, *reason;
	int line;		/* of the ledger */
	int used;
};

static struct file *files;
static int nr_files;
static struct entry *entries;
static int nr_entries;
static const char *ledger;
static int errors;

static void __attribute__((noreturn, format(printf, 1, 2)))
broken(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

static void *grow(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p)
		broken("coverage: error: out of memory");
	return p;
}

static char *copy(const char *s)
{
	char *p = strdup(s);

	if (!p)
		broken("coverage: error: out of memory");
	return p;
}

static FILE *open_file(const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f)
		broken("%s: error: cannot be read: %s", path, strerror(errno));
	return f;
}

/* Cuts off the blanks at both ends. */
static char *strip(char *s)
{
	size_t n;

	s += strspn(s, " \t");
	n = strlen(s);
	while (n && isspace((unsigned char)s[n - 1]))
		s[--n] = '\0';
	return s;
}

static struct file *find_file(const char *name)
{
	int i;

	if (!strncmp(name, "./", 2))
		name += 2;
	for (i = 0; i < nr_files; i++)
		if (!strcmp(files[i].name, name))
			return &files[i];
	return NULL;
}

static struct line *find_line(struct file *f, int nr)
{
	int i;

	for (i = 0; f && i < f->nr_lines; i++)
		if (f->lines[i].nr == nr)
			return &f->lines[i];
	return NULL;
}

static void read_changed(const char *path)
{
	FILE *f = open_file(path);
	char name[512];
	struct file *file;
	struct line *l;
	int nr;

	while (fscanf(f, "%511s %d", name, &nr) == 2) {
		file = find_file(name);
		if (!file) {
			files = grow(files, (nr_files + 1) * sizeof(*files));
			file = &files[nr_files++];
			memset(file, 0, sizeof(*file));
			file->name = copy(name);
		}
		file->lines = grow(file->lines,
				   (file->nr_lines + 1) * sizeof(*l));
		l = &file->lines[file->nr_lines++];
		memset(l, 0, sizeof(*l));
		l->nr = nr;
	}
	fclose(f);
}

/*
 * The function a line is in: the last one before it that begins in column 0, as
 * diff -p has it; its name is what stands before the first bracket.
 */
static void read_source(struct file *file)
{
	char buf[4096], func[256] = "-", *p, *q;
	FILE *f = open_file(file->name);
	struct line *l;
	int nr = 0;

	while (fgets(buf, sizeof(buf), f)) {
		nr++;
		p = strchr(buf, '(');
		if ((isalpha((unsigned char)*buf) || *buf == '_') && p &&
		    !strchr(buf, ';')) {
			while (p > buf && p[-1] == ' ')
				p--;
			for (q = p; q > buf && (isalnum((unsigned char)q[-1]) ||
						q[-1] == '_'); q--)
				;
			snprintf(func, sizeof(func), "%.*s", (int)(p - q), q);
		}
		l = find_line(file, nr);
		if (!l)
			continue;
		l->text = copy(strip(buf));
		l->func = copy(func);
	}
	fclose(f);
}

static void read_gcov(const char *path)
{
	int branches = 0, taken = 0, nr;
	struct file *file = NULL;
	struct line *l = NULL;
	char *buf = NULL, *p;
	FILE *f = open_file(path);
	size_t size = 0;

	/* the branches of a line stand below it */
#define END_OF_LINE()							\
	do {								\
		if (l && branches >= l->branches) {			\
			l->taken = branches > l->branches ||		\
				taken > l->taken ? taken : l->taken;	\
			l->branches = branches;				\
		}							\
		branches = taken = 0;					\
	} while (0)

	while (getline(&buf, &size, f) > 0) {
		p = strstr(buf, "    0:Source:");
		if (p) {
			END_OF_LINE();
			l = NULL;
			p += strlen("    0:Source:");
			p[strcspn(p, "\n")] = '\0';
			file = find_file(p);
			continue;
		}
		if (!strncmp(buf, "branch ", 7)) {
			branches++;
			taken += strstr(buf, " taken ") &&
				!strstr(buf, " taken 0");
			continue;
		}
		p = strchr(buf, ':');
		if (!file || !p || strspn(buf, " 0123456789-#=*") !=
		    (size_t)(p - buf))
			continue;
		nr = atoi(p + 1);
		if (!nr)
			continue;
		END_OF_LINE();
		l = find_line(file, nr);
		*p = '\0';
		p = strip(buf);
		if (!l || !strcmp(p, "-"))
			continue;
		l->code = 1;
		l->count += strtoul(p, NULL, 10);
	}
	END_OF_LINE();
	free(buf);
	fclose(f);
}

static void read_ledger(void)
{
	FILE *f = open_file(ledger);
	char *buf = NULL, *field[4], *p;
	struct entry *e;
	size_t size = 0;
	int nr = 0, i;

	while (getline(&buf, &size, f) > 0) {
		nr++;
		if (*buf == '#' || *buf == '\n')
			continue;
		p = buf;
		for (i = 0; i < 4; i++)
			field[i] = p ? strsep(&p, "\t") : NULL;
		if (!field[3] || p || !*strip(field[3]))
			broken("%s:%d: error: expected four fields with a tab between: kernels, file:function, text, reason",
			       ledger, nr);
		entries = grow(entries, (nr_entries + 1) * sizeof(*entries));
		e = &entries[nr_entries++];
		e->lts = copy(field[0]);
		e->place = copy(field[1]);
		e->text = copy(field[2]);
		e->reason = copy(strip(field[3]));
		e->line = nr;
		e->used = 0;
	}
	free(buf);
	fclose(f);
}

static int is_for(const struct entry *e, const char *lts)
{
	size_t n = strlen(lts);
	const char *p = e->lts;

	if (!strcmp(p, "all"))
		return 1;
	for (; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (!strncmp(p, lts, n) && (!p[n] || p[n] == ','))
			return 1;
	}
	return 0;
}

static const char *reason_for(const char *lts, const struct file *f,
			      const struct line *l)
{
	char place[1024];
	int i;

	snprintf(place, sizeof(place), "%s:%s", f->name, l->func);
	for (i = 0; i < nr_entries; i++)
		if (is_for(&entries[i], lts) &&
		    !strcmp(entries[i].place, place) &&
		    !strcmp(entries[i].text, l->text)) {
			entries[i].used++;
			return entries[i].reason;
		}
	return NULL;
}

int main(int argc, char **argv)
{
	int lines, reached, branches, taken, missed;
	int all[5] = { 0 };
	const char *lts, *why;
	struct line *l;
	int i, j;

	if (argc != 5) {
		fputs("usage: coverage LTS LEDGER CHANGED GCOV\n", stderr);
		return 2;
	}
	lts = argv[1];
	ledger = argv[2];
	read_ledger();
	read_changed(argv[3]);
	for (i = 0; i < nr_files; i++)
		read_source(&files[i]);
	read_gcov(argv[4]);

	printf("%-28s %7s %7s %7s %9s\n", "FILE", "CHANGED", "LINES",
	       "REACHED", "BRANCHES");
	for (i = 0; i < nr_files; i++) {
		lines = reached = branches = taken = 0;
		for (j = 0; j < files[i].nr_lines; j++) {
			l = &files[i].lines[j];
			lines += l->code;
			reached += l->code && l->count;
			branches += l->branches;
			taken += l->taken;
		}
		printf("%-28s %7d %7d %7d %4d/%d\n", files[i].name,
		       files[i].nr_lines, lines, reached, taken, branches);
		all[0] += files[i].nr_lines;
		all[1] += lines;
		all[2] += reached;
		all[3] += taken;
		all[4] += branches;
	}
	printf("%-28s %7d %7d %7d %4d/%d\n", "all", all[0], all[1], all[2],
	       all[3], all[4]);
	if (!all[1])
		broken("%s: error: no changed line has code: these are not the counts of this series",
		       argv[4]);

	missed = all[1] - all[2];
	printf("\nlines not reached: %d\n", missed);
	for (i = 0; i < nr_files; i++)
		for (j = 0; j < files[i].nr_lines; j++) {
			l = &files[i].lines[j];
			if (!l->code || l->count)
				continue;
			why = reason_for(lts, &files[i], l);
			printf("  %s:%d: %s: %s\n      %s\n", files[i].name,
			       l->nr, l->func, l->text,
			       why ? why : "NO REASON GIVEN");
			errors += !why;
		}
	printf("\nlines with a branch not taken:\n");
	for (i = 0; i < nr_files; i++)
		for (j = 0; j < files[i].nr_lines; j++) {
			l = &files[i].lines[j];
			if (l->count && l->taken < l->branches)
				printf("  %s:%d: %s: %s (%d of %d)\n",
				       files[i].name, l->nr, l->func, l->text,
				       l->taken, l->branches);
		}
	fflush(stdout);
	if (errors)
		fprintf(stderr, "%s: error: %d lines not reached have no reason there; write a test that reaches them, or say why none can\n",
			ledger, errors);
	for (i = 0; i < nr_entries; i++)
		if (!entries[i].used && is_for(&entries[i], lts)) {
			fprintf(stderr, "%s:%d: error: %s: no such line that is not reached in %s: \"%s\"; remove it\n",
				ledger, entries[i].line, entries[i].place, lts,
				entries[i].text);
			errors++;
		}
	return !!errors;
}
