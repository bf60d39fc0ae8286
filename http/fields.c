/*
 * fields.c: which fields does a section of field lines hold?
 *
 * The fields of a head and those of a trailer section are read by the same
 * function. A line is done with when its CRLF is there; the fields that frame
 * the message are heard then (framing.c), and those that a trailer section may
 * not hold are passed over.
 */
#include "http/octets.h"
#include "http/parse.h"
#include "http/scan.h"

static const char *forbidden_trailer(uint32_t len)
{
	/* By length, since names of one length share a string: those that frame,
	 * route, authenticate, modify the request or describe the content
	 * (RFC 9110 6.5.1). A colon ends each. */
	static const char *const names[] = {
		[2] = "te:",
		[3] = "age:",
		[4] = "host:date:vary:",
		[5] = "range:",
		[6] = "cookie:expect:pragma:",
		[7] = "trailer:upgrade:expires:warning:",
		[8] = "if-match:if-range:location:",
		[10] = "connection:keep-alive:set-cookie:",
		[11] = "retry-after:",
		[12] = "content-type:max-forwards:",
		[13] = "authorization:cache-control:content-range:if-none-match:",
		[14] = "content-length:",
		[16] = "content-encoding:proxy-connection:www-authenticate:",
		[17] = "transfer-encoding:if-modified-since:",
		[18] = "proxy-authenticate:",
		[19] = "proxy-authorization:if-unmodified-since:",
	};

	return len < sizeof names / sizeof *names ? names[len] : NULL;
}

static bool may_be_trailer(const uint8_t *name, uint32_t len)
{
	const char *bad = forbidden_trailer(len);

	for (; bad && *bad; bad += len + 1) {
		uint32_t i = 0;

		while (i < len && (name[i] | 0x20) == (uint8_t)bad[i])
			i++;
		if (i == len)
			return false;
	}
	return true;
}

/* Length and first letter tell nearly all names from the six that weir__note_field hears. */
static bool may_frame(const uint8_t *name, uint32_t len)
{
	static const uint8_t first[] = {
		[4] = 'h', [6] = 'e', [7] = 'u', [10] = 'c', [14] = 'c', [17] = 't'};

	return len < sizeof first && (name[0] | 0x20) == first[len];
}

/* A line is complete: trims the value, and lists the field or passes over it. */
static void take_field(weir_parser *p, const uint8_t *data, weir_field *f, uint32_t end)
{
	while (end > f->value.at && (data[end - 1] == ' ' || data[end - 1] == '\t'))
		end--;
	f->value.len = end - f->value.at;
	if (p->seen & WEIR__TRAILER) {
		if (!may_be_trailer(data + f->name.at, f->name.len))
			return;
	} else if (may_frame(data + f->name.at, f->name.len)) {
		weir__note_field(p, data, f);
	}
	p->nfields++;
}

/* A line begins with this octet, which begins no name. */
static weir_refusal line_fault(uint8_t octet)
{
	if (octet == ' ' || octet == '\t')
		return WEIR_BAD_FOLDING;
	return weir__fault(octet, WEIR_BAD_FIELD_NAME);
}

/* A name is followed by this octet, which is no colon. */
static weir_refusal name_fault(uint8_t octet)
{
	return weir__fault(octet, octet == '\r' ? WEIR_BAD_FIELD_LINE : WEIR_BAD_FIELD_NAME);
}

static weir_refusal too_many(const weir_parser *p)
{
	return p->seen & WEIR__TRAILER ? WEIR_BIG_TRAILERS : WEIR_BIG_FIELDS;
}

/*
 * Where the name ends that goes on at pos: at the first octet that no token has,
 * or at the end of data.
 */
static uint32_t name_end(struct weir__window *w, uint32_t pos)
{
	do
		pos = weir__next(w, WEIR__NAME_ENDS, pos);
	while (pos < w->end && weir__is(w->data[pos], WEIR__TOKEN) && ++pos);
	return pos;
}

static uint32_t value_end(struct weir__window *w, uint32_t pos)
{
	do
		pos = weir__next(w, WEIR__VALUE_ENDS, pos);
	while (pos < w->end && weir__is(w->data[pos], WEIR__VALUE) && ++pos);
	return pos;
}

static bool is_blank(uint8_t octet)
{
	return octet == ' ' || octet == '\t';
}

/* The CR at pos, and the octet behind it. WEIR_DONE: it is the LF. */
static weir_event line_end(weir_parser *p, const uint8_t *data, uint32_t end,
                           enum weir__parse_state state, uint32_t pos)
{
	if (end - pos < 2)
		return weir__stall(p, state, pos);
	return data[pos + 1] == '\n' ? WEIR_DONE : weir__refuse(p, WEIR_BAD_LINE_END);
}

weir_event weir__field_lines(weir_parser *p, const uint8_t *data, uint32_t end, uint32_t most)
{
	struct weir__window w;
	unsigned state = p->state;
	uint32_t pos = p->pos;
	weir_field *f = state == WEIR__FIELD_LINE ? NULL : p->fields + p->nfields;
	weir_event event;

	weir__look(&w, data, pos, end);
	for (;;) {
		if (state == WEIR__FIELD_LINE) {
			if (pos == end)
				return weir__stall(p, WEIR__FIELD_LINE, pos);
			if (data[pos] == '\r')
				break;
			if (!weir__is(data[pos], WEIR__TOKEN))
				return weir__refuse(p, line_fault(data[pos]));
			if (p->spent == most)
				return weir__refuse(p, too_many(p));
			p->spent++;
			f = p->fields + p->nfields;
			f->name.at = pos;
			state = WEIR__FIELD_NAME;
		}
		if (state == WEIR__FIELD_NAME) {
			pos = name_end(&w, pos);
			if (pos == end)
				return weir__stall(p, WEIR__FIELD_NAME, pos);
			if (data[pos] != ':')
				return weir__refuse(p, name_fault(data[pos]));
			f->name.len = pos++ - f->name.at;
			state = WEIR__FIELD_BLANK;
		}
		if (state == WEIR__FIELD_BLANK) {
			while (pos < end && is_blank(data[pos]))
				pos++;
			if (pos == end)
				return weir__stall(p, WEIR__FIELD_BLANK, pos);
			f->value.at = pos;
		}
		pos = value_end(&w, pos);
		if (pos == end)
			return weir__stall(p, WEIR__FIELD_VALUE, pos);
		if (data[pos] != '\r')
			return weir__refuse(p, weir__fault(data[pos], WEIR_BAD_OCTET));
		event = line_end(p, data, end, WEIR__FIELD_VALUE, pos);
		if (event != WEIR_DONE)
			return event;
		take_field(p, data, f, pos);
		pos += 2;
		state = WEIR__FIELD_LINE;
	}
	event = line_end(p, data, end, WEIR__FIELD_LINE, pos);
	if (event == WEIR_DONE)
		p->pos = pos + 2;
	return event;
}
