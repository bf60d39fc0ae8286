/*
 * Does the poller report what is wanted now, no more and no less, however often
 * that changed before? And under which tag?
 */
#include "tests/backend/conform.h"

#include <sys/socket.h>
#include <unistd.h>

/* A pair whose first end has room and data: whatever is wanted of it is ready. */
static int ready_socket(struct bed *b)
{
	int s[2];

	unix_pair(b, s);
	say(s[1], "x");
	return s[0];
}

static void without_interest_nothing_is_reported(void **state)
{
	struct bed *b = *state;
	int fd = ready_socket(b);

	add(b, fd, 7, BOTH);
	assert_int_equal(view(b, fd, 7, BOTH), BOTH);
	change(b, fd, 7, BOTH, 0);
	silence(b);
}

static void without_interest_a_hang_up_is_not_reported(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, IN);
	silence(b);
	change(b, s[0], 7, IN, 0);
	silence(b);
	shut(b, s[1]);
	silence(b);
}

static void without_interest_a_reset_is_not_reported(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, BOTH);
	change(b, s[0], 7, BOTH, 0);
	reset(b, s[1]);
	silence(b);
	add(b, s[0], 8, IN);
	assert_int_equal(view(b, s[0], 8, IN), IN);
}

static void without_interest_a_lost_reader_is_not_reported(void **state)
{
	struct bed *b = *state;
	int p[2];

	pipe_pair(b, p);
	add(b, p[1], 7, OUT);
	assert_int_equal(view(b, p[1], 7, OUT), OUT);
	change(b, p[1], 7, OUT, 0);
	shut(b, p[0]);
	silence(b);
}

static void narrowing_to_reading_stops_reports_of_room(void **state)
{
	struct bed *b = *state;
	int fd = ready_socket(b);

	add(b, fd, 7, BOTH);
	assert_int_equal(view(b, fd, 7, BOTH), BOTH);
	change(b, fd, 7, BOTH, IN);
	assert_int_equal(view(b, fd, 7, IN), IN);
	drain(fd);
	silence(b);
}

static void narrowing_to_writing_stops_reports_of_data(void **state)
{
	struct bed *b = *state;
	int fd = ready_socket(b);

	add(b, fd, 7, BOTH);
	assert_int_equal(view(b, fd, 7, BOTH), BOTH);
	change(b, fd, 7, BOTH, OUT);
	assert_int_equal(view(b, fd, 7, OUT), OUT);
	fill(fd);
	silence(b);
}

static void widening_by_writing_reports_room(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, IN);
	silence(b);
	change(b, s[0], 7, IN, BOTH);
	assert_int_equal(view(b, s[0], 7, BOTH), OUT);
	say(s[1], "x");
	assert_int_equal(view(b, s[0], 7, BOTH), BOTH);
}

static void widening_by_reading_reports_data(void **state)
{
	struct bed *b = *state;
	int fd = ready_socket(b);

	add(b, fd, 7, OUT);
	assert_int_equal(view(b, fd, 7, OUT), OUT);
	change(b, fd, 7, OUT, BOTH);
	assert_int_equal(view(b, fd, 7, BOTH), BOTH);
}

static void exchanging_reading_for_writing(void **state)
{
	struct bed *b = *state;
	int fd = ready_socket(b);

	add(b, fd, 7, IN);
	assert_int_equal(view(b, fd, 7, IN), IN);
	change(b, fd, 7, IN, OUT);
	assert_int_equal(view(b, fd, 7, OUT), OUT);
	fill(fd);
	silence(b);
}

static void exchanging_writing_for_reading(void **state)
{
	struct bed *b = *state;
	int fd = ready_socket(b);

	add(b, fd, 7, OUT);
	assert_int_equal(view(b, fd, 7, OUT), OUT);
	change(b, fd, 7, OUT, IN);
	assert_int_equal(view(b, fd, 7, IN), IN);
	drain(fd);
	silence(b);
}

