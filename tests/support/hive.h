/*
 * hive.h: what do the tests of clusters have in common? A cluster whose master is the
 * test's own loop (net.h), whose calls are recorded, and whose workers serve octets:
 *
 *   ?  it answers with its id and its process (struct answer)
 *   f  it answers with the figures of all, as it sees them (struct figures)
 *   d  its loop drains
 *   x  it exits with 42
 *   b  it is busy for ever
 *
 * or HTTP: /id is answered with its id; /slow is not before a message of type HIVE_GO has
 * come from the master. It echoes messages of other types; a descriptor that comes with one
 * is written to and closed.
 *
 * The test goes on with `while (hive->readies < 3) hive_turn(hive);`: a watchdog ends one
 * that waits in vain, and an alarm each worker.
 */
#ifndef WEIR_TESTS_SUPPORT_HIVE_H
#define WEIR_TESTS_SUPPORT_HIVE_H

#include "tests/support/kid.h"

#define HIVE_GO 77u
/* What a worker says when it is asked to drain: whether others go on in its place. */
#define HIVE_RELIEVED 78u

enum { HIVE_ALL = 64 };

struct answer {
	int32_t id, pid;
};

struct figures {
	int32_t n;
	weir_worker_info info[HIVE_ALL];
};

/* What workers do that are forked from now on. */
struct plan {
	int32_t from;        /* the others: those with ids below this do nothing special */
	bool fails;          /* setup fails */
	bool mute;           /* it is never ready */
	int32_t lives_ms;    /* it exits with 7 so long after it was ready; 0: not of itself */
	bool http;           /* it serves HTTP */
	bool tells_of_drain; /* HIVE_RELIEVED */
	weir_stream_opts stream;
};

/* One call: y ready, x exit, m message, r reloaded, d drained. */
struct call {
	char what;
	int32_t id;
	int code, signo; /* signo of r: its status */
	int64_t at;      /* us */
	int alive;       /* processes then, those that were just begun too */
};

struct hive {
	struct net *net;
	weir_policy policy;
	weir_cluster *cluster; /* NULL: freed */
	char address[64];
	weir_cluster_opts opts; /* may be changed before hive_open */
	struct plan plan;
	struct call calls[2048];
	int n;
	int readies, exits, messages, reloads, draineds;
	int status;    /* of the last reloaded */
	uint32_t type; /* of the last message */
	char text[64]; /* ... and what it said */
	int32_t from;  /* ... and who */
	char frees_in; /* is freed in this call */
	void (*then)(struct hive *hive, const struct call *call);
};

/* A test that is run under one policy, or under each. */
#define HIVE_TEST(f, policy)                                                                       \
	{                                                                                          \
#f " (" #policy ")", f, hive_setup, hive_teardown,                                 \
			&hive_policies[WEIR_ACCEPT_##policy]                                       \
	}
#define EACH_HIVE_TEST(f) HIVE_TEST(f, SHARED), HIVE_TEST(f, REUSEPORT), HIVE_TEST(f, HAND_OVER)
extern weir_policy hive_policies[3];
int hive_setup(void **state);
/* At its end no process, descriptor or memory may be left. */
int hive_teardown(void **state);

/* Skips the test where the system has not what the policy stands on, and the cluster says so. */
void hive_needs_policy(struct hive *hive);
/* A cluster of so many workers that listens, but was not started; it, ready. */
void hive_open(struct hive *hive, int32_t workers);
void hive_start(struct hive *hive, int32_t workers);
/* Frees it, and turns until no process is left. */
void hive_free(struct hive *hive);
/* One turn, which waits for 1 ms: the test's clients are none of the loop's business. */
void hive_turn(struct hive *hive);
void hive_turns(struct hive *hive, int64_t ms);

/* How often that was called for this worker; and when, the last time; -1: never. */
int hive_count(const struct hive *hive, char what, int32_t id);
int64_t hive_when(const struct hive *hive, char what, int32_t id);
int64_t hive_pid(const struct hive *hive, int32_t id);
weir_worker_info hive_info(const struct hive *hive, int32_t id);
/* How many workers are in that state; 0: in any. */
int hive_in_state(const struct hive *hive, int state);
uint32_t hive_conns(const struct hive *hive);
void hive_kill(const struct hive *hive, int32_t id, int signo);
/* Of all that are serving. */
void hive_kill_all(const struct hive *hive, int signo);

/* ---- clients: plain sockets, while the master turns ---- */

/* Turns until there is something to read there, or the end. */
void hive_await(struct hive *hive, int fd);
/* Reads so many octets. False: the connection has ended before. */
bool hive_read(struct hive *hive, int fd, void *data, size_t len);
/* Reads to the end; all of it as text. */
void hive_read_all(struct hive *hive, int fd, char *text, size_t size);
/* Who is at the other end; id 0: nobody any more. */
struct answer hive_ask(struct hive *hive, int fd);
/* Whose answer comes to a question that was asked. */
struct answer hive_answer(struct hive *hive, int fd);
/* A connection to a worker that has answered: which one. */
int hive_connect(struct hive *hive, struct answer *who);
/* A connection to that very worker; others are made, and closed, until it has one. */
int hive_connect_to(struct hive *hive, int32_t id);
/* One request of HTTP, whose answer is read to the end of its content, or to the end. */
void hive_get(struct hive *hive, int fd, const char *path);
void hive_reply(struct hive *hive, int fd, char *text, size_t size);

/* A plan, but for those that are not the test's own loop's: to be used as opts.setup. */
int hive_setup_worker(weir_worker *worker, weir_loop *loop, void *arg);

#endif
