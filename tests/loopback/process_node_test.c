/*
 * Do processes behave as those of Node's own tests of 2011 (v0.6)? Names in comments are
 * theirs. Where a Node process is the child, this program is (be_kid).
 *
 * Node's exit event waits for the streams to end; here that is `gone`, and `exit` comes
 * as soon as the process has ended. A Node program that cannot be run "exits" with 127;
 * here `gone` tells why. A limit of time or octets is a timer, or a look at what has
 * come, and weir_child_kill.
 *
 * Not here: test-setproctitle, disabled/test-process-title (weir does not rename a
 * program), disabled/test-setuidgid (nor change its user; its children's, below, and by
 * number: names are the C library's business), test-tty-stdout-end and test-tty-wrap
 * (a terminal is a stream like others, in adopt_test.c; closing it is the program's
 * affair). Elsewhere: test-stdin-child-proc (loop_test.c), test-signal-unregister
 * (signal_test.c), test-http-curl-chunk-problem (stream_node_test.c),
 * pummel/test-regress-GH-892 (memio/http_node_test.c).
 */
#include "tests/support/kid.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- this program as a child ---------------------------------------------- */

static const weir_stream_ops silent;

static weir_stream *adopt(weir_loop *loop, int fd, const weir_stream_ops *ops, void *arg)
{
	weir_stream *stream = NULL;

	return weir_adopt(loop, &stream, fd, NULL, ops, arg) == 0 ? stream : NULL;
}

static weir_stream *output;

static size_t copy(weir_stream *stream, const char *data, size_t len, void *arg)
{
	(void)stream;
	(void)arg;
	return weir_write(output, data, len) < 0 ? 0 : len;
}

static void copied(weir_stream *stream, void *arg)
{
	(void)arg;
	weir_finish(output);
	weir_finish(stream);
}

/* Greets, and copies its input. */
static int greet_and_copy(weir_loop *loop)
{
	static const weir_stream_ops ops = {.data = copy, .end = copied};

	output = adopt(loop, 1, &silent, NULL);
	(void)weir_write(output, "hello world\r\n", 13);
	return adopt(loop, 0, &ops, NULL) && weir_loop_run(loop) == 0 ? 0 : 1;
}

static int why_gone;

static void note_why(weir_stream *stream, int why, void *arg)
{
	(void)stream;
	weir_timer_stop(arg);
	why_gone = why;
}

static void write_more(weir_timer *timer, void *arg)
{
	(void)timer;
	(void)arg;
	if (weir_write(output, "Hello world\n", 12) < 0)
		why_gone = 1;
}

/* Until nobody reads it any more: not at the call, and not by a signal. */
static int write_for_ever(weir_loop *loop)
{
	static const weir_stream_ops ops = {.gone = note_why};
	static weir_timer timer;

	weir_timer_init(&timer, write_more, NULL);
	weir_timer_start(loop, &timer, 0, 1);
	output = adopt(loop, 1, &ops, &timer);
	return weir_loop_run(loop) == 0 && why_gone == -EPIPE ? 42 : 1;
}

static int write_a_mebibyte(weir_loop *loop)
{
	static char block[1 << 20];

	pattern_fill(block, sizeof block, 0);
	output = adopt(loop, 1, &silent, NULL);
	if (!output || weir_write(output, block, sizeof block) < 0)
		return 1;
	weir_finish(output);
	return weir_loop_run(loop);
}

static void hear_generation(weir_child *child, int code, int signo, void *arg)
{
	(void)child;
	(void)signo;
	*(int *)arg = code;
}

static size_t say_further(weir_stream *stream, const char *data, size_t len, void *arg)
{
	(void)stream;
	(void)arg;
	return (size_t)write(1, data, len);
}

/* Each starts the next, whose output is a pipe, and ends after it. */
static int be_generation(weir_loop *loop, int n)
{
	static const weir_child_ops ops = {.exit = hear_generation};
	static const weir_stream_ops from = {.data = say_further};
	char number[16];
	const char *argv[] = {kid_self(), "--kid", "generation", number, NULL};
	const weir_child_fd fds[3] = {[1] = {.kind = WEIR_FD_FROM, .ops = &from}};
	const weir_child_opts opts = {.argv = argv, .fds = fds, .nfds = 3};
	int code = -1;

	(void)dprintf(1, "%d", n);
	if (n == 0)
		return 0;
	(void)snprintf(number, sizeof number, "%d", n - 1);
	if (weir_spawn(loop, NULL, &opts, &ops, &code) != 0 || weir_loop_run(loop) != 0)
		return 1;
	return code;
}

/* What the messages of its parent ask it for. */
struct asked {
	struct mail mail;
	weir_loop *loop;
	weir_chan *chan;
	weir_listener *listener;
	int fds[2];
	int n;
};

static struct asked asked = {.mail = {.fd = -1}};

