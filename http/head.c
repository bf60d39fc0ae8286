/*
 * head.c: what does the head say?
 */
#include "http/head.h"

#include <string.h>

#include "http/octets.h"

bool weir__same_anyhow(const uint8_t *octets, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (weir__lower(octets[i]) != weir__lower((uint8_t)text[i]))
			return false;
	return true;
}

uint32_t weir__field_find(const void *data, const weir_field *fields, uint32_t n, const char *name,
                          uint32_t from)
{
	const size_t len = strlen(name);

	while (from < n) {
		const weir_slice s = fields[from].name;

		if (s.len == len && weir__same_anyhow((const uint8_t *)data + s.at, name, len))
			return from;
		from++;
	}
	return n;
}

static weir_slice trimmed(const uint8_t *octets, weir_slice s)
{
	while (s.len > 0 && weir__is_blank(octets[s.at])) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && weir__is_blank(octets[s.at + s.len - 1]))
		s.len--;
	return s;
}

bool weir__list_next(const void *data, weir_slice *list, weir_slice *item)
{
	while (list->len > 0) {
		const uint8_t *begin = (const uint8_t *)data + list->at;
		const uint8_t *comma = memchr(begin, ',', list->len);
		const uint32_t len = comma ? (uint32_t)(comma - begin) : list->len;
		const uint32_t step = comma ? len + 1 : len;

		*item = trimmed(data, (weir_slice){list->at, len});
		list->at += step;
		list->len -= step;
		if (item->len > 0)
			return true;
	}
	return false;
}
