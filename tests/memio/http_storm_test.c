/*
 * Does the HTTP server survive whatever client, application and memory do, in
 * whatever order? Each storm is drawn from its number; it must end with nothing
 * lost, nothing done against the kernel's contract, no callback inside a call
 * and each request that was in hand told at most once that its peer is gone.
 */
#include "tests/memio/http_bed.h"

#include <stdlib.h>
#include <string.h>

#include "core/stream.h"
#include "http/conn.h"

enum { STORMS = 3000, STEPS = 120, CLIENTS = 4, IN_HAND = 32 };

static uint64_t raging;

/* ---- the application ---------------------------------------------------- */

static struct hand {
	weir_req *req;
	bool gone, ended_body;
} hands[IN_HAND];

static int inside;
static char text[100000];

static struct hand *hand_of(const weir_req *req)
{
	for (int i = 0; i < IN_HAND; i++)
		if (hands[i].req == req)
			return &hands[i];
	return NULL;
}

static void ask(const weir_req *req)
{
	weir_str name, value;
	char peer[64];
	unsigned sum = 0;

	(void)weir_req_path(req);
	(void)weir_req_query(req);
	(void)weir_req_field(req, test_roll(2) ? "Host" : "X-Storm");
	(void)weir_req_client(req, peer, sizeof peer);
	(void)weir_req_peer(req, peer, sizeof peer);
	(void)weir_req_upgrade(req);
	for (unsigned i = 0; weir_req_nth_trailer(req, i, &name, &value); i++)
		assert_true(name.len == 1 && value.len == 1);
	for (unsigned i = 0; weir_req_nth(req, i, &name, &value); i++)
		for (size_t k = 0; k < value.len; k++)
			sum += (unsigned char)value.data[k];
	assert_true(sum < 1000000);
	weir_str target = weir_req_target(req);
	assert_true(target.len == 0 || target.data[0] == '/' || target.data[1] == ':');
}

static void let_go(weir_req *req)
{
	struct hand *hand = hand_of(req);

	if (hand)
		hand->req = NULL;
}

static const weir_req_ops all_ops, some_ops;

/* ---- connections that have left HTTP ------------------------------------ */

static void stir(weir_stream *stream)
{
	switch (test_roll(12)) {
	case 0:
		weir_close(stream);
		break;
	case 1:
		weir_finish(stream);
		break;
	case 2:
		weir_hold(stream, test_roll(2));
		break;
	case 3:
		weir_idle(stream, (int32_t)test_roll(20000));
		break;
	default:
		weir_write(stream, text, test_roll(20) ? test_roll(500) : test_roll(90000));
	}
}

static size_t lines_data(weir_stream *stream, const char *data, size_t len, void *arg)
{
	const size_t used = test_roll(3) ? len : test_roll((uint32_t)len + 1);

	(void)data;
	(void)arg;
	assert_int_equal(inside, 0);
	inside++;
	stir(stream);
	inside--;
	return used;
}

static void lines_event(weir_stream *stream, void *arg)
{
	(void)arg;
	assert_int_equal(inside, 0);
	stir(stream);
}

static const weir_stream_ops lines_ops = {
	.data = lines_data, .end = lines_event, .drain = lines_event, .idle = lines_event};

/* ---- requests ----------------------------------------------------------- */

/* Something that an application may do with a request; false: it has ended it. */
static bool act(weir_req *req)
{
	int64_t result;

	ask(req);
	switch (test_roll(14)) {
	case 0:
	case 1:
	case 2:
		result = weir_reply(req, 200, "text/plain", text,
		                    test_roll(20) ? test_roll(100) : test_roll(90000));
		if (result < 0 && result != WEIR_ECLOSED)
			return true;
		let_go(req);
		return false;
	case 3:
		weir_reply_field(req, "X-Storm", "yes");
		return true;
	case 4:
		weir_reply_begin(req, 200, test_roll(2) ? WEIR_UNKNOWN : (int64_t)test_roll(1000));
		return true;
	case 5:
	case 6:
		weir_reply_write(req, text, test_roll(20) ? test_roll(500) : test_roll(90000));
		return true;
	case 7:
		weir_reply_end(req);
		let_go(req);
		return false;
	case 8:
		weir_req_on(req, test_roll(4) ? &all_ops : test_roll(2) ? &some_ops : NULL, NULL);
		return true;
	case 9:
		weir_req_hold(req, test_roll(2));
		return true;
	case 10:
		weir_reply_interim(req, 100 + (int)test_roll(4));
		return true;
	case 11:
		weir_reply_trailer(req, "X-Storm", "over");
		return true;
	case 12:
		if (weir_reply_switch(req, test_roll(9) ? "storm" : NULL, &lines_ops, NULL, NULL) <
		    0)
			return true;
		let_go(req);
		return false;
	default:
		return true;
	}
}