static void greet_and_echo(weir_stream *stream)
{
	static const weir_stream_ops ops = {.data = copy, .end = copied};

	output = stream;
	weir_stream_on(stream, &ops, NULL);
	(void)weir_write(stream, "hello", 5);
}

static void close_accepted(weir_stream *stream, void *arg)
{
	(void)arg;
	(void)weir_chan_send(asked.chan, 1, "closed", 6);
	weir_close(stream);
}

static void accept_as_well(int fd)
{
	static const weir_stream_ops ops = {.open = close_accepted};
	char address[16];

	(void)snprintf(address, sizeof address, "fd:%d", fd);
	if (weir_listen(asked.loop, &asked.listener, address, NULL, &ops, NULL) != 0)
		exit(90);
	(void)weir_chan_send(asked.chan, 1, "listening", 9);
}

/* One answer for each of the two, written through what came with it. */
static void answer_through(int fd)
{
	char text[64];
	const int n = snprintf(text, sizeof text, "%d %d\n", ++asked.n, (int)getpid());

	if (write(fd, text, (size_t)n) != n)
		exit(91);
	(void)close(fd);
}

static void spawn_plain(void)
{
	static const char *const argv[] = {"/bin/sh", "-c", "exit 0", NULL};
	static const weir_child_ops ops = {.exit = hear_generation};
	static int code = -1;
	const weir_child_opts opts = {.argv = argv};

	if (weir_spawn(asked.loop, NULL, &opts, &ops, &code) != 0)
		exit(92);
	/* Only that holds it now. */
	weir_chan_unref(asked.chan, true);
}

static void on_asked(struct mail *mail, char event)
{
	if (event != 'm')
		return;
	const int fd = mail->fd;
	mail->fd = -1;
	mail->text[0] = '\0';
	asked.chan = mail->chan;
	switch (mail->type) {
	case 1: /* end */
		weir_chan_finish(mail->chan);
		break;
	case 2:
		accept_as_well(fd);
		break;
	case 3:
		answer_through(fd);
		break;
	case 4: {
		weir_stream *stream = adopt(asked.loop, fd, &silent, NULL);
		greet_and_echo(stream);
		break;
	}
	case 5:
		spawn_plain();
		break;
	default:
		exit(93);
	}
	memset(mail->text, 0, sizeof mail->text);
}

static int do_what_is_asked(weir_loop *loop, int argc, char **argv)
{
	asked.loop = loop;
	asked.mail.then = on_asked;
	if (weir_chan_inherit(loop, &asked.chan, NULL, &mail_ops, &asked.mail) != 0)
		return 94;
	for (int i = 0; i < argc; i++)
		(void)weir_chan_send(asked.chan, 7, argv[i], strlen(argv[i]));
	return weir_loop_run(loop) == 0 ? 0 : 95;
}

static int be_kid(int argc, char **argv)
{
	weir_loop *loop;
	const char *what = argc > 0 ? argv[0] : "";

	if (weir_loop_new(&loop, NULL) != 0)
		return 97;
	if (strcmp(what, "copy") == 0)
		return greet_and_copy(loop);
	if (strcmp(what, "for-ever") == 0)
		return write_for_ever(loop);
	if (strcmp(what, "mebibyte") == 0)
		return write_a_mebibyte(loop);
	if (strcmp(what, "generation") == 0 && argc == 2)
		return be_generation(loop, atoi(argv[1]));
	if (strcmp(what, "asked") == 0)
		return do_what_is_asked(loop, argc - 1, argv + 1);
	return 98;
}

static void spawn_kid(struct kid *kid, const char *what, const char *letters)
{
	const char *argv[] = {kid_self(), "--kid", what, NULL};
	weir_child_opts opts = {.argv = argv};

	kid_fds(kid, &opts, letters);
	kid_spawn(kid, &opts);
}

static void wait_for_text(struct kid *kid, int fd, size_t len)
{
	while (kid->at[fd]->len < len)
		net_turn(kid->net);
}

/* ---- standard input and output -------------------------------------------- */

/* test-child-process-stdin */
static void what_cat_is_written_it_writes(void **state)
{
	static const char *const argv[] = {"cat", NULL};
	weir_child_opts opts = {.argv = argv};
	struct kid kid;
	kid_init(&kid, *state);

	kid_fds(&kid, &opts, "wrr");
	kid_spawn(&kid, &opts);
	side_write(kid.at[0], "hello");
	side_write(kid.at[0], " ");
	side_write(kid.at[0], "world");
	weir_finish(kid.at[0]->stream);
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, "hello world"));
	assert_int_equal(kid.at[0]->datas + kid.at[2]->datas, 0);
	assert_int_equal(kid.code, 0);
}

/* test-child-process-ipc */
static void a_conversation_goes_over_standard_input_and_output(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	spawn_kid(&kid, "copy", "wrr");
	wait_for_text(&kid, 1, 13);
	side_write(kid.at[0], "echo me\r\n");
	wait_for_text(&kid, 1, 13 + 9);
	weir_finish(kid.at[0]->stream);
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, "hello world\r\necho me\r\n"));
	assert_int_equal(kid.at[2]->len, 0);
	assert_int_equal(kid.code, 0);
}

