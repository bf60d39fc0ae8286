/*
 * spread.c: how evenly do connections that stay spread over the workers?
 *
 *     spread ADDRESS [--conns=1000] [--sources=K] [--hold-ms=N] [--pace=N] [--workers=N]
 *
 * Opens so many connections, from K addresses 127.0.0.2 and up (default: one for
 * each 10,000; one pair of addresses slows down above 14,000), asks on each GET
 * /pid, reads the reply, and keeps all of them open. No more than 64 are on the
 * way at a time, and with --pace no more than so many are begun in a second.
 * --hold-ms after the last reply it looks whether all are still there, and says
 * for each worker how many it has, and over all
 *
 *     min N max N ratio X.XX
 *
 * A worker that was given none tells nobody of itself: --workers says how many
 * there are, and then min is 0. Status 1 when a connection is refused, lost, or
 * not answered within 10 s.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/tools/client.h"
#include "tests/tools/taker.h"

#define IN_FLIGHT 64
#define CONNS_OF_A_SOURCE 10000
#define REPLY_US 10000000

static struct option options[] = {
	{"conns", 1000}, {"sources", 0}, {"hold-ms", 0}, {"pace", 0}, {"workers", 0}, {NULL, 0},
};

static const char request[] = "GET /pid HTTP/1.1\r\nHost: spread\r\n\r\n";

/* One that is on its way. */
struct flight {
	int fd, sent; /* -1: none */
	int64_t begun;
	struct taker taker;
};

struct worker {
	long pid;
	int conns;
};

static struct address server;
static struct flight flights[IN_FLIGHT];
static struct worker *workers;
static int *kept; /* descriptors of those that were answered */
static int nworkers, nkept, ndialled, conns, sources;

/* ---- opening ------------------------------------------------------------ */

static int dial_next(void)
{
	struct address from = {.size = sizeof(struct sockaddr_in)};
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	v4.sin_addr.s_addr =
		htonl(INADDR_LOOPBACK + 1 + (uint32_t)(ndialled % (sources + !sources)));
	memcpy(&from.storage, &v4, sizeof v4);
	int fd = try_dial(&server, sources > 0 ? &from : NULL);
	if (fd < 0)
		fail("connection %d: %s", ndialled, strerror(-fd));
	ndialled++;
	return fd;
}

static void take_off(struct flight *flight, int64_t now)
{
	flight->fd = dial_next();
	flight->sent = 0;
	flight->begun = now;
	taker_begin(&flight->taker, NULL, 0);
}

static void count(long pid)
{
	int i = 0;
	while (i < nworkers && workers[i].pid != pid)
		i++;
	if (i == nworkers) {
		workers = realloc(workers, (size_t)++nworkers * sizeof *workers);
		if (!workers)
			fail("no memory for %d workers", nworkers);
		workers[i] = (struct worker){.pid = pid};
	}
	workers[i].conns++;
}

static void land(struct flight *flight)
{
	long pid = strtol(flight->taker.text, NULL, 10);
	if (pid <= 0 || flight->taker.reply.close)
		fail("GET /pid is answered %s%s", flight->taker.text,
		     flight->taker.reply.close ? "and close" : "");
	count(pid);
	kept[nkept++] = flight->fd;
	flight->fd = -1;
}

static void send_it(struct flight *flight)
{
	int error = socket_error(flight->fd);
	int64_t n = error ? -error : send_some(flight->fd, request, sizeof request - 1);
	/* A buffer that takes not even this, at the beginning, is none. */
	if (n != (int64_t)sizeof request - 1)
		fail("a connection cannot ask: %s", n < 0 ? strerror((int)-n) : "no room");
	flight->sent = 1;
}

