/*
 * Does a connection leave HTTP as it should, by an upgrade or as a tunnel? Over the
 * kernel in memory. Names in comments are those of Node's own tests of 2011 (v0.6).
 */
#include "tests/memio/http_bed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/stream.h"
#include "http/conn.h"

#define OFFER "Connection: upgrade\r\nUpgrade: lines\r\n"
#define UPGRADE "GET /up HTTP/1.1\r\nHost: a\r\n" OFFER "\r\n"
#define SWITCHED                                                                                   \
	"HTTP/1.1 101 Switching Protocols\r\n" BED_DATE                                            \
	"Upgrade: lines\r\nConnection: upgrade\r\n\r\n"
#define NEXT "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
#define NEXT_REPLY "HTTP/1.1 200 OK\r\n" BED_DATE "Content-Length: 6\r\n\r\n/hello"
#define CONNECT "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n"
#define TUNNELLED "HTTP/1.1 200 OK\r\n" BED_DATE "\r\n"
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

/* ---- the application ---------------------------------------------------- */

static struct app {
	const char *protocol;
	const weir_stream_ops *role; /* what the connection becomes */
	weir_stream *stream;         /* what it became */
	int result;                  /* what weir_reply_switch said last */
	int ends, drains, idles, gones, why;
	char came[400000]; /* what the stream was given, and then "<end>" */
	size_t len;
	size_t most; /* data uses at most so much of an offer */
	weir_timer timer;
} app;

static const weir_stream_ops watch;

static size_t on_data(weir_stream *stream, const char *data, size_t len, void *arg)
{
	const size_t used = len < app.most ? len : app.most;

	assert_ptr_equal(arg, &app);
	assert_true(app.stream == NULL || app.stream == stream);
	bed_enter();
	assert_true(app.len + used < sizeof app.came);
	memcpy(app.came + app.len, data, used);
	app.len += used;
	bed_leave();
	return used;
}

static void on_end(weir_stream *stream, void *arg)
{
	(void)stream;
	assert_ptr_equal(arg, &app);
	bed_enter();
	app.ends++;
	app.len += (size_t)sprintf(app.came + app.len, "<end>");
	bed_leave();
}

static void on_drain(weir_stream *stream, void *arg)
{
	(void)stream;
	(void)arg;
	app.drains++;
}

static void on_idle(weir_stream *stream, void *arg)
{
	(void)stream;
	(void)arg;
	app.idles++;
}

static void on_gone(weir_stream *stream, int why, void *arg)
{
	(void)stream;
	assert_ptr_equal(arg, &app);
	bed_enter();
	app.gones++;
	app.why = why;
	app.stream = NULL;
	bed_leave();
}

static void on_open(weir_stream *stream, void *arg)
{
	(void)stream;
	(void)arg;
	fail_msg("open is not called");
}

static const weir_stream_ops watch = {on_open, on_data, on_end, on_drain, on_idle, on_gone};

/* Accepts whatever app.protocol says; nothing of the stream is called meanwhile. */
static void accept_it(weir_req *req)
{
	const size_t len = app.len;
	const int gones = app.gones;

	app.result = weir_reply_switch(req, app.protocol, app.role, &app, &app.stream);
	assert_int_equal(app.len, len);
	assert_int_equal(app.gones, gones);
}

static void say_path(weir_req *req)
{
	const weir_str path = weir_req_path(req);

	weir_reply(req, 200, NULL, path.data, path.len);
}

/* Accepts what it can, and says of others what they asked for. */
static void accept_or_say(weir_req *req, void *arg)
{
	(void)arg;
	accept_it(req);
	if (app.result < 0)
		say_path(req);
}

static void only_say(weir_req *req, void *arg)
{
	(void)arg;
	say_path(req);
}

static void accept_at_end(weir_req *req, void *arg)
{
	(void)arg;
	bed_enter();
	accept_it(req);
	if (app.result < 0)
		say_path(req);
	bed_leave();
}

static const weir_req_ops accept_behind_body = {
	.data = bed_on_data, .end = accept_at_end, .gone = bed_on_gone_end};

static void read_then_accept(weir_req *req, void *arg)
{
	weir_req_on(req, &accept_behind_body, arg);
}

static void time_has_come(weir_timer *timer, void *arg)
{
	(void)timer;
	(void)arg;
	accept_it(bed.req);
	bed.req = NULL;
}

static void accept_in_a_while(weir_req *req, void *arg)
{
	bed_watch(req, arg);
	weir_timer_init(&app.timer, time_has_come, NULL);
	weir_timer_start(weir_req_loop(req), &app.timer, 500, 0);
}

static int set_up(void **state)
{
	memset(&app, 0, sizeof app);
	app.protocol = "lines";
	app.role = &watch;
	app.most = SIZE_MAX;
	return bed_setup(state);
}

static weir_server_opts options(void)
{
	return (weir_server_opts){
		.arg = &app,
		.methods = WEIR_METHOD_BIT(WEIR_GET) | WEIR_METHOD_BIT(WEIR_POST) |
	                   WEIR_METHOD_BIT(WEIR_CONNECT),
	};
}

