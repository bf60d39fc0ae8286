/*
 * kernel.h: what the kernel in memory is made of, and what its files share.
 * Programs and tests know nothing of it; theirs are backend/ and memio.h.
 *
 * From the bottom up: octets lie in queues; two ends make a connection or pipe;
 * a file is what a descriptor stands for; pollers look at files; the clock moves
 * in a wait. All of it hangs on one variable, memio__k, and only it.
 *
 * kernel.c makes and frees these things, ends.c moves octets between two ends,
 * listeners.c knows who listens where. On them stand sys.h (sys.c, sockets.c and
 * again listeners.c), poller.h (poller.c) and the script: clients.c has the other
 * ends of connections, memio.c whatever does not lie beside the thing it touches.
 */
#ifndef WEIR_TESTS_MEMIO_KERNEL_H
#define WEIR_TESTS_MEMIO_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/poller.h"
#include "backend/sys.h"
#include "tests/memio/memio.h"

#define MEMIO__FIRST_FD 3
#define MEMIO__FIRST_PORT 40000
#define MEMIO__FIRST_PEER_PORT 50000

struct memio__octets {
	unsigned char *data; /* NULL, or with room for a zero after the last octet */
	size_t start, len, cap;
};

/* One end of a connection or pipe; the test's ends are handed out as clients. */
struct memio_client {
	memio_client *made;      /* the end made before this one */
	memio_client *later;     /* the next one in whatever queue it waits in */
	memio_client *other;     /* NULL while a connect is on its way or has failed */
	struct memio__octets in; /* the program's: not yet read; the test's: all received */
	size_t unread;           /* octets of `in` that its owner has not read */
	size_t room;             /* how many unread octets it takes */
	size_t told;             /* how many it must take for the other end to be writable */
	bool is_test, is_pipe;
	bool can_read, can_write;
	bool accepted;
	bool pending;    /* a connect that nobody has decided yet */
	int failure;     /* a connect that failed, not yet told */
	bool finished;   /* has sent FIN */
	bool closed;     /* is gone */
	bool abrupt;     /* its close is to be a reset */
	bool sent_reset; /* it was, or later octets were answered with one */
	bool got_finish;
	bool got_reset; /* not yet told by a read or write */
	bool dead;      /* told */
	struct weir__addr local, remote;
	int64_t uid, gid, pid; /* of whoever has this end */
};

struct memio__queue {
	memio_client *first, *last;
	int len;
};

enum memio__kind { MEMIO__LISTENER, MEMIO__STREAM, MEMIO__WAKE, MEMIO__PLAIN };

struct memio__file {
	enum memio__kind kind;
	memio_client *end;         /* MEMIO__STREAM */
	struct memio__queue queue; /* MEMIO__LISTENER: the program's ends, not yet accepted */
	struct weir__addr addr;
	struct weir__listen_how how;
	char *name; /* MEMIO__LISTENER: inherited under this name */
	bool inherited;
	uint64_t wakes;             /* MEMIO__WAKE */
	struct memio__octets plain; /* MEMIO__PLAIN */
	bool nodelay;
	int keepalive;
	unsigned spurious;
};

struct memio__registration {
	unsigned mask;
	uint32_t tag;
};

struct weir__poller {
	weir__poller *next;
	struct memio__registration *regs; /* by descriptor */
	int n;
	int cursor; /* where the next scan begins */
};

struct memio__action {
	struct memio__action *next;
	int64_t at;
	void (*fn)(void *arg);
	void *arg;
};

struct memio__fault {
	struct memio__fault *next;
	enum memio_call call;
	unsigned left;
	int error;
};

/* A unix path in the file system, or an address where the test listens. */
struct memio__place {
	struct memio__place *next;
	struct weir__addr addr;
};

struct memio__caught {
	int wake; /* descriptor plus 1; 0: not caught */
	unsigned count;
};

