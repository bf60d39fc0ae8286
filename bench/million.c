/*
 * A cluster keeps a crowd of connections, each of which is served twice. The processes: this
 * one, which says when; the cluster's master with its workers; and as many clients as it takes
 * for each to have no more descriptors than it may. Each client has a socket over which it gets
 * one octet as an order, and answers with a report; it ends when that is closed.
 */
#include "config.h"

#include "bench/million.h"

#include "bench/dial.h"
#include "bench/memory.h"
#include "bench/meter.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weir_http.h>

#define REQUEST "GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
#define REPLY "Hello World\n"

enum {
	SPARE = 400, /* descriptors of a process that are no connections of the crowd */
	BATCH = 64,  /* connections that a client opens at a time */
	PER_SOURCE = 10000,
	CLIENTS = 1024, /* at most */
	ACTIVE = 8,     /* clients that do something at a time: they share processors */
	PHASE_MS = 300000,
	EACH = 10752, /* octets that a connection takes of the machine, in kernel and user space */
	MIB = 1 << 20
};

/* Orders to clients. */
enum { OPEN = 'o', AGAIN = 'a', STAY = 's', END = 'e' };

struct report {
	int64_t right, wrong;
	int64_t error;  /* of the first that was wrong, -errno or a status */
	double seconds; /* of processors */
};

struct client {
	pid_t pid;
	int fd;
};

struct spread {
	uint32_t least, most;
};

/* ---- the cluster -------------------------------------------------------------- */

struct master {
	struct million_opts opts;
	int32_t ready, max_conns;
	int fd; /* to the process that says when */
	weir_loop *loop;
	weir_cluster *cluster;
	weir_io io;
};

static void hello(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply(req, 200, "text/plain", REPLY, sizeof REPLY - 1);
}

static int serve(weir_worker *worker, weir_loop *loop, void *arg)
{
	const struct master *m = arg;
	const int32_t idle_ms = m->opts.idle_ms ? (int32_t)m->opts.idle_ms : 600000;
	const weir_server_opts opts = {
		.request = hello, .max_conns = m->max_conns, .idle_ms = idle_ms};
	weir_server *server;
	const int result = weir_server_new(&server, loop, &opts);

	(void)worker;
	return result < 0 ? result : weir_server_listen(server, NULL, "127.0.0.1:0");
}

/* The last one that is ready has it told where they listen. */
static void one_is_ready(weir_cluster *cluster, int32_t id, void *arg)
{
	struct master *m = arg;
	char address[64] = "";

	(void)id;
	if (++m->ready == m->opts.workers &&
	    (weir_cluster_address(cluster, 0, address, sizeof address) < 0 ||
	     write(m->fd, address, sizeof address) < 0))
		weir_loop_drain(m->loop);
}

static void tell_spread(const struct master *m)
{
	weir_worker_info info[256];
	const int n = weir_cluster_workers(m->cluster, info, 256);
	struct spread spread = {UINT32_MAX, 0};

	for (int i = 0; i < n && i < 256; i++) {
		spread.least = info[i].conns < spread.least ? info[i].conns : spread.least;
		spread.most = info[i].conns > spread.most ? info[i].conns : spread.most;
	}
	if (write(m->fd, &spread, sizeof spread) < 0)
		weir_loop_drain(m->loop);
}

/* An octet asks how they are spread; the end is the cluster's, too. */
static void asked(weir_io *io, unsigned ready, void *arg)
{
	struct master *m = arg;
	char octet;

	(void)ready;
	if (read(m->fd, &octet, 1) == 1) {
		tell_spread(m);
		return;
	}
	weir_io_stop(io);
	weir_loop_drain(m->loop);
}

static int master(const struct million_opts *opts, int64_t max_conns, int fd)
{
	static struct master m;
	const weir_cluster_opts of_cluster = {.setup = serve,
	                                      .ready = one_is_ready,
	                                      .arg = &m,
	                                      .policy = opts->policy,
	                                      .workers = (int32_t)opts->workers};

	m = (struct master){.opts = *opts, .max_conns = (int32_t)max_conns, .fd = fd};
	if (weir_loop_new(&m.loop, NULL) < 0 ||
	    weir_cluster_new(&m.cluster, m.loop, &of_cluster) < 0 ||
	    weir_cluster_listen(m.cluster, "127.0.0.1:0", NULL) < 0 ||
	    weir_io_start(m.loop, &m.io, fd, WEIR_READ, asked, &m) < 0 ||
	    weir_cluster_start(m.cluster) < 0 || weir_loop_run(m.loop) < 0)
		return 1;
	weir_loop_free(m.loop);
	return 0;
}

