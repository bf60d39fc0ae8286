/*
 * body.c: where does the body end, and what comes behind it?
 *
 * Content is handed out as it comes and never looked at. A chunk line goes
 * through a small table, octet by octet, and each octet is done with at once:
 *
 *   SIZE -> (extensions) -> LINE_LF -> CHUNK_DATA -> CHUNK_CR -> CHUNK_LF -> SIZE …
 *                                 `-> (size 0) trailer section -> FINISHED
 *
 * While a line is read, pos counts its octets, left is the size so far and
 * spent counts the octets of all extensions of the message. The trailer section
 * is read by the same function as the fields of a head, into the same array
 * from 0; there spent counts its lines.
 */
#include "http/parse.h"
#include <string.h>

#include "http/octets.h"

/* ---- chunk lines ---- */

enum line_state {
	SIZE = WEIR__CHUNK_LINE,
	BLANK,      /* white space behind the size or a value: only ';' may follow */
	NAME_FIRST, /* behind ';' */
	NAME,
	NAME_BLANK,
	VALUE_FIRST, /* behind '=' */
	VALUE,
	QUOTED,
	QUOTED_PAIR,
	QUOTE_END,
	LINE_LF,
	LINE_STATES
};

enum line_octet {
	IS_CONTROL,
	IS_CR,
	IS_BLANK,
	IS_SEMICOLON,
	IS_EQUALS,
	IS_QUOTE,
	IS_ESCAPE,
	IS_TOKEN,
	IS_TEXT,
	LINE_OCTETS
};

/* chunk-ext = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] ); 0: refused */
static const uint8_t next_state[LINE_STATES - SIZE][LINE_OCTETS] = {
	[SIZE - SIZE] = {[IS_CR] = LINE_LF, [IS_BLANK] = BLANK, [IS_SEMICOLON] = NAME_FIRST},
	[BLANK - SIZE] = {[IS_BLANK] = BLANK, [IS_SEMICOLON] = NAME_FIRST},
	[NAME_FIRST - SIZE] = {[IS_BLANK] = NAME_FIRST, [IS_TOKEN] = NAME},
	[NAME - SIZE] = {[IS_CR] = LINE_LF,
                         [IS_BLANK] = NAME_BLANK,
                         [IS_SEMICOLON] = NAME_FIRST,
                         [IS_EQUALS] = VALUE_FIRST,
                         [IS_TOKEN] = NAME},
	[NAME_BLANK - SIZE] =
		{[IS_BLANK] = NAME_BLANK, [IS_SEMICOLON] = NAME_FIRST, [IS_EQUALS] = VALUE_FIRST},
	[VALUE_FIRST - SIZE] = {[IS_BLANK] = VALUE_FIRST, [IS_QUOTE] = QUOTED, [IS_TOKEN] = VALUE},
	[VALUE - SIZE] = {[IS_CR] = LINE_LF,
                          [IS_BLANK] = BLANK,
                          [IS_SEMICOLON] = NAME_FIRST,
                          [IS_TOKEN] = VALUE},
	[QUOTED - SIZE] = {[IS_BLANK] = QUOTED,
                           [IS_SEMICOLON] = QUOTED,
                           [IS_EQUALS] = QUOTED,
                           [IS_QUOTE] = QUOTE_END,
                           [IS_ESCAPE] = QUOTED_PAIR,
                           [IS_TOKEN] = QUOTED,
                           [IS_TEXT] = QUOTED},
	[QUOTED_PAIR - SIZE] = {[IS_BLANK] = QUOTED,
                                [IS_SEMICOLON] = QUOTED,
                                [IS_EQUALS] = QUOTED,
                                [IS_QUOTE] = QUOTED,
                                [IS_ESCAPE] = QUOTED,
                                [IS_TOKEN] = QUOTED,
                                [IS_TEXT] = QUOTED},
	[QUOTE_END - SIZE] = {[IS_CR] = LINE_LF, [IS_BLANK] = BLANK, [IS_SEMICOLON] = NAME_FIRST},
};

