/*
 * Do connections that a trusted proxy opens become those of the client that it names,
 * and does nobody hear of the others? Streams and the HTTP server, over the kernel in
 * memory: no time passes but what a test lets pass.
 */
#include "tests/memio/http_bed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/addr.h"

#define LINE "PROXY TCP4 192.0.2.1 10.0.0.1 4711 80\r\n"
#define LINE6 "PROXY TCP6 2001:db8::1 ::1 4711 80\r\n"
#define TRUSTED "127.0.0.0/8, unix"

static const char signature[12] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

/* ---- a program of streams ------------------------------------------------ */

static struct heard {
	char log[32]; /* a letter for each call */
	char data[256];
	char peer[128];
	int why;
	bool leaves; /* octets that are not a whole line */
	bool closes; /* the listener, when a stream opens */
} heard;

static weir_listener *listener;

static void note(char letter)
{
	const size_t len = strlen(heard.log);

	assert_true(len < sizeof heard.log - 1);
	heard.log[len] = letter;
	heard.log[len + 1] = '\0';
}

static void on_open(weir_stream *stream, void *arg)
{
	assert_ptr_equal(arg, &heard);
	assert_true(weir_peer(stream, heard.peer, sizeof heard.peer) > 0);
	note('o');
	if (heard.closes)
		weir_listener_close(listener);
	heard.closes = false;
}

static size_t on_data(weir_stream *stream, const char *data, size_t len, void *arg)
{
	(void)stream;
	(void)arg;
	if (heard.leaves && data[len - 1] != '\n')
		return 0;
	note('d');
	strncat(heard.data, data, len);
	return len;
}

static void on_end(weir_stream *stream, void *arg)
{
	(void)arg;
	note('e');
	weir_finish(stream);
}

static void on_gone(weir_stream *stream, int why, void *arg)
{
	(void)stream;
	(void)arg;
	heard.why = why;
	note('g');
}

static const weir_stream_ops ops = {
	.open = on_open, .data = on_data, .end = on_end, .gone = on_gone};

static int setup(void **state)
{
	memset(&heard, 0, sizeof heard);
	listener = NULL;
	return bed_setup(state);
}

static void listen_with(const char *address, const weir_stream_opts *opts, const char *trusted)
{
	const weir_loop_opts loop_opts = {.alloc = test_alloc_fn, .alloc_arg = &bed.alloc};

	assert_int_equal(weir_loop_new(&bed.loop, &loop_opts), 0);
	assert_int_equal(weir_listen(bed.loop, &listener, address, opts, &ops, &heard), 0);
	assert_int_equal(weir_listener_proxy(listener, trusted), 0);
}

static void given(const weir_stream_opts *opts)
{
	listen_with("127.0.0.1:80", opts, TRUSTED);
}

static void sends(memio_client *c, const void *data, size_t len)
{
	memio_client_send(c, data, len);
	bed_settle();
}

/* A header of version 2, and what follows. */
static void sends_binary(memio_client *c, unsigned command, unsigned family, const char *addresses,
                         size_t len)
{
	const char fixed[4] = {(char)command, (char)family, (char)(len >> 8), (char)len};

	memio_client_send(c, signature, sizeof signature);
	memio_client_send(c, fixed, sizeof fixed);
	sends(c, addresses, len);
}

/* ---- who it is ----------------------------------------------------------- */

static void the_peer_is_the_one_that_is_named(void **state)
{
	(void)state;
	given(NULL);
	memio_client *c = bed_client();
	assert_string_equal(heard.log, "");
	bed_sends(c, LINE);
	assert_string_equal(heard.log, "o");
	assert_string_equal(heard.peer, "192.0.2.1:4711");
	bed_sends(c, "hello");
	assert_string_equal(heard.log, "od");
	bed_finishes(c);
	assert_string_equal(heard.log, "odeg");
	assert_int_equal(heard.why, 0);
	bed_sends(bed_client(), LINE6);
	assert_string_equal(heard.peer, "[2001:db8::1]:4711");
}

