/*
 * How does a connection end, and who sees it? By a shutdown of either direction, by a close with
 * data unread, by a reset from either side, whichever interest there is; and how does one end
 * that never began?
 */
#include "tests/backend/conform.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- ends in order ---- */

static void data_before_a_close_over_tcp_can_be_read(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, IN);
	say(s[1], "last");
	shut(b, s[1]);
	assert_int_equal(view(b, s[0], 7, IN), IN);
	assert_int_equal(get(s[0], 2), 2);
	assert_int_equal(view(b, s[0], 7, IN), IN);
	assert_int_equal(get(s[0], 8), 2);
	assert_int_equal(view(b, s[0], 7, IN), IN);
	assert_int_equal(get(s[0], 8), 0);
}

static void data_is_read_before_an_end_that_came_before_the_addition(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	say(s[1], "last");
	half_close(s[1], SHUT_WR);
	add(b, s[0], 7, BOTH);
	await(b, s[0], 7, BOTH);
	assert_int_equal(get(s[0], 8), 4);
	await(b, s[0], 7, BOTH);
	assert_int_equal(get(s[0], 8), 0);
}

static void own_shutdown_of_reading_is_readable(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, IN);
	silence(b);
	half_close(s[0], SHUT_RD);
	assert_int_equal(view(b, s[0], 7, IN), IN);
	assert_int_equal(get(s[0], 8), 0);
}

static void own_shutdown_of_reading_leaves_writing_alone(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	fill(s[0]);
	add(b, s[0], 7, OUT);
	half_close(s[0], SHUT_RD);
	silence(b);
	assert_true(drain(s[1]) > 0);
	assert_int_equal(view(b, s[0], 7, OUT), OUT);
}

static void own_shutdown_of_both_is_readable_and_writable(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, BOTH);
	half_close(s[0], SHUT_RDWR);
	await(b, s[0], 7, BOTH);
}

static void over_a_unix_socket_the_end_alone_is_readable(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	fill(s[0]);
	add(b, s[0], 7, BOTH);
	silence(b);
	half_close(s[1], SHUT_WR);
	assert_int_equal(view(b, s[0], 7, BOTH), IN);
	assert_int_equal(get(s[0], 8), 0);
	assert_int_equal(view(b, s[0], 7, BOTH), IN);
}

static void over_a_unix_socket_own_shutdown_leaves_reading_alone(void **state)
{
	struct bed *b = *state;
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 7, IN);
	half_close(s[0], SHUT_WR);
	silence(b);
	say(s[1], "x");
	assert_int_equal(view(b, s[0], 7, IN), IN);
}

static void when_both_directions_have_ended_no_interest_is_silent(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, BOTH);
	half_close(s[0], SHUT_WR);
	half_close(s[1], SHUT_WR);
	await(b, s[0], 7, BOTH);
	change(b, s[0], 7, BOTH, 0);
	silence(b);
	add(b, s[0], 8, IN);
	assert_int_equal(view(b, s[0], 8, IN), IN);
}

static void both_ends_see_the_end_of_the_other(void **state)
{
	struct bed *b = *state;
	struct weir__event ev[4];
	int s[2];

	unix_pair(b, s);
	add(b, s[0], 1, IN);
	add(b, s[1], 2, IN);
	half_close(s[0], SHUT_WR);
	assert_int_equal(view(b, s[1], 2, IN), IN);
	half_close(s[1], SHUT_WR);
	assert_int_equal(look(b, ev, 4, 1000), 2);
}

/* ---- resets ---- */

/* Watches one end of a full connection with this interest, while the other resets it. */
static void reset_is_seen(struct bed *b, int watched, unsigned want)
{
	int s[2];

	tcp_pair(b, s);
	fill(s[watched]);
	add(b, s[watched], 7, want);
	silence(b);
	reset(b, s[1 - watched]);
	await(b, s[watched], 7, want);
	await(b, s[watched], 7, want);
}

static void the_client_sees_a_reset_as_readable(void **state)
{
	reset_is_seen(*state, 0, IN);
}

static void the_client_sees_a_reset_as_writable(void **state)
{
	reset_is_seen(*state, 0, OUT);
}

static void the_client_sees_a_reset_as_both(void **state)
{
	reset_is_seen(*state, 0, BOTH);
}

static void the_server_sees_a_reset_as_readable(void **state)
{
	reset_is_seen(*state, 1, IN);
}

