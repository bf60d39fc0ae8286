#!/bin/sh
# Does http-events tell what its --help says? Run in the build folder, where the program is:
# sh SOURCE/tests/events_test.sh. Says `ok` or `not ok` per promise.

LC_ALL=C
export LC_ALL
scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-events.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' HUP INT TERM

failed=0
verdict()
{
	if [ "$1" = 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
		sed 's/^/# /' "$scratch/told" "$scratch/said" "$scratch/difference"
		failed=1
	fi
}

# events OCTETS ARGUMENT…: OCTETS as printf takes them.
events()
{
	octets=$1
	shift
	: >"$scratch/difference"
	# shellcheck disable=SC2059
	printf "$octets" | ./tests/tools/http-events "$@" >"$scratch/told" 2>"$scratch/said"
	status=$?
}

# tells TEXT OCTETS ARGUMENT… <LOG: the log is this one, however the octets are split.
tells()
{
	text=$1
	shift
	cat >"$scratch/expected"
	events "$@" --split=all
	{
		[ $status = 0 ] && [ ! -s "$scratch/said" ] &&
			diff "$scratch/expected" "$scratch/told" >"$scratch/difference"
	}
	verdict $? "$text"
}

# refuses TEXT WORD ARGUMENT…: a usage error, which names WORD.
refuses()
{
	text=$1
	word=$2
	shift 2
	events '' "$@"
	{
		[ $status = 2 ] && [ ! -s "$scratch/told" ] && grep -e "$word" "$scratch/said" >/dev/null
	}
	verdict $? "$text"
}

get='GET / HTTP/1.1\r\nHost: a\r\n\r\n'
ok='HTTP/1.1 200 OK\r\n'
empty='Content-Length: 0\r\n\r\n'
# What is told of these.
get_lines='method GET
target /
version 1.1
field Host: a
done keep'
ok_lines='version 1.1
status 200
reason OK'

# ---- requests ----

tells 'a request' "$get" request <<EOT
$get_lines
EOT
tells 'a request, which answers none' "$get" request --request-method=HEAD <<EOT
$get_lines
EOT
tells 'HTTP/1.0 closes' 'GET /x?y HTTP/1.0\r\n\r\n' request <<EOT
method GET
target /x?y
version 1.0
done close
EOT
tells 'a method that nobody knows' 'FROB /z HTTP/1.0\r\nConnection: keep-alive\r\n\r\n' request <<EOT
method FROB
target /z
version 1.0
field Connection: keep-alive
done keep
EOT
tells 'a body, its pieces joined' \
	'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab \n\000\377' request <<EOT
method PUT
target /
version 1.1
field Host: a
field Content-Length: 6
body ab\\x20\\x0a\\x00\\xff
done keep
EOT
tells 'chunks and trailers' \
	'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: u v\r\n\r\n' \
	request <<EOT
method PUT
target /
version 1.1
field Host: a
field Transfer-Encoding: chunked
body abc
trailer T: u\\x20v
done keep
EOT
tells 'no line of flags' \
	'PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na' request <<EOT
method PUT
target /
version 1.1
field Host: a
field Expect: 100-continue
field Content-Length: 1
body a
done keep
EOT
tells 'two requests' "$get$get" request <<EOT
$get_lines
--
$get_lines
EOT
tells 'a request and a part of one' "${get}GET" request <<EOT
$get_lines
--
more
rest 3
EOT
tells 'a request and a bad one' "${get}GET /\\r\\n" request <<EOT
$get_lines
--
error 400 a request line that is not method, target, version
EOT
tells 'octets behind the last request' \
	'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nabc' request <<EOT
method GET
target /
version 1.1
field Host: a
field Connection: close
done close
rest 3
EOT
tells 'a body that is not whole' \
	'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab' request <<EOT
method PUT
target /
version 1.1
field Host: a
field Content-Length: 4
body ab
more
EOT
tells 'a refusal with the status to answer' 'GET / HTTP/2.0\r\n\r\n' request <<EOT
error 505 a protocol version other than HTTP/1
EOT
tells 'a request smuggled past lengths' \
	'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n' \
	request <<EOT
error 400 a Transfer-Encoding with Content-Length or in HTTP/1.0
EOT
tells 'nothing at all' '' request <<EOT
more
EOT
tells 'nothing at all, and closed' '' request --closed </dev/null
tells 'a request, and closed' "$get" request --closed <<EOT
$get_lines
EOT
tells 'part of a request, and closed' 'GET / HT' request --closed <<EOT
error 400 a message that ends before it is complete
EOT
tells 'part of a body, and closed' \
	'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab' request --closed <<EOT
method PUT
target /
version 1.1
field Host: a
field Content-Length: 4
body ab
error 400 a message that ends before it is complete
EOT

# ---- responses ----

tells 'a response' "${ok}Content-Length: 2\\r\\n\\r\\nhi" response <<EOT
$ok_lines
field Content-Length: 2
body hi
done keep
EOT
tells 'a reason with spaces' "HTTP/1.1 404 Not here\\r\\n$empty" response <<EOT
version 1.1
status 404
reason Not\\x20here
field Content-Length: 0
done keep
EOT
tells 'a chunked response with a trailer' \
	"${ok}Transfer-Encoding: chunked\\r\\n\\r\\n1\\r\\na\\r\\n0\\r\\nT: u\\r\\n\\r\\n" response <<EOT
$ok_lines
field Transfer-Encoding: chunked
body a
trailer T: u
done keep
EOT
tells 'an interim response before the final one' \
	"HTTP/1.1 103 Early Hints\\r\\nLink: x\\r\\n\\r\\n$ok$empty" response <<EOT
version 1.1
status 103
reason Early\\x20Hints
field Link: x
done keep
--
$ok_lines
field Content-Length: 0
done keep
EOT
tells 'nothing behind 204 and 304' \
	"HTTP/1.1 204 No\\r\\n\\r\\nHTTP/1.1 304 Not\\r\\nContent-Length: 9\\r\\n\\r\\n" response <<EOT
version 1.1
status 204
reason No
done keep
--
version 1.1
status 304
reason Not
field Content-Length: 9
done keep
EOT
tells 'a body that lasts until the end, not ended' "$ok\\r\\nabc" response <<EOT
$ok_lines
body abc
more
EOT
tells 'a body that lasts until the end' "$ok\\r\\nabc" response --closed <<EOT
$ok_lines
body abc
done close
EOT
tells 'an empty body that lasts until the end' "$ok\\r\\n" response --closed <<EOT
$ok_lines
done close
EOT
tells 'a body with a length, and closed too early' \
	"${ok}Content-Length: 4\\r\\n\\r\\nab" response --closed <<EOT
$ok_lines
field Content-Length: 4
body ab
error 502 a message that ends before it is complete
EOT
tells 'part of a status line, and closed' 'HTTP/1.1 2' response --closed <<EOT
error 502 a message that ends before it is complete
EOT
tells 'a response, and closed' "$ok$empty" response --closed <<EOT
$ok_lines
field Content-Length: 0
done keep
EOT
tells 'nothing from a server, and closed' '' response --closed </dev/null
tells 'a bad response, with 502' 'HTTP/1.1 20 OK\r\n\r\n' response <<EOT
error 502 a status line that is not version, code, reason
EOT
tells 'an answer to HEAD' "${ok}Content-Length: 4\\r\\n\\r\\n" response --request-method=HEAD <<EOT
$ok_lines
field Content-Length: 4
done keep
EOT
tells 'all answer HEAD' \
	"${ok}Content-Length: 4\\r\\n\\r\\n${ok}Content-Length: 4\\r\\n\\r\\n" response \
	--request-method=HEAD <<EOT
$ok_lines
field Content-Length: 4
done keep
--
$ok_lines
field Content-Length: 4
done keep
EOT
tells 'the first answers HEAD, the others GET' \
	"HTTP/1.1 100 \\r\\n\\r\\n${ok}Content-Length: 1\\r\\n\\r\\n${ok}Content-Length: 1\\r\\n\\r\\na" \
	response --request-method=HEAD,GET <<EOT
version 1.1
status 100
reason 
done keep
--
$ok_lines
field Content-Length: 1
done keep
--
$ok_lines
field Content-Length: 1
body a
done keep
EOT
tells 'a tunnel' "$ok\\r\\nabc" response --request-method=CONNECT <<EOT
$ok_lines
done close
rest 3
EOT
tells 'no tunnel' "HTTP/1.1 403 No\\r\\nContent-Length: 1\\r\\n\\r\\na" response \
	--request-method=CONNECT <<EOT
version 1.1
status 403
reason No
field Content-Length: 1
body a
done keep
EOT
tells 'a server that switches protocols' \
	'HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nab' response <<EOT
version 1.1
status 101
reason Yes
field Connection: upgrade
field Upgrade: x
done close
rest 2
EOT

# ---- how it is called ----

for split in whole bytes; do
	events "$get" request --split=$split
	[ $status = 0 ] && [ "$(cat "$scratch/told")" = "$get_lines" ]
	verdict $? "--split=$split"
done

events "$get" --split=bytes request
[ $status = 0 ] && [ "$(cat "$scratch/told")" = "$get_lines" ]
verdict $? 'options may stand first'

events '' --help
[ $status = 0 ] && [ ! -s "$scratch/said" ] && grep '^usage: ' "$scratch/told" >/dev/null
verdict $? '--help is printed and is no error'

refuses 'no KIND' KIND
refuses 'a KIND that is none' reply reply
refuses 'two KINDs' response request response
refuses 'an unknown option' --frob request --frob
refuses 'a split that is none' some request --split=some
refuses 'a method that is none' 'methods' response --request-method=

./tests/tools/http-events request <"$scratch" >"$scratch/told" 2>"$scratch/said"
[ $? = 1 ] && [ ! -s "$scratch/told" ] && grep 'standard input' "$scratch/said" >/dev/null
verdict $? 'input that cannot be read'

exit $failed
