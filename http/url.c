/*
 * url.c: what do the escapes of a path or query stand for?
 *
 * Lengths are explicit everywhere: an escape that is cut off by the end of the
 * text is malformed, whatever lies behind it.
 */
#include <errno.h>
#include <string.h>

#include "http/weir_http.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The octet that "%XX" at the front of the text stands for; < 0: none, or NUL. */
static int escaped(const char *text, size_t len)
{
	const int high = len < 3 ? -1 : hex(text[1]);
	const int low = high < 0 ? -1 : hex(text[2]);

	return low < 0 || (high | low) == 0 ? -1 : high << 4 | low;
}

static int64_t decode(char *out, size_t size, weir_str text, char plus)
{
	size_t n = 0;

	for (size_t at = 0; at < text.len; n++) {
		const char c = text.data[at];
		const int octet = c == '%'   ? escaped(text.data + at, text.len - at)
		                  : c == '+' ? plus
		                             : (unsigned char)c;

		if (octet <= 0)
			return WEIR_EINVALID;
		if (n == size)
			return -ENOSPC;
		out[n] = (char)octet;
		at += c == '%' ? 3 : 1;
	}
	if (n == size)
		return -ENOSPC;
	out[n] = '\0';
	return (int64_t)n;
}

int64_t weir_url_decode(char *out, size_t size, weir_str text)
{
	return decode(out, size, text, '+');
}

int64_t weir_form_decode(char *out, size_t size, weir_str text)
{
	return decode(out, size, text, ' ');
}

int weir_query_next(weir_str *query, weir_str *name, weir_str *value)
{
	while (query->len) {
		const weir_str rest = *query;
		const char *end = memchr(rest.data, '&', rest.len);
		const size_t len = end ? (size_t)(end - rest.data) : rest.len;
		const size_t step = end ? len + 1 : len;
		const char *mark = len ? memchr(rest.data, '=', len) : NULL;

		query->data += step;
		query->len -= step;
		if (!len)
			continue;
		*name = (weir_str){rest.data, mark ? (size_t)(mark - rest.data) : len};
		*value = (weir_str){NULL, 0};
		if (mark)
			*value = (weir_str){mark + 1, len - name->len - 1};
		return 1;
	}
	return 0;
}
