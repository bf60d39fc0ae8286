/*
 * cluster.c: how does a cluster begin, and how does it end?
 *
 * place.c says which processes it has, roster.c knows them, door.c has their sockets, and
 * worker.c is what they do.
 */
#include <errno.h>

#include "core/child.h"
#include "core/cluster.h"

enum {
	MOST_WORKERS = 256,
	PER_PLACE = 4, /* processes alive */
	USUAL_MS = 30000
};

/* ---- draining and freeing ---------------------------------------------------- */

static void over(weir_task *task, void *arg)
{
	weir_cluster *c = arg;
	(void)task;
	c->loop->holds -= c->started;
	c->started = false;
	c->drained = true;
	if (c->opts.drained)
		c->opts.drained(c, c->opts.arg);
}

void weir__cluster_check_over(weir_cluster *c)
{
	if (c->draining && !c->drained && !c->processes)
		weir_later(c->loop, &c->over);
}

void weir_cluster_drain(weir_cluster *c, int64_t grace_ms)
{
	/* Sums with it must not wrap. */
	if (grace_ms > INT64_MAX / 2)
		grace_ms = WEIR_OFF;
	const int64_t due = grace_ms < 0 ? INT64_MAX : weir_loop_now(c->loop) + grace_ms;
	const bool first = !c->draining;
	if (!first && due >= c->drain_due)
		return;
	c->draining = true;
	c->drain_due = due;
	for (int32_t i = 0; i < c->opts.workers; i++)
		weir_timer_stop(&c->places[i].retry);
	for (struct weir__process *p = c->processes; p; p = p->next)
		weir__process_drain(p, grace_ms, c->loop->relieved);
	if (first)
		weir__doors_close(c);
	weir__cluster_check_over(c);
}

static void release(weir_cluster *c)
{
	weir_loop *loop = c->loop;
	weir__doors_close(c);
	weir_task_cancel(loop, &c->over);
	for (int32_t i = 0; i < c->opts.workers; i++)
		weir_timer_stop(&c->places[i].retry);
	loop->holds -= c->started;
	weir__tenant_remove(&c->tenant);
	weir__sys_unshare(c->entries, (size_t)c->nentries * sizeof *c->entries);
	c->source.fd = -1;
	weir__bury(loop, c, sizeof *c + (size_t)c->opts.workers * sizeof *c->places);
}

void weir_cluster_free(weir_cluster *c)
{
	if (!c || weir__cluster_freed(c))
		return;
	while (c->processes) {
		struct weir__process *p = c->processes;
		weir_chan *chan = weir_child_chan(p->child);
		weir_child_kill(p->child, weir__sys_signal_number(WEIR__SIGNAL_KILL));
		weir_child_close(p->child);
		weir_chan_close(chan);
		weir__process_remove(p);
	}
	release(c);
}

static weir_cluster *of_tenant(struct weir__tenant *tenant)
{
	return (weir_cluster *)(void *)((char *)tenant - offsetof(weir_cluster, tenant));
}

static void with_loop(struct weir__tenant *tenant)
{
	weir_cluster_free(of_tenant(tenant));
}

static void loop_drains(struct weir__tenant *tenant)
{
	weir_cluster *c = of_tenant(tenant);
	weir_cluster_drain(c, c->opts.drain_ms);
}

static void in_forked(struct weir__tenant *tenant)
{
	weir_cluster *c = of_tenant(tenant);
	weir__doors_forked(c, !c->forking);
}

/* ---- making and starting ----------------------------------------------------- */

static int32_t time_limit(int32_t value)
{
	return value == 0 ? USUAL_MS : value < 0 ? WEIR_OFF : value;
}

static bool settle(weir_cluster_opts *o)
{
	if (!o->workers) {
		o->workers = weir__sys_processors();
		if (o->workers > MOST_WORKERS)
			o->workers = MOST_WORKERS;
	}
	o->drain_ms = time_limit(o->drain_ms);
	o->ready_ms = time_limit(o->ready_ms);
	return o->setup && o->workers > 0 && o->workers <= MOST_WORKERS &&
	       (unsigned)o->policy <= WEIR_ACCEPT_HAND_OVER;
}

static void init(weir_cluster *c, weir_loop *loop, const weir_cluster_opts *opts)
{
	c->loop = loop;
	c->opts = *opts;
	c->doors_end = &c->doors;
	c->kept_end = &c->kept;
	c->drain_due = INT64_MAX;
	c->tenant =
		(struct weir__tenant){.free = with_loop, .drain = loop_drains, .forked = in_forked};
	weir_task_init(&c->over, over, c);
	for (int32_t i = 0; i < opts->workers; i++)
		weir__place_init(&c->places[i], c);
	weir__tenant_add(loop, &c->tenant);
}

int weir_cluster_new(weir_cluster **out, weir_loop *loop, const weir_cluster_opts *opts)
{
	weir_cluster_opts settled = *opts;
	*out = NULL;
	if (!settle(&settled))
		return WEIR_EINVALID;
	const size_t size =
		sizeof(weir_cluster) + (size_t)settled.workers * sizeof(struct weir__worker_place);
	weir_cluster *c = weir__mem_new(&loop->mem, size);
	if (!c)
		return -ENOMEM;
	c->nentries = settled.workers * PER_PLACE;
	c->entries = weir__sys_share((size_t)c->nentries * sizeof *c->entries);
	if (!c->entries) {
		weir__mem_free(&loop->mem, c, size);
		return -ENOMEM;
	}
	init(c, loop, &settled);
	*out = c;
	return 0;
}

int weir_cluster_start(weir_cluster *c)
{
	if (c->started || c->draining)
		return WEIR_ESTATE;
	weir__doors_open(c);
	c->started = true;
	c->loop->holds++;
	for (int32_t i = 0; i < c->opts.workers; i++)
		weir__place_start(&c->places[i]);
	return 0;
}
