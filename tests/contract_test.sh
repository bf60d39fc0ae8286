#!/bin/sh
# Is the contract of the pollers complete? Each fact of a kernel in backend/README.md has a row in
# tests/backend/README.md, each row a scenario, and each scenario is there, runs, and is in the
# trace; each deliberate break has a row: sh tests/contract_test.sh
#
# Reads the source tree only (WEIR_SRCDIR). Speaks TAP.
#
# What is between backquotes is Markdown's:
# shellcheck disable=SC2016

# shellcheck source=tests/judge.sh
. "${0%/*}/judge.sh"

# missing TEXT A B: nothing may be in list A that is not in list B.
missing()
{
	comm -23 "$2" "$3" >"$scratch/left"
	empty "$1" "$scratch/left"
}

# The words between backquotes, one a line.
names()
{
	tr '`' '\n' <"$1" | grep '^[a-z][a-z0-9_-]*$' | sort -u
}

# ---- scenarios ----

sed -n 's/^	*[A-Z]*_TEST(\([a-z0-9_]*\)).*/\1/p' tests/backend/conform_*.c | sort >"$scratch/run"
at_least 240 'scenarios' "$scratch/run"
uniq -d "$scratch/run" >"$scratch/left"
empty 'each has a name of its own' "$scratch/left"

while read -r scenario; do
	grep "^static void $scenario(" tests/backend/conform_*.c >/dev/null || echo "$scenario"
done <"$scratch/run" >"$scratch/left"
empty 'each is a function' "$scratch/left"

grep '^[a-z]' tests/backend/conformance.trace | sort >"$scratch/traced"
missing 'each is in the trace' "$scratch/run" "$scratch/traced"
missing 'the trace has no other' "$scratch/traced" "$scratch/run"

for part in tests/backend/conform_*.c; do
	sed -n 's/^int \(conform_[a-z]*\)(void)$/\1/p' "$part"
done >"$scratch/parts"
at_least 10 'parts of the suite' "$scratch/parts"
while read -r part; do
	sed -n '/^int main/,$p' tests/backend/conformance_test.c | grep "$part()" >/dev/null ||
		echo "$part"
done <"$scratch/parts" >"$scratch/left"
empty 'all of them run' "$scratch/left"

# ---- rows ----

sed -n '/^## Which scenario/,/^## Deliberate/p' tests/backend/README.md |
	grep '^| [A-Za-z`]' | grep -v '^| row ' >"$scratch/rows"
at_least 60 'rows' "$scratch/rows"

sed -n 's/^| \([EKDS][0-9][0-9]*\) .*/\1/p' backend/README.md | sort -u >"$scratch/facts"
at_least 40 'facts of kernels' "$scratch/facts"
sed -n 's/^| \([EKDS][0-9][0-9]*\) .*/\1/p' "$scratch/rows" | sort >"$scratch/held"
missing 'each fact has a row' "$scratch/facts" "$scratch/held"
missing 'no row is without a fact' "$scratch/held" "$scratch/facts"

# Behind the second bar: a scenario, or why there is none.
sed 's/^|[^|]*|//' "$scratch/rows" >"$scratch/holders"
grep -v -e '`[a-z0-9_]*`' -e 'not here: ' "$scratch/holders" >"$scratch/left"
empty 'each row is held by something' "$scratch/left"
grep -v 'not here: ' "$scratch/holders" >"$scratch/scenarios"
names "$scratch/scenarios" >"$scratch/named"
missing 'all scenarios that are named are there' "$scratch/named" "$scratch/run"

# ---- deliberate breaks ----

sed -n '/^## Deliberate breaks/,$p' tests/backend/README.md |
	sed -n 's/^| `\([a-z-]*\)` | `\([a-z0-9_]*\)` |$/\1 \2/p' | sort >"$scratch/breaks"
at_least 55 'deliberate breaks' "$scratch/breaks"
cut -d ' ' -f 1 "$scratch/breaks" >"$scratch/broken"
for script in tests/backend/breaks/*.sed; do
	basename "$script" .sed
done | sort >"$scratch/scripts"
missing 'each has a script' "$scratch/broken" "$scratch/scripts"
missing 'each script has a row' "$scratch/scripts" "$scratch/broken"
cut -d ' ' -f 2 "$scratch/breaks" | sort -u >"$scratch/named"
missing 'what catches them is there' "$scratch/named" "$scratch/run"

# Of each backend.
for backend in epoll kqueue devpoll select; do
	grep "^$backend-" "$scratch/broken" >"$scratch/left"
	at_least 11 "breaks of $backend" "$scratch/left"
done

finish
