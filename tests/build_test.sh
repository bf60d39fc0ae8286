#!/bin/sh
# Does the build keep its promises? Works on a copy of the tree that make dist made, with few
# and unoptimised builds; says `ok`, `not ok` or `# SKIP` per promise.

# Flags and lists are split by the shell, and what stands in single quotes is for make and grep:
# shellcheck disable=SC2013,SC2016,SC2086

# shellcheck source=tests/claims.sh
. "${WEIR_SRCDIR:-$(dirname "$0")/..}/tests/claims.sh"
source=$(cd "${WEIR_SRCDIR:-$(dirname "$0")/..}" && pwd -P)
unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS CPPFLAGS LDFLAGS LIBS WEIR_RUN_UNDER
CC=${CC:-cc}
export CC
tree=$scratch/tree
quick=CFLAGS=-O0
make='make'
other='make'
command -v gmake >/dev/null 2>&1 && make=gmake
command -v bmake >/dev/null 2>&1 && other=bmake

# A build that fails says why at any place.
show()
{
	sed 's/^/# /' "$scratch/said"
}

# below FOLDER COMMAND…: runs it there.
below()
{
	(
		mkdir -p "$scratch/$1" && cd "$scratch/$1" && shift && "$@"
	)
}

# ---- the tarball ----

unpack()
{
	below dist "$source/configure" "$quick" && below dist "$make" dist &&
		below dist sh -c 'gzip -dc weir-*.tar.gz | tar xf - && rm weir-*.tar.gz' &&
		mv "$scratch"/dist/weir-* "$tree"
}
claim 'make dist makes a tarball' unpack
[ $failed = 0 ] || exit 1
(cd "$tree" && find . -type f | sort) >"$scratch/shipped"

