/*
 * conn.c: what happens on a connection, and when?
 *
 * A reply may begin before its request has ended, and a request may be ended
 * before it was read: so there are two sides, each with its own small state.
 *
 *   reading   HEAD ──► WAIT ◄──► BODY ──► WHOLE ──► HEAD (the next request)
 *              │         │         │        │
 *              │         └────┬────┘        │      the reply is complete, and
 *              │            DROP ──► HEAD   │      … the rest of the body is small
 *              └──► LINGER ◄──┴─────────────┘      … the connection ends with it
 *
 *   writing   NONE ──► LENGTH │ CHUNKED │ REST │ NOTHING ──► ENDED
 *
 * conn_data walks the reading side: a step (step.c) takes octets and moves on
 * until it has to wait for octets, for the application, or for room in the queue.
 * What it does not use stays with the stream, which offers it again. The writing
 * side is moved by the application (reply.c); when it ends, callback.c decides
 * how the connection goes on. Then rest() sends what was gathered, and sets the
 * one time limit.
 *
 * A request that is read whole may also end with the connection given away
 * (switch.c): the stream has other callbacks then, and nothing here touches it.
 */
#include "http/conn.h"
#include "http/parse.h"

#include <errno.h>

/* ---- taking turns ------------------------------------------------------- */

/* The heads that conn_data has come through in one piece of input. */
struct go {
	int32_t most, heads;
	bool full; /* more octets are here */
};

static bool awaits_head(const struct weir_req *req)
{
	return !req || req->reading == WEIR__READ_HEAD;
}

/* A part of a head has come. */
static bool in_head(const weir_stream *stream)
{
	const struct weir_req *req = weir__conn_over(stream) ? NULL : stream->arg;

	return req && weir__req_is(req, WEIR__PARTIAL) && req->reading == WEIR__READ_HEAD;
}

/* After so many requests others have their turn, too. */
static bool may_go_on(struct go *go, const struct weir_req *req)
{
	go->full = awaits_head(req) && go->heads == go->most;
	return !go->full;
}

/*
 * What is left is offered in the next turn, and nothing is read until then. The same
 * where another go could follow in this one: there were several heads, or one in octets
 * that were left (then this may be an errand, and a read comes next). A client that asks
 * once and waits never comes here.
 */
static void end_go(const struct go *go, weir_stream *stream, size_t left)
{
	/* Content that was left is not offered again by itself. */
	const bool harmless = !left || awaits_head(stream->arg);
	const bool follows = go->full || go->heads > 1 || weir__stream_unread(stream);

	if (go->heads && follows && harmless)
		weir__stream_offer(stream);
}

/* ---- coming to rest ----------------------------------------------------- */

/* Nothing unread, nothing queued, no request. */
static void idle(weir_stream *stream)
{
	const weir_server *server = weir__conn_server(stream);

	if (weir__server_hurries(server)) {
		weir__conn_part(stream);
		return;
	}
	weir__stream_evictable(stream, true);
	weir__stream_limit(stream, weir__server_patience(server));
}

/* What is unread waits for the application, or for the queue, not for the peer. */
static bool ahead(const weir_stream *stream, const struct weir_req *req)
{
	return req->reading == WEIR__READ_WAIT || req->reading == WEIR__READ_WHOLE ||
	       (req->reading == WEIR__READ_HEAD && weir__queued(stream) > req->server->opts.high);
}

/* Nothing needs the exchange but a head that has not come whole. */
static bool may_park(const weir_stream *stream, const struct weir_req *req)
{
	return weir__req_is(req, WEIR__PARTIAL) && req->reading == WEIR__READ_HEAD &&
	       !req->server->opts.log && weir__all_sent(stream) && !weir__conn_at_eof(stream);
}

/* What is left to do for an exchange that stays; `left` octets are unread. */
static void stay(weir_stream *stream, struct weir_req *req, size_t left)
{
	const bool fresh = !weir__req_is(req, WEIR__STARTED);

	/* Content that was asked for is on its way to step_body. */
	if (!weir__takes_body(stream, req))
		req->flags &= (uint16_t)~WEIR__ASKED;
	weir__note_behind(req, left > 0);
	if (req->reading == WEIR__READ_HEAD && weir__conn_at_eof(stream) && !(fresh && left)) {
		weir__req_part(req);
		if (weir__conn_over(stream))
			return;
	} else if (weir__takes_body(stream, req) && weir__conn_at_eof(stream) && !left) {
		weir_later(req->server->loop, &req->task);
	}
	/* Less than this is moved to the front of its chunk when that is full: what is read
	   ahead never takes another. */
	if (left >= WEIR__CHUNK / 2 && ahead(stream, req))
		weir_hold(stream, true);
	weir__limit_arm(stream, req);
	if (may_park(stream, req))
		weir__partial_park(stream);
}

static void rest(weir_stream *stream, size_t left)
{
	struct weir_req *req = stream->arg;

	if (weir__queued(stream))
		weir__stream_flush(stream);
	if (weir__conn_over(stream))
		return;
	if (req && !weir__queued(stream)) {
		req->flags &= (uint16_t)~WEIR__WRITE_DUE;
		if (req->reading == WEIR__READ_HEAD && !weir__req_is(req, WEIR__STARTED) && !left &&
		    !weir__conn_at_eof(stream)) {
			stream->arg = NULL;
			weir__req_free(req);
			req = NULL;
		}
	}
	if (req)
		stay(stream, req, left);
	else if (!(stream->source.bits & (WEIR__LAST | WEIR__FINISHING)))
		idle(stream);
}

