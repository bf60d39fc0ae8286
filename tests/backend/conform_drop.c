/*
 * What is left of a descriptor after it was dropped and closed? Nothing: not for
 * a copy that lives on, not for the next owner of its number.
 */
#include "tests/backend/conform.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static void a_dropped_descriptor_is_silent(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	say(s[1], "x");
	add(b, s[0], 7, BOTH);
	assert_int_equal(view(b, s[0], 7, BOTH), BOTH);
	drop_and_close(b, s[0], BOTH);
	silence(b);
}

static void a_copy_of_a_dropped_descriptor_is_not_reported(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	copy_of(b, s[0]);
	say(s[1], "x");
	add(b, s[0], 7, BOTH);
	assert_int_equal(view(b, s[0], 7, BOTH), BOTH);
	drop(b, s[0], BOTH, true);
	shut(b, s[0]);
	silence(b);
	say(s[1], "y");
	shut(b, s[1]);
	silence(b);
}

static void a_copy_can_be_added_after_the_drop(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	int copy = copy_of(b, s[0]);
	add(b, s[0], 7, IN);
	silence(b);
	drop(b, s[0], IN, true);
	shut(b, s[0]);
	add(b, copy, 8, IN);
	say(s[1], "x");
	assert_int_equal(view(b, copy, 8, IN), IN);
}

static void a_copy_in_a_child_is_not_reported(void **state)
{
	struct bed *b = *state;
	int s[2];
	int stop[2];

	unix_pair(b, s);
	pipe_pair(b, stop);
	add(b, s[0], 7, IN);
	silence(b);
	trace("a child has copies of all");
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* Holds its copies until the parent is through. */
		(void)close(stop[1]);
		(void)fcntl(stop[0], F_SETFL, 0);
		_exit(get(stop[0], 1) == 0 ? 0 : 1);
	}
	drop(b, s[0], IN, true);
	shut(b, s[0]);
	say(s[1], "x");
	silence(b);
	int peer;
	add(b, pair_at(b, s[0], &peer), 8, IN);
	silence(b);
	say(peer, "y");
	assert_int_equal(view(b, s[0], 8, IN), IN);
	shut(b, stop[1]);
}

static void a_reused_number_has_its_own_tag_and_data(void **state)
{
	struct bed *b = *state;
	int s[2];
	int peer;

	unix_pair(b, s);
	say(s[1], "x");
	add(b, s[0], 70, IN);
	assert_int_equal(view(b, s[0], 70, IN), IN);
	drop_and_close(b, s[0], IN);
	int fd = pair_at(b, s[0], &peer);
	add(b, fd, 71, IN);
	silence(b);
	say(peer, "y");
	assert_int_equal(view(b, fd, 71, IN), IN);
}

static void a_reused_number_whose_predecessor_has_a_copy(void **state)
{
	struct bed *b = *state;
	int s[2];
	int peer;

	unix_pair(b, s);
	copy_of(b, s[0]);
	add(b, s[0], 70, IN);
	silence(b);
	drop(b, s[0], IN, true);
	shut(b, s[0]);
	int fd = pair_at(b, s[0], &peer);
	add(b, fd, 71, IN);
	say(s[1], "for the copy");
	silence(b);
	say(peer, "y");
	assert_int_equal(view(b, fd, 71, IN), IN);
}

static void a_reused_number_without_interest_is_silent(void **state)
{
	struct bed *b = *state;
	int s[2];
	int peer;

	unix_pair(b, s);
	add(b, s[0], 70, IN);
	silence(b);
	drop_and_close(b, s[0], IN);
	(void)pair_at(b, s[0], &peer);
	say(peer, "x");
	silence(b);
}

static void the_same_interest_in_a_reused_number_counts(void **state)
{
	struct bed *b = *state;
	int number = -1;

	/* A kernel that keeps old entries may take the new one for "already there". */
	for (uint32_t i = 0; i < 5; i++) {
		int s[2];
		unix_pair(b, s);
		assert_true(number < 0 || s[0] == number);
		number = s[0];
		add(b, s[0], i, BOTH);
		say(s[1], "x");
		assert_int_equal(view(b, s[0], i, BOTH), BOTH);
		drop_and_close(b, s[0], BOTH);
		shut(b, s[1]);
	}
	silence(b);
}