static void note_length(struct kid *kid, char event)
{
	if (event == 'g')
		kid->arg = (void *)(uintptr_t)kid->at[1]->len;
}

/* test-child-process-buffering, test-regress-GH-1899 */
static void a_short_lived_childs_output_is_complete_when_it_is_gone(void **state)
{
	for (int i = 0; i < 20; i++) {
		struct kid kid;
		kid_init(&kid, *state);
		kid.then = note_length;
		kid_shell(&kid, "echo hello world", "-r-");
		kid_wait(&kid);
		assert_int_equal((uintptr_t)kid.arg, 12);
		assert_true(kid_said(&kid, 1, "hello world\n"));
		assert_int_equal(kid.code, 0);
	}
}

/* test-child-process-stdout-flush */
static void half_a_million_octets_are_complete_when_it_is_gone(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid.then = note_length;
	kid_shell(&kid, "head -c 500000 /dev/zero", "-rr");
	kid.at[1]->counts_only = true;
	kid_wait(&kid);
	assert_int_equal((uintptr_t)kid.arg, 500000);
	assert_int_equal(kid.at[2]->len, 0);
}

/* pummel/test-child-process-spawn-loop */
static void large_outputs_one_after_another_leave_no_descriptor(void **state)
{
	const int before = test_open_fds();

	for (int i = 0; i < 41; i++) {
		struct kid kid;
		kid_init(&kid, *state);
		kid.then = note_length;
		kid_shell(&kid, "head -c 1024000 /dev/zero; echo", "-r-");
		kid.at[1]->counts_only = true;
		kid_wait(&kid);
		assert_int_equal((uintptr_t)kid.arg, 1024001);
		assert_int_equal(test_open_fds(), before);
	}
}

static void pause_when_full(struct side *side, char event)
{
	struct side *to = side->arg;

	if (event == 'e')
		weir_finish(to->stream);
}

static size_t pipe_take(struct side *from, const char *data, size_t len)
{
	struct side *to = from->arg;

	assert_true(weir_write(to->stream, data, len) >= 0);
	if (weir_queued(to->stream) > 4096)
		weir_hold(from->stream, true);
	return len;
}

static void pipe_drain(struct side *to, char event)
{
	struct side *from = to->arg;

	if (event == 'r' && from->stream)
		weir_hold(from->stream, false);
}

static void join(struct kid *from, struct kid *to)
{
	from->at[1]->take = pipe_take;
	from->at[1]->then = pause_when_full;
	from->at[1]->arg = to->at[0];
	to->at[0]->then = pipe_drain;
	to->at[0]->arg = from->at[1];
}

/* test-child-process-double-pipe */
static void three_children_in_a_row_pass_on_text_and_its_end(void **state)
{
	struct kid echo, grep, sed;

	kid_init(&echo, *state);
	kid_init(&grep, *state);
	kid_init(&sed, *state);
	kid_shell(&grep, "exec grep o", "wri");
	kid_shell(&sed, "exec sed s/o/O/", "wri");
	kid_shell(&echo, "printf 'hello\\nnode\\nand\\nworld\\n'", "-ri");
	join(&echo, &grep);
	join(&grep, &sed);
	kid_wait(&echo);
	kid_wait(&grep);
	kid_wait(&sed);
	assert_true(kid_said(&sed, 1, "hellO\nnOde\nwOrld\n"));
	assert_int_equal(echo.code + grep.code + sed.code, 0);
}

/* test-child-process-customfd-bounded */
static void a_map_of_200_descriptors_is_bounded(void **state)
{
	static const char *const argv[] = {"/bin/echo", "foo", NULL};
	static weir_child_fd fds[200];
	struct net *net = *state;
	struct kid kid;

	kid_init(&kid, net);
	for (int i = 0; i < 200; i++)
		fds[i].kind = WEIR_FD_INHERIT;
	fds[1].kind = WEIR_FD_NULL;
	kid_spawn(&kid, &(weir_child_opts){.argv = argv, .fds = fds, .nfds = 200});
	kid_wait(&kid);
	assert_int_equal(kid.code, 0);
}

static int print_through_what_is_inherited(void *arg)
{
	static const char *const argv[] = {"/bin/sh", "-c", "head -c 100000 /dev/zero", NULL};
	struct net net = {.loop = NULL};
	struct kid kid;
	int fd[2];

	(void)arg;
	if (weir_loop_new(&net.loop, NULL) != 0 || pipe(fd) != 0 || dup2(fd[1], 1) != 1)
		return 2;
	(void)close(fd[1]);
	struct side *side = net_adopt(&net, fd[0], NULL);
	side->counts_only = true;
	kid_init(&kid, &net);
	if (kid_try(&kid, &(weir_child_opts){.argv = argv}) != 0)
		return 3;
	while (!kid.gones)
		if (weir_loop_step(net.loop, 1000) < 0)
			return 4;
	(void)close(1);
	while (!side->gones)
		if (weir_loop_step(net.loop, 1000) < 0)
			return 5;
	return kid.code != 0 || side->len != 100000;
}

