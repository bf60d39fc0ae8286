/*
 * What do clocks cost? Nanoseconds of processor time to arm, refresh, stop and expire timers
 * (weir_timer) and time limits of connections (core/wheel.h) when few and when many are armed,
 * and what a turn of the loop costs when many are armed of which none is due.
 *
 *     bench/timers [--armed=1000000] [--rounds=5] [--tsv=FILE]
 *
 * Each figure is the median of the rounds, with the least and the most; the whole number of them
 * is gone through in each. TSV: kind what armed ns least most.
 *
 * Time limits belong to streams, and a process may have fewer descriptors than a million: the
 * streams here have none. They are blocks with a number each, which the wheel cannot tell from
 * others.
 */
#include "config.h"

#include "bench/meter.h"
#include "bench/option.h"
#include "bench/tsv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/stream.h"

enum {
	MOST_ROUNDS = 99,
	SOON_MS = 50,     /* what is to expire does within that */
	LONG_MS = 600000, /* what is not */
	TURNS = 20000,
	FEW = 10000,
	IN_A_MS = 1000 /* are refreshed */
};

struct run {
	weir_loop *loop;
	int64_t armed, rounds;
	uint32_t *order; /* all numbers below armed, mixed */
	FILE *tsv;
};

static uint32_t any(uint32_t below)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 32) * below >> 32);
}

static void mix(uint32_t *order, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		order[i] = (uint32_t)i;
	for (int64_t i = n - 1; i > 0; i--) {
		const uint32_t k = any((uint32_t)i + 1), kept = order[i];

		order[i] = order[k];
		order[k] = kept;
	}
}

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const struct run *run, const char *kind, const char *what, double *ns)
{
	const size_t n = (size_t)run->rounds;

	qsort(ns, n, sizeof *ns, ascending);
	printf("%-7s %-44s %9" PRId64 " %9.1f  (%.1f to %.1f)\n", kind, what, run->armed, ns[n / 2],
	       ns[0], ns[n - 1]);
	fflush(stdout);
	if (run->tsv)
		fprintf(run->tsv, "%s\t%s\t%" PRId64 "\t%.1f\t%.1f\t%.1f\n", kind, what, run->armed,
		        ns[n / 2], ns[0], ns[n - 1]);
}

static double turn(weir_loop *loop)
{
	const int64_t begin = meter_busy();

	for (int i = 0; i < TURNS; i++)
		if (weir_loop_step(loop, 0) < 0)
			meter_die("weir_loop_step");
	return (double)(meter_busy() - begin) / (double)TURNS;
}

/* What is done to all, timed: a step for each, and the name it is reported by. */
typedef void step_fn(struct run *run, int64_t i);

static double pass(struct run *run, step_fn *step)
{
	const int64_t begin = meter_busy();

	for (int64_t i = 0; i < run->armed; i++)
		step(run, i);
	return (double)(meter_busy() - begin) / (double)run->armed;
}

/* ---- timers ---- */

static weir_timer *timers;
static int64_t fired;

static void fire(weir_timer *timer, void *arg)
{
	(void)timer;
	(void)arg;
	fired++;
}

static void arm_alike(struct run *run, int64_t i)
{
	weir_timer_start(run->loop, &timers[i], LONG_MS, 0);
}

static void arm_anyhow(struct run *run, int64_t i)
{
	weir_timer_start(run->loop, &timers[i], LONG_MS + any(LONG_MS), 0);
}

static void arm_in_any_order(struct run *run, int64_t i)
{
	weir_timer_start(run->loop, &timers[run->order[i]], LONG_MS + any(LONG_MS), 0);
}

static void arm_soon(struct run *run, int64_t i)
{
	weir_timer_start(run->loop, &timers[i], any(SOON_MS), 0);
}

static void stop(struct run *run, int64_t i)
{
	weir_timer_stop(&timers[run->order[i]]);
}

