/*
 * A queue of octets on their way out: segments that are either parts of chunks
 * (copied) or somebody else's memory (referenced), in order.
 */
#ifndef WEIR_CORE_OUTQ_H
#define WEIR_CORE_OUTQ_H

#include "backend/sys.h"
#include "core/chunk.h"
#include "core/weir.h"

struct weir__seg {
	struct weir__seg *next;
	const char *data; /* what is left */
	size_t len;
	weir_ref_fn *done; /* reference: whom to tell; NULL in a chunk */
	void *arg;
	uint32_t room; /* chunk: octets free behind data + len */
	bool chunk;    /* the segment is the head of a chunk that holds its octets */
};

struct weir__outq {
	struct weir__seg *head, *tail;
	struct weir__seg *sent, *sent_tail; /* references that are through, to be told */
	int64_t queued;
};

/* Octets that fit into one chunk beside its segment. */
#define WEIR__SEG_ROOM (WEIR__CHUNK - sizeof(struct weir__seg))

/* Copies the octets behind what is queued. All or nothing: 0 or -ENOMEM. */
int weir__outq_copy(struct weir__outq *q, struct weir__chunks *chunks, const weir_str *pieces,
                    int n, size_t skip);
/* Room for that many octets right behind what is queued, to be filled at once: `queued` grows
   with weir__outq_filled. NULL: no memory, or more than a chunk has. */
char *weir__outq_room(struct weir__outq *q, struct weir__chunks *chunks, size_t len);
void weir__outq_filled(struct weir__outq *q, size_t len);
/* A reference, to be queued with weir__outq_add. NULL: no memory. */
struct weir__seg *weir__outq_ref(struct weir__mem *mem, weir_ref_fn *done, void *arg);
void weir__outq_add(struct weir__outq *q, struct weir__seg *ref, const char *data, size_t len);
/* The first segments as pieces for a write; how many. */
int weir__outq_vec(const struct weir__outq *q, struct weir__vec *vec, int max);
/* n octets from the front are sent. */
void weir__outq_sent(struct weir__outq *q, struct weir__chunks *chunks, size_t n);
/* Takes one sent reference: done and arg; false when there is none. */
bool weir__outq_take_sent(struct weir__outq *q, struct weir__mem *mem, weir_ref_fn **done,
                          void **arg);
/* All references become sent ones; chunks are given back. */
void weir__outq_abandon(struct weir__outq *q, struct weir__chunks *chunks);

#endif
