/*
 * longpoll [ADDRESS]: a timer answers, a second later. The client may have left by then, but its
 * request is there until it is ended.
 */
#include <stdlib.h>
#include <weir_http.h>

struct poll {
	weir_timer timer;
	weir_req *req;
};

static void answer(weir_timer *timer, void *arg)
{
	struct poll *poll = arg;

	(void)timer;
	/* WEIR_ECLOSED when the client has left; the request is ended all the same. */
	weir_reply(poll->req, 200, "text/plain", "news\n", 5);
	free(poll);
}

static void wait_for_news(weir_req *req, void *arg)
{
	struct poll *poll = calloc(1, sizeof *poll);

	(void)arg;
	if (!poll) {
		weir_reply(req, 503, NULL, NULL, 0);
		return;
	}
	poll->req = req;
	weir_timer_init(&poll->timer, answer, poll);
	weir_timer_start(weir_req_loop(req), &poll->timer, 1000, 0);
}

int weir_setup(weir_loop *loop, int argc, char **argv)
{
	return weir_http_listen(loop, argc > 1 ? argv[1] : "127.0.0.1:1337", wait_for_news, NULL);
}
