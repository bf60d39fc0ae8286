#!/bin/sh
# Does weir compile for the systems that are not here? sh tests/portcheck.sh [SYSTEM…]
#
# configure and the compiler see the headers in tests/ports/ in place of this system's: what they
# declare is what that system is told to have. configure must find what the table below says, and
# then backend/, core/ and http/ must compile without a warning, with 64 bits and with 32. The
# files in tests/ports/misuse/ must compile exactly where they say. Nothing is linked or run. What
# each folder of tests/ports/ stands for: see the README.md there.
#
# With ZIG, the path of a zig, it goes on to compile and link for systems with their real headers:
# see tests/portlink.sh.
#
#   CC            the compiler (default: cc, gcc or clang)
#   ZIG           the path of a zig (default: none)
#   WEIR_SUPPORT  a file to which a line is added for each system that passed: system, processor,
#                 backend, "compiled" and how, with tabs between
set -u

src=$(cd "$(dirname "$0")/.." && pwd) || exit 1
# shellcheck source=tests/claims.sh
. "$src/tests/claims.sh"
ports=$src/tests/ports
only=" $* "
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
case ${WEIR_SUPPORT:=} in
'' | /*) ;;
*) WEIR_SUPPORT=$PWD/$WEIR_SUPPORT ;;
esac
export WEIR_SUPPORT

# describe SYSTEM: what stands for it and what configure must find there. `folders` are below
# tests/ports/, the first ones first; `has` are all the facts of configure that hold.
describe()
{
	macros=
	case $1 in
	posix)
		title='other POSIX systems' host=unknown-unknown-posix folders=posix backend=select
		has='dlopen f_dupfd_cloexec'
		;;
	freebsd)
		title=FreeBSD host=x86_64-unknown-freebsd13 folders='freebsd bsd posix' backend=kqueue
		macros=-D__FreeBSD__=13
		has='accept4 pipe2 dup3 eventfd sock_flags msg_nosignal so_nosigpipe so_reuseport sa_len
			big_select close_range closefrom dlopen sendfile_freebsd so_acceptfilter getpeereid
			msg_cmsg_cloexec f_dupfd_cloexec sigtimedwait'
		;;
	dragonfly)
		title='DragonFly BSD' host=x86_64-unknown-dragonfly6 folders='dragonfly bsd posix' backend=kqueue
		macros=-D__DragonFly__=1
		has='accept4 pipe2 dup3 sock_flags msg_nosignal so_nosigpipe so_reuseport sa_len big_select
			closefrom dlopen sendfile_freebsd so_acceptfilter getpeereid msg_cmsg_cloexec
			f_dupfd_cloexec'
		;;
	netbsd9 | netbsd10)
		title="NetBSD ${1#netbsd}" host=x86_64-unknown-$1 folders='netbsd bsd posix' backend=kqueue
		macros="-D__NetBSD__=1 -D__NetBSD_Version__=${1#netbsd}00000000"
		has='accept4 pipe2 dup3 kqueue1 sock_flags msg_nosignal so_nosigpipe so_reuseport sa_len
			big_select closefrom dlopen so_acceptfilter getpeereid msg_cmsg_cloexec f_dupfd_cloexec
			sigtimedwait'
		[ "$1" = netbsd9 ] || has="$has eventfd"
		;;
	openbsd)
		title=OpenBSD host=x86_64-unknown-openbsd7 folders='openbsd bsd posix' backend=kqueue
		macros=-D__OpenBSD__=1
		has='accept4 pipe2 dup3 sock_flags msg_nosignal so_reuseport sa_len big_select closefrom
			dlopen so_peercred getpeereid msg_cmsg_cloexec f_dupfd_cloexec'
		;;
	macos)
		title=macOS host=x86_64-apple-darwin20 folders='macos bsd posix' backend=kqueue
		macros='-D__APPLE__=1 -D__MACH__=1'
		has='so_nosigpipe so_reuseport sa_len big_select dlopen sendfile_darwin getpeereid
			f_dupfd_cloexec'
		;;
	illumos)
		title=illumos host=x86_64-pc-illumos folders='illumos solaris posix' backend=devpoll
		macros='-D__sun=1 -D__illumos__=1'
		has='accept4 pipe2 dup3 eventfd epoll_create1 epollexclusive sock_flags msg_nosignal
			closefrom dlopen sendfile_linux getpeerucred f_dupfd_cloexec sigtimedwait'
		;;
	solaris10)
		title='Solaris 10' host=x86_64-pc-solaris2.10 folders='solaris10 solaris posix'
		backend=devpoll macros=-D__sun=1
		has='closefrom dlopen sendfile_linux getpeerucred sigtimedwait'
		;;
	*) return 1 ;;
	esac
}

systems='posix freebsd dragonfly netbsd9 netbsd10 openbsd macos illumos solaris10'

# ---- the compiler, with other headers ----

find_compiler()
{
	for candidate in ${CC:+"$CC"} cc gcc clang; do
		builtin=$($candidate -print-file-name=include 2>/dev/null)
		if [ -f "$builtin/stddef.h" ]; then
			CC=$candidate
			return
		fi
	done
	skip 'weir compiles for other systems' 'neither gcc nor clang is here'
	exit 0
}

# Sets $headers to the flags that put a system's headers in the place of this one's. The
# compiler's own are kept: they are C's, not the system's.
place_headers()
{
	headers="-nostdinc -ffreestanding $macros"
	for macro in linux __linux __linux__ __gnu_linux__ unix __unix __unix__; do
		headers="$headers -U$macro"
	done
	for folder in $folders; do
		headers="$headers -isystem $ports/$folder"
	done
	headers="$headers -isystem $builtin"
}

warnings='-Wall -Wextra -Wconversion -Wshadow -Wundef -pedantic -Werror'

# compile FLAG… FILE…: only looks. Needs the headers placed and the config.h of a system.
compile()
{
	# shellcheck disable=SC2086
	$CC -std=c11 $warnings $headers -I. -I"$src" -Iinclude -fsyntax-only "$@"
}

# ---- one system ----

# There is nothing to link with: what is declared is there, and configure asks for that as well.
configured()
{
	"$src/configure" --host="$host" CC="$CC" CPPFLAGS="$headers" CFLAGS=-fsyntax-only ||
		return 1
	cp "$src/core/weir.h" "$src/http/weir_http.h" include || return 1
	grep "^BACKEND = $backend\$" config.mk >/dev/null && return
	echo "it chose another backend than $backend:"
	grep '^BACKEND = ' config.mk
	return 1
}

# The facts of config.h are those of the table.
knows_facts()
{
	# shellcheck disable=SC2086,SC2116
	known=" $(echo $has) "
	sed -n 's/^#define HAVE_\([A-Z0-9_]*\) \([01]\)$/\1 \2/p' config.h | tr '[:upper:]' '[:lower:]' |
		while read -r fact holds; do
			case $known$holds in
			*" $fact "*1) ;;
			*" $fact "*) echo "$fact is not found" ;;
			*1) echo "$fact is found, but should not be there" ;;
			esac
		done >out
	cat out
	! [ -s out ]
}

# sources BITS: the one poller and select, which is for every system, and all of sys_*.c. Of the
# rooms above, which see no header but C's, core/ once a system, and all of it once.
sources()
{
	for file in "$src"/backend/*.c; do
		case ${file##*/} in
		epoll.c) ;;
		kqueue.c | devpoll.c) [ "${file##*/}" != "$backend.c" ] || echo "$file" ;;
		*) echo "$file" ;;
		esac
	done
	[ "$1" != 64 ] && [ "$system" != posix ] || echo "$src"/core/*.c
	[ "$system" != posix ] || echo "$src"/http/*.c
}

# width BITS: the option with which the compiler makes pointers so wide; false if it cannot.
width()
{
	echo "_Static_assert(sizeof(void *) == $1 / 8, \"other pointers\");" >width.c
	for option in '' "-m$1"; do
		# shellcheck disable=SC2086
		if $CC $option -fsyntax-only width.c 2>/dev/null; then
			echo "$option"
			return
		fi
	done
	return 1
}

compiles()
{
	# shellcheck disable=SC2046,SC2086
	compile $option $(sources "$1")
}

# support TITLE BACKEND: select.c was compiled as well.
support()
{
	[ -z "$WEIR_SUPPORT" ] || for bits in $widths; do
		for poller in "$2" select; do
			printf '%s\t%s\t%s\tcompiled\tstub headers\n' "$1" "$bits-bit" "$poller"
		done
	done | sort -u >>"$WEIR_SUPPORT"
}

# misuses: each file of misuse/ compiles here unless its first line names this system. All in one go,
# since to start the compiler takes longest: its errors begin with the file's name.
misuses()
{
	compile "$ports"/misuse/*.c >out.misuse 2>&1
	sed -n 's|^\([^ :]*/misuse/[a-z0-9_]*\.c\):.* error: .*|\1|p' out.misuse | sort -u >out.refused
	grep -l "^/\* refused: \(.* \)*$system " "$ports"/misuse/*.c | sort -u >out.expected
	{
		comm -13 out.refused out.expected | sed 's/$/ compiles, though there is no such thing/'
		comm -23 out.refused out.expected | sed 's/$/ does not compile, though it should/'
	} >out
	cat out out.misuse
	! [ -s out ]
}

check_system()
{
	system=$1
	if ! describe "$system"; then
		echo "not ok - $system: no such system ($systems)"
		return
	fi
	place_headers
	# Others are checked beside it.
	scratch=$scratch/$system
	told="$scratch/said $scratch/config.log" widths=
	mkdir -p "$scratch" && cd "$scratch" || exit 1
	claim "$title: configure finds $backend" configured
	[ $failed = 0 ] || return
	told=$scratch/said
	claim "$title: configure finds what is there and nothing else" knows_facts
	for bits in 64 32; do
		option=$(width $bits) || {
			skip "$title: compiles without a warning, with $bits bits" "$CC has no such"
			continue
		}
		claim "$title: compiles without a warning, with $bits bits" compiles $bits
		widths="$widths $bits"
	done
	claim "$title: what it has not does not compile" misuses
	if [ "$system" = illumos ]; then
		claim "$title: the interface of pollers fits event ports" compile "$ports/evport_fit.c"
	fi
	[ $failed != 0 ] || support "$title" "$backend"
}

# One by one for each processor that is here, told in order.
check_systems()
{
	running=0
	for system do
		(check_system "$system") >"$scratch/$system.said" &
		running=$((running + 1))
		[ $((running % jobs)) != 0 ] || wait
	done
	wait
	for system do
		cat "$scratch/$system.said"
		! grep '^not ok' "$scratch/$system.said" >/dev/null || failed=1
	done
}

case $src in
*[!A-Za-z0-9_./+@,:~-]*)
	echo "not ok - a folder of such a name cannot be named in flags: $src"
	exit 1
	;;
esac
find_compiler
# shellcheck disable=SC2086
case $only in
*[!\ ]*) check_systems "$@" ;;
*) check_systems $systems ;;
esac
[ $# != 0 ] && [ -z "${ZIG-}" ] || sh "$src/tests/portlink.sh" || failed=1
exit $failed
