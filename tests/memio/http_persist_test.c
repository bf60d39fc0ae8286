/*
 * How long does a connection live, who is told so, and how does it end? RFC 9112
 * section 9, end to end. Names in comments are those of Node's own tests of 2011
 * (v0.6).
 */
#include "tests/memio/http_bed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CLOSE "Connection: close\r\n"
#define KEEP "Connection: keep-alive\r\n"

/* ---- what Connection says ----------------------------------------------- */

enum life {
	CLOSES, /* said so in the reply */
	LIVES,  /* not said: the default of the version */
	KEPT    /* said, because the client named it */
};

static const struct persist {
	const char *version, *fields;
	enum life life;
} persists[] = {
	/* 9.3: the defaults */
	{"1.1", "", LIVES},
	{"1.0", "", CLOSES},
	{"1.2", "", LIVES},
	/* the options, in any case */
	{"1.1", "Connection: close\r\n", CLOSES},
	{"1.1", "Connection: Close\r\n", CLOSES},
	{"1.1", "CONNECTION: CLOSE\r\n", CLOSES},
	{"1.1", "connection:cLoSe\r\n", CLOSES},
	{"1.1", "Connection: keep-alive\r\n", KEPT},
	{"1.1", "Connection: Keep-Alive\r\n", KEPT},
	{"1.0", "Connection: keep-alive\r\n", KEPT},
	{"1.0", "Connection: KEEP-ALIVE\r\n", KEPT},
	{"1.0", "connection:keep-Alive\r\n", KEPT},
	{"1.0", "Connection: close\r\n", CLOSES},
	{"1.2", "Connection: close\r\n", CLOSES},
	/* lists, with white space and empty elements (RFC 9110 5.6.1) */
	{"1.1", "Connection: foo, close\r\n", CLOSES},
	{"1.1", "Connection: close, foo\r\n", CLOSES},
	{"1.1", "Connection: foo,close,bar\r\n", CLOSES},
	{"1.1", "Connection: , ,close,,\r\n", CLOSES},
	{"1.1", "Connection: \t foo\t,\tclose \t\r\n", CLOSES},
	{"1.0", "Connection: foo, keep-alive\r\n", KEPT},
	{"1.0", "Connection: ,,keep-alive , foo\r\n", KEPT},
	{"1.1", "Connection:\r\n", LIVES},
	{"1.1", "Connection: ,\r\n", LIVES},
	{"1.1", "Connection: foo, bar\r\n", LIVES},
	{"1.0", "Connection: foo, bar\r\n", CLOSES},
	/* lists over several lines */
	{"1.1", "Connection: foo\r\nConnection: close\r\n", CLOSES},
	{"1.1", "Connection: close\r\nConnection: foo\r\n", CLOSES},
	{"1.1", "Connection: foo\r\nX: y\r\nconnection: bar\r\nConnection: x, close\r\n", CLOSES},
	{"1.0", "Connection: foo\r\nConnection: keep-alive\r\n", KEPT},
	{"1.0", "Connection: keep-alive\r\nConnection: foo\r\n", KEPT},
	/* close wins, wherever it stands */
	{"1.1", "Connection: close, keep-alive\r\n", CLOSES},
	{"1.1", "Connection: keep-alive, close\r\n", CLOSES},
	{"1.0", "Connection: keep-alive, close\r\n", CLOSES},
	{"1.1", "Connection: keep-alive\r\nConnection: close\r\n", CLOSES},
	{"1.0", "Connection: close\r\nConnection: keep-alive\r\n", CLOSES},
	/* whole options only, and of no other field */
	{"1.1", "Connection: closed\r\n", LIVES},
	{"1.1", "Connection: disclose\r\n", LIVES},
	{"1.1", "Connection: close-not\r\n", LIVES},
	{"1.1", "Connection: not close\r\n", LIVES},
	{"1.1", "Connection: \"close\"\r\n", LIVES},
	{"1.0", "Connection: keep-alives\r\n", CLOSES},
	{"1.0", "Connection: keep alive\r\n", CLOSES},
	{"1.0", "Proxy-Connection: keep-alive\r\n", CLOSES},
	{"1.0", "Keep-Alive: timeout=5\r\n", CLOSES},
	{"1.1", "Keep-Alive: timeout=5\r\n", LIVES},
	{"1.1", "Proxy-Connection: close\r\n", LIVES},
	{"1.1", "X-Connection: close\r\n", LIVES},
	{"1.1", "Connection: upgrade\r\n", LIVES},
};

