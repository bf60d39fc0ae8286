/*
 * The bed of the conformance tests: see conform.h.
 */
#include "tests/backend/conform.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000, MOMENT_MS = 12 };

static void *allocate(void *arg, void *ptr, size_t old_size, size_t new_size)
{
	struct bed *b = arg;

	(void)old_size;
	if (new_size == 0) {
		free(ptr);
		return NULL;
	}
	if (b->fail_at > 0 && --b->fail_at == 0) {
		b->failed++;
		return NULL;
	}
	return realloc(ptr, new_size);
}

void bed_init(struct bed *b, const char *label)
{
	*b = (struct bed){.mem = {.fn = allocate, .arg = b, .cap = SIZE_MAX}, .label = label};
	b->asked = calloc(NUMBERS_END, sizeof(*b->asked));
	assert_non_null(b->asked);
}

void bed_end(struct bed *b)
{
	weir__poller_close(b->p);
	b->p = NULL;
	for (int i = 0; i < b->n_owned; i++)
		(void)close(b->owned[i]);
	free(b->owned);
	free(b->asked);
	b->owned = NULL;
	b->asked = NULL;
	b->n_owned = 0;
	assert_int_equal(b->mem.used, 0);
}

int plain_setup(void **state)
{
	trace_begin(*state);
	return 0;
}

int bed_setup(void **state)
{
	struct bed *b = malloc(sizeof(*b));

	if (b == NULL)
		return -1;
	trace_begin(*state);
	bed_init(b, "");
	*state = b;
	return weir__poller_open(&b->p, &b->mem);
}

int bed_teardown(void **state)
{
	bed_end(*state);
	free(*state);
	return 0;
}

void skip_because(const char *why)
{
	trace_skipped(why);
	print_message("skipped: %s\n", why);
	skip();
}

void skip_if_strict(void)
{
	const char *strict = getenv("WEIR_STANDIN_STRICT");

	if (strict != NULL && strcmp(strict, "0") != 0)
		skip_because("the strict stand-in forbids a close without drop");
}

int bed_open(struct bed *b)
{
	int r = weir__poller_open(&b->p, &b->mem);

	trace("%sopen%s%s", b->label, r < 0 ? ": " : "", r < 0 ? trace_error(-r) : "");
	return r;
}

static void remember(struct bed *b, int fd, uint32_t tag, unsigned want)
{
	if (fd >= 0 && fd < NUMBERS_END)
		b->asked[fd] = (struct asked){tag, want & BOTH};
}

int try_add(struct bed *b, int fd, uint32_t tag, unsigned want)
{
	int r = weir__poller_set(b->p, fd, tag, 0, want);

	trace("%sadd %s %s%s, tag %lu%s%s", b->label, trace_name(fd), trace_mask(want),
	      want & WEIR__AMONG ? " among others" : "", (unsigned long)tag,
	      r == 0  ? ""
	      : r > 0 ? ": always ready"
	              : ": ",
	      r < 0 ? trace_error(-r) : "");
	if (r == 0)
		remember(b, fd, tag, want);
	return r;
}

void add(struct bed *b, int fd, uint32_t tag, unsigned want)
{
	assert_int_equal(try_add(b, fd, tag, want), 0);
}

void change(struct bed *b, int fd, uint32_t tag, unsigned old, unsigned now)
{
	trace("%schange %s from %s to %s", b->label, trace_name(fd), trace_mask(old),
	      trace_mask(now));
	assert_int_equal(weir__poller_set(b->p, fd, tag, old, now), 0);
	remember(b, fd, tag, now);
}

void drop(struct bed *b, int fd, unsigned old, bool shared)
{
	trace("%sdrop %s%s", b->label, trace_name(fd), shared ? ", which is shared" : "");
	/* To say so is always allowed; then no poller may rely on the close. */
	weir__poller_drop(b->p, fd, old, shared || getenv("WEIR_CONFORMANCE_SHARED") != NULL);
	remember(b, fd, 0, 0);
}

void drop_and_close(struct bed *b, int fd, unsigned old)
{
	drop(b, fd, old, false);
	shut(b, fd);
}

