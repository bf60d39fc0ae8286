/* A client that waits for each of its steps. */
#include "config.h"

#include "bench/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

enum { SECONDS = 10 };

bool dial_address(struct sockaddr_in *to, const char *text)
{
	char host[INET_ADDRSTRLEN], *end = NULL;
	const char *colon = strrchr(text, ':');
	const size_t len = colon ? (size_t)(colon - text) : 0;
	const long port = colon ? strtol(colon + 1, &end, 10) : -1;

	if (len >= sizeof host || port < 0 || port > UINT16_MAX || end == colon + 1 || *end)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	*to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	return inet_pton(AF_INET, host, &to->sin_addr) == 1;
}

int dial_from(int fd, uint32_t source)
{
	const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
#ifdef IP_BIND_ADDRESS_NO_PORT
	const int on = 1;

	/* Without it fewer ports can be had, but some. */
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
#endif
	return bind(fd, (const struct sockaddr *)&from, sizeof from);
}

int dial_open(const struct sockaddr_in *to, uint32_t source)
{
	const struct timeval limit = {.tv_sec = SECONDS};
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 ||
	    (source && dial_from(fd, source) < 0) ||
	    connect(fd, (const struct sockaddr *)to, sizeof *to) < 0) {
		const int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

int dial_say(int fd, const char *data, size_t len)
{
	while (len > 0) {
		const ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Octets of the reply that begins so: 0 when its head is not complete. */
static size_t whole_length(const char *data, const char **body)
{
	static const char name[] = "\r\nContent-Length:";
	const char *end = strstr(data, "\r\n\r\n");
	size_t length = 0;

	if (!end)
		return 0;
	for (const char *at = data; (at = strstr(at, "\r\n")) && at < end; at++)
		if (!strncasecmp(at, name, sizeof name - 1))
			length = strtoul(at + sizeof name - 1, NULL, 10);
	*body = end + 4;
	return (size_t)(*body - data) + length;
}

int dial_hear(int fd, char *body, size_t size)
{
	char data[16384];
	const char *begin = data;
	size_t len = 0, all = 0;

	do {
		const ssize_t n = recv(fd, data + len, sizeof data - 1 - len, 0);

		if (n <= 0)
			return n < 0 ? -errno : -EPROTO;
		len += (size_t)n;
		data[len] = '\0';
		if (all == 0)
			all = whole_length(data, &begin);
	} while (all == 0 || len < all);
	if (len > all || strncmp(data, "HTTP/1.", 7) != 0)
		return -EPROTO;
	snprintf(body, size, "%s", begin);
	return atoi(data + 8);
}

void dial_drop(int fd)
{
	const struct linger at_once = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(fd);
}
