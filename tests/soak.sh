#!/bin/sh
# The long runs behind figures of bench/RESULTS.md, in the build folder: sh SOURCE/tests/soak.sh
# upload | crowd | fuzz | reload | upgrade | kill | cluster | balance | haproxy | million. `make
# soak-upload` and so on build what it needs first. Prints what was measured; status 0 when all was right.
#
#   upload   4 GiB to echo and back, of known length and chunked; the client does not read for 10 s
#   crowd    1,000 connections that are served while 1,000 others dribble, 60 s, and the same
#            without the others; 200 clients and a server of 64 descriptors, 60 s
#   fuzz     10^8 executions over all fuzzers, under sanitizers. FUZZ_RUNS says how many of each:
#            'head=1000 conn=10', the others none; FUZZ_JOBS how many processes at a time (2).
#            Findings, and the corpus as it grew, are left in fuzz-soak/.
#
# What the example service promises of its workers; SOAK_SECONDS says for how long, each has its own
# default. wrk asks, too, where it is there.
#
#   reload   all workers anew every 2 s, 600 s: no request fails
#   upgrade  the whole program anew every 5 s, 600 s: no request fails
#   kill     a worker killed every second, 300 s, by the other policies 60 s: nobody else loses a
#            connection, and none hangs
#   cluster  1,000 rounds (SOAK_ROUNDS) of start, reload and drain by each policy: no descriptor,
#            memory or process is left
#   balance  1,000 and 10,000 connections that stay, over 8 workers, by each policy
#   haproxy  three servers behind HAProxy (tests/haproxy.cfg) restarted one after the other, over and
#            over, 600 s: no request fails
#
#   million  1,000,000 connections to a cluster with time limits, each of which is served twice; it
#            takes some 11 GiB, most of them the kernel's

LC_ALL=C
export LC_ALL
tools=./tests/tools
scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-soak.XXXXXX") || exit 1
server=
others=

# What is below masters and has been seen is in $scratch/family; a pid may be another's by now.
clean_up()
{
	[ ! -f "$scratch/family" ] || family >/dev/null
	for process in $server $others $(cat "$scratch/family" 2>/dev/null); do
		case " $server $others " in
		*" $process "*) ;;
		*) ps -o args= -p "$process" | grep -F -e "${service#./}" >/dev/null || continue ;;
		esac
		kill -s KILL "$process"
	done 2>/dev/null
	rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' HUP INT TERM
failed=0

have()
{
	command -v "$1" >/dev/null 2>&1
}

nap()
{
	sleep 0.1 2>/dev/null || sleep 1
}

# await SECONDS COMMAND…: until it succeeds, but no longer.
await()
{
	await_until=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -le "$await_until" ] || return 1
		nap
	done
}

# wrong TEXT: what should not be.
wrong()
{
	echo "  WRONG: $*"
	failed=1
}

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

# ---- the service ----

service=./tests/examples/service

# masters FILE…: the pids that services have said there, the newest last.
masters()
{
	sed -n 's/^service: listening on .* pid \([0-9]*\)$/\1/p' "$@" 2>/dev/null
}

# family: all processes that are masters or below one, a pid a line; those that have been are kept.
family()
{
	ps -A -o pid= -o ppid= -o stat= -o args= | awk -v service="${service#./}" -v masters="$(masters "$scratch"/said.* | tr '\n' ' ')" '
		# A number may be another program'"'"'s by now.
		$3 !~ /^Z/ && index($0, service) { parent[$1] = $2 }
		END {
			n = split(masters, master, " ")
			for (i = 1; i <= n; i++)
				if (master[i] in parent)
					mine[master[i]]
			do {
				more = 0
				for (pid in parent)
					if (!(pid in mine) && parent[pid] in mine) {
						mine[pid]
						more = 1
					}
			} while (more)
			for (pid in mine)
				print pid
		}' | tee -a "$scratch/family"
}

# gone PROCESS: also as one that nobody has waited for yet.
gone()
{
	kill -s 0 "$1" 2>/dev/null || return 0
	case $(ps -o stat= -p "$1") in
	Z* | '') ;;
	*) return 1 ;;
	esac
}

none_left()
{
	[ -z "$(family)" ]
}

# said LINES: that many masters have said that they are ready.
said()
{
	[ "$(masters "$said" | grep -c .)" -ge "$1" ]
}

