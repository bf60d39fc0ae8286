/*
 * A connection at work. In the closed loop it sends a batch of requests in one write, waits for all
 * replies, and sends the next. In the open loop requests are due at fixed times, whether there is a
 * free connection or not, and their latency counts from then: a server that stalls is charged for
 * all who would have come meanwhile (no coordinated omission).
 *
 *     free ──(due)──► in flight ──(last reply)──► the next, or free
 *                        │
 *                        └──(refused, reset, cut)──► lost ──(10 ms)──► the next, or free
 */
#include <errno.h>
#include <stddef.h>

#include "bench/load.h"

#define RETRY_MS 10
/* A poller may oversleep by this. */
#define SPIN_NS 2000000

/* ---- lists ---- */

static void push(struct load_list *list, struct load_conn *conn)
{
	conn->next = NULL;
	if (list->first)
		list->last->next = conn;
	else
		list->first = conn;
	list->last = conn;
}

static struct load_conn *pop(struct load_list *list)
{
	struct load_conn *conn = list->first;

	if (conn)
		list->first = conn->next;
	return conn;
}

/* ---- when ---- */

static int64_t due(const struct load *load, uint64_t n)
{
	return load->epoch + (int64_t)((double)n * load->interval);
}

/* Open loop: how many requests should have been sent, and were not. */
static uint64_t pending(const struct load *load, int64_t now)
{
	const double until = (double)(now - load->epoch) / load->interval;
	const uint64_t all = until < 0 ? 0 : (uint64_t)until + 1;
	const uint64_t end = all < load->end ? all : load->end;

	return end > load->next ? end - load->next : 0;
}

/* How many requests it takes to send now. */
static uint32_t take(struct load_conn *conn, int64_t now)
{
	struct load *load = conn->load;
	uint64_t n = (uint64_t)load->options.depth;

	if (load->phase == LOAD_OPENING)
		return 1;
	if (load->options.rate > 0) {
		const uint64_t most = pending(load, now);

		n = n < most ? n : most;
		conn->first = load->next;
		load->next += n;
	} else if (load->phase >= LOAD_DRAIN) {
		n = 0;
	}
	conn->sent = now;
	return (uint32_t)n;
}

/* ---- sending ---- */

static void lose(struct load_conn *conn, uint64_t *errors);

static void send_waiting(struct load_conn *conn)
{
	const struct load *load = conn->load;
	const size_t first = conn->number % (size_t)load->options.heads;
	const int64_t result = weir_write(conn->stream, load->batch + first * load->request_len,
	                                  conn->waiting * load->request_len);

	/* Of a connection that has gone already, `gone` is told. */
	if (result < 0 && result != WEIR_ECLOSED)
		load_die(load, (int)result);
}

/* The kernel knows at once that it cannot be. */
static void dial_failed(struct load_conn *conn, int why)
{
	if (conn->load->phase == LOAD_OPENING || (why != -ECONNREFUSED && why != -EADDRNOTAVAIL))
		load_die(conn->load, why);
	lose(conn, &conn->load->errors.refused);
}

static const weir_stream_ops conn_ops;

static void send_batch(struct load_conn *conn)
{
	const int result = conn->stream ? 0 : load_dial(conn, &conn_ops);

	if (result < 0)
		dial_failed(conn, result);
	else
		send_waiting(conn);
}

void load_conn_go(struct load_conn *conn, int64_t now)
{
	struct load *load = conn->load;

	conn->waiting = take(conn, now);
	if (conn->waiting) {
		load->busy++;
		send_batch(conn);
	} else {
		push(&load->free, conn);
		load_check_drained(load);
	}
}

/* ---- losing ---- */

static void settle(struct load_conn *conn)
{
	(void)load_reply_end(&conn->reply);
	if (conn->waiting)
		conn->load->busy--;
	conn->waiting = 0;
}

/* Its requests are errors; it is opened again after a pause. */
static void lose(struct load_conn *conn, uint64_t *errors)
{
	struct load *load = conn->load;

	*errors += conn->waiting;
	settle(conn);
	if (!load->lost.first)
		weir_timer_start(load->loop, &load->lost_timer, RETRY_MS, 0);
	push(&load->lost, conn);
}

void load_retry(weir_timer *timer, void *arg)
{
	struct load *load = arg;
	struct load_list list = load->lost;
	struct load_conn *conn;
	const int64_t now = meter_now();

	(void)timer;
	load->lost = (struct load_list){0};
	while ((conn = pop(&list)) != NULL)
		load_conn_go(conn, now);
}

/* The server, or the network, has ended it. */
static void ended(struct load_conn *conn, uint64_t *errors)
{
	struct load *load = conn->load;

	conn->stream = NULL;
	if (load->phase == LOAD_OPENING && conn->waiting)
		load_die(load, errors == &load->errors.refused ? -ECONNREFUSED
		               : errors == &load->errors.bad   ? WEIR_EMALFORMED
		                                               : WEIR_ECLOSED);
	if (conn->waiting)
		lose(conn, errors);
	else if (conn->number >= load->options.connections)
		load->dropped++;
}

