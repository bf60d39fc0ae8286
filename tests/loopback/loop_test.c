/*
 * loop_test.c: in which order does a loop do things, what keeps it running, and
 * who may call it from where? Names in comments are those of Node's own tests of
 * 2011 (v0.6), whose behaviour is kept.
 */
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/loop.h"

/* What has happened, in order: "task timer …". */
static char trail[1024];

static void note(const char *what)
{
	strncat(trail, what, sizeof trail - strlen(trail) - 1);
	strncat(trail, " ", sizeof trail - strlen(trail) - 1);
}

static void note_task(weir_task *task, void *arg)
{
	(void)task;
	note(arg);
}

static void note_timer(weir_timer *timer, void *arg)
{
	(void)timer;
	note(arg);
}

static int setup(void **state)
{
	trail[0] = '\0';
	return test_bed_setup(state);
}

static weir_loop *loop_of(void **state)
{
	return ((struct test_bed *)*state)->loop;
}

#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, test_bed_teardown)

/* ---- tasks and turns ---------------------------------------------------- */

/* test-next-tick-doesnt-hang */
static void one_task_runs_and_the_loop_ends(void **state)
{
	weir_loop *loop = loop_of(state);
	weir_task task;

	weir_task_init(&task, note_task, "task");
	assert_int_equal(weir_later(loop, &task), 1);
	assert_string_equal(trail, "");
	assert_int_equal(weir_loop_run(loop), 0);
	assert_string_equal(trail, "task ");
}

static void a_loop_that_nothing_holds_does_not_wait(void **state)
{
	weir_loop *loop = loop_of(state);

	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(weir_loop_step(loop, -1), 0);
	assert_int_equal(weir_loop_run(loop), 0);
}

struct nest {
	weir_loop *loop;
	weir_task task;
	int depth;
};

static void go_deeper(weir_task *task, void *arg)
{
	struct nest *nest = arg;

	note("deep");
	if (--nest->depth > 0)
		assert_int_equal(weir_later(nest->loop, task), 1);
}

struct put_off {
	weir_loop *loop;
	weir_task task;
	weir_timer timer;
};

static void put_off_from_timer(weir_timer *timer, void *arg)
{
	struct put_off *p = arg;

	(void)timer;
	note("timer");
	assert_int_equal(weir_later(p->loop, &p->task), 1);
}

/* test-next-tick */
static void tasks_may_queue_tasks(void **state)
{
	weir_loop *loop = loop_of(state);
	struct nest nest = {.loop = loop, .depth = 3};
	struct put_off p = {.loop = loop};
	weir_task top;

	weir_task_init(&nest.task, go_deeper, &nest);
	weir_task_init(&top, note_task, "top");
	weir_task_init(&p.task, note_task, "late");
	weir_timer_init(&p.timer, put_off_from_timer, &p);
	weir_timer_start(loop, &p.timer, 50, 0);
	weir_later(loop, &nest.task);
	weir_later(loop, &top);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_string_equal(trail, "deep top deep deep timer late ");
}

/* test-next-tick-ordering */
static void a_task_runs_before_timers(void **state)
{
	weir_loop *loop = loop_of(state);
	weir_timer timers[30];
	weir_task task;

	weir_task_init(&task, note_task, "task");
	weir_later(loop, &task);
	for (int i = 0; i < 30; i++) {
		weir_timer_init(&timers[i], note_timer, "t");
		weir_timer_start(loop, &timers[i], i, 0);
	}
	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(strncmp(trail, "task t t ", 9), 0);
	assert_int_equal(strlen(trail), strlen("task ") + 30 * strlen("t "));
}

static void start_timer_then_task(weir_task *task, void *arg)
{
	struct put_off *p = arg;

	(void)task;
	weir_timer_start(p->loop, &p->timer, 0, 0);
	weir_later(p->loop, &p->task);
}

/* test-next-tick-ordering2 */
static void a_task_runs_before_a_zero_timer_started_beside_it(void **state)
{
	weir_loop *loop = loop_of(state);
	struct put_off p = {.loop = loop};
	weir_task first;

	weir_task_init(&first, start_timer_then_task, &p);
	weir_task_init(&p.task, note_task, "task");
	weir_timer_init(&p.timer, note_timer, "timer");
	weir_later(loop, &first);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_string_equal(trail, "task timer ");
}

struct spin {
	weir_loop *loop;
	weir_task task;
	weir_timer timer;
	int64_t began, ended;
	long times;
};

static void spin_on(weir_task *task, void *arg)
{
	struct spin *spin = arg;

	spin->times++;
	weir_later(spin->loop, task);
}

static void end_spin(weir_timer *timer, void *arg)
{
	struct spin *spin = arg;

	(void)timer;
	spin->ended = test_now_ms();
	weir_task_cancel(spin->loop, &spin->task);
}

static void spin_for(struct spin *spin, int64_t ms)
{
	weir_task_init(&spin->task, spin_on, spin);
	weir_timer_init(&spin->timer, end_spin, spin);
	weir_later(spin->loop, &spin->task);
	spin->began = test_now_ms();
	weir_timer_start(spin->loop, &spin->timer, ms, 0);
	assert_int_equal(weir_loop_run(spin->loop), 0);
}

/* test-next-tick-starvation; pummel/test-next-tick-loops-quick */
static void a_task_that_queues_itself_neither_starves_timers_nor_sleeps(void **state)
{
	struct spin spin = {.loop = loop_of(state)};

	spin_for(&spin, 50);
	assert_in_range(spin.ended - spin.began, 50, 5000);
	assert_true(spin.times > 1000);
}

static void drain_octet(weir_io *io, unsigned ready, void *arg)
{
	char octet;

	(void)ready;
	assert_int_equal(read(io->fd, &octet, 1), 1);
	note("event");
	weir_task_cancel(io->loop, arg);
	weir_io_stop(io);
}

static void a_task_that_queues_itself_does_not_starve_events(void **state)
{
	struct spin spin = {.loop = loop_of(state)};
	weir_io io;
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	assert_int_equal(write(fd[1], "x", 1), 1);
	weir_task_init(&spin.task, spin_on, &spin);
	weir_later(spin.loop, &spin.task);
	assert_int_equal(weir_io_start(spin.loop, &io, fd[0], WEIR_READ, drain_octet, &spin.task),
	                 0);
	assert_int_equal(weir_loop_run(spin.loop), 0);
	assert_string_equal(trail, "event ");
	close(fd[0]);
	close(fd[1]);
}