/* ---- a client ------------------------------------------------------------------ */

struct crowd {
	struct sockaddr_in to;
	uint32_t source;
	int n, *fds;
	struct report report;
};

/* A connection that failed once is closed, and counts as wrong from then on. */
static void judge(struct crowd *crowd, int i, int64_t result)
{
	if (result == 0) {
		crowd->report.right++;
		return;
	}
	crowd->report.wrong++;
	if (!crowd->report.error)
		crowd->report.error = result;
	if (crowd->fds[i] >= 0)
		close(crowd->fds[i]);
	crowd->fds[i] = -1;
}

static int64_t hear(int fd)
{
	char body[64];
	const int status = dial_hear(fd, body, sizeof body);

	if (status != 200)
		return status;
	return strcmp(body, REPLY) != 0 ? -EPROTO : 0;
}

static void ask(struct crowd *crowd, int from, int to)
{
	int64_t result[BATCH];

	for (int i = from; i < to; i++)
		result[i - from] = crowd->fds[i] < 0
		                           ? -ENOTCONN
		                           : dial_say(crowd->fds[i], REQUEST, sizeof REQUEST - 1);
	for (int i = from; i < to; i++)
		judge(crowd, i, result[i - from] ? result[i - from] : hear(crowd->fds[i]));
}

static void open_some(struct crowd *crowd, int from, int to)
{
	for (int i = from; i < to; i++) {
		const int fd = dial_open(&crowd->to, crowd->source + (uint32_t)(i / PER_SOURCE));

		crowd->fds[i] = fd;
		if (fd < 0 && !crowd->report.error)
			crowd->report.error = fd;
	}
	ask(crowd, from, to);
}

/* Until the server has closed them all, or one has not been for longer than its limit. */
static void stay(struct crowd *crowd)
{
	char octet;

	for (int i = 0; i < crowd->n; i++) {
		const ssize_t n = crowd->fds[i] < 0 ? -2 : recv(crowd->fds[i], &octet, 1, 0);

		judge(crowd, i, n == 0 ? 0 : n == 1 ? -EPROTO : n == -2 ? -ENOTCONN : -errno);
	}
}

static void set_patience(const struct crowd *crowd, int64_t ms)
{
	const struct timeval limit = {.tv_sec = ms / 1000 + 10};

	for (int i = 0; ms && i < crowd->n; i++)
		if (crowd->fds[i] >= 0)
			setsockopt(crowd->fds[i], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

static void obey(struct crowd *crowd, char order, int64_t idle_ms)
{
	void (*step)(struct crowd *, int, int) = order == OPEN ? open_some : ask;

	if (order == STAY) {
		set_patience(crowd, idle_ms);
		stay(crowd);
		return;
	}
	for (int i = 0; i < crowd->n; i += BATCH)
		step(crowd, i, crowd->n - i < BATCH ? crowd->n : i + BATCH);
}

static int client(struct crowd *crowd, int fd, int64_t idle_ms)
{
	char order;

	crowd->fds = calloc((size_t)crowd->n, sizeof *crowd->fds);
	if (!crowd->fds)
		meter_die("calloc");
	while (read(fd, &order, 1) == 1 && order != END) {
		const struct meter_cpu before = meter_cpu(0);

		crowd->report = (struct report){0};
		obey(crowd, order, idle_ms);

		const struct meter_cpu after = meter_cpu(0);

		crowd->report.seconds = after.user + after.system - before.user - before.system;
		if (write(fd, &crowd->report, sizeof crowd->report) != sizeof crowd->report)
			return 1;
	}
	for (int i = 0; i < crowd->n; i++)
		if (crowd->fds[i] >= 0)
			dial_drop(crowd->fds[i]);
	return 0;
}

/* ---- all together --------------------------------------------------------------- */

struct run {
	struct million_opts opts;
	int64_t each; /* connections of a process at most */
	struct client master, clients[CLIENTS];
	int nclients;
	struct sockaddr_in address;
	int status;
};

static void fork_one(struct client *child, int fd[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0)
		meter_die("socketpair");
	fflush(NULL);
	child->pid = fork();
	child->fd = fd[0];
	if (child->pid < 0)
		meter_die("fork");
	close(fd[child->pid == 0 ? 0 : 1]);
}

/* Whether as many octets came as were awaited, in time. */
static bool await(int fd, void *data, size_t size)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};
	char *at = data;

	while (size > 0) {
		const ssize_t n = poll(&one, 1, PHASE_MS) == 1 ? read(fd, at, size) : 0;

		if (n <= 0)
			return false;
		at += n;
		size -= (size_t)n;
	}
	return true;
}

