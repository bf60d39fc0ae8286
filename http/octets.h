/*
 * octets.h: which octet may stand where?
 *
 * The grammar asks it of single octets through a table, and of the octets of a
 * target, which no marks tell of (scan.h), eight at a time.
 */
#ifndef WEIR_HTTP_OCTETS_H
#define WEIR_HTTP_OCTETS_H

#include <stdint.h>

enum weir__octet {
	WEIR__TOKEN = 1,    /* RFC 9110 5.6.2 */
	WEIR__TARGET = 2,   /* 0x21-0x7E without '#' */
	WEIR__VALUE = 4,    /* 0x20-0x7E, 0x80-0xFF, HTAB */
	WEIR__REG_NAME = 8, /* RFC 3986 3.2.2 without '%' */
	WEIR__HEX = 16
};

extern const uint8_t weir__octets[256];

/*
 * Tokens again, for look-ups in tables of 16. An octet's low half gives the bits
 * of all high halves with which it makes one, its high half gives one bit: what
 * they have in common is not 0 for the octets of a token.
 */
extern const uint8_t weir__low_half[16], weir__high_half[16];

static inline int weir__is(uint8_t octet, unsigned kinds)
{
	return (weir__octets[octet] & kinds) != 0;
}

/* The first octet from `at` on, below `end`, that is not of these kinds. */
static inline uint32_t weir__run(const uint8_t *data, uint32_t at, uint32_t end, unsigned kinds)
{
	while (at < end && weir__is(data[at], kinds))
		at++;
	return at;
}

#endif
