/*
 * Does a request of the HTTP server say what its head says: its path and query in
 * each form of a target, fields in several lines, the client behind proxies?
 */
#include "tests/memio/http_bed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "http/conn.h"

/* What the handler was asked to ask, and its answer. */
static void (*question)(weir_req *req);
static char answer[256];

static void handle(weir_req *req, void *arg)
{
	if (!question) {
		bed_keep(req, arg);
		return;
	}
	question(req);
	weir_reply(req, 200, NULL, NULL, 0);
}

static int try_given(const char *trusted)
{
	const weir_server_opts opts = {
		.trusted = trusted,
		.methods = WEIR_METHOD_BIT(WEIR_GET) | WEIR_METHOD_BIT(WEIR_OPTIONS) |
	                   WEIR_METHOD_BIT(WEIR_CONNECT),
	};

	return bed_try_serve(handle, &opts);
}

static void given(const char *trusted, const char *address)
{
	bed.address = address;
	assert_int_equal(try_given(trusted), 0);
}

static int set_up(void **state)
{
	memset(answer, 0, sizeof answer);
	question = NULL;
	return bed_setup(state);
}

/* ---- targets ------------------------------------------------------------- */

/* "PATH QUERY", and '-' for a query that is not there. */
static void say_parts(weir_req *req)
{
	const weir_str path = weir_req_path(req), query = weir_req_query(req);

	assert_non_null(path.data);
	snprintf(answer, sizeof answer, "%.*s %.*s", (int)path.len, path.data,
	         query.data ? (int)query.len : 1, query.data ? query.data : "-");
}

static void every_form_of_a_target_has_a_path(void **state)
{
	static const struct {
		const char *line, *parts;
	} cases[] = {
		{"GET /", "/ -"},
		{"GET /?", "/ "},
		{"GET /??", "/ ?"},
		{"GET /a?b=c?d/e", "/a b=c?d/e"},
		{"GET //a//?", "//a// "},
		{"GET /a%3Fb", "/a%3Fb -"},
		{"GET /*", "/* -"},
		{"GET http://h", "/ -"},
		{"GET http://h/", "/ -"},
		{"GET http://h?", "/ "},
		{"GET http://h?/a", "/ /a"},
		{"GET http://h:80?a=b", "/ a=b"},
		{"GET http://h/a?b", "/a b"},
		{"OPTIONS *", "* -"},
		{"OPTIONS /", "/ -"},
		{"OPTIONS http://h", "* -"},
		{"OPTIONS http://h/", "/ -"},
		{"OPTIONS http://h?", "/ "},
		{"CONNECT h:443", " -"},
	};

	(void)state;
	given(NULL, "127.0.0.1:80");
	question = say_parts;
	memio_client *c = memio_client_connect(NULL);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[128];

		snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: h\r\n\r\n", cases[i].line);
		bed_sends(c, text);
		if (strcmp(answer, cases[i].parts) != 0)
			fail_msg("%s: %s", cases[i].line, answer);
		if (memio_client_closed(c) != MEMIO_OPEN)
			c = memio_client_connect(NULL);
	}
	assert_int_equal(bed.requests, sizeof cases / sizeof *cases);
}

static void no_target_has_a_fragment(void **state)
{
	static const char *const bad[] = {"/#", "/a#b", "/?a#b", "http://h#", "http://h/#", "#"};

	(void)state;
	given(NULL, "127.0.0.1:80");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		memio_client *c = memio_client_connect(NULL);
		char text[128];

		snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", bad[i]);
		bed_sends(c, text);
		assert_memory_equal(memio_client_received(c, NULL), "HTTP/1.1 400 ", 13);
		memio_client_close(c);
	}
	assert_int_equal(bed.requests, 0);
}

/* ---- fields -------------------------------------------------------------- */

