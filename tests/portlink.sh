#!/bin/sh
# Does weir compile and link for other systems, with their real headers? ZIG=path sh tests/portlink.sh [TARGET…]
#
# zig has the headers of many systems, and what their C libraries have to link with. For each target
# configure must find its backend; then the library and the examples are built, all with warnings
# as errors; and for the targets that WEIR_PORT_TESTS names, or for all, the tests and the measuring
# programs as well. Nothing is run.
#
#   ZIG              the path of a zig (tests/zig.sh finds one)
#   WEIR_PORT_TARGETS  the targets (default: all)
#   WEIR_PORT_TESTS  targets whose tests are linked, too (default: all; empty: none)
#   WEIR_SUPPORT     a file to which a line is added for each target that passed: see
#                    tests/portcheck.sh
set -u

src=$(cd "$(dirname "$0")/.." && pwd) || exit 1
# shellcheck source=tests/claims.sh
. "$src/tests/claims.sh"
only=" $* "
case ${WEIR_SUPPORT:=} in
'' | /*) ;;
*) WEIR_SUPPORT=$PWD/$WEIR_SUPPORT ;;
esac
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

# The cache is what makes a second run short; it is not ours to keep.
: "${ZIG_GLOBAL_CACHE_DIR=$scratch/cache}"
ZIG_LOCAL_CACHE_DIR=$ZIG_GLOBAL_CACHE_DIR
: "${WEIR_CMOCKA_SOURCE=$scratch/cmocka-source}"
export ZIG_GLOBAL_CACHE_DIR ZIG_LOCAL_CACHE_DIR WEIR_CMOCKA_SOURCE

# zig's name, configure's name, backend, the system and processor for the table of support
targets='
x86_64-freebsd x86_64-unknown-freebsd14 kqueue FreeBSD x86_64
aarch64-freebsd aarch64-unknown-freebsd14 kqueue FreeBSD arm64
x86_64-openbsd x86_64-unknown-openbsd7 kqueue OpenBSD x86_64
x86_64-netbsd x86_64-unknown-netbsd10 kqueue NetBSD x86_64
sparc64-netbsd sparc64-unknown-netbsd10 kqueue NetBSD sparc64
mips-netbsd-eabi mips-unknown-netbsd10 kqueue NetBSD mips
x86_64-macos x86_64-apple-darwin kqueue macOS x86_64
aarch64-macos aarch64-apple-darwin kqueue macOS arm64
x86_64-linux-gnu.2.17 x86_64-unknown-linux-gnu epoll Linux_(glibc_2.17) x86_64'

# Of what make says, what compiler and linker said.
show()
{
	grep -E ' error: |: error: | warning: |undefined|^configure|^no cmocka' "$scratch/said" |
		sed 's/^/# /' | head -n 30
}

# wanted TARGET: whether its tests are to be linked.
wanted()
{
	case " ${WEIR_PORT_TESTS-$1} " in
	*" $1 "*) ;;
	*) return 1 ;;
	esac
}

# In Debug zig would link its own check for undefined behaviour, which takes longest of all.
compiler()
{
	CC="$ZIG cc -target $1 -fno-sanitize=undefined"
	AR="$ZIG ar"
	RANLIB="$ZIG ranlib"
	export CC AR RANLIB
}

# The headers of cmocka are no concern of the warnings.
configured()
{
	if wanted "$1"; then
		# shellcheck disable=SC2086
		sh "$src/tests/cmocka.sh" cmocka $CC || return 1
	fi
	"$src/configure" --host="$2" --enable-werror CFLAGS=-O0 CPPFLAGS="-isystem $PWD/cmocka/include" \
		LDFLAGS="-L$PWD/cmocka/lib" && grep "^BACKEND = $3\$" config.mk >/dev/null
}

# Also the poller that no system has for its first choice, but every one can fall back to.
built()
{
	make -j"$jobs" all || return 1
	# shellcheck disable=SC2086
	$CC -std=c11 -Wall -Wextra -Wconversion -Wshadow -Wundef -pedantic -Werror -I. -I"$src" \
		-c -o select.o "$src/backend/select.c"
}

linked()
{
	grep '^CMOCKA = true$' config.mk && make -j"$jobs" test-programs
}

# support SYSTEM PROCESSOR BACKEND WHAT
support()
{
	[ -n "$WEIR_SUPPORT" ] || return 0
	printf '%s\t%s\t%s\tlinked\treal headers, by zig: %s\n' "$1" "$2" "$3" "$4" >>"$WEIR_SUPPORT"
	printf '%s\t%s\tselect\tcompiled\treal headers, by zig\n' "$1" "$2" >>"$WEIR_SUPPORT"
}

# left SYSTEM PROCESSOR WHY: of it nothing is known this time.
left()
{
	skip "$2 of $1" "$3"
	[ -z "$WEIR_SUPPORT" ] || printf '%s\t%s\t*\tuntried\t-\n' "$1" "$2" >>"$WEIR_SUPPORT"
}

# check_target TARGET HOST BACKEND SYSTEM PROCESSOR
check_target()
{
	mkdir -p "$scratch/$1"
	cd "$scratch/$1" || exit 1
	compiler "$1"
	earlier=$failed failed=0
	begin=$(date +%s)
	what='library, examples'
	claim "$1: configure finds $3" configured "$1" "$2" "$3"
	[ $failed = 0 ] || return
	claim "$1: library and examples compile and link" built
	# For some systems zig has the libraries, but nothing that calls main.
	! grep 'cannot find entry symbol' "$scratch/said" >/dev/null ||
		what="$what, without what calls main"
	if wanted "$1"; then
		claim "$1: tests compile and link" linked
		what="$what, tests"
	fi
	echo "# $1: $(($(date +%s) - begin)) s"
	[ $failed != 0 ] || support "$4" "$5" "$3" "$what"
	[ $failed != 0 ] || failed=$earlier
	# Programs take up to a hundred megabytes a target.
	cd "$scratch" && rm -rf "./$1"
}

zig=yes
if [ -z "${ZIG-}" ] || ! "$ZIG" version >/dev/null 2>&1; then
	zig=no
fi
while read -r target host backend system processor; do
	[ -n "$target" ] || continue
	case $only in
	*[!\ ]*) case $only in *" $target "*) ;; *) continue ;; esac ;;
	esac
	system=$(echo "$system" | tr _ ' ')
	case $zig" ${WEIR_PORT_TARGETS-$target} " in
	no*) left "$system" "$processor" 'no zig to link with (tests/zig.sh)' ;;
	*" $target "*) check_target "$target" "$host" "$backend" "$system" "$processor" </dev/null ;;
	*) left "$system" "$processor" 'linked by make check-all' ;;
	esac
done <<END
$targets
END
exit $failed
