/*
 * hive.c: see hive.h.
 */
#include "tests/support/hive.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir_http.h>

#include "core/loop.h"

/* A worker that is left behind ends itself. */
enum { WORKER_SECONDS = 60, WATCHDOG_S = 60 };

weir_policy hive_policies[] = {WEIR_ACCEPT_SHARED, WEIR_ACCEPT_REUSEPORT, WEIR_ACCEPT_HAND_OVER};

/* ---- a worker ------------------------------------------------------------ */

/* Of this process, if it is one. */
static struct job {
	weir_worker *worker;
	weir_loop *loop;
	struct plan plan;
	weir_req *slow[16];
	int nslow;
	weir_timer end;
	weir_task drain;
} job;

static void answer(weir_stream *stream)
{
	const struct answer a = {weir_worker_id(job.worker), (int32_t)getpid()};

	(void)weir_write(stream, &a, sizeof a);
}

static void tell_figures(weir_stream *stream)
{
	struct figures f;

	memset(&f, 0, sizeof f);
	f.n = weir_worker_workers(job.worker, f.info, HIVE_ALL);
	(void)weir_write(stream, &f, sizeof f);
}

static size_t on_data(weir_stream *stream, const char *data, size_t len, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '?')
			answer(stream);
		else if (data[i] == 'f')
			tell_figures(stream);
		else if (data[i] == 'd')
			weir_loop_drain(job.loop);
		else if (data[i] == 'x')
			_exit(42);
		while (data[i] == 'b')
			;
	}
	return len;
}

static void reply_id(weir_req *req)
{
	char text[16];
	const int len = snprintf(text, sizeof text, "%d", (int)weir_worker_id(job.worker));

	(void)weir_reply(req, 200, "text/plain", text, (size_t)len);
}

static void on_request(weir_req *req, void *arg)
{
	const weir_str target = weir_req_path(req);

	(void)arg;
	if (target.len == 5 && job.nslow < 16)
		job.slow[job.nslow++] = req;
	else
		reply_id(req);
}

static void on_told(weir_worker *worker, uint32_t type, const void *data, size_t len, int fd,
                    void *arg)
{
	(void)arg;
	if (fd >= 0) {
		if (write(fd, "told", 4) != 4)
			_exit(90);
		(void)close(fd);
	}
	if (type != HIVE_GO) {
		if (weir_worker_send(worker, type, data, len, -1) < 0)
			_exit(91);
		return;
	}
	for (int i = 0; i < job.nslow; i++)
		reply_id(job.slow[i]);
	job.nslow = 0;
}

static void on_drain(weir_task *task, void *arg)
{
	const char text[2] = {job.loop->relieved ? 'y' : 'n', '\0'};

	(void)task;
	(void)arg;
	(void)weir_worker_send(job.worker, HIVE_RELIEVED, text, sizeof text, -1);
}

static void on_end(weir_timer *timer, void *arg)
{
	(void)timer;
	(void)arg;
	_exit(7);
}

static int serve(void)
{
	static const weir_stream_ops ops = {.data = on_data};

	if (job.plan.http)
		return weir_http_listen(job.loop, "127.0.0.1:0", on_request, NULL);
	return weir_listen(job.loop, NULL, "127.0.0.1:0", &job.plan.stream, &ops, NULL);
}

/* The test's clients are in the master: a copy of one would keep its connection open. */
static void close_clients(const struct hive *h)
{
	const int port = atoi(strrchr(h->address, ':') + 1);

	for (int fd = 3; fd < 1024; fd++) {
		struct sockaddr_in peer;
		socklen_t len = sizeof peer;

		if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
		    peer.sin_family == AF_INET && ntohs(peer.sin_port) == port)
			(void)close(fd);
	}
}

int hive_setup_worker(weir_worker *worker, weir_loop *loop, void *arg)
{
	const struct hive *h = arg;

	(void)alarm(WORKER_SECONDS);
	if (*h->address)
		close_clients(h);
	job.worker = worker;
	job.loop = loop;
	job.plan = h->plan;
	if (weir_worker_id(worker) < h->plan.from)
		job.plan = (struct plan){.http = h->plan.http};
	if (job.plan.fails)
		return -ENOENT;
	if (job.plan.mute) {
		weir_loop_hold(loop);
		return 1;
	}
	const int result = serve();
	if (result < 0)
		return result;
	if (job.plan.lives_ms) {
		weir_timer_init(&job.end, on_end, NULL);
		weir_timer_start(loop, &job.end, job.plan.lives_ms, 0);
	}
	if (job.plan.tells_of_drain) {
		weir_task_init(&job.drain, on_drain, NULL);
		(void)weir_at_drain(loop, &job.drain);
	}
	return 0;
}

/* ---- the master ---------------------------------------------------------- */

