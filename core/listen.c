/*
 * Accepting. What waits for room stays in the kernel's backlog: out of
 * descriptors, memory or connections allowed, the longest-idle connection that
 * may be dropped is; when there is none the listener leaves the poller's set
 * and comes back with the next close, or after 100 ms. Neither spins.
 *
 * In a worker of a cluster (loop->gate) the socket is the master's, and the gate says
 * when others are to accept; or there is none to accept from, and connections are fed.
 */
#include <errno.h>
#include <string.h>

#include "core/addr.h"
#include "core/stream.h"

/* Connections accepted in one go, so that a flood of new ones starves nobody. */
#define ACCEPT_BOUND 64
/* Octets that newcomers leave to those who are in: a chunk to read into, and what requests
   and queues need beside it. */
#define MARGIN (WEIR__CHUNK + 8192)

struct weir_listener {
	struct weir__source source;
	struct weir__owner *owner;
	weir_listener *next, **link;
	weir_timer retry;
	struct weir__greeter *greeter; /* NULL: connections are the owner's at once */
	struct weir__addr addr;
	struct weir__socket socket;
	int32_t waiting;   /* was accepted when there was no memory for it; or -1 */
	weir_listener *of; /* whose connections these are, too, or NULL */
	bool gated;        /* the socket is the gate's */
	bool fed;          /* nothing is accepted here */
	bool back;         /* paused for others' sake */
	bool paused;
};

static void listener_ready(weir_loop *loop, struct weir__source *source, unsigned ready);

struct weir__owner *weir__listener_owner(const weir_listener *listener)
{
	return listener->owner;
}

struct weir__greeter **weir__listener_greeter(weir_listener *listener)
{
	return &listener->greeter;
}

/* ---- waiting for room --------------------------------------------------- */

static void resume(weir_listener *l)
{
	weir_loop *loop = l->owner->loop;
	if (!l->paused)
		return;
	l->paused = false;
	loop->paused--;
	weir_timer_stop(&l->retry);
	weir__want(loop, &l->source, l->fed ? 0 : WEIR__IN);
}

void weir__listeners_resume(weir_loop *loop)
{
	for (weir_listener *l = loop->listeners; l; l = l->next) {
		/* No event tells of one that was accepted already. */
		if (l->waiting >= 0)
			weir_timer_start(loop, &l->retry, 0, 0);
		else if (!l->back)
			resume(l);
	}
}

static void pause_for(weir_listener *l, int64_t ms)
{
	weir_loop *loop = l->owner->loop;
	l->paused = true;
	loop->paused++;
	/* Where it stays in the set, the kernel may wake it in another worker's place. */
	if (l->source.bits & WEIR__SHARED)
		weir__want_now(loop, &l->source, 0);
	else
		weir__want(loop, &l->source, 0);
	weir_timer_start(loop, &l->retry, ms, 0);
}

static void pause_accepting(weir_listener *l)
{
	pause_for(l, WEIR__RETRY_MS);
}

/* True: others are to accept just now. */
static bool step_back(weir_listener *l, bool waits)
{
	struct weir__gate *gate = l->gated ? l->owner->loop->gate : NULL;
	int32_t ms = gate ? gate->step_back(gate, waits) : 0;
	l->back = ms > 0;
	if (l->back)
		pause_for(l, ms);
	return l->back;
}

static bool accept_one(weir_listener *l);

/* Still behind others it stays out of the set: the kernel would wake it in their place. */
static void try_again(weir_listener *l)
{
	const bool waits = weir__sys_readable(l->source.fd) > 0;
	resume(l);
	if (!step_back(l, waits) && waits)
		accept_one(l);
}

static void retry(weir_timer *timer, void *arg)
{
	weir_listener *l = arg;
	weir_loop *loop = l->owner->loop;
	(void)timer;
	if (l->back) {
		try_again(l);
		return;
	}
	/* Nothing of ours can make room: somebody else's descriptor may have. */
	if (loop->conns == 0)
		loop->at_limit = false;
	resume(l);
	if (l->waiting >= 0)
		listener_ready(loop, &l->source, WEIR__IN);
}

static bool full(const weir_listener *l)
{
	const weir_loop *loop = l->owner->loop;
	return (loop->at_limit && loop->below_limit <= 0) || weir__owner_full(l->owner);
}

/* Somebody waits and there is no room for it. True: there is now. Asked first,
   because accept reports the lack of descriptors even when nobody waits. */
static bool make_room(weir_listener *l)
{
	if (l->waiting < 0 && weir__sys_readable(l->source.fd) <= 0)
		return false;
	if (weir__owner_evict(l->owner))
		return true;
	pause_accepting(l);
	if (l->gated && !l->fed)
		l->owner->loop->gate->full(l->owner->loop->gate);
	return false;
}

/* ---- accepting ---------------------------------------------------------- */

