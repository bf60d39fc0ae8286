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
 * conn_data walks the reading side: step() takes octets and moves on until it
 * has to wait for octets, for the application, or for room in the queue. What
 * it does not use stays with the stream, which offers it again. The writing
 * side is moved by the application (reply.c); when it ends, conclude() decides
 * how the connection goes on. Then rest() sends what was gathered, puts away
 * what must outlive the octets, and sets the one time limit.
 *
 * A request that is read whole may also end with the connection given away
 * (switch.c): the stream has other callbacks then, and nothing here touches it.
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

#include <errno.h>
#include <string.h>

/* ---- calling the application -------------------------------------------- */

static void conclude(struct weir_req *req);
static bool tell(struct weir_req *req);

static bool takes_body(const weir_stream *stream, const struct weir_req *req)
{
	return stream->arg == req && req->reading == WEIR__READ_BODY &&
	       !weir__req_is(req, WEIR__STILL);
}

/*
 * A callback has returned. False: there is no connection any more, it was given
 * away, or it has no more use for octets. The exchange may be gone either way.
 */
static bool returned(weir_stream *stream, struct weir_req *req)
{
	req->flags &= (uint16_t)~WEIR__BUSY;
	if (!req->stream) {
		if (!weir__req_is(req, WEIR__IN_HAND))
			weir__req_over(req);
		return false;
	}
	if (!weir__req_is(req, WEIR__IN_HAND))
		conclude(req);
	else if (!tell(req))
		return false;
	return !weir__conn_over(stream);
}

/* Tells that the peer sends no more. As returned(). */
static bool tell_eof(struct weir_req *req)
{
	weir_stream *stream = req->stream;

	if (!req->ops || !req->ops->eof || weir__req_is(req, WEIR__EOF_DONE))
		return true;
	req->flags |= WEIR__EOF_DONE | WEIR__BUSY;
	req->ops->eof(req, req->arg);
	return returned(stream, req);
}

