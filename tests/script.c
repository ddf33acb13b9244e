// SPDX-License-Identifier: GPL-2.0
// The lab language: reads a script, and plays it in the server of a mount.
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "script.h"
#include "server.h"
#include "test.h"

#define MAX_WORDS	64
#define ANSWER_SIZE	(4UL << 20)

enum { ANY_OPCODE = -1, NO_OPCODE = -2 };

static const struct {
	const char *name;
	int value;
} opcodes[] = {
	{ "any", ANY_OPCODE }, { "LOOKUP", FUSE_LOOKUP },
	{ "GETATTR", FUSE_GETATTR }, { "SETATTR", FUSE_SETATTR },
	{ "OPEN", FUSE_OPEN }, { "READ", FUSE_READ }, { "WRITE", FUSE_WRITE },
	{ "STATFS", FUSE_STATFS }, { "RELEASE", FUSE_RELEASE },
	{ "FSYNC", FUSE_FSYNC }, { "FLUSH", FUSE_FLUSH }, { "INIT", FUSE_INIT },
	{ "CREATE", FUSE_CREATE }, { "FALLOCATE", FUSE_FALLOCATE },
	{ "SYNCFS", FUSE_SYNCFS }, { "UNLINK", FUSE_UNLINK },
	{ "RENAME", FUSE_RENAME }, { "OPENDIR", FUSE_OPENDIR },
}, errors[] = {
	{ "EPERM", EPERM }, { "ENOENT", ENOENT }, { "EINTR", EINTR },
	{ "EIO", EIO }, { "EBADF", EBADF }, { "EAGAIN", EAGAIN },
	{ "ENOMEM", ENOMEM }, { "EACCES", EACCES }, { "EBUSY", EBUSY },
	{ "EEXIST", EEXIST }, { "ENODEV", ENODEV }, { "EINVAL", EINVAL },
	{ "EFBIG", EFBIG }, { "ENOSPC", ENOSPC }, { "ENOSYS", ENOSYS },
	{ "ENOTCONN", ENOTCONN }, { "EDQUOT", EDQUOT }, { "ESTALE", ESTALE },
	{ "ETIMEDOUT", ETIMEDOUT }, { "ECONNABORTED", ECONNABORTED },
	{ "EOPNOTSUPP", EOPNOTSUPP }, { "ok", 0 },
};

/* To what an action applies: to an answer, or to the server as a whole. */
enum act {
	/* the answer to the request that matched */
	HOLD, DELAY, SWAP, ERROR, LEN, CUT, PAD, SIZE, UNIQUE, AGAIN, RETRY,
	ATTR_SIZE, ATTR_MODE, INIT_MAJOR, INIT_MINOR, INIT_MAX_WRITE,
	INIT_MAX_PAGES, INIT_MAX_BACKGROUND, INIT_TIME_GRAN, INIT_FLAGS,
	LAST_OF_ANSWER = INIT_FLAGS,
	/* the server */
	RELEASE, PAUSE, RESUME, STOP, FREEZE, EXIT, KILL, TOUCH, INVAL, STORE,
	BOGUS, RAISE,
};

enum arg { NOTHING, NUMBER, MAYBE_NUMBER, ERRNO_ARG, MS, WORD, WHO };

static const struct {
	const char *name;
	enum arg arg;
	const char *what;	/* a list of words that it may be */
} acts[] = {
	[HOLD] = { "hold", NOTHING, "" },
	[DELAY] = { "delay", MS, "" },
	[SWAP] = { "swap", NOTHING, "" },
	[ERROR] = { "error", ERRNO_ARG, "" },
	[LEN] = { "len", NUMBER, "" },
	[CUT] = { "cut", NUMBER, "" },
	[PAD] = { "pad", NUMBER, "" },
	[SIZE] = { "size", NUMBER, "" },
	[UNIQUE] = { "unique", NUMBER, "" },
	[AGAIN] = { "again", MAYBE_NUMBER, "" },
	[RETRY] = { "retry", NOTHING, "" },
	[ATTR_SIZE] = { "attr-size", NUMBER, "" },
	[ATTR_MODE] = { "attr-mode", NUMBER, "" },
	[INIT_MAJOR] = { "init-major", NUMBER, "" },
	[INIT_MINOR] = { "init-minor", NUMBER, "" },
	[INIT_MAX_WRITE] = { "init-max-write", NUMBER, "" },
	[INIT_MAX_PAGES] = { "init-max-pages", NUMBER, "" },
	[INIT_MAX_BACKGROUND] = { "init-max-background", NUMBER, "" },
	[INIT_TIME_GRAN] = { "init-time-gran", NUMBER, "" },
	[INIT_FLAGS] = { "init-flags", NUMBER, "" },
	[RELEASE] = { "release", MAYBE_NUMBER, "" },
	[PAUSE] = { "pause", NOTHING, "" },
	[RESUME] = { "resume", NOTHING, "" },
	[STOP] = { "stop", NOTHING, "" },
	[FREEZE] = { "freeze", WORD, "v2 v1" },
	[EXIT] = { "exit", NOTHING, "" },
	[KILL] = { "kill", NOTHING, "" },
	[TOUCH] = { "touch", WHO, "open stat statfs read write fsync sync "
		    "syncfs keep" },
	[INVAL] = { "inval", WHO, "0 1 2 3" },
	[STORE] = { "store", WHO, "0 1 2 3" },
	[BOGUS] = { "bogus", NOTHING, "" },
	[RAISE] = { "raise", WORD, "" },
};

