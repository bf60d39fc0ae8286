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

#include "http/parse.h"

static bool closed(const weir_stream *stream)
{
	return (stream->source.bits & (WEIR__CLOSED | WEIR__DOOMED)) != 0;
}

static bool held(const weir_stream *stream)
{
	return (stream->source.bits & WEIR__HELD) != 0;
}

static bool at_eof(const weir_stream *stream)
{
	return (stream->source.bits & WEIR__END_TOLD) != 0;
}

static weir_server *server_of(const weir_stream *stream)
{
	return weir__stream_owner_arg(stream);
}

static struct weir__mem *memory(const weir_server *server)
{
	return &server->loop->mem;
}

/* ---- the exchange ------------------------------------------------------- */

static void await_head(struct weir_req *req)
{
	const weir_server *server = req->server;

	weir_parser_init(&req->parser, &server->limits, server->fields,
			 (uint16_t)server->opts.max_fields);
	req->reading = WEIR__READ_HEAD;
	req->writing = WEIR__WRITE_NONE;
	req->flags &= WEIR__WRITE_DUE;
	req->seen = req->ready = 0;
}

static void settle_later(weir_task *task, void *arg);

/* NULL: no memory. */
static struct weir_req *begin(weir_stream *stream)
{
	weir_server *server = server_of(stream);
	struct weir_req *req = weir__pool_take(&server->pool);

	if (!req)
		return NULL;
	memset(req, 0, sizeof *req);
	weir_task_init(&req->task, settle_later, req);
	req->stream = stream;
	req->server = server;
	req->link = &server->reqs;
	req->next = server->reqs;
	if (req->next)
		req->next->link = &req->next;
	server->reqs = req;
	stream->arg = req;
	await_head(req);
	return req;
}

static void drop_parts(struct weir_req *req)
{
	weir__mem_free(memory(req->server), req->parts, req->parts_cap * sizeof *req->parts);
	req->parts = NULL;
	req->parts_cap = 0;
}

/* What belongs to one request goes; what belongs to the connection stays. */
static void strip(struct weir_req *req)
{
	if (req->kept)
		weir__mem_free(memory(req->server), req->kept,
			       req->nfields * sizeof *req->fields + req->head_len);
	if (req->parts)
		drop_parts(req);
	if (req->added)
		weir__reply_forget(req);
	if (req->task.queued)
		weir_task_cancel(req->server->loop, &req->task);
	req->head = req->kept = NULL;
	req->fields = NULL;
	req->nfields = 0;
	req->head_len = 0;
	req->ops = NULL;
}

void weir__req_free(struct weir_req *req)
{
	weir_server *server = req->server;

	strip(req);
	if (req->peer)
		weir__peer_give(&server->loop->peers, req->peer);
	*req->link = req->next;
	if (req->next)
		req->next->link = req->link;
	weir__pool_give(&server->pool, req);
	if (server->freed)
		weir__server_check(server);
}

/*
 * The head is still wanted when the octets it was read from go: it gets a block
 * of its own, of just its size. Slices stay what they are. Without memory there
 * is nothing to answer with but empty strings. False: so it is.
 */
static bool keep_head(struct weir_req *req)
{
	const size_t fields = req->nfields * sizeof *req->fields;

	if (req->kept || !req->head)
		return true;
	req->kept = weir__mem_resize(memory(req->server), NULL, 0, fields + req->head_len);
	if (req->kept) {
		memcpy(req->kept, req->fields, fields);
		memcpy(req->kept + fields, req->head, req->head_len);
		req->fields = (weir_field *)(void *)req->kept;
		req->head = req->kept + fields;
	} else {
		req->fields = NULL;
		req->head = NULL;
		req->nfields = 0;
		req->head_len = 0;
	}
	return req->kept != NULL;
}

void weir__req_leave(struct weir_req *req)
{
	weir_stream *stream = req->stream;
	struct weir__addr addr;

	keep_head(req);
	if (stream->peer) {
		weir__peer_get(&req->server->loop->peers, stream->peer, &addr);
		req->peer = weir__peer_take(&req->server->loop->peers, &addr);
	}
	req->port = stream->port;
	req->stream = NULL;
	stream->arg = NULL;
}