all_is_listed()
{
	(
		cd "$tree" || exit 1
		for file in backend/*.c core/*.c http/*.c bench/*.c tests/*/*.c \
			tests/*_test.sh tests/*/check.sh; do
			case $file in
			*'*'* | tests/standins/*.c | tests/ports/*.c | backend/epoll.c | backend/kqueue.c | backend/devpoll.c | backend/select.c)
				continue
				;;
			esac
			grep "^	$file " Makefile >/dev/null || echo "$file is not listed"
		done | grep . && exit 1
		exit 0
	)
}
claim 'each source and each test is in a list of the Makefile' all_is_listed

# ---- the Makefile ----

below plain "$tree/configure" "$quick" >/dev/null

first_line_is_posix()
{
	[ "$(sed -n 1p "$tree/Makefile")" = .POSIX: ]
}
claim 'the Makefile is a POSIX one' first_line_is_posix

# What only some makes have, as patterns: rules by pattern, without or with two colons, by suffix, or
# with an order only; functions; conditionals and whatever else is said to make itself; assignments
# but the plain one, or for one target; special targets and variables; modifiers.
sed 's/^DOLLAR/(^|[^$])(\\$\\$)*\\$/' >"$scratch/forbidden" <<'EOF'
^[^	=]*%[^=]*:
^[^	=]*(::|&:)
^\.[a-z][a-z0-9.]*:
^[^	=]*:[^=]*\|
DOLLAR[({][A-Za-z_.-]+[ 	,]
^ *[-.s]?(if|ifdef|ifndef|ifmake|ifnmake|ifeq|ifneq|elif|elifdef|else|endif|for|endfor)([ 	(]|$)
^ *[-.s]?(undef|undefine|export|unexport|override|define|endef|private|load|vpath|error|info)([ 	]|$)
^[A-Za-z_]+[ 	]*(:+|\?|\+|!|:sh *)=
^[^	=:]+:[^=]*=
^\.(DELETE|EXPORT|EXTRA|FEATURES|INCLUDE|INTER|LIBPATTERNS|LOW|MAIN|MAKE|META|NO|NOT|OBJ|ONE|ORDER|PATH|SECONDARY|SECONDEXP|SHELL|STALE|WAIT|VARI|BEGIN|END|ERROR)
DOLLAR[({]?[<^+|>]
DOLLAR[({](\.[A-Z]|MAKEFILE_LIST|MAKECMDGOALS|MAKELEVEL|VPATH)
^VPATH
DOLLAR[({][A-Za-z_.]+:[^=)}]*[)}]
EOF

# found: those of its lines with such a thing; not in comments.
found()
{
	grep -v '^[[:space:]]*#' | grep -E -f "$scratch/forbidden"
}

only_posix()
{
	! cat "$tree/Makefile" "$scratch/plain/config.mk" | found
}
claim 'the Makefile and config.mk have nothing that only some makes know' only_posix

# Each line is one thing that must be noticed.
planted_is_found()
{
	while IFS= read -r line; do
		echo "$line" | found >/dev/null || echo "passes: $line"
	done >"$scratch/passed" <<'EOF'
%.o: %.c
SRC = $(wildcard *.c)
SRC = ${wildcard *.c}
SRC = $(shell ls)
SRC = ${shell ls}
X = $(patsubst %.c,%.o,$(SRC))
X = $(if $(Y),a)
ifeq ($(X),y)
ifdef X
  else
endif
.if defined(X)
.ifdef X
.elif X
.for f in a b
.endfor
.undef X
.export X
.error no
vpath %.c src
VPATH = src
.c.o:
.c:
a:: b
a b &: c
a: b | c
x := y
x ::= y
x :::= y
x ?= y
x += y
x != ls
x :sh= ls
all: CFLAGS = -O2
export CFLAGS
override X = y
define X
endef
private X = 1
.ONESHELL:
.SECONDEXPANSION:
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PATH: src
.OBJDIR: x
.MAIN: all
.BEGIN:
X = ${Y:M*.c}
X = $(Y:T)
X = ${.TARGET}
X = $(.CURDIR)
	echo $<
	echo $^
	echo $+
	echo $|
	echo $>
	echo ${^}
	echo ${<}
	echo $$$<
EOF
	cat "$scratch/passed"
	! [ -s "$scratch/passed" ]
}
claim 'each of those would be noticed' planted_is_found

# Some makes go there by themselves.
no_obj()
{
	! find "$tree" -name obj | grep . && ! grep -E '^FOLDERS = (.* )?([^ ]*/)?obj( |$)' "$scratch/plain/config.mk"
}
claim 'no folder is named obj' no_obj

one_include()
{
	[ "$(cat "$tree/Makefile" "$scratch/plain/config.mk" | grep -c '^ *[-s.]*include[[:space:]]')" = 1 ] &&
		grep '^include ' "$tree/Makefile"
}
claim 'one plain include' one_include

unconfigured()
{
	mkdir "$scratch/bare" && cp "$tree/Makefile" "$scratch/bare" &&
		! below bare "$make" >"$scratch/bare.out" 2>&1 &&
		grep 'run ./configure first' "$scratch/bare.out"
}
claim 'make before configure says so' unconfigured

# ---- configure ----

# refused TEXT OPTION: configure fails with TEXT, and leaves nothing to build with.
refused()
{
	why=$1
	shift
	rm -rf "$scratch/refused"
	! below refused "$tree/configure" "$quick" "$@" >"$scratch/refused.out" 2>&1 &&
		grep -e "$why" "$scratch/refused.out" && [ ! -f "$scratch/refused/config.mk" ]
}
claim 'an unknown option is refused' refused 'unknown option: --enable-magic' --enable-magic
claim 'an unknown backend is refused' refused 'unknown backend: iocp' --backend=iocp
claim 'an unknown way to scan is refused' refused 'unknown scan: mmx' --scan=mmx
claim 'an unknown fact is refused' refused 'unknown fact: --without=luck' --without=accept4,luck
claim 'an unknown fact of many letters is refused' refused 'unknown fact: --without=\*' '--without=*'
claim 'a relative prefix is refused' refused 'absolute' --prefix=here
claim 'a compiler that is none is refused' refused 'cannot make a program' CC=false
claim 'a host without its compiler is refused' refused 'no C compiler found' CC= --host=vax-ultrix
if [ -f /usr/include/sys/devpoll.h ]; then
	skip 'an impossible backend is refused' 'this system has /dev/poll'
