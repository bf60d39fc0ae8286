/*
 * Is a response read as the grammar says? Whole, octet by octet, cut at will, and
 * by a model.
 * Input: responses; up to 15 octets, one for the number of cuts, two for the
 * limits, one for the method that they answer.
 */
#include "tests/fuzz/fuzz.h"

static const weir_method methods[] = {WEIR_GET, WEIR_HEAD, WEIR_CONNECT, WEIR_METHOD_OTHER};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_log whole, octets;
	struct fuzz_message m = {.in = fuzz_input(data, size), .response = true};
	struct fuzz_cuts cuts;

	m.answers = methods[fuzz_take(&m.in) % 4];
	m.limits = fuzz_take_limits(&m.in);
	cuts = fuzz_take_cuts(&m.in);
	fuzz_follow(&m, fuzz_whole, &whole);
	fuzz_assert_right(&m, &whole);
	fuzz_follow(&m, cuts, &octets);
	fuzz_assert_same(&whole, &octets);
	fuzz_follow(&m, fuzz_each(m.in.len), &octets);
	fuzz_assert_same(&whole, &octets);
	return 0;
}
