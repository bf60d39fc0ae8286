/* A channel's insides, and what weir itself says on it. */
#ifndef WEIR_CORE_CHAN_H
#define WEIR_CORE_CHAN_H

#include "core/loop.h"

/* Types of weir's own messages. */
enum weir__word {
	WEIR__CONFIRM = 1, /* the oldest descriptor that is not confirmed has arrived */
	WEIR__REFUSE,      /* ... has not: there was no room for it */
	WEIR__READY,       /* weir_ready */
	WEIR__DRAIN,       /* to a worker: end when all is done; int64_t ms, int64_t relieved. From
			      one: it does so of itself */
	WEIR__CONNECTION,  /* to a worker: accepted for it; uint32_t which door. From one: it has
			      no room for it */
	WEIR__SOCKET,      /* to a worker: accept from this one as well; uint32_t which door */
	WEIR__NO_SOCKET,   /* to a worker: no longer; uint32_t which door */
	WEIR__LOOK,        /* to a worker: somebody may wait whom another was woken for. From
			      one: somebody else is to look, or it has room again */
	WEIR__WORDS
};

/* A descriptor on its way, with its message, should it come back. */
struct weir__flight {
	struct weir__flight *next;
	int64_t at; /* of all octets ever written, the one it goes with */
	uint32_t type, len;
	int fd;
	bool sent;
	char data[];
};

struct weir_chan {
	struct weir__source source; /* only for burial: fd -1 is closed */
	struct weir__tenant tenant;
	weir_loop *loop;
	weir_stream *stream;
	const weir_chan_ops *ops;
	void *arg;
	struct weir__flight *flights, **flights_end; /* the oldest first */
	int32_t nflights;
	int32_t max_message, max_queue, max_passing;
	int64_t written;                /* octets that the kernel has taken */
	int came[2 * WEIR__PASSED_MAX]; /* descriptors whose messages are not complete */
	int ncame;
	bool refused;     /* for want of room among the flights: drain is owed */
	bool cut;         /* the end came inside a message */
	bool deaf;        /* the other side takes nothing any more */
	bool mute;        /* nobody hears it yet: neither reads nor holds the loop, whatever … */
	bool held, unref; /* ... was asked for */
	bool spare;       /* opened by weir_ready; nobody has asked for it yet */
	bool released;    /* does not hold the loop */
	/* Of whoever made it: hears of weir's own words, and, last, of its end; or NULL. */
	void (*word)(weir_chan *chan, uint32_t word, const void *data, size_t len, int fd,
	             void *maker);
	void (*closed)(weir_chan *chan, void *maker);
	void *maker;
};

/* As weir_chan_send and weir_chan_pass, of weir's own. */
int64_t weir__chan_say(weir_chan *chan, enum weir__word word, const void *data, size_t len, int fd);

/* It has somebody who hears it now, though perhaps no callbacks. */
void weir__chan_listen(weir_chan *chan);
/* Octets that the other side has not taken yet, and may take. */
int64_t weir__chan_queued(const weir_chan *chan);
/* Whether it would take a descriptor just now; else `drain` will tell, if it ever does. */
bool weir__chan_takes(weir_chan *chan);

#endif
