/*
 * What may be made a stream besides sockets of our own: socketpairs, both ends
 * of pipes, terminals, regular files; and what may not.
 */
#include "tests/support/net.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static void a_socketpair_is_a_connection(void **state)
{
	struct net *net = *state;
	int fd[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);

	struct side *a = net_adopt(net, fd[0], NULL), *b = net_adopt(net, fd[1], NULL);
	b->echoes = true;
	assert_int_equal(a->opens, 0);
	assert_true(side_write(a, "ping") >= 0);
	while (a->len < 4)
		net_turn(net);
	weir_finish(a->stream);
	while (!a->gones || !b->gones)
		net_turn(net);
	assert_true(side_has(a, "ping"));
	assert_string_equal(a->log, "odeg");
	assert_string_equal(b->log, "odeg");
}

static void the_read_end_of_a_pipe_ends_when_the_writer_closes(void **state)
{
	struct net *net = *state;
	int fd[2];
	assert_int_equal(pipe(fd), 0);

	struct side *side = net_adopt(net, fd[0], NULL);
	assert_int_equal(write(fd[1], "hello", 5), 5);
	while (side->len < 5)
		net_turn(net);
	assert_int_equal(close(fd[1]), 0);
	while (!side->gones)
		net_turn(net);
	assert_true(side_has(side, "hello"));
	assert_string_equal(side->log, "odeg");
	assert_int_equal(side->why, 0);
}

static void the_write_end_of_a_pipe_ends_when_it_is_finished(void **state)
{
	struct net *net = *state;
	char text[8] = "";
	int fd[2];
	assert_int_equal(pipe(fd), 0);

	struct side *side = net_adopt(net, fd[1], NULL);
	assert_true(side_write(side, "hello") >= 0);
	net_turns(net, 20);
	assert_string_equal(side->log, "o");
	assert_int_equal(read(fd[0], text, sizeof(text)), 5);
	assert_string_equal(text, "hello");

	weir_finish(side->stream);
	while (!side->gones)
		net_turn(net);
	assert_string_equal(side->log, "og");
	assert_int_equal(side->why, 0);
	assert_int_equal(read(fd[0], text, sizeof(text)), 0);
	assert_int_equal(close(fd[0]), 0);
}

/* Neither a signal nor a silent loss: the next write finds out. */
static void a_pipe_that_nobody_reads_any_more_is_told_by_gone(void **state)
{
	struct net *net = *state;
	int fd[2];
	assert_int_equal(pipe(fd), 0);

	struct side *side = net_adopt(net, fd[1], NULL);
	net_turns(net, 5);
	assert_int_equal(close(fd[0]), 0);
	if (side->stream)
		(void)side_write(side, "hello");
	while (!side->gones)
		net_turn(net);
	assert_int_equal(side->why, -EPIPE);
}

static void a_full_pipe_is_written_as_it_is_read(void **state)
{
	struct net *net = *state;
	int fd[2];
	assert_int_equal(pipe(fd), 0);
	struct side *writer = net_adopt(net, fd[1], NULL);
	net_turn(net);
	const size_t sent = side_fill(writer, 0, 500000);
	weir_finish(writer->stream);

	struct side *reader = net_adopt(net, fd[0], NULL);
	while (!reader->gones || !writer->gones)
		net_turn(net);
	assert_int_equal(reader->len, sent);
	assert_true(pattern_is(reader->got, sent, 0));
}

static void a_regular_file_is_read_to_its_end(void **state)
{
	struct net *net = *state;
	char path[128], block[10000];
	(void)snprintf(path, sizeof(path), "%s/adopted", test_dir());
	const int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
	assert_true(fd >= 0);
	for (size_t i = 0; i < 10; i++) {
		pattern_fill(block, sizeof(block), i * sizeof(block));
		assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
	}
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);

	struct side *side = net_adopt(net, fd, NULL);
	while (!side->gones)
		net_turn(net);
	assert_string_equal(side->log, "odeg");
	assert_int_equal(side->len, 100000);
	assert_true(pattern_is(side->got, side->len, 0));
}

static void a_regular_file_is_written(void **state)
{
	struct net *net = *state;
	char path[128], text[16] = "";
	(void)snprintf(path, sizeof(path), "%s/written", test_dir());
	const int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	assert_true(fd >= 0);

	struct side *side = net_adopt(net, fd, NULL);
	assert_true(side_write(side, "hello ") >= 0);
	net_turns(net, 10);
	assert_true(side_write(side, "world") >= 0);
	weir_finish(side->stream);
	while (!side->gones)
		net_turn(net);
	assert_int_equal(side->why, 0);
	const int back = open(path, O_RDONLY);
	assert_int_equal(read(back, text, sizeof(text)), 11);
	assert_string_equal(text, "hello world");
	assert_int_equal(close(back), 0);
}

static void a_held_file_does_not_keep_the_loop_busy(void **state)
{
	struct net *net = *state;
	const int fd = open("/dev/zero", O_RDONLY);
	assert_true(fd >= 0);

	struct side *side = net_adopt(net, fd, NULL);
	net_turn(net);
	weir_hold(side->stream, true);
	net_turn(net);
	const int64_t begin = test_now_ms();
	assert_true(weir_loop_step(net->loop, 100) >= 0);
	assert_true(test_now_ms() - begin >= 90);
}