/* ---- calling the application -------------------------------------------- */

static void conclude(struct weir_req *req);
static bool tell_end(struct weir_req *req);

/*
 * A callback has returned. False: there is no connection any more, or it has no
 * more use for octets. The exchange may be gone either way.
 */
static bool returned(weir_stream *stream, struct weir_req *req)
{
	req->flags &= (uint16_t)~WEIR__BUSY;
	if (!req->stream) {
		if (!weir__req_is(req, WEIR__IN_HAND))
			weir__req_free(req);
		return false;
	}
	if (!weir__req_is(req, WEIR__IN_HAND))
		conclude(req);
	else if (!tell_end(req))
		return false;
	return !closed(stream);
}

/* Tells that the body is complete, when it is time to. As returned(). */
static bool tell_end(struct weir_req *req)
{
	weir_stream *stream = req->stream;

	if (req->reading != WEIR__READ_WHOLE || !req->ops || !req->ops->end ||
	    weir__req_is(req, WEIR__END_DONE | WEIR__STILL))
		return true;
	req->flags |= WEIR__END_DONE | WEIR__BUSY;
	req->ops->end(req, req->arg);
	return returned(stream, req);
}

/* The stream has left already. */
static void tell_gone(struct weir_req *req, int why)
{
	const weir_req_ops *ops = req->ops;

	req->ops = NULL;
	if (ops && ops->gone) {
		req->flags |= WEIR__BUSY;
		ops->gone(req, why, req->arg);
		req->flags &= (uint16_t)~WEIR__BUSY;
	}
	if (!weir__req_is(req, WEIR__IN_HAND))
		weir__req_free(req);
}

/* ---- the connection ends ------------------------------------------------ */

void weir__conn_close(weir_stream *stream)
{
	server_of(stream)->conns--;
	weir_close(stream);
}

/* The exchange has lost its stream, one way or the other. */
static void lost(struct weir_req *req, int why)
{
	if (!weir__req_is(req, WEIR__IN_HAND)) {
		req->stream->arg = NULL;
		weir__req_free(req);
		return;
	}
	weir__req_leave(req);
	tell_gone(req, why);
}

/* Closes at once. From the loop only. */
static void cut_off(weir_stream *stream, int why)
{
	struct weir_req *req = stream->arg;
	const bool in_hand = req && weir__req_is(req, WEIR__IN_HAND);

	if (in_hand)
		weir__req_leave(req);
	else if (req)
		lost(req, why);
	weir__conn_close(stream);
	if (in_hand)
		tell_gone(req, why);
}

void weir__conn_part(weir_stream *stream)
{
	weir__stream_evictable(stream, false);
	weir__stream_last(stream);
	weir__stream_limit(stream, WEIR__LINGER_MS);
}

static void linger(struct weir_req *req)
{
	strip(req);
	req->reading = WEIR__READ_LINGER;
	req->writing = WEIR__WRITE_ENDED;
	req->reply_left = WEIR__LINGER_MAX;
	req->flags &= WEIR__WRITE_DUE | WEIR__BEHIND;
	weir_hold(req->stream, false);
}

/*
 * The last reply is written. A close with octets unread would reset the
 * connection, and the reply could be lost with it: unless nothing can be on its
 * way any more, our end is sent first, and what comes is read and dropped.
 */
static void part(struct weir_req *req)
{
	weir_stream *stream = req->stream;
	const bool client_closes = !(req->parser.flags & WEIR_KEEP);
	const bool nothing_comes = at_eof(stream) || (client_closes &&
						       req->reading == WEIR__READ_WHOLE &&
						       !weir__req_is(req, WEIR__BEHIND));

	linger(req);
	if (nothing_comes)
		weir__stream_last(stream);
	else
		weir_finish(stream);
}

/*
 * The request stays the application's, but its connection goes another way: it
 * needs an exchange of its own for that. NULL: it ends without.
 */
static struct weir_req *replace(struct weir_req *in_hand)
{
	weir_stream *stream = in_hand->stream;
	struct weir_req *req;

