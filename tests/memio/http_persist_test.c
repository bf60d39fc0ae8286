/*
 * How long does a connection live, who is told so, and how does it end? RFC 9112
 * section 9, end to end.
 */
#include "tests/memio/http_bed.h"

#include <stdio.h>

#define CLOSE "Connection: close\r\n"
#define KEEP "Connection: keep-alive\r\n"

/* ---- what Connection says ----------------------------------------------- */

enum life {
	CLOSES, /* said so in the reply */
	LIVES,  /* not said: the default of the version */
	KEPT    /* said, because the client named it */
};

static const struct persist {
	const char *version, *fields;
	enum life life;
} persists[] = {
	/* 9.3: the defaults */
	{"1.1", "", LIVES},
	{"1.0", "", CLOSES},
	{"1.2", "", LIVES},
	/* the options, in any case */
	{"1.1", "Connection: close\r\n", CLOSES},
	{"1.1", "Connection: Close\r\n", CLOSES},
	{"1.1", "CONNECTION: CLOSE\r\n", CLOSES},
	{"1.1", "connection:cLoSe\r\n", CLOSES},
	{"1.1", "Connection: keep-alive\r\n", KEPT},
	{"1.1", "Connection: Keep-Alive\r\n", KEPT},
	{"1.0", "Connection: keep-alive\r\n", KEPT},
	{"1.0", "Connection: KEEP-ALIVE\r\n", KEPT},
	{"1.0", "connection:keep-Alive\r\n", KEPT},
	{"1.0", "Connection: close\r\n", CLOSES},
	{"1.2", "Connection: close\r\n", CLOSES},
	/* lists, with white space and empty elements (RFC 9110 5.6.1) */
	{"1.1", "Connection: foo, close\r\n", CLOSES},
	{"1.1", "Connection: close, foo\r\n", CLOSES},
	{"1.1", "Connection: foo,close,bar\r\n", CLOSES},
	{"1.1", "Connection: , ,close,,\r\n", CLOSES},
	{"1.1", "Connection: \t foo\t,\tclose \t\r\n", CLOSES},
	{"1.0", "Connection: foo, keep-alive\r\n", KEPT},
	{"1.0", "Connection: ,,keep-alive , foo\r\n", KEPT},
	{"1.1", "Connection:\r\n", LIVES},
	{"1.1", "Connection: ,\r\n", LIVES},
	{"1.1", "Connection: foo, bar\r\n", LIVES},
	{"1.0", "Connection: foo, bar\r\n", CLOSES},
	/* lists over several lines */
	{"1.1", "Connection: foo\r\nConnection: close\r\n", CLOSES},
	{"1.1", "Connection: close\r\nConnection: foo\r\n", CLOSES},
	{"1.1", "Connection: foo\r\nX: y\r\nconnection: bar\r\nConnection: x, close\r\n", CLOSES},
	{"1.0", "Connection: foo\r\nConnection: keep-alive\r\n", KEPT},
	{"1.0", "Connection: keep-alive\r\nConnection: foo\r\n", KEPT},
	/* close wins, wherever it stands */
	{"1.1", "Connection: close, keep-alive\r\n", CLOSES},
	{"1.1", "Connection: keep-alive, close\r\n", CLOSES},
	{"1.0", "Connection: keep-alive, close\r\n", CLOSES},
	{"1.1", "Connection: keep-alive\r\nConnection: close\r\n", CLOSES},
	{"1.0", "Connection: close\r\nConnection: keep-alive\r\n", CLOSES},
	/* whole options only, and of no other field */
	{"1.1", "Connection: closed\r\n", LIVES},
	{"1.1", "Connection: disclose\r\n", LIVES},
	{"1.1", "Connection: close-not\r\n", LIVES},
	{"1.1", "Connection: not close\r\n", LIVES},
	{"1.1", "Connection: \"close\"\r\n", LIVES},
	{"1.0", "Connection: keep-alives\r\n", CLOSES},
	{"1.0", "Connection: keep alive\r\n", CLOSES},
	{"1.0", "Proxy-Connection: keep-alive\r\n", CLOSES},
	{"1.0", "Keep-Alive: timeout=5\r\n", CLOSES},
	{"1.1", "Keep-Alive: timeout=5\r\n", LIVES},
	{"1.1", "Proxy-Connection: close\r\n", LIVES},
	{"1.1", "X-Connection: close\r\n", LIVES},
	{"1.1", "Connection: upgrade\r\n", LIVES},
};

static void request(char *text, size_t size, const struct persist *p, const char *path)
{
	snprintf(text, size, "GET %s HTTP/%s\r\nHost: a\r\n%s\r\n", path, p->version, p->fields);
}

static void assert_life(const memio_client *c, const struct persist *p)
{
	const size_t closes = bed_count(c, CLOSE), keeps = bed_count(c, KEEP);
	const size_t hints = bed_count(c, KEEP "Keep-Alive: timeout=75\r\n\r\n/first");

	if (closes != (p->life == CLOSES) || keeps != (p->life == KEPT) || hints != keeps)
		fail_msg("HTTP/%s with %s: %s", p->version, p->fields, bed_received(c));
}

