/*
 * client.c: see client.h.
 */
#include "config.h"

#include "tests/tools/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Linux has it since 4.2, its C libraries only for those who ask for more than POSIX. */
#if defined(__linux__) && !defined(IP_BIND_ADDRESS_NO_PORT)
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

#define CLASS_US 100
#define CLASSES (sizeof((struct latencies *)0)->class / sizeof(uint32_t))

static const char *program = "client";

void fail(const char *format, ...)
{
	va_list values;
	fflush(stdout);
	fprintf(stderr, "%s: ", program);
	va_start(values, format);
	vfprintf(stderr, format, values);
	va_end(values);
	fputc('\n', stderr);
	exit(1);
}

/* ---- arguments ---------------------------------------------------------- */

static void usage(const struct option *options)
{
	fprintf(stderr, "usage: %s ADDRESS", program);
	for (const struct option *o = options; o->name; o++)
		fprintf(stderr, " [--%s=%lld]", o->name, (long long)o->value);
	fputc('\n', stderr);
	exit(2);
}

static int read_number(const char *text, int64_t *value)
{
	char *end;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (errno || end == text || number < 0)
		return -1;
	int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
	if (end[shift != 0] != '\0' || number > INT64_MAX >> shift)
		return -1;
	*value = (int64_t)number << shift;
	return 0;
}

static int read_option(const char *text, struct option *options)
{
	size_t len = strcspn(text, "=");
	for (struct option *o = options; o->name; o++) {
		if (strlen(o->name) != len || strncmp(o->name, text, len) != 0)
			continue;
		return read_number(text[len] ? text + len + 1 : "1", &o->value);
	}
	return -1;
}

static int read_unix(const char *path, struct address *to)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof un.sun_path)
		return -1;
	memcpy(un.sun_path, path, strlen(path));
	memcpy(&to->storage, &un, sizeof un);
	to->size = sizeof un;
	return 0;
}

static int read_inet(const char *text, struct address *to)
{
	char host[64];
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	const char *colon = strrchr(text, ':');
	int64_t port;
	int bracketed = text[0] == '[' && colon && colon[-1] == ']';
	if (!colon || read_number(colon + 1, &port) < 0 || port < 1 || port > 65535)
		return -1;
	snprintf(host, sizeof host, "%.*s", (int)(colon - text) - 2 * bracketed, text + bracketed);
	v4.sin_port = v6.sin6_port = htons((uint16_t)port);
	if (bracketed && inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
		memcpy(&to->storage, &v6, sizeof v6);
		to->size = sizeof v6;
		return 0;
	}
	memcpy(&to->storage, &v4, sizeof v4);
	to->size = sizeof v4;
	return inet_pton(AF_INET, host, &((struct sockaddr_in *)&to->storage)->sin_addr) == 1 ? 0
	                                                                                      : -1;
}

static int read_address(const char *text, struct address *to)
{
	memset(to, 0, sizeof *to);
	return strncmp(text, "unix:", 5) == 0 ? read_unix(text + 5, to) : read_inet(text, to);
}

void read_arguments(int argc, char **argv, struct address *to, struct option *options)
{
	const char *slash = strrchr(argv[0], '/');
	program = slash ? slash + 1 : argv[0];
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2 || read_address(argv[1], to) < 0)
		usage(options);
	for (int i = 2; i < argc; i++)
		if (strncmp(argv[i], "--", 2) != 0 || read_option(argv[i] + 2, options) < 0)
			usage(options);
}

int64_t option(const struct option *options, const char *name)
{
	while (strcmp(options->name, name) != 0)
		options++;
	return options->value;
}

/* ---- the system --------------------------------------------------------- */

static int64_t in_us(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000000 + time->tv_nsec / 1000;
}

int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return in_us(&now);
}

static void bark(int signo)
{
	static const char message[] = "the client's time is up\n";
	(void)signo;
	if (write(2, message, sizeof message - 1) < 0)
		_exit(4);
	_exit(3);
}

void watchdog(unsigned seconds)
{
	signal(SIGALRM, bark);
	alarm(seconds);
}

void need_descriptors(int n)
{
	struct rlimit limit;
	rlim_t wanted = (rlim_t)n + 16;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		fail("getrlimit: %s", strerror(errno));
	if (limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		fail("%d descriptors: %s", n, strerror(errno));
}

int64_t all_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		fail("getrlimit: %s", strerror(errno));
	limit.rlim_cur = limit.rlim_max;
	/* Some systems say that there is no limit, and allow less all the same. */
	setrlimit(RLIMIT_NOFILE, &limit);
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		fail("getrlimit: %s", strerror(errno));
	return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur;
}

