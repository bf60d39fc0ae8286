/*
 * killer.c: when a worker is killed, who loses what, and how soon is there another?
 *
 *     killer ADDRESS MASTER [--seconds=10] [--every-ms=1000] [--conns=32] [--post=1000]
 *
 * While so many kept-alive connections ask (as those of steady do; the first
 * request of each is GET /pid, whose reply says to whom it belongs), every
 * --every-ms the worker that has answered last gets SIGKILL. MASTER is the pid of
 * its parent: nobody else's children are killed. From then on fresh connections
 * ask GET /pid, one a millisecond, until a process answers that is new.
 *
 * Right is: only connections of the killed worker are lost, and each of its
 * connections ends within 2 s. One that has not been answered yet belongs to
 * nobody known; it may be lost, too, if it was made before the worker was gone,
 * and is counted as unknown. At the end it says
 *
 *     kills N lost N foreign N hanging N respawn median X ms worst X ms unknown N
 *
 * and, on lines before, what the first ten foreign and hanging ones were. Respawn
 * is the time from the kill to the new process's first reply. Status 1 when there
 * were foreign or hanging ones, when no new process answers within 10 s, or when
 * the master is gone.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/tools/asker.h"

#define PROBES 16
#define TOLD 10
#define WARM_UP_US 500000
#define HANGING_US 2000000
#define RESPAWN_US 10000000
/* A process takes a while to die: as long as it is there it accepts and is lost, but no longer
   than that. */
#define DYING_US 100000

static struct option options[] = {
	{"seconds", 10}, {"every-ms", 1000}, {"conns", 32}, {"post", 1000}, {NULL, 0},
};

struct victim {
	long pid;
	int64_t at;      /* when it was killed */
	int64_t gone;    /* when it was seen to be gone; 0: has not been */
	int64_t respawn; /* how long it took until there was another; 0: not yet */
};

static struct victim *victims;
static int kills;
static long *seen; /* all workers that have been heard of, but for those that were killed */
static int nseen;
static struct askers askers;
static long master, recent;
static uint64_t lost, foreign, hanging, unknown;
static int64_t begin;
static int alone; /* nobody has taken the last victim's place */

/* ---- whose a connection is ---------------------------------------------- */

static int64_t end_of(const struct victim *victim)
{
	return victim->gone ? victim->gone : victim->at + DYING_US;
}

/* Numbers of processes are used again: who answers a connection that was made after the victim had
   gone is another. */
static const struct victim *victim_of(const struct asker *asker)
{
	for (int i = kills - 1; i >= 0; i--)
		if (victims[i].pid == asker->pid)
			return asker->joined <= end_of(&victims[i]) ? &victims[i] : NULL;
	return NULL;
}

/* Who may have taken this connection, which has not been answered, to the grave? */
static const struct victim *taken_along_by(const struct asker *asker)
{
	for (int i = kills - 1; i >= 0 && i >= kills - 4; i--) {
		if (asker->joined && asker->joined <= end_of(&victims[i]))
			return &victims[i];
	}
	return NULL;
}

static void tell(const struct asker *asker, const char *what)
{
	if (foreign + hanging > TOLD)
		return;
	printf("%.3f s", (double)(now_us() - begin) / 1e6);
	if (asker->pid)
		printf(", connection of %ld", asker->pid);
	else if (asker->joined)
		printf(", connection made %.1f ms ago", (double)(now_us() - asker->joined) / 1e3);
	else
		printf(", connection not made");
	if (kills > 0)
		printf(", %.1f ms after %ld was killed",
		       (double)(now_us() - victims[kills - 1].at) / 1e3, victims[kills - 1].pid);
	printf(": %s\n", what);
	fflush(stdout);
}

static void judge_loss(struct asker *asker, enum trouble what)
{
	int cut = what == CLOSED_IDLE || what == ENDED || what == RESET;
	if (cut && asker->pid && victim_of(asker)) {
		lost++;
	} else if (cut && !asker->pid && taken_along_by(asker)) {
		unknown++;
	} else if (what != CLOSED_IDLE) {
		foreign++;
		tell(asker, trouble_text(asker, what));
	}
}

