/*
 * timer_test.c: do timers fire when they should, in the right order, and only
 * then? Names in comments are those of Node's own tests of 2011 (v0.6).
 */
#include "tests/support/test.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "core/loop.h"

static weir_loop *loop_of(void **state)
{
	return ((struct test_bed *)*state)->loop;
}

/* A timer that remembers when it was to fire, and when it did. */
struct beat {
	weir_timer timer;
	weir_loop *loop;
	int64_t due_us; /* the first time, by the test's own clock */
	int64_t at_us[16];
	int times, last; /* stops itself after `last` times; 0: never */
};

static void beat_fn(weir_timer *timer, void *arg)
{
	struct beat *b = arg;

	assert_ptr_equal(timer, &b->timer);
	if (b->times < 16)
		b->at_us[b->times] = test_now_us();
	if (++b->times == b->last)
		weir_timer_stop(timer);
}

static void start_beat(weir_loop *loop, struct beat *b, int64_t ms, int64_t every)
{
	b->loop = loop;
	weir_timer_init(&b->timer, beat_fn, b);
	b->due_us = test_now_us() + ms * 1000;
	weir_timer_start(loop, &b->timer, ms, every);
}

/* Machines stall; what is early is wrong, what is late by less is not. */
#define LATE_US 2000000

/* ---- when --------------------------------------------------------------- */

/* pummel/test-timers, pummel/test-timer-wrap: in tenths of the original times. */
static void one_shots_and_intervals_fire_at_their_times(void **state)
{
	weir_loop *loop = loop_of(state);
	struct beat once = {.last = 0}, never = {.last = 0}, thrice = {.last = 3};

	start_beat(loop, &once, 100, 0);
	start_beat(loop, &never, 50, 0);
	start_beat(loop, &thrice, 100, 100);
	assert_int_equal(weir_timer_stop(&never.timer), 1);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(once.times, 1);
	assert_int_equal(never.times, 0);
	assert_int_equal(thrice.times, 3);
	assert_in_range(once.at_us[0] - once.due_us, 0, LATE_US);
	for (int i = 0; i < 3; i++)
		assert_in_range(thrice.at_us[i] - thrice.due_us, i * 100000, i * 100000 + LATE_US);
	assert_int_equal(weir_timer_stop(&once.timer), 0);
	assert_int_equal(weir_timer_stop(&thrice.timer), 0);
}

/* pummel/test-timers: stopping one timer twice does not hit another that was
   made in between: exactly three of four fire. */
static void stopping_twice_hits_nobody_else(void **state)
{
	weir_loop *loop = loop_of(state);
	struct beat b[4] = {{.last = 0}};

	start_beat(loop, &b[0], 20, 0);
	assert_int_equal(weir_timer_stop(&b[0].timer), 1);
	start_beat(loop, &b[1], 20, 0);
	assert_int_equal(weir_timer_stop(&b[0].timer), 0);
	start_beat(loop, &b[2], 20, 0);
	start_beat(loop, &b[3], 20, 0);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(b[0].times, 0);
	for (int i = 1; i < 4; i++)
		assert_int_equal(b[i].times, 1);
}

/* pummel/test-timers: an interval of 0 ms is one of none here, since 0 is "once";
   the shortest is 1 ms, and repeats until stopped, 11 times. */
static void a_short_interval_repeats_until_stopped_in_its_callback(void **state)
{
	struct beat b = {.last = 11};

	start_beat(loop_of(state), &b, 0, 1);
	assert_int_equal(weir_loop_run(loop_of(state)), 0);
	assert_int_equal(b.times, 11);
}

/* test-timers-zero-timeout */
static void a_zero_timer_runs_once_and_is_stopped_then(void **state)
{
	weir_loop *loop = loop_of(state);
	struct beat once = {.last = 0}, thrice = {.last = 3};

	start_beat(loop, &once, 0, 0);
	start_beat(loop, &thrice, 0, 1);
	assert_int_equal(once.times, 0);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(once.times, 1);
	assert_int_equal(thrice.times, 3);
	assert_int_equal(weir_timer_stop(&once.timer), 0);
	assert_int_equal(weir_timer_stop(&once.timer), 0);
}

