/*
 * PROXY headers, octet by octet: so it cannot matter how they were cut.
 *
 *   v1   PROXY TCP4 192.0.2.1 192.0.2.2 50000 80 CRLF
 *   v2   signature, version and command, family, length; addresses; TLVs
 *
 * Strict: what a proxy that keeps to the specification would not send is refused, as
 * soon as it is seen. TLVs are passed over, but have to fill the header exactly;
 * their checksum (PP2_TYPE_CRC32C) is not looked at.
 */
#include "core/proxy.h"

#include <string.h>

#include "core/addr.h"

/* Of the two versions, which differ in the first octet. */
static const uint8_t first_word[6] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const uint8_t signature[12] = {'\r', '\n', '\r', '\n', 0,   '\r',
                                      '\n', 'Q',  'U',  'I',  'T', '\n'};

/* "PROXY UNKNOWN" with its CRLF; no header is shorter. */
#define SHORTEST 15

void weir__proxy_init(struct weir__proxy *p)
{
	memset(p, 0, sizeof *p);
}

static void refuse(struct weir__proxy *p)
{
	p->state = WEIR__PROXY_BAD;
}

static void store(struct weir__proxy *p, uint8_t octet)
{
	p->text[p->len++] = octet;
}

/* ---- version 1 ---------------------------------------------------------- */

enum word { FAMILY, SOURCE, TARGET, SOURCE_PORT, TARGET_PORT, BEHIND };

static bool is_word(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && !memcmp(text, word, len);
}

static bool read_family(struct weir__proxy *p, const char *text, size_t len)
{
	p->unknown = is_word(text, len, "UNKNOWN");
	if (is_word(text, len, "TCP4"))
		p->addr.kind = WEIR__ADDR_IP4;
	else if (is_word(text, len, "TCP6"))
		p->addr.kind = WEIR__ADDR_IP6;
	return p->unknown || p->addr.kind != WEIR__ADDR_NONE;
}

static bool read_ip(const struct weir__proxy *p, const char *text, size_t len, uint8_t ip[16])
{
	return p->addr.kind == WEIR__ADDR_IP4 ? weir__ip4_parse(text, len, ip)
	                                      : weir__ip6_parse(text, len, ip);
}

