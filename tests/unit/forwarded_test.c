/*
 * forwarded_test.c: is a proxy's word understood?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/forwarded.h"

static weir_str str(const char *text)
{
	return (weir_str){text, strlen(text)};
}

/* ---- lists --------------------------------------------------------------- */

/* The elements from the end, each in braces. */
static const char *taken(const char *text)
{
	static char out[256];
	weir_str list = str(text), item;
	size_t len = 0;

	out[0] = '\0';
	while (weir__list_last(&list, &item))
		len += (size_t)snprintf(out + len, sizeof out - len, "{%.*s}", (int)item.len,
		                        item.data);
	assert_int_equal(list.len, 0);
	return out;
}

static void takes_lists_from_their_end(void **state)
{
	(void)state;
	assert_string_equal(taken(""), "");
	assert_string_equal(taken(" , ,"), "");
	assert_string_equal(taken("a"), "{a}");
	assert_string_equal(taken("a,b"), "{b}{a}");
	assert_string_equal(taken(",, a b ,\tc\t, "), "{c}{a b}");
}

static void a_quoted_comma_divides_nothing(void **state)
{
	(void)state;
	assert_string_equal(taken("a, x=\"b,c\", d"), "{d}{x=\"b,c\"}{a}");
	assert_string_equal(taken("a, x=\"b\\\",c\", d"), "{d}{x=\"b\\\",c\"}{a}");
	assert_string_equal(taken("a, x=\"b\\\\\", d"), "{d}{x=\"b\\\\\"}{a}");
	assert_string_equal(taken("a,\"\",b"), "{b}{\"\"}{a}");
	assert_string_equal(taken("a,\\\\\"b,c\""), "{\\\\\"b,c\"}{a}");
}

/* Whatever a client has sent before, what was added behind it stands alone. */
static void nothing_in_front_swallows_what_is_behind(void **state)
{
	static const char *const fronts[] = {
		"\"",        "x=\"",        "x=\"a, b",  "\\",          "x=\\",
		"x=\"\\",    "x=\"\\\"",    "\"\"\"",    "x=\"a\\\\\\", "a,b,\"c,\"\"",
		"x=\"a\\\"", "\"a\\\\\\\"", "x=\"a\"\\",
	};

	(void)state;
	for (size_t i = 0; i < sizeof fronts / sizeof *fronts; i++) {
		char text[64];
		weir_str list, item;

		snprintf(text, sizeof text, "%s, for=\"[::1]:8\"", fronts[i]);
		list = str(text);
		assert_true(weir__list_last(&list, &item));
		assert_int_equal(item.len, strlen("for=\"[::1]:8\""));
		assert_memory_equal(item.data, "for=\"[::1]:8\"", item.len);
		assert_int_equal(list.len, strlen(fronts[i]));
	}
}

/* ---- elements ------------------------------------------------------------ */

typedef bool reader(weir_str element, struct weir__addr *addr);

/* As text; "-" when it is no address. From memory that ends where the text does. */
static const char *read_as(reader *read, const char *text)
{
	static char out[80];
	const size_t len = strlen(text);
	char *exact = malloc(len ? len : 1);
	struct weir__addr addr;
	bool good;

	assert_non_null(exact);
	memcpy(exact, text, len);
	good = read((weir_str){exact, len}, &addr);
	free(exact);
	if (!good)
		return "-";
	assert_true(weir__addr_format(&addr, out, sizeof out) > 0);
	return out;
}

struct reading {
	const char *text, *address;
};

static void check(reader *read, const struct reading *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *got = read_as(read, cases[i].text);

		if (strcmp(got, cases[i].address) != 0)
			fail_msg("%s: %s", cases[i].text, got);
	}
}

/* RFC 7239 sections 4 and 6. */
static void reads_elements_of_forwarded(void **state)
{
	static const struct reading cases[] = {
		{"for=192.0.2.43", "192.0.2.43:0"},
		{"For=\"[2001:db8:cafe::17]:4711\"", "[2001:db8:cafe::17]:4711"},
		{"for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60:0"},
		{"proto=http;FOR=192.0.2.60", "192.0.2.60:0"},
		{"by=\"a,;\\\"b\";for=192.0.2.60", "192.0.2.60:0"},
		{"for=\"192.0.2.43:47011\"", "192.0.2.43:47011"},
		{"for=\"[2001:db8::1]\"", "[2001:db8::1]:0"},
		{"for=\"[::ffff:192.0.2.1]\"", "192.0.2.1:0"},
		{"for=\"192.0.2.43:_port-1\"", "192.0.2.43:0"},
		{"for=\"[::1]:_p\"", "[::1]:0"},
		{"for=\"192.0.2.4\\3\"", "192.0.2.43:0"},
		{"for=192.0.2.60 ; proto=http", "192.0.2.60:0"},
		{";;for=192.0.2.60;", "192.0.2.60:0"},
		{"for=\"192.0.2.43:00080\"", "192.0.2.43:80"},
		{"for=\"192.0.2.43:65535\"", "192.0.2.43:65535"},
	};

	(void)state;
	check(weir__forwarded_for, cases, sizeof cases / sizeof *cases);
}

