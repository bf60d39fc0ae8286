/*
 * What a poller remembers about each descriptor where the kernel does not: a
 * table by descriptor, and in it the list of those of which the kernel has yet
 * to be told something. Used by kqueue.c, devpoll.c and select.c; epoll needs
 * none of it.
 */
#ifndef WEIR_BACKEND_FDTAB_H
#define WEIR_BACKEND_FDTAB_H

#include <stdint.h>

#include "backend/mem.h"

struct weir__watch {
	uint32_t tag;  /* given with the last addition */
	uint8_t want;  /* the interest the caller asked for */
	uint8_t armed; /* the interest the kernel knows of */
	int queued;    /* 1 + its place in the list below; 0: not in it */
	int seen;      /* its place in the results being gathered; to be verified there */
	/*
	 * Not about this descriptor: entry i of the list of descriptors with
	 * want != armed is kept in watch i. No descriptor is in it twice, so the
	 * list cannot be longer than the table and queueing cannot fail.
	 */
	int slot;
};

struct weir__fdtab {
	struct weir__watch *at;
	int size;   /* watches in the table: descriptors below this number */
	int queued; /* entries of the list */
};

/*
 * Makes a watch for fd, with nothing wanted yet. Returns 0; 1 for what is always
 * ready (files, folders, block devices: poll(2) and kqueue would accept them,
 * epoll does not, and the pollers shall agree); -EBADF or -ENOMEM.
 */
int weir__fdtab_admit(struct weir__fdtab *tab, struct weir__mem *mem, int fd, uint32_t tag);

/* The watch of fd, or NULL where the table does not reach. */
struct weir__watch *weir__fdtab_find(const struct weir__fdtab *tab, int fd);

/* Puts fd into the list or takes it out: in if want and armed differ. */
void weir__fdtab_note(struct weir__fdtab *tab, int fd);

/* Forgets all watches; keeps the memory. */
void weir__fdtab_clear(struct weir__fdtab *tab);

void weir__fdtab_free(struct weir__fdtab *tab, struct weir__mem *mem);

#endif
