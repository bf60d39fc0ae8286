/* Which streams have been waited for too long. */
#include "core/wheel.h"

#include "core/compiler.h"
#include "core/loop.h"
#include "core/stream.h"

#define SLOTS WEIR__WHEEL_SLOTS
#define TICK WEIR__WHEEL_TICK
#define NOWHERE WEIR__NOWHERE
/* Deadlines are compared modulo 2^32 ms: none may lie further ahead than this. */
#define FARTHEST INT32_MAX

void weir__wheel_init(struct weir__wheel *wheel, int64_t now)
{
	*wheel = (struct weir__wheel){.tick = now / TICK, .nearest = INT64_MAX};
	for (int i = 0; i < SLOTS; i++)
		wheel->head[i] = -1;
}

void weir__limit_init(struct weir__limit *limit)
{
	*limit = (struct weir__limit){.prev = NOWHERE, .next = -1};
}

static weir_stream *stream_of(weir_loop *loop, int32_t fd)
{
	return (weir_stream *)(void *)weir__source_at(loop, fd);
}

static uint64_t *word_of(struct weir__wheel *wheel, unsigned slot)
{
	return &wheel->used[slot / 64];
}

static void link_in(weir_loop *loop, weir_stream *s, unsigned slot)
{
	struct weir__wheel *wheel = &loop->wheel;
	s->limit.prev = -1 - (int32_t)slot;
	s->limit.next = wheel->head[slot];
	if (s->limit.next >= 0)
		stream_of(loop, s->limit.next)->limit.prev = s->source.fd;
	wheel->head[slot] = s->source.fd;
	*word_of(wheel, slot) |= UINT64_C(1) << slot % 64;
	wheel->count++;
}

static void unlink_from(weir_loop *loop, weir_stream *s)
{
	struct weir__wheel *wheel = &loop->wheel;
	struct weir__limit *limit = &s->limit;
	if (limit->next >= 0)
		stream_of(loop, limit->next)->limit.prev = limit->prev;
	if (limit->prev >= 0) {
		stream_of(loop, limit->prev)->limit.next = limit->next;
	} else {
		const unsigned slot = (unsigned)(-1 - limit->prev);
		wheel->head[slot] = limit->next;
		if (limit->next < 0)
			*word_of(wheel, slot) &= ~(UINT64_C(1) << slot % 64);
	}
	limit->prev = NOWHERE;
	wheel->count--;
}

/* ms until the deadline; <= 0: it has come. */
static int32_t time_left(const weir_loop *loop, const weir_stream *s)
{
	return (int32_t)(s->limit.due - (uint32_t)loop->now);
}

/* The tick at which a deadline is looked at: not before it, and within the wheel's turn. */
static int64_t tick_for(const weir_loop *loop, const weir_stream *s)
{
	int64_t tick = (loop->now + time_left(loop, s) + TICK - 1) / TICK;
	int64_t first = loop->wheel.tick + 1, last = loop->wheel.tick + SLOTS - 1;
	return tick < first ? first : tick > last ? last : tick;
}

static void file(weir_loop *loop, weir_stream *s)
{
	const int64_t tick = tick_for(loop, s);
	if (tick < loop->wheel.nearest)
		loop->wheel.nearest = tick;
	link_in(loop, s, (unsigned)(tick % SLOTS));
}

void weir__limit_set(weir_stream *s, int64_t ms)
{
	weir_loop *loop = s->owner->loop;
	const uint32_t due = (uint32_t)loop->now + (uint32_t)(ms < FARTHEST ? ms : FARTHEST);
	const bool filed = weir__limit_is_set(&s->limit),
		   earlier = (int32_t)(due - s->limit.due) < 0;
	s->limit.due = due;
	if (filed && !earlier)
		return;
	if (filed)
		unlink_from(loop, s);
	file(loop, s);
}

void weir__limit_clear(weir_stream *s)
{
	if (weir__limit_is_set(&s->limit))
		unlink_from(s->owner->loop, s);
}

/* The first tick from `from` on whose slot holds something, or INT64_MAX. */
static int64_t next_used(const struct weir__wheel *wheel, int64_t from)
{
	int64_t end = wheel->tick + SLOTS;
	while (from < end) {
		unsigned slot = (unsigned)(from % SLOTS);
		uint64_t word = wheel->used[slot / 64] >> slot % 64;
		if (word)
			return from + weir__lowest(word);
		from += 64 - slot % 64;
	}
	return INT64_MAX;
}

static bool is_used(const struct weir__wheel *wheel, int64_t tick)
{
	const unsigned slot = (unsigned)(tick % SLOTS);
	return wheel->used[slot / 64] >> slot % 64 & 1;
}

/* Asked every turn, and mostly answered as the last time. */
static int64_t nearest(struct weir__wheel *wheel)
{
	if (!wheel->count)
		wheel->nearest = INT64_MAX;
	else if (wheel->nearest <= wheel->tick || !is_used(wheel, wheel->nearest))
		wheel->nearest = next_used(wheel, wheel->tick + 1);
	return wheel->nearest;
}

int64_t weir__wheel_next(weir_loop *loop)
{
	const int64_t tick = nearest(&loop->wheel);
	return tick == INT64_MAX ? tick : tick * TICK;
}

static void look_at_slot(weir_loop *loop, unsigned slot)
{
	/* From the head each time: what is called may close any neighbour. */
	while (loop->wheel.head[slot] >= 0) {
		weir_stream *s = stream_of(loop, loop->wheel.head[slot]);
		unlink_from(loop, s);
		if (time_left(loop, s) > 0)
			file(loop, s);
		else
			weir__stream_expired(s);
	}
}

void weir__wheel_run(weir_loop *loop)
{
	int64_t now = loop->now / TICK;
	while (loop->wheel.tick < now) {
		int64_t tick = nearest(&loop->wheel);
		if (tick > now) {
			loop->wheel.tick = now;
			return;
		}
		loop->wheel.tick = tick;
		look_at_slot(loop, (unsigned)(tick % SLOTS));
	}
}

static weir_stream *evictable_in(weir_loop *loop, const struct weir__owner *owner, unsigned slot,
                                 int64_t tick)
{
	int32_t next;
	for (int32_t fd = loop->wheel.head[slot]; fd >= 0; fd = next) {
		weir_stream *s = stream_of(loop, fd);
		next = s->limit.next;
		if (tick_for(loop, s) > tick) {
			unlink_from(loop, s);
			file(loop, s);
		} else if (weir__may_evict(s, owner)) {
			return s;
		}
	}
	return NULL;
}

weir_stream *weir__wheel_oldest(weir_loop *loop, const struct weir__owner *owner)
{
	int64_t tick = loop->wheel.tick;
	if (!loop->evictable)
		return NULL;
	while ((tick = next_used(&loop->wheel, tick + 1)) != INT64_MAX) {
		weir_stream *s = evictable_in(loop, owner, (unsigned)(tick % SLOTS), tick);
		if (s)
			return s;
	}
	return NULL;
}
