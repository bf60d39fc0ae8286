/*
 * Does a process go on as two, neither of which is in the other's way? The child has
 * nothing of the parent's loop; the parent's goes on as if nothing had been.
 */
#include "tests/support/kid.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/loop.h"

/* ---- its life ------------------------------------------------------------- */

static int give_back_a_number(weir_loop *loop, weir_chan *chan, void *arg)
{
	(void)loop;
	(void)chan;
	return *(const int *)arg;
}

static void its_status_is_what_its_body_returns(void **state)
{
	static const int statuses[] = {0, 7, 255, -1, -ENOMEM}, expected[] = {0, 7, 255, 1, 1};

	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		int status = statuses[i];
		struct kid kid;
		kid_init(&kid, *state);
		kid_fork(&kid, give_back_a_number, &status);
		kid_wait(&kid);
		assert_string_equal(kid.log, "xg");
		assert_int_equal(kid.code, expected[i]);
		assert_int_equal(kid.signo, 0);
		assert_int_equal(kid.why, 0);
		assert_int_equal(kid.mail.gones, 1);
		assert_int_equal(kid.mail.why, 0);
		assert_int_equal(kids_left(), 0);
	}
}

static weir_chan *upward;

static void send_late(weir_timer *timer, void *arg)
{
	(void)timer;
	(void)weir_chan_send(upward, 2, arg, strlen(arg));
}

static int have_a_timer(weir_loop *loop, weir_chan *chan, void *arg)
{
	static weir_timer timer;

	(void)arg;
	upward = chan;
	(void)weir_chan_send(chan, 1, "early ", 6);
	weir_timer_init(&timer, send_late, (void *)(uintptr_t) "late");
	weir_timer_start(loop, &timer, 20, 0);
	return 5;
}

static void its_loop_runs_until_nothing_holds_it(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid_fork(&kid, have_a_timer, NULL);
	kid_wait(&kid);
	assert_true(mail_has(&kid.mail, "early late"));
	assert_int_equal(kid.mail.n, 2);
	assert_int_equal(kid.code, 5);
}

static int only_speak(weir_loop *loop, weir_chan *chan, void *arg)
{
	(void)loop;
	(void)arg;
	(void)weir_chan_send(chan, 1, "hello", 5);
	return weir_ready(loop) == 1 ? 5 : 6;
}

/* Nothing holds its loop, which so does not turn even once. */
static void what_its_body_says_is_heard(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid_fork(&kid, only_speak, NULL);
	kid_wait(&kid);
	assert_true(mail_has(&kid.mail, "hello"));
	assert_int_equal(kid.readies, 1);
	assert_int_equal(kid.code, 5);
}

static void echo(struct mail *mail, char event)
{
	if (event != 'm')
		return;
	(void)weir_chan_send(mail->chan, mail->type + 1, mail->text, strlen(mail->text));
	if (strchr(mail->text, '.'))
		weir_chan_finish(mail->chan);
}

static int echo_messages(weir_loop *loop, weir_chan *chan, void *arg)
{
	static struct mail mail = {.then = echo};

	(void)loop;
	(void)arg;
	weir_chan_on(chan, &mail_ops, &mail);
	return 4;
}

static void messages_go_both_ways(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid_fork(&kid, echo_messages, NULL);
	weir_chan *chan = weir_child_chan(kid.child);
	assert_int_equal(weir_chan_send(chan, 1, "one", 3), 0);
	while (kid.mail.n < 1)
		net_turn(kid.net);
	assert_int_equal(kid.mail.type, 2);
	assert_int_equal(weir_chan_send(chan, 1, "two.", 4), 0);
	kid_wait(&kid);
	assert_true(mail_has(&kid.mail, "oneonetwo."));
	assert_int_equal(kid.code, 4);
}

/* ---- what it finds -------------------------------------------------------- */

/* A loop in which everything is going on. */
struct busy {
	struct net *net;
	struct host *tcp, *local;
	struct side *writer, *reader;
	size_t queued;
	weir_timer timer;
	weir_task later, end;
	weir_signal signal;
	weir_io io;
	int user[2];       /* descriptors of the user's own */
	struct kid others; /* a child that is there before */
	struct kid pipes;
	int timers, tasks, ends, signals, ios;
	int foreign; /* descriptors that were open before the loop */
	int loop_fds;
	char path[128];
};

