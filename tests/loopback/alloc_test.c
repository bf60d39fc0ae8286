/*
 * What is allocated when, and what if it is refused? Counted and failed through
 * the loop's allocator hook.
 */
#include "tests/support/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "core/stream.h"

/* ---- counting ---- */

static void an_accepted_connection_is_one_allocation(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	int fds[20];

	for (int i = 0; i < 20; i++) {
		if (i == 10)
			net->alloc.calls = 0;
		fds[i] = raw_connect(host->address);
		(void)host_wait(host, i + 1);
	}
	assert_int_equal(net->alloc.calls, 10);
	for (int i = 0; i < 20; i++)
		(void)close(fds[i]);
}

static void a_round_trip_is_none(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	host->model.echoes = true;
	const int fd = raw_connect(host->address);
	char text[5];
	(void)host_wait(host, 1);

	for (int i = 0; i < 100; i++) {
		if (i == 5)
			net->alloc.calls = 0;
		raw_write(fd, "hello", 5);
		while (host->accepted[0]->len < 5 * (size_t)(i + 1))
			net_turn(net);
		raw_read(fd, text, 5);
		assert_memory_equal(text, "hello", 5);
	}
	assert_int_equal(net->alloc.calls, 0);
	(void)close(fd);
}

static void a_rest_that_is_used_up_and_a_queue_that_empties_take_nothing_either(void **state)
{
	struct net *net = *state;
	struct side *writer, *reader;
	net_stalled_pair(net, NULL, &writer, &reader);
	size_t sent = 0;

	for (int i = 0; i < 10; i++) {
		if (i == 3)
			net->alloc.calls = 0;
		weir_hold(reader->stream, true);
		sent = side_fill(writer, sent, 20000);
		weir_hold(reader->stream, false);
		while (reader->len < sent)
			net_turn(net);
		net_turn(net);
	}
	assert_int_equal(net->alloc.calls, 0);
}

static size_t block_of_heap(size_t size)
{
#ifdef __GLIBC__
	void *block = malloc(size);
	const size_t usable = malloc_usable_size(block);

	free(block);
	return usable + sizeof(size_t);
#else
	return (size + sizeof(size_t) + 15) / 16 * 16;
#endif
}

static void an_idle_stream_costs_at_most_160_octets(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.idle_ms = 60000};
	struct host *host = net_listen(net, NULL, &opts);
	int fds[200];
	host->model.echoes = true;

	assert_true(block_of_heap(sizeof(weir_stream)) + sizeof(void *) <= 96);
	size_t before = 0;
	for (int i = 0; i < 200; i++) {
		/* The first one warms the loop. */
		if (i == 1)
			before = net->alloc.live_octets;
		fds[i] = raw_connect(host->address);
		(void)host_wait(host, i + 1);
		raw_write(fds[i], "hello", 5);
		while (host->accepted[i]->len < 5)
			net_turn(net);
	}
	net_turns(net, 5);
	/* All in: the block, and its part of a table of slots that has just doubled. */
	assert_in_range((net->alloc.live_octets - before) / 199, sizeof(weir_stream), 160);
	for (int i = 0; i < 200; i++)
		(void)close(fds[i]);
}

/* ---- failing, one after the other ---- */

/* In ms. After a single refusal it is tried again, 100 ms later. */
static int patience;

/* Turns until *goal is set, or until nothing more is to be expected. */
static void try_for(weir_loop *loop, const int *goal)
{
	for (const int64_t end = test_now_ms() + patience; !*goal && test_now_ms() < end;)
		assert_true(weir_loop_step(loop, 4) >= 0);
}

/* What a refused allocation may lead to; anything else is a mistake. */
static void assert_defined(int64_t result)
{
	assert_true(result >= 0 || result == -ENOMEM || result == WEIR_EFULL ||
	            result == WEIR_ECLOSED);
}

static void assert_defined_end(const struct side *side)
{
	assert_true(side->gones <= 1);
	if (side->gones)
		assert_true(side->why == 0 || side->why == -ENOMEM || side->why == -ECONNRESET ||
		            side->why == -EPIPE);
}

struct accepting {
	struct side side;
	weir_listener *listener;
};

static void accepted(weir_stream *stream, void *arg)
{
	struct accepting *a = arg;

	weir_stream_on(stream, &side_ops, &a->side);
	side_ops.open(stream, &a->side);
}

static size_t echo_or_close(struct side *side, const char *data, size_t len)
{
	const int64_t result = weir_write(side->stream, data, len);

	assert_defined(result);
	if (result < 0)
		side_close(side);
	return len;
}

/* Listening, accepting, an echo with a rest in between. */
static void listen_and_echo(struct net *net)
{
	static const weir_stream_ops ops = {.open = accepted};
	struct accepting a = {.side = {.net = net, .take = echo_or_close}};
	char address[128];
	const int result = weir_listen(net->loop, &a.listener, "127.0.0.1:0", NULL, &ops, &a);

	assert_defined(result);
	if (result < 0)
		return;
	assert_true(weir_listener_address(a.listener, address, sizeof(address)) > 0);
	const int fd = raw_connect(address);
	raw_write(fd, "hello", 5);
	try_for(net->loop, &a.side.datas);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	try_for(net->loop, &a.side.gones);
	assert_defined_end(&a.side);
	weir_listener_close(a.listener);
	if (a.side.stream)
		side_close(&a.side);
	(void)close(fd);
	free(a.side.got);
}