static void the_server_sees_a_reset_as_writable(void **state)
{
	reset_is_seen(*state, 1, OUT);
}

static void the_server_sees_a_reset_as_both(void **state)
{
	reset_is_seen(*state, 1, BOTH);
}

static void a_reset_is_seen_after_narrowing_to_writing(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	fill(s[0]);
	add(b, s[0], 7, BOTH);
	silence(b);
	change(b, s[0], 7, BOTH, OUT);
	silence(b);
	reset(b, s[1]);
	assert_int_equal(view(b, s[0], 7, OUT), OUT);
}

static void a_reset_is_seen_after_narrowing_to_reading(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, BOTH);
	assert_int_equal(view(b, s[0], 7, BOTH), OUT);
	change(b, s[0], 7, BOTH, IN);
	silence(b);
	reset(b, s[1]);
	assert_int_equal(view(b, s[0], 7, IN), IN);
}

static void a_reset_noted_with_a_change_in_the_same_turn(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	fill(s[0]);
	add(b, s[0], 7, IN);
	silence(b);
	reset(b, s[1]);
	change(b, s[0], 7, IN, BOTH);
	await(b, s[0], 7, BOTH);
}

static void the_error_of_a_reset_can_be_asked_for(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	add(b, s[0], 7, IN);
	reset(b, s[1]);
	assert_int_equal(view(b, s[0], 7, IN), IN);
	assert_int_equal(socket_error(s[0]), ECONNRESET);
	/* Told once; the connection is no less dead. */
	assert_int_equal(view(b, s[0], 7, IN), IN);
}

static void a_reset_behind_the_end_is_seen(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	fill(s[0]);
	add(b, s[0], 7, BOTH);
	half_close(s[1], SHUT_WR);
	assert_int_equal(view(b, s[0], 7, BOTH), IN);
	assert_int_equal(get(s[0], 8), 0);
	reset(b, s[1]);
	await(b, s[0], 7, BOTH);
}

static void a_close_with_data_unread_is_seen_as_readable(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	say(s[0], "never read");
	add(b, s[0], 7, IN);
	silence(b);
	shut(b, s[1]);
	assert_int_equal(view(b, s[0], 7, IN), IN);
}

static void writing_to_who_has_closed_ends_as_readable_and_writable(void **state)
{
	struct bed *b = *state;
	int s[2];

	tcp_pair(b, s);
	shut(b, s[1]);
	add(b, s[0], 7, IN);
	assert_int_equal(view(b, s[0], 7, IN), IN);
	assert_int_equal(get(s[0], 8), 0);
	/* What is written now is answered by a reset. */
	say(s[0], "too late");
	change(b, s[0], 7, IN, BOTH);
	await(b, s[0], 7, BOTH);
}

/* ---- connections that fail ---- */

/* What is to be done with a connection under way before it is held up. */
typedef bool prepare(int fd);

/* A connection that is under way because the listener's queue is full. */
static int pending_connect(struct bed *b, uint16_t port, prepare *first)
{
	for (int i = 0; i < 16; i++) {
		struct pollfd ask = {.fd = tcp_socket(b), .events = POLLOUT};
		trace_pause();
		const bool pending = first(ask.fd) && tcp_connect(ask.fd, port) == EINPROGRESS &&
		                     poll(&ask, 1, 50) == 0;
		trace_resume();
		if (!pending)
			continue;
		trace("connect %s to a listener whose queue is full", trace_name(ask.fd));
		return ask.fd;
	}
	skip_because("connections cannot be held up here, or not be made to give up soon");
	return -1;
}

static bool nothing_more(int fd)
{
	return fd >= 0;
}

static void refusal_is_seen(struct bed *b, unsigned want)
{
	uint16_t port;
	int listener = tcp_listener(b, 0, &port);
	int fd = pending_connect(b, port, nothing_more);

	add(b, fd, 7, want);
	silence(b);
	/* Its next attempt finds nobody. */
	shut(b, listener);
	await(b, fd, 7, want);
	assert_int_equal(socket_error(fd), ECONNREFUSED);
}

static void a_refused_connection_is_readable(void **state)
{
	refusal_is_seen(*state, IN);
}

static void a_refused_connection_is_readable_and_writable(void **state)
{
	refusal_is_seen(*state, BOTH);
}

