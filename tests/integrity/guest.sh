#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# In the guest of `make integrity`: other programs write to FUSE, and every byte is compared. KTAP.
set -eu

usage()
{
	cat <<-EOF
	Usage: guest.sh [--list] [--seed N] [--only NAME] memory|passthrough|virtiofs

	Runs the tests of a transport and prints KTAP; --list prints their names only.
	scripts/integrity makes the disk that this runs from: it has fio with its jobs
	in /jobs, stress-ng, and FUSE servers of the distribution.

	  memory       the server of the suite, fusewb-smoke --serve
	  passthrough  fuse-overlayfs (writeback cache, default_permissions) and bindfs
	               (none), over ext4
	  virtiofs     a virtiofsd of the host; the same directory is mounted a second
	               time, without a cache, to see what has reached the host

	--seed is fio's; --only runs one of the tests, and may be given again.
	EOF
}

memory='notices_a_wrong_byte randwrite_fsync mmap direct_and_buffered_and_mmap
	rewrite_in_flight read_in_flight libaio_io_uring one_page_requests
	no_writeback_cache pressure_with_swap'
passthrough='overlay_randwrite_fsync overlay_mmap overlay_direct_and_buffered_and_mmap
	overlay_rewrite_in_flight overlay_libaio_io_uring overlay_fsync_and_close_reach_backing
	overlay_syncfs_submits overlay_sync_submits overlay_user
	overlay_stress bindfs_randwrite_fsync bindfs_mmap
	bindfs_libaio_io_uring bindfs_stress'
virtiofs='virtiofs_randwrite_fsync virtiofs_mmap virtiofs_direct_and_buffered_and_mmap
	virtiofs_rewrite_in_flight virtiofs_libaio_io_uring
	virtiofs_fsync_and_close_reach_host virtiofs_syncfs_reaches_host
	virtiofs_sync_reaches_host virtiofs_stress virtiofs_leaves_files'

export PATH=/bin:/usr/bin HOME=/tmp LC_ALL=C
export SEED="${SEED:-1}" SIZE=16m DIR=/m
what=/tmp/what

# for the report; a test that passed prints nothing else
say()
{
	printf '%s\n' "$*" >>"$what"
}

fail()
{
	printf '%s\n' "$*"
	exit 1
}

skip()
{
	printf '%s\n' "$*" >"$what"
	exit 4
}

# until SECONDS command...: asks again until it succeeds
until_true()
{
	_end=$(($(date +%s) + $1))
	shift
	while ! "$@"; do
		[ "$(date +%s)" -lt "$_end" ] || return 1
		sleep 0.05
	done
}

is_mounted()
{
	grep -q " $1 " /proc/mounts
}

# vmstat KEY: the sum of all that begin with it
vmstat()
{
	awk -v key="$1" 'index($1, key) == 1 { n += $2 } END { print n + 0 }' /proc/vmstat
}

# ---- the mounts

serve_memory()	# options
{
	mkdir -p /m
	/fusewb-smoke --serve "/m$1"
	is_mounted /m || fail "fusewb-smoke --serve: expected a mount on /m, got none"
}

serve_overlay()
{
	mkdir -p /m /backing/lower /backing/upper /backing/work
	# noacl: ext4 has no ACLs here, and the error would be that of every look-up
	fuse-overlayfs -o "lowerdir=/backing/lower,upperdir=/backing/upper,workdir=/backing/work,noacl,allow_other,default_permissions" /m
	until_true 30 is_mounted /m || fail "fuse-overlayfs: expected a mount on /m, got none"
}

serve_bindfs()
{
	mkdir -p /m /backing/bind
	bindfs --multithreaded /backing/bind /m
	until_true 30 is_mounted /m || fail "bindfs: expected a mount on /m, got none"
}

serve_virtiofs()
{
	mkdir -p /m /b
	is_mounted /m || mount -t virtiofs cached /m
	is_mounted /b || mount -t virtiofs uncached /b
}