static void count_timer(weir_timer *timer, void *arg)
{
	(void)timer;
	((struct busy *)arg)->timers++;
}

static void count_task(weir_task *task, void *arg)
{
	struct busy *b = arg;

	*(task == &b->later ? &b->tasks : &b->ends) += 1;
}

static void count_signal(weir_signal *watcher, int signo, void *arg)
{
	(void)watcher;
	(void)signo;
	((struct busy *)arg)->signals++;
}

static void count_io(weir_io *io, unsigned ready, void *arg)
{
	(void)ready;
	(void)arg;
	((struct busy *)arg)->ios++;
	weir_io_want(io, 0);
}

static int wait_for_the_end(weir_loop *loop, weir_chan *chan, void *arg)
{
	static const weir_chan_ops ops;

	(void)loop;
	weir_chan_on(chan, &ops, arg);
	return 0;
}

/* Its channel is not read. */
static int wait_deaf(weir_loop *loop, weir_chan *chan, void *arg)
{
	(void)chan;
	(void)arg;
	weir_loop_hold(loop);
	return 0;
}

static void get_busy(struct busy *b, struct net *net)
{
	*b = (struct busy){.net = net, .foreign = net->fds, .loop_fds = test_open_fds() - net->fds};
	(void)snprintf(b->path, sizeof b->path, "unix:%s/listener", test_dir());
	b->tcp = net_listen(net, NULL, NULL);
	b->local = net_listen(net, b->path, NULL);
	net_stalled_pair(net, NULL, &b->writer, &b->reader);
	b->queued = side_fill(b->writer, 0, 300000);
	kid_init(&b->others, net);
	kid_fork(&b->others, wait_deaf, NULL);
	/* On its way, and never taken. */
	assert_true(weir_chan_pass(weir_child_chan(b->others.child), 1, "x", 1, dup(2)) >= 0);
	kid_init(&b->pipes, net);
	kid_shell(&b->pipes, "cat", "wrb");
	assert_int_equal(pipe(b->user), 0);
	assert_int_equal(write(b->user[1], "x", 1), 1);
	assert_int_equal(weir_io_start(net->loop, &b->io, b->user[0], 0, count_io, b), 0);
	weir_timer_init(&b->timer, count_timer, b);
	weir_task_init(&b->later, count_task, b);
	weir_task_init(&b->end, count_task, b);
	assert_int_equal(weir_signal_start(net->loop, &b->signal, SIGUSR1, count_signal, b), 0);
	net_turns(net, 5);
	assert_int_equal(weir_io_want(&b->io, WEIR_READ), 0);
	weir_timer_start(net->loop, &b->timer, 0, 1);
	weir_later(net->loop, &b->later);
	weir_at_end(net->loop, &b->end);
	weir_at_drain(net->loop, &b->end);
}

static void calm_down(struct busy *b)
{
	weir_timer_stop(&b->timer);
	weir_signal_stop(&b->signal);
	weir_task_cancel(b->net->loop, &b->end);
	weir_io_stop(&b->io);
	weir_child_kill(b->others.child, SIGKILL);
	kid_wait(&b->others);
	weir_finish(b->pipes.at[0]->stream);
	kid_wait(&b->pipes);
	(void)close(b->user[0]);
	(void)close(b->user[1]);
}

static void end_loop(weir_timer *timer, void *arg)
{
	(void)timer;
	(void)arg;
}

/* The status is 0 when there is nothing but what is to be. */
static int look_around(weir_loop *loop, weir_chan *chan, void *arg)
{
	struct busy *b = arg;
	static weir_timer timer;
	const int before = b->timers + b->tasks + b->ends + b->signals + b->ios;
	struct sigaction now;

	(void)chan;
	/* What was open before, the user's own, the loop, and the channel. */
	const int fds = test_open_fds(), expected = b->foreign + 2 + b->loop_fds + 1;
	if (fds != expected) {
		print_error("%d descriptors open instead of %d\n", fds, expected);
		return 2;
	}
	if (fcntl(b->user[0], F_GETFD) < 0)
		return 3;
	if (sigaction(SIGUSR1, NULL, &now) != 0 || now.sa_handler != SIG_DFL)
		return 4;
	if (loop == b->net->loop || weir_loop_step(loop, 0) != 0)
		return 5;
	weir_timer_init(&timer, end_loop, NULL);
	weir_timer_start(loop, &timer, 30, 0);
	if (weir_loop_run(loop) != 0)
		return 6;
	if (b->timers + b->tasks + b->ends + b->signals + b->ios != before)
		return 7;
	return strcmp(b->writer->log, "o") != 0 || b->others.gones || b->pipes.gones ? 8 : 0;
}

