/*
 * Does the kernel in memory keep the contract of poller.h and sys.h? What the
 * tests above it conclude is worth as much as this.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/poller.h"
#include "backend/sys.h"
#include "tests/memio/memio.h"

static const struct weir__addr local80 = {
	.kind = WEIR__ADDR_IP4, .port = 80, .u.ip = {127, 0, 0, 1}};
static const struct weir__addr any80 = {.kind = WEIR__ADDR_IP4, .port = 80};
static const struct weir__listen_how plain_how;
static struct weir__mem mem;
static weir__poller *poller;

static int set_up(void **state)
{
	(void)state;
	memio_reset();
	return weir__poller_open(&poller, &mem);
}

static int tear_down(void **state)
{
	(void)state;
	weir__poller_close(poller);
	memio_reset();
	return 0;
}

/* ---- helpers ---- */

static int listen_at(const struct weir__addr *addr)
{
	int fd = weir__sys_listen(addr, &plain_how);

	assert_true(fd >= 0);
	return fd;
}

/* A connection: the program's descriptor, and the test's end in *c. */
static int connected(memio_client **c)
{
	int listener = listen_at(&local80);

	*c = memio_client_connect(&local80);
	assert_non_null(*c);

	int fd = weir__sys_accept(listener, NULL);

	assert_true(fd >= 0);
	weir__sys_close(listener);
	return fd;
}

static int64_t read_some(int fd, void *data, size_t len)
{
	const struct weir__vec vec = {data, len};

	return weir__sys_readv(fd, &vec, 1);
}

static int64_t write_some(int fd, const char *text)
{
	const struct weir__vec vec = {(void *)(uintptr_t)text, strlen(text)};

	return weir__sys_writev(fd, &vec, 1);
}

/* One wait: what it says of fd, 0 when nothing. */
static unsigned ready_of(int fd, int timeout_ms)
{
	struct weir__event events[16];
	int n = weir__poller_wait(poller, events, 16, timeout_ms);
	unsigned ready = 0;

	assert_true(n >= 0);
	for (int i = 0; i < n; i++)
		if (events[i].fd == fd) {
			assert_int_equal(ready, 0);
			ready = events[i].ready;
		}
	return ready;
}

static void count_up(void *arg)
{
	++*(int *)arg;
}

static int64_t action_came_at;

static void note_time(void *arg)
{
	(void)arg;
	action_came_at = memio_now();
}

static void send_hello(void *arg)
{
	memio_client_send_text(arg, "hello");
}

static void finish(void *arg)
{
	memio_client_finish(arg);
}

/* ---- time ---- */

static void the_clock_jumps_to_the_deadline_of_a_wait(void **state)
{
	struct weir__event event;

	(void)state;
	memio_set_now_us(500999);
	assert_int_equal(weir__poller_wait(poller, &event, 1, 0), 0);
	assert_int_equal(memio_now(), 500);
	assert_int_equal(weir__poller_wait(poller, &event, 1, 3600000), 0);
	assert_int_equal(weir__sys_now_us(), INT64_C(3600500999));
	memio_pass(1);
	assert_int_equal(weir__sys_now_us(), INT64_C(3600501999));
	assert_int_equal(weir__sys_wall_s(), 1000003600);
}

static void actions_run_in_the_order_of_time(void **state)
{
	struct weir__event event;
	int before = 0, at = 0, after = 0;

	(void)state;
	memio_at(1001, count_up, &after);
	memio_at(1000, note_time, NULL);
	memio_at(1000, count_up, &at);
	memio_after(10, count_up, &before);
	assert_int_equal(weir__poller_wait(poller, &event, 1, 999), 0);
	assert_int_equal(before, 1);
	assert_int_equal(at, 0);
	assert_int_equal(weir__poller_wait(poller, &event, 1, 1), 0);
	assert_int_equal(action_came_at, 1000);
	assert_int_equal(at, 1);
	assert_int_equal(after, 0);
	assert_int_equal(memio_now(), 1000);
}

static void an_action_that_makes_something_ready_ends_the_wait(void **state)
{
	memio_client *c;
	int fd = connected(&c);

	(void)state;
	assert_int_equal(weir__poller_set(poller, fd, 7, 0, WEIR__IN), 0);
	memio_at(250, send_hello, c);
	assert_int_equal(ready_of(fd, 1000), WEIR__IN);
	assert_int_equal(memio_now(), 250);
	assert_null(memio_misuse());
}

