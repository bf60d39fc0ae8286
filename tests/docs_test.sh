#!/bin/sh
# Do the documents still say what is so? Man pages against the public headers, the README of each
# room against its files, and what the documents name against the tree: sh tests/docs_test.sh
#
# Reads the source tree only (WEIR_SRCDIR). Speaks TAP.

# shellcheck source=tests/judge.sh
. "${0%/*}/judge.sh"

# ---- man pages ----

# The statements of a header, one a line, without comments and preprocessor.
statements()
{
	grep -v '^[[:blank:]]*#' "$1" | tr '\n' ' ' |
		awk '{ gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, ""); gsub(/[;{}]/, "&\n"); print }' |
		sed 's/^[[:space:]]*//'
}

functions_declared()
{
	statements "$1" | grep -v '^typedef' |
		sed -n 's/^[^(]*[ *]\(weir_[a-z0-9_]*\)(.*;$/\1/p' | sort -u
}

functions_described()
{
	sed -n '/^\.Sh DESCRIPTION/q; s/^\.F[no] \(weir_[a-z0-9_]*\).*/\1/p' "$1" | sort -u
}

# The members of the structs of options, callbacks among them.
options_declared()
{
	statements "$1" | awk '
		/^typedef struct weir_[a-z]*_opts/ { inside = 1; next }
		/^}/ { inside = 0 }
		inside { print }' |
		sed 's/^.*(\*\([a-z_]*\))(.*/\1/; s/, /;/g; s/^.*[ *]\([a-z_0-9;]*\);$/\1/' |
		tr ';' '\n' | sort -u
}

# page HEADER PAGE: does the one describe the other?
page()
{
	functions_declared "$1" >"$scratch/declared"
	functions_described "$2" >"$scratch/described"
	at_least 1 "$1 declares functions" "$scratch/declared"
	comm -23 "$scratch/declared" "$scratch/described" >"$scratch/left"
	empty "each function of $1 is in the synopsis of $2" "$scratch/left"
	comm -13 "$scratch/declared" "$scratch/described" >"$scratch/left"
	empty "$2 has no other" "$scratch/left"

	sed '1,/^\.Sh DESCRIPTION/d' "$2" >"$scratch/text"
	while read -r name; do
		grep -w -e "$name" "$scratch/text" >/dev/null || echo "$name"
	done <"$scratch/declared" >"$scratch/left"
	empty "$2 says of each what it does" "$scratch/left"

	options_declared "$1" >"$scratch/options"
	at_least 1 "$1 declares options" "$scratch/options"
	while read -r name; do
		grep -w -e "$name" "$scratch/text" >/dev/null || echo "$name"
	done <"$scratch/options" >"$scratch/left"
	empty "$2 names each option" "$scratch/left"
}

page core/weir.h core/weir.3
statements core/weir.h | tr -c 'A-Z_' '\n' | grep '^WEIR_E[A-Z]' | sort -u >"$scratch/codes"
at_least 1 'core/weir.h has codes of errors' "$scratch/codes"
while read -r code; do
	grep "^\.It Dv $code\$" core/weir.3 >/dev/null || echo "$code"
done <"$scratch/codes" >"$scratch/left"
empty 'core/weir.3 names each code of an error' "$scratch/left"
page http/weir_http.h http/weir_http.3

for page in core/weir.3 http/weir_http.3; do
	if command -v mandoc >/dev/null 2>&1; then
		mandoc -Tlint -Wwarning "$page" >"$scratch/left" 2>&1
		empty "mandoc has nothing against $page" "$scratch/left"
	else
		tests=$((tests + 1))
		echo "ok - mandoc has nothing against $page # SKIP mandoc is not here"
	fi
done

# ---- each room's README names its files ----

# What a document has between backquotes and where its links lead, a word a line.
quoted()
{
	{
		tr '\n' ' ' <"$1" | tr '`' '\n' | awk 'NR % 2 == 0'
		links "$1"
	} | tr ' ' '\n' | sort -u
}

links()
{
	awk '{ gsub(/\]\(/, "\n](") ; print }' "$1" | sed -n 's/^\](\([^):#]*\)).*/\1/p'
}

# unnamed FOLDER: files of which its README does not speak, `sys_*.c` speaking of many.
unnamed()
{
	quoted "$1/README.md" >"$scratch/words"
	for file in "$1"/*; do
		file=${file#"$1"/}
		case $file in
		README.md | *.o) continue ;;
		esac
		[ -d "$1/$file" ] && file=$file/
		# A program that a build left in the source tree.
		[ -f "$1/$file.c" ] && continue
		while read -r word; do
			# shellcheck disable=SC2254
			case $file in
			${word#"$1"/}) continue 2 ;;
			esac
		done <"$scratch/words"
		echo "$1/$file"
	done
}

for room in backend core http tests bench; do
	unnamed "$room" >"$scratch/left"
	empty "$room/README.md names all that is in $room/" "$scratch/left"
done

# ---- what the documents name is there ----

documents=$(ls ./*.md ./*/*.md ./*/*/*.md)

for document in $documents; do
	links "$document" | while read -r link; do
		[ -e "${document%/*}/$link" ] || echo "$document: $link"
	done
done >"$scratch/left"
empty 'links lead to files' "$scratch/left"

for document in $documents; do
	quoted "$document" | grep '^[A-Za-z][A-Za-z0-9_*/.]*\.\(c\|h\|sh\|md\|http\)$' |
		grep -v -x -e config.h | while read -r name; do
		find . -path "*/$name" -type f | grep . >/dev/null || echo "$document: $name"
	done
done >"$scratch/left"
empty 'files that are named are there' "$scratch/left"

# The lines of code and the words between backquotes.
code()
{
	sed -n 's/^    //p' "$1"
	tr '\n' ' ' <"$1" | tr '`' '\n' | awk 'NR % 2 == 0'
}

for document in $documents; do
	code "$document" | grep -o '\(^\|[&;] *\)make [a-z][a-z/-]*' | sed 's/.*make //' |
		while read -r target; do
			grep "^$target:" Makefile >/dev/null || [ -f "$target.c" ] ||
				echo "$document: make $target"
		done
	code "$document" | grep 'configure' | grep -o -e '--[a-z][a-z-]*' | while read -r option; do
		grep -e "^	*${option}[=*]* *[|)]" configure >/dev/null || echo "$document: configure $option"
	done
done >"$scratch/left"
empty 'make and configure know what they are told' "$scratch/left"

finish