/* test-child-process-set-blocking */
static void what_a_child_inherits_does_not_refuse_to_wait(void **state)
{
	(void)state;
	assert_int_equal(test_in_child(print_through_what_is_inherited, NULL), 0);
}

/* test-regress-GH-1726 */
static void five_generations_end_one_after_another(void **state)
{
	const char *argv[] = {kid_self(), "--kid", "generation", "4", NULL};
	weir_child_opts opts = {.argv = argv};
	struct kid kid;
	kid_init(&kid, *state);

	kid_fds(&kid, &opts, "iri");
	kid_spawn(&kid, &opts);
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, "43210"));
	assert_int_equal(kid.code, 0);
}

/* test-pipe-head */
static void a_reader_that_has_had_enough_ends_the_row_well(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid_shell(&kid, "(for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; done) | head -n 2", "-rr");
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, "1\n2\n"));
	assert_int_equal(kid.at[2]->len, 0);
	assert_int_equal(kid.code, 0);
}

/* test-stdout-close-catch */
static void writing_to_nobody_is_told_and_no_signal(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	spawn_kid(&kid, "for-ever", "-ri");
	wait_for_text(&kid, 1, 12);
	side_close(kid.at[1]);
	kid_wait(&kid);
	assert_int_equal(kid.signo, 0);
	assert_int_equal(kid.code, 42);
}

static int open_file(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s/%s", test_dir(), name);
	const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	return fd;
}

/* test-stdout-to-file: twice. */
static void a_mebibyte_is_written_into_a_file_before_the_end(void **state)
{
	static char block[(1 << 20) + 1];
	const char *argv[] = {kid_self(), "--kid", "mebibyte", NULL};

	for (int i = 0; i < 2; i++) {
		weir_child_opts opts = {.argv = argv};
		struct kid kid;
		kid_init(&kid, *state);
		const int fd = open_file("mebibyte");
		kid_fds(&kid, &opts, "--i");
		kid.fds[1] = (weir_child_fd){.kind = WEIR_FD_GIVEN, .fd = fd};
		kid_spawn(&kid, &opts);
		kid_wait(&kid);
		assert_int_equal(kid.code, 0);
		assert_int_equal(pread(fd, block, sizeof block, 0), 1 << 20);
		assert_true(pattern_is(block, 1 << 20, 0));
		assert_int_equal(close(fd), 0);
	}
}

/* test-stdin-from-file */
static void input_from_a_file_is_read_fully(void **state)
{
	const char *argv[] = {kid_self(), "--kid", "copy", NULL};
	char text[867];
	weir_child_opts opts = {.argv = argv};
	struct kid kid;
	kid_init(&kid, *state);

	const int fd = open_file("input");
	pattern_fill(text, sizeof text, 0);
	assert_int_equal(write(fd, text, sizeof text), sizeof text);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	kid_fds(&kid, &opts, "-rr");
	kid.fds[0] = (weir_child_fd){.kind = WEIR_FD_GIVEN, .fd = fd};
	kid_spawn(&kid, &opts);
	kid_wait(&kid);
	assert_int_equal(kid.at[1]->len, 13 + 867);
	assert_memory_equal(kid.at[1]->got, "hello world\r\n", 13);
	assert_true(pattern_is(kid.at[1]->got + 13, 867, 0));
	assert_int_equal(kid.at[2]->len, 0);
	assert_int_equal(kid.code, 0);
	assert_int_equal(close(fd), 0);
}

static void read_on_at_exit(struct kid *kid, char event)
{
	if (event != 'x')
		return;
	assert_int_equal(kid->code, 0);
	assert_int_equal(kid->signo, 0);
	assert_int_equal(kid->at[1]->datas, 0);
	weir_hold(kid->at[1]->stream, false);
}

/* test-process-wrap */
static void a_pipe_may_be_read_after_the_exit(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid.then = read_on_at_exit;
	kid_shell(&kid, "echo late", "-r-");
	weir_hold(kid.at[1]->stream, true);
	kid_wait(&kid);
	assert_string_equal(kid.log, "xg");
	assert_string_equal(kid.at[1]->log, "odeg");
	assert_true(kid_said(&kid, 1, "late\n"));
}

