/*
 * Are octets moved through descriptors of any kind as backend/sys.h says: without
 * waiting, in part, and without SIGPIPE?
 */
#include "config.h"

#include "tests/backend/sys_bed.h"

#include <pthread.h>
#include <sys/mman.h>

/* ---- descriptors ---- */

static void a_pipe_is_fit_for_the_loop(void **state)
{
	int fd[2];

	(void)state;
	assert_int_equal(weir__sys_pipe(fd), 0);
	assert_fit_for_the_loop(fd[0]);
	assert_fit_for_the_loop(fd[1]);
	close_both(fd);
}

static void a_pipe_blocks_carries_and_ends(void **state)
{
	int fd[2];
	char buf[8];

	(void)state;
	assert_int_equal(weir__sys_pipe(fd), 0);
	assert_int_equal(read_some(fd[0], buf, sizeof(buf)), -EAGAIN);
	assert_int_equal(write_some(fd[1], "abc"), 3);
	assert_int_equal(read_some(fd[0], buf, sizeof(buf)), 3);
	assert_memory_equal(buf, "abc", 3);
	weir__sys_close(fd[1]);
	assert_int_equal(read_some(fd[0], buf, sizeof(buf)), 0);
	weir__sys_close(fd[0]);
}

static void a_short_read_fills_the_first_pieces(void **state)
{
	int pair[2];
	char a[3] = "", b[8] = "", c[4] = "...";
	const struct weir__vec vec[3] = {{a, 2}, {b, 7}, {c, 3}};

	(void)state;
	connection(pair);
	assert_int_equal(write_some(pair[0], "01234"), 5);
	assert_true(await(pair[1], POLLIN, PATIENCE_MS));
	assert_int_equal(weir__sys_readv(pair[1], vec, 3), 5);
	assert_string_equal(a, "01");
	assert_string_equal(b, "234");
	assert_string_equal(c, "...");
	close_both(pair);
}

static void sixteen_pieces_are_written_in_order(void **state)
{
	static char letters[] = "abcdefghijklmnop";
	struct weir__vec vec[WEIR__VEC_MAX];
	char buf[32] = "";
	int pair[2];

	(void)state;
	for (int i = 0; i < WEIR__VEC_MAX; i++)
		vec[i] = (struct weir__vec){letters + i, 1};
	connection(pair);
	assert_int_equal(weir__sys_writev(pair[0], vec, WEIR__VEC_MAX), 16);
	assert_true(await(pair[1], POLLIN, PATIENCE_MS));
	assert_int_equal(read_some(pair[1], buf, sizeof(buf)), 16);
	assert_string_equal(buf, letters);
	close_both(pair);
}

static void pieces_may_be_empty_but_not_too_many(void **state)
{
	struct weir__vec vec[WEIR__VEC_MAX + 1] = {{NULL, 0}};
	char text[] = "xy";
	int fd[2];

	(void)state;
	assert_int_equal(weir__sys_pipe(fd), 0);
	vec[1] = (struct weir__vec){text, 2};
	assert_int_equal(weir__sys_writev(fd[1], vec, 3), 2);
	assert_int_equal(weir__sys_writev(fd[1], vec, WEIR__VEC_MAX + 1), -EINVAL);
	assert_int_equal(weir__sys_readv(fd[0], vec, WEIR__VEC_MAX + 1), -EINVAL);
	assert_int_equal(weir__sys_readv(fd[0], vec, 0), -EINVAL);
	close_both(fd);
}

static bool sigpipe_is(int (*question)(sigset_t *set))
{
	sigset_t set;

	assert_int_equal(question(&set), 0);
	return sigismember(&set, SIGPIPE) == 1;
}

static int blocked_signals(sigset_t *set)
{
	return pthread_sigmask(SIG_BLOCK, NULL, set);
}

static void a_pipe_without_reader_is_epipe_and_no_signal(void **state)
{
	int fd[2];

	(void)state;
	assert_int_equal(weir__sys_pipe(fd), 0);
	weir__sys_close(fd[0]);
	assert_int_equal(write_some(fd[1], "x"), -EPIPE);
	assert_int_equal(write_two(fd[1]), -EPIPE);
	assert_false(sigpipe_is(sigpending));
	assert_false(sigpipe_is(blocked_signals));
	weir__sys_close(fd[1]);
}

static int caught_sigpipes;

static void count_sigpipe(int signo)
{
	(void)signo;
	caught_sigpipes++;
}

static void a_handler_for_sigpipe_is_not_called(void **state)
{
	struct sigaction ours = {.sa_handler = count_sigpipe}, before;
	int fd[2];

	(void)state;
	assert_int_equal(sigaction(SIGPIPE, &ours, &before), 0);
	assert_int_equal(weir__sys_pipe(fd), 0);
	weir__sys_close(fd[0]);
	assert_int_equal(write_some(fd[1], "x"), -EPIPE);
	assert_int_equal(caught_sigpipes, 0);
	assert_int_equal(raise(SIGPIPE), 0);
	assert_int_equal(caught_sigpipes, 1);
	weir__sys_close(fd[1]);
	assert_int_equal(sigaction(SIGPIPE, &before, NULL), 0);
}

