/*
 * wheel_test.c: do time limits end streams when they should? Under a clock that
 * jumps (tests/memio), so that days pass in no time. Limits are looked at once per
 * tick: never before their time, and at most a tick after it.
 */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "core/stream.h"
#include "tests/memio/memio.h"

enum { TICK = WEIR__WHEEL_TICK, TURN = WEIR__WHEEL_TICK * WEIR__WHEEL_SLOTS };

/* A connection and what became of it. */
struct conn {
	weir_stream *stream;
	memio_client *client;
	int64_t ended; /* when; -1: not yet */
	int why;
	int idles;
	struct conn *victim; /* closed by the idle callback */
	int64_t limit;       /* what the model believes: due at, or -1 */
};

enum { MOST = 600 };

static weir_loop *loop;
static struct test_alloc alloc;
static struct conn conns[MOST];
static int nconns;

static void ended(weir_stream *stream, int why, void *arg)
{
	struct conn *c = arg;

	assert_ptr_equal(c->stream, stream);
	c->ended = memio_now();
	c->why = why;
	c->stream = NULL;
}

static const weir_stream_ops served = {.gone = ended};

static void opened(weir_stream *stream, void *arg)
{
	struct conn *c = &conns[nconns++];

	(void)arg;
	c->stream = stream;
	c->ended = c->limit = -1;
	weir_stream_on(stream, &served, c);
}

static const weir_stream_ops accepted = {.open = opened};

static void told_idle(weir_stream *stream, void *arg)
{
	struct conn *c = arg;

	(void)stream;
	c->idles++;
	c->ended = memio_now();
	if (c->victim && c->victim->stream) {
		weir_close(c->victim->stream);
		c->victim->stream = NULL;
	}
}

static const weir_stream_ops idled = {.gone = ended, .idle = told_idle};

static int setup(void **state)
{
	const weir_loop_opts opts = {.alloc = test_alloc_fn, .alloc_arg = &alloc};

	(void)state;
	memio_reset();
	memset(conns, 0, sizeof conns);
	memset(&alloc, 0, sizeof alloc);
	nconns = 0;
	int result = weir_loop_new(&loop, &opts);
	if (result == 0)
		result = weir_listen(loop, NULL, "127.0.0.1:80", NULL, &accepted, NULL);
	return result;
}

static int teardown(void **state)
{
	(void)state;
	weir_loop_free(loop);
	assert_int_equal(alloc.live_octets, 0);
	assert_int_equal(memio_open_fds(), 0);
	assert_null(memio_misuse());
	return 0;
}

static struct conn *connect_one(void)
{
	struct conn *c = &conns[nconns];

	c->client = memio_client_connect(NULL);
	assert_non_null(c->client);
	while (!c->stream)
		assert_int_equal(weir_loop_step(loop, 0), 1);
	return c;
}

/* Turns until that time, and no longer. */
static void run_to(int64_t ms)
{
	while (memio_now() < ms)
		assert_int_equal(weir_loop_step(loop, ms - memio_now()), 1);
}

static void run_until_ended(struct conn *c)
{
	while (c->ended < 0)
		assert_int_equal(weir_loop_step(loop, -1), 1);
}

/* ---- one limit ---------------------------------------------------------- */

static void a_limit_is_never_early_and_at_most_a_tick_late(void **state)
{
	static const int32_t limits[] = {
		1,           2,        TICK - 1,    TICK,     TICK + 1,      100,
		1000,        5000,     TURN - TICK, TURN - 1, TURN,          TURN + 1,
		TURN + TICK, 2 * TURN, 1000000,     86400000, INT32_MAX / 2, INT32_MAX / 2 + 1,
		INT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		for (int offset = 0; offset < 6; offset++) {
			run_to(memio_now() + 37);
			struct conn *c = connect_one();
			const int64_t began = memio_now();
			weir_idle(c->stream, limits[i]);
			run_until_ended(c);
			assert_int_equal(c->why, WEIR_ETIMEOUT);
			assert_in_range(c->ended - began, limits[i], (int64_t)limits[i] + TICK);
		}
	}
}

