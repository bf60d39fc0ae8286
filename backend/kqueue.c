/*
 * The poller on the BSDs and macOS: how is kqueue, with its two filters a
 * descriptor, brought under the contract of poller.h? What the kernel does, and
 * what follows here:
 *
 * - One call takes changes and gives events. So interest is only noted, and told
 *   with the next wait as the difference to what the kernel knows: toggling
 *   within a turn costs nothing, and nothing is told of a descriptor that was
 *   dropped meanwhile.
 * - A change that fails is an entry among the results; where there is no room
 *   for it the whole call fails and the changes behind it are not applied. So
 *   changes go with the wait only if all of them could fail; else they are told
 *   before, without asking for events, and one by one if that fails.
 * - Error entries come alone: the ordinary events need a second call.
 * - An addition is refused with EPIPE (NetBSD: EBADF) where the other end is
 *   gone, and with EINVAL, EPERM or ENODEV for devices without a filter. It is
 *   reported as ERR and tried again with every wait, which is what
 *   level-triggered means here, unless the descriptor is closed indeed. A
 *   refused removal is one that was not needed.
 * - close() removes the filters of its number, even if a copy of the descriptor
 *   lives on: drop has nothing to tell, unless the number itself may stay open.
 * - EV_EOF comes with data still unread, and for either direction by itself:
 *   it is no more than the readiness of its filter. With an error (in fflags)
 *   both directions are ready.
 * - Two filters are two events: they are merged by descriptor. If the results
 *   were full, the other half of a pair may have been left behind, and poll(2)
 *   is asked about it.
 * - A filter that was reported goes to the end of the queue: nothing starves.
 * - A child does not inherit the queue, and its number may already be something
 *   else's there: only the process that opened it closes it.
 * - EVFILT_READ may be zero, types of filters, flags, counts and udata differ,
 *   and the struct may have more members: EV_SET always, small unsigned numbers
 *   (which widen into all of them), and the table instead of udata.
 */
#include "config.h"

#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "backend/fdtab.h"
#include "backend/poller.h"

enum { BATCH = 256 };

struct weir__poller {
	struct weir__mem *mem;
	int fd;
	pid_t owner; /* the process that opened fd */
	struct weir__fdtab tab;
	struct kevent list[BATCH]; /* changes on the way in, events on the way out */
};

struct results {
	struct weir__event *out;
	int n;
	int max; /* at most BATCH */
};

/* A queue that does not survive exec, or -errno. */
static int open_queue(void)
{
#if HAVE_KQUEUE1
	int fd = kqueue1(O_CLOEXEC);
#else
	int fd = kqueue();
	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
	return fd >= 0 ? fd : -errno;
}

static void close_queue(weir__poller *p)
{
	if (p->fd >= 0 && p->owner == getpid())
		(void)close(p->fd);
	p->fd = -1;
}

const char *weir__poller_name(void)
{
	return "kqueue";
}

