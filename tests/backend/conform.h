/*
 * What do the conformance tests have in common? A bed: one poller with counted
 * memory, and the descriptors of one test; and ways to put descriptors into a
 * state and to ask the poller for its view of them, all of which are recorded
 * (conform_trace.h).
 *
 * Kernels differ in what they call an error, but not in what can be done with
 * the descriptor. So views are compared in canonical form: WEIR__ERR counts as
 * readiness of whatever is wanted, as it does for the poller's user.
 */
#ifndef WEIR_TESTS_BACKEND_CONFORM_H
#define WEIR_TESTS_BACKEND_CONFORM_H

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/poller.h"
#include "tests/backend/conform_trace.h"

enum { IN = WEIR__IN, OUT = WEIR__OUT, BOTH = WEIR__IN | WEIR__OUT };

/* Descriptors that the suite uses are below this number. */
enum { NUMBERS_END = 1 << 15 };

/* What was asked for a descriptor. */
struct asked {
	uint32_t tag;
	unsigned want;
};

struct bed {
	struct weir__mem mem;
	weir__poller *p;
	const char *label; /* before its lines in the trace: "", or "other: " */
	long fail_at;      /* this allocation from now on fails; 0: none does */
	long failed;       /* how many did */
	int *owned;        /* closed at the end, after the poller */
	int n_owned;
	struct asked *asked; /* by descriptor */
};

/* A scenario with a bed of its own, open; one without. Both are recorded under their names. */
#define BED_TEST(f) cmocka_unit_test_prestate_setup_teardown(f, bed_setup, bed_teardown, #f)
#define PLAIN_TEST(f) cmocka_unit_test_prestate_setup_teardown(f, plain_setup, NULL, #f)
int bed_setup(void **state);
int bed_teardown(void **state);
int plain_setup(void **state);

void bed_init(struct bed *b, const char *label);
/* Closes the poller, which must have given all its memory back, then the descriptors. */
void bed_end(struct bed *b);
/* Ends the scenario here, since it cannot be played on this system or by this poller. */
void skip_because(const char *why);
/* A kernel's stand-in that ends the program at misuse forbids to provoke it. */
void skip_if_strict(void);
/* The poller has no descriptor of its own. */
bool needs_no_descriptor(void);

/* ---- asking the poller: what is asked and answered is recorded ---- */

/* As weir__poller_open: 0 or -errno. */
int bed_open(struct bed *b);
/* Adds fd, which must succeed; or perhaps not: what weir__poller_set says. */
void add(struct bed *b, int fd, uint32_t tag, unsigned want);
int try_add(struct bed *b, int fd, uint32_t tag, unsigned want);
/* Changes its interest, which must succeed; the tag is the one it was added with. */
void change(struct bed *b, int fd, uint32_t tag, unsigned old, unsigned now);
void drop(struct bed *b, int fd, unsigned old, bool shared);
/* Drops an unshared descriptor with that interest and closes it. */
void drop_and_close(struct bed *b, int fd, unsigned old);
/* As weir__poller_fork. */
int start_over(struct bed *b);
/* As weir__poller_wait. Each event must be of a descriptor that something is wanted of, under its
   tag, and once. */
int look(struct bed *b, struct weir__event *ev, int max, int timeout_ms);
/* Waits for one event, which must be of this descriptor; gives its canonical view. */
unsigned view(struct bed *b, int fd, uint32_t tag, unsigned want);
/* Waits a moment, in which nothing may be reported, and no less than that moment. */
void silence(struct bed *b);
/* Waits for fd to be reported with all of `want`, if need be several times; nothing else may be.
   Recorded as one wait: how many it takes is the kernel's matter. */
void await(struct bed *b, int fd, uint32_t tag, unsigned want);
unsigned canonical(const struct weir__event *ev, unsigned want);
/* The event of fd among n, or NULL; fails if it is there twice. */
const struct weir__event *event_of(const struct weir__event *ev, int n, int fd);
/* Waits until all n descriptors were reported with `want` at least once, in a few rounds. The
   tag of fd[i] is i. */
void all_come(struct bed *b, const int *fd, int n, unsigned want, int max);

/* ---- descriptors: all non-blocking, owned by the bed; what becomes of them is recorded ---- */

int own(struct bed *b, int fd);
/* Closes one early. */
void shut(struct bed *b, int fd);
/* Another number for the same. */
int copy_of(struct bed *b, int fd);
void unix_pair(struct bed *b, int fd[2]);
void tcp_pair(struct bed *b, int fd[2]);
void pipe_pair(struct bed *b, int fd[2]);
/* A new unix pair, of which one end must have got this number. Gives it, and the other end. */
int pair_at(struct bed *b, int number, int *peer);
/* A TCP listener on a free port of the loopback address, and that port. */
int tcp_listener(struct bed *b, int backlog, uint16_t *port);
int tcp_socket(struct bed *b);
/* Starts to connect: 0 or errno. */
int tcp_connect(int fd, uint16_t port);
/* Takes a connection, which must be there. */
int tcp_accept(struct bed *b, int listener);
/* What getsockopt says of SO_ERROR. */
int socket_error(int fd);
/* The same description under the lowest free number from `number` on; the old one is closed. */
int renumber(struct bed *b, int fd, int number);

void say(int fd, const char *text);
/* One read of at most `most` octets: how many came, 0 at the end, or -errno. */
long get(int fd, size_t most);
/* Reads all there is; returns how much, or -errno of the read that ended it (-EAGAIN is 0). */
long drain(int fd);
/* Writes until there is no room and stays none. */
void fill(int fd);
/* shutdown for SHUT_RD, SHUT_WR or SHUT_RDWR. */
void half_close(int fd, int how);
/* Closes a TCP socket with a reset. */
void reset(struct bed *b, int fd);

/* ---- clock and process ---- */

int64_t now_us(void);
/* Runs f in a child, which must exit with what f returns: 0. The trace says "in a child: what". */
void in_child(const char *what, int (*f)(void *arg), void *arg);
/* How many descriptors are open below 256. */
int open_descriptors(void);

/* ---- the parts of the suite: each returns how many tests failed ---- */

int conform_sockets(void);
int conform_ends(void);
int conform_kinds(void);
int conform_interest(void);
int conform_drop(void);
int conform_batch(void);
int conform_many(void);
int conform_time(void);
int conform_fork(void);
int conform_fault(void);
/* The last: compares what the others recorded. */
int conform_recorded(void);

#endif