/* pummel/test-timer-wrap2 */
static void a_timer_that_is_not_started_holds_nothing(void **state)
{
	struct beat b = {.last = 0};

	weir_timer_init(&b.timer, beat_fn, &b);
	assert_int_equal(weir_timer_stop(&b.timer), 0);
	assert_int_equal(weir_loop_run(loop_of(state)), 0);
	assert_int_equal(b.times, 0);
}

/* test-regress-GH-897: what is shorter than the shortest fires soon. */
static void times_below_the_shortest_fire_soon(void **state)
{
	static const int64_t times[] = {0, -1, WEIR_OFF, -1000, INT32_MIN, INT64_MIN};
	const int64_t began = test_now_ms();

	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		struct beat b = {.last = 0};
		start_beat(loop_of(state), &b, 0, 0);
		weir_timer_start(loop_of(state), &b.timer, times[i], times[i]);
		assert_int_equal(weir_loop_run(loop_of(state)), 0);
		assert_int_equal(b.times, 1);
	}
	assert_in_range(test_now_ms() - began, 0, LATE_US / 1000);
}

static void times_beyond_all_clocks_do_not_wrap_around(void **state)
{
	static const int64_t times[] = {INT64_MAX,        INT64_MAX - 1, INT64_MAX / 2,
	                                INT64_C(1) << 40, UINT32_MAX,    INT32_MAX};
	weir_loop *loop = loop_of(state);
	struct beat far[6] = {{.last = 0}}, near = {.last = 0};

	for (int i = 0; i < 6; i++)
		start_beat(loop, &far[i], 0, 0);
	for (int i = 0; i < 6; i++)
		weir_timer_start(loop, &far[i].timer, times[i], times[5 - i]);
	start_beat(loop, &near, 10, 0);
	while (!near.times)
		assert_int_equal(weir_loop_step(loop, -1), 1);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(far[i].times, 0);
		assert_int_equal(weir_timer_stop(&far[i].timer), 1);
	}
	assert_int_equal(weir_loop_run(loop), 0);
}

/* An interval whose next time no clock reaches. */
static void an_interval_may_be_as_long_as_numbers_are(void **state)
{
	struct beat b = {.last = 0};

	start_beat(loop_of(state), &b, 0, INT64_MAX);
	while (!b.times)
		assert_int_equal(weir_loop_step(loop_of(state), -1), 1);
	assert_int_equal(weir_loop_step(loop_of(state), 0), 1);
	assert_int_equal(b.times, 1);
	assert_int_equal(weir_timer_stop(&b.timer), 1);
}

/* Against a clock of the test's own, in microseconds: started between two
   milliseconds, and after a callback that took long. */
static void no_timer_is_early(void **state)
{
	enum { N = 200 };
	weir_loop *loop = loop_of(state);
	struct beat *b = calloc(N, sizeof *b);

	assert_non_null(b);
	for (int i = 0; i < N; i++) {
		for (int64_t until = test_now_us() + 77; test_now_us() < until;)
			continue;
		start_beat(loop, &b[i], i % 20, 0);
	}
	assert_int_equal(weir_loop_run(loop), 0);
	for (int i = 0; i < N; i++) {
		assert_int_equal(b[i].times, 1);
		assert_in_range(b[i].at_us[0] - b[i].due_us, 0, LATE_US);
	}
	free(b);
}

struct slow {
	weir_timer timer;
	weir_loop *loop;
	struct beat then;
};

static void be_slow_then_start(weir_timer *timer, void *arg)
{
	struct slow *s = arg;

	(void)timer;
	(void)poll(NULL, 0, 30);
	start_beat(s->loop, &s->then, 10, 0);
}

