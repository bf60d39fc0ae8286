/*
 * What does a program get that another one has started, and whom does it tell that it is
 * up? Sockets, a channel and systemd's socket go by the environment: so this program is
 * its own child (be_kid), and the child of that.
 */
#include "tests/support/kid.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/sys.h"

/* ---- this program as a child ---------------------------------------------- */

static weir_loop *new_loop(void)
{
	weir_loop *loop;

	return weir_loop_new(&loop, NULL) == 0 ? loop : NULL;
}

/* It never runs a loop. */
static int say_ready(void)
{
	weir_loop *loop = new_loop();
	const int told = weir_ready(loop);

	(void)printf("%d\n", told);
	return 0;
}

static void say_and_end(weir_stream *stream, void *arg)
{
	(void)arg;
	(void)weir_write(stream, "kid", 3);
	weir_finish(stream);
}

static const weir_stream_ops greeter = {.open = say_and_end};

static void stop_with_input(weir_stream *stream, void *arg)
{
	weir_loop_stop(arg);
	weir_finish(stream);
}

/* Listens on all addresses, says where, and says "kid" to who comes, until its input ends. */
static int serve(int n, char **addresses)
{
	static const weir_stream_ops ops = {.end = stop_with_input};
	weir_loop *loop = new_loop();
	weir_stream *input;

	for (int i = 0; i < n; i++) {
		weir_listener *listener;
		char text[128] = "";
		const int result = weir_listen(loop, &listener, addresses[i], NULL, &greeter, NULL);
		if (result == 0)
			(void)weir_listener_address(listener, text, sizeof text);
		(void)printf("%s ", result == 0 ? text : weir_strerror(result));
	}
	(void)printf("%d\n", weir_ready(loop));
	(void)fflush(stdout);
	if (weir_adopt(loop, &input, 0, NULL, &ops, loop) != 0 || weir_loop_run(loop) != 0)
		return 1;
	weir_loop_free(loop);
	return 0;
}

static void ready_below(weir_child *child, void *arg)
{
	(void)child;
	weir_loop_stop(arg);
}

/* Listens, and starts the next one that does, which has its input and output; ends when
   that is ready. */
static int hand_over(char *address)
{
	const char *argv[] = {kid_self(), "--kid", "serve", address, NULL};
	static const weir_child_ops ops = {.ready = ready_below};
	const weir_child_opts opts = {.argv = argv, .sockets = true, .channel = true};
	weir_loop *loop = new_loop();
	weir_listener *listener;
	int result = weir_listen(loop, &listener, address, NULL, &greeter, NULL);

	if (result == 0)
		result = weir_spawn(loop, NULL, &opts, &ops, loop);
	if (result != 0)
		(void)printf("%s\n", weir_strerror(result));
	(void)fflush(stdout);
	return result == 0 ? weir_loop_run(loop) : 1;
}

/* What it has of the variables, and what the next ones have: started by weir, and by the
   shell. */
static int show_environment(const char *left)
{
	const char *next[] = {kid_self(), "--kid", "show", "0", NULL};
	const weir_child_opts opts = {.argv = next};
	static const char *const names[] = {"WEIR_CHANNEL", "LISTEN_FDS", "LISTEN_PID",
	                                    "LISTEN_FDNAMES"};
	weir_loop *loop = new_loop();
	weir_chan *chan;

	for (int i = 0; i < 4; i++)
		(void)putchar(getenv(names[i]) ? 'y' : 'n');
	(void)putchar(weir_chan_inherit(loop, &chan, NULL, NULL, NULL) == 0 ? 'Y' : 'N');
	(void)putchar(weir_listen(loop, NULL, "systemd:unknown", NULL, &greeter, NULL) == 0 ? 'Y'
	                                                                                    : 'N');
	(void)putchar(' ');
	(void)fflush(stdout);
	if (*left == '0')
		return 0;
	if (*left == '2') {
		char command[4200];
		(void)snprintf(command, sizeof command, "'%s' --kid show 1", kid_self());
		return system(command);
	}
	weir_loop *other = new_loop();
	const int result = weir_spawn(other, NULL, &opts, NULL, NULL);
	return result == 0 ? weir_loop_run(other) : 1;
}

