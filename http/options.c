/*
 * options.c: what may a program set of a server, and what holds where it does not?
 */
#include <string.h>

#include "http/conn.h"

/* ---- settling ------------------------------------------------------------ */

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

bool weir__options_settle(weir_server_opts *o)
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
		{&o->defer_ms, WEIR_OFF, ms, true},
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
	if (o->health && *o->health != '/')
		return false;
	return o->request && o->max_body >= WEIR_OFF && !(o->methods & ~(uint32_t)ALL_METHODS) &&
	       o->low <= o->high && o->high <= o->max_queue;
}

/* ---- what follows from them --------------------------------------------- */

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

void weir__options_apply(weir_server *server)
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
	server->date.second = INT64_MIN;
	name_methods(server);
}
