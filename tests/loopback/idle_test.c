/*
 * When does the idle limit of a stream pass, and what begins it anew?
 */
#include "tests/support/net.h"

/* Limits are looked at every 64 ms; a machine that is busy may be later still. */
enum { LATE_MS = 64 + 400 };

static void close_on_idle(struct side *side, char event)
{
	if (event == 'i')
		side_close(side);
}

/* test-net-socket-timeout: it may be closed in the callback. */
static void idle_comes_after_the_limit_and_not_before(void **state)
{
	struct net *net = *state;
	struct side *client, *server;
	net_pair(net, NULL, &client, &server);
	client->then = close_on_idle;

	weir_idle(client->stream, 100);
	const int64_t begin = weir_loop_now(net->loop);
	while (!client->idles)
		net_turn(net);
	assert_in_range(test_now_ms() - begin, 100, 100 + LATE_MS);
	assert_int_equal(client->gones, 0);
}

static void without_an_idle_callback_the_stream_ends(void **state)
{
	struct net *net = *state;
	struct side *client, *server;
	weir_stream_ops ops = side_ops;
	net_pair(net, NULL, &client, &server);

	ops.idle = NULL;
	weir_stream_on(client->stream, &ops, client);
	weir_idle(client->stream, 50);
	while (!client->gones)
		net_turn(net);
	assert_int_equal(client->why, WEIR_ETIMEOUT);
	assert_string_equal(client->log, "og");
}

static void the_limit_of_the_options_holds_from_the_start(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.idle_ms = 100};
	struct side *client, *server;
	net_pair(net, &opts, &client, &server);

	while (!client->idles || !server->idles)
		net_turn(net);
	assert_string_equal(client->log, "oi");
	assert_string_equal(server->log, "oi");
}

static void it_starts_anew_after_the_callback(void **state)
{
	struct net *net = *state;
	struct side *client, *server;
	net_pair(net, NULL, &client, &server);

	const int64_t begin = weir_loop_now(net->loop);
	weir_idle(client->stream, 70);
	while (client->idles < 3)
		net_turn(net);
	assert_true(test_now_ms() - begin >= 210);
}

/* test-net-settimeout: set, and at once off again. */
static void switched_off_it_never_comes(void **state)
{
	struct net *net = *state;
	struct side *client, *server;
	net_pair(net, NULL, &client, &server);

	weir_idle(client->stream, 70);
	weir_idle(client->stream, 0);
	weir_idle(server->stream, 70);
	weir_idle(server->stream, WEIR_OFF);
	net_turns(net, 250);
	assert_int_equal(client->idles + server->idles, 0);
}

static void a_shorter_limit_holds_at_once(void **state)
{
	struct net *net = *state;
	struct side *client, *server;
	net_pair(net, NULL, &client, &server);

	weir_idle(client->stream, 60000);
	weir_idle(client->stream, 50);
	const int64_t begin = weir_loop_now(net->loop);
	while (!client->idles)
		net_turn(net);
	assert_in_range(test_now_ms() - begin, 50, 50 + LATE_MS);
}

static void write_on_idle(struct side *side, char event)
{
	if (event == 'i')
		assert_int_equal(side_write(side, "are you there?"), 0);
}

/* test-net-can-reset-timeout: the callback writes instead of closing; the peer ends. */
static void a_callback_may_write_instead_of_closing(void **state)
{
	struct net *net = *state;
	struct side *client, *server;
	net_pair(net, NULL, &client, &server);
	server->then = write_on_idle;

	weir_idle(server->stream, 100);
	while (!client->len)
		net_turn(net);
	weir_finish(client->stream);
	while (!server->gones)
		net_turn(net);
	assert_int_equal(server->idles, 1);
	assert_int_equal(server->why, 0);
}

static void on_tick(weir_timer *timer, void *arg)
{
	struct side *side = arg;

	if (++side->n > 5)
		weir_timer_stop(timer);
	else
		assert_int_equal(side_write(side, "tick"), 0);
}

/* pummel/test-net-timeout: reading begins the limit anew; it passes after the last. */
/* pummel/test-net-timeout2: so does writing, for one who only writes. */
static void octets_read_or_written_begin_it_anew(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	weir_timer timer;
	net_pair(net, NULL, &writer, &reader);
	weir_timer_init(&timer, on_tick, writer);
	weir_timer_start(net->loop, &timer, 60, 60);

	weir_idle(writer->stream, 150);
	weir_idle(reader->stream, 150);
	while (writer->n < 5)
		net_turn(net);
	const int64_t last = weir_loop_now(net->loop);
	assert_int_equal(writer->idles + reader->idles, 0);
	while (!writer->idles || !reader->idles)
		net_turn(net);
	assert_in_range(test_now_ms() - last, 150, 150 + LATE_MS);
	assert_int_equal(reader->len, 20);
	weir_timer_stop(&timer);
}

static void limits_pass_in_their_order(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	struct side *sides[4];

	for (int i = 0; i < 4; i++) {
		sides[i] = net_connect(net, host->address, NULL);
		(void)host_wait(host, i + 1);
		weir_idle(sides[i]->stream, 400 - 100 * i);
	}
	for (int i = 3; i >= 0; i--) {
		while (!sides[i]->idles)
			net_turn(net);
		for (int later = 0; later < i; later++)
			assert_int_equal(sides[later]->idles, 0);
		side_close(sides[i]);
	}
}

/* gc/test-net-timeout: many connections that are closed by their limit leave nothing. */
static void many_that_time_out_leave_nothing(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.idle_ms = 10};
	const int before = test_open_fds();
	struct host *host = net_listen(net, NULL, NULL);
	struct side *sides[300];

	for (int i = 0; i < 300; i++) {
		sides[i] = net_connect(net, host->address, &opts);
		sides[i]->then = close_on_idle;
		net_turn(net);
	}
	for (int i = 0; i < 300; i++)
		while (sides[i]->stream)
			net_turn(net);
	(void)host_wait(host, 300);
	for (int i = 0; i < 300; i++)
		while (!host->accepted[i]->gones)
			net_turn(net);
	host_close(host);
	net_turn(net);
	assert_int_equal(test_open_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(idle_comes_after_the_limit_and_not_before),
		NET_TEST(without_an_idle_callback_the_stream_ends),
		NET_TEST(the_limit_of_the_options_holds_from_the_start),
		NET_TEST(it_starts_anew_after_the_callback),
		NET_TEST(switched_off_it_never_comes),
		NET_TEST(a_shorter_limit_holds_at_once),
		NET_TEST(a_callback_may_write_instead_of_closing),
		NET_TEST(octets_read_or_written_begin_it_anew),
		NET_TEST(limits_pass_in_their_order),
		NET_TEST(many_that_time_out_leave_nothing),
	};
	return cmocka_run_group_tests_name("idle", tests, NULL, NULL);
}
