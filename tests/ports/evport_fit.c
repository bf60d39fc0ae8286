/*
 * Does the interface of poller.h fit event ports, what Solaris' makers recommend in the place of
 * /dev/poll? A sketch that compiles against the stubs of illumos and was never run: it proves that
 * each function can be told in the terms of port_create(3C) and its kin, no more.
 *
 * - An association watches a number for one event and is then gone. So events are answered by
 *   noting the descriptor again, and it is associated anew by the next wait: level-triggered,
 *   since associating looks at once whether the condition holds.
 * - It is found by the number, and associating again replaces mask and user value: widening and
 *   narrowing are the same call.
 * - close() dissociates, but a copy of the open file is none of its concern: drop has to tell
 *   nothing unless the number itself stays open.
 * - The user value carries the tag, so that the table has only to remember what is wanted.
 * - port_getn gives what is there, up to max, and waits for one. A time-out is ETIME, perhaps with
 *   events, and so is nothing.
 * - A child shares the parent's port: it opens one of its own.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <port.h>
#include <unistd.h>

#include "backend/fdtab.h"
#include "backend/poller.h"

enum { BATCH = 256 };

struct weir__poller {
	struct weir__mem *mem;
	int port;
	struct weir__fdtab tab;
};

static int open_port(void)
{
	int port = port_create();

	return port >= 0 ? port : -errno;
}

const char *weir__poller_name(void)
{
	return "evport";
}

int weir__poller_open(weir__poller **out, struct weir__mem *mem)
{
	*out = weir__mem_new(mem, sizeof(**out));
	if (*out == NULL)
		return -ENOMEM;
	(*out)->mem = mem;
	(*out)->port = open_port();
	if ((*out)->port >= 0)
		return 0;

	int error = (*out)->port;

	weir__mem_free(mem, *out, sizeof(**out));
	*out = NULL;
	return error;
}

void weir__poller_close(weir__poller *p)
{
	if (p == NULL)
		return;
	(void)close(p->port);
	weir__fdtab_free(&p->tab, p->mem);
	weir__mem_free(p->mem, p, sizeof(*p));
}

int weir__poller_limit(const weir__poller *p)
{
	(void)p;
	return INT_MAX;
}

int weir__poller_set(weir__poller *p, int fd, uint32_t tag, unsigned old, unsigned now)
{
	int r = old == 0 ? weir__fdtab_admit(&p->tab, p->mem, fd, tag) : 0;
	struct weir__watch *w = weir__fdtab_find(&p->tab, fd);

	if (r != 0 || w == NULL)
		return r != 0 ? r : -EBADF;
	w->want = now & (WEIR__IN | WEIR__OUT);
	weir__fdtab_note(&p->tab, fd);
	return 0;
}

void weir__poller_drop(weir__poller *p, int fd, unsigned old, bool shared)
{
	struct weir__watch *w = weir__fdtab_find(&p->tab, fd);

	(void)old;
	if (w == NULL)
		return;
	if (shared && w->armed != 0)
		(void)port_dissociate(p->port, PORT_SOURCE_FD, (uintptr_t)fd);
	w->want = w->armed = 0;
	weir__fdtab_note(&p->tab, fd);
}

/* Associates what is noted; what cannot be is reported as ERR. */
static int tell(weir__poller *p, struct weir__event *out, int max)
{
	int n = 0;

	while (p->tab.queued > 0 && n < max) {
		const int fd = p->tab.at[p->tab.queued - 1].slot;
		struct weir__watch *w = &p->tab.at[fd];
		const int events =
			(w->want & WEIR__IN ? POLLIN : 0) | (w->want & WEIR__OUT ? POLLOUT : 0);

		if (events == 0)
			(void)port_dissociate(p->port, PORT_SOURCE_FD, (uintptr_t)fd);
		else if (port_associate(p->port, PORT_SOURCE_FD, (uintptr_t)fd, events,
		                        (void *)(uintptr_t)w->tag) != 0)
			out[n++] = (struct weir__event){fd, w->tag, WEIR__ERR};
		w->armed = w->want;
		weir__fdtab_note(&p->tab, fd);
	}
	return n;
}

/* One event: the association is gone with it, and noted again. */
static void take(weir__poller *p, const port_event_t *got, struct weir__event *to)
{
	const int fd = (int)got->portev_object;
	struct weir__watch *w = weir__fdtab_find(&p->tab, fd);
	unsigned ready = got->portev_events & (POLLERR | POLLHUP | POLLNVAL) ? WEIR__ERR : 0;

	if (got->portev_events & POLLIN)
		ready |= WEIR__IN;
	if (got->portev_events & POLLOUT)
		ready |= WEIR__OUT;
	*to = (struct weir__event){fd, (uint32_t)(uintptr_t)got->portev_user, ready};
	if (w == NULL)
		return;
	w->armed = 0;
	weir__fdtab_note(&p->tab, fd);
}

int weir__poller_wait(weir__poller *p, struct weir__event *out, int max, int timeout_ms)
{
	port_event_t batch[BATCH];
	int n = tell(p, out, max);
	unsigned got = 1; /* at least so many are waited for */

	if (n > 0)
		return n;

	const struct timespec ts = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
	const unsigned room = max < BATCH ? (unsigned)max : BATCH;

	if (port_getn(p->port, batch, room, &got, timeout_ms < 0 ? NULL : &ts) != 0 &&
	    errno != ETIME && errno != EINTR)
		return -errno;
	for (unsigned i = 0; i < got; i++)
		take(p, &batch[i], &out[n++]);
	return n;
}

int weir__poller_fork(weir__poller *p)
{
	(void)close(p->port);
	weir__fdtab_clear(&p->tab);
	p->port = open_port();
	return p->port >= 0 ? 0 : p->port;
}