static void a_wait_that_would_never_end_is_a_deadlock(void **state)
{
	struct weir__event event;

	(void)state;
	assert_int_equal(weir__poller_wait(poller, &event, 1, -1), -EDEADLK);
}

static void an_interrupted_wait_is_no_events(void **state)
{
	struct weir__event event;

	(void)state;
	memio_interrupt();
	assert_int_equal(weir__poller_wait(poller, &event, 1, -1), 0);
	memio_fail(MEMIO_POLLER_WAIT, 1, EINTR);
	assert_int_equal(weir__poller_wait(poller, &event, 1, -1), 0);
	assert_int_equal(memio_now(), 0);
}

/* ---- the poller ---- */

static void readiness_is_reported_until_it_is_gone(void **state)
{
	memio_client *c;
	int fd = connected(&c);
	char buf[8];

	(void)state;
	memio_client_send_text(c, "hello");
	assert_int_equal(weir__poller_set(poller, fd, 1, 0, WEIR__IN | WEIR__OUT), 0);
	assert_int_equal(ready_of(fd, 0), WEIR__IN | WEIR__OUT);
	assert_int_equal(read_some(fd, buf, 3), 3);
	assert_int_equal(ready_of(fd, 0), WEIR__IN | WEIR__OUT);
	assert_int_equal(read_some(fd, buf, 8), 2);
	assert_int_equal(ready_of(fd, 0), WEIR__OUT);
	assert_int_equal(read_some(fd, buf, 8), -EAGAIN);
	memio_client_finish(c);
	assert_int_equal(ready_of(fd, 0), WEIR__IN | WEIR__OUT);
	assert_int_equal(read_some(fd, buf, 8), 0);
	assert_int_equal(ready_of(fd, 0), WEIR__IN | WEIR__OUT);
	assert_null(memio_misuse());
}

static void without_interest_not_even_an_error_is_reported(void **state)
{
	memio_client *c;
	int fd = connected(&c);

	(void)state;
	assert_int_equal(weir__poller_set(poller, fd, 1, 0, WEIR__IN), 0);
	assert_int_equal(weir__poller_set(poller, fd, 1, WEIR__IN, 0), 0);
	memio_client_reset(c);
	assert_int_equal(ready_of(fd, 10), 0);
	assert_int_equal(weir__poller_set(poller, fd, 1, 0, WEIR__OUT), 0);
	assert_true(ready_of(fd, 10) & WEIR__ERR);
	weir__poller_drop(poller, fd, WEIR__OUT, false);
	assert_int_equal(ready_of(fd, 10), 0);
	assert_null(memio_misuse());
}

static void an_event_carries_the_tag_of_the_addition(void **state)
{
	memio_client *c;
	struct weir__event event;
	int fd = connected(&c);

	(void)state;
	assert_int_equal(weir__poller_set(poller, fd, 11, 0, WEIR__IN), 0);
	assert_int_equal(weir__poller_set(poller, fd, 12, WEIR__IN, WEIR__OUT), 0);
	assert_int_equal(weir__poller_wait(poller, &event, 1, 0), 1);
	assert_int_equal(event.tag, 11);
	weir__poller_drop(poller, fd, WEIR__OUT, false);
	assert_int_equal(weir__poller_set(poller, fd, 13, 0, WEIR__OUT), 0);
	assert_int_equal(weir__poller_wait(poller, &event, 1, 0), 1);
	assert_int_equal(event.fd, fd);
	assert_int_equal(event.tag, 13);
}

static void a_small_array_starves_nobody(void **state)
{
	int seen[64] = {0};

	(void)state;
	for (int i = 0; i < 7; i++) {
		int fd[2];

		assert_int_equal(weir__sys_pipe(fd), 0);
		assert_int_equal(weir__poller_set(poller, fd[1], 0, 0, WEIR__OUT), 0);
	}
	for (int i = 0; i < 4; i++) {
		struct weir__event events[2];

		assert_int_equal(weir__poller_wait(poller, events, 2, 0), 2);
		seen[events[0].fd]++;
		seen[events[1].fd]++;
	}
	for (int fd = 4; fd <= 16; fd += 2)
		assert_true(seen[fd] >= 1);
}