int start_over(struct bed *b)
{
	int r = weir__poller_fork(b->p);

	trace("%sstart over%s%s", b->label, r < 0 ? ": " : "", r < 0 ? trace_error(-r) : "");
	memset(b->asked, 0, NUMBERS_END * sizeof(*b->asked));
	return r;
}

/* ---- waiting ---- */

/* One event as the trace has it. */
struct seen {
	int place;
	unsigned ready;
	bool stale;
};

static int by_place(const void *a, const void *b)
{
	return ((const struct seen *)a)->place - ((const struct seen *)b)->place;
}

static bool joins(const struct seen *a, const struct seen *b)
{
	return b->place == a->place + 1 && b->ready == a->ready && b->stale == a->stale;
}

/* The lines about n events; neighbours that are alike are one. */
static void trace_seen(const struct bed *b, const char *how, struct seen *seen, int n)
{
	char text[400] = " nothing";
	size_t len = 0;

	qsort(seen, (size_t)n, sizeof(*seen), by_place);
	for (int i = 0, last; i < n && len < sizeof(text) - 64; i = last + 1) {
		for (last = i; last + 1 < n && joins(&seen[last], &seen[last + 1]);)
			last++;
		len += (size_t)snprintf(text + len, 16, "%s #%d", i > 0 ? "," : "", seen[i].place);
		if (last > i)
			len += (size_t)snprintf(text + len, 16, " to #%d", seen[last].place);
		len += (size_t)snprintf(text + len, 32, " %s%s", trace_mask(seen[i].ready),
		                        seen[i].stale ? " under a stale tag" : "");
	}
	trace("%s%s:%s", b->label, how, text);
}

static struct seen seen_of(const struct bed *b, const struct weir__event *ev)
{
	const struct asked *asked = &b->asked[ev->fd];

	return (struct seen){trace_place(ev->fd), ev->ready & WEIR__ERR ? asked->want : ev->ready,
	                     ev->tag != asked->tag};
}

static void check_events(const struct bed *b, const struct weir__event *ev, int n)
{
	for (int i = 0; i < n; i++) {
		assert_int_not_equal(b->asked[ev[i].fd].want, 0);
		assert_int_equal(ev[i].tag, b->asked[ev[i].fd].tag);
		(void)canonical(&ev[i], b->asked[ev[i].fd].want);
		assert_ptr_equal(event_of(ev, n, ev[i].fd), &ev[i]);
	}
}

int look(struct bed *b, struct weir__event *ev, int max, int timeout_ms)
{
	int n = weir__poller_wait(b->p, ev, max, timeout_ms);
	struct seen *seen = calloc((size_t)max, sizeof(*seen));

	assert_non_null(seen);
	for (int i = 0; i < n; i++) {
		assert_in_range(ev[i].fd, 0, NUMBERS_END - 1);
		seen[i] = seen_of(b, &ev[i]);
	}
	if (n < 0)
		trace("%swait: %s", b->label, trace_error(-n));
	else
		trace_seen(b, "wait", seen, n);
	free(seen);
	check_events(b, ev, n);
	return n;
}

unsigned canonical(const struct weir__event *ev, unsigned want)
{
	assert_int_equal(ev->ready & ~(want | WEIR__ERR), 0);
	assert_int_not_equal(ev->ready, 0);
	return ev->ready & WEIR__ERR ? want : ev->ready;
}

unsigned view(struct bed *b, int fd, uint32_t tag, unsigned want)
{
	struct weir__event ev[8];

	assert_int_equal(look(b, ev, 8, PATIENCE_MS), 1);
	assert_int_equal(ev[0].fd, fd);
	assert_int_equal(ev[0].tag, tag);
	return canonical(&ev[0], want);
}

void silence(struct bed *b)
{
	struct weir__event ev[8];
	const int64_t before = now_us();

	assert_int_equal(look(b, ev, 8, MOMENT_MS), 0);
	/* A poller that wakes for what nobody wants, and says nothing, spins. */
	assert_true(now_us() - before >= MOMENT_MS * 1000);
}

