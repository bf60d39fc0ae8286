/*
 * scan_x86.h: what has this processor? For scan_avx2.c and scan_avx512.c. Asked of the processor
 * itself: what compilers have for that is several times as large as a parser's file.
 */
#ifndef WEIR_HTTP_SCAN_X86_H
#define WEIR_HTTP_SCAN_X86_H

#ifdef __x86_64__
#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>

/* Bits of leaf 7, EBX; and of XCR0: which registers the system keeps when it switches. */
enum {
	WEIR__CPU_AVX2 = 1 << 5,
	WEIR__CPU_AVX512F = 1 << 16,
	WEIR__CPU_AVX512BW = 1 << 30,
	WEIR__KEEPS_AVX = 0x06,
	WEIR__KEEPS_AVX512 = 0xe6
};

static inline uint32_t weir__cpu_keeps(void)
{
	uint32_t low, high;

	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	(void)high;
	return low;
}

static inline bool weir__cpu_has(uint32_t features, uint32_t kept)
{
	uint32_t a, b, c, d;

	/* OSXSAVE: the system keeps such registers at all. */
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) ||
	    (weir__cpu_keeps() & kept) != kept)
		return false;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & features) == features;
}
#endif

#endif
