/*
 * index_test.c: are common names told from others, and found where they are?
 */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "http/conn.h"
#include "http/octets.h"
#include "http/head.h"

static const char *const common[] = {
	"TE",
	"DNT",
	"Via",
	"Date",
	"From",
	"Host",
	"Range",
	"Accept",
	"Cookie",
	"Expect",
	"Origin",
	"Pragma",
	"Referer",
	"Trailer",
	"Upgrade",
	"If-Match",
	"If-Range",
	"Priority",
	"Forwarded",
	"X-Real-IP",
	"Connection",
	"Keep-Alive",
	"User-Agent",
	"Content-Type",
	"Max-Forwards",
	"X-Request-ID",
	"Authorization",
	"Cache-Control",
	"If-None-Match",
	"Last-Event-ID",
	"Accept-Charset",
	"Content-Length",
	"Sec-Fetch-Dest",
	"Sec-Fetch-Mode",
	"Sec-Fetch-Site",
	"Sec-Fetch-User",
	"Accept-Encoding",
	"Accept-Language",
	"X-Forwarded-For",
	"Content-Encoding",
	"Content-Language",
	"X-Forwarded-Host",
	"X-Requested-With",
	"If-Modified-Since",
	"Sec-WebSocket-Key",
	"Transfer-Encoding",
	"X-Forwarded-Proto",
	"Content-Disposition",
	"If-Unmodified-Since",
	"Proxy-Authorization",
	"Sec-WebSocket-Version",
	"Sec-WebSocket-Protocol",
	"Sec-WebSocket-Extensions",
	"Upgrade-Insecure-Requests",
};

/* Near to common ones in length and letters. */
static const char *const uncommon[] = {
	"T",
	"TF",
	"X",
	"Ho",
	"Hosts",
	"Hose",
	"Accepts",
	"Acctpt",
	"Sec-Fetch-Mods",
	"Content-Tipe",
	"X-Storm",
	"X-Forwarded-Fort",
	"Upgrade-Insecure-Request",
	"Upgrade-Insecure-Requests-And-More",
	"Te-",
	"@uthorization",
	"Cookie2",
};

enum { COMMON = sizeof common / sizeof *common, UNCOMMON = sizeof uncommon / sizeof *uncommon };

static void each_common_name_has_a_number_of_its_own(void **state)
{
	bool taken[WEIR__NAME_LENGTHS * WEIR__NAME_PEERS] = {false};

	(void)state;
	for (size_t i = 0; i < COMMON; i++) {
		const int number = weir__common_name(common[i], strlen(common[i]));

		assert_in_range(number, 0, sizeof taken - 1);
		assert_false(taken[number]);
		taken[number] = true;
	}
}

static void other_names_have_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < UNCOMMON; i++)
		assert_int_equal(weir__common_name(uncommon[i], strlen(uncommon[i])), -1);
	assert_int_equal(weir__common_name("", 0), -1);
	assert_int_equal(weir__common_name("Host", 3), -1);
}

/* One letter off is another name, whichever it is; but for its case. */
static void every_letter_counts(void **state)
{
	char name[WEIR__NAME_LENGTHS + 1];

	(void)state;
	for (size_t i = 0; i < COMMON; i++) {
		const size_t len = strlen(common[i]);
		const int number = weir__common_name(common[i], len);

		for (size_t k = 0; k < len; k++) {
			memcpy(name, common[i], len);
			name[k] = '~';
			assert_int_equal(weir__common_name(name, len), -1);
			if (common[i][k] == '-')
				continue;
			name[k] = (char)(common[i][k] ^ 0x20);
			assert_int_equal(weir__common_name(name, len), number);
		}
	}
}

/* ---- as a program asks --------------------------------------------------- */

enum { FIELDS = 100, ROUNDS = 2000 };

/* Requests that are a head, and nothing else of one. */
static struct world {
	weir_server server;
	weir_req reqs[2];
	weir_field fields[2][FIELDS]; /* as they should be found */
	weir_field shared[FIELDS];    /* the server's */
	char heads[2][32 + FIELDS * 80];
} world;

static void scramble(char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (name[i] != '-' && test_roll(4) == 0 && (name[i] | 0x20) >= 'a')
			name[i] ^= 0x20;
}

