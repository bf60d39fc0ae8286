/*
 * asker.c: does each request get its reply, whatever happens to the server? See
 * asker.h.
 */
#include "config.h"

#include "tests/tools/asker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_US 5000000
#define REPLY_US 10000000
/* After a failure, so that one which lasts is not counted thousands of times a second. */
#define PAUSE_US 50000
/* Bodies begin anywhere in so many octets: a reply to another request is noticed. */
#define OFFSETS 4096

static const char hello[] = "Hello World\n";

void askers_begin(struct askers *askers, int n, int once)
{
	size_t octets = askers->post + OFFSETS;
	uint32_t state = 20120625;
	askers->n = n;
	askers->all = calloc((size_t)n + 1, sizeof *askers->all);
	askers->looks = calloc((size_t)n + 1, sizeof *askers->looks);
	askers->pool = malloc(octets);
	if (!askers->all || !askers->looks || !askers->pool)
		fail("no memory for %d connections", n);
	for (size_t i = 0; i < octets; i++) {
		state ^= state << 13;
		state ^= state >> 17;
		state ^= state << 5;
		askers->pool[i] = (char)(state >> 11);
	}
	for (int i = 0; i < n; i++) {
		struct asker *asker = &askers->all[i];
		asker->fd = -1;
		asker->once = i >= n - once;
		asker->next = asker->once ? INT64_MAX : 0;
		/* Half of them begin with a POST. */
		asker->begun = (uint64_t)i;
	}
}

void askers_end(struct askers *askers)
{
	for (int i = 0; i < askers->n; i++)
		asker_drop(&askers->all[i]);
	free(askers->all);
	free(askers->looks);
	free(askers->pool);
}

/* ---- how a connection ends ---------------------------------------------- */

void asker_drop(struct asker *asker)
{
	if (asker->fd >= 0)
		close(asker->fd);
	asker->fd = -1;
	asker->connecting = asker->asking = 0;
	asker->pid = 0;
	asker->joined = 0;
	asker->served = 0;
	if (asker->once)
		asker->next = INT64_MAX;
}

static void in_trouble(struct askers *askers, struct asker *asker, enum trouble what, int error)
{
	asker->error = error;
	asker->next = what == CLOSED_IDLE ? asker->next : now_us() + PAUSE_US;
	/* What was not sent yet is asked again at once. */
	if (what == CLOSED_IDLE && asker->asking)
		asker->next = 0;
	askers->idle_closes += what == CLOSED_IDLE;
	askers->failed += what != CLOSED_IDLE;
	if (askers->on_trouble)
		askers->on_trouble(asker, what);
	asker_drop(asker);
}

/* The server has closed (error 0), or the connection is broken. */
static void has_ended(struct askers *askers, struct asker *asker, int error)
{
	int between = asker->served > 0 && (!asker->asking || asker->sent == 0);
	if (error)
		in_trouble(askers, asker, RESET, error);
	else
		in_trouble(askers, asker, between ? CLOSED_IDLE : ENDED, 0);
}

static const char *where(const struct asker *asker)
{
	if (!asker->asking)
		return "between requests";
	if (taker_has_begun(&asker->taker))
		return "in the middle of a reply";
	if (asker->sent < asker->head_len + asker->body_len)
		return "while the request was sent";
	return "before the reply";
}

const char *trouble_text(const struct asker *asker, enum trouble what)
{
	static char text[200];
	static const char *const texts[] = {
		[CLOSED_IDLE] = "closed while idle",
		[NOT_CONNECTED] = "not connected",
		[CONNECT_TOO_LONG] = "not connected within 5 s",
		[ENDED] = "closed",
		[RESET] = "broken",
		[NOT_HTTP] = "the reply is no HTTP",
		[WRONG_STATUS] = "the status is wrong",
		[WRONG_BODY] = "the body is wrong",
		[UNASKED] = "octets that nobody asked for",
		[TOO_LATE] = "no whole reply within 10 s",
	};
	size_t len = (size_t)snprintf(text, sizeof text, "%s", texts[what]);
	if (what == WRONG_STATUS)
		snprintf(text + len, sizeof text - len, ": %d", asker->taker.reply.status);
	else if (what == ENDED || what == RESET || what == TOO_LATE)
		snprintf(text + len, sizeof text - len, " %s%s%s", where(asker),
		         asker->error ? ": " : "", asker->error ? strerror(asker->error) : "");
	else if (what == NOT_CONNECTED)
		snprintf(text + len, sizeof text - len, ": %s", strerror(asker->error));
	return text;
}

