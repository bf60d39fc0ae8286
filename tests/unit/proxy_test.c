/*
 * proxy_test.c: which octets are a PROXY header, and of whom does it tell? Each is read
 * whole, at every split and octet by octet, with octets behind it that must not be taken.
 */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/addr.h"
#include "core/proxy.h"

/* Stands behind every header. */
static const char behind[] = "PROXY\r\n\r\n";

/* ---- reading ------------------------------------------------------------- */

/* Offers a piece, from memory that ends where the piece does. How much of it was taken. */
static size_t offer(struct weir__proxy *proxy, const char *data, size_t len)
{
	char *exact = malloc(len ? len : 1);
	size_t at = 0, need;

	assert_non_null(exact);
	memcpy(exact, data, len);
	while (at < len && (need = weir__proxy_need(proxy)) > 0) {
		const size_t n = need < len - at ? need : len - at;

		weir__proxy_take(proxy, exact + at, n);
		at += n;
	}
	free(exact);
	return at;
}

/* What was found: "-" malformed, "+" more is needed, "*" the peer as it is, or its address. */
static const char *found(const struct weir__proxy *proxy)
{
	static char text[80];

	if (proxy->state == WEIR__PROXY_BAD)
		return "-";
	if (proxy->state != WEIR__PROXY_DONE)
		return "+";
	if (proxy->addr.kind == WEIR__ADDR_NONE)
		return "*";
	assert_true(weir__addr_format(&proxy->addr, text, sizeof text) > 0);
	return text;
}

/* In pieces of so many octets each, the first of which has `first`. */
static const char *read_in(const char *data, size_t len, size_t first, size_t each, size_t *used)
{
	struct weir__proxy proxy;
	size_t n = first;

	weir__proxy_init(&proxy);
	*used = 0;
	for (size_t at = 0; at < len; at += n, n = each) {
		if (n > len - at)
			n = len - at;
		*used += offer(&proxy, data + at, n);
	}
	/* It asks for more, or it does not. */
	assert_int_equal(weir__proxy_need(&proxy) > 0, proxy.state < WEIR__PROXY_DONE);
	return found(&proxy);
}

static void expect(const char *data, size_t len, size_t first, size_t each, const char *wanted)
{
	size_t used;
	const char *got = read_in(data, len, first, each, &used);

	if (strcmp(got, wanted) != 0)
		fail_msg("%.60s cut at %zu, %zu: %s, not %s", data, first, each, got, wanted);
	if (*wanted != '-' && *wanted != '+')
		assert_int_equal(used, len - (sizeof behind - 1));
}

static void check(const char *header, size_t len, const char *wanted)
{
	const size_t all = len + sizeof behind - 1;
	char *data = malloc(all);

	assert_non_null(data);
	memcpy(data, header, len);
	memcpy(data + len, behind, sizeof behind - 1);
	for (size_t first = 1; first <= all; first++)
		expect(data, all, first, all, wanted);
	expect(data, all, 1, 1, wanted);
	/* No beginning of a good one is complete, or bad. */
	for (size_t part = 0; *wanted != '-' && part < len; part++)
		expect(data, part, part ? part : 1, 1, "+");
	free(data);
}

struct line {
	const char *text, *wanted;
};

static void check_lines(const struct line *lines, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check(lines[i].text, strlen(lines[i].text), lines[i].wanted);
}

/* ---- version 1 ----------------------------------------------------------- */

