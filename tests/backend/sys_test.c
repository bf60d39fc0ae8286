/*
 * Does backend/sys.h keep its word on this system? Against the real kernel, with
 * SIGPIPE as it is when a program starts: raised even once, it ends the tests.
 */
#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#endif

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/sys.h"

enum { WATCHDOG_S = 120, PATIENCE_MS = 10000, MOMENT_MS = 20 };

static char scratch[] = "/tmp/weir-sys.XXXXXX";
static const struct weir__listen_how plain;
static const struct weir__addr any4 = {.kind = WEIR__ADDR_IP4, .u.ip = {127, 0, 0, 1}};
static const struct weir__addr any6 = {.kind = WEIR__ADDR_IP6, .u.ip = {[15] = 1}};

/* ---- helpers ---- */

static bool await(int fd, short events, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n;

	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	return n == 1;
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

static int64_t write_two(int fd)
{
	char a[] = "ab", b[] = "cd";
	const struct weir__vec vec[2] = {{a, 2}, {b, 2}};

	return weir__sys_writev(fd, vec, 2);
}

static void assert_fit_for_the_loop(int fd)
{
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static struct weir__addr unix_addr(const char *name)
{
	struct weir__addr a = {.kind = WEIR__ADDR_UNIX};
	int n = snprintf(a.u.path, sizeof(a.u.path), "%s/%s", scratch, name);

	a.path_len = (uint8_t)n;
	return a;
}

static void assert_same_path(const struct weir__addr *a, const struct weir__addr *b)
{
	assert_int_equal(a->kind, WEIR__ADDR_UNIX);
	assert_int_equal(a->abstract, b->abstract);
	assert_int_equal(a->path_len, b->path_len);
	assert_memory_equal(a->u.path, b->u.path, b->path_len);
}

/* Listens at *at, whose port becomes the one that was chosen. */
static int listen_at(struct weir__addr *at)
{
	int fd = weir__sys_listen(at, &plain);

	assert_fit_for_the_loop(fd);
	assert_int_equal(weir__sys_local(fd, at), 0);
	return fd;
}

static int connect_to(const struct weir__addr *to)
{
	bool pending;
	int result;
	int fd = weir__sys_connect(to, &pending, &result);

	assert_fit_for_the_loop(fd);
	assert_int_equal(result, 0);
	if (pending)
		assert_true(await(fd, POLLOUT, PATIENCE_MS));
	assert_int_equal(weir__sys_connect_result(fd), 0);
	return fd;
}

static int accept_from(int listener, struct weir__addr *peer)
{
	assert_true(await(listener, POLLIN, PATIENCE_MS));

	int fd = weir__sys_accept(listener, peer);

	assert_fit_for_the_loop(fd);
	return fd;
}

/* A connection over loopback: pair[0] made it, pair[1] took it. */
static void connection(int pair[2])
{
	struct weir__addr at = any4;
	int listener = listen_at(&at);

	pair[0] = connect_to(&at);
	pair[1] = accept_from(listener, NULL);
	weir__sys_close(listener);
}

static void close_both(int pair[2])
{
	weir__sys_close(pair[0]);
	weir__sys_close(pair[1]);
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static bool have_ip6(void)
{
	int fd = weir__sys_listen(&any6, &plain);

	if (fd >= 0)
		weir__sys_close(fd);
	else
		print_message("::1 is not there: %s\n", weir__sys_error(-fd));
	return fd >= 0;
}

/* Runs fn in a forked child: its result, 0 to 255. */
static int in_child(int (*fn)(void *arg), void *arg)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		(void)alarm(WATCHDOG_S);
		_exit(fn(arg));
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Only so many more descriptors; returns the limits that were. */
static struct rlimit leave_descriptors(int n)
{
	struct rlimit before, now;
	int lowest = dup(STDIN_FILENO);

	assert_true(lowest >= 0);
	(void)close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	now = before;
	now.rlim_cur = (rlim_t)(lowest + n);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	return before;
}

static void restore_descriptors(const struct rlimit *before)
{
	assert_int_equal(setrlimit(RLIMIT_NOFILE, before), 0);
}

/* ---- clocks, threads, processes, errors ---- */

static void the_clock_advances_and_never_goes_back(void **state)
{
	int64_t begin = weir__sys_now_us(), last = begin;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t now = weir__sys_now_us();

		assert_true(now >= last);
		last = now;
	}
	(void)poll(NULL, 0, MOMENT_MS);
	last = weir__sys_now_us();
	assert_true(last - begin >= (MOMENT_MS - 1) * 1000);
	assert_true(last - begin < INT64_C(60) * 1000000);
}

static void the_date_is_that_of_the_system(void **state)
{
	int64_t before = (int64_t)time(NULL), now = weir__sys_wall_s();

	(void)state;
	assert_true(now >= before - 1 && now <= (int64_t)time(NULL) + 1);
}

static void *own_number(void *arg)
{
	*(uintptr_t *)arg = weir__sys_thread();
	return NULL;
}

static void living_threads_have_different_numbers(void **state)
{
	uintptr_t other = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, own_number, &other), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(weir__sys_thread(), weir__sys_thread());
	assert_true(other != weir__sys_thread());
}

static int number_is_another(void *arg)
{
	return weir__sys_pid() != *(int64_t *)arg;
}

static void a_child_has_a_number_of_its_own(void **state)
{
	int64_t own = weir__sys_pid();

	(void)state;
	assert_int_equal(own, getpid());
	assert_int_equal(in_child(number_is_another, &own), 1);
}

static void every_error_has_a_text(void **state)
{
	(void)state;
	errno = EXDEV;
	assert_string_equal(weir__sys_error(ECONNREFUSED), strerror(ECONNREFUSED));
	assert_non_null(weir__sys_error(987654));
	assert_true(strlen(weir__sys_error(0)) > 0);
	assert_int_equal(errno, EXDEV);
}

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

static void a_sigpipe_that_was_pending_stays_pending(void **state)
{
	sigset_t sigpipe, before;
	int fd[2], signo = 0;

	(void)state;
	(void)sigemptyset(&sigpipe);
	(void)sigaddset(&sigpipe, SIGPIPE);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &sigpipe, &before), 0);
	assert_int_equal(weir__sys_pipe(fd), 0);
	weir__sys_close(fd[0]);
	assert_int_equal(write_some(fd[1], "x"), -EPIPE);
	assert_false(sigpipe_is(sigpending));
	assert_int_equal(raise(SIGPIPE), 0);
	assert_int_equal(write_some(fd[1], "x"), -EPIPE);
	assert_true(sigpipe_is(sigpending));
	assert_true(sigpipe_is(blocked_signals));
	assert_int_equal(sigwait(&sigpipe, &signo), 0);
	weir__sys_close(fd[1]);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
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