done_with()
{
	umount /m || fail "umount /m: expected success"
}

# ---- what is checked

# What a program that does not end waits for: its own stacks here, those of all
# that are blocked, and memory, on the console.
show_stuck()
{
	for _s in w m; do
		echo "$_s" >/proc/sysrq-trigger || :
	done
	for _p in /proc/[0-9]*; do
		read -r _comm <"$_p/comm" || continue
		case $_comm in
		fio|fusewb-smoke|kswapd*|kworker*flush*)
			echo "$_comm ${_p#/proc/} $(sed -n 's/^State:[[:space:]]*//p' "$_p/status")"
			cat "$_p/stack" || :
			;;
		esac
	done 2>&1
}

# limited SECONDS command...: its status; 124 and stacks if it did not end in time
limited()
{
	_limit=$1
	shift
	"$@" &
	_pid=$!
	until_true "$_limit" has_ended "$_pid" || {
		show_stuck
		kill -s KILL "$_pid" || :
		return 124
	}
	wait "$_pid"
}

has_ended()
{
	! kill -s 0 "$1" 2>/dev/null ||
		grep -q '^State:[[:space:]]*Z' "/proc/$1/status"
}

# fio_job JOB: writes, reads back and compares; no word of an error, and it did read
fio_job()
{
	# jobs that share a file must find it: fio replaces one that is too short
	[ "$1" != mix ] || truncate -s 24M "$DIR/one"
	_before=$(vmstat nr_written)
	limited "${LIMIT:-300}" fio --output=/tmp/fio.log "/jobs/$1.fio" || {
		_rc=$?
		cat /tmp/fio.log || :
		fail "fio $1.fio (SEED=$SEED SIZE=$SIZE): expected status 0, got $_rc"
	}
	_read=$(sed -n 's/^ *READ: .*io=\([^ ]*\) .*/\1/p' /tmp/fio.log)
	_wrote=$(sed -n 's/^ *WRITE: .*io=\([^ ]*\) .*/\1/p' /tmp/fio.log)
	[ -n "$_read" ] && [ -n "$_wrote" ] || {
		cat /tmp/fio.log
		fail "fio $1.fio: expected that it wrote and read back, got WRITE '$_wrote' READ '$_read'"
	}
	pages=$(($(vmstat nr_written) - _before))
	say "wrote $_wrote, verified $_read, $pages pages written back"
}

digest()
{
	sha256sum | cut -d' ' -f1
}

# same FILE BACKING: through the page cache, past it, out of the server again
# and, if there is one, in the backing file: the same bytes
same()
{
	_cached=$(digest <"$1")
	_direct=$(dd if="$1" iflag=direct bs=64k 2>/dev/null | digest)
	echo 3 >/proc/sys/vm/drop_caches
	_again=$(digest <"$1")
	[ "$_cached" = "$_direct" ] ||
		fail "$1: sha256 through the page cache $_cached, O_DIRECT $_direct"
	[ "$_cached" = "$_again" ] ||
		fail "$1: sha256 $_cached before drop_caches, $_again after it"
	[ -n "$2" ] || return 0
	_back=$(digest <"$2")
	[ "$_cached" = "$_back" ] ||
		fail "$1: sha256 $_cached on the mount, $_back in $2"
}

# all_same [BACKING_DIR]
all_same()
{
	_n=0
	for _f in /m/one /m/two /m/three /m/four; do
		[ -e "$_f" ] || continue
		same "$_f" "${1:+$1/${_f#/m/}}"
		_n=$((_n + 1))
	done
	[ "$_n" -gt 0 ] || fail "expected files of fio in /m, got none"
	say "$_n files the same cached, direct and read again${1:+, and in the backing files}"
}

# on_memory OPTIONS JOB
on_memory()
{
	serve_memory "$1"
	lift_dirty_limit
	fio_job "$2"
	all_same
	done_with
}