struct number {
	bool relative;
	int64_t n;
};

struct action {
	enum act act;
	struct number n;
	char word[32];
	bool self;		/* the thread that serves does it */
};

#define MAX_ACTIONS	6

struct script_rule {
	struct script_rule *next;
	int line;
	int opcode;		/* NO_OPCODE: for an event */
	char event[32];
	unsigned long nth, from, to, every, count;
	unsigned long held;	/* of "when held=N" */
	unsigned int after;
	long file;
	int64_t offset;
	int cached;		/* -1 is both */
	struct action action[MAX_ACTIONS];
	int nactions;
	/* While it is played. */
	unsigned long seen;
	uint64_t due;
};

struct script_expect {
	struct script_expect *next;
	int line;
	char op[32];
	enum script_result result;
	int error;
};

/* An answer on its way. */
struct answer {
	struct answer *next;
	uint64_t unique;
	uint32_t opcode;
	bool ready;		/* it is there, and waits for its time */
	bool held, swapped;
	uint64_t due;
	const struct script_rule *rule[4];
	int nrules;
	size_t len;
	unsigned char *msg;
};

struct script_play {
	int dev;
	struct srv_shared *srv;
	const char *dir;
	bool started;
	struct answer *first;
	unsigned char *buf;
};

/* ---- reading */

struct reader {
	const char *name;
	int line;
	char *err;
	size_t size;
	char *word[MAX_WORDS];
	int n;
};

static bool __attribute__((format(printf, 2, 3)))
wrong(struct reader *r, const char *fmt, ...)
{
	va_list ap;
	int n;

	n = snprintf(r->err, r->size, "%s:%d: error: ", r->name, r->line);
	if (n < 0 || (size_t)n >= r->size)
		return false;
	va_start(ap, fmt);
	vsnprintf(r->err + n, r->size - n, fmt, ap);
	va_end(ap);
	return false;
}

/* Cut a line into words; ":" and ";" are words of their own. */
static bool cut_words(struct reader *r, char *line)
{
	static char copy[2048];
	char *p = line, *q = copy;

	r->n = 0;
	while (*p && *p != '#') {
		if (isspace((unsigned char)*p)) {
			p++;
			continue;
		}
		if (r->n == MAX_WORDS || q + strlen(p) + 2 >= copy +
		    sizeof(copy))
			return wrong(r, "too long, expected at most %d words, "
				     "make it two rules", MAX_WORDS);
		r->word[r->n++] = q;
		if (*p == ':' || *p == ';') {
			*q++ = *p++;
		} else {
			while (*p && !isspace((unsigned char)*p) &&
			       !strchr(":;#", *p))
				*q++ = *p++;
		}
		*q++ = '\0';
	}
	return true;
}

static bool read_number(const char *s, struct number *n)
{
	char *end;

	n->relative = *s == '+' || *s == '-';
	if (!isdigit((unsigned char)s[n->relative]))
		return false;
	errno = 0;
	n->n = n->relative ? strtoll(s, &end, 0) :
	       (int64_t)strtoull(s, &end, 0);
	return !errno && !*end;
}

static bool read_unsigned(const char *s, unsigned long max, unsigned long *v)
{
	struct number n;

	if (!read_number(s, &n) || n.relative || (unsigned long)n.n > max)
		return false;
	*v = n.n;
	return true;
}

static bool read_errno(const char *s, int *error)
{
	struct number n;
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (!strcmp(errors[i].name, s)) {
			*error = errors[i].value;
			return true;
		}
	}
	if (!read_number(s, &n) || n.n > 1 << 30 || n.n < -(1 << 30))
		return false;
	*error = n.n;
	return true;
}

static bool one_of(const char *list, const char *word)
{
	size_t len = strlen(word);
	const char *p;

	for (p = list; (p = strstr(p, word)); p += len)
		if ((p == list || p[-1] == ' ') &&
		    (p[len] == ' ' || !p[len]))
			return true;
	return false;
}