static void a_plain_file_cannot_be_polled(void **state)
{
	char buf[8];
	int fd = memio_file("abc", 3);

	(void)state;
	assert_int_equal(weir__poller_set(poller, fd, 1, 0, WEIR__IN), 1);
	assert_int_equal(ready_of(fd, 0), 0);
	assert_int_equal(read_some(fd, buf, 8), 3);
	assert_int_equal(read_some(fd, buf, 8), 0);
	weir__sys_close(fd);
	assert_null(memio_misuse());
}

static void after_a_fork_the_set_is_empty(void **state)
{
	memio_client *c;
	int fd = connected(&c);

	(void)state;
	assert_int_equal(weir__poller_set(poller, fd, 1, 0, WEIR__OUT), 0);
	assert_int_equal(memio_registered(), 1);
	assert_int_equal(weir__poller_fork(poller), 0);
	assert_int_equal(memio_registered(), 0);
	assert_int_equal(ready_of(fd, 0), 0);
	assert_int_equal(weir__poller_set(poller, fd, 2, 0, WEIR__OUT), 0);
	assert_int_equal(ready_of(fd, 0), WEIR__OUT);
	assert_null(memio_misuse());
}

static void a_descriptor_beyond_the_pollers_limit_is_refused(void **state)
{
	memio_client *c;
	int fd = connected(&c);

	(void)state;
	memio_poller_limit(fd);
	assert_int_equal(weir__poller_limit(poller), fd);
	assert_int_equal(weir__poller_set(poller, fd, 1, 0, WEIR__IN), -EMFILE);
	assert_int_equal(memio_registered(), 0);
	assert_null(memio_misuse());
}

static void readiness_can_be_a_mere_hint(void **state)
{
	memio_client *c;
	char buf[8];
	int fd = connected(&c);

	(void)state;
	assert_int_equal(weir__poller_set(poller, fd, 1, 0, WEIR__IN), 0);
	memio_spurious(fd, WEIR__IN);
	assert_int_equal(ready_of(fd, 0), WEIR__IN);
	assert_int_equal(read_some(fd, buf, 8), -EAGAIN);
	assert_int_equal(ready_of(fd, 0), 0);
}

/* ---- connections ---- */

static void a_client_waits_in_the_queue_and_has_an_address(void **state)
{
	struct weir__addr peer, remote, own;
	int listener = listen_at(&any80);

	(void)state;
	assert_int_equal(weir__sys_accept(listener, &peer), -EAGAIN);
	assert_int_equal(weir__poller_set(poller, listener, 1, 0, WEIR__IN), 0);
	assert_int_equal(ready_of(listener, 0), 0);

	memio_client *c = memio_client_connect(NULL);

	assert_non_null(c);
	assert_int_equal(ready_of(listener, 0), WEIR__IN);
	assert_false(memio_client_accepted(c));

	int fd = weir__sys_accept(listener, &peer);

	assert_true(fd > listener);
	assert_true(memio_client_accepted(c));
	assert_true(memio_has_nodelay(fd));
	assert_int_equal(peer.kind, WEIR__ADDR_IP4);
	assert_int_equal(peer.port, memio_client_addr(c)->port);
	assert_int_equal(weir__sys_remote(fd, &remote), 0);
	assert_int_equal(remote.port, peer.port);
	assert_int_equal(weir__sys_local(fd, &own), 0);
	assert_int_equal(own.port, 80);
	assert_int_equal(own.u.ip[0], 127);
	assert_int_equal(weir__sys_accept(listener, &peer), -EAGAIN);
	assert_null(memio_misuse());
}

static void a_full_queue_and_an_unknown_address_refuse(void **state)
{
	const struct weir__listen_how how = {.backlog = 1};
	const struct weir__addr other = {.kind = WEIR__ADDR_IP4, .port = 81};

	(void)state;
	assert_true(weir__sys_listen(&local80, &how) >= 0);
	assert_non_null(memio_client_connect(&local80));
	assert_null(memio_client_connect(&local80));
	assert_null(memio_client_connect(&other));
}

