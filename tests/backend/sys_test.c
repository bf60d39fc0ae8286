/*
 * Does backend/sys.h keep its word on this system about clocks, threads, wake-ups and
 * signals? Against the real kernel, as the tests of the rest of it beside this file.
 */
#include "config.h"

#include "tests/backend/sys_bed.h"

#include <pthread.h>
#include <time.h>

/* ---- clocks, threads, processes, errors ---- */

static void the_clock_advances_and_never_goes_back(void **state)
{
	int64_t begin = weir__sys_now_us(), last = begin;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t now = weir__sys_now_us();

		assert_true(now >= last);
		last = now;
	}
	(void)poll(NULL, 0, MOMENT_MS);
	last = weir__sys_now_us();
	assert_true(last - begin >= (MOMENT_MS - 1) * 1000);
	assert_true(last - begin < INT64_C(60) * 1000000);
}

static void the_date_is_that_of_the_system(void **state)
{
	int64_t before = (int64_t)time(NULL), now = weir__sys_wall_s();

	(void)state;
	assert_true(now >= before - 1 && now <= (int64_t)time(NULL) + 1);
}

static void *own_number(void *arg)
{
	*(uintptr_t *)arg = weir__sys_thread();
	return NULL;
}

static void living_threads_have_different_numbers(void **state)
{
	uintptr_t other = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, own_number, &other), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(weir__sys_thread(), weir__sys_thread());
	assert_true(other != weir__sys_thread());
}

static int number_is_another(void *arg)
{
	return weir__sys_pid() != *(int64_t *)arg;
}

static void a_child_has_a_number_of_its_own(void **state)
{
	int64_t own = weir__sys_pid();

	(void)state;
	assert_int_equal(own, getpid());
	assert_int_equal(test_in_child(number_is_another, &own), 1);
}

static void every_error_has_a_text(void **state)
{
	(void)state;
	errno = EXDEV;
	assert_string_equal(weir__sys_error(ECONNREFUSED), strerror(ECONNREFUSED));
	assert_non_null(weir__sys_error(987654));
	assert_true(strlen(weir__sys_error(0)) > 0);
	assert_int_equal(errno, EXDEV);
}

/* ---- wake-ups ---- */

static void a_wake_up_is_readable_until_drained(void **state)
{
	int wake[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(wake), 0);
	assert_fit_for_the_loop(wake[0]);
	assert_fit_for_the_loop(wake[1]);
	assert_false(await(wake[0], POLLIN, 0));
	weir__sys_wake_send(wake[1]);
	weir__sys_wake_send(wake[1]);
	assert_true(await(wake[0], POLLIN, 0));
	weir__sys_wake_drain(wake[0]);
	assert_false(await(wake[0], POLLIN, 0));
	weir__sys_wake_drain(wake[0]);
	weir__sys_wake_close(wake);
	assert_int_equal(wake[0], -1);
}

static void wake_ups_never_block_nor_touch_errno(void **state)
{
	int wake[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(wake), 0);
	errno = EXDEV;
	for (int i = 0; i < 100000; i++)
		weir__sys_wake_send(wake[1]);
	assert_int_equal(errno, EXDEV);
	weir__sys_wake_drain(wake[0]);
	assert_false(await(wake[0], POLLIN, 0));
	weir__sys_wake_close(wake);
}

static void *send_wake(void *arg)
{
	weir__sys_wake_send(*(int *)arg);
	return NULL;
}

static void a_thread_wakes_a_sleeper(void **state)
{
	pthread_t thread;
	int wake[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(wake), 0);
	assert_int_equal(pthread_create(&thread, NULL, send_wake, &wake[1]), 0);
	assert_true(await(wake[0], POLLIN, PATIENCE_MS));
	assert_int_equal(pthread_join(thread, NULL), 0);
	weir__sys_wake_close(wake);
}

/* ---- signals ---- */

