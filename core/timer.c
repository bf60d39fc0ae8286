/*
 * Timers of the user's: an intrusive pairing heap, so that arming allocates
 * nothing and costs O(1). The root is the next one due; each node's children
 * hang in a list (`child`, `next`), whose `prev` points back to the elder
 * sibling or, from the eldest, to the parent.
 */
#include "core/loop.h"

void weir_timer_init(weir_timer *timer, weir_timer_fn *fn, void *arg)
{
	*timer = (weir_timer){.fn = fn, .arg = arg};
}

static bool before(const weir_timer *a, const weir_timer *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

/* Joins two heaps, either of which may be NULL. */
static weir_timer *meld(weir_timer *a, weir_timer *b)
{
	if (!a || !b)
		return a ? a : b;
	if (before(b, a)) {
		weir_timer *t = a;
		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	a->child = b;
	return a;
}

/* Joins a list of siblings: in pairs from the left, then all from the right. */
static weir_timer *meld_siblings(weir_timer *first)
{
	weir_timer *pairs = NULL, *root = NULL;
	while (first) {
		weir_timer *a = first, *b = a->next;
		first = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		weir_timer *next = pairs->next;
		pairs->next = NULL;
		root = meld(root, pairs);
		pairs = next;
	}
	return root;
}

static void cut(weir_loop *loop, weir_timer *t)
{
	weir_timer *rest = meld_siblings(t->child);
	if (loop->timers == t) {
		loop->timers = rest;
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next)
			t->next->prev = t->prev;
		loop->timers = meld(loop->timers, rest);
	}
	t->child = t->next = t->prev = NULL;
}

static void file(weir_loop *loop, weir_timer *t, int64_t due)
{
	t->due = due;
	t->order = ++loop->order;
	loop->timers = meld(loop->timers, t);
}

static int64_t later(int64_t now, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	return ms > INT64_MAX - now ? INT64_MAX : now + ms;
}

void weir_timer_start(weir_loop *loop, weir_timer *timer, int64_t ms, int64_t every)
{
	weir_timer_stop(timer);
	timer->loop = loop;
	timer->every = every < 0 ? 0 : every;
	timer->started = true;
	if (!timer->unref)
		loop->holds++;
	/* From this moment, not from the turn's beginning, and rounded up: a timer
	   is never early, however long the calls before it in this turn took. */
	file(loop, timer, later((weir__sys_now_us() + 999) / 1000, ms));
}

int weir_timer_stop(weir_timer *timer)
{
	if (!timer->started)
		return 0;
	cut(timer->loop, timer);
	timer->started = false;
	if (!timer->unref)
		timer->loop->holds--;
	return 1;
}

void weir_timer_unref(weir_timer *timer, bool unref)
{
	if (timer->started && unref != timer->unref)
		timer->loop->holds += unref ? -1 : 1;
	timer->unref = unref;
}

int64_t weir__timers_next(const weir_loop *loop)
{
	return loop->timers ? loop->timers->due : INT64_MAX;
}

/* The next time on the timer's own beat that is not yet past. */
static int64_t next_beat(const weir_timer *t, int64_t now)
{
	int64_t missed = (now - t->due) / t->every;
	return later(t->due, (missed + 1) * t->every);
}

void weir__timers_run(weir_loop *loop)
{
	/* One started in this turn waits for the next, or a zero interval would
	   keep everything else from running. */
	while (loop->timers && loop->timers->due <= loop->now &&
	       loop->timers->order <= loop->turn_order) {
		weir_timer *t = loop->timers;
		if (t->every) {
			cut(loop, t);
			file(loop, t, next_beat(t, loop->now));
		} else {
			weir_timer_stop(t);
		}
		t->fn(t, t->arg);
	}
}
