/*
 * part.c: how does a connection end?
 *
 *   weir__conn_part, weir__req_part   after the last reply, so that it arrives
 *   weir__req_refuse                  with a reply that names the fault
 *   weir__req_cut_short               when the client has ended in mid-message
 *   weir__conn_cut                    at once
 *
 * A request that the application has in hand is taken from the connection first
 * and told last, when nothing of the connection is touched any more: what it
 * does in its callback is its own affair.
 */
#include <errno.h>

#include "http/conn.h"

void weir__req_gone(struct weir_req *req, int why)
{
	const weir_req_ops *ops = req->ops;

	req->ops = NULL;
	if (ops && ops->gone) {
		req->flags |= WEIR__BUSY;
		ops->gone(req, why, req->arg);
		req->flags &= (uint16_t)~WEIR__BUSY;
	}
	if (!weir__req_is(req, WEIR__IN_HAND))
		weir__req_over(req);
}

void weir__req_over(struct weir_req *req)
{
	weir__access_tell(req, false);
	weir__req_free(req);
}

/* Does anybody hear of its end? The application, or its log. */
static bool is_heard(struct weir_req *req)
{
	return weir__req_is(req, WEIR__IN_HAND) || weir__access_due(req);
}

/* The exchange has lost its stream, one way or the other. */
void weir__req_lost(struct weir_req *req, int why)
{
	if (!is_heard(req)) {
		req->stream->arg = NULL;
		weir__req_free(req);
		return;
	}
	weir__req_leave(req);
	weir__req_gone(req, why);
}

/* Closes at once. From the loop only. */
void weir__conn_cut(weir_stream *stream, int why)
{
	struct weir_req *req = stream->arg;
	const bool heard = req && is_heard(req);

	if (heard)
		weir__req_leave(req);
	else if (req)
		weir__req_lost(req, why);
	weir_close(stream);
	if (heard)
		weir__req_gone(req, why);
}

void weir__conn_part(weir_stream *stream)
{
	weir__stream_evictable(stream, false);
	weir__stream_last(stream);
	weir__stream_limit(stream, WEIR__LINGER_MS);
}

/* False: there is no connection any more. */
static bool linger(struct weir_req *req)
{
	if (!weir__access_tell(req, false))
		return false;
	weir__req_strip(req);
	weir__req_drop_parts(req);
	req->reading = WEIR__READ_LINGER;
	req->writing = WEIR__WRITE_ENDED;
	req->reply_left = WEIR__LINGER_MAX;
	req->flags &= WEIR__WRITE_DUE;
	weir_hold(req->stream, false);
	return true;
}

/*
 * The last reply is written. A close with octets unread, or before octets that
 * are still on their way, would reset the connection, and the reply could be
 * lost with it. A client that asked for the close may have sent more all the
 * same. So our end is sent first, and what comes is read and dropped, unless
 * the client has sent its own.
 */
void weir__req_part(struct weir_req *req)
{
	weir_stream *stream = req->stream;

	if (!linger(req))
		return;
	if (weir__conn_at_eof(stream))
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
	req = weir__req_begin(stream);
	if (!req) {
		weir__conn_part(stream);
		return NULL;
	}
	req->owed = in_hand->owed;
	req->write_due = in_hand->write_due;
	req->flags |= in_hand->flags & WEIR__WRITE_DUE;
	return req;
}

/*
 * Ends the connection for a fault of the client's, with a reply that says so if
 * none has begun. From the loop only.
 */
void weir__req_refuse(struct weir_req *req, int status, const char *text, int why)
{
	weir_stream *stream = req->stream;
	struct weir_req *in_hand = weir__req_is(req, WEIR__IN_HAND) ? req : NULL;

	if (req->writing == WEIR__WRITE_NONE) {
		req->flags |= WEIR__CLOSING;
		if (weir__reply_own(req, status, text, NULL, NULL) < 0) {
			weir__conn_cut(stream, why);
			return;
		}
	}
	if (in_hand)
		req = replace(in_hand);
	if (req && linger(req))
		weir_finish(stream);
	if (in_hand)
		weir__req_gone(in_hand, why);
}

void weir__req_refuse_message(struct weir_req *req)
{
	const weir_refusal why = (weir_refusal)req->parser.error;
	const int status = weir_refusal_status(why);
	const bool big = status == 413 || status == 431;

	weir__req_refuse(req, status, weir_refusal_text(why), big ? WEIR_ETOOBIG : -EBADMSG);
}

/* The peer sends no more and the message is not complete. Earlier replies still go out. */
void weir__req_cut_short(struct weir_req *req)
{
	struct weir_req *in_hand = weir__req_is(req, WEIR__IN_HAND) ? req : NULL;

	if (in_hand)
		req = replace(in_hand);
	if (req)
		weir__req_part(req);
	if (in_hand)
		weir__req_gone(in_hand, WEIR_ESHORT);
}
