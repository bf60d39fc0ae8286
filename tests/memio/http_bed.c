/*
 * How does a test of the HTTP server begin and end, and what do the tests share?
 */
#include "tests/memio/http_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/addr.h"

struct bed bed;

/* ---- a test ------------------------------------------------------------- */

int bed_setup(void **state)
{
	(void)state;
	memio_reset();
	memset(&bed, 0, sizeof bed);
	return 0;
}

int bed_teardown(void **state)
{
	(void)state;
	weir_loop_free(bed.loop);
	bed.loop = NULL;
	assert_int_equal(bed.inside, 0);
	/* No function that the application calls calls it back. */
	assert_true(bed.deepest <= 1);
	assert_int_equal(bed.alloc.live_blocks, 0);
	assert_int_equal(bed.alloc.live_octets, 0);
	assert_int_equal(memio_open_fds(), 0);
	assert_null(memio_misuse());
	return 0;
}

static void handle(weir_req *req, void *arg)
{
	assert_ptr_equal(arg, bed.arg);
	bed_enter();
	bed.requests++;
	bed.handler(req, arg);
	bed_leave();
}

int bed_try_serve(weir_handler *handler, const weir_server_opts *opts)
{
	const weir_loop_opts loop_opts = {.alloc = test_alloc_fn, .alloc_arg = &bed.alloc};
	weir_server_opts all = opts ? *opts : (weir_server_opts){0};
	int result = weir_loop_new(&bed.loop, &loop_opts);

	bed.handler = handler;
	bed.arg = all.arg ? all.arg : &bed;
	all.request = handle;
	all.arg = bed.arg;
	if (result == 0)
		result = weir_server_new(&bed.server, bed.loop, &all);
	if (result == 0)
		result = weir_server_listen(bed.server, NULL,
		                            bed.address ? bed.address : "127.0.0.1:80");
	return result;
}

void bed_serve(weir_handler *handler, const weir_server_opts *opts)
{
	assert_int_equal(bed_try_serve(handler, opts), 0);
}

void bed_every_allocation_fails(void (*play)(void *arg), void *arg)
{
	for (int after = 0; after < 2; after++)
		for (size_t nth = 1;; nth++) {
			bed_setup(NULL);
			bed.alloc.fail_at = nth;
			bed.alloc.fail_after = after;
			play(arg);
			const size_t refused = bed.alloc.refused;
			bed_teardown(NULL);
			if (!refused)
				break;
			assert_true(nth < 1000);
		}
}

/* ---- an application ----------------------------------------------------- */

void bed_enter(void)
{
	if (++bed.inside > bed.deepest)
		bed.deepest = bed.inside;
}

void bed_leave(void)
{
	bed.inside--;
}

void bed_hello(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply(req, 200, "text/plain", "Hello World\n", 12);
}

void bed_target(weir_req *req, void *arg)
{
	const weir_str target = weir_req_target(req);

	(void)arg;
	weir_reply(req, 200, NULL, target.data, target.len);
}

void bed_keep(weir_req *req, void *arg)
{
	(void)arg;
	bed.req = req;
}

void bed_watch(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {
		.end = bed_on_end, .drain = bed_on_drain, .eof = bed_on_eof, .gone = bed_on_gone};

	bed.req = req;
	weir_req_on(req, &ops, arg);
}

void bed_read(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {bed_on_data, bed_on_end, bed_on_drain, bed_on_eof,
	                                 bed_on_gone};

	bed.req = req;
	weir_req_on(req, &ops, arg);
}

size_t bed_on_data(weir_req *req, const char *data, size_t len, void *arg)
{
	(void)req;
	(void)data;
	(void)arg;
	return len;
}

static void count(int *calls)
{
	bed_enter();
	++*calls;
	bed_leave();
}

void bed_on_end(weir_req *req, void *arg)
{
	(void)req;
	(void)arg;
	count(&bed.ends);
}

void bed_on_drain(weir_req *req, void *arg)
{
	(void)req;
	(void)arg;
	count(&bed.drains);
}

void bed_on_eof(weir_req *req, void *arg)
{
	(void)req;
	(void)arg;
	count(&bed.eofs);
}

void bed_on_gone(weir_req *req, int why, void *arg)
{
	(void)req;
	(void)arg;
	count(&bed.gones);
	bed.why = why;
}

void bed_on_gone_end(weir_req *req, int why, void *arg)
{
	bed_on_gone(req, why, arg);
	weir_reply_end(req);
}

bool bed_is(weir_str str, const char *text)
{
	return str.data && str.len == strlen(text) && !memcmp(str.data, text, str.len);
}

/* ---- time --------------------------------------------------------------- */

void bed_turns(int turns)
{
	for (int i = 0; i < turns; i++)
		assert_true(weir_loop_step(bed.loop, 0) >= 0);
}

void bed_settle(void)
{
	bed_turns(12);
}

void bed_pass(int64_t ms)
{
	const int64_t until = memio_now() + ms;

	bed_settle();
	while (memio_now() < until) {
		const int result = weir_loop_step(bed.loop, until - memio_now());

		assert_true(result >= 0);
		/* Nothing holds the loop: it does not wait either. */
		if (result == 0)
			memio_pass(until - memio_now());
	}
	bed_settle();
}

/* ---- clients ------------------------------------------------------------ */

static memio_client *accepted(memio_client *c)
{
	assert_non_null(c);
	bed_settle();
	return c;
}

memio_client *bed_client(void)
{
	return accepted(memio_client_connect(NULL));
}

memio_client *bed_client_from(const char *address)
{
	static uint16_t port = 20000;
	char text[80];
	struct weir__where where;

	snprintf(text, sizeof text, "%s:%u", address, (unsigned)port++);
	assert_int_equal(weir__addr_parse(text, &where), 0);
	return accepted(memio_client_connect_from(NULL, &where.addr));
}

void bed_sends(memio_client *c, const char *text)
{
	memio_client_send_text(c, text);
	bed_settle();
}

memio_client *bed_sent(const char *text)
{
	memio_client *c = bed_client();

	bed_sends(c, text);
	return c;
}

void bed_finishes(memio_client *c)
{
	memio_client_finish(c);
	bed_settle();
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

void bed_exchange(memio_client *c)
{
	memio_client_forget(c);
	bed_sends(c, HELLO);
	bed_assert_status(c, 200);
	memio_client_forget(c);
}

const char *bed_received(const memio_client *c)
{
	return memio_client_received(c, NULL);
}

size_t bed_count(const memio_client *c, const char *text)
{
	size_t n = 0;

	for (const char *at = bed_received(c); (at = strstr(at, text)) != NULL; n++)
		at += strlen(text);
	return n;
}

int bed_status(const memio_client *c)
{
	static const char begin[] = "HTTP/1.1 ";
	const char *text = bed_received(c);

	return strncmp(text, begin, sizeof begin - 1) == 0 ? atoi(text + sizeof begin - 1) : 0;
}

void bed_assert_status(const memio_client *c, int status)
{
	if (bed_status(c) != status)
		fail_msg("not %d but: %s", status, bed_received(c));
}

void bed_assert_has(const memio_client *c, const char *text)
{
	if (!strstr(bed_received(c), text))
		fail_msg("no \"%s\" in: %s", text, bed_received(c));
}

void bed_assert_lacks(const memio_client *c, const char *text)
{
	if (strstr(bed_received(c), text))
		fail_msg("\"%s\" in: %s", text, bed_received(c));
}
