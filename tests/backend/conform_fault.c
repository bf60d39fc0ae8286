/*
 * What if the system gives nothing? No memory, no descriptors: an error that
 * leaves everything as it was, and no leak.
 */
#include "tests/backend/conform.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void the_name_is_one_of_four(void **state)
{
	const char *name = weir__poller_name();

	(void)state;
	assert_true(strcmp(name, "epoll") == 0 || strcmp(name, "kqueue") == 0 ||
	            strcmp(name, "devpoll") == 0 || strcmp(name, "select") == 0);
}

static void the_limit_leaves_room(void **state)
{
	struct bed *b = *state;

	assert_in_range(weir__poller_limit(b->p), 64, INT_MAX);
}

static void closing_nothing_is_allowed(void **state)
{
	(void)state;
	weir__poller_close(NULL);
}

static void opening_and_closing_leaves_nothing(void **state)
{
	struct bed b;
	int before = open_descriptors();

	(void)state;
	bed_init(&b, "");
	for (int i = 0; i < 20; i++) {
		assert_int_equal(bed_open(&b), 0);
		weir__poller_close(b.p);
		b.p = NULL;
		assert_int_equal(b.mem.used, 0);
	}
	bed_end(&b);
	assert_int_equal(open_descriptors(), before);
}

static void a_closed_poller_leaves_descriptors_open(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, BOTH);
	assert_int_equal(view(b, s[0], 7, BOTH), OUT);
	change(b, s[0], 7, BOTH, IN);
	weir__poller_close(b->p);
	b->p = NULL;
	say(s[0], "still open");
	assert_int_equal(drain(s[1]), 10);
}

static void its_descriptors_do_not_survive_exec(void **state)
{
	bool before[256];
	struct bed b;

	(void)state;
	bed_init(&b, "");
	for (int fd = 0; fd < 256; fd++)
		before[fd] = fcntl(fd, F_GETFD) >= 0;
	assert_int_equal(bed_open(&b), 0);
	for (int round = 0; round < 2; round++) {
		for (int fd = 0; fd < 256; fd++) {
			int flags = fcntl(fd, F_GETFD);
			if (!before[fd] && flags >= 0)
				assert_true(flags & FD_CLOEXEC);
		}
		assert_int_equal(start_over(&b), 0);
	}
	bed_end(&b);
}

/* Lowers the limit of descriptors; gives the one that was. */
static struct rlimit lower_limit(rlim_t limit)
{
	struct rlimit was;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	struct rlimit low = was;
	low.rlim_cur = limit;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	return was;
}

static rlim_t lowest_free(void)
{
	int lowest = dup(0);

	assert_true(lowest >= 0);
	(void)close(lowest);
	return (rlim_t)lowest;
}

/* Lowers the limit so that no descriptor can be opened; gives the one that was. */
static struct rlimit exhaust(void)
{
	return lower_limit(lowest_free());
}

static void without_descriptors_it_does_not_open(void **state)
{
	struct bed b;
	int before = open_descriptors();

	(void)state;
	bed_init(&b, "");
	b.p = (weir__poller *)&b;
	trace("open without descriptors: EMFILE, or none is needed");
	struct rlimit was = exhaust();
	int r = weir__poller_open(&b.p, &b.mem);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	if (needs_no_descriptor()) {
		/* It needs none. */
		assert_int_equal(r, 0);
	} else {
		assert_int_equal(r, -EMFILE);
		assert_null(b.p);
		assert_int_equal(b.mem.used, 0);
	}
	bed_end(&b);
	assert_int_equal(open_descriptors(), before);
}

static void without_descriptors_it_starts_over_or_can_later(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, OUT);
	trace("start over without descriptors: it works, or the wait is an error");
	struct rlimit was = exhaust();
	int r = weir__poller_fork(b->p);
	int waited = r < 0 ? weir__poller_wait(b->p, &ev, 1, 0) : -1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_true(waited < 0);
	assert_int_equal(start_over(b), 0);
	silence(b);
	add(b, s[0], 8, OUT);
	assert_int_equal(view(b, s[0], 8, OUT), OUT);
}

static void starting_over_without_any_descriptor_is_an_error_and_can_be_repeated(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	int watched[2];
	int fd[4][2];

	unix_pair(b, watched);
	add(b, watched[0], 7, OUT);
	trace("start over where there is no descriptor: EMFILE, or none is needed");
	struct rlimit was = lower_limit(0);
	const int refused = weir__poller_fork(b->p);
	const int waited = refused < 0 ? weir__poller_wait(b->p, &ev, 1, 0) : -1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(refused, needs_no_descriptor() ? 0 : -EMFILE);
	assert_true(waited < 0);
	/* The number that it gave back is another's now. */
	for (int i = 0; i < 4; i++)
		unix_pair(b, fd[i]);
	assert_int_equal(start_over(b), 0);
	for (int i = 0; i < 4; i++) {
		say(fd[i][0], "x");
		say(fd[i][1], "x");
	}
	silence(b);
	add(b, watched[0], 8, OUT);
	assert_int_equal(view(b, watched[0], 8, OUT), OUT);
}

