/*
 * steady.c: does a client that keeps asking notice that the server is reloaded,
 * upgraded or restarted?
 *
 *     steady ADDRESS [--conns=32] [--seconds=10] [--post=1000] [--think-ms=0] [--pid-map]
 *
 * So many kept-alive connections send one request after another, in turn GET /
 * and POST /echo with a body of --post octets (0: only GET), --think-ms after
 * each reply, and compare what comes back with what must, octet by octet.
 *
 * Right is: every request gets its reply, within 10 s, and every connection is
 * made, within 5 s. A server may say that a reply is its last, and may close
 * between two requests, before anything of the second was sent: then steady
 * connects anew. Everything else is a failure; the first ten are told, a line
 * each, and steady goes on. SIGTERM ends it early. At the end it says
 *
 *     requests N failed N connects N idle-closes N slowest N ms
 *
 * where requests are those that were answered rightly, and slowest counts from
 * the wish to ask, connecting included. Status 1 when something failed.
 *
 * With --pid-map each connection begins with GET /pid, and at the end there is
 * a line for each process that answered one, and for how much it did.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/tools/asker.h"

#define TOLD 10

static struct option options[] = {
	{"conns", 32}, {"seconds", 10}, {"post", 1000}, {"think-ms", 0}, {"pid-map", 0}, {NULL, 0},
};

struct process {
	long pid;
	unsigned long generation;
	uint64_t conns, requests;
};

static struct process *processes;
static int nprocesses;
static struct askers askers;
static int64_t begin;
static volatile sig_atomic_t ended;

static void end_early(int signo)
{
	(void)signo;
	ended = 1;
}

/* ---- who answers -------------------------------------------------------- */

/* The tag of an asker is where its process is in the table. */
static void note_process(struct asker *asker)
{
	int i = 0;
	while (i < nprocesses && processes[i].pid != asker->pid)
		i++;
	if (i == nprocesses) {
		processes = realloc(processes, (size_t)++nprocesses * sizeof *processes);
		if (!processes)
			fail("no memory for %d processes", nprocesses);
		processes[i] = (struct process){.pid = asker->pid};
	}
	processes[i].generation = asker->generation;
	processes[i].conns++;
	asker->tag = i;
}

static void note_request(struct asker *asker)
{
	if (asker->pid)
		processes[asker->tag].requests++;
}

static void print_processes(void)
{
	for (int i = 0; i < nprocesses; i++)
		printf("pid %ld generation %lu connects %llu requests %llu\n", processes[i].pid,
		       processes[i].generation, (unsigned long long)processes[i].conns,
		       (unsigned long long)processes[i].requests);
}

/* ---- the run ------------------------------------------------------------ */

static void tell(struct asker *asker, enum trouble what)
{
	if (what == CLOSED_IDLE || askers.failed > TOLD)
		return;
	printf("%.3f s, connection %d, its request %llu", (double)(now_us() - begin) / 1e6,
	       (int)(asker - askers.all), (unsigned long long)asker->served + 1);
	if (asker->pid)
		printf(", process %ld", asker->pid);
	printf(": %s\n", trouble_text(asker, what));
	fflush(stdout);
}

static void set_up(const struct address *to)
{
	int conns = (int)option(options, "conns");
	askers.to = to;
	askers.post = (size_t)option(options, "post");
	askers.think = option(options, "think-ms") * 1000;
	askers.first_is_pid = option(options, "pid-map") != 0;
	askers.on_trouble = tell;
	askers.on_pid = note_process;
	askers.on_reply = note_request;
	need_descriptors(conns);
	askers_begin(&askers, conns, 0);
}

int main(int argc, char **argv)
{
	struct address to;
	struct sigaction end = {.sa_handler = end_early};
	read_arguments(argc, argv, &to, options);
	int64_t seconds = option(options, "seconds");
	watchdog((unsigned)seconds + 30);
	sigaction(SIGTERM, &end, NULL);
	set_up(&to);
	begin = now_us();
	while (!ended && now_us() - begin < seconds * 1000000)
		askers_turn(&askers, 5);
	askers_finish(&askers);
	print_processes();
	printf("requests %llu failed %llu connects %llu idle-closes %llu slowest %lld ms\n",
	       (unsigned long long)askers.replies, (unsigned long long)askers.failed,
	       (unsigned long long)askers.connects, (unsigned long long)askers.idle_closes,
	       (long long)askers.slowest / 1000);
	int failed = askers.failed > 0;
	askers_end(&askers);
	free(processes);
	return failed;
}
