/*
 * exchange.h: a case of tests/fixtures/exchanges, and whether what a client
 * received is what the case says.
 *
 * The format is described in tests/fixtures/README.md.
 */
#ifndef WEIR_TESTS_EXCHANGE_H
#define WEIR_TESTS_EXCHANGE_H

#include "tests/support/fixture.h"

enum { EXCHANGE_REPLIES = 128 };

/* What is expected of one reply. */
struct exchange_reply {
	int status, other; /* 0: no other one is good as well */
	bool cut;          /* `other` may be the beginning of a reply only */
	bool bare;         /* without a body: the request was HEAD */
	bool maybe;        /* it need not come */
	bool has_body;
	struct fixture body;
};

enum exchange_fate {
	EXCHANGE_CLOSED, /* the server has ended the connection */
	EXCHANGE_OPEN,   /* a further request is answered */
	EXCHANGE_WAITS   /* the server waits for octets of this request */
};

struct exchange {
	char name[120];
	struct fixture sent;
	bool half;  /* the client ends its side behind the octets */
	bool alone; /* and sends no further request */
	bool unannounced;
	enum exchange_fate fate;
	int64_t after_ms; /* EXCHANGE_CLOSED: not sooner */
	int nreplies;
	struct exchange_reply replies[EXCHANGE_REPLIES];
};

/* What the client has seen. */
struct exchange_result {
	const char *data; /* with a NUL behind */
	size_t len;
	bool closed, reset;
	int64_t ms;
};

/* The request that follows the octets of a case; it asks for the close. */
extern const char exchange_further[];

/*
 * The cases of a file; *n is how many. `options` gets what its `@` line says.
 * NULL: it cannot be understood, and *fault says why.
 */
struct exchange *exchange_read(const char *path, int *n, char options[200], const char **fault);
void exchange_free(struct exchange *cases, int n);

/* NULL: as the case says. Else what is wrong. */
const char *exchange_fault(const struct exchange *e, const struct exchange_result *result);

#endif
