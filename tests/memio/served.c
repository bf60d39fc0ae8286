#include "tests/memio/served.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/addr.h"

struct served served;

/* ---- opening and closing ------------------------------------------------ */

int served_setup(void **state)
{
	(void)state;
	memio_reset();
	memset(&served, 0, sizeof served);
	return 0;
}

int served_teardown(void **state)
{
	(void)state;
	weir_loop_free(served.loop);
	served.loop = NULL;
	assert_int_equal(served.alloc.live_blocks, 0);
	assert_int_equal(served.alloc.live_octets, 0);
	assert_int_equal(memio_open_fds(), 0);
	assert_null(memio_misuse());
	return 0;
}

int served_try_open(const weir_server_opts *more)
{
	const weir_loop_opts loop_opts = {.alloc = test_alloc_fn, .alloc_arg = &served.alloc};
	weir_server_opts opts = more ? *more : (weir_server_opts){0};
	int result = weir_loop_new(&served.loop, &loop_opts);

	if (!opts.request)
		opts.request = served_hello;
	if (result == 0)
		result = weir_server_new(&served.server, served.loop, &opts);
	if (result == 0)
		result = weir_server_listen(served.server, NULL, "127.0.0.1:80");
	return result;
}

void served_open(const weir_server_opts *opts)
{
	assert_int_equal(served_try_open(opts), 0);
}

/* ---- handlers ----------------------------------------------------------- */

void served_hello(weir_req *req, void *arg)
{
	(void)arg;
	served.requests++;
	weir_reply(req, 200, "text/plain", "Hello World\n", 12);
}

void served_target(weir_req *req, void *arg)
{
	weir_str target = weir_req_target(req);

	(void)arg;
	served.requests++;
	weir_reply(req, 200, NULL, target.data, target.len);
}

static size_t drop(weir_req *req, const char *data, size_t len, void *arg)
{
	(void)req;
	(void)data;
	(void)arg;
	return len;
}

static void gone(weir_req *req, int why, void *arg)
{
	(void)req;
	(void)arg;
	served.gones++;
	served.why = why;
}

void served_keep(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {.gone = gone};

	served.requests++;
	served.req = req;
	weir_req_on(req, &ops, arg);
}

void served_read(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {.data = drop, .gone = gone};

	served.requests++;
	served.req = req;
	weir_req_on(req, &ops, arg);
}

/* ---- time --------------------------------------------------------------- */

void served_settle(void)
{
	for (int i = 0; i < 12; i++)
		assert_true(weir_loop_step(served.loop, 0) >= 0);
}

void served_pass(int64_t ms)
{
	const int64_t until = memio_now() + ms;

	served_settle();
	while (memio_now() < until) {
		int result = weir_loop_step(served.loop, until - memio_now());

		assert_true(result >= 0);
		/* Nothing holds the loop: it does not wait either. */
		if (result == 0)
			memio_pass(until - memio_now());
	}
	served_settle();
}

/* ---- clients ------------------------------------------------------------ */

memio_client *served_client(void)
{
	memio_client *c = memio_client_connect(NULL);

	assert_non_null(c);
	served_settle();
	return c;
}

memio_client *served_client_from(const char *address)
{
	static uint16_t port = 20000;
	char text[80];
	struct weir__where where;

	snprintf(text, sizeof text, "%s:%u", address, (unsigned)port++);
	assert_int_equal(weir__addr_parse(text, &where), 0);
	memio_client *c = memio_client_connect_from(NULL, &where.addr);
	assert_non_null(c);
	served_settle();
	return c;
}

void served_sends(memio_client *c, const char *text)
{
	memio_client_send_text(c, text);
	served_settle();
}

const char *served_received(const memio_client *c)
{
	return memio_client_received(c, NULL);
}

size_t served_count(const memio_client *c, const char *what)
{
	const char *text = served_received(c);
	size_t n = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		n++;
	}
	return n;
}

int served_status(const memio_client *c)
{
	const char *text = served_received(c);

	if (strncmp(text, "HTTP/1.1 ", 9) != 0)
		fail_msg("no reply but: %s", text);
	return atoi(text + 9);
}

void served_asks(memio_client *c)
{
	memio_client_forget(c);
	served_sends(c, HELLO);
	assert_int_equal(served_status(c), 200);
	memio_client_forget(c);
}
