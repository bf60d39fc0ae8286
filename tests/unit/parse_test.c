/*
 * parse_test.c: does the parser tell the same, however the octets come?
 *
 * Each fixture is replayed whole, cut in two at every offset, octet by octet and
 * cut at random; support/eventlog.c adds the unreadable page behind the octets
 * and moves the parser between calls. $WEIR_SRCDIR is where the source tree is.
 * With $WEIR_QUICK set, long fixtures are cut in two at some offsets only: once
 * of several runs at all of them is enough.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "http/parse.h"
#include "http/scan.h"
#include "tests/support/eventlog.h"
#include "tests/support/fixture.h"

enum { WATCHDOG_S = 600, LONG_FIXTURE = 2048, RANDOM_CUTS = 40 };

/* ---- the fixtures ---- */

static void each_fixture(fixture_fn *each)
{
	const char *fault = fixture_each(each);

	if (!fault)
		fault = fixture_each_response(each);
	if (fault)
		fail_msg("%s", fault);
}

static struct eventlog_input input_of(const struct fixture *f)
{
	struct eventlog_input in = f->how;

	in.octets = f->octets;
	in.len = f->len;
	in.limits = &f->limits;
	return in;
}

static void expect_log(const char *name, const struct fixture *f, char *log, const char *how,
                       size_t at)
{
	assert_non_null(log);
	if (strcmp(log, f->expected) != 0)
		fail_msg("%s, %s %zu: got\n%s\nexpected\n%s", name, how, at, log, f->expected);
	free(log);
}

static void check_whole(const char *name, const struct fixture *f)
{
	const struct eventlog_input in = input_of(f);

	expect_log(name, f, eventlog_whole(&in), "whole", f->len);
}

static void check_octets(const char *name, const struct fixture *f)
{
	const struct eventlog_input in = input_of(f);

	expect_log(name, f, eventlog_octets(&in), "octet by octet", f->len);
}

static void check_splits(const char *name, const struct fixture *f)
{
	const struct eventlog_input in = input_of(f);
	const bool some = f->len > LONG_FIXTURE && getenv("WEIR_QUICK");

	for (size_t at = 0; at <= f->len; at++) {
		if (some && at > 256 && at < f->len - 256 && at % 997)
			continue;
		expect_log(name, f, eventlog_split(&in, at), "cut at", at);
	}
}

/* A fixed sequence, so that a failure can be had again. */
static uint32_t random_below(uint32_t n)
{
	static uint64_t state = 20111105;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % n;
}

static int ascending(const void *a, const void *b)
{
	const size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return (x > y) - (x < y);
}

static void check_random(const char *name, const struct fixture *f)
{
	const struct eventlog_input in = input_of(f);
	size_t cuts[12];

	for (size_t i = 0; i < RANDOM_CUTS; i++) {
		const size_t n = 2 + random_below(sizeof cuts / sizeof *cuts - 1);

		for (size_t k = 0; k < n; k++)
			cuts[k] = random_below((uint32_t)f->len + 1);
		qsort(cuts, n, sizeof *cuts, ascending);
		expect_log(name, f, eventlog_cuts(&in, cuts, n), "random cuts, round", i);
	}
}

static void tells_what_is_expected(void **state)
{
	(void)state;
	each_fixture(check_whole);
}

static void tells_the_same_octet_by_octet(void **state)
{
	(void)state;
	each_fixture(check_octets);
}

static void tells_the_same_cut_in_two_anywhere(void **state)
{
	(void)state;
	each_fixture(check_splits);
}

static void tells_the_same_cut_at_random(void **state)
{
	(void)state;
	each_fixture(check_random);
}

/* The best way to scan was used until here; now each of the others. */
static void tells_the_same_however_octets_are_marked(void **state)
{
	(void)state;
	for (int i = 0; weir__scan_ways[i]; i++) {
		if (!weir__scan_ways[i]->here())
			continue;
		weir__scan_use(weir__scan_ways[i]);
		each_fixture(check_whole);
		each_fixture(check_octets);
		each_fixture(check_random);
	}
	weir__scan_use(NULL);
}

/* Each reason to refuse is the answer to at least one fixture. */
static bool met[WEIR_REFUSALS];

static void note_refusal(const char *name, const struct fixture *f)
{
	(void)name;
	for (unsigned why = 1; why < WEIR_REFUSALS; why++) {
		char line[120];

		snprintf(line, sizeof line, "error %d %s\n",
		         f->how.response ? 502 : weir_refusal_status((weir_refusal)why),
		         weir_refusal_text((weir_refusal)why));
		if (strstr(f->expected, line))
			met[why] = true;
	}
}

