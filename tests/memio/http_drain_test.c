/*
 * Does a server that is drained lose no request, and end when it says? Over the
 * kernel in memory, to the millisecond. (RFC 9112 9.6: a client cannot know that a
 * connection is about to be closed, unless it was told.)
 */
#include "tests/memio/http_bed.h"

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
	assert_ptr_equal(server, bed.server);
	assert_ptr_equal(arg, &told);
	assert_int_equal(weir_server_connections(server), 0);
	assert_false(told.in_call);
	told.times++;
	told.at = memio_now();
	told.gones = bed.gones;
	if (told.drain_again)
		weir_server_drain(server, 10);
	if (told.free_server)
		weir_server_free(server);
}

static int setup(void **state)
{
	told = (struct told){0};
	return bed_setup(state);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, bed_teardown)

static void given(weir_handler *handler, weir_server_opts opts)
{
	opts.arg = &told;
	opts.drained = on_drained;
	bed_serve(handler, &opts);
}

static void drain(int64_t grace_ms)
{
	told.in_call = true;
	weir_server_drain(bed.server, grace_ms);
	told.in_call = false;
}

static void assert_closed_without_a_word(memio_client *c)
{
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	assert_string_equal(bed_received(c), "");
}

/* ---- nobody is there ---------------------------------------------------- */

static void without_connections_it_is_drained_in_the_next_turn(void **state)
{
	(void)state;
	given(bed_hello, (weir_server_opts){0});
	bed_pass(1000);
	drain(60000);
	assert_int_equal(told.times, 0);
	assert_int_equal(weir_loop_run(bed.loop), 0);
	assert_int_equal(told.times, 1);
	assert_int_equal(told.at, 1000);
	assert_null(memio_client_connect(NULL));
}

static void the_last_connection_to_leave_drains_it(void **state)
{
	(void)state;
	given(bed_watch, (weir_server_opts){0});
	memio_client *a = bed_client(), *b = bed_client(), *c = bed_client();
	bed_sends(b, HELLO);
	drain(WEIR_OFF);
	memio_client_close(a);
	bed_settle();
	memio_client_reset(b);
	bed_settle();
	assert_int_equal(told.times, 0);
	memio_client_finish(c);
	bed_settle();
	/* The request of one that has left is the application's still. */
	assert_int_equal(told.times, 1);
	assert_int_equal(weir_reply(bed.req, 200, NULL, NULL, 0), WEIR_ECLOSED);
	bed_pass(100000);
	assert_int_equal(told.times, 1);
}

/* ---- who is idle may ask once more -------------------------------------- */

static void an_idle_connection_may_ask_once_more(void **state)
{
	(void)state;
	given(bed_hello, (weir_server_opts){0});
	memio_client *c = bed_client();
	bed_exchange(c);
	drain(60000);
	bed_pass(4800);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_sends(c, HELLO);
	bed_assert_status(c, 200);
	assert_int_equal(bed_count(c, CLOSE), 1);
	/* Our end is sent; the client's is awaited, so that the reply arrives. */
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	assert_int_equal(told.times, 0);
	memio_client_finish(c);
	bed_settle();
	assert_int_equal(told.times, 1);
}

static void whoever_does_not_is_closed(void **state)
{
	(void)state;
	given(bed_hello, (weir_server_opts){0});
	memio_client *idle = bed_client(), *silent = bed_client();
	bed_exchange(idle);
	drain(60000);
	bed_pass(4900);
	assert_int_equal(memio_client_closed(idle), MEMIO_OPEN);
	assert_int_equal(memio_client_closed(silent), MEMIO_OPEN);
	bed_pass(200);
	assert_closed_without_a_word(idle);
	assert_closed_without_a_word(silent);
	assert_int_equal(told.times, 1);
}

