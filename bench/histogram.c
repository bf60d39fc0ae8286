/*
 * A slot's number is the value's exponent and the first bits behind its leading one, so that each
 * doubling has equally many slots:
 *
 *     value  0 … 2047    2048 … 4095    4096 … 8191    …
 *     wide   1           2              4
 */
#include "bench/histogram.h"

#define PER_DOUBLING (INT64_C(1) << HISTOGRAM_BITS)

/* How often a value can be halved until it has a slot of its own. */
static int halvings(int64_t value)
{
	int n = 0;

	for (; value >= 2 * PER_DOUBLING; value >>= 1)
		n++;
	return n;
}

static int64_t slot_of(int64_t value)
{
	const int n = halvings(value);

	return n * PER_DOUBLING + (value >> n);
}

/* The largest value that is counted in the slot. */
static int64_t largest_in(int64_t slot)
{
	const int64_t n = slot < 2 * PER_DOUBLING ? 0 : slot / PER_DOUBLING - 1;

	return ((slot - n * PER_DOUBLING + 1) << n) - 1;
}

void histogram_add(struct histogram *h, int64_t value, uint64_t times)
{
	if (times == 0)
		return;
	if (value < 0)
		value = 0;
	if (value > HISTOGRAM_MAX)
		value = HISTOGRAM_MAX;
	if (h->count == 0 || value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
	h->count += times;
	h->sum += (double)value * (double)times;
	h->slots[slot_of(value)] += times;
}

void histogram_merge(struct histogram *h, const struct histogram *other)
{
	if (other->count == 0)
		return;
	if (h->count == 0 || other->min < h->min)
		h->min = other->min;
	if (other->max > h->max)
		h->max = other->max;
	h->count += other->count;
	h->sum += other->sum;
	for (int64_t slot = 0; slot < HISTOGRAM_SLOTS; slot++)
		h->slots[slot] += other->slots[slot];
}

int64_t histogram_percentile(const struct histogram *h, double percent)
{
	const double wanted = (double)h->count * percent / 100;
	uint64_t below = 0;

	for (int64_t slot = 0; slot < HISTOGRAM_SLOTS; slot++) {
		below += h->slots[slot];
		if (h->slots[slot] > 0 && (double)below >= wanted)
			return largest_in(slot) < h->max ? largest_in(slot) : h->max;
	}
	return h->max;
}

double histogram_mean(const struct histogram *h)
{
	return h->count ? h->sum / (double)h->count : 0;
}