else
	claim 'an impossible backend is refused' refused 'cannot be built.*config.log' --backend=devpoll
	claim 'config.log has the source and the reason' grep 'sys/devpoll.h' "$scratch/refused/config.log"
fi

# tcc has no <stdatomic.h> up to 0.9.27. One that has it must build what works.
tcc_works_or_is_refused()
{
	if below tcc "$tree/configure" CC=tcc CFLAGS=-g >"$scratch/tcc.out" 2>&1; then
		below tcc "$make" all tests/backend/conformance_test &&
			below tcc ./tests/backend/conformance_test
	else
		cat "$scratch/tcc.out"
		[ "$(wc -l <"$scratch/tcc.out")" -eq 1 ] && grep 'stdatomic.h' "$scratch/tcc.out"
	fi
}
if command -v tcc >/dev/null 2>&1; then
	claim 'tcc works, or is refused with the reason' tcc_works_or_is_refused
else
	skip 'tcc works, or is refused with the reason' 'it is not here'
fi

# A linker that drops what nobody calls does not ask whether it is there.
declared_only()
{
	mkdir "$scratch/declared" && cat >"$scratch/declared/ucred.h" <<-'EOF' || return 1
	typedef struct ucred_of_solaris ucred_t;
	int getpeerucred(int fd, ucred_t **peer);
	EOF
	below drops "$tree/configure" "CFLAGS=-O0 -ffunction-sections" LDFLAGS=-Wl,--gc-sections \
		"CPPFLAGS=-I$scratch/declared" && below drops grep 'define HAVE_GETPEERUCRED 0' config.h
}
if [ -f /usr/include/ucred.h ]; then
	skip 'what is only declared is not there' 'this system has getpeerucred'
else
	claim 'what is only declared is not there' declared_only
fi

others_folder()
{
	mkdir "$scratch/others" && echo 'all:' >"$scratch/others/Makefile" &&
		! below others "$tree/configure" "$quick" && [ "$(cat "$scratch/others/Makefile")" = all: ]
}
claim 'a Makefile of someone else is not overwritten' others_folder

forced_off()
{
	below off "$tree/configure" "$quick" "--without=sock_flags big_select" --enable-debug &&
		below off grep 'define HAVE_SOCK_FLAGS 0' config.h &&
		below off grep 'define HAVE_BIG_SELECT 0' config.h &&
		below off grep 'define WEIR_DEBUG 1' config.h &&
		below off "$tree/configure" "$quick" --without=all &&
		below off grep 'define HAVE_ACCEPT4 0' config.h &&
		! below off grep 'define HAVE_.* 1' config.h
}
claim '--without and --enable-debug are in config.h' forced_off

# A way that is not linked leaves no name.
one_way()
{
	below way "$tree/configure" "$quick" --scan=swar &&
		below way "$make" tests/examples/hello &&
		below way nm tests/examples/hello >"$scratch/names" && grep weir__scan_swar "$scratch/names" &&
		! grep -e weir__scan_sse2 -e weir__scan_avx -e weir__scan_neon "$scratch/names"
}

from_environment()
{
	below env env CFLAGS='-O0 -DTEXT="\"a b\""' "$tree/configure" &&
		below env grep '^CFLAGS = -O0 -DTEXT="\\"a b\\""$' config.mk &&
		below env sed -n 1p config.mk | grep 'CFLAGS=-O0 -DTEXT'
}
claim 'flags come from the environment too, and are in the recorded command line' from_environment

# ---- builds ----

# What an older build in the source tree left must not be seen by the others.
mkdir "$tree/include"
for file in config.h include/weir.h include/weir_http.h; do
	echo '#error "of another build"' >"$tree/$file"