static bool read_action(struct reader *r, struct script_rule *rule, int from,
			int to)
{
	struct action *a = &rule->action[rule->nactions];
	const char *name = r->word[from];
	const char *arg = from + 1 < to ? r->word[from + 1] : NULL;
	int used = 1, error;
	unsigned long ms;
	size_t i;

	if (rule->nactions == MAX_ACTIONS)
		return wrong(r, "too many actions, expected at most %d, make "
			     "it two rules", MAX_ACTIONS);
	for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (acts[i].name && !strcmp(acts[i].name, name))
			break;
	if (i == sizeof(acts) / sizeof(acts[0]))
		return wrong(r, "unknown action '%s', expected one like hold, "
			     "delay, error, kill, see doc/lab.md", name);
	a->act = i;
	switch (acts[i].arg) {
	case NOTHING:
		used = 0;
		break;
	case NUMBER:
	case MAYBE_NUMBER:
		if (!arg && acts[i].arg == MAYBE_NUMBER) {
			a->n.n = a->act == AGAIN ? 1 : 1 << 20;
			used = 0;
		} else if (!arg || !read_number(arg, &a->n)) {
			return wrong(r, "%s: expected a number like 8, 0x10, "
				     "+1 or -1, got '%s', write one", name,
				     arg ? arg : "nothing");
		}
		break;
	case ERRNO_ARG:
		if (!arg || !read_errno(arg, &error))
			return wrong(r, "%s: expected an error like EIO or a "
				     "number, got '%s', write one", name,
				     arg ? arg : "nothing");
		a->n.n = error;
		break;
	case MS:
		if (!arg || !read_unsigned(arg, 60000, &ms))
			return wrong(r, "%s: expected milliseconds, 0 to "
				     "60000, got '%s', write them", name,
				     arg ? arg : "nothing");
		a->n.n = ms;
		break;
	case WHO:
		if (!arg || !one_of("self other", arg))
			return wrong(r, "%s: expected self (the thread that "
				     "serves) or other, got '%s', say who "
				     "does it", name, arg ? arg : "nothing");
		a->self = !strcmp(arg, "self");
		arg = from + 2 < to ? r->word[from + 2] : NULL;
		used = 2;
		/* fall through */
	case WORD:
		if (!arg || strlen(arg) >= sizeof(a->word) ||
		    (acts[i].what[0] && !one_of(acts[i].what, arg)))
			return wrong(r, "%s: expected %s%s, got '%s', write "
				     "one", name, acts[i].what[0] ? "one of " :
				     "a word", acts[i].what,
				     arg ? arg : "nothing");
		strcpy(a->word, arg);
		break;
	}
	if (from + 1 + used != to)
		return wrong(r, "%s: unexpected '%s', expected ';' or the end "
			     "of the line, remove it", name,
			     r->word[from + 1 + used]);
	if (a->act <= LAST_OF_ANSWER && rule->opcode == NO_OPCODE)
		return wrong(r, "%s: is for the answer to a request, expected "
			     "an action of the server, use 'on OPCODE'", name);
	if (a->act <= LAST_OF_ANSWER && rule->after)
		return wrong(r, "%s: is for an answer, expected no after=, "
			     "use delay", name);
	if (a->act == SIZE && rule->opcode != FUSE_WRITE &&
	    rule->opcode != FUSE_READ)
		return wrong(r, "size: is for WRITE and READ, expected one of "
			     "them behind 'on', use cut, pad or len");
	if (a->act >= INIT_MAJOR && a->act <= INIT_FLAGS &&
	    rule->opcode != FUSE_INIT)
		return wrong(r, "%s: is for the answer to INIT, expected 'on "
			     "INIT', move it there", name);
	rule->nactions++;
	return true;
}

static bool read_condition(struct reader *r, struct script_rule *rule,
			   char *word)
{
	char *value = strchr(word, '=');
	unsigned long n;

	if (!value)
		return wrong(r, "'%s': expected KEY=VALUE or ':', see "
			     "doc/lab.md", word);
	*value++ = '\0';
	if (!strcmp(word, "cached") && one_of("yes no", value)) {
		rule->cached = !strcmp(value, "yes");
		return true;
	}
	if (!read_unsigned(value, 1UL << 40, &n))
		return wrong(r, "%s=%s: expected a number that fits, write "
			     "one", word, value);
	if (!strcmp(word, "after") && n <= 60000)
		rule->after = n;
	else if (rule->opcode == NO_OPCODE)
		return wrong(r, "%s=: expected after=MS for an event, use 'on "
			     "OPCODE' for the others", word);
	else if (!strcmp(word, "nth") && n)
		rule->nth = n;
	else if (!strcmp(word, "from") && n)
		rule->from = n;
	else if (!strcmp(word, "to") && n)
		rule->to = n;
	else if (!strcmp(word, "every") && n)
		rule->every = n;
	else if (!strcmp(word, "file") && n < SRV_FILES)
		rule->file = n;
	else if (!strcmp(word, "offset"))
		rule->offset = n;
	else
		return wrong(r, "%s=%lu: expected nth, from, to, every (from "
			     "1), file (0 to %d), offset, cached or after (to "
			     "60000), see doc/lab.md", word, n, SRV_FILES - 1);
	return true;
}

static struct script_rule *new_rule(struct script *sc, int line)
{
	struct script_rule **p, *rule = calloc(1, sizeof(*rule));

	if (!rule)
		return NULL;
	rule->line = line;
	rule->file = -1;
	rule->offset = -1;
	rule->cached = -1;
	for (p = &sc->rules; *p; p = &(*p)->next)
		;
	*p = rule;
	return rule;
}

static bool read_rule(struct reader *r, struct script *sc, bool on)
{
	struct script_rule *rule = new_rule(sc, r->line);
	int i, j;

	if (!rule)
		return wrong(r, "expected memory, got none, free some");
	if (r->n < 2)
		return wrong(r, "nothing behind '%s', expected %s, write one",
			     r->word[0], on ? "an opcode" : "an event");
	rule->opcode = NO_OPCODE;
	if (on) {
		for (i = 0; i < (int)(sizeof(opcodes) / sizeof(opcodes[0]));
		     i++)
			if (!strcmp(opcodes[i].name, r->word[1]))
				rule->opcode = opcodes[i].value;
		if (rule->opcode == NO_OPCODE)
			return wrong(r, "unknown opcode '%s', expected any or "
				     "one like WRITE, see doc/lab.md",
				     r->word[1]);
	} else if (!strncmp(r->word[1], "held=", 5)) {
		if (!read_unsigned(r->word[1] + 5, 10000, &rule->held) ||
		    !rule->held)
			return wrong(r, "'%s': expected held=N with N from 1, "
				     "write one", r->word[1]);
		strcpy(rule->event, "held");
	} else {
		if (strlen(r->word[1]) >= sizeof(rule->event))
			return wrong(r, "'%s': expected at most %zu letters, "
				     "shorten it", r->word[1],
				     sizeof(rule->event) - 1);
		strcpy(rule->event, r->word[1]);
	}
	for (i = 2; i < r->n && strcmp(r->word[i], ":"); i++)
		if (!read_condition(r, rule, r->word[i]))
			return false;
	if (i == r->n)
		return wrong(r, "no ':', expected one before the actions, "
			     "write it");
	do {
		for (j = ++i; i < r->n && strcmp(r->word[i], ";"); i++)
			;
		if (i == j)
			return wrong(r, "no action, expected one behind '%s', "
				     "write it or remove that",
				     r->word[j - 1]);
		if (!read_action(r, rule, j, i))
			return false;
	} while (i < r->n);
	return true;
}

