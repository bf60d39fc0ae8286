#!/bin/sh
# Builds the fuzzers with libFuzzer, in a folder: sh tests/fuzz/build.sh FOLDER [CFLAGS]
#
# CFLAGS are -O2 -g unless given; address and undefined sanitizers always come with them. Says why it
# cannot, with status 2, where clang is not here or has no libFuzzer.

src=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
folder=$1
flags=${2:--O2 -g}
checks=address,undefined
mkdir -p "$folder" && cd "$folder" || exit 1

if ! command -v clang >/dev/null 2>&1; then
	echo 'clang is not here'
	exit 2
fi
cat >probe.c <<-'EOP'
	#include <stddef.h>
	int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
	int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
	{
		return data == NULL && size > 0;
	}
EOP
clang -fsanitize=fuzzer,$checks -o probe probe.c 2>probe.log
status=$?
rm -f probe probe.c
if [ $status != 0 ]; then
	echo 'this clang has no libFuzzer (Debian: libclang-rt-14-dev)'
	exit 2
fi

# The main of replay.c makes room for libFuzzer's, which only the fuzzers are linked with.
{
	"$src/configure" CC=clang CPPFLAGS=-DWEIR_LIBFUZZER \
		CFLAGS="$flags -fsanitize=fuzzer-no-link,$checks -fno-sanitize-recover=all" &&
		make -j2 fuzzers FUZZ_LIBS=-fsanitize=fuzzer,$checks
} >build.log 2>&1 || {
	tail -n 20 build.log
	exit 1
}
