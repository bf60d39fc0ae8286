/* What does a program cost that uses core/ alone? Sends back what comes: bench/footprint.sh links it. */
#include <weir.h>

static size_t back(weir_stream *stream, const char *data, size_t len, void *arg)
{
	(void)arg;
	if (weir_write(stream, data, len) < 0)
		weir_close(stream);
	return len;
}

int weir_setup(weir_loop *loop, int argc, char **argv)
{
	static const weir_stream_ops ops = {.data = back};

	return weir_listen(loop, NULL, argc > 1 ? argv[1] : "127.0.0.1:1337", NULL, &ops, NULL);
}
