/*
 * Do octets go from a file into a socket as weir__sys_sendfile says, in whichever form
 * the system has it, or in none?
 */
#include "config.h"

#include "tests/backend/sys_bed.h"

#include <pthread.h>
#include <sys/stat.h>

enum { MEGA = 1 << 20 };

/* ---- helpers ---- */

/* A file with this text, which has no name any more. */
static int file_of(const void *data, size_t len)
{
	struct weir__addr path = unix_addr("file");
	int fd = open(path.u.path, O_RDWR | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path.u.path), 0);
	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int file_of_text(const char *text)
{
	return file_of(text, strlen(text));
}

/* Octets that do not repeat soon. */
static char *mega(void)
{
	char *data = malloc(MEGA);

	assert_non_null(data);
	for (uint32_t i = 0; i < MEGA; i++)
		data[i] = (char)(i * UINT32_C(2654435761) >> 24);
	return data;
}

static void local_pair(int pair[2])
{
	assert_int_equal(weir__sys_pair(pair), 0);
}

/* Exactly these octets wait at fd. */
static void assert_came(int fd, const char *text)
{
	char buf[64];
	size_t len = strlen(text);

	assert_true(await(fd, POLLIN, PATIENCE_MS));
	assert_int_equal(read_some(fd, buf, sizeof(buf)), len);
	assert_memory_equal(buf, text, len);
}

static bool sigpipe_is_pending(void)
{
	sigset_t set;

	assert_int_equal(sigpending(&set), 0);
	return sigismember(&set, SIGPIPE) == 1;
}

static bool sigpipe_is_blocked(void)
{
	sigset_t set;

	assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
	return sigismember(&set, SIGPIPE) == 1;
}

/* ---- what goes ---- */

static void a_part_of_a_file_goes_into_a_socket(void **state)
{
	int file = file_of_text("0123456789"), pair[2];

	(void)state;
	connection(pair);
	assert_int_equal(weir__sys_sendfile(pair[0], file, 2, 5), 5);
	assert_came(pair[1], "23456");
	assert_int_equal(weir__sys_sendfile(pair[0], file, 0, 10), 10);
	assert_came(pair[1], "0123456789");
	/* Its own position is another matter. */
	assert_int_equal(lseek(file, 0, SEEK_CUR), 0);
	close_both(pair);
	weir__sys_close(file);
}

static void it_goes_into_a_unix_socket_and_a_pipe_as_well(void **state)
{
	int file = file_of_text("octets"), fd[2];

	(void)state;
	local_pair(fd);
	assert_int_equal(weir__sys_sendfile(fd[1], file, 0, 6), 6);
	assert_came(fd[0], "octets");
	close_both(fd);
	assert_int_equal(weir__sys_pipe(fd), 0);
	assert_int_equal(weir__sys_sendfile(fd[1], file, 3, 3), 3);
	assert_came(fd[0], "ets");
	close_both(fd);
	weir__sys_close(file);
}

static void the_end_of_the_file_is_the_end(void **state)
{
	int file = file_of_text("abc"), pair[2];

	(void)state;
	connection(pair);
	assert_int_equal(weir__sys_sendfile(pair[0], file, 1, 1000), 2);
	assert_came(pair[1], "bc");
	assert_int_equal(weir__sys_sendfile(pair[0], file, 3, 1000), 0);
	assert_int_equal(weir__sys_sendfile(pair[0], file, 1000, 1), 0);
	assert_int_equal(weir__sys_readable(pair[1]), 0);
	close_both(pair);
	weir__sys_close(file);
}

/* Who announced 10 octets learns that there are no more. */
static void a_file_that_shrinks_ends_earlier(void **state)
{
	int file = file_of_text("0123456789"), pair[2];

	(void)state;
	connection(pair);
	assert_int_equal(weir__sys_sendfile(pair[0], file, 0, 4), 4);
	assert_int_equal(ftruncate(file, 6), 0);
	assert_int_equal(weir__sys_sendfile(pair[0], file, 4, 6), 2);
	assert_int_equal(weir__sys_sendfile(pair[0], file, 6, 4), 0);
	assert_came(pair[1], "012345");
	assert_int_equal(ftruncate(file, 2), 0);
	assert_int_equal(weir__sys_sendfile(pair[0], file, 6, 4), 0);
	close_both(pair);
	weir__sys_close(file);
}

