/*
 * Who listens where, and what reaches it? Addresses, the places that they name,
 * listening descriptors with their queues, made here or inherited.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/memio/kernel.h"

/* ---- addresses ---- */

static bool is_path(const struct weir__addr *a)
{
	return a->kind == WEIR__ADDR_UNIX && !a->abstract;
}

static bool same_unix(const struct weir__addr *a, const struct weir__addr *b)
{
	return a->abstract == b->abstract && a->path_len == b->path_len &&
	       memcmp(a->u.path, b->u.path, a->path_len) == 0;
}

static bool is_wildcard(const struct weir__addr *a)
{
	static const uint8_t zeroes[16];

	return memcmp(a->u.ip, zeroes, a->kind == WEIR__ADDR_IP4 ? 4 : 16) == 0;
}

/* Whether a listener there is reached by a connect to that address. */
static bool covers(const struct weir__addr *there, bool v6_only, const struct weir__addr *to)
{
	if (there->kind == WEIR__ADDR_UNIX || to->kind == WEIR__ADDR_UNIX)
		return there->kind == to->kind && same_unix(there, to);
	if (there->port != to->port)
		return false;
	if (there->kind != to->kind)
		return there->kind == WEIR__ADDR_IP6 && is_wildcard(there) && !v6_only;
	return is_wildcard(there) ||
	       memcmp(there->u.ip, to->u.ip, to->kind == WEIR__ADDR_IP4 ? 4 : 16) == 0;
}

struct weir__addr memio__new_peer_addr(const struct weir__addr *to)
{
	struct weir__addr a = {.kind = to->kind};

	if (to->kind == WEIR__ADDR_UNIX)
		return a;
	a.port = memio__k.next_peer_port++;
	if (memio__k.next_peer_port == 0)
		memio__k.next_peer_port = MEMIO__FIRST_PEER_PORT;
	if (to->kind == WEIR__ADDR_IP4)
		memcpy(a.u.ip, "\x7f\0\0\1", 4);
	else
		a.u.ip[15] = 1;
	return a;
}

struct weir__addr memio__reached_at(const struct weir__addr *listening)
{
	struct weir__addr a = *listening;

	if (a.kind == WEIR__ADDR_IP4 && is_wildcard(&a))
		memcpy(a.u.ip, "\x7f\0\0\1", 4);
	else if (a.kind == WEIR__ADDR_IP6 && is_wildcard(&a))
		a.u.ip[15] = 1;
	return a;
}

/* ---- places ---- */

struct memio__place **memio__find_place(struct memio__place **list, const struct weir__addr *addr)
{
	while (*list != NULL && !covers(&(*list)->addr, false, addr))
		list = &(*list)->next;
	return list;
}

void memio__add_place(struct memio__place **list, const struct weir__addr *addr)
{
	struct memio__place *p = memio__zeroed(sizeof(*p));

	p->addr = *addr;
	p->next = *list;
	*list = p;
}

void memio__remove_place(struct memio__place **at)
{
	struct memio__place *p = *at;

	if (p == NULL)
		return;
	*at = p->next;
	free(p);
}

static struct weir__addr path_addr(const char *path)
{
	struct weir__addr a = {.kind = WEIR__ADDR_UNIX};

	a.path_len = (uint8_t)memio__least(strlen(path), sizeof(a.u.path) - 1);
	memcpy(a.u.path, path, a.path_len);
	return a;
}

bool memio_path_exists(const char *path)
{
	const struct weir__addr a = path_addr(path);

	return *memio__find_place(&memio__k.paths, &a) != NULL;
}

void memio_path_make(const char *path)
{
	const struct weir__addr a = path_addr(path);

	if (*memio__find_place(&memio__k.paths, &a) == NULL)
		memio__add_place(&memio__k.paths, &a);
}

/* ---- queues ---- */

struct memio__file *memio__find_listener(const struct weir__addr *to)
{
	struct memio__file *found = NULL;

	for (int fd = MEMIO__FIRST_FD; fd < memio__k.nfiles; fd++) {
		struct memio__file *f = memio__k.files[fd];

		if (f == NULL || f->kind != MEMIO__LISTENER)
			continue;
		if (to == NULL)
			return f;
		if (covers(&f->addr, f->how.v6_only, to) &&
		    (found == NULL || f->queue.len < found->queue.len))
			found = f;
	}
	return found;
}

bool memio__has_room(const struct memio__file *listener)
{
	return listener->how.backlog <= 0 || listener->queue.len < listener->how.backlog;
}

memio_client *memio__enqueue(struct memio__file *listener, const struct weir__addr *to,
                             const struct weir__addr *from)
{
	memio_client *e = memio__new_end(false);

	e->local = *to;
	e->remote = *from;
	memio__push(&listener->queue, e);
	return e;
}

