/*
 * Can something stand between a stream and its socket? A toy that does all a
 * TLS library would: it keeps octets that it has read or not written yet, gives
 * and takes less than asked, says "not yet" without a reason, and scrambles.
 */
#include "tests/support/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/stream.h"

enum { ROOM = 5000, FDS = 256 };

/* One direction: octets that are between the stream and the socket. */
struct buffer {
	char data[ROOM];
	size_t at, len;
};

struct session {
	struct buffer in, out;
	size_t in_total, out_total; /* through the scrambler: its key */
	bool ended, shut;
	unsigned moves;
	int opened;
};

struct toy {
	struct session *sessions[FDS];
	int opens, closes;
	int refuse;     /* what open returns */
	int fail_reads; /* readv fails with this after the first octets */
};

static char key(size_t i)
{
	return (char)(0x5a ^ (i * 7));
}

static struct session *session_of(int fd, void *arg)
{
	struct toy *toy = arg;

	assert_in_range(fd, 0, FDS - 1);
	assert_non_null(toy->sessions[fd]);
	return toy->sessions[fd];
}

static int toy_open(int fd, void *arg)
{
	struct toy *toy = arg;

	if (toy->refuse)
		return toy->refuse;
	assert_null(toy->sessions[fd]);
	toy->sessions[fd] = calloc(1, sizeof(struct session));
	toy->opens++;
	return 0;
}

static void toy_close(int fd, void *arg)
{
	struct toy *toy = arg;

	free(session_of(fd, arg));
	toy->sessions[fd] = NULL;
	toy->closes++;
}

