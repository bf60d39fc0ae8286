/*
 * outq_test.c: do octets leave a queue in the order and number in which they came,
 * copied or referenced, however the kernel takes them?
 */
#include "tests/support/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/outq.h"

enum { MAX_CHUNKS = 64 };

struct bed {
	struct test_alloc alloc;
	struct weir__mem mem;
	struct weir__chunks chunks;
	struct weir__outq q;
};

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof *bed);

	if (!bed)
		return -1;
	bed->mem = (struct weir__mem){.fn = test_alloc_fn, .arg = &bed->alloc, .cap = SIZE_MAX};
	*state = bed;
	return weir__chunks_init(&bed->chunks, &bed->mem, MAX_CHUNKS);
}

static int teardown(void **state)
{
	struct bed *bed = *state;
	weir_ref_fn *done;
	void *arg;

	weir__outq_abandon(&bed->q, &bed->chunks);
	while (weir__outq_take_sent(&bed->q, &bed->mem, &done, &arg))
		continue;
	const int32_t used = bed->chunks.nused;
	weir__chunks_free(&bed->chunks);
	const size_t octets = bed->alloc.live_octets;
	free(bed);
	assert_int_equal(used, 0);
	assert_int_equal(octets, 0);
	return 0;
}

static void copy(struct bed *bed, const char *data, size_t len)
{
	const weir_str piece = {data, len};

	assert_int_equal(weir__outq_copy(&bed->q, &bed->chunks, &piece, 1, 0), 0);
}

static void told(weir_stream *stream, int status, void *arg)
{
	(void)stream;
	(void)status;
	(void)arg;
}

static void refer(struct bed *bed, const char *data, size_t len, void *arg)
{
	struct weir__seg *ref = weir__outq_ref(&bed->mem, told, arg);

	assert_non_null(ref);
	weir__outq_add(&bed->q, ref, data, len);
}

/* Takes n octets from the front as the kernel would; they must be those of `want`. */
static void take(struct bed *bed, const char *want, size_t n)
{
	struct weir__vec vec[WEIR__VEC_MAX];
	const int pieces = weir__outq_vec(&bed->q, vec, WEIR__VEC_MAX);
	size_t seen = 0;

	for (int i = 0; i < pieces && seen < n; i++) {
		const size_t part = vec[i].len < n - seen ? vec[i].len : n - seen;
		assert_true(vec[i].len > 0);
		assert_memory_equal(vec[i].data, want + seen, part);
		seen += part;
	}
	assert_int_equal(seen, n);
	weir__outq_sent(&bed->q, &bed->chunks, n);
}

/* How many references are through, in the order 1, 2, 3 … after `from`. */
static int sent_after(struct bed *bed, intptr_t from)
{
	weir_ref_fn *done;
	void *arg;
	int n = 0;

	while (weir__outq_take_sent(&bed->q, &bed->mem, &done, &arg)) {
		assert_ptr_equal(done, told);
		assert_int_equal((intptr_t)arg, from + ++n);
	}
	return n;
}

static void an_empty_queue_has_nothing(void **state)
{
	struct bed *bed = *state;
	struct weir__vec vec[4];

	assert_int_equal(weir__outq_vec(&bed->q, vec, 4), 0);
	assert_int_equal(sent_after(bed, 0), 0);
	assert_int_equal(bed->q.queued, 0);
}

static void small_copies_share_a_chunk(void **state)
{
	struct bed *bed = *state;
	struct weir__vec vec[4];

	copy(bed, "hello ", 6);
	copy(bed, "world", 5);
	assert_int_equal(bed->q.queued, 11);
	assert_int_equal(weir__outq_vec(&bed->q, vec, 4), 1);
	assert_int_equal(bed->chunks.nused, 1);
	take(bed, "hello world", 11);
	assert_int_equal(bed->q.queued, 0);
	assert_int_equal(bed->chunks.nused, 0);
}

static void what_the_kernel_took_is_not_copied(void **state)
{
	struct bed *bed = *state;
	const weir_str pieces[] = {{"one", 3}, {NULL, 0}, {"two", 3}, {"", 0}, {"three", 5}};

	for (size_t skip = 0; skip <= 11; skip++) {
		assert_int_equal(weir__outq_copy(&bed->q, &bed->chunks, pieces, 5, skip), 0);
		assert_int_equal(bed->q.queued, 11 - skip);
		take(bed, &"onetwothree"[skip], 11 - skip);
	}
}

static void long_copies_fill_chunk_after_chunk(void **state)
{
	const size_t len = 5 * WEIR__SEG_ROOM;
	struct bed *bed = *state;
	struct weir__vec vec[WEIR__VEC_MAX];
	char *data = malloc(len + 1);

	assert_non_null(data);
	for (size_t i = 0; i <= len; i++)
		data[i] = (char)(i * 131 >> 3);
	copy(bed, data, len);
	assert_int_equal(weir__outq_vec(&bed->q, vec, WEIR__VEC_MAX), 5);
	assert_int_equal(weir__outq_vec(&bed->q, vec, 2), 2);
	copy(bed, data + len, 1);
	assert_int_equal(weir__outq_vec(&bed->q, vec, WEIR__VEC_MAX), 6);
	take(bed, data, WEIR__SEG_ROOM + 1);
	assert_int_equal(bed->chunks.nused, 5);
	take(bed, data + WEIR__SEG_ROOM + 1, len - WEIR__SEG_ROOM);
	assert_int_equal(bed->chunks.nused, 0);
	free(data);
}

