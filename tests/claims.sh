# shellcheck shell=sh
# What the scripts share that hold programs to promises from outside; they read it in their first
# lines and end with `exit $failed`. Makes $scratch, and ends what is in $servers and $others when the
# script ends, however that comes about. Says `ok`, `not ok` or `# SKIP` per promise.
#
# Variables come from there and go there:
# shellcheck disable=SC2034

LC_ALL=C
export LC_ALL
tools=./tests/tools
scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-claims.XXXXXX") || exit 1
scratch=$(cd "$scratch" && pwd -P) || exit 1
servers=
others=
running= # one that ends what it has started itself
failed=0

clean_up()
{
	[ -z "$running" ] || { kill -s TERM "$running" && wait "$running"; } 2>/dev/null
	for process in $servers $others; do
		kill -s KILL "$process"
		wait "$process"
	done 2>/dev/null
	rm -rf "$scratch"
}
trap clean_up EXIT
# What runs when that comes may speak to a file.
exec 3>&1
trap 'echo "not ok - it ends in time" >&3; exit 1' TERM
trap 'exit 130' HUP INT

# bound SECONDS: the whole script has a limit. That of tests/run.sh would leave the servers behind.
bound()
{
	"$tools/after" "$1" $$ &
	others="$others $!"
}

# ---- promises ----

# Files that a claim may leave and that tell why it failed.
told=$scratch/said

# What is shown of them.
show()
{
	# shellcheck disable=SC2086
	cat $told 2>/dev/null | head -n 60 | sed 's/^/# /'
}

# judge TEXT COMMAND…: whether it holds.
judge()
{
	text=$1
	shift
	# shellcheck disable=SC2086
	rm -f $told
	if "$@" >"$scratch/said" 2>&1; then
		echo "ok - $text"
	else
		echo "not ok - $text"
		failed=1
		return 1
	fi
}

# claim TEXT COMMAND…: what was said is shown only if the command fails.
claim()
{
	judge "$@" || show
}

# measure TEXT COMMAND…: what was measured is said, and what went wrong.
measure()
{
	judge "$@"
	show
}

skip()
{
	echo "ok - $1 # SKIP $2"
}

have()
{
	command -v "$1" >/dev/null 2>&1
}

# nap [SECONDS]: parts of a second where sleep has them.
nap()
{
	sleep "${1:-0.1}" 2>/dev/null || sleep 1
}

# ---- servers ----

# begin PATH ARGUMENT…: starts one in the background; sets $server and, as what it said first, $line.
# (files=N: with so many descriptors.)
files=
begin()
{
	rm -f "$scratch/first"
	mkfifo "$scratch/first" || return 1
	(
		exec >"$scratch/first" 2>>"$scratch/errors"
		# POSIX has no ulimit -n; shells that run this do.
		# shellcheck disable=SC3045
		[ -z "$files" ] || ulimit -n "$files" || exit 1
		exec "$@"
	) &
	server=$!
	servers="$servers $server"
	line=
	read -r line <"$scratch/first"
}

# start PATH OPTION…: begin with a free port; sets $program and $address too.
start()
{
	program=$1
	shift
	begin "$program" 127.0.0.1:0 "$@"
	address=${line#*listening on }
	address=${address%% *}
}

# ends_in SECONDS PROCESS: it ends by itself; sets $status.
ends_in()
{
	"$tools/after" "$1" "$2" KILL &
	limit=$!
	wait "$2"
	status=$?
	kill -s KILL $limit
	wait $limit 2>/dev/null
	servers=$(echo " $servers " | sed "s/ $2 / /")
	echo "status $status"
	[ "$status" -lt 128 ]
}