static void note(struct hive *h, char what, int32_t id, int code, int signo)
{
	struct call *call = &h->calls[h->n++];

	assert_true(h->n < (int)(sizeof h->calls / sizeof *h->calls));
	assert_non_null(h->cluster);
	*call = (struct call){what, id, code, signo, test_now_us(), hive_in_state(h, 0)};
	if (h->frees_in == what) {
		weir_cluster_free(h->cluster);
		h->cluster = NULL;
	} else if (h->then) {
		h->then(h, call);
	}
}

static void on_ready(weir_cluster *cluster, int32_t id, void *arg)
{
	struct hive *h = arg;

	(void)cluster;
	h->readies++;
	note(h, 'y', id, 0, 0);
}

static void on_exit_of(weir_cluster *cluster, int32_t id, int code, int signo, void *arg)
{
	struct hive *h = arg;

	(void)cluster;
	h->exits++;
	note(h, 'x', id, code, signo);
}

static void on_message(weir_cluster *cluster, int32_t id, uint32_t type, const void *data,
                       size_t len, int fd, void *arg)
{
	struct hive *h = arg;

	(void)cluster;
	assert_int_equal(fd, -1);
	assert_true(len < sizeof h->text);
	h->messages++;
	h->type = type;
	h->from = id;
	memset(h->text, 0, sizeof h->text);
	memcpy(h->text, data, len);
	note(h, 'm', id, 0, 0);
}

static void on_reloaded(weir_cluster *cluster, int status, void *arg)
{
	struct hive *h = arg;

	(void)cluster;
	h->reloads++;
	h->status = status;
	note(h, 'r', 0, 0, status);
}

static void on_drained(weir_cluster *cluster, void *arg)
{
	struct hive *h = arg;

	(void)cluster;
	h->draineds++;
	note(h, 'd', 0, 0, 0);
}

int hive_setup(void **state)
{
	const weir_policy policy = *(const weir_policy *)*state;
	struct hive *h = calloc(1, sizeof *h);
	void *net;

	if (!h || net_setup(&net) != 0)
		return -1;
	test_watchdog(WATCHDOG_S);
	h->net = net;
	h->policy = policy;
	h->opts = (weir_cluster_opts){
		.setup = hive_setup_worker,
		.told = on_told,
		.ready = on_ready,
		.exit = on_exit_of,
		.message = on_message,
		.reloaded = on_reloaded,
		.drained = on_drained,
		.arg = h,
		.policy = policy,
	};
	*state = h;
	return 0;
}

/* When the loop is gone nobody else waits for them. */
int hive_teardown(void **state)
{
	struct hive *h = *state;
	void *net = h->net;
	int result = net_teardown(&net);

	test_watchdog(WATCHDOG_S);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	free(h);
	test_watchdog(0);
	return result;
}

void hive_needs_policy(struct hive *h)
{
	static const weir_stream_ops ops;
	const weir_stream_opts shared = {.reuse_port = true};
	weir_listener *listener;
	int result = weir_listen(h->net->loop, &listener, "127.0.0.1:0", &shared, &ops, NULL);

	if (result == 0)
		weir_listener_close(listener);
	if (result == 0 || h->policy != WEIR_ACCEPT_REUSEPORT)
		return;
	assert_int_equal(result, -ENOTSUP);
	assert_int_equal(weir_cluster_new(&h->cluster, h->net->loop, &h->opts), 0);
	assert_int_equal(weir_cluster_listen(h->cluster, "127.0.0.1:0", NULL), -ENOTSUP);
	weir_cluster_free(h->cluster);
	print_message("no SO_REUSEPORT here\n");
	skip();
}

void hive_open(struct hive *h, int32_t workers)
{
	hive_needs_policy(h);
	h->opts.workers = workers;
	assert_int_equal(weir_cluster_new(&h->cluster, h->net->loop, &h->opts), 0);
	assert_int_equal(weir_cluster_listen(h->cluster, "127.0.0.1:0", NULL), 0);
	assert_true(weir_cluster_address(h->cluster, 0, h->address, sizeof h->address) > 0);
}

void hive_start(struct hive *h, int32_t workers)
{
	hive_open(h, workers);
	assert_int_equal(weir_cluster_start(h->cluster), 0);
	while (h->readies < workers)
		hive_turn(h);
}

void hive_free(struct hive *h)
{
	weir_cluster_free(h->cluster);
	h->cluster = NULL;
	kids_gone(h->net);
}

void hive_turn(struct hive *h)
{
	assert_true(weir_loop_step(h->net->loop, 1) >= 0);
}

void hive_turns(struct hive *h, int64_t ms)
{
	net_turns(h->net, ms);
}

int hive_count(const struct hive *h, char what, int32_t id)
{
	int n = 0;

	for (int i = 0; i < h->n; i++)
		n += h->calls[i].what == what && h->calls[i].id == id;
	return n;
}