/* Nothing fires in the turn that it was armed in, and all else in one: a second shall see that. */
static double expire(struct run *run)
{
	fired = 0;
	pass(run, arm_soon);
	nanosleep(&(struct timespec){.tv_nsec = (SOON_MS + 10) * 1000000}, NULL);

	const int64_t begin = meter_busy();

	weir_loop_step(run->loop, 0);
	weir_loop_step(run->loop, 0);

	const double ns = (double)(meter_busy() - begin) / (double)run->armed;

	if (fired != run->armed) {
		fprintf(stderr, "timers: %" PRId64 " of %" PRId64 " have fired\n", fired,
		        run->armed);
		exit(1);
	}
	return ns;
}

static void measure_timers(struct run *run)
{
	enum { ARM, AGAIN, MIXED, REFRESH, ANY, STOP, EXPIRE, IDLE, TURN, ROWS };
	static const char *const names[ROWS] = {
		"arm, all for the same delay",
		"refresh, by turns, the same delay",
		"arm, for any delay",
		"refresh, by turns, any delay",
		"refresh, in any order, any delay",
		"stop, in any order",
		"expire",
		"a turn of the loop, none armed",
		"a turn of the loop, all armed",
	};
	static double ns[ROWS][MOST_ROUNDS];

	timers = calloc((size_t)run->armed, sizeof *timers);
	if (!timers)
		meter_die("calloc");
	for (int64_t i = 0; i < run->armed; i++)
		weir_timer_init(&timers[i], fire, NULL);
	for (int64_t r = 0; r < run->rounds; r++) {
		ns[IDLE][r] = turn(run->loop);
		ns[ARM][r] = pass(run, arm_alike);
		ns[AGAIN][r] = pass(run, arm_alike);
		pass(run, stop);
		ns[MIXED][r] = pass(run, arm_anyhow);
		ns[REFRESH][r] = pass(run, arm_anyhow);
		ns[ANY][r] = pass(run, arm_in_any_order);
		ns[TURN][r] = turn(run->loop);
		ns[STOP][r] = pass(run, stop);
		ns[EXPIRE][r] = expire(run);
	}
	for (int i = 0; i < ROWS; i++)
		report(run, "timer", names[i], ns[i]);
	free(timers);
}

/* ---- time limits of connections ---- */

static weir_stream *streams;

static void expired(weir_stream *stream, void *arg)
{
	(void)stream;
	(void)arg;
	fired++;
}

/* Streams of the loop at numbers that are nobody's; `first` is the first of these. */
static void make_streams(struct run *run, int32_t first)
{
	static const weir_stream_ops ops = {.idle = expired};
	static struct weir__owner owner;
	weir_loop *loop = run->loop;
	const int32_t n = (int32_t)run->armed;
	const size_t had = (size_t)loop->slots_cap * sizeof *loop->slots;
	const size_t has = (size_t)(first + n) * sizeof *loop->slots;

	owner = (struct weir__owner){.loop = loop, .ops = &ops};
	streams = calloc((size_t)n, sizeof *streams);
	loop->slots = weir__mem_resize(&loop->mem, loop->slots, had, has);
	if (!streams || !loop->slots)
		meter_die("memory");
	memset((char *)loop->slots + had, 0, has - had);
	loop->nslots = loop->slots_cap = first + n;
	for (int32_t i = 0; i < n; i++) {
		streams[i].source = (struct weir__source){.fd = first + i, .kind = WEIR__STREAM};
		streams[i].owner = &owner;
		streams[i].ops = &ops;
		weir__limit_init(&streams[i].limit);
		loop->slots[first + i] = (uintptr_t)&streams[i].source;
	}
}

static void forget_streams(struct run *run, int32_t first)
{
	for (int64_t i = 0; i < run->armed; i++)
		run->loop->slots[first + i] = 0;
	free(streams);
}

/* The clock goes on while many are refreshed. */
static void let_pass(struct run *run, int64_t i)
{
	run->loop->now += i % IN_A_MS == 0;
}

static void limit(struct run *run, int64_t i)
{
	let_pass(run, i);
	weir__limit_set(&streams[i], LONG_MS);
}

