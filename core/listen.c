/*
 * Accepting. What waits for room stays in the kernel's backlog: out of
 * descriptors, memory or connections allowed, the longest-idle connection that
 * may be dropped is; when there is none the listener leaves the poller's set
 * and comes back with the next close, or after 100 ms. Neither spins.
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
	int64_t pid;     /* who made the socket, and removes its path */
	int32_t waiting; /* was accepted when there was no memory for it; or -1 */
	bool made;       /* by us, not inherited */
	bool paused;
};

static void listener_ready(weir_loop *loop, struct weir__source *source, unsigned ready);

weir_listener *weir__listener_next(const weir_listener *listener)
{
	return listener->next;
}

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
	weir__want(loop, &l->source, WEIR__IN);
}

void weir__listeners_resume(weir_loop *loop)
{
	for (weir_listener *l = loop->listeners; l; l = l->next) {
		/* No event tells of one that was accepted already. */
		if (l->waiting >= 0)
			weir_timer_start(loop, &l->retry, 0, 0);
		else
			resume(l);
	}
}

static void retry(weir_timer *timer, void *arg)
{
	weir_listener *l = arg;
	weir_loop *loop = l->owner->loop;
	(void)timer;
	/* Nothing of ours can make room: somebody else's descriptor may have. */
	if (loop->conns == 0)
		loop->at_limit = false;
	resume(l);
	if (l->waiting >= 0)
		listener_ready(loop, &l->source, WEIR__IN);
}

static void pause_accepting(weir_listener *l)
{
	weir_loop *loop = l->owner->loop;
	l->paused = true;
	loop->paused++;
	weir__want(loop, &l->source, 0);
	weir_timer_start(loop, &l->retry, WEIR__RETRY_MS, 0);
}

static bool full(const weir_listener *l)
{
	const weir_loop *loop = l->owner->loop;
	return (loop->at_limit && loop->below_limit <= 0) || loop->conns >= loop->max_conns ||
	       l->owner->conns >= l->owner->max_conns;
}

/* At a limit of its own, only its own connections can make room. */
static bool evict(const weir_listener *l)
{
	struct weir__owner *owner = l->owner;
	return weir__evict(owner->loop, owner->conns >= owner->max_conns ? owner : NULL);
}

/* Somebody waits and there is no room for it. True: there is now. Asked first,
   because accept reports the lack of descriptors even when nobody waits. */
static bool make_room(weir_listener *l)
{
	if (l->waiting < 0 && weir__sys_readable(l->source.fd) <= 0)
		return false;
	if (evict(l))
		return true;
	pause_accepting(l);
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
	if (l->greeter && l->greeter->greet(l->greeter, s, peer))
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
		evict(l);
	return !out_of_room(why);
}

static bool take_in(weir_listener *l, int fd, const struct weir__addr *peer)
{
	weir_loop *loop = l->owner->loop;
	weir_stream *s = loop->spare_stream;
	int result = weir__stream_init(s, l->owner, fd, 0, false);
	if (result < 0)
		return turn_away(l, fd, result);
	loop->spare_stream = NULL;
	loop->conns++;
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
		if (source->fd < 0 || l->paused || !accept_one(l))
			break;
	if (source->fd >= 0 && l->waiting >= 0 && !l->paused)
		pause_accepting(l);
}

/* ---- opening and closing ------------------------------------------------ */

/* A socket for what the address says; *l is told whose it is. */
static int open_socket(weir_listener *l, const char *address, const weir_stream_opts *opts)
{
	struct weir__listen_how how = {opts->backlog, opts->reuse_port, opts->v6_only};
	struct weir__where where;
	int result = weir__addr_parse(address, &where);
	if (result < 0)
		return result;
	if (where.place == WEIR__PLACE_SYSTEMD)
		return weir__sys_inherit_named(where.name, strlen(where.name));
	if (where.place == WEIR__PLACE_FD) {
		result = weir__sys_inherit(where.fd);
		return result < 0 ? result : where.fd;
	}
	l->made = true;
	if (where.place == WEIR__PLACE_ANY) {
		where.addr.kind = WEIR__ADDR_IP6;
		result = weir__sys_listen(&where.addr, &how);
		if (result != -EAFNOSUPPORT && result != -EADDRNOTAVAIL)
			return result;
		where.addr.kind = WEIR__ADDR_IP4;
	}
	return weir__sys_listen(&where.addr, &how);
}

static void listener_close(weir_loop *loop, struct weir__source *source)
{
	(void)loop;
	weir_listener_close((weir_listener *)(void *)source);
}

static void close_socket(weir_listener *l)
{
	if (l->made && l->addr.kind == WEIR__ADDR_UNIX && l->pid == weir__sys_pid())
		weir__sys_unlisten(&l->addr);
	weir__sys_close(l->source.fd);
}

static int start(weir_loop *loop, weir_listener *l)
{
	static const struct weir__role role = {.ready = listener_ready, .close = listener_close};
	loop->roles[WEIR__LISTENER] = &role;
	l->source.kind = WEIR__LISTENER;
	l->source.want = WEIR__IN;
	l->pid = weir__sys_pid();
	weir__sys_local(l->source.fd, &l->addr);
	weir_timer_init(&l->retry, retry, l);
	weir_timer_unref(&l->retry, true);
	int result = weir__attach(loop, &l->source, !l->made);
	if (result < 0) {
		/* One that was inherited may be somebody's already: it stays as it is. */
		if (l->made)
			close_socket(l);
		return result;
	}
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
	l->source.fd = open_socket(l, address, opts ? opts : &defaults);
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

void weir_listener_close(weir_listener *l)
{
	weir_loop *loop = l->owner->loop;
	if (l->greeter)
		l->greeter->leave(l->greeter);
	resume(l);
	weir__detach(loop, &l->source);
	close_socket(l);
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