/* disabled/test-child-process-custom-fds */
static void a_file_may_be_its_output_or_input(void **state)
{
	weir_child_opts opts;
	struct kid to, from;
	char text[32] = "";

	const int fd = open_file("custom");
	kid_init(&to, *state);
	opts = (weir_child_opts){.argv = (const char *[]){"/bin/echo", "hello world", NULL}};
	kid_fds(&to, &opts, "--i");
	to.fds[1] = (weir_child_fd){.kind = WEIR_FD_GIVEN, .fd = fd};
	kid_spawn(&to, &opts);
	kid_wait(&to);
	assert_int_equal(pread(fd, text, sizeof text, 0), 12);
	assert_string_equal(text, "hello world\n");

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	kid_init(&from, *state);
	opts = (weir_child_opts){.argv = (const char *[]){"cat", NULL}};
	kid_fds(&from, &opts, "-ri");
	from.fds[0] = (weir_child_fd){.kind = WEIR_FD_GIVEN, .fd = fd};
	kid_spawn(&from, &opts);
	kid_wait(&from);
	assert_true(kid_said(&from, 1, "hello world\n"));
	assert_int_equal(close(fd), 0);
}

/* ---- how it ends ---------------------------------------------------------- */

/* test-child-process-exit-code */
static void a_status_is_told_and_an_error_of_its_own_is_one(void **state)
{
	struct kid kid;

	kid_init(&kid, *state);
	kid_shell(&kid, "exit 23", "---");
	kid_wait(&kid);
	assert_int_equal(kid.code, 23);
	assert_int_equal(kid.signo, 0);
	kid_init(&kid, *state);
	kid_shell(&kid, "syntax (error", "---");
	kid_wait(&kid);
	assert_true(kid.code > 0);
	assert_int_equal(kid.signo, 0);
}

/* test-child-process-kill */
static void a_kill_right_after_the_start_is_the_end(void **state)
{
	static const char *const argv[] = {"cat", NULL};
	weir_child_opts opts = {.argv = argv};
	struct kid kid;
	kid_init(&kid, *state);

	kid_fds(&kid, &opts, "wrr");
	kid_spawn(&kid, &opts);
	assert_int_equal(weir_child_kill(kid.child, SIGTERM), 0);
	kid_wait(&kid);
	assert_int_equal(kid.code, -1);
	assert_int_equal(kid.signo, SIGTERM);
	for (int i = 1; i < 3; i++) {
		assert_int_equal(kid.at[i]->ends, 1);
		assert_int_equal(kid.at[i]->datas, 0);
	}
}

/* test-process-kill-null */
static void signal_0_only_asks(void **state)
{
	static const char *const argv[] = {"cat", NULL};
	weir_child_opts opts = {.argv = argv};
	struct kid kid;
	kid_init(&kid, *state);

	kid_fds(&kid, &opts, "wr-");
	kid_spawn(&kid, &opts);
	assert_int_equal(weir_child_kill(kid.child, 0), 0);
	side_write(kid.at[0], "test");
	wait_for_text(&kid, 1, 4);
	assert_int_equal(weir_child_kill(kid.child, SIGKILL), 0);
	kid_wait(&kid);
	assert_int_equal(kid.signo, SIGKILL);
}

static void interrupt_at_output(struct side *side, char event)
{
	struct kid *kid = side->arg;

	if (event != 'd' || kid->arg)
		return;
	kid->arg = kid;
	assert_int_equal(weir_child_kill(kid->child, SIGINT), 0);
}

/* test-sigint-infinite-loop */
static void a_busy_child_dies_of_an_interrupt(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid_shell(&kid, "while :; do echo running; done", "-r-");
	kid.at[1]->then = interrupt_at_output;
	kid.at[1]->arg = &kid;
	kid.at[1]->counts_only = true;
	kid_wait(&kid);
	assert_int_not_equal(kid.code, 0);
}

static void kill_in_time(weir_timer *timer, void *arg)
{
	struct kid *kid = arg;

	(void)timer;
	assert_int_equal(weir_child_kill(kid->child, SIGTERM), 0);
}

/* pummel/test-exec: a limit of time, and a kill by hand that comes before it. */
static void a_command_that_takes_too_long_is_killed_once(void **state)
{
	struct net *net = *state;

	for (int by_hand = 0; by_hand < 2; by_hand++) {
		weir_timer timer;
		struct kid kid;
		kid_init(&kid, net);
		const int64_t began = test_now_ms();
		kid_shell(&kid, "exec sleep 3", "-r-");
		assert_true(weir_child_pid(kid.child) > 0);
		weir_timer_init(&timer, kill_in_time, &kid);
		weir_timer_start(net->loop, &timer, by_hand ? 1000 : 50, 0);
		if (by_hand)
			assert_int_equal(kill((pid_t)weir_child_pid(kid.child), SIGTERM), 0);
		kid_wait(&kid);
		weir_timer_stop(&timer);
		assert_true(test_now_ms() - began < (by_hand ? 1500 : 1000));
		assert_string_equal(kid.log, "xg");
		assert_int_equal(kid.signo, SIGTERM);
	}
}