static void start_master(struct run *run)
{
	char address[64];
	int fd[2];

	fork_one(&run->master, fd);
	if (run->master.pid == 0)
		_exit(master(&run->opts, run->each, fd[1]));
	if (await(run->master.fd, address, sizeof address) && dial_address(&run->address, address))
		return;
	fprintf(stderr, "idle: the cluster does not come up\n");
	close(run->master.fd);
	waitpid(run->master.pid, NULL, 0);
	exit(1);
}

/* So that a client's socket ends when this process does. */
static void close_others(const struct run *run)
{
	close(run->master.fd);
	for (int i = 0; i < run->nclients; i++)
		close(run->clients[i].fd);
}

static void start_clients(struct run *run)
{
	const int64_t per = (run->opts.connections + CLIENTS - 1) / CLIENTS;
	const int64_t n = run->each > per ? run->each : per;
	int fd[2];

	for (int64_t left = run->opts.connections; left > 0; left -= n) {
		struct crowd crowd = {.to = run->address, .n = (int)(left < n ? left : n)};
		const uint32_t sources = (uint32_t)(n / PER_SOURCE + 1);

		crowd.source = 0x7f000101 + (uint32_t)run->nclients * sources;
		fork_one(&run->clients[run->nclients], fd);
		if (run->clients[run->nclients].pid == 0) {
			close_others(run);
			_exit(client(&crowd, fd[1], run->opts.idle_ms));
		}
		run->nclients++;
	}
}

static double server_seconds(const struct run *run)
{
	struct memory memory;

	return memory_of(run->master.pid, &memory) ? memory.seconds : 0;
}

static void give(const struct client *client, char order)
{
	if (write(client->fd, &order, 1) != 1)
		meter_die("a client");
}

static void add(struct report *sum, const struct client *client, const char *what)
{
	struct report one;

	if (!await(client->fd, &one, sizeof one)) {
		fprintf(stderr, "idle: a client does not end in time: %s\n", what);
		exit(1);
	}
	sum->right += one.right;
	sum->wrong += one.wrong;
	sum->error = sum->error ? sum->error : one.error;
	sum->seconds += one.seconds;
}

static void print_phase(const char *what, double seconds, double server, const struct report *sum)
{
	printf("%-38s %8.1f s (processors: server %.1f, clients %.1f)  %9" PRId64 " right", what,
	       seconds, server, sum->seconds, sum->right);
	if (sum->wrong)
		printf("  %" PRId64 " WRONG: %s (%" PRId64 ")", sum->wrong,
		       sum->error < 0 ? strerror((int)-sum->error) : "status", sum->error);
	printf("\n");
	fflush(stdout);
}

/* Has all clients do it, so many at a time, and says what came of it; the seconds that it took. */
static double order_all(struct run *run, char order, int at_a_time, const char *what)
{
	const double server = server_seconds(run);
	const int64_t begin = meter_now();
	struct report sum = {0};

	for (int i = 0; i < run->nclients + at_a_time; i++) {
		if (i >= at_a_time && i - at_a_time < run->nclients)
			add(&sum, &run->clients[i - at_a_time], what);
		if (i < run->nclients)
			give(&run->clients[i], order);
	}

	const double seconds = (double)(meter_now() - begin) / 1e9;

	print_phase(what, seconds, server_seconds(run) - server, &sum);
	run->status |= sum.right != run->opts.connections;
	return seconds;
}

/* Those that asked last, just now, are not to be closed before their time. */
static void await_closes(struct run *run)
{
	const double seconds =
		order_all(run, STAY, CLIENTS, "all closed by the server for idleness");

	if (seconds >= (double)(run->opts.idle_ms - 100) / 1000)
		return;
	printf("closed too early: WRONG\n");
	run->status = 1;
}

struct state {
	struct memory user;
	struct memory_kernel kernel;
	int64_t available;
};

static void look(struct state *state, const struct run *run)
{
	if (!memory_of(run->master.pid, &state->user) || !memory_of_kernel(&state->kernel))
		meter_die("memory of the cluster");
	state->available = memory_available();
}

static double mib(int64_t octets)
{
	return (double)octets / (double)MIB;
}

