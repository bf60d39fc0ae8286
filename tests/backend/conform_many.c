/*
 * Many descriptors, high numbers, and more of them ready than there is room for
 * in the results: is each one served, once, and in its turn?
 */
#include "tests/backend/conform.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MANY = 3000 };

/* Watches a socket under exactly this number: whole life, both directions. */
static void live_at(struct bed *b, int number)
{
	struct rlimit lim;
	int s[2];

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &lim), 0);
	if (lim.rlim_cur <= (rlim_t)number + 2)
		skip_because("the limit of descriptors is below that number");
	unix_pair(b, s);
	int fd = renumber(b, s[0], number);
	assert_int_equal(fd, number);
	if (fd >= weir__poller_limit(b->p)) {
		assert_int_equal(try_add(b, fd, 7, IN), -EMFILE);
		silence(b);
		skip_because("refused with EMFILE: this poller ends below that number");
	}
	trace("%s has the number %d", trace_name(fd), number);
	add(b, fd, 7, IN);
	silence(b);
	say(s[1], "x");
	assert_int_equal(view(b, fd, 7, IN), IN);
	change(b, fd, 7, IN, BOTH);
	assert_int_equal(view(b, fd, 7, BOTH), BOTH);
	change(b, fd, 7, BOTH, OUT);
	assert_int_equal(view(b, fd, 7, OUT), OUT);
	change(b, fd, 7, OUT, 0);
	silence(b);
	add(b, fd, 8, BOTH);
	assert_int_equal(view(b, fd, 8, BOTH), BOTH);
	drop_and_close(b, fd, BOTH);
	silence(b);
	add(b, s[1], 9, IN);
	assert_int_equal(view(b, s[1], 9, IN), IN);
}

static void descriptor_1022(void **state)
{
	live_at(*state, 1022);
}

static void descriptor_1023(void **state)
{
	live_at(*state, 1023);
}

static void descriptor_1024(void **state)
{
	live_at(*state, 1024);
}

static void descriptor_1025(void **state)
{
	live_at(*state, 1025);
}

static void descriptor_15000(void **state)
{
	live_at(*state, 15000);
}

static void descriptors_on_both_sides_of_1024_are_told_apart(void **state)
{
	struct bed *b = *state;
	int s[4][2];
	int fd[4];

	if (weir__poller_limit(b->p) <= 3000)
		skip_because("this poller ends below 3000");
	const int number[4] = {600, 600 + 1024, 601, 601 + 1024};
	for (int i = 0; i < 4; i++) {
		unix_pair(b, s[i]);
		fd[i] = renumber(b, s[i][0], number[i]);
		add(b, fd[i], (uint32_t)i, IN);
	}
	silence(b);
	for (uint32_t i = 0; i < 4; i++) {
		say(s[i][1], "x");
		assert_int_equal(view(b, fd[i], i, IN), IN);
		drain(fd[i]);
	}
}

/* Adds n sockets that want and have room. */
static int *writable(struct bed *b, int n)
{
	int *fd = calloc((size_t)n, sizeof(*fd));
	int s[2];

	assert_non_null(fd);
	if (n + 64 > weir__poller_limit(b->p)) {
		free(fd);
		skip_because("this poller ends below so many");
	}
	trace("add %d sockets with room: out", n);
	trace_pause();
	for (int i = 0; i < n; i += 2) {
		unix_pair(b, s);
		fd[i] = s[0];
		add(b, fd[i], (uint32_t)i, OUT);
		if (i + 1 < n) {
			fd[i + 1] = s[1];
			add(b, fd[i + 1], (uint32_t)i + 1, OUT);
		}
	}
	trace_resume();
	for (int i = 0; i < n; i++)
		(void)trace_place(fd[i]);
	return fd;
}

static void all_of_3000_are_served(void **state)
{
	struct bed *b = *state;
	int *fd = writable(b, MANY);

	all_come(b, fd, MANY, OUT, 256);
	all_come(b, fd, MANY, OUT, 1024);
	free(fd);
}

