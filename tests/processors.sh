# shellcheck shell=sh
# Which ways are there for processors and C libraries that are not this machine's own? tests/matrix.sh
# reads this; what is called here and not defined is there.
#
# Programs are linked statically. Those that this machine cannot run are run by qemu-user, which
# launch.c of tests/standins/emulator calls under their names, and are linked with repair.c of that
# folder, which puts right what the emulator gets wrong.
#
# Variables go there and come from there:
# shellcheck disable=SC2034,SC2154

# ---- what is emulated ----

# repaired: options that lead calls of what $repair defines there.
repaired()
{
	nm -P "$repair" | sed -n 's/^__wrap_\([^ ]*\) T .*/-Wl,--wrap=\1/p' | tr '\n' ' '
}

# runs CC…: can this machine run what it compiles?
runs()
{
	echo 'int main(void) { return 0; }' >"$scratch/probe.c"
	"$@" ${static+-static} -o "$scratch/probe" "$scratch/probe.c" 2>/dev/null &&
		"$scratch/probe" 2>/dev/null
}

# emulate: in the build folder, puts launch.c in the place of each program, once. Does nothing where
# no emulator is wanted.
emulate()
{
	[ -n "$emulator" ] || return 0
	${CC:-cc} -O1 -DEMULATOR="\"$emulator\"" -o launch.bin "$src/tests/standins/emulator/launch.c" ||
		return 1
	find tests -type f -perm -u=x ! -name '*.*' \
		-exec mv {} {}.target \; -exec cp launch.bin {} \;
}

# ---- what is built and run ----

# What most depends on the processor, and what goes through the kernel's structures; the rest does so
# through these, and takes minutes where it is emulated. (The parser's fixtures are told by
# fixture-events in any case.)
few='tests/backend/conformance_test tests/backend/sys_test tests/backend/fd_test
	tests/backend/file_test tests/backend/socket_test tests/unit/octets_test tests/unit/scan_test
	tests/unit/index_test tests/unit/head_test tests/unit/addr_test tests/unit/trust_test
	tests/unit/size_test tests/loopback/loop_test tests/loopback/timer_test'
some="$few tests/memio/http_conn_test tests/memio/http_limit_test tests/memio/http_fixture_test
	tests/loopback/stream_test tests/loopback/http_test"

# select_beside: in the build folder of another poller, the conformance suite with select; nothing
# where no such thing is wanted.
select_beside()
{
	[ -n "$beside" ] || return 0
	same="$compiler $(sed -n 's/^STANDARD = //p' config.mk) -O1"
	# An object of its own: one linker puts what it compiles itself behind the archives.
	# shellcheck disable=SC2086
	$same -I. -I"$src" -c -o beside.o "$src/backend/select.c" &&
		$same -o $beside beside.o tests/backend/conform*.o libweir.a $links -lcmocka $repair
}

# find_runner NAME RUNNER: empties $emulator where this machine runs what $compiler makes; else it is
# RUNNER. False, and says so, where there is neither the one nor the other.
find_runner()
{
	emulator=
	if ! have "${compiler%% *}"; then
		without "$1" "${compiler%% *}"
		return 1
	fi
	# shellcheck disable=SC2086
	if runs $compiler || emulator=$(command -v "$2"); then
		return 0
	fi
	without "$1" 'nothing that runs its programs (qemu-user-static)'
	return 1
}

# prepare NAME: cmocka in $libraries, and in $links and $repair what else programs are linked with.
prepare()
{
	libraries=$scratch/libraries-$1
	# shellcheck disable=SC2086
	if ! sh "$src/tests/cmocka.sh" "$libraries" $compiler 2>"$scratch/why"; then
		without "$1" "$(cat "$scratch/why")"
		return 1
	fi
	links="${static+-static }-L$libraries/lib" repair=
	[ -n "$emulator" ] || return 0
	repair=$scratch/repair-$1.o
	# If that fails, so does the way.
	# shellcheck disable=SC2086
	$compiler -O1 -c "$src/tests/standins/emulator/repair.c" -o "$repair"
	links="$links $(repaired)"
}

# in_turn NAME MUCH: false, and says so, where this way is left to make check-all, for its time.
in_turn()
{
	case $2$all$only in
	later*" $1 "*) ;;
	laterno*)
		without "$1" 'run by make check-all'
		return 1
		;;
	esac
}

