/*
 * What does it cost to give each connection a process? As servers did in the nineties: a pool of
 * processes, all made at the beginning, each of which accepts a connection, serves it to its end
 * (blocking.h) and takes the next. There are as many connections as processes; the others wait in
 * the backlog.
 *
 *     bench/prefork [ADDRESS] [--processes=N]        (64)
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include "bench/blocking.h"
#include "bench/listen.h"
#include "bench/meter.h"
#include "bench/option.h"

/* The process ends with its parent, however that ends, as far as the system can do this. */
static void end_with(pid_t parent)
{
#if defined(__linux__)
	prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
	if (getppid() != parent)
		_exit(1);
}

_Noreturn static void serve(int listener)
{
	char room[BLOCKING_ROOM];
	struct blocking server;

	blocking_init(&server, room, sizeof room);
	for (;;) {
		const int fd = accept(listener, NULL, NULL);

		if (fd >= 0)
			blocking_serve(&server, fd);
		else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			meter_die("accept");
	}
}

/* They hold signals, but not this one. */
static void end_all(const pid_t *pids, int32_t n)
{
	for (int32_t i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
}

static void start_all(pid_t *pids, int32_t n, int listener)
{
	const pid_t parent = getpid();

	for (int32_t i = 0; i < n; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			end_with(parent);
			serve(listener);
		}
		if (pids[i] < 0) {
			perror("fork");
			end_all(pids, i);
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	const char *address = LISTEN_DEFAULT;
	int64_t processes = 64;
	pid_t *pids;
	int listener, status;

	for (int i = 1; i < argc; i++)
		if (*argv[i] != '-')
			address = argv[i];
		else if (!option_number(argv[i], "--processes", 1, INT32_MAX, &processes)) {
			fprintf(stderr, "usage: prefork [ADDRESS] [--processes=N]\n");
			return 2;
		}
	pids = malloc((size_t)processes * sizeof *pids);
	if (!pids)
		meter_die("prefork");
	listen_hold_signals();
	listener = listen_on(address, 0);
	blocking_prepare(listener);
	start_all(pids, (int32_t)processes, listener);
	listen_say("prefork", listener);
	status = listen_await_signal() == SIGCHLD;
	if (status)
		fprintf(stderr, "prefork: a process has ended by itself\n");
	end_all(pids, (int32_t)processes);
	free(pids);
	return status;
}
