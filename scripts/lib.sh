# SPDX-License-Identifier: GPL-2.0-only
# What every script of the kit shares: paths, messages, timed steps, logs and clean-up.
#
# A script starts with
#	set -eu
#	. "${0%/*}/lib.sh"
# and then has (all absolute):
#	top	the work tree; only `make series` ever writes below it
#	out	$O, all that is built (default: $top/out)
#	cache	$CACHE, all that is downloaded (default: $XDG_CACHE_HOME/fusewb)
#	logs	$out/log
# and LTS, FLAVOUR, V, JOBS with their defaults.

myname=${0##*/}
top=$(CDPATH='' cd -- "${0%/*}/.." && pwd -P)

# What a user's environment must not decide (doc: HOUSE rule "ignore the
# user's environment").  CC, CACHE, MIRROR and the like are asked for by name.
LC_ALL=C; TZ=UTC
export LC_ALL TZ
umask 022
unset CDPATH GREP_OPTIONS ARCH CROSS_COMPILE INSTALL_PATH INSTALL_MOD_PATH
unset MAKEFLAGS MFLAGS MAKELEVEL GNUMAKEFLAGS QUILT_PATCHES QUILT_SERIES
unset KBUILD_OUTPUT KBUILD_BUILD_TIMESTAMP KBUILD_BUILD_USER KBUILD_BUILD_HOST
unset KBUILD_BUILD_VERSION KCONFIG_CONFIG LOCALVERSION KCFLAGS KAFLAGS
unset CFLAGS CPPFLAGS LDFLAGS DEB_BUILD_OPTIONS DEB_BUILD_PROFILES

# what the user said, for wanted_lts
lts_given=${LTS:-}
: "${LTS:=6.1}" "${FLAVOUR:=vm}" "${V:=0}"
: "${JOBS:=$(nproc)}"
case ${O:-out} in
/*)	out=${O} ;;
*)	out=$top/${O:-out} ;;
esac
cache=${CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/fusewb}
logs=$out/log

# die [path] message: what went wrong, what was expected and what to do, on one
# line of stderr; exit status 1 (or $die_status).
die()
{
	_step_break
	if [ $# -gt 1 ]; then
		printf '%s: error: %s\n' "$1" "$2" >&2
	else
		printf '%s: error: %s\n' "$myname" "$1" >&2
	fi
	exit "${die_status:-1}"
}

# wrong_usage message: wrong use of a script; exit status 2.
wrong_usage()
{
	printf '%s: error: %s (see %s --help)\n' "$myname" "$1" "$myname" >&2
	exit 2
}

note()
{
	_step_break
	printf '%s\n' "$*"
}

now()
{
	date +%s
}

_step_open=
_step_name='  done'
_every=
_step_start=0

_elapsed()
{
	_e=$(($(now) - _step_start))
	printf '%d:%02d' $((_e / 60)) $((_e % 60))
}

_step_break()
{
	[ -z "$_step_open" ] || printf '\n'
	_step_open=
}

# step KIND what: says in kbuild's form what is being done now; step_done ends
# the line, or the lines that came in between, with the time it took.
step()
{
	_step_break
	_step_name=$(printf '  %-8s%s' "$1" "$2")
	printf '%s' "$_step_name"
	_step_open=1
	_step_start=$(now)
}

# step_done [remark]
step_done()
{
	[ -n "$_step_open" ] || printf '%s' "$_step_name"
	printf '%s  %s\n' "${1:+  ($1)}" "$(_elapsed)"
	_step_open=
}

# progress text: a line below a step that takes long.
progress()
{
	_step_break
	printf '  %-8s%s  %s\n' '' "$1" "$(_elapsed)"
}

# run_log LOG command...: the command's output goes to LOG (V=1: the command
# line is shown too).  On failure the last lines and the log's name are printed
# and the status is the command's.
run_log()
{
	_log=$1
	shift
	mkdir -p "${_log%/*}"
	if [ "$V" != 0 ]; then
		_step_break
		printf '+ %s\n' "$*"
	fi
	printf '+ %s\n' "$*" >>"$_log"
	_rc=0
	"$@" >>"$_log" 2>&1 </dev/null || _rc=$?
	if [ "$_rc" -ne 0 ]; then
		_step_break
		tail -n 15 "$_log" | sed 's/^/    | /' >&2
	fi
	return "$_rc"
}

# every SECONDS command...: calls it again and again in the background, to say
# how a long step goes on, until every_stop.
every()
{
	_secs=$1
	shift
	(
		# must not outlive a killed script, nor keep its locks and pipes
		while sleep "$_secs" >/dev/null 2>&1 && kill -s 0 $$ 2>/dev/null; do
			"$@"
		done
	) 3>&- 4>&- 8>&- 9>&- &
	_every=$!
	_every_since=$(now)
}

every_stop()
{
	[ -n "$_every" ] || return 0
	# a subshell that has only just been forked can lose a TERM to the trap
	# that it inherits
	{ kill -s KILL "$_every" && wait "$_every"; } 2>/dev/null || :
	_every=
	# its lines have ended the step's own line
	[ $(($(now) - _every_since)) -lt "$_secs" ] || _step_open=
}

_count_log()
{
	_n=$(grep -cE "$_re" "$_clog") || :
	progress "$((_n - _base))$([ "$_total" -eq 0 ] || echo " of about $_total") $_unit"
}

# run_counted LOG REGEX TOTAL UNIT command...: run_log for a long command; every
# 20 s a progress line says how many lines of the log match REGEX, out of about
# TOTAL (0: not known).
run_counted()
{
	_clog=$1 _re=$2 _total=$3 _unit=$4
	shift 4
	mkdir -p "${_clog%/*}"
	: >>"$_clog"
	_base=$(grep -cE "$_re" "$_clog") || :
	every 20 _count_log
	_crc=0
	run_log "$_clog" "$@" || _crc=$?
	every_stop
	return "$_crc"
}

# need tool [package]: a missing tool is one clear line, not a shell's "not
# found" in the middle of a log.
need()
{
	command -v "$1" >/dev/null 2>&1 ||
		die "$1: not found (package ${2:-$1}); run 'make setup'"
}

# scratch: makes $tmp, removed on every way out.  Further clean-up goes into
# the function cleanup(), if the script has one.
scratch()
{
	mkdir -p "$out/tmp" 2>/dev/null ||
		die "$out/tmp" "cannot create; O= must name a directory you can write to"
	# what killed runs have left: NAME.PID.RANDOM of no living process
	for _old in "$out/tmp"/*.*.*; do
		_pid=${_old%.*}
		_pid=${_pid##*.}
		case $_pid in
		''|*[!0-9]*) ;;
		*) [ -d "/proc/$_pid" ] || rm -rf "$_old" 2>/dev/null || : ;;
		esac
	done
	tmp=$(mktemp -d "$out/tmp/$myname.$$.XXXXXX" 2>/dev/null) ||
		die "$out/tmp" "cannot create a scratch directory (disk full or read-only?)"
	trap '_on_exit' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

_on_exit()
{
	_xrc=$?
	trap - EXIT HUP INT TERM
	every_stop
	_step_break
	! command -v cleanup >/dev/null 2>&1 || cleanup || :
	[ -z "${tmp:-}" ] || rm -rf "$tmp"
	exit "$_xrc"
}

# host_tool NAME: compiles scripts/NAME.c to $out/host/NAME when it is older
# and prints nothing; the path is $out/host/NAME.
host_tool()
{
	mkdir -p "$out/host" 2>/dev/null ||
		die "$out/host" "cannot create; O= must name a directory you can write to"
	[ "$out/host/$1" -nt "$top/scripts/$1.c" ] ||
		"${CC:-cc}" -O2 -Wall -Wextra -o "$out/host/$1.$$" "$top/scripts/$1.c" &&
		{ [ ! -e "$out/host/$1.$$" ] || mv "$out/host/$1.$$" "$out/host/$1"; } ||
		die "$top/scripts/$1.c" "does not compile with ${CC:-cc}"
}

# build_suite: builds fusewb-smoke for this machine; the path is $suite.
build_suite()
{
	suite=$out/host/suite/fusewb-smoke
	_odir=$out/host/suite
	mkdir -p "$_odir"
	case $_odir in
	*[[:space:]]*)
		# make cannot name a target with a space in it
		_odir=$(mktemp -d "${TMPDIR:-/tmp}/fusewb-suite.XXXXXX") ||
			die "${TMPDIR:-/tmp}" "cannot create a scratch directory" ;;
	esac
	run_log "$logs/suite.log" make -C "$top/tests" O="$_odir" CC="${CC:-cc}" ||
		die "$top/tests" "the suite does not build; see $logs/suite.log"
	[ "$_odir" = "$out/host/suite" ] || {
		mv "$_odir/fusewb-smoke" "$suite"
		rm -rf "$_odir"
	}
}

# make_version TREE: the release a kernel tree says it is, VERSION.PATCHLEVEL[.SUBLEVEL].
make_version()
{
	[ -f "$1/Makefile" ] || die "$1" "not a kernel tree: it has no Makefile"
	awk '$2 == "=" && $1 ~ /^(VERSION|PATCHLEVEL|SUBLEVEL)$/ && !($1 in v) { v[$1] = $3 }
	     END {
		if (v["VERSION"] == "" || v["PATCHLEVEL"] == "")
			exit 1
		printf "%s.%s%s\n", v["VERSION"], v["PATCHLEVEL"],
			(v["SUBLEVEL"] > 0 ? "." v["SUBLEVEL"] : "")
	     }' "$1/Makefile" ||
		die "$1/Makefile" "not a kernel's: VERSION or PATCHLEVEL is missing"
}

# pinned_version: the release of LTS that series/LTS is generated from, the
# first of its rows in backports/kernels (KERNELS= names another table).
pinned_version()
{
	_pinned=$(kernel_rows) || exit
	printf '%s\n' "${_pinned%% *}"
}

# not_patched TREE: ends unless it is without the series.
not_patched()
{
	! grep -qw AS_WRITEBACK_MAY_BLOCK "$1/include/linux/pagemap.h" 2>/dev/null ||
		die "$1/include/linux/pagemap.h" "already patched: has AS_WRITEBACK_MAY_BLOCK; 'quilt pop -a' or give a pristine TREE="
}

# whole_tree TREE: ends unless the core of x86-64 can be compiled from it.
whole_tree()
{
	for _d in arch/x86 scripts kernel lib Kconfig; do
		[ -e "$1/$_d" ] ||
			die "$1" "has no $_d: only a whole tree can be compiled; give one, or leave out --check"
	done
}

# put_dir FROM TO: a copy of the directory takes the place of TO, which is there
# whole, before or after.
put_dir()
{
	mkdir -p "${2%/*}" 2>/dev/null && rm -rf "$2.part" &&
		cp -r "$1" "$2.part" 2>/dev/null && rm -rf "$2" && mv "$2.part" "$2" || {
		rm -rf "$2.part"
		die "$2" "cannot be written (disk full or read-only?)"
	}
}

# series_names DIR: the patches that DIR/series names, in its order.
series_names()
{
	sed -e 's/[[:space:]]*#.*//' -e '/^[[:space:]]*$/d' "$1/series"
}

