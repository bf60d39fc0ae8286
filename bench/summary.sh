#!/bin/sh
# What was to be reached, and what was? Reads the files of results and prints a table in Markdown: sh
# bench/summary.sh [FOLDER [SECTION]…], of all sections or these. Figures that were not measured are in
# it, too, without a verdict.
#
# Each figure that was measured in turns is the median, with the least and the most of them behind it.
# `met`: the median reaches the goal. `met within the spread`: the best turn does, and the median does
# not. Figures that were measured once have no spread and are met or not.

LC_ALL=C
export LC_ALL
results=${1:-bench/results}
[ $# = 0 ] || shift
all='throughput heads accept calls memory latency timers footprint scaling'
chosen=${*:-$all}
# shellcheck source=bench/stats.sh
. "${0%/*}/stats.sh"

# ---- rows ----

# verdict at-least|at-most GOAL LEAST MEDIAN MOST
verdict()
{
	awk -v sense="$1" -v goal="$2" -v least="$3" -v median="$4" -v most="$5" '
		function reaches(value) {
			return sense == "at-least" ? value >= goal : value <= goal
		}
		BEGIN {
			if (reaches(median))
				print "met"
			else if (reaches(sense == "at-least" ? most : least))
				print "met within the spread"
			else
				print "**not met**"
		}'
}

# row FIGURE GOAL MEASURED VERDICT
row()
{
	printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4"
}

# measured UNIT FORMAT: what spread has given.
measured()
{
	if [ "$count" = 1 ]; then
		printf "$2%s" "$median" "$1"
	else
		printf "$2%s ($2 to $2)" "$median" "$1" "$least" "$most"
	fi
}

# judge FIGURE SENSE GOAL UNIT FORMAT: of the values that come on standard input.
judge()
{
	read -r least median most count <<-EOS
		$(spread)
	EOS
	goal_text="≥ $3$4"
	[ "$2" = at-least ] || goal_text="≤ $3$4"
	if [ -z "$least" ]; then
		row "$1" "$goal_text" 'not measured' ''
		return
	fi
	row "$1" "$goal_text" "$(measured "$4" "$5")" "$(verdict "$2" "$3" "$least" "$median" "$most")"
}

# show FIGURE UNIT FORMAT: the same without a goal.
show()
{
	read -r least median most count <<-EOS
		$(spread)
	EOS
	if [ -z "$least" ]; then
		row "$1" '' 'not measured' ''
	else
		row "$1" '' "$(measured "$2" "$3")" ''
	fi
}

# ---- figures ----

throughput()
{
	file=$results/throughput.tsv
	for connections in 64 256; do
		for depth in 1 16; do
			if [ $depth = 1 ]; then goal=0.98; else goal=0.90; fi
			here="$connections connections, depth $depth"
			ratios "$file" per_second weir floor "connections=$connections" "depth=$depth" |
				judge "requests per second, weir : floor, $here" at-least $goal '' %.3f
			ratios "$file" cpu_us floor weir "connections=$connections" "depth=$depth" |
				judge "processor time per request, floor : weir, $here" at-least $goal '' %.3f
			[ $depth = 1 ] || continue
			values "$file" user_us name=weir "connections=$connections" depth=1 |
				judge "user time per request, $here" at-most 0.40 ' µs' %.2f
			values "$file" user_us name=floor "connections=$connections" depth=1 |
				show "the same of the floor" ' µs' %.2f
		done
	done
}

# Shown beside those of repeated requests.
heads()
{
	file=$results/heads.tsv
	for depth in 1 16; do
		ratios "$file" cpu_us floor weir "depth=$depth" |
			show "processor time per request, floor : weir, 64 different ones by turns, depth $depth" '' %.3f
	done
	values "$file" user_us name=weir depth=1 | judge 'user time per request, the same, depth 1' at-most 0.40 ' µs' %.2f
}

accept()
{
	ratios "$results/accept.tsv" cpu_us weir floor |
		judge 'processor time per new connection, weir : floor' at-most 1.03 '' %.3f
	values "$results/accept.tsv" cpu_us name=weir |
		show 'processor time per new connection' ' µs' %.1f
}

calls()
{
	file=$results/calls.tsv
	values "$file" per_request call=read | judge 'reads per request' at-most 1.01 '' %.3f
	{
		values "$file" per_request call=write
		values "$file" per_request call=writev
		values "$file" per_request call=sendto
		values "$file" per_request call=sendmsg
	} | add_up | judge 'writes per request' at-most 1.01 '' %.3f
	values "$file" per_request call=epoll_wait | show 'waits per request, 64 connections' '' %.3f
	[ ! -f "$file" ] || awk -F'\t' '
		NR > 1 && $1 !~ /^(read|write|writev|sendto|sendmsg|epoll_wait)$/ { sum += $4 < 0 ? -$4 : $4 }
		END { if (NR > 1) print sum + 0 }' "$file" | judge 'all other calls per request' at-most 0.005 '' %.4f
}

add_up()
{
	awk '{ sum += $1 } END { if (NR) print sum }'
}

memory()
{
	file=$results/memory.tsv
	for mode in silent idle; do
		each "$file" $mode | judge "octets per connection, $mode" at-most 96 '' %.1f
	done
	each "$file" half | judge 'octets per connection, half a head' at-most 256 '' %.1f
	for mode in poll-usual events-usual; do
		each "$file" $mode head | judge "octets beside the head, $mode" at-most 512 '' %.1f
	done
	million
}

# each FILE MODE [head]: octets of weir's own server, without the head that it keeps if so.
each()
{
	[ ! -f "$1" ] || awk -F'\t' -v mode="$2" -v without="$3" '
		NR > 1 && $1 == mode && $2 ~ /^(epoll|kqueue|devpoll|select)$/ {
			head = 0
			if (without == "head" && match($6, /head [0-9]+/))
				head = substr($6, RSTART + 5, RLENGTH - 5)
			print $4 - head
		}' "$1"
}

# Its octets are of each connection; fewer than a million are scaled, and said to be.
million()
{
	held=$(values "$results/memory.tsv" connections what=crowd | tail -n 1)
	values "$results/memory.tsv" user_octets what=crowd | tail -n 1 |
		awk '{ printf "%.1f\n", $1 * 1000000 / 1048576 }' |
		judge "a million connections, user space${held:+, by $held of them}" at-most 200 ' MiB' %.0f
}

# By pairs: the one with idle connections beside it against the one before without.
latency()
{
	for who in weir floor; do
		[ ! -f "$results/latency.tsv" ] || awk -F'\t' -v who=$who '
			NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
			$at["name"] != who { next }
			$at["idle"] == 0 { alone[$at["pair"]] = $at["p99.9_us"]; next }
			{ beside[$at["pair"]] = $at["p99.9_us"] }
			END { for (pair in beside) if (alone[pair] > 0) printf "%.4f\n", beside[pair] / alone[pair] }
			' "$results/latency.tsv" >"$scratch/ratios"
		if [ $who = weir ]; then
			judge 'p99.9 with idle connections : without, half load' at-most 1.1 '' %.2f
		else
			show 'the same of the floor' '' %.2f
		fi <"$scratch/ratios"
	done
}

# Of the time limits that connections have; timers that programs start are shown.
timers()
{
	file=$results/timers.tsv
	for armed in 10000 1000000; do
		for what in 'limit:arm' 'limit:refresh, by turns' 'timer:arm, for any delay' \
			'timer:refresh, by turns, any delay'; do
			name="${what%%:*}, ${what#*:}, $armed armed"
			for column in least ns most; do
				values "$file" $column "kind=${what%%:*}" "what=${what#*:}" "armed=$armed"
			done | case $what in
			limit:*) judge "$name" at-most 10 ' ns' %.1f ;;
			*) show "$name" ' ns' %.1f ;;
			esac
		done
	done
}

