/*
 * Opens a connection. From one address that is weir_connect; from several in turn, 127.0.0.1,
 * 127.0.0.2 and so on, the socket is made here, bound, and given to weir: a system looks long for a
 * free port when thousands are taken between one pair of addresses.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/dial.h"
#include "bench/load.h"

/* A socket on its way there, or -errno. */
static int begin_connect(const char *address, int64_t source)
{
	struct sockaddr_in to;

	if (!dial_address(&to, address))
		return WEIR_EADDRESS;

	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return -errno;
	if (dial_from(fd, INADDR_LOOPBACK + (uint32_t)source) == 0 &&
	    fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
	    (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS))
		return fd;

	const int error = -errno;

	close(fd);
	return error;
}

static int begin_from(struct load_conn *conn, int64_t source, const weir_stream_ops *ops)
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
		return begin_from(conn, conn->number % n, ops);
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