done
echo 'all: of-another-build' >"$tree/config.mk"

# A header that cannot be included stands for a system without cmocka.
mkdir "$scratch/nothing"
echo '#error "not here"' >"$scratch/nothing/cmocka.h"

build()
{
	below "$1" ../tree/configure "$quick" "$3" "$4" && below "$1" "$2" -j2
}
claim '--scan= links that way and no other' one_way
claim "out of tree, the default backend, $make" build one "$make" --enable-werror CPPFLAGS=
claim "out of tree beside it, select, $other" build two "$other" --backend=select \
	"CPPFLAGS=-I$scratch/nothing"
claim 'the second has its own backend' below two sh -c \
	'ar t libweir.a | grep "^select.o" && ! ar t libweir.a | grep -E "^(epoll|kqueue|devpoll).o"'
(cd "$tree" && rm -rf include config.h config.mk)

no_object_twice()
{
	! below one ar t libweir.a | sort | uniq -d | grep .
}
claim 'object names are unique in the library' no_object_twice

# links SOURCE PATTERN: a program of that file has something of weir, and no function that is called so.
links()
{
	# shellcheck disable=SC2046
	below one $CC -std=c11 -Iinclude -o "$scratch/linked" "$1" libweir.a \
		$(sed -n 's/^LIBS = //p' "$scratch/one/config.mk") &&
		nm "$scratch/linked" >"$scratch/symbols" && grep ' T weir_loop_new' "$scratch/symbols" &&
		! grep -E " [Tt] ($2)" "$scratch/symbols"
}
if have nm; then
	claim 'what uses streams alone has nothing of HTTP' links "$tree/bench/footprint/tcp.c" \
		'weir_(server|http|req|reply|parse|url)'
	claim 'hello has nothing of processes' links "$tree/tests/examples/hello.c" \
		'weir_(cluster|worker|chan|child|spawn|fork|notify|ready)'
else
	skip 'programs have what they use' 'nm is not here'
fi

nothing_to_do()
{
	! below "$1" "$2" | grep -E -e ' -c |^ar|^cp'
}
claim "a second $make has nothing to do" nothing_to_do one "$make"
claim "a second $other has nothing to do" nothing_to_do two "$other"
claim 'configure with the same words again rebuilds nothing' below one sh -c \
	"'$tree/configure' $quick --enable-werror CPPFLAGS= && ! $make | grep ' -c '"

no_cmocka()
{
	! below two "$other" check >"$scratch/check.out" 2>&1 && grep tests/deps.sh "$scratch/check.out"
}
claim 'make check without cmocka names tests/deps.sh' no_cmocka

# ---- dependencies ----

# Which objects include what, as the compiler has it: all in one go.
sources=$(sed -n 's|^	\$(COMPILE).* -c \$(srcdir)/||p' "$scratch/one/config.mk" |
	grep -E '^(tests/examples|backend|core|http)/' | sed 's|^|../tree/|')
below one "$CC" -std=c11 -MM -I. -I../tree -Iinclude $sources | awk '{
	more = sub(/\\$/, "")
	line = line " " $0
	if (more)
		next
	n = split(line, part, " ")
	line = ""
	for (i = 2; i <= n; i++) {
		sub(/^include[/]weir[.]h$/, "../tree/core/weir.h", part[i])
		sub(/^include[/]weir_http[.]h$/, "../tree/http/weir_http.h", part[i])
		if (sub(/^[.][.][/]tree[/]/, "", part[i]) && i > 2)
			print part[2], part[i]
	}
}' | sort -u >"$scratch/includes"

# rebuilt_by HEADER: the sources that make would compile were it edited.
rebuilt_by()
{
	cp -p "$tree/$1" "$scratch/kept"
	touch "$tree/$1"
	below one "$make" -n | sed -n 's|^.* -c \.\./tree/||p; s|^.* -c /.*/tree/||p' | sort
	touch -r "$scratch/kept" "$tree/$1"
}

