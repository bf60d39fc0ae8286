/* Who is believed when they say from whom a connection or a request comes? */
#ifndef WEIR_CORE_TRUST_H
#define WEIR_CORE_TRUST_H

#include "backend/mem.h"
#include "backend/sys.h"

/*
 * The addresses that begin with these bits. An IPv4 address is written as the IPv6
 * address that stands for it (RFC 4291 2.5.5.2), but networks of IPv6 that are
 * larger than all of IPv4 have no part of it: "::" slash 0 is IPv6 alone.
 */
struct weir__net {
	uint8_t ip[16];
	uint8_t bits;
};

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

#endif
