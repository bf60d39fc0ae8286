/*
 * blocking.h: one connection, served by whoever has nothing else to do.
 *
 * The twin of weir's server: the parser, the emitter, the limits, the time limits and the replies
 * are the same, down to the octet; but reads and writes block, so that a connection needs a thread
 * or a process of its own.
 */
#ifndef WEIR_BENCH_BLOCKING_H
#define WEIR_BENCH_BLOCKING_H

#include <stdbool.h>
#include <stddef.h>

#include "http/emit.h"

enum {
	BLOCKING_FIELDS = 100,
	BLOCKING_ROOM =
		32 * 1024, /* as usual: as much as weir reads, and as much again for replies */
	BLOCKING_LEAST = 4 * 1024 /* for stacks that have no room */
};

/* What serves one connection after the other: the caller's, on its stack for instance. */
struct blocking {
	char *room; /* octets that were read, and the replies to them; heads that are larger get memory */
	size_t size;
	bool patient; /* no time limits, but for clients that do not take their last reply */
	struct weir__date date;
	weir_field fields[BLOCKING_FIELDS];
};

void blocking_init(struct blocking *server, char *room, size_t size);

/* Has the connections of this listener inherit what blocking_serve needs, unless it is patient. */
void blocking_prepare(int listener);

/* Serves the connection to its end, and closes it. */
void blocking_serve(struct blocking *server, int fd);

#endif
