# shellcheck shell=sh
# What do the figures in the files of results say? Read by bench/run.sh and bench/summary.sh.
#
# A file of results has a line of column names, then a line for each measurement, with tabs between.
# Of measurements that were taken in turns, those with the same number in the column `pair` were taken
# one right after the other: what is compared are they.

# spread: of numbers, one a line: the least, the median, the most, and how many there are.
spread()
{
	sort -n | awk '
		{ value[NR] = $1 }
		END {
			if (NR == 0)
				exit
			middle = (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2
			print value[1], middle, value[NR], NR
		}'
}

# values FILE COLUMN [WHERE=VALUE]…: that column of the lines of which the rest holds.
# shellcheck disable=SC2016
select_rows='
	function read_names(    i) {
		for (i = 1; i <= NF; i++)
			at[$i] = i
		conditions = split(where, condition, "\n")
	}
	function holds(    i, part) {
		for (i = 1; i <= conditions; i++) {
			split(condition[i], part, "=")
			if (!(part[1] in at) || $at[part[1]] != part[2])
				return 0
		}
		return 1
	}
	function known(value) {
		return value ~ /^-?[0-9.]+(e[-+]?[0-9]+)?$/ && value >= 0
	}
	NR == 1 { read_names(); next }'

# lines WORD…: so that a condition may have blanks.
lines()
{
	[ $# = 0 ] || printf '%s\n' "$@"
}

values()
{
	[ -f "$1" ] || return 0
	values_file=$1
	values_column=$2
	shift 2
	WHERE=$(lines "$@") awk -F'\t' -v column="$values_column" '
		BEGIN { where = ENVIRON["WHERE"] }'"$select_rows"'
		column in at && holds() && known($at[column]) { print $at[column] }' "$values_file"
}

# ratios FILE COLUMN OF TO [WHERE=VALUE]…: of each pair, the column of the line whose name is OF
# divided by that of the line whose name is TO.
ratios()
{
	[ -f "$1" ] || return 0
	ratios_file=$1
	ratios_column=$2
	ratios_of=$3
	ratios_to=$4
	shift 4
	WHERE=$(lines "$@") awk -F'\t' -v column="$ratios_column" -v of="$ratios_of" -v to="$ratios_to" '
		BEGIN { where = ENVIRON["WHERE"] }'"$select_rows"'
		!(column in at) || !holds() || !known($at[column]) { next }
		$at["name"] == of { upper[$at["pair"]] = $at[column] }
		$at["name"] == to { lower[$at["pair"]] = $at[column] }
		END {
			for (pair in upper)
				if (lower[pair] > 0)
					printf "%.5f\n", upper[pair] / lower[pair]
		}' "$ratios_file"
}

# median_of FILE COLUMN [WHERE=VALUE]…: or nothing.
median_of()
{
	values "$@" | spread | awk '{ print $2 }'
}
