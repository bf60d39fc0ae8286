/*
 * The hidden loop: main for programs that have none. Program text, not library:
 * the one file that prints and exits. It is a member of the archive by itself
 * and is pulled in only when the program defines no main.
 */
#include <stdlib.h>
#include <string.h>

#include "core/addr.h"
#include "core/loop.h"

struct program {
	const char *name;
	weir_signal interrupt, terminate;
};

/* The pieces in one write, so that no other process's words come between them. Without stdio,
   which is larger than the loop. */
static void say(int fd, const char *const *pieces)
{
	struct weir__vec vec[WEIR__VEC_MAX];
	int n = 0;
	for (; pieces[n] && n < WEIR__VEC_MAX; n++)
		vec[n] = (struct weir__vec){(void *)(uintptr_t)pieces[n], strlen(pieces[n])};
	weir__sys_writev(fd, vec, n);
}

static int fail(const char *name, int64_t why)
{
	say(2, (const char *const[]){name, ": ", weir_strerror(why), "\n", NULL});
	return EXIT_FAILURE;
}

static void asked_to_end(weir_signal *watcher, int signo, void *arg)
{
	(void)signo;
	(void)arg;
	if (watcher->loop->draining)
		weir_loop_stop(watcher->loop);
	else
		weir_loop_drain(watcher->loop);
}

static void say_where(const weir_loop *loop, const char *name)
{
	char address[160], last[160] = "";
	struct weir__addr addr;
	for (const struct weir__socket *s = loop->sockets; s; s = s->next) {
		if (weir__sys_local(s->fd, &addr) < 0 ||
		    weir__addr_format(&addr, address, sizeof address) < 0 || !strcmp(address, last))
			continue;
		say(1, (const char *const[]){name, ": listening on ", address, " (", weir_backend(),
		                             ")\n", NULL});
		memcpy(last, address, sizeof last);
	}
}

static int watch_signals(weir_loop *loop, struct program *program)
{
	int result = weir_signal_start(loop, &program->interrupt,
	                               weir__sys_signal_number(WEIR__SIGNAL_INTERRUPT),
	                               asked_to_end, NULL);
	if (result == 0)
		result = weir_signal_start(loop, &program->terminate,
		                           weir__sys_signal_number(WEIR__SIGNAL_TERMINATE),
		                           asked_to_end, NULL);
	return result;
}

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	return slash ? slash + 1 : path ? path : "weir";
}

int main(int argc, char **argv)
{
	struct program program = {.name = base_name(argv[0])};
	weir_loop *loop;
	int result = weir_loop_new(&loop, NULL);
	if (result < 0)
		return fail(program.name, result);
	result = weir_setup(loop, argc, argv);
	if (result >= 0)
		result = watch_signals(loop, &program);
	if (result >= 0) {
		say_where(loop, program.name);
		result = weir_loop_run(loop);
	}
	weir_loop_free(loop);
	return result < 0 ? fail(program.name, result) : EXIT_SUCCESS;
}
