/*
 * kid.h: what do the tests of child processes have in common? A child whose calls are
 * recorded, with sides (net.h) for its streams; a channel whose messages are; and this
 * program once more, for children that are to do what no shell can.
 *
 * A kid's log is a string with a letter for each call: y ready, x exit, g gone.
 */
#ifndef WEIR_TESTS_SUPPORT_KID_H
#define WEIR_TESTS_SUPPORT_KID_H

#include "tests/support/net.h"

/* What came over a channel. */
struct mail {
	weir_chan *chan; /* NULL: whichever it is */
	int n, gones, why;
	uint32_t type;                               /* of the last message */
	int fd;                                      /* the last descriptor that came, or -1 */
	char text[256];                              /* of all messages, one after the other */
	void (*then)(struct mail *mail, char event); /* m message, g gone */
	void *arg;
};

extern const weir_chan_ops mail_ops;
bool mail_has(const struct mail *mail, const char *text);

struct kid {
	struct net *net;
	weir_child *child; /* NULL: closed or gone */
	char log[16];
	int readies, exits, gones;
	int code, signo, why;
	/* Called after each event (its letter) was recorded. */
	void (*then)(struct kid *kid, char event);
	void *arg;             /* the test's */
	struct side *at[20];   /* its streams here, by its numbers; NULL: none */
	weir_child_fd fds[20]; /* what kid_fds made of them */
	struct mail mail;
};

extern const weir_child_ops kid_ops;
void kid_init(struct kid *kid, struct net *net);
/*
 * Descriptors of opts by a letter each: i as here, - empty, w a pipe that it reads, r one
 * that it writes, b a pair.
 */
void kid_fds(struct kid *kid, weir_child_opts *opts, const char *letters);
/* With a channel, whose messages are kid->mail. */
void kid_chan(struct kid *kid, weir_child_opts *opts);
int kid_try(struct kid *kid, const weir_child_opts *opts);
void kid_spawn(struct kid *kid, const weir_child_opts *opts);
/* Has a shell run it. */
void kid_shell(struct kid *kid, const char *command, const char *letters);
/* Forks one, whose channel's messages are kid->mail. It ends by an alarm if it hangs. */
int kid_try_fork(struct kid *kid, weir_child_body *body, void *arg, int32_t ready_ms);
void kid_fork(struct kid *kid, weir_child_body *body, void *arg);
/* Turns until it is gone. */
void kid_wait(struct kid *kid);
void kid_close(struct kid *kid);
/* Whether exactly this came from its descriptor. */
bool kid_said(const struct kid *kid, int fd, const char *text);

/* How many children this process has, running or not waited for: 0, or 1 for some. */
int kids_left(void);
/* Turns until all were waited for. */
void kids_gone(struct net *net);

/*
 * This program, to be called first in main. kid_self: its path. Started with the word
 * "--kid" it is one: body is called with the words behind that, and what it returns is
 * the status.
 */
void kid_main(int argc, char **argv, int (*body)(int argc, char **argv));
const char *kid_self(void);

#endif