# And as make has it.
awk '$2 ~ /^[$][(]srcdir[)]/ && $1 ~ /[.]o:$/ {
	for (i = 2; i <= NF; i++)
		sub(/^[$][(]srcdir[)][/]/, "", $i)
	for (i = 3; i <= NF; i++) {
		sub(/^include[/]weir[.]h$/, "core/weir.h", $i)
		sub(/^include[/]weir_http[.]h$/, "http/weir_http.h", $i)
		if ($i != "config.h" && $2 ~ /^(tests.examples|backend|core|http)[/]/)
			print $2, $i
	}
}' "$scratch/one/config.mk" | sort -u >"$scratch/rules"
depends_on_what_is_read()
{
	[ "$(grep -c . "$scratch/includes")" -ge 300 ] && diff "$scratch/includes" "$scratch/rules"
}
claim 'each object depends on exactly the headers that the compiler reads' depends_on_what_is_read

headers_rebuild()
{
	for header in backend/sys.h core/weir.h http/parse.h; do
		rebuilt_by "$header" >"$scratch/actual"
		grep " $header\$" "$scratch/includes" | sed 's/ .*//' >"$scratch/expected"
		echo "$header:"
		[ -s "$scratch/expected" ] && diff "$scratch/actual" "$scratch/expected" || return 1
	done
}
claim 'editing a header rebuilds exactly what includes it' headers_rebuild

new_include()
{
	echo 'extern int fresh;' >"$tree/core/fresh.h"
	echo '#include "core/fresh.h"' >>"$tree/core/error.c"
	below one "$make" && [ "$(rebuilt_by core/fresh.h)" = core/error.c ]
}
claim 'an include that is new is followed without running configure' new_include

new_file()
{
	echo 'int fresh;' >"$tree/core/fresh.c"
	sed 's|^	core/error\.c|	core/fresh.c \\\
&|' "$tree/Makefile" >"$scratch/Makefile" && cp "$scratch/Makefile" "$tree/Makefile"
	below one "$make" && below one ar t libweir.a | grep '^fresh.o'
}
claim 'a file added to a list is built without running configure' new_file

old_file()
{
	rm "$tree/core/fresh.c" "$tree/core/fresh.h"
	sed '/fresh/d' "$tree/Makefile" >"$scratch/Makefile" && cp "$scratch/Makefile" "$tree/Makefile"
	sed '/fresh/d' "$tree/core/error.c" >"$scratch/error.c" && cp "$scratch/error.c" "$tree/core"
	below one "$make" && ! below one ar t libweir.a | grep '^fresh.o'
}
claim 'a file and a header that are gone do not stop make, and leave the library' old_file

gone_from_list()
{
	mv "$tree/core/error.c" "$scratch/error.c"
	! below one "$make" >"$scratch/gone.out" 2>&1
	status=$?
	mv "$scratch/error.c" "$tree/core/error.c"
	[ $status = 0 ] && grep 'not there: core/error.c' "$scratch/gone.out"
}
claim 'a listed file that is not there is named' gone_from_list

other_flags()
{
	below two "$tree/configure" CFLAGS='-O0 -DOTHER' --backend=select "CPPFLAGS=-I$scratch/nothing" &&
		[ "$(below two "$make" -n | grep -c ' -c ')" -ge \
			"$(below two ar t libweir.a | grep -c '\.o$')" ]
}
claim 'other flags rebuild everything' other_flags

# ---- in the source tree, and installing ----

in_tree()
{
	(
		cd "$tree" && ./configure "$quick" --prefix=/usr && "$make" -j2 &&
			"$make" install DESTDIR="$scratch/root"
	)
}
claim 'in the source tree, and make install' in_tree

# That hello serves, tests/examples_test.sh shows; an address that is none makes it end at once.
run_hello()
{
	! (cd "$tree" && "$make" run ADDRESS=nonsense:http) >"$scratch/hello.out" 2>&1 &&
		grep '^hello: .*address' "$scratch/hello.out"
}
claim 'make run runs hello' run_hello