static void a_caught_signal_wakes_and_is_counted(void **state)
{
	int wake[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(wake), 0);
	assert_int_equal(weir__sys_signal_catch(SIGUSR1, wake[1]), 0);
	assert_int_equal(weir__sys_signal_take(SIGUSR1), 0);
	assert_false(await(wake[0], POLLIN, 0));
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_true(await(wake[0], POLLIN, 0));
	assert_int_equal(weir__sys_signal_take(SIGUSR1), 2);
	assert_int_equal(weir__sys_signal_take(SIGUSR1), 0);
	weir__sys_signal_release(SIGUSR1);
	weir__sys_wake_close(wake);
}

static void several_signals_are_counted_apart(void **state)
{
	static const int signos[] = {SIGHUP, SIGINT, SIGTERM, SIGUSR2};
	int wake[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(wake), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(weir__sys_signal_catch(signos[i], wake[1]), 0);
	for (int i = 0; i < 4; i++)
		for (int n = 0; n < i; n++)
			assert_int_equal(raise(signos[i]), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(weir__sys_signal_take(signos[i]), i);
		weir__sys_signal_release(signos[i]);
	}
	weir__sys_wake_close(wake);
}

static void other_handler(int signo)
{
	(void)signo;
}

static void release_puts_the_disposition_back(void **state)
{
	struct sigaction ours = {.sa_handler = other_handler, .sa_flags = SA_NODEFER}, now;
	int wake[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(wake), 0);
	assert_int_equal(sigaction(SIGUSR1, &ours, NULL), 0);
	assert_int_equal(weir__sys_signal_catch(SIGUSR1, wake[1]), 0);
	assert_int_equal(weir__sys_signal_catch(SIGUSR1, wake[1]), 0);
	assert_int_equal(weir__sys_signal_catch(SIGUSR2, wake[1]), 0);
	weir__sys_signal_release(SIGUSR1);
	weir__sys_signal_release(SIGUSR2);
	assert_int_equal(sigaction(SIGUSR1, NULL, &now), 0);
	assert_true(now.sa_handler == other_handler);
	assert_true(now.sa_flags & SA_NODEFER);
	assert_int_equal(sigaction(SIGUSR2, NULL, &now), 0);
	assert_true(now.sa_handler == SIG_DFL);
	ours.sa_handler = SIG_DFL;
	assert_int_equal(sigaction(SIGUSR1, &ours, NULL), 0);
	weir__sys_wake_close(wake);
}

static void an_ignored_signal_is_ignored_again(void **state)
{
	int wake[2];

	(void)state;
	assert_true(signal(SIGHUP, SIG_IGN) != SIG_ERR);
	assert_int_equal(weir__sys_wake_open(wake), 0);
	assert_int_equal(weir__sys_signal_catch(SIGHUP, wake[1]), 0);
	assert_int_equal(raise(SIGHUP), 0);
	weir__sys_signal_release(SIGHUP);
	weir__sys_wake_drain(wake[0]);
	assert_int_equal(raise(SIGHUP), 0);
	assert_false(await(wake[0], POLLIN, 0));
	assert_int_equal(weir__sys_signal_take(SIGHUP), 0);
	assert_true(signal(SIGHUP, SIG_DFL) == SIG_IGN);
	weir__sys_wake_close(wake);
}

static void a_signal_has_one_catcher_at_a_time(void **state)
{
	int first[2], second[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(first), 0);
	assert_int_equal(weir__sys_wake_open(second), 0);
	assert_int_equal(weir__sys_signal_catch(SIGUSR1, first[1]), 0);
	assert_int_equal(weir__sys_signal_catch(SIGUSR1, second[1]), -EBUSY);
	assert_int_equal(raise(SIGUSR1), 0);
	weir__sys_signal_release(SIGUSR1);
	assert_int_equal(weir__sys_signal_catch(SIGUSR1, second[1]), 0);
	assert_int_equal(weir__sys_signal_take(SIGUSR1), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_true(await(second[0], POLLIN, 0));
	weir__sys_signal_release(SIGUSR1);
	weir__sys_signal_release(SIGUSR1);
	weir__sys_wake_close(first);
	weir__sys_wake_close(second);
}

static void some_signals_cannot_be_caught(void **state)
{
	static const int signos[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGFPE, 0, -1, WEIR__SIGNAL_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(signos) / sizeof(*signos); i++) {
		assert_int_equal(weir__sys_signal_catch(signos[i], STDERR_FILENO), -EINVAL);
		weir__sys_signal_release(signos[i]);
		assert_int_equal(weir__sys_signal_take(signos[i]), 0);
	}
}

static void the_handler_leaves_errno_alone(void **state)
{
	int wake[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(wake), 0);
	assert_int_equal(weir__sys_signal_catch(SIGUSR1, wake[1]), 0);
	for (int i = 0; i < 20000; i++) {
		errno = EXDEV;
		assert_int_equal(raise(SIGUSR1), 0);
		assert_int_equal(errno, EXDEV);
	}
	assert_int_equal(weir__sys_signal_take(SIGUSR1), 20000);
	weir__sys_signal_release(SIGUSR1);
	weir__sys_wake_close(wake);
}

static void *raise_hundred(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++)
		(void)raise(SIGUSR2);
	return NULL;
}

static void signals_in_threads_are_not_lost(void **state)
{
	pthread_t threads[4];
	int wake[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(wake), 0);
	assert_int_equal(weir__sys_signal_catch(SIGUSR2, wake[1]), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, raise_hundred, NULL), 0);
	assert_true(await(wake[0], POLLIN, PATIENCE_MS));
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(weir__sys_signal_take(SIGUSR2), 400);
	weir__sys_signal_release(SIGUSR2);
	weir__sys_wake_close(wake);
}

