/*
 * Does a connection of the HTTP server keep its promises? Over the kernel in
 * memory, so that every time limit, every stall and every refused allocation
 * comes exactly when the test says.
 */
#include "tests/memio/http_bed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/addr.h"
#include "core/stream.h"
#include "http/conn.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n" BED_DATE "Content-Type: text/plain\r\n"
#define HELLO_REPLY OK_HEAD "Content-Length: 12\r\n\r\nHello World\n"

/* ---- the application ---------------------------------------------------- */

/* What the body of a request was, and how it is taken. */
static struct app {
	char body[70000]; /* what data was given and used */
	size_t body_len;
	char offered[70000]; /* what data was given last */
	size_t offered_len;
	int offers;
	size_t most;  /* data uses at most so much of an offer */
	bool expects; /* what opts.expect says */
	weir_timer timer;
} app;

static size_t on_data(weir_req *req, const char *data, size_t len, void *arg)
{
	size_t used = len < app.most ? len : app.most;

	(void)req;
	assert_ptr_equal(arg, &bed);
	bed_enter();
	app.offers++;
	assert_true(len <= sizeof app.offered);
	memcpy(app.offered, data, len);
	app.offered_len = len;
	if (app.body_len + used <= sizeof app.body)
		memcpy(app.body + app.body_len, data, used);
	app.body_len += used;
	bed_leave();
	return used;
}

static const weir_req_ops watch = {on_data, bed_on_end, bed_on_drain, bed_on_eof, bed_on_gone};

/* Keeps it, and takes the body as it comes. */
static void keep_and_read(weir_req *req, void *arg)
{
	bed.req = req;
	weir_req_on(req, &watch, arg);
}

static void end_reply(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply_end(req);
}

static size_t echo_data(weir_req *req, const char *data, size_t len, void *arg)
{
	int64_t queued = weir_reply_write(req, data, len);

	(void)arg;
	if (queued < 0)
		weir_reply_end(req);
	else if (queued > 64 * 1024)
		weir_req_hold(req, true);
	return len;
}

static void echo_drain(weir_req *req, void *arg)
{
	(void)arg;
	weir_req_hold(req, false);
}

static const weir_req_ops echo_ops = {
	.data = echo_data, .end = end_reply, .drain = echo_drain, .gone = bed_on_gone_end};

static void echo(weir_req *req, void *arg)
{
	weir_req_on(req, &echo_ops, arg);
	if (weir_reply_begin(req, 200, weir_req_length(req)) < 0)
		weir_reply_end(req);
}

static void reply_in_a_second(weir_timer *timer, void *arg)
{
	int before = bed.requests;

	(void)timer;
	weir_reply(arg, 200, NULL, "late", 4);
	/* The next request waits for the loop. */
	assert_int_equal(bed.requests, before);
}

static void answer_later(weir_req *req, void *arg)
{
	(void)arg;
	weir_timer_init(&app.timer, reply_in_a_second, req);
	weir_timer_start(weir_req_loop(req), &app.timer, 1000, 0);
}

/* ---- the world ---------------------------------------------------------- */

static bool expect(weir_req *req, void *arg)
{
	(void)req;
	(void)arg;
	return app.expects;
}

static int set_up(void **state)
{
	memset(&app, 0, sizeof app);
	app.most = SIZE_MAX;
	return bed_setup(state);
}

/* ---- one request -------------------------------------------------------- */

static void one_read_and_one_write_for_a_request(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent(HELLO);
	assert_string_equal(bed_received(c), HELLO_REPLY);

	memio_client_forget(c);
	memio_client_send_text(c, HELLO);
	memio_count_again();
	bed_settle();
	assert_string_equal(bed_received(c), HELLO_REPLY);
	assert_int_equal(memio_count(MEMIO_READ), 1);
	assert_int_equal(memio_count(MEMIO_WRITE), 1);
	assert_int_equal(memio_count(MEMIO_POLLER_SET), 0);
}

static void no_allocation_for_a_request_on_a_warm_loop(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent(HELLO);
	bed.alloc.calls = 0;
	for (int i = 0; i < 100; i++)
		bed_sends(c, HELLO);
	assert_int_equal(bed.alloc.calls, 0);
	assert_int_equal(bed.requests, 101);
}

static void one_allocation_for_a_connection(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	for (int i = 0; i < 8; i++)
		bed_sends(bed_client(), HELLO);
	const size_t octets = bed.alloc.live_octets, blocks = bed.alloc.live_blocks;
	bed_sends(bed_client(), HELLO);
	/* The block that waits for the next accept became this one's. */
	assert_int_equal(bed.alloc.live_blocks, blocks + 1);
	assert_int_equal(bed.alloc.live_octets, octets + sizeof(weir_stream));
}

