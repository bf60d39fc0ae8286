/*
 * What is heard of a program that was started, and what does it get along? Shells and
 * this program itself, which does what no shell can (see be_kid).
 */
#include "tests/support/kid.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/sys.h"

/* How many in a row. WEIR_MANY makes it more. */
enum { MANY = 1000, CROWD = 200 };

/* ---- this program as a child ---------------------------------------------- */

/* Of the numbers from argv[1] to argv[2]: 0 the empty device, . nothing, ? anything else. */
static int say_what_is_empty(char **argv)
{
	const int first = atoi(argv[1]), last = atoi(argv[2]);

	for (int fd = first; fd <= last; fd++) {
		struct stat here, null;
		char what = '?';

		if (fstat(fd, &here) != 0)
			what = '.';
		else if (stat("/dev/null", &null) == 0 && here.st_rdev == null.st_rdev)
			what = '0';
		(void)putchar(what);
	}
	return 0;
}

static int be_kid(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[0], "empty") == 0)
		return say_what_is_empty(argv);
	if (argc == 2 && strcmp(argv[0], "blocks") == 0)
		return (fcntl(atoi(argv[1]), F_GETFL) & O_NONBLOCK) != 0;
	return 98;
}

/* ---- held between fork and exec ------------------------------------------- */

static int gate[2] = {-1, -1};
static bool gated;
static int stray = -1; /* a copy of all that is opened for the next fork, as another
                          thread's child would have it */
static bool strays;

static void before_fork(void)
{
	int free_one = 0;
	/* Without opening or closing any: other handlers of a fork may be at work. */
	while (strays && fcntl(free_one, F_GETFD) >= 0)
		free_one++;
	/* The report is what was opened last. */
	if (strays)
		stray = dup(free_one - 1);
}

static void in_child(void)
{
	char octet;

	if (gated)
		(void)!read(gate[0], &octet, 1);
}

static void gate_up(void)
{
	assert_int_equal(pipe(gate), 0);
	gated = true;
}

static void gate_open(void)
{
	gated = false;
	assert_int_equal(write(gate[1], "x", 1), 1);
	(void)close(gate[0]);
	(void)close(gate[1]);
}

/* ---- its end -------------------------------------------------------------- */

static void a_program_is_run_and_its_status_told(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid_shell(&kid, "exit 23", "iii");
	assert_null(weir_child_chan(kid.child));
	kid_wait(&kid);
	assert_string_equal(kid.log, "xg");
	assert_int_equal(kid.code, 23);
	assert_int_equal(kid.signo, 0);
	assert_int_equal(kid.why, 0);
	assert_int_equal(kids_left(), 0);
}

static void the_signal_that_ended_it_is_told(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid_shell(&kid, "kill -KILL $$", "iii");
	kid_wait(&kid);
	assert_string_equal(kid.log, "xg");
	assert_int_equal(kid.code, -1);
	assert_int_equal(kid.signo, SIGKILL);
	assert_int_equal(kid.why, 0);
}

static void it_holds_the_loop_while_it_runs(void **state)
{
	struct net *net = *state;
	struct kid kid;
	kid_init(&kid, net);

	kid_shell(&kid, "sleep 0.05; exit 3", "iii");
	assert_int_equal(weir_loop_run(net->loop), 0);
	assert_string_equal(kid.log, "xg");
	assert_int_equal(kid.code, 3);
}

static void nobody_needs_to_listen(void **state)
{
	static const char *const argv[] = {"/bin/sh", "-c", "echo hello", NULL};
	const weir_child_fd fds[] = {
		{.kind = WEIR_FD_NULL}, {.kind = WEIR_FD_FROM}, {.kind = WEIR_FD_TO}};
	const weir_child_opts opts = {.argv = argv, .fds = fds, .nfds = 3};
	struct net *net = *state;

	assert_int_equal(weir_spawn(net->loop, NULL, &opts, NULL, NULL), 0);
	assert_int_equal(weir_loop_run(net->loop), 0);
	assert_int_equal(kids_left(), 0);
}

static void stop_and_go_on(struct kid *kid, int signo, int state_of)
{
	siginfo_t info;

	assert_int_equal(weir_child_kill(kid->child, signo), 0);
	assert_int_equal(waitid(P_PID, (id_t)weir_child_pid(kid->child), &info,
	                        (state_of == CLD_STOPPED ? WSTOPPED : WCONTINUED) | WNOWAIT),
	                 0);
	assert_int_equal(info.si_code, state_of);
	net_turns(kid->net, 20);
	assert_string_equal(kid->log, "");
}

static void being_stopped_is_no_end(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid_shell(&kid, "read x; exit 4", "w-i");
	stop_and_go_on(&kid, SIGSTOP, CLD_STOPPED);
	stop_and_go_on(&kid, SIGCONT, CLD_CONTINUED);
	side_write(kid.at[0], "x\n");
	kid_wait(&kid);
	assert_int_equal(kid.code, 4);
}

/* ---- descriptors ---------------------------------------------------------- */

static void what_is_written_to_it_comes_back(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid_shell(&kid, "cat", "wri");
	side_write(kid.at[0], "hello ");
	while (kid.at[1]->len < 6)
		net_turn(kid.net);
	side_write(kid.at[0], "world");
	weir_finish(kid.at[0]->stream);
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, "hello world"));
	assert_string_equal(kid.at[0]->log, "og");
	assert_int_equal(kid.at[0]->why, 0);
	assert_string_equal(kid.at[1]->log, "odeg");
	assert_string_equal(kid.log, "xg");
	assert_int_equal(kid.code, 0);
}

static void a_pair_of_sockets_goes_both_ways(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid_shell(&kid, "cat <&3 >&3", "---b");
	side_write(kid.at[3], "hello");
	weir_finish(kid.at[3]->stream);
	kid_wait(&kid);
	assert_true(kid_said(&kid, 3, "hello"));
	assert_string_equal(kid.at[3]->log, "odeg");
}

