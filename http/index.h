/*
 * index.h: where in a head are the fields that programs ask for again and again?
 *
 * A server has one index, which belongs to the request that asked last. It holds
 * numbers of fields and no pointers: the head may move.
 */
#ifndef WEIR_HTTP_INDEX_H
#define WEIR_HTTP_INDEX_H

#include "http/weir_http.h"

enum {
	WEIR__NAME_LENGTHS = 26, /* common names are shorter than that, */
	WEIR__NAME_PEERS = 6     /* and no more than so many are of one length */
};

struct weir__index {
	/* By common name: 1 + the number of the first field that is called so; 0: there is none. */
	uint16_t first[WEIR__NAME_LENGTHS * WEIR__NAME_PEERS];
};

/* A number, below that of the entries of an index, for a common name in any case; else -1. */
int weir__common_name(const void *name, size_t len);

/* Reads n fields, whose names are slices of data. */
void weir__index_make(struct weir__index *index, const void *data, const weir_field *fields,
                      uint16_t n);

#endif
