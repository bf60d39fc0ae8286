/*
 * upload [ADDRESS]: to a slow consumer, which is busy after each piece. The body
 * is held meanwhile, and so the client sends no faster; the reply says what was taken.
 */
#include <stdio.h>
#include <stdlib.h>
#include <weir_http.h>

static void leave(weir_req *req, int why, void *busy)
{
	(void)why;
	weir_timer_stop(busy);
	free(busy);
	weir_reply_end(req);
}

static void done(weir_req *req, void *busy)
{
	leave(req, 0, busy);
}

static size_t take(weir_req *req, const char *data, size_t len, void *busy)
{
	char line[32];
	int line_len = snprintf(line, sizeof line, "%zu octets\n", len);

	(void)data;
	weir_reply_write(req, line, (size_t)line_len); /* who does not read goes without */
	weir_req_hold(req, true);
	weir_timer_start(weir_req_loop(req), busy, 10, 0);
	return len;
}

static void go_on(weir_timer *busy, void *req)
{
	(void)busy;
	weir_req_hold(req, false);
}

static void receive(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {.data = take, .end = done, .gone = leave};
	weir_timer *busy = malloc(sizeof *busy);

	(void)arg;
	if (!busy) {
		weir_reply_end(req); /* as a 500 */
		return;
	}
	weir_timer_init(busy, go_on, req);
	weir_req_on(req, &ops, busy); /* first: a client that waits for 100 gets it */
	if (weir_reply_begin(req, 200, WEIR_UNKNOWN) < 0)
		leave(req, 0, busy);
}

int weir_setup(weir_loop *loop, int argc, char **argv)
{
	return weir_http_listen(loop, argc > 1 ? argv[1] : "127.0.0.1:1337", receive, NULL);
}
