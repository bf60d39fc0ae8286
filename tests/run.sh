#!/bin/sh
# Runs test programs and scripts one after the other and counts: sh tests/run.sh NAME…
#
# A name that ends in .sh is a script below WEIR_SRCDIR (the source tree, default .), any other a
# program below the current folder, the build's. Both speak TAP: `ok`, `not ok`, `# SKIP why`.
#
#   WEIR_RUN_UNDER     a command before each program, e.g. "valgrind -q --error-exitcode=9"
#   WEIR_TEST_SECONDS  the time a program may take (default 120; scripts five times that)
#   WEIR_TEST_AGAIN    a status with which what runs a program ends when it dies itself: once more

WEIR_SRCDIR=${WEIR_SRCDIR:-.}
CMOCKA_MESSAGE_OUTPUT=TAP
export WEIR_SRCDIR CMOCKA_MESSAGE_OUTPUT
# Scripts run make themselves: they must not take this one's flags and job slots for theirs.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKE_RESTARTS

seconds=${WEIR_TEST_SECONDS:-120}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-run.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' HUP INT TERM

# limited SECONDS COMMAND…: kills it after that time, status 137.
if command -v timeout >/dev/null 2>&1; then
	limited()
	{
		timeout -s KILL "$@"
	}
else
	limited()
	{
		limit=$1
		shift
		"$@" &
		child=$!
		(
			trap 'kill $nap 2>/dev/null; exit 0' TERM
			sleep "$limit" >/dev/null 2>&1 &
			nap=$!
			wait $nap
			kill -s KILL $child
		) 2>/dev/null &
		guard=$!
		wait $child
		status=$?
		kill -s TERM $guard 2>/dev/null
		wait $guard 2>/dev/null
		return $status
	}
fi

# Reads the output of one program. Says on a line how many passed, failed and were skipped, and
# whether each plan was kept; then a line for each skipped test. cmocka writes a skipped test as
# `not ok N # SKIP name`, what the test said about it on the lines before, and in TAP mode a plan
# per group.
# shellcheck disable=SC2016
count='
/^1\.\.[0-9]+/ {
	split($1, plan, "[.]+")
	planned += plan[2]
	has_plan = 1
	said = ""
	next
}
/^(not )?ok/ {
	tests++
	if (match($0, /# *[Ss][Kk][Ii][Pp]/)) {
		skipped++
		why = substr($0, RSTART + RLENGTH)
		sub(/^[ :]*/, "", why)
		name = substr($0, 1, RSTART - 1)
		sub(/^(not )?ok *[0-9]* *(- *)?/, "", name)
		sub(/ *$/, "", name)
		reasons = reasons "\n    skipped: " name (name != "" && why != "" ? ": " : "") why
		if (said != "")
			reasons = reasons " (" said ")"
	} else if (/^not/) {
		failed++
	} else {
		passed++
	}
	said = ""
	next
}
/^# / { next }
{ said = said (said == "" ? "" : " ") $0 }
END {
	kept = has_plan ? planned == tests : "none"
	print passed + 0, failed + 0, skipped + 0, kept
	print substr(reasons, 2)
}'

# run NAME: its output and $status.
run()
{
	# shellcheck disable=SC2086
	case $1 in
	*.sh) limited $((seconds * 5)) sh "$WEIR_SRCDIR/$1" ;;
	*) limited "$seconds" ${WEIR_RUN_UNDER-} "./$1" ;;
	esac >"$scratch/output" 2>&1 </dev/null
	status=$?
}

# run_one NAME: runs it, judges it, and adds to the sums.
run_one()
{
	begin=$(date +%s)
	run "$1"
	[ "$status" != "${WEIR_TEST_AGAIN-}" ] || run "$1"
	took=$(($(date +%s) - begin))

	awk "$count" "$scratch/output" >"$scratch/counts"
	read -r passed failed skipped kept <"$scratch/counts"
	trouble=
	if [ $status -ge 128 ]; then
		trouble="killed by signal $((status - 128)) after $took s"
	elif [ $((passed + failed + skipped)) = 0 ]; then
		trouble="ran no test (status $status)"
	elif [ "$kept" = 0 ]; then
		trouble="ended before its plan did (status $status)"
	elif [ "$kept" = none ] && case $1 in *.sh) false ;; esac; then
		trouble="gave no plan (status $status)"
	elif [ $status != 0 ] && [ "$failed" = 0 ]; then
		trouble="all passed, but the status is $status"
	fi
	[ -z "$trouble" ] || failed=$((failed + 1))

	line="$1: $passed passed, $failed failed"
	[ "$skipped" = 0 ] || line="$line, $skipped skipped"
	printf '%s, %s s\n' "$line" "$took"
	sed -n '2,$p' "$scratch/counts" | grep .
	if [ "$failed" != 0 ]; then
		sed 's/^/    | /' "$scratch/output"
		[ -z "$trouble" ] || printf '    %s\n' "$1 $trouble"
	fi
	all_passed=$((all_passed + passed))
	all_failed=$((all_failed + failed))
	all_skipped=$((all_skipped + skipped))
}

all_passed=0
all_failed=0
all_skipped=0
for name do
	run_one "$name"
done
summary="$all_passed passed, $all_failed failed"
[ $all_skipped = 0 ] || summary="$summary, $all_skipped skipped"
printf '%s\n' "$summary"
# A run without a test proves nothing.
[ $all_failed = 0 ] && [ $((all_passed + all_skipped)) != 0 ]
