/*
 * scan_test.c: do all ways to scan mark the same octets, and read no other?
 *
 * The octets end at a page that cannot be read, and begin behind one.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "http/octets.h"
#include "http/scan.h"
#include "tests/support/test.h"

enum { LONGEST = 5 * WEIR__BLOCK, ROUNDS = 400 };

/* `len` octets between two pages that cannot be read; at the first, or the last. */
static uint8_t *guarded(uint32_t len, bool at_end)
{
	static uint8_t *map;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!map) {
		const int zero = open("/dev/zero", O_RDWR);

		map = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
		close(zero);
		assert_true(map != MAP_FAILED);
		assert_int_equal(mprotect(map, page, PROT_NONE), 0);
		assert_int_equal(mprotect(map + 2 * page, page, PROT_NONE), 0);
	}
	return at_end ? map + 2 * page - len : map + page;
}

static uint32_t random_below(uint32_t n)
{
	static uint64_t state = 20111105;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % n;
}

/* What the contract of scan.h says of the octet at `at`. */
static bool ends_value(const uint8_t *octets, uint32_t at, uint32_t len)
{
	return at >= len || octets[at] < 0x20 || octets[at] == 0x7f;
}

static bool ends_name(const uint8_t *octets, uint32_t at, uint32_t len)
{
	return at >= len || !weir__octet_is(octets[at], WEIR__TOKEN);
}

static bool marked(weir__marks *marks, enum weir__mark kind, uint32_t at)
{
	return marks[at / WEIR__BLOCK][kind] >> at % WEIR__BLOCK & 1;
}

/* Up to the end, and the first octet behind it unless that begins a block. */
static void check(const struct weir__scan_way *way, const uint8_t *octets, uint32_t len)
{
	weir__marks marks[LONGEST / WEIR__BLOCK + 1];
	const bool names = way->scan(octets, len, marks);
	const uint32_t last = len % WEIR__BLOCK ? len : len - 1;

	for (uint32_t at = 0; at <= last; at++) {
		if (marked(marks, WEIR__VALUE_ENDS, at) != ends_value(octets, at, len) ||
		    (names && marked(marks, WEIR__NAME_ENDS, at) != ends_name(octets, at, len)))
			fail_msg("%s: octet %u of %u", way->name, (unsigned)at, (unsigned)len);
	}
}

static void each_way(const uint8_t *octets, uint32_t len)
{
	for (int i = 0; weir__scan_ways[i]; i++)
		if (weir__scan_ways[i]->here())
			check(weir__scan_ways[i], octets, len);
}

static void every_octet_is_marked_as_its_kind(void **state)
{
	uint8_t *octets = guarded(256, true);

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		octets[i] = (uint8_t)i;
	each_way(octets, 256);
}

static void every_length_at_either_edge_of_memory(void **state)
{
	(void)state;
	for (uint32_t len = 1; len <= LONGEST; len++)
		for (int at_end = 0; at_end < 2; at_end++) {
			uint8_t *octets = guarded(len, at_end != 0);

			for (uint32_t i = 0; i < len; i++)
				octets[i] = (uint8_t)random_below(256);
			each_way(octets, len);
		}
}

/* Octets of heads, among which seldom one is marked. */
static void long_runs_without_a_mark(void **state)
{
	static const char usual[] = "abcdefghijklmnopqrstuvwxyz0123456789-ABCDEF";

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		const uint32_t len = 1 + random_below(LONGEST);
		uint8_t *octets = guarded(len, true);

		for (uint32_t i = 0; i < len; i++)
			octets[i] = (uint8_t)usual[random_below(sizeof usual - 1)];
		octets[random_below(len)] = (uint8_t)random_below(256);
		each_way(octets, len);
	}
}

static void a_window_has_marks_at_its_end(void **state)
{
	(void)state;
	for (uint32_t len = 0; len <= LONGEST; len++) {
		uint8_t *octets = guarded(len, true);
		struct weir__window w;

		memset(octets, 'a', len);
		weir__look(&w, octets, 0, len);
		do {
			assert_int_equal(weir__next(&w, WEIR__VALUE_ENDS, 0), w.stop);
			assert_int_equal(weir__name_end(&w, 0), w.stop);
		} while (weir__look_on(&w));
		assert_int_equal(w.stop, len);
	}
}

/* Words of eight octets tell the same as the table. */
static void runs_end_where_the_table_says(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		const uint32_t len = 1 + random_below(40), odd = random_below(len);
		uint8_t *octets = guarded(len, true);

		memset(octets, 'a', len);
		octets[odd] = (uint8_t)random_below(256);
		assert_int_equal(weir__token_end(octets, 0, len),
		                 weir__run(octets, 0, len, WEIR__TOKEN));
		assert_int_equal(weir__target_end(octets, 0, len),
		                 weir__run(octets, 0, len, WEIR__TARGET));
		assert_int_equal(weir__value_end(octets, 0, len),
		                 ends_value(octets, odd, len) ? odd : len);
	}
}

/* On the machines that have them, or this test would compare nothing. */
static void the_ways_of_the_processor_are_there(void **state)
{
	int ways = 0;

	(void)state;
	while (weir__scan_ways[ways])
		ways++;
	assert_true(ways > 0);
#if (defined(__x86_64__) || defined(__aarch64__)) && !defined(WEIR_SCAN)
	assert_true(ways > 1);
	assert_true(weir__scan_ways[ways - 2]->here());
	assert_string_equal(weir__scan_ways[ways - 1]->name, "swar");
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ways_of_the_processor_are_there),
		cmocka_unit_test(every_octet_is_marked_as_its_kind),
		cmocka_unit_test(every_length_at_either_edge_of_memory),
		cmocka_unit_test(long_runs_without_a_mark),
		cmocka_unit_test(a_window_has_marks_at_its_end),
		cmocka_unit_test(runs_end_where_the_table_says),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
