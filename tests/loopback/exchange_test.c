/*
 * Does the example `echo` answer a client as tests/fixtures/exchanges says? Each
 * file is a table of cases for one server, which is started with the options of
 * the file. Each case is sent whole, octet by octet and cut at random, by plain
 * sockets, many at a time; a reset is never an answer.
 */
#include "tests/support/net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/exchange.h"

enum { AT_ONCE = 32, LONG_CASE = 600, LIMIT_MS = 10000, QUIET_MS = 200, FEWEST_CASES = 5 };

/* A client that pauses for 250 ms gets what echo has by then, and a busy machine makes pauses: what
   fails behind one is sent once more, so often. Half of it counts, since echo may see more. */
enum { PAUSE_MS = 250 / 2, MOST_AGAIN = 3 };

enum delivery { WHOLE, OCTETS, RANDOM, DELIVERIES };

static const char *const delivery_names[] = {"whole", "octet by octet", "cut at random"};

/* ---- the server --------------------------------------------------------- */

struct server {
	pid_t pid;
	char address[64];
};

static void exec_echo(char *options)
{
	char *argv[16] = {"./tests/examples/echo", "127.0.0.1:0"};
	int n = 2;

	for (char *word = strtok(options, " "); word && n < 15; word = strtok(NULL, " "))
		argv[n++] = word;
	execv(argv[0], argv);
	_exit(127);
}

static struct server start(char *options)
{
	struct server server;
	char line[160] = "";
	int ends[2];
	const char *colon;

	assert_int_equal(pipe(ends), 0);
	server.pid = fork();
	assert_true(server.pid >= 0);
	if (server.pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		exec_echo(options);
	}
	close(ends[1]);
	for (size_t at = 0; at < sizeof line - 1 && !strchr(line, '\n'); at++)
		if (read(ends[0], line + at, 1) != 1)
			fail_msg("echo does not start%s: %s", options, line);
	close(ends[0]);
	colon = strstr(line, "127.0.0.1:");
	assert_non_null(colon);
	snprintf(server.address, sizeof server.address, "%.*s", (int)strcspn(colon, " "), colon);
	return server;
}

static void stop(const struct server *server)
{
	int status;

	kill(server->pid, SIGINT);
	assert_int_equal(waitpid(server->pid, &status, 0), server->pid);
	assert_int_equal(status, 0);
}

/* ---- one delivery of one case ------------------------------------------- */

struct trial {
	const struct exchange *e;
	enum delivery how;
	unsigned random;
	int fd; /* -1: none */
	char *octets;
	size_t len, at, piece; /* what is sent; `piece` octets are next */
	char *data;            /* what was received */
	size_t got, size;
	bool closed, reset;
	int64_t begin, moved; /* when it began, and when octets have moved last */
	int64_t sent;         /* when octets were sent last */
	bool paused;          /* it took longer than meant from some to the next */
	int again;            /* how often it was sent before */
};

static unsigned next_random(struct trial *t)
{
	t->random = t->random * 1103515245u + 12345u;
	return t->random >> 16 & 0x7fff;
}

static size_t next_piece(struct trial *t)
{
	const size_t left = t->len - t->at;

	if (t->how == OCTETS)
		return left > LONG_CASE ? left - LONG_CASE : left > 0;
	if (t->how == RANDOM && left > 1)
		return 1 + next_random(t) % (left < 0x7fff ? left : 0x7fff);
	return left;
}

static void begin(struct trial *t, const struct exchange *e, enum delivery how, const char *address)
{
	const size_t more = e->alone ? 0 : strlen(exchange_further);
	const int on = 1;

	*t = (struct trial){.e = e, .how = how, .random = (unsigned)e->sent.len + 1};
	t->fd = raw_connect(address);
	setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	fcntl(t->fd, F_SETFL, O_NONBLOCK);
	t->len = e->sent.len + more;
	t->octets = malloc(t->len + 1);
	assert_non_null(t->octets);
	if (e->sent.len)
		memcpy(t->octets, e->sent.octets, e->sent.len);
	memcpy(t->octets + e->sent.len, exchange_further, more);
	t->piece = next_piece(t);
	t->begin = t->moved = t->sent = test_now_ms();
	if (e->half && !t->len)
		shutdown(t->fd, SHUT_WR);
}

/* What cannot be sent any more is dropped: the answer may still be there to read. */
static void send_piece(struct trial *t)
{
	const ssize_t n = send(t->fd, t->octets + t->at, t->piece, 0);

	if (n < 0 && errno != EAGAIN)
		t->at = t->len;
	if (n > 0) {
		t->at += (size_t)n;
		t->piece -= (size_t)n;
		t->moved = test_now_ms();
		t->paused = t->paused || t->moved - t->sent > PAUSE_MS;
		t->sent = t->moved;
	}
	if (t->piece == 0)
		t->piece = next_piece(t);
	if (t->at == t->len && t->e->half)
		shutdown(t->fd, SHUT_WR);
}

static void receive(struct trial *t)
{
	ssize_t n;

	if (t->size - t->got < 65536) {
		t->size = 2 * t->size + 65536 + 1;
		t->data = realloc(t->data, t->size);
		assert_non_null(t->data);
	}
	n = recv(t->fd, t->data + t->got, 65536, 0);
	if (n > 0) {
		t->got += (size_t)n;
		t->moved = test_now_ms();
	}
	t->data[t->got] = '\0';
	t->closed = n == 0;
	t->reset = n < 0 && errno != EAGAIN;
}

