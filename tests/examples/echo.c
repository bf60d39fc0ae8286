/*
 * A server with a main of its own: it runs its loop explicitly.
 *
 *     echo [ADDRESS] [--NAME=VALUE ...]
 *
 * GET or HEAD of anything is a small text; /204 has no content; /stream comes in
 * many pieces. POST /echo gives the body back as it arrives, and stops reading
 * while the client does not read. OPTIONS says which methods there are.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir_http.h>

enum { HIGH = 64 * 1024, PIECES = 1000 };

/* ---- POST /echo --------------------------------------------------------- */

/*
 * A reply that has begun cannot be taken back. So it waits until so much of the
 * body has come, or all of it, or the client pauses: what turns out to be
 * malformed or too long by then gets its 400 or 413 instead.
 */
enum { ENOUGH = 16 * 1024, PAUSE_MS = 250 };

struct echo {
	weir_timer pause;
	weir_req *req;
	size_t seen;
};

static void give_up(weir_req *req, void *arg)
{
	struct echo *echo = arg;

	weir_timer_stop(&echo->pause);
	free(echo);
	weir_reply_end(req);
}

static size_t echo_data(weir_req *req, const char *data, size_t len, void *arg)
{
	int64_t queued = weir_reply_write(req, data, len);

	if (queued < 0)
		give_up(req, arg);
	else if (queued > HIGH)
		weir_req_hold(req, true);
	return len;
}

static void echo_drain(weir_req *req, void *arg)
{
	(void)arg;
	weir_req_hold(req, false);
}

static void echo_end(weir_req *req, void *arg)
{
	give_up(req, arg);
}

static void echo_gone(weir_req *req, int why, void *arg)
{
	(void)why;
	give_up(req, arg);
}

static const weir_req_ops echo_ops = {
	.data = echo_data, .end = echo_end, .drain = echo_drain, .gone = echo_gone};

static bool echo_begin(struct echo *echo)
{
	weir_req *req = echo->req;

	weir_timer_stop(&echo->pause);
	weir_reply_field(req, "Content-Type", "application/octet-stream");
	if (weir_reply_begin(req, 200, weir_req_length(req)) < 0) {
		give_up(req, echo);
		return false;
	}
	/* What was not taken yet is offered again, to echo_data. */
	weir_req_on(req, &echo_ops, echo);
	return true;
}

static void echo_paused(weir_timer *timer, void *arg)
{
	(void)timer;
	echo_begin(arg);
}

/* Offered the same once more, it is the end. */
static size_t echo_first(weir_req *req, const char *data, size_t len, void *arg)
{
	struct echo *echo = arg;

	if (len < ENOUGH && len > echo->seen) {
		echo->seen = len;
		weir_timer_start(weir_req_loop(req), &echo->pause, PAUSE_MS, 0);
		return 0;
	}
	return echo_begin(echo) ? echo_data(req, data, len, arg) : len;
}

static void echo_nothing(weir_req *req, void *arg)
{
	if (echo_begin(arg))
		give_up(req, arg);
}

static void echo(weir_req *req)
{
	static const weir_req_ops ops = {
		.data = echo_first, .end = echo_nothing, .gone = echo_gone};
	struct echo *echo = calloc(1, sizeof *echo);

	if (!echo) {
		weir_reply_end(req);
		return;
	}
	echo->req = req;
	weir_timer_init(&echo->pause, echo_paused, echo);
	weir_req_on(req, &ops, echo);
}

/* ---- GET anything ------------------------------------------------------- */

static void say_hello(weir_req *req, void *arg)
{
	static const char text[] = "Hello World\n";

	(void)arg;
	weir_reply(req, 200, "text/plain", text, sizeof text - 1);
}

static size_t drop_data(weir_req *req, const char *data, size_t len, void *arg)
{
	(void)req;
	(void)data;
	(void)arg;
	return len;
}

static void hello_gone(weir_req *req, int why, void *arg)
{
	(void)why;
	(void)arg;
	weir_reply_end(req);
}

/* A body on it means nothing, but it has to be read. */
static void hello(weir_req *req)
{
	static const weir_req_ops ops = {.data = drop_data, .end = say_hello, .gone = hello_gone};

	if (weir_req_length(req) == 0)
		say_hello(req, NULL);
	else
		weir_req_on(req, &ops, NULL);
}

/* ---- GET /stream -------------------------------------------------------- */

struct stream {
	int next;
};

static void stream_close(weir_req *req, struct stream *stream)
{
	free(stream);
	weir_reply_end(req);
}

/* Writes until the queue is full or all is written. */
static void stream_some(weir_req *req, struct stream *stream)
{
	int64_t queued = 0;

	while (stream->next < PIECES && queued >= 0 && queued <= HIGH) {
		char line[32];
		int len = snprintf(line, sizeof line, "piece %d of %d\n", ++stream->next, PIECES);

		queued = weir_reply_write(req, line, (size_t)len);
	}
	if (queued < 0 || stream->next == PIECES)
		stream_close(req, stream);
}

static void stream_drain(weir_req *req, void *arg)
{
	stream_some(req, arg);
}

static void stream_gone(weir_req *req, int why, void *arg)
{
	(void)why;
	stream_close(req, arg);
}

static void stream(weir_req *req)
{
	static const weir_req_ops ops = {.drain = stream_drain, .gone = stream_gone};
	struct stream *stream = calloc(1, sizeof *stream);

	weir_reply_field(req, "Content-Type", "text/plain");
	if (!stream || weir_reply_begin(req, 200, WEIR_UNKNOWN) < 0) {
		stream_close(req, stream);
		return;
	}
	weir_req_on(req, &ops, stream);
	stream_some(req, stream);
}

