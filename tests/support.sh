#!/bin/sh
# On which systems and processors does weir run, and how is that known? Makes README.md's table
# from what tests/matrix.sh and tests/portcheck.sh have proved:
#
#     sh tests/support.sh ROWS           prints the table
#     sh tests/support.sh --write ROWS   puts it into README.md
#     sh tests/support.sh --check ROWS   says what README.md leaves out, and what it says that was
#                                        tried this time and not proved: either fails
#     sh tests/support.sh --same ROWS    says in what README.md's table differs from theirs; that fails
#
# ROWS is a file with a line for each thing proved, of five parts with tabs between them: SYSTEM
# PROCESSOR BACKEND LEVEL HOW. LEVEL is executed, stand-in (executed, on a stand-in for the kernel's
# interface), linked or compiled; for each backend the best counts. It is untried where a way could
# not be gone this time: then nothing is known, and README.md may say more. A * is any.

src=$(cd "$(dirname "$0")/.." && pwd) || exit 1
LC_ALL=C
export LC_ALL
tab=$(printf '\t')
begin='<!-- The table is made by tests/support.sh. -->'
end='<!-- End of the table. -->'

# valid ROWS: says which are none.
valid()
{
	[ -r "$1" ] || { echo "cannot read $1" >&2 && return 1; }
	awk -F "$tab" '
	NF != 5 || $4 !~ /^(executed|stand-in|linked|compiled|untried)$/ ||
	$3 !~ /^(epoll|kqueue|devpoll|select|\*)$/ {
		print "not a row: " $0
		wrong = 1
	}
	END { exit wrong }' "$1" >&2
}

# What nobody has proved, and why it should work.
expected()
{
	sed "s/ *| */$tab/g" <<-'EOT'
	FreeBSD | riscv64, powerpc64 | kqueue | expected | as on its other processors
	Solaris 11 | sparc, x86_64 | /dev/poll | expected | from its manual
	EOT
}

# One line per system and processor: a key to sort by, both, how, and a cell per backend.
cells()
{
	awk -F "$tab" '
	BEGIN {
		rank["executed"] = 5; rank["stand-in"] = 4; rank["linked"] = 3
		rank["compiled"] = 2; rank["expected"] = 1
		column["epoll"] = 1; column["kqueue"] = 2; column["/dev/poll"] = 3
		column["devpoll"] = 3; column["select"] = 4
		systems = "Linux FreeBSD NetBSD OpenBSD DragonFly macOS illumos Solaris"
	}
	$4 == "untried" { next }
	{
		row = $1 FS $2
		cell = row FS column[$3]
		if (rank[$4] > rank[best[cell]])
			best[cell] = $4
		if (rank[$4] > top[row])
			top[row] = rank[$4]
		if (index(FS how[row] FS, FS $4 "=" $5 FS) == 0)
			how[row] = how[row] FS $4 "=" $5
	}
	# Only how the best of it came about.
	function ways(row,   n, i, part, text) {
		n = split(how[row], part, FS)
		for (i = 1; i <= n; i++)
			if (rank[substr(part[i], 1, index(part[i], "=") - 1)] == top[row])
				text = text (text == "" ? "" : "; ") substr(part[i], index(part[i], "=") + 1)
		return text
	}
	function show(level) {
		return level == "stand-in" ? "on a stand-in" : level
	}
	END {
		for (row in top) {
			split(row, part, FS)
			split(part[1], word, " ")
			place = index(systems, word[1])
			printf "%03d.%d\t%s\t%s", place ? place : 999, 9 - top[row], row, ways(row)
			for (i = 1; i <= 4; i++)
				printf "\t%s", show(best[row FS i])
			print ""
		}
	}' | sort
}