struct idle {
	weir_loop *loop;
	int left;
};

static void idle_once_more(weir_task *task, void *arg)
{
	struct idle *idle = arg;

	note("idle");
	if (--idle->left > 0)
		weir_later(idle->loop, task);
}

/* disabled/test-idle-watcher: what runs whenever there is nothing else is a task
   that queues itself; when it no longer does, the loop ends. */
static void an_idle_callback_ends_by_not_queueing_itself(void **state)
{
	struct idle idle = {.loop = loop_of(state), .left = 3};
	weir_task task;

	weir_task_init(&task, idle_once_more, &idle);
	weir_later(idle.loop, &task);
	assert_int_equal(weir_loop_run(idle.loop), 0);
	assert_string_equal(trail, "idle idle idle ");
}

static void a_task_queued_twice_counts_once(void **state)
{
	weir_loop *loop = loop_of(state);
	weir_task task;

	weir_task_init(&task, note_task, "task");
	assert_int_equal(weir_later(loop, &task), 1);
	assert_int_equal(weir_later(loop, &task), 0);
	assert_int_equal(weir_post(loop, &task), 0);
	assert_int_equal(weir_at_end(loop, &task), 0);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_string_equal(trail, "task ");
	assert_int_equal(weir_post(loop, &task), 1);
	assert_int_equal(weir_post(loop, &task), 0);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_string_equal(trail, "task task ");
}

static void tasks_run_in_the_order_they_were_queued(void **state)
{
	weir_loop *loop = loop_of(state);
	weir_task a, b, c, d;

	weir_task_init(&a, note_task, "a");
	weir_task_init(&b, note_task, "b");
	weir_task_init(&c, note_task, "c");
	weir_task_init(&d, note_task, "d");
	weir_post(loop, &c);
	weir_later(loop, &a);
	weir_post(loop, &d);
	weir_later(loop, &b);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_string_equal(trail, "a b c d ");
}

static void a_cancelled_task_does_not_run(void **state)
{
	weir_loop *loop = loop_of(state);
	weir_task a, b, c;

	weir_task_init(&a, note_task, "a");
	weir_task_init(&b, note_task, "b");
	weir_task_init(&c, note_task, "c");
	weir_later(loop, &a);
	weir_later(loop, &b);
	weir_task_cancel(loop, &b);
	weir_task_cancel(loop, &b);
	weir_later(loop, &c);
	weir_task_cancel(loop, &a);
	assert_int_equal(weir_later(loop, &b), 1);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_string_equal(trail, "c b ");
}

struct canceller {
	weir_loop *loop;
	weir_task *victim;
};

static void cancel_victim(weir_task *task, void *arg)
{
	struct canceller *c = arg;

	(void)task;
	note("cancel");
	weir_task_cancel(c->loop, c->victim);
}

static void a_task_may_cancel_one_of_the_same_turn(void **state)
{
	weir_loop *loop = loop_of(state);
	weir_task first, next, last;
	struct canceller c = {loop, &next};

	weir_task_init(&first, cancel_victim, &c);
	weir_task_init(&next, note_task, "next");
	weir_task_init(&last, note_task, "last");
	weir_later(loop, &first);
	weir_later(loop, &next);
	weir_later(loop, &last);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_string_equal(trail, "cancel last ");
}

static void cancelling_the_last_of_the_turn_keeps_the_queue_whole(void **state)
{
	weir_loop *loop = loop_of(state);
	weir_task first, last, after;
	struct canceller c = {loop, &last};

	weir_task_init(&first, cancel_victim, &c);
	weir_task_init(&last, note_task, "last");
	weir_task_init(&after, note_task, "after");
	weir_later(loop, &first);
	weir_later(loop, &last);
	assert_int_equal(weir_loop_step(loop, 0), 0);
	weir_later(loop, &after);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_string_equal(trail, "cancel after ");
}

static void start_zero_timer(weir_timer *timer, void *arg)
{
	struct put_off *p = arg;

	(void)timer;
	note("first");
	weir_timer_start(p->loop, &p->timer, -1, 0);
	weir_later(p->loop, &p->task);
}

static void what_a_timer_starts_waits_for_the_next_turn(void **state)
{
	weir_loop *loop = loop_of(state);
	struct put_off p = {.loop = loop};
	weir_timer first;

	weir_timer_init(&first, start_zero_timer, &p);
	weir_timer_init(&p.timer, note_timer, "second");
	weir_task_init(&p.task, note_task, "task");
	weir_timer_start(loop, &first, 0, 0);
	while (strstr(trail, "first") == NULL)
		assert_int_equal(weir_loop_step(loop, -1), 1);
	assert_string_equal(trail, "first ");
	assert_int_equal(weir_loop_run(loop), 0);
	assert_string_equal(trail, "first task second ");
}

/* ---- the end ------------------------------------------------------------ */

static void tasks_of_the_end_run_last_one_first(void **state)
{
	weir_loop *loop = loop_of(state);
	weir_task a, b, c, now;

	weir_task_init(&a, note_task, "a");
	weir_task_init(&b, note_task, "b");
	weir_task_init(&c, note_task, "c");
	weir_task_init(&now, note_task, "now");
	weir_at_end(loop, &a);
	weir_at_end(loop, &b);
	weir_at_end(loop, &c);
	weir_task_cancel(loop, &b);
	weir_later(loop, &now);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_string_equal(trail, "now c a ");
	assert_int_equal(weir_loop_run(loop), 0);
	assert_string_equal(trail, "now c a ");
}

static void leave_again(weir_task *task, void *arg)
{
	weir_loop *loop = arg;

	(void)task;
	note("end");
	weir_loop_stop(loop);
	assert_int_equal(weir_loop_run(loop), WEIR_ESTATE);
	assert_int_equal(weir_loop_step(loop, 0), WEIR_ESTATE);
}

/* test-process-exit: ending the loop while it ends neither recurses nor runs the
   task twice. */
