/*
 * error_test.c: has every result a text?
 */
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

/* All of them are in a row, so that this also fails for one that has no text yet. */
static void each_code_of_weir_has_a_text_of_its_own(void **state)
{
	(void)state;
	for (int64_t e = WEIR_ECLOSED; e >= WEIR_EMALFORMED; e--) {
		assert_non_null(weir_strerror(e));
		assert_string_not_equal(weir_strerror(e), "unknown error");
		for (int64_t other = WEIR_ECLOSED; other > e; other--)
			assert_string_not_equal(weir_strerror(e), weir_strerror(other));
	}
	assert_string_equal(weir_strerror(WEIR_EMALFORMED - 1), "unknown error");
}

/* Copied: the system may use one place for all numbers that it does not know. */
static void each_errno_has_the_text_of_the_system(void **state)
{
	static const int others[] = {EADDRINUSE, ECONNREFUSED, ETIMEDOUT, ENOTSUP};
	char text[200] = "";

	(void)state;
	for (int e = 1; e < 134; e++) {
		strncpy(text, strerror(e), sizeof text - 1);
		assert_string_equal(weir_strerror(-e), text);
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_string_equal(weir_strerror(-others[i]), strerror(others[i]));
}

static void success_is_called_so(void **state)
{
	(void)state;
	assert_string_equal(weir_strerror(0), weir_strerror(1));
	assert_string_equal(weir_strerror(0), weir_strerror(INT64_MAX));
}

static void any_number_has_some_text(void **state)
{
	static const int64_t numbers[] = {-9999, -10100, INT32_MIN, (int64_t)INT32_MIN - 1,
	                                  INT64_MIN};

	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		assert_true(strlen(weir_strerror(numbers[i])) > 0);
}

static void errno_is_left_alone(void **state)
{
	(void)state;
	errno = 77;
	(void)weir_strerror(-5000);
	(void)weir_strerror(-ENOENT);
	assert_int_equal(errno, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_code_of_weir_has_a_text_of_its_own),
		cmocka_unit_test(each_errno_has_the_text_of_the_system),
		cmocka_unit_test(success_is_called_so),
		cmocka_unit_test(any_number_has_some_text),
		cmocka_unit_test(errno_is_left_alone),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
