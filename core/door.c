/*
 * door.c: where do the connections of a cluster come in?
 *
 * The listening sockets are the master's, and live as long as it does: what waits in one
 * is lost with no worker. Workers have copies of them. Where the master accepts itself, it
 * does so on a second number of the socket, which no worker gets, and hands connections
 * over; they are the worker's when it has confirmed them.
 */
#include <errno.h>
#include <string.h>

#include "core/cluster.h"

/* Accepted in one go; then what workers say is heard. */
#define ACCEPT_BOUND 64
/* How often the master looks whether somebody waits in vain. */
#define LOOK_MS 250

/* ---- opening ------------------------------------------------------------------ */

static struct weir__door *new_door(weir_cluster *c, const char *address, int32_t place)
{
	const size_t size = strlen(address) + 1;
	struct weir__door *d = weir__mem_new(&c->loop->mem, sizeof *d + size);
	if (!d)
		return NULL;
	memcpy(d->text, address, size);
	d->text_size = (uint32_t)size;
	d->cluster = c;
	d->place = place;
	d->io.fd = -1;
	return d;
}

static void free_door(struct weir__door *d)
{
	weir__mem_free(&d->cluster->loop->mem, d, sizeof *d + d->text_size);
}

static void add_door(struct weir__door *d)
{
	weir_cluster *c = d->cluster;
	d->index = c->ndoors++;
	*c->doors_end = d;
	c->doors_end = &d->next;
	weir__socket_add(c->loop, &d->socket);
}

/* `text` is what workers ask for, `address` what it comes to: a port that the system chose for
   the first place is that of all. */
static int open_door(weir_cluster *c, const char *text, const char *address, int32_t place,
                     const weir_stream_opts *opts)
{
	struct weir__door *d = new_door(c, text, place);
	int result = d ? weir__socket_open(c->loop, &d->socket, address, opts) : -ENOMEM;
	if (result >= 0)
		add_door(d);
	else if (d)
		free_door(d);
	return result;
}

/* There were more places in the program before: their sockets have nobody here. */
static void close_surplus(int fd)
{
	struct weir__addr addr;
	int more;
	if (weir__sys_local(fd, &addr) < 0)
		return;
	while ((more = weir__sys_inherit_addr(&addr)) >= 0)
		weir__sys_close(more);
}

static void close_io(struct weir__door *d)
{
	int fd = d->io.fd;
	weir_timer_stop(&d->retry);
	if (fd < 0)
		return;
	weir_io_stop(&d->io);
	weir__sys_close(fd);
}

/* Closes those that were opened from `link` on. */
static void close_doors(weir_cluster *c, struct weir__door **link)
{
	while (*link) {
		struct weir__door *d = *link;
		*link = d->next;
		close_io(d);
		weir__socket_remove(&d->socket);
		weir__socket_close(c->loop, &d->socket);
		free_door(d);
	}
	c->doors_end = link;
}

static int open_for_places(weir_cluster *c, const char *address, weir_stream_opts *opts)
{
	char text[160];
	struct weir__addr addr;
	struct weir__door **link = c->doors_end;
	const int32_t ndoors = c->ndoors;
	opts->reuse_port = true;
	int result = open_door(c, address, address, 0, opts);
	if (result < 0)
		return result;
	const int first = result;
	result = weir__sys_local(first, &addr);
	if (result == 0)
		result = weir__addr_format(&addr, text, sizeof text);
	for (int32_t i = 1; i < c->opts.workers && result >= 0; i++)
		result = open_door(c, address, text, i, opts);
	close_surplus(first);
	if (result < 0) {
		close_doors(c, link);
		c->ndoors = ndoors;
	}
	return result;
}

int weir_cluster_listen(weir_cluster *c, const char *address, const weir_stream_opts *given)
{
	weir_stream_opts opts = {0};
	if (c->started || c->draining)
		return WEIR_ESTATE;
	if (given) {
		opts.backlog = given->backlog;
		opts.v6_only = given->v6_only;
		opts.defer_ms = given->defer_ms;
	}
	int result = c->opts.policy == WEIR_ACCEPT_REUSEPORT
	                     ? open_for_places(c, address, &opts)
	                     : open_door(c, address, address, -1, &opts);
	return result < 0 ? result : 0;
}

