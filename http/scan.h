/*
 * scan.h: where in these octets is something that the parser must look at?
 *
 * One pass turns blocks of 64 octets into two words of a bit for each octet, the
 * first octet the lowest bit: one for names and one for values. The parser then
 * steps from bit to bit and looks at no other octet. The pass is all that there
 * is per processor (scan_*.c); which one is used is chosen at run time from what
 * the processor has, or by configure for a fixed target.
 *
 * What a pass may leave to the parser: bits may also stand at octets that are
 * harmless; the parser goes on behind them. None may be missing, with one
 * exception: names are marked from the beginning of a line, or of the pass, up
 * to the first octet that no token has, and need not be behind it.
 */
#ifndef WEIR_HTTP_SCAN_H
#define WEIR_HTTP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/compiler.h"

enum { WEIR__BLOCK = 64 };

enum weir__mark {
	WEIR__NAME_ENDS, /* octets that no token has */
	WEIR__VALUE_ENDS /* octets that no value has, and HTAB */
};

/* The marks of one block, by enum weir__mark. */
typedef uint64_t weir__marks[2];

typedef void weir__scan_fn(const uint8_t *octets, size_t blocks, weir__marks *marks);

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
/* Has all parsers use this way from now on; NULL: the best that the processor has. */
void weir__scan_use(const struct weir__scan_way *way);

/* ---- the window --------------------------------------------------------- */

/* What the parser sees of the octets: the marks of so many blocks, from `from` on. */
enum { WEIR__WINDOW = 16 };

struct weir__window {
	const uint8_t *data;
	uint32_t from, end; /* octets of data: where the marks begin; where data ends */
	weir__marks marks[WEIR__WINDOW + 1]; /* at `end` there are always two */
};

/* Marks data from `from` on. No octet at or beyond data + end is read. */
void weir__look(struct weir__window *w, const uint8_t *data, uint32_t from, uint32_t end);

/* As weir__next, when there is none in the block of `pos`. */
uint32_t weir__next_block(struct weir__window *w, enum weir__mark kind, uint32_t pos);

/* The first mark at or behind pos, which is not before the window; w->end if there is none. */
static inline uint32_t weir__next(struct weir__window *w, enum weir__mark kind, uint32_t pos)
{
	const uint32_t at = pos - w->from;
	const uint64_t bits = w->marks[at / WEIR__BLOCK][kind] >> at % WEIR__BLOCK;

	return bits ? pos + weir__lowest(bits) : weir__next_block(w, kind, pos);
}

#endif
