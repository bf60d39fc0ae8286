/*
 * chunk_test.c: who gets a chunk, who waits, and does output still get one when
 * nobody else does?
 */
#include "tests/support/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/chunk.h"

struct bed {
	struct test_alloc alloc;
	struct weir__mem mem;
	struct weir__chunks chunks;
};

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof *bed);

	if (!bed)
		return -1;
	bed->mem = (struct weir__mem){.fn = test_alloc_fn, .arg = &bed->alloc, .cap = SIZE_MAX};
	*state = bed;
	return weir__chunks_init(&bed->chunks, &bed->mem, 4);
}

static int teardown(void **state)
{
	struct bed *bed = *state;

	weir__chunks_free(&bed->chunks);
	const size_t octets = bed->alloc.live_octets, used = bed->mem.used;
	free(bed);
	assert_int_equal(octets, 0);
	assert_int_equal(used, 0);
	return 0;
}

static void the_last_one_given_is_the_next_one_taken(void **state)
{
	struct bed *bed = *state;
	void *a = weir__chunk_take(&bed->chunks), *b = weir__chunk_take(&bed->chunks);

	assert_non_null(a);
	assert_non_null(b);
	memset(a, 1, WEIR__CHUNK);
	memset(b, 2, WEIR__CHUNK);
	weir__chunk_give(&bed->chunks, a);
	weir__chunk_give(&bed->chunks, b);
	bed->alloc.calls = 0;
	assert_ptr_equal(weir__chunk_take(&bed->chunks), b);
	assert_ptr_equal(weir__chunk_take(&bed->chunks), a);
	assert_int_equal(bed->alloc.calls, 0);
	weir__chunk_give(&bed->chunks, a);
	weir__chunk_give(&bed->chunks, b);
}

static void at_the_cap_readers_wait_and_output_has_a_reserve(void **state)
{
	struct bed *bed = *state;
	void *taken[4], *reserve[2];

	for (int i = 0; i < 4; i++) {
		assert_true(weir__chunks_room(&bed->chunks));
		taken[i] = weir__chunk_take(&bed->chunks);
		assert_non_null(taken[i]);
	}
	assert_false(weir__chunks_room(&bed->chunks));
	assert_null(weir__chunk_take(&bed->chunks));
	for (int i = 0; i < 2; i++) {
		reserve[i] = weir__chunk_take_output(&bed->chunks);
		assert_non_null(reserve[i]);
	}
	assert_null(weir__chunk_take_output(&bed->chunks));
	/* What comes back fills the reserve first. */
	weir__chunk_give(&bed->chunks, taken[0]);
	assert_null(weir__chunk_take(&bed->chunks));
	taken[0] = weir__chunk_take_output(&bed->chunks);
	assert_non_null(taken[0]);
	for (int i = 0; i < 4; i++)
		weir__chunk_give(&bed->chunks, taken[i]);
	for (int i = 0; i < 2; i++)
		weir__chunk_give(&bed->chunks, reserve[i]);
	assert_true(weir__chunks_room(&bed->chunks));
}

/* What is allowed can be taken, and what is not, cannot: at every fill. */
static void what_output_is_allowed_it_gets(void **state)
{
	const size_t room = WEIR__CHUNK - WEIR__CHUNK_HEAD;
	struct bed *bed = *state;
	void *taken[8];
	int n = 0;

	for (int fill = 0; fill <= 6; fill++) {
		for (size_t want = 1; want <= 8; want++) {
			void *got[8];
			size_t can = 0;
			const bool allowed = weir__chunks_allow(&bed->chunks, want * room - 1);
			while (can < want && (got[can] = weir__chunk_take_output(&bed->chunks)))
				can++;
			assert_int_equal(allowed, can == want);
			while (can)
				weir__chunk_give(&bed->chunks, got[--can]);
		}
		if (fill < 6)
			assert_non_null(taken[n++] = weir__chunk_take_output(&bed->chunks));
	}
	assert_false(weir__chunks_allow(&bed->chunks, 1));
	while (n)
		weir__chunk_give(&bed->chunks, taken[--n]);
}

