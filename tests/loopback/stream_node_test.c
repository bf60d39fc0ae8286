/*
 * Does what is piped from one stream into another arrive, as fast as it is taken
 * and no faster? Names in comments are those of Node's own tests of 2011 (v0.6),
 * where a pipe is an object; here it is two callbacks, and files are streams like
 * others, made by weir_adopt.
 */
#include "tests/support/net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http/weir_http.h"

enum { HIGH = 64 * 1024 };

/* ---- a pipe ------------------------------------------------------------- */

static size_t pipe_take(struct side *from, const char *data, size_t len)
{
	struct side *to = from->arg;
	const int64_t queued = weir_write(to->stream, data, len);

	assert_true(queued >= 0);
	if (queued > 0)
		to->n++;
	if (queued > HIGH)
		weir_hold(from->stream, true);
	return len;
}

/* What both ends of a pipe tell: the source ends, the sink has room again. */
static void pipe_then(struct side *side, char event)
{
	struct side *other = side->arg;

	if (!other->stream)
		return;
	if (event == 'e')
		weir_finish(other->stream);
	else if (event == 'r')
		weir_hold(other->stream, false);
}

/* Into itself, too: an echo. */
static void pipe_into(struct side *from, struct side *to)
{
	from->take = pipe_take;
	from->then = to->then = pipe_then;
	from->arg = to;
	to->arg = from;
	from->counts_only = true;
}

/* ---- files -------------------------------------------------------------- */

static const char *path_of(const char *name)
{
	static char path[160];

	snprintf(path, sizeof path, "%s/%s", test_dir(), name);
	return path;
}

static int new_file(const char *name)
{
	const int fd = open(path_of(name), O_CREAT | O_TRUNC | O_RDWR, 0600);

	assert_true(fd >= 0);
	return fd;
}