/* Reads all the socket has, as far as there is room: more than was asked for. */
static int64_t fill(int fd, struct session *s)
{
	struct buffer *b = &s->in;
	if (b->at == b->len)
		b->at = b->len = 0;
	const ssize_t n = recv(fd, b->data + b->len, ROOM - b->len, MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	if (n == 0)
		s->ended = true;
	for (ssize_t i = 0; i < n; i++)
		b->data[b->len++] ^= key(s->in_total++);
	return n;
}

static int64_t toy_readv(int fd, const weir_vec *vec, int n, void *arg)
{
	const struct toy *toy = arg;
	struct session *s = session_of(fd, arg);
	struct buffer *b = &s->in;

	assert_int_equal(n, 1);
	if (toy->fail_reads && s->in_total)
		return toy->fail_reads;
	if (b->at == b->len && !s->ended) {
		const int64_t got = fill(fd, s);
		if (got < 0)
			return got;
		/* A record is not complete until the next look. */
		if (got > 0 && ++s->moves % 5 == 0 && b->len < ROOM / 2)
			return -EAGAIN;
	}
	size_t len = b->len - b->at;
	len = len < vec->len ? len : vec->len;
	len = len < 700 ? len : 700;
	memcpy(vec->data, b->data + b->at, len);
	b->at += len;
	return (int64_t)len;
}

static size_t toy_pending(int fd, void *arg)
{
	const struct session *s = session_of(fd, arg);

	return s->in.len - s->in.at;
}

static int flush(int fd, struct session *s)
{
	struct buffer *b = &s->out;

	while (b->at < b->len) {
		const ssize_t n =
			send(fd, b->data + b->at, b->len - b->at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return -errno;
		b->at += (size_t)n;
	}
	b->at = b->len = 0;
	return 0;
}

static int64_t toy_writev(int fd, const weir_vec *vec, int n, void *arg)
{
	struct session *s = session_of(fd, arg);
	struct buffer *b = &s->out;
	const size_t before = s->out_total;
	/* Now and then it keeps what it takes, for the next call to send. */
	const bool lazy = ++s->moves % 3 == 0;
	int result = lazy && n ? 0 : flush(fd, s);

	assert_false(s->shut);
	if (result < 0 && result != -EAGAIN)
		return result;
	for (int i = 0; i < n; i++)
		for (size_t j = 0; j < vec[i].len && b->len < ROOM; j++)
			b->data[b->len++] = ((char *)vec[i].data)[j] ^ key(s->out_total++);
	if (!lazy)
		result = flush(fd, s);
	if (result < 0 && result != -EAGAIN)
		return result;
	return s->out_total > before || !n ? (int64_t)(s->out_total - before) : -EAGAIN;
}

static size_t toy_unsent(int fd, void *arg)
{
	const struct session *s = session_of(fd, arg);

	return s->out.len - s->out.at;
}

static int toy_shutdown(int fd, void *arg)
{
	struct session *s = session_of(fd, arg);

	assert_false(s->shut);
	assert_int_equal(toy_unsent(fd, arg), 0);
	/* The first time it has a farewell of its own to send. */
	if (s->moves++ % 2)
		return -EAGAIN;
	s->shut = true;
	return shutdown(fd, SHUT_WR) == 0 ? 0 : -errno;
}

static const weir_transport toy_transport = {
	.open = toy_open,
	.close = toy_close,
	.readv = toy_readv,
	.writev = toy_writev,
	.shutdown = toy_shutdown,
	.pending = toy_pending,
	.unsent = toy_unsent,
};

/* ---- the tests ---- */

static size_t echo_back(struct side *side, const char *data, size_t len)
{
	/* What does not fit is left and taken up again at drain. */
	if (weir_write(side->stream, data, len) == WEIR_EFULL) {
		weir_hold(side->stream, true);
		return 0;
	}
	return len;
}

static void resume_at_drain(struct side *side, char event)
{
	if (event == 'r')
		weir_hold(side->stream, false);
}

static void a_mebibyte_comes_back_through_the_toy(void **state)
{
	struct net *net = *state;
	struct toy toy = {.opens = 0};
	const size_t size = 1u << 20;
	const weir_stream_opts opts = {.transport = &toy_transport,
	                               .transport_arg = &toy,
	                               .low = 10000,
	                               .high = 60000,
	                               .max_queue = 2 << 20,
	                               .max_unread = 1 << 20};
	struct host *host = net_listen(net, NULL, &opts);
	char *data = malloc(size);
	host->model.take = echo_back;
	host->model.then = resume_at_drain;
	assert_non_null(data);
	pattern_fill(data, size, 0);

	struct side *client = net_connect(net, host->address, &opts);
	assert_true(weir_write(client->stream, data, size / 2) > 0);
	assert_true(weir_write_ref(client->stream, data + size / 2, size / 2, side_done, client) >
	            0);
	weir_finish(client->stream);
	while (!client->gones)
		net_turn(net);

	assert_int_equal(client->why, 0);
	assert_int_equal(client->len, size);
	assert_memory_equal(client->got, data, size);
	assert_int_equal(client->dones, 1);
	while (!host->accepted[0]->gones)
		net_turn(net);
	assert_int_equal(toy.opens, 2);
	assert_int_equal(toy.closes, 2);
	free(data);
}

/* A last write: what the toy keeps back belongs to it. */
static void the_last_octets_leave_the_transport_too(void **state)
{
	struct net *net = *state;
	struct toy toy = {.opens = 0};
	const weir_stream_opts opts = {.transport = &toy_transport, .transport_arg = &toy};
	struct host *host = net_listen(net, NULL, &opts);

	for (int i = 0; i < 6; i++) {
		struct side *client = net_connect(net, host->address, &opts);
		struct side *server = host_wait(host, i + 1);
		for (int j = 0; j <= i; j++)
			(void)side_write(server, "octet");
		weir__stream_last(server->stream);
		while (!client->gones)
			net_turn(net);
		assert_int_equal(client->len, 5 * (i + 1));
		assert_int_equal(server->why, 0);
	}
}

static size_t first_octet_then_rest(struct side *side, const char *data, size_t len)
{
	(void)data;
	if (side->datas == 1)
		weir_hold(side->stream, true);
	return side->datas == 1 ? 1 : len;
}

static void pending_octets_come_without_an_event(void **state)
{
	struct net *net = *state;
	struct toy toy = {.opens = 0};
	const weir_stream_opts opts = {.transport = &toy_transport, .transport_arg = &toy};
	struct host *host = net_listen(net, NULL, &opts);
	struct side *client = net_connect(net, host->address, &opts);
	char data[4000];
	host->model.take = first_octet_then_rest;
	pattern_fill(data, sizeof(data), 0);

	assert_true(weir_write(client->stream, data, sizeof(data)) >= 0);
	struct side *server = host_wait(host, 1);
	while (!server->datas)
		net_turn(net);
	net_turns(net, 30);
	/* Held: what the toy has already read stays there. */
	assert_int_equal(server->datas, 1);
	weir_hold(server->stream, false);
	while (server->len < sizeof(data))
		net_turn(net);
	assert_true(pattern_is(server->got, sizeof(data), 0));
	assert_int_equal(server->gones, 0);
	side_close(client);
	side_close(server);
}

static void a_transport_may_refuse_a_connection(void **state)
{
	struct net *net = *state;
	struct toy toy = {.refuse = -EACCES};
	const weir_stream_opts opts = {.transport = &toy_transport, .transport_arg = &toy};
	struct host *host = net_listen(net, NULL, &opts);
	struct side *client = net_connect(net, host->address, NULL);
	weir_stream *stream;

	while (!client->gones)
		net_turn(net);
	assert_int_equal(host->n, 0);
	assert_int_equal(weir_connect(net->loop, &stream, host->address, &opts, &side_ops, NULL),
	                 -EACCES);
	assert_int_equal(toy.closes, 0);
	/* The next one, which it takes (once the one that gave up is out of the way). */
	net_turns(net, 20);
	toy.refuse = 0;
	client = net_connect(net, host->address, &opts);
	(void)host_wait(host, 1);
	side_close(client);
	while (!host->accepted[0]->gones)
		net_turn(net);
	assert_int_equal(toy.closes, 2);
}

static void an_error_of_the_transport_ends_the_stream(void **state)
{
	struct net *net = *state;
	struct toy toy = {.fail_reads = WEIR_ESTATE};
	const weir_stream_opts opts = {.transport = &toy_transport, .transport_arg = &toy};
	struct host *host = net_listen(net, NULL, &opts);
	struct side *client = net_connect(net, host->address, NULL);

	for (int i = 0; i < 100 && client->stream; i++) {
		(void)side_write(client, "garbage");
		net_turns(net, 2);
	}
	assert_int_equal(host->accepted[0]->gones, 1);
	assert_int_equal(host->accepted[0]->why, WEIR_ESTATE);
	assert_int_equal(toy.closes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(a_mebibyte_comes_back_through_the_toy),
		NET_TEST(the_last_octets_leave_the_transport_too),
		NET_TEST(pending_octets_come_without_an_event),
		NET_TEST(a_transport_may_refuse_a_connection),
		NET_TEST(an_error_of_the_transport_ends_the_stream),
	};
	return cmocka_run_group_tests_name("transport", tests, NULL, NULL);
}
