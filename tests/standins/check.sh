#!/bin/sh
# Do the stand-ins still behave as written down?  Builds them and the programs beside this script
# in every shape and mode, and compares what they print with what is expected.  One line for each
# comparison; the exit status says whether all agree.
#
# Environment: CC (cc), CFLAGS (-O1 -g), LDFLAGS.

here=$(cd "$(dirname "$0")" && pwd) || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

warnings='-Wall -Wextra -Wconversion -Wshadow -Wundef -pedantic -Werror -std=c11'
# shellcheck source=tests/standins/link.sh
. "$here/link.sh"
failed=0

result() { # status name
	if [ "$1" -eq 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
		failed=1
	fi
}

build() { # output stand-in program flags…
	output=$1 standin=$2 program=$3
	shift 3
	# shellcheck disable=SC2046,SC2086 # the flags are lists
	${CC:-cc} $warnings ${CFLAGS--O1 -g} "$@" $(wraps "$standin") -I"$here/$standin" "$here/$standin/$standin.c" \
		"$here/$program" ${LDFLAGS-} -pthread -o "$work/$output"
	result $? "$output builds"
}

# What the caller's environment asks of the stand-ins is not asked here.
unset WEIR_STANDIN_STRICT WEIR_STANDIN_DEVPOLL
# The strict stand-ins abort: no core files, where the shell can say so.
# shellcheck disable=SC3045
ulimit -c 0 2>/dev/null || :

facts() { # program mode expectation
	WEIR_STANDIN_DEVPOLL=$2 "$work/$1" >"$work/$1.out" && diff "$here/$3" "$work/$1.out"
	result $? "$1 says what $3 says"
}

# What strict mode is asked for; kqueue has a second level.
level=1

ends() { # program use message
	# Its own shell, so that nothing is said of the signal here.
	(
		WEIR_STANDIN_STRICT=$level "$work/$1" "$2" >"$work/$1.out" 2>"$work/$1.err"
		exit $?
	) 2>/dev/null
	status=$?
	[ "$status" -gt 128 ] && [ ! -s "$work/$1.out" ] && grep -q "$3" "$work/$1.err"
	result $? "$1 ends at $2, level $level"
}

passes() { # program use
	WEIR_STANDIN_STRICT=$level "$work/$1" "$2" >"$work/$1.out" && grep -qx passed "$work/$1.out"
	result $? "$1 lets $2 pass, level $level"
}

for shape in FREEBSD NETBSD; do
	# shellcheck disable=SC2086 # the flags are lists
	build "kqueue-facts-$shape" kqueue kqueue_facts.c -DSTANDIN_$shape
	facts "kqueue-facts-$shape" '' kqueue.expected
	# shellcheck disable=SC2086
	build "kqueue-strict-$shape" kqueue kqueue_strict.c -DSTANDIN_$shape
	ends "kqueue-strict-$shape" add-after-close 'not open'
	ends "kqueue-strict-$shape" delete-after-close 'not open'
	passes "kqueue-strict-$shape" close-with-knote
	passes "kqueue-strict-$shape" delete-twice
	passes "kqueue-strict-$shape" close-kqueue-with-knote
	level=knotes
	ends "kqueue-strict-$shape" add-after-close 'not open'
	ends "kqueue-strict-$shape" close-with-knote 'closed while it has a knote'
	passes "kqueue-strict-$shape" delete-and-close
	passes "kqueue-strict-$shape" close-kqueue-with-knote
	passes "kqueue-strict-$shape" close-in-child
	level=1
done

for bits in 32 64; do
	# shellcheck disable=SC2086
	build "devpoll-facts-off$bits" devpoll devpoll_facts.c -D_FILE_OFFSET_BITS=$bits
	for mode in illumos solaris10; do
		facts "devpoll-facts-off$bits" "$mode" "devpoll-$mode.expected"
	done
done

# shellcheck disable=SC2086
build devpoll-strict devpoll devpoll_strict.c
ends devpoll-strict close-with-entry 'closed while it is in the set'
ends devpoll-strict fewer-events 'old events stay set'
ends devpoll-strict remove-among-other-bits 'does not remove'
ends devpoll-strict out-of-range 'out of range'
ends devpoll-strict add-over-stale-entry 'another descriptor of that number'
passes devpoll-strict remove-and-close
passes devpoll-strict more-events
passes devpoll-strict fewer-events-after-removal
passes devpoll-strict close-in-child
ends devpoll-strict exchanged-events 'old events stay set'
ends devpoll-strict remove-among-old-bits 'does not remove'
passes devpoll-strict exchanged-events-after-removal
passes devpoll-strict remove-unknown
passes devpoll-strict close-without-entry

exit $failed
