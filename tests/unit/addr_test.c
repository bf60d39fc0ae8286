/*
 * addr_test.c: which texts are addresses, what do they mean, and how are addresses
 * written?
 */
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#include "core/addr.h"

static struct weir__where parse(const char *text)
{
	struct weir__where where;

	memset(&where, 0xa5, sizeof where);
	if (weir__addr_parse(text, &where) != 0)
		fail_msg("%s is refused", text);
	return where;
}

static void refuse(const char *text)
{
	struct weir__where where;

	if (weir__addr_parse(text, &where) != WEIR_EADDRESS)
		fail_msg("%s is not refused", text);
}

static const char *format(const struct weir__addr *addr)
{
	static char text[160];
	const int len = weir__addr_format(addr, text, sizeof text);

	assert_true(len > 0);
	assert_int_equal(strlen(text), len);
	return text;
}

/* ---- forms -------------------------------------------------------------- */

static void an_ip4_address_and_a_port(void **state)
{
	static const uint8_t ip[] = {192, 0, 2, 255};
	const struct weir__where where = parse("192.0.2.255:8080");

	(void)state;
	assert_int_equal(where.place, WEIR__PLACE_ADDR);
	assert_int_equal(where.addr.kind, WEIR__ADDR_IP4);
	assert_memory_equal(where.addr.u.ip, ip, 4);
	assert_int_equal(where.addr.port, 8080);
	assert_int_equal(parse("0.0.0.0:0").addr.port, 0);
	assert_int_equal(parse("255.255.255.255:65535").addr.port, 65535);
}

static void an_ip6_address_and_a_port(void **state)
{
	static const uint8_t ip[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
	const struct weir__where where = parse("[2001:DB8::1]:443");

	(void)state;
	assert_int_equal(where.place, WEIR__PLACE_ADDR);
	assert_int_equal(where.addr.kind, WEIR__ADDR_IP6);
	assert_memory_equal(where.addr.u.ip, ip, 16);
	assert_int_equal(where.addr.port, 443);
	assert_int_equal(where.addr.scope, 0);
	assert_int_equal(parse("[fe80::1%2]:80").addr.scope, 2);
	assert_int_equal(parse("[fe80::1%4294967295]:80").addr.scope, UINT32_MAX);
}

static void a_port_alone_is_every_address(void **state)
{
	(void)state;
	assert_int_equal(parse(":80").place, WEIR__PLACE_ANY);
	assert_int_equal(parse(":80").addr.port, 80);
	assert_int_equal(parse("80").place, WEIR__PLACE_ANY);
	assert_int_equal(parse("80").addr.port, 80);
	assert_int_equal(parse("0").place, WEIR__PLACE_ANY);
	assert_int_equal(parse(":65535").addr.port, 65535);
}

static void a_unix_path_and_an_abstract_name(void **state)
{
	const struct weir__where path = parse("unix:/run/a:b@c"), name = parse("unix:@weir");

	(void)state;
	assert_int_equal(path.place, WEIR__PLACE_ADDR);
	assert_int_equal(path.addr.kind, WEIR__ADDR_UNIX);
	assert_false(path.addr.abstract);
	assert_string_equal(path.addr.u.path, "/run/a:b@c");
	assert_int_equal(path.addr.path_len, strlen("/run/a:b@c"));
	assert_true(name.addr.abstract);
	assert_int_equal(name.addr.path_len, 4);
	assert_memory_equal(name.addr.u.path, "weir", 4);
}

static void what_was_inherited(void **state)
{
	const struct weir__where fd = parse("fd:3"), named = parse("systemd:web"),
				 first = parse("systemd:");

	(void)state;
	assert_int_equal(fd.place, WEIR__PLACE_FD);
	assert_int_equal(fd.fd, 3);
	assert_int_equal(parse("fd:0").fd, 0);
	assert_int_equal(parse("fd:2147483647").fd, INT32_MAX);
	assert_int_equal(named.place, WEIR__PLACE_SYSTEMD);
	assert_string_equal(named.name, "web");
	assert_int_equal(first.place, WEIR__PLACE_SYSTEMD);
	assert_string_equal(first.name, "");
}

static void what_is_none_of_them_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		":",
		"::",
		":::",
		" ",
		"80 ",
		" 80",
		"+80",
		"-1",
		":-1",
		"65536",
		":65536",
		":99999999999999999999",
		"0x50",
		"8o",
		"localhost:80",
		"localhost",
		"*:80",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:x",
		"127.0.0.1:80x",
		"127.0.0.1:65536",
		"127.0.0.1 :80",
		" 127.0.0.1:80",
		"127.0.0:80",
		"127.0.0.1.1:80",
		"127.0.0.256:80",
		"127.0.0.01:80",
		"0177.0.0.1:80",
		"0x7f.0.0.1:80",
		"127..0.1:80",
		".0.0.1:80",
		"127.0.0.:80",
		"127.0.0.-1:80",
		"2130706433:80",
		"[::1]",
		"[::1]:",
		"[::1]80",
		"::1:80",
		"[::1:80",
		"::1]:80",
		"[]:80",
		"[:]:80",
		"[127.0.0.1]:80",
		"[::1 ]:80",
		"[::g]:80",
		"[12345::]:80",
		"[1::2::3]:80",
		"[1:2:3:4:5:6:7]:80",
		"[1:2:3:4:5:6:7:8:9]:80",
		"[1:2:3:4:5:6:7:8::]:80",
		"[::1:2:3:4:5:6:7:8]:80",
		"[1:]:80",
		"[:1]:80",
		"[1:2:3:4:5:6:7:]:80",
		"[:::]:80",
		"[::1.2.3]:80",
		"[::1.2.3.4.5]:80",
		"[::1.2.3.256]:80",
		"[1.2.3.4::]:80",
		"[1:2:3:4:5:6:7:1.2.3.4]:80",
		"[::1.2.3.4:5]:80",
		"[fe80::1%]:80",
		"[fe80::1%0]:80",
		"[fe80::1%eth0]:80",
		"[fe80::1%4294967296]:80",
		"[%1]:80",
		"unix:",
		"unix:@",
		"fd:",
		"fd:-1",
		"fd:x",
		"fd:3x",
		"fd:2147483648",
		"UNIX:/a",
		"http://127.0.0.1:80",
		"127.0.0.1:80/",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		refuse(texts[i]);
}

