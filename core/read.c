/*
 * Octets coming in. A chunk is borrowed when the socket is readable and goes
 * back when its octets were used. What a data callback leaves is kept: a little
 * in a small block that doubles as more comes (so that many slow senders cost
 * what they sent), much in the chunk it is in. Later octets are read behind it,
 * in place, and it is offered again in one piece.
 */
#include <errno.h>
#include <string.h>

#include "core/stream.h"

/* The smallest block that keeps unread octets. */
#define SMALLEST 128
/* Reads in one go when each fills its buffer; then the others have their turn, as they
   have when the data callback asks to be offered the rest later. */
#define READ_BOUND 4

static weir_loop *loop_of(const weir_stream *s)
{
	return s->owner->loop;
}

static int64_t receive(weir_stream *s, char *to, size_t room)
{
	const weir_transport *t = s->owner->transport;
	if (t) {
		weir_vec vec = {to, room};
		return t->readv(s->source.fd, &vec, 1, s->owner->transport_arg);
	}
	struct weir__vec vec = {to, room};
	return weir__sys_readv(s->source.fd, &vec, 1);
}

static bool pending(const weir_stream *s)
{
	const weir_transport *t = s->owner->transport;
	return t && t->pending && t->pending(s->source.fd, s->owner->transport_arg) > 0;
}

/* ---- buffers: a block of a chunk's size is a chunk ----------------------- */

static char *buffer_take(weir_loop *loop, uint32_t size)
{
	return size == WEIR__CHUNK ? weir__chunk_take(&loop->chunks)
	                           : weir__mem_resize(&loop->mem, NULL, 0, size);
}

static void buffer_give(weir_loop *loop, char *buffer, uint32_t size)
{
	if (!buffer)
		return;
	if (size == WEIR__CHUNK)
		weir__chunk_give(&loop->chunks, buffer);
	else
		weir__mem_free(&loop->mem, buffer, size);
}

static void set_buffer(weir_stream *s, char *buffer, uint32_t cap, uint32_t at, uint32_t len)
{
	s->flow->in = buffer;
	s->flow->in_cap = cap;
	s->flow->in_at = at;
	s->flow->in_len = len;
}

void weir__input_drop(weir_stream *s)
{
	buffer_give(loop_of(s), s->flow->in, s->flow->in_cap);
	set_buffer(s, NULL, 0, 0, 0);
}

/* No memory to read into: waits for others to give theirs back. */
static void starve(weir_stream *s)
{
	weir_loop *loop = loop_of(s);
	int64_t wait = 0;
	/* With chunks left under the cap it is memory that is out. What the longest
	   idle gives way with is there in the next turn; without one, nobody here
	   gives memory back for certain, so it is tried again, but not at once. */
	if (weir__chunks_room(&loop->chunks) && !weir__evict(loop, NULL))
		wait = WEIR__RETRY_MS;
	if (weir__is(s, WEIR__CLOSED))
		return;
	weir__wait_for_room(loop, wait);
	weir__set(s, WEIR__STARVED);
	weir__stream_update(s);
}

static uint32_t small_size(uint32_t len)
{
	uint32_t size = SMALLEST;
	while (size < len)
		size *= 2;
	return size;
}

/* More is kept than the user said it could ever need at once. */
static void check_unread(weir_stream *s)
{
	if (!weir__is(s, WEIR__HELD) && s->flow->in_len > (uint32_t)s->owner->max_unread)
		weir__stream_end(s, WEIR_ETOOBIG);
}

/* Keeps what was left in a borrowed chunk. Takes the chunk over. */
static void keep(weir_stream *s, char *chunk, uint32_t at, uint32_t len)
{
	weir_loop *loop = loop_of(s);
	uint32_t cap = small_size(len);
	if (!weir__flow_get(s)) {
		weir__chunk_give(&loop->chunks, chunk);
		weir__stream_end(s, -ENOMEM);
		return;
	}
	char *small = cap < WEIR__CHUNK / 2 ? buffer_take(loop, cap) : NULL;
	if (small) {
		memcpy(small, chunk + at, len);
		weir__chunk_give(&loop->chunks, chunk);
		set_buffer(s, small, cap, 0, len);
	} else {
		set_buffer(s, chunk, WEIR__CHUNK, at, len);
	}
	check_unread(s);
}

/* Makes room behind what is unread. False: no memory. */
static bool make_room(weir_stream *s)
{
	weir_loop *loop = loop_of(s);
	struct weir__flow *f = s->flow;
	if (f->in_at + f->in_len < f->in_cap)
		return true;
	if (f->in_at >= f->in_cap / 2) {
		memmove(f->in, f->in + f->in_at, f->in_len);
		f->in_at = 0;
		return true;
	}
	uint32_t cap = f->in_cap * 2;
	char *bigger = buffer_take(loop, cap);
	if (!bigger)
		return false;
	memcpy(bigger, f->in + f->in_at, f->in_len);
	buffer_give(loop, f->in, f->in_cap);
	set_buffer(s, bigger, cap, 0, f->in_len);
	return true;
}

/* ---- offering ----------------------------------------------------------- */

/* How many octets the user took; all of them when he does not care. */
static uint32_t offer(weir_stream *s, const char *data, uint32_t len)
{
	if (!s->ops->data)
		return len;
	size_t used = s->ops->data(s, data, len, s->arg);
	return used < len ? (uint32_t)used : len;
}

