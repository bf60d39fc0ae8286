/*
 * When is a stream socket reported, and as what? The same on every kernel, while
 * data comes, ends, is cut off, and while connections are made.
 */
#include "tests/backend/conform.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static void data_makes_readable(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, IN);
	say(s[1], "x");
	assert_int_equal(view(b, s[0], 7, IN), IN);
}

static void without_data_is_not_readable(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, IN);
	silence(b);
}

static void data_that_came_before_the_addition_is_reported(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	say(s[1], "x");
	add(b, s[0], 7, IN);
	assert_int_equal(view(b, s[0], 7, IN), IN);
}

static void readable_is_reported_until_all_is_read(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, IN);
	say(s[1], "xy");
	for (int i = 0; i < 3; i++)
		assert_int_equal(view(b, s[0], 7, IN), IN);
	assert_int_equal(get(s[0], 1), 1);
	assert_int_equal(view(b, s[0], 7, IN), IN);
	assert_int_equal(get(s[0], 1), 1);
	silence(b);
	say(s[1], "z");
	assert_int_equal(view(b, s[0], 7, IN), IN);
}

static void room_is_reported_with_every_wait(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, OUT);
	for (int i = 0; i < 3; i++)
		assert_int_equal(view(b, s[0], 7, OUT), OUT);
}

static void without_room_is_not_writable(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	fill(s[0]);
	add(b, s[0], 7, OUT);
	silence(b);
}

/* On a full connection of this kind. */
static void room_is_made(struct bed *b, void (*pair)(struct bed *, int[2]))
{
	int s[2];

	pair(b, s);
	fill(s[0]);
	add(b, s[0], 7, OUT);
	silence(b);
	assert_true(drain(s[1]) > 0);
	assert_int_equal(view(b, s[0], 7, OUT), OUT);
}

static void room_made_by_the_peer_is_reported(void **state)
{
	room_is_made(*state, unix_pair);
}

static void over_tcp_room_made_by_the_peer_is_reported(void **state)
{
	room_is_made(*state, tcp_pair);
}

static void both_directions_come_in_one_event(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, BOTH);
	assert_int_equal(view(b, s[0], 7, BOTH), OUT);
	say(s[1], "x");
	assert_int_equal(view(b, s[0], 7, BOTH), BOTH);
	drain(s[0]);
	assert_int_equal(view(b, s[0], 7, BOTH), OUT);
}

static void both_directions_come_together_where_only_one_event_fits(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	int s[2];

	tcp_pair(b, s);
	say(s[1], "x");
	add(b, s[0], 7, BOTH);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(look(b, &ev, 1, 1000), 1);
		assert_int_equal(canonical(&ev, BOTH), BOTH);
	}
}

static void only_the_wanted_direction_is_reported(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	say(s[1], "x");
	add(b, s[0], 7, OUT);
	assert_int_equal(view(b, s[0], 7, OUT), OUT);
	add(b, s[1], 8, IN);
	assert_int_equal(view(b, s[0], 7, OUT), OUT);
}

static void a_full_socket_with_data_is_only_readable(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	fill(s[0]);
	say(s[1], "x");
	add(b, s[0], 7, BOTH);
	assert_int_equal(view(b, s[0], 7, BOTH), IN);
}

static void both_ends_are_watched_apart(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[4];
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 1, IN);
	add(b, s[1], 2, IN);
	say(s[0], "x");
	assert_int_equal(view(b, s[1], 2, IN), IN);
	say(s[1], "y");
	assert_int_equal(look(b, ev, 4, 1000), 2);
	assert_int_equal(event_of(ev, 2, s[0])->tag, 1);
	assert_int_equal(event_of(ev, 2, s[1])->tag, 2);
}

static void the_end_is_readable_with_every_wait(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, IN);
	half_close(s[1], SHUT_WR);
	for (int i = 0; i < 3; i++)
		assert_int_equal(view(b, s[0], 7, IN), IN);
	assert_int_equal(get(s[0], 1), 0);
	assert_int_equal(view(b, s[0], 7, IN), IN);
}