static void given(weir_handler *handler)
{
	const weir_server_opts opts = options();

	bed_serve(handler, &opts);
}

static const char *came(void)
{
	app.came[app.len] = '\0';
	return app.came;
}

/* An upgraded connection. */
static memio_client *upgraded(void)
{
	memio_client *c = bed_sent(UPGRADE);
	assert_int_equal(app.result, 0);
	assert_non_null(app.stream);
	memio_client_forget(c);
	return c;
}

/* ---- upgrades ----------------------------------------------------------- */

/*
 * test-http-upgrade-server (1), test-http-upgrade-server2: the handler gets the request,
 * then the connection and the octets that were read behind the head.
 */
static void an_upgrade_gives_the_connection_away(void **state)
{
	(void)state;
	given(accept_or_say);
	memio_client *c = bed_sent(UPGRADE "first\n");
	assert_int_equal(app.result, 0);
	assert_string_equal(bed_received(c), SWITCHED);
	assert_string_equal(came(), "first\n");

	bed_sends(c, NEXT);
	assert_string_equal(came(), "first\n" NEXT);
	assert_int_equal(bed.requests, 1);
	memio_client_forget(c);
	assert_int_equal(weir_write(app.stream, "answer\n", 7), 0);
	assert_string_equal(bed_received(c), "answer\n");
	assert_ptr_equal(weir_stream_arg(app.stream), &app);

	weir_finish(app.stream);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	bed_finishes(c);
	assert_int_equal(app.gones, 1);
	assert_int_equal(app.why, 0);
}

/*
 * test-http-upgrade-server (2) has the connection closed when nobody wants the upgrade.
 * RFC 9110 7.8 has it ignored: the reply is an ordinary one, and what follows is the
 * next request (3).
 */
static void an_upgrade_that_nobody_wants_is_ignored(void **state)
{
	(void)state;
	given(only_say);
	memio_client *c = bed_sent("GET /hello HTTP/1.1\r\nHost: a\r\n" OFFER "\r\n" NEXT);
	assert_string_equal(bed_received(c), NEXT_REPLY NEXT_REPLY);
	assert_int_equal(bed.requests, 2);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
}

static void fields_go_with_the_switch(weir_req *req, void *arg)
{
	(void)arg;
	assert_int_equal(weir_reply_field(req, "X-Own", "yes"), 0);
	accept_it(req);
}

static void the_applications_fields_go_with_it(void **state)
{
	(void)state;
	given(fields_go_with_the_switch);
	memio_client *c = bed_sent(UPGRADE);
	assert_string_equal(bed_received(c), "HTTP/1.1 101 Switching Protocols\r\n" BED_DATE
	                                     "X-Own: yes\r\nUpgrade: lines\r\n"
	                                     "Connection: upgrade\r\n\r\n");
	assert_non_null(app.stream);
}

static const char *offered, *request_of_offer;

static void compare_offer(weir_req *req, void *arg)
{
	const weir_str offer = weir_req_upgrade(req);

	(void)arg;
	if (!offered)
		assert_null(offer.data);
	else if (offer.len != strlen(offered) || memcmp(offer.data, offered, offer.len) != 0)
		fail_msg("%s: %.*s", request_of_offer, (int)offer.len, offer.data);
	accept_it(req);
	if (app.result < 0)
		weir_reply(req, 200, NULL, NULL, 0);
}

static void only_what_the_client_offers_is_switched_to(void **state)
{
	static const struct {
		const char *fields;
		const char *offers; /* what weir_req_upgrade says */
		const char *protocol;
		int result;
	} cases[] = {
		{OFFER, "lines", "lines", 0},
		{OFFER, "lines", "LINES", 0},
		{OFFER, "lines", "line", WEIR_EINVALID},
		{OFFER, "lines", "lined", WEIR_EINVALID},
		{OFFER, "lines", "lines/1", WEIR_EINVALID},
		{OFFER, "lines", "", WEIR_EINVALID},
		{OFFER, "lines", NULL, WEIR_EINVALID},
		{"CONNECTION:UPGRADE\r\nUPGRADE:Lines\r\n", "Lines", "lines", 0},
		{"Connection: close,\t Upgrade ,x\r\nUpgrade: lines\r\n", "lines", "lines", 0},
		{"Connection: x\r\nConnection: upgrade\r\nUpgrade: lines\r\n", "lines", "lines", 0},
		{"Connection: upgrade\r\nUpgrade: h2c, ,lines/2 ,x/1\r\n", "h2c, ,lines/2 ,x/1",
	         "lines/2", 0},
		{"Connection: upgrade\r\nUpgrade: h2c, lines/2\r\n", "h2c, lines/2", "lines",
	         WEIR_EINVALID},
		{"Connection: upgrade\r\nUpgrade: h2c\r\nUpgrade: x, lines\r\n", "h2c", "lines", 0},
		{"Connection: upgrade\r\nUpgrade: ,\r\nUpgrade: lines\r\n", "lines", "lines", 0},
		{"Connection: upgrade\r\nUpgrade:\r\n", NULL, "lines", WEIR_EINVALID},
		{"Connection: upgrade\r\nUpgrade:\r\n", NULL, "", WEIR_EINVALID},
		{"Connection: upgrade\r\n", NULL, "lines", WEIR_ESTATE},
		{"Upgrade: lines\r\n", NULL, "lines", WEIR_ESTATE},
		{"Connection: upgrades\r\nUpgrade: lines\r\n", NULL, "lines", WEIR_ESTATE},
		{"", NULL, "lines", WEIR_ESTATE},
		{"", NULL, NULL, WEIR_EINVALID},
	};

	(void)state;
	for (int minor = 0; minor < 2; minor++)
		for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
			char request[300];

			set_up(NULL);
			given(compare_offer);
			snprintf(request, sizeof request, "GET / HTTP/1.%d\r\nHost: a\r\n%s\r\n",
			         minor, cases[i].fields);
			request_of_offer = request;
			/* HTTP/1.0 offers nothing, whatever it says. */
			offered = minor ? cases[i].offers : NULL;
			app.protocol = cases[i].protocol;
			memio_client *c = bed_sent(request);
			if (minor || !cases[i].protocol)
				assert_int_equal(app.result, cases[i].result);
			else
				assert_int_equal(app.result, WEIR_ESTATE);
			assert_int_equal(app.stream != NULL, app.result == 0);
			assert_int_equal(bed_count(c, "HTTP/1.1 200 OK"), app.result < 0);
			/* Nothing of the attempt is left in the reply. */
			if (app.result < 0)
				bed_assert_lacks(c, "pgrade");
			bed_teardown(NULL);
		}
}