static void connect_and_say(struct busy *b, struct host *host, int n)
{
	const int fd = raw_connect(host->address);

	raw_write(fd, "hi", 2);
	while (host->n < n || host->accepted[n - 1]->len < 2)
		net_turn(b->net);
	(void)close(fd);
	while (!host->accepted[n - 1]->gones)
		net_turn(b->net);
}

static void it_has_nothing_of_a_busy_loop_which_goes_on(void **state)
{
	struct net *net = *state;
	struct busy b;
	struct kid kid;

	get_busy(&b, net);
	kid_init(&kid, net);
	kid_fork(&kid, look_around, &b);
	while (!kid.exits)
		net_turn(net);
	kid_wait(&kid);
	assert_int_equal(kid.code, 0);

	/* All of it is still there, and what was under way arrives. */
	assert_int_equal(b.tasks, 1);
	assert_int_equal(b.ends, 0);
	assert_int_equal(b.ios, 1);
	const int timers = b.timers;
	assert_true(timers > 0);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	while (b.timers == timers || !b.signals)
		net_turn(net);
	assert_int_equal(b.signals, 1);
	connect_and_say(&b, b.tcp, 1);
	connect_and_say(&b, b.local, 1);
	weir_hold(b.reader->stream, false);
	weir_finish(b.writer->stream);
	while (!b.reader->ends)
		net_turn(net);
	assert_int_equal(b.reader->len, b.queued);
	assert_true(pattern_is(b.reader->got, b.queued, 0));
	side_write(b.pipes.at[0], "still there");
	while (b.pipes.at[1]->len < 11)
		net_turn(net);
	calm_down(&b);
	/* The path goes with the one who made it. */
	struct stat st;
	assert_int_equal(stat(b.path + 5, &st), 0);
	host_close(b.local);
	assert_int_equal(stat(b.path + 5, &st), -1);
}

/* Nobody who died can have edited the parent's set: whatever it was watching it still is. */
static void a_child_that_is_killed_disturbs_nobody(void **state)
{
	struct net *net = *state;
	struct busy b;
	struct kid kid;

	get_busy(&b, net);
	for (int i = 0; i < 5; i++) {
		kid_init(&kid, net);
		kid_fork(&kid, wait_for_the_end, NULL);
		assert_int_equal(weir_child_kill(kid.child, SIGKILL), 0);
		kid_wait(&kid);
		assert_int_equal(kid.signo, SIGKILL);
		connect_and_say(&b, b.tcp, i + 1);
		connect_and_say(&b, b.local, i + 1);
	}
	calm_down(&b);
}

/* A connection that was accepted and waits for memory: only its client and the parent
   have it. */
static void it_has_no_connection_that_waits(void **state)
{
	struct net *net = *state;
	struct busy b = {.net = net, .loop_fds = test_open_fds() - net->fds};
	struct host *host = net_listen(net, NULL, NULL);
	int fill[64], n = 0;
	struct kid kid;

	/* A number that the table has no place for yet. */
	while ((fill[n] = dup(0)) < 62)
		n++;
	const int client = raw_connect(host->address);
	assert_int_equal(client, 63);
	net->alloc.fail_at = net->alloc.calls + 2;
	net->alloc.fail_after = true;
	net_turn(net);
	net->alloc.fail_at = 0;
	net->alloc.fail_after = false;
	assert_int_equal(host->n, 0);
	assert_int_equal(fcntl(64, F_GETFD), FD_CLOEXEC);

	b.foreign = test_open_fds() - b.loop_fds - 2 - 2;
	b.user[0] = client;
	b.writer = calloc(1, sizeof *b.writer);
	b.writer->log[0] = 'o';
	kid_init(&kid, net);
	kid_fork(&kid, look_around, &b);
	kid_wait(&kid);
	assert_int_equal(kid.code, 0);
	free(b.writer);
	side_write(host_wait(host, 1), "x");
	(void)close(client);
	while (!host->accepted[0]->gones)
		net_turn(net);
	for (int i = 0; i <= n; i++)
		(void)close(fill[i]);
}