void await(struct bed *b, int fd, uint32_t tag, unsigned want)
{
	const int64_t until = now_us() + PATIENCE_MS * 1000;
	struct seen seen = {.place = trace_place(fd)};

	while ((seen.ready & want) != want && now_us() < until) {
		struct weir__event ev;
		if (weir__poller_wait(b->p, &ev, 1, PATIENCE_MS) != 1)
			break;
		assert_int_equal(ev.fd, fd);
		assert_int_equal(ev.tag, tag);
		seen.ready |= canonical(&ev, b->asked[fd].want);
	}
	trace_seen(b, "wait until all is there", &seen, 1);
	assert_int_equal(seen.ready, want);
}

const struct weir__event *event_of(const struct weir__event *ev, int n, int fd)
{
	const struct weir__event *found = NULL;

	for (int i = 0; i < n; i++) {
		if (ev[i].fd != fd)
			continue;
		assert_null(found);
		found = &ev[i];
	}
	return found;
}

void all_come(struct bed *b, const int *fd, int n, unsigned want, int max)
{
	struct weir__event *ev = calloc((size_t)max, sizeof(*ev));
	struct seen *seen = calloc((size_t)n, sizeof(*seen));
	char how[64];
	int missing = n;

	assert_non_null(ev);
	assert_non_null(seen);
	for (int i = 0; i < n; i++)
		seen[i].place = trace_place(fd[i]);
	/* Fair is who needs no more than a few rounds. */
	for (int waits = 4 * (n / max + 1); missing > 0 && waits > 0; waits--) {
		int got = weir__poller_wait(b->p, ev, max, PATIENCE_MS);
		assert_in_range(got, 1, max);
		for (int i = 0; i < got; i++) {
			assert_in_range(ev[i].tag, 0, n - 1);
			assert_int_equal(fd[ev[i].tag], ev[i].fd);
			missing -= seen[ev[i].tag].ready == 0;
			seen[ev[i].tag].ready |= canonical(&ev[i], want);
		}
	}
	(void)snprintf(how, sizeof(how), "wait, %d at a time, until all came", max);
	trace_seen(b, how, seen, n);
	free(ev);
	assert_int_equal(missing, 0);
	for (int i = 0; i < n; i++)
		assert_int_equal(seen[i].ready, want);
	free(seen);
}

int own(struct bed *b, int fd)
{
	assert_true(fd >= 0);
	int *more = realloc(b->owned, ((size_t)b->n_owned + 1) * sizeof(*more));
	assert_non_null(more);
	b->owned = more;
	b->owned[b->n_owned++] = fd;
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}

void shut(struct bed *b, int fd)
{
	for (int i = b->n_owned - 1; i >= 0; i--) {
		if (b->owned[i] != fd)
			continue;
		b->owned[i] = b->owned[--b->n_owned];
		trace("close %s", trace_name(fd));
		trace_forget(fd);
		assert_int_equal(close(fd), 0);
		return;
	}
	fail_msg("%d is not owned", fd);
}

int copy_of(struct bed *b, int fd)
{
	int copy = own(b, dup(fd));

	trace("two numbers for one: %s", trace_names(fd, copy));
	return copy;
}

void unix_pair(struct bed *b, int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	own(b, fd[0]);
	own(b, fd[1]);
	trace("connected over a unix socket: %s", trace_names(fd[0], fd[1]));
}

int pair_at(struct bed *b, int number, int *peer)
{
	int s[2];

	trace_pause();
	unix_pair(b, s);
	trace_resume();
	assert_true(s[0] == number || s[1] == number);
	*peer = s[0] == number ? s[1] : s[0];
	trace("the number of one that was closed, and its peer: %s", trace_names(number, *peer));
	return number;
}

void pipe_pair(struct bed *b, int fd[2])
{
	assert_int_equal(pipe(fd), 0);
	own(b, fd[0]);
	own(b, fd[1]);
	trace("a pipe, to read and to write: %s", trace_names(fd[0], fd[1]));
}

static struct sockaddr_in loopback(uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sin;
}

int tcp_socket(struct bed *b)
{
	return own(b, socket(AF_INET, SOCK_STREAM, 0));
}

int tcp_listener(struct bed *b, int backlog, uint16_t *port)
{
	struct sockaddr_in sin = loopback(0);
	socklen_t len = sizeof(sin);
	int fd = tcp_socket(b);

	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	*port = ntohs(sin.sin_port);
	return fd;
}