static void an_addition_dropped_in_the_same_turn_leaves_nothing(void **state)
{
	struct bed *b = *state;
	int s[2];
	int peer;

	unix_pair(b, s);
	say(s[1], "x");
	add(b, s[0], 7, BOTH);
	drop_and_close(b, s[0], BOTH);
	silence(b);
	(void)pair_at(b, s[0], &peer);
	say(peer, "x");
	silence(b);
}

static void set_drop_and_set_of_the_reused_number_in_one_turn(void **state)
{
	struct bed *b = *state;
	int s[2];
	int peer;

	unix_pair(b, s);
	say(s[1], "x");
	add(b, s[0], 70, BOTH);
	drop_and_close(b, s[0], BOTH);
	int fd = pair_at(b, s[0], &peer);
	add(b, fd, 71, IN);
	silence(b);
	say(peer, "y");
	assert_int_equal(view(b, fd, 71, IN), IN);
}

static void drop_and_set_of_the_reused_number_in_one_turn(void **state)
{
	struct bed *b = *state;
	int s[2];
	int peer;

	unix_pair(b, s);
	add(b, s[0], 70, BOTH);
	assert_int_equal(view(b, s[0], 70, BOTH), OUT);
	drop_and_close(b, s[0], BOTH);
	int fd = pair_at(b, s[0], &peer);
	add(b, fd, 71, IN);
	silence(b);
	say(peer, "y");
	assert_int_equal(view(b, fd, 71, IN), IN);
}

static void a_widening_dropped_in_the_same_turn_leaves_nothing(void **state)
{
	struct bed *b = *state;
	int s[2];
	int peer;

	unix_pair(b, s);
	add(b, s[0], 70, IN);
	silence(b);
	change(b, s[0], 70, IN, BOTH);
	drop_and_close(b, s[0], BOTH);
	int fd = pair_at(b, s[0], &peer);
	silence(b);
	add(b, fd, 71, IN);
	silence(b);
	say(peer, "y");
	assert_int_equal(view(b, fd, 71, IN), IN);
}

static void a_removal_dropped_in_the_same_turn_leaves_nothing(void **state)
{
	struct bed *b = *state;
	int s[2];
	int peer;

	unix_pair(b, s);
	add(b, s[0], 70, BOTH);
	assert_int_equal(view(b, s[0], 70, BOTH), OUT);
	change(b, s[0], 70, BOTH, 0);
	drop_and_close(b, s[0], 0);
	int fd = pair_at(b, s[0], &peer);
	say(peer, "y");
	silence(b);
	add(b, fd, 71, IN);
	assert_int_equal(view(b, fd, 71, IN), IN);
}

static void dropping_what_was_never_added_does_nothing(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	drop(b, s[0], 0, false);
	drop(b, s[0], 0, true);
	drop(b, 12345, 0, false);
	add(b, s[0], 7, OUT);
	assert_int_equal(view(b, s[0], 7, OUT), OUT);
}

static void a_drop_leaves_the_changes_of_others(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[16];
	int s[8][2];

	/* All noted in one turn; every second of them is dropped again. */
	for (uint32_t i = 0; i < 8; i++) {
		unix_pair(b, s[i]);
		add(b, s[i][0], i, OUT);
	}
	for (int i = 0; i < 8; i += 2)
		drop_and_close(b, s[i][0], OUT);
	assert_int_equal(look(b, ev, 16, 1000), 4);
	for (uint32_t i = 1; i < 8; i += 2)
		assert_int_equal(event_of(ev, 4, s[i][0])->tag, i);
}

static void a_hang_up_is_silent_after_the_drop(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	copy_of(b, s[0]);
	add(b, s[0], 7, IN);
	reset(b, s[1]);
	assert_int_equal(view(b, s[0], 7, IN), IN);
	drop(b, s[0], IN, true);
	shut(b, s[0]);
	silence(b);
}