static void reads_no_address_where_there_is_none(void **state)
{
	static const struct reading cases[] = {
		{"", "-"},
		{";", "-"},
		{"for", "-"},
		{"for=", "-"},
		{"=192.0.2.43", "-"},
		{"for=unknown", "-"},
		{"for=_hidden", "-"},
		{"for=\"_SEVKISEK\"", "-"},
		{"proto=http", "-"},
		{"fore=192.0.2.43", "-"},
		{"192.0.2.43", "-"},
		{"for =192.0.2.43", "-"},
		{"for= 192.0.2.43", "-"},
		{"for=192.0.2.43:80", "-"},
		{"for=[::1]", "-"},
		{"for=\"::1\"", "-"},
		{"for=\"[::1\"", "-"},
		{"for=\"[::1]8\"", "-"},
		{"for=\"[::1]x80\"", "-"},
		/* Of 65 octets: the front of it would be good. */
		{"for=\"[::1]:_8901234567890123456789012345678901234567890123456789012341\"", "-"},
		{"for=\"[]\"", "-"},
		{"for=\"[192.0.2.43]\"", "-"},
		{"for=\"[fe80::1%1]\"", "-"},
		{"for=\"192.0.2.43:\"", "-"},
		{"for=\"192.0.2.43:_\"", "-"},
		{"for=\"192.0.2.43:_a b\"", "-"},
		{"for=\"192.0.2.43:65536\"", "-"},
		{"for=\"192.0.2.43:000080\"", "-"},
		{"for=\"192.0.2.43:-1\"", "-"},
		{"for=192.0.2.256", "-"},
		{"for=192.0.2", "-"},
		{"for=192.0.02.1", "-"},
		{"for=\"\"", "-"},
		{"for=\"192.0.2.43", "-"},
		{"for=\"192.0.2.43\\", "-"},
		{"for=\"192.0.2.43\"x", "-"},
		{"for=192.0.2.43 x", "-"},
		{"for=192.0.2.43;x", "-"},
		{"for=192.0.2.43;x=", "-"},
		{"for=192.0.2.43;for=192.0.2.44", "-"},
		{"for=192.0.2.43;for=unknown", "-"},
		{"for=\"192.0.2.43:_12345678901234567890123456789012345678901234567890123456\"",
	         "-"},
	};

	(void)state;
	check(weir__forwarded_for, cases, sizeof cases / sizeof *cases);
}

static void reads_elements_of_x_forwarded_for(void **state)
{
	static const struct reading cases[] = {
		{"192.0.2.43", "192.0.2.43:0"},
		{"192.0.2.43:80", "192.0.2.43:80"},
		{"2001:db8::1", "[2001:db8::1]:0"},
		{"[2001:db8::1]", "[2001:db8::1]:0"},
		{"[2001:db8::1]:80", "[2001:db8::1]:80"},
		{"::ffff:192.0.2.1", "192.0.2.1:0"},
		{"::", "[::]:0"},
		{"unknown", "-"},
		{"", "-"},
		{"_x", "-"},
		{"\"192.0.2.43\"", "-"},
		{"for=192.0.2.43", "-"},
		{"a.example", "-"},
		{"192.0.2.43:x", "-"},
		{"192.0.2.43 192.0.2.44", "-"},
		{"fe80::1%eth0", "-"},
		{"unix:", "-"},
	};

	(void)state;
	check(weir__x_forwarded_for, cases, sizeof cases / sizeof *cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_lists_from_their_end),
		cmocka_unit_test(a_quoted_comma_divides_nothing),
		cmocka_unit_test(nothing_in_front_swallows_what_is_behind),
		cmocka_unit_test(reads_elements_of_forwarded),
		cmocka_unit_test(reads_no_address_where_there_is_none),
		cmocka_unit_test(reads_elements_of_x_forwarded_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
