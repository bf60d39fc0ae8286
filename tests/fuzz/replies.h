/*
 * replies.h: what an application has replied, and whether a client has got it.
 */
#ifndef WEIR_TESTS_FUZZ_REPLIES_H
#define WEIR_TESTS_FUZZ_REPLIES_H

#include "tests/fuzz/fuzz.h"

enum { FUZZ_EXCHANGES = 1024, FUZZ_CONTENT = 20000 };

/* A request that was handed to the application, in the order in which that happened. */
struct fuzz_exchange {
	weir_req *req; /* NULL: ended */
	int client;    /* who asked */
	weir_method method;
	bool marked;    /* the reply says which exchange this is */
	bool begun;     /* a final reply was begun */
	bool whole;     /* and all of it was taken */
	bool bodyless;  /* by its status */
	bool gone, end; /* told */
	uint64_t taken; /* octets of content */
};

/* "X-Exchange: N" marks the replies of number N; all their content is this letter. */
#define FUZZ_MARK "X-Exchange"
char fuzz_letter(int number);

/*
 * Asserts that octets, which this client has received, are HTTP, and are the
 * replies to its exchanges: in their order, none twice, none left out but at the
 * end, with their content. `calm`: nothing has happened for which a reply that is whole
 * may be lost. `marks`: no mark was lost for lack of memory.
 */
void fuzz_assert_replies(const struct fuzz_exchange *exchanges, int n, int client,
                         const uint8_t *octets, size_t len, bool calm, bool marks);

#endif