static void octets_behind_the_header_are_the_streams(void **state)
{
	(void)state;
	given(NULL);
	memio_client *c = bed_client();
	bed_sends(c, LINE "PROXY UNKNOWN\r\n");
	assert_string_equal(heard.log, "od");
	assert_string_equal(heard.data, "PROXY UNKNOWN\r\n");
	memio_client_send_text(c, "more");
	memio_client_finish(c);
	bed_settle();
	assert_string_equal(heard.data, "PROXY UNKNOWN\r\nmore");
	assert_string_equal(heard.log, "oddeg");
}

static void it_may_all_be_there_before_it_is_accepted(void **state)
{
	(void)state;
	given(NULL);
	memio_client *c = memio_client_connect(NULL);
	memio_client_send_text(c, LINE "hello");
	memio_client_finish(c);
	bed_settle();
	assert_string_equal(heard.log, "odeg");
	assert_string_equal(heard.data, "hello");
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

static void it_may_come_octet_by_octet(void **state)
{
	static const char text[] = LINE "hello";

	(void)state;
	given(NULL);
	memio_client *c = bed_client();
	for (size_t i = 0; i < sizeof text - 1; i++) {
		if (i < sizeof LINE - 1)
			assert_string_equal(heard.log, "");
		sends(c, text + i, 1);
	}
	assert_string_equal(heard.log, "oddddd");
	assert_string_equal(heard.data, "hello");
	assert_string_equal(heard.peer, "192.0.2.1:4711");
}

/* The limit of what may be left unread is for the user's octets. */
static void the_header_is_not_among_what_is_unread(void **state)
{
	const weir_stream_opts opts = {.max_unread = 8};

	(void)state;
	given(&opts);
	heard.leaves = true;
	memio_client *c = bed_client();
	bed_sends(c, LINE "12345678");
	assert_string_equal(heard.log, "o");
	bed_sends(c, "\n");
	assert_string_equal(heard.data, "12345678\n");
	bed_sends(c, "123456789");
	assert_string_equal(heard.log, "odg");
	assert_int_equal(heard.why, WEIR_ETOOBIG);
}

static void binary_headers_are_read_as_well(void **state)
{
	static const char ip4[12] = {10, 1, 2, 3, 10, 0, 0, 1, 0x12, 0x67, 0, 80};
	static const char path[216] = "/run/x";

	(void)state;
	given(NULL);
	sends_binary(bed_client(), 0x21, 0x11, ip4, sizeof ip4);
	assert_string_equal(heard.peer, "10.1.2.3:4711");
	sends_binary(bed_client(), 0x21, 0x31, path, sizeof path);
	assert_string_equal(heard.peer, "unix:");
	assert_string_equal(heard.log, "oo");
}

static void who_names_nobody_is_served_as_who_he_is(void **state)
{
	char real[64];

	(void)state;
	given(NULL);
	for (int binary = 0; binary < 2; binary++) {
		memio_client *c = bed_client();
		weir__addr_format(memio_client_addr(c), real, sizeof real);
		if (binary)
			sends_binary(c, 0x20, 0x00, "", 0);
		else
			bed_sends(c, "PROXY UNKNOWN\r\n");
		assert_string_equal(heard.peer, real);
		bed_finishes(c);
	}
	assert_string_equal(heard.log, "oegoeg");
}

static void a_proxy_may_come_by_a_unix_socket(void **state)
{
	const struct weir__addr path = {.kind = WEIR__ADDR_UNIX, .path_len = 2, .u.path = "/p"};

	(void)state;
	listen_with("unix:/p", NULL, "unix");
	memio_client *c = memio_client_connect(&path);
	bed_sends(c, LINE "hello");
	assert_string_equal(heard.peer, "192.0.2.1:4711");
	assert_string_equal(heard.data, "hello");
}

static void who_is_not_trusted_says_nothing_of_others(void **state)
{
	(void)state;
	given(NULL);
	memio_client *c = bed_client_from("10.0.0.1");
	assert_string_equal(heard.log, "o");
	assert_int_equal(strncmp(heard.peer, "10.0.0.1:", 9), 0);
	bed_sends(c, LINE);
	assert_string_equal(heard.data, LINE);
}

/* ---- who is not let in --------------------------------------------------- */

/* Nobody has heard of it, and it is over. */
static void assert_turned_out(const memio_client *c)
{
	assert_string_equal(heard.log, "");
	assert_true(memio_client_closed(c) >= MEMIO_CLOSED);
	assert_string_equal(bed_received(c), "");
}

static void malformed_headers_close_at_once(void **state)
{
	static const char *const bad[] = {
		"GET", "PROXY TCP4 x", "PROXY TCP4 1.1.1.1 1.1.1.1 1 65536\r",
		"\n",  "\r\n\r\n\x01", "PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\r",
	};

	(void)state;
	given(NULL);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		memio_client *c = bed_sent(bad[i]);
		/* The x is looked at when its word ends. */
		bed_sends(c, " ");
		assert_turned_out(c);
	}
	memio_client *c = bed_client();
	sends_binary(c, 0x21, 0x12, "123456789012", 12);
	assert_turned_out(c);
}

