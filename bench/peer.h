/*
 * peer.h: what another parser must offer to be measured beside weir's.
 *
 * An adapter is a shared object that includes this header and exports one
 * function, bench_peer. bench/parse loads it with --peer=FILE.so and calls what
 * it offers in the same process, by turns with weir's own parser:
 *
 *     static int head(const char *data, size_t len)
 *     {
 *             return their_parse(data, len);
 *     }
 *
 *     const struct bench_peer *bench_peer(void)
 *     {
 *             static const struct bench_peer theirs = {"theirs", head, NULL, NULL};
 *
 *             return &theirs;
 *     }
 */
#ifndef WEIR_BENCH_PEER_H
#define WEIR_BENCH_PEER_H

#include <stddef.h>

struct bench_peer {
	/* What the table calls it. */
	const char *name;
	/*
	 * Parses the head of one request without a body, data[0..len), and is ready
	 * for the next one. Returns how many fields it holds, < 0 if it was refused or
	 * ended elsewhere.
	 */
	int (*head)(const char *data, size_t len);
	/* The same when the head comes octet by octet: len calls of the parser. NULL: cannot. */
	int (*feed)(const char *data, size_t len);
	/*
	 * Decodes one chunked body to its end, trailer section included; may write to
	 * data. Returns how many octets of content it holds, < 0 if it was refused or
	 * ended elsewhere. NULL: cannot.
	 */
	int (*chunked)(char *data, size_t len);
};

const struct bench_peer *bench_peer(void);

#endif
