/*
 * What does a connection cost that waits, and does it stay right though so little is kept? Of
 * a head that has not come whole its octets are kept, of a request that waits for its reply its
 * head, and what was made of a head serves the next one if that repeats it, whoever sends it.
 */
#include "tests/memio/http_bed.h"

#include <stdio.h>
#include <string.h>

#include "http/conn.h"

#define PART "GET / HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\nUser-"
#define REST "Agent: it\r\n\r\n"

/* "PATH HOST X", of each request that came; '-' for what it does not have. */
static char asked[1024];

static void ask(const weir_req *req)
{
	const weir_str path = weir_req_path(req);
	const weir_str host = weir_req_field(req, "Host"), x = weir_req_field(req, "X");
	const size_t len = strlen(asked);

	snprintf(asked + len, sizeof asked - len, "%.*s %.*s %.*s;", (int)path.len, path.data,
	         host.data ? (int)host.len : 1, host.data ? host.data : "-",
	         x.data ? (int)x.len : 1, x.data ? x.data : "-");
}

static void ask_and_reply(weir_req *req, void *arg)
{
	(void)arg;
	ask(req);
	weir_reply(req, 200, NULL, NULL, 0);
}

/* Asks the one that waits, too, if there is one; /wait waits. */
static void ask_both(weir_req *req, void *arg)
{
	if (bed.req)
		ask(bed.req);
	ask(req);
	if (bed_is(weir_req_path(req), "/wait"))
		bed_keep(req, arg);
	else
		weir_reply(req, 200, NULL, NULL, 0);
}

static void ignore(weir_req *req, const weir_access *access, void *arg)
{
	(void)req;
	(void)access;
	(void)arg;
}

static int set_up(void **state)
{
	asked[0] = '\0';
	return bed_setup(state);
}

/* ---- a part of a head --------------------------------------------------- */

static size_t each_of_100(const char *sent)
{
	memio_client_close(bed_client());
	bed_sends(bed_client(), HELLO);

	const size_t before = bed.alloc.live_octets;

	for (int i = 0; i < 100; i++)
		bed_sends(bed_client(), sent);
	return (bed.alloc.live_octets - before) / 100;
}

static void a_part_of_a_head_costs_its_octets_and_little_more(void **state)
{
	const weir_server_opts opts = {.head_ms = 1000000};

	(void)state;
	bed_serve(bed_hello, &opts);
	/* A parser, a field and two lengths beside the octets; rounded. */
	assert_in_range(each_of_100(PART), 0, sizeof(weir_stream) + 64 + 16 + 8 + sizeof PART + 16);
	assert_null(bed.server->reqs);
}

static void a_server_with_a_log_keeps_the_exchange(void **state)
{
	const weir_server_opts opts = {.log = ignore, .head_ms = 1000000};

	(void)state;
	bed_serve(bed_hello, &opts);
	bed_sent(PART);
	assert_non_null(bed.server->reqs);
}

/* Others come and go between any two octets, and their fields with them. */
static void it_is_put_together_right_whatever_comes_between(void **state)
{
	static const char head[] = "GET /a?b HTTP/1.1\r\nHost: one\r\nOther: 1\r\nX: yes\r\n\r\n";
	char octet[2] = "";

	(void)state;
	bed_serve(ask_and_reply, NULL);
	memio_client *c = bed_client();
	for (size_t i = 0; i + 1 < sizeof head; i++) {
		asked[0] = '\0';
		bed_sent("GET /other HTTP/1.1\r\nX: no\r\nHost: two\r\nA: b\r\nC: d\r\n\r\n");
		octet[0] = head[i];
		bed_sends(c, octet);
	}
	assert_string_equal(asked, "/other two no;/a one yes;");
}

static void what_comes_behind_it_in_the_same_read_is_served(void **state)
{
	(void)state;
	bed_serve(ask_and_reply, NULL);
	memio_client *c = bed_sent(PART);
	bed_sends(c, REST "GET /2 HTTP/1.1\r\nHost: b\r\n\r\nGET /3 HTTP/1.1\r\nHo");
	bed_sends(c, "st: c\r\n\r\n");
	assert_string_equal(asked, "/ example.com -;/2 b -;/3 c -;");
	assert_int_equal(bed_count(c, "HTTP/1.1 200 OK"), 3);
}

static void a_body_behind_it_is_read(void **state)
{
	(void)state;
	bed_serve(bed_read, NULL);
	memio_client *c = bed_sent("POST / HTTP/1.1\r\nHost: a\r\nContent-Le");
	bed_sends(c, "ngth: 10\r\n\r\n01234");
	bed_sends(c, "56789");
	assert_int_equal(bed.ends, 1);
}

static void a_fault_in_it_is_refused_however_it_came(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent("GET / HTTP/1.1\r\nHost: a\r\nHo");
	bed_sends(c, "st: b\r\n\r\n");
	bed_assert_status(c, 400);
	c = bed_sent("GET / HTTP/1.1\r\nHost: a\r\nBad na");
	bed_assert_status(c, 400);
}

