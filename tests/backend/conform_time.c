/*
 * How long does a wait take? Never less than asked for unless something happens,
 * and then no longer; a signal is nothing that happens.
 */
#include "tests/backend/conform.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "backend/sys.h"

enum { LONG_MS = 20000, SOON_US = 10000000 };

static void pause_ms(long ms)
{
	const struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

	(void)nanosleep(&ts, NULL);
}

/* Waits in vain; gives the microseconds that took. */
static int64_t wait_in_vain(struct bed *b, int timeout_ms)
{
	struct weir__event ev;
	int64_t before = now_us();

	trace("for %d ms:", timeout_ms);
	assert_int_equal(look(b, &ev, 1, timeout_ms), 0);
	return now_us() - before;
}

static void no_time_is_no_time(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, IN);
	int64_t before = now_us();
	trace_pause();
	for (int i = 0; i < 100; i++)
		(void)wait_in_vain(b, 0);
	trace_resume();
	assert_true(now_us() - before < SOON_US);
	trace("for no time, 100 times: nothing");
}

static void a_wait_is_never_too_short(void **state)
{
	struct bed *b = *state;
	const int ms[] = {1, 1, 1, 2, 3, 5, 7, 10, 11, 19, 35, 101};
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, IN);
	for (size_t i = 0; i < sizeof(ms) / sizeof(*ms); i++)
		assert_true(wait_in_vain(b, ms[i]) >= ms[i] * 1000);
}

static void more_than_a_second_is_waited(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, IN);
	assert_in_range(wait_in_vain(b, 1013), 1013000, SOON_US);
}

static void an_empty_poller_waits_too(void **state)
{
	assert_true(wait_in_vain(*state, 15) >= 15000);
}

static void a_poller_that_became_empty_waits_too(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, OUT);
	assert_int_equal(view(b, s[0], 7, OUT), OUT);
	change(b, s[0], 7, OUT, 0);
	assert_true(wait_in_vain(b, 15) >= 15000);
}

static void a_needless_removal_does_not_shorten_the_wait(void **state)
{
	struct bed *b = *state;
	int s[2];

	/* The kernel is told to remove what went with its close, if it is told. */
	skip_if_strict();
	unix_pair(b, s);
	add(b, s[0], 7, IN);
	silence(b);
	shut(b, s[0]);
	trace("change the closed one from in to nothing");
	assert_int_equal(weir__poller_set(b->p, s[0], 7, IN, 0), 0);
	assert_true(wait_in_vain(b, 15) >= 15000);
}

static void what_is_ready_does_not_wait(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, OUT);
	int64_t before = now_us();
	assert_int_equal(look(b, &ev, 1, LONG_MS), 1);
	assert_int_equal(look(b, &ev, 1, -1), 1);
	assert_int_equal(look(b, &ev, 1, 0), 1);
	assert_true(now_us() - before < SOON_US);
}

static int dead_pipe(struct bed *b)
{
	int p[2];

	pipe_pair(b, p);
	shut(b, p[0]);
	return p[1];
}

/* There are n events, at once. */
static void look_without_waiting(struct bed *b, int max, int n)
{
	struct weir__event ev[8];
	const int64_t before = now_us();

	assert_int_equal(look(b, ev, max, LONG_MS), n);
	assert_true(now_us() - before < SOON_US);
}

static void what_cannot_be_added_is_reported_without_waiting(void **state)
{
	struct bed *b = *state;
	int idle[2];

	/* Some kernels refuse it with the very call that waits. */
	add(b, dead_pipe(b), 7, OUT);
	look_without_waiting(b, 1, 1);
	look_without_waiting(b, 8, 1);
	unix_pair(b, idle);
	add(b, idle[0], 8, IN);
	look_without_waiting(b, 1, 1);
	for (uint32_t i = 0; i < 4; i++)
		add(b, dead_pipe(b), 10 + i, OUT);
	look_without_waiting(b, 8, 5);
}