/* ---- requests ----------------------------------------------------------- */

static bool is(weir_str str, const char *text)
{
	return str.len == strlen(text) && !memcmp(str.data, text, str.len);
}

static void handle(weir_req *req, void *arg)
{
	const weir_method method = weir_req_method(req);
	const weir_str path = weir_req_path(req);

	(void)arg;
	if (method == WEIR_OPTIONS) {
		weir_reply_field(req, "Allow", "GET, HEAD, POST, OPTIONS");
		weir_reply(req, 200, NULL, NULL, 0);
	} else if (method == WEIR_POST) {
		if (is(path, "/echo"))
			echo(req);
		else
			weir_reply(req, 404, "text/plain", "Not Found\n", 10);
	} else if (is(path, "/204")) {
		weir_reply(req, 204, NULL, NULL, 0);
	} else if (is(path, "/stream")) {
		stream(req);
	} else {
		hello(req);
	}
}

/* ---- the command line --------------------------------------------------- */

struct setting {
	const char *name;
	int32_t *value;
};

static bool number(const char *text, int64_t most, int64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoll(text, &end, 10);
	return *text && !*end && errno == 0 && *value >= 1 && *value <= most;
}

/* One --NAME=VALUE. */
static bool set(weir_server_opts *opts, const char *text)
{
	const struct setting settings[] = {
		{"head-ms", &opts->head_ms},
		{"idle-ms", &opts->idle_ms},
		{"body-ms", &opts->body_ms},
		{"write-ms", &opts->write_ms},
		{"max-head", &opts->max_head},
		{"max-fields", &opts->max_fields},
		{"max-target", &opts->max_target},
		{"max-conns", &opts->max_conns},
		{"max-per-peer", &opts->max_per_peer},
		{"max-requests", &opts->max_requests},
		{"max-pipelined", &opts->max_pipelined},
		{"drain-idle-ms", &opts->drain_idle_ms},
		{"max-body", NULL},
	};
	const char *equals = strchr(text, '=');
	const size_t len = equals ? (size_t)(equals - text) : strlen(text);

	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		int64_t value;

		if (strlen(settings[i].name) != len || memcmp(settings[i].name, text, len) != 0)
			continue;
		if (!equals ||
		    !number(equals + 1, settings[i].value ? INT32_MAX : INT64_MAX, &value)) {
			fprintf(stderr, "echo: --%s wants a number from 1 up, as --%s=1000\n",
			        settings[i].name, settings[i].name);
			return false;
		}
		if (settings[i].value)
			*settings[i].value = (int32_t)value;
		else
			opts->max_body = value;
		return true;
	}
	fprintf(stderr, "echo: there is no option --%s\n", text);
	return false;
}

static bool read_arguments(int argc, char **argv, weir_server_opts *opts, const char **address)
{
	*address = NULL;
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "--", 2)) {
			if (!set(opts, argv[i] + 2))
				return false;
		} else if (*address) {
			fprintf(stderr, "echo: one address, not both %s and %s\n", *address,
			        argv[i]);
			return false;
		} else {
			*address = argv[i];
		}
	}
	if (!*address)
		*address = "127.0.0.1:1337";
	return true;
}

/* ---- running ------------------------------------------------------------ */

/* The first signal lets what is in progress end, the second does not. */
static void asked_to_end(weir_signal *watcher, int signo, void *arg)
{
	bool *draining = arg;

	(void)signo;
	if (*draining)
		weir_loop_stop(watcher->loop);
	else
		weir_loop_drain(watcher->loop);
	*draining = true;
}

static int fail(const char *what, int64_t why)
{
	fprintf(stderr, "echo: %s: %s\n", what, weir_strerror(why));
	return EXIT_FAILURE;
}

static int listen_on(weir_loop *loop, const weir_server_opts *opts, const char *address)
{
	weir_server *server;
	weir_listener *listener;
	char text[160];
	int result = weir_server_new(&server, loop, opts);

	if (result >= 0)
		result = weir_server_listen(server, &listener, address);
	if (result >= 0)
		result = weir_listener_address(listener, text, sizeof text);
	if (result < 0)
		return result;
	printf("echo: listening on %s (%s)\n", text, weir_backend());
	fflush(stdout);
	return 0;
}

static int serve(weir_loop *loop, const weir_server_opts *opts, const char *address)
{
	static bool draining;
	static weir_signal interrupt, terminate;
	int result = weir_signal_start(loop, &interrupt, SIGINT, asked_to_end, &draining);

	if (result >= 0)
		result = weir_signal_start(loop, &terminate, SIGTERM, asked_to_end, &draining);
	if (result >= 0)
		result = listen_on(loop, opts, address);
	if (result < 0)
		return fail(address, result);
	result = weir_loop_run(loop);
	return result < 0 ? fail("loop", result) : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	weir_server_opts opts = {
		.request = handle,
		.methods = WEIR_METHOD_BIT(WEIR_GET) | WEIR_METHOD_BIT(WEIR_HEAD) |
	                   WEIR_METHOD_BIT(WEIR_POST) | WEIR_METHOD_BIT(WEIR_OPTIONS),
		.max_body = INT64_C(1) << 40, /* what is streamed costs nothing */
	};
	const char *address;
	weir_loop *loop;
	int result;

	if (!read_arguments(argc, argv, &opts, &address))
		return EXIT_FAILURE;
	result = weir_loop_new(&loop, NULL);
	if (result < 0)
		return fail("loop", result);
	result = serve(loop, &opts, address);
	weir_loop_free(loop);
	return result;
}
