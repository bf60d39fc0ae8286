/*
 * What a PROXY header says (HAProxy's "The PROXY protocol", versions 1 and 2): of
 * whom is the connection that a proxy has opened? Neither descriptors nor memory
 * are needed to read one, and never an octet behind it.
 */
#ifndef WEIR_CORE_PROXY_H
#define WEIR_CORE_PROXY_H

#include "backend/sys.h"

enum {
	WEIR__PROXY_LINE_MAX = 107,  /* v1: octets of a line, with its end */
	WEIR__PROXY_FIXED = 16,      /* v2: what comes before the addresses */
	WEIR__PROXY_ADDRESSES = 216, /* v2: the longest ones */
	WEIR__PROXY_MAX = 4096       /* v2: octets that a header may have here */
};

enum weir__proxy_state {
	WEIR__PROXY_BEGIN,   /* of which version? */
	WEIR__PROXY_LINE,    /* v1 */
	WEIR__PROXY_BINARY,  /* v2: signature, command, family, length */
	WEIR__PROXY_NAMES,   /* v2: the addresses */
	WEIR__PROXY_TLV,     /* v2: type and length of something more … */
	WEIR__PROXY_VALUE,   /* … and what it is */
	WEIR__PROXY_IGNORED, /* v2: says nothing of the peer */
	WEIR__PROXY_DONE,    /* complete and good */
	WEIR__PROXY_BAD
};

struct weir__proxy {
	/* DONE: the peer, with WEIR__ADDR_NONE if that is who has connected. One of a unix
	   socket has no path. */
	struct weir__addr addr;
	uint8_t state;
	uint8_t word;  /* v1: which one this is */
	uint8_t from;  /* ... and where it begins */
	bool unknown;  /* v1: nothing is said, up to the end of the line */
	uint16_t len;  /* octets in text */
	uint16_t goal; /* v2: octets in it, or to come, when this state ends */
	uint16_t left; /* v2: octets of the header that are to come */
	uint8_t text[WEIR__PROXY_FIXED + WEIR__PROXY_ADDRESSES];
};

void weir__proxy_init(struct weir__proxy *proxy);
/* How many octets are still to come at least; 0: DONE or BAD. Who reads no more than that
   reads none that is not the header's. */
size_t weir__proxy_need(const struct weir__proxy *proxy);
/* Takes the next len octets, which are no more than that. */
void weir__proxy_take(struct weir__proxy *proxy, const char *data, size_t len);

#endif