static bool read_port(const char *text, size_t len, uint16_t *port)
{
	uint32_t n = 0;
	if (!len || len > 5 || (len > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (uint32_t)(text[i] - '0');
	}
	*port = (uint16_t)n;
	return n <= UINT16_MAX;
}

static bool read_word(struct weir__proxy *p, const char *text, size_t len)
{
	uint8_t target[16];
	uint16_t port;
	switch ((enum word)p->word) {
	case FAMILY:
		return read_family(p, text, len);
	case SOURCE:
		return read_ip(p, text, len, p->addr.u.ip);
	case TARGET:
		return read_ip(p, text, len, target);
	case SOURCE_PORT:
		return read_port(text, len, &p->addr.port);
	case TARGET_PORT:
		return read_port(text, len, &port);
	default:
		return false;
	}
}

/* A space or CR has come: the last word has the CR, and no other. */
static void end_word(struct weir__proxy *p, uint8_t end)
{
	const char *text = (const char *)p->text + p->from;
	bool good = read_word(p, text, (size_t)(p->len - 1 - p->from));
	if (!good || (!p->unknown && (end == '\r') != (p->word == TARGET_PORT))) {
		refuse(p);
		return;
	}
	p->word++;
	p->from = (uint8_t)p->len;
}

static bool behind_cr(const struct weir__proxy *p)
{
	return p->len > 1 && p->text[p->len - 2] == '\r';
}

static void take_of_line(struct weir__proxy *p, uint8_t octet)
{
	store(p, octet);
	if (p->len <= sizeof first_word) {
		if (octet != first_word[p->len - 1])
			refuse(p);
		p->from = sizeof first_word;
	} else if (behind_cr(p) && octet == '\n') {
		p->state = WEIR__PROXY_DONE;
		weir__addr_unmap(&p->addr);
	} else if (p->word == BEHIND) {
		refuse(p);
	} else if (!p->unknown && (octet == ' ' || octet == '\r')) {
		end_word(p, octet);
	} else if (p->word == FAMILY && p->len - p->from > 7) {
		refuse(p);
	}
	if (p->len == WEIR__PROXY_LINE_MAX && p->state == WEIR__PROXY_LINE)
		refuse(p);
}

/* What follows a word at the least: spaces, addresses ("::"), ports and CRLF. */
static size_t line_need(const struct weir__proxy *p)
{
	static const uint8_t least[] = {
		[FAMILY] = 2, [SOURCE] = 9, [TARGET] = 6, [SOURCE_PORT] = 4, [TARGET_PORT] = 2};
	bool at_lf = p->len && p->text[p->len - 1] == '\r';
	if (p->len < SHORTEST)
		return SHORTEST - p->len;
	return at_lf ? 1 : p->unknown ? 2 : least[p->word];
}

/* ---- version 2 ---------------------------------------------------------- */

static uint16_t number(const uint8_t octets[2])
{
	return (uint16_t)(octets[0] << 8 | octets[1]);
}

/* Octets of the addresses of a family over a stream protocol; 0: none that is served. */
static uint16_t size_of(uint8_t family)
{
	switch (family) {
	case 0x11:
		return 2 * 4 + 2 * 2;
	case 0x21:
		return 2 * 16 + 2 * 2;
	case 0x31:
		return WEIR__PROXY_ADDRESSES;
	default:
		return 0;
	}
}

/* What a connection of the proxy's own, or one of another protocol, says is not for us. */
static void ignore(struct weir__proxy *p)
{
	p->state = p->left ? WEIR__PROXY_IGNORED : WEIR__PROXY_DONE;
}

static void judge_fixed(struct weir__proxy *p)
{
	uint8_t command = p->text[12], family = p->text[13];
	uint16_t size = size_of(family);
	p->left = number(p->text + 14);
	if ((command != 0x20 && command != 0x21) || p->left > WEIR__PROXY_MAX - WEIR__PROXY_FIXED)
		refuse(p);
	else if (command == 0x20 || family == 0x00)
		ignore(p);
	else if (!size || p->left < size)
		refuse(p);
	else
		p->state = WEIR__PROXY_NAMES;
	p->goal = (uint16_t)(WEIR__PROXY_FIXED + size);
}

static void take_of_fixed(struct weir__proxy *p, uint8_t octet)
{
	store(p, octet);
	if (p->len <= sizeof signature && octet != signature[p->len - 1])
		refuse(p);
	else if (p->len == WEIR__PROXY_FIXED)
		judge_fixed(p);
}

/* Whatever is left must be TLVs. */
static void next_tlv(struct weir__proxy *p)
{
	p->len = 0;
	p->state = !p->left ? WEIR__PROXY_DONE : p->left < 3 ? WEIR__PROXY_BAD : WEIR__PROXY_TLV;
}

static void read_names(struct weir__proxy *p)
{
	const uint8_t *names = p->text + WEIR__PROXY_FIXED;
	uint8_t family = p->text[13];
	size_t size = family == 0x11 ? 4 : 16;
	if (family == 0x31) {
		p->addr.kind = WEIR__ADDR_UNIX;
		return;
	}
	p->addr.kind = family == 0x11 ? WEIR__ADDR_IP4 : WEIR__ADDR_IP6;
	memcpy(p->addr.u.ip, names, size);
	p->addr.port = number(names + 2 * size);
	weir__addr_unmap(&p->addr);
}

static void take_of_names(struct weir__proxy *p, uint8_t octet)
{
	store(p, octet);
	if (p->len < p->goal)
		return;
	read_names(p);
	next_tlv(p);
}

static void take_of_tlv(struct weir__proxy *p, uint8_t octet)
{
	store(p, octet);
	if (p->len < 3)
		return;
	p->goal = number(p->text + 1);
	if (p->goal > p->left)
		refuse(p);
	else if (!p->goal)
		next_tlv(p);
	else
		p->state = WEIR__PROXY_VALUE;
}

static void take_of_rest(struct weir__proxy *p, uint8_t octet)
{
	p->left--;
	if (p->state == WEIR__PROXY_NAMES)
		take_of_names(p, octet);
	else if (p->state == WEIR__PROXY_TLV)
		take_of_tlv(p, octet);
	else if (p->state == WEIR__PROXY_IGNORED)
		ignore(p);
	else if (!--p->goal)
		next_tlv(p);
}

/* ---- both --------------------------------------------------------------- */

static void take(struct weir__proxy *p, uint8_t octet)
{
	if (p->state == WEIR__PROXY_BEGIN)
		p->state = octet == first_word[0] ? WEIR__PROXY_LINE : WEIR__PROXY_BINARY;
	if (p->state == WEIR__PROXY_LINE)
		take_of_line(p, octet);
	else if (p->state == WEIR__PROXY_BINARY)
		take_of_fixed(p, octet);
	else
		take_of_rest(p, octet);
}

size_t weir__proxy_need(const struct weir__proxy *p)
{
	switch ((enum weir__proxy_state)p->state) {
	case WEIR__PROXY_BEGIN:
		return SHORTEST;
	case WEIR__PROXY_LINE:
		return line_need(p);
	case WEIR__PROXY_BINARY:
		return WEIR__PROXY_FIXED - p->len;
	case WEIR__PROXY_DONE:
	case WEIR__PROXY_BAD:
		return 0;
	default:
		return p->left;
	}
}

void weir__proxy_take(struct weir__proxy *p, const char *data, size_t len)
{
	for (size_t i = 0; i < len && p->state < WEIR__PROXY_DONE; i++)
		take(p, (uint8_t)data[i]);
}