	weir__req_leave(in_hand);
	req = begin(stream);
	if (!req) {
		weir__conn_part(stream);
		return NULL;
	}
	req->owed = in_hand->owed;
	req->write_due = in_hand->write_due;
	req->flags |= in_hand->flags & (WEIR__WRITE_DUE | WEIR__BEHIND);
	return req;
}

/*
 * Ends the connection for a fault of the client's, with a reply that says so if
 * none has begun. From the loop only.
 */
static void refuse(struct weir_req *req, int status, const char *text, int why)
{
	weir_stream *stream = req->stream;
	struct weir_req *in_hand = weir__req_is(req, WEIR__IN_HAND) ? req : NULL;

	if (req->writing == WEIR__WRITE_NONE) {
		req->flags |= WEIR__CLOSING;
		if (weir__reply_own(req, status, text, false) < 0) {
			cut_off(stream, why);
			return;
		}
	}
	if (!in_hand) {
		linger(req);
		weir_finish(stream);
		return;
	}
	req = replace(in_hand);
	if (req) {
		linger(req);
		weir_finish(stream);
	}
	tell_gone(in_hand, why);
}

static void refuse_message(struct weir_req *req)
{
	const weir_refusal why = (weir_refusal)req->parser.error;
	const int status = weir_refusal_status(why);
	const bool big = status == 413 || status == 431;

	refuse(req, status, weir_refusal_text(why), big ? WEIR_ETOOBIG : -EBADMSG);
}

/* The peer sends no more and the message is not complete. Earlier replies still go out. */
static void cut_short(struct weir_req *req)
{
	struct weir_req *in_hand = weir__req_is(req, WEIR__IN_HAND) ? req : NULL;

	if (in_hand)
		req = replace(in_hand);
	if (req)
		part(req);
	if (in_hand)
		tell_gone(in_hand, WEIR_ESHORT);
}

/* ---- the reply is complete ---------------------------------------------- */

bool weir__req_drainable(const struct weir_req *req)
{
	if (req->reading == WEIR__READ_WHOLE || weir__req_is(req, WEIR__PARSED))
		return true;
	if (at_eof(req->stream) && !weir__req_is(req, WEIR__BEHIND))
		return false;
	/* Told to wait for 100 Continue, the client may send the body or not. */
	if (weir__req_is(req, WEIR__AWAITED) && !weir__req_is(req, WEIR__BEHIND))
		return false;
	return req->parser.framing == WEIR_CHUNKED ||
	       req->parser.left + req->ready <= WEIR__DRAIN_MAX;
}

/* The application has ended the request; how does the connection go on? */
static void conclude(struct weir_req *req)
{
	weir_stream *stream = req->stream;

	if (closed(stream)) {
		stream->arg = NULL;
		weir__req_free(req);
		return;
	}
	weir_hold(stream, false);
	if (weir__req_is(req, WEIR__CLOSING) || req->server->draining ||
	    !weir__req_drainable(req)) {
		part(req);
		return;
	}
	strip(req);
	if (req->reading == WEIR__READ_WHOLE) {
		await_head(req);
		return;
	}
	req->reading = WEIR__READ_DROP;
	req->reply_left = WEIR__DRAIN_MAX;
	req->flags &= WEIR__WRITE_DUE | WEIR__PARSED;
}

/* ---- the head ----------------------------------------------------------- */

/*
 * Where the parser puts the fields of a section: into the server's array while
 * one call reads it, else into one of the exchange's own that has room for what
 * these octets can hold. A field line has at least four of them.
 */
static bool make_room(struct weir_req *req, weir_field *shared, uint16_t most, size_t len)
{
	const size_t fresh = len > req->seen ? len - req->seen : 0;
	size_t need = req->parser.nfields + fresh / 4 + 3;
	weir_field *bigger;

	req->parser.fields = req->parts ? req->parts : shared;
	req->parser.max_fields = most;
	if (!req->parts || need <= req->parts_cap)
		return true;
	if (need < req->parts_cap + req->parts_cap / 2u)
		need = req->parts_cap + req->parts_cap / 2u;
	if (need > most)
		need = most;
	if (need <= req->parts_cap)
		return true;
	bigger = weir__mem_resize(memory(req->server), req->parts,
				  req->parts_cap * sizeof *bigger, need * sizeof *bigger);
	if (!bigger)
		return false;
	req->parser.fields = req->parts = bigger;
	req->parts_cap = (uint16_t)need;
	return true;
}