/* A chunk whose front is sent already takes more behind. */
static void a_chunk_that_is_partly_sent_goes_on_being_filled(void **state)
{
	struct bed *bed = *state;

	copy(bed, "0123456789", 10);
	take(bed, "0123", 4);
	copy(bed, "abc", 3);
	assert_int_equal(bed->chunks.nused, 1);
	take(bed, "456789abc", 9);
}

static void references_keep_their_place_and_are_told_in_order(void **state)
{
	static const char one[] = "first", two[] = "second";
	struct bed *bed = *state;
	struct weir__vec vec[4];

	refer(bed, one, 5, (void *)1);
	copy(bed, "-", 1);
	refer(bed, two, 6, (void *)2);
	copy(bed, "+", 1);
	assert_int_equal(weir__outq_vec(&bed->q, vec, 4), 4);
	assert_ptr_equal(vec[0].data, one);
	assert_ptr_equal(vec[2].data, two);
	take(bed, "firs", 4);
	assert_int_equal(sent_after(bed, 0), 0);
	take(bed, "t-sec", 5);
	assert_int_equal(sent_after(bed, 0), 1);
	take(bed, "ond+", 4);
	assert_int_equal(sent_after(bed, 1), 1);
	assert_int_equal(bed->q.queued, 0);
}

static void abandoning_returns_chunks_and_tells_of_references(void **state)
{
	struct bed *bed = *state;

	refer(bed, "a", 1, (void *)1);
	refer(bed, "b", 1, (void *)2);
	copy(bed, "c", 1);
	refer(bed, "d", 1, (void *)3);
	take(bed, "a", 1);
	weir__outq_abandon(&bed->q, &bed->chunks);
	assert_int_equal(bed->q.queued, 0);
	assert_int_equal(bed->chunks.nused, 0);
	assert_int_equal(sent_after(bed, 0), 3);
	/* And it may be used again. */
	copy(bed, "e", 1);
	take(bed, "e", 1);
}

static void a_copy_that_finds_no_memory_takes_nothing(void **state)
{
	const size_t len = 12 * WEIR__SEG_ROOM;
	struct bed *bed = *state;
	char *data = calloc(1, len);
	const weir_str piece = {data, len};

	assert_non_null(data);
	copy(bed, "before", 6);
	/* What is allocated in vain stays with the lender: some day it is enough. */
	int refused = 0;
	for (bed->alloc.fail_after = true;; refused++) {
		const int32_t used = bed->chunks.nused;
		bed->alloc.calls = 0;
		bed->alloc.fail_at = 2;
		if (weir__outq_copy(&bed->q, &bed->chunks, &piece, 1, 0) == 0)
			break;
		assert_int_equal(bed->q.queued, 6);
		assert_int_equal(bed->chunks.nused, used);
	}
	assert_true(refused > 5);
	bed->alloc.fail_at = 0;
	take(bed, "before", 6);
	take(bed, data, len);
	free(data);
}

static void beyond_the_cap_a_copy_takes_nothing(void **state)
{
	const size_t len = (MAX_CHUNKS + 2) * WEIR__SEG_ROOM;
	struct bed *bed = *state;
	char *data = calloc(1, len + 1);
	weir_str piece = {data, len + 1};

	assert_non_null(data);
	assert_int_equal(weir__outq_copy(&bed->q, &bed->chunks, &piece, 1, 0), -ENOMEM);
	assert_int_equal(bed->chunks.nused, 0);
	piece.len = len;
	assert_int_equal(weir__outq_copy(&bed->q, &bed->chunks, &piece, 1, 0), 0);
	assert_false(weir__chunks_allow(&bed->chunks, 1));
	free(data);
}

static uint32_t random_number(void)
{
	static uint32_t x = 123456789;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

/* Copies and references of any size, taken in pieces of any size. */
static void any_mixture_comes_out_as_it_went_in(void **state)
{
	enum { TOTAL = 4 << 20 };
	struct bed *bed = *state;
	char *stream = malloc(TOTAL);
	size_t in = 0, out = 0;
	intptr_t referred = 0, through = 0;

	assert_non_null(stream);
	for (size_t i = 0; i < TOTAL; i++)
		stream[i] = (char)random_number();
	while (out < TOTAL) {
		size_t n = random_number() % (1u << random_number() % 17);
		if (random_number() % 2 && in - out < 300000) {
			n = n < TOTAL - in ? n : TOTAL - in;
			if (n && random_number() % 3 == 0)
				refer(bed, stream + in, n, (void *)++referred);
			else
				copy(bed, stream + in, n);
			in += n;
		} else {
			struct weir__vec vec[WEIR__VEC_MAX];
			const int pieces = weir__outq_vec(&bed->q, vec, WEIR__VEC_MAX);
			size_t most = 0;
			for (int i = 0; i < pieces; i++)
				most += vec[i].len;
			n = n < most ? n : most;
			take(bed, stream + out, n);
			out += n;
			through += sent_after(bed, through);
		}
		assert_int_equal(bed->q.queued, in - out);
	}
	assert_int_equal(through, referred);
	free(stream);
}

#define OUTQ_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OUTQ_TEST(an_empty_queue_has_nothing),
		OUTQ_TEST(small_copies_share_a_chunk),
		OUTQ_TEST(what_the_kernel_took_is_not_copied),
		OUTQ_TEST(long_copies_fill_chunk_after_chunk),
		OUTQ_TEST(a_chunk_that_is_partly_sent_goes_on_being_filled),
		OUTQ_TEST(references_keep_their_place_and_are_told_in_order),
		OUTQ_TEST(abandoning_returns_chunks_and_tells_of_references),
		OUTQ_TEST(a_copy_that_finds_no_memory_takes_nothing),
		OUTQ_TEST(beyond_the_cap_a_copy_takes_nothing),
		OUTQ_TEST(any_mixture_comes_out_as_it_went_in),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