static bool read_mount(struct reader *r, struct script *sc)
{
	unsigned long n;
	char *value;
	int i;

	for (i = 1; i < r->n; i++) {
		value = strchr(r->word[i], '=');
		if (!value)
			return wrong(r, "'%s': expected KEY=VALUE, see "
				     "doc/lab.md", r->word[i]);
		*value++ = '\0';
		if (!strcmp(r->word[i], "writeback_cache") &&
		    one_of("yes no", value)) {
			sc->no_writeback_cache = !strcmp(value, "no");
			continue;
		}
		if (!read_unsigned(value, 1 << 20, &n) || !n)
			n = 0;
		if (n && !strcmp(r->word[i], "max_write"))
			sc->max_write = n;
		else if (n && !strcmp(r->word[i], "max_pages") && n < 65536)
			sc->max_pages = n;
		else if (n && !strcmp(r->word[i], "max_background") &&
			 n < 65536)
			sc->max_background = n;
		else
			return wrong(r, "%s=%s: expected writeback_cache=yes "
				     "or no, max_write, max_pages or "
				     "max_background with a number that fits, "
				     "see doc/lab.md", r->word[i], value);
	}
	return true;
}

static bool read_expect(struct reader *r, struct script *sc)
{
	struct script_expect *e = calloc(1, sizeof(*e));

	if (!e || r->n != 3 || strlen(r->word[1]) >= sizeof(e->op))
		return wrong(r, "%d words, expected 'expect OPERATION RESULT', "
			     "write it so", r->n);
	strcpy(e->op, r->word[1]);
	e->line = r->line;
	if (!strcmp(r->word[2], "returns"))
		e->result = RETURNS;
	else if (!strcmp(r->word[2], "waits"))
		e->result = WAITS;
	else if (read_errno(r->word[2], &e->error))
		e->result = RESULT_IS;
	else
		return wrong(r, "'%s': expected returns, waits, ok or an error "
			     "like EIO, write one", r->word[2]);
	e->next = sc->expects;
	sc->expects = e;
	return true;
}

static bool read_operations(struct reader *r, struct script *sc)
{
	size_t len = 0;
	int i;

	if (r->n < 2 || sc->operations[0])
		return wrong(r, "operations: expected one line with at least "
			     "one operation, write it so");
	sc->operations_line = r->line;
	for (i = 1; i < r->n; i++) {
		if (len + strlen(r->word[i]) + 2 > sizeof(sc->operations))
			return wrong(r, "operations: expected at most %zu "
				     "letters, leave some out",
				     sizeof(sc->operations));
		len += sprintf(sc->operations + len, "%s%s", len ? " " : "",
			       r->word[i]);
	}
	return true;
}

static bool read_line(struct reader *r, struct script *sc, char *line)
{
	const char *what;

	if (!strncmp(line, "about ", 6)) {
		snprintf(sc->about, sizeof(sc->about), "%s", line + 6);
		return true;
	}
	if (!cut_words(r, line) || !r->n)
		return !r->err[0];
	what = r->word[0];
	if (!strcmp(what, "on") || !strcmp(what, "when"))
		return read_rule(r, sc, *what == 'o');
	if (!strcmp(what, "mount"))
		return read_mount(r, sc);
	if (!strcmp(what, "expect"))
		return read_expect(r, sc);
	if (!strcmp(what, "operations"))
		return read_operations(r, sc);
	if (!strcmp(what, "refused")) {
		if (r->n != 2 || !read_errno(r->word[1], &sc->refused) ||
		    !sc->refused)
			return wrong(r, "refused: expected an error like "
				     "ENOENT, write one");
		return true;
	}
	if (!strcmp(what, "end")) {
		if (r->n != 2 || !one_of("abort kill", r->word[1]))
			return wrong(r, "end: expected abort or kill, write "
				     "one");
		sc->end_abort = !strcmp(r->word[1], "abort");
		sc->end_kill = !sc->end_abort;
		return true;
	}
	return wrong(r, "'%s': expected about, mount, on, when, operations, "
		     "expect, refused or end, see doc/lab.md", what);
}

static bool event_is_raised(const struct script *sc, const char *event)
{
	const struct script_rule *rule;
	int i;

	for (rule = sc->rules; rule; rule = rule->next)
		for (i = 0; i < rule->nactions; i++)
			if (rule->action[i].act == RAISE &&
			    !strcmp(rule->action[i].word, event))
				return true;
	return !strcmp(event, "start") || !strcmp(event, "held");
}