static void no_text_is_no_address(void **state)
{
	struct weir__where where;

	(void)state;
	assert_int_equal(weir__addr_parse(NULL, &where), WEIR_EADDRESS);
}

static void a_path_may_be_as_long_as_the_system_takes(void **state)
{
	char text[5 + WEIR__PATH_MAX + 1] = "unix:";

	(void)state;
	memset(text + 5, 'x', WEIR__PATH_MAX);
	refuse(text);
	text[5 + WEIR__PATH_MAX - 1] = '\0';
	assert_int_equal(parse(text).addr.path_len, WEIR__PATH_MAX - 1);
}

/* ---- numbers ------------------------------------------------------------ */

static int classify(const char *text)
{
	uint8_t ip[16];

	if (weir__ip4_parse(text, strlen(text), ip))
		return 4;
	return weir__ip6_parse(text, strlen(text), ip) ? 6 : 0;
}

/* test-net-isip */
static void numeric_addresses_are_told_from_what_is_none(void **state)
{
	static const struct {
		const char *text;
		int version;
	} rows[] = {
		{"127.0.0.1", 4},
		{"x127.0.0.1", 0},
		{"example.com", 0},
		{"0000:0000:0000:0000:0000:0000:0000:0000", 6},
		{"0000:0000:0000:0000:0000:0000:0000:0000::0000", 0},
		{"1050:0:0:0:5:600:300c:326b", 6},
		{"2001:252:0:1::2008:6", 6},
		{"2001:dead:beef:1::2008:6", 6},
		{"2001::", 6},
		{"2001:dead::", 6},
		{"2001:dead:beef::", 6},
		{"2001:dead:beef:1::", 6},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 6},
		{":2001:252:0:1::2008:6:", 0},
		{":2001:252:0:1::2008:6", 0},
		{"2001:252:0:1::2008:6:", 0},
		{"2001:252::1::2008:6", 0},
		{"::2001:252:1:2008:6", 6},
		{"::2001:252:1:1.1.1.1", 6},
		{"::2001:252:1:255.255.255.255", 6},
		{"::2001:252:1:255.255.255.255.76", 0},
		{"::anything", 0},
		{"::1", 6},
		{"::", 6},
		{"0000:0000:0000:0000:0000:0000:12345:0000", 0},
		{"0", 0},
		{"", 0},
		{"::ffff:192.0.2.1", 6},
		{"1:2:3:4:5:6:192.0.2.1", 6},
		{"1:2:3:4:5:6:7::", 6},
		{"::2:3:4:5:6:7:8", 6},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (classify(rows[i].text) != rows[i].version)
			fail_msg("%s is called one of version %d", rows[i].text,
			         classify(rows[i].text));
}

/* The parsers are given a length: what stands behind it is not theirs. */
static void nothing_behind_the_length_is_read(void **state)
{
	static const char *const texts[] = {"192.0.2.1", "1:2:3:4:5:6:7:8", "::ffff:192.0.2.1",
	                                    "1:2:3:4::", "::"};
	uint8_t ip[16];

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		for (size_t len = 0; len <= strlen(texts[i]); len++) {
			char cut[40] = "", more[40];
			memcpy(cut, texts[i], len);
			memcpy(more, cut, sizeof cut);
			more[len] = '9';
			const bool four = weir__ip4_parse(cut, len, ip);
			const bool six = weir__ip6_parse(cut, len, ip);
			assert_int_equal(weir__ip4_parse(more, len, ip), four);
			assert_int_equal(weir__ip6_parse(more, len, ip), six);
		}
	}
}

/* ---- as text ------------------------------------------------------------ */

