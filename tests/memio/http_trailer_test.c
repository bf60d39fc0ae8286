/*
 * Do trailer fields reach the application, and the client, and nothing but them? Over the
 * kernel in memory. Names in comments are those of Node's own tests of 2011 (v0.6).
 */
#include "tests/memio/http_bed.h"

#include <stdio.h>
#include <string.h>

#include "core/stream.h"
#include "http/conn.h"

#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nX-Head: h\r\nTransfer-Encoding: chunked\r\n\r\n"
#define BODY "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n"
#define UPLOAD                                                                                     \
	CHUNKED BODY "X-Sum: 1234\r\nContent-Length: 5\r\nHost: b\r\nx-more:  and more \r\n\r\n"

/* ---- the application ---------------------------------------------------- */

static struct app {
	size_t most;      /* data uses at most so much of an offer */
	char body[100];   /* what data used */
	char said[20000]; /* the trailers, a line each, as `end` saw them */
	bool stays;       /* the request is not answered in `end` */
} app;

static void list(const weir_req *req, char *out, size_t size)
{
	weir_str name, value;

	*out = '\0';
	for (unsigned i = 0; weir_req_nth_trailer(req, i, &name, &value); i++) {
		const size_t len = strlen(out);

		snprintf(out + len, size - len, "%.*s=%.*s\n", (int)name.len, name.data,
		         (int)value.len, value.data);
	}
}

/* Before the end of the body there are none, whatever was read already. */
static void has_none(const weir_req *req)
{
	weir_str name, value;

	assert_null(weir_req_trailer(req, "X-Sum").data);
	assert_int_equal(weir_req_nth_trailer(req, 0, &name, &value), 0);
}

static size_t on_data(weir_req *req, const char *data, size_t len, void *arg)
{
	const size_t used = len < app.most ? len : app.most;
	const size_t before = strlen(app.body);

	(void)arg;
	bed_enter();
	has_none(req);
	assert_true(before + used < sizeof app.body);
	memcpy(app.body + before, data, used);
	bed_leave();
	return used;
}

static void on_end(weir_req *req, void *arg)
{
	bed_on_end(req, arg);
	bed_enter();
	list(req, app.said, sizeof app.said);
	if (!app.stays)
		weir_reply(req, 200, NULL, NULL, 0);
	bed_leave();
}

static void on_gone(weir_req *req, int why, void *arg)
{
	bed_on_gone(req, why, arg);
	if (!app.stays)
		weir_reply_end(req);
}

static const weir_req_ops ops = {.data = on_data, .end = on_end, .gone = on_gone};

static void read_it(weir_req *req, void *arg)
{
	(void)arg;
	has_none(req);
	bed.req = req;
	weir_req_on(req, &ops, NULL);
}

static int set_up(void **state)
{
	memset(&app, 0, sizeof app);
	app.most = SIZE_MAX;
	return bed_setup(state);
}

/* ---- of requests -------------------------------------------------------- */

/* test-http-parser: trailers are delivered after the body, here however they are cut. */
static void trailers_are_there_when_the_body_has_ended(void **state)
{
	static const char text[] = UPLOAD;

	(void)state;
	for (size_t cut = 0; cut < sizeof text; cut++) {
		set_up(NULL);
		bed_serve(read_it, NULL);
		memio_client *c = bed_client();
		memio_client_send(c, text, cut);
		bed_settle();
		memio_client_send(c, text + cut, sizeof text - 1 - cut);
		bed_settle();
		assert_string_equal(app.body, "abcdefg");
		/* Those that frame or route are passed over. */
		assert_string_equal(app.said, "X-Sum=1234\nx-more=and more\n");
		assert_int_equal(bed.ends, 1);
		bed_teardown(NULL);
	}
	for (size_t step = 1; step < 9; step++) {
		set_up(NULL);
		bed_serve(read_it, NULL);
		memio_short_reads(step);
		bed_sent(UPLOAD);
		bed_pass(100);
		assert_string_equal(app.said, "X-Sum=1234\nx-more=and more\n");
		bed_teardown(NULL);
	}
}