static void the_empty_device_is_empty(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid_shell(&kid, "cat; echo nothing >&2; echo end", "-r-");
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, "end\n"));
	assert_int_equal(kid.code, 0);
}

/* Its own ends wait in their calls, as programs expect. */
static void its_ends_of_pipes_are_blocking(void **state)
{
	for (int fd = 0; fd < 4; fd++) {
		char number[12];
		const char *argv[] = {kid_self(), "--kid", "blocks", number, NULL};
		weir_child_opts opts = {.argv = argv};
		struct kid kid;
		kid_init(&kid, *state);

		(void)snprintf(number, sizeof number, "%d", fd);
		kid_fds(&kid, &opts, "wrib");
		kid_spawn(&kid, &opts);
		kid_wait(&kid);
		assert_int_equal(kid.code, 0);
	}
}

static int make_file(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s/%s", test_dir(), name);
	return open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
}

static void a_descriptor_of_ours_may_be_given(void **state)
{
	const char *argv[] = {"/bin/sh", "-c", "echo out; echo err >&2", NULL};
	const int fd = make_file("given");
	char text[16] = "";
	weir_child_opts opts = {.argv = argv};
	struct kid kid;
	kid_init(&kid, *state);

	kid_fds(&kid, &opts, "---");
	kid.fds[1] = kid.fds[2] = (weir_child_fd){.kind = WEIR_FD_GIVEN, .fd = fd};
	kid_spawn(&kid, &opts);
	kid_wait(&kid);
	assert_int_equal(pread(fd, text, sizeof text, 0), 8);
	assert_string_equal(text, "out\nerr\n");
	assert_int_equal(close(fd), 0);
}

static void a_stream_of_ours_may_be_given_and_stays_ours(void **state)
{
	const char *argv[] = {"/bin/sh", "-c", "echo hello", NULL};
	struct net *net = *state;
	struct side *a, *b;
	weir_child_opts opts = {.argv = argv};
	struct kid kid;
	kid_init(&kid, net);

	net_pair(net, NULL, &a, &b);
	kid_fds(&kid, &opts, "---");
	kid.fds[1] = (weir_child_fd){.kind = WEIR_FD_STREAM, .given = a->stream};
	kid_spawn(&kid, &opts);
	kid_wait(&kid);
	side_write(a, "world");
	while (b->len < 11)
		net_turn(net);
	assert_true(side_has(b, "hello\nworld"));
	side_write(b, "back");
	while (a->len < 4)
		net_turn(net);
	assert_int_equal(a->gones, 0);
}

/* The one that it writes to is another's input. */
static void one_childs_output_is_anothers_input(void **state)
{
	const char *argv[] = {"/usr/bin/tr", "a-z", "A-Z", NULL};
	struct net *net = *state;
	int fd[2];
	weir_child_opts first = {.argv = (const char *[]){"/bin/echo", "hello", NULL}},
			second = {.argv = argv};
	struct kid from, to;

	kid_init(&from, net);
	kid_init(&to, net);
	assert_int_equal(pipe(fd), 0);
	kid_fds(&from, &first, "---");
	from.fds[1] = (weir_child_fd){.kind = WEIR_FD_GIVEN, .fd = fd[1]};
	kid_fds(&to, &second, "-ri");
	to.fds[0] = (weir_child_fd){.kind = WEIR_FD_GIVEN, .fd = fd[0]};
	kid_spawn(&from, &first);
	kid_spawn(&to, &second);
	assert_int_equal(close(fd[0]), 0);
	assert_int_equal(close(fd[1]), 0);
	kid_wait(&from);
	kid_wait(&to);
	assert_true(kid_said(&to, 1, "HELLO\n"));
}

static void it_has_no_descriptor_but_those(void **state)
{
	const char *argv[] = {kid_self(), "--kid", "empty", "0", "60", NULL};
	char expected[64];
	struct net *net = *state;
	int open[8];
	weir_child_opts opts = {.argv = argv};
	struct kid kid;
	kid_init(&kid, net);

	net_listen(net, NULL, NULL);
	for (int i = 0; i < 8; i++)
		open[i] = dup(0); /* without close-on-exec */
	memset(expected, '.', 61);
	expected[61] = '\0';
	memcpy(expected, "0?0??", 5);
	kid_fds(&kid, &opts, "-r-wb");
	kid_spawn(&kid, &opts);
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, expected));
	for (int i = 0; i < 8; i++)
		(void)close(open[i]);
}

/* Pipes that are made for it take the lowest numbers that are free here: none of those is
   meant where it is to have what is here. */
static void a_number_that_is_not_open_here_is_empty_there(void **state)
{
	const char *argv[] = {kid_self(), "--kid", "empty", "3", "19", NULL};
	const weir_child_fd inherit = {.kind = WEIR_FD_INHERIT};
	weir_child_opts opts = {.argv = argv};
	struct kid kid;
	kid_init(&kid, *state);

	kid_fds(&kid, &opts, "-ri-----------------");
	for (int fd = 3; fd < 20; fd++)
		if (!weir__sys_is_open(fd))
			kid.fds[fd] = inherit;
	kid_chan(&kid, &opts);
	kid_spawn(&kid, &opts);
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, "00000000000000000"));
}

static int lowest_free(void)
{
	const int fd = dup(0);

	assert_true(fd >= 0);
	(void)close(fd);
	return fd;
}

