/*
 * Where can one listen, what is it called, and when is it refused? The addresses
 * of both ends of a connection.
 */
#include "config.h"

#include "tests/support/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whether this kernel keeps silent clients waiting. (A BSD may, if its filter is loaded.) */
#define DEFERS HAVE_TCP_DEFER_ACCEPT

static bool has_ip6(void)
{
	const struct sockaddr_in6 name = {.sin6_family = AF_INET6,
	                                  .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	const int fd = socket(AF_INET6, SOCK_STREAM, 0);
	const bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&name, sizeof(name)) == 0;

	if (fd >= 0)
		(void)close(fd);
	return has;
}

static int try_listen(struct net *net, const char *address, const weir_stream_opts *opts)
{
	weir_listener *listener = (weir_listener *)net;
	const int result = weir_listen(net->loop, &listener, address, opts, &side_ops, NULL);

	if (result < 0)
		assert_null(listener);
	else
		weir_listener_close(listener);
	return result;
}

/* Both ends of a connection to the host name each other. */
static void addresses_match(struct net *net, struct host *host, const char *connect_to)
{
	char a[128], b[128];
	struct side *client = net_connect(net, connect_to, NULL);
	struct side *server = host_wait(host, host->n + 1);

	while (!client->opens)
		net_turn(net);
	assert_true(weir_peer(client->stream, a, sizeof(a)) > 0);
	assert_int_equal(weir_local(server->stream, b, sizeof(b)), strlen(a));
	assert_string_equal(a, connect_to);
	assert_string_equal(a, b);
	assert_true(weir_local(client->stream, a, sizeof(a)) > 0);
	assert_int_equal(weir_peer(server->stream, b, sizeof(b)), strlen(a));
	assert_string_equal(a, b);
	assert_string_not_equal(a, connect_to);
	side_close(client);
	side_close(server);
}

/* ---- TCP ---- */

static int port_of(const char *address)
{
	return atoi(strrchr(address, ':') + 1);
}

/* test-net-server-bind: without a port the system chooses one; a fixed one is kept. */
static void port_0_lets_the_system_choose(void **state)
{
	struct net *net = *state;
	char address[128];
	struct host *host = net_listen(net, "127.0.0.1:0", NULL);

	(void)snprintf(address, sizeof(address), "%s", host->address);
	assert_true(port_of(address) > 100);
	assert_memory_equal(address, "127.0.0.1:", 10);
	host_close(host);
	host = net_listen(net, address, NULL);
	assert_string_equal(host->address, address);
}

/* test-net-remote-address-port */
static void both_ends_name_each_other(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, "127.0.0.1:0", NULL);

	addresses_match(net, host, host->address);
	addresses_match(net, host, host->address);
}

static void ip6_addresses_are_in_brackets(void **state)
{
	struct net *net = *state;
	if (!has_ip6())
		skip();
	struct host *host = net_listen(net, "[::1]:0", NULL);

	assert_memory_equal(host->address, "[::1]:", 6);
	addresses_match(net, host, host->address);
}

/* An IPv4 peer of a socket that takes both is an IPv4 peer. */
static void a_port_alone_takes_both_families(void **state)
{
	struct net *net = *state;
	char address[128];
	struct host *host = net_listen(net, "0", NULL);

	(void)snprintf(address, sizeof(address), "127.0.0.1:%d", port_of(host->address));
	addresses_match(net, host, address);
	if (!has_ip6())
		return;
	(void)snprintf(address, sizeof(address), "[::1]:%d", port_of(host->address));
	addresses_match(net, host, address);
}

static void v6_only_does_not_take_the_other(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.v6_only = true};
	char address[128];
	if (!has_ip6())
		skip();
	struct host *host = net_listen(net, "[::]:0", &opts);

	(void)snprintf(address, sizeof(address), "127.0.0.1:%d", port_of(host->address));
	struct side *side = net_connect(net, address, NULL);
	while (!side->gones)
		net_turn(net);
	assert_int_equal(side->why, -ECONNREFUSED);
}

/* test-net-create-connection: by port alone, and with an address. */
static void a_port_alone_connects_to_this_host(void **state)
{
	struct net *net = *state;
	char port[16];
	struct host *host = net_listen(net, NULL, NULL);

	(void)snprintf(port, sizeof(port), "%d", port_of(host->address));
	struct side *a = net_connect(net, port, NULL);
	struct side *b = net_connect(net, host->address, NULL);
	(void)snprintf(port, sizeof(port), ":%d", port_of(host->address));
	struct side *c = net_connect(net, port, NULL);
	(void)host_wait(host, 3);
	while (!a->opens || !b->opens || !c->opens)
		net_turn(net);
}