static void ending_in_a_task_of_the_end_changes_nothing(void **state)
{
	weir_loop *loop = loop_of(state);
	weir_task end, task;

	weir_task_init(&end, leave_again, loop);
	weir_task_init(&task, note_task, "task");
	weir_at_end(loop, &end);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_string_equal(trail, "end ");
	weir_later(loop, &task);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_string_equal(trail, "end task ");
}

static void what_did_not_run_by_the_end_runs_when_the_loop_is_freed(void **state)
{
	weir_loop *loop;
	weir_task end, never;

	(void)state;
	assert_int_equal(weir_loop_new(&loop, NULL), 0);
	weir_task_init(&end, note_task, "end");
	weir_task_init(&never, note_task, "never");
	weir_at_end(loop, &end);
	weir_later(loop, &never);
	weir_loop_free(loop);
	assert_string_equal(trail, "end ");
}

static void a_task_of_a_freed_loop_may_be_queued_elsewhere(void **state)
{
	weir_loop *loop;
	weir_task later, posted, drain;

	assert_int_equal(weir_loop_new(&loop, NULL), 0);
	weir_task_init(&later, note_task, "later");
	weir_task_init(&posted, note_task, "posted");
	weir_task_init(&drain, note_task, "drain");
	weir_later(loop, &later);
	weir_post(loop, &posted);
	weir_at_drain(loop, &drain);
	weir_loop_free(loop);
	assert_int_equal(weir_later(loop_of(state), &later), 1);
	assert_int_equal(weir_later(loop_of(state), &posted), 1);
	assert_int_equal(weir_later(loop_of(state), &drain), 1);
	assert_int_equal(weir_loop_run(loop_of(state)), 0);
	assert_string_equal(trail, "later posted drain ");
}

static void draining_closes_listeners_and_calls_once(void **state)
{
	static const weir_stream_ops ops;
	weir_loop *loop = loop_of(state);
	weir_task a, b;

	weir_task_init(&a, note_task, "a");
	weir_task_init(&b, note_task, "b");
	assert_int_equal(weir_listen(loop, NULL, "127.0.0.1:0", NULL, &ops, NULL), 0);
	assert_int_equal(weir_at_drain(loop, &a), 1);
	assert_int_equal(weir_at_drain(loop, &b), 1);
	weir_task_cancel(loop, &b);
	weir_loop_drain(loop);
	assert_string_equal(trail, "");
	weir_loop_drain(loop);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_string_equal(trail, "a ");
}

struct stopper {
	weir_loop *loop;
	weir_timer timer;
	int times;
};

static void stop_at_third(weir_timer *timer, void *arg)
{
	struct stopper *s = arg;

	(void)timer;
	if (++s->times == 3)
		weir_loop_stop(s->loop);
}

static void stop_ends_a_run_and_the_loop_may_run_again(void **state)
{
	struct stopper s = {.loop = loop_of(state)};
	weir_task end;

	weir_task_init(&end, note_task, "end");
	weir_at_end(s.loop, &end);
	weir_timer_init(&s.timer, stop_at_third, &s);
	weir_timer_start(s.loop, &s.timer, 1, 1);
	assert_int_equal(weir_loop_run(s.loop), 0);
	assert_int_equal(s.times, 3);
	assert_string_equal(trail, "end ");
	s.times = 0;
	assert_int_equal(weir_loop_run(s.loop), 0);
	assert_int_equal(s.times, 3);
	weir_timer_stop(&s.timer);
}

static void stop_in_task(weir_task *task, void *arg)
{
	(void)task;
	weir_loop_stop(arg);
}

/* Also what is called before the wait can end the run: it is not slept through. */
static void stopped_by_a_task_or_a_post_a_held_loop_ends_at_once(void **state)
{
	weir_loop *loop = loop_of(state);
	weir_task task;

	weir_task_init(&task, stop_in_task, loop);
	weir_loop_hold(loop);
	assert_int_equal(weir_later(loop, &task), 1);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(weir_post(loop, &task), 1);
	assert_int_equal(weir_loop_run(loop), 0);
	/* Turn by turn there is no run that could end: the next turn waits again. */
	assert_int_equal(weir_later(loop, &task), 1);
	assert_int_equal(weir_loop_step(loop, -1), 1);
	const int64_t began = test_now_us();
	assert_int_equal(weir_loop_step(loop, 15), 1);
	assert_in_range(test_now_us() - began, 15000, 5000000);
	weir_loop_release(loop);
}

static void a_turn_says_whether_there_will_be_another(void **state)
{
	weir_loop *loop = loop_of(state);
	weir_timer timer;

	weir_timer_init(&timer, note_timer, "timer");
	weir_timer_start(loop, &timer, 20, 0);
	const int64_t began = test_now_ms();
	assert_int_equal(weir_loop_step(loop, 0), 1);
	assert_true(test_now_ms() - began < 20);
	assert_string_equal(trail, "");
	assert_int_equal(weir_loop_step(loop, -1), 0);
	assert_string_equal(trail, "timer ");
}

static void a_turn_waits_no_longer_than_it_was_told(void **state)
{
	weir_loop *loop = loop_of(state);

	weir_loop_hold(loop);
	const int64_t began = test_now_us();
	assert_int_equal(weir_loop_step(loop, 15), 1);
	assert_in_range(test_now_us() - began, 15000, 5000000);
	weir_loop_release(loop);
	assert_int_equal(weir_loop_step(loop, 15), 0);
}

/* pummel/test-process-uptime: the clock begins before it is asked, and grows by
   what has passed. */
static void the_clock_grows_by_what_has_passed(void **state)
{
	weir_loop *loop = loop_of(state);
	weir_timer timer;

	const int64_t before = weir_loop_now(loop), real = test_now_ms();
	assert_in_range(real - before, 0, 2000);
	weir_timer_init(&timer, note_timer, "timer");
	weir_timer_start(loop, &timer, 100, 0);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_true(weir_loop_now(loop) - before >= 100);
	assert_true(weir_loop_now(loop) <= test_now_ms());
}

struct clock {
	weir_loop *loop;
	int64_t seen;
};

static void read_clock(weir_task *task, void *arg)
{
	struct clock *clock = arg;

	(void)task;
	clock->seen = weir_loop_now(clock->loop);
}

