/*
 * How memory is asked for, in every room: through the allocator hook of one
 * loop, counted, under a cap. It lives here because the pollers need it too
 * and this is the lowest room; core/mem.c implements it.
 */
#ifndef WEIR_BACKEND_MEM_H
#define WEIR_BACKEND_MEM_H

#include <stddef.h>

struct weir__mem {
	void *(*fn)(void *arg, void *ptr, size_t old_size, size_t new_size);
	void *arg;
	size_t used; /* octets handed out and not given back */
	size_t cap;  /* `used` never passes this; SIZE_MAX for none */
	/* Gives back what is only kept for the next borrower; called at the cap. NULL: nothing is. */
	void (*shed)(struct weir__mem *mem);
};

/*
 * Gives a block of new_size octets that begins with what the old one held, or
 * NULL with the old block unharmed. old is NULL with old_size 0 for a first
 * block. The caller remembers sizes: a block carries none.
 */
void *weir__mem_resize(struct weir__mem *mem, void *old, size_t old_size, size_t new_size);

/* A block of zeroes, or NULL. */
void *weir__mem_new(struct weir__mem *mem, size_t size);

/* Gives back a block of exactly that size; NULL is nothing. */
void weir__mem_free(struct weir__mem *mem, void *ptr, size_t size);

#endif
