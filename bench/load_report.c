/* Results, for readers and as a line of a table. */
#include "config.h"

#include "bench/load.h"
#include "bench/tsv.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const double percents[] = {50, 90, 99, 99.9, 99.99};
#define PERCENTS (sizeof percents / sizeof *percents)

uint64_t load_errors_sum(const struct load_errors *e)
{
	return e->refused + e->reset + e->cut + e->status + e->bad + e->late;
}

static double seconds(const struct load *load)
{
	return (double)(load->finish.now - load->begin.now) / 1e9;
}

static double rate(const struct load *load)
{
	return (double)load->requests / seconds(load);
}

static const char *mode(const struct load_options *o)
{
	if (o->close)
		return o->rate > 0 ? "open+close" : "closed+close";
	return o->rate > 0 ? "open" : "closed";
}

static double us(int64_t ns)
{
	return (double)ns / 1e3;
}

/* Processor time between two samples, in s; < 0: unknown. Only the sum is exact. */
static struct meter_cpu spent(struct meter_cpu before, struct meter_cpu after)
{
	const double total = after.user + after.system - before.user - before.system;
	double user = after.user - before.user;

	if (before.user < 0 || after.user < 0)
		return (struct meter_cpu){-1, -1};
	user = user < 0 ? 0 : user > total ? total : user;
	return (struct meter_cpu){user, total - user};
}

/* ---- while it runs ---- */

/* arg is the load; what is shown is this second's. */
void load_progress(weir_timer *timer, void *arg)
{
	static uint64_t shown;
	const struct load *load = arg;

	(void)timer;
	fprintf(stderr, "\r%9llu requests/s  %llu errors ",
	        (unsigned long long)(load->requests - shown),
	        (unsigned long long)load_errors_sum(&load->errors));
	fflush(stderr);
	shown = load->requests;
}

/* ---- text ---- */

static void say_cpu(const struct load *load, const char *who, struct meter_cpu cpu)
{
	const double each = 1e6 / (double)(load->requests ? load->requests : 1);

	if (cpu.user < 0)
		return;
	printf("  %-9s %.2f us per request (user %.2f, system %.2f), %.0f %% of a processor\n", who,
	       (cpu.user + cpu.system) * each, cpu.user * each, cpu.system * each,
	       (cpu.user + cpu.system) / seconds(load) * 100);
}

static void say_errors(const struct load_errors *e)
{
	const struct {
		const char *what;
		uint64_t n;
	} kinds[] = {
		{"refused", e->refused}, {"reset", e->reset},  {"cut", e->cut},
		{"not 2xx", e->status},  {"no reply", e->bad}, {"late", e->late},
	};

	printf("  errors    %llu", (unsigned long long)load_errors_sum(e));
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].n)
			printf("  %s %llu", kinds[i].what, (unsigned long long)kinds[i].n);
	putchar('\n');
}

static void say_latency(const struct histogram *h)
{
	printf("  latency   min %.1f  mean %.1f", us(h->min), histogram_mean(h) / 1e3);
	for (size_t i = 0; i < PERCENTS; i++)
		printf("  p%g %.1f", percents[i], us(histogram_percentile(h, percents[i])));
	printf("  max %.1f us\n", us(h->max));
}

void load_report_text(const struct load *load)
{
	const struct load_options *o = &load->options;

	printf("%s: %lld connections, depth %lld, %s", o->name, (long long)o->connections,
	       (long long)o->depth, mode(o));
	if (o->rate > 0)
		printf(" at %.10g/s", o->rate);
	printf(", %.2f s\n", seconds(load));
	if (load->nconns > o->connections)
		printf("  beside    %lld idle, %lld slow senders, %lld slow readers; %llu closed "
		       "by the "
		       "server\n",
		       (long long)o->idle, (long long)o->slow_senders, (long long)o->slow_readers,
		       (unsigned long long)load->dropped);
	printf("  requests  %llu, %.0f a second\n", (unsigned long long)load->requests, rate(load));
	say_errors(&load->errors);
	say_latency(&load->latency);
	say_cpu(load, "server", spent(load->begin.server, load->finish.server));
	say_cpu(load, "load", spent(load->begin.own, load->finish.own));
	if (o->rate > 0)
		printf("  the load generator was behind by %.1f us at most\n", us(load->behind));
}

/* ---- TSV ---- */

static const char header[] =
	"name\tconnections\tdepth\trate\tmode\tseconds\trequests\tper_second\t"
	"errors\tmin_us\tmean_us\tp50_us\tp90_us\tp99_us\tp99.9_us\tp99.99_us\t"
	"max_us\tcpu_us\tuser_us\tsystem_us\tidle";

static void put_cpu(FILE *file, const struct load *load)
{
	const struct meter_cpu cpu = spent(load->begin.server, load->finish.server);
	const double each = 1e6 / (double)load->requests;

	if (cpu.user < 0 || load->requests == 0)
		fputs("\t\t\t", file);
	else
		fprintf(file, "\t%.3f\t%.3f\t%.3f", (cpu.user + cpu.system) * each, cpu.user * each,
		        cpu.system * each);
}

static void put_line(FILE *file, const struct load *load)
{
	const struct load_options *o = &load->options;
	const struct histogram *h = &load->latency;

	fprintf(file, "%s\t%lld\t%lld\t%.10g\t%s\t%.3f\t%llu\t%.1f\t%llu", o->name,
	        (long long)o->connections, (long long)o->depth, o->rate, mode(o), seconds(load),
	        (unsigned long long)load->requests, rate(load),
	        (unsigned long long)load_errors_sum(&load->errors));
	fprintf(file, "\t%.1f\t%.1f", us(h->min), histogram_mean(h) / 1e3);
	for (size_t i = 0; i < PERCENTS; i++)
		fprintf(file, "\t%.1f", us(histogram_percentile(h, percents[i])));
	fprintf(file, "\t%.1f", us(h->max));
	put_cpu(file, load);
	fprintf(file, "\t%lld\n", (long long)o->idle);
}

void load_report_tsv(const struct load *load)
{
	FILE *file = tsv_open(load->options.tsv, header);

	put_line(file, load);
	tsv_close(file);
}