static void echo(struct mail *mail, char event)
{
	if (event != 'm')
		return;
	if (mail->fd >= 0) {
		(void)!write(mail->fd, "by the kid", 10);
		(void)close(mail->fd);
		mail->fd = -1;
	}
	(void)weir_chan_send(mail->chan, mail->type + 1, mail->text, strlen(mail->text));
	if (strchr(mail->text, '.'))
		weir_chan_finish(mail->chan);
}

static int echo_messages(void)
{
	static struct mail mail = {.then = echo, .fd = -1};
	weir_loop *loop = new_loop();
	weir_chan *chan, *again;

	if (weir_chan_inherit(loop, &chan, NULL, &mail_ops, &mail) != 0)
		return 3;
	/* Once. */
	if (weir_chan_inherit(loop, &again, NULL, &mail_ops, &mail) != -ENOENT || again)
		return 4;
	if (weir_ready(loop) != 1)
		return 5;
	return weir_loop_run(loop) == 0 ? 11 : 6;
}

static int be_kid(int argc, char **argv)
{
	const char *what = argc > 0 ? argv[0] : "";

	if (strcmp(what, "ready") == 0)
		return say_ready();
	if (strcmp(what, "serve") == 0)
		return serve(argc - 1, argv + 1);
	if (strcmp(what, "hand-over") == 0 && argc == 2)
		return hand_over(argv[1]);
	if (strcmp(what, "show") == 0 && argc == 2)
		return show_environment(argv[1]);
	if (strcmp(what, "echo") == 0)
		return echo_messages();
	return 98;
}

/* ---- starting it ---------------------------------------------------------- */

struct call {
	const char *argv[10];
	weir_child_opts opts;
};

static weir_child_opts *call(struct call *c, struct kid *kid, const char *letters)
{
	c->argv[0] = kid_self();
	c->argv[1] = "--kid";
	c->opts.argv = c->argv;
	kid_fds(kid, &c->opts, letters);
	return &c->opts;
}

static void await_line(struct kid *kid)
{
	while (!kid->at[1]->len || kid->at[1]->got[kid->at[1]->len - 1] != '\n')
		net_turn(kid->net);
}

/* Connects to who serves there, while the loop turns: "kid" or "net". */
static void expect_answer(struct net *net, const char *address, const char *text)
{
	struct side *side = net_connect(net, address, NULL);

	while (!side->gones)
		net_turn(net);
	assert_true(side_has(side, text));
}

static void say_net(struct side *side, char event)
{
	if (event == 'o') {
		side_write(side, "net");
		weir_finish(side->stream);
	}
}

static struct host *listen_as_net(struct net *net, const char *address)
{
	struct host *host = net_listen(net, address, NULL);

	host->model.then = say_net;
	return host;
}

/* A name that no other run of this program has. */
static const char *abstract(const char *kind, const char *name)
{
	static char text[64];

	(void)snprintf(text, sizeof text, "%s%s-%d", kind, name, (int)getpid());
	return text;
}

/* ---- ready ---------------------------------------------------------------- */

static void a_program_says_that_it_is_ready_without_a_loop(void **state)
{
	struct call c = {.argv = {[2] = "ready"}};
	struct kid kid;
	kid_init(&kid, *state);

	kid_chan(&kid, call(&c, &kid, "-r-"));
	c.opts.ready_ms = 20000;
	kid_spawn(&kid, &c.opts);
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, "1\n"));
	assert_int_equal(kid.readies, 1);
	assert_int_equal(kid.code, 0);
	assert_int_equal(kid.why, 0);
}

static void without_a_channel_nobody_is_told(void **state)
{
	struct call c = {.argv = {[2] = "ready"}};
	struct kid kid;
	kid_init(&kid, *state);

	kid_spawn(&kid, call(&c, &kid, "-r-"));
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, "0\n"));
	assert_string_equal(kid.log, "xg");
}

