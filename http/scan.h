/*
 * scan.h: where in these octets is something that the parser must look at?
 *
 * One pass turns blocks of 64 octets into two words of a bit for each octet, the
 * first octet the lowest bit: one for names and one for values. The parser then
 * steps from bit to bit and looks at no other octet. The pass is all that there
 * is per processor (scan_*.c); which one is used is chosen at run time from what
 * the processor has, or by configure for a fixed target.
 *
 * Whoever cannot look octets up in a table marks values only: names are a small
 * part of a head, and are then looked through where they are.
 */
#ifndef WEIR_HTTP_SCAN_H
#define WEIR_HTTP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/compiler.h"
#include "http/octets.h"

enum { WEIR__BLOCK = 64 };

enum weir__mark {
	WEIR__NAME_ENDS, /* octets that no token has */
	WEIR__VALUE_ENDS /* octets that no value has, and HTAB */
};

/* The marks of one block, by enum weir__mark. */
typedef uint64_t weir__marks[2];

/*
 * Marks the blocks of octets[0..len); len > 0. If the last block is not whole, what
 * is behind its octets is marked as well. False: values only.
 */
typedef bool weir__scan_fn(const uint8_t *octets, uint32_t len, weir__marks *marks);

/* ---- the ways ----------------------------------------------------------- */

struct weir__scan_way {
	const char *name;
	weir__scan_fn *scan;
	bool (*here)(void); /* does this processor have what it takes? */
};

extern const struct weir__scan_way weir__scan_swar, weir__scan_sse2, weir__scan_avx2,
	weir__scan_avx512, weir__scan_neon;

/* Those of this build, the best first; NULL behind the last. For tests and measurements. */
extern const struct weir__scan_way *const weir__scan_ways[];
/* Marks with the way that was chosen. */
bool weir__scan(const uint8_t *octets, uint32_t len, weir__marks *marks);
/* Has all parsers use this way from now on; NULL: the best that the processor has. */
void weir__scan_use(const struct weir__scan_way *way);

/*
 * For a way that knows only whole blocks: the octets themselves if there are 64 of
 * them, else a copy of the n that there are, with zeros behind them.
 */
static inline const uint8_t *weir__whole_block(const uint8_t *octets, uint32_t n,
                                               uint8_t copy[WEIR__BLOCK])
{
	if (n >= WEIR__BLOCK)
		return octets;
	memset(copy, 0, WEIR__BLOCK);
	/* Two moves of one length, which may overlap, are one branch. */
	if (n >= 32) {
		memcpy(copy, octets, 32);
		memcpy(copy + n - 32, octets + n - 32, 32);
	} else if (n >= 16) {
		memcpy(copy, octets, 16);
		memcpy(copy + n - 16, octets + n - 16, 16);
	} else if (n >= 8) {
		memcpy(copy, octets, 8);
		memcpy(copy + n - 8, octets + n - 8, 8);
	} else {
		for (uint32_t i = 0; i < n; i++)
			copy[i] = octets[i];
	}
	return copy;
}

/* ---- the window --------------------------------------------------------- */

/*
 * Blocks that are known together at most; that are marked in one go when they are
 * all there are; and that are marked at first otherwise: many heads end within the
 * first few, and what is behind may be other requests.
 */
enum { WEIR__WINDOW = 16, WEIR__ONE_GO = 8, WEIR__GLANCE = 2 };

/* The octets whose marks are known: data[from..stop). At `stop` there are always both. */
struct weir__window {
	const uint8_t *data;
	uint32_t from, stop;
	uint32_t end;      /* where data ends */
	bool names_marked; /* else the marks tell of values only */
	weir__marks marks[WEIR__WINDOW + 1];
};

/* Marks the next octets as well. False: there are none, or the window is full. */
static inline bool weir__look_on(struct weir__window *w)
{
	const uint32_t seen = w->stop - w->from;
	const bool glance = seen == 0 && w->end - w->from > WEIR__ONE_GO * WEIR__BLOCK;
	const uint32_t blocks = glance ? WEIR__GLANCE : WEIR__WINDOW;
	const uint32_t most = blocks * WEIR__BLOCK - seen;
	const uint32_t n = w->end - w->stop < most ? w->end - w->stop : most;
	weir__marks *marks = w->marks + seen / WEIR__BLOCK;

	if (n == 0)
		return false;
	w->names_marked = weir__scan(w->data + w->stop, n, marks);
	w->stop += n;
	if (n % WEIR__BLOCK == 0)
		marks[n / WEIR__BLOCK][0] = marks[n / WEIR__BLOCK][1] = 1;
	return true;
}

/* Marks data from `from` on. No octet at or beyond data + end is read. */
static inline void weir__look(struct weir__window *w, const uint8_t *data, uint32_t from,
                              uint32_t end)
{
	w->data = data;
	w->from = w->stop = from;
	w->end = end;
	w->names_marked = true;
	if (!weir__look_on(w))
		w->marks[0][0] = w->marks[0][1] = 1;
}

/* The first octet at or behind pos that has this mark; pos is not behind the window. */
static inline uint32_t weir__next(const struct weir__window *w, enum weir__mark kind, uint32_t pos)
{
	const uint32_t at = pos - w->from;
	const weir__marks *marks = w->marks + at / WEIR__BLOCK;
	uint64_t bits = (*marks)[kind] >> at % WEIR__BLOCK;

	if (bits)
		return pos + weir__lowest(bits);
	pos -= at % WEIR__BLOCK;
	do {
		bits = (*++marks)[kind];
		pos += WEIR__BLOCK;
	} while (!bits);
	return pos + weir__lowest(bits);
}

/* Where a name ends that begins at pos, or goes on there. */
static inline uint32_t weir__name_end(const struct weir__window *w, uint32_t pos)
{
	return w->names_marked ? weir__next(w, WEIR__NAME_ENDS, pos)
	                       : weir__token_end(w->data, pos, w->stop);
}

#endif
