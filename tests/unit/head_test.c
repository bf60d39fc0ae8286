/*
 * head_test.c: are fields, list elements and parts of targets found?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "http/head.h"
#include "http/parse.h"

/* Fields written one behind the other, as a head holds them. */
struct head {
	char octets[512];
	weir_field fields[8];
	uint32_t n;
};

static weir_slice append(struct head *h, uint32_t *len, const char *text)
{
	const weir_slice s = {*len, (uint32_t)strlen(text)};

	memcpy(h->octets + s.at, text, s.len);
	*len += s.len + 1;
	return s;
}

static void build(struct head *h, const char *const lines[][2], uint32_t n)
{
	uint32_t len = 0;

	memset(h, 0, sizeof *h);
	for (h->n = 0; h->n < n; h->n++) {
		h->fields[h->n].name = append(h, &len, lines[h->n][0]);
		h->fields[h->n].value = append(h, &len, lines[h->n][1]);
	}
}

static bool lists(const char *value, const char *token)
{
	weir_slice list = {0, (uint32_t)strlen(value)}, item;

	while (weir__list_next(value, &list, &item))
		if (item.len == strlen(token) &&
		    weir__same((const uint8_t *)value + item.at, token, item.len))
			return true;
	return false;
}

static void finds_a_field_in_any_case(void **state)
{
	const char *const lines[][2] = {{"A", "1"}, {"Content-TYPE", "2"}, {"Content-Types", "3"}};
	struct head h;

	(void)state;
	build(&h, lines, 3);
	assert_int_equal(weir__field_find(h.octets, h.fields, h.n, "content-type", 0), 1);
	assert_int_equal(weir__field_find(h.octets, h.fields, h.n, "CONTENT-TYPE", 0), 1);
	assert_int_equal(weir__field_find(h.octets, h.fields, h.n, "a", 0), 0);
	assert_int_equal(weir__field_find(h.octets, h.fields, h.n, "b", 0), h.n);
	assert_int_equal(weir__field_find(h.octets, h.fields, h.n, "", 0), h.n);
	assert_int_equal(weir__field_find(h.octets, NULL, 0, "a", 0), 0);
}

static void finds_the_next_of_a_name(void **state)
{
	const char *const lines[][2] = {{"A", "1"}, {"B", "2"}, {"a", "3"}};
	struct head h;

	(void)state;
	build(&h, lines, 3);
	assert_int_equal(weir__field_find(h.octets, h.fields, h.n, "A", 1), 2);
	assert_int_equal(weir__field_find(h.octets, h.fields, h.n, "A", 3), h.n);
}

/* Only letters have a case: '@' is no '`', '[' no '{'. */
static void folds_letters_only(void **state)
{
	const char *const lines[][2] = {{"^a", "1"}, {"|b", "2"}};
	struct head h;

	(void)state;
	build(&h, lines, 2);
	assert_int_equal(weir__field_find(h.octets, h.fields, h.n, "~a", 0), h.n);
	assert_int_equal(weir__field_find(h.octets, h.fields, h.n, "\\b", 0), h.n);
	assert_true(weir__same((const uint8_t *)"ChUnKeD", "chunked", 7));
	assert_false(weir__same((const uint8_t *)"chunkeD", "chunkee", 7));
	/* Of all octets that are no controls, of any length: one bit is all that letters ignore. */
	for (int octet = 0x20; octet < 0x100; octet++)
		for (size_t n = 1; n <= 17; n++)
			for (size_t at = 0; at < n; at++) {
				uint8_t octets[17];
				char text[17];

				memset(octets, 'q', sizeof octets);
				memset(text, 'q', sizeof text);
				octets[at] = (uint8_t)octet;
				text[at] = "-1az"[octet % 4];
				assert_int_equal(weir__same(octets, text, n),
				                 weir__lower((uint8_t)octet) == text[at]);
			}
}