static void a_program_talks_over_its_channel(void **state)
{
	struct call c = {.argv = {[2] = "echo"}};
	struct kid kid;
	int fd[2];
	char text[16] = "";
	kid_init(&kid, *state);

	kid_chan(&kid, call(&c, &kid, "---"));
	kid_spawn(&kid, &c.opts);
	while (!kid.readies)
		net_turn(kid.net);
	weir_chan *chan = weir_child_chan(kid.child);
	assert_int_equal(weir_chan_send(chan, 1, "one", 3), 0);
	while (kid.mail.n < 1)
		net_turn(kid.net);
	assert_int_equal(kid.mail.type, 2);
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(weir_chan_pass(chan, 1, "two.", 4, fd[1]), 0);
	kid_wait(&kid);
	assert_true(mail_has(&kid.mail, "oneonetwo."));
	assert_int_equal(kid.mail.why, 0);
	assert_int_equal(read(fd[0], text, sizeof text), 10);
	assert_string_equal(text, "by the kid");
	assert_int_equal(read(fd[0], text, sizeof text), 0);
	assert_int_equal(close(fd[0]), 0);
	assert_string_equal(kid.log, "yxg");
	assert_int_equal(kid.code, 11);
}

/* Behind descriptors of its own, however many. */
static void the_channel_stands_behind_its_own(void **state)
{
	struct call c = {.argv = {[2] = "ready"}};
	struct kid kid;
	kid_init(&kid, *state);

	kid_chan(&kid, call(&c, &kid, "-r-------------w----"));
	kid_spawn(&kid, &c.opts);
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, "1\n"));
	assert_int_equal(kid.readies, 1);
}

static void close_it(struct kid *kid, char event)
{
	if (event == 'y')
		kid_close(kid);
}

static void it_may_be_closed_when_it_is_ready(void **state)
{
	struct call c = {.argv = {[2] = "serve"}};
	struct kid kid;
	kid_init(&kid, *state);

	kid.then = close_it;
	kid_chan(&kid, call(&c, &kid, "wr-"));
	c.opts.ready_ms = 20000;
	kid_spawn(&kid, &c.opts);
	while (kid.child)
		net_turn(kid.net);
	weir_finish(kid.at[0]->stream);
	kids_gone(kid.net);
	while (!kid.at[1]->gones)
		net_turn(kid.net);
	assert_string_equal(kid.log, "y");
}

/* ---- what is not handed on ------------------------------------------------ */

static void show(struct kid *kid, const char *left, const char *expected)
{
	struct call c = {.argv = {[2] = "show", left}};
	struct host *host = net_listen(kid->net, abstract("unix:", "@weir-ready-show"), NULL);

	kid_chan(kid, call(&c, kid, "-r-"));
	c.opts.sockets = true;
	kid_spawn(kid, &c.opts);
	kid_wait(kid);
	assert_int_equal(kid->code, 0);
	assert_true(kid_said(kid, 1, expected));
	host_close(host);
}

static void what_was_meant_for_one_is_not_handed_on_by_weir(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	show(&kid, "1", "yyyyYY nnnnNN ");
}

/* Others hand the variables on, but nobody takes them for its own. */
static void what_was_meant_for_one_is_not_taken_by_another(void **state)
{
	struct kid kid;
	kid_init(&kid, *state);

	show(&kid, "2", "yyyyYY yyyyNN nnnnNN ");
}

/* A program that was started so itself, and gives its children what it has and more. */
static void an_environment_that_is_copied_does_not_mislead(void **state)
{
	const char *env[] = {"WEIR_CHANNEL=77,1",  "LISTEN_FDS=9", "LISTEN_PID=1",
	                     "LISTEN_FDNAMES=a:b", "OTHER=x",      NULL};
	struct net *net = *state;
	struct call c = {.argv = {[2] = "show", "0"}};
	struct kid kid;

	kid_init(&kid, net);
	net_listen(net, abstract("unix:", "@weir-ready-copied"), NULL);
	kid_chan(&kid, call(&c, &kid, "-r-"));
	c.opts.env = env;
	c.opts.sockets = true;
	kid_spawn(&kid, &c.opts);
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, "yyyyYY "));

	/* What is given and not weir's business stays. */
	c = (struct call){.argv = {[2] = "show", "0"}};
	kid_init(&kid, net);
	call(&c, &kid, "-r-");
	c.opts.env = env;
	kid_spawn(&kid, &c.opts);
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, "yyyyNN "));
}

/* ---- sockets -------------------------------------------------------------- */

