/*
 * Does a server say of itself what load balancers have to know, and nothing to others?
 * Over the kernel in memory.
 */
#include "tests/memio/http_bed.h"

#include <string.h>

#include "core/loop.h"

#define ASK(method, target) method " " target " HTTP/1.1\r\nHost: a\r\n\r\n"
#define CHECK ASK("GET", "/healthz")
#define NO_STORE "Cache-Control: no-store\r\n"

static struct heard {
	int times, status;
	char path[32];
} heard;

static void on_log(weir_req *req, const weir_access *access, void *arg)
{
	const weir_str path = weir_req_path(req);

	(void)arg;
	heard.times++;
	heard.status = access->status;
	memcpy(heard.path, path.data, path.len);
	heard.path[path.len] = '\0';
}

static void given(weir_server_opts opts)
{
	heard = (struct heard){0};
	if (!opts.health)
		opts.health = "/healthz";
	opts.log = on_log;
	bed_serve(bed_hello, &opts);
}

/* One question on a connection, and the status of its answer. */
static int asked(memio_client *c, const char *text)
{
	memio_client_forget(c);
	bed_sends(c, text);
	return bed_status(c);
}

/* ---- the question -------------------------------------------------------- */

static void the_path_is_the_servers(void **state)
{
	(void)state;
	given((weir_server_opts){0});
	memio_client *c = bed_sent(CHECK);
	bed_assert_status(c, 200);
	bed_assert_has(c, "Content-Type: text/plain\r\nContent-Length: 3\r\n");
	bed_assert_has(c, NO_STORE);
	bed_assert_has(c, "\r\n\r\nok\n");
	assert_int_equal(bed.requests, 0);
	/* The connection lives on. */
	bed_exchange(c);
	assert_int_equal(bed.requests, 1);
}

static void a_head_has_no_content(void **state)
{
	(void)state;
	given((weir_server_opts){0});
	memio_client *c = bed_sent(ASK("HEAD", "/healthz"));
	bed_assert_status(c, 200);
	bed_assert_has(c, "Content-Length: 3\r\n");
	bed_assert_lacks(c, "ok\n");
}

static void it_is_this_path_and_no_other(void **state)
{
	static const struct {
		const char *text;
		bool ours;
	} cases[] = {
		{ASK("GET", "/healthz?verbose=1"), true}, {ASK("GET", "/healthz?"), true},
		{ASK("GET", "http://a/healthz"), true},   {ASK("GET", "/health"), false},
		{ASK("GET", "/healthz/"), false},         {ASK("GET", "/healthzz"), false},
		{ASK("GET", "/Healthz"), false},          {ASK("GET", "/%68ealthz"), false},
		{ASK("GET", "/?/healthz"), false},        {ASK("POST", "/healthz"), false},
		{ASK("DELETE", "/healthz"), false},
	};

	(void)state;
	given((weir_server_opts){0});
	memio_client *c = bed_client();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bed.requests = 0;
		assert_int_equal(asked(c, cases[i].text), 200);
		assert_int_equal(bed.requests, !cases[i].ours);
	}
}

static void methods_have_no_say_in_it(void **state)
{
	(void)state;
	given((weir_server_opts){.methods = WEIR_METHOD_BIT(WEIR_POST)});
	memio_client *c = bed_client();
	assert_int_equal(asked(c, CHECK), 200);
	assert_int_equal(asked(c, HELLO), 405);
	bed_assert_lacks(c, NO_STORE);
}

static void without_an_option_there_is_none(void **state)
{
	(void)state;
	bed_serve(bed_target, NULL);
	memio_client *c = bed_sent(CHECK);
	bed_assert_has(c, "\r\n\r\n/healthz");
}

static void it_has_to_be_a_path(void **state)
{
	weir_server *server;

	(void)state;
	given((weir_server_opts){0});
	for (int i = 0; i < 2; i++) {
		const weir_server_opts opts = {.request = bed_hello, .health = i ? "health" : ""};

		assert_int_equal(weir_server_new(&server, bed.loop, &opts), WEIR_EINVALID);
	}
}

