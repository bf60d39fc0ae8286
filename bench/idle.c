/*
 * What does a connection cost that is only there? Opens N connections to a server in a process
 * of its own and reads from the kernel by how much that process and the kernel itself have
 * grown, per connection; for each way to be idle a new server.
 *
 *     bench/idle [N] [OPTION...]      (default 5000; Linux alone: reads /proc)
 *
 *     --modes=A,B,...     of those below; default: all, of a server that is not weir the first
 *                         four
 *     --distinct          each connection from an address of its own, 127.x.y.z
 *     --cycles=N          instead: so many connections are made, ask once, and are closed by
 *                         turns by the server, by the client, and by a reset: what is left?
 *     --server=COMMAND    another server, whose first line says "listening on ADDRESS"
 *     --address=A         where it listens, if it does not say so
 *     --pid=PID           ... and it runs already: the same one for all modes, so that memory
 *                         it keeps from one mode counts nothing in the next
 *     --name=TEXT         what the column `backend` says of it
 *     --tsv=FILE          appends results: what backend connections user_octets kernel_octets
 *                         note
 *
 * User space: private pages of the server and all processes below it. Kernel: for both ends of
 * a connection, what the whole machine has grown by: objects in use of /proc/slabinfo (root; or
 * Slab of /proc/meminfo), kernel stacks, page tables. In the note the parts of that, and address
 * space.
 *
 *     bench/idle --million [--connections=1000000] [--workers=N] [--idle-ms=N] [--policy=P]
 *
 * The same over a cluster of workers, with time limits: all are opened and ask, then all ask
 * once more. Of --idle-ms all are to be closed by the server when so long nothing came.
 * P is shared (the default), reuseport or hand-over.
 */
#include "config.h"

#include "bench/dial.h"
#include "bench/memory.h"
#include "bench/meter.h"
#include "bench/million.h"
#include "bench/option.h"
#include "bench/subject.h"
#include "bench/tsv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WHOLE "GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
#define HALF "GET / HTTP/1.1\r\nHost: bench\r\nUser-Agent: "
#define CLOSING "GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"
#define USUAL                                                                                      \
	" HTTP/1.1\r\nHost: bench.example:8080\r\nConnection: keep-alive\r\n"                      \
	"Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) "        \
	"Gecko/20100101 Firefox/128.0\r\nAccept: text/event-stream\r\n"                            \
	"Accept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n"                    \
	"Referer: http://bench.example:8080/board\r\nSec-Fetch-Mode: cors\r\n"                     \
	"Cookie: session=0123456789abcdef0123456789abcdef\r\n"
#define PLAIN                                                                                      \
	" HTTP/1.1\r\nHost: bench\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n"                    \
	"Connection: keep-alive\r\n"

enum {
	HEARS = 1, /* a reply comes */
	KEEPS = 2, /* the server has to keep the head */
	OURS = 4   /* only weir's own server does so */
};

static const struct mode {
	const char *name, *what, *says;
	unsigned how;
} modes[] = {
	{"silent", "silent", "", 0},
	{"half", "part of a head", HALF, KEEPS},
	{"half-usual", "a usual head but for its end", "GET /wait" USUAL, KEEPS},
	{"idle", "idle after a request", WHOLE, HEARS},
	{"poll-plain", "waits for a reply, plain head", "GET /wait" PLAIN "\r\n", KEEPS | OURS},
	{"poll-usual", "waits for a reply, usual head", "GET /wait" USUAL "\r\n", KEEPS | OURS},
	{"events-plain", "a reply has begun, plain head", "GET /events" PLAIN "\r\n",
         HEARS | KEEPS | OURS},
	{"events-usual", "a reply has begun, usual head", "GET /events" USUAL "\r\n",
         HEARS | KEEPS | OURS},
};

enum { MODES = sizeof modes / sizeof *modes };

struct order {
	bool chosen[MODES], some, distinct, million;
	int64_t connections, cycles, pid;
	const char *name, *tsv_path;
	struct subject_opts server;
	struct million_opts of_million;
	FILE *tsv;
	int *fds;
};