/* Deadlines are kept modulo 2^32 ms, which passes after 49 days. */
static void limits_survive_the_clock_of_32_bits(void **state)
{
	(void)state;
	run_to((int64_t)UINT32_MAX - 1000);
	for (int i = 0; memio_now() < (int64_t)UINT32_MAX + 1000; i++) {
		struct conn *c = connect_one();
		const int64_t began = memio_now();
		weir_idle(c->stream, 150 + i);
		run_until_ended(c);
		assert_in_range(c->ended - began, 150 + i, 150 + i + TICK);
	}
}

static void no_limit_is_for_ever(void **state)
{
	struct conn *c = connect_one();

	(void)state;
	weir_idle(c->stream, 1000);
	weir_idle(c->stream, 0);
	run_to(INT64_C(100) * 86400000);
	assert_int_equal(c->ended, -1);
	weir_idle(c->stream, 1000);
	weir_idle(c->stream, WEIR_OFF);
	run_to(INT64_C(200) * 86400000);
	assert_int_equal(c->ended, -1);
	assert_int_equal(loop->wheel.count, 0);
}

/* After a pause outside of the loop, times count from now on. */
static void a_loop_that_was_not_run_for_long_gives_the_whole_limit(void **state)
{
	(void)state;
	memio_pass(60000);
	struct conn *c = connect_one();
	weir_idle(c->stream, 1000);
	run_until_ended(c);
	assert_in_range(c->ended, 61000, 61000 + TICK);
}

/* ---- moving it ---------------------------------------------------------- */

static void a_refresh_only_writes_the_deadline(void **state)
{
	struct conn *c = connect_one();

	(void)state;
	weir_idle(c->stream, 10000);
	const int32_t slot = c->stream->limit.prev; /* it is the first one there */
	for (int i = 1; i <= 9; i++) {
		run_to(1000 * i);
		memio_client_send_text(c->client, "x");
		assert_int_equal(weir_loop_step(loop, 0), 1);
		assert_int_equal(c->stream->limit.prev, slot);
	}
	run_until_ended(c);
	assert_in_range(c->ended, 19000, 19000 + TICK);
}

static void who_keeps_talking_is_never_ended(void **state)
{
	struct conn *c = connect_one();

	(void)state;
	weir_idle(c->stream, 100);
	for (int i = 0; i < 10000; i++) {
		run_to(memio_now() + 99);
		memio_client_send_text(c->client, "x");
		assert_int_equal(weir_loop_step(loop, 0), 1);
		assert_int_equal(c->ended, -1);
	}
	const int64_t last = memio_now();
	run_until_ended(c);
	assert_in_range(c->ended - last, 100, 100 + TICK);
}

static void an_earlier_deadline_counts_at_once(void **state)
{
	struct conn *c = connect_one();

	(void)state;
	weir_idle(c->stream, 100000);
	run_to(500);
	weir_idle(c->stream, 100);
	assert_int_equal(loop->wheel.count, 1);
	run_until_ended(c);
	assert_in_range(c->ended, 600, 600 + TICK);
}

static void an_idle_callback_is_called_each_time_anew(void **state)
{
	struct conn *c = connect_one();

	(void)state;
	weir_stream_on(c->stream, &idled, c);
	weir_idle(c->stream, 1000);
	int64_t before = memio_now();
	for (int i = 1; i <= 20; i++) {
		while (c->idles < i)
			assert_int_equal(weir_loop_step(loop, -1), 1);
		assert_in_range(c->ended - before, 1000, 1000 + TICK);
		before = c->ended;
	}
	assert_non_null(c->stream);
}

static void a_limit_of_the_protocols_comes_once(void **state)
{
	struct conn *c = connect_one();

	(void)state;
	weir_stream_on(c->stream, &idled, c);
	weir__stream_limit(c->stream, 500);
	run_to(400);
	weir__stream_limit(c->stream, -1);
	run_to(5000);
	assert_int_equal(c->idles, 0);
	weir__stream_limit(c->stream, 0);
	run_to(5000 + TICK);
	assert_int_equal(c->idles, 1);
	run_to(100000);
	assert_int_equal(c->idles, 1);
}