static enum line_octet line_octet(uint8_t octet)
{
	switch (octet) {
	case '\r':
		return IS_CR;
	case ' ':
	case '\t':
		return IS_BLANK;
	case ';':
		return IS_SEMICOLON;
	case '=':
		return IS_EQUALS;
	case '"':
		return IS_QUOTE;
	case '\\':
		return IS_ESCAPE;
	}
	if (weir__octet_is(octet, WEIR__TOKEN))
		return IS_TOKEN;
	return weir__octet_is(octet, WEIR__VALUE) ? IS_TEXT : IS_CONTROL;
}

static unsigned hex_value(uint8_t digit)
{
	return digit <= '9' ? digit - (unsigned)'0' : (digit | 0x20u) - 'a' + 10;
}

/* At most 16 digits: 64 bits hold them without a wrap. */
static weir_refusal size_digit(weir_parser *p, uint8_t octet)
{
	if (p->pos == 16)
		return WEIR_BAD_CHUNK;
	p->left = p->left << 4 | hex_value(octet);
	return WEIR_OK;
}

/* The line is whole: either content follows, or the trailer section does. */
static weir_refusal line_end(weir_parser *p)
{
	if (p->left > p->room)
		return WEIR_BIG_BODY;
	p->room -= p->left;
	p->pos = 0;
	p->state = WEIR__CHUNK_DATA;
	if (p->left == 0) {
		p->state = WEIR__FIELD_LINE;
		p->seen |= WEIR__TRAILER;
		p->nfields = 0;
		p->spent = 0;
	}
	return WEIR_OK;
}

static weir_refusal extension_octet(weir_parser *p, uint8_t octet)
{
	const enum line_octet kind = line_octet(octet);
	const uint8_t next = next_state[p->state - SIZE][kind];

	if (kind != IS_CR &&
	    p->spent++ == weir__limit(p->limits->chunk_ext, WEIR__DEFAULT_CHUNK_EXT))
		return WEIR_BAD_CHUNK_LINE;
	if (octet == '\n')
		return WEIR_BAD_LINE_END;
	if (next == 0 || (p->state == SIZE && p->pos == 0))
		return WEIR_BAD_CHUNK;
	p->state = next;
	return WEIR_OK;
}

static weir_refusal line_octet_came(weir_parser *p, uint8_t octet)
{
	weir_refusal why;

	if (p->pos == weir__limit(p->limits->chunk_line, WEIR__DEFAULT_CHUNK_LINE))
		return WEIR_BAD_CHUNK_LINE;
	if (p->state == LINE_LF)
		return octet == '\n' ? line_end(p) : WEIR_BAD_LINE_END;
	if (p->state == SIZE && weir__octet_is(octet, WEIR__HEX))
		why = size_digit(p, octet);
	else
		why = extension_octet(p, octet);
	p->pos++;
	return why;
}

/* One octet between two pieces of content. */
static weir_refusal framing_octet(weir_parser *p, uint8_t octet)
{
	if (p->state >= WEIR__CHUNK_LINE)
		return line_octet_came(p, octet);
	if (octet != (p->state == WEIR__CHUNK_CR ? '\r' : '\n'))
		return WEIR_BAD_CHUNK_END;
	p->state++;
	return WEIR_OK;
}

/*
 * The length of a chunk line that is a size and its CRLF and nothing else, as nearly
 * all are; 0 if this is none, or not wholly here. Sizes of so few digits cannot wrap.
 */
static uint32_t plain_line(weir_parser *p, const uint8_t *octets, uint32_t len)
{
	const uint32_t limit = weir__limit(p->limits->chunk_line, WEIR__DEFAULT_CHUNK_LINE);
	const uint32_t most = limit < 10 ? limit : 10, end = len < most ? len : most;
	uint64_t size = 0;
	uint32_t n = 0;

	for (; n < end && weir__octet_is(octets[n], WEIR__HEX); n++)
		size = size << 4 | hex_value(octets[n]);
	if (n == 0 || end - n < 2 || memcmp(octets + n, "\r\n", 2) != 0)
		return 0;
	p->left = size;
	return n + 2;
}