static void it_has_to_be_complete_in_time(void **state)
{
	const weir_stream_opts opts = {.idle_ms = 3000}, patient = {.idle_ms = 60000};
	const weir_stream_opts *const all[] = {NULL, &opts, &patient};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		const int64_t ms = all[i] == &opts ? 3000 : 10000;

		setup(NULL);
		given(all[i]);
		memio_client *silent = bed_client(), *slow = bed_sent("PROXY TCP4");
		bed_pass(ms - 1000);
		bed_sends(slow, " ");
		assert_int_equal(memio_client_closed(silent), MEMIO_OPEN);
		bed_pass(1100);
		assert_turned_out(silent);
		assert_turned_out(slow);
		bed_teardown(NULL);
	}
	setup(NULL);
}

static void then_the_idle_limit_is_the_streams(void **state)
{
	const weir_stream_opts opts = {.idle_ms = 20000};

	(void)state;
	given(&opts);
	memio_client *c = bed_client();
	bed_pass(9000);
	bed_sends(c, LINE);
	bed_pass(19000);
	assert_string_equal(heard.log, "o");
	bed_pass(1100);
	assert_string_equal(heard.log, "og");
	assert_int_equal(heard.why, WEIR_ETIMEOUT);
	/* Without one there is none. */
	bed_teardown(NULL);
	setup(NULL);
	given(NULL);
	bed_sent(LINE);
	bed_pass(1000000);
	assert_string_equal(heard.log, "o");
}

static void who_leaves_before_was_never_there(void **state)
{
	(void)state;
	given(NULL);
	memio_client *c = bed_sent("PROXY TCP4 1.1.1.1 ");
	memio_client_finish(c);
	bed_settle();
	assert_turned_out(c);
	c = bed_sent("PROXY TCP4 1.1.1.1 ");
	memio_client_reset(c);
	bed_settle();
	assert_string_equal(heard.log, "");
}

static void closing_the_listener_closes_them(void **state)
{
	(void)state;
	given(NULL);
	memio_client *named = bed_sent(LINE), *half = bed_sent("PROXY ");
	weir_listener_close(listener);
	bed_sends(half, "TCP4");
	assert_int_equal(memio_client_closed(half), MEMIO_RESET);
	bed_sends(named, "hello");
	assert_string_equal(heard.log, "od");
}

static void the_listener_may_be_closed_in_open(void **state)
{
	(void)state;
	given(NULL);
	heard.closes = true;
	memio_client *half = bed_sent("PROXY "), *c = bed_sent(LINE "hello");
	assert_string_equal(heard.log, "od");
	assert_true(memio_client_closed(half) >= MEMIO_CLOSED);
	bed_finishes(c);
}

/* The teardown fails if anything is left of them. */
static void freeing_the_loop_closes_them(void **state)
{
	(void)state;
	given(NULL);
	bed_sent("PROXY ");
	bed_client();
}

static void they_count_as_connections(void **state)
{
	const weir_stream_opts opts = {.max_conns = 1};

	(void)state;
	given(&opts);
	memio_client *first = bed_client(), *second = bed_client();
	assert_false(memio_client_accepted(second));
	memio_client_close(first);
	bed_pass(200);
	assert_true(memio_client_accepted(second));
	bed_sends(second, LINE);
	assert_string_equal(heard.log, "o");
}

/* ---- setting it ---------------------------------------------------------- */

