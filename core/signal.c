/*
 * Signals, delivered on the loop. The handler of backend/sys_signal.c counts and
 * wakes; here each watcher of a signal that came is called once. One loop of the
 * process has the signals: the first that asks.
 */
#include "core/loop.h"

#include <errno.h>

static bool watched(const weir_loop *loop, int signo)
{
	for (const weir_signal *w = loop->signals; w; w = w->next)
		if (w->signo == signo)
			return true;
	return false;
}

static bool started(const weir_loop *loop, const weir_signal *watcher)
{
	const weir_signal *w = loop->signals;
	while (w && w != watcher)
		w = w->next;
	return w != NULL;
}

int weir_signal_start(weir_loop *loop, weir_signal *watcher, int signo, weir_signal_fn *fn,
                      void *arg)
{
	int result = weir__thread_check(loop);
	if (result < 0)
		return result;
	/* Started already: goes on as it is. */
	if (started(loop, watcher))
		return -EBUSY;
	watcher->loop = NULL;
	if (signo < 1 || signo >= WEIR__SIGNAL_MAX)
		return -EINVAL;
	if (!watched(loop, signo)) {
		result = weir__sys_signal_catch(signo, loop->wake_fd[1]);
		if (result < 0)
			return result;
	}
	*watcher = (weir_signal){.loop = loop, .fn = fn, .arg = arg, .signo = signo};
	weir_signal **end = &loop->signals;
	while (*end)
		end = &(*end)->next;
	*end = watcher;
	return 0;
}

void weir_signal_stop(weir_signal *watcher)
{
	weir_loop *loop = watcher->loop;
	if (!loop)
		return;
	weir_signal **link = &loop->signals;
	while (*link != watcher)
		link = &(*link)->next;
	*link = watcher->next;
	watcher->loop = NULL;
	if (!watched(loop, watcher->signo))
		weir__sys_signal_release(watcher->signo);
}

static weir_signal *first_due(const weir_loop *loop)
{
	weir_signal *w = loop->signals;
	while (w && !w->due)
		w = w->next;
	return w;
}

/* Marked first, and looked for from the beginning each time: a call may stop any
   watcher, and start others, which wait for the next signal. */
static void tell(weir_loop *loop, int signo)
{
	weir_signal *w;
	for (w = loop->signals; w; w = w->next)
		w->due = w->signo == signo;
	while ((w = first_due(loop)) != NULL) {
		w->due = false;
		w->fn(w, signo, w->arg);
	}
}

void weir__signals_run(weir_loop *loop)
{
	for (int signo = 1; signo < WEIR__SIGNAL_MAX; signo++)
		if (watched(loop, signo) && weir__sys_signal_take(signo))
			tell(loop, signo);
}

int weir__signals_move(weir_loop *loop)
{
	int result = 0;
	for (const weir_signal *w = loop->signals; w && result == 0; w = w->next) {
		weir__sys_signal_release(w->signo);
		result = weir__sys_signal_catch(w->signo, loop->wake_fd[1]);
	}
	return result;
}