/* pummel/test-exec: success and failure. */
static void commands_succeed_or_fail(void **state)
{
	struct kid kid;

	kid_init(&kid, *state);
	kid_shell(&kid, "echo fine", "-rr");
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, "fine\n"));
	assert_int_equal(kid.code, 0);
	kid_init(&kid, *state);
	kid_shell(&kid, "ls /DOES_NOT_EXIST", "-rr");
	kid_wait(&kid);
	assert_int_equal(kid.at[1]->len, 0);
	assert_true(kid.at[2]->len > 0);
	assert_true(kid.code > 0);
	assert_int_equal(kid.signo, 0);
}

static size_t take_up_to(struct side *side, const char *data, size_t len)
{
	struct kid *kid = side->arg;

	(void)data;
	if (side->len + len > (size_t)side->n && kid->child)
		(void)weir_child_kill(kid->child, SIGTERM);
	return len;
}

/* pummel/test-exec, test-exec-max-buffer: output beyond a limit of the program's own. */
static void a_command_that_says_too_much_is_ended(void **state)
{
	static const int limits[] = {1000, 5};
	static const char *const commands[] = {"while :; do echo and on; done",
	                                       "echo hello world; exec sleep 100"};

	for (int i = 0; i < 2; i++) {
		struct kid kid;
		kid_init(&kid, *state);
		kid_shell(&kid, commands[i], "-r-");
		kid.at[1]->take = take_up_to;
		kid.at[1]->n = limits[i];
		kid.at[1]->arg = &kid;
		kid_wait(&kid);
		assert_true(kid.at[1]->len > (size_t)limits[i]);
		assert_string_equal(kid.log, "xg");
		assert_int_equal(kid.signo, SIGTERM);
	}
}

/* ---- what it gets --------------------------------------------------------- */

static void expect_folder(struct net *net, const char *cwd, const char *expected)
{
	const char *argv[] = {"/bin/pwd", NULL};
	weir_child_opts opts = {.argv = argv, .cwd = cwd};
	struct kid kid;
	kid_init(&kid, net);

	kid_fds(&kid, &opts, "-ri");
	kid_spawn(&kid, &opts);
	kid_wait(&kid);
	assert_int_equal(kid.code, 0);
	assert_true(kid_said(&kid, 1, expected));
}

/* test-child-process-cwd */
static void its_folder_is_the_one_given_or_ours(void **state)
{
	char here[4096];
	struct kid kid;
	weir_child_opts opts = {.argv = (const char *[]){"/bin/pwd", NULL},
	                        .cwd = "does-not-exist"};

	assert_non_null(getcwd(here, sizeof here - 1));
	(void)strcat(here, "\n");
	expect_folder(*state, "/dev", "/dev\n");
	expect_folder(*state, "/", "/\n");
	expect_folder(*state, "", here);
	expect_folder(*state, NULL, here);
	kid_init(&kid, *state);
	kid_fds(&kid, &opts, "-rr");
	kid_spawn(&kid, &opts);
	kid_wait(&kid);
	assert_string_equal(kid.log, "g");
	assert_int_equal(kid.why, -ENOENT);
}

/* test-child-process-env */
static void its_environment_is_the_one_given(void **state)
{
	static const char *const env[] = {"HELLO=WORLD", "FOO=BAR", NULL};
	const char *argv[] = {"/usr/bin/env", NULL};
	weir_child_opts opts = {.argv = argv, .env = env};
	struct kid kid;
	kid_init(&kid, *state);

	kid_fds(&kid, &opts, "-ri");
	kid_spawn(&kid, &opts);
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, "HELLO=WORLD\nFOO=BAR\n"));
}

/* test-child-process-exec-cwd, test-child-process-exec-env */
static void a_shells_command_has_folder_and_environment(void **state)
{
	static const char *const env[] = {"HELLO=WORLD", NULL};
	const char *argv[] = {"/bin/sh", "-c", "pwd; echo $HELLO", NULL};
	weir_child_opts opts = {.argv = argv, .env = env, .cwd = "/dev"};
	struct kid kid;
	kid_init(&kid, *state);

	kid_fds(&kid, &opts, "-rr");
	kid_spawn(&kid, &opts);
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, "/dev\nWORLD\n"));
	assert_int_equal(kid.at[2]->len, 0);
	assert_string_equal(kid.log, "xg");
}

/* test-process-env */
static void what_is_changed_in_our_environment_is_so_in_the_next_childs(void **state)
{
	struct kid kid;

	assert_int_equal(setenv("NODE_PROCESS_ENV", "42", 1), 0);
	assert_int_equal(setenv("NODE_PROCESS_ENV_DELETED", "x", 1), 0);
	assert_int_equal(unsetenv("NODE_PROCESS_ENV_DELETED"), 0);
	kid_init(&kid, *state);
	kid_shell(&kid, "echo $NODE_PROCESS_ENV ${NODE_PROCESS_ENV_DELETED-gone}", "-ri");
	kid_wait(&kid);
	assert_int_equal(unsetenv("NODE_PROCESS_ENV"), 0);
	assert_true(kid_said(&kid, 1, "42 gone\n"));
	assert_int_equal(kid.code, 0);
}

