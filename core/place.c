/*
 * place.c: which processes ought to be there?
 *
 * Each place has one process that serves (now), and, in a reload, one that will (then):
 *
 *   reload ──► then: starting ──► ready: it is `now`; the old one drains ──► ended
 *                  └──► died: another, three times; then the old one stays
 *
 *   now: died ──► another at once, or after a while if that happens again and again
 *   now: drains of itself ──► another at once
 *
 * There are four processes at most for each place: that bounds how many may drain. Who finds
 * no entry free waits for one.
 */
#include <errno.h>
#include <string.h>

#include "core/child.h"
#include "core/cluster.h"

enum {
	EARLY_DEATHS = 3, /* before being ready: after these, delays */
	BRIEF_DEATHS = 5, /* within BRIEF_MS of being ready: the same */
	BRIEF_MS = 1000,
	FIRST_DELAY_MS = 100,
	MOST_DELAY_MS = 10000,
	MARGIN_MS = 1000 /* between a worker's own deadline and being ended */
};

static void replace(struct weir__worker_place *p);

static struct weir__worker_place *place_of(const struct weir__process *p)
{
	return &p->cluster->places[p->place];
}

/* ---- ending processes -------------------------------------------------------- */

void weir__process_remove(struct weir__process *p)
{
	weir_cluster *c = p->cluster;
	struct weir__process **link = &c->processes;
	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	weir_timer_stop(&p->deadline);
	p->source.fd = -1;
	weir__bury(c->loop, p, sizeof *p);
}

static void too_late(weir_timer *timer, void *arg)
{
	const struct weir__process *p = arg;
	(void)timer;
	if (!p->ended)
		weir_child_kill(p->child, weir__sys_signal_number(WEIR__SIGNAL_KILL));
}

static void set_draining(struct weir__process *p, int64_t ms)
{
	p->draining = true;
	weir__tally_set(&p->entry->state, WEIR_WORKER_DRAINING);
	weir__doors_worker_left(p->cluster, p->id);
	if (ms < 0)
		return;
	/* One that it has already stays, if it is earlier. */
	if (!p->deadline.started || p->deadline.due - weir_loop_now(p->cluster->loop) > ms)
		weir_timer_start(p->cluster->loop, &p->deadline, ms + MARGIN_MS, 0);
}

/* relieved: others serve in its place. What cannot be told is ended. */
void weir__process_drain(struct weir__process *p, int64_t ms, bool relieved)
{
	const int64_t order[2] = {ms, relieved};
	weir_chan *chan = p->ended ? NULL : weir_child_chan(p->child);
	if (p->ended)
		return;
	if (!chan || weir__chan_say(chan, WEIR__DRAIN, order, sizeof order, -1) < 0)
		ms = 0;
	set_draining(p, ms);
}

/* ---- reloads ----------------------------------------------------------------- */

static void reload_over(weir_cluster *c)
{
	const bool again = c->again && !c->draining;
	const int status = c->status;
	c->again = false;
	/* Before the callback, which may free the cluster. */
	if (again)
		weir_cluster_reload(c);
	if (c->opts.reloaded)
		c->opts.reloaded(c, status, c->opts.arg);
}

static void renewed(struct weir__worker_place *p, int status)
{
	weir_cluster *c = p->cluster;
	p->renew = false;
	if (status < 0)
		c->status = status;
	/* Nobody was there before either: then it is tried again, but not at once. */
	if (status < 0 && !p->now) {
		p->early = EARLY_DEATHS;
		replace(p);
	}
	if (--c->renewing == 0)
		reload_over(c);
}

/* ---- what is heard of them --------------------------------------------------- */

/* What nobody could be lent before. */
static void lend_empty(weir_cluster *c)
{
	for (int32_t i = 0; i < c->opts.workers; i++)
		if (!c->places[i].now)
			weir__doors_lend(c, i);
}

static void on_ready(weir_child *child, void *arg)
{
	struct weir__process *p = arg;
	struct weir__worker_place *place = place_of(p);
	weir_cluster *c = p->cluster;
	(void)child;
	if (p->ready_at >= 0 || p->draining || p->ended)
		return;
	p->ready_at = weir_loop_now(c->loop);
	weir__tally_set(&p->entry->state, WEIR_WORKER_SERVING);
	place->early = 0;
	const bool takes_over = place->then == p;
	if (takes_over) {
		if (place->now)
			weir__process_drain(place->now, c->opts.drain_ms, true);
		place->now = p;
		place->then = NULL;
	}
	weir__doors_recall(c, p->place);
	lend_empty(c);
	weir__doors_resume(c);
	if (c->opts.ready)
		c->opts.ready(c, p->id, c->opts.arg);
	if (takes_over && !weir__cluster_freed(c))
		renewed(place, 0);
}

/* How long the next one is put off. */
static int64_t delay(const struct weir__worker_place *p)
{
	const int32_t early = p->early - EARLY_DEATHS, brief = p->brief - BRIEF_DEATHS;
	const int32_t more = early > brief ? early : brief;
	if (more < 0)
		return 0;
	return more > 6 ? MOST_DELAY_MS : (int64_t)FIRST_DELAY_MS << more;
}