static void a_timer_started_after_a_long_call_counts_from_then(void **state)
{
	struct slow s = {.loop = loop_of(state)};

	weir_timer_init(&s.timer, be_slow_then_start, &s);
	weir_timer_start(s.loop, &s.timer, 0, 0);
	assert_int_equal(weir_loop_run(s.loop), 0);
	assert_int_equal(s.then.times, 1);
	assert_in_range(s.then.at_us[0] - s.then.due_us, 0, LATE_US);
}

/* ---- in which order ----------------------------------------------------- */

static int order[64], fired;

static void remember(weir_timer *timer, void *arg)
{
	(void)timer;
	order[fired++] = *(int *)arg;
}

static void timers_fire_by_time_and_equal_ones_by_start(void **state)
{
	static int names[60];
	weir_loop *loop = loop_of(state);
	weir_timer timers[60];

	fired = 0;
	/* Begun right after the clock has ticked, so that all have the same one. */
	for (int64_t ms = test_now_ms(); test_now_ms() == ms;)
		continue;
	for (int i = 0; i < 60; i++) {
		names[i] = i;
		weir_timer_init(&timers[i], remember, &names[i]);
		weir_timer_start(loop, &timers[i], 40 - 20 * (i % 3), 0);
	}
	/* Moved: now the last of its time. */
	weir_timer_start(loop, &timers[0], 40, 0);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(fired, 60);
	int64_t due = 0;
	for (int i = 0; i < 60; i++) {
		const weir_timer *t = &timers[order[i]];
		assert_true(t->due >= due);
		if (i && t->due == due)
			assert_true(t->order > timers[order[i - 1]].order);
		due = t->due;
	}
	assert_int_equal(order[59], 0);
}

static void late_timers_fire_in_the_order_of_their_times(void **state)
{
	static int names[3] = {0, 1, 2};
	weir_loop *loop = loop_of(state);
	weir_timer timers[3];

	fired = 0;
	for (int i = 0; i < 3; i++) {
		weir_timer_init(&timers[i], remember, &names[i]);
		weir_timer_start(loop, &timers[i], 30 - 10 * i, 0);
	}
	(void)poll(NULL, 0, 50);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(fired, 3);
	assert_int_equal(order[0], 2);
	assert_int_equal(order[1], 1);
	assert_int_equal(order[2], 0);
}

/* ---- stopping and starting ---------------------------------------------- */

static void starting_a_started_timer_moves_it(void **state)
{
	weir_loop *loop = loop_of(state);
	struct beat sooner = {.last = 0}, later = {.last = 0};

	start_beat(loop, &sooner, 100000, 0);
	start_beat(loop, &later, 0, 0);
	sooner.due_us = test_now_us() + 10000;
	weir_timer_start(loop, &sooner.timer, 10, 0);
	later.due_us = test_now_us() + 20000;
	weir_timer_start(loop, &later.timer, 20, 0);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(sooner.times, 1);
	assert_int_equal(later.times, 1);
	assert_in_range(sooner.at_us[0] - sooner.due_us, 0, LATE_US);
	assert_in_range(later.at_us[0] - later.due_us, 0, LATE_US);
}

struct again {
	weir_timer timer;
	weir_loop *loop;
	int times;
};

static void start_again(weir_timer *timer, void *arg)
{
	struct again *a = arg;

	if (++a->times < 3)
		weir_timer_start(a->loop, timer, 1, 0);
}

static void a_timer_may_be_started_in_its_own_callback(void **state)
{
	struct again a = {.loop = loop_of(state)};

	weir_timer_init(&a.timer, start_again, &a);
	weir_timer_start(a.loop, &a.timer, 1, 0);
	assert_int_equal(weir_loop_run(a.loop), 0);
	assert_int_equal(a.times, 3);
}

static void make_it_a_one_shot(weir_timer *timer, void *arg)
{
	struct again *a = arg;

	a->times++;
	weir_timer_start(a->loop, timer, 1, a->times == 1 ? 0 : WEIR_OFF);
	if (a->times == 3)
		weir_timer_stop(timer);
}

