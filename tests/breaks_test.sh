#!/bin/sh
# Does the conformance suite notice when a poller is broken? Each script of tests/backend/breaks is
# applied to its backend; then the scenario beside it in tests/backend/README.md must fail, and
# without the break it must not. Runs in a build folder. Speaks TAP.
#
# What is between backquotes is Markdown's:
# shellcheck disable=SC2016

# shellcheck source=tests/pollers.sh
. "${0%/*}/pollers.sh"
# Some breaks abort: no core files, where the shell can say so.
# shellcheck disable=SC3045
ulimit -c 0 2>/dev/null || :
# The older kernel punishes more.
WEIR_STANDIN_DEVPOLL=solaris10
export WEIR_STANDIN_DEVPOLL

# result OUTPUT: what became of the one scenario: passed, failed, skipped, or nothing.
result()
{
	if grep '^not ok.*# SKIP' "$1" >/dev/null; then
		echo skipped
	elif grep "^not ok [0-9]* - $scenario\$" "$1" >/dev/null; then
		echo failed
	elif grep "^ok [0-9]* - $scenario\$" "$1" >/dev/null; then
		echo passed
	else
		echo nothing
	fi
}

# play PROGRAM: the scenario, alone. A program that dies of it fails.
play()
{
	(
		WEIR_CONFORMANCE_ONLY=$scenario "$1" >"$1.said" 2>&1
		exit $?
	) 2>/dev/null
	if [ $? -gt 128 ]; then
		echo failed
	else
		result "$1.said"
	fi
}

# without N SCRIPT: the script without its Nth substitution, and the lines that this goes on in.
without()
{
	awk -v n="$1" '
		!more { which = /s\// ? ++count : 0 }
		which != n { print }
		{ more = /\\$/ }' "$2"
}

# idle SCRIPT SOURCE BROKEN: whether it breaks the source in the same way without one of its
# substitutions.
idle()
{
	n=0
	while n=$((n + 1)) && without "$n" "$1" >"$3.sed" && ! cmp -s "$3.sed" "$1"; do
		sed -f "$3.sed" "$2" | cmp -s - "$3" && return 0
	done
	return 1
}

# attempt NAME SCENARIO: a line of TAP about it, without its number.
attempt()
{
	backend=${1%%-*} scenario=$2
	file=$scratch/$1.c program=$scratch/$1
	text="$1 is caught by $2"
	script=$src/tests/backend/breaks/$1.sed source=$src/backend/$backend.c
	sed -f "$script" "$source" >"$file"
	if [ ! -x "$scratch/$backend-whole" ]; then
		case " $backends " in
		*" $backend "*) echo "not ok - $text: $backend cannot be built" ;;
		*) echo "ok - $text # SKIP its stand-in plays on Linux" ;;
		esac
	elif idle "$script" "$source" "$file"; then
		echo "not ok - $text: something of it does not apply any more"
	elif ! conformance_test "$backend" "$file" "$scratch/$backend.o" "$program" \
		>"$program.said" 2>&1; then
		echo "not ok - $text: it does not compile"
		sed 's/^/# /' "$program.said"
	else
		cp "$scratch/$backend-whole" "$program.whole"
		whole=$(play "$program.whole") broken=$(play "$program")
		case "$whole $broken" in
		'skipped skipped') echo "ok - $text # SKIP it cannot be played here" ;;
		'passed failed') echo "ok - $text" ;;
		*) echo "not ok - $text: $whole, broken $broken" ;;
		esac
	fi
	rm -f "$program" "$program.whole"
}

# ---- all of them ----

# As they are.
for backend in $backends; do
	stand_in_for "$backend" "$scratch/$backend.o" &&
		conformance_test "$backend" "$src/backend/$backend.c" "$scratch/$backend.o" \
			"$scratch/$backend-whole"
done >"$scratch/log" 2>&1 || sed 's/^/# /' "$scratch/log"

sed -n '/^## Deliberate breaks/,$p' "$src/tests/backend/README.md" |
	sed -n 's/^| `\([a-z-]*\)` | `\([a-z0-9_]*\)` |$/\1 \2/p' >"$scratch/rows"

# Some at a time, since they mostly wait.
running=0
while read -r name scenario; do
	attempt "$name" "$scenario" >"$scratch/$name.result" 2>&1 &
	running=$((running + 1))
	[ $((running % 8)) != 0 ] || wait
done <"$scratch/rows"
wait

while read -r name scenario; do
	cat "$scratch/$name.result"
done <"$scratch/rows" >"$scratch/results"
cat "$scratch/results"
grep '^not ok' "$scratch/results" >/dev/null
failed=$?
[ "$running" -ge 15 ] || echo "not ok - there are breaks to try"
echo "1..$running"
[ $failed != 0 ] && [ "$running" -ge 15 ]