static void read_it(struct flight *flight)
{
	char data[1024];
	int64_t n = receive_some(flight->fd, data, sizeof data);
	if (n == -EAGAIN)
		return;
	if (n <= 0)
		fail("a connection ended before its reply: %s", n ? strerror((int)-n) : "closed");
	enum taken taken = taker_take(&flight->taker, data, (size_t)n);
	if (taken == TAKEN_WHOLE)
		land(flight);
	else if (taken != TAKEN_PART)
		fail("GET /pid is answered: %.*s", (int)n, data);
}

static int may_begin(int64_t elapsed)
{
	int64_t pace = option(options, "pace");
	return ndialled < conns && (pace == 0 || ndialled < 1 + elapsed * pace / 1000000);
}

static void open_all(void)
{
	struct pollfd looks[IN_FLIGHT];
	int64_t begin = now_us();
	for (int i = 0; i < IN_FLIGHT; i++)
		flights[i].fd = -1;
	while (nkept < conns) {
		int64_t now = now_us();
		for (int i = 0; i < IN_FLIGHT; i++) {
			struct flight *flight = &flights[i];
			if (flight->fd < 0 && may_begin(now - begin))
				take_off(flight, now);
			if (flight->fd >= 0 && now - flight->begun > REPLY_US)
				fail("a connection has no reply within 10 s");
			looks[i].fd = flight->fd;
			looks[i].events = flight->sent ? POLLIN : POLLOUT;
		}
		if (poll(looks, IN_FLIGHT, 5) < 0)
			fail("poll: %s", strerror(errno));
		for (int i = 0; i < IN_FLIGHT; i++) {
			if (looks[i].fd < 0 || !looks[i].revents)
				continue;
			if (flights[i].sent)
				read_it(&flights[i]);
			else
				send_it(&flights[i]);
		}
	}
}

/* ---- keeping ------------------------------------------------------------ */

static void hold(int64_t ms)
{
	struct timespec time = {.tv_sec = (time_t)(ms / 1000),
	                        .tv_nsec = (long)(ms % 1000) * 1000000};
	while (nanosleep(&time, &time) < 0 && errno == EINTR)
		;
}

/* Those that were kept have nothing to say: what there is to read is an end. */
static void check_kept(void)
{
	int lost = 0;
	for (int i = 0; i < nkept; i++) {
		char octet;
		lost += receive_some(kept[i], &octet, 1) != -EAGAIN;
	}
	if (lost > 0)
		fail("%d of %d connections were not kept", lost, nkept);
}

static void report(void)
{
	int expected = (int)option(options, "workers");
	int min = nworkers < expected ? 0 : conns, max = 0;
	for (int i = 0; i < nworkers; i++) {
		printf("pid %ld connections %d\n", workers[i].pid, workers[i].conns);
		min = workers[i].conns < min ? workers[i].conns : min;
		max = workers[i].conns > max ? workers[i].conns : max;
	}
	printf("min %d max %d ratio ", min, max);
	if (min > 0)
		printf("%.2f\n", (double)max / min);
	else
		puts("inf");
}

int main(int argc, char **argv)
{
	read_arguments(argc, argv, &server, options);
	int64_t hold_ms = option(options, "hold-ms");
	conns = (int)option(options, "conns");
	sources = (int)option(options, "sources");
	if (sources == 0)
		sources = (conns + CONNS_OF_A_SOURCE - 1) / CONNS_OF_A_SOURCE;
	/* Other addresses than 127.0.0.1 have one source, which the system chooses. */
	if (server.storage.ss_family != AF_INET)
		sources = 0;
	int64_t descriptors = all_descriptors();
	if (descriptors < conns + 16)
		fail("%d connections, but no more than %lld descriptors", conns,
		     (long long)descriptors);
	int64_t pace = option(options, "pace");
	watchdog((unsigned)(hold_ms / 1000 + (pace ? conns / pace : 0) + 120));
	kept = calloc((size_t)conns + 1, sizeof *kept);
	if (!kept)
		fail("no memory for %d connections", conns);
	open_all();
	hold(hold_ms);
	check_kept();
	report();
	free(workers);
	free(kept);
	return 0;
}
