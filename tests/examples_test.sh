#!/bin/sh
# Do the examples do what is said of them, from outside? Run in the build folder, where the
# programs are: sh SOURCE/tests/examples_test.sh. Says `ok`, `not ok` or `# SKIP` per promise.
#
# The clients are those of tests/tools and curl where it is there. WEIR_BACKEND names what the
# build stands on: with the stand-ins for foreign kernels the crowds are smaller.

# shellcheck source=tests/claims.sh
. "${WEIR_SRCDIR:-$(dirname "$0")/..}/tests/claims.sh"
examples=./tests/examples
told="$scratch/said $scratch/answer $scratch/end"
bound "${WEIR_EXAMPLES_SECONDS:-240}"

# ---- servers ----

# Asks it to end; servers that did not do so well are remembered.
stop()
{
	kill -s INT "$server"
	ends_in 5 "$server" >/dev/null
	[ "$status" = 0 ] || echo "${program##*/} ended with status $status" >>"$scratch/errors"
}

# ---- questions ----

# ask OCTETS [OPTION…]: sends them (with \r\n) and keeps what is answered, without its CRs.
ask()
{
	octets=$1
	shift
	printf '%b' "$octets" | "$tools/ask" "$address" "$@" 2>"$scratch/end" |
		tr -d '\r' >"$scratch/answer"
}

statuses()
{
	sed -n 's/.*HTTP\/1\.1 \([0-9][0-9]*\) .*/\1/p' "$scratch/answer" | tr '\n' ' ' | sed 's/ $//'
}

ended()
{
	grep "^$1 " "$scratch/end" >/dev/null
}

# After at least so many milliseconds, and not more than two seconds later.
ended_after()
{
	ended "$1" && read -r _ took <"$scratch/end" && [ "$took" -ge "$2" ] &&
		[ "$took" -le $(($2 + 2000)) ]
}

# shows LINE…: each is a line of the answer, or, behind a !, none that begins so is.
shows()
{
	for wanted do
		case $wanted in
		'!'*) grep -c "^${wanted#?}" "$scratch/answer" | grep -x 0 ;;
		*) grep -Fx -e "$wanted" "$scratch/answer" ;;
		esac >/dev/null && continue
		echo "expected: $wanted"
		return 1
	done
}

# answers STATUSES OCTETS LINE…: so the octets are answered, after which the server closes.
answers()
{
	expected=$1
	ask "$2" --ms=4000
	shift 2
	[ "$(statuses)" = "$expected" ] || {
		echo "statuses: $(statuses), expected: $expected"
		return 1
	}
	ended closed && shows "$@"
}

eol='\r\n'
v1="HTTP/1.1${eol}Host: test$eol"
last="GET /last ${v1}Connection: close$eol$eol"

# ---- hello ----

hello='Hello World'
case $(uname -s) in
Linux) standin=kqueue,devpoll ;;
*) standin= ;;
esac
crowd=200
case ,$standin, in
*",${WEIR_BACKEND:-none},"*) crowd=50 ;;
esac

