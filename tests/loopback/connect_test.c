/*
 * How does connecting go, and how does it fail? What is asked of a stream before
 * it is connected holds afterwards.
 */
#include "tests/support/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The address of a port that was free just now. */
static void nobodys_address(struct net *net, char *address, size_t size)
{
	struct host *host = net_listen(net, NULL, NULL);

	(void)snprintf(address, size, "%s", host->address);
	host_close(host);
}

static struct side *ended(struct net *net, struct side *side)
{
	assert_int_equal(side->gones, 0);
	while (!side->gones)
		net_turn(net);
	assert_string_equal(side->log, "g");
	return side;
}

/* ---- failing ---- */

/* test-net-connect-handle-econnrefused */
static void a_refusal_is_told_by_gone(void **state)
{
	struct net *net = *state;
	char address[128];
	nobodys_address(net, address, sizeof(address));

	struct side *side = net_connect(net, address, NULL);
	assert_int_equal(ended(net, side)->why, -ECONNREFUSED);
}

static void close_again(struct side *side, char event)
{
	if (event == 'g')
		side_close(side);
}

/* test-net-socket-destroy-twice: closed in gone, it is not told again. */
static void a_refused_stream_may_be_closed_in_gone(void **state)
{
	struct net *net = *state;
	char address[128];
	nobodys_address(net, address, sizeof(address));

	struct side *side = net_connect(net, address, NULL);
	side->then = close_again;
	(void)ended(net, side);
	net_turns(net, 10);
	assert_int_equal(side->gones, 1);
}

static void what_was_queued_is_dropped_when_the_connection_fails(void **state)
{
	struct net *net = *state;
	char address[128];
	nobodys_address(net, address, sizeof(address));

	struct side *side = net_connect(net, address, NULL);
	assert_int_equal(side_write(side, "hello"), 5);
	assert_int_equal(weir_write_ref(side->stream, "again", 5, side_done, side), 10);
	while (!side->gones)
		net_turn(net);
	assert_string_equal(side->log, "ng");
	assert_int_equal(side->status, -ECONNREFUSED);
	assert_int_equal(side->why, -ECONNREFUSED);
}

static void connect_path(struct net *net, const char *path, struct side **side)
{
	char address[128];

	(void)snprintf(address, sizeof(address), "unix:%s", path);
	*side = net_connect(net, address, NULL);
}

/* test-net-pipe-connect-errors: a regular file, and no file. */
static void paths_that_are_no_sockets_are_told_by_gone(void **state)
{
	struct net *net = *state;
	struct side *side;
	char path[100];

	(void)snprintf(path, sizeof(path), "%s/missing", test_dir());
	connect_path(net, path, &side);
	assert_int_equal(ended(net, side)->why, -ENOENT);

	(void)snprintf(path, sizeof(path), "%s/file", test_dir());
	const int file = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(file >= 0);
	assert_int_equal(close(file), 0);
	connect_path(net, path, &side);
	const int why = ended(net, side)->why;
	assert_true(why == -ECONNREFUSED || why == -ENOTSOCK);
}

