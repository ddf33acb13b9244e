// SPDX-License-Identifier: GPL-2.0
// fusewb-smoke: options, the plan, and what it all comes to.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "flight.h"
#include "lab.h"
#include "run.h"
#include "tasks.h"

extern const struct test *const __start_fusewb_tests[];
extern const struct test *const __stop_fusewb_tests[];

enum {
	EXIT_PASSED, EXIT_FAILED, EXIT_USAGE, EXIT_BROKEN, EXIT_NOTHING,
};

struct options {
	bool list, destructive, pressure, force, autotools;
	const char *json, *junit, *bundle;
	const char *hang;
	unsigned int soak;	/* minutes */
	char options[128];	/* that allow a test, for its repro.sh */
	const char *lab;
	const char *serve;
	const char **only;
	int nonly;
};

static const char usage_text[] =
"Usage: fusewb-smoke [OPTION]...\n"
"Check that the running kernel writes FUSE pages back without copying them,\n"
"and that a FUSE server which never answers hurts nobody but its users.\n"
"\n"
"  --list              print the tests and what they are for\n"
"  --only NAME         run this test only; may be given again\n"
"  --pressure          also run tests that put load on the whole machine\n"
"  --destructive       also run tests that can wedge a wrong kernel; only in\n"
"                      a virtual machine\n"
"  --force             let --destructive run on real hardware\n"
"  --expect=stock[:CHANGE,...]\n"
"                      expect a kernel without the series, or one that lacks\n"
"                      these only (0004,0005): tests that guard one of\n"
"                      them must fail, others must pass; --list shows which\n"
"  --json FILE         write the results, or with --list the tests, as JSON\n"
"  --junit FILE        write the results as JUnit XML\n"
"  --bundle DIR        leave there, for each test that fails, what it said, the\n"
"                      kernel log, stacks, counters, and how to run it again\n"
"  --timeout-scale N   multiply all time limits by N; 0 measures (default),\n"
"                      also in the environment as FUSEWB_TIMEOUT_SCALE\n"
"  --soak MINUTES      repeat the tests for so long, each for its share of it,\n"
"                      until it fails\n"
"  --seed N            begin all random numbers of the tests with N, as a run\n"
"                      printed it, to do again what that run did\n"
"  --copies-too        do not fail because the server has copies of pages:\n"
"                      see what a kernel does that hands out such\n"
"  --exit-code=STYLE   kselftest (default) or autotools\n"
"  --lab FILE          run no test but a server that misbehaves by the script in\n"
"                      FILE, against operations of its users and, with\n"
"                      --destructive, of others; also the name of a script\n"
"                      of the kit's own, or all; a list with commas\n"
"  --hang DIR          run no test: mount a file system on DIR whose server\n"
"                      never answers a WRITE, write to it, and leave it so\n"
"  --serve DIR[,no_writeback_cache][,max_write=N][,max_pages=N][,delay=MS]\n"
"                      run no test: mount the server of the tests on DIR, four\n"
"                      files of 96 MiB in memory, until it is unmounted\n"
"  -h, --help          print this\n"
"  --version           print the version\n"
"\n"
"Results are KTAP on standard output.  Exit status: 0 all passed, 1 a test\n"
"failed, 2 wrong usage, 3 the set-up is broken, 4 nothing could run.\n";

static int __attribute__((format(printf, 1, 2))) misuse(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("fusewb-smoke: error: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return EXIT_USAGE;
}

static bool parse_scale(const char *s)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (errno || end == s || *end || *s == '-' || n > 100)
		return false;
	time_scale = n;
	return true;
}

static bool parse_minutes(const char *s, unsigned int *minutes)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (errno || end == s || *end || *s == '-' || !n || n > 100000)
		return false;
	*minutes = n;
	return true;
}

static bool parse_seed(const char *s)
{
	char *end;

	errno = 0;
	run_seed = strtoull(s, &end, 0);
	return !errno && end != s && !*end && *s != '-';
}

/* Nobody needs to guess it, it only has to differ from the last one's. */
static void random_seed(void)
{
	if (getrandom(&run_seed, sizeof(run_seed), GRND_NONBLOCK) !=
	    sizeof(run_seed))
		run_seed = now_ns() ^ (uint64_t)getpid() << 32;
	/* Short enough to be typed. */
	run_seed >>= 32;
}