/* test-net-bind-twice, test-net-eaddrinuse, test-http-bind-twice */
static void a_port_in_use_is_refused_and_the_first_is_unharmed(void **state)
{
	struct net *net = *state;
	char address[128];
	struct host *host = net_listen(net, NULL, NULL);

	assert_int_equal(try_listen(net, host->address, NULL), -EADDRINUSE);
	(void)snprintf(address, sizeof(address), "%d", port_of(host->address));
	assert_int_equal(try_listen(net, address, NULL), -EADDRINUSE);
	addresses_match(net, host, host->address);
}

/* test-net-server-try-ports: after a refusal another port serves. */
static void after_a_refusal_another_port_serves(void **state)
{
	struct net *net = *state;
	struct host *first = net_listen(net, NULL, NULL);

	assert_int_equal(try_listen(net, first->address, NULL), -EADDRINUSE);
	struct host *second = net_listen(net, NULL, NULL);
	assert_string_not_equal(first->address, second->address);
	addresses_match(net, second, second->address);
}

/* test-net-listen-error: an address that is not ours; the loop is not held by it. */
static void an_address_not_ours_is_refused(void **state)
{
	struct net *net = *state;

	assert_int_equal(try_listen(net, "192.0.2.1:0", NULL), -EADDRNOTAVAIL);
	assert_int_equal(weir_loop_run(net->loop), 0);
}

static void ports_may_be_shared_when_both_ask_for_it(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.reuse_port = true};
	weir_listener *listener;
	char address[128];

	int result = weir_listen(net->loop, &listener, "127.0.0.1:0", &opts, &side_ops, NULL);
	if (result == -ENOTSUP) {
		print_message("no SO_REUSEPORT here\n");
		skip();
	}
	assert_int_equal(result, 0);
	assert_true(weir_listener_address(listener, address, sizeof(address)) > 0);
	assert_int_equal(try_listen(net, address, &opts), 0);
	assert_int_equal(try_listen(net, address, NULL), -EADDRINUSE);
}

/* Silent clients wait in the kernel for about that time, rounded up, where it knows of such
   things, and come at once where not. */
static void who_is_silent_may_be_kept_waiting(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.defer_ms = 1};
	struct host *host = net_listen(net, NULL, &opts);
	struct side *silent = net_connect(net, host->address, NULL);

	while (!silent->opens)
		net_turn(net);
	net_turns(net, 50);
	assert_int_equal(host->n, DEFERS ? 0 : 1);
	struct side *speaker = net_connect(net, host->address, NULL);
	(void)side_write(speaker, "hello");
	struct side *server = host_wait(host, DEFERS ? 1 : 2);
	while (!server->len)
		net_turn(net);
	assert_true(side_has(server, "hello"));
	(void)host_wait(host, 2);
}

static void who_speaks_need_not_wait(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.defer_ms = 600000};
	struct host *host = net_listen(net, NULL, &opts);
	struct side *client = net_connect(net, host->address, NULL);

	while (!client->opens)
		net_turn(net);
	net_turns(net, 50);
	(void)side_write(client, "at last");
	struct side *server = host_wait(host, 1);
	while (!server->len)
		net_turn(net);
	assert_true(side_has(server, "at last"));
}

/* test-net-server-listen-remove-callback: listen, close, listen on another, close. */
static void listening_and_closing_in_turn_leaves_nothing(void **state)
{
	struct net *net = *state;

	for (int i = 0; i < 50; i++)
		assert_int_equal(try_listen(net, "127.0.0.1:0", NULL), 0);
	assert_int_equal(weir_loop_run(net->loop), 0);
}

static void close_host(struct side *side, char event)
{
	if (event == 'o')
		host_close(side->arg);
}

/* A listener holds the loop, and streams live on without it. */
static void the_loop_ends_when_the_listener_and_its_streams_have(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	struct side *client = net_connect(net, host->address, NULL);
	host->model.then = close_host;
	host->model.arg = host;
	(void)side_write(client, "hello");
	weir_finish(client->stream);

	assert_int_equal(weir_loop_run(net->loop), 0);
	assert_int_equal(host->n, 1);
	assert_string_equal(host->accepted[0]->log, "odeg");
	assert_string_equal(client->log, "oeg");
}