start "$examples/hello"
says_where()
{
	echo "it said: $line"
	backend=${line##* }
	[ "$line" = "hello: listening on $address (${WEIR_BACKEND:-$(echo "$backend" | tr -d '()')})" ] &&
		[ "${address%:*}" = 127.0.0.1 ] && [ "${address##*:}" -gt 0 ]
}
claim 'hello says where it listens, and on which backend' says_where

field_names()
{
	ask "GET / $v1$eol" --ms=300
	ended open && [ "$(sed -n 's/^\([A-Z][A-Za-z-]*\): .*/\1/p' "$scratch/answer" | sort |
		tr '\n' ' ')" = 'Content-Length Content-Type Date ' ] &&
		shows 'HTTP/1.1 200 OK' 'Content-Type: text/plain' 'Content-Length: 12' "$hello" &&
		grep -E '^Date: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT$' \
			"$scratch/answer"
}
claim 'a reply has Date, Content-Type and Content-Length, and the connection stays' field_names

claim 'HEAD has the fields and no body' answers '200' \
	"HEAD / ${v1}Connection: close$eol$eol" 'Content-Length: 12' "!$hello"
claim 'requests in a row are answered in a row' answers '200 200 200' \
	"GET / $v1${eol}GET /2 $v1$eol$last" "$hello"
in_a_row()
{
	answers '200 200 200 200' "GET / $v1${eol}HEAD / $v1${eol}GET / $v1$eol$last" &&
		[ "$(grep -c "$hello" "$scratch/answer")" = 3 ]
}
claim 'also when one of them is a HEAD' in_a_row
claim 'HTTP/1.0 is answered and closed' answers '200' "GET / HTTP/1.0$eol$eol" \
	'Connection: close' "$hello"
claim 'HTTP/1.0 may ask to stay' answers '200 200' \
	"GET / HTTP/1.0${eol}Connection: keep-alive$eol${eol}GET / HTTP/1.0$eol$eol" \
	'Connection: keep-alive'
claim 'a request without Host is refused' answers '400' "GET / HTTP/1.1$eol$eol$last"

half_closed()
{
	ask "GET / $v1${eol}GET / $v1$eol" --half && [ "$(statuses)" = '200 200' ] && ended closed
}
claim 'a client that has closed its direction gets its replies' half_closed

by_curl()
{
	[ "$(curl -s -m 5 -o "$scratch/answer" -w '%{http_code} %{num_connects}' \
		"http://$address/" -: -s -m 5 -w ' %{http_code} %{num_connects}' -o "$scratch/answer" \
		"http://$address/again?x=1")" = '200 1 200 0' ] && [ "$(cat "$scratch/answer")" = "$hello" ]
}
if have curl; then
	claim 'curl gets both answers on one connection' by_curl
else
	skip 'curl gets both answers on one connection' 'curl is not here'
fi

by_nc()
{
	printf '%b' "$last" | nc -w 3 "${address%:*}" "${address##*:}" >"$scratch/answer"
	grep "$hello" "$scratch/answer"
}
if have nc; then
	claim 'nc gets an answer' by_nc
else
	skip 'nc gets an answer' 'nc is not here'
fi

# refused PATTERN PROGRAM ARGUMENT…: it ends with status 1 and says why on standard error alone.
refused()
{
	pattern=$1 program=$2
	shift 2
	"$examples/$program" "$@" >"$scratch/answer" 2>"$scratch/end" &
	servers="$servers $!"
	ends_in 5 $!
	[ "$status" = 1 ] && [ ! -s "$scratch/answer" ] && grep -e "$pattern" "$scratch/end"
}
claim 'an address in use is said, status 1' refused '^hello: .*[Ii]n use' hello "$address"
claim 'an address that is none is said, status 1' refused '^hello: .*address' hello nonsense:http
claim 'echo says so too' refused '^echo: .*[Ii]n use' echo "$address"
claim 'and that an address is none' refused '^echo: nonsense:http: ' echo nonsense:http

# keep OCTETS: a client in the background that sends them, and then what is written to descriptor 9.
# Returns when the answer has begun to come.
keep()
{
	rm -f "$scratch/tell" "$scratch/kept"
	mkfifo "$scratch/tell"
	"$tools/ask" "$address" --ms=20000 <"$scratch/tell" >"$scratch/kept" 2>"$scratch/kept-end" &
	keeper=$!
	others="$others $keeper"
	exec 9>"$scratch/tell"
	printf '%b' "$1" >&9
	tries=0
	while [ ! -s "$scratch/kept" ] && [ "$tries" -lt 50 ]; do
		nap
		tries=$((tries + 1))
	done
	[ -s "$scratch/kept" ]
}

leave()
{
	exec 9>&-
	kill -s KILL "$keeper" 2>/dev/null
	wait "$keeper" 2>/dev/null
}

# Nobody is cut off who may have asked just now: an idle client has its drain_idle_ms.
interrupted_idle()
{
	keep "GET / $v1$eol" || return 1
	kill -s INT "$server"
	nap
	printf '%b' "GET / $v1$eol" >&9
	ends_in 1 "$server"
	wait "$keeper"
	exec 9>&-
	cat "$scratch/kept" "$scratch/kept-end"
	[ "$status" = 0 ] && grep '^closed' "$scratch/kept-end" &&
		[ "$(grep -c '^Hello World' "$scratch/kept")" = 2 ] &&
		grep '^Connection: close' "$scratch/kept"
}
claim 'SIGINT ends it with status 0 as soon as an idle client has asked once more' interrupted_idle

interrupted_twice()
{
	start "$examples/hello"
	keep "GET / $v1$eol" || return 1
	kill -s INT "$server"
	kill -s TERM "$server"
	ends_in 1 "$server"
	wait "$keeper"
	exec 9>&-
	[ "$status" = 0 ]
}
claim 'a second signal ends it within a second, idle clients or not' interrupted_twice

terminated()
{
	start "$examples/hello"
	kill -s TERM "$server"
	ends_in 1 "$server"
	[ "$status" = 0 ]
}
claim 'SIGTERM ends it within a second with status 0 when there are no clients' terminated

# ---- unix sockets ----

path=$scratch/socket
begin "$examples/hello" "unix:$path"
address=unix:$path
claim 'a unix path is served' answers '200' "$last" "$hello"
by_unix_curl()
{
	[ "$(curl -s -m 5 --unix-socket "$path" http://localhost/)" = "$hello" ]
}
if have curl; then
	claim 'to curl as well' by_unix_curl
else
	skip 'to curl as well' 'curl is not here'
fi
claim 'a unix path in use is said, status 1' refused '^hello: .*[Ii]n use' hello "unix:$path"
path_removed()
{
	stop
	[ ! -e "$path" ]
}
claim 'the path is removed at the end' path_removed
path_replaced()
{
	begin "$examples/hello" "unix:$path"
	kill -s KILL "$server"
	wait "$server" 2>/dev/null
	[ -S "$path" ] && begin "$examples/hello" "unix:$path" && answers '200' "$last" && stop && [ ! -e "$path" ]
}
claim 'a path that nobody listens on is replaced' path_replaced

# ---- cluster: a program without main ----

start "$examples/cluster"
claim 'a cluster without main says where it listens' \
	test "${line% *}" = "cluster: listening on $address"
claim 'its workers answer' answers '200 200 200' "GET / $v1${eol}GET / $v1$eol$last" "$hello"
cluster_ended()
{
	kill -s TERM "$server"
	ends_in 5 "$server"
	[ "$status" = 0 ]
}
claim 'SIGTERM ends it, and its workers, with status 0' cluster_ended

# ---- echo ----

allow='Allow: GET, HEAD, POST, OPTIONS'
start "$examples/echo"
claim 'echo says where it listens' test "${line% *}" = "echo: listening on $address"
claim 'GET of any path, with a query' answers '200 200' \
	"GET /any/path?and=query $v1$eol$last" "$hello"
claim 'a body on it is read and dropped' answers '200 200 200' \
	"GET /a ${v1}Content-Length: 5$eol${eol}hello""GET /b ${v1}Transfer-Encoding: chunked$eol${eol}\
5${eol}hello${eol}0$eol$eol$last"
claim 'HEAD with a body' answers '200 200' "HEAD / ${v1}Content-Length: 5$eol${eol}hello$last"
claim 'POST /echo of known length' answers '200 200' \
	"POST /echo ${v1}Content-Length: 6$eol${eol}octets$last" 'Content-Length: 6' \
	'octetsHTTP/1.1 200 OK'
claim 'POST /echo of no length at all' answers '200 200' "POST /echo ${v1}$eol$last" \
	'Content-Length: 0'
claim 'POST /echo chunked, trailers dropped' answers '200 200' \
	"POST /echo ${v1}Transfer-Encoding: chunked$eol${eol}6;a=b${eol}octets${eol}0${eol}X-Late: 1\
$eol$eol$last" 'Transfer-Encoding: chunked' '6' 'octets' '0' '!X-Late'
claim 'POST /echo?query too' answers '200' \
	"POST /echo?x ${v1}Content-Length: 6${eol}Connection: close$eol${eol}octets" 'octets'
claim 'POST elsewhere is 404, its body dropped' answers '404 200' \
	"POST /elsewhere ${v1}Content-Length: 5$eol${eol}hello$last"
claim '/204 has no content and no length' answers '204 200' "GET /204 $v1$eol$last" \
	'HTTP/1.1 204 No Content'
no_length()
{
	answers '204' "GET /204 ${v1}Connection: close$eol$eol" '!Content-Length' '!Transfer-Encoding'
}
claim 'really none' no_length
claim '/stream is chunked' answers '200 200' "GET /stream $v1$eol$last" \
	'Transfer-Encoding: chunked' '0'
claim '/stream to HTTP/1.0 is not' answers '200' "GET /stream HTTP/1.0$eol$eol" \
	'!Transfer-Encoding' '!Content-Length' 'Connection: close' 'piece 1000 of 1000'
claim 'HEAD of /stream has no body' answers '200 200' "HEAD /stream $v1$eol$last" \
	'Transfer-Encoding: chunked' '!piece' '!0'
claim 'OPTIONS *' answers '200 200' "OPTIONS * $v1$eol$last" "$allow"
claim 'OPTIONS of a path' answers '200 200' "OPTIONS /x $v1$eol$last" "$allow"
for method in PUT DELETE PATCH TRACE; do
	claim "$method is 405" answers '405 200' "$method / $v1$eol$last" "$allow"
done
claim 'CONNECT is 405' answers '405 200' "CONNECT test:80 $v1$eol$last" "$allow"
claim 'a method that nobody knows is 501' answers '501 200' "FOO / $v1$eol$last"
claim 'another major version is 505' answers '505' "GET / HTTP/2.0${eol}Host: test$eol$eol$last"
claim 'a doubtful length is refused, and no octet behind it is read' answers '400' \
	"POST /echo ${v1}Content-Length: 5${eol}Transfer-Encoding: chunked$eol$eol$last"

told_to_go_on()
{
	ask "POST /echo ${v1}Content-Length: 6${eol}Expect: 100-continue$eol$eol" --ms=300
	[ "$(sed -n 1p "$scratch/answer")" = 'HTTP/1.1 100 Continue' ] && ended open
}
claim 'who expects 100 is told to go on before the body' told_to_go_on
claim 'who goes on by itself is not' answers '200 200' \
	"POST /echo ${v1}Content-Length: 6${eol}Expect: 100-continue$eol${eol}octets$last" \
	'octetsHTTP/1.1 200 OK'
claim 'another expectation is 417' answers '417' "GET / ${v1}Expect: magic$eol$eol$last"

half_closed_echo()
{
	ask "GET / $v1${eol}POST /echo ${v1}Content-Length: 6$eol${eol}octets" --half
	[ "$(statuses)" = '200 200' ] && ended closed && shows octets
}
claim 'a half-closed client gets its octets back' half_closed_echo

curl_echoes()
{
	head -c 300000 "$examples/echo" >"$scratch/upload" &&
		curl -s -m 10 -H 'Content-Type: text/x' -H "$1" --data-binary "@$scratch/upload" \
			-v -o "$scratch/back" "http://$address/echo" 2>"$scratch/answer" &&
		cmp "$scratch/upload" "$scratch/back" && grep -i "$2" "$scratch/answer"
}
curl_streams()
{
	curl -s -m 10 "http://$address/stream" >"$scratch/back" &&
		[ "$(grep -c '^piece [0-9]* of 1000$' "$scratch/back")" = 1000 ]
}
if have curl; then
	claim 'curl gets a file back' curl_echoes 'X-None: 1' '^< Content-Length: '
	claim 'chunked' curl_echoes 'Transfer-Encoding: chunked' '^< Transfer-Encoding: chunked'
	claim 'with Expect' curl_echoes 'Expect: 100-continue' '^< HTTP/1.1 100 Continue'
	claim 'and all pieces of /stream' curl_streams
else
	skip 'curl gets a file back, also chunked and with Expect, and /stream' 'curl is not here'
fi

# Its reply has begun: it could not say that it is the last one, so another request is waited for.
first_signal_waits()
{
	stop
	start "$examples/echo" --drain-idle-ms=200
	keep "GET / $v1${eol}POST /echo ${v1}Content-Length: 6$eol${eol}oct" || return 1
	kill -s INT "$server"
	nap
	kill -s 0 "$server" || return 1
	printf 'ets' >&9
	exec 9>&-
	ends_in 1 "$server"
	wait "$keeper"
	tail -n 1 "$scratch/kept"
	[ "$status" = 0 ] && [ "$(tail -n 1 "$scratch/kept")" = octets ]
}
claim 'SIGINT lets a request in progress end' first_signal_waits
second_signal_ends()
{
	start "$examples/echo"
	keep "GET / $v1${eol}POST /echo ${v1}Content-Length: 6$eol${eol}oct" || return 1
	kill -s INT "$server"
	nap
	kill -s INT "$server"
	ends_in 1 "$server"
	leave
	[ "$status" = 0 ]
}
claim 'a second one ends it at once' second_signal_ends

# ---- its options ----

claim 'an unknown option is said' refused 'magic' echo 127.0.0.1:0 --magic=1
for bad in --head-ms=soon --head-ms= --head-ms --max-conns=-1 --max-head=99999999999 \
	--max-body=1x; do
	claim "$bad is said" refused "${bad%%=*}" echo 127.0.0.1:0 "$bad"
done

long=0123456789012345678901234567890123456789
start "$examples/echo" --max-head=150 --max-target=60
claim '--max-head: more is 431' answers '431' \
	"GET / ${v1}X-A: $long${eol}X-B: $long${eol}X-C: $long$eol$eol$last"
claim 'as much is not' answers '200 200' "GET / ${v1}X-A: $long$eol$eol$last"
claim '--max-target: more is 414' answers '414' "GET /$long$long $v1$eol$last"
stop
start "$examples/echo" --max-fields=3 --max-body=10
claim '--max-fields: more is 431' answers '431' \
	"GET / ${v1}A: 1${eol}B: 2${eol}C: 3$eol$eol$last"
claim 'as many are not' answers '200' "GET / ${v1}A: 1${eol}Connection: close$eol$eol"
claim '--max-body: more is 413' answers '413' \
	"POST /echo ${v1}Content-Length: 11$eol${eol}12345678901$last"
claim 'and no 100 is sent' answers '413' \
	"POST /echo ${v1}Content-Length: 11${eol}Expect: 100-continue$eol$eol"
claim 'as much is not' answers '200' \
	"POST /echo ${v1}Content-Length: 10${eol}Connection: close$eol${eol}1234567890" '1234567890'
too_many_chunks()
{
	ask "POST /echo ${v1}Transfer-Encoding: chunked$eol${eol}8${eol}12345678${eol}8${eol}12345678\
${eol}0$eol$eol$last" --ms=4000
	ended closed && ! grep '^0$' "$scratch/answer" && case $(statuses) in
	200 | 413 | '') ;;
	*) false ;;
	esac
}
claim 'a chunked body that passes it has no good end' too_many_chunks
refused_upload()
{
	{
		printf '%b' "POST /echo ${v1}Content-Length: 200000$eol$eol"
		head -c 200000 /dev/zero
	} | "$tools/ask" "$address" 2>"$scratch/end" | tr -d '\r' >"$scratch/answer"
	[ "$(statuses)" = 413 ] && ended closed
}
claim 'a refused upload that goes on can read its 413: no reset' refused_upload
stop