static int open_terminal(int *master)
{
	struct termios raw;
	*master = posix_openpt(O_RDWR | O_NOCTTY);
	if (*master < 0) {
		print_message("no pseudo-terminal here\n");
		skip();
	}
	assert_int_equal(grantpt(*master), 0);
	assert_int_equal(unlockpt(*master), 0);
	const int slave = open(ptsname(*master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	assert_int_equal(tcgetattr(slave, &raw), 0);
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_oflag &= ~(tcflag_t)OPOST;
	assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
	return slave;
}

static void a_terminal_is_read_and_written(void **state)
{
	struct net *net = *state;
	char text[16] = "";
	int master;
	struct side *side = net_adopt(net, open_terminal(&master), NULL);
	side->echoes = true;

	assert_int_equal(write(master, "key", 3), 3);
	while (side->len < 3)
		net_turn(net);
	assert_true(side_has(side, "key"));
	assert_int_equal(read(master, text, sizeof(text)), 3);
	assert_string_equal(text, "key");
	assert_int_equal(close(master), 0);
	while (!side->gones)
		net_turn(net);
	assert_int_equal(side->gones, 1);
}

static void what_is_no_open_descriptor_is_refused(void **state)
{
	struct net *net = *state;
	weir_stream *stream = (weir_stream *)state;

	assert_int_equal(weir_adopt(net->loop, &stream, -1, NULL, &side_ops, NULL), -EBADF);
	assert_null(stream);
	assert_int_equal(weir_adopt(net->loop, &stream, 3000, NULL, &side_ops, NULL), -EBADF);
	assert_null(stream);
}

/* Before anything is wanted of it, when the poller has not been asked. */
static void what_select_cannot_hold_is_refused_and_stays_yours(void **state)
{
	struct net *net = *state;
	weir_stream *stream;

	if (strcmp(weir_backend(), "select") != 0 || HAVE_BIG_SELECT)
		skip();
	const int null = open("/dev/null", O_RDONLY), high = fcntl(null, F_DUPFD, FD_SETSIZE + 300);
	assert_in_range(high, FD_SETSIZE + 300, INT_MAX);
	assert_int_equal(weir_adopt(net->loop, &stream, high, NULL, NULL, NULL), -EMFILE);
	assert_null(stream);
	assert_int_equal(close(high), 0);
	assert_int_equal(close(null), 0);
}

static void what_is_watched_already_is_refused_and_stays_yours(void **state)
{
	struct net *net = *state;
	struct side *client, *server;
	weir_stream *stream;
	net_pair(net, NULL, &client, &server);

	assert_int_equal(weir_adopt(net->loop, &stream, weir_stream_fd(client->stream), NULL,
	                            &side_ops, NULL),
	                 -EBUSY);
	assert_null(stream);
	(void)side_write(client, "still there");
	while (server->len < 11)
		net_turn(net);
	assert_int_equal(server->gones, 0);
}

/* A copy that lives on elsewhere must not make the loop report the closed one. */
static void a_copy_elsewhere_does_not_disturb_after_the_close(void **state)
{
	struct net *net = *state;
	int fd[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	struct side *side = net_adopt(net, fd[0], NULL);
	const int copy = dup(fd[0]);
	net_turn(net);

	side_close(side);
	assert_int_equal(write(fd[1], "x", 1), 1);
	weir_loop_hold(net->loop);
	const int64_t begin = test_now_ms();
	assert_true(weir_loop_step(net->loop, 0) >= 0);
	assert_true(weir_loop_step(net->loop, 100) >= 0);
	assert_true(test_now_ms() - begin >= 90);
	weir_loop_release(net->loop);
	assert_string_equal(side->log, "o");
	(void)close(copy);
	(void)close(fd[1]);
}

/* The same with copies that weir could not know of, of any number of connections. */
static void many_copies_elsewhere_do_not_keep_the_loop_busy(void **state)
{
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	int clients[5], copies[5], waits = 0;
	for (int i = 0; i < 5; i++) {
		clients[i] = raw_connect(host->address);
		copies[i] = dup(weir_stream_fd(host_wait(host, i + 1)->stream));
	}
	for (int i = 0; i < 5; i++) {
		side_close(host->accepted[i]);
		raw_write(clients[i], "x", 1);
	}

	for (const int64_t end = test_now_ms() + 200; test_now_ms() < end; waits++)
		assert_true(weir_loop_step(net->loop, end - test_now_ms()) >= 0);
	assert_in_range(waits, 1, 20);
	for (int i = 0; i < 5; i++) {
		(void)close(copies[i]);
		(void)close(clients[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(a_socketpair_is_a_connection),
		NET_TEST(the_read_end_of_a_pipe_ends_when_the_writer_closes),
		NET_TEST(the_write_end_of_a_pipe_ends_when_it_is_finished),
		NET_TEST(a_pipe_that_nobody_reads_any_more_is_told_by_gone),
		NET_TEST(a_full_pipe_is_written_as_it_is_read),
		NET_TEST(a_regular_file_is_read_to_its_end),
		NET_TEST(a_regular_file_is_written),
		NET_TEST(a_held_file_does_not_keep_the_loop_busy),
		NET_TEST(a_terminal_is_read_and_written),
		NET_TEST(what_is_no_open_descriptor_is_refused),
		NET_TEST(what_select_cannot_hold_is_refused_and_stays_yours),
		NET_TEST(what_is_watched_already_is_refused_and_stays_yours),
		NET_TEST(a_copy_elsewhere_does_not_disturb_after_the_close),
		NET_TEST(many_copies_elsewhere_do_not_keep_the_loop_busy),
	};
	return cmocka_run_group_tests_name("adopt", tests, NULL, NULL);
}
