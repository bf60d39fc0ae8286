/*
 * follow.c: what does the parser say, however the octets are cut?
 */
#include <string.h>

#include "tests/fuzz/fuzz.h"

enum { ROOM = 128, KEEP = WEIR_KEEP };

struct reader {
	const struct fuzz_message *m;
	struct fuzz_log *log;
	weir_parser p;
	weir_field fields[ROOM];
	uint32_t start; /* octets done with */
	bool over;      /* refused, or the connection ends */
};

static void note(struct fuzz_log *log, enum fuzz_kind kind, uint32_t a, uint32_t b)
{
	assert(log->n < FUZZ_MOST);
	log->events[log->n++] = (struct fuzz_event){kind, a, b};
}

static void note_slice(struct reader *r, enum fuzz_kind kind, weir_slice s, size_t used)
{
	assert(s.at <= used && s.len <= used - s.at);
	note(r->log, kind, r->start + s.at, r->start + s.at + s.len);
}

static void note_fields(struct reader *r, size_t used)
{
	assert(r->p.nfields <= ROOM);
	for (uint32_t i = 0; i < r->p.nfields; i++) {
		note_slice(r, FUZZ_NAME, r->fields[i].name, used);
		note_slice(r, FUZZ_VALUE, r->fields[i].value, used);
	}
}

static void note_head(struct reader *r, size_t used)
{
	const weir_parser *p = &r->p;
	const uint32_t method = r->m->response ? 0 : p->method;
	const uint32_t line = method | (uint32_t)p->minor << 8 | (uint32_t)p->framing << 16;

	note(r->log, FUZZ_HEAD, r->start + (uint32_t)used, line | (uint32_t)p->flags << 24);
	if (p->framing == WEIR_LENGTH)
		note(r->log, FUZZ_LEFT, (uint32_t)p->left, (uint32_t)(p->left >> 32));
	if (r->m->response) {
		note(r->log, FUZZ_STATUS, p->status, 0);
		note_slice(r, FUZZ_REASON, p->reason, used);
	} else {
		assert(p->target.at > p->method_len);
		note_slice(r, FUZZ_METHOD,
		           (weir_slice){p->target.at - 1 - p->method_len, p->method_len}, used);
		note_slice(r, FUZZ_TARGET, p->target, used);
	}
	note_fields(r, used);
}

/* Content that follows on content is one piece, as it would be in one delivery. */
static void note_body(struct reader *r, weir_slice piece, size_t used)
{
	struct fuzz_event *last = &r->log->events[r->log->n - 1];
	const uint32_t begin = r->start + piece.at;

	assert(piece.len > 0 && piece.at + piece.len == used);
	if (last->kind == FUZZ_BODY && last->b == begin)
		last->b += piece.len;
	else
		note_slice(r, FUZZ_BODY, piece, used);
}

/* A refusal is final. */
static void note_refusal(struct reader *r, const uint8_t *data, uint32_t len, size_t used)
{
	const uint8_t why = r->p.error;
	weir_slice piece;

	assert(used == 0);
	assert(why > WEIR_OK && why < WEIR_REFUSALS);
	assert(weir_parse(&r->p, data, len, &used, &piece) == WEIR_BAD);
	assert(used == 0 && r->p.error == why);
	note(r->log, FUZZ_BAD, why, 0);
	r->over = true;
}

/* One event of the octets at data. False: it wants more of them. */
static bool step(struct reader *r, const uint8_t *data, uint32_t len, size_t *used)
{
	weir_slice piece = {0, 0};
	const weir_event event = weir_parse(&r->p, data, len, used, &piece);

	assert(*used <= len);
	switch (event) {
	case WEIR_MORE:
		return false;
	case WEIR_HEAD_END:
		note_head(r, *used);
		return true;
	case WEIR_BODY:
		note_body(r, piece, *used);
		return true;
	case WEIR_TRAILERS:
		note(r->log, FUZZ_TRAILERS, r->start + (uint32_t)*used, r->p.nfields);
		note_fields(r, *used);
		return true;
	case WEIR_DONE:
		note(r->log, FUZZ_DONE, r->start + (uint32_t)*used, r->p.flags & KEEP);
		r->over = !(r->p.flags & KEEP);
		if (r->m->response)
			weir_parser_answers(&r->p, r->m->answers);
		return true;
	case WEIR_BAD:
		note_refusal(r, data, len, *used);
		return false;
	}
	assert(false); /* an event that there is not */
	return false;
}

/* Gives the octets up to `end`. */
static void feed(struct reader *r, const struct fuzz_input *in, uint32_t end)
{
	const uint32_t len = end - r->start;
	const uint8_t *data = fuzz_place(in->octets + r->start, len);
	uint32_t at = 0, steps = 0;
	size_t used;
	bool more = true;

	while (more && !r->over) {
		assert(steps++ <= 2 * len + 4);
		more = step(r, data + at, len - at, &used);
		at += (uint32_t)used;
		r->start += (uint32_t)used;
	}
}

/* The fields are not cleared: that costs more than to parse a short message. */
static void begin(struct reader *r, const struct fuzz_message *m, struct fuzz_log *log)
{
	r->m = m;
	r->log = log;
	r->start = 0;
	r->over = false;
	log->n = 0;
	if (!m->response) {
		weir_parser_init(&r->p, &m->limits, r->fields, ROOM);
		return;
	}
	weir_parser_init_response(&r->p, &m->limits, r->fields, ROOM);
	weir_parser_answers(&r->p, m->answers);
}

/* The octets have run out, and with them the connection ends. */
static void end(struct reader *r)
{
	const weir_event event = weir_parse_end(&r->p);

	note(r->log, FUZZ_MORE, r->start, 0);
	note(r->log, FUZZ_END, event, event == WEIR_BAD ? r->p.error : 0);
}

void fuzz_follow(const struct fuzz_message *m, struct fuzz_cuts cuts, struct fuzz_log *log)
{
	struct reader r;

	begin(&r, m, log);
	for (uint32_t i = 0; i < cuts.n && !r.over; i++)
		feed(&r, &m->in, cuts.at[i]);
	if (!r.over)
		feed(&r, &m->in, m->in.len);
	if (!r.over)
		end(&r);
}

void fuzz_assert_same(const struct fuzz_log *a, const struct fuzz_log *b)
{
	for (uint32_t i = 0; i < a->n && i < b->n; i++) {
		assert(a->events[i].kind == b->events[i].kind);
		assert(a->events[i].a == b->events[i].a);
		assert(a->events[i].b == b->events[i].b);
	}
	assert(a->n == b->n);
}