# octets WHAT FIGURE GOAL
octets()
{
	values "$results/footprint.tsv" octets "what=$1" | judge "$2" at-most "$3" '' %.0f
}

footprint()
{
	kind=$(awk -F'\t' '$1 == "hello" { print ", " $3 }' "$results/footprint.tsv" 2>/dev/null)
	octets hello "hello${kind:-, static, musl}: octets" 49152
	octets 'hello, private' 'its private memory, idle: octets' 65536
	octets 'parser, fixed: swar' 'text of the parser, fixed target: octets' 8192
	octets 'parser, chosen at run time' 'text of the parser, chosen at run time: octets' 12288
	octets 'http in tcp' 'objects of http/ in a TCP echo' 0
	octets 'not asked for in hello' 'objects in hello that it does not use' 0
}

scaling()
{
	for who in service nginx; do
		ratios "$results/scaling.tsv" per_second "$who, 2" "$who, 1" |
			show "two workers : one, load on the same two processors, $who" '' %.2f
	done
}

# ---- the table ----

scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-summary.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' HUP INT TERM

: >"$scratch/ratios"
for section in $all; do
	case " $chosen " in
	*" $section "*) $section ;;
	esac
done >"$scratch/rows"
if ! [ -s "$scratch/rows" ]; then
	echo "no goals are set for: $chosen"
	exit 0
fi
awk -F'\t' '
	BEGIN {
		print "| figure | goal | measured | verdict |"
		print "|---|---|---|---|"
	}
	{ printf "| %s | %s | %s | %s |\n", $1, $2, $3, $4 }' "$scratch/rows"
echo
echo 'met: the median reaches the goal; within the spread: its best turn does, and the median does not.'