# patch_fits TREE PATCH SAID: applies PATCH to TREE; 0 when it did so without
# fuzz and at its own lines.  SAID has what patch(1) said.
patch_fits()
{
	patch -p1 -F0 --force --no-backup-if-mismatch -d "$1" <"$2" >"$3" 2>&1 &&
		! grep -qE 'offset|fuzz' "$3"
}

# ---- kernel sources

kernels=${KERNELS:-$top/backports/kernels}

# all_lts: each LTS that the table knows, in its order.
all_lts()
{
	awk '!/^[ \t]*(#|$)/ && !seen[$1]++ { print $1 }' "$kernels"
}

# wanted_lts [ONE]: sets $wanted to the kernels that a verb for many is for: LTS=,
# or all of the table when none, or LTS=all, is given.  A tree, tarball or series
# of the user's, or whatever ONE stands for, is of one kernel.
wanted_lts()
{
	_of_one=${TREE:-}${TARBALL:-}${SERIES_DIR:-}${1:-}
	wanted=$LTS
	case $lts_given in
	all)	[ -z "$_of_one" ] ||
			wrong_usage "LTS=all: a TREE=, TARBALL= or SERIES_DIR= is of one kernel; name its LTS="
		wanted=$(all_lts)
		;;
	'')	[ -n "$_of_one" ] || wanted=$(all_lts) ;;
	esac
}