/* What only all of it together tells. */
static bool check_whole(struct reader *r, struct script *sc)
{
	const struct script_rule *rule;
	int i;

	sc->answers = true;
	for (rule = sc->rules; rule; rule = rule->next) {
		r->line = rule->line;
		if (rule->opcode == NO_OPCODE &&
		    !event_is_raised(sc, rule->event))
			return wrong(r, "event '%s' never happens, expected "
				     "start, held=N or one that a rule "
				     "raises, raise it", rule->event);
		sc->wants_init |= rule->opcode == FUSE_INIT;
		for (i = 0; i < rule->nactions; i++) {
			enum act act = rule->action[i].act;

			if (act == TOUCH || act == INVAL || act == STORE)
				sc->waiters = true;
			if (act > RELEASE || (rule->opcode != FUSE_WRITE &&
					      rule->opcode != FUSE_READ))
				sc->answers = false;
		}
	}
	r->line = 1;
	if (!sc->rules)
		return wrong(r, "no rule, expected a line 'on OPCODE ...' or "
			     "'when EVENT ...', write one");
	if (!sc->about[0])
		return wrong(r, "no purpose, expected a line 'about TEXT', "
			     "write one");
	return true;
}

struct script *script_parse(const char *name, const char *text, char *err,
			    size_t size)
{
	struct reader r = { .name = name, .err = err, .size = size };
	struct script *sc = calloc(1, sizeof(*sc));
	const char *base = strrchr(name, '/');
	char *copy = strdup(text), *line = copy, *next;

	err[0] = '\0';
	if (!sc || !copy) {
		wrong(&r, "expected memory, got none, free some");
		return NULL;
	}
	snprintf(sc->name, sizeof(sc->name), "%s", base ? base + 1 : name);
	if (strlen(sc->name) > 4 &&
	    !strcmp(sc->name + strlen(sc->name) - 4, ".lab"))
		sc->name[strlen(sc->name) - 4] = '\0';
	for (; line && !err[0]; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		r.line++;
		read_line(&r, sc, line);
	}
	free(copy);
	if (err[0] || !check_whole(&r, sc))
		return NULL;
	return sc;
}

char *script_read(const char *path)
{
	const size_t max = 64 << 10;
	char *text = malloc(max);

	if (!text || !read_file(path, text, max))
		return NULL;
	return text;
}

enum script_result script_expects(const struct script *sc, const char *op,
				  int *error)
{
	const struct script_expect *e, *all = NULL;

	for (e = sc->expects; e; e = e->next) {
		if (!strcmp(e->op, op))
			break;
		if (!strcmp(e->op, "all"))
			all = e;
	}
	if (!e)
		e = all;
	if (!e)
		return ANY_RESULT;
	*error = e->error;
	return e->result;
}

bool script_check_ops(const struct script *sc, const char *name,
		      bool (*known)(const char *op), char *err, size_t size)
{
	struct reader r = { .name = name, .err = err, .size = size };
	char copy[sizeof(sc->operations)], *op, *save = NULL;
	const struct script_expect *e;

	strcpy(copy, sc->operations);
	r.line = sc->operations_line;
	for (op = strtok_r(copy, " ", &save); op; op = strtok_r(NULL, " ",
								&save))
		if (!known(op))
			return wrong(&r, "operations: unknown operation '%s', "
				     "expected one like fsync or bystanders, "
				     "see doc/lab.md", op);
	for (e = sc->expects; e; e = e->next) {
		r.line = e->line;
		if (strcmp(e->op, "all") && !known(e->op))
			return wrong(&r, "expect: unknown operation '%s', "
				     "expected all or one like fsync, see "
				     "doc/lab.md", e->op);
	}
	return true;
}

bool script_has_op(const struct script *sc, const char *op)
{
	return !sc->operations[0] || one_of(sc->operations, op);
}

/* ---- playing */

static void run_actions(struct script *sc, struct script_rule *rule);

static void send_message(struct script *sc, const void *msg, size_t len)
{
	if (write(sc->play->dev, msg, len) >= 0)
		return;
	/* ENOENT: interrupted or aborted; ENODEV: aborted. */
	sc->sh->refusal = errno;
	sc->sh->refused++;
}

static int64_t changed(const struct number *n, int64_t old)
{
	return n->relative ? old + n->n : n->n;
}

static struct fuse_attr *attr_of(struct answer *a)
{
	void *body = a->msg + sizeof(struct fuse_out_header);

	if (a->opcode == FUSE_GETATTR || a->opcode == FUSE_SETATTR)
		return &((struct fuse_attr_out *)body)->attr;
	return &((struct fuse_entry_out *)body)->attr;
}

static void change_init(struct fuse_init_out *init, const struct action *act)
{
	const struct number *n = &act->n;

	switch (act->act) {
	case INIT_MAJOR:
		init->major = changed(n, init->major);
		break;
	case INIT_MINOR:
		init->minor = changed(n, init->minor);
		break;
	case INIT_MAX_WRITE:
		init->max_write = changed(n, init->max_write);
		break;
	case INIT_MAX_PAGES:
		init->max_pages = changed(n, init->max_pages);
		break;
	case INIT_MAX_BACKGROUND:
		init->max_background = changed(n, init->max_background);
		init->congestion_threshold = init->max_background;
		break;
	case INIT_TIME_GRAN:
		init->time_gran = changed(n, init->time_gran);
		break;
	case INIT_FLAGS:
		init->flags = changed(n, init->flags);
		break;
	default:
		break;
	}
}

static void set_length(struct answer *a, int64_t len)
{
	if (len < 0)
		len = 0;
	if (len > (int64_t)ANSWER_SIZE)
		len = ANSWER_SIZE;
	if ((size_t)len > a->len)
		memset(a->msg + a->len, 0, len - a->len);
	a->len = len;
}