/* ---- sys.h: listening ---- */

static bool is_taken(const struct weir__addr *addr, bool shared)
{
	for (int fd = MEMIO__FIRST_FD; fd < memio__k.nfiles; fd++) {
		const struct memio__file *f = memio__k.files[fd];

		if (f == NULL || f->kind != MEMIO__LISTENER || f->addr.kind != addr->kind)
			continue;
		if ((covers(&f->addr, true, addr) || covers(addr, true, &f->addr)) &&
		    !(shared && f->how.reuse_port))
			return true;
	}
	return false;
}

static void choose_port(struct weir__addr *addr)
{
	if (addr->kind == WEIR__ADDR_UNIX)
		return;
	while (addr->port == 0 || is_taken(addr, false))
		addr->port = memio__k.next_port++;
}

static int new_listener(const struct weir__addr *addr, const struct weir__listen_how *how)
{
	struct weir__addr at = *addr;
	struct memio__file *f;

	if (at.kind == WEIR__ADDR_NONE)
		return -EAFNOSUPPORT;
	if (how->reuse_port && at.kind == WEIR__ADDR_UNIX)
		return -ENOTSUP;
	if ((at.kind == WEIR__ADDR_UNIX || at.port != 0) && is_taken(&at, how->reuse_port))
		return -EADDRINUSE;

	int fd = memio__new_fd(&f, MEMIO__LISTENER);

	if (fd < 0)
		return fd;
	if (at.kind != WEIR__ADDR_UNIX && at.port == 0)
		choose_port(&at);
	if (is_path(&at) && *memio__find_place(&memio__k.paths, &at) == NULL)
		memio__add_place(&memio__k.paths, &at);
	f->addr = at;
	f->how = *how;
	f->nodelay = at.kind != WEIR__ADDR_UNIX;
	return fd;
}

int weir__sys_listen(const struct weir__addr *addr, const struct weir__listen_how *how)
{
	int error = memio__enter(MEMIO_LISTEN);

	return error != 0 ? -error : new_listener(addr, how);
}

void weir__sys_unlisten(const struct weir__addr *addr)
{
	if (is_path(addr))
		memio__remove_place(memio__find_place(&memio__k.paths, addr));
}

int weir__sys_accept(int fd, struct weir__addr *peer)
{
	int error = memio__enter(MEMIO_ACCEPT);
	struct memio__file *listener = memio__file_of(fd, "accept"), *f;

	if (listener == NULL)
		return -EBADF;
	if (listener->kind != MEMIO__LISTENER)
		return -EINVAL;
	if (error == ECONNABORTED && listener->queue.first != NULL)
		memio__send_reset(memio__pop(&listener->queue));
	if (error != 0)
		return -error;
	if (listener->queue.first == NULL)
		return -EAGAIN;

	int made = memio__new_fd(&f, MEMIO__STREAM);

	if (made < 0)
		return made;
	f->end = memio__pop(&listener->queue);
	f->end->accepted = true;
	f->nodelay = listener->nodelay;
	if (peer != NULL)
		*peer = f->end->remote;
	return made;
}

/* ---- sys.h: what was inherited ---- */

int memio_inherited(const struct weir__addr *addr, const char *name)
{
	const struct weir__listen_how how = {0};
	int fd = new_listener(addr, &how);

	if (fd < 0)
		return fd;
	memio__k.files[fd]->inherited = true;
	memio__k.files[fd]->nodelay = false;
	if (name != NULL) {
		size_t size = strlen(name) + 1;

		memio__k.files[fd]->name = memcpy(memio__resized(NULL, size), name, size);
	}
	return fd;
}

int weir__sys_inherit(int fd)
{
	int error = memio__enter(MEMIO_INHERIT);
	struct memio__file *f = memio__peek_file(fd);

	if (f == NULL)
		return -EBADF;
	if (error != 0)
		return -error;
	if (f->kind != MEMIO__LISTENER)
		return f->kind == MEMIO__STREAM && !f->end->is_pipe ? -EINVAL : -ENOTSOCK;
	f->nodelay = memio__is_ip(f);
	return 0;
}

int weir__sys_inherit_named(const char *name, size_t len)
{
	for (int fd = MEMIO__FIRST_FD; fd < memio__k.nfiles; fd++) {
		const struct memio__file *f = memio__k.files[fd];

		if (f == NULL || !f->inherited)
			continue;
		if (len > 0 &&
		    (f->name == NULL || strlen(f->name) != len || memcmp(f->name, name, len) != 0))
			continue;

		int error = weir__sys_inherit(fd);

		return error != 0 ? error : fd;
	}
	return -ENOENT;
}
