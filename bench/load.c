/*
 * How fast is an HTTP server, and how long does it let its clients wait? Opens connections, each of
 * which gets one reply; has them ask all the time (closed loop) or at given times (open loop); and
 * measures for some seconds, after a warm-up. It is made to cost as little as the cheapest server.
 *
 *     bench/load ADDRESS [OPTION]...       (load_options.c tells the options)
 *
 *     opening ──(all were answered)──► warm ──► measure ──► drain ──(nothing in flight)──► over
 *
 * Ends with 1 when there were errors. The open loop does not sleep between requests that are close
 * to each other: a system's timers are too coarse for it.
 */
#include "config.h"

#include "bench/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* So many connections are opened at once. */
#define OPENING 128
/* How long all of them may take, and how long replies may take after the end. */
#define OPEN_MS 60000
#define DRAIN_MS 2000
/* Descriptors for anything else. */
#define SPARE 32
/* Slow readers ask for at least so many replies at once. */
#define SLOW_BATCH 16

void load_die(const struct load *load, int why)
{
	fprintf(stderr, "load: %s: %s\n", load->options.address, weir_strerror(why));
	exit(1);
}

/* ---- phases ---- */

static struct load_sample sample(const struct load *load)
{
	return (struct load_sample){meter_now(), load_server_cpu(&load->options), meter_cpu(0)};
}

static int64_t ms(double s)
{
	return (int64_t)(s * 1e3);
}

/* All are open: those at work begin. */
static void warm(struct load *load)
{
	load->epoch = meter_now();
	load_slow_start(load);
	for (int64_t i = 0; i < load->options.connections; i++)
		load_conn_go(&load->conns[i], load->epoch);
}

static void measure(struct load *load)
{
	load->begin = sample(load);
	load->from = load->begin.now;
	if (isatty(STDERR_FILENO) && !load->options.quiet)
		weir_timer_start(load->loop, &load->progress_timer, 1000, 1000);
}

/* In the open loop, what is due by now is sent still. */
static void drain(struct load *load)
{
	load->finish = sample(load);
	if (load->options.rate > 0)
		load->end =
			(uint64_t)((double)(load->finish.now - load->epoch) / load->interval) + 1;
	if (weir_timer_stop(&load->progress_timer))
		fprintf(stderr, "\r%40s\r", "");
	load_check_drained(load);
}

static void give_up(struct load *load)
{
	load->errors.late += load->end - load->next;
	for (int64_t i = 0; i < load->options.connections; i++)
		load->errors.late += load->conns[i].waiting;
}

static void next_phase(weir_timer *timer, void *arg)
{
	struct load *load = arg;
	const struct {
		double seconds;
		void (*begin)(struct load *);
	} phases[] = {
		[LOAD_WARM] = {load->options.warmup, warm},
		[LOAD_MEASURE] = {load->options.seconds, measure},
		[LOAD_DRAIN] = {DRAIN_MS / 1e3, drain},
		[LOAD_OVER] = {0, give_up},
	};

	if (load->phase == LOAD_OPENING && load->ready < load->nconns)
		load_die(load, WEIR_ETIMEOUT);
	load->phase++;
	if (load->phase < LOAD_OVER)
		weir_timer_start(load->loop, timer, ms(phases[load->phase].seconds), 0);
	phases[load->phase].begin(load);
}

void load_check_drained(struct load *load)
{
	if (load->phase == LOAD_DRAIN && load->busy == 0 && load->next >= load->end)
		load->phase = LOAD_OVER;
}

static void open_more(struct load *load)
{
	const int64_t now = meter_now();

	while (load->opened < load->nconns && load->opened - load->ready < OPENING)
		load_conn_go(&load->conns[load->opened++], now);
	if (load->ready == load->nconns)
		weir_timer_start(load->loop, &load->phase_timer, 0, 0);
}

void load_ready(struct load *load)
{
	load->ready++;
	open_more(load);
}

/* ---- the run ---- */

static void run(struct load *load)
{
	weir_timer_start(load->loop, &load->phase_timer, OPEN_MS, 0);
	/* Those that have a connection for each request open it then. */
	if (load->options.close)
		load->opened = load->ready = load->options.connections;
	open_more(load);
	while (load->phase != LOAD_OVER) {
		const int result = weir_loop_step(load->loop, load_pace_wait(load));

		if (result < 0)
			load_die(load, result);
		load_pace(load);
	}
}

static void set_up(struct load *load)
{
	const struct load_options *o = &load->options;
	const int result = weir_loop_new(&load->loop, NULL);

	if (result < 0)
		load_die(load, result);
	load->copies = o->depth > SLOW_BATCH ? o->depth : SLOW_BATCH;
	load->batch = load_requests(o, load->copies, &load->request_len);
	load->nconns = o->connections + o->idle + o->slow_senders + o->slow_readers;
	load->conns = calloc((size_t)load->nconns, sizeof *load->conns);
	if (!load->conns)
		meter_die("load: connections");
	for (int64_t i = 0; i < load->nconns; i++) {
		load->conns[i].load = load;
		load->conns[i].number = (uint32_t)i;
	}
	load->from = INT64_MAX;
	load->end = o->rate > 0 ? UINT64_MAX : 0;
	load->interval = o->rate > 0 ? 1e9 / o->rate : 1;
	weir_timer_init(&load->phase_timer, next_phase, load);
	weir_timer_init(&load->lost_timer, load_retry, load);
	weir_timer_init(&load->progress_timer, load_progress, load);
}

static void tear_down(struct load *load)
{
	for (int64_t i = 0; i < load->nconns; i++) {
		load_hang_up(&load->conns[i]);
		(void)load_reply_end(&load->conns[i].reply);
	}
	weir_loop_free(load->loop);
	free(load->conns);
	free((void *)load->batch);
}

int main(int argc, char **argv)
{
	static struct load load;

	load_options_read(&load.options, argc, argv);
	set_up(&load);

	const int64_t limit = meter_raise_limit();

	if (load.nconns + SPARE > limit) {
		fprintf(stderr, "load: at most %lld descriptors here\n", (long long)limit);
		return 1;
	}
	run(&load);
	tear_down(&load);
	if (!load.options.quiet)
		load_report_text(&load);
	if (load.options.tsv)
		load_report_tsv(&load);
	return load_errors_sum(&load.errors) > 0;
}