static void finds_tokens_of_a_list(void **state)
{
	(void)state;
	assert_true(lists("close", "close"));
	assert_true(lists("CLOSE", "close"));
	assert_true(lists("a, \tclose \t,b", "close"));
	assert_true(lists("a,b,close", "close"));
	assert_false(lists("closed", "close"));
	assert_false(lists("not-close", "close"));
	assert_false(lists("a close", "close"));
	assert_false(lists("\"close\"", "close"));
	assert_false(lists("", "close"));
}

static void moves_on_over_empty_elements(void **state)
{
	(void)state;
	assert_true(lists(",, ,\t,close", "close"));
	assert_false(lists(",,,,", "close"));
	assert_false(lists(" , ", "close"));
	assert_false(lists(",", ""));
}

static void hands_out_elements_in_order(void **state)
{
	static const char list[] = "xx a , b b,,c";
	weir_slice rest = {2, sizeof list - 3};
	weir_slice item;

	(void)state;
	assert_true(weir__list_next(list, &rest, &item));
	assert_int_equal(item.at, 3);
	assert_int_equal(item.len, 1);
	assert_true(weir__list_next(list, &rest, &item));
	assert_int_equal(item.len, 3);
	assert_memory_equal(list + item.at, "b b", 3);
	assert_true(weir__list_next(list, &rest, &item));
	assert_memory_equal(list + item.at, "c", 1);
	assert_false(weir__list_next(list, &rest, &item));
}

static void splits_targets(void **state)
{
	static const struct {
		const char *target, *authority, *path, *query;
	} cases[] = {
		{"/", "", "/", ""},
		{"/a/b?c=d?e", "", "/a/b", "c=d?e"},
		{"/a?", "", "/a", ""},
		{"//x/y", "", "//x/y", ""},
		{"/http://a/b", "", "/http://a/b", ""},
		{"*", "", "*", ""},
		{"http://a.example:80/x?y", "a.example:80", "/x", "y"},
		{"http://a", "a", "", ""},
		{"http://a?q/r", "a", "", "q/r"},
		{"http://[::1]:8/", "[::1]:8", "/", ""},
		{"a.example:443", "a.example:443", "", ""},
		{"[::1]:443", "[::1]:443", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const weir_slice whole = {2, (uint32_t)strlen(cases[i].target)};
		struct weir__target t;
		char octets[64], got[200], want[200];

		snprintf(octets, sizeof octets, "G %s HTTP/1.1", cases[i].target);
		weir__target_split(octets, whole, &t);
		snprintf(got, sizeof got, "%.*s %.*s %.*s", (int)t.authority.len,
		         octets + t.authority.at, (int)t.path.len, octets + t.path.at,
		         (int)t.query.len, octets + t.query.at);
		snprintf(want, sizeof want, "%s %s %s", cases[i].authority, cases[i].path,
		         cases[i].query);
		assert_string_equal(got, want);
	}
}

/* What stands behind the value does not complete it. */
static void judges_hosts_by_their_own_octets(void **state)
{
	static const struct {
		const char *octets;
		uint32_t len;
		bool good;
	} cases[] = {
		{"a%2fb", 4, true},   {"a%2fb", 3, false}, {"a%2fb", 2, false},
		{"[::1]:8", 5, true}, {"[::1]", 4, false}, {"[::1.2.3.4]", 9, false},
		{"[]", 2, false},     {"[v1.a]", 6, true}, {"[v1.]", 5, false},
		{"a:8x", 3, true},    {"a:8x", 4, false},  {"a", 0, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(weir__is_host((const uint8_t *)cases[i].octets, cases[i].len),
		                 cases[i].good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_a_field_in_any_case),
		cmocka_unit_test(finds_the_next_of_a_name),
		cmocka_unit_test(folds_letters_only),
		cmocka_unit_test(finds_tokens_of_a_list),
		cmocka_unit_test(moves_on_over_empty_elements),
		cmocka_unit_test(hands_out_elements_in_order),
		cmocka_unit_test(splits_targets),
		cmocka_unit_test(judges_hosts_by_their_own_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
