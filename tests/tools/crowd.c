/*
 * Does anybody wait for anybody? --busy connections keep sending requests, now
 * one, now several in a row, while --dribble others send a head of one octet a
 * second that never ends.
 *
 *     crowd ADDRESS [--busy=100] [--dribble=100] [--seconds=10] [--think=200] [--bound=1000]
 *                   [--head=10000] [--echo]
 *
 * Right is: every request is answered with the right octets within --bound ms;
 * every dribbler is answered 408, or closed, when the server's limit for a head
 * (--head ms, as the server has it) has passed, and not before. Between two
 * batches a busy connection pauses for up to --think ms. With --echo every
 * other request is a POST /echo whose body must come back.
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

#define MAX_BATCH 8
/* A dribbler's end may come so much later than the limit, and never so much earlier. */
#define LATE_US 2000000
#define EARLY_US 50000

static struct option options[] = {
	{"busy", 100},   {"dribble", 100}, {"seconds", 10}, {"think", 200},
	{"bound", 1000}, {"head", 10000},  {"echo", 0},     {NULL, 0},
};

struct busy {
	int fd, requests, answers, is_post[MAX_BATCH];
	uint64_t served;
	int64_t begun, next; /* when this batch was begun; when the next one is due */
	size_t out_at, out_len, in_len;
	char out[2048], in[4096];
	char token[MAX_BATCH][24];
};

struct dribbler {
	int fd, status;      /* of the reply, once it has come */
	int64_t begun, next; /* when it connected; when the next octet is due */
	size_t sent;
};

static struct address server;
static struct latencies waits;
static uint64_t answered_408, closed_silently;
static int64_t earliest = INT64_MAX, latest;
static int64_t bound, head_limit, think;
static int with_echo;

/* The text that the first GET was answered with: all others must be alike. */
static char text[256];
static size_t text_len;

