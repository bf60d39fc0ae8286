#!/bin/sh
# Measures weir: against the limit of what system calls alone cost, against threads and processes, and
# against such peers as are found here. Run in the build folder, where everything is built: sh
# SOURCE/bench/run.sh; `make bench` does both. Writes tables and pictures to bench/results/ there, and
# ends with a table of what was to be reached and what was.
#
# What is compared takes turns: A B A B …, on one processor, while the load is made on another. All is
# on 127.0.0.1, and what is started is ended. Status 0: all could be measured, whatever came out; 1:
# something of weir's own did not work; 2: the call is wrong.
#
#   BENCH_ONLY         sections, e.g. 'throughput memory' (default: all that are named below)
#   BENCH_SERVERS      of bench/servers.sh, e.g. 'weir floor nginx' (default: all that are here)
#   BENCH_SECONDS      of a measurement (1; with BENCH_SOAK 5)
#   BENCH_PAIRS        turns of what is compared (5; with BENCH_SOAK 9)
#   BENCH_CONNECTIONS  of the curves ('1 16 64 256 1024 4096 10000')
#   BENCH_IDLE         connections that are only there (10000)
#   BENCH_MILLION      connections that a cluster holds (100000; with BENCH_SOAK 1000000)
#   BENCH_SOAK         the long edition, make soak-bench
#
# What is read first is lib.sh: the others are what is done with it.

LC_ALL=C
export LC_ALL
unset CDPATH
source=$(dirname "$0")/..
sections='throughput heads accept calls curves memory latency timers parse chan spawn backends footprint scaling'

if [ $# != 0 ]; then
	echo 'usage: run.sh (what it is to do is said by variables: see its top)' >&2
	exit 2
fi
source_full=$(cd "$source" && pwd) || exit 1
only=${BENCH_ONLY:-$sections}
for section in $only; do
	case " $sections " in
	*" $section "*) ;;
	*)
		echo "run.sh: there is no section $section; there are $sections" >&2
		exit 2
		;;
	esac
done

if [ -n "${BENCH_SOAK:-}" ]; then
	: "${BENCH_SECONDS:=5}" "${BENCH_PAIRS:=9}" "${BENCH_MILLION:=1000000}"
fi
seconds=${BENCH_SECONDS:-1}
seconds_whole=${seconds%.*}
pairs=${BENCH_PAIRS:-5}
warmup=0.2
settle=1
curve_connections=${BENCH_CONNECTIONS:-1 16 64 256 1024 4096 10000}
idle_connections=${BENCH_IDLE:-10000}
memory_connections='100 1000 10000'
million=${BENCH_MILLION:-100000}
parse_ms=5
backends_ms=50

results=bench/results
scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-bench.XXXXXX") || exit 1
# Peers give up their rights and still have to read the file that they serve.
chmod 755 "$scratch"
mkdir -p "$results" || exit 1

# shellcheck source=bench/lib.sh
. "$source/bench/lib.sh"
# shellcheck source=bench/servers.sh
. "$source/bench/servers.sh"
# shellcheck source=bench/sections.sh
. "$source/bench/sections.sh"
# shellcheck source=bench/footprint.sh
. "$source/bench/footprint.sh"

trap clean_up EXIT
trap 'exit 130' HUP INT TERM

if ! [ -x "$tools/after" ] || ! [ -x "$tools/ask" ] || ! [ -x tests/examples/hello ]; then
	echo 'run.sh: it is run in a build folder, and by: make bench' >&2
	exit 2
fi

# ---- the machine ----

# As many descriptors as the system lets a process have.
raise_limit()
{
	# shellcheck disable=SC3045
	ulimit -n "$(ulimit -H -n)" 2>/dev/null
	# shellcheck disable=SC3045
	files=$(ulimit -n 2>/dev/null)
	case $files in
	'' | *[!0-9]*) files=20000 ;;
	esac
	most_connections=$((files - 200))
	[ $most_connections -le 12000 ] || most_connections=12000
}

compiler()
{
	$CC --version 2>/dev/null | sed -n 1p
}

describe_machine()
{
	say "system     $(uname -srm)"
	say "processor  $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | sed -n 1p), $(
		getconf _NPROCESSORS_ONLN
	) of them"
	say "memory     $(awk '/^MemTotal:/ { printf "%.1f GiB", $2 / 1048576 }' /proc/meminfo 2>/dev/null)"
	say "compiler   $(compiler), $(sed -n 's/^CFLAGS = //p' config.mk)"
	say "backend    $(sed -n 's/^BACKEND = //p' config.mk)"
	say "bound to   servers: ${on_server:-anywhere}; load: ${on_load:-anywhere}"
	say "limits     $files descriptors"
	for name in $here; do
		version=$(version_of "$name" 2>/dev/null)
		[ -z "$version" ] || say "peer       $name $version"
	done
}

# ---- all of it ----

CC=${CC:-$(sed -n 's/^CC = //p' config.mk)}
: >"$scratch/wrong"
: >"$results/skipped.txt"
raise_limit
choose_processors
find_servers
describe_machine | tee "$results/machine.txt"
begin=$(date +%s)
for section in $only; do
	section_begin=$(date +%s)
	say "$section"
	"section_$section"
	end_all
	say "$section: $(($(date +%s) - section_begin)) s"
done
say "in all: $(($(date +%s) - begin)) s; tables and pictures are in $results/"
# shellcheck disable=SC2086
sh "$source/bench/summary.sh" "$results" $only | tee "$results/summary.md"
[ ! -s "$scratch/wrong" ]
