/*
 * Are connections made, taken, ended and inherited as backend/sys.h says?
 */
#include "config.h"

#include "tests/backend/sys_bed.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>

/* ---- listening and accepting ---- */

static void an_ip4_connection_has_addresses_and_no_delay(void **state)
{
	struct weir__addr at = any4, peer, a;
	int listener = listen_at(&at), client, fd;

	(void)state;
	assert_int_equal(at.kind, WEIR__ADDR_IP4);
	assert_int_not_equal(at.port, 0);
	assert_int_equal(weir__sys_accept(listener, &peer), -EAGAIN);
	client = connect_to(&at);
	fd = accept_from(listener, &peer);
	assert_int_not_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	assert_int_equal(peer.kind, WEIR__ADDR_IP4);
	assert_memory_equal(peer.u.ip, any4.u.ip, 4);
	assert_int_equal(weir__sys_local(client, &a), 0);
	assert_int_equal(a.port, peer.port);
	assert_int_equal(weir__sys_remote(client, &a), 0);
	assert_int_equal(a.port, at.port);
	assert_int_equal(weir__sys_remote(fd, &a), 0);
	assert_memory_equal(&a, &peer, sizeof(a));
	assert_int_equal(weir__sys_local(fd, &a), 0);
	assert_memory_equal(&a, &at, sizeof(a));
	weir__sys_close(fd);
	weir__sys_close(client);
	weir__sys_close(listener);
}

static void an_ip6_connection_has_addresses(void **state)
{
	struct weir__addr at = any6, peer, a;

	(void)state;
	if (!have_ip6())
		skip();

	int listener = listen_at(&at), client = connect_to(&at);
	int fd = accept_from(listener, &peer);

	assert_int_equal(peer.kind, WEIR__ADDR_IP6);
	assert_memory_equal(peer.u.ip, any6.u.ip, 16);
	assert_int_equal(weir__sys_local(client, &a), 0);
	assert_memory_equal(&a, &peer, sizeof(a));
	weir__sys_close(fd);
	weir__sys_close(client);
	weir__sys_close(listener);
}

static void an_ip4_peer_of_both_is_an_ip4_peer(void **state)
{
	struct weir__addr at = {.kind = WEIR__ADDR_IP6}, peer, to = any4;

	(void)state;
	if (!have_ip6())
		skip();

	int listener = listen_at(&at);

	if (option(listener, IPPROTO_IPV6, IPV6_V6ONLY) != 0) {
		weir__sys_close(listener);
		print_message("this system has no socket that takes both\n");
		skip();
	}
	to.port = at.port;

	int client = connect_to(&to), fd = accept_from(listener, &peer);

	assert_int_equal(peer.kind, WEIR__ADDR_IP4);
	assert_memory_equal(peer.u.ip, any4.u.ip, 4);
	weir__sys_close(fd);
	weir__sys_close(client);
	weir__sys_close(listener);
}

