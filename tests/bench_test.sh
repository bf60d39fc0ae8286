#!/bin/sh
# Do the programs of bench/ measure what they say, from outside? Short runs of each, in the build
# folder: sh SOURCE/tests/bench_test.sh. Says `ok`, `not ok` or `# SKIP` per promise. A part for
# each program; no figure is judged that a busy machine could spoil.
#
# The columns of awk, shellcheck cannot see:
# shellcheck disable=SC2016

# shellcheck source=tests/claims.sh
. "${WEIR_SRCDIR:-$(dirname "$0")/..}/tests/claims.sh"
bench=./bench
examples=./tests/examples
bound "${WEIR_BENCH_SECONDS:-240}"

# exits STATUS COMMAND…: with what it says in $scratch/spoken.
exits()
{
	expected=$1
	shift
	"$@" >"$scratch/spoken" 2>&1
	status=$?
	cat "$scratch/spoken"
	echo "status $status"
	[ "$status" = "$expected" ]
}

says()
{
	grep -e "$1" "$scratch/spoken" >/dev/null || {
		echo "expected: $1"
		return 1
	}
}

# ---- load ----

table=$scratch/load.tsv

# load STATUS OPTION…: a short run against $address; its line is the last one of $table.
load()
{
	expected=$1
	shift
	exits "$expected" "$bench/load" "$address" --warmup=0.05 --seconds=0.3 --tsv="$table" \
		--pid="$server" "$@"
}

# row CONDITION: holds for the last line of the table; columns are $c["NAME"] for awk.
row()
{
	awk -F '\t' "
		NR == 1 { for (i = 1; i <= NF; i++) c[\$i] = i; columns = NF }
		END { exit !(NR > 1 && NF == columns && ($1)) }" "$table" || {
		echo "expected: $1"
		head -n 1 "$table"
		tail -n 1 "$table"
		return 1
	}
}

plausible()
{
	row '$c["requests"] > 0 && $c["seconds"] >= 0.29 && $c["errors"] == 0' &&
		row '$c["per_second"] * $c["seconds"] > 0.99 * $c["requests"] &&
			$c["per_second"] * $c["seconds"] < 1.01 * $c["requests"]' &&
		row '$c["min_us"] > 0 && $c["min_us"] <= $c["p50_us"] && $c["p50_us"] <= $c["p90_us"] &&
			$c["p90_us"] <= $c["p99_us"] && $c["p99_us"] <= $c["p99.9_us"] &&
			$c["p99.9_us"] <= $c["p99.99_us"] && $c["p99.99_us"] <= $c["max_us"]' &&
		row '$c["min_us"] <= $c["mean_us"] && $c["mean_us"] <= $c["max_us"]'
}

# measures MODE OPTION…: without errors, and with a plausible result.
measures()
{
	mode=$1
	shift
	load 0 "$@" && plausible && row "\$c[\"mode\"] == \"$mode\"" && says '^  errors    0$'
}

start "$examples/hello"
claim 'load: without an address it tells its usage, status 2' exits 2 "$bench/load"
claim 'load: so it does of an option that it does not know' exits 2 "$bench/load" "$address" --no
claim 'load: and of a number that is none' exits 2 "$bench/load" "$address" --depth=1x
claim 'load: a closed loop' measures closed --connections=8
header='name connections depth rate mode seconds requests per_second errors min_us mean_us p50_us'
header="$header p90_us p99_us p99.9_us p99.99_us max_us cpu_us user_us system_us idle"
columns()
{
	measures closed --name=second && [ "$(head -n 1 "$table" | tr '\t' ' ')" = "$header" ] &&
		[ "$(wc -l <"$table")" -eq 3 ] && row '$1 == "second"'
}
claim 'load: a second run is appended to the table' columns
claim 'load: requests in a row' measures closed --connections=4 --depth=16
paced()
{
	measures open --connections=8 --rate=500 --seconds=0.5 &&
		row '$c["per_second"] > 250 && $c["per_second"] < 750 && $c["rate"] == 500' &&
		says 'at 500/s' && says 'behind by'
}
claim 'load: an open loop keeps its rate' paced
claim 'load: also in a row' measures open --connections=1 --depth=8 --rate=2000
claim 'load: a connection for each request' measures closed+close --connections=8 --close
claim 'load: from several addresses' measures closed+close --connections=9 --close --sources=3
claim 'load: at a rate' measures open+close --connections=8 --close --rate=300
others_beside()
{
	measures closed --connections=4 --idle=50 --slow-senders=5 --slow-readers=5 --sources=2 &&
		row '$c["idle"] == 50' &&
		says '^  beside    50 idle, 5 slow senders, 5 slow readers; 0 closed'
}
claim 'load: idle and slow clients beside' others_beside
claim 'load: a server that closes after each reply' measures closed --connections=4 \
	--header='Connection: close'