static void look_for_hanging(void)
{
	int64_t now = now_us();
	for (int i = 0; i < askers.n; i++) {
		struct asker *asker = &askers.all[i];
		const struct victim *victim = NULL;
		if (asker->fd >= 0 && asker->pid)
			victim = victim_of(asker);
		else if (asker->fd >= 0)
			victim = taken_along_by(asker);
		if (!victim || now - victim->at <= HANGING_US)
			continue;
		hanging++;
		tell(asker, "has not ended");
		asker_drop(asker);
	}
}

/* ---- the workers -------------------------------------------------------- */

static int is_seen(long pid)
{
	for (int i = 0; i < nseen; i++)
		if (seen[i] == pid)
			return 1;
	return 0;
}

static void *grown(void *table, int n, size_t size)
{
	void *grown = realloc(table, (size_t)n * size);
	if (!grown)
		fail("no memory for a table of %d", n);
	return grown;
}

static void see(long pid)
{
	seen = grown(seen, nseen + 1, sizeof *seen);
	seen[nseen++] = pid;
}

/* Those that are there at the beginning, as GET /status has them: none of them is a new one. */
static void see_status(const struct address *to)
{
	static const char request[] =
		"GET /status HTTP/1.1\r\nHost: killer\r\nConnection: close\r\n\r\n";
	static char text[262144];
	size_t len = 0;
	int64_t n, end = now_us() + 5000000;
	int fd = dial(to);
	struct pollfd look = {.fd = fd, .events = POLLOUT};
	if (poll(&look, 1, 5000) != 1 || send_some(fd, request, sizeof request - 1) < 0)
		fail("GET /status cannot be asked");
	for (look.events = POLLIN; poll(&look, 1, 1000) >= 0 && now_us() < end; len += (size_t)n) {
		n = receive_some(fd, text + len, sizeof text - 1 - len);
		if (n == 0)
			break;
		n = n < 0 ? 0 : n;
	}
	close(fd);
	text[len] = '\0';
	for (char *line = text; (line = strstr(line, " pid ")); line += 5) {
		long pid = strtol(line + 5, NULL, 10);
		if (pid > 0 && !is_seen(pid))
			see(pid);
	}
}

static void forget(long pid)
{
	for (int i = 0; i < nseen; i++)
		if (seen[i] == pid)
			seen[i] = seen[--nseen];
}

static void heard(struct asker *asker)
{
	if (is_seen(asker->pid) || victim_of(asker))
		return;
	see(asker->pid);
	if (kills > 0 && victims[kills - 1].respawn == 0)
		victims[kills - 1].respawn = now_us() - victims[kills - 1].at;
}

static void remember(struct asker *asker)
{
	if (asker->pid && !victim_of(asker))
		recent = asker->pid;
}

/* The parent of a process; -1 where nothing tells. */
static long parent_of(long pid)
{
	char path[64], text[512];
	long parent = -1;
	snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	FILE *file = fopen(path, "r");
	if (!file)
		return -1;
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	fclose(file);
	/* The name, in parentheses, may have any octets. */
	const char *behind = strrchr(text, ')');
	if (!behind || sscanf(behind, ") %*c %ld", &parent) != 1)
		return -1;
	return parent;
}

/* ---- killing ------------------------------------------------------------ */

static void kill_one(void)
{
	/* What has happened until now is known before. */
	askers_turn(&askers, 0);
	if (recent <= 1 || recent == master || recent == (long)getpid())
		return;
	long parent = parent_of(recent);
	if (parent != -1 && parent != master)
		fail("%ld is no child of %ld, but of %ld", recent, master, parent);
	victims = grown(victims, kills + 1, sizeof *victims);
	victims[kills] = (struct victim){.pid = recent, .at = now_us()};
	/* One that has died by itself is no victim: what it takes along is foreign. */
	if (kill((pid_t)recent, SIGKILL) == 0)
		forget(victims[kills++].pid);
	else if (errno != ESRCH)
		fail("%ld cannot be killed: %s", recent, strerror(errno));
	recent = 0;
}

