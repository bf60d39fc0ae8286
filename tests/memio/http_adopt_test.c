/*
 * Is a connection that somebody else has accepted served as one of the server's own?
 * Over the kernel in memory: the other one is the test, which accepts on port 81.
 */
#include "tests/memio/http_bed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/addr.h"
#include "core/stream.h"
#include "http/conn.h"

/* ---- who has accepted it ------------------------------------------------- */

static const struct weir__addr door = {.kind = WEIR__ADDR_IP4, .port = 81, .u.ip = {127, 0, 0, 1}};
static int door_fd;
static int drained;

static void on_drained(weir_server *server, void *arg)
{
	(void)server;
	(void)arg;
	drained++;
}

static void given(weir_handler *handler, weir_server_opts opts)
{
	static const struct weir__listen_how how;

	drained = 0;
	opts.drained = on_drained;
	bed_serve(handler, &opts);
	door_fd = weir__sys_listen(&door, &how);
	assert_true(door_fd >= 0);
}

static int teardown(void **state)
{
	weir__sys_close(door_fd);
	return bed_teardown(state);
}

/* A connection from that address, of which nobody knows yet. */
static int accept_from(const char *host, memio_client **c)
{
	struct weir__addr from = {.kind = WEIR__ADDR_IP4, .port = 4711};

	if (host)
		assert_true(weir__ip4_parse(host, strlen(host), from.u.ip));
	*c = host ? memio_client_connect_from(&door, &from) : memio_client_connect(&door);
	assert_non_null(*c);
	return weir__sys_accept(door_fd, NULL);
}

/* Handed to the server, which has not had a turn since. */
static memio_client *handed(const char *host)
{
	memio_client *c;
	const int fd = accept_from(host, &c);

	assert_int_equal(weir_server_adopt(bed.server, fd), 0);
	return c;
}

static memio_client *adopted(const char *host)
{
	memio_client *c = handed(host);

	bed_settle();
	return c;
}

/* ---- as the others ------------------------------------------------------- */

static void it_is_served(void **state)
{
	(void)state;
	given(bed_hello, (weir_server_opts){0});
	memio_client *c = adopted(NULL);
	bed_exchange(c);
	bed_exchange(c);
	assert_int_equal(weir_server_connections(bed.server), 1);
	bed_finishes(c);
	assert_int_equal(weir_server_connections(bed.server), 0);
}

static void say_peer(weir_req *req, void *arg)
{
	char text[64];
	const int len = weir_req_peer(req, text, sizeof text);

	(void)arg;
	weir_reply(req, 200, NULL, text, (size_t)len);
}

static void its_peer_is_known(void **state)
{
	(void)state;
	given(say_peer, (weir_server_opts){0});
	memio_client *c = adopted("192.0.2.1");
	bed_sends(c, HELLO);
	bed_assert_has(c, "\r\n\r\n192.0.2.1:4711");
}

