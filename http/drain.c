/*
 * drain.c: how does a server come to an end without losing a request?
 *
 * Each connection has one more reply, which announces the close. One that is idle
 * cannot be told before its next request, which may be on its way already: it is
 * waited for, but not for long. What takes longer than the grace is cut off.
 */
#include "http/conn.h"

/* ---- how long is waited -------------------------------------------------- */

bool weir__server_hurries(const weir_server *server)
{
	return server->draining && server->opts.drain_idle_ms == WEIR_OFF;
}

int32_t weir__server_patience(const weir_server *server)
{
	const int32_t usual = server->opts.idle_ms, last = server->opts.drain_idle_ms;

	return server->draining && last < usual ? last : usual;
}

static void hurry_idle(weir_stream *stream)
{
	const weir_server *server = weir__conn_server(stream);
	const int64_t patience = server->opts.drain_idle_ms;
	const uint32_t now = (uint32_t)weir_loop_now(server->loop);

	if (stream->arg)
		return;
	if (weir__server_hurries(server))
		weir_close(stream);
	else if ((int32_t)(stream->limit.due - now) > patience)
		weir__stream_limit(stream, patience);
}

/* ---- the last one -------------------------------------------------------- */

static void tell_drained(weir_task *task, void *arg)
{
	weir_server *server = arg;

	(void)task;
	weir_timer_stop(&server->grace);
	server->opts.drained(server, server->opts.arg);
}

void weir__server_emptied(weir_server *server)
{
	if (server->draining && !server->conns && server->opts.drained)
		weir_later(server->loop, &server->last_left);
}

/* ---- draining ------------------------------------------------------------ */

static void grace_over(weir_timer *timer, void *arg)
{
	(void)timer;
	weir__server_cut(arg);
}

void weir__drain_init(weir_server *server)
{
	weir_timer_init(&server->grace, grace_over, server);
	weir_timer_unref(&server->grace, true);
	weir_task_init(&server->last_left, tell_drained, server);
}

void weir__drain_stop(weir_server *server)
{
	weir_timer_stop(&server->grace);
	weir_task_cancel(server->loop, &server->last_left);
}

void weir_server_drain(weir_server *server, int64_t grace_ms)
{
	const int64_t now = weir_loop_now(server->loop);
	int64_t due;

	if (server->freed)
		return;
	if (!server->draining) {
		server->draining = true;
		server->grace_due = INT64_MAX;
		weir__listeners_close(server->owner);
		weir__server_each(server, hurry_idle);
		weir__server_emptied(server);
	}
	/* The sum could wrap. */
	due = grace_ms < INT64_MAX - now ? now + grace_ms : INT64_MAX;
	if (grace_ms < 0 || due >= server->grace_due)
		return;
	server->grace_due = due;
	weir_timer_start(server->loop, &server->grace, grace_ms, 0);
}
