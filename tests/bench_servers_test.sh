#!/bin/sh
# Do the servers of bench/ say what tests/examples/hello says? A comparison with one that replies
# something else, or is less strict, would be worth nothing. Run in the build folder, where the
# programs are: sh SOURCE/tests/bench_servers_test.sh. Says `ok`, `not ok` or `# SKIP` per promise.

# shellcheck source=tests/claims.sh
. "${WEIR_SRCDIR:-$(dirname "$0")/..}/tests/claims.sh"
bound 240

# ---- servers ----

# stop SIGNAL: it ends in 5 seconds with status 0.
stop()
{
	kill -s "$1" "$server"
	ends_in 5 "$server"
	[ "$status" = 0 ]
}

# ---- what is asked ----

eol='\r\n'
v1="HTTP/1.1${eol}Host: x$eol"
plain="GET / $v1$eol"
last="GET / ${v1}Connection: close$eol$eol"

# ask ADDRESS OCTETS OPTION…: what is answered, without what time there is, and how it ends.
ask()
{
	to=$1
	octets=$2
	shift 2
	printf '%b' "$octets" | "$tools/ask" "$to" "$@" 2>"$scratch/end" |
		sed 's/^Date: [A-Z][a-z][a-z], .* GMT/Date: …/'
	sed 's/ .*//' "$scratch/end"
}

# Two requests, one octet at a time; a process between two of them keeps them apart.
dribble()
{
	to=$1
	{
		for octet in G E T ' ' / ' ' H T T P / 1 . 1 '\r' '\n' H o s t : ' ' x '\r' '\n' '\r' \
			'\n' G E T ' ' / ' ' H T T P / 1 . 1 '\r' '\n' H o s t : x '\r' '\n' '\r' '\n'; do
			printf '%b' "$octet"
			sleep 0
		done
	} | "$tools/ask" "$to" --half 2>/dev/null | sed 's/^Date: [A-Z][a-z][a-z], .* GMT/Date: …/'
}

# alike TEXT QUESTION ARGUMENT…: this server answers as hello does.
alike()
{
	text=$1
	question=$2
	shift 2
	"$question" "$hello" "$@" >"$scratch/expected"
	same()
	{
		"$question" "$address" "$@" >"$scratch/answer"
		diff "$scratch/expected" "$scratch/answer" && grep 'HTTP/1\.1 ' "$scratch/expected"
	}
	claim "$name: $text" same "$@"
}

says_where()
{
	echo "it said: $line"
	[ "$line" = "${program##*/}: listening on $address" ] && [ "${address%:*}" = 127.0.0.1 ] &&
		[ "${address##*:}" -gt 0 ]
}

# What all of them are asked.
ask_plainly()
{
	start "$@"
	name=${program##*/}
	shift
	name=$name${1:+ $*}
	claim "$name: says where it listens" says_where
	alike 'a plain reply' ask "$plain" --half
	alike 'the connection stays' ask "$plain" --ms=300
	alike 'requests in a row' ask "$plain$plain$plain$plain$plain" --half
	alike 'in pieces' dribble
}

many=
while [ ${#many} -lt 16000 ]; do
	many=$many$plain
done

# What those are asked that are as strict as hello.
ask_strictly()
{
	alike 'more in a row than it reads at once' ask "$many$last"
	alike 'HEAD' ask "HEAD / $v1$eol$last"
	alike 'HTTP/1.0' ask "GET / HTTP/1.0$eol$eol"
	alike 'HTTP/1.0 that stays' ask "GET / HTTP/1.0${eol}Connection: keep-alive$eol$eol$last"
	alike 'a body that is dropped' ask "POST / ${v1}Content-Length: 5$eol${eol}hello$last"
	alike 'one in chunks' ask \
		"POST / ${v1}Transfer-Encoding: chunked$eol${eol}5;a=b${eol}hello${eol}0${eol}T: x$eol$eol$last"
	alike 'one that is too long to be dropped' ask "POST / ${v1}Content-Length: 65537$eol$eol$last"
	alike 'one that is cut' ask "POST / ${v1}Content-Length: 5$eol${eol}hell" --half
	alike 'a client that waits for 100' ask \
		"POST / ${v1}Content-Length: 5${eol}Expect: 100-continue$eol$eol"
	alike 'no Host' ask "GET / HTTP/1.1$eol$eol$last"
	alike 'a bare LF' ask 'GET / HTTP/1.1\nHost: x\n\n'
	alike 'a space before the colon' ask "GET / ${v1}A : b$eol$eol"
	alike 'a length and chunks' ask \
		"POST / ${v1}Content-Length: 5${eol}Transfer-Encoding: chunked$eol$eol"
	alike 'a coding that is not known' ask "POST / ${v1}Transfer-Encoding: gzip, chunked$eol$eol"
	alike 'another version' ask "GET / HTTP/2.0$eol$eol"
	alike 'a method that is not served' ask "TRACE / $v1$eol$last"
	alike 'one that is not known' ask "BREW / $v1$eol$last"
	alike 'a fault behind a good request' ask "$plain GET$eol$eol"
	alike 'a bad chunk' ask "POST / ${v1}Transfer-Encoding: chunked$eol${eol}x$eol"
	alike 'a target that is too long' ask "GET /$long$long $v1$eol"
	alike 'a head that is too long' ask "GET / ${v1}A: $long$long$long$long$long$eol$eol"
	alike 'a head that is not' ask "GET / ${v1}A: $long$long$long$eol$eol$plain$last"
}

long=a
while [ ${#long} -lt 8000 ]; do
	long=$long$long
done

# ---- who is asked ----

start ./tests/examples/hello
hello=$address

# Whether a program can do its work here.
runs()
{
	case $1:$(uname -s) in
	*/floor:Linux) true ;;
	*/floor:*) false ;;
	esac
}

if runs ./bench/floor; then
	ask_plainly ./bench/floor
	claim 'floor: SIGTERM ends it' stop TERM
else
	skip floor 'there is no epoll'
fi
small='--stack=min'
if grep -e -fsanitize config.mk >/dev/null 2>&1; then
	small='--stack=131072'
	skip 'threads --stack=min' 'sanitizers need more'
fi
for options in '' "$small" '--reuse'; do
	# shellcheck disable=SC2086
	ask_plainly ./bench/threads $options
	ask_strictly
	claim "$name: SIGTERM ends it" stop TERM
done
ask_plainly ./bench/prefork --processes=3
ask_strictly
claim "$name: SIGINT ends it" stop INT

gone()
{
	"$tools/ask" "$address" --ms=1000 </dev/null 2>&1 | grep '^reset'
}
claim "$name: and its processes" gone

usage()
{
	"$@" >"$scratch/out" 2>"$scratch/usage"
	[ $? = 2 ] && [ ! -s "$scratch/out" ] && grep '^usage: ' "$scratch/usage"
}
claim 'threads says how it is called' usage ./bench/threads --nonsense
claim 'prefork does' usage ./bench/prefork --nonsense
out_of_range()
{
	./bench/prefork --processes=0 2>"$scratch/usage"
	[ $? = 2 ] && grep 'no number from 1' "$scratch/usage"
}
claim 'and how many processes are too few' out_of_range
! runs ./bench/floor || claim 'floor does' usage ./bench/floor --nonsense

exit $failed
