/*
 * Do whole conversations go as they should? The rows of Node 0.6's net tests
 * that are about one connection, or many, from the first octet to the last.
 * (Its rows about single questions are in the tests beside this one.)
 */
#include "tests/support/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void where(char *address, size_t size, const char *name)
{
	(void)snprintf(address, size, "unix:%s/%s", test_dir(), name);
}

/* ---- ping-pong ---- */

enum { ROUNDS = 1000 };

static void answer(struct side *side, char event)
{
	if (event == 'e')
		assert_int_equal(side->gones, 0);
	if (event != 'd')
		return;
	assert_in_range(weir_queued(side->stream), 0, 4);
	assert_true(side_write(side, "PONG") >= 0);
}

static void ask_again(struct side *side, char event)
{
	if (event != 'd' || side->len % 4)
		return;
	assert_in_range(weir_queued(side->stream), 0, 4);
	if (++side->n > ROUNDS)
		return;
	assert_true(side_write(side, "PING") >= 0);
	/* The last one goes together with the end. */
	if (side->n == ROUNDS)
		weir_finish(side->stream);
}

static void ping_pong(struct net *net, const char *address)
{
	struct host *host = net_listen(net, address, NULL);
	struct side *client = net_connect(net, host->address, NULL);
	host->model.then = answer;
	client->then = ask_again;

	assert_true(side_write(client, "PING") >= 0);
	struct side *server = host_wait(host, 1);
	while (!client->gones || !server->gones)
		net_turn(net);
	assert_int_equal(host->n, 1);
	assert_int_equal(client->len, 4 * (ROUNDS + 1));
	assert_int_equal(server->len, 4 * (ROUNDS + 1));
	assert_int_equal(server->ends, 1);
	assert_int_equal(client->why, 0);
	assert_int_equal(server->why, 0);
	host_close(host);
}

/* test-net-pingpong, pummel/test-net-pingpong: half-open, the server still answers. */
static void ping_pong_over_every_kind_of_address(void **state)
{
	struct net *net = *state;
	weir_listener *ip6;
	char path[128];

	where(path, sizeof(path), "pingpong");
	ping_pong(net, path);
	ping_pong(net, "127.0.0.1:0");
	if (weir_listen(net->loop, &ip6, "[::1]:0", NULL, &side_ops, NULL) < 0)
		return;
	weir_listener_close(ip6);
	ping_pong(net, "[::1]:0");
}

static void later(weir_timer *timer, void *arg)
{
	(void)timer;
	answer(arg, 'd');
}

static void answer_later(struct side *side, char event)
{
	if (event == 'd')
		weir_timer_start(side->net->loop, side->arg, 1, 0);
}

/* pummel/test-net-pingpong-delay: nothing ends while nobody speaks. */
static void ping_pong_with_a_delay(void **state)
{
	struct net *net = *state;
	struct side *client, *server;
	weir_timer timer;
	net_pair(net, NULL, &client, &server);
	server->then = answer_later;
	server->arg = &timer;
	weir_timer_init(&timer, later, server);

	for (size_t round = 1; round <= 101; round++) {
		(void)side_write(client, "PING");
		while (client->len < 4 * round)
			net_turn(net);
		assert_string_equal(client->log, "od");
	}
	weir_finish(client->stream);
	while (!client->gones || !server->gones)
		net_turn(net);
	assert_string_equal(client->log, "odeg");
	assert_int_equal(client->why, 0);
}

/* test-net-binary: all values in one write, then one by one as they come back. */
static void every_octet_value_passes_unchanged(void **state)
{
	struct net *net = *state;
	struct side *client, *server;
	char all[256];
	net_pair(net, NULL, &client, &server);
	server->echoes = true;

	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	assert_int_equal(weir_write(client->stream, all, 256), 0);
	while (client->len < 256)
		net_turn(net);
	for (size_t i = 0; i < 256; i++) {
		assert_int_equal(weir_write(client->stream, all + i, 1), 0);
		while (client->len < 257 + i)
			net_turn(net);
	}
	assert_int_equal(client->len, 512);
	assert_memory_equal(client->got, all, 256);
	assert_memory_equal(client->got + 256, all, 256);
}

static void send_one(weir_timer *timer, void *arg)
{
	struct side *side = arg;

	if (++side->n == 200)
		weir_timer_stop(timer);
	assert_true(side_write(side, "x") >= 0);
}