struct writer {
	pthread_t thread;
	int fd;
	long after_ms;
};

static void *write_later(void *arg)
{
	const struct writer *w = arg;

	pause_ms(w->after_ms);
	return write(w->fd, "x", 1) == 1 ? NULL : arg;
}

static void start(struct writer *w)
{
	trace("a thread writes to %s after %ld ms", trace_name(w->fd), w->after_ms);
	assert_int_equal(pthread_create(&w->thread, NULL, write_later, w), 0);
}

static void join(const struct writer *w)
{
	void *failed;

	assert_int_equal(pthread_join(w->thread, &failed), 0);
	assert_null(failed);
}

static void a_wait_for_ever_ends_with_an_event(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	int p[2];

	pipe_pair(b, p);
	add(b, p[0], 7, IN);
	struct writer w = {.fd = p[1], .after_ms = 30};
	int64_t before = now_us();
	start(&w);
	assert_int_equal(look(b, &ev, 1, -1), 1);
	assert_true(now_us() - before >= 30000);
	join(&w);
	assert_int_equal(ev.fd, p[0]);
	assert_int_equal(ev.tag, 7);
}

static void a_long_wait_ends_with_an_event(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	int p[2];

	pipe_pair(b, p);
	add(b, p[0], 7, IN);
	struct writer w = {.fd = p[1], .after_ms = 5};
	int64_t before = now_us();
	start(&w);
	assert_int_equal(look(b, &ev, 1, LONG_MS), 1);
	assert_true(now_us() - before < SOON_US);
	join(&w);
}

static void a_pipe_wakes_the_poller_again_and_again(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	int p[2];

	pipe_pair(b, p);
	add(b, p[0], 7, IN);
	for (int i = 0; i < 10; i++) {
		struct writer w = {.fd = p[1], .after_ms = 1};
		start(&w);
		assert_int_equal(look(b, &ev, 1, LONG_MS), 1);
		join(&w);
		assert_int_equal(drain(p[0]), 1);
		silence(b);
	}
}

static atomic_int signals;
static atomic_int wake_fd;

static void on_signal(int signo)
{
	(void)signo;
	atomic_fetch_add(&signals, 1);
	if (atomic_load(&wake_fd) >= 0)
		(void)!write(atomic_load(&wake_fd), "!", 1);
}

/* A thread that sends a signal to another until it is told to stop. */
struct sender {
	pthread_t thread;
	pthread_t to;
	atomic_bool stop;
};

static void *send_signals(void *arg)
{
	struct sender *s = arg;

	while (!atomic_load(&s->stop)) {
		pause_ms(5);
		(void)pthread_kill(s->to, SIGUSR1);
	}
	return NULL;
}

static void start_signals(struct sender *s, int wake)
{
	struct sigaction sa = {.sa_handler = on_signal};

	(void)sigemptyset(&sa.sa_mask);
	assert_int_equal(sigaction(SIGUSR1, &sa, NULL), 0);
	atomic_store(&signals, 0);
	atomic_store(&wake_fd, wake);
	s->to = pthread_self();
	atomic_store(&s->stop, false);
	assert_int_equal(pthread_create(&s->thread, NULL, send_signals, s), 0);
}

static void stop_signals(struct sender *s)
{
	atomic_store(&s->stop, true);
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	(void)signal(SIGUSR1, SIG_DFL);
}

static void a_signal_ends_the_wait_without_events(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	struct sender sender;
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, IN);
	int64_t before = now_us();
	start_signals(&sender, -1);
	trace("a signal comes");
	int n = look(b, &ev, 1, LONG_MS);
	stop_signals(&sender);
	assert_int_equal(n, 0);
	assert_true(now_us() - before < SOON_US);
	assert_true(atomic_load(&signals) > 0);
}

/* The wait that is interrupted is the one that takes the changes along: there is room for them. */
static void wait_until_a_signal(struct bed *b)
{
	struct weir__event ev[8];
	struct sender sender;

	start_signals(&sender, -1);
	trace("a signal comes");
	const int n = look(b, ev, 8, LONG_MS);
	stop_signals(&sender);
	assert_int_equal(n, 0);
}

