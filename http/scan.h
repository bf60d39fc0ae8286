/*
 * scan.h: how far does a run of harmless octets reach?
 *
 * The parser spends its time here and nowhere else: three functions that, from
 * an offset on, find the first octet that is not of a kind. They look at eight
 * octets at once in a plain 64-bit word. Whoever brings wider registers
 * replaces these three and nothing else.
 *
 * How a word tells. For an octet x < 0x80, (x - n) borrows into bit 7 when x < n,
 * and (y - 1) does when y = x ^ c is 0, that is when x is c. The borrow may run
 * on and flag octets above that are innocent, never one below: so the lowest
 * flag is always true, and only that one is believed.
 */
#ifndef WEIR_HTTP_SCAN_H
#define WEIR_HTTP_SCAN_H

#include <stdint.h>
#include <string.h>

enum weir__octet {
	WEIR__TOKEN = 1,    /* RFC 9110 5.6.2 */
	WEIR__TARGET = 2,   /* 0x21-0x7E without '#' */
	WEIR__VALUE = 4,    /* 0x20-0x7E, 0x80-0xFF, HTAB */
	WEIR__REG_NAME = 8, /* RFC 3986 3.2.2 without '%' */
	WEIR__HEX = 16
};

extern const uint8_t weir__octets[256];

static inline int weir__is(uint8_t octet, unsigned kinds)
{
	return (weir__octets[octet] & kinds) != 0;
}

#define WEIR__EACH(octet) (0x0101010101010101u * (uint64_t)(octet))
#define WEIR__HIGH WEIR__EACH(0x80)

/* Offset of the lowest flagged octet of a word that was loaded from memory. */
#if defined(__GNUC__) && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static inline uint32_t weir__lowest(uint64_t flags)
{
	return (uint32_t)__builtin_ctzll(flags) >> 3;
}

static inline uint64_t weir__word(const uint8_t *octets)
{
	uint64_t word;

	memcpy(&word, octets, sizeof word);
	return word;
}
#else
static inline uint32_t weir__lowest(uint64_t flags)
{
	uint32_t n = 0;

	while (!(flags >> (8 * n) & 0x80))
		n++;
	return n;
}

static inline uint64_t weir__word(const uint8_t *octets)
{
	uint64_t word = 0;

	for (int i = 7; i >= 0; i--)
		word = word << 8 | octets[i];
	return word;
}
#endif

/*
 * These two flag octets that are c, or below n <= 0x80. Both may lie above the
 * lowest flag, and about octets from 0x80 on: weir__true takes those out.
 */
static inline uint64_t weir__equal(uint64_t word, uint8_t c)
{
	return (word ^ WEIR__EACH(c)) - WEIR__EACH(1);
}

static inline uint64_t weir__below(uint64_t word, uint8_t n)
{
	return word - WEIR__EACH(n);
}

static inline uint64_t weir__true(uint64_t flags, uint64_t word)
{
	return flags & ~word & WEIR__HIGH;
}

/* Flags octets that no field value holds, and HTAB. */
static inline uint64_t weir__not_value(uint64_t word)
{
	return weir__true(weir__below(word, 0x20) | weir__equal(word, 0x7f), word);
}

/* Flags octets that no target holds. */
static inline uint64_t weir__not_target(uint64_t word)
{
	return weir__true(weir__below(word, 0x21) | weir__equal(word, 0x7f) |
	                          weir__equal(word, '#'),
	                  word) |
	       (word & WEIR__HIGH);
}

/*
 * Flags octets that are no letter, digit or '-', of which nearly all names are
 * made. Without their high bits the octets cannot carry into one another, so
 * here every flag is true.
 */
static inline uint64_t weir__not_word(uint64_t word)
{
	const uint64_t low = word & ~WEIR__HIGH;
	const uint64_t small = low | WEIR__EACH(0x20);
	const uint64_t letter =
		(small + WEIR__EACH(0x80 - 'a')) & ~(small + WEIR__EACH(0x7f - 'z'));
	const uint64_t digit = (low + WEIR__EACH(0x80 - '0')) & ~(low + WEIR__EACH(0x7f - '9'));
	const uint64_t dash = ~((low ^ WEIR__EACH('-')) + WEIR__EACH(0x7f));

	return (~(letter | digit | dash) | word) & WEIR__HIGH;
}

/* The first octet from `at` on, below `end`, that is not of these kinds. */
static inline uint32_t weir__scan_few(const uint8_t *data, uint32_t at, uint32_t end,
                                      unsigned kinds)
{
	while (at < end && weir__is(data[at], kinds))
		at++;
	return at;
}

static inline uint32_t weir__scan_token(const uint8_t *data, uint32_t at, uint32_t end)
{
	while (end - at >= 8) {
		const uint64_t flags = weir__not_word(weir__word(data + at));

		if (!flags) {
			at += 8;
			continue;
		}
		at += weir__lowest(flags);
		if (!weir__is(data[at], WEIR__TOKEN))
			return at;
		at++;
	}
	return weir__scan_few(data, at, end, WEIR__TOKEN);
}

static inline uint32_t weir__scan_target(const uint8_t *data, uint32_t at, uint32_t end)
{
	while (end - at >= 8) {
		const uint64_t flags = weir__not_target(weir__word(data + at));

		if (flags)
			return at + weir__lowest(flags);
		at += 8;
	}
	return weir__scan_few(data, at, end, WEIR__TARGET);
}

static inline uint32_t weir__scan_value(const uint8_t *data, uint32_t at, uint32_t end)
{
	while (end - at >= 8) {
		const uint64_t flags = weir__not_value(weir__word(data + at));

		if (!flags) {
			at += 8;
			continue;
		}
		at += weir__lowest(flags);
		if (data[at] != '\t')
			return at;
		at++;
	}
	return weir__scan_few(data, at, end, WEIR__VALUE);
}

#endif
