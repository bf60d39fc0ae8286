#!/bin/sh
# Do the rooms know only what they may? http -> core -> backend -> libc, proved from the #include
# lines of the sources and from the symbols of the objects: sh tests/layers_test.sh [SOURCE [BUILD]]
#
# SOURCE is the source tree (default WEIR_SRCDIR), BUILD the folder that holds the library's
# objects (default: the current one). Speaks TAP. Each rule is also shown a file that breaks it.

source=${1:-${WEIR_SRCDIR:-$(dirname "$0")/..}}
build=${2:-.}
LC_ALL=C
export LC_ALL
scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-layers.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' HUP INT TERM

tests=0
failed=0
ok()
{
	tests=$((tests + 1))
	echo "ok - $1"
}

not_ok()
{
	tests=$((tests + 1))
	failed=1
	echo "not ok - $1"
}

# ---- what there is to judge ----

# One line per #include: FILE <header> or FILE "header".
list_includes()
{
	(
		cd "$1" || exit 1
		for file in backend/*.[ch] core/*.[ch] http/*.[ch]; do
			[ -f "$file" ] || continue
			sed -n 's/^[[:blank:]]*#[[:blank:]]*include[[:blank:]]*\([<"][^>"]*[>"]\).*/\1/p' "$file" |
				sed "s|^|$file |"
		done
	)
}

