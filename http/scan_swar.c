/*
 * scan_swar.c: the pass in plain C, eight octets at a time.
 */
#include "http/scan.h"
#include "http/word.h"

static bool here(void)
{
	return true;
}

/* n < 8 octets as a word, with zeros behind them. */
static uint64_t last_word(const uint8_t *octets, uint32_t n)
{
	uint64_t word = 0;

	for (uint32_t i = 0; i < n; i++)
		word |= (uint64_t)octets[i] << 8 * i;
	return word;
}

static uint64_t block(const uint8_t *octets)
{
	uint64_t marks = 0;

	for (uint32_t at = 0; at < WEIR__BLOCK; at += 8)
		marks |= weir__gather(weir__not_value(weir__word(octets + at))) << at;
	return marks;
}

/* n < 64 octets; the first zero behind them is marked as well. */
static uint64_t few(const uint8_t *octets, uint32_t n)
{
	uint64_t marks = 0;
	uint32_t at = 0;

	for (; at + 8 <= n; at += 8)
		marks |= weir__gather(weir__not_value(weir__word(octets + at))) << at;
	return marks | weir__gather(weir__not_value(last_word(octets + at, n - at))) << at;
}

static bool scan(const uint8_t *octets, uint32_t len, weir__marks *marks)
{
	for (; len >= WEIR__BLOCK; len -= WEIR__BLOCK, octets += WEIR__BLOCK)
		(*marks++)[WEIR__VALUE_ENDS] = block(octets);
	if (len)
		(*marks)[WEIR__VALUE_ENDS] = few(octets, len);
	return false;
}

const struct weir__scan_way weir__scan_swar = {"swar", scan, here};