static void one_of_3000_is_found(void **state)
{
	struct bed *b = *state;
	int *fd = writable(b, MANY);

	trace("change all to in");
	trace_pause();
	for (int i = 0; i < MANY; i++)
		change(b, fd[i], (uint32_t)i, OUT, IN);
	trace_resume();
	silence(b);
	for (int i = 0; i < MANY; i += 499) {
		say(fd[i ^ 1], "x");
		assert_int_equal(view(b, fd[i], (uint32_t)i, IN), IN);
		drain(fd[i]);
	}
	free(fd);
}

static void three_thousand_are_dropped(void **state)
{
	struct bed *b = *state;
	int *fd = writable(b, MANY);

	all_come(b, fd, MANY, OUT, 512);
	trace("drop and close all");
	trace_pause();
	for (int i = 0; i < MANY; i++)
		drop_and_close(b, fd[i], OUT);
	trace_resume();
	silence(b);
	free(fd);
}

static void three_thousand_changes_in_a_turn(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[16];
	int *fd = writable(b, MANY);

	all_come(b, fd, MANY, OUT, 512);
	trace("change every thousandth to in+out, the others to nothing");
	trace_pause();
	for (int i = 0; i < MANY; i++)
		change(b, fd[i], (uint32_t)i, OUT, i % 1000 == 0 ? BOTH : 0);
	trace_resume();
	assert_int_equal(look(b, ev, 16, 1000), 3);
	for (int i = 0; i < MANY; i += 1000)
		assert_int_equal(canonical(event_of(ev, 3, fd[i]), BOTH), OUT);
	free(fd);
}

static void exchanges_between_widenings_in_a_turn(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[8];
	const int last = 301;
	int *fd = writable(b, last + 1);

	/* A widening may be one entry of a list, an exchange two: they do not end where it does. */
	all_come(b, fd, last + 1, OUT, 256);
	trace("change the first and the last to in+out, the others to in");
	trace_pause();
	for (int i = 0; i <= last; i++)
		change(b, fd[i], (uint32_t)i, OUT, i == 0 || i == last ? BOTH : IN);
	trace_resume();
	assert_int_equal(look(b, ev, 8, 1000), 2);
	assert_int_equal(canonical(event_of(ev, 2, fd[0]), BOTH), OUT);
	assert_int_equal(canonical(event_of(ev, 2, fd[last]), BOTH), OUT);
	free(fd);
}

static void three_thousand_changes_and_room_for_one(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	int *fd = writable(b, MANY);

	trace("change all but one to in");
	trace_pause();
	for (int i = 0; i < MANY; i++)
		if (i != 1234)
			change(b, fd[i], (uint32_t)i, OUT, IN);
	trace_resume();
	assert_int_equal(look(b, &ev, 1, 1000), 1);
	assert_int_equal(ev.fd, fd[1234]);
	change(b, fd[1234], 1234, OUT, 0);
	silence(b);
	free(fd);
}

static void who_does_not_fit_comes_next(void **state)
{
	struct bed *b = *state;
	int *fd = writable(b, 20);

	for (int round = 0; round < 5; round++)
		all_come(b, fd, 20, OUT, 3);
	free(fd);
}

static void room_for_one_is_given_in_turn(void **state)
{
	struct bed *b = *state;
	int *fd = writable(b, 5);

	for (int round = 0; round < 5; round++)
		all_come(b, fd, 5, OUT, 1);
	free(fd);
}

static void widen_with_data(struct bed *b, const int *fd, int n)
{
	trace("write to all, and change all to in+out");
	trace_pause();
	for (int i = 0; i < n; i++) {
		say(fd[i ^ 1], "x");
		change(b, fd[i], (uint32_t)i, OUT, BOTH);
	}
	trace_resume();
}

static void both_directions_of_many_come_together(void **state)
{
	struct bed *b = *state;
	int *fd = writable(b, 40);

	widen_with_data(b, fd, 40);
	all_come(b, fd, 40, BOTH, 7);
	all_come(b, fd, 40, BOTH, 40);
	free(fd);
}