static const char header[] = "what\tbackend\tconnections\tuser_octets\tkernel_octets\tnote";

static void die_of(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, error == -EPROTO ? "no reply" : strerror(-error));
	exit(1);
}

/* ---- connections ---- */

/* More than some 14,000 between two addresses make connect slow. */
static uint32_t source_of(const struct order *order, int64_t i)
{
	const uint32_t first = 0x7f000002;

	return first + (uint32_t)(order->distinct ? i : i / 10000);
}

static void ask(int fd, const char *says, bool hears)
{
	const int error = dial_say(fd, says, strlen(says));
	const int status = error == 0 && hears ? dial_hear(fd, NULL, 0) : 200;

	if (error < 0 || status < 0)
		die_of("asking", error < 0 ? error : status);
	if (status != 200) {
		fprintf(stderr, "the server answers with %d\n", status);
		exit(1);
	}
}

static int open_one(const struct subject *server, uint32_t source)
{
	const int fd = dial_open(&server->address, source);

	if (fd < 0)
		die_of("connecting", fd);
	return fd;
}

/* One that comes after all others is served after them; their octets, too, may need a turn more. */
static void settle(const struct subject *server)
{
	for (int i = 0; i < 3; i++) {
		const int fd = open_one(server, 0);

		ask(fd, WHOLE, true);
		dial_drop(fd);
	}
}

/* ---- what they cost ---- */

struct reading {
	struct memory user;
	struct memory_kernel kernel;
};

static void take(struct reading *reading, const struct subject *server)
{
	settle(server);
	if (memory_of(server->pid, &reading->user) && memory_of_calm_kernel(&reading->kernel))
		return;
	printf("idle: this system does not tell what process %d takes\n", (int)server->pid);
	exit(77);
}

struct cost {
	double user, slab, stacks, tables, reserve;
};

static struct cost difference(const struct reading *a, const struct reading *b, int64_t n)
{
	const double each = 1.0 / (double)n;
	const struct memory_kernel *before = &a->kernel, *after = &b->kernel;

	return (struct cost){
		.user = (double)(b->user.own - a->user.own) * each,
		.slab = (double)(after->slab - before->slab) * each,
		.stacks = (double)(after->stacks - before->stacks) * each,
		.tables = (double)(after->tables - before->tables) * each,
		.reserve = (double)(b->user.reserve - a->user.reserve) * each,
	};
}

static void report(const struct order *order, const struct mode *mode, const struct cost *cost)
{
	const double head = mode->how & KEEPS ? (double)strlen(mode->says) : 0;
	const double kernel = cost->slab + cost->stacks + cost->tables;

	printf("%-30s %8.1f %6.0f %10.1f %8.0f %8.0f %8.0f %10.0f\n", mode->what, cost->user, head,
	       cost->user - head, cost->slab, cost->stacks, cost->tables, cost->reserve);
	fflush(stdout);
	if (order->tsv)
		fprintf(order->tsv,
		        "%s%s\t%s\t%" PRId64 "\t%.1f\t%.0f\thead %.0f, slab %.0f, stacks %.0f, "
		        "tables %.0f, address space %.0f\n",
		        mode->name, order->distinct ? "-distinct" : "", order->name,
		        order->connections, cost->user, kernel, head, cost->slab, cost->stacks,
		        cost->tables, cost->reserve);
}

/* Those that a connection takes most of. */
static void print_caches(const struct memory_kernel *before, const struct memory_kernel *after,
                         int64_t n)
{
	printf("objects of the kernel in use, octets per connection:");
	for (int i = 0; i < after->ncaches; i++)
		for (int k = 0; k < before->ncaches; k++) {
			const struct memory_cache *a = &before->caches[k], *b = &after->caches[i];
			const double each = (double)(b->octets - a->octets) / (double)n;

			if (!strcmp(a->name, b->name) && each >= 16)
				printf(" %s %.0f", a->name, each);
		}
	printf("\n");
}