static void change_size(struct answer *a, const struct number *n)
{
	const size_t head = sizeof(struct fuse_out_header);
	struct fuse_write_out *out = (void *)(a->msg + head);

	if (a->opcode == FUSE_READ)
		set_length(a, head + changed(n, a->len - head));
	else if (a->len >= head + sizeof(*out))
		out->size = changed(n, out->size);
}

/* Spoil what was right; LEN and UNIQUE come last, they are of the result. */
static void spoil(struct answer *a, const struct action *act)
{
	const size_t head = sizeof(struct fuse_out_header);
	struct fuse_out_header *out = (void *)a->msg;
	struct fuse_attr *attr;

	switch (act->act) {
	case ERROR:
		out->error = -act->n.n;
		set_length(a, act->n.n ? head : a->len);
		break;
	case CUT:
		set_length(a, act->n.relative ? (int64_t)a->len + act->n.n :
			   act->n.n);
		break;
	case PAD:
		set_length(a, a->len + act->n.n);
		break;
	case SIZE:
		change_size(a, &act->n);
		break;
	case ATTR_SIZE:
	case ATTR_MODE:
		attr = attr_of(a);
		if (a->len < head + sizeof(struct fuse_attr_out))
			break;
		if (act->act == ATTR_SIZE)
			attr->size = changed(&act->n, attr->size);
		else
			attr->mode = changed(&act->n, attr->mode);
		break;
	default:
		if (a->len >= head + sizeof(struct fuse_init_out))
			change_init((void *)(a->msg + head), act);
	}
	out->len = a->len;
}

static void send_answer(struct script *sc, struct answer *a)
{
	struct fuse_out_header *out = (void *)a->msg;
	unsigned char *good = NULL;
	size_t good_len = a->len;
	unsigned int times = 1;
	int i, j;

	for (i = 0; i < a->nrules; i++)
		for (j = 0; j < a->rule[i]->nactions; j++)
			if (a->rule[i]->action[j].act == RETRY)
				good = malloc(a->len);
	if (good)
		memcpy(good, a->msg, a->len);
	for (i = 0; i < a->nrules; i++)
		for (j = 0; j < a->rule[i]->nactions; j++)
			if (a->rule[i]->action[j].act >= ERROR &&
			    a->rule[i]->action[j].act <= LAST_OF_ANSWER)
				spoil(a, &a->rule[i]->action[j]);
	for (i = 0; i < a->nrules; i++) {
		for (j = 0; j < a->rule[i]->nactions; j++) {
			const struct action *act = &a->rule[i]->action[j];

			if (act->act == LEN)
				out->len = changed(&act->n, out->len);
			else if (act->act == UNIQUE)
				out->unique = changed(&act->n, out->unique);
			else if (act->act == AGAIN)
				times += act->n.n;
		}
	}
	while (times--)
		send_message(sc, a->msg, a->len);
	if (good)
		send_message(sc, good, good_len);
	free(good);
}

static void free_answer(struct script *sc, struct answer *a)
{
	struct answer **p;

	for (p = &sc->play->first; *p && *p != a; p = &(*p)->next)
		;
	if (*p)
		*p = a->next;
	free(a->msg);
	free(a);
}

static void release(struct script *sc, unsigned long n)
{
	struct answer *a;

	while (n--) {
		for (a = sc->play->first; a; a = a->next)
			if (a->ready && a->held)
				break;
		if (!a)
			return;
		send_answer(sc, a);
		free_answer(sc, a);
		sc->sh->held--;
	}
}

/* A process of the server that serves nothing: 0 in it, else its pid. */
static pid_t helper(struct script *sc)
{
	unsigned int n = sc->sh->nhelpers;
	pid_t pid;

	if (n == SCRIPT_HELPERS)
		return -1;
	pid = fork();
	if (pid > 0) {
		sc->sh->helper[n] = pid;
		sc->sh->nhelpers = n + 1;
	}
	return pid;
}

/*
 * With the device open as well, and a number below that of the device: at the
 * end of the process its descriptors are closed in that order.
 */
static void keep_open(int fd)
{
	if (pwrite(fd, "k", 1, 12 * page_size()) != 1)
		return;
	dup2(fd, 0);
	close(fd);
	for (;;)
		pause();
}

static void touch(struct script *sc, const char *how)
{
	static char page[4096];
	struct statfs sf;
	struct stat st;
	char path[128];
	ssize_t n = 0;
	int fd;

	if (!strcmp(how, "sync")) {
		sync();
		return;
	}
	if (!strcmp(how, "statfs")) {
		statfs(sc->play->dir, &sf);
		return;
	}
	snprintf(path, sizeof(path), "%s/data", sc->play->dir);
	if (!strcmp(how, "stat")) {
		stat(path, &st);
		return;
	}
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	if (!strcmp(how, "read"))
		n = pread(fd, page, sizeof(page), 0);
	else if (!strcmp(how, "write"))
		n = pwrite(fd, page, sizeof(page), 0);
	else if (!strcmp(how, "fsync"))
		n = fsync(fd);
	else if (!strcmp(how, "syncfs"))
		n = syncfs(fd);
	else if (!strcmp(how, "keep"))
		keep_open(fd);
	(void)n;
	close(fd);
}