static void connections_live_as_long_as_they_should(void **state)
{
	(void)state;
	bed_serve(bed_target, NULL);
	for (size_t i = 0; i < sizeof persists / sizeof *persists; i++) {
		const struct persist *p = &persists[i];
		memio_client *c = bed_client();
		char text[300];

		request(text, sizeof text, p, "/first");
		bed_sends(c, text);
		assert_life(c, p);
		/* What is said is done. */
		bed_sends(c, "GET /second HTTP/1.1\r\nHost: a\r\n\r\n");
		assert_int_equal(bed_count(c, "HTTP/1.1 200"), p->life == CLOSES ? 1 : 2);
		assert_int_equal(bed_count(c, "\r\n\r\n/second"), p->life == CLOSES ? 0 : 1);
		/* What one request said holds for no other. */
		assert_int_equal(bed_count(c, KEEP), p->life == KEPT);
		if (p->life != CLOSES)
			assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
		else
			assert_int_not_equal(memio_client_closed(c), MEMIO_OPEN);
		memio_client_close(c);
		bed_settle();
	}
	assert_int_equal(weir_server_connections(bed.server), 0);
}

/* The same with all of it in one read, and the client's end right behind. */
static void a_half_closed_client_gets_every_complete_request_answered(void **state)
{
	(void)state;
	bed_serve(bed_target, NULL);
	for (size_t i = 0; i < sizeof persists / sizeof *persists; i++) {
		const struct persist *p = &persists[i];
		memio_client *c = bed_client();
		char text[300];

		request(text, sizeof text, p, "/first");
		memio_client_send_text(c, text);
		memio_client_send_text(c, "GET /second HTTP/1.1\r\nHost: a\r\n\r\n"
		                          "GET /third HTTP/1.1\r\nHo");
		memio_client_finish(c);
		bed_settle();
		assert_int_equal(bed_count(c, "HTTP/1.1 "), p->life == CLOSES ? 1 : 2);
		assert_int_equal(bed_count(c, "\r\n\r\n/second"), p->life == CLOSES ? 0 : 1);
		assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	}
	assert_int_equal(weir_server_connections(bed.server), 0);
}

/* ---- what Keep-Alive says ----------------------------------------------- */

static void the_hint_says_how_long_and_how_often(void **state)
{
	static const struct {
		int32_t idle_ms, max_requests;
		const char *first, *second;
	} hints[] = {
		{0, 0, "Keep-Alive: timeout=75\r\n", "Keep-Alive: timeout=75\r\n"},
		{5999, 0, "Keep-Alive: timeout=5\r\n", "Keep-Alive: timeout=5\r\n"},
		{999, 0, "", ""},
		{5000, 100, "Keep-Alive: timeout=5, max=99\r\n",
	         "Keep-Alive: timeout=5, max=98\r\n"},
		{999, 100, "Keep-Alive: max=99\r\n", "Keep-Alive: max=98\r\n"},
		{INT32_MAX / 4, 65534, "Keep-Alive: timeout=536870, max=65533\r\n",
	         "Keep-Alive: timeout=536870, max=65532\r\n"},
	};
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";

	(void)state;
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
		char expected[128];

		bed_setup(NULL);
		bed_serve(bed_hello, &(weir_server_opts){.idle_ms = hints[i].idle_ms,
		                                         .max_requests = hints[i].max_requests});
		memio_client *c = bed_sent(text);
		snprintf(expected, sizeof expected, "12\r\n" KEEP "%s\r\nHello", hints[i].first);
		assert_int_equal(bed_count(c, expected), 1);
		memio_client_forget(c);
		bed_sends(c, text);
		snprintf(expected, sizeof expected, "12\r\n" KEEP "%s\r\nHello", hints[i].second);
		assert_int_equal(bed_count(c, expected), 1);
		bed_teardown(NULL);
	}
	bed_setup(NULL);
	bed_serve(bed_hello, &(weir_server_opts){.max_requests = 2});
	memio_client *c = bed_sent(text);
	assert_int_equal(bed_count(c, "Keep-Alive: timeout=75, max=1\r\n"), 1);
	memio_client_forget(c);
	bed_sends(c, text);
	assert_int_equal(bed_count(c, "Keep-Alive: "), 0);
	assert_int_equal(bed_count(c, CLOSE), 1);
}

static void say_stream(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply_field(req, "X-A", "b");
	weir_reply_begin(req, 200, WEIR_UNKNOWN);
	weir_reply_write(req, "one ", 4);
	weir_reply_write(req, "two", 3);
	weir_reply_end(req);
}

static void replies_of_all_kinds_say_it(void **state)
{
	(void)state;
	bed_serve(say_stream, NULL);
	memio_client *c = bed_sent("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(bed_count(c, KEEP "Keep-Alive: timeout=75\r\nX-A: b\r\n\r\n4\r\n"), 1);
	memio_client_forget(c);
	bed_sends(c, "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(bed_count(c, KEEP "Keep-Alive: timeout=75\r\nX-A: b\r\n\r\n"), 1);
	memio_client_forget(c);
	/* Also those that the server makes itself. */
	bed_sends(c, "BREW / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
	bed_assert_status(c, 501);
	assert_int_equal(bed_count(c, KEEP "Keep-Alive: timeout=75\r\n"), 1);
	memio_client_forget(c);
	/* A refusal is the last reply, whatever the client would like. */
	bed_sends(c, "GET / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n");
	bed_assert_status(c, 400);
	assert_int_equal(bed_count(c, KEEP), 0);
	assert_int_equal(bed_count(c, CLOSE), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(connections_live_as_long_as_they_should),
		HTTP_TEST(a_half_closed_client_gets_every_complete_request_answered),
		HTTP_TEST(the_hint_says_how_long_and_how_often),
		HTTP_TEST(replies_of_all_kinds_say_it),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
