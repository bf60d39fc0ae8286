/*
 * fields.c: which fields does a section of field lines hold?
 *
 * The fields of a head and those of a trailer section are read by the same
 * function. A line is done with when its CRLF is there; the fields that frame
 * the message are heard then (framing.c), and those that a trailer section may
 * not hold are passed over.
 */
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

weir_event weir__field_lines(weir_parser *p, const uint8_t *data, uint32_t end, uint32_t most)
{
	const weir_refusal too_many = p->seen & WEIR__TRAILER ? WEIR_BIG_TRAILERS : WEIR_BIG_FIELDS;
	unsigned state = p->state;
	uint32_t pos = p->pos;
	weir_field *f = state == WEIR__FIELD_LINE ? NULL : p->fields + p->nfields;

	for (;;) {
		if (state == WEIR__FIELD_LINE) {
			if (pos == end)
				return weir__stall(p, WEIR__FIELD_LINE, pos);
			if (data[pos] == '\r')
				break;
			if (!weir__is(data[pos], WEIR__TOKEN))
				return weir__refuse(p, line_fault(data[pos]));
			if (p->spent == most)
				return weir__refuse(p, too_many);
			p->spent++;
			f = p->fields + p->nfields;
			f->name.at = pos;
			state = WEIR__FIELD_NAME;
		}
		if (state == WEIR__FIELD_NAME) {
			pos = weir__scan_token(data, pos, end);
			if (pos == end)
				return weir__stall(p, WEIR__FIELD_NAME, pos);
			if (data[pos] != ':')
				return weir__refuse(p, name_fault(data[pos]));
			f->name.len = pos++ - f->name.at;
			state = WEIR__FIELD_BLANK;
		}
		if (state == WEIR__FIELD_BLANK) {
			while (pos < end && (data[pos] == ' ' || data[pos] == '\t'))
				pos++;
			if (pos == end)
				return weir__stall(p, WEIR__FIELD_BLANK, pos);
			f->value.at = pos;
		}
		pos = weir__scan_value(data, pos, end);
		if (pos == end || (data[pos] == '\r' && end - pos < 2))
			return weir__stall(p, WEIR__FIELD_VALUE, pos);
		if (data[pos] != '\r')
			return weir__refuse(p, weir__fault(data[pos], WEIR_BAD_OCTET));
		if (data[pos + 1] != '\n')
			return weir__refuse(p, WEIR_BAD_LINE_END);
		take_field(p, data, f, pos);
		pos += 2;
		state = WEIR__FIELD_LINE;
	}
	if (end - pos < 2)
		return weir__stall(p, WEIR__FIELD_LINE, pos);
	if (data[pos + 1] != '\n')
		return weir__refuse(p, WEIR_BAD_LINE_END);
	p->pos = pos + 2;
	return WEIR_DONE;
}