static void a_text_that_is_too_short_for_the_address_says_so(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	char text[128];
	const int len = weir_listener_address(host->listener, text, sizeof(text));

	assert_int_equal(weir_listener_address(host->listener, text, (size_t)len), -ENOSPC);
	assert_int_equal(weir_listener_address(host->listener, text, 0), -ENOSPC);
	assert_int_equal(weir_listener_address(host->listener, text, (size_t)len + 1), len);
	assert_string_equal(text, host->address);
}

/* ---- unix paths ---- */

static void in_folder(char *address, size_t size, const char *name)
{
	(void)snprintf(address, size, "unix:%s/%s", test_dir(), name);
}

static bool exists(const char *address)
{
	struct stat st;

	return lstat(address + 5, &st) == 0;
}

/* There is nothing to wait for: it is accepted at once. */
static void a_unix_socket_keeps_nobody_waiting(void **state)
{
	struct net *net = *state;
	const weir_stream_opts opts = {.defer_ms = 600000};
	char path[128];

	in_folder(path, sizeof(path), "deferred");
	struct host *host = net_listen(net, path, &opts);
	(void)net_connect(net, host->address, NULL);
	(void)host_wait(host, 1);
}

/* Whether this system tells who is at the other end, and whether that includes the process. */
#define TELLS (HAVE_SO_PEERCRED || HAVE_GETPEERUCRED || HAVE_GETPEEREID)
#define TELLS_PID (HAVE_SO_PEERCRED || HAVE_GETPEERUCRED)

static void assert_peer_is(const struct side *side, pid_t pid)
{
	weir_ids ids = {-7, -7, -7};

	assert_int_equal(weir_peer_ids(side->stream, &ids), TELLS ? 0 : -ENOTSUP);
	assert_int_equal(ids.uid, TELLS ? (int64_t)geteuid() : -7);
	assert_int_equal(ids.gid, TELLS ? (int64_t)getegid() : -7);
	if (TELLS_PID || ids.pid != -1)
		assert_int_equal(ids.pid, TELLS ? (int64_t)pid : -7);
}

static void both_ends_of_a_unix_socket_know_each_other(void **state)
{
	struct net *net = *state;
	char address[128];
	in_folder(address, sizeof(address), "ids");
	struct host *host = net_listen(net, address, NULL);
	struct side *client = net_connect(net, address, NULL);

	assert_peer_is(host_wait(host, 1), getpid());
	assert_peer_is(client, getpid());
}

