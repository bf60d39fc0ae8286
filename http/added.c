/*
 * added.c: which fields does a reply have beside those that the library makes?
 *
 * They are collected as the text that they will be sent as, and so are trailers.
 * Fields and trailers of one reply are never collected at the same time.
 */
#include <errno.h>
#include <string.h>

#include "http/conn.h"
#include "http/head.h"
#include "http/parse.h"

/* ---- collecting ----------------------------------------------------------- */

/* The block stays with the server for the next reply that has fields. */
void weir__added_forget(struct weir_req *req)
{
	weir_server *server = req->server;

	if (req->added_cap > server->spare_cap) {
		weir__mem_free(weir__server_mem(req->server), server->spare, server->spare_cap);
		server->spare = req->added;
		server->spare_cap = req->added_cap;
	} else {
		weir__mem_free(weir__server_mem(req->server), req->added, req->added_cap);
	}
	req->added = NULL;
	req->added_len = req->added_cap = 0;
}

static void take_spare(struct weir_req *req)
{
	weir_server *server = req->server;

	req->added = server->spare;
	req->added_cap = (uint16_t)server->spare_cap;
	server->spare = NULL;
	server->spare_cap = 0;
}

static int reserve(struct weir_req *req, size_t len)
{
	size_t cap;
	char *bigger;

	if (!req->added)
		take_spare(req);
	if (len <= req->added_cap)
		return 0;
	for (cap = 256; cap < len; cap *= 2)
		continue;
	bigger = weir__mem_resize(weir__server_mem(req->server), req->added, req->added_cap, cap);
	if (!bigger)
		return -ENOMEM;
	req->added = bigger;
	req->added_cap = (uint16_t)cap;
	return 0;
}

static char *append(char *out, const char *text, size_t len)
{
	memcpy(out, text, len);
	return out + len;
}

int weir__add_field(struct weir_req *req, const char *name, const char *value)
{
	const size_t name_len = strlen(name), value_len = strlen(value);
	int result;
	char *out;

	/* Compared one by one: a sum could wrap. The empty line goes behind the last field. */
	if (name_len > WEIR__FIELDS_MAX || value_len > WEIR__FIELDS_MAX ||
	    req->added_len + name_len + value_len + 6 > WEIR__FIELDS_MAX)
		return WEIR_EFULL;
	result = reserve(req, req->added_len + name_len + value_len + 6);
	if (result < 0)
		return result;
	out = append(req->added + req->added_len, name, name_len);
	out = append(out, ": ", 2);
	out = append(out, value, value_len);
	out = append(out, "\r\n", 2);
	req->added_len = (uint16_t)(out - req->added);
	return 0;
}

weir_str weir__added_section(struct weir_req *req)
{
	if (!req->added_len)
		return (weir_str){"\r\n", 2};
	memcpy(req->added + req->added_len, "\r\n", 2);
	return (weir_str){req->added, req->added_len + 2u};
}

int weir__add_upgrade(struct weir_req *req, const char *protocols)
{
	const uint16_t before = req->added_len;
	int result = weir__add_field(req, "Upgrade", protocols);

	if (result == 0)
		result = weir__add_field(req, "Connection", "upgrade");
	if (result < 0)
		req->added_len = before;
	return result;
}

/* ---- by the application -------------------------------------------------- */

static bool is_upgrade(const char *name)
{
	return strlen(name) == 7 && weir__same((const uint8_t *)name, "upgrade", 7);
}

int weir_reply_field(weir_req *req, const char *name, const char *value)
{
	if (!weir__is_field(name, value))
		return WEIR_EINVALID;
	if (req->writing != WEIR__WRITE_NONE)
		return WEIR_ESTATE;
	return is_upgrade(name) ? weir__add_upgrade(req, value) : weir__add_field(req, name, value);
}

int weir_reply_trailer(weir_req *req, const char *name, const char *value)
{
	if (!req->stream)
		return WEIR_ECLOSED;
	/* What the parser passes over in a trailer section is not sent in one, either. */
	if (!weir__is_field(name, value) ||
	    !weir__may_trail((const uint8_t *)name, (uint32_t)strlen(name)))
		return WEIR_EINVALID;
	if (req->writing == WEIR__WRITE_NONE || req->writing == WEIR__WRITE_LENGTH)
		return WEIR_ESTATE;
	/* Where there are no chunks they are collected in vain: the results are the same. */
	return weir__add_field(req, name, value);
}
