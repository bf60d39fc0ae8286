/*
 * octets.h: which octet may stand where?
 *
 * The grammar asks it of single octets through a table, and of longer runs that no
 * marks tell of (scan.h) eight at a time.
 */
#ifndef WEIR_HTTP_OCTETS_H
#define WEIR_HTTP_OCTETS_H

#include <stdbool.h>
#include <stdint.h>

#include "http/word.h"

enum weir__octet {
	WEIR__TOKEN = 1,    /* RFC 9110 5.6.2 */
	WEIR__TARGET = 2,   /* 0x21-0x7E without '#' */
	WEIR__VALUE = 4,    /* 0x20-0x7E, 0x80-0xFF, HTAB */
	WEIR__REG_NAME = 8, /* RFC 3986 3.2.2 without '%' */
	WEIR__HEX = 16,
	WEIR__DIGIT = 32
};

extern const uint8_t weir__octets[256];

/*
 * Tokens again, for look-ups in tables of 16. An octet's low half gives the bits
 * of all high halves with which it makes one, its high half gives one bit: what
 * they have in common is not 0 for the octets of a token.
 */
extern const uint8_t weir__low_half[16], weir__high_half[16];

static inline int weir__octet_is(uint8_t octet, unsigned kinds)
{
	return (weir__octets[octet] & kinds) != 0;
}

/* RFC 9110 5.6.3: what may stand around a value and between its parts. */
static inline bool weir__is_blank(uint8_t octet)
{
	return octet == ' ' || octet == '\t';
}

/* The first octet from `at` on, below `end`, that is not of these kinds. */
static inline uint32_t weir__run(const uint8_t *data, uint32_t at, uint32_t end, unsigned kinds)
{
	while (at < end && weir__octet_is(data[at], kinds))
		at++;
	return at;
}

/* The same where one of another kind is known to follow, as the CR behind a value. */
static inline uint32_t weir__run_on(const uint8_t *data, uint32_t at, unsigned kinds)
{
	while (weir__octet_is(data[at], kinds))
		at++;
	return at;
}

/*
 * The same eight octets at a time, for tokens, targets and values (but for HTAB,
 * which ends this run).
 */
static inline uint32_t weir__token_end(const uint8_t *data, uint32_t at, uint32_t end)
{
	while (end - at >= 8) {
		const uint64_t flags = weir__not_word(weir__word(data + at));

		if (!flags) {
			at += 8;
			continue;
		}
		at += weir__flagged(flags);
		if (!weir__octet_is(data[at], WEIR__TOKEN))
			return at;
		at++;
	}
	return weir__run(data, at, end, WEIR__TOKEN);
}

static inline uint32_t weir__target_end(const uint8_t *data, uint32_t at, uint32_t end)
{
	for (; end - at >= 8; at += 8) {
		const uint64_t flags = weir__not_target(weir__word(data + at));

		if (flags)
			return at + weir__flagged(flags);
	}
	return weir__run(data, at, end, WEIR__TARGET);
}

/* ... and for names of hosts, of which one of another kind is known to follow. */
static inline uint32_t weir__host_end(const uint8_t *data, uint32_t at, uint32_t end)
{
	while (end - at >= 8) {
		const uint64_t flags = weir__not_host(weir__word(data + at));

		if (flags)
			break;
		at += 8;
	}
	return weir__run_on(data, at, WEIR__REG_NAME);
}

static inline uint32_t weir__value_end(const uint8_t *data, uint32_t at, uint32_t end)
{
	for (; end - at >= 8; at += 8) {
		const uint64_t flags = weir__not_value(weir__word(data + at));

		if (flags)
			return at + weir__flagged(flags);
	}
	while (at < end && weir__octet_is(data[at], WEIR__VALUE) && data[at] != '\t')
		at++;
	return at;
}

#endif
