/*
 * What if one event of a batch changes what the others are about? Numbers are closed and used
 * again while older events for them are still to be looked at; additions are refused among others
 * that are not; copies go to where the poller cannot see them.
 */
#include "tests/backend/conform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/sys.h"

/* ---- close and reuse ---- */

static void an_event_for_a_number_that_was_reused_in_the_batch_has_the_old_tag(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[4];
	int s[2];
	int t[2];
	int peer;

	unix_pair(b, s);
	unix_pair(b, t);
	say(s[1], "x");
	say(t[1], "x");
	add(b, s[0], 70, IN);
	add(b, t[0], 80, IN);
	assert_int_equal(look(b, ev, 4, 1000), 2);
	/* Whoever is served first closes the other, and its number is used again. */
	drop_and_close(b, t[0], IN);
	int fd = pair_at(b, t[0], &peer);
	add(b, fd, 81, IN);
	const struct weir__event *stale = event_of(ev, 2, fd);
	assert_non_null(stale);
	assert_int_equal(stale->tag, 80);
	/* From now on there are none but the new owner's. */
	assert_int_equal(view(b, s[0], 70, IN), IN);
	say(peer, "y");
	assert_int_equal(look(b, ev, 4, 1000), 2);
	assert_int_equal(event_of(ev, 2, fd)->tag, 81);
}

enum { SEVEN = 7 };

static void seven_closed_and_seven_opened_in_one_batch(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[8];
	int s[SEVEN][2];
	int fd[SEVEN];

	for (int i = 0; i < SEVEN; i++) {
		unix_pair(b, s[i]);
		fd[i] = s[i][0];
		add(b, fd[i], (uint32_t)i, BOTH);
		say(s[i][1], "x");
	}
	assert_int_equal(look(b, ev, 8, 1000), SEVEN);
	for (int i = 0; i < SEVEN; i++)
		drop_and_close(b, fd[i], BOTH);
	/* The same interest as before: nobody may take it for what it knows already. */
	for (int i = 0; i < SEVEN; i++) {
		unix_pair(b, s[i]);
		add(b, s[i][0], 10 + (uint32_t)i, BOTH);
	}
	assert_int_equal(look(b, ev, 8, 1000), SEVEN);
	for (int i = 0; i < SEVEN; i++)
		assert_int_equal(canonical(event_of(ev, SEVEN, s[i][0]), BOTH), OUT);
}

static void a_connection_accepted_on_a_number_just_closed(void **state)
{
	struct bed *b = *state;
	uint16_t port;
	int listener = tcp_listener(b, 5, &port);
	int s[2];
	int client = tcp_socket(b);

	unix_pair(b, s);
	add(b, listener, 1, IN);
	add(b, s[0], 2, IN);
	silence(b);
	assert_int_not_equal(tcp_connect(client, port), ECONNREFUSED);
	assert_int_equal(view(b, listener, 1, IN), IN);
	drop_and_close(b, s[0], IN);
	int accepted = tcp_accept(b, listener);
	assert_int_equal(accepted, s[0]);
	add(b, accepted, 3, IN);
	silence(b);
	say(client, "x");
	assert_int_equal(view(b, accepted, 3, IN), IN);
}

static void closed_and_reused_again_and_again_in_one_turn(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 0, IN);
	silence(b);
	for (uint32_t i = 1; i <= 5; i++) {
		int peer;
		drop_and_close(b, s[0], i % 2 == 0 ? OUT : IN);
		(void)pair_at(b, s[0], &peer);
		add(b, s[0], i, i % 2 == 0 ? IN : OUT);
		if (i % 2 == 0)
			change(b, s[0], i, IN, OUT);
		else
			change(b, s[0], i, OUT, IN);
	}
	silence(b);
	change(b, s[0], 5, IN, BOTH);
	assert_int_equal(view(b, s[0], 5, BOTH), OUT);
}

/* ---- additions that are refused ---- */

static void a_closed_number_among_additions_does_not_lose_the_others(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[4];
	int s[2];
	int lost[2];

	skip_if_strict();
	unix_pair(b, lost);
	unix_pair(b, s);
	add(b, s[0], 1, OUT);
	trace("add %s, close it, and do not drop it", trace_name(lost[0]));
	trace_pause();
	add(b, lost[0], 2, OUT);
	shut(b, lost[0]);
	trace_resume();
	add(b, s[1], 3, OUT);
	bool first = false;
	bool second = false;
	for (int i = 0; i < 3; i++) {
		const int n = weir__poller_wait(b->p, ev, 4, 1000);
		assert_in_range(n, 1, 3);
		first = event_of(ev, n, s[0]) != NULL;
		second = event_of(ev, n, s[1]) != NULL;
	}
	trace("wait, three times: in the end %s: %s, %s", trace_names(s[0], s[1]),
	      first ? "out" : "nothing", second ? "out" : "nothing");
	assert_true(first && second);
}