said_or_gone()
{
	said 1 || gone "$server"
}

# serve ADDRESS OPTION…: sets $server, $address and $said, where it and its successors speak.
serves=0
serve()
{
	serves=$((serves + 1))
	said=$scratch/said.$serves
	: >"$said"
	(
		# A worker may get all the connections there are.
		# shellcheck disable=SC3045
		ulimit -n "$(ulimit -Hn)" 2>/dev/null
		exec "$service" "$@" >"$said" 2>"$said.errors"
	) &
	server=$!
	await 10 said_or_gone
	if ! said 1; then
		kill -s KILL "$server" 2>/dev/null
		wait "$server" 2>/dev/null
		server=
		return 1
	fi
	address=$(sed -n 's/^service: listening on \([^ ]*\) .*/\1/p;q' "$said")
	family >/dev/null
}

# must_serve ADDRESS OPTION…: without it there is nothing to measure.
must_serve()
{
	if serve "$@"; then
		echo "service $*" | sed "s|$scratch/||"
	else
		wrong "service $* does not start: $(tail -n 3 "$said.errors")"
		return 1
	fi
}

# end_service: the newest master of $said is asked to end, all must end well, and nobody be left.
end_service()
{
	newest=$(masters "$said" | tail -n 1)
	kill -s TERM "$newest"
	await 20 gone "$newest" || wrong "the master $newest does not end"
	# The first of them has ended long ago, when there were upgrades.
	[ "$newest" = "$server" ] || await 10 gone "$server" ||
		wrong "the master $server does not end"
	gone "$server" || kill -s KILL "$server"
	wait "$server"
	status=$?
	[ $status = 0 ] || wrong "the service ended with status $status"
	server=
	await 5 none_left || wrong "processes are left: $(family | tr '\n' ' ')"
	[ ! -s "$said.errors" ] || sed 's/^/  it said: /' "$said.errors" | head -n 5
}

needs()
{
	have "$1" && return
	echo "skipped: $1 is not here"
	return 1
}

# ---- requests, all the time ----

# ask_on ADDRESS SECONDS: wrk and steady begin. Sets $asker, the latter; ends with judge_asking.
ask_on()
{
	wrk=
	if have wrk; then
		# It would call late what takes more than 2 s; steady and it shall agree.
		wrk -t1 -c32 -d"$2s" --timeout 10s "http://$1/" >"$scratch/wrk" 2>&1 &
		wrk=$!
		others="$others $wrk"
	else
		echo '  wrk is not here: steady asks alone'
	fi
	"$tools/steady" "$1" --conns=32 --seconds="$2" --pid-map >"$scratch/steady" &
	asker=$!
	others="$others $asker"
}

# Nothing that a load generator calls an error may be.
judge_wrk()
{
	wait "$wrk" || wrong "wrk ended with status $?"
	sed -n 's/^ *\([0-9]* requests in [^,]*\),.*/  wrk: \1/p' "$scratch/wrk"
	grep -e 'Socket errors' -e 'Non-2xx' "$scratch/wrk" && wrong 'requests of wrk have failed'
}

judge_asking()
{
	wait "$asker" || wrong 'requests of steady have failed'
	grep -v '^pid ' "$scratch/steady" | sed 's/^/  steady: /'
	answering=$(grep -c '^pid ' "$scratch/steady")
	[ -z "$wrk" ] || judge_wrk
	others=
}

# The most processes that have been there at a time.
look_at_family()
{
	there=$(family | grep -c .)
	[ "$there" -le "$most" ] || most=$there
}

# disturb SECONDS COMMAND…: every so often, while it is asked.
disturb()
{
	every=$1
	shift
	most=0
	times=0
	next=$(($(date +%s) + every))
	until gone "$asker"; do
		look_at_family
		if [ "$(date +%s)" -ge "$next" ]; then
			next=$((next + every))
			"$@" && times=$((times + 1))
			# The old ones may be gone in no time.
			for _ in 1 2 3 4 5 6 7 8; do
				look_at_family
			done
		fi
		nap
	done
}

reload()
{
	kill -s HUP "$server"
}

