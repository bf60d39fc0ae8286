/*
 * net.h: what do the loopback tests have in common? A net: one loop with
 * counted memory, the listeners of one test (hosts), and the ends of its
 * connections (sides), which record all that their streams tell.
 *
 * A side's log is a string with a letter for each call: o open, d data (several
 * in a row count once), r drain, i idle, n done (of weir_write_ref), e end,
 * g gone. The test goes on with `while (!side->gones) net_turn(net);`: a
 * watchdog ends one that waits in vain.
 */
#ifndef WEIR_TESTS_SUPPORT_NET_H
#define WEIR_TESTS_SUPPORT_NET_H

#include "tests/support/test.h"

#include "core/weir.h"

struct net {
	weir_loop *loop;
	struct test_alloc alloc;
	int fds;            /* open before the test */
	struct host *hosts; /* all of them, freed with the net */
	struct side *sides;
};

struct side {
	struct net *net;
	weir_stream *stream; /* NULL: not yet, closed or gone */
	char log[48];
	int opens, datas, drains, idles, dones, ends, gones;
	int status; /* of the last done */
	int why;    /* of gone */
	char *got;  /* the octets that were used, unless counts_only */
	size_t len;
	size_t room; /* of got */
	bool counts_only;
	bool echoes; /* writes back what comes, and finishes at the end */
	bool stays;  /* does not finish when the peer does */
	/* Says how many octets of data are used. NULL: all. */
	size_t (*take)(struct side *side, const char *data, size_t len);
	/* Called after each event (its letter) was recorded. */
	void (*then)(struct side *side, char event);
	void *arg; /* the test's */
	int n;     /* the test's */
	struct side *next;
};

struct host {
	struct net *net;
	weir_listener *listener; /* NULL: closed */
	char address[128];
	struct side **accepted; /* in the order they came */
	int n;
	struct side model; /* accepted sides begin like this one */
	struct host *next;
};

/* A test with a net of its own. At its end nothing may be lost. */
#define NET_TEST(f) cmocka_unit_test_setup_teardown(f, net_setup, net_teardown)
int net_setup(void **state);
int net_teardown(void **state);

/* Another loop for the net instead of its first. */
void net_reopen(struct net *net, const weir_loop_opts *opts);
/* One turn, which waits for an event, but not long. */
void net_turn(struct net *net);
/* Turns for that long. */
void net_turns(struct net *net, int64_t ms);

/* Listens; address NULL is "127.0.0.1:0". */
struct host *net_listen(struct net *net, const char *address, const weir_stream_opts *opts);
void host_close(struct host *host);
/* Turns until the host has accepted n in all; returns the last of them. */
struct side *host_wait(struct host *host, int n);

/* A side without a stream, for weir_connect or weir_adopt with side_ops. */
struct side *net_side(struct net *net);
extern const weir_stream_ops side_ops;
struct side *net_connect(struct net *net, const char *address, const weir_stream_opts *opts);
struct side *net_adopt(struct net *net, int fd, const weir_stream_opts *opts);
/* Both ends of a connection of the net's own, open. */
void net_pair(struct net *net, const weir_stream_opts *opts, struct side **client,
              struct side **server);
/* The same with a reader that is held, over a unix path and with a small buffer: little
   fills it, and what moves afterwards is not a matter of TCP's timers. */
void net_stalled_pair(struct net *net, const weir_stream_opts *opts, struct side **writer,
                      struct side **reader);

void side_close(struct side *side);
int64_t side_write(struct side *side, const char *text);
/* Writes the pattern, from octet `from` on, until that many octets are queued in
   weir. Returns where the pattern ended. */
size_t side_fill(struct side *side, size_t from, int64_t queued);
/* A weir_ref_fn whose arg is the side. */
void side_done(weir_stream *stream, int status, void *arg);
/* Whether exactly these octets have come. */
bool side_has(const struct side *side, const char *text);

/* ---- the foreign end: plain blocking sockets ---- */

/* Connects to an address of 127.0.0.1 or a unix path, as weir writes them. */
int raw_connect(const char *address);
/* Closes with a reset. */
void raw_reset(int fd);
void raw_write(int fd, const void *data, size_t len);
/* Reads exactly that many octets. */
void raw_read(int fd, void *data, size_t len);

/* A series of octets that does not repeat soon: octet i, or len from there on. */
char pattern_at(size_t i);
void pattern_fill(char *data, size_t len, size_t from);
bool pattern_is(const char *data, size_t len, size_t from);

#endif