static void measure(const struct order *order, const struct mode *mode, bool last)
{
	static struct reading before, after;
	struct subject server;

	subject_start(&server, &order->server);
	take(&before, &server);
	for (int64_t i = 0; i < order->connections; i++) {
		order->fds[i] = open_one(&server, source_of(order, i));
		ask(order->fds[i], mode->says, mode->how & HEARS);
	}
	take(&after, &server);

	const struct cost cost = difference(&before, &after, order->connections);

	report(order, mode, &cost);
	if (last && after.kernel.objects)
		print_caches(&before.kernel, &after.kernel, order->connections);
	for (int64_t i = 0; i < order->connections; i++)
		dial_drop(order->fds[i]);
	subject_end(&server);
}

static void measure_modes(const struct order *order)
{
	struct memory_kernel kernel;
	int last = 0;

	if (!memory_of_kernel(&kernel)) {
		printf("idle: this system does not tell what its kernel takes\n");
		exit(77);
	}
	printf("octets per connection, %" PRId64 " connections%s (%s)\n", order->connections,
	       order->distinct ? " from as many addresses" : "", order->name);
	printf("%-30s %8s %6s %10s %8s %8s %8s %10s\n", "", "private", "head", "without it",
	       kernel.objects ? "objects" : "slab", "stacks", "tables", "addresses");
	for (int i = 0; i < MODES; i++)
		if (order->chosen[i])
			last = i;
	for (int i = 0; i < MODES; i++)
		if (order->chosen[i])
			measure(order, &modes[i], i == last);
}

/* ---- what is left of those that have gone ---- */

enum { BATCH = 64 };

static void one_batch(const struct subject *server, int64_t first, int64_t n)
{
	int fds[BATCH];
	const uint32_t source = 0x7f000002 + (uint32_t)(first / BATCH % 32);

	for (int64_t i = 0; i < n; i++)
		fds[i] = open_one(server, source);
	for (int64_t i = 0; i < n; i++)
		ask(fds[i], (first + i) % 3 == 0 ? CLOSING : WHOLE, false);
	for (int64_t i = 0; i < n; i++) {
		char octet;

		ask(fds[i], "", true);
		if ((first + i) % 3 == 0 && recv(fds[i], &octet, 1, 0) != 0)
			meter_die("waiting for the server's close");
		if ((first + i) % 3 == 2)
			dial_drop(fds[i]);
		else
			close(fds[i]);
	}
}

static void cycle(const struct subject *server, int64_t n)
{
	for (int64_t i = 0; i < n; i += BATCH)
		one_batch(server, i, n - i < BATCH ? n - i : BATCH);
}

static void measure_cycles(const struct order *order)
{
	struct subject server;
	struct memory before, after;
	const int64_t warm = order->cycles < 10000 ? order->cycles : 10000;

	subject_start(&server, &order->server);
	cycle(&server, warm);
	settle(&server);

	const bool told = memory_of(server.pid, &before);
	const int64_t begin = meter_now();

	cycle(&server, order->cycles);
	settle(&server);

	const double seconds = (double)(meter_now() - begin) / 1e9;

	if (!told || !memory_of(server.pid, &after)) {
		printf("idle: this system does not tell what process %d takes\n", (int)server.pid);
		exit(77);
	}

	const int64_t grown = after.own - before.own;

	subject_end(&server);
	printf("%" PRId64 " connections came and went in %.1f s, after %" PRId64
	       " others: private memory grown by %" PRId64 " octets, from %" PRId64 " (%s)\n",
	       order->cycles, seconds, warm, grown, before.own, order->name);
	if (order->tsv)
		fprintf(order->tsv, "cycles\t%s\t%" PRId64 "\t%" PRId64 "\t\tin all, %.1f s\n",
		        order->name, order->cycles, grown, seconds);
}

/* ---- the program ---- */

static void usage(void)
{
	fprintf(stderr, "usage: idle [N] [--modes=A,B,...] [--distinct] [--cycles=N] "
	                "[--server=COMMAND] [--address=A] [--pid=PID] [--name=TEXT] [--tsv=FILE]\n"
	                "       idle --million [--connections=N] [--workers=N] [--idle-ms=N] "
	                "[--policy=shared|reuseport|hand-over] [--tsv=FILE]\nmodes:\n");
	for (int i = 0; i < MODES; i++)
		fprintf(stderr, "  %-13s %s\n", modes[i].name, modes[i].what);
	exit(2);
}

