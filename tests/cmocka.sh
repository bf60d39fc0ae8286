#!/bin/sh
# Builds cmocka for another system or processor: sh tests/cmocka.sh FOLDER CC [FLAG…]
#
# Makes FOLDER/lib/libcmocka.a and FOLDER/include/cmocka.h, which are what configure wants:
#
#     sh tests/cmocka.sh /tmp/c mips-linux-gnu-gcc
#     ./configure --host=mips-linux-gnu CPPFLAGS=-I/tmp/c/include LDFLAGS=-L/tmp/c/lib
#
# The source is Debian's, fetched by apt with lists of its own, so that nothing of the system's is
# changed. Where it cannot be had, one line says why.
#
#   WEIR_CMOCKA_SOURCE  where the source is kept from one call to the next (default: FOLDER/src)
#   AR, RANLIB          if those of the compiler will not do: commands, perhaps with arguments

die()
{
	echo "no cmocka: $*" >&2
	exit 1
}

[ $# -ge 2 ] || die 'usage: sh tests/cmocka.sh FOLDER CC [FLAG…]'
mkdir -p "$1/lib" "$1/include" || die "$1 cannot be written"
folder=$(cd "$1" && pwd) || exit 1
shift
source=${WEIR_CMOCKA_SOURCE:-$folder/src}
mkdir -p "$source" || die "$source cannot be written"
source=$(cd "$source" && pwd) || exit 1

# What apt installs from, as where sources are.
source_lists()
{
	apt-cache policy libcmocka-dev 2>/dev/null |
		sed -n 's|^ *[0-9-]* \([a-z]*://[^ ]*\) \([^/ ]*\)/\([^ ]*\) .* Packages$|deb-src \1 \2 \3|p'
}

fetch()
{
	command -v apt-get >/dev/null 2>&1 || die 'its source comes by apt, which is not here'
	mkdir -p "$source/lists/partial" "$source/cache/archives/partial"
	source_lists >"$source/list"
	[ -s "$source/list" ] || die 'apt does not know libcmocka-dev (apt-get update?)'
	set -- -o Dir::Etc::sourcelist="$source/list" -o Dir::Etc::sourceparts=- \
		-o Dir::State::lists="$source/lists" -o Dir::Cache="$source/cache" \
		-o APT::Sandbox::User="$(id -un)"
	(
		cd "$source" && apt-get "$@" update && apt-get "$@" source --download-only cmocka &&
			for archive in cmocka_*.orig.tar.?z; do tar xf "$archive"; done
	) >"$source/log" 2>&1 || die "its source was not to be had: $(tail -n 1 "$source/log")"
	rm -rf "$source/lists" "$source/cache"
}

# The folder that the archive holds.
find_source()
{
	for file in "$source"/cmocka-*/src/cmocka.c; do
		unpacked=${file%/src/cmocka.c}
	done
	[ -f "$unpacked/src/cmocka.c" ]
}

find_source || { fetch && find_source; } || die "its source is not as expected: see $source"
cp "$unpacked/include/cmocka.h" "$unpacked/include/cmocka_pbc.h" "$folder/include" || exit 1

# What cmocka's own build asks of the system: all that weir's tests run on has these.
cat >"$folder/config.h" <<'END'
#define HAVE_INTTYPES_H 1
#define HAVE_SIGNAL_H 1
#define HAVE_STRINGS_H 1
#define HAVE_STRUCT_TIMESPEC 1
#define HAVE_CLOCK_REALTIME 1
#define HAVE_CLOCK_GETTIME 1
#define HAVE_SIGLONGJMP 1
#define HAVE_STRSIGNAL 1
#define HAVE_GCC_THREAD_LOCAL_STORAGE 1
#define WORDS_SIZEOF_VOID_P __SIZEOF_POINTER__
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define WORDS_BIGENDIAN 1
#endif
END
"$@" -std=gnu99 -w -O1 -DHAVE_CONFIG_H -I"$folder" -I"$unpacked/include" \
	-c -o "$folder/cmocka.o" "$unpacked/src/cmocka.c" >"$folder/log" 2>&1 ||
	die "$* does not compile it: $(grep -m 1 error "$folder/log")"

# A compiler for another processor knows the archiver that belongs to it.
: "${AR=$("$@" -print-prog-name=ar 2>/dev/null)}"
rm -f "$folder/lib/libcmocka.a"
${AR:-ar} rc "$folder/lib/libcmocka.a" "$folder/cmocka.o" || die "${AR:-ar} makes no archive"
${RANLIB:-:} "$folder/lib/libcmocka.a"
