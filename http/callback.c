/*
 * callback.c: what is the application told, and what follows from what it does?
 *
 * The machine runs from the loop only. A function that the application calls
 * inside one of its callbacks leaves its mark in the exchange, and the machine
 * acts on it when the callback has returned; outside of callbacks it may
 * conclude an exchange, but the next request waits for the loop.
 *
 * A callback may do anything, and so end its request or free the server. After
 * each one only the stream is looked at: it is there until the turn ends.
 */
#include "http/conn.h"

/* ---- calling the application -------------------------------------------- */

bool weir__req_returned(weir_stream *stream, struct weir_req *req)
{
	req->flags &= (uint16_t)~WEIR__BUSY;
	if (!req->stream) {
		if (!weir__req_is(req, WEIR__IN_HAND))
			weir__req_over(req);
		return false;
	}
	if (!weir__req_is(req, WEIR__IN_HAND))
		weir__req_conclude(req);
	else if (!weir__req_tell(req))
		return false;
	return !weir__conn_over(stream);
}

bool weir__req_tell_eof(struct weir_req *req)
{
	weir_stream *stream = req->stream;

	if (!req->ops || !req->ops->eof || weir__req_is(req, WEIR__EOF_DONE))
		return true;
	req->flags |= WEIR__EOF_DONE | WEIR__BUSY;
	req->ops->eof(req, req->arg);
	return weir__req_returned(stream, req);
}

bool weir__req_tell(struct weir_req *req)
{
	weir_stream *stream = req->stream;

	if (req->reading == WEIR__READ_WHOLE && req->ops && req->ops->end &&
	    !weir__req_is(req, WEIR__END_DONE | WEIR__STILL)) {
		req->flags |= WEIR__END_DONE | WEIR__BUSY;
		req->ops->end(req, req->arg);
		return weir__req_returned(stream, req);
	}
	/* Before this request came, perhaps; but not before what is here of its body. */
	if (weir__conn_at_eof(stream) &&
	    !(weir__takes_body(stream, req) && weir__req_is(req, WEIR__BEHIND)))
		return weir__req_tell_eof(req);
	return true;
}

/* ---- the reply is complete ---------------------------------------------- */

bool weir__req_drainable(const struct weir_req *req)
{
	if (req->reading == WEIR__READ_WHOLE)
		return true;
	/* All of it is here, but not taken: step_drop counts that, too. */
	if (weir__req_is(req, WEIR__PARSED))
		return req->ready <= WEIR__DRAIN_MAX;
	if (weir__conn_at_eof(req->stream) && !weir__req_is(req, WEIR__BEHIND))
		return false;
	/* Told to wait for 100 Continue, the client may send the body or not. */
	if (weir__req_is(req, WEIR__AWAITED) && !weir__req_is(req, WEIR__BEHIND))
		return false;
	return req->parser.framing == WEIR_CHUNKED ||
	       req->parser.left + req->ready <= WEIR__DRAIN_MAX;
}

/* Whether the connection lives on after this request. */
static bool keeps(const struct weir_req *req)
{
	return !weir__conn_over(req->stream) && !weir__req_is(req, WEIR__CLOSING) &&
	       !weir__server_hurries(req->server) && weir__req_drainable(req);
}

void weir__req_conclude(struct weir_req *req)
{
	weir_stream *stream = req->stream;

	if (weir__access_due(req) && !weir__access_tell(req, keeps(req)))
		return;
	if (weir__conn_over(stream)) {
		stream->arg = NULL;
		weir__req_free(req);
		return;
	}
	if (weir__conn_held(stream))
		weir_hold(stream, false);
	if (!keeps(req)) {
		weir__req_part(req);
		return;
	}
	weir__req_strip(req);
	if (req->reading == WEIR__READ_WHOLE) {
		weir__req_await(req);
		return;
	}
	req->reading = WEIR__READ_DROP;
	req->reply_left = WEIR__DRAIN_MAX;
	req->flags &= WEIR__WRITE_DUE | WEIR__PARSED;
}

/* ---- the application acts ----------------------------------------------- */

/* Outside of callbacks the log cannot hear of it: nothing happens to it until the next turn. */
static void put_off(struct weir_req *req)
{
	req->ops = NULL;
	req->flags &= (uint16_t)~WEIR__READ_DUE;
	if (req->reading == WEIR__READ_BODY)
		req->reading = WEIR__READ_WAIT;
	weir_later(req->server->loop, &req->task);
}

/* What was put off. */
static void go_through(struct weir_req *req)
{
	weir_stream *stream = req->stream;

	if (!stream) {
		weir__req_over(req);
		return;
	}
	weir__req_conclude(req);
	weir__conn_move_on(stream);
}

void weir__req_ended(struct weir_req *req)
{
	weir_stream *stream = req->stream;

	req->writing = WEIR__WRITE_ENDED;
	req->flags &= (uint16_t)~WEIR__IN_HAND;
	if (weir__req_is(req, WEIR__BUSY))
		return;
	if (weir__access_due(req)) {
		put_off(req);
		return;
	}
	if (!stream) {
		weir__req_free(req);
		return;
	}
	weir__req_conclude(req);
	weir__conn_move_on(stream);
}

void weir__req_switched(struct weir_req *req, const weir_stream_ops *ops, void *arg)
{
	weir_stream *stream = req->stream;

	/* The log is told when the stream is somebody else's, and asks for head and peer. */
	if (weir__access_due(req))
		weir__req_leave(req);
	req->stream = NULL;
	weir__conn_left(stream);
	weir__stream_hand_over(stream, ops, arg);
	weir__req_ended(req);
}

void weir__req_asks(struct weir_req *req)
{
	req->flags |= WEIR__ASKED;
	if (req->stream && !weir__req_is(req, WEIR__BUSY))
		weir__conn_move_on(req->stream);
}

void weir__req_orphan(struct weir_req *req)
{
	req->flags |= WEIR__ORPHAN;
	weir_later(req->server->loop, &req->task);
}

void weir__req_settle(weir_task *task, void *arg)
{
	struct weir_req *req = arg;
	weir_stream *stream = req->stream;

	(void)task;
	if (weir__req_is(req, WEIR__ORPHAN)) {
		req->flags &= (uint16_t)~WEIR__ORPHAN;
		weir__req_gone(req, WEIR_ECLOSED);
		return;
	}
	if (!weir__req_is(req, WEIR__IN_HAND)) {
		go_through(req);
		return;
	}
	if (!stream || weir__conn_over(stream))
		return;
	if (weir__takes_body(stream, req) && weir__conn_at_eof(stream) &&
	    !weir__stream_unread(stream)) {
		weir__req_cut_short(req);
		return;
	}
	weir__req_tell(req);
	weir__conn_move_on(stream);
}
