# shellcheck shell=sh
# Which servers are measured, and how is each started? All of them have one worker, keep
# connections for as long as they are asked, write no access log and reply the same 12 octets. Read by
# bench/run.sh; configurations and programs of peers are in bench/peers/.
#
# Variables come from there and go there:
# shellcheck disable=SC2034,SC2154

own_servers='weir floor threads threads-reused prefork'
peer_servers='nginx lighttpd haproxy h2o evhttp microhttpd node'

# prefork has so many processes at most.
most_processes=1024

# ---- which are here ----

# Compiles a server that stands on a library, where it is found; nothing of weir is in it.
compile_peer()
{
	have "${CC%% *}" || return 1
	# shellcheck disable=SC2086
	$CC -O2 -D_DEFAULT_SOURCE -o "$scratch/$1" "$source/bench/peers/$1.c" "$2" \
		>"$scratch/compile" 2>&1
}

# Debian keeps servers where only root looks.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

is_here()
{
	case $1 in
	weir) [ -x tests/examples/hello ] ;;
	threads-reused) [ -x bench/threads ] ;;
	floor | threads | prefork) [ -x "bench/$1" ] ;;
	evhttp) [ -x "$scratch/evhttp" ] || compile_peer evhttp -levent ;;
	microhttpd) [ -x "$scratch/microhttpd" ] || compile_peer microhttpd -lmicrohttpd ;;
	*) have "$1" ;;
	esac
}

version_of()
{
	case $1 in
	nginx) nginx -v 2>&1 | sed 's/.*nginx.//' ;;
	lighttpd) lighttpd -v | sed -n '1s/^lighttpd.\([^ ]*\).*/\1/p' ;;
	haproxy) haproxy -v | sed -n '1s/.*version \([^ ]*\).*/\1/p' ;;
	h2o) h2o -v | sed -n '1s/.*version //p' ;;
	node) node -v ;;
	evhttp) version_in event2/event.h LIBEVENT_VERSION ;;
	# 0x00097500 is 0.9.75.
	microhttpd)
		version_in microhttpd.h MHD_VERSION | sed 's/^0x//' |
			awk '{ printf "%d.%d.%d\n", substr($1, 1, 2), substr($1, 3, 2), substr($1, 5, 2) }'
		;;
	esac
}

# A version that is a macro of a header.
version_in()
{
	# shellcheck disable=SC2086
	printf '#include <%s>\nversion %s\n' "$1" "$2" | $CC -E -P -xc - 2>/dev/null |
		sed -n 's/^version //p' | tr -d '"'
}

# Sets $here: of those that are asked for (BENCH_SERVERS), the ones that can be started.
find_servers()
{
	here=
	for name in ${BENCH_SERVERS:-$own_servers $peer_servers}; do
		if is_here "$name"; then
			here="$here $name"
		else
			skip "$name"
		fi
	done
	mkdir -p "$scratch/files"
	echo 'Hello World' >"$scratch/files/hello.txt"
}

# ---- starting ----

# What a picture or a table calls it.
label()
{
	case $1 in
	threads-reused) echo 'threads, reused' ;;
	*) echo "$1" ;;
	esac
}

# A port that is free, for those who cannot say which one they were given: asked of the system.
free_port()
{
	port_server=./tests/examples/hello
	"$port_server" 127.0.0.1:0 >"$scratch/port" 2>&1 &
	port_pid=$!
	servers="$servers $port_pid"
	await 5 grep 'listening on' "$scratch/port" >/dev/null
	end $port_pid KILL
	port=$(sed -n 's/.*listening on [^ ]*:\([0-9]*\).*/\1/p' "$scratch/port")
}

# configure FILE: fills in the template of a peer, for $workers workers.
configure()
{
	free_port
	address=127.0.0.1:$port
	master=off
	[ "$workers" = 1 ] || master=on
	sed -e "s|@PORT@|$port|; s|@FOLDER@|$scratch|; s|@FILES@|$files|; s|@MASTER@|$master|" \
		-e "s|@CONNECTIONS@|$most_connections|; s|@WORKERS@|$workers|" \
		"$source/bench/peers/$1" >"$scratch/$1"
}

# Sets $command, and $address where the server does not say it.
command_of()
{
	address=
	tree=
	case $1 in
	weir) command='./tests/examples/hello 127.0.0.1:0' ;;
	service) command="./tests/examples/service 127.0.0.1:0 --workers=$workers" tree=--tree ;;
	floor) command='./bench/floor 127.0.0.1:0' ;;
	threads) command='./bench/threads 127.0.0.1:0' ;;
	threads-reused) command='./bench/threads 127.0.0.1:0 --reuse' ;;
	prefork) command="./bench/prefork 127.0.0.1:0 --processes=$processes" tree=--tree ;;
	nginx)
		configure nginx.conf
		command="nginx -c $scratch/nginx.conf"
		[ "$workers" = 1 ] || tree=--tree
		;;
	lighttpd)
		configure lighttpd.conf
		command="lighttpd -D -f $scratch/lighttpd.conf"
		;;
	haproxy)
		configure haproxy.cfg
		command="haproxy -db -q -f $scratch/haproxy.cfg"
		;;
	h2o)
		configure h2o.conf
		command="h2o -c $scratch/h2o.conf"
		;;
	evhttp) command=$scratch/evhttp ;;
	microhttpd) command="$scratch/microhttpd $most_connections" ;;
	node) command="node $source/bench/peers/node.js" ;;
	esac
}

# Does it reply what all of them are to reply?
replies()
{
	if [ -z "$address" ]; then
		address=$(sed -n 's/.*listening on \([^ ]*\).*/\1/p' "$scratch/said")
		[ -n "$address" ] || return 1
	fi
	printf 'GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n' |
		"$tools/ask" "$address" --ms=150 2>/dev/null | grep -x 'Hello World' >/dev/null
}

# start NAME: on a free port of 127.0.0.1; sets $server, $address and $tree, and keeps them for `use`.
workers=1
processes=64
start()
{
	command_of "$1"
	on=$on_server
	[ "$workers" = 1 ] || on=$on_both
	: >"$scratch/said"
	# shellcheck disable=SC2086
	$on $command >"$scratch/said" 2>"$scratch/errors" &
	server=$!
	servers="$servers $server"
	if await 5 replies; then
		echo "server=$server address=$address tree=$tree" >"$scratch/server.$1"
		return 0
	fi
	progress "$1 does not start: $(tail -n 1 "$scratch/errors")"
	end "$server" KILL
	return 1
}

# use NAME: turns to a server that was started before.
use()
{
	eval "$(cat "$scratch/server.$1")"
}
