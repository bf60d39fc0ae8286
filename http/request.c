/*
 * request.c: what does the application want to know of its request, and what
 * does it want to happen with it?
 *
 * The head's octets are where they were read during the call that read them,
 * and in a block of their own later: the slices are the same.
 */
#include "http/conn.h"

#include <errno.h>
#include <string.h>

#include "core/addr.h"
#include "http/head.h"

static weir_str piece(const weir_req *req, weir_slice slice)
{
	return (weir_str){req->head + slice.at, slice.len};
}

/* The head could not be kept for want of memory. */
static bool headless(const weir_req *req)
{
	return !req->head;
}

static const weir_str empty = {"", 0};

/* ---- what it says ------------------------------------------------------- */

weir_method weir_req_method(const weir_req *req)
{
	return (weir_method)req->parser.method;
}

weir_str weir_req_method_name(const weir_req *req)
{
	const weir_parser *p = &req->parser;

	if (headless(req))
		return empty;
	return (weir_str){req->head + p->target.at - 1 - p->method_len, p->method_len};
}

weir_str weir_req_target(const weir_req *req)
{
	return headless(req) ? empty : piece(req, req->parser.target);
}

weir_str weir_req_authority(const weir_req *req)
{
	struct weir__target target;

	if (headless(req))
		return empty;
	weir__target_split(req->head, req->parser.target, &target);
	return target.authority.len ? piece(req, target.authority) : weir_req_field(req, "Host");
}

weir_str weir_req_path(const weir_req *req)
{
	struct weir__target target;

	if (headless(req))
		return empty;
	if (req->parser.method == WEIR_CONNECT)
		return empty;
	weir__target_split(req->head, req->parser.target, &target);
	if (target.path.len)
		return piece(req, target.path);
	/* To the server itself, as a proxy had to write it (RFC 9112 3.2.4). */
	if (req->parser.method == WEIR_OPTIONS && !weir_req_query(req).data)
		return (weir_str){"*", 1};
	return (weir_str){"/", 1};
}

weir_str weir_req_query(const weir_req *req)
{
	weir_str target = weir_req_target(req);
	const char *mark = target.len ? memchr(target.data, '?', target.len) : NULL;

	if (!mark)
		return (weir_str){NULL, 0};
	return (weir_str){mark + 1, target.len - (size_t)(mark + 1 - target.data)};
}

int weir_req_version(const weir_req *req)
{
	return 10 + req->parser.minor;
}

/* The number of the first field that is called so; nfields: there is none. */
static uint32_t indexed(const weir_req *req, int common)
{
	weir_server *server = req->server;
	uint16_t first;

	if (server->indexed != req) {
		weir__index_make(&server->index, req->head, weir__req_fields(req), req->nfields);
		server->indexed = req;
	}
	first = server->index.first[common];
	return first ? first - 1u : req->nfields;
}

/* The number of the next one from number `from` on. */
static uint32_t find(const weir_req *req, const char *name, uint32_t from)
{
	const int common = weir__common_name(name, strlen(name));

	if (common >= 0) {
		const uint32_t first = indexed(req, common);

		if (from <= first)
			return first;
	}
	return weir__field_find(req->head, weir__req_fields(req), req->nfields, name, from);
}

weir_str weir_req_field(const weir_req *req, const char *name)
{
	const uint32_t i = find(req, name, 0);

	return i < req->nfields ? piece(req, weir__req_fields(req)[i].value) : (weir_str){NULL, 0};
}

int weir_req_find(const weir_req *req, const char *name, unsigned *i, weir_str *value)
{
	const uint32_t at = *i < req->nfields ? find(req, name, *i) : req->nfields;

	if (at == req->nfields)
		return 0;
	*i = at + 1;
	*value = piece(req, weir__req_fields(req)[at].value);
	return 1;
}

int weir_req_nth(const weir_req *req, unsigned i, weir_str *name, weir_str *value)
{
	const weir_field *field;

	if (i >= req->nfields)
		return 0;
	field = &weir__req_fields(req)[i];
	*name = piece(req, field->name);
	*value = piece(req, field->value);
	return 1;
}

/* Known when all of the body was handed out, however its octets were cut. */
static uint32_t trailers(const weir_req *req)
{
	return req->reading == WEIR__READ_WHOLE ? req->ntrailers : 0;
}

