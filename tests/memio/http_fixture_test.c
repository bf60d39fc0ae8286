/*
 * Does the server make of octets what the parser does, however they come? Each
 * fixture is sent to a server over the kernel in memory: whole, octet by octet,
 * and cut in two. The handler writes down what it sees in the words of the
 * fixture's log; what the client receives must follow from the same log: a reply
 * for each `done`, in order, and for `error` a last one with its status.
 */
#include "tests/memio/http_bed.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/conn.h"
#include "tests/support/fixture.h"

enum { LONG_FIXTURE = 600, SOME_CUTS = 12, LOG_ROOM = 256 * 1024 };

/* ---- text --------------------------------------------------------------- */

struct text {
	char data[LOG_ROOM];
	size_t len;
};

static struct text seen, wanted, replies;
static bool in_body;

static void put(struct text *text, const char *format, ...)
{
	va_list values;
	int n;

	va_start(values, format);
	n = vsnprintf(text->data + text->len, sizeof text->data - text->len, format, values);
	va_end(values);
	text->len += (size_t)n;
	assert_true(text->len < sizeof text->data);
}

static void put_octets(struct text *text, weir_str octets)
{
	for (size_t i = 0; i < octets.len; i++) {
		const unsigned octet = (unsigned char)octets.data[i];

		put(text, octet > 0x20 && octet < 0x7f ? "%c" : "\\x%02x", octet);
	}
}

static void clear(struct text *text)
{
	text->len = 0;
	text->data[0] = '\0';
}

static void end_body(void)
{
	put(&seen, in_body ? "\n" : "");
	in_body = false;
}

/* ---- the application ---------------------------------------------------- */

static size_t take_body(weir_req *req, const char *data, size_t len, void *arg)
{
	(void)req;
	(void)arg;
	put(&seen, in_body ? "" : "body ");
	in_body = true;
	put_octets(&seen, (weir_str){data, len});
	return len;
}

static void answer(weir_req *req, void *arg)
{
	(void)arg;
	end_body();
	put(&seen, "done\n");
	/* A tunnel would end what the fixture is about. */
	weir_reply(req, weir_req_method(req) == WEIR_CONNECT ? 403 : 200, NULL, NULL, 0);
}

static void give_up(weir_req *req, int why, void *arg)
{
	(void)why;
	(void)arg;
	end_body();
	weir_reply_end(req);
}

static void handle(weir_req *req, void *arg)
{
	static const weir_req_ops ops = {.data = take_body, .end = answer, .gone = give_up};
	weir_str name, value;

	put(&seen, "method ");
	put_octets(&seen, weir_req_method_name(req));
	put(&seen, "\ntarget ");
	put_octets(&seen, weir_req_target(req));
	put(&seen, "\nversion %d.%d\n", weir_req_version(req) / 10, weir_req_version(req) % 10);
	for (unsigned i = 0; weir_req_nth(req, i, &name, &value); i++) {
		put(&seen, "field ");
		put_octets(&seen, name);
		put(&seen, ": ");
		put_octets(&seen, value);
		put(&seen, "\n");
	}
	weir_req_on(req, &ops, arg);
}

/* ---- what the fixture says ---------------------------------------------- */

struct outcome {
	int answers;  /* good requests */
	int error;    /* status of the refusal; 0: none */
	bool closing; /* the last good request ends the connection */
};

static bool is_seen(const char *line)
{
	static const char *const words[] = {"method ", "target ", "version ", "field ", "body "};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strncmp(line, words[i], strlen(words[i])))
			return true;
	return false;
}

/* The lines of the log that the handler can see, and what is to be answered. */
static struct outcome read_log(const struct fixture *f)
{
	struct outcome o = {0, 0, false};

	clear(&wanted);
	for (const char *line = f->expected; *line;) {
		const int len = (int)strcspn(line, "\n");

		if (is_seen(line))
			put(&wanted, "%.*s\n", len, line);
		if (!strncmp(line, "done ", 5)) {
			put(&wanted, "done\n");
			o.answers++;
			o.closing = !strncmp(line, "done close", 10);
		}
		if (!strncmp(line, "error ", 6))
			o.error = atoi(line + 6);
		line += len + (line[len] == '\n');
	}
	return o;
}

/* ---- the world ---------------------------------------------------------- */

/* All methods are the handler's, so that there is a log of each. */
static void given(const weir_limits *limits)
{
	const weir_server_opts opts = {
		.methods = (WEIR_METHOD_BIT(WEIR_PATCH) << 1) - 1,
		.max_body = limits->body ? (int64_t)limits->body : WEIR_OFF,
		.max_head = (int32_t)limits->head,
		.max_target = (int32_t)limits->target,
		.max_fields = limits->fields,
	};

	bed_setup(NULL);
	bed_serve(handle, &opts);
	/* These have no option. */
	bed.server->limits.chunk_line = limits->chunk_line;
	bed.server->limits.chunk_ext = limits->chunk_ext;
	bed.server->limits.trailer = limits->trailer;
	bed.server->limits.trailers = limits->trailers;
}

