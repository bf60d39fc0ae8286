/*
 * The poller on Linux: how are epoll's habits brought under the contract of
 * poller.h? What the kernel does, and what follows here:
 *
 * - It watches open file descriptions, not numbers. While a copy of the
 *   descriptor lives elsewhere, close() leaves the entry in the set, which then
 *   reports a number that is no longer ours and cannot be removed any more.
 *   So a shared descriptor is removed before its close; one that is not shared
 *   goes with its close, and no call is spent.
 * - A forked child shares the set itself: a removal there would edit the
 *   parent's. So the child only closes its copy and opens a set of its own.
 * - It reports ERR and HUP even with an empty mask: no interest is no entry.
 * - It refuses what has no poll operation (files, folders, /dev/null) with
 *   EPERM: "always ready" to the core.
 * - An event may be older than the descriptor that now has its number. The
 *   entry carries the tag beside the number, for the core to compare.
 * - Entries that are ready and do not fit go to the end of the kernel's list:
 *   nothing starves.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

/*
 * The C library packs struct epoll_event on x86-64 by an attribute that it
 * withholds from compilers it does not know, such as tcc: the kernel would then
 * write into other places than the program reads.
 */
#if defined(__TINYC__) && defined(__x86_64__)
#pragma pack(push, 1)
#include <sys/epoll.h>
#pragma pack(pop)
#else
#include <sys/epoll.h>
#endif

#include "backend/poller.h"

#if defined(__x86_64__)
_Static_assert(sizeof(struct epoll_event) == 12,
               "struct epoll_event is not packed as the kernel expects: use another compiler");
#endif

enum { BATCH = 256 };

struct weir__poller {
	struct weir__mem *mem;
	int fd;
};

/* An epoll descriptor that does not survive exec, or -errno. */
static int open_set(void)
{
#if HAVE_EPOLL_CREATE1
	int fd = epoll_create1(EPOLL_CLOEXEC);
#else
	int fd = epoll_create(BATCH);
	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
	return fd >= 0 ? fd : -errno;
}

const char *weir__poller_name(void)
{
	return "epoll";
}

int weir__poller_open(weir__poller **out, struct weir__mem *mem)
{
	*out = NULL;
	weir__poller *p = weir__mem_new(mem, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->mem = mem;
	p->fd = open_set();
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
	weir__mem_free(p->mem, p, sizeof(*p));
}

int weir__poller_limit(const weir__poller *p)
{
	(void)p;
	return INT_MAX;
}

int weir__poller_set(weir__poller *p, int fd, uint32_t tag, unsigned old, unsigned now)
{
	struct epoll_event ev = {.events = 0};
	int op = old == 0 ? EPOLL_CTL_ADD : now == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;

	if (now & WEIR__IN)
		ev.events |= EPOLLIN;
	if (now & WEIR__OUT)
		ev.events |= EPOLLOUT;
#if HAVE_EPOLLEXCLUSIVE
	/* The kernel takes it with an addition only; interest in input alone never changes. */
	if (now & WEIR__AMONG && op == EPOLL_CTL_ADD)
		ev.events |= EPOLLEXCLUSIVE;
#endif
	/* A change replaces what the entry carries: the tag must go along each time. */
	ev.data.u64 = (uint64_t)tag << 32 | (uint32_t)fd;

	int r = epoll_ctl(p->fd, op, fd, &ev);
	/*
	 * The set can know more than the caller (a copy kept an old entry of this
	 * very description alive) or less (closed elsewhere, and opened again). An
	 * old entry is not changed but replaced: an exclusive one cannot be changed.
	 */
	if (r != 0 && op == EPOLL_CTL_ADD && errno == EEXIST) {
		(void)epoll_ctl(p->fd, EPOLL_CTL_DEL, fd, &ev);
		r = epoll_ctl(p->fd, EPOLL_CTL_ADD, fd, &ev);
	} else if (r != 0 && op == EPOLL_CTL_MOD && errno == ENOENT) {
		r = epoll_ctl(p->fd, EPOLL_CTL_ADD, fd, &ev);
	}
	/* An old kernel does not know the flag. */
	if (r != 0 && errno == EINVAL && now & WEIR__AMONG)
		return weir__poller_set(p, fd, tag, old, now & ~(unsigned)WEIR__AMONG);
	if (r == 0 || now == 0)
		return 0;
	return errno == EPERM ? 1 : -errno;
}

void weir__poller_drop(weir__poller *p, int fd, unsigned old, bool shared)
{
	struct epoll_event ev = {.events = 0}; /* old kernels want one to look at */

	if (old != 0 && shared)
		(void)epoll_ctl(p->fd, EPOLL_CTL_DEL, fd, &ev);
}

int weir__poller_wait(weir__poller *p, struct weir__event *out, int max, int timeout_ms)
{
	struct epoll_event batch[BATCH];
	int n = epoll_wait(p->fd, batch, max < BATCH ? max : BATCH, timeout_ms);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		uint32_t got = batch[i].events;
		uint64_t data = batch[i].data.u64;

		out[i].fd = (int)(uint32_t)data;
		out[i].tag = (uint32_t)(data >> 32);
		out[i].ready = (got & EPOLLIN ? WEIR__IN : 0U) | (got & EPOLLOUT ? WEIR__OUT : 0U) |
		               (got & (EPOLLERR | EPOLLHUP) ? WEIR__ERR : 0U);
	}
	return n;
}

int weir__poller_fork(weir__poller *p)
{
	/* The old one first, so that its number serves where all are in use. */
	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = open_set();
	return p->fd >= 0 ? 0 : p->fd;
}
