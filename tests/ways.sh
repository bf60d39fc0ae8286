# shellcheck shell=sh
# What is a way? A configuration in which weir is built and tested, what came of it, and what that
# proves. tests/matrix.sh reads this, and has $src, $scratch, $only, $jobs and $all.
#
# Variables come from there and from tests/processors.sh:
# shellcheck disable=SC2034,SC2154

have()
{
	command -v "$1" >/dev/null 2>&1
}

# without NAME WHY: this way cannot be run here.
without()
{
	wanted "$1" || return 0
	printf '%-18s not here: %s\n' "$1" "$2"
}

# The sums of tests/run.sh's last line: "N passed, N failed[, N skipped]".
sums()
{
	sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed\(, \([0-9]*\) skipped\)*$/\1 \2 \4/p' "$1" |
		tail -n 1
}

# wanted NAME: is this way, or are all, asked for?
wanted()
{
	case $only in *[!\ ]*) ;; *) return 0 ;; esac
	case $only in *" $1 "*) ;; *) return 1 ;; esac
}

# What a way is about: those of other processors, C libraries and stand-ins say so, and whether
# their programs are emulated, which macros are empty, which tests are built, and what the conformance
# suite with select is called if it is run, too.
system=$(uname -s)
[ "$system" != Linux ] || system='Linux (glibc)'
! ldd --version 2>&1 | grep musl >/dev/null || system='Linux (musl)'
processor=$(uname -m)
level=executed
how=natively
emulator=
leave_out=
parts=
beside=

# listed NAME: the programs of a list of the Makefile.
listed()
{
	sed -n "/^$1 = /,/^\$/s/^	\(.*\)\.c .*/\1/p" "$src/Makefile" | tr '\n' ' '
}

# way NAME TESTS [OPTION…]: configures, builds and tests in a folder of its own, and leaves three
# numbers in NAME.sums. A build that fails, or a run without a test, is a failure like others.
way()
{
	# On one line, as make wants lists.
	# shellcheck disable=SC2086,SC2116
	name=$1 tests=$(echo $2)
	shift 2
	wanted "$name" || return 0
	begin=$(date +%s)
	mkdir -p "$scratch/$name"
	(
		cd "$scratch/$name" && "$src/configure" --enable-werror "$@" || exit 1
		# shellcheck disable=SC2086,SC2116
		set -- $leave_out ${parts:+"TEST_PROGRAMS=$(echo $parts)"}
		make -j"$jobs" "$@" all && make -j"$jobs" "$@" test-programs && select_beside && emulate &&
			make "$@" check ${tests:+"TESTS=$tests"} && tell_events
	) >"$scratch/$name.log" 2>&1
	status=$?
	# shellcheck disable=SC2046
	set -- $(sums "$scratch/$name.log") 0 0 0
	if [ "$2" = 0 ] && { [ $status != 0 ] || [ "$1" = 0 ]; }; then
		set -- "$1" 1 "$3"
	fi
	[ "$2" != 0 ] || prove "$name"
	report "$name" "$1" "$2" "$3"
}

# report NAME PASSED FAILED SKIPPED: says and keeps the sums; NAME.log was written since $begin.
report()
{
	echo "$2 $3 $4" >"$scratch/$1.sums"
	printf '%-18s %5s passed, %s failed, %s skipped, %s s\n' "$1" "$2" "$3" "$4" \
		$(($(date +%s) - begin))
	if [ "$3" = 0 ]; then
		grep '^    skipped:' "$scratch/$1.log" | sort -u
	else
		mv "$scratch/$1.log" "$scratch/$1.failed"
	fi
}

# tell_events: what the parser tells of all fixtures here, to be compared at the end.
tell_events()
{
	[ ! -x tests/tools/fixture-events ] ||
		WEIR_SRCDIR=$src ./tests/tools/fixture-events >"$scratch/$name.events"
}

# row BACKEND LEVEL HOW: see tests/support.sh.
row()
{
	printf '%s\t%s\t%s\t%s\t%s\n' "$system" "$processor" "$1" "$2" "$3" >>"$WEIR_SUPPORT"
}

# unproved: of this system and processor nothing can be said.
unproved()
{
	row '*' untried -
}

# prove NAME: what a way that passed has shown.
prove()
{
	[ "$level" != none ] || return 0
	row "$(sed -n 's/^BACKEND = //p' "$scratch/$1/config.mk")" "$level" "$how"
	[ -z "$beside" ] || row select "$level" 'select: the conformance suite'
}
