/*
 * peer_test.c: is each address kept once, as long as somebody holds its number,
 * and given back when nobody does?
 */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "core/peer.h"

struct bed {
	struct test_alloc alloc;
	struct weir__mem mem;
	struct weir__peers peers;
};

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof *bed);

	if (!bed)
		return -1;
	bed->mem = (struct weir__mem){.fn = test_alloc_fn, .arg = &bed->alloc, .cap = SIZE_MAX};
	weir__peers_init(&bed->peers, &bed->mem);
	*state = bed;
	return 0;
}

static int teardown(void **state)
{
	struct bed *bed = *state;

	weir__peers_free(&bed->peers);
	const size_t octets = bed->alloc.live_octets;
	free(bed);
	assert_int_equal(octets, 0);
	return 0;
}

static struct weir__addr address(uint8_t kind, uint32_t n)
{
	struct weir__addr addr = {.kind = kind, .port = (uint16_t)(n * 7)};

	for (int i = 0; i < 4; i++)
		addr.u.ip[i] = (uint8_t)(n >> 8 * i);
	return addr;
}

static void an_address_has_one_number_whatever_its_port(void **state)
{
	struct bed *bed = *state;
	struct weir__addr a = address(WEIR__ADDR_IP4, 1), b = a, other = address(WEIR__ADDR_IP4, 2);

	b.port = 9;
	const uint32_t n = weir__peer_take(&bed->peers, &a);
	assert_int_not_equal(n, 0);
	assert_int_equal(weir__peer_take(&bed->peers, &b), n);
	assert_int_not_equal(weir__peer_take(&bed->peers, &other), n);
}

static void kinds_and_scopes_differ(void **state)
{
	struct bed *bed = *state;
	struct weir__addr four = address(WEIR__ADDR_IP4, 1), six = address(WEIR__ADDR_IP6, 1);
	struct weir__addr scoped = six;

	scoped.scope = 3;
	const uint32_t a = weir__peer_take(&bed->peers, &four);
	const uint32_t b = weir__peer_take(&bed->peers, &six);
	const uint32_t c = weir__peer_take(&bed->peers, &scoped);
	assert_true(a != b && b != c && a != c);
}

/* What lies behind the four octets is not part of an IPv4 address. */
static void only_the_octets_of_an_address_count(void **state)
{
	struct bed *bed = *state;
	struct weir__addr a = address(WEIR__ADDR_IP4, 1), b = a;

	memset(b.u.ip + 4, 0xff, 12);
	assert_int_equal(weir__peer_take(&bed->peers, &a), weir__peer_take(&bed->peers, &b));
}

static void the_address_is_found_by_its_number(void **state)
{
	struct bed *bed = *state;
	struct weir__addr six = address(WEIR__ADDR_IP6, 0x01020304), got;

	six.u.ip[15] = 0xee;
	six.scope = 5;
	weir__peer_get(&bed->peers, weir__peer_take(&bed->peers, &six), &got);
	assert_int_equal(got.kind, WEIR__ADDR_IP6);
	assert_int_equal(got.scope, 5);
	assert_memory_equal(got.u.ip, six.u.ip, 16);
	weir__peer_get(&bed->peers, 0, &got);
	assert_int_equal(got.kind, WEIR__ADDR_NONE);
}

static void what_has_no_address_is_nobody(void **state)
{
	struct bed *bed = *state;
	struct weir__addr path = {.kind = WEIR__ADDR_UNIX}, none = {.kind = WEIR__ADDR_NONE};

	assert_int_equal(weir__peer_take(&bed->peers, &path), 0);
	assert_int_equal(weir__peer_take(&bed->peers, &none), 0);
	weir__peer_give(&bed->peers, 0);
	assert_int_equal(bed->alloc.calls, 0);
}

