/*
 * Does a server that is out of descriptors serve all, and sleep meanwhile? Many
 * more --clients than the server has descriptors for (start it below
 * `ulimit -n 64`).
 *
 *     starve ADDRESS [--clients=200] [--seconds=10] [--pid=N] [--cpu=5]
 *
 * 1. Rush: all connect at once, each sends a request and keeps its connection:
 *    idle connections must make room for those that wait.
 * 2. Quiet: nobody does anything.
 * 3. Full: as many as get in have sent half a request, which is no reason to
 *    close them, and the others wait in the backlog. Nobody does anything.
 * 4. Release: the halves are completed; all are served in the end.
 * 5. Return: for the rest of --seconds each asks again now and then, on its
 *    connection or, when the server has closed it meanwhile, on a new one.
 *
 * Right is: nobody is refused or reset, and each request is answered; a request
 * on a kept connection may meet the server's close on its way, since neither
 * can know of the other: it is sent again, and may be no more than one in
 * fifty. In 2 and 3 the process --pid uses less than --cpu hundredths of the
 * time.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/tools/client.h"

static struct option options[] = {
	{"clients", 200}, {"seconds", 10}, {"pid", 0}, {"cpu", 5}, {NULL, 0},
};

static const char request[] = "GET /starve HTTP/1.1\r\nHost: starve\r\n\r\n";
#define WHOLE (sizeof request - 1)
#define HALF (WHOLE / 2)
/* A close that was on its way when a request was sent is here after that time. */
#define CROSSING_US 250000

struct client {
	int fd;
	int kept;            /* has been answered on this connection before */
	size_t sent, wanted; /* octets of the request */
	size_t len;
	char reply[1024];
	int64_t begun, next;
	unsigned served;
};

static struct address server;
static struct latencies waits;
static unsigned crossed, reconnected;

static uint32_t any(uint32_t below)
{
	static uint32_t state = 20110205;
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

static int is_waiting(const struct client *c)
{
	return c->wanted > 0;
}

static void hang_up(struct client *c)
{
	close(c->fd);
	c->fd = -1;
	c->kept = 0;
}

/* Begins a request of which `wanted` octets are sent for now. */
static void ask(struct client *c, size_t wanted)
{
	if (c->fd < 0) {
		c->fd = dial(&server);
		reconnected++;
	}
	c->sent = c->len = 0;
	c->wanted = wanted;
	c->begun = now_us();
}

/*
 * Its connection has ended. Between requests that is the server's right; a close that a request
 * met on its way shows at once.
 */
static void ended(struct client *c, const char *how)
{
	int64_t after = now_us() - c->begun;
	if (is_waiting(c) && (!c->kept || c->len > 0 || (c->sent > 0 && after > CROSSING_US)))
		fail("%s after %lld ms on a %s connection, %zu octets sent and %zu read", how,
		     (long long)after / 1000, c->kept ? "kept" : "new", c->sent, c->len);
	hang_up(c);
	if (!is_waiting(c))
		return;
	crossed += c->sent > 0;
	ask(c, c->wanted);
}

static void read_answer(struct client *c)
{
	struct reply reply;
	int64_t n = receive_some(c->fd, c->reply + c->len, sizeof c->reply - c->len);
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		ended(c, n == 0 ? "closed" : strerror((int)-n));
		return;
	}
	c->len += (size_t)n;
	if (!is_waiting(c) || c->sent < WHOLE)
		fail("a reply without a request: %.*s", (int)c->len, c->reply);
	int there = read_reply(&reply, c->reply, c->len);
	if (there == 0 || (there == 1 && c->len < reply.head + reply.body))
		return;
	if (there < 0 || reply.status != 200 || c->len > reply.head + reply.body)
		fail("not the reply that is right: %.*s", (int)c->len, c->reply);
	note_latency(&waits, now_us() - c->begun);
	c->kept = 1;
	c->served++;
	c->sent = c->wanted = c->len = 0;
	if (reply.close)
		hang_up(c);
}

/* Has the server closed it already? Then nothing is sent, as any client does. */
static int is_closed(const struct client *c)
{
	char octet;
	return recv(c->fd, &octet, 1, MSG_PEEK) == 0;
}

static void send_request(struct client *c)
{
	if (c->kept && c->sent == 0 && is_closed(c)) {
		ended(c, "closed");
		return;
	}
	int64_t n = send_some(c->fd, request + c->sent, c->wanted - c->sent);
	if (n >= 0)
		c->sent += (size_t)n;
	else if (n != -EAGAIN)
		ended(c, strerror((int)-n));
}

