/*
 * signal_test.c: do signals reach the loop, and is everything as it was before
 * when nobody watches any more? Names in comments are those of Node's own tests of
 * 2011 (v0.6).
 */
#include "tests/support/test.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "core/loop.h"

/* A watcher that counts. */
struct watch {
	weir_signal signal;
	weir_loop *loop;
	int times;
	int stop_after;      /* stops itself after so many times; 0: never */
	struct watch *other; /* what is done to that one is up to the test */
};

static void watch_fn(weir_signal *watcher, int signo, void *arg)
{
	struct watch *w = arg;

	assert_ptr_equal(watcher, &w->signal);
	assert_int_equal(watcher->signo, signo);
	if (++w->times == w->stop_after)
		weir_signal_stop(watcher);
}

static weir_loop *loop_of(void **state)
{
	return ((struct test_bed *)*state)->loop;
}

static void start(weir_loop *loop, struct watch *w, int signo)
{
	w->loop = loop;
	assert_int_equal(weir_signal_start(loop, &w->signal, signo, watch_fn, w), 0);
}

static void turn(weir_loop *loop)
{
	assert_true(weir_loop_step(loop, 0) >= 0);
}

static struct sigaction disposition(int signo)
{
	struct sigaction now;

	assert_int_equal(sigaction(signo, NULL, &now), 0);
	return now;
}

/* ---- as programs use them ----------------------------------------------- */

struct program {
	weir_loop *loop;
	struct watch first, second, hangup;
	weir_timer tick, end;
	int ticks;
};

static void end_program(weir_timer *timer, void *arg)
{
	struct program *p = arg;

	(void)timer;
	weir_timer_stop(&p->tick);
}

static void signal_self(weir_timer *timer, void *arg)
{
	struct program *p = arg;

	(void)timer;
	if (++p->ticks == 5)
		assert_int_equal(kill(getpid(), SIGUSR1), 0);
	if (p->ticks == 6) {
		weir_signal_stop(&p->hangup.signal);
		start(p->loop, &p->hangup, SIGHUP);
		assert_int_equal(kill(getpid(), SIGHUP), 0);
		weir_timer_start(p->loop, &p->end, 5, 0);
	}
}

/* test-signal-handler */
static void each_watcher_of_a_signal_is_called_once(void **state)
{
	struct program p = {.loop = loop_of(state)};

	start(p.loop, &p.first, SIGUSR1);
	start(p.loop, &p.second, SIGUSR1);
	start(p.loop, &p.hangup, SIGHUP);
	weir_timer_init(&p.tick, signal_self, &p);
	weir_timer_init(&p.end, end_program, &p);
	weir_timer_start(p.loop, &p.tick, 1, 1);
	assert_int_equal(weir_loop_run(p.loop), 0);
	assert_int_equal(p.first.times, 1);
	assert_int_equal(p.second.times, 1);
	assert_int_equal(p.hangup.times, 1);
	weir_signal_stop(&p.first.signal);
	weir_signal_stop(&p.second.signal);
	weir_signal_stop(&p.hangup.signal);
}

static void ignore_timer(weir_timer *timer, void *arg)
{
	(void)timer;
	(void)arg;
}

/* A program with a running interval that watched SIGINT once. */
static int interrupt_after_unwatching(void *arg)
{
	struct watch w = {.stop_after = 0};
	weir_loop *loop;
	weir_timer timer;

	(void)arg;
	if (weir_loop_new(&loop, NULL) != 0)
		return 1;
	if (weir_signal_start(loop, &w.signal, SIGINT, watch_fn, &w) != 0)
		return 2;
	weir_timer_init(&timer, ignore_timer, NULL);
	weir_timer_start(loop, &timer, 1000, 1000);
	weir_loop_step(loop, 0);
	weir_signal_stop(&w.signal);
	kill(getpid(), SIGINT);
	weir_loop_step(loop, 10000);
	return 0;
}

/* test-signal-unregister */
static void an_unwatched_signal_does_what_it_did_before(void **state)
{
	(void)state;
	assert_int_equal(test_in_child(interrupt_after_unwatching, NULL), -SIGINT);
}

/* ---- one loop, several watchers ----------------------------------------- */

static void a_watcher_does_not_hold_the_loop(void **state)
{
	struct watch w = {.stop_after = 0};

	start(loop_of(state), &w, SIGUSR1);
	assert_int_equal(weir_loop_run(loop_of(state)), 0);
	assert_int_equal(w.times, 0);
	weir_signal_stop(&w.signal);
}