static void notify(struct script *sc, bool store, int file)
{
	struct {
		struct fuse_out_header out;
		union {
			struct fuse_notify_inval_inode_out inval;
			struct {
				struct fuse_notify_store_out store;
				unsigned char data[4096];
			} s;
		} u;
	} msg;

	memset(&msg, 0, sizeof(msg));
	if (store) {
		msg.out.error = FUSE_NOTIFY_STORE;
		msg.out.len = sizeof(msg.out) + sizeof(msg.u.s);
		msg.u.s.store.nodeid = file + 2;
		msg.u.s.store.size = sizeof(msg.u.s.data);
		memset(msg.u.s.data, 's', sizeof(msg.u.s.data));
	} else {
		msg.out.error = FUSE_NOTIFY_INVAL_INODE;
		msg.out.len = sizeof(msg.out) + sizeof(msg.u.inval);
		msg.u.inval.ino = file + 2;
	}
	send_message(sc, &msg, msg.out.len);
}

static bool group_write(const char *group, const char *file, const char *value)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", group, file);
	return write_file(path, value);
}

static bool group_says(const char *group, const char *file, const char *text)
{
	char path[160], buf[256];

	snprintf(path, sizeof(path), "%s/%s", group, file);
	return read_file(path, buf, sizeof(buf)) && strstr(buf, text);
}

/*
 * By a process that outlives the test, or a server that is left frozen could
 * not be killed.
 */
static void freeze(struct script *sc, bool v2)
{
	pid_t server = getpid(), test = getppid();
	char top[96], group[128], pid[16];
	bool frozen;

	snprintf(top, sizeof(top), "%s/freezer.%d", scratch_dir(), server);
	snprintf(group, sizeof(group), "%s/fusewb-lab.%d", top, server);
	snprintf(pid, sizeof(pid), "%d", server);
	if (helper(sc)) {
		wait_until(sc->sh->frozen, scaled_ms(5000));
		return;
	}
	setsid();
	close(sc->play->dev);
	if (mkdir(top, 0700) ||
	    mount("none", top, v2 ? "cgroup2" : "cgroup", 0,
		  v2 ? NULL : "freezer") || mkdir(group, 0700)) {
		sc->sh->frozen = -errno;
		_exit(1);
	}
	frozen = group_write(group, "cgroup.procs", pid) &&
		 (v2 ? group_write(group, "cgroup.freeze", "1") :
		  group_write(group, "freezer.state", "FROZEN"));
	if (frozen)
		frozen = wait_until(v2 ? group_says(group, "cgroup.events",
						    "frozen 1") :
				    group_says(group, "freezer.state",
					       "FROZEN"), scaled_ms(4000));
	sc->sh->frozen = frozen ? 1 : -ENODEV;
	while (frozen && !sc->sh->thaw && !kill(test, 0))
		wait_until(sc->sh->thaw, 200);
	if (v2)
		group_write(group, "cgroup.freeze", "0");
	else
		group_write(group, "freezer.state", "THAWED");
	group_write(top, "cgroup.procs", pid);
	wait_until(!rmdir(group), scaled_ms(2000));
	umount2(top, MNT_DETACH);
	rmdir(top);
	_exit(0);
}

static void in_helper(struct script *sc, const struct action *act)
{
	pid_t pid = act->self ? 0 : helper(sc);

	if (pid)
		return;
	if (act->act == TOUCH) {
		if (!act->self && strcmp(act->word, "keep"))
			close(sc->play->dev);
		touch(sc, act->word);
	} else {
		notify(sc, act->act == STORE, atoi(act->word));
	}
	if (!act->self)
		_exit(0);
}

static void happen(struct script *sc, const char *event)
{
	struct script_rule *rule;

	for (rule = sc->rules; rule; rule = rule->next) {
		if (rule->opcode != NO_OPCODE || strcmp(rule->event, event))
			continue;
		if (!strcmp(event, "held") && (sc->sh->held != rule->held ||
					       rule->seen++))
			continue;
		if (rule->after)
			rule->due = now_ns() + rule->after * 1000000ULL;
		else
			run_actions(sc, rule);
	}
}

static void run_action(struct script *sc, const struct action *act)
{
	struct fuse_out_header bogus = {
		.len = sizeof(bogus), .unique = 0x7fff000000000000ULL,
	};

	switch (act->act) {
	case RELEASE:
		release(sc, act->n.n);
		break;
	case PAUSE:
		sc->play->srv->pause = 1;
		sc->sh->stops = 1;
		break;
	case RESUME:
		sc->play->srv->pause = 0;
		break;
	case STOP:
		sc->sh->stops = 1;
		raise(SIGSTOP);
		break;
	case FREEZE:
		freeze(sc, !strcmp(act->word, "v2"));
		sc->sh->stops = 1;
		break;
	case EXIT:
		sc->sh->stops = 1;
		_exit(0);
	case KILL:
		sc->sh->stops = 1;
		raise(SIGKILL);
		break;
	case TOUCH:
	case INVAL:
	case STORE:
		if (act->self)
			sc->sh->stops = 1;
		in_helper(sc, act);
		break;
	case BOGUS:
		send_message(sc, &bogus, sizeof(bogus));
		break;
	case RAISE:
		happen(sc, act->word);
		break;
	default:
		break;
	}
}

/* Those for the server; those for an answer wait for it. */
static void run_actions(struct script *sc, struct script_rule *rule)
{
	int i;

	sc->sh->hits++;
	for (i = 0; i < rule->nactions; i++)
		if (rule->action[i].act > LAST_OF_ANSWER)
			run_action(sc, &rule->action[i]);
}

