# SPDX-License-Identifier: GPL-2.0-only
# The user interface: every verb is one line and calls one script; `make help` lists them.

.NOTPARALLEL:
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# The scripts have the defaults; a variable that is not set is not exported.
export LTS FLAVOUR TREE TARBALL CONFIG O V JOBS CACHE MIRROR SECURITY_MIRROR
export SOAK SEED FROM CHANGE KERNELS OUT NAME JSON CHECK A B IMAGE SCRIPT
export MUTANT GUESTS

help: ## this text
	@scripts/help Makefile

packages: ## .deb and .rpm of the patched kernel and the suite, below O=/LTS/FLAVOUR; does all set-up it needs; LTS=all too
	@scripts/packages
check: ## everything that proves them, of all kernels or of LTS=: boots what was packaged, runs the suite; builds what is missing
	@scripts/check
port: ## the series for a kernel TREE of your own, in OUT=, with a report of every site; CHECK=1 compiles it
	@scripts/port

setup: ## install what is missing with the system's package manager; says first what
	@scripts/setup
fetch: ## get the pristine source tarball of LTS and verify it
	@scripts/fetch
tree: ## unpack it below O=/src, and verify that nothing has touched it since
	@scripts/tree
series: ## write series/ from backports/ and coccinelle/ with spatch, of all kernels or of LTS=
	@scripts/series
audit: ## hold every place that waits for writeback against backports/ledger, of all kernels, LTS= or TREE=
	@scripts/audit
series-diff: ## the same change for kernel A= and for kernel B=, side by side, API names made equal
	@scripts/series-diff
deb: ## only the .deb family, its source package first
	@scripts/packages deb
rpm: ## only the .rpm family, its source package first
	@scripts/packages rpm

boot: ## boot the kernel of the FROM=deb or rpm package in QEMU and run the suite in it
	@scripts/boot "$${FROM:-deb}"
boot-stock: ## the same kernel without the series: the tests that name a change must fail on it
	@scripts/boot-stock
boot-without: ## the same kernel without CHANGE=NNNN: the tests that name it must fail on it
	@scripts/boot-without

debug: ## the kernel with lockdep, KASAN and other checkers: whole suite, then SOAK= minutes; FLAVOUR=kcsan for races
	@scripts/debug
coverage: ## which of the kernel lines that the series changes the suite reaches (gcov), and why not the others
	@scripts/coverage
integrity: ## other programs (fio, stress-ng) and servers (fuse-overlayfs, bindfs, virtiofs): every byte compared (long)
	@scripts/integrity
mutants: ## kernels of LTS= that are wrong in one known way, tests/mutants: which test sees each; MUTANT=name for one (long)
	@scripts/mutants

bystanders: ## out of the last boots: what processes that do not use a hung mount needed, operation by kernel
	@scripts/bystanders
lab: ## the kernel of the FROM= package, or IMAGE=, with servers that misbehave by script: what each operation does
	@scripts/lab

series-check: ## each committed series is what `make series` writes, byte for byte
	@scripts/series --check
check-series: ## the series applies without fuzz, builds at every prefix, and is what `make series` writes
	@scripts/check series
check-rules: ## unit tests of the rules: what they write for each shape, and what they must refuse
	@scripts/check-rules
check-perturbed: ## trees that somebody has changed: an equivalent series, or a refusal at the right site
	@scripts/check-perturbed
check-port: ## make port only reads the tree, writes a whole series or none, and reports what is true
	@scripts/check-port
check-audit: ## make audit fails at a wait, a caller, or a loop that is new, and at a ledger that is wrong
	@scripts/check-audit
check-diff: ## the kernels' forms of a change differ only as explained, and an unexplained difference is told
	@scripts/check diff
port-table: ## port every release that backports/kernels lists (downloads 150 MB each): one table
	@scripts/port-table
check-scripts: ## lint of the shell scripts
	@scripts/check scripts
check-ktap: ## the reader of the guest's results refuses what is broken
	@scripts/check ktap
check-harness: ## faults put into the suite's own harness: it must not hang, nor pass what fails; needs root
	@scripts/check-harness
check-lab: ## the lab's language is read right and wrong lines are told; so are results that are made up
	@scripts/check-lab
check-input: ## bad input ends in one clear line and leaves nothing behind
	@scripts/check input
check-mutants: ## every mutant applies to every kernel as often as it says, and the kill matrix can fail; builds no kernel
	@scripts/check-mutants
check-bindeb-pkg: ## the kernel's own `make bindeb-pkg` still works in a quilt-pushed tree (long)
	@scripts/check-bindeb-pkg
lint: ## lintian and rpmlint on the packages, and that both families hold the same kernel
	@scripts/check packages

clean: ## remove what was built (O=)
	@scripts/clean
distclean: ## remove what was built and what was downloaded (O= and CACHE=)
	@scripts/clean --all

.PHONY: help packages check port setup fetch tree series audit series-diff deb rpm
.PHONY: boot boot-stock boot-without debug coverage bystanders lab series-check check-series check-rules
.PHONY: check-perturbed check-port check-audit check-diff port-table check-scripts
.PHONY: mutants integrity check-ktap check-harness check-lab check-input check-mutants check-bindeb-pkg lint clean distclean

## LTS=6.1		the kernel series, of backports/kernels
## FLAVOUR=vm		the kernel configuration, of packaging/config
## TREE=dir		use this pristine kernel tree; it is only read
## OUT=dir		port: where the series goes (default: O=/port/NAME)
## NAME=text		port: what to call the tree
## JSON=1		port, series-diff: the report as JSON
## CHECK=1		port: compile what the series touches, after each patch
## A=6.1 B=6.12		series-diff: the two kernels; CHANGE=NNNN for one change
## TARBALL=file		use this pristine source tarball
## CONFIG=file		further configuration lines, merged last
## FROM=deb|rpm		boot: the family to take kernel and suite from
## SOAK=minutes		debug: repeat the tests for so long
## IMAGE=file		lab, integrity: this bzImage, not that of a package
## SCRIPT=name,...	lab: these scripts, not all of tests/lab
## MUTANT=name		mutants: only these rows; GUESTS=n boots at a time
## CHANGE=NNNN		boot-without: the change to leave out
## O=dir		all that is built (default: out)
## CACHE=dir		all that is downloaded (default: $XDG_CACHE_HOME/fusewb)
## MIRROR=uri		Debian archive to fetch from (default: that of apt here)
## SECURITY_MIRROR=uri	its security archive (default: that of apt here, or MIRROR-security)
## CC=cc		the compiler
## JOBS=n		parallel jobs (default: as many as there are processors)
## V=1			show the commands
