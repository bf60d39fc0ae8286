/*
 * How does a signal become something that a loop can read at leisure? The
 * handler counts it and wakes the loop; all else happens outside of it.
 */
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "backend/sys.h"

/* Only what is lock-free may be touched in a handler. */
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "an atomic int needs no lock");

/* How often release gives way to a handler that still runs in another thread. */
#define PATIENCE 1000

static struct caught {
	atomic_int wake;         /* the descriptor plus 1; 0 while the signal is not caught */
	atomic_int running;      /* handlers between reading `wake` and having used it */
	atomic_uint count;       /* how often it came since the last take */
	struct sigaction before; /* owned by whoever claimed `wake` */
} signals[WEIR__SIGNAL_MAX];

/*
 * Children are waited for unasked: a program that has a handler of its own for theirs
 * still hears of them.
 */
static void pass_on(const struct caught *s, int signo, siginfo_t *info, void *context)
{
	if (s->before.sa_flags & SA_SIGINFO)
		s->before.sa_sigaction(signo, info, context);
	else if (s->before.sa_handler != SIG_DFL && s->before.sa_handler != SIG_IGN)
		s->before.sa_handler(signo);
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
	struct caught *s = &signals[signo];

	(void)atomic_fetch_add(&s->running, 1);

	int wake = atomic_load(&s->wake);

	if (wake != 0) {
		(void)atomic_fetch_add(&s->count, 1);
		weir__sys_wake_send(wake - 1);
		if (signo == SIGCHLD)
			pass_on(s, signo, info, context);
	}
	(void)atomic_fetch_sub(&s->running, 1);
}

/* Returning from a handler of these repeats the fault, for ever. */
static bool is_fault(int signo)
{
	return signo == SIGILL || signo == SIGFPE || signo == SIGSEGV || signo == SIGBUS;
}

static int install(int signo, struct sigaction *before)
{
	struct sigaction ours;

	memset(&ours, 0, sizeof(ours));
	ours.sa_sigaction = on_signal;
	ours.sa_flags = SA_RESTART | SA_SIGINFO;
	(void)sigfillset(&ours.sa_mask);
	/* Asked first: the handler may run before the second call has returned. */
	if (sigaction(signo, NULL, before) != 0 || sigaction(signo, &ours, NULL) != 0)
		return -errno;
	return 0;
}

int weir__sys_signal_catch(int signo, int wake_fd)
{
	if (signo < 1 || signo >= WEIR__SIGNAL_MAX || is_fault(signo))
		return -EINVAL;

	struct caught *s = &signals[signo];
	int holder = 0;

	/* The slot is claimed first: two threads may ask at the same time. */
	if (!atomic_compare_exchange_strong(&s->wake, &holder, wake_fd + 1))
		return holder == wake_fd + 1 ? 0 : -EBUSY;
	atomic_store(&s->count, 0);

	int error = install(signo, &s->before);

	if (error != 0)
		atomic_store(&s->wake, 0);
	return error;
}

/*
 * The caller will close the descriptor, and its number will be another's: so a
 * handler that has read the number must be through with it. Patience ends,
 * because in a child that was forked meanwhile it never is.
 */
static void await_handlers(struct caught *s)
{
	for (int i = 0; i < PATIENCE && atomic_load(&s->running) > 0; i++)
		(void)sched_yield();
}

/* The slot is given free last, so that nobody else's catch comes in between. */
void weir__sys_signal_release(int signo)
{
	if (signo < 1 || signo >= WEIR__SIGNAL_MAX || atomic_load(&signals[signo].wake) == 0)
		return;

	struct caught *s = &signals[signo];

	(void)sigaction(signo, &s->before, NULL);
	atomic_store(&s->count, 0);
	atomic_store(&s->wake, 0);
	await_handlers(s);
}

unsigned weir__sys_signal_take(int signo)
{
	if (signo < 1 || signo >= WEIR__SIGNAL_MAX)
		return 0;
	return atomic_exchange(&signals[signo].count, 0);
}

/* Its handlers are not running: fork came with all signals held back. */
void weir__sys_signals_forget(void)
{
	for (int signo = 1; signo < WEIR__SIGNAL_MAX; signo++) {
		struct caught *s = &signals[signo];

		if (atomic_load(&s->wake) == 0)
			continue;
		(void)sigaction(signo, &s->before, NULL);
		atomic_store(&s->running, 0);
		atomic_store(&s->count, 0);
		atomic_store(&s->wake, 0);
	}
}

void weir__sys_signals_default(void)
{
	struct sigaction usual;

	memset(&usual, 0, sizeof(usual));
	usual.sa_handler = SIG_DFL;
	for (int signo = 1; signo < WEIR__SIGNAL_MAX; signo++)
		(void)sigaction(signo, &usual, NULL);
}

int weir__sys_signal_number(enum weir__signal_name name)
{
	static const int numbers[] = {
		[WEIR__SIGNAL_INTERRUPT] = SIGINT, [WEIR__SIGNAL_TERMINATE] = SIGTERM,
		[WEIR__SIGNAL_HANGUP] = SIGHUP,    [WEIR__SIGNAL_QUIT] = SIGQUIT,
		[WEIR__SIGNAL_KILL] = SIGKILL,     [WEIR__SIGNAL_CHILD] = SIGCHLD,
	};

	return numbers[name];
}