installed()
{
	cat >"$scratch/installed" <<-EOF
	./usr/include/weir.h
	./usr/include/weir_http.h
	./usr/lib/libweir.a
	./usr/lib/pkgconfig/weir.pc
	./usr/share/man/man3/weir.3
	./usr/share/man/man3/weir_http.3
	EOF
	below root find . -type f | sort | diff - "$scratch/installed" &&
		! grep @ "$scratch/root/usr/lib/pkgconfig/weir.pc"
}
claim 'headers, library, weir.pc and man pages are installed, nothing else' installed

program_builds()
{
	flags=$(PKG_CONFIG_PATH=$scratch/root/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$scratch/root \
		pkg-config --cflags --libs weir) &&
		"$CC" -std=c11 -o "$scratch/hello" "$tree/tests/examples/hello.c" $flags
}
if command -v pkg-config >/dev/null 2>&1; then
	claim 'a program builds with what pkg-config says' program_builds
else
	skip 'a program builds with what pkg-config says' 'pkg-config is not here'
fi

uninstalled()
{
	(cd "$tree" && "$make" uninstall DESTDIR="$scratch/root") && ! below root find . -type f | grep .
}
claim 'make uninstall leaves no file' uninstalled

clean_tree()
{
	(cd "$tree" && "$make" distclean && find . -type f | sort) | diff - "$scratch/shipped" |
		grep '^[<>] \./' && return 1
	below one "$make" distclean && [ -z "$(ls "$scratch/one")" ] &&
		below two "$other" distclean && [ -z "$(ls "$scratch/two")" ]
}
claim 'make distclean leaves what was shipped, and nothing out of tree' clean_tree

# ---- the runner ----

# runner EXPECTED-LAST-LINE NAME BODY: runs one pretended program.
runner()
{
	mkdir -p "$scratch/run"
	printf '#!/bin/sh\n%s\n' "$3" >"$scratch/run/$2"
	chmod +x "$scratch/run/$2"
	below run env WEIR_SRCDIR=. WEIR_TEST_SECONDS=1 sh "$tree/tests/run.sh" "$2" >"$scratch/run.out"
	status=$?
	cat "$scratch/run.out"
	case $1 in
	*' 0 failed'*) [ $status = 0 ] ;;
	*) [ $status = 1 ] ;;
	esac && [ "$(sed -n '$p' "$scratch/run.out")" = "$1" ]
}
claim 'the runner counts' runner '2 passed, 0 failed' good 'echo 1..2; echo ok 1 - a; echo ok 2 - b'
claim 'the runner counts what failed' runner '1 passed, 1 failed' bad \
	'echo 1..2; echo ok 1 - a; echo not ok 2 - b; exit 1'
claim 'the runner takes a skipped test for skipped' runner '1 passed, 0 failed, 1 skipped' skips \
	'echo 1..2; echo ok 1 - a; echo no such kernel; echo "not ok 2 # SKIP b"'
claim 'and gives the reason' grep 'skipped: b (no such kernel)' "$scratch/run.out"
claim 'the runner sees a plan that was not kept' runner '1 passed, 1 failed' short \
	'echo 1..2; echo ok 1 - a'
claim 'the runner sees that no test was run' runner '0 passed, 1 failed' empty 'exit 0'
claim 'the runner takes no test at all for a failure' below run sh -c \
	"! sh '$tree/tests/run.sh'"
claim 'the runner sees a crash' runner '1 passed, 1 failed' crash \
	'echo 1..1; echo ok 1 - a; kill -SEGV $$'
claim 'the runner ends what hangs' runner '0 passed, 1 failed' hang 'exec sleep 30'
claim 'a script needs no plan' runner '1 passed, 0 failed, 1 skipped' script.sh \
	'echo "ok - a"; echo "ok - b # SKIP no kqueue"'

exit $failed
