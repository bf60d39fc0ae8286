# shellcheck shell=sh
# The sections of the bench, a function each: what is measured, and how? Each writes its results to a
# file of its own in $results. Read by bench/run.sh.
#
# Variables come from there and go there; what is handed over to be called cannot be seen:
# shellcheck disable=SC2034,SC2154,SC2317

# need NAME PROGRAM…: are they here? If not, that is said, and the section is over.
need()
{
	needed=$1
	shift
	for program; do
		[ -x "$program" ] && continue
		skip "$needed" "$program is not here"
		return 1
	done
}

# ---- against the floor ----

# Servers share one processor and take turns, while the others wait.
start_pair()
{
	end_all
	start floor && start weir
}

section_throughput()
{
	need throughput bench/load bench/floor && start_pair || return 0
	begin_results throughput
	for connections in 64 256; do
		for depth in 1 16; do
			in_turns "$connections connections, depth $depth" floor weir \
				--connections=$connections --depth=$depth
		done
	done
}

# A connection for each request.
# A server may remember the request it has just read. Here no two in a row are the same.
section_heads()
{
	need heads bench/load bench/floor && start_pair || return 0
	begin_results heads
	for depth in 1 16; do
		in_turns "different requests, depth $depth" floor weir --connections=64 \
			--depth=$depth --heads=64
	done
}

section_accept()
{
	need accept bench/load bench/floor && start_pair || return 0
	begin_results accept
	in_turns 'new connections' floor weir --connections=64 --close
}

# An open loop at half of what the floor reaches: what a request takes when there is room, and whether
# connections that are only there are noticed. (That thousands came, or went before, is over then.)
section_latency()
{
	need latency bench/load bench/floor && start_pair || return 0
	begin_results latency
	use floor
	load 0 'floor, closed loop' --seconds="$seconds" --warmup="$warmup" --connections=64 || return 0
	rate=$(column per_second | awk '{ printf "%d", $1 / 2 }')
	progress "64 connections, $rate requests a second, 0 and $idle_connections idle beside them"
	turn=1
	while [ "$turn" -le "$pairs" ]; do
		for who in floor weir; do
			for idle in 0 "$idle_connections"; do
				use $who
				load "$turn" $who --connections=64 --rate="$rate" --idle="$idle" \
					--seconds="$seconds" --warmup="$settle" || wrong "latency, $who"
				printf '  pair %s: %-8s %6s idle: p50 %s us, p99 %s us, p99.9 %s us\n' "$turn" $who \
					"$idle" "$(column p50_us)" "$(column p99_us)" "$(column p99.9_us)"
			done
		done
		turn=$((turn + 1))
	done
}

# ---- what a request asks of the system ----

# trace_load SECONDS: which calls the server makes, and how often, as `name calls` in $scratch/calls, and
# with them the requests.
trace_load()
{
	end_all
	start weir || return 1
	: >"$scratch/strace.said"
	$on_load strace -f -c -o "$scratch/strace" -p "$server" 2>"$scratch/strace.said" &
	tracer=$!
	servers="$servers $tracer"
	await 3 grep -i attached "$scratch/strace.said" >/dev/null || return 1
	load 1 weir --connections=64 --seconds="$1" --warmup=0 || return 1
	end $tracer INT
	awk '/^-/ { inside = !inside; next } inside && $NF != "total" { print $NF, $4 }' "$scratch/strace" \
		>"$scratch/calls"
	echo "requests $(column requests)" >>"$scratch/calls"
}

