#!/bin/sh
# Builds and tests weir in every way this machine can: sh tests/matrix.sh [--all] [NAME…]
#
# Each way has a build folder of its own below a scratch folder. Lanes of ways run side by
# side, since tests mostly wait. Ways whose tools are not here are a line that says so; the output
# of those that fail follows at the end. The last line adds up. Without --all each way builds and runs
# what it alone can show, and some are left out; with it all of them run in full, and the table of
# what is supported is printed.
#
#   WEIR_SUPPORT  a file for the rows of that table (see tests/support.sh)
#   ZIG           a zig, whose headers and C libraries are those of many systems

src=$(cd "$(dirname "$0")/.." && pwd) || exit 1
scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-matrix.XXXXXX") || exit 1
WEIR_SUPPORT=${WEIR_SUPPORT:-$scratch/support}
export WEIR_SUPPORT
: >>"$WEIR_SUPPORT"
# The source of cmocka is fetched once.
WEIR_CMOCKA_SOURCE=${WEIR_CMOCKA_SOURCE:-$scratch/cmocka}
export WEIR_CMOCKA_SOURCE
lanes=
trap 'rm -rf "$scratch"' EXIT
trap 'kill $lanes 2>/dev/null; exit 130' HUP INT TERM
all=no
if [ "${1-}" = --all ]; then
	all=yes
	shift
fi
only=" $* "
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

# shellcheck source=tests/ways.sh
. "$src/tests/ways.sh"
# shellcheck source=tests/processors.sh
. "$src/tests/processors.sh"

standins=$src/tests/standins
# shellcheck source=tests/standins/link.sh
. "$standins/link.sh"

# Programs only: the scripts test the build itself and the examples, and once is enough.
# shellcheck disable=SC2016
programs='$(TEST_PROGRAMS)'

# short LIST: without --all only these are built and run. What does not see the poller need not be run
# with each: all of it is in epoll-gcc and under sanitizers.
short()
{
	parts=
	[ "$all" = yes ] || parts=$1
}
by_poller="$(listed BACKEND_TESTS)$(listed LOOPBACK_TESTS)"
# Of these, without what is about processes.
by_poller_alone=$(echo "$by_poller" | tr ' ' '\n' | grep -v -e /chan_test -e /child_test \
	-e /cluster_test -e /process_node_test -e /fork_test -e /ready_test)
# Lanes share the processors, and tests that take seconds alone may take a minute.
WEIR_TEST_SECONDS=300
export WEIR_TEST_SECONDS

can_play()
{
	[ "$(uname -s)" = Linux ]
}

# Systems with these interfaces have no descriptors for processes, and not all close many at once.
fewer=--without=pidfd,close_range,closefrom

# on_stand_in NAME TESTS BACKEND FORM OPTION…: with stand-ins for the kernel's interface (with
# $shape, a flag, where it has more than one), and for the form of sendfile that such systems have.
on_stand_in()
{
	name=$1 tests=$2 played=$3 form=$4
	shift 4
	wanted "$name" || return 0
	level=stand-in
	objects="$scratch/$name-poller.o $scratch/$name-sendfile.o"
	stand_in "$played" "$scratch/$name-poller.o" ${shape:+"$shape"}
	stand_in sendfile "$scratch/$name-sendfile.o"
	way "$name" "$tests" --backend="$played" "$@" CFLAGS=-O1 LDFLAGS="$(wraps "$played")" \
		LIBS="$objects" \
		CPPFLAGS="-I$standins/$played $shape -I$standins/sendfile -DSTANDIN_SENDFILE_$form"
}
shape=

# Each lane is a shell of its own: what one exports the others do not see.
first_lane()
{
	if have gcc; then
		way epoll-gcc "$programs $(of_builds)" --backend=epoll CC=gcc
	else
		without epoll-gcc gcc
	fi
}

# of_builds: the scripts that need what was built.
of_builds()
{
	sed -n '/^TEST_SCRIPTS = /,/^$/s/^	\(.*\.sh\).*/\1/p' "$src/Makefile" | while read -r script; do
		case " $of_tree " in
		*" $script "*) ;;
		*) echo "$script" ;;
		esac
	done
}

# The others judge the tree, or build for themselves: a configuration is enough, and shows nothing of
# the poller.
of_tree='tests/layers_test.sh tests/docs_test.sh tests/rfc_test.sh tests/contract_test.sh'
of_tree="$of_tree tests/support_test.sh"
of_tree="$of_tree tests/build_test.sh tests/shells_test.sh tests/standins/check.sh"
tree_lane()
{
	level=none
	leave_out='BENCH_PROGRAMS= FUZZ_PROGRAMS= EXAMPLE_PROGRAMS= TEST_PROGRAMS=
		TOOL_PROGRAMS=tests/tools/after'
	way tree "$of_tree"
	can_play || return 0
	leave_out='BENCH_PROGRAMS= FUZZ_PROGRAMS='
	[ $all = yes ] || leave_out="$leave_out EXAMPLE_PROGRAMS= TOOL_PROGRAMS="
	short 'tests/backend/conformance_test tests/backend/file_test'
	# What Solaris 10 does otherwise, tests/pollers_test.sh plays. NetBSD has no sendfile: Darwin's,
	# which has kqueue as well, is played in its place.
	shape=-DSTANDIN_NETBSD
	on_stand_in kqueue-netbsd "$programs" kqueue DARWIN $fewer,sendfile_linux
}