soak_reload()
{
	seconds=${SOAK_SECONDS:-600}
	needs ps && must_serve 127.0.0.1:0 --workers=4 --drain-ms=3000 || return
	ask_on "$address" "$seconds"
	disturb 2 reload
	judge_asking
	echo "  $times reloads, $answering workers have answered, at most $most processes"
	# All connections move on each time.
	[ "$answering" -gt "$times" ] || wrong 'reloads have not brought new workers'
	[ "$times" -gt 0 ] || wrong 'there was no reload'
	end_service
}

newest_is_known()
{
	[ "$(cat "$scratch/pid")" = "$(masters "$said" | tail -n 1)" ]
}

# One that is not ready yet is late; it is waited for.
upgrade()
{
	if said $((times + 1)) && newest_is_known; then
		kill -s USR2 "$(cat "$scratch/pid")"
	else
		wrong "upgrade $times was not ready within 5 s"
		return 1
	fi
}

soak_upgrade()
{
	seconds=${SOAK_SECONDS:-600}
	needs ps && must_serve 127.0.0.1:0 --workers=4 --drain-ms=3000 --pid-file="$scratch/pid" || return
	ask_on "$address" "$seconds"
	disturb 5 upgrade
	judge_asking
	await 5 said $((times + 1)) || wrong "upgrade $times was not ready within 5 s"
	echo "  $times upgrades, $answering workers have answered, at most $most processes"
	[ "$answering" -gt "$times" ] || wrong 'upgrades have not brought new workers'
	[ "$times" -gt 0 ] || wrong 'there was no upgrade'
	await 5 newest_is_known || wrong 'the pid file does not name the newest master'
	end_service
}

# watch COMMAND…: in the background, so that a signal to this script is not held up by it.
watch()
{
	"$@" &
	watched=$!
	others=$watched
	wait $watched
	watched=$?
	others=
	return $watched
}

# kill_workers POLICY SECONDS
kill_workers()
{
	must_serve 127.0.0.1:0 --workers=4 --policy="$1" || return
	watch "$tools/killer" "$address" "$server" --seconds="$2" >"$scratch/killer" || failed=1
	sed 's/^/  /' "$scratch/killer"
	end_service
}

soak_kill()
{
	needs ps || return
	seconds=${SOAK_SECONDS:-300}
	kill_workers shared "$seconds"
	for policy in reuseport hand-over; do
		kill_workers $policy $((seconds < 60 ? seconds : 60))
	done
}

soak_cluster()
{
	WEIR_ROUNDS=${SOAK_ROUNDS:-1000} ./tests/loopback/cluster_test >"$scratch/rounds" 2>&1 || {
		tail -n 20 "$scratch/rounds"
		failed=1
	}
	grep ' rounds, ' "$scratch/rounds"
}

balance()
{
	must_serve 127.0.0.1:0 --workers=8 --policy="$1" || return
	watch "$tools/spread" "$address" --conns="$2" --workers=8 >"$scratch/spread" || failed=1
	printf '  %-10s %6s connections: %s\n' "$1" "$2" "$(tail -n 1 "$scratch/spread")"
	end_service
}

soak_balance()
{
	needs ps || return
	# shellcheck disable=SC3045
	most_files=$(ulimit -Hn)
	for policy in shared reuseport hand-over; do
		balance $policy 1000
		if [ "$most_files" = unlimited ] || [ "$most_files" -gt 10100 ]; then
			balance $policy 10000
		else
			echo "  skipped: 10000 connections, with no more than $most_files descriptors"
		fi
	done
}

# ---- behind HAProxy ----

# haproxy_says SERVER FIELD: a field of its statistics.
haproxy_says()
{
	printf 'GET /haproxy;csv HTTP/1.0\r\n\r\n' | "$tools/ask" "$front" 2>/dev/null | tr -d '\r' |
		awk -F , -v server="$1" -v field="$2" '
			/^# / { for (i = 1; i <= NF; i++) if ($i == field) at = i }
			$1 == "servers" && $2 == server { print $at }'
}

is_up()
{
	[ "$(haproxy_says "$1" status)" = UP ]
}

is_lame()
{
	case $(haproxy_says "$1" status) in
	DOWN*) [ "$(haproxy_says "$1" check_code)" = 503 ] ;;
	*) false ;;
	esac
}

# The three have their pids in $one_first and so on, and their ports in $WEIR_PORT_1 and so on.
set_one()
{
	eval "one_$1=$server said_$1=\$said"
}

