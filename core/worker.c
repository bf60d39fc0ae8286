/*
 * worker.c: what does a worker of a cluster do that a program by itself does not?
 *
 * It gets its listening sockets from the master, steps back when it has more connections
 * than the others, publishes its figures, and ends when it is told to, or when its master
 * has died.
 *
 * Stepping back. All who serve know how many connections each has. Who has more than the
 * mean, by one in 64 and two more, leaves the socket to the others, and looks again after a
 * ms; while nobody waits, twice as long each time. Should somebody wait, the master has
 * another worker look; and when nobody has accepted anything for some time all the same, the
 * others cannot, and it accepts after all.
 */
#include "core/cluster.h"

#include <errno.h>
#include <string.h>

enum { MOST_BACK_MS = 64, PATIENCE_MS = 50, ROOM_MS = 20 };

static weir_worker *of_gate(struct weir__gate *gate)
{
	return (weir_worker *)(void *)gate;
}

/* ---- the gate --------------------------------------------------------------------- */

static struct weir__door *find_door(const weir_worker *w, const char *address)
{
	struct weir__door *d = w->cluster->doors;
	while (d && ((d->place >= 0 && d->place != w->place) || strcmp(d->text, address) != 0))
		d = d->next;
	return d;
}

/* A copy of the number: the listener closes what it has. */
static int gate_socket(struct weir__gate *gate, const char *address, unsigned *how)
{
	weir_worker *w = of_gate(gate);
	const struct weir__door *d = find_door(w, address);
	if (!d)
		return -ENOENT;
	if (w->draining)
		return WEIR_ESTATE;
	const weir_policy policy = w->cluster->opts.policy;
	/* Connections are fed to one only. */
	if (policy == WEIR_ACCEPT_HAND_OVER &&
	    weir__listener_gated(w->loop, w->listening[d->index]))
		return -EADDRINUSE;
	int fd = weir__sys_dup(d->socket.fd);
	*how = policy == WEIR_ACCEPT_SHARED      ? WEIR__GATE_SHARED
	       : policy == WEIR_ACCEPT_HAND_OVER ? WEIR__GATE_FED
	                                         : 0;
	if (fd >= 0)
		w->listening[d->index] = fd;
	return fd;
}

static bool has_more(const weir_worker *w, const struct weir__sum *sum)
{
	const uint64_t own = weir__tally_get(&w->entry->tally.conns), conns = sum->conns;
	return sum->workers > 1 && own * sum->workers > conns + conns / 64 + 2 * sum->workers;
}

/* Somebody has been waiting, and nobody has accepted, for as long as one can be patient. */
static bool stuck(weir_worker *w, const struct weir__sum *sum, bool waits)
{
	const int64_t now = weir_loop_now(w->loop);
	if (!waits || sum->accepted != w->seen)
		w->since = now;
	w->seen = sum->accepted;
	return now - w->since >= PATIENCE_MS;
}

static int32_t gate_step_back(struct weir__gate *gate, bool waits)
{
	weir_worker *w = of_gate(gate);
	if (w->cluster->opts.policy != WEIR_ACCEPT_SHARED || w->draining)
		return 0;
	if (w->must) {
		w->must = false;
		return 0;
	}
	const struct weir__sum sum = weir__cluster_sum(w->cluster);
	if (!has_more(w, &sum) || stuck(w, &sum, waits)) {
		w->since = weir_loop_now(w->loop);
		w->back_ms = 0;
		w->asked = false;
		return 0;
	}
	/* The kernel may have woken this worker, and nobody else, for whoever waits. */
	if (waits && !w->asked && w->chan) {
		w->asked = true;
		(void)weir__chan_say(w->chan, WEIR__LOOK, NULL, 0, -1);
	}
	w->back_ms = waits || !w->back_ms ? 1 : w->back_ms * 2;
	if (w->back_ms > MOST_BACK_MS)
		w->back_ms = MOST_BACK_MS;
	return w->back_ms;
}

static void gate_full(struct weir__gate *gate)
{
	const weir_worker *w = of_gate(gate);
	if (w->chan)
		(void)weir__chan_say(w->chan, WEIR__LOOK, NULL, 0, -1);
}

/* ---- connections that are handed over ------------------------------------------------ */

/* NULL: it was closed. */
static weir_listener *listener_of(const weir_worker *w, uint32_t door)
{
	return door < (uint32_t)w->cluster->ndoors
	               ? weir__listener_gated(w->loop, w->listening[door])
	               : NULL;
}

static bool is_full(const weir_worker *w)
{
	for (int32_t i = 0; i < w->cluster->ndoors; i++) {
		const weir_listener *l = listener_of(w, (uint32_t)i);
		if (l && weir__listener_is_full(l))
			return true;
	}
	return false;
}

static void look_for_room(weir_timer *timer, void *arg)
{
	weir_worker *w = arg;
	(void)timer;
	if (is_full(w)) {
		weir_timer_start(w->loop, &w->look, ROOM_MS, 0);
		return;
	}
	weir__tally_set(&w->entry->tally.full, 0);
	if (w->chan)
		(void)weir__chan_say(w->chan, WEIR__LOOK, NULL, 0, -1);
}

