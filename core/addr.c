/* What an address given as text means. Numeric only: names would block. */
#include "core/addr.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "core/weir.h"

/* A decimal number of all len octets, at most max; -1 when it is none. */
static int64_t number(const char *text, size_t len, int64_t max)
{
	int64_t n = 0;
	if (!len)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		n = n * 10 + (text[i] - '0');
		if (n > max)
			return -1;
	}
	return n;
}

bool weir__ip4_parse(const char *text, size_t len, uint8_t ip[4])
{
	const char *end = text + len;
	for (int i = 0; i < 4; i++) {
		const char *dot = i < 3 ? memchr(text, '.', (size_t)(end - text)) : end;
		if (!dot || (dot - text > 1 && *text == '0'))
			return false;
		int64_t n = number(text, (size_t)(dot - text), 255);
		if (n < 0)
			return false;
		ip[i] = (uint8_t)n;
		text = dot + 1;
	}
	return true;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One group of up to four hex digits; how many octets of text it took, 0 for none. */
static size_t group(const char *text, size_t len, uint8_t out[2])
{
	unsigned n = 0;
	size_t i = 0;
	for (; i < len && i < 4 && hex(text[i]) >= 0; i++)
		n = n * 16 + (unsigned)hex(text[i]);
	out[0] = (uint8_t)(n >> 8);
	out[1] = (uint8_t)n;
	return i;
}

/* Moves what was written behind the "::" at `gap` to the end of the address. */
static bool expand(uint8_t ip[16], size_t n, size_t gap)
{
	if (gap > 16)
		return n == 16;
	if (n >= 16)
		return false;
	memmove(ip + 16 - (n - gap), ip + gap, n - gap);
	memset(ip + gap, 0, 16 - n);
	return true;
}

bool weir__ip6_parse(const char *text, size_t len, uint8_t ip[16])
{
	size_t i = 0, n = 0, gap = SIZE_MAX;
	if (len >= 2 && text[0] == ':' && text[1] == ':') {
		gap = 0;
		i = 2;
	}
	while (i < len) {
		if (n == 16)
			return false;
		if (n <= 12 && weir__ip4_parse(text + i, len - i, ip + n))
			return expand(ip, n + 4, gap);
		size_t used = group(text + i, len - i, ip + n);
		if (!used)
			return false;
		n += 2;
		i += used;
		if (i == len)
			break;
		if (text[i++] != ':' || i == len)
			return false;
		if (text[i] == ':') {
			if (gap != SIZE_MAX)
				return false;
			gap = n;
			i++;
		}
	}
	return expand(ip, n, gap);
}

const uint8_t weir__ip4_mapped[12] = {[10] = 0xff, [11] = 0xff};

void weir__addr_unmap(struct weir__addr *addr)
{
	uint8_t *ip = addr->u.ip;
	if (addr->kind != WEIR__ADDR_IP6 || memcmp(ip, weir__ip4_mapped, sizeof weir__ip4_mapped))
		return;
	addr->kind = WEIR__ADDR_IP4;
	memmove(ip, ip + sizeof weir__ip4_mapped, 4);
}

/* "%5" behind an IPv6 address: the number of an interface. Cuts *len. */
static bool take_scope(const char *text, size_t *len, uint32_t *scope)
{
	const char *percent = memchr(text, '%', *len);
	if (!percent)
		return true;
	int64_t n = number(percent + 1, (size_t)(text + *len - percent - 1), UINT32_MAX);
	*len = (size_t)(percent - text);
	*scope = (uint32_t)n;
	return n > 0;
}

static bool parse_host(const char *text, size_t len, struct weir__addr *addr)
{
	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		size_t inner = len - 2;
		addr->kind = WEIR__ADDR_IP6;
		return take_scope(text + 1, &inner, &addr->scope) &&
		       weir__ip6_parse(text + 1, inner, addr->u.ip);
	}
	addr->kind = WEIR__ADDR_IP4;
	return weir__ip4_parse(text, len, addr->u.ip);
}

/* "HOST:PORT", ":PORT" or "PORT". */
static bool parse_ip(const char *text, struct weir__where *where)
{
	const char *colon = strrchr(text, ':');
	const char *port = colon ? colon + 1 : text;
	int64_t n = number(port, strlen(port), 65535);
	if (n < 0)
		return false;
	where->addr.port = (uint16_t)n;
	if (!colon || colon == text) {
		where->place = WEIR__PLACE_ANY;
		return true;
	}
	where->place = WEIR__PLACE_ADDR;
	return parse_host(text, (size_t)(colon - text), &where->addr);
}