struct inherited {
	struct net *net;
	weir_timer timer;
	weir_task task;
	weir_io io;
	weir_signal signal;
	int fd[2];
	int calls;
	weir_loop *other;
};

static void inherited_timer(weir_timer *timer, void *arg)
{
	(void)timer;
	((struct inherited *)arg)->calls |= 1;
}

static void inherited_task(weir_task *task, void *arg)
{
	(void)task;
	((struct inherited *)arg)->calls |= 2;
}

static void inherited_io(weir_io *io, unsigned ready, void *arg)
{
	(void)ready;
	((struct inherited *)arg)->calls |= 4;
	weir_io_stop(io);
}

static void inherited_signal(weir_signal *watcher, int signo, void *arg)
{
	(void)signo;
	((struct inherited *)arg)->calls |= 8;
	weir_signal_stop(watcher);
}

static int use_again(weir_loop *loop, weir_chan *chan, void *arg)
{
	struct inherited *all = arg;

	(void)chan;
	weir_timer_init(&all->timer, inherited_timer, all);
	weir_timer_start(loop, &all->timer, 1, 0);
	weir_task_init(&all->task, inherited_task, all);
	if (weir_later(loop, &all->task) != 1)
		return 2;
	if (weir_io_start(loop, &all->io, all->fd[0], WEIR_READ, inherited_io, all) != 0)
		return 3;
	if (weir_signal_start(loop, &all->signal, SIGUSR2, inherited_signal, all) != 0)
		return 4;
	(void)raise(SIGUSR2);
	while (all->calls != 15)
		if (weir_loop_step(loop, 100) < 0)
			return 5;
	/* What other loops have is not touched. */
	if (fcntl(all->other->wake_fd[0], F_GETFD) < 0)
		return 6;
	return loop->mem.cap != all->net->loop->mem.cap ? 7 : 0;
}

/* Structs of the user's are in the child's memory as well: there they can begin anew. */
static void what_is_the_users_own_can_be_used_in_it(void **state)
{
	const weir_loop_opts capped = {.max_memory = 1 << 20};
	struct net *net = *state;
	struct inherited all = {.net = net};
	struct kid kid;

	net_reopen(net, &capped);
	kid_init(&kid, net);
	assert_int_equal(weir_loop_new(&all.other, NULL), 0);
	assert_int_equal(pipe(all.fd), 0);
	assert_int_equal(write(all.fd[1], "x", 1), 1);
	weir_timer_init(&all.timer, inherited_timer, &all);
	weir_timer_start(net->loop, &all.timer, 100000, 0);
	weir_task_init(&all.task, inherited_task, &all);
	weir_later(net->loop, &all.task);
	assert_int_equal(weir_io_start(net->loop, &all.io, all.fd[0], 0, inherited_io, &all), 0);
	assert_int_equal(weir_signal_start(net->loop, &all.signal, SIGUSR2, inherited_signal, &all),
	                 0);
	kid_fork(&kid, use_again, &all);
	kid_wait(&kid);
	assert_int_equal(kid.code, 0);
	assert_int_equal(all.calls, 2);
	weir_timer_stop(&all.timer);
	weir_io_stop(&all.io);
	weir_signal_stop(&all.signal);
	weir_loop_free(all.other);
	(void)close(all.fd[0]);
	(void)close(all.fd[1]);
}

/* ---- signals and output --------------------------------------------------- */

static int raise_one(weir_loop *loop, weir_chan *chan, void *arg)
{
	(void)loop;
	(void)chan;
	(void)raise(*(int *)arg);
	return 3;
}