static void every_refusal_has_a_fixture(void **state)
{
	(void)state;
	each_fixture(note_refusal);
	for (unsigned why = 1; why < WEIR_REFUSALS; why++)
		if (!met[why])
			fail_msg("no fixture: %s", weir_refusal_text((weir_refusal)why));
}

/* ---- where the marks end ---- */

/* Checks one field against what was put there. */
static void assert_field(const char *head, const weir_field *f, const char *name, const char *value)
{
	assert_int_equal(f->name.len, strlen(name));
	assert_memory_equal(head + f->name.at, name, f->name.len);
	assert_int_equal(f->value.len, strlen(value));
	assert_memory_equal(head + f->value.at, value, f->value.len);
}

/* Lines behind a value of each length, so that every part of a line comes to lie across the end
   of what is marked at once; whole, and cut there. */
static void lines_lie_anywhere_among_the_blocks(void **state)
{
	enum { MOST = 1300 };
	static char head[MOST + 200];
	static const char behind[] = "\r\nLong-Name:\t  b\tc \t\r\nD:\r\nE-_f: g\r\n\r\n";
	weir_field fields[8];
	weir_slice piece;
	weir_parser p;
	size_t used;

	(void)state;
	for (int i = 0; weir__scan_ways[i]; i++) {
		if (!weir__scan_ways[i]->here())
			continue;
		weir__scan_use(weir__scan_ways[i]);
		for (size_t n = 1; n < MOST; n++) {
			size_t len = (size_t)snprintf(head, sizeof head,
			                              "GET / HTTP/1.1\r\nHost:a\r\nA: ");

			memset(head + len, 'v', n);
			strcpy(head + len + n, behind);
			len += n + strlen(behind);
			for (size_t cut = 0; cut < 2; cut++) {
				weir_parser_init(&p, NULL, fields, 8);
				if (cut)
					assert_int_equal(weir_parse(&p, head, len - n % 40 - 1,
					                            &used, &piece),
					                 WEIR_MORE);
				assert_int_equal(weir_parse(&p, head, len, &used, &piece),
				                 WEIR_HEAD_END);
				assert_int_equal(used, len);
				assert_int_equal(p.nfields, 5);
				assert_int_equal(fields[1].value.len, n);
				assert_field(head, &fields[0], "Host", "a");
				assert_field(head, &fields[2], "Long-Name", "b\tc");
				assert_field(head, &fields[3], "D", "");
				assert_field(head, &fields[4], "E-_f", "g");
			}
		}
	}
	weir__scan_use(NULL);
}

/* ---- work is linear ---- */

/*
 * Octets are given one by one, and pages that lie between the first of the
 * element in progress and the newest octets cannot be read: a parser that looks
 * again at what it has seen dies of it.
 */
enum { LONG = 60 * 1024 };

static weir_event feed_blindly(const char *before, const char *endless, weir_refusal *why)
{
	const weir_limits limits = {.head = LONG,
	                            .target = 2 * LONG,
	                            .trailer = LONG,
	                            .fields = UINT16_MAX,
	                            .trailers = UINT16_MAX};
	static weir_field fields[LONG];
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t size = (2 * LONG / page + 1) * page;
	const size_t head = strlen(before), tail = strlen(endless);
	const int zero = open("/dev/zero", O_RDWR);
	uint8_t *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
	size_t start = 0, used;
	weir_event event = WEIR_MORE;
	weir_slice piece;
	weir_parser p;

	close(zero);
	assert_true(map != MAP_FAILED);
	for (size_t i = 0; i < size; i++)
		map[i] = (uint8_t)(i < head ? before[i] : endless[(i - head) % tail]);
	weir_parser_init(&p, &limits, fields, UINT16_MAX);
	for (size_t end = 1; end < size && event != WEIR_BAD; end++) {
		if (end % page == 1 && end > 3 * page)
			assert_int_equal(
				mprotect(map + page, end / page * page - 2 * page, PROT_NONE), 0);
		event = weir_parse(&p, map + start, end - start, &used, &piece);
		start += used;
	}
	*why = (weir_refusal)p.error;
	munmap(map, size);
	return event;
}

