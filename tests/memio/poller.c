/*
 * What does a wait report, and when? poller.h, and the clock's jumps to the next
 * action of the script.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/memio/kernel.h"

/* ---- pollers ---- */

const char *weir__poller_name(void)
{
	return "memio";
}

int weir__poller_open(weir__poller **out, struct weir__mem *mem)
{
	int error = memio__enter(MEMIO_POLLER_OPEN);

	*out = NULL;
	if (mem == NULL)
		memio__note_misuse("poller_open: no memory given");
	if (error != 0)
		return -error;
	*out = memio__zeroed(sizeof(**out));
	(*out)->next = memio__k.pollers;
	memio__k.pollers = *out;
	return 0;
}

void weir__poller_close(weir__poller *p)
{
	weir__poller **at = &memio__k.pollers;

	if (p == NULL)
		return;
	while (*at != NULL && *at != p)
		at = &(*at)->next;
	if (*at == NULL) {
		memio__note_misuse("poller_close: no such poller");
		return;
	}
	*at = p->next;
	free(p->regs);
	free(p);
}

int weir__poller_limit(const weir__poller *p)
{
	(void)p;
	return memio__k.poller_limit;
}

int weir__poller_fork(weir__poller *p)
{
	int error = memio__enter(MEMIO_POLLER_FORK);

	free(p->regs);
	p->regs = NULL;
	p->n = p->cursor = 0;
	return -error;
}

/* ---- registrations ---- */

static struct memio__registration *registration_of(weir__poller *p, int fd)
{
	if (fd >= p->n) {
		int n = 2 * fd + 16;

		p->regs = memio__resized(p->regs, (size_t)n * sizeof(*p->regs));
		memset(p->regs + p->n, 0, (size_t)(n - p->n) * sizeof(*p->regs));
		p->n = n;
	}
	return &p->regs[fd];
}

static void check_masks(const struct memio__registration *r, int fd, unsigned old, unsigned now)
{
	if (r->mask != old)
		memio__note_misuse("poller_set: old mask %u of descriptor %d is %u", old, fd,
		                   r->mask);
	if (old == now || ((old | now) & ~(unsigned)(WEIR__IN | WEIR__OUT)) != 0)
		memio__note_misuse("poller_set: masks %u and %u of descriptor %d", old, now, fd);
}

int weir__poller_set(weir__poller *p, int fd, uint32_t tag, unsigned old, unsigned now)
{
	int error = memio__enter(MEMIO_POLLER_SET);
	struct memio__file *f = memio__file_of(fd, "poller_set");

	if (f == NULL)
		return -EBADF;

	struct memio__registration *r = registration_of(p, fd);

	check_masks(r, fd, old, now);
	r->mask = 0;
	if (now == 0)
		return 0;
	if (fd >= memio__k.poller_limit)
		return -EMFILE;
	if (error != 0 && (now & ~old) != 0)
		return -error;
	if (f->kind == MEMIO__PLAIN)
		return 1;
	r->mask = now;
	if (old == 0)
		r->tag = tag;
	return 0;
}

void weir__poller_drop(weir__poller *p, int fd, unsigned old, bool shared)
{
	(void)memio__enter(MEMIO_POLLER_DROP);
	(void)shared;
	if (memio__file_of(fd, "poller_drop") == NULL)
		return;

	struct memio__registration *r = registration_of(p, fd);

	if (r->mask != old)
		memio__note_misuse("poller_drop: old mask %u of descriptor %d is %u", old, fd,
		                   r->mask);
	r->mask = 0;
}

/* ---- the wait ---- */

/*
 * From the lowest descriptor on, unless the array was full the last time: then
 * from where that ended, so that everybody's turn comes.
 */
static int collect(weir__poller *p, struct weir__event *out, int max)
{
	int from = p->cursor < p->n ? p->cursor : 0, found = 0;

	p->cursor = 0;
	for (int i = 0; i < p->n; i++) {
		int fd = (from + i) % p->n;
		struct memio__registration *r = &p->regs[fd];
		struct memio__file *f = r->mask != 0 ? memio__peek_file(fd) : NULL;

		if (f == NULL)
			continue;

		unsigned ready = (memio__file_ready(f) | f->spurious) & (r->mask | WEIR__ERR);

		if (ready == 0)
			continue;
		f->spurious = 0;
		out[found++] = (struct weir__event){.fd = fd, .tag = r->tag, .ready = ready};
		if (found == max) {
			p->cursor = fd + 1;
			break;
		}
	}
	return found;
}

static void run_due_actions(void)
{
	while (memio__k.actions != NULL && memio__k.actions->at <= memio__k.now) {
		struct memio__action a = *memio__k.actions;

		free(memio__k.actions);
		memio__k.actions = a.next;
		a.fn(a.arg);
	}
}

int weir__poller_wait(weir__poller *p, struct weir__event *out, int max, int timeout_ms)
{
	int error = memio__enter(MEMIO_POLLER_WAIT);
	int64_t deadline = timeout_ms < 0 ? INT64_MAX : memio__k.now + (int64_t)timeout_ms * 1000;

	if (max < 1) {
		memio__note_misuse("poller_wait: an array of %d", max);
		return -EINVAL;
	}
	if (error != 0)
		return error == EINTR ? 0 : -error;
	for (;;) {
		run_due_actions();

		bool interrupted = memio__k.interrupted;
		int found = interrupted ? 0 : collect(p, out, max);

		memio__k.interrupted = false;
		if (found > 0 || interrupted || memio__k.now >= deadline)
			return found;

		int64_t next = memio__k.actions != NULL ? memio__k.actions->at : INT64_MAX;

		if (next > deadline)
			next = deadline;
		if (next == INT64_MAX)
			return -EDEADLK;
		memio__k.now = next;
	}
}
