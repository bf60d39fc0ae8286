/*
 * What does the script set, and what does it learn? Time and its actions, what
 * the program finds, limits and faults, and the account of what it did.
 */
#include <string.h>

#include "tests/memio/kernel.h"

/* ---- time ---- */

int64_t memio_now(void)
{
	return memio__k.now / 1000;
}

void memio_set_now_us(int64_t us)
{
	memio__k.now = us;
}

void memio_pass(int64_t ms)
{
	memio__k.now += ms * 1000;
}

void memio_set_wall(int64_t seconds)
{
	memio__k.wall = seconds;
}

static void add_action(int64_t us, void (*fn)(void *arg), void *arg)
{
	struct memio__action **at = &memio__k.actions, *a = memio__zeroed(sizeof(*a));

	while (*at != NULL && (*at)->at <= us)
		at = &(*at)->next;
	*a = (struct memio__action){.next = *at, .at = us, .fn = fn, .arg = arg};
	*at = a;
}

void memio_at(int64_t ms, void (*fn)(void *arg), void *arg)
{
	add_action(ms * 1000, fn, arg);
}

void memio_after(int64_t ms, void (*fn)(void *arg), void *arg)
{
	add_action(memio__k.now + ms * 1000, fn, arg);
}

void memio_interrupt(void)
{
	memio__k.interrupted = true;
}

void memio_spurious(int fd, unsigned ready)
{
	struct memio__file *f = memio__file_of(fd, "memio_spurious");

	if (f != NULL)
		f->spurious = ready;
}

/* ---- what the program finds ---- */

int memio_file(const void *data, size_t len)
{
	struct memio__file *f;
	int fd = memio__new_fd(&f, MEMIO__PLAIN);

	if (fd >= 0)
		memio__put(&f->plain, data, len);
	return fd;
}

void memio_set_thread(uintptr_t number)
{
	memio__k.thread = number;
}

void memio_set_pid(int64_t number)
{
	memio__k.pid = number;
}

/* ---- limits and faults ---- */

void memio_fail(enum memio_call call, unsigned nth, int error)
{
	struct memio__fault *f = memio__zeroed(sizeof(*f));

	*f = (struct memio__fault){
		.next = memio__k.faults, .call = call, .left = nth, .error = error};
	memio__k.faults = f;
}

void memio_fail_all(enum memio_call call, int error)
{
	memio__k.fail_all[call] = error;
}

void memio_short_reads(size_t most)
{
	memio__k.most_read = most > 0 ? most : SIZE_MAX;
}

void memio_short_writes(size_t most)
{
	memio__k.most_written = most > 0 ? most : SIZE_MAX;
}

void memio_buffer(size_t room)
{
	memio__k.buffer = room;
}

void memio_fd_limit(int limit)
{
	memio__k.fd_limit = limit;
}

void memio_poller_limit(int limit)
{
	memio__k.poller_limit = limit;
}

/* ---- what the program did ---- */

unsigned memio_count(enum memio_call call)
{
	return memio__k.counts[call];
}

void memio_count_again(void)
{
	memset(memio__k.counts, 0, sizeof(memio__k.counts));
}

int memio_open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < memio__k.nfiles; fd++)
		n += memio__k.files[fd] != NULL;
	return n;
}

int memio_registered(void)
{
	int n = 0;

	for (const weir__poller *p = memio__k.pollers; p != NULL; p = p->next)
		for (int fd = 0; fd < p->n; fd++)
			n += p->regs[fd].mask != 0;
	return n;
}

bool memio_has_nodelay(int fd)
{
	const struct memio__file *f = memio__peek_file(fd);

	return f != NULL && f->nodelay;
}

int memio_keepalive_of(int fd)
{
	const struct memio__file *f = memio__peek_file(fd);

	return f != NULL ? f->keepalive : 0;
}

const char *memio_misuse(void)
{
	return memio__k.misuse[0] != '\0' ? memio__k.misuse : NULL;
}