/* Offers what is kept. */
static void offer_kept(weir_stream *s)
{
	weir_loop *loop = loop_of(s);
	struct weir__flow *f = s->flow;
	char *in = f->in;
	uint32_t cap = f->in_cap;
	f->lent = true;
	uint32_t used = offer(s, in + f->in_at, f->in_len);
	if (weir__is(s, WEIR__CLOSED)) {
		buffer_give(loop, in, cap);
		return;
	}
	f->lent = false;
	f->in_at += used;
	f->in_len -= used;
	if (f->in_len) {
		check_unread(s);
		return;
	}
	weir__input_drop(s);
	weir__flow_trim(s);
}

/* Offers what was read into a borrowed chunk. */
static void offer_chunk(weir_stream *s, char *chunk, uint32_t len)
{
	weir_loop *loop = loop_of(s);
	uint32_t used = offer(s, chunk, len);
	if (weir__is(s, WEIR__CLOSED) || used == len)
		weir__chunk_give(&loop->chunks, chunk);
	else
		keep(s, chunk, used, len - used);
}

/* ---- the end ------------------------------------------------------------ */

static void tell_end(weir_stream *s)
{
	weir__set(s, WEIR__END_TOLD);
	if (s->ops->end)
		s->ops->end(s, s->arg);
	else
		weir_finish(s);
	if (!weir__is(s, WEIR__CLOSED) && weir__is(s, WEIR__SHUT))
		weir__errand(loop_of(s), &s->source);
}

/* Octets are unread, and will be offered by a resume or an errand: the end is told after them. */
static bool end_waits(const weir_stream *s)
{
	return weir__is(s, WEIR__HELD | WEIR__OFFER) && weir__stream_unread(s);
}

static void at_end(weir_stream *s)
{
	weir__set(s, WEIR__EOF);
	weir__stream_update(s);
	if (s->flow && s->flow->in)
		offer_kept(s);
	if (!weir__is(s, WEIR__CLOSED | WEIR__DOOMED) && !end_waits(s))
		tell_end(s);
}

/* ---- reading ------------------------------------------------------------ */

/* What became of one read. */
enum got { NOTHING, SOME, ALL_THERE_WAS_ROOM_FOR };

static enum got judge(weir_stream *s, int64_t n, size_t room)
{
	if (n > 0) {
		weir__stream_alive(s);
		return (size_t)n == room ? ALL_THERE_WAS_ROOM_FOR : SOME;
	}
	if (n == 0)
		at_end(s);
	else if (n != -EAGAIN)
		weir__stream_end(s, (int)n);
	return NOTHING;
}

static enum got read_behind(weir_stream *s)
{
	struct weir__flow *f = s->flow;
	if (!make_room(s)) {
		starve(s);
		return NOTHING;
	}
	uint32_t end = f->in_at + f->in_len, room = f->in_cap - end;
	int64_t n = receive(s, f->in + end, room);
	if (n > 0) {
		f->in_len += (uint32_t)n;
		offer_kept(s);
		if (weir__is(s, WEIR__CLOSED))
			return NOTHING;
	}
	return judge(s, n, room);
}

static enum got read_chunk(weir_stream *s)
{
	weir_loop *loop = loop_of(s);
	/* With a place to keep what will not be used: octets that were read cannot wait. */
	char *chunk = weir__flow_ready(s) ? weir__chunk_take(&loop->chunks) : NULL;
	if (!chunk) {
		weir__flow_trim(s);
		starve(s);
		return NOTHING;
	}
	int64_t n = receive(s, chunk, WEIR__CHUNK);
	if (n > 0)
		offer_chunk(s, chunk, (uint32_t)n);
	else
		weir__chunk_give(&loop->chunks, chunk);
	if (weir__is(s, WEIR__CLOSED))
		return NOTHING;
	weir__flow_trim(s);
	return judge(s, n, WEIR__CHUNK);
}

/* What is to be offered comes before what is still with the kernel. */
static bool reading(const weir_stream *s)
{
	return !weir__is(s, WEIR__CLOSED | WEIR__DOOMED | WEIR__HELD | WEIR__EOF | WEIR__STARVED |
	                            WEIR__OFFER);
}

void weir__stream_readable(weir_stream *s)
{
	for (int i = 0; i < READ_BOUND && reading(s); i++) {
		enum got got = s->flow && s->flow->in ? read_behind(s) : read_chunk(s);
		if (got == NOTHING || (got == SOME && !pending(s)))
			return;
	}
	/* The transport has octets that no event will tell of. */
	if (reading(s) && pending(s))
		weir__stream_offer(s);
}

void weir__stream_settle_input(weir_stream *s)
{
	if (!weir__is(s, WEIR__OFFER))
		return;
	weir__unset(s, WEIR__OFFER);
	if (weir__is(s, WEIR__HELD))
		return;
	if (s->flow && s->flow->in)
		offer_kept(s);
	if (reading(s) && pending(s))
		weir__stream_readable(s);
	if (weir__is(s, WEIR__CLOSED | WEIR__DOOMED | WEIR__HELD))
		return;
	if (weir__is(s, WEIR__EOF) && !weir__is(s, WEIR__END_TOLD) && !end_waits(s))
		tell_end(s);
}

void weir__stream_offer(weir_stream *s)
{
	weir__set(s, WEIR__OFFER);
	weir__errand(loop_of(s), &s->source);
}

void weir_hold(weir_stream *s, bool hold)
{
	if (hold) {
		weir__set(s, WEIR__HELD);
	} else if (weir__is(s, WEIR__HELD)) {
		weir__unset(s, WEIR__HELD);
		weir__stream_offer(s);
	}
	weir__stream_update(s);
}
