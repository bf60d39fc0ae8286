/*
 * Is every request answered, and every body told to its end, when nobody
 * misbehaves? Clients send good requests and read all replies, in pieces of any
 * size; the application takes its time, reads in pieces, holds and resumes. In
 * whatever order that happens, nothing may be forgotten: no limit is near, so
 * what is not done soon would never be.
 */
#include "tests/memio/http_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/conn.h"

enum { CALMS = 1500, REQUESTS = 12, LONGEST = 30000 };

static uint64_t trying;

/* ---- the application ---------------------------------------------------- */

enum what { ANSWER, READ, RESUME, WRITE };

static struct work {
	weir_req *req; /* NULL: answered */
	weir_timer timer;
	enum what next; /* what the timer does */
	bool reads, ended, begun;
} works[REQUESTS];

static int begun, answered, logged;
static char text[LONGEST];
static const weir_req_ops reading;

static void answer(struct work *work)
{
	weir_req *req = work->req;

	work->req = NULL;
	answered++;
	if (work->begun)
		assert_int_equal(weir_reply_end(req), 0);
	else
		assert_true(weir_reply(req, 200, NULL, text, test_roll(4) ? 10 : test_roll(9000)) >=
		            0);
}

static void in_a_while(struct work *work, enum what next)
{
	work->next = next;
	weir_timer_start(bed.loop, &work->timer, 1 + test_roll(10), 0);
}

static void read_body(struct work *work)
{
	work->reads = true;
	weir_req_on(work->req, &reading, work);
}

static void write_some(struct work *work)
{
	if (!work->begun)
		assert_true(weir_reply_begin(work->req, 200, WEIR_UNKNOWN) >= 0);
	work->begun = true;
	assert_true(weir_reply_write(work->req, text, test_roll(8000)) >= 0);
	in_a_while(work, test_roll(3) ? WRITE : ANSWER);
}

static void on_time(weir_timer *timer, void *arg)
{
	struct work *work = arg;

	(void)timer;
	switch (work->next) {
	case ANSWER:
		answer(work);
		break;
	case READ:
		read_body(work);
		break;
	case RESUME:
		weir_req_hold(work->req, false);
		break;
	case WRITE:
		write_some(work);
		break;
	}
}

static size_t on_data(weir_req *req, const char *data, size_t len, void *arg)
{
	struct work *work = arg;

	(void)data;
	if (!test_roll(4) && !work->timer.started) {
		weir_req_hold(req, true);
		in_a_while(work, RESUME);
	}
	return test_roll(2) ? len : test_roll((uint32_t)len + 1);
}

static void on_end(weir_req *req, void *arg)
{
	struct work *work = arg;

	(void)req;
	assert_false(work->ended);
	work->ended = true;
	if (test_roll(2))
		answer(work);
	else
		in_a_while(work, test_roll(2) ? ANSWER : WRITE);
}

static void on_gone(weir_req *req, int why, void *arg)
{
	(void)req;
	(void)arg;
	fail_msg("gone: %d", why);
}

static const weir_req_ops reading = {.data = on_data, .end = on_end, .gone = on_gone};

static void on_request(weir_req *req, void *arg)
{
	struct work *work = &works[begun++];

	(void)arg;
	*work = (struct work){.req = req};
	weir_timer_init(&work->timer, on_time, work);
	switch (test_roll(6)) {
	case 0:
		answer(work);
		break;
	case 1:
		in_a_while(work, ANSWER);
		break;
	case 2:
		in_a_while(work, READ);
		break;
	case 3:
		read_body(work);
		weir_req_hold(req, true);
		in_a_while(work, RESUME);
		break;
	default:
		read_body(work);
	}
}

static void on_log(weir_req *req, const weir_access *access, void *arg)
{
	(void)arg;
	assert_true(weir_req_target(req).len == 1);
	assert_int_equal(access->status, 200);
	logged++;
}

/* ---- the client --------------------------------------------------------- */

static char requests[REQUESTS * (LONGEST + 1000)];

static size_t put(size_t at, const void *data, size_t len)
{
	memcpy(requests + at, data, len);
	return at + len;
}