static void a_window_holds_writes_back(void **state)
{
	memio_client *c;
	size_t len;
	int fd = connected(&c);

	(void)state;
	memio_client_window(c, 4);
	assert_int_equal(weir__poller_set(poller, fd, 1, 0, WEIR__OUT), 0);
	assert_int_equal(write_some(fd, "abcdef"), 4);
	assert_int_equal(write_some(fd, "ef"), -EAGAIN);
	assert_int_equal(ready_of(fd, 5), 0);
	assert_int_equal(memio_client_read(c, 1), 1);
	assert_int_equal(ready_of(fd, 5), WEIR__OUT);
	assert_int_equal(write_some(fd, "ef"), 1);
	memio_client_window(c, SIZE_MAX);
	assert_int_equal(write_some(fd, "f"), 1);
	assert_string_equal(memio_client_received(c, &len), "abcdef");
	assert_int_equal(len, 6);
	memio_client_forget(c);
	assert_string_equal(memio_client_received(c, &len), "");
	assert_int_equal(write_some(fd, "g"), 1);
	assert_string_equal(memio_client_received(c, NULL), "g");
}

static void room_may_be_told_late(void **state)
{
	memio_client *c;
	int fd = connected(&c);

	(void)state;
	memio_client_window(c, 4);
	memio_client_told(c, 3);
	assert_int_equal(weir__poller_set(poller, fd, 1, 0, WEIR__OUT), 0);
	assert_int_equal(ready_of(fd, 5), WEIR__OUT);
	assert_int_equal(write_some(fd, "abcd"), 4);
	assert_int_equal(memio_client_read(c, 2), 2);
	assert_int_equal(ready_of(fd, 5), 0);
	assert_int_equal(write_some(fd, "e"), 1);
	assert_int_equal(memio_client_read(c, 2), 2);
	assert_int_equal(ready_of(fd, 5), WEIR__OUT);
}

static void the_program_can_end_in_three_ways(void **state)
{
	memio_client *c;
	char buf[8];
	int fd = connected(&c);

	(void)state;
	assert_int_equal(memio_client_closed(c), MEMIO_OPEN);
	assert_int_equal(weir__sys_shutdown(fd), 0);
	assert_int_equal(memio_client_closed(c), MEMIO_FINISHED);
	assert_int_equal(write_some(fd, "x"), -EPIPE);
	memio_client_send_text(c, "late");
	assert_int_equal(read_some(fd, buf, 8), 4);
	weir__sys_close(fd);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);

	fd = connected(&c);
	memio_client_send_text(c, "unread");
	assert_int_equal(memio_client_unread(c), 6);
	weir__sys_close(fd);
	assert_int_equal(memio_client_closed(c), MEMIO_RESET);

	fd = connected(&c);
	weir__sys_close(fd);
	assert_int_equal(memio_client_closed(c), MEMIO_CLOSED);
	memio_client_send_text(c, "unwanted");
	assert_int_equal(memio_client_closed(c), MEMIO_RESET);

	fd = connected(&c);
	weir__sys_reset_on_close(fd);
	weir__sys_close(fd);
	assert_int_equal(memio_client_closed(c), MEMIO_RESET);
	assert_null(memio_misuse());
}

static void a_reset_is_told_once_after_what_came_before(void **state)
{
	memio_client *c;
	char buf[8];
	int fd = connected(&c);

	(void)state;
	assert_int_equal(weir__poller_set(poller, fd, 1, 0, WEIR__IN), 0);
	memio_client_send_text(c, "abc");
	memio_client_reset(c);
	assert_int_equal(ready_of(fd, 0), WEIR__IN | WEIR__ERR);
	assert_int_equal(read_some(fd, buf, 8), 3);
	assert_int_equal(read_some(fd, buf, 8), -ECONNRESET);
	assert_int_equal(read_some(fd, buf, 8), 0);
	assert_int_equal(write_some(fd, "x"), -EPIPE);
	assert_int_equal(weir__sys_shutdown(fd), -ENOTCONN);
}

static void a_client_that_closed_answers_a_write_with_a_reset(void **state)
{
	memio_client *c;
	char buf[8];
	int fd = connected(&c);

	(void)state;
	memio_client_close(c);
	assert_int_equal(read_some(fd, buf, 8), 0);
	assert_int_equal(write_some(fd, "abc"), 3);
	assert_int_equal(write_some(fd, "def"), -ECONNRESET);
	assert_int_equal(write_some(fd, "def"), -EPIPE);
	assert_string_equal(memio_client_received(c, NULL), "");
}

static void a_closed_listener_resets_what_waits(void **state)
{
	int listener = listen_at(&local80);
	memio_client *c = memio_client_connect(NULL);

	(void)state;
	weir__sys_close(listener);
	assert_int_equal(memio_client_closed(c), MEMIO_RESET);
	assert_null(memio_client_connect(&local80));
}

