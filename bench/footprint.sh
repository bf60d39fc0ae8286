# shellcheck shell=sh
# The section of the bench on what programs take: file, memory, text of the parser, and which parts of
# the library they pull in. Builds of its own, in the scratch folder: for size, and static with musl
# where that is here. Read by bench/run.sh.
#
# Variables come from there and go there:
# shellcheck disable=SC2034,SC2154

# build_small FOLDER OPTION…: a library and hello in a folder of the scratch folder, which is $small then.
build_small()
{
	small=$scratch/$1
	shift
	mkdir -p "$small"
	within 180 build_there CC="$small_cc" CFLAGS="$small_flags" LDFLAGS="$small_link" "$@" \
		>"$scratch/small.log" 2>&1
}

# Runs in a process of its own. Jobs of a make that called this are not to be waited for.
build_there()
{
	cd "$small" || exit 1
	unset MAKEFLAGS MFLAGS MAKELEVEL
	sh "$source_full/configure" "$@" && exec make libweir.a tests/examples/hello
}

# link_map FOLDER SOURCE|hello: links a program, and lists which objects of the library are in it.
link_map()
{
	map_object=$1/tests/examples/hello.o
	[ "$2" = hello ] || map_object=$source/bench/footprint/$2.c
	# shellcheck disable=SC2086
	$small_cc -std=c11 -Os -I"$1/include" -o "$1/$2" "$map_object" "$1/libweir.a" $small_link \
		"-Wl,-Map=$1/$2.map" >"$scratch/map.log" 2>&1 || return 1
	awk '
		/^Archive member included/ { inside = 1 }
		/^(Discarded|Memory|There are|Merging|Allocating|As-needed)/ { inside = 0 }
		inside && /^[^ \t].*libweir\.a\(/ { sub(/.*libweir\.a\(/, ""); sub(/\).*/, ""); print }' \
		"$1/$2.map" | sort
}

# text_of FOLDER OBJECT…: the octets of code and constants, without tables for unwinding.
text_of()
{
	text_folder=$1
	shift
	for object; do
		size -A "$text_folder"/*/"$object"
	done | awk '/^\.(text|rodata)/ { sum += $2 } END { print sum + 0 }'
}

# figure WHAT VALUE NOTE
figure()
{
	printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$table"
	printf '  %s: %s %s\n' "$1" "$2" "$3"
}

# Octets that a process has written to and that are its own alone. (Pages of the program itself may be
# dirty, too: its file was written just now.)
private_octets()
{
	awk '$1 ~ /^[0-9a-f]+-[0-9a-f]+$/ { writable = $2 ~ /w/ }
		/^Private_Dirty:/ && writable { sum += $2 }
		END { if (sum) print sum * 1024 }' "/proc/$1/smaps" 2>/dev/null
}

section_footprint()
{
	begin_results footprint
	printf 'what\toctets\tnote\n' >"$table"
	# As for an appliance: no tables for unwinding, and functions that nobody calls are left out.
	small_flags='-Os -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables'
	small_cc=$CC small_link='-pthread -Wl,--gc-sections' small_kind='dynamic, -Os, sections'
	if have musl-gcc; then
		small_cc=musl-gcc small_link='-static -Wl,--gc-sections'
		small_kind='static, musl, -Os, sections'
	else
		skip musl-gcc 'sizes are those of dynamic programs'
	fi
	if ! have size || ! have strip; then
		skip footprint 'size and strip are not here'
		return 0
	fi
	build_small small || {
		wrong "the small build: $(tail -n 1 "$scratch/small.log")"
		return 0
	}
	measure_hello
	list_parts
	measure_parser 'parser, chosen at run time' "$small"
	build_small fixed --scan=swar && measure_parser 'parser, fixed: swar' "$small"
}

measure_hello()
{
	strip -o "$small/hello.stripped" "$small/tests/examples/hello"
	figure hello "$(wc -c <"$small/hello.stripped")" "$small_kind, stripped"
	"$small/hello.stripped" 127.0.0.1:0 >"$scratch/said" 2>&1 &
	server=$!
	servers="$servers $server"
	address=
	await 5 replies
	grown=$(private_octets "$server")
	[ -z "$grown" ] || figure 'hello, private' "$grown" "$small_kind, idle after a request"
	end "$server" KILL
}

# What is linked into a program that uses one part only?
list_parts()
{
	for program in tcp hello; do
		link_map "$small" "$program" >"$scratch/members"
		if ! [ -s "$scratch/members" ]; then
			skip 'maps of what is linked' "$(tail -n 1 "$scratch/map.log")"
			return 0
		fi
		members=$(tr '\n' ' ' <"$scratch/members")
		# shellcheck disable=SC2086
		figure "parts of $program" "$(text_of "$small" $members)" "$members"
		cp "$scratch/members" "$scratch/members.$program"
	done
	figure 'http in tcp' "$(in_room http tcp)" 'objects'
	figure 'not asked for in hello' "$(unasked | wc -l)" \
		"of clusters, channels, children, clients, pools, files: $(unasked | tr '\n' ' ')"
}

# in_room ROOM PROGRAM: how many of its objects are of that room?
in_room()
{
	while read -r object; do
		[ ! -f "$small/$1/$object" ] || echo "$object"
	done <"$scratch/members.$2" | wc -l
}

unasked()
{
	unasked='cluster|roster|place|door|worker|chan|child|spawn|fork|sys_process'
	unasked="$unasked|client|agent|work|pool|files?|resolve|dgram"
	grep -x -E "($unasked)\.o" "$scratch/members.hello"
}

measure_parser()
{
	members=$(link_map "$2" parse | tr '\n' ' ')
	[ -n "$members" ] || return 0
	# shellcheck disable=SC2086
	figure "$1" "$(text_of "$2" $members)" "$members"
}