static void they_are_no_fields(void **state)
{
	weir_str name, value;

	(void)state;
	bed_serve(read_it, NULL);
	app.stays = true;
	bed_sends(bed_client(), UPLOAD);
	assert_null(weir_req_field(bed.req, "X-Sum").data);
	assert_true(bed_is(weir_req_field(bed.req, "host"), "a"));
	assert_int_equal(weir_req_nth(bed.req, 3, &name, &value), 0);
	assert_null(weir_req_trailer(bed.req, "X-Head").data);
	assert_null(weir_req_trailer(bed.req, "Host").data);
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

static void they_stay_until_the_request_is_ended(void **state)
{
	(void)state;
	bed_serve(read_it, NULL);
	app.stays = true;
	memio_client *c = bed_sent(UPLOAD HELLO);
	bed_pass(1000);
	assert_true(bed_is(weir_req_trailer(bed.req, "x-SUM"), "1234"));
	assert_true(bed_is(weir_req_trailer(bed.req, "X-More"), "and more"));
	assert_null(weir_req_trailer(bed.req, "X-Mor").data);
	memio_client_reset(c);
	bed_settle();
	assert_int_equal(bed.gones, 1);
	weir_server_free(bed.server);
	bed_settle();
	assert_true(bed_is(weir_req_trailer(bed.req, "x-SUM"), "1234"));
	weir_reply_end(bed.req);
}

/* What is left of the content is moved together, over what stood behind it. */
static void they_do_not_mind_content_that_is_not_taken(void **state)
{
	(void)state;
	for (size_t most = 0; most < 8; most++) {
		set_up(NULL);
		bed_serve(read_it, NULL);
		app.most = most;
		bed_sends(bed_client(), UPLOAD);
		assert_string_equal(app.said, "X-Sum=1234\nx-more=and more\n");
		bed_teardown(NULL);
	}
}

static void the_next_request_has_none(void **state)
{
	(void)state;
	bed_serve(read_it, NULL);
	memio_client *c = bed_sent(UPLOAD CHUNKED BODY "\r\n");
	assert_int_equal(bed.ends, 2);
	assert_string_equal(app.said, "");
	bed_sends(c, UPLOAD CHUNKED BODY "Host: c\r\n\r\n");
	assert_int_equal(bed.ends, 4);
	assert_string_equal(app.said, "");
	bed_sends(c, UPLOAD HELLO);
	assert_int_equal(bed.ends, 6);
	assert_string_equal(app.said, "");
}

static void drop_it(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply(req, 200, NULL, NULL, 0);
}

static void of_a_body_that_nobody_reads_they_are_dropped(void **state)
{
	(void)state;
	bed_serve(drop_it, NULL);
	memio_client *c = bed_sent(UPLOAD UPLOAD HELLO);
	assert_int_equal(bed_count(c, " 200 OK"), 3);
}

/* The field that is cut is still the parser's, though nobody wants it any more: none of
   another client's may stand in its place. */
static void so_are_those_that_are_cut_when_the_request_ends(void **state)
{
	static const char text[] = CHUNKED "3\r\nabc\r\n0\r\nX-Sum: 1234\r\nx-more: 5\r\n\r\n";
	static char far[130];

	(void)state;
	memset(far, 'x', sizeof far);
	for (size_t cut = sizeof text - 30; cut < sizeof text; cut++) {
		set_up(NULL);
		bed_serve(read_it, NULL);
		app.stays = true;
		memio_client *c = bed_client();
		memio_client_send(c, text, cut);
		bed_settle();
		weir_req *req = bed.req;
		memio_client *other = bed_client();
		memio_client_send_text(other, CHUNKED "0\r\nHost: ");
		memio_client_send(other, far, sizeof far);
		bed_sends(other, "\r\nHost: b\r\n\r\n");

		weir_reply(req, 200, NULL, NULL, 0);
		bed_sends(c, text + cut);
		bed_sends(c, HELLO);
		weir_reply(bed.req, 200, NULL, NULL, 0);
		assert_int_equal(bed_count(c, " 200 OK"), 2);
		bed_teardown(NULL);
	}
}

/* While one client is at them, another one sends its own. */
static void those_of_others_do_not_mix_with_them(void **state)
{
	(void)state;
	bed_serve(read_it, NULL);
	memio_client *c = bed_sent(CHUNKED "0\r\nX-A: 1\r\nX-B: 2\r\nX-");
	bed_sent(CHUNKED "0\r\nLong-Name: 33333\r\nOther: 4\r\n\r\n");
	assert_string_equal(app.said, "Long-Name=33333\nOther=4\n");
	bed_sends(c, "C: 5\r\n\r\n");
	assert_string_equal(app.said, "X-A=1\nX-B=2\nX-C=5\n");
}

/* The head's limit is not theirs. */
static void their_number_does_not_depend_on_that_of_fields(void **state)
{
	(void)state;
	bed_serve(read_it, &(weir_server_opts){.max_fields = 3});
	bed_sent(CHUNKED "0\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n");
	assert_string_equal(app.said, "A=1\nB=2\nC=3\nD=4\n");
}

static void they_cost_what_they_are(void **state)
{
	static const char head[] = CHUNKED BODY;
	char line[40];

	(void)state;
	bed_serve(read_it, NULL);
	app.stays = true;
	/* The same without trailers, to compare with. */
	bed_sends(bed_client(), CHUNKED BODY "\r\n");
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_sends(bed_client(), CHUNKED BODY "\r\n");
	const size_t before = bed.alloc.live_octets;
	weir_reply(bed.req, 200, NULL, NULL, 0);
	memio_client *c = bed_sent(head);
	for (int i = 0; i < 64; i++) {
		snprintf(line, sizeof line, "X-%02d: %0*d\r\n", i, 20, i);
		bed_sends(c, line);
	}
	bed_sends(c, "\r\n");
	assert_int_equal(bed.ends, 3);
	assert_true(bed_is(weir_req_trailer(bed.req, "x-63"), "00000000000000000063"));
	const size_t each = sizeof(weir_field) + 4 + 20;
	assert_in_range(bed.alloc.live_octets, before,
	                before + sizeof(weir_stream) + 64 * each + 2 * sizeof(weir_field));
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

/* ---- of replies --------------------------------------------------------- */

static void say_and_trail(weir_req *req, void *arg)
{
	(void)arg;
	assert_int_equal(weir_reply_trailer(req, "X-Sum", "1"), WEIR_ESTATE);
	weir_reply_begin(req, 200, WEIR_UNKNOWN);
	assert_int_equal(weir_reply_trailer(req, "X-Sum", "1"), 0);
	weir_reply_write(req, "abc", 3);
	assert_int_equal(weir_reply_trailer(req, "X-More", "two words"), 0);
	assert_int_equal(weir_reply_end(req), 0);
}

/* test-http-set-trailers: behind the last chunk, and not to HTTP/1.0. */
static void trailers_are_sent_behind_the_last_chunk(void **state)
{
	(void)state;
	bed_serve(say_and_trail, NULL);
	memio_client *c = bed_sent(HELLO HELLO);
	assert_int_equal(bed_count(c, "\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n"
	                              "X-More: two words\r\n\r\n"),
	                 2);
	assert_int_equal(bed_count(c, "X-Sum"), 2);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);

	c = bed_sent("GET / HTTP/1.0\r\n\r\n");
	bed_assert_has(c, "\r\n\r\nabc");
	bed_assert_lacks(c, "X-Sum");

	c = bed_sent("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
	bed_assert_lacks(c, "X-Sum");
	assert_string_equal(bed_received(c),
	                    "HTTP/1.1 200 OK\r\n" BED_DATE "Transfer-Encoding: chunked\r\n\r\n");
}

static void also_later(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	assert_int_equal(weir_reply_field(bed.req, "Trailer", "X-Sum"), 0);
	weir_reply_begin(bed.req, 200, WEIR_UNKNOWN);
	bed_pass(100);
	weir_reply_trailer(bed.req, "X-Sum", "1");
	bed_pass(100);
	weir_reply_end(bed.req);
	assert_string_equal(bed_received(c), "HTTP/1.1 200 OK\r\n" BED_DATE
	                                     "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n"
	                                     "\r\n0\r\nX-Sum: 1\r\n\r\n");
}

static void a_reply_with_a_length_has_none(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	weir_reply_begin(bed.req, 200, 3);
	assert_int_equal(weir_reply_trailer(bed.req, "X-Sum", "1"), WEIR_ESTATE);
	weir_reply_write(bed.req, "abc", 3);
	weir_reply_end(bed.req);
	bed_assert_lacks(c, "X-Sum");

	bed_sends(c, HELLO);
	memio_client_reset(c);
	bed_settle();
	assert_int_equal(weir_reply_trailer(bed.req, "X-Sum", "1"), WEIR_ECLOSED);
	weir_reply_end(bed.req);
}

static void what_is_no_trailer_is_refused(void **state)
{
	/* RFC 9110 6.5.1: message framing, routing, request modifiers, authentication,
	   response control data, content. */
	static const char *const names[] = {
		"Transfer-Encoding",
		"Content-Length",
		"HOST",
		"te",
		"Trailer",
		"Connection",
		"Upgrade",
		"Keep-Alive",
		"Cache-Control",
		"Max-Forwards",
		"If-Match",
		"Range",
		"Authorization",
		"Set-Cookie",
		"Cookie",
		"WWW-Authenticate",
		"Age",
		"Expires",
		"Date",
		"Location",
		"Retry-After",
		"Vary",
		"Content-Type",
		"Content-Encoding",
		"Content-Range",
		"",
		"X Sum",
		"X:Sum",
	};

	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	weir_reply_begin(bed.req, 200, WEIR_UNKNOWN);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (weir_reply_trailer(bed.req, names[i], "1") != WEIR_EINVALID)
			fail_msg("%s", names[i]);
	assert_int_equal(weir_reply_trailer(bed.req, "X-Sum", "1\r\nX: y"), WEIR_EINVALID);
	assert_int_equal(weir_reply_trailer(bed.req, "X-Sum", "\x7f"), WEIR_EINVALID);
	assert_int_equal(weir_reply_trailer(bed.req, "X-Empty", ""), 0);
	assert_int_equal(weir_reply_trailer(bed.req, "Server-Timing", "\ttotal \xff"), 0);
	weir_reply_end(bed.req);
	bed_assert_has(c, "\r\n0\r\nX-Empty: \r\n"
	                  "Server-Timing: \ttotal \xff\r\n\r\n");
}

static void their_length_has_a_limit(void **state)
{
	static char value[16 * 1024];
	weir_server_opts opts = {.max_queue = 20000};

	(void)state;
	bed_serve(bed_keep, &opts);
	memio_client *c = bed_sent(HELLO);
	memio_client_window(c, 0);
	weir_reply_begin(bed.req, 200, WEIR_UNKNOWN);
	memset(value, 'v', sizeof value - 1);
	assert_int_equal(weir_reply_trailer(bed.req, "X", value), WEIR_EFULL);
	value[16 * 1024 - 9] = '\0';
	assert_int_equal(weir_reply_trailer(bed.req, "Y", value), 0);
	assert_int_equal(weir_reply_trailer(bed.req, "Z", ""), WEIR_EFULL);
	/* There is room for them behind a queue that is full. */
	while (weir_reply_write(bed.req, value, 1000) >= 0)
		continue;
	while (weir_reply_write(bed.req, value, 1) >= 0)
		continue;
	assert_int_equal(weir_reply_end(bed.req), 0);
	memio_client_window(c, SIZE_MAX);
	bed_settle();
	const char *last = strstr(bed_received(c), "\r\n0\r\nY: v");
	assert_non_null(last);
	assert_int_equal(strlen(last), 5 + 3 + strlen(value) + 4);
}

static void no_allocation_for_them_on_a_warm_loop(void **state)
{
	(void)state;
	bed_serve(say_and_trail, NULL);
	memio_client *c = bed_sent(HELLO);
	bed.alloc.calls = 0;
	for (int i = 0; i < 10; i++)
		bed_sends(c, HELLO HELLO);
	assert_int_equal(bed.alloc.calls, 0);
}

/* ---- memory ------------------------------------------------------------- */

static void read_and_trail(weir_req *req, void *arg)
{
	(void)arg;
	if (weir_reply_begin(req, 200, WEIR_UNKNOWN) >= 0)
		weir_reply_trailer(req, "X-Sum", "1");
	weir_req_on(req, &ops, NULL);
}

static void play(void *arg)
{
	static const char text[] = UPLOAD;

	(void)arg;
	app = (struct app){.most = SIZE_MAX, .stays = true};
	if (bed_try_serve(read_and_trail, NULL) < 0)
		return;
	memio_client *c = memio_client_connect(NULL);
	if (!c)
		return;
	for (size_t at = 0; at < sizeof text - 1; at += 37) {
		const size_t left = sizeof text - 1 - at;

		memio_client_send(c, text + at, left < 37 ? left : 37);
		weir_loop_step(bed.loop, 0);
	}
	for (int i = 0; i < 10 && weir_loop_step(bed.loop, 100) >= 0; i++)
		continue;
	memio_client_reset(c);
	for (int i = 0; i < 10 && weir_loop_step(bed.loop, 1000) >= 0; i++)
		continue;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	bed_every_allocation_fails(play, NULL);
	/* And in the last run, in which none did: */
	assert_string_equal(app.said, "X-Sum=1234\nx-more=and more\n");
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(trailers_are_there_when_the_body_has_ended),
		T(they_are_no_fields),
		T(they_stay_until_the_request_is_ended),
		T(they_do_not_mind_content_that_is_not_taken),
		T(the_next_request_has_none),
		T(of_a_body_that_nobody_reads_they_are_dropped),
		T(so_are_those_that_are_cut_when_the_request_ends),
		T(those_of_others_do_not_mix_with_them),
		T(their_number_does_not_depend_on_that_of_fields),
		T(they_cost_what_they_are),
		T(trailers_are_sent_behind_the_last_chunk),
		T(also_later),
		T(a_reply_with_a_length_has_none),
		T(what_is_no_trailer_is_refused),
		T(their_length_has_a_limit),
		T(no_allocation_for_them_on_a_warm_loop),
		T(every_allocation_may_fail),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