start "$examples/echo" --max-conns=1
one_at_a_time()
{
	keep "GET / $v1${eol}GET / $v1" || return 1
	printf '%b' "$last" >"$scratch/request"
	"$tools/ask" "$address" --ms=10000 <"$scratch/request" >"$scratch/second" \
		2>"$scratch/second-end" &
	second=$!
	others="$others $second"
	ask "$last" --ms=400
	ended open && [ -z "$(statuses)" ] || return 1
	printf '%b' "Connection: close$eol$eol" >&9
	exec 9>&-
	wait "$second"
	cat "$scratch/second" "$scratch/second-end"
	grep "$hello" "$scratch/second"
}
claim '--max-conns: the next waits, and is served when there is room' one_at_a_time
stop

start "$examples/echo" --max-per-peer=1 --max-requests=2 --max-pipelined=1
one_a_peer()
{
	keep "GET / $v1${eol}GET / $v1" || return 1
	ask "$last" --ms=2000
	[ "$(statuses)" = 503 ] && ended closed || return 1
	leave
	nap
	answers '200' "$last"
}
claim '--max-per-peer: the next is 503, and served when there is room' one_a_peer
claim '--max-requests: the last one says close; --max-pipelined: all are answered' answers '200 200' \
	"GET / $v1${eol}GET / $v1${eol}GET / $v1$eol" 'Connection: close'
