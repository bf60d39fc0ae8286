/*
 * The smallest server: no main, so the loop is the hidden one of core/main.c.
 *
 *     hello [ADDRESS]
 */
#include <weir_http.h>

static void hello(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply(req, 200, "text/plain", "Hello World\n", 12);
}

int weir_setup(weir_loop *loop, int argc, char **argv)
{
	return weir_http_listen(loop, argc > 1 ? argv[1] : "127.0.0.1:1337", hello, NULL);
}
