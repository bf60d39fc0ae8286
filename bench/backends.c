/*
 * What does a poller cost? Nanoseconds of processor time for an event and for a change of
 * interest, of the one poller that this build has (backend/poller.h); backends.sh builds the
 * others and has all measure by turns.
 *
 *     bench/backends [--descriptors=10,1000,10000] [--active=100] [--ms=200] [--rounds=5]
 *                    [--name=TEXT] [--tsv=FILE]
 *
 *     wait      all descriptors are watched, some of them ready: one, --active, or all. Waits
 *               alone, since who is ready stays so (the curves of Kegel's C10K page)
 *     chain     octets run round a ring of pipes, as many as are active: an event is a wait's
 *               share, a read and a write to the next pipe (as Libenzi's pipetest did)
 *     toggle    a descriptor is asked about writing as well, and no longer: two changes
 *     register  a descriptor is watched, and dropped: two changes
 *
 * Changes are submitted by a wait for each 256, which is part of them. Figures are the median of
 * the rounds; the least and the most in parentheses. Where the limit of descriptors is lower,
 * there are fewer pipes, of which each takes two.
 *
 * TSV: backend shape descriptors active ns_per_event ns_per_change; one of the last two is empty.
 */
#include "config.h"

#include "bench/meter.h"
#include "bench/option.h"
#include "bench/tsv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/poller.h"

enum { MOST_ROUNDS = 99, MOST_SIZES = 16, BATCH = 256, SPARE = 64, WAITS = 16 };

struct pipe_ends {
	int in, out;
};

struct bench {
	const char *name;
	int sizes[MOST_SIZES], nsizes;
	int64_t active, ms, rounds;
	FILE *tsv;
	struct weir__mem mem;
	weir__poller *poller;
	int n; /* pipes, all watched */
	struct pipe_ends *pipes;
};

static void fail(const char *what, int error)
{
	fprintf(stderr, "backends: %s: %s\n", what, strerror(-error));
	exit(1);
}

static void *allocate(void *arg, void *ptr, size_t old_size, size_t new_size)
{
	(void)arg;
	(void)old_size;
	if (new_size)
		return realloc(ptr, new_size);
	free(ptr);
	return NULL;
}

/* ---- pipes ---- */

static void set(struct bench *b, int i, unsigned old, unsigned now)
{
	const int result = weir__poller_set(b->poller, b->pipes[i].in, (uint32_t)i, old, now);

	if (result < 0)
		fail("a change", result);
}

static bool open_pipe(struct pipe_ends *ends)
{
	int fd[2];

	if (pipe(fd) < 0)
		return false;
	*ends = (struct pipe_ends){fd[0], fd[1]};
	return fcntl(fd[0], F_SETFL, O_NONBLOCK) == 0 && fcntl(fd[1], F_SETFL, O_NONBLOCK) == 0;
}

static void open_all(struct bench *b, int n)
{
	const int result = weir__poller_open(&b->poller, &b->mem);

	if (result < 0)
		fail("opening the poller", result);
	b->pipes = calloc((size_t)n, sizeof *b->pipes);
	if (!b->pipes)
		meter_die("calloc");
	for (b->n = 0; b->n < n; b->n++) {
		if (!open_pipe(&b->pipes[b->n]))
			meter_die("pipe");
		set(b, b->n, 0, WEIR__IN);
	}
}

static void close_all(struct bench *b)
{
	for (int i = 0; i < b->n; i++) {
		weir__poller_drop(b->poller, b->pipes[i].in, WEIR__IN, false);
		close(b->pipes[i].in);
		close(b->pipes[i].out);
	}
	weir__poller_close(b->poller);
	free(b->pipes);
}

static void put(const struct bench *b, int i)
{
	if (write(b->pipes[i].out, "x", 1) != 1)
		meter_die("write");
}

static void get(const struct bench *b, int i)
{
	char octet;

	if (read(b->pipes[i].in, &octet, 1) != 1)
		meter_die("read");
}