/* The section is not complete: its fields so far move out of the shared array. */
static bool keep_parts(struct weir_req *req, uint16_t most, size_t len)
{
	/* One more than there are: the one that is being read. */
	const size_t n = req->parser.nfields < most ? req->parser.nfields + 1u : most;

	req->seen = (uint32_t)len;
	if (req->parts)
		return true;
	req->parts = weir__mem_resize(memory(req->server), NULL, 0, n * sizeof *req->parts);
	if (!req->parts)
		return false;
	memcpy(req->parts, req->parser.fields, n * sizeof *req->parts);
	req->parts_cap = (uint16_t)n;
	return true;
}

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
		return !closed(stream);
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
		drop_parts(req);
	}
	req->head = data;
	req->head_len = (uint32_t)len;
	req->fields = req->server->fields;
	req->nfields = p->nfields;
	req->length = p->framing == WEIR_CHUNKED ? -1 : (int64_t)p->left;
	req->reading = req->length ? WEIR__READ_WAIT : WEIR__READ_WHOLE;
	req->flags &= (uint16_t)~WEIR__READ_DUE;
	req->seen = 0;
}

/* The client does not read its replies: further requests wait. */
static bool crowded(weir_stream *stream)
{
	const int32_t high = server_of(stream)->opts.high;

	if (weir_queued(stream) > high)
		weir__stream_flush(stream);
	return weir_queued(stream) > high;
}

static bool step_head(struct weir_req *req, char *data, size_t len, size_t *used)
{
	const uint16_t most = (uint16_t)req->server->opts.max_fields;
	weir_slice piece;

	if (!weir__req_is(req, WEIR__STARTED) && crowded(req->stream))
		return false;
	req->flags |= WEIR__STARTED;
	if (!make_room(req, req->server->fields, most, len)) {
		weir__stream_doom(req->stream, -ENOMEM);
		return false;
	}
	switch (weir_parse(&req->parser, data, len, used, &piece)) {
	case WEIR_MORE:
		if (!keep_parts(req, most, len))
			weir__stream_doom(req->stream, -ENOMEM);
		return false;
	case WEIR_HEAD_END:
		if (*used < len)
			req->flags |= WEIR__BEHIND;
		head_done(req, data, *used);
		return hand_over(req);
	default:
		refuse_message(req);
		return true;
	}
}

/* ---- the body ----------------------------------------------------------- */

/*
 * Content that has come is content[0..len) of data; the parser is through with
 * at octets. Chunks are moved together, so that the application sees the
 * content in one piece and what it leaves can be offered together with more.
 */
struct pieces {
	char *data;
	size_t from, len, at;
	bool bad, dropped;
};

static void add_piece(struct pieces *pieces, weir_slice piece)
{
	char *place = pieces->data + pieces->at + piece.at;

	if (pieces->dropped)
		return;
	if (!pieces->len)
		pieces->from = pieces->at + piece.at;
	else if (pieces->data + pieces->from + pieces->len != place)
		memmove(pieces->data + pieces->from + pieces->len, place, piece.len);
	pieces->len += piece.len;
}

/* Reads as much of the message as is there. False: no memory. */
static bool read_pieces(struct weir_req *req, struct pieces *pieces, size_t len)
{
	weir_parser *p = &req->parser;
	weir_event event = WEIR_BODY;

	while (event != WEIR_MORE && event != WEIR_DONE && event != WEIR_BAD) {
		size_t used;
		weir_slice piece;

		if (!make_room(req, req->server->trailers, WEIR__TRAILERS, len - pieces->at))
			return false;
		event = weir_parse(p, pieces->data + pieces->at, len - pieces->at, &used, &piece);
		if (event == WEIR_BODY)
			add_piece(pieces, piece);
		pieces->at += used;
	}
	pieces->bad = event == WEIR_BAD;
	if (event == WEIR_DONE)
		req->flags |= WEIR__PARSED;
	if (event == WEIR_MORE && p->seen & WEIR__TRAILER)
		return keep_parts(req, WEIR__TRAILERS, len - pieces->at);
	return true;
}