static void data_before_the_end_can_be_read(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, IN);
	say(s[1], "last");
	half_close(s[1], SHUT_WR);
	assert_int_equal(view(b, s[0], 7, IN), IN);
	assert_int_equal(get(s[0], 2), 2);
	assert_int_equal(view(b, s[0], 7, IN), IN);
	assert_int_equal(get(s[0], 8), 2);
	assert_int_equal(view(b, s[0], 7, IN), IN);
	assert_int_equal(get(s[0], 8), 0);
}

static void data_before_a_full_close_can_be_read(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, IN);
	say(s[1], "last");
	shut(b, s[1]);
	assert_int_equal(view(b, s[0], 7, IN), IN);
	assert_int_equal(get(s[0], 8), 4);
	assert_int_equal(view(b, s[0], 7, IN), IN);
	assert_int_equal(get(s[0], 8), 0);
}

static void the_end_does_not_make_room(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	fill(s[0]);
	add(b, s[0], 7, BOTH);
	silence(b);
	half_close(s[1], SHUT_WR);
	assert_int_equal(view(b, s[0], 7, BOTH), IN);
}

static void after_the_end_writing_goes_on(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	half_close(s[1], SHUT_WR);
	add(b, s[0], 7, OUT);
	assert_int_equal(view(b, s[0], 7, OUT), OUT);
	say(s[0], "still there");
	add(b, s[1], 8, IN);
	change(b, s[0], 7, OUT, 0);
	assert_int_equal(view(b, s[1], 8, IN), IN);
}

static void own_shutdown_leaves_reading_alone(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, IN);
	half_close(s[0], SHUT_WR);
	silence(b);
	say(s[1], "x");
	assert_int_equal(view(b, s[0], 7, IN), IN);
}

static void own_shutdown_of_writing_is_not_readable(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, BOTH);
	half_close(s[0], SHUT_WR);
	assert_int_equal(view(b, s[0], 7, BOTH), OUT);
}

static void both_ends_shut_is_readable_and_writable(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, BOTH);
	half_close(s[1], SHUT_WR);
	assert_int_equal(view(b, s[0], 7, BOTH), BOTH);
	half_close(s[0], SHUT_WR);
	assert_int_equal(view(b, s[0], 7, BOTH), BOTH);
}

static void a_reset_is_readable(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, IN);
	reset(b, s[1]);
	assert_int_equal(view(b, s[0], 7, IN), IN);
	assert_int_equal(view(b, s[0], 7, IN), IN);
	assert_int_equal(drain(s[0]), -ECONNRESET);
}

static void a_reset_is_writable(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	fill(s[0]);
	add(b, s[0], 7, OUT);
	silence(b);
	reset(b, s[1]);
	assert_int_equal(view(b, s[0], 7, OUT), OUT);
	assert_int_equal(view(b, s[0], 7, OUT), OUT);
}

static void a_reset_is_reported_for_both(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, BOTH);
	reset(b, s[1]);
	assert_int_equal(view(b, s[0], 7, BOTH), BOTH);
	assert_int_equal(view(b, s[0], 7, BOTH), BOTH);
}

static void a_reset_that_came_before_the_addition_is_reported(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	reset(b, s[1]);
	add(b, s[0], 7, IN);
	assert_int_equal(view(b, s[0], 7, IN), IN);
}

static void an_established_connection_is_writable(void **state)
{
	struct bed *b = *state;
	uint16_t port;

	tcp_listener(b, 5, &port);
	int fd = tcp_socket(b);
	int r = tcp_connect(fd, port);
	assert_true(r == 0 || r == EINPROGRESS);
	add(b, fd, 7, OUT);
	assert_int_equal(view(b, fd, 7, OUT), OUT);
	assert_int_equal(socket_error(fd), 0);
}

/* A connection that is under way because the listener's queue is full, or -1. */
static int pending_connect(struct bed *b, uint16_t port)
{
	for (int i = 0; i < 16; i++) {
		struct pollfd ask = {.fd = tcp_socket(b), .events = POLLOUT};
		trace_pause();
		const bool pending =
			tcp_connect(ask.fd, port) == EINPROGRESS && poll(&ask, 1, 50) == 0;
		trace_resume();
		if (!pending)
			continue;
		trace("connect %s to a listener whose queue is full", trace_name(ask.fd));
		return ask.fd;
	}
	return -1;
}

