/*
 * reply.c: writing replies.
 *
 * Inside a callback small pieces are gathered in the queue, up to a chunk of them,
 * since more of the same reply, or the next one, may follow; the machine sends them
 * all in one call of the kernel when it comes to rest. What is large, or written
 * outside of callbacks, goes to the kernel at once, with whatever is queued before it.
 *
 * Nothing here calls the application.
 */
#include <errno.h>
#include <string.h>

#include "http/conn.h"
#include "http/parse.h"

static const weir_str no_str;

/* ---- to the stream ------------------------------------------------------ */

/* The peer has write_ms to take what is queued: the window begins with its first octet. */
static void watch_writing(struct weir_req *req, int64_t before, int64_t added, int64_t queued)
{
	const weir_server *server = req->server;

	if (queued == 0) {
		req->flags &= (uint16_t)~WEIR__WRITE_DUE;
		return;
	}
	if (before && weir__req_is(req, WEIR__WRITE_DUE)) {
		req->owed += added;
		return;
	}
	req->flags |= WEIR__WRITE_DUE;
	req->owed = queued;
	req->write_due = (uint32_t)(weir_loop_now(server->loop) + server->opts.write_ms);
}

static int64_t total(const weir_str *pieces, int n)
{
	int64_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += (int64_t)pieces[i].len;
	return sum;
}

/* What could fit at all may be tried again when the queue has fallen: drain is owed then. */
static bool fits(const struct weir_req *req, size_t len)
{
	const int32_t most = req->server->opts.max_queue;
	const int64_t room = most - weir__queued(req->stream);

	if (room > 0 ? len <= (uint64_t)room : len == 0)
		return true;
	if (len <= (uint64_t)most)
		weir__set(req->stream, WEIR__ABOVE);
	return false;
}

/* Octets queued, or < 0 with nothing taken. */
static int64_t put(struct weir_req *req, const weir_str *pieces, int n, bool gather)
{
	const int64_t before = weir__queued(req->stream);
	const int64_t len = total(pieces, n);
	int64_t queued;

	if (gather && len <= WEIR__GATHER_MAX + WEIR__HEAD_ROOM && before < WEIR__CHUNK)
		queued = weir__stream_gather(req->stream, pieces, n);
	else
		queued = weir_writev(req->stream, pieces, n);
	if (queued >= 0)
		watch_writing(req, before, len, queued);
	return queued;
}

/* Inside a callback the machine does so when it has returned. */
static int64_t at_rest(struct weir_req *req, int64_t queued)
{
	if (queued > 0 && !weir__req_is(req, WEIR__BUSY))
		weir__conn_rest(req->stream);
	return queued;
}

/* ---- heads -------------------------------------------------------------- */

/* Their end is that of the head, or they have to be empty (RFC 9110 15.3.6). */
static bool is_bodiless(int status)
{
	return status == 204 || status == 205 || status == 304;
}

static bool has_body(const struct weir_req *req, int status)
{
	return req->parser.method != WEIR_HEAD && !is_bodiless(status);
}

/*
 * Whether this reply is the connection's last, as far as is known at its
 * beginning. `ends`: nothing more of the body will be read by the application.
 */
static bool is_last(const struct weir_req *req, bool ends)
{
	const weir_server *server = req->server;
	const weir_stream *stream = req->stream;

	if (weir__req_is(req, WEIR__CLOSING) || !(req->parser.flags & WEIR_KEEP) ||
	    server->draining)
		return true;
	if (server->opts.max_requests > 0 && stream->count >= server->opts.max_requests)
		return true;
	if (stream->source.bits & WEIR__END_TOLD && !weir__req_is(req, WEIR__BEHIND))
		return true;
	return (ends || req->reading == WEIR__READ_WAIT) && !weir__req_drainable(req);
}

/* Requests that the connection may still have; 0: any number. */
static uint32_t requests_left(const struct weir_req *req)
{
	const int32_t most = req->server->opts.max_requests;

	return most > 0 ? (uint32_t)(most - req->stream->count) : 0;
}

/* A client that names keep-alive is told so, and for how long; others know by the version. */
static void set_persist(struct weir_req *req, struct weir__reply_head *head, bool last)
{
	if (last) {
		req->flags |= WEIR__CLOSING;
		head->persist = WEIR__PERSIST_CLOSE;
	} else if (req->parser.seen & WEIR__KEEP_ALIVE) {
		head->persist = WEIR__PERSIST_KEEP;
		head->timeout = (uint32_t)(req->server->opts.idle_ms / 1000);
		head->max = requests_left(req);
	}
}

