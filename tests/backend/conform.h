/*
 * What do the conformance tests have in common? A bed: one poller with counted
 * memory, and the descriptors of one test; and ways to put descriptors into a
 * state and to ask the poller for its view of them.
 *
 * Kernels differ in what they call an error, but not in what can be done with
 * the descriptor. So views are compared in canonical form: WEIR__ERR counts as
 * readiness of whatever is wanted, as it does for the poller's user.
 */
#ifndef WEIR_TESTS_BACKEND_CONFORM_H
#define WEIR_TESTS_BACKEND_CONFORM_H

#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/poller.h"

enum { IN = WEIR__IN, OUT = WEIR__OUT, BOTH = WEIR__IN | WEIR__OUT };

struct bed {
	struct weir__mem mem;
	weir__poller *p;
	long fail_at; /* this allocation from now on fails; 0: none does */
	long failed;  /* how many did */
	int *owned;   /* closed at the end, after the poller */
	int n_owned;
};

/* A test with a bed of its own, open. */
#define BED_TEST(f) cmocka_unit_test_setup_teardown(f, bed_setup, bed_teardown)
int bed_setup(void **state);
int bed_teardown(void **state);

void bed_init(struct bed *b);
/* Closes the poller, which must have given all its memory back, then the descriptors. */
void bed_end(struct bed *b);

/* ---- asking the poller ---- */

/* Adds fd, which must succeed. */
void add(struct bed *b, int fd, uint32_t tag, unsigned want);
/* Changes its interest, which must succeed; the tag is the one it was added with. */
void change(struct bed *b, int fd, uint32_t tag, unsigned old, unsigned now);
/* Drops an unshared descriptor with that interest and closes it. */
void drop_and_close(struct bed *b, int fd, unsigned old);
/* Waits for one event, which must be of this descriptor; gives its canonical view. */
unsigned view(struct bed *b, int fd, uint32_t tag, unsigned want);
/* Waits a moment, in which nothing may be reported. */
void silence(struct bed *b);
unsigned canonical(const struct weir__event *ev, unsigned want);
/* The event of fd among n, or NULL; fails if it is there twice. */
const struct weir__event *event_of(const struct weir__event *ev, int n, int fd);
/* Waits until all n descriptors were reported with `want` at least once. */
void all_come(struct bed *b, const int *fd, int n, unsigned want, int max);

/* ---- descriptors: all non-blocking, owned by the bed ---- */

int own(struct bed *b, int fd);
/* Closes one early. */
void shut(struct bed *b, int fd);
void unix_pair(struct bed *b, int fd[2]);
void tcp_pair(struct bed *b, int fd[2]);
void pipe_pair(struct bed *b, int fd[2]);
/* A TCP listener on a free port of the loopback address, and that port. */
int tcp_listener(struct bed *b, int backlog, uint16_t *port);
int tcp_socket(struct bed *b);
/* Starts to connect: 0 or errno. */
int tcp_connect(int fd, uint16_t port);
/* The same description under the lowest free number from `number` on; the old one is closed. */
int renumber(struct bed *b, int fd, int number);

void say(int fd, const char *text);
/* Reads all there is; returns how much, or -errno of the read that ended it (-EAGAIN is 0). */
long drain(int fd);
/* Writes until there is no room and stays none. */
void fill(int fd);
/* Closes a TCP socket with a reset. */
void reset(struct bed *b, int fd);

/* ---- clock and process ---- */

int64_t now_us(void);
/* Runs f in a child, which must exit with what f returns: 0. */
void in_child(int (*f)(void *arg), void *arg);
/* How many descriptors are open below 256. */
int open_descriptors(void);
/* A kernel's stand-in that ends the program at misuse forbids to provoke it. */
void skip_if_strict(void);

/* ---- the parts of the suite: each returns how many tests failed ---- */

int conform_sockets(void);
int conform_kinds(void);
int conform_interest(void);
int conform_drop(void);
int conform_many(void);
int conform_time(void);
int conform_fork(void);
int conform_fault(void);

#endif
