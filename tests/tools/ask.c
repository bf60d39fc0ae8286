/*
 * Sends what comes on standard input, at once and as it comes, and prints what
 * is answered: for shell scripts, which have no sockets. Ends when the server
 * closes, or after --ms; then says on standard error how it ended and when.
 *
 *     printf 'GET / HTTP/1.0\r\n\r\n' | ask 127.0.0.1:1337 [--ms=5000] [--half]
 *
 * The line is `closed MS`, `reset MS` or `open MS`; MS counts from the start.
 * --half closes the sending direction at the end of the input.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/tools/client.h"

static struct option options[] = {
	{"ms", 5000},
	{"half", 0},
	{NULL, 0},
};

static struct {
	char data[65536];
	size_t at, len;
} input;

static int input_ended;

static void read_input(int fd)
{
	ssize_t n = read(STDIN_FILENO, input.data, sizeof input.data);
	input.at = 0;
	input.len = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return;
	input_ended = 1;
	if (option(options, "half"))
		shutdown(fd, SHUT_WR);
}

/* What cannot be sent any more is dropped: the answer may still be there to read. */
static void send_input(int fd)
{
	int64_t n = send_some(fd, input.data + input.at, input.len - input.at);
	if (n >= 0)
		input.at += (size_t)n;
	else if (n != -EAGAIN)
		input.at = input.len;
}

/* Returns how the connection ended, or NULL while it has not. */
static const char *print_answer(int fd)
{
	static char data[65536];
	int64_t n = receive_some(fd, data, sizeof data);
	if (n > 0)
		fwrite(data, 1, (size_t)n, stdout);
	fflush(stdout);
	return n == 0 ? "closed" : n < 0 && n != -EAGAIN ? "reset" : NULL;
}

int main(int argc, char **argv)
{
	struct address to;
	const char *end = NULL;
	read_arguments(argc, argv, &to, options);
	int64_t begin = now_us(), limit = option(options, "ms") * 1000;
	int fd = dial(&to);
	while (!end) {
		int64_t left = begin + limit - now_us();
		struct pollfd look[2] = {{.fd = fd, .events = POLLIN},
		                         {.fd = -1, .events = POLLIN}};
		if (left <= 0)
			break;
		if (input.at < input.len)
			look[0].events |= POLLOUT;
		else if (!input_ended)
			look[1].fd = STDIN_FILENO;
		if (poll(look, 2, (int)(left / 1000) + 1) < 0)
			fail("poll: %s", strerror(errno));
		if (look[1].revents)
			read_input(fd);
		if (look[0].revents & POLLOUT)
			send_input(fd);
		if (look[0].revents & (POLLIN | POLLERR | POLLHUP))
			end = print_answer(fd);
	}
	fprintf(stderr, "%s %lld\n", end ? end : "open", (long long)(now_us() - begin) / 1000);
	return 0;
}