/* One thing in ten storms' worth of callbacks: the server itself. */
static void perhaps_end_the_server(void)
{
	if (!bed.server || test_roll(400))
		return;
	if (test_roll(2)) {
		weir_server_drain(bed.server, (int64_t)test_roll(3000) - 1);
	} else {
		weir_server_free(bed.server);
		bed.server = NULL;
	}
}

static void some_acts(weir_req *req)
{
	assert_int_equal(inside, 0);
	inside++;
	for (uint32_t n = test_roll(4); n > 0 && act(req); n--)
		perhaps_end_the_server();
	inside--;
}

static bool told;

static void on_drained(weir_server *drained, void *arg)
{
	(void)arg;
	assert_int_equal(inside, 0);
	assert_ptr_equal(drained, bed.server);
	assert_int_equal(drained->conns, 0);
	assert_false(told);
	told = true;
	if (test_roll(2)) {
		weir_server_free(bed.server);
		bed.server = NULL;
	}
}

static void on_request(weir_req *req, void *arg)
{
	struct hand *hand = hand_of(NULL);

	(void)arg;
	if (!hand) {
		weir_reply(req, 503, NULL, NULL, 0);
		return;
	}
	*hand = (struct hand){.req = req};
	some_acts(req);
}

static size_t on_data(weir_req *req, const char *data, size_t len, void *arg)
{
	size_t used = test_roll(3) ? len : test_roll((uint32_t)len + 1);

	(void)arg;
	/* Of this one the client never sends the body, but other requests. */
	for (size_t i = 0; i < len && weir_req_length(req) != 500000; i++)
		assert_true(data[i] == 'b');
	some_acts(req);
	return used;
}

static void on_end(weir_req *req, void *arg)
{
	struct hand *hand = hand_of(req);

	(void)arg;
	assert_non_null(hand);
	assert_false(hand->ended_body);
	hand->ended_body = true;
	some_acts(req);
}

static void on_drain(weir_req *req, void *arg)
{
	(void)arg;
	some_acts(req);
}

static void on_gone(weir_req *req, int why, void *arg)
{
	struct hand *hand = hand_of(req);

	(void)arg;
	assert_true(why < 0);
	assert_non_null(hand);
	assert_false(hand->gone);
	hand->gone = true;
	some_acts(req);
}

static const weir_req_ops all_ops = {on_data, on_end, on_drain, on_drain, on_gone};
static const weir_req_ops some_ops = {NULL, on_end, on_drain, on_drain, on_gone};

static bool on_expect(weir_req *req, void *arg)
{
	(void)req;
	(void)arg;
	return test_roll(2);
}

/* Of requests that are over, and of none twice: nothing is left of it then. */
static void on_log(weir_req *req, const weir_access *access, void *arg)
{
	char line[600];

	(void)arg;
	assert_int_equal(inside, 0);
	inside++;
	assert_null(hand_of(req));
	ask(req);
	assert_true(access->ms >= 0 && access->sent >= 0);
	assert_true(access->status == 0 || access->status == 101 || access->status >= 200);
	assert_true(weir_access_format(line, sizeof line, req, access, WEIR_ACCESS_COMBINED) > 0);
	struct hand *hand = &hands[test_roll(IN_HAND)];
	if (hand->req && test_roll(2))
		act(hand->req);
	perhaps_end_the_server();
	inside--;
}

/* ---- clients ------------------------------------------------------------ */

#define OFFER "Connection: upgrade\r\nUpgrade: x, storm\r\n"
#define WAITING "Expect: 100-continue\r\n"
#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

static const char *const words[] = {
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /x?y HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\nE: f\r\n\r\n",
	"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nbbbbb",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nbbbbb",
	CHUNKED "3\r\nbbb\r\n1\r\nb\r\n7;q=r\r\nbbbbbbb\r\n0\r\nT: u\r\nV: w\r\n\r\n",
	"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n",
	"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
	"BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\n" OFFER "\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\n" OFFER "Content-Length: 5\r\n\r\nbbbbb",
	"POST / HTTP/1.1\r\nHost: a\r\n" OFFER WAITING "Content-Length: 5\r\n\r\nbbbbb",
	"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
};

static const char *const bad_words[] = {
	"GET / HTTP/1.1\r\n\r\n",
	CHUNKED "3\r\nbbbx\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\nExpect: 100-continue\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	"GET / HTTP/1.0\r\n\r\n",
	"\n",
};

struct visitor {
	memio_client *c;
	const char *word; /* what is being sent, in pieces */
	size_t left;
};

static void speak(struct visitor *v)
{
	if (!v->left) {
		v->word = test_roll(30)
		                  ? words[test_roll(sizeof words / sizeof *words)]
		                  : bad_words[test_roll(sizeof bad_words / sizeof *bad_words)];
		v->left = strlen(v->word);
	}
	size_t n = test_roll(3) ? v->left : 1 + test_roll((uint32_t)v->left);

	memio_client_send(v->c, v->word, n);
	v->word += n;
	v->left -= n;
}

