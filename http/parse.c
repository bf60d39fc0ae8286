/*
 * parse.c: what is the next event in these octets?
 *
 * The head is read line by line and looked at once:
 *
 *   EMPTY_LINES -> METHOD -> TARGET_PART -> VERSION -> FIELD_LINE -> (end of head)
 *                                                       |      ^
 *                                      FIELD_NAME -> FIELD_BLANK -> FIELD_VALUE
 *
 * When octets run out, the state and the offset of the next octet are kept, and
 * the tokens found so far are already where the caller finds them at the end:
 * target.at stands for the beginning of the method, then of the target; the
 * field in progress is fields[nfields]. A CR is not passed before the octet
 * behind it is there. So every octet is judged when it comes, whatever came
 * with it, and a refusal depends on the octets alone, not on how they were cut.
 *
 * The limit of the head is the end of what is looked at: if octets run out at
 * the limit and there is one more, that is the octet which passes it.
 */
#include "http/parse.h"
#include "http/scan.h"

enum { MOST_EMPTY_LINES = 4 };

static const weir_limits no_limits;

void weir_parser_init(weir_parser *p, const weir_limits *limits, weir_field *fields,
                      uint16_t max_fields)
{
	*p = (weir_parser){
		.limits = limits ? limits : &no_limits,
		.fields = fields,
		.max_fields = max_fields,
	};
}

/* What is wrong with an octet that cannot stand here, unless it is wrong anywhere. */
static weir_refusal fault(uint8_t octet, weir_refusal here)
{
	if (octet == '\n')
		return WEIR_BAD_LINE_END;
	if ((octet < 0x20 && octet != '\t' && octet != '\r') || octet == 0x7f)
		return WEIR_BAD_OCTET;
	return here;
}

static weir_event stall(weir_parser *p, enum weir__parse_state state, uint32_t pos)
{
	p->state = (uint8_t)state;
	p->pos = pos;
	return WEIR_MORE;
}

/* ---- the request line ---- */

static weir_method method_if(const uint8_t *octets, const char *name, size_t len,
                             weir_method method)
{
	return memcmp(octets, name, len) ? WEIR_METHOD_OTHER : method;
}

/* By length and first octet; that leaves one name to compare with. */
weir_method weir__method(const uint8_t *octets, uint32_t len)
{
	switch (len) {
	case 3:
		if (octets[0] == 'G')
			return method_if(octets, "GET", 3, WEIR_GET);
		return method_if(octets, "PUT", 3, WEIR_PUT);
	case 4:
		if (octets[0] == 'P')
			return method_if(octets, "POST", 4, WEIR_POST);
		return method_if(octets, "HEAD", 4, WEIR_HEAD);
	case 5:
		if (octets[0] == 'P')
			return method_if(octets, "PATCH", 5, WEIR_PATCH);
		return method_if(octets, "TRACE", 5, WEIR_TRACE);
	case 6:
		return method_if(octets, "DELETE", 6, WEIR_DELETE);
	case 7:
		if (octets[0] == 'O')
			return method_if(octets, "OPTIONS", 7, WEIR_OPTIONS);
		return method_if(octets, "CONNECT", 7, WEIR_CONNECT);
	default:
		return WEIR_METHOD_OTHER;
	}
}

/*
 * The parts of the request line. Each begins at *pos and returns WEIR_DONE with
 * *pos behind it, or saves where it stopped.
 */

/* Steps over CRLFs; the fifth is refused at its CR. */
static weir_event empty_lines(weir_parser *p, const uint8_t *data, uint32_t *pos, uint32_t end)
{
	while (*pos < end && data[*pos] == '\r') {
		if (*pos == 2 * MOST_EMPTY_LINES)
			return weir__refuse(p, WEIR_BAD_EMPTY_LINES);
		if (end - *pos < 2)
			break;
		if (data[*pos + 1] != '\n')
			return weir__refuse(p, WEIR_BAD_LINE_END);
		*pos += 2;
	}
	if (*pos == end || data[*pos] == '\r')
		return stall(p, WEIR__EMPTY_LINES, *pos);
	p->target.at = *pos;
	return WEIR_DONE;
}

static weir_event method_part(weir_parser *p, const uint8_t *data, uint32_t *pos, uint32_t end)
{
	const uint32_t at = weir__scan_few(data, *pos, end, WEIR__TOKEN);
	const uint32_t len = at - p->target.at;

	if (len > UINT16_MAX)
		return weir__refuse(p, WEIR_BIG_HEAD);
	if (at == end)
		return stall(p, WEIR__METHOD, at);
	if (data[at] == '\r' || (data[at] == ' ' && len == 0))
		return weir__refuse(p, WEIR_BAD_REQUEST_LINE);
	if (data[at] != ' ')
		return weir__refuse(p, fault(data[at], WEIR_BAD_METHOD));
	p->method_len = (uint16_t)len;
	p->method = (uint8_t)weir__method(data + p->target.at, len);
	p->target.at = *pos = at + 1;
	return WEIR_DONE;
}

static weir_event target_part(weir_parser *p, const uint8_t *data, uint32_t *pos, uint32_t end)
{
	const uint32_t begin = p->target.at;
	const uint32_t most = weir__limit(p->limits->target, WEIR__DEFAULT_TARGET);
	const uint32_t at = weir__scan_target(data, *pos, end - begin > most ? begin + most : end);

	if (at == end)
		return stall(p, WEIR__TARGET_PART, at);
	if (data[at] == '\r' || (data[at] == ' ' && at == begin))
		return weir__refuse(p, WEIR_BAD_REQUEST_LINE);
	if (weir__is(data[at], WEIR__TARGET))
		return weir__refuse(p, WEIR_BIG_TARGET);
	if (data[at] != ' ')
		return weir__refuse(p, fault(data[at], WEIR_BAD_TARGET));
	p->target.len = at - begin;
	*pos = at + 1;
	return WEIR_DONE;
}

