#!/bin/sh
# How much of http/ do its tests reach? In a build folder: sh SOURCE/tests/coverage.sh
#
# Builds in coverage/ below the current folder with gcc --coverage and no optimisation, runs the unit
# tests, those on the scripted kernel, HTTP over loopback, and the fuzzers' corpus, and prints lines
# and branches per file of http/ and in all, with the goals. Status 1 when one is missed, 2 without gcc
# and gcov. What was not reached is listed in coverage/missed.
#
# A branch is an outcome of a condition, as gcov counts it: each operand of && and || has two, a
# switch one for each case that goes elsewhere. Unoptimised C has no others (no exceptions, nothing
# inlined), so none is left out, neither those that only a broken machine could take. It counts when
# it was taken at least once. Functions of headers count once, with what all who include them reach.

goal_lines=95
goal_branches=90

LC_ALL=C
export LC_ALL
src=$(cd "$(dirname "$0")/.." && pwd) || exit 1
for tool in gcc gcov; do
	command -v $tool >/dev/null 2>&1 || {
		echo "coverage: $tool is not here" >&2
		exit 2
	}
done
rm -rf coverage
mkdir -p coverage/gcov && cd coverage || exit 1

# ---- building and running ----

if ! { "$src/configure" CC=gcc CFLAGS='-O0 -g --coverage -fprofile-update=single' LDFLAGS=--coverage &&
	make -j2 test-programs; } >build.log 2>&1; then
	tail -n 20 build.log
	exit 1
fi
tests=
for file in "$src"/tests/unit/*_test.c "$src"/tests/memio/*_test.c "$src"/tests/loopback/http*_test.c; do
	test=${file#"$src"/}
	tests="$tests ${test%.c}"
done
failed=0
WEIR_TEST_SECONDS=900 make check TESTS="$tests" || failed=1
for program in tests/fuzz/*_fuzz; do
	corpus=${program##*/}
	corpus=$src/tests/fuzz/corpus/${corpus%_fuzz}
	[ ! -d "$corpus" ] || "$program" "$corpus" >/dev/null || failed=1
done

# ---- counting ----

# All at once, so that what several objects have of a header is put together.
(cd gcov && gcov -b -c -o ../http ../http/*.gcda >gcov.log 2>&1) || exit 1

# Of each function of a header there is a copy for each object: a line or branch counts by its number.
# shellcheck disable=SC2016
count='
/^ *-: *0:Source:/ {
	name = $0
	sub(/.*:Source:/, "", name)
	ours = name ~ /\/http\/[^\/]*$/
	sub(/.*\/http\//, "http/", name)
	next
}
!ours { next }
/^ *[0-9#=-][^:]*: *[0-9]+:/ {
	split($0, part, ":")
	line = part[2] + 0
	text = substr($0, length(part[1]) + length(part[2]) + 3)
	gsub(/[ \t]/, "", part[1])
	at = name SUBSEP line
	if (part[1] == "-")
		next
	if (!(at in lines)) {
		lines[at] = 0
		texts[at] = text
		order[++n] = at
	}
	if (part[1] ~ /^[1-9]/)
		lines[at] = 1
	next
}
/^branch/ {
	branch = at SUBSEP $2
	if (!(branch in branches)) {
		branches[branch] = 0
		has[at] = has[at] " " $2
	}
	if ($3 == "taken" && $4 != "0")
		branches[branch] = 1
}
function percent(part, whole) {
	return whole ? 100 * part / whole : 100
}
function show(name, a, b, c, d) {
	printf "%-20s %5d of %5d lines %6.2f %%   %5d of %5d branches %6.2f %%\n", name, a, b,
		percent(a, b), c, d, percent(c, d)
}
END {
	for (i = 1; i <= n; i++) {
		split(order[i], part, SUBSEP)
		file = part[1]
		if (!(file in all_lines))
			files[++nfiles] = file
		all_lines[file]++
		good_lines[file] += lines[order[i]]
		if (!lines[order[i]])
			printf "%s:%d: not reached:%s\n", file, part[2], texts[order[i]] >missed
		m = split(has[order[i]], number, " ")
		for (k = 1; k <= m; k++) {
			good = branches[order[i] SUBSEP number[k]]
			all_branches[file]++
			good_branches[file] += good
			if (!good && lines[order[i]])
				printf "%s:%d: outcome %d of %d not seen:%s\n", file, part[2], k, m,
					texts[order[i]] >missed
		}
	}
	for (i = 1; i <= nfiles; i++) {
		file = files[i]
		show(file, good_lines[file], all_lines[file], good_branches[file], all_branches[file])
		a += good_lines[file]
		b += all_lines[file]
		c += good_branches[file]
		d += all_branches[file]
	}
	show("http/ in all", a, b, c, d)
	printf "%-20s %21s >= %2d %%   %24s >= %2d %%\n", "goal", "", goal_lines, "", goal_branches
	exit percent(a, b) < goal_lines || percent(c, d) < goal_branches
}'
: >missed
awk -v goal_lines=$goal_lines -v goal_branches=$goal_branches -v missed=missed "$count" \
	gcov/*.gcov || failed=1
exit $failed
