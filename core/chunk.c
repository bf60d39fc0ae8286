/* Who gets which buffer: lending chunks and small blocks, last in first out. */
#include "core/chunk.h"

#include <errno.h>

static void drop(struct weir__mem *mem, void **list, size_t size)
{
	void *block;
	while ((block = weir__pop(list)) != NULL)
		weir__mem_free(mem, block, size);
}

int weir__chunks_init(struct weir__chunks *chunks, struct weir__mem *mem, int32_t max)
{
	*chunks = (struct weir__chunks){.mem = mem, .max = max < 0 ? INT32_MAX : max};
	for (int i = 0; i < WEIR__CHUNK_RESERVE; i++) {
		void *chunk = weir__mem_resize(mem, NULL, 0, WEIR__CHUNK);
		if (!chunk) {
			weir__chunks_free(chunks);
			return -ENOMEM;
		}
		weir__push(&chunks->reserve, chunk);
		chunks->reserved++;
	}
	return 0;
}

void weir__chunks_free(struct weir__chunks *chunks)
{
	drop(chunks->mem, &chunks->free, WEIR__CHUNK);
	drop(chunks->mem, &chunks->reserve, WEIR__CHUNK);
}

void weir__chunks_shed(struct weir__chunks *chunks)
{
	drop(chunks->mem, &chunks->free, WEIR__CHUNK);
	chunks->nfree = 0;
}

bool weir__chunks_allow(const struct weir__chunks *chunks, size_t octets)
{
	size_t need = octets / (WEIR__CHUNK - WEIR__CHUNK_HEAD) + 1;
	/* Output may have gone beyond the cap, with the reserve. */
	size_t room = weir__chunks_room(chunks) ? (size_t)(chunks->max - chunks->nused) : 0;
	size_t ready = (size_t)chunks->nfree + (size_t)chunks->reserved;
	if (need <= (size_t)chunks->reserved)
		return true;
	if (need > room + (size_t)chunks->reserved)
		return false;
	return need <= ready ||
	       need - ready <= (chunks->mem->cap - chunks->mem->used) / WEIR__CHUNK;
}

void *weir__chunk_new(struct weir__chunks *chunks)
{
	void *chunk = weir__mem_resize(chunks->mem, NULL, 0, WEIR__CHUNK);
	if (chunk)
		chunks->nused++;
	return chunk;
}

void *weir__chunk_take_reserve(struct weir__chunks *chunks)
{
	void *chunk = weir__pop(&chunks->reserve);
	if (chunk) {
		chunks->reserved--;
		chunks->nused++;
	}
	return chunk;
}

void weir__chunk_put_by(struct weir__chunks *chunks, void *chunk)
{
	if (chunks->reserved < WEIR__CHUNK_RESERVE) {
		chunks->reserved++;
		weir__push(&chunks->reserve, chunk);
	} else {
		weir__mem_free(chunks->mem, chunk, WEIR__CHUNK);
	}
}

void weir__pool_init(struct weir__pool *pool, struct weir__mem *mem, size_t size)
{
	*pool = (struct weir__pool){.mem = mem, .size = (uint32_t)size};
}

void weir__pool_free(struct weir__pool *pool)
{
	drop(pool->mem, &pool->free, pool->size);
}
