/*
 * server.c: making servers, draining and ending them.
 *
 * A server is a tenant of its loop: it is drained and freed with it. Its
 * connections are found in the loop's table of descriptors, its exchanges in a
 * list of its own. The memory of a server that was freed stays until the last
 * request that the application has in hand is ended.
 */
#include <errno.h>
#include <string.h>

#include "http/conn.h"

/* ---- options ------------------------------------------------------------ */

enum {
	DEFAULT_METHODS = WEIR_METHOD_BIT(WEIR_GET) | WEIR_METHOD_BIT(WEIR_HEAD) |
	                  WEIR_METHOD_BIT(WEIR_POST) | WEIR_METHOD_BIT(WEIR_PUT) |
	                  WEIR_METHOD_BIT(WEIR_DELETE) | WEIR_METHOD_BIT(WEIR_PATCH) |
	                  WEIR_METHOD_BIT(WEIR_OPTIONS),
	ALL_METHODS = WEIR_METHOD_BIT(WEIR_PATCH + 1) - 1
};

/* An option of 32 bits, from 1 up, and what 0 stands for. */
struct option {
	int32_t *value;
	int32_t zero, most;
	bool may_be_off;
};

static bool settle_option(const struct option *option)
{
	int32_t *value = option->value;

	if (*value == 0)
		*value = option->zero;
	if (*value == WEIR_OFF)
		return option->may_be_off;
	return *value > 0 && *value <= option->most;
}

/* A mark that was not given stays in order with the one above it. */
static int32_t mark(int32_t given, int32_t otherwise, int32_t above)
{
	return given ? given : otherwise < above ? otherwise : above;
}

static void settle_marks(weir_server_opts *o)
{
	o->max_queue = mark(o->max_queue, 4 << 20, INT32_MAX);
	o->high = mark(o->high, 64 << 10, o->max_queue);
	o->low = mark(o->low, 16 << 10, o->high);
}

/* Fills in the defaults. False: a value that makes no sense. */
static bool settle_options(weir_server_opts *o)
{
	const int32_t any = INT32_MAX, ms = INT32_MAX / 4;
	const struct option options[] = {
		{&o->max_head, 32 << 10, any / 2, false},
		{&o->max_fields, 100, UINT16_MAX - 1, false},
		{&o->max_target, 8 << 10, any, false},
		{&o->max_conns, 16384, any, true},
		{&o->max_per_peer, WEIR_OFF, any, true},
		{&o->max_pipelined, 64, any, true},
		{&o->max_requests, WEIR_OFF, UINT16_MAX - 1, true},
		{&o->head_ms, 10000, ms, false},
		{&o->idle_ms, 75000, ms, false},
		{&o->drain_idle_ms, 5000, ms, true},
		{&o->body_ms, 10000, ms, false},
		{&o->write_ms, 10000, ms, false},
		{&o->body_rate, 100, any, true},
		{&o->write_rate, 100, any, true},
		{&o->low, 0, any, false},
		{&o->high, 0, any, false},
		{&o->max_queue, 0, any - WEIR__QUEUE_MARGIN, false},
	};

	settle_marks(o);
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (!settle_option(&options[i]))
			return false;
	if (!o->methods)
		o->methods = DEFAULT_METHODS;
	if (!o->max_body)
		o->max_body = INT64_C(1) << 30;
	return o->request && o->max_body >= WEIR_OFF && !(o->methods & ~(uint32_t)ALL_METHODS) &&
	       o->low <= o->high && o->high <= o->max_queue;
}

/* At most what an exchange counts to (weir_req.came). */
static int64_t octets_in(int32_t rate, int32_t ms)
{
	const int64_t octets = rate == WEIR_OFF ? 1 : (int64_t)rate * ms / 1000;

	if (octets > UINT32_MAX)
		return UINT32_MAX;
	return octets > 0 ? octets : 1;
}

static void name_methods(weir_server *server)
{
	char *out = server->allow;

	for (int m = WEIR_GET; m <= WEIR_PATCH; m++) {
		const char *name = weir_method_name((weir_method)m);

		if (!(server->opts.methods & WEIR_METHOD_BIT(m)))
			continue;
		if (out != server->allow)
			out = (char *)memcpy(out, ", ", 2) + 2;
		memcpy(out, name, strlen(name));
		out += strlen(name);
	}
	*out = '\0';
}

static void set_up(weir_server *server)
{
	const weir_server_opts *o = &server->opts;

	server->limits = (weir_limits){
		.body = o->max_body > 0 ? (uint64_t)o->max_body : 0,
		.head = (uint32_t)o->max_head,
		.target = (uint32_t)o->max_target,
		.fields = (uint16_t)o->max_fields,
		.trailers = WEIR__TRAILERS,
	};
	server->body_need = octets_in(o->body_rate, o->body_ms);
	server->write_need = octets_in(o->write_rate, o->write_ms);
	server->date.second = -1;
	name_methods(server);
}

