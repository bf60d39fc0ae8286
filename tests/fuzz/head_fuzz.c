/*
 * Is a head read as the grammar says? Whole, octet by octet, and by a model.
 * Input: requests; two octets for the limits.
 */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_log whole, octets;
	struct fuzz_message m = {.in = fuzz_input(data, size)};

	m.limits = fuzz_take_limits(&m.in);
	fuzz_follow(&m, fuzz_whole, &whole);
	fuzz_assert_right(&m, &whole);
	fuzz_follow(&m, fuzz_each(m.in.len), &octets);
	fuzz_assert_same(&whole, &octets);
	return 0;
}
