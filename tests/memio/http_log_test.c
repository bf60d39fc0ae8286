/*
 * Does the log of the HTTP server hear of every request, once, from the loop, and
 * when it is over; and can no client forge a line of it?
 */
#include "tests/support/test.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http/conn.h"
#include "tests/memio/memio.h"

#define HELLO "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(target, length)                                                                       \
	"POST " target " HTTP/1.1\r\nHost: a\r\nContent-Length: " length "\r\n\r\n"

enum { WALL = 1000000000, MOST = 32 };

static struct test_alloc alloc;
static weir_loop *loop;
static weir_server *server;

/* ---- the log ------------------------------------------------------------- */

static struct told {
	weir_access access;
	char target[32];
	char line[1024];
} told[MOST];

static int ntold, inside, deepest;
static weir_access_style style;
static void (*in_log)(weir_req *req);

static void enter(void)
{
	if (++inside > deepest)
		deepest = inside;
}

static void on_log(weir_req *req, const weir_access *access, void *arg)
{
	struct told *t = &told[ntold++];
	weir_str target = weir_req_target(req);
	int len;

	(void)arg;
	enter();
	assert_in_range(ntold, 1, MOST);
	t->access = *access;
	assert_true(target.len < sizeof t->target);
	memcpy(t->target, target.data, target.len);
	t->target[target.len] = '\0';
	len = weir_access_format(t->line, sizeof t->line, req, access, style);
	assert_int_equal(len, strlen(t->line));
	if (in_log)
		in_log(req);
	inside--;
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

static weir_handler *handler;
static weir_req *in_hand;
static int gones;

static void handle(weir_req *req, void *arg)
{
	enter();
	handler(req, arg);
	inside--;
}

static void say_hello(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply(req, 200, "text/plain", "Hello World\n", 12);
}

static void keep(weir_req *req, void *arg)
{
	(void)arg;
	in_hand = req;
}

static void on_gone(weir_req *req, int why, void *arg)
{
	(void)req;
	(void)why;
	(void)arg;
	enter();
	gones++;
	inside--;
}

static void on_gone_end(weir_req *req, int why, void *arg)
{
	on_gone(req, why, arg);
	weir_reply_end(req);
}

static void on_end(weir_req *req, void *arg)
{
	(void)arg;
	enter();
	weir_reply_end(req);
	inside--;
}

static size_t on_data(weir_req *req, const char *data, size_t len, void *arg)
{
	(void)req;
	(void)data;
	(void)arg;
	return len;
}

static const weir_req_ops watch = {.data = on_data, .gone = on_gone};
static const weir_req_ops watch_and_end = {.data = on_data, .end = on_end, .gone = on_gone_end};

static void keep_and_read(weir_req *req, void *arg)
{
	in_hand = req;
	weir_req_on(req, &watch, arg);
}

static void read_and_end(weir_req *req, void *arg)
{
	weir_req_on(req, &watch_and_end, arg);
}

/* ---- the world ----------------------------------------------------------- */

static int open_server(weir_handler *how, const weir_server_opts *more)
{
	const weir_loop_opts loop_opts = {.alloc = test_alloc_fn, .alloc_arg = &alloc};
	weir_server_opts opts = more ? *more : (weir_server_opts){0};
	int result = weir_loop_new(&loop, &loop_opts);

	handler = how;
	opts.request = handle;
	opts.log = on_log;
	if (result == 0)
		result = weir_server_new(&server, loop, &opts);
	if (result == 0)
		result = weir_server_listen(server, NULL, "127.0.0.1:80");
	return result;
}

static void given(weir_handler *how, const weir_server_opts *more)
{
	assert_int_equal(open_server(how, more), 0);
}

static void settle(void)
{
	for (int i = 0; i < 12; i++)
		assert_true(weir_loop_step(loop, 0) >= 0);
}

static void pass(int64_t ms)
{
	const int64_t until = memio_now() + ms;

	settle();
	while (memio_now() < until) {
		int result = weir_loop_step(loop, until - memio_now());

		assert_true(result >= 0);
		if (result == 0)
			memio_pass(until - memio_now());
	}
	settle();
}

static void sends(memio_client *c, const char *text)
{
	memio_client_send_text(c, text);
	settle();
}

static const char *received(memio_client *c)
{
	return memio_client_received(c, NULL);
}

static int set_up(void **state)
{
	(void)state;
	memio_reset();
	memset(&alloc, 0, sizeof alloc);
	memset(told, 0, sizeof told);
	ntold = inside = deepest = gones = 0;
	style = WEIR_ACCESS_COMMON;
	in_log = NULL;
	in_hand = NULL;
	loop = NULL;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	weir_loop_free(loop);
	assert_int_equal(inside, 0);
	/* No function that the application calls calls it back. */
	assert_true(deepest <= 1);
	assert_int_equal(alloc.live_blocks, 0);
	assert_int_equal(memio_open_fds(), 0);
	assert_null(memio_misuse());
	return 0;
}

/* ---- when ---------------------------------------------------------------- */

static void a_request_is_told_when_it_is_over(void **state)
{
	(void)state;
	given(say_hello, NULL);
	memio_client *c = memio_client_connect(NULL);
	pass(5000);
	assert_int_equal(ntold, 0);
	sends(c, HELLO);
	assert_int_equal(ntold, 1);
	assert_told(0, "/", 200, 12, true);
	assert_int_equal(told[0].access.when, WALL + 5);
	assert_int_equal(told[0].access.ms, 0);
	memio_client_close(c);
	settle();
	assert_int_equal(ntold, 1);
}

static void time_counts_from_the_first_octet(void **state)
{
	(void)state;
	given(say_hello, NULL);
	memio_client *c = memio_client_connect(NULL);
	pass(1000);
	sends(c, "GET /a HTTP/1.1\r\n");
	pass(3000);
	sends(c, "Host: a\r\n\r\n");
	assert_told(0, "/a", 200, 12, true);
	assert_int_equal(told[0].access.when, WALL + 1);
	assert_int_equal(told[0].access.ms, 3000);
}

/* The call that ends it does not call the log. */
static void a_request_that_is_ended_later_is_told_from_the_loop(void **state)
{
	(void)state;
	given(keep, NULL);
	memio_client *c = memio_client_connect(NULL);
	sends(c, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
	pass(700);
	assert_int_equal(weir_reply(in_hand, 404, NULL, "abc", 3), 0);
	assert_int_equal(ntold, 0);
	assert_non_null(strstr(received(c), "\r\n\r\nabc"));
	settle();
	assert_int_equal(ntold, 1);
	assert_told(0, "/1", 404, 3, true);
	assert_int_equal(told[0].access.ms, 700);
	/* Now the next one is served. */
	weir_reply_end(in_hand);
	settle();
	assert_told(1, "/2", 500, 22, false);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

/* What has come meanwhile of its body, or behind it, waits and is in nobody's way. */
static void what_comes_before_the_log_has_heard_waits(void **state)
{
	(void)state;
	given(keep_and_read, NULL);
	memio_client *c = memio_client_connect(NULL);
	sends(c, POST("/1", "6") "abc");
	assert_int_equal(weir_reply(in_hand, 200, NULL, NULL, 0), 0);
	sends(c, "def" POST("/2", "1"));
	assert_int_equal(ntold, 1);
	assert_told(0, "/1", 200, 0, true);
	/* This one has no more of its body, and the client is gone in the same turn. */
	assert_int_equal(weir_reply(in_hand, 200, NULL, NULL, 0), 0);
	memio_client_reset(c);
	settle();
	assert_int_equal(ntold, 2);
	assert_int_equal(gones, 0);
	assert_int_equal(told[1].access.status, 200);
}

static void pipelined_requests_are_told_in_order(void **state)
{
	(void)state;
	given(say_hello, NULL);
	memio_client *c = memio_client_connect(NULL);
	memio_count_again();
	sends(c, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: a\r\n\r\n"
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
	sends(c, HELLO "GET /304 HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
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
	given(say_hello, &opts);
	for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++) {
		memio_client *c = memio_client_connect(NULL);
		sends(c, cases[i].request);
		assert_int_equal(ntold, i + 1);
		assert_string_equal(told[i].target, cases[i].target);
		assert_int_equal(told[i].access.status, cases[i].status);
		assert_true(told[i].access.sent > 0);
		memio_client_close(c);
		settle();
		assert_int_equal(ntold, i + 1);
	}
}

static void a_head_that_comes_too_slowly_is_told(void **state)
{
	(void)state;
	given(say_hello, NULL);
	memio_client *c = memio_client_connect(NULL);
	sends(c, "GET /a HTTP/1.1\r\n");
	pass(10100);
	assert_told(0, "", 408, 16, false);
	assert_in_range(told[0].access.ms, 10000, 10100);
	assert_string_equal(told[0].line,
	                    "127.0.0.1 - - [09/Sep/2001:01:46:40 +0000] \"-\" 408 16");
	(void)c;
}

static void a_body_that_is_refused_is_told_when_it_is_ended(void **state)
{
	(void)state;
	given(keep_and_read, NULL);
	memio_client *c = memio_client_connect(NULL);
	sends(c, "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx");
	assert_int_equal(gones, 1);
	assert_int_equal(ntold, 0);
	assert_int_equal(weir_reply(in_hand, 200, NULL, NULL, 0), WEIR_ECLOSED);
	assert_int_equal(ntold, 0);
	settle();
	assert_int_equal(ntold, 1);
	assert_string_equal(told[0].target, "/c");
	assert_int_equal(told[0].access.status, 400);
	handler = read_and_end;
	memio_client *d = memio_client_connect(NULL);
	sends(d, POST("/d", "5") "ab");
	pass(30000);
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
	given(say_hello, NULL);
	for (int i = 0; i < 3; i++) {
		memio_client *c = memio_client_connect(NULL);
		sends(c, "\r\nGET /a HT");
		ways[i](c);
		settle();
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
	given(say_hello, NULL);
	for (size_t k = 0; k < sizeof silences / sizeof *silences; k++)
		for (int i = 0; i < 3; i++) {
			memio_client *c = memio_client_connect(NULL);
			sends(c, silences[k]);
			ways[i](c);
			settle();
		}
	pass(100000);
	assert_int_equal(ntold, 6);
	for (int i = 0; i < ntold; i++)
		assert_told(i, "/", 200, 12, true);
}

/* What was answered is told, whatever it was. */
static void empty_lines_that_are_answered_are_told(void **state)
{
	(void)state;
	given(say_hello, NULL);
	memio_client *c = memio_client_connect(NULL);
	sends(c, "\r\n");
	pass(11000);
	assert_int_equal(strncmp(memio_client_received(c, NULL), "HTTP/1.1 408 ", 13), 0);
	assert_int_equal(ntold, 1);
	assert_int_equal(told[0].access.status, 408);
}

static void a_reply_that_cannot_be_sent_keeps_no_connection(void **state)
{
	(void)state;
	given(keep, NULL);
	memio_client *c = memio_client_connect(NULL);
	sends(c, HELLO);
	memio_fail(MEMIO_WRITE, 1, EPIPE);
	weir_reply(in_hand, 200, NULL, NULL, 0);
	settle();
	assert_int_equal(ntold, 1);
	assert_int_equal(told[0].access.kept, false);
	(void)c;
}

static void a_request_whose_client_leaves_is_told_when_it_is_ended(void **state)
{
	(void)state;
	given(keep_and_read, NULL);
	for (int i = 0; i < 2; i++) {
		memio_client *c = memio_client_connect(NULL);
		sends(c, HELLO);
		memio_client_reset(c);
		settle();
		assert_int_equal(gones, i + 1);
		assert_int_equal(ntold, i);
		if (i == 0)
			weir_reply(in_hand, 200, NULL, "x", 1);
		else
			weir_reply_end(in_hand);
		assert_int_equal(ntold, i);
		settle();
		assert_int_equal(ntold, i + 1);
		assert_told(i, "/", 0, 0, false);
		assert_memory_equal(told[i].line, "127.0.0.1 - - [", 15);
	}
}

static void what_was_begun_when_the_client_left_is_told(void **state)
{
	(void)state;
	given(keep_and_read, NULL);
	memio_client *c = memio_client_connect(NULL);
	sends(c, HELLO);
	weir_reply_begin(in_hand, 206, 100);
	weir_reply_write(in_hand, "0123456789", 10);
	memio_client_reset(c);
	settle();
	assert_int_equal(weir_reply_write(in_hand, "0123456789", 10), WEIR_ECLOSED);
	weir_reply_end(in_hand);
	settle();
	assert_told(0, "/", 206, 10, false);
}

static void a_request_that_is_ended_when_it_is_gone_is_told(void **state)
{
	(void)state;
	given(read_and_end, NULL);
	memio_client *c = memio_client_connect(NULL);
	sends(c, POST("/", "10") "abc");
	memio_client_reset(c);
	settle();
	assert_int_equal(gones, 1);
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
	sends(c, HELLO HELLO);
	assert_int_equal(ntold, 1);
	assert_told(0, "/", 200, 3, false);
	(void)c;
}

/* ---- servers that end ---------------------------------------------------- */

static void a_drained_server_tells_to_the_end(void **state)
{
	(void)state;
	given(keep_and_read, NULL);
	memio_client *busy = memio_client_connect(NULL), *slow = memio_client_connect(NULL);
	sends(slow, "GET /s HTT");
	sends(busy, HELLO);
	weir_server_drain(server, 1000);
	pass(2000);
	assert_int_equal(gones, 1);
	assert_int_equal(ntold, 1);
	assert_told(0, "", 0, 0, false);
	weir_reply(in_hand, 200, NULL, NULL, 0);
	settle();
	assert_told(1, "/", 0, 0, false);
}

static void the_last_reply_of_a_drained_server_is_told(void **state)
{
	(void)state;
	given(keep, NULL);
	memio_client *c = memio_client_connect(NULL);
	sends(c, HELLO);
	weir_server_drain(server, WEIR_OFF);
	weir_reply(in_hand, 200, NULL, NULL, 0);
	settle();
	assert_told(0, "/", 200, 0, false);
	(void)c;
}

/* You close it: it is silent from that moment. */
static void a_freed_server_tells_nothing(void **state)
{
	(void)state;
	given(keep, NULL);
	memio_client *c = memio_client_connect(NULL), *d = memio_client_connect(NULL);
	sends(c, HELLO);
	weir_req *first = in_hand;
	sends(d, HELLO);
	weir_reply(first, 200, NULL, NULL, 0);
	weir_server_free(server);
	settle();
	assert_int_equal(weir_reply(in_hand, 200, NULL, NULL, 0), WEIR_ECLOSED);
	settle();
	assert_int_equal(ntold, 0);
}

static void a_freed_loop_tells_nothing(void **state)
{
	(void)state;
	given(keep, NULL);
	memio_client *c = memio_client_connect(NULL), *d = memio_client_connect(NULL);
	sends(c, HELLO);
	weir_reply(in_hand, 200, NULL, NULL, 0);
	sends(d, HELLO);
	int before = ntold;
	weir_loop_free(loop);
	loop = NULL;
	assert_int_equal(ntold, before);
}

static void free_server(weir_req *req)
{
	(void)req;
	weir_server_free(server);
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
	weir_handler *const handlers[] = {say_hello, keep, read_and_end, keep_and_read};

	for (size_t r = 0; r < sizeof requests / sizeof *requests; r++)
		for (size_t h = 0; h < sizeof handlers / sizeof *handlers; h++)
			for (int way = 0; way < 4; way++) {
				set_up(state);
				given(handlers[h], NULL);
				in_log = free_server;
				memio_client *c = memio_client_connect(NULL);
				sends(c, requests[r]);
				if (in_hand && way < 3)
					weir_reply(in_hand, 200, NULL, "x", 1);
				if (way < 3)
					ways[way](c);
				settle();
				pass(100000);
				if (in_hand && way == 3)
					weir_reply(in_hand, 200, NULL, "x", 1);
				settle();
				assert_int_equal(ntold, 1);
				tear_down(state);
			}
	loop = NULL;
}

/* ---- costs --------------------------------------------------------------- */

static void no_allocation_for_a_note_on_a_warm_loop(void **state)
{
	(void)state;
	given(say_hello, NULL);
	memio_client *c = memio_client_connect(NULL);
	sends(c, HELLO HELLO);
	alloc.calls = 0;
	sends(c, HELLO HELLO);
	assert_int_equal(alloc.calls, 0);
	assert_int_equal(ntold, 4);
}

static void no_note_without_a_log(void **state)
{
	static const weir_server_opts opts = {.request = say_hello};
	weir_server *silent;

	(void)state;
	given(say_hello, NULL);
	assert_int_equal(server->pool.size, sizeof(weir_req) + sizeof(struct weir__note));
	assert_int_equal(weir_server_new(&silent, loop, &opts), 0);
	assert_int_equal(silent->pool.size, sizeof(weir_req));
	weir_server_free(silent);
}

/* Each request is told at most once, and each that is answered. */
static void every_allocation_may_fail(void **state)
{
	weir_handler *const handlers[] = {say_hello, in_pieces, read_and_end, keep};

	(void)state;
	for (size_t h = 0; h < sizeof handlers / sizeof *handlers; h++)
		for (int after = 0; after < 2; after++)
			for (size_t nth = 1;; nth++) {
				set_up(NULL);
				alloc.fail_at = nth;
				alloc.fail_after = after;
				if (open_server(handlers[h], NULL) == 0) {
					memio_client *c = memio_client_connect(NULL);
					memio_client_send_text(c, HELLO);
					for (int i = 0; i < 9; i++)
						weir_loop_step(loop, 10);
					if (in_hand)
						weir_reply(in_hand, 200, NULL, "x", 1);
					memio_client_send_text(c, "GET / HT");
					for (int i = 0; i < 9; i++)
						weir_loop_step(loop, 10);
					memio_client_close(c);
					for (int i = 0; i < 9; i++)
						weir_loop_step(loop, 1000);
					assert_in_range(ntold,
					                strstr(received(c), "\r\n\r\n") != NULL, 2);
				}
				const size_t refused = alloc.refused;
				tear_down(NULL);
				loop = NULL;
				if (!refused)
					break;
				assert_true(nth < 1000);
			}
}

/* ---- lines --------------------------------------------------------------- */

static const weir_access sample = {.when = 971186136, .sent = 2326, .status = 200};

static weir_req *asked(const char *text)
{
	memio_client *c = memio_client_connect(NULL);

	in_hand = NULL;
	sends(c, text);
	assert_non_null(in_hand);
	return in_hand;
}

static void lines_are_those_of_the_ncsa(void **state)
{
	char line[256];
	weir_req *req;

	(void)state;
	given(keep, NULL);
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
	given(say_hello, NULL);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(setenv("TZ", places[i][0], 1), 0);
		tzset();
		setlocale(LC_ALL, places[i][1]);
		memio_client *c = memio_client_connect(NULL);
		sends(c, HELLO);
		assert_non_null(strstr(received(c), "\r\nDate: Sun, 09 Sep 2001 01:46:40 GMT\r\n"));
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
	given(keep, NULL);
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
	given(keep, NULL);
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
	given(say_hello, &opts);
	for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++) {
		memio_client *c = memio_client_connect(NULL);
		snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\nForwarded: %s\r\n\r\n",
		         cases[i].client);
		sends(c, text);
		assert_memory_equal(told[i].line, cases[i].host, strlen(cases[i].host));
	}
}

static void who_comes_by_a_unix_socket_has_no_host(void **state)
{
	const struct weir__addr path = {.kind = WEIR__ADDR_UNIX, .path_len = 2, .u.path = "/x"};

	(void)state;
	given(say_hello, NULL);
	assert_int_equal(weir_server_listen(server, NULL, "unix:/x"), 0);
	memio_client *c = memio_client_connect(&path);
	assert_non_null(c);
	sends(c, HELLO);
	assert_memory_equal(told[0].line, "- - - [09/Sep", 13);
}

static void too_little_room_gives_what_fits(void **state)
{
	char whole[256], line[256];
	weir_req *req;

	(void)state;
	given(keep, NULL);
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

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

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
		T(a_reply_that_cannot_be_sent_keeps_no_connection),
		T(a_request_whose_client_leaves_is_told_when_it_is_ended),
		T(what_was_begun_when_the_client_left_is_told),
		T(a_request_that_is_ended_when_it_is_gone_is_told),
		T(a_short_reply_is_told_as_it_is),
		T(a_drained_server_tells_to_the_end),
		T(the_last_reply_of_a_drained_server_is_told),
		T(a_freed_server_tells_nothing),
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
