/*
 * access.c: what is told of a request that is over, and when?
 *
 * A server with a log has a note behind each exchange, in the same block. The note
 * is open from the first octet of a head until the log has heard of the request,
 * which is once, from the loop, and while the head can still be asked for: so a
 * request that is ended outside of callbacks is concluded in the next turn.
 */
#include "http/conn.h"
#include "http/parse.h"

void weir__access_begin(struct weir_req *req)
{
	weir_loop *loop = req->server->loop;

	*weir__note(req) = (struct weir__note){
		.when = weir__loop_wall(loop), .began = weir_loop_now(loop), .open = true};
}

void weir__access_reply(struct weir_req *req, int status, size_t len)
{
	struct weir__note *note = weir__note(req);

	note->status = (int16_t)status;
	note->sent += (int64_t)len;
}

void weir__access_sent(struct weir_req *req, size_t len)
{
	weir__note(req)->sent += (int64_t)len;
}

/* Empty lines between requests, and nothing behind them. */
static bool was_none(const struct weir_req *req)
{
	return req->reading == WEIR__READ_HEAD && req->parser.state == WEIR__EMPTY_LINES;
}

bool weir__access_tell(struct weir_req *req, bool kept)
{
	const bool connected = req->stream != NULL;
	struct weir__note *note;
	weir_access access;

	if (!weir__access_due(req))
		return true;
	note = weir__note(req);
	note->open = false;
	if (was_none(req))
		return true;
	access = (weir_access){
		.when = note->when,
		.ms = weir_loop_now(req->server->loop) - note->began,
		.sent = note->sent,
		.status = note->status,
		.kept = kept,
	};
	req->writing = WEIR__WRITE_ENDED;
	req->flags |= WEIR__BUSY;
	req->server->opts.log(req, &access, req->server->opts.arg);
	req->flags &= (uint16_t)~WEIR__BUSY;
	if (!connected || req->stream)
		return true;
	weir__req_free(req);
	return false;
}