static void note_death(struct weir__worker_place *place, const struct weir__process *p)
{
	const int64_t now = weir_loop_now(p->cluster->loop);
	if (p->ready_at < 0)
		place->early++;
	else
		place->brief = now - p->ready_at < BRIEF_MS ? place->brief + 1 : 0;
}

static void replace(struct weir__worker_place *place)
{
	const int64_t ms = delay(place);
	if (ms > 0)
		weir_timer_start(place->cluster->loop, &place->retry, ms, 0);
	else
		weir__place_start(place);
}

/* One that was to serve in another's place has died, or could not be forked. */
static void lost_next(struct weir__worker_place *place, int why)
{
	place->then = NULL;
	if (++place->tries < EARLY_DEATHS)
		weir__place_renew(place);
	else
		renewed(place, why);
}

/* Nobody serves in it any more. In a reload another is coming anyway, or is to come. */
static void vacated(struct weir__worker_place *place)
{
	place->now = NULL;
	if (place->renew && !place->then)
		weir__place_renew(place);
	else if (!place->then)
		replace(place);
	if (!place->now)
		weir__doors_lend(place->cluster, (int32_t)(place - place->cluster->places));
}

static void lost_now(struct weir__worker_place *place, const struct weir__process *p)
{
	note_death(place, p);
	if (place->cluster->draining)
		place->now = NULL;
	else
		vacated(place);
}

static void start_one(struct weir__worker_place *p)
{
	p->waits = false;
	if (p->renew)
		weir__place_renew(p);
	else if (!p->now)
		weir__place_start(p);
}

/* Those places first where nobody serves. */
static void start_waiting(weir_cluster *c)
{
	for (int32_t i = 0; i < c->opts.workers; i++)
		if (c->places[i].waits && !c->places[i].now)
			start_one(&c->places[i]);
	for (int32_t i = 0; i < c->opts.workers; i++)
		if (c->places[i].waits)
			start_one(&c->places[i]);
}

/* The kernel may have woken it, and it alone, for somebody who waits. */
static void have_another_look(weir_cluster *c, const struct weir__process *but)
{
	const struct weir__process *p = but;
	if (c->opts.policy != WEIR_ACCEPT_SHARED)
		return;
	for (int32_t i = 0; i < c->opts.workers && p == but; i++)
		p = weir__cluster_next(c);
	if (p && p != but)
		weir__cluster_say(c, p->id, WEIR__LOOK, NULL, 0);
}

static void on_exit(weir_child *child, int code, int signo, void *arg)
{
	struct weir__process *p = arg;
	weir_cluster *c = p->cluster;
	struct weir__worker_place *place = place_of(p);
	const int32_t id = p->id;
	p->ended = true;
	weir__tally_set(&p->entry->state, 0);
	weir__doors_worker_left(c, id);
	const bool next = place->then == p;
	have_another_look(c, p);
	if (place->now == p)
		lost_now(place, p);
	if (c->opts.exit)
		c->opts.exit(c, id, code, signo, c->opts.arg);
	if (weir__cluster_freed(c))
		return;
	if (next && c->draining)
		place->then = NULL;
	else if (next)
		lost_next(place, child->error == WEIR_ETIMEOUT ? WEIR_ETIMEOUT : WEIR_ECLOSED);
	if (!c->draining)
		start_waiting(c);
}

static void on_gone(weir_child *child, int why, void *arg)
{
	struct weir__process *p = arg;
	weir_cluster *c = p->cluster;
	/* Somebody else has waited for it. */
	if (!p->ended && why == -ECHILD)
		on_exit(child, -1, 0, p);
	if (weir__cluster_freed(c))
		return;
	weir__process_remove(p);
	weir__cluster_check_over(c);
}

/* ---- what they say ----------------------------------------------------------- */

static void on_message(weir_chan *chan, uint32_t type, const void *data, size_t len, int fd,
                       void *arg)
{
	const struct weir__process *p = arg;
	weir_cluster *c = p->cluster;
	(void)chan;
	if (c->opts.message)
		c->opts.message(c, p->id, type, data, len, fd, c->opts.arg);
	else if (fd >= 0)
		weir__sys_close(fd);
}

/* It drains of itself: another is to take its place now, and not when it has ended. */
static void drains(struct weir__process *p)
{
	struct weir__worker_place *place = place_of(p);
	if (p->draining || p->ended)
		return;
	set_draining(p, p->cluster->opts.drain_ms);
	if (place->now == p && !p->cluster->draining)
		vacated(place);
	else if (place->then == p && !p->cluster->draining)
		lost_next(place, WEIR_ECLOSED);
}

static void on_word(weir_chan *chan, uint32_t word, const void *data, size_t len, int fd, void *arg)
{
	struct weir__process *p = arg;
	uint32_t door;
	(void)chan;
	if (word == WEIR__CONNECTION && fd >= 0 && len == sizeof door) {
		memcpy(&door, data, sizeof door);
		weir__door_pass_on(p->cluster, door, fd);
		return;
	}
	if (fd >= 0)
		weir__sys_close(fd);
	if (word == WEIR__DRAIN)
		drains(p);
	else if (word == WEIR__LOOK) {
		have_another_look(p->cluster, p);
		weir__doors_resume(p->cluster);
	}
}

