/*
 * scan_avx512.c: the pass with 64 octets at a time; the look-up is that of
 * scan_avx2.c.
 */
#include "http/scan_x86.h"
#include "http/octets.h"
#include "http/scan.h"

#ifdef __x86_64__
#include <immintrin.h>

/* For some versions of clang the wide registers are a feature of their own, which a front end
   may have switched off. */
#if defined __clang__ && !defined __apple_build_version__ && __clang_major__ >= 18 &&              \
	__clang_major__ <= 21
#define AVX512 __attribute__((target("avx512f,avx512bw,evex512")))
#else
#define AVX512 __attribute__((target("avx512f,avx512bw")))
#endif

static bool here(void)
{
	return weir__cpu_has(WEIR__CPU_AVX512F | WEIR__CPU_AVX512BW, WEIR__KEEPS_AVX512);
}

AVX512 static __m512i table(const uint8_t *halves)
{
	return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)halves));
}

AVX512 static bool scan(const uint8_t *octets, uint32_t len, weir__marks *marks)
{
	const __m512i low_halves = table(weir__low_half), high_halves = table(weir__high_half);
	const __m512i half = _mm512_set1_epi8(15), space = _mm512_set1_epi8(0x20),
		      del = _mm512_set1_epi8(0x7f);

	for (uint32_t at = 0; at < len; at += WEIR__BLOCK, marks++) {
		/* What is not in the mask is not read. */
		const __mmask64 there =
			len - at < WEIR__BLOCK ? (UINT64_C(1) << (len - at)) - 1 : UINT64_MAX;
		const __m512i some = _mm512_maskz_loadu_epi8(there, octets + at);
		const __m512i low = _mm512_shuffle_epi8(low_halves, some);
		const __m512i high = _mm512_shuffle_epi8(
			high_halves, _mm512_and_si512(_mm512_srli_epi16(some, 4), half));

		(*marks)[WEIR__NAME_ENDS] = _mm512_testn_epi8_mask(low, high);
		(*marks)[WEIR__VALUE_ENDS] =
			_mm512_cmplt_epu8_mask(some, space) | _mm512_cmpeq_epi8_mask(some, del);
	}
	return true;
}

const struct weir__scan_way weir__scan_avx512 = {"avx512", scan, here};
#endif