static weir_stream *spare_block(weir_loop *loop)
{
	if (!loop->spare_stream)
		loop->spare_stream = weir__mem_resize(&loop->mem, NULL, 0, sizeof(weir_stream));
	return loop->spare_stream;
}

/* Buffers that nobody has count as free. */
static bool memory_is_short(const weir_loop *loop)
{
	size_t spare = (size_t)loop->chunks.nfree * WEIR__CHUNK;
	return loop->mem.cap - loop->mem.used + spare < MARGIN;
}

static bool out_of_room(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS ||
	       error == -ENOSPC;
}

static void greet(weir_listener *l, weir_stream *s, const struct weir__addr *peer)
{
	struct weir__greeter *greeter = l->of ? l->of->greeter : l->greeter;
	if (greeter && greeter->greet(greeter, s, peer))
		return;
	s->ops = l->owner->ops;
	s->arg = l->owner->arg;
	if (s->ops->open)
		s->ops->open(s, s->arg);
}

/* It was accepted, but cannot be a stream. True: others may. */
static bool turn_away(weir_listener *l, int fd, int why)
{
	/* A number beyond the poller's limit stays beyond it. */
	if (out_of_room(why) && why != -EMFILE)
		l->waiting = fd;
	else
		weir__sys_close(fd);
	if (out_of_room(why))
		pause_accepting(l);
	/* What it frees is there in the next turn, and the pause ends with it. */
	if (l->waiting >= 0)
		weir__owner_evict(l->owner);
	return !out_of_room(why);
}

static bool take_in(weir_listener *l, int fd, const struct weir__addr *peer)
{
	weir_loop *loop = l->owner->loop;
	weir_stream *s = loop->spare_stream;
	/* One that was fed has a copy with whoever accepted it. */
	int result = weir__stream_init(s, l->owner, fd, 0, l->fed);
	if (result < 0)
		return turn_away(l, fd, result);
	loop->spare_stream = NULL;
	weir__conns_add(loop, 1);
	weir__stream_set_peer(s, peer);
	greet(l, s, peer);
	return true;
}

static int next_connection(weir_listener *l, struct weir__addr *peer)
{
	int fd = l->waiting;
	if (fd < 0)
		return weir__sys_accept(l->source.fd, peer);
	l->waiting = -1;
	if (weir__sys_remote(fd, peer) < 0)
		peer->kind = WEIR__ADDR_NONE;
	return fd;
}

/* False: enough for now. */
static bool accept_one(weir_listener *l)
{
	struct weir__addr peer;
	if (full(l))
		return make_room(l);
	if (memory_is_short(l->owner->loop) || !spare_block(l->owner->loop)) {
		/* What an eviction frees is there in the next turn only. */
		make_room(l);
		return false;
	}
	int fd = next_connection(l, &peer);
	if (fd >= 0)
		return take_in(l, fd, &peer);
	if (fd == -ECONNABORTED)
		return true;
	if (out_of_room(fd))
		return make_room(l);
	if (fd != -EAGAIN)
		pause_accepting(l);
	return false;
}

static void listener_ready(weir_loop *loop, struct weir__source *source, unsigned ready)
{
	weir_listener *l = (weir_listener *)(void *)source;
	(void)loop;
	(void)ready;
	for (int i = 0; i < ACCEPT_BOUND; i++)
		if (source->fd < 0 || l->paused || (l->fed && l->waiting < 0) ||
		    step_back(l, false) || !accept_one(l))
			break;
	if (source->fd < 0 || l->paused)
		return;
	if (l->waiting >= 0)
		pause_accepting(l);
	else
		/* Now, and not when the next one has woken this worker in vain. */
		step_back(l, false);
}

void weir__listener_last_call(weir_listener *l)
{
	if (l->back)
		resume(l);
	if (!l->paused && !l->fed)
		listener_ready(l->owner->loop, &l->source, WEIR__IN);
}

bool weir__listener_feed(weir_listener *l, int fd)
{
	if (l->waiting >= 0)
		return false;
	l->waiting = fd;
	/* Once more when somebody has made room for it. */
	while (l->source.fd >= 0 && l->waiting >= 0 && !l->paused && accept_one(l))
		continue;
	if (l->source.fd >= 0 && l->waiting >= 0 && !l->paused)
		pause_accepting(l);
	return true;
}

int weir__listener_unfeed(weir_listener *l)
{
	const int fd = l->waiting;
	l->waiting = -1;
	return fd;
}

bool weir__listener_is_full(const weir_listener *l)
{
	return l->waiting >= 0;
}

/* ---- opening and closing ------------------------------------------------ */

static void listener_close(weir_loop *loop, struct weir__source *source)
{
	(void)loop;
	weir_listener_close((weir_listener *)(void *)source);
}

