/* Starts servers to be measured, and ends them. */
#include "config.h"

#include "bench/subject.h"

#include "bench/dial.h"
#include "bench/meter.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weir_http.h>

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

static void fail(const char *what)
{
	fprintf(stderr, "the server: %s\n", what);
	exit(1);
}

/* ---- weir's own ---- */

static bool asks_for(const weir_req *req, const char *path)
{
	const weir_str target = weir_req_path(req);

	return target.len == strlen(path) && !memcmp(target.data, path, target.len);
}

static void answer(weir_req *req, void *arg)
{
	(void)arg;
	if (asks_for(req, "/wait"))
		return;
	if (!asks_for(req, "/events")) {
		weir_reply(req, 200, "text/plain", "Hello World\n", 12);
		return;
	}
	weir_reply_field(req, "Content-Type", "text/event-stream");
	if (weir_reply_begin(req, 200, WEIR_UNKNOWN) < 0)
		weir_reply_end(req);
}

/* Tells its address through the pipe, in a line as programs do, and serves until it is killed. */
static void serve(int out)
{
	const weir_server_opts opts = {
		.request = answer, .head_ms = 600000, .idle_ms = 600000, .max_conns = 1 << 20};
	weir_server *server;
	weir_listener *listener;
	weir_loop *loop;
	char address[64];

	if (weir_loop_new(&loop, NULL) < 0 || weir_server_new(&server, loop, &opts) < 0 ||
	    weir_server_listen(server, &listener, "127.0.0.1:0") < 0 ||
	    weir_listener_address(listener, address, sizeof address) < 0 ||
	    dprintf(out, "listening on %s\n", address) < 0)
		fail("weir's own does not start");
	close(out);
	weir_loop_run(loop);
	_exit(0);
}

/* ---- others ---- */

static void run(const char *command, int out)
{
	char *text = NULL;
	const size_t size = strlen(command) + 6;

	if (setpgid(0, 0) < 0 || dup2(out, STDOUT_FILENO) < 0 || !(text = malloc(size)))
		meter_die(command);
	snprintf(text, size, "exec %s", command);
	execl("/bin/sh", "sh", "-c", text, (char *)NULL);
	meter_die(command);
}

/* The first line that it says; the pipe stays open, or it would die of what it says later. */
static void hear_address(struct subject *subject, int in)
{
	char line[512] = "";
	size_t len = 0;

	while (len < sizeof line - 1 && read(in, &line[len], 1) == 1 && line[len] != '\n')
		len++;
	line[len] = '\0';

	char *address = strstr(line, "listening on ");

	if (address)
		address[strcspn(address + 13, " ,)") + 13] = '\0';
	if (!address || !dial_address(&subject->address, address + 13))
		fail("its first line does not say \"listening on ADDRESS\"; --address would");
}

static void start_process(struct subject *subject, const struct subject_opts *opts)
{
	int ends[2];

	if (pipe(ends) < 0)
		meter_die("pipe");
	fflush(stdout);
	subject->pid = fork();
	if (subject->pid < 0)
		meter_die("fork");
	if (subject->pid == 0) {
		close(ends[0]);
		if (opts->command)
			run(opts->command, ends[1]);
		serve(ends[1]);
	}
	close(ends[1]);
	subject->started = true;
	subject->group = opts->command;
	if (!opts->address)
		hear_address(subject, ends[0]);
}

/* At most 10 s. */
static void await(const struct subject *subject)
{
	for (int i = 0; i < 500; i++) {
		const int fd = dial_open(&subject->address, 0);

		if (fd >= 0) {
			dial_drop(fd);
			return;
		}
		nap();
	}
	subject_end(subject);
	fail("nobody listens there");
}

void subject_start(struct subject *subject, const struct subject_opts *opts)
{
	*subject = (struct subject){.pid = opts->pid};
	if (opts->address && !dial_address(&subject->address, opts->address)) {
		fprintf(stderr, "\"%s\" is no address as 127.0.0.1:80\n", opts->address);
		exit(2);
	}
	if (!opts->pid)
		start_process(subject, opts);
	await(subject);
}

/* One of several processes is asked first, since some leave theirs behind when they are killed. */
void subject_end(const struct subject *subject)
{
	if (!subject->started)
		return;
	if (subject->group) {
		kill(subject->pid, SIGTERM);
		for (int i = 0; i < 150; i++) {
			if (waitpid(subject->pid, NULL, WNOHANG) == subject->pid) {
				kill(-subject->pid, SIGKILL);
				return;
			}
			nap();
		}
		kill(-subject->pid, SIGKILL);
	}
	kill(subject->pid, SIGKILL);
	waitpid(subject->pid, NULL, 0);
}
