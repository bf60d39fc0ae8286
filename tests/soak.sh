#!/bin/sh
# The long runs behind figures of bench/RESULTS.md, in the build folder: sh SOURCE/tests/soak.sh
# upload | crowd. `make soak-upload` and `make soak-crowd` build what it needs first. Prints what
# was measured; status 0 when all was right.
#
#   upload   4 GiB to echo and back, of known length and chunked; the client does not read for 10 s
#   crowd    1,000 connections that are served while 1,000 others dribble, 60 s, and the same
#            without the others; 200 clients and a server of 64 descriptors, 60 s

LC_ALL=C
export LC_ALL
tools=./tests/tools
scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-soak.XXXXXX") || exit 1
server=
trap '[ -z "$server" ] || kill -s KILL "$server"; rm -rf "$scratch"' EXIT
trap 'exit 130' HUP INT TERM
failed=0

# start PROGRAM OPTION…: on a free port; sets $server and $address. (files=N: descriptors.)
files=
start()
{
	program=$1
	shift
	rm -f "$scratch/first"
	mkfifo "$scratch/first"
	(
		exec >"$scratch/first"
		# shellcheck disable=SC3045
		[ -z "$files" ] || ulimit -n "$files" || exit 1
		exec "./tests/examples/$program" 127.0.0.1:0 "$@"
	) &
	server=$!
	line=
	read -r line <"$scratch/first"
	echo "$program${*:+ }$* ${line##* }${files:+, ulimit -n $files}"
	address=${line#*listening on }
	address=${address%% *}
}

# run TOOL OPTION…: measures with it, then ends the server, which must end well.
run()
{
	tool=$1
	shift
	echo "  $tool $*" | sed 's/ --pid=[0-9]*//'
	"$tools/$tool" "$address" "$@" || failed=1
	kill -s INT "$server"
	wait "$server" || {
		echo "the server ended with status $?"
		failed=1
	}
	server=
}

soak_upload()
{
	start echo --write-ms=30000
	run upload --octets=4G --stall=10 --seconds=300 --pid="$server" --max-grow=1M
	start echo --write-ms=30000
	run upload --octets=4G --stall=10 --seconds=300 --pid="$server" --max-grow=1M --chunked
}

soak_crowd()
{
	start echo
	run crowd --busy=1000 --dribble=0 --seconds=20 --echo
	start echo
	run crowd --busy=1000 --dribble=1000 --seconds=60 --echo
	files=64
	start hello
	run starve --clients=200 --seconds=60 --pid="$server"
}

case ${1-} in
upload) soak_upload ;;
crowd) soak_crowd ;;
*)
	echo "usage: sh $0 upload | crowd" >&2
	exit 2
	;;
esac
exit $failed