/* test-net-pipe-connect-errors: a path that its mode forbids, to others than root. */
static void a_forbidden_path_is_told_by_gone(void **state)
{
	struct net *net = *state;
	const uid_t me = geteuid();
	char path[100], address[128];

	(void)snprintf(path, sizeof(path), "%s/forbidden", test_dir());
	(void)snprintf(address, sizeof(address), "unix:%s", path);
	struct host *host = net_listen(net, address, NULL);
	assert_int_equal(chmod(path, 0), 0);
	assert_int_equal(chmod(test_dir(), 0755), 0);
	if (me == 0)
		assert_int_equal(seteuid(65534), 0);
	struct side *side = net_connect(net, address, NULL);
	if (me == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(ended(net, side)->why, -EACCES);
	host_close(host);
}

/* A port of this host that answers nothing: its queue of connections is full. */
static int silent_address(char *address, size_t size, int fillers[3])
{
	struct sockaddr_in name = {.sin_family = AF_INET};
	socklen_t len = sizeof(name);
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	(void)snprintf(address, size, "127.0.0.1:%d", ntohs(name.sin_port));
	for (int i = 0; i < 3; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(fcntl(fillers[i], F_SETFL, O_NONBLOCK), 0);
		(void)connect(fillers[i], (struct sockaddr *)&name, sizeof(name));
	}
	return fd;
}

/* test-net-connect-timeout: the idle limit holds for connecting too. */
static void the_idle_limit_ends_a_connect_that_nobody_answers(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.idle_ms = 100};
	char address[64];
	int fillers[3];
	const int fd = silent_address(address, sizeof(address), fillers);

	struct side *side = net_connect(net, address, &opts);
	/* By the loop's time, which is that of its turn's beginning. */
	const int64_t begin = weir_loop_now(net->loop);
	while (!side->idles)
		net_turn(net);
	assert_in_range(weir_loop_now(net->loop) - begin, 95, 600);
	assert_string_equal(side->log, "i");
	side_close(side);

	weir_stream_ops ops = side_ops;
	ops.idle = NULL;
	side = net_side(net);
	assert_int_equal(weir_connect(net->loop, &side->stream, address, &opts, &ops, side), 0);
	assert_int_equal(ended(net, side)->why, WEIR_ETIMEOUT);
	for (int i = 0; i < 3; i++)
		(void)close(fillers[i]);
	(void)close(fd);
}

static void a_connecting_stream_can_be_closed(void **state)
{
	struct net *net = *state;
	char address[64];
	int fillers[3];
	const int fd = silent_address(address, sizeof(address), fillers);

	struct side *side = net_connect(net, address, NULL);
	assert_true(side_write(side, "never sent") > 0);
	net_turns(net, 5);
	side_close(side);
	net_turns(net, 5);
	assert_string_equal(side->log, "");
	for (int i = 0; i < 3; i++)
		(void)close(fillers[i]);
	(void)close(fd);
}

static void what_is_no_address_is_refused_at_once(void **state)
{
	static const char *const bad[] = {
		"",        "localhost:80", "127.0.0.1", "127.0.0.1:", "1.2.3:80", "1.2.3.4:65536",
		"[::1:80", "unix:",        "fd:0",      "systemd:x",  "-1",
	};
	struct net *net = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		weir_stream *stream = (weir_stream *)state;
		assert_int_equal(weir_connect(net->loop, &stream, bad[i], NULL, &side_ops, NULL),
		                 WEIR_EADDRESS);
		assert_null(stream);
	}
}

