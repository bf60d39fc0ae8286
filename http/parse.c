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

/*
 * Takes the field line that begins at `begin`, whose name ends at `colon` and
 * whose CR should be at `cr`, with an octet behind it. False: it is not a usual one.
 */
static inline bool take_line(weir_parser *p, const uint8_t *data, weir_field *f, uint32_t begin,
                             uint32_t colon, uint32_t cr)
{
	uint32_t at = colon + 1, end = cr;

	if (data[colon] != ':' || colon == begin || memcmp(data + cr, "\r\n", 2) != 0)
		return false;
	f->name.at = begin;
	f->name.len = colon - begin;
	/* Of blanks, and the CR, mostly none is left there or here. */
	at += data[at] == ' ';
	while (data[at] <= ' ' && at < end)
		at++;
	f->value.at = at;
	while (data[end - 1] <= ' ' && at < end)
		end--;
	f->value.len = end - at;
	if (weir__may_frame(data + begin, colon - begin))
		weir__note_field(p, data, f);
	return true;
}

/* What was taken ends at `begin`. True: the head does, with an empty line there. */
static bool lines_taken(weir_parser *p, const weir_field *f, const uint8_t *data, uint32_t begin,
                        uint32_t end)
{
	p->nfields = (uint16_t)(f - p->fields);
	p->spent = p->nfields;
	p->pos = begin;
	return end - begin >= 2 && memcmp(data + begin, "\r\n", 2) == 0;
}

/* Takes the lines of a short rest of a head, which is not worth a pass. */
static bool few_lines(weir_parser *p, const uint8_t *data, uint32_t end, uint32_t most)
{
	weir_field *f = p->fields;
	uint32_t begin = p->pos;

	for (; most > 0 && begin < end && data[begin] != '\r'; most--) {
		const uint32_t colon = weir__token_end(data, begin, end);
		const uint32_t cr = colon < end ? weir__value_end(data, colon + 1, end) : end;

		if (end - cr < 2 || !take_line(p, data, f, begin, colon, cr))
			break;
		begin = cr + 2;
		f++;
	}
	return lines_taken(p, f, data, begin, end);
}

/* The marks of values, taken one after the other. */
struct walk {
	const weir__marks *marks; /* of the block */
	uint64_t bits;            /* those left of it */
	uint32_t at;              /* where it begins */
};

static struct walk walk_from(const struct weir__window *w, uint32_t pos)
{
	const uint32_t at = pos - w->from, over = at % WEIR__BLOCK;
	const weir__marks *marks = w->marks + at / WEIR__BLOCK;

	return (struct walk){marks, (*marks)[WEIR__VALUE_ENDS] >> over << over, pos - over};
}

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

/* The window ends within the line. True: it does not any more. */
static bool see_more(struct weir__window *w, uint32_t begin)
{
	if (weir__look_on(w))
		return true;
	/* Full: it may begin with this line. */
	if (w->stop == w->end || w->from == begin)
		return false;
	weir__look(w, w->data, begin, w->end);
	return true;
}

/*
 * Takes lines of a window that begins with the first. The marks of values then
 * come in pairs, CR and LF, so that a line is found without waiting for what is
 * done with the one before it: where its name ends, the processor finds out
 * meanwhile.
 */
static bool marked_lines(weir_parser *p, struct weir__window *w, uint32_t most)
{
	weir_field *f = p->fields + p->nfields;
	struct walk walk = walk_from(w, w->from);
	uint32_t begin = w->from;

	while (most > 0) {
		const uint32_t cr = walk_on(&walk);

		if (cr + 2 > w->stop) {
			if (!see_more(w, begin))
				break;
			walk = walk_from(w, begin);
			continue;
		}
		if (cr == begin || !take_line(p, w->data, f, begin, weir__name_end(w, begin), cr))
			break;
		walk_on(&walk);
		begin = cr + 2;
		f++;
		most--;
	}
	return lines_taken(p, f, w->data, begin, w->stop);
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

/* From the first octet of a request on. True: its head is whole and usual. */
static bool whole_head(weir_parser *p, const uint8_t *data, uint32_t end)
{
	const uint32_t most = most_fields(p);
	struct weir__window w;

	p->pos = whole_request_line(p, data, end);
	if (p->pos == 0)
		return false;
	p->state = WEIR__FIELD_LINE;
	if (end - p->pos < WEIR__BLOCK)
		return few_lines(p, data, end, most);
	/* Where other requests follow, this one may have no more than its Host. */
	if (few_lines(p, data, end, 1))
		return true;
	weir__look(&w, data, p->pos, end);
	return marked_lines(p, &w, most - p->nfields);
}

/* From wherever it was left. */
static weir_event any_head(weir_parser *p, const uint8_t *data, uint32_t end)
{
	struct weir__window w;
	weir_event event = WEIR_DONE;

	if (p->state < WEIR__FIELD_LINE)
		event = weir__is_response(p) ? weir__status_line(p, data, end)
		                             : weir__request_line(p, data, end);
	if (event != WEIR_DONE)
		return event;
	weir__look(&w, data, p->pos, end);
	return weir__field_lines(p, &w, most_fields(p));
}

/* All lines of the head are read, up to p->pos. */
static weir_event judge(weir_parser *p, size_t *used)
{
	const weir_refusal why = weir__judge_head(p);

	if (why != WEIR_OK)
		return weir__refuse(p, why);
	*used = p->pos;
	p->pos = 0;
	return WEIR_HEAD_END;
}

static weir_event parse_head(weir_parser *p, const uint8_t *data, size_t len, size_t *used)
{
	const uint32_t most = weir__limit(p->limits->head, WEIR__DEFAULT_HEAD);
	const uint32_t end = len < most ? (uint32_t)len : most;
	weir_event event;

	if (len == 0)
		return WEIR_MORE;
	if (at_beginning(p)) {
		begin(p);
		if (!weir__is_response(p) && whole_head(p, data, end)) {
			p->pos += 2;
			return judge(p, used);
		}
	}
	event = any_head(p, data, end);
	if (event == WEIR_MORE && len > most)
		return weir__refuse(p, WEIR_BIG_HEAD);
	return event == WEIR_DONE ? judge(p, used) : event;
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