static void a_given_descriptor_must_be_open_before(void **state)
{
	static const char *const argv[] = {"/bin/true", NULL};
	weir_child_opts opts = {.argv = argv};
	struct kid kid;
	kid_init(&kid, *state);

	kid_fds(&kid, &opts, "wrb-");
	kid.fds[3] = (weir_child_fd){.kind = WEIR_FD_GIVEN, .fd = lowest_free()};
	assert_int_equal(kid_try(&kid, &opts), -EBADF);
	assert_null(kid.child);
	for (int i = 0; i < 3; i++)
		assert_null(kid.at[i]->stream);
	kid.fds[3].fd = -1;
	assert_int_equal(kid_try(&kid, &opts), -EBADF);
	net_turns(kid.net, 10);
	assert_string_equal(kid.at[1]->log, "");
	assert_string_equal(kid.log, "");
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const char *const argv[] = {"/bin/true", NULL}, *const none[] = {NULL};
	static const weir_child_fd fds[300];
	const weir_child_opts bad[] = {
		{.argv = NULL},
		{.argv = none},
		{.argv = argv, .nfds = -1},
		{.argv = argv, .nfds = 1},
		{.argv = argv, .uid = -1},
		{.argv = argv, .gid = -5},
		{.argv = argv, .sockets = true, .fds = fds, .nfds = 4},
	};
	weir_child_opts opts = {.argv = argv};
	struct kid kid;
	kid_init(&kid, *state);

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		kid.child = (weir_child *)state;
		assert_int_equal(kid_try(&kid, &bad[i]), WEIR_EINVALID);
		assert_null(kid.child);
	}
	kid_fds(&kid, &opts, "wr-");
	kid.fds[2].kind = (weir_fd_kind)77;
	assert_int_equal(kid_try(&kid, &opts), WEIR_EINVALID);
	kid.fds[2] = (weir_child_fd){.kind = WEIR_FD_STREAM};
	assert_int_equal(kid_try(&kid, &opts), WEIR_EINVALID);
	opts.fds = fds;
	opts.nfds = 300;
	assert_int_equal(kid_try(&kid, &opts), -EMFILE);
	assert_int_equal(weir_loop_run(kid.net->loop), 0);
}

/* ---- the order of things -------------------------------------------------- */

static void count_octets_at_gone(struct kid *kid, char event)
{
	if (event == 'g')
		kid->arg = (void *)(uintptr_t)kid->at[1]->len;
}

static void all_that_it_wrote_has_come_when_it_is_gone(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid.then = count_octets_at_gone;
	kid_shell(&kid, "head -c 500000 /dev/zero; echo err >&2", "-rr");
	kid.at[1]->counts_only = true;
	kid_wait(&kid);
	assert_int_equal((uintptr_t)kid.arg, 500000);
	assert_true(kid_said(&kid, 2, "err\n"));
	assert_string_equal(kid.log, "xg");
}

/* exit tells of the process, gone of all that is connected with it. */
static void a_grandchild_that_writes_on_puts_off_gone_but_not_exit(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid_shell(&kid, "(read x <&3; echo late) & exit 5", "-r-b");
	while (!kid.exits)
		net_turn(kid.net);
	assert_int_equal(kid.code, 5);
	net_turns(kid.net, 20);
	assert_string_equal(kid.log, "x");
	assert_int_equal(kids_left(), 0);
	assert_int_equal(weir_child_kill(kid.child, 0), -ESRCH);
	side_write(kid.at[3], "go\n");
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, "late\n"));
	assert_string_equal(kid.log, "xg");
}

static void streams_to_it_end_with_it(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid_shell(&kid, "exit 0", "w--");
	kid_wait(&kid);
	assert_int_equal(kid.at[0]->gones, 1);
	assert_int_equal(kid.at[0]->why, -EPIPE);
	assert_string_equal(kid.log, "xg");
}

/* Also when somebody else has its standard input still open. */
static void streams_to_it_end_with_it_although_others_read_them(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid_shell(&kid, "exec 3<&0; (read x <&3) >/dev/null 2>&1 & exit 0", "w--");
	side_fill(kid.at[0], 0, 100000);
	kid_wait(&kid);
	assert_int_equal(kid.at[0]->why, -EPIPE);
	assert_string_equal(kid.log, "xg");
}

static void spawn_another(struct kid *kid, char event)
{
	struct kid *next = kid->arg;

	if (event == 'g' && next)
		kid_shell(next, "exit 9", "-r-");
}

static void another_may_be_started_when_it_is_gone(void **state)
{
	struct kid first, second;

	kid_init(&first, *state);
	kid_init(&second, *state);
	first.then = spawn_another;
	first.arg = &second;
	kid_shell(&first, "exit 8", "-r-");
	kid_wait(&first);
	kid_wait(&second);
	assert_int_equal(second.code, 9);
}

/* ---- what never runs ------------------------------------------------------ */

static void expect_failure(struct net *net, const weir_child_opts *given, int why)
{
	weir_child_opts opts = *given;
	struct kid kid;
	kid_init(&kid, net);

	kid_fds(&kid, &opts, "wrr");
	kid_chan(&kid, &opts);
	kid_spawn(&kid, &opts);
	side_write(kid.at[0], "for nobody");
	kid_wait(&kid);
	assert_string_equal(kid.log, "g");
	assert_int_equal(kid.why, why);
	assert_int_equal(kid.at[1]->len, 0);
	assert_int_equal(kid.at[0]->gones + kid.at[1]->gones + kid.at[2]->gones, 3);
	assert_int_equal(kid.mail.gones, 1);
	net_turns(net, 5);
	assert_int_equal(kid.gones, 1);
	assert_int_equal(kids_left(), 0);
}

static void what_cannot_be_run_is_told_by_gone_alone(void **state)
{
	static const char *const nowhere[] = {"/nowhere/at/all", NULL},
				 *const unknown[] = {"no-such-program-in-the-path", NULL},
				 *const folder[] = {"/dev", NULL},
				 *const good[] = {"/bin/true", NULL};
	struct net *net = *state;

	expect_failure(net, &(weir_child_opts){.argv = nowhere}, -ENOENT);
	expect_failure(net, &(weir_child_opts){.argv = unknown}, -ENOENT);
	expect_failure(net, &(weir_child_opts){.argv = folder}, -EACCES);
	expect_failure(net, &(weir_child_opts){.argv = good, .file = "/nowhere"}, -ENOENT);
	expect_failure(net, &(weir_child_opts){.argv = good, .cwd = "/nowhere"}, -ENOENT);
	expect_failure(net, &(weir_child_opts){.argv = good, .cwd = "/dev/null"}, -ENOTDIR);
}

