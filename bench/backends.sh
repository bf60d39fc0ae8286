#!/bin/sh
# The pollers against each other: sh bench/backends.sh [--tsv=FILE] [OPTION…]
#
# Builds weir with each poller that this machine has in a scratch folder of its own, and has
# bench/backends of all of them measure by turns, one number of descriptors after the other;
# OPTIONs go to it (--descriptors, --active, --ms, --rounds). On Linux also kqueue and devpoll,
# over the stand-ins of tests/standins: these are emulations over epoll and poll, which say
# nothing of how fast those kernels are, and their rows are labelled so. CC is heeded.

src=$(cd "$(dirname "$0")/.." && pwd) || exit 1
scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-backends.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' HUP INT TERM
sizes='10 1000 10000'
tsv=
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
unset MAKEFLAGS MFLAGS MAKELEVEL

options=
for option do
	case $option in
	--tsv=*) tsv=${option#*=} ;;
	--descriptors=*) sizes=$(echo "${option#*=}" | tr ',' ' ') ;;
	--active=[1-9]* | --ms=[1-9]* | --rounds=[1-9]*) options="$options $option" ;;
	*)
		echo "usage: sh $0 [--tsv=FILE] [--descriptors=N,N,...] [--active=N] [--ms=N]" \
			"[--rounds=N]" >&2
		exit 2
		;;
	esac
done

# build NAME OPTION…: in a folder of that name; a poller that is not here is said, and left out.
names=
build()
{
	name=$1
	shift
	mkdir "$scratch/$name"
	if (cd "$scratch/$name" && "$src/configure" "$@" && make -j"$jobs" bench/backends) \
		>"$scratch/$name.log" 2>&1; then
		names="$names $name"
	else
		echo "$name: cannot be built here: skipped"
	fi
}

# standin KIND: compiles it, and sets $object.
standin()
{
	object=$scratch/standin_$1.o
	${CC:-cc} -std=c11 -O2 -I"$src/tests/standins/$1" -c "$src/tests/standins/$1/$1.c" \
		-o "$object"
}

# Foreign kernels have no such calls.
fewer=--without=pidfd,close_range,closefrom

build_standins()
{
	standin kqueue
	build kqueue-standin --backend=kqueue $fewer LDFLAGS=-Wl,--wrap=close \
		CPPFLAGS="-I$src/tests/standins/kqueue" LIBS="$object"
	standin devpoll
	wraps=-Wl
	for call in open open64 write pwrite pwrite64 ioctl close; do
		wraps="$wraps,--wrap=$call"
	done
	build devpoll-standin --backend=devpoll $fewer LDFLAGS="$wraps" \
		CPPFLAGS="-I$src/tests/standins/devpoll" LIBS="$object"
}

case $(uname -s) in
Linux)
	build epoll --backend=epoll
	build select --backend=select
	build_standins
	;;
*)
	build kqueue --backend=kqueue
	build devpoll --backend=devpoll
	build select --backend=select
	;;
esac
[ -n "$names" ] || exit 1

# Headers only once.
header=
for size in $sizes; do
	for name in $names; do
		# shellcheck disable=SC2086
		"$scratch/$name/bench/backends" --descriptors="$size" --name="$name" $options \
			${tsv:+"--tsv=$tsv"} >"$scratch/rows" || {
			echo "$name has failed" >&2
			exit 1
		}
		sed "${header:+1d}" "$scratch/rows"
		header=seen
	done
done
