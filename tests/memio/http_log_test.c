/*
 * Does the log of the HTTP server hear of every request, once, from the loop, and
 * when it is over; and can no client forge a line of it?
 */
#include "tests/memio/http_bed.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http/conn.h"

#define POST(target, length)                                                                       \
	"POST " target " HTTP/1.1\r\nHost: a\r\nContent-Length: " length "\r\n\r\n"

enum { WALL = 1000000000, MOST = 32 };

/* ---- the log ------------------------------------------------------------- */

static struct told {
	weir_access access;
	char target[32];
	char line[1024];
} told[MOST];

static int ntold;
static weir_access_style style;
static void (*in_log)(weir_req *req);

static void on_log(weir_req *req, const weir_access *access, void *arg)
{
	struct told *t = &told[ntold++];
	weir_str target = weir_req_target(req);
	int len;

	(void)arg;
	bed_enter();
	assert_in_range(ntold, 1, MOST);
	t->access = *access;
	assert_true(target.len < sizeof t->target);
	memcpy(t->target, target.data, target.len);
	t->target[target.len] = '\0';
	len = weir_access_format(t->line, sizeof t->line, req, access, style);
	assert_int_equal(len, strlen(t->line));
	if (in_log)
		in_log(req);
	bed_leave();
}

/* What the log has heard of request number i. */
static void assert_told(int i, const char *target, int status, int64_t sent, bool kept)
{
	assert_in_range(i, 0, ntold - 1);
	assert_string_equal(told[i].target, target);
	assert_int_equal(told[i].access.status, status);
	assert_int_equal(told[i].access.sent, sent);
	assert_int_equal(told[i].access.kept, kept);
}

/* ---- the application ----------------------------------------------------- */

static void on_end(weir_req *req, void *arg)
{
	(void)arg;
	bed_enter();
	weir_reply_end(req);
	bed_leave();
}

static const weir_req_ops watch_and_end = {
	.data = bed_on_data, .end = on_end, .gone = bed_on_gone_end};

static void read_and_end(weir_req *req, void *arg)
{
	weir_req_on(req, &watch_and_end, arg);
}

/* ---- the world ----------------------------------------------------------- */

static void forget(void)
{
	memset(told, 0, sizeof told);
	ntold = 0;
	style = WEIR_ACCESS_COMMON;
	in_log = NULL;
}

static int set_up(void **state)
{
	forget();
	return bed_setup(state);
}

static void given(weir_handler *handler, const weir_server_opts *more)
{
	weir_server_opts opts = more ? *more : (weir_server_opts){0};

	opts.log = on_log;
	bed_serve(handler, &opts);
}

/* ---- when ---------------------------------------------------------------- */

static void a_request_is_told_when_it_is_over(void **state)
{
	(void)state;
	given(bed_hello, NULL);
	memio_client *c = memio_client_connect(NULL);
	bed_pass(5000);
	assert_int_equal(ntold, 0);
	bed_sends(c, HELLO);
	assert_int_equal(ntold, 1);
	assert_told(0, "/", 200, 12, true);
	assert_int_equal(told[0].access.when, WALL + 5);
	assert_int_equal(told[0].access.ms, 0);
	memio_client_close(c);
	bed_settle();
	assert_int_equal(ntold, 1);
}

static void time_counts_from_the_first_octet(void **state)
{
	(void)state;
	given(bed_hello, NULL);
	memio_client *c = memio_client_connect(NULL);
	bed_pass(1000);
	bed_sends(c, "GET /a HTTP/1.1\r\n");
	bed_pass(3000);
	bed_sends(c, "Host: a\r\n\r\n");
	assert_told(0, "/a", 200, 12, true);
	assert_int_equal(told[0].access.when, WALL + 1);
	assert_int_equal(told[0].access.ms, 3000);
}