void weir__conn_rest(weir_stream *stream)
{
	if (!weir__conn_over(stream) && !weir__conn_is_parked(stream))
		rest(stream, weir__stream_unread(stream));
}

void weir__conn_move_on(weir_stream *stream)
{
	struct weir_req *req = stream->arg;

	if (weir__conn_over(stream))
		return;
	if (req && (!weir__req_is(req, WEIR__IN_HAND) || weir__takes_body(stream, req))) {
		weir_hold(stream, false);
		if (weir__stream_unread(stream))
			weir__stream_offer(stream);
	} else if (req && weir__req_is(req, WEIR__ASKED)) {
		weir_later(req->server->loop, &req->task);
	}
	weir__conn_rest(stream);
}

/* ---- what the stream tells ---------------------------------------------- */

/* The arg is the server's, unless the connection was taken over: then it has begun already. */
static void conn_open(weir_stream *stream, void *arg)
{
	if (arg)
		weir__conn_begin(stream);
	weir__conn_admit(stream);
}

static size_t conn_data(weir_stream *stream, const char *data, size_t len, void *arg)
{
	/* The stream's own memory, lent for the call: chunks are moved together in it. */
	char *octets = (char *)(uintptr_t)data;
	struct go go = {.most = weir__conn_server(stream)->opts.max_pipelined};
	size_t at = 0;
	bool more = true;

	(void)arg;
	weir__stream_evictable(stream, false);
	while (more && at < len && !weir__conn_over(stream)) {
		struct weir_req *req = stream->arg;
		size_t used = 0;

		if (!req && stream->source.bits & WEIR__LAST)
			return len;
		if (!may_go_on(&go, req))
			break;
		if (!req && !(req = weir__req_begin(stream))) {
			weir__stream_doom(stream, -ENOMEM);
			return len;
		}
		const bool head = awaits_head(req);

		more = weir__req_step(req, octets + at, len - at, &used);
		at += used;
		go.heads += head && used && !in_head(stream);
	}
	if (stream->source.bits & WEIR__CLOSED)
		return len;
	if (!weir__conn_is(stream))
		return at;
	if (!weir__conn_over(stream))
		end_go(&go, stream, len - at);
	if (stream->arg && !weir__req_keep_head(stream->arg))
		weir__stream_doom(stream, -ENOMEM);
	if (!weir__conn_over(stream))
		rest(stream, len - at);
	return at;
}

static void conn_end(weir_stream *stream, void *arg)
{
	struct weir_req *req = arg;

	if (!req) {
		weir__conn_part(stream);
		return;
	}
	if (req->reading == WEIR__READ_LINGER)
		return;
	if (req->reading == WEIR__READ_DROP) {
		weir__req_part(req);
	} else if (weir__req_is(req, WEIR__IN_HAND)) {
		if (!weir__req_tell_eof(req))
			return;
		if (weir__takes_body(stream, req) && !weir__req_is(req, WEIR__PARSED)) {
			weir__req_cut_short(req);
			return;
		}
	}
	weir__conn_move_on(stream);
}

static void conn_drain(weir_stream *stream, void *arg)
{
	struct weir_req *req = arg;

	if (req && weir__req_is(req, WEIR__IN_HAND) && req->ops && req->ops->drain) {
		req->flags |= WEIR__BUSY;
		req->ops->drain(req, req->arg);
		if (!weir__req_returned(stream, req))
			return;
	}
	weir__conn_move_on(stream);
}

/* What was awaited has not come in time. */
static void too_late(weir_stream *stream, struct weir_req *req)
{
	const bool windowed = req->reading == WEIR__READ_BODY || req->reading == WEIR__READ_DROP;
	const bool enough = windowed && req->came >= req->server->body_need;
	/* It may have sent all of it: nobody had memory to read it into. */
	const bool ours = stream->source.bits & WEIR__STARVED && req->reading != WEIR__READ_LINGER;

	req->flags &= (uint16_t)~WEIR__READ_DUE;
	if (enough || ours)
		return;
	/* Empty lines are no request yet: nobody waits for an answer. */
	if ((req->reading == WEIR__READ_HEAD && req->parser.state != WEIR__EMPTY_LINES) ||
	    req->reading == WEIR__READ_BODY)
		weir__req_refuse(req, 408, NULL, WEIR_ETIMEOUT);
	else
		weir__conn_cut(stream, WEIR_ETIMEOUT);
}

static void conn_idle(weir_stream *stream, void *arg)
{
	struct weir_req *req = arg;

	if (!req && stream->source.bits & WEIR__STARVED) {
		weir__stream_limit(stream, weir__conn_server(stream)->opts.head_ms);
		return;
	}
	if (!req) {
		weir_close(stream);
		return;
	}
	if (weir__req_is(req, WEIR__WRITE_DUE) && weir__limit_passed(stream, req->write_due)) {
		/* A slow reader may have made less room than the kernel tells of. */
		weir__stream_retry(stream);
		if (weir__conn_over(stream))
			return;
		if (!weir__limit_taken(stream, req)) {
			weir__stream_reset(stream);
			weir__conn_cut(stream, WEIR_ETIMEOUT);
			return;
		}
	}
	if (weir__req_is(req, WEIR__READ_DUE) && weir__limit_passed(stream, req->read_due))
		too_late(stream, req);
	weir__conn_rest(stream);
}

static void conn_gone(weir_stream *stream, int why, void *arg)
{
	(void)stream;
	if (arg)
		weir__req_lost(arg, why ? why : WEIR_ECLOSED);
}

const weir_stream_ops weir__http_ops = {
	.open = conn_open,
	.data = conn_data,
	.end = conn_end,
	.drain = conn_drain,
	.idle = conn_idle,
	.gone = conn_gone,
};