# A short run and a longer one: what the longer one has more of is what requests cost, without what
# connections do once and what is under way at the end.
section_calls()
{
	need calls bench/load || return 0
	have strace || {
		skip calls 'strace is not here'
		return 0
	}
	begin_results calls-load
	if ! trace_load 1 || ! mv "$scratch/calls" "$scratch/calls.short" || ! trace_load 4; then
		skip calls "strace does not say: $(tail -n 1 "$scratch/strace.said")"
		return 0
	fi
	begin_results calls
	awk '
		NR == FNR { short[$1] = $2; next }
		{ long[$1] = $2 }
		END {
			print "call\tcalls\trequests\tper_request"
			requests = long["requests"] - short["requests"]
			for (call in long)
				if (call != "requests" && requests > 0)
					printf "%s\t%d\t%d\t%.4f\n", call, long[call] - short[call], requests,
						(long[call] - short[call]) / requests
		}' "$scratch/calls.short" "$scratch/calls" >"$table"
	sed '1d; s/^/  /' "$table"
}

# ---- how it grows with connections ----

# All servers by turns at each number, so that what disturbs the machine disturbs them alike.
section_curves()
{
	need curves bench/load || return 0
	begin_results curves
	for connections in $curve_connections; do
		for name in $here; do
			curve_point "$name" "$connections"
		done
	done
	end_all
	plot_curves
}

# A server anew for each point: memory that it has kept from more connections changes nothing.
curve_point()
{
	if [ "$1" = prefork ]; then
		[ "$2" -le "$most_processes" ] || return 0
		processes=$2
	fi
	if [ "$2" -gt "$most_connections" ]; then
		progress "$1: $2 connections are more than the limit of descriptors lets"
		return 0
	fi
	end_all
	start "$1" || return 0
	load 1 "$(label "$1")" --connections="$2" --seconds="$seconds" --warmup="$warmup" ||
		is_peer "$1" || wrong "curves, $1, $2 connections"
	[ -s "$scratch/one.tsv" ] || return 0
	printf '  %6s connections, %-16s %9.0f/s, p99 %s us, %s us of processor each\n' "$2" "$(label "$1")" \
		"$(column per_second)" "$(column p99_us)" "$(column cpu_us)"
}

is_peer()
{
	case " $peer_servers " in
	*" $1 "*) ;;
	*) false ;;
	esac
}

# points COLUMN: of a file of load's results, those without errors.
points()
{
	awk -F'\t' -v column="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		$at["errors"] == 0 { printf "%s\t%s\t%s\n", $at["name"], $at["connections"], $at[column] }' "$1"
}

plot_curves()
{
	points "$table" per_second |
		plot throughput 'Requests per second, server on one core' connections 'requests per second'
	points "$table" p99_us |
		plot latency 'Latency at full load, server on one core (99th percentile)' connections \
			'microseconds'
	points "$table" cpu_us |
		plot processor "Processor time per request (the server's)" connections 'microseconds'
}

# plot NAME TITLE X-LABEL Y-LABEL: draws points, unless there are none.
plot()
{
	plot_name=$1
	shift
	cat >"$scratch/points"
	[ -s "$scratch/points" ] || return 0
	sh "$source/bench/plot.sh" "$@" <"$scratch/points" >"$results/$plot_name.svg" &&
		progress "$results/$plot_name.svg"
}

# ---- memory ----

# idle OPTION…: bench/idle, its results to $table.
idle()
{
	within 120 ./bench/idle "$@" --tsv="$table" >"$scratch/idle" 2>"$scratch/idle.errors"
	idle_status=$?
	[ $idle_status = 0 ] || progress "not measured: $(tail -n 1 "$scratch/idle.errors")"
	return $idle_status
}

section_memory()
{
	need memory bench/idle || return 0
	begin_results memory
	end_all
	idle "$idle_connections" || return 0
	sed 's/^/  /' "$scratch/idle"
	for name in $here; do
		case $name in
		# It keeps nothing, and a process for each connection is thousands of them.
		floor | prefork | threads-reused) ;;
		*) memory_curve "$name" ;;
		esac
	done
	plot_memory
	idle --million --connections="$million" && sed 's/^/  /' "$scratch/idle"
}

