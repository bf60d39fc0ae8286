/*
 * Buffers. Chunks of one size are lent to whoever reads or has output that the
 * kernel did not take, and come back last in first out, so that the warm one
 * serves the next. Small blocks of one kind (a stream's flow, an exchange) have
 * a pool each, for the same reason: nothing is allocated on a warm loop.
 */
#ifndef WEIR_CORE_CHUNK_H
#define WEIR_CORE_CHUNK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "backend/mem.h"

#define WEIR__CHUNK 16384
/* What a queue of output needs of a chunk for itself, at most. */
#define WEIR__CHUNK_HEAD 64
/* How many only output may have, when there are no others. */
#define WEIR__CHUNK_RESERVE 2
/* How many stay for the next borrower when nobody needs them. */
#define WEIR__CHUNKS_KEPT 16

/* A stack of blocks, linked through their first octets. */
static inline void weir__push(void **stack, void *block)
{
	memcpy(block, stack, sizeof *stack);
	*stack = block;
}

static inline void *weir__pop(void **stack)
{
	void *block = *stack;
	if (block)
		memcpy(stack, block, sizeof *stack);
	return block;
}

struct weir__chunks {
	struct weir__mem *mem;
	void *free;    /* a stack */
	void *reserve; /* two that only output may have when there are no others */
	int32_t nfree, reserved;
	int32_t nused, max;
};

/* 0 or -ENOMEM. max < 0: no cap. */
int weir__chunks_init(struct weir__chunks *chunks, struct weir__mem *mem, int32_t max);
void weir__chunks_free(struct weir__chunks *chunks);

/* What is seldom: there is none to lend; only output may have these; it is not to be lent. */
void *weir__chunk_new(struct weir__chunks *chunks);
void *weir__chunk_take_reserve(struct weir__chunks *chunks);
void weir__chunk_put_by(struct weir__chunks *chunks, void *chunk);

/* Whether a take would not fail for the cap. */
static inline bool weir__chunks_room(const struct weir__chunks *chunks)
{
	return chunks->nused < chunks->max;
}

/* WEIR__CHUNK octets to read into, or NULL: at the cap, or no memory. */
static inline void *weir__chunk_take(struct weir__chunks *chunks)
{
	void *chunk;
	if (!weir__chunks_room(chunks))
		return NULL;
	chunk = weir__pop(&chunks->free);
	if (!chunk)
		return weir__chunk_new(chunks);
	chunks->nfree--;
	chunks->nused++;
	return chunk;
}

/* The same for output: may take from the reserve. */
static inline void *weir__chunk_take_output(struct weir__chunks *chunks)
{
	void *chunk = weir__chunk_take(chunks);
	return chunk ? chunk : weir__chunk_take_reserve(chunks);
}

static inline void weir__chunk_give(struct weir__chunks *chunks, void *chunk)
{
	chunks->nused--;
	if (chunks->reserved < WEIR__CHUNK_RESERVE || chunks->nfree >= WEIR__CHUNKS_KEPT) {
		weir__chunk_put_by(chunks, chunk);
		return;
	}
	chunks->nfree++;
	weir__push(&chunks->free, chunk);
}

/* Gives those back that nobody has. The reserve stays. */
void weir__chunks_shed(struct weir__chunks *chunks);
/* Whether the caps leave output that many octets of chunks. */
bool weir__chunks_allow(const struct weir__chunks *chunks, size_t octets);

/* How many blocks of a pool stay when nobody needs them. */
#define WEIR__POOL_KEEPS 64

/* Blocks of one size. */
struct weir__pool {
	struct weir__mem *mem;
	void *free;
	uint32_t size;
	uint32_t nfree;
};

void weir__pool_init(struct weir__pool *pool, struct weir__mem *mem, size_t size);
void weir__pool_free(struct weir__pool *pool);
/* A block of zeroes, or one as it was given back but for its first pointer; or NULL. */
static inline void *weir__pool_take(struct weir__pool *pool)
{
	void *block = weir__pop(&pool->free);
	if (!block)
		return weir__mem_new(pool->mem, pool->size);
	pool->nfree--;
	return block;
}

/* Keeps it for the next borrower, if not too many are. */
static inline void weir__pool_give(struct weir__pool *pool, void *block)
{
	if (pool->nfree >= WEIR__POOL_KEEPS) {
		weir__mem_free(pool->mem, block, pool->size);
		return;
	}
	pool->nfree++;
	weir__push(&pool->free, block);
}

#endif
