/*
 * The wheel of time limits: one coarse time-out per stream. Slots of 64 ms hold
 * streams, linked by descriptor number instead of pointer (half the size). A
 * refresh writes only the deadline; when a slot comes round, each stream in it
 * is looked at and filed again unless its time has come. Only a deadline that
 * moves to an earlier time files at once. So a stream is never filed later than
 * its deadline, and need not remember where: the first of a slot does.
 */
#ifndef WEIR_CORE_WHEEL_H
#define WEIR_CORE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/weir.h"

#define WEIR__WHEEL_SLOTS 2048
#define WEIR__WHEEL_TICK 64 /* ms; one turn of the wheel is 131 s */
#define WEIR__NOWHERE (-1 - WEIR__WHEEL_SLOTS)

struct weir__owner;

struct weir__limit {
	int32_t prev; /* descriptor before it; -1 - slot: it is the first there; or WEIR__NOWHERE */
	int32_t next; /* descriptor behind it; -1: it is the last */
	uint32_t due; /* low 32 bits of the loop's ms */
};

struct weir__wheel {
	int64_t tick;                          /* looked at up to here, in ticks */
	int32_t head[WEIR__WHEEL_SLOTS];       /* first descriptor, or -1 */
	uint64_t used[WEIR__WHEEL_SLOTS / 64]; /* slots that hold something */
	int64_t nearest;                       /* none is used before this tick */
	uint32_t count;
};

void weir__wheel_init(struct weir__wheel *wheel, int64_t now);
void weir__limit_init(struct weir__limit *limit);
static inline bool weir__limit_is_set(const struct weir__limit *limit)
{
	return limit->prev != WEIR__NOWHERE;
}

/* Sets the stream's deadline (ms >= 0 from now). */
void weir__limit_set(weir_stream *stream, int64_t ms);
/* Takes the stream off the wheel. */
void weir__limit_clear(weir_stream *stream);
/* Looks at the slots that have come; calls weir__stream_expired for what is due. */
void weir__wheel_run(weir_loop *loop);
/* When a slot comes that holds something, or INT64_MAX. */
int64_t weir__wheel_next(weir_loop *loop);
/* The evictable stream (of that owner, unless NULL) whose deadline is nearest: with one
   limit for all, the longest idle. */
weir_stream *weir__wheel_oldest(weir_loop *loop, const struct weir__owner *owner);

/* stream.c: the limit has passed. */
void weir__stream_expired(weir_stream *stream);

#endif
