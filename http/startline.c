/*
 * startline.c: what does the first line of a message say?
 *
 * A request line, with empty lines before it, or a status line. Their parts are
 * read one after the other; each begins at *pos and returns WEIR_DONE with *pos
 * behind it, or saves where it stopped, to go on there when more octets are here.
 */
#include <string.h>

#include "http/octets.h"
#include "http/parse.h"

enum { MOST_EMPTY_LINES = 4 };

/* ---- request line ------------------------------------------------------- */

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
		return weir__stall(p, WEIR__EMPTY_LINES, *pos);
	p->target.at = *pos;
	return WEIR_DONE;
}

static weir_event method_part(weir_parser *p, const uint8_t *data, uint32_t *pos, uint32_t end)
{
	const uint32_t at = weir__run(data, *pos, end, WEIR__TOKEN);
	const uint32_t len = at - p->target.at;

	if (len > UINT16_MAX)
		return weir__refuse(p, WEIR_BIG_HEAD);
	if (at == end)
		return weir__stall(p, WEIR__METHOD, at);
	if (data[at] == '\r' || (data[at] == ' ' && len == 0))
		return weir__refuse(p, WEIR_BAD_REQUEST_LINE);
	if (data[at] != ' ')
		return weir__refuse(p, weir__fault(data[at], WEIR_BAD_METHOD));
	p->method_len = (uint16_t)len;
	p->method = (uint8_t)weir__method(data + p->target.at, len);
	p->target.at = *pos = at + 1;
	return WEIR_DONE;
}

static weir_event target_part(weir_parser *p, const uint8_t *data, uint32_t *pos, uint32_t end)
{
	const uint32_t begin = p->target.at;
	const uint32_t most = weir__limit(p->limits->target, WEIR__DEFAULT_TARGET);
	const uint32_t at = weir__target_end(data, *pos, end - begin > most ? begin + most : end);

	if (at == end)
		return weir__stall(p, WEIR__TARGET_PART, at);
	if (data[at] == '\r' || (data[at] == ' ' && at == begin))
		return weir__refuse(p, WEIR_BAD_REQUEST_LINE);
	if (weir__octet_is(data[at], WEIR__TARGET))
		return weir__refuse(p, WEIR_BIG_TARGET);
	if (data[at] != ' ')
		return weir__refuse(p, weir__fault(data[at], WEIR_BAD_TARGET));
	p->target.len = at - begin;
	*pos = at + 1;
	return WEIR_DONE;
}

/* Walks "HTTP/D.D" CRLF octet by octet as far as it has come. */
static weir_refusal check_version(const uint8_t *octets, uint32_t len)
{
	static const char form[] = "HTTP/0.0\r\n";

	for (uint32_t i = 0; i < len && i < sizeof form - 1; i++) {
		if (form[i] == '0' ? weir__octet_is(octets[i], WEIR__DIGIT)
		                   : octets[i] == (uint8_t)form[i])
			continue;
		if (i == 9)
			return WEIR_BAD_LINE_END;
		if (i == 8 && octets[i] == ' ')
			return WEIR_BAD_REQUEST_LINE;
		return weir__fault(octets[i], WEIR_BAD_VERSION);
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
			return weir__stall(p, WEIR__VERSION, *pos);
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

/* Each part falls through to the next: on the usual path all is there. */
weir_event weir__request_line(weir_parser *p, const uint8_t *data, uint32_t end)
{
	uint32_t pos = p->pos;
	weir_event event;

	switch (p->state) {
	case WEIR__EMPTY_LINES:
		event = empty_lines(p, data, &pos, end);
		if (event != WEIR_DONE)
			return event;
		/* fall through */
	case WEIR__METHOD:
		event = method_part(p, data, &pos, end);
		if (event != WEIR_DONE)
			return event;
		/* fall through */
	case WEIR__TARGET_PART:
		event = target_part(p, data, &pos, end);
		if (event != WEIR_DONE)
			return event;
		/* fall through */
	default:
		event = version_part(p, data, &pos, end);
		if (event != WEIR_DONE)
			return event;
	}
	weir__stall(p, WEIR__FIELD_LINE, pos);
	return WEIR_DONE;
}

/* ---- status line -------------------------------------------------------- */

/* "HTTP/D.D" SP 3DIGIT SP: all of the line that has a fixed length. */
enum { FIXED = 13 };

/* Walks the fixed part octet by octet as far as it has come. */
static weir_refusal check_status(const uint8_t *octets, uint32_t len)
{
	static const char form[] = "HTTP/0.0 000 ";

	for (uint32_t i = 0; i < len && i < FIXED; i++) {
		if (form[i] == '0' ? weir__octet_is(octets[i], WEIR__DIGIT)
		                   : octets[i] == (uint8_t)form[i])
			continue;
		return weir__fault(octets[i], i < 8 ? WEIR_BAD_VERSION : WEIR_BAD_STATUS_LINE);
	}
	return WEIR_OK;
}

/* Codes below 100 have no class (RFC 9110 15): nobody could say what follows. */
static weir_event status_part(weir_parser *p, const uint8_t *data, uint32_t *pos, uint32_t end)
{
	const weir_refusal why = check_status(data, end);

	if (why != WEIR_OK)
		return weir__refuse(p, why);
	/* That anything has come is what weir_parse_end asks. */
	if (end < FIXED)
		return weir__stall(p, WEIR__STATUS, end);
	if (data[5] != '1')
		return weir__refuse(p, WEIR_BAD_MAJOR);
	if (data[9] == '0')
		return weir__refuse(p, WEIR_BAD_STATUS_LINE);
	p->minor = data[7] != '0';
	p->status = (uint16_t)((data[9] - '0') * 100 + (data[10] - '0') * 10 + (data[11] - '0'));
	p->reason.at = *pos = FIXED;
	return WEIR_DONE;
}

static weir_event reason_part(weir_parser *p, const uint8_t *data, uint32_t *pos, uint32_t end)
{
	const uint32_t at = weir__run(data, *pos, end, WEIR__VALUE);

	if (at == end || (data[at] == '\r' && end - at < 2))
		return weir__stall(p, WEIR__REASON, at);
	if (data[at] != '\r')
		return weir__refuse(p, weir__fault(data[at], WEIR_BAD_OCTET));
	if (data[at + 1] != '\n')
		return weir__refuse(p, WEIR_BAD_LINE_END);
	p->reason.len = at - p->reason.at;
	*pos = at + 2;
	return WEIR_DONE;
}

weir_event weir__status_line(weir_parser *p, const uint8_t *data, uint32_t end)
{
	uint32_t pos = p->pos;
	weir_event event = WEIR_DONE;

	if (p->state == WEIR__STATUS)
		event = status_part(p, data, &pos, end);
	if (event == WEIR_DONE)
		event = reason_part(p, data, &pos, end);
	if (event == WEIR_DONE)
		weir__stall(p, WEIR__FIELD_LINE, pos);
	return event;
}
