/*
 * How does a call that takes no flag against SIGPIPE leave no signal behind?
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "backend/sigpipe.h"

static void only_sigpipe(sigset_t *set)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGPIPE);
}

void weir__sigpipe_hold(struct weir__sigpipe *held)
{
	sigset_t sigpipe, pending;

	only_sigpipe(&sigpipe);
	(void)sigemptyset(&pending);
	(void)pthread_sigmask(SIG_BLOCK, &sigpipe, &held->before);
	(void)sigpending(&pending);
	held->pending = sigismember(&pending, SIGPIPE) == 1;
}

/* Takes the one that waits for this thread, and never waits for one. */
static void take_sigpipe(void)
{
	sigset_t sigpipe;

	only_sigpipe(&sigpipe);
#if HAVE_SIGTIMEDWAIT
	static const struct timespec at_once = {0};

	while (sigtimedwait(&sigpipe, NULL, &at_once) < 0 && errno == EINTR)
		;
#else
	sigset_t pending;
	int signo;

	if (sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1)
		(void)sigwait(&sigpipe, &signo);
#endif
}

/*
 * One that was pending before is not ours: signals of one number merge, so it stays
 * and ours left no trace.
 */
void weir__sigpipe_release(const struct weir__sigpipe *held, bool raised)
{
	if (raised && !held->pending)
		take_sigpipe();
	(void)pthread_sigmask(SIG_SETMASK, &held->before, NULL);
}
