/*
 * net.c: see net.h.
 */
#include "tests/support/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { WATCHDOG_S = 60 };
/* What a turn tells before its wait shall not have to wait long to be seen. */
enum { MOST_MS = 10 };

/* ---- the net ------------------------------------------------------------ */

int net_setup(void **state)
{
	struct net *net = calloc(1, sizeof(*net));

	test_watchdog(WATCHDOG_S);
	if (!net)
		return -1;
	net->fds = test_open_fds();
	net_reopen(net, NULL);
	*state = net;
	return 0;
}

void net_reopen(struct net *net, const weir_loop_opts *opts)
{
	weir_loop_opts mine = {0};

	if (opts)
		mine = *opts;
	mine.alloc = test_alloc_fn;
	mine.alloc_arg = &net->alloc;
	weir_loop_free(net->loop);
	assert_int_equal(weir_loop_new(&net->loop, &mine), 0);
}

static void free_hosts(struct host *host)
{
	while (host) {
		struct host *next = host->next;

		free(host->accepted);
		free(host);
		host = next;
	}
}

static void free_sides(struct side *side)
{
	while (side) {
		struct side *next = side->next;

		free(side->got);
		free(side);
		side = next;
	}
}

int net_teardown(void **state)
{
	struct net *net = *state;

	weir_loop_free(net->loop);
	const size_t blocks = net->alloc.live_blocks;
	const int fds = test_open_fds() - net->fds;
	free_hosts(net->hosts);
	free_sides(net->sides);
	free(net);
	test_watchdog(0);
	if (blocks || fds)
		print_error("lost: %zu blocks, %d descriptors\n", blocks, fds);
	return blocks || fds ? -1 : 0;
}

void net_turn(struct net *net)
{
	assert_true(weir_loop_step(net->loop, MOST_MS) >= 0);
}

void net_turns(struct net *net, int64_t ms)
{
	const int64_t end = test_now_ms() + ms;

	for (int64_t left = ms; left > 0; left = end - test_now_ms())
		assert_true(weir_loop_step(net->loop, left) >= 0);
}

/* ---- sides -------------------------------------------------------------- */

static void note(struct side *side, int *count, char event)
{
	const size_t len = strlen(side->log);

	++*count;
	if (len + 1 < sizeof(side->log) && (event != 'd' || !len || side->log[len - 1] != 'd'))
		side->log[len] = event;
}

static void tell(struct side *side, char event)
{
	if (side->then)
		side->then(side, event);
}

/* Whoever was closed must not hear of anything any more. */
static struct side *living(weir_stream *stream, void *arg)
{
	struct side *side = arg;

	assert_ptr_equal(side->stream, stream);
	return side;
}

static void on_open(weir_stream *stream, void *arg)
{
	struct side *side = arg;

	side->stream = stream;
	note(side, &side->opens, 'o');
	tell(side, 'o');
}

static void store(struct side *side, const char *data, size_t len)
{
	if (!side->counts_only && len) {
		if (side->len + len > side->room) {
			/* Under sanitizers each growth is a copy. */
			side->room = 2 * (side->len + len);
			side->got = realloc(side->got, side->room);
			assert_non_null(side->got);
		}
		memcpy(side->got + side->len, data, len);
	}
	side->len += len;
}

static size_t on_data(weir_stream *stream, const char *data, size_t len, void *arg)
{
	struct side *side = living(stream, arg);

	note(side, &side->datas, 'd');
	assert_true(len > 0);
	const size_t used = side->take ? side->take(side, data, len) : len;
	/* After the callback of the test, which may have closed the stream. */
	store(side, data, used < len ? used : len);
	if (side->echoes && side->stream)
		assert_true(weir_write(stream, data, used) >= 0);
	tell(side, 'd');
	return used;
}

static void on_end(weir_stream *stream, void *arg)
{
	struct side *side = living(stream, arg);

	note(side, &side->ends, 'e');
	if (!side->stays)
		weir_finish(stream);
	tell(side, 'e');
}

static void on_drain(weir_stream *stream, void *arg)
{
	struct side *side = living(stream, arg);

	note(side, &side->drains, 'r');
	tell(side, 'r');
}

static void on_idle(weir_stream *stream, void *arg)
{
	struct side *side = living(stream, arg);

	note(side, &side->idles, 'i');
	tell(side, 'i');
}

static void on_gone(weir_stream *stream, int why, void *arg)
{
	struct side *side = living(stream, arg);

	note(side, &side->gones, 'g');
	side->why = why;
	tell(side, 'g');
	side->stream = NULL;
}

const weir_stream_ops side_ops = {
	.open = on_open,
	.data = on_data,
	.end = on_end,
	.drain = on_drain,
	.idle = on_idle,
	.gone = on_gone,
};

struct side *net_side(struct net *net)
{
	struct side *side = calloc(1, sizeof(*side));

	assert_non_null(side);
	side->net = net;
	side->next = net->sides;
	net->sides = side;
	return side;
}