/* ---- asking ------------------------------------------------------------- */

static void make_head(struct asker *asker, const char *target)
{
	int n = asker->body ? snprintf(asker->head, sizeof asker->head,
	                               "POST %s HTTP/1.1\r\nHost: asker\r\n"
	                               "Content-Length: %zu\r\n\r\n",
	                               target, asker->body_len)
	                    : snprintf(asker->head, sizeof asker->head,
	                               "GET %s HTTP/1.1\r\nHost: asker\r\n\r\n", target);
	asker->head_len = (size_t)n;
}

static void make_request(struct askers *askers, struct asker *asker)
{
	int asks_pid = askers->first_is_pid && asker->served == 0;
	asker->body = NULL;
	asker->body_len = asker->sent = 0;
	asker->asking = 1;
	asker->begun++;
	if (!asks_pid && askers->post > 0 && asker->begun % 2 == 0) {
		asker->body = askers->pool + asker->begun * 31 % OFFSETS;
		asker->body_len = askers->post;
	}
	make_head(asker, asks_pid ? "/pid" : asker->body ? "/echo" : "/");
	if (asks_pid)
		taker_begin(&asker->taker, NULL, 0);
	else if (asker->body)
		taker_begin(&asker->taker, asker->body, asker->body_len);
	else
		taker_begin(&asker->taker, hello, sizeof hello - 1);
}

/* What cannot be sent any more is dropped: reading tells what there is to tell. */
static void send_request(struct asker *asker)
{
	size_t whole = asker->head_len + asker->body_len;
	while (asker->sent < whole) {
		int64_t n = asker->sent < asker->head_len
		                    ? send_some(asker->fd, asker->head + asker->sent,
		                                asker->head_len - asker->sent)
		                    : send_some(asker->fd,
		                                asker->body + (asker->sent - asker->head_len),
		                                whole - asker->sent);
		if (n == -EAGAIN)
			return;
		asker->sent = n < 0 ? whole : asker->sent + (size_t)n;
	}
}

/* Nothing of the next request is sent to a server that has closed already. */
static int is_still_open(struct askers *askers, struct asker *asker)
{
	char octet;
	ssize_t n = recv(asker->fd, &octet, 1, MSG_PEEK);
	if (n < 0 && errno == EAGAIN)
		return 1;
	if (n > 0)
		in_trouble(askers, asker, UNASKED, 0);
	else
		has_ended(askers, asker, n < 0 ? errno : 0);
	return 0;
}

static void connected(struct askers *askers, struct asker *asker, int64_t now)
{
	int error = socket_error(asker->fd);
	if (error) {
		in_trouble(askers, asker, NOT_CONNECTED, error);
		return;
	}
	asker->connecting = 0;
	asker->since = asker->joined = now;
	askers->connects++;
	send_request(asker);
}

static void connect_asker(struct askers *askers, struct asker *asker, int64_t now)
{
	int fd = try_dial(askers->to, NULL);
	struct pollfd look = {.fd = fd, .events = POLLOUT};
	asker->since = now;
	if (fd < 0) {
		in_trouble(askers, asker, NOT_CONNECTED, -fd);
		return;
	}
	asker->fd = fd;
	asker->connecting = 1;
	/* To a neighbour it is connected at once, and when that was may matter. */
	if (poll(&look, 1, 0) == 1)
		connected(askers, asker, now_us());
}

static void begin_request(struct askers *askers, struct asker *asker, int64_t now)
{
	if (asker->fd >= 0 && !is_still_open(askers, asker) && now < asker->next)
		return;
	asker->since = asker->wanted = now;
	make_request(askers, asker);
	if (asker->fd < 0)
		connect_asker(askers, asker, now);
	else
		send_request(asker);
}

/* ---- being answered ----------------------------------------------------- */