/* One look at all clients, of at most that many milliseconds. */
static void turn(struct client *clients, int n, struct pollfd *looks, int ms)
{
	for (int i = 0; i < n; i++) {
		looks[i].fd = clients[i].fd;
		looks[i].events = POLLIN;
		if (clients[i].sent < clients[i].wanted)
			looks[i].events |= POLLOUT;
	}
	if (poll(looks, (nfds_t)n, ms) < 0)
		fail("poll: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		struct client *c = &clients[i];
		if (looks[i].fd < 0 || !looks[i].revents)
			continue;
		/* What has come is read first: a close that is there already has come before. */
		if (looks[i].revents & ~POLLOUT)
			read_answer(c);
		else
			send_request(c);
	}
}

static int count_waiting(const struct client *clients, int n)
{
	int waiting = 0;
	for (int i = 0; i < n; i++)
		waiting += is_waiting(&clients[i]);
	return waiting;
}

static void until_answered(struct client *clients, int n, struct pollfd *looks, int64_t limit_us)
{
	int64_t end = now_us() + limit_us;
	for (int waiting; (waiting = count_waiting(clients, n)) > 0;) {
		if (now_us() > end)
			fail("%d of %d still wait after %lld ms", waiting, n,
			     (long long)limit_us / 1000);
		turn(clients, n, looks, 10);
	}
}

static void for_a_time(struct client *clients, int n, struct pollfd *looks, int64_t us)
{
	for (int64_t end = now_us() + us; now_us() < end;)
		turn(clients, n, looks, 10);
}

/* The hundredths of the time that the server's process was busy while nobody did anything. */
static double quiet(struct client *clients, int n, struct pollfd *looks, int64_t us)
{
	pid_t pid = (pid_t)option(options, "pid");
	for_a_time(clients, n, looks, 500000);
	int64_t used = processor_us(pid), begin = now_us();
	for_a_time(clients, n, looks, us);
	int64_t took = now_us() - begin;
	if (pid == 0 || used < 0)
		return 0;
	return (double)(processor_us(pid) - used) * 100 / (double)took;
}

static void return_now_and_then(struct client *clients, int n, struct pollfd *looks, int64_t us)
{
	for (int64_t now = now_us(), end = now + us; now < end; now = now_us()) {
		for (int i = 0; i < n; i++) {
			struct client *c = &clients[i];
			if (is_waiting(c) || now < c->next)
				continue;
			ask(c, WHOLE);
			c->next = now + any(2000000);
		}
		turn(clients, n, looks, 10);
	}
}

static void check(const char *when, double cpu)
{
	if (cpu >= (double)option(options, "cpu"))
		fail("%s, the server used %.1f %% of a processor", when, cpu);
}

int main(int argc, char **argv)
{
	read_arguments(argc, argv, &server, options);
	int n = (int)option(options, "clients");
	int64_t us = option(options, "seconds") * 1000000;
	int64_t pause = us / 4 < 5000000 ? us / 4 : 5000000;
	watchdog((unsigned)(us / 1000000 + 60));
	need_descriptors(n);
	struct client *clients = calloc((size_t)n + 1, sizeof *clients);
	struct pollfd *looks = calloc((size_t)n + 1, sizeof *looks);
	if (!clients || !looks)
		fail("no memory for %d clients", n);

	for (int i = 0; i < n; i++) {
		clients[i].fd = -1;
		ask(&clients[i], WHOLE);
	}
	until_answered(clients, n, looks, 20000000);
	double idle_cpu = quiet(clients, n, looks, pause);
	int64_t rush = waits.max;

	for (int i = 0; i < n; i++)
		ask(&clients[i], HALF);
	double full_cpu = quiet(clients, n, looks, pause);
	for (int i = 0; i < n; i++) {
		clients[i].wanted = WHOLE;
		clients[i].begun = now_us();
	}
	until_answered(clients, n, looks, 20000000);

	return_now_and_then(clients, n, looks, us > 3 * pause ? us - 3 * pause : pause);
	until_answered(clients, n, looks, 20000000);

	unsigned least = clients[0].served;
	for (int i = 0; i < n; i++)
		least = clients[i].served < least ? clients[i].served : least;
	printf("starve: %d clients: %llu answers (each at least %u) on %u connections, none "
	       "refused, ",
	       n, (unsigned long long)waits.count, least, reconnected);
	printf("%u crossed a close; rush served in %.1f ms, all waits p99 %.1f max %.1f ms; ",
	       crossed, (double)rush / 1e3, (double)quantile(&waits, 990) / 1e3,
	       (double)waits.max / 1e3);
	printf("processor %.2f %% idle, %.2f %% full\n", idle_cpu, full_cpu);
	check("with idle clients", idle_cpu);
	check("full", full_cpu);
	if (crossed * 50 > waits.count)
		fail("%u of %llu requests met a close", crossed, (unsigned long long)waits.count);
	free(clients);
	free(looks);
	return 0;
}
