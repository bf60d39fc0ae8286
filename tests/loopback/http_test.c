/*
 * Does the HTTP server keep its promises over real sockets? Clients are streams
 * of the same loop, so that nothing waits for anything but events. What depends
 * on time is tested in tests/memio/http_conn_test.c.
 */
#include "config.h"

#include "tests/support/net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/weir_http.h"

/* Whether this kernel keeps silent clients waiting. (A BSD may, if its filter is loaded.) */
#define DEFERS HAVE_TCP_DEFER_ACCEPT

#define HELLO "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

/* ---- the application ---------------------------------------------------- */

static struct app {
	weir_req *req;
	int requests, gones, eofs, holds, drains;
	weir_timer timer;
} app;

static void say_hello(weir_req *req, void *arg)
{
	(void)arg;
	app.requests++;
	assert_true(weir_reply(req, 200, "text/plain", "Hello World\n", 12) >= 0);
}

static void say_peer(weir_req *req, void *arg)
{
	char text[64];
	const int len = weir_req_peer(req, text, sizeof(text));

	(void)arg;
	assert_true(weir_reply(req, 200, NULL, text, (size_t)len) >= 0);
}

static void on_eof(weir_req *req, void *arg)
{
	(void)req;
	(void)arg;
	app.eofs++;
}

static void on_gone(weir_req *req, int why, void *arg)
{
	(void)req;
	(void)arg;
	assert_true(why < 0);
	app.gones++;
}

static const weir_req_ops watch = {.eof = on_eof, .gone = on_gone};

static void keep(weir_req *req, void *arg)
{
	app.requests++;
	app.req = req;
	weir_req_on(req, &watch, arg);
}

static void say_late(weir_timer *timer, void *arg)
{
	int before = app.requests;

	(void)timer;
	assert_true(weir_reply(arg, 200, NULL, "late", 4) >= 0);
	assert_int_equal(app.requests, before);
}

static void answer_later(weir_req *req, void *arg)
{
	(void)arg;
	app.requests++;
	weir_timer_init(&app.timer, say_late, req);
	weir_timer_start(weir_req_loop(req), &app.timer, 1, 0);
}

static size_t echo_data(weir_req *req, const char *data, size_t len, void *arg)
{
	int64_t queued = weir_reply_write(req, data, len);

	(void)arg;
	assert_true(queued >= 0);
	if (queued > 64 * 1024) {
		app.holds++;
		weir_req_hold(req, true);
	}
	return len;
}

static void echo_drain(weir_req *req, void *arg)
{
	(void)arg;
	app.drains++;
	weir_req_hold(req, false);
}

static void echo_end(weir_req *req, void *arg)
{
	(void)arg;
	assert_int_equal(weir_reply_end(req), 0);
}

static void echo(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {.data = echo_data, .drain = echo_drain, .end = echo_end};

	weir_req_on(req, &ops, arg);
	assert_true(weir_reply_begin(req, 200, weir_req_length(req)) >= 0);
}

/* ---- the world ---------------------------------------------------------- */

static weir_server *server;

/* A server for `handler`; its address into `address`. */
static void serve(struct net *net, weir_handler *handler, char address[64])
{
	const weir_server_opts opts = {.request = handler};
	weir_listener *listener;

	memset(&app, 0, sizeof app);
	assert_int_equal(weir_server_new(&server, net->loop, &opts), 0);
	assert_int_equal(weir_server_listen(server, &listener, "127.0.0.1:0"), 0);
	assert_true(weir_listener_address(listener, address, 64) > 0);
}

static struct side *client(struct net *net, weir_handler *handler)
{
	char address[64];

	serve(net, handler, address);
	return net_connect(net, address, NULL);
}

/* How often the text has come. */
static int times(const struct side *side, const char *text)
{
	const size_t len = strlen(text);
	int n = 0;

	for (size_t i = 0; i + len <= side->len; i++)
		if (!memcmp(side->got + i, text, len))
			n++;
	return n;
}

