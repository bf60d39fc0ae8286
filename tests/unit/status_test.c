/*
 * status_test.c: do numbers have the words that belong to them?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <string.h>

#include "http/parse.h"

static void names_methods(void **state)
{
	(void)state;
	assert_string_equal(weir_method_name(WEIR_METHOD_OTHER), "");
	assert_string_equal(weir_method_name(WEIR_GET), "GET");
	assert_string_equal(weir_method_name(WEIR_PATCH), "PATCH");
	assert_string_equal(weir_method_name((weir_method)(WEIR_PATCH + 1)), "");
	assert_string_equal(weir_method_name((weir_method)-1), "");
}

static void knows_each_method_by_its_name(void **state)
{
	(void)state;
	for (unsigned m = WEIR_GET; m <= WEIR_PATCH; m++) {
		const char *name = weir_method_name((weir_method)m);

		assert_int_equal(weir__method((const uint8_t *)name, (uint32_t)strlen(name)), m);
	}
	assert_int_equal(weir__method((const uint8_t *)"GE", 2), WEIR_METHOD_OTHER);
	assert_int_equal(weir__method((const uint8_t *)"GETS", 4), WEIR_METHOD_OTHER);
	assert_int_equal(weir__method((const uint8_t *)"get", 3), WEIR_METHOD_OTHER);
	assert_int_equal(weir__method((const uint8_t *)"PROPFIND", 8), WEIR_METHOD_OTHER);
}

/* One letter is another, or of the other case: methods are told by all of their octets. */
static void knows_no_method_by_a_part_of_its_name(void **state)
{
	(void)state;
	for (unsigned m = WEIR_GET; m <= WEIR_PATCH; m++) {
		const uint32_t len = (uint32_t)strlen(weir_method_name((weir_method)m));
		uint8_t name[8];

		for (uint32_t i = 0; i < len; i++) {
			memcpy(name, weir_method_name((weir_method)m), len);
			name[i] = 'Q';
			assert_int_equal(weir__method(name, len), WEIR_METHOD_OTHER);
			name[i] = (uint8_t)(weir_method_name((weir_method)m)[i] | 0x20);
			assert_int_equal(weir__method(name, len), WEIR_METHOD_OTHER);
		}
	}
}

static void gives_reasons(void **state)
{
	(void)state;
	assert_string_equal(weir_status_reason(100), "Continue");
	assert_string_equal(weir_status_reason(200), "OK");
	assert_string_equal(weir_status_reason(404), "Not Found");
	assert_string_equal(weir_status_reason(413), "Content Too Large");
	assert_string_equal(weir_status_reason(511), "Network Authentication Required");
}

/* 306 and 418 are reserved without a phrase; the others were never given out. */
static void gives_no_reason_where_there_is_none(void **state)
{
	static const int codes[] = {INT_MIN, -1, 0, 99, 105, 209, 306, 418, 512, 600, INT_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		assert_string_equal(weir_status_reason(codes[i]), "");
}

static void gives_as_many_reasons_as_codes_are_registered(void **state)
{
	int n = 0;

	(void)state;
	for (int code = 0; code < 1000; code++)
		n += *weir_status_reason(code) != '\0';
	assert_int_equal(n, 62);
}

static void answers_each_refusal_with_a_known_status(void **state)
{
	(void)state;
	for (unsigned why = 1; why < WEIR_REFUSALS; why++) {
		const int status = weir_refusal_status((weir_refusal)why);

		assert_in_range(status, 400, 599);
		assert_true(*weir_status_reason(status));
		assert_true(*weir_refusal_text((weir_refusal)why));
	}
	assert_int_equal(weir_refusal_status(WEIR_BAD_MAJOR), 505);
	assert_int_equal(weir_refusal_status(WEIR_BAD_CODING_UNKNOWN), 501);
	assert_int_equal(weir_refusal_status(WEIR_BAD_EXPECT), 417);
	assert_int_equal(weir_refusal_status(WEIR_BIG_TARGET), 414);
	assert_int_equal(weir_refusal_status(WEIR_BIG_HEAD), 431);
	assert_int_equal(weir_refusal_status(WEIR_BIG_BODY), 413);
}

static void tells_refusals_apart(void **state)
{
	(void)state;
	for (unsigned a = 1; a < WEIR_REFUSALS; a++)
		for (unsigned b = 1; b < a; b++)
			assert_string_not_equal(weir_refusal_text((weir_refusal)a),
			                        weir_refusal_text((weir_refusal)b));
}

static void has_no_words_for_what_is_no_refusal(void **state)
{
	(void)state;
	assert_int_equal(weir_refusal_status(WEIR_OK), 0);
	assert_string_equal(weir_refusal_text(WEIR_OK), "");
	assert_int_equal(weir_refusal_status(WEIR_REFUSALS), 0);
	assert_string_equal(weir_refusal_text((weir_refusal)-1), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_methods),
		cmocka_unit_test(knows_each_method_by_its_name),
		cmocka_unit_test(knows_no_method_by_a_part_of_its_name),
		cmocka_unit_test(gives_reasons),
		cmocka_unit_test(gives_no_reason_where_there_is_none),
		cmocka_unit_test(gives_as_many_reasons_as_codes_are_registered),
		cmocka_unit_test(answers_each_refusal_with_a_known_status),
		cmocka_unit_test(tells_refusals_apart),
		cmocka_unit_test(has_no_words_for_what_is_no_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
