/*
 * echo as a real service: workers on all processors, replaced and upgraded while it serves.
 *
 *     service [ADDRESS] [--workers=N] [--policy=shared|reuseport|hand-over] [--drain-ms=N]
 *             [--lame-ms=N] [--pid-file=PATH] [--proxy=TRUSTED]
 *
 * GET of anything is a small text, POST /echo gives the body back; /pid says which worker
 * answers, /status has the figures of all, /healthz is 200, or 503 once it is to end.
 *
 *     SIGHUP   new workers, and when they are ready the old ones drain
 *     SIGUSR2  the program is started anew and takes over; if it does not come up, this one stays
 *     SIGTERM  health checks fail for lame-ms, then it drains; again: at once
 *     SIGQUIT  ends at once
 *
 * It knows systemd: sockets that are passed for ADDRESS, NOTIFY_SOCKET.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <weir_http.h>

enum { HIGH = 64 * 1024, MOST = 256, UNWELL = 1, UPGRADE_MS = 10000 };

struct service {
	const char *address, *pid_file, *proxy;
	char **argv;
	int32_t drain_ms, lame_ms, workers;
	weir_policy policy;
	weir_loop *loop;
	weir_cluster *cluster;
	weir_child *next;    /* an upgrade on its way */
	weir_server *server; /* in a worker */
	weir_worker *worker; /* the same */
	weir_timer lame;
	weir_signal hang_up, upgrade, terminate, interrupt, quit;
	int generation, ready;
	bool ending, announced;
};

/* ---- what a worker answers -------------------------------------------------- */

static size_t echo_data(weir_req *req, const char *data, size_t len, void *arg)
{
	const int64_t queued = weir_reply_write(req, data, len);

	(void)arg;
	if (queued < 0)
		weir_reply_end(req);
	else if (queued > HIGH)
		weir_req_hold(req, true);
	return len;
}

static void echo_drain(weir_req *req, void *arg)
{
	(void)arg;
	weir_req_hold(req, false);
}

static void echo_end(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply_end(req);
}

static void echo_gone(weir_req *req, int why, void *arg)
{
	(void)why;
	(void)arg;
	weir_reply_end(req);
}

static void echo(weir_req *req)
{
	static const weir_req_ops ops = {
		.data = echo_data, .drain = echo_drain, .end = echo_end, .gone = echo_gone};

	/* First: a body that nobody wants would be the connection's end. */
	weir_req_on(req, &ops, NULL);
	weir_reply_field(req, "Content-Type", "application/octet-stream");
	if (weir_reply_begin(req, 200, weir_req_length(req)) < 0)
		weir_reply_end(req);
}

static void pid(weir_req *req, const struct service *s)
{
	char text[48];
	const int len = snprintf(text, sizeof text, "%ld %d\n", (long)getpid(), s->generation);

	weir_reply(req, 200, "text/plain", text, (size_t)len);
}

static void status(weir_req *req, const struct service *s)
{
	static const char *const states[] = {"", "starting", "serving", "draining"};
	weir_worker_info info[MOST];
	const int alive = weir_worker_workers(s->worker, info, MOST);

	weir_reply_field(req, "Content-Type", "text/plain");
	weir_reply_begin(req, 200, WEIR_UNKNOWN);
	for (int i = 0; i < alive && i < MOST; i++) {
		const weir_worker_info *w = &info[i];
		char line[160];
		const int len =
			snprintf(line, sizeof line,
		                 "worker %d pid %" PRId64
		                 " state %s accepted %u connections %u requests %u\n",
		                 (int)w->id, w->pid, states[w->state], (unsigned)w->accepted,
		                 (unsigned)w->conns, (unsigned)w->requests);

		weir_reply_write(req, line, (size_t)len);
	}
	weir_reply_end(req);
}

static bool is(weir_str str, const char *text)
{
	return str.len == strlen(text) && !memcmp(str.data, text, str.len);
}

static void handle(weir_req *req, void *arg)
{
	const struct service *s = arg;
	const weir_str path = weir_req_path(req);

	if (weir_req_method(req) == WEIR_POST && is(path, "/echo"))
		echo(req);
	else if (weir_req_method(req) == WEIR_POST)
		weir_reply(req, 404, "text/plain", "Not Found\n", 10);
	else if (is(path, "/pid"))
		pid(req, s);
	else if (is(path, "/status"))
		status(req, s);
	else
		weir_reply(req, 200, "text/plain", "Hello World\n", 12);
}

/* ---- a worker ------------------------------------------------------------------ */

static int serve(weir_worker *worker, weir_loop *loop, void *arg)
{
	struct service *s = arg;
	const weir_server_opts opts = {
		.request = handle,
		.arg = s,
		.health = "/healthz",
		.trusted = s->proxy,
		.methods = WEIR_METHOD_BIT(WEIR_GET) | WEIR_METHOD_BIT(WEIR_HEAD) |
	                   WEIR_METHOD_BIT(WEIR_POST),
	};
	weir_listener *listener;
	int result = weir_server_new(&s->server, loop, &opts);

	s->worker = worker;
	if (result >= 0)
		result = weir_server_listen(s->server, &listener, s->address);
	if (result >= 0 && s->proxy)
		result = weir_listener_proxy(listener, s->proxy);
	return result;
}