/* ---- wake-ups ---- */

static void a_wake_up_is_readable_until_drained(void **state)
{
	int wake[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(wake), 0);
	assert_fit_for_the_loop(wake[0]);
	assert_fit_for_the_loop(wake[1]);
	assert_false(await(wake[0], POLLIN, 0));
	weir__sys_wake_send(wake[1]);
	weir__sys_wake_send(wake[1]);
	assert_true(await(wake[0], POLLIN, 0));
	weir__sys_wake_drain(wake[0]);
	assert_false(await(wake[0], POLLIN, 0));
	weir__sys_wake_drain(wake[0]);
	weir__sys_wake_close(wake);
	assert_int_equal(wake[0], -1);
}

static void wake_ups_never_block_nor_touch_errno(void **state)
{
	int wake[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(wake), 0);
	errno = EXDEV;
	for (int i = 0; i < 100000; i++)
		weir__sys_wake_send(wake[1]);
	assert_int_equal(errno, EXDEV);
	weir__sys_wake_drain(wake[0]);
	assert_false(await(wake[0], POLLIN, 0));
	weir__sys_wake_close(wake);
}

static void *send_wake(void *arg)
{
	weir__sys_wake_send(*(int *)arg);
	return NULL;
}

static void a_thread_wakes_a_sleeper(void **state)
{
	pthread_t thread;
	int wake[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(wake), 0);
	assert_int_equal(pthread_create(&thread, NULL, send_wake, &wake[1]), 0);
	assert_true(await(wake[0], POLLIN, PATIENCE_MS));
	assert_int_equal(pthread_join(thread, NULL), 0);
	weir__sys_wake_close(wake);
}

/* ---- signals ---- */

static void a_caught_signal_wakes_and_is_counted(void **state)
{
	int wake[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(wake), 0);
	assert_int_equal(weir__sys_signal_catch(SIGUSR1, wake[1]), 0);
	assert_int_equal(weir__sys_signal_take(SIGUSR1), 0);
	assert_false(await(wake[0], POLLIN, 0));
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_true(await(wake[0], POLLIN, 0));
	assert_int_equal(weir__sys_signal_take(SIGUSR1), 2);
	assert_int_equal(weir__sys_signal_take(SIGUSR1), 0);
	weir__sys_signal_release(SIGUSR1);
	weir__sys_wake_close(wake);
}