static void none_comes_twice_in_one_wait(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[64];
	int *fd = writable(b, 40);

	widen_with_data(b, fd, 40);
	assert_int_equal(look(b, ev, 64, 1000), 40);
	for (int i = 0; i < 40; i++) {
		const struct weir__event *e = event_of(ev, 40, fd[i]);
		assert_non_null(e);
		assert_int_equal(canonical(e, BOTH), BOTH);
	}
	free(fd);
}

static void a_newcomer_is_not_starved_by_the_busy(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[4];
	int *fd = writable(b, 20);
	int s[2];
	bool came = false;

	all_come(b, fd, 20, OUT, 4);
	unix_pair(b, s);
	say(s[1], "x");
	add(b, s[0], 99, IN);
	for (int i = 0; i < 20 && !came; i++) {
		int n = weir__poller_wait(b->p, ev, 4, 1000);
		came = event_of(ev, n, s[0]) != NULL;
	}
	trace("wait, 4 at a time: %s %s", trace_name(s[0]), came ? "came" : "did not come");
	assert_true(came);
	free(fd);
}

static void the_busy_are_not_starved_by_changes(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[16];
	int *fd = writable(b, 64);
	int s[40][2];
	bool came[64] = {false};
	int missing = 64;

	trace("wait, 16 at a time, with 40 changes each: all come");
	trace_pause();
	for (int i = 0; i < 40; i++)
		unix_pair(b, s[i]);
	/* More changes than results with every wait. */
	for (uint32_t round = 0; round < 40 && missing > 0; round++) {
		for (uint32_t i = 0; i < 40; i++)
			if (round % 2 == 0)
				add(b, s[i][0], 100 + i, IN);
			else
				change(b, s[i][0], 100 + i, IN, 0);
		int n = look(b, ev, 16, 1000);
		assert_in_range(n, 1, 16);
		for (int i = 0; i < n; i++) {
			missing -= !came[ev[i].tag];
			came[ev[i].tag] = true;
		}
	}
	assert_int_equal(missing, 0);
	free(fd);
}

static void at_its_limit_a_poller_refuses(void **state)
{
	struct bed *b = *state;
	const int limit = weir__poller_limit(b->p);
	int s[2];

	trace("at the limit, where there is one: EMFILE, and nothing is lost");
	trace_pause();
	unix_pair(b, s);
	add(b, s[0], 1, OUT);
	if (limit < INT_MAX) {
		int high = own(b, fcntl(s[1], F_DUPFD, limit));
		assert_int_equal(try_add(b, high, 2, OUT), -EMFILE);
		drop(b, high, 0, true);
		int last = own(b, fcntl(s[1], F_DUPFD, limit - 1));
		assert_int_equal(last, limit - 1);
		add(b, last, 3, OUT);
		assert_int_equal(weir__poller_set(b->p, high, 2, 0, IN), -EMFILE);
		drop_and_close(b, last, OUT);
	}
	trace_resume();
	assert_int_equal(view(b, s[0], 1, OUT), OUT);
}

enum { MOST = 15000 };

static void fifteen_thousand_at_once_are_served(void **state)
{
	struct bed *b = *state;
	struct rlimit lim;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &lim), 0);
	if (lim.rlim_cur < MOST + 64)
		skip_because("the limit of descriptors is below 15064");
	int *fd = writable(b, MOST);
	all_come(b, fd, MOST, OUT, 1024);
	trace("change all to in");
	trace_pause();
	for (int i = 0; i < MOST; i++)
		change(b, fd[i], (uint32_t)i, OUT, IN);
	trace_resume();
	silence(b);
	say(fd[MOST - 2], "x");
	assert_int_equal(view(b, fd[MOST - 1], MOST - 1, IN), IN);
	trace("drop and close all");
	trace_pause();
	for (int i = 0; i < MOST; i++)
		drop_and_close(b, fd[i], IN);
	trace_resume();
	silence(b);
	free(fd);
}