static void ask_for_an_upgrade(weir_req *req, void *arg)
{
	(void)arg;
	assert_int_equal(weir_reply_field(req, "upgrade", "lines"), 0);
	weir_reply(req, 426, NULL, NULL, 0);
}

/* RFC 9110 7.8: who sends Upgrade names it in Connection. */
static void an_upgrade_that_is_asked_for_is_named_in_connection(void **state)
{
	(void)state;
	given(ask_for_an_upgrade);
	memio_client *c = bed_sent("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	assert_string_equal(bed_received(c), "HTTP/1.1 426 Upgrade Required\r\n" BED_DATE
	                                     "Content-Length: 0\r\nConnection: close\r\n"
	                                     "Upgrade: lines\r\nConnection: upgrade\r\n\r\n");
}

/* ---- tunnels ------------------------------------------------------------ */

/* test-tls-over-http-tunnel: what follows CONNECT is used raw in both directions. */
static void an_accepted_connect_is_a_tunnel(void **state)
{
	(void)state;
	given(accept_or_say);
	app.protocol = NULL;
	memio_client *c = bed_sent(CONNECT "\x16\x03\x01");
	assert_string_equal(bed_received(c), TUNNELLED);
	assert_string_equal(came(), "\x16\x03\x01");
	weir_write(app.stream, "\x16\x03\x03", 3);
	assert_string_equal(bed_received(c), TUNNELLED "\x16\x03\x03");
}

static void an_old_client_may_have_a_tunnel(void **state)
{
	(void)state;
	given(accept_or_say);
	app.protocol = NULL;
	memio_client *c = bed_sent("CONNECT b:443 HTTP/1.0\r\n\r\nx");
	assert_string_equal(bed_received(c), TUNNELLED);
	assert_string_equal(came(), "x");
}

static void refuse_connect(weir_req *req, void *arg)
{
	(void)arg;
	if (weir_req_method(req) != WEIR_CONNECT) {
		say_path(req);
		return;
	}
	accept_it(req);
	assert_int_equal(app.result, WEIR_EINVALID);
	/* RFC 9110 9.3.6: a 2xx has no length, and what follows it is the tunnel's. */
	assert_int_equal(weir_reply(req, 200, NULL, "x", 1), WEIR_EINVALID);
	assert_int_equal(weir_reply_begin(req, 204, 0), WEIR_EINVALID);
	weir_reply(req, 403, NULL, NULL, 0);
}

static void a_connect_that_is_not_accepted_is_answered(void **state)
{
	(void)state;
	given(refuse_connect);
	memio_client *c = bed_sent(CONNECT NEXT);
	assert_string_equal(bed_received(c), "HTTP/1.1 403 Forbidden\r\n" BED_DATE
	                                     "Content-Length: 0\r\n\r\n" NEXT_REPLY);
	memio_client_forget(c);
	/* An upgrade offered with it makes no difference. */
	bed_sends(c, "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n" OFFER "\r\n");
	bed_assert_has(c, " 403 ");
}

static void connect_is_for_servers_that_want_it(void **state)
{
	weir_server_opts opts = options();

	(void)state;
	opts.methods = 0;
	bed_serve(accept_or_say, &opts);
	memio_client *c = bed_sent(CONNECT);
	bed_assert_has(c, "HTTP/1.1 405 ");
	assert_int_equal(bed.requests, 0);
}

/* ---- when --------------------------------------------------------------- */

static void begin_then_switch(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply_begin(req, 200, 2);
	accept_it(req);
	assert_int_equal(app.result, WEIR_ESTATE);
	assert_null(app.stream);
	weir_reply_write(req, "ok", 2);
	weir_reply_end(req);
}

