/*
 * input.c: what is an input made of, and where is it put?
 */
#include "config.h"

#include <string.h>
#include <sys/mman.h>

#include "tests/fuzz/fuzz.h"

enum { MOST_CUTS = 15, PAGE = 64 * 1024 };

const struct fuzz_cuts fuzz_whole;

struct fuzz_input fuzz_input(const uint8_t *data, size_t size)
{
	return (struct fuzz_input){data, size < FUZZ_MOST ? (uint32_t)size : FUZZ_MOST};
}

uint8_t fuzz_take(struct fuzz_input *in)
{
	return in->len > 0 ? in->octets[--in->len] : '0';
}

/* Sums and lines that short inputs can pass; each bit of the first octet sets some of them. */
weir_limits fuzz_take_limits(struct fuzz_input *in)
{
	const unsigned which = fuzz_take(in) - (unsigned)'0';
	const uint8_t size = fuzz_take(in);
	weir_limits limits = {0};

	if (which & 1)
		limits.head = 16u + size;
	if (which & 2)
		limits.target = limits.chunk_line = 1u + size % 16;
	if (which & 4)
		limits.body = limits.chunk_ext = 1u + size % 32;
	if (which & 8)
		limits.fields = limits.trailers = (uint16_t)(1 + size % 4);
	if (which & 16)
		limits.trailer = 8u + size % 64;
	return limits;
}

/* ---- cuts ---- */

struct fuzz_cuts fuzz_take_cuts(struct fuzz_input *in)
{
	static uint16_t at[MOST_CUTS];
	uint32_t n = fuzz_take(in) % (MOST_CUTS + 1), end = 0;
	uint8_t steps[MOST_CUTS];

	for (uint32_t i = 0; i < n; i++)
		steps[i] = fuzz_take(in);
	for (uint32_t i = 0; i < n; i++) {
		end += steps[i];
		if (end >= in->len)
			return (struct fuzz_cuts){at, i};
		at[i] = (uint16_t)end;
	}
	return (struct fuzz_cuts){at, n};
}

struct fuzz_cuts fuzz_each(uint32_t len)
{
	static uint16_t at[FUZZ_MOST];

	if (len > 1 && at[len - 1] == 0)
		for (uint32_t i = 0; i < len; i++)
			at[i] = (uint16_t)i;
	return (struct fuzz_cuts){at, len};
}

/* ---- the end of memory ---- */

const uint8_t *fuzz_place(const uint8_t *octets, uint32_t len)
{
	static uint8_t *end;

	if (!end) {
		uint8_t *map = mmap(NULL, FUZZ_MOST + PAGE, PROT_READ | PROT_WRITE,
		                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		assert(map != MAP_FAILED);
		assert(mprotect(map + FUZZ_MOST, PAGE, PROT_NONE) == 0);
		end = map + FUZZ_MOST;
	}
	if (len > 0)
		memcpy(end - len, octets, len);
	return end - len;
}
