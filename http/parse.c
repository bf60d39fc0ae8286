/*
 * parse.c: what is the next event in these octets?
 *
 * The head is read line by line and looked at once:
 *
 *   requests    EMPTY_LINES -> METHOD -> TARGET_PART -> VERSION ─┐
 *   responses                             STATUS -> REASON ──────┤
 *                                                                v
 *                                          ┌──────────────> FIELD_LINE -> (end of head)
 *                                          │                     v
 *                                    FIELD_VALUE <- FIELD_BLANK <- FIELD_NAME
 *
 * When octets run out, the state and the offset of the next octet are kept, and
 * the tokens found so far are already where the caller finds them at the end:
 * target.at stands for the beginning of the method, then of the target (or of
 * the reason); the field in progress is fields[nfields]. A CR is not passed
 * before the octet behind it is there. So every octet is judged when it comes,
 * whatever came with it, and a refusal depends on the octets alone, not on how
 * they were cut.
 *
 * The limit of the head is the end of what is looked at: if octets run out at
 * the limit and there is one more, that is the octet which passes it.
 */
#include <string.h>

#include "http/octets.h"
#include "http/parse.h"
#include "http/word.h"

static const weir_limits no_limits;

static void init(weir_parser *p, const weir_limits *limits, weir_field *fields, uint16_t max_fields,
                 enum weir__parse_state first)
{
	*p = (weir_parser){
		.limits = limits ? limits : &no_limits,
		.fields = fields,
		.max_fields = max_fields,
		.state = (uint8_t)first,
		.first = (uint8_t)first,
	};
}

void weir_parser_init(weir_parser *p, const weir_limits *limits, weir_field *fields,
                      uint16_t max_fields)
{
	init(p, limits, fields, max_fields, WEIR__EMPTY_LINES);
}

void weir_parser_init_response(weir_parser *p, const weir_limits *limits, weir_field *fields,
                               uint16_t max_fields)
{
	init(p, limits, fields, max_fields, WEIR__STATUS);
}

void weir_parser_answers(weir_parser *p, weir_method method)
{
	p->answers = (uint8_t)method;
}

/* ---- the head, whole and usual ------------------------------------------ */

/*
 * Nearly every request has come whole, and there is nothing unusual to it. Such a
 * one is read here. What is cut, seldom or wrong is left to startline.c and
 * fields.c, which read it part by part, and refuse what must be refused.
 */

/* The octets of a method that begins the line; 0: not one that a SP ends. */
static uint32_t whole_method(weir_parser *p, const uint8_t *data, uint32_t end)
{
	uint32_t len = 3;

	if (!memcmp(data, "GET ", 4)) {
		p->method = WEIR_GET;
		return len;
	}
	len = weir__run(data, 0, end, WEIR__TOKEN);
	if (len > UINT16_MAX || len == end || data[len] != ' ')
		return 0;
	p->method = (uint8_t)weir__method(data, len);
	return len;
}

/* The end of the request line; 0: not a usual one. */
static uint32_t whole_request_line(weir_parser *p, const uint8_t *data, uint32_t end)
{
	/* "HTTP/1.1" as a word is this, and "HTTP/1.0" without the last 1. */
	const uint64_t http_1_1 = weir__word((const uint8_t *)"HTTP/1.1"), one = UINT64_C(1) << 56;
	const uint32_t most = weir__limit(p->limits->target, WEIR__DEFAULT_TARGET);
	const uint32_t method = end < 16 ? 0 : whole_method(p, data, end), begin = method + 1;
	uint64_t version;
	uint32_t at;

	if (method == 0)
		return 0;
	at = weir__target_end(data, begin, end);
	if (at == begin || at - begin > most || end - at < 11 || data[at] != ' ')
		return 0;
	version = weir__word(data + at + 1);
	if ((version | one) != http_1_1 || memcmp(data + at + 9, "\r\n", 2) != 0)
		return 0;
	p->minor = (version & one) != 0;
	p->method_len = (uint16_t)method;
	p->target = (weir_slice){begin, at - begin};
	if ((data[begin] != '/' || p->method == WEIR_CONNECT) &&
	    weir__judge_target(p, data) != WEIR_OK)
		return 0;
	return at + 11;
}

/* The marks of values, taken one after the other. */
struct walk {
	const weir__marks *marks; /* of the block */
	uint64_t bits;            /* those left of it */
	uint32_t at;              /* where it begins */
};

/* There is always another: the window has marks at its end. */
static inline uint32_t walk_on(struct walk *walk)
{
	uint32_t mark;

	while (!walk->bits) {
		walk->bits = (*++walk->marks)[WEIR__VALUE_ENDS];
		walk->at += WEIR__BLOCK;
	}
	mark = walk->at + weir__lowest(walk->bits);
	walk->bits &= walk->bits - 1;
	return mark;
}

/*
 * Takes field lines; the window begins with the first. The marks of values then
 * come in pairs, CR and LF, so that a line is found without waiting for what is
 * done with the one before it: where its name ends, the processor finds out
 * meanwhile. True: the head ends with them.
 */