/* What has come before is there: inetd starts a program for it. */
static void what_it_has_sent_already_is_read(void **state)
{
	memio_client *c;

	(void)state;
	given(bed_hello, (weir_server_opts){0});
	const int fd = accept_from(NULL, &c);
	memio_client_send_text(c, HELLO);
	memio_client_finish(c);
	assert_int_equal(weir_server_adopt(bed.server, fd), 0);
	assert_int_equal(bed.requests, 0);
	bed_settle();
	bed_assert_status(c, 200);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

/* ---- limits -------------------------------------------------------------- */

static void its_head_has_to_come_in_time(void **state)
{
	(void)state;
	given(bed_hello, (weir_server_opts){.head_ms = 1000});
	memio_client *silent = adopted(NULL), *slow = adopted(NULL);
	bed_sends(slow, "GET / ");
	bed_pass(1100);
	assert_int_equal(memio_client_closed(silent), MEMIO_CLOSED);
	assert_string_equal(bed_received(silent), "");
	bed_assert_status(slow, 408);
}

static void it_counts_among_those_of_its_peer(void **state)
{
	(void)state;
	given(bed_hello, (weir_server_opts){.max_per_peer = 1});
	memio_client *c = adopted("192.0.2.1"), *second = adopted("192.0.2.1");
	bed_assert_status(second, 503);
	bed_finishes(second);
	bed_assert_status(bed_client_from("192.0.2.1"), 503);
	bed_exchange(c);
	bed_finishes(c);
	bed_exchange(bed_client_from("192.0.2.1"));
}

/* It counts for the loop as well, and for as long as it is there. */
static void it_counts_among_all(void **state)
{
	memio_client *late;

	(void)state;
	given(bed_hello, (weir_server_opts){.max_conns = 2});
	memio_client *idle = bed_client(), *busy = adopted(NULL);
	bed_exchange(idle);
	memio_client *third = adopted(NULL);
	assert_int_equal(memio_client_closed(idle), MEMIO_CLOSED);
	assert_int_equal(bed.loop->conns, 2);
	/* Neither has asked for anything yet: there is no room. */
	const int fd = accept_from(NULL, &late);
	assert_int_equal(weir_server_adopt(bed.server, fd), -EMFILE);
	bed_exchange(third);
	assert_int_equal(weir_server_adopt(bed.server, fd), 0);
	bed_settle();
	assert_int_equal(memio_client_closed(third), MEMIO_CLOSED);
	bed_exchange(busy);
	bed_exchange(late);
	bed_finishes(busy);
	bed_finishes(late);
	assert_int_equal(bed.loop->conns, 0);
}

/* ---- what cannot be served ----------------------------------------------- */

static void what_is_none_stays_the_callers(void **state)
{
	int fds[2];

	(void)state;
	given(bed_hello, (weir_server_opts){0});
	assert_int_equal(weir__sys_pipe(fds), 0);
	assert_int_equal(weir_server_adopt(bed.server, fds[0]), -ENOTSOCK);
	weir__sys_close(fds[0]);
	weir__sys_close(fds[1]);
	assert_int_equal(weir_server_adopt(bed.server, door_fd), -ENOTCONN);
}

static void one_is_adopted_once(void **state)
{
	memio_client *c;

	(void)state;
	given(bed_hello, (weir_server_opts){.max_conns = 1});
	const int fd = accept_from(NULL, &c);
	assert_int_equal(weir_server_adopt(bed.server, fd), 0);
	bed_settle();
	bed_exchange(c);
	assert_int_equal(weir_server_adopt(bed.server, fd), -EBUSY);
	bed_exchange(c);
}

static void one_beyond_the_pollers_limit_stays_ours(void **state)
{
	memio_client *c;

	(void)state;
	given(bed_hello, (weir_server_opts){0});
	const int fd = accept_from(NULL, &c);
	memio_poller_limit(fd);
	assert_int_equal(weir_server_adopt(bed.server, fd), -EMFILE);
	memio_poller_limit(fd + 1);
	assert_int_equal(weir_server_adopt(bed.server, fd), 0);
	bed_settle();
	bed_exchange(c);
}

static void play_short_of_memory(void *arg)
{
	static const struct weir__listen_how how;
	memio_client *c;

	(void)arg;
	door_fd = weir__sys_listen(&door, &how);
	if (bed_try_serve(bed_hello, NULL) == 0) {
		const int fd = accept_from(NULL, &c);
		const int result = weir_server_adopt(bed.server, fd);

		assert_true(result == 0 || result == -ENOMEM);
		if (result < 0)
			weir__sys_close(fd);
		for (int i = 0; i < 12; i++)
			weir_loop_step(bed.loop, 0);
	}
	weir__sys_close(door_fd);
}

static void without_memory_it_stays_the_callers(void **state)
{
	(void)state;
	bed_every_allocation_fails(play_short_of_memory, NULL);
	bed_setup(NULL);
	given(bed_hello, (weir_server_opts){0});
}

/* ---- the end ------------------------------------------------------------- */

static void a_server_that_is_drained_takes_none(void **state)
{
	memio_client *c;

	(void)state;
	given(bed_hello, (weir_server_opts){0});
	const int fd = accept_from(NULL, &c);
	weir_server_drain(bed.server, WEIR_OFF);
	assert_int_equal(weir_server_adopt(bed.server, fd), WEIR_ESTATE);
	weir__sys_close(fd);
}

/* From the call on it is one of those that a drain waits for. */
static void one_that_has_just_come_is_drained_as_the_others(void **state)
{
	(void)state;
	given(bed_hello, (weir_server_opts){0});
	memio_client *c = handed(NULL);
	weir_server_drain(bed.server, WEIR_OFF);
	bed_settle();
	assert_int_equal(drained, 0);
	bed_sends(c, HELLO);
	bed_assert_has(c, "Connection: close\r\n");
	bed_finishes(c);
	assert_int_equal(drained, 1);
}

static void or_is_closed_at_once(void **state)
{
	(void)state;
	given(bed_hello, (weir_server_opts){.drain_idle_ms = WEIR_OFF});
	memio_client *c = handed(NULL);
	weir_server_drain(bed.server, WEIR_OFF);
	bed_settle();
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	assert_int_equal(drained, 1);
}

static void a_server_may_be_freed_right_behind(void **state)
{
	(void)state;
	given(bed_hello, (weir_server_opts){.max_per_peer = 1});
	memio_client *c = handed(NULL);
	weir_server_free(bed.server);
	bed_settle();
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

static void and_so_may_the_loop(void **state)
{
	(void)state;
	given(bed_hello, (weir_server_opts){0});
	handed(NULL);
}

/* ------------------------------------------------------------------------- */

#define T(f) cmocka_unit_test_setup_teardown(f, bed_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_is_served),
		T(its_peer_is_known),
		T(what_it_has_sent_already_is_read),
		T(its_head_has_to_come_in_time),
		T(it_counts_among_those_of_its_peer),
		T(it_counts_among_all),
		T(what_is_none_stays_the_callers),
		T(one_is_adopted_once),
		T(one_beyond_the_pollers_limit_stays_ours),
		T(without_memory_it_stays_the_callers),
		T(a_server_that_is_drained_takes_none),
		T(one_that_has_just_come_is_drained_as_the_others),
		T(or_is_closed_at_once),
		T(a_server_may_be_freed_right_behind),
		T(and_so_may_the_loop),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
