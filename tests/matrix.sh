#!/bin/sh
# Builds and tests weir in every way this machine can: sh tests/matrix.sh [NAME…]
#
# Each way has a build folder of its own below a scratch folder. Three lanes of ways run side by
# side, since tests mostly wait. Ways whose tools are not here are a line that says so; the output
# of those that fail follows at the end. The last line adds up.

src=$(cd "$(dirname "$0")/.." && pwd) || exit 1
scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-matrix.XXXXXX") || exit 1
lanes=
trap 'rm -rf "$scratch"' EXIT
trap 'kill $lanes 2>/dev/null; exit 130' HUP INT TERM
only=" $* "
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

# The wraps that lead the backend's calls into the stand-ins of tests/standins.
devpoll_wraps=-Wl
for name in open open64 write pwrite pwrite64 ioctl close; do
	devpoll_wraps="$devpoll_wraps,--wrap=$name"
done

# The sums of tests/run.sh's last line: "N passed, N failed[, N skipped]".
sums()
{
	sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed\(, \([0-9]*\) skipped\)*$/\1 \2 \4/p' "$1" |
		tail -n 1
}

# way NAME TESTS [OPTION…]: configures, builds and tests in a folder of its own, and leaves three
# numbers in NAME.sums. A build that fails, or a run without a test, is a failure like others.
way()
{
	name=$1 tests=$2
	shift 2
	case $only in *' '[!\ ]*) case $only in *" $name "*) ;; *) return 0 ;; esac ;; esac
	begin=$(date +%s)
	mkdir -p "$scratch/$name"
	(
		cd "$scratch/$name" && "$src/configure" --enable-werror "$@" &&
			make -j"$jobs" all && make -j"$jobs" test-programs &&
			make check ${tests:+"TESTS=$tests"}
	) >"$scratch/$name.log" 2>&1
	status=$?
	# shellcheck disable=SC2046
	set -- $(sums "$scratch/$name.log") 0 0 0
	if [ "$2" = 0 ] && { [ $status != 0 ] || [ "$1" = 0 ]; }; then
		set -- "$1" 1 "$3"
	fi
	[ "$2" = 0 ] || mv "$scratch/$name.log" "$scratch/$name.failed"
	echo "$1 $2 $3" >"$scratch/$name.sums"
	printf '%-18s %5s passed, %s failed, %s skipped, %s s\n' "$name" "$1" "$2" "$3" \
		$(($(date +%s) - begin))
	[ "$2" != 0 ] || grep '^    skipped:' "$scratch/$name.log" | sort -u
}

# standin KIND NAME [FLAG]: compiles a stand-in for a kernel interface.
standin()
{
	${CC:-cc} -std=c11 -O1 -g -I"$src/tests/standins/$1" ${3+"$3"} -c \
		"$src/tests/standins/$1/$1.c" -o "$scratch/standin_$2.o"
}

have()
{
	command -v "$1" >/dev/null 2>&1
}

without()
{
	printf '%-18s not here: %s\n' "$1" "$2"
}

# Programs only: the scripts test the build itself and the examples, and once is enough.
# shellcheck disable=SC2016
programs='$(TEST_PROGRAMS)'

stand_ins()
{
	[ "$(uname -s)" = Linux ]
}

# Systems with these interfaces have no descriptors for processes, and not all close many at once.
fewer=--without=pidfd,close_range,closefrom

# on_kqueue NAME TESTS SHAPE FORM, on_devpoll NAME TESTS MODE: with stand-ins for the kernel's
# interface, and for the form of sendfile that such systems have.
on_kqueue()
{
	standin kqueue "$1" "-DSTANDIN_$3"
	standin sendfile "$1-sendfile"
	way "$1" "$2" --backend=kqueue $fewer,sendfile_linux CFLAGS='-O1 -g' \
		LDFLAGS='-Wl,--wrap=close' LIBS="$scratch/standin_$1.o $scratch/standin_$1-sendfile.o" \
		CPPFLAGS="-I$src/tests/standins/kqueue -DSTANDIN_$3 \
			-I$src/tests/standins/sendfile -DSTANDIN_SENDFILE_$4"
}

on_devpoll()
{
	standin devpoll "$1"
	standin sendfile "$1-sendfile"
	export WEIR_STANDIN_DEVPOLL="$3"
	way "$1" "$2" --backend=devpoll $fewer CFLAGS='-O1 -g' LDFLAGS="$devpoll_wraps" \
		LIBS="$scratch/standin_$1.o $scratch/standin_$1-sendfile.o" \
		CPPFLAGS="-I$src/tests/standins/devpoll \
			-I$src/tests/standins/sendfile -DSTANDIN_SENDFILE_SOLARIS"
}

# Each lane is a shell of its own: what one exports the others do not see.
first_lane()
{
	if have gcc; then
		way epoll-gcc '' --backend=epoll CC=gcc
	else
		without epoll-gcc gcc
	fi
	stand_ins || return 0
	# NetBSD has no sendfile: Darwin's, which has kqueue as well, is played in its place.
	on_kqueue kqueue-netbsd 'tests/backend/conformance_test tests/backend/file_test' NETBSD DARWIN
	on_devpoll devpoll-solaris10 tests/backend/conformance_test solaris10
}

second_lane()
{
	# As if the system had nothing of its own.
	way bare 'tests/backend/*_test tests/loopback/*_test' --backend=select --without=all CFLAGS='-O1 -g'
	stand_ins || return 0
	# Strict, the stand-ins abort on misuse; lenient, they do what the kernels do about it.
	export WEIR_STANDIN_STRICT=1
	on_kqueue kqueue "$programs tests/examples_test.sh" FREEBSD FREEBSD
	on_devpoll devpoll "$programs tests/examples_test.sh" illumos
}

third_lane()
{
	if have clang; then
		way epoll-clang "$programs" --backend=epoll --without=epoll_create1,epollexclusive CC=clang
		export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
		way sanitizers "$programs" --backend=epoll CC=clang --enable-sanitizers CFLAGS='-O1 -g'
	else
		without epoll-clang clang
		way sanitizers "$programs" --backend=epoll --enable-sanitizers CFLAGS='-O1 -g'
	fi
	way select "$programs tests/examples_test.sh" --backend=select --enable-debug --without=pidfd CFLAGS='-O1 -g'
}

if ! stand_ins; then
	without 'kqueue, devpoll' 'their stand-ins play on Linux'
fi
first_lane &
lanes=$!
second_lane &
lanes="$lanes $!"
third_lane &
lanes="$lanes $!"
wait

# ---- adding up ----

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