/* Changes both ends of n pairs; their tags count. */
static void change_all(struct bed *b, int (*fd)[2], uint32_t n, unsigned old, unsigned now)
{
	for (uint32_t i = 0; i < n; i++) {
		change(b, fd[i][0], 2 * i, old, now);
		change(b, fd[i][1], 2 * i + 1, old, now);
	}
}

static void more_changes_than_descriptors_are_taken(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[64];
	int fd[40][2];

	/* Some kernels take no more changes, and give no more events, than the limit. A change
	   can be two of theirs: the limit is once an even number, and once an odd one. */
	trace("twice, without descriptors: have 80: out; wait: as many as fit; change all to in");
	trace_pause();
	for (uint32_t i = 0; i < 40; i++) {
		unix_pair(b, fd[i]);
		add(b, fd[i][0], 2 * i, IN);
		add(b, fd[i][1], 2 * i + 1, IN);
	}
	const rlim_t limit = lowest_free();
	for (rlim_t more = 0; more < 2; more++) {
		struct rlimit was = lower_limit(limit + more);
		change_all(b, fd, 40, IN, OUT);
		int n = look(b, ev, 64, 1000);
		change_all(b, fd, 40, OUT, IN);
		int silent = look(b, ev, 64, 10);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
		assert_int_equal(n, 64);
		assert_int_equal(silent, 0);
	}
	trace_resume();
	say(fd[39][0], "x");
	assert_int_equal(view(b, fd[39][1], 79, IN), IN);
}

static void more_results_than_descriptors_may_be_asked_for(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[300];
	const rlim_t limits[] = {64, 256};
	int fd[10][2];

	/* Some kernels refuse to give as many as the limit, or more: they are asked for less. */
	trace("add 10: out");
	trace_pause();
	for (uint32_t i = 0; i < 10; i++) {
		unix_pair(b, fd[i]);
		add(b, fd[i][0], i, OUT);
	}
	trace_resume();
	for (int i = 0; i < 10; i++)
		(void)trace_place(fd[i][0]);
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		for (int above = -1; above <= 1; above++) {
			const int max = (int)limits[i] + above;
			trace("for %d events, where the limit of descriptors is %d", max,
			      (int)limits[i]);
			struct rlimit was = lower_limit(limits[i]);
			const int n = look(b, ev, max, 1000);
			assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
			assert_int_equal(n, 10);
		}
	}
}

static void without_memory_it_does_not_open(void **state)
{
	struct bed b;
	int before = open_descriptors();

	(void)state;
	bed_init(&b, "");
	b.p = (weir__poller *)&b;
	b.fail_at = 1;
	assert_int_equal(bed_open(&b), -ENOMEM);
	assert_null(b.p);
	bed_end(&b);
	assert_int_equal(open_descriptors(), before);
}

static void without_memory_an_addition_fails_and_can_be_repeated(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	say(s[1], "x");
	trace("add %s without memory: ENOMEM, or none is needed; then again", trace_name(s[0]));
	trace_pause();
	b->fail_at = 1;
	int r = try_add(b, s[0], 7, IN);
	assert_int_equal(r, b->failed > 0 ? -ENOMEM : 0);
	b->fail_at = 0;
	if (r != 0) {
		silence(b);
		add(b, s[0], 7, IN);
	}
	trace_resume();
	assert_int_equal(view(b, s[0], 7, IN), IN);
}

static void without_memory_what_is_there_goes_on(void **state)
{
	struct bed *b = *state;
	int s[2];
	int t[2];

	unix_pair(b, s);
	unix_pair(b, t);
	add(b, s[0], 7, IN);
	silence(b);
	b->fail_at = 1;
	int high = renumber(b, t[0], 900);
	trace("add and remove %s without memory", trace_name(high));
	trace_pause();
	if (try_add(b, high, 8, OUT) == 0)
		change(b, high, 8, OUT, 0);
	trace_resume();
	b->fail_at = 1;
	change(b, s[0], 7, IN, BOTH);
	say(s[1], "x");
	assert_int_equal(view(b, s[0], 7, BOTH), BOTH);
	change(b, s[0], 7, BOTH, 0);
	silence(b);
	b->fail_at = 0;
}

/* A life with everything that could need memory. Returns the first error. */
static int live(struct bed *b)
{
	const int numbers[] = {10, 100, 500, 1000, 1500, 5000};
	struct weir__event ev[8];
	int first = bed_open(b);

	if (first < 0)
		return first;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		int s[2];
		unix_pair(b, s);
		int fd = own(b, fcntl(s[0], F_DUPFD, numbers[i]));
		if (fd >= weir__poller_limit(b->p))
			continue;
		int r = try_add(b, fd, 7, BOTH);
		first = first < 0 ? first : r;
		int n = look(b, ev, 8, 20);
		assert_true(n >= 0);
		/* What failed is not there, and what did not is. */
		assert_int_equal(event_of(ev, n, fd) != NULL, r == 0);
		if (r != 0)
			continue;
		change(b, fd, 7, BOTH, IN);
		(void)look(b, ev, 8, 0);
		drop(b, fd, IN, true);
		shut(b, fd);
	}
	return first;
}