static void the_numbers_of_the_signals_that_are_named(void **state)
{
	(void)state;
	assert_int_equal(weir__sys_signal_number(WEIR__SIGNAL_INTERRUPT), SIGINT);
	assert_int_equal(weir__sys_signal_number(WEIR__SIGNAL_TERMINATE), SIGTERM);
	assert_int_equal(weir__sys_signal_number(WEIR__SIGNAL_HANGUP), SIGHUP);
	assert_int_equal(weir__sys_signal_number(WEIR__SIGNAL_QUIT), SIGQUIT);
	assert_int_equal(weir__sys_signal_number(WEIR__SIGNAL_KILL), SIGKILL);
	assert_int_equal(weir__sys_signal_number(WEIR__SIGNAL_CHILD), SIGCHLD);
}

/* ---- the program ---- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clock_advances_and_never_goes_back),
		cmocka_unit_test(the_date_is_that_of_the_system),
		cmocka_unit_test(living_threads_have_different_numbers),
		cmocka_unit_test(a_child_has_a_number_of_its_own),
		cmocka_unit_test(every_error_has_a_text),
		cmocka_unit_test(a_wake_up_is_readable_until_drained),
		cmocka_unit_test(wake_ups_never_block_nor_touch_errno),
		cmocka_unit_test(a_thread_wakes_a_sleeper),
		cmocka_unit_test(a_caught_signal_wakes_and_is_counted),
		cmocka_unit_test(several_signals_are_counted_apart),
		cmocka_unit_test(release_puts_the_disposition_back),
		cmocka_unit_test(an_ignored_signal_is_ignored_again),
		cmocka_unit_test(a_signal_has_one_catcher_at_a_time),
		cmocka_unit_test(some_signals_cannot_be_caught),
		cmocka_unit_test(the_handler_leaves_errno_alone),
		cmocka_unit_test(signals_in_threads_are_not_lost),
		cmocka_unit_test(the_numbers_of_the_signals_that_are_named),
	};

	sys_begin();
	return cmocka_run_group_tests_name("sys", tests, make_scratch, remove_scratch);
}