static void of_many_changes_in_a_turn_the_last_counts(void **state)
{
	struct bed *b = *state;
	int fd = ready_socket(b);

	add(b, fd, 7, IN);
	change(b, fd, 7, IN, BOTH);
	change(b, fd, 7, BOTH, OUT);
	change(b, fd, 7, OUT, IN);
	assert_int_equal(view(b, fd, 7, IN), IN);
	trace("change it to in+out and back 1000 times");
	trace_pause();
	for (int i = 0; i < 1000; i++) {
		change(b, fd, 7, IN, BOTH);
		change(b, fd, 7, BOTH, IN);
	}
	trace_resume();
	assert_int_equal(view(b, fd, 7, IN), IN);
	drain(fd);
	silence(b);
}

static void changes_in_a_turn_may_end_with_nothing(void **state)
{
	struct bed *b = *state;
	int fd = ready_socket(b);

	add(b, fd, 7, IN);
	change(b, fd, 7, IN, OUT);
	change(b, fd, 7, OUT, 0);
	silence(b);
	add(b, fd, 7, OUT);
	assert_int_equal(view(b, fd, 7, OUT), OUT);
	change(b, fd, 7, OUT, BOTH);
	change(b, fd, 7, BOTH, 0);
	silence(b);
}

static void changes_in_a_turn_may_lead_back(void **state)
{
	struct bed *b = *state;
	int fd = ready_socket(b);

	add(b, fd, 7, IN);
	assert_int_equal(view(b, fd, 7, IN), IN);
	change(b, fd, 7, IN, 0);
	add(b, fd, 8, IN);
	assert_int_equal(view(b, fd, 8, IN), IN);
	drain(fd);
	silence(b);
}

static void removal_and_addition_of_another_direction_in_a_turn(void **state)
{
	struct bed *b = *state;
	int fd = ready_socket(b);

	add(b, fd, 7, IN);
	assert_int_equal(view(b, fd, 7, IN), IN);
	change(b, fd, 7, IN, 0);
	add(b, fd, 8, OUT);
	assert_int_equal(view(b, fd, 8, OUT), OUT);
}

static void what_waits_is_reported_when_interest_returns(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, IN);
	silence(b);
	change(b, s[0], 7, IN, 0);
	silence(b);
	say(s[1], "x");
	silence(b);
	add(b, s[0], 8, IN);
	assert_int_equal(view(b, s[0], 8, IN), IN);
}

static void the_end_is_reported_when_interest_returns(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, OUT);
	assert_int_equal(view(b, s[0], 7, OUT), OUT);
	half_close(s[1], SHUT_WR);
	change(b, s[0], 7, OUT, 0);
	silence(b);
	add(b, s[0], 8, IN);
	assert_int_equal(view(b, s[0], 8, IN), IN);
}

static void the_tag_of_the_addition_lasts(void **state)
{
	struct bed *b = *state;
	int fd = ready_socket(b);

	add(b, fd, 70, IN);
	change(b, fd, 70, IN, BOTH);
	assert_int_equal(view(b, fd, 70, BOTH), BOTH);
	change(b, fd, 70, BOTH, OUT);
	assert_int_equal(view(b, fd, 70, OUT), OUT);
}

static void a_new_addition_has_a_new_tag(void **state)
{
	struct bed *b = *state;
	int fd = ready_socket(b);

	add(b, fd, 70, IN);
	assert_int_equal(view(b, fd, 70, IN), IN);
	change(b, fd, 70, IN, 0);
	silence(b);
	add(b, fd, 71, IN);
	assert_int_equal(view(b, fd, 71, IN), IN);
}

static void tags_may_have_any_value(void **state)
{
	struct bed *b = *state;
	const uint32_t tags[] = {0, 1, 0x7fffffff, 0x80000000, UINT32_MAX};
	int fd = ready_socket(b);

	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
		add(b, fd, tags[i], IN);
		assert_int_equal(view(b, fd, tags[i], IN), IN);
		change(b, fd, tags[i], IN, 0);
	}
}

static void two_pollers_do_not_disturb_each_other(void **state)
{
	struct bed *b = *state;
	struct bed other;
	int fd = ready_socket(b);

	bed_init(&other, "other: ");
	assert_int_equal(bed_open(&other), 0);
	add(b, fd, 1, IN);
	add(&other, fd, 2, OUT);
	assert_int_equal(view(b, fd, 1, IN), IN);
	assert_int_equal(view(&other, fd, 2, OUT), OUT);
	change(&other, fd, 2, OUT, 0);
	silence(&other);
	assert_int_equal(view(b, fd, 1, IN), IN);
	bed_end(&other);
	assert_int_equal(view(b, fd, 1, IN), IN);
}