/* What it was when it connected. */
static void a_peer_is_known_that_has_ended(void **state)
{
	struct net *net = *state;
	char address[128];
	int status;
	in_folder(address, sizeof(address), "ids");
	struct host *host = net_listen(net, address, NULL);
	const pid_t pid = fork();

	if (pid == 0)
		_exit(raw_connect(address) < 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_peer_is(host_wait(host, 1), pid);
}

static void only_a_unix_socket_knows_its_peer(void **state)
{
	struct net *net = *state;
	weir_ids ids = {-7, -7, -7};
	struct side *client, *server;
	int fd[2];
	net_pair(net, NULL, &client, &server);

	assert_int_equal(weir_peer_ids(client->stream, &ids), -ENOTSUP);
	assert_int_equal(weir_peer_ids(server->stream, &ids), -ENOTSUP);
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(weir_peer_ids(net_adopt(net, fd[0], NULL)->stream, &ids), -ENOTSOCK);
	assert_true(ids.uid == -7 && ids.gid == -7 && ids.pid == -7);
	(void)close(fd[1]);
}

/* test-pipe-address: a listener of a path tells it. */
static void a_path_is_told_and_removed_at_the_close(void **state)
{
	struct net *net = *state;
	char address[128], text[128];
	in_folder(address, sizeof(address), "path");
	struct host *host = net_listen(net, address, NULL);

	assert_string_equal(host->address, address);
	assert_true(exists(address));
	struct side *client = net_connect(net, address, NULL);
	struct side *server = host_wait(host, 1);
	assert_true(weir_peer(client->stream, text, sizeof(text)) > 0);
	assert_string_equal(text, address);
	assert_true(weir_local(server->stream, text, sizeof(text)) > 0);
	assert_string_equal(text, address);
	assert_int_equal(weir_peer(server->stream, text, sizeof(text)), 5);
	assert_string_equal(text, "unix:");
	host_close(host);
	assert_false(exists(address));
}

/* test-pipe-stream: the same path is bound again at once. */
static void a_path_can_be_bound_again_at_once(void **state)
{
	struct net *net = *state;
	char address[128];
	in_folder(address, sizeof(address), "again");

	for (int i = 0; i < 2; i++) {
		struct host *host = net_listen(net, address, NULL);
		host->model.echoes = true;
		struct side *client = net_connect(net, address, NULL);
		(void)side_write(client, "ping");
		while (client->len < 4)
			net_turn(net);
		side_close(client);
		host_close(host);
	}
}

static int make_stale(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_in_range(strlen(path), 1, sizeof(name.sun_path) - 1);
	memcpy(name.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

static void a_path_that_nobody_listens_on_is_replaced(void **state)
{
	struct net *net = *state;
	char address[128];
	in_folder(address, sizeof(address), "stale");
	(void)close(make_stale(address + 5));
	assert_true(exists(address));

	struct host *host = net_listen(net, address, NULL);
	struct side *client = net_connect(net, address, NULL);
	(void)host_wait(host, 1);
	assert_int_equal(client->gones, 0);
}

static void a_path_that_somebody_listens_on_is_in_use(void **state)
{
	struct net *net = *state;
	char address[128];
	in_folder(address, sizeof(address), "busy");
	struct host *host = net_listen(net, address, NULL);

	assert_int_equal(try_listen(net, address, NULL), -EADDRINUSE);
	assert_true(exists(address));
	struct side *client = net_connect(net, address, NULL);
	(void)host_wait(host, 1);
	assert_int_equal(client->gones, 0);
}

static void a_file_is_not_replaced(void **state)
{
	struct net *net = *state;
	char address[128];
	in_folder(address, sizeof(address), "precious");
	const int fd = open(address + 5, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(close(fd), 0);

	assert_int_equal(try_listen(net, address, NULL), -EADDRINUSE);
	assert_true(exists(address));
}

static int close_in_child(void *arg)
{
	struct host *host = arg;

	if (weir_loop_forked(host->net->loop) < 0)
		return 1;
	host_close(host);
	weir_loop_free(host->net->loop);
	return exists(host->address) ? 0 : 2;
}

static void only_its_maker_removes_a_path(void **state)
{
	struct net *net = *state;
	char address[128];
	in_folder(address, sizeof(address), "parent");
	struct host *host = net_listen(net, address, NULL);

	assert_int_equal(test_in_child(close_in_child, host), 0);
	struct side *client = net_connect(net, address, NULL);
	(void)host_wait(host, 1);
	assert_int_equal(client->gones, 0);
	host_close(host);
	assert_false(exists(address));
}

static void a_path_that_is_too_long_is_no_address(void **state)
{
	struct net *net = *state;
	char address[200] = "unix:/";

	memset(address + 6, 'x', sizeof(address) - 7);
	assert_int_equal(try_listen(net, address, NULL), WEIR_EADDRESS);
}

static void abstract_names_need_no_file(void **state)
{
	struct net *net = *state;
	char address[128];
	(void)snprintf(address, sizeof(address), "unix:@weir-test-%d", (int)getpid());

	if (try_listen(net, address, NULL) == -EAFNOSUPPORT)
		skip();
	struct host *host = net_listen(net, address, NULL);
	assert_string_equal(host->address, address);
	assert_int_equal(try_listen(net, address, NULL), -EADDRINUSE);
	struct side *client = net_connect(net, address, NULL);
	(void)host_wait(host, 1);
	assert_int_equal(client->gones, 0);
}

/* ---- inherited descriptors ---- */

static int listening_socket(void)
{
	struct sockaddr_in name = {.sin_family = AF_INET};
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(fd, 10), 0);
	return fd;
}

static void a_listening_descriptor_is_taken_over(void **state)
{
	struct net *net = *state;
	char address[32];
	(void)snprintf(address, sizeof(address), "fd:%d", listening_socket());
	struct host *host = net_listen(net, address, NULL);

	assert_memory_equal(host->address, "127.0.0.1:", 10);
	addresses_match(net, host, host->address);
}

/* test-tcp-wrap: a descriptor can be listened on once. */
static void a_descriptor_that_is_listened_on_already_is_refused(void **state)
{
	struct net *net = *state;
	char address[32];
	(void)snprintf(address, sizeof(address), "fd:%d", listening_socket());
	struct host *host = net_listen(net, address, NULL);

	assert_int_equal(try_listen(net, address, NULL), -EBUSY);
	addresses_match(net, host, host->address);
}

static void descriptors_that_do_not_listen_are_refused_and_stay_open(void **state)
{
	struct net *net = *state;
	char address[32];
	int fd[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);

	(void)snprintf(address, sizeof(address), "fd:%d", fd[0]);
	assert_int_equal(try_listen(net, address, NULL), -EINVAL);
	assert_int_equal(try_listen(net, "fd:3000", NULL), -EBADF);
	assert_int_equal(close(fd[0]), 0);
	assert_int_equal(close(fd[1]), 0);
}

static int listen_as_service(void *arg)
{
	struct net *net = arg;
	weir_listener *listener;
	char pid[16];

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (setenv("LISTEN_PID", pid, 1) || setenv("LISTEN_FDS", "2", 1) ||
	    setenv("LISTEN_FDNAMES", "other:web", 1))
		return 1;
	weir_loop_free(net->loop);
	const int fd = listening_socket();
	if (dup2(fd, 4) != 4 || weir_loop_new(&net->loop, NULL) < 0)
		return 2;
	if (weir_listen(net->loop, &listener, "systemd:web", NULL, &side_ops, NULL) < 0)
		return 3;
	if (weir_listen(net->loop, NULL, "systemd:nobody", NULL, &side_ops, NULL) != -ENOENT)
		return 4;
	weir_loop_free(net->loop);
	return 0;
}

static void a_socket_passed_by_name_is_taken_over(void **state)
{
	struct net *net = *state;

	assert_int_equal(test_in_child(listen_as_service, net), 0);
	assert_int_equal(try_listen(net, "systemd:web", NULL), -ENOENT);
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "localhost:0", "127.0.0.1", "1.2.3:0", "[::1]", "unix:", "fd:", "fd:x", "70000",
	};
	struct net *net = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(try_listen(net, bad[i], NULL), WEIR_EADDRESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(port_0_lets_the_system_choose),
		NET_TEST(both_ends_name_each_other),
		NET_TEST(ip6_addresses_are_in_brackets),
		NET_TEST(a_port_alone_takes_both_families),
		NET_TEST(v6_only_does_not_take_the_other),
		NET_TEST(a_port_alone_connects_to_this_host),
		NET_TEST(a_port_in_use_is_refused_and_the_first_is_unharmed),
		NET_TEST(after_a_refusal_another_port_serves),
		NET_TEST(an_address_not_ours_is_refused),
		NET_TEST(ports_may_be_shared_when_both_ask_for_it),
		NET_TEST(who_is_silent_may_be_kept_waiting),
		NET_TEST(who_speaks_need_not_wait),
		NET_TEST(listening_and_closing_in_turn_leaves_nothing),
		NET_TEST(the_loop_ends_when_the_listener_and_its_streams_have),
		NET_TEST(a_text_that_is_too_short_for_the_address_says_so),
		NET_TEST(a_unix_socket_keeps_nobody_waiting),
		NET_TEST(both_ends_of_a_unix_socket_know_each_other),
		NET_TEST(a_peer_is_known_that_has_ended),
		NET_TEST(only_a_unix_socket_knows_its_peer),
		NET_TEST(a_path_is_told_and_removed_at_the_close),
		NET_TEST(a_path_can_be_bound_again_at_once),
		NET_TEST(a_path_that_nobody_listens_on_is_replaced),
		NET_TEST(a_path_that_somebody_listens_on_is_in_use),
		NET_TEST(a_file_is_not_replaced),
		NET_TEST(only_its_maker_removes_a_path),
		NET_TEST(a_path_that_is_too_long_is_no_address),
		NET_TEST(abstract_names_need_no_file),
		NET_TEST(a_listening_descriptor_is_taken_over),
		NET_TEST(a_descriptor_that_is_listened_on_already_is_refused),
		NET_TEST(descriptors_that_do_not_listen_are_refused_and_stay_open),
		NET_TEST(a_socket_passed_by_name_is_taken_over),
		NET_TEST(what_is_no_address_is_refused),
	};
	return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