/* Their octets stand behind their fields. */
static weir_str trailer_piece(const weir_req *req, weir_slice slice)
{
	return (weir_str){(const char *)(req->parts + req->ntrailers) + slice.at, slice.len};
}

weir_str weir_req_trailer(const weir_req *req, const char *name)
{
	const uint32_t n = trailers(req);
	uint32_t i;

	if (n == 0)
		return (weir_str){NULL, 0};
	i = weir__field_find(req->parts + n, req->parts, n, name, 0);
	return i < n ? trailer_piece(req, req->parts[i].value) : (weir_str){NULL, 0};
}

int weir_req_nth_trailer(const weir_req *req, unsigned i, weir_str *name, weir_str *value)
{
	if (i >= trailers(req))
		return 0;
	*name = trailer_piece(req, req->parts[i].name);
	*value = trailer_piece(req, req->parts[i].value);
	return 1;
}

int64_t weir_req_length(const weir_req *req)
{
	return req->length;
}

int weir_req_peer(const weir_req *req, char *text, size_t size)
{
	struct weir__addr addr;

	if (req->stream)
		return weir_peer(req->stream, text, size);
	weir__peer_get(&req->server->loop->peers, req->peer, &addr);
	addr.port = req->port;
	return weir__addr_format(&addr, text, size);
}

/* Who is at the other end; without a name when there was no memory to remember it. */
static void get_peer(const weir_req *req, struct weir__addr *addr)
{
	const uint32_t peer = req->stream ? req->stream->peer : req->peer;

	weir__peer_get(&req->server->loop->peers, peer, addr);
	addr->port = req->stream ? req->stream->port : req->port;
	if (!peer && !addr->port)
		addr->kind = WEIR__ADDR_UNIX;
}

/* All lines of a field are one list. Finds the last that is not trusted. False: there is none. */
static bool walk(const weir_req *req, const char *name,
                 bool (*read)(weir_str element, struct weir__addr *addr), struct weir__addr *found)
{
	bool any = false;

	for (uint32_t i = req->nfields; i-- > 0;) {
		const weir_field *field = &weir__req_fields(req)[i];
		weir_str list = {req->head + field->value.at, field->value.len}, item;
		struct weir__addr addr;

		if (field->name.len != strlen(name) ||
		    !weir__same((const uint8_t *)req->head + field->name.at, name, field->name.len))
			continue;
		while (weir__list_last(&list, &item)) {
			if (!read(item, &addr))
				return any;
			*found = addr;
			any = true;
			if (!weir__trusts(&req->server->trust, found))
				return true;
		}
	}
	return any;
}

int weir_req_client(const weir_req *req, char *text, size_t size)
{
	struct weir__addr addr;
	bool told;

	get_peer(req, &addr);
	if (!weir__trusts(&req->server->trust, &addr))
		return weir_req_peer(req, text, size);
	if (weir_req_field(req, "Forwarded").data)
		told = walk(req, "forwarded", weir__forwarded_for, &addr);
	else
		told = walk(req, "x-forwarded-for", weir__x_forwarded_for, &addr);
	return told ? weir__addr_format(&addr, text, size) : weir_req_peer(req, text, size);
}

weir_loop *weir_req_loop(const weir_req *req)
{
	return req->server->loop;
}

weir_server *weir_req_server(const weir_req *req)
{
	return req->server->freed ? NULL : req->server;
}

/* ---- what shall happen -------------------------------------------------- */

void weir_req_on(weir_req *req, const weir_req_ops *ops, void *arg)
{
	req->ops = ops;
	req->arg = arg;
	if (req->reading == WEIR__READ_WAIT || req->reading == WEIR__READ_BODY)
		req->reading = ops && ops->data ? WEIR__READ_BODY : WEIR__READ_WAIT;
	if (req->stream && req->reading == WEIR__READ_BODY)
		weir__reply_continue(req);
	weir__req_asks(req);
}

void weir_req_hold(weir_req *req, bool hold)
{
	if (hold)
		req->flags |= WEIR__STILL;
	else
		req->flags &= (uint16_t)~WEIR__STILL;
	if (!req->stream)
		return;
	/* Once it is read whole, there is nothing to stop but what others send. */
	if (!hold || req->reading != WEIR__READ_WHOLE)
		weir_hold(req->stream, hold);
	if (!hold)
		weir__req_asks(req);
	else if (!weir__req_is(req, WEIR__BUSY))
		weir__conn_rest(req->stream);
}
