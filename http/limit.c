/*
 * limit.c: how long is the peer waited for?
 *
 * An exchange has two deadlines at most, one for what is awaited from the peer
 * and one for what it shall take; the stream's single limit is set to the nearer.
 * A deadline is absolute (a head; lingering, from when all is sent) or the end of
 * a window, in which a number of octets must have moved. What is held by the
 * application or by weir is not the peer's fault: its window begins anew
 * afterwards, as it does when the program was away for longer than a window.
 */
#include "http/conn.h"

bool weir__limit_passed(const weir_stream *stream, uint32_t due)
{
	return (int32_t)((uint32_t)weir_loop_now(weir__conn_server(stream)->loop) - due) >= 0;
}

/* When what is awaited from the peer must have come; < 0: nothing is. */
static int64_t patience(const weir_stream *stream, const struct weir_req *req)
{
	const weir_server_opts *opts = &req->server->opts;

	switch (req->reading) {
	case WEIR__READ_HEAD:
		return weir__req_is(req, WEIR__STARTED) ? opts->head_ms : -1;
	case WEIR__READ_BODY:
	case WEIR__READ_DROP:
		return weir__conn_held(stream) ? -1 : opts->body_ms;
	case WEIR__READ_LINGER:
		return weir__queued(stream) ? -1 : WEIR__LINGER_MS;
	default:
		return -1;
	}
}

/* The first head counts from accept: that limit still stands, unless draining has put a
   shorter one in its place, or it has passed while weir had no memory to read into. */
static bool from_accept(const weir_stream *stream, const struct weir_req *req)
{
	return req->reading == WEIR__READ_HEAD && stream->count == 0 && !req->server->draining &&
	       !weir__limit_passed(stream, stream->limit.due);
}

static void set_read_due(weir_stream *stream, struct weir_req *req)
{
	const int64_t ms = patience(stream, req);

	if (ms < 0)
		req->flags &= (uint16_t)~WEIR__READ_DUE;
	if (ms < 0 || weir__req_is(req, WEIR__READ_DUE))
		return;
	req->flags |= WEIR__READ_DUE;
	req->came = 0;
	req->read_due = (uint32_t)(weir_loop_now(req->server->loop) + ms);
	if (from_accept(stream, req))
		req->read_due = stream->limit.due;
}

/* Sets the one limit of the stream to the nearest of those that count. */
void weir__limit_arm(weir_stream *stream, struct weir_req *req)
{
	const uint32_t now = (uint32_t)weir_loop_now(req->server->loop);
	int32_t ms = INT32_MAX;

	set_read_due(stream, req);
	if (weir__req_is(req, WEIR__READ_DUE))
		ms = (int32_t)(req->read_due - now);
	if (weir__req_is(req, WEIR__WRITE_DUE) && (int32_t)(req->write_due - now) < ms)
		ms = (int32_t)(req->write_due - now);
	if (ms == INT32_MAX)
		weir__stream_limit(stream, -1);
	else
		weir__stream_limit(stream, ms > 0 ? ms : 0);
}

/* A window of writing has ended. False: the peer took too little. */
bool weir__limit_taken(const weir_stream *stream, struct weir_req *req)
{
	const int64_t queued = weir__queued(stream);

	if (queued && req->owed - queued < req->server->write_need)
		return false;
	req->owed = queued;
	req->write_due = (uint32_t)(weir_loop_now(req->server->loop) + req->server->opts.write_ms);
	return true;
}