backing()
{
	case $1 in
	overlay)	echo /backing/upper ;;
	bindfs)		echo /backing/bind ;;
	virtiofs)	echo /b ;;
	esac
}

# on TRANSPORT JOB
on()
{
	"serve_$1"
	lift_dirty_limit
	rm -f /m/one /m/two /m/three /m/four
	fio_job "$2"
	all_same "$(backing "$1")"
	rm -f /m/one /m/two /m/three /m/four
	done_with
}

# A FUSE mount may have 1% of what may be dirty; a test that needs dirty pages, or
# many in flight, needs more.
lift_dirty_limit()
{
	_bdi=$(awk '$5 == "/m" { print $3 }' /proc/self/mountinfo)
	echo 100 >"/sys/class/bdi/$_bdi/max_ratio"
	echo 50 >"/sys/class/bdi/$_bdi/min_ratio"
}

# Nothing may be written back by itself while a test looks what is.
no_flusher()
{
	lift_dirty_limit
	echo 0 >/proc/sys/vm/dirty_writeback_centisecs
	echo 360000 >/proc/sys/vm/dirty_expire_centisecs
}

arrived()
{
	cmp -s "$1" "$2"
}

has_size()
{
	[ "$(stat -c %s "$2")" = "$1" ]
}

# reaches TRANSPORT SECONDS command...: what a process has written, and not closed,
# is not in the backing file, and is when the command has returned or SECONDS
# later.  The first half is what makes the second count.  Nobody else may open the
# file: a close writes it back.
reaches()
{
	_t=$1 _wait=$2
	shift 2
	"serve_$_t"
	no_flusher
	_b=$(backing "$_t")
	rm -f /m/dirty /tmp/feed
	head -c 1048576 /jobs/noise >/tmp/noise
	mkfifo /tmp/feed
	tee /m/dirty </tmp/feed >/dev/null &
	exec 4>/tmp/feed
	cat /tmp/noise >&4
	until_true 60 has_size 1048576 /m/dirty ||
		fail "tee /m/dirty: expected 1048576 bytes written, got $(stat -c %s /m/dirty)"
	! arrived /tmp/noise "$_b/dirty" ||
		fail "expected data that is dirty in the guest alone, got it in the backing file: nothing can be said"
	_t0=$(date +%s)
	"$@" || fail "$*: expected success, got $?"
	_t1=$(date +%s)
	until_true "$_wait" arrived /tmp/noise "$_b/dirty" ||
		fail "$*: expected 1 MiB in the backing file $_wait s after it has returned, got $(cmp /tmp/noise "$_b/dirty" 2>&1)"
	_when="when it returned"
	[ "$_wait" -eq 0 ] || _when="no later than $_wait s after it returned"
	say "$*: 1 MiB dirty before it, in the backing file $_when, $((_t1 - _t0)) s"
	exec 4>&-
	wait
	rm -f /m/dirty
	done_with
}

# stress TRANSPORT: stress-ng compares what it wrote itself
stress()
{
	"serve_$1"
	mkdir -p /m/stress
	timeout -s KILL 300 stress-ng --temp-path /m/stress --verify --timeout 20 \
		--seed "$SEED" \
		--hdd 1 --hdd-bytes 4m --hdd-write-size 16k \
		--seek 1 --seek-size 4m --seek-punch --revio 1 \
		--iomix 1 --iomix-bytes 4m --sync-file 1 --sync-file-bytes 2m \
		--fallocate 1 --fallocate-bytes 4m --readahead 1 --readahead-bytes 4m \
		--aiol 1 --msync 1 --msync-bytes 2m --rename 1 --dentry 1 \
		--mmap 1 --mmap-bytes 2m --mmap-file --mmap-async \
		--metrics-brief >/tmp/stress.log 2>&1 || {
		_rc=$?
		cat /tmp/stress.log
		fail "stress-ng: expected status 0, got $_rc"
	}
	_ran=$(awk '$4 ~ /^[a-z]/ && $5 ~ /^[0-9]+$/ && $5 > 0 { n++ } END { print n + 0 }' /tmp/stress.log)
	[ "$_ran" -ge 10 ] || {
		cat /tmp/stress.log
		fail "stress-ng: expected 10 stressors that did something, got $_ran"
	}
	say "$_ran stressors, all verified"
	rm -rf /m/stress
	done_with
}