/* Sends the octets in pieces, of which the first is shorter; then the client waits. */
static memio_client *sent(const struct fixture *f, size_t first, size_t step)
{
	memio_client *c = memio_client_connect(NULL);
	size_t at = 0, end = first;

	clear(&seen);
	bed_turns(2);
	while (at < f->len) {
		end = end < f->len ? end : f->len;
		memio_client_send(c, f->octets + at, end - at);
		bed_turns(2);
		at = end;
		end += step;
	}
	/* More requests than are begun in one go take more turns. */
	bed_turns(20);
	return c;
}

/* ---- what the client receives ------------------------------------------- */

static const char *behind_head(const char *head)
{
	const char *end = strstr(head, "\r\n\r\n");

	return end ? end + 4 : NULL;
}

static bool says_close(const char *head)
{
	const char *close = strstr(head, "\r\nConnection: close\r\n");

	return close && close < behind_head(head);
}

static bool is_status(const char *head, int status)
{
	char line[32];

	snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
	return !strncmp(head, line, strlen(line)) && behind_head(head);
}

/* What is wrong with the replies; NULL: nothing. */
static const char *fault_of(const char *text, const struct outcome *o)
{
	for (int i = 0; i < o->answers; i++) {
		while (is_status(text, 100))
			text = behind_head(text);
		if (!is_status(text, 200) && !is_status(text, 403))
			return "a request was not answered";
		if (says_close(text) != (o->closing && i == o->answers - 1))
			return "close is announced where it is not, or the other way round";
		text = behind_head(text);
	}
	while (is_status(text, 100))
		text = behind_head(text);
	if (!o->error)
		return *text ? "more than the replies" : NULL;
	if (!is_status(text, o->error))
		return "not refused with this status";
	if (!says_close(text))
		return "the refusal does not announce the close";
	return strstr(behind_head(text), "HTTP/1.1") ? "something behind the refusal" : NULL;
}

static const char *fault_of_end(memio_client *c, const struct outcome *o)
{
	const bool last = o->error || o->closing;

	if (memio_client_closed(c) != (last ? MEMIO_FINISHED : MEMIO_OPEN))
		return last ? "the connection goes on" : "the connection is ended";
	clear(&replies);
	put(&replies, "%s", bed_received(c));
	memio_client_finish(c);
	bed_turns(6);
	if (memio_client_closed(c) != MEMIO_CLOSED)
		return "not closed when the client ended its side";
	if (strcmp(bed_received(c), replies.data) != 0)
		return "a reply to a client that left";
	return NULL;
}

static void try(const char *name, const struct fixture *f, size_t first, size_t step)
{
	const struct outcome o = read_log(f);
	memio_client *c = sent(f, first, step);
	const char *fault = fault_of(bed_received(c), &o);

	if (!fault)
		fault = fault_of_end(c, &o);
	if (!fault && strcmp(seen.data, wanted.data) != 0)
		fault = "the handler saw something else";
	if (fault)
		fail_msg("%s, cut at %zu, then every %zu: %s\nreceived\n%s\nseen\n%s\nexpected\n%s",
		         name, first, step, fault, bed_received(c), seen.data, f->expected);
	memio_client_close(c);
	bed_turns(2);
}

/* ---- the tests ---------------------------------------------------------- */

/* What the end of the connection completes, or leaves incomplete, is the parser's affair:
   a server answers what came whole, and says nothing to the rest. */
static bool is_for_servers(const struct fixture *f)
{
	return !f->how.closed;
}

static void must_be_good(const char *fault)
{
	if (fault)
		fail_msg("%s", fault);
}

static void whole(const char *name, const struct fixture *f)
{
	if (!is_for_servers(f))
		return;
	given(&f->limits);
	try(name, f, f->len, 1);
	bed_teardown(NULL);
}

static void octets(const char *name, const struct fixture *f)
{
	if (!is_for_servers(f))
		return;
	given(&f->limits);
	try(name, f, f->len > LONG_FIXTURE ? f->len - LONG_FIXTURE : 1, 1);
	bed_teardown(NULL);
}

static void cut_in_two(const char *name, const struct fixture *f)
{
	const size_t step = f->len > LONG_FIXTURE ? f->len / SOME_CUTS : 1;

	if (!is_for_servers(f))
		return;
	given(&f->limits);
	for (size_t at = 1; at < f->len; at += step)
		try(name, f, at, f->len);
	bed_teardown(NULL);
}

static void every_fixture_sent_whole(void **state)
{
	(void)state;
	must_be_good(fixture_each(whole));
}

static void every_fixture_sent_octet_by_octet(void **state)
{
	(void)state;
	must_be_good(fixture_each(octets));
}

static void every_fixture_cut_in_two(void **state)
{
	(void)state;
	must_be_good(fixture_each(cut_in_two));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fixture_sent_whole),
		cmocka_unit_test(every_fixture_sent_octet_by_octet),
		cmocka_unit_test(every_fixture_cut_in_two),
	};

	test_watchdog(100);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