/* Offers the content. As returned(); what is left of it is left in pieces. */
static bool offer(weir_stream *stream, struct weir_req *req, struct pieces *pieces)
{
	size_t used;

	req->flags |= WEIR__BUSY;
	used = req->ops->data(req, pieces->data + pieces->from, pieces->len, req->arg);
	if (used > pieces->len)
		used = pieces->len;
	pieces->from += used;
	pieces->len -= used;
	req->ready = (uint32_t)pieces->len;
	if (!pieces->len && weir__req_is(req, WEIR__PARSED))
		req->reading = WEIR__READ_WHOLE;
	return returned(stream, req);
}

static bool takes_body(const weir_stream *stream, const struct weir_req *req)
{
	return stream->arg == req && req->reading == WEIR__READ_BODY &&
	       !weir__req_is(req, WEIR__STILL);
}

/* Moves what was not taken right before what was not parsed. */
static size_t leave_rest(struct pieces *pieces)
{
	const size_t start = pieces->at - pieces->len;

	if (pieces->len && pieces->from != start)
		memmove(pieces->data + start, pieces->data + pieces->from, pieces->len);
	return start;
}

/* What became of the content that was offered. As step(). */
static bool after_offer(struct weir_req *req, struct pieces *pieces, size_t *used)
{
	weir_stream *stream = req->stream;

	*used = leave_rest(pieces);
	if (!takes_body(stream, req))
		return !weir__req_is(req, WEIR__IN_HAND);
	if (pieces->bad) {
		refuse_message(req);
		return true;
	}
	if (!weir__req_is(req, WEIR__PARSED)) {
		if (at_eof(stream))
			cut_short(req);
		return false;
	}
	*used = pieces->at;
	req->ready = 0;
	req->reading = WEIR__READ_WHOLE;
	return tell_end(req);
}

static void count_in(struct weir_req *req, size_t len)
{
	req->came = len < UINT32_MAX - req->came ? req->came + (uint32_t)len : UINT32_MAX;
}

static bool step_body(struct weir_req *req, char *data, size_t len, size_t *used)
{
	weir_stream *stream = req->stream;
	struct pieces pieces = {.data = data, .len = req->ready, .at = req->ready};

	req->flags &= (uint16_t)~WEIR__ASKED;
	if (weir__req_is(req, WEIR__STILL))
		return false;
	if (!weir__req_is(req, WEIR__PARSED) && !read_pieces(req, &pieces, len)) {
		weir__stream_doom(stream, -ENOMEM);
		return false;
	}
	count_in(req, pieces.at - req->ready);
	req->ready = (uint32_t)pieces.len;
	req->flags &= (uint16_t)~(WEIR__BEHIND | WEIR__AWAITED);
	if (pieces.at < len)
		req->flags |= WEIR__BEHIND;
	if (pieces.len && !offer(stream, req, &pieces))
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
	struct pieces pieces = {.data = data, .at = req->ready, .dropped = true};

	if (!weir__req_is(req, WEIR__PARSED) && !read_pieces(req, &pieces, len)) {
		weir__stream_doom(req->stream, -ENOMEM);
		return false;
	}
	count_in(req, pieces.at - req->ready);
	req->reply_left -= (int64_t)pieces.at;
	req->ready = 0;
	*used = pieces.at;
	if (weir__req_is(req, WEIR__PARSED)) {
		drop_parts(req);
		await_head(req);
		return true;
	}
	if (!pieces.bad && req->reply_left >= 0 && !at_eof(req->stream))
		return false;
	part(req);
	return true;
}

/* ---- octets come -------------------------------------------------------- */

