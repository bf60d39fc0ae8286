/*
 * May anything be closed anywhere? Closed, it is silent from that moment, also
 * when an event for it is already in the batch, or its number has a new owner.
 */
#include "tests/support/net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the own stream, in each of its callbacks ---- */

static void close_at(struct side *side, char event)
{
	if (event == side->n)
		side_close(side);
}

/* A life with all events: something of each comes, and the peer resets at last. */
static void live_until(struct net *net, char letter)
{
	static char big[3 << 20];
	const weir_stream_opts opts = {.low = 10, .high = 1000, .idle_ms = 30};
	struct host *host = net_listen(net, NULL, &opts);
	host->model.then = close_at;
	host->model.n = letter;
	host->model.stays = true;
	struct side *client = net_connect(net, host->address, NULL);
	struct side *server = host_wait(host, 1);

	if (server->stream) {
		const int size = 32768;
		(void)setsockopt(weir_stream_fd(server->stream), SOL_SOCKET, SO_SNDBUF, &size,
		                 sizeof(size));
		assert_true(weir_write_ref(server->stream, big, sizeof(big), side_done, server) >
		            0);
	}
	(void)side_write(client, "hello");
	weir_finish(client->stream);
	while (server->stream && !server->idles)
		net_turn(net);
	if (letter == 'g' && server->stream)
		weir_finish(server->stream);
	while (server->stream)
		net_turn(net);
	net_turns(net, 5);
	assert_non_null(strchr(server->log, letter));
	assert_int_equal(server->log[strlen(server->log) - 1], letter);
	assert_int_equal(server->gones, letter == 'g');
	side_close(client);
	host_close(host);
}

static void a_stream_may_be_closed_in_each_of_its_callbacks(void **state)
{
	for (const char *letter = "odrineg"; *letter; letter++)
		live_until(*state, *letter);
}

/* ---- others, in the same batch ---- */

static void close_the_other(struct side *side, char event)
{
	struct side *other = side->arg;

	if (event == 'd')
		side_close(other);
}

static void one_that_is_closed_by_another_of_the_same_batch_is_silent(void **state)
{
	struct net *net = *state;
	struct side *a, *b, *c, *d;
	net_pair(net, NULL, &a, &b);
	net_pair(net, NULL, &c, &d);
	b->then = d->then = close_the_other;
	b->arg = d;
	d->arg = b;

	(void)side_write(a, "x");
	(void)side_write(c, "x");
	net_turns(net, 20);
	assert_int_equal(b->datas + d->datas, 1);
	assert_int_equal((b->stream != NULL) + (d->stream != NULL), 1);
}

static void close_the_host(struct side *side, char event)
{
	if (event == 'o')
		host_close(side->arg);
}

static void a_listener_closed_in_its_open_callback_accepts_no_more(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	struct side *clients[5];
	host->model.then = close_the_host;
	host->model.arg = host;

	for (int i = 0; i < 5; i++)
		clients[i] = net_connect(net, host->address, NULL);
	(void)host_wait(host, 1);
	net_turns(net, 20);
	assert_int_equal(host->n, 1);
	assert_int_equal(host->accepted[0]->gones, 0);
	for (int i = 1; i < 5; i++)
		while (!clients[i]->gones)
			net_turn(net);
	assert_int_equal(clients[0]->gones, 0);
}

static void close_host_and_all(struct side *side, char event)
{
	struct host *host = side->arg;

	if (event != 'd' || !host->listener)
		return;
	host_close(host);
	for (int i = 0; i < host->n; i++)
		if (host->accepted[i]->stream)
			side_close(host->accepted[i]);
}

static void one_callback_may_close_everything(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	struct side *clients[20];
	int datas = 0;
	host->model.then = close_host_and_all;
	host->model.arg = host;

	for (int i = 0; i < 20; i++)
		clients[i] = net_connect(net, host->address, NULL);
	(void)host_wait(host, 20);
	for (int i = 0; i < 20; i++)
		(void)side_write(clients[i], "x");
	for (int i = 0; i < 20; i++)
		while (!clients[i]->gones)
			net_turn(net);
	for (int i = 0; i < 20; i++)
		datas += host->accepted[i]->datas;
	assert_int_equal(datas, 1);
	assert_int_equal(weir_loop_run(net->loop), 0);
}