/* A file of the pattern, from its beginning. */
static int pattern_file(const char *name, size_t len)
{
	char *block = malloc(len);
	const int fd = new_file(name);

	assert_non_null(block);
	pattern_fill(block, len, 0);
	assert_int_equal(write(fd, block, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	free(block);
	return fd;
}

static void assert_file(const char *name, const char *text)
{
	char got[256] = "";
	const int fd = open(path_of(name), O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, got, sizeof got - 1), strlen(text));
	assert_string_equal(got, text);
	assert_int_equal(close(fd), 0);
}

static int text_file(const char *name, const char *text)
{
	const int fd = new_file(name);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void wait_gone(struct side *side)
{
	while (!side->gones)
		net_turn(side->net);
}

/* Both ends of a socketpair. */
static void join(struct net *net, struct side **a, struct side **b)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	*a = net_adopt(net, fd[0], NULL);
	*b = net_adopt(net, fd[1], NULL);
}

/* ---- pipes -------------------------------------------------------------- */

/* test-stream-pipe-multi: 100 pipes at once, whose sinks make their sources wait. */
static void many_pipes_at_once(void **state)
{
	enum { PIPES = 100, PIECES = 1000, LEN = 250 };
	static struct side *sources[PIPES], *sinks[PIPES];
	struct net *net = *state;
	char piece[LEN];

	for (int i = 0; i < PIPES; i++) {
		struct side *from, *to;

		join(net, &sources[i], &from);
		join(net, &to, &sinks[i]);
		pipe_into(from, to);
		assert_int_equal(weir_marks(to->stream, 100, 250, 0), 0);
		for (size_t k = 0; k < PIECES; k++) {
			pattern_fill(piece, LEN, k * LEN);
			assert_true(weir_write(sources[i]->stream, piece, LEN) >= 0);
		}
		weir_finish(sources[i]->stream);
	}
	for (int i = 0; i < PIPES; i++) {
		wait_gone(sources[i]);
		wait_gone(sinks[i]);
		assert_int_equal(sinks[i]->len, PIECES * LEN);
		assert_true(pattern_is(sinks[i]->got, sinks[i]->len, 0));
	}
}

/* test-stream-pipe-cleanup: 100 sources into one sink, 100 sinks of one source. */
static void pipes_leave_nothing_behind(void **state)
{
	enum { PIPES = 100 };
	struct net *net = *state;
	struct side *from, *to, *far, *a;

	join(net, &to, &far);
	net_turn(net);
	const size_t blocks = net->alloc.live_blocks;
	for (int i = 0; i < PIPES; i++) {
		join(net, &from, &a);
		pipe_into(from, to);
		side_close(from);
		side_close(a);
		/* The end of each is the end of the sink, which has only one. */
		weir_finish(to->stream);
	}
	wait_gone(far);
	wait_gone(to);
	assert_int_equal(far->ends, 1);
	assert_string_equal(to->log, "oeg");

	join(net, &from, &far);
	for (int i = 0; i < PIPES; i++) {
		join(net, &to, &a);
		pipe_into(from, to);
		side_close(to);
		side_close(a);
	}
	side_close(from);
	side_close(far);
	net_turns(net, 5);
	assert_true(net->alloc.live_blocks <= blocks);
}

/* test-https-drain, test-tls-pause, without TLS: pressure passes through the echo. */
static void an_echo_waits_for_its_reader(void **state)
{
	enum { PIECE = 1 << 20, MOST = 100 };
	const weir_stream_opts wide = {.max_queue = 8 * PIECE};
	static char piece[PIECE];
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	struct side *c = net_connect(net, host->address, &wide);
	struct side *s = host_wait(host, 1);
	size_t sent = 0;

	pipe_into(s, s);
	c->counts_only = true;
	weir_hold(c->stream, true);
	while (weir_queued(c->stream) <= HIGH && sent < (size_t)MOST * PIECE) {
		assert_true(weir_write(c->stream, piece, PIECE) >= 0);
		sent += PIECE;
		for (int64_t before = -1; before != weir_queued(c->stream);) {
			before = weir_queued(c->stream);
			net_turns(net, 20);
		}
	}
	assert_true(sent < (size_t)MOST * PIECE);
	weir_hold(c->stream, false);
	weir_finish(c->stream);
	wait_gone(c);
	assert_int_equal(c->len, sent);
	assert_int_equal(c->why, 0);
}

static weir_task resume;

static void on_resume(weir_task *task, void *arg)
{
	struct side *side = arg;

	(void)task;
	if (side->stream)
		weir_hold(side->stream, false);
}

static void hold_for_a_turn(struct side *side, char event)
{
	if (event != 'd')
		return;
	weir_hold(side->stream, true);
	weir_task_init(&resume, on_resume, side);
	weir_later(side->net->loop, &resume);
}

/* pummel/test-tls-throttle, disabled/test-tls-large-push: one write, then the end. */
static void one_large_write_to_a_reader_that_pauses(void **state)
{
	enum { LEN = 12582912 };
	const weir_stream_opts wide = {.max_queue = LEN};
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	struct side *c = net_connect(net, host->address, &wide);
	struct side *s = host_wait(host, 1);
	char *octets = calloc(1, LEN);

	assert_non_null(octets);
	s->counts_only = true;
	s->then = hold_for_a_turn;
	assert_true(weir_write(c->stream, octets, LEN) > 0);
	weir_finish(c->stream);
	free(octets);
	wait_gone(c);
	assert_int_equal(s->len, LEN);
	assert_int_equal(host->n, 1);
}

/* test-stream-pipe-error-handling: it is the source that tells; the sink lives. */
static void the_error_of_a_source_is_told_there(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	struct side *to, *far;
	const int fd = raw_connect(host->address);
	struct side *from = host_wait(host, 1);

	join(net, &to, &far);
	pipe_into(from, to);
	raw_write(fd, "hello", 5);
	while (far->len < 5)
		net_turn(net);
	raw_reset(fd);
	wait_gone(from);
	assert_int_equal(from->why, -ECONNRESET);
	assert_int_equal(from->ends, 0);
	assert_int_equal(to->gones, 0);
	assert_true(side_write(to, "!") >= 0);
	while (far->len < 6)
		net_turn(net);
}

static void note_drain(weir_stream *stream, void *arg)
{
	(void)stream;
	++*(int *)arg;
}

/* test-stream-pipe-event: what becomes a sink gets callbacks that say so. */
static void a_stream_may_become_a_sink(void **state)
{
	static const weir_stream_ops sink = {.drain = note_drain};
	struct net *net = *state;
	struct side *writer, *reader;
	int drains = 0;

	net_stalled_pair(net, NULL, &writer, &reader);
	weir_stream_on(writer->stream, &sink, &drains);
	assert_ptr_equal(weir_stream_arg(writer->stream), &drains);
	side_fill(writer, 0, 2 * HIGH);
	weir_hold(reader->stream, false);
	while (!drains)
		net_turn(net);
	assert_int_equal(writer->drains, 0);
	weir_stream_on(writer->stream, &side_ops, writer);
}

/* ---- files as sources --------------------------------------------------- */

/* test-pump-file2tcp */
static void a_file_is_piped_into_a_connection(void **state)
{
	struct net *net = *state;
	struct side *to, *far;

	join(net, &to, &far);
	struct side *from = net_adopt(net, pattern_file("pump", 30000), NULL);
	pipe_into(from, to);
	wait_gone(from);
	wait_gone(far);
	assert_int_equal(far->len, 30000);
	assert_true(pattern_is(far->got, far->len, 0));
	assert_int_equal(from->why, 0);
}

/* test-pump-file2tcp-noexist: it is said where the file is opened. */
static void a_file_that_is_not_there(void **state)
{
	struct net *net = *state;
	struct side *to, *far;
	weir_stream *stream;

	join(net, &to, &far);
	const int fd = open(path_of("nowhere"), O_RDONLY);
	assert_int_equal(weir_adopt(net->loop, &stream, fd, NULL, &side_ops, NULL), -EBADF);
	side_close(to);
	wait_gone(far);
	assert_string_equal(far->log, "oeg");
}

static void hold_the_first(struct side *side, char event)
{
	if (event == 'd' && side->datas == 1)
		weir_hold(side->stream, true);
}

/* test-fs-read-stream, and test-fs-read-stream-fd of a descriptor that is open already. */
static void a_file_is_read_and_may_be_held(void **state)
{
	struct net *net = *state;
	struct side *side = net_adopt(net, pattern_file("read", 30000), NULL);

	side->then = hold_the_first;
	while (!side->datas)
		net_turn(net);
	const size_t first = side->len;
	net_turns(net, 10);
	assert_int_equal(side->len, first);
	weir_hold(side->stream, false);
	wait_gone(side);
	assert_string_equal(side->log, "odeg");
	assert_int_equal(side->opens + side->ends + side->gones, 3);
	assert_int_equal(side->len, 30000);
	assert_true(pattern_is(side->got, 30000, 0));

	side = net_adopt(net, text_file("fd", "hello world"), NULL);
	wait_gone(side);
	assert_true(side_has(side, "hello world"));
}

static size_t three(struct side *side, const char *data, size_t len)
{
	(void)data;
	return len + side->len < 3 ? len : 3 - side->len;
}

static void close_at_three(struct side *side, char event)
{
	if (event == 'd' && side->len == 3)
		side_close(side);
}

/*
 * Ranges of test-fs-read-stream, disabled/test-fs-sendfile: where it begins is the
 * descriptor's affair, where it ends that of who reads.
 */
static void a_part_of_a_file_is_read(void **state)
{
	struct net *net = *state;
	const int fd = text_file("part", "0123456789");

	assert_int_equal(lseek(fd, 4, SEEK_SET), 4);
	struct side *side = net_adopt(net, fd, NULL);
	side->take = three;
	side->then = close_at_three;
	while (side->stream)
		net_turn(net);
	assert_true(side_has(side, "456"));
	assert_int_equal(side->gones, 0);
}

static void resume_needlessly(struct side *side, char event)
{
	if (event == 'd')
		weir_hold(side->stream, false);
}

/* test-fs-read-stream-resume */
static void resuming_needlessly_changes_nothing(void **state)
{
	struct net *net = *state;
	struct side *side = net_adopt(net, text_file("resume", "xyz\n"), NULL);

	side->then = resume_needlessly;
	weir_hold(side->stream, true);
	net_turns(net, 10);
	assert_int_equal(side->len, 0);
	weir_hold(side->stream, false);
	weir_hold(side->stream, false);
	wait_gone(side);
	assert_true(side_has(side, "xyz\n"));
}

/* test-fs-empty-readStream */
static void an_empty_file_has_an_end_and_no_data(void **state)
{
	struct net *net = *state;
	struct side *side = net_adopt(net, new_file("empty"), NULL);

	wait_gone(side);
	assert_string_equal(side->log, "oeg");

	side = net_adopt(net, new_file("held"), NULL);
	weir_hold(side->stream, true);
	net_turns(net, 20);
	assert_int_equal(side->ends, 0);
	weir_hold(side->stream, false);
	wait_gone(side);
	assert_int_equal(side->ends, 1);
}

static void close_in_open(struct side *side, char event)
{
	assert_int_equal(event, 'o');
	side_close(side);
}

/* test-fs-stream-double-close, test-fs-write-stream: before it is open, and in open. */
static void a_file_may_be_closed_before_it_is_read(void **state)
{
	struct net *net = *state;
	struct side *a = net_adopt(net, text_file("a", "a"), NULL);
	struct side *b = net_adopt(net, text_file("b", "b"), NULL);

	side_close(a);
	b->then = close_in_open;
	net_turns(net, 5);
	assert_string_equal(a->log, "");
	assert_string_equal(b->log, "o");
}

/* ---- files as sinks ----------------------------------------------------- */

static int sink_file(const char *name)
{
	assert_int_equal(close(new_file(name)), 0);
	const int fd = open(path_of(name), O_WRONLY);
	assert_true(fd >= 0);
	return fd;
}

/*
 * test-file-write-stream, test-file-write-stream2. Each write of v0.6 said that one
 * should wait, since files were written by threads; here a file takes at once what
 * it is given, and there is nothing to wait for.
 */
static void a_file_is_written_in_order(void **state)
{
	struct net *net = *state;
	struct side *side = net_adopt(net, sink_file("order"), NULL);

	net_turn(net);
	for (int i = 0; i < 11; i++)
		assert_int_equal(side_write(side, i < 10 ? "ab" : "last"), 0);
	weir_finish(side->stream);
	assert_int_equal(side_write(side, "late"), WEIR_ECLOSED);
	wait_gone(side);
	assert_string_equal(side->log, "og");
	assert_file("order", "abababababababababablast");
}

/* test-file-write-stream3: in the middle of what is there. */
static void a_file_is_written_in_place(void **state)
{
	struct net *net = *state;

	assert_int_equal(close(text_file("place", "0123456789abcdef....")), 0);
	const int fd = open(path_of("place"), O_WRONLY);
	assert_int_equal(lseek(fd, 10, SEEK_SET), 10);
	struct side *side = net_adopt(net, fd, NULL);
	assert_true(side_write(side, "ABCDEF") >= 0);
	weir_finish(side->stream);
	wait_gone(side);
	assert_file("place", "0123456789ABCDEF....");
}

static void look_at_gone(struct side *side, char event)
{
	(void)side;
	if (event == 'g')
		assert_file("end", "a\n");
}

/* test-fs-write-stream-end: when it is told, it is there to read. */
static void at_the_end_a_file_can_be_read(void **state)
{
	struct net *net = *state;
	struct side *side = net_adopt(net, sink_file("end"), NULL);

	side->then = look_at_gone;
	assert_true(side_write(side, "a\n") >= 0);
	weir_finish(side->stream);
	wait_gone(side);
}

/* ---- to and from HTTP --------------------------------------------------- */

/* A request whose body goes into a stream, and a stream whose octets are the reply. */
static struct bridge {
	struct net *net;
	weir_req *req;
	struct side *side;
	const char *address;
	uint64_t octets;
	int ends, replies;
} bridge;

static weir_server *server;

static void serve(struct net *net, weir_handler *handler, char address[64])
{
	const weir_server_opts opts = {.request = handler};
	weir_listener *listener;

	memset(&bridge, 0, sizeof bridge);
	bridge.net = net;
	assert_int_equal(weir_server_new(&server, net->loop, &opts), 0);
	assert_int_equal(weir_server_listen(server, &listener, "127.0.0.1:0"), 0);
	assert_true(weir_listener_address(listener, address, 64) > 0);
}

static size_t body_to_stream(weir_req *req, const char *data, size_t len, void *arg)
{
	const int64_t queued = weir_write(bridge.side->stream, data, len);

	(void)arg;
	assert_true(queued >= 0);
	if (queued > HIGH)
		weir_req_hold(req, true);
	return len;
}

static void body_ended(weir_req *req, void *arg)
{
	(void)req;
	(void)arg;
	bridge.ends++;
	weir_finish(bridge.side->stream);
}

/* The stream has room again, or has ended: then the request is answered. */
static void after_body(struct side *side, char event)
{
	(void)side;
	if (event == 'r')
		weir_req_hold(bridge.req, false);
	if (event != 'g')
		return;
	bridge.replies++;
	assert_true(weir_reply(bridge.req, 200, "text/plain", "thanks", 6) >= 0);
}

static void pipe_body(weir_req *req, struct side *side)
{
	static const weir_req_ops ops = {.data = body_to_stream, .end = body_ended};

	bridge.req = req;
	bridge.side = side;
	side->then = after_body;
	weir_req_on(req, &ops, NULL);
}

static void body_to_connection(weir_req *req, void *arg)
{
	(void)arg;
	weir_server_drain(server, WEIR_OFF);
	pipe_body(req, net_connect(bridge.net, bridge.address, NULL));
}

static void wait_for(struct side *side, const char *text)
{
	const size_t len = strlen(text);

	while (side->len < len || memcmp(side->got + side->len - len, text, len) != 0)
		net_turn(side->net);
}

/* test-pipe: five mebibytes; both listeners are closed meanwhile. */
static void a_body_is_piped_into_a_connection(void **state)
{
	enum { LEN = 5 << 20 };
	const weir_stream_opts wide = {.max_queue = 2 * LEN};
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	char address[64], *body = malloc(LEN);

	assert_non_null(body);
	pattern_fill(body, LEN, 0);
	serve(net, body_to_connection, address);
	bridge.address = host->address;
	struct side *c = net_connect(net, address, &wide);
	side_write(c, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5242880\r\n\r\n");
	assert_true(weir_write(c->stream, body, LEN) >= 0);
	struct side *receiver = host_wait(host, 1);
	host_close(host);
	wait_for(c, "thanks");
	assert_int_equal(receiver->len, LEN);
	assert_memory_equal(receiver->got, body, LEN);
	assert_int_equal(receiver->ends, 1);
	wait_gone(c);
	free(body);
}

static size_t count_body(weir_req *req, const char *data, size_t len, void *arg)
{
	(void)req;
	(void)arg;
	assert_true(pattern_is(data, len, (size_t)bridge.octets));
	bridge.octets += len;
	return len;
}

static void thank(weir_req *req, void *arg)
{
	(void)arg;
	bridge.ends++;
	assert_true(weir_reply(req, 200, "text/plain", "thanks", 6) >= 0);
}

static void hold_and_count(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {.data = count_body, .end = thank};

	bridge.req = req;
	weir_req_on(req, &ops, arg);
	weir_req_hold(req, true);
}

/* test-pipe-file-to-http: while the body is held, the file is not read any further. */
static void a_file_is_piped_into_a_request(void **state)
{
	enum { LEN = 10 << 20 };
	struct net *net = *state;
	char address[64];

	serve(net, hold_and_count, address);
	struct side *c = net_connect(net, address, NULL);
	side_write(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10485760\r\n\r\n");
	struct side *file = net_adopt(net, pattern_file("upload", LEN), NULL);
	pipe_into(file, c);
	c->stays = true;
	for (size_t before = 1; before != file->len || !bridge.req;) {
		before = file->len;
		net_turns(net, 20);
	}
	assert_true(file->len < LEN);
	assert_int_equal(bridge.octets, 0);
	weir_req_hold(bridge.req, false);
	wait_for(c, "thanks");
	assert_int_equal(bridge.octets, LEN);
	assert_int_equal(bridge.ends, 1);
	wait_gone(file);
	wait_gone(c);
}

static size_t to_reply(struct side *side, const char *data, size_t len)
{
	const int64_t queued = weir_reply_write(bridge.req, data, len);

	assert_true(queued >= 0);
	if (queued > HIGH)
		weir_hold(side->stream, true);
	return len;
}

static void reply_has_room(weir_req *req, void *arg)
{
	(void)req;
	(void)arg;
	if (bridge.side->stream)
		weir_hold(bridge.side->stream, false);
}

static void end_the_reply(struct side *side, char event)
{
	(void)side;
	if (event == 'g')
		assert_int_equal(weir_reply_end(bridge.req), 0);
}

/* Writes LEN octets of the pattern and ends. */
static pid_t start_child(int *from, size_t len)
{
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	const pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char block[4096];

		for (size_t at = 0; at < len; at += sizeof block) {
			pattern_fill(block, sizeof block, at);
			for (size_t done = 0; done < sizeof block;) {
				const ssize_t n = write(fd[1], block + done, sizeof block - done);
				if (n < 0)
					_exit(1);
				done += (size_t)n;
			}
		}
		_exit(0);
	}
	assert_int_equal(close(fd[1]), 0);
	*from = fd[0];
	return pid;
}

static void reply_with_child(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {.drain = reply_has_room};

	bridge.req = req;
	assert_true(weir_reply_begin(req, 200, *(int64_t *)arg) >= 0);
	bridge.side->take = to_reply;
	bridge.side->then = end_the_reply;
	bridge.side->counts_only = true;
	weir_req_on(req, &ops, NULL);
	weir_hold(bridge.side->stream, false);
}

/* test-http-curl-chunk-problem: what a child prints is the reply. */
static void the_output_of_a_child_is_a_reply(void **state)
{
	enum { LEN = 10 << 20 };
	static int64_t length = LEN;
	struct net *net = *state;
	const weir_server_opts opts = {.request = reply_with_child, .arg = &length};
	weir_listener *listener;
	char address[64];
	int fd, status;

	memset(&bridge, 0, sizeof bridge);
	/* Before there are streams, so that it has no copies of theirs. */
	const pid_t pid = start_child(&fd, LEN);
	bridge.side = net_adopt(net, fd, NULL);
	weir_hold(bridge.side->stream, true);
	assert_int_equal(weir_server_new(&server, net->loop, &opts), 0);
	assert_int_equal(weir_server_listen(server, &listener, "127.0.0.1:0"), 0);
	assert_true(weir_listener_address(listener, address, 64) > 0);
	struct side *c = net_connect(net, address, NULL);
	side_write(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	wait_gone(c);
	assert_true(c->len > LEN);
	assert_true(pattern_is(c->got + c->len - LEN, LEN, 0));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void body_to_file(weir_req *req, void *arg)
{
	(void)arg;
	pipe_body(req, net_adopt(bridge.net, sink_file(bridge.replies ? "2" : "1"), NULL));
}

/* test-http-pipe-fs: answered when the file is closed; the second body has its own. */
static void bodies_are_piped_into_files(void **state)
{
	struct net *net = *state;
	char address[64];

	serve(net, body_to_file, address);
	struct side *c = net_connect(net, address, NULL);
	for (int i = 1; i <= 2; i++) {
		side_write(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
		side_write(c, i == 1 ? "12345" : "67890");
		while (bridge.replies < i)
			net_turn(net);
		wait_for(c, "thanks");
	}
	assert_file("1", "12345");
	assert_file("2", "67890");
	assert_int_equal(bridge.ends, 2);
	weir_server_drain(server, 0);
	wait_gone(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(many_pipes_at_once),
		NET_TEST(pipes_leave_nothing_behind),
		NET_TEST(an_echo_waits_for_its_reader),
		NET_TEST(one_large_write_to_a_reader_that_pauses),
		NET_TEST(the_error_of_a_source_is_told_there),
		NET_TEST(a_stream_may_become_a_sink),
		NET_TEST(a_file_is_piped_into_a_connection),
		NET_TEST(a_file_that_is_not_there),
		NET_TEST(a_file_is_read_and_may_be_held),
		NET_TEST(a_part_of_a_file_is_read),
		NET_TEST(resuming_needlessly_changes_nothing),
		NET_TEST(an_empty_file_has_an_end_and_no_data),
		NET_TEST(a_file_may_be_closed_before_it_is_read),
		NET_TEST(a_file_is_written_in_order),
		NET_TEST(a_file_is_written_in_place),
		NET_TEST(at_the_end_a_file_can_be_read),
		NET_TEST(a_body_is_piped_into_a_connection),
		NET_TEST(a_file_is_piped_into_a_request),
		NET_TEST(the_output_of_a_child_is_a_reply),
		NET_TEST(bodies_are_piped_into_files),
	};

	return cmocka_run_group_tests_name("stream_node", tests, NULL, NULL);
}