static bool step_linger(struct weir_req *req, size_t len, size_t *used)
{
	*used = len;
	req->reply_left -= (int64_t)len;
	if (req->reply_left < 0)
		cut_off(req->stream, WEIR_ETOOBIG);
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

/* ---- coming to rest ----------------------------------------------------- */

static bool passed(const weir_stream *stream, uint32_t due)
{
	return (int32_t)((uint32_t)weir_loop_now(server_of(stream)->loop) - due) >= 0;
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
		return held(stream) ? -1 : opts->body_ms;
	case WEIR__READ_LINGER:
		return WEIR__LINGER_MS;
	default:
		return -1;
	}
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
	/* The first head counts from accept: that limit still stands. */
	if (req->reading == WEIR__READ_HEAD && stream->count == 0)
		req->read_due = stream->limit.due;
}

/* Sets the one limit of the stream to the nearest of those that count. */
static void arm(weir_stream *stream, struct weir_req *req)
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

/* Nothing unread, nothing queued, no request. */
static void idle(weir_stream *stream)
{
	const weir_server *server = server_of(stream);

	if (server->draining) {
		weir__conn_part(stream);
		return;
	}
	weir__stream_evictable(stream, true);
	weir__stream_limit(stream, server->opts.idle_ms);
}

/* Octets are here that wait for the application, not for the peer. */
static bool ahead(const struct weir_req *req)
{
	return req->reading == WEIR__READ_WAIT || req->reading == WEIR__READ_WHOLE ||
	       (req->reading == WEIR__READ_HEAD && !weir__req_is(req, WEIR__STARTED));
}

/* What is left to do for an exchange that stays; `left` octets are unread. */
static void stay(weir_stream *stream, struct weir_req *req, size_t left)
{
	const bool fresh = !weir__req_is(req, WEIR__STARTED);

	req->flags &= (uint16_t)~(WEIR__BEHIND | WEIR__ASKED);
	if (left)
		req->flags |= WEIR__BEHIND;
	if (req->reading == WEIR__READ_HEAD && at_eof(stream) && !(fresh && left))
		part(req);
	if (left >= WEIR__CHUNK && ahead(req))
		weir_hold(stream, true);
	arm(stream, req);
}