static void not_behind_the_beginning_of_a_reply(void **state)
{
	(void)state;
	given(begin_then_switch);
	memio_client *c = bed_sent(UPGRADE NEXT);
	assert_int_equal(bed_count(c, "\r\n\r\nok"), 2);
}

#define UPLOAD                                                                                     \
	"POST /hello HTTP/1.1\r\nHost: a\r\n" OFFER "Transfer-Encoding: chunked\r\n\r\n"           \
	"3\r\nabc\r\n4\r\ndefg\r\n0\r\nT: u\r\n\r\n"

static void not_before_the_body_is_read(void **state)
{
	(void)state;
	given(accept_or_say);
	memio_client *c = bed_sent(UPLOAD NEXT);
	assert_int_equal(app.result, WEIR_ESTATE);
	assert_string_equal(bed_received(c), NEXT_REPLY NEXT_REPLY);
}

/* However the octets come: the body is HTTP's, what follows is the stream's. */
static void the_split_between_body_and_stream_is_exact(void **state)
{
	static const char text[] = UPLOAD "line 1\nline 2\n";

	(void)state;
	for (size_t cut = 0; cut < sizeof text; cut++) {
		set_up(NULL);
		given(read_then_accept);
		memio_client *c = bed_client();
		memio_client_send(c, text, cut);
		bed_settle();
		memio_client_send(c, text + cut, sizeof text - 1 - cut);
		bed_settle();
		assert_int_equal(app.result, 0);
		assert_string_equal(bed_received(c), SWITCHED);
		assert_string_equal(came(), "line 1\nline 2\n");
		bed_teardown(NULL);
	}
	for (size_t step = 1; step < 8; step++) {
		set_up(NULL);
		given(read_then_accept);
		memio_short_reads(step);
		memio_client *c = bed_client();
		memio_client_send(c, text, sizeof text - 1);
		memio_client_finish(c);
		bed_pass(100);
		assert_string_equal(bed_received(c), SWITCHED);
		assert_string_equal(came(), "line 1\nline 2\n<end>");
		bed_teardown(NULL);
	}
}

#define EXPECTING                                                                                  \
	"POST /hello HTTP/1.1\r\nHost: a\r\n" OFFER                                                \
	"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"

/* RFC 9110 7.8: 100 before 101. */
static void a_client_that_waits_is_told_to_continue_first(void **state)
{
	(void)state;
	given(read_then_accept);
	memio_client *c = bed_sent(EXPECTING);
	assert_string_equal(bed_received(c), CONTINUE);
	bed_sends(c, "abcline\n");
	assert_string_equal(bed_received(c), CONTINUE SWITCHED);
	assert_string_equal(came(), "line\n");
}

static void also_one_that_did_not_wait(void **state)
{
	(void)state;
	given(read_then_accept);
	memio_client *c = bed_sent(EXPECTING "abcline\n");
	assert_string_equal(bed_received(c), CONTINUE SWITCHED);
	assert_string_equal(came(), "line\n");
}

static void it_may_be_later(void **state)
{
	static char much[100000];

	(void)state;
	given(accept_in_a_while);
	memio_client *c = bed_sent(UPGRADE);
	memset(much, 'x', sizeof much);
	memio_client_send(c, much, sizeof much);
	/* It is not read ahead without bound … */
	bed_pass(400);
	assert_true(memio_client_unread(c) > 0);
	assert_int_equal(app.len, 0);
	/* … and all of it is there in the end. */
	bed_pass(200);
	assert_string_equal(bed_received(c), SWITCHED);
	assert_int_equal(app.len, sizeof much);
	assert_memory_equal(app.came, much, sizeof much);
}

static void hold_then_later(weir_req *req, void *arg)
{
	accept_in_a_while(req, arg);
	weir_req_hold(req, true);
}

static void a_held_request_becomes_a_stream_that_reads(void **state)
{
	(void)state;
	given(hold_then_later);
	memio_client *c = bed_sent(UPGRADE "line\n");
	bed_pass(600);
	bed_sends(c, "more\n");
	assert_string_equal(came(), "line\nmore\n");
}

static void replies_before_it_leave_first(void **state)
{
	static char big[40000];

	(void)state;
	given(accept_or_say);
	memio_client *c = bed_client();
	memio_client_window(c, 10);
	bed_sends(c, NEXT NEXT UPGRADE "line\n");
	assert_int_equal(app.result, 0);
	assert_string_equal(came(), "line\n");
	assert_true(weir_queued(app.stream) > 0);
	/* What the stream writes waits behind them. */
	memset(big, 'b', sizeof big - 1);
	weir_write(app.stream, big, sizeof big - 1);
	weir_finish(app.stream);
	memio_client_window(c, SIZE_MAX);
	bed_settle();
	static const char head[] = NEXT_REPLY NEXT_REPLY SWITCHED;
	assert_memory_equal(bed_received(c), head, sizeof head - 1);
	assert_string_equal(bed_received(c) + sizeof head - 1, big);
}

/* ---- the stream --------------------------------------------------------- */

static void hold_at_once(weir_req *req, void *arg)
{
	(void)arg;
	accept_it(req);
	weir_hold(app.stream, true);
}

