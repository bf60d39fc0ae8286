/*
 * histogram.h: how are times distributed? Counts them in fixed memory with a relative error of at
 * most 1/1024, about three significant digits, from 1 ns to more than 100 s, as HDR histograms do.
 */
#ifndef WEIR_BENCH_HISTOGRAM_H
#define WEIR_BENCH_HISTOGRAM_H

#include <stdint.h>

/* Values below 2^(HISTOGRAM_BITS + 1) have a slot each, each further doubling 2^HISTOGRAM_BITS. */
#define HISTOGRAM_BITS 10
#define HISTOGRAM_DOUBLINGS 27
#define HISTOGRAM_SLOTS ((HISTOGRAM_DOUBLINGS + 1) << HISTOGRAM_BITS)
/* The largest that is told apart, in ns: 137 s. What is larger counts as this. */
#define HISTOGRAM_MAX ((INT64_C(1) << (HISTOGRAM_BITS + HISTOGRAM_DOUBLINGS)) - 1)

/* Zeroed: empty. */
struct histogram {
	uint64_t count;
	int64_t min, max; /* exact */
	double sum;
	uint64_t slots[HISTOGRAM_SLOTS];
};

/* Counts a value so many times. Negative ones count as 0. */
void histogram_add(struct histogram *h, int64_t value, uint64_t times);
/* Adds all that is in another one. */
void histogram_merge(struct histogram *h, const struct histogram *other);
/* The least value (up to the error) that so many of a hundred do not exceed; 0 when empty. */
int64_t histogram_percentile(const struct histogram *h, double percent);
/* Exact; 0 when empty. */
double histogram_mean(const struct histogram *h);

#endif
