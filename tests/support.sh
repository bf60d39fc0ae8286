#!/bin/sh
# On which systems and processors does weir run, and how is that known? Makes README.md's table
# from what tests/matrix.sh and tests/portcheck.sh have proved:
#
#     sh tests/support.sh ROWS           prints the table
#     sh tests/support.sh --write ROWS   puts it into README.md
#     sh tests/support.sh --check ROWS   says what README.md leaves out (that fails), and what it
#                                        says that was not proved this time
#
# ROWS is a file with a line for each thing proved, of five parts with tabs between them: SYSTEM
# PROCESSOR BACKEND LEVEL HOW. LEVEL is executed, stand-in (executed, on a stand-in for the kernel's
# interface), linked or compiled; for each backend the best counts.

src=$(cd "$(dirname "$0")/.." && pwd) || exit 1
LC_ALL=C
export LC_ALL
tab=$(printf '\t')
begin='<!-- The table is made by tests/support.sh. -->'
end='<!-- End of the table. -->'

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
	NF != 5 || !($4 in rank) || !($3 in column) {
		print "not a row: " $0 >"/dev/stderr"
		exit 1
	}
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
	expected | cat "$1" - | cells | lines
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
	table "$1" >"$1.table" || return 1
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
	table "$1" | claims | awk -F ': ' '
	BEGIN {
		rank["executed"] = 5; rank["on a stand-in"] = 4; rank["linked"] = 3
		rank["compiled"] = 2; rank["expected"] = 1
	}
	NR == FNR { written[$1] = $2; next }
	{ proved[$1] = $2 }
	END {
		for (cell in written)
			if (rank[written[cell]] > rank[proved[cell]])
				print "not proved this time: " cell ": " written[cell]
		for (cell in proved)
			if (rank[proved[cell]] > rank[written[cell]]) {
				print "README.md does not say: " cell ": " proved[cell]
				unsaid = 1
			}
		exit unsaid
	}' "$1.written" -
	status=$?
	rm -f "$1.written"
	return $status
}

case $1 in
--write) write "$2" ;;
--check) check "$2" ;;
*) table "$1" ;;
esac
