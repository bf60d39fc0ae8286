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
#include "http/parse.h"

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

/* ---- the head ----------------------------------------------------------- */

static uint32_t most_fields(const weir_parser *p)
{
	const uint32_t most = weir__limit(p->limits->fields, WEIR__DEFAULT_FIELDS);

	return most < p->max_fields ? most : p->max_fields;
}

static weir_event head_parts(weir_parser *p, const uint8_t *data, uint32_t end)
{
	weir_event event = WEIR_DONE;

	if (p->state < WEIR__STATUS)
		event = weir__request_line(p, data, end);
	else if (p->state < WEIR__FIELD_LINE)
		event = weir__status_line(p, data, end);
	return event == WEIR_DONE ? weir__field_lines(p, data, end, most_fields(p)) : event;
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

static weir_event parse_head(weir_parser *p, const uint8_t *data, size_t len, size_t *used)
{
	const uint32_t most = weir__limit(p->limits->head, WEIR__DEFAULT_HEAD);
	weir_event event;
	weir_refusal why;

	if (len == 0)
		return WEIR_MORE;
	if (at_beginning(p))
		begin(p);
	event = head_parts(p, data, len < most ? (uint32_t)len : most);
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
