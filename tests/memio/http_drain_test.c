/*
 * Does a server that is drained lose no request, and end when it says? Over the
 * kernel in memory, to the millisecond. (RFC 9112 9.6: a client cannot know that a
 * connection is about to be closed, unless it was told.)
 */
#include "tests/memio/served.h"

#include <errno.h>
#include <string.h>

#define CLOSE "Connection: close\r\n"

/* ---- what is told ------------------------------------------------------- */

static struct told {
	int times;
	int64_t at;
	int gones;        /* of requests that were told before */
	bool free_server; /* it does so */
	bool drain_again;
	bool in_call; /* weir_server_drain has not returned */
} told;

static void on_drained(weir_server *server, void *arg)
{
	assert_ptr_equal(server, served.server);
	assert_ptr_equal(arg, &told);
	assert_int_equal(weir_server_connections(server), 0);
	assert_false(told.in_call);
	told.times++;
	told.at = memio_now();
	told.gones = served.gones;
	if (told.drain_again)
		weir_server_drain(server, 10);
	if (told.free_server)
		weir_server_free(server);
}

static int setup(void **state)
{
	told = (struct told){0};
	return served_setup(state);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, served_teardown)

static void given(weir_handler *handler, weir_server_opts opts)
{
	opts.request = handler;
	opts.arg = &told;
	opts.drained = on_drained;
	served_open(&opts);
}

static void drain(int64_t grace_ms)
{
	told.in_call = true;
	weir_server_drain(served.server, grace_ms);
	told.in_call = false;
}

static void assert_closed_without_a_word(memio_client *c)
{
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	assert_string_equal(served_received(c), "");
}

/* ---- nobody is there ---------------------------------------------------- */

static void without_connections_it_is_drained_in_the_next_turn(void **state)
{
	(void)state;
	given(served_hello, (weir_server_opts){0});
	served_pass(1000);
	drain(60000);
	assert_int_equal(told.times, 0);
	assert_int_equal(weir_loop_run(served.loop), 0);
	assert_int_equal(told.times, 1);
	assert_int_equal(told.at, 1000);
	assert_null(memio_client_connect(NULL));
}

static void the_last_connection_to_leave_drains_it(void **state)
{
	(void)state;
	given(served_keep, (weir_server_opts){0});
	memio_client *a = served_client(), *b = served_client(), *c = served_client();
	served_sends(b, HELLO);
	drain(WEIR_OFF);
	memio_client_close(a);
	served_settle();
	memio_client_reset(b);
	served_settle();
	assert_int_equal(told.times, 0);
	memio_client_finish(c);
	served_settle();
	/* The request of one that has left is the application's still. */
	assert_int_equal(told.times, 1);
	assert_int_equal(weir_reply(served.req, 200, NULL, NULL, 0), WEIR_ECLOSED);
	served_pass(100000);
	assert_int_equal(told.times, 1);
}

/* ---- who is idle may ask once more -------------------------------------- */

static void an_idle_connection_may_ask_once_more(void **state)
{
	(void)state;
	given(served_hello, (weir_server_opts){0});
	memio_client *c = served_client();
	served_asks(c);
	drain(60000);
	served_pass(4800);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	served_sends(c, HELLO);
	assert_int_equal(served_status(c), 200);
	assert_int_equal(served_count(c, CLOSE), 1);
	/* Our end is sent; the client's is awaited, so that the reply arrives. */
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	assert_int_equal(told.times, 0);
	memio_client_finish(c);
	served_settle();
	assert_int_equal(told.times, 1);
}

static void whoever_does_not_is_closed(void **state)
{
	(void)state;
	given(served_hello, (weir_server_opts){0});
	memio_client *idle = served_client(), *silent = served_client();
	served_asks(idle);
	drain(60000);
	served_pass(4900);
	assert_int_equal(memio_client_closed(idle), MEMIO_OPEN);
	assert_int_equal(memio_client_closed(silent), MEMIO_OPEN);
	served_pass(200);
	assert_closed_without_a_word(idle);
	assert_closed_without_a_word(silent);
	assert_int_equal(told.times, 1);
}