static void one_that_has_sent_nothing_may_ask_once(void **state)
{
	(void)state;
	given(bed_hello, (weir_server_opts){0});
	memio_client *c = bed_client();
	drain(60000);
	bed_pass(4800);
	/* Its head may take as long as any other. */
	bed_sends(c, "GET / HTTP/1.1\r\n");
	bed_pass(9800);
	bed_sends(c, "Host: a\r\n\r\n" HELLO);
	assert_int_equal(bed_count(c, "HTTP/1.1 200"), 1);
	assert_int_equal(bed_count(c, CLOSE), 1);
}

static void the_patience_is_an_option_and_no_more_than_was_left(void **state)
{
	(void)state;
	given(bed_hello, (weir_server_opts){.drain_idle_ms = 20000});
	memio_client *fresh = bed_client(), *idle = bed_client();
	bed_exchange(idle);
	drain(60000);
	/* Which would have been closed sooner still is. */
	bed_pass(9900);
	assert_int_equal(memio_client_closed(fresh), MEMIO_OPEN);
	bed_pass(200);
	assert_closed_without_a_word(fresh);
	bed_pass(9700);
	assert_int_equal(memio_client_closed(idle), MEMIO_OPEN);
	bed_pass(400);
	assert_closed_without_a_word(idle);
}

static void the_patience_ends_with_the_grace(void **state)
{
	(void)state;
	given(bed_hello, (weir_server_opts){0});
	memio_client *c = bed_client();
	bed_exchange(c);
	drain(1000);
	bed_pass(990);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_pass(20);
	assert_closed_without_a_word(c);
	assert_int_equal(told.times, 1);
	assert_in_range(told.at, 1000, 1020);
}

static void without_patience_the_idle_are_closed_at_once(void **state)
{
	(void)state;
	given(bed_watch, (weir_server_opts){.drain_idle_ms = WEIR_OFF});
	memio_client *idle = bed_client(), *silent = bed_client(), *busy = bed_client();
	bed_sends(idle, HELLO);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	memio_client_forget(idle);
	bed_sends(busy, HELLO);
	drain(60000);
	bed_settle();
	assert_closed_without_a_word(idle);
	assert_closed_without_a_word(silent);
	assert_int_equal(told.times, 0);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	memio_client_finish(busy);
	bed_settle();
	assert_int_equal(bed_count(busy, CLOSE), 1);
	assert_int_equal(told.times, 1);
}

/* A reply is not cut off for that nobody works on it any more. */
static void without_patience_replies_still_arrive(void **state)
{
	static char body[30000];

	(void)state;
	given(bed_watch, (weir_server_opts){.drain_idle_ms = WEIR_OFF});
	memio_client *c = bed_client();
	memio_client_window(c, 1000);
	memio_client_send_text(c, HELLO);
	memio_client_finish(c);
	bed_settle();
	weir_reply(bed.req, 200, NULL, body, sizeof body);
	bed_settle();
	drain(60000);
	bed_settle();
	memio_client_window(c, SIZE_MAX);
	bed_settle();
	size_t len;
	memio_client_received(c, &len);
	assert_true(len > sizeof body);
	assert_int_equal(told.times, 1);
}

/* ---- who is busy finishes ----------------------------------------------- */