# One line per symbol: OBJECT TYPE NAME, U for what is not defined there. What compilers,
# sanitizers and fortified headers add of themselves is taken away again.
list_symbols()
{
	(
		cd "$1" || exit 1
		for object in backend/*.o core/*.o http/*.o; do
			[ -f "$object" ] || continue
			nm -P "$object" | sed -n "s|^\([^ ]*\) \([A-Za-z]\).*|$object \2 \1|p"
		done
	) | if [ "$(uname -s)" = Darwin ]; then sed 's/ _/ /'; else cat; fi |
		sed 's/ __\([a-z]*\)_chk$/ \1/; s/@.*//' |
		grep -Ev " ($runtime)[^ ]*\$"
}
runtime='__(asan|hwasan|lsan|msan|tsan|ubsan|sanitizer|odr_asan|sancov|afl)[_.]|___asan_|asan\.'
runtime="$runtime|__(gcov|llvm|covrec|prof[a-z]*)_|__(start|stop)___|_*mcount"
runtime="$runtime|__(stack_chk|aeabi|atomic|sync|tls)_|_GLOBAL_OFFSET_TABLE_"
runtime="$runtime|__cpu_model"
runtime="$runtime|__(popcount|clz|ctz|bswap|ffs)[sdt]i"
runtime="$runtime|__u?(div|mod|divmod|mul|cmp|ashl|ashr|lshr)[sdt]i[0-9]"

# Words that match as a whole: a|b|c.
words()
{
	echo "$@" | sed 's/  */|/g'
}

standard=$(words stddef stdint stdbool string limits stdatomic stdlib errno assert)
pure=$(words memchr memcmp memcpy memmove memset bcmp strlen strcmp strncmp strchr strrchr \
	strspn strcspn strpbrk)
heap=$(words malloc calloc realloc free aligned_alloc posix_memalign strdup strndup)
ending=$(words abort exit _exit _Exit quick_exit __assert_fail __assert __assert_rtn __assert13 \
	__assert_c99 __assert2)
output=$(words printf fprintf vprintf vfprintf dprintf vdprintf puts putchar putc fputc fputs \
	fwrite fflush perror psignal syslog err errx warn warnx stdout stderr __stdoutp __stderrp \
	__sF __iob putchar_unlocked)
sleeping=$(words sleep usleep nanosleep clock_nanosleep pause)

# ---- the rules: each is an awk condition that finds what breaks it ----

# rule LIST TEXT CONDITION PLANTED: LIST is includes or symbols, PLANTED is what must be found.
rule()
{
	if ! echo "$4" | awk "$3" | grep -q .; then
		not_ok "$2"
		echo "# the rule does not notice: $4"
	elif awk "$3" "$scratch/$1" | grep . >"$scratch/found"; then
		not_ok "$2"
		sed 's/^/# /' "$scratch/found"
	else
		ok "$2"
	fi
}

# shellcheck disable=SC2016
judge_includes()
{
	rule includes 'backend/ includes nothing of core/ or http/' \
		'$1 ~ /^backend\// && $2 ~ /^"/ && $2 !~ /^"backend\// && $2 != "\"config.h\""' \
		'backend/epoll.c "core/loop.h"'
	rule includes 'backend/ includes no public header' \
		'$1 ~ /^backend\// && $2 ~ /weir(_http)?\.h/' \
		'backend/epoll.c <weir.h>'
	rule includes 'core/ includes nothing of http/' \
		'$1 ~ /^core\// && $2 ~ /http/' \
		'core/loop.c "http/parse.h"'
	rule includes 'core/ includes from core/ and backend/ by the path from the root' \
		'$1 ~ /^core\// && $2 ~ /^"/ && $2 !~ /^"(core|backend)\//' \
		'core/loop.c "loop.h"'
	rule includes 'http/ includes from http/ and core/ by the path from the root' \
		'$1 ~ /^http\// && $2 ~ /^"/ && $2 !~ /^"(http|core)\//' \
		'http/conn.c "backend/sys.h"'
	rule includes 'core/ and http/ include no header of the system' \
		'$1 !~ /^backend\// && $2 ~ /^</ && $2 !~ /^<('"$standard"')\.h>$/ &&
			!($1 ~ /^http\/scan_/ && $2 ~ /^<(emmintrin|immintrin|arm_neon|cpuid)\.h>$/) &&
			!($1 ~ /^http\// && $2 ~ /^<weir(_http)?\.h>$/)' \
		'core/loop.c <unistd.h>'
	rule includes 'neither core/ nor http/ includes <stdio.h>' \
		'$1 !~ /^backend\// && $2 == "<stdio.h>"' \
		'core/error.c <stdio.h>'
	rule includes 'only sources of backend/ include config.h' \
		'$2 ~ /config\.h/ && $1 !~ /^backend\/.*\.c$/' \
		'core/loop.c "config.h"'
	rule includes 'each source of backend/ includes config.h, and it first' \
		'$1 ~ /^backend\/.*\.c$/ && !seen[$1]++ && $2 != "\"config.h\""' \
		'backend/epoll.c <errno.h>'
	rule includes 'the public headers include only what C defines and each other' \
		'($1 == "core/weir.h" && $2 !~ /^<('"$standard"')\.h>$/) ||
			($1 == "http/weir_http.h" && $2 !~ /^<('"$standard"'|weir)\.h>$/)' \
		'core/weir.h "backend/mem.h"'
}

# absent TEXT PATTERN FILE...: no line of the files matches.
absent()
{
	text=$1
	pattern=$2
	shift 2
	if grep -nE "$pattern" "$@" >"$scratch/found"; then
		not_ok "$text"
		sed 's/^/# /' "$scratch/found"
	else
		ok "$text"
	fi
}

judge_macros()
{
	asking='_(GNU|POSIX|POSIX_C|XOPEN|DEFAULT|BSD|NETBSD|DARWIN_C|ALL)_SOURCE|__EXTENSIONS__'
	absent 'the public headers ask for no feature and depend on no configuration' \
		"$asking|HAVE_[A-Z]|WEIR_DEBUG" "$source/core/weir.h" "$source/http/weir_http.h"
	absent 'core/ and http/ are the same text on every system' \
		"^[[:blank:]]*#.*($asking|HAVE_[A-Z]|__linux|_WIN32|__APPLE__|BSD__|__sun)" \
		"$source"/core/*.[ch] "$source"/http/*.[ch]
}

# shellcheck disable=SC2016
judge_symbols()
{
	rule symbols 'core/ and http/ call pure functions of libc and weir'\''s own, nothing else' \
		'$2 == "U" && $1 !~ /^backend\// && $1 != "core/main.o" && $3 !~ /^weir_/ &&
			$3 !~ /^('"$pure|$heap"')$/' \
		'core/loop.o U read'
	rule symbols 'memory is asked of libc only in core/' \
		'$2 == "U" && $1 !~ /^core\// && $3 ~ /^('"$heap"')$/' \
		'backend/select.o U malloc'
	rule symbols 'memory is asked of libc in one object' \
		'$2 != "U" || $3 !~ /^('"$heap"')$/ { next }
		first != "" && first != $1 { print }
		{ first = first == "" ? $1 : first }' \
		'core/mem.o U realloc
core/loop.o U free'
	rule symbols 'nothing ends the process, but for a forked child its own' \
		'$2 == "U" && $3 ~ /^('"$ending"')$/ &&
			!($1 == "backend/sys_process.o" && $3 == "_exit")' \
		'core/loop.o U abort'
	rule symbols 'nothing but core/main.o prints' \
		'$2 == "U" && $1 != "core/main.o" && $3 ~ /^('"$output"')$/' \
		'backend/epoll.o U perror'
	rule symbols 'nothing sleeps but the poller' \
		'$2 == "U" && $3 ~ /^('"$sleeping"')$/' \
		'backend/sys_fd.o U nanosleep'
	rule symbols 'only backend/sys_signal.o touches dispositions of signals' \
		'$2 == "U" && $1 != "backend/sys_signal.o" &&
			$3 ~ /^(__)?(sigaction|signal|sigset|bsd_signal)(14)?$/' \
		'core/signal.o U sigaction'
	rule symbols 'http/ calls neither the poller nor the system' \
		'$2 == "U" && $1 ~ /^http\// && $3 ~ /^weir__(sys|poller)_/' \
		'http/conn.o U weir__sys_readv'
	rule symbols 'only core/main.o defines main' \
		'$2 ~ /^[A-TV-Z]$/ && $3 == "main" && $1 != "core/main.o"' \
		'http/server.o T main'
	rule symbols 'what is visible outside of an object is called weir_' \
		'$2 ~ /^[A-TV-Z]$/ && $3 !~ /^weir_/ && $3 != "main"' \
		'core/loop.o T loop_new'
	rule symbols 'names of objects are unique across the rooms' \
		'{ split($1, part, "/") }
		part[2] in room && room[part[2]] != part[1] { print; next }
		{ room[part[2]] = part[1] }' \
		'core/head.o T weir__a
http/head.o T weir__b'
}

# ---- judging ----

if list_includes "$source" >"$scratch/includes" 2>/dev/null && [ -s "$scratch/includes" ]; then
	judge_includes
	judge_macros
else
	not_ok "there are sources in $source"
fi

if list_symbols "$build" >"$scratch/symbols" 2>/dev/null && [ -s "$scratch/symbols" ]; then
	judge_symbols
	if awk '$1 == "core/main.o" && $2 == "T" && $3 == "main"' "$scratch/symbols" | grep -q .; then
		ok 'core/main.o defines main'
	else
		not_ok 'core/main.o defines main'
	fi
else
	not_ok "there are objects in $build (make all first)"
fi

echo "1..$tests"
exit $failed