static void one_that_has_sent_nothing_may_ask_once(void **state)
{
	(void)state;
	given(served_hello, (weir_server_opts){0});
	memio_client *c = served_client();
	drain(60000);
	served_pass(4800);
	/* Its head may take as long as any other. */
	served_sends(c, "GET / HTTP/1.1\r\n");
	served_pass(9800);
	served_sends(c, "Host: a\r\n\r\n" HELLO);
	assert_int_equal(served_count(c, "HTTP/1.1 200"), 1);
	assert_int_equal(served_count(c, CLOSE), 1);
}

static void the_patience_is_an_option_and_no_more_than_was_left(void **state)
{
	(void)state;
	given(served_hello, (weir_server_opts){.drain_idle_ms = 20000});
	memio_client *fresh = served_client(), *idle = served_client();
	served_asks(idle);
	drain(60000);
	/* Which would have been closed sooner still is. */
	served_pass(9900);
	assert_int_equal(memio_client_closed(fresh), MEMIO_OPEN);
	served_pass(200);
	assert_closed_without_a_word(fresh);
	served_pass(9700);
	assert_int_equal(memio_client_closed(idle), MEMIO_OPEN);
	served_pass(400);
	assert_closed_without_a_word(idle);
}

static void the_patience_ends_with_the_grace(void **state)
{
	(void)state;
	given(served_hello, (weir_server_opts){0});
	memio_client *c = served_client();
	served_asks(c);
	drain(1000);
	served_pass(990);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	served_pass(20);
	assert_closed_without_a_word(c);
	assert_int_equal(told.times, 1);
	assert_in_range(told.at, 1000, 1020);
}

static void without_patience_the_idle_are_closed_at_once(void **state)
{
	(void)state;
	given(served_keep, (weir_server_opts){.drain_idle_ms = WEIR_OFF});
	memio_client *idle = served_client(), *silent = served_client(), *busy = served_client();
	served_sends(idle, HELLO);
	weir_reply(served.req, 200, NULL, NULL, 0);
	served_settle();
	memio_client_forget(idle);
	served_sends(busy, HELLO);
	drain(60000);
	served_settle();
	assert_closed_without_a_word(idle);
	assert_closed_without_a_word(silent);
	assert_int_equal(told.times, 0);
	weir_reply(served.req, 200, NULL, NULL, 0);
	memio_client_finish(busy);
	served_settle();
	assert_int_equal(served_count(busy, CLOSE), 1);
	assert_int_equal(told.times, 1);
}

/* A reply is not cut off for that nobody works on it any more. */
static void without_patience_replies_still_arrive(void **state)
{
	static char body[30000];

	(void)state;
	given(served_keep, (weir_server_opts){.drain_idle_ms = WEIR_OFF});
	memio_client *c = served_client();
	memio_client_window(c, 1000);
	memio_client_send_text(c, HELLO);
	memio_client_finish(c);
	served_settle();
	weir_reply(served.req, 200, NULL, body, sizeof body);
	served_settle();
	drain(60000);
	served_settle();
	memio_client_window(c, SIZE_MAX);
	served_settle();
	size_t len;
	memio_client_received(c, &len);
	assert_true(len > sizeof body);
	assert_int_equal(told.times, 1);
}

/* ---- who is busy finishes ----------------------------------------------- */