static void a_taken_address_is_in_use_and_port_0_is_chosen(void **state)
{
	const struct weir__listen_how shared = {.reuse_port = true};
	const struct weir__addr chosen = {.kind = WEIR__ADDR_IP4};
	struct weir__addr a, b;
	int first = listen_at(&any80);

	(void)state;
	assert_int_equal(weir__sys_listen(&local80, &plain_how), -EADDRINUSE);
	weir__sys_close(first);
	first = weir__sys_listen(&local80, &shared);
	assert_true(weir__sys_listen(&local80, &shared) > first);
	assert_int_equal(weir__sys_local(listen_at(&chosen), &a), 0);
	assert_int_equal(weir__sys_local(listen_at(&chosen), &b), 0);
	assert_int_not_equal(a.port, 0);
	assert_int_not_equal(a.port, b.port);
}

static void a_unix_connection_knows_whose_the_other_end_is(void **state)
{
	struct weir__addr path = {.kind = WEIR__ADDR_UNIX, .path_len = 4, .u.path = "/ids"};
	int listener = listen_at(&path);
	memio_client *c = memio_client_connect(&path);
	int fd = weir__sys_accept(listener, NULL);
	int64_t uid = -7, gid = -7, pid = -7;

	(void)state;
	assert_int_equal(weir__sys_peer_ids(fd, &uid, &gid, &pid), 0);
	assert_true(uid == 0 && gid == 0 && pid == -1);
	memio_client_ids(c, 33, 44, 55);
	assert_int_equal(weir__sys_peer_ids(fd, &uid, &gid, &pid), 0);
	assert_true(uid == 33 && gid == 44 && pid == 55);
	memio_fail(MEMIO_PEER_IDS, 1, ENOTSUP);
	assert_int_equal(weir__sys_peer_ids(fd, &uid, &gid, &pid), -ENOTSUP);
	weir__sys_close(fd);
	weir__sys_close(listener);
	weir__sys_unlisten(&path);
	fd = connected(&c);
	assert_int_equal(weir__sys_peer_ids(fd, &uid, &gid, &pid), -ENOTSUP);
}

static void a_unix_path_outlives_its_listener(void **state)
{
	const struct weir__addr path = {.kind = WEIR__ADDR_UNIX, .path_len = 4, .u.path = "/a/b"};
	int fd = listen_at(&path);

	(void)state;
	assert_true(memio_path_exists("/a/b"));
	assert_int_equal(weir__sys_listen(&path, &plain_how), -EADDRINUSE);
	weir__sys_close(fd);
	assert_true(memio_path_exists("/a/b"));
	fd = listen_at(&path);
	weir__sys_unlisten(&path);
	assert_false(memio_path_exists("/a/b"));
	weir__sys_close(fd);
	memio_path_make("/a/b");
	assert_true(listen_at(&path) >= 0);
}

/* ---- connections that the program makes ---- */

static void the_program_connects_to_itself(void **state)
{
	bool pending;
	int result;
	char buf[8];
	int listener = listen_at(&local80);
	int fd = weir__sys_connect(&local80, &pending, &result);

	(void)state;
	assert_true(fd >= 0);
	assert_true(pending);
	assert_int_equal(result, 0);
	assert_int_equal(weir__poller_set(poller, fd, 1, 0, WEIR__OUT), 0);
	assert_int_equal(ready_of(fd, 0), WEIR__OUT);
	assert_int_equal(weir__sys_connect_result(fd), 0);

	int taken = weir__sys_accept(listener, NULL);

	assert_int_equal(write_some(fd, "ping"), 4);
	assert_int_equal(read_some(taken, buf, 8), 4);
	assert_int_equal(weir__sys_shutdown(taken), 0);
	assert_int_equal(read_some(fd, buf, 8), 0);
	assert_int_equal(write_some(fd, "more"), 4);
	assert_int_equal(read_some(taken, buf, 8), 4);
}

