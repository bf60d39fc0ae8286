/*
 * A stream's insides, and what http/ needs of streams beyond weir.h.
 *
 * An idle stream is one block, struct weir_stream, and nothing else. What it
 * needs while octets are on their way (unread input, queued output) stands in a
 * struct weir__flow, borrowed from the loop and given back when both are empty.
 */
#ifndef WEIR_CORE_STREAM_H
#define WEIR_CORE_STREAM_H

#include <assert.h>

#include "core/loop.h"
#include "core/outq.h"

enum {
	WEIR__CONNECTING = 0x0001, /* no connection yet */
	WEIR__OPENING = 0x0002,    /* open is to be called */
	WEIR__EOF = 0x0004,        /* the peer's end was read */
	WEIR__END_TOLD = 0x0008,   /* ... and told */
	WEIR__FINISHING = 0x0010,  /* weir_finish was called */
	WEIR__SHUT = 0x0020,       /* our end was sent */
	WEIR__LAST = 0x0040,       /* ends when the queue is empty */
	WEIR__HELD = 0x0080,       /* weir_hold */
	WEIR__STARVED = 0x0100,    /* waits for a chunk to read into */
	WEIR__BLOCKED = 0x0200,    /* the kernel takes no more just now */
	WEIR__ABOVE = 0x0400,      /* was above the high mark, or refused a write: drain is owed */
	WEIR__OFFER = 0x0800,      /* what is unread is to be offered */
	WEIR__DOOMED = 0x1000,     /* gone is to be called; limit.due holds why */
	WEIR__EVICTABLE = 0x2000,
	WEIR__CLOSED = 0x4000 /* dead; only the source is left */
};

/* The working set. */
struct weir__flow {
	struct weir__outq out;
	char *in; /* unread octets: in[in_at .. in_at + in_len) */
	uint32_t in_at, in_len;
	uint32_t in_cap; /* WEIR__CHUNK: a chunk; else a block of its own */
	bool lent;       /* the data callback is looking at it */
	int32_t low, high, max_queue;
	bool pinned; /* marks of its own: kept while the stream lives */
};

struct weir_stream {
	struct weir__source source;
	struct weir__owner *owner; /* the loop behind it */
	const weir_stream_ops *ops;
	void *arg;
	struct weir__flow *flow; /* NULL: nothing unread, nothing queued */
	struct weir__limit limit;
	uint16_t port;  /* the peer's */
	uint16_t count; /* free for the protocol: requests served */
	uint32_t peer;  /* interned address */
	uint32_t idle_ms;
};

static_assert(sizeof(weir_stream) <= 72, "a stream is one block that a heap rounds to 80");

/* ---- bits, and what is asked all the time ---- */

/* weir_queued. */
static inline int64_t weir__queued(const weir_stream *stream)
{
	return stream->flow ? stream->flow->out.queued : 0;
}

static inline bool weir__is(const weir_stream *stream, unsigned bits)
{
	return (stream->source.bits & bits) != 0;
}

static inline void weir__set(weir_stream *stream, unsigned bits)
{
	stream->source.bits |= (uint16_t)bits;
}

static inline void weir__unset(weir_stream *stream, unsigned bits)
{
	stream->source.bits &= (uint16_t)~bits;
}

/* ---- for the protocols above ---- */

/* The arg given to weir_listen. */
static inline void *weir__stream_owner_arg(const weir_stream *stream)
{
	return stream->owner->arg;
}

/*
 * Has ops->idle called once in ms (< 0: never), instead of any earlier limit.
 * For streams without an idle limit of their own.
 */
void weir__stream_limit(weir_stream *stream, int64_t ms);
/* Says whether the stream may be closed to make room; `gone` says WEIR_EDRAINED. */
static inline void weir__stream_evictable(weir_stream *stream, bool yes)
{
	if (yes == weir__is(stream, WEIR__EVICTABLE))
		return;
	stream->owner->loop->evictable += yes ? 1 : -1;
	stream->source.bits ^= WEIR__EVICTABLE;
}

/* Has what is unread offered again, from the loop. */
void weir__stream_offer(weir_stream *stream);
/* As weir_writev, but only queues; weir__stream_flush sends. */
int64_t weir__stream_gather(weir_stream *stream, const weir_str *pieces, int n);
/*
 * The same without a copy: room for that many octets behind what is queued, to be filled at
 * once with no more than that, and then told of. NULL: there is none, for whatever reason.
 */
char *weir__stream_room(weir_stream *stream, size_t len);
int64_t weir__stream_filled(weir_stream *stream, size_t len);
void weir__stream_flush(weir_stream *stream);
/* Asks a kernel that would take no more once again, before it says so by itself: many do
   only when a good part of their buffer is free. From the loop. */
void weir__stream_retry(weir_stream *stream);
/* Ends the stream, with gone(0), as soon as the queue is empty. No more writes. */
void weir__stream_last(weir_stream *stream);
/* Has its close drop what the kernel has not sent: for a peer that takes nothing. */
void weir__stream_reset(weir_stream *stream);
/* Ends the stream from the loop: gone(why) is the last call. */
void weir__stream_doom(weir_stream *stream, int why);
/*
 * Gives it another role for good: it is the user's own from here on, without limit, and
 * not to be dropped. What is unread is offered to the new role, and the peer's end told to
 * it, also if the old one heard of it; both from the loop.
 */