# ---- memory

# That fio would see one wrong byte in 16 MiB: the same job again, reading only.
test_notices_a_wrong_byte()
{
	serve_memory ''
	SIZE=4m fio --output=/tmp/fio.log /jobs/randwrite.fio || fail "fio: expected status 0, got $?"
	printf X | dd of=/m/one bs=1 seek=2000000 conv=notrunc 2>/dev/null
	if SIZE=4m fio --output=/tmp/fio.log --verify_only=1 /jobs/randwrite.fio >/tmp/err 2>&1; then
		fail "expected fio to notice a wrong byte at 2000000 in /m/one, got status 0"
	fi
	grep -q 'verify' /tmp/err /tmp/fio.log || {
		cat /tmp/err /tmp/fio.log
		fail "expected fio to speak of verify, got something else"
	}
	say "$(grep -h -m 1 'verify' /tmp/err /tmp/fio.log | cut -c1-100)"
	done_with
}

test_randwrite_fsync() { on_memory '' randwrite; }
test_mmap() { on_memory '' mmap; }
test_direct_and_buffered_and_mmap() { on_memory '' mix; }
test_read_in_flight() { on_memory ,delay=2 backlog; }
test_libaio_io_uring() { SIZE=8m; on_memory '' aio; }
test_one_page_requests() { SIZE=4m; on_memory ,max_write=4096 randwrite; }
test_no_writeback_cache() { on_memory ,no_writeback_cache mmap; }

# Two files of 512 pages: more were written back, so some were twice.
test_rewrite_in_flight()
{
	serve_memory ,delay=5
	lift_dirty_limit
	fio_job rewrite
	[ "$pages" -gt 1024 ] ||
		fail "expected more than the 1024 pages of the files written back, got $pages: none was rewritten"
	all_same
	done_with
}

available()
{
	awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo
}

# Memory is filled with what only swap can take, then twice what is left is written.
# Little may be dirty of what little is left, and without the series as well a
# writer sleeps nearly all the time in balance_dirty_pages(): let more be dirty, so
# that reclaim has to do with pages of FUSE.
test_pressure_with_swap()
{
	[ -b /dev/vdb ] || fail "/dev/vdb: expected a disk for swap, got none"
	mkswap /dev/vdb >/dev/null
	swapon /dev/vdb
	mkdir -p /fill
	mount -t tmpfs -o size=100% fill /fill
	serve_memory ''
	head -c 16777216 /jobs/noise >/tmp/noise
	n=0
	while [ "$(available)" -gt 160 ] && [ "$n" -lt 200 ]; do
		n=$((n + 1))
		cp /tmp/noise "/fill/$n"
	done
	echo "memory left: $(available) MiB"
	echo 60 >/proc/sys/vm/dirty_background_ratio
	echo 80 >/proc/sys/vm/dirty_ratio
	out=$(vmstat pswpout) stall=$(vmstat allocstall_)
	SIZE=64m
	fio_job pressure
	out=$(($(vmstat pswpout) - out)) stall=$(($(vmstat allocstall_) - stall))
	[ "$out" -gt 1000 ] ||
		fail "expected more than 1000 pages swapped out, got $out: there was no pressure"
	say "$out pages swapped out, $stall times a process had to reclaim itself"
	all_same
	# what was swapped out is what comes back
	i=1
	while [ "$i" -le "$n" ]; do
		cmp /tmp/noise "/fill/$i" || fail "/fill/$i of $n: other bytes than were swapped out"
		i=$((i + 8))
	done
	done_with
	umount /fill
	swapoff /dev/vdb
}

