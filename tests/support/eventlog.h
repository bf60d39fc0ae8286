/*
 * eventlog.h: what does the parser tell about these octets, as text?
 *
 * One line for each thing told; tests/fixtures/README.md lists them. The log
 * must not depend on how the octets were cut, so whoever compares logs needs
 * only to choose the cuts.
 *
 * The reader behind it is as unkind as the contract lets it be: the octets given
 * end at a page that cannot be read, and between any two calls the parser and
 * the fields move to another place and the old one is spoilt.
 */
#ifndef WEIR_TESTS_EVENTLOG_H
#define WEIR_TESTS_EVENTLOG_H

#include <weir_http.h>

enum { EVENTLOG_ANSWERS = 8 };

struct eventlog_input {
	const uint8_t *octets;
	size_t len;
	const weir_limits *limits; /* NULL: the defaults */
	bool response;             /* octets of a server; else of a client */
	bool closed;               /* the connection ends behind the octets */
	bool plain;                /* without a line of flags */
	/* What the final responses answer, one after the other; the last goes on. None: GET. */
	weir_method answers[EVENTLOG_ANSWERS];
	size_t nanswers;
};

/* Takes methods as a comma list, "HEAD,GET", into in; false if it cannot. */
bool eventlog_answers(struct eventlog_input *in, const char *list);

/*
 * The log of input that arrives in ncuts + 1 pieces, cut at the given ascending
 * offsets. malloc'ed; NULL when memory ran out.
 */
char *eventlog_cuts(const struct eventlog_input *in, const size_t *cuts, size_t ncuts);

char *eventlog_whole(const struct eventlog_input *in);
char *eventlog_split(const struct eventlog_input *in, size_t at);
char *eventlog_octets(const struct eventlog_input *in); /* one octet at a time */

#endif