static void several_signals_are_counted_apart(void **state)
{
	static const int signos[] = {SIGHUP, SIGINT, SIGTERM, SIGUSR2};
	int wake[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(wake), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(weir__sys_signal_catch(signos[i], wake[1]), 0);
	for (int i = 0; i < 4; i++)
		for (int n = 0; n < i; n++)
			assert_int_equal(raise(signos[i]), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(weir__sys_signal_take(signos[i]), i);
		weir__sys_signal_release(signos[i]);
	}
	weir__sys_wake_close(wake);
}

static void other_handler(int signo)
{
	(void)signo;
}

static void release_puts_the_disposition_back(void **state)
{
	struct sigaction ours = {.sa_handler = other_handler, .sa_flags = SA_NODEFER}, now;
	int wake[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(wake), 0);
	assert_int_equal(sigaction(SIGUSR1, &ours, NULL), 0);
	assert_int_equal(weir__sys_signal_catch(SIGUSR1, wake[1]), 0);
	assert_int_equal(weir__sys_signal_catch(SIGUSR1, wake[1]), 0);
	assert_int_equal(weir__sys_signal_catch(SIGUSR2, wake[1]), 0);
	weir__sys_signal_release(SIGUSR1);
	weir__sys_signal_release(SIGUSR2);
	assert_int_equal(sigaction(SIGUSR1, NULL, &now), 0);
	assert_true(now.sa_handler == other_handler);
	assert_true(now.sa_flags & SA_NODEFER);
	assert_int_equal(sigaction(SIGUSR2, NULL, &now), 0);
	assert_true(now.sa_handler == SIG_DFL);
	ours.sa_handler = SIG_DFL;
	assert_int_equal(sigaction(SIGUSR1, &ours, NULL), 0);
	weir__sys_wake_close(wake);
}

static void an_ignored_signal_is_ignored_again(void **state)
{
	int wake[2];

	(void)state;
	assert_true(signal(SIGHUP, SIG_IGN) != SIG_ERR);
	assert_int_equal(weir__sys_wake_open(wake), 0);
	assert_int_equal(weir__sys_signal_catch(SIGHUP, wake[1]), 0);
	assert_int_equal(raise(SIGHUP), 0);
	weir__sys_signal_release(SIGHUP);
	weir__sys_wake_drain(wake[0]);
	assert_int_equal(raise(SIGHUP), 0);
	assert_false(await(wake[0], POLLIN, 0));
	assert_int_equal(weir__sys_signal_take(SIGHUP), 0);
	assert_true(signal(SIGHUP, SIG_DFL) == SIG_IGN);
	weir__sys_wake_close(wake);
}

static void a_signal_has_one_catcher_at_a_time(void **state)
{
	int first[2], second[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(first), 0);
	assert_int_equal(weir__sys_wake_open(second), 0);
	assert_int_equal(weir__sys_signal_catch(SIGUSR1, first[1]), 0);
	assert_int_equal(weir__sys_signal_catch(SIGUSR1, second[1]), -EBUSY);
	assert_int_equal(raise(SIGUSR1), 0);
	weir__sys_signal_release(SIGUSR1);
	assert_int_equal(weir__sys_signal_catch(SIGUSR1, second[1]), 0);
	assert_int_equal(weir__sys_signal_take(SIGUSR1), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_true(await(second[0], POLLIN, 0));
	weir__sys_signal_release(SIGUSR1);
	weir__sys_signal_release(SIGUSR1);
	weir__sys_wake_close(first);
	weir__sys_wake_close(second);
}

static void some_signals_cannot_be_caught(void **state)
{
	static const int signos[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGFPE, 0, -1, WEIR__SIGNAL_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(signos) / sizeof(*signos); i++) {
		assert_int_equal(weir__sys_signal_catch(signos[i], STDERR_FILENO), -EINVAL);
		weir__sys_signal_release(signos[i]);
		assert_int_equal(weir__sys_signal_take(signos[i]), 0);
	}
}

static void the_handler_leaves_errno_alone(void **state)
{
	int wake[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(wake), 0);
	assert_int_equal(weir__sys_signal_catch(SIGUSR1, wake[1]), 0);
	for (int i = 0; i < 20000; i++) {
		errno = EXDEV;
		assert_int_equal(raise(SIGUSR1), 0);
		assert_int_equal(errno, EXDEV);
	}
	assert_int_equal(weir__sys_signal_take(SIGUSR1), 20000);
	weir__sys_signal_release(SIGUSR1);
	weir__sys_wake_close(wake);
}

static void *raise_hundred(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++)
		(void)raise(SIGUSR2);
	return NULL;
}

static void signals_in_threads_are_not_lost(void **state)
{
	pthread_t threads[4];
	int wake[2];

	(void)state;
	assert_int_equal(weir__sys_wake_open(wake), 0);
	assert_int_equal(weir__sys_signal_catch(SIGUSR2, wake[1]), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, raise_hundred, NULL), 0);
	assert_true(await(wake[0], POLLIN, PATIENCE_MS));
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(weir__sys_signal_take(SIGUSR2), 400);
	weir__sys_signal_release(SIGUSR2);
	weir__sys_wake_close(wake);
}

static void the_numbers_of_the_signals_that_are_named(void **state)
{
	(void)state;
	assert_int_equal(weir__sys_signal_number(WEIR__SIGNAL_INTERRUPT), SIGINT);
	assert_int_equal(weir__sys_signal_number(WEIR__SIGNAL_TERMINATE), SIGTERM);
	assert_int_equal(weir__sys_signal_number(WEIR__SIGNAL_HANGUP), SIGHUP);
	assert_int_equal(weir__sys_signal_number(WEIR__SIGNAL_QUIT), SIGQUIT);
	assert_int_equal(weir__sys_signal_number(WEIR__SIGNAL_KILL), SIGKILL);
	assert_int_equal(weir__sys_signal_number(WEIR__SIGNAL_CHILD), SIGCHLD);
}

/* ---- listening and accepting ---- */

static void an_ip4_connection_has_addresses_and_no_delay(void **state)
{
	struct weir__addr at = any4, peer, a;
	int listener = listen_at(&at), client, fd;

	(void)state;
	assert_int_equal(at.kind, WEIR__ADDR_IP4);
	assert_int_not_equal(at.port, 0);
	assert_int_equal(weir__sys_accept(listener, &peer), -EAGAIN);
	client = connect_to(&at);
	fd = accept_from(listener, &peer);
	assert_int_not_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	assert_int_equal(peer.kind, WEIR__ADDR_IP4);
	assert_memory_equal(peer.u.ip, any4.u.ip, 4);
	assert_int_equal(weir__sys_local(client, &a), 0);
	assert_int_equal(a.port, peer.port);
	assert_int_equal(weir__sys_remote(client, &a), 0);
	assert_int_equal(a.port, at.port);
	assert_int_equal(weir__sys_remote(fd, &a), 0);
	assert_memory_equal(&a, &peer, sizeof(a));
	assert_int_equal(weir__sys_local(fd, &a), 0);
	assert_memory_equal(&a, &at, sizeof(a));
	weir__sys_close(fd);
	weir__sys_close(client);
	weir__sys_close(listener);
}

