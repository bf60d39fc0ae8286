/*
 * Networks as text, and who is in them. The list is read once; afterwards an
 * address costs a comparison for each network.
 */
#include "core/trust.h"

#include <errno.h>
#include <string.h>

#include "core/addr.h"
#include "core/weir.h"

/* ---- text --------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Takes the next element off the front of a comma list, without the blanks around it;
   empty ones are passed over. False when there is none left. */
static bool take_element(const char **list, weir_str *item)
{
	while (**list) {
		size_t len = strcspn(*list, ",");
		const char *begin = *list, *end = begin + len;
		*list = end + (*end == ',');
		while (begin < end && is_blank(*begin))
			begin++;
		while (begin < end && is_blank(end[-1]))
			end--;
		*item = (weir_str){begin, (size_t)(end - begin)};
		if (item->len)
			return true;
	}
	return false;
}

static uint32_t count_elements(const char *list)
{
	uint32_t n = 1;
	for (; *list; list++)
		n += *list == ',';
	return n;
}

/* In any case, as words of lists are. */
static bool says_unix(weir_str s)
{
	static const char word[4] = {'u', 'n', 'i', 'x'};
	size_t i = 0;
	while (i < s.len && i < sizeof word && (s.data[i] | 0x20) == word[i])
		i++;
	return i == sizeof word && i == s.len;
}

/* How many bits a network has: a decimal number of all its octets; -1 when it is none. */
static int read_bits(const char *text, size_t len, int most)
{
	int n = len ? 0 : -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		n = n * 10 + (text[i] - '0');
		if (n > most)
			return -1;
	}
	return n;
}

/* ---- networks ----------------------------------------------------------- */

static void set_ip(uint8_t ip[16], const struct weir__addr *addr)
{
	if (addr->kind == WEIR__ADDR_IP6) {
		memcpy(ip, addr->u.ip, 16);
		return;
	}
	memcpy(ip, weir__ip4_mapped, sizeof weir__ip4_mapped);
	memcpy(ip + sizeof weir__ip4_mapped, addr->u.ip, 4);
}

/* Bit number `bit` of an address, from its front. */
static bool bit_of(const uint8_t ip[16], unsigned bit)
{
	return ip[bit / 8] >> (7 - bit % 8) & 1;
}

static bool read_address(const char *text, size_t len, struct weir__addr *addr)
{
	addr->kind = WEIR__ADDR_IP4;
	if (weir__ip4_parse(text, len, addr->u.ip))
		return true;
	addr->kind = WEIR__ADDR_IP6;
	return weir__ip6_parse(text, len, addr->u.ip);
}

static bool read_net(weir_str s, struct weir__net *net)
{
	const char *slash = memchr(s.data, '/', s.len);
	size_t len = slash ? (size_t)(slash - s.data) : s.len;
	struct weir__addr addr;
	if (!read_address(s.data, len, &addr))
		return false;
	bool v4 = addr.kind == WEIR__ADDR_IP4;
	int bits = 128;
	if (slash)
		bits = read_bits(slash + 1, s.len - len - 1, v4 ? 32 : 128);
	if (bits < 0)
		return false;
	if (slash && v4)
		bits += 8 * (int)sizeof weir__ip4_mapped;
	set_ip(net->ip, &addr);
	net->bits = (uint8_t)bits;
	for (unsigned bit = net->bits; bit < 128; bit++)
		if (bit_of(net->ip, bit))
			return false;
	return true;
}

int weir__trust_read(struct weir__trust *trust, struct weir__mem *mem, const char *list)
{
	weir_str item;
	*trust = (struct weir__trust){.n = 0};
	if (!list || !*list)
		return 0;
	trust->cap = count_elements(list);
	trust->nets = weir__mem_new(mem, trust->cap * sizeof *trust->nets);
	if (!trust->nets) {
		trust->cap = 0;
		return -ENOMEM;
	}
	while (take_element(&list, &item)) {
		if (says_unix(item))
			trust->local = true;
		else if (!read_net(item, &trust->nets[trust->n++]))
			return WEIR_EINVALID;
	}
	return 0;
}

void weir__trust_free(struct weir__trust *trust, struct weir__mem *mem)
{
	weir__mem_free(mem, trust->nets, trust->cap * sizeof *trust->nets);
}

/* ---- asking ------------------------------------------------------------- */

static bool is_in(const struct weir__net *net, const uint8_t ip[16])
{
	bool v4 = !memcmp(ip, weir__ip4_mapped, sizeof weir__ip4_mapped);
	unsigned bit = 0;
	if (v4 && net->bits < 8 * sizeof weir__ip4_mapped)
		return false;
	while (bit < net->bits && bit_of(net->ip, bit) == bit_of(ip, bit))
		bit++;
	return bit == net->bits;
}

bool weir__trusts(const struct weir__trust *trust, const struct weir__addr *addr)
{
	uint8_t ip[16];
	if (addr->kind == WEIR__ADDR_UNIX)
		return trust->local;
	if (addr->kind != WEIR__ADDR_IP4 && addr->kind != WEIR__ADDR_IP6)
		return false;
	set_ip(ip, addr);
	for (uint32_t i = 0; i < trust->n; i++)
		if (is_in(&trust->nets[i], ip))
			return true;
	return false;
}