static void a_malformed_list_changes_nothing(void **state)
{
	(void)state;
	given(NULL);
	assert_int_equal(weir_listener_proxy(listener, "127.0.0.1/8"), WEIR_EINVALID);
	assert_int_equal(weir_listener_proxy(listener, "proxy.example"), WEIR_EINVALID);
	bed_sent(LINE);
	assert_string_equal(heard.peer, "192.0.2.1:4711");
}

static void it_can_be_switched_off(void **state)
{
	(void)state;
	given(NULL);
	memio_client *before = bed_client();
	assert_int_equal(weir_listener_proxy(listener, NULL), 0);
	memio_client *c = bed_sent(LINE);
	assert_string_equal(heard.data, LINE);
	/* Who was accepted with it goes on with it. */
	bed_sends(before, LINE);
	assert_string_equal(heard.peer, "192.0.2.1:4711");
	bed_finishes(c);
}

static void nothing_is_made_where_nobody_is_trusted_anyway(void **state)
{
	size_t calls;

	(void)state;
	listen_with("127.0.0.1:80", NULL, NULL);
	calls = bed.alloc.calls;
	assert_int_equal(weir_listener_proxy(listener, NULL), 0);
	assert_int_equal(bed.alloc.calls, calls);
}

static void play_short_of_memory(void *arg)
{
	const weir_loop_opts opts = {.alloc = test_alloc_fn, .alloc_arg = &bed.alloc};

	(void)arg;
	memset(&heard, 0, sizeof heard);
	if (weir_loop_new(&bed.loop, &opts) < 0)
		return;
	if (weir_listen(bed.loop, &listener, "127.0.0.1:80", NULL, &ops, &heard) < 0)
		return;
	if (weir_listener_proxy(listener, TRUSTED) < 0)
		return;
	memio_client *c = memio_client_connect(NULL);
	memio_client_send_text(c, LINE "hello");
	for (int i = 0; i < 12; i++)
		weir_loop_step(bed.loop, 0);
	/* Whoever is let in is who the header names. */
	if (*heard.peer)
		assert_string_equal(heard.peer, "192.0.2.1:4711");
}

static void without_memory_nobody_is_taken_for_another(void **state)
{
	(void)state;
	bed_every_allocation_fails(play_short_of_memory, NULL);
}

/* ---- before a transport -------------------------------------------------- */

static int64_t scramble_readv(int fd, const weir_vec *vec, int n, void *arg)
{
	const struct weir__vec own = {vec->data, vec->len};
	int64_t got = weir__sys_readv(fd, &own, 1);

	(void)n;
	(void)arg;
	for (int64_t i = 0; i < got; i++)
		((char *)vec->data)[i] ^= 1;
	return got;
}

static int64_t scramble_writev(int fd, const weir_vec *vec, int n, void *arg)
{
	(void)fd;
	(void)vec;
	(void)n;
	(void)arg;
	return -EPIPE;
}

static int scramble_shutdown(int fd, void *arg)
{
	(void)arg;
	return weir__sys_shutdown(fd);
}

static void the_header_comes_before_the_transport(void **state)
{
	static const weir_transport scramble = {
		.readv = scramble_readv, .writev = scramble_writev, .shutdown = scramble_shutdown};
	const weir_stream_opts opts = {.transport = &scramble};

	(void)state;
	given(&opts);
	bed_sent(LINE "idmmn");
	assert_string_equal(heard.data, "hello");
}

/* ---- HTTP ---------------------------------------------------------------- */

static char logged[256];

static void on_log(weir_req *req, const weir_access *access, void *arg)
{
	(void)arg;
	weir_access_format(logged, sizeof logged, req, access, WEIR_ACCESS_COMMON);
}

static void say_peer(weir_req *req, void *arg)
{
	char text[64];
	const int len = weir_req_peer(req, text, sizeof text);

	(void)arg;
	weir_reply(req, 200, "text/plain", text, (size_t)len);
}

static const struct weir__addr http_addr = {
	.kind = WEIR__ADDR_IP4, .port = 81, .u.ip = {127, 0, 0, 1}};

static void serve(weir_server_opts opts)
{
	opts.log = on_log;
	bed_serve(say_peer, &opts);
	assert_int_equal(weir_server_listen(bed.server, &listener, "127.0.0.1:81"), 0);
	assert_int_equal(weir_listener_proxy(listener, TRUSTED), 0);
	*logged = '\0';
}

