/*
 * Kept-alive connections that ask and ask: each sends one request after another,
 * in turn GET / and POST /echo, checks each reply to its last octet, and connects
 * anew when it has to. What a server may do and what is a failure is decided here.
 *
 * Allowed is a close behind a reply that said so, and one between two requests,
 * before anything of the second was sent. Everything else is a trouble.
 */
#ifndef WEIR_TESTS_TOOLS_ASKER_H
#define WEIR_TESTS_TOOLS_ASKER_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/tools/client.h"
#include "tests/tools/taker.h"

enum trouble {
	CLOSED_IDLE, /* between two requests: the server's right, and no failure */
	NOT_CONNECTED,
	CONNECT_TOO_LONG,
	ENDED,
	RESET,
	NOT_HTTP,
	WRONG_STATUS,
	WRONG_BODY,
	UNASKED, /* octets that no request asked for */
	TOO_LATE,
};

struct asker {
	int fd;          /* -1: none; connects when it is due */
	int connecting;  /* has not been told yet whether it is connected */
	int asking;      /* a request is on its way, or its reply is */
	int once;        /* hangs up behind the first reply, and rests until it is asked to ask */
	int error;       /* of a trouble: what the system called it */
	int tag;         /* the program's */
	int64_t next;    /* when its next request is due; INT64_MAX: never */
	int64_t wanted;  /* when this request was due to be sent, or its connection made */
	int64_t since;   /* when that began which must not take too long */
	int64_t joined;  /* when it connected; 0: has not */
	uint64_t begun;  /* requests, over all connections */
	uint64_t served; /* replies, on this connection */
	long pid;        /* of who answers this connection; 0: is not known */
	unsigned long generation;
	const char *body;
	size_t body_len, head_len, sent;
	char head[160];
	struct taker taker;
};

struct askers {
	const struct address *to;
	int n;
	size_t post;      /* octets of a POST's body; 0: only GET */
	int64_t think;    /* microseconds between a reply and the next request */
	int first_is_pid; /* each connection begins with GET /pid */
	int stopping;     /* no further request begins */

	/* Called back, each may be NULL: a connection has ended (before it is cleared: what is
	   known of it can be read); the first reply told who answers; a reply was right. */
	void (*on_trouble)(struct asker *asker, enum trouble what);
	void (*on_pid)(struct asker *asker);
	void (*on_reply)(struct asker *asker);

	uint64_t replies, failed, connects, idle_closes;
	int64_t slowest; /* microseconds from wanting to ask to the last octet of the reply */
	struct asker *all;
	struct pollfd *looks;
	char *pool; /* octets that bodies are made of */
};

/* Makes n askers, of which the last `once` are such that rest at first. */
void askers_begin(struct askers *askers, int n, int once);
void askers_end(struct askers *askers);

/* Does what is due, waits at most ms for something to happen, and does what has. */
void askers_turn(struct askers *askers, int ms);

/* How many wait for a reply. */
int askers_waiting(const struct askers *askers);

/* Lets all that wait have their replies, and begins nothing else. */
void askers_finish(struct askers *askers);

/* Hangs up without a word to on_trouble; connects anew when it asks next. */
void asker_drop(struct asker *asker);

/* In words, with what is known of it. The text is overwritten by the next call. */
const char *trouble_text(const struct asker *asker, enum trouble what);

#endif