static void on_drain(weir_chan *chan, void *arg)
{
	const struct weir__process *p = arg;
	(void)chan;
	weir__doors_resume(p->cluster);
}

/* A connection that it did not get is another's. */
static void on_returned(weir_chan *chan, uint32_t type, const void *data, size_t len, int fd,
                        void *arg)
{
	struct weir__process *p = arg;
	uint32_t door;
	(void)chan;
	p->full_until = weir_loop_now(p->cluster->loop) + WEIR__RETRY_MS;
	if (type == WEIR_CHAN_TYPES + WEIR__CONNECTION && len == sizeof door) {
		memcpy(&door, data, sizeof door);
		weir__door_pass_on(p->cluster, door, fd);
	} else {
		weir__sys_close(fd);
	}
}

/* ---- starting ---------------------------------------------------------------- */

static struct weir__process *new_process(struct weir__worker_place *place)
{
	weir_cluster *c = place->cluster;
	struct weir__entry *e = weir__entry_find_free(c);
	struct weir__process *p = e ? weir__mem_new(&c->loop->mem, sizeof *p) : NULL;
	place->waits = !e;
	if (!p)
		return NULL;
	p->cluster = c;
	p->id = ++c->next_id;
	p->place = (int32_t)(place - c->places);
	p->ready_at = -1;
	weir_timer_init(&p->deadline, too_late, p);
	weir_timer_unref(&p->deadline, true);
	weir__entry_take(p, e);
	return p;
}

static int fork_process(struct weir__process *p)
{
	static const weir_child_ops ops = {.ready = on_ready, .exit = on_exit, .gone = on_gone};
	static const weir_chan_ops chan_ops = {
		.message = on_message, .drain = on_drain, .returned = on_returned};
	weir_cluster *c = p->cluster;
	const weir_child_opts opts = {
		.chan_ops = &chan_ops, .chan_arg = p, .ready_ms = c->opts.ready_ms};
	c->forking = true;
	int result = weir_fork_child(c->loop, &p->child, weir__worker_body, p, &opts, &ops, p);
	c->forking = false;
	if (result < 0)
		return result;
	p->child->word = on_word;
	/* With the loop it is freed before its children, which it ends. */
	weir__tenant_remove(&c->tenant);
	weir__tenant_add(c->loop, &c->tenant);
	return 0;
}

/* NULL: it waits for an entry, or could not be forked (*why < 0). */
static struct weir__process *start(struct weir__worker_place *place, int *why)
{
	weir_cluster *c = place->cluster;
	struct weir__process *p = new_process(place);
	*why = p || place->waits ? 0 : -ENOMEM;
	if (!p)
		return NULL;
	*why = fork_process(p);
	if (*why < 0) {
		weir__tally_set(&p->entry->state, 0);
		weir__mem_free(&c->loop->mem, p, sizeof *p);
		return NULL;
	}
	weir__tally_set(&p->entry->pid, (uint32_t)weir_child_pid(p->child));
	p->next = c->processes;
	c->processes = p;
	return p;
}

/* One that cannot be forked counts as one that died early, and is not tried again at once. */
void weir__place_start(struct weir__worker_place *place)
{
	int why;
	place->now = start(place, &why);
	/* What it has taken was waited for by one more. */
	place->waits |= place->renew && !place->then;
	if (why == 0)
		return;
	place->early++;
	if (place->early < EARLY_DEATHS)
		place->early = EARLY_DEATHS;
	replace(place);
}

void weir__place_renew(struct weir__worker_place *place)
{
	int why;
	/* Where it is empty for a while, that is over now. */
	weir_timer_stop(&place->retry);
	if (!place->now)
		place->early = place->brief = 0;
	place->then = start(place, &why);
	if (why < 0)
		weir_timer_start(place->cluster->loop, &place->retry, FIRST_DELAY_MS, 0);
}

static void retry(weir_timer *timer, void *arg)
{
	struct weir__worker_place *place = arg;
	(void)timer;
	if (place->cluster->draining)
		return;
	if (place->renew && !place->then)
		lost_next(place, WEIR_ECLOSED);
	else if (!place->now && !place->then)
		weir__place_start(place);
}

void weir__place_init(struct weir__worker_place *place, weir_cluster *c)
{
	place->cluster = c;
	weir_timer_init(&place->retry, retry, place);
	weir_timer_unref(&place->retry, true);
}

int weir_cluster_reload(weir_cluster *c)
{
	if (!c->started || c->draining)
		return WEIR_ESTATE;
	if (c->renewing > 0) {
		c->again = true;
		return 0;
	}
	c->status = 0;
	c->renewing = c->opts.workers;
	for (int32_t i = 0; i < c->opts.workers; i++) {
		c->places[i].renew = true;
		c->places[i].tries = 0;
	}
	for (int32_t i = 0; i < c->opts.workers; i++)
		weir__place_renew(&c->places[i]);
	return 0;
}
