/* Addresses as text, and back. */
#ifndef WEIR_CORE_ADDR_H
#define WEIR_CORE_ADDR_H

#include "backend/sys.h"

/* What the text of an address asks for. */
enum weir__place {
	WEIR__PLACE_ADDR,   /* *addr */
	WEIR__PLACE_ANY,    /* every address of *addr's port: IPv6 if there is any, else IPv4 */
	WEIR__PLACE_FD,     /* descriptor *fd */
	WEIR__PLACE_SYSTEMD /* the socket called *name */
};

struct weir__where {
	enum weir__place place;
	struct weir__addr addr;
	int fd;
	const char *name; /* points into the text */
};

/* Understands the forms of weir_listen. 0 or WEIR_EADDRESS. */
int weir__addr_parse(const char *text, struct weir__where *where);
/* Writes the form that weir_connect takes. The length, or -ENOSPC. */
int weir__addr_format(const struct weir__addr *addr, char *text, size_t size);
/* Writes the digits of a number; where they end. */
char *weir__decimal(char *out, uint64_t number);
/* Numeric IPv4 / IPv6 of exactly len octets, into network order. */
bool weir__ip4_parse(const char *text, size_t len, uint8_t ip[4]);
bool weir__ip6_parse(const char *text, size_t len, uint8_t ip[16]);

/* What an address of IPv6 that stands for one of IPv4 begins with (RFC 4291 2.5.5.2). */
extern const uint8_t weir__ip4_mapped[12];
/* An address that stands for one of IPv4 becomes that one, as it is with peers. */
void weir__addr_unmap(struct weir__addr *addr);

#endif