static void a_busy_connection_ends_with_its_reply(void **state)
{
	(void)state;
	given(served_keep, (weir_server_opts){0});
	memio_client *c = served_client();
	served_sends(c, HELLO HELLO);
	drain(60000);
	served_pass(30000);
	assert_int_equal(weir_reply(served.req, 200, NULL, "late", 4), 0);
	served_settle();
	assert_int_equal(served_count(c, CLOSE), 1);
	assert_int_equal(served_count(c, "HTTP/1.1 "), 1);
	/* What was behind it was told that it is not answered. */
	assert_int_equal(served.requests, 1);
	served_pass(2100);
	assert_int_equal(told.times, 1);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

static void half_a_head_is_no_idle_connection(void **state)
{
	(void)state;
	given(served_hello, (weir_server_opts){.drain_idle_ms = 100});
	memio_client *c = served_client();
	served_asks(c);
	served_sends(c, "GET / HTTP/1.1\r\nHost:");
	drain(60000);
	served_pass(9000);
	served_sends(c, " a\r\n\r\n");
	assert_int_equal(served_status(c), 200);
	assert_int_equal(served_count(c, CLOSE), 1);
}

/* Its head could not say that it is the last one. */
static void a_reply_that_had_begun_is_not_the_last(void **state)
{
	(void)state;
	given(served_keep, (weir_server_opts){0});
	memio_client *c = served_client();
	served_sends(c, HELLO);
	weir_reply_begin(served.req, 200, 4);
	drain(60000);
	weir_reply_write(served.req, "text", 4);
	weir_reply_end(served.req);
	served_settle();
	assert_int_equal(served_count(c, CLOSE), 0);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	served_pass(4000);
	served_sends(c, HELLO);
	assert_int_equal(served.requests, 2);
	assert_int_equal(told.times, 0);
	weir_reply(served.req, 200, NULL, NULL, 0);
	assert_int_equal(served_count(c, CLOSE), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

static void after_it_the_patience_begins(void **state)
{
	(void)state;
	given(served_keep, (weir_server_opts){0});
	memio_client *c = served_client();
	served_sends(c, HELLO);
	weir_reply_begin(served.req, 200, 0);
	drain(60000);
	served_pass(20000);
	weir_reply_end(served.req);
	served_pass(4900);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	served_pass(200);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	assert_int_equal(told.times, 1);
}

/* ---- the deadline ------------------------------------------------------- */

static void what_is_held_at_the_deadline_is_gone(void **state)
{
	(void)state;
	given(served_keep, (weir_server_opts){0});
	memio_client *c = served_client(), *d = served_client();
	served_sends(c, HELLO);
	weir_req *first = served.req;
	served_sends(d, HELLO);
	drain(1000);
	served_pass(990);
	assert_int_equal(served.gones, 0);
	served_pass(50);
	assert_int_equal(served.gones, 2);
	assert_int_equal(served.why, WEIR_ECLOSED);
	assert_closed_without_a_word(c);
	assert_closed_without_a_word(d);
	/* They are told before the server is. */
	assert_int_equal(told.times, 1);
	assert_int_equal(told.gones, 2);
	assert_in_range(told.at, 1000, 1050);
	assert_int_equal(weir_reply(first, 200, NULL, NULL, 0), WEIR_ECLOSED);
	assert_int_equal(weir_reply_end(served.req), WEIR_ECLOSED);
	assert_int_equal(weir_loop_run(served.loop), 0);
}

static void the_earlier_deadline_holds(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		setup(NULL);
		given(served_keep, (weir_server_opts){0});
		memio_client *c = served_client();
		served_sends(c, HELLO);
		drain(order ? 3000 : INT64_MAX);
		served_pass(1000);
		drain(order ? INT64_MAX : 2000);
		drain(WEIR_OFF);
		served_pass(1900);
		assert_int_equal(served.gones, 0);
		served_pass(200);
		assert_int_equal(served.gones, 1);
		assert_int_equal(told.times, 1);
		weir_reply_end(served.req);
		served_teardown(NULL);
	}
	setup(NULL);
	given(served_hello, (weir_server_opts){0});
}

static void a_slow_reader_does_not_pass_the_deadline(void **state)
{
	static char body[100000];

	(void)state;
	given(served_keep, (weir_server_opts){0});
	memio_client *c = served_client();
	memio_client_window(c, 1000);
	served_sends(c, HELLO);
	weir_reply(served.req, 200, NULL, body, sizeof body);
	served_settle();
	drain(3000);
	for (int i = 0; i < 29; i++) {
		served_pass(100);
		memio_client_read(c, 500);
	}
	assert_int_equal(told.times, 0);
	served_pass(150);
	assert_int_equal(told.times, 1);
}

/* Without patience a reply that has begun ends the connection, whatever was sent behind its request. */
static void without_patience_no_further_request_is_begun(void **state)
{
	(void)state;
	given(served_keep, (weir_server_opts){.drain_idle_ms = WEIR_OFF});
	memio_client *c = served_client();
	served_sends(c, HELLO HELLO);
	assert_int_equal(weir_reply_begin(served.req, 200, 0), 0);
	drain(WEIR_OFF);
	assert_int_equal(weir_reply_end(served.req), 0);
	served_settle();
	assert_int_equal(served.requests, 1);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

/* Where it is shorter than that of a drained server. */
static void the_usual_patience_still_counts(void **state)
{
	(void)state;
	given(served_keep, (weir_server_opts){.idle_ms = 1000});
	memio_client *c = served_client();
	served_sends(c, HELLO);
	assert_int_equal(weir_reply_begin(served.req, 200, 0), 0);
	drain(WEIR_OFF);
	assert_int_equal(weir_reply_end(served.req), 0);
	served_pass(900);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	served_pass(300);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

/* ---- the callback ------------------------------------------------------- */

static void it_is_told_once(void **state)
{
	(void)state;
	told.drain_again = true;
	given(served_hello, (weir_server_opts){0});
	served_asks(served_client());
	drain(100);
	served_pass(1000);
	drain(0);
	served_pass(1000);
	assert_int_equal(told.times, 1);
	weir_listener *listener = (weir_listener *)(void *)&told;
	assert_int_equal(weir_server_listen(served.server, &listener, "127.0.0.1:80"), WEIR_ESTATE);
	assert_null(listener);
}

static void the_server_may_be_freed_in_it(void **state)
{
	(void)state;
	for (int held = 0; held < 2; held++) {
		setup(NULL);
		told.free_server = true;
		given(served_keep, (weir_server_opts){0});
		memio_client *c = served_client();
		if (held)
			served_sends(c, HELLO);
		drain(WEIR_OFF);
		memio_client_reset(c);
		served_settle();
		assert_int_equal(told.times, 1);
		if (held) {
			/* What is in hand outlives the server. */
			assert_null(weir_req_server(served.req));
			assert_int_equal(weir_reply_end(served.req), WEIR_ECLOSED);
		}
		served_teardown(NULL);
	}
	setup(NULL);
	given(served_hello, (weir_server_opts){0});
}

static void who_frees_the_server_is_not_told(void **state)
{
	(void)state;
	for (int held = 0; held < 2; held++) {
		setup(NULL);
		given(served_keep, (weir_server_opts){0});
		if (held)
			served_sends(served_client(), HELLO);
		drain(WEIR_OFF);
		weir_server_free(served.server);
		served_pass(1000);
		assert_int_equal(told.times, 0);
		assert_int_equal(served.gones, held);
		if (held)
			weir_reply_end(served.req);
		served_teardown(NULL);
	}
	setup(NULL);
	given(served_hello, (weir_server_opts){0});
}

static void nor_while_it_is_owed(void **state)
{
	(void)state;
	given(served_keep, (weir_server_opts){0});
	memio_client *c = served_client();
	served_sends(c, HELLO);
	memio_client_reset(c);
	served_settle();
	drain(WEIR_OFF);
	weir_server_free(served.server);
	/* The server's memory is there as long as this request. */
	served_pass(1000);
	assert_int_equal(told.times, 0);
	weir_reply_end(served.req);
}

/* The loop goes while it is owed. */
static void who_frees_the_loop_is_not_told(void **state)
{
	(void)state;
	given(served_hello, (weir_server_opts){0});
	drain(WEIR_OFF);
	weir_loop_free(served.loop);
	served.loop = NULL;
	assert_int_equal(told.times, 0);
}

/* ---- a loop that is drained --------------------------------------------- */

static void a_loop_ends_at_once_without_clients(void **state)
{
	(void)state;
	given(served_hello, (weir_server_opts){0});
	memio_client_close(served_client());
	served_settle();
	weir_loop_drain(served.loop);
	assert_int_equal(weir_loop_run(served.loop), 0);
	assert_int_equal(memio_now(), 0);
	assert_int_equal(told.times, 1);
}

static void a_loop_waits_for_those_who_are_idle(void **state)
{
	(void)state;
	given(served_hello, (weir_server_opts){0});
	memio_client *c = served_client();
	served_asks(c);
	weir_loop_drain(served.loop);
	assert_int_equal(weir_loop_run(served.loop), 0);
	assert_in_range(memio_now(), 5000, 5100);
	assert_closed_without_a_word(c);
	assert_int_equal(told.times, 1);
}

/* test-http (Node 0.6): the server is closed inside the 2nd request; both are answered, and
   then the program ends by itself. */
static void close_in_second(weir_req *req, void *arg)
{
	if (served.requests == 1)
		weir_server_drain(weir_req_server(req), WEIR_OFF);
	served_target(req, arg);
}

static void a_handler_may_drain_its_server(void **state)
{
	(void)state;
	given(close_in_second, (weir_server_opts){0});
	memio_client *c = served_client();
	served_sends(c, "GET /hello HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nFoo: bar\r\n\r\n");
	served_pass(1);
	served_sends(c, "POST /world HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(served_count(c, "\r\n\r\n/hello"), 1);
	assert_int_equal(served_count(c, CLOSE "\r\n/world"), 1);
	memio_client_finish(c);
	assert_int_equal(weir_loop_run(served.loop), 0);
	assert_int_equal(memio_now(), 1);
	assert_int_equal(told.times, 1);
}

/* test-http-eof-on-connect (Node 0.6): the very first client leaves without an octet. */
static void a_client_that_said_nothing_holds_nothing(void **state)
{
	(void)state;
	given(served_hello, (weir_server_opts){0});
	memio_client *c = memio_client_connect(NULL);
	memio_client_reset(c);
	served_settle();
	drain(WEIR_OFF);
	assert_int_equal(weir_loop_run(served.loop), 0);
	assert_int_equal(told.times, 1);
	assert_int_equal(served.requests, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(without_connections_it_is_drained_in_the_next_turn),
		T(the_last_connection_to_leave_drains_it),
		T(an_idle_connection_may_ask_once_more),
		T(whoever_does_not_is_closed),
		T(one_that_has_sent_nothing_may_ask_once),
		T(the_patience_is_an_option_and_no_more_than_was_left),
		T(the_patience_ends_with_the_grace),
		T(without_patience_the_idle_are_closed_at_once),
		T(without_patience_replies_still_arrive),
		T(the_usual_patience_still_counts),
		T(without_patience_no_further_request_is_begun),
		T(a_busy_connection_ends_with_its_reply),
		T(half_a_head_is_no_idle_connection),
		T(a_reply_that_had_begun_is_not_the_last),
		T(after_it_the_patience_begins),
		T(what_is_held_at_the_deadline_is_gone),
		T(the_earlier_deadline_holds),
		T(a_slow_reader_does_not_pass_the_deadline),
		T(it_is_told_once),
		T(the_server_may_be_freed_in_it),
		T(who_frees_the_server_is_not_told),
		T(nor_while_it_is_owed),
		T(who_frees_the_loop_is_not_told),
		T(a_loop_ends_at_once_without_clients),
		T(a_loop_waits_for_those_who_are_idle),
		T(a_handler_may_drain_its_server),
		T(a_client_that_said_nothing_holds_nothing),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