/* It is another's, then. */
static void pass_back(const weir_worker *w, uint32_t door, int fd)
{
	if (!w->chan || weir__chan_say(w->chan, WEIR__CONNECTION, &door, sizeof door, fd) < 0)
		weir__sys_close(fd);
}

static void take_connection(weir_worker *w, uint32_t door, int fd)
{
	weir_listener *l = listener_of(w, door);
	const bool ends = w->draining || w->loop->draining;
	if (!l && !ends) {
		weir__sys_close(fd);
		return;
	}
	if (l && weir__listener_feed(l, fd))
		return;
	pass_back(w, door, fd);
	if (ends)
		return;
	weir__tally_set(&w->entry->tally.full, 1);
	weir_timer_start(w->loop, &w->look, ROOM_MS, 0);
}

/* Those that wait for room, of which there will be none. */
static void pass_all_back(const weir_worker *w)
{
	const bool fed = w->cluster->opts.policy == WEIR_ACCEPT_HAND_OVER;
	for (int32_t i = 0; fed && i < w->cluster->ndoors; i++) {
		weir_listener *l = listener_of(w, (uint32_t)i);
		int fd = l ? weir__listener_unfeed(l) : -1;
		if (fd >= 0)
			pass_back(w, (uint32_t)i, fd);
	}
}

/* Whoever waits in a common socket may have been told to this worker alone. */
static void last_call(const weir_worker *w)
{
	for (int32_t i = 0; i < w->cluster->ndoors; i++) {
		weir_listener *l = listener_of(w, (uint32_t)i);
		if (l)
			weir__listener_last_call(l);
	}
}

/* must: whatever others have. */
static void look(weir_worker *w, bool must)
{
	w->must = must;
	last_call(w);
	w->must = false;
}

/* ---- sockets of empty places ------------------------------------------------------------ */

static void take_socket(weir_worker *w, uint32_t door, int fd)
{
	const struct weir__door *d = w->cluster->doors;
	while (d && d->index != (int32_t)door)
		d = d->next;
	/* The listener of its own that has this address. */
	const struct weir__door *own = d ? find_door(w, d->text) : NULL;
	weir_listener *l = own ? listener_of(w, (uint32_t)own->index) : NULL;
	if (!l || weir__listener_gated(w->loop, w->also[door]))
		weir__sys_close(fd);
	else if (weir__listener_also(l, fd) == 0)
		w->also[door] = fd;
}

static void give_socket(weir_worker *w, uint32_t door)
{
	weir_listener *l = weir__listener_gated(w->loop, w->also[door]);
	if (l)
		weir_listener_close(l);
	w->also[door] = -1;
}

/* ---- ending ------------------------------------------------------------------------------- */

static void too_late(weir_timer *timer, void *arg)
{
	const weir_worker *w = arg;
	(void)timer;
	weir_loop_stop(w->loop);
}

/* The master's sockets must not stay open here when it has closed them. */
static void close_doors(const weir_worker *w, bool all)
{
	for (struct weir__door *d = w->cluster->doors; d; d = d->next) {
		if (d->socket.fd < 0 || (!all && (d->place < 0 || d->place == w->place)))
			continue;
		weir__sys_close(d->socket.fd);
		d->socket.fd = -1;
	}
}

static void drain(weir_worker *w, int64_t ms, bool relieved)
{
	if (!w->draining) {
		w->draining = true;
		w->loop->relieved = relieved;
		last_call(w);
		pass_all_back(w);
		close_doors(w, true);
		weir_loop_drain(w->loop);
	}
	if (ms < 0)
		return;
	const int64_t due = weir_loop_now(w->loop) + ms;
	if (w->due >= 0 && due >= w->due)
		return;
	w->due = due;
	weir_timer_start(w->loop, &w->deadline, ms, 0);
}

/* Nobody has told it to: another has to be told to take its place. */
static void drain_of_itself(weir_worker *w)
{
	if (!w->draining && w->chan)
		(void)weir__chan_say(w->chan, WEIR__DRAIN, NULL, 0, -1);
	drain(w, w->cluster->opts.drain_ms, false);
}

static void asked_to_end(weir_signal *watcher, int signo, void *arg)
{
	(void)watcher;
	(void)signo;
	drain_of_itself(arg);
}

static void loop_drains(weir_task *task, void *arg)
{
	(void)task;
	drain_of_itself(arg);
}

static void asked_to_stop(weir_signal *watcher, int signo, void *arg)
{
	(void)watcher;
	(void)signo;
	weir_loop_stop(((weir_worker *)arg)->loop);
}

/* A terminal tells all of its processes; these are for the master to hear of. */
static void not_asked(weir_signal *watcher, int signo, void *arg)
{
	(void)watcher;
	(void)signo;
	(void)arg;
}

