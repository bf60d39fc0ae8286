/*
 * The poller where there is nothing better: how is select, with its sets of a
 * fixed size, brought under the contract of poller.h? What it does, and what
 * follows here:
 *
 * - FD_SET beyond FD_SETSIZE is undefined: silent corruption, or an abort where
 *   the C library checks. Many kernels however take larger sets. A larger set is
 *   here an array of fd_set, one after the other: bit n is bit n % FD_SETSIZE of
 *   set n / FD_SETSIZE. That is the layout the kernel expects, whatever words an
 *   fd_set is made of and whichever their order of octets, and no macro is ever
 *   given a number out of its range.
 * - Where the kernel takes no more than an fd_set, larger numbers are refused
 *   with EMFILE, and limit() tells so beforehand.
 * - It overwrites the sets it is given: copies of them are.
 * - One closed number makes the whole call fail, without saying which: they are
 *   looked for, reported once as ERR, and forgotten.
 * - There are no tags and no fairness: tags are added here, and if more is ready
 *   than fits, the next scan resumes behind the last one reported.
 */
#include "config.h"

#include <sys/types.h>
#include <sys/select.h>
#include <sys/time.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "backend/fdtab.h"
#include "backend/poller.h"

#if HAVE_BIG_SELECT
_Static_assert(sizeof(fd_set) * CHAR_BIT == FD_SETSIZE, "an fd_set holds more than its bits");
#endif

/* Descriptors that are skipped together if none of them is ready. */
enum { WORD = 64 };
_Static_assert(FD_SETSIZE % WORD == 0, "an fd_set does not end with a word");

struct weir__poller {
	struct weir__mem *mem;
	struct weir__fdtab tab;
	fd_set *sets; /* four maps: wanted to read, to write; ready to read, to write */
	int pages;    /* fd_sets in each map */
	int end;      /* no descriptor of this number or above is wanted */
	int next;     /* where the next scan begins */
};

enum map { WANT_IN, WANT_OUT, READY_IN, READY_OUT, MAPS };

static fd_set *map(const weir__poller *p, enum map which)
{
	return p->sets + (size_t)which * (size_t)p->pages;
}

/* The macros of some C libraries divide by an unsigned number, those of others are functions of a
   signed one: a small unsigned number widens into both. */
_Static_assert(FD_SETSIZE <= UINT16_MAX + 1, "an fd_set has more bits than can be named");

static bool has(const fd_set *set, int fd)
{
	const uint16_t bit = (uint16_t)(fd % FD_SETSIZE);

	return FD_ISSET(bit, &set[fd / FD_SETSIZE]) != 0;
}

static void put(fd_set *set, int fd, bool in)
{
	const uint16_t bit = (uint16_t)(fd % FD_SETSIZE);

	if (in)
		FD_SET(bit, &set[fd / FD_SETSIZE]);
	else
		FD_CLR(bit, &set[fd / FD_SETSIZE]);
}

/* Whether the WORD descriptors from `fd` on (a multiple of WORD) are all absent. */
static bool none(const fd_set *set, int fd)
{
	uint64_t bits;

	memcpy(&bits, (const unsigned char *)set + fd / CHAR_BIT, sizeof(bits));
	return bits == 0;
}

const char *weir__poller_name(void)
{
	return "select";
}

int weir__poller_open(weir__poller **out, struct weir__mem *mem)
{
	*out = weir__mem_new(mem, sizeof(**out));
	if (*out == NULL)
		return -ENOMEM;
	(*out)->mem = mem;
	return 0;
}

static size_t sets_size(int pages)
{
	return MAPS * (size_t)pages * sizeof(fd_set);
}

void weir__poller_close(weir__poller *p)
{
	if (p == NULL)
		return;
	weir__fdtab_free(&p->tab, p->mem);
	weir__mem_free(p->mem, p->sets, sets_size(p->pages));
	weir__mem_free(p->mem, p, sizeof(*p));
}

int weir__poller_limit(const weir__poller *p)
{
	(void)p;
	return HAVE_BIG_SELECT ? INT_MAX : FD_SETSIZE;
}

/* Makes the maps reach to fd. */
static int reach(weir__poller *p, int fd)
{
	const int pages = fd / FD_SETSIZE + 1;

	if (pages <= p->pages)
		return 0;
	fd_set *sets = weir__mem_new(p->mem, sets_size(pages));
	if (sets == NULL)
		return -ENOMEM;
	for (int which = 0; p->pages > 0 && which < MAPS; which++)
		memcpy(sets + which * pages, map(p, (enum map)which),
		       (size_t)p->pages * sizeof(*sets));
	weir__mem_free(p->mem, p->sets, sets_size(p->pages));
	p->sets = sets;
	p->pages = pages;
	return 0;
}