/* Framing between two pieces of content: all of it if it is plain and here, or one octet. */
static weir_refusal framing(weir_parser *p, const uint8_t *data, uint32_t *at, uint32_t end)
{
	uint32_t line;

	if (p->state == WEIR__CHUNK_CR && end - *at >= 2 && !memcmp(data + *at, "\r\n", 2)) {
		p->state = SIZE;
		*at += 2;
	}
	if (p->state == SIZE && p->pos == 0) {
		line = plain_line(p, data + *at, end - *at);
		*at += line;
		if (line)
			return line_end(p);
	}
	return *at < end ? framing_octet(p, data[(*at)++]) : WEIR_OK;
}

/* ---- content and trailers ---- */

/* What there is of the content in data[at..len), which is not empty. */
static weir_event content(weir_parser *p, uint32_t at, uint32_t len, size_t *used,
                          weir_slice *piece)
{
	const uint32_t here = len - at;
	const uint32_t n = p->left < here ? (uint32_t)p->left : here;

	p->left -= n;
	if (p->left == 0)
		p->state = p->framing == WEIR_CHUNKED ? WEIR__CHUNK_CR : WEIR__FINISHED;
	*piece = (weir_slice){at, n};
	*used = at + n;
	return WEIR_BODY;
}

/* As much as the limit allows, so that what is told does not depend on the cuts. */
static weir_event content_until_close(weir_parser *p, uint32_t at, uint32_t len, size_t *used,
                                      weir_slice *piece)
{
	const uint32_t here = len - at;
	const uint32_t n = p->room < here ? (uint32_t)p->room : here;

	if (n == 0)
		return weir__refuse(p, WEIR_BIG_BODY);
	p->room -= n;
	*piece = (weir_slice){at, n};
	*used = at + n;
	return WEIR_BODY;
}

static uint32_t most_trailers(const weir_parser *p)
{
	const uint32_t most = weir__limit(p->limits->trailers, WEIR__DEFAULT_TRAILERS);

	return most < p->max_fields ? most : p->max_fields;
}

/* The trailer section begins at `at`; slices of it are made slices of data. */
static weir_event trailer_section(weir_parser *p, const uint8_t *data, uint32_t at, uint32_t len,
                                  size_t *used)
{
	const uint32_t most = weir__limit(p->limits->trailer, WEIR__DEFAULT_TRAILER);
	const uint32_t here = len - at;
	struct weir__window w;
	weir_event event;

	weir__look(&w, data + at, p->pos, here < most ? here : most);
	event = weir__field_lines(p, &w, most_trailers(p));
	if (event == WEIR_MORE && here > most)
		return weir__refuse(p, WEIR_BIG_TRAILERS);
	if (event == WEIR_BAD)
		return event;
	*used = event == WEIR_DONE ? at + p->pos : at;
	if (event == WEIR_MORE)
		return event;
	if (p->nfields == 0)
		return weir__done(p);
	for (uint32_t i = 0; i < p->nfields; i++) {
		p->fields[i].name.at += at;
		p->fields[i].value.at += at;
	}
	p->state = WEIR__FINISHED;
	return WEIR_TRAILERS;
}

weir_event weir__body(weir_parser *p, const uint8_t *data, size_t len, size_t *used,
                      weir_slice *piece)
{
	const uint32_t end = len < UINT32_MAX ? (uint32_t)len : UINT32_MAX;
	uint32_t at = 0;

	while (at < end) {
		weir_refusal why;

		if (p->state == WEIR__LENGTH_DATA || p->state == WEIR__CHUNK_DATA)
			return content(p, at, end, used, piece);
		if (p->state == WEIR__UNTIL_CLOSE)
			return content_until_close(p, at, end, used, piece);
		if (p->state <= WEIR__FIELD_VALUE)
			return trailer_section(p, data, at, end, used);
		why = framing(p, data, &at, end);
		if (why != WEIR_OK)
			return weir__refuse(p, why);
	}
	*used = at;
	return WEIR_MORE;
}
