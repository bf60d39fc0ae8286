/*
 * head.h: questions to a head that was parsed.
 *
 * All of them take the octets that the slices point into; none copies.
 */
#ifndef WEIR_HTTP_HEAD_H
#define WEIR_HTTP_HEAD_H

#include "http/weir_http.h"
#include "http/word.h"

static inline uint8_t weir__lower(uint8_t octet)
{
	return octet >= 'A' && octet <= 'Z' ? octet | 0x20 : octet;
}

/*
 * Are n octets this text, but for the case of letters? The text is of lower-case
 * letters, digits and '-', the octets without controls: so each octet with bit 5
 * set is the text's if, and only if, it is the same but for case. Eight at a time,
 * the last eight again.
 */
static inline bool weir__same(const uint8_t *octets, const char *text, size_t n)
{
	const uint8_t *wanted = (const uint8_t *)text;
	uint64_t differ = 0;

	if (n < 4) {
		for (size_t i = 0; i < n; i++)
			differ |= (octets[i] | 0x20u) ^ wanted[i];
	} else if (n < 8) {
		differ |= (weir__half_word(octets) | 0x20202020) ^ weir__half_word(wanted);
		differ |= (weir__half_word(octets + n - 4) | 0x20202020) ^
		          weir__half_word(wanted + n - 4);
	} else {
		for (size_t i = 0; i + 8 < n; i += 8)
			differ |= (weir__word(octets + i) | WEIR__EACH(0x20)) ^
			          weir__word(wanted + i);
		differ |= (weir__word(octets + n - 8) | WEIR__EACH(0x20)) ^
		          weir__word(wanted + n - 8);
	}
	return !differ;
}

/* The same for any text, octet by octet. */
bool weir__same_anyhow(const uint8_t *octets, const char *text, size_t n);

/*
 * The index of the first field at or behind `from` with this name, in whatever
 * case; n when there is none. Ask again with the index + 1 for the next.
 */
uint32_t weir__field_find(const void *data, const weir_field *fields, uint32_t n, const char *name,
                          uint32_t from);

/*
 * Takes the next element off the front of a comma list, without the white space
 * around it; empty elements are passed over. False when there is none left.
 * For lists of tokens: a quoted comma is a comma.
 */
bool weir__list_next(const void *data, weir_slice *list, weir_slice *item);

/* What a request target is made of; a part that is not there has length 0. */
struct weir__target {
	weir_slice authority; /* of the absolute and the authority form */
	weir_slice path;      /* "*" of the asterisk form; empty: stands for "/" */
	weir_slice query;     /* behind the first '?' */
};

/* Splits a target that the parser found good. */
void weir__target_split(const void *data, weir_slice target, struct weir__target *out);

#endif
