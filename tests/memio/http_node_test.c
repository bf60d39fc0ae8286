/*
 * Does the server do what Node 0.6's own tests of its HTTP server ask for? Names
 * in comments are those tests'. Where RFC 9110 or RFC 9112 say otherwise they
 * win, and the comment says so.
 */
#include "tests/memio/http_bed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- applications ------------------------------------------------------- */

enum { REQS = 100 };

/* What the handlers were asked and told. */
static struct seen {
	int late, version, drained;
	uint64_t octets; /* of bodies */
	bool wrong;      /* one of them was not that of the pattern */
	weir_req *reqs[REQS];
	weir_timer timers[REQS];
	const char *body;
	size_t len;
} seen;

static int set_up(void **state)
{
	memset(&seen, 0, sizeof seen);
	return bed_setup(state);
}

#define NODE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, bed_teardown)

static void keep(weir_req *req, void *arg)
{
	(void)arg;
	seen.reqs[(bed.requests - 1) % REQS] = req;
	seen.version = weir_req_version(req);
}

static char pattern(uint64_t at)
{
	return (char)(at * 7 + at / 251);
}

static size_t on_data(weir_req *req, const char *data, size_t len, void *arg)
{
	(void)req;
	(void)arg;
	for (size_t i = 0; i < len; i++)
		seen.wrong |= data[i] != pattern(seen.octets + i);
	seen.octets += len;
	return len;
}

static const weir_req_ops watch = {
	.data = on_data, .end = bed_on_end, .eof = bed_on_eof, .gone = bed_on_gone_end};

static void keep_and_read(weir_req *req, void *arg)
{
	keep(req, arg);
	weir_req_on(req, &watch, NULL);
}

static void say(weir_req *req, int status, const char *text)
{
	assert_true(weir_reply(req, status, "text/plain", text, strlen(text)) >= 0);
}

static void say_path(weir_req *req, void *arg)
{
	const weir_str path = weir_req_path(req);

	keep(req, arg);
	weir_reply(req, 200, NULL, path.data, path.len);
}

/* What the test has put into seen.body, in one call or, by chunks, in one piece. */
static void say_body(weir_req *req, void *arg)
{
	keep(req, arg);
	weir_reply(req, 200, NULL, seen.body, seen.len);
}

static void stream_body(weir_req *req, void *arg)
{
	keep(req, arg);
	assert_true(weir_reply_begin(req, 200, WEIR_UNKNOWN) >= 0);
	assert_true(weir_reply_write(req, seen.body, seen.len) >= 0);
	weir_reply_end(req);
}

static void on_late(weir_timer *timer, void *arg)
{
	(void)timer;
	seen.late++;
	if (seen.body)
		weir_reply(arg, 200, NULL, seen.body, seen.len);
	else
		weir_reply(arg, 200, NULL, weir_req_path(arg).data, weir_req_path(arg).len);
}

/* The same, or without a body the path, a millisecond later. */
static void say_late(weir_req *req, void *arg)
{
	weir_timer *timer = &seen.timers[(bed.requests - 1) % REQS];

	keep(req, arg);
	weir_timer_init(timer, on_late, req);
	weir_timer_start(weir_req_loop(req), timer, 1, 0);
}

/* In pieces of six. */
static void say_in_two(weir_req *req, void *arg)
{
	keep(req, arg);
	assert_true(weir_reply_begin(req, 200, WEIR_UNKNOWN) >= 0);
	weir_reply_write(req, "Hello,", 6);
	weir_reply_write(req, " world", 6);
	weir_reply_end(req);
}

