/*
 * Do all ways of scanning octets that this processor has find the same, in
 * whatever pieces the octets come? All are compared with the first way, whole.
 * Input: requests with bodies; up to 15 octets, one for the number of cuts, two
 * for the limits.
 */
#include "http/scan.h"
#include "tests/fuzz/fuzz.h"

static void compare(const struct fuzz_message *m, struct fuzz_cuts cuts)
{
	static struct fuzz_log first, other;
	bool compared = false;

	for (int i = 0; weir__scan_ways[i]; i++) {
		if (!weir__scan_ways[i]->here())
			continue;
		weir__scan_use(weir__scan_ways[i]);
		fuzz_follow(m, fuzz_whole, compared ? &other : &first);
		if (compared)
			fuzz_assert_same(&first, &other);
		compared = true;
		fuzz_follow(m, cuts, &other);
		fuzz_assert_same(&first, &other);
		fuzz_follow(m, fuzz_each(m->in.len), &other);
		fuzz_assert_same(&first, &other);
	}
	weir__scan_use(NULL);
	assert(compared);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_message m = {.in = fuzz_input(data, size)};
	struct fuzz_cuts cuts;

	m.limits = fuzz_take_limits(&m.in);
	cuts = fuzz_take_cuts(&m.in);
	compare(&m, cuts);
	return 0;
}