/* ---- the loop ---- */

static void never(weir_timer *timer, void *arg)
{
	(void)timer;
	(void)arg;
	fail();
}

/* The teardown frees the loop and counts what is lost. */
static void a_loop_may_be_freed_with_everything_open(void **state)
{
	static weir_timer timer;
	struct net *net = *state;
	struct side *client, *server, *writer, *reader;
	char path[128];
	(void)snprintf(path, sizeof(path), "unix:%s/open", test_dir());
	struct host *host = net_listen(net, path, NULL);
	struct side *early = net_connect(net, host->address, NULL);
	weir_timer_init(&timer, never, NULL);
	weir_timer_start(net->loop, &timer, 60000, 0);

	net_pair(net, NULL, &client, &server);
	net_stalled_pair(net, NULL, &writer, &reader);
	(void)side_fill(writer, 0, 100000);
	assert_true(weir_write_ref(writer->stream, "never sent", 10, side_done, writer) > 0);
	weir_idle(server->stream, 60000);
	(void)side_write(client, "never read");
	struct side *late = net_connect(net, host->address, NULL);
	(void)side_write(late, "never opened");
	weir_finish(late->stream);
	(void)early;
}

/* ---- at random ---- */

enum { PAIRS = 48, ROUNDS = 10000 };

struct pair {
	struct world *world;
	weir_stream *stream; /* NULL: this one is not open */
	int peer;            /* the other end, plain */
	bool held;
};

struct world {
	struct net *net;
	struct pair pairs[PAIRS];
	uint64_t seed;
	long opened, closed, told;
};

static const weir_stream_ops random_ops;

static unsigned draw(struct world *w, unsigned below)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return (unsigned)((w->seed >> 20) % below);
}

static void open_pair(struct world *w, struct pair *p)
{
	static const weir_stream_opts opts = {.low = 1, .high = 100, .idle_ms = 64};
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
	p->peer = fd[1];
	p->held = false;
	assert_int_equal(weir_adopt(w->net->loop, &p->stream, fd[0], draw(w, 2) ? &opts : NULL,
	                            &random_ops, p),
	                 0);
	w->opened++;
}

static void forget(struct pair *p)
{
	p->stream = NULL;
	if (p->peer >= 0)
		(void)close(p->peer);
	p->world->closed++;
}

static void close_pair(struct pair *p)
{
	weir_close(p->stream);
	forget(p);
}

static void random_done(weir_stream *stream, int status, void *arg);

/* Something legal, to anybody. */
static void do_something(struct world *w)
{
	static char big[400000];
	struct pair *p = &w->pairs[draw(w, PAIRS)];

	if (!p->stream) {
		open_pair(w, p);
		return;
	}
	switch (draw(w, 9)) {
	case 0:
	case 1:
	case 2:
		close_pair(p);
		if (draw(w, 2))
			open_pair(w, p);
		break;
	case 3:
		weir_finish(p->stream);
		break;
	case 4:
		p->held = !p->held;
		weir_hold(p->stream, p->held);
		break;
	case 5:
		(void)weir_write(p->stream, big, draw(w, sizeof(big)));
		break;
	case 6:
		(void)weir_write_ref(p->stream, big, sizeof(big), random_done, p);
		break;
	case 7:
		if (p->peer >= 0)
			(void)close(p->peer);
		p->peer = -1;
		break;
	default:
		weir_idle(p->stream, (int32_t)draw(w, 100));
	}
}

/* Each callback: the one that is told must be open, and then things happen. */
static void told(weir_stream *stream, struct pair *p)
{
	struct world *w = p->world;

	assert_ptr_equal(p->stream, stream);
	w->told++;
	for (unsigned n = draw(w, 3); n; n--)
		do_something(w);
}

static void random_event(weir_stream *stream, void *arg)
{
	told(stream, arg);
}

static void random_done(weir_stream *stream, int status, void *arg)
{
	(void)status;
	told(stream, arg);
}

