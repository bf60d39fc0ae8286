# shellcheck shell=sh
# What the scripts share that judge the source tree by what is left over in files; they read it in
# their first lines and end with `finish`. Goes to the source tree (WEIR_SRCDIR), with a folder of its
# own in $scratch. Speaks TAP.

LC_ALL=C
export LC_ALL
scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-judge.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' HUP INT TERM
cd "${WEIR_SRCDIR:-$(dirname "$0")/..}" || exit 1

tests=0
failed=0
# empty TEXT FILE: what is left over in FILE is what is wrong.
empty()
{
	tests=$((tests + 1))
	if [ -s "$2" ]; then
		echo "not ok - $1"
		sed 's/^/# /' "$2"
		failed=1
	else
		echo "ok - $1"
	fi
}

# at_least N TEXT FILE: so that a pattern which finds nothing any more is noticed.
at_least()
{
	tests=$((tests + 1))
	lines=$(grep -c . "$3")
	if [ "$lines" -ge "$1" ]; then
		echo "ok - $2: $lines"
	else
		echo "not ok - $2: $lines, not $1"
		failed=1
	fi
}

finish()
{
	echo "1..$tests"
	exit $failed
}