/* Connecting to a loop whose memory is not in question. */
static void connect_and_echo(struct net *net)
{
	struct test_alloc good = {0};
	const weir_loop_opts opts = {.alloc = test_alloc_fn, .alloc_arg = &good};
	static const weir_stream_ops ops = {.open = accepted};
	struct accepting a = {.side = {.net = net, .echoes = true}};
	struct side client = {.net = net};
	weir_loop *other;
	char address[128];
	assert_int_equal(weir_loop_new(&other, &opts), 0);
	assert_int_equal(weir_listen(other, &a.listener, "127.0.0.1:0", NULL, &ops, &a), 0);
	assert_true(weir_listener_address(a.listener, address, sizeof(address)) > 0);

	const int result =
		weir_connect(net->loop, &client.stream, address, NULL, &side_ops, &client);
	assert_defined(result);
	if (result == 0) {
		assert_defined(weir_write(client.stream, "hello", 5));
		weir_finish(client.stream);
		for (const int64_t end = test_now_ms() + patience;
		     !client.gones && test_now_ms() < end;) {
			assert_true(weir_loop_step(net->loop, 2) >= 0);
			assert_true(weir_loop_step(other, 2) >= 0);
		}
		assert_defined_end(&client);
		if (client.stream)
			side_close(&client);
	}
	weir_loop_free(other);
	assert_int_equal(good.live_blocks, 0);
	free(a.side.got);
	free(client.got);
}

static size_t leave_all(struct side *side, const char *data, size_t len)
{
	(void)side;
	(void)data;
	(void)len;
	return 0;
}

/* Adopting, octets that are left unread, references and a long queue of copies. */
static void adopt_and_queue(struct net *net)
{
	static char big[300000];
	struct side side = {.net = net, .take = leave_all, .stays = true};
	int fd[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	const int result = weir_adopt(net->loop, &side.stream, fd[0], NULL, &side_ops, &side);

	assert_defined(result);
	if (result < 0) {
		assert_int_equal(close(fd[0]), 0);
		assert_int_equal(close(fd[1]), 0);
		return;
	}
	try_for(net->loop, &side.opens);
	if (side.stream)
		assert_defined(weir_marks(side.stream, 1000, 2000, 2 << 20));
	for (int i = 0; i < 4 && side.stream; i++) {
		assert_defined(weir_write(side.stream, big, sizeof(big)));
		assert_defined(weir_write_ref(side.stream, big, sizeof(big), side_done, &side));
	}
	for (size_t len = 100; len < 50000 && side.stream; len *= 3) {
		side.datas = 0;
		if (send(fd[1], big, len, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			try_for(net->loop, side.gones ? &side.gones : &side.datas);
	}
	assert_true(!side.gones || side.why == -ENOMEM);
	(void)close(fd[1]);
	try_for(net->loop, &side.gones);
	assert_defined_end(&side);
	if (side.stream)
		side_close(&side);
	free(side.got);
}

/* Runs it with allocation n refused, for n = 1, 2, … until none was. */
static void fail_each(struct net *net, void (*run)(struct net *net), bool all_after)
{
	const weir_loop_opts opts = {.alloc = test_alloc_fn, .alloc_arg = &net->alloc};
	size_t n = 0;

	patience = all_after ? 12 : 150;
	weir_loop_free(net->loop);
	net->loop = NULL;
	const int fds = test_open_fds();
	do {
		net->alloc = (struct test_alloc){.fail_at = ++n, .fail_after = all_after};
		const int result = weir_loop_new(&net->loop, &opts);
		assert_defined(result);
		if (result == 0)
			run(net);
		weir_loop_free(net->loop);
		net->loop = NULL;
		assert_int_equal(net->alloc.live_blocks, 0);
		assert_int_equal(test_open_fds(), fds);
	} while (net->alloc.refused && n < 200);
	assert_in_range(n, 5, 199);
	net->alloc = (struct test_alloc){0};
}

static void listening_and_echoing_survives_each_refusal(void **state)
{
	fail_each(*state, listen_and_echo, false);
}

static void listening_and_echoing_survives_the_end_of_memory(void **state)
{
	fail_each(*state, listen_and_echo, true);
}

static void connecting_survives_each_refusal(void **state)
{
	fail_each(*state, connect_and_echo, false);
}

static void connecting_survives_the_end_of_memory(void **state)
{
	fail_each(*state, connect_and_echo, true);
}

static void adopting_and_queueing_survives_each_refusal(void **state)
{
	fail_each(*state, adopt_and_queue, false);
}

static void adopting_and_queueing_survives_the_end_of_memory(void **state)
{
	fail_each(*state, adopt_and_queue, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(an_accepted_connection_is_one_allocation),
		NET_TEST(a_round_trip_is_none),
		NET_TEST(a_rest_that_is_used_up_and_a_queue_that_empties_take_nothing_either),
		NET_TEST(an_idle_stream_costs_at_most_160_octets),
		NET_TEST(listening_and_echoing_survives_each_refusal),
		NET_TEST(listening_and_echoing_survives_the_end_of_memory),
		NET_TEST(connecting_survives_each_refusal),
		NET_TEST(connecting_survives_the_end_of_memory),
		NET_TEST(adopting_and_queueing_survives_each_refusal),
		NET_TEST(adopting_and_queueing_survives_the_end_of_memory),
	};
	return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}