static void the_highest_number_of_all(void **state)
{
	struct bed *b = *state;
	struct rlimit lim;
	int s[2];

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &lim), 0);
	trace("the highest number that there can be");
	if (lim.rlim_cur > NUMBERS_END)
		lim.rlim_cur = NUMBERS_END;
	const int last = (int)lim.rlim_cur - 1;
	unix_pair(b, s);
	if (last >= weir__poller_limit(b->p))
		skip_because("this poller ends below that number");
	int fd = renumber(b, s[0], last);
	assert_int_equal(fd, last);
	add(b, fd, 7, BOTH);
	say(s[1], "x");
	assert_int_equal(view(b, fd, 7, BOTH), BOTH);
	drop_and_close(b, fd, BOTH);
	silence(b);
}

static void over_many_waits_each_is_served_alike(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[7];
	int count[30] = {0};
	int *fd = writable(b, 30);

	for (int i = 0; i < 150; i++) {
		const int n = weir__poller_wait(b->p, ev, 7, 1000);
		assert_int_equal(n, 7);
		for (int j = 0; j < n; j++)
			count[ev[j].tag]++;
	}
	/* 35 each, if it were exact. */
	int least = count[0];
	int most = count[0];
	for (int i = 1; i < 30; i++) {
		least = count[i] < least ? count[i] : least;
		most = count[i] > most ? count[i] : most;
	}
	free(fd);
	trace("wait 150 times, 7 at a time: each comes %s",
	      least >= 25 && most <= 45 ? "25 to 45 times" : "more or less often than others");
	assert_in_range(least, 25, 35);
	assert_in_range(most, 35, 45);
}

static void the_last_is_not_starved_by_the_first(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[2];
	int *fd = writable(b, 40);
	bool came = false;

	/* The lower numbers are always ready; only the highest is looked for. */
	for (int i = 0; i < 40 && !came; i++) {
		const int n = weir__poller_wait(b->p, ev, 2, 1000);
		came = event_of(ev, n, fd[39]) != NULL;
	}
	trace("wait, 2 at a time: the last %s", came ? "comes" : "never comes");
	assert_true(came);
	free(fd);
}

static void thirty_drops_and_additions_a_turn_for_many_turns(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[64];
	int s[30][2];

	trace("100 times: add 30, wait: all come; drop and close them");
	trace_pause();
	for (int turn = 0; turn < 100; turn++) {
		for (uint32_t i = 0; i < 30; i++) {
			unix_pair(b, s[i]);
			add(b, s[i][0], 100 * (uint32_t)turn + i, OUT);
		}
		assert_int_equal(look(b, ev, 64, 1000), 30);
		for (int i = 0; i < 30; i++) {
			drop_and_close(b, s[i][0], OUT);
			shut(b, s[i][1]);
		}
	}
	trace_resume();
	silence(b);
}

int conform_many(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(descriptor_1022),
		BED_TEST(descriptor_1023),
		BED_TEST(descriptor_1024),
		BED_TEST(descriptor_1025),
		BED_TEST(descriptor_15000),
		BED_TEST(descriptors_on_both_sides_of_1024_are_told_apart),
		BED_TEST(all_of_3000_are_served),
		BED_TEST(one_of_3000_is_found),
		BED_TEST(three_thousand_are_dropped),
		BED_TEST(three_thousand_changes_in_a_turn),
		BED_TEST(exchanges_between_widenings_in_a_turn),
		BED_TEST(three_thousand_changes_and_room_for_one),
		BED_TEST(who_does_not_fit_comes_next),
		BED_TEST(room_for_one_is_given_in_turn),
		BED_TEST(both_directions_of_many_come_together),
		BED_TEST(none_comes_twice_in_one_wait),
		BED_TEST(a_newcomer_is_not_starved_by_the_busy),
		BED_TEST(the_busy_are_not_starved_by_changes),
		BED_TEST(at_its_limit_a_poller_refuses),
		BED_TEST(fifteen_thousand_at_once_are_served),
		BED_TEST(the_highest_number_of_all),
		BED_TEST(over_many_waits_each_is_served_alike),
		BED_TEST(the_last_is_not_starved_by_the_first),
		BED_TEST(thirty_drops_and_additions_a_turn_for_many_turns),
	};

	return cmocka_run_group_tests_name("many", tests, NULL, NULL);
}