static void listening_sockets_go_along(void **state)
{
	struct net *net = *state;
	char path[128], expected[600];
	struct stat st;
	struct call c = {.argv = {[2] = "serve"}};
	struct kid kid;

	(void)snprintf(path, sizeof path, "unix:%s/passed", test_dir());
	struct host *hosts[] = {
		listen_as_net(net, "127.0.0.1:0"),
		listen_as_net(net, path),
		listen_as_net(net, abstract("unix:", "@weir-ready-passed")),
		listen_as_net(net, "[::1]:0"),
	};
	kid_init(&kid, net);
	c.argv[3] = hosts[0]->address;
	c.argv[4] = path;
	c.argv[5] = hosts[2]->address;
	c.argv[6] = "[::1]:0";
	kid_chan(&kid, call(&c, &kid, "wr-"));
	c.opts.sockets = true;
	kid_spawn(&kid, &c.opts);
	await_line(&kid);
	/* Port 0 as well is the port that it was here. */
	(void)snprintf(expected, sizeof expected, "%s %s %s %s 1\n", hosts[0]->address,
	               hosts[1]->address, hosts[2]->address, hosts[3]->address);
	assert_true(kid_said(&kid, 1, expected));
	while (!kid.readies)
		net_turn(net);
	for (int i = 0; i < 4; i++) {
		host_close(hosts[i]);
		expect_answer(net, hosts[i]->address, "kid");
	}
	/* The path is the next one's now. */
	assert_int_equal(stat(path + 5, &st), 0);
	weir_finish(kid.at[0]->stream);
	kid_wait(&kid);
	assert_int_equal(kid.code, 0);
	(void)unlink(path + 5);
}

/* Before it is ready it may die: all is as it was. */
static void sockets_stay_ours_until_it_is_ready(void **state)
{
	struct net *net = *state;
	char path[128];
	struct stat st;
	struct call c = {.argv = {[2] = "nothing"}};
	struct kid kid;

	(void)snprintf(path, sizeof path, "unix:%s/kept", test_dir());
	struct host *host = listen_as_net(net, path);
	kid_init(&kid, net);
	kid_chan(&kid, call(&c, &kid, "---"));
	c.opts.sockets = true;
	kid_spawn(&kid, &c.opts);
	kid_wait(&kid);
	assert_string_equal(kid.log, "xg");
	expect_answer(net, path, "net");
	host_close(host);
	assert_int_equal(stat(path + 5, &st), -1);
}

static void an_address_that_nobody_had_is_opened_anew(void **state)
{
	struct net *net = *state;
	char path[128], other[128], expected[600];
	struct call c = {.argv = {[2] = "serve"}};
	struct kid kid;

	(void)snprintf(path, sizeof path, "unix:%s/old", test_dir());
	(void)snprintf(other, sizeof other, "unix:%s/new", test_dir());
	struct host *host = listen_as_net(net, path);
	kid_init(&kid, net);
	c.argv[3] = other;
	/* And one twice: the second time nobody has passed it. */
	c.argv[4] = path;
	c.argv[5] = path;
	kid_chan(&kid, call(&c, &kid, "wr-"));
	c.opts.sockets = true;
	kid_spawn(&kid, &c.opts);
	await_line(&kid);
	(void)snprintf(expected, sizeof expected, "%s %s %s 1\n", other, path,
	               weir_strerror(-EADDRINUSE));
	assert_true(kid_said(&kid, 1, expected));
	expect_answer(net, other, "kid");
	host_close(host);
	weir_finish(kid.at[0]->stream);
	kid_wait(&kid);
}