static int spawn_as_another(void *arg)
{
	static const char *const argv[] = {"/bin/true", NULL};
	const weir_child_opts opts = {.argv = argv, .uid = 1};
	struct kid kid;
	struct net net = {.loop = NULL};

	(void)arg;
	if (geteuid() == 0 && (setgid(4712) != 0 || setuid(4711) != 0))
		return 2;
	if (weir_loop_new(&net.loop, NULL) != 0)
		return 3;
	kid_init(&kid, &net);
	if (kid_try(&kid, &opts) != 0 || weir_loop_run(net.loop) != 0)
		return 4;
	return strcmp(kid.log, "g") != 0 || kid.why != -EPERM;
}

static void a_user_that_may_not_be_changed_to_is_told(void **state)
{
	(void)state;
	assert_int_equal(test_in_child(spawn_as_another, NULL), 0);
}

/* ---- nobody waits --------------------------------------------------------- */

static void starting_waits_for_nothing(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	gate_up();
	kid_shell(&kid, "exit 6", "-r-");
	net_turns(kid.net, 20);
	assert_string_equal(kid.log, "");
	/* It is there already, though it is not yet what it is to be. */
	assert_int_equal(weir_child_kill(kid.child, 0), 0);
	gate_open();
	kid_wait(&kid);
	assert_string_equal(kid.log, "xg");
	assert_int_equal(kid.code, 6);
}

static void it_may_be_killed_before_it_is_run(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	gate_up();
	kid_shell(&kid, "exit 6", "-r-");
	/* Held back, as all signals are then, but not for ever. */
	assert_int_equal(weir_child_kill(kid.child, SIGTERM), 0);
	gate_open();
	kid_wait(&kid);
	assert_string_equal(kid.log, "xg");
	assert_int_equal(kid.code, -1);
	assert_int_equal(kid.signo, SIGTERM);
}

/* As a child has it that another thread forks at that moment. */
static void who_else_has_the_report_puts_off_nothing(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	strays = true;
	kid_shell(&kid, "exit 6", "-r-");
	strays = false;
	kid_wait(&kid);
	assert_string_equal(kid.log, "xg");
	assert_int_equal(kid.code, 6);
	assert_int_equal(kid.why, 0);
	assert_int_equal(close(stray), 0);
}

/* ---- signals -------------------------------------------------------------- */

static void a_signal_is_sent_while_it_runs(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid_shell(&kid, "echo up; read x", "wr-");
	while (kid.at[1]->len < 3)
		net_turn(kid.net);
	assert_int_equal(weir_child_kill(kid.child, 0), 0);
	assert_int_equal(weir_child_kill(kid.child, 1000), -EINVAL);
	assert_int_equal(weir_child_kill(kid.child, SIGTERM), 0);
	while (!kid.exits)
		net_turn(kid.net);
	assert_int_equal(kid.signo, SIGTERM);
	assert_int_equal(kid.code, -1);
	kid_wait(&kid);
}

static void kill_it(struct kid *kid, char event)
{
	(void)event;
	assert_int_equal(weir_child_kill(kid->child, SIGKILL), -ESRCH);
	assert_int_equal(weir_child_kill(kid->child, 0), -ESRCH);
}

/* Its number may be another's by then. */
static void no_signal_is_sent_once_its_end_was_heard_of(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid.then = kill_it;
	kid_shell(&kid, "exit 0", "-r-");
	kid_wait(&kid);
	assert_string_equal(kid.log, "xg");
}

/* ---- closing -------------------------------------------------------------- */

static void a_child_that_is_closed_is_silent_and_waited_for(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid_shell(&kid, "exit 0", "wrb");
	kid_close(&kid);
	kids_gone(kid.net);
	while (!kid.at[1]->gones || !kid.at[2]->gones)
		net_turn(kid.net);
	net_turns(kid.net, 10);
	assert_string_equal(kid.log, "");
}

