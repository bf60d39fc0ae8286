/*
 * Does the server do what RFC 9110 and RFC 9112 demand of one, seen from the
 * client's end? What the parser alone decides is in tests/fixtures; which demand
 * is held by what is in the table of tests/README.md.
 */
#include "tests/memio/http_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- applications ------------------------------------------------------- */

/* What a handler has noted for the test. */
static char noted[256];

static int set_up(void **state)
{
	memset(noted, 0, sizeof noted);
	return bed_setup(state);
}

#define RFC_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, bed_teardown)

static void note_str(weir_str str)
{
	if (str.data)
		snprintf(noted, sizeof noted, "%.*s", (int)str.len, str.data);
	else
		snprintf(noted, sizeof noted, "none");
}

static void read_all(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {
		.data = bed_on_data, .end = bed_on_end, .gone = bed_on_gone_end};

	bed_keep(req, arg);
	weir_req_on(req, &ops, NULL);
}

/* The status that the path names, with four octets where they are allowed. */
static void say_status(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply(req, atoi(weir_req_path(req).data + 1), "text/plain", "text", 4);
}

/* The same in pieces; a length is the query. */
static void say_in_pieces(weir_req *req, void *arg)
{
	const weir_str query = weir_req_query(req);
	const int64_t length = query.data ? atoi(query.data) : WEIR_UNKNOWN;

	(void)arg;
	assert_true(weir_reply_begin(req, atoi(weir_req_path(req).data + 1), length) >= 0);
	weir_reply_write(req, "te", 2);
	weir_reply_write(req, "xt", 2);
	weir_reply_end(req);
}

/* ---- whom a request is for (RFC 9112 3.2, RFC 9110 7.1) ------------------ */

static void say_authority(weir_req *req, void *arg)
{
	(void)arg;
	note_str(weir_req_authority(req));
	weir_reply(req, 404, NULL, NULL, 0);
}

