/* Interned peer addresses: a hash table whose entries are found by number. */
#include "core/peer.h"

#include <string.h>

#define FIRST 16 /* entries of the first table */

void weir__peers_init(struct weir__peers *peers, struct weir__mem *mem)
{
	*peers = (struct weir__peers){.mem = mem};
}

void weir__peers_free(struct weir__peers *peers)
{
	weir__mem_free(peers->mem, peers->entries, peers->cap * sizeof *peers->entries);
	weir__mem_free(peers->mem, peers->buckets, peers->cap * sizeof *peers->buckets);
}

static uint32_t hash(const struct weir__peer *p)
{
	uint64_t half[2], h;
	memcpy(half, p->ip, sizeof half);
	h = (half[0] ^ p->scope ^ p->kind) * 0x9e3779b97f4a7c15u;
	h = (h ^ h >> 32 ^ half[1]) * 0xd6e8feb86659fd93u;
	return (uint32_t)(h >> 32);
}

static bool same(const struct weir__peer *a, const struct weir__peer *b)
{
	return a->kind == b->kind && a->scope == b->scope && !memcmp(a->ip, b->ip, sizeof a->ip);
}

static void link_entry(struct weir__peers *peers, uint32_t n)
{
	uint32_t *bucket = &peers->buckets[hash(&peers->entries[n]) & (peers->cap - 1)];
	peers->entries[n].next = *bucket;
	*bucket = n;
}

static bool grow(struct weir__peers *peers)
{
	uint32_t cap = peers->cap ? peers->cap * 2 : FIRST;
	uint32_t *buckets = weir__mem_new(peers->mem, cap * sizeof *buckets);
	struct weir__peer *entries =
		buckets ? weir__mem_resize(peers->mem, peers->entries, peers->cap * sizeof *entries,
	                                   cap * sizeof *entries)
			: NULL;
	if (!entries) {
		weir__mem_free(peers->mem, buckets, cap * sizeof *buckets);
		return false;
	}
	weir__mem_free(peers->mem, peers->buckets, peers->cap * sizeof *buckets);
	peers->entries = entries;
	peers->buckets = buckets;
	peers->cap = cap;
	if (!peers->used)
		entries[peers->used++] = (struct weir__peer){.kind = WEIR__ADDR_NONE};
	for (uint32_t n = 1; n < peers->used; n++)
		link_entry(peers, n);
	return true;
}

static uint32_t find(const struct weir__peers *peers, const struct weir__peer *key)
{
	if (!peers->cap)
		return 0;
	uint32_t n = peers->buckets[hash(key) & (peers->cap - 1)];
	while (n && !same(&peers->entries[n], key))
		n = peers->entries[n].next;
	return n;
}

static uint32_t new_entry(struct weir__peers *peers, const struct weir__peer *key)
{
	uint32_t n = peers->free;
	if (n) {
		peers->free = peers->entries[n].next;
	} else {
		if (peers->used == peers->cap && !grow(peers))
			return 0;
		n = peers->used++;
	}
	peers->entries[n] = *key;
	link_entry(peers, n);
	return n;
}

static uint32_t take(struct weir__peers *peers, const struct weir__peer *key)
{
	uint32_t n = find(peers, key);
	if (!n)
		n = new_entry(peers, key);
	if (n)
		peers->entries[n].refs++;
	return n;
}

/* False: an address that none is kept of. */
static bool to_key(const struct weir__addr *addr, struct weir__peer *key)
{
	*key = (struct weir__peer){.kind = addr->kind, .scope = addr->scope};
	if (addr->kind == WEIR__ADDR_IP4)
		memcpy(key->ip, addr->u.ip, 4);
	else if (addr->kind == WEIR__ADDR_IP6)
		memcpy(key->ip, addr->u.ip, 16);
	else
		return false;
	return true;
}

uint32_t weir__peer_take(struct weir__peers *peers, const struct weir__addr *addr)
{
	struct weir__peer key;
	return to_key(addr, &key) ? take(peers, &key) : 0;
}

uint32_t weir__peer_find(const struct weir__peers *peers, const struct weir__addr *addr)
{
	struct weir__peer key;
	return to_key(addr, &key) ? find(peers, &key) : 0;
}

uint32_t weir__peer_take_unix(struct weir__peers *peers)
{
	return take(peers, &(struct weir__peer){.kind = WEIR__ADDR_UNIX});
}

void weir__peer_give(struct weir__peers *peers, uint32_t peer)
{
	if (!peer || --peers->entries[peer].refs)
		return;
	struct weir__peer *entry = &peers->entries[peer];
	uint32_t *link = &peers->buckets[hash(entry) & (peers->cap - 1)];
	while (*link != peer)
		link = &peers->entries[*link].next;
	*link = entry->next;
	entry->next = peers->free;
	peers->free = peer;
}

void weir__peer_get(const struct weir__peers *peers, uint32_t peer, struct weir__addr *addr)
{
	*addr = (struct weir__addr){.kind = WEIR__ADDR_NONE};
	if (!peer)
		return;
	const struct weir__peer *entry = &peers->entries[peer];
	addr->kind = entry->kind;
	addr->scope = entry->scope;
	memcpy(addr->u.ip, entry->ip, sizeof entry->ip);
}