# kernel_rows: "VERSION SHA256 SUITE" of each row for $LTS in the table of
# pinned sources, in its order.
kernel_rows()
{
	[ -r "$kernels" ] || die "$kernels" "cannot be read; it must list the pinned sources"
	_rows=$(awk -v lts="$LTS" '
		/^[ \t]*(#|$)/ { next }
		NF != 4 || length($3) != 64 || $3 ~ /[^0-9a-f]/ { print "bad", FNR; exit }
		$1 == lts { print $2, $3, $4 }' "$kernels")
	case $_rows in
	*bad\ *) die "$kernels:${_rows##*bad }" "not a row of the table, expected: LTS VERSION SHA256 SUITE" ;;
	'') die "$kernels" "has no row for LTS=$LTS; it knows$(all_lts | sed 's/^/ /' | tr -d '\n')" ;;
	esac
	printf '%s\n' "$_rows"
}

no_space()	# directory megabytes
{
	die "$1" "no space left on the device, about $2 MB needed; free some, or move it elsewhere (O= for what is built, CACHE= for what is downloaded)"
}

# is_full directory: there is next to nothing free (a log on the same disk
# could not have said so).
is_full()
{
	[ "$(df -Pk "$1" | awk 'NR == 2 { print $4 }')" -lt 256 ]
}

# need_space directory megabytes: says so before, not half way.
need_space()
{
	_free=$(df -Pk "$1" | awk 'NR == 2 { printf "%d", $4 / 1000 }')
	[ "${_free:-0}" -ge "$2" ] ||
		die "$1" "no space: $2 MB needed, $_free MB free; free some, or move it elsewhere (O= for what is built, CACHE= for what is downloaded)"
}
