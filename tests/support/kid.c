/*
 * kid.c: see kid.h.
 */
#include "tests/support/kid.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A helper may take this long. */
enum { KID_SECONDS = 60 };

/* ---- channels ------------------------------------------------------------ */

static void on_message(weir_chan *chan, uint32_t type, const void *data, size_t len, int fd,
                       void *arg)
{
	struct mail *mail = arg;
	const size_t had = strlen(mail->text);

	mail->chan = chan;
	mail->n++;
	mail->type = type;
	if (fd >= 0)
		mail->fd = fd;
	if (had + len < sizeof(mail->text))
		memcpy(mail->text + had, data, len);
	if (mail->then)
		mail->then(mail, 'm');
}

static void on_chan_gone(weir_chan *chan, int why, void *arg)
{
	struct mail *mail = arg;

	(void)chan;
	mail->gones++;
	mail->why = why;
	if (mail->then)
		mail->then(mail, 'g');
}

const weir_chan_ops mail_ops = {.message = on_message, .gone = on_chan_gone};

bool mail_has(const struct mail *mail, const char *text)
{
	return strcmp(mail->text, text) == 0;
}

/* ---- kids ---------------------------------------------------------------- */

/* Whoever was closed must not hear of anything any more. */
static struct kid *living(weir_child *child, void *arg)
{
	struct kid *kid = arg;

	assert_ptr_equal(kid->child, child);
	return kid;
}

static void note(struct kid *kid, int *count, char event)
{
	const size_t len = strlen(kid->log);

	++*count;
	if (len + 1 < sizeof(kid->log))
		kid->log[len] = event;
	if (kid->then)
		kid->then(kid, event);
}

static void on_ready(weir_child *child, void *arg)
{
	struct kid *kid = living(child, arg);

	note(kid, &kid->readies, 'y');
}

static void on_exit_of(weir_child *child, int code, int signo, void *arg)
{
	struct kid *kid = living(child, arg);

	kid->code = code;
	kid->signo = signo;
	note(kid, &kid->exits, 'x');
}

static void on_gone(weir_child *child, int why, void *arg)
{
	struct kid *kid = living(child, arg);

	kid->why = why;
	note(kid, &kid->gones, 'g');
	kid->child = NULL;
}

const weir_child_ops kid_ops = {.ready = on_ready, .exit = on_exit_of, .gone = on_gone};

void kid_init(struct kid *kid, struct net *net)
{
	*kid = (struct kid){.net = net, .code = -2, .signo = -2, .why = 1, .mail.fd = -1};
}

static void set_fd(struct kid *kid, int i, char letter)
{
	static const char letters[] = "i-wrb";
	const weir_fd_kind kind = (weir_fd_kind)(strchr(letters, letter) - letters);

	kid->at[i] = NULL;
	kid->fds[i] = (weir_child_fd){.kind = kind};
	if (kind != WEIR_FD_TO && kind != WEIR_FD_FROM && kind != WEIR_FD_BOTH)
		return;
	struct side *side = kid->at[i] = net_side(kid->net);
	kid->fds[i].ops = &side_ops;
	kid->fds[i].arg = side;
	kid->fds[i].stream = &side->stream;
}

void kid_fds(struct kid *kid, weir_child_opts *opts, const char *letters)
{
	opts->nfds = (int32_t)strlen(letters);
	opts->fds = kid->fds;
	for (int i = 0; i < opts->nfds; i++)
		set_fd(kid, i, letters[i]);
}

void kid_chan(struct kid *kid, weir_child_opts *opts)
{
	opts->channel = true;
	opts->chan_ops = &mail_ops;
	opts->chan_arg = &kid->mail;
}

int kid_try(struct kid *kid, const weir_child_opts *opts)
{
	return weir_spawn(kid->net->loop, &kid->child, opts, &kid_ops, kid);
}

void kid_spawn(struct kid *kid, const weir_child_opts *opts)
{
	assert_int_equal(kid_try(kid, opts), 0);
	assert_non_null(kid->child);
	assert_true(weir_child_pid(kid->child) > 0);
}

void kid_shell(struct kid *kid, const char *command, const char *letters)
{
	const char *argv[] = {"/bin/sh", "-c", command, NULL};
	weir_child_opts opts = {.argv = argv};

	kid_fds(kid, &opts, letters);
	kid_spawn(kid, &opts);
}

struct forked {
	weir_child_body *body;
	void *arg;
};

static int be_forked(weir_loop *loop, weir_chan *chan, void *arg)
{
	const struct forked *what = arg;

	(void)alarm(KID_SECONDS);
	return what->body(loop, chan, what->arg);
}

int kid_try_fork(struct kid *kid, weir_child_body *body, void *arg, int32_t ready_ms)
{
	struct forked what = {body, arg};
	weir_child_opts opts = {.ready_ms = ready_ms};

	kid_chan(kid, &opts);
	return weir_fork_child(kid->net->loop, &kid->child, be_forked, &what, &opts, &kid_ops, kid);
}

void kid_fork(struct kid *kid, weir_child_body *body, void *arg)
{
	assert_int_equal(kid_try_fork(kid, body, arg, 0), 0);
	assert_non_null(kid->child);
	assert_non_null(weir_child_chan(kid->child));
}

void kid_wait(struct kid *kid)
{
	while (!kid->gones)
		net_turn(kid->net);
}

void kid_close(struct kid *kid)
{
	weir_child_close(kid->child);
	kid->child = NULL;
}

bool kid_said(const struct kid *kid, int fd, const char *text)
{
	return side_has(kid->at[fd], text);
}

int kids_left(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void kids_gone(struct net *net)
{
	while (kids_left())
		net_turn(net);
}

/* ---- this program -------------------------------------------------------- */

static char self[PATH_MAX];

void kid_main(int argc, char **argv, int (*body)(int argc, char **argv))
{
	if (realpath(argv[0], self) == NULL)
		exit(99);
	if (argc < 2 || strcmp(argv[1], "--kid") != 0)
		return;
	(void)alarm(KID_SECONDS);
	const int status = body(argc - 2, argv + 2);
	(void)fflush(NULL);
	/* What it leaves is not looked at: it is the one before that is tested. */
	_exit(status);
}

const char *kid_self(void)
{
	return self;
}