static void an_ip6_connection_has_addresses(void **state)
{
	struct weir__addr at = any6, peer, a;

	(void)state;
	if (!have_ip6())
		skip();

	int listener = listen_at(&at), client = connect_to(&at);
	int fd = accept_from(listener, &peer);

	assert_int_equal(peer.kind, WEIR__ADDR_IP6);
	assert_memory_equal(peer.u.ip, any6.u.ip, 16);
	assert_int_equal(weir__sys_local(client, &a), 0);
	assert_memory_equal(&a, &peer, sizeof(a));
	weir__sys_close(fd);
	weir__sys_close(client);
	weir__sys_close(listener);
}

static void an_ip4_peer_of_both_is_an_ip4_peer(void **state)
{
	struct weir__addr at = {.kind = WEIR__ADDR_IP6}, peer, to = any4;

	(void)state;
	if (!have_ip6())
		skip();

	int listener = listen_at(&at);

	if (option(listener, IPPROTO_IPV6, IPV6_V6ONLY) != 0) {
		weir__sys_close(listener);
		print_message("this system has no socket that takes both\n");
		skip();
	}
	to.port = at.port;

	int client = connect_to(&to), fd = accept_from(listener, &peer);

	assert_int_equal(peer.kind, WEIR__ADDR_IP4);
	assert_memory_equal(peer.u.ip, any4.u.ip, 4);
	weir__sys_close(fd);
	weir__sys_close(client);
	weir__sys_close(listener);
}

