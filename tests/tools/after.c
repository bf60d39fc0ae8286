/*
 * An alarm for shell scripts: ends a process that takes too long.
 *
 *     after SECONDS PROCESS [KILL]
 *
 * Waits, and sends SIGTERM or SIGKILL then. A script that needs it no more kills it: it is one
 * process, where a subshell would leave its sleep behind, and might miss the signal.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int seconds = argc > 2 ? atoi(argv[1]) : 0;
	pid_t process = argc > 2 ? (pid_t)atol(argv[2]) : 0;
	if (seconds < 1 || process < 2) {
		fprintf(stderr, "usage: after SECONDS PROCESS [KILL]\n");
		return 2;
	}
	for (unsigned left = (unsigned)seconds; left > 0;)
		left = sleep(left);
	return kill(process, argc > 3 && strcmp(argv[3], "KILL") == 0 ? SIGKILL : SIGTERM) < 0;
}