static void a_turn_begins_with_the_time_that_it_is(void **state)
{
	struct clock clock = {loop_of(state), 0};
	weir_task task;

	weir_task_init(&task, read_clock, &clock);
	(void)poll(NULL, 0, 30);
	const int64_t before = test_now_ms();
	weir_later(clock.loop, &task);
	assert_int_equal(weir_loop_step(clock.loop, 0), 0);
	assert_true(clock.seen >= before);
}

/* ---- from inside -------------------------------------------------------- */

static void enter_again(weir_task *task, void *arg)
{
	(void)task;
	assert_int_equal(weir_loop_run(arg), WEIR_ESTATE);
	assert_int_equal(weir_loop_step(arg, 0), WEIR_ESTATE);
	note("refused");
}

static void enter_again_from_timer(weir_timer *timer, void *arg)
{
	(void)timer;
	enter_again(NULL, arg);
}

static void enter_again_from_io(weir_io *io, unsigned ready, void *arg)
{
	(void)ready;
	enter_again(NULL, arg);
	weir_io_stop(io);
}

static void a_loop_is_not_entered_from_its_own_callbacks(void **state)
{
	weir_loop *loop = loop_of(state);
	weir_task task;
	weir_timer timer;
	weir_io io;
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	weir_task_init(&task, enter_again, loop);
	weir_timer_init(&timer, enter_again_from_timer, loop);
	weir_later(loop, &task);
	weir_timer_start(loop, &timer, 1, 0);
	assert_int_equal(weir_io_start(loop, &io, fd[1], WEIR_WRITE, enter_again_from_io, loop), 0);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_string_equal(trail, "refused refused refused ");
	close(fd[0]);
	close(fd[1]);
}

static void run_other(weir_task *task, void *arg)
{
	(void)task;
	assert_int_equal(weir_loop_run(arg), 0);
	note("outer");
}

static void another_loop_may_run_inside_a_callback(void **state)
{
	weir_loop *outer = loop_of(state), *inner;
	weir_task a, b;

	assert_int_equal(weir_loop_new(&inner, NULL), 0);
	weir_task_init(&a, run_other, inner);
	weir_task_init(&b, note_task, "inner");
	weir_later(outer, &a);
	weir_later(inner, &b);
	assert_int_equal(weir_loop_run(outer), 0);
	assert_string_equal(trail, "inner outer ");
	weir_loop_free(inner);
}

/* ---- from threads and signal handlers ----------------------------------- */

struct poster {
	weir_loop *loop;
	weir_task task;
	pthread_t thread;
	_Atomic(int) done;
	long seen;
};

static void count_and_release(weir_task *task, void *arg)
{
	struct poster *p = arg;

	(void)task;
	p->seen++;
	weir_loop_release(p->loop);
}

static void *post_after_a_moment(void *arg)
{
	struct poster *p = arg;

	(void)poll(NULL, 0, 20);
	return weir_post(p->loop, &p->task) == 1 ? NULL : p;
}

static void a_held_loop_waits_for_the_post_of_a_thread(void **state)
{
	struct poster p = {.loop = loop_of(state)};
	void *failed;

	weir_task_init(&p.task, count_and_release, &p);
	weir_loop_hold(p.loop);
	assert_int_equal(pthread_create(&p.thread, NULL, post_after_a_moment, &p), 0);
	assert_int_equal(weir_loop_run(p.loop), 0);
	assert_int_equal(p.seen, 1);
	assert_int_equal(pthread_join(p.thread, &failed), 0);
	assert_null(failed);
}

enum { THREADS = 4, POSTS = 5000 };

static void count_post(weir_task *task, void *arg)
{
	struct poster *p = arg;

	(void)task;
	p->seen++;
	atomic_store(&p->done, 1);
}

/* Each post waits for the one before it to have run, or they would count once. */
static void *post_many(void *arg)
{
	struct poster *p = arg;

	for (int i = 0; i < POSTS; i++) {
		atomic_store(&p->done, 0);
		if (weir_post(p->loop, &p->task) != 1)
			return p;
		while (!atomic_load(&p->done))
			sched_yield();
	}
	return NULL;
}

static void release_when_joined(weir_timer *timer, void *arg)
{
	struct poster *p = arg;
	long seen = 0;

	for (int i = 0; i < THREADS; i++)
		seen += p[i].seen;
	if (seen < (long)THREADS * POSTS)
		return;
	weir_timer_stop(timer);
	weir_loop_release(p->loop);
}

static void no_post_of_many_threads_is_lost(void **state)
{
	struct poster p[THREADS] = {{.loop = loop_of(state)}};
	weir_timer timer;
	void *failed;

	weir_loop_hold(p->loop);
	for (int i = 0; i < THREADS; i++) {
		p[i].loop = p->loop;
		weir_task_init(&p[i].task, count_post, &p[i]);
		assert_int_equal(pthread_create(&p[i].thread, NULL, post_many, &p[i]), 0);
	}
	weir_timer_init(&timer, release_when_joined, p);
	weir_timer_start(p->loop, &timer, 1, 1);
	assert_int_equal(weir_loop_run(p->loop), 0);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(p[i].thread, &failed), 0);
		assert_null(failed);
		assert_int_equal(p[i].seen, POSTS);
	}
}

struct rivals {
	struct poster shared;
	pthread_t threads[THREADS];
	_Atomic(long) taken;
};

static void *post_without_waiting(void *arg)
{
	struct rivals *r = arg;

	for (int i = 0; i < POSTS; i++)
		atomic_fetch_add(&r->taken, weir_post(r->shared.loop, &r->shared.task));
	return NULL;
}

/* One task and many who post it: it runs as often as a post said that it queued it. */
static void a_task_that_many_post_runs_as_often_as_it_was_queued(void **state)
{
	struct rivals r = {.shared = {.loop = loop_of(state)}};
	weir_loop *loop = r.shared.loop;

	weir_task_init(&r.shared.task, count_post, &r.shared);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&r.threads[i], NULL, post_without_waiting, &r), 0);
	for (int i = 0; i < 100; i++)
		assert_true(weir_loop_step(loop, 1) >= 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(r.threads[i], NULL), 0);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_true(r.shared.seen >= 1);
	assert_int_equal(r.shared.seen, atomic_load(&r.taken));
}

static weir_loop *handler_loop;
static weir_task handler_task;