static void say_lines(weir_req *req)
{
	static const char *const names[] = {"accept", "x-a", "X-None", "HOST", "te"};
	size_t len = 0;
	weir_str value;

	for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
		const weir_str first = weir_req_field(req, names[k]);
		bool any = false;

		for (unsigned i = 0; weir_req_find(req, names[k], &i, &value); any = true) {
			if (!any)
				assert_ptr_equal(value.data, first.data);
			len += (size_t)snprintf(answer + len, sizeof answer - len, "%.*s;",
			                        (int)value.len, value.data);
		}
		assert_true(any || !first.data);
		len += (size_t)snprintf(answer + len, sizeof answer - len, "|");
	}
}

/* Two requests in one read, so that one index follows the other. */
static void fields_in_several_lines_are_found_one_by_one(void **state)
{
	(void)state;
	given(NULL, "127.0.0.1:80");
	question = say_lines;
	memio_client *c = memio_client_connect(NULL);
	bed_sends(c, HELLO "GET / HTTP/1.1\r\nAccept: 1\r\nX-A: 2\r\nHost: h\r\nACCEPT: 3\r\n"
	                   "x-a:\r\nX-B: 4\r\naccept: 5\r\n\r\n");
	assert_int_equal(bed.requests, 2);
	assert_string_equal(answer, "1;3;5;|2;;||h;||");
	bed_sends(c, HELLO);
	assert_string_equal(answer, "|||a;||");
}

static void fields_are_found_later_too(void **state)
{
	(void)state;
	given(NULL, "127.0.0.1:80");
	memio_client *c = memio_client_connect(NULL);
	memio_client *other = memio_client_connect(NULL);
	bed_sends(c, "GET / HTTP/1.1\r\nX-A: 2\r\nHost: h\r\nTE: x\r\n\r\n");
	weir_req *first = bed.req;
	say_lines(first);
	assert_string_equal(answer, "|2;||h;|x;|");
	bed_sends(other, HELLO);
	say_lines(bed.req);
	assert_string_equal(answer, "|||a;||");
	memio_client_reset(c);
	bed_settle();
	say_lines(first);
	assert_string_equal(answer, "|2;||h;|x;|");
	weir_reply(first, 200, NULL, NULL, 0);
	say_lines(bed.req);
	assert_string_equal(answer, "|||a;||");
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

/* ---- proxies ------------------------------------------------------------- */

static void say_client(weir_req *req)
{
	const int len = weir_req_client(req, answer, sizeof answer);

	assert_int_equal(len, strlen(answer));
}

static struct weir__addr addr_of(const char *text)
{
	struct weir__where where;

	assert_int_equal(weir__addr_parse(text, &where), 0);
	return where.addr;
}

/* The client of a request that comes from this peer with these fields. */
static const char *client_of(const char *peer, const char *fields)
{
	const struct weir__addr from = addr_of(peer);
	memio_client *c = memio_client_connect_from(NULL, &from);
	char text[512];

	assert_non_null(c);
	snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n", fields);
	question = say_client;
	bed_sends(c, text);
	memio_client_close(c);
	bed_settle();
	return answer;
}

static void the_client_is_the_first_that_is_not_trusted(void **state)
{
	static const char peer[] = "10.0.0.9:5";
	static const struct {
		const char *fields, *client;
	} cases[] = {
		{"", "10.0.0.9:5"},
		{"Forwarded: for=1.2.3.4\r\n", "1.2.3.4:0"},
		{"Forwarded: for=\"1.2.3.4:77\"\r\n", "1.2.3.4:77"},
		{"Forwarded: for=\"[2001:db8::1]:77\"\r\n", "[2001:db8::1]:77"},
		/* What stands left of it may have been made up. */
		{"Forwarded: for=9.9.9.9, for=1.2.3.4\r\n", "1.2.3.4:0"},
		{"Forwarded: for=9.9.9.9, for=1.2.3.4, for=10.0.0.1\r\n", "1.2.3.4:0"},
		{"Forwarded: for=9.9.9.9\r\nForwarded: for=1.2.3.4\r\n", "1.2.3.4:0"},
		{"Forwarded: for=9.9.9.9, for=1.2.3.4\r\nX: y\r\nforwarded: for=10.0.0.2\r\n",
	         "1.2.3.4:0"},
		{"Forwarded: for=\"9.9.9.9, for=1.2.3.4\r\n", "1.2.3.4:0"},
		/* All are trusted: the one farthest away. */
		{"Forwarded: for=10.0.0.2, for=10.0.0.1\r\n", "10.0.0.2:0"},
		/* No further than what can be read. */
		{"Forwarded: for=9.9.9.9, for=unknown, for=10.0.0.1\r\n", "10.0.0.1:0"},
		{"Forwarded: for=9.9.9.9, for=_x, for=10.0.0.1\r\n", "10.0.0.1:0"},
		{"Forwarded: for=9.9.9.9, proto=http, for=10.0.0.1\r\n", "10.0.0.1:0"},
		{"Forwarded: for=9.9.9.9, for=\"10.0.0.1\r\n", "10.0.0.9:5"},
		{"Forwarded: for=9.9.9.9\r\nForwarded: unknown\r\n", "10.0.0.9:5"},
		{"Forwarded:\r\n", "10.0.0.9:5"},
		{"X-Forwarded-For: 9.9.9.9, 1.2.3.4 , 10.0.0.1\r\n", "1.2.3.4:0"},
		{"X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: 2001:db8::1\r\n", "[2001:db8::1]:0"},
		{"X-Forwarded-For: 9.9.9.9, unknown\r\n", "10.0.0.9:5"},
		/* Whoever writes Forwarded may not know of the other. */
		{"X-Forwarded-For: 9.9.9.9\r\nForwarded: for=1.2.3.4\r\n", "1.2.3.4:0"},
		{"X-Forwarded-For: 9.9.9.9\r\nForwarded: for=unknown\r\n", "10.0.0.9:5"},
		{"X-Forwarded-For: 9.9.9.9\r\nForwarded:\r\n", "10.0.0.9:5"},
	};

	(void)state;
	given("10.0.0.0/8, ::1", "127.0.0.1:80");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *got = client_of(peer, cases[i].fields);

		if (strcmp(got, cases[i].client) != 0)
			fail_msg("%s: %s", cases[i].fields, got);
	}
}