/* fd is an end whose other end is closed. */
static void assert_pending_stays_pending(int fd)
{
	sigset_t sigpipe, before;
	int signo = 0;

	(void)sigemptyset(&sigpipe);
	(void)sigaddset(&sigpipe, SIGPIPE);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &sigpipe, &before), 0);
	assert_int_equal(write_some(fd, "x"), -EPIPE);
	assert_false(sigpipe_is(sigpending));
	assert_int_equal(raise(SIGPIPE), 0);
	assert_int_equal(write_some(fd, "x"), -EPIPE);
	assert_int_equal(write_two(fd), -EPIPE);
	assert_true(sigpipe_is(sigpending));
	assert_true(sigpipe_is(blocked_signals));
	assert_int_equal(sigwait(&sigpipe, &signo), 0);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

static void a_sigpipe_that_was_pending_stays_pending(void **state)
{
	int fd[2], pair[2];

	(void)state;
	assert_int_equal(weir__sys_pipe(fd), 0);
	weir__sys_close(fd[0]);
	assert_pending_stays_pending(fd[1]);
	weir__sys_close(fd[1]);
	assert_int_equal(weir__sys_pair(pair), 0);
	weir__sys_close(pair[0]);
	assert_pending_stays_pending(pair[1]);
	weir__sys_close(pair[1]);
}

static void a_descriptor_for_nobody_is_epipe_and_no_signal(void **state)
{
	char text[] = "x";
	const struct weir__vec vec = {text, 1};
	int pair[2];

	(void)state;
	assert_int_equal(weir__sys_pair(pair), 0);
	weir__sys_close(pair[1]);
	assert_int_equal(weir__sys_write_passing(pair[0], &vec, 1, STDIN_FILENO), -EPIPE);
	assert_false(sigpipe_is(sigpending));
	assert_false(sigpipe_is(blocked_signals));
	weir__sys_close(pair[0]);
}

static void a_socket_without_peer_is_epipe_and_no_signal(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(weir__sys_adopt(pair[0]), 0);
	weir__sys_close(pair[1]);
	assert_int_equal(write_some(pair[0], "x"), -EPIPE);
	assert_int_equal(write_two(pair[0]), -EPIPE);
	assert_false(sigpipe_is(sigpending));
	weir__sys_close(pair[0]);
}

static void a_tcp_peer_that_left_is_an_error_and_no_signal(void **state)
{
	int pair[2];
	int64_t put;

	(void)state;
	connection(pair);
	weir__sys_close(pair[1]);
	do {
		put = write_some(pair[0], "x");
		(void)await(pair[0], POLLOUT, PATIENCE_MS);
	} while (put > 0);
	assert_true(put == -EPIPE || put == -ECONNRESET);
	assert_int_equal(write_some(pair[0], "x"), -EPIPE);
	weir__sys_close(pair[0]);
}

static void a_full_socket_takes_a_part_and_then_would_block(void **state)
{
	enum { LEN = 1 << 20 };
	char *data = calloc(1, LEN);
	const struct weir__vec vec[2] = {{data, LEN / 2}, {data, LEN / 2}};
	int pair[2];
	int64_t put, sum = 0;

	(void)state;
	assert_non_null(data);
	connection(pair);
	while ((put = weir__sys_writev(pair[0], vec, 2)) > 0)
		sum += put;
	assert_int_equal(put, -EAGAIN);
	assert_true(sum > 0);
	do /* meanwhile the kernel may have made room */
		put = weir__sys_writev(pair[0], vec, 1);
	while (put > 0);
	assert_int_equal(put, -EAGAIN);
	free(data);
	close_both(pair);
}

/* As much as some kernels refuse to hear of in one call. */
static void a_piece_beyond_2_gib_is_moved_in_part(void **state)
{
	size_t len = (size_t)INT32_MAX + 4096;
	struct weir__addr hole = unix_addr("hole");
	int file = open(hole.u.path, O_RDWR | O_CREAT, 0600), pair[2];
	void *data = MAP_FAILED;
	int64_t put;

	(void)state;
	if (ftruncate(file, (off_t)len) == 0)
		data = mmap(NULL, len, PROT_READ, MAP_SHARED, file, 0);
	weir__sys_close(file);
	assert_int_equal(unlink(hole.u.path), 0);
	if (data == MAP_FAILED) {
		print_message("no address space or no such large files\n");
		skip();
	}

	struct weir__vec vec[2] = {{data, len}, {data, 1}};

	connection(pair);
	put = weir__sys_writev(pair[0], vec, 2);
	assert_true(put > 0 && put < (int64_t)len);
	vec[0].len = 1;
	vec[1].len = len;
	while (put > 0)
		put = weir__sys_writev(pair[0], vec, 2);
	assert_int_equal(put, -EAGAIN);
	assert_int_equal(munmap(data, len), 0);
	close_both(pair);
}

