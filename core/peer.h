/*
 * Peer addresses, each kept once per table and counted. The loop has a table of
 * those of all streams: a stream stores four octets for its peer.
 */
#ifndef WEIR_CORE_PEER_H
#define WEIR_CORE_PEER_H

#include "backend/mem.h"
#include "backend/sys.h"

struct weir__peer {
	uint8_t ip[16];
	uint32_t scope;
	uint32_t refs; /* 0: a free entry, `next` links it */
	uint32_t next; /* in its hash bucket */
	uint8_t kind;  /* enum weir__addr_kind */
};

struct weir__peers {
	struct weir__mem *mem;
	struct weir__peer *entries; /* entries[0] is nobody */
	uint32_t *buckets;
	uint32_t cap;  /* entries and buckets; a power of two */
	uint32_t used; /* entries ever used */
	uint32_t free; /* first free entry, or 0 */
};

void weir__peers_init(struct weir__peers *peers, struct weir__mem *mem);
void weir__peers_free(struct weir__peers *peers);
/* The number of the address, counted once more; 0 for unix or when memory is out. */
uint32_t weir__peer_take(struct weir__peers *peers, const struct weir__addr *addr);
/* The same for one of a unix socket that somebody else has told of; it has no name. */
uint32_t weir__peer_take_unix(struct weir__peers *peers);
void weir__peer_give(struct weir__peers *peers, uint32_t peer);
/* The number of an address that is counted; else 0. */
uint32_t weir__peer_find(const struct weir__peers *peers, const struct weir__addr *addr);
/* How often it is counted. */
static inline uint32_t weir__peer_count(const struct weir__peers *peers, uint32_t peer)
{
	return peer ? peers->entries[peer].refs : 0;
}

/* The address behind the number. */
void weir__peer_get(const struct weir__peers *peers, uint32_t peer, struct weir__addr *addr);

#endif