static void a_connection_under_way_is_not_reported(void **state)
{
	struct bed *b = *state;
	uint16_t port;

	tcp_listener(b, 0, &port);
	int fd = pending_connect(b, port);
	if (fd < 0)
		skip_because("a full queue of the listener does not hold connections up here");
	add(b, fd, 7, BOTH);
	silence(b);
}

static void a_refused_connection_is_writable(void **state)
{
	struct bed *b = *state;
	uint16_t port;
	int listener = tcp_listener(b, 0, &port);
	int fd = pending_connect(b, port);

	if (fd < 0)
		skip_because("a full queue of the listener does not hold connections up here");
	add(b, fd, 7, OUT);
	silence(b);
	/* Its next attempt finds nobody. */
	shut(b, listener);
	assert_int_equal(view(b, fd, 7, OUT), OUT);
	assert_int_equal(socket_error(fd), ECONNREFUSED);
}

static void an_unconnected_socket_does_no_harm_and_connects_later(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	uint16_t port;

	/* Some kernels report it, some do not. */
	tcp_listener(b, 5, &port);
	int fd = tcp_socket(b);
	add(b, fd, 7, OUT);
	trace_pause();
	if (look(b, &ev, 1, 0) == 1) {
		trace_resume();
		assert_int_equal(ev.fd, fd);
		assert_int_equal(canonical(&ev, OUT), OUT);
	}
	trace_resume();
	trace("wait: #1 out, or nothing");
	(void)tcp_connect(fd, port);
	assert_int_equal(view(b, fd, 7, OUT), OUT);
	say(fd, "x");
}

static void a_listener_without_connections_is_silent(void **state)
{
	struct bed *b = *state;
	uint16_t port;

	add(b, tcp_listener(b, 5, &port), 7, IN);
	silence(b);
}

static void a_listener_is_reported_until_all_are_accepted(void **state)
{
	struct bed *b = *state;
	uint16_t port;
	int listener = tcp_listener(b, 5, &port);

	add(b, listener, 7, IN);
	for (int i = 0; i < 2; i++)
		(void)tcp_connect(tcp_socket(b), port);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(view(b, listener, 7, IN), IN);
		tcp_accept(b, listener);
	}
	silence(b);
}

static void an_accepted_connection_is_watched_beside_its_listener(void **state)
{
	struct bed *b = *state;
	uint16_t port;
	int listener = tcp_listener(b, 5, &port);
	int client = tcp_socket(b);

	add(b, listener, 1, IN);
	(void)tcp_connect(client, port);
	assert_int_equal(view(b, listener, 1, IN), IN);
	int accepted = tcp_accept(b, listener);
	add(b, accepted, 2, IN);
	silence(b);
	say(client, "x");
	assert_int_equal(view(b, accepted, 2, IN), IN);
}

static void more_connections_than_are_accepted_in_a_turn_are_reported_again(void **state)
{
	struct bed *b = *state;
	uint16_t port;
	int listener = tcp_listener(b, 16, &port);

	add(b, listener, 7, IN);
	trace("connect ten to it");
	trace_pause();
	for (int i = 0; i < 10; i++)
		(void)tcp_connect(tcp_socket(b), port);
	trace_resume();
	for (int i = 0; i < 5; i++) {
		assert_int_equal(view(b, listener, 7, IN), IN);
		(void)tcp_accept(b, listener);
		(void)tcp_accept(b, listener);
	}
	silence(b);
}

static void a_full_queue_of_a_listener_is_reported(void **state)
{
	struct bed *b = *state;
	struct pollfd ask = {.events = POLLIN};
	uint16_t port;
	int listener = tcp_listener(b, 1, &port);

	add(b, listener, 7, IN);
	silence(b);
	trace("connect as many as fit, and one more");
	trace_pause();
	for (int i = 0; i < 4; i++)
		(void)tcp_connect(tcp_socket(b), port);
	trace_resume();
	assert_int_equal(view(b, listener, 7, IN), IN);
	/* It stays open, and full. */
	drop(b, listener, IN, true);
	ask.fd = listener;
	assert_int_equal(poll(&ask, 1, 0), 1);
	silence(b);
}