struct memio__kernel {
	int64_t now; /* in microseconds, as are the times of actions */
	int64_t wall;
	bool interrupted;
	struct memio__action *actions; /* by time */
	struct memio__file **files;    /* by descriptor */
	int nfiles;
	weir__poller *pollers;
	memio_client *ends; /* all, for the reset */
	struct memio__place *paths, *servers;
	struct memio__queue served; /* the test's ends, not yet accepted by it */
	struct memio__queue held;   /* the program's ends, still pending */
	bool hold;
	int refuse;
	uint16_t next_port, next_peer_port;
	struct memio__caught signals[WEIR__SIGNAL_MAX];
	struct memio__fault *faults;
	int fail_all[MEMIO_CALLS];
	unsigned counts[MEMIO_CALLS];
	size_t most_read, most_written, buffer;
	int fd_limit, poller_limit;
	uintptr_t thread;
	int64_t pid;
	char misuse[160];
};

extern struct memio__kernel memio__k;

/* ---- small things (kernel.c) ---- */

/* Never NULL: without memory the process ends. */
void *memio__resized(void *old, size_t size);
void *memio__zeroed(size_t size);
size_t memio__least(size_t a, size_t b);
/* Writes down what was done against the contract; the first is the cause of the others. */
void memio__note_misuse(const char *format, ...);
/* Counts a call and says which error it has to fail with, or 0. */
int memio__enter(enum memio_call call);

/* ---- octets and queues (kernel.c) ---- */

void memio__put(struct memio__octets *o, const void *data, size_t len);
/* Takes what fits into the pieces. */
size_t memio__take(struct memio__octets *o, const struct weir__vec *vec, int n, size_t most);
void memio__push(struct memio__queue *q, memio_client *end);
memio_client *memio__pop(struct memio__queue *q);

/* ---- descriptors (kernel.c) ---- */

/* The lowest free number, as POSIX has it; negative errno without one. */
int memio__new_fd(struct memio__file **out, enum memio__kind kind);
/* NULL when it is not open, which memio__file_of notes as a misuse by that call. */
struct memio__file *memio__peek_file(int fd);
struct memio__file *memio__file_of(int fd, const char *call);
void memio__free_file(int fd);

/* ---- making (ends.c) ---- */

memio_client *memio__new_end(bool is_test);
void memio__join(memio_client *a, memio_client *b);

/* ---- sending and closing (ends.c) ---- */

void memio__deliver(memio_client *to, const void *data, size_t len);
void memio__send_reset(memio_client *e);
/* As TCP does it: octets that nobody will read turn a close into a reset. */
void memio__close_end(memio_client *e);

/* ---- reading and writing (ends.c) ---- */

/* A reset is told once; afterwards there is only the end. */
int memio__tell_reset(memio_client *e);
/* What came before a reset can still be read, as on Linux and the BSDs. */
int64_t memio__read_end(memio_client *e, const struct weir__vec *vec, int n, size_t most);
int64_t memio__write_end(memio_client *e, const struct weir__vec *vec, int n, size_t most);

/* ---- readiness (ends.c) ---- */

unsigned memio__file_ready(const struct memio__file *f);

/* ---- addresses (listeners.c) ---- */

struct weir__addr memio__new_peer_addr(const struct weir__addr *to);
/* The address that a connection has whose listener takes any. */
struct weir__addr memio__reached_at(const struct weir__addr *listening);

/* ---- places (listeners.c) ---- */

struct memio__place **memio__find_place(struct memio__place **list, const struct weir__addr *addr);
void memio__add_place(struct memio__place **list, const struct weir__addr *addr);
void memio__remove_place(struct memio__place **at);

/* ---- queues (listeners.c) ---- */

/* Of several that share a port, the one with the shortest queue. */
struct memio__file *memio__find_listener(const struct weir__addr *to);
bool memio__has_room(const struct memio__file *listener);
/* The program's new end, which waits in the listener's queue. */
memio_client *memio__enqueue(struct memio__file *listener, const struct weir__addr *to,
                             const struct weir__addr *from);

/* ---- asking and setting (sockets.c) ---- */

bool memio__is_ip(const struct memio__file *f);

#endif