static void changes_survive_a_signal(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	say(s[1], "x");
	add(b, s[0], 7, BOTH);
	assert_int_equal(view(b, s[0], 7, BOTH), BOTH);
	drain(s[0]);
	change(b, s[0], 7, BOTH, IN);
	add(b, s[1], 8, IN);
	wait_until_a_signal(b);
	silence(b);
	say(s[0], "x");
	assert_int_equal(view(b, s[1], 8, IN), IN);
	drain(s[1]);
	say(s[1], "y");
	assert_int_equal(view(b, s[0], 7, IN), IN);
}

static void changes_told_before_a_signal_can_be_taken_back(void **state)
{
	struct bed *b = *state;
	int s[2];
	int t[2];

	/* The kernel has taken what went with the wait, though that failed. */
	unix_pair(b, s);
	add(b, s[0], 7, IN);
	wait_until_a_signal(b);
	change(b, s[0], 7, IN, 0);
	say(s[1], "x");
	silence(b);
	unix_pair(b, t);
	add(b, t[0], 8, IN);
	wait_until_a_signal(b);
	drop(b, t[0], IN, true);
	say(t[1], "x");
	silence(b);
}

static void a_signal_handler_wakes_by_a_pipe(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	struct sender sender;
	int p[2];

	pipe_pair(b, p);
	add(b, p[0], 7, IN);
	int64_t before = now_us();
	start_signals(&sender, p[1]);
	int n = weir__poller_wait(b->p, &ev, 1, LONG_MS);
	if (n == 0) /* the signal itself; what it wrote is there now */
		n = weir__poller_wait(b->p, &ev, 1, LONG_MS);
	stop_signals(&sender);
	trace("a signal's handler writes to its peer; wait: %s %s", trace_name(p[0]),
	      n == 1 ? trace_mask(ev.ready) : "nothing");
	assert_int_equal(n, 1);
	assert_int_equal(ev.fd, p[0]);
	assert_true(now_us() - before < SOON_US);
}

static void the_longest_of_times_is_taken(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	int p[2];

	pipe_pair(b, p);
	add(b, p[0], 7, IN);
	struct writer w = {.fd = p[1], .after_ms = 20};
	int64_t before = now_us();
	start(&w);
	assert_int_equal(look(b, &ev, 1, INT_MAX), 1);
	assert_true(now_us() - before >= 20000);
	join(&w);
	assert_int_equal(look(b, &ev, 1, INT_MAX), 1);
}

static void a_wait_in_vain_does_not_hide_what_comes_next(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, IN);
	for (int i = 0; i < 3; i++) {
		(void)wait_in_vain(b, 2);
		say(s[1], "x");
		assert_int_equal(view(b, s[0], 7, IN), IN);
		drain(s[0]);
	}
}

static void changes_and_no_time_is_no_time(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[8];
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, OUT);
	/* They are told, and what is ready is reported, without waiting. */
	int64_t before = now_us();
	assert_int_equal(look(b, ev, 8, 0), 1);
	change(b, s[0], 7, OUT, IN);
	assert_int_equal(look(b, ev, 8, 0), 0);
	assert_true(now_us() - before < SOON_US);
}

static void time_is_kept_while_changes_are_told(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, IN);
	assert_true(wait_in_vain(b, 15) >= 15000);
	change(b, s[0], 7, IN, 0);
	assert_true(wait_in_vain(b, 15) >= 15000);
	add(b, s[0], 8, IN);
	drop(b, s[0], IN, true);
	assert_true(wait_in_vain(b, 15) >= 15000);
}

