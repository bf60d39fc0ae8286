/* hello on all processors: a program without main whose workers serve. */
#include <weir_http.h>

static const char *address = "127.0.0.1:1337";

static void hello(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply(req, 200, "text/plain", "Hello World\n", 12);
}

static int serve(weir_worker *worker, weir_loop *loop, void *arg)
{
	(void)worker;
	(void)arg;
	return weir_http_listen(loop, address, hello, NULL);
}

int weir_setup(weir_loop *loop, int argc, char **argv)
{
	const weir_cluster_opts opts = {.setup = serve};
	weir_cluster *cluster;
	int result = weir_cluster_new(&cluster, loop, &opts);

	if (argc > 1)
		address = argv[1];
	if (result >= 0)
		result = weir_cluster_listen(cluster, address, NULL);
	return result < 0 ? result : weir_cluster_start(cluster);
}
