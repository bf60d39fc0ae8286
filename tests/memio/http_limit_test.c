/*
 * Has every limit of a server its reply, and are the others served as before? Each
 * test has a bystander, whose requests are answered at once all the time. Over the
 * kernel in memory: no time passes but what a test lets pass.
 */
#include "tests/memio/http_bed.h"

#include <stdio.h>
#include <string.h>

#include "core/addr.h"
#include "core/stream.h"
#include "http/conn.h"

#define CLOSE "Connection: close\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

static memio_client *bystander;

/* POST: the body is read and dropped, the request kept. /keep: kept. Else: "Hello World". */
static void on_request(weir_req *req, void *arg)
{
	const weir_str path = weir_req_path(req);

	if (weir_req_method(req) == WEIR_POST)
		bed_read(req, arg);
	else if (path.len == 5 && memcmp(path.data, "/keep", 5) == 0)
		bed_watch(req, arg);
	else
		bed_hello(req, arg);
}

static void given(weir_server_opts opts)
{
	bed_serve(on_request, &opts);
	bystander = bed_client();
	bed_exchange(bystander);
}

static void others_are_served(void)
{
	const int before = bed.requests;
	const int64_t now = memio_now();

	bed_exchange(bystander);
	assert_int_equal(memio_now(), now);
	bed.requests = before;
}

/* Time passes, and the bystander is served all the time. */
static void pass(int64_t ms)
{
	for (; ms > 0; ms -= 100) {
		bed_pass(ms < 100 ? ms : 100);
		others_are_served();
	}
}