/* All of the head but the application's fields, and with the empty line if there are none. */
static size_t emit(const struct weir_req *req, const struct weir__reply_head *head, char *out)
{
	size_t len = weir__emit_head(out, &req->server->date, head);

	if (!req->added_len) {
		memcpy(out + len, "\r\n", 2);
		len += 2;
	}
	return len;
}

/* Into the queue itself, without a copy on the way. False: there is no room of that kind. */
static bool put_in_place(struct weir_req *req, const struct weir__reply_head *head, weir_str body)
{
	weir_stream *stream = req->stream;
	const int64_t before = weir__queued(stream);
	char *out = NULL;
	size_t len;

	if (body.len <= WEIR__GATHER_MAX)
		out = weir__stream_room(stream,
		                        (size_t)WEIR__HEAD_ROOM + req->added_len + 2 + body.len);
	if (!out)
		return false;
	len = emit(req, head, out);
	if (req->added_len) {
		const weir_str fields = weir__added_section(req);
		memcpy(out + len, fields.data, fields.len);
		len += fields.len;
	}
	if (body.len)
		memcpy(out + len, body.data, body.len);
	len += body.len;
	watch_writing(req, before, (int64_t)len, weir__stream_filled(stream, len));
	return true;
}

static int64_t put_in_pieces(struct weir_req *req, const struct weir__reply_head *head,
                             weir_str body, bool gather)
{
	char text[WEIR__HEAD_ROOM];
	weir_str pieces[3];
	int n = 0;

	pieces[n++] = (weir_str){text, emit(req, head, text)};
	if (req->added_len)
		pieces[n++] = weir__added_section(req);
	if (body.len)
		pieces[n++] = body;
	return put(req, pieces, n, gather);
}

/* Sends a head, and a body or the beginning of one. */
static int64_t put_head(struct weir_req *req, const struct weir__reply_head *head, weir_str body,
                        bool gather)
{
	weir_server *server = req->server;
	int64_t queued;

	weir__date_refresh(&server->date, weir__loop_wall(server->loop));
	if (gather && weir__queued(req->stream) < WEIR__CHUNK && put_in_place(req, head, body))
		queued = weir__queued(req->stream);
	else
		queued = put_in_pieces(req, head, body, gather);
	if (queued >= 0 && server->opts.log)
		weir__access_reply(req, head->status, body.len);
	return queued;
}

/* ---- replies of the server's own ---------------------------------------- */

/* It has been said: neither the client nor a 101 waits for it any more. */
static void continue_said(struct weir_req *req)
{
	req->flags &= (uint16_t)~WEIR__AWAITED;
	req->parser.flags &= (uint8_t)~WEIR_EXPECT_CONTINUE;
}

static int64_t say_continue(struct weir_req *req)
{
	static const weir_str text = {"HTTP/1.1 100 Continue\r\n\r\n", 25};
	const int64_t result = put(req, &text, 1, false);

	if (result >= 0)
		continue_said(req);
	return result;
}

void weir__reply_continue(struct weir_req *req)
{
	if (!weir__req_is(req, WEIR__AWAITED) || weir__req_is(req, WEIR__UNWANTED | WEIR__BEHIND) ||
	    req->writing != WEIR__WRITE_NONE)
		return;
	say_continue(req);
}

int weir__reply_own(struct weir_req *req, int status, const char *text, const char *field,
                    const char *value)
{
	struct weir__reply_head head = {.status = status, .type = "text/plain", .type_len = 10};
	const char *words = text ? text : weir_status_reason(status);
	weir_str content = no_str;
	char body[128];
	size_t len = strlen(words);
	int64_t result;

	if (len > sizeof body - 1)
		len = sizeof body - 1;
	memcpy(body, words, len);
	body[len++] = '\n';
	head.length = (int64_t)len;
	if (has_body(req, status))
		content = (weir_str){body, len};
	set_persist(req, &head, is_last(req, true));
	req->added_len = 0;
	if (field && weir__add_field(req, field, value) < 0)
		return -ENOMEM;
	result = put_head(req, &head, content, weir__req_is(req, WEIR__BEHIND));
	if (result < 0)
		return (int)result;
	req->writing = WEIR__WRITE_ENDED;
	return 0;
}