claim 'load: also in the open loop' measures open --connections=4 --rate=300 \
	--header='Connection: close'

processor_time()
{
	measures closed && row '$c["cpu_us"] > 0.1 && $c["cpu_us"] < 10000' &&
		row '$c["user_us"] + $c["system_us"] < $c["cpu_us"] + 0.01 &&
			$c["user_us"] + $c["system_us"] > $c["cpu_us"] - 0.01' && says '^  server  .*processor'
}
if [ -r /proc/self/stat ]; then
	claim 'load: what a request costs the server' processor_time
else
	skip 'load: what a request costs the server' 'there is no /proc'
fi
quiet()
{
	load 0 --quiet && [ ! -s "$scratch/spoken" ]
}
claim 'load: nothing is said with --quiet' quiet

not_good()
{
	load 1 --header='Expect: magic' && says 'not 2xx [1-9]' && row '$c["errors"] > 0'
}
claim 'load: other statuses than 2xx are errors' not_good

# A server that stops for a while keeps few waiting in the closed loop, which asks no more meanwhile,
# and all who come in the open loop.
# stalled OPTION…: a run during which the server stands still for 0.4 s.
stalled()
{
	"$bench/load" "$address" --connections=4 --warmup=0.1 --seconds=1.5 --tsv="$table" --quiet "$@" &
	run=$!
	nap 0.5
	kill -s STOP "$server"
	nap 0.4
	kill -s CONT "$server"
	wait "$run"
}
open_stalled()
{
	stalled --rate=1000 && row '$c["p99_us"] > 200000 && $c["max_us"] > 300000'
}
claim 'load: the open loop shows a server that stalls in its p99' open_stalled
closed_stalled()
{
	for _ in 1 2 3; do
		stalled && row '$c["p99_us"] < 100000 && $c["max_us"] > 300000' && return 0
	done
	return 1
}
claim 'load: the closed loop hides it' closed_stalled

stopped()
{
	"$bench/load" "$address" --connections=4 --seconds=0.6 >"$scratch/spoken" &
	run=$!
	nap 0.5
	kill -s STOP "$server"
	wait "$run"
	status=$?
	kill -s CONT "$server"
	cat "$scratch/spoken"
	[ "$status" = 1 ] && says '^  errors    4  late 4$'
}
claim 'load: what is not answered is late' stopped

killed()
{
	"$bench/load" "$address" --connections=4 --warmup=0 --seconds=0.8 >"$scratch/spoken" &
	run=$!
	nap 0.3
	kill -s KILL "$server"
	wait "$run"
	status=$?
	cat "$scratch/spoken"
	[ "$status" = 1 ] && says '^  errors .*refused [1-9]'
}
claim 'load: a server that dies is an error, and not the end' killed
not_there()
{
	load 1 && says "^load: $address: .*refused"
}
claim 'load: a server that is not there is said, status 1' not_there

start "$examples/echo"
claim 'load: chunked replies' measures closed --connections=4 --path=/stream
claim 'load: replies without content' measures closed --connections=4 --path=/204 --depth=3
kill -s KILL "$server"

exit $failed