/* It was answered once, and no later octet is a request; the connection lingers, and ends. */
static void assert_refused(memio_client *c, int status)
{
	bed_assert_status(c, status);
	assert_int_equal(bed_count(c, "HTTP/1.1 "), 1);
	assert_int_equal(bed_count(c, CLOSE), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	others_are_served();
	bed_sends(c, HELLO);
	assert_int_equal(bed_count(c, "HTTP/1.1 "), 1);
	pass(2100);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	assert_int_equal(weir_server_connections(bed.server), 1);
}

static void send_many(memio_client *c, const char *text, int times)
{
	for (int i = 0; i < times; i++)
		memio_client_send_text(c, text);
	bed_settle();
}

/* ---- what a head may cost ----------------------------------------------- */

static void a_target_has_a_length(void **state)
{
	(void)state;
	for (int over = 0; over < 2; over++) {
		bed_setup(NULL);
		given((weir_server_opts){0});
		memio_client *c = bed_sent("GET /");
		send_many(c, "a", 8191 + over);
		bed_sends(c, " HTTP/1.1\r\nHost: a\r\n\r\n");
		if (over)
			assert_refused(c, 414);
		else
			bed_assert_status(c, 200);
		bed_teardown(NULL);
	}
	bed_setup(NULL);
	given((weir_server_opts){.max_target = 3});
	memio_client *c = bed_sent("GET /ab HTTP/1.1\r\nHost: a\r\n\r\n");
	bed_assert_status(c, 200);
	memio_client_forget(c);
	/* As soon as it is too long, not when it ends. */
	bed_sends(c, "GET /abc");
	assert_refused(c, 414);
}

static void a_head_has_a_size(void **state)
{
	static const char begin[] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";

	(void)state;
	for (int over = 0; over < 2; over++) {
		bed_setup(NULL);
		given((weir_server_opts){.max_head = 1000});
		memio_client *c = bed_sent(begin);
		send_many(c, "x", 1000 - (int)(sizeof begin - 1) - 4 + over);
		bed_sends(c, "\r\n\r\n");
		if (over)
			assert_refused(c, 431);
		else
			bed_assert_status(c, 200);
		bed_teardown(NULL);
	}
	/* One without an end is refused where it passes the limit. */
	bed_setup(NULL);
	given((weir_server_opts){0});
	memio_client *c = bed_sent(begin);
	send_many(c, "xxxxxxxxxxxxxxxx", 32 * 64);
	assert_refused(c, 431);
}

static void fields_have_a_number(void **state)
{
	(void)state;
	given((weir_server_opts){0});
	memio_client *c = bed_sent("GET / HTTP/1.1\r\nHost: a\r\n");
	send_many(c, "a: b\r\n", 99);
	bed_sends(c, "\r\n");
	bed_assert_status(c, 200);
	memio_client_forget(c);
	bed_sends(c, "GET / HTTP/1.1\r\nHost: a\r\n");
	send_many(c, "a: b\r\n", 100);
	assert_refused(c, 431);
}

/* ---- what a body may cost ----------------------------------------------- */

static void a_long_body_is_refused_before_it_is_read(void **state)
{
	(void)state;
	given((weir_server_opts){.max_body = 10});
	const int before = bed.requests;
	memio_client *c = bed_sent(POST "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n");
	assert_refused(c, 413);
	assert_int_equal(bed_count(c, "100 Continue"), 0);
	assert_int_equal(bed.requests, before);
	c = bed_sent(POST "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n");
	bed_assert_status(c, 100);
	weir_reply_end(bed.req);
}

static void a_chunked_body_is_refused_where_it_passes_the_limit(void **state)
{
	(void)state;
	given((weir_server_opts){.max_body = 10});
	memio_client *c = bed_sent(POST "Transfer-Encoding: chunked\r\n\r\n8\r\noctets..\r\n");
	assert_string_equal(bed_received(c), "");
	bed_sends(c, "3\r\n");
	assert_int_equal(bed.gones, 1);
	assert_int_equal(bed.why, WEIR_ETOOBIG);
	assert_refused(c, 413);
	assert_int_equal(weir_reply_end(bed.req), WEIR_ECLOSED);
}

/* What has begun cannot become another reply: it breaks off. */
static void a_reply_that_has_begun_breaks_off(void **state)
{
	(void)state;
	given((weir_server_opts){.max_body = 10});
	memio_client *c = bed_sent(POST "Transfer-Encoding: chunked\r\n\r\n8\r\noctets..\r\n");
	weir_reply_begin(bed.req, 200, WEIR_UNKNOWN);
	weir_reply_write(bed.req, "piece", 5);
	bed_sends(c, "3\r\n");
	assert_int_equal(bed_count(c, "HTTP/1.1 "), 1);
	bed_assert_status(c, 200);
	assert_int_equal(bed_count(c, "\r\n0\r\n"), 0);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	assert_int_equal(bed.why, WEIR_ETOOBIG);
	weir_reply_end(bed.req);
	others_are_served();
}

/* ---- who is slow, in all three directions ------------------------------- */

enum { CROWD = 50 };

static memio_client *crowd[CROWD];

static void a_crowd_comes(const char *text)
{
	for (int i = 0; i < CROWD; i++) {
		crowd[i] = bed_client();
		memio_client_send_text(crowd[i], text);
	}
	bed_settle();
}

/* One octet each in each second. */
static void dribble(int seconds, const char *octet)
{
	for (int s = 0; s < seconds; s++) {
		for (int i = 0; i < CROWD; i++)
			memio_client_send_text(crowd[i], octet);
		pass(1000);
	}
}

static void a_head_that_dribbles_is_408(void **state)
{
	(void)state;
	given((weir_server_opts){0});
	a_crowd_comes("GET / HTTP/1.1\r\nX: ");
	dribble(9, "a");
	assert_string_equal(bed_received(crowd[0]), "");
	assert_int_equal(weir_server_connections(bed.server), CROWD + 1);
	dribble(2, "a");
	for (int i = 0; i < CROWD; i++)
		bed_assert_status(crowd[i], 408);
	pass(2100);
	assert_int_equal(weir_server_connections(bed.server), 1);
}

/* pummel/test-http-upload-timeout (Node 0.6) has the other half: who is slow but not too
   slow is never cut off. */
static void a_body_that_dribbles_is_408(void **state)
{
	(void)state;
	given((weir_server_opts){0});
	a_crowd_comes(POST "Content-Length: 1000000\r\n\r\n");
	memio_client *slow = bed_sent(POST "Content-Length: 100000\r\n\r\n");
	weir_req *kept = bed.req;
	for (int s = 0; s < 11; s++) {
		char octets[120] = "";

		memio_client_send(slow, octets, sizeof octets);
		dribble(1, "a");
	}
	assert_int_equal(bed.gones, CROWD);
	assert_int_equal(bed.why, WEIR_ETIMEOUT);
	for (int i = 0; i < CROWD; i++)
		bed_assert_status(crowd[i], 408);
	assert_int_equal(memio_client_closed(slow), MEMIO_OPEN);
	assert_int_equal(weir_reply(kept, 200, NULL, NULL, 0), 0);
	bed_assert_status(slow, 200);
}

static weir_req *crowd_reqs[CROWD];

static void keep_for_crowd(weir_req *req, void *arg)
{
	if (bed.requests <= CROWD) {
		crowd_reqs[bed.requests - 1] = req;
		bed_watch(req, arg);
	} else
		bed_hello(req, arg);
}

static void a_reader_that_dribbles_is_reset(void **state)
{
	static char body[20000];

	(void)state;
	bed_serve(keep_for_crowd, NULL);
	for (int i = 0; i < CROWD; i++) {
		crowd[i] = bed_client();
		memio_client_window(crowd[i], 500);
		bed_sends(crowd[i], HELLO);
	}
	bystander = bed_client();
	for (int i = 0; i < CROWD; i++)
		assert_true(weir_reply(crowd_reqs[i], 200, NULL, body, sizeof body) > 0);
	for (int s = 0; s < 9; s++) {
		for (int i = 0; i < CROWD; i++)
			memio_client_read(crowd[i], 10);
		pass(1000);
	}
	assert_int_equal(memio_client_closed(crowd[0]), MEMIO_OPEN);
	pass(1200);
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(memio_client_closed(crowd[i]), MEMIO_RESET);
	assert_int_equal(weir_server_connections(bed.server), 1);
}

/* ---- who is silent ------------------------------------------------------ */

static void silence_is_not_answered(void **state)
{
	(void)state;
	given((weir_server_opts){.head_ms = 2000, .idle_ms = 5000});
	memio_client *fresh = bed_client(), *kept = bed_client();
	bed_exchange(kept);
	pass(1900);
	assert_int_equal(memio_client_closed(fresh), MEMIO_OPEN);
	pass(200);
	assert_int_equal(memio_client_closed(fresh), MEMIO_CLOSED);
	assert_string_equal(bed_received(fresh), "");
	pass(2800);
	assert_int_equal(memio_client_closed(kept), MEMIO_OPEN);
	pass(200);
	assert_int_equal(memio_client_closed(kept), MEMIO_CLOSED);
	assert_string_equal(bed_received(kept), "");
}

/* ---- how many connections ----------------------------------------------- */

static void connections_beyond_the_limit_wait_for_room(void **state)
{
	(void)state;
	given((weir_server_opts){.max_conns = 3});
	memio_client *busy = bed_client(), *idle = bed_client();
	bed_sends(busy, "GET /keep HTTP/1.1\r\nHost: a\r\n\r\n");
	others_are_served();
	bed_exchange(idle);
	pass(1000);
	/* The bystander is served all the time: it is the other that makes room. */
	memio_client *c = memio_client_connect(NULL);
	memio_client_send_text(c, HELLO);
	pass(200);
	bed_assert_status(c, 200);
	assert_int_equal(memio_client_closed(idle), MEMIO_CLOSED);
	assert_int_equal(memio_client_closed(busy), MEMIO_OPEN);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_assert_status(busy, 200);
}

/* ---- how many connections of one peer ----------------------------------- */

/* All that are counted of all peers. */
static uint32_t counted(const struct weir__peers *peers)
{
	uint32_t sum = 0;

	for (uint32_t n = 1; n < peers->used; n++)
		sum += weir__peer_count(peers, n);
	return sum;
}

static void one_more_is_503_at_once(void **state)
{
	(void)state;
	given((weir_server_opts){.max_per_peer = 2});
	memio_client *a = bed_client_from("10.0.0.1"), *b = bed_client_from("10.0.0.1");
	bed_exchange(a);
	/* It has said nothing yet. */
	memio_client *c = bed_client_from("10.0.0.1");
	assert_string_equal(bed_received(c), "HTTP/1.1 503 Service Unavailable\r\n"
	                                     "Date: Sun, 09 Sep 2001 01:46:40 GMT\r\n"
	                                     "Content-Type: text/plain\r\n"
	                                     "Content-Length: 39\r\n" CLOSE "\r\n"
	                                     "Too many connections from this address\n");
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	assert_int_equal(weir_server_connections(bed.server), 4);
	/* Its request is dropped, so that nothing of the reply is lost to a reset. */
	bed_sends(c, HELLO);
	assert_int_equal(memio_client_unread(c), 0);
	bed_finishes(c);
	/* Others do not notice, neither those of the same peer nor of another. */
	bed_exchange(a);
	bed_exchange(b);
	bed_exchange(bed_client_from("10.0.0.2"));
	others_are_served();
	/* With room, the next is served. */
	memio_client_close(b);
	bed_settle();
	bed_exchange(bed_client_from("10.0.0.1"));
}

static void a_request_that_came_with_it_does_no_harm(void **state)
{
	(void)state;
	given((weir_server_opts){.max_per_peer = 1});
	const int before = bed.requests;
	memio_client *c = memio_client_connect(NULL);
	memio_client_send_text(c, HELLO);
	bed_settle();
	assert_refused(c, 503);
	assert_int_equal(bed.requests, before);
}

static void refusals_are_bounded_too(void **state)
{
	(void)state;
	given((weir_server_opts){.max_per_peer = 2});
	memio_client *all[6];
	for (int i = 0; i < 6; i++)
		all[i] = bed_client_from("10.0.0.1");
	bed_exchange(all[0]);
	bed_exchange(all[1]);
	bed_assert_status(all[2], 503);
	bed_assert_status(all[3], 503);
	for (int i = 4; i < 6; i++) {
		assert_int_equal(memio_client_closed(all[i]), MEMIO_CLOSED);
		assert_string_equal(bed_received(all[i]), "");
	}
	others_are_served();
	/* Those that linger keep nobody out who may be served. */
	memio_client_close(all[0]);
	bed_settle();
	bed_exchange(bed_client_from("10.0.0.1"));
	memio_client *next = bed_client_from("10.0.0.1");
	assert_string_equal(bed_received(next), "");
	pass(2100);
	next = bed_client_from("10.0.0.1");
	bed_assert_status(next, 503);
	pass(2100);
	assert_int_equal(counted(&bed.server->served), 3);
	assert_int_equal(counted(&bed.server->refused), 0);
}

static void a_peer_is_an_ip4_address_or_a_network_of_ip6(void **state)
{
	static const struct {
		const char *one, *other;
		bool same;
	} pairs[] = {
		{"10.0.0.1", "10.0.0.1", true},
		{"10.0.0.1", "10.0.0.2", false},
		{"10.0.0.1", "[::ffff:10.0.0.1]", true},
		{"[::ffff:10.0.0.1]", "[::ffff:10.0.0.2]", false},
		{"[2001:db8::1]", "[2001:db8::ffff:ffff:ffff:ffff]", true},
		{"[2001:db8::1]", "[2001:db8:0:1::1]", false},
		{"[2001:db8:0:1::1]", "[2001:db8:0:2::1]", false},
		{"[::1]", "[::2]", true},
		{"[::1]", "127.0.0.1", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		bed_setup(NULL);
		bed_serve(bed_hello, &(weir_server_opts){.max_per_peer = 1});
		bed_exchange(bed_client_from(pairs[i].one));
		memio_client *c = bed_client_from(pairs[i].other);
		bed_sends(c, HELLO);
		bed_assert_status(c, pairs[i].same ? 503 : 200);
		bed_teardown(NULL);
	}
}

static void unix_sockets_are_not_counted(void **state)
{
	struct weir__where where;

	(void)state;
	given((weir_server_opts){.max_per_peer = 1});
	assert_int_equal(weir_server_listen(bed.server, NULL, "unix:/run/weir"), 0);
	assert_int_equal(weir__addr_parse("unix:/run/weir", &where), 0);
	for (int i = 0; i < 5; i++) {
		memio_client *c = memio_client_connect(&where.addr);

		assert_non_null(c);
		bed_settle();
		bed_exchange(c);
	}
	assert_int_equal(counted(&bed.server->served), 1);
}

/* The ways in which a connection ends. Each leaves room for the next one. */
static void end_by_close(memio_client *c)
{
	memio_client_close(c);
}

static void end_by_reset(memio_client *c)
{
	memio_client_reset(c);
}

static void end_in_a_head(memio_client *c)
{
	bed_sends(c, "GET / HT");
	memio_client_close(c);
}

static void end_by_finish(memio_client *c)
{
	memio_client_finish(c);
}

static void end_by_silence(memio_client *c)
{
	(void)c;
	pass(10100);
}

static void end_by_a_slow_head(memio_client *c)
{
	bed_sends(c, "GET");
	pass(12200);
}

static void end_by_a_refusal(memio_client *c)
{
	bed_sends(c, "\n");
	pass(2100);
}

static void end_by_asking_for_it(memio_client *c)
{
	bed_sends(c, "GET / HTTP/1.0\r\n\r\n");
	memio_client_finish(c);
}

static void end_while_a_request_is_held(memio_client *c)
{
	bed_sends(c, "GET /keep HTTP/1.1\r\nHost: a\r\n\r\n");
	memio_client_reset(c);
	bed_settle();
	assert_int_equal(weir_reply_end(bed.req), WEIR_ECLOSED);
}

static void end_by_reading_nothing(memio_client *c)
{
	static char body[1000];

	memio_client_window(c, 10);
	bed_sends(c, "GET /keep HTTP/1.1\r\nHost: a\r\n\r\n");
	weir_reply(bed.req, 200, NULL, body, sizeof body);
	pass(10200);
}

static void end_out_of_memory(memio_client *c)
{
	bed.alloc.fail_at = bed.alloc.calls + 1;
	bed.alloc.fail_after = true;
	bed_sends(c, "GET / HTTP/1.1\r\nHost: a\r\nX: y");
	memio_client_reset(c);
	bed_settle();
	bed.alloc.fail_at = 0;
	bed.alloc.fail_after = false;
}

static void each_end_leaves_room(void **state)
{
	static void (*const ends[])(memio_client *) = {
		end_by_close,           end_by_reset,
		end_in_a_head,          end_by_finish,
		end_by_silence,         end_by_a_slow_head,
		end_by_a_refusal,       end_by_asking_for_it,
		end_by_reading_nothing, end_while_a_request_is_held,
		end_out_of_memory,
	};

	(void)state;
	given((weir_server_opts){.max_per_peer = 1});
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		ends[i](bed_client_from("10.0.0.1"));
		bed_settle();
		assert_int_equal(counted(&bed.server->served), 1);
		memio_client *c = bed_client_from("10.0.0.1");
		bed_exchange(c);
		assert_int_equal(counted(&bed.server->served), 2);
		memio_client_close(c);
		bed_settle();
	}
	assert_int_equal(counted(&bed.server->refused), 0);
}

/* The only connection of the server. */
static weir_stream *only_stream(void)
{
	for (int32_t fd = 0; fd < bed.loop->nslots; fd++) {
		weir_stream *stream = weir__stream_at(bed.loop, fd);

		if (stream && stream->ops == &weir__http_ops)
			return stream;
	}
	fail();
	return NULL;
}

/* It is HTTP's no more, but still a connection of that peer. */
static void one_that_is_given_away_is_counted_until_it_is_closed(void **state)
{
	static const weir_stream_ops ops;
	weir_stream *streams[2];

	(void)state;
	bed_serve(bed_hello, &(weir_server_opts){.max_per_peer = 1});
	for (int i = 0; i < 2; i++) {
		bed_exchange(bed_client_from("10.0.0.1"));
		streams[i] = only_stream();
		weir_stream_on(streams[i], &ops, NULL);
		weir__conn_left(streams[i]);
		assert_int_equal(bed.server->conns, 0);
		memio_client *c = bed_client_from("10.0.0.1");
		bed_assert_status(c, 503);
		memio_client_close(c);
		bed_settle();
		if (i == 0)
			weir_close(streams[i]);
		assert_int_equal(counted(&bed.server->served), i);
	}
	/* It may outlive the server. */
	weir_server_free(bed.server);
	weir_close(streams[1]);
}

/* A crowd of peers, most of them several times: all that is counted is given back. */
static void many_peers_are_counted_apart(void **state)
{
	static memio_client *all[300];
	char address[32];

	(void)state;
	bed_serve(bed_hello, &(weir_server_opts){.max_per_peer = 2});
	for (int i = 0; i < 300; i++) {
		snprintf(address, sizeof address, "10.0.%d.1", i % 100);
		all[i] = bed_client_from(address);
		if (i >= 200)
			bed_assert_status(all[i], 503);
		else
			bed_exchange(all[i]);
	}
	assert_int_equal(counted(&bed.server->served), 200);
	assert_int_equal(counted(&bed.server->refused), 100);
	for (int i = 0; i < 300; i++)
		memio_client_reset(all[i]);
	bed_settle();
	assert_int_equal(counted(&bed.server->served), 0);
	assert_int_equal(counted(&bed.server->refused), 0);
	assert_int_equal(weir_server_connections(bed.server), 0);
}

static void counting_allocates_nothing_for_a_connection(void **state)
{
	(void)state;
	given((weir_server_opts){.max_per_peer = 100});
	bed_exchange(bed_client());
	const size_t octets = bed.alloc.live_octets, blocks = bed.alloc.live_blocks;
	bed_exchange(bed_client());
	assert_int_equal(bed.alloc.live_blocks, blocks + 1);
	assert_int_equal(bed.alloc.live_octets, octets + sizeof(weir_stream));
	bed_teardown(NULL);
	/* Without the limit there is not even a table. */
	bed_setup(NULL);
	given((weir_server_opts){.max_per_peer = WEIR_OFF});
	for (int i = 0; i < 20; i++)
		bed_exchange(bed_client());
	assert_int_equal(bed.server->served.cap, 0);
}

/* A server without memory serves whom it cannot count, and refuses nobody for that. */
static void without_memory_it_is_served_uncounted(void **state)
{
	int uncounted = 0;
	bool refused = true;

	(void)state;
	for (size_t nth = 1; refused && nth < 100; nth++) {
		memio_client *all[3] = {NULL};

		bed_setup(NULL);
		bed_serve(bed_hello, &(weir_server_opts){.max_per_peer = 1});
		bed.alloc.fail_at = bed.alloc.calls + nth;
		for (int i = 0; i < 3; i++) {
			all[i] = memio_client_connect(NULL);
			memio_client_send_text(all[i], HELLO);
			for (int k = 0; k < 5; k++)
				assert_true(weir_loop_step(bed.loop, 100) >= 0);
			/* Who is not counted does not linger, either. */
			if (i == 1 && bed_status(all[1]) == 503)
				assert_int_equal(counted(&bed.server->refused), 1);
		}
		const int first = bed_status(all[0]), second = bed_status(all[1]);
		assert_true(first == 200 || first == 0);
		uncounted += first == 200 && second == 200;
		refused = bed.alloc.refused > 0;
		if (!refused) {
			assert_int_equal(second, 503);
			assert_int_equal(bed_status(all[2]), 0);
		}
		bed_teardown(NULL);
	}
	assert_false(refused);
	assert_true(uncounted > 0);
}

/* ---- how many requests of a connection ---------------------------------- */

static void the_last_request_of_a_connection_is_told(void **state)
{
	(void)state;
	given((weir_server_opts){.max_requests = 100});
	memio_client *c = bed_client();
	for (int i = 1; i <= 99; i++) {
		bed_sends(c, HELLO);
		assert_int_equal(bed_count(c, CLOSE), 0);
	}
	bed_sends(c, HELLO HELLO);
	assert_int_equal(bed_count(c, "Hello World\n"), 100);
	assert_int_equal(bed_count(c, CLOSE), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

/* ---- pipelining --------------------------------------------------------- */

static memio_client *pipeliner;

static void pipelines(int requests, const char *field)
{
	for (int i = 0; i < requests; i++) {
		char text[500];

		snprintf(text, sizeof text, "GET /%d HTTP/1.1\r\nHost: a\r\n%s\r\n", i, field);
		memio_client_send_text(pipeliner, text);
	}
}

static void assert_answered_in_order(int requests)
{
	const char *at = bed_received(pipeliner);

	for (int i = 0; i < requests; i++) {
		char text[32];

		snprintf(text, sizeof text, "\r\n\r\n/%d%s", i, i + 1 < requests ? "HTTP" : "");
		at = strstr(at, text);
		if (!at)
			fail_msg("no reply number %d", i);
	}
	assert_int_equal(bed_count(pipeliner, "HTTP/1.1 200"), requests);
}

/* Turns until all are answered; others may not wait for more than `most` of them. */
static void turn_fairly(int requests, int most)
{
	while (bed.requests < requests) {
		const int before = bed.requests;

		memio_count_again();
		memio_client_forget(bystander);
		memio_client_send_text(bystander, HELLO);
		assert_true(weir_loop_step(bed.loop, 0) >= 0);
		/* The bystander's are among them. */
		const bool other = *bed_received(bystander) != '\0';
		const int answered = bed.requests - before - other;
		assert_in_range(answered, 0, most);
		assert_true(other);
		bed.requests -= other;
		/* What is answered in one go leaves in one write. */
		assert_int_equal(memio_count(MEMIO_WRITE), (answered > 0) + other);
	}
}

static void a_pipeline_gives_others_their_turn(void **state)
{
	static const struct {
		int32_t option;
		int most;
		const char *field;
	} cases[] = {
		{0, 64, ""},
		{1, 1, ""},
		{8, 8, ""},
		/* Few requests fill a read, so that it is followed by others. */
		{0, 64,
	         "X: 0123456789012345678901234567890123456789012345678901234567890123456789"
	         "0123456789012345678901234567890123456789012345678901234567890123456789"
	         "0123456789012345678901234567890123456789012345678901234567890123456789"
	         "0123456789012345678901234567890123456789012345678901234567890123456789"
	         "\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bed_setup(NULL);
		bed_serve(bed_target, &(weir_server_opts){.max_pipelined = cases[i].option});
		bystander = bed_client();
		pipeliner = bed_client();
		pipelines(1000, cases[i].field);
		turn_fairly(1000, cases[i].most);
		assert_answered_in_order(1000);
		assert_int_equal(memio_client_closed(pipeliner), MEMIO_OPEN);
		/* Nothing is kept of it. */
		assert_null(bed.server->reqs);
		bed_exchange(pipeliner);
		bed_teardown(NULL);
	}
}

static void without_the_bound_one_read_is_one_go(void **state)
{
	(void)state;
	bed_serve(bed_target, &(weir_server_opts){.max_pipelined = WEIR_OFF});
	pipeliner = bed_client();
	pipelines(300, "");
	memio_count_again();
	weir_loop_step(bed.loop, 0);
	assert_int_equal(bed.requests, 300);
	assert_int_equal(memio_count(MEMIO_READ), 1);
	assert_answered_in_order(300);
}

static void a_pipeline_that_was_finished_is_answered_whole(void **state)
{
	(void)state;
	bed_serve(bed_target, &(weir_server_opts){.max_pipelined = 3});
	pipeliner = bed_client();
	pipelines(100, "");
	memio_client_finish(pipeliner);
	for (int i = 0; i < 50; i++)
		weir_loop_step(bed.loop, 0);
	assert_answered_in_order(100);
	assert_int_equal(memio_client_closed(pipeliner), MEMIO_CLOSED);
}

static int offers;

static size_t take_four(weir_req *req, const char *data, size_t len, void *arg)
{
	(void)req;
	(void)data;
	(void)arg;
	offers++;
	return len < 4 ? len : 4;
}

static void read_four(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {.data = take_four};

	bed_watch(req, arg);
	weir_req_on(req, &ops, arg);
}

/* Others have their turn between requests; a body is the application's affair. */
static void content_that_was_left_is_not_offered_by_itself(void **state)
{
	(void)state;
	bed_serve(read_four, &(weir_server_opts){.max_pipelined = 1});
	memio_client *c = bed_client();
	offers = 0;
	bed_sends(c, POST "Content-Length: 1000\r\n");
	/* With the end of its head. */
	bed_sends(c, "\r\noctets");
	assert_int_equal(offers, 1);
	bed_sends(c, "octets");
	assert_int_equal(offers, 2);
	weir_reply_end(bed.req);
}

static void behind_an_asynchronous_reply_one_chunk_waits(void **state)
{
	(void)state;
	/* As one read, or with its beginning by itself. */
	for (int apart = 0; apart < 2; apart++) {
		bed_setup(NULL);
		bed_serve(on_request, &(weir_server_opts){.max_pipelined = 1000});
		memio_client *c = bed_client();
		bed_exchange(c);
		const size_t before = bed.alloc.live_octets;
		memio_client_send_text(c, "GET /keep HTTP/1.1\r\nHost: a\r\n\r\n");
		if (apart)
			bed_settle();
		for (int i = 0; i < 4000; i++)
			memio_client_send_text(c, HELLO);
		const size_t sent = 4000 * (sizeof HELLO - 1);
		bed_pass(60000);
		assert_int_equal(bed.requests, 2);
		assert_true(memio_client_unread(c) >= sent - WEIR__CHUNK);
		assert_in_range(bed.alloc.live_octets - before, 0, WEIR__CHUNK + 1000);
		weir_reply(bed.req, 200, NULL, "late", 4);
		for (int i = 0; i < 100; i++)
			weir_loop_step(bed.loop, 0);
		assert_int_equal(bed.requests, 4002);
		assert_int_equal(bed_count(c, "Hello World\n"), 4000);
		bed_teardown(NULL);
	}
}

/* ---- how much is queued ------------------------------------------------- */

static void a_queue_has_an_end(void **state)
{
	static char piece[1000];

	(void)state;
	memset(piece, 'x', sizeof piece);
	given((weir_server_opts){.max_queue = 5000});
	memio_client *c = bed_client();
	memio_client_window(c, 0);
	bed_sends(c, "GET /keep HTTP/1.1\r\nHost: a\r\n\r\n");
	weir_reply_begin(bed.req, 200, WEIR_UNKNOWN);
	int64_t queued = 0;
	int pieces = 0;
	for (; queued >= 0 && pieces < 100; pieces++)
		queued = weir_reply_write(bed.req, piece, sizeof piece);
	assert_int_equal(queued, WEIR_EFULL);
	assert_in_range(pieces, 4, 6);
	others_are_served();
	/* Nothing was taken of what was refused, and the rest arrives. */
	memio_client_window(c, SIZE_MAX);
	bed_settle();
	assert_int_equal(weir_reply_end(bed.req), 0);
	assert_int_equal(bed_count(c, "3e8\r\n"), pieces - 1);
}

/* A stray CRLF is no request: whoever sends one after a body waits for nothing. */
static void empty_lines_alone_are_closed_without_a_reply(void **state)
{
	(void)state;
	bed_serve(bed_hello, NULL);
	memio_client *c = bed_sent(HELLO);
	size_t before = strlen(bed_received(c));
	bed_sends(c, "\r\n");
	bed_pass(9900);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_pass(200);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	assert_int_equal(strlen(bed_received(c)), before);
}

/* ---- peers are remembered for as long as they are asked for -------------- */

static void a_peer_that_has_left_is_forgotten_with_its_request(void **state)
{
	size_t before = 0;

	(void)state;
	given((weir_server_opts){0});
	for (int i = 1; i < 60; i++) {
		char address[32];

		snprintf(address, sizeof address, "10.1.0.%d", i);
		memio_client *c = bed_client_from(address);
		bed_sends(c, "GET /keep HTTP/1.1\r\nHost: a\r\n\r\n");
		memio_client_reset(c);
		bed_settle();
		weir_reply_end(bed.req);
		bed_settle();
		if (i == 10)
			before = bed.alloc.live_octets;
	}
	assert_int_equal(bed.alloc.live_octets, before);
}

/* One of its connections leaves with a request in hand; the other is still its own. */
static void a_peer_is_known_by_its_other_connection(void **state)
{
	char text[80];

	(void)state;
	given((weir_server_opts){0});
	memio_client *one = bed_client_from("10.2.0.1"), *two = bed_client_from("10.2.0.1");
	bed_sends(one, "GET /keep HTTP/1.1\r\nHost: a\r\n\r\n");
	memio_client_reset(one);
	bed_settle();
	weir_reply_end(bed.req);
	memio_client *other = bed_client_from("10.2.0.9");
	bed_exchange(other);
	bed_sends(two, "GET /keep HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(weir_req_peer(bed.req, text, sizeof text) > 0);
	assert_int_equal(strncmp(text, "10.2.0.1:", 9), 0);
	weir_reply(bed.req, 200, NULL, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(empty_lines_alone_are_closed_without_a_reply),
		HTTP_TEST(a_target_has_a_length),
		HTTP_TEST(a_head_has_a_size),
		HTTP_TEST(fields_have_a_number),
		HTTP_TEST(a_long_body_is_refused_before_it_is_read),
		HTTP_TEST(a_chunked_body_is_refused_where_it_passes_the_limit),
		HTTP_TEST(a_reply_that_has_begun_breaks_off),
		HTTP_TEST(a_head_that_dribbles_is_408),
		HTTP_TEST(a_body_that_dribbles_is_408),
		HTTP_TEST(a_reader_that_dribbles_is_reset),
		HTTP_TEST(silence_is_not_answered),
		HTTP_TEST(connections_beyond_the_limit_wait_for_room),
		HTTP_TEST(one_more_is_503_at_once),
		HTTP_TEST(a_request_that_came_with_it_does_no_harm),
		HTTP_TEST(refusals_are_bounded_too),
		HTTP_TEST(a_peer_is_an_ip4_address_or_a_network_of_ip6),
		HTTP_TEST(unix_sockets_are_not_counted),
		HTTP_TEST(each_end_leaves_room),
		HTTP_TEST(one_that_is_given_away_is_counted_until_it_is_closed),
		HTTP_TEST(many_peers_are_counted_apart),
		HTTP_TEST(counting_allocates_nothing_for_a_connection),
		HTTP_TEST(without_memory_it_is_served_uncounted),
		HTTP_TEST(the_last_request_of_a_connection_is_told),
		HTTP_TEST(a_pipeline_gives_others_their_turn),
		HTTP_TEST(without_the_bound_one_read_is_one_go),
		HTTP_TEST(a_pipeline_that_was_finished_is_answered_whole),
		HTTP_TEST(content_that_was_left_is_not_offered_by_itself),
		HTTP_TEST(behind_an_asynchronous_reply_one_chunk_waits),
		HTTP_TEST(a_queue_has_an_end),
		HTTP_TEST(a_peer_that_has_left_is_forgotten_with_its_request),
		HTTP_TEST(a_peer_is_known_by_its_other_connection),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