static void rest(weir_stream *stream, size_t left)
{
	struct weir_req *req = stream->arg;

	if (weir_queued(stream))
		weir__stream_flush(stream);
	if (closed(stream))
		return;
	if (req && !weir_queued(stream)) {
		req->flags &= (uint16_t)~WEIR__WRITE_DUE;
		if (req->reading == WEIR__READ_HEAD && !weir__req_is(req, WEIR__STARTED) && !left &&
		    !at_eof(stream)) {
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
	if (!closed(stream))
		rest(stream, weir__stream_unread(stream));
}

/* Something was done outside of conn_data: has it go on, from the loop. */
static void move_on(weir_stream *stream)
{
	struct weir_req *req = stream->arg;

	if (closed(stream))
		return;
	if (req && (!weir__req_is(req, WEIR__IN_HAND) || weir__req_is(req, WEIR__ASKED))) {
		if (weir__stream_unread(stream))
			weir__stream_offer(stream);
		else if (weir__req_is(req, WEIR__IN_HAND))
			weir_later(req->server->loop, &req->task);
	}
	weir__conn_rest(stream);
}

/* ---- the application acts ----------------------------------------------- */

void weir__req_ended(struct weir_req *req)
{
	weir_stream *stream = req->stream;

	req->writing = WEIR__WRITE_ENDED;
	req->flags &= (uint16_t)~WEIR__IN_HAND;
	if (weir__req_is(req, WEIR__BUSY))
		return;
	if (!stream) {
		weir__req_free(req);
		return;
	}
	conclude(req);
	move_on(stream);
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
static void settle_later(weir_task *task, void *arg)
{
	struct weir_req *req = arg;
	weir_stream *stream = req->stream;

	(void)task;
	if (weir__req_is(req, WEIR__ORPHAN)) {
		req->flags &= (uint16_t)~WEIR__ORPHAN;
		tell_gone(req, WEIR_ECLOSED);
		return;
	}
	if (!stream || closed(stream) || !weir__req_is(req, WEIR__IN_HAND))
		return;
	if (takes_body(stream, req) && at_eof(stream) && !weir__stream_unread(stream)) {
		cut_short(req);
		return;
	}
	tell_end(req);
	move_on(stream);
}

/* ---- what the stream tells ---------------------------------------------- */

static void conn_open(weir_stream *stream, void *arg)
{
	weir_server *server = arg;

	stream->arg = NULL;
	server->conns++;
	weir__stream_limit(stream, server->opts.head_ms);
}

static size_t conn_data(weir_stream *stream, const char *data, size_t len, void *arg)
{
	/* The stream's own memory, lent for the call: chunks are moved together in it. */
	char *octets = (char *)(uintptr_t)data;
	size_t at = 0;
	bool more = true;

	(void)arg;
	weir__stream_evictable(stream, false);
	while (more && at < len && !closed(stream)) {
		struct weir_req *req = stream->arg;
		size_t used = 0;

		if (!req && stream->source.bits & WEIR__LAST)
			return len;
		if (!req && !(req = begin(stream))) {
			weir__stream_doom(stream, -ENOMEM);
			return len;
		}
		more = step(req, octets + at, len - at, &used);
		at += used;
	}
	if (stream->source.bits & WEIR__CLOSED)
		return len;
	if (stream->arg && !keep_head(stream->arg))
		weir__stream_doom(stream, -ENOMEM);
	if (!closed(stream))
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
		part(req);
	} else if (weir__req_is(req, WEIR__IN_HAND)) {
		if (req->ops && req->ops->eof) {
			req->flags |= WEIR__BUSY;
			req->ops->eof(req, req->arg);
			if (!returned(stream, req))
				return;
		}
		if (takes_body(stream, req) && !weir__req_is(req, WEIR__PARSED)) {
			cut_short(req);
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

/* A window of writing has ended. False: the peer took too little. */
static bool takes_enough(const weir_stream *stream, struct weir_req *req)
{
	const int64_t queued = weir_queued(stream);

	if (queued && req->owed - queued < req->server->write_need)
		return false;
	req->owed = queued;
	req->write_due += (uint32_t)req->server->opts.write_ms;
	return true;
}

/* What was awaited has not come in time. False: the connection is gone. */
static bool too_late(weir_stream *stream, struct weir_req *req)
{
	const bool enough = req->came >= req->server->body_need;

	req->flags &= (uint16_t)~WEIR__READ_DUE;
	switch (req->reading) {
	case WEIR__READ_HEAD:
		refuse(req, 408, NULL, WEIR_ETIMEOUT);
		break;
	case WEIR__READ_BODY:
	case WEIR__READ_DROP:
		if (enough || stream->source.bits & WEIR__STARVED)
			break;
		if (req->reading == WEIR__READ_BODY) {
			refuse(req, 408, NULL, WEIR_ETIMEOUT);
			break;
		}
		cut_off(stream, WEIR_ETIMEOUT);
		return false;
	default:
		if (weir_queued(stream))
			break;
		cut_off(stream, WEIR_ETIMEOUT);
		return false;
	}
	return !closed(stream);
}

static void conn_idle(weir_stream *stream, void *arg)
{
	struct weir_req *req = arg;

	if (!req) {
		weir__conn_close(stream);
		return;
	}
	if (weir__req_is(req, WEIR__WRITE_DUE) && passed(stream, req->write_due) &&
	    !takes_enough(stream, req)) {
		cut_off(stream, WEIR_ETIMEOUT);
		return;
	}
	if (weir__req_is(req, WEIR__READ_DUE) && passed(stream, req->read_due) &&
	    !too_late(stream, req))
		return;
	weir__conn_rest(stream);
}

static void conn_gone(weir_stream *stream, int why, void *arg)
{
	server_of(stream)->conns--;
	if (arg)
		lost(arg, why ? why : WEIR_ECLOSED);
}

const weir_stream_ops weir__http_ops = {
    .open = conn_open,
    .data = conn_data,
    .end = conn_end,
    .drain = conn_drain,
    .idle = conn_idle,
    .gone = conn_gone,
};
