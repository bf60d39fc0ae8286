/*
 * parse.h: what the files of the parser share.
 *
 * parse.c tells events, startline.c reads the first line of a head and fields.c
 * the others; framing.c hears the fields that decide how the message is framed
 * and judges them at the end of the head, target.c judges targets and hosts,
 * body.c takes over behind the head.
 */
#ifndef WEIR_HTTP_PARSE_H
#define WEIR_HTTP_PARSE_H

#include <limits.h>

#include "http/scan.h"
#include "http/weir_http.h"

/* The order matters: up to WEIR__FIELD_VALUE pos counts octets of an unconsumed section. */
enum weir__parse_state {
	WEIR__EMPTY_LINES,
	WEIR__METHOD,
	WEIR__TARGET_PART,
	WEIR__VERSION,
	WEIR__STATUS, /* responses begin here: the part of the status line before the reason */
	WEIR__REASON,
	WEIR__FIELD_LINE, /* at the first octet of a line */
	WEIR__FIELD_NAME,
	WEIR__FIELD_BLANK, /* between the colon and the value */
	WEIR__FIELD_VALUE,
	WEIR__FINISHED, /* the message is whole, but DONE was not told yet */
	WEIR__REFUSED,
	WEIR__UNTIL_CLOSE, /* content up to the end of the connection */
	WEIR__LENGTH_DATA,
	WEIR__CHUNK_DATA,
	WEIR__CHUNK_CR, /* the CR behind the data */
	WEIR__CHUNK_LF,
	WEIR__CHUNK_LINE /* this and what follows: the states of a chunk line, in body.c */
};

/* weir_parser.seen: what the fields said so far. */
enum weir__seen {
	WEIR__HOST = 1,
	WEIR__HOST_BAD = 2,
	WEIR__LENGTH = 4,
	WEIR__LENGTH_BAD = 8,
	WEIR__CODED = 0x10,      /* there is a Transfer-Encoding */
	WEIR__CHUNKED = 0x20,    /* its last coding so far is chunked */
	WEIR__CODED_MORE = 0x40, /* another coding came before */
	WEIR__CODED_BAD = 0x80,
	WEIR__CLOSE = 0x100,
	WEIR__KEEP_ALIVE = 0x200,
	WEIR__NAMES_UPGRADE = 0x400,
	WEIR__HAS_UPGRADE = 0x800,
	WEIR__CONTINUE = 0x1000,
	WEIR__EXPECT_BAD = 0x2000,
	WEIR__TRAILER = 0x4000 /* the field lines being read are those of the trailer section */
};

_Static_assert(sizeof(weir_parser) <= 64, "a parser fits a cache line");

enum {
	WEIR__DEFAULT_HEAD = 32 * 1024,
	WEIR__DEFAULT_TARGET = 8 * 1024,
	WEIR__DEFAULT_CHUNK_LINE = 1024,
	WEIR__DEFAULT_CHUNK_EXT = 16 * 1024,
	WEIR__DEFAULT_TRAILER = 16 * 1024,
	WEIR__DEFAULT_FIELDS = 100,
	WEIR__DEFAULT_TRAILERS = 64
};

static inline uint32_t weir__limit(uint32_t given, uint32_t otherwise)
{
	return given ? given : otherwise;
}

static inline weir_event weir__refuse(weir_parser *p, weir_refusal why)
{
	p->state = WEIR__REFUSED;
	p->error = (uint8_t)why;
	return WEIR_BAD;
}

/* What is wrong with an octet that cannot stand here, unless it is wrong anywhere. */
static inline weir_refusal weir__fault(uint8_t octet, weir_refusal here)
{
	if (octet == '\n')
		return WEIR_BAD_LINE_END;
	if ((octet < 0x20 && octet != '\t' && octet != '\r') || octet == 0x7f)
		return WEIR_BAD_OCTET;
	return here;
}

/* Octets have run out: the next call goes on from here. */
static inline weir_event weir__stall(weir_parser *p, enum weir__parse_state state, uint32_t pos)
{
	p->state = (uint8_t)state;
	p->pos = pos;
	return WEIR_MORE;
}

/* The message is whole; the next one may begin. */
static inline weir_event weir__done(weir_parser *p)
{
	return weir__stall(p, (enum weir__parse_state)p->first, 0), WEIR_DONE;
}

static inline bool weir__is_response(const weir_parser *p)
{
	return p->first == WEIR__STATUS;
}

/* The first line, from p->pos on. WEIR_DONE: p->pos is behind it. */
weir_event weir__request_line(weir_parser *p, const uint8_t *data, uint32_t end);
weir_event weir__status_line(weir_parser *p, const uint8_t *data, uint32_t end);

/*
 * Reads field lines from p->pos on, up to and with the empty line that ends their
 * section; w is a window there. Returns WEIR_DONE when that is read (p->pos is
 * behind it), WEIR_MORE or WEIR_BAD. At most `most` lines may come.
 */
weir_event weir__field_lines(weir_parser *p, struct weir__window *w, uint32_t most);

/* Length and first letter tell nearly all names from the six that weir__note_field hears. */
static inline bool weir__may_frame(const uint8_t *name, uint32_t len)
{
	static const uint8_t first[] = {
		[4] = 'h', [6] = 'e', [7] = 'u', [10] = 'c', [14] = 'c', [17] = 't'};

	return len < sizeof first && (name[0] | 0x20) == first[len];
}

/* May a field of this name, which is a token, be in a trailer section (RFC 9110 6.5.1)? */
bool weir__may_trail(const uint8_t *name, uint32_t len);

/* Hears one field; whatever it says is judged by weir__judge_head. */
void weir__note_field(weir_parser *p, const uint8_t *data, const weir_field *field);

/* Judges the fields of the whole head, in a fixed order; sets framing, left, room, flags. */
weir_refusal weir__judge_head(weir_parser *p);

/* Does the form of the target suit the method? Sets WEIR_ABSOLUTE in flags. */
weir_refusal weir__judge_target(weir_parser *p, const uint8_t *data);

/* Is this a Host value: uri-host [":" port], or nothing at all? */
bool weir__is_host(const uint8_t *octets, uint32_t len);

weir_method weir__method(const uint8_t *octets, uint32_t len);

/* Everything behind the head. */
weir_event weir__body(weir_parser *p, const uint8_t *data, size_t len, size_t *used,
                      weir_slice *piece);

#endif