static memio_client *proxied(const char *text)
{
	memio_client *c = memio_client_connect(&http_addr);

	assert_non_null(c);
	bed_sends(c, text);
	return c;
}

static void requests_are_those_of_the_client(void **state)
{
	(void)state;
	serve((weir_server_opts){0});
	memio_client *c = proxied(LINE HELLO);
	bed_assert_has(c, "\r\n\r\n192.0.2.1:4711");
	assert_int_equal(strncmp(logged, "192.0.2.1 - - [", 15), 0);
	bed_exchange(c);
	bed_sends(c, HELLO HELLO);
	assert_int_equal(bed_count(c, "192.0.2.1:4711"), 2);
}

static void a_header_in_the_place_of_a_request_is_none(void **state)
{
	(void)state;
	serve((weir_server_opts){0});
	/* On the other listener, and by one who is not trusted. */
	bed_assert_status(bed_sent(LINE HELLO), 400);
	struct weir__addr from = {.kind = WEIR__ADDR_IP4, .port = 9, .u.ip = {10, 0, 0, 1}};
	memio_client *c = memio_client_connect_from(&http_addr, &from);
	bed_sends(c, LINE HELLO);
	bed_assert_status(c, 400);
	/* A second one. */
	bed_assert_status(proxied(LINE LINE HELLO), 400);
	assert_int_equal(bed.requests, 0);
}

static void limits_of_a_peer_are_the_clients(void **state)
{
	static const char path[216];

	(void)state;
	serve((weir_server_opts){.max_per_peer = 1});
	bed_assert_status(proxied(LINE HELLO), 200);
	bed_assert_status(proxied("PROXY TCP4 192.0.2.2 10.0.0.1 4711 80\r\n" HELLO), 200);
	bed_assert_status(proxied(LINE HELLO), 503);
	/* Clients on unix sockets are not counted. */
	for (int i = 0; i < 3; i++) {
		memio_client *c = proxied("");
		sends_binary(c, 0x21, 0x31, path, sizeof path);
		bed_sends(c, HELLO);
		bed_assert_has(c, "\r\n\r\nunix:");
	}
}

static void a_server_ends_without_those_who_said_nothing(void **state)
{
	(void)state;
	for (int way = 0; way < 3; way++) {
		bed_setup(NULL);
		serve((weir_server_opts){0});
		memio_client *half = proxied("PROXY TCP4"), *served = proxied(LINE HELLO);
		if (way == 0)
			weir_server_drain(bed.server, 1000);
		else if (way == 1)
			weir_server_free(bed.server);
		bed_sends(half, " 192.0.2.1");
		if (way < 2)
			assert_int_equal(memio_client_closed(half), MEMIO_RESET);
		bed_assert_status(served, 200);
		bed_teardown(NULL);
	}
	bed_setup(NULL);
}

/* ------------------------------------------------------------------------- */

#define T(f) cmocka_unit_test_setup_teardown(f, setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_peer_is_the_one_that_is_named),
		T(octets_behind_the_header_are_the_streams),
		T(it_may_all_be_there_before_it_is_accepted),
		T(it_may_come_octet_by_octet),
		T(the_header_is_not_among_what_is_unread),
		T(binary_headers_are_read_as_well),
		T(who_names_nobody_is_served_as_who_he_is),
		T(a_proxy_may_come_by_a_unix_socket),
		T(who_is_not_trusted_says_nothing_of_others),
		T(malformed_headers_close_at_once),
		T(it_has_to_be_complete_in_time),
		T(then_the_idle_limit_is_the_streams),
		T(who_leaves_before_was_never_there),
		T(closing_the_listener_closes_them),
		T(the_listener_may_be_closed_in_open),
		T(freeing_the_loop_closes_them),
		T(they_count_as_connections),
		T(a_malformed_list_changes_nothing),
		T(it_can_be_switched_off),
		T(nothing_is_made_where_nobody_is_trusted_anyway),
		T(without_memory_nobody_is_taken_for_another),
		T(the_header_comes_before_the_transport),
		T(requests_are_those_of_the_client),
		T(a_header_in_the_place_of_a_request_is_none),
		T(limits_of_a_peer_are_the_clients),
		T(a_server_ends_without_those_who_said_nothing),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