struct side *net_connect(struct net *net, const char *address, const weir_stream_opts *opts)
{
	struct side *side = net_side(net);

	assert_int_equal(weir_connect(net->loop, &side->stream, address, opts, &side_ops, side), 0);
	return side;
}

struct side *net_adopt(struct net *net, int fd, const weir_stream_opts *opts)
{
	struct side *side = net_side(net);

	assert_int_equal(weir_adopt(net->loop, &side->stream, fd, opts, &side_ops, side), 0);
	return side;
}

void side_close(struct side *side)
{
	weir_close(side->stream);
	side->stream = NULL;
}

int64_t side_write(struct side *side, const char *text)
{
	return weir_write(side->stream, text, strlen(text));
}

size_t side_fill(struct side *side, size_t from, int64_t queued)
{
	char block[1000];

	while (weir_queued(side->stream) < queued) {
		pattern_fill(block, sizeof(block), from);
		assert_true(weir_write(side->stream, block, sizeof(block)) >= 0);
		from += sizeof(block);
	}
	return from;
}

void side_done(weir_stream *stream, int status, void *arg)
{
	struct side *side = living(stream, arg);

	note(side, &side->dones, 'n');
	side->status = status;
	tell(side, 'n');
}

bool side_has(const struct side *side, const char *text)
{
	return side->len == strlen(text) && (!side->len || !memcmp(side->got, text, side->len));
}

/* ---- hosts -------------------------------------------------------------- */

static void on_accept(weir_stream *stream, void *arg)
{
	struct host *host = arg;
	struct side *side = net_side(host->net), *next = side->next;

	*side = host->model;
	side->net = host->net;
	side->next = next;
	host->accepted = realloc(host->accepted, (size_t)(host->n + 1) * sizeof(struct side *));
	assert_non_null(host->accepted);
	host->accepted[host->n++] = side;
	weir_stream_on(stream, &side_ops, side);
	on_open(stream, side);
}

static const weir_stream_ops host_ops = {.open = on_accept};

struct host *net_listen(struct net *net, const char *address, const weir_stream_opts *opts)
{
	struct host *host = calloc(1, sizeof(*host));

	assert_non_null(host);
	host->net = net;
	host->next = net->hosts;
	net->hosts = host;
	assert_int_equal(weir_listen(net->loop, &host->listener, address ? address : "127.0.0.1:0",
	                             opts, &host_ops, host),
	                 0);
	assert_true(weir_listener_address(host->listener, host->address, sizeof(host->address)) >
	            0);
	return host;
}

void host_close(struct host *host)
{
	weir_listener_close(host->listener);
	host->listener = NULL;
}

struct side *host_wait(struct host *host, int n)
{
	while (host->n < n)
		net_turn(host->net);
	return host->accepted[n - 1];
}

static void make_pair(struct net *net, const char *address, const weir_stream_opts *opts,
                      struct side **client, struct side **server)
{
	struct host *host = net_listen(net, address, opts);

	*client = net_connect(net, host->address, opts);
	*server = host_wait(host, 1);
	while (!(*client)->opens)
		net_turn(net);
	host_close(host);
}

void net_pair(struct net *net, const weir_stream_opts *opts, struct side **client,
              struct side **server)
{
	make_pair(net, NULL, opts, client, server);
}

void net_stalled_pair(struct net *net, const weir_stream_opts *opts, struct side **writer,
                      struct side **reader)
{
	const int size = 32768;
	char path[128];

	(void)snprintf(path, sizeof(path), "unix:%s/stalled", test_dir());
	make_pair(net, path, opts, writer, reader);
	assert_int_equal(setsockopt(weir_stream_fd((*writer)->stream), SOL_SOCKET, SO_SNDBUF, &size,
	                            sizeof(size)),
	                 0);
	weir_hold((*reader)->stream, true);
}

/* ---- the foreign end ---------------------------------------------------- */

static int connect_path(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	(void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

int raw_connect(const char *address)
{
	struct sockaddr_in name = {.sin_family = AF_INET};

	if (!strncmp(address, "unix:", 5))
		return connect_path(address + 5);

	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	name.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
	assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

void raw_reset(int fd)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	assert_int_equal(close(fd), 0);
}

void raw_write(int fd, const void *data, size_t len)
{
	assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

void raw_read(int fd, void *data, size_t len)
{
	assert_int_equal(recv(fd, data, len, MSG_WAITALL), len);
}

/* ---- octets ------------------------------------------------------------- */

char pattern_at(size_t i)
{
	return (char)((i * 2654435761u) >> 11);
}

void pattern_fill(char *data, size_t len, size_t from)
{
	for (size_t i = 0; i < len; i++)
		data[i] = pattern_at(from + i);
}

bool pattern_is(const char *data, size_t len, size_t from)
{
	size_t i = 0;

	while (i < len && data[i] == pattern_at(from + i))
		i++;
	return i == len;
}
