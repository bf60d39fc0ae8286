/*
 * events [ADDRESS]: server-sent ones, a tick a second; who comes back goes on where it was.
 */
#include <stdio.h>
#include <stdlib.h>
#include <weir_http.h>

struct client {
	weir_timer clock;
	weir_req *req;
	unsigned long seen;
};

static void leave(weir_req *req, int why, void *arg)
{
	struct client *client = arg;

	(void)why;
	weir_timer_stop(&client->clock);
	weir_reply_end(req);
	free(client);
}

static void tick(weir_timer *clock, void *arg)
{
	struct client *client = arg;
	char text[64];
	int len = snprintf(text, sizeof text, "id: %lu\ndata: tick\n\n", ++client->seen);

	(void)clock;
	if (weir_reply_write(client->req, text, (size_t)len) < 0)
		leave(client->req, 0, client);
}

static void arrive(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {.gone = leave};
	struct client *client = calloc(1, sizeof *client);
	weir_str seen = weir_req_field(req, "Last-Event-ID");
	char text[24];

	(void)arg;
	snprintf(text, sizeof text, "%.*s", (int)seen.len, seen.data ? seen.data : "");
	if (!client || weir_reply_field(req, "Content-Type", "text/event-stream") < 0 ||
	    weir_reply_begin(req, 200, WEIR_UNKNOWN) < 0 || weir_req_method(req) != WEIR_GET) {
		free(client);
		weir_reply_end(req); /* as a 500, if it has not begun; to HEAD this is all */
		return;
	}
	*client = (struct client){.req = req, .seen = strtoul(text, NULL, 10)};
	weir_req_on(req, &ops, client);
	weir_timer_init(&client->clock, tick, client);
	weir_timer_start(weir_req_loop(req), &client->clock, 1000, 1000);
}

int weir_setup(weir_loop *loop, int argc, char **argv)
{
	return weir_http_listen(loop, argc > 1 ? argv[1] : "127.0.0.1:1337", arrive, NULL);
}
