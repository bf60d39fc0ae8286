#!/bin/sh
# Installs what the tests need, by apt where it is there and we may. Quick when nothing is missing.
# The library itself needs a C compiler and make, nothing else; this is never run by either.

scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-deps.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT

have()
{
	command -v "$1" >/dev/null 2>&1
}

have_compiler()
{
	have cc || have gcc || have clang
}

have_cmocka()
{
	for compiler in ${CC:-cc gcc clang}; do
		have "$compiler" || continue
		cat >"$scratch/t.c" <<-'EOF'
		#include <stdarg.h>
		#include <stddef.h>
		#include <setjmp.h>
		#include <stdint.h>
		#include <cmocka.h>
		int main(void) { return cmocka_run_group_tests(((struct CMUnitTest *)0), 0, 0); }
		EOF
		"$compiler" -o "$scratch/t" "$scratch/t.c" -lcmocka 2>/dev/null && return 0
	done
	return 1
}

# What is missing, as Debian packages.
look()
{
	missing=
	have_compiler || missing="$missing gcc libc6-dev"
	have make || have gmake || have bmake || missing="$missing make"
	have_cmocka || missing="$missing libcmocka-dev"
	have curl || missing="$missing curl"
	have nc || missing="$missing netcat-openbsd"
	missing=${missing# }
}

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		env DEBIAN_FRONTEND=noninteractive "$@"
	else
		sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

may_install()
{
	have apt-get && { [ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }
}

look
if [ -n "$missing" ] && may_install; then
	echo "installing: $missing"
	# The lists are fetched only when they do not know the packages.
	# shellcheck disable=SC2086
	as_root apt-get install -y --no-install-recommends $missing >"$scratch/log" 2>&1 ||
		{
			as_root apt-get update && as_root apt-get install -y --no-install-recommends $missing
		} >"$scratch/log" 2>&1 ||
		cat "$scratch/log" >&2
	look
fi
if [ -n "$missing" ]; then
	echo "still missing, as Debian calls it: $missing" >&2
	echo 'install it with the means of this system, then run ./configure again' >&2
	exit 1
fi
echo 'all that the tests need is here'
for tool in wrk haproxy; do
	have $tool || echo "($tool is not: tests/cluster_test.sh does without, or skips what needs it)"
done