static void a_closed_number_wanted_both_ways_where_only_one_event_fits(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	int s[2];

	/* It may be refused twice. */
	skip_if_strict();
	unix_pair(b, s);
	add(b, s[0], 1, BOTH);
	shut(b, s[0]);
	trace("wait for one event: it or nothing, but no error");
	assert_in_range(weir__poller_wait(b->p, &ev, 1, 10), 0, 1);
	drop(b, s[0], BOTH, false);
	silence(b);
}

static void more_closed_numbers_than_fit_do_not_hide_others(void **state)
{
	struct bed *b = *state;
	struct {
		struct weir__event ev;
		uint32_t behind[16];
	} results;
	int lost[5][2];
	int s[2];
	bool came = false;

	skip_if_strict();
	for (uint32_t i = 0; i < 5; i++) {
		unix_pair(b, lost[i]);
		add(b, lost[i][0], i, IN);
	}
	silence(b);
	unix_pair(b, s);
	add(b, s[0], 10, OUT);
	for (int i = 0; i < 5; i++)
		shut(b, lost[i][0]);
	memset(&results, 0xee, sizeof(results));
	for (int i = 0; i < 8; i++) {
		assert_int_equal(weir__poller_wait(b->p, &results.ev, 1, 1000), 1);
		came = came || (results.ev.fd == s[0] && results.ev.tag == 10);
	}
	for (int i = 0; i < 16; i++)
		assert_int_equal(results.behind[i], 0xeeeeeeee);
	assert_true(came);
	trace("wait for one event, eight times: never more, and %s comes", trace_name(s[0]));
}

enum { DEAD = 20 };