/* All is sent, what is expected has come, and nothing more does. */
static bool is_quiet(const struct trial *t)
{
	return t->at == t->len && (t->got || !t->e->nreplies) &&
	       test_now_ms() - t->moved > QUIET_MS;
}

static bool is_over(const struct trial *t)
{
	return t->closed || t->reset || (t->e->fate == EXCHANGE_WAITS && is_quiet(t)) ||
	       test_now_ms() - t->begin > LIMIT_MS;
}

static const char *fault_of(const struct trial *t)
{
	const struct exchange_result result = {.data = t->data ? t->data : "",
	                                       .len = t->got,
	                                       .closed = t->closed,
	                                       .reset = t->reset,
	                                       .ms = test_now_ms() - t->begin};

	return exchange_fault(t->e, &result);
}

static void clear(struct trial *t)
{
	close(t->fd);
	free(t->octets);
	free(t->data);
	t->fd = -1;
}

/* Whether it is sent once more. */
static bool repeat(struct trial *t, const char *address)
{
	const int again = t->again + 1;

	if (!t->paused || again > MOST_AGAIN || !fault_of(t))
		return false;
	clear(t);
	begin(t, t->e, t->how, address);
	t->again = again;
	return true;
}

/* Whether it was good; says so if not. */
static bool end(struct trial *t)
{
	const char *fault = fault_of(t);

	if (fault)
		print_message("%s, %s: %s after %d ms\n%.400s\n", t->e->name,
		              delivery_names[t->how], fault, (int)(test_now_ms() - t->begin),
		              t->data ? t->data : "");
	clear(t);
	return !fault;
}

/* ---- all of them -------------------------------------------------------- */

static void turn(struct trial *trials, int n)
{
	struct pollfd looks[AT_ONCE];

	for (int i = 0; i < n; i++) {
		looks[i] = (struct pollfd){.fd = trials[i].fd, .events = POLLIN};
		if (trials[i].at < trials[i].len)
			looks[i].events |= POLLOUT;
	}
	assert_true(poll(looks, (nfds_t)n, 100) >= 0);
	for (int i = 0; i < n; i++) {
		if (looks[i].revents & (POLLIN | POLLERR | POLLHUP))
			receive(&trials[i]);
		if (looks[i].revents & POLLOUT && !is_over(&trials[i]))
			send_piece(&trials[i]);
	}
}

/* How many deliveries failed. */
static int run(const struct exchange *cases, int n, const char *address)
{
	static struct trial trials[AT_ONCE];
	int next = 0, active = 0, failed = 0;

	while (next < n * DELIVERIES || active) {
		while (active < AT_ONCE && next < n * DELIVERIES) {
			begin(&trials[active++], &cases[next / DELIVERIES],
			      (enum delivery)(next % DELIVERIES), address);
			next++;
		}
		turn(trials, active);
		for (int i = 0; i < active; i++) {
			if (!is_over(&trials[i]) || repeat(&trials[i], address))
				continue;
			failed += !end(&trials[i]);
			trials[i--] = trials[--active];
		}
	}
	return failed;
}

static void run_file(const char *name)
{
	const char *root = getenv("WEIR_SRCDIR");
	char path[512], options[200];
	const char *fault;
	struct exchange *cases;
	struct server server;
	int n, failed;

	snprintf(path, sizeof path, "%s/tests/fixtures/exchanges/%s.case", root ? root : ".", name);
	cases = exchange_read(path, &n, options, &fault);
	if (fault)
		fail_msg("%s, %s: %s", path, n ? cases[n - 1].name : "at its top", fault);
	assert_true(n >= FEWEST_CASES);
	server = start(options);
	failed = run(cases, n, server.address);
	stop(&server);
	exchange_free(cases, n);
	if (failed)
		fail_msg("%d deliveries of the %d cases of %s", failed, n, path);
}

/* ---- the tests ---------------------------------------------------------- */

#define FILE_TEST(function, name)                                                                  \
	static void function(void **state)                                                         \
	{                                                                                          \
		(void)state;                                                                       \
		run_file(name);                                                                    \
	}

FILE_TEST(request_line, "request-line")
FILE_TEST(methods, "methods")
FILE_TEST(targets, "targets")
FILE_TEST(fields, "fields")
FILE_TEST(host, "host")
FILE_TEST(framing, "framing")
FILE_TEST(smuggling, "smuggling")
FILE_TEST(chunked, "chunked")
FILE_TEST(trailers, "trailers")
FILE_TEST(expect, "expect")
FILE_TEST(connection, "connection")
FILE_TEST(pipelining, "pipelining")
FILE_TEST(half_close, "half-close")
FILE_TEST(limits, "limits")
FILE_TEST(lingering, "lingering")
FILE_TEST(times, "times")
FILE_TEST(bodies, "bodies")
FILE_TEST(carry, "carry")

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_line), cmocka_unit_test(methods),
		cmocka_unit_test(targets),      cmocka_unit_test(fields),
		cmocka_unit_test(host),         cmocka_unit_test(framing),
		cmocka_unit_test(smuggling),    cmocka_unit_test(chunked),
		cmocka_unit_test(trailers),     cmocka_unit_test(expect),
		cmocka_unit_test(connection),   cmocka_unit_test(pipelining),
		cmocka_unit_test(half_close),   cmocka_unit_test(limits),
		cmocka_unit_test(lingering),    cmocka_unit_test(times),
		cmocka_unit_test(bodies),       cmocka_unit_test(carry),
	};

	test_watchdog(100);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
