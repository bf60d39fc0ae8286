/*
 * compiler.h: what compilers offer beyond C, and what stands in for it elsewhere.
 */
#ifndef WEIR_HTTP_COMPILER_H
#define WEIR_HTTP_COMPILER_H

#include <stdint.h>

#ifdef __GNUC__
/* Keeps what is seldom needed out of the way of what is. */
#define WEIR__SELDOM __attribute__((noinline, cold))

/* The number of the lowest bit that is set; bits is not 0. */
static inline uint32_t weir__lowest(uint64_t bits)
{
	return (uint32_t)__builtin_ctzll(bits);
}
#else
#define WEIR__SELDOM

static inline uint32_t weir__lowest(uint64_t bits)
{
	uint32_t n = 0;

	while (!(bits >> n & 1))
		n++;
	return n;
}
#endif

#endif
