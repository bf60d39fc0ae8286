/*
 * libmicrohttpd, for the comparison with weir's hello: its epoll, in one thread, a port that the
 * system chooses. bench/servers.sh compiles it where the library is found; nothing of weir is in it.
 *
 * The loop is ours, since that of the library's own thread (0.9.75) waits for ever in its second
 * epoll_wait after one that gave exactly the 128 events there is room for: so 128 connections that
 * are ready at once stop it.
 *
 *     microhttpd [CONNECTIONS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <microhttpd.h>

#if MHD_VERSION < 0x00097002
#define MHD_Result int
#else
#define MHD_Result enum MHD_Result
#endif

static MHD_Result hello(void *reply, struct MHD_Connection *connection, const char *url,
                        const char *method, const char *version, const char *data, size_t *size,
                        void **request)
{
	static int seen;

	(void)url;
	(void)method;
	(void)version;
	(void)data;
	/* It calls when the head is there and again when the body is: only then it takes a reply. */
	if (!*request) {
		*request = &seen;
		return MHD_YES;
	}
	*size = 0;
	return MHD_queue_response(connection, MHD_HTTP_OK, reply);
}

static struct MHD_Response *make_reply(void)
{
	static char text[] = "Hello World\n";
	struct MHD_Response *reply =
		MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_PERSISTENT);

	if (reply && MHD_add_response_header(reply, "Content-Type", "text/plain") == MHD_YES)
		return reply;
	return NULL;
}

static struct MHD_Daemon *start(unsigned most)
{
	struct sockaddr_in address;
	struct MHD_Response *reply = make_reply();

	memset(&address, 0, sizeof address);
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!reply)
		return NULL;
	return MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, hello, reply, MHD_OPTION_SOCK_ADDR,
	                        &address, MHD_OPTION_CONNECTION_LIMIT, most,
	                        MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_LISTEN_BACKLOG_SIZE,
	                        4096u, MHD_OPTION_END);
}

/* Waits for its epoll, for as long as it says. */
static void run(struct MHD_Daemon *daemon, int epoll)
{
	struct pollfd ready = {.fd = epoll, .events = POLLIN};

	for (;;) {
		MHD_UNSIGNED_LONG_LONG ms;
		const int limited = MHD_get_timeout(daemon, &ms) == MHD_YES;

		if (poll(&ready, 1, limited ? (int)ms : -1) >= 0 && MHD_run(daemon) != MHD_YES)
			return;
	}
}

int main(int argc, char **argv)
{
	const unsigned most = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000;
	struct MHD_Daemon *daemon = start(most);
	const union MHD_DaemonInfo *bound = NULL, *epoll = NULL;

	if (daemon) {
		bound = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
		epoll = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
	}
	if (!bound || !epoll) {
		fprintf(stderr, "microhttpd: it does not start\n");
		return 1;
	}
	printf("microhttpd: listening on 127.0.0.1:%u\n", (unsigned)bound->port);
	fflush(stdout);
	run(daemon, epoll->epoll_fd);
	return 1;
}
