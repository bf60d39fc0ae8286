/*
 * A reply as it comes, in whatever pieces: a head, then a body by length or in
 * chunks, which is compared octet by octet with the one that is right.
 */
#ifndef WEIR_TESTS_TOOLS_TAKER_H
#define WEIR_TESTS_TOOLS_TAKER_H

#include <stddef.h>
#include <stdint.h>

#include "tests/tools/client.h"

enum taken {
	TAKEN_PART,  /* more must come */
	TAKEN_WHOLE, /* it was right, to its last octet, and nothing is behind it */
	TAKEN_NOT_HTTP,
	TAKEN_WRONG_STATUS,
	TAKEN_WRONG_BODY,
	TAKEN_TOO_MUCH, /* octets behind the reply */
};

struct taker {
	enum { TAKE_HEAD, TAKE_BODY, TAKE_SIZE, TAKE_CHUNK_END, TAKE_TRAILER, TAKE_NOTHING } state;
	struct reply reply;    /* from the moment when the head is there */
	const char *right;     /* the body that must come; NULL: any that text has room for */
	size_t right_len, got; /* its length; octets of the body that have come */
	uint64_t left;         /* octets that this chunk, or the body, still has */
	size_t len;            /* octets in line */
	char line[4096];       /* the head, or a line between chunks, as far as it is there */
	char text[64];         /* with right == NULL, the body; ends in NUL */
};

/* Another reply, whose status must be 200. */
void taker_begin(struct taker *taker, const char *right, size_t len);

enum taken taker_take(struct taker *taker, const char *data, size_t len);

/* Has anything of the reply come? */
int taker_has_begun(const struct taker *taker);

#endif
