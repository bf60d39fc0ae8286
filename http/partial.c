/*
 * partial.c: what does a head cost that has not come whole?
 *
 * Ten thousand slow senders shall cost what they have sent. The octets of such a head
 * leave the chunk that they were read into for a block of the connection's own, which
 * doubles as more come; and where nothing else keeps the exchange (no reply on its way,
 * no log that waits for the request) it is given back. The block is then all there is:
 * it is the stream's arg, and the callbacks are those of this file, which take an
 * exchange again when something happens.
 *
 * No fields are kept but the one that is being read. Those before it are found again when
 * the head is whole: it is parsed once more then, from its first octet. So no octet is
 * copied or looked at more than twice, however many pieces it comes in.
 */
#include <errno.h>
#include <string.h>

#include "http/conn.h"

/* req->kept, with WEIR__PARTIAL. */
struct partial {
	weir_parser parser; /* while there is no exchange */
	weir_field cut;     /* the field that is being read */
	uint32_t len, cap;
	char octets[];
};

/* The first block is just large enough, as heaps round that with what they add themselves. */
#define GRAIN 16
#define ADDED 8

static size_t size_of(uint32_t cap)
{
	return sizeof(struct partial) + cap;
}

static struct partial *partial_of(const struct weir_req *req)
{
	return (struct partial *)(void *)req->kept;
}

static void free_block(const weir_server *server, struct partial *partial)
{
	weir__mem_free(weir__server_mem(server), partial, size_of(partial->cap));
}

void weir__partial_free(struct weir_req *req)
{
	free_block(req->server, partial_of(req));
	req->kept = NULL;
	req->flags &= (uint16_t)~WEIR__PARTIAL;
}

/* ---- octets ------------------------------------------------------------- */

/* The parser writes into an array that is everybody's between calls. */
static void save_cut(const struct weir_req *req)
{
	const weir_parser *p = &req->parser;

	if (p->nfields < req->server->opts.max_fields)
		partial_of(req)->cut = req->server->fields[p->nfields];
}

static void restore_cut(const struct weir_req *req)
{
	const weir_parser *p = &req->parser;

	if (p->nfields < req->server->opts.max_fields)
		req->server->fields[p->nfields] = partial_of(req)->cut;
}

bool weir__partial_begin(struct weir_req *req, const char *data, size_t len)
{
	const size_t size = (size_of((uint32_t)len) + ADDED + GRAIN - 1) / GRAIN * GRAIN - ADDED;
	struct partial *partial = weir__mem_resize(weir__server_mem(req->server), NULL, 0, size);

	if (!partial)
		return false;
	partial->len = (uint32_t)len;
	partial->cap = (uint32_t)(size - sizeof *partial);
	memcpy(partial->octets, data, len);
	req->kept = (char *)partial;
	req->flags |= WEIR__PARTIAL;
	save_cut(req);
	return true;
}

static bool grow(struct weir_req *req)
{
	struct partial *partial = partial_of(req);
	const size_t size = size_of(partial->cap);

	partial = weir__mem_resize(weir__server_mem(req->server), partial, size, 2 * size);
	if (!partial)
		return false;
	partial->cap = (uint32_t)(2 * size - sizeof *partial);
	req->kept = (char *)partial;
	return true;
}

/* Copies as many octets as there is room for; how many. 0: no memory. */
static size_t take(struct weir_req *req, const char *data, size_t len)
{
	struct partial *partial = partial_of(req);
	size_t n;

	if (partial->len == partial->cap && !grow(req))
		return 0;
	partial = partial_of(req);
	n = partial->cap - partial->len;
	if (n > len)
		n = len;
	memcpy(partial->octets + partial->len, data, n);
	partial->len += (uint32_t)n;
	return n;
}

/* What the pieces have come to is read in one go, now that all fields are wanted. */
static weir_event read_again(struct weir_req *req, uint32_t *end)
{
	const struct partial *partial = partial_of(req);
	const weir_server *server = req->server;
	weir_event event;
	weir_slice piece;
	size_t used;

	weir_parser_init(&req->parser, &server->limits, server->fields,
	                 (uint16_t)server->opts.max_fields);
	event = weir_parse(&req->parser, partial->octets, partial->len, &used, &piece);
	*end = (uint32_t)used;
	return event;
}

bool weir__partial_feed(struct weir_req *req, const char *data, size_t len, size_t *used,
                        weir_event *event, weir_str *head)
{
	size_t at = 0, n, past;
	weir_slice piece;
	uint32_t end;

	restore_cut(req);
	do {
		n = take(req, data + at, len - at);
		if (!n)
			return false;
		at += n;
		*event = weir_parse(&req->parser, partial_of(req)->octets, partial_of(req)->len,
		                    &past, &piece);
	} while (*event == WEIR_MORE && at < len);
	*used = at;
	if (*event == WEIR_MORE) {
		save_cut(req);
		return true;
	}
	*event = read_again(req, &end);
	/* What is behind the head stays where it was read. */
	*used = at - (partial_of(req)->len - end);
	*head = (weir_str){partial_of(req)->octets, end};
	return true;
}

/* ---- without an exchange ------------------------------------------------ */

void weir__partial_park(weir_stream *stream)
{
	struct weir_req *req = stream->arg;
	struct partial *partial = partial_of(req);

	partial->parser = req->parser;
	req->kept = NULL;
	req->flags &= (uint16_t)~WEIR__PARTIAL;
	weir__req_free(req);
	weir_stream_on(stream, &weir__partial_ops, partial);
}

void weir__partial_close(weir_stream *stream)
{
	free_block(weir__conn_server(stream), stream->arg);
}

/* `due`: the rest of the head has a deadline, which is the stream's limit. False: there is no
   memory for an exchange, and the connection ends. */
static bool resume(weir_stream *stream, bool due)
{
	struct partial *partial = stream->arg;
	struct weir_req *req;

	weir_stream_on(stream, &weir__http_ops, NULL);
	req = weir__req_begin(stream);
	if (!req) {
		free_block(weir__conn_server(stream), partial);
		weir__stream_doom(stream, -ENOMEM);
		return false;
	}
	req->parser = partial->parser;
	req->kept = (char *)partial;
	req->flags |= WEIR__PARTIAL | WEIR__STARTED;
	if (due)
		req->flags |= WEIR__READ_DUE;
	req->read_due = stream->limit.due;
	return true;
}

static size_t partial_data(weir_stream *stream, const char *data, size_t len, void *arg)
{
	(void)arg;
	if (!resume(stream, weir__limit_is_set(&stream->limit)))
		return len;
	return weir__http_ops.data(stream, data, len, stream->arg);
}

static void partial_end(weir_stream *stream, void *arg)
{
	(void)arg;
	if (resume(stream, weir__limit_is_set(&stream->limit)))
		weir__http_ops.end(stream, stream->arg);
}

static void partial_idle(weir_stream *stream, void *arg)
{
	(void)arg;
	if (resume(stream, true))
		weir__http_ops.idle(stream, stream->arg);
}

const weir_stream_ops weir__partial_ops = {
	.data = partial_data,
	.end = partial_end,
	.idle = partial_idle,
};