/*
 * Sent at once: nobody comes here again for this connection. A client that has sent the
 * body it announced with Expect without waiting gets its 100 before a 101 all the same
 * (RFC 9110 7.8).
 */
int weir__reply_switching(struct weir_req *req, const char *protocol)
{
	const struct weir__reply_head head = {.status = protocol ? 101 : 200, .length = -1};
	const uint16_t before = req->added_len;
	int64_t result = protocol ? weir__add_upgrade(req, protocol) : 0;

	if (result == 0 && protocol && req->parser.flags & WEIR_EXPECT_CONTINUE)
		result = say_continue(req);
	if (result >= 0)
		result = put_head(req, &head, no_str, false);
	if (result >= 0)
		return 0;
	req->added_len = before;
	return (int)result;
}

/* ---- whole replies ------------------------------------------------------ */

/* What follows a 2xx to CONNECT is a tunnel: weir_reply_switch makes it (RFC 9110 9.3.6). */
static bool opens_tunnel(const struct weir_req *req, int status)
{
	return req->parser.method == WEIR_CONNECT && status < 300;
}

static int check_begin(const struct weir_req *req, int status)
{
	if (req->writing != WEIR__WRITE_NONE)
		return WEIR_ESTATE;
	return status < 200 || status > 599 || opens_tunnel(req, status) ? WEIR_EINVALID : 0;
}

/* False: octets that no field may have. */
static bool set_type(struct weir__reply_head *head, const char *type)
{
	if (!type)
		return true;
	head->type = type;
	head->type_len = strlen(type);
	return weir__are_values(type, head->type_len);
}

/* One that is longer than most goes with the application's fields. */
static int move_type(struct weir_req *req, struct weir__reply_head *head)
{
	const char *type = head->type;

	if (head->type_len <= WEIR__TYPE_MAX)
		return 0;
	head->type = NULL;
	return weir__add_field(req, "Content-Type", type);
}

/* 204 has no length; that of 304 would be the length of what is not sent; 205 is empty. */
static int64_t announced(int status, int64_t length)
{
	if (status == 205)
		return 0;
	return status == 204 || (status == 304 && length == 0) ? -1 : length;
}

int64_t weir_reply(weir_req *req, int status, const char *type, const void *body, size_t len)
{
	struct weir__reply_head head = {.status = status};
	weir_str content = no_str;
	int64_t result = check_begin(req, status);

	if (!req->stream) {
		weir__req_ended(req);
		return WEIR_ECLOSED;
	}
	if (result == 0 && !set_type(&head, type))
		result = WEIR_EINVALID;
	if (has_body(req, status))
		content = (weir_str){body, len};
	if (result == 0 && !fits(req, content.len))
		result = WEIR_EFULL;
	if (result == 0)
		result = move_type(req, &head);
	if (result < 0 && result != -ENOMEM)
		return result;
	if (result == 0) {
		head.length = announced(status, (int64_t)len);
		set_persist(req, &head, is_last(req, true));
		result = put_head(req, &head, content, weir__req_is(req, WEIR__BUSY));
	}
	if (result < 0) {
		/* No memory for what the kernel did not take: the reply is lost, and
		   with it the connection. An application need not look. */
		weir__stream_doom(req->stream, -ENOMEM);
		result = WEIR_ECLOSED;
	}
	weir__req_ended(req);
	return result;
}

/* ---- replies in pieces -------------------------------------------------- */

static enum weir__writing way_of(const struct weir_req *req, int status, int64_t length)
{
	if (!has_body(req, status))
		return WEIR__WRITE_NOTHING;
	if (length >= 0)
		return WEIR__WRITE_LENGTH;
	return req->parser.minor == 0 ? WEIR__WRITE_REST : WEIR__WRITE_CHUNKED;
}