static void twenty_dead_pipes_among_twenty_sockets(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[64];
	int fd[2 * DEAD];

	trace("add 20 pipes without readers and 20 sockets with room, in turns: out");
	trace_pause();
	for (int i = 0; i < 2 * DEAD; i += 2) {
		int s[2];
		pipe_pair(b, s);
		shut(b, s[0]);
		fd[i] = s[1];
		unix_pair(b, s);
		fd[i + 1] = s[0];
	}
	for (int i = 0; i < 2 * DEAD; i++)
		add(b, fd[i], (uint32_t)i, OUT);
	trace_resume();
	for (int i = 0; i < 2 * DEAD; i++)
		(void)trace_place(fd[i]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(look(b, ev, 64, 1000), 2 * DEAD);
	trace("drop and close the pipes");
	trace_pause();
	for (int i = 0; i < 2 * DEAD; i += 2)
		drop_and_close(b, fd[i], OUT);
	trace_resume();
	assert_int_equal(look(b, ev, 64, 1000), DEAD);
}

static void additions_behind_a_refused_one_are_made_where_only_one_event_fits(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	int dead[2];
	int s[2];

	pipe_pair(b, dead);
	shut(b, dead[0]);
	unix_pair(b, s);
	add(b, dead[1], 1, OUT);
	add(b, s[0], 2, OUT);
	/* Only one fits: the error first, as long as it lasts. */
	trace_pause();
	assert_int_equal(look(b, &ev, 1, 1000), 1);
	trace_resume();
	trace("wait for one event: one of them");
	drop_and_close(b, dead[1], OUT);
	for (int i = 0; i < 2; i++)
		assert_int_equal(view(b, s[0], 2, OUT), OUT);
}

static void two_dead_pipes_come_with_every_wait(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[8];

	for (uint32_t i = 0; i < 2; i++) {
		int dead[2];
		pipe_pair(b, dead);
		shut(b, dead[0]);
		add(b, dead[1], i, OUT);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(look(b, ev, 8, 1000), 2);
}

static void more_dead_pipes_than_fit_come_as_others_are_dropped(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	int s[2];
	int came = 0;

	for (uint32_t i = 0; i < 4; i++) {
		int dead[2];
		pipe_pair(b, dead);
		shut(b, dead[0]);
		add(b, dead[1], i, OUT);
	}
	unix_pair(b, s);
	add(b, s[0], 10, OUT);
	trace("wait for one event at a time, and drop and close what is dead, until all came");
	trace_pause();
	for (int waits = 0; waits < 12 && came < 4; waits++) {
		assert_int_equal(look(b, &ev, 1, 1000), 1);
		if (ev.fd == s[0])
			continue;
		drop_and_close(b, ev.fd, OUT);
		came++;
	}
	trace_resume();
	assert_int_equal(came, 4);
	assert_int_equal(look(b, &ev, 1, 1000), 1);
	assert_int_equal(ev.fd, s[0]);
}

static void a_dead_pipe_that_is_wanted_no_more_is_silent(void **state)
{
	struct bed *b = *state;
	int dead[2];

	pipe_pair(b, dead);
	shut(b, dead[0]);
	add(b, dead[1], 1, OUT);
	change(b, dead[1], 1, OUT, 0);
	silence(b);
	add(b, dead[1], 2, OUT);
	assert_int_equal(view(b, dead[1], 2, OUT), OUT);
	drop_and_close(b, dead[1], OUT);
	silence(b);
}

/* ---- copies elsewhere ---- */

static void a_shared_drop_without_a_close_is_silent(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	say(s[1], "x");
	add(b, s[0], 7, BOTH);
	assert_int_equal(view(b, s[0], 7, BOTH), BOTH);
	drop(b, s[0], BOTH, true);
	silence(b);
	/* It is still its owner's, who may want it again. */
	add(b, s[0], 8, IN);
	assert_int_equal(view(b, s[0], 8, IN), IN);
}

static void a_shared_drop_of_an_unflushed_addition_is_silent(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	copy_of(b, s[0]);
	say(s[1], "x");
	add(b, s[0], 7, IN);
	drop(b, s[0], IN, true);
	silence(b);
	shut(b, s[0]);
	silence(b);
}

static void a_shared_drop_of_an_unflushed_change_is_silent(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	copy_of(b, s[0]);
	add(b, s[0], 7, IN);
	silence(b);
	change(b, s[0], 7, IN, BOTH);
	drop(b, s[0], BOTH, true);
	shut(b, s[0]);
	say(s[1], "x");
	silence(b);
}

/* Sends fd through the pair and gives up its own; the copy waits inside. */
static void send_away(const int pair[2], int fd)
{
	char octet = 'f';
	const struct weir__vec vec = {&octet, 1};

	assert_int_equal(weir__sys_write_passing(pair[0], &vec, 1, fd), 1);
	trace("send %s to another process", trace_name(fd));
}

static int take_back(struct bed *b, const int pair[2])
{
	char octet;
	const struct weir__vec vec = {&octet, 1};
	int passed[WEIR__PASSED_MAX];
	int n = 0;
	bool lost = false;

	assert_int_equal(weir__sys_read_passing(pair[1], &vec, 1, passed, &n, &lost), 1);
	assert_int_equal(n, 1);
	trace("it comes back: %s", trace_name(own(b, passed[0])));
	return passed[0];
}

static void a_copy_on_its_way_is_not_reported(void **state)
{
	struct bed *b = *state;
	int s[2];
	int way[2];

	unix_pair(b, s);
	assert_int_equal(weir__sys_pair(way), 0);
	own(b, way[0]);
	own(b, way[1]);
	add(b, s[0], 7, IN);
	silence(b);
	send_away(way, s[0]);
	drop(b, s[0], IN, true);
	shut(b, s[0]);
	say(s[1], "x");
	silence(b);
	const int back = take_back(b, way);
	silence(b);
	add(b, back, 8, IN);
	assert_int_equal(view(b, back, 8, IN), IN);
}

static void both_copies_are_dropped_one_after_the_other(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	int copy = copy_of(b, s[0]);
	add(b, s[0], 1, IN);
	add(b, copy, 2, OUT);
	assert_int_equal(view(b, copy, 2, OUT), OUT);
	drop(b, s[0], IN, true);
	shut(b, s[0]);
	say(s[1], "x");
	assert_int_equal(view(b, copy, 2, OUT), OUT);
	drop_and_close(b, copy, OUT);
	silence(b);
}

int conform_batch(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(an_event_for_a_number_that_was_reused_in_the_batch_has_the_old_tag),
		BED_TEST(seven_closed_and_seven_opened_in_one_batch),
		BED_TEST(a_connection_accepted_on_a_number_just_closed),
		BED_TEST(closed_and_reused_again_and_again_in_one_turn),
		BED_TEST(a_closed_number_among_additions_does_not_lose_the_others),
		BED_TEST(a_closed_number_wanted_both_ways_where_only_one_event_fits),
		BED_TEST(more_closed_numbers_than_fit_do_not_hide_others),
		BED_TEST(twenty_dead_pipes_among_twenty_sockets),
		BED_TEST(additions_behind_a_refused_one_are_made_where_only_one_event_fits),
		BED_TEST(two_dead_pipes_come_with_every_wait),
		BED_TEST(more_dead_pipes_than_fit_come_as_others_are_dropped),
		BED_TEST(a_dead_pipe_that_is_wanted_no_more_is_silent),
		BED_TEST(a_shared_drop_without_a_close_is_silent),
		BED_TEST(a_shared_drop_of_an_unflushed_addition_is_silent),
		BED_TEST(a_shared_drop_of_an_unflushed_change_is_silent),
		BED_TEST(a_copy_on_its_way_is_not_reported),
		BED_TEST(both_copies_are_dropped_one_after_the_other),
	};

	return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