static void it_has_its_deadline(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent(PART);
	bed_pass(9000);
	bed_sends(c, "A");
	bed_pass(900);
	assert_int_equal(bed_status(c), 0);
	bed_pass(200);
	bed_assert_status(c, 408);
}

static void it_ends_with_its_client(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	bed_exchange(bed_client());

	const size_t blocks = bed.alloc.live_blocks;

	bed_finishes(bed_sent(PART));
	memio_client_close(bed_sent(PART));
	bed_pass(10000);
	assert_in_range(bed.alloc.live_blocks, 0, blocks);
}

static void it_ends_with_its_server(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	bed_sent(PART);
	weir_server_free(bed.server);
	bed_settle();
	/* The teardown finds what is left. */
}

static void it_may_come_whole_while_the_server_drains(void **state)
{
	(void)state;
	bed_serve(ask_and_reply, NULL);
	memio_client *c = bed_sent(PART);
	weir_server_drain(bed.server, 5000);
	bed_settle();
	bed_sends(c, REST);
	assert_string_equal(asked, "/ example.com -;");
	bed_assert_has(c, "Connection: close\r\n");
}

static void play_in_pieces(void *arg)
{
	(void)arg;
	if (bed_try_serve(ask_and_reply, NULL) < 0)
		return;
	memio_client *c = bed_client();
	for (const char *piece = PART REST; *piece; piece += 9) {
		char text[10];
		snprintf(text, sizeof text, "%.9s", piece);
		bed_sends(c, text);
		if (strlen(piece) < 9)
			break;
	}
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	bed_every_allocation_fails(play_in_pieces, NULL);
}

/* ---- a request that waits ----------------------------------------------- */

static void a_request_that_waits_costs_its_head_and_its_exchange(void **state)
{
	static const char head[] = "GET /wait HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n";

	(void)state;
	bed_serve(bed_watch, NULL);
	bed_sent(head);
	const size_t before = bed.alloc.live_octets;
	bed_sent(head);
	assert_int_equal(bed.alloc.live_octets - before,
	                 sizeof(weir_stream) + sizeof(struct weir_req) + sizeof head - 1);
}

static void its_fields_are_found_after_others_were_read(void **state)
{
	(void)state;
	bed_serve(ask_both, NULL);
	memio_client *c = bed_sent("GET /wait HTTP/1.1\r\nHost: w\r\nX: 1\r\n\r\n");
	bed_sent("GET /b HTTP/1.1\r\nB: b\r\nC: c\r\nX: 2\r\nHost: b\r\n\r\n");
	assert_string_equal(asked, "/wait w 1;/wait w 1;/b b 2;");
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_settle();
	bed_assert_status(c, 200);
}

/* ---- the same head once more -------------------------------------------- */

static void a_repeated_head_is_served_like_the_first(void **state)
{
	(void)state;
	bed_serve(ask_and_reply, NULL);
	memio_client *c = bed_sent("GET /a HTTP/1.1\r\nHost: h\r\nX: 1\r\n\r\n"
	                           "GET /a HTTP/1.1\r\nHost: h\r\nX: 1\r\n\r\n"
	                           "GET /a HTTP/1.1\r\nHost: h\r\nX: 2\r\n\r\n"
	                           "GET /a HTTP/1.1\r\nHost: h\r\nX: 2\r\n\r\n"
	                           "GET /b HTTP/1.1\r\nHost: h\r\nX: 2\r\n\r\n");
	assert_string_equal(asked, "/a h 1;/a h 1;/a h 2;/a h 2;/b h 2;");
	assert_int_equal(bed_count(c, "HTTP/1.1 200 OK"), 5);
}

