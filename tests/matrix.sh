#!/bin/sh
# Builds and tests weir in every way this machine can: sh tests/matrix.sh [NAME…]
#
# Each way has a build folder of its own below a scratch folder; its output goes to the screen
# when it fails. Ways whose tools are not here are a line that says so. The last line adds up.

src=$(cd "$(dirname "$0")/.." && pwd) || exit 1
scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-matrix.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' HUP INT TERM
only=" $* "
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
passed=0
failed=0
skipped=0

# The wraps that lead the backend's calls into the stand-ins of tests/standins.
devpoll_wraps=-Wl
for name in open open64 write pwrite pwrite64 ioctl close; do
	devpoll_wraps="$devpoll_wraps,--wrap=$name"
done

add()
{
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + $3))
}

# The sums of tests/run.sh's last line: "N passed, N failed[, N skipped]".
sums()
{
	sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed\(, \([0-9]*\) skipped\)*$/\1 \2 \4/p' "$1" |
		tail -n 1
}

# way NAME TESTS [OPTION…]: configures, builds and tests in a folder of its own.
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
	set -- $(sums "$scratch/$name.log")
	if [ $# = 0 ]; then
		set -- 0 1 0
		status=1
	fi
	add "$1" "$2" "${3:-0}"
	printf '%-18s %5s passed, %s failed, %s skipped, %s s\n' "$name" "$1" "$2" "${3:-0}" \
		$(($(date +%s) - begin))
	grep '^    skipped:' "$scratch/$name.log" | sort -u
	[ $status = 0 ] || sed 's/^/  | /' "$scratch/$name.log" | tail -n 200
}

# standin NAME OBJECT-OF [CPPFLAGS]: compiles a stand-in for a kernel interface.
standin()
{
	# shellcheck disable=SC2086
	${CC:-cc} -std=c11 -O1 -g -I"$src/tests/standins/$1" ${3-} -c \
		"$src/tests/standins/$1/$1.c" -o "$scratch/standin_$2.o"
}

without()
{
	printf '%-18s not here: %s\n' "$1" "$2"
}

# Programs only: the scripts test the build itself and the examples, and once is enough.
# shellcheck disable=SC2016
programs='$(TEST_PROGRAMS)'

way epoll-gcc '' --backend=epoll CC=gcc

if command -v clang >/dev/null 2>&1; then
	way epoll-clang "$programs" --backend=epoll CC=clang
	export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
	way sanitizers "$programs" --backend=epoll CC=clang --enable-sanitizers CFLAGS='-O1 -g'
else
	without epoll-clang clang
	way sanitizers "$programs" --backend=epoll --enable-sanitizers CFLAGS='-O1 -g'
fi

way select "$programs tests/examples_test.sh" --backend=select --enable-debug CFLAGS='-O1 -g'

if [ "$(uname -s)" = Linux ]; then
	# Strict, the stand-ins abort on misuse; lenient, they do what the kernels do about it.
	WEIR_STANDIN_STRICT=1
	export WEIR_STANDIN_STRICT
	standin kqueue kqueue
	way kqueue "$programs tests/examples_test.sh" --backend=kqueue CFLAGS='-O1 -g' \
		CPPFLAGS="-I$src/tests/standins/kqueue" LDFLAGS='-Wl,--wrap=close' \
		LIBS="$scratch/standin_kqueue.o"
	standin devpoll devpoll
	way devpoll "$programs tests/examples_test.sh" --backend=devpoll CFLAGS='-O1 -g' \
		CPPFLAGS="-I$src/tests/standins/devpoll" LDFLAGS="$devpoll_wraps" \
		LIBS="$scratch/standin_devpoll.o"
	unset WEIR_STANDIN_STRICT
	standin kqueue kqueue_netbsd -DSTANDIN_NETBSD
	way kqueue-netbsd tests/backend/conformance_test --backend=kqueue CFLAGS='-O1 -g' \
		CPPFLAGS="-I$src/tests/standins/kqueue -DSTANDIN_NETBSD" \
		LDFLAGS='-Wl,--wrap=close' LIBS="$scratch/standin_kqueue_netbsd.o"
	WEIR_STANDIN_DEVPOLL=solaris10
	export WEIR_STANDIN_DEVPOLL
	way devpoll-solaris10 tests/backend/conformance_test --backend=devpoll CFLAGS='-O1 -g' \
		CPPFLAGS="-I$src/tests/standins/devpoll" LDFLAGS="$devpoll_wraps" \
		LIBS="$scratch/standin_devpoll.o"
else
	without kqueue 'the stand-ins play on Linux'
	without devpoll 'the stand-ins play on Linux'
fi

summary="$passed passed, $failed failed"
[ $skipped = 0 ] || summary="$summary, $skipped skipped"
printf '%s\n' "$summary"
[ $failed = 0 ]
