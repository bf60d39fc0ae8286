/*
 * The poller: what weir asks of epoll, kqueue, /dev/poll or select. Exactly one
 * file of this room implements it (epoll.c kqueue.c devpoll.c select.c), chosen
 * by configure and bound by the linker. A poller knows descriptors, masks and
 * tags; nothing of loops, callbacks or clocks.
 *
 * The contract, the same on every kernel:
 *
 * - Level-triggered. While a condition holds and interest in it is set, every
 *   later wait reports it again.
 * - No interest means not registered: after set(…, now = 0) or drop nothing is
 *   reported for the descriptor, not even an error.
 * - An event carries the tag given with the last set() that added the
 *   descriptor (old == 0). The core compares it with the tag it expects and so
 *   defuses events of a descriptor that was closed, and perhaps opened again,
 *   meanwhile.
 * - A descriptor appears at most once in the results of one wait, with all that
 *   is ready about it.
 * - Descriptors beyond the size of the result array are not starved: they come
 *   in later waits.
 */
#ifndef WEIR_BACKEND_POLLER_H
#define WEIR_BACKEND_POLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/mem.h"

enum {
	WEIR__IN = 1,   /* a read would not block (data, end or error) */
	WEIR__OUT = 2,  /* a write would not block (room, or error) */
	WEIR__ERR = 4,  /* only in results: hang-up or error; the core takes it as
			  readiness of whatever is wanted, the truth comes from the
			  read or write that follows */
	WEIR__AMONG = 8 /* only in set, beside IN alone: other processes wait for the same;
			  where the kernel can, it wakes one of them and not all */
};

struct weir__event {
	int fd;
	uint32_t tag;
	uint32_t ready; /* IN, OUT, ERR */
};

typedef struct weir__poller weir__poller;

/* "epoll", "kqueue", "devpoll" or "select". */
const char *weir__poller_name(void);

/*
 * Opens a poller. Memory comes from mem, which must outlive it. Returns 0, or
 * -errno (-EMFILE, -ENOMEM, -ENOENT where the device is missing, -ENXIO where
 * only its driver is) with *out NULL.
 */
int weir__poller_open(weir__poller **out, struct weir__mem *mem);

/* Closes it and gives its memory back. NULL is nothing. */
void weir__poller_close(weir__poller *p);

/*
 * Descriptors must be below this number. INT_MAX where only the system's own
 * limit of descriptors counts.
 */
int weir__poller_limit(const weir__poller *p);

/*
 * Changes the interest in fd from `old` to `now` (masks of IN and OUT, now perhaps
 * with AMONG; they differ; 0 means not registered). The caller remembers `old`. The tag takes
 * effect when old is 0; otherwise it is the tag given then.
 *
 * Returns 0; 1 when the kernel cannot poll this kind of descriptor (regular
 * files and some devices): it is not registered, and the core treats it as
 * always ready; -errno when an addition failed (-EBADF, -ENOMEM, -ENOSPC, and
 * -EMFILE for a descriptor at or beyond the limit), with nothing registered
 * for fd. A poller that submits changes with the wait cannot know yet: it
 * returns 0 and reports the failed addition as an ERR event. Errors of removals
 * are swallowed: the descriptor is gone either way.
 */
int weir__poller_set(weir__poller *p, int fd, uint32_t tag, unsigned old, unsigned now);

/*
 * Forgets fd, which has interest `old` (with 0 a removal may still be pending)
 * and is about to be closed. `shared`: the open file may live on, as a copy (it
 * was sent, received, inherited, given by the user, or forked and not yet
 * exec'ed) or because fd is not closed after all; so closing alone would not
 * take it out of every kernel's set. After drop nothing is reported for fd and
 * no pending change for it is submitted any more.
 */
void weir__poller_drop(weir__poller *p, int fd, unsigned old, bool shared);

/*
 * Submits what is pending and waits for events, at most timeout_ms (-1: for
 * ever; 0: not at all). Never returns early by rounding. Returns how many
 * events were stored in out (0: timed out or interrupted by a signal), or
 * -errno when the poller itself is unusable (-EBADF, -EACCES after a fork).
 * max is at least 1.
 */
int weir__poller_wait(weir__poller *p, struct weir__event *out, int max, int timeout_ms);

/*
 * Starts over with an empty set: in a child after fork (the parent's set must
 * not be touched, not even by a removal), or when the kernel's set has gone
 * astray. The caller registers its descriptors anew, with old == 0. Returns 0,
 * or -errno with the poller open but unusable (wait returns an error; fork may
 * be tried again).
 */
int weir__poller_fork(weir__poller *p);

#endif
