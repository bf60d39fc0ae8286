# shellcheck shell=sh
# What do all sections of the bench need? Processes that are started and surely ended, processors
# they are bound to, and measurements that end up in a file of results. Read by bench/run.sh, in the
# build folder; what is started by name is in bench/servers.sh.
#
# Variables come from there and go there:
# shellcheck disable=SC2034,SC2154

tools=./tests/tools
tab='	'

have()
{
	command -v "$1" >/dev/null 2>&1
}

nap()
{
	sleep 0.05 2>/dev/null || sleep 1
}

say()
{
	printf '%s\n' "$*"
}

# progress TEXT…: one sees what it is at.
progress()
{
	printf '  %s\n' "$*"
}

skip()
{
	printf '%s: not here, skipped%s\n' "$1" "${2:+ ($2)}" | tee -a "$results/skipped.txt"
}

# wrong TEXT: something of weir's own did not work, so that the whole run has failed.
wrong()
{
	printf '  WRONG: %s\n' "$*"
	echo "$*" >>"$scratch/wrong"
}

# ---- processes ----

servers=
running=
guard=

# Those that have processes of their own are asked, so that they end them.
clean_up()
{
	[ -z "$guard" ] || dismiss_guard
	for process in $running $servers; do
		end "$process"
	done
	rm -rf "$scratch"
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

# within SECONDS COMMAND…: ends it then. What it says goes where it would have gone.
within()
{
	limit=$1
	shift
	"$@" &
	running=$!
	"$tools/after" "$limit" "$running" KILL &
	guard=$!
	wait "$running"
	status=$?
	running=
	dismiss_guard
	return $status
}

dismiss_guard()
{
	kill -s KILL "$guard" && wait "$guard"
	guard=
} 2>/dev/null

# end PROCESS [SIGNAL]: asks it, and insists after 3 s.
end()
{
	kill -s "${2:-TERM}" "$1"
	"$tools/after" 3 "$1" KILL &
	guard=$!
	wait "$1"
	dismiss_guard
	servers=$(echo " $servers " | sed "s/ $1 / /")
} 2>/dev/null

end_all()
{
	for process in $servers; do
		end "$process"
	done
}

# ---- processors ----

# Sets $on_server and $on_load, the commands which bind to a processor each, and $on_both; empty
# where there is only one, or no taskset.
choose_processors()
{
	on_server=
	on_load=
	on_both=
	have taskset || return 0
	taskset -pc $$ | sed 's/.*: //' | tr ',' '\n' | awk -F- '
		{ for (i = $1; i <= (NF > 1 ? $2 : $1); i++) print i }' >"$scratch/processors"
	first=$(sed -n 1p "$scratch/processors")
	second=$(sed -n 2p "$scratch/processors")
	[ -n "$second" ] || return 0
	on_server="taskset -c $first"
	on_load="taskset -c $second"
	on_both="taskset -c $first,$second"
}

# ---- measurements ----

# begin_results NAME: a new file of results; sets $table.
begin_results()
{
	table=$results/$1.tsv
	rm -f "$table"
}

# add_results TABLE COLUMN VALUE FILE: what a program has written, with a column before its own.
add_results()
{
	if [ -s "$1" ]; then
		sed "1d; s/^/$3$tab/" "$4" >>"$1"
	else
		sed "1s/^/$2$tab/; 2,\$s/^/$3$tab/" "$4" >"$1"
	fi
}

# column NAME: of the last measurement.
column()
{
	awk -F'\t' -v name="$1" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i }
		END { if (at) print $at }' "$scratch/one.tsv"
}

# load PAIR NAME OPTION…: asks the server at $address and adds a line to $table. Errors of the server are
# in the line, and a failure of this.
load()
{
	load_pair=$1
	load_name=$2
	shift 2
	rm -f "$scratch/one.tsv"
	# shellcheck disable=SC2086
	within $((seconds_whole * 2 + 30)) $on_load ./bench/load "$address" "$@" --pid="$server" $tree \
		--name="$load_name" --tsv="$scratch/one.tsv" --quiet >"$scratch/load" 2>&1
	load_status=$?
	if [ ! -s "$scratch/one.tsv" ]; then
		progress "$load_name: not measured: $(tail -n 1 "$scratch/load")"
		return 1
	fi
	add_results "$table" pair "$load_pair" "$scratch/one.tsv"
	[ $load_status = 0 ] || progress "$load_name: $(column errors) errors"
	return $load_status
}

# in_turns TEXT A B OPTION…: as many pairs as are wanted of load at two servers that run; says what
# each gave.
in_turns()
{
	turns_text=$1
	turns_a=$2
	turns_b=$3
	shift 3
	turn=1
	while [ "$turn" -le "$pairs" ]; do
		for who in "$turns_a" "$turns_b"; do
			use "$who"
			load "$turn" "$who" --seconds="$seconds" --warmup="$warmup" "$@" || wrong "$turns_text, $who"
			printf '  %s, pair %s: %-8s %10.0f/s, %.2f us each, %s errors\n' "$turns_text" "$turn" \
				"$who" "$(column per_second)" "$(column cpu_us)" "$(column errors)"
		done
		turn=$((turn + 1))
	done
}
