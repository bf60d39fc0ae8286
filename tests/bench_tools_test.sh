#!/bin/sh
# Do measuring programs run, and do they say something that can be true? Run in the build folder,
# where the programs are: sh SOURCE/tests/bench_tools_test.sh. Says `ok`, `not ok` or `# SKIP` per
# promise. Tiny editions: the figures themselves are for bench/RESULTS.md.

# shellcheck source=tests/claims.sh
. "${WEIR_SRCDIR:-$(dirname "$0")/..}/tests/claims.sh"
src=${WEIR_SRCDIR:-$(dirname "$0")/..}
tsv=$scratch/tsv
told="$scratch/said $tsv"

# table FILE LINES HEADER: the header stands there once, and so many lines below it have its columns.
table()
{
	cat "$1"
	awk -F '\t' -v lines="$2" -v header="$3" '
		NR == 1 { columns = split(header, names, " ") }
		NR == 1 && gsub(/\t/, " ") != columns - 1 || NR == 1 && $0 != header { bad = 1 }
		NR > 1 && NF != columns { bad = 1 }
		END { exit bad || NR != lines + 1 }' "$1"
}

# column FILE NUMBER LEAST MOST [PATTERN]: so are all values in lines that match, of which there are.
column()
{
	awk -F '\t' -v n="$2" -v least="$3" -v most="$4" -v pattern="${5-.}" '
		NR > 1 && $0 ~ pattern {
			seen = 1
			if ($n !~ /^-?[0-9.]+$/ || $n + 0 < least || $n + 0 > most) {
				print "out of range: " $0
				bad = 1
			}
		}
		END { exit bad || !seen }' "$1"
}

# refuses PROGRAM OPTION: status 2 and a word on how it is used.
refuses()
{
	"$@" >"$scratch/answer" 2>"$scratch/end"
	[ $? = 2 ] && [ ! -s "$scratch/answer" ] && grep -E 'usage|is no ' "$scratch/end"
}


# ---- idle ----

idle=./bench/idle
header='what backend connections user_octets kernel_octets note'

# What the kernel takes is told for the whole machine, whatever else runs there: a number.
every_mode()
{
	"$idle" 500 --tsv="$tsv" && table "$tsv" 8 "$header" && column "$tsv" 3 500 500 &&
		column "$tsv" 4 10 10000 && column "$tsv" 4 10 2000 '^(silent|idle)' &&
		column "$tsv" 5 -1e12 1e12
}
from_everywhere()
{
	"$idle" 500 --modes=silent,idle --distinct --tsv="$tsv" && table "$tsv" 2 "$header" &&
		column "$tsv" 4 10 4000 '^(silent|idle)-distinct'
}
come_and_gone()
{
	"$idle" --cycles=5000 --tsv="$tsv" && table "$tsv" 1 "$header" &&
		column "$tsv" 4 -1000000 16384 '^cycles'
}
of_a_command()
{
	"$idle" 300 --modes=silent --server='./tests/examples/hello 127.0.0.1:0' --name=hello \
		--tsv="$tsv" && table "$tsv" 1 "$header" && column "$tsv" 4 10 10000 'silent	hello'
}
of_one_that_runs()
{
	start ./tests/examples/hello
	"$idle" 300 --modes=idle --address="$address" --pid="$server" --tsv="$tsv" &&
		column "$tsv" 4 10 10000 && kill -s 0 "$server"
}
nobody_there()
{
	! "$idle" 10 --server=true 2>"$scratch/end" && grep 'listening on' "$scratch/end"
}
a_crowd()
{
	"$idle" --million --connections=1000 --workers=3 --idle-ms=4000 --policy="$1" --tsv="$tsv" \
		>"$scratch/crowd"
	status=$?
	cat "$scratch/crowd"
	[ "$status" = 0 ] && [ "$(grep -c ' 1000 right$' "$scratch/crowd")" = 3 ] &&
		! grep -E 'WRONG|not end well' "$scratch/crowd" && table "$tsv" 1 "$header" &&
		column "$tsv" 3 1000 1000
}

"$idle" 1 --modes=silent >"$scratch/said" 2>&1
if [ $? = 77 ]; then
	skip 'octets per connection' 'the system does not tell them'
else
	claim 'idle: octets per connection, in each mode' every_mode
	claim 'from as many addresses' from_everywhere
	claim 'connections that have gone leave nothing' come_and_gone
	claim 'a server that a command starts' of_a_command
	claim 'one that runs, and runs on' of_one_that_runs
	claim 'one that does not come up is said' nobody_there
	for policy in shared hand-over; do
		claim "a crowd over a cluster ($policy) is served twice, and closed in time" \
			a_crowd $policy
	done
fi
for wrong in --magic --modes=none 0 --cycles=x --policy=none --pid=1; do
	claim "idle $wrong is refused" refuses "$idle" "$wrong"
done

# ---- timers ----

clocks()
{
	./bench/timers --armed=2000 --rounds=1 --tsv="$tsv" &&
		table "$tsv" 17 'kind what armed ns least most' && column "$tsv" 3 2000 2000 &&
		column "$tsv" 4 0.1 1000000
}
claim 'timers: nanoseconds for each step' clocks
claim 'timers --armed=0 is refused' refuses ./bench/timers --armed=0

# ---- backends ----

header='backend shape descriptors active ns_per_event ns_per_change'

# Twice into one file: as other builds would add to it.
pollers()
{
	./bench/backends --descriptors=10,50 --active=5 --ms=5 --rounds=1 --tsv="$tsv" &&
		./bench/backends --descriptors=5 --active=5 --ms=5 --rounds=1 --tsv="$tsv" --name=again &&
		table "$tsv" 22 "$header" && column "$tsv" 5 1 10000000 '	(wait|chain)	' &&
		column "$tsv" 6 0.1 10000000 '	(toggle|register)	' &&
		[ "$(cut -f 1 "$tsv" | sort -u | tr '\n' ' ')" = "again backend ${WEIR_BACKEND:-epoll} " ]
}
all_pollers()
{
	sh "$src/bench/backends.sh" --descriptors=10 --active=5 --ms=5 --rounds=1 --tsv="$tsv" &&
		table "$tsv" $((8 * $(cut -f 1 "$tsv" | sort -u | grep -vc backend))) "$header" &&
		column "$tsv" 3 10 10 '^select	'
}
claim 'backends: nanoseconds for events and changes' pollers
claim 'all that can be built here' all_pollers
claim 'backends --ms=0 is refused' refuses ./bench/backends --ms=0
claim 'backends.sh says how it is used' refuses sh "$src/bench/backends.sh" --magic

exit $failed