static const char *content_of(const memio_client *c)
{
	const char *end = strstr(bed_received(c), "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

static void send_pattern(memio_client *c, uint64_t from, size_t len)
{
	char *octets = malloc(len);

	assert_non_null(octets);
	for (size_t i = 0; i < len; i++)
		octets[i] = pattern(from + i);
	memio_client_send(c, octets, len);
	bed_settle();
	free(octets);
}

/* ---- conversations -------------------------------------------------------- */

static void on_drained(weir_server *server, void *arg)
{
	(void)server;
	(void)arg;
	seen.drained++;
}

static void close_in_the_second(weir_req *req, void *arg)
{
	const weir_str path = weir_req_path(req);

	keep(req, arg);
	if (bed.requests == 1) {
		assert_int_equal(weir_req_method(req), WEIR_GET);
		assert_true(bed_is(path, "/hello"));
		assert_true(bed_is(weir_req_field(req, "ACCEPT"), "*/*"));
		assert_true(bed_is(weir_req_field(req, "foo"), "Bar"));
	} else {
		assert_int_equal(weir_req_method(req), WEIR_POST);
		weir_server_drain(bed.server, WEIR_OFF);
	}
	weir_reply(req, 200, NULL, path.data, path.len);
}

/* test-http */
static void two_requests_and_the_server_closes_in_the_second(void **state)
{
	const weir_server_opts opts = {.drained = on_drained};

	(void)state;
	bed_serve(close_in_the_second, &opts);
	memio_client *c = bed_sent("GET /hello HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n"
	                           "Foo: Bar\r\n\r\n");
	bed_pass(1);
	bed_sends(c, "POST /world HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(bed.requests, 2);
	assert_int_equal(bed_count(c, "\r\n\r\n/hello"), 1);
	assert_int_equal(bed_count(c, "Connection: close\r\n\r\n/world"), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	memio_client_finish(c);
	assert_int_equal(weir_loop_run(bed.loop), 0);
	assert_int_equal(memio_now(), 1);
	assert_int_equal(seen.drained, 1);
}

static void close_in_the_fourth(weir_req *req, void *arg)
{
	say_late(req, arg);
	if (bed.requests == 1)
		assert_true(bed_is(weir_req_query(req), "hello=world&foo=b==ar"));
	if (bed.requests == 4)
		weir_server_drain(bed.server, WEIR_OFF);
}

/* test-http-server: v0.6 closed at the end of the peer unless told otherwise; weir never does. */
static void a_half_closed_client_is_answered_in_order(void **state)
{
	(void)state;
	bed_serve(close_in_the_fourth, NULL);
	memio_client *c = bed_sent("GET /hello?hello=world&foo=b==ar HTTP/1.1\r\nHost: a\r\n\r\n");
	bed_pass(2);
	assert_int_equal(bed_count(c, "\r\n\r\n/hello"), 1);
	bed_sends(c, "POST /quit HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
	bed_pass(2);
	assert_int_equal(bed_count(c, "\r\n\r\n/quit"), 1);
	bed_sends(c, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
	memio_client_finish(c);
	bed_pass(5);
	assert_int_equal(bed.requests, 4);
	assert_int_equal(bed_count(c, "\r\n\r\n/1HTTP/1.1 200"), 1);
	assert_int_equal(bed_count(c, "\r\n\r\n/2"), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	assert_int_equal(weir_loop_run(bed.loop), 0);
}

/* test-http-allow-req-after-204-res */
static void a_204_leaves_the_connection_usable(void **state)
{
	(void)state;
	bed_serve(keep, NULL);
	memio_client *c = bed_sent("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n");
	weir_reply(seen.reqs[0], 204, NULL, NULL, 0);
	bed_settle();
	bed_sends(c, "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n");
	say(seen.reqs[1], 200, "gone");
	assert_int_equal(bed_count(c, "HTTP/1.1 "), 2);
	bed_assert_has(c, "\r\n\r\ngone");
}

/* test-http-full-response: 12,345 octets each, in runs of 10, 100 and 1000. */
static void lengths_are_right_however_often(void **state)
{
	static char body[12345];
	size_t len;

	(void)state;
	memset(body, 'c', sizeof body);
	seen.body = body;
	seen.len = sizeof body;
	bed_serve(say_body, NULL);
	memio_client *c = bed_client();
	for (int runs = 10; runs <= 1000; runs *= 10) {
		size_t total = 0;

		for (int i = 0; i < runs; i++) {
			bed_sends(c, HELLO);
			bed_assert_has(c, "\r\nContent-Length: 12345\r\n");
			memio_client_received(c, &len);
			total += len - (size_t)(content_of(c) - bed_received(c));
			memio_client_forget(c);
		}
		assert_int_equal(total, (size_t)runs * sizeof body);
	}
}

/* pummel/test-keep-alive: by count instead of by the clock. */
static void a_connection_is_kept_unless_it_is_not_wanted(void **state)
{
	(void)state;
	seen.body = "hello";
	seen.len = 5;
	bed_serve(say_body, NULL);
	memio_client *kept = bed_client();
	for (int i = 0; i < 100; i++)
		bed_sends(kept, HELLO);
	assert_int_equal(bed_count(kept, "HTTP/1.1 200 OK"), 100);
	for (int i = 0; i < 100; i++) {
		memio_client *c = bed_sent("GET / HTTP/1.0\r\n\r\n");

		bed_assert_has(c, "\r\n\r\nhello");
		assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
		memio_client_finish(c);
		bed_settle();
	}
	assert_int_equal(weir_server_connections(bed.server), 1);
}

/* test-http-parser-free: one parser for a hundred requests, and nothing allocated for each. */
static void a_hundred_requests_on_one_connection(void **state)
{
	(void)state;
	bed_serve(say_path, NULL);
	memio_client *c = bed_sent(HELLO);
	bed.alloc.calls = 0;
	for (int i = 0; i < 100; i++) {
		char request[64];

		snprintf(request, sizeof request, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
		memio_client_forget(c);
		bed_sends(c, request);
		assert_int_equal(atoi(content_of(c) + 1), i);
	}
	assert_int_equal(bed.alloc.calls, 0);
}

/* disabled/test-http-stress */
static void a_thousand_requests_in_one_go(void **state)
{
	enum { MANY = 1000 };
	static memio_client *clients[MANY];

	(void)state;
	seen.body = "{\"status\":\"ok\"}";
	seen.len = strlen(seen.body);
	bed_serve(say_body, NULL);
	for (int i = 0; i < MANY; i++) {
		clients[i] = memio_client_connect(NULL);
		assert_non_null(clients[i]);
		memio_client_send_text(clients[i], HELLO);
		/* As many wait in the backlog as it holds. */
		if (i % 100 == 99)
			bed_settle();
	}
	bed_pass(10);
	for (int i = 0; i < MANY; i++)
		bed_assert_has(clients[i], "\r\n\r\n{\"status\":\"ok\"}");
	assert_int_equal(bed.requests, MANY);
}

/* test-http-get-pipeline-problem */
static void a_hundred_files_at_once(void **state)
{
	static char file[57928];
	static memio_client *clients[REQS];

	(void)state;
	memset(file, 'f', sizeof file);
	seen.body = file;
	seen.len = sizeof file;
	bed_serve(say_late, NULL);
	for (int i = 0; i < REQS; i++)
		clients[i] = bed_sent("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	bed_pass(10);
	for (int i = 0; i < REQS; i++) {
		assert_int_equal(strlen(content_of(clients[i])), sizeof file);
		assert_int_equal(memio_client_closed(clients[i]), MEMIO_FINISHED);
		memio_client_finish(clients[i]);
	}
	assert_int_equal(seen.late, REQS);
	bed_settle();
	assert_int_equal(weir_server_connections(bed.server), 0);
}

/* ---- HTTP/1.0, and how long replies are ----------------------------------- */

/*
 * test-http-1.0. It has no Date in v0.6: RFC 9110 6.6.1 wants one. In the third
 * case the pieces are chunks, since the client speaks 1.1.
 */
static void http_1_0_gets_no_chunks(void **state)
{
	(void)state;
	bed_serve(say_in_two, NULL);
	memio_client *c = bed_client();
	memio_client_send_text(c, "GET / HTTP/1.0\r\n\r\n");
	memio_count_again();
	bed_settle();
	assert_string_equal(bed_received(c),
	                    "HTTP/1.1 200 OK\r\n" BED_DATE "Connection: close\r\n\r\nHello, world");
	assert_int_equal(memio_count(MEMIO_WRITE), 1);
	assert_int_equal(seen.version, 10);

	c = bed_sent("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	assert_string_equal(content_of(c), "6\r\nHello,\r\n6\r\n world\r\n0\r\n\r\n");
	bed_assert_has(c, "\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n");
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

/* test-http-wget: it asks to keep the connection, but only its end ends this reply. */
static void a_reply_without_length_ends_with_the_connection(void **state)
{
	(void)state;
	bed_serve(say_in_two, NULL);
	memio_client *c = bed_sent("GET / HTTP/1.0\r\nUser-Agent: Wget\r\nHost: a\r\n"
	                           "Connection: Keep-Alive\r\n\r\n");
	assert_string_equal(content_of(c), "Hello, world");
	bed_assert_lacks(c, "chunked");
	bed_assert_lacks(c, "keep-alive");
	assert_int_equal(bed_count(c, "Connection: close\r\n"), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

/* test-http-patch */
static void patch_is_a_method(void **state)
{
	(void)state;
	bed_serve(say_in_two, NULL);
	memio_client *c = bed_sent("PATCH / HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
	assert_string_equal(content_of(c), "Hello, world");
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

/* test-http-304 */
static void a_304_has_nothing_behind_its_head(void **state)
{
	(void)state;
	bed_serve(keep, NULL);
	memio_client *c = bed_sent(HELLO);
	assert_true(weir_reply_begin(seen.reqs[0], 304, WEIR_UNKNOWN) >= 0);
	assert_int_equal(weir_reply_end(seen.reqs[0]), 0);
	assert_string_equal(content_of(c), "");
	bed_assert_lacks(c, "chunked");
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
}

static void head_of_all_kinds(weir_req *req, void *arg)
{
	keep(req, arg);
	switch (bed.requests) {
	case 1:
		say(req, 200, "Hello World\n");
		return;
	case 2:
		assert_true(weir_reply_begin(req, 200, 11) >= 0);
		break;
	default:
		assert_true(weir_reply_begin(req, 200, WEIR_UNKNOWN) >= 0);
		assert_true(weir_reply_write(req, "FAIL", 4) >= 0);
	}
	/* The announced length is that of GET: to HEAD nothing is missing. */
	assert_int_equal(weir_reply_end(req), 0);
}

/*
 * test-http-head-request, disabled/test-http-head-request,
 * test-http-head-response-has-no-body, test-http-head-response-has-no-body-end
 */
static void replies_to_head_have_no_body(void **state)
{
	static const char *const lengths[] = {"Content-Length: 12\r\n", "Content-Length: 11\r\n",
	                                      "Transfer-Encoding: chunked\r\n"};

	(void)state;
	bed_serve(head_of_all_kinds, NULL);
	memio_client *c = bed_client();
	for (int i = 0; i < 3; i++) {
		memio_client_forget(c);
		bed_sends(c, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
		bed_assert_has(c, lengths[i]);
		assert_string_equal(content_of(c), "");
	}
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
}

static void write_nothing_between(weir_req *req, void *arg)
{
	static const char *const pieces[] = {"1\n", "", "2\n", "", "3\n"};

	keep(req, arg);
	assert_true(weir_reply_begin(req, 200, WEIR_UNKNOWN) >= 0);
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
		assert_true(weir_reply_write(req, pieces[i], strlen(pieces[i])) >= 0);
	weir_reply_end(req);
}

/* test-http-write-empty-string: a chunk without content would be the last. */
static void writing_nothing_ends_nothing(void **state)
{
	(void)state;
	bed_serve(write_nothing_between, NULL);
	assert_string_equal(content_of(bed_sent(HELLO)),
	                    "2\r\n1\n\r\n2\r\n2\n\r\n2\r\n3\n\r\n0\r\n\r\n");
}

/* test-http-chunked: octets are counted, not characters. */
static void chunks_are_counted_in_octets(void **state)
{
	static char text[840];

	(void)state;
	for (size_t i = 0; i + 3 <= 839; i += 3)
		memcpy(text + i, "\xe5\x8d\x97", 3);
	memset(text + 837, '\n', 2);
	seen.body = text;
	seen.len = 839;
	bed_serve(stream_body, NULL);
	memio_client *c = bed_sent(HELLO);
	assert_memory_equal(content_of(c), "347\r\n", 5);
	assert_memory_equal(content_of(c) + 5, text, 839);
	assert_string_equal(content_of(c) + 5 + 839, "\r\n0\r\n\r\n");
}

/* test-http-res-write-end-dont-take-array: text and any octets alike. */
static void any_octets_are_content(void **state)
{
	static const char octets[] = "a\0b\xff\r\n";
	size_t len;

	(void)state;
	seen.body = octets;
	seen.len = sizeof octets;
	bed_serve(say_body, NULL);
	memio_client *c = bed_sent(HELLO);
	memio_client_received(c, &len);
	assert_memory_equal(bed_received(c) + len - sizeof octets, octets, sizeof octets);
	weir_loop_free(bed.loop);
	bed_serve(stream_body, NULL);
	assert_memory_equal(content_of(bed_sent(HELLO)), "7\r\na\0b\xff\r\n\0\r\n0", 13);
}

/* ---- bodies of requests ---------------------------------------------------- */

static void read_and_close(weir_req *req, void *arg)
{
	assert_int_equal(weir_req_method(req), WEIR_GET);
	weir_server_drain(bed.server, WEIR_OFF);
	keep_and_read(req, arg);
}

/* test-http-buffer-sanity: five mebibytes on a GET; nobody listens any more meanwhile. */
static void a_body_on_get_comes_whole(void **state)
{
	enum { LEN = 5 << 20, PIECE = 1 << 16 };

	(void)state;
	bed_serve(read_and_close, NULL);
	memio_client *c = bed_sent("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5242880\r\n\r\n");
	assert_null(memio_client_connect(NULL));
	for (uint64_t at = 0; at < LEN; at += PIECE)
		send_pattern(c, at, PIECE);
	assert_int_equal(seen.octets, LEN);
	assert_false(seen.wrong);
	assert_int_equal(bed.ends, 1);
	say(seen.reqs[0], 200, "thanks");
	assert_string_equal(content_of(c), "thanks");
}

/* pummel/test-regress-GH-892: the same for 32 MiB, of which the handler only counts. */
static void an_upload_outlives_the_listener(void **state)
{
	enum { PIECE = 1 << 19, PIECES = 64 };

	(void)state;
	const weir_server_opts opts = {.max_body = 64 << 20};
	bed_serve(keep_and_read, &opts);
	memio_client *c = bed_sent("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 33554432\r\n\r\n");
	weir_server_drain(bed.server, WEIR_OFF);
	for (uint64_t i = 0; i < PIECES; i++)
		send_pattern(c, i * PIECE, PIECE);
	assert_int_equal(seen.octets, 33554432);
	assert_false(seen.wrong);
	say(seen.reqs[0], 200, "counted");
	assert_string_equal(content_of(c), "counted");
	assert_int_equal(weir_loop_run(bed.loop), 0);
}

static void begin_and_read(weir_req *req, void *arg)
{
	keep_and_read(req, arg);
	assert_true(weir_reply_begin(req, 200, 5) >= 0);
	assert_true(weir_reply_write(req, "early", 5) >= 0);
}

/*
 * test-http-request-end, test-http-default-encoding: answered before it is read,
 * the body comes all the same. (A reply that was ended is the end of its request,
 * too: who wants the body leaves the end of the reply for later.)
 */
static void an_early_reply_does_not_end_the_body(void **state)
{
	(void)state;
	bed_serve(begin_and_read, NULL);
	memio_client *c = bed_sent("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
	assert_string_equal(content_of(c), "early");
	assert_int_equal(seen.octets, 0);
	send_pattern(c, 0, 9);
	assert_int_equal(seen.octets, 9);
	assert_false(seen.wrong);
	assert_int_equal(bed.ends, 1);
	assert_int_equal(weir_reply_end(seen.reqs[0]), 0);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
}

/* pummel/test-http-upload-timeout: slow and with pauses, but never as slow as the limit. */
static void slow_uploads_are_not_late(void **state)
{
	const weir_server_opts opts = {.body_ms = 1000, .body_rate = WEIR_OFF};
	memio_client *clients[10];

	(void)state;
	bed_serve(keep_and_read, &opts);
	for (int i = 0; i < 10; i++) {
		clients[i] = bed_sent("POST / HTTP/1.1\r\nHost: a\r\n"
		                      "Transfer-Encoding: chunked\r\n\r\n");
		bed_pass(50);
	}
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 10; i++)
			bed_sends(clients[i], round <= i * 2 ? "4\r\nabcd\r\n" : "");
		for (int i = 0; i < 10; i++)
			if (round == i * 2)
				bed_sends(clients[i], "0\r\n\r\n");
		bed_pass(100 + 97 * round % 500);
	}
	assert_int_equal(bed.gones, 0);
	assert_int_equal(bed.ends, 10);
	for (int i = 0; i < 10; i++) {
		say(seen.reqs[i], 200, "thanks");
		bed_assert_has(clients[i], "\r\n\r\nthanks");
	}
}

static bool wanted(weir_req *req, void *arg)
{
	(void)arg;
	assert_true(bed_is(weir_req_field(req, "x-foo"), "Bar"));
	return true;
}

static void read_then_say_late(weir_req *req, void *arg)
{
	say_late(req, arg);
	weir_req_on(req, &watch, NULL);
}

/* test-http-expect-continue */
static void continue_comes_before_the_reply(void **state)
{
	const weir_server_opts opts = {.expect = wanted};

	(void)state;
	seen.body = "World";
	seen.len = 5;
	bed_serve(read_then_say_late, &opts);
	memio_client *c = bed_sent("POST / HTTP/1.1\r\nHost: a\r\nX-Foo: Bar\r\n"
	                           "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	assert_string_equal(bed_received(c), "HTTP/1.1 100 Continue\r\n\r\n");
	send_pattern(c, 0, 3);
	assert_int_equal(bed.ends, 1);
	bed_pass(10);
	assert_int_equal(bed_count(c, "HTTP/1.1 "), 2);
	bed_assert_has(c, "\r\n\r\nWorld");
}

/* ---- fields and statuses --------------------------------------------------- */

/* test-http-status-code; and the 500 that it lists and never runs. */
static void statuses_are_said(void **state)
{
	static const int statuses[] = {200, 202, 300, 404, 500};

	(void)state;
	bed_serve(keep, NULL);
	memio_client *c = bed_client();
	for (int i = 0; i < 5; i++) {
		memio_client_forget(c);
		bed_sends(c, HELLO);
		say(seen.reqs[i], statuses[i], "text");
		bed_assert_status(c, statuses[i]);
		bed_settle();
	}
}

/*
 * test-http-mutable-headers, test-http-header-read. A field that was added stays:
 * weir sends what it is given, in that order, and keeps nothing once the head is
 * sent. Length, coding and connection are its own affair (RFC 9112 6).
 */
static void fields_are_sent_as_they_were_added(void **state)
{
	(void)state;
	bed_serve(keep, NULL);
	memio_client *c = bed_sent(HELLO);
	weir_req *req = seen.reqs[0];
	assert_int_equal(weir_reply_field(req, "X-Test", "1, 2, 3"), 0);
	assert_int_equal(weir_reply_field(req, "set-cookie", "a=b"), 0);
	assert_int_equal(weir_reply_field(req, "Set-Cookie", "c=d"), 0);
	assert_int_equal(weir_reply_field(req, "", "x"), WEIR_EINVALID);
	assert_int_equal(weir_reply_field(req, "Content-Length", "3"), WEIR_EINVALID);
	assert_int_equal(weir_reply_field(req, "transfer-encoding", "chunked"), WEIR_EINVALID);
	weir_reply(req, 201, NULL, "abc", 3);
	assert_string_equal(bed_received(c), "HTTP/1.1 201 Created\r\n" BED_DATE
	                                     "Content-Length: 3\r\nX-Test: 1, 2, 3\r\n"
	                                     "set-cookie: a=b\r\nSet-Cookie: c=d\r\n\r\nabc");
	bed_settle();
	memio_client_forget(c);
	bed_sends(c, HELLO);
	weir_reply(seen.reqs[1], 200, NULL, "abc", 3);
	assert_string_equal(bed_received(c),
	                    "HTTP/1.1 200 OK\r\n" BED_DATE "Content-Length: 3\r\n\r\nabc");
}

/* test-http-set-cookies: a line each, since a comma may be part of a cookie. */
static void cookies_have_lines_of_their_own(void **state)
{
	(void)state;
	bed_serve(keep, NULL);
	memio_client *c = bed_sent(HELLO);
	weir_reply_field(seen.reqs[0], "Set-Cookie", "A");
	weir_reply_field(seen.reqs[0], "Set-Cookie", "B; expires=Wed, 09 Jun 2021 10:18:14 GMT");
	weir_reply(seen.reqs[0], 200, NULL, NULL, 0);
	assert_int_equal(bed_count(c, "\r\nSet-Cookie: "), 2);
	bed_assert_has(c, "\r\nSet-Cookie: A\r\n");
}

/*
 * test-http-server-multiheaders: nothing is joined, all are told, in any case. Of
 * two Hosts v0.6 took the first: RFC 9112 3.2 has the request refused.
 */
static void repeated_fields_are_all_told(void **state)
{
	weir_str name, value;
	int accepts = 0;

	(void)state;
	bed_serve(keep, NULL);
	bed_sent("GET / HTTP/1.1\r\nHost: a\r\nACCEPT: abc\r\nX-Bar: 1\r\naccept: def\r\n"
	         "Accept: ghi\r\nx-bar: 2\r\n\r\n");
	weir_req *req = seen.reqs[0];
	assert_true(bed_is(weir_req_field(req, "accept"), "abc"));
	for (unsigned i = 0; weir_req_nth(req, i, &name, &value); i++)
		accepts += name.len == 6;
	assert_int_equal(accepts, 3);
	assert_int_equal(weir_req_nth(req, 5, &name, &value), 1);
	assert_true(bed_is(value, "2"));
	weir_reply_end(req);
	bed_assert_status(bed_sent("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"), 400);
}

/* test-http-blank-header: v0.6 let any number of blank lines pass, weir four. */
static void an_empty_field_and_what_is_no_request(void **state)
{
	(void)state;
	bed_serve(keep, NULL);
	memio_client *c =
		bed_sent("GET /blah HTTP/1.1\r\nHost: a\r\nCookie:\r\nX: y\r\n\r\n\r\n\r\n"
	                 "hello world");
	const weir_str cookie = weir_req_field(seen.reqs[0], "cookie");
	assert_non_null(cookie.data);
	assert_int_equal(cookie.len, 0);
	assert_true(bed_is(weir_req_field(seen.reqs[0], "x"), "y"));
	say(seen.reqs[0], 200, "hello");
	bed_settle();
	/* It might be a method yet. */
	bed_assert_lacks(c, "HTTP/1.1 400 ");
	bed_sends(c, "\r\n");
	bed_assert_has(c, "helloHTTP/1.1 400 ");
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	assert_int_equal(bed.requests, 1);
}

/* test-http-malformed-request: its request has no Host, which RFC 9112 3.2 refuses. */
static void a_target_is_not_decoded(void **state)
{
	(void)state;
	bed_serve(keep, NULL);
	memio_client *c = bed_client();
	memio_client_send_text(c, "GET /blah%99?x=%99 HTTP/1.1\r\nHost: a\r\n\r\n");
	memio_client_finish(c);
	bed_settle();
	assert_int_equal(bed.requests, 1);
	assert_true(bed_is(weir_req_target(seen.reqs[0]), "/blah%99?x=%99"));
	say(seen.reqs[0], 200, "so");
	bed_settle();
	assert_string_equal(content_of(c), "so");
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	bed_assert_status(bed_sent("GET /blah%99 HTTP/1.1\r\n\r\n"), 400);
}

/* ---- those who leave, and those who should --------------------------------- */

/* test-https-connecting-to-http: whatever it is, it is told once, and that is all. */
static void who_speaks_tls_is_refused(void **state)
{
	static const char hello[] = "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00";

	(void)state;
	bed_serve(keep, NULL);
	memio_client *c = bed_client();
	memio_client_send(c, hello, sizeof hello - 1);
	bed_settle();
	bed_assert_status(c, 400);
	assert_int_equal(bed_count(c, "HTTP/1.1 "), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	bed_pass(2100);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	assert_int_equal(bed.requests, 0);
	weir_server_drain(bed.server, 0);
	assert_int_equal(weir_loop_run(bed.loop), 0);
}

/* test-http-eof-on-connect */
static void a_client_that_says_nothing_leaves(void **state)
{
	const weir_server_opts opts = {.drained = on_drained};

	(void)state;
	bed_serve(keep, &opts);
	memio_client *c = bed_client();
	memio_client_close(c);
	bed_settle();
	assert_string_equal(bed_received(c), "");
	assert_int_equal(weir_server_connections(bed.server), 0);
	weir_server_drain(bed.server, 0);
	assert_int_equal(weir_loop_run(bed.loop), 0);
	assert_int_equal(seen.drained, 1);
	assert_int_equal(bed.requests, 0);
}

static void begin_and_watch(weir_req *req, void *arg)
{
	keep_and_read(req, arg);
	assert_true(weir_reply_begin(req, 200, WEIR_UNKNOWN) >= 0);
	assert_true(weir_reply_write(req, "Working on it...", 16) >= 0);
}

/* test-http-client-abort */
static void clients_that_abort_are_told_once_each(void **state)
{
	memio_client *clients[4];

	(void)state;
	bed_serve(begin_and_watch, NULL);
	for (int i = 0; i < 4; i++) {
		clients[i] = bed_sent(HELLO);
		bed_assert_has(clients[i], "Working on it...");
	}
	for (int i = 0; i < 4; i++)
		memio_client_reset(clients[i]);
	bed_settle();
	assert_int_equal(bed.gones, 4);
	assert_int_equal(bed.why, -ECONNRESET);
	weir_server_drain(bed.server, 0);
	assert_int_equal(weir_loop_run(bed.loop), 0);
}

/* test-http-response-close: request and reply are one, and so is what is told. */
static void a_client_that_has_enough_is_told(void **state)
{
	(void)state;
	bed_serve(begin_and_watch, NULL);
	memio_client *c = bed_sent(HELLO);
	memio_client_close(c);
	bed_settle();
	/* It might still read: one write is answered with a reset, the next finds that. */
	assert_int_equal(bed.eofs, 1);
	assert_int_equal(bed.gones, 0);
	weir_reply_write(seen.reqs[0], "more", 4);
	bed_settle();
	weir_reply_write(seen.reqs[0], "more", 4);
	bed_settle();
	assert_int_equal(bed.gones, 1);
	assert_true(bed.why < 0);
}

static void out_of_patience(weir_timer *timer, void *arg)
{
	(void)timer;
	seen.late++;
	weir_reply_end(arg);
}

static void wait_in_vain(weir_req *req, void *arg)
{
	keep(req, arg);
	weir_timer_init(&seen.timers[0], out_of_patience, req);
	weir_timer_start(weir_req_loop(req), &seen.timers[0], 500, 0);
}

/* test-http-set-timeout: a timer of the handler's; who never answers says 500 and closes. */
static void a_handler_may_give_up(void **state)
{
	(void)state;
	bed_serve(wait_in_vain, NULL);
	memio_client *c = bed_sent(HELLO);
	bed_pass(499);
	assert_string_equal(bed_received(c), "");
	bed_pass(2);
	assert_int_equal(seen.late, 1);
	bed_assert_status(c, 500);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

/* test-http-request-end-twice: what has begun cannot begin again, and says so. */
static void a_reply_begins_once(void **state)
{
	(void)state;
	bed_serve(keep, NULL);
	memio_client *c = bed_sent(HELLO);
	assert_true(weir_reply_begin(seen.reqs[0], 200, 2) >= 0);
	assert_int_equal(weir_reply_begin(seen.reqs[0], 200, 2), WEIR_ESTATE);
	assert_int_equal(weir_reply(seen.reqs[0], 200, NULL, "no", 2), WEIR_ESTATE);
	weir_reply_write(seen.reqs[0], "so", 2);
	assert_int_equal(weir_reply_write(seen.reqs[0], "no", 2), WEIR_EINVALID);
	assert_int_equal(weir_reply_end(seen.reqs[0]), 0);
	assert_string_equal(content_of(c), "so");
}

/* ---- the parser ------------------------------------------------------------ */

/* Parses a whole head; how many fields it has, or minus the refusal. */
static int parse_head(weir_parser *p, const char *text, weir_field *fields, uint16_t most)
{
	static const weir_limits limits = {.fields = 300};
	weir_slice piece;
	size_t used;

	weir_parser_init(p, &limits, fields, most);
	if (weir_parse(p, text, strlen(text), &used, &piece) != WEIR_HEAD_END)
		return -p->error;
	assert_int_equal(used, strlen(text));
	return p->nfields;
}

/*
 * test-http-parser: fields in order, repeats kept, blanks trimmed, 256 of them.
 * Cut at every place and octet by octet, and all about bodies: unit/parse_test,
 * with every fixture. A fragment in the target, which v0.6 took, is refused: no
 * form of it has one (RFC 9112 3.2).
 */
static void heads_are_parsed(void **state)
{
	static weir_field fields[300];
	static char many[8192] = "GET / HTTP/1.1\r\nHost: a\r\n";
	const char *two = "GET / HTTP/1.0\r\nX-Filler: 1337\r\nX-Filler:   \t42\r\n\r\n";
	weir_parser p;

	(void)state;
	assert_int_equal(parse_head(&p, two, fields, 300), 2);
	assert_memory_equal(two + fields[0].value.at, "1337", 4);
	assert_memory_equal(two + fields[1].value.at, "42", 2);
	assert_int_equal(fields[1].value.len, 2);
	for (int i = 0; i < 255; i++)
		strcat(many, "X-Filler: 42\r\n");
	strcat(many, "\r\n");
	assert_int_equal(parse_head(&p, many, fields, 300), 256);
	assert_int_equal(parse_head(&p, "GET /a?b#c HTTP/1.1\r\nHost: a\r\n\r\n", fields, 300),
	                 -WEIR_BAD_TARGET);
}

/* Two halves, of which the first is elsewhere, and gone where it was, before the second comes. */
static void parse_moved(const char *text, size_t cut)
{
	weir_field fields[8];
	weir_parser p;
	weir_slice piece;
	size_t used;
	char *first = malloc(cut), *both = malloc(strlen(text));

	assert_non_null(first);
	assert_non_null(both);
	memcpy(first, text, cut);
	weir_parser_init(&p, NULL, fields, 8);
	assert_int_equal(weir_parse(&p, first, cut, &used, &piece), WEIR_MORE);
	assert_int_equal(used, 0);
	memset(first, 'x', cut);
	free(first);
	memcpy(both, text, strlen(text));
	assert_int_equal(weir_parse(&p, both, strlen(text), &used, &piece), WEIR_HEAD_END);
	assert_memory_equal(both + p.target.at, "/hello", 6);
	assert_int_equal(weir_parse(&p, both + used, 0, &used, &piece), WEIR_DONE);
	free(both);
}

/* test-http-parser-bad-ref */
static void the_parser_keeps_no_pointer(void **state)
{
	static const char text[] = "GET /hello HTTP/1.1\r\nHost: example\r\nX: y\r\n\r\n";

	(void)state;
	parse_moved(text, 8);
	parse_moved(text, strlen("GET /hello HTTP/1.1\r\nHost: exa"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODE_TEST(two_requests_and_the_server_closes_in_the_second),
		NODE_TEST(a_half_closed_client_is_answered_in_order),
		NODE_TEST(a_204_leaves_the_connection_usable),
		NODE_TEST(lengths_are_right_however_often),
		NODE_TEST(a_connection_is_kept_unless_it_is_not_wanted),
		NODE_TEST(a_hundred_requests_on_one_connection),
		NODE_TEST(a_thousand_requests_in_one_go),
		NODE_TEST(a_hundred_files_at_once),
		NODE_TEST(http_1_0_gets_no_chunks),
		NODE_TEST(a_reply_without_length_ends_with_the_connection),
		NODE_TEST(patch_is_a_method),
		NODE_TEST(a_304_has_nothing_behind_its_head),
		NODE_TEST(replies_to_head_have_no_body),
		NODE_TEST(writing_nothing_ends_nothing),
		NODE_TEST(chunks_are_counted_in_octets),
		NODE_TEST(any_octets_are_content),
		NODE_TEST(a_body_on_get_comes_whole),
		NODE_TEST(an_upload_outlives_the_listener),
		NODE_TEST(an_early_reply_does_not_end_the_body),
		NODE_TEST(slow_uploads_are_not_late),
		NODE_TEST(continue_comes_before_the_reply),
		NODE_TEST(statuses_are_said),
		NODE_TEST(fields_are_sent_as_they_were_added),
		NODE_TEST(cookies_have_lines_of_their_own),
		NODE_TEST(repeated_fields_are_all_told),
		NODE_TEST(an_empty_field_and_what_is_no_request),
		NODE_TEST(a_target_is_not_decoded),
		NODE_TEST(who_speaks_tls_is_refused),
		NODE_TEST(a_client_that_says_nothing_leaves),
		NODE_TEST(clients_that_abort_are_told_once_each),
		NODE_TEST(a_client_that_has_enough_is_told),
		NODE_TEST(a_handler_may_give_up),
		NODE_TEST(a_reply_begins_once),
		NODE_TEST(heads_are_parsed),
		NODE_TEST(the_parser_keeps_no_pointer),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