static void a_signal_wakes_a_sleeping_loop(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 0};

	start(loop, &w, SIGALRM);
	weir_loop_hold(loop);
	alarm(1);
	const int64_t began = test_now_ms();
	while (!w.times && test_now_ms() - began < 20000)
		assert_int_equal(weir_loop_step(loop, 20000), 1);
	assert_int_equal(w.times, 1);
	weir_loop_release(loop);
	weir_signal_stop(&w.signal);
	test_watchdog(120);
}

static void each_signal_has_its_watchers(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch one = {.stop_after = 0}, two = {.stop_after = 0};

	start(loop, &one, SIGUSR1);
	start(loop, &two, SIGUSR2);
	raise(SIGUSR2);
	turn(loop);
	assert_int_equal(one.times, 0);
	assert_int_equal(two.times, 1);
	raise(SIGUSR1);
	raise(SIGUSR2);
	turn(loop);
	assert_int_equal(one.times, 1);
	assert_int_equal(two.times, 2);
	turn(loop);
	assert_int_equal(one.times + two.times, 3);
	weir_signal_stop(&one.signal);
	weir_signal_stop(&two.signal);
}

static void several_of_a_signal_count_once_per_turn(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 0};

	start(loop, &w, SIGUSR1);
	for (int i = 0; i < 10; i++)
		raise(SIGUSR1);
	turn(loop);
	turn(loop);
	assert_int_equal(w.times, 1);
	weir_signal_stop(&w.signal);
}

/* No signal of the storm is the last one that is told: one after it would be. */
static void after_a_storm_the_last_one_is_told(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 0};

	start(loop, &w, SIGUSR1);
	for (int i = 0; i < 100000; i++)
		raise(SIGUSR1);
	turn(loop);
	assert_int_equal(w.times, 1);
	for (int i = 0; i < 1000; i++) {
		const int before = w.times;
		raise(SIGUSR1);
		turn(loop);
		assert_int_equal(w.times, before + 1);
	}
	weir_signal_stop(&w.signal);
}

struct storm {
	pthread_t target;
	int left;
	struct watch watch;
};

static void *send_storm(void *arg)
{
	struct storm *s = arg;

	for (int i = 0; i < s->left; i++)
		if (pthread_kill(s->target, SIGUSR1) != 0)
			return s;
	return NULL;
}

static void signals_of_another_thread_interrupt_nothing(void **state)
{
	weir_loop *loop = loop_of(state);
	struct storm s = {.target = pthread_self(), .left = 20000};
	pthread_t thread;
	void *failed;

	start(loop, &s.watch, SIGUSR1);
	weir_loop_hold(loop);
	assert_int_equal(pthread_create(&thread, NULL, send_storm, &s), 0);
	for (int i = 0; i < 500; i++)
		assert_int_equal(weir_loop_step(loop, 1), 1);
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
	turn(loop);
	assert_true(s.watch.times >= 1);
	weir_loop_release(loop);
	weir_signal_stop(&s.watch.signal);
}

/* ---- in callbacks ------------------------------------------------------- */

static void stop_other(weir_signal *watcher, int signo, void *arg)
{
	struct watch *w = arg;

	(void)watcher;
	(void)signo;
	w->times++;
	weir_signal_stop(&w->other->signal);
}

static void a_watcher_may_stop_itself_while_others_go_on(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch a = {.stop_after = 1}, b = {.stop_after = 1}, c = {.stop_after = 0};

	start(loop, &a, SIGUSR1);
	start(loop, &b, SIGUSR1);
	start(loop, &c, SIGUSR1);
	for (int i = 0; i < 2; i++) {
		raise(SIGUSR1);
		turn(loop);
	}
	assert_int_equal(a.times, 1);
	assert_int_equal(b.times, 1);
	assert_int_equal(c.times, 2);
	weir_signal_stop(&a.signal);
	weir_signal_stop(&c.signal);
}