static int watch_signals(weir_worker *w)
{
	weir_loop *loop = w->loop;
	int result = weir_signal_start(
		loop, &w->interrupt, weir__sys_signal_number(WEIR__SIGNAL_INTERRUPT), not_asked, w);
	if (result == 0)
		result = weir_signal_start(loop, &w->terminate,
		                           weir__sys_signal_number(WEIR__SIGNAL_TERMINATE),
		                           asked_to_end, w);
	if (result == 0)
		result = weir_signal_start(loop, &w->hang_up,
		                           weir__sys_signal_number(WEIR__SIGNAL_HANGUP), not_asked,
		                           w);
	if (result == 0)
		result = weir_signal_start(loop, &w->quit,
		                           weir__sys_signal_number(WEIR__SIGNAL_QUIT),
		                           asked_to_stop, w);
	return result;
}

/* ---- what the master says ------------------------------------------------------------------ */

static void on_word(weir_chan *chan, uint32_t word, const void *data, size_t len, int fd,
                    void *maker)
{
	weir_worker *w = maker;
	uint32_t door = UINT32_MAX;
	int64_t order[2] = {0, 0};
	(void)chan;
	if (len == sizeof door)
		memcpy(&door, data, sizeof door);
	if (len == sizeof order)
		memcpy(order, data, sizeof order);
	const bool known = door < (uint32_t)w->cluster->ndoors;
	if (word == WEIR__CONNECTION && fd >= 0) {
		take_connection(w, door, fd);
		return;
	}
	if (word == WEIR__SOCKET && fd >= 0 && known) {
		take_socket(w, door, fd);
		return;
	}
	if (fd >= 0)
		weir__sys_close(fd);
	if (word == WEIR__NO_SOCKET && known)
		give_socket(w, door);
	else if (word == WEIR__LOOK)
		look(w, len > 0);
	else if (word == WEIR__DRAIN && len == sizeof order)
		drain(w, order[0], order[1] != 0);
}

static void on_message(weir_chan *chan, uint32_t type, const void *data, size_t len, int fd,
                       void *arg)
{
	weir_worker *w = arg;
	const weir_cluster_opts *o = &w->cluster->opts;
	(void)chan;
	if (o->told)
		o->told(w, type, data, len, fd, o->arg);
	else if (fd >= 0)
		weir__sys_close(fd);
}

/* Without its master nobody would ever end it, or replace it. */
static void on_gone(weir_chan *chan, int why, void *arg)
{
	weir_worker *w = arg;
	(void)chan;
	(void)why;
	w->chan = NULL;
	drain(w, w->cluster->opts.drain_ms, false);
}

/* ---- its life -------------------------------------------------------------------------------- */

static weir_worker *new_worker(weir_loop *loop, weir_chan *chan, const struct weir__process *p)
{
	const size_t doors = (size_t)p->cluster->ndoors;
	weir_worker *w = weir__mem_new(&loop->mem, sizeof *w);
	if (!w)
		return NULL;
	w->gate = (struct weir__gate){gate_socket, gate_step_back, gate_full};
	w->loop = loop;
	w->cluster = p->cluster;
	w->entry = p->entry;
	w->chan = chan;
	w->id = p->id;
	w->place = p->place;
	w->due = -1;
	w->listening = weir__mem_new(&loop->mem, (doors + 1) * sizeof *w->listening);
	w->also = weir__mem_new(&loop->mem, (doors + 1) * sizeof *w->also);
	for (size_t i = 0; w->listening && w->also && i < doors; i++)
		w->listening[i] = w->also[i] = -1;
	weir_timer_init(&w->look, look_for_room, w);
	weir_timer_unref(&w->look, true);
	weir_timer_init(&w->deadline, too_late, w);
	weir_timer_unref(&w->deadline, true);
	weir_task_init(&w->loop_drains, loop_drains, w);
	return w->listening && w->also ? w : NULL;
}

int weir__worker_body(weir_loop *loop, weir_chan *chan, void *arg)
{
	static const weir_chan_ops ops = {.message = on_message, .gone = on_gone};
	const struct weir__process *p = arg;
	weir_worker *w = new_worker(loop, chan, p);
	if (!w || watch_signals(w) < 0)
		return -1;
	(void)weir_at_drain(loop, &w->loop_drains);
	loop->gate = &w->gate;
	loop->tally = &w->entry->tally;
	close_doors(w, false);
	chan->word = on_word;
	chan->maker = w;
	weir_chan_on(chan, &ops, w);
	weir_chan_unref(chan, true);
	int result = w->cluster->opts.setup(w, loop, w->cluster->opts.arg);
	/* One that cannot say so had better not wait for connections. */
	if (result == 0)
		result = weir_ready(loop);
	return result < 0 ? -1 : 0;
}

int32_t weir_worker_id(const weir_worker *w)
{
	return w->id;
}

int64_t weir_worker_send(weir_worker *w, uint32_t type, const void *data, size_t len, int fd)
{
	if (!w->chan)
		return WEIR_ECLOSED;
	return fd < 0 ? weir_chan_send(w->chan, type, data, len)
	              : weir_chan_pass(w->chan, type, data, len, fd);
}

int weir_worker_workers(const weir_worker *w, weir_worker_info *info, int n)
{
	return weir_cluster_workers(w->cluster, info, n);
}
