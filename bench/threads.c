/*
 * What does it cost to give each connection a thread? The twin of tests/examples/hello: the same
 * parser, limits and replies (blocking.h), so that only the concurrency differs.
 *
 *     bench/threads [ADDRESS] [--stack=OCTETS|min] [--reuse]
 *
 *   --stack   for each thread; 2 MiB when not said; min: the least that works (16 KiB, or
 *             more where the system says so). Below 128 KiB the buffer on it is smaller.
 *   --reuse   a thread whose connection has ended takes the next one; there is always one more than
 *             there are connections.
 *
 * When there are no more threads it says so once. Then connections are closed until there are
 * some again or, with --reuse, wait in the backlog.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/blocking.h"
#include "bench/listen.h"
#include "bench/meter.h"
#include "bench/option.h"

enum {
	STACK = 2 * 1024 * 1024,
	STACK_LEAST = 16 * 1024, /* a small buffer, the parser, and what the C library needs */
	STACK_LARGE = 128 * 1024 /* enough for a buffer of BLOCKING_ROOM */
};

static struct {
	int listener;
	pthread_attr_t attr;
	void *(*thread)(void *arg); /* gets a connection, or nobody with --reuse */
	pthread_mutex_t lock;       /* --reuse: of what follows */
	pthread_cond_t wanted;      /* nobody waits */
	int waiting;                /* threads that wait for a connection */
	atomic_flag said;
} self = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .wanted = PTHREAD_COND_INITIALIZER,
          .said = ATOMIC_FLAG_INIT};

/* Says once that something has run out. */
static void complain(const char *of, int error)
{
	if (!atomic_flag_test_and_set(&self.said))
		fprintf(stderr, "threads: %s: %s\n", of, strerror(error));
}

static void nap(void)
{
	const struct timespec ten_ms = {.tv_nsec = 10000000};

	nanosleep(&ten_ms, NULL);
}

/* A descriptor of a connection; waits for one, and, if there are none, for descriptors. */
static int next_connection(void)
{
	for (;;) {
		const int fd = accept(self.listener, NULL, NULL);

		if (fd >= 0)
			return fd;
		/* The time limit of the connections is the listener's, too. */
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
			meter_die("accept");
		complain("accept", errno);
		nap();
	}
}

/* False: there are no more. */
static bool start_thread(int fd)
{
	pthread_t thread;
	const int error = pthread_create(&thread, &self.attr, self.thread, (void *)(intptr_t)fd);

	if (error)
		complain("pthread_create", error);
	return error == 0;
}

/* ---- a thread per connection ---- */

static void *accept_all(void *arg)
{
	(void)arg;
	for (;;) {
		const int fd = next_connection();

		if (!start_thread(fd))
			close(fd);
	}
	return NULL;
}

/* ---- a thread for one connection after the other ---- */

static void change_waiting(int by)
{
	pthread_mutex_lock(&self.lock);
	self.waiting += by;
	if (self.waiting == 0)
		pthread_cond_signal(&self.wanted);
	pthread_mutex_unlock(&self.lock);
}

/* Sees to it that somebody waits for the next connection. */
static void *start_all(void *arg)
{
	(void)arg;
	for (;;) {
		pthread_mutex_lock(&self.lock);
		while (self.waiting > 0)
			pthread_cond_wait(&self.wanted, &self.lock);
		pthread_mutex_unlock(&self.lock);
		if (start_thread(-1))
			change_waiting(1);
		else
			nap();
	}
	return NULL;
}

static void serve_all(struct blocking *server)
{
	for (;;) {
		const int fd = next_connection();

		change_waiting(-1);
		blocking_serve(server, fd);
		change_waiting(1);
	}
}

/* ---- threads ---- */

static void serve(int fd, char *room, size_t size)
{
	struct blocking server;

	blocking_init(&server, room, size);
	if (fd < 0)
		serve_all(&server);
	else
		blocking_serve(&server, fd);
}

static void *thread_of_large_stack(void *arg)
{
	char room[BLOCKING_ROOM];

	serve((int)(intptr_t)arg, room, sizeof room);
	return NULL;
}

static void *thread_of_small_stack(void *arg)
{
	char room[BLOCKING_LEAST];

	serve((int)(intptr_t)arg, room, sizeof room);
	return NULL;
}

static void set_stack(size_t size)
{
	self.thread = size < STACK_LARGE ? thread_of_small_stack : thread_of_large_stack;
	errno = pthread_attr_init(&self.attr);
	if (!errno)
		errno = pthread_attr_setstacksize(&self.attr, size);
	if (!errno)
		errno = pthread_attr_setdetachstate(&self.attr, PTHREAD_CREATE_DETACHED);
	if (errno)
		meter_die("--stack");
}

int main(int argc, char **argv)
{
	const char *address = LISTEN_DEFAULT;
	const int32_t least =
		(int32_t)PTHREAD_STACK_MIN > STACK_LEAST ? (int32_t)PTHREAD_STACK_MIN : STACK_LEAST;
	int64_t stack = STACK;
	bool reuse = false;
	pthread_t first;

	for (int i = 1; i < argc; i++)
		if (*argv[i] != '-')
			address = argv[i];
		else if (!strcmp(argv[i], "--reuse"))
			reuse = true;
		else if (!strcmp(argv[i], "--stack=min"))
			stack = least;
		else if (!option_number(argv[i], "--stack", least, INT32_MAX, &stack)) {
			fprintf(stderr,
			        "usage: threads [ADDRESS] [--stack=OCTETS|min] [--reuse]\n");
			return 2;
		}
	meter_raise_limit();
	set_stack((size_t)stack);
	listen_hold_signals();
	self.listener = listen_on(address, 0);
	blocking_prepare(self.listener);
	listen_say("threads", self.listener);
	errno = pthread_create(&first, NULL, reuse ? start_all : accept_all, NULL);
	if (errno)
		meter_die("pthread_create");
	listen_await_signal();
	_exit(0);
}
