#!/bin/sh
# Does the table of support say what was proved, and no more? On a copy of README.md. Says `ok` or
# `not ok` per promise.

# shellcheck source=tests/claims.sh
. "${WEIR_SRCDIR:-$(dirname "$0")/..}/tests/claims.sh"
source=$(cd "${WEIR_SRCDIR:-$(dirname "$0")/..}" && pwd -P)
mkdir "$scratch/tests" && cp "$source/tests/support.sh" "$scratch/tests" || exit 1
rows=$scratch/rows

# given SYSTEM PROCESSOR BACKEND LEVEL HOW: the only row.
given()
{
	: >"$rows"
	and_given "$@"
}

and_given()
{
	printf '%s\t%s\t%s\t%s\t%s\n' "$@" >>"$rows"
}

support()
{
	sh "$scratch/tests/support.sh" "$@"
}

# Of a table that was made of the rows which are given.
written()
{
	cp "$source/README.md" "$scratch" && support --write "$rows"
}

# has LINE: in the copy.
has()
{
	grep -F -x -e "$1" "$scratch/README.md"
}

the_best_counts()
{
	given NetBSD vax kqueue compiled 'stub headers'
	and_given NetBSD vax kqueue linked 'real headers'
	and_given NetBSD vax select compiled 'stub headers'
	and_given NetBSD pc532 kqueue linked 'real headers'
	and_given NetBSD pc532 select compiled 'stub headers'
	written && has '| NetBSD | pc532, vax | | linked | | compiled | real headers |'
}
claim 'of what is known the best counts, and equals share a line' the_best_counts

the_rest_stays()
{
	sed '/^<!-- The table is/,/^<!-- End of/d' "$source/README.md" >"$scratch/before"
	sed '/^<!-- The table is/,/^<!-- End of/d' "$scratch/README.md" | diff "$scratch/before" -
}
claim 'nothing else of README.md is changed' the_rest_stays
claim 'what is proved and said is as it should be' support --check "$rows"
claim 'the same rows make the same table' support --same "$rows"

# fails_with TEXT OPTION: and the copy is as it was.
fails_with()
{
	cp "$scratch/README.md" "$scratch/before"
	! support "$2" "$rows" >"$scratch/out" 2>&1 && grep -F -e "$1" "$scratch/out" &&
		cmp "$scratch/before" "$scratch/README.md"
}

and_given NetBSD vax select executed natively
claim 'what README.md leaves out fails' fails_with 'README.md does not say: NetBSD, vax, select: executed' --check
claim 'another table is told from it' fails_with '| NetBSD | vax |' --same

given NetBSD pc532 kqueue linked 'real headers'
and_given NetBSD pc532 select compiled 'stub headers'
claim 'what was not proved fails' fails_with 'not proved: NetBSD, vax, kqueue: linked' --check
and_given NetBSD vax kqueue untried -
claim 'what was not tried may be said, but not of others' fails_with 'not proved: NetBSD, vax, select' --check
and_given NetBSD vax '*' untried -
claim 'all of a system may be untried' support --check "$rows"

# Ways that run side by side tell of themselves in any order.
in_any_order()
{
	given NetBSD vax kqueue linked 'real headers'
	and_given NetBSD vax select linked 'by hand'
	written
	given NetBSD vax select linked 'by hand'
	and_given NetBSD vax kqueue linked 'real headers'
	support --same "$rows"
}
claim 'in which order they come is the same' in_any_order

for row in 'NetBSD	vax	kqueue	linked' 'NetBSD	vax	kqueue	seen	somewhere' 'NetBSD	vax	iocp	linked	so'; do
	echo "$row" >"$rows"
	for option in --write --check --same; do
		claim "no row, $option: $row" fails_with 'not a row' $option
	done
done
rm "$rows"
claim 'no rows at all are refused' fails_with 'cannot read' --write

exit "$failed"