void script_begin(struct script *sc, int dev, struct srv_shared *srv,
		  const char *dir)
{
	sc->play = calloc(1, sizeof(*sc->play));
	if (!sc->play)
		_exit(1);
	sc->play->dev = dev;
	sc->play->srv = srv;
	sc->play->dir = dir;
}

int script_step(struct script *sc)
{
	uint64_t now, next = 0;
	struct script_rule *rule;
	struct answer *a, *after;

	if (sc->sh->armed && !sc->play->started) {
		sc->play->started = true;
		happen(sc, "start");
	}
	now = now_ns();
	for (rule = sc->rules; rule; rule = rule->next) {
		if (!rule->due)
			continue;
		if (rule->due > now) {
			next = !next || rule->due < next ? rule->due : next;
			continue;
		}
		rule->due = 0;
		run_actions(sc, rule);
	}
	for (a = sc->play->first; a; a = after) {
		after = a->next;
		if (!a->ready || !a->due)
			continue;
		if (a->due > now) {
			next = !next || a->due < next ? a->due : next;
			continue;
		}
		send_answer(sc, a);
		free_answer(sc, a);
	}
	return next ? (int)((next - now) / 1000000 + 1) : -1;
}

static bool matches(const struct script *sc, struct script_rule *rule,
		    const struct fuse_in_header *in)
{
	const struct fuse_write_in *w = (const void *)(in + 1);
	bool io = in->opcode == FUSE_WRITE || in->opcode == FUSE_READ;

	if (rule->opcode == NO_OPCODE ||
	    (in->opcode == FUSE_INIT) != (rule->opcode == FUSE_INIT) ||
	    (!sc->sh->armed && in->opcode != FUSE_INIT))
		return false;
	if (rule->opcode != ANY_OPCODE && rule->opcode != (int)in->opcode)
		return false;
	if (rule->file >= 0 && in->nodeid != (uint64_t)rule->file + 2)
		return false;
	/* struct fuse_read_in begins as struct fuse_write_in does. */
	if (rule->offset >= 0 &&
	    (!io || w->offset > (uint64_t)rule->offset ||
	     w->offset + w->size <= (uint64_t)rule->offset))
		return false;
	if (rule->cached >= 0 &&
	    (in->opcode != FUSE_WRITE ||
	     !!(w->write_flags & FUSE_WRITE_CACHE) != rule->cached))
		return false;
	rule->seen++;
	return (!rule->nth || rule->seen == rule->nth) &&
	       (!rule->from || rule->seen >= rule->from) &&
	       (!rule->to || rule->seen <= rule->to) &&
	       (!rule->every || rule->seen % rule->every == 0);
}

static bool has_answer_action(const struct script_rule *rule)
{
	int i;

	for (i = 0; i < rule->nactions; i++)
		if (rule->action[i].act <= LAST_OF_ANSWER)
			return true;
	return false;
}

static void plan_answer(struct answer *a, const struct script_rule *rule)
{
	int i;

	if (a->nrules < (int)(sizeof(a->rule) / sizeof(a->rule[0])))
		a->rule[a->nrules++] = rule;
	for (i = 0; i < rule->nactions; i++) {
		const struct action *act = &rule->action[i];

		if (act->act == HOLD)
			a->held = true;
		else if (act->act == DELAY)
			a->due = now_ns() + act->n.n * 1000000ULL;
		else if (act->act == SWAP)
			a->swapped = true;
	}
}

void script_request(struct script *sc, const struct fuse_in_header *in)
{
	struct answer *a, **last;
	struct script_rule *rule;

	/* No answer is expected to these. */
	if (in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET ||
	    in->opcode == FUSE_INTERRUPT)
		return;
	a = calloc(1, sizeof(*a));
	if (!a)
		_exit(1);
	a->unique = in->unique;
	a->opcode = in->opcode;
	for (last = &sc->play->first; *last; last = &(*last)->next)
		;
	*last = a;
	for (rule = sc->rules; rule; rule = rule->next) {
		if (!matches(sc, rule, in))
			continue;
		if (has_answer_action(rule))
			plan_answer(a, rule);
		if (rule->after)
			rule->due = now_ns() + rule->after * 1000000ULL;
		else
			run_actions(sc, rule);
	}
	if (in->opcode == FUSE_WRITE)
		sc->sh->writes++;
	if (!a->nrules)
		free_answer(sc, a);
}

void script_reply(struct script *sc, uint64_t unique, const struct iovec *iov,
		  int n)
{
	struct answer *a, *other;
	int i;

	for (a = sc->play->first; a; a = a->next)
		if (a->unique == unique && !a->ready)
			break;
	if (!a) {
		if (writev(sc->play->dev, iov, n) < 0) {
			sc->sh->refusal = errno;
			sc->sh->refused++;
		}
		return;
	}
	a->msg = calloc(1, ANSWER_SIZE);
	if (!a->msg)
		_exit(1);
	for (i = 0; i < n; i++) {
		memcpy(a->msg + a->len, iov[i].iov_base, iov[i].iov_len);
		a->len += iov[i].iov_len;
	}
	a->ready = true;
	if (a->held) {
		sc->sh->held++;
		happen(sc, "held");
		return;
	}
	if (a->due)
		return;
	/* The first of two waits until the second has been answered. */
	for (other = sc->play->first; other; other = other->next)
		if (other != a && other->ready && other->swapped &&
		    a->swapped)
			break;
	if (a->swapped && !other)
		return;
	send_answer(sc, a);
	free_answer(sc, a);
	if (other) {
		send_answer(sc, other);
		free_answer(sc, other);
	}
}