static void a_child_that_is_closed_does_not_hold_the_loop(void **state)
{
	struct net *net = *state;
	struct kid kid;
	kid_init(&kid, net);

	kid_shell(&kid, "exec sleep 100", "---");
	const pid_t pid = (pid_t)weir_child_pid(kid.child);
	kid_close(&kid);
	assert_int_equal(weir_loop_run(net->loop), 0);
	assert_int_equal(kids_left(), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	kids_gone(net);
}

static void streams_of_a_child_that_is_closed_go_on(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid_shell(&kid, "cat", "wr-");
	kid_close(&kid);
	side_write(kid.at[0], "still there");
	while (kid.at[1]->len < 11)
		net_turn(kid.net);
	weir_finish(kid.at[0]->stream);
	while (!kid.at[1]->gones)
		net_turn(kid.net);
	assert_true(kid_said(&kid, 1, "still there"));
	kids_gone(kid.net);
}

static void a_child_may_be_closed_before_it_is_run(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	gate_up();
	kid_shell(&kid, "exit 0", "---");
	net_turns(kid.net, 5);
	kid_close(&kid);
	gate_open();
	kids_gone(kid.net);
	assert_string_equal(kid.log, "");
}

static void a_child_that_cannot_be_run_may_be_closed(void **state)
{
	static const char *const argv[] = {"/nowhere/at/all", NULL};
	weir_child_opts opts = {.argv = argv};
	struct kid kid;
	kid_init(&kid, *state);

	kid_fds(&kid, &opts, "wrb");
	kid_chan(&kid, &opts);
	kid_spawn(&kid, &opts);
	kid_close(&kid);
	kids_gone(kid.net);
	net_turns(kid.net, 10);
	assert_string_equal(kid.log, "");
}

static void close_at(struct kid *kid, char event)
{
	if (event == *(const char *)kid->arg)
		kid_close(kid);
}

static void a_child_may_be_closed_in_its_own_calls(void **state)
{
	struct kid kid;

	for (const char *event = "xg"; *event; event++) {
		kid_init(&kid, *state);
		kid.then = close_at;
		kid.arg = (void *)(uintptr_t)event;
		kid_shell(&kid, "echo hello", "wrb");
		while (kid.child)
			net_turn(kid.net);
		net_turns(kid.net, 10);
		assert_int_equal(kid.exits, 1);
		assert_int_equal(kid.gones, *event == 'g');
		assert_int_equal(kids_left(), 0);
	}
}

static void close_from_stream(struct side *side, char event)
{
	struct kid *kid = side->arg;

	if (kid->child && event == *(const char *)kid->arg)
		kid_close(kid);
}

static void a_child_may_be_closed_in_calls_of_its_streams(void **state)
{
	struct kid kid;

	for (const char *event = "odeg"; *event; event++) {
		kid_init(&kid, *state);
		kid.arg = (void *)(uintptr_t)event;
		kid_shell(&kid, "echo hello", "-r-");
		kid.at[1]->then = close_from_stream;
		kid.at[1]->arg = &kid;
		while (!kid.at[1]->gones)
			net_turn(kid.net);
		kids_gone(kid.net);
		assert_null(kid.child);
		assert_int_equal(kid.gones, 0);
	}
}

static void close_stream(struct kid *kid, char event)
{
	(void)event;
	if (kid->at[1]->stream)
		side_close(kid->at[1]);
	if (kid->at[0]->stream)
		side_close(kid->at[0]);
}

static void its_streams_may_be_closed_in_its_calls(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid.then = close_stream;
	/* Somebody has the other ends open for ever. */
	kid_shell(&kid, "sleep 100 & echo $!", "wr-");
	while (kid.at[1]->len < 2)
		net_turn(kid.net);
	const pid_t other = (pid_t)strtol(kid.at[1]->got, NULL, 10);
	kid_wait(&kid);
	assert_string_equal(kid.log, "xg");
	assert_int_equal(kill(other, SIGKILL), 0);
}

static void closing_twice_in_one_turn_does_nothing(struct kid *kid, char event)
{
	weir_child *child = kid->child;

	(void)event;
	kid_close(kid);
	weir_child_close(child);
}

static void closing_again_in_the_same_turn_is_nothing(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	weir_child_close(NULL);
	kid.then = closing_twice_in_one_turn_does_nothing;
	kid_shell(&kid, "exit 0", "-r-");
	while (kid.child)
		net_turn(kid.net);
	net_turns(kid.net, 10);
	assert_string_equal(kid.log, "x");
}

/* ---- many ----------------------------------------------------------------- */

static void many_in_a_row_leave_nothing(void **state)
{
	static const char *const argv[] = {"/bin/true", NULL};
	const char *more = getenv("WEIR_MANY");
	const int many = more ? atoi(more) : MANY;
	struct net *net = *state;
	const int64_t began = test_now_ms();
	const int before = test_open_fds();
	size_t blocks = 0;

	for (int i = 0; i < many; i++) {
		weir_child_opts opts = {.argv = argv};
		struct kid kid;
		kid_init(&kid, net);
		test_watchdog(60);
		if (i == 10)
			blocks = net->alloc.live_blocks;
		kid_fds(&kid, &opts, i % 2 ? "-r-" : "---");
		kid_spawn(&kid, &opts);
		kid_wait(&kid);
		assert_string_equal(kid.log, "xg");
		assert_int_equal(kid.code, 0);
	}
	const int64_t took = test_now_ms() - began;
	print_message("%d children in %d ms\n", many, (int)took);
	assert_int_equal(test_open_fds(), before);
	assert_int_equal(net->alloc.live_blocks, blocks);
	assert_int_equal(kids_left(), 0);
}

static void many_at_once_are_all_heard_of(void **state)
{
	static struct kid kids[CROWD];
	struct net *net = *state;

	for (int i = 0; i < CROWD; i++) {
		char command[64];
		kid_init(&kids[i], net);
		(void)snprintf(command, sizeof command, "read x; exit %d", i % 100);
		kid_shell(&kids[i], command, "wr-");
	}
	for (int i = 0; i < CROWD; i++)
		side_write(kids[i].at[0], "go\n");
	for (int i = 0; i < CROWD; i++) {
		kid_wait(&kids[i]);
		assert_string_equal(kids[i].log, "xg");
		assert_int_equal(kids[i].code, i % 100);
	}
	assert_int_equal(kids_left(), 0);
}

/* ---- loops ---------------------------------------------------------------- */

/* Nobody waits for it any more then: it is the program's, or the system's. */
static void a_loop_may_be_freed_with_children(void **state)
{
	struct net *net = *state;
	weir_child_opts opts = {.argv = (const char *[]){"/bin/sh", "-c", "exec sleep 100", NULL}};
	struct kid running, closed, ended, failing;

	kid_init(&running, net);
	kid_init(&closed, net);
	kid_init(&ended, net);
	kid_init(&failing, net);
	kid_fds(&running, &opts, "wrb");
	kid_chan(&running, &opts);
	kid_spawn(&running, &opts);
	weir_chan_pass(weir_child_chan(running.child), 1, "x", 1, dup(0));
	const pid_t pid = (pid_t)weir_child_pid(running.child);
	kid_shell(&closed, "exit 0", "wr-");
	kid_close(&closed);
	kid_shell(&ended, "exit 0", "wr-");
	opts.argv = (const char *[]){"/nowhere/at/all", NULL};
	kid_spawn(&failing, &opts);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)weir_child_pid(ended.child), &info, WEXITED | WNOWAIT),
	                 0);
	net_reopen(net, NULL);
	assert_string_equal(running.log, "");
	assert_string_equal(ended.log, "");
	assert_int_equal(kill(pid, SIGKILL), 0);
	while (waitpid(-1, NULL, 0) > 0)
		continue;
}

