/*
 * health.c: is the server well, and who asks?
 *
 * Load balancers ask at a path that the application knows nothing of, and look away
 * from a server that says no: before it drains, if it was told to say so in time.
 */
#include <string.h>

#include "http/conn.h"

void weir_server_health(weir_server *server, bool well)
{
	server->unwell = !well;
}

/* A drain that others make good is nothing that anybody has to look away from. */
static bool is_well(const weir_server *server)
{
	return !server->unwell && !(server->draining && !server->loop->relieved);
}

bool weir__health_asked(const struct weir_req *req)
{
	const char *health = req->server->opts.health;
	const uint8_t method = req->parser.method;
	weir_str path;

	if (!health || (method != WEIR_GET && method != WEIR_HEAD))
		return false;
	path = weir_req_path(req);
	return path.len == strlen(health) && !memcmp(path.data, health, path.len);
}

int weir__health_answer(struct weir_req *req)
{
	const bool well = is_well(req->server);

	return weir__reply_own(req, well ? 200 : 503, well ? "ok" : "draining", "Cache-Control",
	                       "no-store");
}