static void who_is_not_trusted_is_not_believed(void **state)
{
	static const char fields[] = "Forwarded: for=1.2.3.4\r\nX-Forwarded-For: 1.2.3.4\r\n";

	(void)state;
	given("10.0.0.0/8", "127.0.0.1:80");
	assert_string_equal(client_of("11.0.0.1:5", fields), "11.0.0.1:5");
	assert_string_equal(client_of("[::1]:5", fields), "[::1]:5");
	assert_string_equal(client_of("10.0.0.1:5", fields), "1.2.3.4:0");
}

static void nobody_is_believed_unasked(void **state)
{
	(void)state;
	given(NULL, "127.0.0.1:80");
	assert_string_equal(client_of("127.0.0.1:5", "Forwarded: for=1.2.3.4\r\n"), "127.0.0.1:5");
}

static void a_peer_on_a_unix_socket_may_be_believed(void **state)
{
	static const char fields[] = "Forwarded: for=1.2.3.4\r\n";

	(void)state;
	given("unix", "unix:/x");
	assert_string_equal(client_of("unix:/c", fields), "1.2.3.4:0");
	assert_int_equal(weir_server_listen(bed.server, NULL, "127.0.0.1:80"), 0);
	const struct weir__addr to = addr_of("127.0.0.1:80");
	memio_client *c =
		memio_client_connect_from(&to, &(struct weir__addr){.kind = 1, .port = 5});
	bed_sends(c, "GET / HTTP/1.1\r\nHost: h\r\nForwarded: for=1.2.3.4\r\n\r\n");
	assert_string_equal(answer, "0.0.0.0:5");
}

