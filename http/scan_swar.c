/*
 * scan_swar.c: the pass in plain C, eight octets at a time.
 *
 * Values are marked throughout. To do the same for names would cost more than
 * all the rest, and most of it in vain: so their marks are looked for only where
 * a name is, from the beginning of each line on.
 */
#include "http/octets.h"
#include "http/scan.h"
#include "http/word.h"

static bool here(void)
{
	return true;
}

static uint64_t mark_values(const uint8_t *octets)
{
	uint64_t marks = 0;

	for (unsigned i = 0; i < WEIR__BLOCK; i += 8)
		marks |= weir__gather(weir__not_value(weir__word(octets + i))) << i;
	return marks;
}

/* The first octet from `at` on that no token has; WEIR__BLOCK if there is none. */
static unsigned name_end(const uint8_t *octets, unsigned at)
{
	while (at + 8 <= WEIR__BLOCK) {
		const uint64_t flags = weir__not_word(weir__word(octets + at));

		if (!flags) {
			at += 8;
			continue;
		}
		at += weir__flagged(flags);
		if (!weir__is(octets[at], WEIR__TOKEN))
			return at;
		at++;
	}
	return weir__run(octets, at, WEIR__BLOCK, WEIR__TOKEN);
}

/* Where the first line begins at or behind `at`; LFs are among the marks of values. */
static unsigned line_begin(const uint8_t *octets, uint64_t values, unsigned at)
{
	for (uint64_t rest = values >> at << at; rest; rest &= rest - 1)
		if (octets[weir__lowest(rest)] == '\n')
			return weir__lowest(rest) + 1;
	return WEIR__BLOCK + 1;
}

/* *in_name: a name has begun before the block, or goes on behind it. */
static uint64_t mark_names(const uint8_t *octets, uint64_t values, bool *in_name)
{
	unsigned at = *in_name ? 0 : line_begin(octets, values, 0);
	uint64_t marks = 0;

	while (at < WEIR__BLOCK) {
		at = name_end(octets, at);
		if (at == WEIR__BLOCK)
			break;
		marks |= UINT64_C(1) << at;
		at = line_begin(octets, values, at);
	}
	*in_name = at == WEIR__BLOCK;
	return marks;
}

static void scan(const uint8_t *octets, size_t blocks, weir__marks *marks)
{
	bool in_name = true;

	for (size_t i = 0; i < blocks; i++, octets += WEIR__BLOCK) {
		marks[i][WEIR__VALUE_ENDS] = mark_values(octets);
		marks[i][WEIR__NAME_ENDS] =
			mark_names(octets, marks[i][WEIR__VALUE_ENDS], &in_name);
	}
}

const struct weir__scan_way weir__scan_swar = {"swar", scan, here};