static void an_interval_may_become_a_one_shot_in_its_own_callback(void **state)
{
	struct again a = {.loop = loop_of(state)};

	weir_timer_init(&a.timer, make_it_a_one_shot, &a);
	weir_timer_start(a.loop, &a.timer, 1, 1);
	assert_int_equal(weir_loop_run(a.loop), 0);
	assert_int_equal(a.times, 3);
}

/* The memory of a one-shot is its owner's again when it has fired. */
static void free_self(weir_timer *timer, void *arg)
{
	++*(int *)arg;
	free(timer);
}

static void a_timer_may_be_freed_in_its_own_callback(void **state)
{
	int times = 0;
	weir_timer *t = malloc(sizeof *t);

	assert_non_null(t);
	weir_timer_init(t, free_self, &times);
	weir_timer_start(loop_of(state), t, 1, 0);
	assert_int_equal(weir_loop_run(loop_of(state)), 0);
	assert_int_equal(times, 1);
}

struct pair {
	weir_timer first, second;
	int times;
};

static void stop_second(weir_timer *timer, void *arg)
{
	struct pair *p = arg;

	(void)timer;
	p->times++;
	assert_int_equal(weir_timer_stop(&p->second), 1);
}

static void a_timer_may_stop_another_that_is_due_too(void **state)
{
	struct pair p = {.times = 0};

	weir_timer_init(&p.first, stop_second, &p);
	weir_timer_init(&p.second, stop_second, &p);
	weir_timer_start(loop_of(state), &p.first, 1, 0);
	weir_timer_start(loop_of(state), &p.second, 1, 0);
	(void)poll(NULL, 0, 5);
	assert_int_equal(weir_loop_run(loop_of(state)), 0);
	assert_int_equal(p.times, 1);
}

static void an_interval_skips_the_beats_it_has_missed(void **state)
{
	struct beat b = {.last = 0};

	start_beat(loop_of(state), &b, 10, 10);
	const int64_t first = b.timer.due;
	(void)poll(NULL, 0, 55);
	assert_int_equal(weir_loop_step(loop_of(state), 0), 1);
	assert_int_equal(b.times, 1);
	/* On its own beat, not that much after the late call. */
	assert_int_equal((b.timer.due - first) % 10, 0);
	assert_true(b.timer.due > weir_loop_now(loop_of(state)));
	assert_true(b.timer.due <= weir_loop_now(loop_of(state)) + 10);
	weir_timer_stop(&b.timer);
}

static void an_unrefd_timer_fires_but_does_not_hold_the_loop(void **state)
{
	weir_loop *loop = loop_of(state);
	struct beat weak = {.last = 0}, strong = {.last = 0};

	start_beat(loop, &weak, 1, 1);
	weir_timer_unref(&weak.timer, true);
	weir_timer_unref(&weak.timer, true);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(weak.times, 0);
	start_beat(loop, &strong, 30, 0);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(strong.times, 1);
	assert_true(weak.times >= 1);
	assert_int_equal(weir_timer_stop(&weak.timer), 1);
	assert_int_equal(weir_loop_run(loop), 0);
}

static void a_timer_may_be_refd_again_and_unrefd_before_its_start(void **state)
{
	weir_loop *loop = loop_of(state);
	struct beat b = {.last = 0};

	weir_timer_init(&b.timer, beat_fn, &b);
	weir_timer_unref(&b.timer, true);
	weir_timer_start(loop, &b.timer, 10, 0);
	assert_int_equal(weir_loop_step(loop, 0), 0);
	weir_timer_unref(&b.timer, false);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(b.times, 1);
}

static void a_timer_may_move_to_another_loop(void **state)
{
	weir_loop *from = loop_of(state), *to;
	struct beat b = {.last = 0};

	assert_int_equal(weir_loop_new(&to, NULL), 0);
	start_beat(from, &b, 100000, 0);
	weir_timer_start(to, &b.timer, 1, 0);
	assert_int_equal(weir_loop_run(from), 0);
	assert_int_equal(b.times, 0);
	assert_int_equal(weir_loop_run(to), 0);
	assert_int_equal(b.times, 1);
	weir_loop_free(to);
}