static void the_highest_descriptor_can_be_dropped_first(void **state)
{
	struct bed *b = *state;
	int s[2];
	int t[2];

	unix_pair(b, s);
	unix_pair(b, t);
	int high = renumber(b, t[0], 200);
	add(b, s[0], 1, IN);
	add(b, high, 2, IN);
	silence(b);
	drop_and_close(b, high, IN);
	say(s[1], "x");
	assert_int_equal(view(b, s[0], 1, IN), IN);
	drop_and_close(b, s[0], IN);
	silence(b);
}

/* Waits for fd; the closed one may be reported, too, as an error and no other way. */
static void served_beside(struct bed *b, int fd, int closed)
{
	struct weir__event ev[4];
	bool served = false;

	for (int i = 0; i < 3; i++) {
		int n = weir__poller_wait(b->p, ev, 4, 1000);
		assert_in_range(n, 1, 2);
		served = event_of(ev, n, fd) != NULL;
		const struct weir__event *error = event_of(ev, n, closed);
		assert_true(error == NULL || (error->tag == 1 && error->ready & WEIR__ERR));
	}
	assert_true(served);
	trace("wait, three times: in the end %s, beside errors of the closed one", trace_name(fd));
}

static void closed_behind_its_back_it_serves_the_others(void **state)
{
	struct bed *b = *state;
	int lost[2];
	int s[2];

	skip_if_strict();
	unix_pair(b, lost);
	unix_pair(b, s);
	add(b, lost[0], 1, IN);
	add(b, s[0], 2, IN);
	silence(b);
	shut(b, lost[0]);
	say(s[1], "x");
	served_beside(b, s[0], lost[0]);
	drop(b, lost[0], IN, false);
	assert_int_equal(view(b, s[0], 2, IN), IN);
}

static void closed_behind_its_back_before_the_wait(void **state)
{
	struct bed *b = *state;
	int lost[2];
	int s[2];

	skip_if_strict();
	unix_pair(b, lost);
	unix_pair(b, s);
	add(b, lost[0], 1, BOTH);
	add(b, s[0], 2, OUT);
	shut(b, lost[0]);
	served_beside(b, s[0], lost[0]);
}

/* A few waits, in which nothing is reported but the closed one, and that no more than once. */
static void reported_once_at_most(struct bed *b, int closed, uint32_t tag)
{
	struct weir__event ev[8];
	int reports = 0;

	for (int i = 0; i < 4; i++) {
		const int n = weir__poller_wait(b->p, ev, 8, 10);
		assert_in_range(n, 0, 1);
		if (n == 0)
			continue;
		assert_int_equal(ev[0].fd, closed);
		assert_int_equal(ev[0].tag, tag);
		assert_true(ev[0].ready & WEIR__ERR);
		reports++;
	}
	assert_in_range(reports, 0, 1);
	trace("wait, four times: the closed one once at most, as an error");
}

static void a_number_lost_is_reported_once_at_most(void **state)
{
	struct bed *b = *state;
	int idle[2];
	int told[2];
	int untold[2];

	/* Whoever looks for it must not stop at the one below, which is well. */
	skip_if_strict();
	unix_pair(b, idle);
	unix_pair(b, told);
	unix_pair(b, untold);
	add(b, idle[0], 1, IN);
	add(b, told[0], 2, IN);
	silence(b);
	shut(b, told[0]);
	reported_once_at_most(b, told[0], 2);
	silence(b);
	add(b, untold[0], 3, BOTH);
	shut(b, untold[0]);
	reported_once_at_most(b, untold[0], 3);
	silence(b);
}

static void a_number_lost_and_reused_can_be_added(void **state)
{
	struct bed *b = *state;
	int s[2];
	int peer;

	skip_if_strict();
	unix_pair(b, s);
	add(b, s[0], 70, IN);
	silence(b);
	shut(b, s[0]);
	drop(b, s[0], IN, false);
	int fd = pair_at(b, s[0], &peer);
	add(b, fd, 71, IN);
	silence(b);
	say(peer, "x");
	assert_int_equal(view(b, fd, 71, IN), IN);
}

