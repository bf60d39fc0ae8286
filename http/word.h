/*
 * word.h: eight octets at once, in a plain 64-bit word.
 *
 * How a word tells. Without their high bits the octets of a word cannot carry
 * into one another: x + (0x80 - n) then sets bit 7 of just those octets that are
 * n or more. So a flag is the high bit of an octet, and each flag is true.
 */
#ifndef WEIR_HTTP_WORD_H
#define WEIR_HTTP_WORD_H

#include <stdint.h>

#include "core/compiler.h"

#define WEIR__EACH(octet) (0x0101010101010101u * (uint64_t)(octet))
#define WEIR__HIGH WEIR__EACH(0x80)

/* The first octet is the lowest, whatever order the processor keeps: compilers know this
   form and make it one load. */
static inline uint64_t weir__word(const uint8_t *octets)
{
	return (uint64_t)octets[0] | (uint64_t)octets[1] << 8 | (uint64_t)octets[2] << 16 |
	       (uint64_t)octets[3] << 24 | (uint64_t)octets[4] << 32 | (uint64_t)octets[5] << 40 |
	       (uint64_t)octets[6] << 48 | (uint64_t)octets[7] << 56;
}

/* Four octets. */
static inline uint32_t weir__half_word(const uint8_t *octets)
{
	return (uint32_t)octets[0] | (uint32_t)octets[1] << 8 | (uint32_t)octets[2] << 16 |
	       (uint32_t)octets[3] << 24;
}

/* Flags octets that are n or more, of a word without high bits. n <= 0x80. */
static inline uint64_t weir__from(uint64_t low, uint8_t n)
{
	return low + WEIR__EACH(0x80 - n);
}

/* Clears the flags of all octets but those that are c, of a word without high bits. */
static inline uint64_t weir__unlike(uint64_t low, uint8_t c)
{
	return (low ^ WEIR__EACH(c)) + WEIR__EACH(0x7f);
}

/* Flags octets below 0x20 and DEL. */
static inline uint64_t weir__not_value(uint64_t word)
{
	const uint64_t low = word & ~WEIR__HIGH;

	return (~weir__from(low, 0x20) | weir__from(low, 0x7f)) & ~word & WEIR__HIGH;
}

/* Flags octets that no target holds: all up to the space, '#', and from DEL on. */
static inline uint64_t weir__not_target(uint64_t word)
{
	const uint64_t low = word & ~WEIR__HIGH;

	return (~weir__from(low, 0x21) | weir__from(low, 0x7f) | ~weir__unlike(low, '#') | word) &
	       WEIR__HIGH;
}

/* Flags octets that are no letter, digit or '-', of which nearly all names are made. */
static inline uint64_t weir__not_word(uint64_t word)
{
	const uint64_t low = word & ~WEIR__HIGH, small = low | WEIR__EACH(0x20);
	const uint64_t letter = weir__from(small, 'a') & ~weir__from(small, 'z' + 1);
	const uint64_t digit = weir__from(low, '0') & ~weir__from(low, '9' + 1);
	const uint64_t dash = ~weir__unlike(low, '-');

	return (~(letter | digit | dash) | word) & WEIR__HIGH;
}

/* The same where a '.' may stand, too, as in nearly all names of hosts. */
static inline uint64_t weir__not_host(uint64_t word)
{
	const uint64_t dot = ~weir__unlike(word & ~WEIR__HIGH, '.');

	return weir__not_word(word) & (~dot | word);
}

/* The number of the lowest octet that is flagged; flags is not 0. */
static inline uint32_t weir__flagged(uint64_t flags)
{
	return weir__lowest(flags) >> 3;
}

/*
 * One bit for each octet instead of eight. The factor moves the flag of octet i
 * to bit 56 + i; all other products fall on bits of their own below.
 */
static inline uint64_t weir__gather(uint64_t flags)
{
	return flags * 0x0002040810204081u >> 56;
}

#endif