/* ---- many: against a model ---------------------------------------------- */

enum { MANY = 100000, SPAN_MS = 200 };

static struct model {
	weir_timer timer;
	bool started;
	int64_t due;
	uint64_t order;
} * models;

static int64_t last_due;
static uint64_t last_order;
static int left;

static void stop_model(struct model *m)
{
	assert_int_equal(weir_timer_stop(&m->timer), m->started);
	left -= m->started;
	m->started = false;
}

static void start_model(weir_loop *loop, struct model *m)
{
	left += !m->started;
	m->started = true;
	weir_timer_start(loop, &m->timer, test_roll(SPAN_MS), 0);
	m->due = m->timer.due;
	m->order = m->timer.order;
}

/* Fires in order, only if started; stops and starts some others meanwhile. */
static void model_fires(weir_timer *timer, void *arg)
{
	struct model *m = (struct model *)(void *)timer;

	assert_true(m->started);
	assert_true(m->due <= weir_loop_now(arg));
	if (m->due < last_due || (m->due == last_due && m->order < last_order))
		fail_msg("out of order");
	last_due = m->due;
	last_order = m->order;
	m->started = false;
	left--;
	const uint32_t dice = test_roll(16);
	if (dice % 8 == 0)
		stop_model(&models[test_roll(MANY)]);
	if (dice % 16 == 1)
		start_model(arg, &models[test_roll(MANY)]);
}

/* test-timers-linked-list: what is linked in is found again in order, may be moved
   while linked, and may be taken out twice. */
static void any_number_of_timers_keeps_its_order(void **state)
{
	struct test_bed *bed = *state;

	models = calloc(MANY, sizeof *models);
	assert_non_null(models);
	last_due = left = 0;
	for (int i = 0; i < MANY; i++)
		weir_timer_init(&models[i].timer, model_fires, bed->loop);
	bed->alloc.calls = 0;
	for (int i = 0; i < MANY; i++)
		start_model(bed->loop, &models[i]);
	for (int i = 0; i < MANY; i++) {
		struct model *m = &models[test_roll(MANY)];
		if (test_roll(2))
			stop_model(m);
		else
			start_model(bed->loop, m);
	}
	assert_int_equal(weir_loop_run(bed->loop), 0);
	assert_int_equal(left, 0);
	assert_null(bed->loop->timers);
	assert_int_equal(bed->alloc.calls, 0);
	free(models);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(one_shots_and_intervals_fire_at_their_times),
		BED_TEST(stopping_twice_hits_nobody_else),
		BED_TEST(a_short_interval_repeats_until_stopped_in_its_callback),
		BED_TEST(a_zero_timer_runs_once_and_is_stopped_then),
		BED_TEST(a_timer_that_is_not_started_holds_nothing),
		BED_TEST(times_below_the_shortest_fire_soon),
		BED_TEST(times_beyond_all_clocks_do_not_wrap_around),
		BED_TEST(an_interval_may_be_as_long_as_numbers_are),
		BED_TEST(no_timer_is_early),
		BED_TEST(a_timer_started_after_a_long_call_counts_from_then),
		BED_TEST(timers_fire_by_time_and_equal_ones_by_start),
		BED_TEST(late_timers_fire_in_the_order_of_their_times),
		BED_TEST(starting_a_started_timer_moves_it),
		BED_TEST(a_timer_may_be_started_in_its_own_callback),
		BED_TEST(an_interval_may_become_a_one_shot_in_its_own_callback),
		BED_TEST(a_timer_may_be_freed_in_its_own_callback),
		BED_TEST(a_timer_may_stop_another_that_is_due_too),
		BED_TEST(an_interval_skips_the_beats_it_has_missed),
		BED_TEST(an_unrefd_timer_fires_but_does_not_hold_the_loop),
		BED_TEST(a_timer_may_be_refd_again_and_unrefd_before_its_start),
		BED_TEST(a_timer_may_move_to_another_loop),
		BED_TEST(any_number_of_timers_keeps_its_order),
	};

	test_watchdog(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
