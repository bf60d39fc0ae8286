/*
 * step.c: what do octets mean, where the reading side of an exchange stands?
 *
 * Each step uses some, and says whether those behind them may be looked at. It may
 * hand the request to the application, and so end in whatever that does.
 */
#include "http/conn.h"
#include "http/parse.h"

#include <errno.h>
#include <string.h>

/* ---- whose it is --------------------------------------------------------- */

/* A method that the application does not want. */
static int answer_method(struct weir_req *req)
{
	if (req->parser.method == WEIR_METHOD_OTHER)
		return weir__reply_own(req, 501, NULL, NULL, NULL);
	return weir__reply_own(req, 405, NULL, "Allow", req->server->allow);
}

/* What is not the application's is answered here. */
static bool answer(struct weir_req *req)
{
	int result;

	if (req->server->opts.health && weir__health_asked(req))
		result = weir__health_answer(req);
	else if (!(req->server->opts.methods & WEIR_METHOD_BIT(req->parser.method)))
		result = answer_method(req);
	else
		return false;
	if (result < 0)
		weir__stream_doom(req->stream, -ENOMEM);
	return true;
}

/* A good head: to the application with it. As weir__req_returned. */
static bool hand_over(struct weir_req *req)
{
	weir_stream *stream = req->stream;
	const weir_server_opts *opts = &req->server->opts;

	if (stream->count < UINT16_MAX)
		stream->count++;
	if (req->server->loop->tally)
		weir__tally_add(&req->server->loop->tally->requests, 1);
	if (req->parser.flags & WEIR_EXPECT_CONTINUE)
		req->flags |= WEIR__AWAITED;
	if (answer(req)) {
		weir__req_conclude(req);
		return !weir__conn_over(stream);
	}
	req->flags |= WEIR__IN_HAND | WEIR__BUSY;
	if (weir__req_is(req, WEIR__AWAITED) && opts->expect && !opts->expect(req, opts->arg))
		req->flags |= WEIR__UNWANTED;
	if (req->stream && weir__req_is(req, WEIR__IN_HAND))
		opts->request(req, opts->arg);
	return weir__req_returned(stream, req);
}

static void head_done(struct weir_req *req, weir_str head)
{
	const weir_parser *p = &req->parser;

	req->head = head.data;
	req->head_len = (uint32_t)head.len;
	req->nfields = p->nfields;
	weir__req_forget_fields(req);
	req->server->fielded = req;
	req->length = p->framing == WEIR_CHUNKED ? -1 : (int64_t)p->left;
	req->reading = req->length ? WEIR__READ_WAIT : WEIR__READ_WHOLE;
	req->flags &= (uint16_t)~WEIR__READ_DUE;
}

/* The client does not read its replies: further requests wait. */
static bool crowded(weir_stream *stream)
{
	const int32_t high = weir__conn_server(stream)->opts.high;

	if (weir__queued(stream) > high)
		weir__stream_flush(stream);
	return weir__queued(stream) > high;
}

/* ---- the same head once more -------------------------------------------- */

/*
 * Clients mostly ask the same again, octet for octet, and so do many clients of one kind.
 * What was made of the head before this one is then what would be made of this one: it is
 * compared, and not read.
 */
static bool is_repeated(const struct weir__memo *memo, const char *data, size_t len)
{
	return memo->len && len >= memo->len && !memcmp(data, memo->octets, memo->len);
}

static void note_head(const struct weir_req *req, weir_str head)
{
	struct weir__memo *memo = &req->server->memo;
	const weir_parser *p = &req->parser;

	if (p->framing != WEIR_NO_BODY || p->seen & WEIR__CONTINUE ||
	    head.len > sizeof memo->octets)
		return;
	memo->parser = *p;
	memo->len = (uint32_t)head.len;
	memcpy(memo->octets, head.data, head.len);
}

/* ---- the head ----------------------------------------------------------- */

/* As much of the head as there is. False: no memory. */
static bool read_head(struct weir_req *req, const char *data, size_t len, size_t *used,
                      weir_event *event, weir_str *head)
{
	struct weir__memo *memo = &req->server->memo;
	weir_slice piece;

	req->server->fielded = NULL;
	if (!weir__req_is(req, WEIR__PARTIAL) && is_repeated(memo, data, len)) {
		req->parser = memo->parser;
		*event = WEIR_HEAD_END;
		*used = memo->len;
		*head = (weir_str){data, *used};
		return true;
	}
	/* Its fields go from the array, whatever comes of this one. */
	memo->len = 0;
	if (weir__req_is(req, WEIR__PARTIAL))
		return weir__partial_feed(req, data, len, used, event, head);
	/* The last request's may be there still. */
	if (req->parser.state != WEIR__EMPTY_LINES || req->parser.fields != req->server->fields)
		weir__req_renew_parser(req);
	*event = weir_parse(&req->parser, data, len, used, &piece);
	*head = (weir_str){data, *used};
	if (*event == WEIR_HEAD_END)
		note_head(req, *head);
	if (*event != WEIR_MORE)
		return true;
	*used = len;
	return weir__partial_begin(req, data, len);
}

static bool step_head(struct weir_req *req, const char *data, size_t len, size_t *used)
{
	weir_event event;
	weir_str head;

	if (!weir__req_is(req, WEIR__STARTED)) {
		if (crowded(req->stream))
			return false;
		req->flags |= WEIR__STARTED;
		if (req->server->opts.log)
			weir__access_begin(req);
	}
	if (!read_head(req, data, len, used, &event, &head)) {
		weir__stream_doom(req->stream, -ENOMEM);
		return false;
	}
	switch (event) {
	case WEIR_MORE:
		return false;
	case WEIR_HEAD_END:
		weir__note_behind(req, *used < len);
		head_done(req, head);
		return hand_over(req);
	default:
		weir__req_refuse_message(req);
		return true;
	}
}

/* ---- the body ----------------------------------------------------------- */

/* Offers the content. As weir__req_returned; what is left of it is left in pieces. */
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
	return weir__req_returned(stream, req);
}

/* What became of the content that was offered. As weir__req_step. */
static bool after_offer(struct weir_req *req, struct weir__pieces *pieces, size_t *used)
{
	weir_stream *stream = req->stream;

	*used = weir__take_rest(pieces);
	if (!weir__takes_body(stream, req))
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
	return weir__req_tell(req);
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
	weir__note_behind(req, pieces.at < len);
	if (pieces.len && due && !offer(stream, req, &pieces))
		return false;
	/* Nothing comes behind the last piece: it is offered once more, and then it is over. */
	if (pieces.len && weir__req_is(req, WEIR__PARSED) && weir__takes_body(stream, req) &&
	    !offer(stream, req, &pieces))
		return false;
	return after_offer(req, &pieces, used);
}

/* ---- what is in the way ------------------------------------------------- */

/* The request has been answered; the rest of it is dropped. */
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
		weir__req_await(req);
		return true;
	}
	if (!weir__conn_at_eof(req->stream))
		return false;
	weir__req_part(req);
	return true;
}

static bool step_linger(struct weir_req *req, size_t len, size_t *used)
{
	*used = len;
	req->reply_left -= (int64_t)len;
	if (req->reply_left < 0)
		weir__conn_cut(req->stream, WEIR_ETOOBIG);
	return false;
}

/* ---- where it stands ---------------------------------------------------- */

bool weir__req_step(struct weir_req *req, char *data, size_t len, size_t *used)
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
