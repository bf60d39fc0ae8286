/*
 * framing.c: what do the fields say about the message and its connection?
 *
 * Six fields decide where the message ends and whether the connection lives on:
 * Host, Content-Length, Transfer-Encoding, Connection, Expect, Upgrade. Each is
 * heard as its line ends and leaves bits in weir_parser.seen; nothing is refused
 * before the head is whole. Then all is judged once, in a fixed order, so that
 * the answer does not depend on the order of the lines.
 */
#include "http/head.h"
#include "http/octets.h"
#include "http/parse.h"

/* A registered name or IPv4 address, and perhaps a port: nearly all are. */
static bool is_plain_host(const uint8_t *value, uint32_t len)
{
	uint32_t at = weir__host_end(value, 0, len);

	if (at > 0 && value[at] == ':')
		at = weir__run_on(value, at + 1, WEIR__DIGIT);
	return at == len;
}

static void note_host(weir_parser *p, const uint8_t *value, uint32_t len)
{
	if (p->seen & WEIR__HOST || !(is_plain_host(value, len) || weir__is_host(value, len)))
		p->seen |= WEIR__HOST_BAD;
	p->seen |= WEIR__HOST;
}

/* 1*DIGIT up to 2^63-1; compares before it adds, so nothing can wrap. */
static bool read_length(const uint8_t *value, uint32_t len, uint64_t *out)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < len; i++) {
		const unsigned digit = (unsigned)value[i] - '0';

		if (digit > 9 || n > ((uint64_t)INT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return len > 0;
}

static void note_length(weir_parser *p, const uint8_t *value, uint32_t len)
{
	if (p->seen & WEIR__LENGTH || !read_length(value, len, &p->left))
		p->seen |= WEIR__LENGTH_BAD;
	p->seen |= WEIR__LENGTH;
}

static uint32_t skip_blank(const uint8_t *value, uint32_t at, uint32_t len)
{
	while (at < len && weir__is_blank(value[at]))
		at++;
	return at;
}

/* The end of a token or quoted-string that begins at `at`; `at` itself if there is none. */
static uint32_t word_end(const uint8_t *value, uint32_t at, uint32_t len)
{
	if (at == len || value[at] != '"')
		return weir__run(value, at, len, WEIR__TOKEN);
	for (uint32_t i = at + 1; i < len; i++) {
		if (value[i] == '"')
			return i + 1;
		if (value[i] == '\\')
			i++;
	}
	return at;
}

/* The end of the parameters of a coding, *( OWS ";" OWS token BWS "=" BWS word ); 0: malformed. */
static uint32_t parameters_end(const uint8_t *value, uint32_t at, uint32_t len)
{
	for (;;) {
		const uint32_t semicolon = skip_blank(value, at, len);
		uint32_t word;

		if (semicolon == len || value[semicolon] != ';')
			return at;
		word = skip_blank(value, semicolon + 1, len);
		at = weir__run(value, word, len, WEIR__TOKEN);
		if (at == word)
			return 0;
		at = skip_blank(value, at, len);
		if (at == len || value[at] != '=')
			return 0;
		word = skip_blank(value, at + 1, len);
		at = word_end(value, word, len);
		if (at == word)
			return 0;
	}
}

/* One coding of the list from `at` on; returns where it ends, or 0 if it is malformed. */
static uint32_t note_coding(weir_parser *p, const uint8_t *value, uint32_t at, uint32_t len)
{
	const uint32_t name_end = weir__run(value, at, len, WEIR__TOKEN);
	const uint32_t end = name_end == at ? 0 : parameters_end(value, name_end, len);
	const bool chunked = name_end - at == 7 && weir__same(value + at, "chunked", 7);

	if (p->seen & WEIR__CHUNKED || (chunked && end != name_end))
		p->seen |= WEIR__CODED_BAD;
	p->seen |= chunked ? WEIR__CHUNKED : WEIR__CODED_MORE;
	return end;
}

static bool ends_element(const uint8_t *value, uint32_t at, uint32_t len)
{
	at = skip_blank(value, at, len);
	return at == len || value[at] == ',';
}

/* The lines are one list: the bits carry over from one to the next. */
static void note_codings(weir_parser *p, const uint8_t *value, uint32_t len)
{
	uint32_t at = 0;

	p->seen |= WEIR__CODED;
	while ((at = skip_blank(value, at, len)) < len) {
		if (value[at] == ',') {
			at++;
			continue;
		}
		at = note_coding(p, value, at, len);
		if (at == 0 || !ends_element(value, at, len)) {
			p->seen |= WEIR__CODED_BAD;
			return;
		}
	}
}

/* What one option of Connection says; 0: something that does not matter here. */
static unsigned connection_option(const uint8_t *octets, uint32_t len)
{
	if (len == 10 && weir__same(octets, "keep-alive", 10))
		return WEIR__KEEP_ALIVE;
	if (len == 5 && weir__same(octets, "close", 5))
		return WEIR__CLOSE;
	if (len == 7 && weir__same(octets, "upgrade", 7))
		return WEIR__NAMES_UPGRADE;
	return 0;
}

static void note_connection(weir_parser *p, const uint8_t *data, weir_slice list)
{
	/* Mostly the list is one option. */
	const unsigned only = connection_option(data + list.at, list.len);
	weir_slice item;

	p->seen |= (uint16_t)only;
	while (!only && weir__list_next(data, &list, &item))
		p->seen |= (uint16_t)connection_option(data + item.at, item.len);
}

static void note_expect(weir_parser *p, const uint8_t *value, uint32_t len)
{
	const bool known = len == 12 && weir__same(value, "100-continue", 12);

	p->seen |= known ? WEIR__CONTINUE : WEIR__EXPECT_BAD;
}

void weir__note_field(weir_parser *p, const uint8_t *data, const weir_field *field)
{
	const uint8_t *name = data + field->name.at;
	const uint8_t *value = data + field->value.at;
	const uint32_t len = field->value.len;

	switch (field->name.len) {
	case 4:
		if (weir__same(name, "host", 4))
			note_host(p, value, len);
		break;
	case 6:
		if (weir__same(name, "expect", 6))
			note_expect(p, value, len);
		break;
	case 7:
		if (weir__same(name, "upgrade", 7))
			p->seen |= WEIR__HAS_UPGRADE;
		break;
	case 10:
		if (weir__same(name, "connection", 10))
			note_connection(p, data, field->value);
		break;
	case 14:
		if (weir__same(name, "content-length", 14))
			note_length(p, value, len);
		break;
	case 17:
		if (weir__same(name, "transfer-encoding", 17))
			note_codings(p, value, len);
		break;
	}
}

/* ---- judging ------------------------------------------------------------ */

static bool lives_on(const weir_parser *p)
{
	return !(p->seen & WEIR__CLOSE) && (p->minor == 1 || p->seen & WEIR__KEEP_ALIVE);
}

/* RFC 9112 9.3, and the two offers that only 1.1 can make. */
static unsigned request_flags(const weir_parser *p)
{
	const unsigned upgrade = WEIR__NAMES_UPGRADE | WEIR__HAS_UPGRADE;
	unsigned flags = p->flags & WEIR_ABSOLUTE;

	if (lives_on(p))
		flags |= WEIR_KEEP;
	if (p->minor == 1 && (p->seen & upgrade) == upgrade)
		flags |= WEIR_UPGRADE;
	if (p->minor == 1 && p->seen & WEIR__CONTINUE &&
	    (p->framing == WEIR_CHUNKED || (p->framing == WEIR_LENGTH && p->left > 0)))
		flags |= WEIR_EXPECT_CONTINUE;
	return flags;
}

/* What two recipients could understand differently; 413 comes last: it is no fault of the syntax. */
static weir_refusal fault_of_framing(const weir_parser *p)
{
	if (p->seen & WEIR__LENGTH_BAD)
		return WEIR_BAD_LENGTH;
	if (p->seen & WEIR__CODED) {
		if (p->seen & WEIR__LENGTH || p->minor == 0)
			return WEIR_BAD_FRAMING;
		if (p->seen & WEIR__CODED_BAD || !(p->seen & WEIR__CHUNKED))
			return WEIR_BAD_CODING;
		if (p->seen & WEIR__CODED_MORE)
			return WEIR_BAD_CODING_UNKNOWN;
	}
	if (p->minor == 1 && p->seen & WEIR__EXPECT_BAD && !weir__is_response(p))
		return WEIR_BAD_EXPECT;
	return p->left > p->room ? WEIR_BIG_BODY : WEIR_OK;
}

static void set_framing(weir_parser *p, weir_framing framing, enum weir__parse_state state)
{
	p->framing = (uint8_t)framing;
	p->state = (uint8_t)state;
}

/* RFC 9112 6.3, but for the responses that never have a body; `otherwise`: no field says. */
static void find_end(weir_parser *p, weir_framing otherwise, enum weir__parse_state state)
{
	if (p->seen & WEIR__CODED)
		set_framing(p, WEIR_CHUNKED, WEIR__CHUNK_LINE);
	else if (p->seen & WEIR__LENGTH)
		set_framing(p, WEIR_LENGTH, p->left ? WEIR__LENGTH_DATA : WEIR__FINISHED);
	else
		set_framing(p, otherwise, state);
}

static weir_refusal judge_request(weir_parser *p)
{
	const unsigned usual = WEIR__HOST | WEIR__CLOSE | WEIR__KEEP_ALIVE | WEIR__NAMES_UPGRADE;
	weir_refusal why = WEIR_OK;

	if (!(p->seen & ~usual) && p->seen & WEIR__HOST) {
		set_framing(p, WEIR_NO_BODY, WEIR__FINISHED);
		if (lives_on(p))
			p->flags |= WEIR_KEEP;
		return WEIR_OK;
	}
	if (p->seen & WEIR__HOST_BAD || (p->minor == 1 && !(p->seen & WEIR__HOST)))
		why = WEIR_BAD_HOST;
	if (why == WEIR_OK)
		why = fault_of_framing(p);
	if (why != WEIR_OK)
		return why;
	find_end(p, WEIR_NO_BODY, WEIR__FINISHED);
	p->flags = (uint8_t)request_flags(p);
	return WEIR_OK;
}

/* After these the connection speaks another protocol, or carries other people's octets. */
static bool opens_tunnel(const weir_parser *p)
{
	return p->status == 101 ||
	       (p->answers == WEIR_CONNECT && p->status >= 200 && p->status < 300);
}

/* These end with their head, whatever their fields say (RFC 9112 6.3, 1 and 2). */
static bool is_bodyless(const weir_parser *p)
{
	return p->status < 200 || p->status == 204 || p->status == 304 || p->answers == WEIR_HEAD ||
	       opens_tunnel(p);
}

static weir_refusal judge_response(weir_parser *p)
{
	const bool tunnel = opens_tunnel(p), final = tunnel || p->status >= 200;
	const bool bodyless = is_bodyless(p);
	const weir_refusal why = bodyless ? WEIR_OK : fault_of_framing(p);

	if (why != WEIR_OK)
		return why;
	if (bodyless)
		set_framing(p, WEIR_NO_BODY, WEIR__FINISHED);
	else
		find_end(p, WEIR_UNTIL_CLOSE, WEIR__UNTIL_CLOSE);
	p->flags = tunnel ? WEIR_TUNNEL : 0;
	/* An interim response is not the last word on the connection. */
	if (!final || (!tunnel && p->framing != WEIR_UNTIL_CLOSE && lives_on(p)))
		p->flags = WEIR_KEEP;
	if (final)
		p->answers = WEIR_METHOD_OTHER;
	return WEIR_OK;
}

weir_refusal weir__judge_head(weir_parser *p)
{
	p->room = p->limits->body ? p->limits->body : (uint64_t)INT64_MAX;
	p->spent = 0;
	return weir__is_response(p) ? judge_response(p) : judge_request(p);
}