static void connects_are_refused_held_and_decided(void **state)
{
	bool pending;
	int result;
	int fd = weir__sys_connect(&local80, &pending, &result);

	(void)state;
	assert_true(pending);
	assert_int_equal(weir__poller_set(poller, fd, 1, 0, WEIR__OUT), 0);
	assert_int_equal(ready_of(fd, 0), WEIR__OUT | WEIR__ERR);
	assert_int_equal(weir__sys_connect_result(fd), -ECONNREFUSED);
	assert_int_equal(weir__sys_connect_result(fd), 0);

	memio_connect_refuse(ENETUNREACH);
	fd = weir__sys_connect(&local80, &pending, &result);
	assert_true(fd >= 0);
	assert_false(pending);
	assert_int_equal(result, -ENETUNREACH);

	memio_connect_hold(true);
	fd = weir__sys_connect(&local80, &pending, &result);
	assert_int_equal(weir__poller_set(poller, fd, 1, 0, WEIR__OUT), 0);
	assert_int_equal(ready_of(fd, 100), 0);
	assert_true(memio_connect_decide(ETIMEDOUT));
	assert_true(ready_of(fd, 100) & WEIR__OUT);
	assert_int_equal(weir__sys_connect_result(fd), -ETIMEDOUT);
	assert_false(memio_connect_decide(0));
}

static void the_test_can_be_the_server(void **state)
{
	bool pending;
	int result;
	char buf[8];

	(void)state;
	memio_server_listen(&local80);

	int fd = weir__sys_connect(&local80, &pending, &result);
	memio_client *c = memio_server_accept();

	assert_non_null(c);
	assert_null(memio_server_accept());
	assert_int_equal(write_some(fd, "GET"), 3);
	assert_string_equal(memio_client_received(c, NULL), "GET");
	memio_client_send_text(c, "200");
	assert_int_equal(read_some(fd, buf, 8), 3);
}

/* ---- pipes, wake-ups, signals, what was inherited ---- */

static void a_pipe_has_two_ends(void **state)
{
	int fd[2];
	char buf[8];

	(void)state;
	memio_buffer(3);
	assert_int_equal(weir__sys_pipe(fd), 0);
	assert_int_equal(write_some(fd[1], "abcd"), 3);
	assert_int_equal(write_some(fd[1], "d"), -EAGAIN);
	assert_int_equal(read_some(fd[0], buf, 8), 3);
	assert_int_equal(write_some(fd[0], "x"), -EBADF);
	weir__sys_close(fd[1]);
	assert_int_equal(read_some(fd[0], buf, 8), 0);
	assert_int_equal(weir__sys_pipe(fd), 0);
	weir__sys_close(fd[0]);
	assert_int_equal(write_some(fd[1], "x"), -EPIPE);
	assert_null(memio_misuse());
}

static void a_signal_wakes_and_is_counted(void **state)
{
	int wake[2], other[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(wake), 0);
	assert_int_equal(weir__sys_wake_open(other), 0);
	assert_false(memio_raise(SIGTERM));
	assert_int_equal(weir__sys_signal_catch(SIGTERM, wake[0]), 0);
	assert_int_equal(weir__sys_signal_catch(SIGTERM, other[0]), -EBUSY);
	assert_int_equal(weir__sys_signal_catch(SIGKILL, wake[0]), -EINVAL);
	assert_int_equal(weir__poller_set(poller, wake[0], 1, 0, WEIR__IN), 0);
	assert_true(memio_raise(SIGTERM));
	assert_true(memio_raise(SIGTERM));
	assert_int_equal(ready_of(wake[0], -1), WEIR__IN);
	weir__sys_wake_drain(wake[0]);
	assert_int_equal(ready_of(wake[0], 0), 0);
	assert_int_equal(weir__sys_signal_take(SIGTERM), 2);
	assert_int_equal(weir__sys_signal_take(SIGTERM), 0);
	weir__sys_signal_release(SIGTERM);
	assert_false(memio_raise(SIGTERM));
	weir__poller_drop(poller, wake[0], WEIR__IN, false);
	weir__sys_wake_close(wake);
	assert_null(memio_misuse());
}

static void a_listener_is_inherited_by_number_or_name(void **state)
{
	int fd = memio_inherited(&local80, "web"), pipe_fd[2];

	(void)state;
	assert_int_equal(weir__sys_inherit_named("web", 3), fd);
	assert_int_equal(weir__sys_inherit_named("", 0), fd);
	assert_int_equal(weir__sys_inherit_named("we", 2), -ENOENT);
	assert_int_equal(weir__sys_inherit(fd), 0);
	assert_int_equal(weir__sys_inherit(99), -EBADF);
	assert_int_equal(weir__sys_pipe(pipe_fd), 0);
	assert_int_equal(weir__sys_inherit(pipe_fd[0]), -ENOTSOCK);
	assert_non_null(memio_client_connect(&local80));
	assert_null(memio_misuse());
}