static void request(char *text, size_t size, const struct persist *p, const char *path)
{
	snprintf(text, size, "GET %s HTTP/%s\r\nHost: a\r\n%s\r\n", path, p->version, p->fields);
}

static void assert_life(const memio_client *c, const struct persist *p)
{
	const size_t closes = bed_count(c, CLOSE), keeps = bed_count(c, KEEP);
	const size_t hints = bed_count(c, KEEP "Keep-Alive: timeout=75\r\n\r\n/first");

	if (closes != (p->life == CLOSES) || keeps != (p->life == KEPT) || hints != keeps)
		fail_msg("HTTP/%s with %s: %s", p->version, p->fields, bed_received(c));
}

static void connections_live_as_long_as_they_should(void **state)
{
	(void)state;
	bed_serve(bed_target, NULL);
	for (size_t i = 0; i < sizeof persists / sizeof *persists; i++) {
		const struct persist *p = &persists[i];
		memio_client *c = bed_client();
		char text[300];

		request(text, sizeof text, p, "/first");
		bed_sends(c, text);
		assert_life(c, p);
		/* What is said is done. */
		bed_sends(c, "GET /second HTTP/1.1\r\nHost: a\r\n\r\n");
		assert_int_equal(bed_count(c, "HTTP/1.1 200"), p->life == CLOSES ? 1 : 2);
		assert_int_equal(bed_count(c, "\r\n\r\n/second"), p->life == CLOSES ? 0 : 1);
		/* What one request said holds for no other. */
		assert_int_equal(bed_count(c, KEEP), p->life == KEPT);
		if (p->life != CLOSES)
			assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
		else
			assert_int_not_equal(memio_client_closed(c), MEMIO_OPEN);
		memio_client_close(c);
		bed_settle();
	}
	assert_int_equal(weir_server_connections(bed.server), 0);
}

/* The same with all of it in one read, and the client's end right behind. */
static void a_half_closed_client_gets_every_complete_request_answered(void **state)
{
	(void)state;
	bed_serve(bed_target, NULL);
	for (size_t i = 0; i < sizeof persists / sizeof *persists; i++) {
		const struct persist *p = &persists[i];
		memio_client *c = bed_client();
		char text[300];

		request(text, sizeof text, p, "/first");
		memio_client_send_text(c, text);
		memio_client_send_text(c, "GET /second HTTP/1.1\r\nHost: a\r\n\r\n"
		                          "GET /third HTTP/1.1\r\nHo");
		memio_client_finish(c);
		bed_settle();
		assert_int_equal(bed_count(c, "HTTP/1.1 "), p->life == CLOSES ? 1 : 2);
		assert_int_equal(bed_count(c, "\r\n\r\n/second"), p->life == CLOSES ? 0 : 1);
		assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	}
	assert_int_equal(weir_server_connections(bed.server), 0);
}

/* ---- what Keep-Alive says ----------------------------------------------- */

static void the_hint_says_how_long_and_how_often(void **state)
{
	static const struct {
		int32_t idle_ms, max_requests;
		const char *first, *second;
	} hints[] = {
		{0, 0, "Keep-Alive: timeout=75\r\n", "Keep-Alive: timeout=75\r\n"},
		{5999, 0, "Keep-Alive: timeout=5\r\n", "Keep-Alive: timeout=5\r\n"},
		{999, 0, "", ""},
		{5000, 100, "Keep-Alive: timeout=5, max=99\r\n",
	         "Keep-Alive: timeout=5, max=98\r\n"},
		{999, 100, "Keep-Alive: max=99\r\n", "Keep-Alive: max=98\r\n"},
		{INT32_MAX / 4, 65534, "Keep-Alive: timeout=536870, max=65533\r\n",
	         "Keep-Alive: timeout=536870, max=65532\r\n"},
	};
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";

	(void)state;
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
		char expected[128];

		bed_setup(NULL);
		bed_serve(bed_hello, &(weir_server_opts){.idle_ms = hints[i].idle_ms,
		                                         .max_requests = hints[i].max_requests});
		memio_client *c = bed_client();
		bed_sends(c, text);
		snprintf(expected, sizeof expected, "12\r\n" KEEP "%s\r\nHello", hints[i].first);
		assert_int_equal(bed_count(c, expected), 1);
		memio_client_forget(c);
		bed_sends(c, text);
		snprintf(expected, sizeof expected, "12\r\n" KEEP "%s\r\nHello", hints[i].second);
		assert_int_equal(bed_count(c, expected), 1);
		bed_teardown(NULL);
	}
	bed_setup(NULL);
	bed_serve(bed_hello, &(weir_server_opts){.max_requests = 2});
	memio_client *c = bed_client();
	bed_sends(c, text);
	assert_int_equal(bed_count(c, "Keep-Alive: timeout=75, max=1\r\n"), 1);
	memio_client_forget(c);
	bed_sends(c, text);
	assert_int_equal(bed_count(c, "Keep-Alive: "), 0);
	assert_int_equal(bed_count(c, CLOSE), 1);
}