static void wait_for(struct side *side, const char *text, int n)
{
	while (times(side, text) < n)
		net_turn(side->net);
}

/* ---- tests -------------------------------------------------------------- */

static void requests_follow_each_other(void **state)
{
	struct side *c = client(*state, say_hello);

	for (int i = 1; i <= 5; i++) {
		side_write(c, HELLO);
		wait_for(c, "\r\n\r\nHello World\n", i);
	}
	assert_int_equal(times(c, "HTTP/1.1 200 OK\r\nDate: "), 5);
	assert_int_equal(times(c, "Connection"), 0);
	assert_int_equal(weir_server_connections(server), 1);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	struct side *c = client(*state, answer_later);

	side_write(c, HELLO HELLO HELLO HELLO);
	wait_for(c, "late", 4);
	assert_int_equal(app.requests, 4);
}

static void an_error_reply_arrives_though_more_is_sent(void **state)
{
	struct net *net = *state;
	struct side *c = client(net, say_hello);
	static char more[100000];

	/* Octets that nobody reads would reset the connection, and the reply be lost. */
	side_write(c, "GET / HTTP/1.1\r\n\r\n");
	weir_write(c->stream, more, sizeof more);
	wait_for(c, "400 Bad Request", 1);
	while (!c->gones)
		net_turn(net);
	assert_int_equal(c->why, 0);
	assert_int_equal(times(c, "HTTP/1.1"), 1);
	assert_int_equal(times(c, "Connection: close\r\n"), 1);
}

static void a_half_closed_client_is_answered(void **state)
{
	struct net *net = *state;
	struct side *c = client(net, answer_later);

	side_write(c, HELLO HELLO);
	weir_finish(c->stream);
	while (!c->gones)
		net_turn(net);
	assert_int_equal(c->why, 0);
	assert_int_equal(times(c, "late"), 2);
	assert_int_equal(weir_server_connections(server), 0);
}

static void eof_and_reset_are_told(void **state)
{
	struct net *net = *state;
	char address[64];

	serve(net, keep, address);
	int fd = raw_connect(address);
	raw_write(fd, HELLO, strlen(HELLO));
	while (!app.req)
		net_turn(net);
	raw_reset(fd);
	while (!app.gones)
		net_turn(net);
	assert_int_equal(weir_reply(app.req, 200, NULL, NULL, 0), WEIR_ECLOSED);

	struct side *c = net_connect(net, address, NULL);
	side_write(c, HELLO);
	weir_finish(c->stream);
	while (!app.eofs)
		net_turn(net);
	assert_int_equal(app.gones, 1);
	assert_true(weir_reply(app.req, 200, NULL, "still", 5) >= 0);
	wait_for(c, "still", 1);
}

/* Checks the body of a reply against the pattern, instead of storing it; n counts. */
static size_t check_pattern(struct side *side, const char *data, size_t len)
{
	const char *body = data;

	if (!side->arg) {
		body = memchr(data, '\n', len);
		while (body && (body[1] != '\r' || body[2] != '\n'))
			body = memchr(body + 1, '\n', len - (size_t)(body + 1 - data));
		assert_non_null(body);
		body += 3;
		side->arg = side;
	}
	const size_t n = len - (size_t)(body - data);
	assert_true(pattern_is(body, n, (size_t)side->n));
	side->n += (int)n;
	return len;
}

static void an_upload_is_echoed_with_backpressure(void **state)
{
	enum { LEN = 32 << 20 };
	const weir_stream_opts wide = {.max_queue = 2 * LEN};
	struct net *net = *state;
	char *body = malloc(LEN);
	char address[64];
	char head[128];

	assert_non_null(body);
	pattern_fill(body, LEN, 0);
	serve(net, echo, address);
	struct side *c = net_connect(net, address, &wide);
	c->counts_only = true;
	c->take = check_pattern;
	snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n",
	         LEN);
	side_write(c, head);
	assert_true(weir_write(c->stream, body, LEN) >= 0);

	/* The client does not read: in the end the server waits and nothing moves any more, */
	weir_hold(c->stream, true);
	for (int64_t before = 0; !app.holds || before != weir_queued(c->stream);) {
		before = weir_queued(c->stream);
		net_turns(net, 20);
	}
	/* and much of it is still on its side. */
	assert_true(weir_queued(c->stream) > LEN / 4);

	weir_hold(c->stream, false);
	while (c->n < LEN)
		net_turn(net);
	assert_true(app.drains > 0);
	free(body);
}