static void the_date_is_remade_when_the_second_changes(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent(HELLO);
	bed_assert_has(c, "Date: Sun, 09 Sep 2001 01:46:40 GMT\r\n");
	memio_client_forget(c);
	bed_pass(2000);
	bed_sends(c, HELLO);
	bed_assert_has(c, "Date: Sun, 09 Sep 2001 01:46:42 GMT\r\n");
	memio_client_forget(c);
	bed_pass(1000);
	bed_sends(c, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n");
	bed_assert_has(c, "Date: Sun, 09 Sep 2001 01:46:43 GMT\r\n");
}

static void dates_of_all_kinds_of_years(void **state)
{
	static const struct {
		int64_t second;
		const char *text;
	} dates[] = {
		{0, "Thu, 01 Jan 1970 00:00:00 GMT"},
		{784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
		{951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
		{951868799, "Tue, 29 Feb 2000 23:59:59 GMT"},
		{1709164800, "Thu, 29 Feb 2024 00:00:00 GMT"},
		{4107542399, "Sun, 28 Feb 2100 23:59:59 GMT"},
		{4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
		{2147483648, "Tue, 19 Jan 2038 03:14:08 GMT"},
		{253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
		char text[WEIR__DATE_LEN + 1] = "";

		weir__date_format(dates[i].second, text);
		assert_string_equal(text, dates[i].text);
	}
}

static void the_client_decides_how_long_the_connection_lives(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_string_equal(bed_received(c), OK_HEAD "Content-Length: 12\r\n"
	                                             "Connection: keep-alive\r\n"
	                                             "Keep-Alive: timeout=75\r\n\r\nHello World\n");
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);

	memio_client_forget(c);
	bed_sends(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	assert_string_equal(bed_received(c), OK_HEAD "Content-Length: 12\r\n"
	                                             "Connection: close\r\n\r\nHello World\n");
	/* Our end is sent first: octets on their way do not turn it into a reset. */
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	bed_sends(c, HELLO);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	assert_int_equal(bed.requests, 2);
	bed_finishes(c);
	assert_int_equal(weir_server_connections(bed.server), 0);
}

static void say_status(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply(req, atoi(weir_req_path(req).data + 1), NULL, "text", 4);
}

static void some_replies_have_no_body(void **state)
{
	(void)state;
	bed_serve(say_status, NULL);
	memio_client *c = bed_sent("HEAD /200 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_string_equal(bed_received(c),
	                    "HTTP/1.1 200 OK\r\n" BED_DATE "Content-Length: 4\r\n\r\n");
	memio_client_forget(c);
	bed_sends(c, "GET /204 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_string_equal(bed_received(c), "HTTP/1.1 204 No Content\r\n" BED_DATE "\r\n");
	memio_client_forget(c);
	bed_sends(c, "GET /304 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_string_equal(bed_received(c),
	                    "HTTP/1.1 304 Not Modified\r\n" BED_DATE "Content-Length: 4\r\n\r\n");
	memio_client_forget(c);
	bed_sends(c, "GET /404 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_string_equal(bed_received(c),
	                    "HTTP/1.1 404 Not Found\r\n" BED_DATE "Content-Length: 4\r\n\r\ntext");
}

static void ask_everything(weir_req *req, void *arg)
{
	weir_str name, value;
	char peer[64];

	(void)arg;
	assert_int_equal(weir_req_method(req), WEIR_POST);
	assert_memory_equal(weir_req_method_name(req).data, "POST", 4);
	assert_int_equal(weir_req_method_name(req).len, 4);
	assert_memory_equal(weir_req_target(req).data, "http://h/p/q?x=1?", 17);
	assert_int_equal(weir_req_target(req).len, 17);
	assert_memory_equal(weir_req_path(req).data, "/p/q", 4);
	assert_int_equal(weir_req_path(req).len, 4);
	assert_memory_equal(weir_req_query(req).data, "x=1?", 4);
	assert_int_equal(weir_req_query(req).len, 4);
	assert_int_equal(weir_req_version(req), 11);
	assert_int_equal(weir_req_length(req), 3);
	assert_memory_equal(weir_req_field(req, "x-a").data, "1", 1);
	assert_null(weir_req_field(req, "x-b").data);
	assert_int_equal(weir_req_nth(req, 1, &name, &value), 1);
	assert_memory_equal(name.data, "X-A", 3);
	assert_int_equal(weir_req_nth(req, 4, &name, &value), 0);
	assert_true(weir_req_peer(req, peer, sizeof peer) > 0);
	assert_memory_equal(peer, "127.0.0.1:", 10);
	assert_ptr_equal(weir_req_loop(req), bed.loop);
	assert_ptr_equal(weir_req_server(req), bed.server);
}

static void ask_and_keep(weir_req *req, void *arg)
{
	ask_everything(req, arg);
	bed_watch(req, arg);
}

static void what_a_request_says(void **state)
{
	(void)state;
	bed_serve(ask_and_keep, NULL);
	memio_client *c = bed_client();
	/* Leading empty lines belong to the head, too. */
	const char *text = "\r\nPOST http://h/p/q?x=1? HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n"
			   "x-a: 2\r\nContent-Length: 3\r\n\r\nabc";

	/* The answers stay the same when the head came in pieces, */
	for (size_t i = 0; text[i]; i++) {
		memio_client_send(c, text + i, 1);
		bed_settle();
	}
	assert_int_equal(bed.requests, 1);
	/* later, */
	ask_everything(bed.req, NULL);
	/* and when the peer has left. */
	memio_client_reset(c);
	bed_settle();
	assert_int_equal(bed.gones, 1);
	assert_int_equal(bed.why, -ECONNRESET);
	ask_everything(bed.req, NULL);
	assert_int_equal(weir_reply(bed.req, 200, NULL, NULL, 0), WEIR_ECLOSED);
}

/* ---- heads that come slowly --------------------------------------------- */

static void silence_is_not_answered(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_client();
	bed_pass(9900);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_pass(200);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	assert_string_equal(bed_received(c), "");
}

static void a_head_has_one_deadline_from_accept(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_client();
	memio_client_send_text(c, "GET / HTTP/1.1\r\nX: ");
	for (int i = 0; i < 99; i++) {
		bed_pass(100);
		bed_sends(c, "a");
	}
	assert_string_equal(bed_received(c), "");
	bed_pass(200);
	assert_string_equal(bed_received(c), "HTTP/1.1 408 Request Timeout\r\n"
	                                     "Date: Sun, 09 Sep 2001 01:46:50 GMT\r\n"
	                                     "Content-Type: text/plain\r\nContent-Length: 16\r\n"
	                                     "Connection: close\r\n\r\nRequest Timeout\n");
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	assert_int_equal(bed.requests, 0);
}

static void also_when_its_first_octet_is_late(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_client();
	bed_pass(5000);
	bed_sends(c, "GET / HTTP/1.1\r\n");
	bed_pass(4900);
	assert_string_equal(bed_received(c), "");
	bed_pass(200);
	bed_assert_status(c, 408);
}

static void who_found_no_buffer_is_not_late(void **state)
{
	char field[9000] = "X: ";

	(void)state;
	bed_serve(bed_hello, NULL);
	memset(field + 3, 'a', sizeof field - 4);
	memio_client *fresh = bed_client();
	memio_client *half = bed_sent("GET / HTTP/1.1\r\nHost: a\r\n");
	/* The first octets need a chunk; a head of more than 8 KiB is kept in one. */
	int32_t max = bed.loop->chunks.max;
	bed.loop->chunks.max = bed.loop->chunks.nused;
	bed_sends(fresh, HELLO);
	bed_sends(half, field);
	bed_sends(half, "\r\n\r\n");
	bed_pass(30000);
	assert_string_equal(bed_received(fresh), "");
	assert_string_equal(bed_received(half), "");
	bed.loop->chunks.max = max;
	bed_pass(200);
	bed_assert_status(fresh, 200);
	bed_assert_status(half, 200);
}

/* Each time its time has passed while weir had no memory it begins anew. */
static void who_found_no_buffer_may_go_on_slowly(void **state)
{
	char field[9000] = "X: ";

	(void)state;
	bed_serve(bed_hello, NULL);
	memset(field + 3, 'a', sizeof field - 4);
	memio_client *c = bed_client();
	bed_sends(c, "GET / HTTP/1.1\r\nHost: a\r\n");
	int32_t max = bed.loop->chunks.max;
	bed.loop->chunks.max = bed.loop->chunks.nused;
	bed_sends(c, field);
	bed_pass(35000);
	bed.loop->chunks.max = max;
	bed_pass(3000);
	bed_sends(c, "\r\n\r\n");
	bed_assert_status(c, 200);
}

static void a_kept_connection_may_be_idle_longer(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent(HELLO);
	memio_client_forget(c);
	bed_pass(74900);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_pass(300);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	assert_string_equal(bed_received(c), "");
}

static void a_kept_connections_head_counts_from_its_first_octet(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent(HELLO);
	memio_client_forget(c);
	bed_pass(60000);
	bed_sends(c, "G");
	bed_pass(9900);
	assert_string_equal(bed_received(c), "");
	bed_sends(c, "E");
	bed_pass(200);
	bed_assert_status(c, 408);
}

static void many_fields_octet_by_octet(void **state)
{
	static const char field[] = "Name: value\r\n";

	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent("GET / HTTP/1.1\r\nHost: a\r\n");
	for (size_t i = 0; i < 99 * (sizeof field - 1); i++) {
		memio_client_send(c, field + i % (sizeof field - 1), 1);
		weir_loop_step(bed.loop, 0);
	}
	bed_sends(c, "\r\n");
	assert_string_equal(bed_received(c), HELLO_REPLY);

	c = bed_sent("GET / HTTP/1.1\r\nHost: a\r\n");
	for (size_t i = 0; i < 100 * (sizeof field - 1); i++) {
		memio_client_send(c, field + i % (sizeof field - 1), 1);
		weir_loop_step(bed.loop, 0);
	}
	bed_settle();
	bed_assert_status(c, 431);
}

static void a_hundred_fields_in_two_reads(void **state)
{
	char head[2000] = "GET / HTTP/1.1\r\nHost: a\r\n";
	size_t len = strlen(head);

	(void)state;
	for (int i = 0; i < 99; i++) {
		memcpy(head + len, "a:\r\n", 4);
		len += 4;
	}
	memcpy(head + len, "\r\n", 2);
	len += 2;
	bed_serve(bed_hello, NULL);
	for (size_t cut = 1; cut < len; cut++) {
		memio_client *c = bed_client();

		memio_client_send(c, head, cut);
		bed_settle();
		memio_client_send(c, head + cut, len - cut);
		bed_settle();
		assert_string_equal(bed_received(c), HELLO_REPLY);
		memio_client_close(c);
		bed_settle();
	}
}

/* ---- pipelining --------------------------------------------------------- */

static void what_came_in_one_read_is_answered_in_one_write(void **state)
{
	char requests[16 * sizeof HELLO] = "";

	(void)state;
	for (int i = 0; i < 16; i++)
		strcat(requests, HELLO);
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent(requests);
	memio_client_forget(c);
	memio_client_send_text(c, requests);
	memio_count_again();
	bed.alloc.calls = 0;
	bed_settle();
	assert_int_equal(bed.requests, 32);
	assert_int_equal(bed_count(c, "Hello World\n"), 16);
	assert_int_equal(memio_count(MEMIO_READ), 1);
	assert_int_equal(memio_count(MEMIO_WRITE), 1);
	assert_int_equal(bed.alloc.calls, 0);
}

static void replies_come_in_order(void **state)
{
	(void)state;
	bed_serve(bed_target, NULL);
	memio_client *c = bed_client();
	bed_sends(c,
	          "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
	          "POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbodyGET /4 HTTP/1.1\r\n"
	          "Host: a\r\n\r\nGET /5 HTTP/1.0\r\n\r\nGET /6 HTTP/1.0\r\n\r\n");
	const char *at = bed_received(c);
	for (int i = 1; i <= 5; i++) {
		char what[] = "\r\n\r\n/0";

		what[5] = (char)('0' + i);
		at = strstr(at, what);
		assert_non_null(at);
	}
	/* Nothing is answered behind a request that ends the connection. */
	assert_null(strstr(at, "/6"));
	assert_int_equal(bed.requests, 5);
	/* There were octets behind it: our end is sent first, and theirs awaited. */
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	bed_pass(2100);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

static void the_next_request_waits_for_an_asynchronous_reply(void **state)
{
	(void)state;
	bed_serve(answer_later, NULL);
	memio_client *c = bed_sent(HELLO HELLO HELLO);
	assert_int_equal(bed.requests, 1);
	bed_pass(1000);
	assert_int_equal(bed.requests, 2);
	assert_int_equal(bed_count(c, "late"), 1);
	bed_pass(1100);
	bed_pass(1100);
	assert_int_equal(bed.requests, 3);
	assert_int_equal(bed_count(c, "late"), 3);
}

static void an_error_comes_after_the_replies_before_it(void **state)
{
	(void)state;
	bed_serve(answer_later, NULL);
	memio_client *c = bed_sent(HELLO "GET / HTTP/1.1\r\n\r\n" HELLO);
	assert_string_equal(bed_received(c), "");
	bed_pass(1100);
	bed_assert_status(c, 200);
	bed_assert_has(c, "lateHTTP/1.1 400 Bad Request\r\n");
	/* No later octet is a request. */
	bed_sends(c, HELLO);
	assert_int_equal(bed.requests, 1);
	assert_int_equal(bed_count(c, "HTTP/1.1 "), 2);
}

static void reading_ahead_is_bounded(void **state)
{
	static char much[200000];

	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	memset(much, '\r', sizeof much);
	memio_client_send(c, much, sizeof much);
	bed_settle();
	assert_true(memio_client_unread(c) >= sizeof much - 4 * WEIR__CHUNK);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	/* It was read on from there: what came was no request. */
	bed_assert_has(c, "400 Bad Request");
}

static void requests_wait_while_replies_are_not_taken(void **state)
{
	const weir_server_opts opts = {.low = 512, .high = 1024, .write_ms = 60000};

	(void)state;
	bed_serve(bed_hello, &opts);
	memio_client *c = bed_client();
	memio_client_window(c, 200);
	for (int i = 0; i < 100; i++)
		memio_client_send_text(c, HELLO);
	bed_settle();
	/* 200 octets are in the window, and as many replies queued as pass 1024. */
	assert_in_range(bed.requests, 5, 20);
	for (int i = 0; i < 1000; i++) {
		memio_client_read(c, 200);
		bed_settle();
	}
	assert_int_equal(bed.requests, 100);
	assert_int_equal(bed_count(c, "Hello World\n"), 100);
}

static void a_slow_reader_counts_by_what_it_takes(void **state)
{
	const weir_server_opts opts = {.write_ms = 1000};

	(void)state;
	bed_serve(bed_hello, &opts);
	memio_client *c = bed_client();
	memio_client_window(c, 2000);
	memio_client_told(c, 1500);
	for (int i = 0; i < 100; i++)
		memio_client_send_text(c, HELLO);
	/* As fast as it must be; but the kernel does not tell for a long time. */
	for (int second = 0; second < 10; second++) {
		bed_pass(500);
		memio_client_read(c, 100);
		bed_pass(500);
		assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	}
	bed_pass(2000);
	assert_int_equal(memio_client_closed(c), MEMIO_RESET);
}

/* ---- bodies ------------------------------------------------------------- */

static void a_body_arrives_as_it_comes(void **state)
{
	(void)state;
	bed_serve(keep_and_read, NULL);
	memio_client *c = bed_sent("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
	assert_int_equal(app.body_len, 3);
	assert_int_equal(bed.ends, 0);
	bed_sends(c, "defghij" HELLO);
	assert_memory_equal(app.body, "abcdefghij", 10);
	assert_int_equal(app.body_len, 10);
	assert_int_equal(bed.ends, 1);
	assert_int_equal(bed.requests, 1);
	weir_reply(bed.req, 200, NULL, "x", 1);
	bed_settle();
	assert_int_equal(bed.requests, 2);
	/* There is no body: its end is told all the same. */
	assert_int_equal(bed.ends, 2);
	weir_reply(bed.req, 200, NULL, "x", 1);
}

static void chunks_are_put_together(void **state)
{
	(void)state;
	bed_serve(keep_and_read, NULL);
	bed_sent("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	         "3\r\nabc\r\n4;x=y\r\ndefg\r\n1\r\nh\r\n0\r\nX: y\r\n\r\n");
	assert_int_equal(weir_req_length(bed.req), -1);
	assert_int_equal(app.offers, 1);
	assert_int_equal(app.body_len, 8);
	assert_memory_equal(app.body, "abcdefgh", 8);
	assert_int_equal(bed.ends, 1);
	/* Trailers are no fields of the head. */
	assert_null(weir_req_field(bed.req, "x").data);
	assert_non_null(weir_req_field(bed.req, "host").data);
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

static void what_is_left_is_not_offered_again_for_framing_alone(void **state)
{
	(void)state;
	bed_serve(keep_and_read, NULL);
	app.most = 0;
	memio_client *c = bed_sent(
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello");
	assert_int_equal(app.offers, 1);
	bed_sends(c, "\r\n1;a=b");
	assert_int_equal(app.offers, 1);
	bed_sends(c, "\r\n!");
	assert_int_equal(app.offers, 2);
	assert_int_equal(app.offered_len, 6);
	bed_sends(c, "\r\n0\r\nA: b\r\n");
	assert_int_equal(app.offers, 2);
	/* Once more, since this is the end of it. */
	bed_sends(c, "\r\n");
	assert_int_equal(app.offers, 3);
	assert_memory_equal(app.offered, "hello!", 6);
	weir_reply_end(bed.req);
}

static void what_is_left_is_offered_again_in_one_piece(void **state)
{
	static const char *const framings[2][3] = {
		{"Content-Length: 9", "abcdef", "ghi"},
		{"Transfer-Encoding: chunked", "2\r\nab\r\n4\r\ncdef\r\n", "3\r\nghi\r\n0\r\n\r\n"},
	};

	(void)state;
	bed_serve(keep_and_read, NULL);
	for (int i = 0; i < 2; i++) {
		char head[128];

		app.offers = bed.ends = 0;
		app.body_len = 0;
		app.most = 4;
		memio_client *c = bed_client();
		snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n",
		         framings[i][0]);
		bed_sends(c, head);
		bed_sends(c, framings[i][1]);
		/* Never by itself. */
		assert_int_equal(app.offers, 1);
		assert_int_equal(app.offered_len, 6);
		app.most = 2;
		bed_sends(c, framings[i][2]);
		/* With more octets, and once more before the end. */
		assert_int_equal(app.offers, 3);
		assert_int_equal(app.offered_len, 3);
		assert_memory_equal(app.offered, "ghi", 3);
		assert_memory_equal(app.body, "abcdefgh", 8);
		assert_int_equal(bed.ends, 1);
		weir_reply(bed.req, 200, NULL, NULL, 0);
		/* What was never taken is not taken for a request. */
		bed_sends(c, HELLO);
		assert_int_equal(bed.requests, 2 * i + 2);
		weir_reply(bed.req, 200, NULL, NULL, 0);
		memio_client_close(c);
		bed_settle();
	}
}

static void a_held_body_waits(void **state)
{
	static char piece[100000];

	(void)state;
	bed_serve(keep_and_read, NULL);
	memio_client *c =
		bed_sent("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100003\r\n\r\nabc");
	weir_req_hold(bed.req, true);
	memio_client_send(c, piece, sizeof piece);
	/* Much longer than any limit: it is not the client who is slow. */
	bed_pass(100000);
	assert_int_equal(app.body_len, 3);
	assert_true(memio_client_unread(c) >= sizeof piece - WEIR__CHUNK);
	weir_req_hold(bed.req, false);
	assert_int_equal(app.body_len, 3);
	bed_settle();
	assert_int_equal(app.body_len, 100003);
	assert_int_equal(bed.ends, 1);
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

static void a_body_may_be_asked_for_later(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
	bed_pass(50000);
	weir_req_on(bed.req, &watch, &bed);
	assert_int_equal(app.offers, 0);
	bed_settle();
	assert_int_equal(app.body_len, 3);
	assert_int_equal(bed.ends, 1);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	/* Also one of which more has come than is read ahead. */
	static char much[50000];
	app.body_len = 0;
	bed_sends(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n");
	memio_client_send(c, much, sizeof much);
	bed_settle();
	weir_req_on(bed.req, &watch, &bed);
	bed_settle();
	assert_int_equal(app.body_len, 50000);
	assert_int_equal(bed.ends, 2);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	/* And one that there is not. */
	bed_sends(c, HELLO);
	weir_req_on(bed.req, &watch, &bed);
	assert_int_equal(bed.ends, 2);
	bed_settle();
	assert_int_equal(bed.ends, 3);
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

static size_t hold_data(weir_req *req, const char *data, size_t len, void *arg)
{
	weir_req_hold(req, true);
	return on_data(req, data, len, arg);
}

static const weir_req_ops holding = {hold_data, bed_on_end, bed_on_drain, bed_on_eof, bed_on_gone};

static void keep_and_hold(weir_req *req, void *arg)
{
	bed.req = req;
	weir_req_on(req, &holding, arg);
}

static void the_end_is_told_with_the_next_request_waiting(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO HELLO);
	weir_req_on(bed.req, &watch, &bed);
	bed_settle();
	assert_int_equal(bed.ends, 1);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	bed.handler = keep_and_hold;
	bed_sends(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" HELLO);
	assert_int_equal(app.body_len, 3);
	assert_int_equal(bed.ends, 1);
	weir_req_hold(bed.req, false);
	assert_int_equal(bed.ends, 1);
	bed_settle();
	assert_int_equal(bed.ends, 2);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	assert_int_equal(bed.requests, 4);
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

static void a_small_unread_body_is_dropped(void **state)
{
	static char piece[60000];

	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n");
	assert_string_equal(bed_received(c), HELLO_REPLY);
	memio_client_send(c, piece, sizeof piece);
	bed_sends(c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	             "5\r\nabcde\r\n0\r\nT: 1\r\n\r\n" HELLO);
	assert_int_equal(bed_count(c, "Hello World\n"), 3);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
}

static void a_large_unread_body_ends_the_connection(void **state)
{
	static char piece[100000];

	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
	bed_assert_has(c, "Connection: close\r\n");
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	memio_client_send(c, piece, sizeof piece);
	bed_settle();
	/* It is read meanwhile, or the reply could be lost to a reset. */
	assert_int_equal(memio_client_unread(c), 0);
	bed_finishes(c);
}

static void an_endless_unread_body_ends_the_connection(void **state)
{
	static char chunk[20000];

	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c =
		bed_sent("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	assert_string_equal(bed_received(c), HELLO_REPLY);
	for (int i = 0; i < 4; i++) {
		bed_sends(c, "4e20\r\n");
		memio_client_send(c, chunk, sizeof chunk);
		bed_sends(c, "\r\n");
	}
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	for (int i = 0; i < 14; i++) {
		memio_client_send(c, chunk, sizeof chunk);
		bed_settle();
	}
	/* 256 KiB, and no more. */
	assert_int_equal(memio_client_closed(c), MEMIO_RESET);
	assert_int_equal(weir_server_connections(bed.server), 0);
}

static void how_much_is_dropped_does_not_depend_on_its_pieces(void **state)
{
	static char content[65524];

	(void)state;
	bed_serve(bed_hello, NULL);
	/* With its chunk lines 64 KiB, or one octet more; whole, or with its end by itself. */
	for (int over = 0; over < 2; over++) {
		for (int cut = 0; cut < 2; cut++) {
			memio_client *c = bed_client();

			bed_sends(
				c,
				"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
			memio_client_send_text(c, over ? "fff4\r\n" : "fff3\r\n");
			memio_client_send(c, content, over ? 65524 : 65523);
			if (cut)
				bed_settle();
			bed_sends(c, "\r\n0\r\n\r\n" HELLO);
			assert_int_equal(bed_count(c, "Hello World\n"), over ? 1 : 2);
			assert_int_equal(memio_client_closed(c),
			                 over ? MEMIO_FINISHED : MEMIO_OPEN);
		}
	}
}

static void a_refused_body_is_answered(void **state)
{
	(void)state;
	bed_serve(keep_and_read, NULL);
	memio_client *c =
		bed_sent("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	                 "3\r\nabc\r\nx\r\n");
	assert_int_equal(app.body_len, 3);
	bed_assert_status(c, 400);
	assert_int_equal(bed.gones, 1);
	assert_int_equal(bed.why, -EBADMSG);
	assert_int_equal(weir_reply(bed.req, 200, NULL, NULL, 0), WEIR_ECLOSED);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

static void a_refused_body_ends_a_reply_that_has_begun(void **state)
{
	(void)state;
	bed_serve(echo, NULL);
	memio_client *c =
		bed_sent("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	                 "3\r\nabc\r\nx\r\n");
	assert_int_equal(bed_count(c, "HTTP/1.1"), 1);
	/* What was echoed, and no end of it. */
	bed_assert_has(c, "\r\n\r\n3\r\nabc\r\n");
	bed_assert_lacks(c, "0\r\n\r\n");
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

static void bodies_have_a_limit(void **state)
{
	const weir_server_opts opts = {.max_body = 10};

	(void)state;
	bed_serve(keep_and_read, &opts);
	memio_client *c = bed_client();
	bed_sends(
		c,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n");
	bed_assert_status(c, 413);
	assert_int_equal(bed.requests, 0);

	c = bed_sent("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
	             "chunked\r\n\r\n6\r\nabcdef\r\n5\r\n");
	bed_assert_status(c, 413);
	assert_int_equal(bed.why, WEIR_ETOOBIG);
	weir_reply_end(bed.req);
}

static void a_body_must_keep_coming(void **state)
{
	(void)state;
	bed_serve(keep_and_read, NULL);
	memio_client *c = bed_sent("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
	/* 100 octets a second are enough … */
	for (int i = 0; i < 30; i++) {
		char octets[100] = "";

		bed_pass(995);
		memio_client_send(c, octets, sizeof octets);
	}
	bed_settle();
	assert_int_equal(bed.gones, 0);
	/* … 99 are not. */
	for (int i = 0; i < 21; i++) {
		char octets[99] = "";

		bed_pass(1000);
		memio_client_send(c, octets, sizeof octets);
	}
	bed_assert_status(c, 408);
	assert_int_equal(bed.gones, 1);
	assert_int_equal(bed.why, WEIR_ETIMEOUT);
	weir_reply_end(bed.req);
}

static void a_body_has_a_window_of_its_own(void **state)
{
	(void)state;
	bed_serve(keep_and_read, NULL);
	memio_client *c = bed_sent("POST / HTTP/1.1\r\nHost: a\r\n");
	bed_pass(9000);
	bed_sends(c, "Content-Length: 5\r\n\r\n");
	/* The head's time is over, the body's is not. */
	bed_pass(9900);
	assert_string_equal(bed_received(c), "");
	bed_pass(200);
	bed_assert_status(c, 408);
	weir_reply_end(bed.req);
}

static void without_a_rate_one_octet_a_window_is_enough(void **state)
{
	const weir_server_opts opts = {.body_rate = WEIR_OFF};

	(void)state;
	bed_serve(keep_and_read, &opts);
	memio_client *c = bed_sent("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
	for (int i = 0; i < 10; i++) {
		bed_pass(9500);
		bed_sends(c, "x");
	}
	assert_int_equal(bed.gones, 0);
	bed_pass(20100);
	bed_assert_status(c, 408);
	weir_reply_end(bed.req);
}

static void a_dropped_body_must_keep_coming_too(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n");
	assert_string_equal(bed_received(c), HELLO_REPLY);
	for (int i = 0; i < 10; i++) {
		bed_pass(900);
		bed_sends(c, "x");
	}
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_pass(1100);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	assert_string_equal(bed_received(c), HELLO_REPLY);
}

static void a_fault_in_a_dropped_body_ends_the_connection(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c =
		bed_sent("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n");
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_sends(c, "xy" HELLO);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	assert_string_equal(bed_received(c), HELLO_REPLY);
}

/* ---- octets as they are cut --------------------------------------------- */

static void collected(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply_field(req, "X-Path", weir_req_path(req).len == 2 ? "two" : "one");
	weir_reply(req, 200, NULL, app.body, app.body_len);
	app.body_len = 0;
}

/* Replies with the body when it is complete. */
static void collect(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {.data = on_data, .end = collected};

	weir_req_on(req, &ops, arg);
}

static void how_octets_are_cut_does_not_matter(void **state)
{
	static const char text[] =
		"\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n"
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world"
		"POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		"3\r\nabc\r\n4;x=\"y\"\r\ndefg\r\n01\r\nh\r\n0\r\nA: b\r\nTrailer-Field: "
		"value\r\n\r\n"
		"BREW / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz"
		"HEAD / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n\r\n"
		"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	const size_t len = sizeof text - 1;
	char whole[4096];

	(void)state;
	bed_serve(collect, NULL);
	memio_client *c = bed_sent(text);
	snprintf(whole, sizeof whole, "%s", bed_received(c));
	assert_int_equal(bed_count(c, "HTTP/1.1 "), 6);
	assert_non_null(strstr(whole, "X-Path: two\r\n\r\nabcdefghHTTP/1.1 501"));
	assert_non_null(strstr(whole, "400 Bad Request"));
	for (size_t cut = 1; cut < len; cut++) {
		c = bed_client();
		memio_client_send(c, text, cut);
		bed_settle();
		memio_client_send(c, text + cut, len - cut);
		bed_settle();
		assert_string_equal(bed_received(c), whole);
		memio_client_close(c);
		bed_settle();
	}
	memio_short_reads(1);
	c = bed_client();
	memio_client_send(c, text, len);
	for (size_t i = 0; i < len; i++)
		bed_settle();
	assert_string_equal(bed_received(c), whole);
}

/* ---- 100 Continue ------------------------------------------------------- */

#define EXPECTING "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

/* test-http-expect-continue of Node 0.6: 100 first, then the body comes, later the reply. */
static void continue_is_said_when_the_body_is_wanted(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(EXPECTING);
	assert_string_equal(bed_received(c), "");
	weir_req_on(bed.req, &watch, &bed);
	assert_string_equal(bed_received(c), CONTINUE);
	bed_sends(c, "abc");
	assert_int_equal(bed.ends, 1);
	assert_string_equal(app.body, "abc");
	bed_pass(100);
	weir_reply(bed.req, 200, "text/plain", "Hello World\n", 12);
	assert_string_equal(bed_received(c), CONTINUE HELLO_REPLY);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
}

/* Neither of them depends on how the head was cut. */
static void continue_is_said_however_the_head_came(void **state)
{
	(void)state;
	bed_serve(keep_and_read, NULL);
	for (size_t at = 1; at < sizeof EXPECTING - 1; at++) {
		memio_client *c = bed_client();
		memio_client_send(c, EXPECTING, at);
		bed_settle();
		bed_sends(c, &EXPECTING[at]);
		assert_string_equal(bed_received(c), CONTINUE);
		bed_sends(c, "abc");
		weir_reply(bed.req, 200, "text/plain", "Hello World\n", 12);
		assert_string_equal(bed_received(c), CONTINUE HELLO_REPLY);
	}
}

static void continue_is_not_said_to_a_client_that_did_not_wait(void **state)
{
	(void)state;
	bed_serve(keep_and_read, NULL);
	memio_client *c = bed_sent(EXPECTING "a");
	assert_string_equal(bed_received(c), "");
	bed_sends(c, "bc");
	assert_int_equal(bed.ends, 1);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_assert_lacks(c, "close");
}

static void a_reply_instead_of_continue_ends_the_connection(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_client();
	/* Whole or not: what was behind an incomplete head is none of the body. */
	bed_sends(c, "P");
	bed_sends(c, &EXPECTING[1]);
	bed_assert_lacks(c, "100");
	bed_assert_has(c, "Connection: close\r\n");
	/* The body may be on its way all the same: it is no request. */
	bed_sends(c, "abc" HELLO);
	assert_int_equal(bed.requests, 1);
}

static void the_application_may_refuse_to_continue(void **state)
{
	const weir_server_opts opts = {.expect = expect};

	(void)state;
	bed_serve(keep_and_read, &opts);
	memio_client *c = bed_sent(EXPECTING);
	assert_string_equal(bed_received(c), "");
	weir_reply(bed.req, 403, NULL, NULL, 0);
	bed_assert_has(c, "Connection: close\r\n");

	app.expects = true;
	c = bed_sent(EXPECTING);
	assert_string_equal(bed_received(c), CONTINUE);
	weir_reply_end(bed.req);
}

static void interim_replies(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	assert_int_equal(weir_reply_field(bed.req, "Link", "</a>"), 0);
	assert_int_equal(weir_reply_interim(bed.req, 103), 0);
	assert_int_equal(weir_reply_interim(bed.req, 101), WEIR_EINVALID);
	weir_reply(bed.req, 200, "text/plain", "Hello World\n", 12);
	assert_string_equal(bed_received(c),
	                    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" HELLO_REPLY);
	bed_settle();
	memio_client_forget(c);
	bed_sends(c, "GET / HTTP/1.0\r\n\r\n");
	assert_int_equal(weir_reply_interim(bed.req, 103), 0);
	assert_string_equal(bed_received(c), "");
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

static void interim_replies_leave_room_for_the_last(void **state)
{
	const weir_server_opts opts = {.max_queue = 1000};
	int64_t queued = 0;

	(void)state;
	bed_serve(bed_keep, &opts);
	memio_client *c = bed_client();
	memio_client_window(c, 0);
	bed_sends(c, HELLO);
	for (int i = 0; i < 10000 && queued >= 0; i++)
		queued = weir_reply_interim(bed.req, 102);
	assert_int_equal(queued, WEIR_EFULL);
	assert_true(weir_reply(bed.req, 200, NULL, NULL, 0) > 0);
	memio_client_window(c, SIZE_MAX);
	bed_settle();
	assert_int_equal(bed_count(c, "HTTP/1.1 200 OK"), 1);
}

/* ---- replies ------------------------------------------------------------ */

static void stream_three(weir_req *req, void *arg)
{
	(void)arg;
	assert_int_equal(weir_reply_field(req, "X-Kind", "stream"), 0);
	assert_true(weir_reply_begin(req, 200, WEIR_UNKNOWN) >= 0);
	assert_true(weir_reply_write(req, "one", 3) >= 0);
	assert_true(weir_reply_write(req, "", 0) >= 0);
	assert_true(weir_reply_write(req, "and twenty-two", 14) >= 0);
	assert_int_equal(weir_reply_end(req), 0);
}

static void a_reply_of_unknown_length_is_chunked(void **state)
{
	(void)state;
	bed_serve(stream_three, NULL);
	memio_client *c = bed_client();
	memio_client_send_text(c, HELLO);
	memio_count_again();
	bed_settle();
	assert_string_equal(bed_received(c), "HTTP/1.1 200 OK\r\n" BED_DATE
	                                     "Transfer-Encoding: chunked\r\nX-Kind: stream\r\n\r\n"
	                                     "3\r\none\r\ne\r\nand twenty-two\r\n0\r\n\r\n");
	assert_int_equal(memio_count(MEMIO_WRITE), 1);
	memio_client_forget(c);
	bed_sends(c, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_string_equal(bed_received(c),
	                    "HTTP/1.1 200 OK\r\n" BED_DATE
	                    "Transfer-Encoding: chunked\r\nX-Kind: stream\r\n\r\n");
	memio_client_forget(c);
	bed_sends(c, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_string_equal(bed_received(c), "HTTP/1.1 200 OK\r\n" BED_DATE
	                                     "Connection: close\r\nX-Kind: stream\r\n\r\n"
	                                     "oneand twenty-two");
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

static void the_announced_length_is_kept(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	assert_int_equal(weir_reply_begin(bed.req, 200, 5), 0);
	assert_int_equal(weir_reply(bed.req, 200, NULL, NULL, 0), WEIR_ESTATE);
	assert_int_equal(weir_reply_begin(bed.req, 200, 5), WEIR_ESTATE);
	assert_int_equal(weir_reply_field(bed.req, "A", "b"), WEIR_ESTATE);
	assert_int_equal(weir_reply_interim(bed.req, 102), WEIR_ESTATE);
	assert_int_equal(weir_reply_write(bed.req, "abc", 3), 0);
	assert_int_equal(weir_reply_write(bed.req, "def", 3), WEIR_EINVALID);
	assert_int_equal(weir_reply_write(bed.req, "de", 2), 0);
	assert_int_equal(weir_reply_end(bed.req), 0);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_settle();
	bed_sends(c, HELLO);
	assert_int_equal(weir_reply_begin(bed.req, 200, 5), 0);
	assert_int_equal(weir_reply_write(bed.req, "abc", 3), 0);
	assert_int_equal(weir_reply_end(bed.req), WEIR_ESHORT);
	bed_settle();
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

static void a_reply_that_was_not_begun_is_a_500(void **state)
{
	(void)state;
	bed_serve(end_reply, NULL);
	memio_client *c = bed_sent(HELLO);
	bed_assert_status(c, 500);
	bed_assert_has(c, "Connection: close\r\n");
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

static void fields_of_ones_own(void **state)
{
	static char value[17000];

	(void)state;
	memset(value, 'v', sizeof value - 1);
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	assert_int_equal(weir_reply_field(bed.req, "Content-length", "1"), WEIR_EINVALID);
	assert_int_equal(weir_reply_field(bed.req, "transfer-encoding", "x"), WEIR_EINVALID);
	assert_int_equal(weir_reply_field(bed.req, "CONNECTION", "close"), WEIR_EINVALID);
	assert_int_equal(weir_reply_field(bed.req, "Date", "now"), WEIR_EINVALID);
	assert_int_equal(weir_reply_field(bed.req, "A B", "x"), WEIR_EINVALID);
	assert_int_equal(weir_reply_field(bed.req, "", "x"), WEIR_EINVALID);
	assert_int_equal(weir_reply_field(bed.req, "A", "x\r\nB: y"), WEIR_EINVALID);
	assert_int_equal(weir_reply_field(bed.req, "A", value), WEIR_EFULL);
	value[16000] = '\0';
	assert_int_equal(weir_reply_field(bed.req, "Long", value), 0);
	assert_int_equal(weir_reply_field(bed.req, "Short", "\tt\xc3\xa4"), 0);
	assert_int_equal(weir_reply(bed.req, 200, "a\nb", NULL, 0), WEIR_EINVALID);
	assert_int_equal(weir_reply(bed.req, 199, NULL, NULL, 0), WEIR_EINVALID);
	assert_int_equal(weir_reply(bed.req, 600, NULL, NULL, 0), WEIR_EINVALID);
	value[200] = '\0';
	assert_int_equal(weir_reply(bed.req, 200, value, "x", 1), 0);
	bed_assert_has(c, "\r\nShort: \tt\xc3\xa4\r\nContent-Type: vvv");
	assert_int_equal(strlen(strstr(bed_received(c), "\r\n\r\n")), 5);
}

static void say_with_fields(weir_req *req, void *arg)
{
	weir_reply_field(req, "Cache-Control", "no-store");
	bed_hello(req, arg);
}

static void no_allocation_for_fields_on_a_warm_loop(void **state)
{
	(void)state;
	bed_serve(say_with_fields, NULL);
	memio_client *c = bed_sent(HELLO);
	bed.alloc.calls = 0;
	bed_sends(c, HELLO);
	assert_int_equal(bed.alloc.calls, 0);
	assert_int_equal(bed_count(c, "Cache-Control: no-store\r\n\r\nHello"), 2);
}

static void the_queue_has_a_limit(void **state)
{
	static char piece[60000];
	const weir_server_opts opts = {.low = 1000, .high = 50000, .max_queue = 100000};

	(void)state;
	bed_serve(bed_watch, &opts);
	memio_client *c = bed_client();
	memio_client_window(c, 0);
	bed_sends(c, HELLO);
	assert_int_equal(weir_reply(bed.req, 200, NULL, piece, 100001), WEIR_EFULL);
	assert_true(weir_reply_begin(bed.req, 200, WEIR_UNKNOWN) > 0);
	assert_true(weir_reply_write(bed.req, piece, sizeof piece) > 50000);
	const int64_t queued = weir_reply_queued(bed.req);
	assert_int_equal(weir_reply_write(bed.req, piece, sizeof piece), WEIR_EFULL);
	assert_int_equal(weir_reply_queued(bed.req), queued);
	assert_int_equal(bed.drains, 0);
	memio_client_window(c, SIZE_MAX);
	bed_settle();
	assert_int_equal(bed.drains, 1);
	assert_int_equal(weir_reply_end(bed.req), 0);
	/* The ends of a reply always fit. */
	bed_settle();
	const char *end = bed_received(c);
	size_t len = strlen(end);
	memio_client_received(c, &len);
	assert_memory_equal(end + len - 5, "0\r\n\r\n", 5);
}

static void a_client_must_take_its_reply(void **state)
{
	static char body[50000];

	(void)state;
	bed_serve(bed_watch, NULL);
	memio_client *c = bed_client();
	memio_client_window(c, 1000);
	bed_sends(c, HELLO);
	weir_reply_begin(bed.req, 200, sizeof body);
	weir_reply_write(bed.req, body, sizeof body);
	/* 100 octets a second are enough … */
	for (int i = 0; i < 30; i++) {
		bed_pass(990);
		memio_client_read(c, 100);
	}
	bed_settle();
	assert_int_equal(bed.gones, 0);
	/* … nothing is not. */
	bed_pass(21000);
	assert_int_equal(bed.gones, 1);
	assert_int_equal(bed.why, WEIR_ETIMEOUT);
	/* What the kernel still has of it is dropped at once. */
	assert_int_equal(memio_client_closed(c), MEMIO_RESET);
	assert_int_equal(weir_reply_end(bed.req), WEIR_ECLOSED);
	assert_int_equal(weir_server_connections(bed.server), 0);
}

static void a_stalled_client_of_a_finished_reply_is_cut_off(void **state)
{
	static char body[50000];

	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_client();
	memio_client_window(c, 1000);
	bed_sends(c, HELLO);
	weir_reply(bed.req, 200, NULL, body, sizeof body);
	bed_pass(9900);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_pass(300);
	assert_int_equal(memio_client_closed(c), MEMIO_RESET);
	assert_int_equal(weir_server_connections(bed.server), 0);
}

static void a_stalled_client_of_a_refused_body_is_cut_off(void **state)
{
	static char chunk[10000 + 1];

	(void)state;
	memset(chunk, 'x', 10000);
	bed_serve(echo, NULL);
	memio_client *c = bed_client();
	memio_client_window(c, 1000);
	bed_sends(c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2710\r\n");
	bed_sends(c, chunk);
	bed_sends(c, "no end of a chunk");
	bed_pass(9900);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_pass(300);
	assert_int_equal(memio_client_closed(c), MEMIO_RESET);
	assert_int_equal(weir_server_connections(bed.server), 0);
}

static void after_a_slow_reply_the_connection_is_idle(void **state)
{
	static char body[50000];

	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_client();
	memio_client_window(c, 1000);
	bed_sends(c, HELLO);
	weir_reply(bed.req, 200, NULL, body, sizeof body);
	bed_pass(5000);
	assert_non_null(bed.server->reqs);
	memio_client_window(c, SIZE_MAX);
	bed_settle();
	/* At once: the exchange is given back, and the idle limit runs. */
	assert_null(bed.server->reqs);
	bed_pass(74900);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_pass(200);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

static void a_pause_of_the_program_is_not_the_clients(void **state)
{
	static char body[50000];

	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_client();
	memio_client_window(c, 20000);
	bed_sends(c, HELLO);
	weir_reply(bed.req, 200, NULL, body, sizeof body);
	memio_client_read(c, 15000);
	memio_pass(35000);
	bed_settle();
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_pass(9900);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_pass(300);
	assert_int_equal(memio_client_closed(c), MEMIO_RESET);
}

static void write_many(weir_req *req, void *arg)
{
	static char piece[4096];

	(void)arg;
	assert_true(weir_reply_begin(req, 200, WEIR_UNKNOWN) >= 0);
	for (int i = 0; i < 100; i++)
		assert_in_range(weir_reply_write(req, piece, sizeof piece), 0, 64 << 10);
	weir_reply_end(req);
}

static void what_is_gathered_has_a_bound(void **state)
{
	const weir_server_opts opts = {.max_queue = 64 << 10};
	size_t len;

	(void)state;
	bed_serve(write_many, &opts);
	memio_client *c = bed_sent(HELLO);
	memio_client_received(c, &len);
	assert_true(len > 100 * 4096);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
}

static void a_long_type_is_sent_once(void **state)
{
	static char type[200], body[200];
	const weir_server_opts opts = {.low = 10, .high = 10, .max_queue = 100};

	(void)state;
	memset(type, 't', sizeof type - 1);
	bed_serve(bed_keep, &opts);
	memio_client *c = bed_sent(HELLO);
	assert_int_equal(weir_reply(bed.req, 200, type, body, sizeof body), WEIR_EFULL);
	assert_int_equal(weir_reply(bed.req, 200, type, body, 1), 0);
	assert_int_equal(bed_count(c, "Content-Type: "), 1);
	bed_settle();
	/* Without memory for it the request is ended all the same. */
	bed_sends(c, HELLO);
	weir_req *first = bed.req;
	bed_sends(bed_client(), HELLO);
	assert_int_equal(weir_reply_field(first, "A", "b"), 0);
	bed.alloc.calls = 0;
	bed.alloc.fail_at = 1;
	assert_int_equal(weir_reply(bed.req, 200, type, body, 1), WEIR_ECLOSED);
	bed.alloc.fail_at = 0;
	bed_settle();
	assert_int_equal(weir_server_connections(bed.server), 1);
	assert_int_equal(weir_reply(first, 200, NULL, NULL, 0), 0);
}

/* ---- echo --------------------------------------------------------------- */

static void an_echo_has_backpressure_both_ways(void **state)
{
	static char piece[1 << 20];

	(void)state;
	bed_serve(echo, NULL);
	memio_client *c = bed_client();
	memio_client_window(c, 1000);
	bed_sends(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n");
	memset(piece, 'e', sizeof piece);
	const size_t before = bed.alloc.live_octets;
	memio_client_send(c, piece, sizeof piece);
	bed_settle();
	assert_true(bed.alloc.live_octets - before < 200000);
	assert_true(memio_client_unread(c) > 800000);
	memio_client_window(c, SIZE_MAX);
	bed_settle();
	bed_pass(1000);
	size_t len;
	const char *got = memio_client_received(c, &len);
	assert_true(len > sizeof piece);
	assert_memory_equal(got + len - sizeof piece, piece, sizeof piece);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
}

/* ---- half-closed and gone ----------------------------------------------- */

static void a_half_closed_client_gets_all_its_answers(void **state)
{
	(void)state;
	bed_serve(answer_later, NULL);
	memio_client *c = bed_client();
	memio_client_send_text(c, HELLO HELLO HELLO "GET / HT");
	memio_client_finish(c);
	bed_settle();
	for (int i = 0; i < 3; i++)
		bed_pass(1100);
	assert_int_equal(bed_count(c, "late"), 3);
	assert_int_equal(bed_count(c, "HTTP/1.1"), 3);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

static void an_incomplete_request_at_the_end_is_not_answered(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_client();
	memio_client_send_text(c, HELLO "GET / HTTP/1.1\r\nHos");
	memio_client_finish(c);
	bed_settle();
	assert_string_equal(bed_received(c), HELLO_REPLY);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

static void the_end_of_the_peer_is_told(void **state)
{
	(void)state;
	bed_serve(bed_watch, NULL);
	memio_client *c = bed_sent(HELLO);
	memio_client_finish(c);
	bed_settle();
	assert_int_equal(bed.eofs, 1);
	assert_int_equal(bed.gones, 0);
	bed_pass(100000);
	weir_reply(bed.req, 200, "text/plain", "Hello World\n", 12);
	bed_settle();
	/* Nothing more can come: this is the last one. */
	bed_assert_has(c, "Connection: close\r\n");
	bed_assert_has(c, "Hello World\n");
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

static void answer_then_watch(weir_req *req, void *arg)
{
	if (bed.requests == 1)
		answer_later(req, arg);
	else if (bed.requests == 2)
		bed_watch(req, arg);
	else
		bed_keep(req, arg);
}

static void the_end_of_the_peer_is_told_to_every_request(void **state)
{
	(void)state;
	bed_serve(answer_then_watch, NULL);
	memio_client *c = bed_client();
	memio_client_send_text(c, HELLO HELLO HELLO);
	memio_client_finish(c);
	bed_pass(1100);
	assert_int_equal(bed.requests, 2);
	assert_int_equal(bed.eofs, 1);
	assert_int_equal(bed.ends, 1);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	assert_int_equal(bed.requests, 3);
	/* Also to one that asks late. */
	weir_req_on(bed.req, &watch, &bed);
	assert_int_equal(bed.eofs, 1);
	bed_settle();
	assert_int_equal(bed.eofs, 2);
	assert_int_equal(bed.ends, 2);
	weir_req_on(bed.req, &watch, &bed);
	bed_settle();
	assert_int_equal(bed.eofs, 2);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

static void a_body_that_ends_short_is_told(void **state)
{
	(void)state;
	bed_serve(keep_and_read, NULL);
	memio_client *c = bed_sent("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
	memio_client_finish(c);
	bed_settle();
	assert_int_equal(app.body_len, 3);
	assert_int_equal(bed.eofs, 1);
	assert_int_equal(bed.gones, 1);
	assert_int_equal(bed.why, WEIR_ESHORT);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	assert_string_equal(bed_received(c), "");
	assert_int_equal(weir_reply_end(bed.req), WEIR_ECLOSED);
}

static void a_short_body_that_is_asked_for_late(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_client();
	memio_client_send_text(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
	memio_client_finish(c);
	bed_settle();
	weir_req_on(bed.req, &watch, &bed);
	bed_settle();
	assert_int_equal(app.body_len, 3);
	assert_int_equal(bed.why, WEIR_ESHORT);
	weir_reply_end(bed.req);
	bed.gones = 0;

	c = bed_client();
	memio_client_send_text(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
	memio_client_finish(c);
	bed_settle();
	weir_req_on(bed.req, &watch, &bed);
	assert_int_equal(bed.gones, 0);
	bed_settle();
	assert_int_equal(bed.gones, 1);
	weir_reply_end(bed.req);
}

static void answer_then_read(weir_req *req, void *arg)
{
	if (bed.requests == 1)
		answer_later(req, arg);
	else
		keep_and_read(req, arg);
}

static void a_short_body_behind_an_asynchronous_reply(void **state)
{
	(void)state;
	bed_serve(answer_then_read, NULL);
	memio_client *c = bed_client();
	memio_client_send_text(c, HELLO "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
	memio_client_finish(c);
	bed_settle();
	bed_pass(1100);
	assert_int_equal(bed.requests, 2);
	assert_int_equal(bed.gones, 1);
	assert_int_equal(bed.why, WEIR_ESHORT);
	assert_int_equal(bed_count(c, "late"), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	weir_reply_end(bed.req);
}

static void a_reset_is_told_once(void **state)
{
	(void)state;
	bed_serve(bed_watch, NULL);
	memio_client *c = bed_sent(HELLO);
	memio_client_reset(c);
	bed_settle();
	assert_int_equal(bed.gones, 1);
	assert_int_equal(bed.why, -ECONNRESET);
	assert_int_equal(weir_server_connections(bed.server), 0);
	bed_pass(1000);
	assert_int_equal(bed.gones, 1);
	assert_int_equal(weir_reply_begin(bed.req, 200, 1), WEIR_ECLOSED);
	assert_int_equal(weir_reply_write(bed.req, "x", 1), WEIR_ECLOSED);
	assert_int_equal(weir_reply_queued(bed.req), 0);
	assert_int_equal(weir_reply_end(bed.req), WEIR_ECLOSED);
}

static void long_polls_are_small(void **state)
{
	static weir_req *reqs[100];

	(void)state;
	bed_serve(bed_keep, NULL);
	bed_sends(bed_client(), HELLO);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	const size_t before = bed.alloc.live_octets;
	for (int i = 0; i < 100; i++) {
		bed_sends(bed_client(), HELLO);
		reqs[i] = bed.req;
	}
	const size_t each = (bed.alloc.live_octets - before) / 100;
	assert_in_range(each, 0, 512 + sizeof HELLO);
	for (int i = 0; i < 100; i++)
		weir_reply(reqs[i], 200, NULL, NULL, 0);
	bed_settle();
}

/* ---- lingering ---------------------------------------------------------- */

static void a_refusal_lingers(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent("BAD\r\n\r\n");
	bed_assert_status(c, 400);
	bed_assert_has(c, "Connection: close\r\n");
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	bed_pass(1900);
	bed_sends(c, HELLO);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	bed_pass(200);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	assert_int_equal(bed.requests, 0);
	assert_int_equal(weir_server_connections(bed.server), 0);
}

static void lingering_begins_when_all_is_sent(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_client();
	memio_client_window(c, 10);
	bed_sends(c, "BAD\r\n\r\n");
	bed_pass(5100);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	memio_client_window(c, SIZE_MAX);
	bed_settle();
	bed_assert_status(c, 400);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	bed_pass(1900);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	bed_pass(200);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

static void methods_that_are_not_offered_are_answers(void **state)
{
	const weir_server_opts opts = {.methods = WEIR_METHOD_BIT(WEIR_GET) |
	                                          WEIR_METHOD_BIT(WEIR_HEAD)};

	(void)state;
	bed_serve(bed_hello, &opts);
	memio_client *c = bed_sent("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
	bed_assert_status(c, 405);
	bed_assert_has(c, "\r\nAllow: GET, HEAD\r\n\r\n");
	memio_client_forget(c);
	bed_sends(c, "BREW / HTTP/1.1\r\nHost: a\r\n\r\n");
	bed_assert_status(c, 501);
	bed_assert_lacks(c, "Allow");
	memio_client_forget(c);
	bed_sends(c, HELLO);
	assert_string_equal(bed_received(c), HELLO_REPLY);
	assert_int_equal(bed.requests, 1);
}

static void say_path(weir_req *req, void *arg)
{
	const weir_str path = weir_req_path(req);

	(void)arg;
	assert_null(weir_req_query(req).data);
	weir_reply(req, 200, NULL, path.data, path.len);
}

/* RFC 9110 9.3.7: the server as such is asked for, and no resource of it. */
static void options_of_the_server_are_asked_for_with_an_asterisk(void **state)
{
	(void)state;
	bed_serve(say_path, NULL);
	memio_client *c = bed_sent("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"
	                           "OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n"
	                           "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(bed_count(c, "HTTP/1.1 200 OK"), 3);
	assert_int_equal(bed_count(c, "\r\n\r\n*HTTP"), 1);
	assert_int_equal(bed_count(c, "\r\n\r\n/xHTTP"), 1);
	assert_int_equal(bed_count(c, "Content-Length: 1\r\n"), 2);
	/* Of the others, none has that form. */
	memio_client_forget(c);
	bed_sends(c, "GET * HTTP/1.1\r\nHost: a\r\n\r\n");
	bed_assert_status(c, 400);
	assert_int_equal(bed.requests, 3);
}

/* What is not handed over is answered, and the connection lives on. */
static void any_method_may_be_handed_over(void **state)
{
	static const struct {
		const char *text;
		int offered, status;
	} rows[] = {
		{"OPTIONS * HTTP/1.1\r\n", WEIR_OPTIONS, 405},
		{"TRACE / HTTP/1.1\r\n", WEIR_TRACE, 405},
		{"PATCH / HTTP/1.1\r\n", WEIR_PATCH, 405},
		{"BREW / HTTP/1.1\r\n", WEIR_METHOD_OTHER, 501},
		{"get / HTTP/1.1\r\n", WEIR_METHOD_OTHER, 501},
	};

	(void)state;
	for (int yes = 0; yes < 2; yes++)
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			const weir_server_opts opts = {
				.methods = WEIR_METHOD_BIT(WEIR_GET) |
			                   (yes ? WEIR_METHOD_BIT(rows[i].offered) : 0)};

			set_up(NULL);
			bed_serve(bed_hello, &opts);
			memio_client *c = bed_sent(rows[i].text);
			bed_sends(c, "Host: a\r\n\r\n");
			bed_assert_status(c, yes ? 200 : rows[i].status);
			assert_int_equal(bed_count(c, "Allow: GET\r\n"),
			                 !yes && rows[i].status == 405);
			bed_sends(c, HELLO);
			assert_int_equal(bed.requests, 1 + yes);
			bed_teardown(NULL);
		}
}

static void connections_may_serve_so_many_requests(void **state)
{
	const weir_server_opts opts = {.max_requests = 2};

	(void)state;
	bed_serve(bed_hello, &opts);
	memio_client *c = bed_sent(HELLO HELLO HELLO);
	assert_int_equal(bed.requests, 2);
	assert_int_equal(bed_count(c, "Connection: close"), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

static void connections_beyond_the_limit_wait(void **state)
{
	const weir_server_opts opts = {.max_conns = 2};

	(void)state;
	bed_serve(bed_hello, &opts);
	memio_client *a = bed_client(), *b = bed_client(), *c = memio_client_connect(NULL);
	bed_settle();
	assert_false(memio_client_accepted(c));
	bed_sends(c, HELLO);
	/* One that is idle makes room. */
	bed_sends(a, HELLO);
	bed_pass(200);
	assert_int_equal(memio_client_closed(a), MEMIO_CLOSED);
	assert_string_equal(bed_received(c), HELLO_REPLY);
	assert_int_equal(memio_client_closed(b), MEMIO_OPEN);
	assert_int_equal(weir_server_connections(bed.server), 2);
}

/* ---- ending servers ----------------------------------------------------- */

static void draining_may_close_the_idle_at_once(void **state)
{
	const weir_server_opts opts = {.drain_idle_ms = WEIR_OFF};

	(void)state;
	bed_serve(bed_watch, &opts);
	memio_client *idle = bed_client(), *silent = bed_client(), *busy = bed_client();
	bed_sends(idle, HELLO);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_sends(busy, HELLO);
	weir_server_drain(bed.server, 1000);
	bed_settle();
	assert_int_equal(memio_client_closed(idle), MEMIO_CLOSED);
	assert_int_equal(memio_client_closed(silent), MEMIO_CLOSED);
	assert_null(memio_client_connect(NULL));
	assert_int_equal(weir_reply(bed.req, 200, NULL, NULL, 0), 0);
	bed_assert_has(busy, "Connection: close\r\n");
	bed_finishes(busy);
	/* Nothing holds the loop any more. */
	assert_int_equal(weir_loop_run(bed.loop), 0);
	assert_int_equal(bed.gones, 0);
}

static void what_is_not_done_in_the_grace_is_cut_off(void **state)
{
	(void)state;
	bed_serve(bed_watch, NULL);
	memio_client *c = bed_sent(HELLO);
	bed_pass(100);
	weir_server_drain(bed.server, WEIR_OFF);
	weir_server_drain(bed.server, INT64_MAX);
	weir_server_drain(bed.server, 1000);
	weir_server_drain(bed.server, 5000);
	bed_pass(1100);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	assert_int_equal(bed.gones, 1);
	assert_int_equal(bed.why, WEIR_ECLOSED);
	assert_int_equal(weir_reply(bed.req, 200, NULL, NULL, 0), WEIR_ECLOSED);
	assert_int_equal(weir_loop_run(bed.loop), 0);
}

/* The head that waits in the queue leaves no room for it, and then leaves. */
static void write_at_most(weir_req *req, void *arg)
{
	static char piece[1000];

	bed_watch(req, arg);
	assert_int_equal(weir_reply_begin(req, 200, sizeof piece) < 0, 0);
	assert_int_equal(weir_reply_write(req, piece, sizeof piece), WEIR_EFULL);
}

static void a_refused_write_may_be_tried_again_when_the_queue_has_fallen(void **state)
{
	static const char piece[1000];
	const weir_server_opts opts = {.max_queue = sizeof piece};

	(void)state;
	bed_serve(write_at_most, &opts);
	memio_client *c = bed_sent(HELLO);
	assert_int_equal(bed.drains, 1);
	assert_true(weir_reply_write(bed.req, piece, sizeof piece) >= 0);
	weir_reply_end(bed.req);
	bed_settle();
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
}

static void a_drained_loop_drains_its_servers(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	bed_sends(bed_client(), HELLO);
	weir_loop_drain(bed.loop);
	assert_int_equal(weir_loop_run(bed.loop), 0);
	assert_int_equal(weir_server_connections(bed.server), 0);
}

static void requests_in_hand_survive_their_server(void **state)
{
	(void)state;
	bed_serve(bed_watch, NULL);
	bed_sends(bed_client(), "GET /path HTTP/1.1\r\nHost: a\r\n\r\n");
	weir_server_free(bed.server);
	assert_int_equal(bed.gones, 0);
	bed_settle();
	assert_int_equal(bed.gones, 1);
	assert_int_equal(bed.why, WEIR_ECLOSED);
	assert_memory_equal(weir_req_path(bed.req).data, "/path", 5);
	assert_null(weir_req_server(bed.req));
	assert_int_equal(weir_reply(bed.req, 200, NULL, NULL, 0), WEIR_ECLOSED);
	assert_int_equal(weir_loop_run(bed.loop), 0);
}

/* A request that is still in hand when the loop goes is freed with it. */
static void requests_in_hand_end_with_their_loop(void **state)
{
	(void)state;
	bed_serve(bed_watch, NULL);
	bed_sends(bed_client(), HELLO);
	bed_sends(bed_client(), HELLO);
	weir_server_free(bed.server);
}

/* ---- closing in every callback ------------------------------------------ */

static int close_in; /* the letter of the callback in which the server is freed */
static bool end_too, end_first;

static void maybe_close(int letter, weir_req *req)
{
	if (letter != close_in)
		return;
	close_in = 0;
	if (end_too && end_first)
		weir_reply(req, 200, NULL, "x", 1);
	weir_server_free(bed.server);
	if (end_too && !end_first)
		weir_reply_end(req);
	else if (!end_too)
		bed.req = req;
}

static size_t closing_data(weir_req *req, const char *data, size_t len, void *arg)
{
	(void)data;
	(void)arg;
	maybe_close('d', req);
	return len / 2;
}

static void closing_end(weir_req *req, void *arg)
{
	(void)arg;
	maybe_close('e', req);
}

static void closing_drain(weir_req *req, void *arg)
{
	(void)arg;
	maybe_close('r', req);
}

static void closing_eof(weir_req *req, void *arg)
{
	(void)arg;
	maybe_close('f', req);
}

static void closing_gone(weir_req *req, int why, void *arg)
{
	(void)arg;
	if (why == -ECONNRESET)
		maybe_close('g', req);
}

static bool closing_expect(weir_req *req, void *arg)
{
	(void)arg;
	maybe_close('x', req);
	return true;
}

static void closing_handler(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {closing_data, closing_end, closing_drain, closing_eof,
	                                 closing_gone};
	static char piece[70000];

	(void)arg;
	weir_req_on(req, &ops, NULL);
	if (close_in == 'r') {
		weir_reply_begin(req, 200, WEIR_UNKNOWN);
		weir_reply_write(req, piece, sizeof piece);
	}
	bed.req = NULL;
	maybe_close('h', req);
}

static void a_server_may_be_freed_in_any_callback(void **state)
{
	static const char letters[] = "hdefrgx";
	const weir_server_opts opts = {.expect = closing_expect};

	(void)state;
	for (int i = 0; i < 3 * (int)(sizeof letters - 1); i++) {
		set_up(NULL);
		close_in = letters[i / 3];
		end_too = i % 3 > 0;
		end_first = i % 3 > 1 && close_in != 'r';
		const char letter = (char)close_in;
		bed_serve(closing_handler, &opts);
		memio_client *c = bed_client();
		memio_client_window(c, 1000);
		if (letter == 'x')
			bed_sends(c, EXPECTING);
		else
			bed_sends(c,
			          "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
			          "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n" HELLO);
		memio_client_window(c, SIZE_MAX);
		bed_settle();
		if (letter == 'g')
			memio_client_reset(c);
		else
			memio_client_finish(c);
		bed_settle();
		assert_int_equal(close_in, 0);
		assert_int_equal(memio_open_fds() > 0, true); /* the loop's own */
		if (!end_too) {
			assert_non_null(bed.req);
			assert_int_equal(weir_reply_end(bed.req), WEIR_ECLOSED);
		}
		bed_teardown(NULL);
	}
}

/* ---- memory that runs out ----------------------------------------------- */

struct run {
	const char *name;
	weir_handler *handler;
	const char *text;
	int times;
};

static char big_body[30000];

static void play(void *arg)
{
	const struct run *run = arg;

	memset(&app, 0, sizeof app);
	app.most = SIZE_MAX;
	if (bed_try_serve(run->handler, NULL) < 0)
		return;
	memio_client *c = memio_client_connect(NULL);
	if (!c)
		return;
	memio_client_window(c, 300);
	for (int i = 0; i < run->times && weir_loop_step(bed.loop, 0) >= 0; i++) {
		size_t len = strlen(run->text), half = len / 2;

		memio_client_send(c, run->text, half);
		weir_loop_step(bed.loop, 0);
		memio_client_send(c, run->text + half, len - half);
		weir_loop_step(bed.loop, 0);
	}
	for (int i = 0; i < 40 && weir_loop_step(bed.loop, 100) >= 0; i++)
		memio_client_window(c, i < 20 ? 300 : SIZE_MAX);
	memio_client_finish(c);
	for (int i = 0; i < 10 && weir_loop_step(bed.loop, 1000) >= 0; i++)
		continue;
}

static const weir_req_ops nothing;

static void late_reply(weir_req *req, void *arg)
{
	weir_timer_stop(&app.timer);
	weir_req_on(req, &nothing, arg);
	weir_reply_field(req, "X", "y");
	answer_later(req, arg);
}

static void big_reply(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply_field(req, "X", "y");
	weir_reply(req, 200, "text/plain", big_body, sizeof big_body);
}

static void every_allocation_may_fail(void **state)
{
	static struct run runs[] = {
		{"hello", bed_hello, HELLO, 3},
		{"a big reply", big_reply, HELLO, 1},
		{"16 pipelined", bed_hello,
	         HELLO HELLO HELLO HELLO HELLO HELLO HELLO HELLO HELLO HELLO HELLO HELLO HELLO HELLO
	                 HELLO HELLO,
	         2},
		{"echo by length", echo,
	         "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789", 3},
		{"echo in chunks", echo,
	         "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	         "5\r\nabcde\r\n3\r\nfgh\r\n0\r\nT: u\r\nV: w\r\n\r\n",
	         3},
		{"a refusal", bed_hello, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 1},
		{"a method", bed_hello, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 1},
		{"later", late_reply, HELLO HELLO, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
		bed_every_allocation_fails(play, &runs[i]);
}

enum { CROWD = 6 };

/* More clients than descriptors; each keeps its connection. How many were answered. */
static void play_crowd(void *arg)
{
	memio_client *clients[CROWD];
	int *answered = arg;

	*answered = 0;
	if (bed_try_serve(bed_hello, NULL) < 0)
		return;
	/* Numbers begin at 3: there is room for two. */
	memio_fd_limit(3 + memio_open_fds() + 2);
	for (int i = 0; i < CROWD; i++) {
		clients[i] = memio_client_connect(NULL);
		assert_non_null(clients[i]);
		memio_client_send_text(clients[i], HELLO);
	}
	for (int i = 0; i < 40 && weir_loop_step(bed.loop, 100) >= 0; i++)
		continue;
	for (int i = 0; i < CROWD; i++) {
		*answered += bed_count(clients[i], "Hello World") > 0;
		memio_client_close(clients[i]);
	}
	for (int i = 0; i < 10 && weir_loop_step(bed.loop, 1000) >= 0; i++)
		continue;
}

static void every_allocation_may_fail_out_of_descriptors(void **state)
{
	int answered;

	(void)state;
	bed_every_allocation_fails(play_crowd, &answered);
	assert_int_equal(answered, CROWD);
}

/* ---- options ------------------------------------------------------------ */

static void options_are_checked(void **state)
{
	static const weir_server_opts bad[] = {
		{.request = NULL},
		{.request = bed_hello, .max_head = -1},
		{.request = bed_hello, .max_fields = 70000},
		{.request = bed_hello, .max_target = -5},
		{.request = bed_hello, .max_body = -2},
		{.request = bed_hello, .max_conns = -2},
		{.request = bed_hello, .head_ms = -1},
		{.request = bed_hello, .body_rate = -2},
		{.request = bed_hello, .low = 10, .high = 5},
		{.request = bed_hello, .high = 10, .max_queue = 5},
		{.request = bed_hello, .methods = 1u << 20},
		{.request = bed_hello, .max_per_peer = -2},
		{.request = bed_hello, .max_pipelined = -2},
		{.request = bed_hello, .max_requests = 65535},
		{.request = bed_hello, .drain_idle_ms = -2},
		{.request = bed_hello, .defer_ms = -2},
	};
	static const weir_server_opts good = {.request = bed_hello,
	                                      .max_body = WEIR_OFF,
	                                      .max_conns = WEIR_OFF,
	                                      .max_requests = WEIR_OFF,
	                                      .max_per_peer = WEIR_OFF,
	                                      .max_pipelined = WEIR_OFF,
	                                      .drain_idle_ms = WEIR_OFF,
	                                      .defer_ms = WEIR_OFF,
	                                      .body_rate = WEIR_OFF,
	                                      .write_rate = WEIR_OFF,
	                                      .max_queue = 1000};

	(void)state;
	bed_serve(bed_hello, NULL);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		weir_server *s = bed.server;

		assert_int_equal(weir_server_new(&s, bed.loop, &bad[i]), WEIR_EINVALID);
		assert_null(s);
	}
	weir_server *s;
	assert_int_equal(weir_server_new(&s, bed.loop, &good), 0);
	weir_server_free(s);
	weir_server_free(NULL);
	assert_int_equal(weir_http_listen(bed.loop, "nonsense", bed_hello, NULL), WEIR_EADDRESS);
	assert_int_equal(weir_http_listen(bed.loop, "127.0.0.1:80", bed_hello, NULL), -EADDRINUSE);
}

/* ---- what seeded faults have shown to be untested -------------------------- */

#define POST(length) "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " length "\r\n\r\n"
#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

static void send_octets(memio_client *c, size_t n)
{
	static const char octets[1000];

	for (; n > 0; n -= n < sizeof octets ? n : sizeof octets)
		memio_client_send(c, octets, n < sizeof octets ? n : sizeof octets);
	bed_settle();
}

static void hold_and_say_hello(weir_req *req, void *arg)
{
	weir_req_hold(req, true);
	bed_hello(req, arg);
}

static void a_hold_ends_with_its_request(void **state)
{
	(void)state;
	bed_serve(hold_and_say_hello, NULL);
	memio_client *c = bed_sent(HELLO);
	bed_sends(c, POST("3"));
	bed_sends(c, "abc");
	bed_sends(c, HELLO);
	assert_int_equal(bed_count(c, "Hello World"), 3);
}

/* As much is dropped for a further request, and not one octet more. */
static void how_long_an_unread_body_may_be(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent(POST("65536"));
	bed_assert_lacks(c, "Connection: close");
	send_octets(c, 65536);
	bed_sends(c, HELLO);
	assert_int_equal(bed_count(c, "Hello World"), 2);
	c = bed_client();
	bed_sends(c, POST("65537"));
	assert_int_equal(bed_count(c, "Connection: close"), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

/* What was offered and not taken is still to be dropped. */
static void what_was_not_taken_counts_as_unread(void **state)
{
	(void)state;
	bed_serve(keep_and_read, NULL);
	app.most = 0;
	memio_client *c = bed_sent(POST("70000"));
	send_octets(c, 10000);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	assert_int_equal(bed_count(c, "Connection: close"), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

static size_t hold_when_all_is_here(weir_req *req, const char *data, size_t len, void *arg)
{
	(void)data;
	(void)arg;
	if ((int64_t)len == weir_req_length(req))
		weir_req_hold(req, true);
	return 0;
}

static void take_none_and_hold(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {.data = hold_when_all_is_here};

	bed.req = req;
	weir_req_on(req, &ops, arg);
}

static void what_was_not_taken_is_no_next_request(void **state)
{
	(void)state;
	bed_serve(take_none_and_hold, NULL);
	memio_client *c = bed_sent(
		POST("32") "GET /a HTTP/1.1\r\nHost: a\r\n\r\nxxxxGET /b HTTP/1.1\r\nHost: "
			   "a\r\n\r\n");
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	assert_int_equal(bed.requests, 2);
	weir_str target = weir_req_target(bed.req);
	assert_int_equal(target.len, 2);
	assert_memory_equal(target.data, "/b", 2);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	assert_int_equal(bed_count(c, "HTTP/1.1 200"), 2);
}

/* The size of a chunk says no more than what is not here yet. */
static void a_chunked_body_may_be_dropped_whatever_its_first_size(void **state)
{
	(void)state;
	bed_serve(keep_and_read, NULL);
	memio_client *c = bed_sent(CHUNKED "20000\r\nabc");
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	bed_assert_lacks(c, "Connection: close");
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
}

static void a_dropped_body_that_keeps_coming_is_awaited(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent(POST("10000"));
	for (int i = 0; i < 5; i++) {
		send_octets(c, 2000);
		bed_pass(8000);
	}
	bed_sends(c, HELLO);
	assert_int_equal(bed_count(c, "Hello World"), 2);
}

static void begin_of_unread(weir_req *req, void *arg)
{
	bed_keep(req, arg);
	weir_reply_begin(req, 200, 0);
}

/* Nothing is awaited of a body that will not come. */
static void a_client_that_has_ended_sends_no_body_to_drop(void **state)
{
	(void)state;
	bed_serve(begin_of_unread, NULL);
	memio_client *c = bed_sent(POST("10"));
	memio_client_finish(c);
	bed_settle();
	weir_reply_end(bed.req);
	bed_settle();
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

static void keep_then_say_hello(weir_req *req, void *arg)
{
	if (bed.requests == 1)
		bed_keep(req, arg);
	else
		bed_hello(req, arg);
}

static void also_when_a_part_of_it_is_here(void **state)
{
	(void)state;
	bed_serve(keep_then_say_hello, NULL);
	memio_client *c = bed_client();
	memio_client_send_text(c, HELLO POST("10") "abc");
	memio_client_finish(c);
	bed_settle();
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	assert_int_equal(bed.requests, 2);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

static void begin_and_read(weir_req *req, void *arg)
{
	keep_and_read(req, arg);
	weir_reply_begin(req, 200, 0);
}

/* The reply did not announce it: its body might still have been read. */
static void a_long_body_is_not_dropped_behind_a_reply_that_had_begun(void **state)
{
	(void)state;
	bed_serve(begin_and_read, NULL);
	memio_client *c = bed_sent(POST("1000000") "abc");
	bed_assert_lacks(c, "Connection: close");
	weir_reply_end(bed.req);
	bed_settle();
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

static bool say_no(weir_req *req, void *arg)
{
	(void)arg;
	app.offers++;
	weir_reply(req, 417, NULL, NULL, 0);
	return true;
}

/* Only who waits is asked about; what is answered there is not handed over. */
static void the_expectation_may_be_answered(void **state)
{
	(void)state;
	bed_serve(bed_hello, &(weir_server_opts){.expect = say_no});
	memio_client *c = bed_sent(HELLO);
	assert_int_equal(app.offers, 0);
	assert_int_equal(bed.requests, 1);
	memio_client_forget(c);
	bed_sends(c, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
	             "Content-Length: 3\r\n\r\n");
	bed_assert_status(c, 417);
	assert_int_equal(app.offers, 1);
	assert_int_equal(bed.requests, 1);
}

static void what_is_left_is_offered_again_on_resume(void **state)
{
	(void)state;
	bed_serve(keep_and_read, NULL);
	app.most = 0;
	bed_sent(POST("10") "abc");
	assert_int_equal(app.offers, 1);
	weir_req_hold(bed.req, true);
	bed_settle();
	weir_req_hold(bed.req, false);
	bed_settle();
	assert_int_equal(app.offers, 2);
	weir_req_on(bed.req, &watch, &bed);
	bed_settle();
	assert_int_equal(app.offers, 3);
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

static void what_is_left_is_offered_again_at_the_end(void **state)
{
	(void)state;
	bed_serve(keep_and_read, NULL);
	app.most = 0;
	memio_client *c = bed_sent(POST("10") "abc");
	assert_int_equal(app.offers, 1);
	memio_client_finish(c);
	bed_settle();
	assert_int_equal(app.offers, 2);
	assert_int_equal(bed.gones, 1);
	assert_int_equal(bed.why, WEIR_ESHORT);
	weir_reply_end(bed.req);
}

/* Nor behind others that came with it. */
static void what_is_left_is_not_offered_again_by_itself(void **state)
{
	(void)state;
	bed_serve(answer_then_read, NULL);
	app.most = 0;
	bed_sent(HELLO POST("10") "abc");
	bed_pass(1100);
	assert_int_equal(bed.requests, 2);
	assert_int_equal(app.offers, 1);
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

/* It is asked for late, and some of it is left. */
static void a_short_body_is_told_although_some_is_left(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	app.most = 1;
	memio_client *c = bed_client();
	memio_client_send_text(c, POST("10") "abc");
	memio_client_finish(c);
	bed_settle();
	weir_req_on(bed.req, &watch, &bed);
	bed_settle();
	assert_int_equal(bed.gones, 1);
	assert_int_equal(bed.why, WEIR_ESHORT);
	weir_reply_end(bed.req);
}

static size_t take_too_much(weir_req *req, const char *data, size_t len, void *arg)
{
	on_data(req, data, len, arg);
	return SIZE_MAX;
}

static void more_than_was_offered_is_all_of_it(void **state)
{
	static const weir_req_ops ops = {.data = take_too_much, .end = end_reply};

	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(POST("6") "abc");
	weir_reply_begin(bed.req, 200, 0);
	weir_req_on(bed.req, &ops, &bed);
	bed_settle();
	bed_sends(c, "def" HELLO);
	assert_int_equal(app.body_len, 6);
	assert_memory_equal(app.body, "abcdef", 6);
	assert_int_equal(bed.requests, 2);
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

static char told[16];

static size_t tell_data(weir_req *req, const char *data, size_t len, void *arg)
{
	strcat(told, "d");
	return on_data(req, data, len, arg);
}

static void tell_end(weir_req *req, void *arg)
{
	strcat(told, "e");
	bed_on_end(req, arg);
}

static void tell_eof(weir_req *req, void *arg)
{
	strcat(told, "f");
	bed_on_eof(req, arg);
}

static void answer_then_tell(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {.data = tell_data, .end = tell_end, .eof = tell_eof};

	answer_then_read(req, arg);
	if (bed.requests == 2)
		weir_req_on(req, &ops, arg);
}

/* The end had come before the request was looked at. */
static void the_end_of_the_peer_is_told_behind_the_content_that_is_here(void **state)
{
	(void)state;
	told[0] = '\0';
	bed_serve(answer_then_tell, NULL);
	memio_client *c = bed_client();
	memio_client_send_text(c, HELLO POST("3") "abc");
	memio_client_finish(c);
	bed_pass(1100);
	assert_string_equal(told, "def");
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

static void an_unread_body_is_not_read_ahead(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(POST("200000"));
	send_octets(c, 200000);
	assert_true(memio_client_unread(c) > 150000);
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

static void so_many_octets_are_lingered_for(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent("GET / HTTP/1.0\r\n\r\n");
	send_octets(c, 256 * 1024);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	send_octets(c, 1);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

/* Requests are counted in 16 bits. */
static void after_very_many_requests_nothing_begins_anew(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_client();
	for (int i = 0; i < 4096; i++) {
		bed_sends(c, HELLO HELLO HELLO HELLO HELLO HELLO HELLO HELLO HELLO HELLO HELLO HELLO
		                     HELLO HELLO HELLO HELLO);
		memio_client_forget(c);
	}
	assert_int_equal(bed.requests, 65536);
	bed_pass(5000);
	bed_sends(c, "G");
	bed_pass(9900);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_pass(300);
	bed_assert_status(c, 408);
}

/* It was told to be the last one where the same body had not come yet, too. */
static void what_was_not_taken_counts_although_all_is_here(void **state)
{
	(void)state;
	bed_serve(take_none_and_hold, NULL);
	memio_client *c = bed_sent(POST("70000"));
	send_octets(c, 70000);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	assert_int_equal(bed_count(c, "Connection: close"), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

/* It came, and then the end, while the reply before it was awaited. */
static void a_reply_is_not_the_last_before_a_request_that_is_here(void **state)
{
	(void)state;
	bed_serve(keep_then_say_hello, NULL);
	memio_client *c = bed_sent(HELLO);
	bed_sends(c, HELLO);
	memio_client_finish(c);
	bed_settle();
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	assert_int_equal(bed.requests, 2);
	assert_int_equal(bed_count(c, "HTTP/1.1 200"), 2);
	assert_int_equal(bed_count(c, "Connection: close"), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

static void a_client_may_end_while_its_body_is_dropped(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent(POST("10") "abc");
	assert_int_equal(bed_count(c, "Hello World"), 1);
	bed_finishes(c);
}

static void hello_then_keep(weir_req *req, void *arg)
{
	if (bed.requests == 1)
		bed_hello(req, arg);
	else
		bed_watch(req, arg);
}

/* Only who is idle makes room. */
static void a_connection_with_a_request_does_not_give_way(void **state)
{
	(void)state;
	bed_serve(hello_then_keep, &(weir_server_opts){.max_conns = 1});
	memio_client *first = bed_client(), *second;
	bed_sends(first, HELLO);
	bed_sends(first, HELLO);
	second = bed_client();
	bed_pass(500);
	assert_int_equal(bed.requests, 2);
	assert_int_equal(bed.gones, 0);
	assert_false(memio_client_accepted(second));
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_pass(500);
	assert_int_equal(memio_client_closed(first), MEMIO_CLOSED);
	assert_true(memio_client_accepted(second));
}

/* The octets it was read from go, and there is no room for others. */
static void a_head_that_cannot_be_kept_ends_the_connection(void **state)
{
	(void)state;
	bed_serve(hello_then_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	bed.alloc.calls = 0;
	bed.alloc.fail_at = 1;
	bed_sends(c, HELLO);
	assert_int_equal(bed.alloc.refused, 1);
	assert_int_equal(bed.gones, 1);
	assert_int_equal(bed.why, -ENOMEM);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	assert_int_equal(weir_req_target(bed.req).len, 0);
	weir_reply_end(bed.req);
}

/* Its window ends, although octets of the body that is dropped keep coming. */
static void a_client_must_take_its_reply_while_its_body_is_dropped(void **state)
{
	(void)state;
	bed_serve(big_reply, NULL);
	memio_client *c = bed_client();
	memio_client_window(c, 10);
	bed_sends(c, POST("20000"));
	for (int i = 0; i < 3; i++) {
		send_octets(c, 2000);
		bed_pass(5000);
	}
	assert_int_equal(memio_client_closed(c), MEMIO_RESET);
}

/* It has asked for nothing more: only the rate at which it takes counts. */
static void a_slow_reader_owes_no_further_request(void **state)
{
	(void)state;
	bed_serve(big_reply, NULL);
	memio_client *c = bed_client();
	memio_client_window(c, 2000);
	bed_sends(c, HELLO);
	for (int i = 0; i < 20; i++) {
		bed_pass(4000);
		memio_client_read(c, 2000);
	}
	bed_settle();
	assert_int_equal(bed_count(c, "HTTP/1.1 "), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_sends(c, HELLO);
	assert_int_equal(bed.requests, 2);
}

/* The kernel has not told of the room, but there is some when the window ends. */
static void who_takes_all_of_a_small_reply_is_in_time(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_client();
	memio_client_window(c, 10);
	memio_client_told(c, 5000);
	bed_sends(c, HELLO);
	memio_client_window(c, 4000);
	bed_pass(11000);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	memio_client_window(c, SIZE_MAX);
	bed_settle();
	assert_string_equal(bed_received(c), HELLO_REPLY);
}

static void a_server_that_was_freed_costs_nothing_in_the_end(void **state)
{
	(void)state;
	bed_serve(bed_watch, NULL);
	bed_sends(bed_client(), HELLO);
	weir_server_free(bed.server);
	bed.server = NULL;
	bed_settle();
	const size_t before = bed.alloc.live_octets;
	weir_reply_end(bed.req);
	bed_settle();
	assert_true(before - bed.alloc.live_octets > sizeof(struct weir_server));
}

static void begin_big_and_read(weir_req *req, void *arg)
{
	keep_and_read(req, arg);
	weir_reply_begin(req, 200, WEIR_UNKNOWN);
	weir_reply_write(req, big_body, 20000);
}

/* What it has taken before the fault is not forgotten with the request. */
static void a_slow_client_of_a_refused_body_gets_all_that_was_written(void **state)
{
	(void)state;
	bed_serve(begin_big_and_read, NULL);
	memio_client *c = bed_client();
	memio_client_window(c, 2000);
	bed_sends(c, CHUNKED "1\r\na\r\n");
	bed_sends(c, "x");
	assert_int_equal(bed.gones, 1);
	weir_reply_end(bed.req);
	for (int i = 0; i < 12; i++) {
		bed_pass(4000);
		memio_client_read(c, 2000);
	}
	bed_settle();
	size_t len = 0;
	memio_client_received(c, &len);
	assert_true(len > 20000);
	assert_int_not_equal(memio_client_closed(c), MEMIO_RESET);
}

static void too_many_trailers_are_too_big(void **state)
{
	(void)state;
	bed_serve(keep_and_read, NULL);
	memio_client *c = bed_sent(CHUNKED "0\r\n");
	for (int i = 0; i < 65; i++)
		bed_sends(c, "a:b\r\n");
	bed_assert_status(c, 431);
	assert_int_equal(bed.gones, 1);
	assert_int_equal(bed.why, WEIR_ETOOBIG);
	weir_reply_end(bed.req);
}

static void the_size_of_a_chunk_may_end_in_zeros(void **state)
{
	static const char octets[65536];

	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	weir_reply_begin(bed.req, 200, WEIR_UNKNOWN);
	weir_reply_write(bed.req, octets, sizeof octets);
	weir_reply_end(bed.req);
	bed_settle();
	assert_int_equal(bed_count(c, "\r\n\r\n10000\r\n"), 1);
}

/* A name that begins like one of the server's own is the application's. */
static void names_like_the_servers_own_are_free(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	assert_int_equal(weir_reply_field(bed.req, "date", "now"), WEIR_EINVALID);
	assert_int_equal(weir_reply_field(bed.req, "Date-Of", "a"), 0);
	assert_int_equal(weir_reply_field(bed.req, "Connections", "b"), 0);
	assert_int_equal(weir_reply_field(bed.req, "Connectio", "c"), 0);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	assert_int_equal(bed_count(c, "\r\nDate-Of: a\r\nConnections: b\r\nConnectio: c\r\n"), 1);
}

/* What the program adds meanwhile wins the client no time. */
static void a_stalled_client_of_a_stream_is_cut_off(void **state)
{
	(void)state;
	bed_serve(bed_watch, NULL);
	memio_client *c = bed_client();
	memio_client_window(c, 10);
	bed_sends(c, HELLO);
	weir_reply_begin(bed.req, 200, WEIR_UNKNOWN);
	for (int i = 0; i < 11; i++) {
		assert_int_equal(bed.gones, 0);
		assert_true(weir_reply_write(bed.req, "x", 1) > 0);
		bed_pass(990);
	}
	assert_int_equal(bed.gones, 1);
	assert_int_equal(bed.why, WEIR_ETIMEOUT);
	assert_int_equal(memio_client_closed(c), MEMIO_RESET);
	weir_reply_end(bed.req);
}

static void the_queue_takes_its_maximum(void **state)
{
	static const char octets[100001];

	(void)state;
	bed_serve(bed_keep, &(weir_server_opts){.max_queue = 100000});
	bed_sent(HELLO);
	weir_reply_begin(bed.req, 200, WEIR_UNKNOWN);
	assert_int_equal(weir_reply_write(bed.req, octets, 100001), WEIR_EFULL);
	assert_int_equal(weir_reply_write(bed.req, octets, 100000), 0);
	assert_int_equal(weir_reply_end(bed.req), 0);
}

/* The larger block stays for the next one, the other is given back. */
static void two_replies_with_fields_at_once(void **state)
{
	char value[1000];

	(void)state;
	memset(value, 'v', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_client(), *d = bed_client();
	bed_sends(c, HELLO);
	weir_req *first = bed.req;
	bed_sends(d, HELLO);
	assert_int_equal(weir_reply_field(first, "A", "1"), 0);
	assert_int_equal(weir_reply_field(bed.req, "B", value), 0);
	weir_reply(first, 200, NULL, NULL, 0);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	assert_int_equal(bed_count(c, "A: 1\r\n"), 1);
	assert_int_equal(bed_count(d, "B: vvv"), 1);
}

/* With all that stands between and behind them they have 16 KiB, to the octet. */
static void fields_take_just_their_maximum(void **state)
{
	static char value[16 * 1024];
	const size_t most = 16 * 1024 - 1 - 6;

	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	memset(value, 'v', most + 1);
	value[most + 1] = '\0';
	assert_int_equal(weir_reply_field(bed.req, "A", value), WEIR_EFULL);
	value[most] = '\0';
	assert_int_equal(weir_reply_field(bed.req, "A", value), 0);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	assert_int_equal(strlen(strstr(bed_received(c), "\r\nA: ")), 2 + 3 + most + 4);
}

/* Blocks for fields grow; the empty line behind them has its place in each. */
static void fields_of_every_length(void **state)
{
	char value[600];

	(void)state;
	bed_serve(bed_keep, NULL);
	for (size_t len = 0; len < sizeof value; len++) {
		memio_client *c = bed_sent(HELLO);
		memset(value, 'v', len);
		value[len] = '\0';
		assert_int_equal(weir_reply_field(bed.req, "A", value), 0);
		weir_reply(bed.req, 200, NULL, NULL, 0);
		assert_int_equal(strlen(strstr(bed_received(c), "\r\nA: ")), 2 + 3 + len + 4);
		memio_client_close(c);
		bed_settle();
		/* The block is not kept for the next one. */
		bed_teardown(NULL);
		set_up(NULL);
		bed_serve(bed_keep, NULL);
	}
}

static void a_client_that_was_told_to_continue_may_go_on(void **state)
{
	(void)state;
	bed_serve(keep_and_read, NULL);
	memio_client *c = bed_sent("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
	                           "Content-Length: 3\r\n\r\n");
	bed_assert_status(c, 100);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	bed_assert_lacks(c, "Connection: close");
	bed_sends(c, "abc" HELLO);
	assert_int_equal(bed.requests, 2);
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

static void field_and_end(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply_field(req, "X-Mine", "y");
	weir_reply_end(req);
}

/* What was meant for another reply does not go with the server's own. */
static void a_500_has_no_fields_of_the_application(void **state)
{
	(void)state;
	bed_serve(field_and_end, NULL);
	memio_client *c = bed_sent(HELLO);
	bed_assert_status(c, 500);
	bed_assert_lacks(c, "X-Mine");
}

static void a_304_has_no_length_of_its_own(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	weir_reply(bed.req, 304, NULL, NULL, 0);
	bed_settle();
	assert_string_equal(bed_received(c), "HTTP/1.1 304 Not Modified\r\n" BED_DATE "\r\n");
	memio_client_forget(c);
	bed_sends(c, HELLO);
	weir_reply(bed.req, 304, NULL, "abc", 3);
	bed_settle();
	assert_string_equal(bed_received(c),
	                    "HTTP/1.1 304 Not Modified\r\n" BED_DATE "Content-Length: 3\r\n\r\n");
}

static void a_reply_in_pieces_may_have_none(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	assert_int_equal(weir_reply_begin(bed.req, 200, -2), WEIR_EINVALID);
	assert_int_equal(weir_reply_begin(bed.req, 200, 0), 0);
	assert_int_equal(weir_reply_end(bed.req), 0);
	bed_settle();
	assert_string_equal(bed_received(c),
	                    "HTTP/1.1 200 OK\r\n" BED_DATE "Content-Length: 0\r\n\r\n");
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
}

static void a_stalled_client_of_a_head_is_cut_off(void **state)
{
	(void)state;
	bed_serve(bed_watch, NULL);
	memio_client *c = bed_client();
	memio_client_window(c, 10);
	bed_sends(c, HELLO);
	assert_true(weir_reply_begin(bed.req, 200, WEIR_UNKNOWN) > 0);
	bed_pass(11000);
	assert_int_equal(bed.gones, 1);
	assert_int_equal(bed.why, WEIR_ETIMEOUT);
	weir_reply_end(bed.req);
}

static void who_said_continue_itself_says_it_once(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
	                           "Content-Length: 3\r\n\r\n");
	assert_int_equal(weir_reply_interim(bed.req, 100), 0);
	weir_req_on(bed.req, &watch, &bed);
	bed_settle();
	assert_int_equal(bed_count(c, "100 Continue"), 1);
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

static void options_that_are_zero_are_all_defaults(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	const weir_server_opts *o = &bed.server->opts;
	assert_int_equal(o->methods,
	                 WEIR_METHOD_BIT(WEIR_GET) | WEIR_METHOD_BIT(WEIR_HEAD) |
	                         WEIR_METHOD_BIT(WEIR_POST) | WEIR_METHOD_BIT(WEIR_PUT) |
	                         WEIR_METHOD_BIT(WEIR_DELETE) | WEIR_METHOD_BIT(WEIR_PATCH) |
	                         WEIR_METHOD_BIT(WEIR_OPTIONS));
	assert_int_equal(o->max_head, 32768);
	assert_int_equal(o->max_fields, 100);
	assert_int_equal(o->max_target, 8192);
	assert_int_equal(o->max_body, 1 << 30);
	assert_int_equal(o->max_conns, 16384);
	assert_int_equal(o->max_requests, WEIR_OFF);
	assert_int_equal(o->head_ms, 10000);
	assert_int_equal(o->idle_ms, 75000);
	assert_int_equal(o->body_ms, 10000);
	assert_int_equal(o->write_ms, 10000);
	assert_int_equal(o->body_rate, 100);
	assert_int_equal(o->write_rate, 100);
	assert_int_equal(o->low, 16384);
	assert_int_equal(o->high, 65536);
	assert_int_equal(o->max_queue, 4 << 20);
	assert_int_equal(o->max_per_peer, WEIR_OFF);
	assert_int_equal(o->max_pipelined, 64);
	assert_int_equal(o->drain_idle_ms, 5000);
	assert_string_equal(bed.server->allow, "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
	/* What the parser and the streams are told. */
	assert_int_equal(bed.server->limits.head, 32768);
	assert_int_equal(bed.server->limits.target, 8192);
	assert_int_equal(bed.server->limits.fields, 100);
	assert_int_equal(bed.server->limits.trailers, 64);
	assert_int_equal(bed.server->limits.body, 1 << 30);
	assert_int_equal(bed.server->owner->max_conns, 16384);
	assert_int_equal(bed.server->owner->low, 16384);
	assert_int_equal(bed.server->owner->high, 65536);
	assert_true(bed.server->owner->max_queue > 4 << 20);
}

static void rates_count_in_windows_of_any_length(void **state)
{
	(void)state;
	bed_serve(keep_and_read, &(weir_server_opts){.body_rate = 1, .body_ms = 500});
	memio_client *c = bed_sent(POST("10"));
	bed_pass(700);
	bed_assert_status(c, 408);
	weir_reply_end(bed.req);
	bed_teardown(NULL);
	set_up(NULL);
	bed_serve(bed_hello, &(weir_server_opts){.body_rate = 1000000, .write_rate = 2000000});
	assert_int_equal(bed.server->body_need, 10000000);
	assert_int_equal(bed.server->write_need, 20000000);
}

static void options_reach_the_streams_as_they_are(void **state)
{
	int transport_arg;

	(void)state;
	memio_set_wall(0);
	bed_serve(bed_hello, &(weir_server_opts){.max_body = (INT64_C(1) << 32) + 10,
	                                         .transport_arg = &transport_arg,
	                                         .low = 1000,
	                                         .high = 2000});
	assert_true(bed.server->limits.body == (UINT64_C(1) << 32) + 10);
	assert_ptr_equal(bed.server->owner->transport_arg, &transport_arg);
	assert_int_equal(bed.server->owner->low, 1000);
	assert_int_equal(bed.server->owner->high, 2000);
	memio_client *c = bed_sent(HELLO);
	assert_int_equal(bed_count(c, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"), 1);
}

static void servers_of_one_loop_are_apart(void **state)
{
	const weir_server_opts opts = {.request = bed_hello, .arg = &bed};
	weir_server *other;
	struct weir__where where;

	(void)state;
	bed_serve(bed_watch, NULL);
	assert_int_equal(weir_server_new(&other, bed.loop, &opts), 0);
	assert_int_equal(weir_server_listen(other, NULL, "127.0.0.1:81"), 0);
	memio_client *c = bed_sent(HELLO);
	assert_int_equal(weir__addr_parse("127.0.0.1:81", &where), 0);
	memio_client *d = memio_client_connect(&where.addr);
	bed_settle();
	assert_int_equal(weir_server_connections(bed.server), 1);
	assert_int_equal(weir_server_connections(other), 1);
	weir_server_drain(other, 0);
	bed_pass(100);
	assert_int_equal(memio_client_closed(d), MEMIO_CLOSED);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	weir_server_free(other);
	bed_settle();
	assert_int_equal(bed.gones, 0);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	bed_assert_status(c, 200);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
}

static void the_grace_holds_no_loop(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	weir_server_drain(bed.server, 60000);
	assert_int_equal(weir_loop_run(bed.loop), 0);
	assert_int_equal(memio_now(), 0);
}

static void a_server_that_cannot_listen_costs_nothing(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	const size_t before = bed.alloc.live_octets;
	assert_true(weir_http_listen(bed.loop, "nowhere", bed_hello, NULL) < 0);
	assert_int_equal(bed.alloc.live_octets, before);
}

static void a_peer_that_has_left_keeps_its_port(void **state)
{
	char before[80], after[80];

	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	assert_true(weir_req_peer(bed.req, before, sizeof before) > 0);
	memio_client_reset(c);
	bed_settle();
	assert_true(weir_req_peer(bed.req, after, sizeof after) > 0);
	assert_string_equal(after, before);
	weir_reply_end(bed.req);
}

/* There is nothing of it to stop; who else sends is heard. */
static void a_request_that_is_read_hears_of_the_end_while_it_is_held(void **state)
{
	(void)state;
	bed_serve(bed_watch, NULL);
	memio_client *c = bed_sent(HELLO);
	weir_req_hold(bed.req, true);
	bed_settle();
	memio_client_reset(c);
	bed_settle();
	assert_int_equal(bed.gones, 1);
	weir_reply_end(bed.req);
}

static void the_heads_limit_is_its_own(void **state)
{
	(void)state;
	bed_serve(bed_hello, &(weir_server_opts){.head_ms = 3000, .body_ms = 8000});
	memio_client *c = bed_sent(HELLO);
	memio_client_forget(c);
	bed_pass(5000);
	bed_sends(c, "G");
	bed_pass(2900);
	assert_string_equal(bed_received(c), "");
	bed_pass(300);
	bed_assert_status(c, 408);
}

/* A client that neither sends nor takes: whichever limit comes first. */
static void the_nearer_limit_counts(void **state)
{
	(void)state;
	bed_serve(begin_big_and_read, &(weir_server_opts){.body_ms = 2000, .write_ms = 20000});
	memio_client *c = bed_client();
	memio_client_window(c, 10);
	bed_sends(c, POST("10"));
	bed_pass(2300);
	assert_int_equal(bed.gones, 1);
	assert_int_equal(bed.why, WEIR_ETIMEOUT);
	weir_reply_end(bed.req);
}

/* The program was away when it passed, and an octet has come since. */
static void a_limit_that_has_passed_still_ends(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent(HELLO);
	memio_client_forget(c);
	bed_sends(c, "G");
	memio_pass(11000);
	bed_sends(c, "E");
	bed_pass(300);
	bed_assert_status(c, 408);
}

/* Its fields would be in the hands of others. */
static void half_a_head_that_cannot_be_kept_ends_the_connection(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent(HELLO);
	memio_client_forget(c);
	bed.alloc.calls = 0;
	bed.alloc.fail_at = 1;
	bed_sends(c, "GET / HTTP/1.1\r\nHost: a\r\nX-");
	assert_int_equal(bed.alloc.refused, 1);
	assert_string_equal(bed_received(c), "");
	assert_int_not_equal(memio_client_closed(c), MEMIO_OPEN);
}

/* ---- without memory nobody waits ------------------------------------------ */

/* One reply, up to the end of its content. */
static bool is_whole(const memio_client *c)
{
	size_t len;
	const char *reply = memio_client_received(c, &len);
	const char *end = strstr(reply, "\r\n\r\n"), *length = strstr(reply, "Content-Length: ");

	if (!end)
		return false;
	if (length && length < end)
		return reply + len - (end + 4) == atoi(length + 16);
	return strstr(reply, "chunked") && strstr(end + 2, "\r\n0\r\n\r\n");
}

/* It sends this in two parts, and reads late; then it was answered, or sees an end. */
static bool play_impatient(weir_handler *handler, const char *text, size_t window, size_t nth)
{
	const size_t half = strlen(text) / 2;

	bed_serve(handler, NULL);
	memio_client *c = bed_client();
	memio_client_window(c, window);
	bed.alloc.calls = 0;
	bed.alloc.fail_at = nth;
	memio_client_send(c, text, half);
	bed_settle();
	memio_client_send_text(c, text + half);
	bed_settle();
	memio_client_window(c, SIZE_MAX);
	bed_pass(1000);
	if (!is_whole(c) && memio_client_closed(c) == MEMIO_OPEN)
		fail_msg("the client waits without allocation %zu: %s", nth, text);
	/* A 405 without Allow is none. */
	assert_int_equal(bed_count(c, "HTTP/1.1 405 "), bed_count(c, "\r\nAllow: "));
	memio_client_finish(c);
	bed_settle();
	return bed.alloc.refused > 0;
}

static void without_memory_nobody_waits(void **state)
{
	static const struct {
		weir_handler *handler;
		const char *text;
	} plays[] = {
		{bed_hello, HELLO},
		{big_reply, HELLO},
		{echo, POST("10") "0123456789"},
		{echo, CHUNKED "5\r\nabcde\r\n0\r\nT: u\r\nV: w\r\n\r\n"},
		{echo, CHUNKED "0\r\nT: uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu\r\n"
	                       "V: w\r\n\r\n"},
		{bed_hello, CHUNKED "0\r\nT: uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu\r\n"
	                            "V: w\r\n\r\n"},
		{bed_hello, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
		{bed_hello, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"},
	};

	(void)state;
	/* The kernel takes a part of the reply, or nothing of it. */
	for (size_t i = 0; i < 2 * sizeof plays / sizeof *plays; i++)
		for (size_t nth = 1;; nth++) {
			set_up(NULL);
			const bool refused = play_impatient(plays[i / 2].handler, plays[i / 2].text,
			                                    i % 2 ? 20 : 0, nth);
			bed_teardown(NULL);
			if (!refused)
				break;
			assert_true(nth < 1000);
		}
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_read_and_one_write_for_a_request),
		T(no_allocation_for_a_request_on_a_warm_loop),
		T(one_allocation_for_a_connection),
		T(the_date_is_remade_when_the_second_changes),
		T(dates_of_all_kinds_of_years),
		T(the_client_decides_how_long_the_connection_lives),
		T(some_replies_have_no_body),
		T(what_a_request_says),
		T(silence_is_not_answered),
		T(a_head_has_one_deadline_from_accept),
		T(also_when_its_first_octet_is_late),
		T(who_found_no_buffer_is_not_late),
		T(who_found_no_buffer_may_go_on_slowly),
		T(a_kept_connection_may_be_idle_longer),
		T(a_kept_connections_head_counts_from_its_first_octet),
		T(many_fields_octet_by_octet),
		T(a_hundred_fields_in_two_reads),
		T(what_came_in_one_read_is_answered_in_one_write),
		T(replies_come_in_order),
		T(the_next_request_waits_for_an_asynchronous_reply),
		T(an_error_comes_after_the_replies_before_it),
		T(reading_ahead_is_bounded),
		T(requests_wait_while_replies_are_not_taken),
		T(a_slow_reader_counts_by_what_it_takes),
		T(a_body_arrives_as_it_comes),
		T(chunks_are_put_together),
		T(what_is_left_is_not_offered_again_for_framing_alone),
		T(what_is_left_is_offered_again_in_one_piece),
		T(a_held_body_waits),
		T(a_body_may_be_asked_for_later),
		T(the_end_is_told_with_the_next_request_waiting),
		T(a_small_unread_body_is_dropped),
		T(a_large_unread_body_ends_the_connection),
		T(an_endless_unread_body_ends_the_connection),
		T(how_much_is_dropped_does_not_depend_on_its_pieces),
		T(a_refused_body_is_answered),
		T(a_refused_body_ends_a_reply_that_has_begun),
		T(bodies_have_a_limit),
		T(a_body_must_keep_coming),
		T(a_body_has_a_window_of_its_own),
		T(without_a_rate_one_octet_a_window_is_enough),
		T(a_dropped_body_must_keep_coming_too),
		T(a_fault_in_a_dropped_body_ends_the_connection),
		T(how_octets_are_cut_does_not_matter),
		T(continue_is_said_when_the_body_is_wanted),
		T(continue_is_said_however_the_head_came),
		T(continue_is_not_said_to_a_client_that_did_not_wait),
		T(a_reply_instead_of_continue_ends_the_connection),
		T(the_application_may_refuse_to_continue),
		T(interim_replies),
		T(interim_replies_leave_room_for_the_last),
		T(a_reply_of_unknown_length_is_chunked),
		T(the_announced_length_is_kept),
		T(a_reply_that_was_not_begun_is_a_500),
		T(fields_of_ones_own),
		T(no_allocation_for_fields_on_a_warm_loop),
		T(the_queue_has_a_limit),
		T(a_client_must_take_its_reply),
		T(a_stalled_client_of_a_finished_reply_is_cut_off),
		T(a_stalled_client_of_a_refused_body_is_cut_off),
		T(after_a_slow_reply_the_connection_is_idle),
		T(a_pause_of_the_program_is_not_the_clients),
		T(what_is_gathered_has_a_bound),
		T(a_long_type_is_sent_once),
		T(an_echo_has_backpressure_both_ways),
		T(a_half_closed_client_gets_all_its_answers),
		T(an_incomplete_request_at_the_end_is_not_answered),
		T(the_end_of_the_peer_is_told),
		T(the_end_of_the_peer_is_told_to_every_request),
		T(a_body_that_ends_short_is_told),
		T(a_short_body_that_is_asked_for_late),
		T(a_short_body_behind_an_asynchronous_reply),
		T(a_reset_is_told_once),
		T(long_polls_are_small),
		T(a_refusal_lingers),
		T(lingering_begins_when_all_is_sent),
		T(methods_that_are_not_offered_are_answers),
		T(options_of_the_server_are_asked_for_with_an_asterisk),
		T(any_method_may_be_handed_over),
		T(connections_may_serve_so_many_requests),
		T(connections_beyond_the_limit_wait),
		T(draining_may_close_the_idle_at_once),
		T(what_is_not_done_in_the_grace_is_cut_off),
		T(a_refused_write_may_be_tried_again_when_the_queue_has_fallen),
		T(a_drained_loop_drains_its_servers),
		T(requests_in_hand_survive_their_server),
		T(requests_in_hand_end_with_their_loop),
		T(a_server_may_be_freed_in_any_callback),
		T(every_allocation_may_fail),
		T(every_allocation_may_fail_out_of_descriptors),
		T(options_are_checked),
		T(a_hold_ends_with_its_request),
		T(how_long_an_unread_body_may_be),
		T(what_was_not_taken_counts_as_unread),
		T(what_was_not_taken_is_no_next_request),
		T(a_chunked_body_may_be_dropped_whatever_its_first_size),
		T(a_dropped_body_that_keeps_coming_is_awaited),
		T(a_client_that_has_ended_sends_no_body_to_drop),
		T(also_when_a_part_of_it_is_here),
		T(a_long_body_is_not_dropped_behind_a_reply_that_had_begun),
		T(the_expectation_may_be_answered),
		T(what_is_left_is_offered_again_on_resume),
		T(what_is_left_is_offered_again_at_the_end),
		T(what_is_left_is_not_offered_again_by_itself),
		T(a_short_body_is_told_although_some_is_left),
		T(more_than_was_offered_is_all_of_it),
		T(the_end_of_the_peer_is_told_behind_the_content_that_is_here),
		T(an_unread_body_is_not_read_ahead),
		T(so_many_octets_are_lingered_for),
		T(after_very_many_requests_nothing_begins_anew),
		T(the_heads_limit_is_its_own),
		T(the_nearer_limit_counts),
		T(a_limit_that_has_passed_still_ends),
		T(half_a_head_that_cannot_be_kept_ends_the_connection),
		T(a_request_that_is_read_hears_of_the_end_while_it_is_held),
		T(the_grace_holds_no_loop),
		T(a_server_that_cannot_listen_costs_nothing),
		T(a_peer_that_has_left_keeps_its_port),
		T(options_reach_the_streams_as_they_are),
		T(servers_of_one_loop_are_apart),
		T(rates_count_in_windows_of_any_length),
		T(who_said_continue_itself_says_it_once),
		T(options_that_are_zero_are_all_defaults),
		T(a_client_that_was_told_to_continue_may_go_on),
		T(a_500_has_no_fields_of_the_application),
		T(a_304_has_no_length_of_its_own),
		T(a_reply_in_pieces_may_have_none),
		T(a_stalled_client_of_a_head_is_cut_off),
		T(fields_take_just_their_maximum),
		T(fields_of_every_length),
		T(a_stalled_client_of_a_stream_is_cut_off),
		T(the_queue_takes_its_maximum),
		T(two_replies_with_fields_at_once),
		T(too_many_trailers_are_too_big),
		T(the_size_of_a_chunk_may_end_in_zeros),
		T(names_like_the_servers_own_are_free),
		T(a_slow_client_of_a_refused_body_gets_all_that_was_written),
		T(a_slow_reader_owes_no_further_request),
		T(who_takes_all_of_a_small_reply_is_in_time),
		T(a_server_that_was_freed_costs_nothing_in_the_end),
		T(what_was_not_taken_counts_although_all_is_here),
		T(a_reply_is_not_the_last_before_a_request_that_is_here),
		T(a_client_may_end_while_its_body_is_dropped),
		T(a_connection_with_a_request_does_not_give_way),
		T(a_head_that_cannot_be_kept_ends_the_connection),
		T(a_client_must_take_its_reply_while_its_body_is_dropped),
		T(without_memory_nobody_waits),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
