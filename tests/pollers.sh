# shellcheck shell=sh
# What the scripts share that put another poller under the conformance suite; they read it in their
# first lines, in a build folder. Makes $scratch; $src is the source tree.
#
# Only the poller is compiled anew, kqueue and /dev/poll with their stand-ins: all else is what was
# built in the folder.

LC_ALL=C
export LC_ALL
src=$(cd "${WEIR_SRCDIR:-$(dirname "$0")/..}" && pwd -P) || exit 1
scratch=$(mktemp -d "${TMPDIR:-/tmp}/weir-pollers.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' HUP INT TERM

# What the caller's environment asks is not asked here.
WEIR_SRCDIR=$src CMOCKA_MESSAGE_OUTPUT=TAP
export WEIR_SRCDIR CMOCKA_MESSAGE_OUTPUT
unset WEIR_STANDIN_STRICT WEIR_STANDIN_DEVPOLL WEIR_CONFORMANCE_SHARED WEIR_CONFORMANCE_TRACE \
	WEIR_CONFORMANCE_ONLY

standins=$src/tests/standins
# shellcheck source=tests/standins/link.sh
. "$standins/link.sh"

# As the objects of the folder were compiled: sanitizers are among these.
standard=$(sed -n 's/^STANDARD = //p' config.mk)
flags=$(sed -n 's/^CFLAGS = //p' config.mk)

# The backends that can run here: for the scripts.
# shellcheck disable=SC2034
backends='epoll kqueue devpoll select'
# shellcheck disable=SC2034
[ "$(uname -s)" = Linux ] || backends=select

# stand_in_for BACKEND OBJECT FLAG…: compiles its stand-in, where it needs one.
stand_in_for()
{
	# shellcheck disable=SC2086 # lists
	case $1 in
	kqueue | devpoll) stand_in "$@" $standard $flags -w ;;
	esac
}

# conformance_test BACKEND FILE STANDIN OUTPUT FLAG…: with that file as its poller.
conformance_test()
{
	backend=$1 file=$2 standin=$3 output=$4
	shift 4
	case $backend in
	kqueue | devpoll) set -- "$@" "$(wraps "$backend")" "$standin" ;;
	esac
	# With a library that checks its macros: FD_SET beyond FD_SETSIZE aborts.
	# shellcheck disable=SC2086 # lists
	${CC:-cc} $standard $flags -w -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -I. -I"$src" \
		-I"$src/tests/standins/$backend" "$file" tests/backend/conform*.o libweir.a \
		"$@" -lcmocka -o "$output"
}