static void a_number_is_free_again_after_its_last_holder(void **state)
{
	struct bed *bed = *state;
	struct weir__addr a = address(WEIR__ADDR_IP4, 1), b = address(WEIR__ADDR_IP4, 2), got;

	const uint32_t n = weir__peer_take(&bed->peers, &a);
	weir__peer_take(&bed->peers, &a);
	weir__peer_give(&bed->peers, n);
	weir__peer_get(&bed->peers, n, &got);
	assert_memory_equal(got.u.ip, a.u.ip, 4);
	weir__peer_give(&bed->peers, n);
	assert_int_equal(weir__peer_take(&bed->peers, &b), n);
	weir__peer_get(&bed->peers, n, &got);
	assert_memory_equal(got.u.ip, b.u.ip, 4);
}

static void without_memory_a_peer_is_nobody(void **state)
{
	struct bed *bed = *state;
	struct weir__addr a = address(WEIR__ADDR_IP4, 1);

	for (size_t at = 1; at <= 2; at++) {
		bed->alloc.calls = 0;
		bed->alloc.fail_at = at;
		assert_int_equal(weir__peer_take(&bed->peers, &a), 0);
		assert_int_equal(bed->alloc.live_octets, 0);
	}
	bed->alloc.fail_at = 0;
	assert_int_not_equal(weir__peer_take(&bed->peers, &a), 0);
	/* A table that cannot grow keeps what it has. */
	uint32_t last = 0;
	bed->alloc.calls = 0;
	bed->alloc.fail_at = 1;
	bed->alloc.fail_after = true;
	for (uint32_t n = 2; n < 100; n++) {
		struct weir__addr more = address(WEIR__ADDR_IP4, n);
		const uint32_t got = weir__peer_take(&bed->peers, &more);
		last = got ? got : last;
	}
	assert_true(bed->alloc.refused > 2);
	assert_true(last > 1);
	bed->alloc.fail_at = 0;
	struct weir__addr first;
	weir__peer_get(&bed->peers, 1, &first);
	assert_memory_equal(first.u.ip, a.u.ip, 4);
	struct weir__addr more = address(WEIR__ADDR_IP4, 99);
	assert_int_not_equal(weir__peer_take(&bed->peers, &more), 0);
}

enum { PEERS = 5000, ROUNDS = 200000 };

/* Any order of taking and giving, against a table that counts. */
static void many_peers_keep_their_numbers(void **state)
{
	static uint32_t number[PEERS], refs[PEERS];
	struct bed *bed = *state;
	uint32_t x = 1, alive = 0, most = 0;

	for (int round = 0; round < ROUNDS; round++) {
		x = x * 1664525 + 1013904223;
		const uint32_t i = (x >> 8) % PEERS;
		struct weir__addr addr = address(i % 2 ? WEIR__ADDR_IP6 : WEIR__ADDR_IP4, i), got;
		if (refs[i] && x >> 30 == 0) {
			weir__peer_give(&bed->peers, number[i]);
			alive -= --refs[i] == 0;
			continue;
		}
		const uint32_t n = weir__peer_take(&bed->peers, &addr);
		assert_int_not_equal(n, 0);
		if (refs[i]++)
			assert_int_equal(n, number[i]);
		else
			alive++;
		number[i] = n;
		most = alive > most ? alive : most;
		weir__peer_get(&bed->peers, n, &got);
		assert_int_equal(got.kind, addr.kind);
		assert_memory_equal(got.u.ip, addr.u.ip, 16);
	}
	/* Numbers that were given back are used before new ones. */
	assert_true(bed->peers.used <= most + 1);
	for (uint32_t i = 0; i < PEERS; i++)
		for (; refs[i]; refs[i]--)
			weir__peer_give(&bed->peers, number[i]);
}

#define PEER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(an_address_has_one_number_whatever_its_port),
		PEER_TEST(kinds_and_scopes_differ),
		PEER_TEST(only_the_octets_of_an_address_count),
		PEER_TEST(the_address_is_found_by_its_number),
		PEER_TEST(what_has_no_address_is_nobody),
		PEER_TEST(a_number_is_free_again_after_its_last_holder),
		PEER_TEST(without_memory_a_peer_is_nobody),
		PEER_TEST(many_peers_keep_their_numbers),
	};

	test_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