/* pummel/test-net-pause: 200 octets, one at a time; the client pauses twice. */
static void nothing_comes_in_a_pause_and_nothing_is_lost(void **state)
{
	struct net *net = *state;
	struct side *client, *server;
	weir_timer timer;
	net_pair(net, NULL, &client, &server);
	weir_timer_init(&timer, send_one, server);
	weir_timer_start(net->loop, &timer, 1, 1);

	for (size_t pause = 1; pause <= 2; pause++) {
		while (client->len < 50 * pause)
			net_turn(net);
		weir_hold(client->stream, true);
		const size_t before = client->len;
		net_turns(net, 50);
		assert_int_equal(client->len, before);
		weir_hold(client->stream, false);
	}
	while (client->len < 200)
		net_turn(net);
	weir_timer_stop(&timer);
}

/* ---- many connections ---- */

enum { PAGE = 40 << 10, TIMES = 5 };

static void serve_page(struct side *side, char event)
{
	static char page[PAGE];

	if (event != 'o')
		return;
	pattern_fill(page, sizeof(page), 0);
	assert_true(weir_write(side->stream, page, sizeof(page)) >= 0);
	weir_finish(side->stream);
}

static void fetch_again(struct side *side, char event)
{
	struct host *host = side->arg;

	if (event != 'g')
		return;
	assert_int_equal(side->why, 0);
	assert_int_equal(side->len, PAGE);
	assert_true(pattern_is(side->got, PAGE, 0));
	if (side->n < TIMES) {
		struct side *next = net_connect(host->net, host->address, NULL);
		next->then = fetch_again;
		next->arg = host;
		next->n = side->n + 1;
	}
}

/* pummel/test-net-many-clients: 100 at once, each 5 times in a row. */
static void many_clients_get_all_each_time(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	int gone;
	host->model.then = serve_page;

	for (int i = 0; i < 100; i++) {
		struct side *side = net_connect(net, host->address, NULL);
		side->then = fetch_again;
		side->arg = host;
		side->n = 1;
	}
	do {
		net_turn(net);
		gone = 0;
		for (int i = 0; i < host->n; i++)
			gone += host->accepted[i]->gones;
	} while (gone < 100 * TIMES);
	for (int i = 0; i < host->n; i++)
		assert_int_equal(host->accepted[i]->why, 0);
	assert_int_equal(host->n, 100 * TIMES);
}

static void hello_and_bye(struct side *side, char event)
{
	if (event != 'o')
		return;
	(void)side_write(side, "hello\r\n");
	weir_finish(side->stream);
}

static void reconnect(struct side *side, char event)
{
	if (event != 'g')
		return;
	struct side *first = side->arg;
	assert_true(side_has(side, "hello\r\n"));
	assert_int_equal(side->why, 0);
	if (++first->n > 50)
		return;
	struct host *host = first->net->hosts;
	struct side *next = net_connect(first->net, host->address, NULL);
	next->then = reconnect;
	next->arg = first;
}

/* test-net-reconnect: from gone, 51 rounds. */
static void one_may_connect_again_in_gone(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	struct side *first = net_connect(net, host->address, NULL);
	host->model.then = hello_and_bye;
	first->then = reconnect;
	first->arg = first;

	while (first->n < 51)
		net_turn(net);
	assert_int_equal(host->n, 51);
	for (int i = 0; i < 51; i++)
		while (!host->accepted[i]->gones)
			net_turn(net);
}

/* test-net-bytes-stats: two connections in a row, each counted from nothing. */
static void each_connection_counts_for_itself(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	size_t sum = 0;
	host->model.echoes = true;

	for (int i = 0; i < 2; i++) {
		struct side *client = net_connect(net, host->address, NULL);
		(void)side_write(client, "abc");
		(void)side_write(client, "def");
		weir_finish(client->stream);
		while (!client->gones)
			net_turn(net);
		assert_true(side_has(client, "abcdef"));
		assert_int_equal(host->accepted[i]->len, 6);
		sum += client->len;
	}
	assert_int_equal(sum, 12);
}

/* ---- limits ---- */

/*
 * test-net-server-max-connections: the first get in and stay. The others are not
 * refused as Node's were: they wait in the backlog until one of the first leaves.
 */