static void children_belong_to_one_loop_where_sigchld_tells_of_them(void **state)
{
	struct net *net = *state, other = {.loop = NULL};
	weir_child_opts opts = {.argv = (const char *[]){"/bin/sh", "-c", "read x", NULL}};
	struct kid mine, theirs;

	assert_int_equal(weir_loop_new(&other.loop, NULL), 0);
	kid_init(&mine, net);
	kid_init(&theirs, &other);
	kid_fds(&mine, &opts, "w--");
	kid_spawn(&mine, &opts);
	opts = (weir_child_opts){.argv = (const char *[]){"/bin/true", NULL}};
	kid_chan(&theirs, &opts);
	if (weir__sys_pidfds()) {
		kid_spawn(&theirs, &opts);
		kid_wait(&theirs);
	} else {
		assert_int_equal(kid_try(&theirs, &opts), -EBUSY);
		assert_null(theirs.child);
		assert_int_equal(weir_loop_run(other.loop), 0);
	}
	assert_string_equal(mine.log, "");
	weir_finish(mine.at[0]->stream);
	kid_wait(&mine);
	/* Once the others have gone they may be anybody's. */
	kid_init(&theirs, &other);
	kid_spawn(&theirs, &opts);
	kid_wait(&theirs);
	assert_string_equal(theirs.log, "xg");
	weir_loop_free(other.loop);
}

static volatile sig_atomic_t heard;

static void hear(int signo)
{
	(void)signo;
	heard = heard + 1;
}

static void a_handler_of_the_programs_own_is_called_and_put_back(void **state)
{
	struct sigaction own = {.sa_handler = hear}, before, now;
	struct kid kid;
	kid_init(&kid, *state);

	heard = 0;
	assert_int_equal(sigaction(SIGCHLD, &own, &before), 0);
	kid_shell(&kid, "exit 0", "---");
	kid_wait(&kid);
	assert_int_equal(heard, 1);
	assert_int_equal(sigaction(SIGCHLD, &before, &now), 0);
	assert_ptr_equal(now.sa_handler, hear);
	assert_int_equal(kid.code, 0);
}

static siginfo_t heard_of;

static void hear_more(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	heard_of = *info;
}

static void a_handler_that_wants_to_know_more_is_told(void **state)
{
	struct sigaction own = {.sa_flags = SA_SIGINFO}, before;
	struct kid kid;
	kid_init(&kid, *state);

	own.sa_sigaction = hear_more;
	assert_int_equal(sigaction(SIGCHLD, &own, &before), 0);
	kid_shell(&kid, "exit 3", "---");
	const pid_t pid = (pid_t)weir_child_pid(kid.child);
	kid_wait(&kid);
	assert_int_equal(sigaction(SIGCHLD, &before, NULL), 0);
	assert_int_equal(heard_of.si_pid, pid);
	assert_int_equal(heard_of.si_status, 3);
}

static void on_sigchld(weir_signal *watcher, int signo, void *arg)
{
	(void)watcher;
	(void)signo;
	++*(int *)arg;
}

static void sigchld_may_be_watched_as_well(void **state)
{
	struct net *net = *state;
	weir_signal watcher = {.loop = NULL};
	int times = 0;
	struct kid kid;
	kid_init(&kid, net);

	assert_int_equal(weir_signal_start(net->loop, &watcher, SIGCHLD, on_sigchld, &times), 0);
	kid_shell(&kid, "exit 3", "---");
	kid_wait(&kid);
	while (!times)
		net_turn(net);
	assert_int_equal(times, 1);
	weir_signal_stop(&watcher);
}

/* Somebody else's children are nobody's business here. */
static void children_of_the_programs_own_are_left_to_it(void **state)
{
	struct kid kid;
	int status;
	kid_init(&kid, *state);

	const pid_t own = fork();
	if (own == 0)
		_exit(11);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)own, &info, WEXITED | WNOWAIT), 0);
	kid_shell(&kid, "exit 3", "---");
	kid_wait(&kid);
	assert_int_equal(waitpid(own, &status, 0), own);
	assert_int_equal(WEXITSTATUS(status), 11);
}

static void a_status_that_somebody_else_took_is_not_told(void **state)
{
	struct kid kid;
	int status;
	kid_init(&kid, *state);

	kid_shell(&kid, "exit 3", "-r-");
	const pid_t pid = (pid_t)weir_child_pid(kid.child);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	kid_wait(&kid);
	assert_string_equal(kid.log, "g");
	assert_int_equal(kid.why, -ECHILD);
}

/* Then the system waits for children itself. Where SIGCHLD tells of them it is caught
   meanwhile, and their status is known. */
static void ignored_children_are_gone_without_a_status(void **state)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before, now;
	struct kid kid;

	assert_int_equal(sigaction(SIGCHLD, &ignore, &before), 0);
	for (int i = 0; i < 20; i++) {
		kid_init(&kid, *state);
		kid_shell(&kid, "exit 3", i % 2 ? "-r-" : "---");
		kid_wait(&kid);
		assert_string_equal(kid.log, weir__sys_pidfds() ? "g" : "xg");
		assert_int_equal(kid.why, weir__sys_pidfds() ? -ECHILD : 0);
		assert_int_equal(kid.code, weir__sys_pidfds() ? -2 : 3);
	}
	assert_int_equal(sigaction(SIGCHLD, &before, &now), 0);
	assert_ptr_equal(now.sa_handler, SIG_IGN);
}

/* ---- when something runs out ---------------------------------------------- */

static weir_child_opts *demanding(struct kid *kid, weir_child_opts *opts)
{
	static const char *const argv[] = {"/bin/sh", "-c", "echo hello; exit 7", NULL};

	*opts = (weir_child_opts){.argv = argv};
	kid_fds(kid, opts, "wrrb");
	kid_chan(kid, opts);
	return opts;
}

static void nothing_is_left_when_memory_runs_out(void **state)
{
	struct net *net = *state;
	weir_child_opts opts;
	struct kid kid;
	int refused = 0, started = 0;

	for (size_t at = 1;; at++) {
		kid_init(&kid, net);
		demanding(&kid, &opts);
		const int fds = test_open_fds();
		const size_t blocks = net->alloc.live_blocks;
		net->alloc.calls = net->alloc.refused = 0;
		net->alloc.fail_at = at;
		const int result = kid_try(&kid, &opts);
		net->alloc.fail_at = 0;
		const bool none_failed = !net->alloc.refused;
		if (result == 0) {
			started++;
			kid_wait(&kid);
			assert_string_equal(kid.log, "xg");
			assert_int_equal(kid.code, 7);
		} else {
			refused++;
			assert_int_equal(result, -ENOMEM);
			assert_null(kid.child);
			net_turns(net, 1);
			assert_true(net->alloc.live_blocks <= blocks + 2);
			assert_int_equal(kid.mail.gones + kid.at[0]->gones + kid.at[1]->gones, 0);
		}
		assert_int_equal(test_open_fds(), fds);
		if (none_failed)
			break;
	}
	assert_true(refused > 3 && started > 0);
	assert_int_equal(kids_left(), 0);
}