static void report(const struct run *run, const struct state *a, const struct state *b,
                   double seconds)
{
	const struct memory_kernel *before = &a->kernel, *after = &b->kernel;
	const int64_t kernel = after->slab - before->slab + after->stacks - before->stacks +
	                       after->tables - before->tables;
	const double n = (double)run->opts.connections;
	struct spread spread = {0};

	if (write(run->master.fd, "?", 1) == 1 && await(run->master.fd, &spread, sizeof spread))
		printf("connections of a worker, %" PRId64 " of them   %u to %u\n",
		       run->opts.workers, spread.least, spread.most);
	printf("user space of all %d server processes: %.1f MiB of their own (%.1f before), with "
	       "their share of what\n    several have %.1f MiB; per connection grown by %.1f "
	       "octets\n",
	       b->user.processes, mib(b->user.own), mib(a->user.own), mib(b->user.share),
	       (double)(b->user.own - a->user.own) / n);
	printf("kernel, both ends: %.1f MiB of %s, stacks and page tables, %.0f octets per "
	       "connection; MemAvailable is\n    down by %.1f MiB\n",
	       mib(kernel), after->objects ? "objects in use" : "slab", (double)kernel / n,
	       mib(a->available - b->available));
	if (!run->opts.tsv)
		return;
	fprintf(run->opts.tsv,
	        "crowd\t%s\t%" PRId64 "\t%.1f\t%.0f\tworkers %" PRId64
	        ", opened in %.1f s, private "
	        "MiB in all %.1f, Pss %.1f, %u to %u per worker\n",
	        weir_backend(), run->opts.connections, (double)b->user.own / n, (double)kernel / n,
	        run->opts.workers, seconds, mib(b->user.own), mib(b->user.share), spread.least,
	        spread.most);
}

/* Waits for the end of a child, which is to be a good one; after 60 s it is killed. */
static void end_one(struct run *run, const struct client *child, const char *what)
{
	int status = -1;

	close(child->fd);
	for (int i = 0; i < 3000 && waitpid(child->pid, &status, WNOHANG) == 0; i++)
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	if (status == 0)
		return;
	printf("%s does not end well (%d)\n", what, status);
	run->status = 1;
	if (status < 0) {
		kill(child->pid, SIGKILL);
		waitpid(child->pid, NULL, 0);
	}
}

static void end_all(struct run *run)
{
	const int64_t begin = meter_now();

	for (int i = 0; i < run->nclients; i++)
		if (write(run->clients[i].fd, &(char){END}, 1) != 1)
			run->status = 1;
	for (int i = 0; i < run->nclients; i++)
		end_one(run, &run->clients[i], "a client");
	end_one(run, &run->master, "the cluster");
	printf("%-38s %8.1f s\n", "clients leave, the cluster ends",
	       (double)(meter_now() - begin) / 1e9);
}

/* ---- whether it can be ------------------------------------------------------------ */

/* Some more than would do, since none of them is exactly as full as the others. */
static bool plan(struct run *run)
{
	const int64_t n = run->opts.connections, available = memory_available();
	const int64_t needed = n * EACH + 256 * (int64_t)MIB;

	run->each = meter_raise_limit() - SPARE;
	if (!run->opts.workers)
		run->opts.workers = n / (run->each - run->each / 64) + 1;
	if (available < needed)
		printf("idle: %" PRId64 " connections need %.0f MiB of memory, and %.0f are "
		       "available here: skipped\n",
		       n, mib(needed), mib(available < 0 ? 0 : available));
	else if (run->each < 1 || n > run->each * run->opts.workers || run->opts.workers > 256 ||
	         n > run->each * CLIENTS)
		printf("idle: %" PRId64 " processes may have %" PRId64
		       " connections each here, too few for %" PRId64 ": skipped\n",
		       run->opts.workers, run->each, n);
	else
		return true;
	return false;
}

int million_run(const struct million_opts *opts)
{
	static struct run run;
	static struct state before, after;

	run = (struct run){.opts = *opts};
	if (!plan(&run))
		return 77;
	signal(SIGPIPE, SIG_IGN);
	start_master(&run);
	start_clients(&run);
	printf("%" PRId64 " connections, %" PRId64 " workers, %d clients (%s)\n", opts->connections,
	       run.opts.workers, run.nclients, weir_backend());
	look(&before, &run);

	const double seconds = order_all(&run, OPEN, ACTIVE, "all open, each has served one");

	look(&after, &run);
	report(&run, &before, &after, seconds);
	order_all(&run, AGAIN, ACTIVE, "each has served one more");
	if (opts->idle_ms)
		await_closes(&run);
	end_all(&run);
	return run.status;
}
