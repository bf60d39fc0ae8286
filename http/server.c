/*
 * server.c: how is a server made, and what is freed when?
 *
 * A server is a tenant of its loop: it is drained and freed with it. Its
 * connections are found in the loop's table of descriptors, its exchanges in a
 * list of its own. The memory of a server that was freed stays until the last
 * request that the application has in hand is ended.
 */
#include <errno.h>
#include <string.h>

#include "http/conn.h"

/* ---- connections -------------------------------------------------------- */

/* The connection on this descriptor, if it is one of the server's and not given away. */
static weir_stream *connection(const weir_server *server, int32_t fd)
{
	weir_stream *stream = weir__stream_at(server->loop, fd);

	return stream && stream->owner == server->owner && weir__conn_is(stream) ? stream : NULL;
}

void weir__server_each(const weir_server *server, void (*call)(weir_stream *stream))
{
	for (int32_t fd = 0; fd < server->loop->nslots; fd++) {
		weir_stream *stream = connection(server, fd);

		if (stream)
			call(stream);
	}
}

/* Takes all exchanges from their streams; those in hand are told from the loop. */
static void leave_all(weir_server *server)
{
	struct weir_req *next;

	for (struct weir_req *req = server->reqs; req; req = next) {
		next = req->next;
		if (!req->stream)
			continue;
		weir__req_leave(req);
		if (weir__req_is(req, WEIR__IN_HAND) || weir__access_due(req))
			weir__req_orphan(req);
		else if (!weir__req_is(req, WEIR__BUSY))
			weir__req_free(req);
	}
}

void weir__server_cut(weir_server *server)
{
	leave_all(server);
	weir__server_each(server, weir_close);
}

/* ---- listeners ---------------------------------------------------------- */

static int32_t unread_limit(const weir_server_opts *opts)
{
	/* A head, or a trailer section, with all that one more read can bring. */
	const int32_t section = opts->max_head > 16 << 10 ? opts->max_head : 16 << 10;

	return section + 4 * WEIR__CHUNK;
}

/* What all its connections have in common, whichever listener accepted them. */
static struct weir__owner *new_owner(weir_server *server)
{
	const weir_server_opts *o = &server->opts;
	const weir_stream_opts opts = {
		.transport = o->transport,
		.transport_arg = o->transport_arg,
		.max_conns = o->max_conns,
		.low = o->low,
		.high = o->high,
		.max_queue = o->max_queue + WEIR__QUEUE_MARGIN,
		.max_unread = unread_limit(o),
	};
	struct weir__owner *owner =
		weir__owner_accepts(server->loop, &opts, &weir__http_ops, server);

	if (owner) {
		owner->taken = weir__conn_begin;
		owner->emptied = weir__conn_rest;
		owner->closed = weir__conn_closed;
	}
	return owner;
}

int weir_server_listen(weir_server *server, weir_listener **out, const char *address)
{
	const weir_stream_opts how = {.defer_ms = server->opts.defer_ms};

	if (out)
		*out = NULL;
	return server->draining ? WEIR_ESTATE : weir__listen(server->owner, out, address, &how);
}

int weir_server_adopt(weir_server *server, int fd)
{
	const int result = weir__thread_check(server->loop);

	if (result < 0)
		return result;
	return server->draining ? WEIR_ESTATE : weir__take(server->owner, fd);
}

/* ---- freeing ------------------------------------------------------------ */

static void destroy(weir_server *server)
{
	struct weir__mem *mem = &server->loop->mem;

	weir__drain_stop(server);
	weir__tenant_remove(&server->tenant);
	weir__pool_free(&server->pool);
	weir__peers_free(&server->served);
	weir__peers_free(&server->refused);
	weir__mem_free(mem, server->fields,
	               (size_t)server->opts.max_fields * sizeof *server->fields);
	weir__mem_free(mem, server->trailers, WEIR__TRAILERS * sizeof *server->trailers);
	weir__mem_free(mem, server->spare, server->spare_cap);
	/* Connections that were given away may live on. */
	if (server->owner)
		server->owner->closed = server->owner->emptied = NULL;
	weir__trust_free(&server->trust, mem);
	weir__owner_put(server->owner);
	weir__mem_free(mem, server, sizeof *server);
}

void weir__server_check(weir_server *server)
{
	if (server->freed && !server->reqs)
		destroy(server);
}

void weir_server_free(weir_server *server)
{
	if (!server)
		return;
	server->draining = true;
	server->opts.drained = NULL;
	server->opts.log = NULL;
	weir__drain_stop(server);
	weir__listeners_close(server->owner);
	weir__server_cut(server);
	server->freed = true;
	weir__server_check(server);
}

/* The loop is being freed, and with it the requests that somebody has in hand. */
static void loop_ends(struct weir__tenant *tenant)
{
	weir_server *server = (weir_server *)(void *)tenant;

	server->freed = false;
	server->opts.drained = NULL;
	server->opts.log = NULL;
	while (server->reqs) {
		if (server->reqs->stream)
			weir__req_leave(server->reqs);
		weir__req_free(server->reqs);
	}
	weir__listeners_close(server->owner);
	weir__server_each(server, weir_close);
	destroy(server);
}

static void loop_drains(struct weir__tenant *tenant)
{
	weir_server_drain((weir_server *)(void *)tenant, WEIR_OFF);
}

/* ---- making ------------------------------------------------------------- */

int weir_server_new(weir_server **out, weir_loop *loop, const weir_server_opts *opts)
{
	weir_server_opts settled = *opts;
	weir_server *server;
	int result;

	*out = NULL;
	if (!weir__options_settle(&settled))
		return WEIR_EINVALID;
	server = weir__mem_new(&loop->mem, sizeof *server);
	if (!server)
		return -ENOMEM;
	server->loop = loop;
	server->opts = settled;
	server->tenant.free = loop_ends;
	server->tenant.drain = loop_drains;
	weir__tenant_add(loop, &server->tenant);
	weir__drain_init(server);
	weir__peers_init(&server->served, &loop->mem);
	weir__peers_init(&server->refused, &loop->mem);
	weir__pool_init(&server->pool, &loop->mem,
	                sizeof(struct weir_req) + (settled.log ? sizeof(struct weir__note) : 0));
	weir__options_apply(server);
	server->fields =
		weir__mem_new(&loop->mem, (size_t)settled.max_fields * sizeof *server->fields);
	server->trailers = weir__mem_new(&loop->mem, WEIR__TRAILERS * sizeof *server->trailers);
	server->owner = new_owner(server);
	result = weir__trust_read(&server->trust, &loop->mem, settled.trusted);
	server->opts.trusted = NULL; /* the caller's again */
	if (!server->fields || !server->trailers || !server->owner)
		result = -ENOMEM;
	if (result < 0) {
		destroy(server);
		return result;
	}
	*out = server;
	return 0;
}

int weir_http_listen(weir_loop *loop, const char *address, weir_handler *handler, void *arg)
{
	const weir_server_opts opts = {.request = handler, .arg = arg};
	weir_server *server;
	int result = weir_server_new(&server, loop, &opts);

	if (result < 0)
		return result;
	result = weir_server_listen(server, NULL, address);
	if (result < 0)
		weir_server_free(server);
	return result;
}

uint32_t weir_server_connections(const weir_server *server)
{
	return (uint32_t)server->owner->conns;
}