/* A request that waits has its fields read into the same place. */
static void also_when_another_is_asked_meanwhile(void **state)
{
	(void)state;
	bed_serve(ask_both, NULL);
	bed_sent("GET /wait HTTP/1.1\r\nHost: w\r\nX: 0\r\n\r\n");
	asked[0] = '\0';
	bed_sent("GET /a HTTP/1.1\r\nX: 1\r\nHost: h\r\n\r\nGET /a HTTP/1.1\r\nX: 1\r\nHost: "
	         "h\r\n\r\n");
	assert_string_equal(asked, "/wait w 0;/a h 1;/wait w 0;/a h 1;");
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

static void a_repeated_part_waits_for_its_rest(void **state)
{
	(void)state;
	bed_serve(ask_and_reply, NULL);
	memio_client *c = bed_sent(HELLO HELLO "GET / HTTP/1.1\r\nHost: a\r\n");
	assert_int_equal(bed_count(c, "HTTP/1.1 200 OK"), 2);
	bed_sends(c, "X: 1\r\n\r\n");
	assert_string_equal(asked, "/ a -;/ a -;/ a 1;");
}

static void what_ends_a_connection_ends_it_at_once(void **state)
{
	(void)state;
	bed_serve(ask_and_reply, NULL);
	memio_client *c = bed_sent("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	                           "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	assert_int_equal(bed_count(c, "HTTP/1.1 200 OK"), 1);
}

static void reply_at_end(weir_req *req, void *arg)
{
	bed_on_end(req, arg);
	weir_reply(req, 200, NULL, NULL, 0);
}

static void read_and_reply(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {.data = bed_on_data, .end = reply_at_end};

	weir_req_on(req, &ops, arg);
}

static void bodies_of_repeated_heads_are_each_read(void **state)
{
	static const char post[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
	char twice[2 * sizeof post];

	(void)state;
	snprintf(twice, sizeof twice, "%s%s", post, post);
	bed_serve(read_and_reply, NULL);
	bed_sent(twice);
	assert_int_equal(bed.ends, 2);
}

static void who_waits_for_100_gets_it_each_time(void **state)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"
				  "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n";

	(void)state;
	bed_serve(ask_and_reply, NULL);
	assert_int_equal(bed_count(bed_sent(get), "HTTP/1.1 200 OK"), 2);
}

static void also_by_somebody_else(void **state)
{
	(void)state;
	bed_serve(ask_and_reply, NULL);
	memio_client *c = bed_sent(HELLO), *other = bed_sent(HELLO);
	bed_sent("GET /x HTTP/1.1\r\nHost: b\r\n\r\n");
	bed_sends(c, HELLO);
	bed_sends(other, "GET /x HTTP/1.1\r\nHost: b\r\n\r\n");
	assert_string_equal(asked, "/ a -;/ a -;/x b -;/ a -;/x b -;");
}

/* Two that differ in one octet, wherever that is, or in what follows. */
static void one_that_differs_is_read(void **state)
{
	static const char head[] = "GET /a HTTP/1.1\r\nHost: h\r\nX: 1\r\n\r\n";
	char other[sizeof head];

	(void)state;
	bed_serve(ask_and_reply, NULL);
	for (size_t i = 0; i + 1 < sizeof head; i++) {
		bed_exchange(bed_client());
		assert_int_equal(bed_status(bed_sent(head)), 200);
		memcpy(other, head, sizeof head);
		other[i] ^= '\1';
		memio_client *c = bed_sent(other);
		/* The path, the minor version, the host and a blank before it, the last field. */
		const bool good =
			i == 5 || i == 14 || i == 22 || i == 23 || i == 26 || i == 28 || i == 29;
		assert_int_equal(bed_status(c) == 200, good);
	}
}

/* A part of one, and fields that were read again for a request that waits, take its place. */
static void it_is_forgotten_with_its_fields(void **state)
{
	static const char head[] = "GET /a HTTP/1.1\r\nX: 1\r\nHost: h\r\n\r\n";

	(void)state;
	bed_serve(ask_both, NULL);
	bed_sent("GET /wait HTTP/1.1\r\nHost: w\r\nX: 0\r\n\r\n");
	memio_client *c = bed_sent(head);
	asked[0] = '\0';
	bed_sent("GET /part HTTP/1.1\r\nHost: p\r\nX");
	bed_sends(c, head);
	assert_string_equal(asked, "/wait w 0;/a h 1;");
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

static void a_long_one_is_read_each_time(void **state)
{
	char head[600];

	(void)state;
	snprintf(head, sizeof head, "GET /a HTTP/1.1\r\nHost: h\r\nX: %0400d\r\n\r\n", 1);
	bed_serve(ask_and_reply, NULL);
	memio_client *c = bed_sent(head);
	bed_sends(c, head);
	assert_int_equal(bed_count(c, "HTTP/1.1 200 OK"), 2);
	assert_int_equal(bed.server->memo.len, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_part_of_a_head_costs_its_octets_and_little_more),
		T(a_server_with_a_log_keeps_the_exchange),
		T(it_is_put_together_right_whatever_comes_between),
		T(what_comes_behind_it_in_the_same_read_is_served),
		T(a_body_behind_it_is_read),
		T(a_fault_in_it_is_refused_however_it_came),
		T(it_has_its_deadline),
		T(it_ends_with_its_client),
		T(it_ends_with_its_server),
		T(it_may_come_whole_while_the_server_drains),
		T(every_allocation_may_fail),
		T(a_request_that_waits_costs_its_head_and_its_exchange),
		T(its_fields_are_found_after_others_were_read),
		T(a_repeated_head_is_served_like_the_first),
		T(also_when_another_is_asked_meanwhile),
		T(a_repeated_part_waits_for_its_rest),
		T(what_ends_a_connection_ends_it_at_once),
		T(bodies_of_repeated_heads_are_each_read),
		T(who_waits_for_100_gets_it_each_time),
		T(also_by_somebody_else),
		T(one_that_differs_is_read),
		T(it_is_forgotten_with_its_fields),
		T(a_long_one_is_read_each_time),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
