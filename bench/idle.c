/*
 * What does a connection cost that is only there? Opens N connections to a
 * server in a process of its own and reads from the kernel by how much that
 * process has grown, per connection: silent ones, ones that have sent half a
 * head, and ones that are idle after a request.
 *
 *     bench/idle [N]        (default 5000; Linux: reads /proc/PID/smaps_rollup)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir_http.h>

#define WHOLE "GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
#define HALF "GET / HTTP/1.1\r\nHost: bench\r\nUser-Agent: "

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void hello(weir_req *req, void *arg)
{
	(void)arg;
	weir_reply(req, 200, "text/plain", "Hello World\n", 12);
}

/* The server: tells its port through the pipe and serves until it is killed. */
static void serve(int port_pipe)
{
	weir_server_opts opts = {.request = hello, .head_ms = 600000, .max_conns = 1 << 20};
	weir_server *server;
	weir_listener *listener;
	weir_loop *loop;
	char address[64];
	if (weir_loop_new(&loop, NULL) < 0 || weir_server_new(&server, loop, &opts) < 0 ||
	    weir_server_listen(server, &listener, "127.0.0.1:0") < 0)
		die("serve");
	int n = weir_listener_address(listener, address, sizeof address);
	if (n < 0 || write(port_pipe, address, (size_t)n + 1) < 0)
		die("pipe");
	weir_loop_run(loop);
	_exit(0);
}

static long long private_octets(pid_t pid)
{
	char path[64], line[256];
	long long kib, sum = 0;
	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
	FILE *file = fopen(path, "r");
	if (!file)
		die(path);
	while (fgets(line, sizeof line, file))
		if (sscanf(line, "Private_Dirty: %lld", &kib) == 1 ||
		    sscanf(line, "Private_Clean: %lld", &kib) == 1)
			sum += kib * 1024;
	fclose(file);
	return sum;
}

static int dial(const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof *to) < 0)
		die("connect");
	return fd;
}

static void say(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
		die("send");
}

static void hear(int fd)
{
	char reply[1024];
	if (recv(fd, reply, sizeof reply, 0) <= 0)
		die("recv");
}

/* A connection that has come after all others is served after them. */
static void settle(const struct sockaddr_in *to)
{
	int fd = dial(to);
	say(fd, WHOLE);
	hear(fd);
	close(fd);
}

static pid_t start(struct sockaddr_in *to)
{
	int ends[2];
	char address[64] = "";
	if (pipe(ends) < 0)
		die("pipe");
	pid_t pid = fork();
	if (pid == 0)
		serve(ends[1]);
	if (pid < 0 || read(ends[0], address, sizeof address - 1) <= 0)
		die("fork");
	close(ends[0]);
	close(ends[1]);
	*to = (struct sockaddr_in){.sin_family = AF_INET,
	                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	to->sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
	return pid;
}

/* How many octets the server has grown by for each of n connections. */
static double measure(int n, const char *sent, int *fds)
{
	struct sockaddr_in to;
	pid_t pid = start(&to);
	settle(&to);
	long long before = private_octets(pid);
	for (int i = 0; i < n; i++) {
		fds[i] = dial(&to);
		if (sent)
			say(fds[i], sent);
		if (sent && !strcmp(sent, WHOLE))
			hear(fds[i]);
	}
	settle(&to);
	double each = (double)(private_octets(pid) - before) / n;
	for (int i = 0; i < n; i++)
		close(fds[i]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return each;
}

static void raise_limit(int n)
{
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < (rlim_t)n + 64) {
		fprintf(stderr, "idle: at most %lld descriptors here\n", (long long)limit.rlim_max);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 5000;
	int *fds = n > 0 ? calloc((size_t)n, sizeof *fds) : NULL;
	if (!fds) {
		fprintf(stderr, "usage: idle [CONNECTIONS]\n");
		return 2;
	}
	raise_limit(n);
	printf("octets of private memory per connection, %d connections (%s)\n", n, weir_backend());
	printf("silent            %8.1f\n", measure(n, NULL, fds));
	printf("half a head       %8.1f\n", measure(n, HALF, fds));
	printf("idle after one    %8.1f\n", measure(n, WHOLE, fds));
	free(fds);
	return 0;
}