/* Makes a connect give up soon, under the name that the system has for it. */
static bool impatient(int fd)
{
#if defined(TCP_USER_TIMEOUT)
	const unsigned ms = 200;
	return setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)) == 0;
#elif defined(TCP_CONNECTIONTIMEOUT)
	const int s = 1;
	return setsockopt(fd, IPPROTO_TCP, TCP_CONNECTIONTIMEOUT, &s, sizeof(s)) == 0;
#elif defined(TCP_KEEPINIT)
	const int s = 1;
	return setsockopt(fd, IPPROTO_TCP, TCP_KEEPINIT, &s, sizeof(s)) == 0;
#else
	(void)fd;
	return false;
#endif
}

static void timeout_is_seen(struct bed *b, unsigned want)
{
	uint16_t port;

	tcp_listener(b, 0, &port);
	int fd = pending_connect(b, port, impatient);
	add(b, fd, 7, want);
	silence(b);
	await(b, fd, 7, want);
	assert_int_equal(socket_error(fd), ETIMEDOUT);
}

static void a_connection_that_times_out_is_writable(void **state)
{
	timeout_is_seen(*state, OUT);
}

static void a_connection_that_times_out_is_readable_and_writable(void **state)
{
	timeout_is_seen(*state, BOTH);
}

static void a_connection_under_way_can_be_given_up(void **state)
{
	struct bed *b = *state;
	uint16_t port;

	tcp_listener(b, 0, &port);
	int fd = pending_connect(b, port, nothing_more);
	add(b, fd, 7, OUT);
	silence(b);
	drop_and_close(b, fd, OUT);
	silence(b);
}

static void a_connection_whose_queue_is_cleared_is_writable(void **state)
{
	struct bed *b = *state;
	struct pollfd ask = {.events = POLLIN};
	uint16_t port;
	int listener = tcp_listener(b, 0, &port);
	int fd = pending_connect(b, port, nothing_more);

	add(b, fd, 7, OUT);
	silence(b);
	trace("accept all");
	for (ask.fd = listener; poll(&ask, 1, 0) == 1;)
		own(b, accept(listener, NULL, NULL));
	assert_int_equal(view(b, fd, 7, OUT), OUT);
	assert_int_equal(socket_error(fd), 0);
}

int conform_ends(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(data_before_a_close_over_tcp_can_be_read),
		BED_TEST(data_is_read_before_an_end_that_came_before_the_addition),
		BED_TEST(own_shutdown_of_reading_is_readable),
		BED_TEST(own_shutdown_of_reading_leaves_writing_alone),
		BED_TEST(own_shutdown_of_both_is_readable_and_writable),
		BED_TEST(over_a_unix_socket_the_end_alone_is_readable),
		BED_TEST(over_a_unix_socket_own_shutdown_leaves_reading_alone),
		BED_TEST(when_both_directions_have_ended_no_interest_is_silent),
		BED_TEST(both_ends_see_the_end_of_the_other),
		BED_TEST(the_client_sees_a_reset_as_readable),
		BED_TEST(the_client_sees_a_reset_as_writable),
		BED_TEST(the_client_sees_a_reset_as_both),
		BED_TEST(the_server_sees_a_reset_as_readable),
		BED_TEST(the_server_sees_a_reset_as_writable),
		BED_TEST(the_server_sees_a_reset_as_both),
		BED_TEST(a_reset_is_seen_after_narrowing_to_writing),
		BED_TEST(a_reset_is_seen_after_narrowing_to_reading),
		BED_TEST(a_reset_noted_with_a_change_in_the_same_turn),
		BED_TEST(the_error_of_a_reset_can_be_asked_for),
		BED_TEST(a_reset_behind_the_end_is_seen),
		BED_TEST(a_close_with_data_unread_is_seen_as_readable),
		BED_TEST(writing_to_who_has_closed_ends_as_readable_and_writable),
		BED_TEST(a_refused_connection_is_readable),
		BED_TEST(a_refused_connection_is_readable_and_writable),
		BED_TEST(a_connection_that_times_out_is_writable),
		BED_TEST(a_connection_that_times_out_is_readable_and_writable),
		BED_TEST(a_connection_under_way_can_be_given_up),
		BED_TEST(a_connection_whose_queue_is_cleared_is_writable),
	};

	return cmocka_run_group_tests_name("ends", tests, NULL, NULL);
}