int weir__poller_open(weir__poller **out, struct weir__mem *mem)
{
	*out = NULL;
	weir__poller *p = weir__mem_new(mem, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->mem = mem;
	p->owner = getpid();
	p->fd = open_queue();
	if (p->fd < 0) {
		int r = p->fd;
		weir__mem_free(mem, p, sizeof(*p));
		return r;
	}
	*out = p;
	return 0;
}

void weir__poller_close(weir__poller *p)
{
	if (p == NULL)
		return;
	close_queue(p);
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
	now &= WEIR__IN | WEIR__OUT; /* all who wait are woken here */
	if (old == 0) {
		int r = weir__fdtab_admit(&p->tab, p->mem, fd, tag);
		if (r != 0)
			return r;
	}
	struct weir__watch *w = weir__fdtab_find(&p->tab, fd);
	if (w == NULL)
		return -EBADF;
	/* Filters may have gone with a close that we were not told of: adding twice is harmless. */
	if (old == 0)
		w->armed &= (uint8_t)~now;
	w->want = (uint8_t)now;
	weir__fdtab_note(&p->tab, fd);
	return 0;
}

/* Closing does the rest. */
static void forget(weir__poller *p, int fd)
{
	struct weir__watch *w = weir__fdtab_find(&p->tab, fd);

	if (w == NULL)
		return;
	w->want = w->armed = 0;
	weir__fdtab_note(&p->tab, fd);
}

/* The direction of a filter, or 0 for one that is none of ours. */
static unsigned direction(const struct kevent *ev)
{
	if (ev->filter == EVFILT_READ)
		return WEIR__IN;
	return ev->filter == EVFILT_WRITE ? WEIR__OUT : 0;
}

/* Writes the changes for entries lo to hi - 1 of the list; at most two for each. */
static uint16_t write_changes(weir__poller *p, int lo, int hi)
{
	uint16_t n = 0;

	for (int i = lo; i < hi; i++) {
		const int fd = p->tab.at[i].slot;
		const struct weir__watch *w = &p->tab.at[fd];
		const unsigned differ = w->want ^ w->armed;

		if (differ & WEIR__IN) {
			const uint16_t flags = w->want & WEIR__IN ? EV_ADD : EV_DELETE;
			EV_SET(&p->list[n], (uintptr_t)fd, EVFILT_READ, flags, 0, 0, 0);
			n++;
		}
		if (differ & WEIR__OUT) {
			const uint16_t flags = w->want & WEIR__OUT ? EV_ADD : EV_DELETE;
			EV_SET(&p->list[n], (uintptr_t)fd, EVFILT_WRITE, flags, 0, 0, 0);
			n++;
		}
	}
	return n;
}

/* The one place where the kernel is called: n changes in, at most room events out. */
static int call(weir__poller *p, const struct kevent *changes, uint16_t n, uint16_t room,
                int timeout_ms)
{
	struct timespec ts = {.tv_sec = 0};

	if (timeout_ms > 0) {
		ts.tv_sec = timeout_ms / 1000;
		ts.tv_nsec = timeout_ms % 1000 * 1000000L;
	}
	int r = kevent(p->fd, changes, n, p->list, room, timeout_ms < 0 ? NULL : &ts);
	return r >= 0 ? r : -errno;
}

/* Removes what the kernel has, now: no close will. Refusals mean that it had not. */
static void remove_filters(weir__poller *p, int fd, unsigned armed)
{
	struct kevent change;

	EV_SET(&change, (uintptr_t)fd, EVFILT_READ, EV_DELETE, 0, 0, 0);
	if (armed & WEIR__IN)
		(void)call(p, &change, 1, 0, 0);
	EV_SET(&change, (uintptr_t)fd, EVFILT_WRITE, EV_DELETE, 0, 0, 0);
	if (armed & WEIR__OUT)
		(void)call(p, &change, 1, 0, 0);
}

void weir__poller_drop(weir__poller *p, int fd, unsigned old, bool shared)
{
	const struct weir__watch *w = weir__fdtab_find(&p->tab, fd);

	(void)old;
	if (shared && w != NULL)
		remove_filters(p, fd, w->armed);
	forget(p, fd);
}

/* Adds what is ready about fd; false if there is no room for one more. */
static bool store(weir__poller *p, struct results *res, int fd, unsigned ready)
{
	struct weir__watch *w = &p->tab.at[fd];

	/* Left from an earlier wait, the place names another descriptor or none. */
	if (w->seen >= res->n || res->out[w->seen].fd != fd) {
		if (res->n == res->max)
			return false;
		w->seen = res->n++;
		res->out[w->seen] = (struct weir__event){fd, w->tag, 0};
	}
	res->out[w->seen].ready |= ready;
	return true;
}

/* A change that the kernel did not take. */
static void refused(weir__poller *p, struct results *res, const struct kevent *change, int error)
{
	const int fd = (int)change->ident;
	const unsigned bit = direction(change);
	struct weir__watch *w = weir__fdtab_find(&p->tab, fd);

	if (w == NULL || (w->want & bit) == 0)
		return;
	if (store(p, res, fd, WEIR__ERR) && error == EBADF && fcntl(fd, F_GETFD) < 0)
		w->want = w->armed = 0;
	else
		w->armed &= (uint8_t)~bit;
}

/* Entries lo to hi - 1 were told. */
static void told(weir__poller *p, int lo, int hi)
{
	for (int i = lo; i < hi; i++) {
		struct weir__watch *w = &p->tab.at[p->tab.at[i].slot];
		w->armed = w->want;
	}
}

/* Takes out of the list what is settled; downwards, because the last fills the gap. */
static void tidy(weir__poller *p, int lo, int hi)
{
	for (int i = hi - 1; i >= lo; i--)
		weir__fdtab_note(&p->tab, p->tab.at[i].slot);
}

/*
 * Tells as many changes, from the end of the list, as must be told before the
 * wait: without room for events, so that none is taken and thrown away, and if
 * that fails once more one by one. Returns how many entries are left to go with
 * the wait. (A queue that is no longer usable shows itself there.)
 */
static int tell_early(weir__poller *p, struct results *res)
{
	int hi = p->tab.queued;

	while (hi > 0 && 2 * hi > res->max - res->n) {
		const int lo = hi > BATCH / 2 ? hi - BATCH / 2 : 0;
		const uint16_t n = write_changes(p, lo, hi);
		const int r = call(p, p->list, n, 0, 0);

		told(p, lo, hi);
		for (uint16_t i = 0; r < 0 && i < n; i++) {
			const int one = call(p, &p->list[i], 1, 0, 0);
			if (one < 0)
				refused(p, res, &p->list[i], -one);
		}
		tidy(p, lo, hi);
		hi = lo;
	}
	return hi;
}

/*
 * Asks poll(2) for the directions that did not fit into the results. What it
 * cannot tell comes with the next wait.
 */
static void complete_pairs(weir__poller *p, struct results *res)
{
	struct pollfd ask[BATCH];
	nfds_t n = 0;

	for (int i = 0; i < res->n; i++) {
		const unsigned missing = p->tab.at[res->out[i].fd].want & ~res->out[i].ready;
		if (missing == 0 || res->out[i].ready & WEIR__ERR)
			continue;
		ask[n].fd = res->out[i].fd;
		ask[n].events = missing & WEIR__IN ? POLLIN : POLLOUT;
		ask[n].revents = 0;
		n++;
	}
	if (n == 0 || poll(ask, n, 0) <= 0)
		return;
	for (nfds_t i = 0; i < n; i++)
		if (ask[i].revents & (POLLIN | POLLOUT))
			(void)store(p, res, ask[i].fd,
			            ask[i].revents & POLLIN ? WEIR__IN : WEIR__OUT);
}

/*
 * One call, with the changes of the first `hi` entries. Returns how many of its
 * results were errors of changes, or -errno.
 */
static int gather(weir__poller *p, struct results *res, int hi, int timeout_ms)
{
	const uint16_t n = write_changes(p, 0, hi);
	const int room = res->max - res->n;
	int errors = 0;
	int got = call(p, p->list, n, (uint16_t)room, timeout_ms);

	/* Interrupted while waiting: the changes have been applied. */
	if (got < 0 && got != -EINTR)
		return got;
	told(p, 0, hi);
	for (int i = 0; i < got; i++) {
		const struct kevent *ev = &p->list[i];
		const struct weir__watch *w = weir__fdtab_find(&p->tab, (int)ev->ident);
		unsigned ready = direction(ev);

		if (ev->flags & EV_ERROR) {
			refused(p, res, ev, (int)ev->data);
			errors++;
		} else if (w != NULL && w->want & ready) {
			if (ev->flags & EV_EOF && ev->fflags != 0)
				ready |= WEIR__ERR;
			(void)store(p, res, (int)ev->ident, ready);
		}
	}
	tidy(p, 0, hi);
	if (errors == 0 && got == room)
		complete_pairs(p, res);
	return errors;
}

int weir__poller_wait(weir__poller *p, struct weir__event *out, int max, int timeout_ms)
{
	struct results res = {out, 0, max < BATCH ? max : BATCH};
	int r = tell_early(p, &res);

	if (res.n < res.max)
		r = gather(p, &res, r, res.n > 0 ? 0 : timeout_ms);
	if (r > 0 && res.n < res.max)
		r = gather(p, &res, 0, res.n > 0 ? 0 : timeout_ms);
	return r < 0 ? r : res.n;
}

int weir__poller_fork(weir__poller *p)
{
	close_queue(p);
	weir__fdtab_clear(&p->tab);
	p->owner = getpid();
	p->fd = open_queue();
	return p->fd >= 0 ? 0 : p->fd;
}
