#!/bin/sh
# Do the workers of the example service keep its promises while they are reloaded, upgraded, killed
# and restarted? Short editions of the long runs of tests/soak.sh, in the build folder: sh
# SOURCE/tests/cluster_test.sh. Says `ok`, `not ok` or `# SKIP` per promise, and what was measured.

# shellcheck source=tests/claims.sh
. "${WEIR_SRCDIR:-$(dirname "$0")/..}/tests/claims.sh"
service=./tests/examples/service
soak=${WEIR_SRCDIR:-$(dirname "$0")/..}/tests/soak.sh

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

bound "${WEIR_CLUSTER_SECONDS:-180}"

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