/* Of so many that are active the k-th: they stand far from each other. */
static int place(const struct bench *b, int active, int k)
{
	return (int)((int64_t)k * b->n / active);
}

static int wait_for(struct bench *b, struct weir__event *events, int timeout)
{
	const int n = weir__poller_wait(b->poller, events, BATCH, timeout);

	if (n < 0)
		fail("waiting", n);
	return n;
}

/* ---- shapes: each does something for so long, and says what one of it took ---- */

typedef double shape_fn(struct bench *b, int active);

static double wait_shape(struct bench *b, int active)
{
	struct weir__event events[BATCH];
	const int64_t begin = meter_busy(), end = begin + b->ms * 1000000;
	int64_t count = 0, now;

	do {
		for (int i = 0; i < WAITS; i++)
			count += wait_for(b, events, 1000);
	} while ((now = meter_busy()) < end);
	(void)active;
	if (count == 0)
		fail("no event", -ENOENT);
	return (double)(now - begin) / (double)count;
}

static int pass_on(struct bench *b, struct weir__event *events)
{
	const int n = wait_for(b, events, 1000);

	for (int k = 0; k < n; k++) {
		const int i = (int)events[k].tag;

		get(b, i);
		put(b, i + 1 < b->n ? i + 1 : 0);
	}
	return n;
}

static double chain_shape(struct bench *b, int active)
{
	struct weir__event events[BATCH];
	const int64_t begin = meter_busy(), end = begin + b->ms * 1000000;
	int64_t count = 0, now;

	(void)active;
	do {
		for (int i = 0; i < WAITS; i++)
			count += pass_on(b, events);
	} while ((now = meter_busy()) < end);
	if (count == 0)
		fail("no event", -ENOENT);
	return (double)(now - begin) / (double)count;
}

static void toggle(struct bench *b, int i)
{
	set(b, i, WEIR__IN, WEIR__IN | WEIR__OUT);
	set(b, i, WEIR__IN | WEIR__OUT, WEIR__IN);
}

static void reregister(struct bench *b, int i)
{
	weir__poller_drop(b->poller, b->pipes[i].in, WEIR__IN, false);
	set(b, i, 0, WEIR__IN);
}

static double change(struct bench *b, void (*both)(struct bench *, int))
{
	struct weir__event events[BATCH];
	const int64_t begin = meter_busy(), end = begin + b->ms * 1000000;
	int64_t count = 0, now;
	int i = 0;

	do {
		for (int k = 0; k < BATCH; k += 2) {
			both(b, i);
			i = i + 1 < b->n ? i + 1 : 0;
		}
		wait_for(b, events, 0);
		count += BATCH;
	} while ((now = meter_busy()) < end);
	return (double)(now - begin) / (double)count;
}

static double toggle_shape(struct bench *b, int active)
{
	(void)active;
	return change(b, toggle);
}

static double register_shape(struct bench *b, int active)
{
	(void)active;
	return change(b, reregister);
}

static const struct shape {
	const char *name;
	shape_fn *run;
	bool changes;
} shapes[] = {
	{"wait", wait_shape, false},
	{"chain", chain_shape, false},
	{"toggle", toggle_shape, true},
	{"register", register_shape, true},
};

/* ---- rows ---- */

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const struct bench *b, const struct shape *shape, int active, double *ns)
{
	const size_t n = (size_t)b->rounds;

	qsort(ns, n, sizeof *ns, ascending);
	printf("%-16s %-9s %11d %7d %12.1f  (%.1f to %.1f)  %s\n", b->name, shape->name, b->n,
	       active, ns[n / 2], ns[0], ns[n - 1], shape->changes ? "a change" : "an event");
	fflush(stdout);
	if (b->tsv)
		fprintf(b->tsv,
		        shape->changes ? "%s\t%s\t%d\t%d\t\t%.1f\n" : "%s\t%s\t%d\t%d\t%.1f\t\n",
		        b->name, shape->name, b->n, active, ns[n / 2]);
}