/* ---- many --------------------------------------------------------------- */

static void a_callback_may_close_its_neighbours_in_the_slot(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++)
		connect_one();
	for (int i = 0; i < 30; i++) {
		struct conn *c = &conns[i];
		weir_stream_on(c->stream, &idled, c);
		c->victim = &conns[(i + (i % 2 ? 1 : 29)) % 30];
		weir_idle(c->stream, 1000);
	}
	run_to(1000 + TICK);
	int told = 0, alive = 0;
	for (int i = 0; i < 30; i++) {
		told += conns[i].idles;
		alive += conns[i].stream != NULL;
	}
	assert_true(told > 0 && told + alive >= 15);
	assert_int_equal(loop->wheel.count, alive);
}

/* What is done with one stream at a time, and when its limit would be. */
static void change(struct conn *c)
{
	const uint32_t dice = test_roll(8);
	const int32_t ms = (int32_t)(test_roll(dice < 4 ? 3000 : 300000)) + 1;

	if (dice == 0) {
		weir_idle(c->stream, 0);
		c->limit = -1;
	} else if (dice == 1 && c->limit >= 0) {
		memio_client_send_text(c->client, "x");
		assert_int_equal(weir_loop_step(loop, 0), 1);
		if (c->stream)
			c->limit = memio_now() + c->stream->idle_ms;
	} else {
		weir_idle(c->stream, ms);
		c->limit = memio_now() + ms;
	}
}

static void any_number_of_limits_is_kept(void **state)
{
	(void)state;
	for (int i = 0; i < MOST; i++)
		connect_one();
	for (int round = 0; round < 20000; round++) {
		struct conn *c = &conns[test_roll(MOST)];
		if (c->stream)
			change(c);
		if (round % 8 == 0)
			run_to(memio_now() + test_roll(500));
	}
	run_to(memio_now() + 400000);
	int over = 0;
	uint32_t left = 0;
	for (int i = 0; i < MOST; i++) {
		const struct conn *c = &conns[i];
		if (c->limit < 0) {
			assert_int_equal(c->ended, -1);
			left += c->stream->limit.prev != WEIR__NOWHERE;
			continue;
		}
		assert_in_range(c->ended, c->limit, c->limit + TICK);
		over++;
	}
	assert_true(over > MOST / 2);
	assert_int_equal(left, 0);
	assert_int_equal(loop->wheel.count, 0);
}

/* ---- making room -------------------------------------------------------- */

static void the_longest_idle_is_dropped_first(void **state)
{
	(void)state;
	assert_null(weir__wheel_oldest(loop, NULL));
	for (int i = 0; i < 5; i++) {
		struct conn *c = connect_one();
		weir_idle(c->stream, 10000);
		run_to(1000 * (i + 1));
	}
	assert_null(weir__wheel_oldest(loop, NULL));
	for (int i = 1; i < 5; i++)
		weir__stream_evictable(conns[i].stream, true);
	assert_ptr_equal(weir__wheel_oldest(loop, NULL), conns[1].stream);
	/* Refreshed, although it is still filed where it was. */
	memio_client_send_text(conns[1].client, "x");
	assert_int_equal(weir_loop_step(loop, 0), 1);
	assert_ptr_equal(weir__wheel_oldest(loop, NULL), conns[2].stream);
	assert_true(weir__evict(loop, NULL));
	assert_int_equal(conns[2].why, WEIR_EDRAINED);
	weir__stream_evictable(conns[3].stream, false);
	assert_ptr_equal(weir__wheel_oldest(loop, NULL), conns[4].stream);
	weir_close(conns[4].stream);
	assert_ptr_equal(weir__wheel_oldest(loop, NULL), conns[1].stream);
	assert_true(weir__evict(loop, NULL));
	assert_false(weir__evict(loop, NULL));
	assert_non_null(conns[0].stream);
	assert_non_null(conns[3].stream);
}