/* EXIT_PASSED goes on; -1 has done all there was to do. */
static int parse(int argc, char **argv, struct options *o)
{
	enum { LIST = 256, ONLY, PRESSURE, DESTRUCTIVE, FORCE, EXPECT, JSON,
	       SCALE, EXITCODE, HANG, LAB, SERVE, COPIES, SEED, SOAK, JUNIT,
	       BUNDLE, VERSION };
	static const struct option opts[] = {
		{ "list", no_argument, NULL, LIST },
		{ "only", required_argument, NULL, ONLY },
		{ "pressure", no_argument, NULL, PRESSURE },
		{ "destructive", no_argument, NULL, DESTRUCTIVE },
		{ "force", no_argument, NULL, FORCE },
		{ "expect", required_argument, NULL, EXPECT },
		{ "json", required_argument, NULL, JSON },
		{ "junit", required_argument, NULL, JUNIT },
		{ "bundle", required_argument, NULL, BUNDLE },
		{ "timeout-scale", required_argument, NULL, SCALE },
		{ "exit-code", required_argument, NULL, EXITCODE },
		{ "hang", required_argument, NULL, HANG },
		{ "lab", required_argument, NULL, LAB },
		{ "serve", required_argument, NULL, SERVE },
		{ "copies-too", no_argument, NULL, COPIES },
		{ "soak", required_argument, NULL, SOAK },
		{ "seed", required_argument, NULL, SEED },
		{ "version", no_argument, NULL, VERSION },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *env = getenv("FUSEWB_TIMEOUT_SCALE");
	int c;

	time_scale = 0;
	random_seed();
	if (env && *env && !parse_scale(env))
		return misuse("FUSEWB_TIMEOUT_SCALE: expected 0 to 100, got "
			      "'%s'", env);
	o->only = calloc(argc, sizeof(*o->only));
	if (!o->only) {
		complain("expected memory, got %s", strerror(errno));
		return EXIT_BROKEN;
	}
	while ((c = getopt_long(argc, argv, "h", opts, NULL)) != -1) {
		switch (c) {
		case LIST:
			o->list = true;
			break;
		case ONLY:
			o->only[o->nonly++] = optarg;
			break;
		case PRESSURE:
			o->pressure = true;
			break;
		case DESTRUCTIVE:
			o->destructive = true;
			break;
		case FORCE:
			o->force = true;
			break;
		case EXPECT:
			if (!expect_parse(optarg))
				return misuse("--expect: expected series, "
					      "stock, or stock:0004,0005 with "
					      "four digits for each change, "
					      "got '%s'", optarg);
			break;
		case JSON:
			o->json = optarg;
			break;
		case JUNIT:
			o->junit = optarg;
			break;
		case BUNDLE:
			o->bundle = optarg;
			break;
		case SCALE:
			if (!parse_scale(optarg))
				return misuse("--timeout-scale: expected 0 to "
					      "100, got '%s'", optarg);
			break;
		case EXITCODE:
			if (!strcmp(optarg, "autotools"))
				o->autotools = true;
			else if (strcmp(optarg, "kselftest"))
				return misuse("--exit-code: expected kselftest "
					      "or autotools, got '%s'", optarg);
			break;
		case COPIES:
			copies_will_do = true;
			break;
		case SOAK:
			if (!parse_minutes(optarg, &o->soak))
				return misuse("--soak: expected minutes, 1 to "
					      "100000, got '%s'", optarg);
			break;
		case SEED:
			if (!parse_seed(optarg))
				return misuse("--seed: expected a number from "
					      "0 to 2^64 - 1, got '%s'",
					      optarg);
			break;
		case LAB:
			o->lab = optarg;
			break;
		case HANG:
			o->hang = optarg;
			break;
		case SERVE:
			o->serve = optarg;
			break;
		case VERSION:
			printf("fusewb-smoke %s\n", FUSEWB_VERSION);
			return -1;
		case 'h':
			fputs(usage_text, stdout);
			return -1;
		default:
			return misuse("see fusewb-smoke --help");
		}
	}
	if (optind < argc)
		return misuse("expected options only, got '%s'; a test is "
			      "chosen with --only", argv[optind]);
	return EXIT_PASSED;
}

/* The linker puts them in an order of its own. */
static int by_danger_and_place(const void *pa, const void *pb)
{
	const struct test *a = *(const struct test *const *)pa;
	const struct test *b = *(const struct test *const *)pb;

	if (a->danger != b->danger)
		return (int)a->danger - (int)b->danger;
	if (strcmp(a->file, b->file))
		return strcmp(a->file, b->file);
	return a->line - b->line;
}

static bool allowed(const struct options *o, const struct test *t)
{
	return t->danger == SAFE || (t->danger == PRESSURE && o->pressure) ||
	       (t->danger == WEDGE && o->destructive);
}

static bool chosen(const struct options *o, const struct test *t)
{
	int i;

	for (i = 0; i < o->nonly; i++)
		if (!strcmp(o->only[i], t->name))
			return true;
	return !o->nonly;
}

/* Choose from @all into @plan; a negative value is an error told. */
static int make_plan(const struct options *o, const struct test **all, int n,
		     const struct test **plan)
{
	int i, j, chosen_n = 0;

	for (i = 0; i < o->nonly; i++) {
		for (j = 0; j < n; j++)
			if (!strcmp(o->only[i], all[j]->name))
				break;
		if (j == n) {
			misuse("--only: expected the name of a test, got '%s'; "
			       "see --list", o->only[i]);
			return -1;
		}
		if (!o->list && !allowed(o, all[j])) {
			misuse("--only %s: expected %s, which its class '%s' "
			       "needs, got none", o->only[i],
			       all[j]->danger == WEDGE ? "--destructive" :
			       "--pressure", danger_name(all[j]->danger));
			return -1;
		}
	}
	for (i = 0; i < n; i++)
		if (chosen(o, all[i]) && (o->list || allowed(o, all[i])))
			plan[chosen_n++] = all[i];
	return chosen_n;
}

static void conclude(const int *count, int bad, bool fast)
{
	struct utsname u;

	memset(&u, 0, sizeof(u));
	uname(&u);
	if (expect_stock())
		result_diag("kernel %s: %s what a kernel without %s must do; "
			    "%d passed, %d failed, %d skipped, "
			    "%d not as declared", u.release,
			    bad ? "does not do" : "does",
			    strcmp(expect_missing(), "all") ?
			    expect_missing() : "the series", count[PASS],
			    count[FAIL] + count[TIMEOUT], count[SKIP], bad);
	else
		result_diag("kernel %s: %s; %d passed, %d failed, %d skipped, "
			    "%d could not be set up", u.release,
			    bad ? "NOT all well" : fast ?
			    "writes FUSE pages back without copying them" :
			    count[PASS] ? "all that ran is well" :
			    "nothing could run here", count[PASS],
			    count[FAIL] + count[TIMEOUT], count[SKIP],
			    count[BROKEN]);
}

/*
 * Once, or until @end, or until it does something else than it must.  Each
 * repetition has a seed of its own.
 */
static void repeat_test(const struct test *t, struct outcome *o, uint64_t end)
{
	unsigned int ms = 0;

	for (repetition = 0; ; repetition++) {
		memset(o, 0, sizeof(*o));
		o->seed = test_seed();
		run_test(t, o);
		o->repetitions = repetition + 1;
		o->ms = ms += o->ms;
		if (now_ns() >= end || o->verdict == SKIP || o->tainted ||
		    !result_ok(t, o) || interrupted())
			return;
	}
}

/* What a test leaves of its share, by being skipped or failing, others get. */
static uint64_t share(uint64_t end, int left)
{
	uint64_t now = now_ns();

	return end > now ? now + (end - now) / left : 0;
}

struct report {
	bool (*write)(FILE *f, const struct test *const *t,
		      const struct outcome *o, int n);
	const char *path;
	FILE *f;
	const struct test **plan;
	const struct outcome *out;
	int n;
};

static int write_report(void *arg)
{
	const struct report *r = arg;

	errno = 0;
	if (!r->write(r->f, r->plan, r->out, r->n) || fclose(r->f))
		return errno ? errno : EIO;
	return 0;
}

/* In a helper: its disk may be what does not answer any more. */
static bool report(const struct report *r)
{
	int err = r->f ? in_helper(write_report, (void *)r, REPORT_MS) : 0;

	if (err)
		complain("%s: expected to write the results, got %s", r->path,
			 strerror(err));
	return !err;
}

/* A pipe that nobody reads must not stop us here. */
static FILE *open_report(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK |
		      O_CLOEXEC, 0666);

	if (fd < 0 || fcntl(fd, F_SETFL, 0))
		return NULL;
	return fdopen(fd, "w");
}

