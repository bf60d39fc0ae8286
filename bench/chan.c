/*
 * How fast do messages and descriptors get from one process to another? Forks a process
 * at the other end of a channel and sends it messages of several sizes, as many as are
 * taken, then descriptors: each figure ends when the other side has said that all are
 * there. Then one message goes to and fro.
 *
 *     bench/chan [SECONDS]        (for each row, default 1)
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir.h>

#include "bench/meter.h"

enum { DATA, LAST, ECHO };

static double now(void)
{
	return (double)meter_now() / 1e9;
}

/* ---- the process that takes ---- */

static void take(weir_chan *chan, uint32_t type, const void *data, size_t len, int fd, void *arg)
{
	(void)arg;
	if (fd >= 0)
		close(fd);
	if (type != DATA && weir_chan_send(chan, type, data, len) < 0)
		meter_die("answer");
}

static void serve(int fd)
{
	static const weir_chan_ops ops = {.message = take};
	weir_loop *loop;
	weir_chan *chan;
	if (weir_loop_new(&loop, NULL) < 0 || weir_chan_open(loop, &chan, fd, NULL, &ops, NULL) < 0)
		meter_die("serve");
	weir_loop_run(loop);
	_exit(0);
}

/* ---- the one that sends ---- */

struct run {
	weir_chan *chan;
	size_t len;
	bool passes, echoes, done;
	double end;
	long long sent;
};

static char octets[1 << 16];

static int64_t send_one(struct run *run)
{
	if (!run->passes)
		return weir_chan_send(run->chan, DATA, octets, run->len);
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		meter_die("open");
	int64_t result = weir_chan_pass(run->chan, DATA, octets, run->len, fd);
	if (result < 0)
		close(fd);
	return result;
}

/* As many as are taken; the last one asks for an answer, and goes when it is time. */
static void send_all(struct run *run)
{
	int64_t result;
	while ((result = send_one(run)) >= 0 && (++run->sent % 64 || now() < run->end))
		continue;
	if (result >= 0 && weir_chan_send(run->chan, LAST, NULL, 0) >= 0)
		run->end = 0;
}

static void on_drain(weir_chan *chan, void *arg)
{
	struct run *run = arg;
	(void)chan;
	if (run->end > 0 && !run->echoes)
		send_all(run);
}

static void on_message(weir_chan *chan, uint32_t type, const void *data, size_t len, int fd,
                       void *arg)
{
	struct run *run = arg;
	(void)type;
	(void)fd;
	run->sent += run->echoes;
	run->done = !run->echoes || now() >= run->end;
	if (!run->done && weir_chan_send(chan, ECHO, data, len) < 0)
		meter_die("echo");
}

static void measure(weir_loop *loop, int fd, const char *name, double seconds, struct run *run)
{
	static const weir_chan_ops ops = {.message = on_message, .drain = on_drain};
	static weir_chan *chan;
	if (!chan && weir_chan_open(loop, &chan, fd, NULL, NULL, NULL) < 0)
		meter_die("open");
	run->chan = chan;
	weir_chan_on(chan, &ops, run);
	double begin = now();
	run->end = begin + seconds;
	if (run->echoes)
		weir_chan_send(chan, ECHO, octets, run->len);
	else
		send_all(run);
	while (!run->done && weir_loop_step(loop, -1) >= 0)
		continue;
	double each = (now() - begin) / (double)run->sent;
	printf("%-24s %7zu %12.0f %10.1f\n", name, run->len, 1 / each,
	       (double)run->len / each / (1 << 20));
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = {0, 16, 256, 4096, 65536};
	double seconds = argc > 1 ? atof(argv[1]) : 1;
	weir_loop *loop;
	int fd[2];
	if (seconds <= 0) {
		fprintf(stderr, "usage: chan [SECONDS]\n");
		return 2;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0)
		meter_die("socketpair");
	pid_t pid = fork();
	if (pid < 0)
		meter_die("fork");
	if (pid == 0) {
		close(fd[0]);
		serve(fd[1]);
	}
	close(fd[1]);
	if (weir_loop_new(&loop, NULL) < 0)
		meter_die("loop");
	printf("between two processes (%s)\n", weir_backend());
	printf("%-24s %7s %12s %10s\n", "", "octets", "a second", "MiB/s");
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		measure(loop, fd[0], "messages", seconds, &(struct run){.len = sizes[i]});
	measure(loop, fd[0], "with a descriptor", seconds,
	        &(struct run){.len = 16, .passes = true});
	measure(loop, fd[0], "to and fro", seconds, &(struct run){.len = 16, .echoes = true});
	weir_loop_free(loop);
	waitpid(pid, NULL, 0);
	return 0;
}
