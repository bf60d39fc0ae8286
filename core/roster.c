/*
 * roster.c: which workers are there, and whose turn is it?
 *
 * Every process alive has an entry in the memory that all of them share. Each word of it is
 * written by one of them: so it is read without locks, by the master and by the workers.
 */
#include <errno.h>

#include "core/child.h"
#include "core/cluster.h"

/* ---- entries ----------------------------------------------------------------- */

struct weir__entry *weir__entry_find_free(weir_cluster *c)
{
	for (int32_t i = 0; i < c->nentries; i++)
		if (!weir__tally_get(&c->entries[i].state))
			return &c->entries[i];
	return NULL;
}

void weir__entry_take(struct weir__process *p, struct weir__entry *e)
{
	weir__tally_set(&e->tally.accepted, 0);
	weir__tally_set(&e->tally.conns, 0);
	weir__tally_set(&e->tally.requests, 0);
	weir__tally_set(&e->tally.full, 0);
	weir__tally_set(&e->id, (uint32_t)p->id);
	weir__tally_set(&e->pid, 0);
	weir__tally_set(&e->place, (uint32_t)p->place);
	weir__tally_set(&e->state, WEIR_WORKER_STARTING);
	p->entry = e;
}

static void tell_info(const struct weir__entry *e, weir_worker_info *info)
{
	*info = (weir_worker_info){
		.id = (int32_t)weir__tally_get(&e->id),
		.state = (weir_worker_state)weir__tally_get(&e->state),
		.pid = weir__tally_get(&e->pid),
		.accepted = weir__tally_get(&e->tally.accepted),
		.conns = weir__tally_get(&e->tally.conns),
		.requests = weir__tally_get(&e->tally.requests),
	};
}

/* Entries are taken in any order: who comes before another is a matter of place and age. */
static bool before(const struct weir__entry *a, const struct weir__entry *b)
{
	const uint32_t x = weir__tally_get(&a->place), y = weir__tally_get(&b->place);
	return x != y ? x < y : weir__tally_get(&a->id) < weir__tally_get(&b->id);
}

static int rank(const weir_cluster *c, const struct weir__entry *e)
{
	int n = 0;
	for (int32_t i = 0; i < c->nentries; i++)
		n += weir__tally_get(&c->entries[i].state) && before(&c->entries[i], e);
	return n;
}

int weir_cluster_workers(const weir_cluster *c, weir_worker_info *info, int n)
{
	int alive = 0;
	for (int32_t i = 0; i < c->nentries; i++) {
		const struct weir__entry *e = &c->entries[i];
		if (!weir__tally_get(&e->state))
			continue;
		const int at = rank(c, e);
		if (at < n)
			tell_info(e, &info[at]);
		alive++;
	}
	return alive;
}

struct weir__sum weir__cluster_sum(const weir_cluster *c)
{
	struct weir__sum sum = {0, 0, 0};
	for (int32_t i = 0; i < c->nentries; i++) {
		const struct weir__entry *e = &c->entries[i];
		if (weir__tally_get(&e->state) != WEIR_WORKER_SERVING)
			continue;
		sum.workers++;
		sum.conns += weir__tally_get(&e->tally.conns);
		sum.accepted += weir__tally_get(&e->tally.accepted);
	}
	return sum;
}

/* ---- turns ------------------------------------------------------------------- */

/* NULL: it cannot be given anything just now. */
static weir_chan *open_chan(const struct weir__process *p)
{
	weir_chan *chan = weir__process_serves(p) ? weir_child_chan(p->child) : NULL;
	if (!chan || weir__tally_get(&p->entry->tally.full) ||
	    p->full_until > weir_loop_now(p->cluster->loop))
		return NULL;
	return weir__chan_takes(chan) ? chan : NULL;
}

/* With those that are on their way to it. */
static uint32_t load(const struct weir__process *p, const weir_chan *chan)
{
	return weir__tally_get(&p->entry->tally.conns) + (uint32_t)chan->nflights;
}

struct weir__process *weir__cluster_next(weir_cluster *c)
{
	uint64_t conns = 0;
	uint32_t n = 0;
	for (int32_t i = 0; i < c->opts.workers; i++) {
		const weir_chan *chan = open_chan(c->places[i].now);
		conns += chan ? load(c->places[i].now, chan) : 0;
		n += chan != NULL;
	}
	/* Somebody has no more than the mean. */
	for (int32_t i = 0; n > 0 && i < c->opts.workers; i++) {
		struct weir__process *p = c->places[c->turn].now;
		const weir_chan *chan = open_chan(p);
		c->turn = (c->turn + 1) % c->opts.workers;
		if (chan && (uint64_t)load(p, chan) * n <= conns + n / 2)
			return p;
	}
	return NULL;
}

bool weir__cluster_takes(const weir_cluster *c)
{
	for (int32_t i = 0; i < c->opts.workers; i++)
		if (open_chan(c->places[i].now))
			return true;
	return false;
}

/* ---- one of them ------------------------------------------------------------- */

static weir_chan *chan_of(const weir_cluster *c, int32_t id)
{
	for (const struct weir__process *p = c->processes; p; p = p->next)
		if (p->id == id && !p->ended)
			return weir_child_chan(p->child);
	return NULL;
}

void weir__cluster_say(const weir_cluster *c, int32_t id, enum weir__word word, const void *data,
                       size_t len)
{
	weir_chan *chan = chan_of(c, id);
	if (chan)
		(void)weir__chan_say(chan, word, data, len, -1);
}

int64_t weir_cluster_send(weir_cluster *c, int32_t id, uint32_t type, const void *data, size_t len,
                          int fd)
{
	weir_chan *chan = chan_of(c, id);
	if (!chan)
		return -ESRCH;
	return fd < 0 ? weir_chan_send(chan, type, data, len)
	              : weir_chan_pass(chan, type, data, len, fd);
}
