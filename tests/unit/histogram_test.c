/*
 * histogram_test.c: do percentiles come out as close as they are said to, over the whole range?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

/* The object belongs to bench/, which nothing else here is linked with. */
#include "bench/histogram.c"

#define SECOND INT64_C(1000000000)

static struct histogram *new_histogram(void)
{
	struct histogram *h = calloc(1, sizeof *h);

	assert_non_null(h);
	return h;
}

static void an_empty_one_says_nothing(void **state)
{
	struct histogram *h = new_histogram();

	(void)state;
	assert_int_equal(histogram_percentile(h, 50), 0);
	assert_int_equal(histogram_percentile(h, 100), 0);
	assert_true(histogram_mean(h) == 0);
	histogram_add(h, 7, 0);
	assert_int_equal(h->count, 0);
	free(h);
}

static void slots_follow_each_other_without_gaps(void **state)
{
	int64_t value = 0;

	(void)state;
	for (int64_t slot = 0; slot < HISTOGRAM_SLOTS; slot++) {
		assert_int_equal(slot_of(value), slot);
		assert_int_equal(slot_of(largest_in(slot)), slot);
		value = largest_in(slot) + 1;
	}
	assert_int_equal(value, HISTOGRAM_MAX + 1);
	assert_true(HISTOGRAM_MAX > 100 * SECOND);
}

static void a_single_value_is_every_percentile(void **state)
{
	(void)state;
	for (int64_t value = 1; value < 100 * SECOND; value = value * 3 + 1) {
		struct histogram *h = new_histogram();

		histogram_add(h, value, 1);
		assert_int_equal(histogram_percentile(h, 0), value);
		assert_int_equal(histogram_percentile(h, 50), value);
		assert_int_equal(histogram_percentile(h, 100), value);
		assert_true(histogram_mean(h) == (double)value);
		free(h);
	}
}

/* Of two values the error is seen, since the smaller is not the largest. */
static void three_digits_are_true(void **state)
{
	(void)state;
	for (int64_t value = 1; value < 60 * SECOND; value = value * 5 / 4 + 1) {
		struct histogram *h = new_histogram();

		histogram_add(h, value, 9);
		histogram_add(h, 100 * SECOND, 1);

		const int64_t told = histogram_percentile(h, 90);

		assert_true(told >= value && told - value <= value / 1024);
		assert_int_equal(h->min, value);
		assert_int_equal(histogram_percentile(h, 90.1), 100 * SECOND);
		free(h);
	}
}

static void percentiles_of_a_ramp(void **state)
{
	struct histogram *h = new_histogram();

	(void)state;
	for (int64_t i = 1; i <= 1000; i++)
		histogram_add(h, i, 1);
	assert_int_equal(histogram_percentile(h, 50), 500);
	assert_int_equal(histogram_percentile(h, 90), 900);
	assert_int_equal(histogram_percentile(h, 99), 990);
	assert_int_equal(histogram_percentile(h, 99.9), 999);
	assert_int_equal(histogram_percentile(h, 99.99), 1000);
	assert_int_equal(histogram_percentile(h, 0), 1);
	assert_true(histogram_mean(h) == 500.5);
	free(h);
}

static void what_is_out_of_range_counts_at_its_end(void **state)
{
	struct histogram *h = new_histogram();

	(void)state;
	histogram_add(h, INT64_MAX, 1);
	histogram_add(h, -1, 1);
	assert_int_equal(h->count, 2);
	assert_int_equal(h->min, 0);
	assert_int_equal(h->max, HISTOGRAM_MAX);
	assert_int_equal(histogram_percentile(h, 50), 0);
	free(h);
}

static void merged_ones_are_as_one(void **state)
{
	struct histogram *all = new_histogram(), *odd = new_histogram(), *even = new_histogram();
	struct histogram *empty = new_histogram();

	(void)state;
	for (int64_t i = 1; i < SECOND; i = i * 2 + 3) {
		histogram_add(all, i, 2);
		histogram_add(i % 4 == 1 ? odd : even, i, 2);
	}
	histogram_merge(odd, empty);
	histogram_merge(empty, even);
	histogram_merge(empty, odd);
	assert_memory_equal(empty, all, sizeof *all);
	free(all);
	free(odd);
	free(even);
	free(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_says_nothing),
		cmocka_unit_test(slots_follow_each_other_without_gaps),
		cmocka_unit_test(a_single_value_is_every_percentile),
		cmocka_unit_test(three_digits_are_true),
		cmocka_unit_test(percentiles_of_a_ramp),
		cmocka_unit_test(what_is_out_of_range_counts_at_its_end),
		cmocka_unit_test(merged_ones_are_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
