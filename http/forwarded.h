/*
 * forwarded.h: whom does a server believe what they say of others?
 */
#ifndef WEIR_HTTP_FORWARDED_H
#define WEIR_HTTP_FORWARDED_H

#include "core/addr.h"
#include "core/loop.h"

/*
 * The addresses that begin with these bits. An IPv4 address is written as the IPv6
 * address that stands for it (RFC 4291 2.5.5.2), but networks of IPv6 that are
 * larger than all of IPv4 have no part of it: "::" slash 0 is IPv6 alone.
 */
struct weir__net {
	uint8_t ip[16];
	uint8_t bits;
};

/* Who is trusted to say from whom a request came. */
struct weir__trust {
	struct weir__net *nets;
	uint32_t n, cap;
	bool local; /* who comes by a unix socket is */
};

/*
 * Reads a comma list of addresses and networks ("127.0.0.0/8, ::1, unix"). 0,
 * -ENOMEM, or WEIR_EINVALID when something else is in it, or a network with bits
 * behind its prefix. NULL is an empty list. To be freed in any case.
 */
int weir__trust_read(struct weir__trust *trust, struct weir__mem *mem, const char *list);
void weir__trust_free(struct weir__trust *trust, struct weir__mem *mem);
bool weir__trusts(const struct weir__trust *trust, const struct weir__addr *addr);

/*
 * Takes the last element off a comma list, without the blanks around it; empty
 * ones are passed over, and a comma inside a quoted string divides nothing.
 * False when there is none left.
 */
bool weir__list_last(weir_str *list, weir_str *item);

/* The `for` of an element of Forwarded (RFC 7239 section 4) / an element of
   X-Forwarded-For, if it is an address. Port 0: none is told. */
bool weir__forwarded_for(weir_str element, struct weir__addr *addr);
bool weir__x_forwarded_for(weir_str element, struct weir__addr *addr);

#endif