static void an_absolute_target_overrides_host(void **state)
{
	static const struct {
		const char *request, *authority;
	} cases[] = {
		{"GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n", "a.example:8080"},
		{"GET http://b.example:81/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "b.example:81"},
		{"GET http://b.example HTTP/1.1\r\nHost: a.example\r\n\r\n", "b.example"},
		{"GET http://b.example?q=http://c/ HTTP/1.1\r\nHost: a\r\n\r\n", "b.example"},
		{"GET /http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", "a"},
		{"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "a"},
		{"CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n", "b:443"},
		{"GET / HTTP/1.1\r\nHost:\r\n\r\n", ""},
		{"GET / HTTP/1.0\r\n\r\n", "none"},
		{"GET http://b/ HTTP/1.0\r\n\r\n", "b"},
	};
	const weir_server_opts opts = {.methods = WEIR_METHOD_BIT(WEIR_GET) |
	                                          WEIR_METHOD_BIT(WEIR_OPTIONS) |
	                                          WEIR_METHOD_BIT(WEIR_CONNECT)};

	(void)state;
	bed_serve(say_authority, &opts);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bed_assert_status(bed_sent(cases[i].request), 404);
		assert_string_equal(noted, cases[i].authority);
	}
}

static void it_can_be_asked_when_the_peer_has_left(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n");
	memio_client_reset(c);
	bed_settle();
	assert_true(bed_is(weir_req_authority(bed.req), "b"));
	weir_reply_end(bed.req);
}

static void say_path(weir_req *req, void *arg)
{
	(void)arg;
	note_str(weir_req_path(req));
	weir_reply(req, 200, NULL, NULL, 0);
}

static void absolute_targets_are_served(void **state)
{
	static const char *const cases[][2] = {
		{"GET http://a/b/c?d HTTP/1.1\r\nHost: a\r\n\r\n", "/b/c"},
		{"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "/"},
		{"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "*"},
		/* Nobody stands behind: the last recipient is this one anyway. */
		{"OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n", "*"},
	};

	(void)state;
	bed_serve(say_path, NULL);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bed_assert_status(bed_sent(cases[i][0]), 200);
		assert_string_equal(noted, cases[i][1]);
	}
}

/* ---- heads of requests --------------------------------------------------- */

static void nothing_is_done_before_the_head_is_complete(void **state)
{
	static const char head[] = "DELETE /all HTTP/1.1\r\nHost: a\r\nIf-Match: \"x\"\r\n\r\n";

	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_client();
	for (size_t i = 0; head[i]; i++) {
		assert_int_equal(bed.requests, 0);
		memio_client_send(c, head + i, 1);
		bed_settle();
	}
	assert_int_equal(bed.requests, 1);
	assert_true(bed_is(weir_req_field(bed.req, "if-match"), "\"x\""));
	weir_reply(bed.req, 412, NULL, NULL, 0);
}

static void get_and_head_need_no_option(void **state)
{
	(void)state;
	bed_serve(say_status, NULL);
	bed_assert_status(bed_sent("GET /200 HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
	bed_assert_status(bed_sent("HEAD /200 HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
}

static const char *content_of(const char *reply)
{
	const char *end = strstr(reply, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

/* ---- refusals ------------------------------------------------------------ */

#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

static const struct refused {
	int status;
	const char *request;
} refused[] = {
	{400, "BAD\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n"},
	{400, "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n"},
	{400, POST "Content-Length: 1, 2\r\n\r\n"},
	{400, POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{400, POST "Transfer-Encoding: gzip\r\n\r\n"},
	{400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{413, POST "Content-Length: 1000\r\n\r\n"},
	{414, "GET /0123456789012345678901234567890123456789 HTTP/1.1\r\nHost: a\r\n\r\n"},
	{417, POST "Content-Length: 3\r\nExpect: magic\r\n\r\n"},
	{431, "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\nD: e\r\nF: g\r\nH: i\r\n\r\n"},
	{501, POST "Transfer-Encoding: gzip, chunked\r\n\r\n"},
	{505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
};

/*
 * The status that the RFC names; our version; a Date, also in what the library
 * itself says; the end announced, and made; and no octet behind it taken for a request.
 */
static void a_refusal_is_a_complete_reply_and_the_last(void **state)
{
	const weir_server_opts opts = {.max_body = 100, .max_target = 40, .max_fields = 4};

	(void)state;
	bed_serve(bed_keep, &opts);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		memio_client *c = bed_sent(refused[i].request);

		bed_sends(c, HELLO);
		bed_assert_status(c, refused[i].status);
		assert_int_equal(bed_count(c, BED_DATE), 1);
		assert_int_equal(bed_count(c, "Connection: close\r\n"), 1);
		assert_int_equal(bed_count(c, "HTTP/1.1 "), 1);
		assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	}
	assert_int_equal(bed.requests, 0);
}

/* Wherever the fault was found. */
static void a_refusal_of_head_has_no_content(void **state)
{
	static const char *const requests[] = {
		"HEAD / HTTP/1.1\r\n\r\n",       "HEAD / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n",
		"HEAD /# HTTP/1.1\r\n\r\n",      "HEAD / HTTP/1.x\r\n\r\n",
		"HEAD http:// HTTP/1.1\r\n\r\n",
	};

	(void)state;
	bed_serve(bed_keep, NULL);
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		memio_client *c = bed_sent(requests[i]);

		bed_assert_status(c, 400);
		assert_string_equal(content_of(bed_received(c)), "");
	}
}

static void a_405_names_the_methods(void **state)
{
	const weir_server_opts opts = {.methods = WEIR_METHOD_BIT(WEIR_GET) |
	                                          WEIR_METHOD_BIT(WEIR_HEAD) |
	                                          WEIR_METHOD_BIT(WEIR_PUT)};

	(void)state;
	bed_serve(bed_keep, &opts);
	memio_client *c = bed_sent("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n");
	bed_assert_status(c, 405);
	bed_assert_has(c, "\r\nAllow: GET, HEAD, PUT\r\n");
	bed_assert_has(c, BED_DATE);
	/* And it is an answer: the connection lives. */
	bed_assert_lacks(c, "Connection");
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
}

/* And so no 2xx with a length or coding: what offers it is more than a handler. */
static void connect_needs_to_be_offered(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n" HELLO);
	bed_assert_status(c, 405);
	bed_assert_lacks(c, "CONNECT");
	/* What follows is no tunnel. */
	assert_int_equal(bed.requests, 1);
	weir_reply_end(bed.req);
}

static void trace_gives_nothing_back(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent("TRACE /path HTTP/1.1\r\nHost: a\r\nCookie: secret\r\n\r\n");
	bed_assert_status(c, 405);
	bed_assert_has(c, "\r\nAllow: ");
	bed_assert_lacks(c, "secret");
	bed_assert_lacks(c, "/path");
	bed_assert_lacks(c, "TRACE");
	assert_int_equal(bed.requests, 0);
}

/* ---- heads of replies ---------------------------------------------------- */

static void replies_are_http_1_1_to_everybody(void **state)
{
	static const char *const requests[] = {
		"GET /200 HTTP/1.0\r\n\r\n",
		"GET /200 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /200 HTTP/1.2\r\nHost: a\r\n\r\n",
		"GET /200 HTTP/1.9\r\nHost: a\r\n\r\n",
	};

	(void)state;
	bed_serve(say_status, NULL);
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		bed_assert_status(bed_sent(requests[i]), 200);
}

static void every_final_reply_has_one_date(void **state)
{
	(void)state;
	bed_serve(say_status, NULL);
	for (int status = 200; status < 600; status++) {
		char request[64];

		snprintf(request, sizeof request, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", status);
		memio_client *c = bed_sent(request);
		bed_assert_status(c, status);
		assert_int_equal(bed_count(c, "Date: "), 1);
		bed_assert_has(c, "\r\n" BED_DATE);
		memio_client_close(c);
		bed_settle();
	}
}

static void a_status_without_a_phrase_keeps_its_space(void **state)
{
	(void)state;
	bed_serve(say_status, NULL);
	memio_client *c = bed_sent("GET /299 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_memory_equal(bed_received(c), "HTTP/1.1 299 \r\n", 15);
}

/* No line that is folded, broken or of another's making. */
static void no_octet_of_the_application_breaks_a_line(void **state)
{
	static const char *const values[] = {"a\rb",    "a\nb",  "a\r\nb: c",
	                                     "a\r\n b", "a\x01", "a\x7f"};
	static const char *const names[] = {"", "a b", "a:", "a\r\n", "\xc3\xa4", " a"};

	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		assert_int_equal(weir_reply_field(bed.req, "A", values[i]), WEIR_EINVALID);
		assert_int_equal(weir_reply(bed.req, 200, values[i], NULL, 0), WEIR_EINVALID);
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(weir_reply_field(bed.req, names[i], "b"), WEIR_EINVALID);
	assert_true(weir_reply(bed.req, 200, NULL, NULL, 0) >= 0);
	assert_string_equal(bed_received(c),
	                    "HTTP/1.1 200 OK\r\n" BED_DATE "Content-Length: 0\r\n\r\n");
}

static void a_426_lists_upgrade_in_connection(void **state)
{
	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	assert_int_equal(weir_reply_field(bed.req, "upgrade", "TLS/1.3"), 0);
	weir_reply(bed.req, 426, NULL, NULL, 0);
	assert_string_equal(bed_received(c),
	                    "HTTP/1.1 426 Upgrade Required\r\n" BED_DATE "Content-Length: 0\r\n"
	                    "Upgrade: TLS/1.3\r\nConnection: upgrade\r\n\r\n");
}

static void a_field_that_does_not_fit_leaves_no_half(void **state)
{
	static char most[16 * 1024];

	(void)state;
	memset(most, 'v', sizeof most - 1);
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	assert_int_equal(weir_reply_field(bed.req, "Upgrade", most), WEIR_EFULL);
	weir_reply(bed.req, 426, NULL, NULL, 0);
	bed_assert_lacks(c, "Connection");
	/* The first of the two fits, the other does not. */
	c = bed_sent(HELLO);
	most[sizeof most - 20] = '\0';
	assert_int_equal(weir_reply_field(bed.req, "A", most), 0);
	assert_int_equal(weir_reply_field(bed.req, "Upgrade", "x"), WEIR_EFULL);
	weir_reply(bed.req, 426, NULL, NULL, 0);
	bed_assert_lacks(c, "Upgrade: ");
}

/* ---- how long a reply is (RFC 9110 6.4, 8.6; RFC 9112 6) ------------------ */

/* What comes before the content; of the test's own memory. */
static const char *head_of(const char *reply)
{
	static char head[1024];
	const char *end = strstr(reply, "\r\n\r\n");

	assert_non_null(end);
	snprintf(head, sizeof head, "%.*s", (int)(end - reply), reply);
	return head;
}

static void head_and_get(weir_handler *handler, const char *path)
{
	char request[128], head[1024];

	bed_serve(handler, NULL);
	snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
	snprintf(head, sizeof head, "%s", head_of(bed_received(bed_sent(request))));
	snprintf(request, sizeof request, "HEAD %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
	memio_client *c = bed_sent(request);
	assert_string_equal(head_of(bed_received(c)), head);
	assert_string_equal(content_of(bed_received(c)), "");
	/* It was the whole reply: the next one follows. */
	memio_client_forget(c);
	bed_sends(c, request);
	assert_string_equal(head_of(bed_received(c)), head);
	weir_loop_free(bed.loop);
	bed.loop = NULL;
}

static void a_reply_to_head_is_that_to_get_without_content(void **state)
{
	(void)state;
	head_and_get(say_status, "/200");
	head_and_get(say_status, "/404");
	head_and_get(say_in_pieces, "/200");
	head_and_get(say_in_pieces, "/200?4");
}

static void some_statuses_have_no_length_and_no_coding(void **state)
{
	(void)state;
	bed_serve(say_in_pieces, NULL);
	memio_client *c = bed_sent("GET /204 HTTP/1.1\r\nHost: a\r\n\r\n"
	                           "GET /204?4 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_string_equal(bed_received(c), "HTTP/1.1 204 No Content\r\n" BED_DATE "\r\n"
	                                     "HTTP/1.1 204 No Content\r\n" BED_DATE "\r\n");
	memio_client_forget(c);
	/* A 304 may have the length that a 200 would have: the application names it. */
	bed_sends(c, "GET /304 HTTP/1.1\r\nHost: a\r\n\r\nGET /304?4 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_string_equal(bed_received(c),
	                    "HTTP/1.1 304 Not Modified\r\n" BED_DATE "\r\n"
	                    "HTTP/1.1 304 Not Modified\r\n" BED_DATE "Content-Length: 4\r\n\r\n");
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
}

static void a_205_is_empty(void **state)
{
	static const char empty[] =
		"HTTP/1.1 205 Reset Content\r\n" BED_DATE "Content-Length: 0\r\n\r\n";
	static const char *const requests[] = {"GET /205 HTTP/1.1\r\nHost: a\r\n\r\n",
	                                       "GET /205?4 HTTP/1.1\r\nHost: a\r\n\r\n",
	                                       "HEAD /205 HTTP/1.1\r\nHost: a\r\n\r\n"};

	(void)state;
	bed_serve(say_in_pieces, NULL);
	memio_client *c = bed_client();
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		bed_sends(c, requests[i]);
		assert_string_equal(bed_received(c), empty);
		memio_client_forget(c);
	}
}

static void a_whole_205_is_empty(void **state)
{
	(void)state;
	bed_serve(say_status, NULL);
	memio_client *c = bed_sent("GET /205 HTTP/1.1\r\nHost: a\r\n\r\n");
	bed_assert_has(c, "\r\nContent-Length: 0\r\n");
	assert_string_equal(content_of(bed_received(c)), "");
}

static void a_length_and_a_coding_are_never_together(void **state)
{
	static const char *const targets[] = {"/200", "/200?4", "/404", "/205", "/304?4", "/500?4"};

	(void)state;
	bed_serve(say_in_pieces, NULL);
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		for (int minor = 0; minor < 2; minor++) {
			char request[128];

			snprintf(request, sizeof request, "GET %s HTTP/1.%d\r\nHost: a\r\n\r\n",
			         targets[i], minor);
			memio_client *c = bed_sent(request);
			const size_t codings = bed_count(c, "Transfer-Encoding: ");
			assert_true(codings + bed_count(c, "Content-Length: ") <= 1);
			/* RFC 9112 6.1: HTTP/1.0 does not know what it is. */
			assert_true(codings == 0 || minor == 1);
		}
	}
}

/* ---- interim replies (RFC 9110 15.2, 10.1.1) ------------------------------ */

static void an_interim_reply_has_no_length_and_no_coding(void **state)
{
	static const int statuses[] = {100, 102, 103};

	(void)state;
	bed_serve(bed_keep, NULL);
	memio_client *c = bed_sent(HELLO);
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
		assert_int_equal(weir_reply_interim(bed.req, statuses[i]), 0);
	assert_string_equal(bed_received(c),
	                    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
	                    "HTTP/1.1 103 Early Hints\r\n\r\n");
	weir_reply(bed.req, 200, NULL, NULL, 0);
	assert_int_equal(bed_count(c, "Content-Length"), 1);
}

static void http_1_0_gets_no_interim_reply(void **state)
{
	(void)state;
	bed_serve(read_all, NULL);
	memio_client *c = bed_sent("POST / HTTP/1.0\r\nContent-Length: 3\r\n"
	                           "Expect: 100-continue\r\n\r\n");
	assert_int_equal(bed.requests, 1);
	assert_int_equal(weir_reply_interim(bed.req, 100), 0);
	assert_int_equal(weir_reply_interim(bed.req, 103), 0);
	assert_string_equal(bed_received(c), "");
	bed_sends(c, "abc");
	assert_int_equal(bed.ends, 1);
	weir_reply(bed.req, 200, NULL, NULL, 0);
	bed_assert_status(c, 200);
}

/* Who waits for 100 gets it, or a final status, at once: nobody waits for the other. */
static void an_expectation_is_answered_before_the_content(void **state)
{
	static const char text[] = POST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n";

	(void)state;
	bed_serve(read_all, NULL);
	memio_client *c = bed_sent(text);
	assert_string_equal(bed_received(c), "HTTP/1.1 100 Continue\r\n\r\n");
	/* Whatever becomes of it, a final status follows. */
	memio_client_forget(c);
	weir_reply_end(bed.req);
	bed_assert_status(c, 500);
	weir_loop_free(bed.loop);

	bed_serve(say_status, NULL);
	c = bed_sent("POST /401 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
	             "Expect: 100-continue\r\n\r\n");
	bed_assert_status(c, 401);
}

static void begin_then_read(weir_req *req, void *arg)
{
	assert_true(weir_reply_begin(req, 200, 0) >= 0);
	read_all(req, arg);
	weir_reply_end(req);
}

/* A final status has begun: no interim one may follow, and the body may never come. */
static void no_interim_reply_comes_behind_a_final_one(void **state)
{
	(void)state;
	bed_serve(begin_then_read, NULL);
	memio_client *c = bed_sent(POST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	bed_assert_status(c, 200);
	bed_assert_lacks(c, "100 Continue");
	bed_assert_has(c, "\r\nConnection: close\r\n");
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

/* ---- the end of messages and connections ---------------------------------- */

static void a_chunked_request_that_is_cut_is_incomplete(void **state)
{
	static const char *const bodies[] = {"",
	                                     "3",
	                                     "3\r\nab",
	                                     "3\r\nabc\r\n",
	                                     "3\r\nabc\r\n0\r\n",
	                                     "3\r\nabc\r\n0\r\nA: b\r\n"};

	(void)state;
	bed_serve(read_all, NULL);
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		memio_client *c = bed_sent(POST "Transfer-Encoding: chunked\r\n\r\n");

		memio_client_send_text(c, bodies[i]);
		memio_client_finish(c);
		bed_settle();
		assert_int_equal(bed.ends, 0);
		assert_int_equal(bed.gones, i + 1);
		assert_int_equal(bed.why, WEIR_ESHORT);
		assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	}
}

static void who_asks_for_the_end_gets_it(void **state)
{
	(void)state;
	bed_serve(say_status, NULL);
	/* In any case, in a list, in a later line, and not to be outdone by keep-alive. */
	memio_client *c = bed_sent("GET /200 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n"
	                           "Connection: x-y,, CLOSE\r\n\r\n"
	                           "GET /200 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(bed.requests, 1);
	assert_int_equal(bed_count(c, "HTTP/1.1 "), 1);
	bed_assert_has(c, "\r\nConnection: close\r\n");
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	bed_pass(2100);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
}

static void who_is_told_of_the_end_gets_it(void **state)
{
	const weir_server_opts opts = {.max_requests = 1};

	(void)state;
	bed_serve(say_status, &opts);
	memio_client *c = bed_sent("GET /200 HTTP/1.1\r\nHost: a\r\n\r\n"
	                           "GET /200 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(bed.requests, 1);
	assert_int_equal(bed_count(c, "\r\nConnection: close\r\n"), 1);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
}

static void an_upgrade_that_is_not_offered_is_ignored(void **state)
{
	static const char *const requests[] = {
		"GET /200 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
		"GET /200 HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
	};

	(void)state;
	bed_serve(say_status, NULL);
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		bed_assert_status(bed_sent(requests[i]), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RFC_TEST(an_absolute_target_overrides_host),
		RFC_TEST(it_can_be_asked_when_the_peer_has_left),
		RFC_TEST(absolute_targets_are_served),
		RFC_TEST(nothing_is_done_before_the_head_is_complete),
		RFC_TEST(get_and_head_need_no_option),
		RFC_TEST(a_refusal_is_a_complete_reply_and_the_last),
		RFC_TEST(a_refusal_of_head_has_no_content),
		RFC_TEST(a_405_names_the_methods),
		RFC_TEST(connect_needs_to_be_offered),
		RFC_TEST(trace_gives_nothing_back),
		RFC_TEST(replies_are_http_1_1_to_everybody),
		RFC_TEST(every_final_reply_has_one_date),
		RFC_TEST(a_status_without_a_phrase_keeps_its_space),
		RFC_TEST(no_octet_of_the_application_breaks_a_line),
		RFC_TEST(a_426_lists_upgrade_in_connection),
		RFC_TEST(a_field_that_does_not_fit_leaves_no_half),
		RFC_TEST(a_reply_to_head_is_that_to_get_without_content),
		RFC_TEST(some_statuses_have_no_length_and_no_coding),
		RFC_TEST(a_205_is_empty),
		RFC_TEST(a_whole_205_is_empty),
		RFC_TEST(a_length_and_a_coding_are_never_together),
		RFC_TEST(an_interim_reply_has_no_length_and_no_coding),
		RFC_TEST(http_1_0_gets_no_interim_reply),
		RFC_TEST(an_expectation_is_answered_before_the_content),
		RFC_TEST(no_interim_reply_comes_behind_a_final_one),
		RFC_TEST(a_chunked_request_that_is_cut_is_incomplete),
		RFC_TEST(who_asks_for_the_end_gets_it),
		RFC_TEST(who_is_told_of_the_end_gets_it),
		RFC_TEST(an_upgrade_that_is_not_offered_is_ignored),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