static void a_signal_that_was_watched_does_to_it_what_it_did_before(void **state)
{
	struct net *net = *state;
	struct busy b = {.net = net};
	int signo = SIGUSR1;
	struct kid kid;

	assert_int_equal(weir_signal_start(net->loop, &b.signal, SIGUSR1, count_signal, &b), 0);
	kid_init(&kid, net);
	kid_fork(&kid, raise_one, &signo);
	kid_wait(&kid);
	assert_int_equal(kid.signo, SIGUSR1);
	assert_int_equal(b.signals, 0);
	assert_int_equal(raise(SIGUSR1), 0);
	while (!b.signals)
		net_turn(net);
	weir_signal_stop(&b.signal);
}

static int print_and_fork(void *arg)
{
	struct net net = {.loop = NULL};
	struct kid kid;
	char text[64];
	int fd[2], status = 3;

	(void)arg;
	if (pipe(fd) != 0 || dup2(fd[1], 1) != 1 || weir_loop_new(&net.loop, NULL) != 0)
		return 2;
	(void)close(fd[1]);
	(void)setvbuf(stdout, NULL, _IOFBF, 4096);
	(void)printf("once");
	kid_init(&kid, &net);
	if (kid_try_fork(&kid, give_back_a_number, &status, 0) != 0 || weir_loop_run(net.loop) != 0)
		return 3;
	weir_loop_free(net.loop);
	(void)fflush(stdout);
	(void)close(1);
	return read(fd[0], text, sizeof text) != 4 || kid.code != 3;
}

static void what_was_printed_before_is_not_printed_again(void **state)
{
	(void)state;
	assert_int_equal(test_in_child(print_and_fork, NULL), 0);
}

/* ---- generations ---------------------------------------------------------- */

/* Each says its number and what the next has said, and has no descriptor that the
   first has not. */
struct generations {
	int left;
	int fds; /* of the one before */
	struct mail mail;
	weir_chan *up;
};

static int be_generation(weir_loop *loop, weir_chan *chan, void *arg);

static void relay(struct mail *mail, char event)
{
	struct generations *g = mail->arg;

	if (event == 'm')
		(void)weir_chan_send(g->up, 1, mail->text, strlen(mail->text));
}

static int be_generation(weir_loop *loop, weir_chan *chan, void *arg)
{
	struct generations *g = arg;
	const weir_child_opts opts = {.chan_ops = &mail_ops, .chan_arg = &g->mail};
	const int fds = test_open_fds();
	char text[16];
	const int len = snprintf(text, sizeof text, "%d%s", g->left, fds == g->fds ? "" : "!");

	g->up = chan;
	g->fds = fds;
	(void)weir_chan_send(chan, 1, text, (size_t)len);
	if (g->left-- == 1)
		return 10;
	g->mail = (struct mail){.then = relay, .arg = g};
	return weir_fork_child(loop, NULL, be_generation, g, &opts, NULL, NULL) == 0 ? 20 : -1;
}

static void a_child_may_fork_children_of_its_own(void **state)
{
	struct net *net = *state;
	struct generations g = {.left = 4, .fds = test_open_fds() + 1};
	struct kid kid;

	kid_init(&kid, net);
	net_listen(net, NULL, NULL);
	kid_fork(&kid, be_generation, &g);
	kid_wait(&kid);
	assert_int_equal(kid.mail.text[0], '4');
	assert_non_null(strchr(kid.mail.text, '1'));
	assert_null(strchr(kid.mail.text, '!'));
	assert_int_equal(kid.code, 20);
	assert_int_equal(kids_left(), 0);
}

struct orphan {
	int fd;
};

static void tell_of_the_end(weir_chan *chan, int why, void *arg)
{
	const struct orphan *o = arg;

	(void)chan;
	(void)!write(o->fd, why == 0 ? "0" : "?", 1);
}

static int outlive(weir_loop *loop, weir_chan *chan, void *arg)
{
	static const weir_chan_ops ops = {.gone = tell_of_the_end};

	(void)loop;
	weir_chan_on(chan, &ops, arg);
	return 0;
}

static int fork_and_die(void *arg)
{
	struct net net = {.loop = NULL};
	struct kid kid;

	if (weir_loop_new(&net.loop, NULL) != 0)
		return 2;
	kid_init(&kid, &net);
	return kid_try_fork(&kid, outlive, arg, 0) == 0 ? 9 : 3;
}