static void visit(struct visitor *v)
{
	static char body[40000];

	if (!v->c) {
		*v = (struct visitor){.c = memio_client_connect(NULL)};
		return;
	}
	switch (test_roll(40)) {
	case 0:
		memio_client_finish(v->c);
		v->c = NULL;
		break;
	case 1:
		memio_client_reset(v->c);
		v->c = NULL;
		break;
	case 2:
		memio_client_close(v->c);
		v->c = NULL;
		break;
	case 3:
		memio_client_window(v->c, test_roll(2) ? test_roll(2000) : SIZE_MAX);
		break;
	case 4:
		/* Much more than is read ahead. */
		if (v->left)
			break;
		memset(body, 'b', sizeof body);
		memio_client_send_text(
			v->c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n");
		memio_client_send(v->c, body, sizeof body);
		break;
	case 5:
		memio_client_read(v->c, test_roll(3000));
		break;
	default:
		speak(v);
	}
}

/* ---- storms ------------------------------------------------------------- */

static bool open_all(void)
{
	const weir_server_opts opts = {
		.expect = on_expect,
		.methods = test_roll(2) ? 0 : ~(~0u << (WEIR_PATCH + 1)),
		.high = test_roll(2) ? 0 : 17000,
		.max_queue = test_roll(2) ? 0 : 70000,
		.max_requests = test_roll(2) ? 0 : 20,
		.max_conns = test_roll(2) ? 0 : 3,
		.max_per_peer = test_roll(2) ? 0 : 2,
		.max_pipelined = test_roll(2) ? 0 : 1 + (int32_t)test_roll(3),
		.drain_idle_ms = test_roll(3) ? 0 : WEIR_OFF,
		.drained = on_drained,
		.log = test_roll(2) ? on_log : NULL,
		.trusted = test_roll(2) ? "127.0.0.0/8" : NULL,
	};

	told = false;
	return bed_try_serve(on_request, &opts) >= 0;
}

/* Whatever it was in the midst of: in its grace, and what lingers behind it, it has drained. */
static void all_is_over(void)
{
	const int64_t until = memio_now() + 3000;

	if (bed.server)
		weir_server_drain(bed.server, 1000);
	while (bed.server && !told && memio_now() < until) {
		assert_true(weir_loop_step(bed.loop, until - memio_now()) >= 0);
		for (int i = 0; i < IN_HAND; i++)
			if (hands[i].req)
				some_acts(hands[i].req);
	}
	assert_true(!bed.server || told);
	for (int i = 0; i < IN_HAND; i++)
		if (hands[i].req)
			weir_reply_end(hands[i].req);
	weir_server_free(bed.server);
	bed.server = NULL;
	for (int i = 0; i < 3; i++)
		assert_true(weir_loop_step(bed.loop, 0) >= 0);
	/* Nothing is waited for by anybody. */
	assert_null(bed.loop->tenants);
}

static void storm(uint64_t number)
{
	struct visitor visitors[CLIENTS] = {{0}};

	raging = number;
	test_dice(number);
	bed_setup(NULL);
	memset(hands, 0, sizeof hands);
	if (number % 3 == 1)
		bed.alloc.fail_at = 1 + test_roll(200);
	if (number % 9 == 1)
		bed.alloc.fail_after = true;
	if (number % 5 == 2)
		memio_short_reads(1 + test_roll(50));
	if (number % 5 == 3)
		memio_short_writes(1 + test_roll(50));
	if (open_all())
		for (int i = 0; i < STEPS; i++) {
			visit(&visitors[test_roll(CLIENTS)]);
			if (test_roll(3))
				assert_true(weir_loop_step(bed.loop,
				                           test_roll(10) ? 0 : test_roll(20000)) >=
				            0);
			struct hand *hand = &hands[test_roll(IN_HAND)];
			/* Not inside a callback: as from a timer. */
			if (hand->req)
				some_acts(hand->req);
		}
	if (number % 2 && bed.loop)
		all_is_over();
	bed_teardown(NULL);
	raging = 0;
}

/* The number of the storm that failed: WEIR_STORM=NUMBER repeats it alone. */
static int say_which(void **state)
{
	(void)state;
	if (raging)
		print_error("storm %llu\n", (unsigned long long)raging);
	return 0;
}

static void storms_are_survived(void **state)
{
	const char *one = getenv("WEIR_STORM");

	(void)state;
	memset(text, 't', sizeof text);
	if (one) {
		storm(strtoull(one, NULL, 10));
		return;
	}
	for (uint64_t number = 1; number <= STORMS; number++)
		storm(number);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(storms_are_survived, say_which)};

	test_watchdog(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