/* Tells what it is time to tell: the end of the body, then that of the peer. As returned(). */
static bool tell(struct weir_req *req)
{
	weir_stream *stream = req->stream;

	if (req->reading == WEIR__READ_WHOLE && req->ops && req->ops->end &&
	    !weir__req_is(req, WEIR__END_DONE | WEIR__STILL)) {
		req->flags |= WEIR__END_DONE | WEIR__BUSY;
		req->ops->end(req, req->arg);
		return returned(stream, req);
	}
	/* Before this request came, perhaps; but not before what is here of its body. */
	if (weir__conn_at_eof(stream) &&
	    !(takes_body(stream, req) && weir__req_is(req, WEIR__BEHIND)))
		return tell_eof(req);
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

/* The application has ended the request; how does the connection go on? */
static void conclude(struct weir_req *req)
{
	weir_stream *stream = req->stream;

	if (weir__access_due(req) && !weir__access_tell(req, keeps(req)))
		return;
	if (weir__conn_over(stream)) {
		stream->arg = NULL;
		weir__req_free(req);
		return;
	}
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

/* ---- the head ----------------------------------------------------------- */

/* The methods that the application does not want are answered here. */
static bool answer_method(struct weir_req *req)
{
	const unsigned method = req->parser.method;

	if (req->server->opts.methods & WEIR_METHOD_BIT(method))
		return false;
	if (weir__reply_own(req, method == WEIR_METHOD_OTHER ? 501 : 405, NULL,
	                    method != WEIR_METHOD_OTHER) < 0)
		weir__stream_doom(req->stream, -ENOMEM);
	return true;
}

/* A good head: to the application with it. As returned(). */
static bool hand_over(struct weir_req *req)
{
	weir_stream *stream = req->stream;
	const weir_server_opts *opts = &req->server->opts;

	if (stream->count < UINT16_MAX)
		stream->count++;
	if (req->parser.flags & WEIR_EXPECT_CONTINUE)
		req->flags |= WEIR__AWAITED;
	if (answer_method(req)) {
		conclude(req);
		return !weir__conn_over(stream);
	}
	req->flags |= WEIR__IN_HAND | WEIR__BUSY;
	if (weir__req_is(req, WEIR__AWAITED) && opts->expect && !opts->expect(req, opts->arg))
		req->flags |= WEIR__UNWANTED;
	if (req->stream && weir__req_is(req, WEIR__IN_HAND))
		opts->request(req, opts->arg);
	return returned(stream, req);
}

static void head_done(struct weir_req *req, const char *data, size_t len)
{
	const weir_parser *p = &req->parser;

	/* A trailer section may need `parts` before the head is put away. */
	if (req->parts) {
		memcpy(req->server->fields, req->parts, p->nfields * sizeof *req->parts);
		weir__req_drop_parts(req);
	}
	req->head = data;
	req->head_len = (uint32_t)len;
	req->fields = req->server->fields;
	req->nfields = p->nfields;
	weir__req_unindex(req);
	req->length = p->framing == WEIR_CHUNKED ? -1 : (int64_t)p->left;
	req->reading = req->length ? WEIR__READ_WAIT : WEIR__READ_WHOLE;
	req->flags &= (uint16_t)~WEIR__READ_DUE;
	req->seen = 0;
}

static void note_behind(struct weir_req *req, bool behind)
{
	req->flags &= (uint16_t)~WEIR__BEHIND;
	if (behind)
		req->flags |= WEIR__BEHIND;
}

/* The client does not read its replies: further requests wait. */
static bool crowded(weir_stream *stream)
{
	const int32_t high = weir__conn_server(stream)->opts.high;

	if (weir_queued(stream) > high)
		weir__stream_flush(stream);
	return weir_queued(stream) > high;
}

static bool step_head(struct weir_req *req, char *data, size_t len, size_t *used)
{
	const uint16_t most = (uint16_t)req->server->opts.max_fields;
	weir_slice piece;

	if (!weir__req_is(req, WEIR__STARTED)) {
		if (crowded(req->stream))
			return false;
		req->flags |= WEIR__STARTED;
		if (req->server->opts.log)
			weir__access_begin(req);
	}
	if (!weir__take_room(req, req->server->fields, most, len)) {
		weir__stream_doom(req->stream, -ENOMEM);
		return false;
	}
	switch (weir_parse(&req->parser, data, len, used, &piece)) {
	case WEIR_MORE:
		if (!weir__take_parts(req, most, len))
			weir__stream_doom(req->stream, -ENOMEM);
		return false;
	case WEIR_HEAD_END:
		/* Parts of this head may have been behind, until now. */
		note_behind(req, *used < len);
		head_done(req, data, *used);
		return hand_over(req);
	default:
		weir__req_refuse_message(req);
		return true;
	}
}

/* ---- the body ----------------------------------------------------------- */

/* Offers the content. As returned(); what is left of it is left in pieces. */
static bool offer(weir_stream *stream, struct weir_req *req, struct weir__pieces *pieces)
{
	size_t used;

	req->flags |= WEIR__BUSY;
	used = req->ops->data(req, pieces->data + pieces->from, pieces->len, req->arg);
	req->flags &= (uint16_t)~WEIR__ASKED;
	if (used > pieces->len)
		used = pieces->len;
	pieces->from += used;
	pieces->len -= used;
	req->ready = (uint32_t)pieces->len;
	if (!pieces->len && weir__req_is(req, WEIR__PARSED))
		req->reading = WEIR__READ_WHOLE;
	return returned(stream, req);
}

/* What became of the content that was offered. As step(). */
static bool after_offer(struct weir_req *req, struct weir__pieces *pieces, size_t *used)
{
	weir_stream *stream = req->stream;

	*used = weir__take_rest(pieces);
	if (!takes_body(stream, req))
		return !weir__req_is(req, WEIR__IN_HAND);
	if (pieces->bad) {
		weir__req_refuse_message(req);
		return true;
	}
	if (!weir__req_is(req, WEIR__PARSED)) {
		if (weir__conn_at_eof(stream))
			weir__req_cut_short(req);
		return false;
	}
	*used = pieces->at;
	req->ready = 0;
	req->reading = WEIR__READ_WHOLE;
	return tell(req);
}

static void count_in(struct weir_req *req, size_t len)
{
	req->came = len < UINT32_MAX - req->came ? req->came + (uint32_t)len : UINT32_MAX;
}

static bool step_body(struct weir_req *req, char *data, size_t len, size_t *used)
{
	weir_stream *stream = req->stream;
	struct weir__pieces pieces = {.data = data, .len = req->ready, .at = req->ready};
	bool due = weir__req_is(req, WEIR__ASKED) || stream->source.bits & WEIR__EOF;

	req->flags &= (uint16_t)~WEIR__ASKED;
	if (weir__req_is(req, WEIR__STILL))
		return false;
	if (!weir__req_is(req, WEIR__PARSED) && !weir__take_pieces(req, &pieces, len)) {
		weir__stream_doom(stream, -ENOMEM);
		return false;
	}
	count_in(req, pieces.at - req->ready);
	/* What was left is offered with more content; framing alone is none. */
	due = due || pieces.len > req->ready;
	/* The rest is whose the connection becomes, if it is given away meanwhile. */
	*used = pieces.at;
	req->ready = (uint32_t)pieces.len;
	req->flags &= (uint16_t)~WEIR__AWAITED;
	note_behind(req, pieces.at < len);
	if (pieces.len && due && !offer(stream, req, &pieces))
		return false;
	/* Nothing comes behind the last piece: it is offered once more, and then it is over. */
	if (pieces.len && weir__req_is(req, WEIR__PARSED) && takes_body(stream, req) &&
	    !offer(stream, req, &pieces))
		return false;
	return after_offer(req, &pieces, used);
}

/* The request has been answered; the rest of it is in the way. */
static bool step_drop(struct weir_req *req, char *data, size_t len, size_t *used)
{
	struct weir__pieces pieces = {.data = data, .at = req->ready, .dropped = true};

	if (!weir__req_is(req, WEIR__PARSED) && !weir__take_pieces(req, &pieces, len)) {
		weir__stream_doom(req->stream, -ENOMEM);
		return false;
	}
	count_in(req, pieces.at - req->ready);
	req->reply_left -= (int64_t)pieces.at;
	req->ready = 0;
	*used = pieces.at;
	/* Too long is too long, even if the end came in the same read. */
	if (pieces.bad || req->reply_left < 0) {
		weir__req_part(req);
		return true;
	}
	if (weir__req_is(req, WEIR__PARSED)) {
		weir__req_drop_parts(req);
		weir__req_await(req);
		return true;
	}
	if (!weir__conn_at_eof(req->stream))
		return false;
	weir__req_part(req);
	return true;
}

/* ---- octets come -------------------------------------------------------- */

static bool step_linger(struct weir_req *req, size_t len, size_t *used)
{
	*used = len;
	req->reply_left -= (int64_t)len;
	if (req->reply_left < 0)
		weir__conn_cut(req->stream, WEIR_ETOOBIG);
	return false;
}

/* Uses octets. True: it may go on with those behind them. */
static bool step(struct weir_req *req, char *data, size_t len, size_t *used)
{
	switch (req->reading) {
	case WEIR__READ_HEAD:
		return step_head(req, data, len, used);
	case WEIR__READ_BODY:
		return step_body(req, data, len, used);
	case WEIR__READ_DROP:
		return step_drop(req, data, len, used);
	case WEIR__READ_LINGER:
		return step_linger(req, len, used);
	default: /* WAIT, WHOLE: the application's turn */
		return false;
	}
}

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
	       (req->reading == WEIR__READ_HEAD && weir_queued(stream) > req->server->opts.high);
}

/* What is left to do for an exchange that stays; `left` octets are unread. */
static void stay(weir_stream *stream, struct weir_req *req, size_t left)
{
	const bool fresh = !weir__req_is(req, WEIR__STARTED);

	/* Content that was asked for is on its way to step_body. */
	if (!takes_body(stream, req))
		req->flags &= (uint16_t)~WEIR__ASKED;
	note_behind(req, left > 0);
	if (req->reading == WEIR__READ_HEAD && weir__conn_at_eof(stream) && !(fresh && left)) {
		weir__req_part(req);
		if (weir__conn_over(stream))
			return;
	} else if (takes_body(stream, req) && weir__conn_at_eof(stream) && !left) {
		weir_later(req->server->loop, &req->task);
	}
	/* Less than this is moved to the front of its chunk when that is full: what is read
	   ahead never takes another. */
	if (left >= WEIR__CHUNK / 2 && ahead(stream, req))
		weir_hold(stream, true);
	weir__limit_arm(stream, req);
}

static void rest(weir_stream *stream, size_t left)
{
	struct weir_req *req = stream->arg;

	if (weir_queued(stream))
		weir__stream_flush(stream);
	if (weir__conn_over(stream))
		return;
	if (req && !weir_queued(stream)) {
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
	if (!weir__conn_over(stream))
		rest(stream, weir__stream_unread(stream));
}

/* Something was done outside of conn_data: has it go on, from the loop. */
static void move_on(weir_stream *stream)
{
	struct weir_req *req = stream->arg;

	if (weir__conn_over(stream))
		return;
	if (req && (!weir__req_is(req, WEIR__IN_HAND) || takes_body(stream, req))) {
		weir_hold(stream, false);
		if (weir__stream_unread(stream))
			weir__stream_offer(stream);
	} else if (req && weir__req_is(req, WEIR__ASKED)) {
		weir_later(req->server->loop, &req->task);
	}
	weir__conn_rest(stream);
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
	conclude(req);
	move_on(stream);
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
	conclude(req);
	move_on(stream);
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
		move_on(req->stream);
}

void weir__req_orphan(struct weir_req *req)
{
	req->flags |= WEIR__ORPHAN;
	weir_later(req->server->loop, &req->task);
}

/* What the application is owed, but not inside its own call. */
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
	if (!weir__req_is(req, WEIR__IN_HAND) && weir__access_due(req)) {
		go_through(req);
		return;
	}
	if (!stream || weir__conn_over(stream) || !weir__req_is(req, WEIR__IN_HAND))
		return;
	if (takes_body(stream, req) && weir__conn_at_eof(stream) && !weir__stream_unread(stream)) {
		weir__req_cut_short(req);
		return;
	}
	tell(req);
	move_on(stream);
}

/* ---- what the stream tells ---------------------------------------------- */

static void conn_open(weir_stream *stream, void *arg)
{
	const weir_server *server = arg;

	stream->arg = NULL;
	if (weir__conn_admit(stream))
		weir__stream_limit(stream, server->opts.head_ms);
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

		more = step(req, octets + at, len - at, &used);
		at += used;
		go.heads += head && used;
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
		if (!tell_eof(req))
			return;
		if (takes_body(stream, req) && !weir__req_is(req, WEIR__PARSED)) {
			weir__req_cut_short(req);
			return;
		}
	}
	move_on(stream);
}

static void conn_drain(weir_stream *stream, void *arg)
{
	struct weir_req *req = arg;

	if (req && weir__req_is(req, WEIR__IN_HAND) && req->ops && req->ops->drain) {
		req->flags |= WEIR__BUSY;
		req->ops->drain(req, req->arg);
		if (!returned(stream, req))
			return;
	}
	move_on(stream);
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
	if (req->reading == WEIR__READ_HEAD || req->reading == WEIR__READ_BODY)
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
