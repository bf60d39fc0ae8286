/*
 * What may one client cost? Whatever a peer can make endless is sent without
 * end, in large pieces and in small ones: it is refused in the end or costs
 * nothing more, and all that is allocated for the connection stays below a
 * bound throughout.
 */
#include "tests/memio/http_bed.h"

#include <string.h>

enum { MOST = 128 * 1024, ENOUGH = 4 * 1024 * 1024, LARGE = 60000, SMALL = 7 };

#define TO "Host: a\r\n"
#define CHUNKED TO "Transfer-Encoding: chunked\r\n\r\n"
#define GET "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\n"

struct endless {
	const char *name, *begin, *again;
	int status;  /* of the refusal; 0: it goes on for ever */
	bool unread; /* the client does not read */
};

static const struct endless kinds[] = {
	{"method", "", "METHOD", 431, false},
	{"target", "GET /", "target", 414, false},
	{"empty lines", "", "\r\n", 400, false},
	{"field name", GET TO, "name", 431, false},
	{"field value", GET TO "X: ", "value", 431, false},
	{"white space before a value", GET TO "X:", " \t", 431, false},
	{"fields", GET TO, "a:\r\n", 431, false},
	{"long fields", GET TO, "Name: a value of some length, as they are\r\n", 431, false},
	{"chunk size", GET CHUNKED, "0", 400, false},
	{"chunk extension", GET CHUNKED "1;", "name", 400, false},
	{"quoted chunk extension", GET CHUNKED "1;a=\"", "value", 400, false},
	{"tiny chunks with extensions", GET CHUNKED, "1;a=b\r\nx\r\n", 400, false},
	{"tiny chunks", GET CHUNKED, "1\r\nx\r\n", 0, false},
	{"trailers", GET CHUNKED "0\r\n", "a:\r\n", 431, false},
	{"trailers that are passed over", GET CHUNKED "0\r\n", "Host: a\r\n", 431, false},
	{"trailer name", GET CHUNKED "0\r\n", "name", 431, false},
	{"trailer value", GET CHUNKED "0\r\nX: ", "value", 431, false},
	{"octets behind a refusal", "bad\r\n", "octets", 400, false},
	{"requests", "", GET TO "\r\n", 0, true},
	{"octets to be echoed", POST TO "Content-Length: 99999999\r\n\r\n", "octets", 0, true},
	{"chunks to be echoed", POST CHUNKED, "a\r\n0123456789\r\n", 0, true},
	{"tiny chunks to be echoed", POST CHUNKED, "1\r\nx\r\n", 0, true},
};

/* ---- the application ---------------------------------------------------- */

static size_t echo(weir_req *req, const char *data, size_t len, void *arg)
{
	(void)arg;
	if (weir_reply_write(req, data, len) > 64 * 1024)
		weir_req_hold(req, true);
	return len;
}

static void go_on(weir_req *req, void *arg)
{
	(void)arg;
	weir_req_hold(req, false);
}

static void end(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply(req, 200, NULL, "Hello World\n", 12);
}

static void handle(weir_req *req, void *arg)
{
	static const weir_req_ops drops = {
		.data = bed_on_data, .end = end, .gone = bed_on_gone_end};
	static const weir_req_ops echoes = {.data = echo, .drain = go_on, .gone = bed_on_gone_end};
	const bool is_post = weir_req_method(req) == WEIR_POST;

	weir_req_on(req, is_post ? &echoes : &drops, arg);
	if (is_post)
		weir_reply_begin(req, 200, weir_req_length(req));
}

/* ---- the peer ----------------------------------------------------------- */

/* Sends so many of the endless octets, from the n-th on. */
static void send_some(memio_client *c, const char *again, size_t n, size_t len)
{
	static char piece[LARGE];
	const size_t period = strlen(again);

	for (size_t i = 0; i < len; i++)
		piece[i] = again[(n + i) % period];
	memio_client_send(c, piece, len);
	bed_turns(4);
}

static bool is_over(const struct endless *kind, memio_client *c, size_t sent)
{
	if (memio_client_closed(c) != MEMIO_OPEN && memio_client_closed(c) != MEMIO_FINISHED)
		return true;
	/* What stays in the kernel is no matter of the server's. */
	return sent >= ENOUGH || (kind->unread && memio_client_unread(c) > 2 * LARGE);
}

/* The most that was allocated for it. */
static size_t cost(const struct endless *kind, size_t piece)
{
	const size_t before = bed.alloc.live_octets;
	memio_client *c = memio_client_connect(NULL);
	size_t most = 0;

	if (kind->unread)
		memio_client_window(c, 0);
	bed_turns(4);
	memio_client_send_text(c, kind->begin);
	for (size_t sent = 0; !is_over(kind, c, sent); sent += piece) {
		send_some(c, kind->again, sent, piece);
		if (bed.alloc.live_octets - before > most)
			most = bed.alloc.live_octets - before;
	}
	if (kind->status && bed_status(c) != kind->status)
		fail_msg("%s: not refused with %d: %s", kind->name, kind->status, bed_received(c));
	if (!kind->status)
		assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	return most;
}

static void try_all(size_t piece)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t most;

		bed_setup(NULL);
		bed_serve(handle, NULL);
		most = cost(&kinds[i], piece);
		bed_teardown(NULL);
		if (most > MOST)
			fail_msg("%s: %zu octets", kinds[i].name, most);
	}
}

static void what_is_endless_costs_little(void **state)
{
	(void)state;
	try_all(LARGE);
}

static void also_when_it_comes_slowly(void **state)
{
	(void)state;
	try_all(SMALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_endless_costs_little),
		cmocka_unit_test(also_when_it_comes_slowly),
	};

	test_watchdog(100);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
