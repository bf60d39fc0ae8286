/* What a process has cost, read from /proc where there is one. */
#include "config.h"

#include "bench/meter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t nanoseconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t meter_now(void)
{
	return nanoseconds(CLOCK_MONOTONIC);
}

int64_t meter_busy(void)
{
	return nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
}

void meter_die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- processor time ---- */

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static struct meter_cpu own_cpu(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) < 0)
		return (struct meter_cpu){-1, -1};
	return (struct meter_cpu){seconds(usage.ru_utime), seconds(usage.ru_stime)};
}

/* /proc tells both in ticks; the clock of a process tells their sum in nanoseconds. */
static struct meter_cpu refine(int64_t pid, struct meter_cpu cpu)
{
#if defined(_POSIX_CPUTIME) && _POSIX_CPUTIME >= 0
	const double ticks = cpu.user + cpu.system;
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid((pid_t)pid, &clock) == 0 && clock_gettime(clock, &t) == 0) {
		const double all = (double)t.tv_sec + (double)t.tv_nsec / 1e9;

		/* Of less than a tick nobody knows which it was. */
		cpu.user *= ticks > 0 ? all / ticks : 0;
		cpu.system = all - cpu.user;
	}
#else
	(void)pid;
#endif
	return cpu;
}

/* Fields 14 and 15 of /proc/PID/stat. The name before them may hold anything, but ends with ')'. */
struct meter_cpu meter_cpu(int64_t pid)
{
	struct meter_cpu cpu = {-1, -1};
	char path[64], text[1024];
	unsigned long long user, system;

	if (pid == 0)
		return own_cpu();
	snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);

	FILE *file = fopen(path, "r");

	if (!file)
		return cpu;

	const char *line = fgets(text, sizeof text, file);
	const char *behind = line ? strrchr(line, ')') : NULL;

	fclose(file);
	if (behind && sscanf(behind + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
	                     &user, &system) == 2) {
		const double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);

		cpu = (struct meter_cpu){(double)user * tick, (double)system * tick};
		cpu = refine(pid, cpu);
	}
	return cpu;
}

/* ---- limits ---- */

int64_t meter_raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 256;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	return (int64_t)limit.rlim_cur;
}
