/*
 * size_test.c: is what there are many of as small as it is said to be? Sizes on
 * systems whose pointers have eight octets; elsewhere they are smaller.
 */
#include "tests/support/test.h"

#include "core/outq.h"
#include "core/stream.h"

/* An idle connection is one block and one slot, and nothing else. */
static void an_idle_connection_costs_a_block_and_a_slot(void **state)
{
	(void)state;
	assert_in_range(sizeof(weir_stream), 1, 72);
	assert_int_equal(sizeof *(((weir_loop *)NULL)->slots), sizeof(void *));
	assert_in_range(sizeof(struct weir__peer), 1, 32);
}

static void what_programs_embed_is_small(void **state)
{
	(void)state;
	assert_in_range(sizeof(weir_task), 1, 32);
	assert_in_range(sizeof(weir_io), 1, 40);
	assert_in_range(sizeof(weir_signal), 1, 40);
	assert_in_range(sizeof(weir_timer), 1, 80);
}

/* A closed object is kept, until the turn ends, as a link in its own memory. */
static void a_closed_object_has_room_for_what_buries_it(void **state)
{
	(void)state;
	assert_true(sizeof(struct weir__dead) <= sizeof(weir_stream));
	assert_int_equal(offsetof(struct weir__dead, source), offsetof(weir_stream, source));
	assert_int_equal(offsetof(weir_stream, source), 0);
}

static void options_that_are_zero_are_all_defaults(void **state)
{
	static const weir_loop_opts opts;
	weir_loop *loop;

	(void)state;
	assert_int_equal(weir_loop_new(&loop, &opts), 0);
	assert_int_equal(loop->mem.cap, SIZE_MAX);
	assert_int_equal(loop->chunks.max, 16384);
	assert_int_equal(loop->max_conns, INT32_MAX);
	assert_int_equal(loop->plain.low, 16 << 10);
	assert_int_equal(loop->plain.high, 64 << 10);
	assert_int_equal(loop->plain.max_queue, 4 << 20);
	assert_int_equal(loop->plain.max_unread, 64 << 10);
	assert_int_equal(loop->plain.idle_ms, 0);
	weir_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_connection_costs_a_block_and_a_slot),
		cmocka_unit_test(what_programs_embed_is_small),
		cmocka_unit_test(a_closed_object_has_room_for_what_buries_it),
		cmocka_unit_test(options_that_are_zero_are_all_defaults),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