# ---- passthrough

test_overlay_randwrite_fsync() { on overlay randwrite; }
test_overlay_mmap() { on overlay mmap; }
test_overlay_direct_and_buffered_and_mmap() { on overlay mix; }
test_overlay_rewrite_in_flight() { on overlay rewrite; }
test_overlay_libaio_io_uring() { on overlay aio; }
test_overlay_fsync_and_close_reach_backing() { reaches overlay 0 sync /m/dirty; }
# Neither waits for an ordinary server: syncfs(2) sends all, sync(2) only begins to.
test_overlay_syncfs_submits() { reaches overlay 60 sync -f /m; }
test_overlay_sync_submits() { reaches overlay 60 sync; }
test_overlay_stress() { stress overlay; }
test_bindfs_randwrite_fsync() { on bindfs randwrite; }
test_bindfs_mmap() { on bindfs mmap; }
test_bindfs_libaio_io_uring() { on bindfs aio; }
test_bindfs_stress() { stress bindfs; }

as_user()
{
	setpriv --reuid 1000 --regid 1000 --clear-groups "$@"
}

# Of a user who is not root, with permissions checked by the kernel.
test_overlay_user()
{
	serve_overlay
	grep ' /m ' /proc/mounts | grep -q 'default_permissions.*allow_other' ||
		fail "expected default_permissions and allow_other, got $(grep ' /m ' /proc/mounts)"
	rm -rf /m/home /m/secret /m/open
	mkdir /m/home
	chown 1000:1000 /m/home
	echo secret >/m/secret
	chmod 600 /m/secret
	echo open >/m/open
	as_user cat /m/open >/dev/null || {
		as_user ls -ldn / /m /m/home /m/open || :
		fail "a file of root with mode 644: expected its bytes for user 1000, got an error"
	}
	! as_user cat /m/secret >/dev/null 2>&1 ||
		fail "a file of root with mode 600: expected EACCES for the user, got its bytes"
	! as_user touch /m/new 2>/dev/null ||
		fail "a directory of root: expected EACCES for the user, got a new file"
	chmod 1777 /tmp
	rm -f /tmp/fio.log
	DIR=/m/home
	for job in randwrite mmap mix; do
		[ "$job" != mix ] || as_user truncate -s 24M /m/home/one
		# its log is the user's
		( cd /tmp && as_user timeout -s KILL 400 fio --output=/tmp/user.log "/jobs/$job.fio" ) || {
			cat /tmp/user.log
			fail "fio $job.fio as user 1000: expected status 0, got a failure"
		}
		grep -q ' READ: ' /tmp/user.log || fail "fio $job.fio as user 1000: expected that it read back"
		for f in /m/home/*; do
			same "$f" "/backing/upper/home/${f##*/}"
			[ "$(stat -c %u "$f")" = 1000 ] || fail "$f: expected owner 1000, got $(stat -c %u "$f")"
		done
		as_user rm -f /m/home/one /m/home/two
	done
	# dirty pages outlive the right to write them
	no_flusher
	head -c 1048576 /jobs/noise >/tmp/noise
	chmod 644 /tmp/noise
	as_user dd if=/tmp/noise of=/m/home/kept bs=64k 2>/dev/null
	chown 0:0 /m/home/kept
	chmod 400 /m/home/kept
	sync -f /m/home
	cmp /tmp/noise /backing/upper/home/kept ||
		fail "dirty pages of a user whose file was taken from him: expected them in the backing file"
	say "three jobs as user 1000, refused where he must be"
	rm -rf /m/home
	done_with
}

# ---- virtiofs

no_virtiofs()
{
	! grep -qw virtiofs /proc/filesystems
}

