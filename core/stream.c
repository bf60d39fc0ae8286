/*
 * A stream's life: how it begins, what it is waiting for, and how it ends.
 * Reading is in read.c, writing in write.c, connecting in open.c.
 *
 *   connecting ──► open ──► data … ──► end ──┐
 *                    │                       ├──► gone
 *                    └──► writes … ► finish ─┘
 *
 * The two directions end independently; when both have, the stream does. What
 * is found out inside a function that the user called (an error of a write, a
 * queue that has emptied) is noted in the bits and told by settle, on the loop.
 */
#include "core/stream.h"

#include <errno.h>

#include "core/addr.h"

static weir_loop *loop_of(const weir_stream *s)
{
	return s->owner->loop;
}

weir_stream *weir__stream_at(const weir_loop *loop, int32_t fd)
{
	struct weir__source *source = weir__source_at(loop, fd);
	return source && source->kind == WEIR__STREAM ? (weir_stream *)(void *)source : NULL;
}

/* ---- the working set ---------------------------------------------------- */

static void drop_flow(weir_stream *s)
{
	weir_loop *loop = loop_of(s);
	weir_ref_fn *done;
	void *arg;
	if (!s->flow)
		return;
	weir__outq_abandon(&s->flow->out, &loop->chunks);
	while (weir__outq_take_sent(&s->flow->out, &loop->mem, &done, &arg))
		continue;
	/* Lent octets stay good until the data callback returns, also when it closes. */
	if (!s->flow->lent)
		weir__input_drop(s);
	weir__pool_give(&loop->flows, s->flow);
	s->flow = NULL;
}

/* ---- what it waits for -------------------------------------------------- */

static unsigned wanted(const weir_stream *s)
{
	if (weir__is(s, WEIR__DOOMED | WEIR__OPENING))
		return 0;
	if (weir__is(s, WEIR__CONNECTING))
		return WEIR__OUT;
	unsigned want = weir__is(s, WEIR__BLOCKED) ? WEIR__OUT : 0;
	if (!weir__is(s, WEIR__HELD | WEIR__EOF | WEIR__STARVED))
		want |= WEIR__IN;
	return want;
}

void weir__stream_update(weir_stream *s)
{
	unsigned want = wanted(s);
	if (want != s->source.want)
		weir__want(loop_of(s), &s->source, want);
}

/* ---- on the loop -------------------------------------------------------- */

static void stream_ready(weir_loop *loop, struct weir__source *source, unsigned ready)
{
	weir_stream *s = (weir_stream *)(void *)source;
	(void)loop;
	if (weir__is(s, WEIR__CONNECTING)) {
		weir__stream_connected(s);
		return;
	}
	if (ready & WEIR__OUT)
		weir__stream_writable(s);
	if (ready & WEIR__IN && !weir__is(s, WEIR__CLOSED))
		weir__stream_readable(s);
}

static void open_told(weir_stream *s)
{
	weir__unset(s, WEIR__OPENING);
	weir__stream_update(s);
	if (s->ops->open)
		s->ops->open(s, s->arg);
	/* What was written, or finished, before. */
	if (!weir__is(s, WEIR__CLOSED))
		weir__stream_flush(s);
}

/* Whether both directions have ended. */
static bool over(const weir_stream *s)
{
	bool both = weir__is(s, WEIR__SHUT) && weir__is(s, WEIR__END_TOLD);
	bool last = weir__is(s, WEIR__LAST) && weir__all_sent(s);
	return both || last;
}

static void settle(weir_loop *loop, struct weir__source *source)
{
	weir_stream *s = (weir_stream *)(void *)source;
	(void)loop;
	if (weir__is(s, WEIR__DOOMED)) {
		weir__stream_end(s, (int)s->limit.due);
		return;
	}
	if (weir__is(s, WEIR__OPENING))
		open_told(s);
	if (!weir__is(s, WEIR__CLOSED | WEIR__DOOMED))
		weir__stream_settle_output(s);
	if (!weir__is(s, WEIR__CLOSED | WEIR__DOOMED))
		weir__stream_settle_input(s);
	if (!weir__is(s, WEIR__CLOSED | WEIR__DOOMED) && over(s))
		weir__stream_end(s, 0);
}