/* The slots for descriptors are made with the first high one: here there is no room for
   what tells of its end. */
static int watch_without_memory(void *arg)
{
	struct test_alloc alloc = {.live_blocks = 0};
	const weir_loop_opts loop_opts = {.alloc = test_alloc_fn, .alloc_arg = &alloc};
	static const char *const argv[] = {"/bin/sh", "-c", "exit 7", NULL};
	const weir_child_opts opts = {.argv = argv};
	struct net net = {.loop = NULL};
	struct kid kid;

	(void)arg;
	if (weir_loop_new(&net.loop, &loop_opts) != 0)
		return 2;
	while (dup(0) < 63)
		continue;
	kid_init(&kid, &net);
	alloc.calls = 0;
	alloc.fail_at = 3; /* behind the child and its environment */
	alloc.fail_after = true;
	if (kid_try(&kid, &opts) != 0)
		return 3;
	alloc.fail_at = 0;
	if (weir_loop_run(net.loop) != 0 || strcmp(kid.log, "xg") != 0 || kid.code != 7)
		return 4;
	weir_loop_free(net.loop);
	return alloc.live_blocks != 0;
}

static void a_child_that_cannot_be_watched_is_heard_of_all_the_same(void **state)
{
	(void)state;
	assert_int_equal(test_in_child(watch_without_memory, NULL), 0);
}

static int spawn_with_few_numbers(void *arg)
{
	struct net net = {.loop = NULL};
	weir_child_opts opts;
	struct kid kid;
	int result = -1, refused = 0;

	(void)arg;
	if (weir_loop_new(&net.loop, NULL) != 0)
		return 2;
	const int open = test_open_fds(), lowest = dup(0);
	(void)close(lowest);
	/* Without a chance, then with one more each time. */
	for (rlim_t limit = (rlim_t)lowest; limit < (rlim_t)lowest + 30; limit++) {
		const struct rlimit few = {.rlim_cur = limit, .rlim_max = 100};
		if (setrlimit(RLIMIT_NOFILE, &few) != 0)
			return 3;
		kid_init(&kid, &net);
		result = kid_try(&kid, demanding(&kid, &opts));
		if (result == 0 && weir_loop_run(net.loop) != 0)
			return 4;
		if (result == 0 && kid.why != 0 && kid.why != -EMFILE)
			return 5;
		if (result != 0 && result != -EMFILE)
			return 6;
		refused += result == -EMFILE;
		if (test_open_fds() != open || kids_left())
			return 7;
		if (result == 0 && kid.why == 0)
			break;
	}
	weir_loop_free(net.loop);
	return refused < 5 || kid.gones != 1 || kid.code != 7 || strcmp(kid.log, "xg") != 0;
}

static void nothing_is_left_when_descriptors_run_out(void **state)
{
	(void)state;
	assert_int_equal(test_in_child(spawn_with_few_numbers, NULL), 0);
}

static int spawn_with_few_processes(void *arg)
{
	const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
	struct net net = {.loop = NULL};
	weir_child_opts opts;
	struct kid kid;

	(void)arg;
	/* The limit is not one for root. */
	if (geteuid() == 0 && (setgid(4712) != 0 || setuid(4711) != 0))
		return 2;
	if (weir_loop_new(&net.loop, NULL) != 0 || setrlimit(RLIMIT_NPROC, &none) != 0)
		return 3;
	const int open = test_open_fds();
	kid_init(&kid, &net);
	if (kid_try(&kid, demanding(&kid, &opts)) != -EAGAIN || kid.child)
		return 4;
	if (test_open_fds() != open || weir_loop_run(net.loop) != 0 || *kid.log)
		return 5;
	weir_loop_free(net.loop);
	return 0;
}

static void nothing_is_left_when_processes_run_out(void **state)
{
	(void)state;
	assert_int_equal(test_in_child(spawn_with_few_processes, NULL), 0);
}

/* ---- ready ---------------------------------------------------------------- */

static void one_that_is_not_ready_in_time_is_ended(void **state)
{
	const char *argv[] = {"/bin/sh", "-c", "exec sleep 100", NULL};
	weir_child_opts opts = {.argv = argv, .ready_ms = 30};
	struct kid kid;
	kid_init(&kid, *state);

	kid_fds(&kid, &opts, "---");
	kid_chan(&kid, &opts);
	const int64_t began = test_now_ms();
	kid_spawn(&kid, &opts);
	kid_wait(&kid);
	assert_true(test_now_ms() - began >= 30);
	assert_string_equal(kid.log, "xg");
	assert_int_equal(kid.code, -1);
	assert_int_equal(kid.signo, SIGKILL);
	assert_int_equal(kid.why, WEIR_ETIMEOUT);
}

static void one_that_is_not_even_run_in_time_is_ended(void **state)
{
	const char *argv[] = {"/bin/true", NULL};
	weir_child_opts opts = {.argv = argv, .ready_ms = 30};
	struct kid kid;
	kid_init(&kid, *state);

	kid_fds(&kid, &opts, "---");
	kid_chan(&kid, &opts);
	gate_up();
	kid_spawn(&kid, &opts);
	kid_wait(&kid);
	gate_open();
	assert_string_equal(kid.log, "xg");
	assert_int_equal(kid.signo, SIGKILL);
	assert_int_equal(kid.why, WEIR_ETIMEOUT);
}