static void it_hears_of_its_parents_death(void **state)
{
	int fd[2];
	char text[4] = "";

	(void)state;
	assert_int_equal(pipe(fd), 0);
	struct orphan o = {fd[1]};
	assert_int_equal(test_in_child(fork_and_die, &o), 9);
	(void)close(fd[1]);
	assert_int_equal(read(fd[0], text, 4), 1);
	assert_string_equal(text, "0");
	assert_int_equal(read(fd[0], text, 4), 0);
	(void)close(fd[0]);
}

/* ---- from any call -------------------------------------------------------- */

/* What forks when it is called, once for each letter of a name. */
struct forks {
	struct net *net;
	struct kid kids[24];
	int n;
	weir_timer timer;
	weir_task task, end;
	weir_io io;
	weir_signal signal;
	int fd[2];
};

static void fork_one(struct forks *f)
{
	struct kid *kid = &f->kids[f->n];

	kid_init(kid, f->net);
	kid_fork(kid, give_back_a_number, &f->n);
	f->n++;
}

static void fork_in_timer(weir_timer *timer, void *arg)
{
	(void)timer;
	fork_one(arg);
}

static void fork_in_task(weir_task *task, void *arg)
{
	(void)task;
	fork_one(arg);
}

static void fork_in_io(weir_io *io, unsigned ready, void *arg)
{
	(void)ready;
	weir_io_stop(io);
	fork_one(arg);
}

static void fork_in_signal(weir_signal *watcher, int signo, void *arg)
{
	(void)signo;
	weir_signal_stop(watcher);
	fork_one(arg);
}

static void fork_in_side(struct side *side, char event)
{
	if (!strchr("odegr", event) || (side->n >> (event - 'a') & 1))
		return;
	side->n |= 1 << (event - 'a');
	fork_one(side->arg);
}

static void fork_in_kid(struct kid *kid, char event)
{
	(void)event;
	fork_one(kid->arg);
}

static void fork_in_mail(struct mail *mail, char event)
{
	(void)event;
	fork_one(mail->arg);
}