int64_t hive_when(const struct hive *h, char what, int32_t id)
{
	for (int i = h->n - 1; i >= 0; i--)
		if (h->calls[i].what == what && h->calls[i].id == id)
			return h->calls[i].at;
	return -1;
}

weir_worker_info hive_info(const struct hive *h, int32_t id)
{
	weir_worker_info info[HIVE_ALL];
	const int n = weir_cluster_workers(h->cluster, info, HIVE_ALL);

	assert_true(n <= HIVE_ALL);
	for (int i = 0; i < n; i++)
		if (info[i].id == id)
			return info[i];
	return (weir_worker_info){.id = 0};
}

int64_t hive_pid(const struct hive *h, int32_t id)
{
	return hive_info(h, id).pid;
}

int hive_in_state(const struct hive *h, int state)
{
	weir_worker_info info[HIVE_ALL];
	const int n = weir_cluster_workers(h->cluster, info, HIVE_ALL);
	int found = 0;

	assert_true(n <= HIVE_ALL);
	for (int i = 0; i < n; i++)
		found += !state || (int)info[i].state == state;
	return found;
}

uint32_t hive_conns(const struct hive *h)
{
	weir_worker_info info[HIVE_ALL];
	const int n = weir_cluster_workers(h->cluster, info, HIVE_ALL);
	uint32_t sum = 0;

	for (int i = 0; i < n && i < HIVE_ALL; i++)
		sum += info[i].conns;
	return sum;
}

/* One that is to stop, has: else it may still be woken for a connection. */
static void send_signal(int64_t pid, int signo)
{
	siginfo_t info;

	assert_true(pid > 0);
	assert_int_equal(kill((pid_t)pid, signo), 0);
	if (signo == SIGSTOP)
		assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), 0);
}

void hive_kill(const struct hive *h, int32_t id, int signo)
{
	send_signal(hive_pid(h, id), signo);
}

void hive_kill_all(const struct hive *h, int signo)
{
	weir_worker_info info[HIVE_ALL];
	const int n = weir_cluster_workers(h->cluster, info, HIVE_ALL);

	for (int i = 0; i < n; i++)
		if (info[i].state == WEIR_WORKER_SERVING)
			send_signal(info[i].pid, signo);
}

/* ---- clients --------------------------------------------------------------- */

static bool readable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) > 0;
}

void hive_await(struct hive *h, int fd)
{
	do
		assert_true(weir_loop_step(h->net->loop, 0) >= 0);
	while (!readable(fd, 1));
}

bool hive_read(struct hive *h, int fd, void *data, size_t len)
{
	for (size_t at = 0; at < len;) {
		hive_await(h, fd);
		const ssize_t got = recv(fd, (char *)data + at, len - at, 0);
		if (got <= 0)
			return false;
		at += (size_t)got;
	}
	return true;
}

void hive_read_all(struct hive *h, int fd, char *text, size_t size)
{
	size_t at = 0;

	while (at + 1 < size && hive_read(h, fd, text + at, 1))
		at++;
	text[at] = '\0';
}

struct answer hive_answer(struct hive *h, int fd)
{
	struct answer a;

	if (!hive_read(h, fd, &a, sizeof a))
		a = (struct answer){0, 0};
	return a;
}

struct answer hive_ask(struct hive *h, int fd)
{
	if (send(fd, "?", 1, MSG_NOSIGNAL) != 1)
		return (struct answer){0, 0};
	return hive_answer(h, fd);
}

int hive_connect(struct hive *h, struct answer *who)
{
	const int fd = raw_connect(h->address);
	const struct answer a = hive_ask(h, fd);

	assert_true(a.id > 0);
	if (who)
		*who = a;
	return fd;
}

int hive_connect_to(struct hive *h, int32_t id)
{
	int others[200], n = 0, fd;
	struct answer who;

	while (fd = hive_connect(h, &who), who.id != id) {
		assert_true(n < 200);
		others[n++] = fd;
	}
	while (n > 0)
		(void)close(others[--n]);
	return fd;
}

void hive_get(struct hive *h, int fd, const char *path)
{
	char text[128];
	const int len = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path,
	                         h->address);

	raw_write(fd, text, (size_t)len);
}

void hive_reply(struct hive *h, int fd, char *text, size_t size)
{
	size_t at = 0;
	const char *length, *content = NULL;

	text[0] = '\0';
	while (at + 1 < size && hive_read(h, fd, text + at, 1)) {
		text[++at] = '\0';
		if (!content && (content = strstr(text, "\r\n\r\n")) != NULL)
			content += 4;
		length = strstr(text, "Content-Length: ");
		if (content && (!length || text + at == content + atoi(length + 16)))
			return;
	}
}
