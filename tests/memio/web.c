/*
 * What do the tests of the server over the kernel in memory have in common?
 */
#include "tests/memio/web.h"

#include <stdio.h>
#include <string.h>

struct web web;

/* ---- a test's world ---- */

int web_setup(void **state)
{
	(void)state;
	memio_reset();
	memset(&web, 0, sizeof web);
	return 0;
}

int web_teardown(void **state)
{
	(void)state;
	weir_loop_free(web.loop);
	assert_int_equal(web.alloc.live_blocks, 0);
	assert_int_equal(web.alloc.live_octets, 0);
	assert_int_equal(memio_open_fds(), 0);
	assert_null(memio_misuse());
	return 0;
}

void web_serve(weir_handler *handler, void *arg, const weir_server_opts *opts)
{
	const weir_loop_opts loop_opts = {.alloc = test_alloc_fn, .alloc_arg = &web.alloc};
	weir_server_opts all = opts ? *opts : (weir_server_opts){0};

	all.request = handler;
	all.arg = arg;
	assert_int_equal(weir_loop_new(&web.loop, &loop_opts), 0);
	assert_int_equal(weir_server_new(&web.server, web.loop, &all), 0);
	assert_int_equal(weir_server_listen(web.server, NULL, "127.0.0.1:80"), 0);
}

void web_settle(void)
{
	for (int i = 0; i < 12; i++)
		assert_true(weir_loop_step(web.loop, 0) >= 0);
}

void web_pass(int64_t ms)
{
	const int64_t until = memio_now() + ms;

	web_settle();
	while (memio_now() < until) {
		const int result = weir_loop_step(web.loop, until - memio_now());

		assert_true(result >= 0);
		/* Nothing holds the loop: it does not wait either. */
		if (result == 0)
			memio_pass(until - memio_now());
	}
	web_settle();
}

/* ---- clients ---- */

memio_client *web_client(void)
{
	memio_client *c = memio_client_connect(NULL);

	assert_non_null(c);
	web_settle();
	return c;
}

void web_send(memio_client *c, const char *text)
{
	memio_client_send_text(c, text);
	web_settle();
}

memio_client *web_ask(const char *text)
{
	memio_client *c = web_client();

	web_send(c, text);
	return c;
}

const char *web_got(const memio_client *c)
{
	return memio_client_received(c, NULL);
}

/* ---- what was said ---- */

size_t web_count(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		n++;
	}
	return n;
}

void web_assert_status(const memio_client *c, int status)
{
	char line[32];

	snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
	if (strncmp(web_got(c), line, strlen(line)) != 0)
		fail_msg("not %d but: %s", status, web_got(c));
}

void web_assert_has(const memio_client *c, const char *what)
{
	if (!strstr(web_got(c), what))
		fail_msg("no \"%s\" in: %s", what, web_got(c));
}

void web_assert_lacks(const memio_client *c, const char *what)
{
	if (strstr(web_got(c), what))
		fail_msg("\"%s\" in: %s", what, web_got(c));
}

bool web_is(weir_str str, const char *text)
{
	return str.len == strlen(text) && !memcmp(str.data, text, str.len);
}
