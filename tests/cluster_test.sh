#!/bin/sh
# Do the workers of the example service keep its promises while they are reloaded, upgraded, killed
# and restarted? Short editions of the long runs of tests/soak.sh, in the build folder: sh
# SOURCE/tests/cluster_test.sh. Says `ok`, `not ok` or `# SKIP` per promise, and what was measured.
#
# What claims call, shellcheck cannot see:
# shellcheck disable=SC2317

LC_ALL=C
export LC_ALL
service=./tests/examples/service
tools=./tests/tools
soak=${WEIR_SRCDIR:-$(dirname "$0")/..}/tests/soak.sh
scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-cluster.XXXXXX") || exit 1
running=
guard=

# A run that is stopped ends what it has started itself.
clean_up()
{
	[ -z "$running" ] || { kill -s TERM "$running" && wait "$running"; } 2>/dev/null
	[ -z "$guard" ] || { kill -s KILL "$guard" && wait "$guard"; } 2>/dev/null
	rm -rf "$scratch"
}
trap clean_up EXIT
# What runs then speaks to a file.
exec 3>&1
trap 'echo "not ok - it ends in time" >&3; exit 1' TERM
trap 'exit 130' HUP INT

failed=0
# measure TEXT COMMAND…: what was measured is said, and what went wrong.
measure()
{
	text=$1
	shift
	if "$@" >"$scratch/said" 2>&1; then
		echo "ok - $text"
	else
		echo "not ok - $text"
		failed=1
	fi
	head -n 60 "$scratch/said" | sed 's/^/# /'
}

skip()
{
	echo "ok - $1 # SKIP $2"
}

have()
{
	command -v "$1" >/dev/null 2>&1
}

# soak NAME SECONDS
soak()
{
	SOAK_SECONDS=$2 sh "$soak" "$1" &
	running=$!
	wait "$running"
	status=$?
	running=
	[ "$status" = 0 ]
}

if [ ! -x "$service" ]; then
	skip 'the workers of the service keep its promises' 'there is no example service'
	exit 0
fi
if ! have ps; then
	skip 'the workers of the service keep its promises' 'ps is not here'
	exit 0
fi

# The whole script has a limit: that of tests/run.sh would leave the services behind.
"$tools/after" "${WEIR_CLUSTER_SECONDS:-180}" $$ &
guard=$!

have wrk || skip 'wrk asks as well' 'wrk is not here'
measure 'no request fails while all workers are reloaded' soak reload 7
measure 'no request fails while the service is upgraded' soak upgrade 11
measure 'a worker that is killed takes along its own connections and no other' soak kill 5
measure 'each policy gives thousands of connections to the workers' soak balance 10
if have haproxy; then
	measure 'no request fails behind HAProxy while one server after the other is restarted' \
		soak haproxy 10
else
	skip 'no request fails behind HAProxy while one server after the other is restarted' \
		'haproxy is not here'
fi

exit $failed
