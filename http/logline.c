/*
 * logline.c: how is a request that is over written down?
 *
 * In the formats of the NCSA's server, which all tools read. Whatever a client has
 * sent stays one field of one line.
 */
#include <errno.h>
#include <string.h>

#include "http/conn.h"

/* ---- text ---------------------------------------------------------------- */

/* Text that never passes its end, and knows how long it would have been. */
struct line {
	char *at, *end;
	size_t len;
};

static void put(struct line *line, const char *text, size_t len)
{
	const size_t room = (size_t)(line->end - line->at);
	const size_t n = len < room ? len : room;

	memcpy(line->at, text, n);
	line->at += n;
	line->len += len;
}

static void put_text(struct line *line, const char *text)
{
	put(line, text, strlen(text));
}

static void put_number(struct line *line, int64_t n)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	put(line, digits + at, sizeof digits - at);
}

/* What a client has sent cannot end a field of the line, or the line. */
static void put_escaped(struct line *line, weir_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		const uint8_t c = (uint8_t)s.data[i];
		const char escape[4] = {'\\', 'x', "0123456789ABCDEF"[c >> 4],
		                        "0123456789ABCDEF"[c & 15]};

		if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
			put(line, escape, sizeof escape);
		else
			put(line, s.data + i, 1);
	}
}

/* ---- fields of the line --------------------------------------------------- */

/* The address alone, without port and brackets. */
static void put_host(struct line *line, const weir_req *req)
{
	char text[160];
	const char *begin = text, *end;

	if (weir_req_client(req, text, sizeof text) < 0 || !strncmp(text, "unix:", 5)) {
		put_text(line, "-");
		return;
	}
	begin += text[0] == '[';
	end = strrchr(text, ':');
	end -= text[0] == '[';
	put(line, begin, (size_t)(end - begin));
}

/* "[10/Oct/2000:13:55:36 +0000]", from the parts of "Tue, 10 Oct 2000 13:55:36 GMT". */
static void put_date(struct line *line, int64_t when)
{
	char date[WEIR__DATE_LEN];

	weir__date_format(when, date);
	put_text(line, "[");
	put(line, date + 5, 2);
	put_text(line, "/");
	put(line, date + 8, 3);
	put_text(line, "/");
	put(line, date + 12, 4);
	put_text(line, ":");
	put(line, date + 17, 8);
	put_text(line, " +0000]");
}

static void put_request(struct line *line, const weir_req *req)
{
	const weir_str method = weir_req_method_name(req);

	if (!method.len) {
		put_text(line, "\"-\"");
		return;
	}
	put_text(line, "\"");
	put_escaped(line, method);
	put_text(line, " ");
	put_escaped(line, weir_req_target(req));
	put_text(line, weir_req_version(req) == 10 ? " HTTP/1.0\"" : " HTTP/1.1\"");
}

static void put_field(struct line *line, const weir_req *req, const char *name)
{
	const weir_str value = weir_req_field(req, name);

	put_text(line, " \"");
	if (value.len)
		put_escaped(line, value);
	else
		put_text(line, "-");
	put_text(line, "\"");
}

static void put_number_or_dash(struct line *line, int64_t n)
{
	put_text(line, " ");
	if (n)
		put_number(line, n);
	else
		put_text(line, "-");
}

/* ---- the line ------------------------------------------------------------- */

int weir_access_format(char *text, size_t size, const weir_req *req, const weir_access *access,
                       weir_access_style style)
{
	struct line line;

	if (!size)
		return -ENOSPC;
	line = (struct line){text, text + size - 1, 0};
	put_host(&line, req);
	put_text(&line, " - - ");
	put_date(&line, access->when);
	put_text(&line, " ");
	put_request(&line, req);
	put_number_or_dash(&line, access->status);
	put_number_or_dash(&line, access->sent);
	if (style == WEIR_ACCESS_COMBINED) {
		put_field(&line, req, "Referer");
		put_field(&line, req, "User-Agent");
	}
	*line.at = '\0';
	return line.len < size ? (int)line.len : -ENOSPC;
}
