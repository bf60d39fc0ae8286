/*
 * Opens a connection. From one address that is weir_connect; from several in turn, 127.0.0.1,
 * 127.0.0.2 and so on, the socket is made here, bound, and given to weir: a system looks long for a
 * free port when thousands are taken between one pair of addresses.
 */
#include "config.h"

#include "bench/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A.B.C.D:PORT, which is all that can be bound for. */
static bool ip4_address(const char *text, struct sockaddr_in *to)
{
	char host[INET_ADDRSTRLEN];
	const char *colon = strrchr(text, ':');
	const size_t len = colon ? (size_t)(colon - text) : sizeof host;

	if (len >= sizeof host)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	*to = (struct sockaddr_in){.sin_family = AF_INET};
	to->sin_port = htons((uint16_t)atoi(colon + 1));
	return inet_pton(AF_INET, host, &to->sin_addr) == 1;
}

/* The port is left to connect, where the system can wait: then one may serve many targets. */
static int bind_source(int fd, int64_t n)
{
	const struct sockaddr_in from = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)n),
	};
#ifdef IP_BIND_ADDRESS_NO_PORT
	const int on = 1;

	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
#endif
	return bind(fd, (const struct sockaddr *)&from, sizeof from);
}

/* A socket on its way there, or -errno. */
static int begin_connect(const char *address, int64_t source)
{
	struct sockaddr_in to;

	if (!ip4_address(address, &to))
		return WEIR_EADDRESS;

	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return -errno;
	if (bind_source(fd, source) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
	    (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS))
		return fd;

	const int error = -errno;

	close(fd);
	return error;
}

static int dial_from(struct load_conn *conn, int64_t source, const weir_stream_ops *ops)
{
	struct load *load = conn->load;
	const int fd = begin_connect(load->options.address, source);

	if (fd < 0)
		return fd;

	const int result = weir_adopt(load->loop, &conn->stream, fd, NULL, ops, conn);

	if (result < 0)
		close(fd);
	else
		(void)weir_nodelay(conn->stream, true);
	return result;
}

int load_dial(struct load_conn *conn, const weir_stream_ops *ops)
{
	struct load *load = conn->load;
	const int64_t n = load->options.sources;

	conn->stream = NULL;
	if (n > 1)
		return dial_from(conn, conn->number % n, ops);
	return weir_connect(load->loop, &conn->stream, load->options.address, NULL, ops, conn);
}

void load_hang_up(struct load_conn *conn)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	if (!conn->stream)
		return;
	(void)setsockopt(weir_stream_fd(conn->stream), SOL_SOCKET, SO_LINGER, &at_once,
	                 sizeof at_once);
	weir_close(conn->stream);
	conn->stream = NULL;
}