/* RFC 5952, section 4: the form in which each IPv6 address is written. */
static void ip6_is_written_in_its_canonical_form(void **state)
{
	static const char *const rows[][2] = {
		{"[0:0:0:0:0:0:0:0]:1", "[::]:1"},
		{"[0:0:0:0:0:0:0:1]:1", "[::1]:1"},
		{"[1:0:0:0:0:0:0:0]:1", "[1::]:1"},
		{"[2001:0db8::0001]:1", "[2001:db8::1]:1"},        /* 4.1: no leading zeros */
		{"[2001:db8:0:0:0:0:2:1]:1", "[2001:db8::2:1]:1"}, /* 4.2.1: as short as possible */
		{"[2001:db8:0:1:1:1:1:1]:1", "[2001:db8:0:1:1:1:1:1]:1"}, /* 4.2.2 */
		{"[2001:0:0:1:0:0:0:1]:1", "[2001:0:0:1::1]:1"},       /* 4.2.3: the longest run */
		{"[2001:db8:0:0:1:0:0:1]:1", "[2001:db8::1:0:0:1]:1"}, /* 4.2.3: else the first */
		{"[2001:DB8::ABCD]:1", "[2001:db8::abcd]:1"},          /* 4.3: lower case */
		{"[1:2:3:4:5:6:0:0]:1", "[1:2:3:4:5:6::]:1"},
		{"[0:0:3:4:5:6:7:8]:1", "[::3:4:5:6:7:8]:1"},
		{"[0:2:3:4:5:6:7:8]:1", "[0:2:3:4:5:6:7:8]:1"},
		{"[1:2:3:4:5:6:7::]:1", "[1:2:3:4:5:6:7:0]:1"},
		{"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
		{"[fe80::1%7]:1", "[fe80::1%7]:1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct weir__where where = parse(rows[i][0]);
		assert_string_equal(format(&where.addr), rows[i][1]);
	}
}

static void what_is_written_can_be_read_again(void **state)
{
	static const char *const texts[] = {
		"0.0.0.0:0",
		"127.0.0.1:80",
		"255.255.255.255:65535",
		"[::]:0",
		"[2001:db8::1]:443",
		"[fe80::1%4294967295]:1",
		"unix:/run/weir.sock",
		"unix:@weir",
		"unix:relative",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		const struct weir__where where = parse(texts[i]);
		assert_string_equal(format(&where.addr), texts[i]);
	}
}

static uint32_t random_number(void)
{
	static uint32_t x = 2463534242u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

/* Groups that are often zero, so that all runs come up. */
static void any_address_survives_the_round_trip(void **state)
{
	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct weir__addr addr = {.kind = round % 8 ? WEIR__ADDR_IP6 : WEIR__ADDR_IP4,
		                          .port = (uint16_t)random_number()};
		const size_t octets = addr.kind == WEIR__ADDR_IP4 ? 4 : 16;
		for (size_t i = 0; i < octets; i += 2) {
			const uint32_t n = random_number() % 3 ? 0 : random_number();
			addr.u.ip[i] = (uint8_t)(n >> (n >> 16) % 9);
			addr.u.ip[i + 1] = (uint8_t)(n >> 8);
		}
		const struct weir__where again = parse(format(&addr));
		assert_int_equal(again.addr.kind, addr.kind);
		assert_int_equal(again.addr.port, addr.port);
		assert_memory_equal(again.addr.u.ip, addr.u.ip, octets);
	}
}

static void a_peer_without_a_name_is_written_as_unix(void **state)
{
	const struct weir__addr nameless = {.kind = WEIR__ADDR_UNIX};

	(void)state;
	assert_string_equal(format(&nameless), "unix:");
}

static void text_that_does_not_fit_is_refused_within_its_bounds(void **state)
{
	static const char *const texts[] = {"192.0.2.1:80", "[2001:db8::1%3]:443", "unix:@weir"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		const struct weir__where where = parse(texts[i]);
		const size_t len = strlen(texts[i]);
		for (size_t size = 0; size <= len + 1; size++) {
			char text[64];
			memset(text, '#', sizeof text);
			const int result = weir__addr_format(&where.addr, text, size);
			assert_int_equal(result, size > len ? (int)len : -ENOSPC);
			for (size_t at = size; at < sizeof text; at++)
				assert_int_equal(text[at], '#');
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ip4_address_and_a_port),
		cmocka_unit_test(an_ip6_address_and_a_port),
		cmocka_unit_test(a_port_alone_is_every_address),
		cmocka_unit_test(a_unix_path_and_an_abstract_name),
		cmocka_unit_test(what_was_inherited),
		cmocka_unit_test(what_is_none_of_them_is_refused),
		cmocka_unit_test(no_text_is_no_address),
		cmocka_unit_test(a_path_may_be_as_long_as_the_system_takes),
		cmocka_unit_test(numeric_addresses_are_told_from_what_is_none),
		cmocka_unit_test(nothing_behind_the_length_is_read),
		cmocka_unit_test(ip6_is_written_in_its_canonical_form),
		cmocka_unit_test(what_is_written_can_be_read_again),
		cmocka_unit_test(any_address_survives_the_round_trip),
		cmocka_unit_test(a_peer_without_a_name_is_written_as_unix),
		cmocka_unit_test(text_that_does_not_fit_is_refused_within_its_bounds),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