stop

start "$examples/echo" --head-ms=400 --idle-ms=400 --body-ms=400
slow_head()
{
	ask "GET / $v1"
	[ "$(statuses)" = 408 ] && ended_after closed 400
}
claim '--head-ms: half a head is answered 408' slow_head
silent()
{
	ask ''
	[ ! -s "$scratch/answer" ] && ended_after closed 400
}
claim 'no octet at all is closed without a reply' silent
idle()
{
	ask "GET / $v1$eol"
	[ "$(statuses)" = 200 ] && ended_after closed 400
}
claim '--idle-ms: closed without a reply' idle
slow_body()
{
	ask "POST /echo ${v1}Content-Length: 6$eol${eol}oct"
	ended closed && case $(statuses) in
	408 | 200) ;;
	*) false ;;
	esac
}
claim '--body-ms: a body that does not come is given up' slow_body
stop

# ---- upgrade ----

start "$examples/upgrade"
up="GET /any ${v1}Connection: upgrade${eol}Upgrade: h2c, Lines$eol$eol"
# speaks LINES ANSWERS: behind the 101, to what is sent in one packet with the request.
speaks()
{
	ask "$up$1" --ms=4000
	[ "$(sed '1,/^$/d' "$scratch/answer")" = "$2" ] && ended closed &&
		shows 'HTTP/1.1 101 Switching Protocols' 'Upgrade: lines' 'Connection: upgrade'
}
claim 'lines that come with the request are answered' speaks 'one\ntwo\nquit\n' 'ONE
TWO'
claim 'none after quit' speaks 'one\nquit\ntwo\n' ONE
by_and_by()
{
	keep "${up}o" || return 1
	printf 'ne\ntw' >&9
	nap
	printf 'o\nquit\n' >&9
	wait "$keeper"
	exec 9>&-
	cat "$scratch/kept" "$scratch/kept-end"
	grep -x ONE "$scratch/kept" && grep -x TWO "$scratch/kept" && grep '^closed' "$scratch/kept-end"
}
claim 'lines that come later, in pieces, too' by_and_by
half_closed_lines()
{
	ask "${up}one\\n" --half && ended closed && shows ONE
}
claim 'a client that has closed its direction gets its answers' half_closed_lines
claim 'who offers no upgrade is told which there is' answers '426 426' "GET / $v1$eol$last" \
	'Upgrade: lines' 'Connection: upgrade'