static void two_numbers_of_one_socket_are_two_descriptors(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[4];
	int fd = ready_socket(b);
	int copy = copy_of(b, fd);

	add(b, fd, 1, IN);
	add(b, copy, 2, OUT);
	assert_int_equal(look(b, ev, 4, 1000), 2);
	assert_int_equal(event_of(ev, 2, fd)->tag, 1);
	assert_int_equal(canonical(event_of(ev, 2, fd), IN), IN);
	assert_int_equal(event_of(ev, 2, copy)->tag, 2);
	assert_int_equal(canonical(event_of(ev, 2, copy), OUT), OUT);
}

/* As a listening socket is that several processes accept from. */
static void among_others_input_is_reported_as_ever(void **state)
{
	struct bed *b = *state;
	int fd = ready_socket(b);

	add(b, fd, 7, IN | WEIR__AMONG);
	for (int i = 0; i < 2; i++)
		assert_int_equal(view(b, fd, 7, IN), IN);
	change(b, fd, 7, IN, 0);
	silence(b);
	add(b, fd, 8, IN | WEIR__AMONG);
	assert_int_equal(view(b, fd, 8, IN), IN);
	drop_and_close(b, fd, IN);
	silence(b);
}

static void among_others_where_only_one_event_fits(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	int fd = ready_socket(b);

	/* There is room, too, which nobody wants to know. */
	add(b, fd, 7, IN | WEIR__AMONG);
	for (int i = 0; i < 3; i++)
		assert_int_equal(look(b, &ev, 1, 1000), 1);
}

static void of_two_pollers_that_wait_for_one_at_least_one_is_told(void **state)
{
	struct bed *b = *state;
	struct bed other;
	struct weir__event ev;
	int s[2];

	unix_pair(b, s);
	bed_init(&other, "other: ");
	assert_int_equal(bed_open(&other), 0);
	add(b, s[0], 7, IN | WEIR__AMONG);
	add(&other, s[0], 8, IN | WEIR__AMONG);
	say(s[1], "x");
	/* Nobody waits at the moment: both look, and find it. */
	assert_int_equal(view(&other, s[0], 8, IN), IN);
	assert_int_equal(view(b, s[0], 7, IN), IN);
	/* When the one has taken it, the other finds nothing. */
	assert_int_equal(drain(s[0]), 1);
	silence(b);
	assert_int_equal(look(&other, &ev, 1, 0), 0);
	drop(&other, s[0], IN, true);
	bed_end(&other);
}

int conform_interest(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(without_interest_nothing_is_reported),
		BED_TEST(without_interest_a_hang_up_is_not_reported),
		BED_TEST(without_interest_a_reset_is_not_reported),
		BED_TEST(without_interest_a_lost_reader_is_not_reported),
		BED_TEST(narrowing_to_reading_stops_reports_of_room),
		BED_TEST(narrowing_to_writing_stops_reports_of_data),
		BED_TEST(widening_by_writing_reports_room),
		BED_TEST(widening_by_reading_reports_data),
		BED_TEST(exchanging_reading_for_writing),
		BED_TEST(exchanging_writing_for_reading),
		BED_TEST(of_many_changes_in_a_turn_the_last_counts),
		BED_TEST(changes_in_a_turn_may_end_with_nothing),
		BED_TEST(changes_in_a_turn_may_lead_back),
		BED_TEST(removal_and_addition_of_another_direction_in_a_turn),
		BED_TEST(what_waits_is_reported_when_interest_returns),
		BED_TEST(the_end_is_reported_when_interest_returns),
		BED_TEST(the_tag_of_the_addition_lasts),
		BED_TEST(a_new_addition_has_a_new_tag),
		BED_TEST(tags_may_have_any_value),
		BED_TEST(two_pollers_do_not_disturb_each_other),
		BED_TEST(two_numbers_of_one_socket_are_two_descriptors),
		BED_TEST(among_others_input_is_reported_as_ever),
		BED_TEST(among_others_where_only_one_event_fits),
		BED_TEST(of_two_pollers_that_wait_for_one_at_least_one_is_told),
	};

	return cmocka_run_group_tests_name("interest", tests, NULL, NULL);
}