static void it_may_be_held_at_once(void **state)
{
	(void)state;
	given(hold_at_once);
	memio_client *c = bed_sent(UPGRADE "line\n");
	bed_sends(c, "more\n");
	memio_client_finish(c);
	bed_settle();
	assert_string_equal(came(), "");
	weir_hold(app.stream, false);
	assert_string_equal(came(), "");
	bed_settle();
	assert_string_equal(came(), "line\nmore\n<end>");
}

static void what_it_leaves_is_offered_with_more(void **state)
{
	(void)state;
	given(accept_or_say);
	app.most = 2;
	memio_client *c = bed_sent(UPGRADE "abcdef");
	assert_string_equal(came(), "ab");
	bed_sends(c, "g");
	assert_string_equal(came(), "abcd");
	app.most = SIZE_MAX;
	memio_client_finish(c);
	bed_settle();
	assert_string_equal(came(), "abcdefg<end>");
}

static void it_has_marks(void **state)
{
	static char piece[1000];

	(void)state;
	given(accept_or_say);
	memio_client *c = upgraded();
	memio_client_window(c, 0);
	assert_int_equal(weir_marks(app.stream, 100, 500, 1500), 0);
	assert_int_equal(weir_write(app.stream, piece, sizeof piece), sizeof piece);
	assert_int_equal(weir_write(app.stream, piece, sizeof piece), WEIR_EFULL);
	bed_settle();
	assert_int_equal(app.drains, 0);
	memio_client_window(c, SIZE_MAX);
	bed_settle();
	assert_int_equal(app.drains, 1);
}