static void told(weir_worker *worker, uint32_t type, const void *data, size_t len, int fd,
                 void *arg)
{
	struct service *s = arg;

	(void)worker;
	(void)data;
	(void)len;
	if (fd >= 0)
		close(fd);
	if (type == UNWELL)
		weir_server_health(s->server, false);
}

/* ---- the pid file ----------------------------------------------------------------- */

static void write_pid(const struct service *s)
{
	FILE *file = s->pid_file ? fopen(s->pid_file, "w") : NULL;

	if (s->pid_file && (!file || fprintf(file, "%ld\n", (long)getpid()) < 0))
		fprintf(stderr, "service: %s: %s\n", s->pid_file, strerror(errno));
	if (file)
		fclose(file);
}

/* Unless the next program has it by now. */
static void remove_pid(const struct service *s)
{
	FILE *file = s->pid_file ? fopen(s->pid_file, "r") : NULL;
	long number = 0;

	if (!file)
		return;
	if (fscanf(file, "%ld", &number) == 1 && number == (long)getpid())
		remove(s->pid_file);
	fclose(file);
}

/* ---- what the master hears ----------------------------------------------------------- */

static void announce(struct service *s)
{
	char text[160] = "";

	s->announced = true;
	write_pid(s);
	weir_cluster_address(s->cluster, 0, text, sizeof text);
	printf("service: listening on %s (%s), %d workers, pid %ld\n", text, weir_backend(),
	       (int)s->workers, (long)getpid());
	fflush(stdout);
	weir_ready(s->loop);
}

static void worker_ready(weir_cluster *cluster, int32_t id, void *arg)
{
	struct service *s = arg;

	(void)cluster;
	(void)id;
	if (++s->ready == s->workers && !s->announced)
		announce(s);
}

static void worker_ended(weir_cluster *cluster, int32_t id, int code, int signo, void *arg)
{
	(void)cluster;
	(void)arg;
	if (signo)
		fprintf(stderr, "service: worker %d was ended by signal %d\n", (int)id, signo);
	else if (code)
		fprintf(stderr, "service: worker %d ended with status %d\n", (int)id, code);
}

static void reloaded(weir_cluster *cluster, int result, void *arg)
{
	(void)cluster;
	(void)arg;
	if (result < 0)
		fprintf(stderr, "service: not all workers are new: %s\n", weir_strerror(result));
	weir_notify("READY=1");
}

static void drained(weir_cluster *cluster, void *arg)
{
	struct service *s = arg;

	s->cluster = NULL;
	weir_cluster_free(cluster);
}

/* ---- what it is told ---------------------------------------------------------------------- */

static void hang_up(weir_signal *watcher, int signo, void *arg)
{
	struct service *s = arg;
	char text[64];

	(void)signo;
	s->generation++;
	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
	         weir_loop_now(watcher->loop) * 1000);
	weir_notify(text);
	if (s->cluster)
		weir_cluster_reload(s->cluster);
}

static void drain(struct service *s)
{
	if (s->cluster)
		weir_cluster_drain(s->cluster, s->drain_ms);
}

static void lame_over(weir_timer *timer, void *arg)
{
	(void)timer;
	drain(arg);
}

/* Whoever checks is to look away first. */
static void fail_checks(struct service *s)
{
	weir_worker_info info[MOST];
	const int alive = weir_cluster_workers(s->cluster, info, MOST);

	for (int i = 0; i < alive && i < MOST; i++)
		weir_cluster_send(s->cluster, info[i].id, UNWELL, NULL, 0, -1);
	weir_timer_start(s->loop, &s->lame, s->lame_ms, 0);
}

static void stop(struct service *s)
{
	weir_timer_stop(&s->lame);
	weir_cluster_free(s->cluster);
	s->cluster = NULL;
	weir_loop_stop(s->loop);
}

static void terminate(weir_signal *watcher, int signo, void *arg)
{
	struct service *s = arg;

	(void)watcher;
	(void)signo;
	weir_notify("STOPPING=1");
	if (s->ending || !s->cluster)
		stop(s);
	else if (s->lame_ms > 0)
		fail_checks(s);
	else
		drain(s);
	s->ending = true;
}

static void quit(weir_signal *watcher, int signo, void *arg)
{
	(void)watcher;
	(void)signo;
	stop(arg);
}

/* ---- the next program --------------------------------------------------------------------- */

static void next_ready(weir_child *child, void *arg)
{
	struct service *s = arg;
	char text[48];

	snprintf(text, sizeof text, "MAINPID=%" PRId64, weir_child_pid(child));
	weir_notify(text);
	weir_child_close(child);
	s->next = NULL;
	s->ending = true;
	drain(s);
}