static void a_listener_is_closed_while_connections_wait(void **state)
{
	struct bed *b = *state;
	uint16_t port;
	int listener = tcp_listener(b, 5, &port);
	int client = tcp_socket(b);

	add(b, listener, 7, IN);
	(void)tcp_connect(client, port);
	assert_int_equal(view(b, listener, 7, IN), IN);
	add(b, client, 8, IN);
	assert_int_equal(view(b, listener, 7, IN), IN);
	drop_and_close(b, listener, IN);
	assert_int_equal(view(b, client, 8, IN), IN);
}

static void a_client_that_left_the_queue_does_no_harm(void **state)
{
	struct bed *b = *state;
	struct weir__event ev;
	uint16_t port;
	int listener = tcp_listener(b, 5, &port);
	int client = tcp_socket(b);

	add(b, listener, 7, IN);
	(void)tcp_connect(client, port);
	assert_int_equal(view(b, listener, 7, IN), IN);
	reset(b, client);
	/* Some kernels take it out of the queue, some hand it over, dead. */
	trace("accept it, if it is still there");
	trace_pause();
	int dead = accept(listener, NULL, NULL);
	if (dead >= 0) {
		own(b, dead);
		add(b, dead, 8, IN);
		assert_int_equal(look(b, &ev, 1, 1000), 1);
		drop_and_close(b, dead, IN);
	}
	trace_resume();
	silence(b);
}

int conform_sockets(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(data_makes_readable),
		BED_TEST(without_data_is_not_readable),
		BED_TEST(data_that_came_before_the_addition_is_reported),
		BED_TEST(readable_is_reported_until_all_is_read),
		BED_TEST(room_is_reported_with_every_wait),
		BED_TEST(without_room_is_not_writable),
		BED_TEST(room_made_by_the_peer_is_reported),
		BED_TEST(both_directions_come_in_one_event),
		BED_TEST(both_directions_come_together_where_only_one_event_fits),
		BED_TEST(only_the_wanted_direction_is_reported),
		BED_TEST(a_full_socket_with_data_is_only_readable),
		BED_TEST(both_ends_are_watched_apart),
		BED_TEST(the_end_is_readable_with_every_wait),
		BED_TEST(data_before_the_end_can_be_read),
		BED_TEST(data_before_a_full_close_can_be_read),
		BED_TEST(the_end_does_not_make_room),
		BED_TEST(after_the_end_writing_goes_on),
		BED_TEST(own_shutdown_leaves_reading_alone),
		BED_TEST(own_shutdown_of_writing_is_not_readable),
		BED_TEST(both_ends_shut_is_readable_and_writable),
		BED_TEST(a_reset_is_readable),
		BED_TEST(a_reset_is_writable),
		BED_TEST(a_reset_is_reported_for_both),
		BED_TEST(a_reset_that_came_before_the_addition_is_reported),
		BED_TEST(an_established_connection_is_writable),
		BED_TEST(a_connection_under_way_is_not_reported),
		BED_TEST(a_refused_connection_is_writable),
		BED_TEST(an_unconnected_socket_does_no_harm_and_connects_later),
		BED_TEST(a_listener_without_connections_is_silent),
		BED_TEST(a_listener_is_reported_until_all_are_accepted),
		BED_TEST(an_accepted_connection_is_watched_beside_its_listener),
		BED_TEST(over_tcp_room_made_by_the_peer_is_reported),
		BED_TEST(more_connections_than_are_accepted_in_a_turn_are_reported_again),
		BED_TEST(a_full_queue_of_a_listener_is_reported),
		BED_TEST(a_listener_is_closed_while_connections_wait),
		BED_TEST(a_client_that_left_the_queue_does_no_harm),
	};

	return cmocka_run_group_tests_name("sockets", tests, NULL, NULL);
}