static void a_full_socket_takes_a_part_and_the_rest_later(void **state)
{
	char *data = mega(), *came = calloc(1, MEGA);
	int file = file_of(data, MEGA), pair[2], would_block = 0;
	int64_t sent = 0, got = 0;

	(void)state;
	assert_non_null(came);
	local_pair(pair);
	while (sent < MEGA) {
		int64_t result = weir__sys_sendfile(pair[0], file, sent, MEGA - sent);

		if (result != -EAGAIN) {
			assert_true(result > 0 && result <= MEGA - sent);
			sent += result;
			continue;
		}
		would_block++;
		assert_true(got < sent);
		while ((result = read_some(pair[1], came + got, (size_t)(MEGA - got))) > 0)
			got += result;
		assert_int_equal(got, sent);
	}
	while (got < MEGA)
		got += read_some(pair[1], came + got, (size_t)(MEGA - got));
	assert_true(would_block > 0);
	assert_memory_equal(came, data, MEGA);
	free(data);
	free(came);
	close_both(pair);
	weir__sys_close(file);
}

static void an_offset_has_64_bits(void **state)
{
	const int64_t far = INT64_C(5) << 30;
	int file = file_of_text(""), pair[2];

	(void)state;
	if (sizeof(off_t) < 8 || pwrite(file, "far", 3, (off_t)far) != 3) {
		print_message("no such large files\n");
		weir__sys_close(file);
		skip();
	}
	connection(pair);
	assert_int_equal(weir__sys_sendfile(pair[0], file, far, 3), 3);
	assert_came(pair[1], "far");
	assert_int_equal(weir__sys_sendfile(pair[0], file, far + 3, 1), 0);
	close_both(pair);
	weir__sys_close(file);
}

static void a_length_has_64_bits(void **state)
{
	int file = file_of_text("short"), pair[2];

	(void)state;
	connection(pair);
	assert_int_equal(weir__sys_sendfile(pair[0], file, 0, INT64_C(1) << 40), 5);
	assert_came(pair[1], "short");
	close_both(pair);
	weir__sys_close(file);
}

/* It has no pages that could be handed over. */
static void a_file_that_only_can_be_read_is_copied(void **state)
{
	int file = open("/proc/self/stat", O_RDONLY), pair[2];
	char text[1024], came[1024];

	(void)state;
	if (file < 0) {
		print_message("there is no /proc/self/stat\n");
		skip();
	}

	int64_t len = read_some(file, text, sizeof(text));

	connection(pair);
	assert_true(len > 0);
	assert_int_equal(weir__sys_sendfile(pair[0], file, 0, 10), 10);
	assert_true(await(pair[1], POLLIN, PATIENCE_MS));
	assert_int_equal(read_some(pair[1], came, sizeof(came)), 10);
	/* Behind the number and the name it differs with the time. */
	assert_memory_equal(came, text, 5);
	close_both(pair);
	weir__sys_close(file);
}

/* ---- what does not ---- */

static void arguments_that_make_no_sense_are_refused(void **state)
{
	int file = file_of_text("abc"), pair[2];

	(void)state;
	connection(pair);
	assert_int_equal(weir__sys_sendfile(pair[0], file, -1, 1), -EINVAL);
	assert_int_equal(weir__sys_sendfile(pair[0], file, 0, 0), -EINVAL);
	assert_int_equal(weir__sys_sendfile(pair[0], file, 0, -1), -EINVAL);
	assert_int_equal(weir__sys_sendfile(pair[0], file, INT64_MAX, 2), -EINVAL);
	assert_int_equal(weir__sys_readable(pair[1]), 0);
	close_both(pair);
	weir__sys_close(file);
}

static void what_is_no_file_is_refused(void **state)
{
	int folder = open(scratch, O_RDONLY), pair[2], fd[2];

	(void)state;
	connection(pair);
	assert_int_equal(weir__sys_pipe(fd), 0);
	assert_int_equal(write_some(fd[1], "piped"), 5);
	assert_int_equal(weir__sys_sendfile(pair[0], fd[0], 0, 5), -ESPIPE);
	assert_int_equal(weir__sys_sendfile(pair[0], folder, 0, 5), -EISDIR);
	close_both(fd);
	close_both(pair);
	weir__sys_close(folder);
}

