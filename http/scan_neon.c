/*
 * scan_neon.c: the pass with 16 octets at a time, which every 64-bit ARM has.
 *
 * The look-up is that of scan_avx2.c. NEON has no move of signs into a word: the
 * octets of four vectors, each with the bit of its place, are added in pairs
 * until eight octets are left.
 */
#include "http/octets.h"
#include "http/scan.h"

#ifdef __aarch64__
#include <arm_neon.h>

static bool here(void)
{
	return true;
}

static uint64_t bits(const uint8x16_t found[4])
{
	static const uint8_t places[16] = {1, 2, 4, 8, 16, 32, 64, 128,
	                                   1, 2, 4, 8, 16, 32, 64, 128};
	const uint8x16_t place = vld1q_u8(places);
	const uint8x16_t low = vpaddq_u8(vandq_u8(found[0], place), vandq_u8(found[1], place));
	const uint8x16_t high = vpaddq_u8(vandq_u8(found[2], place), vandq_u8(found[3], place));
	const uint8x16_t all = vpaddq_u8(low, high);

	return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(all, all)), 0);
}

static uint8x16_t value_ends(uint8x16_t octets)
{
	return vorrq_u8(vcltq_u8(octets, vdupq_n_u8(0x20)), vceqq_u8(octets, vdupq_n_u8(0x7f)));
}

static uint8x16_t name_ends(uint8x16_t octets)
{
	const uint8x16_t low =
		vqtbl1q_u8(vld1q_u8(weir__low_half), vandq_u8(octets, vdupq_n_u8(15)));
	const uint8x16_t high = vqtbl1q_u8(vld1q_u8(weir__high_half), vshrq_n_u8(octets, 4));

	return vceqzq_u8(vandq_u8(low, high));
}

static bool scan(const uint8_t *octets, uint32_t len, weir__marks *marks)
{
	uint8_t last[WEIR__BLOCK];

	for (uint32_t at = 0; at < len; at += WEIR__BLOCK, marks++) {
		const uint8_t *block = weir__whole_block(octets + at, len - at, last);
		uint8x16_t names[4], values[4];

		for (int part = 0; part < 4; part++) {
			const uint8x16_t some = vld1q_u8(block + 16 * part);

			names[part] = name_ends(some);
			values[part] = value_ends(some);
		}
		(*marks)[WEIR__NAME_ENDS] = bits(names);
		(*marks)[WEIR__VALUE_ENDS] = bits(values);
	}
	return true;
}

const struct weir__scan_way weir__scan_neon = {"neon", scan, here};
#endif