claim 'in HTTP/1.0 it is no offer' answers '426' \
	"GET / HTTP/1.0${eol}Connection: upgrade${eol}Upgrade: lines$eol$eol"
stop

# ---- upload ----

start "$examples/upload"
# The content, and behind it another request; so many octets of a mebibyte.
send_upload()
{
	{
		printf '%b' "PUT / ${v1}Content-Length: 1048576$eol$eol"
		head -c "$1" /dev/zero
		printf '%b' "$2"
	} | "$tools/ask" "$address" --ms="$3" 2>"$scratch/end" | tr -d '\r' >"$scratch/answer"
}
taken()
{
	awk '$2 == "octets" { sum += $1 } END { print sum + 0 }' "$scratch/answer"
}
slow_upload()
{
	send_upload 1048576 "$last" 20000
	[ "$(statuses)" = '200 200' ] && [ "$(taken)" = 1048576 ] && ended_after closed 600
}
claim 'upload takes a mebibyte as slowly as its consumer, and says how much' slow_upload
upload_cut_short()
{
	send_upload 500000 '' 300
	[ "$(statuses)" = 200 ] && [ "$(taken)" -lt 500000 ] && ended open &&
		answers '200' "PUT / ${v1}Content-Length: 6${eol}Connection: close$eol${eol}octets" '6 octets'
}
claim 'a client that leaves in the middle is no harm' upload_cut_short
claim 'who expects 100 is told to go on before the reply begins' told_to_go_on
stop