static void a_peer_on_a_unix_socket_is_nobody_to_others(void **state)
{
	(void)state;
	given("0.0.0.0/0, ::/0", "unix:/x");
	assert_memory_equal(client_of("unix:/c", "Forwarded: for=1.2.3.4\r\n"), "unix:", 5);
}

/* By whatever way the peer has left. */
static void the_client_is_known_later(void **state)
{
	const char *const places[][3] = {{"127.0.0.1:80", "10.0.0.1:5", "10.0.0.0/8"},
	                                 {"unix:/x", "unix:/c", "unix"}};

	for (int i = 0; i < 2; i++) {
		set_up(state);
		given(places[i][2], places[i][0]);
		const struct weir__addr from = addr_of(places[i][1]);
		memio_client *c = memio_client_connect_from(NULL, &from);
		bed_sends(c, "GET / HTTP/1.1\r\nHost: h\r\nForwarded: for=1.2.3.4\r\n\r\n");
		say_client(bed.req);
		assert_string_equal(answer, "1.2.3.4:0");
		memio_client_reset(c);
		bed_settle();
		assert_null(bed.req->stream);
		say_client(bed.req);
		assert_string_equal(answer, "1.2.3.4:0");
		assert_int_equal(weir_req_client(bed.req, answer, 9), -ENOSPC);
		assert_int_equal(weir_reply(bed.req, 200, NULL, NULL, 0), WEIR_ECLOSED);
		if (i == 0)
			bed_teardown(state);
	}
}

/* Where there was no memory to remember who it is. */
static void who_is_not_known_is_not_believed(void **state)
{
	(void)state;
	given("127.0.0.0/8, unix", "127.0.0.1:80");
	memio_client *c = memio_client_connect(NULL);
	bed_sends(c, "GET / HTTP/1.1\r\nHost: h\r\nForwarded: for=1.2.3.4\r\n\r\n");
	weir__peer_give(&bed.loop->peers, bed.req->stream->peer);
	bed.req->stream->peer = 0;
	say_client(bed.req);
	assert_memory_equal(answer, "127.0.0.1:", 10);
	memio_client_reset(c);
	bed_settle();
	say_client(bed.req);
	assert_memory_equal(answer, "unix:", 5);
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

static void the_list_of_the_trusted_is_checked_and_copied(void **state)
{
	char list[] = "10.0.0.0/8";
	weir_server *bad = bed.server;
	const weir_server_opts opts = {.request = handle, .trusted = "10.0.0.1/8"};

	(void)state;
	given(list, "127.0.0.1:80");
	memset(list, 'x', sizeof list - 1);
	assert_string_equal(client_of("10.0.0.1:5", "Forwarded: for=1.2.3.4\r\n"), "1.2.3.4:0");
	assert_int_equal(weir_server_new(&bad, bed.loop, &opts), WEIR_EINVALID);
	assert_null(bad);
}

static void a_server_says_so_when_there_is_no_memory(void **state)
{
	size_t nth = 1;

	for (;; nth++) {
		set_up(state);
		bed.alloc.fail_at = nth;
		const int result = try_given("10.0.0.0/8, ::1");
		if (!bed.alloc.refused)
			break;
		assert_int_equal(result, -ENOMEM);
		bed_teardown(state);
	}
	assert_true(nth > 5);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_form_of_a_target_has_a_path),
		T(no_target_has_a_fragment),
		T(fields_in_several_lines_are_found_one_by_one),
		T(fields_are_found_later_too),
		T(the_client_is_the_first_that_is_not_trusted),
		T(who_is_not_trusted_is_not_believed),
		T(nobody_is_believed_unasked),
		T(a_peer_on_a_unix_socket_may_be_believed),
		T(a_peer_on_a_unix_socket_is_nobody_to_others),
		T(the_client_is_known_later),
		T(who_is_not_known_is_not_believed),
		T(the_list_of_the_trusted_is_checked_and_copied),
		T(a_server_says_so_when_there_is_no_memory),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
