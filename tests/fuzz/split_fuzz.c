/*
 * Does it matter where octets are cut? Whole against cut at will.
 * Input: requests with bodies; up to 15 octets, one for the number of cuts, two
 * for the limits.
 */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_log whole, split;
	struct fuzz_message m = {.in = fuzz_input(data, size)};
	struct fuzz_cuts cuts;

	m.limits = fuzz_take_limits(&m.in);
	cuts = fuzz_take_cuts(&m.in);
	fuzz_follow(&m, fuzz_whole, &whole);
	fuzz_follow(&m, cuts, &split);
	fuzz_assert_same(&whole, &split);
	return 0;
}