static size_t random_data(weir_stream *stream, const char *data, size_t len, void *arg)
{
	struct pair *p = arg;
	struct world *w = p->world;

	assert_int_equal(data[0] + data[len - 1], 'x' + 'x');
	told(stream, p);
	/* Closed or not, the octets are still there. */
	assert_int_equal(data[0] + data[len - 1], 'x' + 'x');
	return draw(w, 3) ? len : len / 2;
}

static void random_gone(weir_stream *stream, int why, void *arg)
{
	struct pair *p = arg;

	(void)why;
	told(stream, p);
	/* Unless it was closed meanwhile, its pair is free now. */
	if (p->stream == stream)
		forget(p);
}

static const weir_stream_ops random_ops = {
	.open = random_event,
	.data = random_data,
	.end = random_event,
	.drain = random_event,
	.idle = random_event,
	.gone = random_gone,
};

static void poke(struct pair *p, char *room, size_t size)
{
	if (p->peer < 0)
		return;
	(void)send(p->peer, "xxxxxxxx", 8, MSG_NOSIGNAL);
	if (draw(p->world, 2))
		(void)recv(p->peer, room, size, MSG_DONTWAIT);
}

static void everything_happens_to_everybody(void **state)
{
	static char room[200000];
	struct world *w = calloc(1, sizeof(*w));
	assert_non_null(w);
	w->net = *state;
	for (int i = 0; i < PAIRS; i++)
		w->pairs[i] = (struct pair){.world = w, .peer = -1};

	for (int round = 0; round < ROUNDS; round++) {
		if (round % 1000 == 0)
			w->seed = 88172645463325252u + (uint64_t)round;
		for (int i = 0; i < PAIRS; i++) {
			struct pair *p = &w->pairs[i];
			if (!p->stream && draw(w, 4) == 0)
				open_pair(w, p);
			if (p->stream && draw(w, 2))
				poke(p, room, sizeof(room));
		}
		assert_true(weir_loop_step(w->net->loop, 0) >= 0);
	}
	assert_true(w->told > ROUNDS && w->closed > ROUNDS);
	for (int i = 0; i < PAIRS; i++)
		if (w->pairs[i].stream)
			close_pair(&w->pairs[i]);
	assert_int_equal(w->opened, w->closed);
	free(w);
}

/* ---- the same for descriptors that are only watched ---- */

enum { WATCHED = 20 };

struct watch {
	weir_io io[WATCHED];
	int fd[WATCHED][2];
	int calls;
};

static void stop_all_others(weir_io *io, unsigned ready, void *arg)
{
	struct watch *w = arg;
	char octet;

	(void)ready;
	w->calls++;
	assert_int_equal(read(io->fd, &octet, 1), 1);
	for (int i = 0; i < WATCHED; i++)
		if (&w->io[i] != io)
			weir_io_stop(&w->io[i]);
}

static void a_watcher_stopped_by_another_of_the_same_batch_is_silent(void **state)
{
	struct net *net = *state;
	struct watch w = {.calls = 0};

	for (int i = 0; i < WATCHED; i++) {
		assert_int_equal(pipe(w.fd[i]), 0);
		assert_int_equal(weir_io_start(net->loop, &w.io[i], w.fd[i][0], WEIR_READ,
		                               stop_all_others, &w),
		                 0);
		assert_int_equal(write(w.fd[i][1], "x", 1), 1);
	}
	net_turns(net, 20);
	assert_int_equal(w.calls, 1);
	for (int i = 0; i < WATCHED; i++) {
		weir_io_stop(&w.io[i]);
		(void)close(w.fd[i][0]);
		(void)close(w.fd[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(a_stream_may_be_closed_in_each_of_its_callbacks),
		NET_TEST(one_that_is_closed_by_another_of_the_same_batch_is_silent),
		NET_TEST(a_listener_closed_in_its_open_callback_accepts_no_more),
		NET_TEST(one_callback_may_close_everything),
		NET_TEST(a_loop_may_be_freed_with_everything_open),
		NET_TEST(everything_happens_to_everybody),
		NET_TEST(a_watcher_stopped_by_another_of_the_same_batch_is_silent),
	};
	return cmocka_run_group_tests_name("close", tests, NULL, NULL);
}