/* ---- replies ---- */

static void record(struct load_conn *conn, int64_t now, uint32_t replies)
{
	struct load *load = conn->load;

	if (load->phase == LOAD_MEASURE)
		load->requests += replies;
	if (load->options.rate <= 0) {
		if (conn->sent >= load->from)
			histogram_add(&load->latency, now - conn->sent, replies);
		return;
	}
	for (; replies > 0; replies--) {
		const int64_t since = due(load, conn->first++);

		if (since >= load->from)
			histogram_add(&load->latency, now - since, 1);
	}
}

/* All of a batch are answered. */
static void complete(struct load_conn *conn, int64_t now)
{
	struct load *load = conn->load;

	load->busy--;
	if (load->phase == LOAD_OPENING) {
		load->dropped += !conn->stream && conn->number >= load->options.connections;
		load_ready(load);
		return;
	}
	if (load->options.close)
		load_hang_up(conn);
	load_conn_go(conn, now);
}

/* Takes replies from the octets. How many there were; *used octets are done with. */
static uint32_t count_replies(struct load_conn *conn, const char *data, size_t len, size_t *used,
                              enum load_event *event)
{
	struct load_reply *reply = &conn->reply;
	uint32_t replies = 0;
	size_t n;

	*event = LOAD_DONE;
	while (*used < len && *event == LOAD_DONE && !reply->last) {
		if (replies == conn->waiting) {
			*event = LOAD_BAD;
			break;
		}
		*event = load_reply_next(reply, data + *used, len - *used, &n);
		*used += n;
		replies += *event == LOAD_DONE;
		conn->load->errors.status += *event == LOAD_DONE && !reply->good;
	}
	return replies;
}

/* What the server has not answered before it said that it would close is asked again. */
static void go_on(struct load_conn *conn, int64_t now, bool last)
{
	if (last) {
		(void)load_reply_end(&conn->reply);
		load_hang_up(conn);
	}
	if (!conn->waiting)
		complete(conn, now);
	else if (last)
		send_batch(conn);
}

/* What has come is no reply, or one that nobody has asked for. */
static void misbehaved(struct load_conn *conn, bool asked)
{
	load_hang_up(conn);
	if (asked && !conn->waiting)
		conn->waiting = 1;
	else if (!asked)
		conn->load->errors.bad++;
	ended(conn, &conn->load->errors.bad);
}

static size_t on_data(weir_stream *stream, const char *data, size_t len, void *arg)
{
	struct load_conn *conn = arg;
	const int64_t now = meter_now();
	enum load_event event;
	size_t used = 0;
	const bool asked = conn->waiting > 0;
	const uint32_t replies = count_replies(conn, data, len, &used, &event);

	(void)stream;
	record(conn, now, replies);
	conn->waiting -= replies;
	if (event == LOAD_BAD)
		misbehaved(conn, asked);
	else if (replies)
		go_on(conn, now, conn->reply.last);
	return used;
}

static void on_end(weir_stream *stream, void *arg)
{
	struct load_conn *conn = arg;
	const int64_t now = meter_now();

	weir_close(stream);
	if (load_reply_end(&conn->reply) && conn->waiting) {
		conn->stream = NULL;
		conn->load->errors.status += !conn->reply.good;
		record(conn, now, 1);
		conn->waiting--;
		go_on(conn, now, true);
	} else {
		ended(conn, &conn->load->errors.cut);
	}
}

static void on_gone(weir_stream *stream, int why, void *arg)
{
	struct load_conn *conn = arg;
	struct load_errors *errors = &conn->load->errors;

	(void)stream;
	ended(conn, why == -ECONNREFUSED ? &errors->refused : &errors->reset);
}

static const weir_stream_ops conn_ops = {.data = on_data, .end = on_end, .gone = on_gone};

/* ---- the open loop ---- */

void load_pace(struct load *load)
{
	if (load->phase < LOAD_WARM || !load->free.first || load->next >= load->end)
		return;

	const int64_t now = meter_now();

	if (!pending(load, now))
		return;
	/* A connection is free: it is this program that is late, not the server. */
	if (load->phase == LOAD_MEASURE && now - due(load, load->next) > load->behind)
		load->behind = now - due(load, load->next);
	while (load->free.first && pending(load, now))
		load_conn_go(pop(&load->free), now);
}

int64_t load_pace_wait(const struct load *load)
{
	if (load->phase < LOAD_WARM || !load->free.first || load->next >= load->end)
		return -1;

	const int64_t left = due(load, load->next) - meter_now();

	return left < SPIN_NS ? 0 : left / 1000000 - 1;
}
