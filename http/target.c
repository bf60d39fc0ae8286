/*
 * target.c: what does a request target, or a Host, point to?
 *
 * The four forms of RFC 9112 3.2 and the host and port of RFC 3986 3.2. User
 * information ("user@host") is refused everywhere by not being in the grammar.
 */
#include <string.h>

#include "http/head.h"
#include "http/parse.h"
#include "http/octets.h"

static bool is_alpha(uint8_t octet)
{
	return (octet | 0x20) >= 'a' && (octet | 0x20) <= 'z';
}

/* ---- authority ---- */

/* dec-octet "." dec-octet "." dec-octet "." dec-octet, without leading zeros */
static bool is_ipv4(const uint8_t *octets, uint32_t len)
{
	uint32_t at = 0;

	for (int part = 0; part < 4; part++) {
		const uint32_t begin = at;
		unsigned n = 0;

		while (at < len && at - begin < 3 && weir__octet_is(octets[at], WEIR__DIGIT))
			n = n * 10 + (octets[at++] - (unsigned)'0');
		if (at == begin || n > 255 || (octets[begin] == '0' && at - begin > 1))
			return false;
		if (part < 3 && (at == len || octets[at++] != '.'))
			return false;
	}
	return at == len;
}

/* Eight groups, or fewer with one "::"; the last two may be written as IPv4. */
static bool is_ipv6(const uint8_t *octets, uint32_t len)
{
	bool gap = len >= 2 && octets[0] == ':' && octets[1] == ':';
	uint32_t at = gap ? 2 : 0;
	int groups = 0;

	while (at < len) {
		const uint32_t most = len - at < 4 ? len : at + 4;
		const uint32_t end = weir__run(octets, at, most, WEIR__HEX);

		if (end < len && octets[end] == '.') {
			groups += 2;
			if (!is_ipv4(octets + at, len - at))
				return false;
			break;
		}
		if (end == at)
			return false;
		groups++;
		if (end == len)
			break;
		if (octets[end] != ':' || end + 1 == len)
			return false;
		at = end + 1;
		if (octets[at] == ':') {
			if (gap)
				return false;
			gap = true;
			at++;
		}
	}
	return gap ? groups <= 7 : groups == 8;
}

/* "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ) */
static bool is_ip_future(const uint8_t *octets, uint32_t len)
{
	const uint32_t dot = weir__run(octets, 1, len, WEIR__HEX);
	uint32_t at = dot + 1;

	if ((octets[0] | 0x20) != 'v' || dot == 1 || dot == len || octets[dot] != '.')
		return false;
	while (at < len && (weir__octet_is(octets[at], WEIR__REG_NAME) || octets[at] == ':'))
		at++;
	return at == len && at > dot + 1;
}

/* The length of "[" … "]" at the front; 0 if it is none. */
static uint32_t ip_literal(const uint8_t *octets, uint32_t len)
{
	const uint8_t *close = memchr(octets, ']', len);
	uint32_t inner;

	if (!close)
		return 0;
	inner = (uint32_t)(close - octets) - 1;
	if (inner == 0 || (!is_ipv6(octets + 1, inner) && !is_ip_future(octets + 1, inner)))
		return 0;
	return inner + 2;
}

/* The length of the name or IPv4 address at the front. */
static uint32_t reg_name(const uint8_t *octets, uint32_t len)
{
	uint32_t at = 0;

	for (;;) {
		at = weir__run(octets, at, len, WEIR__REG_NAME);
		if (len - at < 3 || octets[at] != '%' ||
		    !weir__octet_is(octets[at + 1], WEIR__HEX) ||
		    !weir__octet_is(octets[at + 2], WEIR__HEX))
			return at;
		at += 3;
	}
}

enum { NO_PORT = 65536 }; /* what all larger numbers are read as */

/* Digits: their value. -1 if there are none, -2 if there is anything else. */
static int32_t read_port(const uint8_t *octets, uint32_t len)
{
	int32_t port = len ? 0 : -1;

	for (uint32_t i = 0; i < len; i++) {
		if (!weir__octet_is(octets[i], WEIR__DIGIT))
			return -2;
		port = port * 10 + (octets[i] - '0');
		if (port > NO_PORT)
			port = NO_PORT;
	}
	return port;
}

/*
 * Is this uri-host [ ":" port ] with a host that is not empty? *port is its
 * value, or -1 when it is absent or empty.
 */
static bool is_authority(const uint8_t *octets, uint32_t len, int32_t *port)
{
	const bool literal = len > 0 && octets[0] == '[';
	const uint32_t host = literal ? ip_literal(octets, len) : reg_name(octets, len);

	*port = -1;
	if (host == 0)
		return false;
	if (host == len)
		return true;
	*port = read_port(octets + host + 1, len - host - 1);
	return octets[host] == ':' && *port != -2;
}

bool weir__is_host(const uint8_t *octets, uint32_t len)
{
	int32_t port;

	return len == 0 || is_authority(octets, len, &port);
}

/* ---- forms ---- */

/* The offset behind "scheme://"; 0 if the target does not begin so. */
static uint32_t behind_scheme(const uint8_t *octets, uint32_t len)
{
	uint32_t at = 0;

	if (!is_alpha(octets[0]))
		return 0;
	while (at < len && (is_alpha(octets[at]) || weir__octet_is(octets[at], WEIR__DIGIT) ||
	                    octets[at] == '+' || octets[at] == '-' || octets[at] == '.'))
		at++;
	return len - at > 3 && !memcmp(octets + at, "://", 3) ? at + 3 : 0;
}

static uint32_t authority_end(const uint8_t *octets, uint32_t at, uint32_t len)
{
	while (at < len && octets[at] != '/' && octets[at] != '?')
		at++;
	return at;
}

static bool is_absolute(const uint8_t *octets, uint32_t len)
{
	const uint32_t at = behind_scheme(octets, len);
	int32_t port;

	return at > 0 && is_authority(octets + at, authority_end(octets, at, len) - at, &port);
}

weir_refusal weir__judge_target(weir_parser *p, const uint8_t *data)
{
	const uint8_t *octets = data + p->target.at;
	const uint32_t len = p->target.len;
	int32_t port;
	bool good;

	if (p->method == WEIR_CONNECT) {
		good = is_authority(octets, len, &port) && port > 0 && port < NO_PORT;
	} else if (octets[0] == '/') {
		good = true;
	} else if (len == 1 && octets[0] == '*') {
		good = p->method == WEIR_OPTIONS;
	} else {
		good = is_absolute(octets, len);
		p->flags = WEIR_ABSOLUTE;
	}
	return good ? WEIR_OK : WEIR_BAD_TARGET_FORM;
}

void weir__target_split(const void *data, weir_slice target, struct weir__target *out)
{
	const uint8_t *octets = (const uint8_t *)data + target.at;
	const bool local = octets[0] == '/' || (target.len == 1 && octets[0] == '*');
	const uint32_t begin = local ? 0 : behind_scheme(octets, target.len);
	const bool whole = !local && begin == 0;
	const uint32_t path = local   ? 0
	                      : whole ? target.len
	                              : authority_end(octets, begin, target.len);
	const uint8_t *mark = whole ? NULL : memchr(octets + path, '?', target.len - path);
	const uint32_t path_end = mark ? (uint32_t)(mark - octets) : target.len;
	const uint32_t query = mark ? path_end + 1 : target.len;

	out->authority = (weir_slice){target.at + begin, path - begin};
	out->path = (weir_slice){target.at + path, path_end - path};
	out->query = (weir_slice){target.at + query, target.len - query};
}
