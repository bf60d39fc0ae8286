/*
 * The bed of the conformance tests: see conform.h.
 */
#include "tests/backend/conform.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
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

void bed_init(struct bed *b)
{
	*b = (struct bed){.mem = {.fn = allocate, .arg = b, .cap = SIZE_MAX}};
}

void bed_end(struct bed *b)
{
	weir__poller_close(b->p);
	b->p = NULL;
	for (int i = 0; i < b->n_owned; i++)
		(void)close(b->owned[i]);
	free(b->owned);
	b->owned = NULL;
	b->n_owned = 0;
	assert_int_equal(b->mem.used, 0);
}

int bed_setup(void **state)
{
	struct bed *b = malloc(sizeof(*b));

	if (b == NULL)
		return -1;
	bed_init(b);
	*state = b;
	return weir__poller_open(&b->p, &b->mem);
}

int bed_teardown(void **state)
{
	bed_end(*state);
	free(*state);
	return 0;
}

void add(struct bed *b, int fd, uint32_t tag, unsigned want)
{
	assert_int_equal(weir__poller_set(b->p, fd, tag, 0, want), 0);
}

void change(struct bed *b, int fd, uint32_t tag, unsigned old, unsigned now)
{
	assert_int_equal(weir__poller_set(b->p, fd, tag, old, now), 0);
}

void drop_and_close(struct bed *b, int fd, unsigned old)
{
	weir__poller_drop(b->p, fd, old, false);
	shut(b, fd);
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

	assert_int_equal(weir__poller_wait(b->p, ev, 8, PATIENCE_MS), 1);
	assert_int_equal(ev[0].fd, fd);
	assert_int_equal(ev[0].tag, tag);
	return canonical(&ev[0], want);
}

void silence(struct bed *b)
{
	struct weir__event ev[8];

	assert_int_equal(weir__poller_wait(b->p, ev, 8, MOMENT_MS), 0);
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
	bool *came = calloc((size_t)n, sizeof(*came));
	int missing = n;

	assert_non_null(ev);
	assert_non_null(came);
	/* Fair is who needs no more than a few rounds. */
	for (int waits = 4 * (n / max + 1); missing > 0 && waits > 0; waits--) {
		int got = weir__poller_wait(b->p, ev, max, PATIENCE_MS);
		assert_in_range(got, 1, max);
		for (int i = 0; i < got; i++) {
			assert_in_range(ev[i].tag, 0, n - 1);
			assert_int_equal(fd[ev[i].tag], ev[i].fd);
			assert_int_equal(canonical(&ev[i], want), want);
			missing -= !came[ev[i].tag];
			came[ev[i].tag] = true;
		}
	}
	free(ev);
	free(came);
	assert_int_equal(missing, 0);
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
		assert_int_equal(close(fd), 0);
		return;
	}
	fail_msg("%d is not owned", fd);
}

void unix_pair(struct bed *b, int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	own(b, fd[0]);
	own(b, fd[1]);
}

void pipe_pair(struct bed *b, int fd[2])
{
	assert_int_equal(pipe(fd), 0);
	own(b, fd[0]);
	own(b, fd[1]);
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

	return connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 ? 0 : errno;
}

void tcp_pair(struct bed *b, int fd[2])
{
	uint16_t port;
	int listener = tcp_listener(b, 1, &port);

	fd[0] = own(b, socket(AF_INET, SOCK_STREAM, 0));
	(void)fcntl(fd[0], F_SETFL, fcntl(fd[0], F_GETFL) & ~O_NONBLOCK);
	assert_int_equal(tcp_connect(fd[0], port), 0);
	(void)fcntl(fd[0], F_SETFL, fcntl(fd[0], F_GETFL) | O_NONBLOCK);
	fd[1] = own(b, accept(listener, NULL, NULL));
	shut(b, listener);
}

int renumber(struct bed *b, int fd, int number)
{
	int moved = own(b, fcntl(fd, F_DUPFD, number));

	shut(b, fd);
	return moved;
}

void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

long drain(int fd)
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
}

void reset(struct bed *b, int fd)
{
	const struct linger at_once = {1, 0};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	shut(b, fd);
}

int64_t now_us(void)
{
	struct timespec ts;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void in_child(int (*f)(void *arg), void *arg)
{
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(f(arg));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

void skip_if_strict(void)
{
	const char *strict = getenv("WEIR_STANDIN_STRICT");

	if (strict == NULL || strcmp(strict, "1") != 0)
		return;
	print_message("skipped: the strict stand-in forbids a close without drop\n");
	skip();
}