static void a_fork_is_possible_in_any_call(void **state)
{
	static struct forks f;
	struct net *net = *state;
	struct host *host = net_listen(net, NULL, NULL);
	struct kid kid;

	f = (struct forks){.net = net};
	weir_timer_init(&f.timer, fork_in_timer, &f);
	weir_timer_start(net->loop, &f.timer, 1, 0);
	weir_task_init(&f.task, fork_in_task, &f);
	weir_later(net->loop, &f.task);
	assert_int_equal(pipe(f.fd), 0);
	assert_int_equal(write(f.fd[1], "x", 1), 1);
	assert_int_equal(weir_io_start(net->loop, &f.io, f.fd[0], WEIR_READ, fork_in_io, &f), 0);
	assert_int_equal(weir_signal_start(net->loop, &f.signal, SIGUSR1, fork_in_signal, &f), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	while (f.n < 4)
		net_turn(net);

	/* Each of a stream's calls, at both ends. */
	host->model.then = fork_in_side;
	host->model.arg = &f;
	struct side *client = net_connect(net, host->address, NULL);
	client->then = fork_in_side;
	client->arg = &f;
	side_write(client, "hello");
	while (host->n < 1 || host->accepted[0]->len < 5)
		net_turn(net);
	struct side *server = host->accepted[0];
	side_write(server, "hello");
	while (client->len < 5)
		net_turn(net);
	weir_finish(client->stream);
	while (!client->gones || !server->gones)
		net_turn(net);
	assert_int_equal(f.n, 4 + 4 + 4);

	/* Those of a child and its channel: message, ready, exit, its end and gone. */
	kid_init(&kid, net);
	kid.then = fork_in_kid;
	kid.mail.then = fork_in_mail;
	kid.arg = kid.mail.arg = &f;
	kid_fork(&kid, only_speak, NULL);
	kid_wait(&kid);
	assert_int_equal(f.n, 12 + 5);

	for (int i = 0; i < f.n; i++) {
		kid_wait(&f.kids[i]);
		assert_int_equal(f.kids[i].code, i);
	}
	(void)close(f.fd[0]);
	(void)close(f.fd[1]);

	/* At the end of the loop's run, which is run once more for it. */
	host_close(host);
	weir_task_init(&f.end, fork_in_task, &f);
	weir_at_end(net->loop, &f.end);
	assert_int_equal(weir_loop_run(net->loop), 0);
	assert_int_equal(weir_loop_run(net->loop), 0);
	assert_int_equal(f.kids[17].code, 17);
	assert_int_equal(kids_left(), 0);
}

/* ---- ready ---------------------------------------------------------------- */

static int be_ready(weir_loop *loop, weir_chan *chan, void *arg)
{
	static const weir_chan_ops ops;

	(void)arg;
	weir_chan_on(chan, &ops, NULL);
	return weir_ready(loop) == 1 ? 0 : 1;
}

static void one_that_is_ready_in_time_lives_on(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	assert_int_equal(kid_try_fork(&kid, be_ready, NULL, 5000), 0);
	while (!kid.readies)
		net_turn(kid.net);
	/* The clock does not run any more: nothing else holds the loop that long. */
	assert_string_equal(kid.log, "y");
	weir_chan_finish(weir_child_chan(kid.child));
	kid_wait(&kid);
	assert_string_equal(kid.log, "yxg");
	assert_int_equal(kid.why, 0);
	assert_int_equal(kid.code, 0);
}

static void one_that_is_not_ready_in_time_is_ended(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	assert_int_equal(kid_try_fork(&kid, wait_for_the_end, NULL, 20), 0);
	kid_wait(&kid);
	assert_string_equal(kid.log, "xg");
	assert_int_equal(kid.signo, SIGKILL);
	assert_int_equal(kid.why, WEIR_ETIMEOUT);
}

static void close_at(struct kid *kid, char event)
{
	if (event == *(const char *)kid->arg)
		kid_close(kid);
}

static void it_may_be_closed_in_its_own_calls(void **state)
{
	struct kid kid;

	for (const char *event = "yxg"; *event; event++) {
		kid_init(&kid, *state);
		kid.then = close_at;
		kid.arg = (void *)(uintptr_t)event;
		kid_fork(&kid, only_speak, NULL);
		while (!kid.mail.gones || kids_left() || kid.child)
			net_turn(kid.net);
		assert_int_equal(kid.gones, *event == 'g');
	}
}

static void close_kid_in_mail(struct mail *mail, char event)
{
	struct kid *kid = mail->arg;

	if (event == 'g' && kid->child)
		kid_close(kid);
}

static void it_may_be_closed_when_its_channel_ends(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	kid.mail.then = close_kid_in_mail;
	kid.mail.arg = &kid;
	kid_fork(&kid, only_speak, NULL);
	while (!kid.mail.gones || kids_left())
		net_turn(kid.net);
	net_turns(kid.net, 5);
	assert_int_equal(kid.gones, 0);
}

/* ---- when something runs out ---------------------------------------------- */

static void nothing_is_left_when_memory_runs_out(void **state)
{
	struct net *net = *state;
	int status = 6, refused = 0;
	struct kid kid;

	for (size_t at = 1;; at++) {
		kid_init(&kid, net);
		const int fds = test_open_fds();
		net->alloc.calls = net->alloc.refused = 0;
		net->alloc.fail_at = at;
		const int result = kid_try_fork(&kid, give_back_a_number, &status, 0);
		net->alloc.fail_at = 0;
		const bool none_failed = !net->alloc.refused;
		if (result == 0) {
			kid_wait(&kid);
			/* In the child the same allocator fails, when it has not yet. */
			assert_true(kid.code == 6 || kid.code == 1);
		} else {
			assert_int_equal(result, -ENOMEM);
			assert_null(kid.child);
			refused++;
		}
		net_turns(net, 1);
		assert_int_equal(test_open_fds(), fds);
		if (none_failed && kid.code == 6)
			break;
	}
	assert_true(refused >= 2);
}

static int fork_with_few_numbers(void *arg)
{
	struct net net = {.loop = NULL};
	struct kid kid;
	int status = 6, refused = 0, result = -1;

	(void)arg;
	if (weir_loop_new(&net.loop, NULL) != 0)
		return 2;
	const int open = test_open_fds(), lowest = dup(0);
	(void)close(lowest);
	for (rlim_t limit = (rlim_t)lowest; limit < (rlim_t)lowest + 10; limit++) {
		const struct rlimit few = {.rlim_cur = limit, .rlim_max = 100};
		if (setrlimit(RLIMIT_NOFILE, &few) != 0)
			return 3;
		kid_init(&kid, &net);
		result = kid_try_fork(&kid, give_back_a_number, &status, 0);
		if (result == 0 && weir_loop_run(net.loop) != 0)
			return 4;
		if (result != 0 && result != -EMFILE)
			return 5;
		refused += result == -EMFILE;
		if (test_open_fds() != open || kids_left())
			return 6;
		if (result == 0 && kid.code == 6)
			break;
	}
	weir_loop_free(net.loop);
	return refused < 2 || strcmp(kid.log, "xg") != 0;
}

static void nothing_is_left_when_descriptors_run_out(void **state)
{
	(void)state;
	assert_int_equal(test_in_child(fork_with_few_numbers, NULL), 0);
}

static void what_makes_no_sense_is_refused(void **state)
{
	const weir_chan_opts bad = {.max_message = -1};
	const weir_child_opts opts = {.chan_opts = &bad};
	struct net *net = *state;
	weir_child *child = (weir_child *)state;
	int status = 0;

	assert_int_equal(weir_fork_child(net->loop, &child, give_back_a_number, &status, &opts,
	                                 &kid_ops, NULL),
	                 WEIR_EINVALID);
	assert_null(child);
	assert_int_equal(weir_loop_run(net->loop), 0);
}

static void nobody_needs_to_listen(void **state)
{
	struct net *net = *state;
	int status = 3;

	assert_int_equal(
		weir_fork_child(net->loop, NULL, give_back_a_number, &status, NULL, NULL, NULL), 0);
	assert_int_equal(weir_loop_run(net->loop), 0);
	assert_int_equal(kids_left(), 0);
}

static void many_in_a_row_leave_nothing(void **state)
{
	struct net *net = *state;
	const int fds = test_open_fds();
	const int64_t began = test_now_ms();
	size_t blocks = 0;

	for (int i = 0; i < 300; i++) {
		struct kid kid;
		kid_init(&kid, net);
		if (i == 5)
			blocks = net->alloc.live_blocks;
		kid_fork(&kid, only_speak, NULL);
		kid_wait(&kid);
		assert_int_equal(kid.code, 5);
	}
	print_message("300 forks in %d ms\n", (int)(test_now_ms() - began));
	assert_int_equal(test_open_fds(), fds);
	assert_int_equal(net->alloc.live_blocks, blocks);
	assert_int_equal(kids_left(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(its_status_is_what_its_body_returns),
		NET_TEST(its_loop_runs_until_nothing_holds_it),
		NET_TEST(what_its_body_says_is_heard),
		NET_TEST(messages_go_both_ways),
		NET_TEST(it_has_nothing_of_a_busy_loop_which_goes_on),
		NET_TEST(a_child_that_is_killed_disturbs_nobody),
		NET_TEST(it_has_no_connection_that_waits),
		NET_TEST(what_is_the_users_own_can_be_used_in_it),
		NET_TEST(a_signal_that_was_watched_does_to_it_what_it_did_before),
		NET_TEST(what_was_printed_before_is_not_printed_again),
		NET_TEST(a_child_may_fork_children_of_its_own),
		NET_TEST(it_hears_of_its_parents_death),
		NET_TEST(a_fork_is_possible_in_any_call),
		NET_TEST(one_that_is_ready_in_time_lives_on),
		NET_TEST(one_that_is_not_ready_in_time_is_ended),
		NET_TEST(it_may_be_closed_in_its_own_calls),
		NET_TEST(it_may_be_closed_when_its_channel_ends),
		NET_TEST(nothing_is_left_when_memory_runs_out),
		NET_TEST(nothing_is_left_when_descriptors_run_out),
		NET_TEST(what_makes_no_sense_is_refused),
		NET_TEST(nobody_needs_to_listen),
		NET_TEST(many_in_a_row_leave_nothing),
	};

	return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