int weir_cluster_address(const weir_cluster *c, int n, char *text, size_t size)
{
	struct weir__addr addr;
	for (const struct weir__door *d = c->doors; d; d = d->next) {
		if (d->place > 0 || n-- > 0)
			continue;
		int result = weir__sys_local(d->socket.fd, &addr);
		return result < 0 ? result : weir__addr_format(&addr, text, size);
	}
	return -ENOENT;
}

/* ---- handing over ---------------------------------------------------------------- */

/* False: nobody takes it just now. */
static bool hand_over(weir_cluster *c, uint32_t door, int fd)
{
	for (int32_t i = 0; i < c->opts.workers; i++) {
		struct weir__process *p = weir__cluster_next(c);
		weir_chan *chan = p ? weir_child_chan(p->child) : NULL;
		if (chan && weir__chan_say(chan, WEIR__CONNECTION, &door, sizeof door, fd) >= 0)
			return true;
	}
	return false;
}

static void rest(struct weir__door *d, int64_t ms)
{
	weir_io_want(&d->io, 0);
	weir_timer_start(d->cluster->loop, &d->retry, ms, 0);
}

static void resume(struct weir__door *d)
{
	weir_timer_stop(&d->retry);
	weir_io_want(&d->io, WEIR_READ);
}

/* Without memory to keep it in, it is lost. */
static void keep(weir_cluster *c, uint32_t door, int fd)
{
	struct weir__kept *kept = weir__mem_new(&c->loop->mem, sizeof *kept);
	if (!kept) {
		weir__sys_close(fd);
		return;
	}
	*kept = (struct weir__kept){NULL, door, fd};
	*c->kept_end = kept;
	c->kept_end = &kept->next;
	for (struct weir__door *d = c->doors; d; d = d->next)
		if (d->io.fd >= 0)
			rest(d, WEIR__RETRY_MS);
}

static int forget(weir_cluster *c)
{
	struct weir__kept *kept = c->kept;
	const int fd = kept->fd;
	c->kept = kept->next;
	if (!c->kept)
		c->kept_end = &c->kept;
	weir__mem_free(&c->loop->mem, kept, sizeof *kept);
	return fd;
}

void weir__door_pass_on(weir_cluster *c, uint32_t door, int fd)
{
	if (c->draining)
		weir__sys_close(fd);
	else if (!hand_over(c, door, fd))
		keep(c, door, fd);
}

static bool accept_one(struct weir__door *d)
{
	weir_cluster *c = d->cluster;
	if (!weir__cluster_takes(c)) {
		rest(d, WEIR__RETRY_MS);
		return false;
	}
	int fd = weir__sys_accept(d->io.fd, NULL);
	if (fd == -ECONNABORTED)
		return true;
	if (fd < 0) {
		if (fd != -EAGAIN)
			rest(d, WEIR__RETRY_MS);
		return false;
	}
	weir__door_pass_on(c, (uint32_t)d->index, fd);
	return true;
}

static void door_ready(weir_io *io, unsigned ready, void *arg)
{
	(void)io;
	(void)ready;
	for (int i = 0; i < ACCEPT_BOUND; i++)
		if (!accept_one(arg))
			return;
}

/* Without memory, or a number, for it that is tried again. */
static void open_io(struct weir__door *d)
{
	weir_cluster *c = d->cluster;
	int fd = weir__sys_dup(d->socket.fd);
	if (fd >= 0 && weir_io_start(c->loop, &d->io, fd, WEIR_READ, door_ready, d) == 0)
		return;
	if (fd >= 0)
		weir__sys_close(fd);
	d->io.fd = -1;
	weir_timer_start(c->loop, &d->retry, WEIR__RETRY_MS, 0);
}

static void rested(weir_timer *timer, void *arg)
{
	struct weir__door *d = arg;
	(void)timer;
	if (d->io.fd >= 0)
		weir__doors_resume(d->cluster);
	else
		open_io(d);
}

