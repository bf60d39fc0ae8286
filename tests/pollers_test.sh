#!/bin/sh
# Do all pollers give one trace? Whichever was configured: each that can run here is put under the
# conformance suite, in the ways in which its kernel is known to differ. Runs in a build folder.
# Speaks TAP.

# shellcheck source=tests/pollers.sh
. "${0%/*}/pollers.sh"

# way NAME BACKEND FLAG ENVIRONMENT…: a line about the whole suite in it, and what was skipped.
way()
{
	name=$1 program=$scratch/$1 poller=$2 flag=$3
	shift 3
	case " $backends " in
	*" $poller "*) ;;
	*)
		echo "ok - $name # SKIP its stand-in plays on Linux" >"$program.result"
		return
		;;
	esac
	(
		file=$src/backend/$poller.c
		if [ "$name" = select-small ]; then
			sed 's/HAVE_BIG_SELECT/0/' "$file" >"$program.c"
			file=$program.c
		fi
		stand_in_for "$poller" "$program.o" "$flag" &&
			conformance_test "$poller" "$file" "$program.o" "$program" "$flag" &&
			env "$@" "$program"
	) >"$program.said" 2>&1
	status=$?
	grep '^ok 1 - what_was_seen_is_what_is_written_down' "$program.said" >/dev/null || status=1
	passed=$(grep -c '^ok ' "$program.said")
	skipped=$(grep -c '^not ok.*# SKIP' "$program.said")
	if [ $status = 0 ]; then
		echo "ok - $name: $passed passed, $skipped cannot be played"
	else
		echo "not ok - $name"
		grep -v '^ok ' "$program.said" | sed 's/^/# /' | tail -n 60
	fi >"$program.result"
}

# In the order of the words below, and at most five at a time, since they mostly wait.
way epoll epoll -O2 A= &
way epoll-all-shared epoll -O2 WEIR_CONFORMANCE_SHARED=1 &
way select select -O2 A= &
way select-small select -O2 A= &
way kqueue-freebsd kqueue -DSTANDIN_FREEBSD A= &
way kqueue-netbsd-strict kqueue -DSTANDIN_NETBSD WEIR_STANDIN_STRICT=1 &
wait
# Every drop may be of a shared descriptor: then there is no knote at any close.
way kqueue-no-knotes kqueue -DSTANDIN_FREEBSD WEIR_STANDIN_STRICT=knotes WEIR_CONFORMANCE_SHARED=1 &
way devpoll-illumos-strict devpoll -O2 WEIR_STANDIN_DEVPOLL=illumos WEIR_STANDIN_STRICT=1 &
way devpoll-solaris10 devpoll -O2 WEIR_STANDIN_DEVPOLL=solaris10 &
wait

cat "$scratch"/*.result
echo "1..$(cat "$scratch"/*.result | grep -c '^[no]')"
! grep '^not ok' "$scratch"/*.result >/dev/null
