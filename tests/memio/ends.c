/*
 * What passes between the two ends of a connection or pipe? Octets, FIN and RST,
 * and what of it an end is told and a poller sees.
 */
#include <errno.h>

#include "tests/memio/kernel.h"

/* ---- making ---- */

memio_client *memio__new_end(bool is_test)
{
	memio_client *e = memio__zeroed(sizeof(*e));

	e->made = memio__k.ends;
	memio__k.ends = e;
	e->is_test = is_test;
	e->room = is_test ? SIZE_MAX : memio__k.buffer;
	e->told = 1;
	e->can_read = e->can_write = true;
	return e;
}

void memio__join(memio_client *a, memio_client *b)
{
	a->other = b;
	b->other = a;
}

/* ---- sending and closing ---- */

static size_t room_at(const memio_client *e)
{
	return e->room > e->unread ? e->room - e->unread : 0;
}

void memio__deliver(memio_client *to, const void *data, size_t len)
{
	memio__put(&to->in, data, len);
	if (!to->is_test || to->room != SIZE_MAX)
		to->unread += len;
}

static void get_reset(memio_client *e)
{
	if (!e->closed && !e->dead)
		e->got_reset = true;
}

void memio__send_reset(memio_client *e)
{
	e->sent_reset = true;
	get_reset(e->other);
}

void memio__close_end(memio_client *e)
{
	if (e->closed)
		return;

	bool lost = e->unread > 0 && !e->is_pipe;

	e->closed = true;
	if (e->other == NULL)
		return;
	if (e->abrupt || lost)
		memio__send_reset(e);
	else if (e->can_write)
		e->other->got_finish = true;
	e->finished = true;
}

/* ---- reading and writing ---- */

int memio__tell_reset(memio_client *e)
{
	if (e->failure != 0) {
		int error = e->failure;

		e->failure = 0;
		e->dead = true;
		return -error;
	}
	e->got_reset = false;
	e->dead = true;
	return -ECONNRESET;
}

int64_t memio__read_end(memio_client *e, const struct weir__vec *vec, int n, size_t most)
{
	if (!e->can_read)
		return -EBADF;
	if (e->pending)
		return -EAGAIN;
	if (e->unread > 0) {
		size_t taken = memio__take(&e->in, vec, n, most);

		e->unread -= taken;
		return (int64_t)taken;
	}
	if (e->failure != 0 || e->got_reset)
		return memio__tell_reset(e);
	return e->got_finish || e->dead ? 0 : -EAGAIN;
}

/* What is written to an end that has closed is taken, and answered with RST. */
static int64_t write_to_closed(memio_client *e, size_t len)
{
	if (e->is_pipe || e->local.kind == WEIR__ADDR_UNIX)
		return -EPIPE;
	get_reset(e);
	return (int64_t)len;
}

int64_t memio__write_end(memio_client *e, const struct weir__vec *vec, int n, size_t most)
{
	size_t total = 0, room;

	if (!e->can_write)
		return -EBADF;
	if (e->pending)
		return -EAGAIN;
	if (e->failure != 0 || e->got_reset)
		return memio__tell_reset(e);
	if (e->finished || e->dead)
		return -EPIPE;
	for (int i = 0; i < n; i++)
		total += vec[i].len;
	room = memio__least(memio__least(room_at(e->other), total), most);
	if (e->other->closed)
		return write_to_closed(e, memio__least(total, most));
	if (room == 0 && total > 0)
		return -EAGAIN;
	for (size_t left = room; left > 0; vec++) {
		size_t len = memio__least(vec->len, left);

		memio__deliver(e->other, vec->data, len);
		left -= len;
	}
	return (int64_t)room;
}

/* ---- readiness ---- */

static unsigned end_ready(const memio_client *e)
{
	const memio_client *o = e->other;
	unsigned ready = 0;

	if (e->pending)
		return 0;
	if (e->failure != 0 || e->got_reset || e->dead)
		return WEIR__IN | WEIR__OUT | WEIR__ERR;
	if (e->can_read && (e->unread > 0 || e->got_finish))
		ready |= WEIR__IN;
	if (e->can_write && (e->finished || o->closed || room_at(o) >= o->told))
		ready |= WEIR__OUT;
	if ((e->got_finish && e->finished) || (e->is_pipe && o->closed))
		ready |= WEIR__ERR;
	return ready;
}

unsigned memio__file_ready(const struct memio__file *f)
{
	switch (f->kind) {
	case MEMIO__LISTENER:
		return f->queue.first != NULL ? WEIR__IN : 0;
	case MEMIO__STREAM:
		return end_ready(f->end);
	case MEMIO__WAKE:
		return f->wakes > 0 ? WEIR__IN : 0;
	default:
		return WEIR__IN | WEIR__OUT;
	}
}