static void at_the_limit_connections_wait_for_others_to_leave(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.max_conns = 10};
	struct host *host = net_listen(net, NULL, &opts);
	struct side *clients[20];
	host->model.then = hello_and_bye;
	host->model.stays = true;

	for (int i = 0; i < 20; i++)
		clients[i] = net_connect(net, host->address, NULL);
	for (int i = 0; i < 20; i++)
		clients[i]->stays = true;
	(void)host_wait(host, 10);
	net_turns(net, 150);
	assert_int_equal(host->n, 10);
	for (int i = 0; i < 10; i++) {
		side_close(host->accepted[i]);
		(void)host_wait(host, 11 + i);
		assert_int_equal(host->n, 11 + i);
	}
	for (int i = 0; i < 20; i++) {
		while (!side_has(clients[i], "hello\r\n"))
			net_turn(net);
	}
}

static void close_twice(struct side *side, char event)
{
	if (event == 'g')
		side_close(side);
}

/* test-net-stream: closed in gone as well, a connection is counted off once. */
static void a_connection_is_counted_off_once(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.max_conns = 1};
	struct host *host = net_listen(net, NULL, &opts);
	struct side *clients[4];
	host->model.then = close_twice;

	for (int i = 0; i < 4; i++)
		clients[i] = net_connect(net, host->address, NULL);
	(void)host_wait(host, 1);
	for (int i = 0; i < 3; i++) {
		weir_finish(clients[i]->stream);
		while (!clients[i]->gones)
			net_turn(net);
		(void)host_wait(host, i + 2);
		net_turns(net, 10);
		assert_int_equal(host->n, i + 2);
	}
}

/* test-net-server-close: closed in its own open callback; the stream lives on. */
static void close_the_listener(struct side *side, char event)
{
	if (event == 'o')
		host_close(side->arg);
	if (event == 'd')
		side_close(side);
}

static void the_loop_ends_when_the_last_connection_of_a_closed_listener_has(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	struct side *client = net_connect(net, host->address, NULL);
	host->model.then = close_the_listener;
	host->model.arg = host;

	(void)side_write(client, "x");
	assert_int_equal(weir_loop_run(net->loop), 0);
	assert_null(host->listener);
	assert_string_equal(host->accepted[0]->log, "od");
	assert_int_equal(client->gones, 1);
}

/* ---- low-level rows ---- */

/* test-tcp-wrap-connect: connect, then shutdown: one connection, one end. */
static void connect_and_finish(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	struct side *client = net_connect(net, host->address, NULL);

	weir_finish(client->stream);
	struct side *server = host_wait(host, 1);
	while (!client->gones || !server->gones)
		net_turn(net);
	assert_string_equal(client->log, "oeg");
	assert_string_equal(server->log, "oeg");
	assert_int_equal(host->n, 1);
}

static size_t echo_slice(struct side *side, const char *data, size_t len)
{
	assert_int_equal(weir_queued(side->stream), 0);
	assert_int_equal(weir_write(side->stream, data, len), 0);
	assert_int_equal(weir_queued(side->stream), 0);
	return len;
}

/* test-tcp-wrap-listen: a slice is written at once, then one end. */
static void a_slice_is_echoed_at_once(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.backlog = 128};
	struct host *host = net_listen(net, NULL, &opts);
	struct side *client = net_connect(net, host->address, NULL);
	host->model.take = echo_slice;

	(void)side_write(client, "hello world");
	weir_finish(client->stream);
	while (!client->gones)
		net_turn(net);
	assert_true(side_has(client, "hello world"));
	assert_string_equal(host->accepted[0]->log, "odeg");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(ping_pong_over_every_kind_of_address),
		NET_TEST(ping_pong_with_a_delay),
		NET_TEST(every_octet_value_passes_unchanged),
		NET_TEST(nothing_comes_in_a_pause_and_nothing_is_lost),
		NET_TEST(many_clients_get_all_each_time),
		NET_TEST(one_may_connect_again_in_gone),
		NET_TEST(each_connection_counts_for_itself),
		NET_TEST(at_the_limit_connections_wait_for_others_to_leave),
		NET_TEST(a_connection_is_counted_off_once),
		NET_TEST(the_loop_ends_when_the_last_connection_of_a_closed_listener_has),
		NET_TEST(connect_and_finish),
		NET_TEST(a_slice_is_echoed_at_once),
	};
	return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
