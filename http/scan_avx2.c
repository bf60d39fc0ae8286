/*
 * scan_avx2.c: the pass with 32 octets at a time.
 *
 * Whether an octet may be in a token is looked up by its halves (octets.h). The
 * look-up gives 0 for octets from 0x80 on, which no token has.
 */
#include "http/scan_x86.h"
#include "http/octets.h"
#include "http/scan.h"

#ifdef __x86_64__
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

static bool here(void)
{
	return weir__cpu_has(WEIR__CPU_AVX2, WEIR__KEEPS_AVX);
}

AVX2 static __m256i table(const uint8_t *halves)
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)halves));
}

AVX2 static uint64_t bits(__m256i octets)
{
	return (uint32_t)_mm256_movemask_epi8(octets);
}

AVX2 static uint64_t value_ends(__m256i octets)
{
	const __m256i most = _mm256_set1_epi8(0x1f), del = _mm256_set1_epi8(0x7f);

	return bits(_mm256_or_si256(_mm256_cmpeq_epi8(_mm256_min_epu8(octets, most), octets),
	                            _mm256_cmpeq_epi8(octets, del)));
}

AVX2 static uint64_t name_ends(__m256i octets)
{
	const __m256i low_halves = table(weir__low_half);
	const __m256i high_halves = table(weir__high_half);
	const __m256i low = _mm256_shuffle_epi8(low_halves, octets);
	const __m256i high = _mm256_shuffle_epi8(
		high_halves, _mm256_and_si256(_mm256_srli_epi16(octets, 4), _mm256_set1_epi8(15)));

	return bits(_mm256_cmpeq_epi8(_mm256_and_si256(low, high), _mm256_setzero_si256()));
}

AVX2 static bool scan(const uint8_t *octets, uint32_t len, weir__marks *marks)
{
	uint8_t last[WEIR__BLOCK];

	for (uint32_t at = 0; at < len; at += WEIR__BLOCK, marks++) {
		const void *block = weir__whole_block(octets + at, len - at, last);
		const __m256i first = _mm256_loadu_si256((const __m256i *)block);
		const __m256i second = _mm256_loadu_si256((const __m256i *)block + 1);

		(*marks)[WEIR__NAME_ENDS] = name_ends(first) | name_ends(second) << 32;
		(*marks)[WEIR__VALUE_ENDS] = value_ends(first) | value_ends(second) << 32;
	}
	return true;
}

const struct weir__scan_way weir__scan_avx2 = {"avx2", scan, here};
#endif