static void a_number_lost_without_a_drop_can_be_added(void **state)
{
	struct bed *b = *state;
	int s[2];
	int peer;

	skip_if_strict();
	unix_pair(b, s);
	add(b, s[0], 70, IN);
	silence(b);
	shut(b, s[0]);
	int fd = pair_at(b, s[0], &peer);
	add(b, fd, 71, IN);
	silence(b);
	say(peer, "x");
	assert_int_equal(view(b, fd, 71, IN), IN);
	change(b, fd, 71, IN, 0);
	silence(b);
}

/* A kernel that watches the socket, not the number, never noticed. */
static void comes_back(struct bed *b, unsigned before, unsigned after)
{
	int s[2];

	skip_if_strict();
	unix_pair(b, s);
	int copy = copy_of(b, s[0]);
	add(b, s[0], 70, before);
	silence(b);
	shut(b, s[0]);
	assert_int_equal(copy_of(b, copy), s[0]);
	add(b, s[0], 71, after);
	say(s[1], "x");
	assert_int_equal(view(b, s[0], 71, after & BOTH), after & BOTH);
	drop(b, s[0], after & BOTH, true);
	silence(b);
}

static void a_socket_that_comes_back_to_its_number_can_be_added(void **state)
{
	comes_back(*state, IN, BOTH);
}

/* The entry that the kernel kept is one that it does not let be changed. */
static void among_others_it_can_be_added_when_it_comes_back_to_its_number(void **state)
{
	comes_back(*state, IN | WEIR__AMONG, IN | WEIR__AMONG);
}

static void a_change_of_a_number_lost_and_reused_adds_it(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	int s[2];
	int peer;

	skip_if_strict();
	unix_pair(b, s);
	add(b, s[0], 70, IN);
	silence(b);
	shut(b, s[0]);
	(void)pair_at(b, s[0], &peer);
	/* The new owner believes in the old interest: an error or no harm, but no crash. */
	trace("change the number from in to in+out, as if nothing had happened");
	(void)weir__poller_set(b->p, s[0], 70, IN, BOTH);
	int n = weir__poller_wait(b->p, &ev, 1, 1000);
	assert_int_equal(n, 1);
	assert_int_equal(ev.fd, s[0]);
	trace("wait: out is there");
	assert_int_equal(canonical(&ev, BOTH) & OUT, OUT);
}

int conform_drop(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(a_dropped_descriptor_is_silent),
		BED_TEST(a_copy_of_a_dropped_descriptor_is_not_reported),
		BED_TEST(a_copy_can_be_added_after_the_drop),
		BED_TEST(a_copy_in_a_child_is_not_reported),
		BED_TEST(a_reused_number_has_its_own_tag_and_data),
		BED_TEST(a_reused_number_whose_predecessor_has_a_copy),
		BED_TEST(a_reused_number_without_interest_is_silent),
		BED_TEST(the_same_interest_in_a_reused_number_counts),
		BED_TEST(an_addition_dropped_in_the_same_turn_leaves_nothing),
		BED_TEST(set_drop_and_set_of_the_reused_number_in_one_turn),
		BED_TEST(drop_and_set_of_the_reused_number_in_one_turn),
		BED_TEST(a_widening_dropped_in_the_same_turn_leaves_nothing),
		BED_TEST(a_removal_dropped_in_the_same_turn_leaves_nothing),
		BED_TEST(dropping_what_was_never_added_does_nothing),
		BED_TEST(a_drop_leaves_the_changes_of_others),
		BED_TEST(a_hang_up_is_silent_after_the_drop),
		BED_TEST(the_highest_descriptor_can_be_dropped_first),
		BED_TEST(closed_behind_its_back_it_serves_the_others),
		BED_TEST(closed_behind_its_back_before_the_wait),
		BED_TEST(a_number_lost_is_reported_once_at_most),
		BED_TEST(a_number_lost_and_reused_can_be_added),
		BED_TEST(a_number_lost_without_a_drop_can_be_added),
		BED_TEST(a_socket_that_comes_back_to_its_number_can_be_added),
		BED_TEST(among_others_it_can_be_added_when_it_comes_back_to_its_number),
		BED_TEST(a_change_of_a_number_lost_and_reused_adds_it),
	};

	return cmocka_run_group_tests_name("drop", tests, NULL, NULL);
}