int tcp_connect(int fd, uint16_t port)
{
	struct sockaddr_in sin = loopback(port);

	trace("connect %s", trace_name(fd));
	return connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 ? 0 : errno;
}

int tcp_accept(struct bed *b, int listener)
{
	int fd = own(b, accept(listener, NULL, NULL));

	trace("a listener and who was accepted: %s", trace_names(listener, fd));
	return fd;
}

int socket_error(int fd)
{
	int error = -1;
	socklen_t len = sizeof(error);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	trace("the error of %s: %s", trace_name(fd), error == 0 ? "none" : trace_error(error));
	return error;
}

void tcp_pair(struct bed *b, int fd[2])
{
	uint16_t port;
	int listener = tcp_listener(b, 1, &port);

	trace_pause();
	fd[0] = own(b, socket(AF_INET, SOCK_STREAM, 0));
	(void)fcntl(fd[0], F_SETFL, fcntl(fd[0], F_GETFL) & ~O_NONBLOCK);
	assert_int_equal(tcp_connect(fd[0], port), 0);
	(void)fcntl(fd[0], F_SETFL, fcntl(fd[0], F_GETFL) | O_NONBLOCK);
	fd[1] = own(b, accept(listener, NULL, NULL));
	shut(b, listener);
	trace_resume();
	trace("connected over TCP: %s", trace_names(fd[0], fd[1]));
}

int renumber(struct bed *b, int fd, int number)
{
	int moved = own(b, fcntl(fd, F_DUPFD, number));

	trace("another number for one, and the old closed: %s", trace_names(fd, moved));
	trace_pause();
	shut(b, fd);
	trace_resume();
	return moved;
}

void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	/* Of a line without its end. */
	trace("write \"%.*s\" to %s", (int)strcspn(text, "\n"), text, trace_name(fd));
}

long get(int fd, size_t most)
{
	char buf[64];

	assert_in_range(most, 1, sizeof(buf));
	ssize_t n = read(fd, buf, most);
	const int error = n < 0 ? errno : 0;
	if (n > 0)
		trace("read from %s: %d", trace_name(fd), (int)n);
	else
		trace("read from %s: %s", trace_name(fd), n == 0 ? "the end" : trace_error(error));
	return n < 0 ? -error : n;
}

static long drain_quietly(int fd)
{
	char buf[4096];
	long sum = 0;

	for (;;) {
		ssize_t n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n <= 0)
			return sum;
		sum += n;
	}
}

long drain(int fd)
{
	long r = drain_quietly(fd);

	trace("read all of %s%s%s", trace_name(fd), r < 0 ? ": " : "",
	      r < 0 ? trace_error((int)-r) : "");
	return r;
}

static bool fill_once(int fd)
{
	static const char buf[65536];
	bool any = false;

	while (write(fd, buf, sizeof(buf)) > 0)
		any = true;
	while (write(fd, buf, 1) > 0)
		any = true;
	assert_int_equal(errno, EAGAIN);
	return any;
}

void fill(int fd)
{
	const struct timespec moment = {0, MOMENT_MS * 1000000L};

	/* TCP goes on moving octets to the other side for a while. */
	while (fill_once(fd))
		(void)nanosleep(&moment, NULL);
	trace("fill %s", trace_name(fd));
}

void half_close(int fd, int how)
{
	trace("shut %s for %s", trace_name(fd),
	      how == SHUT_RD   ? "reading"
	      : how == SHUT_WR ? "writing"
	                       : "both");
	assert_int_equal(shutdown(fd, how), 0);
}

void reset(struct bed *b, int fd)
{
	const struct linger at_once = {1, 0};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	trace("reset the connection at %s", trace_name(fd));
	shut(b, fd);
}

int64_t now_us(void)
{
	struct timespec ts;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void in_child(const char *what, int (*f)(void *arg), void *arg)
{
	int status = -1;

	trace("in a child: %s", what);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(f(arg));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

bool needs_no_descriptor(void)
{
	return strcmp(weir__poller_name(), "select") == 0;
}

int open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}
