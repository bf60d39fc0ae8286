#!/bin/sh
# Do configure, the Makefile and the scripts work with every shell and make that is here, and is there
# nothing in them that only some shells know? Works on the tarball of `make dist`; says `ok`,
# `not ok` or `# SKIP` per promise.

# shellcheck source=tests/claims.sh
. "${WEIR_SRCDIR:-$(dirname "$0")/..}/tests/claims.sh"
source=$(cd "${WEIR_SRCDIR:-$(dirname "$0")/..}" && pwd -P)
unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS CPPFLAGS LDFLAGS LIBS WEIR_RUN_UNDER
CC=${CC:-cc}
export CC
tree=$scratch/tree

# below FOLDER COMMAND…: runs it there.
below()
{
	(
		mkdir -p "$scratch/$1" && cd "$scratch/$1" && shift && "$@"
	)
}

# ---- make ----

below first "$source/configure" CFLAGS=-O0 >/dev/null || exit 1

# Only GNU make lets another shell run what the Makefile says.
gnu=
for make in gmake make; do
	if [ -z "$gnu" ] && have "$make" && "$make" --version 2>/dev/null | grep '^GNU Make' >/dev/null; then
		gnu=$make
	fi
done

# packs MAKE [SHELL]: what is in the tarball that it makes.
packs()
{
	below first "$1" ${2:+"SHELL=$2"} dist && mv "$scratch"/first/weir-*.tar.gz "$scratch/tarball" &&
		gzip -dc "$scratch/tarball" | tar tf - | sort >"$scratch/packed" &&
		grep '/configure$' "$scratch/packed" &&
		{ [ -f "$scratch/alike" ] || cp "$scratch/packed" "$scratch/alike"; } &&
		cmp "$scratch/packed" "$scratch/alike"
}
for make in ${gnu:-make} bmake; do
	if have "$make"; then
		claim "$make dist" packs "$make"
	else
		skip "$make dist" 'it is not here'
	fi
done
# With the shell that has the least.
if [ -n "$gnu" ] && have posh; then
	claim "$gnu dist by posh" packs "$gnu" "$(command -v posh)"
else
	skip 'make dist by posh' 'it is not here, or GNU make is not'
fi

# ---- configure ----

mkdir "$scratch/unpacked" && gzip -dc "$scratch/tarball" | (cd "$scratch/unpacked" && tar xf -)
mv "$scratch/unpacked"/weir-* "$tree"
below plain "$tree/configure" CFLAGS=-O0 >/dev/null || exit 1

configures_alike()
{
	rm -rf "$scratch/shell"
	below shell "$@" "$tree/configure" CFLAGS=-O0 && below shell cmp config.h ../plain/config.h &&
		below shell cmp config.mk ../plain/config.mk
}
for shell in dash posh mksh yash ksh93 bash 'bash --posix' 'busybox sh'; do
	if have "${shell%% *}"; then
		# shellcheck disable=SC2086
		claim "configure under $shell" configures_alike $shell
	else
		skip "configure under $shell" 'it is not here'
	fi
done

# ---- scripts ----

scripts()
{
	cd "$source" && for file in configure tests/*.sh tests/*/*.sh bench/*.sh; do
		echo "$file"
	done
}

# ulimit -n is POSIX since 2024, and scripts that use it do without where it is not.
no_bashism()
{
	# shellcheck disable=SC2046
	(cd "$source" && checkbashisms -f $(scripts) 2>&1) | grep '^possible' | grep -v '(ulimit)' && return 1
	[ "$(scripts | grep -c .)" -ge 30 ]
}
if have checkbashisms; then
	claim 'checkbashisms finds nothing' no_bashism
	echo 'read -p why x' >"$scratch/bashism.sh"
	claim 'and it would' sh -c "checkbashisms -f '$scratch/bashism.sh' 2>&1 | grep '^possible'"
else
	skip 'checkbashisms finds nothing' 'it is not here (devscripts)'
fi

no_finding()
{
	# shellcheck disable=SC2046
	(cd "$source" && shellcheck .ci/run $(scripts))
}
if have shellcheck; then
	claim 'shellcheck finds nothing' no_finding
else
	skip 'shellcheck finds nothing' 'it is not here'
fi

exit $failed
