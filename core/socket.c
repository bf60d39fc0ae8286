/*
 * socket.c: which listening socket is meant by an address, and who may have it next?
 *
 * A process may have been given its sockets by the one that started it: by systemd, or by
 * the program whose next version it is. Such a socket is looked for first; so that a
 * program needs not know how it was started.
 */
#include <errno.h>
#include <string.h>

#include "core/addr.h"
#include "core/loop.h"

/* What the next program finds it by, where its address does not tell. */
static int set_name(weir_loop *loop, struct weir__socket *socket, const char *name)
{
	const size_t len = strlen(name);
	socket->name = weir__mem_resize(&loop->mem, NULL, 0, len + 1);
	if (!socket->name)
		return -ENOMEM;
	memcpy(socket->name, name, len + 1);
	socket->name_len = (uint32_t)len;
	return 0;
}

static void drop_name(weir_loop *loop, struct weir__socket *socket)
{
	weir__mem_free(&loop->mem, socket->name, socket->name_len + 1);
	socket->name = NULL;
}

/* One called NAME; or, of a number, what had it in the program before, else what has it. */
static int open_passed(weir_loop *loop, struct weir__socket *socket,
                       const struct weir__where *where)
{
	char number[16] = "fd-";
	const char *name = where->place == WEIR__PLACE_FD ? number : where->name;
	if (where->place == WEIR__PLACE_FD)
		*weir__decimal(number + 3, (uint64_t)where->fd) = '\0';
	int result = set_name(loop, socket, name);
	if (result < 0)
		return result;
	result = weir__sys_inherit_named(name, strlen(name));
	if (result < 0 && where->place == WEIR__PLACE_FD) {
		result = weir__sys_inherit(where->fd);
		result = result < 0 ? result : where->fd;
	}
	if (result < 0)
		drop_name(loop, socket);
	return result;
}

/* Of every address, that of IPv6 is also IPv4's. */
static const uint8_t any_kind[] = {WEIR__ADDR_IP6, WEIR__ADDR_IP4};

static int find_passed(struct weir__where *where)
{
	int result = -ENOENT;
	if (where->place != WEIR__PLACE_ANY)
		return weir__sys_inherit_addr(&where->addr);
	for (int i = 0; i < 2 && result == -ENOENT; i++) {
		where->addr.kind = any_kind[i];
		result = weir__sys_inherit_addr(&where->addr);
	}
	return result;
}

/* No less than asked for. */
static int whole_seconds(int32_t ms)
{
	return ms > 0 ? (int)(((int64_t)ms + 999) / 1000) : 0;
}

static int make(struct weir__where *where, const weir_stream_opts *opts)
{
	const struct weir__listen_how how = {
		.backlog = opts->backlog,
		.reuse_port = opts->reuse_port,
		.v6_only = opts->v6_only,
		.defer_s = whole_seconds(opts->defer_ms),
	};
	int result = -EAFNOSUPPORT;
	if (where->place != WEIR__PLACE_ANY)
		return weir__sys_listen(&where->addr, &how);
	for (int i = 0; i < 2 && (result == -EAFNOSUPPORT || result == -EADDRNOTAVAIL); i++) {
		where->addr.kind = any_kind[i];
		result = weir__sys_listen(&where->addr, &how);
	}
	return result;
}

int weir__socket_open(weir_loop *loop, struct weir__socket *socket, const char *address,
                      const weir_stream_opts *opts)
{
	struct weir__where where;
	int result = weir__addr_parse(address, &where);
	*socket = (struct weir__socket){.fd = -1};
	if (result < 0)
		return result;
	if (where.place == WEIR__PLACE_SYSTEMD || where.place == WEIR__PLACE_FD)
		return socket->fd = open_passed(loop, socket, &where);
	result = find_passed(&where);
	if (result == -ENOENT) {
		socket->pid = weir__sys_pid();
		result = make(&where, opts);
	}
	return socket->fd = result;
}

void weir__socket_close(weir_loop *loop, struct weir__socket *socket)
{
	struct weir__addr addr;
	if (socket->fd >= 0 && socket->pid == weir__sys_pid() &&
	    weir__sys_local(socket->fd, &addr) == 0)
		weir__sys_unlisten(&addr);
	if (socket->fd >= 0)
		weir__sys_close(socket->fd);
	drop_name(loop, socket);
}

void weir__socket_add(weir_loop *loop, struct weir__socket *socket)
{
	socket->link = &loop->sockets;
	while (*socket->link)
		socket->link = &(*socket->link)->next;
	*socket->link = socket;
	socket->next = NULL;
}

void weir__socket_remove(struct weir__socket *socket)
{
	*socket->link = socket->next;
	if (socket->next)
		socket->next->link = socket->link;
}
