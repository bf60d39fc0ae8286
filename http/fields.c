/*
 * fields.c: which fields does a section of field lines hold?
 *
 * The fields of a head and those of a trailer section are read by the same
 * function, line by line and part by part. A line is done with when its CRLF is
 * there; the fields that frame the message are heard then (framing.c), and those
 * that a trailer section may not hold are passed over.
 */
#include "http/octets.h"
#include "http/parse.h"
#include "http/scan.h"

/* A line is complete: lists the field, or passes over it. */
static void take_field(weir_parser *p, const uint8_t *data, weir_field *f, uint32_t end)
{
	while (end > f->value.at && weir__is_blank(data[end - 1]))
		end--;
	f->value.len = end - f->value.at;
	if (p->seen & WEIR__TRAILER) {
		if (!weir__may_trail(data + f->name.at, f->name.len))
			return;
	} else if (weir__may_frame(data + f->name.at, f->name.len)) {
		weir__note_field(p, data, f);
	}
	p->nfields++;
}

/* A line begins with this octet, which begins no name. */
static weir_refusal line_fault(uint8_t octet)
{
	return weir__is_blank(octet) ? WEIR_BAD_FOLDING : weir__fault(octet, WEIR_BAD_FIELD_NAME);
}

/* A name is followed by this octet, which is no colon. */
static weir_refusal name_fault(uint8_t octet)
{
	return weir__fault(octet, octet == '\r' ? WEIR_BAD_FIELD_LINE : WEIR_BAD_FIELD_NAME);
}

/* The end of a name that goes on at pos. As far as a window reaches, then in the next. */
static uint32_t name_end(struct weir__window *w, uint32_t pos)
{
	while ((pos = weir__name_end(w, pos)) == w->stop && pos < w->end)
		weir__look(w, w->data, pos, w->end);
	return pos;
}

/* The end of a value that goes on at pos; HTABs are marked, but belong to it. */
static uint32_t value_end(struct weir__window *w, uint32_t pos)
{
	for (;; pos++) {
		while ((pos = weir__next(w, WEIR__VALUE_ENDS, pos)) == w->stop && pos < w->end)
			weir__look(w, w->data, pos, w->end);
		if (pos == w->end || w->data[pos] != '\t')
			return pos;
	}
}

/* The CR at pos, and the octet behind it. WEIR_DONE: it is the LF. */
static weir_event line_end(weir_parser *p, const struct weir__window *w,
                           enum weir__parse_state state, uint32_t pos)
{
	if (w->end - pos < 2)
		return weir__stall(p, state, pos);
	return w->data[pos + 1] == '\n' ? WEIR_DONE : weir__refuse(p, WEIR_BAD_LINE_END);
}

static weir_event begin_line(weir_parser *p, const struct weir__window *w, uint32_t pos,
                             uint32_t most)
{
	if (!weir__octet_is(w->data[pos], WEIR__TOKEN))
		return weir__refuse(p, line_fault(w->data[pos]));
	if (p->spent == most)
		return weir__refuse(p,
		                    p->seen & WEIR__TRAILER ? WEIR_BIG_TRAILERS : WEIR_BIG_FIELDS);
	p->spent++;
	p->fields[p->nfields].name.at = pos;
	return WEIR_DONE;
}

static weir_event name_part(weir_parser *p, struct weir__window *w, uint32_t *pos)
{
	weir_field *f = p->fields + p->nfields;

	*pos = name_end(w, *pos);
	if (*pos == w->end)
		return weir__stall(p, WEIR__FIELD_NAME, *pos);
	if (w->data[*pos] != ':')
		return weir__refuse(p, name_fault(w->data[*pos]));
	f->name.len = (*pos)++ - f->name.at;
	return WEIR_DONE;
}

static weir_event blank_part(weir_parser *p, struct weir__window *w, uint32_t *pos)
{
	while (*pos < w->end && weir__is_blank(w->data[*pos]))
		(*pos)++;
	if (*pos == w->end)
		return weir__stall(p, WEIR__FIELD_BLANK, *pos);
	/* The window may have ended before them. */
	if (*pos > w->stop)
		weir__look(w, w->data, *pos, w->end);
	p->fields[p->nfields].value.at = *pos;
	return WEIR_DONE;
}

static weir_event value_part(weir_parser *p, struct weir__window *w, uint32_t *pos)
{
	weir_event event;

	*pos = value_end(w, *pos);
	if (*pos == w->end)
		return weir__stall(p, WEIR__FIELD_VALUE, *pos);
	if (w->data[*pos] != '\r')
		return weir__refuse(p, weir__fault(w->data[*pos], WEIR_BAD_OCTET));
	event = line_end(p, w, WEIR__FIELD_VALUE, *pos);
	if (event != WEIR_DONE)
		return event;
	take_field(p, w->data, p->fields + p->nfields, *pos);
	*pos += 2;
	return WEIR_DONE;
}

/*
 * One line, from where it was left or from its beginning, part by part: it may be
 * cut anywhere, or be the one that is refused.
 */
static weir_event any_line(weir_parser *p, struct weir__window *w, uint32_t *pos, uint32_t most)
{
	weir_event event;

	switch (p->state) {
	case WEIR__FIELD_LINE:
		event = begin_line(p, w, *pos, most);
		if (event != WEIR_DONE)
			return event;
		/* fall through */
	case WEIR__FIELD_NAME:
		event = name_part(p, w, pos);
		if (event != WEIR_DONE)
			return event;
		/* fall through */
	case WEIR__FIELD_BLANK:
		event = blank_part(p, w, pos);
		if (event != WEIR_DONE)
			return event;
		/* fall through */
	default:
		event = value_part(p, w, pos);
		if (event == WEIR_DONE)
			p->state = WEIR__FIELD_LINE;
		return event;
	}
}

weir_event weir__field_lines(weir_parser *p, struct weir__window *w, uint32_t most)
{
	uint32_t pos = p->pos;
	weir_event event = WEIR_DONE;

	while (event == WEIR_DONE) {
		/* The window may have ended between CR and LF. */
		if (pos > w->stop)
			weir__look(w, w->data, pos, w->end);
		if (p->state == WEIR__FIELD_LINE && pos == w->end)
			return weir__stall(p, WEIR__FIELD_LINE, pos);
		if (p->state == WEIR__FIELD_LINE && w->data[pos] == '\r')
			break;
		event = any_line(p, w, &pos, most);
	}
	if (event == WEIR_DONE)
		event = line_end(p, w, WEIR__FIELD_LINE, pos);
	if (event == WEIR_DONE)
		p->pos = pos + 2;
	return event;
}