# Processors of which the same is known share a line.
lines()
{
	awk -F "$tab" '
	{
		known = $1 FS $2 FS $4 FS $5 FS $6 FS $7 FS $8
		if (!(known in processors))
			order[++n] = known
		processors[known] = processors[known] (processors[known] == "" ? "" : ", ") $3
	}
	END {
		for (i = 1; i <= n; i++) {
			split(order[i], part, FS)
			line = "| " part[2] " | " processors[order[i]] " |"
			for (j = 4; j <= 7; j++)
				line = line (part[j] == "" ? " |" : " " part[j] " |")
			print line " " part[3] " |"
		}
	}'
}

table()
{
	echo "$begin"
	echo
	echo '| system | processor | epoll | kqueue | /dev/poll | select | how |'
	echo '|---|---|---|---|---|---|---|'
	# Ways that run side by side come in any order.
	expected | sort "$1" - | cells | lines
	echo
	echo "$end"
}

# What README.md has, between the marks.
written()
{
	sed -n "\\,^$begin\$,,\\,^$end\$,p" "$src/README.md"
}

write()
{
	table "$1" >"$1.table"
	awk -v begin="$begin" -v end="$end" -v table="$1.table" '
	$0 == begin {
		while ((getline line <table) > 0)
			print line
		skipping = 1
	}
	!skipping { print }
	$0 == end { skipping = 0 }' "$src/README.md" >"$1.readme" &&
		cat "$1.readme" >"$src/README.md" && rm "$1.table" "$1.readme"
}

# A line per cell that says something: SYSTEM PROCESSOR BACKEND LEVEL. How it came about is left out.
claims()
{
	awk -F ' *[|] *' 'BEGIN { split("epoll kqueue /dev/poll select", backend, " ") }
	/^\| / && !/^\| system / {
		n = split($3, processor, ", ")
		for (i = 4; i <= 7; i++)
			for (j = 1; $i != "" && j <= n; j++)
				print $2 ", " processor[j] ", " backend[i - 3] ": " $i
	}'
}

check()
{
	written | claims >"$1.written"
	table "$1" | claims | cat "$1" - | awk -v written="$1.written" '
	BEGIN {
		rank["executed"] = 5; rank["on a stand-in"] = 4; rank["linked"] = 3
		rank["compiled"] = 2; rank["expected"] = 1
		name["devpoll"] = "/dev/poll"
	}
	# Whether a way to this could not be gone.
	function untried(cell,   i) {
		for (i = 1; i <= n; i++)
			if ((system_[i] == "*" || index(cell, system_[i] ", ") == 1) &&
			    (processor[i] == "*" || index(cell, ", " processor[i] ", ")) &&
			    (poller[i] == "*" || cell ~ (", " poller[i] "$")))
				return 1
		return 0
	}
	split($0, part, "\t") == 5 {
		if (part[4] == "untried") {
			system_[++n] = part[1]; processor[n] = part[2]
			poller[n] = part[3] in name ? name[part[3]] : part[3]
		}
		next
	}
	split($0, part, ": ") { proved[part[1]] = part[2] }
	END {
		while ((getline line <written) > 0) {
			split(line, part, ": ")
			cell = part[1]; level = part[2]; said[cell] = level
			if (rank[level] > rank[proved[cell]] && !untried(cell)) {
				print "not proved: " cell ": " level
				wrong = 1
			}
		}
		for (cell in proved)
			if (rank[proved[cell]] > rank[said[cell]]) {
				print "README.md does not say: " cell ": " proved[cell]
				wrong = 1
			}
		exit wrong
	}'
	status=$?
	rm -f "$1.written"
	return $status
}

same()
{
	table "$1" >"$1.table"
	written | diff - "$1.table"
	status=$?
	rm -f "$1.table"
	return $status
}

case $1 in
--*) rows=$2 ;;
*) rows=$1 ;;
esac
valid "$rows" || exit 1
case $1 in
--write) write "$rows" ;;
--check) check "$rows" ;;
--same) same "$rows" ;;
*) table "$rows" ;;
esac