static size_t put_text(size_t at, const char *words)
{
	return put(at, words, strlen(words));
}

static size_t put_length(size_t at, const char *form, unsigned n)
{
	return at + (size_t)sprintf(requests + at, form, n);
}

static size_t put_body(size_t at)
{
	const unsigned len = test_roll(3) ? test_roll(300) : test_roll(LONGEST);

	at = put_length(at, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %u\r\n\r\n", len);
	return put(at, text, len);
}

static size_t put_chunks(size_t at)
{
	at = put_text(at, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (uint32_t n = test_roll(5); n > 0; n--) {
		const unsigned len = 1 + test_roll(test_roll(3) ? 300 : 6000);

		at = put_length(at, "%x\r\n", len);
		at = put_text(put(at, text, len), "\r\n");
	}
	return put_text(at, test_roll(2) ? "0\r\n\r\n" : "0\r\nA: b\r\nC: d\r\n\r\n");
}

static size_t put_request(size_t at)
{
	switch (test_roll(4)) {
	case 0:
		return put_body(at);
	case 1:
		return put_chunks(at);
	default:
		return put_text(at, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	}
}

static int replies(const memio_client *c)
{
	size_t len;
	const char *at = memio_client_received(c, &len);
	int n = 0;

	for (; (at = strstr(at, "HTTP/1.1 200 ")) != NULL; at++)
		n++;
	return n;
}

/* ---- calm --------------------------------------------------------------- */

static void turn(memio_client *c)
{
	memio_client_read(c, test_roll(4000));
	assert_true(weir_loop_step(bed.loop, 1) >= 0);
}

static void calm(uint64_t number)
{
	const int wanted = 1 + (int)(number % REQUESTS);
	size_t len = 0;

	trying = number;
	test_dice(number);
	bed_setup(NULL);
	begun = answered = logged = 0;
	const bool logs = test_roll(2);
	const weir_server_opts opts = {.high = test_roll(2) ? 0 : 2000,
	                               .log = logs ? on_log : NULL,
	                               .max_pipelined =
	                                       test_roll(2) ? 0 : 1 + (int32_t)test_roll(3)};
	bed_serve(on_request, &opts);
	memio_client *c = memio_client_connect(NULL);
	if (test_roll(2))
		memio_client_window(c, 100 + test_roll(3000));
	if (!test_roll(3))
		memio_short_reads(100 + test_roll(1000));
	for (int i = 0; i < wanted; i++)
		len = put_request(len);
	for (size_t sent = 0; sent < len; turn(c)) {
		size_t n = 1 + test_roll(test_roll(3) ? 2000 : 40000);

		n = n < len - sent ? n : len - sent;
		memio_client_send(c, requests + sent, n);
		sent += n;
	}
	const bool finishes = test_roll(2);
	if (finishes)
		memio_client_finish(c);
	for (int i = 0; i < 5000 && answered < wanted; i++)
		turn(c);
	memio_client_window(c, SIZE_MAX);
	for (int i = 0; i < 500; i++)
		turn(c);
	assert_int_equal(answered, wanted);
	assert_int_equal(replies(c), wanted);
	assert_int_equal(logged, logs ? wanted : 0);
	for (int i = 0; i < wanted; i++)
		assert_int_equal(works[i].ended, works[i].reads);
	/* Nothing is kept of what is over. */
	assert_null(bed.server->reqs);
	assert_int_equal(memio_client_closed(c), finishes ? MEMIO_CLOSED : MEMIO_OPEN);
	bed_teardown(NULL);
	trying = 0;
}

/* The number of the calm that failed: WEIR_CALM=NUMBER repeats it alone. */
static int say_which(void **state)
{
	(void)state;
	if (trying)
		print_error("calm %llu\n", (unsigned long long)trying);
	return 0;
}

static void nothing_is_forgotten(void **state)
{
	const char *one = getenv("WEIR_CALM");

	(void)state;
	memset(text, 't', sizeof text);
	if (one) {
		calm(strtoull(one, NULL, 10));
		return;
	}
	for (uint64_t number = 1; number <= CALMS; number++)
		calm(number);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(nothing_is_forgotten, say_which)};

	test_watchdog(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