/* ---- faults and counters ---- */

static void the_nth_call_fails(void **state)
{
	memio_client *c;
	char buf[8];
	int fd = connected(&c);

	(void)state;
	memio_client_send_text(c, "abc");
	memio_fail(MEMIO_READ, 2, ECONNRESET);
	memio_fail(MEMIO_READ, 3, EINTR);
	assert_int_equal(read_some(fd, buf, 1), 1);
	assert_int_equal(read_some(fd, buf, 1), -ECONNRESET);
	assert_int_equal(read_some(fd, buf, 1), 1);
	memio_fail_all(MEMIO_WRITE, ENOBUFS);
	assert_int_equal(write_some(fd, "x"), -ENOBUFS);
	assert_int_equal(write_some(fd, "x"), -ENOBUFS);
	memio_fail_all(MEMIO_WRITE, 0);
	assert_int_equal(write_some(fd, "x"), 1);
	memio_fail(MEMIO_POLLER_SET, 1, ENOMEM);
	assert_int_equal(weir__poller_set(poller, fd, 1, 0, WEIR__IN), -ENOMEM);
	assert_int_equal(memio_registered(), 0);
	assert_int_equal(memio_count(MEMIO_READ), 3);
	assert_int_equal(memio_count(MEMIO_WRITE), 3);
	memio_count_again();
	assert_int_equal(memio_count(MEMIO_READ), 0);
	assert_null(memio_misuse());
}

static void reads_and_writes_can_be_short_and_in_pieces(void **state)
{
	memio_client *c;
	char a[3] = "", b[8] = "";
	int fd = connected(&c);
	const struct weir__vec in[2] = {{a, 2}, {b, 7}};
	const struct weir__vec out[3] = {{"ab", 2}, {"", 0}, {"cdef", 4}};

	(void)state;
	memio_client_send_text(c, "01234");
	assert_int_equal(weir__sys_readv(fd, in, 2), 5);
	assert_string_equal(a, "01");
	assert_string_equal(b, "234");
	assert_int_equal(weir__sys_writev(fd, out, 3), 6);
	memio_short_writes(3);
	memio_short_reads(1);
	assert_int_equal(weir__sys_writev(fd, out, 3), 3);
	assert_string_equal(memio_client_received(c, NULL), "abcdefabc");
	memio_client_send_text(c, "567");
	assert_int_equal(weir__sys_readv(fd, in, 2), 1);
	memio_short_reads(0);
	assert_int_equal(weir__sys_readv(fd, in, 2), 2);
}

static void descriptors_run_out(void **state)
{
	struct weir__addr chosen = {.kind = WEIR__ADDR_IP4};
	int fd[2];
	int listener = listen_at(&chosen);

	(void)state;
	assert_non_null(memio_client_connect(NULL));
	memio_fd_limit(listener + 1);
	assert_int_equal(weir__sys_fd_limit(), listener + 1);
	assert_int_equal(weir__sys_accept(listener, NULL), -EMFILE);
	assert_int_equal(weir__sys_pipe(fd), -EMFILE);
	memio_fd_limit(listener + 2);
	assert_int_equal(weir__sys_pipe(fd), -EMFILE);
	assert_int_equal(weir__sys_accept(listener, NULL), listener + 1);
	assert_int_equal(memio_open_fds(), 2);
}

static void a_connection_that_died_in_the_queue_is_gone(void **state)
{
	int listener = listen_at(&local80);
	memio_client *c = memio_client_connect(NULL);

	(void)state;
	memio_fail(MEMIO_ACCEPT, 1, ECONNABORTED);
	assert_int_equal(weir__sys_accept(listener, NULL), -ECONNABORTED);
	assert_int_equal(weir__sys_accept(listener, NULL), -EAGAIN);
	assert_int_equal(memio_client_closed(c), MEMIO_RESET);
}

/* ---- misuse is written down ---- */

static void a_double_close_is_misuse(void **state)
{
	memio_client *c;
	int fd = connected(&c);

	(void)state;
	weir__sys_close(fd);
	assert_null(memio_misuse());
	weir__sys_close(fd);
	assert_string_equal(memio_misuse(), "close: descriptor 4 is not open");
}