second_lane()
{
	# Long fixtures are cut everywhere in epoll-gcc alone.
	export WEIR_QUICK=1
	leave_out='BENCH_PROGRAMS= FUZZ_PROGRAMS='
	# As if the system had nothing of its own: what asks it for something.
	short "$(listed BACKEND_TESTS)tests/loopback/listen_test tests/loopback/stream_test
		tests/loopback/adopt_test tests/loopback/child_test tests/loopback/chan_test tests/loopback/cluster_test"
	way bare "$programs" --backend=select --without=all CFLAGS=-O1
	can_play || return 0
	# Strict, the stand-ins abort on misuse; lenient, they do what the kernels do about it.
	export WEIR_STANDIN_STRICT=1
	short "$by_poller"
	shape=-DSTANDIN_FREEBSD
	on_stand_in kqueue "$programs tests/examples_test.sh" kqueue FREEBSD $fewer,sendfile_linux
	short "$by_poller_alone"
	shape=
	on_stand_in devpoll "$programs tests/examples_test.sh" devpoll SOLARIS $fewer
}

third_lane()
{
	export WEIR_QUICK=1
	if have clang; then
		# The tests of what it does without; all others run under sanitizers. What measures and
		# what fuzzes is compiled here, too.
		short "$(listed BACKEND_TESTS)tests/loopback/cluster_test"
		way epoll-clang "$programs" --backend=epoll \
			--without=epoll_create1,epollexclusive CC=clang CFLAGS=-O2
		parts='' leave_out='BENCH_PROGRAMS= FUZZ_PROGRAMS='
		export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
		way sanitizers "$programs" --backend=epoll CC=clang --enable-sanitizers CFLAGS='-O1 -gline-tables-only'
	else
		without epoll-clang clang
		leave_out='BENCH_PROGRAMS= FUZZ_PROGRAMS='
		way sanitizers "$programs" --backend=epoll --enable-sanitizers CFLAGS='-O1 -gline-tables-only'
	fi
	# All that depends on the poller ran in `bare`: here what depends on large sets or on the checks.
	short 'tests/backend/conformance_test tests/loopback/loop_test tests/loopback/timer_test
		tests/loopback/stream_test tests/loopback/http_test tests/loopback/exhaust_test'
	way select "$programs tests/examples_test.sh" --backend=select --enable-debug --without=pidfd CFLAGS=-O1
}

# The headers and, with ZIG, the C libraries of other systems. That script counts as tests do, and
# adds its rows itself.
ports()
{
	wanted portcheck || return 0
	begin=$(date +%s)
	sh "$src/tests/portcheck.sh" >"$scratch/portcheck.log" 2>&1
	status=$?
	good=$(grep '^ok' "$scratch/portcheck.log" | grep -vci '# *skip')
	bad=$(grep -c '^not ok' "$scratch/portcheck.log")
	untried=$(grep '^ok' "$scratch/portcheck.log" | grep -ci '# *skip')
	[ $status = 0 ] || [ "$bad" != 0 ] || bad=1
	sed -n 's/^ok - \(.*\) # SKIP /    skipped: \1: /p' "$scratch/portcheck.log"
	report portcheck "$good" "$bad" "$untried"
}

# What README.md says was seen on one system.
[ "$system, $processor" = 'Linux (glibc), x86_64' ] ||
	printf '*\t*\t*\tuntried\t-\n' >>"$WEIR_SUPPORT"
if ! can_play; then
	without 'kqueue, devpoll' 'their stand-ins play on Linux'
fi
first_lane &
lanes=$!
second_lane &
lanes="$lanes $!"
third_lane &
lanes="$lanes $!"
processors_lane &
lanes="$lanes $!"
{ tree_lane; ports; } &
lanes="$lanes $!"
wait

# ---- adding up ----

# What the parser tells of the fixtures must be the same everywhere.
compare_events()
{
	begin=$(date +%s)
	first='' alike=0 different=0
	for file in "$scratch"/*.events; do
		[ -f "$file" ] || continue
		LC_ALL=C sort -o "$file" "$file"
		if [ -z "$first" ]; then
			first=$file
		elif cmp "$first" "$file" >>"$scratch/events.log" 2>&1; then
			alike=$((alike + 1))
		else
			different=$((different + 1))
		fi
	done
	[ $((alike + different)) = 0 ] || report events $alike $different 0
}

# README.md says what was proved, and no more of what was tried; after everything in full, just that.
check_support()
{
	begin=$(date +%s)
	told=0 how=--check
	[ $all = no ] || grep -q untried "$WEIR_SUPPORT" || how=--same
	sh "$src/tests/support.sh" $how "$WEIR_SUPPORT" >"$scratch/support.log" 2>&1 && told=1
	report support $told $((1 - told)) 0
}

compare_events
[ $# != 0 ] || check_support
[ $all = no ] || sh "$src/tests/support.sh" "$WEIR_SUPPORT"

passed=0
failed=0
skipped=0
for file in "$scratch"/*.sums; do
	[ -f "$file" ] || continue
	read -r good bad untried <"$file"
	passed=$((passed + good))
	failed=$((failed + bad))
	skipped=$((skipped + untried))
done
for name do
	if [ ! -f "$scratch/$name.sums" ]; then
		without "$name" 'no way of this name, or its tools are missing'
		failed=$((failed + 1))
	fi
done
for file in "$scratch"/*.failed; do
	[ -f "$file" ] || continue
	echo "---- $(basename "$file" .failed)"
	# Without the commands of the compiler, of which there are hundreds.
	grep -v -e ' -o .* -c [^ ]*$' -e ' -o [^ ]* [^ ]*\.o ' "$file" | sed 's/^/  | /' | tail -n 200
done
[ $passed != 0 ] || [ $failed != 0 ] || failed=1
summary="$passed passed, $failed failed"
[ $skipped = 0 ] || summary="$summary, $skipped skipped"
printf '%s\n' "$summary"
[ $failed = 0 ]