static int run_plan(const struct options *o, const struct test **plan, int n,
		    struct outcome *out)
{
	int i, bad = 0, count[TIMEOUT + 1] = { 0 };
	const char *tainted = NULL;
	char why[256] = "";
	bool none, ok, failed = false, fast = false;
	uint64_t end;

	if (!time_scale)
		time_scale = measured_scale();

	result_open(n);
	none = !supervisor_init(why, sizeof(why));
	if (!bundle_init(o->bundle, o->options))
		result_diag("bundle: no memory for it");
	result_diag("time limits are multiplied by %u", time_scale);
	result_diag("seed %llu: --seed with that number runs it again",
		    (unsigned long long)run_seed);
	end = o->soak ? now_ns() + o->soak * 60000000000ULL : 0;
	for (i = 0; i < n; i++) {
		memset(&out[i], 0, sizeof(out[i]));
		if (none || tainted) {
			out[i].verdict = SKIP;
			snprintf(out[i].why, sizeof(out[i].why), "%s%s",
				 tainted ? "tainted by " : "",
				 tainted ? tainted : why);
		} else {
			repeat_test(plan[i], &out[i], share(end, n - i));
		}
		if (interrupted()) {
			output("Bail out! interrupted by a signal in %s\n",
			       plan[i]->name);
			return EXIT_BROKEN;
		}
		count[out[i].verdict]++;
		ok = result_add(plan[i], &out[i]);
		failed |= !ok;
		bad += !ok && out[i].verdict != BROKEN;
		if (ok && out[i].verdict == PASS &&
		    strstr(plan[i]->guards, "0006"))
			fast = true;
		if (out[i].tainted)
			tainted = plan[i]->name;
	}
	if (failed && !o->bundle)
		result_diag("--bundle DIR would leave what is needed to find "
			    "out why");
	conclude(count, bad + count[BROKEN], fast);
	if (bad)
		return EXIT_FAILED;
	if (count[BROKEN])
		return EXIT_BROKEN;
	return count[SKIP] == n ? EXIT_NOTHING : EXIT_PASSED;
}