void weir__stream_expired(weir_stream *s)
{
	/* Not the peer's fault: it may have sent something that is not read yet. */
	if (s->idle_ms && weir__is(s, WEIR__STARVED)) {
		weir__stream_alive(s);
		return;
	}
	if (!s->ops->idle) {
		weir__stream_end(s, WEIR_ETIMEOUT);
		return;
	}
	s->ops->idle(s, s->arg);
	if (!weir__is(s, WEIR__CLOSED | WEIR__DOOMED))
		weir__stream_alive(s);
}

void weir__streams_resume(weir_loop *loop)
{
	loop->starved = false;
	for (int32_t fd = 0; fd < loop->nslots; fd++) {
		weir_stream *s = weir__stream_at(loop, fd);
		if (s && weir__is(s, WEIR__ABOVE)) /* settle sees whether drain is due */
			weir__errand(loop, &s->source);
		if (!s || !weir__is(s, WEIR__STARVED))
			continue;
		weir__unset(s, WEIR__STARVED);
		weir__stream_update(s);
	}
}

/* ---- beginning ---------------------------------------------------------- */

static void stream_close(weir_loop *loop, struct weir__source *source)
{
	(void)loop;
	weir_close((weir_stream *)(void *)source);
}

static const struct weir__role role = {stream_ready, settle, stream_close};

int weir__stream_init(weir_stream *s, struct weir__owner *owner, int fd, unsigned bits, bool shared)
{
	weir_loop *loop = owner->loop;
	const weir_transport *t = owner->transport;
	*s = (weir_stream){.owner = owner, .idle_ms = (uint32_t)owner->idle_ms};
	s->source = (struct weir__source){.fd = fd, .kind = WEIR__STREAM, .bits = (uint16_t)bits};
	s->source.want = (uint8_t)wanted(s);
	weir__limit_init(&s->limit);
	loop->roles[WEIR__STREAM] = &role;
	int result = t && t->open ? t->open(fd, owner->transport_arg) : 0;
	if (result < 0)
		return result;
	/* The kernel gives the lowest number: with the highest in use, all below are. */
	if (!shared && fd + 1 >= weir__poller_limit(loop->poller)) {
		loop->at_limit = true;
		loop->below_limit = fd + 1 == weir__poller_limit(loop->poller);
	}
	result = weir__attach(loop, &s->source, shared);
	if (result < 0) {
		if (t && t->close)
			t->close(fd, owner->transport_arg);
		return result;
	}
	loop->below_limit--;
	owner->refs++;
	owner->conns++;
	loop->holds++;
	weir__stream_alive(s);
	return 0;
}

void weir__stream_set_peer(weir_stream *s, const struct weir__addr *addr)
{
	s->peer = weir__peer_take(&loop_of(s)->peers, addr);
	s->port = addr->port;
}

/* ---- ending ------------------------------------------------------------- */

static void release(weir_stream *s)
{
	weir_loop *loop = loop_of(s);
	struct weir__owner *owner = s->owner;
	weir__stream_evictable(s, false);
	weir__limit_clear(s);
	weir__detach(loop, &s->source);
	if (owner->transport && owner->transport->close)
		owner->transport->close(s->source.fd, owner->transport_arg);
	weir__sys_close(s->source.fd);
	drop_flow(s);
	s->source.fd = -1;
	s->source.bits = WEIR__CLOSED;
	owner->conns--;
	if (owner->closed)
		owner->closed(s);
	weir__peer_give(&loop->peers, s->peer);
	weir__conns_add(loop, -(int32_t)owner->accepts);
	loop->holds--;
	loop->below_limit++;
	weir__owner_put(owner);
	weir__bury(loop, s, sizeof *s);
	weir__room(loop);
}

void weir_close(weir_stream *s)
{
	if (s && !weir__is(s, WEIR__CLOSED))
		release(s);
}

void weir__stream_end(weir_stream *s, int why)
{
	/* No more writes from here on; references are given back before `gone`. */
	weir__limit_clear(s);
	weir__set(s, WEIR__DOOMED);
	weir__stream_update(s);
	if (s->flow)
		weir__outq_abandon(&s->flow->out, &loop_of(s)->chunks);
	if (!weir__output_tell(s, why ? why : WEIR_ECLOSED))
		return;
	if (s->ops->gone)
		s->ops->gone(s, why, s->arg);
	weir_close(s);
}