# restart NAME PORT: is seen to say 503, drains and ends, and comes back where it was.
restart()
{
	eval "server=\$one_$1 said=\$said_$1"
	kill -s TERM "$server"
	await 5 is_lame "$1" || wrong "the checks have not seen the 503 of the $1"
	await 20 gone "$server" || wrong "the $1 does not end"
	gone "$server" || kill -s KILL "$server"
	wait "$server" || wrong "the $1 ended with status $?"
	serve_one "$1" "127.0.0.1:$2" || return
	await 10 is_up "$1" || wrong "the $1 is not up again"
}

serve_one()
{
	# shellcheck disable=SC2086
	serve "$2" --workers=1 --drain-ms=3000 --lame-ms=1500 $proxy || {
		wrong "the $1 does not start: $(tail -n 3 "$said.errors")"
		return 1
	}
	set_one "$1"
	server=
}

port()
{
	echo "${address##*:}"
}

# A port that is free, and whether the service knows of --proxy.
look_around()
{
	proxy=--proxy=127.0.0.0/8
	if serve 127.0.0.1:0 --workers=1 $proxy; then
		WEIR_SEND_PROXY=1
		export WEIR_SEND_PROXY
	else
		echo '  the service has no --proxy: HAProxy sends none'
		proxy=
		must_serve 127.0.0.1:0 --workers=1 || return
	fi
	WEIR_FRONT_PORT=$(port)
	front=127.0.0.1:$WEIR_FRONT_PORT
	export WEIR_FRONT_PORT
	end_service
}

begin_haproxy()
{
	haproxy -c -q -f "$src/tests/haproxy.cfg" || wrong 'HAProxy does not like its configuration'
	haproxy -db -f "$src/tests/haproxy.cfg" >"$scratch/haproxy" 2>&1 &
	haproxy=$!
	others=$haproxy
	await 5 is_up third || {
		wrong "HAProxy does not run: $(tail -n 3 "$scratch/haproxy")"
		return 1
	}
}

begin_three()
{
	serve_one first 127.0.0.1:0 && WEIR_PORT_1=$(port) &&
		serve_one second 127.0.0.1:0 && WEIR_PORT_2=$(port) &&
		serve_one third 127.0.0.1:0 && WEIR_PORT_3=$(port) || return
	export WEIR_PORT_1 WEIR_PORT_2 WEIR_PORT_3
}

restart_three()
{
	restart first "$WEIR_PORT_1" && restart second "$WEIR_PORT_2" && restart third "$WEIR_PORT_3"
}

end_three()
{
	for one in first second third; do
		eval "server=\$one_$one said=\$said_$one"
		kill -s TERM "$server"
		wait "$server" || wrong "the $one ended with status $?"
		server=
	done
	await 5 none_left || wrong "processes are left: $(family | tr '\n' ' ')"
}

soak_haproxy()
{
	seconds=${SOAK_SECONDS:-600}
	needs ps && needs haproxy && look_around && begin_three && begin_haproxy || return
	"$tools/steady" "$front" --conns=32 --seconds=$((seconds + 120)) >"$scratch/steady" &
	asker=$!
	others="$others $asker"
	rounds=0
	until=$(($(date +%s) + seconds))
	while [ "$rounds" = 0 ] || [ "$(date +%s)" -lt $until ]; do
		restart_three || break
		rounds=$((rounds + 1))
	done
	kill -s TERM "$asker"
	wait "$asker" || wrong 'requests have failed'
	sed 's/^/  steady: /' "$scratch/steady"
	echo "  each of three was restarted $rounds times"
	kill -s TERM "$haproxy"
	wait "$haproxy" 2>/dev/null
	others=
	end_three
}

soak_million()
{
	./bench/idle --million || failed=1
}

case ${1-} in
upload) soak_upload ;;
crowd) soak_crowd ;;
fuzz) soak_fuzz ;;
reload) soak_reload ;;
upgrade) soak_upgrade ;;
kill) soak_kill ;;
cluster) soak_cluster ;;
balance) soak_balance ;;
haproxy) soak_haproxy ;;
million) soak_million ;;
*)
	echo "usage: sh $0 upload | crowd | fuzz | reload | upgrade | kill | cluster | balance |" \
		"haproxy | million" >&2
	exit 2
	;;
esac
exit $failed
