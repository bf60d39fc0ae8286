/*
 * What does it cost to start a program, and does it cost more when many descriptors are
 * open, which the child must not have? Starts /bin/true N times, one after another, with
 * few descriptors open and with as many as the limit lets, by turns.
 *
 *     bench/spawn [N]        (default 500)
 *
 * For each, in microseconds: how long weir_spawn kept the loop (that is fork), and how long
 * it took until the child's end was told. plain: what vfork and exec do, which leave the
 * closing to close-on-exec; the same number of descriptors is open there.
 */
#include "config.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir.h>

#include "bench/meter.h"

extern char **environ;

static const char *const program[] = {"/bin/true", NULL};

struct series {
	const char *name;
	int64_t *kept, *ended;
};

static void spawn_once(weir_loop *loop, int64_t *kept, int64_t *ended)
{
	const weir_child_opts opts = {.argv = program};
	const int64_t begin = meter_now();
	if (weir_spawn(loop, NULL, &opts, NULL, NULL) < 0)
		meter_die("weir_spawn");
	*kept = meter_now() - begin;
	if (weir_loop_run(loop) < 0)
		meter_die("weir_loop_run");
	*ended = meter_now() - begin;
}

static void spawn_plainly(weir_loop *loop, int64_t *kept, int64_t *ended)
{
	const int64_t begin = meter_now();
	pid_t pid;
	int status;
	(void)loop;
	if (posix_spawn(&pid, program[0], NULL, NULL, (char **)(uintptr_t)program, environ) != 0)
		meter_die("posix_spawn");
	*kept = meter_now() - begin;
	if (waitpid(pid, &status, 0) != pid)
		meter_die("waitpid");
	*ended = meter_now() - begin;
}

static int by_size(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static void report(const char *name, int64_t *kept, int64_t *ended, size_t n, int open)
{
	qsort(kept, n, sizeof *kept, by_size);
	qsort(ended, n, sizeof *ended, by_size);
	printf("%-8s %6d open   loop kept %7.1f   ended after %7.1f   (p90 %.1f)\n", name, open,
	       (double)kept[n / 2] / 1000, (double)ended[n / 2] / 1000,
	       (double)ended[n * 9 / 10] / 1000);
}

static int fill(int from, int to)
{
	while (from < to) {
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			break;
		from = fd + 1;
	}
	return from;
}

static void empty(int from, int to)
{
	for (int fd = from; fd < to; fd++)
		close(fd);
}

int main(int argc, char **argv)
{
	enum { FEW, MANY, PLAIN_FEW, PLAIN_MANY, KINDS };
	static const char *const names[KINDS] = {"weir", "weir", "plain", "plain"};
	const size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 500;
	int64_t *kept[KINDS], *ended[KINDS];
	int open_fds[KINDS] = {0};
	weir_loop *loop;
	if (n == 0) {
		fprintf(stderr, "usage: spawn [N]\n");
		return 2;
	}
	const int64_t limit = meter_raise_limit();
	printf("microseconds, medians of %zu; the limit is %lld descriptors\n", n,
	       (long long)limit);
	if (weir_loop_new(&loop, NULL) < 0)
		meter_die("weir_loop_new");
	for (int k = 0; k < KINDS; k++) {
		kept[k] = calloc(n, sizeof *kept[k]);
		ended[k] = calloc(n, sizeof *ended[k]);
		if (!kept[k] || !ended[k])
			meter_die("calloc");
	}
	const int first = fill(0, 16);
	const int most = limit > 65536 ? 65536 : (int)limit - 16;
	for (size_t done = 0; done < n;) {
		const size_t until = done + 50 < n ? done + 50 : n;
		for (int k = 0; k < KINDS; k++) {
			const int end = k == MANY || k == PLAIN_MANY ? fill(first, most) : first;
			open_fds[k] = end;
			for (size_t i = done; i < until; i++)
				(k < PLAIN_FEW ? spawn_once : spawn_plainly)(loop, &kept[k][i],
				                                             &ended[k][i]);
			empty(first, end);
		}
		done = until;
	}
	for (int k = 0; k < KINDS; k++)
		report(names[k], kept[k], ended[k], n, open_fds[k]);
	weir_loop_free(loop);
	return 0;
}