static void look_after(struct victim *victim)
{
	int64_t now = now_us();
	if (!victim->gone && kill((pid_t)victim->pid, 0) < 0 && errno == ESRCH)
		victim->gone = now;
	if (!victim->gone && now - victim->at > DYING_US)
		victim->gone = victim->at + DYING_US;
	if (!victim->respawn && now - victim->at > RESPAWN_US) {
		puts("no new worker has answered within 10 s");
		alone = 1;
	}
}

/* A fresh connection each millisecond, while one is at rest. */
static void probe(int64_t *next)
{
	int64_t now = now_us();
	if (now < *next)
		return;
	*next = now + 1000;
	for (int i = askers.n - PROBES; i < askers.n; i++) {
		if (askers.all[i].next != INT64_MAX || askers.all[i].fd >= 0)
			continue;
		askers.all[i].next = now;
		return;
	}
}

static void run(int64_t seconds, int64_t every)
{
	int64_t next_kill = begin + WARM_UP_US, next_probe = 0;
	int64_t end = begin + seconds * 1000000;
	for (int64_t now = begin; now < end && !alone; now = now_us()) {
		struct victim *last = kills > 0 ? &victims[kills - 1] : NULL;
		int searching = last && !last->respawn;
		if (searching)
			probe(&next_probe);
		askers_turn(&askers, 1);
		if (last)
			look_after(last);
		look_for_hanging();
		/* So that there is always one to find, and each is found. */
		if (!searching && now >= next_kill && now + HANGING_US < end) {
			kill_one();
			next_kill = now + every;
		}
	}
}

/* ---- the end ------------------------------------------------------------ */

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void report(void)
{
	int64_t *times = grown(NULL, kills + 1, sizeof *times);
	int n = 0;
	for (int i = 0; i < kills; i++)
		if (victims[i].respawn)
			times[n++] = victims[i].respawn;
	qsort(times, (size_t)n, sizeof *times, by_size);
	printf("kills %d lost %llu foreign %llu hanging %llu ", kills, (unsigned long long)lost,
	       (unsigned long long)foreign, (unsigned long long)hanging);
	printf("respawn median %.1f ms worst %.1f ms unknown %llu\n",
	       n ? (double)times[n / 2] / 1e3 : 0.0, n ? (double)times[n - 1] / 1e3 : 0.0,
	       (unsigned long long)unknown);
	free(times);
}

static void usage(void)
{
	fputs("usage: killer ADDRESS MASTER [--seconds=10] [--every-ms=1000] [--conns=32] "
	      "[--post=1000]\n",
	      stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct address to;
	if (argc < 3 || (master = strtol(argv[2], NULL, 10)) <= 1)
		usage();
	/* Without MASTER, the arguments are as those of the others. */
	argv[2] = argv[1];
	argv[1] = argv[0];
	read_arguments(argc - 1, argv + 1, &to, options);
	int conns = (int)option(options, "conns");
	int64_t seconds = option(options, "seconds");
	watchdog((unsigned)seconds + 60);
	need_descriptors(conns + PROBES);
	askers.to = &to;
	askers.post = (size_t)option(options, "post");
	askers.first_is_pid = 1;
	askers.on_trouble = judge_loss;
	askers.on_pid = heard;
	askers.on_reply = remember;
	see_status(&to);
	askers_begin(&askers, conns + PROBES, PROBES);
	begin = now_us();
	run(seconds, option(options, "every-ms") * 1000);
	askers_finish(&askers);
	report();
	askers_end(&askers);
	free(victims);
	free(seen);
	if (kill((pid_t)master, 0) < 0)
		fail("the master is gone");
	if (kills == 0)
		fail("nobody was killed");
	return foreign + hanging > 0 || alone;
}