# virtiofs is trusted where it has FUSE_SYNCFS: then it is waited for, with both.
# A kernel without that sends, and waits no more than it does for other servers.
promised()
{
	[ -s /proc/kallsyms ] || skip "needs /proc/kallsyms to know of FUSE_SYNCFS"
	if grep -qw fuse_sync_fs /proc/kallsyms; then
		echo 0
	else
		echo 60
	fi
}

test_virtiofs_randwrite_fsync() { on virtiofs randwrite; }
test_virtiofs_mmap() { on virtiofs mmap; }
test_virtiofs_direct_and_buffered_and_mmap() { on virtiofs mix; }
test_virtiofs_rewrite_in_flight() { on virtiofs rewrite; }
test_virtiofs_libaio_io_uring() { on virtiofs aio; }
test_virtiofs_fsync_and_close_reach_host() { reaches virtiofs 0 sync /m/dirty; }
test_virtiofs_syncfs_reaches_host() { _p=$(promised); reaches virtiofs "$_p" sync -f /m; }
test_virtiofs_sync_reaches_host() { _p=$(promised); reaches virtiofs "$_p" sync; }
test_virtiofs_stress() { stress virtiofs; }

# The host compares them with these sums when the guest has ended.
test_virtiofs_leaves_files()
{
	serve_virtiofs
	rm -f /m/one /m/two
	fio_job randwrite
	( cd /m && sha256sum one two >/m/SUMS )
	say "left $(wc -c </m/one) and $(wc -c </m/two) bytes for the host"
	done_with
}

# ---- all of them

list='' only=''
while :; do
	case ${1:-} in
	-h|--help)	usage; exit 0 ;;
	--list)		list=1 ;;
	--seed)		SEED=$2; shift ;;
	--only)		only="$only $2"; shift ;;
	--one)		"test_$2"; exit 0 ;;
	*)		break ;;
	esac
	shift
done
case ${1:-} in
memory)		tests=$memory ;;
passthrough)	tests=$passthrough ;;
virtiofs)	tests=$virtiofs ;;
*)		usage >&2; exit 2 ;;
esac
if [ -n "$only" ]; then
	for name in $only; do
		case " $(echo $tests) " in
		*" $name "*) ;;
		*)	echo "guest.sh: error: $1 has no test $name, see --list" >&2; exit 2 ;;
		esac
	done
	tests=$only
fi
if [ -n "$list" ]; then
	printf '%s\n' $tests
	exit 0
fi

echo 'KTAP version 1'
# shellcheck disable=SC2086 # words
set -- "$1" $tests
echo "1..$(($# - 1))"
echo "# seed of fio: $SEED"
[ "$1" != virtiofs ] || ! no_virtiofs || none='no virtiofs in this kernel'
shift
n=0 bad=0
for name; do
	n=$((n + 1)) rc=0
	: >"$what"
	t0=$(date +%s)
	if [ -n "${none:-}" ]; then
		rc=4
		echo "$none" >"$what"
	else
		sh "$0" --one "$name" >"/tmp/out" 2>&1 || rc=$?
	fi
	case $rc in
	0)	sed 's/^/# /' "$what"
		echo "# $(($(date +%s) - t0)) s"
		echo "ok $n $name"
		;;
	4)	echo "ok $n $name # SKIP $(head -n 1 "$what")"
		;;
	*)	bad=1
		tail -n 40 /tmp/out | sed 's/^/# /'
		echo "not ok $n $name"
		;;
	esac
	# a test that failed has left its mount
	! is_mounted /m || umount -l /m || :
	echo 10 >/proc/sys/vm/dirty_background_ratio
	echo 20 >/proc/sys/vm/dirty_ratio
	echo 500 >/proc/sys/vm/dirty_writeback_centisecs
	echo 3000 >/proc/sys/vm/dirty_expire_centisecs
done
# scripts/integrity says what it means when all was skipped
exit "$bad"