/* One whose next request is in the socket is not idle. */
static void who_has_just_sent_something_is_not_dropped(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct conn *c = connect_one();
		weir_idle(c->stream, 10000);
		weir__stream_evictable(c->stream, true);
		run_to(1000 * (i + 1));
	}
	memio_client_send_text(conns[0].client, "GET");
	assert_true(weir__evict(loop, NULL));
	assert_non_null(conns[0].stream);
	assert_null(conns[1].stream);
}

static void one_without_a_limit_may_be_dropped_too(void **state)
{
	struct conn *c = connect_one();

	(void)state;
	weir__stream_evictable(c->stream, true);
	assert_null(weir__wheel_oldest(loop, NULL));
	assert_true(weir__evict(loop, NULL));
	assert_int_equal(c->why, WEIR_EDRAINED);
}

/* ---- timers, while the clock can jump ----------------------------------- */

static void remember_time(weir_timer *timer, void *arg)
{
	(void)timer;
	*(int64_t *)arg = memio_now();
}

/* A wait takes at most what an int holds, 24 days. */
static void a_timer_may_be_due_after_longer_than_one_wait(void **state)
{
	const int64_t days = INT64_C(40) * 86400000;
	int64_t fired = -1;
	weir_timer timer;

	(void)state;
	weir_timer_init(&timer, remember_time, &fired);
	weir_timer_start(loop, &timer, days, 0);
	while (fired < 0)
		assert_int_equal(weir_loop_step(loop, -1), 1);
	assert_int_equal(fired, days);
}

static void a_timer_started_between_milliseconds_is_not_early(void **state)
{
	int64_t fired = -1;
	weir_timer timer;

	(void)state;
	memio_set_now_us(5999);
	weir_timer_init(&timer, remember_time, &fired);
	weir_timer_start(loop, &timer, 10, 0);
	while (fired < 0)
		assert_int_equal(weir_loop_step(loop, -1), 1);
	assert_int_equal(fired, 16);
}

static void start_at_once_again(weir_timer *timer, void *arg)
{
	++*(int *)arg;
	weir_timer_start(loop, timer, 0, 0);
}

/* Although no time passes: it would keep everything else from running. */
static void a_timer_fires_once_in_a_turn(void **state)
{
	int fired = 0;
	weir_timer timer;

	(void)state;
	weir_timer_init(&timer, start_at_once_again, &fired);
	weir_timer_start(loop, &timer, 0, 0);
	for (int i = 1; i <= 5; i++) {
		assert_int_equal(weir_loop_step(loop, -1), 1);
		assert_int_equal(fired, i);
	}
	assert_int_equal(memio_now(), 0);
	weir_timer_stop(&timer);
}

#define WHEEL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WHEEL_TEST(a_limit_is_never_early_and_at_most_a_tick_late),
		WHEEL_TEST(limits_survive_the_clock_of_32_bits),
		WHEEL_TEST(no_limit_is_for_ever),
		WHEEL_TEST(a_loop_that_was_not_run_for_long_gives_the_whole_limit),
		WHEEL_TEST(a_refresh_only_writes_the_deadline),
		WHEEL_TEST(who_keeps_talking_is_never_ended),
		WHEEL_TEST(an_earlier_deadline_counts_at_once),
		WHEEL_TEST(an_idle_callback_is_called_each_time_anew),
		WHEEL_TEST(a_limit_of_the_protocols_comes_once),
		WHEEL_TEST(a_callback_may_close_its_neighbours_in_the_slot),
		WHEEL_TEST(any_number_of_limits_is_kept),
		WHEEL_TEST(the_longest_idle_is_dropped_first),
		WHEEL_TEST(who_has_just_sent_something_is_not_dropped),
		WHEEL_TEST(one_without_a_limit_may_be_dropped_too),
		WHEEL_TEST(a_timer_may_be_due_after_longer_than_one_wait),
		WHEEL_TEST(a_timer_started_between_milliseconds_is_not_early),
		WHEEL_TEST(a_timer_fires_once_in_a_turn),
	};

	test_watchdog(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
