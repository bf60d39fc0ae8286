/*
 * url_test.c: are escapes decoded, and only good ones; are queries taken apart?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir_http.h>

static weir_str str(const char *text)
{
	return (weir_str){text, strlen(text)};
}

/* From memory that ends where the text does, so that a checker sees one octet more. */
static int64_t decode(char *out, size_t size, const char *text)
{
	const size_t len = strlen(text);
	char *exact = malloc(len ? len : 1);
	int64_t result;

	assert_non_null(exact);
	memcpy(exact, text, len);
	result = weir_url_decode(out, size, (weir_str){exact, len});
	free(exact);
	return result;
}

static void decodes_escapes_of_either_case(void **state)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"/a/b", "/a/b"},
		{"%41", "A"},
		{"%2f%2F", "//"},
		{"a%20b", "a b"},
		{"%25", "%"},
		{"%2541", "%41"},
		{"%c3%A9", "\xc3\xa9"},
		{"%01%7f%ff", "\x01\x7f\xff"},
		{"\xc3\xa9", "\xc3\xa9"},
		{"a+b", "a+b"},
		{"%2b", "+"},
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(decode(out, sizeof out, cases[i][0]), strlen(cases[i][1]));
		assert_string_equal(out, cases[i][1]);
	}
}

static void refuses_bad_escapes_wherever_they_stand(void **state)
{
	static const char *const bad[] = {"%",    "%4",   "a%",  "a%4",  "%4g",  "%g4",   "%%41",
	                                  "%4%1", "% 41", "%+1", "%-1",  "%u41", "%0x41", "%4@",
	                                  "%@4",  "%`1",  "%:1", "%4/b", "%G1",  "a%2",   "%41%"};
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(decode(out, sizeof out, bad[i]), WEIR_EINVALID);
}

/* It would end the string before its end. */
static void refuses_nul_in_every_way(void **state)
{
	char out[32];

	(void)state;
	assert_int_equal(decode(out, sizeof out, "%00"), WEIR_EINVALID);
	assert_int_equal(decode(out, sizeof out, "/etc/passwd%00.html"), WEIR_EINVALID);
	assert_int_equal(weir_url_decode(out, sizeof out, (weir_str){"a\0b", 3}), WEIR_EINVALID);
	assert_int_equal(weir_form_decode(out, sizeof out, str("%00")), WEIR_EINVALID);
	assert_int_equal(weir_form_decode(out, sizeof out, (weir_str){"\0", 1}), WEIR_EINVALID);
}

static void needs_room_for_the_zero(void **state)
{
	char out[4] = "zzz";

	(void)state;
	assert_int_equal(decode(out, 2, "abc"), -ENOSPC);
	assert_int_equal(decode(out, 3, "abc"), -ENOSPC);
	assert_int_equal(decode(out, 4, "abc"), 3);
	assert_string_equal(out, "abc");
	assert_int_equal(decode(out, 2, "%41"), 1);
	assert_int_equal(out[2], 'c');
	assert_int_equal(decode(out, 1, "%41"), -ENOSPC);
	assert_int_equal(decode(out, 1, ""), 0);
	assert_int_equal(decode(out, 0, ""), -ENOSPC);
	assert_int_equal(weir_url_decode(out, sizeof out, (weir_str){NULL, 0}), 0);
}

static void decodes_in_place(void **state)
{
	char text[] = "a%20b%2Fc";

	(void)state;
	assert_int_equal(weir_url_decode(text, sizeof text, (weir_str){text, sizeof text - 1}), 5);
	assert_string_equal(text, "a b/c");
}

static void reads_plus_as_a_space_in_forms_only(void **state)
{
	char out[32];

	(void)state;
	assert_int_equal(weir_form_decode(out, sizeof out, str("a+b%2Bc%20+")), 7);
	assert_string_equal(out, "a b+c  ");
	assert_int_equal(weir_url_decode(out, sizeof out, str("a+b%2Bc")), 5);
	assert_string_equal(out, "a+b+c");
}

/* Whatever the octets, what is decoded is never longer, and every octet can be escaped. */
static void decodes_every_octet(void **state)
{
	static const char digits[] = "0123456789abcdef";

	(void)state;
	for (unsigned c = 1; c < 256; c++) {
		const char text[] = {'%', digits[c >> 4], digits[c & 15], '\0'};
		char out[2];

		assert_int_equal(decode(out, sizeof out, text), 1);
		assert_int_equal((unsigned char)out[0], c);
	}
}

static void assert_pair(weir_str *query, const char *name, const char *value)
{
	weir_str got_name, got_value;

	assert_int_equal(weir_query_next(query, &got_name, &got_value), 1);
	assert_int_equal(got_name.len, strlen(name));
	assert_memory_equal(got_name.data, name, got_name.len);
	if (!value) {
		assert_null(got_value.data);
		assert_int_equal(got_value.len, 0);
		return;
	}
	assert_non_null(got_value.data);
	assert_int_equal(got_value.len, strlen(value));
	assert_memory_equal(got_value.data, value, got_value.len);
}

static void assert_no_more(weir_str *query)
{
	weir_str name, value;

	assert_int_equal(weir_query_next(query, &name, &value), 0);
	assert_int_equal(weir_query_next(query, &name, &value), 0);
}

static void takes_queries_apart(void **state)
{
	weir_str query = str("&a=1&&b&c=&=d&e=f=g&h%3D=%26&");

	(void)state;
	assert_pair(&query, "a", "1");
	assert_pair(&query, "b", NULL);
	assert_pair(&query, "c", "");
	assert_pair(&query, "", "d");
	assert_pair(&query, "e", "f=g");
	assert_pair(&query, "h%3D", "%26");
	assert_no_more(&query);
}

static void finds_nothing_in_a_query_of_nothing(void **state)
{
	weir_str none = {NULL, 0}, nothing = str(""), separators = str("&&&");

	(void)state;
	assert_no_more(&none);
	assert_no_more(&nothing);
	assert_no_more(&separators);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_escapes_of_either_case),
		cmocka_unit_test(refuses_bad_escapes_wherever_they_stand),
		cmocka_unit_test(refuses_nul_in_every_way),
		cmocka_unit_test(needs_room_for_the_zero),
		cmocka_unit_test(decodes_in_place),
		cmocka_unit_test(reads_plus_as_a_space_in_forms_only),
		cmocka_unit_test(decodes_every_octet),
		cmocka_unit_test(takes_queries_apart),
		cmocka_unit_test(finds_nothing_in_a_query_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
