/*
 * octets_test.c: does the table say of each octet what the RFCs say?
 *
 * Here the sets are written out as the grammars have them; that words of eight
 * octets and the scanners tell the same as the table is shown by scan_test.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "http/octets.h"

#define DIGITS "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static bool is_one_of(unsigned octet, const char *set)
{
	return octet != 0 && octet < 0x80 && strchr(set, (int)octet) != NULL;
}

static void the_octets_of_tokens(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++)
		assert_int_equal(weir__octet_is((uint8_t)c, WEIR__TOKEN),
		                 is_one_of(c, DIGITS LETTERS "!#$%&'*+-.^_`|~"));
}

static void the_octets_of_targets(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++)
		assert_int_equal(weir__octet_is((uint8_t)c, WEIR__TARGET),
		                 c > 0x20 && c < 0x7f && c != '#');
}

static void the_octets_of_values(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++)
		assert_int_equal(weir__octet_is((uint8_t)c, WEIR__VALUE),
		                 c == '\t' || (c >= 0x20 && c != 0x7f));
}

/* unreserved / sub-delims (RFC 3986 2.3 and 2.2) */
static void the_octets_of_registered_names(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++)
		assert_int_equal(weir__octet_is((uint8_t)c, WEIR__REG_NAME),
		                 is_one_of(c, DIGITS LETTERS "-._~!$&'()*+,;="));
}

static void the_octets_of_numbers(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		assert_int_equal(weir__octet_is((uint8_t)c, WEIR__DIGIT), is_one_of(c, DIGITS));
		assert_int_equal(weir__octet_is((uint8_t)c, WEIR__HEX),
		                 is_one_of(c, DIGITS "ABCDEFabcdef"));
	}
}

/* The scanners that know no token by its octet look it up by its halves. */
static void halves_tell_tokens_as_the_table_does(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++)
		assert_int_equal((weir__low_half[c & 15] & weir__high_half[c >> 4]) != 0,
		                 weir__octet_is((uint8_t)c, WEIR__TOKEN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_octets_of_tokens),
		cmocka_unit_test(the_octets_of_targets),
		cmocka_unit_test(the_octets_of_values),
		cmocka_unit_test(the_octets_of_registered_names),
		cmocka_unit_test(the_octets_of_numbers),
		cmocka_unit_test(halves_tell_tokens_as_the_table_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