/* Returns 0, or -EBADF for a number that was never added. */
static int want(weir__poller *p, int fd, unsigned now)
{
	struct weir__watch *w = weir__fdtab_find(&p->tab, fd);

	/* Either may reach further than the other. */
	if (w == NULL || fd / FD_SETSIZE >= p->pages)
		return -EBADF;
	w->want = (uint8_t)now;
	put(map(p, WANT_IN), fd, now & WEIR__IN);
	put(map(p, WANT_OUT), fd, now & WEIR__OUT);
	if (now != 0 && fd >= p->end)
		p->end = fd + 1;
	while (p->end > 0 && p->tab.at[p->end - 1].want == 0)
		p->end--;
	return 0;
}

int weir__poller_set(weir__poller *p, int fd, uint32_t tag, unsigned old, unsigned now)
{
	now &= WEIR__IN | WEIR__OUT; /* all who wait are woken here */
	if (old == 0) {
		int r = fd < weir__poller_limit(p) ? 0 : -EMFILE;
		if (r == 0)
			r = weir__fdtab_admit(&p->tab, p->mem, fd, tag);
		if (r == 0)
			r = reach(p, fd);
		if (r != 0)
			return r;
	}
	return want(p, fd, now);
}

void weir__poller_drop(weir__poller *p, int fd, unsigned old, bool shared)
{
	(void)shared;
	if (old != 0)
		(void)want(p, fd, 0);
}

/* Reports and forgets the descriptors that were closed behind our back. */
static int find_closed(weir__poller *p, struct weir__event *out, int max)
{
	int n = 0;

	for (int fd = 0; fd < p->end && n < max; fd++) {
		const struct weir__watch *w = &p->tab.at[fd];
		if (w->want == 0 || fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		out[n++] = (struct weir__event){fd, w->tag, WEIR__ERR};
		(void)want(p, fd, 0);
	}
	return n;
}

/* The first ready descriptor from fd on and below `end`, or `end`. */
static int find_ready(const weir__poller *p, int fd, int end)
{
	const fd_set *in = map(p, READY_IN);
	const fd_set *out = map(p, READY_OUT);

	while (fd < end) {
		if (fd % WORD == 0 && none(in, fd) && none(out, fd))
			fd += WORD;
		else if (has(in, fd) || has(out, fd))
			return fd;
		else
			fd++;
	}
	return end;
}

/* Appends the ready descriptors from `from` on and below `end`. */
static int scan(weir__poller *p, int from, int end, struct weir__event *out, int n, int max)
{
	for (int fd = find_ready(p, from, end); fd < end && n < max;
	     fd = find_ready(p, fd + 1, end)) {
		const unsigned ready = (has(map(p, READY_IN), fd) ? WEIR__IN : 0U) |
		                       (has(map(p, READY_OUT), fd) ? WEIR__OUT : 0U);
		out[n++] = (struct weir__event){fd, p->tab.at[fd].tag, ready};
		p->next = fd + 1;
	}
	return n;
}

int weir__poller_wait(weir__poller *p, struct weir__event *out, int max, int timeout_ms)
{
	struct timeval tv = {.tv_sec = 0};
	fd_set *in = NULL;
	fd_set *outs = NULL;

	if (timeout_ms > 0) {
		tv.tv_sec = timeout_ms / 1000;
		tv.tv_usec = timeout_ms % 1000 * 1000;
	}
	if (p->end > 0) {
		in = map(p, READY_IN);
		outs = map(p, READY_OUT);
		/* The maps lie in the order of their names. */
		memcpy(in, map(p, WANT_IN), 2 * (size_t)p->pages * sizeof(fd_set));
	}
	const int got = select(p->end, in, outs, NULL, timeout_ms < 0 ? NULL : &tv);
	if (got < 0 && errno == EBADF)
		return find_closed(p, out, max);
	if (got <= 0)
		return got == 0 || errno == EINTR ? 0 : -errno;

	const int from = p->next < p->end ? p->next : 0;
	int n = scan(p, from, p->end, out, 0, max);
	return scan(p, 0, from, out, n, max);
}

int weir__poller_fork(weir__poller *p)
{
	/* The kernel keeps nothing: only our own maps are emptied. */
	weir__fdtab_clear(&p->tab);
	if (p->pages > 0)
		memset(p->sets, 0, sets_size(p->pages));
	p->end = p->next = 0;
	return 0;
}