memory_curve()
{
	for connections in $memory_connections; do
		[ "$connections" -le "$most_connections" ] || continue
		end_all
		start "$1" || return 0
		idle "$connections" --modes=idle --address="$address" --pid="$server" \
			--name="$(label "$1")" || {
			progress "$1, $connections connections"
			continue
		}
		tail -n 1 "$table" | awk -F'\t' '{
			printf "  %-12s %6d connections: %8.0f octets each, and %.0f in the kernel\n", $2, $3, $4, $5 }'
	done
	end_all
}

plot_memory()
{
	# What is measured of weir's own server, too, has the name of the backend.
	awk -F'\t' -v names="$here" '
		BEGIN { n = split(names, part, " "); for (i = 1; i <= n; i++) is_server[part[i]] }
		$1 == "idle" && $2 in is_server { printf "%s\t%s\t%s\t%s\n", $2, $3, $4, $4 + $5 }' \
		"$table" >"$scratch/memory"
	cut -f1,2,3 "$scratch/memory" |
		plot memory 'Memory per idle connection, in the server' connections 'octets per connection'
	cut -f1,2,4 "$scratch/memory" |
		plot memory-all "Memory per idle connection, in server and kernel (both ends)" connections \
			'octets per connection'
}

# ---- the parts ----

# part NAME SECONDS PROCESSOR COMMAND…: what it says is shown and kept. PROCESSOR is $on_server, $on_both
# or empty.
part()
{
	part_name=$1
	part_limit=$2
	part_on=$3
	shift 3
	need "$part_name" "$1" || return 0
	# shellcheck disable=SC2086
	within "$part_limit" $part_on "$@" >"$results/$part_name.txt" 2>&1 ||
		progress "$part_name ended with status $status"
	sed 's/^/  /' "$results/$part_name.txt"
}

section_timers()
{
	begin_results timers
	part timers 60 "$on_server" ./bench/timers --tsv="$table"
}

section_parse()
{
	part parse 60 "$on_server" ./bench/parse --time="$parse_ms" --rounds=5
}

section_chan()
{
	part chan 60 '' ./bench/chan "$seconds_whole"
}

section_spawn()
{
	part spawn 60 '' ./bench/spawn 200
}

# Builds each poller that there is, so it takes its time.
section_backends()
{
	begin_results backends
	within 300 sh "$source/bench/backends.sh" --ms="$backends_ms" --rounds=3 --tsv="$table" \
		>"$results/backends.txt" 2>&1 || progress "backends.sh ended with status $status"
	sed 's/^/  /' "$results/backends.txt"
	[ -s "$table" ] || return 0
	awk -F'\t' '
		NR > 1 && $2 == "chain" && $4 == 1 { printf "%s\t%s\t%s\n", $1, $3, $5 }
		NR > 1 && $2 == "chain" && $4 == $3 { printf "%s, all active\t%s\t%s\n", $1, $3, $5 }' "$table" |
		plot backends 'An octet through a pipe: one of them active, and all' 'pipes watched' \
			'nanoseconds per event'
}

# ---- more cores ----

# With the load on the same two processors, so that less than twice as much is to be expected; what
# another server gains is beside it.
section_scaling()
{
	need scaling bench/load || return 0
	if [ -z "$on_both" ]; then
		skip scaling 'there is one processor, or no taskset'
		return 0
	fi
	begin_results scaling
	scaled=service
	is_here nginx && scaled='service nginx'
	turn=1
	while [ "$turn" -le "$pairs" ]; do
		for who in $scaled; do
			for workers in 1 2; do
				scale "$who"
			done
		done
		turn=$((turn + 1))
	done
	workers=1
}

scale()
{
	end_all
	start "$1" || return 0
	spared=$on_load
	on_load=$on_both
	load "$turn" "$1, $workers" --connections=64 --seconds="$seconds" --warmup="$warmup"
	on_load=$spared
	printf '  pair %s: %-8s %s workers %9.0f/s\n' "$turn" "$1" "$workers" "$(column per_second)"
}