static void next_gone(weir_child *child, int why, void *arg)
{
	struct service *s = arg;

	(void)child;
	s->next = NULL;
	fprintf(stderr, "service: the upgrade has not come up%s%s; this one goes on\n",
	        why ? ": " : "", why ? weir_strerror(why) : "");
}

static void upgrade(weir_signal *watcher, int signo, void *arg)
{
	static const weir_child_ops ops = {.ready = next_ready, .gone = next_gone};
	struct service *s = arg;
	const weir_child_opts opts = {
		.argv = (const char *const *)(uintptr_t)s->argv,
		.sockets = true,
		.channel = true,
		.ready_ms = UPGRADE_MS,
	};
	int result;

	(void)watcher;
	(void)signo;
	if (s->next || s->ending)
		return;
	result = weir_spawn(s->loop, &s->next, &opts, &ops, s);
	if (result < 0)
		fprintf(stderr, "service: no upgrade: %s\n", weir_strerror(result));
}

/* ---- the command line ---------------------------------------------------------------------- */

static bool read_number(const char *text, int32_t *value)
{
	char *end;
	const long number = strtol(text, &end, 10);

	*value = (int32_t)number;
	return *text && !*end && number >= 1 && number <= 3600000;
}

static bool read_policy(const char *text, weir_policy *policy)
{
	static const char *const names[] = {"shared", "reuseport", "hand-over"};

	for (int i = 0; i < 3; i++)
		if (!strcmp(text, names[i])) {
			*policy = (weir_policy)i;
			return true;
		}
	return false;
}

/* The value of --NAME=VALUE, or NULL. */
static const char *value_of(const char *argument, const char *name)
{
	const size_t len = strlen(name);

	return !strncmp(argument, name, len) && argument[len] == '=' ? argument + len + 1 : NULL;
}

static bool read_argument(struct service *s, const char *text)
{
	const char *value;

	if ((value = value_of(text, "--workers")) != NULL)
		return read_number(value, &s->workers) && s->workers <= MOST / 4;
	if ((value = value_of(text, "--drain-ms")) != NULL)
		return read_number(value, &s->drain_ms);
	if ((value = value_of(text, "--lame-ms")) != NULL)
		return read_number(value, &s->lame_ms);
	if ((value = value_of(text, "--policy")) != NULL)
		return read_policy(value, &s->policy);
	if ((value = value_of(text, "--pid-file")) != NULL)
		return (s->pid_file = value) != NULL;
	if ((value = value_of(text, "--proxy")) != NULL)
		return (s->proxy = value) != NULL;
	s->address = text;
	return text[0] != '-';
}

/* ---- running ----------------------------------------------------------------------------------- */

static int fail(const char *what, int64_t why)
{
	fprintf(stderr, "service: %s: %s\n", what, weir_strerror(why));
	return EXIT_FAILURE;
}

static int watch(struct service *s)
{
	const struct {
		weir_signal *watcher;
		int signo;
		weir_signal_fn *fn;
	} watched[] = {
		{&s->hang_up, SIGHUP, hang_up},      {&s->upgrade, SIGUSR2, upgrade},
		{&s->terminate, SIGTERM, terminate}, {&s->interrupt, SIGINT, terminate},
		{&s->quit, SIGQUIT, quit},
	};
	int result = 0;

	for (size_t i = 0; i < sizeof watched / sizeof *watched && result >= 0; i++)
		result = weir_signal_start(s->loop, watched[i].watcher, watched[i].signo,
		                           watched[i].fn, s);
	return result;
}

static int run(struct service *s)
{
	const weir_cluster_opts opts = {
		.setup = serve,
		.told = told,
		.ready = worker_ready,
		.exit = worker_ended,
		.reloaded = reloaded,
		.drained = drained,
		.arg = s,
		.policy = s->policy,
		.workers = s->workers,
		.drain_ms = s->drain_ms,
	};
	int result = weir_cluster_new(&s->cluster, s->loop, &opts);

	if (result >= 0)
		result = weir_cluster_listen(s->cluster, s->address, NULL);
	if (result >= 0)
		result = watch(s);
	if (result >= 0)
		result = weir_cluster_start(s->cluster);
	if (result < 0)
		return fail(s->address, result);
	result = weir_loop_run(s->loop);
	remove_pid(s);
	return result < 0 ? fail("loop", result) : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static struct service service = {.address = "127.0.0.1:1337", .workers = 2};
	int result;

	service.argv = argv;
	for (int i = 1; i < argc; i++)
		if (!read_argument(&service, argv[i])) {
			fprintf(stderr, "service: cannot make sense of %s\n", argv[i]);
			return EXIT_FAILURE;
		}
	weir_timer_init(&service.lame, lame_over, &service);
	result = weir_loop_new(&service.loop, NULL);
	if (result < 0)
		return fail("loop", result);
	result = run(&service);
	weir_loop_free(service.loop);
	return result;
}
