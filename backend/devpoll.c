/*
 * The poller on Solaris and its heirs: how is /dev/poll, a device that is
 * written to and asked, brought under the contract of poller.h? What the driver
 * does, and what follows here:
 *
 * - One write carries many changes. So interest is only noted, and written with
 *   the next wait as the difference to what the driver knows.
 * - Written events are OR-ed to those it has. Widening is one entry; everything
 *   else is a POLLREMOVE and, behind it, the new mask. An entry is a removal
 *   only if POLLREMOVE is all that it says.
 * - close() removes nothing: the entry would report POLLNVAL, or silently follow
 *   the number's next owner, or swallow that one's addition. So a removal is
 *   written before the close, at once, whether copies live or not.
 * - Closed numbers are taken without complaint and reported as POLLNVAL with
 *   every poll. It is reported once, as ERR, and then removed.
 * - A write of more entries than the limit of descriptors is refused, and so is
 *   a poll for more results on some versions, perhaps even for as many. Both are
 *   cut to what none refuses; the limit is asked each time because it can be
 *   changed meanwhile.
 * - Events carry no more than the number: the tag is added here.
 * - It resumes its scan behind the last descriptor it returned: nothing starves.
 *   A time-out is rounded up to a tick of the clock.
 * - The set belongs to the process that first used it; a child gets EACCES, and
 *   opens the device anew.
 * - On old versions a growing file offset ends in an error: pwrite at 0.
 */
#include "config.h"

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <unistd.h>

#include <sys/devpoll.h>

#include "backend/fdtab.h"
#include "backend/poller.h"

enum { BATCH = 256 };

/* In a mask of armed interest: the entry may be that of another descriptor. */
enum { STALE = 128 };

struct weir__poller {
	struct weir__mem *mem;
	int fd;
	struct weir__fdtab tab;
};

/* The device, not to survive exec, or -errno. */
static int open_device(void)
{
#ifdef O_CLOEXEC
	int fd = open("/dev/poll", O_RDWR | O_CLOEXEC);
#else
	int fd = open("/dev/poll", O_RDWR);
	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
	return fd >= 0 ? fd : -errno;
}

const char *weir__poller_name(void)
{
	return "devpoll";
}

int weir__poller_open(weir__poller **out, struct weir__mem *mem)
{
	*out = NULL;
	weir__poller *p = weir__mem_new(mem, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->mem = mem;
	p->fd = open_device();
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
	if (p->fd >= 0)
		(void)close(p->fd);
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
	/* An addition over an entry that is there: it must be removed before. */
	if (old == 0 && w->armed != 0)
		w->armed |= STALE;
	w->want = (uint8_t)now;
	weir__fdtab_note(&p->tab, fd);
	return 0;
}

/* 0 or -errno. The driver takes all entries or fails. */
static int write_entries(const weir__poller *p, const struct pollfd *entries, int n)
{
	ssize_t r;

	do
		r = pwrite(p->fd, entries, (size_t)n * sizeof(*entries), 0);
	while (r < 0 && errno == EINTR);
	return r >= 0 ? 0 : -errno;
}

static void forget(weir__poller *p, int fd)
{
	const struct pollfd removal = {.fd = fd, .events = POLLREMOVE, .revents = 0};
	struct weir__watch *w = weir__fdtab_find(&p->tab, fd);

	if (w == NULL)
		return;
	if (w->armed != 0)
		(void)write_entries(p, &removal, 1);
	w->want = w->armed = 0;
	weir__fdtab_note(&p->tab, fd);
}

void weir__poller_drop(weir__poller *p, int fd, unsigned old, bool shared)
{
	/* A removal noted in this turn has not been written yet: old may be 0. */
	(void)old;
	(void)shared;
	forget(p, fd);
}

/* n, or the limit of descriptors if that is less. */
static int within_limit(int n)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) != 0 || lim.rlim_cur >= (rlim_t)n)
		return n;
	return (int)lim.rlim_cur;
}

/* How many of max results may be asked for: fewer than the limit of descriptors, but one. */
static int results_within_limit(int max)
{
	const int most = within_limit(max + 1) - 1;

	return most > 0 ? most : 1;
}

/* Writes the entries that change the watch of fd; at most two. */
static int describe(const struct weir__watch *w, int fd, struct pollfd *to)
{
	int n = 0;
	int events = 0;

	if (w->armed & ~w->want)
		to[n++] = (struct pollfd){.fd = fd, .events = POLLREMOVE, .revents = 0};
	if (w->want & WEIR__IN)
		events |= POLLIN;
	if (w->want & WEIR__OUT)
		events |= POLLOUT;
	if (events != 0)
		to[n++] = (struct pollfd){.fd = fd, .events = (short)events, .revents = 0};
	return n;
}

/* Tells the driver all that is noted, in slices from the end of the list. */
static int tell(weir__poller *p)
{
	struct pollfd batch[BATCH];

	if (p->tab.queued == 0)
		return 0;
	const int slice = within_limit(BATCH);
	while (p->tab.queued > 0) {
		const int hi = p->tab.queued;
		int lo = hi;
		int n = 0;
		while (lo > 0 && n + 2 <= slice) {
			const int fd = p->tab.at[--lo].slot;
			n += describe(&p->tab.at[fd], fd, batch + n);
		}
		int r = n > 0 ? write_entries(p, batch, n) : -EMFILE;
		if (r < 0)
			return r;
		for (int i = hi - 1; i >= lo; i--) {
			struct weir__watch *w = &p->tab.at[p->tab.at[i].slot];
			w->armed = w->want;
			weir__fdtab_note(&p->tab, p->tab.at[i].slot);
		}
	}
	return 0;
}

/* Turns one result into an event; false if it is about nothing we want. */
static bool translate(weir__poller *p, const struct pollfd *got, struct weir__event *to)
{
	const struct weir__watch *w = weir__fdtab_find(&p->tab, got->fd);
	unsigned ready = 0;

	if (w == NULL || w->want == 0)
		return false;
	if (got->revents & POLLIN)
		ready |= WEIR__IN;
	if (got->revents & POLLOUT)
		ready |= WEIR__OUT;
	ready &= w->want;
	if (got->revents & (POLLERR | POLLHUP | POLLNVAL))
		ready |= WEIR__ERR;
	*to = (struct weir__event){got->fd, w->tag, ready};
	if (got->revents & POLLNVAL)
		forget(p, got->fd);
	return ready != 0;
}

int weir__poller_wait(weir__poller *p, struct weir__event *out, int max, int timeout_ms)
{
	struct pollfd batch[BATCH];
	struct dvpoll ask = {.dp_fds = batch, .dp_timeout = timeout_ms};
	int n = 0;
	int r = tell(p);

	if (r < 0)
		return r;
	ask.dp_nfds = (nfds_t)results_within_limit(max < BATCH ? max : BATCH);
	const int got = ioctl(p->fd, DP_POLL, &ask);
	if (got < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < got; i++)
		n += translate(p, &batch[i], &out[n]);
	return n;
}

int weir__poller_fork(weir__poller *p)
{
	/* The old one first, so that its number serves where all are in use. */
	if (p->fd >= 0)
		(void)close(p->fd);
	weir__fdtab_clear(&p->tab);
	p->fd = open_device();
	return p->fd >= 0 ? 0 : p->fd;
}