static int plain_listener(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	(void)snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
	(void)unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* A socket that was known by its number is found by the same number in the next program,
   where another stands. */
static void a_numbered_socket_keeps_its_name(void **state)
{
	struct net *net = *state;
	char path[128], address[160], expected[300], number[16];
	struct call c = {.argv = {[2] = "serve"}};
	struct kid kid;

	(void)snprintf(path, sizeof path, "%s/numbered", test_dir());
	(void)snprintf(address, sizeof address, "unix:%s", path);
	const int low = plain_listener(path), fd = fcntl(low, F_DUPFD, 40);
	assert_int_equal(close(low), 0);
	(void)snprintf(number, sizeof number, "fd:%d", fd);
	struct host *host = listen_as_net(net, number);
	kid_init(&kid, net);
	c.argv[3] = number;
	kid_chan(&kid, call(&c, &kid, "wr-"));
	c.opts.sockets = true;
	kid_spawn(&kid, &c.opts);
	await_line(&kid);
	(void)snprintf(expected, sizeof expected, "%s 1\n", address);
	assert_true(kid_said(&kid, 1, expected));
	host_close(host);
	expect_answer(net, address, "kid");
	weir_finish(kid.at[0]->stream);
	kid_wait(&kid);
}

/* As systemd starts it, and then its next version by itself. */
static void a_named_socket_goes_from_program_to_program(void **state)
{
	struct net *net = *state;
	char path[128], address[160], expected[300];
	const char *argv[] = {"/bin/sh", "-c",
	                      "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=other:web "
	                      "exec \"$0\" --kid hand-over systemd:web",
	                      kid_self(), NULL};
	weir_child_opts opts = {.argv = argv};
	struct kid kid;

	(void)snprintf(path, sizeof path, "%s/named", test_dir());
	(void)snprintf(address, sizeof address, "unix:%s", path);
	const int fd = plain_listener(path);
	int input[2];
	assert_int_equal(pipe(input), 0);
	kid_init(&kid, net);
	kid_fds(&kid, &opts, "-r---");
	/* No stream: that would end with the first one. */
	kid.fds[0] = (weir_child_fd){.kind = WEIR_FD_GIVEN, .fd = input[0]};
	kid.fds[4] = (weir_child_fd){.kind = WEIR_FD_GIVEN, .fd = fd};
	kid_spawn(&kid, &opts);
	await_line(&kid);
	(void)snprintf(expected, sizeof expected, "%s 1\n", address);
	assert_true(kid_said(&kid, 1, expected));
	while (!kid.exits)
		net_turn(net);
	assert_int_equal(kid.code, 0);
	expect_answer(net, address, "kid");
	(void)close(input[0]);
	(void)close(input[1]);
	kid_wait(&kid);
	(void)close(fd);
}

static void many_sockets_go_along_with_their_names(void **state)
{
	struct net *net = *state;
	char expected[2048] = "";
	struct call c = {.argv = {[2] = "serve"}};
	struct host *hosts[40];
	struct kid kid;

	for (int i = 0; i < 40; i++)
		hosts[i] = listen_as_net(net, NULL);
	kid_init(&kid, net);
	for (int i = 0; i < 6; i++) {
		c.argv[3 + i] = hosts[39 - i * 7]->address;
		(void)strcat(strcat(expected, hosts[39 - i * 7]->address), " ");
	}
	(void)strcat(expected, "1\n");
	kid_chan(&kid, call(&c, &kid, "wr-"));
	c.opts.sockets = true;
	kid_spawn(&kid, &c.opts);
	await_line(&kid);
	assert_true(kid_said(&kid, 1, expected));
	weir_finish(kid.at[0]->stream);
	kid_wait(&kid);
}

/* ---- telling systemd ------------------------------------------------------ */

struct manager {
	int fd;
	char address[128];
};

static void manager_start(struct manager *m, const char *name)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));

	m->fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_true(m->fd >= 0);
	(void)snprintf(m->address, sizeof m->address, "%s", name);
	memcpy(addr.sun_path, name, strlen(name));
	if (*name == '@')
		addr.sun_path[0] = '\0';
	else
		(void)unlink(name);
	assert_int_equal(bind(m->fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static void manager_end(struct manager *m)
{
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	assert_int_equal(close(m->fd), 0);
}

static void manager_expect(struct manager *m, const char *text)
{
	char got[256];
	const ssize_t n = recv(m->fd, got, sizeof got, MSG_DONTWAIT);

	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

static void systemd_is_told_by_a_path_or_a_name(void **state)
{
	struct net *net = *state;
	struct manager m;
	char path[128];

	(void)snprintf(path, sizeof path, "%s/notify", test_dir());
	const char *names[] = {path, abstract("", "@weir-ready-notify")};
	for (int i = 0; i < 2; i++) {
		manager_start(&m, names[i]);
		assert_int_equal(weir_notify("STATUS=hello"), 1);
		manager_expect(&m, "STATUS=hello");
		assert_int_equal(weir_ready(net->loop), 1);
		manager_expect(&m, "READY=1");
		manager_end(&m);
	}
}

static void without_systemd_nobody_is_told(void **state)
{
	struct net *net = *state;

	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	assert_int_equal(weir_notify("READY=1"), 0);
	assert_int_equal(weir_ready(net->loop), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", "", 1), 0);
	assert_int_equal(weir_notify("READY=1"), 0);
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
}

static void who_is_told_must_be_there(void **state)
{
	char path[128], longer[200];
	struct net *net = *state;

	(void)snprintf(path, sizeof path, "%s/nobody", test_dir());
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	longer[0] = '/';
	const struct {
		const char *name;
		int result;
	} cases[] = {{path, -ENOENT},
	             {abstract("", "@weir-ready-nobody"), -ECONNREFUSED},
	             {"relative", -EINVAL},
	             {longer, -EINVAL}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(setenv("NOTIFY_SOCKET", cases[i].name, 1), 0);
		assert_int_equal(weir_notify("READY=1"), cases[i].result);
		assert_int_equal(weir_ready(net->loop), cases[i].result);
	}
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
}

static void telling_never_waits(void **state)
{
	struct manager m;
	int result = 1, n = 0;

	(void)state;
	manager_start(&m, abstract("", "@weir-ready-full"));
	while (result == 1 && n++ < 100000)
		result = weir_notify("STATUS=again");
	assert_int_equal(result, -EAGAIN);
	manager_end(&m);
}

/* systemd and whoever has started it. */
static void both_are_told(void **state)
{
	struct call c = {.argv = {[2] = "ready"}};
	struct manager m;
	struct kid kid;
	kid_init(&kid, *state);

	manager_start(&m, abstract("", "@weir-ready-both"));
	kid_chan(&kid, call(&c, &kid, "-r-"));
	kid_spawn(&kid, &c.opts);
	kid_wait(&kid);
	assert_true(kid_said(&kid, 1, "2\n"));
	manager_expect(&m, "READY=1");
	assert_int_equal(kid.readies, 1);
	manager_end(&m);
}

static int only_be_ready(weir_loop *loop, weir_chan *chan, void *arg)
{
	(void)chan;
	(void)arg;
	return weir_ready(loop);
}

/* It is not the service that systemd has started. */
static void a_forked_child_tells_its_parent_alone(void **state)
{
	struct manager m;
	struct kid kid;
	char got[16];
	kid_init(&kid, *state);

	manager_start(&m, abstract("", "@weir-ready-forked"));
	kid_fork(&kid, only_be_ready, NULL);
	kid_wait(&kid);
	assert_int_equal(kid.code, 1);
	assert_int_equal(kid.readies, 1);
	assert_int_equal(recv(m.fd, got, sizeof got, MSG_DONTWAIT), -1);
	manager_end(&m);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(a_program_says_that_it_is_ready_without_a_loop),
		NET_TEST(without_a_channel_nobody_is_told),
		NET_TEST(a_program_talks_over_its_channel),
		NET_TEST(the_channel_stands_behind_its_own),
		NET_TEST(it_may_be_closed_when_it_is_ready),
		NET_TEST(what_was_meant_for_one_is_not_handed_on_by_weir),
		NET_TEST(what_was_meant_for_one_is_not_taken_by_another),
		NET_TEST(an_environment_that_is_copied_does_not_mislead),
		NET_TEST(listening_sockets_go_along),
		NET_TEST(sockets_stay_ours_until_it_is_ready),
		NET_TEST(an_address_that_nobody_had_is_opened_anew),
		NET_TEST(a_numbered_socket_keeps_its_name),
		NET_TEST(a_named_socket_goes_from_program_to_program),
		NET_TEST(many_sockets_go_along_with_their_names),
		NET_TEST(systemd_is_told_by_a_path_or_a_name),
		NET_TEST(without_systemd_nobody_is_told),
		NET_TEST(who_is_told_must_be_there),
		NET_TEST(telling_never_waits),
		NET_TEST(both_are_told),
		NET_TEST(a_forked_child_tells_its_parent_alone),
	};

	kid_main(argc, argv, be_kid);
	return cmocka_run_group_tests_name("ready", tests, NULL, NULL);
}
