/*
 * upgrade [ADDRESS]: to a protocol of one's own. Each line comes back in capitals, `quit` ends it;
 * until then, or a minute of silence, it holds the program, which Ctrl-C drains (twice: ends).
 */
#include <ctype.h>
#include <string.h>

#include <weir_http.h>

/* One line with its end. False: it was the last. */
static bool answer(weir_stream *stream, const char *line, size_t len)
{
	char upper[256];

	if (len > sizeof upper || (len == 5 && !memcmp(line, "quit\n", 5)))
		return false;
	for (size_t i = 0; i < len; i++)
		upper[i] = (char)toupper((unsigned char)line[i]);
	return weir_write(stream, upper, len) >= 0;
}

/* Takes the lines that are whole; the rest is offered again with what comes behind it. */
static size_t data(weir_stream *stream, const char *octets, size_t len, void *arg)
{
	size_t used = 0;
	const char *end;

	(void)arg;
	while ((end = memchr(octets + used, '\n', len - used)) != NULL) {
		const size_t line = (size_t)(end + 1 - octets) - used;

		if (!answer(stream, octets + used, line)) {
			weir_finish(stream);
			return len;
		}
		used += line;
	}
	return used;
}

static void handle(weir_req *req, void *arg)
{
	static const weir_stream_ops lines = {.data = data};
	weir_stream *stream;

	(void)arg;
	if (weir_reply_switch(req, "lines", &lines, NULL, &stream) == 0) {
		weir_idle(stream, 60000); /* without it there is no limit */
		return;
	}
	weir_reply_field(req, "Upgrade", "lines");
	weir_reply(req, 426, "text/plain", "This speaks lines\n", 18);
}

int weir_setup(weir_loop *loop, int argc, char **argv)
{
	return weir_http_listen(loop, argc > 1 ? argv[1] : "127.0.0.1:1337", handle, NULL);
}