static void v6_only_leaves_ip4_to_others(void **state)
{
	const struct weir__listen_how only = {.v6_only = true};
	struct weir__addr at = {.kind = WEIR__ADDR_IP6}, at4 = {.kind = WEIR__ADDR_IP4};

	(void)state;
	if (!have_ip6())
		skip();

	int six = weir__sys_listen(&at, &only);

	assert_fit_for_the_loop(six);
	assert_int_not_equal(option(six, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	assert_int_equal(weir__sys_local(six, &at), 0);
	at4.port = at.port;
	weir__sys_close(listen_at(&at4));
	weir__sys_close(six);
}

static void a_taken_port_is_in_use_and_free_again_at_once(void **state)
{
	struct weir__addr at = any4;
	int listener = listen_at(&at), client = connect_to(&at);
	int fd = accept_from(listener, NULL);

	(void)state;
	assert_int_equal(weir__sys_listen(&at, &plain), -EADDRINUSE);
	weir__sys_close(fd); /* first, so that this side keeps the port for a while */
	weir__sys_close(client);
	weir__sys_close(listener);
	weir__sys_close(listen_at(&at));
}

static void a_port_can_be_shared(void **state)
{
	const struct weir__listen_how shared = {.reuse_port = true};
	struct weir__addr at = any4, path = unix_addr("shared");
	int first = weir__sys_listen(&at, &shared);

	(void)state;
	assert_int_equal(weir__sys_listen(&path, &shared), -ENOTSUP);
	if (first == -ENOTSUP) {
		print_message("no SO_REUSEPORT here\n");
		skip();
	}
	assert_fit_for_the_loop(first);
	assert_int_equal(weir__sys_local(first, &at), 0);

	int second = weir__sys_listen(&at, &shared);

	assert_fit_for_the_loop(second);
	assert_int_equal(weir__sys_listen(&at, &plain), -EADDRINUSE);
	weir__sys_close(first);
	weir__sys_close(second);
}

static void accept_wants_a_listener(void **state)
{
	int pair[2];

	(void)state;
	connection(pair);
	assert_int_equal(weir__sys_accept(pair[0], NULL), -EINVAL);
	close_both(pair);
}

static void without_descriptors_a_connection_waits(void **state)
{
	struct weir__addr at = any4;
	int listener = listen_at(&at), client = connect_to(&at);

	(void)state;
	assert_true(await(listener, POLLIN, PATIENCE_MS));

	struct rlimit before = leave_descriptors(0);

	assert_int_equal(weir__sys_accept(listener, NULL), -EMFILE);
	restore_descriptors(&before);
	if (!await(listener, POLLIN, MOMENT_MS)) {
		print_message("valgrind takes the connection before it says EMFILE\n");
		weir__sys_close(client);
		weir__sys_close(listener);
		skip();
	}
	weir__sys_close(accept_from(listener, NULL));
	weir__sys_close(client);
	weir__sys_close(listener);
}

static void a_connection_reset_in_the_queue_does_no_harm(void **state)
{
	struct weir__addr at = any4;
	int listener = listen_at(&at), client = connect_to(&at);
	char buf[1];

	(void)state;
	assert_true(await(listener, POLLIN, PATIENCE_MS));
	weir__sys_reset_on_close(client);
	weir__sys_close(client);

	int fd = weir__sys_accept(listener, NULL);

	if (fd >= 0) {
		assert_true(await(fd, POLLIN, PATIENCE_MS));
		assert_int_equal(read_some(fd, buf, 1), -ECONNRESET);
		weir__sys_close(fd);
	} else {
		assert_true(fd == -ECONNABORTED || fd == -EAGAIN);
	}
	assert_int_equal(weir__sys_accept(listener, NULL), -EAGAIN);
	weir__sys_close(listener);
}

/* ---- accepting later ---- */

/* Whether a silent client is accepted within a moment, if one is to wait so long. */
static bool is_accepted_at_once(const struct weir__addr *where, int defer_s)
{
	const struct weir__listen_how how = {.defer_s = defer_s};
	struct weir__addr at = *where;
	int listener = weir__sys_listen(&at, &how);

	assert_fit_for_the_loop(listener);
	assert_int_equal(weir__sys_local(listener, &at), 0);

	int client = connect_to(&at);
	bool came = await(listener, POLLIN, MOMENT_MS);

	assert_int_equal(write_some(client, "x"), 1);
	weir__sys_close(accept_from(listener, NULL));
	weir__sys_close(client);
	weir__sys_close(listener);
	weir__sys_unlisten(&at);
	return came;
}

static void a_listener_may_wait_for_octets(void **state)
{
	struct weir__addr path = unix_addr("later");

	(void)state;
	assert_true(is_accepted_at_once(&any4, 0));
	assert_true(is_accepted_at_once(&path, 60));
#if HAVE_SO_ACCEPTFILTER
	print_message("the accept filter may not be loaded\n");
	skip();
#endif
	assert_int_equal(is_accepted_at_once(&any4, 60), !HAVE_TCP_DEFER_ACCEPT);
	if (have_ip6())
		assert_int_equal(is_accepted_at_once(&any6, 60), !HAVE_TCP_DEFER_ACCEPT);
}

/* ---- unix paths ---- */

static void a_unix_connection_has_the_path_as_its_address(void **state)
{
	struct weir__addr path = unix_addr("s"), at = path, peer, a;
	int listener = listen_at(&at), client, fd;

	(void)state;
	assert_same_path(&at, &path);
	client = connect_to(&path);
	fd = accept_from(listener, &peer);
	assert_int_equal(peer.kind, WEIR__ADDR_UNIX);
	assert_int_equal(peer.path_len, 0);
	assert_int_equal(weir__sys_remote(client, &a), 0);
	assert_same_path(&a, &path);
	assert_int_equal(write_some(client, "hi"), 2);
	assert_int_equal(weir__sys_readable(fd), 1);
	weir__sys_close(fd);
	weir__sys_close(client);
	weir__sys_close(listener);
	weir__sys_unlisten(&path);
	assert_int_equal(access(path.u.path, F_OK), -1);
}

static void a_stale_path_is_replaced(void **state)
{
	struct weir__addr path = unix_addr("stale");

	(void)state;
	weir__sys_close(listen_at(&path));
	assert_int_equal(access(path.u.path, F_OK), 0);

	int listener = listen_at(&path);

	weir__sys_close(connect_to(&path));
	weir__sys_close(listener);
	weir__sys_unlisten(&path);
}

static void a_path_with_a_listener_is_in_use(void **state)
{
	struct weir__addr path = unix_addr("live");
	int listener = listen_at(&path);

	(void)state;
	assert_int_equal(weir__sys_listen(&path, &plain), -EADDRINUSE);
	weir__sys_close(connect_to(&path));
	weir__sys_close(listener);
	weir__sys_unlisten(&path);
}

static void a_plain_file_is_not_replaced(void **state)
{
	struct weir__addr path = unix_addr("plain"), link = unix_addr("link");
	int fd = open(path.u.path, O_WRONLY | O_CREAT, 0600);
	struct stat st;

	(void)state;
	assert_true(fd >= 0);
	weir__sys_close(fd);
	assert_int_equal(symlink(path.u.path, link.u.path), 0);
	assert_int_equal(weir__sys_listen(&path, &plain), -EADDRINUSE);
	assert_int_equal(weir__sys_listen(&link, &plain), -EADDRINUSE);
	assert_int_equal(stat(path.u.path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(unlink(link.u.path), 0);
	assert_int_equal(unlink(path.u.path), 0);
}

static void a_datagram_socket_is_not_replaced(void **state)
{
	struct weir__addr path = unix_addr("dgram");
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	(void)state;
	memcpy(name.sun_path, path.u.path, path.path_len);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(weir__sys_listen(&path, &plain), -EADDRINUSE);
	assert_int_equal(access(path.u.path, F_OK), 0);
	weir__sys_close(fd);
	weir__sys_unlisten(&path);
}

static void unlisten_touches_only_paths(void **state)
{
	struct weir__addr none = unix_addr("none");

	(void)state;
	weir__sys_unlisten(&any4);
	weir__sys_unlisten(&none);
	none.kind = WEIR__ADDR_NONE;
	weir__sys_unlisten(&none);
}

static void an_abstract_name_lives_as_long_as_its_socket(void **state)
{
	struct weir__addr name = {.kind = WEIR__ADDR_UNIX, .abstract = true}, at, peer;

	(void)state;
	name.path_len =
		(uint8_t)snprintf(name.u.path, sizeof(name.u.path), "weir-sys-%ld", (long)getpid());
	at = name;

	int listener = weir__sys_listen(&at, &plain);

	if (listener == -EAFNOSUPPORT) {
		print_message("abstract names are Linux's\n");
		skip();
	}
	assert_fit_for_the_loop(listener);
	assert_int_equal(weir__sys_local(listener, &at), 0);
	assert_same_path(&at, &name);
	assert_int_equal(weir__sys_listen(&name, &plain), -EADDRINUSE);

	int client = connect_to(&name), fd = accept_from(listener, &peer);

	assert_int_equal(peer.kind, WEIR__ADDR_UNIX);
	weir__sys_close(fd);
	weir__sys_close(client);
	weir__sys_close(listener);
	weir__sys_close(listen_at(&name));
}

static void bad_addresses_are_refused(void **state)
{
	struct weir__addr path = unix_addr("a"), none = {.kind = WEIR__ADDR_NONE};
	bool pending;
	int result;

	(void)state;
	path.u.path[2] = '\0';
	assert_int_equal(weir__sys_listen(&path, &plain), -EINVAL);
	path = unix_addr("");
	path.path_len = 0;
	assert_int_equal(weir__sys_listen(&path, &plain), -EINVAL);
	memset(path.u.path, 'x', sizeof(path.u.path));
	path.path_len = WEIR__PATH_MAX;
	assert_int_equal(weir__sys_listen(&path, &plain), -ENAMETOOLONG);
	assert_int_equal(weir__sys_connect(&path, &pending, &result), -ENAMETOOLONG);
	path = unix_addr("no/such/folder");
	assert_int_equal(weir__sys_listen(&path, &plain), -ENOENT);
	assert_int_equal(weir__sys_listen(&none, &plain), -EAFNOSUPPORT);
	assert_int_equal(weir__sys_connect(&none, &pending, &result), -EAFNOSUPPORT);
}

static void the_longest_path_works(void **state)
{
	const size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	struct weir__addr path = unix_addr(""), at;

	(void)state;
	memset(path.u.path + path.path_len, 'x', most - path.path_len);
	path.path_len = (uint8_t)most;
	at = path;

	int listener = listen_at(&at);

	assert_same_path(&at, &path);
	weir__sys_close(connect_to(&path));
	weir__sys_close(listener);
	weir__sys_unlisten(&path);
	path.u.path[path.path_len++] = 'x';
	assert_int_equal(weir__sys_listen(&path, &plain), -ENAMETOOLONG);
}

/* ---- connecting ---- */

static void a_connect_to_nobody_is_refused(void **state)
{
	struct weir__addr at = any4;
	bool pending;
	int result;

	(void)state;
	weir__sys_close(listen_at(&at));

	int fd = weir__sys_connect(&at, &pending, &result);

	assert_fit_for_the_loop(fd);
	if (pending) {
		assert_int_equal(result, 0);
		assert_true(await(fd, POLLOUT, PATIENCE_MS));
		result = weir__sys_connect_result(fd);
		assert_int_equal(weir__sys_connect_result(fd), 0);
	}
	assert_int_equal(result, -ECONNREFUSED);
	weir__sys_close(fd);
}

static void a_unix_connect_fails_at_once(void **state)
{
	struct weir__addr path = unix_addr("gone");
	bool pending;
	int result;
	int fd = weir__sys_connect(&path, &pending, &result);

	(void)state;
	assert_true(fd >= 0);
	assert_false(pending);
	assert_int_equal(result, -ENOENT);
	weir__sys_close(fd);
	weir__sys_close(listen_at(&path));
	fd = weir__sys_connect(&path, &pending, &result);
	assert_false(pending);
	assert_int_equal(result, -ECONNREFUSED);
	weir__sys_close(fd);
	weir__sys_unlisten(&path);
}

static void a_full_unix_queue_is_a_refusal(void **state)
{
	const struct weir__listen_how small = {.backlog = 1};
	struct weir__addr path = unix_addr("full");
	int listener = weir__sys_listen(&path, &small), fds[64], n = 0, result = 0;
	bool pending = false;

	(void)state;
	assert_true(listener >= 0);
	while (n < 64 && result == 0) {
		fds[n] = weir__sys_connect(&path, &pending, &result);
		assert_true(fds[n++] >= 0);
		assert_false(pending);
	}
	assert_int_equal(result, -ECONNREFUSED);
	while (n > 0)
		weir__sys_close(fds[--n]);
	weir__sys_close(listener);
	weir__sys_unlisten(&path);
}

/* ---- living and ending ---- */

static void shutdown_ends_one_direction(void **state)
{
	int pair[2];
	char buf[8];

	(void)state;
	connection(pair);
	assert_int_equal(weir__sys_shutdown(pair[0]), 0);
	assert_true(await(pair[1], POLLIN, PATIENCE_MS));
	assert_int_equal(read_some(pair[1], buf, 8), 0);
	assert_int_equal(write_some(pair[0], "x"), -EPIPE);
	assert_int_equal(write_some(pair[1], "answer"), 6);
	assert_true(await(pair[0], POLLIN, PATIENCE_MS));
	assert_int_equal(read_some(pair[0], buf, 8), 6);
	close_both(pair);
}

static void a_close_is_an_end_and_a_reset_an_error(void **state)
{
	int pair[2];
	char buf[1];

	(void)state;
	connection(pair);
	weir__sys_close(pair[0]);
	assert_true(await(pair[1], POLLIN, PATIENCE_MS));
	assert_int_equal(read_some(pair[1], buf, 1), 0);
	weir__sys_close(pair[1]);
	connection(pair);
	weir__sys_reset_on_close(pair[0]);
	weir__sys_close(pair[0]);
	assert_true(await(pair[1], POLLIN, PATIENCE_MS));
	assert_int_equal(read_some(pair[1], buf, 1), -ECONNRESET);
	weir__sys_close(pair[1]);
}

static void readable_is_octets_or_the_end(void **state)
{
	int pair[2], fd[2];
	char buf[8];

	(void)state;
	connection(pair);
	assert_int_equal(weir__sys_readable(pair[1]), 0);
	assert_int_equal(write_some(pair[0], "abc"), 3);
	assert_true(await(pair[1], POLLIN, PATIENCE_MS));
	assert_int_equal(weir__sys_readable(pair[1]), 1);
	assert_int_equal(read_some(pair[1], buf, 8), 3);
	assert_int_equal(weir__sys_readable(pair[1]), 0);
	weir__sys_close(pair[0]);
	assert_true(await(pair[1], POLLIN, PATIENCE_MS));
	assert_int_equal(weir__sys_readable(pair[1]), 1);
	weir__sys_close(pair[1]);
	assert_int_equal(weir__sys_pipe(fd), 0);
	assert_int_equal(weir__sys_readable(fd[0]), 0);
	weir__sys_close(fd[1]);
	assert_int_equal(weir__sys_readable(fd[0]), 1);
	weir__sys_close(fd[0]);
}

static void delay_can_be_switched(void **state)
{
	int pair[2], fd[2];

	(void)state;
	connection(pair);
	assert_int_equal(weir__sys_nodelay(pair[1], false), 0);
	assert_int_equal(option(pair[1], IPPROTO_TCP, TCP_NODELAY), 0);
	assert_int_equal(weir__sys_nodelay(pair[1], true), 0);
	assert_int_not_equal(option(pair[1], IPPROTO_TCP, TCP_NODELAY), 0);
	close_both(pair);
	assert_int_equal(weir__sys_pipe(fd), 0);
	assert_int_equal(weir__sys_nodelay(fd[0], true), -ENOTSOCK);
	close_both(fd);
}

static void keepalive_can_be_switched(void **state)
{
	int pair[2];

	(void)state;
	connection(pair);
	assert_int_equal(option(pair[0], SOL_SOCKET, SO_KEEPALIVE), 0);
	assert_int_equal(weir__sys_keepalive(pair[0], 45), 0);
	assert_int_not_equal(option(pair[0], SOL_SOCKET, SO_KEEPALIVE), 0);
#if defined(TCP_KEEPIDLE)
	assert_int_equal(option(pair[0], IPPROTO_TCP, TCP_KEEPIDLE), 45);
#endif
	assert_int_equal(weir__sys_keepalive(pair[0], 0), 0);
	assert_int_equal(option(pair[0], SOL_SOCKET, SO_KEEPALIVE), 0);
	assert_int_equal(weir__sys_keepalive(pair[0], -1), -EINVAL);
	close_both(pair);
}

static void only_connections_have_a_remote_address(void **state)
{
	struct weir__addr at = any4, a;
	int listener = listen_at(&at), fd[2];

	(void)state;
	assert_int_equal(weir__sys_remote(listener, &a), -ENOTCONN);
	assert_int_equal(weir__sys_pipe(fd), 0);
	assert_int_equal(weir__sys_local(fd[0], &a), -ENOTSOCK);
	assert_int_equal(weir__sys_remote(fd[0], &a), -ENOTSOCK);
	close_both(fd);
	weir__sys_close(listener);
}

/* ---- whose the other end is ---- */

static void a_pair_knows_who_made_it(void **state)
{
	int64_t uid = -7, gid = -7, pid = -7;
	int pair[2];

	(void)state;
	assert_int_equal(weir__sys_pair(pair), 0);
	if (!HAVE_SO_PEERCRED && !HAVE_GETPEERUCRED && !HAVE_GETPEEREID) {
		assert_int_equal(weir__sys_peer_ids(pair[0], &uid, &gid, &pid), -ENOTSUP);
	} else {
		assert_int_equal(weir__sys_peer_ids(pair[0], &uid, &gid, &pid), 0);
		assert_int_equal(uid, geteuid());
		assert_int_equal(gid, getegid());
		assert_true(pid == getpid() || (pid == -1 && !HAVE_SO_PEERCRED));
	}
	close_both(pair);
}

static void who_is_at_other_ends_is_not_known(void **state)
{
	int64_t uid = -7, gid = -7, pid = -7;
	int pair[2], fd[2];

	(void)state;
	connection(pair);
	assert_int_equal(weir__sys_pipe(fd), 0);
	assert_int_equal(weir__sys_peer_ids(pair[0], &uid, &gid, &pid), -ENOTSUP);
	assert_int_equal(weir__sys_peer_ids(fd[0], &uid, &gid, &pid), -ENOTSOCK);
	assert_int_equal(weir__sys_peer_ids(-1, &uid, &gid, &pid), -EBADF);
	assert_true(uid == -7 && gid == -7 && pid == -7);
	close_both(pair);
	close_both(fd);
}

/* ---- what was inherited ---- */

/* As a parent would make it that knows nothing of the loop. */
static int foreign_listener(void)
{
	struct sockaddr_in name = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static void a_listener_is_inherited_by_number(void **state)
{
	struct weir__addr at;
	int listener = foreign_listener();

	(void)state;
	assert_int_equal(weir__sys_inherit(listener), 0);
	assert_fit_for_the_loop(listener);
	assert_int_equal(weir__sys_local(listener, &at), 0);

	int client = connect_to(&at), fd = accept_from(listener, NULL);

	assert_int_not_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	weir__sys_close(fd);
	weir__sys_close(client);
	weir__sys_close(listener);
}

static void only_a_listening_stream_is_inherited(void **state)
{
	int pair[2], fd[2], dgram = socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	connection(pair);
	assert_int_equal(weir__sys_pipe(fd), 0);
	assert_int_equal(weir__sys_inherit(pair[0]), -EINVAL);
	assert_int_equal(weir__sys_inherit(fd[0]), -ENOTSOCK);
	assert_int_equal(weir__sys_inherit(dgram), -EINVAL);
	assert_int_equal(weir__sys_inherit(-1), -EBADF);
	close_both(pair);
	close_both(fd);
	weir__sys_close(dgram);
}

/* What a child is started with, and what it should find. */
struct passing {
	const char *fds, *names, *pid; /* pid NULL: its own */
	const char *ask;
	int found;
};

/* Two sockets in a row from 3 on, as systemd passes them; 4 is none. */
static int ask_by_name(void *arg)
{
	const struct passing *p = arg;
	char own[32];
	int listener = foreign_listener(), null = open("/dev/null", O_RDONLY);
	int high = fcntl(listener, F_DUPFD, 20), high_null = fcntl(null, F_DUPFD, 20);

	(void)snprintf(own, sizeof(own), "%ld", (long)getpid());
	if (dup2(high, 3) != 3 || dup2(high_null, 4) != 4 || dup2(high, 5) != 5)
		return 2;
	(void)setenv("LISTEN_PID", p->pid != NULL ? p->pid : own, 1);
	(void)(p->fds != NULL ? setenv("LISTEN_FDS", p->fds, 1) : unsetenv("LISTEN_FDS"));
	(void)(p->names != NULL ? setenv("LISTEN_FDNAMES", p->names, 1)
	                        : unsetenv("LISTEN_FDNAMES"));

	int found = weir__sys_inherit_named(p->ask, strlen(p->ask));

	if (found >= 0 && !(fcntl(found, F_GETFD) & FD_CLOEXEC))
		return 3;
	if (found != p->found)
		(void)fprintf(stderr, "asked for \"%s\": %d, not %d\n", p->ask, found, p->found);
	return found != p->found;
}

static void a_listener_is_inherited_by_name(void **state)
{
	static struct passing cases[] = {
		{"3", "web:none:admin", NULL, "web", 3},
		{"3", "web:none:admin", NULL, "admin", 5},
		{"3", "web:none:admin", NULL, "", 3},
		{"3", "web:none:admin", NULL, "none", -ENOTSOCK},
		{"3", "web:none:admin", NULL, "we", -ENOENT},
		{"3", "web:none:admin", NULL, "web:none", -ENOENT},
		{"2", "web:none:admin", NULL, "admin", -ENOENT},
		{"1", NULL, NULL, "unknown", 3},
		{"1", NULL, NULL, "web", -ENOENT},
		{"1", NULL, NULL, "", 3},
		{"0", "web", NULL, "", -ENOENT},
		{NULL, "web", NULL, "web", -ENOENT},
		{"", "web", NULL, "web", -ENOENT},
		{"1x", "web", NULL, "web", -ENOENT},
		{"99999999999999999999", "web:none:x", NULL, "web", -ENOENT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(test_in_child(ask_by_name, &cases[i]), 0);
}

static void what_was_passed_to_another_process_is_ignored(void **state)
{
	char parent[32];
	struct passing p = {"1", "web", parent, "web", -ENOENT};

	(void)state;
	(void)snprintf(parent, sizeof(parent), "%ld", (long)getpid());
	assert_int_equal(test_in_child(ask_by_name, &p), 0);
	p.pid = "";
	assert_int_equal(test_in_child(ask_by_name, &p), 0);
}

/* ---- the program ---- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ip4_connection_has_addresses_and_no_delay),
		cmocka_unit_test(an_ip6_connection_has_addresses),
		cmocka_unit_test(an_ip4_peer_of_both_is_an_ip4_peer),
		cmocka_unit_test(v6_only_leaves_ip4_to_others),
		cmocka_unit_test(a_taken_port_is_in_use_and_free_again_at_once),
		cmocka_unit_test(a_port_can_be_shared),
		cmocka_unit_test(accept_wants_a_listener),
		cmocka_unit_test(without_descriptors_a_connection_waits),
		cmocka_unit_test(a_connection_reset_in_the_queue_does_no_harm),
		cmocka_unit_test(a_listener_may_wait_for_octets),
		cmocka_unit_test(a_unix_connection_has_the_path_as_its_address),
		cmocka_unit_test(a_stale_path_is_replaced),
		cmocka_unit_test(a_path_with_a_listener_is_in_use),
		cmocka_unit_test(a_plain_file_is_not_replaced),
		cmocka_unit_test(a_datagram_socket_is_not_replaced),
		cmocka_unit_test(unlisten_touches_only_paths),
		cmocka_unit_test(an_abstract_name_lives_as_long_as_its_socket),
		cmocka_unit_test(bad_addresses_are_refused),
		cmocka_unit_test(the_longest_path_works),
		cmocka_unit_test(a_connect_to_nobody_is_refused),
		cmocka_unit_test(a_unix_connect_fails_at_once),
		cmocka_unit_test(a_full_unix_queue_is_a_refusal),
		cmocka_unit_test(shutdown_ends_one_direction),
		cmocka_unit_test(a_close_is_an_end_and_a_reset_an_error),
		cmocka_unit_test(readable_is_octets_or_the_end),
		cmocka_unit_test(delay_can_be_switched),
		cmocka_unit_test(keepalive_can_be_switched),
		cmocka_unit_test(only_connections_have_a_remote_address),
		cmocka_unit_test(a_pair_knows_who_made_it),
		cmocka_unit_test(who_is_at_other_ends_is_not_known),
		cmocka_unit_test(a_listener_is_inherited_by_number),
		cmocka_unit_test(only_a_listening_stream_is_inherited),
		cmocka_unit_test(a_listener_is_inherited_by_name),
		cmocka_unit_test(what_was_passed_to_another_process_is_ignored),
	};

	sys_begin();
	return cmocka_run_group_tests_name("socket", tests, make_scratch, remove_scratch);
}
