#!/bin/sh
# The long runs behind figures of bench/RESULTS.md, in the build folder: sh SOURCE/tests/soak.sh
# upload | crowd | fuzz. `make soak-upload` and so on build what it needs first. Prints what was
# measured; status 0 when all was right.
#
#   upload   4 GiB to echo and back, of known length and chunked; the client does not read for 10 s
#   crowd    1,000 connections that are served while 1,000 others dribble, 60 s, and the same
#            without the others; 200 clients and a server of 64 descriptors, 60 s
#   fuzz     10^8 executions over all fuzzers, under sanitizers. FUZZ_RUNS says how many of each:
#            'head=1000 conn=10', the others none; FUZZ_JOBS how many processes at a time (2).
#            Findings, and the corpus as it grew, are left in fuzz-soak/.

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

# ---- fuzz ----

# TARGET RUNS LENGTH CORPUS: the sum is 10^8. Inputs are kept short, so that executions are many.
fuzz_targets='
head 10000000 300 head
body 6000000 250 body
response 5000000 300 response
split 75000000 600 split
variants 3000000 1500 split
proxy 10000000 400 proxy
conn 1000000 400 conn
'
here=$(pwd)
src=$(cd "$(dirname "$0")/.." && pwd)

# with_points NUMBER: 1,234,567
with_points()
{
	echo "$1" | sed -e :more -e 's/\(.*[0-9]\)\([0-9]\{3\}\)/\1,\2/' -e 't more'
}

# runs_of TARGET DEFAULT: as FUZZ_RUNS has it.
runs_of()
{
	[ -n "${FUZZ_RUNS-}" ] || echo "$2"
	for word in ${FUZZ_RUNS-}; do
		case $word in
		"$1"=*) echo "${word#*=}" ;;
		esac
	done
}

# fuzz_lane TARGET RUNS LENGTH CORPUS NUMBER: one process; its statistics go to a log.
fuzz_lane()
{
	"$here/fuzz-soak/tests/fuzz/$1_fuzz" -runs="$2" -max_len="$3" -seed="$5" -print_final_stats=1 \
		-dict="$src/tests/fuzz/http.dict" -artifact_prefix="$here/fuzz-soak/findings/$1-" \
		"$here/fuzz-soak/corpus/$1" "$src/tests/fuzz/corpus/$4" >"$scratch/$1.$5.log" 2>&1
}

# fuzz_target TARGET RUNS LENGTH CORPUS
fuzz_target()
{
	begin=$(date +%s)
	lanes=
	number=0
	mkdir -p "$here/fuzz-soak/corpus/$1"
	while [ $((number += 1)) -le "$jobs" ]; do
		fuzz_lane "$1" $((($2 + jobs - 1) / jobs)) "$3" "$4" "$number" &
		lanes="$lanes $!"
	done
	found=0
	for lane in $lanes; do
		wait "$lane" || found=$((found + 1))
	done
	executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$scratch/$1".*.log |
		awk '{ sum += $1 } END { printf "%d", sum }')
	took=$(($(date +%s) - begin))
	printf '%-10s %12s executions, %5s s, %9s a second, %s findings\n' "$1" \
		"$(with_points "$executed")" "$took" \
		"$(with_points $((executed / (took + !took))))" "$found"
	all_executed=$((all_executed + executed))
	all_took=$((all_took + took))
	[ $found = 0 ] && return
	failed=1
	for log in "$scratch/$1".*.log; do
		grep -q 'Test unit written' "$log" && tail -n 40 "$log"
	done
}

soak_fuzz()
{
	jobs=${FUZZ_JOBS:-2}
	mkdir -p "$here/fuzz-soak/findings"
	sh "$src/tests/fuzz/build.sh" "$here/fuzz-soak" || exit 1
	all_executed=0
	all_took=0
	while read -r target runs length corpus; do
		runs=$(runs_of "$target" "$runs")
		[ "${runs:-0}" -eq 0 ] || fuzz_target "$target" "$runs" "$length" "$corpus"
	done <<-EOT
	$(echo "$fuzz_targets" | grep .)
	EOT
	printf '%-10s %12s executions, %5s s\n' 'in all' "$(with_points $all_executed)" $all_took
}

case ${1-} in
upload) soak_upload ;;
crowd) soak_crowd ;;
fuzz) soak_fuzz ;;
*)
	echo "usage: sh $0 upload | crowd | fuzz" >&2
	exit 2
	;;
esac
exit $failed
