/*
 * scan.c: which of the ways to mark octets is used?
 */
#include <stdatomic.h>

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

bool weir__scan(const uint8_t *octets, uint32_t len, weir__marks *marks)
{
	return WEIR_SCAN.scan(octets, len, marks);
}
#else
/* So few octets are not worth the other ways' preparations. */
enum { FEW = 16 };

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

bool weir__scan(const uint8_t *octets, uint32_t len, weir__marks *marks)
{
	if (len < FEW)
		return weir__scan_swar.scan(octets, len, marks);
	return atomic_load_explicit(&chosen, memory_order_relaxed)(octets, len, marks);
}

static bool choose(const uint8_t *octets, uint32_t len, weir__marks *marks)
{
	weir__scan_use(NULL);
	return weir__scan(octets, len, marks);
}
#endif
