/*
 * scan.c: the window that the parser steps through, and who fills it.
 */
#include <stdatomic.h>
#include <string.h>

#include "http/scan.h"

/* ---- the choice --------------------------------------------------------- */

const struct weir__scan_way *const weir__scan_ways[] = {
#ifdef WEIR_SCAN
	&WEIR_SCAN,
#else
#ifdef __x86_64__
	&weir__scan_avx512,
	&weir__scan_avx2,
	&weir__scan_sse2,
#endif
#ifdef __aarch64__
	&weir__scan_neon,
#endif
	&weir__scan_swar,
#endif
	NULL,
};

#ifdef WEIR_SCAN
void weir__scan_use(const struct weir__scan_way *way)
{
	(void)way;
}

static void scan(const uint8_t *octets, size_t blocks, weir__marks *marks)
{
	WEIR_SCAN_FN(octets, blocks, marks);
}
#else
static weir__scan_fn choose;

/* Any number of threads may find out at once: all find the same. */
static _Atomic(weir__scan_fn *) chosen = choose;

void weir__scan_use(const struct weir__scan_way *way)
{
	const struct weir__scan_way *const *best = weir__scan_ways;

	while (!way && !(*best)->here())
		best++;
	atomic_store_explicit(&chosen, way ? way->scan : (*best)->scan, memory_order_relaxed);
}

static void scan(const uint8_t *octets, size_t blocks, weir__marks *marks)
{
	atomic_load_explicit(&chosen, memory_order_relaxed)(octets, blocks, marks);
}

static void choose(const uint8_t *octets, size_t blocks, weir__marks *marks)
{
	weir__scan_use(NULL);
	scan(octets, blocks, marks);
}
#endif

/* ---- the window --------------------------------------------------------- */

/* Copies n < 64 octets, as two moves of one length that may overlap. */
static void copy_few(uint8_t *to, const uint8_t *from, uint32_t n)
{
	if (n >= 32) {
		memcpy(to, from, 32);
		memcpy(to + n - 32, from + n - 32, 32);
	} else if (n >= 16) {
		memcpy(to, from, 16);
		memcpy(to + n - 16, from + n - 16, 16);
	} else if (n >= 8) {
		memcpy(to, from, 8);
		memcpy(to + n - 8, from + n - 8, 8);
	} else {
		for (uint32_t i = 0; i < n; i++)
			to[i] = from[i];
	}
}

/*
 * The last n < 64 octets of data. A whole block is looked at that ends with them,
 * so that nothing behind them is read; or a copy, if there is no whole block.
 */
static void mark_last(weir__marks *marks, const uint8_t *data, uint32_t end, uint32_t n)
{
	if (n == 0) {
		(*marks)[0] = (*marks)[1] = 0;
	} else if (end >= WEIR__BLOCK) {
		scan(data + end - WEIR__BLOCK, 1, marks);
		(*marks)[0] >>= WEIR__BLOCK - n;
		(*marks)[1] >>= WEIR__BLOCK - n;
	} else {
		uint8_t copy[WEIR__BLOCK] = {0};

		copy_few(copy, data + end - n, n);
		scan(copy, 1, marks);
	}
	/* Behind them the copy has marks; the lowest, at the end, is wanted. */
	(*marks)[0] |= UINT64_C(1) << n;
	(*marks)[1] |= UINT64_C(1) << n;
}

void weir__look(struct weir__window *w, const uint8_t *data, uint32_t from, uint32_t end)
{
	const uint32_t blocks = (end - from) / WEIR__BLOCK;

	w->data = data;
	w->from = from;
	w->end = end;
	if (blocks >= WEIR__WINDOW) {
		scan(data + from, WEIR__WINDOW, w->marks);
		w->marks[WEIR__WINDOW][0] = w->marks[WEIR__WINDOW][1] = 0;
		return;
	}
	if (blocks)
		scan(data + from, blocks, w->marks);
	mark_last(&w->marks[blocks], data, end, (end - from) % WEIR__BLOCK);
}

uint32_t weir__next_block(struct weir__window *w, enum weir__mark kind, uint32_t pos)
{
	for (;;) {
		const uint32_t at = pos - w->from;
		const uint32_t block = at / WEIR__BLOCK;
		const uint64_t bits = w->marks[block][kind] >> at % WEIR__BLOCK;

		if (bits)
			return pos + weir__lowest(bits);
		if (block == WEIR__WINDOW)
			weir__look(w, w->data, pos, w->end);
		else
			pos += WEIR__BLOCK - at % WEIR__BLOCK;
	}
}
