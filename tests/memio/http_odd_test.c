/*
 * Does the server keep its word to an application that does odd things, and where memory
 * runs out at the worst of times? Over the kernel in memory; what make coverage found
 * that no other test reaches.
 */
#include "tests/memio/http_bed.h"

#include <errno.h>
#include <string.h>

#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

/* ---- the application ---------------------------------------------------- */

static size_t claims_more(weir_req *req, const char *data, size_t len, void *arg)
{
	(void)req;
	(void)data;
	(void)arg;
	return len + 100;
}

static void on_end(weir_req *req, void *arg)
{
	bed_on_end(req, arg);
	weir_reply(req, 200, NULL, "all", 3);
}

static void a_callback_that_claims_more_than_it_was_given_has_used_all(void **state)
{
	static const weir_req_ops ops = {.data = claims_more, .end = on_end};

	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(CHUNKED);
	weir_req_on(bed.req, &ops, NULL);
	bed_sends(c, "3\r\nabc\r\n");
	bed_sends(c, "2\r\nde\r\n0\r\n\r\n" HELLO);
	assert_int_equal(bed.ends, 1);
	/* The next request was not taken for a part of the body. */
	weir_reply(bed.req, 204, NULL, NULL, 0);
	bed_settle();
	assert_int_equal(bed_count(c, "HTTP/1.1 2"), 2);
}

static void a_reply_of_less_than_no_length_is_refused(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	assert_int_equal(weir_reply_begin(bed.req, 200, WEIR_UNKNOWN - 1), WEIR_EINVALID);
	assert_int_equal(weir_reply_begin(bed.req, 200, INT64_MIN), WEIR_EINVALID);
	/* It is still ours to answer. */
	assert_true(weir_reply(bed.req, 200, NULL, "ok", 2) >= 0);
	bed_settle();
	assert_int_equal(bed_count(c, "HTTP/1.1 200 OK\r\n"), 1);
}

static void a_request_outlives_its_connection_and_its_octets(void **state)
{
	weir_str name, value;

	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	memio_client_reset(c);
	bed_settle();
	/* Whatever is asked of it, it answers. */
	(void)weir_req_method_name(bed.req);
	(void)weir_req_target(bed.req);
	(void)weir_req_path(bed.req);
	(void)weir_req_nth(bed.req, 0, &name, &value);
	assert_int_equal(weir_reply_begin(bed.req, 200, 5), WEIR_ECLOSED);
	assert_int_equal(weir_reply_write(bed.req, "abc", 3), WEIR_ECLOSED);
	assert_int_equal(weir_reply_end(bed.req), WEIR_ECLOSED);
}

static void a_body_that_will_not_come_is_not_waited_for(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(POST "Content-Length: 5\r\n\r\n");
	memio_client_finish(c);
	bed_settle();
	assert_true(weir_reply(bed.req, 200, NULL, "ok", 2) >= 0);
	bed_settle();
	assert_int_equal(bed_count(c, "HTTP/1.1 200 OK\r\n"), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

/* ---- servers that cannot be --------------------------------------------- */

static void a_server_that_cannot_listen_leaves_nothing(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	const size_t blocks = bed.alloc.live_blocks;

	assert_int_equal(weir_http_listen(bed.loop, "127.0.0.1:81", NULL, NULL), WEIR_EINVALID);
	assert_true(weir_http_listen(bed.loop, "not an address", bed_keep, NULL) < 0);
	assert_int_equal(weir_http_listen(bed.loop, "127.0.0.1:80", bed_keep, NULL), -EADDRINUSE);
	bed_settle();
	assert_int_equal(bed.alloc.live_blocks, blocks);
}

static void a_server_that_drains_does_not_listen_again(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	bed_sent(HELLO);
	weir_server_drain(bed.server, 1000);
	assert_int_equal(weir_server_listen(bed.server, NULL, "127.0.0.1:81"), WEIR_ESTATE);
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

/* ---- memory ------------------------------------------------------------- */

static void on_gone(weir_req *req, int why, void *arg)
{
	assert_true(why < 0);
	bed.req = NULL;
	bed_on_gone_end(req, why, arg);
}

static const weir_req_ops reads = {.data = bed_on_data, .gone = on_gone};

static void keep_and_read(weir_req *req, void *arg)
{
	bed_keep(req, arg);
	weir_req_on(req, &reads, NULL);
}

/* One client's body is refused while its request is in hand, in the middle of a trailer section. */
static void play_a_bad_body(void *arg)
{
	memio_client *c;

	(void)arg;
	if (bed_try_serve(keep_and_read, NULL) < 0)
		return;
	c = memio_client_connect(NULL);
	if (!c)
		return;
	bed_sends(c, CHUNKED "3\r\nabc\r\n");
	bed_sends(c, "0\r\nA: b\r\nC: d\r\nE");
	bed_sends(c, " : f\r\n\r\n");
	if (bed.req)
		weir_reply_end(bed.req);
	bed_settle();
}

static void a_bad_body_is_refused_whatever_memory_says(void **state)
{
	(void)state;
	bed_every_allocation_fails(play_a_bad_body, NULL);
}

/* A request was answered before its body came; what comes then is dropped. */
static void play_an_early_answer(void *arg)
{
	memio_client *c;

	(void)arg;
	if (bed_try_serve(bed_keep, NULL) < 0)
		return;
	c = memio_client_connect(NULL);
	if (!c)
		return;
	bed_sends(c, CHUNKED "3\r\nabc\r\n");
	if (bed.req)
		weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_sends(c, "4\r\ndefg\r\n0\r\nA: b\r\nC");
	bed_sends(c, ": d\r\n\r\n");
}

static void a_body_is_dropped_whatever_memory_says(void **state)
{
	(void)state;
	bed_every_allocation_fails(play_an_early_answer, NULL);
}

/* ---- dates -------------------------------------------------------------- */

static void clocks_that_are_not_set_have_dates_too(void **state)
{
	static const struct {
		int64_t wall;
		const char *date;
	} clocks[] = {
		{0, "Thu, 01 Jan 1970 00:00:00 GMT"},
		{-1, "Wed, 31 Dec 1969 23:59:59 GMT"},
		{-86400, "Wed, 31 Dec 1969 00:00:00 GMT"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		memio_set_wall(clocks[i].wall);
		bed_serve(bed_keep, NULL);
		memio_client *c = bed_sent(HELLO);
		weir_reply(bed.req, 200, NULL, NULL, 0);
		bed_settle();
		assert_int_equal(bed_count(c, clocks[i].date), 1);
		weir_server_free(bed.server);
		weir_loop_free(bed.loop);
		bed.server = NULL;
		bed.loop = NULL;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(a_callback_that_claims_more_than_it_was_given_has_used_all),
		HTTP_TEST(a_reply_of_less_than_no_length_is_refused),
		HTTP_TEST(a_request_outlives_its_connection_and_its_octets),
		HTTP_TEST(a_body_that_will_not_come_is_not_waited_for),
		HTTP_TEST(a_server_that_cannot_listen_leaves_nothing),
		HTTP_TEST(a_server_that_drains_does_not_listen_again),
		HTTP_TEST(a_bad_body_is_refused_whatever_memory_says),
		HTTP_TEST(a_body_is_dropped_whatever_memory_says),
		HTTP_TEST(clocks_that_are_not_set_have_dates_too),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
