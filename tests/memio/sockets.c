/*
 * What can the program do with a socket that does not listen? Connect it, by its
 * own or the script's pace, shut it down, and ask and set what it has.
 */
#include <errno.h>

#include "tests/memio/kernel.h"

/* ---- connecting ---- */

/* Finds the other end of a connect; without one it has failed. */
static void establish(memio_client *e)
{
	struct memio__file *listener = memio__find_listener(&e->remote);

	e->pending = false;
	e->accepted = true;
	if (*memio__find_place(&memio__k.servers, &e->remote) != NULL) {
		memio_client *c = memio__new_end(true);

		c->local = e->remote;
		c->remote = e->local;
		memio__join(e, c);
		memio__push(&memio__k.served, c);
	} else if (listener != NULL && memio__has_room(listener)) {
		memio__join(e, memio__enqueue(listener, &e->remote, &e->local));
	} else {
		e->failure = ECONNREFUSED;
	}
}

/* IP is told of its fate by the poller, the unix domain at once. */
static void start_connect(memio_client *e, bool *pending, int *result)
{
	if (memio__k.refuse != 0) {
		e->failure = memio__k.refuse;
		memio__k.refuse = 0;
		*result = memio__tell_reset(e);
		return;
	}
	if (memio__k.hold) {
		e->pending = *pending = true;
		memio__push(&memio__k.held, e);
		return;
	}
	establish(e);
	*pending = e->remote.kind != WEIR__ADDR_UNIX;
	if (!*pending && e->failure != 0)
		*result = memio__tell_reset(e);
}

int weir__sys_connect(const struct weir__addr *addr, bool *pending, int *result)
{
	int error = memio__enter(MEMIO_CONNECT);
	struct memio__file *f;

	*pending = false;
	*result = 0;
	if (error != 0)
		return -error;
	if (addr->kind == WEIR__ADDR_NONE)
		return -EAFNOSUPPORT;

	int fd = memio__new_fd(&f, MEMIO__STREAM);

	if (fd < 0)
		return fd;
	f->end = memio__new_end(false);
	f->end->local = memio__new_peer_addr(addr);
	f->end->remote = *addr;
	start_connect(f->end, pending, result);
	return fd;
}

static memio_client *stream_of(int fd, const char *call)
{
	struct memio__file *f = memio__file_of(fd, call);

	return f != NULL && f->kind == MEMIO__STREAM ? f->end : NULL;
}

int weir__sys_connect_result(int fd)
{
	int error = memio__enter(MEMIO_CONNECT_RESULT);
	memio_client *e = stream_of(fd, "connect_result");

	if (e == NULL)
		return memio__peek_file(fd) == NULL ? -EBADF : -ENOTSOCK;
	if (error != 0)
		return -error;
	return e->failure != 0 || e->got_reset ? memio__tell_reset(e) : 0;
}

void memio_connect_refuse(int error)
{
	memio__k.refuse = error;
}

void memio_connect_hold(bool on)
{
	memio__k.hold = on;
}

bool memio_connect_decide(int error)
{
	memio_client *e = memio__pop(&memio__k.held);

	while (e != NULL && e->closed)
		e = memio__pop(&memio__k.held);
	if (e == NULL)
		return false;
	if (error == 0) {
		establish(e);
	} else {
		e->pending = false;
		e->failure = error;
	}
	return true;
}

/* ---- ending ---- */

int weir__sys_shutdown(int fd)
{
	int error = memio__enter(MEMIO_SHUTDOWN);
	memio_client *e = stream_of(fd, "shutdown");

	if (e == NULL || e->is_pipe)
		return memio__peek_file(fd) == NULL ? -EBADF : -ENOTSOCK;
	if (error != 0)
		return -error;
	if (e->other == NULL || e->got_reset || e->dead)
		return -ENOTCONN;
	e->finished = true;
	e->other->got_finish = true;
	return 0;
}

void weir__sys_reset_on_close(int fd)
{
	memio_client *e = stream_of(fd, "reset_on_close");

	if (e != NULL && !e->is_pipe)
		e->abrupt = true;
}

/* ---- asking and setting ---- */

int weir__sys_local(int fd, struct weir__addr *addr)
{
	int error = memio__enter(MEMIO_LOCAL);
	struct memio__file *f = memio__file_of(fd, "local");

	if (f == NULL)
		return -EBADF;
	if (error != 0)
		return -error;
	if (f->kind != MEMIO__LISTENER && (f->kind != MEMIO__STREAM || f->end->is_pipe))
		return -ENOTSOCK;
	*addr = f->kind == MEMIO__LISTENER ? f->addr : f->end->local;
	return 0;
}

int weir__sys_remote(int fd, struct weir__addr *addr)
{
	int error = memio__enter(MEMIO_REMOTE);
	struct memio__file *f = memio__file_of(fd, "remote");

	if (f == NULL)
		return -EBADF;
	if (error != 0)
		return -error;
	if (f->kind != MEMIO__STREAM)
		return f->kind == MEMIO__LISTENER ? -ENOTCONN : -ENOTSOCK;
	if (f->end->is_pipe)
		return -ENOTSOCK;
	if (f->end->other == NULL)
		return -ENOTCONN;
	*addr = f->end->remote;
	return 0;
}

int weir__sys_peer_ids(int fd, int64_t *uid, int64_t *gid, int64_t *pid)
{
	int error = memio__enter(MEMIO_PEER_IDS);
	const memio_client *e = stream_of(fd, "peer_ids");

	if (e == NULL || e->is_pipe)
		return memio__peek_file(fd) == NULL ? -EBADF : -ENOTSOCK;
	if (error != 0)
		return -error;
	if (e->local.kind != WEIR__ADDR_UNIX)
		return -ENOTSUP;
	if (e->other == NULL)
		return -ENOTCONN;
	*uid = e->other->uid;
	*gid = e->other->gid;
	*pid = e->other->pid > 0 ? e->other->pid : -1;
	return 0;
}

void memio_client_ids(memio_client *c, int64_t uid, int64_t gid, int64_t pid)
{
	c->uid = uid;
	c->gid = gid;
	c->pid = pid;
}

bool memio__is_ip(const struct memio__file *f)
{
	uint8_t kind = f->kind == MEMIO__STREAM ? f->end->local.kind : f->addr.kind;

	return kind == WEIR__ADDR_IP4 || kind == WEIR__ADDR_IP6;
}

int weir__sys_nodelay(int fd, bool on)
{
	int error = memio__enter(MEMIO_NODELAY);
	struct memio__file *f = memio__file_of(fd, "nodelay");

	if (f == NULL)
		return -EBADF;
	if (error != 0)
		return -error;
	if (!memio__is_ip(f))
		return -EOPNOTSUPP;
	f->nodelay = on;
	return 0;
}

int weir__sys_keepalive(int fd, int seconds)
{
	int error = memio__enter(MEMIO_KEEPALIVE);
	struct memio__file *f = memio__file_of(fd, "keepalive");

	if (f == NULL)
		return -EBADF;
	if (error != 0)
		return -error;
	if (seconds < 0)
		return -EINVAL;
	if (!memio__is_ip(f))
		return -EOPNOTSUPP;
	f->keepalive = seconds;
	return 0;
}

int weir__sys_readable(int fd)
{
	int error = memio__enter(MEMIO_READABLE);
	struct memio__file *f = memio__file_of(fd, "readable");

	if (f == NULL)
		return -EBADF;
	if (error != 0)
		return -error;
	return (memio__file_ready(f) & WEIR__IN) != 0;
}
