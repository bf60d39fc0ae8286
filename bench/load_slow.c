/*
 * Clients that are slow, beside those that are measured. Senders send a head, an octet every 100 ms,
 * and then the next one. Readers ask for many replies at once and take a chunk of them every 100 ms,
 * so that the server's queue for them is full all the time. Whom the server has closed for that
 * comes back.
 */
#include "bench/load.h"

#define TICK_MS 100

static void drop(struct load_conn *conn)
{
	conn->stream = NULL;
	conn->waiting = 0;
	conn->load->dropped++;
}

static void on_end(weir_stream *stream, void *arg)
{
	weir_close(stream);
	drop(arg);
}

static void on_gone(weir_stream *stream, int why, void *arg)
{
	(void)stream;
	(void)why;
	drop(arg);
}

/* ---- senders: `waiting` is how many octets of the head are sent ---- */

static size_t answered(weir_stream *stream, const char *data, size_t len, void *arg)
{
	struct load_conn *conn = arg;

	(void)stream;
	(void)data;
	conn->waiting = 0;
	return len;
}

static const weir_stream_ops sender_ops = {.data = answered, .end = on_end, .gone = on_gone};

static void send_octet(struct load_conn *conn)
{
	const struct load *load = conn->load;

	if (conn->waiting < load->request_len &&
	    weir_write(conn->stream, load->batch + conn->waiting, 1) >= 0)
		conn->waiting++;
}

/* ---- readers ---- */

static size_t read_a_little(weir_stream *stream, const char *data, size_t len, void *arg)
{
	(void)data;
	(void)arg;
	weir_hold(stream, true);
	return len;
}

static const weir_stream_ops reader_ops = {.data = read_a_little, .end = on_end, .gone = on_gone};

static void ask_and_read(struct load_conn *conn)
{
	const struct load *load = conn->load;

	if (weir_queued(conn->stream) == 0)
		(void)weir_write(conn->stream, load->batch,
		                 (size_t)load->copies * load->request_len);
	weir_hold(conn->stream, false);
}

/* ---- all of them ---- */

static void tick(weir_timer *timer, void *arg)
{
	struct load *load = arg;
	const int64_t senders = load->options.connections + load->options.idle;
	const int64_t readers = senders + load->options.slow_senders;

	(void)timer;
	for (int64_t i = senders; i < load->nconns; i++) {
		struct load_conn *conn = &load->conns[i];

		/* One that cannot be opened now is tried again at the next tick. */
		if (!conn->stream && load_dial(conn, i < readers ? &sender_ops : &reader_ops) < 0)
			continue;
		if (i < readers)
			send_octet(conn);
		else
			ask_and_read(conn);
	}
}

void load_slow_start(struct load *load)
{
	const int64_t senders = load->options.connections + load->options.idle;
	const int64_t readers = senders + load->options.slow_senders;

	for (int64_t i = senders; i < load->nconns; i++)
		if (load->conns[i].stream)
			weir_stream_on(load->conns[i].stream,
			               i < readers ? &sender_ops : &reader_ops, &load->conns[i]);
	weir_timer_init(&load->slow_timer, tick, load);
	if (senders < load->nconns)
		weir_timer_start(load->loop, &load->slow_timer, TICK_MS, TICK_MS);
}