/* In a worker the gate's, if it knows the address; else a socket of our own. */
static int open_socket(weir_loop *loop, weir_listener *l, const char *address,
                       const weir_stream_opts *opts)
{
	struct weir__gate *gate = loop->gate;
	unsigned how = 0;
	int fd = gate ? gate->socket(gate, address, &how) : -ENOENT;
	l->gated = fd >= 0;
	if (!l->gated && fd == -ENOENT)
		return weir__socket_open(loop, &l->socket, address, opts);
	l->fed = how & WEIR__GATE_FED;
	l->source.bits = how & WEIR__GATE_SHARED ? WEIR__SHARED : 0;
	return l->socket.fd = fd;
}

static int start(weir_loop *loop, weir_listener *l)
{
	static const struct weir__role role = {.ready = listener_ready, .close = listener_close};
	loop->roles[WEIR__LISTENER] = &role;
	l->source.kind = WEIR__LISTENER;
	l->source.want = l->fed ? 0 : WEIR__IN;
	weir__sys_local(l->source.fd, &l->addr);
	weir_timer_init(&l->retry, retry, l);
	weir_timer_unref(&l->retry, true);
	int result = weir__attach(loop, &l->source, !l->socket.pid);
	if (result < 0) {
		/* One that was inherited may be somebody's already: it stays as it is. */
		if (!l->socket.pid && !l->gated)
			l->socket.fd = -1;
		weir__socket_close(loop, &l->socket);
		return result;
	}
	if (!l->gated)
		weir__socket_add(loop, &l->socket);
	loop->holds++;
	/* At the end of the list: listeners are told in the order they were made. */
	l->link = &loop->listeners;
	while (*l->link)
		l->link = &(*l->link)->next;
	*l->link = l;
	return 0;
}

int weir__listen(struct weir__owner *owner, weir_listener **out, const char *address,
                 const weir_stream_opts *opts)
{
	static const weir_stream_opts defaults;
	weir_loop *loop = owner->loop;
	weir_listener *l = weir__mem_new(&loop->mem, sizeof *l);
	if (!l)
		return -ENOMEM;
	l->owner = owner;
	l->waiting = -1;
	l->source.fd = open_socket(loop, l, address, opts ? opts : &defaults);
	int result = l->source.fd < 0 ? l->source.fd : start(loop, l);
	if (result < 0) {
		weir__mem_free(&loop->mem, l, sizeof *l);
		return result;
	}
	owner->refs++;
	if (out)
		*out = l;
	return 0;
}

weir_listener *weir__listener_gated(const weir_loop *loop, int32_t fd)
{
	struct weir__source *source = weir__source_at(loop, fd);
	weir_listener *l = (weir_listener *)(void *)source;
	return source && source->kind == WEIR__LISTENER && l->gated ? l : NULL;
}

int weir__listener_also(weir_listener *l, int fd)
{
	weir_loop *loop = l->owner->loop;
	weir_listener *also = weir__mem_new(&loop->mem, sizeof *also);
	if (!also) {
		weir__sys_close(fd);
		return -ENOMEM;
	}
	also->owner = l->owner;
	also->of = l;
	also->waiting = -1;
	also->gated = true;
	also->source.fd = also->socket.fd = fd;
	int result = start(loop, also);
	if (result < 0) {
		weir__mem_free(&loop->mem, also, sizeof *also);
		return result;
	}
	l->owner->refs++;
	return 0;
}

int weir_listen(weir_loop *loop, weir_listener **out, const char *address,
                const weir_stream_opts *opts, const weir_stream_ops *ops, void *arg)
{
	if (out)
		*out = NULL;
	int result = weir__thread_check(loop);
	if (result < 0)
		return result;
	struct weir__owner *owner = weir__owner_accepts(loop, opts, ops, arg);
	result = owner ? weir__listen(owner, out, address, opts) : -ENOMEM;
	weir__owner_put(owner);
	return result;
}

void weir__listeners_close(struct weir__owner *owner)
{
	weir_listener *next;
	for (weir_listener *l = owner->loop->listeners; l; l = next) {
		next = l->next;
		if (l->owner == owner)
			weir_listener_close(l);
	}
}

void weir__listeners_abandon(const weir_loop *loop)
{
	for (const weir_listener *l = loop->listeners; l; l = l->next)
		if (l->waiting >= 0)
			weir__sys_close(l->waiting);
}

void weir_listener_close(weir_listener *l)
{
	weir_loop *loop = l->owner->loop;
	if (l->greeter)
		l->greeter->leave(l->greeter);
	for (weir_listener *also = loop->listeners; also; also = also->next)
		if (also->of == l)
			also->of = NULL;
	resume(l);
	weir__detach(loop, &l->source);
	if (!l->gated)
		weir__socket_remove(&l->socket);
	weir__socket_close(loop, &l->socket);
	if (l->waiting >= 0)
		weir__sys_close(l->waiting);
	l->source.fd = -1;
	*l->link = l->next;
	if (l->next)
		l->next->link = l->link;
	weir__owner_put(l->owner);
	loop->holds--;
	weir__bury(loop, l, sizeof *l);
}

int weir_listener_address(const weir_listener *l, char *text, size_t size)
{
	return weir__addr_format(&l->addr, text, size);
}