static void choose_mode(struct order *order, const char *name, size_t len)
{
	for (int i = 0; i < MODES; i++)
		if (strlen(modes[i].name) == len && !memcmp(modes[i].name, name, len)) {
			order->chosen[i] = order->some = true;
			return;
		}
	usage();
}

static void choose_modes(struct order *order, const char *names)
{
	for (size_t len; *names; names += len + (names[len] == ',')) {
		len = strcspn(names, ",");
		choose_mode(order, names, len);
	}
}

static weir_policy policy_of(const char *name)
{
	if (!strcmp(name, "reuseport"))
		return WEIR_ACCEPT_REUSEPORT;
	if (!strcmp(name, "hand-over"))
		return WEIR_ACCEPT_HAND_OVER;
	if (strcmp(name, "shared") != 0)
		usage();
	return WEIR_ACCEPT_SHARED;
}

static bool read_text(struct order *order, const char *argument)
{
	const char *value;

	if ((value = option_value(argument, "--modes")))
		choose_modes(order, value);
	else if ((value = option_value(argument, "--server")))
		order->server.command = value;
	else if ((value = option_value(argument, "--address")))
		order->server.address = value;
	else if ((value = option_value(argument, "--name")))
		order->name = value;
	else if ((value = option_value(argument, "--tsv")))
		order->tsv_path = value;
	else if ((value = option_value(argument, "--policy")))
		order->of_million.policy = policy_of(value);
	return value;
}

static void read_option(struct order *order, const char *argument)
{
	if (!strcmp(argument, "--distinct"))
		order->distinct = true;
	else if (!strcmp(argument, "--million"))
		order->million = true;
	else if (argument[0] != '-')
		order->connections = option_parse(argument, 1, 10000000);
	else if (!option_number(argument, "--connections", 1, 10000000, &order->connections) &&
	         !option_number(argument, "--cycles", 1, 1000000000, &order->cycles) &&
	         !option_number(argument, "--pid", 1, INT32_MAX, &order->pid) &&
	         !option_number(argument, "--workers", 1, 256, &order->of_million.workers) &&
	         !option_number(argument, "--idle-ms", 1, 3600000, &order->of_million.idle_ms) &&
	         !read_text(order, argument))
		usage();
}

/* What follows from what was asked for. */
static void complete(struct order *order)
{
	const bool foreign = order->server.command || order->server.address || order->pid;
	const int64_t limit = meter_raise_limit();

	if (order->pid && !order->server.address)
		usage();
	if (order->server.address && !order->pid && !order->server.command)
		usage();
	order->server.pid = (pid_t)order->pid;
	if (!order->name)
		order->name = foreign ? "another server" : weir_backend();
	if (!order->connections)
		order->connections = order->million ? 1000000 : 5000;
	for (int i = 0; i < MODES && !order->some; i++)
		order->chosen[i] = !foreign || !(modes[i].how & OURS);
	if (!order->million && order->connections > limit - 64) {
		fprintf(stderr, "idle: at most %" PRId64 " descriptors here\n", limit);
		exit(1);
	}
	if (!order->million &&
	    !(order->fds = calloc((size_t)order->connections, sizeof *order->fds)))
		meter_die("calloc");
	if (order->tsv_path)
		order->tsv = order->of_million.tsv = tsv_open(order->tsv_path, header);
	order->of_million.connections = order->connections;
}

int main(int argc, char **argv)
{
	struct order order = {.of_million = {.policy = WEIR_ACCEPT_SHARED}};
	int status = 0;

	for (int i = 1; i < argc; i++)
		read_option(&order, argv[i]);
	complete(&order);
	if (order.million)
		status = million_run(&order.of_million);
	else if (order.cycles)
		measure_cycles(&order);
	else
		measure_modes(&order);
	tsv_close(order.tsv);
	free(order.fds);
	return status;
}