static void a_watcher_may_stop_the_next(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch a = {.stop_after = 0}, b = {.stop_after = 0}, c = {.stop_after = 0};

	a.other = &b;
	a.loop = loop;
	assert_int_equal(weir_signal_start(loop, &a.signal, SIGUSR1, stop_other, &a), 0);
	start(loop, &b, SIGUSR1);
	start(loop, &c, SIGUSR1);
	raise(SIGUSR1);
	turn(loop);
	assert_int_equal(a.times, 1);
	assert_int_equal(b.times, 0);
	assert_int_equal(c.times, 1);
	weir_signal_stop(&a.signal);
	weir_signal_stop(&c.signal);
}

static void start_other(weir_signal *watcher, int signo, void *arg)
{
	struct watch *w = arg;

	(void)watcher;
	w->times++;
	if (!w->other->loop)
		start(w->loop, w->other, signo);
}

/* test-event-emitter-modify-in-emit: what is added during a round waits for the
   next one, whether it is added by the last or by an earlier one. */
static void a_watcher_started_in_a_round_waits_for_the_next(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch a = {.loop = loop}, b = {.loop = loop}, from_a = {.loop = NULL},
		     from_b = {.loop = NULL};

	a.other = &from_a;
	b.other = &from_b;
	assert_int_equal(weir_signal_start(loop, &a.signal, SIGUSR1, start_other, &a), 0);
	assert_int_equal(weir_signal_start(loop, &b.signal, SIGUSR1, start_other, &b), 0);
	raise(SIGUSR1);
	turn(loop);
	assert_int_equal(a.times + b.times, 2);
	assert_int_equal(from_a.times + from_b.times, 0);
	raise(SIGUSR1);
	turn(loop);
	assert_int_equal(from_a.times, 1);
	assert_int_equal(from_b.times, 1);
	weir_signal_stop(&a.signal);
	weir_signal_stop(&b.signal);
	weir_signal_stop(&from_a.signal);
	weir_signal_stop(&from_b.signal);
}

/* ---- dispositions ------------------------------------------------------- */

static void own_handler(int signo)
{
	(void)signo;
}

static void the_disposition_found_is_put_back_by_the_last(void **state)
{
	weir_loop *loop = loop_of(state);
	struct sigaction own = {.sa_handler = own_handler, .sa_flags = SA_NODEFER}, before;
	struct watch a = {.stop_after = 0}, b = {.stop_after = 0};

	sigemptyset(&own.sa_mask);
	sigaddset(&own.sa_mask, SIGUSR2);
	assert_int_equal(sigaction(SIGUSR1, &own, &before), 0);
	start(loop, &a, SIGUSR1);
	start(loop, &b, SIGUSR1);
	assert_ptr_not_equal(disposition(SIGUSR1).sa_handler, own_handler);
	weir_signal_stop(&a.signal);
	assert_ptr_not_equal(disposition(SIGUSR1).sa_handler, own_handler);
	weir_signal_stop(&b.signal);
	weir_signal_stop(&b.signal);
	const struct sigaction after = disposition(SIGUSR1);
	assert_ptr_equal(after.sa_handler, own_handler);
	assert_true(after.sa_flags & SA_NODEFER);
	assert_int_equal(sigismember(&after.sa_mask, SIGUSR2), 1);
	assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

static void an_ignored_signal_is_ignored_again_afterwards(void **state)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	struct watch w = {.stop_after = 0};

	assert_int_equal(sigaction(SIGUSR1, &ignore, &before), 0);
	start(loop_of(state), &w, SIGUSR1);
	raise(SIGUSR1);
	turn(loop_of(state));
	assert_int_equal(w.times, 1);
	weir_signal_stop(&w.signal);
	assert_ptr_equal(disposition(SIGUSR1).sa_handler, SIG_IGN);
	assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

static void freeing_the_loop_puts_dispositions_back(void **state)
{
	struct test_bed *bed = *state;
	struct watch w = {.stop_after = 0};

	start(bed->loop, &w, SIGUSR1);
	weir_loop_free(bed->loop);
	bed->loop = NULL;
	assert_ptr_equal(disposition(SIGUSR1).sa_handler, SIG_DFL);
	weir_signal_stop(&w.signal);
}

/* A stream whose peer is gone is written to: no SIGPIPE, and no handler for it. */
static void sigpipe_and_sigchld_are_left_alone(void **state)
{
	static const weir_stream_ops ops;
	weir_loop *loop = loop_of(state);
	weir_stream *s;
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	close(fd[0]);
	assert_int_equal(weir_adopt(loop, &s, fd[1], NULL, &ops, NULL), 0);
	assert_true(weir_write(s, "hello", 5) >= 0);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_ptr_equal(disposition(SIGPIPE).sa_handler, SIG_DFL);
	assert_ptr_equal(disposition(SIGCHLD).sa_handler, SIG_DFL);
}

/* ---- refused ------------------------------------------------------------ */

static void what_cannot_be_caught_is_refused(void **state)
{
	static const int signals[] = {SIGKILL, SIGSTOP, SIGSEGV, 0, -1, WEIR__SIGNAL_MAX, 100000};
	weir_loop *loop = loop_of(state);

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		struct watch w = {.stop_after = 0};
		memset(&w.signal, 0xff, sizeof w.signal);
		assert_int_equal(weir_signal_start(loop, &w.signal, signals[i], watch_fn, &w),
		                 -EINVAL);
		weir_signal_stop(&w.signal);
	}
	assert_null(loop->signals);
}

