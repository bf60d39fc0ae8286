/*
 * What does the test at the other end of a connection do and see? It is a client
 * of the program's listeners, or the server that the program connects to.
 */
#include <string.h>

#include "tests/memio/kernel.h"

/* ---- clients ---- */

/* As backend/sys.h has it: a peer of IPv4 is told as one. */
static struct weir__addr told(const struct weir__addr *addr)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct weir__addr t = *addr;

	if (t.kind != WEIR__ADDR_IP6 || memcmp(t.u.ip, mapped, sizeof mapped) != 0)
		return t;
	t.kind = WEIR__ADDR_IP4;
	memmove(t.u.ip, t.u.ip + sizeof mapped, 4);
	return t;
}

memio_client *memio_client_connect_from(const struct weir__addr *to, const struct weir__addr *from)
{
	struct memio__file *listener = memio__find_listener(to);

	if (listener == NULL || !memio__has_room(listener))
		return NULL;

	const struct weir__addr there = to != NULL ? *to : memio__reached_at(&listener->addr);

	to = &there;

	memio_client *c = memio__new_end(true);

	c->local = from != NULL ? told(from) : memio__new_peer_addr(to);
	c->remote = *to;
	memio__join(c, memio__enqueue(listener, to, &c->local));
	return c;
}

memio_client *memio_client_connect(const struct weir__addr *to)
{
	return memio_client_connect_from(to, NULL);
}

/* ---- sending ---- */

/* What comes after the program's close is unwanted: a reset answers it. */
void memio_client_send(memio_client *c, const void *data, size_t len)
{
	if (c->finished || len == 0)
		return;
	if (c->other->closed)
		c->other->sent_reset = true;
	else if (!c->other->dead && !c->other->got_reset)
		memio__deliver(c->other, data, len);
}

void memio_client_send_text(memio_client *c, const char *text)
{
	memio_client_send(c, text, strlen(text));
}

void memio_client_finish(memio_client *c)
{
	c->finished = true;
	c->other->got_finish = true;
}

void memio_client_close(memio_client *c)
{
	c->unread = 0;
	memio__close_end(c);
}

void memio_client_reset(memio_client *c)
{
	c->abrupt = true;
	memio__close_end(c);
}

/* ---- receiving ---- */

const char *memio_client_received(const memio_client *c, size_t *len)
{
	if (len != NULL)
		*len = c->in.len;
	return c->in.len > 0 ? (const char *)c->in.data + c->in.start : "";
}

void memio_client_forget(memio_client *c)
{
	c->in.start += c->in.len;
	c->in.len = 0;
}

void memio_client_window(memio_client *c, size_t room)
{
	c->room = room;
	if (room == SIZE_MAX)
		c->unread = 0;
}

void memio_client_told(memio_client *c, size_t room)
{
	c->told = room;
}

size_t memio_client_read(memio_client *c, size_t n)
{
	size_t taken = memio__least(n, c->unread);

	c->unread -= taken;
	return taken;
}

/* ---- looking ---- */

size_t memio_client_unread(const memio_client *c)
{
	return c->other->unread;
}

enum memio_end memio_client_closed(const memio_client *c)
{
	const memio_client *e = c->other;

	if (e->sent_reset)
		return MEMIO_RESET;
	if (e->closed)
		return MEMIO_CLOSED;
	return e->finished ? MEMIO_FINISHED : MEMIO_OPEN;
}

bool memio_client_accepted(const memio_client *c)
{
	return c->other->accepted;
}

const struct weir__addr *memio_client_addr(const memio_client *c)
{
	return &c->local;
}

/* ---- servers ---- */

void memio_server_listen(const struct weir__addr *addr)
{
	memio__add_place(&memio__k.servers, addr);
}

memio_client *memio_server_accept(void)
{
	return memio__pop(&memio__k.served);
}
