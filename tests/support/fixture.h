/*
 * fixture.h: a fixture file as octets, how they come, and the expected log.
 *
 * The format is described in tests/fixtures/README.md.
 */
#ifndef WEIR_TESTS_FIXTURE_H
#define WEIR_TESTS_FIXTURE_H

#include "tests/support/eventlog.h"

struct fixture {
	uint8_t *octets;
	size_t len;
	weir_limits limits;        /* zeroed where the file sets none */
	struct eventlog_input how; /* what the file says besides, without the octets */
	char *expected;
	const char *fault; /* what is wrong with the file; NULL if it was read */
};

/* Fills f; false, with f->fault, when the file cannot be read or understood. */
bool fixture_read(struct fixture *f, const char *path);
void fixture_free(struct fixture *f);

/* Adds the octets that the text at..end stands for. Returns NULL, or what is wrong with it. */
const char *fixture_octets(struct fixture *f, const char *at, const char *end);

/*
 * Calls each with every fixture of every folder in tests/fixtures/requests below
 * $WEIR_SRCDIR. Returns NULL, or what is wrong: a folder that is missing or
 * empty, a file that cannot be understood, too few of them.
 */
typedef void fixture_fn(const char *name, const struct fixture *f);
const char *fixture_each(fixture_fn *each);
/* The same for tests/fixtures/responses. */
const char *fixture_each_response(fixture_fn *each);

#endif