# choose MUCH: which programs are built, and how that is called. What measures and what fuzzes is not
# run here, and what scripts need only with all else.
choose()
{
	leave_out='BENCH_PROGRAMS= FUZZ_PROGRAMS=' optimize=-O1
	case $all$1 in
	yes* | noall)
		parts=$(listed '[A-Z]*_TESTS')
		return
		;;
	nosome) parts=$some ;;
	*) parts=$few optimize=-O0 ;;
	esac
	how="$how, a part of the suite"
	leave_out="$leave_out EXAMPLE_PROGRAMS= TOOL_PROGRAMS=tests/tools/fixture-events"
}

# elsewhere NAME PROCESSOR RUNNER MUCH CC… [-- OPTION…]: on epoll few, some or all programs, or later
# few, and on select the conformance suite. RUNNER is the name of an emulator, tried if this machine
# does not run what CC makes.
elsewhere()
{
	place=$1 processor=$2 runner=$3 much=$4 compiler=
	shift 4
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		compiler="$compiler${compiler:+ }$1"
		shift
	done
	[ $# = 0 ] || shift
	wanted "$place" || return 0
	if ! { in_turn "$place" "$much" && find_runner "$place" "$runner" && prepare "$place"; }; then
		unproved
		return 0
	fi
	how=${old_library:-natively}
	if [ -n "$emulator" ]; then
		how=qemu-user
		# The emulator has sets of its own for select, of the usual size.
		set -- "$@" --without=big_select
	fi
	choose "$much"
	beside=tests/backend/conformance_select
	way "$place" "$programs $beside" --backend=epoll "$@" CC="$compiler" CFLAGS=$optimize \
		CPPFLAGS="-isystem $libraries/include" LDFLAGS="$links" LIBS="$repair"
	emulator='' leave_out='' parts='' beside=''
}

# ---- the ways ----

# The packages are Debian's gcc-TRIPLE and libc6-dev-…-cross. Endianness and alignment are watched by
# the undefined behaviour sanitizer on one of 64 bits that begins with the large end, and on one of 32.
processors_lane()
{
	export WEIR_QUICK=1
	# An emulator may need several times as long, and so does a malloc that asks the kernel often.
	export WEIR_TEST_SECONDS=480
	static=yes
	elsewhere s390x s390x qemu-s390x-static some s390x-linux-gnu-gcc -- \
		--host=s390x-linux-gnu --enable-sanitizers=undefined
	elsewhere mips mips qemu-mips-static few mips-linux-gnu-gcc -- --host=mips-linux-gnu
	elsewhere armhf armhf qemu-arm-static few arm-linux-gnueabihf-gcc -- \
		--host=arm-linux-gnueabihf --enable-sanitizers=undefined
	elsewhere arm64 arm64 qemu-aarch64-static later aarch64-linux-gnu-gcc -- --host=aarch64-linux-gnu
	elsewhere riscv64 riscv64 qemu-riscv64-static later riscv64-linux-gnu-gcc -- \
		--host=riscv64-linux-gnu
	# The package is gcc-12-multilib: gcc-multilib does not go together with those above.
	# The emulator of this one dies now and then of programs with threads.
	export WEIR_TEST_AGAIN=255
	i386='gcc-12 -m32 -idirafter /usr/include/x86_64-linux-gnu'
	# As the other processors of 32 bits have time, too.
	# shellcheck disable=SC2086
	elsewhere i386 i386 qemu-i386-static later $i386
	# As old programs have it: configure asks for 64 bits otherwise.
	system='Linux (glibc, 32-bit time_t)'
	# shellcheck disable=SC2086
	elsewhere i386-time32 i386 qemu-i386-static later $i386 -D_TIME_BITS=32
	unset WEIR_TEST_AGAIN
	system='Linux (musl)'
	# Its CMSG_NXTHDR gives that warning wherever it stands.
	elsewhere musl "$(uname -m)" none few musl-gcc -Wno-sign-conversion
	# With its headers and what there is to link with; the library that the programs find is newer.
	system='Linux (glibc 2.17)' level=linked old_library='its headers, by zig; run on a newer one'
	unset static
	elsewhere glibc-2.17 x86_64 none later "${ZIG:-zig}" cc -target x86_64-linux-gnu.2.17
}
