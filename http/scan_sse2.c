/*
 * scan_sse2.c: the pass with 16 octets at a time, which every x86-64 has.
 *
 * It has no look-up of octets: names are marked where an octet is no letter,
 * digit or '-'. The few others that a token may have are left to the parser.
 */
#include "http/scan.h"

#ifdef __x86_64__
#include <emmintrin.h>

static bool here(void)
{
	return true;
}

/* All ones in each octet that is `first` up to `first` + `more`. */
static __m128i within(__m128i octets, char first, char more)
{
	const __m128i above = _mm_sub_epi8(octets, _mm_set1_epi8(first));

	return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8(more)), above);
}

static uint64_t bits(__m128i octets)
{
	return (uint16_t)_mm_movemask_epi8(octets);
}

static uint64_t value_ends(__m128i octets)
{
	return bits(
		_mm_or_si128(within(octets, 0, 0x1f), _mm_cmpeq_epi8(octets, _mm_set1_epi8(0x7f))));
}

static uint64_t name_ends(__m128i octets)
{
	const __m128i letter = within(_mm_or_si128(octets, _mm_set1_epi8(0x20)), 'a', 'z' - 'a');
	const __m128i digit = within(octets, '0', 9);
	const __m128i dash = _mm_cmpeq_epi8(octets, _mm_set1_epi8('-'));

	return bits(_mm_or_si128(_mm_or_si128(letter, digit), dash)) ^ 0xffff;
}

static void scan(const uint8_t *octets, size_t blocks, weir__marks *marks)
{
	for (size_t i = 0; i < blocks; i++) {
		marks[i][0] = marks[i][1] = 0;
		for (int part = 0; part < WEIR__BLOCK; part += 16, octets += 16) {
			const __m128i some = _mm_loadu_si128((const __m128i *)(const void *)octets);

			marks[i][WEIR__NAME_ENDS] |= name_ends(some) << part;
			marks[i][WEIR__VALUE_ENDS] |= value_ends(some) << part;
		}
	}
}

const struct weir__scan_way weir__scan_sse2 = {"sse2", scan, here};
#endif