void weir__doors_resume(weir_cluster *c)
{
	while (c->kept && hand_over(c, c->kept->door, c->kept->fd))
		(void)forget(c);
	for (struct weir__door *d = c->doors; d; d = d->next)
		if (d->io.fd >= 0 && c->kept)
			rest(d, WEIR__RETRY_MS);
		else if (d->io.fd >= 0)
			resume(d);
}

/* ---- who waits all the same --------------------------------------------------------- */

/* Of a common socket the kernel wakes one worker for each connection, be it one that is
   stopped, or dying. */
static void look(weir_timer *timer, void *arg)
{
	weir_cluster *c = arg;
	const uint32_t accepted = weir__cluster_sum(c).accepted;
	const uint32_t must = 1;
	bool waits = false;
	(void)timer;
	for (const struct weir__door *d = c->doors; d; d = d->next)
		waits |= weir__sys_readable(d->socket.fd) > 0;
	if (waits && accepted == c->seen)
		for (int32_t i = 0; i < c->opts.workers; i++)
			if (weir__process_serves(c->places[i].now))
				weir__cluster_say(c, c->places[i].now->id, WEIR__LOOK, &must,
				                  sizeof must);
	c->seen = accepted;
}

static void begin_to_look(weir_cluster *c)
{
	weir_timer_init(&c->look, look, c);
	weir_timer_unref(&c->look, true);
	if (c->opts.policy == WEIR_ACCEPT_SHARED && c->opts.workers > 1)
		weir_timer_start(c->loop, &c->look, LOOK_MS, LOOK_MS);
}

void weir__doors_open(weir_cluster *c)
{
	begin_to_look(c);
	if (c->opts.policy == WEIR_ACCEPT_HAND_OVER)
		for (struct weir__door *d = c->doors; d; d = d->next) {
			weir_timer_init(&d->retry, rested, d);
			weir_timer_unref(&d->retry, true);
			open_io(d);
		}
}

/* ---- empty places ------------------------------------------------------------------- */

static bool say_socket(weir_chan *chan, const struct weir__door *d)
{
	const uint32_t index = (uint32_t)d->index;
	int copy = weir__sys_dup(d->socket.fd);
	if (copy < 0)
		return false;
	if (weir__chan_say(chan, WEIR__SOCKET, &index, sizeof index, copy) >= 0)
		return true;
	weir__sys_close(copy);
	return false;
}

static void lend(struct weir__door *d)
{
	struct weir__process *p = weir__cluster_next(d->cluster);
	weir_chan *chan = p ? weir_child_chan(p->child) : NULL;
	if (chan && say_socket(chan, d))
		d->lent = p->id;
}

void weir__doors_lend(weir_cluster *c, int32_t place)
{
	for (struct weir__door *d = c->doors; d; d = d->next)
		if (d->place == place && !d->lent)
			lend(d);
}

void weir__doors_recall(weir_cluster *c, int32_t place)
{
	for (struct weir__door *d = c->doors; d; d = d->next) {
		if (d->place != place || !d->lent)
			continue;
		const uint32_t index = (uint32_t)d->index;
		weir__cluster_say(c, d->lent, WEIR__NO_SOCKET, &index, sizeof index);
		d->lent = 0;
	}
}

void weir__doors_worker_left(weir_cluster *c, int32_t id)
{
	for (struct weir__door *d = c->doors; d; d = d->next) {
		if (d->lent != id)
			continue;
		d->lent = 0;
		if (!c->draining)
			lend(d);
	}
}

/* ---- closing -------------------------------------------------------------------------- */

void weir__doors_close(weir_cluster *c)
{
	weir_timer_stop(&c->look);
	close_doors(c, &c->doors);
	while (c->kept)
		weir__sys_close(forget(c));
}

void weir__doors_forked(weir_cluster *c, bool all)
{
	for (const struct weir__kept *kept = c->kept; kept; kept = kept->next)
		weir__sys_close(kept->fd);
	for (struct weir__door *d = c->doors; d; d = d->next) {
		if (d->io.fd >= 0)
			weir__sys_close(d->io.fd);
		if (all)
			weir__sys_close(d->socket.fd);
	}
}