static void v6_only_leaves_ip4_to_others(void **state)
{
	const struct weir__listen_how only = {.v6_only = true};
	struct weir__addr at = {.kind = WEIR__ADDR_IP6}, at4 = {.kind = WEIR__ADDR_IP4};

	(void)state;
	if (!have_ip6())
		skip();

	int six = weir__sys_listen(&at, &only);

	assert_fit_for_the_loop(six);
	assert_int_not_equal(option(six, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	assert_int_equal(weir__sys_local(six, &at), 0);
	at4.port = at.port;
	weir__sys_close(listen_at(&at4));
	weir__sys_close(six);
}

static void a_taken_port_is_in_use_and_free_again_at_once(void **state)
{
	struct weir__addr at = any4;
	int listener = listen_at(&at), client = connect_to(&at);
	int fd = accept_from(listener, NULL);

	(void)state;
	assert_int_equal(weir__sys_listen(&at, &plain), -EADDRINUSE);
	weir__sys_close(fd); /* first, so that this side keeps the port for a while */
	weir__sys_close(client);
	weir__sys_close(listener);
	weir__sys_close(listen_at(&at));
}

static void a_port_can_be_shared(void **state)
{
	const struct weir__listen_how shared = {.reuse_port = true};
	struct weir__addr at = any4, path = unix_addr("shared");
	int first = weir__sys_listen(&at, &shared);

	(void)state;
	assert_int_equal(weir__sys_listen(&path, &shared), -ENOTSUP);
	if (first == -ENOTSUP) {
		print_message("no SO_REUSEPORT here\n");
		skip();
	}
	assert_fit_for_the_loop(first);
	assert_int_equal(weir__sys_local(first, &at), 0);

	int second = weir__sys_listen(&at, &shared);

	assert_fit_for_the_loop(second);
	assert_int_equal(weir__sys_listen(&at, &plain), -EADDRINUSE);
	weir__sys_close(first);
	weir__sys_close(second);
}

static void accept_wants_a_listener(void **state)
{
	int pair[2];

	(void)state;
	connection(pair);
	assert_int_equal(weir__sys_accept(pair[0], NULL), -EINVAL);
	close_both(pair);
}

static void without_descriptors_a_connection_waits(void **state)
{
	struct weir__addr at = any4;
	int listener = listen_at(&at), client = connect_to(&at);

	(void)state;
	assert_true(await(listener, POLLIN, PATIENCE_MS));

	struct rlimit before = leave_descriptors(0);

	assert_int_equal(weir__sys_accept(listener, NULL), -EMFILE);
	restore_descriptors(&before);
	if (!await(listener, POLLIN, MOMENT_MS)) {
		print_message("valgrind takes the connection before it says EMFILE\n");
		weir__sys_close(client);
		weir__sys_close(listener);
		skip();
	}
	weir__sys_close(accept_from(listener, NULL));
	weir__sys_close(client);
	weir__sys_close(listener);
}

static void a_connection_reset_in_the_queue_does_no_harm(void **state)
{
	struct weir__addr at = any4;
	int listener = listen_at(&at), client = connect_to(&at);
	char buf[1];

	(void)state;
	assert_true(await(listener, POLLIN, PATIENCE_MS));
	weir__sys_reset_on_close(client);
	weir__sys_close(client);

	int fd = weir__sys_accept(listener, NULL);

	if (fd >= 0) {
		assert_true(await(fd, POLLIN, PATIENCE_MS));
		assert_int_equal(read_some(fd, buf, 1), -ECONNRESET);
		weir__sys_close(fd);
	} else {
		assert_true(fd == -ECONNABORTED || fd == -EAGAIN);
	}
	assert_int_equal(weir__sys_accept(listener, NULL), -EAGAIN);
	weir__sys_close(listener);
}

/* ---- unix paths ---- */

static void a_unix_connection_has_the_path_as_its_address(void **state)
{
	struct weir__addr path = unix_addr("s"), at = path, peer, a;
	int listener = listen_at(&at), client, fd;

	(void)state;
	assert_same_path(&at, &path);
	client = connect_to(&path);
	fd = accept_from(listener, &peer);
	assert_int_equal(peer.kind, WEIR__ADDR_UNIX);
	assert_int_equal(peer.path_len, 0);
	assert_int_equal(weir__sys_remote(client, &a), 0);
	assert_same_path(&a, &path);
	assert_int_equal(write_some(client, "hi"), 2);
	assert_int_equal(weir__sys_readable(fd), 1);
	weir__sys_close(fd);
	weir__sys_close(client);
	weir__sys_close(listener);
	weir__sys_unlisten(&path);
	assert_int_equal(access(path.u.path, F_OK), -1);
}

static void a_stale_path_is_replaced(void **state)
{
	struct weir__addr path = unix_addr("stale");

	(void)state;
	weir__sys_close(listen_at(&path));
	assert_int_equal(access(path.u.path, F_OK), 0);

	int listener = listen_at(&path);

	weir__sys_close(connect_to(&path));
	weir__sys_close(listener);
	weir__sys_unlisten(&path);
}

static void a_path_with_a_listener_is_in_use(void **state)
{
	struct weir__addr path = unix_addr("live");
	int listener = listen_at(&path);

	(void)state;
	assert_int_equal(weir__sys_listen(&path, &plain), -EADDRINUSE);
	weir__sys_close(connect_to(&path));
	weir__sys_close(listener);
	weir__sys_unlisten(&path);
}

static void a_plain_file_is_not_replaced(void **state)
{
	struct weir__addr path = unix_addr("plain"), link = unix_addr("link");
	int fd = open(path.u.path, O_WRONLY | O_CREAT, 0600);
	struct stat st;

	(void)state;
	assert_true(fd >= 0);
	weir__sys_close(fd);
	assert_int_equal(symlink(path.u.path, link.u.path), 0);
	assert_int_equal(weir__sys_listen(&path, &plain), -EADDRINUSE);
	assert_int_equal(weir__sys_listen(&link, &plain), -EADDRINUSE);
	assert_int_equal(stat(path.u.path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(unlink(link.u.path), 0);
	assert_int_equal(unlink(path.u.path), 0);
}

static void a_datagram_socket_is_not_replaced(void **state)
{
	struct weir__addr path = unix_addr("dgram");
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	(void)state;
	memcpy(name.sun_path, path.u.path, path.path_len);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(weir__sys_listen(&path, &plain), -EADDRINUSE);
	assert_int_equal(access(path.u.path, F_OK), 0);
	weir__sys_close(fd);
	weir__sys_unlisten(&path);
}

static void unlisten_touches_only_paths(void **state)
{
	struct weir__addr none = unix_addr("none");

	(void)state;
	weir__sys_unlisten(&any4);
	weir__sys_unlisten(&none);
	none.kind = WEIR__ADDR_NONE;
	weir__sys_unlisten(&none);
}

static void an_abstract_name_lives_as_long_as_its_socket(void **state)
{
	struct weir__addr name = {.kind = WEIR__ADDR_UNIX, .abstract = true}, at, peer;

	(void)state;
	name.path_len =
		(uint8_t)snprintf(name.u.path, sizeof(name.u.path), "weir-sys-%ld", (long)getpid());
	at = name;

	int listener = weir__sys_listen(&at, &plain);

	if (listener == -EAFNOSUPPORT) {
		print_message("abstract names are Linux's\n");
		skip();
	}
	assert_fit_for_the_loop(listener);
	assert_int_equal(weir__sys_local(listener, &at), 0);
	assert_same_path(&at, &name);
	assert_int_equal(weir__sys_listen(&name, &plain), -EADDRINUSE);

	int client = connect_to(&name), fd = accept_from(listener, &peer);

	assert_int_equal(peer.kind, WEIR__ADDR_UNIX);
	weir__sys_close(fd);
	weir__sys_close(client);
	weir__sys_close(listener);
	weir__sys_close(listen_at(&name));
}

static void bad_addresses_are_refused(void **state)
{
	struct weir__addr path = unix_addr("a"), none = {.kind = WEIR__ADDR_NONE};
	bool pending;
	int result;

	(void)state;
	path.u.path[2] = '\0';
	assert_int_equal(weir__sys_listen(&path, &plain), -EINVAL);
	path = unix_addr("");
	path.path_len = 0;
	assert_int_equal(weir__sys_listen(&path, &plain), -EINVAL);
	memset(path.u.path, 'x', sizeof(path.u.path));
	path.path_len = WEIR__PATH_MAX;
	assert_int_equal(weir__sys_listen(&path, &plain), -ENAMETOOLONG);
	assert_int_equal(weir__sys_connect(&path, &pending, &result), -ENAMETOOLONG);
	path = unix_addr("no/such/folder");
	assert_int_equal(weir__sys_listen(&path, &plain), -ENOENT);
	assert_int_equal(weir__sys_listen(&none, &plain), -EAFNOSUPPORT);
	assert_int_equal(weir__sys_connect(&none, &pending, &result), -EAFNOSUPPORT);
}

static void the_longest_path_works(void **state)
{
	const size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	struct weir__addr path = unix_addr(""), at;

	(void)state;
	memset(path.u.path + path.path_len, 'x', most - path.path_len);
	path.path_len = (uint8_t)most;
	at = path;

	int listener = listen_at(&at);

	assert_same_path(&at, &path);
	weir__sys_close(connect_to(&path));
	weir__sys_close(listener);
	weir__sys_unlisten(&path);
}

/* ---- connecting ---- */

static void a_connect_to_nobody_is_refused(void **state)
{
	struct weir__addr at = any4;
	bool pending;
	int result;

	(void)state;
	weir__sys_close(listen_at(&at));

	int fd = weir__sys_connect(&at, &pending, &result);

	assert_fit_for_the_loop(fd);
	if (pending) {
		assert_int_equal(result, 0);
		assert_true(await(fd, POLLOUT, PATIENCE_MS));
		result = weir__sys_connect_result(fd);
		assert_int_equal(weir__sys_connect_result(fd), 0);
	}
	assert_int_equal(result, -ECONNREFUSED);
	weir__sys_close(fd);
}

static void a_unix_connect_fails_at_once(void **state)
{
	struct weir__addr path = unix_addr("gone");
	bool pending;
	int result;
	int fd = weir__sys_connect(&path, &pending, &result);

	(void)state;
	assert_true(fd >= 0);
	assert_false(pending);
	assert_int_equal(result, -ENOENT);
	weir__sys_close(fd);
	weir__sys_close(listen_at(&path));
	fd = weir__sys_connect(&path, &pending, &result);
	assert_false(pending);
	assert_int_equal(result, -ECONNREFUSED);
	weir__sys_close(fd);
	weir__sys_unlisten(&path);
}

static void a_full_unix_queue_is_a_refusal(void **state)
{
	const struct weir__listen_how small = {.backlog = 1};
	struct weir__addr path = unix_addr("full");
	int listener = weir__sys_listen(&path, &small), fds[64], n = 0, result = 0;
	bool pending = false;

	(void)state;
	assert_true(listener >= 0);
	while (n < 64 && result == 0) {
		fds[n] = weir__sys_connect(&path, &pending, &result);
		assert_true(fds[n++] >= 0);
		assert_false(pending);
	}
	assert_int_equal(result, -ECONNREFUSED);
	while (n > 0)
		weir__sys_close(fds[--n]);
	weir__sys_close(listener);
	weir__sys_unlisten(&path);
}

/* ---- living and ending ---- */

static void shutdown_ends_one_direction(void **state)
{
	int pair[2];
	char buf[8];

	(void)state;
	connection(pair);
	assert_int_equal(weir__sys_shutdown(pair[0]), 0);
	assert_true(await(pair[1], POLLIN, PATIENCE_MS));
	assert_int_equal(read_some(pair[1], buf, 8), 0);
	assert_int_equal(write_some(pair[0], "x"), -EPIPE);
	assert_int_equal(write_some(pair[1], "answer"), 6);
	assert_true(await(pair[0], POLLIN, PATIENCE_MS));
	assert_int_equal(read_some(pair[0], buf, 8), 6);
	close_both(pair);
}

static void a_close_is_an_end_and_a_reset_an_error(void **state)
{
	int pair[2];
	char buf[1];

	(void)state;
	connection(pair);
	weir__sys_close(pair[0]);
	assert_true(await(pair[1], POLLIN, PATIENCE_MS));
	assert_int_equal(read_some(pair[1], buf, 1), 0);
	weir__sys_close(pair[1]);
	connection(pair);
	weir__sys_reset_on_close(pair[0]);
	weir__sys_close(pair[0]);
	assert_true(await(pair[1], POLLIN, PATIENCE_MS));
	assert_int_equal(read_some(pair[1], buf, 1), -ECONNRESET);
	weir__sys_close(pair[1]);
}

static void readable_is_octets_or_the_end(void **state)
{
	int pair[2], fd[2];
	char buf[8];

	(void)state;
	connection(pair);
	assert_int_equal(weir__sys_readable(pair[1]), 0);
	assert_int_equal(write_some(pair[0], "abc"), 3);
	assert_true(await(pair[1], POLLIN, PATIENCE_MS));
	assert_int_equal(weir__sys_readable(pair[1]), 1);
	assert_int_equal(read_some(pair[1], buf, 8), 3);
	assert_int_equal(weir__sys_readable(pair[1]), 0);
	weir__sys_close(pair[0]);
	assert_true(await(pair[1], POLLIN, PATIENCE_MS));
	assert_int_equal(weir__sys_readable(pair[1]), 1);
	weir__sys_close(pair[1]);
	assert_int_equal(weir__sys_pipe(fd), 0);
	assert_int_equal(weir__sys_readable(fd[0]), 0);
	weir__sys_close(fd[1]);
	assert_int_equal(weir__sys_readable(fd[0]), 1);
	weir__sys_close(fd[0]);
}

static void delay_can_be_switched(void **state)
{
	int pair[2], fd[2];

	(void)state;
	connection(pair);
	assert_int_equal(weir__sys_nodelay(pair[1], false), 0);
	assert_int_equal(option(pair[1], IPPROTO_TCP, TCP_NODELAY), 0);
	assert_int_equal(weir__sys_nodelay(pair[1], true), 0);
	assert_int_not_equal(option(pair[1], IPPROTO_TCP, TCP_NODELAY), 0);
	close_both(pair);
	assert_int_equal(weir__sys_pipe(fd), 0);
	assert_int_equal(weir__sys_nodelay(fd[0], true), -ENOTSOCK);
	close_both(fd);
}

static void keepalive_can_be_switched(void **state)
{
	int pair[2];

	(void)state;
	connection(pair);
	assert_int_equal(option(pair[0], SOL_SOCKET, SO_KEEPALIVE), 0);
	assert_int_equal(weir__sys_keepalive(pair[0], 45), 0);
	assert_int_not_equal(option(pair[0], SOL_SOCKET, SO_KEEPALIVE), 0);
#if defined(TCP_KEEPIDLE)
	assert_int_equal(option(pair[0], IPPROTO_TCP, TCP_KEEPIDLE), 45);
#endif
	assert_int_equal(weir__sys_keepalive(pair[0], 0), 0);
	assert_int_equal(option(pair[0], SOL_SOCKET, SO_KEEPALIVE), 0);
	assert_int_equal(weir__sys_keepalive(pair[0], -1), -EINVAL);
	close_both(pair);
}

static void only_connections_have_a_remote_address(void **state)
{
	struct weir__addr at = any4, a;
	int listener = listen_at(&at), fd[2];

	(void)state;
	assert_int_equal(weir__sys_remote(listener, &a), -ENOTCONN);
	assert_int_equal(weir__sys_pipe(fd), 0);
	assert_int_equal(weir__sys_local(fd[0], &a), -ENOTSOCK);
	assert_int_equal(weir__sys_remote(fd[0], &a), -ENOTSOCK);
	close_both(fd);
	weir__sys_close(listener);
}

/* ---- what was inherited ---- */

/* As a parent would make it that knows nothing of the loop. */
static int foreign_listener(void)
{
	struct sockaddr_in name = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static void a_listener_is_inherited_by_number(void **state)
{
	struct weir__addr at;
	int listener = foreign_listener();

	(void)state;
	assert_int_equal(weir__sys_inherit(listener), 0);
	assert_fit_for_the_loop(listener);
	assert_int_equal(weir__sys_local(listener, &at), 0);

	int client = connect_to(&at), fd = accept_from(listener, NULL);

	assert_int_not_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	weir__sys_close(fd);
	weir__sys_close(client);
	weir__sys_close(listener);
}

static void only_a_listening_stream_is_inherited(void **state)
{
	int pair[2], fd[2], dgram = socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	connection(pair);
	assert_int_equal(weir__sys_pipe(fd), 0);
	assert_int_equal(weir__sys_inherit(pair[0]), -EINVAL);
	assert_int_equal(weir__sys_inherit(fd[0]), -ENOTSOCK);
	assert_int_equal(weir__sys_inherit(dgram), -EINVAL);
	assert_int_equal(weir__sys_inherit(-1), -EBADF);
	close_both(pair);
	close_both(fd);
	weir__sys_close(dgram);
}

/* What a child is started with, and what it should find. */
struct passing {
	const char *fds, *names, *pid; /* pid NULL: its own */
	const char *ask;
	int found;
};

/* Two sockets in a row from 3 on, as systemd passes them; 4 is none. */
static int ask_by_name(void *arg)
{
	const struct passing *p = arg;
	char own[32];
	int listener = foreign_listener(), null = open("/dev/null", O_RDONLY);
	int high = fcntl(listener, F_DUPFD, 20), high_null = fcntl(null, F_DUPFD, 20);

	(void)snprintf(own, sizeof(own), "%ld", (long)getpid());
	if (dup2(high, 3) != 3 || dup2(high_null, 4) != 4 || dup2(high, 5) != 5)
		return 2;
	(void)setenv("LISTEN_PID", p->pid != NULL ? p->pid : own, 1);
	(void)(p->fds != NULL ? setenv("LISTEN_FDS", p->fds, 1) : unsetenv("LISTEN_FDS"));
	(void)(p->names != NULL ? setenv("LISTEN_FDNAMES", p->names, 1)
	                        : unsetenv("LISTEN_FDNAMES"));

	int found = weir__sys_inherit_named(p->ask, strlen(p->ask));

	if (found >= 0 && !(fcntl(found, F_GETFD) & FD_CLOEXEC))
		return 3;
	if (found != p->found)
		(void)fprintf(stderr, "asked for \"%s\": %d, not %d\n", p->ask, found, p->found);
	return found != p->found;
}

static void a_listener_is_inherited_by_name(void **state)
{
	static struct passing cases[] = {
		{"3", "web:none:admin", NULL, "web", 3},
		{"3", "web:none:admin", NULL, "admin", 5},
		{"3", "web:none:admin", NULL, "", 3},
		{"3", "web:none:admin", NULL, "none", -ENOTSOCK},
		{"3", "web:none:admin", NULL, "we", -ENOENT},
		{"3", "web:none:admin", NULL, "web:none", -ENOENT},
		{"2", "web:none:admin", NULL, "admin", -ENOENT},
		{"1", NULL, NULL, "unknown", 3},
		{"1", NULL, NULL, "web", -ENOENT},
		{"1", NULL, NULL, "", 3},
		{"0", "web", NULL, "", -ENOENT},
		{NULL, "web", NULL, "web", -ENOENT},
		{"", "web", NULL, "web", -ENOENT},
		{"1x", "web", NULL, "web", -ENOENT},
		{"99999999999999999999", "web:none:x", NULL, "web", -ENOENT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(in_child(ask_by_name, &cases[i]), 0);
}

static void what_was_passed_to_another_process_is_ignored(void **state)
{
	char parent[32];
	struct passing p = {"1", "web", parent, "web", -ENOENT};

	(void)state;
	(void)snprintf(parent, sizeof(parent), "%ld", (long)getpid());
	assert_int_equal(in_child(ask_by_name, &p), 0);
	p.pid = "";
	assert_int_equal(in_child(ask_by_name, &p), 0);
}

/* ---- the program ---- */

static int make_scratch(void **state)
{
	(void)state;
	return mkdtemp(scratch) == NULL;
}

/* Fails if a test left something lying about. */
static int remove_scratch(void **state)
{
	(void)state;
	return rmdir(scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clock_advances_and_never_goes_back),
		cmocka_unit_test(the_date_is_that_of_the_system),
		cmocka_unit_test(living_threads_have_different_numbers),
		cmocka_unit_test(a_child_has_a_number_of_its_own),
		cmocka_unit_test(every_error_has_a_text),
		cmocka_unit_test(a_pipe_is_fit_for_the_loop),
		cmocka_unit_test(a_pipe_blocks_carries_and_ends),
		cmocka_unit_test(a_short_read_fills_the_first_pieces),
		cmocka_unit_test(sixteen_pieces_are_written_in_order),
		cmocka_unit_test(pieces_may_be_empty_but_not_too_many),
		cmocka_unit_test(a_pipe_without_reader_is_epipe_and_no_signal),
		cmocka_unit_test(a_handler_for_sigpipe_is_not_called),
		cmocka_unit_test(a_sigpipe_that_was_pending_stays_pending),
		cmocka_unit_test(a_socket_without_peer_is_epipe_and_no_signal),
		cmocka_unit_test(a_tcp_peer_that_left_is_an_error_and_no_signal),
		cmocka_unit_test(a_full_socket_takes_a_part_and_then_would_block),
		cmocka_unit_test(a_piece_beyond_2_gib_is_moved_in_part),
		cmocka_unit_test(a_plain_file_is_written_and_read),
		cmocka_unit_test(a_foreign_descriptor_is_adopted),
		cmocka_unit_test(a_closed_descriptor_is_ebadf_everywhere),
		cmocka_unit_test(the_limit_of_descriptors_is_that_of_the_process),
		cmocka_unit_test(without_descriptors_nothing_is_made_and_nothing_leaks),
		cmocka_unit_test(a_wake_up_is_readable_until_drained),
		cmocka_unit_test(wake_ups_never_block_nor_touch_errno),
		cmocka_unit_test(a_thread_wakes_a_sleeper),
		cmocka_unit_test(a_caught_signal_wakes_and_is_counted),
		cmocka_unit_test(several_signals_are_counted_apart),
		cmocka_unit_test(release_puts_the_disposition_back),
		cmocka_unit_test(an_ignored_signal_is_ignored_again),
		cmocka_unit_test(a_signal_has_one_catcher_at_a_time),
		cmocka_unit_test(some_signals_cannot_be_caught),
		cmocka_unit_test(the_handler_leaves_errno_alone),
		cmocka_unit_test(signals_in_threads_are_not_lost),
		cmocka_unit_test(the_numbers_of_the_signals_that_are_named),
		cmocka_unit_test(an_ip4_connection_has_addresses_and_no_delay),
		cmocka_unit_test(an_ip6_connection_has_addresses),
		cmocka_unit_test(an_ip4_peer_of_both_is_an_ip4_peer),
		cmocka_unit_test(v6_only_leaves_ip4_to_others),
		cmocka_unit_test(a_taken_port_is_in_use_and_free_again_at_once),
		cmocka_unit_test(a_port_can_be_shared),
		cmocka_unit_test(accept_wants_a_listener),
		cmocka_unit_test(without_descriptors_a_connection_waits),
		cmocka_unit_test(a_connection_reset_in_the_queue_does_no_harm),
		cmocka_unit_test(a_unix_connection_has_the_path_as_its_address),
		cmocka_unit_test(a_stale_path_is_replaced),
		cmocka_unit_test(a_path_with_a_listener_is_in_use),
		cmocka_unit_test(a_plain_file_is_not_replaced),
		cmocka_unit_test(a_datagram_socket_is_not_replaced),
		cmocka_unit_test(unlisten_touches_only_paths),
		cmocka_unit_test(an_abstract_name_lives_as_long_as_its_socket),
		cmocka_unit_test(bad_addresses_are_refused),
		cmocka_unit_test(the_longest_path_works),
		cmocka_unit_test(a_connect_to_nobody_is_refused),
		cmocka_unit_test(a_unix_connect_fails_at_once),
		cmocka_unit_test(a_full_unix_queue_is_a_refusal),
		cmocka_unit_test(shutdown_ends_one_direction),
		cmocka_unit_test(a_close_is_an_end_and_a_reset_an_error),
		cmocka_unit_test(readable_is_octets_or_the_end),
		cmocka_unit_test(delay_can_be_switched),
		cmocka_unit_test(keepalive_can_be_switched),
		cmocka_unit_test(only_connections_have_a_remote_address),
		cmocka_unit_test(a_listener_is_inherited_by_number),
		cmocka_unit_test(only_a_listening_stream_is_inherited),
		cmocka_unit_test(a_listener_is_inherited_by_name),
		cmocka_unit_test(what_was_passed_to_another_process_is_ignored),
	};

	(void)alarm(WATCHDOG_S);
	(void)signal(SIGPIPE, SIG_DFL);
	return cmocka_run_group_tests_name("sys", tests, make_scratch, remove_scratch);
}
