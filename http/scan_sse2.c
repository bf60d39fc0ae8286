/*
 * scan_sse2.c: the pass with 16 octets at a time, which every x86-64 has.
 *
 * It has no look-up of octets, and marks values only.
 */
#include "http/scan.h"

#ifdef __x86_64__
#include <emmintrin.h>

static bool here(void)
{
	return true;
}

static uint64_t some(const uint8_t *octets)
{
	const __m128i part = _mm_loadu_si128((const __m128i *)(const void *)octets);
	const __m128i most = _mm_set1_epi8(0x1f), del = _mm_set1_epi8(0x7f);
	const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(part, most), part);

	return (uint16_t)_mm_movemask_epi8(_mm_or_si128(control, _mm_cmpeq_epi8(part, del)));
}

static bool scan(const uint8_t *octets, uint32_t len, weir__marks *marks)
{
	uint8_t last[WEIR__BLOCK];

	for (uint32_t at = 0; at < len; at += WEIR__BLOCK, marks++) {
		const uint8_t *block = weir__whole_block(octets + at, len - at, last);

		(*marks)[WEIR__VALUE_ENDS] = some(block) | some(block + 16) << 16 |
		                             some(block + 32) << 32 | some(block + 48) << 48;
	}
	return false;
}

const struct weir__scan_way weir__scan_sse2 = {"sse2", scan, here};
#endif