/* The call that ends it does not call the log. */
static void a_request_that_is_ended_later_is_told_from_the_loop(void **state)
{
	(void)state;
	given(bed_keep, NULL);
	memio_client *c = memio_client_connect(NULL);
	bed_sends(c, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
	bed_pass(700);
	assert_int_equal(weir_reply(bed.req, 404, NULL, "abc", 3), 0);
	assert_int_equal(ntold, 0);
	bed_assert_has(c, "\r\n\r\nabc");
	bed_settle();
	assert_int_equal(ntold, 1);
	assert_told(0, "/1", 404, 3, true);
	assert_int_equal(told[0].access.ms, 700);
	/* Now the next one is served. */
	weir_reply_end(bed.req);
	bed_settle();
	assert_told(1, "/2", 500, 22, false);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

/* What has come meanwhile of its body, or behind it, waits and is in nobody's way. */
static void what_comes_before_the_log_has_heard_waits(void **state)
{
	(void)state;
	given(bed_read, NULL);
	memio_client *c = memio_client_connect(NULL);
	bed_sends(c, POST("/1", "6") "abc");
	assert_int_equal(weir_reply(bed.req, 200, NULL, NULL, 0), 0);
	bed_sends(c, "def" POST("/2", "1"));
	assert_int_equal(ntold, 1);
	assert_told(0, "/1", 200, 0, true);
	/* This one has no more of its body, and the client is gone in the same turn. */
	assert_int_equal(weir_reply(bed.req, 200, NULL, NULL, 0), 0);
	memio_client_reset(c);
	bed_settle();
	assert_int_equal(ntold, 2);
	assert_int_equal(bed.gones, 0);
	assert_int_equal(told[1].access.status, 200);
}

static void pipelined_requests_are_told_in_order(void **state)
{
	(void)state;
	given(bed_hello, NULL);
	memio_client *c = memio_client_connect(NULL);
	memio_count_again();
	bed_sends(c, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: a\r\n\r\n"
	             "GET /3 HTTP/1.0\r\n\r\n");
	assert_int_equal(ntold, 3);
	assert_told(0, "/1", 200, 12, true);
	assert_told(1, "/2", 200, 0, true);
	assert_told(2, "/3", 200, 12, false);
	/* Still in one write. */
	assert_int_equal(memio_count(MEMIO_WRITE), 1);
}

/* ---- what ---------------------------------------------------------------- */

static void in_pieces(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply_interim(req, 103);
	weir_reply_begin(req, weir_req_path(req).len > 1 ? 304 : 200, WEIR_UNKNOWN);
	weir_reply_write(req, "abc", 3);
	weir_reply_write(req, "defg", 4);
	weir_reply_end(req);
}

static void content_is_counted_without_its_framing(void **state)
{
	(void)state;
	given(in_pieces, NULL);
	memio_client *c = memio_client_connect(NULL);
	bed_sends(c,
	          HELLO "GET /304 HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(ntold, 3);
	assert_told(0, "/", 200, 7, true);
	assert_told(1, "/304", 304, 0, true);
	assert_told(2, "/", 200, 0, true);
}

static void what_the_server_answers_is_told(void **state)
{
	static const struct {
		const char *request, *target;
		int status;
	} cases[] = {
		{"TRACE /t HTTP/1.1\r\nHost: a\r\n\r\n", "/t", 405},
		{"BREW /b HTTP/1.1\r\nHost: a\r\n\r\n", "/b", 501},
		{"GET / HTTP/1.1\r\n\r\n", "", 400},
		{"\x16\x03\x01", "", 400},
		{"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "", 400},
		{"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "", 505},
		{"GET / HTTP/1.1\r\nHost: a\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\n\r\n", "", 431},
		{"GET /aaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: a\r\n\r\n", "", 414},
		{POST("/", "200"), "", 413},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: x\r\n\r\n", "", 417},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "", 501},
	};
	static const weir_server_opts opts = {.max_fields = 4, .max_target = 20, .max_body = 100};

	(void)state;
	given(bed_hello, &opts);
	for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++) {
		memio_client *c = memio_client_connect(NULL);
		bed_sends(c, cases[i].request);
		assert_int_equal(ntold, i + 1);
		assert_string_equal(told[i].target, cases[i].target);
		assert_int_equal(told[i].access.status, cases[i].status);
		assert_true(told[i].access.sent > 0);
		memio_client_close(c);
		bed_settle();
		assert_int_equal(ntold, i + 1);
	}
}

static void a_head_that_comes_too_slowly_is_told(void **state)
{
	(void)state;
	given(bed_hello, NULL);
	memio_client *c = memio_client_connect(NULL);
	bed_sends(c, "GET /a HTTP/1.1\r\n");
	bed_pass(10100);
	assert_told(0, "", 408, 16, false);
	assert_in_range(told[0].access.ms, 10000, 10100);
	assert_string_equal(told[0].line,
	                    "127.0.0.1 - - [09/Sep/2001:01:46:40 +0000] \"-\" 408 16");
	(void)c;
}

static void a_body_that_is_refused_is_told_when_it_is_ended(void **state)
{
	(void)state;
	given(bed_read, NULL);
	memio_client *c = memio_client_connect(NULL);
	bed_sends(c, "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx");
	assert_int_equal(bed.gones, 1);
	assert_int_equal(ntold, 0);
	assert_int_equal(weir_reply(bed.req, 200, NULL, NULL, 0), WEIR_ECLOSED);
	assert_int_equal(ntold, 0);
	bed_settle();
	assert_int_equal(ntold, 1);
	assert_string_equal(told[0].target, "/c");
	assert_int_equal(told[0].access.status, 400);
	bed.handler = read_and_end;
	memio_client *d = memio_client_connect(NULL);
	bed_sends(d, POST("/d", "5") "ab");
	bed_pass(30000);
	assert_told(1, "/d", 408, 16, false);
	(void)c;
}

/* ---- given up ------------------------------------------------------------ */

static void leave_by_closing(memio_client *c)
{
	memio_client_close(c);
}

static void leave_by_reset(memio_client *c)
{
	memio_client_reset(c);
}

static void leave_by_half(memio_client *c)
{
	memio_client_finish(c);
}

static void (*const ways[])(memio_client *c) = {leave_by_closing, leave_by_reset, leave_by_half};

static void a_head_that_is_given_up_is_told(void **state)
{
	(void)state;
	given(bed_hello, NULL);
	for (int i = 0; i < 3; i++) {
		memio_client *c = memio_client_connect(NULL);
		bed_sends(c, "\r\nGET /a HT");
		ways[i](c);
		bed_settle();
		assert_int_equal(ntold, i + 1);
		assert_told(i, "", 0, 0, false);
		assert_string_equal(told[i].line,
		                    "127.0.0.1 - - [09/Sep/2001:01:46:40 +0000] \"-\" - -");
	}
}

static void who_says_nothing_is_no_request(void **state)
{
	static const char *const silences[] = {"", "\r\n", "\r", HELLO, HELLO "\r\n"};

	(void)state;
	given(bed_hello, NULL);
	for (size_t k = 0; k < sizeof silences / sizeof *silences; k++)
		for (int i = 0; i < 3; i++) {
			memio_client *c = memio_client_connect(NULL);
			bed_sends(c, silences[k]);
			ways[i](c);
			bed_settle();
		}
	bed_pass(100000);
	assert_int_equal(ntold, 6);
	for (int i = 0; i < ntold; i++)
		assert_told(i, "/", 200, 12, true);
}

/* What was answered is told, whatever it was. */
static void empty_lines_that_are_answered_are_told(void **state)
{
	(void)state;
	given(bed_hello, NULL);
	memio_client *c = memio_client_connect(NULL);
	bed_sends(c, "\r\n\r\n\r\n\r\n\r\n");
	bed_assert_status(c, 400);
	bed_pass(11000);
	assert_int_equal(ntold, 1);
	assert_int_equal(told[0].access.status, 400);
}

/* Their time has passed, and nobody waited for an answer. */
static void empty_lines_that_are_not_answered_are_not_told(void **state)
{
	(void)state;
	given(bed_hello, NULL);
	memio_client *c = memio_client_connect(NULL);
	bed_sends(c, "\r\n");
	bed_pass(11000);
	assert_string_equal(bed_received(c), "");
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	assert_int_equal(ntold, 0);
}

static void a_reply_that_cannot_be_sent_keeps_no_connection(void **state)
{
	(void)state;
	given(bed_keep, NULL);
	memio_client *c = memio_client_connect(NULL);
	bed_sends(c, HELLO);
	memio_fail(MEMIO_WRITE, 1, EPIPE);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	assert_int_equal(ntold, 1);
	assert_int_equal(told[0].access.kept, false);
	(void)c;
}

static void a_request_whose_client_leaves_is_told_when_it_is_ended(void **state)
{
	(void)state;
	given(bed_read, NULL);
	for (int i = 0; i < 2; i++) {
		memio_client *c = memio_client_connect(NULL);
		bed_sends(c, HELLO);
		memio_client_reset(c);
		bed_settle();
		assert_int_equal(bed.gones, i + 1);
		assert_int_equal(ntold, i);
		if (i == 0)
			weir_reply(bed.req, 200, NULL, "x", 1);
		else
			weir_reply_end(bed.req);
		assert_int_equal(ntold, i);
		bed_settle();
		assert_int_equal(ntold, i + 1);
		assert_told(i, "/", 0, 0, false);
		assert_memory_equal(told[i].line, "127.0.0.1 - - [", 15);
	}
}

static void what_was_begun_when_the_client_left_is_told(void **state)
{
	(void)state;
	given(bed_read, NULL);
	memio_client *c = memio_client_connect(NULL);
	bed_sends(c, HELLO);
	weir_reply_begin(bed.req, 206, 100);
	weir_reply_write(bed.req, "0123456789", 10);
	memio_client_reset(c);
	bed_settle();
	assert_int_equal(weir_reply_write(bed.req, "0123456789", 10), WEIR_ECLOSED);
	weir_reply_end(bed.req);
	bed_settle();
	assert_told(0, "/", 206, 10, false);
}

static void a_request_that_is_ended_when_it_is_gone_is_told(void **state)
{
	(void)state;
	given(read_and_end, NULL);
	memio_client *c = memio_client_connect(NULL);
	bed_sends(c, POST("/", "10") "abc");
	memio_client_reset(c);
	bed_settle();
	assert_int_equal(bed.gones, 1);
	assert_int_equal(ntold, 1);
	assert_told(0, "/", 0, 0, false);
}

static void begin_and_stop_short(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply_begin(req, 200, 10);
	weir_reply_write(req, "abc", 3);
	weir_reply_end(req);
}

static void a_short_reply_is_told_as_it_is(void **state)
{
	(void)state;
	given(begin_and_stop_short, NULL);
	memio_client *c = memio_client_connect(NULL);
	bed_sends(c, HELLO HELLO);
	assert_int_equal(ntold, 1);
	assert_told(0, "/", 200, 3, false);
	(void)c;
}

/* ---- servers that end ---------------------------------------------------- */

static void a_drained_server_tells_to_the_end(void **state)
{
	(void)state;
	given(bed_read, NULL);
	memio_client *busy = memio_client_connect(NULL), *slow = memio_client_connect(NULL);
	bed_sends(slow, "GET /s HTT");
	bed_sends(busy, HELLO);
	weir_server_drain(bed.server, 1000);
	bed_pass(2000);
	assert_int_equal(bed.gones, 1);
	assert_int_equal(ntold, 1);
	assert_told(0, "", 0, 0, false);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	assert_told(1, "/", 0, 0, false);
}

static void the_last_reply_of_a_drained_server_is_told(void **state)
{
	(void)state;
	given(bed_keep, NULL);
	memio_client *c = memio_client_connect(NULL);
	bed_sends(c, HELLO);
	weir_server_drain(bed.server, WEIR_OFF);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	assert_told(0, "/", 200, 0, false);
	(void)c;
}

/* You close it: it is silent from that moment. */
static void a_freed_server_tells_nothing(void **state)
{
	(void)state;
	given(bed_keep, NULL);
	memio_client *c = memio_client_connect(NULL), *d = memio_client_connect(NULL);
	bed_sends(c, HELLO);
	weir_req *first = bed.req;
	bed_sends(d, HELLO);
	weir_reply(first, 200, NULL, NULL, 0);
	weir_server_free(bed.server);
	bed_settle();
	assert_int_equal(weir_reply(bed.req, 200, NULL, NULL, 0), WEIR_ECLOSED);
	bed_settle();
	assert_int_equal(ntold, 0);
}

/* Nor does it wait for the log that is not told any more. */
static void a_freed_server_keeps_no_request_that_was_ended(void **state)
{
	(void)state;
	given(bed_read, NULL);
	memio_client *c = bed_client();
	bed_sends(c, HELLO);
	memio_client_reset(c);
	bed_settle();
	assert_int_equal(weir_reply(bed.req, 200, NULL, NULL, 0), WEIR_ECLOSED);
	weir_server_free(bed.server);
	bed.server = NULL;
	bed_settle();
	assert_int_equal(ntold, 0);
	assert_null(bed.loop->tenants);
}

static void switch_now(weir_req *req, void *arg)
{
	static const weir_stream_ops ops;

	(void)arg;
	assert_int_equal(weir_reply_switch(req, "lines", &ops, NULL, NULL), 0);
}

/* The connection is somebody else's by then; whose it was is known all the same. */
static void a_request_that_switches_is_told_with_its_peer(void **state)
{
	(void)state;
	given(switch_now, NULL);
	memio_client *c = bed_sent("GET /up HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
	                           "Upgrade: lines\r\n\r\n");
	bed_settle();
	bed_assert_status(c, 101);
	assert_int_equal(ntold, 1);
	assert_told(0, "/up", 101, 0, false);
	assert_memory_equal(told[0].line, "127.0.0.1 - - [", 15);
}

static void a_freed_loop_tells_nothing(void **state)
{
	(void)state;
	given(bed_keep, NULL);
	memio_client *c = memio_client_connect(NULL), *d = memio_client_connect(NULL);
	bed_sends(c, HELLO);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_sends(d, HELLO);
	int before = ntold;
	weir_loop_free(bed.loop);
	bed.loop = NULL;
	assert_int_equal(ntold, before);
}

static void free_server(weir_req *req)
{
	(void)req;
	weir_server_free(bed.server);
}

/* Whatever has brought the request to its end. */
static void the_server_may_be_freed_by_its_log(void **state)
{
	static const char *const requests[] = {HELLO,
	                                       HELLO HELLO,
	                                       "GET / HTTP/1.1\r\n\r\n",
	                                       "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
	                                       "GET",
	                                       POST("/", "9") "abc",
	                                       POST("/", "99999999")};
	weir_handler *const handlers[] = {bed_hello, bed_keep, read_and_end, bed_read};

	for (size_t r = 0; r < sizeof requests / sizeof *requests; r++)
		for (size_t h = 0; h < sizeof handlers / sizeof *handlers; h++)
			for (int way = 0; way < 4; way++) {
				set_up(state);
				given(handlers[h], NULL);
				in_log = free_server;
				memio_client *c = memio_client_connect(NULL);
				bed_sends(c, requests[r]);
				if (bed.req && way < 3)
					weir_reply(bed.req, 200, NULL, "x", 1);
				if (way < 3)
					ways[way](c);
				bed_settle();
				bed_pass(100000);
				if (bed.req && way == 3)
					weir_reply(bed.req, 200, NULL, "x", 1);
				bed_settle();
				assert_int_equal(ntold, 1);
				bed_teardown(state);
			}
}

/* ---- costs --------------------------------------------------------------- */

static void no_allocation_for_a_note_on_a_warm_loop(void **state)
{
	(void)state;
	given(bed_hello, NULL);
	memio_client *c = memio_client_connect(NULL);
	bed_sends(c, HELLO HELLO);
	bed.alloc.calls = 0;
	bed_sends(c, HELLO HELLO);
	assert_int_equal(bed.alloc.calls, 0);
	assert_int_equal(ntold, 4);
}

static void no_note_without_a_log(void **state)
{
	static const weir_server_opts opts = {.request = bed_hello};
	weir_server *silent;

	(void)state;
	given(bed_hello, NULL);
	assert_int_equal(bed.server->pool.size, sizeof(weir_req) + sizeof(struct weir__note));
	assert_int_equal(weir_server_new(&silent, bed.loop, &opts), 0);
	assert_int_equal(silent->pool.size, sizeof(weir_req));
	weir_server_free(silent);
}

/* Each request is told at most once, and each that is answered. */
static void play(void *arg)
{
	weir_handler **handler = arg;

	forget();
	if (bed_try_serve(*handler, &(weir_server_opts){.log = on_log}) < 0)
		return;
	memio_client *c = memio_client_connect(NULL);
	memio_client_send_text(c, HELLO);
	for (int i = 0; i < 9; i++)
		weir_loop_step(bed.loop, 10);
	if (bed.req)
		weir_reply(bed.req, 200, NULL, "x", 1);
	memio_client_send_text(c, "GET / HT");
	for (int i = 0; i < 9; i++)
		weir_loop_step(bed.loop, 10);
	memio_client_close(c);
	for (int i = 0; i < 9; i++)
		weir_loop_step(bed.loop, 1000);
	assert_in_range(ntold, bed_count(c, "\r\n\r\n") > 0, 2);
}

static void every_allocation_may_fail(void **state)
{
	static weir_handler *handlers[] = {bed_hello, in_pieces, read_and_end, bed_keep};

	(void)state;
	for (size_t h = 0; h < sizeof handlers / sizeof *handlers; h++)
		bed_every_allocation_fails(play, &handlers[h]);
}

/* ---- lines --------------------------------------------------------------- */

static const weir_access sample = {.when = 971186136, .sent = 2326, .status = 200};

static weir_req *asked(const char *text)
{
	memio_client *c = memio_client_connect(NULL);

	bed.req = NULL;
	bed_sends(c, text);
	assert_non_null(bed.req);
	return bed.req;
}

static void lines_are_those_of_the_ncsa(void **state)
{
	char line[256];
	weir_req *req;

	(void)state;
	given(bed_keep, NULL);
	req = asked("GET /apache_pb.gif HTTP/1.0\r\nReferer: http://www.example.com/start.html\r\n"
	            "User-Agent: Mozilla/4.08 [en] (Win98; I ;Nav)\r\n\r\n");
	assert_true(weir_access_format(line, sizeof line, req, &sample, WEIR_ACCESS_COMMON) > 0);
	assert_string_equal(line, "127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "
	                          "\"GET /apache_pb.gif HTTP/1.0\" 200 2326");
	assert_true(weir_access_format(line, sizeof line, req, &sample, WEIR_ACCESS_COMBINED) > 0);
	assert_string_equal(line, "127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "
	                          "\"GET /apache_pb.gif HTTP/1.0\" 200 2326 "
	                          "\"http://www.example.com/start.html\" "
	                          "\"Mozilla/4.08 [en] (Win98; I ;Nav)\"");
	weir_reply(req, 200, NULL, NULL, 0);
}

/* The same octets in Tokyo and in Paris, in the line and in the reply. */
static void dates_do_not_know_where_they_are(void **state)
{
	static const char *const places[][2] = {
		{"Asia/Tokyo", "ja_JP.UTF-8"}, {"XYZ+11:30", "fr_FR.UTF-8"}, {"UTC0", "C"}};

	(void)state;
	given(bed_hello, NULL);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(setenv("TZ", places[i][0], 1), 0);
		tzset();
		setlocale(LC_ALL, places[i][1]);
		memio_client *c = memio_client_connect(NULL);
		bed_sends(c, HELLO);
		assert_non_null(
			strstr(bed_received(c), "\r\nDate: Sun, 09 Sep 2001 01:46:40 GMT\r\n"));
		assert_string_equal(told[i].line, "127.0.0.1 - - [09/Sep/2001:01:46:40 +0000] "
		                                  "\"GET / HTTP/1.1\" 200 12");
	}
}

static void what_is_missing_is_a_dash(void **state)
{
	static const weir_access nothing = {.when = 0};
	char line[256];
	weir_req *req;

	(void)state;
	given(bed_keep, NULL);
	req = asked("GET / HTTP/1.1\r\nHost: a\r\nReferer:\r\n\r\n");
	assert_true(weir_access_format(line, sizeof line, req, &nothing, WEIR_ACCESS_COMBINED) > 0);
	assert_string_equal(line, "127.0.0.1 - - [01/Jan/1970:00:00:00 +0000] \"GET / HTTP/1.1\" "
	                          "- - \"-\" \"-\"");
	weir_reply(req, 200, NULL, NULL, 0);
}

static void a_client_cannot_forge_lines(void **state)
{
	char line[512];
	weir_req *req;

	(void)state;
	given(bed_keep, NULL);
	req = asked("GET /\"\\~ HTTP/1.1\r\nHost: a\r\nReferer: \" 200 1 \"\\\r\n"
	            "User-Agent: a\tb\x80\xff ~!\r\n\r\n");
	assert_true(weir_access_format(line, sizeof line, req, &sample, WEIR_ACCESS_COMBINED) > 0);
	assert_string_equal(line, "127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "
	                          "\"GET /\\x22\\x5C~ HTTP/1.1\" 200 2326 "
	                          "\"\\x22 200 1 \\x22\\x5C\" \"a\\x09b\\x80\\xFF ~!\"");
	weir_reply(req, 200, NULL, NULL, 0);
}

static void the_host_is_the_client_without_its_port(void **state)
{
	static const struct {
		const char *client, *host;
	} cases[] = {
		{"for=1.2.3.4", "1.2.3.4 - - ["},
		{"for=\"1.2.3.4:80\"", "1.2.3.4 - - ["},
		{"for=\"[2001:db8::1]:80\"", "2001:db8::1 - - ["},
		{"for=unknown", "127.0.0.1 - - ["},
	};
	static const weir_server_opts opts = {.trusted = "127.0.0.0/8"};
	char text[128];

	(void)state;
	given(bed_hello, &opts);
	for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++) {
		memio_client *c = memio_client_connect(NULL);
		snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\nForwarded: %s\r\n\r\n",
		         cases[i].client);
		bed_sends(c, text);
		assert_memory_equal(told[i].line, cases[i].host, strlen(cases[i].host));
	}
}

static void who_comes_by_a_unix_socket_has_no_host(void **state)
{
	const struct weir__addr path = {.kind = WEIR__ADDR_UNIX, .path_len = 2, .u.path = "/x"};

	(void)state;
	given(bed_hello, NULL);
	assert_int_equal(weir_server_listen(bed.server, NULL, "unix:/x"), 0);
	memio_client *c = memio_client_connect(&path);
	assert_non_null(c);
	bed_sends(c, HELLO);
	assert_memory_equal(told[0].line, "- - - [09/Sep", 13);
}

static void too_little_room_gives_what_fits(void **state)
{
	char whole[256], line[256];
	weir_req *req;

	(void)state;
	given(bed_keep, NULL);
	req = asked("GET /\" HTTP/1.1\r\nHost: a\r\n\r\n");
	const int len = weir_access_format(whole, sizeof whole, req, &sample, WEIR_ACCESS_COMBINED);
	assert_true(len > 0);
	for (size_t size = 0; size <= (size_t)len; size++) {
		memset(line, 'z', sizeof line);
		assert_int_equal(weir_access_format(line, size, req, &sample, WEIR_ACCESS_COMBINED),
		                 -ENOSPC);
		assert_int_equal(line[size], 'z');
		if (size == 0)
			continue;
		assert_int_equal(line[size - 1], '\0');
		assert_memory_equal(line, whole, size - 1);
	}
	assert_int_equal(
		weir_access_format(line, (size_t)len + 1, req, &sample, WEIR_ACCESS_COMBINED), len);
	weir_reply(req, 200, NULL, NULL, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_request_is_told_when_it_is_over),
		T(time_counts_from_the_first_octet),
		T(a_request_that_is_ended_later_is_told_from_the_loop),
		T(what_comes_before_the_log_has_heard_waits),
		T(pipelined_requests_are_told_in_order),
		T(content_is_counted_without_its_framing),
		T(what_the_server_answers_is_told),
		T(a_head_that_comes_too_slowly_is_told),
		T(a_body_that_is_refused_is_told_when_it_is_ended),
		T(a_head_that_is_given_up_is_told),
		T(who_says_nothing_is_no_request),
		T(empty_lines_that_are_answered_are_told),
		T(empty_lines_that_are_not_answered_are_not_told),
		T(a_reply_that_cannot_be_sent_keeps_no_connection),
		T(a_request_whose_client_leaves_is_told_when_it_is_ended),
		T(what_was_begun_when_the_client_left_is_told),
		T(a_request_that_is_ended_when_it_is_gone_is_told),
		T(a_short_reply_is_told_as_it_is),
		T(a_drained_server_tells_to_the_end),
		T(the_last_reply_of_a_drained_server_is_told),
		T(a_freed_server_tells_nothing),
		T(a_freed_server_keeps_no_request_that_was_ended),
		T(a_request_that_switches_is_told_with_its_peer),
		T(a_freed_loop_tells_nothing),
		T(the_server_may_be_freed_by_its_log),
		T(no_allocation_for_a_note_on_a_warm_loop),
		T(no_note_without_a_log),
		T(every_allocation_may_fail),
		T(lines_are_those_of_the_ncsa),
		T(dates_do_not_know_where_they_are),
		T(what_is_missing_is_a_dash),
		T(a_client_cannot_forge_lines),
		T(the_host_is_the_client_without_its_port),
		T(who_comes_by_a_unix_socket_has_no_host),
		T(too_little_room_gives_what_fits),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