static void say_stream(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply_field(req, "X-A", "b");
	weir_reply_begin(req, 200, WEIR_UNKNOWN);
	weir_reply_write(req, "one ", 4);
	weir_reply_write(req, "two", 3);
	weir_reply_end(req);
}

static void replies_of_all_kinds_say_it(void **state)
{
	(void)state;
	bed_serve(say_stream, NULL);
	memio_client *c = bed_client();
	bed_sends(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(bed_count(c, KEEP "Keep-Alive: timeout=75\r\nX-A: b\r\n\r\n4\r\n"), 1);
	memio_client_forget(c);
	bed_sends(c, "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(bed_count(c, KEEP "Keep-Alive: timeout=75\r\nX-A: b\r\n\r\n"), 1);
	memio_client_forget(c);
	/* Also those that the server makes itself. */
	bed_sends(c, "BREW / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
	bed_assert_status(c, 501);
	assert_int_equal(bed_count(c, KEEP "Keep-Alive: timeout=75\r\n"), 1);
	memio_client_forget(c);
	/* A refusal is the last reply, whatever the client would like. */
	bed_sends(c, "GET / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n");
	bed_assert_status(c, 400);
	assert_int_equal(bed_count(c, KEEP), 0);
	assert_int_equal(bed_count(c, CLOSE), 1);
}

/* ---- HTTP/1.0 and bodies without a length ------------------------------- */

/* test-http-1.0, first part. */
static void an_old_client_is_answered_plainly_and_left(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_client();
	bed_sends(c, "GET / HTTP/1.0\r\n\r\n");
	assert_int_equal(bed_count(c, CLOSE "\r\nHello World\n"), 1);
	assert_int_equal(memio_now(), 0);
	memio_client_finish(c);
	bed_settle();
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

/* test-http-1.0, second part, and test-http-patch: no chunks, in one write. (Here with Date.) */
static void to_an_old_client_the_body_ends_with_the_connection(void **state)
{
	(void)state;
	bed_serve(say_stream, NULL);
	memio_client *c = bed_client();
	memio_client_send_text(c, "PATCH / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello");
	memio_count_again();
	bed_settle();
	assert_string_equal(bed_received(c), "HTTP/1.1 200 OK\r\n"
	                                     "Date: Sun, 09 Sep 2001 01:46:40 GMT\r\n" CLOSE
	                                     "X-A: b\r\n\r\none two");
	assert_int_equal(memio_count(MEMIO_WRITE), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

/* test-http-wget: it asks to be kept, and cannot be. */
static void also_when_it_asks_to_be_kept(void **state)
{
	(void)state;
	bed_serve(say_stream, NULL);
	memio_client *c = bed_client();
	bed_sends(c, "GET / HTTP/1.0\r\nUser-Agent: Wget/1.12\r\nConnection: Keep-Alive\r\n\r\n");
	assert_int_equal(bed_count(c, CLOSE), 1);
	assert_int_equal(bed_count(c, KEEP), 0);
	assert_int_equal(bed_count(c, "chunked"), 0);
	assert_int_equal(bed_count(c, "\r\n\r\none two"), 1);
	memio_client_finish(c);
	bed_settle();
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

/* test-http-1.0, third part. */
static void a_client_that_wants_to_leave_gets_its_chunks(void **state)
{
	(void)state;
	bed_serve(say_stream, NULL);
	memio_client *c = bed_client();
	bed_sends(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	assert_int_equal(bed_count(c, "Transfer-Encoding: chunked\r\n" CLOSE), 1);
	assert_int_equal(bed_count(c, "\r\n\r\n4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n"), 1);
	memio_client_finish(c);
	bed_settle();
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

/* test-http-allow-req-after-204-res: what has no body leaves the connection usable. */
static void say_status(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply(req, bed.requests > 1 ? 200 : 204, NULL, "text", 4);
}

static void a_reply_without_a_body_is_followed_by_others(void **state)
{
	(void)state;
	bed_serve(say_status, NULL);
	memio_client *c = bed_client();
	bed_sends(c, "DELETE /1 HTTP/1.1\r\nHost: a\r\n\r\n");
	bed_assert_status(c, 204);
	memio_client_forget(c);
	bed_sends(c, "DELETE /2 HTTP/1.1\r\nHost: a\r\n\r\n");
	bed_assert_status(c, 200);
	assert_int_equal(bed_count(c, "\r\n\r\ntext"), 1);
}

/* ---- pipelining, later replies, half-close ------------------------------ */

enum { MANY = 100, BODY = 57928 };

static char body[BODY];

static struct later {
	weir_timer timer;
	weir_req *req;
	size_t len;
} laters[MANY];

static void say_later(weir_timer *timer, void *arg)
{
	struct later *later = arg;

	(void)timer;
	if (later->len)
		weir_reply(later->req, 200, NULL, body, later->len);
	else
		weir_reply(later->req, 200, NULL, weir_req_path(later->req).data,
		           weir_req_path(later->req).len);
}

static void in_a_millisecond(weir_req *req, size_t len)
{
	struct later *later = &laters[bed.requests - 1];

	later->req = req;
	later->len = len;
	weir_timer_init(&later->timer, say_later, later);
	weir_timer_start(weir_req_loop(req), &later->timer, 1, 0);
}

static void path_later(weir_req *req, void *arg)
{
	(void)arg;
	in_a_millisecond(req, 0);
	if (bed.requests == 4)
		weir_server_drain(weir_req_server(req), WEIR_OFF);
}

/* test-http-server: the server is closed in the fourth request; then the program ends. */
static void a_conversation_ends_in_order(void **state)
{
	(void)state;
	bed_serve(path_later, NULL);
	memio_client *c = bed_client();
	bed_sends(c, "GET /hello?hello=world&foo=bar HTTP/1.1\r\nHost: a\r\n\r\n");
	bed_pass(2);
	assert_int_equal(bed_count(c, "\r\n\r\n/hello"), 1);
	bed_sends(c, "POST /quit HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
	bed_pass(2);
	assert_int_equal(bed_count(c, "\r\n\r\n/quit"), 1);
	memio_client_send_text(c, "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n"
	                          "GET /4 HTTP/1.1\r\nHost: a\r\n\r\n");
	memio_client_finish(c);
	assert_int_equal(weir_loop_run(bed.loop), 0);
	assert_int_equal(bed.requests, 4);
	assert_int_equal(bed_count(c, "\r\n\r\n/3HTTP/1.1 200"), 1);
	assert_int_equal(bed_count(c, "\r\n\r\n/4"), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

static void body_later(weir_req *req, void *arg)
{
	(void)arg;
	in_a_millisecond(req, BODY);
}

/* test-http-get-pipeline-problem: a hundred at once, each with a connection of its own. */
static void a_hundred_large_replies_are_whole(void **state)
{
	static memio_client *all[MANY];

	(void)state;
	bed_serve(body_later, NULL);
	for (int i = 0; i < MANY; i++) {
		all[i] = memio_client_connect(NULL);
		memio_client_send_text(all[i], "GET / HTTP/1.1\r\nHost: a\r\n" CLOSE "\r\n");
	}
	bed_pass(10);
	for (int i = 0; i < MANY; i++) {
		size_t len;
		const char *text = memio_client_received(all[i], &len);
		const char *end = strstr(text, "\r\n\r\n");

		assert_non_null(end);
		assert_int_equal(len - (size_t)(end + 4 - text), BODY);
		memio_client_finish(all[i]);
	}
	bed_settle();
	assert_int_equal(weir_server_connections(bed.server), 0);
}

/* test-http-parser-free: what a connection needs for its requests is used again. */
static void a_hundred_requests_in_a_row_take_no_more_than_one(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_client();
	bed_exchange(c);
	bed.alloc.calls = 0;
	for (int i = 0; i < 100; i++)
		bed_exchange(c);
	assert_int_equal(bed.alloc.calls, 0);
	assert_int_equal(weir_server_connections(bed.server), 1);
}

/* ---- clients that leave, or were never right ---------------------------- */

static void begin_and_keep(weir_req *req, void *arg)
{
	bed_watch(req, arg);
	laters[bed.requests - 1].req = req;
	weir_reply_begin(req, 200, WEIR_UNKNOWN);
	weir_reply_write(req, "piece", 5);
}

/* test-http-client-abort and test-http-response-close: each request in hand is told once. */
static void clients_that_leave_are_told_once_each(void **state)
{
	memio_client *all[4];

	(void)state;
	bed_serve(begin_and_keep, NULL);
	for (int i = 0; i < 4; i++) {
		all[i] = bed_client();
		bed_sends(all[i], HELLO);
		assert_int_equal(bed_count(all[i], "5\r\npiece\r\n"), 1);
	}
	for (int i = 0; i < 4; i++)
		memio_client_reset(all[i]);
	bed_settle();
	assert_int_equal(bed.gones, 4);
	assert_int_equal(bed.why, -ECONNRESET);
	for (int i = 0; i < 4; i++)
		assert_int_equal(weir_reply_end(laters[i].req), WEIR_ECLOSED);
	assert_int_equal(weir_server_connections(bed.server), 0);
}

/* test-https-connecting-to-http: a peer that speaks TLS. */
static void another_protocol_is_refused_once(void **state)
{
	static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_client();
	memio_client_send(c, hello, sizeof hello - 1);
	bed_settle();
	bed_assert_status(c, 400);
	assert_int_equal(bed_count(c, "HTTP/1.1 "), 1);
	assert_int_equal(bed.requests, 0);
	memio_client_finish(c);
	bed_settle();
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

/* test-http-blank-header: an empty value is one; junk behind the request ends the connection. */
static void say_cookie(weir_req *req, void *arg)
{
	const weir_str cookie = weir_req_field(req, "cookie");

	assert_non_null(cookie.data);
	assert_int_equal(cookie.len, 0);
	bed_hello(req, arg);
}

static void junk_behind_a_request_ends_the_connection(void **state)
{
	(void)state;
	bed_serve(say_cookie, NULL);
	memio_client *c = bed_client();
	bed_sends(c, "GET /blah HTTP/1.1\r\nHost: mapdevel.trolologames.ru:443\r\nCookie:\r\n"
	             "Origin: http://mapdevel.trolologames.ru\r\n\r\n\r\nhello world");
	assert_int_equal(bed.requests, 1);
	assert_int_equal(bed_count(c, "HTTP/1.1 200"), 1);
	assert_int_equal(bed_count(c, "HTTP/1.1 400"), 0);
	/* It might have been a method until here. */
	bed_sends(c, "\r\n");
	assert_int_equal(bed_count(c, "HTTP/1.1 400"), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

/* pummel/test-http-upload-timeout: ten uploads in pieces, with gaps below the limit. */
static void uploads_with_gaps_are_not_cut_off(void **state)
{
	enum { CLIENTS = 10 };
	memio_client *all[CLIENTS];

	(void)state;
	bed_serve(bed_read, &(weir_server_opts){.body_ms = 1000, .body_rate = WEIR_OFF});
	for (int i = 0; i < CLIENTS; i++) {
		all[i] = bed_client();
		bed_sends(all[i], "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
		bed_pass(50);
	}
	for (int round = 0; round < 20; round++)
		for (int i = 0; i < CLIENTS; i++) {
			bed_pass(5 + (round * 7 + i * 13) % 50);
			bed_sends(all[i], "data");
		}
	assert_int_equal(bed.gones, 0);
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(memio_client_closed(all[i]), MEMIO_OPEN);
	weir_server_free(bed.server);
	bed_settle();
	assert_int_equal(bed.gones, CLIENTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(connections_live_as_long_as_they_should),
		HTTP_TEST(a_half_closed_client_gets_every_complete_request_answered),
		HTTP_TEST(the_hint_says_how_long_and_how_often),
		HTTP_TEST(replies_of_all_kinds_say_it),
		HTTP_TEST(an_old_client_is_answered_plainly_and_left),
		HTTP_TEST(to_an_old_client_the_body_ends_with_the_connection),
		HTTP_TEST(also_when_it_asks_to_be_kept),
		HTTP_TEST(a_client_that_wants_to_leave_gets_its_chunks),
		HTTP_TEST(a_reply_without_a_body_is_followed_by_others),
		HTTP_TEST(a_conversation_ends_in_order),
		HTTP_TEST(a_hundred_large_replies_are_whole),
		HTTP_TEST(a_hundred_requests_in_a_row_take_no_more_than_one),
		HTTP_TEST(clients_that_leave_are_told_once_each),
		HTTP_TEST(another_protocol_is_refused_once),
		HTTP_TEST(junk_behind_a_request_ends_the_connection),
		HTTP_TEST(uploads_with_gaps_are_not_cut_off),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