static void a_body_is_no_obstacle(void **state)
{
	(void)state;
	given((weir_server_opts){0});
	memio_client *c = bed_client();
	assert_int_equal(
		asked(c, "GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"), 200);
	assert_int_equal(asked(c, CHECK), 200);
	/* Who waits for a 100 gets none, and the connection ends: nobody knows what follows. */
	assert_int_equal(asked(c, "GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
	                          "Expect: 100-continue\r\n\r\n"),
	                 200);
	bed_assert_has(c, "Connection: close\r\n");
}

static void answers_come_in_order(void **state)
{
	(void)state;
	given((weir_server_opts){0});
	memio_client *c = bed_sent(HELLO CHECK HELLO);
	const char *second = strstr(bed_received(c), "\r\n\r\nHello World\n");
	assert_non_null(second);
	assert_non_null(second = strstr(second, "\r\n\r\nok\n"));
	assert_non_null(strstr(second, "\r\n\r\nHello World\n"));
}

static void the_log_hears_of_it(void **state)
{
	(void)state;
	given((weir_server_opts){0});
	memio_client *c = bed_sent(CHECK);
	assert_int_equal(heard.times, 1);
	assert_int_equal(heard.status, 200);
	assert_string_equal(heard.path, "/healthz");
	weir_server_health(bed.server, false);
	asked(c, CHECK);
	assert_int_equal(heard.times, 2);
	assert_int_equal(heard.status, 503);
}

/* ---- the answer ---------------------------------------------------------- */

static void one_that_is_not_well_says_so_and_serves(void **state)
{
	(void)state;
	given((weir_server_opts){0});
	memio_client *c = bed_client();
	weir_server_health(bed.server, false);
	assert_int_equal(asked(c, CHECK), 503);
	bed_assert_has(c, NO_STORE);
	bed_assert_has(c, "\r\n\r\ndraining\n");
	bed_assert_lacks(c, "Connection: close\r\n");
	bed_exchange(c);
	bed_exchange(bed_client());
	weir_server_health(bed.server, true);
	assert_int_equal(asked(c, CHECK), 200);
}

static void one_that_is_drained_is_not_well(void **state)
{
	(void)state;
	given((weir_server_opts){0});
	memio_client *c = bed_client();
	weir_server_drain(bed.server, WEIR_OFF);
	weir_server_health(bed.server, true);
	assert_int_equal(asked(c, CHECK), 503);
	bed_assert_has(c, "Connection: close\r\n");
}

static void unless_others_go_on_in_its_place(void **state)
{
	(void)state;
	given((weir_server_opts){0});
	memio_client *first = bed_client(), *second = bed_client();
	bed.loop->relieved = true;
	weir_server_drain(bed.server, WEIR_OFF);
	assert_int_equal(asked(first, CHECK), 200);
	bed_assert_has(first, "Connection: close\r\n");
	/* What it was told is its own affair. */
	weir_server_health(bed.server, false);
	assert_int_equal(asked(second, CHECK), 503);
}

static void play_short_of_memory(void *arg)
{
	const weir_server_opts opts = {.health = "/healthz"};

	(void)arg;
	if (bed_try_serve(bed_hello, &opts) < 0)
		return;
	memio_client *c = memio_client_connect(NULL);
	memio_client_send_text(c, CHECK);
	for (int i = 0; i < 12; i++)
		weir_loop_step(bed.loop, 0);
	assert_int_equal(bed.requests, 0);
}

static void without_memory_nothing_is_lost(void **state)
{
	(void)state;
	bed_every_allocation_fails(play_short_of_memory, NULL);
	bed_setup(NULL);
}

/* ------------------------------------------------------------------------- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(the_path_is_the_servers),
		HTTP_TEST(a_head_has_no_content),
		HTTP_TEST(it_is_this_path_and_no_other),
		HTTP_TEST(methods_have_no_say_in_it),
		HTTP_TEST(without_an_option_there_is_none),
		HTTP_TEST(it_has_to_be_a_path),
		HTTP_TEST(a_body_is_no_obstacle),
		HTTP_TEST(answers_come_in_order),
		HTTP_TEST(the_log_hears_of_it),
		HTTP_TEST(one_that_is_not_well_says_so_and_serves),
		HTTP_TEST(one_that_is_drained_is_not_well),
		HTTP_TEST(unless_others_go_on_in_its_place),
		HTTP_TEST(without_memory_nothing_is_lost),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