static uint32_t any(uint32_t below)
{
	static uint32_t state = 20110205;
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

/* ---- the busy ----------------------------------------------------------- */

static void add_request(struct busy *b, int i)
{
	char *end = b->out + b->out_len;
	size_t room = sizeof b->out - b->out_len;
	int n;
	b->is_post[i] = with_echo && any(2);
	if (b->is_post[i]) {
		snprintf(b->token[i], sizeof b->token[i], "%d-%llu-%d", b->fd,
		         (unsigned long long)b->served, i);
		n = snprintf(end, room,
		             "POST /echo HTTP/1.1\r\nHost: crowd\r\nContent-Length: %zu\r\n\r\n%s",
		             strlen(b->token[i]), b->token[i]);
	} else {
		n = snprintf(end, room, "GET /%d HTTP/1.1\r\nHost: crowd\r\n\r\n", i);
	}
	b->out_len += (size_t)n;
}

static void begin_batch(struct busy *b, int64_t now)
{
	b->requests = any(2) ? 1 : 2 + (int)any(MAX_BATCH - 1);
	b->answers = 0;
	b->out_at = b->out_len = 0;
	b->begun = now;
	for (int i = 0; i < b->requests; i++)
		add_request(b, i);
	if (b->fd < 0)
		b->fd = dial(&server);
}

static void check_answer(const struct busy *b, const struct reply *reply, const char *body)
{
	if (reply->status != 200 || reply->close)
		fail("a busy connection got %d%s", reply->status, reply->close ? " and close" : "");
	if (b->is_post[b->answers]) {
		const char *token = b->token[b->answers];
		if (reply->body != strlen(token) || memcmp(body, token, reply->body) != 0)
			fail("an echo is not what was sent: %.*s", (int)reply->body, body);
		return;
	}
	if (text_len == 0 && reply->body < sizeof text) {
		memcpy(text, body, reply->body);
		text_len = reply->body;
	}
	if (reply->body != text_len || memcmp(body, text, text_len) != 0)
		fail("an answer differs from the first: %.*s", (int)reply->body, body);
}

/* Takes one whole reply off the front; 0 when there is none. */
static int take_answer(struct busy *b, int64_t now)
{
	struct reply reply;
	int there = read_reply(&reply, b->in, b->in_len);
	if (there < 0 || (there == 0 && b->in_len == sizeof b->in) || reply.chunked ||
	    reply.body > sizeof b->in)
		fail("an answer is no reply: %.*s", (int)b->in_len, b->in);
	size_t len = reply.head + reply.body;
	if (there == 0 || len > b->in_len)
		return 0;
	if (b->answers == b->requests)
		fail("an answer nobody asked for");
	check_answer(b, &reply, b->in + reply.head);
	note_latency(&waits, now - b->begun);
	b->answers++;
	b->served++;
	b->in_len -= len;
	memmove(b->in, b->in + len, b->in_len);
	return 1;
}

static void busy_event(struct busy *b, short events)
{
	if (events & POLLOUT) {
		int64_t n = send_some(b->fd, b->out + b->out_at, b->out_len - b->out_at);
		if (n < 0 && n != -EAGAIN)
			fail("a busy connection: %s", strerror((int)-n));
		b->out_at += n > 0 ? (size_t)n : 0;
	}
	if (events & ~POLLOUT) {
		int64_t n = receive_some(b->fd, b->in + b->in_len, sizeof b->in - b->in_len);
		if (n == 0)
			fail("a busy connection was closed");
		if (n < 0 && n != -EAGAIN)
			fail("a busy connection: %s", strerror((int)-n));
		b->in_len += n > 0 ? (size_t)n : 0;
		int64_t now = now_us();
		while (b->in_len > 0 && take_answer(b, now))
			;
		if (b->answers == b->requests)
			b->next = now + (think ? any((uint32_t)think) : 0);
	}
}

/* What it waits for; begins the next batch when it is due and there is time. */
static short busy_wants(struct busy *b, int64_t now, int64_t end)
{
	if (b->answers == b->requests && now >= b->next && now < end)
		begin_batch(b, now);
	if (b->answers < b->requests && now - b->begun > bound)
		fail("a request waits for more than %lld ms (%d of %d answered, %zu of %zu octets "
		     "sent)",
		     (long long)bound / 1000, b->answers, b->requests, b->out_at, b->out_len);
	return (short)(POLLIN | (b->out_at < b->out_len ? POLLOUT : 0));
}

/* ---- the dribblers ------------------------------------------------------ */

static char octet_of_head(size_t at)
{
	static const char head[] = "GET / HTTP/1.1\r\nHost: crowd\r\nX-Slow: ";
	return at < sizeof head - 1 ? head[at] : 'a';
}

static void end_dribbler(struct dribbler *d, int64_t now)
{
	int64_t took = now - d->begun;
	if (d->status == 408)
		answered_408++;
	else if (d->status == 0)
		closed_silently++;
	else
		fail("a dribbler got %d", d->status);
	if (took < head_limit - EARLY_US)
		fail("a dribbler was cut off after %lld ms", (long long)took / 1000);
	earliest = took < earliest ? took : earliest;
	latest = took > latest ? took : latest;
	close(d->fd);
	d->fd = -1;
	d->status = 0;
	d->next = now + any(1000000);
}

static void dribbler_event(struct dribbler *d)
{
	char data[2048];
	struct reply reply;
	int64_t n = receive_some(d->fd, data, sizeof data);
	if (n == -EAGAIN)
		return;
	if (n < 0)
		fail("a dribbler: %s", strerror((int)-n));
	if (n == 0)
		end_dribbler(d, now_us());
	else if (d->status == 0 && read_reply(&reply, data, (size_t)n) == 1)
		d->status = reply.status;
	else
		fail("a dribbler got: %.*s", (int)n, data);
}

static void dribble(struct dribbler *d, int64_t now, int64_t end)
{
	if (d->fd >= 0 && now - d->begun > head_limit + LATE_US)
		fail("a dribbler is not cut off after %lld ms", (long long)(now - d->begun) / 1000);
	if (now < d->next || now >= end || d->status)
		return;
	if (d->fd < 0) {
		d->fd = dial(&server);
		d->begun = now;
		d->sent = 0;
	} else {
		char octet = octet_of_head(d->sent);
		d->sent += send_some(d->fd, &octet, 1) == 1;
	}
	d->next = now + 1000000;
}

/* ---- the crowd ---------------------------------------------------------- */

static void *many(int n, size_t size)
{
	void *all = calloc((size_t)n + 1, size);
	if (!all)
		fail("no memory for %d connections", n);
	return all;
}

static void run(struct busy *busy, int nbusy, struct dribbler *dribblers, int ndribblers,
                int64_t end)
{
	struct pollfd *looks = many(nbusy + ndribblers, sizeof *looks);
	struct pollfd *slow = looks + nbusy;
	int waiting = nbusy;
	for (int64_t now = now_us(); now < end || waiting > 0; now = now_us()) {
		for (int i = 0; i < nbusy; i++) {
			looks[i].events = busy_wants(&busy[i], now, end);
			looks[i].fd = busy[i].fd;
		}
		for (int i = 0; i < ndribblers; i++) {
			dribble(&dribblers[i], now, end);
			slow[i].events = POLLIN;
			slow[i].fd = dribblers[i].fd;
		}
		if (poll(looks, (nfds_t)(nbusy + ndribblers), 5) < 0)
			fail("poll: %s", strerror(errno));
		waiting = 0;
		for (int i = 0; i < nbusy; i++) {
			if (looks[i].fd >= 0 && looks[i].revents)
				busy_event(&busy[i], looks[i].revents);
			waiting += busy[i].answers < busy[i].requests;
		}
		for (int i = 0; i < ndribblers; i++)
			if (slow[i].fd >= 0 && slow[i].revents)
				dribbler_event(&dribblers[i]);
	}
	free(looks);
}

static void report(const struct busy *busy, int nbusy, int ndribblers)
{
	uint64_t least = waits.count;
	for (int i = 0; i < nbusy; i++)
		least = busy[i].served < least ? busy[i].served : least;
	if (nbusy > 0 && least == 0)
		fail("a busy connection was never served");
	printf("crowd: %d busy: %llu answers (each at least %llu), p50 %.1f p99 %.1f max %.1f ms; ",
	       nbusy, (unsigned long long)waits.count, (unsigned long long)least,
	       (double)quantile(&waits, 500) / 1e3, (double)quantile(&waits, 990) / 1e3,
	       (double)waits.max / 1e3);
	printf("%d dribbling: %llu times 408, %llu closed", ndribblers,
	       (unsigned long long)answered_408, (unsigned long long)closed_silently);
	if (latest > 0)
		printf(", after %.2f to %.2f s", (double)earliest / 1e6, (double)latest / 1e6);
	putchar('\n');
}

int main(int argc, char **argv)
{
	read_arguments(argc, argv, &server, options);
	int nbusy = (int)option(options, "busy"), ndribblers = (int)option(options, "dribble");
	int64_t seconds = option(options, "seconds");
	bound = option(options, "bound") * 1000;
	head_limit = option(options, "head") * 1000;
	think = option(options, "think") * 1000;
	with_echo = option(options, "echo") != 0;
	watchdog((unsigned)(seconds + bound / 1000000 + 30));
	need_descriptors(nbusy + ndribblers);

	struct busy *busy = many(nbusy, sizeof *busy);
	struct dribbler *dribblers = many(ndribblers, sizeof *dribblers);
	int64_t begin = now_us();
	for (int i = 0; i < nbusy; i++)
		busy[i] = (struct busy){.fd = -1, .next = begin + any(500000)};
	for (int i = 0; i < ndribblers; i++)
		dribblers[i] = (struct dribbler){.fd = -1, .next = begin + any(500000)};
	run(busy, nbusy, dribblers, ndribblers, begin + seconds * 1000000);
	report(busy, nbusy, ndribblers);
	if (ndribblers > 0 && seconds * 1000000 > head_limit + LATE_US &&
	    answered_408 + closed_silently < (uint64_t)ndribblers)
		fail("not every dribbler was cut off");
	free(busy);
	free(dribblers);
	return 0;
}