static void closing_without_drop_is_misuse(void **state)
{
	memio_client *c;
	int fd = connected(&c);

	(void)state;
	assert_int_equal(weir__poller_set(poller, fd, 1, 0, WEIR__IN), 0);
	weir__sys_close(fd);
	assert_string_equal(memio_misuse(), "close: descriptor 4 is registered (no drop)");
}

static void a_wrong_old_mask_is_misuse(void **state)
{
	memio_client *c;
	int fd = connected(&c);

	(void)state;
	assert_int_equal(weir__poller_set(poller, fd, 1, WEIR__IN, WEIR__OUT), 0);
	assert_string_equal(memio_misuse(), "poller_set: old mask 1 of descriptor 4 is 0");
}

static void changing_a_closed_descriptor_is_misuse(void **state)
{
	(void)state;
	assert_int_equal(weir__poller_set(poller, 77, 1, 0, WEIR__IN), -EBADF);
	assert_string_equal(memio_misuse(), "poller_set: descriptor 77 is not open");
}

static void closing_what_a_signal_wakes_is_misuse(void **state)
{
	int wake[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(wake), 0);
	assert_int_equal(weir__sys_signal_catch(SIGHUP, wake[0]), 0);
	weir__sys_wake_close(wake);
	assert_non_null(memio_misuse());
}

static void the_same_script_gives_the_same_run(void **state)
{
	int64_t times[2];

	for (int i = 0; i < 2; i++) {
		memio_client *c;
		char buf[8];
		int fd = connected(&c);

		assert_int_equal(weir__poller_set(poller, fd, 1, 0, WEIR__IN), 0);
		memio_at(30, send_hello, c);
		memio_at(70, finish, c);
		while (ready_of(fd, -1) && read_some(fd, buf, 8) != 0)
			;
		times[i] = memio_now();
		assert_int_equal(tear_down(state), 0);
		assert_int_equal(set_up(state), 0);
	}
	assert_int_equal(times[0], 70);
	assert_int_equal(times[0], times[1]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_clock_jumps_to_the_deadline_of_a_wait),
		CASE(actions_run_in_the_order_of_time),
		CASE(an_action_that_makes_something_ready_ends_the_wait),
		CASE(a_wait_that_would_never_end_is_a_deadlock),
		CASE(an_interrupted_wait_is_no_events),
		CASE(readiness_is_reported_until_it_is_gone),
		CASE(without_interest_not_even_an_error_is_reported),
		CASE(an_event_carries_the_tag_of_the_addition),
		CASE(a_small_array_starves_nobody),
		CASE(a_plain_file_cannot_be_polled),
		CASE(after_a_fork_the_set_is_empty),
		CASE(a_descriptor_beyond_the_pollers_limit_is_refused),
		CASE(readiness_can_be_a_mere_hint),
		CASE(a_client_waits_in_the_queue_and_has_an_address),
		CASE(a_full_queue_and_an_unknown_address_refuse),
		CASE(a_window_holds_writes_back),
		CASE(room_may_be_told_late),
		CASE(the_program_can_end_in_three_ways),
		CASE(a_reset_is_told_once_after_what_came_before),
		CASE(a_client_that_closed_answers_a_write_with_a_reset),
		CASE(a_closed_listener_resets_what_waits),
		CASE(a_taken_address_is_in_use_and_port_0_is_chosen),
		CASE(a_unix_connection_knows_whose_the_other_end_is),
		CASE(a_unix_path_outlives_its_listener),
		CASE(the_program_connects_to_itself),
		CASE(connects_are_refused_held_and_decided),
		CASE(the_test_can_be_the_server),
		CASE(a_pipe_has_two_ends),
		CASE(a_signal_wakes_and_is_counted),
		CASE(a_listener_is_inherited_by_number_or_name),
		CASE(the_nth_call_fails),
		CASE(reads_and_writes_can_be_short_and_in_pieces),
		CASE(descriptors_run_out),
		CASE(a_connection_that_died_in_the_queue_is_gone),
		CASE(a_double_close_is_misuse),
		CASE(closing_without_drop_is_misuse),
		CASE(a_wrong_old_mask_is_misuse),
		CASE(changing_a_closed_descriptor_is_misuse),
		CASE(closing_what_a_signal_wakes_is_misuse),
		CASE(the_same_script_gives_the_same_run),
	};

	(void)alarm(60);
	return cmocka_run_group_tests_name("memio", tests, NULL, NULL);
}