static void post_from_handler(int signo)
{
	(void)signo;
	(void)weir_post(handler_loop, &handler_task);
}

static void note_and_release(weir_task *task, void *arg)
{
	(void)task;
	note("posted");
	weir_loop_release(arg);
}

static void a_signal_handler_may_post(void **state)
{
	struct sigaction ours = {.sa_handler = post_from_handler}, before;

	handler_loop = loop_of(state);
	weir_task_init(&handler_task, note_and_release, handler_loop);
	weir_loop_hold(handler_loop);
	assert_int_equal(sigaction(SIGUSR1, &ours, &before), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(weir_loop_run(handler_loop), 0);
	assert_string_equal(trail, "posted ");
	assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

static void a_pending_post_holds_the_loop(void **state)
{
	weir_loop *loop = loop_of(state);
	weir_task task;

	weir_task_init(&task, note_task, "posted");
	assert_int_equal(weir_post(loop, &task), 1);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_string_equal(trail, "posted ");
}

/* ---- several loops ------------------------------------------------------ */

struct own {
	pthread_t thread;
	struct test_alloc alloc;
	weir_task task;
	weir_timer timer;
	int ticks, tasks;
	int result;
};

static void count_tick(weir_timer *timer, void *arg)
{
	struct own *own = arg;

	if (++own->ticks == 20)
		weir_timer_stop(timer);
}

static void count_task(weir_task *task, void *arg)
{
	(void)task;
	((struct own *)arg)->tasks++;
}

static void *run_own_loop(void *arg)
{
	struct own *own = arg;
	weir_loop_opts opts = {.alloc = test_alloc_fn, .alloc_arg = &own->alloc};
	weir_loop *loop;

	own->result = weir_loop_new(&loop, &opts);
	if (own->result < 0)
		return NULL;
	weir_timer_init(&own->timer, count_tick, own);
	weir_timer_start(loop, &own->timer, 1, 1);
	weir_task_init(&own->task, count_task, own);
	weir_later(loop, &own->task);
	own->result = weir_loop_run(loop);
	weir_loop_free(loop);
	return NULL;
}

static void each_thread_may_have_a_loop(void **state)
{
	struct own own[8];

	(void)state;
	memset(own, 0, sizeof own);
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&own[i].thread, NULL, run_own_loop, &own[i]), 0);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(pthread_join(own[i].thread, NULL), 0);
		assert_int_equal(own[i].result, 0);
		assert_int_equal(own[i].ticks, 20);
		assert_int_equal(own[i].tasks, 1);
		assert_int_equal(own[i].alloc.live_blocks, 0);
	}
}

struct trespass {
	weir_loop *loop;
	weir_task task;
	weir_signal signal;
	weir_io io;
	int fd;
	weir_stream *stream;
	int results[8];
	int n;
};

static void *call_from_elsewhere(void *arg)
{
	static const weir_stream_ops ops;
	struct trespass *t = arg;

	t->results[t->n++] = weir_loop_run(t->loop);
	t->results[t->n++] = weir_loop_step(t->loop, 0);
	t->results[t->n++] = weir_later(t->loop, &t->task);
	t->results[t->n++] = weir_at_end(t->loop, &t->task);
	t->results[t->n++] = weir_signal_start(t->loop, &t->signal, SIGUSR2, NULL, NULL);
	t->results[t->n++] = weir_io_start(t->loop, &t->io, t->fd, WEIR_READ, NULL, NULL);
	t->results[t->n++] = weir_listen(t->loop, NULL, "127.0.0.1:0", NULL, &ops, NULL);
	t->results[t->n++] = weir_adopt(t->loop, &t->stream, t->fd, NULL, &ops, NULL);
	return NULL;
}

