/*
 * Calls that take no flag against SIGPIPE: the signal is held back in this thread
 * before them, and behind them the one that they raised is taken.
 */
#ifndef WEIR_BACKEND_SIGPIPE_H
#define WEIR_BACKEND_SIGPIPE_H

#include <signal.h>
#include <stdbool.h>

struct weir__sigpipe {
	sigset_t before; /* the thread's mask */
	bool pending;    /* one was there already */
};

void weir__sigpipe_hold(struct weir__sigpipe *held);
/* raised: the call may have raised one. The mask is as it was before. */
void weir__sigpipe_release(const struct weir__sigpipe *held, bool raised);

#endif