/* ---- connections -------------------------------------------------------- */

/* The connection on this descriptor, if it is one of the server's and not given away. */
static weir_stream *connection(const weir_server *server, int32_t fd)
{
	weir_stream *stream = weir__stream_at(server->loop, fd);

	return stream && stream->owner == server->owner && weir__conn_is(stream) ? stream : NULL;
}

static void close_all(weir_server *server)
{
	for (int32_t fd = 0; fd < server->loop->nslots; fd++) {
		weir_stream *stream = connection(server, fd);

		if (stream)
			weir_close(stream);
	}
}

static void hurry(weir_server *server, weir_stream *stream)
{
	const int64_t patience = server->opts.drain_idle_ms;
	const uint32_t now = (uint32_t)weir_loop_now(server->loop);

	if (weir__server_hurries(server))
		weir_close(stream);
	else if ((int32_t)(stream->limit.due - now) > patience)
		weir__stream_limit(stream, patience);
}

static void hurry_idle(weir_server *server)
{
	for (int32_t fd = 0; fd < server->loop->nslots; fd++) {
		weir_stream *stream = connection(server, fd);

		if (stream && !stream->arg)
			hurry(server, stream);
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
		owner->emptied = weir__conn_rest;
		owner->closed = weir__conn_closed;
	}
	return owner;
}

int weir_server_listen(weir_server *server, weir_listener **out, const char *address)
{
	if (out)
		*out = NULL;
	return server->draining ? WEIR_ESTATE : weir__listen(server->owner, out, address, NULL);
}

/* ---- making ------------------------------------------------------------- */

static void destroy(weir_server *server)
{
	struct weir__mem *mem = &server->loop->mem;

	weir_timer_stop(&server->grace);
	weir_task_cancel(server->loop, &server->last_left);
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
	close_all(server);
	destroy(server);
}

static void loop_drains(struct weir__tenant *tenant)
{
	weir_server_drain((weir_server *)(void *)tenant, WEIR_OFF);
}

static void grace_over(weir_timer *timer, void *arg)
{
	weir_server *server = arg;

	(void)timer;
	leave_all(server);
	close_all(server);
}

static void tell_drained(weir_task *task, void *arg)
{
	weir_server *server = arg;

	(void)task;
	weir_timer_stop(&server->grace);
	server->opts.drained(server, server->opts.arg);
}

int weir_server_new(weir_server **out, weir_loop *loop, const weir_server_opts *opts)
{
	weir_server_opts settled = *opts;
	weir_server *server;
	int result;

	*out = NULL;
	if (!settle_options(&settled))
		return WEIR_EINVALID;
	server = weir__mem_new(&loop->mem, sizeof *server);
	if (!server)
		return -ENOMEM;
	server->loop = loop;
	server->opts = settled;
	server->tenant.free = loop_ends;
	server->tenant.drain = loop_drains;
	weir__tenant_add(loop, &server->tenant);
	weir_timer_init(&server->grace, grace_over, server);
	weir_timer_unref(&server->grace, true);
	weir_task_init(&server->last_left, tell_drained, server);
	weir__peers_init(&server->served, &loop->mem);
	weir__peers_init(&server->refused, &loop->mem);
	weir__pool_init(&server->pool, &loop->mem,
	                sizeof(struct weir_req) + (settled.log ? sizeof(struct weir__note) : 0));
	set_up(server);
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

/* ---- ending ------------------------------------------------------------- */

void weir_server_drain(weir_server *server, int64_t grace_ms)
{
	const int64_t now = weir_loop_now(server->loop);
	int64_t due;

	if (server->freed)
		return;
	if (!server->draining) {
		server->draining = true;
		server->grace_due = INT64_MAX;
		weir__listeners_close(server->owner);
		hurry_idle(server);
		weir__server_emptied(server);
	}
	/* The sum could wrap. */
	due = grace_ms < INT64_MAX - now ? now + grace_ms : INT64_MAX;
	if (grace_ms < 0 || due >= server->grace_due)
		return;
	server->grace_due = due;
	weir_timer_start(server->loop, &server->grace, grace_ms, 0);
}

void weir__server_emptied(weir_server *server)
{
	if (server->draining && !server->conns && server->opts.drained)
		weir_later(server->loop, &server->last_left);
}

bool weir__server_hurries(const weir_server *server)
{
	return server->draining && server->opts.drain_idle_ms == WEIR_OFF;
}

int32_t weir__server_patience(const weir_server *server)
{
	const int32_t usual = server->opts.idle_ms, last = server->opts.drain_idle_ms;

	return server->draining && last < usual ? last : usual;
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
	weir_task_cancel(server->loop, &server->last_left);
	server->opts.log = NULL;
	leave_all(server);
	weir__listeners_close(server->owner);
	close_all(server);
	weir_timer_stop(&server->grace);
	server->freed = true;
	weir__server_check(server);
}

uint32_t weir_server_connections(const weir_server *server)
{
	return (uint32_t)server->owner->conns;
}