static void the_memory_cap_is_seen_beforehand(void **state)
{
	const size_t room = WEIR__CHUNK - WEIR__CHUNK_HEAD;
	struct bed *bed = *state;

	/* Two in reserve, and memory for one more. */
	bed->mem.cap = bed->mem.used + WEIR__CHUNK + 10;
	assert_true(weir__chunks_allow(&bed->chunks, 3 * room - 1));
	assert_false(weir__chunks_allow(&bed->chunks, 3 * room));
	assert_true(weir__chunks_room(&bed->chunks));
	void *a = weir__chunk_take(&bed->chunks);
	assert_non_null(a);
	assert_null(weir__chunk_take(&bed->chunks));
	void *b = weir__chunk_take_output(&bed->chunks), *c = weir__chunk_take_output(&bed->chunks);
	assert_non_null(b);
	assert_non_null(c);
	assert_null(weir__chunk_take_output(&bed->chunks));
	assert_false(weir__chunks_allow(&bed->chunks, 0));
	weir__chunk_give(&bed->chunks, a);
	weir__chunk_give(&bed->chunks, b);
	weir__chunk_give(&bed->chunks, c);
}

static void any_size_may_be_asked_for(void **state)
{
	struct bed *bed = *state;

	assert_true(weir__chunks_allow(&bed->chunks, 0));
	assert_false(weir__chunks_allow(&bed->chunks, SIZE_MAX));
	assert_false(weir__chunks_allow(&bed->chunks, SIZE_MAX / 2));
}

static void without_a_cap_only_memory_counts(void **state)
{
	struct bed *bed = *state;
	struct weir__chunks free_of_cap;
	void *taken[100];

	assert_int_equal(weir__chunks_init(&free_of_cap, &bed->mem, -1), 0);
	assert_true(weir__chunks_allow(&free_of_cap, (size_t)1 << 30));
	for (int i = 0; i < 100; i++)
		assert_non_null(taken[i] = weir__chunk_take(&free_of_cap));
	const size_t most = bed->alloc.live_octets;
	for (int i = 0; i < 100; i++)
		weir__chunk_give(&free_of_cap, taken[i]);
	/* A burst does not keep its memory for ever. */
	assert_true(bed->alloc.live_octets < most / 2);
	weir__chunks_free(&free_of_cap);
}

static void a_lender_without_memory_is_not_made(void **state)
{
	struct bed *bed = *state;
	struct weir__chunks other;
	const size_t before = bed->alloc.live_octets;

	for (size_t at = 1; at <= 2; at++) {
		bed->alloc.calls = 0;
		bed->alloc.fail_at = at;
		assert_int_equal(weir__chunks_init(&other, &bed->mem, 4), -ENOMEM);
		assert_int_equal(bed->alloc.live_octets, before);
	}
}

static void a_pool_lends_its_blocks_again(void **state)
{
	struct bed *bed = *state;
	struct weir__pool pool;
	void *blocks[200];

	weir__pool_init(&pool, &bed->mem, 48);
	for (int i = 0; i < 200; i++) {
		assert_non_null(blocks[i] = weir__pool_take(&pool));
		memset(blocks[i], i, 48);
	}
	for (int i = 0; i < 200; i++)
		assert_int_equal(*((unsigned char *)blocks[i] + 47), i % 256);
	const size_t most = bed->alloc.live_octets;
	for (int i = 0; i < 200; i++)
		weir__pool_give(&pool, blocks[i]);
	assert_true(bed->alloc.live_octets < most);
	bed->alloc.calls = 0;
	for (int i = 0; i < 1000; i++)
		weir__pool_give(&pool, weir__pool_take(&pool));
	assert_int_equal(bed->alloc.calls, 0);
	weir__pool_free(&pool);
	bed->alloc.fail_at = 1;
	assert_null(weir__pool_take(&pool));
}

#define CHUNK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHUNK_TEST(the_last_one_given_is_the_next_one_taken),
		CHUNK_TEST(at_the_cap_readers_wait_and_output_has_a_reserve),
		CHUNK_TEST(what_output_is_allowed_it_gets),
		CHUNK_TEST(the_memory_cap_is_seen_beforehand),
		CHUNK_TEST(any_size_may_be_asked_for),
		CHUNK_TEST(without_a_cap_only_memory_counts),
		CHUNK_TEST(a_lender_without_memory_is_not_made),
		CHUNK_TEST(a_pool_lends_its_blocks_again),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
