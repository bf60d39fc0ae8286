/*
 * trust_test.c: who is in a list of networks, and which lists are none?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "core/addr.h"
#include "core/trust.h"
#include "core/weir.h"

static void *memory(void *arg, void *ptr, size_t old_size, size_t new_size)
{
	(void)old_size;
	if (new_size == 0) {
		free(ptr);
		return NULL;
	}
	return *(bool *)arg ? realloc(ptr, new_size) : NULL;
}

static struct world {
	struct weir__mem mem;
	struct weir__trust trust;
	bool has_memory;
} world;

static int trust(const char *list)
{
	world.has_memory = true;
	world.mem = (struct weir__mem){.fn = memory, .arg = &world.has_memory, .cap = SIZE_MAX};
	return weir__trust_read(&world.trust, &world.mem, list);
}

static void distrust(void)
{
	weir__trust_free(&world.trust, &world.mem);
	assert_int_equal(world.mem.used, 0);
}

static bool trusts(const char *address)
{
	struct weir__where where;

	assert_int_equal(weir__addr_parse(address, &where), 0);
	return weir__trusts(&world.trust, &where.addr);
}

static void trusts_addresses_and_networks(void **state)
{
	(void)state;
	assert_int_equal(trust("127.0.0.0/8, ::1,10.1.2.3 ,\t192.168.128.0/17, 2001:db8::/33,,"),
	                 0);
	assert_true(trusts("127.0.0.1:1"));
	assert_true(trusts("127.255.255.255:1"));
	assert_false(trusts("126.255.255.255:1"));
	assert_false(trusts("128.0.0.0:1"));
	assert_true(trusts("[::1]:1"));
	assert_false(trusts("[::]:1"));
	assert_true(trusts("10.1.2.3:9"));
	assert_false(trusts("10.1.2.2:9"));
	assert_true(trusts("192.168.128.0:1"));
	assert_true(trusts("192.168.255.255:1"));
	assert_false(trusts("192.168.127.255:1"));
	assert_true(trusts("[2001:db8:7fff::1]:1"));
	assert_false(trusts("[2001:db8:8000::1]:1"));
	assert_false(trusts("unix:/x"));
	distrust();
}

static void a_network_may_be_one_address(void **state)
{
	(void)state;
	assert_int_equal(trust("10.1.2.3/32, ::1/128"), 0);
	assert_true(trusts("10.1.2.3:9"));
	assert_false(trusts("10.1.2.2:9"));
	assert_true(trusts("[::1]:1"));
	assert_false(trusts("[::]:1"));
	distrust();
}

static void trusts_those_who_come_by_unix_sockets(void **state)
{
	(void)state;
	assert_int_equal(trust("unix"), 0);
	assert_true(trusts("unix:/x"));
	assert_true(trusts("unix:@x"));
	assert_false(trusts("127.0.0.1:1"));
	assert_false(weir__trusts(&world.trust, &(struct weir__addr){.kind = WEIR__ADDR_NONE}));
	distrust();
}

static void one_family_is_not_the_other(void **state)
{
	(void)state;
	assert_int_equal(trust("::/0"), 0);
	assert_true(trusts("[::1]:1"));
	assert_true(trusts("[ffff::]:1"));
	assert_false(trusts("127.0.0.1:1"));
	distrust();
	assert_int_equal(trust("0.0.0.0/0"), 0);
	assert_true(trusts("255.0.0.1:1"));
	assert_false(weir__trusts(&world.trust, &(struct weir__addr){.kind = WEIR__ADDR_NONE}));
	assert_true(trusts("[::ffff:1.2.3.4]:1"));
	assert_false(trusts("[::1]:1"));
	distrust();
	assert_int_equal(trust("::ffff:0:0/96"), 0);
	assert_true(trusts("255.0.0.1:1"));
	distrust();
}

static void trusts_nobody_unasked(void **state)
{
	static const char *const lists[] = {NULL, "", " ", ", ,"};

	(void)state;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		assert_int_equal(trust(lists[i]), 0);
		assert_false(trusts("127.0.0.1:1"));
		assert_false(trusts("[::]:1"));
		assert_false(trusts("0.0.0.0:1"));
		distrust();
	}
}

static void refuses_what_is_no_network(void **state)
{
	static const char *const bad[] = {
		"x",
		"localhost",
		"127.0.0.1/33",
		"127.0.0.1/",
		"127.0.0.1/-1",
		"127.0.0.1/8",
		"127.0.0.0/ 8",
		"127.0.0/8",
		"127.0.0.1:80",
		"[::1]",
		"::/129",
		"::1/127",
		"::1/",
		"fe80::1%1",
		"127.0.0.1 ::1",
		"/8",
		"unix:/x",
		"unix:",
		"\"127.0.0.1\"",
		"127.0.0.1, x",
		"x, 127.0.0.1",
		"1.2.3.4/032x",
		"1.2.3.4/+32",
		"128.0.0.0/0",
		"::/999999999999",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (trust(bad[i]) != WEIR_EINVALID)
			fail_msg("%s", bad[i]);
		distrust();
	}
}

static void says_so_when_there_is_no_memory(void **state)
{
	(void)state;
	trust(NULL);
	world.has_memory = false;
	assert_int_equal(weir__trust_read(&world.trust, &world.mem, "::1"), -ENOMEM);
	distrust();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trusts_addresses_and_networks),
		cmocka_unit_test(a_network_may_be_one_address),
		cmocka_unit_test(trusts_those_who_come_by_unix_sockets),
		cmocka_unit_test(one_family_is_not_the_other),
		cmocka_unit_test(trusts_nobody_unasked),
		cmocka_unit_test(refuses_what_is_no_network),
		cmocka_unit_test(says_so_when_there_is_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
