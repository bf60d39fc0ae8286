/*
 * sys_bed.h: what do the tests of backend/sys.h share? Connections of the real kernel,
 * made through the functions under test, a folder for their paths, and few descriptors.
 */
#ifndef WEIR_TESTS_BACKEND_SYS_BED_H
#define WEIR_TESTS_BACKEND_SYS_BED_H

#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/sys.h"

enum { WATCHDOG_S = 120, PATIENCE_MS = 10000, MOMENT_MS = 20 };

static char scratch[] = "/tmp/weir-sys.XXXXXX";
static const struct weir__listen_how plain;
static const struct weir__addr any4 = {.kind = WEIR__ADDR_IP4, .u.ip = {127, 0, 0, 1}};
static const struct weir__addr any6 = {.kind = WEIR__ADDR_IP6, .u.ip = {[15] = 1}};

static inline bool await(int fd, short events, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n;

	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

static inline int64_t read_some(int fd, void *data, size_t len)
{
	const struct weir__vec vec = {data, len};

	return weir__sys_readv(fd, &vec, 1);
}

static inline int64_t write_some(int fd, const char *text)
{
	const struct weir__vec vec = {(void *)(uintptr_t)text, strlen(text)};

	return weir__sys_writev(fd, &vec, 1);
}

static inline int64_t write_two(int fd)
{
	char a[] = "ab", b[] = "cd";
	const struct weir__vec vec[2] = {{a, 2}, {b, 2}};

	return weir__sys_writev(fd, vec, 2);
}

static inline void assert_fit_for_the_loop(int fd)
{
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static inline struct weir__addr unix_addr(const char *name)
{
	struct weir__addr a = {.kind = WEIR__ADDR_UNIX};
	int n = snprintf(a.u.path, sizeof(a.u.path), "%s/%s", scratch, name);

	a.path_len = (uint8_t)n;
	return a;
}

static inline void assert_same_path(const struct weir__addr *a, const struct weir__addr *b)
{
	assert_int_equal(a->kind, WEIR__ADDR_UNIX);
	assert_int_equal(a->abstract, b->abstract);
	assert_int_equal(a->path_len, b->path_len);
	assert_memory_equal(a->u.path, b->u.path, b->path_len);
}

/* Listens at *at, whose port becomes the one that was chosen. */
static inline int listen_at(struct weir__addr *at)
{
	int fd = weir__sys_listen(at, &plain);

	assert_fit_for_the_loop(fd);
	assert_int_equal(weir__sys_local(fd, at), 0);
	return fd;
}

static inline int connect_to(const struct weir__addr *to)
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

static inline int accept_from(int listener, struct weir__addr *peer)
{
	assert_true(await(listener, POLLIN, PATIENCE_MS));

	int fd = weir__sys_accept(listener, peer);

	assert_fit_for_the_loop(fd);
	return fd;
}

/* A connection over loopback: pair[0] made it, pair[1] took it. */
static inline void connection(int pair[2])
{
	struct weir__addr at = any4;
	int listener = listen_at(&at);

	pair[0] = connect_to(&at);
	pair[1] = accept_from(listener, NULL);
	weir__sys_close(listener);
}

static inline void close_both(int pair[2])
{
	weir__sys_close(pair[0]);
	weir__sys_close(pair[1]);
}

static inline int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static inline bool have_ip6(void)
{
	int fd = weir__sys_listen(&any6, &plain);

	if (fd >= 0)
		weir__sys_close(fd);
	else
		print_message("::1 is not there: %s\n", weir__sys_error(-fd));
	return fd >= 0;
}

/* Only so many more descriptors; returns the limits that were. */
static inline struct rlimit leave_descriptors(int n)
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

static inline void restore_descriptors(const struct rlimit *before)
{
	assert_int_equal(setrlimit(RLIMIT_NOFILE, before), 0);
}

/* ---- the program ---- */

static inline int make_scratch(void **state)
{
	(void)state;
	return mkdtemp(scratch) == NULL;
}

/* Fails if a test left something lying about. */
static inline int remove_scratch(void **state)
{
	(void)state;
	return rmdir(scratch);
}

/* With SIGPIPE as it is when a program starts: raised even once, it ends the tests. */
static inline void sys_begin(void)
{
	test_watchdog(WATCHDOG_S);
	(void)signal(SIGPIPE, SIG_DFL);
}

#endif
