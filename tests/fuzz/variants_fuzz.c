/*
 * Do all ways of reading octets say the same? The first way is what the others
 * are compared with.
 * Input: requests with bodies; up to 15 octets, one for the number of cuts, two
 * for the limits.
 */
#include "tests/fuzz/fuzz.h"

/* How the octets come. */
enum delivery { WHOLE, CUT, EACH };

static const struct way {
	enum delivery delivery;
} ways[] = {
	{WHOLE},
	{CUT},
	{EACH},
};

static void go(const struct way *way, const struct fuzz_message *m, struct fuzz_cuts cuts,
               struct fuzz_log *log)
{
	switch (way->delivery) {
	case WHOLE:
		fuzz_follow(m, fuzz_whole, log);
		break;
	case CUT:
		fuzz_follow(m, cuts, log);
		break;
	case EACH:
		fuzz_follow(m, fuzz_each(m->in.len), log);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_log first, other;
	struct fuzz_message m = {.in = fuzz_input(data, size)};
	struct fuzz_cuts cuts;

	m.limits = fuzz_take_limits(&m.in);
	cuts = fuzz_take_cuts(&m.in);
	go(&ways[0], &m, cuts, &first);
	for (size_t i = 1; i < sizeof ways / sizeof *ways; i++) {
		go(&ways[i], &m, cuts, &other);
		fuzz_assert_same(&first, &other);
	}
	return 0;
}
