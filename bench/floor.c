/*
 * What do system calls alone cost? The limit that no server on epoll passes: it counts blank lines
 * and replies, for each, what tests/examples/hello would reply to `GET /`, octet by octet. It does
 * not parse, limits nobody and waits for everybody; a request with a body or a fault is answered all
 * the same. Per batch of requests that came together there is one read and one write, and one
 * epoll_wait for all connections that are ready; no other call.
 *
 *     bench/floor [ADDRESS] [--backlog=N]        (Linux; ADDRESS is 127.0.0.1:1337)
 */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#if defined(__linux__) && HAVE_EPOLL_CREATE1

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/listen.h"
#include "bench/meter.h"
#include "bench/option.h"
#include "http/emit.h"

enum {
	READ = 16384,  /* octets of one read */
	REPLIES = 512, /* replies that one write can have */
	EVENTS = 256,  /* connections that are ready, of one wait */
	ACCEPTS = 64,  /* connections accepted in one go */
	FDS = 1 << 20, /* descriptors, at most */
	BLANK = 4      /* octets of CRLFCRLF */
};

static const char blank[BLANK] = {'\r', '\n', '\r', '\n'};

/* All that is known of a connection. */
struct conn {
	uint32_t owed;   /* octets of replies that the socket had no room for */
	uint8_t matched; /* octets of CRLFCRLF that have come at the end of what has come */
};

static struct {
	int epoll, listener;
	int64_t max_fds;
	struct conn *conns; /* by descriptor */
	struct weir__date date;
	size_t reply; /* octets of one reply */
	char replies[REPLIES * 256];
	char input[BLANK + READ];
} self;

/* ---- replies ---- */

/* Has the replies say this second. */
static void remake(int64_t second)
{
	static const char body[] = "Hello World\n";
	const struct weir__reply_head head = {
		.status = 200, .type = "text/plain", .type_len = 10, .length = sizeof body - 1};
	char *out = self.replies;

	if (self.date.second == second)
		return;
	weir__date_refresh(&self.date, second);
	out += weir__emit_head(out, &self.date, &head);
	out = (char *)memcpy(out, "\r\n", 2) + 2;
	out = (char *)memcpy(out, body, sizeof body - 1) + sizeof body - 1;
	self.reply = (size_t)(out - self.replies);
	for (int i = 1; i < REPLIES; i++)
		out = (char *)memcpy(out, self.replies, self.reply) + self.reply;
}

static void want(int fd, int change, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	if (epoll_ctl(self.epoll, change, fd, &event) < 0)
		meter_die("epoll_ctl");
}

/* Writes what is owed. False: nobody is there to take it. */
static bool pay(int fd, struct conn *conn)
{
	while (conn->owed) {
		const size_t begun = conn->owed % self.reply;
		const size_t from = begun ? self.reply - begun : 0;
		const size_t room = self.reply * REPLIES - from;
		const ssize_t n =
			write(fd, self.replies + from, conn->owed < room ? conn->owed : room);

		if (n < 0)
			return errno == EAGAIN;
		conn->owed -= (uint32_t)n;
	}
	return true;
}

/* ---- requests ---- */

/* How many blank lines end in these octets, of which the first `matched` came before. */
static uint32_t count(const char *from, const char *end, uint8_t *matched)
{
	const char *at = from;
	uint32_t n = 0;
	uint8_t begun = BLANK - 1;

	while ((at = memchr(at, '\n', (size_t)(end - at)))) {
		at++;
		if (at - from >= BLANK && !memcmp(at - BLANK, blank, BLANK)) {
			from = at;
			n++;
		}
	}
	while (begun && (end - from < begun || memcmp(end - begun, blank, begun)))
		begun--;
	*matched = begun;
	return n;
}

/* Reads once. False: the connection has ended. */
static bool take(int fd, struct conn *conn)
{
	char *from = self.input + BLANK - conn->matched;
	const ssize_t n = read(fd, self.input + BLANK, READ);

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	memcpy(from, blank, conn->matched);
	conn->owed = count(from, self.input + BLANK + n, &conn->matched) * (uint32_t)self.reply;
	return true;
}

/* While a peer does not take its replies nothing is read from it. */
static void serve(int fd)
{
	struct conn *conn = &self.conns[fd];
	const bool waited = conn->owed > 0;

	if ((!waited && !take(fd, conn)) || !pay(fd, conn))
		close(fd);
	else if (waited != (conn->owed > 0))
		want(fd, EPOLL_CTL_MOD, waited ? EPOLLIN : EPOLLOUT);
}

/* ---- connections ---- */

static bool passes(int error)
{
	return error == EAGAIN || error == ECONNABORTED || error == EINTR;
}

static void accept_some(void)
{
	for (int i = 0; i < ACCEPTS; i++) {
		const int fd = accept4(self.listener, NULL, NULL, SOCK_NONBLOCK);

		if (fd < 0 && passes(errno))
			return;
		if (fd < 0 || fd >= self.max_fds)
			meter_die("accept4");
		self.conns[fd] = (struct conn){.owed = 0};
		want(fd, EPOLL_CTL_ADD, EPOLLIN);
	}
}

static void turn(void)
{
	struct epoll_event events[EVENTS];
	const int n = epoll_wait(self.epoll, events, EVENTS, -1);

	if (n < 0 && errno != EINTR)
		meter_die("epoll_wait");
	remake(time(NULL));
	for (int i = 0; i < n; i++)
		if (events[i].data.fd == self.listener)
			accept_some();
		else
			serve(events[i].data.fd);
}

int main(int argc, char **argv)
{
	const char *address = LISTEN_DEFAULT;
	int64_t backlog = 0;

	for (int i = 1; i < argc; i++)
		if (*argv[i] != '-')
			address = argv[i];
		else if (!option_number(argv[i], "--backlog", 1, INT32_MAX, &backlog)) {
			fprintf(stderr, "usage: floor [ADDRESS] [--backlog=N]\n");
			return 2;
		}
	self.max_fds = meter_raise_limit();
	if (self.max_fds > FDS)
		self.max_fds = FDS;
	self.conns = calloc((size_t)self.max_fds, sizeof *self.conns);
	self.epoll = epoll_create1(EPOLL_CLOEXEC);
	self.date.second = -1;
	if (!self.conns || self.epoll < 0)
		meter_die("floor");
	listen_until_signal();
	self.listener = listen_on(address, (int)backlog);
	if (fcntl(self.listener, F_SETFL, O_NONBLOCK) < 0)
		meter_die("fcntl");
	want(self.listener, EPOLL_CTL_ADD, EPOLLIN);
	listen_say("floor", self.listener);
	for (;;)
		turn();
}

#else

int main(void)
{
	printf("floor: this system has no epoll\n");
	return 77;
}

#endif