static void closed_descriptors_are_refused(void **state)
{
	int file = file_of_text("abc"), pair[2];

	(void)state;
	connection(pair);
	weir__sys_close(file);
	assert_int_equal(weir__sys_sendfile(pair[0], file, 0, 3), -EBADF);
	close_both(pair);
	file = file_of_text("abc");
	assert_int_equal(weir__sys_sendfile(-1, file, 0, 3), -EBADF);
	weir__sys_close(file);
}

/* ---- who does not listen any more ---- */

static void a_socket_without_peer_is_epipe_and_no_signal(void **state)
{
	int file = file_of_text("abc"), pair[2];

	(void)state;
	local_pair(pair);
	weir__sys_close(pair[1]);
	assert_int_equal(weir__sys_sendfile(pair[0], file, 0, 3), -EPIPE);
	assert_int_equal(weir__sys_sendfile(pair[0], file, 0, 3), -EPIPE);
	assert_false(sigpipe_is_pending());
	assert_false(sigpipe_is_blocked());
	weir__sys_close(pair[0]);
	weir__sys_close(file);
}

static void a_tcp_peer_that_left_is_an_error_and_no_signal(void **state)
{
	int file = file_of_text("abc"), pair[2];
	int64_t sent;

	(void)state;
	connection(pair);
	weir__sys_close(pair[1]);
	do {
		sent = weir__sys_sendfile(pair[0], file, 0, 3);
		(void)await(pair[0], POLLOUT, PATIENCE_MS);
	} while (sent > 0);
	assert_true(sent == -EPIPE || sent == -ECONNRESET);
	assert_int_equal(weir__sys_sendfile(pair[0], file, 0, 3), -EPIPE);
	assert_false(sigpipe_is_pending());
	weir__sys_close(pair[0]);
	weir__sys_close(file);
}

static void a_pipe_without_reader_is_epipe_and_no_signal(void **state)
{
	int file = file_of_text("abc"), fd[2];

	(void)state;
	assert_int_equal(weir__sys_pipe(fd), 0);
	weir__sys_close(fd[0]);
	assert_int_equal(weir__sys_sendfile(fd[1], file, 0, 3), -EPIPE);
	assert_false(sigpipe_is_pending());
	weir__sys_close(fd[1]);
	weir__sys_close(file);
}

static void a_sigpipe_that_was_pending_stays_pending(void **state)
{
	int file = file_of_text("abc"), pair[2], signo = 0;
	sigset_t sigpipe, before;

	(void)state;
	(void)sigemptyset(&sigpipe);
	(void)sigaddset(&sigpipe, SIGPIPE);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &sigpipe, &before), 0);
	local_pair(pair);
	weir__sys_close(pair[1]);
	assert_int_equal(weir__sys_sendfile(pair[0], file, 0, 3), -EPIPE);
	assert_false(sigpipe_is_pending());
	assert_int_equal(raise(SIGPIPE), 0);
	assert_int_equal(weir__sys_sendfile(pair[0], file, 0, 3), -EPIPE);
	assert_true(sigpipe_is_pending());
	assert_true(sigpipe_is_blocked());
	assert_int_equal(sigwait(&sigpipe, &signo), 0);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
	weir__sys_close(pair[0]);
	weir__sys_close(file);
}

/* ---- the program ---- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_part_of_a_file_goes_into_a_socket),
		cmocka_unit_test(it_goes_into_a_unix_socket_and_a_pipe_as_well),
		cmocka_unit_test(the_end_of_the_file_is_the_end),
		cmocka_unit_test(a_file_that_shrinks_ends_earlier),
		cmocka_unit_test(a_full_socket_takes_a_part_and_the_rest_later),
		cmocka_unit_test(an_offset_has_64_bits),
		cmocka_unit_test(a_length_has_64_bits),
		cmocka_unit_test(a_file_that_only_can_be_read_is_copied),
		cmocka_unit_test(arguments_that_make_no_sense_are_refused),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(closed_descriptors_are_refused),
		cmocka_unit_test(a_socket_without_peer_is_epipe_and_no_signal),
		cmocka_unit_test(a_tcp_peer_that_left_is_an_error_and_no_signal),
		cmocka_unit_test(a_pipe_without_reader_is_epipe_and_no_signal),
		cmocka_unit_test(a_sigpipe_that_was_pending_stays_pending),
	};

	sys_begin();
	return cmocka_run_group_tests_name("file", tests, make_scratch, remove_scratch);
}