/* Walks "HTTP/D.D" CRLF octet by octet as far as it has come. */
static weir_refusal check_version(const uint8_t *octets, uint32_t len)
{
	static const char form[] = "HTTP/0.0\r\n";

	for (uint32_t i = 0; i < len && i < sizeof form - 1; i++) {
		if (form[i] == '0' ? octets[i] >= '0' && octets[i] <= '9'
		                   : octets[i] == (uint8_t)form[i])
			continue;
		if (i == 9)
			return WEIR_BAD_LINE_END;
		if (i == 8 && octets[i] == ' ')
			return WEIR_BAD_REQUEST_LINE;
		return fault(octets[i], WEIR_BAD_VERSION);
	}
	return WEIR_OK;
}

/* The last part of the request line; at its end the line is judged as a whole. */
static weir_event version_part(weir_parser *p, const uint8_t *data, uint32_t *pos, uint32_t end)
{
	const uint8_t *octets = data + *pos;
	const uint32_t len = end - *pos;
	weir_refusal why;

	p->minor = 1;
	if (len < 10 || memcmp(octets, "HTTP/1.1\r\n", 10) != 0) {
		why = check_version(octets, len);
		if (why != WEIR_OK)
			return weir__refuse(p, why);
		if (len < 10)
			return stall(p, WEIR__VERSION, *pos);
		if (octets[5] != '1')
			return weir__refuse(p, WEIR_BAD_MAJOR);
		p->minor = octets[7] != '0';
	}
	why = weir__judge_target(p, data);
	if (why != WEIR_OK)
		return weir__refuse(p, why);
	*pos += 10;
	return WEIR_DONE;
}

/* ---- field lines ---- */

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
	return fault(octet, WEIR_BAD_FIELD_NAME);
}

/* A name is followed by this octet, which is no colon. */
static weir_refusal name_fault(uint8_t octet)
{
	return fault(octet, octet == '\r' ? WEIR_BAD_FIELD_LINE : WEIR_BAD_FIELD_NAME);
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
				return stall(p, WEIR__FIELD_LINE, pos);
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
				return stall(p, WEIR__FIELD_NAME, pos);
			if (data[pos] != ':')
				return weir__refuse(p, name_fault(data[pos]));
			f->name.len = pos++ - f->name.at;
			state = WEIR__FIELD_BLANK;
		}
		if (state == WEIR__FIELD_BLANK) {
			while (pos < end && (data[pos] == ' ' || data[pos] == '\t'))
				pos++;
			if (pos == end)
				return stall(p, WEIR__FIELD_BLANK, pos);
			f->value.at = pos;
		}
		pos = weir__scan_value(data, pos, end);
		if (pos == end || (data[pos] == '\r' && end - pos < 2))
			return stall(p, WEIR__FIELD_VALUE, pos);
		if (data[pos] != '\r')
			return weir__refuse(p, fault(data[pos], WEIR_BAD_OCTET));
		if (data[pos + 1] != '\n')
			return weir__refuse(p, WEIR_BAD_LINE_END);
		take_field(p, data, f, pos);
		pos += 2;
		state = WEIR__FIELD_LINE;
	}
	if (end - pos < 2)
		return stall(p, WEIR__FIELD_LINE, pos);
	if (data[pos + 1] != '\n')
		return weir__refuse(p, WEIR_BAD_LINE_END);
	p->pos = pos + 2;
	return WEIR_DONE;
}

/* ---- the head ---- */

static uint32_t most_fields(const weir_parser *p)
{
	const uint32_t most = weir__limit(p->limits->fields, WEIR__DEFAULT_FIELDS);

	return most < p->max_fields ? most : p->max_fields;
}

/* Each part falls through to the next: on the usual path all is there. */
static weir_event head_parts(weir_parser *p, const uint8_t *data, uint32_t end)
{
	uint32_t pos = p->pos;
	weir_event event = WEIR_DONE;

	switch (p->state) {
	case WEIR__EMPTY_LINES:
		event = empty_lines(p, data, &pos, end);
		if (event != WEIR_DONE)
			break;
		/* fall through */
	case WEIR__METHOD:
		event = method_part(p, data, &pos, end);
		if (event != WEIR_DONE)
			break;
		/* fall through */
	case WEIR__TARGET_PART:
		event = target_part(p, data, &pos, end);
		if (event != WEIR_DONE)
			break;
		/* fall through */
	case WEIR__VERSION:
		event = version_part(p, data, &pos, end);
		if (event != WEIR_DONE)
			break;
		stall(p, WEIR__FIELD_LINE, pos);
		/* fall through */
	default:
		event = weir__field_lines(p, data, end, most_fields(p));
	}
	return event;
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

static weir_event parse_head(weir_parser *p, const uint8_t *data, size_t len, size_t *used)
{
	const uint32_t most = weir__limit(p->limits->head, WEIR__DEFAULT_HEAD);
	weir_event event;
	weir_refusal why;

	if (len == 0)
		return WEIR_MORE;
	if (p->state == WEIR__EMPTY_LINES && p->pos == 0)
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
