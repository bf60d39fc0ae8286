/*
 * emit.h: what does the head of a reply look like on the wire?
 *
 * Text only: nothing here knows of connections. What is the same in every reply
 * of a second stands ready in struct weir__date and is copied in one piece.
 */
#ifndef WEIR_HTTP_EMIT_H
#define WEIR_HTTP_EMIT_H

#include "http/weir_http.h"

enum {
	WEIR__DATE_LEN = 29,      /* "Sun, 06 Nov 1994 08:49:37 GMT" */
	WEIR__OK_LEN = 17,        /* "HTTP/1.1 200 OK\r\n" */
	WEIR__DATE_LINE_LEN = 37, /* "Date: …\r\n" */
	WEIR__TYPE_MAX = 128,     /* a longer Content-Type goes the way of other fields */
	WEIR__HEAD_ROOM = 512     /* what weir__emit_head may write */
};

/* The beginning of every 200 of this second. */
struct weir__date {
	int64_t second;
	char text[WEIR__OK_LEN + WEIR__DATE_LINE_LEN];
};

/* Remakes the text when the second is another one. `second` -1 at first. */
void weir__date_refresh(struct weir__date *date, int64_t second);

/* IMF-fixdate (RFC 9110 5.6.7) of seconds since 1970; years 0 to 9999. */
void weir__date_format(int64_t seconds, char text[WEIR__DATE_LEN]);

enum weir__persist { WEIR__PERSIST_SILENT, WEIR__PERSIST_KEEP, WEIR__PERSIST_CLOSE };

struct weir__reply_head {
	int64_t length;   /* Content-Length; < 0: none */
	const char *type; /* NULL: none */
	size_t type_len;  /* <= WEIR__TYPE_MAX */
	int status;
	bool chunked;
	enum weir__persist persist;
	/* WEIR__PERSIST_KEEP: seconds and requests that the connection may still have; 0: not said */
	uint32_t timeout, max;
};

/*
 * Writes status line and the library's fields, without the empty line; fields
 * of the application may follow. Returns how many octets.
 */
size_t weir__emit_head(char *out, const struct weir__date *date,
                       const struct weir__reply_head *head);

/* Writes just a status line. */
size_t weir__emit_status(char *out, int status);

/* Writes the line that begins a chunk of len > 0 octets: at most 18. */
size_t weir__emit_chunk_line(char *out, uint64_t len);

/* May an application add this field: good octets, and none that the library makes itself? */
bool weir__is_field(const char *name, const char *value);
/* Octets that a field's value may have; of a string / of so many. */
bool weir__is_value(const char *value);
bool weir__are_values(const char *octets, size_t len);

#endif