static void the_wrong_thread_is_refused_when_debugging(void **state)
{
	struct trespass t = {.loop = loop_of(state)};
	pthread_t thread;
	int fd[2];

	if (!weir__sys_debug) {
		print_message("this build does not check threads (--enable-debug does)\n");
		skip();
	}
	assert_int_equal(pipe(fd), 0);
	t.fd = fd[0];
	weir_task_init(&t.task, note_task, "task");
	assert_int_equal(pthread_create(&thread, NULL, call_from_elsewhere, &t), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (int i = 0; i < t.n; i++)
		assert_int_equal(t.results[i], WEIR_ETHREAD);
	assert_int_equal(weir_loop_run(t.loop), 0);
	assert_string_equal(trail, "");
	close(fd[0]);
	close(fd[1]);
}

/* ---- making and freeing ------------------------------------------------- */

static void ignore_io(weir_io *io, unsigned ready, void *arg)
{
	(void)io;
	(void)ready;
	(void)arg;
}

static void ignore_signal(weir_signal *watcher, int signo, void *arg)
{
	(void)watcher;
	(void)signo;
	(void)arg;
}

static void never(weir_stream *stream, int why, void *arg)
{
	(void)stream;
	(void)why;
	(void)arg;
	fail_msg("told of what weir_loop_free closes");
}

/* The teardown sees that nothing is left. */
static void freeing_a_loop_closes_what_is_open_in_silence(void **state)
{
	static const weir_stream_ops ops = {.gone = never};
	struct test_bed *bed = *state;
	weir_listener *listener;
	weir_stream *client, *adopted;
	weir_task tasks[4];
	weir_timer timer, interval;
	weir_signal watcher;
	weir_io io;
	char address[64];
	int fd[2], pair[2];

	assert_int_equal(pipe(fd), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(weir_listen(bed->loop, &listener, "127.0.0.1:0", NULL, &ops, NULL), 0);
	assert_true(weir_listener_address(listener, address, sizeof address) > 0);
	assert_int_equal(weir_connect(bed->loop, &client, address, NULL, &ops, NULL), 0);
	assert_true(weir_write(client, "hello", 5) >= 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(weir_loop_step(bed->loop, 100), 1);
	assert_int_equal(weir_adopt(bed->loop, &adopted, pair[0], NULL, &ops, NULL), 0);
	weir_idle(adopted, 1000);
	assert_int_equal(weir_io_start(bed->loop, &io, fd[0], WEIR_READ, ignore_io, NULL), 0);
	assert_int_equal(weir_signal_start(bed->loop, &watcher, SIGUSR2, ignore_signal, NULL), 0);
	weir_timer_init(&timer, note_timer, "timer");
	weir_timer_init(&interval, note_timer, "interval");
	weir_timer_start(bed->loop, &timer, 1000, 0);
	weir_timer_start(bed->loop, &interval, 1000, 1);
	for (int i = 0; i < 4; i++)
		weir_task_init(&tasks[i], note_task, i == 3 ? "end" : "task");
	weir_later(bed->loop, &tasks[0]);
	weir_post(bed->loop, &tasks[1]);
	weir_at_drain(bed->loop, &tasks[2]);
	weir_at_end(bed->loop, &tasks[3]);
	weir_loop_hold(bed->loop);

	weir_loop_free(bed->loop);
	bed->loop = NULL;
	assert_string_equal(trail, "end ");
	assert_int_equal(weir_timer_stop(&timer), 0);
	close(fd[0]);
	close(fd[1]);
	close(pair[1]);
}

static void freeing_nothing_is_nothing(void **state)
{
	(void)state;
	weir_loop_free(NULL);
}

/* Each allocation in turn fails, alone and with all after it. */
static void a_loop_for_which_memory_runs_out_is_not_made(void **state)
{
	const int fds = test_open_fds();

	(void)state;
	for (int after = 0; after < 2; after++) {
		size_t n = 0;
		int result = -ENOMEM;
		while (result < 0) {
			struct test_alloc alloc = {.fail_at = ++n, .fail_after = after};
			weir_loop_opts opts = {.alloc = test_alloc_fn, .alloc_arg = &alloc};
			weir_loop *loop = (weir_loop *)&opts;

			result = weir_loop_new(&loop, &opts);
			if (result < 0) {
				assert_int_equal(result, -ENOMEM);
				assert_null(loop);
			} else {
				assert_int_equal(alloc.refused, 0);
			}
			weir_loop_free(loop);
			assert_int_equal(alloc.live_octets, 0);
			assert_int_equal(test_open_fds(), fds);
		}
		assert_in_range(n, 4, 100);
	}
}

static void memory_stays_below_its_cap(void **state)
{
	struct test_alloc alloc = {0};
	weir_loop_opts opts = {.alloc = test_alloc_fn, .alloc_arg = &alloc};
	weir_loop *loop;

	(void)state;
	assert_int_equal(weir_loop_new(&loop, &opts), 0);
	const int64_t needed = (int64_t)alloc.live_octets;
	weir_loop_free(loop);
	opts.max_memory = needed - 1;
	assert_int_equal(weir_loop_new(&loop, &opts), -ENOMEM);
	opts.max_memory = needed;
	assert_int_equal(weir_loop_new(&loop, &opts), 0);
	weir_io io;
	const int high = fcntl(0, F_DUPFD, 700);
	assert_true(high >= 700);
	assert_int_equal(weir_io_start(loop, &io, high, WEIR_READ, ignore_io, NULL), -ENOMEM);
	assert_true(alloc.live_octets <= (size_t)needed);
	close(high);
	weir_loop_free(loop);
	opts.max_memory = WEIR_OFF;
	assert_int_equal(weir_loop_new(&loop, &opts), 0);
	weir_loop_free(loop);
}

static void a_running_loop_without_work_allocates_nothing(void **state)
{
	struct test_bed *bed = *state;
	weir_task task;
	weir_timer timer;

	weir_task_init(&task, note_task, "");
	weir_timer_init(&timer, note_timer, "");
	bed->alloc.calls = 0;
	for (int i = 0; i < 10; i++) {
		weir_later(bed->loop, &task);
		weir_timer_start(bed->loop, &timer, 0, 0);
		assert_int_equal(weir_loop_run(bed->loop), 0);
	}
	assert_int_equal(bed->alloc.calls, 0);
}

static void the_backend_has_a_name(void **state)
{
	const char *wanted = getenv("WEIR_BACKEND");

	(void)state;
	assert_non_null(weir_backend());
	if (wanted)
		assert_string_equal(weir_backend(), wanted);
}

/* ---- children ----------------------------------------------------------- */

struct forked {
	weir_loop *loop;
	weir_io io;
	int fd;
	int events;
};

static void count_event(weir_io *io, unsigned ready, void *arg)
{
	char octet;

	(void)ready;
	if (read(io->fd, &octet, 1) == 1)
		((struct forked *)arg)->events++;
	weir_io_stop(io);
}

/* Waits for what the parent watched, then closes all that it inherited. */
static int live_on_in_child(void *arg)
{
	struct forked *f = arg;
	weir_task task;
	weir_timer timer;

	if (weir_loop_forked(f->loop) != 0)
		return 1;
	trail[0] = '\0';
	weir_task_init(&task, note_task, "posted");
	weir_timer_init(&timer, note_timer, "timer");
	weir_timer_start(f->loop, &timer, 5, 0);
	if (weir_post(f->loop, &task) != 1 || weir_loop_run(f->loop) != 0)
		return 2;
	if (f->events != 1)
		return 3;
	if (strcmp(trail, "posted timer ") != 0)
		return 4;
	weir_loop_free(f->loop);
	return 0;
}

static void a_child_takes_the_loop_over_and_the_parent_is_unharmed(void **state)
{
	struct forked f = {.loop = loop_of(state)};
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	f.fd = fd[0];
	assert_int_equal(weir_io_start(f.loop, &f.io, fd[0], WEIR_READ, count_event, &f), 0);
	assert_int_equal(weir_loop_step(f.loop, 0), 1);
	assert_int_equal(write(fd[1], "xy", 2), 2);
	assert_int_equal(test_in_child(live_on_in_child, &f), 0);
	assert_int_equal(weir_loop_run(f.loop), 0);
	assert_int_equal(f.events, 1);
	close(fd[0]);
	close(fd[1]);
}

static int post_in_child(void *arg)
{
	weir_task task;

	if (weir_loop_forked(arg) != 0)
		return 1;
	weir_task_init(&task, note_task, "posted");
	return weir_post(arg, &task) == 1 ? 0 : 2;
}

static void what_a_child_posts_does_not_wake_the_parent(void **state)
{
	weir_loop *loop = loop_of(state);

	assert_int_equal(test_in_child(post_in_child, loop), 0);
	assert_int_equal(weir__sys_readable(loop->wake_fd[0]), 0);
}

static int free_in_child(void *arg)
{
	if (weir_loop_forked(arg) != 0)
		return 1;
	weir_loop_free(arg);
	return 0;
}

/* A fork takes no threads along: nobody waits for one that was in the middle of a post. */
static void a_child_does_not_wait_for_the_threads_of_the_parent(void **state)
{
	weir_loop *loop = loop_of(state);

	atomic_fetch_add(&loop->posting, 1);
	assert_int_equal(test_in_child(free_in_child, loop), 0);
	atomic_fetch_sub(&loop->posting, 1);
}

static int signal_in_child(void *arg)
{
	weir_loop *loop = arg;

	trail[0] = '\0';
	if (weir_loop_forked(loop) != 0)
		return 1;
	weir_loop_hold(loop);
	raise(SIGUSR2);
	if (weir_loop_step(loop, 10000) != 1)
		return 2;
	return strcmp(trail, "signal ") == 0 ? 0 : 3;
}

static void note_signal(weir_signal *watcher, int signo, void *arg)
{
	(void)watcher;
	(void)signo;
	(void)arg;
	note("signal");
}

static void a_child_has_signals_of_its_own(void **state)
{
	weir_loop *loop = loop_of(state);
	weir_signal watcher;

	assert_int_equal(weir_signal_start(loop, &watcher, SIGUSR2, note_signal, NULL), 0);
	assert_int_equal(test_in_child(signal_in_child, loop), 0);
	assert_int_equal(weir_loop_step(loop, 0), 0);
	assert_string_equal(trail, "");
	weir_signal_stop(&watcher);
}

struct shared {
	weir_loop *loop;
	weir_stream *accepted, *client;
	int events;
};

static void keep_accepted(weir_stream *stream, void *arg)
{
	((struct shared *)arg)->accepted = stream;
}

static void count_any(weir_io *io, unsigned ready, void *arg)
{
	(void)io;
	(void)ready;
	((struct shared *)arg)->events++;
}

static int close_in_child(void *arg)
{
	struct shared *s = arg;
	int fd[2], turns = 0;
	weir_timer timer;
	weir_io io;

	if (weir_loop_forked(s->loop) != 0 || weir_loop_step(s->loop, 0) != 1)
		return 1;
	const int number = weir_stream_fd(s->accepted);
	if (pipe(fd) != 0)
		return 2;
	weir_close(s->accepted);
	if (dup2(fd[0], number) != number)
		return 3;
	if (weir_io_start(s->loop, &io, number, WEIR_READ, count_any, s) != 0)
		return 4;
	if (weir_write(s->client, "hello", 5) < 0)
		return 5;
	weir_timer_init(&timer, note_timer, "timer");
	weir_timer_start(s->loop, &timer, 50, 0);
	while (strcmp(trail, "timer ") != 0 && turns++ < 20)
		if (weir_loop_step(s->loop, -1) != 1)
			return 6;
	/* Stale events would have ended some waits before the timer did. */
	return s->events == 0 && turns <= 2 ? 0 : 7;
}

/* The parent's copy keeps the connection alive, and what comes on it makes it
   readable: the child must neither take that for what has the number now, nor spin
   on it. */
static void what_a_child_closes_is_silent_although_the_parent_has_it(void **state)
{
	static const weir_stream_ops ops = {.open = keep_accepted}, silent;
	struct shared s = {.loop = loop_of(state)};
	weir_listener *listener;
	char address[64];

	assert_int_equal(weir_listen(s.loop, &listener, "127.0.0.1:0", NULL, &ops, &s), 0);
	assert_true(weir_listener_address(listener, address, sizeof address) > 0);
	assert_int_equal(weir_connect(s.loop, &s.client, address, NULL, &silent, NULL), 0);
	while (!s.accepted)
		assert_int_equal(weir_loop_step(s.loop, 1000), 1);
	assert_int_equal(weir_loop_step(s.loop, 0), 1);
	assert_int_equal(test_in_child(close_in_child, &s), 0);
	assert_int_equal(weir_loop_step(s.loop, 0), 1);
}

/* ---- standard input ----------------------------------------------------- */

/* In a child: fd 0 becomes the reading end of a pipe that stays open. */
static bool pipe_as_stdin(int *other)
{
	int fd[2];

	if (pipe(fd) != 0 || dup2(fd[0], 0) != 0)
		return false;
	close(fd[0]);
	*other = fd[1];
	return true;
}

static int open_stdin_only(void *arg)
{
	weir_loop *loop;
	weir_io io;
	int other;

	(void)arg;
	if (!pipe_as_stdin(&other) || weir_loop_new(&loop, NULL) != 0)
		return 1;
	if (weir_io_start(loop, &io, 0, 0, ignore_io, NULL) != 0)
		return 2;
	if (weir_loop_run(loop) != 0)
		return 3;
	weir_loop_free(loop);
	return 0;
}

/* test-stdin-hang */
static void stdin_that_nobody_reads_does_not_hold_the_loop(void **state)
{
	(void)state;
	assert_int_equal(test_in_child(open_stdin_only, NULL), 0);
}

struct input {
	weir_loop *loop;
	weir_io io;
	weir_timer timer;
	int step;
};

static void pause_and_resume(weir_timer *timer, void *arg)
{
	struct input *in = arg;

	(void)timer;
	weir_io_want(&in->io, in->step % 2 ? WEIR_READ : 0);
	if (++in->step < 3)
		weir_timer_start(in->loop, &in->timer, 1, 0);
}

static int pause_and_resume_stdin(void *arg)
{
	struct input in = {0};
	int other;

	(void)arg;
	if (!pipe_as_stdin(&other) || weir_loop_new(&in.loop, NULL) != 0)
		return 1;
	if (weir_io_start(in.loop, &in.io, 0, WEIR_READ, ignore_io, NULL) != 0)
		return 2;
	weir_timer_init(&in.timer, pause_and_resume, &in);
	weir_timer_start(in.loop, &in.timer, 1, 0);
	if (weir_loop_run(in.loop) != 0 || in.step != 3)
		return 3;
	weir_loop_free(in.loop);
	return 0;
}

/* test-stdin-pause-resume, test-stdin-child-proc */
static void paused_stdin_does_not_hold_the_loop(void **state)
{
	(void)state;
	assert_int_equal(test_in_child(pause_and_resume_stdin, NULL), 0);
}

struct service {
	weir_loop *loop;
	weir_listener *listener;
	int lowest; /* the lowest descriptor that an accepted stream had */
	int answered, gone;
};

static void serve_open(weir_stream *stream, void *arg)
{
	struct service *s = arg;

	if (weir_stream_fd(stream) < s->lowest)
		s->lowest = weir_stream_fd(stream);
	weir_listener_close(s->listener);
}

static size_t echo(weir_stream *stream, const char *data, size_t len, void *arg)
{
	(void)arg;
	weir_write(stream, data, len);
	return len;
}

static const weir_stream_ops server = {.open = serve_open, .data = echo};

static size_t answered(weir_stream *stream, const char *data, size_t len, void *arg)
{
	struct service *s = arg;

	(void)data;
	s->answered += (int)len;
	weir_finish(stream);
	return len;
}

static void client_gone(weir_stream *stream, int why, void *arg)
{
	(void)stream;
	((struct service *)arg)->gone = why == 0 ? 1 : why;
}

static const weir_stream_ops client = {.data = answered, .gone = client_gone};

/* A loop whose listener (first: 0) or whose accepted stream (1) gets number 0. */
static int serve_with_number_zero(void *arg)
{
	const bool accepted = *(int *)arg;
	struct service s = {.lowest = 1000};
	weir_stream *c;
	char address[64];

	if (weir_loop_new(&s.loop, NULL) != 0)
		return 1;
	if (!accepted)
		close(0);
	if (weir_listen(s.loop, &s.listener, "127.0.0.1:0", NULL, &server, &s) != 0)
		return 2;
	if (weir_listener_address(s.listener, address, sizeof address) <= 0)
		return 3;
	if (weir_connect(s.loop, &c, address, NULL, &client, &s) != 0)
		return 4;
	if (accepted)
		close(0);
	if (weir_write(c, "hello", 5) < 0 || weir_loop_run(s.loop) != 0)
		return 5;
	weir_loop_free(s.loop);
	if (accepted && s.lowest != 0)
		return 6;
	return s.answered == 5 && s.gone == 1 ? 0 : 7;
}

/* test-regress-GH-746 */
static void descriptor_zero_is_a_number_like_any_other(void **state)
{
	int accepted = 0;

	(void)state;
	assert_int_equal(test_in_child(serve_with_number_zero, &accepted), 0);
	accepted = 1;
	assert_int_equal(test_in_child(serve_with_number_zero, &accepted), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(one_task_runs_and_the_loop_ends),
		LOOP_TEST(a_loop_that_nothing_holds_does_not_wait),
		LOOP_TEST(tasks_may_queue_tasks),
		LOOP_TEST(a_task_runs_before_timers),
		LOOP_TEST(a_task_runs_before_a_zero_timer_started_beside_it),
		LOOP_TEST(a_task_that_queues_itself_neither_starves_timers_nor_sleeps),
		LOOP_TEST(a_task_that_queues_itself_does_not_starve_events),
		LOOP_TEST(an_idle_callback_ends_by_not_queueing_itself),
		LOOP_TEST(a_task_queued_twice_counts_once),
		LOOP_TEST(tasks_run_in_the_order_they_were_queued),
		LOOP_TEST(a_cancelled_task_does_not_run),
		LOOP_TEST(a_task_may_cancel_one_of_the_same_turn),
		LOOP_TEST(cancelling_the_last_of_the_turn_keeps_the_queue_whole),
		LOOP_TEST(what_a_timer_starts_waits_for_the_next_turn),
		LOOP_TEST(tasks_of_the_end_run_last_one_first),
		LOOP_TEST(ending_in_a_task_of_the_end_changes_nothing),
		LOOP_TEST(what_did_not_run_by_the_end_runs_when_the_loop_is_freed),
		LOOP_TEST(a_task_of_a_freed_loop_may_be_queued_elsewhere),
		LOOP_TEST(draining_closes_listeners_and_calls_once),
		LOOP_TEST(stop_ends_a_run_and_the_loop_may_run_again),
		LOOP_TEST(stopped_by_a_task_or_a_post_a_held_loop_ends_at_once),
		LOOP_TEST(a_turn_says_whether_there_will_be_another),
		LOOP_TEST(a_turn_waits_no_longer_than_it_was_told),
		LOOP_TEST(the_clock_grows_by_what_has_passed),
		LOOP_TEST(a_turn_begins_with_the_time_that_it_is),
		LOOP_TEST(a_loop_is_not_entered_from_its_own_callbacks),
		LOOP_TEST(another_loop_may_run_inside_a_callback),
		LOOP_TEST(a_held_loop_waits_for_the_post_of_a_thread),
		LOOP_TEST(no_post_of_many_threads_is_lost),
		LOOP_TEST(a_task_that_many_post_runs_as_often_as_it_was_queued),
		LOOP_TEST(a_signal_handler_may_post),
		LOOP_TEST(a_pending_post_holds_the_loop),
		LOOP_TEST(each_thread_may_have_a_loop),
		LOOP_TEST(the_wrong_thread_is_refused_when_debugging),
		LOOP_TEST(freeing_a_loop_closes_what_is_open_in_silence),
		LOOP_TEST(freeing_nothing_is_nothing),
		LOOP_TEST(a_loop_for_which_memory_runs_out_is_not_made),
		LOOP_TEST(memory_stays_below_its_cap),
		LOOP_TEST(a_running_loop_without_work_allocates_nothing),
		LOOP_TEST(the_backend_has_a_name),
		LOOP_TEST(a_child_takes_the_loop_over_and_the_parent_is_unharmed),
		LOOP_TEST(what_a_child_posts_does_not_wake_the_parent),
		LOOP_TEST(a_child_does_not_wait_for_the_threads_of_the_parent),
		LOOP_TEST(a_child_has_signals_of_its_own),
		LOOP_TEST(what_a_child_closes_is_silent_although_the_parent_has_it),
		LOOP_TEST(stdin_that_nobody_reads_does_not_hold_the_loop),
		LOOP_TEST(paused_stdin_does_not_hold_the_loop),
		LOOP_TEST(descriptor_zero_is_a_number_like_any_other),
	};

	test_watchdog(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
