#!/bin/sh
# Does the driver of the bench do what it says of itself? Runs a tiny edition of bench/run.sh in the
# build folder: sh SOURCE/tests/bench_run_test.sh. What is measured there means nothing. Says `ok`,
# `not ok` or `# SKIP` per promise.

# shellcheck source=tests/claims.sh
. "${WEIR_SRCDIR:-$(dirname "$0")/..}/tests/claims.sh"
source=${WEIR_SRCDIR:-$(dirname "$0")/..}

# ---- pictures ----

# well_formed FILE: as far as can be told here.
well_formed()
{
	if have xmllint; then
		xmllint --noout "$1"
	else
		[ "$(head -c 4 "$1")" = '<svg' ] && [ "$(tail -n 1 "$1")" = '</svg>' ]
	fi
}

plots()
{
	printf 'weir\t1\t10\nweir\t10\t0.5\na < b & "c"\t1\t200000\nnone\t0\t1\n' |
		sh "$source/bench/plot.sh" 'A < B & "C"' x y >"$scratch/plot.svg" &&
		well_formed "$scratch/plot.svg" &&
		[ "$(grep -c '<polyline' "$scratch/plot.svg")" = 2 ]
}
claim 'points become a picture, whatever they are called' plots
no_points()
{
	! sh "$source/bench/plot.sh" title x y </dev/null >"$scratch/none.svg"
}
claim 'without points there is none' no_points

# ---- judging ----

table()
{
	printf 'pair\tname\tconnections\tdepth\tper_second\tcpu_us\tuser_us\n'
	for pair in 1 2 3; do
		printf '%s\tfloor\t64\t1\t1000\t4\t0.2\n' "$pair"
		printf '%s\tweir\t64\t1\t9%s0\t4.1\t0.5\n' "$pair" $((pair * 2 + 3))
	done
}
# Ratios of 0.95, 0.97 and 0.99 to 0.98; 0.976 three times; 0.5 to 0.4.
judged()
{
	mkdir -p "$scratch/results"
	table >"$scratch/results/throughput.tsv"
	sh "$source/bench/summary.sh" "$scratch/results" throughput >"$scratch/summary"
	cat "$scratch/summary"
	grep 'requests per second, weir : floor, 64 .*depth 1 ' "$scratch/summary" |
		grep '≥ 0.98 | 0.970 (0.950 to 0.990) | met within the spread |' &&
		grep '| processor time .* 64 .*depth 1 .*0.976 (0.976 to 0.976) | \*\*not met\*\* |' \
			"$scratch/summary" &&
		grep '| user time .* 64 .*≤ 0.40 µs | 0.50 µs (0.50 to 0.50) | \*\*not met\*\* |' \
			"$scratch/summary" &&
		grep '| requests .* 256 .*depth 16 .*| not measured |' "$scratch/summary"
}
claim 'the summary compares what was measured in turns, and judges by the spread' judged

# ---- a tiny run ----

# In a build folder of its own, so that results of a real run stay: what it needs is linked there.
make_folder()
{
	build=$scratch/build
	mkdir -p "$build/bench" "$build/tests/examples" "$build/tests/tools" &&
		cp config.mk "$build/" || return 1
	for program in bench/load bench/floor bench/threads bench/idle tests/examples/hello \
		tests/tools/after tests/tools/ask; do
		ln -s "$here/$program" "$build/$program" || return 1
	done
}

# run NAME=VALUE…: starts one there; sets $running.
run()
{
	(
		cd "$build" || exit 1
		for setting; do
			export "${setting?}"
		done
		BENCH_SERVERS='weir floor nosuch' BENCH_IDLE=50 BENCH_PAIRS=1 BENCH_SOAK='' \
			exec sh "$driver"
	) >"$scratch/run" 2>&1 &
	running=$!
}

tiny()
{
	run BENCH_ONLY='throughput latency curves' BENCH_SECONDS=0.1 BENCH_CONNECTIONS='1 8'
	wait "$running"
	status=$?
	running=
	cat "$scratch/run"
	[ "$status" = 0 ]
}
here=$(pwd)
results=$scratch/build/bench/results

columns()
{
	for file in "$results"/throughput.tsv "$results"/latency.tsv "$results"/curves.tsv; do
		awk -F'\t' -v file="$file" '
			NR == 1 { fields = NF }
			NF != fields || NF < 10 { print file ": line " NR " has " NF " fields"; wrong = 1 }
			END { if (NR < 3) { print file ": " NR " lines"; wrong = 1 }; exit wrong }' "$file" ||
			return 1
	done
}
rows()
{
	sed -n 1,2p "$results/summary.md" | grep -c '^|' | grep -x 2 &&
		grep '^| requests per second, weir : floor, 256 connections, depth 16 | ≥ 0.90 | [0-9]' \
			"$results/summary.md" &&
		grep '^| p99.9 with idle connections' "$results/summary.md" &&
		! grep 'timer' "$results/summary.md"
}
pictures()
{
	well_formed "$results/throughput.svg" && well_formed "$results/latency.svg"
}
# Who works in that folder?
leaves_nothing()
{
	! find /proc/[0-9]* -prune -exec readlink {}/cwd \; 2>/dev/null | grep -x -F "$build"
}
stopped()
{
	run BENCH_ONLY=throughput BENCH_SECONDS=20
	sleep 2
	! leaves_nothing || return 1
	kill -s TERM "$running"
	wait "$running"
	status=$?
	running=
	cat "$scratch/run"
	[ "$status" = 130 ] && leaves_nothing
}
skipped()
{
	grep -x 'nosuch: not here, skipped' "$scratch/run"
}
refuses()
{
	BENCH_ONLY=magic sh "$source/bench/run.sh" >"$scratch/refused" 2>&1
	[ $? = 2 ] && grep magic "$scratch/refused"
}
claim 'an unknown section is refused' refuses

for program in bench/load bench/floor bench/threads bench/idle; do
	[ -x "$program" ] || missing=$program
done
if [ -n "${missing:-}" ]; then
	skip 'a tiny run goes through' "$missing is not built: make bench-programs"
	exit $failed
fi
driver=$(cd "$source" && pwd)/bench/run.sh
bound "${WEIR_BENCH_SECONDS:-120}"
claim 'there is a folder for it' make_folder
claim 'a tiny run goes through' tiny
claim 'its tables are whole' columns
claim 'its pictures are well-formed' pictures
claim 'its summary has the rows of these sections, and no others' rows
claim 'who is not here is skipped, and that is said' skipped
if [ -r /proc/self/cwd ] && have readlink; then
	claim 'nothing is left running' leaves_nothing
	claim 'a run that is stopped in the middle ends what it has started' stopped
else
	skip 'nothing is left running' 'this system does not tell who works where'
fi

exit $failed