/* disabled/test-child-process-uid-gid: by number. */
static void it_runs_as_another_user(void **state)
{
	const char *argv[] = {"/bin/sh", "-c", "echo `id -u` `id -g` `id -G`", NULL};
	weir_child_opts opts = {.argv = argv, .uid = 4711, .gid = 4712};
	struct kid kid;
	kid_init(&kid, *state);

	if (geteuid() != 0) {
		print_message("only root may change the user\n");
		skip();
	}
	kid_fds(&kid, &opts, "-ri");
	kid_spawn(&kid, &opts);
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, "4711 4712 4712\n"));
}

/* ---- channels ------------------------------------------------------------- */

static weir_chan *spawn_asked(struct kid *kid, const char *first, const char *second)
{
	const char *argv[] = {kid_self(), "--kid", "asked", first, second, NULL};
	weir_child_opts opts = {.argv = argv};

	kid_fds(kid, &opts, "-ii");
	kid_chan(kid, &opts);
	kid_spawn(kid, &opts);
	return weir_child_chan(kid->child);
}

static void await_mail(struct kid *kid, int n)
{
	while (kid->mail.n < n)
		net_turn(kid->net);
}

/* test-child-process-fork */
static void messages_go_to_a_child_and_back(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	weir_chan *chan = spawn_asked(&kid, "one", "two");
	await_mail(&kid, 2);
	/* Its arguments are what they were. */
	assert_true(mail_has(&kid.mail, "onetwo"));
	assert_int_equal(weir_chan_send(chan, 1, NULL, 5), WEIR_EINVALID);
	assert_true(weir_chan_send(chan, 1, NULL, 0) >= 0);
	kid_wait(&kid);
	assert_int_equal(kid.code, 0);
}

static int listen_somewhere(char *address, size_t size)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(name.sun_path, sizeof name.sun_path, "%s/shared", test_dir());
	(void)snprintf(address, size, "unix:%s", name.sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
	assert_int_equal(listen(fd, 9), 0);
	return fd;
}

static void close_accepted_here(struct side *side, char event)
{
	if (event == 'o')
		side_close(side);
}

/* test-child-process-fork2 */
static void a_listening_socket_is_shared_with_a_child(void **state)
{
	struct net *net = *state;
	char address[160], number[16];
	int clients = 0;
	struct kid kid;

	kid_init(&kid, net);
	const int fd = listen_somewhere(address, sizeof address);
	(void)snprintf(number, sizeof number, "fd:%d", fd);
	weir_chan *chan = spawn_asked(&kid, NULL, NULL);
	assert_true(weir_chan_pass(chan, 2, NULL, 0, dup(fd)) >= 0);
	await_mail(&kid, 1);
	struct host *host = net_listen(net, number, NULL);
	host->model.then = close_accepted_here;
	/* Ten, and as many more as it takes until both have had some. */
	while (clients < 10 || kid.mail.n < 3 || host->n < 1) {
		struct side *side = net_connect(net, address, NULL);
		while (!side->gones)
			net_turn(net);
		clients++;
	}
	assert_int_equal(weir_child_kill(kid.child, SIGTERM), 0);
	kid_wait(&kid);
	assert_int_equal(kid.signo, SIGTERM);
	/* Each was closed by one of them. */
	assert_int_equal(host->n + kid.mail.n - 1, clients);
}

static int spawn_without_stdin(void *arg)
{
	struct net net = {.loop = NULL};
	struct kid kid;
	const char *argv[] = {"/bin/sh", "-c", "cat; exit 6", NULL};
	weir_child_opts opts = {.argv = argv};

	(void)arg;
	if (weir_loop_new(&net.loop, NULL) != 0)
		return 2;
	(void)close(0);
	kid_init(&kid, &net);
	kid_fds(&kid, &opts, "iri");
	kid_chan(&kid, &opts);
	if (kid_try(&kid, &opts) != 0 || weir_loop_run(net.loop) != 0 || kid.code != 6)
		return 3;
	kid_init(&kid, &net);
	kid_fds(&kid, &opts, "wri");
	if (kid_try(&kid, &opts) != 0)
		return 4;
	if (weir_write(kid.at[0]->stream, "hello", 5) < 0)
		return 5;
	weir_finish(kid.at[0]->stream);
	return weir_loop_run(net.loop) != 0 || kid.code != 6 || !kid_said(&kid, 1, "hello");
}

/* test-child-process-fork3 */
static void a_program_without_input_starts_children(void **state)
{
	(void)state;
	assert_int_equal(test_in_child(spawn_without_stdin, NULL), 0);
}