static void looks_at_no_octet_of_an_endless_element_twice(void **state)
{
	static const struct {
		const char *before, *endless;
		weir_refusal why;
	} cases[] = {
		{"", "M", WEIR_BIG_HEAD},
		{"GET /", "a", WEIR_BIG_HEAD},
		{"GET / HTTP/1.1\r\nHost: a\r\n", "n", WEIR_BIG_HEAD},
		{"GET / HTTP/1.1\r\nHost: a\r\nA:", " ", WEIR_BIG_HEAD},
		{"GET / HTTP/1.1\r\nHost: a\r\nA: b", "v", WEIR_BIG_HEAD},
		{"GET / HTTP/1.1\r\nHost: a\r\nA: b", " \t", WEIR_BIG_HEAD},
		{"GET / HTTP/1.1\r\nHost: a\r\n", "A: b\r\n", WEIR_BIG_HEAD},
		{"GET / HTTP/1.1\r\nHost: a\r\n", "Connection: close\r\n", WEIR_BIG_HEAD},
		{"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n",
	         WEIR_BIG_TRAILERS},
		{"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "n",
	         WEIR_BIG_TRAILERS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		weir_refusal why;

		assert_int_equal(feed_blindly(cases[i].before, cases[i].endless, &why), WEIR_BAD);
		assert_int_equal(why, cases[i].why);
	}
}

/* Given framing octets of a body, the parser is done with them at once. */
static void keeps_nothing_of_a_chunk_line(void **state)
{
	static const char head[] =
		"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
	static const char body[] = "0000005;name=\"va\\\"lue\"\r\nhello\r\n0;a\r\n";
	weir_field fields[4];
	weir_slice piece;
	weir_parser p;
	size_t used;

	(void)state;
	weir_parser_init(&p, NULL, fields, 4);
	assert_int_equal(weir_parse(&p, head, strlen(head), &used, &piece), WEIR_HEAD_END);
	assert_int_equal(used, strlen(head));
	for (size_t i = 0; body[i]; i++) {
		assert_true(weir_parse(&p, body + i, 1, &used, &piece) <= WEIR_BODY);
		assert_int_equal(used, 1);
	}
}

/* ---- what the contract says besides ---- */

static void refuses_a_field_without_room_for_it(void **state)
{
	static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	weir_slice piece;
	weir_parser p;
	size_t used;

	(void)state;
	weir_parser_init(&p, NULL, NULL, 0);
	assert_int_equal(weir_parse(&p, head, strlen(head), &used, &piece), WEIR_BAD);
	assert_int_equal(p.error, WEIR_BIG_FIELDS);
	assert_int_equal(used, 0);
}

/* Also where the limits allow more of them than the array has room for. */
static void refuses_a_trailer_without_room_for_it(void **state)
{
	static const char chunked[] =
		"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
	static const char trailers[] = "0\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n";
	weir_field fields[3] = {{{0, 0}, {0, 0}}};
	weir_slice piece;
	weir_parser p;
	size_t used;

	(void)state;
	weir_parser_init(&p, NULL, fields, 2);
	assert_int_equal(weir_parse(&p, chunked, strlen(chunked), &used, &piece), WEIR_HEAD_END);
	assert_int_equal(weir_parse(&p, trailers, strlen(trailers), &used, &piece), WEIR_BAD);
	assert_int_equal(p.error, WEIR_BIG_TRAILERS);
	assert_int_equal(fields[2].name.len, 0);
}

static void parses_into_no_room_when_there_is_no_field(void **state)
{
	static const char head[] = "GET / HTTP/1.0\r\n\r\n";
	weir_slice piece;
	weir_parser p;
	size_t used;

	(void)state;
	weir_parser_init(&p, NULL, NULL, 0);
	assert_int_equal(weir_parse(&p, NULL, 0, &used, &piece), WEIR_MORE);
	assert_int_equal(weir_parse(&p, head, strlen(head), &used, &piece), WEIR_HEAD_END);
	assert_int_equal(weir_parse(&p, NULL, 0, &used, &piece), WEIR_DONE);
	assert_int_equal(weir_parse(&p, NULL, 0, &used, &piece), WEIR_MORE);
}

static void head_says_what_the_body_will_be(void **state)
{
	static const char head[] = "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n";
	weir_field fields[4];
	weir_slice piece;
	weir_parser p;
	size_t used;

	(void)state;
	weir_parser_init(&p, NULL, fields, 4);
	assert_int_equal(weir_parse(&p, head, strlen(head), &used, &piece), WEIR_HEAD_END);
	assert_int_equal(p.framing, WEIR_LENGTH);
	assert_int_equal(p.left, 12);
	assert_int_equal(p.method, WEIR_PUT);
	assert_int_equal(p.method_len, 3);
	assert_int_equal(p.minor, 1);
	assert_int_equal(p.nfields, 2);
}

static void slices_count_from_the_octets_given(void **state)
{
	static const char head[] =
		"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
	static const char body[] = "2\r\nhi\r\n0\r\nA: b\r\n\r\n";
	weir_field fields[4];
	weir_slice piece;
	weir_parser p;
	size_t used, at;

	(void)state;
	weir_parser_init(&p, NULL, fields, 4);
	assert_int_equal(weir_parse(&p, head, strlen(head), &used, &piece), WEIR_HEAD_END);
	assert_int_equal(p.framing, WEIR_CHUNKED);
	assert_int_equal(weir_parse(&p, body, strlen(body), &used, &piece), WEIR_BODY);
	assert_memory_equal(body + piece.at, "hi", 2);
	at = used;
	assert_int_equal(weir_parse(&p, body + at, strlen(body) - at, &used, &piece),
	                 WEIR_TRAILERS);
	assert_int_equal(p.nfields, 1);
	assert_memory_equal(body + at + fields[0].name.at, "A", 1);
	assert_memory_equal(body + at + fields[0].value.at, "b", 1);
	assert_int_equal(at + used, strlen(body));
	assert_int_equal(weir_parse(&p, NULL, 0, &used, &piece), WEIR_DONE);
}

/* ---- responses ---- */

/* Parses one head; the event it ends with. */
static weir_event head_of(weir_parser *p, weir_method answers, const char *head)
{
	static weir_field fields[8];
	weir_slice piece;
	size_t used;

	weir_parser_init_response(p, NULL, fields, 8);
	weir_parser_answers(p, answers);
	return weir_parse(p, head, strlen(head), &used, &piece);
}

static void a_status_line_has_version_code_and_reason(void **state)
{
	static const char line[] = "HTTP/1.0 404 Not Found\r\n\r\n";
	weir_parser p;

	(void)state;
	assert_int_equal(head_of(&p, WEIR_GET, line), WEIR_HEAD_END);
	assert_int_equal(p.status, 404);
	assert_int_equal(p.minor, 0);
	assert_int_equal(p.reason.at, 13);
	assert_int_equal(p.reason.len, 9);
	assert_int_equal(head_of(&p, WEIR_GET, "HTTP/1.1 200\r\n\r\n"), WEIR_BAD);
	assert_int_equal(p.error, WEIR_BAD_STATUS_LINE);
	assert_int_equal(head_of(&p, WEIR_GET, "HTTP/1.1 099 x\r\n\r\n"), WEIR_BAD);
	assert_int_equal(p.error, WEIR_BAD_STATUS_LINE);
}

static void the_end_of_a_response_is_found(void **state)
{
	static const struct {
		weir_method answers;
		const char *head;
		weir_framing framing;
		unsigned flags;
	} cases[] = {
		{WEIR_GET, "HTTP/1.1 200 \r\n\r\n", WEIR_UNTIL_CLOSE, 0},
		{WEIR_GET, "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n", WEIR_LENGTH, WEIR_KEEP},
		{WEIR_GET, "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n", WEIR_CHUNKED,
	         WEIR_KEEP},
		{WEIR_HEAD, "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n", WEIR_NO_BODY, WEIR_KEEP},
		{WEIR_GET, "HTTP/1.1 304 \r\nContent-Length: 1\r\n\r\n", WEIR_NO_BODY, WEIR_KEEP},
		{WEIR_GET, "HTTP/1.1 204 \r\n\r\n", WEIR_NO_BODY, WEIR_KEEP},
		{WEIR_GET, "HTTP/1.1 100 \r\n\r\n", WEIR_NO_BODY, WEIR_KEEP},
		{WEIR_GET, "HTTP/1.1 101 \r\n\r\n", WEIR_NO_BODY, WEIR_TUNNEL},
		{WEIR_CONNECT, "HTTP/1.1 200 \r\n\r\n", WEIR_NO_BODY, WEIR_TUNNEL},
		{WEIR_CONNECT, "HTTP/1.1 404 \r\nContent-Length: 1\r\n\r\n", WEIR_LENGTH,
	         WEIR_KEEP},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		weir_parser p;

		assert_int_equal(head_of(&p, cases[i].answers, cases[i].head), WEIR_HEAD_END);
		assert_int_equal(p.framing, cases[i].framing);
		assert_int_equal(p.flags, cases[i].flags);
	}
}

static void what_a_response_answers_is_forgotten_with_its_head(void **state)
{
	static const char head[] = "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n";
	static const char interim[] = "HTTP/1.1 100 \r\n\r\n";
	weir_parser p;
	weir_slice piece;
	size_t used;

	(void)state;
	assert_int_equal(head_of(&p, WEIR_HEAD, interim), WEIR_HEAD_END);
	assert_int_equal(weir_parse(&p, NULL, 0, &used, &piece), WEIR_DONE);
	assert_int_equal(weir_parse(&p, head, strlen(head), &used, &piece), WEIR_HEAD_END);
	assert_int_equal(p.framing, WEIR_NO_BODY);
	assert_int_equal(weir_parse(&p, NULL, 0, &used, &piece), WEIR_DONE);
	assert_int_equal(weir_parse(&p, head, strlen(head), &used, &piece), WEIR_HEAD_END);
	assert_int_equal(p.framing, WEIR_LENGTH);
}

static void the_end_of_the_connection_ends_what_lasts_until_then(void **state)
{
	weir_parser p;
	weir_slice piece;
	size_t used;

	(void)state;
	assert_int_equal(head_of(&p, WEIR_GET, "HTTP/1.1 200 \r\n\r\n"), WEIR_HEAD_END);
	assert_int_equal(weir_parse(&p, "abc", 3, &used, &piece), WEIR_BODY);
	assert_int_equal(weir_parse_end(&p), WEIR_DONE);
	assert_int_equal(weir_parse_end(&p), WEIR_MORE);
	assert_int_equal(head_of(&p, WEIR_GET, "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n"),
	                 WEIR_HEAD_END);
	assert_int_equal(weir_parse_end(&p), WEIR_BAD);
	assert_int_equal(p.error, WEIR_BAD_END);
	assert_int_equal(head_of(&p, WEIR_GET, "H"), WEIR_MORE);
	assert_int_equal(weir_parse_end(&p), WEIR_BAD);
}

/* A message without a body is whole with its head; an end changes nothing that was said before. */
static void the_end_of_the_connection_behind_a_head(void **state)
{
	static const char good[] = "GET / HTTP/1.0\r\n\r\n", bad[] = "GET / HTTP/2.0\r\n\r\n";
	weir_parser p;
	weir_slice piece;
	size_t used;

	(void)state;
	weir_parser_init(&p, NULL, NULL, 0);
	assert_int_equal(weir_parse(&p, good, strlen(good), &used, &piece), WEIR_HEAD_END);
	assert_int_equal(weir_parse_end(&p), WEIR_DONE);
	assert_int_equal(weir_parse_end(&p), WEIR_MORE);
	assert_int_equal(weir_parse(&p, bad, strlen(bad), &used, &piece), WEIR_BAD);
	assert_int_equal(weir_parse_end(&p), WEIR_BAD);
	assert_int_equal(p.error, WEIR_BAD_MAJOR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_is_expected),
		cmocka_unit_test(tells_the_same_octet_by_octet),
		cmocka_unit_test(tells_the_same_cut_in_two_anywhere),
		cmocka_unit_test(tells_the_same_cut_at_random),
		cmocka_unit_test(tells_the_same_however_octets_are_marked),
		cmocka_unit_test(every_refusal_has_a_fixture),
		cmocka_unit_test(lines_lie_anywhere_among_the_blocks),
		cmocka_unit_test(looks_at_no_octet_of_an_endless_element_twice),
		cmocka_unit_test(keeps_nothing_of_a_chunk_line),
		cmocka_unit_test(refuses_a_field_without_room_for_it),
		cmocka_unit_test(refuses_a_trailer_without_room_for_it),
		cmocka_unit_test(parses_into_no_room_when_there_is_no_field),
		cmocka_unit_test(head_says_what_the_body_will_be),
		cmocka_unit_test(slices_count_from_the_octets_given),
		cmocka_unit_test(a_status_line_has_version_code_and_reason),
		cmocka_unit_test(the_end_of_a_response_is_found),
		cmocka_unit_test(what_a_response_answers_is_forgotten_with_its_head),
		cmocka_unit_test(the_end_of_the_connection_ends_what_lasts_until_then),
		cmocka_unit_test(the_end_of_the_connection_behind_a_head),
	};

	alarm(WATCHDOG_S);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