static void it_has_no_limit_but_its_own(void **state)
{
	(void)state;
	given(accept_or_say);
	memio_client *c = upgraded();
	/* Longer than any limit of the server. */
	memio_client_window(c, 0);
	weir_write(app.stream, "unread", 6);
	bed_pass(600000);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	assert_int_equal(app.idles, 0);
	weir_idle(app.stream, 1000);
	bed_pass(2500);
	assert_int_equal(app.idles, 2);
	weir_close(app.stream);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

static const weir_stream_ops bare;

static void a_stream_without_an_end_finishes(void **state)
{
	(void)state;
	given(accept_or_say);
	app.role = &bare;
	memio_client *c = upgraded();
	bed_finishes(c);
	assert_int_equal(weir_server_connections(bed.server), 0);
}

static void a_reset_is_told_to_the_stream(void **state)
{
	(void)state;
	given(accept_or_say);
	memio_client *c = upgraded();
	memio_client_reset(c);
	bed_settle();
	assert_int_equal(app.gones, 1);
	assert_int_equal(app.why, -ECONNRESET);
}

static void an_error_of_the_reply_is_told_to_the_stream(void **state)
{
	(void)state;
	given(accept_or_say);
	memio_client *c = bed_client();
	memio_fail(MEMIO_WRITE, 1, EPIPE);
	bed_sends(c, UPGRADE "line\n");
	assert_int_equal(app.result, 0);
	assert_int_equal(app.gones, 1);
	assert_int_equal(app.why, -EPIPE);
	assert_string_equal(came(), "");
}

/* ---- the end of the peer ------------------------------------------------ */

static void an_end_that_came_before_is_told_behind_the_octets(void **state)
{
	static weir_handler *const handlers[] = {accept_or_say, accept_in_a_while};

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (size_t most = 3; most > 2; most = most == 3 ? SIZE_MAX : 0) {
			set_up(NULL);
			given(handlers[i]);
			app.most = most;
			memio_client *c = bed_client();
			memio_client_send_text(c, UPGRADE "abc");
			memio_client_finish(c);
			bed_pass(2000);
			assert_string_equal(came(), "abc<end>");
			assert_string_equal(bed_received(c), SWITCHED);
			assert_int_equal(weir_write(app.stream, "late", 4), 0);
			weir_finish(app.stream);
			bed_settle();
			assert_int_equal(app.gones, 1);
			assert_int_equal(app.why, 0);
			bed_teardown(NULL);
		}
}

/* The request had to wait for room in the queue, which comes together with the peer's end. */
static void an_end_that_comes_with_the_request(void **state)
{
	weir_server_opts opts = options();

	(void)state;
	opts.low = 20;
	opts.high = 50;
	bed_serve(accept_or_say, &opts);
	memio_client *c = bed_client();
	memio_client_window(c, 10);
	bed_sends(c, NEXT NEXT UPGRADE "line\n");
	assert_int_equal(bed.requests, 1);
	memio_client_window(c, SIZE_MAX);
	memio_client_finish(c);
	bed_settle();
	assert_string_equal(bed_received(c), NEXT_REPLY NEXT_REPLY SWITCHED);
	assert_string_equal(came(), "line\n<end>");
}

static void accept_at_eof(weir_req *req, void *arg)
{
	(void)arg;
	bed_enter();
	accept_it(req);
	bed_leave();
}

static void wait_for_eof(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {.eof = accept_at_eof};

	weir_req_on(req, &ops, arg);
}

static void it_may_be_in_the_callback_of_the_end(void **state)
{
	(void)state;
	given(wait_for_eof);
	memio_client *c = bed_sent(UPGRADE "abc");
	memio_client_finish(c);
	bed_settle();
	assert_string_equal(bed_received(c), SWITCHED);
	assert_string_equal(came(), "abc<end>");
}

static void accept_in_drain(weir_req *req, void *arg)
{
	(void)arg;
	bed_enter();
	app.drains++;
	accept_it(req);
	bed_leave();
}

/* A request that is in hand has said so much that the queue is above its mark. */
static void wait_for_drain(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {.drain = accept_in_drain, .gone = bed_on_gone};

	weir_req_on(req, &ops, arg);
	while (weir_reply_queued(req) <= 1000)
		assert_true(weir_reply_interim(req, 102) >= 0);
}

static void it_may_be_in_drain(void **state)
{
	weir_server_opts opts = options();

	(void)state;
	opts.low = 100;
	opts.high = 1000;
	bed_serve(wait_for_drain, &opts);
	memio_client *c = bed_client();
	memio_client_window(c, 10);
	bed_sends(c, UPGRADE "abc");
	memio_client_window(c, SIZE_MAX);
	bed_settle();
	assert_int_equal(app.drains, 1);
	assert_int_equal(app.result, 0);
	assert_int_equal(bed_count(c, SWITCHED), 1);
	assert_string_equal(came(), "abc");
}

/* A client that leaves, in whichever way, behind whichever octet and before the switch or after. */
static void a_client_may_leave_at_any_point(void **state)
{
	static void (*const ways[])(memio_client *) = {memio_client_reset, memio_client_close,
	                                               memio_client_finish};
	static weir_handler *const handlers[] = {accept_or_say, accept_in_a_while,
	                                         read_then_accept};
	static const char text[] = UPLOAD UPGRADE "line\n";

	(void)state;
	for (size_t way = 0; way < 3; way++)
		for (size_t h = 0; h < 3; h++)
			for (size_t len = 0; len < sizeof text; len++) {
				set_up(NULL);
				given(handlers[h]);
				memio_client *c = bed_client();
				memio_client_send(c, text, len);
				bed_settle();
				ways[way](c);
				bed_pass(2000);
				/* Late, and nobody is there any more. */
				if (app.result == WEIR_ECLOSED && h == 1)
					assert_true(bed.gones > 0);
				assert_true(app.gones <= 1);
				assert_true(app.ends <= 1);
				bed_teardown(NULL);
			}
}

static void the_request_is_still_yours_when_the_peer_has_left(void **state)
{
	(void)state;
	given(bed_watch);
	memio_client *c = bed_sent(UPGRADE);
	memio_client_reset(c);
	bed_settle();
	accept_it(bed.req);
	assert_int_equal(app.result, WEIR_ECLOSED);
	assert_null(app.stream);
	assert_int_equal(weir_req_upgrade(bed.req).len, 5);
	assert_int_equal(weir_reply(bed.req, 200, NULL, NULL, 0), WEIR_ECLOSED);
}

/* ---- the server --------------------------------------------------------- */

static void the_server_leaves_it_alone(void **state)
{
	(void)state;
	given(accept_or_say);
	memio_client *c = upgraded();
	weir_server_drain(bed.server, 100);
	bed_pass(1000);
	bed_sends(c, "one\n");
	weir_server_free(bed.server);
	bed_sends(c, "two\n");
	assert_string_equal(came(), "one\ntwo\n");
	memio_client_window(c, 3);
	weir_write(app.stream, "answer", 6);
	bed_settle();
	memio_client_window(c, SIZE_MAX);
	bed_settle();
	assert_string_equal(bed_received(c), "answer");
	/* It holds the loop until it is closed. */
	assert_int_equal(weir_loop_step(bed.loop, 0), 1);
	weir_close(app.stream);
	assert_int_equal(weir_loop_run(bed.loop), 0);
	assert_int_equal(app.gones, 0);
}

static void a_drained_server_may_still_switch(void **state)
{
	(void)state;
	given(accept_in_a_while);
	memio_client *c = bed_sent(UPGRADE "line\n");
	weir_server_drain(bed.server, 5000);
	bed_pass(10000);
	assert_string_equal(bed_received(c), SWITCHED);
	assert_string_equal(came(), "line\n");
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
}

static void it_counts_until_it_is_closed(void **state)
{
	weir_server_opts opts = options();

	(void)state;
	opts.max_conns = 1;
	bed_serve(accept_or_say, &opts);
	upgraded();
	memio_client *next = memio_client_connect(NULL);
	memio_client_send_text(next, NEXT);
	bed_pass(300);
	/* It does not make room as an idle connection would. */
	assert_false(memio_client_accepted(next));
	assert_int_equal(weir_server_connections(bed.server), 1);
	weir_close(app.stream);
	bed_pass(200);
	assert_string_equal(bed_received(next), NEXT_REPLY);
}

static void accept_what_is_not_offered(weir_req *req, void *arg)
{
	weir_stream *stream = (weir_stream *)(void *)req;

	(void)arg;
	assert_int_equal(weir_reply_switch(req, "other", &watch, &app, &stream), WEIR_EINVALID);
	assert_null(stream);
	weir_reply(req, 200, NULL, NULL, 0);
}

static void where_it_fails_there_is_no_stream(void **state)
{
	(void)state;
	given(accept_what_is_not_offered);
	memio_client *c = bed_sent(UPGRADE);
	assert_int_equal(bed_count(c, " 200 OK"), 1);
}

static int drained;

static void note_drained(weir_server *gone, void *arg)
{
	(void)gone;
	(void)arg;
	drained++;
}

/* It is HTTP's no more, and keeps the stream as long as it likes. */
static void a_server_is_drained_without_waiting_for_it(void **state)
{
	weir_server_opts opts = options();

	(void)state;
	drained = 0;
	opts.drained = note_drained;
	bed_serve(accept_or_say, &opts);
	memio_client *c = upgraded();
	weir_server_drain(bed.server, WEIR_OFF);
	bed_settle();
	assert_int_equal(drained, 1);
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	weir_close(app.stream);
}

static void free_the_server_behind_it(weir_req *req, void *arg)
{
	(void)arg;
	accept_it(req);
	weir_server_free(bed.server);
}

static void free_the_server_before_it(weir_req *req, void *arg)
{
	(void)arg;
	weir_server_free(bed.server);
	accept_it(req);
	assert_int_equal(app.result, WEIR_ECLOSED);
	weir_reply_end(req);
}

static void the_server_may_be_freed_in_the_handler(void **state)
{
	(void)state;
	given(free_the_server_behind_it);
	memio_client *c = bed_sent(UPGRADE "line\n");
	assert_string_equal(bed_received(c), SWITCHED);
	assert_string_equal(came(), "line\n");
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	bed_teardown(NULL);

	set_up(NULL);
	given(free_the_server_before_it);
	c = bed_sent(UPGRADE "line\n");
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

static void free_the_server_later(weir_timer *timer, void *arg)
{
	(void)timer;
	(void)arg;
	weir_server_free(bed.server);
}

static void the_server_may_be_freed_before_it_is_time(void **state)
{
	weir_timer timer;

	(void)state;
	given(accept_in_a_while);
	memio_client *c = bed_sent(UPGRADE "line\n");
	weir_timer_init(&timer, free_the_server_later, NULL);
	weir_timer_start(bed.loop, &timer, 200, 0);
	weir_req *req = bed.req;
	bed_pass(2000);
	assert_int_equal(app.result, WEIR_ECLOSED);
	assert_int_equal(memio_client_closed(c) != MEMIO_OPEN, 1);
	weir_reply_end(req);
}

/* Closed in the handler, with octets unread: silent from that moment. */
static void close_at_once(weir_req *req, void *arg)
{
	(void)arg;
	accept_it(req);
	weir_close(app.stream);
}

static void finish_at_once(weir_req *req, void *arg)
{
	(void)arg;
	accept_it(req);
	weir_finish(app.stream);
}

static void it_may_be_closed_at_once(void **state)
{
	(void)state;
	given(close_at_once);
	memio_client *c = bed_sent(UPGRADE "line\n");
	assert_int_equal(app.len + (size_t)app.gones, 0);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	bed_teardown(NULL);

	set_up(NULL);
	given(finish_at_once);
	c = bed_sent(UPGRADE "line\n");
	assert_string_equal(came(), "line\n");
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

static size_t close_in_data(weir_stream *stream, const char *data, size_t len, void *arg)
{
	(void)data;
	(void)arg;
	weir_close(stream);
	return len;
}

static void it_may_be_closed_in_data(void **state)
{
	static const weir_stream_ops ops = {.data = close_in_data};

	(void)state;
	given(accept_or_say);
	app.role = &ops;
	memio_client *c = bed_sent(UPGRADE "line\n");
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	assert_int_equal(weir_server_connections(bed.server), 0);
}

/* Streams given away and requests in hand are freed with the loop. */
static void it_ends_with_its_loop(void **state)
{
	(void)state;
	given(accept_or_say);
	upgraded();
	app.stream = NULL;
	bed_sends(bed_client(), UPGRADE "line\n");
	bed.handler = bed_watch;
	bed_sends(bed_client(), UPGRADE "line\n");
}

/* ---- memory ------------------------------------------------------------- */

static void too_many_fields(weir_req *req, void *arg)
{
	char value[16 * 1024 - 30];

	(void)arg;
	memset(value, 'v', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	assert_int_equal(weir_reply_field(req, "X", value), 0);
	accept_it(req);
	assert_int_equal(app.result, WEIR_EFULL);
	assert_null(app.stream);
	say_path(req);
}

static void its_fields_have_a_limit(void **state)
{
	(void)state;
	given(too_many_fields);
	memio_client *c = bed_sent(UPGRADE);
	bed_assert_has(c, "HTTP/1.1 200 OK");
	bed_assert_lacks(c, "pgrade");
}

static void no_memory_for_its_fields(weir_req *req, void *arg)
{
	(void)arg;
	bed.alloc.calls = 0;
	bed.alloc.fail_at = 1;
	accept_it(req);
	assert_int_equal(app.result, -ENOMEM);
	bed.alloc.fail_at = 0;
	accept_it(req);
	assert_int_equal(app.result, 0);
}

static void without_memory_it_may_be_tried_again(void **state)
{
	(void)state;
	given(no_memory_for_its_fields);
	memio_client *c = bed_sent(UPGRADE "line\n");
	assert_string_equal(bed_received(c), SWITCHED);
	assert_string_equal(came(), "line\n");
}

static void an_upgrade_costs_nothing_on_a_warm_loop(void **state)
{
	(void)state;
	given(accept_or_say);
	for (int i = 0; i < 8; i++) {
		if (i > 1)
			bed.alloc.calls = 0;
		memio_client *c = bed_sent(UPGRADE);
		weir_close(app.stream);
		memio_client_close(c);
		bed_settle();
	}
	/* One block: the connection itself. */
	assert_int_equal(bed.alloc.calls, 1);
}

struct play {
	weir_handler *handler;
	const char *text;
};

static void play(void *arg)
{
	const struct play *play = arg;
	const size_t half = strlen(play->text) / 2;

	memset(&app, 0, sizeof app);
	app.role = &watch;
	app.most = SIZE_MAX;
	app.protocol = *play->text == 'C' ? NULL : "lines";
	const weir_server_opts opts = options();
	if (bed_try_serve(play->handler, &opts) < 0)
		return;
	memio_client *c = memio_client_connect(NULL);
	if (!c)
		return;
	memio_client_window(c, 20);
	weir_loop_step(bed.loop, 0);
	memio_client_send(c, play->text, half);
	weir_loop_step(bed.loop, 0);
	memio_client_send_text(c, play->text + half);
	for (int i = 0; i < 30 && weir_loop_step(bed.loop, 100) >= 0; i++)
		memio_client_window(c, i < 20 ? 20 : SIZE_MAX);
	if (app.stream && !app.gones)
		weir_write(app.stream, "answer", 6);
	memio_client_finish(c);
	for (int i = 0; i < 10 && weir_loop_step(bed.loop, 1000) >= 0; i++)
		continue;
	assert_true(app.gones <= 1);
	if (app.result < 0 && bed.req)
		weir_reply_end(bed.req);
}

static void later_or_never(weir_timer *timer, void *arg)
{
	weir_req *req = bed.req;

	(void)timer;
	(void)arg;
	bed.req = NULL;
	accept_it(req);
	if (app.result < 0)
		weir_reply_end(req);
}

static void accept_later_or_end(weir_req *req, void *arg)
{
	bed_watch(req, arg);
	weir_timer_init(&app.timer, later_or_never, NULL);
	weir_timer_start(weir_req_loop(req), &app.timer, 100, 0);
}

static void every_allocation_may_fail(void **state)
{
	static struct play plays[] = {
		{accept_or_say, NEXT UPGRADE "line\n"},    {accept_or_say, CONNECT "line\n"},
		{accept_later_or_end, UPGRADE "line\n"},   {read_then_accept, UPLOAD "line\n"},
		{read_then_accept, EXPECTING "abcline\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof plays / sizeof *plays; i++)
		bed_every_allocation_fails(play, &plays[i]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_upgrade_gives_the_connection_away),
		T(an_upgrade_that_nobody_wants_is_ignored),
		T(the_applications_fields_go_with_it),
		T(only_what_the_client_offers_is_switched_to),
		T(an_upgrade_that_is_asked_for_is_named_in_connection),
		T(an_accepted_connect_is_a_tunnel),
		T(an_old_client_may_have_a_tunnel),
		T(a_connect_that_is_not_accepted_is_answered),
		T(connect_is_for_servers_that_want_it),
		T(not_behind_the_beginning_of_a_reply),
		T(not_before_the_body_is_read),
		T(the_split_between_body_and_stream_is_exact),
		T(a_client_that_waits_is_told_to_continue_first),
		T(also_one_that_did_not_wait),
		T(it_may_be_later),
		T(a_held_request_becomes_a_stream_that_reads),
		T(replies_before_it_leave_first),
		T(it_may_be_held_at_once),
		T(what_it_leaves_is_offered_with_more),
		T(it_has_marks),
		T(it_has_no_limit_but_its_own),
		T(a_stream_without_an_end_finishes),
		T(a_reset_is_told_to_the_stream),
		T(an_error_of_the_reply_is_told_to_the_stream),
		T(an_end_that_came_before_is_told_behind_the_octets),
		T(an_end_that_comes_with_the_request),
		T(it_may_be_in_the_callback_of_the_end),
		T(it_may_be_in_drain),
		T(a_client_may_leave_at_any_point),
		T(the_request_is_still_yours_when_the_peer_has_left),
		T(the_server_leaves_it_alone),
		T(a_drained_server_may_still_switch),
		T(it_counts_until_it_is_closed),
		T(where_it_fails_there_is_no_stream),
		T(a_server_is_drained_without_waiting_for_it),
		T(the_server_may_be_freed_in_the_handler),
		T(the_server_may_be_freed_before_it_is_time),
		T(it_may_be_closed_at_once),
		T(it_may_be_closed_in_data),
		T(it_ends_with_its_loop),
		T(its_fields_have_a_limit),
		T(without_memory_it_may_be_tried_again),
		T(an_upgrade_costs_nothing_on_a_warm_loop),
		T(every_allocation_may_fail),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
