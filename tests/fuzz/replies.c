/*
 * replies.c: has the client got the replies that the application gave?
 *
 * Replies are read by weir's parser of responses, which fuzzers of its own
 * judge. It has to be told what a reply answers before it reads it: so the mark
 * is looked for first, by plain search. Replies without a mark are the
 * server's own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/replies.h"

/* An application can add fields to a reply until they pass 16 KiB. */
enum { FIELDS = 4096 };
static const weir_limits limits = {.head = 64 * 1024, .fields = FIELDS};

struct received {
	const struct fuzz_exchange *exchanges;
	int n, client;
	int next; /* of the client's exchanges, the first that has no reply yet */
	const uint8_t *octets;
	size_t at, len;
	bool marks, over;
	bool switched; /* what follows is no HTTP */
};

char fuzz_letter(int number)
{
	return (char)('A' + number % 26);
}

/* The number of the client's first exchange from i on. */
static int of_client(const struct received *r, int i)
{
	while (i < r->n && r->exchanges[i].client != r->client)
		i++;
	return i;
}

/* ---- the head, looked at from afar ---- */

static size_t head_length(const struct received *r)
{
	for (size_t i = r->at; i + 4 <= r->len; i++)
		if (!memcmp(r->octets + i, "\r\n\r\n", 4))
			return i + 4 - r->at;
	return 0;
}

static int mark_of(const struct received *r, size_t head)
{
	static const char mark[] = "\r\n" FUZZ_MARK ": ";

	for (size_t i = 0; i + sizeof mark <= head; i++)
		if (!memcmp(r->octets + r->at + i, mark, sizeof mark - 1))
			return atoi((const char *)r->octets + r->at + i + sizeof mark - 1);
	return -1;
}

static bool has_line(const struct received *r, size_t head, const char *line)
{
	const size_t len = strlen(line);

	for (size_t i = 0; i + len + 4 <= head; i++)
		if (!memcmp(r->octets + r->at + i, "\r\n", 2) &&
		    !memcmp(r->octets + r->at + i + 2, line, len) &&
		    !memcmp(r->octets + r->at + i + 2 + len, "\r\n", 2))
			return true;
	return false;
}

/* ---- one reply ---- */

/*
 * Reads it; returns the number of octets of its content. *done: they are all, as
 * far as the framing says; of what lasts until the close nobody knows.
 */
static uint64_t read_reply(struct received *r, weir_method answers, int number, bool *done)
{
	static weir_field fields[FIELDS];
	weir_parser p;
	weir_event event;
	uint64_t content = 0;

	weir_parser_init_response(&p, &limits, fields, FIELDS);
	weir_parser_answers(&p, answers);
	do {
		weir_slice piece = {0, 0};
		size_t used = 0;

		event = weir_parse(&p, r->octets + r->at, r->len - r->at, &used, &piece);
		assert(event != WEIR_BAD);
		for (uint32_t i = 0; event == WEIR_BODY && number >= 0 && i < piece.len; i++)
			assert(r->octets[r->at + piece.at + i] == (uint8_t)fuzz_letter(number));
		if (event == WEIR_BODY)
			content += piece.len;
		r->at += used;
		if (event == WEIR_MORE)
			event = weir_parse_end(&p);
		if (event == WEIR_DONE)
			r->over = !(p.flags & WEIR_KEEP);
		if (event == WEIR_DONE)
			r->switched = (p.flags & WEIR_TUNNEL) != 0;
	} while (event != WEIR_DONE && event != WEIR_BAD);
	*done = event == WEIR_DONE && p.framing != WEIR_UNTIL_CLOSE;
	return content;
}

/* A reply of the application: of the exchange whose turn it is. */
static void marked_reply(struct received *r, int number)
{
	const struct fuzz_exchange *e = &r->exchanges[number];
	uint64_t content;
	bool done;

	r->next = of_client(r, r->next);
	assert(number == r->next && number < r->n);
	assert(e->begun && e->marked);
	content = read_reply(r, e->method, number, &done);
	r->next++;
	assert(content <= e->taken);
	if (!done)
		r->at = r->len;
	else if (e->whole && e->method != WEIR_HEAD && !e->bodyless)
		assert(content == e->taken);
}

/*
 * The server's own: 405 and 501, to requests that it has not handed over, or the
 * last word of the connection, which may answer HEAD.
 */
static void unmarked_reply(struct received *r, size_t head)
{
	const int status = atoi((const char *)r->octets + r->at + 9);
	bool done;

	if (status >= 200 && has_line(r, head, "Connection: close")) {
		const size_t begin = r->at;

		read_reply(r, WEIR_METHOD_OTHER, -1, &done);
		/* One of the application's that could not be marked may be cut short. */
		assert(!done || r->at == r->len || r->at == begin + head);
		r->at = r->len;
		return;
	}
	assert(status < 200 || status == 405 || status == 501 || !r->marks);
	if (r->marks || status < 200 || status == 405 || status == 501) {
		read_reply(r, WEIR_METHOD_OTHER, -1, &done);
		return;
	}
	/* A reply of the application that could not be marked. Nothing behind it can be told. */
	r->at = r->len;
}

void fuzz_assert_replies(const struct fuzz_exchange *exchanges, int n, int client,
                         const uint8_t *octets, size_t len, bool calm, bool marks)
{
	struct received r = {exchanges, n, client, 0, octets, 0, len, marks, false, false};
	size_t head;

	while ((head = head_length(&r)) > 0) {
		const int number = mark_of(&r, head);

		assert(!r.over);
		assert(number < n);
		if (number >= 0)
			marked_reply(&r, number);
		else
			unmarked_reply(&r, head);
		if (r.switched)
			r.at = r.len;
	}
	if (!calm)
		return;
	assert(r.at == r.len);
	for (int i = of_client(&r, r.next); i < n; i = of_client(&r, i + 1))
		assert(!exchanges[i].whole || exchanges[i].gone);
}