static void without_a_free_descriptor_connect_says_so(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	struct rlimit old, tight;
	weir_stream *stream;
	const int next = dup(0);
	(void)close(next);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	tight = old;
	tight.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	const int result = weir_connect(net->loop, &stream, host->address, NULL, &side_ops, NULL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(result, -EMFILE);
	assert_null(stream);
}

/* ---- before it is connected ---- */

static void everywhere(struct net *net, void (*test)(struct net *net, const char *address))
{
	char path[128];

	test(net, "127.0.0.1:0");
	/* Here connect is done when it returns. */
	(void)snprintf(path, sizeof(path), "unix:%s/before", test_dir());
	test(net, path);
}

/* test-net-connect-buffer: the octets come after open, and complete. */
static void write_and_finish_first(struct net *net, const char *address)
{
	struct host *host = net_listen(net, address, NULL);
	struct side *client = net_connect(net, host->address, NULL);

	assert_int_equal(side_write(client, "hello "), 6);
	assert_int_equal(weir_write_ref(client->stream, "world", 5, side_done, client), 11);
	assert_int_equal(weir_queued(client->stream), 11);
	weir_finish(client->stream);
	assert_int_equal(side_write(client, "no"), WEIR_ECLOSED);
	assert_int_equal(client->opens, 0);

	struct side *server = host_wait(host, 1);
	while (!client->gones || !server->gones)
		net_turn(net);
	assert_string_equal(client->log, "oneg");
	assert_true(side_has(server, "hello world"));
	host_close(host);
}

static void writing_and_finishing_come_after_open(void **state)
{
	everywhere(*state, write_and_finish_first);
}

static void write_in_open(struct side *side, char event)
{
	if (event == 'o')
		assert_true(side_write(side, "world") >= 0);
}

/* test-net-write-connect-write: before open, then in it. */
static void write_before_and_in_open(struct net *net, const char *address)
{
	struct host *host = net_listen(net, address, NULL);
	host->model.echoes = true;
	struct side *client = net_connect(net, host->address, NULL);
	client->then = write_in_open;

	assert_int_equal(side_write(client, "hello "), 6);
	while (client->len < 11)
		net_turn(net);
	assert_true(side_has(client, "hello world"));
	side_close(client);
	host_close(host);
}

static void writes_before_and_in_open_keep_their_order(void **state)
{
	everywhere(*state, write_before_and_in_open);
}

static void greet(struct side *side, char event)
{
	if (event == 'o')
		assert_true(side_write(side, "welcome") >= 0);
}

/* test-net-pause-resume-connecting: held and resumed in various orders. */
static void hold_first(struct net *net, const char *address)
{
	struct host *host = net_listen(net, address, NULL);
	struct side *clients[5];
	host->model.then = greet;

	for (int i = 0; i < 5; i++)
		clients[i] = net_connect(net, host->address, NULL);
	weir_hold(clients[1]->stream, true);
	weir_hold(clients[1]->stream, false);
	weir_hold(clients[2]->stream, false);
	weir_hold(clients[2]->stream, true);
	weir_hold(clients[2]->stream, false);
	weir_hold(clients[3]->stream, true);
	weir_hold(clients[4]->stream, false);
	weir_hold(clients[4]->stream, true);

	(void)host_wait(host, 5);
	net_turns(net, 50);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(clients[i]->opens, 1);
		assert_int_equal(clients[i]->len, i < 3 ? 7 : 0);
	}
	weir_hold(clients[3]->stream, false);
	weir_hold(clients[4]->stream, false);
	for (int i = 3; i < 5; i++)
		while (!side_has(clients[i], "welcome"))
			net_turn(net);
	for (int i = 0; i < 5; i++)
		side_close(clients[i]);
	host_close(host);
}

static void holding_before_open_holds_afterwards(void **state)
{
	everywhere(*state, hold_first);
}

static void open_comes_from_the_loop(struct net *net, const char *address)
{
	struct host *host = net_listen(net, address, NULL);
	struct side *client = net_connect(net, host->address, NULL);

	assert_int_equal(client->opens, 0);
	while (!client->opens)
		net_turn(net);
	assert_string_equal(client->log, "o");
	side_close(client);
	host_close(host);
}

static void open_is_never_called_inside_connect(void **state)
{
	everywhere(*state, open_comes_from_the_loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(a_refusal_is_told_by_gone),
		NET_TEST(a_refused_stream_may_be_closed_in_gone),
		NET_TEST(what_was_queued_is_dropped_when_the_connection_fails),
		NET_TEST(paths_that_are_no_sockets_are_told_by_gone),
		NET_TEST(a_forbidden_path_is_told_by_gone),
		NET_TEST(the_idle_limit_ends_a_connect_that_nobody_answers),
		NET_TEST(a_connecting_stream_can_be_closed),
		NET_TEST(what_is_no_address_is_refused_at_once),
		NET_TEST(without_a_free_descriptor_connect_says_so),
		NET_TEST(writing_and_finishing_come_after_open),
		NET_TEST(writes_before_and_in_open_keep_their_order),
		NET_TEST(holding_before_open_holds_afterwards),
		NET_TEST(open_is_never_called_inside_connect),
	};
	return cmocka_run_group_tests_name("connect", tests, NULL, NULL);
}
