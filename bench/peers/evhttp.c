/*
 * libevent's evhttp, for the comparison with weir's hello: one thread, a port that the system
 * chooses. bench/servers.sh compiles it where the library is found; nothing of weir is in it.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

static void hello(struct evhttp_request *request, void *arg)
{
	struct evbuffer *body = evhttp_request_get_output_buffer(request);

	(void)arg;
	evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "text/plain");
	evbuffer_add(body, "Hello World\n", 12);
	evhttp_send_reply(request, 200, "OK", NULL);
}

/* The port of a listening socket, or 0. */
static int port_of(evutil_socket_t fd)
{
	struct sockaddr_in address;
	socklen_t size = sizeof address;

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return 0;
	return ntohs(address.sin_port);
}

int main(void)
{
	struct event_base *base = event_base_new();
	struct evhttp *http = base ? evhttp_new(base) : NULL;
	struct evhttp_bound_socket *bound =
		http ? evhttp_bind_socket_with_handle(http, "127.0.0.1", 0) : NULL;

	if (!bound) {
		fprintf(stderr, "evhttp: it does not start\n");
		return 1;
	}
	evhttp_set_timeout(http, 600);
	evhttp_set_gencb(http, hello, NULL);
	printf("evhttp: listening on 127.0.0.1:%d\n", port_of(evhttp_bound_socket_get_fd(bound)));
	fflush(stdout);
	event_base_dispatch(base);
	return 0;
}