static bool whole_lines(weir_parser *p, const struct weir__window *w, uint32_t most)
{
	const uint8_t *const data = w->data;
	weir_field *f = p->fields, *const last = f + most;
	struct walk walk = {w->marks, w->marks[0][WEIR__VALUE_ENDS], w->from};
	uint32_t begin = w->from, cr;

	while ((cr = walk_on(&walk)) != begin && f < last && cr + 2 <= w->stop) {
		const uint32_t colon = weir__name_end(w, begin);
		uint32_t at = colon + 1, end = cr;

		f->name.at = begin;
		if (memcmp(data + cr, "\r\n", 2) != 0 || data[colon] != ':' || colon == begin)
			break;
		f->name.len = colon - begin;
		walk_on(&walk);
		/* Of blanks and CR mostly none is left, neither there nor here. */
		at += data[at] == ' ';
		while (data[at] <= ' ' && at < end)
			at++;
		f->value.at = at;
		while (data[end - 1] <= ' ' && at < end)
			end--;
		f->value.len = end - at;
		if (weir__may_frame(data + begin, colon - begin))
			weir__note_field(p, data, f);
		begin = cr + 2;
		f++;
	}
	p->nfields = (uint16_t)(f - p->fields);
	p->spent = p->nfields;
	p->pos = begin;
	return cr == begin && cr + 2 <= w->stop && memcmp(data + cr, "\r\n", 2) == 0;
}

/* ---- the head ----------------------------------------------------------- */

static uint32_t most_fields(const weir_parser *p)
{
	const uint32_t most = weir__limit(p->limits->fields, WEIR__DEFAULT_FIELDS);

	return most < p->max_fields ? most : p->max_fields;
}

/* The next message begins: forget the last one, keep what belongs to the caller. */
static void begin(weir_parser *p)
{
	p->spent = 0;
	p->nfields = 0;
	p->flags = 0;
	p->seen = 0;
	p->left = 0;
	p->framing = WEIR_NO_BODY;
}

static bool at_beginning(const weir_parser *p)
{
	return p->state == p->first && p->pos == 0;
}

static weir_event first_line(weir_parser *p, const uint8_t *data, uint32_t end)
{
	uint32_t line = 0;

	if (weir__is_response(p))
		return weir__status_line(p, data, end);
	if (at_beginning(p))
		line = whole_request_line(p, data, end);
	if (line == 0)
		return weir__request_line(p, data, end);
	weir__stall(p, WEIR__FIELD_LINE, line);
	return WEIR_DONE;
}

static weir_event lines(weir_parser *p, const uint8_t *data, uint32_t end)
{
	struct weir__window w;
	weir_event event;

	if (p->state < WEIR__FIELD_LINE) {
		event = first_line(p, data, end);
		if (event != WEIR_DONE)
			return event;
		weir__look(&w, data, p->pos, end);
		if (whole_lines(p, &w, most_fields(p))) {
			p->pos += 2;
			return WEIR_DONE;
		}
	} else {
		weir__look(&w, data, p->pos, end);
	}
	return weir__field_lines(p, &w, most_fields(p));
}

static weir_event parse_head(weir_parser *p, const uint8_t *data, size_t len, size_t *used)
{
	const uint32_t most = weir__limit(p->limits->head, WEIR__DEFAULT_HEAD);
	weir_event event;
	weir_refusal why;

	if (len == 0)
		return WEIR_MORE;
	if (at_beginning(p))
		begin(p);
	event = lines(p, data, len < most ? (uint32_t)len : most);
	if (event == WEIR_MORE && len > most)
		return weir__refuse(p, WEIR_BIG_HEAD);
	if (event != WEIR_DONE)
		return event;
	why = weir__judge_head(p);
	if (why != WEIR_OK)
		return weir__refuse(p, why);
	*used = p->pos;
	p->pos = 0;
	return WEIR_HEAD_END;
}

/* ---- events ------------------------------------------------------------- */

static bool in_head(const weir_parser *p)
{
	if (p->state >= WEIR__FIELD_LINE && p->seen & WEIR__TRAILER)
		return false;
	return p->state <= WEIR__FIELD_VALUE;
}

weir_event weir_parse(weir_parser *p, const void *data, size_t len, size_t *used, weir_slice *piece)
{
	*used = 0;
	if (p->state == WEIR__FINISHED)
		return weir__done(p);
	if (p->state == WEIR__REFUSED)
		return WEIR_BAD;
	if (in_head(p))
		return parse_head(p, data, len, used);
	return weir__body(p, data, len, used, piece);
}

weir_event weir_parse_end(weir_parser *p)
{
	if (p->state == WEIR__REFUSED)
		return WEIR_BAD;
	if (p->state == WEIR__FINISHED || p->state == WEIR__UNTIL_CLOSE)
		return weir__done(p);
	/* Empty lines before a request are nothing yet. */
	if (p->state == WEIR__EMPTY_LINES || at_beginning(p))
		return WEIR_MORE;
	return weir__refuse(p, WEIR_BAD_END);
}