# ---- events ----

start "$examples/events"
two_events()
{
	ask "GET / $v1$eol" --ms=2500
	ended open && shows 'Content-Type: text/event-stream' 'id: 1' 'data: tick' 'id: 2' '!id: 4'
}
claim 'events come, a second each' two_events
goes_on()
{
	ask "GET / ${v1}Last-Event-ID: 41$eol$eol" --ms=1500
	shows 'id: 42' '!id: 1'
}
claim 'who comes back goes on behind the last that it saw' goes_on
claim 'HEAD has no events and ends' answers '200' "HEAD / ${v1}Connection: close$eol$eol" '!id: '
last_has_left()
{
	keep "GET / $v1$eol" || return 1
	kill -s INT "$server"
	nap
	kill -s 0 "$server" || return 1
	leave
	ends_in 5 "$server"
	[ "$status" = 0 ]
}
claim 'that a client leaves is noticed: with the last, a server that was asked to ends' last_has_left

# ---- longpoll ----

start "$examples/longpoll"
a_second_later()
{
	answers '200' "$last" 'news' && ended_after closed 950
}
claim 'a long poll is answered by the timer' a_second_later
left_before()
{
	ask "GET / $v1$eol" --ms=100
	[ -z "$(statuses)" ] && ended open && answers '200' "$last" 'news'
}
claim 'one that has left by then does no harm to others' left_before
polls_end()
{
	ask "GET / $v1$eol" --ms=100
	kill -s INT "$server"
	ends_in 5 "$server"
	[ "$status" = 0 ]
}
claim 'a server that was asked to ends when the last is answered' polls_end

