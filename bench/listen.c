/* The beginning and the end of a server in plain system calls. */
#include "config.h"

#include "bench/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/dial.h"
#include "bench/meter.h"

/* ---- where ---- */

int listen_on(const char *address, int backlog)
{
	const int on = 1;
	struct sockaddr_in to;
	int fd;

	if (!dial_address(&to, address)) {
		fprintf(stderr, "%s: not an address like " LISTEN_DEFAULT "\n", address);
		exit(2);
	}
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
	    bind(fd, (const struct sockaddr *)&to, sizeof to) < 0 ||
	    listen(fd, backlog ? backlog : SOMAXCONN) < 0)
		meter_die(address);
	return fd;
}

void listen_say(const char *name, int fd)
{
	struct sockaddr_in at;
	socklen_t size = sizeof at;
	char host[INET_ADDRSTRLEN];

	if (getsockname(fd, (struct sockaddr *)&at, &size) < 0 ||
	    !inet_ntop(AF_INET, &at.sin_addr, host, sizeof host))
		meter_die("getsockname");
	printf("%s: listening on %s:%u\n", name, host, ntohs(at.sin_port));
	if (fflush(stdout))
		meter_die("standard output");
}

/* ---- until when ---- */

static void end(int signo)
{
	(void)signo;
	_exit(0);
}

void listen_until_signal(void)
{
	struct sigaction ending = {.sa_handler = end}, nothing = {.sa_handler = SIG_IGN};

	if (sigaction(SIGTERM, &ending, NULL) < 0 || sigaction(SIGINT, &ending, NULL) < 0 ||
	    sigaction(SIGPIPE, &nothing, NULL) < 0)
		meter_die("sigaction");
}

/* What the two below are about. */
static sigset_t signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	return set;
}

void listen_hold_signals(void)
{
	const sigset_t set = signals();
	struct sigaction nothing = {.sa_handler = SIG_IGN};

	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || sigaction(SIGPIPE, &nothing, NULL) < 0)
		meter_die("sigprocmask");
}

int listen_await_signal(void)
{
	const sigset_t set = signals();
	int signo;

	errno = sigwait(&set, &signo);
	if (errno)
		meter_die("sigwait");
	return signo;
}