void weir__stream_doom(weir_stream *s, int why)
{
	if (weir__is(s, WEIR__DOOMED))
		return;
	weir__limit_clear(s);
	s->limit.due = (uint32_t)why;
	weir__set(s, WEIR__DOOMED);
	weir__stream_update(s);
	weir__errand(loop_of(s), &s->source);
}

void weir__stream_reset(weir_stream *s)
{
	weir__sys_reset_on_close(s->source.fd);
}

void weir__stream_last(weir_stream *s)
{
	weir__set(s, WEIR__LAST);
	weir__errand(loop_of(s), &s->source);
}

/* ---- making room -------------------------------------------------------- */

/* For those that have no limit and so are not on the wheel. */
static weir_stream *any_evictable(const weir_loop *loop, const struct weir__owner *owner)
{
	for (int32_t fd = 0; loop->evictable && fd < loop->nslots; fd++) {
		weir_stream *s = weir__stream_at(loop, fd);
		if (s && weir__may_evict(s, owner))
			return s;
	}
	return NULL;
}

bool weir__evict(weir_loop *loop, const struct weir__owner *owner)
{
	weir_stream *s;
	while ((s = weir__wheel_oldest(loop, owner)) != NULL ||
	       (s = any_evictable(loop, owner)) != NULL) {
		/* One that has just sent something is idle no more. */
		if (weir__sys_readable(s->source.fd) > 0) {
			weir__stream_evictable(s, false);
			continue;
		}
		weir__stream_end(s, WEIR_EDRAINED);
		return true;
	}
	return false;
}

bool weir__owner_full(const struct weir__owner *owner)
{
	return owner->conns >= owner->max_conns || owner->loop->conns >= owner->loop->max_conns;
}

bool weir__owner_evict(const struct weir__owner *owner)
{
	return weir__evict(owner->loop, owner->conns >= owner->max_conns ? owner : NULL);
}

/* ---- asking and setting ------------------------------------------------- */

void weir__stream_limit(weir_stream *s, int64_t ms)
{
	if (weir__is(s, WEIR__CLOSED | WEIR__DOOMED))
		return;
	if (ms < 0)
		weir__limit_clear(s);
	else
		weir__limit_set(s, ms);
}

void weir_idle(weir_stream *s, int32_t ms)
{
	s->idle_ms = ms > 0 ? (uint32_t)ms : 0;
	weir__stream_limit(s, s->idle_ms ? ms : -1);
}

void weir_stream_on(weir_stream *s, const weir_stream_ops *ops, void *arg)
{
	s->ops = ops;
	s->arg = arg;
}

void weir__stream_hand_over(weir_stream *s, const weir_stream_ops *ops, void *arg)
{
	weir_stream_on(s, ops, arg);
	weir__stream_limit(s, -1);
	weir__stream_evictable(s, false);
	weir__unset(s, WEIR__HELD | WEIR__END_TOLD);
	weir__stream_offer(s);
	weir__stream_update(s);
}

int64_t weir_queued(const weir_stream *s)
{
	return weir__queued(s);
}

int weir_peer(const weir_stream *s, char *text, size_t size)
{
	struct weir__addr addr;
	weir__peer_get(&loop_of(s)->peers, s->peer, &addr);
	addr.port = s->port;
	if (!s->peer)
		weir__sys_remote(s->source.fd, &addr);
	return weir__addr_format(&addr, text, size);
}

int weir_local(const weir_stream *s, char *text, size_t size)
{
	struct weir__addr addr;
	int result = weir__sys_local(s->source.fd, &addr);
	return result < 0 ? result : weir__addr_format(&addr, text, size);
}

int weir_peer_ids(const weir_stream *s, weir_ids *ids)
{
	weir_ids found;
	int result = weir__sys_peer_ids(s->source.fd, &found.uid, &found.gid, &found.pid);
	if (result == 0)
		*ids = found;
	return result;
}

int weir_nodelay(weir_stream *s, bool on)
{
	return weir__sys_nodelay(s->source.fd, on);
}

int weir_keepalive(weir_stream *s, int seconds)
{
	return weir__sys_keepalive(s->source.fd, seconds);
}

void *weir_stream_arg(const weir_stream *s)
{
	return s->arg;
}

weir_loop *weir_stream_loop(const weir_stream *s)
{
	return loop_of(s);
}

int weir_stream_fd(const weir_stream *s)
{
	return s->source.fd;
}
