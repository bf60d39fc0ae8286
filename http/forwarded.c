/*
 * forwarded.c: who is the client, when there are proxies in between?
 *
 * Each proxy adds behind what has come to it from whom it has come. So the list
 * is true from its right end on for as long as who wrote is trusted; what stands
 * left of that may have been made up by anybody. It is read from the right,
 * therefore, and octet by octet too: an open quote that the client has sent
 * cannot swallow what was written behind it.
 */
#include "http/forwarded.h"

#include <string.h>

#include "http/head.h"
#include "http/octets.h"

/* ---- text ---------------------------------------------------------------- */

static weir_str trimmed(weir_str s)
{
	while (s.len && weir__is_blank((uint8_t)s.data[0])) {
		s.data++;
		s.len--;
	}
	while (s.len && weir__is_blank((uint8_t)s.data[s.len - 1]))
		s.len--;
	return s;
}

/* Everything behind the first n octets. */
static weir_str behind(weir_str s, size_t n)
{
	return (weir_str){s.data + n, s.len - n};
}

static bool says(weir_str s, const char *word)
{
	return s.len == strlen(word) && weir__same((const uint8_t *)s.data, word, s.len);
}

/* How many octets at the front make a token. */
static size_t token(weir_str s)
{
	size_t n = 0;

	while (n < s.len && weir__octet_is((uint8_t)s.data[n], WEIR__TOKEN))
		n++;
	return n;
}

/* A decimal number of all its octets, at most `most`; -1 when it is none. */
static int32_t number(weir_str s, int32_t most)
{
	int32_t n = s.len ? 0 : -1;

	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < '0' || s.data[i] > '9')
			return -1;
		n = n * 10 + (s.data[i] - '0');
		if (n > most)
			return -1;
	}
	return n;
}

/* Is the quote at `at` one of the string, and not its end? */
static bool is_escaped(const char *text, size_t at)
{
	size_t begin = at;

	while (begin > 0 && text[begin - 1] == '\\')
		begin--;
	return (at - begin) % 2 != 0;
}

bool weir__list_last(weir_str *list, weir_str *item)
{
	while (list->len) {
		const char *text = list->data;
		size_t begin = list->len;
		bool quoted = false;

		for (; begin > 0 && (quoted || text[begin - 1] != ','); begin--)
			if (text[begin - 1] == '"' && !(quoted && is_escaped(text, begin - 1)))
				quoted = !quoted;
		*item = trimmed(behind(*list, begin));
		list->len = begin ? begin - 1 : 0;
		if (item->len)
			return true;
	}
	return false;
}

/* ---- addresses ----------------------------------------------------------- */

static bool read_ip4(weir_str s, struct weir__addr *addr)
{
	addr->kind = WEIR__ADDR_IP4;
	return weir__ip4_parse(s.data, s.len, addr->u.ip);
}

static bool read_ip6(weir_str s, struct weir__addr *addr)
{
	addr->kind = WEIR__ADDR_IP6;
	if (!weir__ip6_parse(s.data, s.len, addr->u.ip))
		return false;
	weir__addr_unmap(addr);
	return true;
}

/* The port of a node, with its colon: a number, or an obfuscated one, or nothing at all. */
static bool read_port(weir_str s, struct weir__addr *addr)
{
	int32_t port;

	if (!s.len)
		return true;
	if (s.data[0] != ':')
		return false;
	s = behind(s, 1);
	if (s.len > 1 && s.data[0] == '_')
		return token(s) == s.len;
	port = s.len <= 5 ? number(s, UINT16_MAX) : -1;
	addr->port = (uint16_t)port;
	return port >= 0;
}

/* node (RFC 7239 section 6), but for those that name no address. */
static bool read_node(weir_str s, struct weir__addr *addr)
{
	const bool literal = s.len && s.data[0] == '[';
	const char *mark = s.len ? memchr(s.data, literal ? ']' : ':', s.len) : NULL;
	const size_t len = mark ? (size_t)(mark - s.data) : s.len;

	memset(addr, 0, sizeof *addr);
	if (!literal)
		return read_ip4((weir_str){s.data, len}, addr) && read_port(behind(s, len), addr);
	return mark && read_ip6((weir_str){s.data + 1, len - 1}, addr) &&
	       read_port(behind(s, len + 1), addr);
}

/* ---- elements ------------------------------------------------------------ */

/* Room for what a node can be that is an address; one that is longer is none. */
struct node {
	char text[64];
	size_t len;
};

static void node_add(struct node *node, char c)
{
	if (node->len < sizeof node->text)
		node->text[node->len] = c;
	node->len++;
}

/* A token or quoted string at the front; how many octets it has, 0 when there is none. */
static size_t read_value(weir_str s, struct node *value)
{
	size_t at = token(s);

	*value = (struct node){.len = 0};
	for (size_t i = 0; i < at; i++)
		node_add(value, s.data[i]);
	if (at || !s.len || s.data[0] != '"')
		return at;
	for (at = 1; at < s.len && s.data[at] != '"'; at++) {
		if (s.data[at] == '\\' && ++at == s.len)
			return 0;
		node_add(value, s.data[at]);
	}
	return at < s.len ? at + 1 : 0;
}

/* Takes "name=value", with the semicolon behind it, off the front. */
static bool take_pair(weir_str *rest, weir_str *name, struct node *value)
{
	size_t len;

	name->data = rest->data;
	name->len = token(*rest);
	*rest = behind(*rest, name->len);
	if (!name->len || !rest->len || rest->data[0] != '=')
		return false;
	*rest = behind(*rest, 1);
	len = read_value(*rest, value);
	*rest = trimmed(behind(*rest, len));
	if (!len || (rest->len && rest->data[0] != ';'))
		return false;
	if (rest->len)
		*rest = trimmed(behind(*rest, 1));
	return true;
}

bool weir__forwarded_for(weir_str element, struct weir__addr *addr)
{
	struct node node = {.len = 0}, value;
	weir_str name;
	bool found = false;

	while (element.len) {
		if (element.data[0] == ';') {
			element = trimmed(behind(element, 1));
			continue;
		}
		if (!take_pair(&element, &name, &value))
			return false;
		if (!says(name, "for"))
			continue;
		if (found)
			return false;
		found = true;
		node = value;
	}
	return found && node.len <= sizeof node.text &&
	       read_node((weir_str){node.text, node.len}, addr);
}

/* What has no grammar of its own: addresses of IPv6 come with and without brackets. */
bool weir__x_forwarded_for(weir_str element, struct weir__addr *addr)
{
	return read_node(element, addr) || read_ip6(element, addr);
}