static void every_allocation_may_fail(void **state)
{
	long n = 0;
	bool failed = true;

	(void)state;
	trace("a whole life, with one allocation after the other refused: ENOMEM, nothing lost");
	trace_pause();
	while (failed) {
		struct bed b;
		bed_init(&b, "");
		b.fail_at = ++n;
		int r = live(&b);
		failed = b.failed > 0;
		assert_int_equal(r, failed ? -ENOMEM : 0);
		bed_end(&b);
	}
	assert_true(n > 1);
}

static void a_cap_on_memory_is_kept(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, IN);
	b->mem.cap = b->mem.used;
	int high = own(b, fcntl(s[1], F_DUPFD, 1000));
	trace("add %s at the cap of memory: ENOMEM, or none is needed; then again",
	      trace_name(high));
	trace_pause();
	int r = try_add(b, high, 8, OUT);
	assert_true(r == 0 || r == -ENOMEM);
	assert_true(b->mem.used <= b->mem.cap);
	b->mem.cap = SIZE_MAX;
	if (r != 0)
		add(b, high, 8, OUT);
	trace_resume();
	assert_int_equal(view(b, high, 8, OUT), OUT);
}

static void where_the_device_is_missing_it_does_not_open(void **state)
{
	struct bed b;
	const char *mode = getenv("WEIR_STANDIN_DEVPOLL");
	char was[32] = "";

	/* Only a stand-in can be told to be absent. */
	(void)state;
	if (mode != NULL)
		(void)snprintf(was, sizeof(was), "%s", mode);
	bed_init(&b, "");
	trace("open where the kernel has no such interface: ENOENT, where that can be shown");
	assert_int_equal(setenv("WEIR_STANDIN_DEVPOLL", "absent", 1), 0);
	const int r = weir__poller_open(&b.p, &b.mem);
	if (mode != NULL)
		assert_int_equal(setenv("WEIR_STANDIN_DEVPOLL", was, 1), 0);
	else
		assert_int_equal(unsetenv("WEIR_STANDIN_DEVPOLL"), 0);
	if (mode != NULL && strcmp(weir__poller_name(), "devpoll") == 0)
		assert_int_equal(r, -ENOENT);
	if (r != 0) {
		assert_null(b.p);
		assert_int_equal(b.mem.used, 0);
		assert_int_equal(bed_open(&b), 0);
	} else {
		trace("open");
	}
	bed_end(&b);
}

static void a_poller_opens_again_when_descriptors_are_back(void **state)
{
	struct bed *b = *state;
	weir__poller *other = NULL;
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, OUT);
	trace("open another without descriptors: EMFILE, or none is needed; then again");
	struct rlimit was = exhaust();
	const int refused = weir__poller_open(&other, &b->mem);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_true(refused == 0 || (refused == -EMFILE && other == NULL));
	if (refused != 0)
		assert_int_equal(weir__poller_open(&other, &b->mem), 0);
	weir__poller_close(other);
	/* The first has not noticed. */
	assert_int_equal(view(b, s[0], 7, OUT), OUT);
}

static void without_descriptors_changes_are_taken(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	trace("from now on there are no descriptors to be had");
	struct rlimit was = exhaust();
	const int first = weir__poller_set(b->p, s[0], 7, 0, IN);
	const int second = weir__poller_set(b->p, s[0], 7, IN, BOTH);
	struct weir__event ev;
	const int n = weir__poller_wait(b->p, &ev, 1, 1000);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	trace("add %s in, change it to in+out, wait: %s", trace_name(s[0]),
	      n == 1 ? trace_mask(ev.ready) : "nothing");
	assert_int_equal(first, 0);
	assert_int_equal(second, 0);
	assert_int_equal(n, 1);
	assert_int_equal(ev.ready, OUT);
}

int conform_fault(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN_TEST(the_name_is_one_of_four),
		BED_TEST(the_limit_leaves_room),
		PLAIN_TEST(closing_nothing_is_allowed),
		PLAIN_TEST(opening_and_closing_leaves_nothing),
		BED_TEST(a_closed_poller_leaves_descriptors_open),
		PLAIN_TEST(its_descriptors_do_not_survive_exec),
		PLAIN_TEST(without_descriptors_it_does_not_open),
		BED_TEST(without_descriptors_it_starts_over_or_can_later),
		BED_TEST(starting_over_without_any_descriptor_is_an_error_and_can_be_repeated),
		BED_TEST(more_changes_than_descriptors_are_taken),
		BED_TEST(more_results_than_descriptors_may_be_asked_for),
		PLAIN_TEST(without_memory_it_does_not_open),
		BED_TEST(without_memory_an_addition_fails_and_can_be_repeated),
		BED_TEST(without_memory_what_is_there_goes_on),
		PLAIN_TEST(every_allocation_may_fail),
		BED_TEST(a_cap_on_memory_is_kept),
		PLAIN_TEST(where_the_device_is_missing_it_does_not_open),
		BED_TEST(a_poller_opens_again_when_descriptors_are_back),
		BED_TEST(without_descriptors_changes_are_taken),
	};

	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