# ---- in numbers ----

memory=--pid
if grep -e -fsanitize config.mk >/dev/null 2>&1; then
	memory=--seed
	skip 'memory is looked at' 'sanitizers need their own'
fi
start "$examples/echo" --write-ms=30000
for framing in '--seed=1' --chunked; do
	measure "64 MiB come back, the upload waits for its reader ($framing)" \
		"$tools/upload" "$address" --octets=64M --stall=2 "$framing" "$memory=$server" --seconds=60
done
stop
start "$examples/echo" --write-ms=500
measure '--write-ms: who does not read is cut off' "$tools/upload" "$address" --stall=5 --cut
stop

start "$examples/echo" --head-ms=2000
measure "$crowd busy and $crowd dribbling connections do not wait for each other" \
	"$tools/crowd" "$address" --busy=$crowd --dribble=$crowd --seconds=5 --head=2000 --echo
stop

# shellcheck disable=SC3045
if (ulimit -n 64) 2>/dev/null; then
	files=64
	start "$examples/hello"
	files=
	measure '200 clients are served by 64 descriptors, and nothing spins' \
		"$tools/starve" "$address" --clients=200 --seconds=8 --pid="$server"
	stop
else
	skip '200 clients are served by 64 descriptors' 'this shell has no ulimit -n'
fi

# More descriptors than an fd_set has bits, and each of them served more than once.
five_thousand()
{
	"$tools/crowd" "$address" --busy=5000 --dribble=0 --seconds=8 --think=3000 --bound=8000 \
		>"$scratch/crowd"
	status=$?
	cat "$scratch/crowd"
	least=$(sed -n 's/.*each at least \([0-9]*\)).*/\1/p' "$scratch/crowd")
	[ "$status" = 0 ] && [ "${least:-0}" -ge 2 ]
}
if [ "${WEIR_BACKEND:-none}" = select ]; then
	# shellcheck disable=SC3045
	if (ulimit -n 5100) 2>/dev/null; then
		files=5100
		start "$examples/hello"
		files=
		measure 'select holds 5000 connections that ask again and again' five_thousand
		stop
	else
		skip 'select holds 5000 connections' 'descriptors are limited to fewer'
	fi
fi

# ---- what they are linked of ----

if have nm; then
	claim 'hello is run by the main of the library' sh -c \
		"nm '$examples/hello' | grep ' T _*weir_setup$'"
	own_main()
	{
		nm "$examples/echo" | grep ' T _*main$' && ! nm "$examples/echo" | grep weir_setup
	}
	claim 'a program with a main of its own is linked without core/main.o' own_main
else
	skip 'who brings main' 'nm is not here'
fi

quiet()
{
	! grep . "$scratch/errors"
}
claim 'every server has ended well and said nothing of errors' quiet

exit $failed
