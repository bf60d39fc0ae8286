#!/bin/sh
# Draws lines: sh bench/plot.sh TITLE X-LABEL Y-LABEL <POINTS >FILE.svg
#
# POINTS is a line `NAME x y` for each point, with tabs between, a line's points from left to right.
# Both axes are logarithmic, so points have to be above 0; others are left out. The background is
# white, whatever page the picture is on.

LC_ALL=C
export LC_ALL
if [ $# != 3 ]; then
	echo 'usage: plot.sh TITLE X-LABEL Y-LABEL <POINTS >FILE.svg' >&2
	exit 2
fi
TITLE=$1 X_LABEL=$2 Y_LABEL=$3 exec awk -F'\t' '
function log10(x) {
	return log(x) / log(10)
}
function escape(text) {
	gsub(/&/, "\\&amp;", text)
	gsub(/</, "\\&lt;", text)
	gsub(/>/, "\\&gt;", text)
	return text
}
# 12345.6 as 12,346; 0.25 as it is.
function plain(value,    text, grouped) {
	if (value < 1)
		return sprintf("%g", value)
	text = sprintf("%.0f", value)
	grouped = ""
	while (length(text) > 3) {
		grouped = "," substr(text, length(text) - 2) grouped
		text = substr(text, 1, length(text) - 3)
	}
	return text grouped
}
# The greatest of 1, 2, 5, 10, 20 … that is not above the value, or the least that is not below.
function rounded(value, up,    power, i, last) {
	power = 10 ^ int(log10(value) + 100) / 10 ^ 100
	last = power
	for (i = 1; i <= 4; i++) {
		if (up && power * step[i] >= value * 0.9999)
			return power * step[i]
		if (!up && power * step[i] > value * 1.0001)
			return last
		last = power * step[i]
	}
	return last
}
function x_of(value) {
	return left + (log10(value) - log10(x_least)) / (log10(x_most) - log10(x_least)) * width
}
function y_of(value) {
	return top + height - (log10(value) - log10(y_least)) / (log10(y_most) - log10(y_least)) * height
}
function text_at(x, y, anchor, more, text) {
	printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>%s</text>\n", x, y, anchor, more,
		escape(text)
}
function line(x1, y1, x2, y2, color) {
	printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", x1, y1, x2, y2,
		color
}
function marker(shape, x, y, color) {
	if (shape == 0)
		printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\"", x, y
	else if (shape == 1)
		printf "<rect x=\"%.1f\" y=\"%.1f\" width=\"7.4\" height=\"7.4\"", x - 3.7, y - 3.7
	else if (shape == 2)
		printf "<path d=\"M%.1f %.1fl4.6 8h-9.2z\"", x, y - 4.8
	else
		printf "<path d=\"M%.1f %.1fl4.8 4.8l-4.8 4.8l-4.8-4.8z\"", x, y - 4.8
	printf " fill=\"%s\" stroke=\"#ffffff\" stroke-width=\"1\"/>\n", color
}
# A name keeps its color in all pictures. `name, more` is a variant: of the same color, with dashes.
function known_colors() {
	color["weir"] = color["epoll"] = "#0b5fd6"; color["floor"] = "#222222"
	color["threads"] = color["select"] = "#d62728"; color["prefork"] = "#8c564b"
	color["nginx"] = "#2a9d3a"; color["lighttpd"] = "#9a9a00"; color["haproxy"] = "#8e44ad"
	color["h2o"] = "#12a5a5"; color["evhttp"] = "#e377c2"; color["microhttpd"] = "#7f8fa6"
	color["node"] = "#e0a800"
	others = split("#2a9d3a #8e44ad #e0a800 #12a5a5 #8c564b #e377c2 #7f8fa6", other, " ")
	wide["weir"] = 1
}
function choose_styles(    i, base) {
	known_colors()
	for (i = 1; i <= names; i++) {
		base = name[i]
		sub(/,.*/, "", base)
		if (!(base in color))
			color[base] = other[used++ % others + 1]
		color[name[i]] = color[base]
		shape[name[i]] = (i - 1) % 4
		if (base != name[i] || base == "floor")
			dashes[name[i]] = "6 4"
		if (right < 76 + length(name[i]) * 7.4)
			right = int(76 + length(name[i]) * 7.4)
	}
}
function begin_picture() {
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\"",
		left + width + right, top + height + bottom, left + width + right, top + height + bottom
	print " font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\" fill=\"#222222\">"
	printf "<title>%s</title>\n", escape(ENVIRON["TITLE"])
	print "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>"
	text_at(left, 30, "start", " font-size=\"17\" font-weight=\"bold\"", ENVIRON["TITLE"])
}
# Lines at 1 to 9 of each power of ten, the powers darker, with labels; where there are only few of
# them, 2 and 5 have labels, too.
function draw_ticks(least, most, vertical,    power, i, value, labelled, few) {
	few = most / least < 3000
	for (power = 10 ^ int(log10(least) + 100) / 10 ^ 100; power <= most * 1.0001; power *= 10)
		for (i = 1; i <= 9; i++) {
			value = power * i
			if (value < least * 0.9999 || value > most * 1.0001)
				continue
			labelled = i == 1 || few && (i == 2 || i == 5)
			draw_tick(value, vertical, labelled)
		}
}
function draw_tick(value, vertical, labelled,    at, shade) {
	shade = labelled ? "#cfd4da" : "#eef0f2"
	if (vertical) {
		at = y_of(value)
		line(left, at, left + width, at, shade)
		if (labelled)
			text_at(left - 9, at + 4.5, "end", "", plain(value))
	} else {
		at = x_of(value)
		line(at, top, at, top + height, shade)
		if (labelled)
			text_at(at, top + height + 20, "middle", "", plain(value))
	}
}
function draw_frame() {
	draw_ticks(x_least, x_most, 0)
	draw_ticks(y_least, y_most, 1)
	printf "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#8a9099\"/>\n",
		left, top, width, height
	text_at(left + width / 2, top + height + 46, "middle", "", ENVIRON["X_LABEL"])
	text_at(0, 0, "middle", sprintf(" transform=\"translate(22 %.1f) rotate(-90)\"",
		top + height / 2), ENVIRON["Y_LABEL"])
}
function stroke(who) {
	return sprintf("fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" stroke-linejoin=\"round\"%s",
		color[who], (who in wide) ? "3.4" : "1.9",
		(who in dashes) ? " stroke-dasharray=\"" dashes[who] "\"" : "")
}
function draw_series(who,    i) {
	printf "<polyline %s points=\"", stroke(who)
	for (i = 1; i <= count[who]; i++)
		printf "%s%.1f,%.1f", (i == 1 ? "" : " "), x_of(x[who, i]), y_of(y[who, i])
	print "\"/>"
	for (i = 1; i <= count[who]; i++)
		marker(shape[who], x_of(x[who, i]), y_of(y[who, i]), color[who])
}
# In the order in which the lines end on the right, the longer ones first among equals.
function sort_by_end(    i, j, held) {
	for (i = 1; i <= names; i++)
		sorted[i] = name[i]
	for (i = 2; i <= names; i++) {
		held = sorted[i]
		for (j = i - 1; j >= 1 && y[sorted[j], count[sorted[j]]] < y[held, count[held]]; j--)
			sorted[j + 1] = sorted[j]
		sorted[j + 1] = held
	}
}
function draw_legend(    i, at, start) {
	sort_by_end()
	start = left + width + 20
	for (i = 1; i <= names; i++) {
		at = top + 12 + (i - 1) * 24
		printf "<path d=\"M%.1f %.1fh30\" %s/>\n", start, at, stroke(sorted[i])
		marker(shape[sorted[i]], start + 15, at, color[sorted[i]])
		text_at(start + 40, at + 4.5, "start",
			(sorted[i] in wide) ? " font-weight=\"bold\"" : "", sorted[i])
	}
}
BEGIN {
	step[1] = 1; step[2] = 2; step[3] = 5; step[4] = 10
	left = 96; right = 160; top = 50; bottom = 62; width = 600; height = 380
}
$2 > 0 && $3 > 0 {
	if (!($1 in count))
		name[++names] = $1
	x[$1, ++count[$1]] = $2
	y[$1, count[$1]] = $3
	if (!points++) {
		x_least = x_most = $2
		y_least = y_most = $3
	}
	x_least = $2 < x_least ? $2 : x_least; x_most = $2 > x_most ? $2 : x_most
	y_least = $3 < y_least ? $3 : y_least; y_most = $3 > y_most ? $3 : y_most
}
END {
	if (!points)
		exit 1
	x_least = rounded(x_least, 0); x_most = rounded(x_most, 1)
	y_least = rounded(y_least, 0); y_most = rounded(y_most, 1)
	if (x_least == x_most)
		x_most *= 10
	if (y_least == y_most)
		y_most *= 10
	choose_styles()
	begin_picture()
	draw_frame()
	for (i = names; i >= 1; i--)
		draw_series(name[i])
	draw_legend()
	print "</svg>"
}'