static void measure(struct bench *b, const struct shape *shape, int active)
{
	double ns[MOST_ROUNDS];

	for (int k = 0; k < active; k++)
		put(b, place(b, active, k));
	for (int64_t r = 0; r < b->rounds; r++)
		ns[r] = shape->run(b, active);
	report(b, shape, active, ns);
	/* Wherever they have got to. */
	for (int i = 0; i < b->n; i++) {
		char octets[64];

		while (read(b->pipes[i].in, octets, sizeof octets) > 0)
			continue;
	}
}

static void measure_size(struct bench *b, int n)
{
	const int some = b->active < n ? (int)b->active : n;

	open_all(b, n);
	for (int s = 0; s < 2; s++) {
		measure(b, &shapes[s], 1);
		if (some > 1)
			measure(b, &shapes[s], some);
		if (n > some)
			measure(b, &shapes[s], n);
	}
	measure(b, &shapes[2], 0);
	measure(b, &shapes[3], 0);
	close_all(b);
}

/* ---- the program ---- */

static void usage(void)
{
	fprintf(stderr, "usage: backends [--descriptors=N,N,...] [--active=N] [--ms=N] "
	                "[--rounds=N] [--name=TEXT] [--tsv=FILE]\n");
	exit(2);
}

static void read_sizes(struct bench *b, const char *text)
{
	char number[16];

	b->nsizes = 0;
	for (size_t len; *text; text += len + (text[len] == ',')) {
		len = strcspn(text, ",");
		if (len >= sizeof number || b->nsizes == MOST_SIZES)
			usage();
		memcpy(number, text, len);
		number[len] = '\0';
		b->sizes[b->nsizes++] = (int)option_parse(number, 1, 1000000);
	}
}

static void read_option(struct bench *b, const char *argument)
{
	const char *value;

	if ((value = option_value(argument, "--descriptors")))
		read_sizes(b, value);
	else if ((value = option_value(argument, "--name")))
		b->name = value;
	else if ((value = option_value(argument, "--tsv")))
		b->tsv = tsv_open(value, "backend\tshape\tdescriptors\tactive\tns_per_event\t"
		                         "ns_per_change");
	else if (!option_number(argument, "--active", 1, 1000000, &b->active) &&
	         !option_number(argument, "--ms", 1, 60000, &b->ms) &&
	         !option_number(argument, "--rounds", 1, MOST_ROUNDS, &b->rounds))
		usage();
}

/* Pipes that there is room for, with the poller's own limit. */
static int most_pipes(struct bench *b)
{
	const int64_t system = meter_raise_limit();
	weir__poller *poller;
	const int result = weir__poller_open(&poller, &b->mem);

	if (result < 0)
		fail("opening the poller", result);

	const int64_t own = weir__poller_limit(poller);

	weir__poller_close(poller);
	return (int)(((own < system ? own : system) - SPARE) / 2);
}

int main(int argc, char **argv)
{
	static struct bench b = {.name = NULL,
	                         .sizes = {10, 1000, 10000},
	                         .nsizes = 3,
	                         .active = 100,
	                         .ms = 200,
	                         .rounds = 5,
	                         .mem = {.fn = allocate, .cap = SIZE_MAX}};
	int last = 0;

	b.name = weir__poller_name();
	for (int i = 1; i < argc; i++)
		read_option(&b, argv[i]);

	const int most = most_pipes(&b);

	if (most < 1)
		fail("descriptors", -EMFILE);
	printf("%-16s %-9s %11s %7s %12s\n", "backend", "shape", "descriptors", "active",
	       "nanoseconds");
	for (int i = 0; i < b.nsizes; i++) {
		const int n = b.sizes[i] < most ? b.sizes[i] : most;

		if (n != last)
			measure_size(&b, n);
		last = n;
	}
	tsv_close(b.tsv);
	return 0;
}