int64_t weir_reply_begin(weir_req *req, int status, int64_t length)
{
	struct weir__reply_head head = {.status = status, .length = announced(status, length)};
	const bool unknown = length < 0 && !is_bodiless(status);
	int64_t result = check_begin(req, status);

	if (!req->stream)
		return WEIR_ECLOSED;
	if (result == 0 && length < WEIR_UNKNOWN)
		result = WEIR_EINVALID;
	if (result < 0)
		return result;
	head.chunked = unknown && req->parser.minor > 0;
	set_persist(req, &head, is_last(req, false) || (unknown && req->parser.minor == 0));
	result = put_head(req, &head, no_str, weir__req_is(req, WEIR__BUSY));
	if (result < 0)
		return result;
	if (req->added)
		weir__added_forget(req);
	req->writing = (uint8_t)way_of(req, status, length);
	req->reply_left = length;
	return at_rest(req, result);
}

static int64_t write_chunk(struct weir_req *req, weir_str piece)
{
	char line[20];
	const weir_str pieces[3] = {
		{line, weir__emit_chunk_line(line, piece.len)}, piece, {"\r\n", 2}};

	return put(req, pieces, 3, weir__req_is(req, WEIR__BUSY));
}

int64_t weir_reply_write(weir_req *req, const void *data, size_t len)
{
	const weir_str piece = {data, len};
	int64_t result;

	if (!req->stream)
		return WEIR_ECLOSED;
	if (req->writing == WEIR__WRITE_NONE || req->writing == WEIR__WRITE_ENDED)
		return WEIR_ESTATE;
	if (req->writing == WEIR__WRITE_LENGTH && len > (uint64_t)req->reply_left)
		return WEIR_EINVALID;
	if (!len || req->writing == WEIR__WRITE_NOTHING)
		return weir__queued(req->stream);
	if (!fits(req, len))
		return WEIR_EFULL;
	if (req->writing == WEIR__WRITE_CHUNKED)
		result = write_chunk(req, piece);
	else
		result = put(req, &piece, 1, weir__req_is(req, WEIR__BUSY));
	if (result >= 0 && req->server->opts.log)
		weir__access_sent(req, len);
	if (result >= 0 && req->writing == WEIR__WRITE_LENGTH)
		req->reply_left -= (int64_t)len;
	return at_rest(req, result);
}

/* With the trailers, if there are any. */
static int64_t put_last_chunk(struct weir_req *req)
{
	const weir_str pieces[2] = {{"0\r\n", 3}, weir__added_section(req)};

	return put(req, pieces, 2, weir__req_is(req, WEIR__BUSY));
}

/* What is missing of a reply that ends now. */
static int finish(struct weir_req *req)
{
	switch (req->writing) {
	case WEIR__WRITE_NONE:
		req->flags |= WEIR__CLOSING;
		return weir__reply_own(req, 500, NULL, NULL, NULL);
	case WEIR__WRITE_CHUNKED:
		return put_last_chunk(req) < 0 ? -ENOMEM : 0;
	case WEIR__WRITE_LENGTH:
		if (req->reply_left == 0)
			return 0;
		req->flags |= WEIR__CLOSING;
		return WEIR_ESHORT;
	default:
		return 0;
	}
}

int weir_reply_end(weir_req *req)
{
	int result = req->stream ? finish(req) : WEIR_ECLOSED;

	if (result < 0 && result != WEIR_ESHORT && req->stream) {
		weir__stream_doom(req->stream, -ENOMEM);
		result = WEIR_ECLOSED;
	}
	weir__req_ended(req);
	return result;
}

/* ---- beside the reply --------------------------------------------------- */

int64_t weir_reply_interim(weir_req *req, int status)
{
	char line[WEIR__HEAD_ROOM];
	weir_str pieces[2];
	int64_t result = 0;

	if (!req->stream)
		return WEIR_ECLOSED;
	if (status != 100 && status != 102 && status != 103)
		return WEIR_EINVALID;
	if (req->writing != WEIR__WRITE_NONE)
		return WEIR_ESTATE;
	/* The margin of the queue is for the head of the last one. */
	if (!fits(req, 1))
		return WEIR_EFULL;
	if (req->parser.minor > 0) {
		pieces[0] = (weir_str){line, weir__emit_status(line, status)};
		pieces[1] = weir__added_section(req);
		result = put(req, pieces, 2, false);
		if (result < 0)
			return result;
		if (status == 100)
			continue_said(req);
	}
	req->added_len = 0;
	return at_rest(req, result);
}

int64_t weir_reply_queued(const weir_req *req)
{
	return req->stream ? weir__queued(req->stream) : 0;
}