static void a_plain_file_is_written_and_read(void **state)
{
	struct weir__addr a = unix_addr("file");
	int fd = open(a.u.path, O_RDWR | O_CREAT, 0600);
	char buf[8];

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(weir__sys_adopt(fd), 0);
	assert_int_equal(write_some(fd, "ab"), 2);
	assert_int_equal(write_two(fd), 4);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(read_some(fd, buf, sizeof(buf)), 6);
	assert_memory_equal(buf, "ababcd", 6);
	assert_int_equal(read_some(fd, buf, sizeof(buf)), 0);
	weir__sys_close(fd);
	assert_int_equal(unlink(a.u.path), 0);
}

static void a_foreign_descriptor_is_adopted(void **state)
{
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(weir__sys_adopt(fd[0]), 0);
	assert_fit_for_the_loop(fd[0]);
	assert_int_equal(weir__sys_adopt(fd[0]), 0);
	close_both(fd);
	assert_int_equal(weir__sys_adopt(fd[0]), -EBADF);
}

static void a_closed_descriptor_is_ebadf_everywhere(void **state)
{
	struct weir__addr a;
	char buf[1];
	int fd[2];

	(void)state;
	assert_int_equal(weir__sys_pipe(fd), 0);
	close_both(fd);
	assert_int_equal(read_some(fd[0], buf, 1), -EBADF);
	assert_int_equal(write_some(fd[1], "x"), -EBADF);
	assert_int_equal(weir__sys_accept(fd[0], NULL), -EBADF);
	assert_int_equal(weir__sys_readable(fd[0]), -EBADF);
	assert_int_equal(weir__sys_shutdown(fd[0]), -EBADF);
	assert_int_equal(weir__sys_local(fd[0], &a), -EBADF);
	assert_int_equal(weir__sys_inherit(fd[0]), -EBADF);
	weir__sys_close(fd[0]);
}

static void the_limit_of_descriptors_is_that_of_the_process(void **state)
{
	struct rlimit before = leave_descriptors(10), now;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	assert_int_equal(weir__sys_fd_limit(), now.rlim_cur);
	restore_descriptors(&before);
	assert_true(weir__sys_fd_limit() > (int)now.rlim_cur);
}

static void without_descriptors_nothing_is_made_and_nothing_leaks(void **state)
{
	struct rlimit before = leave_descriptors(1);
	bool pending;
	int fd[2], wake[2], result;

	(void)state;
	assert_int_equal(weir__sys_pipe(fd), -EMFILE);
	assert_int_equal(fd[0], -1);

	int only = dup(STDIN_FILENO);

	assert_true(only >= 0);
	assert_int_equal(weir__sys_wake_open(wake), -EMFILE);
	assert_int_equal(weir__sys_listen(&any4, &plain), -EMFILE);
	assert_int_equal(weir__sys_connect(&any4, &pending, &result), -EMFILE);
	weir__sys_close(only);
	restore_descriptors(&before);
}

/* ---- the program ---- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_is_fit_for_the_loop),
		cmocka_unit_test(a_pipe_blocks_carries_and_ends),
		cmocka_unit_test(a_short_read_fills_the_first_pieces),
		cmocka_unit_test(sixteen_pieces_are_written_in_order),
		cmocka_unit_test(pieces_may_be_empty_but_not_too_many),
		cmocka_unit_test(a_pipe_without_reader_is_epipe_and_no_signal),
		cmocka_unit_test(a_handler_for_sigpipe_is_not_called),
		cmocka_unit_test(a_sigpipe_that_was_pending_stays_pending),
		cmocka_unit_test(a_descriptor_for_nobody_is_epipe_and_no_signal),
		cmocka_unit_test(a_socket_without_peer_is_epipe_and_no_signal),
		cmocka_unit_test(a_tcp_peer_that_left_is_an_error_and_no_signal),
		cmocka_unit_test(a_full_socket_takes_a_part_and_then_would_block),
		cmocka_unit_test(a_piece_beyond_2_gib_is_moved_in_part),
		cmocka_unit_test(a_plain_file_is_written_and_read),
		cmocka_unit_test(a_foreign_descriptor_is_adopted),
		cmocka_unit_test(a_closed_descriptor_is_ebadf_everywhere),
		cmocka_unit_test(the_limit_of_descriptors_is_that_of_the_process),
		cmocka_unit_test(without_descriptors_nothing_is_made_and_nothing_leaks),
	};

	sys_begin();
	return cmocka_run_group_tests_name("fd", tests, make_scratch, remove_scratch);
}