static const char *any_name(void)
{
	return test_roll(3) ? common[test_roll(COMMON)] : uncommon[test_roll(UNCOMMON)];
}

/* One that a head may have. */
static const char *any_token(void)
{
	const char *name;
	uint32_t len;

	do {
		name = any_name();
		len = (uint32_t)strlen(name);
	} while (weir__run((const uint8_t *)name, 0, len, WEIR__TOKEN) < len);
	return name;
}

/* A line of a head at `at`; where the next one begins. */
static uint32_t draw_line(char *head, uint32_t at, weir_field *field)
{
	const char *name = any_token();
	const uint32_t len = (uint32_t)strlen(name), value = test_roll(2) ? len : 0;

	memcpy(head + at, name, len);
	scramble(head + at, len);
	*field = (weir_field){{at, len}, {at + len + 1, value}};
	head[at + len] = ':';
	memcpy(head + at + len + 1, name, value);
	memcpy(head + at + len + 1 + value, "\r\n", 2);
	return at + len + value + 3;
}

/* Another head for a request, as the machine gives it one. */
static void draw_head(int which)
{
	static const char line[] = "GET / HTTP/1.1\r\n";
	weir_req *req = &world.reqs[which];
	char *head = world.heads[which];
	uint32_t at = sizeof line - 1;

	weir__req_forget_fields(req);
	req->server = &world.server;
	req->head = head;
	req->nfields = (uint16_t)test_roll(FIELDS + 1);
	memcpy(head, line, at);
	for (uint16_t i = 0; i < req->nfields; i++)
		at = draw_line(head, at, &world.fields[which][i]);
	memcpy(head + at, "\r\n", 2);
	req->head_len = at + 2;
}

static const weir_field *fields_of(const weir_req *req)
{
	return world.fields[req - world.reqs];
}

/* What a search from the first field on finds. */
static uint32_t linear(const weir_req *req, const char *name, uint32_t from)
{
	return weir__field_find(req->head, fields_of(req), req->nfields, name, from);
}

static void assert_finds(const weir_req *req, const char *name)
{
	const uint32_t first = linear(req, name, 0);
	const weir_str field = weir_req_field(req, name);
	unsigned i = test_roll(FIELDS + 2);
	uint32_t want = i < req->nfields ? linear(req, name, i) : req->nfields;
	weir_str value;

	if (first < req->nfields) {
		assert_ptr_equal(field.data, req->head + fields_of(req)[first].value.at);
		assert_int_equal(field.len, fields_of(req)[first].value.len);
	} else {
		assert_null(field.data);
	}
	for (; weir_req_find(req, name, &i, &value); want = linear(req, name, i)) {
		assert_true(want < req->nfields);
		assert_int_equal(i, want + 1);
		assert_ptr_equal(value.data, req->head + fields_of(req)[want].value.at);
		assert_int_equal(value.len, fields_of(req)[want].value.len);
	}
	assert_int_equal(want, req->nfields);
}

/* Whoever asked last, and however often the heads change. */
static void finds_what_a_linear_search_finds(void **state)
{
	(void)state;
	world.server.fields = world.shared;
	world.server.opts.max_fields = FIELDS;
	world.reqs[0].server = world.reqs[1].server = &world.server;
	draw_head(0);
	draw_head(1);
	for (int round = 0; round < ROUNDS; round++) {
		for (int k = 0; k < 20; k++)
			assert_finds(&world.reqs[test_roll(2)], any_name());
		draw_head((int)test_roll(2));
	}
}

static void finds_nothing_in_a_request_without_a_head(void **state)
{
	weir_req *req = &world.reqs[0];
	weir_str value;
	unsigned i = 0;

	(void)state;
	draw_head(0);
	weir__req_forget_fields(req);
	req->head = NULL;
	req->head_len = 0;
	req->nfields = 0;
	assert_null(weir_req_field(req, "Host").data);
	assert_null(weir_req_field(req, "X-Storm").data);
	assert_int_equal(weir_req_find(req, "Host", &i, &value), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_common_name_has_a_number_of_its_own),
		cmocka_unit_test(other_names_have_none),
		cmocka_unit_test(every_letter_counts),
		cmocka_unit_test(finds_what_a_linear_search_finds),
		cmocka_unit_test(finds_nothing_in_a_request_without_a_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
