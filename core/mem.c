/* Memory: one place where every block is counted against the loop's cap. */
#include "backend/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool fits(const struct weir__mem *mem, size_t more)
{
	return more <= mem->cap - mem->used;
}

void *weir__mem_resize(struct weir__mem *mem, void *old, size_t old_size, size_t new_size)
{
	size_t more = new_size > old_size ? new_size - old_size : 0;
	if (!fits(mem, more) && mem->shed)
		mem->shed(mem);
	if (!fits(mem, more))
		return NULL;
	void *block = mem->fn(mem->arg, old, old_size, new_size);
	if (block)
		mem->used = mem->used - old_size + new_size;
	return block;
}

void *weir__mem_new(struct weir__mem *mem, size_t size)
{
	void *block = weir__mem_resize(mem, NULL, 0, size);
	return block ? memset(block, 0, size) : NULL;
}

void weir__mem_free(struct weir__mem *mem, void *ptr, size_t size)
{
	if (!ptr)
		return;
	mem->fn(mem->arg, ptr, size, 0);
	mem->used -= size;
}