void weir__stream_hand_over(weir_stream *stream, const weir_stream_ops *ops, void *arg);
/* The stream of a descriptor, or NULL. */
weir_stream *weir__stream_at(const weir_loop *loop, int32_t fd);
/* Octets that the data callback left. */
static inline size_t weir__stream_unread(const weir_stream *stream)
{
	return stream->flow && stream->flow->in ? stream->flow->in_len : 0;
}

/* ---- for core/ ---- */

/*
 * Makes a stream of a descriptor that it will close; `block` is memory for it.
 * Registers it with `want`; takes a reference to the owner. 0 or -errno: then
 * block and descriptor are still the caller's.
 */
int weir__stream_init(weir_stream *block, struct weir__owner *owner, int fd, unsigned bits,
                      bool shared);
/*
 * Makes a connected stream socket, of which others may have copies, a stream of an owner
 * that accepts, as if it had been accepted; open is called from the loop. Beyond
 * max_conns one that is idle makes room. 0, or with the descriptor still the caller's
 * -EBADF, -ENOTSOCK, -ENOTCONN, -EBUSY, -ENOMEM, or -EMFILE also when there is no room.
 */
int weir__take(struct weir__owner *owner, int fd);
/* Ends it by itself: references, then gone(why), then it is freed. From the loop only. */
void weir__stream_end(weir_stream *stream, int why);
/* Brings what the source wants in line with the bits. */
void weir__stream_update(weir_stream *stream);
/* The working set, borrowed if there is none. NULL: no memory. */
static inline struct weir__flow *weir__flow_get(weir_stream *stream)
{
	if (!stream->flow && (stream->flow = weir__pool_take(&stream->owner->loop->flows)) != NULL)
		memset(stream->flow, 0, sizeof *stream->flow);
	return stream->flow;
}

/* Whether a flow can be had now and, as long as no other stream takes one, later. */
static inline bool weir__flow_ready(weir_stream *stream)
{
	return stream->flow || stream->owner->loop->flows.free || weir__flow_get(stream);
}

/* Gives the working set back when it holds nothing. */
static inline void weir__flow_trim(weir_stream *stream)
{
	struct weir__flow *f = stream->flow;
	if (!f || f->in || f->out.head || f->out.sent || f->pinned)
		return;
	weir__pool_give(&stream->owner->loop->flows, f);
	stream->flow = NULL;
}

/* Octets have moved: the idle limit begins anew. */
static inline void weir__stream_alive(weir_stream *stream)
{
	if (stream->idle_ms && !weir__is(stream, WEIR__DOOMED))
		weir__limit_set(stream, stream->idle_ms);
}

/* Remembers who is at the other end. */
void weir__stream_set_peer(weir_stream *stream, const struct weir__addr *addr);
/* Makes room by ending the longest idle stream (of that owner, unless NULL). False: none. */
bool weir__evict(weir_loop *loop, const struct weir__owner *owner);
/* Whether its connections, or all of the loop's, are as many as may be. */
bool weir__owner_full(const struct weir__owner *owner);
/* Makes room for one more of its: at a limit of its own, only its own can. False: none did. */
bool weir__owner_evict(const struct weir__owner *owner);
/* Those that waited for a chunk read again; those that were refused a write hear drain. */
void weir__streams_resume(weir_loop *loop);

/* read.c: there may be something to read; what is unread is to be offered; buffers go back. */
void weir__stream_readable(weir_stream *stream);
void weir__stream_settle_input(weir_stream *stream);
void weir__input_drop(weir_stream *stream);
/* write.c: the kernel may take more; what a flush left to be told. */
void weir__stream_writable(weir_stream *stream);
void weir__stream_settle_output(weir_stream *stream);
/* Nothing is queued, and the transport keeps nothing back. */
bool weir__all_sent(const weir_stream *stream);
/* Tells the references that are through. False: the stream was closed meanwhile. */
bool weir__output_tell(weir_stream *stream, int status);
/* open.c: as weir_adopt, for an owner that several streams may have in common. */
int weir__adopt(struct weir__owner *owner, weir_stream **stream, int fd, const weir_stream_ops *ops,
                void *arg);
/* The outcome of a connect is known. */
void weir__stream_connected(weir_stream *stream);

/* Who receives what a listener accepts before its owner hears of it (guest.c). */
struct weir__greeter {
	/* False: it is the owner's at once. */
	bool (*greet)(struct weir__greeter *greeter, weir_stream *stream,
	              const struct weir__addr *peer);
	/* The listener is being closed: frees it, and closes what is with it still. */
	void (*leave)(struct weir__greeter *greeter);
};

/* listen.c: whose streams it accepts; where its greeter stands, NULL being none. */
struct weir__owner *weir__listener_owner(const weir_listener *listener);
struct weir__greeter **weir__listener_greeter(weir_listener *listener);

static inline bool weir__may_evict(const weir_stream *stream, const struct weir__owner *owner)
{
	return weir__is(stream, WEIR__EVICTABLE) && (!owner || stream->owner == owner);
}

#endif