static void a_busy_connection_ends_with_its_reply(void **state)
{
	(void)state;
	given(bed_watch, (weir_server_opts){0});
	memio_client *c = bed_sent(HELLO HELLO);
	drain(60000);
	bed_pass(30000);
	assert_int_equal(weir_reply(bed.req, 200, NULL, "late", 4), 0);
	bed_settle();
	assert_int_equal(bed_count(c, CLOSE), 1);
	assert_int_equal(bed_count(c, "HTTP/1.1 "), 1);
	/* What was behind it was told that it is not answered. */
	assert_int_equal(bed.requests, 1);
	bed_pass(2100);
	assert_int_equal(told.times, 1);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

static void half_a_head_is_no_idle_connection(void **state)
{
	(void)state;
	given(bed_hello, (weir_server_opts){.drain_idle_ms = 100});
	memio_client *c = bed_client();
	bed_exchange(c);
	bed_sends(c, "GET / HTTP/1.1\r\nHost:");
	drain(60000);
	bed_pass(9000);
	bed_sends(c, " a\r\n\r\n");
	bed_assert_status(c, 200);
	assert_int_equal(bed_count(c, CLOSE), 1);
}

/* Its head could not say that it is the last one. */
static void a_reply_that_had_begun_is_not_the_last(void **state)
{
	(void)state;
	given(bed_watch, (weir_server_opts){0});
	memio_client *c = bed_sent(HELLO);
	weir_reply_begin(bed.req, 200, 4);
	drain(60000);
	weir_reply_write(bed.req, "text", 4);
	weir_reply_end(bed.req);
	bed_settle();
	assert_int_equal(bed_count(c, CLOSE), 0);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_pass(4000);
	bed_sends(c, HELLO);
	assert_int_equal(bed.requests, 2);
	assert_int_equal(told.times, 0);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	assert_int_equal(bed_count(c, CLOSE), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

static void after_it_the_patience_begins(void **state)
{
	(void)state;
	given(bed_watch, (weir_server_opts){0});
	memio_client *c = bed_sent(HELLO);
	weir_reply_begin(bed.req, 200, 0);
	drain(60000);
	bed_pass(20000);
	weir_reply_end(bed.req);
	bed_pass(4900);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_pass(200);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	assert_int_equal(told.times, 1);
}

/* ---- the deadline ------------------------------------------------------- */

static void what_is_held_at_the_deadline_is_gone(void **state)
{
	(void)state;
	given(bed_watch, (weir_server_opts){0});
	memio_client *c = bed_client(), *d = bed_client();
	bed_sends(c, HELLO);
	weir_req *first = bed.req;
	bed_sends(d, HELLO);
	drain(1000);
	bed_pass(990);
	assert_int_equal(bed.gones, 0);
	bed_pass(50);
	assert_int_equal(bed.gones, 2);
	assert_int_equal(bed.why, WEIR_ECLOSED);
	assert_closed_without_a_word(c);
	assert_closed_without_a_word(d);
	/* They are told before the server is. */
	assert_int_equal(told.times, 1);
	assert_int_equal(told.gones, 2);
	assert_in_range(told.at, 1000, 1050);
	assert_int_equal(weir_reply(first, 200, NULL, NULL, 0), WEIR_ECLOSED);
	assert_int_equal(weir_reply_end(bed.req), WEIR_ECLOSED);
	assert_int_equal(weir_loop_run(bed.loop), 0);
}

static void the_earlier_deadline_holds(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		setup(NULL);
		given(bed_watch, (weir_server_opts){0});
		bed_sent(HELLO);
		drain(order ? 3000 : INT64_MAX);
		bed_pass(1000);
		drain(order ? INT64_MAX : 2000);
		drain(WEIR_OFF);
		bed_pass(1900);
		assert_int_equal(bed.gones, 0);
		bed_pass(200);
		assert_int_equal(bed.gones, 1);
		assert_int_equal(told.times, 1);
		weir_reply_end(bed.req);
		bed_teardown(NULL);
	}
}

static void a_slow_reader_does_not_pass_the_deadline(void **state)
{
	static char body[100000];

	(void)state;
	given(bed_watch, (weir_server_opts){0});
	memio_client *c = bed_client();
	memio_client_window(c, 1000);
	bed_sends(c, HELLO);
	weir_reply(bed.req, 200, NULL, body, sizeof body);
	bed_settle();
	drain(3000);
	for (int i = 0; i < 29; i++) {
		bed_pass(100);
		memio_client_read(c, 500);
	}
	assert_int_equal(told.times, 0);
	bed_pass(150);
	assert_int_equal(told.times, 1);
}

/* A reply that has begun ends the connection then, whatever was sent behind its request. */
static void without_patience_no_further_request_is_begun(void **state)
{
	(void)state;
	given(bed_keep, (weir_server_opts){.drain_idle_ms = WEIR_OFF});
	memio_client *c = bed_sent(HELLO HELLO);
	assert_int_equal(weir_reply_begin(bed.req, 200, 0), 0);
	drain(WEIR_OFF);
	assert_int_equal(weir_reply_end(bed.req), 0);
	bed_settle();
	assert_int_equal(bed.requests, 1);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

/* Where it is shorter than that of a drained server. */
static void the_usual_patience_still_counts(void **state)
{
	(void)state;
	given(bed_keep, (weir_server_opts){.idle_ms = 1000});
	memio_client *c = bed_sent(HELLO);
	assert_int_equal(weir_reply_begin(bed.req, 200, 0), 0);
	drain(WEIR_OFF);
	assert_int_equal(weir_reply_end(bed.req), 0);
	bed_pass(900);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_pass(300);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

/* ---- the callback ------------------------------------------------------- */

static void it_is_told_once(void **state)
{
	(void)state;
	told.drain_again = true;
	given(bed_hello, (weir_server_opts){0});
	bed_exchange(bed_client());
	drain(100);
	bed_pass(1000);
	drain(0);
	bed_pass(1000);
	assert_int_equal(told.times, 1);
	weir_listener *listener = (weir_listener *)(void *)&told;
	assert_int_equal(weir_server_listen(bed.server, &listener, "127.0.0.1:80"), WEIR_ESTATE);
	assert_null(listener);
}

static void the_server_may_be_freed_in_it(void **state)
{
	(void)state;
	for (int held = 0; held < 2; held++) {
		setup(NULL);
		told.free_server = true;
		given(bed_watch, (weir_server_opts){0});
		memio_client *c = bed_client();
		if (held)
			bed_sends(c, HELLO);
		drain(WEIR_OFF);
		memio_client_reset(c);
		bed_settle();
		assert_int_equal(told.times, 1);
		if (held) {
			/* What is in hand outlives the server. */
			assert_null(weir_req_server(bed.req));
			assert_int_equal(weir_reply_end(bed.req), WEIR_ECLOSED);
		}
		bed_teardown(NULL);
	}
}

static void who_frees_the_server_is_not_told(void **state)
{
	(void)state;
	for (int held = 0; held < 2; held++) {
		setup(NULL);
		given(bed_watch, (weir_server_opts){0});
		if (held)
			bed_sends(bed_client(), HELLO);
		drain(WEIR_OFF);
		weir_server_free(bed.server);
		bed_pass(1000);
		assert_int_equal(told.times, 0);
		assert_int_equal(bed.gones, held);
		if (held)
			weir_reply_end(bed.req);
		bed_teardown(NULL);
	}
}

static void nor_while_it_is_owed(void **state)
{
	(void)state;
	given(bed_watch, (weir_server_opts){0});
	memio_client *c = bed_sent(HELLO);
	memio_client_reset(c);
	bed_settle();
	drain(WEIR_OFF);
	weir_server_free(bed.server);
	/* The server's memory is there as long as this request. */
	bed_pass(1000);
	assert_int_equal(told.times, 0);
	weir_reply_end(bed.req);
}

/* The loop goes while it is owed. */
static void who_frees_the_loop_is_not_told(void **state)
{
	(void)state;
	given(bed_hello, (weir_server_opts){0});
	drain(WEIR_OFF);
	weir_loop_free(bed.loop);
	bed.loop = NULL;
	assert_int_equal(told.times, 0);
}

/* ---- a loop that is drained --------------------------------------------- */

static void a_loop_ends_at_once_without_clients(void **state)
{
	(void)state;
	given(bed_hello, (weir_server_opts){0});
	memio_client_close(bed_client());
	bed_settle();
	weir_loop_drain(bed.loop);
	assert_int_equal(weir_loop_run(bed.loop), 0);
	assert_int_equal(memio_now(), 0);
	assert_int_equal(told.times, 1);
}

static void a_loop_waits_for_those_who_are_idle(void **state)
{
	(void)state;
	given(bed_hello, (weir_server_opts){0});
	memio_client *c = bed_client();
	bed_exchange(c);
	weir_loop_drain(bed.loop);
	assert_int_equal(weir_loop_run(bed.loop), 0);
	assert_in_range(memio_now(), 5000, 5100);
	assert_closed_without_a_word(c);
	assert_int_equal(told.times, 1);
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
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
