/*
 * What is the kernel made of? Its one variable and its reset, memory, the counting
 * of calls and their faults, octets in queues, and descriptors.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/memio/kernel.h"

#define FRESH_KERNEL                                                                               \
	{                                                                                          \
		.wall = 1000000000, .next_port = MEMIO__FIRST_PORT,                                \
		.next_peer_port = MEMIO__FIRST_PEER_PORT, .most_read = SIZE_MAX,                   \
		.most_written = SIZE_MAX, .buffer = 65536, .fd_limit = 1024,                       \
		.poller_limit = INT_MAX, .thread = 1, .pid = 1000,                                 \
	}

struct memio__kernel memio__k = FRESH_KERNEL;

/* ---- small things ---- */

void *memio__resized(void *old, size_t size)
{
	void *block = realloc(old, size);

	if (block == NULL)
		abort();
	return block;
}

void *memio__zeroed(size_t size)
{
	return memset(memio__resized(NULL, size), 0, size);
}

size_t memio__least(size_t a, size_t b)
{
	return a < b ? a : b;
}

void memio__note_misuse(const char *format, ...)
{
	va_list args;

	if (memio__k.misuse[0] != '\0')
		return;
	va_start(args, format);
	(void)vsnprintf(memio__k.misuse, sizeof(memio__k.misuse), format, args);
	va_end(args);
}

int memio__enter(enum memio_call call)
{
	int error = memio__k.fail_all[call];

	memio__k.counts[call]++;
	for (struct memio__fault **at = &memio__k.faults; *at != NULL;) {
		struct memio__fault *f = *at;

		if (f->call != call || --f->left > 0) {
			at = &f->next;
			continue;
		}
		error = f->error;
		*at = f->next;
		free(f);
	}
	return error == EINTR && call != MEMIO_POLLER_WAIT ? 0 : error;
}

/* ---- octets and queues ---- */

void memio__put(struct memio__octets *o, const void *data, size_t len)
{
	if (len == 0)
		return;
	if (o->start > 0 && o->len > 0 && o->start + o->len + len >= o->cap)
		memmove(o->data, o->data + o->start, o->len);
	if (o->len == 0 || o->start + o->len + len >= o->cap)
		o->start = 0;
	if (o->len + len >= o->cap) {
		o->cap = 2 * (o->len + len) + 1;
		o->data = memio__resized(o->data, o->cap);
	}
	memcpy(o->data + o->start + o->len, data, len);
	o->len += len;
	o->data[o->start + o->len] = '\0';
}

size_t memio__take(struct memio__octets *o, const struct weir__vec *vec, int n, size_t most)
{
	size_t taken = 0;

	for (int i = 0; i < n && o->len > 0 && taken < most; i++) {
		size_t len = memio__least(memio__least(vec[i].len, o->len), most - taken);

		if (len > 0)
			memcpy(vec[i].data, o->data + o->start, len);
		o->start += len;
		o->len -= len;
		taken += len;
	}
	return taken;
}

void memio__push(struct memio__queue *q, memio_client *end)
{
	end->later = NULL;
	if (q->last != NULL)
		q->last->later = end;
	else
		q->first = end;
	q->last = end;
	q->len++;
}

memio_client *memio__pop(struct memio__queue *q)
{
	memio_client *end = q->first;

	if (end == NULL)
		return NULL;
	q->first = end->later;
	if (q->first == NULL)
		q->last = NULL;
	q->len--;
	return end;
}

/* ---- descriptors ---- */

int memio__new_fd(struct memio__file **out, enum memio__kind kind)
{
	int fd = MEMIO__FIRST_FD;

	while (fd < memio__k.nfiles && memio__k.files[fd] != NULL)
		fd++;
	if (fd >= memio__k.fd_limit)
		return -EMFILE;
	if (fd >= memio__k.nfiles) {
		int n = 2 * fd + 16;

		memio__k.files =
			memio__resized(memio__k.files, (size_t)n * sizeof(struct memio__file *));
		for (int i = memio__k.nfiles; i < n; i++)
			memio__k.files[i] = NULL;
		memio__k.nfiles = n;
	}
	*out = memio__k.files[fd] = memio__zeroed(sizeof(struct memio__file));
	(*out)->kind = kind;
	return fd;
}

struct memio__file *memio__peek_file(int fd)
{
	return fd >= 0 && fd < memio__k.nfiles ? memio__k.files[fd] : NULL;
}

struct memio__file *memio__file_of(int fd, const char *call)
{
	struct memio__file *f = memio__peek_file(fd);

	if (f == NULL)
		memio__note_misuse("%s: descriptor %d is not open", call, fd);
	return f;
}

void memio__free_file(int fd)
{
	struct memio__file *f = memio__k.files[fd];

	memio__k.files[fd] = NULL;
	free(f->plain.data);
	free(f->name);
	free(f);
}

/* ---- a new kernel ---- */

static void free_places(struct memio__place **list)
{
	while (*list != NULL)
		memio__remove_place(list);
}

void memio_reset(void)
{
	const struct memio__kernel fresh = FRESH_KERNEL;

	while (memio__k.pollers != NULL)
		weir__poller_close(memio__k.pollers);
	for (int fd = 0; fd < memio__k.nfiles; fd++)
		if (memio__k.files[fd] != NULL)
			memio__free_file(fd);
	free(memio__k.files);
	while (memio__k.ends != NULL) {
		memio_client *e = memio__k.ends;

		memio__k.ends = e->made;
		free(e->in.data);
		free(e);
	}
	while (memio__k.actions != NULL) {
		struct memio__action *a = memio__k.actions;

		memio__k.actions = a->next;
		free(a);
	}
	while (memio__k.faults != NULL) {
		struct memio__fault *f = memio__k.faults;

		memio__k.faults = f->next;
		free(f);
	}
	free_places(&memio__k.paths);
	free_places(&memio__k.servers);
	memio__k = fresh;
}