static int reads_pid(struct asker *asker)
{
	return sscanf(asker->taker.text, "%ld %lu\n", &asker->pid, &asker->generation) == 2 &&
	       asker->pid > 0;
}

static void answered(struct askers *askers, struct asker *asker)
{
	int64_t now = now_us(), took = now - asker->wanted;
	int told_pid = askers->first_is_pid && asker->served == 0;
	if (told_pid && !reads_pid(asker)) {
		in_trouble(askers, asker, WRONG_BODY, 0);
		return;
	}
	askers->replies++;
	askers->slowest = took > askers->slowest ? took : askers->slowest;
	asker->served++;
	asker->asking = 0;
	asker->next = now + askers->think;
	if (told_pid && askers->on_pid)
		askers->on_pid(asker);
	if (askers->on_reply)
		askers->on_reply(asker);
	if (asker->once || asker->taker.reply.close)
		asker_drop(asker);
}

static void judge(struct askers *askers, struct asker *asker, enum taken taken)
{
	static const enum trouble troubles[] = {
		[TAKEN_NOT_HTTP] = NOT_HTTP,
		[TAKEN_WRONG_STATUS] = WRONG_STATUS,
		[TAKEN_WRONG_BODY] = WRONG_BODY,
		[TAKEN_TOO_MUCH] = UNASKED,
	};
	if (taken == TAKEN_PART)
		return;
	if (taken == TAKEN_WHOLE && asker->sent == asker->head_len + asker->body_len)
		answered(askers, asker);
	else
		in_trouble(askers, asker, taken == TAKEN_WHOLE ? UNASKED : troubles[taken], 0);
}

static void read_reply_of(struct askers *askers, struct asker *asker)
{
	static char data[65536];
	int64_t n = receive_some(asker->fd, data, sizeof data);
	if (n == -EAGAIN)
		return;
	if (n <= 0)
		has_ended(askers, asker, (int)-n);
	else if (!asker->asking)
		in_trouble(askers, asker, UNASKED, 0);
	else
		judge(askers, asker, taker_take(&asker->taker, data, (size_t)n));
}

/* ---- turns -------------------------------------------------------------- */

static void happened(struct askers *askers, struct asker *asker, short events)
{
	if (asker->connecting) {
		connected(askers, asker, now_us());
		return;
	}
	if (events & POLLOUT)
		send_request(asker);
	if (events & ~POLLOUT)
		read_reply_of(askers, asker);
}

static short wants(const struct asker *asker)
{
	if (asker->connecting)
		return POLLOUT;
	if (asker->asking && asker->sent < asker->head_len + asker->body_len)
		return POLLIN | POLLOUT;
	return POLLIN;
}

static void do_what_is_due(struct askers *askers, struct asker *asker, int64_t now)
{
	if (asker->fd >= 0 && asker->connecting && now - asker->since > CONNECT_US)
		in_trouble(askers, asker, CONNECT_TOO_LONG, 0);
	else if (asker->fd >= 0 && asker->asking && now - asker->since > REPLY_US)
		in_trouble(askers, asker, TOO_LATE, 0);
	if (!asker->asking && !askers->stopping && now >= asker->next)
		begin_request(askers, asker, now);
}

void askers_turn(struct askers *askers, int ms)
{
	int64_t now = now_us();
	for (int i = 0; i < askers->n; i++) {
		do_what_is_due(askers, &askers->all[i], now);
		askers->looks[i].fd = askers->all[i].fd;
		askers->looks[i].events = wants(&askers->all[i]);
	}
	if (poll(askers->looks, (nfds_t)askers->n, ms) < 0) {
		if (errno == EINTR)
			return;
		fail("poll: %s", strerror(errno));
	}
	for (int i = 0; i < askers->n; i++)
		if (askers->looks[i].fd >= 0 && askers->looks[i].revents)
			happened(askers, &askers->all[i], askers->looks[i].revents);
}

int askers_waiting(const struct askers *askers)
{
	int waiting = 0;
	for (int i = 0; i < askers->n; i++)
		waiting += askers->all[i].asking;
	return waiting;
}

void askers_finish(struct askers *askers)
{
	askers->stopping = 1;
	while (askers_waiting(askers) > 0)
		askers_turn(askers, 5);
}