static void limit_in_any_order(struct run *run, int64_t i)
{
	let_pass(run, i);
	weir__limit_set(&streams[run->order[i]], LONG_MS);
}

static void limit_soon(struct run *run, int64_t i)
{
	weir__limit_set(&streams[run->order[i]], any(SOON_MS));
}

static void unlimit(struct run *run, int64_t i)
{
	(void)run;
	weir__limit_clear(&streams[i]);
}

/* The wheel at a time that is to come: each is looked at once in a turn of it. */
static double roll(struct run *run, int64_t ms)
{
	run->loop->now += ms;

	const int64_t begin = meter_busy();

	weir__wheel_run(run->loop);
	return (double)(meter_busy() - begin) / (double)run->armed;
}

/* Nothing is armed: the clock is what it was. */
static void set_back(struct run *run, int64_t now)
{
	run->loop->now = now;
	weir__wheel_init(&run->loop->wheel, now);
}

static void measure_limits(struct run *run)
{
	enum { ARM, AGAIN, ANY, LOOK, CLEAR, EXPIRE, IDLE, TURN, ROWS };
	static const char *const names[ROWS] = {
		"arm",
		"refresh, by turns",
		"refresh, in any order",
		"look at one that is not due, once in 131 s",
		"clear, by turns",
		"expire",
		"a turn of the loop, none armed",
		"a turn of the loop, all armed",
	};
	enum { ABOVE = 65536, WHEEL = WEIR__WHEEL_SLOTS * WEIR__WHEEL_TICK };
	static double ns[ROWS][MOST_ROUNDS];

	make_streams(run, ABOVE);
	for (int64_t r = 0; r < run->rounds; r++) {
		const int64_t now = run->loop->now;

		ns[IDLE][r] = turn(run->loop);
		ns[ARM][r] = pass(run, limit);
		ns[AGAIN][r] = pass(run, limit);
		ns[ANY][r] = pass(run, limit_in_any_order);
		ns[TURN][r] = turn(run->loop);
		ns[LOOK][r] = roll(run, WHEEL);
		ns[CLEAR][r] = pass(run, unlimit);
		fired = 0;
		pass(run, limit_soon);
		ns[EXPIRE][r] = roll(run, 2 * SOON_MS + WEIR__WHEEL_TICK);
		if (fired != run->armed) {
			fprintf(stderr, "timers: %" PRId64 " of %" PRId64 " limits have passed\n",
			        fired, run->armed);
			exit(1);
		}
		set_back(run, now);
	}
	for (int i = 0; i < ROWS; i++)
		report(run, "limit", names[i], ns[i]);
	forget_streams(run, ABOVE);
}

/* ---- the program ---- */

static void measure(struct run *run, int64_t armed)
{
	run->armed = armed;
	mix(run->order, armed);
	if (weir_loop_new(&run->loop, NULL) < 0)
		meter_die("weir_loop_new");
	measure_timers(run);
	measure_limits(run);
	weir_loop_free(run->loop);
}

static void usage(void)
{
	fprintf(stderr, "usage: timers [--armed=N] [--rounds=N] [--tsv=FILE]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	struct run run = {.rounds = 5};
	int64_t armed = 1000000;
	const char *path;

	for (int i = 1; i < argc; i++)
		if ((path = option_value(argv[i], "--tsv")))
			run.tsv = tsv_open(path, "kind\twhat\tarmed\tns\tleast\tmost");
		else if (!option_number(argv[i], "--armed", 1, 10000000, &armed) &&
		         !option_number(argv[i], "--rounds", 1, MOST_ROUNDS, &run.rounds))
			usage();
	run.order = calloc((size_t)armed, sizeof *run.order);
	if (!run.order)
		meter_die("calloc");
	printf("%-52s %9s %9s  (%s)\n", "nanoseconds each", "armed", "median", weir_backend());
	if (armed > FEW)
		measure(&run, FEW);
	measure(&run, armed);
	free(run.order);
	tsv_close(run.tsv);
	return 0;
}
