#include "tests/memio/http_bed.h"

#include <string.h>

struct test_alloc bed_alloc;
weir_loop *bed_loop;
weir_server *bed_server;
int bed_inside, bed_deepest;

void bed_enter(void)
{
	if (++bed_inside > bed_deepest)
		bed_deepest = bed_inside;
}

void bed_leave(void)
{
	bed_inside--;
}

int bed_set_up(void **state)
{
	(void)state;
	memio_reset();
	memset(&bed_alloc, 0, sizeof bed_alloc);
	bed_inside = bed_deepest = 0;
	bed_loop = NULL;
	bed_server = NULL;
	return 0;
}

int bed_tear_down(void **state)
{
	(void)state;
	weir_loop_free(bed_loop);
	bed_loop = NULL;
	assert_int_equal(bed_inside, 0);
	/* No function that the application calls calls it back. */
	assert_true(bed_deepest <= 1);
	assert_int_equal(bed_alloc.live_blocks, 0);
	assert_int_equal(bed_alloc.live_octets, 0);
	assert_int_equal(memio_open_fds(), 0);
	assert_null(memio_misuse());
	return 0;
}

int bed_open(const weir_server_opts *opts)
{
	const weir_loop_opts loop_opts = {.alloc = test_alloc_fn, .alloc_arg = &bed_alloc};
	int result = weir_loop_new(&bed_loop, &loop_opts);

	if (result == 0)
		result = weir_server_new(&bed_server, bed_loop, opts);
	if (result == 0)
		result = weir_server_listen(bed_server, NULL, "127.0.0.1:80");
	return result;
}

void bed_given(const weir_server_opts *opts)
{
	assert_int_equal(bed_open(opts), 0);
}

void bed_settle(void)
{
	for (int i = 0; i < 12; i++)
		assert_true(weir_loop_step(bed_loop, 0) >= 0);
}

void bed_pass(int64_t ms)
{
	const int64_t until = memio_now() + ms;

	bed_settle();
	while (memio_now() < until) {
		int result = weir_loop_step(bed_loop, until - memio_now());

		assert_true(result >= 0);
		/* Nothing holds the loop: it does not wait either. */
		if (result == 0)
			memio_pass(until - memio_now());
	}
	bed_settle();
}

memio_client *bed_connected(void)
{
	memio_client *c = memio_client_connect(NULL);

	assert_non_null(c);
	bed_settle();
	return c;
}

void bed_sends(memio_client *c, const char *text)
{
	memio_client_send_text(c, text);
	bed_settle();
}

const char *bed_received(memio_client *c)
{
	return memio_client_received(c, NULL);
}

size_t bed_count(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		n++;
	}
	return n;
}

void bed_every_allocation_fails(void (*play)(void))
{
	for (int after = 0; after < 2; after++)
		for (size_t nth = 1;; nth++) {
			bed_set_up(NULL);
			bed_alloc.fail_at = nth;
			bed_alloc.fail_after = after;
			play();
			const size_t refused = bed_alloc.refused;
			bed_tear_down(NULL);
			if (!refused)
				break;
			assert_true(nth < 1000);
		}
}