static void one_that_is_ended_and_taken_by_somebody_else_has_no_status(void **state)
{
	const char *argv[] = {"/bin/sh", "-c", "exec sleep 100", NULL};
	weir_child_opts opts = {.argv = argv, .ready_ms = 10};
	siginfo_t info;
	struct kid kid;
	kid_init(&kid, *state);

	kid_chan(&kid, &opts);
	kid_spawn(&kid, &opts);
	const pid_t pid = (pid_t)weir_child_pid(kid.child);
	/* No more than the one turn in which its time is over. */
	const int64_t began = test_now_ms();
	while (test_now_ms() - began < 20)
		continue;
	assert_true(weir_loop_step(kid.net->loop, 0) >= 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
	kid_wait(&kid);
	assert_string_equal(kid.log, "g");
	assert_int_equal(kid.why, WEIR_ETIMEOUT);
}

static void one_that_ends_by_itself_before_is_not_late(void **state)
{
	const char *argv[] = {"/bin/sh", "-c", "exit 4", NULL};
	weir_child_opts opts = {.argv = argv, .ready_ms = 20000};
	struct kid kid;
	kid_init(&kid, *state);

	kid_chan(&kid, &opts);
	kid_spawn(&kid, &opts);
	kid_wait(&kid);
	assert_int_equal(kid.code, 4);
	assert_int_equal(kid.why, 0);
}

static void one_that_is_closed_may_take_its_time(void **state)
{
	const char *argv[] = {"/bin/sh", "-c", "read x; exit 0", NULL};
	weir_child_opts opts = {.argv = argv, .ready_ms = 10};
	struct kid kid;
	kid_init(&kid, *state);

	kid_fds(&kid, &opts, "w--");
	kid_chan(&kid, &opts);
	kid_spawn(&kid, &opts);
	const pid_t pid = (pid_t)weir_child_pid(kid.child);
	kid_close(&kid);
	net_turns(kid.net, 40);
	assert_int_equal(kill(pid, 0), 0);
	weir_finish(kid.at[0]->stream);
	kids_gone(kid.net);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(a_program_is_run_and_its_status_told),
		NET_TEST(the_signal_that_ended_it_is_told),
		NET_TEST(it_holds_the_loop_while_it_runs),
		NET_TEST(nobody_needs_to_listen),
		NET_TEST(being_stopped_is_no_end),
		NET_TEST(what_is_written_to_it_comes_back),
		NET_TEST(a_pair_of_sockets_goes_both_ways),
		NET_TEST(the_empty_device_is_empty),
		NET_TEST(its_ends_of_pipes_are_blocking),
		NET_TEST(a_descriptor_of_ours_may_be_given),
		NET_TEST(a_stream_of_ours_may_be_given_and_stays_ours),
		NET_TEST(one_childs_output_is_anothers_input),
		NET_TEST(it_has_no_descriptor_but_those),
		NET_TEST(a_number_that_is_not_open_here_is_empty_there),
		NET_TEST(a_given_descriptor_must_be_open_before),
		NET_TEST(what_makes_no_sense_is_refused),
		NET_TEST(all_that_it_wrote_has_come_when_it_is_gone),
		NET_TEST(a_grandchild_that_writes_on_puts_off_gone_but_not_exit),
		NET_TEST(streams_to_it_end_with_it),
		NET_TEST(streams_to_it_end_with_it_although_others_read_them),
		NET_TEST(another_may_be_started_when_it_is_gone),
		NET_TEST(what_cannot_be_run_is_told_by_gone_alone),
		NET_TEST(a_user_that_may_not_be_changed_to_is_told),
		NET_TEST(starting_waits_for_nothing),
		NET_TEST(it_may_be_killed_before_it_is_run),
		NET_TEST(who_else_has_the_report_puts_off_nothing),
		NET_TEST(a_signal_is_sent_while_it_runs),
		NET_TEST(no_signal_is_sent_once_its_end_was_heard_of),
		NET_TEST(a_child_that_is_closed_is_silent_and_waited_for),
		NET_TEST(a_child_that_is_closed_does_not_hold_the_loop),
		NET_TEST(streams_of_a_child_that_is_closed_go_on),
		NET_TEST(a_child_may_be_closed_before_it_is_run),
		NET_TEST(a_child_that_cannot_be_run_may_be_closed),
		NET_TEST(a_child_may_be_closed_in_its_own_calls),
		NET_TEST(a_child_may_be_closed_in_calls_of_its_streams),
		NET_TEST(its_streams_may_be_closed_in_its_calls),
		NET_TEST(closing_again_in_the_same_turn_is_nothing),
		NET_TEST(many_in_a_row_leave_nothing),
		NET_TEST(many_at_once_are_all_heard_of),
		NET_TEST(a_loop_may_be_freed_with_children),
		NET_TEST(children_belong_to_one_loop_where_sigchld_tells_of_them),
		NET_TEST(a_handler_of_the_programs_own_is_called_and_put_back),
		NET_TEST(a_handler_that_wants_to_know_more_is_told),
		NET_TEST(sigchld_may_be_watched_as_well),
		NET_TEST(children_of_the_programs_own_are_left_to_it),
		NET_TEST(a_status_that_somebody_else_took_is_not_told),
		NET_TEST(ignored_children_are_gone_without_a_status),
		NET_TEST(nothing_is_left_when_memory_runs_out),
		NET_TEST(a_child_that_cannot_be_watched_is_heard_of_all_the_same),
		NET_TEST(nothing_is_left_when_descriptors_run_out),
		NET_TEST(nothing_is_left_when_processes_run_out),
		NET_TEST(one_that_is_not_ready_in_time_is_ended),
		NET_TEST(one_that_is_not_even_run_in_time_is_ended),
		NET_TEST(one_that_is_ended_and_taken_by_somebody_else_has_no_status),
		NET_TEST(one_that_ends_by_itself_before_is_not_late),
		NET_TEST(one_that_is_closed_may_take_its_time),
	};

	kid_main(argc, argv, be_kid);
	(void)pthread_atfork(before_fork, NULL, in_child);
	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