static void signals_do_not_lose_events(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	struct sender sender;
	int p[2];
	int n = 0;

	pipe_pair(b, p);
	add(b, p[0], 7, IN);
	struct writer w = {.fd = p[1], .after_ms = 40};
	trace("signals keep coming");
	start_signals(&sender, -1);
	start(&w);
	for (int i = 0; i < 10000 && n == 0; i++)
		n = weir__poller_wait(b->p, &ev, 1, LONG_MS);
	stop_signals(&sender);
	join(&w);
	trace("wait until it is there: %s %s", trace_name(p[0]),
	      n == 1 ? trace_mask(ev.ready) : "nothing");
	assert_int_equal(n, 1);
	assert_int_equal(ev.fd, p[0]);
}

static void the_wake_of_a_loop_ends_the_wait(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	int wake[2];

	assert_int_equal(weir__sys_wake_open(wake), 0);
	trace("a wake-up, as loops have it: %s", trace_name(wake[0]));
	add(b, wake[0], 7, IN);
	silence(b);
	for (int i = 0; i < 3; i++) {
		trace("send it");
		weir__sys_wake_send(wake[1]);
		assert_int_equal(look(b, &ev, 1, LONG_MS), 1);
		assert_int_equal(look(b, &ev, 1, LONG_MS), 1);
		trace("drain it");
		weir__sys_wake_drain(wake[0]);
		silence(b);
	}
	drop(b, wake[0], IN, false);
	weir__sys_wake_close(wake);
	silence(b);
}

/* A thread with a poller of its own. */
struct other {
	pthread_t thread;
	struct bed bed;
	int fd;
};

static void *wait_there(void *arg)
{
	struct other *o = arg;
	struct weir__event ev;

	return weir__poller_wait(o->bed.p, &ev, 1, LONG_MS) == 1 && ev.fd == o->fd ? NULL : arg;
}

static void pollers_of_two_threads_wait_apart(void **state)
{
	struct bed *b = *state;
	struct other o;
	void *failed;
	int s[2];
	int t[2];

	unix_pair(b, s);
	unix_pair(b, t);
	bed_init(&o.bed, "other: ");
	assert_int_equal(bed_open(&o.bed), 0);
	o.fd = t[0];
	add(&o.bed, t[0], 1, IN);
	add(b, s[0], 2, IN);
	trace("the other waits, in its thread");
	assert_int_equal(pthread_create(&o.thread, NULL, wait_there, &o), 0);
	silence(b);
	say(s[1], "x");
	assert_int_equal(view(b, s[0], 2, IN), IN);
	say(t[1], "x");
	assert_int_equal(pthread_join(o.thread, &failed), 0);
	assert_null(failed);
	bed_end(&o.bed);
	drain(s[0]);
	silence(b);
}

int conform_time(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(no_time_is_no_time),
		BED_TEST(a_wait_is_never_too_short),
		BED_TEST(more_than_a_second_is_waited),
		BED_TEST(an_empty_poller_waits_too),
		BED_TEST(a_poller_that_became_empty_waits_too),
		BED_TEST(a_needless_removal_does_not_shorten_the_wait),
		BED_TEST(what_is_ready_does_not_wait),
		BED_TEST(what_cannot_be_added_is_reported_without_waiting),
		BED_TEST(a_wait_for_ever_ends_with_an_event),
		BED_TEST(a_long_wait_ends_with_an_event),
		BED_TEST(a_pipe_wakes_the_poller_again_and_again),
		BED_TEST(a_signal_ends_the_wait_without_events),
		BED_TEST(changes_survive_a_signal),
		BED_TEST(changes_told_before_a_signal_can_be_taken_back),
		BED_TEST(a_signal_handler_wakes_by_a_pipe),
		BED_TEST(the_longest_of_times_is_taken),
		BED_TEST(a_wait_in_vain_does_not_hide_what_comes_next),
		BED_TEST(changes_and_no_time_is_no_time),
		BED_TEST(time_is_kept_while_changes_are_told),
		BED_TEST(signals_do_not_lose_events),
		BED_TEST(the_wake_of_a_loop_ends_the_wait),
		BED_TEST(pollers_of_two_threads_wait_apart),
	};

	return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
