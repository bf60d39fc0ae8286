#!/bin/sh
# Do the fuzzers find nothing in their corpus, and nothing behind it in some seconds?
#
# The programs of the build folder read the corpus through their own main. Then, where clang has
# libFuzzer, each fuzzes under sanitizers; the same runs each time, but no longer than some seconds.
# A finding is printed in base64. Speaks TAP.

# shellcheck source=tests/claims.sh
. "${WEIR_SRCDIR:-$(dirname "$0")/..}/tests/claims.sh"
fuzz=$(cd "${WEIR_SRCDIR:-$(dirname "$0")/..}" && pwd -P)/tests/fuzz
unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS CPPFLAGS LDFLAGS LIBS WEIR_RUN_UNDER
seconds=2

# TARGET RUNS CORPUS: which is named for what is in it, since two read the same kind of input.
targets='
head 150000 head
body 100000 body
response 100000 response
split 400000 split
variants 150000 split
proxy 400000 proxy
conn 15000 conn
'

# Findings come last.
show()
{
	tail -n 40 "$scratch/said" | sed 's/^/# /'
}

replay()
{
	# An empty corpus would prove nothing.
	[ -n "$(ls "$fuzz/corpus/$2")" ] && "./tests/fuzz/$1_fuzz" "$fuzz/corpus/$2"
}

# fuzz TARGET RUNS CORPUS
fuzz()
{
	mkdir -p "$scratch/new/$1"
	"$scratch/build/tests/fuzz/$1_fuzz" -runs="$2" -seed=1 -max_total_time="$seconds" -max_len=400 \
		-dict="$fuzz/http.dict" -artifact_prefix="$scratch/finding-" \
		"$scratch/new/$1" "$fuzz/corpus/$3" && return
	for finding in "$scratch"/finding-*; do
		if [ -f "$finding" ]; then
			echo "an input for $1_fuzz, in base64:"
			base64 "$finding"
			rm "$finding"
		fi
	done
	return 1
}

show_why()
{
	cat "$scratch/why"
	return 1
}

each_target()
{
	echo "$targets" | grep .
}

while read -r target runs corpus; do
	claim "$target: nothing is found in the corpus" replay "$target" "$corpus"
done <<EOT
$(each_target)
EOT

sh "$fuzz/build.sh" "$scratch/build" '-O1 -g' >"$scratch/why" 2>&1
case $? in
0)
	while read -r target runs corpus; do
		claim "$target: nothing is found in some seconds" fuzz "$target" "$runs" "$corpus"
	done <<-EOT
	$(each_target)
	EOT
	;;
2) echo "ok - nothing is found in some seconds # SKIP $(cat "$scratch/why")" ;;
*) claim 'the fuzzers are built with libFuzzer' show_why ;;
esac
exit $failed
