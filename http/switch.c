/*
 * switch.c: how does a connection leave HTTP?
 *
 * By an upgrade (RFC 9110 7.8) or as a tunnel (9.3.6): both end the exchange with a
 * head and make the connection a plain stream of the application's. What was read
 * behind the request is unread still; the stream offers it to its new role.
 */
#include <string.h>

#include "http/conn.h"
#include "http/head.h"

/* ---- what the client offers --------------------------------------------- */

/* The next Upgrade field from *i on, which is left behind it. */
static bool next_offer(const weir_req *req, uint32_t *i, weir_slice *list)
{
	const weir_field *fields = weir__req_fields(req);

	*i = weir__field_find(req->head, fields, req->nfields, "upgrade", *i);
	if (*i == req->nfields)
		return false;
	*list = fields[(*i)++].value;
	return true;
}

static bool offers_any(const weir_req *req)
{
	return (req->parser.flags & WEIR_UPGRADE) != 0;
}

weir_str weir_req_upgrade(const weir_req *req)
{
	weir_slice list, rest, item;

	for (uint32_t i = 0; offers_any(req) && next_offer(req, &i, &list);) {
		rest = list;
		if (weir__list_next(req->head, &rest, &item))
			return (weir_str){req->head + list.at, list.len};
	}
	return (weir_str){NULL, 0};
}

/* Names of protocols are compared in any case (RFC 9110 7.8), and so is the version. */
static bool is_protocol(const weir_req *req, weir_slice item, const char *protocol)
{
	const uint8_t *octets = (const uint8_t *)req->head + item.at;

	return item.len == strlen(protocol) && weir__same_anyhow(octets, protocol, item.len);
}

/* Is it one of all those that the client names, in whichever line? */
static bool is_offered(const weir_req *req, const char *protocol)
{
	weir_slice list, item;

	for (uint32_t i = 0; next_offer(req, &i, &list);)
		while (weir__list_next(req->head, &list, &item))
			if (is_protocol(req, item, protocol))
				return true;
	return false;
}

/* ---- switching ---------------------------------------------------------- */

static int may_switch(const weir_req *req, const char *protocol)
{
	const bool tunnel = req->parser.method == WEIR_CONNECT;

	if (!req->stream || weir__conn_over(req->stream))
		return WEIR_ECLOSED;
	if (req->writing != WEIR__WRITE_NONE || req->reading != WEIR__READ_WHOLE)
		return WEIR_ESTATE;
	if (tunnel == (protocol != NULL))
		return WEIR_EINVALID;
	if (tunnel)
		return 0;
	if (!offers_any(req))
		return WEIR_ESTATE;
	return is_offered(req, protocol) ? 0 : WEIR_EINVALID;
}

int weir_reply_switch(weir_req *req, const char *protocol, const weir_stream_ops *ops, void *arg,
                      weir_stream **out)
{
	weir_stream *stream = req->stream;
	int result = may_switch(req, protocol);

	if (out)
		*out = NULL;
	if (result == 0)
		result = weir__reply_switching(req, protocol);
	if (result < 0)
		return result;
	if (out)
		*out = stream;
	weir__req_switched(req, ops, arg);
	return 0;
}