static void a_signal_belongs_to_one_loop(void **state)
{
	weir_loop *loop = loop_of(state), *other;
	struct watch mine = {.stop_after = 0}, theirs = {.stop_after = 0};

	assert_int_equal(weir_loop_new(&other, NULL), 0);
	start(loop, &mine, SIGUSR1);
	assert_int_equal(weir_signal_start(other, &theirs.signal, SIGUSR1, watch_fn, &theirs),
	                 -EBUSY);
	weir_signal_stop(&theirs.signal);
	raise(SIGUSR1);
	turn(other);
	turn(loop);
	assert_int_equal(mine.times, 1);
	assert_int_equal(theirs.times, 0);
	weir_signal_stop(&mine.signal);
	start(other, &theirs, SIGUSR1);
	raise(SIGUSR1);
	turn(loop);
	turn(other);
	assert_int_equal(mine.times, 1);
	assert_int_equal(theirs.times, 1);
	weir_loop_free(other);
}

static void a_watcher_is_started_once(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 0}, next = {.stop_after = 0};

	start(loop, &w, SIGUSR1);
	start(loop, &next, SIGUSR1);
	assert_int_equal(weir_signal_start(loop, &w.signal, SIGUSR1, watch_fn, &w), -EBUSY);
	assert_int_equal(weir_signal_start(loop, &w.signal, SIGUSR2, watch_fn, &w), -EBUSY);
	raise(SIGUSR1);
	turn(loop);
	assert_int_equal(w.times, 1);
	assert_int_equal(next.times, 1);
	weir_signal_stop(&w.signal);
	weir_signal_stop(&next.signal);
}

/* What came before the last watcher stopped is not told to one that comes later. */
static void a_signal_that_nobody_was_told_of_is_forgotten(void **state)
{
	weir_loop *loop = loop_of(state);
	struct watch w = {.stop_after = 0};

	start(loop, &w, SIGUSR1);
	raise(SIGUSR1);
	weir_signal_stop(&w.signal);
	start(loop, &w, SIGUSR1);
	turn(loop);
	turn(loop);
	assert_int_equal(w.times, 0);
	weir_signal_stop(&w.signal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(each_watcher_of_a_signal_is_called_once),
		BED_TEST(an_unwatched_signal_does_what_it_did_before),
		BED_TEST(a_watcher_does_not_hold_the_loop),
		BED_TEST(a_signal_wakes_a_sleeping_loop),
		BED_TEST(each_signal_has_its_watchers),
		BED_TEST(several_of_a_signal_count_once_per_turn),
		BED_TEST(after_a_storm_the_last_one_is_told),
		BED_TEST(signals_of_another_thread_interrupt_nothing),
		BED_TEST(a_watcher_may_stop_itself_while_others_go_on),
		BED_TEST(a_watcher_may_stop_the_next),
		BED_TEST(a_watcher_started_in_a_round_waits_for_the_next),
		BED_TEST(the_disposition_found_is_put_back_by_the_last),
		BED_TEST(an_ignored_signal_is_ignored_again_afterwards),
		BED_TEST(freeing_the_loop_puts_dispositions_back),
		BED_TEST(sigpipe_and_sigchld_are_left_alone),
		BED_TEST(what_cannot_be_caught_is_refused),
		BED_TEST(a_signal_belongs_to_one_loop),
		BED_TEST(a_watcher_is_started_once),
		BED_TEST(a_signal_that_nobody_was_told_of_is_forgotten),
	};

	test_watchdog(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