int dial(const struct address *to)
{
	int fd = try_dial(to, NULL);
	if (fd < 0)
		fail("connect: %s", strerror(-fd));
	return fd;
}

static const struct sockaddr *as_sockaddr(const struct address *address)
{
	return (const struct sockaddr *)&address->storage;
}

/*
 * The port is left to connect, where it can be: one that bind chooses is nobody else's until a
 * minute after its connection has gone, and there are not so many.
 */
static int bind_to(int fd, const struct address *from)
{
#ifdef IP_BIND_ADDRESS_NO_PORT
	int on = 1;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
#endif
	return bind(fd, as_sockaddr(from), from->size);
}

int try_dial(const struct address *to, const struct address *from)
{
	int on = 1;
	int fd = socket(to->storage.ss_family, SOCK_STREAM, 0);
	if (fd < 0)
		fail("socket: %s", strerror(errno));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (to->storage.ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if ((!from || bind_to(fd, from) == 0) &&
	    (connect(fd, as_sockaddr(to), to->size) == 0 || errno == EINPROGRESS))
		return fd;
	int error = errno;
	close(fd);
	return -error;
}

int socket_error(int fd)
{
	int error = 0;
	socklen_t size = sizeof error;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? errno : error;
}

int64_t send_some(int fd, const void *data, size_t len)
{
	ssize_t n = send(fd, data, len, 0);
	return n < 0 ? -errno : n;
}

int64_t receive_some(int fd, void *data, size_t size)
{
	ssize_t n = recv(fd, data, size, 0);
	return n < 0 ? -errno : n;
}

int64_t private_octets(pid_t pid)
{
	char path[64], line[256];
	long long kib;
	int64_t octets = -1;
	snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", (long)pid);
	FILE *file = fopen(path, "r");
	if (!file)
		return -1;
	while (fgets(line, sizeof line, file))
		if (sscanf(line, "Private_Dirty: %lld", &kib) == 1)
			octets = kib * 1024;
	fclose(file);
	return octets;
}

int64_t processor_us(pid_t pid)
{
#if defined _POSIX_CPUTIME && _POSIX_CPUTIME >= 0
	clockid_t clock;
	struct timespec used;
	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
		return -1;
	return in_us(&used);
#else
	(void)pid;
	return -1;
#endif
}

/* ---- replies ------------------------------------------------------------ */

static size_t head_length(const char *data, size_t len)
{
	for (size_t i = 3; i < len; i++)
		if (memcmp(data + i - 3, "\r\n\r\n", 4) == 0)
			return i + 1;
	return 0;
}

/* The value of a field line, or NULL when it is another field's. */
static const char *value_of(const char *line, const char *name)
{
	size_t len = strlen(name);
	return strncasecmp(line, name, len) == 0 ? line + len : NULL;
}

int read_reply(struct reply *reply, const char *data, size_t len)
{
	memset(reply, 0, sizeof *reply);
	reply->head = head_length(data, len);
	if (reply->head == 0)
		return 0;
	if (reply->head < 13 || memcmp(data, "HTTP/1.1 ", 9) != 0)
		return -1;
	reply->status = atoi(data + 9);
	for (const char *line = data; line < data + reply->head - 2;
	     line = strchr(line, '\n') + 1) {
		const char *value;
		if ((value = value_of(line, "Content-Length: ")))
			reply->body = (size_t)strtoull(value, NULL, 10);
		else if (value_of(line, "Transfer-Encoding: chunked\r"))
			reply->chunked = 1;
		else if (value_of(line, "Connection: close\r"))
			reply->close = 1;
	}
	return 1;
}

/* ---- latencies ---------------------------------------------------------- */

void note_latency(struct latencies *all, int64_t us)
{
	size_t class = (size_t)(us / CLASS_US);
	all->class[class < CLASSES ? class : CLASSES - 1]++;
	all->count++;
	if (us > all->max)
		all->max = us;
}

int64_t quantile(const struct latencies *all, unsigned thousandths)
{
	uint64_t below = 0;
	for (size_t i = 0; i < CLASSES; i++) {
		below += all->class[i];
		if (below * 1000 >= all->count * thousandths)
			return (int64_t)(i + 1) * CLASS_US;
	}
	return all->max;
}