static bool parse_unix(const char *path, struct weir__where *where)
{
	struct weir__addr *addr = &where->addr;
	where->place = WEIR__PLACE_ADDR;
	addr->kind = WEIR__ADDR_UNIX;
	addr->abstract = *path == '@';
	path += addr->abstract;
	size_t len = strlen(path);
	if (!len || len >= WEIR__PATH_MAX)
		return false;
	memcpy(addr->u.path, path, len);
	addr->path_len = (uint8_t)len;
	return true;
}

static bool parse_fd(const char *text, struct weir__where *where)
{
	int64_t n = number(text, strlen(text), INT_MAX);
	where->place = WEIR__PLACE_FD;
	where->fd = (int)n;
	return n >= 0;
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

int weir__addr_parse(const char *text, struct weir__where *where)
{
	bool good;
	memset(where, 0, sizeof *where);
	if (!text)
		return WEIR_EADDRESS;
	if (begins(text, "unix:")) {
		good = parse_unix(text + 5, where);
	} else if (begins(text, "fd:")) {
		good = parse_fd(text + 3, where);
	} else if (begins(text, "systemd:")) {
		where->place = WEIR__PLACE_SYSTEMD;
		where->name = text + 8;
		good = true;
	} else {
		good = parse_ip(text, where);
	}
	return good ? 0 : WEIR_EADDRESS;
}

/* ---- formatting: text that never passes its end and remembers that it would have */

struct text {
	char *at, *end;
	size_t len;
};

static void put(struct text *t, const char *data, size_t len)
{
	t->len += len;
	if ((size_t)(t->end - t->at) < len) {
		t->at = t->end;
		return;
	}
	memcpy(t->at, data, len);
	t->at += len;
}

static void put_number(struct text *t, uint32_t n, uint32_t base)
{
	char digits[10];
	size_t i = sizeof digits;
	do {
		digits[--i] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n);
	put(t, digits + i, sizeof digits - i);
}

static void put_ip4(struct text *t, const uint8_t *ip)
{
	for (int i = 0; i < 4; i++) {
		if (i)
			put(t, ".", 1);
		put_number(t, ip[i], 10);
	}
}

static uint32_t word(const uint8_t *ip, int i)
{
	return (uint32_t)ip[2 * i] << 8 | ip[2 * i + 1];
}

/* The longest run of two or more zero groups becomes "::" (RFC 5952 section 4.2). */
static void zero_run(const uint8_t *ip, int *start, int *len)
{
	*start = -1;
	*len = 1;
	for (int i = 0; i < 8; i++) {
		int n = 0;
		while (i + n < 8 && !word(ip, i + n))
			n++;
		if (n > *len) {
			*start = i;
			*len = n;
		}
		i += n;
	}
}

static void put_ip6(struct text *t, const uint8_t *ip, uint32_t scope)
{
	int start, len;
	zero_run(ip, &start, &len);
	put(t, "[", 1);
	for (int i = 0; i < 8; i++) {
		if (i == start) {
			put(t, "::", 2);
			i += len - 1;
			continue;
		}
		if (i && i != start + len)
			put(t, ":", 1);
		put_number(t, word(ip, i), 16);
	}
	if (scope) {
		put(t, "%", 1);
		put_number(t, scope, 10);
	}
	put(t, "]", 1);
}

int weir__addr_format(const struct weir__addr *addr, char *text, size_t size)
{
	if (!size)
		return -ENOSPC;
	struct text t = {text, text + size - 1, 0};
	switch ((enum weir__addr_kind)addr->kind) {
	case WEIR__ADDR_IP4:
		put_ip4(&t, addr->u.ip);
		break;
	case WEIR__ADDR_IP6:
		put_ip6(&t, addr->u.ip, addr->scope);
		break;
	default:
		put(&t, "unix:", 5);
		put(&t, "@", addr->abstract);
		put(&t, addr->u.path, addr->path_len);
	}
	if (addr->kind == WEIR__ADDR_IP4 || addr->kind == WEIR__ADDR_IP6) {
		put(&t, ":", 1);
		put_number(&t, addr->port, 10);
	}
	*t.at = 0;
	return t.len < size ? (int)t.len : -ENOSPC;
}

char *weir__decimal(char *out, uint64_t number)
{
	char digits[20];
	int n = 0;
	do
		digits[n++] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	while (n > 0)
		*out++ = digits[--n];
	return out;
}