static void chunks_are_echoed(void **state)
{
	struct side *c = client(*state, echo);
	char line[16];
	char want[16];

	side_write(c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	wait_for(c, "\r\n\r\n", 1);
	for (int i = 0; i < 50; i++) {
		snprintf(line, sizeof line, "3\r\n%03d\r\n", i % 1000);
		side_write(c, line);
		snprintf(want, sizeof want, "\r\n%03d\r\n", i % 1000);
		wait_for(c, want, 1);
	}
	side_write(c, "0\r\nX: y\r\n\r\n");
	wait_for(c, "0\r\n\r\n", 1);
	assert_int_equal(times(c, "X: y"), 0);
}

static void a_server_listens_on_any_number_of_addresses(void **state)
{
	struct net *net = *state;
	struct side *c = client(net, say_hello);
	char path[128];

	snprintf(path, sizeof path, "unix:%s/http", test_dir());
	assert_int_equal(weir_server_listen(server, NULL, path), 0);
	struct side *d = net_connect(net, path, NULL);
	side_write(c, HELLO);
	side_write(d, HELLO);
	wait_for(c, "Hello", 1);
	wait_for(d, "Hello", 1);
	assert_int_equal(weir_server_connections(server), 2);
}

/* It costs no connection, and is served as soon as it speaks. */
static void who_is_silent_may_be_left_to_the_kernel(void **state)
{
	struct net *net = *state;
	const weir_server_opts opts = {.request = say_hello, .defer_ms = 600000};
	weir_listener *listener;
	char address[64];

	memset(&app, 0, sizeof app);
	assert_int_equal(weir_server_new(&server, net->loop, &opts), 0);
	assert_int_equal(weir_server_listen(server, &listener, "127.0.0.1:0"), 0);
	assert_true(weir_listener_address(listener, address, sizeof address) > 0);
	struct side *c = net_connect(net, address, NULL);
	while (!c->opens)
		net_turn(net);
	net_turns(net, 50);
	assert_int_equal(weir_server_connections(server), DEFERS ? 0 : 1);
	side_write(c, HELLO);
	wait_for(c, "Hello World\n", 1);
	assert_int_equal(weir_server_connections(server), 1);
}

static void a_drained_loop_ends(void **state)
{
	struct net *net = *state;
	char address[64];

	serve(net, keep, address);
	struct side *idle = net_connect(net, address, NULL),
		    *busy = net_connect(net, address, NULL);
	side_write(idle, HELLO);
	while (!app.req)
		net_turn(net);
	weir_reply(app.req, 200, NULL, "first", 5);
	app.req = NULL;
	wait_for(idle, "first", 1);
	side_write(busy, HELLO);
	while (!app.req)
		net_turn(net);
	weir_loop_drain(net->loop);
	weir_reply(app.req, 200, NULL, "second", 6);
	app.req = NULL;
	/* A request that was on its way is answered. */
	side_write(idle, HELLO);
	while (!app.req)
		net_turn(net);
	weir_reply(app.req, 200, NULL, "third", 5);
	assert_int_equal(weir_loop_run(net->loop), 0);
	assert_int_equal(times(busy, "Connection: close\r\n"), 1);
	assert_int_equal(times(busy, "second"), 1);
	assert_int_equal(times(idle, "Connection: close\r\n"), 1);
	assert_int_equal(times(idle, "third"), 1);
}

static void a_listener_that_was_closed_is_not_closed_again(void **state)
{
	struct net *net = *state;
	const weir_server_opts opts = {.request = say_hello};
	weir_listener *listener;

	assert_int_equal(weir_server_new(&server, net->loop, &opts), 0);
	assert_int_equal(weir_server_listen(server, &listener, "127.0.0.1:0"), 0);
	weir_listener_close(listener);
	assert_int_equal(weir_server_listen(server, NULL, "127.0.0.1:0"), 0);
	weir_server_free(server);
	assert_int_equal(weir_loop_run(net->loop), 0);
}

/* A connection of which the program has the descriptor, as from inetd. */
static void one_that_was_accepted_elsewhere_is_served(void **state)
{
	struct net *net = *state;
	char address[64];
	int fd[2];

	serve(net, say_hello, address);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(weir_server_adopt(server, fd[0]), 0);
	assert_true(fcntl(fd[0], F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd[0], F_GETFL) & O_NONBLOCK);
	assert_int_equal(weir_server_adopt(server, fd[0]), -EBUSY);
	struct side *c = net_adopt(net, fd[1], NULL);
	for (int i = 0; i < 2; i++) {
		side_write(c, HELLO);
		wait_for(c, "Hello World\n", i + 1);
	}
}

static void what_is_no_connection_stays_the_callers(void **state)
{
	struct net *net = *state;
	char address[64];
	int fd[2];

	serve(net, say_hello, address);
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(weir_server_adopt(server, fd[0]), -ENOTSOCK);
	assert_int_equal(close(fd[0]), 0);
	assert_int_equal(weir_server_adopt(server, fd[0]), -EBADF);
	assert_int_equal(close(fd[1]), 0);
	const int unconnected = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(weir_server_adopt(server, unconnected), -ENOTCONN);
	assert_int_equal(close(unconnected), 0);
}

/* The proxy says whom it speaks for, and then what that one said. */
static void a_proxy_may_say_who_the_client_is(void **state)
{
	struct net *net = *state;
	weir_listener *listener;
	char address[64];

	serve(net, say_peer, address);
	assert_int_equal(weir_server_listen(server, &listener, "127.0.0.1:0"), 0);
	assert_int_equal(weir_listener_proxy(listener, "127.0.0.0/8"), 0);
	assert_true(weir_listener_address(listener, address, sizeof(address)) > 0);
	struct side *c = net_connect(net, address, NULL);
	side_write(c, "PROXY TCP4 192.0.2.1 10.0.0.1 4711 80\r\n" HELLO HELLO);
	wait_for(c, "192.0.2.1:4711", 2);
}

static void many_clients_at_once(void **state)
{
	enum { CLIENTS = 200, EACH = 10 };
	struct net *net = *state;
	static struct side *clients[CLIENTS];
	char address[64];

	serve(net, say_hello, address);
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = net_connect(net, address, NULL);
		for (int k = 0; k < EACH; k++)
			side_write(clients[i], HELLO);
	}
	for (int i = 0; i < CLIENTS; i++)
		wait_for(clients[i], "Hello World\n", EACH);
	assert_int_equal(app.requests, CLIENTS * EACH);
	assert_int_equal(weir_server_connections(server), CLIENTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(requests_follow_each_other),
		NET_TEST(pipelined_requests_are_answered_in_order),
		NET_TEST(an_error_reply_arrives_though_more_is_sent),
		NET_TEST(a_half_closed_client_is_answered),
		NET_TEST(eof_and_reset_are_told),
		NET_TEST(an_upload_is_echoed_with_backpressure),
		NET_TEST(chunks_are_echoed),
		NET_TEST(a_server_listens_on_any_number_of_addresses),
		NET_TEST(who_is_silent_may_be_left_to_the_kernel),
		NET_TEST(a_drained_loop_ends),
		NET_TEST(a_listener_that_was_closed_is_not_closed_again),
		NET_TEST(one_that_was_accepted_elsewhere_is_served),
		NET_TEST(what_is_no_connection_stays_the_callers),
		NET_TEST(a_proxy_may_say_who_the_client_is),
		NET_TEST(many_clients_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