/* test-child-process-fork-and-spawn */
static void a_grandchild_does_not_take_the_channel(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	weir_chan *chan = spawn_asked(&kid, NULL, NULL);
	assert_true(weir_chan_send(chan, 5, NULL, 0) >= 0);
	kid_wait(&kid);
	assert_string_equal(kid.log, "xg");
	assert_int_equal(kid.code, 0);
	assert_int_equal(kid.mail.gones, 1);
}

/* disabled/test-sendfd */
static void a_pipe_is_passed_twice_and_answered_through(void **state)
{
	struct net *net = *state;
	char expected[64];
	int fd[2];
	struct kid kid;

	kid_init(&kid, net);
	weir_chan *chan = spawn_asked(&kid, NULL, NULL);
	assert_int_equal(pipe(fd), 0);
	struct side *answers = net_adopt(net, fd[0], NULL);
	assert_true(weir_chan_pass(chan, 3, NULL, 0, dup(fd[1])) >= 0);
	assert_true(weir_chan_pass(chan, 3, NULL, 0, fd[1]) >= 0);
	(void)snprintf(expected, sizeof expected, "1 %d\n2 %d\n", (int)weir_child_pid(kid.child),
	               (int)weir_child_pid(kid.child));
	/* Its end comes when both sides have closed what they had. */
	while (!answers->gones)
		net_turn(net);
	assert_true(side_has(answers, expected));
	weir_chan_send(chan, 1, NULL, 0);
	kid_wait(&kid);
	assert_int_equal(kid.code, 0);
}

/* disabled/test-net-fd-passing */
static void a_connection_is_handed_to_another_process(void **state)
{
	struct net *net = *state;
	char text[32] = "";
	struct kid kid;

	kid_init(&kid, net);
	weir_chan *chan = spawn_asked(&kid, NULL, NULL);
	struct host *host = net_listen(net, NULL, NULL);
	const int client = raw_connect(host->address);
	struct side *accepted = host_wait(host, 1);
	assert_true(weir_chan_pass(chan, 4, NULL, 0, dup(weir_stream_fd(accepted->stream))) >= 0);
	side_close(accepted);
	raw_write(client, "echo", 4);
	for (size_t n = 0; n < 9;) {
		const ssize_t got = recv(client, text + n, sizeof text - n, MSG_DONTWAIT);
		n += got > 0 ? (size_t)got : 0;
		net_turn(net);
	}
	assert_string_equal(text, "helloecho");
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	assert_int_equal(recv(client, text, 1, 0), 0);
	assert_int_equal(close(client), 0);
	weir_chan_send(chan, 1, NULL, 0);
	kid_wait(&kid);
	assert_int_equal(kid.code, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(what_cat_is_written_it_writes),
		NET_TEST(a_conversation_goes_over_standard_input_and_output),
		NET_TEST(a_short_lived_childs_output_is_complete_when_it_is_gone),
		NET_TEST(half_a_million_octets_are_complete_when_it_is_gone),
		NET_TEST(large_outputs_one_after_another_leave_no_descriptor),
		NET_TEST(three_children_in_a_row_pass_on_text_and_its_end),
		NET_TEST(a_map_of_200_descriptors_is_bounded),
		NET_TEST(what_a_child_inherits_does_not_refuse_to_wait),
		NET_TEST(five_generations_end_one_after_another),
		NET_TEST(a_reader_that_has_had_enough_ends_the_row_well),
		NET_TEST(writing_to_nobody_is_told_and_no_signal),
		NET_TEST(a_mebibyte_is_written_into_a_file_before_the_end),
		NET_TEST(input_from_a_file_is_read_fully),
		NET_TEST(a_pipe_may_be_read_after_the_exit),
		NET_TEST(a_file_may_be_its_output_or_input),
		NET_TEST(a_status_is_told_and_an_error_of_its_own_is_one),
		NET_TEST(a_kill_right_after_the_start_is_the_end),
		NET_TEST(signal_0_only_asks),
		NET_TEST(a_busy_child_dies_of_an_interrupt),
		NET_TEST(a_command_that_takes_too_long_is_killed_once),
		NET_TEST(commands_succeed_or_fail),
		NET_TEST(a_command_that_says_too_much_is_ended),
		NET_TEST(its_folder_is_the_one_given_or_ours),
		NET_TEST(its_environment_is_the_one_given),
		NET_TEST(a_shells_command_has_folder_and_environment),
		NET_TEST(what_is_changed_in_our_environment_is_so_in_the_next_childs),
		NET_TEST(it_runs_as_another_user),
		NET_TEST(messages_go_to_a_child_and_back),
		NET_TEST(a_listening_socket_is_shared_with_a_child),
		NET_TEST(a_program_without_input_starts_children),
		NET_TEST(a_grandchild_does_not_take_the_channel),
		NET_TEST(a_pipe_is_passed_twice_and_answered_through),
		NET_TEST(a_connection_is_handed_to_another_process),
	};

	kid_main(argc, argv, be_kid);
	return cmocka_run_group_tests_name("process node", tests, NULL, NULL);
}
