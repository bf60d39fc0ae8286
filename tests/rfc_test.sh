#!/bin/sh
# Is what the table of tests/README.md names there, and does it run? Each fixture a file that the
# parser's test reads, each test one that its program runs, each row with something that holds its
# demand: sh tests/rfc_test.sh
#
# Reads the source tree only (WEIR_SRCDIR). Speaks TAP.

# shellcheck source=tests/judge.sh
. "${0%/*}/judge.sh"

# ---- the rows ----

sed -n '/^## What the RFCs demand/,$p' tests/README.md | grep '^| [1-9]' >"$scratch/rows"
at_least 80 'rows' "$scratch/rows"

awk -F '|' 'NF != 5 || $3 !~ /[a-z]/ || $4 !~ /[a-z]/' "$scratch/rows" >"$scratch/left"
empty 'a row has a section, a demand and what holds it' "$scratch/left"

# Held by octets or a test, or said to be the application's.
awk -F '|' '$4 !~ /`requests\// && $4 !~ /`responses\// && $4 !~ /_test: [a-z]/ &&
	$4 !~ /the application.s/' "$scratch/rows" >"$scratch/left"
empty 'each demand is held by something' "$scratch/left"

# ---- what they name ----

# The words between backquotes of the last column, one a line.
sed 's/.*| *\(..*\) *|$/\1/' "$scratch/rows" | tr '`' '\n' | grep -e '^requests/' -e '^responses/' \
	-e '^[a-z_]*_test: ' | sort -u >"$scratch/names"

grep '/' "$scratch/names" >"$scratch/fixtures"
at_least 80 'fixtures that are named' "$scratch/fixtures"
while read -r fixture; do
	[ -f "tests/fixtures/$fixture" ] || echo "tests/fixtures/$fixture"
done <"$scratch/fixtures" >"$scratch/left"
empty 'all of them are there' "$scratch/left"

cut -d / -f 2 "$scratch/fixtures" | sort -u | while read -r folder; do
	grep -w -e "$folder" tests/support/fixture.c >/dev/null || echo "$folder"
done >"$scratch/left"
empty 'unit/parse_test reads their folders' "$scratch/left"

grep '_test: ' "$scratch/names" >"$scratch/tests"
at_least 35 'tests that are named' "$scratch/tests"
# A function of the program, and in the list of its main.
while IFS=': ' read -r program test; do
	grep "^static void $test(" tests/*/"$program.c" >/dev/null 2>&1 &&
		sed -n '/^int main/,$p' tests/*/"$program.c" | grep "(${test}[,)]" >/dev/null ||
		echo "$program: $test"
done <"$scratch/tests" >"$scratch/left"
empty 'all of them run' "$scratch/left"

cut -d : -f 1 "$scratch/tests" | sort -u | while read -r program; do
	grep "^	tests/[a-z]*/$program\.c " Makefile >/dev/null || echo "$program"
done >"$scratch/left"
empty 'in programs that make knows' "$scratch/left"

finish