static void lines_that_name_a_peer(void **state)
{
	static const struct line lines[] = {
		{"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", "192.168.0.1:56324"},
		{"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0:0"},
		{"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
	         "255.255.255.255:65535"},
		{"PROXY TCP6 2001:db8::1 ::1 4711 80\r\n", "[2001:db8::1]:4711"},
		{"PROXY TCP6 :: :: 1 2\r\n", "[::]:1"},
		{"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
	         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
		{"PROXY TCP6 ::ffff:192.0.2.1 ::1 80 80\r\n", "192.0.2.1:80"},
		{"PROXY TCP6 ::ffff:c000:201 ::1 80 80\r\n", "192.0.2.1:80"},
	};

	(void)state;
	check_lines(lines, sizeof lines / sizeof *lines);
}

static void lines_that_name_nobody(void **state)
{
	static const struct line lines[] = {
		{"PROXY UNKNOWN\r\n", "*"},
		{"PROXY UNKNOWN \r\n", "*"},
		{"PROXY UNKNOWN anything: \"at\tall\" \x80\r\n", "*"},
		{"PROXY UNKNOWN a\rb\nc\r\r\n", "*"},
		{"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
	         "*"},
	};

	(void)state;
	check_lines(lines, sizeof lines / sizeof *lines);
	assert_int_equal(strlen(lines[4].text), 107);
}

static void lines_that_are_malformed(void **state)
{
	static const struct line lines[] = {
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "-"},
		{"PROXX", "-"},
		{"proxy TCP4 1.1.1.1 1.1.1.1 1 1\r\n", "-"},
		{" PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\n", "-"},
		{"PROXY\r\n", "-"},
		{"PROXY \r\n", "-"},
		{"PROXY  TCP4 1.1.1.1 1.1.1.1 1 1\r\n", "-"},
		{"PROXY\tTCP4 1.1.1.1 1.1.1.1 1 1\r\n", "-"},
		{"PROXY tcp4 1.1.1.1 1.1.1.1 1 1\r\n", "-"},
		{"PROXY UDP4 1.1.1.1 1.1.1.1 1 1\r\n", "-"},
		{"PROXY TCP5 1.1.1.1 1.1.1.1 1 1\r\n", "-"},
		{"PROXY TCP44 1.1.1.1 1.1.1.1 1 1\r\n", "-"},
		{"PROXY UNKNOWNX\r\n", "-"},
		{"PROXY unknown\r\n", "-"},
		{"PROXY TCP4\r\n", "-"},
		{"PROXY TCP4 \r\n", "-"},
		{"PROXY TCP4 1.1.1.1\r\n", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.1\r\n", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 1 1 \r\n", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n", "-"},
		{"PROXY TCP4 1.1.1.1  1.1.1.1 1 1\r\n", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 1  1\r\n", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\rX", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\r\n", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.1\r1 1\r\n", "-"},
		{"PROXY TCP4 1.1.1.1\r\n1.1.1.1 1 1\r\n", "-"},
		{"PROXY TCP4 01.1.1.1 1.1.1.1 1 1\r\n", "-"},
		{"PROXY TCP4 1.1.1 1.1.1.1 1 1\r\n", "-"},
		{"PROXY TCP4 1.1.1.256 1.1.1.1 1 1\r\n", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.256 1 1\r\n", "-"},
		{"PROXY TCP4 ::1 ::1 1 1\r\n", "-"},
		{"PROXY TCP4 1.1.1.1 ::1 1 1\r\n", "-"},
		{"PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n", "-"},
		{"PROXY TCP6 ::1 1.1.1.1 1 1\r\n", "-"},
		{"PROXY TCP6 [::1] [::1] 1 1\r\n", "-"},
		{"PROXY TCP6 fe80::1%1 ::1 1 1\r\n", "-"},
		{"PROXY TCP6 1::2::3 ::1 1 1\r\n", "-"},
		{"PROXY TCP4 localhost 1.1.1.1 1 1\r\n", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 00 1\r\n", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 1 080\r\n", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 65536 1\r\n", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 1 65536\r\n", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 1 4294967297\r\n", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 +1 1\r\n", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 -1 1\r\n", "-"},
		{"PROXY TCP4 1.1.1.1 1.1.1.1 x 1\r\n", "-"},
		/* Of 108 octets. */
		{"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535 \r\n",
	         "-"},
	};

	(void)state;
	check_lines(lines, sizeof lines / sizeof *lines);
}

static void a_line_without_an_end_is_refused_at_its_limit(void **state)
{
	struct weir__proxy proxy;
	size_t n = 14;

	(void)state;
	weir__proxy_init(&proxy);
	assert_int_equal(offer(&proxy, "PROXY UNKNOWN ", n), n);
	while (proxy.state < WEIR__PROXY_DONE)
		n += offer(&proxy, "x", 1);
	assert_string_equal(found(&proxy), "-");
	assert_int_equal(n, WEIR__PROXY_LINE_MAX);
}

/* ---- version 2 ----------------------------------------------------------- */

static struct {
	char data[5000];
	size_t len;
} header;

static void add(const void *data, size_t len)
{
	assert_true(header.len + len <= sizeof header.data);
	memcpy(header.data + header.len, data, len);
	header.len += len;
}

static void add_octet(unsigned octet)
{
	const char c = (char)octet;

	add(&c, 1);
}

/* Signature, command, family and length, before what is added then. */
static void begin(unsigned command, unsigned family, size_t len)
{
	header.len = 0;
	add("\r\n\r\n\0\r\nQUIT\n", 12);
	add_octet(command);
	add_octet(family);
	add_octet((unsigned)(len >> 8));
	add_octet((unsigned)(len & 0xff));
}

static const char ip4[12] = {(char)192, 0, 2, 1, 10, 0, 0, 1, 0x12, 0x67, 0, 80};
static const char ip6[36] = {0x20, 0x01, 0x0d, (char)0xb8, [15] = 1, [31] = 2, 0x12, 0x67, 0, 80};
static const char mapped[36] = {
	[10] = (char)0xff, (char)0xff, (char)192, 0, 2, 1, [31] = 2, 0x12, 0x67, 0, 80};
static const char path[216] = "/run/client";

static void wants(const char *wanted)
{
	check(header.data, header.len, wanted);
}

static void headers_that_name_a_peer(void **state)
{
	(void)state;
	begin(0x21, 0x11, 12);
	add(ip4, 12);
	wants("192.0.2.1:4711");
	begin(0x21, 0x21, 36);
	add(ip6, 36);
	wants("[2001:db8::1]:4711");
	begin(0x21, 0x21, 36);
	add(mapped, 36);
	wants("192.0.2.1:4711");
	begin(0x21, 0x31, 216);
	add(path, 216);
	wants("unix:");
}

static void headers_that_name_nobody(void **state)
{
	static const unsigned families[] = {0x00, 0x11, 0x12, 0x21, 0x31, 0xff};

	(void)state;
	for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
		begin(0x20, families[i], 0);
		wants("*");
		begin(0x20, families[i], 5);
		add("\0\xff\xffxy", 5);
		wants("*");
	}
	begin(0x21, 0x00, 0);
	wants("*");
	begin(0x21, 0x00, 12);
	add(ip4, 12);
	wants("*");
}

static void tlvs_are_passed_over(void **state)
{
	(void)state;
	begin(0x21, 0x11, 12 + 3 + 7);
	add(ip4, 12);
	add("\x04\0\0\x01\0\x04http", 3 + 7);
	wants("192.0.2.1:4711");
	begin(0x21, 0x31, 216 + 3 + 300);
	add(path, 216);
	add("\xea\x01\x2c", 3);
	for (int i = 0; i < 300; i++)
		add_octet('\n');
	wants("unix:");
}

static void tlvs_fill_the_header(void **state)
{
	static const struct {
		const char *data;
		size_t len;
	} bad[] = {
		{"x", 1}, {"xy", 2}, {"\x04\0\x01", 3}, {"\x04\0\0\x04", 4}, {"\x04\xff\xffxy", 5}};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		begin(0x21, 0x11, 12 + bad[i].len);
		add(ip4, 12);
		add(bad[i].data, bad[i].len);
		wants("-");
	}
}

static void headers_that_are_malformed(void **state)
{
	static const struct {
		unsigned command, family;
		size_t len;
	} bad[] = {
		{0x22, 0x11, 12}, {0x2f, 0x11, 12}, {0x11, 0x11, 12}, {0x31, 0x11, 12},
		{0x01, 0x11, 12}, {0x21, 0x12, 12}, {0x21, 0x22, 36}, {0x21, 0x32, 216},
		{0x21, 0x10, 12}, {0x21, 0x01, 12}, {0x21, 0x13, 12}, {0x21, 0x41, 216},
		{0x21, 0x11, 0},  {0x21, 0x11, 11}, {0x21, 0x21, 35}, {0x21, 0x31, 215},
		{0x21, 0x21, 12},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		begin(bad[i].command, bad[i].family, bad[i].len);
		add(path, bad[i].len);
		wants("-");
	}
	for (size_t at = 0; at < 12; at++) {
		begin(0x21, 0x11, 12);
		add(ip4, 12);
		header.data[at] ^= 0x40;
		wants("-");
	}
}

static void headers_have_a_limit(void **state)
{
	(void)state;
	for (unsigned over = 0; over < 2; over++) {
		const size_t rest = WEIR__PROXY_MAX - WEIR__PROXY_FIXED - 12 - 3 + over;

		begin(0x21, 0x11, 12 + 3 + rest);
		add(ip4, 12);
		add_octet(0xe0);
		add_octet((unsigned)(rest >> 8));
		add_octet((unsigned)(rest & 0xff));
		for (size_t i = 0; i < rest; i++)
			add_octet('x');
		/* Each split of so many would take long. */
		memcpy(header.data + header.len, behind, sizeof behind - 1);
		header.len += sizeof behind - 1;
		expect(header.data, header.len, header.len, 1, over ? "-" : "192.0.2.1:4711");
		expect(header.data, header.len, 1, 1, over ? "-" : "192.0.2.1:4711");
	}
	begin(0x20, 0x00, 65535);
	wants("-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_that_name_a_peer),
		cmocka_unit_test(lines_that_name_nobody),
		cmocka_unit_test(lines_that_are_malformed),
		cmocka_unit_test(a_line_without_an_end_is_refused_at_its_limit),
		cmocka_unit_test(headers_that_name_a_peer),
		cmocka_unit_test(headers_that_name_nobody),
		cmocka_unit_test(tlvs_are_passed_over),
		cmocka_unit_test(tlvs_fill_the_header),
		cmocka_unit_test(headers_that_are_malformed),
		cmocka_unit_test(headers_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
