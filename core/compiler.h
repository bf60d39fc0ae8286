/*
 * compiler.h: what compilers offer beyond C, and what stands in for it elsewhere.
 */
#ifndef WEIR_CORE_COMPILER_H
#define WEIR_CORE_COMPILER_H

#include <stdint.h>

/* The number of the lowest bit that is set; bits is not 0. */
#ifdef __GNUC__
static inline uint32_t weir__lowest(uint64_t bits)
{
	return (uint32_t)__builtin_ctzll(bits);
}
#else
static inline uint32_t weir__lowest(uint64_t bits)
{
	uint32_t n = 0;

	while (!(bits >> n & 1))
		n++;
	return n;
}
#endif

#endif