/* What a test does, in a process that stays, without a supervisor. */
static bool hang(const char *dir)
{
	char state = 0;
	int ready[2];
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC))
		return false;
	time_scale = measured_scale();
	pid = fork();
	if (!pid) {
		setsid();
		close(ready[0]);
		hang_mount(dir);
		if (write(ready[1], "h", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	close(ready[1]);
	return pid > 0 && read(ready[0], &state, 1) == 1 && state == 'h';
}

static int go(const struct options *o)
{
	const struct test *const *from = __start_fusewb_tests;
	int n = o->lab ? lab_plan(o->lab, &from) :
		__stop_fusewb_tests - __start_fusewb_tests;
	const struct test **all = calloc(n, sizeof(*all));
	const struct test **plan = calloc(n, sizeof(*plan));
	struct outcome *out = calloc(n, sizeof(*out));
	struct report json = { result_json, o->json, NULL, plan, out, 0 };
	struct report junit = { junit_write, o->junit, NULL, plan, out, 0 };
	bool told;
	int ret;

	if (n < 0)
		return EXIT_USAGE;
	if (!all || !plan || !out)
		return EXIT_BROKEN;
	if (o->hang && !o->force && !in_virtual_machine())
		return misuse("--hang: expected a virtual machine, got what "
			      "looks like hardware; --force overrides");
	if (o->hang)
		return hang(o->hang) ? EXIT_PASSED : EXIT_BROKEN;
	if (o->serve)
		return serve_dir(o->serve) ? EXIT_PASSED : EXIT_BROKEN;
	memcpy(all, from, n * sizeof(*all));
	qsort(all, n, sizeof(*all), by_danger_and_place);
	n = make_plan(o, all, n, plan);
	if (n < 0)
		return EXIT_USAGE;
	json.n = junit.n = n;
	if (o->list) {
		if (o->json) {
			json.out = NULL;
			json.f = open_report(o->json);
			if (!json.f)
				return misuse("%s: expected a file to write, "
					      "got %s", o->json,
					      strerror(errno));
			return report(&json) ? EXIT_PASSED : EXIT_BROKEN;
		}
		result_list(plan, n);
		return EXIT_PASSED;
	}
	if (o->destructive && !o->force && !in_virtual_machine())
		return misuse("--destructive: expected a virtual machine, got "
			      "what looks like hardware; --force overrides");
	if (copies_will_do && expect_stock())
		return misuse("--copies-too: expected without --expect=stock, "
			      "which counts on tests that fail because of them");
	if (o->json && !(json.f = open_report(o->json)))
		return misuse("%s: expected a file to write, got %s", o->json,
			      strerror(errno));
	if (o->junit && !(junit.f = open_report(o->junit)))
		return misuse("%s: expected a file to write, got %s", o->junit,
			      strerror(errno));
	ret = run_plan(o, plan, n, out);
	told = report(&json);
	told = report(&junit) && told;
	return told || ret ? ret : EXIT_BROKEN;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	int ret, err;

	output_init();
	ret = parse(argc, argv, &o);
	snprintf(o.options, sizeof(o.options), "%s%s%s%s",
		 o.pressure ? " --pressure" : "",
		 o.destructive ? " --destructive" : "",
		 o.force ? " --force" : "",
		 copies_will_do ? " --copies-too" : "");
	if (ret < 0)
		ret = EXIT_PASSED;
	else if (ret == EXIT_PASSED)
		ret = go(&o);
	errno = 0;
	if (fflush(stdout) || ferror(stdout)) {
		complain("standard output: %s", strerror(errno));
		ret = ret ? ret : EXIT_BROKEN;
	} else if (!output_end(OUTPUT_MS, &err)) {
		complain("standard output: expected to write all results, got "
			 "%s", err == ENOBUFS ? "a reader that takes none" :
			 err ? strerror(err) : "a reader that takes no more");
		ret = ret ? ret : EXIT_BROKEN;
	}
	if (o.autotools && ret == EXIT_NOTHING)
		return 77;
	if (o.autotools && ret == EXIT_BROKEN)
		return 99;
	return ret;
}
